// Package replyswapped is the check reply-swapped.
package replyswapped

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is reply-swapped: somebody who asks is answered what another was answered.
var Check = &gate.Check{
	ID:       "reply-swapped",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `Somebody who asks is answered what another was answered.

An answer is a delivery to who asked. Where its whole body is one that production gave to others, and not to them, a session, a cache or a
connection was shared that should not be. Gained is who would be shown it, owners are who was shown it in production.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("reply-swapped", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(g int, group *gate.EditGroup, k kit.Key) {
		e := s.At(k)
		e.Group(g)
		for _, i := range group.Changes {
			e.Receive(c.Changes[i].After)
			for _, r := range c.Changes[i].Origins {
				e.Own(r)
			}
		}
	})
	s.Join(kit.Routed)
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.Answers(e.Count()) + " to " + kit.People(len(e.Gained)) + kit.Is(e.Count(), " is one", " are ones") + " that " +
			kit.People(len(e.Owners)) + " got in production"
	}), nil
}
