package http

import (
	"bytes"
	"errors"
	"io"
	nethttp "net/http"
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

var errEndless = errors.New("the body is longer than what a sink reads and discards")

// A syntaxError is a fault of the sender on which two readers could disagree
// (smuggling): never repaired. A sink answers it with 400.
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

// body takes n bytes. The first limit are returned, the rest are counted in cut;
// more than drain of those (drain < 0: any number) are errEndless.
func (b *block) body(n, limit, drain int64) (body []byte, cut int64, err error) {
	if n <= int64(b.buffered()) {
		p := b.buf[b.r : b.r+int(n)]
		b.r += int(n)
		if n == 0 {
			return nil, 0, nil
		}
		kept := min(n, limit)
		if drain >= 0 && n-kept > drain {
			err = errEndless
		}
		return bytes.Clone(p[:kept]), n - kept, err
	}
	return readCapped(&exact{b, n}, n, limit, drain)
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
	in         *block
	left       int64
	begun      bool
	done       bool
	trailers   []field
	extensions extensions
}

// extensions are what chunks of one body carry behind their sizes (RFC 9112, 7.1.1).
type extensions struct {
	count int      // chunks that had one
	texts []string // of the first ones, as they stand
	size  int      // in bytes
}

func (e *extensions) add(text []byte) {
	e.count++
	if e.size += len(text) + 1; e.size <= maxTrailer {
		e.texts = append(e.texts, strings.Trim(string(text), " \t"))
	}
}

// events says what there was, for the record.
func (e *extensions) events() []string {
	if e.count == 0 {
		return nil
	}
	events := []string{extensionEvent + strconv.Itoa(e.count)}
	for _, text := range e.texts {
		events = append(events, extensionTextEvent+text)
	}
	return events
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
	n, err := c.in.Read(p)
	c.left -= int64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// next reads the end of one chunk and the size of the next, or the trailer section.
func (c *chunked) next() error {
	if c.begun {
		if line, err := c.in.line(); err != nil {
			return err
		} else if len(line) > 0 {
			return &syntaxError{"a chunk is longer than its size says"}
		}
	}
	c.begun = true
	line, err := c.in.line()
	if err != nil {
		return err
	}
	size, extension, extended := bytes.Cut(line, []byte(";"))
	if extended {
		c.extensions.add(extension)
	}
	if c.left, err = chunkSize(bytes.TrimRight(size, " \t")); err != nil {
		return &syntaxError{"the size of a chunk is not a hexadecimal number"}
	}
	if c.left > 0 {
		return nil
	}
	for total := 0; ; {
		line, err := c.in.line()
		if err != nil {
			return err
		}
		if len(line) == 0 {
			c.done = true
			return nil
		}
		if total += len(line); total > maxTrailer {
			return &syntaxError{"the trailer section is too long"}
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok || !isToken(name) || strings.IndexByte(value, 0) >= 0 {
			return &syntaxError{"a trailer line is not a name and a value"}
		}
		c.trailers = append(c.trailers, field{name, strings.Trim(value, " \t")})
	}
}

// A framing is how the end of a body is known (RFC 9112, 6).
type framing struct {
	chunked bool
	length  int64 // where it is not chunked; less than 0 is up to the end of the connection
}

// framingOf refuses all that two readers could take differently: Content-Length
// and Transfer-Encoding together, more than one of either, numbers with signs.
func framingOf(h *head) (framing, error) {
	f, lengths, codings, err := readFraming(h.header)
	switch {
	case err != nil:
		return f, err
	case lengths > 0 && codings > 0:
		return f, &syntaxError{"the request has both Content-Length and Transfer-Encoding"}
	case lengths > 1 || codings > 1:
		return f, &syntaxError{"the request frames its body twice"}
	case codings > 0 && h.version == "HTTP/1.0":
		return f, &syntaxError{"a request of HTTP/1.0 has Transfer-Encoding"}
	}
	return f, nil
}

// framing is how the end of the body behind h is known, for an answer to a request
// of this method (RFC 9112, 6.3). last says that nothing behind it can be trusted.
//
// Content-Length beside Transfer-Encoding is overruled, as that section says, and
// one that is repeated counts once. Refused are numbers that differ, and
// Transfer-Encoding in HTTP/1.0 (6.1).
func (h *statusHead) framing(method string) (f framing, last bool, err error) {
	last = h.has("Connection", "close") || h.version == "HTTP/1.0" && !h.has("Connection", "keep-alive")
	if method == nethttp.MethodHead || h.status < 200 || bodiless(h.status) {
		return framing{}, last, nil
	}
	f, lengths, codings, err := readFraming(h.header)
	switch {
	case err != nil:
		return f, true, err
	case codings > 1:
		return f, true, &syntaxError{"it frames its body twice"}
	case codings > 0 && h.version == "HTTP/1.0":
		return f, true, &syntaxError{"it is of HTTP/1.0 and has Transfer-Encoding"}
	case codings > 0:
		return f, last || lengths > 0, nil
	case lengths == 0:
		return framing{length: -1}, true, nil
	}
	return f, last, nil
}

// readFraming reads the fields that frame a body, and counts them.
func readFraming(h header) (f framing, lengths, codings int, err error) {
	for _, x := range h {
		switch {
		case sameName(x.name, "Content-Length"):
			if x.value == "" || len(x.value) > 18 || strings.Trim(x.value, "0123456789") != "" {
				return f, 0, 0, &syntaxError{"Content-Length is not a number"}
			}
			n, err := strconv.ParseInt(x.value, 10, 64)
			if err != nil || lengths > 0 && n != f.length {
				return f, 0, 0, &syntaxError{"Content-Length is not one number"}
			}
			f.length = n
			lengths++
		case sameName(x.name, "Transfer-Encoding"):
			if !strings.EqualFold(x.value, "chunked") {
				return f, 0, 0, &syntaxError{"Transfer-Encoding is not chunked alone, which is all that can be read"}
			}
			f.chunked = true
			codings++
		}
	}
	return f, lengths, codings, nil
}
