package canon

import (
	"bytes"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
)

// isASCII reports whether s has no byte above 0x7f.
func isASCII[T string | []byte](s T) bool {
	for ; len(s) >= 8; s = s[8:] {
		if (s[0]|s[1]|s[2]|s[3]|s[4]|s[5]|s[6]|s[7])&utf8.RuneSelf != 0 {
			return false
		}
	}
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// normal is s as a part of its kind holds it: a text or value with lines ended by
// "\n" alone, in normal form C. A value that may hold an address keeps its Unicode
// form: two forms of a local part are two mailboxes. Other kinds stay as they are.
func normal(kind gate.PartKind, s string) string {
	if kind != gate.Text && kind != gate.Value {
		return s
	}
	if strings.IndexByte(s, '\r') >= 0 {
		s = unixText([]byte(s))
	}
	if isASCII(s) || kind == gate.Value && strings.IndexByte(s, '@') >= 0 {
		return s
	}
	return norm.NFC.String(s)
}

// validText is s, or where s is not UTF-8 its bytes read as ISO 8859-1.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(latin1([]byte(s)))
}

// appendLower appends s with A to Z in lower case.
func appendLower(dst []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// charsetText decodes raw for the part called name and adds what must be compared
// besides its text, which it returns as UTF-8 without a byte order mark. It may share
// raw's memory. The charset itself is masked.
func (s *state) charsetText(name string, raw []byte, label string) []byte {
	text, lossy, known := decodeCharset(raw, label)
	if !s.spend(int64(max(0, len(text)-len(raw)))) {
		return nil
	}
	if !known {
		// Its name is the same in any case: RFC 2046, 4.1.2.
		s.emit(s.join(name, "unknown-charset"), gate.Value, normal(gate.Value, validText(asciiLower(label))))
		if !utf8.Valid(raw) {
			lossy = true
		}
	} else if label != "" {
		s.mask("charset", name, 1)
		s.keep("charset", s.join(name, "param/charset"), label)
	}
	if lossy {
		// Without what is not compared of its text either.
		s.emit(s.join(name, "undecoded"), gate.Binary, digest(bytes.TrimRight(raw, " \t\r\n")))
	}
	if after, ok := bytes.CutPrefix(text, []byte("\ufeff")); ok {
		s.mask("charset", name, 1)
		text = after
	}
	return text
}

// plainText adds a text body and its links. It undoes format=flowed (RFC 3676)
// where flowed says so; delsp is that section's DelSp.
func (s *state) plainText(name string, raw []byte, flowed, delsp bool) {
	if flowed {
		raw = []byte(unflow(unixText(raw), delsp))
	}
	s.lines = appendTidy(s.lines[:0], raw)
	text := normal(gate.Text, string(s.lines))
	s.emit(name, gate.Text, text)
	links := ""
	for rest := text; s.over == ""; {
		link, after, ok := nextURL(rest)
		if !ok {
			break
		}
		if links == "" {
			links = s.join(name, "link")
		}
		s.emit(links, gate.Link, s.canonicalURL(link))
		rest = after
	}
}

// unixText is b as a string whose lines end by "\n" alone, however many carriage
// returns stood before it. A carriage return elsewhere stays.
func unixText(b []byte) string {
	if bytes.IndexByte(b, '\r') < 0 {
		return string(b)
	}
	var out strings.Builder
	out.Grow(len(b))
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			out.Write(b)
			return out.String()
		}
		end := i + 1
		for end < len(b) && b[end] == '\r' {
			end++
		}
		if end < len(b) && b[end] == '\n' {
			out.Write(b[:i])
		} else {
			out.Write(b[:end])
		}
		b = b[end:]
	}
}

// appendUnixLines appends b, whose lines end by CRLF, CR or LF, with lines ended by
// "\n" alone.
func appendUnixLines(dst, b []byte) []byte {
	dst = slices.Grow(dst, len(b))
	for {
		i := bytes.IndexByte(b, '\r')
		if i < 0 {
			return append(dst, b...)
		}
		dst = append(append(dst, b[:i]...), '\n')
		if b = b[i+1:]; len(b) > 0 && b[0] == '\n' {
			b = b[1:]
		}
	}
}

// tidy is s without spaces and tabs at the ends of its lines, and without blank
// lines at its end.
func tidy(s string) string { return string(appendTidy(nil, []byte(s))) }

// appendTidy appends b with its lines ended by "\n" alone, as [unixText] has it,
// without spaces and tabs at their ends, and without blank lines at its end.
func appendTidy(dst, b []byte) []byte {
	from := len(dst)
	dst = slices.Grow(dst, len(b))
	for len(b) > 0 {
		line, rest := b, []byte(nil)
		ended := false
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			line, rest, ended = b[:i], b[i+1:], true
			for len(line) > 0 && line[len(line)-1] == '\r' {
				line = line[:len(line)-1]
			}
		}
		dst = append(dst, trimBlanks(line)...)
		if ended {
			dst = append(dst, '\n')
		}
		b = rest
	}
	for len(dst) > from && dst[len(dst)-1] == '\n' {
		dst = dst[:len(dst)-1]
	}
	return dst
}

// trimBlanks is line without spaces and tabs at its end.
func trimBlanks(line []byte) []byte {
	for len(line) > 0 && (line[len(line)-1] == ' ' || line[len(line)-1] == '\t') {
		line = line[:len(line)-1]
	}
	return line
}

// unflow joins the lines of paragraphs (RFC 3676, 4). Quote marks are kept, once a
// paragraph, followed by a space.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(s))
	open, depth := false, 0 // whether the paragraph goes on, and its quote depth
	for line := range strings.Lines(s) {
		line = strings.TrimSuffix(line, "\n")
		text := strings.TrimLeft(line, ">")
		quotes := len(line) - len(text)
		text = strings.TrimPrefix(text, " ")
		signature := text == "-- "
		if open && (quotes != depth || signature) {
			out.WriteByte('\n')
			open = false
		}
		if !open && quotes > 0 {
			out.WriteString(line[:quotes])
			out.WriteByte(' ')
		}
		depth = quotes
		open = !signature && strings.HasSuffix(text, " ")
		if open && delsp {
			text = text[:len(text)-1]
		}
		out.WriteString(text)
		if !open {
			out.WriteByte('\n')
		}
	}
	return out.String()
}

// isSpace reports whether c is ASCII white space.
func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}
