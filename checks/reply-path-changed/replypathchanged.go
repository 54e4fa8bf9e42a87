// Package replypathchanged is the check reply-path-changed.
package replypathchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is reply-path-changed: answers, bounces or receipts would go elsewhere.
var Check = &gate.Check{
	ID:       "reply-path-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `Answers, bounces or receipts would go elsewhere.

From, Sender, Reply-To, Return-Path, the envelope's sender, the threads that a message joins, the requests for receipts and the parameters of
delivery notices decide who receives what comes back. A change blocks even where it is made alike for all: whoever is named there will
receive what people answer. Gained is who would receive it, Lost who receives it in production; Owners are those whose answers they are, where
the edit is not made alike for everybody.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("reply-path-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Class = "" // one field that says where answers go is one cause, in whatever it stands
		e := s.At(k)
		if g.Kind == gate.Value || !e.Identify(g) { // the value of a thread or a notice is nobody's address
			e.Group(i)
			return
		}
		e.Judge(i)
		for _, j := range g.Changes {
			if r := c.Changes[j].Recipient(); !g.Alike && !g.Wording {
				e.Own(r)
			}
		}
	})
	s.Join(kit.OfPeople)
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, "the way back differs for " + kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
	}), nil
}
