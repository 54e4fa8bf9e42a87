package pipeline

import (
	"bytes"
	"maps"
	"slices"
	"sort"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// Where production's own replays differ in what no noise may explain, as in recipients, senders and
// how often a message is sent, nothing of that kind can be judged: the verdict is undecided. What
// staging does of the same kind, in the same class, and within what production did itself, is then
// no finding of its own. Anything beyond that is: another recipient, another sender, one copy more.

// A swing is how production's replays differ from each other in messages of one class.
type swing struct {
	values       map[string]map[string]bool // by part without indexes: what stood there in one of two replays
	moved        map[gate.Recipient]bool    // who had a delivery in one replay that another had in another
	fewest, most int                        // copies of one delivery that replays have
	counted      bool                       // whether these are known
}

// swings gathers how production's replays differ, by class, once all of them were measured.
func (n *noise) swings() map[route]*swing {
	if len(n.unstable) == 0 {
		return nil
	}
	volatile := map[route]bool{} // classes whose messages are never equal to a copy of them
	for k := range n.pools {
		volatile[k.route] = true
	}
	all := map[route]*swing{}
	for i := range n.unstable {
		ch := &n.unstable[i]
		class := n.classOf(ch.Delivery())
		s := all[class]
		if s == nil {
			s = &swing{values: map[string]map[string]bool{}, moved: map[gate.Recipient]bool{}}
			all[class] = s
		}
		switch ch.Kind {
		case gate.Altered:
			for _, e := range ch.Edits {
				s.varies(withoutIndexes(e.Part), e.Before, e.After)
			}
		case gate.Redirected:
			if ch.Rule == gate.ByContent {
				s.moved[ch.Before.Recipient], s.moved[ch.After.Recipient] = true, true
			}
		}
		if (ch.Kind == gate.Added || ch.Kind == gate.Removed) && !volatile[class] {
			low, high := min(ch.Copies[0], ch.Copies[1]), max(ch.Copies[0], ch.Copies[1])
			if !s.counted {
				s.fewest, s.most, s.counted = low, high, true
			}
			s.fewest, s.most = min(s.fewest, low), max(s.most, high)
		}
	}
	return all
}

func (s *swing) varies(part string, texts ...string) {
	if s.values[part] == nil {
		s.values[part] = map[string]bool{}
	}
	for _, t := range texts {
		s.values[part][t] = true
	}
}

// has reports whether a hunk is of values that production's replays have at its place.
func (s *swing) has(h *diff.Hunk) bool {
	e := editOf(*h)
	known := s.values[withoutIndexes(h.Part)]
	return known[e.Before] && known[e.After]
}

// within reports whether so many copies in both runs are no more and no fewer than production's
// replays have of a delivery.
func (s *swing) within(copies [2]int) bool {
	return s.counted && s.fewest <= min(copies[0], copies[1]) && max(copies[0], copies[1]) <= s.most
}

// classOf is the class of a delivery of production, as one with those that are one with it.
func (n *noise) classOf(d *gate.Delivery) route { return n.joined(route{d.Channel, d.Sink, d.Class}) }

// unsteady takes out of what is stated what staging does as production's own replays do, and is a
// gap for it. It returns the pairs of which nothing else is left.
func (c *comparer) unsteady(all []pairing) map[int]bool {
	swings := c.noise.swings()
	if len(swings) == 0 {
		return nil
	}
	out, count := map[int]bool{}, map[route]uint64{}
	for i := range all {
		p := &all[i]
		change := newChange(c.before, c.after, p.Pair)
		class := c.noise.classOf(change.Delivery())
		s := swings[class]
		if s == nil {
			continue
		}
		if change.Kind == gate.Altered {
			if stays := slices.DeleteFunc(slices.Clone(p.hunks), func(h hunk) bool { return !h.asIs && s.has(&h.Hunk) }); len(stays) < len(p.hunks) {
				p.hunks = slices.Clip(stays)
				count[class]++
			}
			continue // without a hunk it is as equal as one that noise explains
		}
		if change.Kind == gate.Redirected && p.Rule == gate.ByContent {
			out[i] = s.moved[change.Before.Recipient] && s.moved[change.After.Recipient]
		} else {
			// What is joined by likeness is one less of the one, and one more of the other.
			out[i] = (p.B < 0 || c.noise.joined(routeOf(c.before.items[p.B].Message)) == class && s.within(c.before.surplus[p.B].copies)) &&
				(p.A < 0 || c.noise.joined(routeOf(c.after.items[p.A].Message)) == class && c.sentBefore(p.A) && s.within(c.after.surplus[p.A].copies))
		}
		if out[i] {
			count[class]++
		}
	}
	for _, class := range slices.SortedFunc(maps.Keys(count), route.compare) {
		c.gaps.add(gate.Gap{Kind: gate.GapUnstable, Where: class.class, Count: count[class],
			Detail: "recipients, senders or the number of messages differ as they do between replays of production: what of it is the release's cannot be told"})
	}
	return out
}

// sentBefore reports whether a delivery of staging is one of those of some replay of production.
func (c *comparer) sentBefore(a int) bool {
	digest := c.after.surplus[a].digest
	return slices.ContainsFunc(append([]*scanned{c.p}, c.replays...), func(r *scanned) bool {
		i := sort.Search(len(r.entries), func(i int) bool { return bytes.Compare(r.entries[i].digest[:], digest[:]) >= 0 })
		return i < len(r.entries) && r.entries[i].digest == digest
	})
}
