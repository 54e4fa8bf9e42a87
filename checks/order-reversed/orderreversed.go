// Package orderreversed is the check order-reversed.
package orderreversed

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is order-reversed: one recipient's deliveries arrive in another order.
var Check = &gate.Check{
	ID:       "order-reversed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `One recipient's deliveries arrive in another order.

The deliveries are equal and their order is not: a correction before what it corrects, a cancellation before the appointment. It is stated
only for recipients whose order production keeps. Approve where the order between the two means nothing to the recipient.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("order-reversed", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Orders {
		o := &c.Orders[i]
		e := s.At(kit.Key{Channel: o.Channel, Sink: o.Sink, Class: o.First.Class})
		e.Extra++
		e.Reach(o.Recipient)
		e.Gain(o.Recipient)
		e.Text(o.First.Class, o.Second.Class)
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.N(e.Count(), "pair", "pairs") + " of deliveries to " + e.ReachedWhom() + kit.Is(e.Count(), " arrives", " arrive") + " in reverse order"
	}), nil
}
