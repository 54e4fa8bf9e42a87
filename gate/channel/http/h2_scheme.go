package http

import (
	"bytes"
	"encoding/binary"
	"net"
	"slices"
	"strings"

	"golang.org/x/net/http2/hpack"
)

// Frames of HTTP/2 that carry heads (RFC 9113, 6.2 and 6.10).
const (
	frameHeaders      = 1
	frameContinuation = 9

	flagEndStream  = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	headTable    = 4096        // bytes of the table that both sides keep of heads (RFC 7541, 4.2)
	maxHeadFrame = 16 << 10    // bytes that any peer takes (RFC 9113, 4.2)
	maxHeads     = 4 << 20     // bytes of one coded head, and of its frames
	maxPlainHead = 4 * maxHead // bytes of one head, its fields decoded
)

// A schemeMender passes on what a client of HTTP/2 says, and mends one fault that the
// services it is meant for put up with: a scheme with its colon, ":scheme: https:", as
// firebase-admin for Node.js writes for each device of a multicast. net/http refuses such
// requests (RFC 9113, 8.3.1). Up to the first of them everything passes as it came. From
// there on each head is coded anew, without the table of earlier fields: what the client
// keeps in its own is no longer what the server has.
type schemeMender struct {
	net.Conn
	room    [maxHeadFrame]byte
	in      []byte // not looked at yet
	out     []byte // to be read
	pass    int    // bytes of the frame under way that pass as they are
	begun   bool   // the preface is behind us
	blind   bool   // it is not HTTP/2 as it should be: all passes as it came, for net/http to refuse
	mended  bool   // heads are coded anew
	raw     []byte // frames of the head under way
	block   []byte // what they carry
	decoder *hpack.Decoder
	fields  []hpack.HeaderField
	size    int // bytes of fields
}

func newSchemeMender(c net.Conn) *schemeMender {
	m := &schemeMender{Conn: c}
	m.decoder = hpack.NewDecoder(headTable, func(f hpack.HeaderField) {
		if m.size += len(f.Name) + len(f.Value); m.size <= maxPlainHead {
			m.fields = append(m.fields, f)
		}
	})
	return m
}

// Read is [net.Conn]'s.
func (m *schemeMender) Read(p []byte) (int, error) {
	for len(m.out) == 0 {
		if m.blind && len(m.in) == 0 {
			return m.Conn.Read(p)
		}
		n, err := m.Conn.Read(m.room[:])
		m.in = append(m.in, m.room[:n]...)
		m.look()
		if err != nil && len(m.out) == 0 {
			m.giveUp() // nothing that was held back is kept from the server
			if len(m.out) == 0 {
				return 0, err
			}
		}
	}
	n := copy(p, m.out)
	m.out = m.out[n:]
	return n, nil
}

// giveUp lets everything pass from here on.
func (m *schemeMender) giveUp() {
	m.out = slices.Concat(m.out, m.raw, m.in)
	m.raw, m.in, m.blind = nil, nil, true
}

// look takes what it can of in.
func (m *schemeMender) look() {
	for !m.blind && len(m.in) > 0 {
		switch {
		case !m.begun:
			n := min(len(m.in), len(preface))
			if string(m.in[:n]) != preface[:n] {
				m.giveUp()
				return
			}
			if n < len(preface) {
				return
			}
			m.begun = true
			m.take(n)
		case m.pass > 0:
			n := min(len(m.in), m.pass)
			m.pass -= n
			m.take(n)
		default:
			if !m.frame() {
				return
			}
		}
	}
	if m.blind {
		m.giveUp()
	}
}

// take passes on n bytes.
func (m *schemeMender) take(n int) {
	m.out = append(m.out, m.in[:n]...)
	m.in = m.in[n:]
}

// frame takes one frame, and reports false where more of it must come first.
func (m *schemeMender) frame() bool {
	if len(m.in) < frameHeaderLen {
		return false
	}
	length := int(m.in[0])<<16 | int(m.in[1])<<8 | int(m.in[2])
	kind, flags := m.in[3], m.in[4]
	if kind != frameHeaders && kind != frameContinuation {
		m.pass = frameHeaderLen + length
		return true
	}
	if len(m.raw)+length > maxHeads || (kind == frameContinuation) != (len(m.raw) > 0) {
		m.giveUp()
		return true
	}
	if len(m.in) < frameHeaderLen+length {
		return false
	}
	fragment := m.in[frameHeaderLen : frameHeaderLen+length]
	if kind == frameHeaders {
		var ok bool
		if fragment, ok = unframed(fragment, flags); !ok {
			m.giveUp()
			return true
		}
	}
	m.raw = append(m.raw, m.in[:frameHeaderLen+length]...)
	m.block = append(m.block, fragment...)
	m.in = m.in[frameHeaderLen+length:]
	if flags&flagEndHeaders != 0 {
		m.head()
	}
	return true
}

// unframed is what a HEADERS frame carries, without its padding and priority.
func unframed(b []byte, flags byte) ([]byte, bool) {
	padding := 0
	if flags&flagPadded != 0 {
		if len(b) == 0 {
			return nil, false
		}
		padding, b = int(b[0]), b[1:]
	}
	if flags&flagPriority != 0 {
		if len(b) < 5 {
			return nil, false
		}
		b = b[5:]
	}
	if padding > len(b) {
		return nil, false
	}
	return b[:len(b)-padding], true
}

// head passes on the head whose frames are all there.
func (m *schemeMender) head() {
	m.fields, m.size = m.fields[:0], 0
	_, err := m.decoder.Write(m.block)
	if err == nil {
		err = m.decoder.Close()
	}
	if err != nil || m.size > maxPlainHead {
		m.giveUp()
		return
	}
	for i := range m.fields {
		if f := &m.fields[i]; f.Name == ":scheme" && (strings.EqualFold(f.Value, "https:") || strings.EqualFold(f.Value, "http:")) {
			f.Value, m.mended = strings.ToLower(strings.TrimSuffix(f.Value, ":")), true
		}
	}
	if m.mended {
		m.recode()
	} else {
		m.out = append(m.out, m.raw...)
	}
	m.raw, m.block = nil, nil
}

// recode writes fields as frames of the stream that they came in.
func (m *schemeMender) recode() {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	e.SetMaxDynamicTableSize(0)
	for _, f := range m.fields {
		_ = e.WriteField(f) // a buffer takes everything
	}
	stream, endStream := m.raw[5:frameHeaderLen], m.raw[4]&flagEndStream
	kind, flags := byte(frameHeaders), endStream
	for b := block.Bytes(); ; {
		n := min(len(b), maxHeadFrame)
		if n == len(b) {
			flags |= flagEndHeaders
		}
		m.out = binary.BigEndian.AppendUint32(m.out, uint32(n)<<8|uint32(kind))
		m.out = append(m.out, flags)
		m.out = append(m.out, stream...)
		m.out = append(m.out, b[:n]...)
		if b = b[n:]; len(b) == 0 {
			return
		}
		kind, flags = frameContinuation, 0
	}
}
