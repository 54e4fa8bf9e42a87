package decode

import (
	"bytes"
	"encoding/base64"
	"html"
	"iter"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// QuotedPrintable undoes quoted-printable (RFC 2045, 6.7) into dst's memory. An "=" that
// escapes nothing stays and is counted.
func QuotedPrintable(dst, raw []byte) (out []byte, bad int) {
	out = slices.Grow(dst[:0], len(raw))
	for {
		i := bytes.IndexByte(raw, '=')
		if i < 0 {
			return append(out, raw...), bad
		}
		out = append(out, raw[:i]...)
		raw = raw[i+1:]
		if len(raw) >= 2 && isHex(raw[0]) && isHex(raw[1]) {
			out = append(out, byte(unhex(raw[0])<<4|unhex(raw[1])))
			raw = raw[2:]
			continue
		}
		n := 0
		for n < len(raw) && (raw[n] == ' ' || raw[n] == '\t') {
			n++
		}
		switch rest := raw[n:]; {
		case len(rest) == 0:
			raw = rest
		case rest[0] == '\n':
			raw = rest[1:]
		case bytes.HasPrefix(rest, []byte("\r\n")):
			raw = rest[2:]
		default:
			out = append(out, '=')
			bad++
		}
	}
}

// Base64 undoes base64 (RFC 2045, 6.8). Bytes outside the alphabet are skipped, as that
// section says, and returned in their order; padding ends a quantum and not the data.
// Line ends are not junk.
func Base64(raw []byte) (out, junk []byte) {
	out = make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	raw = bytes.Trim(raw, " \t\r\n")
	n, err := base64.StdEncoding.Decode(out, raw)
	if err == nil {
		return out[:n], nil
	}
	out = out[:0]
	var quantum uint32
	bits := 0
	for _, c := range raw {
		v := base64Value(c)
		switch {
		case v >= 0:
			quantum = quantum<<6 | uint32(v)
			if bits += 6; bits >= 8 {
				bits -= 8
				out = append(out, byte(quantum>>bits))
			}
		case c == '=':
			bits = 0
		case c == '\n' || c == '\r' || c == ' ' || c == '\t':
			if len(junk) > 0 && !isSpace(junk[len(junk)-1]) {
				junk = append(junk, c)
			}
		default:
			junk = append(junk, c)
		}
	}
	if len(junk) == 0 {
		// Padding alone is wrong: then the length is what is malformed.
		junk = []byte("base64 of a length that its padding does not fit")
	}
	return out, junk
}

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// FormText undoes the "+" and percent escapes of a form (WHATWG URL, 5.1). ok is false
// where an escape is bad and stays as it stands, or where the bytes are not UTF-8 and are
// read as ISO 8859-1.
func FormText(raw []byte) (text string, ok bool) {
	ok = true
	if bytes.IndexByte(raw, '%') < 0 && bytes.IndexByte(raw, '+') < 0 {
		if utf8.Valid(raw) {
			return string(raw), true
		}
		return string(Latin1(raw)), false
	}
	out := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '+':
			out = append(out, ' ')
		case c == '%' && i+2 < len(raw) && isHex(raw[i+1]) && isHex(raw[i+2]):
			out = append(out, byte(unhex(raw[i+1])<<4|unhex(raw[i+2])))
			i += 2
		default:
			ok = ok && c != '%'
			out = append(out, c)
		}
	}
	if !utf8.Valid(out) {
		return string(Latin1(out)), false
	}
	return string(out), ok
}

// Respelled gives what text as a whole says in other words: percent escapes, encoded
// words, quoted-printable, the escapes of JSON strings and of HTML undone. What has none
// gives nothing.
func Respelled(text string) iter.Seq2[string, string] {
	return func(yield func(name, inner string) bool) {
		give := func(name, inner string) bool {
			return inner == text || len(inner) < minText || !Printable([]byte(inner)) || yield(name, inner)
		}
		if strings.IndexByte(text, '%') >= 0 {
			if s, err := url.PathUnescape(text); err == nil && !give("percent", s) {
				return
			}
		}
		if strings.Contains(text, "=?") && !give("words", EncodedWords(text)) {
			return
		}
		if isQuotedPrintable(text) {
			if b, _ := QuotedPrintable(nil, []byte(text)); !give("quoted-printable", string(b)) {
				return
			}
		}
		if strings.Contains(text, `\u`) || strings.Contains(text, `\/`) {
			if !give("escapes", unescapeJSON(text)) {
				return
			}
		}
		if strings.IndexByte(text, '&') >= 0 && strings.IndexByte(text, ';') >= 0 {
			give("entities", html.UnescapeString(text))
		}
	}
}

// isQuotedPrintable reports whether each "=" in text begins an escape or ends a line, and one
// of them is none that the pairs of a query have by chance.
func isQuotedPrintable(text string) bool {
	sure := false
	for rest := text; ; {
		i := strings.IndexByte(rest, '=')
		if i < 0 {
			return sure
		}
		rest = rest[i+1:]
		switch {
		case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\r\n"):
			sure = true
		case len(rest) < 2 || !isHex(rest[0]) || !isHex(rest[1]):
			return false
		case strings.HasPrefix(rest, "3D"), strings.HasPrefix(rest, "40"), strings.HasPrefix(rest, "20"), rest[0] >= '8':
			sure = true
		}
	}
}

// unescapeJSON undoes the escapes of JSON strings (RFC 8259, 7) wherever they stand.
func unescapeJSON(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			out.WriteByte('\n')
		case 't':
			out.WriteByte('\t')
		case '/', '"', '\\':
			out.WriteByte(s[i])
		case 'u':
			if r, n := escapedRune(s[i+1:]); n > 0 {
				out.WriteRune(r)
				i += n
				continue
			}
			out.WriteString(`\u`)
		default:
			out.WriteByte('\\')
			out.WriteByte(s[i])
		}
	}
	return out.String()
}

// escapedRune reads four hexadecimal digits, and those of a second half where they are
// the first half of a pair.
func escapedRune(s string) (r rune, n int) {
	unit := func(s string) rune {
		if len(s) < 4 {
			return -1
		}
		v := 0
		for i := range 4 {
			d := unhex(s[i])
			if d < 0 {
				return -1
			}
			v = v<<4 | d
		}
		return rune(v)
	}
	r = unit(s)
	switch {
	case r < 0:
		return 0, 0
	case r >= 0xd800 && r < 0xdc00 && strings.HasPrefix(s[4:], `\u`):
		if low := unit(s[6:]); low >= 0xdc00 && low < 0xe000 {
			return (r-0xd800)<<10 | (low - 0xdc00) + 0x10000, 10
		}
	}
	return r, 4
}

func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}
