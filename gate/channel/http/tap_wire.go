package http

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// What of a connection a tap cannot follow. The bytes pass all the same.
var (
	errLongHead   = errors.New("a head is longer than 1 MiB")
	errNoHead     = errors.New("what passed is not HTTP/1")
	errFraming    = errors.New("where a body ends can be taken in two ways")
	errChunk      = errors.New("a chunked body breaks the rules of its coding")
	errLongChunks = errors.New("a line of a chunked body is longer than 64 KiB")
)

// endOfHead is how many bytes of p a head takes with the blank line that ends it,
// and how many without, or 0 where it does not end in p. Lines end in CRLF or LF.
// The search begins at from.
func endOfHead(p []byte, from int) (whole, text int) {
	for at := from; ; {
		i := bytes.IndexByte(p[at:], '\n')
		if i < 0 {
			return 0, 0
		}
		at += i + 1
		switch {
		case at < len(p) && p[at] == '\n':
			return at + 1, at
		case at+1 < len(p) && p[at] == '\r' && p[at+1] == '\n':
			return at + 2, at
		}
	}
}

// A headReader collects a head from the pieces in which it passes.
type headReader struct{ part []byte }

// feed takes bytes of p. done says that the head is whole: text is it, without its
// blank line, valid until the next call. Blank lines before it are passed over (RFC
// 9112, 2.2).
func (r *headReader) feed(p []byte) (n int, text []byte, done bool, err error) {
	if len(r.part) == 0 {
		for n < len(p) && (p[n] == '\r' || p[n] == '\n') {
			n++
		}
		if whole, end := endOfHead(p[n:], 0); whole > 0 {
			return n + whole, p[n : n+end], true, nil
		}
		r.part = append(r.part, p[n:]...)
		return len(p), nil, false, r.tooLong()
	}
	before := len(r.part)
	r.part = append(r.part, p...)
	whole, end := endOfHead(r.part, max(0, before-2))
	if whole == 0 {
		return len(p), nil, false, r.tooLong()
	}
	text, r.part = r.part[:end], r.part[:0]
	return whole - before, text, true, nil
}

func (r *headReader) tooLong() error {
	if len(r.part) > maxHead {
		return errLongHead
	}
	return nil
}

// begun reports whether some of a head has come.
func (r *headReader) begun() bool { return len(r.part) > 0 }

// A wireHead is what a tap must know of a head. Its slices are parts of the head.
type wireHead struct {
	first         []byte // request line or status line, without its end
	method        []byte
	target        []byte
	status        int
	old           bool  // HTTP/1.0
	length        int64 // Content-Length, or -1
	chunked       bool
	upgrade       bool
	bareLF        int
	host          []byte
	contentType   []byte
	cookie        []byte
	authorization []byte
	setCookie     [][]byte
}

// readWireHead reads a head as far as a tap must. Errors are of framing alone:
// everything else is left to those who are meant by it.
func readWireHead(text []byte, request bool) (h wireHead, err error) {
	h.length = -1
	line, rest := h.cut(text)
	h.first = line
	if request {
		var ok bool
		var version []byte
		h.method, line, ok = bytes.Cut(line, []byte{' '})
		i := bytes.LastIndexByte(line, ' ')
		if !ok || i < 0 {
			return h, errNoHead
		}
		h.target, version = line[:i], line[i+1:]
		if !h.version(version) || !isToken(string(h.method)) {
			return h, errNoHead
		}
	} else {
		version, after, _ := bytes.Cut(line, []byte{' '})
		if len(after) < 3 || !h.version(version) {
			return h, errNoHead
		}
		if h.status, err = strconv.Atoi(string(after[:3])); err != nil || h.status < 100 {
			return h, errNoHead
		}
	}
	codings := 0
	for len(rest) > 0 {
		line, rest = h.cut(rest)
		colon := bytes.IndexByte(line, ':')
		if colon <= 0 {
			if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
				return h, errFraming // folded: the line before may frame the body
			}
			continue
		}
		switch name := line[:colon]; {
		case line[0] == ' ' || line[0] == '\t':
			return h, errFraming
		case line[colon-1] == ' ' || line[colon-1] == '\t':
			return h, errFraming
		case colon == len("Content-Length") && is(name, "content-length"):
			n, ok := contentLength(value(line, colon))
			if !ok || h.length >= 0 && h.length != n {
				return h, errFraming
			}
			h.length = n
		case colon == len("Transfer-Encoding") && is(name, "transfer-encoding"):
			codings++
			if !is(value(line, colon), "chunked") {
				return h, errFraming
			}
			h.chunked = true
		case colon == len("Upgrade") && is(name, "upgrade"):
			h.upgrade = true
		case colon == len("Host") && is(name, "host"):
			h.host = value(line, colon)
		case colon == len("Cookie") && is(name, "cookie"):
			h.cookie = value(line, colon)
		case colon == len("Set-Cookie") && is(name, "set-cookie"):
			h.setCookie = append(h.setCookie, value(line, colon))
		case colon == len("Content-Type") && is(name, "content-type"):
			h.contentType = value(line, colon)
		case colon == len("Authorization") && is(name, "authorization"):
			h.authorization = value(line, colon)
		}
	}
	if codings > 1 || h.chunked && (h.old || request && h.length >= 0) {
		return h, errFraming
	}
	return h, nil
}

// cut splits s after its first line end.
func (h *wireHead) cut(s []byte) (line, rest []byte) {
	i := bytes.IndexByte(s, '\n')
	if i < 0 {
		return s, nil
	}
	line, rest = s[:i], s[i+1:]
	if i > 0 && line[i-1] == '\r' {
		return line[:i-1], rest
	}
	h.bareLF++
	return line, rest
}

func (h *wireHead) version(v []byte) bool {
	h.old = string(v) == "HTTP/1.0"
	return h.old || string(v) == "HTTP/1.1"
}

func value(line []byte, colon int) []byte { return bytes.Trim(line[colon+1:], " \t") }

// is compares without regard to case; lower is in lower case.
func is(b []byte, lower string) bool {
	return len(b) == len(lower) && strings.EqualFold(string(b), lower)
}

// contentLength reads a number that is digits alone.
func contentLength(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 18 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// A bodyReader follows one body to its end (RFC 9112, 6).
type bodyReader struct {
	chunked    bool
	untilClose bool
	left       int64 // of the body, or of the chunk

	in         chunkPart
	line       []byte
	trailers   []field
	trailing   int // bytes of the trailer section so far
	extensions extensions
}

// A chunkPart is where in the chunked coding (RFC 9112, 7.1) a reader stands.
type chunkPart uint8

const (
	atSize chunkPart = iota
	inData
	afterData
	inTrailer
)

// feed takes bytes of p, and gives those that are content to keep. done says that
// the body has ended after the n-th byte.
func (r *bodyReader) feed(p []byte, keep func([]byte)) (n int, done bool, err error) {
	switch {
	case r.untilClose:
		keep(p)
		return len(p), false, nil
	case !r.chunked:
		n = int(min(int64(len(p)), r.left))
		keep(p[:n])
		r.left -= int64(n)
		return n, r.left == 0, nil
	}
	for n < len(p) {
		if r.in == inData {
			k := int(min(int64(len(p)-n), r.left))
			keep(p[n : n+k])
			n += k
			if r.left -= int64(k); r.left == 0 {
				r.in = afterData
			}
			continue
		}
		i := bytes.IndexByte(p[n:], '\n')
		if i < 0 {
			if r.line = append(r.line, p[n:]...); len(r.line) > maxTrailer {
				return n, false, errLongChunks
			}
			return len(p), false, nil
		}
		line := p[n : n+i+1]
		if len(r.line) > 0 {
			r.line = append(r.line, line...)
			line, r.line = r.line, r.line[:0]
		}
		n += i + 1
		if done, err = r.coding(line); done || err != nil {
			return n, done, err
		}
	}
	return n, false, nil
}

// coding reads one line of the coding, with its end.
func (r *bodyReader) coding(line []byte) (done bool, err error) {
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return false, errChunk
	}
	line = line[:len(line)-2]
	switch r.in {
	case afterData:
		if len(line) > 0 {
			return false, errChunk
		}
		r.in = atSize
	case atSize:
		size, extension, extended := bytes.Cut(line, []byte{';'})
		if extended {
			r.extensions.add(extension)
		}
		if r.left, err = chunkSize(bytes.TrimRight(size, " \t")); err != nil {
			return false, err
		}
		if r.in = inData; r.left == 0 {
			r.in = inTrailer
		}
	case inTrailer:
		if len(line) == 0 {
			return true, nil
		}
		if r.trailing += len(line); r.trailing > maxTrailer {
			return false, errLongChunks
		}
		name, value, ok := strings.Cut(string(line), ":")
		if !ok {
			return false, errChunk
		}
		r.trailers = append(r.trailers, field{name, strings.Trim(value, " \t")})
	}
	return false, nil
}

func chunkSize(b []byte) (int64, error) {
	if len(b) == 0 || len(b) > 15 {
		return 0, errChunk
	}
	var n int64
	for _, c := range b {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errChunk
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// bodyOfRequest is how the body behind h ends; none says that there is no body.
func bodyOfRequest(h *wireHead) (r bodyReader, none bool) {
	return bodyReader{chunked: h.chunked, left: max(h.length, 0)}, !h.chunked && h.length <= 0
}

// bodyOfAnswer is how the body behind h ends, of an answer to a request of that
// method (RFC 9112, 6.3).
func bodyOfAnswer(h *wireHead, head bool) (r bodyReader, none bool) {
	switch {
	case head, h.status < 200, h.status == 204, h.status == 304:
		return r, true
	case h.chunked:
		return bodyReader{chunked: true}, false
	case h.length >= 0:
		return bodyReader{left: h.length}, h.length == 0
	}
	return bodyReader{untilClose: true}, false
}
