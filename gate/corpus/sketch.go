package corpus

import (
	"maps"
	"math"
	"math/bits"
	"slices"
	"time"
)

// A Number is of different things. Beyond some ten thousand it is an estimate, which
// one time in twenty is off by more than 1 %.
type Number struct {
	N     uint64 `json:"n"`
	Exact bool   `json:"exact"`
}

// distinct counts different strings in little memory: it keeps the smallest numbers of
// those that their hashes are, from which follows how close together all of them lie
// (Bar-Yossef and others, Counting distinct elements in a data stream, 2002).
type distinct struct {
	smallest []uint64
	limit    uint64 // what is not smaller is not needed; 0 is no limit yet
}

// mostDistinct is how many are counted exactly.
const mostDistinct = 1 << 16

func (d *distinct) add(s string) { d.addHash(number("distinct", s)) }

func (d *distinct) addHash(h uint64) {
	if d.limit != 0 && h >= d.limit {
		return
	}
	if len(d.smallest) == cap(d.smallest) && len(d.smallest) > 0 {
		d.compact()
		d.smallest = slices.Grow(d.smallest, max(64, len(d.smallest)/2))
	}
	d.smallest = append(d.smallest, h)
}

func (d *distinct) compact() {
	slices.Sort(d.smallest)
	d.smallest = slices.Compact(d.smallest)
	if len(d.smallest) > mostDistinct {
		d.limit = d.smallest[mostDistinct]
		d.smallest = d.smallest[:mostDistinct]
	}
}

func (d *distinct) join(e *distinct) {
	for _, h := range e.smallest {
		d.addHash(h)
	}
	if e.limit != 0 && (d.limit == 0 || e.limit < d.limit) {
		d.limit = e.limit
	}
}

func (d *distinct) number() Number {
	d.compact()
	if d.limit == 0 {
		return Number{uint64(len(d.smallest)), true}
	}
	below, _ := slices.BinarySearch(d.smallest, d.limit) // of two that were joined the larger limit holds no more
	return Number{uint64(float64(below) / (float64(d.limit) / math.MaxUint64)), false}
}

// A Size is how many bodies are of From bytes or more and fewer than To.
type Size struct {
	From  uint64 `json:"from"`
	To    uint64 `json:"to"`
	Count uint64 `json:"count"`
}

// sizes counts by powers of four.
type sizes [33]uint64

func (s *sizes) add(n int) { s[(bits.Len64(uint64(n))+1)/2]++ }

func (s *sizes) join(t *sizes) {
	for i, n := range t {
		s[i] += n
	}
}

func (s *sizes) list() []Size {
	var out []Size
	for i, n := range s {
		if n == 0 && len(out) == 0 {
			continue
		}
		from, to := uint64(0), uint64(1)
		if i > 0 {
			from, to = 1<<(2*i-2), 1<<min(2*i, 63)
		}
		out = append(out, Size{from, to, n})
	}
	for len(out) > 0 && out[len(out)-1].Count == 0 {
		out = out[:len(out)-1]
	}
	return out
}

// A Moment is how many records are of the time from At, nanoseconds since 1970 UTC, to the next.
type Moment struct {
	At    int64  `json:"at"`
	Count uint64 `json:"count"`
}

// series counts by time, in steps that grow with the time that there is.
type series struct {
	step int64 // nanoseconds
	n    map[int64]uint64
}

const (
	mostMoments = 2048
	firstStep   = int64(time.Minute)
)

func (s *series) add(at int64, n uint64) {
	if s.n == nil {
		s.n, s.step = map[int64]uint64{}, firstStep
	}
	s.n[floor(at, s.step)] += n
	for len(s.n) > mostMoments {
		s.coarsen()
	}
}

func (s *series) coarsen() {
	s.step *= 2
	coarse := make(map[int64]uint64, len(s.n)/2)
	for at, n := range s.n {
		coarse[floor(at, s.step)] += n
	}
	s.n = coarse
}

// floor is the largest multiple of step that is not above at.
func floor(at, step int64) int64 {
	r := at % step
	if r < 0 {
		r += step
	}
	if at < math.MinInt64+r {
		return math.MinInt64
	}
	return at - r
}

func (s *series) join(t *series) {
	if t.n == nil {
		return
	}
	if s.n == nil {
		s.n, s.step = map[int64]uint64{}, t.step
	}
	for s.step < t.step {
		s.coarsen()
	}
	for at, n := range t.n {
		s.add(at, n)
	}
}

func (s *series) list() ([]Moment, int64) {
	var out []Moment
	for _, at := range slices.Sorted(maps.Keys(s.n)) {
		out = append(out, Moment{at, s.n[at]})
	}
	return out, s.step / int64(time.Second)
}
