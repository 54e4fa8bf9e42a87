package pseudonym

import (
	"bytes"
	"html"
	"slices"
	"unicode/utf8"
)

// A view is a text with its escapes undone.
type view struct {
	text []byte
	cuts []cut // in order; none: the text is as it was
}

// A cut is where a view goes on from another place of the escaped text.
type cut struct {
	text, raw int32 // from this byte of the view on, at this one of the escaped text
	whole     bool  // all of the view up to the next cut is one escape there
}

// at is where in the escaped text the byte i of the view begins, or, of its length,
// where that ends.
func (v *view) at(i int) int {
	n, _ := slices.BinarySearchFunc(v.cuts, i, func(c cut, i int) int {
		if int(c.text) <= i {
			return -1
		}
		return 1
	})
	if n == 0 {
		return i
	}
	c := v.cuts[n-1]
	if c.whole {
		return int(c.raw)
	}
	return int(c.raw) + i - int(c.text)
}

// cut notes that the view goes on from raw.
func (v *view) cut(raw int, whole bool) {
	c := cut{int32(len(v.text)), int32(raw), whole}
	if n := len(v.cuts); n > 0 && v.cuts[n-1].text == c.text {
		v.cuts[n-1] = c
		return
	}
	v.cuts = append(v.cuts, c)
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

// undoEach makes a view: next reads the escape at i of t, adds what it stands for to
// dst, and says how long it is; a size of 0 says that there is none.
func undoEach(t []byte, first byte, next func(dst, t []byte, i int) (out []byte, size int)) *view {
	var v *view
	done := 0 // bytes of t that are in the view
	for i := 0; ; {
		n := bytes.IndexByte(t[i:], first)
		if n < 0 {
			break
		}
		i += n
		if v == nil {
			v = &view{text: make([]byte, 0, len(t)), cuts: make([]cut, 0, 8)}
		}
		v.text = append(v.text, t[done:i]...)
		done = i
		begun := len(v.text)
		out, size := next(v.text, t, i)
		if size == 0 {
			i++
			continue
		}
		if len(out)-begun > 1 {
			v.cut(i, true)
		}
		v.text = out
		i += size
		v.cut(i, false)
		done = i
	}
	if v == nil || len(v.cuts) == 0 {
		return nil
	}
	v.text = append(v.text, t[done:]...)
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
	return undoEach(t, '%', func(dst, t []byte, i int) ([]byte, int) {
		var run [utf8.UTFMax]byte
		n := 0
		for n < len(run) && i+3*n+2 < len(t) && t[i+3*n] == '%' && isHex(t[i+3*n+1]) && isHex(t[i+3*n+2]) {
			run[n] = unhex(t[i+3*n+1])<<4 | unhex(t[i+3*n+2])
			n++
			if run[0] < utf8.RuneSelf {
				return append(dst, run[0]), 3
			}
			if utf8.Valid(run[:n]) {
				return append(dst, run[:n]...), 3 * n
			}
		}
		return dst, 0
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
	return undoEach(t, '&', func(dst, t []byte, i int) ([]byte, int) {
		end := bytes.IndexByte(t[i:min(len(t), i+maxReference)], ';')
		if end < 2 {
			return dst, 0
		}
		ref := string(t[i : i+end+1])
		s := html.UnescapeString(ref)
		if s == ref {
			return dst, 0
		}
		return append(dst, s...), end + 1
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
func unescapeJSON(dst, t []byte, i int) ([]byte, int) {
	if i+1 >= len(t) {
		return dst, 0
	}
	switch c := t[i+1]; c {
	case '/', '"', '\\':
		return append(dst, c), 2
	case 'n':
		return append(dst, '\n'), 2
	case 't':
		return append(dst, '\t'), 2
	case 'r':
		return append(dst, '\r'), 2
	case 'u':
		r, ok := hex4(t, i+2)
		if !ok {
			return dst, 0
		}
		if 0xd800 <= r && r < 0xdc00 && i+7 < len(t) && t[i+6] == '\\' && t[i+7] == 'u' {
			if low, ok := hex4(t, i+8); ok && 0xdc00 <= low && low < 0xe000 {
				return utf8.AppendRune(dst, (r-0xd800)<<10+(low-0xdc00)+0x10000), 12
			}
		}
		if 0xd800 <= r && r < 0xe000 {
			return dst, 0
		}
		return utf8.AppendRune(dst, r), 6
	}
	return dst, 0
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
