package http

import (
	"bytes"
	"errors"
	"io"
)

const (
	readBuffer = 8 << 10  // bytes that a connection is read by
	keptBuffer = 64 << 10 // a buffer that a head made larger than this is given up after it
	maxLine    = 8 << 10  // of the chunked coding, bytes
)

var errTooLarge = errors.New("the head is too large")

// A block reader takes heads, lines and bodies from blocks as large as a
// connection gives. It looks for line ends with IndexByte, never byte by byte.
type block struct {
	from io.Reader
	buf  []byte // buf[r:w] is read and not taken
	r, w int
}

func newBlock(from io.Reader) *block {
	return &block{from: from, buf: make([]byte, readBuffer)}
}

// buffered is how many bytes are read and not taken.
func (b *block) buffered() int { return b.w - b.r }

// blank reports whether nothing but line ends was read and is left.
func (b *block) blank() bool { return len(bytes.Trim(b.buf[b.r:b.w], "\r\n")) == 0 }

// reset forgets what was read, and goes on with another connection.
func (b *block) reset(from io.Reader) { b.from, b.r, b.w = from, 0, 0 }

// room is where the next bytes are to be read, and is never empty.
func (b *block) room() []byte {
	switch {
	case b.r == b.w:
		b.r, b.w = 0, 0
	case b.w == len(b.buf) && b.r > 0:
		b.w = copy(b.buf, b.buf[b.r:b.w])
		b.r = 0
	}
	if b.w == len(b.buf) {
		larger := make([]byte, 2*len(b.buf))
		copy(larger, b.buf[:b.w])
		b.buf = larger
	}
	return b.buf[b.w:]
}

// fill reads at least one byte more.
func (b *block) fill() error {
	room := b.room()
	for range 100 {
		n, err := b.from.Read(room)
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

// peek shows the next n bytes, at most [readBuffer], and takes none. Where there
// are fewer it shows those, and says why.
func (b *block) peek(n int) ([]byte, error) {
	for b.buffered() < n {
		if err := b.fill(); err != nil {
			return b.buf[b.r:b.w], err
		}
	}
	return b.buf[b.r : b.r+n], nil
}

// Read takes what is there, or what one read of the connection gives.
func (b *block) Read(p []byte) (int, error) {
	if b.r == b.w {
		if len(p) >= len(b.buf) {
			return b.from.Read(p)
		}
		if err := b.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.r:b.w])
	b.r += n
	return n, nil
}

// blankLines takes the blank lines that stand before a request line (RFC 9112,
// 2.2). Its error is the end of input, or whatever else keeps the next byte away.
func (b *block) blankLines() error {
	for {
		p, err := b.peek(1)
		if err != nil {
			return err
		}
		if p[0] == '\r' {
			if p, err = b.peek(2); err != nil || p[1] != '\n' {
				return nil // for the head to judge
			}
			b.r++
		} else if p[0] != '\n' {
			return nil
		}
		b.r++
	}
}

// head takes lines, ended by CRLF or by LF alone, up to a blank one, and returns
// them without that one: limit bytes with it, at the most, or the error is
// errTooLarge. They are valid until the next call. The end of input within is
// io.ErrUnexpectedEOF, before the first byte io.EOF. After any other error head
// may be called again, and begins with the same byte.
func (b *block) head(limit int) ([]byte, error) {
	if b.r == b.w && len(b.buf) > keptBuffer {
		b.buf = make([]byte, readBuffer)
	}
	line, seen := 0, 0 // where the current line begins; up to where it was searched
	for {
		for {
			i := bytes.IndexByte(b.buf[b.r+seen:b.w], '\n')
			if i < 0 {
				break
			}
			end := seen + i
			if end == line || end == line+1 && b.buf[b.r+line] == '\r' {
				if end+1 > limit {
					return nil, errTooLarge
				}
				text := b.buf[b.r : b.r+line]
				b.r += end + 1
				return text, nil
			}
			line, seen = end+1, end+1
		}
		if seen = b.buffered(); seen >= limit {
			return nil, errTooLarge
		}
		if err := b.fill(); err != nil {
			return nil, within(err, seen > 0)
		}
	}
}

// line takes one line that must be ended by CRLF, and returns it without its end,
// valid until the next call.
func (b *block) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(b.buf[b.r+seen:b.w], '\n'); i >= 0 {
			line := b.buf[b.r : b.r+seen+i]
			b.r += seen + i + 1
			if n := len(line); n == 0 || bytes.IndexByte(line, '\r') != n-1 {
				return nil, &syntaxError{"a line of the chunked coding does not end in CRLF"}
			}
			return line[:len(line)-1], nil
		}
		if seen = b.buffered(); seen >= maxLine {
			return nil, &syntaxError{"a line of the chunked coding is too long"}
		}
		if err := b.fill(); err != nil {
			return nil, within(err, true)
		}
	}
}

// within makes the end of input an unexpected one where something was begun.
func within(err error, begun bool) error {
	if err == io.EOF && begun {
		return io.ErrUnexpectedEOF
	}
	return err
}
