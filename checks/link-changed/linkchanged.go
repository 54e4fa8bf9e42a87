// Package linkchanged is the check link-changed.
package linkchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is link-changed: a link leads elsewhere.
var Check = &gate.Check{
	ID:       "link-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `A link leads elsewhere.

Three things, stated apart: the host, or the mailbox, that a link leads to is another; or the host is the same and the rest differs from person to
person, as with one person's token in another's message, or in what may be a token; or the constant rest is changed alike for a whole class, which is
a note. A link whose
place cannot be told counts as another host. Hosts that a reader loads from without a click are new-party.`,
	Run: run,
}

const (
	elsewhere = "elsewhere"
	personal  = "personal"
	alike     = "alike"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("link-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		switch {
		case !g.Within && !kit.Places(g.Before).Same(kit.Places(g.After)): // whatever the pipeline says
			k.Variant = elsewhere
		case g.Wording:
			k.Variant = alike
			s.At(k).Judge(i)
			return
		default:
			k.Variant = personal
		}
		s.At(k).Group(i)
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		where := kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
		switch e.Key.Variant {
		case elsewhere:
			return gate.Block, "links of " + where + " lead to another place"
		case personal:
			return gate.Block, "personal links of " + where + " differ"
		}
		return gate.Note, "links of " + where + " are changed alike and lead to the same place"
	}), nil
}
