package http

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

func sortedHosts(m map[string]*tunnelCount) []string { return slices.Sorted(maps.Keys(m)) }

// What a forward proxy says where there is nobody to pass a request on to. It is
// asked by its own address, so its clients expect such answers of it.
const (
	badRequest = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	badGateway = "HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	opened     = "HTTP/1.1 200 Connection established\r\n\r\n"
)

// A forwarding is what a pair of a forward proxy does to heads.
type forwarding struct {
	address string // host:port that the pair's server is
	out     []byte
	broken  bool // what came was no request
}

// mine reports whether a request is for the server of p, and that still listens.
func (f *forwarding) mine(h *wireHead, p *pair) bool {
	address, ok := addressOf(h)
	if !ok || address != f.address {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.gone
}

// append writes a head as an origin server expects it (RFC 9112, 3.2.1): the target
// without scheme and authority, and no fields that are for the proxy.
func (f *forwarding) append(out []byte, h *wireHead, text []byte) []byte {
	_, path := splitTarget(h.target)
	switch {
	case path == "" && string(h.method) == "OPTIONS":
		path = "*" // RFC 9112, 3.2.4
	case path == "" || path[0] == '?':
		path = "/" + path
	}
	out = append(append(out, h.method...), ' ')
	out = append(out, path...)
	after := len(h.method) + 1 + len(h.target)
	out = append(out, withoutProxyFields(text[after:], "proxy-authorization", "proxy-connection")...)
	return append(out, "\r\n"...)
}

// withoutProxyFields is text without the lines of fields of these names, in lower case.
func withoutProxyFields(text []byte, names ...string) []byte {
	var out []byte
	for rest := text; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		line := rest[:end]
		rest = rest[end:]
		colon := bytes.IndexByte(line, ':')
		if colon > 0 && slices.ContainsFunc(names, func(n string) bool { return is(line[:colon], n) }) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// splitTarget takes the authority, without user information, and the rest off an
// absolute target; the authority of any other is "".
func splitTarget(target []byte) (authority, path string) {
	t := string(target)
	if strings.HasPrefix(t, "/") {
		return "", t
	}
	_, after, ok := strings.Cut(t, "://")
	if !ok {
		return "", t
	}
	i := strings.IndexAny(after, "/?#")
	if i < 0 {
		i = len(after)
	}
	_, authority = splitUser(after[:i])
	return authority, after[i:]
}

// addressOf is where a request to a forward proxy is to go.
func addressOf(h *wireHead) (string, bool) {
	if len(h.target) < 7 || !is(h.target[:7], "http://") {
		return "", false
	}
	authority, _ := splitTarget(h.target)
	return withPort(strings.ToLower(authority), "80")
}

func withPort(authority, port string) (string, bool) {
	if host, p, err := net.SplitHostPort(authority); err == nil {
		return authority, host != "" && p != ""
	}
	if authority == "" || strings.Contains(strings.Trim(authority, "[]"), ":") != strings.HasPrefix(authority, "[") {
		return "", false
	}
	return net.JoinHostPort(strings.Trim(authority, "[]"), port), true
}

// proxy serves one connection of a client that takes the tap for its proxy.
func (t *tap) proxy(l *channel.Link) {
	var ahead []byte
	for {
		whole, h, rest, err := readRequest(l.Client, ahead)
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
				t.Missed(gate.GapBrokenMessage, "what came to the proxy was no whole request, and was not passed on", 1)
			}
			return
		}
		if string(h.method) == "CONNECT" {
			t.connect(l, strings.ToLower(string(h.target)), rest)
			return
		}
		address, ok := addressOf(&h)
		if !ok {
			t.Refused()
			t.Missed(gate.GapNotRecorded, "a request to the proxy did not say to which host it is to be passed on, and was refused", 1)
			io.WriteString(l.Client, badRequest)
			return
		}
		server, err := l.Dial(address)
		if err != nil {
			t.Refused()
			io.WriteString(l.Client, badGateway)
			return
		}
		p := newPair(t, l, l.Client, server)
		p.forward = &forwarding{address: address}
		ahead = p.run(slices.Concat(whole, rest))
		l.Drop(server)
		if ahead == nil || p.forward.broken {
			return
		}
	}
}

// readRequest reads up to the end of one head. whole has its blank line.
func readRequest(c net.Conn, ahead []byte) (whole []byte, h wireHead, rest []byte, err error) {
	var r headReader
	buf := make([]byte, smallRun)
	run := ahead
	for {
		if len(run) > 0 {
			n, text, done, err := r.feed(run)
			if err != nil {
				return nil, h, nil, err
			}
			if done {
				whole = slices.Concat(text, []byte("\r\n"))
				h, err = readWireHead(whole, true)
				return whole, h, bytes.Clone(run[n:]), err
			}
		}
		n, err := c.Read(buf)
		if run = buf[:n]; n == 0 && err != nil {
			if r.begun() && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, h, nil, err
		}
	}
}

// connect opens a tunnel, and sees into it where it can.
func (t *tap) connect(l *channel.Link, target string, rest []byte) {
	l.Begin()
	if _, port, err := net.SplitHostPort(target); err != nil || port == "" {
		t.Refused()
		io.WriteString(l.Client, badRequest)
		return
	}
	server, err := l.Dial(target)
	if err != nil {
		t.Refused()
		io.WriteString(l.Client, badGateway)
		return
	}
	if _, err := io.WriteString(l.Client, opened); err != nil {
		return
	}
	if t.authority == nil || t.refusedBy.has(target) {
		t.tunnel(l.Client, server, target, rest)
		return
	}
	if len(rest) == 0 {
		rest = make([]byte, smallRun)
		n, err := l.Client.Read(rest)
		if rest = rest[:n]; n == 0 && err != nil {
			return // nothing was said
		}
	}
	if rest[0] != 22 { // RFC 8446, 5.1: a handshake record
		l.End() // the pair begins anew with each request
		p := newPair(t, l, l.Client, server)
		p.secure.tunnel = target
		p.run(rest)
		return
	}
	t.seeInto(l, server, target, rest)
}

// tunnel passes on what it does not look into.
func (t *tap) tunnel(client, server net.Conn, target string, ahead []byte) {
	t.unseen.add(target, 1, 0)
	t.unseen.tell(t, false)
	channel.Join(client, server, ahead, func(n int) { t.unseen.add(target, 0, int64(n)) })
	t.unseen.tell(t, false)
}

var errUnseen = errors.New("this connection passes unseen")

// seeInto ends the client's TLS here and begins it anew towards the server. Where the
// server would not have it so (it wants to know the client by certificate, or cannot
// be verified), or the client speaks nothing but HTTP/2, the connection passes
// unseen, as if there were no tap: the client's first bytes are still whole.
func (t *tap) seeInto(l *channel.Link, server net.Conn, target string, ahead []byte) {
	hello := &helloReader{Conn: l.Client, ahead: ahead}
	var secure *tls.Conn
	name := hostname(target)
	asked := ""
	conn := tls.Server(hello, &tls.Config{
		GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			if len(h.SupportedProtos) > 0 && !slices.Contains(h.SupportedProtos, "http/1.1") {
				return nil, errUnseen
			}
			if h.ServerName != "" {
				asked = strings.ToLower(h.ServerName)
				name = asked
			}
			known := false // whether the server wants to know the client
			secure = tls.Client(server, &tls.Config{
				ServerName: name, RootCAs: t.roots, NextProtos: []string{"http/1.1"},
				GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					known = true
					return &tls.Certificate{}, nil
				},
			})
			if err := secure.Handshake(); err != nil || known {
				return nil, errUnseen
			}
			c, err := t.authority.Certificate(name)
			if err != nil {
				return nil, errUnseen
			}
			hello.pass = true
			return &tls.Config{Certificates: []tls.Certificate{*c}, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS10}, nil
		},
	})
	switch err := conn.Handshake(); {
	case err != nil && !hello.pass:
		if secure != nil { // it has heard of us
			l.Drop(server)
			if server, err = l.Dial(target); err != nil {
				return
			}
		}
		t.tunnel(l.Client, server, target, hello.heard)
	case err != nil:
		t.refusedBy.add(target)
		t.Missed(gate.GapHandshake, "a client did not take the certificate made for "+quoteHost(name)+": its next connections there pass unseen", 1)
	default:
		hello.heard = nil
		l.End()
		p := newPair(t, l, conn, secure)
		p.secure = secured{version: tls.VersionName(conn.ConnectionState().Version), tunnel: target, named: asked}
		p.run(nil)
		endPair(conn, secure)
	}
}

// A helloReader takes down what a client says until it is known whether it is
// answered here, and says nothing to it before that.
type helloReader struct {
	net.Conn
	ahead, heard []byte
	pass         bool
}

func (r *helloReader) Read(p []byte) (n int, err error) {
	if len(r.ahead) > 0 {
		n = copy(p, r.ahead)
		r.ahead = r.ahead[n:]
	} else {
		n, err = r.Conn.Read(p)
	}
	if !r.pass {
		r.heard = append(r.heard, p[:n]...)
	}
	return n, err
}

func (r *helloReader) Write(p []byte) (int, error) {
	if !r.pass {
		return len(p), nil // an alert that nobody is to hear
	}
	return r.Conn.Write(p)
}

// A hostSet is hosts whose clients did not take the tap's certificates.
type hostSet struct {
	mu    sync.Mutex
	hosts map[string]bool
}

func (s *hostSet) has(host string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hosts[host]
}

func (s *hostSet) add(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.hosts == nil || len(s.hosts) >= maxReached {
		s.hosts = map[string]bool{}
	}
	s.hosts[host] = true
}

// leafLife is how long certificates made by an authority from files are valid.
const leafLife = 397 * 24 * time.Hour

// ReadAuthority makes an authority of a root certificate and its key, both PEM; the
// key is of ECDSA. A recorder that runs for months needs one that clients can be told
// to trust before it starts; openssl makes one:
//
//	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
//	    -subj "/CN=Waybill recorder" -keyout ca.key -out ca.pem
func ReadAuthority(certificate, key []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	rootKey, ok := pair.PrivateKey.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("read the authority: its key is not of ECDSA")
	}
	root, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	if !root.IsCA {
		return nil, errors.New("read the authority: its certificate may not sign others (CA:TRUE)")
	}
	a, err := NewAuthority() // for its leaf key
	if err != nil {
		return nil, err
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw})
	a.rootKey = rootKey
	life := *root // leaves take their life from it
	if end := time.Now().Add(leafLife); life.NotAfter.After(end) {
		life.NotAfter = end
	}
	a.root = &life
	return a, nil
}
