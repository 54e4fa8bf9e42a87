package smtp

import (
	"bytes"
	"errors"
	"io"
)

const (
	maxLine = 64 << 10 // bytes of one command or reply line
	block   = 64 << 10 // bytes of the buffer that a connection begins with
)

// errLongLine says that a line was longer than maxLine. The whole line has been
// read past, so that the next call reads the line after it.
var errLongLine = errors.New("line longer than 65536 bytes")

// A reader takes lines and data from blocks as large as the connection gives. It
// looks for line ends with IndexByte, never byte by byte.
type reader struct {
	read func([]byte) (int, error)
	buf  []byte // buf[r:w] is read and not taken
	r, w int
}

// fill reads at least one byte more, making room for it.
func (b *reader) fill() error {
	switch {
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf) && b.r > 0:
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	if b.w == len(b.buf) {
		b.grow(max(block, 2*len(b.buf)))
	}
	for range 100 {
		n, err := b.read(b.buf[b.w:])
		b.w += n
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// grow makes the buffer at least size bytes long.
func (b *reader) grow(size int) {
	if len(b.buf) >= size {
		return
	}
	larger := make([]byte, size)
	b.w = copy(larger, b.buf[b.r:b.w])
	b.r, b.buf = 0, larger
}

// rest takes all that is read and not taken.
func (b *reader) rest() []byte {
	p := bytes.Clone(b.buf[b.r:b.w])
	b.r, b.w = 0, 0
	return p
}

// line takes one line, ended by CRLF or by LF alone, and returns it without its
// end. It is valid until the next call. io.ErrUnexpectedEOF is the end of input
// within a line.
func (b *reader) line() (line []byte, bareLF bool, err error) {
	for scanned := 0; ; {
		if i := bytes.IndexByte(b.buf[b.r+scanned:b.w], '\n'); i >= 0 {
			line = b.buf[b.r : b.r+scanned+i]
			b.r += scanned + i + 1
			n := len(line)
			if n == 0 || line[n-1] != '\r' {
				bareLF = true
			} else {
				line = line[:n-1]
			}
			if len(line) > maxLine {
				return nil, false, errLongLine
			}
			return line, bareLF, nil
		}
		scanned = b.w - b.r
		if scanned > maxLine+1 {
			return nil, false, b.skipLine()
		}
		if err := b.fill(); err != nil {
			return nil, false, within(err, scanned > 0)
		}
	}
}

// skipLine reads past the next line feed without keeping anything.
func (b *reader) skipLine() error {
	for {
		if i := bytes.IndexByte(b.buf[b.r:b.w], '\n'); i >= 0 {
			b.r += i + 1
			return errLongLine
		}
		b.r, b.w = 0, 0
		if err := b.fill(); err != nil {
			return within(err, true)
		}
	}
}

// data takes the lines after DATA up to and with CRLF "." CRLF, undoing dot
// stuffing (RFC 5321, 4.5.2). The line end before the final dot is the message's.
func (b *reader) data(to *body) error {
	lineStart, afterCR := true, false // what stands before buf[r] is CRLF; is CR
	for {
		if b.r == b.w {
			if err := b.fill(); err != nil {
				return within(err, true)
			}
		}
		p := b.buf[b.r:b.w]
		if lineStart && p[0] == '.' {
			if len(p) < 2 || p[1] == '\r' && len(p) < 3 {
				if err := b.fill(); err != nil {
					return within(err, true)
				}
				continue
			}
			if p[1] == '\r' && p[2] == '\n' {
				b.r += 3
				return nil
			}
			if p[1] != '.' {
				to.loose++
			}
			b.r++
			p = p[1:]
		}
		lineStart = false
		n := 0
		for n < len(p) {
			i := bytes.IndexByte(p[n:], '\n')
			if i < 0 {
				n = len(p)
				afterCR = p[n-1] == '\r'
				break
			}
			n += i + 1
			crlf := afterCR && n == 1 || n > 1 && p[n-2] == '\r'
			afterCR = false
			if !crlf {
				to.bareLF++
				continue
			}
			to.crlf++
			if n == len(p) || p[n] == '.' {
				lineStart = true
				break
			}
		}
		to.crs += int64(bytes.Count(p[:n], []byte{'\r'}))
		to.keep(p[:n])
		b.r += n
	}
}

// chunk takes the n bytes after a BDAT command (RFC 3030) as they are; to may be
// nil, for a chunk that was refused.
func (b *reader) chunk(n int64, to *body) error {
	for n > 0 {
		if b.r == b.w {
			if err := b.fill(); err != nil {
				return within(err, true)
			}
		}
		p := b.buf[b.r:b.w]
		if int64(len(p)) > n {
			p = p[:n]
		}
		if to != nil {
			to.chunk(p)
		}
		b.r += len(p)
		n -= int64(len(p))
	}
	return nil
}

// within makes the end of input an unexpected one where something was begun.
func within(err error, begun bool) error {
	if err == io.EOF && begun {
		return io.ErrUnexpectedEOF
	}
	return err
}

// A body collects a message and counts what is odd in it.
type body struct {
	bytes []byte
	max   int64 // bytes that are kept
	cut   int64 // bytes beyond max

	crs, crlf, bareLF int64
	loose             int64 // lines that began with one dot and not two
	endCR             bool  // the chunk before ended with CR
}

func (b *body) keep(p []byte) {
	if room := b.max - int64(len(b.bytes)); int64(len(p)) > room {
		b.cut += int64(len(p)) - room
		p = p[:room]
	}
	b.bytes = append(b.bytes, p...)
}

// chunk keeps p, of which nothing is known of its line ends.
func (b *body) chunk(p []byte) {
	pairs := int64(bytes.Count(p, []byte{'\r', '\n'}))
	if b.endCR && p[0] == '\n' {
		pairs++
	}
	b.endCR = p[len(p)-1] == '\r'
	b.crlf += pairs
	b.crs += int64(bytes.Count(p, []byte{'\r'}))
	b.bareLF += int64(bytes.Count(p, []byte{'\n'})) - pairs
	b.keep(p)
}

func (b *body) bareCR() int64 { return b.crs - b.crlf }

// ambiguousEnds counts the places in a message where a server less strict than RFC
// 5321, 4.1.1.4, would end it: a dot alone between line ends of which the first is
// a bare LF or a bare CR. What follows such a place may be run as commands.
func ambiguousEnds(message []byte) int {
	n := 0
	for at := 0; ; {
		i := bytes.IndexByte(message[at:], '.')
		if i < 0 {
			return n
		}
		i += at
		at = i + 1
		if i == 0 || at == len(message) || message[at] != '\r' && message[at] != '\n' {
			continue
		}
		before := message[i-1]
		if before == '\r' || before == '\n' && (i == 1 || message[i-2] != '\r') {
			n++
		}
	}
}
