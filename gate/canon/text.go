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
	s = unixLines(s)
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
	return latin1([]byte(s))
}

// latin reads bytes of no known charset: as UTF-8 where they are that, else as
// ISO 8859-1. It is lossy where two inputs may give one text.
func latin(raw []byte) (text string, lossy bool) {
	if utf8.Valid(raw) {
		return string(raw), false
	}
	return latin1(raw), true
}

func latin1(raw []byte) string {
	out := make([]byte, 0, len(raw)+len(raw)/4+utf8.UTFMax)
	for _, c := range raw {
		out = utf8.AppendRune(out, rune(c))
	}
	return string(out)
}

// decodeCharset reads raw in the charset called label. lossy says that bytes were
// not text in that charset, so that they must be compared as well; known is false
// where there is no such charset, and raw was read as [latin] does.
func decodeCharset(raw []byte, label string) (text string, lossy, known bool) {
	switch strings.ToLower(label) {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "ansi_x3.4-1968", "646", "unknown-8bit":
		text, lossy = latin(raw)
		return text, lossy && label != "", true
	case "iso-8859-1", "latin1", "iso8859-1", "iso_8859-1":
		if isASCII(raw) {
			return string(raw), false, true
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
	text = string(out)
	return text, !utf8.ValidString(text) || strings.ContainsRune(text, utf8.RuneError), true
}

// charsetText decodes raw for the part called name and adds what must be compared
// besides its text, which it returns without a byte order mark. The charset itself
// is masked.
func (s *state) charsetText(name string, raw []byte, label string) string {
	text, lossy, known := decodeCharset(raw, label)
	if !s.spend(int64(max(0, len(text)-len(raw)))) {
		return ""
	}
	if !known {
		s.emit(join(name, "unknown-charset"), gate.Value, normal(gate.Value, validText(label)))
		if !utf8.Valid(raw) {
			lossy = true
		}
	} else if label != "" {
		s.mask("charset", name, 1)
	}
	if lossy {
		s.emit(join(name, "undecoded"), gate.Binary, digest(raw))
	}
	if strings.HasPrefix(text, "\ufeff") {
		s.mask("charset", name, 1)
		text = text[len("\ufeff"):]
	}
	return validText(text)
}

// plainText adds a text body and its links. It undoes format=flowed (RFC 3676)
// where flowed says so; delsp is that section's DelSp.
func (s *state) plainText(name, text string, flowed, delsp bool) {
	text = unixLines(text)
	if flowed {
		text = unflow(text, delsp)
	}
	text = normal(gate.Text, tidy(text))
	s.emit(name, gate.Text, text)
	for rest := text; s.over == ""; {
		link, after, ok := nextURL(rest)
		if !ok {
			break
		}
		s.emit(join(name, "link"), gate.Link, canonicalURL(link))
		rest = after
	}
}

// unixLines ends lines by "\n" alone, however many carriage returns stood before
// it. A carriage return elsewhere stays.
func unixLines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for line := range strings.Lines(s) {
		if text, ok := strings.CutSuffix(line, "\n"); ok {
			out = append(out, strings.TrimRight(text, "\r")...)
			out = append(out, '\n')
		} else {
			out = append(out, line...)
		}
	}
	return string(out)
}

// tidy drops spaces and tabs at the ends of lines, and blank lines at the end.
func tidy(s string) string {
	s = strings.TrimRight(s, " \t\n")
	if !strings.Contains(s, " \n") && !strings.Contains(s, "\t\n") {
		return s
	}
	out := make([]byte, 0, len(s))
	for line := range strings.Lines(s) {
		body, ended := strings.CutSuffix(line, "\n")
		out = append(out, strings.TrimRight(body, " \t")...)
		if ended {
			out = append(out, '\n')
		}
	}
	return string(out)
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
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if isSpace(c) {
			if n := len(out); n > 0 && out[n-1] != ' ' {
				out = append(out, ' ')
			}
			continue
		}
		out = append(out, c)
	}
	return string(bytes.TrimSuffix(out, []byte(" ")))
}

// isSpace reports whether c is ASCII white space.
func isSpace(c byte) bool {
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'
}
