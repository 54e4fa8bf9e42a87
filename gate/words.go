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
	start := -1
	for i := 0; i < len(text); {
		c := rune(text[i])
		size := 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(text[i:])
		}
		if InWord(c) {
			if start < 0 {
				start = i
			}
			i += size
			continue
		}
		if start >= 0 {
			words = append(words, text[start:i])
			start = -1
		}
		if c == '\n' || !unicode.IsSpace(c) {
			words = append(words, text[i:i+size])
		}
		i += size
	}
	if start >= 0 {
		words = append(words, text[start:])
	}
	return words
}

// InWord reports whether c continues a word in the sense of [Words].
func InWord(c rune) bool {
	switch {
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-':
		return true
	case c < utf8.RuneSelf:
		return false
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
