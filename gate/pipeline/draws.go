package pipeline

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// A value may be drawn anew in each replay without being new: out of few, as a tip of the day or
// the name of a machine is, or since it follows the order in which requests arrive, as a counter
// under concurrency does. By chance some messages have one value in all replays of production and
// another in staging. What their class shows of the place says that it is such: it varies in most
// messages, and production's own replays gave its values to people otherwise.

// leastDrawn is the share of values that must stand in other messages of other replays for them
// to be taken for drawn out of few, and leastVaried that of the messages of a class that must vary
// for what is not the same in another to be taken for noise.
const (
	leastDrawn  = 0.5
	leastVaried = 0.5
)

// A shownBy is what the values of a place, once all are known, show of it.
type shownBy struct {
	moves bool    // two messages of different replays have one value, which one of them has in one alone
	drawn bool    // see isDrawn
	from  float64 // see drawnFrom
}

// shows returns what the values show.
func (p *pool) shows() *shownBy {
	if p.shown == nil {
		share, moves := p.recurs()
		p.shown = &shownBy{moves: moves, drawn: moves && !p.isTime() && share}
		p.shown.from = p.drawnFrom()
	}
	return p.shown
}

// isDrawn reports whether the values are nobody's: production's replays give them to one message
// and to another. Of a nil pool they are not.
func (p *pool) isDrawn() bool { return p != nil && p.shows().drawn }

// moves reports whether two messages of different replays have one value, which one of them has in
// one of these replays alone.
func (p *pool) moves() bool { return p.shows().moves }

// constant notes that a message of the class has value at the place in all replays, as it is in others
// in some.
func (p *pool) constant(value string) {
	p.add(&diff.Place{Texts: slices.Repeat([]string{value}, len(p.seen))})
	p.constants++
}

// come notes what a message has at the place in staging: what is made anew is never what it was in
// some replay.
func (p *pool) come(value string) {
	if p.met(value) {
		p.again++
		p.shown = nil
	}
}

// recurs reports whether most values stand in other messages in other replays, and whether any does.
func (p *pool) recurs() (most, some bool) {
	all, recur := 0, 0
	for k := range p.seen {
		for l := range k {
			all += min(len(p.seen[k]), len(p.seen[l]))
			for h, n := range p.seen[k] {
				m, both := p.seen[l][h]
				if kept := p.kept[keptValue{l, k, h}]; both && (n > kept || m > kept) {
					recur++
				}
			}
		}
	}
	return float64(recur) >= leastDrawn*float64(all), recur > 0
}

// unique reports whether no two messages of one replay have one value.
func (p *pool) unique() bool {
	return !slices.ContainsFunc(p.seen, func(of map[uint64]int) bool { return len(of) < p.n })
}

// has reports whether production had a value at the place, or a number within those that it had.
func (p *pool) has(value string) bool { return p.inRange(value) || p.met(value) }

// met reports whether production had a value at the place.
func (p *pool) met(value string) bool {
	h := gate.HashWord(value)
	return slices.ContainsFunc(p.seen, func(of map[uint64]int) bool { return of[h] > 0 })
}

// inRange reports whether values are numbers, and value is one of those between them.
func (p *pool) inRange(value string) bool {
	if !p.numbers {
		return false
	}
	around, figures := lastFigures(value)
	n, ok := number(figures)
	return ok && around == p.around && p.low <= n && n <= p.high
}

// mostKept is how many messages may have one value in both of two replays by chance, where a further
// replay shows nothing new.
const mostKept = 0.05

// unsettled reports whether a further replay of production may show more of the values: they are
// nobody's, or so few that some messages have one value in both of two replays by chance.
func (p *pool) unsettled() bool {
	return p.isDrawn() || p.moves() && !p.isTime() && float64(p.n)*math.Exp2(-p.bits()) > mostKept
}

// Settled reports whether a further replay of production would show nothing new, as far as
// its replays so far say: the last of three or more is what the others explain, and of two, which
// is the least, no values are drawn that one message has now and another then. o is that of the
// comparison that is to come, in which answers are compared where it can read them.
func Settled(ctx context.Context, o Options, production []string) (bool, error) {
	last := len(production) - 1
	comparisons := []func(context.Context, Options, []string, string) (*gate.Comparison, []gate.Gap, error){Compare}
	if o.Reply != nil {
		comparisons = append(comparisons, CompareReplies)
	}
	for _, compare := range comparisons {
		before := production[:last]
		if last == 1 {
			before, o.drawn = production, new(bool)
		}
		c, gaps, err := compare(ctx, o, before, production[last])
		switch {
		case err != nil:
			return false, err
		case o.drawn != nil && *o.drawn, len(c.Changes)+len(c.Orders) > 0,
			slices.ContainsFunc(gaps, func(g gate.Gap) bool { return g.Kind == gate.GapArrival || g.Kind == gate.GapUnstable }):
			return false, nil
		}
	}
	return true, nil
}

// A drawnPlace is one of a class, and what production's replays show of it.
type drawnPlace struct {
	route
	part string
}

func (k drawnPlace) compare(o drawnPlace) int {
	return cmp.Or(k.route.compare(o.route), strings.Compare(k.part, o.part))
}

// A drawnHunk is one that may be of a value that is drawn.
type drawnHunk struct{ pairing, index int }

// A drawnEdit is such a hunk, and what differs at its place: what it is a piece of, or itself.
type drawnEdit struct {
	drawnHunk
	texts [][2]string // before and after
}

// strangers adds the gaps for messages that have a value of those that change places, one for each
// message, which no such message of production had, or which another has too.
func (c *comparer) strangers(all []occurrence) {
	type held struct {
		*pool
		value string
	}
	holders := map[held]int{}
	closed := func(o *occurrence) bool { return o.value.Masked && o.pool.isDrawn() && o.pool.unique() }
	for i := range all {
		if o := &all[i]; closed(o) {
			holders[held{o.pool, o.value.After}]++
		}
	}
	strange := map[route]uint64{}
	for i := range all {
		o := &all[i]
		if o.pairing >= 0 && closed(o) && (!o.pool.met(o.value.After) || holders[held{o.pool, o.value.After}] > 1) {
			strange[o.pool.route]++
		}
	}
	for _, class := range slices.SortedFunc(maps.Keys(strange), route.compare) {
		c.gaps.add(arrivalGap(class, strange[class]))
	}
}

// A drawnAs says why what varies is not stated: it is nobody's, or made anew, and may be somebody's
// all the same.
type drawnAs int

const (
	drawnNobodys drawnAs = 1 + iota
	drawnAnew
)

// draws takes out of what is stated what varies at places whose values are drawn, and says of
// which classes such a value is not judged. Where production's replays do not show that it is
// noise there, but may, that is a gap. residue holds the messages of production that staging does
// not send as they are.
func (c *comparer) draws(all []pairing, residue map[position]bool) {
	for at, n := range c.noise.of {
		if !residue[at] {
			n.Volatile(func(p *diff.Place) {
				c.noise.pools[poolKey{c.noise.class[at], withoutIndexes(p.Part), p.Span}].come(p.Texts[0])
			})
		}
	}
	d := draw{map[drawnPlace][]*pool{}, map[drawnPlace]int{}, map[drawnPlace][]drawnEdit{}}
	for k, p := range c.noise.pools {
		at := drawnPlace{k.route, k.part}
		d.spans[at]++
		if !p.isTime() {
			d.places[at] = append(d.places[at], p)
		}
	}
	if len(d.places) == 0 {
		return
	}
	for i := range all {
		p := &all[i]
		if p.B < 0 || p.A < 0 || c.first[i] != i || c.before.items[p.B].Recipient != c.after.items[p.A].Recipient {
			continue
		}
		c.drawnOf(i, p, &d)
	}
	moved := map[drawnHunk]drawnAs{}
	for _, k := range slices.SortedFunc(maps.Keys(d.found), drawnPlace.compare) {
		c.drawnAt(k, d.places[k], d.found[k], moved)
	}
	chosen := map[drawnPlace]bool{}
	for i := range all {
		p := &all[i]
		if p.B >= 0 && p.A >= 0 && c.first[i] == i && c.before.items[p.B].Recipient == c.after.items[p.A].Recipient {
			for _, k := range c.chosenLines(i, p, moved) {
				chosen[k] = true
			}
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(d.places), drawnPlace.compare) {
		n := 0
		if chosen[k] {
			n = int(c.noise.sizeOf(c.p, k.route))
		}
		for _, p := range d.places[k] {
			if p.isDrawn() {
				n = max(n, p.n)
			}
		}
		if n > 1 {
			c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindArrival, Channel: k.channel, Sink: k.sink, Class: k.class, Part: k.part, Count: uint64(n)})
		}
	}
	c.moveDrawn(all, moved)
}

// A draw holds the places of classes at which values are not the same in each replay.
type draw struct {
	places map[drawnPlace][]*pool // without those of times
	spans  map[drawnPlace]int     // how many there are, with those
	found  map[drawnPlace][]drawnEdit
}

// drawnOf adds the hunks of pairing i, which is p, that are at places of values that are drawn, and
// shows the values that it has there to their pools.
func (c *comparer) drawnOf(i int, p *pairing, d *draw) {
	at, m := c.before.surplus[p.B].at, c.before.items[p.B].Message
	route := c.noise.routeOf(at, m)
	for k := range p.values {
		v := &p.values[k]
		if o := c.noise.pools[poolKey{route, withoutIndexes(v.Part), v.Span}]; o != nil && v.Masked {
			o.come(v.After)
		}
	}
	var wholes map[string][][2]string // by part
	constant := map[*pool]bool{}
	for j := range p.hunks {
		h := &p.hunks[j]
		k := drawnPlace{route, withoutIndexes(h.Part)}
		varies := c.noise.of[at].Varies(k.part)
		// Where all that is drawn varies in this message too, what differs is something else.
		if varies >= d.spans[k] || len(d.places[k]) == 0 {
			continue
		}
		if wholes == nil {
			wholes = map[string][][2]string{}
			before := c.before.text(p.B)
			after := c.noise.shuffles[routeOf(m)].Ordered(before, c.after.text(p.A))
			diff.Measure(before, []*gate.Canonical{after}, func(string) {}).Volatile(func(s *diff.Place) {
				wholes[s.Part] = append(wholes[s.Part], [2]string{strings.Clone(s.Texts[0]), strings.Clone(s.Texts[1])})
			})
		}
		e := drawnEdit{drawnHunk{i, j}, [][2]string{h.differs()}}
		for _, w := range wholes[h.Part] {
			if strings.Contains(w[0], e.texts[0][0]) && strings.Contains(w[1], e.texts[0][1]) {
				e.texts = append(e.texts, w)
			}
		}
		if len(e.texts) > 1 {
			e.texts = e.texts[1:]
		}
		d.found[k] = append(d.found[k], e)
		for _, o := range d.places[k] {
			if before := e.texts[0][0]; varies == 0 && !constant[o] && len(e.texts) == 1 && o.met(before) {
				constant[o] = true
				o.constant(before)
			}
		}
	}
}

// differs returns what of a hunk differs.
func (h *hunk) differs() [2]string {
	if h.Kind == gate.Link && !h.Within {
		before, after := differing(h.Before, h.After)
		return [2]string{before, after}
	}
	return [2]string{h.Before, h.After}
}

// drawnAt puts into moved the hunks at one place that are of values drawn there.
func (c *comparer) drawnAt(k drawnPlace, pools []*pool, hunks []drawnEdit, moved map[drawnHunk]drawnAs) {
	varied := 0
	unique, distinct, isDrawn, moves := true, true, false, false
	bits := math.Inf(1)
	for _, p := range pools {
		varied = max(varied, p.n-p.constants)
		unique, distinct = unique && p.unique(), distinct && p.distinct()
		isDrawn, moves = isDrawn || p.isDrawn(), moves || p.moves()
		bits = min(bits, p.bits())
	}
	messages := max(float64(c.noise.sizeOf(c.p, k.route)), float64(varied))
	mostly := float64(varied) >= leastVaried*messages
	// So many messages have one value in all replays by chance.
	chance := messages * math.Exp2(-bits*float64(len(c.replays)))
	byChance := mostly && !isDrawn && messages-float64(varied) <= chance+4*math.Sqrt(chance)

	now := map[string]map[int]bool{} // messages that have a value now
	for _, h := range hunks {
		after := h.texts[0][1]
		if now[after] == nil {
			now[after] = map[int]bool{}
		}
		now[after][h.pairing] = true
	}
	gaps := uint64(0)
	for _, h := range hunks {
		twice := len(now[h.texts[0][1]]) > 1
		if distinct && twice { // in production nobody has what another has
			continue
		}
		known, fits := true, true
		for _, t := range h.texts {
			has := func(text string) bool { return slices.ContainsFunc(pools, func(p *pool) bool { return p.has(text) }) }
			known = known && has(t[0]) && has(t[1])
			fits = fits && slices.ContainsFunc(pools, func(p *pool) bool {
				return (p.numbers || isDrawn || byChance) && p.form.Fits(t[0]) && p.form.Fits(t[1])
			})
		}
		switch {
		case isDrawn && known && mostly && !(unique && twice):
			moved[h.drawnHunk] = drawnNobodys
		case fits && byChance:
			moved[h.drawnHunk] = drawnAnew
		case known, moves && fits:
			moved[h.drawnHunk] = drawnNobodys
			gaps++
		}
	}
	if gaps > 0 {
		c.gaps.add(arrivalGap(k.route, gaps))
	}
}

func arrivalGap(class route, n uint64) gate.Gap {
	return gate.Gap{
		Kind: gate.GapArrival, Where: class.class, Count: n,
		Detail: "values of these messages follow the order in which requests arrive, or are drawn out of few: replay production more often, or one request at a time",
	}
}

// moveDrawn hides the hunks that are moved. Of those that are made anew it is asked whose they are.
func (c *comparer) moveDrawn(all []pairing, moved map[drawnHunk]drawnAs) {
	if len(moved) == 0 {
		return
	}
	for i := range all {
		p := &all[i]
		var stays []hunk
		for j, h := range p.hunks {
			as := moved[drawnHunk{c.first[i], j}]
			if as == 0 {
				stays = append(stays, h)
				continue
			}
			h.Masked = true
			p.masked = append(slices.Clip(p.masked), h.Hunk)
			if c.first[i] == i && as == drawnAnew {
				p.values = append(slices.Clip(p.values), diff.Value{
					Part: h.Part, Slot: h.Slot, Span: -1, Texts: slices.Repeat([]string{h.Before}, 1+len(c.replays)), After: h.After, Masked: true,
				})
			}
		}
		p.hunks = stays
	}
}
