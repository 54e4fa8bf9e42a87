package pipeline

import (
	"slices"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/match"
)

// A message that is made anew in every replay has no equal copy in another run:
// its digest differs each time. That one of two is a further copy shows where it
// differs from a delivery of the other run in noise alone.

// mostCopied is how many deliveries of one recipient and class a delivery is held
// against. Where there are more it may be told as one that is new or gone, which
// blocks as well.
const mostCopied = 64

type copyKey struct {
	to    gate.Recipient
	class string
}

// copies are pairs that differ in noise alone.
type copies struct {
	c  *comparer
	of map[copyKey][]match.Pair
}

func (c *comparer) copies(pairs []pairing) copies {
	k := copies{c, map[copyKey][]match.Pair{}}
	for _, p := range pairs {
		if p.B < 0 || p.A < 0 || len(p.hunks) > 0 {
			continue
		}
		b, a := &c.before.items[p.B], &c.after.items[p.A]
		if key := (copyKey{a.Recipient, a.Message.Class}); b.Recipient == a.Recipient && len(k.of[key]) < mostCopied {
			k.of[key] = append(k.of[key], p.Pair)
		}
	}
	return k
}

// count gives how many deliveries like that of p, which has no counterpart, each
// run has by what is known: one more on the side of p than pairs that it is like.
func (k copies) count(p match.Pair) (n [2]int) {
	over, side := k.c.after, 1
	at := p.A
	if at < 0 {
		over, side, at = k.c.before, 0, p.B
	}
	it := &over.items[at]
	like := 0
	var text *gate.Canonical
	for _, q := range k.of[copyKey{it.Recipient, it.Message.Class}] {
		if text == nil {
			text = over.text(at)
		}
		var before, after *gate.Canonical
		if side == 0 {
			before, after = text, k.c.after.text(q.A)
		} else {
			before, after = k.c.before.text(q.B), text
		}
		hunks := diff.Parts(before, after, k.c.noise.of[k.c.before.surplus[q.B].at])
		if !slices.ContainsFunc(hunks, func(h diff.Hunk) bool { return !h.Masked }) {
			like++
		}
	}
	if like == 0 {
		return n
	}
	n = [2]int{like, like}
	n[side]++
	return n
}
