package canon

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// addressList is what a field of mailboxes holds.
type addressList struct {
	addresses []string // canonical, in order; "<>" is the null path
	names     []string // of each address, "" where it has none
	groups    []string // names of groups
	unparsed  []string // what is neither, verbatim

	known memo // canonical addresses, by what stands for them
}

// parse makes l what s says, which is a list of mailboxes and groups (RFC 5322,
// 3.4 and 4.4), unfolded, read more tolerantly than that: what is not understood is
// kept. It never guesses a recipient. A text before "<" is a name even where it looks like an
// address; an address is what stands in the brackets, or alone.
func (l *addressList) parse(s string) {
	l.reset()
	for s != "" {
		var m mailbox
		var sep byte
		m, sep, s = nextMailbox(s)
		switch {
		case sep == ':':
			l.groups = append(l.groups, phrase(m.before))
		default:
			l.add(&m)
		}
	}
}

func (l *addressList) reset() {
	for _, list := range []*[]string{&l.addresses, &l.names, &l.groups, &l.unparsed} {
		clear(*list)
		*list = (*list)[:0]
	}
}

// mailbox is one entry of a list, cut at its brackets.
type mailbox struct {
	raw     string // all of it
	before  string // "<", or all of it where there is none
	angle   string // between "<" and ">"
	after   string // ">"
	bracket bool
	closed  bool
}

// nextMailbox cuts s at the first comma, semicolon or colon that is not quoted, in
// a comment, in brackets or in an address literal. sep is 0 at the end of s.
func nextMailbox(s string) (m mailbox, sep byte, rest string) {
	open, shut := -1, -1 // where the angle brackets stand
	literal := false
	at := false // whether an @ was seen: then a colon starts no group
	i := 0
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '"':
			if n := quotedLen(s[i:]); n > 0 {
				i += n - 1
			}
		case c == '(':
			if n := commentLen(s[i:]); n > 0 {
				i += n - 1
			}
		case literal:
			literal = c != ']'
		case c == '[':
			literal = strings.IndexByte(s[i:min(len(s), i+gate.MaxAddress)], ']') >= 0
		case c == '<' && open < 0:
			open = i
		case c == '>' && open >= 0 && shut < 0:
			shut = i
		case open >= 0 && shut < 0:
			// in brackets
		case c == '@':
			at = true
		case c == ',' || c == ';' || c == ':' && !at && open < 0:
			sep = c
		}
		if sep != 0 {
			break
		}
	}
	i = min(i, len(s))
	m.raw, rest = s[:i], s[min(i+1, len(s)):]
	if sep == 0 {
		rest = ""
	}
	m.before = m.raw
	if open >= 0 {
		m.bracket, m.before = true, m.raw[:open]
		if shut >= 0 {
			m.closed, m.angle, m.after = true, m.raw[open+1:shut], m.raw[shut+1:]
		}
	}
	return m, sep, rest
}

func (l *addressList) add(m *mailbox) {
	if strings.Trim(m.raw, " ") == "" {
		return
	}
	spec, name, rest := m.before, "", ""
	switch {
	case m.bracket && !m.closed:
		l.keep(m.raw)
		return
	case m.bracket:
		spec, name = m.angle, phrase(m.before)
		var comment string
		rest, comment = cutComments(m.after)
		if name == "" {
			name = phrase(comment)
		}
		if strings.Trim(spec, " ") == "" && strings.Trim(rest, " ") == "" {
			l.addresses, l.names = append(l.addresses, "<>"), append(l.names, name)
			return
		}
	default:
		var comment string
		_, comment = cutComments(spec)
		name = phrase(comment)
	}
	address, ok := l.known[spec]
	if !ok {
		r, err := gate.MailRecipient(addrSpec(spec), "")
		if err != nil {
			l.keep(m.raw)
			return
		}
		address = l.known.put(spec, r.Address)
	}
	l.addresses, l.names = append(l.addresses, address), append(l.names, name)
	if strings.Trim(rest, " ") != "" {
		l.keep(rest)
	}
}

func (l *addressList) keep(raw string) { l.unparsed = append(l.unparsed, strings.Trim(raw, " ")) }

// quotedLen is the length of the quoted string that s begins with, 0 where it is
// not closed.
func quotedLen(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return 0
}

// maxComment is how deep comments may nest in each other.
const maxComment = 32

// commentLen is the length of the comment that s begins with, 0 where it is not
// closed or nests too deep.
func commentLen(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(':
			if depth++; depth > maxComment {
				return 0
			}
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// cutComments splits s into what stands outside of comments and what stands in them.
func cutComments(s string) (text, comments string) {
	if strings.IndexByte(s, '(') < 0 {
		return s, ""
	}
	var out, in strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			out.WriteByte(s[i])
			if i++; i < len(s) {
				out.WriteByte(s[i])
			}
			continue
		case '"':
			if n := quotedLen(s[i:]); n > 0 {
				out.WriteString(s[i : i+n])
				i += n - 1
				continue
			}
		case '(':
			if n := commentLen(s[i:]); n > 0 {
				if in.Len() > 0 {
					in.WriteByte(' ')
				}
				in.WriteString(s[i+1 : i+n-1])
				out.WriteByte(' ')
				i += n - 1
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String(), in.String()
}

// addrSpec drops comments, and white space around the dots and the @ of an address
// (RFC 5322, 4.4). White space elsewhere stays: then it is no address.
func addrSpec(s string) string {
	s, _ = cutComments(s)
	s = strings.Trim(s, " ")
	if strings.IndexByte(s, ' ') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '"' {
			if n := quotedLen(s[i:]); n > 0 {
				out = append(out, s[i:i+n]...)
				i += n - 1
				continue
			}
		}
		if c == ' ' {
			j := i
			for j < len(s) && s[j] == ' ' {
				j++
			}
			if len(out) > 0 && isJoint(out[len(out)-1]) || j < len(s) && isJoint(s[j]) {
				i = j - 1
				continue
			}
		}
		out = append(out, c)
	}
	return string(out)
}

func isJoint(c byte) bool { return c == '.' || c == '@' || c == ':' || c == ',' }

// phrase is a display name as people see it: quotes and their backslashes undone,
// encoded words decoded.
func phrase(s string) string {
	s = strings.Trim(s, " ")
	if strings.IndexByte(s, '"') >= 0 || strings.IndexByte(s, '\\') >= 0 {
		out := make([]byte, 0, len(s))
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\\' && i+1 < len(s):
				i++
				out = append(out, s[i])
			case s[i] != '"':
				out = append(out, s[i])
			}
		}
		s = string(out)
	}
	return collapse(decodeWords(s))
}
