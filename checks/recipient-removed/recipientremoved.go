// Package recipientremoved is the check recipient-removed.
package recipientremoved

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is recipient-removed: somebody no longer receives a delivery that production makes.
var Check = &gate.Check{
	ID:       "recipient-removed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `Somebody no longer receives a delivery that production makes.

Production sends a message to a person or an outside party, and staging sends it to nobody. Absence does harm: results that are not read,
orders that wait in a queue. See who loses, and whether the staging build failed on the stimuli concerned. Fewer copies of a delivery that
is still made are delivery-duplicated; a message whose content went to somebody else instead is recipient-swapped.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("recipient-removed", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind != gate.Removed || ch.Copies[1] > 0 {
			continue
		}
		e := s.At(kit.RouteOf(ch.Before))
		e.Change(i)
		e.Miss(ch.Before)
	}
	s.Join(kit.OfPeople)
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would no longer be made"
	}), nil
}
