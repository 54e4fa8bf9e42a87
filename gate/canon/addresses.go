package canon

import (
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/waybill-dev/waybill/gate"
)

// addressList is what a field of mailboxes holds.
type addressList struct {
	addresses []string // canonical, in order; "<>" is the null path
	names     []string // of each address, "" where it has none
	groups    []string // names of groups
	unparsed  []string // what is neither, verbatim
	comments  []string // that are no mailbox's name
	routes    []string // hosts of source routes (RFC 5322, 4.4), as "host:NAME"
	loose     []string // addresses that stand where names and comments do
	stray     uint64   // quotes and groups that do not close, commas too many or too few

	known  memo // canonical addresses, by what stands for them
	folded memo // names as they are compared, by names
}

// parse makes l what s says, which is a list of mailboxes and groups (RFC 5322,
// 3.4 and 4.4), unfolded, read more tolerantly than that: what is not understood is
// kept. It never guesses a recipient. A text before "<" is a name even where it looks like an
// address; an address is what stands in the brackets, or alone.
func (l *addressList) parse(s string) {
	l.reset()
	open := uint64(0) // groups that do not end yet
	for s != "" {
		var m mailbox
		var sep byte
		m, sep, s = nextMailbox(s)
		if sep == ':' {
			l.groups = append(l.groups, phrase(m.before))
			l.look(m.before)
			open++
			continue
		}
		switch {
		case sep == ',' && strings.Trim(m.raw, " ") == "", sep == ';' && open == 0:
			l.stray++
		case sep == ';':
			open--
		}
		l.add(&m)
	}
	l.stray += open
}

func (l *addressList) reset() {
	for _, list := range []*[]string{&l.addresses, &l.names, &l.groups, &l.unparsed, &l.comments, &l.routes, &l.loose} {
		clear(*list)
		*list = (*list)[:0]
	}
	l.stray = 0
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
	spec, name, comment, rest := m.before, "", "", ""
	switch {
	case m.bracket && !m.closed:
		l.keep(m.raw)
		return
	case m.bracket:
		l.look(m.before)
		spec, name = m.angle, phrase(m.before)
		l.stray += uint64(strings.Count(m.before, `"`) & 1)
		rest, comment = cutComments(m.after)
		if strings.IndexByte(spec, '(') >= 0 {
			_, within := cutComments(spec)
			comment = strings.Trim(within+" "+comment, " ")
		}
	default:
		_, comment = cutComments(spec)
	}
	l.look(comment)
	if comment = phrase(comment); name == "" {
		name = comment
	} else if comment != "" {
		l.comments = append(l.comments, comment)
	}
	if m.bracket && strings.Trim(spec, " ") == "" && strings.Trim(rest, " ") == "" {
		l.addresses, l.names = append(l.addresses, "<>"), append(l.names, name)
		return
	}
	plain := addrSpec(spec)
	address, ok := l.known[spec]
	if !ok {
		r, err := gate.MailRecipient(plain, "")
		if err != nil {
			l.keep(m.raw)
			return
		}
		address = l.known.put(spec, r.Address)
	}
	l.addresses, l.names = append(l.addresses, address), append(l.names, name)
	if route, _, ok := strings.Cut(plain, ":"); ok && plain[0] == '@' {
		l.route(route)
	}
	if strings.Trim(rest, " ") != "" {
		l.stray++
		l.keep(rest)
	}
}

func (l *addressList) keep(raw string) {
	l.look(raw)
	l.unparsed = append(l.unparsed, strings.Trim(raw, " "))
}

// route adds the hosts of "@one,@two".
func (l *addressList) route(route string) {
	for host := range strings.SplitSeq(route, ",") {
		host = strings.TrimPrefix(strings.Trim(host, " "), "@")
		if r, err := gate.HostRecipient(host); err == nil {
			host = r.ID()
		}
		l.routes = append(l.routes, host)
	}
}

// look adds the addresses in text that are not in quotes, or that encoded words hide.
func (l *addressList) look(text string) {
	if strings.IndexByte(text, '@') < 0 && !strings.Contains(text, "=?") {
		return
	}
	if strings.IndexByte(text, '"') < 0 {
		l.loose = appendAddresses(l.loose, decodeWords(text))
		return
	}
	var open strings.Builder
	open.Grow(len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '"' {
			if n := quotedLen(text[i:]); n > 0 {
				if quoted := text[i : i+n]; strings.Contains(quoted, "=?") {
					open.WriteString(quoted)
				}
				open.WriteByte(' ')
				i += n - 1
				continue
			}
		}
		open.WriteByte(text[i])
	}
	l.loose = appendAddresses(l.loose, decodeWords(open.String()))
}

// lenient returns the addresses that only readers find who look for them in names and
// comments as well.
func (l *addressList) lenient() []string {
	var more []string
	for _, a := range l.loose {
		if !slices.Contains(l.addresses, a) && !slices.Contains(more, a) {
			more = append(more, a)
		}
	}
	return more
}

// appendAddresses appends the mail addresses in a text, canonical.
func appendAddresses(list []string, text string) []string {
	for from := 0; ; {
		at := strings.IndexByte(text[from:], '@')
		if at < 0 {
			return list
		}
		at += from
		start, end := at, at+1
		for start > from && isAddressByte(text[start-1]) && text[start-1] != '"' {
			start--
		}
		for end < len(text) && (isAlnum(text[end]) || text[end] >= 0x80 || strings.IndexByte(".-", text[end]) >= 0) {
			end++
		}
		spec := strings.Trim(text[start:end], ".-'`")
		if r, err := gate.MailRecipient(spec, ""); err == nil {
			list = append(list, r.Address)
		}
		from = end
	}
}

// foldedNames returns the names as they are compared, one a line.
func (l *addressList) foldedNames() string {
	if len(l.names) == 1 {
		return l.fold(l.names[0])
	}
	var out strings.Builder
	for i, name := range l.names {
		if i > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(l.fold(name))
	}
	return out.String()
}

// fold returns the words of a name in lower case, sorted, without the commas and quotes
// around them: "Smith, Alice" and ALICE SMITH are one person's name.
func (l *addressList) fold(name string) string {
	if folded, ok := l.folded[name]; ok || name == "" {
		return folded
	}
	words := strings.FieldsFunc(norm.NFC.String(strings.ToLower(name)), func(r rune) bool { return r == ' ' || r == ',' || r == '"' })
	for i, w := range words {
		if bare := strings.Trim(w, "'"); bare != "" {
			words[i] = strings.ReplaceAll(bare, "ß", "ss")
		}
	}
	slices.Sort(words)
	return l.folded.put(name, strings.Join(words, " "))
}

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
	out.Grow(len(s))
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
