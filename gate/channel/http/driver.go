package http

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	defaultMaxAnswer = 64 << 10
	maxAnswerHead    = 1 << 20
	dialTimeout      = 10 * time.Second
	continueTimeout  = time.Second

	// idleTimeout ends connections long before a server would: a request that
	// crosses with the server's close cannot be told from one that was acted on,
	// and is never sent again.
	idleTimeout = 500 * time.Millisecond
)

type doorSettings struct {
	Headers map[string]string `toml:"headers"`
	TLS     bool              `toml:"tls"`
}

type driver struct {
	scheme, address string
	maxAnswer       int64
	headers         map[string]field // by lower-case name
	transport       *nethttp.Transport
}

func drive(cfg channel.DriveConfig) (channel.Driver, error) {
	var set doorSettings
	if err := cfg.Settings.Into(&set); err != nil {
		return nil, fmt.Errorf("http door %s: %w", cfg.Door, err)
	}
	d := &driver{scheme: "http", maxAnswer: cfg.MaxAnswer, headers: map[string]field{}}
	if d.maxAnswer <= 0 {
		d.maxAnswer = defaultMaxAnswer
	}
	if err := d.setAddress(cfg.Address); err != nil {
		return nil, fmt.Errorf("http door %s: %w", cfg.Door, err)
	}
	if cfg.TLS != nil || set.TLS {
		d.scheme = "https"
	}
	for k, v := range set.Headers {
		lower := strings.ToLower(k)
		if !isToken(k) || hopByHop(lower) || strings.ContainsAny(v, "\r\n\x00") {
			return nil, fmt.Errorf("http door %s: headers: %q cannot be sent with a request", cfg.Door, k)
		}
		if _, dup := d.headers[lower]; dup {
			return nil, fmt.Errorf("http door %s: headers: %q is given twice", cfg.Door, k)
		}
		d.headers[lower] = field{k, v}
	}
	tlsConfig := &tls.Config{}
	if cfg.TLS != nil {
		tlsConfig = cfg.TLS.Clone()
	}
	tlsConfig.NextProtos = []string{"http/1.1"}
	at := d.address
	dialer := &net.Dialer{Timeout: dialTimeout}
	d.transport = &nethttp.Transport{
		// Proxies of the environment are not asked: a door is where it is said to be.
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, network, at)
		},
		TLSClientConfig:        tlsConfig,
		TLSHandshakeTimeout:    dialTimeout,
		TLSNextProto:           map[string]func(string, *tls.Conn) nethttp.RoundTripper{}, // HTTP/2 sends again by itself
		DisableCompression:     true,
		MaxIdleConns:           max(cfg.Concurrency, 1),
		MaxIdleConnsPerHost:    max(cfg.Concurrency, 1),
		MaxConnsPerHost:        max(cfg.Concurrency, 1),
		IdleConnTimeout:        idleTimeout,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxAnswerHead,
	}
	return d, nil
}

// setAddress takes "host:port" or a URL without a path.
func (d *driver) setAddress(address string) error {
	d.address = address
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return fmt.Errorf("address: %w", err)
		}
		if (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
			return fmt.Errorf("address %q: give http:// or https:// with host and port, and nothing behind", address)
		}
		d.scheme, d.address = u.Scheme, u.Host
		if u.Port() == "" {
			d.address = net.JoinHostPort(u.Hostname(), map[string]string{"http": "80", "https": "443"}[u.Scheme])
		}
	}
	if _, port, err := net.SplitHostPort(d.address); err != nil || port == "" {
		return fmt.Errorf("address %q: give host:port or a URL", address)
	}
	return nil
}

func (d *driver) Close() error {
	d.transport.CloseIdleConnections()
	return nil
}

// Do sends s once and reads the answer whole, keeping what MaxAnswer allows.
// Redirects are answers like any other.
func (d *driver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	o := gate.Outcome{Stimulus: s.ID}
	req, err := d.request(s)
	if err != nil {
		o.Error = fmt.Sprintf("send stimulus %s: %v", s.ID, err)
		return o
	}
	begin := time.Now()
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { begin = time.Now() },
	}))
	resp, err := d.transport.RoundTrip(req)
	if err != nil {
		o.Elapsed = time.Since(begin).Nanoseconds()
		o.Error = fmt.Sprintf("send stimulus %s to %s: %v", s.ID, d.address, err)
		return o
	}
	defer resp.Body.Close()
	o.Status = resp.StatusCode
	o.Head = answerHead(resp)
	if resp.StatusCode == nethttp.StatusSwitchingProtocols {
		o.Error = fmt.Sprintf("send stimulus %s to %s: the build switched protocols, which was not asked for", s.ID, d.address)
		return o
	}
	hint := resp.ContentLength
	if req.Method == nethttp.MethodHead {
		hint = 0
	}
	o.Body, o.Cut, err = readCapped(resp.Body, hint, d.maxAnswer, -1)
	o.Elapsed = time.Since(begin).Nanoseconds()
	if err != nil {
		o.Error = fmt.Sprintf("read the answer to stimulus %s from %s: %v", s.ID, d.address, err)
	}
	return o
}

// request makes the request that s recorded.
//
// Sent as recorded are the method, the target, Host, and all other fields with
// their values, their order within a name and the case of their names. Fields
// between neighbours and the framing of the body are made anew. net/http writes
// names in sorted order, and of several User-Agent fields the first.
func (d *driver) request(s *gate.Stimulus) (*nethttp.Request, error) {
	if s.Channel != "" && s.Channel != Name {
		return nil, fmt.Errorf("it is of channel %q", s.Channel)
	}
	h, err := parseHead(string(s.Head), nil)
	if err != nil {
		return nil, fmt.Errorf("its head cannot be read: %w", err)
	}
	if h.method == nethttp.MethodConnect || h.has("Upgrade", "websocket") {
		return nil, errors.New("it asks for a tunnel or a WebSocket, which cannot be replayed")
	}
	req := &nethttp.Request{
		Method: h.method, Host: d.address,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: nethttp.Header{"User-Agent": {""}}, // the empty string keeps net/http from adding its own
	}
	if err := d.setTarget(req, h.target); err != nil {
		return nil, err
	}
	d.setFields(req, &h, s.ID)
	setBody(req, s.Body)
	return req, nil
}

func (d *driver) setTarget(req *nethttp.Request, target string) error {
	req.URL = &url.URL{Scheme: d.scheme, Host: d.address}
	if authority, path, query := split(target); authority != "" {
		_, req.Host = splitUser(authority)
		target = path
		if query != "" {
			target += "?" + query
		}
	}
	switch {
	case strings.HasPrefix(target, "//"):
		// An opaque part may not begin so. A path may, and comes out as it went
		// in where its percent-encoding is valid.
		p, query, ask := strings.Cut(target, "?")
		plain, err := url.PathUnescape(p)
		if err != nil {
			return errors.New("its target begins with // and is not validly encoded")
		}
		req.URL.Path, req.URL.RawPath, req.URL.RawQuery, req.URL.ForceQuery = plain, p, query, ask
	case strings.HasPrefix(target, "/"), target == "*" && req.Method == nethttp.MethodOptions:
		req.URL.Opaque = target
	default:
		return errors.New("its target is neither a path nor a URL")
	}
	if req.URL.RequestURI() != target {
		return errors.New("its target cannot be sent as it was recorded")
	}
	return nil
}

func (d *driver) setFields(req *nethttp.Request, h *head, id string) {
	absolute := req.Host != d.address
	var perHop []string // named by Connection
	for _, f := range h.fields {
		if strings.EqualFold(f.name, "Connection") {
			for token := range strings.SplitSeq(f.value, ",") {
				perHop = append(perHop, strings.ToLower(strings.Trim(token, " \t")))
			}
		}
	}
	traced := false
	for _, f := range h.fields {
		lower := strings.ToLower(f.name)
		if _, replaced := d.headers[lower]; replaced || hopByHop(lower) || slices.Contains(perHop, lower) {
			continue
		}
		switch lower {
		case "host":
			if !absolute && f.value != "" {
				req.Host = f.value
			}
			continue
		case "user-agent":
			if req.Header["User-Agent"][0] == "" {
				req.Header["User-Agent"][0] = f.value
			}
			continue
		case "expect":
			f.name = "Expect" // read by net/http, under this name only
		case "traceparent":
			traced = true
		}
		req.Header[f.name] = append(req.Header[f.name], f.value)
	}
	for lower, f := range d.headers {
		switch lower {
		case "host":
			req.Host = f.value
		case "user-agent":
			req.Header["User-Agent"] = []string{f.value}
		default:
			req.Header[f.name] = []string{f.value}
			traced = traced || lower == "traceparent"
		}
	}
	if !traced {
		req.Header["traceparent"] = []string{traceparent(id)}
	}
}

// setBody makes sure of one thing besides the body: that net/http never sends
// the request again. It does so, on a connection that was used before and breaks,
// for requests of idempotent methods or with an idempotency key, if they have no
// body or one that can be had anew (net/http, Transport). So GetBody stays nil,
// and a request of that sort that has no body gets one that is empty, of a type
// that net/http does not know; "identity" keeps it from being framed as chunked.
func setBody(req *nethttp.Request, body []byte) {
	if len(body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(body))
		req.ContentLength = int64(len(body))
		return
	}
	switch req.Method {
	case nethttp.MethodGet, nethttp.MethodHead, nethttp.MethodOptions, nethttp.MethodTrace:
	default:
		if req.Header.Get("Idempotency-Key") == "" && req.Header.Get("X-Idempotency-Key") == "" {
			req.Body = nethttp.NoBody
			return
		}
	}
	req.Body = once{}
	req.TransferEncoding = []string{"identity"}
}

// once is an empty body that cannot be had anew.
type once struct{}

func (once) Read([]byte) (int, error) { return 0, io.EOF }
func (once) Close() error             { return nil }

// answerHead is the status line and the header, sorted by name so that equal
// answers have equal heads. Trailers are left out.
func answerHead(resp *nethttp.Response) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\r\n", resp.Proto, resp.Status)
	names := make([]string, 0, len(resp.Header))
	for n := range resp.Header {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		for _, v := range resp.Header[n] {
			b.WriteString(n)
			b.WriteString(": ")
			b.WriteString(v)
			b.WriteString("\r\n")
		}
	}
	return b.Bytes()
}
