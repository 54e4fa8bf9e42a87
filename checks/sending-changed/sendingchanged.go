// Package sendingchanged is the check sending-changed.
package sendingchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is sending-changed: what decides whether or when a message is sent is another value.
var Check = &gate.Check{
	ID:       "sending-changed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `A value that decides whether or when a message is sent differs.

A message API takes a request and sends nothing where a field says so: a sandbox, a test mode, a request to validate alone; or it sends
later, or by another stream. The request is otherwise as before, so that who is addressed does not show it. Which fields decide is known from
the catalogue of message APIs, or from decides of a rule. Lost are the people who may receive nothing, or not at the time that they did.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("sending-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		e := s.At(k)
		e.Judge(i)
		for _, j := range g.Changes {
			if r := c.Changes[j].Recipient(); kit.IsPerson(r) {
				e.Lose(r)
			}
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, "what decides whether or when it is sent differs in " + kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
	}), nil
}
