package importer

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
)

// Limits of a [Stream].
const (
	maxStreamHead  = 1 << 20  // bytes of a head
	maxStreamLine  = 64 << 10 // bytes of a line of the chunked coding
	maxStreamField = 2000     // field lines of a head
)

// A Stream parts one direction of a connection of HTTP/1 (RFC 9112) into its messages,
// as bytes come. It reads what framing needs and judges nothing else. What two readers
// could take differently is an error, after which nothing more can be read.
type Stream struct {
	Answers bool  // these are responses, and not requests
	Max     int64 // bytes of a body that are kept

	// Asked is the method of the request that the response at hand answers, of which
	// its framing depends; "" is not known. nil for requests.
	Asked func() string

	// Take takes one message. It is its own from then on.
	Take func(*StreamMessage)

	state   streamState
	line    []byte // what has come of the head, or of a line of the chunked coding
	at      int    // where in line its last line began
	fields  int
	message *StreamMessage
	left    int64 // of the body, or of the chunk
	opaque  int64
}

// A StreamMessage is one request or response.
type StreamMessage struct {
	Head     []byte // first line and field lines, each ended by CRLF
	Body     []byte // its transfer coding undone
	Cut      int64  // bytes of the body beyond that
	Lost     int64  // bytes of it that never came; Body is what stands before them
	Trailers int    // field lines behind a chunked body, which are not kept

	Method, Target, Version string // of a request
	Status                  int    // of a response
}

type streamState int

const (
	inHead streamState = iota
	inCounted
	inChunkSize
	inChunk
	inChunkEnd
	inTrailer
	untilClose
	switched // another protocol, from here to the end
)

// ErrCut is that a stream ended within a message.
var ErrCut = errors.New("it ends within a message")

// Opaque is how many bytes came after the connection was switched to another protocol
// (RFC 9110, sections 7.8 and 9.3.6), of which nothing was read.
func (s *Stream) Opaque() int64 { return s.opaque }

// Switch says that what follows is another protocol.
func (s *Stream) Switch() { s.state = switched }

// Idle reports whether the stream stands between two messages.
func (s *Stream) Idle() bool { return s.state == switched || s.state == inHead && len(s.line) == 0 }

// Write takes what comes next.
func (s *Stream) Write(p []byte) error {
	for len(p) > 0 {
		var err error
		switch s.state {
		case inHead:
			p, err = s.head(p)
		case inCounted, inChunk:
			n := min(int64(len(p)), s.left)
			s.keep(p[:n])
			p = p[n:]
			if s.left -= n; s.left == 0 {
				if s.state == inChunk {
					s.state = inChunkEnd
				} else {
					s.finish()
				}
			}
		case untilClose:
			s.keep(p)
			p = nil
		case switched:
			s.opaque += int64(len(p))
			p = nil
		default:
			p, err = s.coding(p)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Skip says that the next n bytes never come. It reports false, and does nothing, where
// they are not all of a body whose length is known: then nobody knows what follows.
func (s *Stream) Skip(n int64) bool {
	if s.state != inCounted && s.state != inChunk || n > s.left {
		return false
	}
	s.message.Lost += n
	if s.left -= n; s.left == 0 {
		if s.state == inChunk {
			s.state = inChunkEnd
		} else {
			s.finish()
		}
	}
	return true
}

// Close says that nothing more comes.
func (s *Stream) Close() error {
	switch {
	case s.state == untilClose:
		s.finish()
	case !s.Idle():
		return ErrCut
	}
	return nil
}

// head takes the beginning of p into the head, up to its end where that is in p.
func (s *Stream) head(p []byte) ([]byte, error) {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			s.line = append(s.line, p...)
			p = nil
			break
		}
		s.line = append(s.line, p[:i]...)
		p = p[i+1:]
		line := bytes.TrimSuffix(s.line[s.at:], []byte("\r"))
		if len(line) == 0 {
			s.line = s.line[:s.at]
			if s.at == 0 {
				continue // empty lines before a message: RFC 9112, section 2.2
			}
			return p, s.begin()
		}
		s.line = append(s.line[:s.at+len(line)], '\r', '\n')
		s.at = len(s.line)
		if s.fields++; s.fields > maxStreamField {
			return nil, fmt.Errorf("a head has more than %d lines", maxStreamField)
		}
	}
	if len(s.line) > maxStreamHead {
		return nil, fmt.Errorf("a head is longer than %d bytes", maxStreamHead)
	}
	return p, nil
}

// begin reads the head that has come, and finds how the body is framed.
func (s *Stream) begin() error {
	m := &StreamMessage{Head: bytes.Clone(s.line)}
	s.line, s.at, s.fields, s.message = s.line[:0], 0, 0, m
	first, fields, _ := bytes.Cut(m.Head, []byte("\r\n"))
	if err := m.firstLine(string(first), s.Answers); err != nil {
		return err
	}
	length, chunked, err := framing(fields)
	if err != nil {
		return err
	}
	if s.Answers {
		method := s.Asked()
		switch {
		case m.Status == 101, method == "CONNECT" && m.Status/100 == 2:
			s.finish()
			s.state = switched
			return nil
		case m.Status/100 == 1, m.Status == 204, m.Status == 304, method == "HEAD":
			s.finish()
			return nil
		}
	}
	switch {
	case chunked:
		s.state = inChunkSize
	case length > 0:
		s.state, s.left = inCounted, length
	case length < 0 && s.Answers:
		s.state = untilClose
	default:
		s.finish()
	}
	return nil
}

func (m *StreamMessage) firstLine(line string, answer bool) error {
	if answer {
		version, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(rest, " ")
		status, err := strconv.Atoi(code)
		if !isVersion(version) || err != nil || len(code) != 3 || status < 100 || strings.IndexByte(rest, '\r') >= 0 {
			return errors.New("a status line is not a version of HTTP/1 and a status")
		}
		m.Version, m.Status = version, status
		return nil
	}
	var ok1, ok2 bool
	m.Method, line, ok1 = strings.Cut(line, " ")
	m.Target, m.Version, ok2 = strings.Cut(line, " ")
	if !ok1 || !ok2 || !isToken(m.Method) || m.Target == "" || strings.ContainsFunc(m.Target, unicode.IsControl) || !isVersion(m.Version) {
		return errors.New("a request line is not a method, a target and a version of HTTP/1")
	}
	return nil
}

func isVersion(s string) bool {
	minor, ok := strings.CutPrefix(s, "HTTP/1.")
	return ok && len(minor) == 1 && minor[0] >= '0' && minor[0] <= '9'
}

// framing is RFC 9112, section 6. length is less than 0 where it is not said.
func framing(fields []byte) (length int64, chunked bool, err error) {
	length = -1
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isToken(string(name)) || bytes.ContainsAny(line, "\r\x00") {
			return 0, false, errors.New("a field line of a head has no name, or a character that may not stand in it")
		}
		text := strings.Trim(string(value), " \t")
		switch {
		case strings.EqualFold(string(name), "Content-Length"):
			n, err := strconv.ParseInt(text, 10, 63)
			if err != nil || n < 0 || text[0] == '+' || length >= 0 && n != length {
				return 0, false, errors.New("Content-Length is not one number")
			}
			length = n
		case strings.EqualFold(string(name), "Transfer-Encoding"):
			if !strings.EqualFold(text, "chunked") || chunked {
				return 0, false, errors.New("Transfer-Encoding is not chunked alone")
			}
			chunked = true
		}
	}
	if chunked && length >= 0 {
		return 0, false, errors.New("a message has both Content-Length and Transfer-Encoding")
	}
	return length, chunked, nil
}

// coding takes lines of the chunked coding (RFC 9112, section 7.1).
func (s *Stream) coding(p []byte) ([]byte, error) {
	i := bytes.IndexByte(p, '\n')
	if len(s.line)+max(i, 0) > maxStreamLine || i < 0 && len(s.line)+len(p) > maxStreamLine {
		return nil, errors.New("a line of the chunked coding is too long")
	}
	if i < 0 {
		s.line = append(s.line, p...)
		return nil, nil
	}
	s.line = append(s.line, p[:i]...)
	p = p[i+1:]
	line := string(bytes.TrimSuffix(s.line, []byte("\r")))
	s.line = s.line[:0]
	switch s.state {
	case inChunkEnd:
		if line != "" {
			return nil, errors.New("a chunk is longer than its size says")
		}
		s.state = inChunkSize
	case inChunkSize:
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseInt(strings.TrimRight(size, " \t"), 16, 63)
		if err != nil || n < 0 || size[0] == '+' {
			return nil, errors.New("the size of a chunk is not a hexadecimal number")
		}
		s.left, s.state = n, inChunk
		if n == 0 {
			s.state = inTrailer
		}
	default:
		if line == "" {
			s.finish()
		} else if s.message.Trailers++; s.message.Trailers > maxStreamField {
			return nil, errors.New("there are too many trailer fields")
		}
	}
	return p, nil
}

func (s *Stream) keep(p []byte) {
	m := s.message
	room := min(int64(len(p)), s.Max-int64(len(m.Body)))
	if m.Lost > 0 {
		room = 0
	}
	m.Body = append(m.Body, p[:room]...)
	m.Cut += int64(len(p)) - room
}

func (s *Stream) finish() {
	m := s.message
	s.message, s.state = nil, inHead
	s.Take(m)
}

// Field is the value of the first field line of that name, in any case, in a head whose
// lines end in CRLF; "" where there is none.
func Field(head []byte, name string) string {
	_, fields, _ := bytes.Cut(head, []byte("\r\n"))
	for len(fields) > 0 {
		var line []byte
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && strings.EqualFold(string(key), name) {
			return strings.Trim(string(value), " \t")
		}
	}
	return ""
}

// Host is the authority that a request is for, as it is written (RFC 9112, section 3.3): of
// the target where that is in absolute form, else of Host; "" where it has neither. A URL
// further on in a target is a value, and names no host.
func (m *StreamMessage) Host() string {
	for _, scheme := range []string{"http://", "https://"} {
		if len(m.Target) < len(scheme) || !strings.EqualFold(m.Target[:len(scheme)], scheme) {
			continue
		}
		authority := m.Target[len(scheme):]
		if i := strings.IndexAny(authority, "/?#"); i >= 0 {
			authority = authority[:i]
		}
		if authority = authority[strings.LastIndexByte(authority, '@')+1:]; authority != "" {
			return authority
		}
	}
	return Field(m.Head, "Host")
}

// hosts reports whether a request has more than one Host field, of which two readers may
// take two (RFC 9112, section 3.2).
func (m *StreamMessage) hosts() bool {
	_, fields, _ := bytes.Cut(m.Head, []byte("\r\n"))
	first, known := "", false
	for line := range bytes.SplitSeq(fields, []byte("\r\n")) {
		name, value, _ := strings.Cut(string(line), ":")
		if !strings.EqualFold(name, "Host") {
			continue
		}
		value = strings.Trim(value, " \t")
		if known && !strings.EqualFold(first, value) {
			return true
		}
		first, known = value, true
	}
	return false
}

// Unplayable says why a request cannot be sent again by itself, naming nobody; "" is that
// it can.
func (m *StreamMessage) Unplayable() string {
	switch {
	case m.Method == "CONNECT":
		return Tunnel
	case strings.EqualFold(Field(m.Head, "Upgrade"), "websocket"):
		return WebSocket
	case m.Method == "PRI" && m.Target == "*":
		return "HTTP/2 is not read"
	case m.hosts():
		return "a request names two hosts"
	}
	return ""
}

// Outcome is the response as what production answered.
func (m *StreamMessage) Outcome() *gate.Outcome {
	return &gate.Outcome{Status: m.Status, Cut: m.Cut + m.Lost, Head: m.Head, Body: m.Body}
}

// Size is about how much memory the message takes, in bytes.
func (m *StreamMessage) Size() int64 { return int64(cap(m.Head) + cap(m.Body)) }
