package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"net/url"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// An entry is one delivery of a run: what it is equal to, and where it stands.
type entry struct {
	digest gate.Digest
	at     position
	to     uint32 // index in the message's recipients
}

// scanned is a run after one pass.
type scanned struct {
	about
	side    side
	entries []entry // sorted by digest, then by position
	people  map[uint64]struct{}
	classes map[uint64]uint32 // deliveries of each class, by classKey
	parties map[string]struct{}
	masks   map[gate.Masked]uint64 // with Count 0
	traced  uint64                 // messages that carry the trace of a stimulus
	order   map[uint64][]arrival   // per sink and recipient, where order matters
}

// arrival is one delivery at a sink where order matters.
type arrival struct {
	seq    uint64
	digest gate.Digest
	at     position
	to     uint32
}

// scan makes one pass over a run.
func scan(ctx context.Context, o *Options, causes traceSet, s side, stage string) (*scanned, error) {
	r := &scanned{side: s, people: map[uint64]struct{}{}, classes: map[uint64]uint32{}, parties: map[string]struct{}{}, masks: map[gate.Masked]uint64{}, order: map[uint64][]arrival{}}
	var mu sync.Mutex
	var gaps gapList
	var done uint64
	about, err := s.stream(ctx, o.workers(), func(at position, c *gate.Canonical) {
		content := c.ContentDigest()
		digests := make([]gate.Digest, len(c.Recipients))
		for i, to := range c.Recipients {
			digests[i] = gate.DeliveryDigest(content, to)
		}
		class := classKey(c.Channel, c.Sink, c.Class)
		loads := loadHosts(c)
		mu.Lock()
		defer mu.Unlock()
		for i, to := range c.Recipients {
			r.entries = append(r.entries, entry{digests[i], at, uint32(i)})
			r.people[gate.HashWord(to.ID())] = struct{}{}
			if to.Kind == gate.Host {
				r.parties[to.ID()] = struct{}{}
			}
			if slices.Contains(o.Ordered, c.Sink) {
				k := gate.HashWord(c.Channel + "\x00" + c.Sink + "\x00" + to.ID())
				r.order[k] = append(r.order[k], arrival{c.Ref.Seq, digests[i], at, uint32(i)})
			}
		}
		for _, id := range loads {
			r.parties[id] = struct{}{}
		}
		r.classes[class] += uint32(len(c.Recipients))
		for _, m := range c.Masks {
			n := max(m.Count, 1)
			m.Count = 0
			r.masks[m] += n
		}
		if causes.caused(c) {
			r.traced++
		}
		gaps.add(c.Gaps...)
		if done++; o.Progress != nil && done%1024 == 0 {
			o.Progress("reading "+stage, done, 0)
		}
	})
	if err != nil {
		return nil, err
	}
	gaps.add(about.gaps...)
	about.gaps = gaps.list
	r.about = about
	r.facts.Deliveries = uint64(len(r.entries))
	slices.SortFunc(r.entries, func(x, y entry) int {
		return cmp.Or(bytes.Compare(x.digest[:], y.digest[:]), x.at.compare(y.at), cmp.Compare(x.to, y.to))
	})
	return r, nil
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.offset, q.offset), cmp.Compare(p.index, q.index), cmp.Compare(p.letter, q.letter))
}

// loadHosts gives the hosts that a message makes its reader's software load from,
// as "host:NAME". They learn who reads it: they are outside parties.
func loadHosts(c *gate.Canonical) []string {
	var hosts []string
	for i := range c.Parts {
		if c.Parts[i].Kind != gate.Load {
			continue
		}
		u, err := url.Parse(c.Parts[i].Value)
		if err != nil || u.Host == "" {
			continue // what cannot be read is no known party
		}
		if r, err := gate.HostRecipient(u.Host); err == nil {
			hosts = append(hosts, r.ID())
		}
	}
	return hosts
}

// traceSet holds the hashes of traces of stimuli.
type traceSet map[uint64]struct{}

// caused reports whether m carries the trace of a stimulus.
func (t traceSet) caused(m *gate.Canonical) bool {
	return slices.ContainsFunc(m.Traces, func(id string) bool {
		_, ok := t[gate.HashWord(id)]
		return ok
	})
}

// stimulusTraces reads which traces the stimuli of the corpus may leave.
func stimulusTraces(ctx context.Context, o *Options) (traceSet, error) {
	known := traceSet{}
	if o.Traces == nil || o.Corpus == "" {
		return known, nil
	}
	err := eachStimulus(ctx, o.Corpus, func(s *gate.Stimulus, _ gate.Ref, _ gate.Header) error {
		for _, id := range o.Traces(s) {
			known[gate.HashWord(id)] = struct{}{}
		}
		return nil
	})
	return known, err
}

// eachStimulus calls f for the stimuli of a corpus up to its end, or up to where
// it is damaged: what is wrong with a corpus is said when it is replayed.
func eachStimulus(ctx context.Context, corpus string, f func(*gate.Stimulus, gate.Ref, gate.Header) error) error {
	r, err := tape.Open(corpus)
	if err != nil {
		return err
	}
	defer r.Close()
	header := r.Header()
	for ctx.Err() == nil {
		rec, ref, err := r.Next()
		if err != nil {
			return nil
		}
		if rec.Stimulus == nil {
			continue
		}
		if err := f(rec.Stimulus, ref, header); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func classKey(channel, sink, class string) uint64 {
	return gate.HashWord(channel + "\x00" + sink + "\x00" + class)
}

// surplus is a delivery that did not cancel.
type surplus struct {
	entry
	copies [2]int // how many equal ones each run has
}

// cancel joins the deliveries of two runs. What both have goes, one for one;
// what is over is returned.
func cancel(b, a []entry) (before, after []surplus, equal uint64) {
	for len(b) > 0 || len(a) > 0 {
		var order int
		switch {
		case len(b) == 0:
			order = 1
		case len(a) == 0:
			order = -1
		default:
			order = bytes.Compare(b[0].digest[:], a[0].digest[:])
		}
		var nb, na int
		if order <= 0 {
			nb = alike(b)
		}
		if order >= 0 {
			na = alike(a)
		}
		both := min(nb, na)
		equal += uint64(both)
		for _, e := range b[both:nb] {
			before = append(before, surplus{e, [2]int{nb, na}})
		}
		for _, e := range a[both:na] {
			after = append(after, surplus{e, [2]int{nb, na}})
		}
		b, a = b[nb:], a[na:]
	}
	return before, after, equal
}

// alike counts the entries at the start of e that have one digest.
func alike(e []entry) int {
	n := 1
	for n < len(e) && e[n].digest == e[0].digest {
		n++
	}
	return n
}
