package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks a character keeps: no script in use needs
// more, and piles of them reach over neighbouring lines.
const maxMarks = 3

// visible is s with everything that a terminal might obey, hide or move shown as
// a Go escape, at most limit runes of it and then an ellipsis. Backslashes are doubled, so that
// an escape in the output stands for what was in s.
func visible(s string, limit int) string {
	if plainText(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	n, marks := 0, maxMarks // a mark at the start would join what stands before s
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		out := s[i : i+size]
		switch {
		case r == utf8.RuneError && size <= 1:
			out = fmt.Sprintf(`\x%02x`, s[i])
		case r == '\\':
			out = `\\`
		case r == '#' && strings.HasPrefix(s[i:], "##["):
			out = `\x23` // a command to the log of a workflow
		case unicode.Is(unicode.M, r):
			marks++
			if marks > maxMarks {
				out = escape(r)
			}
		case !strconv.IsPrint(r):
			out, marks = escape(r), 0
		default:
			marks = 0
		}
		w := utf8.RuneCountInString(out)
		if n+w > limit-1 && !(n+w == limit && i+size == len(s)) {
			b.WriteString("…")
			return b.String()
		}
		b.WriteString(out)
		n += w
		i += size
	}
	return b.String()
}

// plainText reports whether s is printable ASCII that needs no escape.
func plainText(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c > '~' || c == '\\' || c == '#' {
			return false
		}
	}
	return true
}

func escape(r rune) string {
	q := strconv.QuoteRuneToASCII(r)
	if q = q[1 : len(q)-1]; len(q) > 1 {
		return q
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// count is n with its thousands apart: 12,340.
func count[T int | uint64](n T) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural is n and the word for one or for many of a thing.
func plural[T int | uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// either is the words that go with n of something.
func either[T int | uint64](n T, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
