package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/tape"
)

// position is where a canonical message stands in its run: a record, and, since
// one request may fan out to many messages, which of those of the record.
type position struct {
	offset int64
	index  uint32
	letter uint32
}

// A side is one run to be compared.
type side interface {
	// stream calls worker in each of some goroutines, and what it gave for every
	// message that falls to that goroutine, in no order. It gives what the run says
	// of itself.
	stream(ctx context.Context, workers int, worker func() func(place, *gate.Canonical)) (about, error)

	// load calls each, from many goroutines and in no order, for every message at one of
	// the positions, with the indexes of those that are its.
	load(ctx context.Context, at []position, each func(of []int, m *gate.Canonical) error) error
}

// about is what a run says of itself.
type about struct {
	header  gate.Header
	digest  string // of a corpus
	facts   gate.RunFacts
	whole   bool // it is a tape, and was read to its footer
	gaps    []gate.Gap
	next    uint32   // number of the next record
	extents []extent // of a tape, in order; none means that each record has its own
	skipped skipped  // links that the gate did not ask for
}

// An extent says which of a run's records is the first of a frame of its tape.
type extent struct {
	offset int64
	first  uint32
}

// position is where on its tape the record of p stands.
func (a *about) position(p place) position {
	if len(a.extents) == 0 {
		return position{offset: int64(p.record), letter: p.letter}
	}
	i, found := slices.BinarySearchFunc(a.extents, p.record, func(e extent, record uint32) int { return cmp.Compare(e.first, record) })
	if !found {
		i--
	}
	return position{a.extents[i].offset, p.record - a.extents[i].first, p.letter}
}

// tapeSide is a run on a tape: what it sent, or, where askers are known, what it answered.
type tapeSide struct {
	path   string
	o      *Options
	askers askers
}

// batch is how many records are handed to a worker at once.
const batch = 64

type item struct {
	message *gate.Message
	outcome *gate.Outcome // or this
	ref     gate.Ref
	record  uint32
}

func (t *tapeSide) stream(ctx context.Context, workers int, worker func() func(place, *gate.Canonical)) (about, error) {
	r, err := t.o.Keys.Open(t.path)
	if err != nil {
		return about{}, err
	}
	defer r.Close()
	a := about{header: r.Header()}
	a.facts = gate.RunFacts{Build: a.header.Build, Tape: t.path, Sealed: a.header.Sealed}
	if a.header.Content == gate.CorpusTape {
		if a.digest, err = r.Digest(); err != nil {
			a.digest = "" // the damage is met again below, and is a gap there
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan []item, workers)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			d := decoding{o: t.o, header: &a.header, askers: t.askers}
			message := worker()
			for items := range work {
				if ctx.Err() != nil {
					continue
				}
				for _, it := range items {
					letters, err := d.letters(it.message, it.outcome, it.ref)
					if err != nil {
						cancel(fmt.Errorf("read message %d of %s: %w", it.ref.Seq, t.path, err))
						break
					}
					for i := range letters {
						message(place{it.record, uint32(i)}, &letters[i])
					}
				}
			}
		})
	}
	err = t.records(ctx, r, &a, work)
	close(work)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return about{}, cause
	}
	return a, err
}

// records reads the tape to its end and hands messages to work.
func (t *tapeSide) records(ctx context.Context, r *tape.Reader, a *about, work chan<- []item) error {
	pending := make([]item, 0, batch)
	defer func() {
		if len(pending) > 0 {
			work <- pending
		}
	}()
	add := func(it item) {
		if pending = append(pending, it); len(pending) == batch {
			work <- pending
			pending = make([]item, 0, batch)
		}
	}
	for ctx.Err() == nil {
		rec, ref, err := r.Next()
		if err == io.EOF {
			if f, ok := r.Footer(); ok {
				a.facts.Refused, a.facts.Quiet = f.Refused, f.Quiet
				a.facts.Settle, a.facts.Linger, a.facts.Exposed = f.Settle, f.Linger, f.Exposed
				if t.askers == nil { // else it is told where what was sent is compared
					a.facts.State = f.State
				}
				a.whole = true
			}
			return nil
		}
		var torn *tape.TornError
		var damaged *tape.DamagedError
		if errors.As(err, &torn) || errors.As(err, &damaged) {
			a.gaps = append(a.gaps, gate.Gap{Kind: gate.GapTornTape, Where: t.path, Detail: err.Error()})
			return nil
		}
		if err != nil {
			return err
		}
		record, err := a.number(ref)
		if err != nil {
			return fmt.Errorf("read %s: %w", t.path, err)
		}
		switch {
		case rec.Kind == gate.KindStimulus:
			a.facts.Stimuli++
		case rec.Kind == gate.KindOutcome && t.askers != nil:
			if rec.Outcome.Ask == nil {
				a.facts.Stimuli++
			} else {
				a.skip(rec.Outcome.Ask)
			}
			if t.askers.answered(rec.Outcome) {
				a.facts.Messages++
				add(item{outcome: rec.Outcome, ref: ref, record: record})
			}
		case rec.Kind == gate.KindOutcome:
			if rec.Outcome.Ask == nil {
				a.facts.Stimuli++
			}
		case t.askers != nil: // what it sent, and did not see, is told where that is compared
		case rec.Kind == gate.KindGap:
			a.gaps = append(a.gaps, *rec.Gap)
		case rec.Kind == gate.KindMessage:
			a.facts.Messages++
			add(item{message: rec.Message, ref: ref, record: record})
		}
	}
	return nil
}

// number gives the record at ref, which comes after all that were numbered before,
// its number in the run.
func (a *about) number(ref gate.Ref) (uint32, error) {
	if n := len(a.extents); n == 0 || a.extents[n-1].offset != ref.Offset {
		a.extents = append(a.extents, extent{ref.Offset, a.next})
	}
	n := uint64(a.extents[len(a.extents)-1].first) + uint64(ref.Index)
	if n >= math.MaxUint32 {
		return 0, errors.New("it has more records than can be compared at once: compare it in shards")
	}
	a.next = uint32(n) + 1
	return uint32(n), nil
}

func (t *tapeSide) load(ctx context.Context, at []position, each func(of []int, m *gate.Canonical) error) error {
	groups := grouped(at)
	places := make([]position, len(groups))
	for i, of := range groups {
		places[i] = at[of[0]]
	}
	return t.visit(ctx, places, func(i, end int, letters []gate.Canonical) error {
		for ; i < end; i++ {
			if int(places[i].letter) >= len(letters) {
				return errDecoded
			}
			if err := each(groups[i], &letters[places[i].letter]); err != nil {
				return err
			}
		}
		return nil
	})
}

var errDecoded = errors.New("it decoded otherwise than before")

// visit calls each, from many goroutines and in no order, for every record that at,
// which is sorted, points into: with the range of at that does, and its messages. Of
// the tape it reads the frames of these alone.
func (t *tapeSide) visit(ctx context.Context, at []position, each func(i, end int, letters []gate.Canonical) error) error {
	r, err := t.o.Keys.Open(t.path)
	if err != nil {
		return err
	}
	defer r.Close()
	header := r.Header()
	frames := make(chan [2]int)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range t.o.workers() {
		wg.Go(func() {
			d := decoding{o: t.o, header: &header, askers: t.askers}
			for f := range frames {
				if ctx.Err() != nil {
					continue
				}
				if err := d.frame(r, at[f[0]:f[1]], func(i, end int, letters []gate.Canonical) error { return each(f[0]+i, f[0]+end, letters) }); err != nil {
					cancel(fmt.Errorf("load message from %s at offset %d: %w", t.path, at[f[0]].offset, err))
				}
			}
		})
	}
	for i := 0; i < len(at) && ctx.Err() == nil; {
		end := i + 1
		for end < len(at) && at[end].offset == at[i].offset {
			end++
		}
		frames <- [2]int{i, end}
		i = end
	}
	close(frames)
	wg.Wait()
	return context.Cause(ctx)
}

// frame calls each for every record of one frame that at, which is sorted, points into.
func (d *decoding) frame(r *tape.Reader, at []position, each func(i, end int, letters []gate.Canonical) error) error {
	records, refs, err := r.Frame(at[0].offset)
	if err != nil {
		return err
	}
	for i := 0; i < len(at); {
		n := at[i].index
		end := i + 1
		for end < len(at) && at[end].index == n {
			end++
		}
		if int(n) >= len(records) || records[n].Message == nil && records[n].Outcome == nil {
			return fmt.Errorf("record %d is no message", n)
		}
		letters, err := d.letters(records[n].Message, records[n].Outcome, refs[n])
		if err != nil {
			return err
		}
		if err := each(i, end, letters); err != nil {
			return err
		}
		i = end
	}
	return nil
}

// Load gives the canonical messages of the record that ref points at.
func Load(o Options, ref gate.Ref) ([]gate.Canonical, error) {
	r, err := o.Keys.Open(ref.Tape)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	header := r.Header()
	return (&decoding{o: &o, header: &header}).at(r, ref)
}

// decoding turns messages of one tape into canonical ones. It is for one goroutine.
type decoding struct {
	o        *Options
	header   *gate.Header
	askers   askers
	decoders map[[2]string]channel.Decoder
}

func (d *decoding) at(r *tape.Reader, ref gate.Ref) ([]gate.Canonical, error) {
	rec, err := r.At(ref)
	if err != nil {
		return nil, err
	}
	if rec.Message == nil && rec.Outcome == nil {
		return nil, fmt.Errorf("load message from %s at offset %d, record %d: it is a %s", ref.Tape, ref.Offset, ref.Index, rec.Kind)
	}
	if rec.Message != nil {
		ref.Seq = rec.Message.Seq
	}
	return d.letters(rec.Message, rec.Outcome, ref)
}

// letters gives what one record is compared as: a message, or an answer.
func (d *decoding) letters(m *gate.Message, answer *gate.Outcome, ref gate.Ref) ([]gate.Canonical, error) {
	if answer != nil {
		return d.reply(answer, ref)
	}
	return d.canonical(m, ref)
}

func (d *decoding) canonical(m *gate.Message, ref gate.Ref) ([]gate.Canonical, error) {
	k := [2]string{m.Channel, m.Sink}
	decode := d.decoders[k]
	if decode == nil {
		var err error
		if decode, err = d.o.Decoder(m.Channel, m.Sink, d.header.Settings[m.Sink]); err != nil {
			return nil, err
		}
		if d.decoders == nil {
			d.decoders = map[[2]string]channel.Decoder{}
		}
		d.decoders[k] = decode
	}
	decoded, err := decode(m)
	if err != nil {
		return nil, err
	}
	// Of what was imported it is not known when it was sent.
	_, replayed := d.header.Settings[m.Sink]
	out := make([]gate.Canonical, len(decoded))
	for i := range decoded {
		out[i] = d.o.Canon(m, &decoded[i], ref)
		d.o.revealing.reveal(&out[i])
		if replayed && m.At != 0 {
			out[i].At = m.At
			tellFarDate(&out[i], m.At)
		}
		if len(out[i].Recipients) == 0 {
			out[i].Recipients = []gate.Recipient{gate.Unknown()}
		}
	}
	return out, nil
}

// memorySide is a run in memory.
type memorySide struct {
	messages []gate.Canonical
	o        *Options
}

// at gives a message as it is compared: what is given is not changed.
func (m memorySide) at(i int) *gate.Canonical {
	if r := m.o.revealing; len(m.messages[i].Hidden) == 0 && (r == nil || len(r.shared) == 0) {
		return &m.messages[i]
	}
	c := m.messages[i]
	c.Parts = slices.Clip(c.Parts)
	m.o.revealing.reveal(&c)
	return &c
}

func (m memorySide) stream(ctx context.Context, _ int, worker func() func(place, *gate.Canonical)) (about, error) {
	message := worker()
	for i := range m.messages {
		message(place{record: uint32(i)}, m.at(i))
	}
	return about{facts: gate.RunFacts{Messages: uint64(len(m.messages))}}, ctx.Err()
}

func (m memorySide) load(_ context.Context, at []position, each func(of []int, m *gate.Canonical) error) error {
	for _, of := range grouped(at) {
		if err := each(of, m.at(int(at[of[0]].offset))); err != nil {
			return err
		}
	}
	return nil
}

// mostSampled is how many bytes the bodies of a sample may have together, and
// largestSampled one of them: a sample is compared several times over, and a mail of
// 64 MiB shows a misdelivery no better than one of 64 KiB does.
const (
	mostSampled    = 16 << 20
	largestSampled = 64 << 10
)

// Sample gives up to n messages of the tape at path, spread evenly over it, with all
// that one of them fans out to. Large messages are left out, and of others as many as
// would make it larger than some MiB; where all are large it is the smallest. Only some frames are read of a long tape: what is
// wrong with it is said by the comparison, and ends the sample here.
func Sample(ctx context.Context, o Options, path string, n int) ([]gate.Canonical, error) {
	r, err := o.Keys.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var frames []int64
	for f, err := range r.Frames() {
		if err != nil {
			break
		}
		frames = append(frames, f.Offset)
	}
	header := r.Header()
	d := decoding{o: &o, header: &header}
	// Frames may hold no message, or one: more are read than messages are asked for.
	// They are made canonical at once, which frees the frame.
	var found [][]gate.Canonical
	var large []item // the smallest of the large ones
	size := 0
	frames = spread(frames, 4*n)
	for i, offset := range frames {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		records, refs, err := r.Frame(offset)
		if err != nil {
			break
		}
		var here []item
		for i := range records {
			m := records[i].Message
			if m == nil {
				continue
			}
			it := item{message: m, ref: refs[i]}
			switch {
			case len(m.Body) <= largestSampled:
				here = append(here, it)
			case len(large) == 0 || len(m.Body) < len(large[0].message.Body):
				large = []item{it}
			}
		}
		allowed := mostSampled * (i + 1) / len(frames) // so that what is left out is not the end of the tape
		for _, it := range spread(here, 4*n/len(frames)+1) {
			if size += len(it.message.Body); size > allowed {
				size -= len(it.message.Body)
				continue
			}
			letters, err := d.canonical(it.message, it.ref)
			if err != nil {
				return nil, err
			}
			found = append(found, letters)
		}
	}
	if len(found) == 0 && len(large) > 0 {
		return d.canonical(large[0].message, large[0].ref)
	}
	return slices.Concat(spread(found, n)...), nil
}

// spread gives up to n of list, evenly.
func spread[T any](list []T, n int) []T {
	if len(list) <= n {
		return list
	}
	out := make([]T, n)
	for i := range out {
		out[i] = list[i*len(list)/n]
	}
	return out
}

// gapList adds gaps up, so that a broken run does not give a million of them: those
// of one kind that say the same of different messages are one, told where it was
// first, and what two stages say of one message counts once. The gaps of one run
// go into one list.
type gapList struct {
	list []gate.Gap
	at   map[gapKey]int
	seen map[gapOf]bool
}

type gapKey struct{ kind, where, detail string }

type gapOf struct {
	kind string
	seq  uint64
}

func (g *gapList) add(gaps ...gate.Gap) {
	if g.at == nil {
		g.at, g.seen = map[gapKey]int{}, map[gapOf]bool{}
	}
	for _, gap := range gaps {
		gap.Count = max(gap.Count, 1)
		k := gapKey{gap.Kind, gap.Where, gap.Detail}
		if gap.Seq > 0 {
			of := gapOf{gap.Kind, gap.Seq}
			if g.seen[of] {
				continue
			}
			g.seen[of] = true
			k.where = ""
		}
		i, ok := g.at[k]
		if !ok {
			g.at[k] = len(g.list)
			g.list = append(g.list, gap)
			continue
		}
		have := &g.list[i]
		if gap.Seq < have.Seq { // the order in which messages are met decides nothing
			have.Seq, have.Where, have.Stimulus = gap.Seq, gap.Where, gap.Stimulus
		}
		have.Count += gap.Count
	}
}
