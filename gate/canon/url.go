package canon

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// nextURL finds the first URL in text: a scheme and "://", or "mailto:". It ends
// at white space, a quote or an angle bracket; the punctuation of the sentence
// around it is not of it.
func nextURL(text string) (url, rest string, ok bool) {
	for from := 0; ; {
		start, body := urlStart(text[from:])
		if start < 0 {
			return "", "", false
		}
		start, body = start+from, body+from
		end := body
		for end < len(text) && !endsURL(text[end]) {
			end++
		}
		around := ".,;:!?'*)]}"
		if strings.ContainsAny(text[body:end], "([{") {
			around = ".,;:!?'*"
		}
		for end > body && strings.IndexByte(around, text[end-1]) >= 0 {
			end--
		}
		if end > body {
			return text[start:end], text[end:], true
		}
		from = body
	}
}

// endsURL reports whether c ends a URL in running text.
func endsURL(c byte) bool { return c <= ' ' || c == '<' || c == '>' || c == '"' || c == '`' }

// urlStart finds where the first URL starts, and where what follows its scheme does.
func urlStart(text string) (start, body int) {
	for from := 0; ; {
		i := strings.IndexByte(text[from:], ':')
		if i < 0 {
			return -1, -1
		}
		i += from
		from = i + 1
		start = i
		for start > 0 && i-start < 16 && isAlnum(text[start-1]) {
			start--
		}
		if start < i && strings.HasPrefix(text[i:], "://") {
			return start, i + len("://")
		}
		if i >= 6 && strings.EqualFold(text[i-6:i], "mailto") {
			return i - 6, i + 1
		}
	}
}

func isAlnum(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9'
}

// canonicalURL brings the spelling of a URL that cannot matter into one form:
// white space around it and line breaks within, the case of scheme and host, a host's
// Unicode form, the port that its scheme has anyway (RFC 3986, 6.2.3), escapes of
// letters, digits, "-", ".", "_" and "~", and the case of other escapes (6.2.2), an empty
// path, and the order of a query's pairs of different keys. What a "data:" URL carries
// becomes its digest.
func (s *state) canonicalURL(url string) string {
	url = strings.Trim(url, " \t\r\n\f\x00")
	if hasControl(url) {
		url = strings.NewReplacer("\t", "", "\r", "", "\n", "").Replace(url)
	}
	if len(url) > 5 && strings.EqualFold(url[:5], "data:") {
		kind, data, _ := strings.Cut(url[5:], ",")
		return "data:" + collapse(kind) + "," + digest([]byte(data))
	}
	start, end := urlHost(url)
	n := schemeEnd(url)
	if start < 0 {
		if hasUpper(url[:n]) {
			url = asciiLower(url[:n]) + url[n:]
		}
		return upperEscapes(url)
	}
	scheme := asciiLower(url[:n])
	host := s.canonicalHost(scheme, url[start:end])
	after := url[end:]
	if after == "" || after[0] == '?' || after[0] == '#' {
		after = "/" + after
		s.spelling("url", 1)
	}
	after = sortQuery(plainEscapes(upperEscapes(after)))
	if host == url[start:end] && scheme == url[:n] && after == url[end:] {
		return url
	}
	return scheme + url[n:start] + host + after
}

// canonicalHost is the host of a URL, with its port where that is not the scheme's own,
// as it is compared.
func (s *state) canonicalHost(scheme, host string) string {
	port := ""
	if i := strings.LastIndexByte(host, ':'); i >= 0 && digits(host[i+1:]) == host[i+1:] {
		host, port = host[:i], host[i:]
	}
	switch {
	case port == ":", scheme == "https:" && port == ":443", scheme == "http:" && port == ":80":
		port = ""
	}
	known, ok := s.hosts[host]
	if !ok {
		name := asciiLower(host)
		if r, err := gate.HostRecipient(host); err == nil && strings.IndexByte(host, ':') < 0 {
			name = r.Address
		}
		known = s.hosts.put(host, name)
	}
	if port == "" {
		return known
	}
	return known + port
}

// plainEscapes undoes the escapes of what needs none (RFC 3986, 2.3).
func plainEscapes(s string) string {
	var out []byte // once one was met
	for i := strings.IndexByte(s, '%'); i >= 0 && i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			if c := byte(unhex(s[i+1])<<4 | unhex(s[i+2])); isAlnum(c) || strings.IndexByte("-._~", c) >= 0 {
				if out == nil {
					out = append(make([]byte, 0, len(s)), s[:i]...)
				}
				out = append(out, c)
				i += 2
				continue
			}
		}
		if out != nil {
			out = append(out, s[i])
		}
	}
	if out == nil {
		return s
	}
	return string(out)
}

// sortQuery puts the pairs of a query in order of their keys. Those of one key keep
// theirs, which may say something.
func sortQuery(s string) string {
	q := strings.IndexByte(s, '?')
	if q < 0 {
		return s
	}
	end := len(s)
	if i := strings.IndexByte(s, '#'); i >= 0 {
		end = i
	}
	if end < q || strings.IndexByte(s[q+1:end], '&') < 0 {
		return s
	}
	pairs := strings.Split(s[q+1:end], "&")
	byKey := func(a, b string) int {
		x, _, _ := strings.Cut(a, "=")
		y, _, _ := strings.Cut(b, "=")
		return strings.Compare(x, y)
	}
	if slices.IsSortedFunc(pairs, byKey) {
		return s
	}
	slices.SortStableFunc(pairs, byKey)
	return s[:q+1] + strings.Join(pairs, "&") + s[end:]
}

func hasControl(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' {
			return true
		}
	}
	return false
}

// schemeEnd is the length of the scheme with its colon, 0 where there is none.
func schemeEnd(url string) int {
	for i := 0; i < len(url); i++ {
		switch c := url[i]; {
		case c == ':':
			if i == 0 {
				return 0
			}
			return i + 1
		case !isAlnum(c) && (i == 0 || strings.IndexByte("+-.", c) < 0):
			return 0
		}
	}
	return 0
}

// urlHost is where the host and port of a URL stand; start is -1 where it has none.
// Backslashes count as slashes, as browsers have it (WHATWG URL, 4.4).
func urlHost(url string) (start, end int) {
	slash := func(i int) bool { return i < len(url) && (url[i] == '/' || url[i] == '\\') }
	start = schemeEnd(url)
	if !slash(start) || !slash(start+1) {
		return -1, -1
	}
	start += 2
	end = start
	for end < len(url) && url[end] != '/' && url[end] != '\\' && url[end] != '?' && url[end] != '#' {
		end++
	}
	if at := strings.LastIndexByte(url[start:end], '@'); at >= 0 {
		start += at + 1
	}
	return start, end
}

// asciiLower lower-cases A to Z alone: no other letter folds into ASCII.
func asciiLower(s string) string {
	if !hasUpper(s) {
		return s
	}
	return string(appendLower(make([]byte, 0, len(s)), s))
}

func hasUpper(s string) bool {
	for i := 0; i < len(s); i++ {
		if 'A' <= s[i] && s[i] <= 'Z' {
			return true
		}
	}
	return false
}

func upperEscapes(s string) string {
	var b []byte
	for i := strings.IndexByte(s, '%'); i >= 0 && i+2 < len(s); {
		if isHex(s[i+1]) && isHex(s[i+2]) && (s[i+1] >= 'a' || s[i+2] >= 'a') {
			if b == nil {
				b = []byte(s)
			}
			for j := i + 1; j <= i+2; j++ {
				if b[j] >= 'a' {
					b[j] -= 'a' - 'A'
				}
			}
		}
		next := strings.IndexByte(s[i+1:], '%')
		if next < 0 {
			break
		}
		i += 1 + next
	}
	if b == nil {
		return s
	}
	return string(b)
}

func isHex(c byte) bool { return unhex(c) >= 0 }

// unhex is the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
