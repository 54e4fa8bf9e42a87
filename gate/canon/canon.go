// Package canon brings a message into the form in which it is compared: its
// recipients, and parts with every encoding undone.
//
// It is pure: equal messages become equal, wherever and whenever, and nothing is
// read but the message. What may change without anybody receiving anything else
// is left out, and recorded as masked with the rule that hid it: dates, message
// ids, traces of transport, signatures, boundaries, transfer encodings, charsets,
// the order of headers, JSON members and form fields, the spelling of HTML.
//
// It fails closed. Bytes that do not parse are compared verbatim, in parts named
// "malformed"; layers that are not undone, since they are unknown, broken or
// beyond [Limits], are compared by digest and are a gap besides. A mail is
// accounted for byte by byte: each byte is in a part, in a mask or in framing, and
// where the sum is wrong that is a gap too.
//
// What is not compared, and why, is a rule of this package: CSS and attributes of
// HTML that only style, where they have the exact shape of that, which are kept as
// [gate.Hidden] to be asked for facts; the time stamps of archives, the charset and
// transfer encoding of a text, and trailing white space.
package canon

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

// Options of a [Canon].
type Options struct {
	Masks  []Mask
	Limits Limits
}

// Limits bound what one message may cost. A layer that exceeds one is compared by
// the digest of its bytes and is a gap. A zero field takes its default.
type Limits struct {
	Depth int   // of nesting: multiparts, messages, JSON, XML, archives; default 100
	Bytes int64 // of everything that decoding one message produces; default 256 MiB
	Ratio int64 // of decompressed to compressed size, where it is more than 1 MiB; default 200
	Parts int   // of one message; default 100,000
}

func (l *Limits) setDefaults() error {
	if l.Depth < 0 || l.Bytes < 0 || l.Ratio < 0 || l.Parts < 0 {
		return fmt.Errorf("limits of canonical form: a limit is negative: %+v", *l)
	}
	l.Depth = cmp.Or(l.Depth, 100)
	l.Bytes = cmp.Or(l.Bytes, 256<<20)
	l.Ratio = cmp.Or(l.Ratio, 200)
	l.Parts = cmp.Or(l.Parts, 100_000)
	return nil
}

// A Canon makes messages canonical. It may be used from many goroutines.
type Canon struct {
	masks   []Mask
	limits  Limits
	scratch sync.Pool // of *scratch
}

// New makes a Canon. It refuses negative limits, and masks that [Mask] says it refuses.
func New(o Options) (*Canon, error) {
	if err := o.Limits.setDefaults(); err != nil {
		return nil, err
	}
	for i := range o.Masks {
		if err := o.Masks[i].check(); err != nil {
			return nil, fmt.Errorf("mask %d of part %q: %w", i, o.Masks[i].Part, err)
		}
	}
	masks := slices.Clone(o.Masks)
	for i := range masks {
		masks[i].any = masks[i].matchesAnything()
	}
	return &Canon{masks: masks, limits: o.Limits}, nil
}

// Message makes the canonical form of one delivery group of m. d is what the
// decoder of m's protocol said; ref is where m is stored. The answer shares no
// memory with m's bytes, and shares d's recipients and the texts of its fields.
//
// Parts of headers and of d's fields come first, in order of their names; parts of
// bodies follow in the order of the document.
func (c *Canon) Message(m *gate.Message, d *gate.Decoded, ref gate.Ref) gate.Canonical {
	scratch, _ := c.scratch.Get().(*scratch)
	scratch = scratch.orNew()
	s := &state{
		canon:   c,
		scratch: scratch,
		budget:  decode.Budget{Bytes: c.limits.Bytes, Ratio: c.limits.Ratio},
		out: gate.Canonical{
			Ref:        ref,
			Channel:    m.Channel,
			Sink:       m.Sink,
			Phase:      m.Phase,
			Class:      d.Class,
			Recipients: d.Recipients,
			Parts:      scratch.parts,
			Traces:     slices.Clone(d.Traces),
			Masks:      scratch.counts,
			Gaps:       slices.Clone(d.Gaps),
			Reader:     d.Reader,
		},
	}
	defer func() {
		s.scratch.clear()
		c.scratch.Put(s.scratch)
	}()
	for _, k := range d.Masks {
		s.mask(k.Rule, k.Part, k.Count)
	}
	s.out.Hidden = append(scratch.hidden, d.Hidden...)
	if m.Cut > 0 && !slices.ContainsFunc(d.Gaps, func(g gate.Gap) bool { return g.Kind == gate.GapCutBody }) {
		s.out.Gaps = append(s.out.Gaps, gate.Gap{
			Kind:   gate.GapCutBody,
			Where:  "body",
			Detail: fmt.Sprintf("%d bytes of the body were not kept", m.Cut),
		})
	}
	s.fields(d.Fields)
	for i := range d.Payloads {
		s.payload(&d.Payloads[i])
	}
	s.once(d.Once)
	s.prose(d.Prose)
	s.openLayers()
	s.decisions(d.Decides)
	s.spelled(d.Spelled)
	s.applyMasks()
	if s.isMail {
		s.out.Class = s.mailClass()
	}
	for i := range s.out.Gaps {
		if s.out.Gaps[i].Seq == 0 {
			s.out.Gaps[i].Seq = cmp.Or(ref.Seq, m.Seq)
		}
	}
	s.parts = s.out.Parts
	s.out.Parts = slices.Clone(s.parts)
	s.counts = s.out.Masks
	s.out.Masks = append(make([]gate.Masked, 0, len(s.counts)), s.counts...)
	s.hidden = s.out.Hidden
	s.out.Hidden = nil
	if len(s.hidden) > 0 {
		s.out.Hidden = slices.Clone(s.hidden)
	}
	return s.out
}

// fields takes over what the protocol itself said.
func (s *state) fields(fields []gate.Part) {
	for _, f := range fields {
		s.force(validText(f.Name), f.Kind, normal(f.Kind, validText(f.Value)))
	}
	s.sortByName(s.out.Parts)
}

// A partOrder is where a part belongs among others.
type partOrder struct {
	prefix uint64 // the first bytes of its name, but for those that all have
	at     int    // where it stands
}

// sortByName sorts parts by their names; those of one name keep their order.
func (s *state) sortByName(parts []gate.Part) {
	if slices.IsSortedFunc(parts, func(a, b gate.Part) int { return strings.Compare(a.Name, b.Name) }) {
		return
	}
	common := 0 // bytes that all names begin with
	for first := parts[0].Name; common < len(first) && !slices.ContainsFunc(parts, func(p gate.Part) bool {
		return len(p.Name) <= common || p.Name[common] != first[common]
	}); {
		common++
	}
	s.order = s.order[:0]
	for i := range parts {
		var prefix [8]byte
		copy(prefix[:], parts[i].Name[common:])
		s.order = append(s.order, partOrder{binary.BigEndian.Uint64(prefix[:]), i})
	}
	slices.SortFunc(s.order, func(a, b partOrder) int {
		if a.prefix != b.prefix {
			return cmp.Compare(a.prefix, b.prefix)
		}
		return cmp.Or(strings.Compare(parts[a.at].Name, parts[b.at].Name), a.at-b.at)
	})
	s.sorted = s.sorted[:0]
	for _, o := range s.order {
		s.sorted = append(s.sorted, parts[o.at])
	}
	copy(parts, s.sorted)
	clear(s.sorted)
}
