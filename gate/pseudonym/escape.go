package pseudonym

import (
	"bytes"
	"html"
	"unicode/utf8"
)

// A view is a text with its escapes undone. at[i] is where in the escaped text the
// byte i begins; it has one more, for the end.
type view struct {
	text []byte
	at   []int32
}

// An escape is a way in which characters are written by others.
type escape struct {
	// in reports whether t holds any such escape.
	in func(t []byte, m manner) bool

	// undo gives the view of t, or nil where nothing is escaped after all.
	undo func(t []byte) *view

	// redo escapes s, which stands in the place of was.
	redo func(s, was []byte) []byte
}

// escapes are undone in this order: what stands first is outermost.
var escapes = []escape{
	{hasBackslash, undoBackslash, redoBackslash},
	{hasReference, undoReferences, redoReferences},
	{hasPercent, undoPercent, redoPercent},
}

// undoEach makes a view: next reads the escape at i of t, and gives what it stands
// for and where it ends; a size of 0 says that there is none.
func undoEach(t []byte, first byte, next func(t []byte, i int) (s []byte, size int)) *view {
	v := &view{text: make([]byte, 0, len(t)), at: make([]int32, 0, len(t)+1)}
	some := false
	for i := 0; i < len(t); {
		if t[i] == first {
			if s, size := next(t, i); size > 0 {
				for range s {
					v.at = append(v.at, int32(i))
				}
				v.text = append(v.text, s...)
				i += size
				some = true
				continue
			}
		}
		v.text, v.at = append(v.text, t[i]), append(v.at, int32(i))
		i++
	}
	if !some {
		return nil
	}
	v.at = append(v.at, int32(len(t)))
	return v
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

const upperHex, lowerHex = "0123456789ABCDEF", "0123456789abcdef"

// hexOf are the digits in which escapes of was are written.
func hexOf(was []byte, mark byte) string {
	for i := 0; i+2 < len(was); i++ {
		if was[i] == mark && (was[i+1] >= 'a' && was[i+1] <= 'f' || was[i+2] >= 'a' && was[i+2] <= 'f') {
			return lowerHex
		}
	}
	return upperHex
}

// Percent escapes of RFC 3986, section 2.1. Bytes that would make text which is
// UTF-8 none are no escapes but a plain "%".

func hasPercent(t []byte, _ manner) bool {
	for i := 0; ; {
		j := bytes.IndexByte(t[i:], '%')
		if j < 0 || i+j+2 >= len(t) {
			return false
		}
		i += j + 1
		if isHex(t[i]) && isHex(t[i+1]) {
			return true
		}
	}
}

func undoPercent(t []byte) *view {
	return undoEach(t, '%', func(t []byte, i int) ([]byte, int) {
		var run [utf8.UTFMax]byte
		n := 0
		for n < len(run) && i+3*n+2 < len(t) && t[i+3*n] == '%' && isHex(t[i+3*n+1]) && isHex(t[i+3*n+2]) {
			run[n] = unhex(t[i+3*n+1])<<4 | unhex(t[i+3*n+2])
			n++
			if run[0] < utf8.RuneSelf {
				return run[:1], 3
			}
			if utf8.Valid(run[:n]) {
				return run[:n], 3 * n
			}
		}
		return nil, 0
	})
}

func redoPercent(s, was []byte) []byte {
	if !hasPercent(was, manner{}) {
		return s // characters of the kinds that stood there
	}
	digits := hexOf(was, '%')
	units := make([]bool, 0, len(was)) // whether each byte was escaped
	for i := 0; i < len(was); i++ {
		escaped := was[i] == '%' && i+2 < len(was) && isHex(was[i+1]) && isHex(was[i+2])
		if escaped {
			i += 2
		}
		units = append(units, escaped)
	}
	out := make([]byte, 0, len(s)+16)
	for i, c := range s {
		plain := isAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~'
		if !plain && c > ' ' && c < 0x7f && c != '%' {
			if len(units) == len(s) { // place by place
				plain = !units[i]
			} else {
				plain = bytes.IndexByte(was, c) >= 0
			}
		}
		if plain {
			out = append(out, c)
			continue
		}
		out = append(out, '%', digits[c>>4], digits[c&15])
	}
	return out
}

// Character references of HTML.

func hasReference(t []byte, m manner) bool {
	if m.html {
		return bytes.IndexByte(t, '&') >= 0 && bytes.IndexByte(t, ';') >= 0
	}
	return bytes.IndexByte(t, '&') >= 0 && (bytes.Contains(t, []byte("&#")) || bytes.Contains(t, []byte("&commat;")))
}

// maxReference is how many bytes a character reference has at the most.
const maxReference = 32

func undoReferences(t []byte) *view {
	return undoEach(t, '&', func(t []byte, i int) ([]byte, int) {
		end := bytes.IndexByte(t[i:min(len(t), i+maxReference)], ';')
		if end < 2 {
			return nil, 0
		}
		ref := string(t[i : i+end+1])
		s := html.UnescapeString(ref)
		if s == ref {
			return nil, 0
		}
		return []byte(s), end + 1
	})
}

func redoReferences(s, was []byte) []byte {
	if bytes.IndexByte(was, '&') < 0 {
		return s // letters, digits, "@" and what stood there
	}
	out := make([]byte, 0, len(s)+16)
	for _, r := range string(s) {
		switch {
		case r == '@' && bytes.Contains(was, []byte("&#64;")):
			out = append(out, "&#64;"...)
		case r == '&' || r == '<' || r == '>' || r == '"' || r == '\'':
			out = append(out, html.EscapeString(string(r))...)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// Backslash escapes of JSON (RFC 8259, section 7), where text holds JSON that is
// not read as such.

func hasBackslash(t []byte, _ manner) bool {
	return bytes.IndexByte(t, '\\') >= 0 && (bytes.Contains(t, []byte(`\u00`)) || bytes.Contains(t, []byte(`\/`)) || bytes.Contains(t, []byte(`\"`)))
}

func undoBackslash(t []byte) *view { return undoEach(t, '\\', unescapeJSON) }

// unescapeJSON reads one escape.
func unescapeJSON(t []byte, i int) ([]byte, int) {
	if i+1 >= len(t) {
		return nil, 0
	}
	switch c := t[i+1]; c {
	case '/', '"', '\\':
		return []byte{c}, 2
	case 'n':
		return []byte{'\n'}, 2
	case 't':
		return []byte{'\t'}, 2
	case 'r':
		return []byte{'\r'}, 2
	case 'u':
		r, ok := hex4(t, i+2)
		if !ok {
			return nil, 0
		}
		if 0xd800 <= r && r < 0xdc00 && i+7 < len(t) && t[i+6] == '\\' && t[i+7] == 'u' {
			if low, ok := hex4(t, i+8); ok && 0xdc00 <= low && low < 0xe000 {
				return utf8.AppendRune(nil, (r-0xd800)<<10+(low-0xdc00)+0x10000), 12
			}
		}
		if 0xd800 <= r && r < 0xe000 {
			return nil, 0
		}
		return utf8.AppendRune(nil, r), 6
	}
	return nil, 0
}

func hex4(t []byte, i int) (rune, bool) {
	if i+4 > len(t) {
		return 0, false
	}
	var r rune
	for _, c := range t[i : i+4] {
		if !isHex(c) {
			return 0, false
		}
		r = r<<4 | rune(unhex(c))
	}
	return r, true
}

func redoBackslash(s, was []byte) []byte {
	out := make([]byte, 0, len(s)+16)
	ascii := isASCII(was)
	for _, r := range string(s) {
		switch {
		case r == '"' || r == '\\':
			out = append(out, '\\', byte(r))
		case r == '@' && bytes.Contains(was, []byte(`\u0040`)):
			out = append(out, `\u0040`...)
		case r < ' ':
			out = append(out, '\\', 'u', '0', '0', lowerHex[r>>4], lowerHex[r&15])
		case r >= utf8.RuneSelf && ascii:
			out = appendU(out, r)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return out
}

// appendU writes a character as one \u escape, or as two.
func appendU(out []byte, r rune) []byte {
	if r >= 0x10000 {
		r -= 0x10000
		out = appendU(out, 0xd800+r>>10)
		return appendU(out, 0xdc00+r&0x3ff)
	}
	return append(out, '\\', 'u', lowerHex[r>>12&15], lowerHex[r>>8&15], lowerHex[r>>4&15], lowerHex[r&15])
}
