package smtp

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
)

// A verb is the first word of a command line, in upper case.
type verb string

const (
	helo verb = "HELO"
	ehlo verb = "EHLO"
	lhlo verb = "LHLO" // of LMTP: RFC 2033, section 4.1
	mail verb = "MAIL"
	rcpt verb = "RCPT"
)

// splitVerb splits a command line after its first word.
func splitVerb(line string) (verb, string) {
	word, rest := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		word, rest = line[:i], strings.Trim(line[i:], " \t")
	}
	return verb(upperASCII(word)), rest
}

// upperASCII changes ASCII letters alone, and so never the length.
func upperASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if 'a' <= s[i] && s[i] <= 'z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if 'a' <= b[i] && b[i] <= 'z' {
					b[i] -= 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// isKeyword reports whether s is an esmtp-keyword: RFC 5321, 4.1.2.
func isKeyword(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' && i > 0) {
			return false
		}
	}
	return s != ""
}

// A param is one ESMTP parameter (RFC 5321, 4.1.1.11).
type param struct {
	text  string // as written
	name  string // in upper case where it is an esmtp-keyword, else as written
	value string
}

// An argument is what follows MAIL or RCPT, read as loosely as servers do read it.
type argument struct {
	before string // up to the path: "FROM:"
	path   string // as written, with its angle brackets where it has them
	inner  string // path without its angle brackets
	params []param
	events []string // what is odd in it: kebab-case, with no address in them
	plain  bool     // whether it was clear where the path ends
}

// readArgument reads the rest of a MAIL or RCPT line, of which word is "FROM" or
// "TO". ok is false where no path follows the word and a colon: nothing in such a
// line says who is meant.
func readArgument(rest, word string) (a argument, ok bool) {
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return a, false
	}
	after := strings.TrimLeft(rest[len(word):], " \t")
	if after == "" || after[0] != ':' {
		return a, false
	}
	path := strings.TrimLeft(after[1:], " \t")
	if path == "" {
		return a, false
	}
	a.before = rest[:len(rest)-len(path)]
	if len(a.before) != len(word)+1 {
		a.events = append(a.events, "space-before-path")
	}
	end := pathEnd(path)
	a.plain = end == len(path) || end > 0 && (path[end] == ' ' || path[end] == '\t')
	if !a.plain {
		a.path, a.inner = path, path
		a.events = append(a.events, "unreadable-path")
		return a, true
	}
	a.path, a.inner = path[:end], path[:end]
	if a.path[0] == '<' {
		a.inner = a.path[1 : len(a.path)-1]
	} else {
		a.events = append(a.events, "missing-angle-brackets")
	}
	if a.route() != "" {
		a.events = append(a.events, "source-route")
	}
	for _, word := range strings.FieldsFunc(path[end:], func(r rune) bool { return r == ' ' || r == '\t' }) {
		name, value, _ := strings.Cut(word, "=")
		if isKeyword(name) {
			name = upperASCII(name)
		}
		a.params = append(a.params, param{word, name, value})
	}
	return a, true
}

// pathEnd is where the path at the beginning of s ends: after the angle bracket
// that closes it, or before a space where no bracket opens it, neither of them
// within quotes (RFC 5321, 4.1.2, Quoted-string). It is 0 where a bracket or a
// quote is not closed.
func pathEnd(s string) int {
	bracket, quoted := s[0] == '<', false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case bracket && c == '>':
			return i + 1
		case !bracket && (c == ' ' || c == '\t'):
			return i
		}
	}
	if bracket || quoted {
		return 0
	}
	return len(s)
}

// route is the source route of the path, with the colon after it (RFC 5321,
// appendix C), or "".
func (a *argument) route() string {
	if !strings.HasPrefix(a.inner, "@") {
		return ""
	}
	literal := false
	for i := 0; i < len(a.inner); i++ {
		switch a.inner[i] {
		case '[':
			literal = true
		case ']':
			literal = false
		case ':':
			if !literal {
				return a.inner[:i+1]
			}
		}
	}
	return ""
}

// recipient is who the path names. A path that names no mailbox is still somebody
// whom a build addressed: it becomes a recipient of kind gate.Other, whose address
// is the path as written.
func (a *argument) recipient() gate.Recipient {
	if a.plain {
		if r, err := gate.MailRecipient(a.inner[len(a.route()):], gate.Envelope); err == nil {
			return r
		}
	}
	return gate.Recipient{Kind: gate.Other, Address: bounded(visible(a.path)), Role: gate.Envelope}
}

// bounded is s where it may be an address, and else its beginning and its digest.
func bounded(s string) string {
	if len(s) <= gate.MaxAddress {
		return s
	}
	digest := sha256.Sum256([]byte(s))
	end := gate.MaxAddress / 2
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "... sha256:" + hex.EncodeToString(digest[:])
}

// visible is s as UTF-8 in normal form C without control characters. Other text
// than that is written in ASCII, with \xNN for each byte that is not and \\ for a
// backslash, so that different text stays different.
func visible(s string) string {
	clean := utf8.ValidString(s) && norm.NFC.IsNormalString(s) && !strings.Contains(s, `\`)
	for i := 0; clean && i < len(s); i++ {
		clean = s[i] >= ' ' && s[i] != 0x7f
	}
	if clean {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c < ' ' || c >= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// eachLine calls f with every line of a head, ends taken off, until it says no.
func eachLine(head []byte, f func(line string) bool) {
	for rest := string(head); rest != ""; {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		if !f(strings.TrimSuffix(line, "\r")) {
			return
		}
	}
}

// knownParam reports whether the parameter is one of those whose meaning is known
// here: RFC 1870, 6152, 6531, 3461 and 4954.
func knownParam(v verb, name string) bool {
	switch name {
	case "SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "AUTH":
		return v == mail
	case "NOTIFY", "ORCPT":
		return v == rcpt
	}
	return false
}
