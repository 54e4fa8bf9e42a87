package corpus

import (
	"container/heap"
	"errors"
	"fmt"
	"math"

	"github.com/waybill-dev/waybill/gate"
)

// Much is how much a sample is to hold: Fraction or Stimuli is set.
type Much struct {
	Fraction float64 // of the sessions, above 0 and at most 1
	Stimuli  uint64  // whole sessions until there are as many: a few more where the last has several
	Complete bool    // sessions that are bound to a stimulus which is not in the corpus are left out
}

// Validate reports what is wrong with m.
func (m *Much) Validate() error {
	if (m.Stimuli == 0) == (m.Fraction == 0) {
		return errors.New("by a fraction or a number of stimuli, and only one of them")
	}
	if !(m.Fraction >= 0 && m.Fraction <= 1) {
		return fmt.Errorf("a fraction of %g: it must be above 0 and at most 1", m.Fraction)
	}
	return nil
}

// Sample writes to path whole sessions of the corpus at from, drawn by seed: equal
// seeds give equal samples, and of two fractions the smaller's is within the larger's.
func Sample(o Options, from, path string, much Much, seed string) (Result, error) {
	if err := much.Validate(); err != nil {
		return Result{}, fmt.Errorf("sample %s: %w", from, err)
	}
	src, n, err := o.study(from, nil, nil)
	if err != nil {
		return Result{}, err
	}
	if err := o.messages(src); err != nil {
		return Result{}, err
	}
	how := fmt.Sprintf("sample of a fraction of %g by seed %q", much.Fraction, seed)
	limit := share(much.Fraction)
	wanted := func(s *gate.Stimulus) bool { return !much.Complete || n.complete(s) }
	if much.Stimuli > 0 {
		how = fmt.Sprintf("sample of %d stimuli by seed %q", much.Stimuli, seed)
		if limit, err = o.draw(src, n, wanted, much.Stimuli, seed); err != nil {
			return Result{}, err
		}
	}
	if much.Complete {
		how += ", of complete sessions"
	}
	h, err := o.header(how, src)
	if err != nil {
		return Result{}, err
	}
	return o.one(path, h, []*source{src}, src.gaps.List(), func(put func(*gate.Record) error) error {
		return o.again(src, func(r *gate.Record) error {
			if r.Stimulus == nil || lot(seed, n.of(r.Stimulus)) > limit || !wanted(r.Stimulus) {
				return nil
			}
			return put(r)
		})
	})
}

// share is the largest lot of those that a fraction takes.
func share(fraction float64) uint64 {
	if fraction >= 1 {
		return math.MaxUint64
	}
	return uint64(fraction * math.MaxUint64)
}

// draw gives the largest lot of the sessions that are taken, in the order of their
// lots, until there are most stimuli. It holds no more sessions than those.
func (o *Options) draw(src *source, n *sessions, wanted func(*gate.Stimulus) bool, most uint64, seed string) (uint64, error) {
	drawn := lots{at: map[uint64]int{}}
	limit, total := uint64(math.MaxUint64), uint64(0)
	err := o.again(src, func(r *gate.Record) error {
		if r.Stimulus == nil || !wanted(r.Stimulus) {
			return nil
		}
		l := lot(seed, n.of(r.Stimulus))
		if l > limit {
			return nil
		}
		total++
		if i, ok := drawn.at[l]; ok {
			drawn.list[i].stimuli++
		} else {
			heap.Push(&drawn, drawnLot{l, 1})
		}
		for len(drawn.list) > 1 && total-drawn.list[0].stimuli >= most {
			last := heap.Pop(&drawn).(drawnLot)
			total -= last.stimuli
			limit = last.lot - 1 // what is at that or above will never be taken
		}
		return nil
	})
	return limit, err
}

type drawnLot struct{ lot, stimuli uint64 }

// lots is a heap with the largest lot on top.
type lots struct {
	list []drawnLot
	at   map[uint64]int // where in the list a lot is
}

func (l *lots) Len() int           { return len(l.list) }
func (l *lots) Less(i, j int) bool { return l.list[i].lot > l.list[j].lot }
func (l *lots) Swap(i, j int) {
	l.list[i], l.list[j] = l.list[j], l.list[i]
	l.at[l.list[i].lot], l.at[l.list[j].lot] = i, j
}
func (l *lots) Push(x any) {
	l.at[x.(drawnLot).lot] = len(l.list)
	l.list = append(l.list, x.(drawnLot))
}
func (l *lots) Pop() any {
	last := l.list[len(l.list)-1]
	l.list = l.list[:len(l.list)-1]
	delete(l.at, last.lot)
	return last
}
