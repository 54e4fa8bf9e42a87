package pipeline

import (
	"cmp"
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
	"github.com/waybill-dev/waybill/gate/match"
)

// comparer fills a comparison from two scanned runs.
type comparer struct {
	gate.Comparison
	o       *Options
	p, s    *scanned
	causes  traceSet // of the stimuli, where there is a residue
	noise   *noise
	varies  map[route]map[string]bool // parts that vary from replay to replay
	replays []*scanned                // of production, but the first
	gaps    gapList

	stimuli       func() (traceSet, error)
	before, after *loaded
	pairs         []pairing    // of the same index as Changes
	anchored      map[int]bool // pairs of which a value is known to belong there, by a link that was asked for
	first         []int        // of each pair that is compared: the first of the same two messages
	groups        []*group     // of the same index as Groups
	seed          maphash.Seed
	looking       sync.Mutex // guards what groups hold
	owners        *exposure.Owners
	sent          *exposure.Owners                 // by what production sent, where answers are compared
	origins       map[gate.Digest][]gate.Recipient // bodies of the residue, and who had them
}

// A pairing is a change and what it was made from.
type pairing struct {
	match.Pair
	hunks   []hunk // that are not masked
	masked  []diff.Hunk
	values  []diff.Value // what stands in volatile places
	shownTo string       // whom the mail of production shows as addressed
	own     []string     // domains that the senders of production's message have for their own
}

func (c *comparer) compare(ctx context.Context) (err error) {
	var b, a []surplus
	b, a, c.Equal = cancel(c.p, c.s)
	if len(b)+len(a) > 0 {
		if c.causes, err = c.stimuli(); err != nil {
			return err
		}
	}
	if c.before, err = load(ctx, c.p.side, b); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.before.Close()) }()
	if c.after, err = load(ctx, c.s.side, a); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.after.Close()) }()
	c.wholeRuns()
	c.steady()
	pairs := c.differences(match.Pairs(c.before.items, c.after.items))
	if err := c.volatile(ctx, pairs); err != nil {
		return err
	}
	c.state(pairs)
	if err := c.concerns(ctx); err != nil {
		return err
	}
	c.group()
	if err := c.pass(ctx); err != nil {
		return err
	}
	if err := c.contents(ctx); err != nil {
		return err
	}
	c.classes()
	c.Unstable = c.noise.unstable
	c.blind()
	return c.orders(ctx)
}

// wholeRuns fills in what is known of both runs without looking at changes.
func (c *comparer) wholeRuns() {
	c.People = union(c.p.people, c.s.people)
	for id := range c.p.parties {
		c.Parties = append(c.Parties, id)
	}
	slices.Sort(c.Parties)
	masks := maskSums{}
	for _, r := range []*scanned{c.p, c.s} {
		for _, m := range r.masks {
			masks.add(m)
		}
	}
	c.Masks = append(c.Masks, masks.list()...)
	c.Caused = c.p.facts.Messages > 0 && c.p.traced >= c.p.facts.Messages
}

// differences says what differs in each pair, and what of it noise explains.
func (c *comparer) differences(pairs []match.Pair) []pairing {
	all := make([]pairing, len(pairs))
	// A message to many is compared once: its recipients share what differs.
	type both struct {
		before, after *gate.Canonical
		noisy         bool
	}
	known := map[both]int{} // the first pairing of two messages
	first := make([]int, len(pairs))
	for i, p := range pairs {
		all[i].Pair = p
		first[i] = i
		if p.B < 0 || p.A < 0 {
			continue
		}
		b, a := &c.before.items[p.B], &c.after.items[p.A]
		k := both{b.Message, a.Message, b.Recipient == a.Recipient}
		if n, ok := known[k]; ok {
			first[i] = n
		} else {
			known[k] = i
		}
	}
	parallel(c.o.workers(), len(pairs), func() func(int) {
		return func(i int) {
			p := pairs[i]
			if first[i] != i || p.B < 0 || p.A < 0 {
				return
			}
			before, after := c.before.text(p.B), c.after.text(p.A)
			if b, a := &c.before.items[p.B], &c.after.items[p.A]; b.Recipient == a.Recipient || c.movedSteady(p) {
				after = c.noise.shuffles[routeOf(b.Message)].Ordered(before, after)
			}
			hunks, values := diff.Compare(before, after, c.noiseOf(p))
			if c.movedSteady(p) {
				values = nil // whose they are is told by whom the rest went to
			}
			all[i].own = senderDomains(before.Parts)
			for j := range hunks {
				hunks[j].Masked = hunks[j].Masked || readsClock(before, after, &hunks[j])
			}
			for _, h := range read(hunks, all[i].own, before.Parts, after.Parts) {
				if c.before.texts != nil || c.after.texts != nil {
					h.Hunk = ownMemory(h.Hunk)
				}
				if h.Masked {
					all[i].masked = append(all[i].masked, h.Hunk)
				} else {
					all[i].hunks = append(all[i].hunks, h)
				}
			}
			all[i].hunks = slices.Clip(all[i].hunks)
			if c.before.texts != nil || c.after.texts != nil {
				for j := range values {
					values[j].After = interned(values[j].After)
				}
			}
			all[i].values = values
			if len(all[i].hunks) > 0 {
				all[i].shownTo = interned(valueOf(before.Parts, "header/to"))
			}
		}
	})
	for i, n := range first {
		if n != i {
			all[i].hunks, all[i].masked = all[n].hunks, all[n].masked
			all[i].shownTo, all[i].own = all[n].shownTo, all[n].own
		}
	}
	c.first = first
	return all
}

// noiseOf is the noise of a pair: of the message of production, where both go to one
// recipient, or are one but for what varies.
func (c *comparer) noiseOf(p match.Pair) *diff.Noise {
	if p.B < 0 || p.A < 0 || c.before.items[p.B].Recipient != c.after.items[p.A].Recipient && !c.movedSteady(p) {
		return nil
	}
	return c.noise.of[c.before.surplus[p.B].at]
}

// movedSteady reports whether a pair is of two recipients, and joined by what does not vary.
func (c *comparer) movedSteady(p match.Pair) bool {
	if p.Rule != gate.ByContent || p.B < 0 || p.A < 0 {
		return false
	}
	b, a := &c.before.items[p.B], &c.after.items[p.A]
	return b.Body != a.Body && b.Recipient != a.Recipient
}

// steady fills in the digests of bodies without values of structures, and bytes, that vary from
// replay to replay, for messages that have such.
func (c *comparer) steady() {
	c.varies = map[route]map[string]bool{}
	varies := c.varies
	for k := range c.noise.pools {
		if varies[k.route] == nil {
			varies[k.route] = map[string]bool{}
		}
		varies[k.route][k.part] = true
	}
	if len(varies) == 0 {
		return
	}
	for _, l := range []*loaded{c.before, c.after} {
		for i := range l.items {
			it := &l.items[i]
			if i > 0 && l.items[i-1].Message == it.Message {
				it.Steady = l.items[i-1].Steady
				continue
			}
			places := varies[c.noise.joined(routeOf(it.Message))]
			if len(places) == 0 {
				continue
			}
			m := *l.text(i)
			m.Parts = slices.Clone(m.Parts)
			varies := false
			for j := range m.Parts {
				if p := &m.Parts[j]; (p.Kind == gate.Value || p.Kind == gate.Binary) && places[withoutIndexes(p.Name)] {
					p.Value, varies = "", true
				}
			}
			if varies {
				it.Steady = bodyOf(&m)
			}
		}
	}
}

// state makes changes of pairs, leaving out what noise explains.
func (c *comparer) state(all []pairing) {
	copies, unsteady := c.copies(all), c.unsteady(all)
	noise := map[gate.Masked]uint64{}
	type made struct {
		gate.Change
		pairing
	}
	var changes []made
	for i, p := range all {
		masks := masksOf(p.masked)
		for _, m := range masks {
			n := m.Count
			m.Count = 0
			noise[m] += n
		}
		change := newChange(c.before, c.after, p.Pair)
		if change.Kind == gate.Altered && len(p.hunks) == 0 {
			c.Equal++
			continue
		}
		if unsteady[i] {
			continue
		}
		if p.Rule == gate.Unpaired {
			if n := copies.count(p.Pair); n[0] > 0 {
				change.Copies = n
			}
		}
		change.Masks = masks
		n := c.noiseOf(p.Pair)
		p.hunks = slices.Clone(p.hunks)
		for j, h := range p.hunks {
			h.raw = [2]string{h.Before, h.After}
			if !h.asIs {
				h.Hunk = renamed(h.Hunk, n)
				if h.shown != [2]string{} {
					h.shown = [2]string{n.Rename(h.Part, h.shown[0], false), n.Rename(h.Part, h.shown[1], true)}
				}
			}
			p.hunks[j] = h
			edit := editOf(h.Hunk)
			if h.shown != [2]string{} {
				edit.Before, edit.After = gate.Clip(h.shown[0], maxEdit), gate.Clip(h.shown[1], maxEdit)
			}
			change.Edits = append(change.Edits, edit)
		}
		all[i].masked, all[i].values = nil, nil
		changes = append(changes, made{change, p})
	}
	for m, n := range noise {
		m.Count = n
		c.Masks = append(c.Masks, m)
	}
	slices.SortFunc(c.Masks, func(x, y gate.Masked) int {
		return cmp.Or(strings.Compare(x.Rule, y.Rule), strings.Compare(x.Part, y.Part))
	})
	slices.SortStableFunc(changes, func(x, y made) int {
		return cmp.Or(
			compareIdentities(x.Recipient(), y.Recipient()),
			strings.Compare(string(x.Kind), string(y.Kind)),
			strings.Compare(x.Delivery().Class, y.Delivery().Class),
			strings.Compare(x.Delivery().Title, y.Delivery().Title),
		)
	})
	for i, m := range changes {
		c.Changes = append(c.Changes, m.Change)
		c.pairs = append(c.pairs, m.pairing)
		if m.Kind == gate.Added && c.Caused && !c.causes.caused(c.after.items[m.A].Message) {
			c.Uncaused = append(c.Uncaused, i)
		}
	}
}

func valueOf(parts []gate.Part, name string) string {
	for i := range parts {
		if parts[i].Name == name {
			return parts[i].Value
		}
	}
	return ""
}

// ownMemory is h in memory that equal hunks share, rather than that of its texts.
func ownMemory(h diff.Hunk) diff.Hunk {
	h.Part, h.Before, h.After = interned(h.Part), interned(h.Before), interned(h.After)
	h.Whole = [2]string{interned(h.Whole[0]), interned(h.Whole[1])}
	for _, words := range [][]string{h.Left, h.Right} {
		for i := range words {
			words[i] = interned(words[i])
		}
	}
	return h
}

const noiseRule = "a/a"

// masksOf counts hunks by part.
func masksOf(hunks []diff.Hunk) []gate.Masked {
	var out []gate.Masked
	for _, h := range hunks {
		part := withoutIndexes(h.Part)
		i := slices.IndexFunc(out, func(m gate.Masked) bool { return m.Part == part })
		if i < 0 {
			i = len(out)
			out = append(out, gate.Masked{Rule: noiseRule, Part: part})
		}
		out[i].Count++
	}
	return out
}

func withoutIndexes(part string) string { return gate.WithoutIndexes(part) }

// classes counts the classes that some change touches.
func (c *comparer) classes() {
	type class struct{ channel, sink, name string }
	seen := map[class]bool{}
	for i := range c.Changes {
		for _, d := range []*gate.Delivery{c.Changes[i].Before, c.Changes[i].After} {
			if d == nil {
				continue
			}
			k := class{d.Channel, d.Sink, d.Class}
			if seen[k] {
				continue
			}
			seen[k] = true
			h := classKey(d.Channel, d.Sink, d.Class)
			c.Classes = append(c.Classes, gate.ClassFacts{
				Channel: d.Channel, Sink: d.Sink, Class: d.Class,
				Production: uint64(c.p.classes[h]), Staging: uint64(c.s.classes[h]),
			})
		}
	}
	slices.SortFunc(c.Classes, func(x, y gate.ClassFacts) int {
		return cmp.Or(strings.Compare(x.Channel, y.Channel), strings.Compare(x.Sink, y.Sink), strings.Compare(x.Class, y.Class))
	})
}
