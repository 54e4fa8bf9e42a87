package http

import (
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

// A head is the head of a request, read and not judged beyond its grammar.
type head struct {
	method, target, version string
	fields                  []field
	bareLF                  int // lines that ended without a CR
}

// parseHead reads a request line and field lines (RFC 9112, 3 and 5), with or
// without the blank line that ends them. A bare LF ends a line too, as RFC 9112,
// 2.2, allows, and is counted. Refused are bytes on which two readers could
// disagree: CR and NUL within a line, folded lines, space before a colon.
// Errors name no value. dst is where the fields go, if it is large enough.
func parseHead(s string, dst []field) (head, error) {
	h := head{fields: dst[:0]}
	line, rest := h.line(s)
	var ok1, ok2 bool
	h.method, line, ok1 = strings.Cut(line, " ")
	h.target, h.version, ok2 = strings.Cut(line, " ")
	switch {
	case !ok1 || !ok2 || h.target == "" || !isToken(h.method):
		return h, fmt.Errorf("the request line is not a method, a target and a version")
	case !isVersion(h.version):
		return h, fmt.Errorf("the version of the request line is not HTTP/ and a number")
	case strings.ContainsFunc(h.target, isControl):
		return h, fmt.Errorf("the request target holds a control character")
	}
	for rest != "" {
		line, rest = h.line(rest)
		if line == "" {
			if rest != "" {
				return h, fmt.Errorf("text follows the blank line that ends the head")
			}
			break
		}
		if len(h.fields) == maxFields {
			return h, errTooLarge
		}
		if line[0] == ' ' || line[0] == '\t' {
			return h, fmt.Errorf("a header line is folded (RFC 9112, 5.2)")
		}
		f, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(f) {
			return h, fmt.Errorf("a header line has no name before its colon")
		}
		value = strings.Trim(value, " \t")
		if strings.IndexByte(value, 0) >= 0 || strings.IndexByte(value, '\r') >= 0 {
			return h, fmt.Errorf("the value of header %.64s holds a CR or a NUL", f)
		}
		h.fields = append(h.fields, field{f, value})
	}
	return h, nil
}

// line splits s after its first line end.
func (h *head) line(s string) (line, rest string) {
	i := strings.IndexByte(s, '\n')
	if i < 0 {
		return s, ""
	}
	line, rest = s[:i], s[i+1:]
	if i > 0 && line[i-1] == '\r' {
		return line[:i-1], rest
	}
	h.bareLF++
	return line, rest
}

// get is the value of the first field of that name, in any case, or "".
func (h *head) get(name string) string {
	for i := range h.fields {
		if strings.EqualFold(h.fields[i].name, name) {
			return h.fields[i].value
		}
	}
	return ""
}

// has reports whether any field of that name lists token (RFC 9110, 5.6.1), both in any case.
func (h *head) has(name, token string) bool {
	for i := range h.fields {
		if strings.EqualFold(h.fields[i].name, name) && listed(h.fields[i].value, token) {
			return true
		}
	}
	return false
}

func listed(list, token string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if strings.EqualFold(strings.Trim(item, " \t"), token) {
			return true
		}
	}
	return false
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

// isToken reports whether s is a token of RFC 9110, 5.6.2.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0:
			return false
		}
	}
	return s != ""
}

func isVersion(s string) bool {
	n, ok := strings.CutPrefix(s, "HTTP/")
	return ok && len(n) > 0 && len(n) <= 3 && n[0] >= '0' && n[0] <= '9' && strings.Trim(n, "0123456789.") == ""
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// hopByHop reports whether a field, in lower case, is between two neighbours
// only (RFC 9110, 7.6.1) or frames the body: no part of what is said.
func hopByHop(lower string) bool {
	switch lower {
	case "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "content-length", "http2-settings":
		return true
	}
	return strings.HasPrefix(lower, "proxy-")
}
