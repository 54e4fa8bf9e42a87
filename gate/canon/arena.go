package canon

import (
	"strings"
	"unicode/utf8"
)

// An arena makes strings that share memory: a message has a hundred short ones.
// They never change, and live as long as one of them does.
type arena struct {
	chunk strings.Builder
	next  int // size of the next chunk in bytes
}

const (
	firstChunk = 1 << 10
	lastChunk  = 16 << 10
)

// reserve makes room for n bytes and says where they will begin.
func (a *arena) reserve(n int) (start int) {
	if a.chunk.Cap()-a.chunk.Len() < n {
		a.next = min(max(2*a.next, firstChunk), lastChunk)
		a.chunk = strings.Builder{}
		a.chunk.Grow(max(n, a.next))
	}
	return a.chunk.Len()
}

func (a *arena) since(start int) string { return a.chunk.String()[start:] }

// copy is b as a string.
func (a *arena) copy(b []byte) string {
	start := a.reserve(len(b))
	a.chunk.Write(b)
	return a.since(start)
}

// join makes a part's name of the name of what it is in, and its own.
func (a *arena) join(in, name string) string {
	if in == "" {
		return name
	}
	return a.concat(in, "/", name)
}

func (a *arena) concat(x, y, z string) string {
	start := a.reserve(len(x) + len(y) + len(z))
	a.chunk.WriteString(x)
	a.chunk.WriteString(y)
	a.chunk.WriteString(z)
	return a.since(start)
}

// collapse is [collapse] of b, or where b is not UTF-8 of its bytes as ISO 8859-1.
func (a *arena) collapse(b []byte) string {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	if ascii, single := survey(b); single && ascii {
		return a.copy(b)
	} else if !ascii && !utf8.Valid(b) {
		return collapse(string(latin1(b)))
	}
	start := a.reserve(len(b))
	from := 0 // b[from:i] is to be copied
	for i := 0; i < len(b); {
		if c := b[i]; c > ' ' || !isSpace(c) || c == ' ' && !isSpace(b[i+1]) { // b ends in no space
			i++
			continue
		}
		a.chunk.Write(b[from:i])
		a.chunk.WriteByte(' ')
		for isSpace(b[i]) {
			i++
		}
		from = i
	}
	a.chunk.Write(b[from:])
	return a.since(start)
}

// survey reports whether b is ASCII, and whether what is white space in it is single
// spaces alone. As a rule both are so.
func survey(b []byte) (ascii, single bool) {
	var all, last byte
	single = true
	for _, c := range b {
		all |= c
		if c <= ' ' && (c != ' ' || last == ' ') {
			single = false
		}
		last = c
	}
	return all < utf8.RuneSelf, single
}
