// Package uncausedeffect is the check uncaused-effect.
package uncausedeffect

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is uncaused-effect: a delivery that nothing in the corpus caused.
var Check = &gate.Check{
	ID:       "uncaused-effect",
	Family:   gate.Evidence,
	Severity: gate.Warn,
	Doc: `A delivery that nothing in the corpus caused.

Messages of these builds carry traces of the stimuli that they answer, and these added deliveries carry none: a timer, a queue left over from an
earlier time, or a build that sends by itself. The deliveries are also findings of their own; this says where to look for their cause.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("uncaused-effect", c)
	if err != nil {
		return nil, err
	}
	if !c.Caused {
		return nil, nil
	}
	for _, i := range c.Uncaused {
		d := c.Changes[i].Delivery()
		e := s.At(kit.RouteOf(d))
		e.Change(i)
		e.Receive(d)
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Warn, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " carries", " carry") + " no trace of a stimulus"
	}), nil
}
