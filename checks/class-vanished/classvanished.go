// Package classvanished is the check class-vanished.
package classvanished

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is class-vanished: no message of a class is sent any more.
var Check = &gate.Check{
	ID:       "class-vanished",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `No message of a class is sent any more.

Production makes at least two deliveries of this class, staging makes none, and some have no counterpart at all. A template that fails
to render, a queue that nobody reads or an event that is no longer raised removes a class as a whole. The class is named in the finding.
The deliveries themselves are also recipient-removed.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("class-vanished", c)
	if err != nil {
		return nil, err
	}
	vanished := map[kit.Key]bool{}
	for _, f := range c.Classes {
		if f.Production >= 2 && f.Staging == 0 {
			vanished[kit.Key{Channel: f.Channel, Sink: f.Sink, Class: f.Class}] = true
		}
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind != gate.Removed {
			continue
		}
		if k := kit.RouteOf(ch.Before); vanished[k] {
			e := s.At(k)
			e.Change(i)
			e.Miss(ch.Before)
		}
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + kit.Is(e.Count(), " is", " are") + " gone with all others of the class"
	}), nil
}
