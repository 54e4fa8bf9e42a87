package http

import (
	"bytes"
	"fmt"
	"strings"
)

// Limits of a head. What is beyond is answered 431.
const (
	maxHead   = 1 << 20 // bytes
	maxFields = 2000    // field lines
)

// A field is one field line, in the order in which it came.
type field struct{ name, value string }

// A header is the field lines of a head.
type header []field

// get is the value of the first field of that name, in any case, or "".
func (h header) get(name string) string {
	for i := range h {
		if sameName(h[i].name, name) {
			return h[i].value
		}
	}
	return ""
}

// has reports whether any field of that name lists token (RFC 9110, 5.6.1), both in any case.
func (h header) has(name, token string) bool {
	for i := range h {
		if sameName(h[i].name, name) && listed(h[i].value, token) {
			return true
		}
	}
	return false
}

func listed(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(trimSpace(item), token) {
			return true
		}
	}
	return false
}

// A head is the head of a request, read and not judged beyond its grammar.
type head struct {
	method, target, version string
	header
	bareLF int // lines that ended without a CR
}

// parseHead reads a request line and field lines (RFC 9112, 3 and 5), with or
// without the blank line that ends them. A bare LF ends a line too, as RFC 9112,
// 2.2, allows, and is counted. Refused are bytes on which two readers could
// disagree: CR and NUL within a line, folded lines, space before a colon.
// Errors name no value. dst is where the fields go, if it is large enough.
func parseHead(s string, dst header) (head, error) {
	h := head{header: dst[:0]}
	line, rest, bare := cutLine(s)
	h.bareLF = bare
	var ok1, ok2 bool
	h.method, line, ok1 = strings.Cut(line, " ")
	h.target, h.version, ok2 = strings.Cut(line, " ")
	switch {
	case !ok1 || !ok2 || h.target == "" || !isToken(h.method):
		return h, fmt.Errorf("the request line is not a method, a target and a version")
	case !isVersion(h.version):
		return h, fmt.Errorf("the version of the request line is not HTTP/ and a number")
	case hasControl(h.target) || strings.IndexByte(h.target, '\t') >= 0:
		return h, fmt.Errorf("the request target holds a control character")
	}
	var err error
	h.header, bare, err = parseFields(rest, h.header)
	h.bareLF += bare
	return h, err
}

// A statusHead is the head of a response.
type statusHead struct {
	version string // "HTTP/1.0", "HTTP/1.1"
	status  int    // 100 to 999
	reason  string
	header
}

// parseStatusHead reads a status line and field lines (RFC 9112, 4 and 5) as
// parseHead does; lines that were folded must have been unfolded.
func parseStatusHead(s string, dst header) (statusHead, error) {
	h := statusHead{header: dst[:0]}
	line, rest, _ := cutLine(s)
	var status string
	h.version, line, _ = strings.Cut(line, " ")
	status, h.reason, _ = strings.Cut(line, " ")
	switch {
	case len(h.version) != len("HTTP/1.1") || h.version[:7] != "HTTP/1." || h.version[7] < '0' || h.version[7] > '9':
		return h, fmt.Errorf("its status line does not begin with HTTP/1.1 or HTTP/1.0")
	case len(status) != 3 || status[0] < '1' || strings.Trim(status, "0123456789") != "":
		return h, fmt.Errorf("its status is not a number of three digits")
	case strings.IndexByte(h.reason, 0) >= 0 || strings.IndexByte(h.reason, '\r') >= 0:
		return h, fmt.Errorf("its status line holds a CR or a NUL")
	}
	h.status = int(status[0]-'0')*100 + int(status[1]-'0')*10 + int(status[2]-'0')
	var err error
	h.header, _, err = parseFields(rest, h.header)
	return h, err
}

// unfold replaces the line ends before lines that begin with space by spaces, as
// RFC 9112, 5.2, asks of who reads a response. A folded status line is left alone.
func unfold(text []byte) {
	first := bytes.IndexByte(text, '\n')
	for i := first + 1; first >= 0; {
		n := bytes.IndexByte(text[i:], '\n')
		if n < 0 || i+n+1 == len(text) {
			return
		}
		i += n + 1
		if text[i] == ' ' || text[i] == '\t' {
			text[i-1] = ' '
			if text[i-2] == '\r' {
				text[i-2] = ' '
			}
		}
	}
}

// parseFields reads field lines, with or without the blank line that ends them.
func parseFields(s string, dst header) (_ header, bareLF int, err error) {
	for s != "" {
		line, rest, bare := cutLine(s)
		s, bareLF = rest, bareLF+bare
		if line == "" {
			if s != "" {
				return dst, bareLF, fmt.Errorf("text follows the blank line that ends the head")
			}
			break
		}
		if len(dst) == maxFields {
			return dst, bareLF, errTooLarge
		}
		if line[0] == ' ' || line[0] == '\t' {
			return dst, bareLF, fmt.Errorf("a header line is folded (RFC 9112, 5.2)")
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return dst, bareLF, fmt.Errorf("a header line has no name before its colon")
		}
		value = trimSpace(value)
		if strings.IndexByte(value, 0) >= 0 || strings.IndexByte(value, '\r') >= 0 {
			return dst, bareLF, fmt.Errorf("the value of header %.64s holds a CR or a NUL", name)
		}
		dst = append(dst, field{name, value})
	}
	return dst, bareLF, nil
}

// cutLine splits s after its first line end. bareLF is 1 where that is no CRLF.
func cutLine(s string) (line, rest string, bareLF int) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, "", 0
	}
	line, rest = s[:i], s[i+1:]
	if i > 0 && line[i-1] == '\r' {
		return line[:i-1], rest, 0
	}
	return line, rest, 1
}

// split takes a request target apart (RFC 9112, 3.2): the authority of an
// absolute form, the path, and the query behind the first question mark.
func split(target string) (authority, path, query string) {
	path, query, _ = strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") {
		if _, after, ok := strings.Cut(path, "://"); ok {
			i := strings.IndexByte(after, '/')
			if i < 0 {
				i = len(after)
			}
			authority, path = after[:i], after[i:]
			if path == "" {
				path = "/"
			}
		}
	}
	return authority, path, query
}

// splitUser takes the user information off an authority (RFC 3986, 3.2.1).
func splitUser(authority string) (user, host string) {
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		return authority[:i], authority[i+1:]
	}
	return "", authority
}

// The characters of tokens (RFC 9110, 5.6.2) as sets of bits: those below 64, and
// those from there to 127.
const (
	tokensLow  = 1<<'!' | 1<<'#' | 1<<'$' | 1<<'%' | 1<<'&' | 1<<'\'' | 1<<'*' | 1<<'+' | 1<<'-' | 1<<'.' | 0x3ff<<'0'
	tokensHigh = 0x3ffffff<<('A'-64) | 1<<('^'-64) | 1<<('_'-64) | 1<<('`'-64) | 0x3ffffff<<('a'-64) | 1<<('|'-64) | 1<<('~'-64)
)

// isToken reports whether s is a token.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		set := uint64(tokensLow)
		if s[i] >= 64 {
			set = tokensHigh
		}
		if s[i] >= 128 || set>>(s[i]&63)&1 == 0 {
			return false
		}
	}
	return s != ""
}

// sameName reports whether two names of fields are one, in any case.
func sameName(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// trimSpace takes off what may stand around a value (RFC 9110, 5.6.3).
func trimSpace(s string) string {
	for s != "" && (s[0] == ' ' || s[0] == '\t') {
		s = s[1:]
	}
	for s != "" && (s[len(s)-1] == ' ' || s[len(s)-1] == '\t') {
		s = s[:len(s)-1]
	}
	return s
}

func isVersion(s string) bool {
	if s == "HTTP/1.1" {
		return true
	}
	n, ok := strings.CutPrefix(s, "HTTP/")
	return ok && len(n) > 0 && len(n) <= 3 && n[0] >= '0' && n[0] <= '9' && strings.Trim(n, "0123456789.") == ""
}

// hasControl reports whether s holds a control character, tabs aside.
func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' && s[i] != '\t' || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// hopByHop reports whether a field, in any case, is between two neighbours only
// (RFC 9110, 7.6.1) or frames the body: no part of what is said.
func hopByHop(name string) bool {
	for _, known := range [...]string{"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "http2-settings"} {
		if sameName(name, known) {
			return true
		}
	}
	const proxy = "proxy-"
	return len(name) >= len(proxy) && strings.EqualFold(name[:len(proxy)], proxy)
}
