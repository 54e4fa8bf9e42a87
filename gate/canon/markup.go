package canon

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/net/html"
)

// A token is one piece of an HTML document.
type token uint8

const (
	endToken     token = iota // nothing is left, or the document ends within a tag
	textToken                 // words
	startToken                // a start tag
	closeToken                // an end tag
	commentToken              // a comment, or what is none and must be read as one
	doctypeToken
)

// markup cuts HTML into tokens (WHATWG HTML, 13.2.5) as package
// golang.org/x/net/html does, against which it is tested, but keeps every attribute
// of a repeated name. What it returns shares memory with the document or with
// itself, until the next call of next.
type markup struct {
	doc   []byte // its lines end by "\n" alone
	at    int    // where the next token begins
	start int    // where the token at hand begins
	data  []byte // as it stands: of a text, a comment; the name of a tag

	attrs  []rawAttribute // of a tag
	closed bool           // a start tag that says it has no content

	raw     string // the element that is open and holds text alone, "" where there is none
	asIs    bool   // a text without character references
	noNUL   bool   // a text in which NUL may not stand
	scratch []byte // of what is not in the document as it is to be returned
}

// A rawAttribute is an attribute as it stands.
type rawAttribute struct{ key, value, whole []byte }

// reset is m without a document. Its memory is used again.
func (m *markup) reset() markup {
	clear(m.attrs[:cap(m.attrs)])
	return markup{attrs: m.attrs[:0], scratch: m.scratch[:0]}
}

// rest is all of the token at hand as it stands.
func (m *markup) rest() []byte { return m.doc[m.start:m.at] }

// next goes to the next token.
func (m *markup) next() token {
	m.start, m.scratch = m.at, m.scratch[:0]
	if m.raw != "" && m.rawText() {
		return textToken
	}
	m.asIs, m.noNUL = false, false
	doc := m.doc
	for at := m.at; ; {
		i := bytes.IndexByte(doc[at:], '<')
		if i < 0 || at+i+1 == len(doc) {
			break
		}
		at += i
		c := doc[at+1]
		opens := isLetter(c)
		if !opens && c != '/' && c != '!' && c != '?' {
			at++
			continue
		}
		if at > m.start {
			return m.text(at)
		}
		switch {
		case opens:
			return m.tag(at+1, startToken)
		case c == '!':
			return m.declaration(at + 2)
		case c == '?':
			return m.until('>', at+1)
		case at+2 == len(doc):
			return m.text(len(doc))
		case doc[at+2] == '>':
			m.data, m.at = nil, at+3
			return commentToken
		case isLetter(doc[at+2]):
			return m.tag(at+2, closeToken)
		}
		return m.until('>', at+2)
	}
	if m.start == len(doc) {
		return endToken
	}
	return m.text(len(doc))
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// text makes all up to end the token at hand.
func (m *markup) text(end int) token {
	m.data, m.at = m.doc[m.start:end], end
	return textToken
}

// until makes a comment of what stands between from and the next end.
func (m *markup) until(end byte, from int) token {
	if i := bytes.IndexByte(m.doc[from:], end); i >= 0 {
		m.data, m.at = m.doc[from:from+i], from+i+1
	} else {
		m.data, m.at = m.doc[from:], len(m.doc)
	}
	return commentToken
}

// declaration reads what follows "<!".
func (m *markup) declaration(at int) token {
	const doctype = "doctype"
	rest := m.doc[at:]
	if bytes.HasPrefix(rest, []byte("--")) {
		m.comment(at + len("--"))
		return commentToken
	}
	if len(rest) >= len(doctype) && asciiLower(string(rest[:len(doctype)])) == doctype {
		m.until('>', at+len(doctype))
		return doctypeToken
	}
	return m.until('>', at)
}

// comment reads what follows "<!--". It ends at "-->" and at "--!>", and at ">" where
// nothing but dashes stands before that.
func (m *markup) comment(from int) {
	for at := from; ; {
		i := bytes.IndexByte(m.doc[at:], '>')
		if i < 0 {
			break
		}
		end := at + i
		at = end + 1
		text := m.doc[from:end]
		if bytes.HasSuffix(text, []byte("--!")) {
			m.data, m.at = text[:len(text)-3], at
			return
		}
		if n := dashes(text); n >= 2 || n == len(text) {
			m.data, m.at = text[:len(text)-min(n, 2)], at
			return
		}
	}
	m.at = len(m.doc)
	m.data = m.doc[from:]
	if text, ok := bytes.CutSuffix(m.data, []byte("--!")); ok {
		m.data = text
	} else {
		m.data = m.data[:len(m.data)-min(dashes(m.data), 2)]
	}
}

// dashes is how many there are at the end of b.
func dashes(b []byte) int {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '-' {
		n++
	}
	return n
}

// tag reads a tag whose name begins at from.
func (m *markup) tag(from int, kind token) token {
	doc := m.doc
	at := from
	for at < len(doc) && !isSpace(doc[at]) && doc[at] != '/' && doc[at] != '>' {
		at++
	}
	m.data = doc[from:at]
	m.attrs = m.attrs[:0]
	valueEnd := 0 // of the last attribute
	for {
		if at = skipSpace(doc, at); at == len(doc) {
			return m.unended()
		}
		if doc[at] == '>' {
			break
		}
		var a rawAttribute
		start := at
		if a, at, valueEnd = m.attribute(at, valueEnd); at < 0 {
			return m.unended()
		}
		if len(a.key) > 0 {
			a.whole = doc[start:at]
			m.attrs = append(m.attrs, a)
		}
	}
	m.at = at + 1
	if kind == startToken {
		m.raw = rawElement(m.data)
		m.closed = doc[at-1] == '/' && valueEnd != at
	}
	return kind
}

// unended is the end of a document within a tag.
func (m *markup) unended() token {
	m.at = len(m.doc)
	return endToken
}

func skipSpace(doc []byte, at int) int {
	for at < len(doc) && isSpace(doc[at]) {
		at++
	}
	return at
}

// attribute reads the attribute that begins at from, of which the key may be empty.
// next is where the tag goes on, -1 where the document ends before that; end is
// where its value ends, before where it has none.
func (m *markup) attribute(from, before int) (a rawAttribute, next, end int) {
	doc := m.doc
	at := from
	for at < len(doc) {
		if c := doc[at]; c <= '>' && (isSpace(c) || c == '/' || c == '>' || c == '=' && at > from) {
			break
		}
		at++
	}
	a.key = doc[from:at]
	if at = skipSpace(doc, at); at == len(doc) {
		return a, -1, before
	}
	switch doc[at] {
	case '/':
		return a, at + 1, before
	case '=':
	default:
		return a, at, before
	}
	if at = skipSpace(doc, at+1); at == len(doc) {
		return a, -1, before
	}
	switch quote := doc[at]; quote {
	case '>':
		return a, at, before
	case '"', '\'':
		at++
		i := bytes.IndexByte(doc[at:], quote)
		if i < 0 {
			return a, -1, before
		}
		a.value = doc[at : at+i]
		return a, at + i + 1, before
	}
	start := at
	for at < len(doc) && !isSpace(doc[at]) && doc[at] != '>' {
		at++
	}
	a.value = doc[start:at]
	if at == len(doc) {
		return a, -1, before
	}
	return a, at, at
}

// rawElement is name in lower case where text alone can stand in that element. What
// readers that run no scripts read as markup is not among them: noscript and the like.
func rawElement(name []byte) string {
	if len(name) < len("xmp") || len(name) > len("plaintext") {
		return ""
	}
	var lower [len("plaintext")]byte
	switch string(appendLower(lower[:0], string(name))) {
	case "script":
		return "script"
	case "style":
		return "style"
	case "title":
		return "title"
	case "textarea":
		return "textarea"
	case "xmp":
		return "xmp"
	case "plaintext":
		return "plaintext"
	}
	return ""
}

// rawText reads the text of the element that is open, up to its end tag, and says
// whether there is any.
func (m *markup) rawText() bool {
	end := len(m.doc)
	m.asIs, m.noNUL = true, true
	switch m.raw {
	case "plaintext": // which nothing ends
	case "script":
		end = m.script()
	default:
		m.asIs = m.raw != "textarea" && m.raw != "title"
		for at := m.at; ; at++ {
			i := bytes.IndexByte(m.doc[at:], '<')
			if i < 0 {
				break
			}
			if at += i; m.ends(at + 1) {
				end = at
				break
			}
		}
	}
	m.raw = ""
	if end == m.at {
		return false
	}
	m.text(end)
	return true
}

// ends reports whether the end tag of the element that is open stands at at, its
// angle bracket left out.
func (m *markup) ends(at int) bool {
	tag := m.doc[at:]
	n := 1 + len(m.raw)
	if len(tag) <= n || tag[0] != '/' || !isSpace(tag[n]) && tag[n] != '/' && tag[n] != '>' {
		return false
	}
	for i := range len(m.raw) {
		if tag[1+i] != m.raw[i] && tag[1+i] != m.raw[i]-('a'-'A') {
			return false
		}
	}
	return true
}

// script is where the script that is open ends. In what looks like a comment a start
// tag of another script hides one end tag (WHATWG HTML, 13.2.5.15 and following).
func (m *markup) script() int {
	const (
		plain  = iota
		escape // within "<!--"
		hidden // within "<!--" and "<script>"
	)
	doc, state, dashed := m.doc, plain, 0 // dashed is how many dashes stand before at, 2 where more
	for at := m.at; at < len(doc); {
		if state == plain {
			i := bytes.IndexByte(doc[at:], '<')
			if i < 0 {
				return len(doc)
			}
			at += i
		}
		c := doc[at]
		at++
		switch {
		case c == '-':
			dashed = min(dashed+1, 2)
			continue
		case c == '>' && dashed == 2:
			state = plain
		}
		dashed = 0
		if c != '<' {
			continue
		}
		switch state {
		case plain:
			if m.ends(at) {
				return at - 1
			}
			if bytes.HasPrefix(doc[at:], []byte("!--")) {
				state, dashed = escape, 2
				at += len("!--")
			}
		case escape:
			switch {
			case at == len(doc):
			case doc[at] == '/':
				if m.ends(at) {
					return at - 1
				}
				at++
			case !isLetter(doc[at]):
				state = plain
			case m.opensScript(at):
				state = hidden
				at += len("script>")
			}
		case hidden:
			if at < len(doc) && doc[at] == '/' {
				if m.ends(at) {
					state = escape
					at += len("script>")
				}
				at++
			}
		}
	}
	return len(doc)
}

// opensScript reports whether the start tag of a script stands at at, its angle
// bracket left out.
func (m *markup) opensScript(at int) bool {
	const name = "script"
	tag := m.doc[at:]
	if len(tag) <= len(name) || !isSpace(tag[len(name)]) && tag[len(name)] != '/' && tag[len(name)] != '>' {
		return false
	}
	for i := range len(name) {
		if tag[i]|0x20 != name[i] || !isLetter(tag[i]) {
			return false
		}
	}
	return true
}

// value is the text or comment at hand as it is meant.
func (m *markup) value(kind token) []byte {
	text := m.data
	if m.noNUL || kind == commentToken {
		text = m.withoutNUL(text)
	}
	if m.asIs {
		return text
	}
	return m.unescape(text, false)
}

// name is the name of the tag at hand in lower case.
func (m *markup) name() []byte { return m.lower(m.data) }

// lower is a name as it is meant.
func (m *markup) lower(name []byte) []byte {
	name = m.withoutNUL(name)
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			from := len(m.scratch)
			m.scratch = appendLower(m.scratch, string(name))
			return m.scratch[from:]
		}
	}
	return name
}

// attributeValue is the value of an attribute as it is meant.
func (m *markup) attributeValue(raw []byte) []byte { return m.unescape(m.withoutNUL(raw), true) }

func (m *markup) withoutNUL(b []byte) []byte {
	if bytes.IndexByte(b, 0) < 0 {
		return b
	}
	return bytes.ReplaceAll(b, []byte{0}, []byte("\ufffd"))
}

// unescape undoes character references (WHATWG HTML, 13.2.5.72).
func (m *markup) unescape(b []byte, attribute bool) []byte {
	i := bytes.IndexByte(b, '&')
	if i < 0 {
		return b
	}
	from := len(m.scratch)
	for i >= 0 {
		m.scratch = append(m.scratch, b[:i]...)
		b = b[i:]
		n := referenceLen(b)
		m.scratch = appendReference(m.scratch, b[:n], attribute, n < len(b) && b[n] == '=')
		b = b[n:]
		i = bytes.IndexByte(b, '&')
	}
	m.scratch = append(m.scratch, b...)
	return m.scratch[from:]
}

// referenceLen is how many bytes at the start of b, which begins with "&", may be a
// character reference.
func referenceLen(b []byte) int {
	n := 1
	if n < len(b) && b[n] == '#' {
		if n++; n < len(b) && b[n]|0x20 == 'x' {
			for n++; n < len(b) && isHex(b[n]); n++ {
			}
		} else {
			for ; n < len(b) && '0' <= b[n] && b[n] <= '9'; n++ {
			}
		}
	} else {
		for n < len(b) && isAlnum(b[n]) {
			n++
		}
	}
	if n < len(b) && b[n] == ';' {
		n++
	}
	return n
}

// appendReference appends what ref means, which may be what it says. In an attribute
// a name counts only where it is whole, and where it has no semicolon only where no
// "=" follows.
func appendReference(dst, ref []byte, attribute, equals bool) []byte {
	switch string(ref) {
	case "&nbsp;":
		return append(dst, "\u00a0"...)
	case "&amp;":
		return append(dst, '&')
	case "&lt;":
		return append(dst, '<')
	case "&gt;":
		return append(dst, '>')
	case "&quot;":
		return append(dst, '"')
	case "&":
		return append(dst, '&')
	}
	ended := ref[len(ref)-1] == ';'
	named := ref[1] != '#'
	if named && attribute && equals && !ended {
		return append(dst, ref...)
	}
	meant := html.UnescapeString(string(ref))
	if named && attribute && !isWhole(meant, ended) {
		return append(dst, ref...)
	}
	return append(dst, meant...)
}

// isWhole reports whether meant is what a whole name means: of a name of which only
// the beginning is known something is left, its semicolon at least.
func isWhole(meant string, ended bool) bool {
	if ended {
		return meant == ";" || meant[len(meant)-1] != ';' // "&semi;" means a semicolon
	}
	_, n := utf8.DecodeRuneInString(meant)
	return n == len(meant)
}
