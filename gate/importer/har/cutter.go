package har

import (
	"bytes"
	"io"
)

// A cutter passes JSON on, with string literals that are too long cut short, so that a
// decoder behind it needs memory for no more than that. It keeps account of each.
type cutter struct {
	in  io.Reader
	max int64 // bytes of a literal that pass, quotes left out

	chunk []byte
	ready []byte // of chunk: what is still to be passed on
	err   error

	inside  bool
	escape  int  // characters of an escape that are to come; -1: the one after a backslash
	unit    int  // value of the escape \u so far
	high    bool // the last character was the first half of a surrogate pair
	passed  int64
	raw     int64 // bytes of the literal that were dropped
	decoded int64 // what they stand for, in bytes of UTF-8

	offset int64 // how many bytes went out
	cuts   []cutLiteral
}

// A cutLiteral is one literal that was cut.
type cutLiteral struct {
	end          int64 // offset behind its last quote, in what went out
	raw, decoded int64
}

const chunkSize = 64 << 10

func newCutter(in io.Reader, max int64) *cutter {
	return &cutter{in: in, max: max, chunk: make([]byte, chunkSize)}
}

func (c *cutter) Read(p []byte) (int, error) {
	for len(c.ready) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		var n int
		n, c.err = c.in.Read(c.chunk)
		c.ready = c.cut(c.chunk[:n])
	}
	n := copy(p, c.ready)
	c.ready = c.ready[n:]
	return n, nil
}

// cut is what is to pass of p, which it changes.
func (c *cutter) cut(p []byte) []byte {
	out := p[:0]
	pass := func(b []byte) {
		out = append(out, b...) // never ahead of what is read
		c.offset += int64(len(b))
	}
	for len(p) > 0 {
		if !c.inside {
			i := bytes.IndexByte(p, '"')
			if i < 0 {
				pass(p)
				break
			}
			pass(p[:i+1])
			p = p[i+1:]
			c.inside, c.escape, c.high, c.passed, c.raw, c.decoded = true, 0, false, 0, 0, 0
			continue
		}
		if n := c.plain(p); n > 0 {
			pass(p[:n])
			c.passed += int64(n)
			p = p[n:]
			continue
		}
		b := p[0]
		if b == '"' && c.escape == 0 {
			pass(p[:1])
			c.inside = false
			if c.raw > 0 {
				c.cuts = append(c.cuts, cutLiteral{c.offset, c.raw, c.decoded})
			}
		} else if c.passed < c.max || c.raw == 0 && c.within(b) {
			pass(p[:1])
			c.passed++
			c.step(b)
		} else {
			c.raw++
			c.decoded += c.step(b)
		}
		p = p[1:]
	}
	return out
}

// stride is how far to look for the next quote, so that text which is full of escapes is
// not looked through to its end for each of them.
const stride = 512

// plain is how many bytes at the beginning of p pass as they are, with nothing in them
// to look at.
func (c *cutter) plain(p []byte) int {
	if c.escape != 0 || c.high || c.passed >= c.max {
		return 0
	}
	p = p[:min(int64(len(p)), c.max-c.passed, stride)]
	if i := bytes.IndexByte(p, '"'); i >= 0 {
		p = p[:i]
	}
	if i := bytes.IndexByte(p, '\\'); i >= 0 {
		p = p[:i]
	}
	return len(p)
}

// within reports whether b goes on with a character that has begun to pass.
func (c *cutter) within(b byte) bool {
	return c.escape != 0 || b&0xc0 == 0x80 || c.high && b == '\\'
}

// step follows escapes (RFC 8259, section 7), and returns for how many bytes of UTF-8 the
// character stands that b ends.
func (c *cutter) step(b byte) int64 {
	switch {
	case c.escape == 0 && b == '\\':
		c.escape = -1
		return 0
	case c.escape == 0:
		c.high = false
		return 1
	case c.escape == -1 && b == 'u':
		c.escape, c.unit = 4, 0
		return 0
	case c.escape == -1:
		c.escape, c.high = 0, false
		return 1
	}
	c.unit = c.unit<<4 | hexDigit(b)
	if c.escape--; c.escape > 0 {
		return 0
	}
	low := c.high && c.unit>>10 == 0xdc00>>10
	c.high = c.unit>>10 == 0xd800>>10
	switch {
	case c.high:
		return 4
	case low:
		return 0
	case c.unit < 0x80:
		return 1
	case c.unit < 0x800:
		return 2
	}
	return 3
}

func hexDigit(b byte) int {
	switch {
	case '0' <= b && b <= '9':
		return int(b - '0')
	case 'a' <= b|0x20 && b|0x20 <= 'f':
		return int(b|0x20-'a') + 10
	}
	return 0 // the decoder refuses it
}
