// Package recipientswapped is the check recipient-swapped.
package recipientswapped

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is recipient-swapped: the content of one person's delivery goes to another.
var Check = &gate.Check{
	ID:       "recipient-swapped",
	Family:   gate.Routing,
	Severity: gate.Block,
	Doc: `The content of one person's delivery goes to another.

Who is sent to and what is sent are each as before, but joined differently. In a closed exchange the same people receive as many deliveries
as before and each other's content, as when a list of addresses is sorted apart from its rows, or shifted by one: totals do not show it. In a
move the content leaves people who get nothing for it. Both are stated apart. Between two outside parties it is destination-swapped.`,
	Run: run,
}

const (
	exchanged = "exchanged"
	moved     = "moved"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("recipient-swapped", c)
	if err != nil {
		return nil, err
	}
	exchanges := map[kit.Key]*circles{}
	each(c, func(_ int, ch *gate.Change, k kit.Key) {
		if exchanges[k] == nil {
			exchanges[k] = newCircles()
		}
		exchanges[k].join(ch.Before.Recipient.ID(), ch.After.Recipient.ID())
	})
	variants := make(map[int]kit.Key)
	each(c, func(i int, ch *gate.Change, k kit.Key) {
		variant := moved
		if exchanges[k].closed(ch.Before.Recipient.ID()) {
			variant = exchanged
		}
		k.Variant = variant
		variants[i] = k
		e := s.At(k)
		e.Change(i)
		e.Lose(ch.Before.Recipient)
		e.Gain(ch.After.Recipient)
		e.Text(ch.Before.Recipient.ID(), ch.After.Recipient.ID())
	})
	// What shows nothing but the swap is judged with it.
	s.Owned(func(g int, group *gate.EditGroup, _ kit.Key) {
		for _, i := range group.Changes {
			s.At(variants[i]).Mark(g)
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		if e.Key.Variant == exchanged {
			return gate.Block, kit.Deliveries(e.Count()) + kit.Is(e.Count(), " is", " are") + " exchanged among the same " + kit.People(len(e.Gained))
		}
		from := kit.People(len(e.Lost))
		if len(e.Lost) == 0 {
			from = "an outside party"
		}
		return gate.Block, kit.Deliveries(e.Count()) + " of " + from + " would go to " + e.ReachedWhom() + " instead"
	}), nil
}

// each calls f for every redirected change that has a person at one end at least.
func each(c *gate.Comparison, f func(i int, ch *gate.Change, k kit.Key)) {
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind == gate.Redirected && (kit.IsPerson(ch.Before.Recipient) || kit.IsPerson(ch.After.Recipient)) {
			f(i, ch, kit.RouteOf(ch.After))
		}
	}
}

// circles finds the groups of people among whom content moved, and whether as
// much went to each as left them.
type circles struct {
	parent map[string]string // of a union-find forest
	owed   map[string]int    // received less given
	open   map[string]bool   // roots of circles in which somebody is owed or owes
}

func newCircles() *circles {
	return &circles{parent: map[string]string{}, owed: map[string]int{}}
}

func (s *circles) find(id string) string {
	root := id
	for s.parent[root] != root {
		root = s.parent[root]
	}
	for id != root {
		id, s.parent[id] = s.parent[id], root
	}
	return root
}

func (s *circles) join(from, to string) {
	for _, id := range []string{from, to} {
		if _, ok := s.parent[id]; !ok {
			s.parent[id] = id
		}
	}
	s.owed[from]--
	s.owed[to]++
	s.parent[s.find(from)] = s.find(to)
}

// closed is asked once all are joined.
func (s *circles) closed(id string) bool {
	if s.open == nil {
		s.open = map[string]bool{}
		for id, n := range s.owed {
			if n != 0 {
				s.open[s.find(id)] = true
			}
		}
	}
	return !s.open[s.find(id)]
}
