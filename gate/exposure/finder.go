package exposure

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A finder gives the keys of facts of many messages, one after the other. What it
// finds in a line it remembers: messages of one template share most of theirs. It is
// for one goroutine.
type finder struct {
	// wanted says which keys are given; what it says may change from yes to no, and
	// generation is another number then.
	wanted     func(Key) bool
	generation func() uint64

	// identity, where it is not nil, is told of the addresses and telephone numbers that
	// stand in texts, of each text once at least; further keys that it gives are those
	// of facts that the text holds as well.
	identity func(kind gate.FactKind, value string, also func(Key))

	// number, where it is not nil, is told of numbers and telephone numbers, wanted or not, of
	// those of each text once at least.
	number func(Key)

	lines   map[string]*lineKeys
	keys    []Key
	message uint64 // counts messages
}

// lineKeys is what a line says by itself, and the words at its ends, which make
// phrases with those of other lines.
type lineKeys struct {
	keys       []Key // that are wanted
	generation uint64
	message    uint64 // in which it was last met
	ends       carry
}

// Bounds of what a finder remembers.
const (
	mostLines   = 1 << 13
	longestLine = 1 << 10
)

// of gives the keys of the facts in parts that are wanted, some of them more than
// once. They are f's until it is asked again.
func (f *finder) of(parts []gate.Part) []Key {
	f.keys = f.keys[:0]
	f.message++
	now := f.generation()
	give := scanner{found: func(t *Found) { f.give(t, &f.keys) }}
	for i := range parts {
		p := &parts[i]
		switch p.Kind {
		case gate.Transport, gate.Binary, gate.Addresses:
			In(parts[i:i+1], give.found)
			continue
		case gate.Value:
			give.whole(p.Name, p.Value, "")
		}
		f.text(p.Value, now)
		give.percent(p.Name, p.Value, "", 0)
	}
	return f.keys
}

func (f *finder) give(t *Found, keys *[]Key) {
	f.add(t.Key(), keys)
	if f.number != nil && (t.Kind == gate.FactNumber || t.Kind == gate.FactPhone) {
		f.number(t.Key())
	}
	if f.identity != nil && (t.Kind == gate.FactAddress || t.Kind == gate.FactPhone) {
		f.identity(t.Kind, t.Value(), func(k Key) { f.add(k, keys) })
	}
}

func (f *finder) add(k Key, keys *[]Key) {
	if f.wanted(k) {
		*keys = append(*keys, k)
	}
}

func (f *finder) text(text string, now uint64) {
	var c carry
	for line := range strings.Lines(text) {
		l := f.line(line, now)
		if l.message != f.message {
			l.message = f.message
			f.keys = append(f.keys, l.keys...)
		}
		for i := range min(l.ends.n, len(l.ends.first)) {
			c.add("", l.ends.first[i])
			if c.n >= phraseSize {
				if k := phraseKey(&c.hashes); f.wanted(k) {
					f.keys = append(f.keys, k)
				}
			}
		}
		if l.ends.n > len(l.ends.first) {
			n := c.n - len(l.ends.first) + l.ends.n
			c = l.ends
			c.n = n
		}
	}
}

// line gives what a line says.
func (f *finder) line(line string, now uint64) *lineKeys {
	l := f.lines[line]
	if l != nil && l.generation == now {
		return l
	}
	if l != nil {
		l.keys = keep(l.keys, f.wanted)
		l.generation = now
		return l
	}
	l = &lineKeys{generation: now}
	s := scanner{found: func(t *Found) { f.give(t, &l.keys) }}
	if len(line) <= longestLine {
		line = strings.Clone(line) // not the memory of a message
		if f.lines == nil || len(f.lines) >= mostLines {
			f.lines = map[string]*lineKeys{}
		}
		f.lines[line] = l
	}
	s.line(&l.ends, "", line, "", 0)
	clear(l.ends.words[:])
	return l
}

func keep(keys []Key, wanted func(Key) bool) []Key {
	n := 0
	for _, k := range keys {
		if wanted(k) {
			keys[n] = k
			n++
		}
	}
	return keys[:n]
}
