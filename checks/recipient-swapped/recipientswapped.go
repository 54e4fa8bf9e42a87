// Package recipientswapped is the check recipient-swapped.
package recipientswapped

import (
	"maps"
	"slices"
	"strings"

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
move the content leaves people who get nothing for it. Both are stated apart. Between two outside parties it is destination-swapped. A request
that names another person where it named one, in a value that reads as an address or telephone number, is readdressed: Lost is whom it named
before, Gained whom it would name. One cause is one finding: an alias that moves one person's mail of many classes is stated once.`,
	Run: run,
}

const (
	exchanged   = "exchanged"
	moved       = "moved"
	readdressed = "readdressed"
)

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("recipient-swapped", c)
	if err != nil {
		return nil, err
	}
	circles := map[kit.Key]*kit.Circles{}
	each(c, func(_ int, ch *gate.Change, k kit.Key) {
		if circles[k] == nil {
			circles[k] = kit.NewCircles()
		}
		circles[k].Join(ch.Before.Recipient.ID(), ch.After.Recipient.ID())
	})
	apart := causes(c, circles)
	variants := make(map[int]kit.Key)
	each(c, func(i int, ch *gate.Change, k kit.Key) {
		from := ch.Before.Recipient.ID()
		variant := moved
		if circles[k].Closed(from) {
			variant = exchanged
		}
		k.Variant = variant + apart[circle{k, circles[k].Root(from)}]
		variants[i] = k
		e := s.At(k)
		e.Change(i)
		e.Lose(ch.Before.Recipient)
		e.Receive(ch.After)
		e.Text(from, ch.After.Recipient.ID())
	})
	s.Owned(func(g int, group *gate.EditGroup, k kit.Key) {
		if s.Territory.Follows(group) { // what shows nothing but the swap is judged with it
			for _, i := range group.Changes {
				s.At(variants[i]).Mark(g)
			}
			return
		}
		k.Variant = readdressed
		e := s.At(k)
		e.Judge(g)
		if !e.Identify(group) {
			e.Group(g)
		}
		for _, i := range group.Changes {
			if r := c.Changes[i].Recipient(); !kit.IsPerson(r) {
				e.Gain(r)
			}
		}
	})
	s.Join(kit.Routed)
	return s.Findings(title), nil
}

func title(e *kit.Entry) (gate.Severity, string) {
	switch {
	case e.Key.Variant == readdressed:
		return gate.Block, kit.Deliveries(e.Count()) + kit.Is(e.Count(), " that is", " that are") + " meant for " + kit.People(len(e.Lost)) + " would be addressed to " +
			kit.People(len(e.Gained)) + " instead"
	case strings.HasPrefix(e.Key.Variant, exchanged):
		return gate.Block, kit.Deliveries(e.Count()) + kit.Is(e.Count(), " is", " are") + " exchanged among the same " + kit.People(len(e.Gained))
	}
	from := kit.People(len(e.Lost))
	if len(e.Lost) == 0 {
		from = "an outside party"
	}
	return gate.Block, kit.Deliveries(e.Count()) + " of " + from + " would go to " + e.ReachedWhom() + " instead"
}

// A circle is people of one class among whom content moved.
type circle struct {
	class kit.Key
	root  string
}

// causes tells apart, by what it returns for each, the circles of which one and the same is
// in several classes: such is the work of what many classes share, as an alias is. Those
// of one class alone are one cause, and have none.
func causes(c *gate.Comparison, circles map[kit.Key]*kit.Circles) map[circle]string {
	moves := map[circle]kit.Set{}
	each(c, func(_ int, ch *gate.Change, k kit.Key) {
		at := circle{k, circles[k].Root(ch.Before.Recipient.ID())}
		if moves[at] == nil {
			moves[at] = kit.Set{}
		}
		moves[at].Add(ch.Before.Recipient.ID() + " " + ch.After.Recipient.ID())
	})
	names, times := map[circle]string{}, map[string]int{}
	for at, set := range moves {
		name := strings.Join(slices.Sorted(maps.Keys(set)), "\n")
		names[at] = name
		times[name]++
	}
	for at, name := range names {
		if times[name] < 2 {
			names[at] = ""
		}
	}
	return names
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
