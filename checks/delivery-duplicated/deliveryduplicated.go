// Package deliveryduplicated is the check delivery-duplicated.
package deliveryduplicated

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is delivery-duplicated: a delivery is made more or fewer times than in production.
var Check = &gate.Check{
	ID:       "delivery-duplicated",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `A delivery is made more or fewer times than in production.

The same content goes to the same recipient, but not as often: a retry that did not see the first success, two consumers of one queue, or, the
other way, copies that production makes and staging merges. Gained names who gets more copies and Lost who gets fewer, in findings of
their own. Deliveries that the other side does not make at all are recipient-added and recipient-removed.`,
	Run: run,
}

const (
	more  = "more"
	fewer = "fewer"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("delivery-duplicated", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		k := kit.RouteOf(ch.Delivery())
		switch {
		case ch.Kind == gate.Added && ch.Copies[0] > 0:
			k.Variant = more
			e := s.At(k)
			e.Change(i)
			e.Receive(ch.After)
			e.Text("as often", "more often")
		case ch.Kind == gate.Removed && ch.Copies[1] > 0:
			k.Variant = fewer
			e := s.At(k)
			e.Change(i)
			e.Miss(ch.Before)
			e.Text("as often", "less often")
		}
	}
	s.Join(kit.OfPeople)
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		if e.Key.Variant == more {
			return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " is a further copy", " are further copies")
		}
		return gate.Block, kit.N(e.Count(), "copy of a delivery", "copies of deliveries") + " to " + e.ReachedWhom() + " would no longer be made"
	}), nil
}
