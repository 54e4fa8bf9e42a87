package pseudonym

import (
	"encoding/binary"
	"unicode/utf8"
)

// Eight bytes at once.
const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

func isASCII(s []byte) bool {
	for ; len(s) >= 8; s = s[8:] {
		if binary.LittleEndian.Uint64(s)&highBits != 0 {
			return false
		}
	}
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// isControl are the control characters that text does not have.
var isControl = func() (table [256]bool) {
	for c := range table {
		table[c] = c < ' ' && (c < '\t' || c > '\r') || c == 0x7f
	}
	return table
}()

// isText reports whether b can be read: UTF-8 or ISO 8859-1, without the control
// characters that text does not have, but for ESC.
func isText(b []byte) bool {
	for _, c := range b {
		if isControl[c] && c != 0x1b {
			return false
		}
	}
	return len(b) > 64 || len(b) > 0 && utf8.Valid(b)
}

// isMostlyText reports whether t has no more control characters than careless
// mailers leave in text.
func isMostlyText(t []byte) bool {
	controls := 0
	count := func(t []byte) {
		for _, c := range t {
			if isControl[c] && c != 0x1b && c != 0x7f {
				controls++
			}
		}
	}
	i := 0
	for ; i+8 <= len(t); i += 8 {
		if x := binary.LittleEndian.Uint64(t[i:]); (x-' '*lowBits)&^x&highBits != 0 { // one is below a space
			count(t[i : i+8])
		}
	}
	count(t[i:])
	return controls*100 <= len(t)
}
