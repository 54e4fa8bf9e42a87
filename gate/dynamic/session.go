package dynamic

import (
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
)

// Sessions are what a build knows those by who ask it: the cookies, the credentials and the
// fields of a proxy in front that each key's last request of HTTP had, with the cookies that
// the build has set since. It may be used from many goroutines; its zero value knows nobody.
type Sessions struct {
	mu    sync.Mutex
	byKey map[string]Visitor
}

// Saw takes what one key sent, as it was sent, and what it was answered.
func (l *Sessions) Saw(s *gate.Stimulus, o *gate.Outcome) {
	if s.Channel != "http" || s.Key == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = map[string]Visitor{}
	}
	v := l.byKey[s.Key].sent(s)
	v.Set(o)
	l.byKey[s.Key] = v
}

// Of returns whom the build knows by key; false where nothing was sent with it.
func (l *Sessions) Of(key string) (Visitor, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.byKey[key]
	v.cookies = slices.Clone(v.cookies)
	return v, ok
}

// A Visitor is somebody whom a build knows by what requests hold. The zero value is nobody.
type Visitor struct {
	fields  [][2]string // name and value, as sent
	cookies [][2]string
}

// sent returns v as the request s shows it.
func (v Visitor) sent(s *gate.Stimulus) Visitor {
	now := Visitor{}
	for _, f := range fieldsOf(s.Head) {
		switch {
		case f.name == "cookie":
			for pair := range strings.SplitSeq(f.value, ";") {
				if name, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
					now.put(name, value)
				}
			}
		case names(f.name):
			now.fields = append(now.fields, [2]string{f.name, f.value})
		}
	}
	if now.cookies == nil { // set for another path, say
		now.cookies = slices.Clone(v.cookies)
	}
	return now
}

// names reports whether a field of a request can say who sends it.
func names(field string) bool {
	switch {
	case field == "authorization", field == "remote-user", strings.HasPrefix(field, "cf-access-"):
		return true
	case !strings.HasPrefix(field, "x-"):
		return false
	}
	for _, word := range []string{"csrf", "xsrf", "request-id", "correlation", "trace", "b3-", "amzn-", "idempotency", "http-method"} {
		if strings.Contains(field, word) {
			return false
		}
	}
	return true
}

func (v *Visitor) put(name, value string) {
	for i := range v.cookies {
		if v.cookies[i][0] == name {
			v.cookies[i][1] = value
			return
		}
	}
	v.cookies = append(v.cookies, [2]string{name, value})
}

// Set takes the cookies that an answer sets, whatever their scope, and drops those that it ends
// by Max-Age (RFC 6265, 5.2.2).
func (v *Visitor) Set(o *gate.Outcome) {
	if o == nil {
		return
	}
	for _, f := range fieldsOf(o.Head) {
		if f.name != "set-cookie" {
			continue
		}
		pair, attributes, _ := strings.Cut(f.value, ";")
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok || hasControl(f.value) {
			continue
		}
		ended := false
		for a := range strings.SplitSeq(attributes, ";") {
			k, n, _ := strings.Cut(strings.TrimSpace(a), "=")
			ended = ended || strings.EqualFold(k, "max-age") && (n == "0" || strings.HasPrefix(n, "-"))
		}
		if ended {
			v.cookies = slices.DeleteFunc(v.cookies, func(c [2]string) bool { return c[0] == name })
			continue
		}
		v.put(name, value)
	}
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// Location returns where an answer sends who asked (RFC 9110, 15.4), to be asked by GET; ""
// where it does not.
func Location(o *gate.Outcome) string {
	switch o.Status {
	case 301, 302, 303, 307, 308:
	default:
		return ""
	}
	for _, f := range fieldsOf(o.Head) {
		if f.name == "location" {
			return f.value
		}
	}
	return ""
}

// Again returns the head of the request that s is, as v sends it: without what says in s who
// sent it, and without conditions on what that one has already (RFC 9110, 13.1).
func (v *Visitor) Again(s *gate.Stimulus) []byte {
	var head []byte
	at := 0
	for _, f := range fieldsOf(s.Head) {
		switch f.name {
		case "x-requested-with", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port":
			continue
		case "cookie", "referer", "range", "traceparent", "tracestate":
		default:
			if !names(f.name) && !strings.HasPrefix(f.name, "if-") {
				continue
			}
		}
		head = append(head, s.Head[at:f.start]...)
		at = f.end
	}
	head = append(head, s.Head[at:]...)
	if len(head) > 0 && head[len(head)-1] != '\n' {
		head = append(head, "\r\n"...)
	}
	for _, f := range v.fields {
		switch f[0] {
		case "x-requested-with", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port":
		default:
			head = appendField(head, f[0], f[1])
		}
	}
	return v.appendCookies(head)
}

func (v *Visitor) appendCookies(head []byte) []byte {
	if len(v.cookies) == 0 {
		return head
	}
	pairs := make([]string, len(v.cookies))
	for i, c := range v.cookies {
		pairs[i] = c[0] + "=" + c[1]
	}
	return appendField(head, "Cookie", strings.Join(pairs, "; "))
}

// Get returns the head of a request for target at host, as v sends it. secure says that the
// address was one of https, which a proxy in front would say.
func (v *Visitor) Get(target, host string, secure bool) []byte {
	head := []byte("GET " + target + " HTTP/1.1\r\n")
	head = appendField(head, "Host", host)
	head = appendField(head, "Accept", "*/*")
	forwarded := false
	for _, f := range v.fields {
		forwarded = forwarded || f[0] == "x-forwarded-proto"
		head = appendField(head, f[0], f[1])
	}
	if secure && !forwarded {
		head = appendField(head, "X-Forwarded-Proto", "https")
	}
	return v.appendCookies(head)
}
