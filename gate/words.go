package gate

import (
	"unicode"
	"unicode/utf8"
)

// Words cuts text into the units in which texts are compared and facts are
// found: runs of letters, marks, digits, '_' and '-'; every other character that
// is not a space by itself; and "\n" for each end of line. Spaces only separate.
// The words share the memory of text.
func Words(text string) []string {
	words := make([]string, 0, len(text)/5+1)
	for start, end := NextWord(text, 0); start < end; start, end = NextWord(text, end) {
		words = append(words, text[start:end])
	}
	return words
}

// NextWord gives where the first of the [Words] of text[i:] starts and ends in
// text; both are len(text) where there is none. It is for those who need no list.
func NextWord(text string, i int) (start, end int) {
	for i < len(text) {
		if end := endOfWord(text, i); end > i {
			return i, end
		}
		c := text[i]
		if c < utf8.RuneSelf {
			if c == '\n' || c != ' ' && (c < '\t' || c > '\r') {
				return i, i + 1
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !unicode.IsSpace(r) {
			return i, i + size
		}
		i += size
	}
	return len(text), len(text)
}

// endOfWord is where the run of letters and digits that begins at i ends; i itself
// where none begins there.
func endOfWord(text string, i int) int {
	for i < len(text) {
		c := text[i]
		if c < utf8.RuneSelf {
			if !inASCIIWord(c) {
				return i
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		if !InWord(r) {
			return i
		}
		i += size
	}
	return i
}

// The ASCII characters of words as sets of bits: '-' and digits; letters and '_'.
const (
	asciiWordsLow  = 1<<'-' | 0x3ff<<'0'
	asciiWordsHigh = 0x3ffffff<<('A'-64) | 1<<('_'-64) | 0x3ffffff<<('a'-64)
)

func inASCIIWord(c byte) bool {
	if c < 64 {
		return asciiWordsLow>>c&1 != 0
	}
	return asciiWordsHigh>>(c-64)&1 != 0
}

// InWord reports whether c continues a word in the sense of [Words].
func InWord(c rune) bool {
	if c < utf8.RuneSelf {
		return inASCIIWord(byte(c))
	}
	return unicode.IsLetter(c) || unicode.IsDigit(c) || unicode.Is(unicode.M, c)
}

// IsWord reports whether w, an element of what [Words] returns, is a run of
// letters or digits, rather than punctuation or an end of line.
func IsWord(w string) bool {
	c, _ := utf8.DecodeRuneInString(w)
	return InWord(c)
}

// Clip cuts s to n runes at the most, ending in "…" where something was cut.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	count := 0
	for i := range s {
		if count == n-1 {
			rest := s[i:]
			if _, size := utf8.DecodeRuneInString(rest); size == len(rest) {
				return s
			}
			return s[:i] + "…"
		}
		count++
	}
	return s
}

// HashWord is a 64-bit hash of w (FNV-1a): for sets of words, where a collision
// costs a wrong weight and never a wrong equality.
func HashWord(w string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(w); i++ {
		h = (h ^ uint64(w[i])) * 1099511628211
	}
	return h
}
