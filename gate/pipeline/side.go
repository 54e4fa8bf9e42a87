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

	// load gives the messages at positions, in their order.
	load(ctx context.Context, at []position) ([]*gate.Canonical, error)
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

// each calls message for every message of a run, from many goroutines at once, in no order.
func each(ctx context.Context, s side, workers int, message func(*gate.Canonical)) error {
	_, err := s.stream(ctx, workers, func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) { message(m) }
	})
	return err
}

// tapeSide is a run on a tape.
type tapeSide struct {
	path string
	o    *Options
}

// batch is how many records are handed to a worker at once.
const batch = 64

type item struct {
	message *gate.Message
	ref     gate.Ref
	record  uint32
}

func (t *tapeSide) stream(ctx context.Context, workers int, worker func() func(place, *gate.Canonical)) (about, error) {
	r, err := tape.Open(t.path)
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
			d := decoding{o: t.o, header: &a.header}
			message := worker()
			for items := range work {
				if ctx.Err() != nil {
					continue
				}
				for _, it := range items {
					letters, err := d.canonical(it.message, it.ref)
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
	for ctx.Err() == nil {
		rec, ref, err := r.Next()
		if err == io.EOF {
			if f, ok := r.Footer(); ok {
				a.facts.Refused, a.facts.Quiet = f.Refused, f.Quiet
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
		switch rec.Kind {
		case gate.KindStimulus:
			a.facts.Stimuli++
		case gate.KindOutcome:
			a.facts.Stimuli++
		case gate.KindGap:
			a.gaps = append(a.gaps, *rec.Gap)
		case gate.KindMessage:
			a.facts.Messages++
			pending = append(pending, item{rec.Message, ref, record})
			if len(pending) == batch {
				work <- pending
				pending = make([]item, 0, batch)
			}
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

// few is how many records are looked up one by one; more are found by reading on,
// since a look-up undoes a whole frame.
const few = 16

func (t *tapeSide) load(ctx context.Context, at []position) ([]*gate.Canonical, error) {
	r, err := tape.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	header := r.Header()
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int { return at[x].compare(at[y]) })
	next := func(p position) (*gate.Message, gate.Ref, error) { // the message at p, which is behind the last one
		for {
			rec, ref, err := r.Next()
			if err != nil {
				return nil, ref, fmt.Errorf("load message from %s at offset %d: %w", t.path, p.offset, err)
			}
			if ref.Offset == p.offset && uint32(ref.Index) == p.index && rec.Message != nil {
				return rec.Message, ref, nil
			}
		}
	}
	if len(at) <= few {
		next = func(p position) (*gate.Message, gate.Ref, error) {
			ref := gate.Ref{Tape: t.path, Offset: p.offset, Index: int(p.index)}
			rec, err := r.At(ref)
			if err != nil || rec.Message == nil {
				return nil, ref, errors.Join(err, fmt.Errorf("load message from %s at offset %d", t.path, p.offset))
			}
			ref.Seq = rec.Message.Seq
			return rec.Message, ref, nil
		}
	}
	type job struct {
		message *gate.Message
		ref     gate.Ref
		wanted  []int // indexes in at, of this record
	}
	out := make([]*gate.Canonical, len(at))
	work := make(chan job, batch)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for range t.o.workers() {
		wg.Go(func() {
			d := decoding{o: t.o, header: &header}
			for j := range work {
				letters, err := d.canonical(j.message, j.ref)
				for _, i := range j.wanted {
					if err == nil && int(at[i].letter) >= len(letters) {
						err = errors.New("it decoded otherwise than before")
					}
					if err != nil {
						cancel(fmt.Errorf("load message from %s at offset %d: %w", t.path, j.ref.Offset, err))
						break
					}
					out[i] = &letters[at[i].letter]
				}
			}
		})
	}
	for i := 0; i < len(order) && ctx.Err() == nil; {
		p := at[order[i]]
		end := i + 1
		for end < len(order) && at[order[end]].offset == p.offset && at[order[end]].index == p.index {
			end++
		}
		m, ref, err := next(p)
		if err != nil {
			cancel(err)
			break
		}
		work <- job{m, ref, order[i:end]}
		i = end
	}
	close(work)
	wg.Wait()
	return out, context.Cause(ctx)
}

// Load gives the canonical messages of the record that ref points at.
func Load(o Options, ref gate.Ref) ([]gate.Canonical, error) {
	r, err := tape.Open(ref.Tape)
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
	decoders map[[2]string]channel.Decoder
}

func (d *decoding) at(r *tape.Reader, ref gate.Ref) ([]gate.Canonical, error) {
	rec, err := r.At(ref)
	if err != nil {
		return nil, err
	}
	if rec.Message == nil {
		return nil, fmt.Errorf("load message from %s at offset %d, record %d: it is a %s", ref.Tape, ref.Offset, ref.Index, rec.Kind)
	}
	ref.Seq = rec.Message.Seq
	return d.canonical(rec.Message, ref)
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
	out := make([]gate.Canonical, len(decoded))
	for i := range decoded {
		out[i] = d.o.Canon(m, &decoded[i], ref)
		if len(out[i].Recipients) == 0 {
			out[i].Recipients = []gate.Recipient{gate.Unknown()}
		}
	}
	return out, nil
}

// memorySide is a run in memory.
type memorySide []gate.Canonical

func (m memorySide) stream(ctx context.Context, _ int, worker func() func(place, *gate.Canonical)) (about, error) {
	message := worker()
	for i := range m {
		message(place{record: uint32(i)}, &m[i])
	}
	return about{facts: gate.RunFacts{Messages: uint64(len(m))}}, ctx.Err()
}

func (m memorySide) load(_ context.Context, at []position) ([]*gate.Canonical, error) {
	out := make([]*gate.Canonical, len(at))
	for i, p := range at {
		out[i] = &m[p.offset]
	}
	return out, nil
}

// Sample gives up to n messages of the tape at path, spread evenly over it, with all
// that one of them fans out to. Only some frames are read of a long tape: what is
// wrong with it is said by the comparison, and ends the sample here.
func Sample(ctx context.Context, o Options, path string, n int) ([]gate.Canonical, error) {
	r, err := tape.Open(path)
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
	for _, offset := range spread(frames, 4*n) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		records, refs, err := r.Frame(offset)
		if err != nil {
			break
		}
		var here []item
		for i := range records {
			if m := records[i].Message; m != nil {
				here = append(here, item{message: m, ref: refs[i]})
			}
		}
		for _, it := range spread(here, 4*n/len(frames)+1) {
			letters, err := d.canonical(it.message, it.ref)
			if err != nil {
				return nil, err
			}
			found = append(found, letters)
		}
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
