package canon

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
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

// latin reads bytes of no known charset: as UTF-8 where they are that, which needs
// no memory, else as ISO 8859-1. It is lossy where two inputs may give one text.
func latin(raw []byte) (text []byte, lossy bool) {
	if utf8.Valid(raw) {
		return raw, false
	}
	return latin1(raw), true
}

func latin1(raw []byte) []byte {
	out := make([]byte, 0, len(raw)+len(raw)/4+utf8.UTFMax)
	for _, c := range raw {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// decodeCharset reads raw in the charset called label, as UTF-8 that may share raw's
// memory. lossy says that bytes were not text in that charset, so that they must be
// compared as well; known is false where there is no such charset, and raw was read
// as [latin] does.
func decodeCharset(raw []byte, label string) (text []byte, lossy, known bool) {
	var word [16]byte // as long as the longest of those below
	switch string(appendLower(word[:0], label)) {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "ansi_x3.4-1968", "646", "unknown-8bit":
		text, lossy = latin(raw)
		return text, lossy && label != "", true
	case "iso-8859-1", "latin1", "iso8859-1", "iso_8859-1":
		if isASCII(raw) {
			return raw, false, true
		}
		return latin1(raw), false, true
	}
	r, err := charset.Reader(label, bytes.NewReader(raw))
	if err != nil {
		text, _ = latin(raw)
		return text, false, false
	}
	// No charset has a byte that becomes more than four.
	out, err := io.ReadAll(io.LimitReader(r, 4*int64(len(raw))+16))
	if err != nil {
		text, _ = latin(raw)
		return text, true, true
	}
	if !utf8.Valid(out) {
		return latin1(out), true, true
	}
	return out, bytes.ContainsRune(out, utf8.RuneError), true
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
		s.emit(s.join(name, "unknown-charset"), gate.Value, normal(gate.Value, validText(label)))
		if !utf8.Valid(raw) {
			lossy = true
		}
	} else if label != "" {
		s.mask("charset", name, 1)
	}
	if lossy {
		s.emit(s.join(name, "undecoded"), gate.Binary, digest(raw))
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
	text := unixText(raw)
	if flowed {
		text = unflow(text, delsp)
	}
	text = normal(gate.Text, tidy(text))
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
		s.emit(links, gate.Link, canonicalURL(link))
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

// tidy drops spaces and tabs at the ends of lines, and blank lines at the end.
func tidy(s string) string {
	s = strings.TrimRight(s, " \t\n")
	if !strings.Contains(s, " \n") && !strings.Contains(s, "\t\n") {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for line := range strings.Lines(s) {
		body, ended := strings.CutSuffix(line, "\n")
		out.WriteString(strings.TrimRight(body, " \t"))
		if ended {
			out.WriteByte('\n')
		}
	}
	return out.String()
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

// collapse makes each run of white space one space, and drops it at both ends.
func collapse(s string) string {
	clean := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == ' ' && (i == 0 || i == len(s)-1 || s[i+1] == ' ') {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	space := false // was seen since the last of out
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isSpace(c) {
			space = true
			continue
		}
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteByte(c)
	}
	return out.String()
}

// isSpace reports whether c is ASCII white space.
func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}
