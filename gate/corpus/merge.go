package corpus

import (
	"container/heap"
	"errors"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Merging says what is allowed of tapes that are merged.
type Merging struct {
	Torn          bool // what stands before the torn end of a tape is taken, and the rest is a gap
	DifferentKeys bool // people may have other pseudonyms in one tape than in another
	Rename        bool // ids of stimuli get the number of their tape in front, from the second on
}

// Merge writes to path the stimuli and messages of the corpora at from, in the order
// of time; those that do not say when they were recorded stay behind what stands
// before them. Messages are numbered anew. Ids of stimuli must differ.
func Merge(o Options, from []string, path string, m Merging) (Result, error) {
	sources := make([]*source, len(from))
	var gaps Gaps
	for i, path := range from {
		src, err := o.read(path, nil)
		switch {
		case err != nil && (src == nil || src.torn == nil):
			return Result{}, err
		case src.torn != nil && src.torn.Writing:
			return Result{}, refused("wait until it is closed, or end what writes it", "%s is still being written", path)
		case src.torn != nil && !m.Torn:
			return Result{}, refused("--torn takes what stands before the torn end, and leaves a gap in the result", "%v", err)
		}
		sources[i] = src
		for _, g := range src.gaps.List() {
			gaps.Add(g)
		}
		if src.torn != nil {
			gaps.Add(gate.Gap{Kind: gate.GapTornTape, Where: base(path),
				Detail: fmt.Sprintf("it ends early, at byte %d: what came after is not in the corpus", src.torn.Offset)})
		}
	}
	h, err := o.header("merge", sources...)
	if err != nil {
		return Result{}, err
	}
	if h.Made[MadeKeys] != "" && !m.DifferentKeys {
		return Result{}, refused("--different-keys merges them all the same",
			"the people in these tapes were replaced under different keys (%s): one person would be several in the merged corpus", h.Made[MadeKeys])
	}
	return o.one(path, h, sources, gaps.List(), func(put func(*gate.Record) error) error {
		return o.interleave(sources, m.Rename, put)
	})
}

// interleave puts the records of all sources in the order of time.
func (o *Options) interleave(sources []*source, rename bool, put func(*gate.Record) error) error {
	var q queue
	defer func() {
		for _, s := range q {
			s.r.Close()
		}
	}()
	for i, src := range sources {
		r, err := o.Keys.Open(src.path)
		if err != nil {
			return err
		}
		s := &stream{r: r, src: src, tape: i, clock: clock{src.first}}
		q = append(q, s)
		if err := s.advance(); err != nil {
			return err
		}
	}
	closed := q[:0]
	var errs []error
	for _, s := range q {
		if s.rec == nil {
			errs = append(errs, s.r.Close())
			continue
		}
		closed = append(closed, s)
	}
	q = closed
	heap.Init(&q)
	taken := map[uint64]int{} // ids, and of which tape
	seq := uint64(0)
	for len(q) > 0 {
		if err := o.stopped(); err != nil {
			return err
		}
		s := q[0]
		rec := s.rec
		switch {
		case rec.Message != nil:
			if o.WithoutMessages {
				rec = nil
				break
			}
			seq++
			rec.Message.Seq = seq
		case rec.Stimulus != nil:
			if rename && s.tape > 0 {
				renamed(rec.Stimulus, s.tape, taken)
			}
			id := number("id", rec.Stimulus.ID)
			if other, ok := taken[id]; ok {
				return refused("--rename gives them ids of their own", "a stimulus of one id stands in %s and in %s: %q", sources[other].path, s.src.path, rec.Stimulus.ID)
			}
			taken[id] = s.tape
		}
		if rec != nil {
			if err := put(rec); err != nil {
				return err
			}
		}
		if err := s.advance(); err != nil {
			return err
		}
		if s.rec != nil {
			heap.Fix(&q, 0)
			continue
		}
		errs = append(errs, heap.Pop(&q).(*stream).r.Close())
	}
	return errors.Join(errs...)
}

// renamed puts the number of its tape before the id of s and those that it is bound to,
// unless such a one was met on another tape alone: the session goes on from there.
func renamed(s *gate.Stimulus, tape int, taken map[uint64]int) {
	front := fmt.Sprintf("t%d/", tape+1)
	s.ID = front + s.ID
	for i := range s.Bindings {
		from := &s.Bindings[i].From
		if *from == "" {
			continue
		}
		_, here := taken[number("id", front+*from)]
		if _, there := taken[number("id", *from)]; here || !there {
			*from = front + *from
		}
	}
}

// A stream is one tape of several that are read at once.
type stream struct {
	r     *tape.Reader
	src   *source
	tape  int
	clock clock
	at    int64
	rec   *gate.Record // the next; nil at the end
}

func (s *stream) advance() error {
	for {
		rec, ref, err := s.r.Next()
		var torn *tape.TornError
		if err == io.EOF || s.src.torn != nil && (errors.As(err, &torn) || err == nil && ref.Offset >= s.src.torn.Offset) {
			s.rec = nil
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Stimulus != nil || rec.Message != nil {
			s.rec, s.at = &rec, s.clock.at(&rec)
			return nil
		}
	}
}

// queue is a heap with the earliest on top, of equal ones that of the first tape.
type queue []*stream

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].tape < q[j].tape
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(*stream)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
