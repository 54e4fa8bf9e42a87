package pipeline

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// Postings say which values stand under which keys: who held a fact, which records are
// of a class. They are gathered in memory that does not grow with the run, by sorting
// runs of them on disk and merging these, and are looked up without being loaded.

// A posting is one value under one key.
type posting struct{ key, value uint64 }

func (p posting) compare(q posting) int {
	switch {
	case p.key < q.key || p.key == q.key && p.value < q.value:
		return -1
	case p == q:
		return 0
	}
	return 1
}

const (
	postingSize = 16
	mostPending = 1 << 17 // postings that one worker holds in memory
	fanIn       = 8       // runs of one size that are merged to a larger one
	runBuffer   = 64 << 10
	commonMark  = 1<<64 - 1 // the one value of a key that is common
)

// scratch is a file without a name, to which many append.
type scratch struct {
	file *os.File
	end  atomic.Int64
}

// newScratch makes one in the folder dir.
func newScratch(dir string) (*scratch, error) {
	f, err := os.CreateTemp(dir, ".waybill-*")
	if err != nil {
		return nil, err
	}
	_ = os.Remove(f.Name()) // where an open file cannot be removed, Close does it
	return &scratch{file: f}, nil
}

func (s *scratch) Close() error {
	err := s.file.Close()
	if gone := os.Remove(s.file.Name()); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

// reserve says where n bytes are that nobody else writes to.
func (s *scratch) reserve(n int64) (at int64) { return s.end.Add(n) - n }

// A gathering collects postings of one sort from many goroutines.
type gathering struct {
	disk  *scratch
	most  int  // values of one key that are told apart
	first bool // whether the first of more are kept; else the key is common, and has none

	mu     sync.Mutex
	levels [][]sorted // runs, by how often they were merged

	known      atomic.Pointer[map[uint64]struct{}] // keys found to be common so far
	generation atomic.Uint64                       // of known
}

// sorted is where a sorted run of postings stands.
type sorted struct{ at, n int64 }

func newGathering(disk *scratch, most int, first bool) *gathering {
	g := &gathering{disk: disk, most: most, first: first}
	g.known.Store(&map[uint64]struct{}{})
	return g
}

// common reports whether key is known to be common. It may be without being known.
func (g *gathering) common(key uint64) bool {
	_, ok := (*g.known.Load())[key]
	return ok
}

// A pending is what one goroutine has gathered and not yet sorted.
type pending struct {
	to   *gathering
	list []posting
	last [1 << 10]posting // some of the last ones: a text repeats itself
	err  error
}

func (p *pending) add(key, value uint64) {
	x := posting{key, value}
	last := &p.last[(key^key>>32)%uint64(len(p.last))]
	if *last == x {
		return
	}
	*last = x
	if len(p.list) == mostPending {
		p.flush()
	}
	p.list = append(p.list, x)
}

// flush writes what is pending as a sorted run.
func (p *pending) flush() {
	if len(p.list) == 0 || p.err != nil {
		p.list = p.list[:0]
		return
	}
	slices.SortFunc(p.list, posting.compare)
	p.list = slices.Compact(p.list)
	p.err = p.to.put(0, int64(len(p.list)), func(add func(posting)) error {
		for _, x := range p.list {
			if !p.to.common(x.key) {
				add(x)
			}
		}
		return nil
	})
	p.list = p.list[:0]
}

// put writes a run of what fill adds, in order, n postings at the most. Where there are
// many of its level, they are merged to one of the next.
func (g *gathering) put(level int, n int64, fill func(add func(posting)) error) error {
	run := sorted{at: g.disk.reserve(n * postingSize)}
	out := bufio.NewWriterSize(io.NewOffsetWriter(g.disk.file, run.at), runBuffer)
	var b [postingSize]byte
	err := fill(func(x posting) {
		binary.LittleEndian.PutUint64(b[:], x.key)
		binary.LittleEndian.PutUint64(b[8:], x.value)
		out.Write(b[:])
		run.n++
	})
	if err := errors.Join(err, out.Flush()); err != nil {
		return fmt.Errorf("sort on disk: %w", err)
	}
	g.mu.Lock()
	if len(g.levels) == level {
		g.levels = append(g.levels, nil)
	}
	g.levels[level] = append(g.levels[level], run)
	var full []sorted
	if len(g.levels[level]) == fanIn {
		full, g.levels[level] = g.levels[level], nil
	}
	g.mu.Unlock()
	if full == nil {
		return nil
	}
	n = 0
	for _, run := range full {
		n += run.n
	}
	var found []uint64
	err = g.put(level+1, n, func(add func(posting)) error {
		return g.merge(full, func(key uint64, values []uint64, isCommon bool) error {
			if isCommon {
				found = append(found, key)
				values = append(values[:0], commonMark)
			}
			for _, v := range values {
				add(posting{key, v})
			}
			return nil
		})
	})
	g.learn(found)
	return err
}

// learn adds to the keys that are known to be common.
func (g *gathering) learn(keys []uint64) {
	if len(keys) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	known := maps.Clone(*g.known.Load())
	for _, k := range keys {
		known[k] = struct{}{}
	}
	g.known.Store(&known)
	g.generation.Add(1)
}

// all merges all runs: see merge. Nothing may be pending.
func (g *gathering) all(each func(key uint64, values []uint64, isCommon bool) error) error {
	return g.merge(slices.Concat(g.levels...), each)
}

// merge calls each for every key of runs, in order, with its values, sorted, each once.
// They are each's until it returns, and it may append to none of them.
func (g *gathering) merge(runs []sorted, each func(key uint64, values []uint64, isCommon bool) error) error {
	heads := make([]head, 0, len(runs))
	for _, run := range runs {
		h := head{in: bufio.NewReaderSize(io.NewSectionReader(g.disk.file, run.at, run.n*postingSize), runBuffer)}
		if ok, err := h.next(); err != nil {
			return err
		} else if ok {
			heads = append(heads, h)
		}
	}
	for i := len(heads)/2 - 1; i >= 0; i-- {
		down(heads, i)
	}
	var values []uint64
	for len(heads) > 0 {
		key := heads[0].key
		values = values[:0]
		isCommon := false
		for len(heads) > 0 && heads[0].key == key {
			v := heads[0].value
			switch n := len(values); {
			case v == commonMark && !g.first:
				isCommon = true
			case n > 0 && values[n-1] == v || n == g.most && g.first:
			case n == g.most:
				isCommon = true
			default:
				values = append(values, v)
			}
			ok, err := heads[0].next()
			if err != nil {
				return err
			}
			if !ok {
				heads[0] = heads[len(heads)-1]
				heads = heads[:len(heads)-1]
			}
			down(heads, 0)
		}
		if isCommon {
			values = values[:0]
		}
		if err := each(key, values, isCommon); err != nil {
			return err
		}
	}
	return nil
}

// head is the first posting of a run that was not yet merged.
type head struct {
	posting
	in *bufio.Reader
}

func (h *head) next() (bool, error) {
	var b [postingSize]byte
	if _, err := io.ReadFull(h.in, b[:]); err == io.EOF {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("sort on disk: %w", err)
	}
	h.posting = posting{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:])}
	return true, nil
}

// down lets heads[i] sink to its place in the heap.
func down(heads []head, i int) {
	for {
		least := i
		for _, k := range [2]int{2*i + 1, 2*i + 2} {
			if k < len(heads) && heads[k].compare(heads[least].posting) < 0 {
				least = k
			}
		}
		if least == i {
			return
		}
		heads[i], heads[least] = heads[least], heads[i]
		i = least
	}
}
