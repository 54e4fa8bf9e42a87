// Package mitmproxy reads flows that mitmproxy and mitmdump saved (-w), plain or in gzip.
//
// A file is flows, one tnetstring each (https://tnetstrings.info): a dictionary whose
// members are those of mitmproxy's own state, documented by its source alone
// (mitmproxy/io). Their format has a version, which grows with mitmproxy. Read are
// versions 12 to 21, which agree on what is taken here; a flow of another, or of mitmproxy
// before 1.0, is an error that names it, for nobody knows what it holds. mitmproxy writes flows of old anew in
// its own version: mitmdump -n -r OLD -w NEW; and any as HAR, which is read, too.
//
// A flow is read as a stream. Requests to a site ([importer.Options].Sites) are stimuli,
// all others messages. Without sites, the site is the host and port of the first document:
// the first answer with status 2xx of type text/html; without one, of the first request.
// Ports 80 and 443 of a host are one site then.
// Stimuli have the key of the client's address, which is numbered and not named. Where
// the request has no Host field, its authority makes one, or where it was sent.
//
// Gaps are: bodies that were streamed through and not kept, or have another length than
// Content-Length; WebSockets; tunnels; trailer fields. Passed over are flows of other
// protocols ("not-http": TCP, UDP, DNS), and requests that mitmproxy answered itself, by a
// replay of an answer ("answered-by-proxy").
//
// A flow that a person changed in mitmproxy is what was sent then, and not what came.
package mitmproxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is mitmproxy's.
var Format = importer.Format{
	Name:  "mitmproxy",
	Doc:   "flows saved by mitmproxy or mitmdump, of format versions 12 to 21 (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

// Versions of the format that are read.
const (
	oldest = 12
	newest = 21
)

// sniff wants a length, and then a key of a dictionary.
func sniff(_ string, head []byte) bool {
	d := &decoder{in: bufio.NewReader(bytes.NewReader(head))}
	v, err := d.value(1 << 50)
	if err != nil {
		return false
	}
	k, err := d.value(v.n)
	if err != nil || k.n > 64 {
		return false
	}
	key, _, kind, err := k.bytes(64)
	return err == nil && (kind == typeText || kind == typeBytes) && len(key) > 0 && strings.Trim(string(key), "abcdefghijklmnopqrstuvwxyz_") == ""
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		out := importer.NewOutput("mitmproxy", path, o, yield)
		sites := o.Sites
		switch {
		case o.Sent:
			sites = nil
		case len(sites) == 0:
			var err error
			if sites, err = firstSite(path, o); err != nil {
				out.Fail(err)
				return
			}
			if len(sites) > 0 {
				o.Tell("requests to " + sites.String() + " are taken for those that production received: it is where the first document is from")
			}
		}
		var clients importer.Clients
		if err := flows(path, o.Limit(), func(f *flow, offset, size int64) bool {
			return out.Put(f.items(sites, &clients, offset, size)...)
		}); err != nil {
			out.Fail(err)
		}
	}
}

// flows calls each for every flow at path, until it says no. limit is how many bytes of a
// body are kept.
func flows(path string, limit int64, each func(f *flow, offset, size int64) bool) (err error) {
	in, err := importer.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	d := &decoder{in: bufio.NewReaderSize(in, 64<<10)}
	for {
		start := d.offset
		f, err := d.flow(limit)
		if err == io.EOF {
			if start == 0 {
				return fmt.Errorf("import %s: it holds no flows", path)
			}
			return nil
		}
		if err == nil && (f.version < oldest || f.version > newest) {
			err = refuse(strconv.Itoa(f.version))
		}
		if err != nil {
			if other := versionAt(path, start); other != nil { // which says why it cannot be read
				err = other
			}
			return fmt.Errorf("import %s: flow at byte %d: %w", path, start, err)
		}
		if !each(f, start, d.offset-start) {
			return nil
		}
	}
}

// refuse is the error of a flow of a version that is not read. version is a number, or text
// of mitmproxy before 1.0, which wrote its own: "0.18.2".
func refuse(version string) error {
	if strings.Contains(version, ".") {
		return fmt.Errorf("the flow was saved by mitmproxy %s, before its format had versions, and versions %d to %d are read: save it anew with mitmdump -n -r OLD -w NEW, or as HAR", version, oldest, newest)
	}
	return fmt.Errorf("the flow is of format version %s, and versions %d to %d are read: save it anew with mitmdump -n -r OLD -w NEW, or as HAR", version, oldest, newest)
}

// versionAt is the error of the flow at start in the file at path, where it is of a version
// that is not read. Nothing else of the flow is looked at: it may be of a form of its own.
func versionAt(path string, start int64) (found error) {
	in, err := importer.Open(path)
	if err != nil {
		return nil
	}
	defer in.Close()
	if _, err := io.CopyN(io.Discard, in, start); err != nil {
		return nil
	}
	d := &decoder{in: bufio.NewReaderSize(in, 64<<10)}
	v, err := d.value(1 << 50)
	if err != nil {
		return nil
	}
	v.dict(func(key string, v *value) error {
		if key != "version" {
			return v.skip()
		}
		text, kind, err := v.version()
		if n, numeric := strconv.Atoi(text); err == nil && (kind == typeList || numeric == nil && (n < oldest || n > newest)) {
			found = refuse(text)
		}
		return errNot // nothing more is wanted
	})
	return found
}

func firstSite(path string, o importer.Options) (importer.Sites, error) {
	var first importer.Sites
	err := flows(path, 1, func(f *flow, _, _ int64) bool {
		if f.kind != "http" || f.request == nil {
			return true
		}
		site := importer.Sites{{Host: strings.ToLower(f.request.host), Port: f.request.port}}
		if p := f.request.port; p == 80 || p == 443 { // one redirects to the other
			site = importer.Sites{{Host: site[0].Host, Port: 443}, {Host: site[0].Host, Port: 80}}
		}
		if first == nil {
			first = site
		}
		if f.response == nil || f.response.status/100 != 2 {
			return true
		}
		mediaType, _, _ := mime.ParseMediaType(f.response.get("Content-Type"))
		if mediaType == "text/html" {
			first = site
			return false
		}
		return true
	})
	return first, err
}

// A flow is what is taken of one.
type flow struct {
	version   int
	kind      string
	replay    string // "request" or "response" where mitmproxy made it by itself
	client    string // address
	tls       string // of the connection to the server
	websocket bool
	request   *message
	response  *message
}

// A message is a request or a response.
type message struct {
	host, method, scheme, authority, path, version string
	port                                           uint16
	status                                         int
	reason                                         string
	fields                                         [][2]string
	trailers                                       bool
	at                                             int64

	body  []byte
	cut   int64
	given bool // the body was kept
}

func (m *message) get(name string) string {
	for _, f := range m.fields {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

func (d *decoder) flow(limit int64) (*flow, error) {
	v, err := d.value(1 << 50)
	if err != nil {
		return nil, err
	}
	f := &flow{}
	_, err = v.dict(func(key string, v *value) (err error) {
		var text string
		switch key {
		case "version":
			if text, _, err = v.version(); err == nil {
				f.version, _ = strconv.Atoi(text) // 0 where it is a list
			}
		case "type":
			f.kind, err = v.text()
		case "is_replay":
			f.replay, err = v.text()
		case "client_conn":
			_, err = v.dict(func(key string, v *value) error {
				if key != "peername" && key != "address" {
					return v.skip()
				}
				first := true
				_, err := v.list(func(v *value) error {
					text, err := v.text()
					if first {
						f.client, first = text, false
					}
					return err
				})
				return err
			})
		case "server_conn":
			_, err = v.dict(func(key string, v *value) (err error) {
				if key != "tls_version" {
					return v.skip()
				}
				f.tls, err = v.text()
				return err
			})
		case "websocket":
			f.websocket = v.n > 0
			err = v.skip()
		case "request":
			f.request, err = v.message(limit)
		case "response":
			f.response, err = v.message(limit)
		default:
			err = v.skip()
		}
		return err
	})
	return f, err
}

// version reads the version of a flow: a number, or a list of them, with dots between, as
// mitmproxy wrote before 1.0.
func (v *value) version() (text string, kind byte, err error) {
	raw, cut, kind, err := v.bytes(256)
	if err != nil || kind != typeList {
		return string(raw), kind, err
	}
	if cut > 0 {
		return "", kind, errNot
	}
	d := &decoder{in: bufio.NewReader(bytes.NewReader(raw))}
	var parts []string
	for d.offset < int64(len(raw)) {
		part, err := d.value(int64(len(raw)) - d.offset)
		if err != nil {
			return "", kind, err
		}
		number, err := part.text()
		if err != nil {
			return "", kind, err
		}
		parts = append(parts, number)
	}
	return strings.Join(parts, "."), kind, nil
}

const maxFields = 2000

// message reads a request or a response; nil is null.
func (v *value) message(limit int64) (*message, error) {
	m := &message{}
	some, err := v.dict(func(key string, v *value) (err error) {
		texts := map[string]*string{
			"host": &m.host, "method": &m.method, "scheme": &m.scheme, "authority": &m.authority, "path": &m.path, "http_version": &m.version, "reason": &m.reason,
		}
		if dst := texts[key]; dst != nil {
			*dst, err = v.text()
			return err
		}
		var text string
		switch key {
		case "port", "status_code", "timestamp_start":
			if text, err = v.text(); err != nil {
				return err
			}
			n, _ := strconv.ParseFloat(text, 64)
			switch {
			case key == "port" && n > 0 && n <= 65535:
				m.port = uint16(n)
			case key == "status_code" && n >= 100 && n <= 999:
				m.status = int(n)
			case key == "timestamp_start" && n > 0 && n < 1e10:
				m.at = int64(n*1e6) * 1e3 // a double holds no more than microseconds of today
			}
		case "headers":
			_, err = v.list(func(v *value) error {
				var pair []string
				_, err := v.list(func(v *value) error {
					text, err := v.text()
					pair = append(pair, text)
					return err
				})
				if err == nil && (len(pair) != 2 || len(m.fields) == maxFields) {
					err = fmt.Errorf("a header is not name and value, or there are more than %d", maxFields)
				}
				if err == nil {
					m.fields = append(m.fields, [2]string(pair))
				}
				return err
			})
		case "trailers":
			m.trailers = v.n > 0
			err = v.skip()
		case "content":
			var kind byte
			m.body, m.cut, kind, err = v.bytes(limit)
			m.given = kind != typeNull
		default:
			err = v.skip()
		}
		return err
	})
	if !some {
		m = nil
	}
	return m, err
}

// items are what the flow comes to. It takes size bytes of the file, from offset.
func (f *flow) items(sites importer.Sites, clients *importer.Clients, offset, size int64) []importer.Item {
	missing := func(format string, args ...any) []importer.Item {
		return []importer.Item{importer.Missing(fmt.Sprintf(format, args...), offset, size)}
	}
	q := f.request
	switch {
	case f.kind != "http":
		return []importer.Item{importer.Skipped("not-http", "flows of other protocols", offset, size)}
	case f.replay == "response":
		return []importer.Item{importer.Skipped("answered-by-proxy", "requests that mitmproxy answered itself", offset, size)}
	case q == nil:
		return missing("a flow has no request")
	case q.method == "CONNECT":
		return []importer.Item{importer.Unplayed(importer.Tunnel, sites.Has(q.host, q.port), offset, size)}
	case f.websocket || strings.EqualFold(q.get("Upgrade"), "websocket"):
		return []importer.Item{importer.Unplayed(importer.WebSocket, sites.Has(q.host, q.port), offset, size)}
	case !strings.HasPrefix(q.path, "/") && q.path != "*":
		return missing("a request has no path")
	}
	length := int64(-1)
	if text := q.get("Content-Length"); text != "" {
		n, err := strconv.ParseUint(text, 10, 62)
		if err != nil {
			return missing("the Content-Length of a request is not a number")
		}
		length = int64(n)
	}
	switch got := int64(len(q.body)) + q.cut; {
	case !q.given && length != 0 && (length > 0 || q.get("Transfer-Encoding") != ""):
		return missing("the body of a request was streamed, and is not in the file")
	case q.given && length >= 0 && got != length:
		return missing("the body of a request is not as it was sent: %d bytes were, and it has %d", length, got)
	}
	head, ok := importer.AppendLine(nil, q.method, "")
	if !ok || strings.ContainsAny(q.path, " \t\r\n\x00") {
		return missing("the method or the path of a request cannot be read")
	}
	head = fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", head[:len(q.method)], q.path)
	left := 0
	add := func(name, value string) {
		if head, ok = importer.AppendLine(head, name, value); !ok {
			left++
		}
	}
	authority := q.address()
	if q.get("Host") == "" {
		host := authority
		if q.authority != "" {
			host = q.authority
		}
		add("Host", host)
	}
	for _, f := range q.fields {
		if !strings.HasPrefix(f[0], ":") {
			add(f[0], f[1])
		}
	}
	r := importer.Request{Head: head, Body: q.body, Cut: q.cut, Host: authority, At: q.at, Offset: offset, Bytes: size}
	if q.scheme == "https" {
		r.TLS = importer.UnknownTLS
		if version, ok := strings.CutPrefix(f.tls, "TLSv"); ok {
			r.TLS = "TLS " + version
		}
	}
	if strings.HasPrefix(q.version, "HTTP/2") || strings.HasPrefix(q.version, "HTTP/3") {
		r.Events = append(r.Events, strings.ToLower(q.version[:len("HTTP/2")]))
	}
	received := sites.Has(q.host, q.port)
	if received {
		r.Key = clients.Key(f.client)
		r.Outcome = f.response.outcome()
	}
	items := r.Items(received)
	if left > 0 {
		items = append(items, importer.Missing(fmt.Sprintf("%d header fields of a request cannot stand in a head", left), offset, 0))
	}
	if q.trailers {
		items = append(items, importer.Missing("the trailer fields of a request are not kept", offset, 0))
	}
	return items
}

// address is where the request was sent, as the value of Host.
func (m *message) address() string {
	host := strings.ToLower(m.host)
	if m.port == 0 || m.port == 443 && m.scheme == "https" || m.port == 80 && m.scheme == "http" {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, strconv.Itoa(int(m.port)))
}

// outcome is a response as what production answered; nil is not known.
func (m *message) outcome() *gate.Outcome {
	if m == nil || m.status == 0 {
		return nil
	}
	o := &gate.Outcome{Status: m.status, Cut: m.cut, Body: m.body}
	reason, ok := importer.AppendLine(nil, "x", m.reason)
	if !ok {
		reason = []byte("x: \r\n")
	}
	o.Head = fmt.Appendf(nil, "HTTP/1.1 %d %s", m.status, reason[len("x: "):])
	for _, f := range m.fields {
		o.Head, _ = importer.AppendLine(o.Head, f[0], f[1])
	}
	return o
}
