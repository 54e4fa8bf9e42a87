package decode

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
)

// validText is b as UTF-8, or where it is none its bytes read as ISO 8859-1.
func validText(b []byte) string {
	text, _ := Latin(b)
	return string(text)
}

// Latin reads bytes of no known charset: as UTF-8 where they are that, which needs
// no memory, else as ISO 8859-1. It is lossy where two inputs may give one text.
func Latin(raw []byte) (text []byte, lossy bool) {
	if utf8.Valid(raw) {
		return raw, false
	}
	return Latin1(raw), true
}

// Latin1 reads ISO 8859-1.
func Latin1(raw []byte) []byte {
	high := 0 // bytes that become two
	for _, c := range raw {
		high += int(c >> 7)
	}
	out := make([]byte, 0, len(raw)+high)
	from := 0
	for i, c := range raw {
		if c >= utf8.RuneSelf {
			out = append(append(out, raw[from:i]...), 0xc0|c>>6, utf8.RuneSelf|c&0x3f)
			from = i + 1
		}
	}
	return append(out, raw[from:]...)
}

// Charset reads raw in the charset called label, as UTF-8 that may share raw's
// memory. lossy says that bytes were not text in that charset, so that they must be
// compared as well; known is false where there is no such charset, and raw was read
// as [Latin] does.
func Charset(raw []byte, label string) (text []byte, lossy, known bool) {
	lower := label
	for i := 0; i < len(label); i++ {
		if 'A' <= label[i] && label[i] <= 'Z' {
			lower = strings.ToLower(label)
			break
		}
	}
	switch lower {
	case "", "us-ascii", "ascii", "utf-8", "utf8", "ansi_x3.4-1968", "646", "unknown-8bit":
		text, lossy = Latin(raw)
		return text, lossy && label != "", true
	case "iso-8859-1", "latin1", "iso8859-1", "iso_8859-1":
		if isASCII(raw) {
			return raw, false, true
		}
		return Latin1(raw), false, true
	}
	if extendsASCII(lower) && isASCII(raw) {
		return raw, false, true
	}
	r, err := charset.Reader(label, bytes.NewReader(raw))
	if err != nil {
		text, _ = Latin(raw)
		return text, false, false
	}
	// No charset has a byte that becomes more than four.
	out, err := io.ReadAll(io.LimitReader(r, 4*int64(len(raw))+16))
	if err != nil {
		text, _ = Latin(raw)
		return text, true, true
	}
	if !utf8.Valid(out) {
		return Latin1(out), true, true
	}
	return out, bytes.ContainsRune(out, utf8.RuneError), true
}

// extendsASCII reports whether label, in lower case, is one of the charsets of one
// byte a character that are not ASCII in their upper half alone.
func extendsASCII(label string) bool {
	if n, ok := strings.CutPrefix(label, "iso-8859-"); ok {
		return len(n) == 1 && n >= "2" && n <= "9" || len(n) == 2 && n >= "10" && n <= "16" && n != "12"
	}
	n, ok := strings.CutPrefix(label, "windows-125")
	return ok && len(n) == 1 && n >= "0" && n <= "8"
}

// isASCII reports whether b has no byte above 0x7f.
func isASCII(b []byte) bool {
	for ; len(b) >= 8; b = b[8:] {
		if (b[0]|b[1]|b[2]|b[3]|b[4]|b[5]|b[6]|b[7])&utf8.RuneSelf != 0 {
			return false
		}
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
