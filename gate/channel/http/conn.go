package http

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	// maxLayers bounds tunnels within tunnels and TLS within TLS.
	maxLayers = 8

	// A sender that was turned away half way is read for a while more, so that
	// its operating system shows it the answer and not a reset.
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 4 << 20
)

// A session is one connection that a build opened. A CONNECT or a TLS handshake
// adds a layer to it; what is asked for within is known from all of them.
type session struct {
	sink *sink
	raw  net.Conn // what was accepted; closing it breaks every layer
	busy int      // guarded by sink.mu
	h2   *nethttp.Server

	peer string // address of the other end

	conn   net.Conn // the innermost layer so far
	in     *block
	tls    string // version of the innermost TLS, or ""
	named  string // the name that TLS asked for, lower case, or ""
	tunnel string // host:port of the innermost CONNECT, lower case, or ""

	fields header // of the head being read
	out    []byte // the answer being written
}

func newSession(s *sink, conn net.Conn) *session {
	return &session{sink: s, raw: conn, peer: conn.RemoteAddr().String(), conn: conn, in: newBlock(conn)}
}

// serve reads layer after layer until one speaks HTTP, and serves that.
// The first byte tells TLS from HTTP (RFC 8446, 5.1: a handshake record is 22).
func (c *session) serve() {
	for range maxLayers {
		first, err := c.in.peek(1)
		if err != nil {
			return // nothing was said: known by reach where a host was named
		}
		switch {
		case first[0] == 22:
			if !c.handshake() {
				return
			}
			if c.conn.(*tls.Conn).ConnectionState().NegotiatedProtocol == "h2" {
				c.serveHTTP2()
				return
			}
		case first[0] == 'P' && c.isPreface():
			c.serveHTTP2()
			return
		default:
			if !c.serveHTTP1() {
				return
			}
		}
	}
	c.sink.gap(gate.GapHandshake, fmt.Sprintf("a connection to %s went through more than %d tunnels and TLS layers", quoteHost(c.opened()), maxLayers))
}

// isPreface tells HTTP/2 with prior knowledge (RFC 9113, 3.4) from a method in P.
func (c *session) isPreface() bool {
	b, _ := c.in.peek(4)
	return string(b) == "PRI "
}

// A destination is whom a request is for, and how it travels there.
type destination struct {
	host string // lower case, with a port where that is not the scheme's own; "" is the sink's own address
	tls  string // version, or "" for plaintext
}

// destination of a request with this authority in its target (which only a request
// to a proxy has) and this Host. What the network acts on counts: a tunnel's host,
// then the target's, then TLS's name, then Host, which stays in the head to be
// compared where it differs.
func (c *session) destination(target, host string) destination {
	d := destination{tls: c.tls}
	authority, _, _ := split(target)
	switch {
	case c.tunnel != "":
		d.host = c.tunnel
	case authority != "":
		_, d.host = splitUser(strings.ToLower(authority))
		if len(target) >= 5 && strings.EqualFold(target[:5], "http:") {
			d.tls = "" // TLS to a proxy goes no further than the proxy
		}
	default:
		d.host = strings.ToLower(host)
		if c.named != "" && serverName(d.host) != c.named {
			d.host = c.named
		}
	}
	if c.tunnel == "" && c.sink.own.is(d.host) {
		d.host = ""
	}
	if d.tls != "" {
		d.host = strings.TrimSuffix(d.host, ":443")
	} else {
		d.host = strings.TrimSuffix(d.host, ":80")
	}
	return d
}

// message is what is known of a request before its body.
func (c *session) message(to destination, at int64, head []byte) *gate.Message {
	m := &gate.Message{Host: to.host, TLS: to.tls, Peer: c.peer, At: at, Head: head}
	if c.tunnel != "" && c.named != "" && c.named != serverName(c.tunnel) {
		m.Events = append(m.Events, sniEvent+c.named)
	}
	return m
}

// Beginnings of events that a decoder reads: what a head has no place for.
const (
	trailerEvent       = "trailer "              // a field behind a chunked body
	extensionEvent     = "chunk-extension "      // how many chunks had one
	extensionTextEvent = "chunk-extension-text " // and what it said
	sniEvent           = "sni "                  // the name that TLS asked for, where it is not the tunnel's
)

// hostname is a host without port and brackets.
func hostname(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// serverName is the name that TLS asks for to reach host: without port, and without the
// dot that an absolute name ends in (RFC 6066, 3).
func serverName(host string) string { return strings.TrimSuffix(hostname(host), ".") }

// handshake puts TLS on top of the layers so far.
func (c *session) handshake() bool {
	if _, ok := c.sink.begin(c); !ok {
		return false
	}
	defer c.sink.end(c)
	name := hostname(c.tunnel)
	asked := name
	conn := tls.Server(&buffered{c.conn, c.in}, &tls.Config{
		MinVersion: tls.VersionTLS10, // what a build offers is judged later
		NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			if hello.ServerName != "" {
				name = strings.ToLower(hello.ServerName)
				asked = name
			}
			if name == "" { // by address: RFC 6066, 3, has no name for it
				name, _, _ = net.SplitHostPort(c.raw.LocalAddr().String())
			}
			return c.sink.authority.Certificate(name)
		},
	})
	if err := conn.Handshake(); err != nil {
		c.sink.gap(gate.GapHandshake, fmt.Sprintf("TLS handshake for %s: %v; the build must trust the sinks' root certificate", quoteHost(asked), plainError(err)))
		if c.tunnel != "" {
			c.sink.spoke(c.tunnel)
		}
		return false
	}
	state := conn.ConnectionState()
	c.conn, c.in = conn, newBlock(conn)
	c.tls, c.named = tls.VersionName(state.Version), strings.ToLower(state.ServerName)
	if isLocalhost(c.named) {
		c.named = ""
	}
	if host := c.opened(); host != "" {
		c.sink.reach(host)
	}
	return true
}

// opened is the host that the layers so far were opened for, or "".
func (c *session) opened() string {
	if c.tunnel != "" {
		return c.tunnel
	}
	return c.named
}

func (c *session) toOpened() string {
	if host := c.opened(); host != "" {
		return " to " + quoteHost(host)
	}
	return ""
}

// buffered is a connection of which some bytes were read ahead.
type buffered struct {
	net.Conn
	in *block
}

func (b *buffered) Read(p []byte) (int, error) { return b.in.Read(p) }

// serveHTTP1 serves requests one after the other. It reports true where a tunnel
// was opened, and the next layer begins.
func (c *session) serveHTTP1() bool {
	for {
		if _, err := c.in.peek(1); err != nil {
			return false
		}
		at, ok := c.sink.begin(c)
		if !ok {
			return false
		}
		next := c.request(at)
		closing := c.sink.end(c)
		switch {
		case next == broken:
			return false
		case next == last || closing:
			if c.in.buffered() > 0 {
				c.sink.gap(gate.GapBrokenMessage, "what followed the last request of a connection"+c.toOpened()+" was not taken")
			}
			return false
		case next == tunnelled:
			return true
		}
	}
}

// next says how a connection goes on after a request.
type next int

const (
	again     next = iota
	last           // it was answered, and the connection ends
	broken         // it was not taken, and said so: the connection ends
	tunnelled      // another layer begins
)

// request reads one request that began to come in at that time, stores it, and answers.
func (c *session) request(at int64) next {
	s := c.sink
	if s.is(channel.Drop) {
		s.refused.Add(1)
		return broken
	}
	refusal := s.refusal()

	h, text, err := c.readHead()
	if err != nil {
		return c.turnAway("", "the head of a request", err)
	}
	if h.method == "" {
		return last // blank lines and no request
	}
	f, err := framingOf(&h)
	if err == nil {
		err = oneHost(&h)
	}
	if h.method == nethttp.MethodConnect {
		if err == nil && (f.chunked || f.length > 0) {
			err = &syntaxError{"a CONNECT request has a body"}
		}
		if err != nil {
			return c.turnAway(strings.ToLower(h.target), "a CONNECT request", err)
		}
		return c.connect(&h, refusal)
	}
	s.spoke(c.opened())
	to := c.destination(h.target, h.get("Host"))
	host := to.host
	if err != nil {
		return c.turnAway(host, "a request", err)
	}
	m := c.message(to, at, []byte(text))
	if h.bareLF > 0 {
		m.Events = append(m.Events, "bare-lf "+strconv.Itoa(h.bareLF))
	}
	if h.version != "HTTP/1.0" && (f.chunked || f.length > 0) && h.has("Expect", "100-continue") && c.in.buffered() == 0 {
		if _, err := io.WriteString(c.conn, "HTTP/1.1 100 Continue\r\n\r\n"); err != nil {
			return c.turnAway(host, "the body of a request", err)
		}
	}
	if err := c.readBody(m, f); err != nil {
		return c.turnAway(host, "the body of a request", err)
	}
	final := h.has("Connection", "close") || h.version == "HTTP/1.0" && !h.has("Connection", "keep-alive")

	var a *answer
	upgrade := h.has("Upgrade", "websocket")
	switch {
	case refusal != nil:
		s.refused.Add(1)
		a = refusal
	case upgrade:
		m.Events = append(m.Events, "upgrade websocket")
		a, final = s.script.switching, true
	default:
		a = s.answer(&h, host, m)
	}
	if refusal == nil {
		if !s.keep(m) {
			a = s.script.refused
		} else if s.loses(host, &h, m) {
			return broken
		} else if upgrade {
			s.cfg.Gap(gate.Gap{Kind: gate.GapBrokenMessage, Where: "sink " + s.cfg.Name, Seq: m.Seq,
				Detail: "a WebSocket was asked of " + quoteHost(s.ruleHost(host)) + ", and refused: what it would have carried was not seen"})
		}
	}
	c.out = a.append(c.out[:0], h.method == nethttp.MethodHead, final)
	if _, err := c.conn.Write(c.out); err != nil || final {
		return last
	}
	return again
}

// readHead reads a head, and returns its lines too. No method says that the
// connection ended after blank lines.
func (c *session) readHead() (head, string, error) {
	if err := c.in.blankLines(); err != nil {
		if err == io.EOF {
			err = nil
		}
		return head{}, "", err
	}
	b, err := c.in.head(maxHead)
	if err != nil {
		return head{}, "", err
	}
	text := string(b)
	h, err := parseHead(text, c.fields)
	c.fields = h.header[:0]
	switch {
	case errors.Is(err, errTooLarge):
		return h, text, err
	case err != nil:
		return h, text, &syntaxError{err.Error()}
	case h.version != "HTTP/1.1" && h.version != "HTTP/1.0":
		return h, text, &syntaxError{"its version is neither HTTP/1.0 nor HTTP/1.1"}
	}
	return h, text, nil
}

// oneHost refuses requests with two Host fields (RFC 9112, 3.2).
func oneHost(h *head) error {
	n := 0
	for _, f := range h.header {
		if sameName(f.name, "Host") {
			n++
		}
	}
	if n > 1 {
		return &syntaxError{"it has more than one Host"}
	}
	return nil
}

func (c *session) readBody(m *gate.Message, f framing) (err error) {
	s := c.sink
	if !f.chunked {
		m.Body, m.Cut, err = c.in.body(f.length, s.maxBody, drainLimit)
		return err
	}
	r := &chunked{in: c.in}
	m.Body, m.Cut, err = readCapped(r, -1, s.maxBody, drainLimit)
	for _, t := range r.trailers {
		m.Events = append(m.Events, trailerEvent+t.name+": "+t.value)
	}
	m.Events = append(m.Events, r.extensions.events()...)
	return err
}

// connect opens a tunnel to whatever host is asked for, and is its other end.
func (c *session) connect(h *head, refusal *answer) next {
	target := strings.ToLower(h.target)
	if _, port, err := net.SplitHostPort(target); err != nil || port == "" {
		return c.turnAway(target, "a CONNECT request", &syntaxError{"its target is not host:port"})
	}
	if refusal != nil {
		c.sink.refused.Add(1)
		c.out = refusal.append(c.out[:0], false, true)
		c.conn.Write(c.out) // the connection ends either way
		return broken
	}
	s := c.sink
	s.spoke(c.opened()) // what lies around the tunnel was opened for it
	c.tunnel, c.named, c.tls = target, "", ""
	s.reach(target)
	if _, err := io.WriteString(c.conn, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return broken // known by reach
	}
	return tunnelled
}

// turnAway leaves a gap for a request that was not taken down, answers where there
// is somebody to answer, and ends the connection.
func (c *session) turnAway(host, what string, err error) next {
	c.sink.spoke(c.opened())
	where := ""
	if host == "" {
		host = c.opened()
	}
	if host != "" {
		where = " to " + quoteHost(host)
	}
	c.sink.gap(gate.GapBrokenMessage, fmt.Sprintf("read %s%s: %v", what, where, plainError(err)))
	if status := statusOf(err); status != 0 {
		c.out = plainAnswer(status, "waybill: "+err.Error()).append(c.out[:0], false, true)
		if _, err := c.conn.Write(c.out); err == nil {
			c.linger()
		}
	}
	return broken
}

// linger reads what a turned away sender still sends, for a while.
func (c *session) linger() {
	if half, ok := c.conn.(interface{ CloseWrite() error }); ok {
		if half.CloseWrite() != nil {
			return
		}
	}
	if c.raw.SetReadDeadline(time.Now().Add(lingerTime)) == nil {
		io.Copy(io.Discard, io.LimitReader(c.in, lingerBytes)) // what it says no longer matters
	}
}
