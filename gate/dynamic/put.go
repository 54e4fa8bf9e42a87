package dynamic

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// Put gives s with value in the place of every occurrence of what b binds, in the
// encoding in which each stands: as it is, percent-encoded in either manner, as JSON
// or HTML write it, in base64, and under the content codings of the body. A length
// that the head declares is mended. ok is false where the bound value does not stand
// in s, which is then given as it was. s itself is not changed. Where b has a Front, only
// occurrences behind that are meant.
func Put(s *gate.Stimulus, b gate.Binding, value string) (out gate.Stimulus, ok bool) {
	if b.Value == "" {
		return *s, false
	}
	r := replacer{was: b.Front + b.Value, is: b.Front + value}
	out = *s
	line := 0 // the request line, which holds a URL
	if i := bytes.IndexByte(s.Head, '\n'); i >= 0 && s.Channel == "http" {
		line = i
	}
	target, fields := r.text(s.Head[:line], url.QueryEscape), r.text(s.Head[line:], nil)
	if r.done {
		out.Head = slices.Concat(target, fields)
	}
	coding, write := "", plainJSON
	for _, f := range fieldsOf(s.Head) {
		switch {
		case f.name == "content-encoding":
			coding = strings.ToLower(f.value)
		case f.name == "content-type" && strings.Contains(f.value, "urlencoded"):
			write = url.QueryEscape
		case f.name == "content-type" && !strings.Contains(f.value, "json"):
			write = nil
		}
	}
	if plain, ok := decoded(coding, s.Body); ok && len(plain) > 0 {
		if changed := r.text(plain, write); !bytes.Equal(changed, plain) {
			if again, ok := encoded(coding, changed); ok {
				out.Body = again
			}
		}
	}
	if !r.done {
		return *s, false
	}
	if len(out.Body) != len(s.Body) {
		out.Head = mended(out.Head, len(s.Body), len(out.Body))
	}
	return out, true
}

// A replacer puts one value into the place of another.
type replacer struct {
	was, is string
	done    bool // it stood somewhere
}

// forms are the texts in which a value may be written, in one order for all values.
func forms(v string) []string {
	return []string{v, escapeJSON(v), plainJSON(v), strings.ReplaceAll(plainJSON(v), "/", `\/`), html.EscapeString(v)}
}

// escapeJSON is v as the inside of a JSON string, as careful writers have it.
func escapeJSON(v string) string {
	quoted, err := json.Marshal(v)
	if err != nil {
		return plainJSON(v)
	}
	return string(quoted[1 : len(quoted)-1])
}

// plainJSON is v as the inside of a JSON string, with no more escapes than it needs.
func plainJSON(v string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(v)
}

// text replaces the value in t. write escapes what stands there; nil is as it is.
// Where the old value needs no escape and the new one does, it is written so.
func (r *replacer) text(t []byte, write func(string) string) []byte {
	was, is := forms(r.was), forms(r.is)
	if write != nil && write(r.was) == r.was {
		is[0] = write(r.is)
	}
	out := t
	for i, w := range was {
		if !slices.Contains(was[:i], w) { // written so once already
			out = r.plain(out, w, is[i])
		}
	}
	return r.base64(r.percent(out))
}

// percent replaces the value where some of its characters are percent-encoded, in
// upper or lower case, or a space is "+".
func (r *replacer) percent(t []byte) []byte {
	if bytes.IndexByte(t, '%') < 0 && (bytes.IndexByte(t, '+') < 0 || strings.IndexByte(r.was, ' ') < 0) {
		return t
	}
	var out []byte
	from := 0
	for i := 0; i < len(t); i++ {
		if t[i] != r.was[0] && t[i] != '%' && t[i] != '+' {
			continue
		}
		end, plus := escapedAt(t, i, r.was)
		if end == 0 || !alone(t, i, end, r.was) {
			continue
		}
		is := url.QueryEscape(r.is)
		if !plus {
			is = strings.ReplaceAll(is, "+", "%20")
		}
		r.done = true
		out = append(append(out, t[from:i]...), is...)
		from, i = end, end-1
	}
	if from == 0 {
		return t
	}
	return append(out, t[from:]...)
}

// escapedAt is where v ends that stands at i in t with at least one character
// escaped; 0 where it does not. plus says that a space is written so.
func escapedAt(t []byte, i int, v string) (end int, plus bool) {
	escaped := false
	for k := range len(v) {
		switch {
		case i < len(t) && t[i] == '%' && i+2 < len(t) && isHex(t[i+1]) && isHex(t[i+2]) && unhex(t[i+1])<<4|unhex(t[i+2]) == v[k]:
			i += 3
			escaped = true
		case i < len(t) && t[i] == '+' && v[k] == ' ':
			i++
			escaped, plus = true, true
		case i < len(t) && t[i] == v[k]:
			i++
		default:
			return 0, false
		}
	}
	if !escaped {
		return 0, false
	}
	return i, plus
}

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// alone reports whether w, at t[i:end], is no part of a longer word.
func alone(t []byte, i, end int, w string) bool {
	return !(isAlnum(w[0]) && i > 0 && isAlnum(t[i-1]) && !escapedBefore(t, i) || isAlnum(w[len(w)-1]) && end < len(t) && isAlnum(t[end]))
}

// plain replaces w by is where it stands as a word of its own.
func (r *replacer) plain(t []byte, w, is string) []byte {
	var out []byte
	from := 0
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte(w))
		if i < 0 {
			break
		}
		i += at
		end := i + len(w)
		if !alone(t, i, end, w) {
			at = i + 1
			continue
		}
		r.done = true
		out = append(append(out, t[from:i]...), is...)
		from, at = end, end
	}
	if from == 0 {
		return t
	}
	return append(out, t[from:]...)
}

// escapedBefore reports whether a percent escape ends at i.
func escapedBefore(t []byte, i int) bool {
	return i >= 3 && t[i-3] == '%' && isHex(t[i-2]) && isHex(t[i-1])
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// base64 replaces within the words of t that are base64 of text which holds the value.
func (r *replacer) base64(t []byte) []byte {
	var out []byte
	from := 0
	for i := 0; i < len(t); {
		if !isCoded(t[i]) {
			i++
			continue
		}
		end := i
		for end < len(t) && isCoded(t[end]) {
			end++
		}
		bare := end
		for end < len(t) && t[end] == '=' && end < bare+2 {
			end++
		}
		if bare-i > len(r.was) {
			if enc, plain, ok := decode64(t[i:bare]); ok && bytes.Contains(plain, []byte(r.was)) {
				inner := &replacer{was: r.was, is: r.is}
				if changed := inner.plain(plain, r.was, r.is); inner.done {
					r.done = true
					s := enc.EncodeToString(changed)
					for end > bare && len(s)%4 != 0 {
						s += "="
					}
					out = append(append(out, t[from:i]...), s...)
					from = end
				}
			}
		}
		i = end
	}
	if from == 0 {
		return t
	}
	return append(out, t[from:]...)
}

func isCoded(c byte) bool { return isAlnum(c) || c == '+' || c == '/' || c == '-' || c == '_' }

// decode64 undoes base64 (RFC 4648) of text, of either alphabet, without padding.
func decode64(word []byte) (*base64.Encoding, []byte, bool) {
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(word, "-_") {
		enc = base64.RawURLEncoding
	}
	plain := make([]byte, enc.DecodedLen(len(word)))
	n, err := enc.Decode(plain, word)
	return enc, plain[:n], err == nil && utf8.Valid(plain[:n])
}

// unbase64 is the text that v is base64 of.
func unbase64(v string) (string, bool) {
	bare := strings.TrimRight(v, "=")
	if len(bare) < 12 || strings.IndexFunc(bare, func(r rune) bool { return r >= utf8.RuneSelf || !isCoded(byte(r)) }) >= 0 {
		return "", false
	}
	_, plain, ok := decode64([]byte(bare))
	if !ok || bytes.ContainsFunc(plain, func(r rune) bool { return r < ' ' }) {
		return "", false
	}
	return string(plain), true
}

// mended is head with the Content-Length of was changed to is.
func mended(head []byte, was, is int) []byte {
	for _, f := range fieldsOf(head) {
		if f.name == "content-length" && f.value == strconv.Itoa(was) {
			line := head[f.start:f.end]
			at := f.start + bytes.LastIndex(line, []byte(f.value))
			return slices.Concat(head[:at], []byte(strconv.Itoa(is)), head[at+len(f.value):])
		}
	}
	return head
}

// Inject gives s with the header fields of headers, by name, in the place of those
// that it has under these names in any case; where it has none they are added last.
// A stimulus of another channel than HTTP is given as it is. s itself is not changed.
func Inject(s *gate.Stimulus, headers map[string]string) gate.Stimulus {
	if s.Channel != "http" || len(headers) == 0 {
		return *s
	}
	out := *s
	head := make([]byte, 0, len(s.Head)+64*len(headers))
	at := 0
	set := make(map[string]bool, len(headers))
	lower := make(map[string]string, len(headers))
	for name := range headers {
		lower[strings.ToLower(name)] = name
	}
	for _, f := range fieldsOf(s.Head) {
		name, ok := lower[f.name]
		if !ok {
			continue
		}
		head = append(head, s.Head[at:f.start]...)
		if !set[name] {
			head = appendField(head, name, headers[name])
		}
		set[name], at = true, f.end
	}
	head = append(head, s.Head[at:]...)
	if len(head) > 0 && head[len(head)-1] != '\n' {
		head = append(head, "\r\n"...)
	}
	names := make([]string, 0, len(headers))
	for name := range headers {
		if !set[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		head = appendField(head, name, headers[name])
	}
	out.Head = head
	return out
}

func appendField(head []byte, name, value string) []byte {
	return append(append(append(append(head, name...), ": "...), value...), "\r\n"...)
}
