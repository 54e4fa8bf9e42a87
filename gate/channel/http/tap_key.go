package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	nethttp "net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxSessions bounds the sessions of which a tap remembers under which key they run.
const maxSessions = 1 << 16

// A keyer names the session that a request belongs to, so that requests of one
// session stay in order. Keys are digests: they tell nothing of what they are of.
type keyer struct {
	cookie string // the cookie that is the session; "" is any that looks like one
	header string // the header that is the session, in lower case
	plain  bool   // the client's address is

	mu            sync.Mutex
	recent, older map[string]string // session to key, of sessions that took over from another
}

func newKeyer(setting string) (*keyer, error) {
	k := &keyer{recent: map[string]string{}}
	kind, name, _ := strings.Cut(setting, "/")
	switch {
	case setting == "":
	case setting == "address":
		k.plain = true
	case kind == "cookie" && isToken(name):
		k.cookie = name
	case kind == "header" && isToken(name):
		k.header = strings.ToLower(name)
	default:
		return nil, errors.New(`key: want "cookie/NAME", "header/NAME" or "address"`)
	}
	return k, nil
}

// of says what a request tells of its session: the session itself, or "", and what
// stands in for it where the answer begins none.
func (k *keyer) of(h *wireHead, text []byte, address string) (session, instead string) {
	switch {
	case k.plain:
	case k.header != "":
		if v := headerValue(text, k.header); len(v) > 0 {
			return digestOf("header", v), ""
		}
	default:
		if v := k.sessionIn(h.cookie); len(v) > 0 {
			return digestOf("session", v), ""
		}
		if who, ok := subject(h.authorization); ok && k.cookie == "" {
			return digestOf("subject", []byte(who)), ""
		}
		if k.cookie == "" && len(h.authorization) > 0 {
			return "", digestOf("authorization", h.authorization)
		}
	}
	return "", digestOf("address", []byte(address))
}

// key is the key of an exchange, whose answer may begin a session or put another
// in its place: that goes on under the key of the one before.
func (k *keyer) key(session, instead string, setCookie [][]byte) string {
	if k.plain || k.header != "" {
		if session != "" {
			return session
		}
		return instead
	}
	given := ""
	for _, c := range setCookie {
		pair, _, _ := bytes.Cut(c, []byte{';'})
		if deleted(c) {
			continue
		}
		if v := k.sessionIn(pair); len(v) > 0 {
			given = digestOf("session", v)
		}
	}
	switch {
	case session == "" && given == "":
		return instead
	case session == "":
		return given
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	key := k.lookUp(session)
	if given != "" && given != session {
		if len(k.recent) >= maxSessions {
			k.older, k.recent = k.recent, map[string]string{}
		}
		k.recent[given] = key
	}
	return key
}

func (k *keyer) lookUp(session string) string {
	if key, ok := k.recent[session]; ok {
		return key
	}
	if key, ok := k.older[session]; ok {
		k.recent[session] = key
		return key
	}
	return session
}

// sessionIn is the value of the session's cookie among those of a Cookie header.
func (k *keyer) sessionIn(cookies []byte) []byte {
	if k.cookie == "" {
		_, value := likeliest(cookies)
		return value
	}
	for len(cookies) > 0 {
		var pair []byte
		pair, cookies, _ = bytes.Cut(cookies, []byte{';'})
		name, value, _ := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if string(name) == k.cookie && !empty(value) {
			return value
		}
	}
	return nil
}

// likeliest is the cookie among those of a Cookie header that tells a session best: one of who
// is logged in before one that visitors have too, and of equal ones the first.
func likeliest(cookies []byte) (name, value []byte) {
	best := 0
	for len(cookies) > 0 {
		var pair []byte
		pair, cookies, _ = bytes.Cut(cookies, []byte{';'})
		n, v, _ := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if r := likeSession(n); r > best && !empty(v) {
			best, name, value = r, n, v
		}
	}
	return name, value
}

// empty reports whether the value of a cookie is what is left where it was deleted.
func empty(value []byte) bool {
	v := strings.Trim(string(value), `"`)
	return v == "" || v == "deleted" || v == "delete" || v == "null" || v == "undefined"
}

// deleted reports whether a Set-Cookie takes the cookie away (RFC 6265, 5.2 and 5.3).
func deleted(setCookie []byte) bool {
	pair, rest, _ := bytes.Cut(setCookie, []byte{';'})
	_, value, _ := bytes.Cut(pair, []byte{'='})
	if empty(bytes.TrimSpace(value)) {
		return true
	}
	var expires time.Time
	for field := range strings.SplitSeq(string(rest), ";") {
		name, v, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch {
		case strings.EqualFold(name, "Max-Age"): // which goes before Expires
			n, err := strconv.ParseInt(strings.TrimSpace(v), 10, 64)
			if err == nil {
				return n <= 0
			}
		case strings.EqualFold(name, "Expires"):
			if t, err := nethttp.ParseTime(strings.ReplaceAll(strings.TrimSpace(v), "-", " ")); err == nil {
				expires = t
			} else if t, err := nethttp.ParseTime(strings.TrimSpace(v)); err == nil {
				expires = t
			}
		}
	}
	return !expires.IsZero() && expires.Year() < 2000 // as those are that delete: a tap has no clock of its own
}

// Cookies that frameworks use: parts of their names in lower case, of who is logged in and of
// visitors, and of what only looks like one.
var (
	loggedIn = []string{"logged_in", "wordpress_sec", "auth", "login", "jwt", "token", "identity", "remember", "aspnetcore.cookies", "aspxauth"}
	visitors = []string{"sess", "cfid"}
	neither  = []string{"csrf", "xsrf", "author", "test_cookie", "callback", "sidebar", "_hj", "analytics", "optimizely", "amplitude", "pkce", "nonce", "state"}
)

// likeSession says how well the name of a cookie tells a session, as frameworks name them:
// wordpress_logged_in_#, PHPSESSID, _app_session, sessionid, laravel_session, connect.sid,
// ASP.NET_SessionId, .AspNetCore.Identity.Application, JSESSIONID, next-auth.session-token,
// auth_token. 2 is of who is logged in, 1 of a visitor, 0 of neither.
func likeSession(name []byte) int {
	lower := strings.ToLower(string(name))
	has := func(part string) bool { return strings.Contains(lower, part) }
	switch {
	case slices.ContainsFunc(neither, has):
		return 0
	case slices.ContainsFunc(loggedIn, has):
		return 2
	case slices.ContainsFunc(visitors, has), strings.HasSuffix(lower, "sid"), strings.HasPrefix(lower, "sid"):
		return 1
	}
	return 0
}

// subject is whose a bearer token is, where it is a JWT that says so (RFC 7519, 4.1.2), for one
// person is given many: the issuer and the subject, and the session where there is one.
func subject(authorization []byte) (string, bool) {
	scheme, token, _ := bytes.Cut(authorization, []byte{' '})
	parts := bytes.Split(bytes.TrimSpace(token), []byte{'.'})
	if !strings.EqualFold(string(scheme), "bearer") || len(parts) != 3 {
		return "", false
	}
	claims, err := base64.RawURLEncoding.DecodeString(string(parts[1]))
	if err != nil {
		return "", false
	}
	var c struct {
		Iss string `json:"iss"`
		Sub any    `json:"sub"`
		SID string `json:"sid"`
	}
	if json.Unmarshal(claims, &c) != nil || c.Sub == nil {
		return "", false
	}
	return fmt.Sprintf("%s\x00%v\x00%s", c.Iss, c.Sub, c.SID), true
}

// SessionBy says what of a request tells its session where a tap's key is not set: "cookie
// NAME", "bearer token", "authorization"; "" is nothing, and the client's address stands for it.
func SessionBy(head []byte) string {
	if name, _ := likeliest(headerValue(head, "cookie")); len(name) > 0 {
		return "cookie " + string(hexadecimal.ReplaceAll(name, []byte("#")))
	}
	switch v := headerValue(head, "authorization"); {
	case len(v) == 0:
		return ""
	default:
		if _, ok := subject(v); ok {
			return "bearer token, by its subject"
		}
		return "authorization"
	}
}

var hexadecimal = regexp.MustCompile(`[0-9a-f]{16,}`)

// headerValue is the value of the first field of a name, which is in lower case.
func headerValue(text []byte, lower string) []byte {
	for len(text) > 0 {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte{'\n'})
		if colon := bytes.IndexByte(line, ':'); colon > 0 && is(line[:colon], lower) {
			return value(bytes.TrimSuffix(line, []byte{'\r'}), colon)
		}
	}
	return nil
}

func digestOf(kind string, v []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00", kind)
	h.Write(v)
	return hex.EncodeToString(h.Sum(nil)[:8])
}
