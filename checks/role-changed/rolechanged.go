// Package rolechanged is the check role-changed.
package rolechanged

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is role-changed: a message shows other people as its addressees.
var Check = &gate.Check{
	ID:       "role-changed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `A message shows other people as its addressees.

What To, Cc and Bcc show is apart from whom the envelope delivers to. A list that moves from Bcc to To shows every subscriber to all
others; a Bcc header that is transmitted shows the blind copies. Gained are the people who see more, Owners those who are newly
seen, Lost those who see less. It blocks even where the same people receive the message.`,
	Run: run,
}

const blind = "blind"

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("role-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		if g.After != "" && (g.Part == "header/bcc" || g.Part == "header/resent-bcc") {
			k.Variant = blind
		}
		e := s.At(k)
		newly := newlySeen(g.Before, g.After)
		cut := strings.HasSuffix(g.Before, "…") || strings.HasSuffix(g.After, "…")
		if e.Judge(i); !cut && len(newly) == 0 && len(newlySeen(g.After, g.Before)) > 0 {
			for _, j := range g.Changes { // the addressees that are left were all shown before
				e.Lose(c.Changes[j].Recipient())
			}
		} else {
			for _, j := range g.Changes {
				e.Gain(c.Changes[j].Recipient())
			}
		}
		for _, seen := range newly {
			for _, j := range g.Changes {
				if r := c.Changes[j].Recipient(); r.ID() != seen.ID() {
					e.Own(seen)
					break
				}
			}
		}
		// The text of a group is cut; who is shown in it is known whole from the facts.
		for _, j := range g.Changes {
			for _, x := range c.Changes[j].Gains {
				if !x.Own && x.New && slices.ContainsFunc(x.Sample, func(f gate.Fact) bool { return f.Part == g.Part }) {
					e.Own(x.Owner)
				}
			}
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		what := kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would show "
		switch {
		case e.Key.Variant == blind:
			return gate.Block, what + "blind copies"
		case len(e.Owners) > 0:
			return gate.Block, what + kit.People(len(e.Owners)) + " more as addressed"
		}
		return gate.Block, what + "other addressees"
	}), nil
}

// newlySeen gives the addressees that after shows and before does not.
func newlySeen(before, after string) []gate.Recipient {
	shown := kit.Addresses(before)
	var seen []gate.Recipient
	for _, r := range kit.Addresses(after) {
		if _, held := slices.BinarySearchFunc(shown, r, kit.Compare); !held {
			seen = append(seen, r)
		}
	}
	return seen
}
