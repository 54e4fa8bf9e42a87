package http

import (
	"bytes"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// maxStreams is how many requests of one HTTP/2 connection may be under way.
const maxStreams = 1000

// serveHTTP2 serves the connection until it ends. net/http speaks the protocol, on
// what is plaintext by now. What it turns away by itself (heads that are too large
// or malformed, streams beyond a limit) never reaches the handler: such requests are
// known by counting the streams that the build opened, and each is a gap.
func (c *session) serveHTTP2() {
	counter := &streamCounter{Conn: c.conn, in: c.in}
	var handled atomic.Uint64
	one := newOneListener(newSchemeMender(counter))
	protocols := new(nethttp.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	server := &nethttp.Server{
		Protocols:      protocols,
		HTTP2:          &nethttp.HTTP2Config{MaxConcurrentStreams: maxStreams},
		MaxHeaderBytes: maxHead,
		ErrorLog:       log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state nethttp.ConnState) {
			if state == nethttp.StateClosed {
				one.end()
			}
		},
		Handler: nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
			handled.Add(1)
			c.stream(w, r)
		}),
	}
	c.sink.mu.Lock()
	closing := c.sink.closing
	c.h2 = server
	c.sink.mu.Unlock()
	if !closing {
		server.Serve(one) // its error only says that there is no second connection
	}
	if !one.wait() {
		c.sink.gap(gate.GapBrokenMessage, "an HTTP/2 connection"+c.toOpened()+" that came in while the sink was closing was not taken")
		return
	}
	opened, sound := counter.streams()
	if !sound {
		c.sink.spoke(c.opened())
		c.sink.gap(gate.GapBrokenMessage, "a connection"+c.toOpened()+" began as HTTP/2 and went on as something else")
	}
	if n := handled.Load(); opened > n {
		c.sink.spoke(c.opened())
		c.sink.cfg.Gap(gate.Gap{
			Kind: gate.GapBrokenMessage, Where: "sink " + c.sink.cfg.Name, Count: opened - n,
			Detail: "HTTP/2 requests" + c.toOpened() + " were malformed, too large or given up before they were read",
		})
	}
}

// stream takes one request of HTTP/2.
func (c *session) stream(w nethttp.ResponseWriter, r *nethttp.Request) {
	s := c.sink
	at, ok := s.begin(c)
	if !ok {
		panic(nethttp.ErrAbortHandler)
	}
	defer s.end(c)
	s.spoke(c.opened())
	if s.is(channel.Drop) {
		s.refused.Add(1)
		c.raw.Close()
		panic(nethttp.ErrAbortHandler)
	}
	refusal := s.refusal()
	to := c.destination("", r.Host)
	host := to.host
	if r.Method == nethttp.MethodConnect {
		s.gap(gate.GapBrokenMessage, "a tunnel to "+quoteHost(r.Host)+" was asked for over HTTP/2, and refused: what it would have carried was not seen")
		c.respond(w, r, s.script.switching)
		return
	}
	m := c.message(to, at, headOf(r))
	m.Events = append(m.Events, "http/2")
	var err error
	m.Body, m.Cut, err = readCapped(r.Body, r.ContentLength, s.maxBody, drainLimit)
	if err != nil {
		s.gap(gate.GapBrokenMessage, "read the body of a request to "+quoteHost(s.ruleHost(host))+": "+plainError(err).Error())
		if status := statusOf(err); status != 0 {
			c.respond(w, r, plainAnswer(status, "waybill: "+err.Error()))
			return
		}
		panic(nethttp.ErrAbortHandler)
	}
	for _, k := range sortedNames(r.Trailer) {
		for _, v := range r.Trailer[k] {
			m.Events = append(m.Events, trailerEvent+strings.ToLower(k)+": "+v)
		}
	}
	if refusal != nil {
		s.refused.Add(1)
		c.respond(w, r, refusal)
		return
	}
	h, err := parseHead(string(m.Head), nil)
	if err != nil { // nothing that net/http lets through
		s.gap(gate.GapBrokenMessage, "read the head of a request to "+quoteHost(s.ruleHost(host))+": "+err.Error())
		c.respond(w, r, plainAnswer(nethttp.StatusBadRequest, "waybill: "+err.Error()))
		return
	}
	a := s.answer(&h, host, m)
	if !s.keep(m) {
		a = s.script.refused
	} else if s.loses(host, &h, m) {
		panic(nethttp.ErrAbortHandler)
	}
	c.respond(w, r, a)
}

func (c *session) respond(w nethttp.ResponseWriter, r *nethttp.Request, a *answer) {
	header := w.Header()
	header["Date"] = nil
	for _, f := range a.fields {
		k := nethttp.CanonicalHeaderKey(f.name)
		header[k] = append(header[k], f.value)
	}
	if !bodiless(a.status) {
		header.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method != nethttp.MethodHead && !bodiless(a.status) {
		io.WriteString(w, a.body) // whether the build still listens is not evidence
	}
}

// headOf writes the head of an HTTP/2 request as HTTP/1.1 would have it: names in
// lower case (RFC 9113, 8.2) and sorted, since net/http does not keep their order.
func headOf(r *nethttp.Request) []byte {
	var b bytes.Buffer
	b.WriteString(r.Method)
	b.WriteByte(' ')
	b.WriteString(r.RequestURI)
	b.WriteString(" HTTP/1.1\r\n")
	line := func(k, v string) {
		b.WriteString(k)
		b.WriteString(": ")
		b.WriteString(v)
		b.WriteString("\r\n")
	}
	if r.Host != "" {
		line("host", r.Host)
	}
	for _, k := range sortedNames(r.Header) {
		for _, v := range r.Header[k] {
			line(strings.ToLower(k), v)
		}
	}
	return b.Bytes()
}

func sortedNames(h nethttp.Header) []string {
	names := make([]string, 0, len(h))
	for k := range h {
		names = append(names, k)
	}
	slices.Sort(names)
	return names
}

// A streamCounter counts the streams that the other end opened, by the headers of
// its frames (RFC 9113, 4.1), as they are read.
type streamCounter struct {
	net.Conn
	in *block

	mu      sync.Mutex
	preface int    // octets of the preface that have passed, or -1 where it was another
	skip    int    // octets of the current frame's payload that are still to pass
	header  []byte // of the current frame, as far as it has passed
	last    uint32 // highest stream opened
	opened  uint64
}

const (
	preface        = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" // RFC 9113, 3.4
	frameHeaderLen = 9
	frameHEADERS   = 1
)

func (s *streamCounter) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	s.mu.Lock()
	s.count(p[:n])
	s.mu.Unlock()
	return n, err
}

// streams is how many there were, and whether the preface was whole. It is sound too
// where nothing came at all: clients open connections in reserve, which reach knows.
func (s *streamCounter) streams() (opened uint64, sound bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.preface == len(preface) || s.preface == 0
}

func (s *streamCounter) count(b []byte) {
	n := min(len(b), len(preface)-max(s.preface, 0))
	if s.preface < 0 || string(b[:n]) != preface[s.preface:s.preface+n] {
		s.preface = -1
		return
	}
	s.preface += n
	b = b[n:]
	for len(b) > 0 {
		if s.skip > 0 {
			n := min(len(b), s.skip)
			s.skip -= n
			b = b[n:]
			continue
		}
		n := min(len(b), frameHeaderLen-len(s.header))
		s.header = append(s.header, b[:n]...)
		b = b[n:]
		if len(s.header) < frameHeaderLen {
			return
		}
		h := s.header
		s.header = s.header[:0]
		s.skip = int(h[0])<<16 | int(h[1])<<8 | int(h[2])
		id := uint32(h[5]&0x7f)<<24 | uint32(h[6])<<16 | uint32(h[7])<<8 | uint32(h[8])
		if h[3] == frameHEADERS && id > s.last {
			s.last = id
			s.opened++
		}
	}
}

// A oneListener gives one connection, and then nothing until that has ended.
type oneListener struct {
	conns  chan net.Conn // closed to give nothing more
	addr   net.Addr
	close  sync.Once
	ended  chan struct{} // closed when the connection has been served
	ending sync.Once
}

func newOneListener(c net.Conn) *oneListener {
	l := &oneListener{conns: make(chan net.Conn, 1), addr: c.LocalAddr(), ended: make(chan struct{})}
	l.conns <- c
	return l
}

func (l *oneListener) Accept() (net.Conn, error) {
	if c, ok := <-l.conns; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (l *oneListener) Close() error {
	l.close.Do(func() { close(l.conns) })
	return nil
}

func (l *oneListener) Addr() net.Addr { return l.addr }

// end says that the connection has been served.
func (l *oneListener) end() {
	l.Close()
	l.ending.Do(func() { close(l.ended) })
}

// wait waits until the connection has been served. It reports false where it was
// never given.
func (l *oneListener) wait() bool {
	l.Close()
	if _, unused := <-l.conns; unused {
		return false
	}
	<-l.ended
	return true
}
