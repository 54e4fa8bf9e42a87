package dynamic

import (
	"bytes"
	"net/url"
	"regexp"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// secrets are names of what applications give out to be brought back.
var secrets = regexp.MustCompile(`(?i)code|otp|token|nonce|csrf|xsrf|sess|sid\b|auth|jwt|signature|sig\b|ticket|verifier|viewstate|cursor`)

// leastToken is how long a value is, at least, that looks made whatever it is called.
const leastToken = 16

// Unbound gives the places of a stimulus of HTTP where a value stands that looks made by the
// application, and that nothing before it on the tape gave: "cookie/session", "query/key",
// "path[2]", "form/nonce", "json/$.cursor", "header/x-token". In a replay it is sent as it
// was recorded.
func Unbound(s *gate.Stimulus) []string {
	if s.Channel != "http" {
		return nil
	}
	var places []string
	look := func(place, value string) bool {
		if !token(place, value) {
			return true
		}
		for i := range s.Bindings {
			if v := s.Bindings[i].Value; strings.Contains(value, v) || strings.Contains(v, value) {
				return true
			}
		}
		if plain, ok := unbase64(value); ok { // Basic, or something that is bound inside
			for i := range s.Bindings {
				if strings.Contains(plain, s.Bindings[i].Value) {
					return true
				}
			}
		}
		places = append(places, place)
		return len(places) < maxBindings
	}
	eachOf(s, &walk{count: map[string]int{}, found: look})
	return places
}

// token reports whether a value looks made: by what it is, or by how it is called.
func token(place, value string) bool {
	if len(value) < 4 || strings.ContainsAny(value, " \t\r\n@:") || isDate(value) || strings.Trim(value, "0123456789.-+") == "" && !secrets.MatchString(place) {
		return false
	}
	digits, letters := 0, 0
	for _, c := range []byte(value) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case isAlnum(c):
			letters++
		}
	}
	if secrets.MatchString(place) {
		return digits >= 4 || len(value) >= 8 && digits > 0
	}
	return len(value) >= leastToken && digits >= 2 && letters >= 2 && strings.Trim(value, "abcdefghijklmnopqrstuvwxyz-_/.") != ""
}

// eachOf gives the values of a stimulus with their places.
func eachOf(s *gate.Stimulus, w *walk) {
	line, _, _ := bytes.Cut(s.Head, []byte("\n"))
	pairs := func(kind, text string) {
		for pair := range strings.SplitSeq(text, "&") {
			name, v, _ := strings.Cut(pair, "=")
			if plain, err := url.QueryUnescape(v); err == nil && plain != "" {
				w.give(kind+"/"+name, plain)
			}
		}
	}
	if _, rest, ok := strings.Cut(strings.TrimSpace(string(line)), " "); ok {
		target, _, _ := strings.Cut(rest, " ")
		path, query, _ := strings.Cut(target, "?")
		for seg := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
			if plain, err := url.PathUnescape(seg); err == nil && !strings.Contains(plain, ".") { // names of files have versions in them
				w.give("path", plain)
			}
		}
		pairs("query", query)
	}
	kind, coding := "", ""
	for _, f := range fieldsOf(s.Head) {
		switch f.name {
		case "cookie":
			for pair := range strings.SplitSeq(f.value, ";") {
				name, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
				w.give("cookie/"+name, strings.Trim(v, `"`))
			}
		case "content-type":
			kind, _, _ = strings.Cut(strings.ToLower(f.value), ";")
		case "content-encoding":
			coding = strings.ToLower(f.value)
		case "authorization":
			if _, v, ok := strings.Cut(f.value, " "); ok {
				w.give("header/authorization", v)
			}
		default:
			if strings.HasPrefix(f.name, "x-") && secrets.MatchString(f.name) {
				w.give("header/"+f.name, f.value)
			}
		}
	}
	body, ok := decoded(coding, s.Body)
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case !ok || len(start) == 0:
	case start[0] == '{' || start[0] == '[':
		w.json(body)
	case strings.HasSuffix(kind, "urlencoded"):
		pairs("form", string(body[:min(len(body), maxUnfolded)]))
	}
}
