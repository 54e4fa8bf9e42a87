// Package newparty is the check new-party.
package newparty

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is new-party: an outside party is sent to, or loaded from, that production does not involve.
var Check = &gate.Check{
	ID:       "new-party",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `An outside party is sent to, or loaded from, that production does not involve.

It blocks with an empty body too: the connection itself tells the party an address and a time, and its path or title may tell more. Requests that the
build makes count, and so does what a reader's program loads by itself from a message: images, style sheets, redirects. Approve each party
by name, or do not release. A new host of an operator that production sends to already is a warning here, and further requests to it are
recipient-added all the same.`,
	Run: run,
}

const (
	loaded   = "loaded"
	operator = "operator"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("new-party", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.After == nil || ch.Kind == gate.Altered {
			continue
		}
		to := ch.After.Recipient
		if kit.IsPerson(to) || s.Territory.Met(to.ID()) || ch.Kind == gate.Added && ch.Copies[0] > 0 {
			continue
		}
		if ch.Kind == gate.Redirected && gate.SameOperator(ch.Before.Recipient, to) {
			continue // destination-swapped says so
		}
		k := kit.RouteOf(ch.After)
		if s.Territory.Operated(to) {
			k.Variant = operator
		}
		e := s.At(k)
		e.Change(i)
		e.Parties.Add(to.ID())
		for _, r := range ch.After.Concerns {
			e.Own(r)
		}
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Variant = loaded
		e := s.At(k)
		e.Judge(i)
		for _, id := range s.Territory.Strangers(g) {
			e.Parties.Add(id)
		}
		if g.Wording {
			return
		}
		for _, j := range g.Changes {
			if r := c.Changes[j].Recipient(); kit.IsPerson(r) {
				e.Own(r)
			}
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		if e.Key.Variant == operator {
			return gate.Warn, kit.N(e.Count(), "request", "requests") + " would be made to " +
				kit.N(len(e.Parties), "further host of an operator", "further hosts of operators") + " that production sends to"
		}
		who := kit.N(len(e.Parties), "outside party", "outside parties") + " that production does not involve"
		if e.Key.Variant == loaded {
			return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would load from " + who
		}
		return gate.Block, kit.N(e.Count(), "request", "requests") + " would be made to " + who
	}), nil
}
