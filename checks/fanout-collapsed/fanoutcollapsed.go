// Package fanoutcollapsed is the check fanout-collapsed.
package fanoutcollapsed

import (
	"strconv"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is fanout-collapsed: deliveries that were messages of their own now share one message.
var Check = &gate.Check{
	ID:       "fanout-collapsed",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `Deliveries that were messages of their own now share one message.

People who each got a message now get the same one: what is filled in for the first of them goes to all, and all may see each other. It is
stated where several altered deliveries of staging are one message and their counterparts in production were not, and where a request to
a provider holds fewer groups of recipients than before.`,
	Run: run,
}

const (
	fewer = "fewer"
	more  = "more"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("fanout-collapsed", c)
	if err != nil {
		return nil, err
	}
	shared := map[gate.Ref][]int{} // altered deliveries to people, by the message of staging that they are in
	was := map[gate.Ref]int{}      // how many of them were in one message of production
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Before == nil || ch.After == nil || !kit.IsPerson(ch.After.Recipient) || s.Territory.Moved(ch) {
			continue
		}
		shared[ch.After.Ref] = append(shared[ch.After.Ref], i)
		was[ch.Before.Ref]++
	}
	for _, together := range shared {
		own, most := map[gate.Ref]bool{}, 0
		for _, i := range together {
			ref := c.Changes[i].Before.Ref
			own[ref] = true
			most = max(most, was[ref])
		}
		// Where people are exchanged among messages, none holds more of them than before.
		if len(own) < 2 || len(together) <= most {
			continue
		}
		for _, i := range together {
			ch := &c.Changes[i]
			e := s.At(kit.RouteOf(ch.After))
			e.Change(i)
			e.Gain(ch.After.Recipient)
		}
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Variant = fewer
		before, err1 := strconv.Atoi(g.Before)
		after, err2 := strconv.Atoi(g.After)
		if err1 == nil && err2 == nil && after > before {
			k.Variant = more
		}
		s.At(k).Group(i)
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		where := kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
		switch e.Key.Variant {
		case fewer:
			return gate.Block, where + " would be requested in other groups of recipients"
		case more:
			return gate.Note, where + " would be requested in more groups of recipients"
		}
		return gate.Block, where + " would share messages, and had messages of their own"
	}), nil
}
