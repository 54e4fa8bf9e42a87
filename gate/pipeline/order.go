package pipeline

import (
	"cmp"
	"context"
	"maps"
	"math/bits"
	"slices"
	"sync/atomic"

	"github.com/waybill-dev/waybill/gate"
)

// orders finds recipients whose equal deliveries arrive in another order, at
// sinks where that was declared to matter. One change a recipient is stated.
func (c *comparer) orders(ctx context.Context) error {
	keys := make([]uint64, 0, len(c.p.order))
	for k := range c.p.order {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		p, s := c.p.order[k], c.s.order[k]
		counts := map[gate.Digest]int{}
		for _, a := range s {
			counts[a.digest]++
		}
		p = common(p, counts)
		counts = map[gate.Digest]int{}
		for _, a := range p {
			counts[a.digest]++
		}
		s = common(s, counts)
		for i := range min(len(p), len(s)) {
			if p[i].digest == s[i].digest {
				continue
			}
			first, err := deliveryAt(ctx, c.p.side, p[i])
			if err != nil {
				return err
			}
			second, err := deliveryAt(ctx, c.s.side, s[i])
			if err != nil {
				return err
			}
			c.Orders = append(c.Orders, gate.OrderChange{
				Channel: first.Channel, Sink: first.Sink, Recipient: first.Recipient, First: *first, Second: *second,
			})
			break
		}
	}
	return c.causalOrders(ctx)
}

func deliveryAt(ctx context.Context, s side, a arrival) (d *gate.Delivery, err error) {
	err = s.load(ctx, []position{a.at}, func(_ []int, m *gate.Canonical) error {
		d = deliveryOf(m, m.Parts, m.Recipients[a.to])
		return nil
	})
	return d, err
}

// common keeps, in order of arrival, what counts has, as often as it has it.
func common(list []arrival, counts map[gate.Digest]int) []arrival {
	list = slices.Clone(list)
	slices.SortFunc(list, func(x, y arrival) int { return cmp.Compare(x.seq, y.seq) })
	return slices.DeleteFunc(list, func(a arrival) bool {
		counts[a.digest]--
		return counts[a.digest] < 0
	})
}

// Messages of one cause to one recipient have an order that may matter: a result, and
// its correction. Where production keeps it, in every replay and often enough, so must
// staging, whether or not the sink is declared to be ordered.

// leastPairs is how many causes must show an order of two classes, over all replays of
// production and without an exception, before it is taken for more than chance.
const leastPairs = 20

// A step is one delivery that a stimulus caused.
type step struct {
	Seq            uint64
	Class          uint64 // see [classKey]
	Record, Letter uint32 // its place
	To             uint32 // index in the message's recipients
}

// mostSteps bounds how many steps of one run are kept.
const mostSteps = 1 << 17

// A stepLevel says of which causes steps are kept: of all, until they are too many, and
// then of those whose key begins with so many zero bits. It does not depend on the order
// in which steps come.
type stepLevel struct {
	counts [65]atomic.Int64 // by leading zeros of their keys
	level  atomic.Int32
}

// admit counts a step of key and reports whether it is kept.
func (l *stepLevel) admit(key uint64) bool {
	zeros := bits.LeadingZeros64(key)
	l.counts[zeros].Add(1)
	for {
		level := l.level.Load()
		var total int64
		for i := int(level); i < len(l.counts); i++ {
			total += l.counts[i].Load()
		}
		if total <= mostSteps {
			return int32(zeros) >= level
		}
		l.level.CompareAndSwap(level, level+1)
	}
}

// step keeps the deliveries of a message that the trace of a stimulus names as its cause.
func (t *tally) step(at place, c *gate.Canonical, class uint64) {
	cause := t.causes.cause(c)
	if cause == 0 {
		return
	}
	for i, to := range c.Recipients {
		key := gate.HashWord(c.Channel+"\x00"+c.Sink+"\x00"+to.ID()) ^ cause
		if !t.level.admit(key) {
			continue
		}
		if level := t.level.level.Load(); level != t.cut {
			t.cut = level
			maps.DeleteFunc(t.steps, func(k uint64, _ []step) bool { return int32(bits.LeadingZeros64(k)) < level })
		}
		t.steps[key] = append(t.steps[key], step{c.Ref.Seq, class, at.record, at.letter, uint32(i)})
	}
}

// cause is the hash of the first trace of a stimulus that m carries, 0 where it has none.
func (t traceSet) cause(m *gate.Canonical) uint64 {
	for _, id := range m.Traces {
		h := gate.HashWord(id)
		if _, ok := t[h]; ok {
			return h
		}
	}
	return 0
}

// sumSteps puts together what workers kept, in order of arrival, of causes that sent
// one recipient two messages or more.
func (r *scanned) sumSteps(tallies []*tally, level int32) {
	r.steps = map[uint64][]step{}
	for _, t := range tallies {
		for k, list := range t.steps {
			if int32(bits.LeadingZeros64(k)) < level {
				continue
			}
			r.steps[k] = append(r.steps[k], list...)
		}
	}
	for k, list := range r.steps {
		if len(list) < 2 {
			delete(r.steps, k)
			continue
		}
		slices.SortFunc(list, func(x, y step) int { return cmp.Or(cmp.Compare(x.Seq, y.Seq), cmp.Compare(x.To, y.To)) })
	}
}

// arrival is where s stands on the tape of r.
func (r *scanned) arrival(s step) arrival {
	return arrival{seq: s.Seq, at: r.position(place{s.Record, s.Letter}), to: s.To}
}

// single gives the steps of list whose class no other has.
func single(list []step) []step {
	return slices.DeleteFunc(slices.Clone(list), func(s step) bool {
		n := 0
		for i := range list {
			if list[i].Class == s.Class {
				n++
			}
		}
		return n > 1
	})
}

// mostSingle is how many messages of one cause to one recipient are asked for their order.
const mostSingle = 64

// keptOrders gives pairs of classes of which every replay of production sends one first.
func keptOrders(replays []*scanned) map[[2]uint64]bool {
	if len(replays) < 2 {
		return nil // what one run shows may be chance
	}
	counts := map[[2]uint64]int{}
	for _, r := range replays {
		for _, list := range r.steps {
			if len(list) > mostSingle {
				continue
			}
			list = single(list)
			for i := range list {
				for j := range i {
					counts[[2]uint64{list[j].Class, list[i].Class}]++
				}
			}
		}
	}
	kept := map[[2]uint64]bool{}
	for pair, n := range counts {
		if n >= leastPairs && counts[[2]uint64{pair[1], pair[0]}] == 0 {
			kept[pair] = true
		}
	}
	return kept
}

// causalOrders states where staging sends one recipient two messages of one cause in
// another order than production keeps. One change for each cause and recipient is stated.
func (c *comparer) causalOrders(ctx context.Context) error {
	kept := keptOrders(append([]*scanned{c.p}, c.replays...))
	if len(kept) == 0 {
		return nil
	}
	told := map[[2]gate.Ref]bool{}
	for _, o := range c.Orders {
		told[[2]gate.Ref{o.First.Ref, o.Second.Ref}] = true
	}
	for _, k := range slices.Sorted(maps.Keys(c.s.steps)) {
		before, after := c.p.steps[k], c.s.steps[k]
		if len(before) == 0 || len(after) > mostSingle {
			continue
		}
		first, second, ok := reversed(single(before), single(after), kept)
		if !ok {
			continue
		}
		one, err := deliveryAt(ctx, c.p.side, c.p.arrival(first))
		if err != nil {
			return err
		}
		other, err := deliveryAt(ctx, c.s.side, c.s.arrival(second))
		if err != nil {
			return err
		}
		if slices.Contains(c.o.Ordered, one.Sink) || told[[2]gate.Ref{one.Ref, other.Ref}] {
			continue // stated already
		}
		c.Orders = append(c.Orders, gate.OrderChange{
			Channel: one.Channel, Sink: one.Sink, Recipient: one.Recipient, First: *one, Second: *other,
		})
	}
	return nil
}

// reversed gives a message of production that goes before another there, and the other
// as staging sends it, which is first.
func reversed(before, after []step, kept map[[2]uint64]bool) (first, second step, ok bool) {
	for i := range after {
		for j := range i {
			pair := [2]uint64{after[i].Class, after[j].Class}
			if !kept[pair] {
				continue
			}
			one := slices.IndexFunc(before, func(s step) bool { return s.Class == pair[0] })
			if one >= 0 && slices.ContainsFunc(before, func(s step) bool { return s.Class == pair[1] }) {
				return before[one], after[j], true
			}
		}
	}
	return step{}, step{}, false
}
