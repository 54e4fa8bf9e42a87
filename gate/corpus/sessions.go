package corpus

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/waybill-dev/waybill/gate"
)

// sessions say which stimuli belong together. A session is named by a number, which
// is the same wherever and in whatever order its stimuli are read. Two sessions whose
// numbers happen to be the same are taken for one, and so kept together.
type sessions struct {
	bound  map[uint64]bool   // stimuli that others are bound to, and whether they were met
	parent map[uint64]uint64 // of numbers that are not their session's

	headless map[uint64]bool // sessions with a stimulus bound to one that is not in the corpus; nil: not asked
}

func newSessions() *sessions {
	return &sessions{bound: map[uint64]bool{}, parent: map[uint64]uint64{}}
}

func number(kind, text string) uint64 {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return binary.LittleEndian.Uint64(sum[:])
}

// own is the number of s by itself: that of its key, or its id where it has none.
func own(s *gate.Stimulus) uint64 {
	if s.Key != "" {
		return number("key", s.Key)
	}
	return number("id", s.ID)
}

// learn reads a stimulus for the first time.
func (n *sessions) learn(s *gate.Stimulus) {
	for i := range s.Bindings {
		if s.Bindings[i].From == "" { // of a message whose cause is not known
			continue
		}
		from := number("id", s.Bindings[i].From)
		if _, ok := n.bound[from]; !ok {
			n.bound[from] = false
		}
		n.join(from, own(s))
	}
}

// relearn reads a stimulus for the second time, which only makes a difference where
// any is bound to another.
func (n *sessions) relearn(s *gate.Stimulus) {
	id := number("id", s.ID)
	if _, ok := n.bound[id]; ok {
		n.bound[id] = true
		n.join(id, own(s))
	}
}

// complete reports, once all stimuli were read, whether the session of s has all the
// stimuli that its own are bound to.
func (n *sessions) complete(s *gate.Stimulus) bool {
	if n.headless == nil {
		n.headless = map[uint64]bool{}
		for id, met := range n.bound {
			if !met {
				n.headless[n.root(id)] = true
			}
		}
	}
	return !n.headless[n.of(s)]
}

// second reports whether a second reading is needed.
func (n *sessions) second() bool { return len(n.bound) > 0 }

// of is the session of s, once all stimuli were read.
func (n *sessions) of(s *gate.Stimulus) uint64 { return n.root(own(s)) }

// alone reports whether s is certain to be the only one of its session.
func (n *sessions) alone(s *gate.Stimulus) bool {
	if s.Key != "" || len(s.Bindings) > 0 {
		return false
	}
	_, ok := n.bound[own(s)]
	return !ok
}

func (n *sessions) root(x uint64) uint64 {
	top := x
	for {
		p, ok := n.parent[top]
		if !ok {
			break
		}
		top = p
	}
	for x != top { // shorten the way for the next
		x, n.parent[x] = n.parent[x], top
	}
	return top
}

// join makes one session of two. The smaller number names it.
func (n *sessions) join(a, b uint64) {
	a, b = n.root(a), n.root(b)
	switch {
	case a < b:
		n.parent[b] = a
	case b < a:
		n.parent[a] = b
	}
}

// lot gives session x a number that is as good as drawn, by seed.
func lot(seed string, x uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], x)
	sum := sha256.Sum256(append([]byte(seed+"\x00"), b[:]...))
	return binary.LittleEndian.Uint64(sum[:])
}

// study reads a corpus and its sessions. first is called for every record of the first
// reading, and second for the stimuli and messages of the second, which there is where
// any stimulus is bound to another. Either may be nil.
func (o *Options) study(path string, first func(*gate.Record), second func(*sessions, *gate.Record)) (*source, *sessions, error) {
	n := newSessions()
	src, err := o.read(path, func(r *gate.Record) error {
		if r.Stimulus != nil {
			n.learn(r.Stimulus)
		}
		if first != nil {
			first(r)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if !n.second() {
		return src, n, nil
	}
	return src, n, o.again(src, func(r *gate.Record) error {
		if r.Stimulus != nil {
			n.relearn(r.Stimulus)
		}
		if second != nil {
			second(n, r)
		}
		return nil
	})
}
