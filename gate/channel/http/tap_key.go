package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
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
	for len(cookies) > 0 {
		var pair []byte
		pair, cookies, _ = bytes.Cut(cookies, []byte{';'})
		name, value, _ := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if k.cookie != "" && string(name) == k.cookie || k.cookie == "" && likeSession(name) {
			return value
		}
	}
	return nil
}

// likeSession knows the names that frameworks give to the cookie of a session:
// JSESSIONID, PHPSESSID, ASP.NET_SessionId, connect.sid, _app_session, auth_token.
func likeSession(name []byte) bool {
	lower := strings.ToLower(string(name))
	if strings.Contains(lower, "csrf") || strings.Contains(lower, "xsrf") {
		return false
	}
	for _, part := range []string{"sess", "sid", "auth", "token", "jwt", "login"} {
		if strings.Contains(lower, part) {
			return true
		}
	}
	return false
}

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
