package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/match"
)

// noise is what differs between replays of the production build.
type noise struct {
	of       map[position]*diff.Noise // by message of the first replay
	known    map[uint64]struct{}      // texts that stood at volatile places
	unstable []gate.Change
}

func newNoise() *noise {
	return &noise{of: map[position]*diff.Noise{}, known: map[uint64]struct{}{}}
}

// measure compares first with another replay of the same build. What differs in
// the content of a pair is volatile there; deliveries without a pair, or whose
// addressing differs, are unstable.
func (n *noise) measure(ctx context.Context, first, again *scanned) (err error) {
	b, a, _ := cancel(first, again)
	before, err := load(ctx, first.side, b)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, before.Close()) }()
	after, err := load(ctx, again.side, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, after.Close()) }()
	seen := func(text string) { n.known[gate.HashWord(text)] = struct{}{} }
	measured := map[[2]*gate.Canonical]bool{} // a message to many is measured once
	for _, p := range match.Pairs(before.items, after.items) {
		c := newChange(before, after, p)
		if p.B < 0 || p.A < 0 || c.Kind != gate.Altered {
			n.unstable = append(n.unstable, c)
			continue
		}
		at := b[p.B].at
		one, other := before.items[p.B].Message, after.items[p.A].Message
		if measured[[2]*gate.Canonical{one, other}] {
			continue
		}
		measured[[2]*gate.Canonical{one, other}] = true
		one, other = before.text(p.B), after.text(p.A)
		m := diff.Measure(n.of[at], one, other, seen)
		m.Known = func(text string) bool {
			_, ok := n.known[gate.HashWord(text)]
			return ok
		}
		n.of[at] = m
		for _, h := range diff.Parts(one, other, m) {
			if !h.Masked {
				c.Edits = append(c.Edits, editOf(h))
			}
		}
		if len(c.Edits) > 0 {
			n.unstable = append(n.unstable, c)
		}
	}
	return nil
}

// bodyOf is the digest of what a person reads of m, without what it is addressed
// by: the names beside the addresses go with them.
func bodyOf(m *gate.Canonical) gate.Digest {
	named := func(p gate.Part) bool {
		return strings.HasPrefix(p.Name, "header/to/") || strings.HasPrefix(p.Name, "header/cc/") || strings.HasPrefix(p.Name, "header/bcc/")
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

func editOf(h diff.Hunk) gate.Edit {
	return gate.Edit{
		Part: h.Part, Kind: h.Kind, Before: gate.Clip(h.Before, maxEdit), After: gate.Clip(h.After, maxEdit),
		NewPart: h.NewPart, GonePart: h.GonePart, Within: h.Within,
	}
}
