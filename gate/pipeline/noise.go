package pipeline

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/fields"
	"github.com/waybill-dev/waybill/gate/match"
)

// noise is what differs between replays of the production build.
type noise struct {
	of       map[position]*diff.Noise // by message of the first replay
	class    map[position]route       // of the same, see joined
	joins    map[route]route          // see joined
	known    map[uint64]struct{}      // texts that stood at volatile places
	pools    map[poolKey]*pool
	lines    map[linePlace]*drawnLine
	shuffles map[route]*diff.Shuffle // where elements change places
	unstable []gate.Change
	opaque   map[route]uint64 // messages of which something varies that cannot be read

	// Messages of which nothing but a ciphertext varies and cannot be read.
	encrypted map[route]uint64
}

// A route is a class of messages, with how it went.
type route struct{ channel, sink, class string }

func (r route) compare(o route) int {
	return cmp.Or(strings.Compare(r.channel, o.channel), strings.Compare(r.sink, o.sink), strings.Compare(r.class, o.class))
}

func routeOf(m *gate.Canonical) route { return route{m.Channel, m.Sink, m.Class} }

func newNoise() *noise {
	return &noise{of: map[position]*diff.Noise{}, class: map[position]route{}, joins: map[route]route{}, known: map[uint64]struct{}{}, pools: map[poolKey]*pool{}, lines: map[linePlace]*drawnLine{}, shuffles: map[route]*diff.Shuffle{}, opaque: map[route]uint64{}, encrypted: map[route]uint64{}}
}

// An original is a message of the first replay that another replay has otherwise.
type original struct {
	in    *loaded
	item  int
	again []mate // of each further replay; the zero value is one whose message is equal
}

// A mate is the message of a further replay that an original was paired with.
type mate struct {
	in   *loaded
	item int
	pair match.Pair
	from *loaded // the first replay, as it was loaded beside it
}

// measure compares first with other replays of the same build. What differs in
// the content of a pair is volatile there; deliveries without a pair, or whose
// addressing differs, are unstable.
func (n *noise) measure(ctx context.Context, first *scanned, again []*scanned) (err error) {
	originals := map[position]*original{}
	var order []position
	var open []*loaded
	defer func() {
		for _, l := range open {
			err = errors.Join(err, l.Close())
		}
	}()
	for k, other := range again {
		b, a, _ := cancel(first, other)
		before, err := load(ctx, first.side, b)
		if err != nil {
			return err
		}
		open = append(open, before)
		after, err := load(ctx, other.side, a)
		if err != nil {
			return err
		}
		open = append(open, after)
		for _, p := range match.Replays(before.items, after.items) {
			c := newChange(before, after, p)
			if p.B < 0 || p.A < 0 || c.Kind != gate.Altered {
				n.unstable = append(n.unstable, c)
				continue
			}
			n.join(first, other, routeOf(before.items[p.B].Message), routeOf(after.items[p.A].Message))
			at := b[p.B].at
			o := originals[at]
			if o == nil {
				o = &original{in: before, item: p.B, again: make([]mate, len(again))}
				originals[at] = o
				order = append(order, at)
			}
			if o.again[k].in == nil { // a message to many is measured once
				o.again[k] = mate{after, p.A, p, before}
			}
		}
	}
	for _, at := range order {
		n.shuffled(originals[at])
	}
	for _, at := range order {
		n.measureOne(at, originals[at])
	}
	for _, o := range order {
		m := n.of[o]
		m.Form = n.form(n.class[o])
	}
	// What is left once the forms of all are known.
	for _, at := range order {
		o := originals[at]
		one := o.in.text(o.item)
		for _, t := range o.again {
			if t.in == nil {
				continue
			}
			c := newChange(t.from, t.in, t.pair)
			for _, h := range diff.Parts(one, n.ordered(o, one, t), n.of[at]) {
				if !h.Masked {
					c.Edits = append(c.Edits, editOf(renamed(h, n.of[at])))
				}
			}
			if len(c.Edits) > 0 {
				n.unstable = append(n.unstable, c)
			}
		}
	}
	return nil
}

// routeOf is the class of a message of the first replay, without what is made anew in it, and as
// one with those that such messages change to.
func (n *noise) routeOf(at position, m *gate.Canonical) route {
	if class, ok := n.class[at]; ok {
		return class
	}
	return n.joined(routeOf(m))
}

// join makes two classes one, where a message is of one in the first replay and of the other in
// another replay, and other messages are of these as well: what a class goes by, a subject or a
// sender, is drawn out of few.
func (n *noise) join(first, other *scanned, was, is route) {
	count := func(r *scanned, c route) uint32 { return r.classes[classKey(c.channel, c.sink, c.class)] }
	if was == is || was.channel != is.channel || was.sink != is.sink || count(first, is) == 0 && count(other, was) == 0 {
		return
	}
	was, is = n.joined(was), n.joined(is)
	if was.compare(is) > 0 {
		was, is = is, was
	}
	if was != is {
		n.joins[is] = was
	}
}

// sizeOf is how many messages a run has of a class and of those that are one with it.
func (n *noise) sizeOf(r *scanned, class route) uint64 {
	size := uint64(r.classes[classKey(class.channel, class.sink, class.class)])
	for c := range n.joins {
		if n.joined(c) == class {
			size += uint64(r.classes[classKey(c.channel, c.sink, c.class)])
		}
	}
	return size
}

// joined returns the class that class is one with; itself where there is none. Of those that are
// one it is the first by name.
func (n *noise) joined(class route) route {
	for {
		first, ok := n.joins[class]
		if !ok {
			return class
		}
		class = first
	}
}

// isFresh reports whether a text stood at a volatile place, whole or as a word of what did.
func (n *noise) isFresh(text string) bool {
	_, ok := n.known[gate.HashWord(text)]
	return ok
}

// pool returns that of a place, made where there is none.
func (n *noise) pool(k poolKey) *pool {
	p := n.pools[k]
	if p == nil {
		p = newPool()
		p.route = k.route
		n.pools[k] = p
	}
	return p
}

// form returns what is known of the values at places of a class.
func (n *noise) form(class route) func(part string, span int) *diff.Form {
	return func(part string, span int) *diff.Form {
		if p := n.pools[poolKey{class, withoutIndexes(part), span}]; p != nil {
			return &p.form
		}
		return nil
	}
}

// shuffled notes where elements of one message change places from replay to replay.
func (n *noise) shuffled(o *original) {
	class := routeOf(o.in.items[o.item].Message)
	s := n.shuffles[class]
	if s == nil {
		s = &diff.Shuffle{}
		n.shuffles[class] = s
	}
	one := o.in.text(o.item)
	for _, t := range o.again {
		if t.in != nil {
			s.Add(one, t.in.text(t.item))
		}
	}
}

// ordered is the message of a further replay, with what changes places in its class where it
// stands in the first.
func (n *noise) ordered(o *original, one *gate.Canonical, t mate) *gate.Canonical {
	return n.shuffles[routeOf(o.in.items[o.item].Message)].Ordered(one, t.in.text(t.item))
}

// measureOne measures one message.
func (n *noise) measureOne(at position, o *original) {
	seen := func(text string) { n.known[gate.HashWord(text)] = struct{}{} }
	one := o.in.text(o.item)
	again := make([]*gate.Canonical, len(o.again))
	for k, t := range o.again {
		if t.in != nil {
			again[k] = n.ordered(o, one, t)
		}
	}
	m := diff.Measure(one, again, seen)
	m.Known = func(text string) bool {
		_, ok := n.known[gate.HashWord(text)]
		return ok
	}
	class := routeOf(o.in.items[o.item].Message)
	m.Volatile(func(p *diff.Place) {
		if p.Part == "path" && p.Texts[0] != "" { // one class for all values of it
			class.class = strings.ReplaceAll(class.class, p.Texts[0], "#")
		}
	})
	own := class
	class = n.joined(class)
	n.of[at], n.class[at] = m, class
	n.chosen(class, at, one, again)
	opaque, encrypted := false, false
	m.Volatile(func(p *diff.Place) {
		if p.Kind == gate.Binary && isPayload(p.Part) {
			opaque, encrypted = opaque || !isCiphertext(p.Part), encrypted || isCiphertext(p.Part)
		}
		n.pool(poolKey{class, withoutIndexes(p.Part), p.Span}).add(p)
	})
	if opaque {
		n.opaque[own]++
	} else if encrypted {
		n.encrypted[own]++
	}
}

// isCiphertext reports whether the bytes of a part are not read since their form says that
// they are encrypted.
func isCiphertext(part string) bool { return strings.HasSuffix(part, "/opaque") }

// isPayload reports whether a part stands in what a message carries, and not in its head,
// where bytes that are not read are credentials.
func isPayload(part string) bool {
	head, _, _ := strings.Cut(part, "/")
	return head != "header" && head != "cookie" && head != "userinfo" && head != "envelope"
}

// bodyOf is the digest of what a person reads of m, without what it is addressed
// by: the names beside the addresses go with them.
func bodyOf(m *gate.Canonical) gate.Digest {
	named := func(p gate.Part) bool {
		if f, _, ok := fields.Part(p.Name); ok && (f.Descriptive || f.Kind == fields.Signature || f.Kind == fields.Results) {
			return true // what software sent and signed it is no part of what is said
		}
		return addressesFanned(m, p) || strings.HasPrefix(p.Name, "header/to/") || strings.HasPrefix(p.Name, "header/cc/") || strings.HasPrefix(p.Name, "header/bcc/")
	}
	if !slices.ContainsFunc(m.Parts, named) {
		return m.BodyDigest()
	}
	without := *m
	without.Parts = slices.DeleteFunc(slices.Clone(m.Parts), named)
	return without.BodyDigest()
}

// newChange is the change of one pair, without its edits.
func newChange(before, after *loaded, p match.Pair) gate.Change {
	c := gate.Change{Rule: p.Rule}
	if p.B >= 0 {
		c.Before = before.deliveries[p.B]
		c.Copies = before.surplus[p.B].copies
	}
	if p.A >= 0 {
		c.After = after.deliveries[p.A]
		c.Copies = after.surplus[p.A].copies
	}
	switch {
	case c.Before == nil:
		c.Kind = gate.Added
	case c.After == nil:
		c.Kind = gate.Removed
	case c.Before.Recipient != c.After.Recipient:
		c.Kind = gate.Redirected
	default:
		c.Kind = gate.Altered
	}
	return c
}

const maxTitle = 120 // runes

// deliveryOf is m, of which parts are the text, as it was delivered to one.
func deliveryOf(m *gate.Canonical, parts []gate.Part, to gate.Recipient) *gate.Delivery {
	d := &gate.Delivery{Ref: m.Ref, Channel: m.Channel, Sink: m.Sink, Phase: m.Phase, Class: m.Class, Recipient: to}
	var method, path string
	for _, p := range parts {
		d.Bytes += len(p.Value)
		switch p.Name {
		case "header/subject":
			d.Title = p.Value
		case "method":
			method = p.Value
		case "path":
			path = p.Value
		}
	}
	if d.Title == "" && path != "" {
		d.Title = method + " " + path
	}
	d.Title = strings.Clone(gate.Clip(d.Title, maxTitle))
	return d
}

const maxEdit = 400 // runes

// editOf is a hunk as it is told.
func editOf(h diff.Hunk) gate.Edit {
	return gate.Edit{
		Part: h.Part, Kind: h.Kind, Before: gate.Clip(h.Before, maxEdit), After: gate.Clip(h.After, maxEdit),
		NewPart: h.NewPart, GonePart: h.GonePart, Within: h.Within,
	}
}

// renamed is h with what is new in each replay renamed: an edit must be the same whenever
// the same release is judged.
func renamed(h diff.Hunk, n *diff.Noise) diff.Hunk {
	h.Before, h.After = n.Rename(h.Part, h.Before, false), n.Rename(h.Part, h.After, true)
	return h
}
