package http

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
)

const (
	// drainLimit is how many bytes beyond the cap of a body are read and counted.
	// A sender of more is turned away.
	drainLimit = 1 << 30

	firstRead  = 64 << 10 // bytes made ready before any came, whatever the sender announced
	maxTrailer = 64 << 10
)

var (
	errTooLarge = errors.New("the head is too large")
	errEndless  = errors.New("the body is longer than what a sink reads and discards")
)

// A syntaxError is a fault of the sender on which two readers could disagree
// (request smuggling): answered 400, never repaired.
type syntaxError struct{ msg string }

func (e *syntaxError) Error() string { return e.msg }

// readCapped reads r to its end. The first limit bytes are returned, up to drain
// more are counted in cut (drain < 0: any number), and beyond that the error is
// errEndless. hint is how long r says it is, or less than 0.
func readCapped(r io.Reader, hint, limit, drain int64) (body []byte, cut int64, err error) {
	size := int64(512)
	if hint >= 0 {
		size = min(hint, firstRead, limit)
	}
	if size > 0 {
		body = make([]byte, 0, size)
	}
	for int64(len(body)) < limit {
		if len(body) == cap(body) {
			if hint == int64(len(body)) {
				break // the end is due: do not grow to find it
			}
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Read(body[len(body):int(min(int64(cap(body)), limit))])
		body = body[:len(body)+n]
		if err == io.EOF {
			return body, 0, nil
		}
		if err != nil {
			return body, 0, err
		}
	}
	rest := r
	if drain >= 0 {
		rest = io.LimitReader(r, drain+1)
	}
	cut, err = io.Copy(io.Discard, rest)
	if err == nil && drain >= 0 && cut > drain {
		err = errEndless
	}
	return body, cut, err
}

// An exact reader reads n bytes, and says io.ErrUnexpectedEOF where there are fewer.
type exact struct {
	r    io.Reader
	left int64
}

func (e *exact) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > e.left {
		p = p[:e.left]
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	if err == io.EOF && e.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// A chunked reader undoes the chunked transfer coding (RFC 9112, 7.1), and keeps
// what the coding can carry besides the body: trailer fields, extensions.
type chunked struct {
	br         *bufio.Reader
	left       int64
	begun      bool
	done       bool
	trailers   []field
	extensions int // chunks that had one
}

func (c *chunked) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
		if c.done {
			return 0, io.EOF
		}
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.br.Read(p)
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the end of one chunk and the size of the next, or the trailer section.
func (c *chunked) next() error {
	if c.begun {
		if line, err := c.line(); err != nil {
			return err
		} else if line != "" {
			return &syntaxError{"a chunk is longer than its size says"}
		}
	}
	c.begun = true
	line, err := c.line()
	if err != nil {
		return err
	}
	size, _, extended := strings.Cut(line, ";")
	if extended {
		c.extensions++
	}
	size = strings.TrimRight(size, " \t")
	if len(size) > 15 || size == "" || strings.Trim(size, "0123456789abcdefABCDEF") != "" {
		return &syntaxError{"the size of a chunk is not a hexadecimal number"}
	}
	if c.left, err = strconv.ParseInt(size, 16, 64); err != nil {
		return &syntaxError{"the size of a chunk is not a hexadecimal number"}
	}
	if c.left > 0 {
		return nil
	}
	for total := 0; ; {
		line, err := c.line()
		if err != nil {
			return err
		}
		if line == "" {
			c.done = true
			return nil
		}
		if total += len(line); total > maxTrailer {
			return &syntaxError{"the trailer section is too long"}
		}
		f, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(f) || strings.IndexByte(value, 0) >= 0 {
			return &syntaxError{"a trailer line is not a name and a value"}
		}
		c.trailers = append(c.trailers, field{f, strings.Trim(value, " \t")})
	}
}

// line reads one line ended by CRLF, without its end.
func (c *chunked) line() (string, error) {
	b, err := c.br.ReadSlice('\n')
	switch {
	case err == bufio.ErrBufferFull:
		return "", &syntaxError{"a line of the chunked coding is too long"}
	case err == io.EOF:
		return "", io.ErrUnexpectedEOF
	case err != nil:
		return "", err
	case len(b) < 2 || b[len(b)-2] != '\r' || strings.IndexByte(string(b[:len(b)-2]), '\r') >= 0:
		return "", &syntaxError{"a line of the chunked coding does not end in CRLF"}
	}
	return string(b[:len(b)-2]), nil
}

// A framing is how the end of a request body is known (RFC 9112, 6).
type framing struct {
	chunked bool
	length  int64
}

// framingOf refuses all that two readers could take differently: Content-Length
// and Transfer-Encoding together, more than one of either, numbers with signs.
func framingOf(h *head) (framing, error) {
	var f framing
	lengths, codings := 0, 0
	for _, x := range h.fields {
		switch {
		case strings.EqualFold(x.name, "Content-Length"):
			lengths++
			if x.value == "" || len(x.value) > 18 || strings.Trim(x.value, "0123456789") != "" {
				return f, &syntaxError{"Content-Length is not a number"}
			}
			n, err := strconv.ParseInt(x.value, 10, 64)
			if err != nil {
				return f, &syntaxError{"Content-Length is not a number"}
			}
			f.length = n
		case strings.EqualFold(x.name, "Transfer-Encoding"):
			codings++
			if !strings.EqualFold(x.value, "chunked") {
				return f, &syntaxError{"Transfer-Encoding is not chunked alone, which is all that can be read"}
			}
			f.chunked = true
		}
	}
	switch {
	case lengths > 0 && codings > 0:
		return f, &syntaxError{"the request has both Content-Length and Transfer-Encoding"}
	case lengths > 1 || codings > 1:
		return f, &syntaxError{"the request frames its body twice"}
	case codings > 0 && h.version == "HTTP/1.0":
		return f, &syntaxError{"a request of HTTP/1.0 has Transfer-Encoding"}
	}
	return f, nil
}
