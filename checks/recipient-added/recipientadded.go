// Package recipientadded is the check recipient-added.
package recipientadded

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is recipient-added: somebody receives a delivery that production does not make.
var Check = &gate.Check{
	ID:       "recipient-added",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `Somebody receives a delivery that production does not make.

Staging sends a message to a person, or to an outside party that production knows, who does not get it in production. An address that the
release merely forgot to leave out looks just like one that it was meant to add. See who gains and one example, and approve only if the
new recipients are meant. Deliveries to parties that are new altogether are new-party, and more copies of the same are delivery-duplicated.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("recipient-added", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind != gate.Added || ch.Copies[0] > 0 {
			continue
		}
		to := ch.After.Recipient
		if !kit.IsPerson(to) && !s.Territory.Met(to.ID()) && !s.Territory.Operated(to) {
			continue
		}
		e := s.At(kit.RouteOf(ch.After))
		e.Change(i)
		e.Receive(ch.After)
	}
	s.Join(kit.OfPeople)
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " that production does not make"
	}), nil
}
