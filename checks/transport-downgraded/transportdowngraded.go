// Package transportdowngraded is the check transport-downgraded.
package transportdowngraded

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is transport-downgraded: a message travels less protected than in production.
var Check = &gate.Check{
	ID:       "transport-downgraded",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `A message travels less protected than in production.

Plaintext where there was TLS, or a version of TLS that is withdrawn (RFC 8996), lets whoever is on the path read it. A change that cannot
be ranked counts as a downgrade. The other direction is a note.`,
	Run: run,
}

const (
	weaker   = "weaker"
	stronger = "stronger"
)

// strength ranks what a canonical message says of its transport. 0 is not known.
var strength = map[string]int{"plaintext": 1, "SSL 2.0": 2, "SSL 3.0": 3, "TLS 1.0": 4, "TLS 1.1": 5, "tls": 6}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("transport-downgraded", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Variant = weaker
		if before, after := strength[g.Before], strength[g.After]; before > 0 && after > before {
			k.Variant = stronger
		}
		s.At(k).Group(i)
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		where := kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would travel "
		if e.Key.Variant == stronger {
			return gate.Note, where + "better protected"
		}
		return gate.Block, where + "less protected"
	}), nil
}
