package har

import (
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

// items are what the entry comes to, in the session of a key. It takes size bytes of the file, from offset.
func (e *entry) items(w *walk, key string, offset, size int64) []importer.Item {
	o, sites := w.options, w.sites
	if s := e.unsent(); s != nil {
		return []importer.Item{{Skip: s, Offset: offset, Bytes: size}}
	}
	r := importer.Request{Key: key, At: instant(e.started), Offset: offset, Bytes: size}
	if e.isWebSocket() {
		u, ok := parseURL(overHTTP(e.request.url))
		return []importer.Item{importer.Unplayed(importer.WebSocket, ok && sites.Has(u.host, u.port), offset, size)}
	}
	u, ok := parseURL(e.request.url)
	if !ok {
		return []importer.Item{importer.Missing("an entry has no URL that can be read", offset, size)}
	}
	left, err := e.head(&r, &u)
	if err == nil {
		err = e.body(&r, o.Limit())
	}
	if err != nil {
		return []importer.Item{importer.Missing(err.Error(), offset, size)}
	}
	r.Host = u.authority()
	if u.tls {
		r.TLS = e.tls
		if !strings.HasPrefix(r.TLS, "TLS ") && !strings.HasPrefix(r.TLS, "SSL ") {
			r.TLS = importer.UnknownTLS
		}
	}
	switch v := strings.ToLower(e.request.version); {
	case strings.HasPrefix(v, "h2"), strings.HasPrefix(v, "http/2"):
		r.Events = append(r.Events, "http/2")
	case strings.HasPrefix(v, "h3"), strings.HasPrefix(v, "http/3"):
		r.Events = append(r.Events, "http/3")
	}
	received := sites.Has(u.host, u.port)
	if received && e.response.status > 0 {
		r.Outcome = e.outcome(o.Limit())
	}
	items := r.Items(received)
	if left > 0 {
		items = append(items, importer.Missing(fmt.Sprintf("%d header fields of a request cannot stand in a head", left), offset, 0))
	}
	return items
}

// neverSent begins the failures of Chromium, and of what is made of it, in which no
// request went out: https://source.chromium.org, net/base/net_error_list.h.
var neverSent = []string{
	"net::ERR_BLOCKED_BY_", "net::ERR_NAME_", "net::ERR_CONNECTION_REFUSED", "net::ERR_CONNECTION_TIMED_OUT", "net::ERR_CONNECTION_FAILED",
	"net::ERR_ADDRESS_", "net::ERR_INTERNET_DISCONNECTED", "net::ERR_CERT_", "net::ERR_SSL_", "net::ERR_PROXY_CONNECTION_FAILED",
	"net::ERR_TUNNEL_CONNECTION_FAILED", "net::ERR_UNKNOWN_URL_SCHEME", "net::ERR_DISALLOWED_URL_SCHEME", "net::ERR_UNSAFE_PORT",
	"net::ERR_CACHE_MISS", "net::ERR_INVALID_URL",
}

// unsent is why the request never went out, or nil where it did or may have.
func (e *entry) unsent() *importer.Skip {
	scheme, _, ok := strings.Cut(e.request.url, ":")
	switch scheme = strings.ToLower(scheme); {
	case e.request.method == "CONNECT":
		return &importer.Skip{Reason: "tunnel", Detail: "a proxy's tunnel; what went through it stands beside it"}
	case ok && scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss":
		return &importer.Skip{Reason: "not-http", Detail: "a URL of another scheme, for which nothing is sent"}
	case e.fromCache, e.fetchType == "Memory Cache", e.fetchType == "Disk Cache":
		return &importer.Skip{Reason: "from-cache", Detail: "answered from the browser's cache"}
	case e.response.serviceWorker, e.fetchType == "Service Worker":
		return &importer.Skip{Reason: "from-service-worker", Detail: "answered by a service worker of the page"}
	}
	for _, failure := range neverSent {
		if e.response.status <= 0 && strings.HasPrefix(e.response.failure, failure) {
			return &importer.Skip{Reason: "not-sent", Detail: "it was blocked, or failed before it was sent"}
		}
	}
	return nil
}

// overHTTP is a URL with the scheme of the request by which a WebSocket is opened (RFC 6455,
// section 3).
func overHTTP(url string) string {
	if scheme, rest, ok := strings.Cut(url, ":"); ok {
		switch strings.ToLower(scheme) {
		case "ws":
			return "http:" + rest
		case "wss":
			return "https:" + rest
		}
	}
	return url
}

// isWebSocket reports whether the request opened a WebSocket (RFC 6455, section 4.1).
func (e *entry) isWebSocket() bool {
	upgrade, _ := e.request.fields.get("Upgrade")
	scheme, _, _ := strings.Cut(e.request.url, "://")
	return e.frames || e.resourceType == "websocket" || strings.EqualFold(upgrade, "websocket") || strings.EqualFold(scheme, "ws") || strings.EqualFold(scheme, "wss")
}

// isDocument reports whether the answer is a page.
func (e *entry) isDocument() bool {
	if e.response.status/100 != 2 {
		return false
	}
	if e.resourceType != "" {
		return e.resourceType == "document"
	}
	mediaType, _, _ := mime.ParseMediaType(e.response.mediaType)
	return e.request.method == "GET" && mediaType == "text/html"
}

// head makes the head of r. left is how many fields no head can hold.
func (e *entry) head(r *importer.Request, u *location) (left int, err error) {
	q := &e.request
	if q.fields.over || q.cookies.over || q.post.params.over {
		return 0, fmt.Errorf("a request has more than %d fields, or more than %d bytes of them", maxPairs, maxHead)
	}
	host := u.authority()
	hasHost := false
	for _, f := range q.fields.list {
		switch {
		case strings.EqualFold(f.name, "host") && f.value != "":
			host, hasHost = f.value, true
		case f.name == ":authority" && f.value != "" && !hasHost:
			host = f.value
		}
	}
	method, ok := importer.AppendLine(nil, q.method, "")
	if !ok {
		return 0, errors.New("an entry has no method that can be read")
	}
	r.Head = fmt.Appendf(nil, "%s %s HTTP/1.1\r\n", method[:len(q.method)], u.target)
	add := func(name, value string) {
		for line := range strings.SplitSeq(value, "\n") { // several fields of one name: Chromium
			var ok bool
			if r.Head, ok = importer.AppendLine(r.Head, name, line); !ok {
				left++
			}
		}
	}
	if !hasHost {
		add("Host", host)
	}
	for _, f := range q.fields.list {
		if !strings.HasPrefix(f.name, ":") {
			add(f.name, f.value)
		}
	}
	if _, ok := q.fields.get("Cookie"); !ok && len(q.cookies.list) > 0 {
		var cookies []string
		for _, c := range q.cookies.list {
			cookies = append(cookies, c.name+"="+c.value)
		}
		add("Cookie", strings.Join(cookies, "; "))
	}
	return left, nil
}

// body makes the body of r, or says why it was lost.
func (e *entry) body(r *importer.Request, limit int64) error {
	q := &e.request
	length := int64(-1)
	if text, ok := q.fields.get("Content-Length"); ok {
		n, err := strconv.ParseUint(strings.Trim(text, " \t"), 10, 62)
		if err != nil {
			return errors.New("the Content-Length of a request is not a number")
		}
		length = int64(n)
	}
	var body []byte
	var cut int64
	switch {
	case q.post.text.given && (q.post.text.text != "" || len(q.post.params.list) == 0):
		var err error
		if body, cut, err = q.post.text.bytes(); err != nil {
			return fmt.Errorf("the body of a request: %w", err)
		}
		if q.post.text.base64 && cut > 0 && length > int64(len(body)) {
			cut = length - int64(len(body)) // where padding was cut, what stood before it is not known to the byte
		}
		if got := int64(len(body)) + cut; got != length {
			latin, ok := latin1(body)
			switch {
			case ok && cut == 0 && int64(len(latin)) == length:
				body = latin
			case length < 0 && got > 0 && got < q.bodySize:
				return fmt.Errorf("the body of a request is not as it was sent: %d bytes were, and it has %d", q.bodySize, got)
			case length >= 0:
				return fmt.Errorf("the body of a request is not as it was sent: %d bytes were, and it has %d", length, got)
			case !q.post.text.base64 && strings.ContainsRune(q.post.text.text, utf8.RuneError):
				return errors.New("the body of a request is not as it was sent: bytes of it were replaced")
			}
		}
	case len(q.post.params.list) > 0:
		var err error
		if body, err = q.form(length); err != nil {
			return err
		}
	case length > 0 || length < 0 && q.bodySize > 0:
		return fmt.Errorf("the body of a request, %d bytes, is not in the file", max(length, q.bodySize))
	}
	if over := int64(len(body)) - limit; over > 0 {
		body, cut = body[:limit], cut+over
	}
	r.Body, r.Cut = body, cut
	return nil
}

// bytes are what the literal stands for, and how many more there were.
func (l *literal) bytes() (body []byte, cut int64, err error) {
	if !l.base64 {
		return []byte(l.text), l.cut, nil
	}
	text := l.text
	if l.cut > 0 {
		text = text[:len(text)/4*4]
	}
	body, err = base64.StdEncoding.DecodeString(text)
	if err != nil {
		body, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	}
	if err != nil {
		return nil, 0, errors.New("it is not base64")
	}
	whole := (int64(len(l.text)) + l.cut) / 4 * 3
	if l.cut > 0 {
		cut = whole - int64(len(body))
	}
	return body, cut, nil
}

// latin1 is one byte for each character of text, where each is one (ISO 8859-1).
func latin1(text []byte) ([]byte, bool) {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r > 0xff {
			return nil, false
		}
		out = append(out, byte(r))
		text = text[n:]
	}
	return out, true
}

// form makes the body of params. length is less than 0 where it is not known.
func (q *request) form(length int64) ([]byte, error) {
	contentType, _ := q.fields.get("Content-Type")
	if mediaType, _, _ := mime.ParseMediaType(contentType); mediaType != "" && mediaType != "application/x-www-form-urlencoded" {
		return nil, errors.New("the body of a request is not in the file: it has the fields of a form, and not how they were sent")
	}
	var plain, encoded strings.Builder
	needs := false
	for i, f := range q.post.params.list {
		if i > 0 {
			plain.WriteByte('&')
			encoded.WriteByte('&')
		}
		plain.WriteString(f.name + "=" + f.value)
		encoded.WriteString(url.QueryEscape(f.name) + "=" + url.QueryEscape(f.value))
		needs = needs || !isEncoded(f.name) || !isEncoded(f.value)
	}
	switch {
	case !needs && (length < 0 || int64(plain.Len()) == length):
		return []byte(plain.String()), nil
	case length < 0 || int64(encoded.Len()) == length:
		return []byte(encoded.String()), nil
	}
	return nil, fmt.Errorf("the body of a request is not as it was sent: %d bytes were, and the fields of the form make %d", length, encoded.Len())
}

// isEncoded reports whether text can stand in a form as it is.
func isEncoded(text string) bool {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c <= ' ' || c >= 0x7f || c == '&' || c == '=' || c == '#' {
			return false
		}
	}
	return true
}

// outcome is the answer, with the codings of its body undone, as they are in the file.
func (e *entry) outcome(limit int64) *gate.Outcome {
	o := &gate.Outcome{Status: int(e.response.status)}
	o.Head, _ = importer.AppendLine(nil, "x", e.response.reason)
	if len(o.Head) == 0 {
		o.Head = []byte("x: \r\n")
	}
	o.Head = fmt.Appendf(nil, "HTTP/1.1 %d %s", e.response.status, o.Head[len("x: "):])
	for _, f := range e.response.fields.list {
		switch strings.ToLower(f.name) {
		case "content-encoding", "transfer-encoding", "content-length":
			continue
		}
		for line := range strings.SplitSeq(f.value, "\n") {
			o.Head, _ = importer.AppendLine(o.Head, f.name, line)
		}
	}
	body, cut, err := e.response.text.bytes()
	if err != nil {
		return o
	}
	if over := int64(len(body)) - limit; over > 0 {
		body, cut = body[:limit], cut+over
	}
	o.Body, o.Cut = body, cut
	return o
}

// instant reads a time of ISO 8601, with a zone or without, which is then UTC, in
// nanoseconds since 1970 UTC; 0 where it cannot be read.
func instant(text string) int64 {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1970 && t.Year() < 2200 {
			return t.UnixNano()
		}
	}
	return 0
}
