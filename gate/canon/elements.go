package canon

import (
	"math/bits"
	"strconv"
	"strings"

	"golang.org/x/net/html/atom"
)

// A look says how the text in an element is shown.
type look struct {
	marks
	gone      bool // it takes no place
	unseen    bool // it is not to be seen, whatever is in it
	invisible bool // as unseen, but what is in it may be visible again
	tiny      bool // its letters have no size
	inkless   bool // its letters have the colour of their ground
	pre       bool // its line ends are kept
	special   bool // readers of some medium do not see it, or see it where others do not
	list      string
}

func (l *look) hidden() bool {
	return l.gone || l.unseen || l.invisible || l.tiny || l.inkless
}

// apply is l as an element with an effect passes it on.
func (l look) apply(e *effect) look {
	l.gone = l.gone || e.gone
	l.unseen = l.unseen || e.unseen
	l.invisible = e.visibility.of(l.invisible)
	l.tiny = e.font.of(l.tiny)
	l.inkless = e.ink.of(l.inkless)
	switch e.struck {
	case on:
		l.marks |= struck
	case off:
		// what is in a text that is struck out stays so
	}
	switch e.raised {
	case raiseNone:
		l.marks &^= super | sub
	case raiseSuper:
		l.marks = l.marks&^sub | super
	case raiseSub:
		l.marks = l.marks&^super | sub
	}
	if e.reversed {
		l.marks |= reversed
	}
	if e.masked {
		l.marks |= dotted
	}
	if e.list != "" {
		l.list = e.list
	}
	return l
}

// of is what an element that inherits lacking passes on; off is to lack something.
func (t turn) of(lacking bool) bool {
	switch t {
	case off:
		return true
	case on:
		return false
	}
	return lacking
}

// An openElement is one whose end has not come.
type openElement struct {
	subject
	atom    atom.Atom
	look    look
	suffix  string // what is written where it ends
	item    int    // number of the next item of a list
	step    int    // what is added to that for each
	ordered bool   // its items have numbers
	over    bool   // its end came, but something in it is still open
	written uint64 // see [htmlReader]
	cells   uint8  // of a row: how many there were
	filled  uint64 // which of them hold anything, the last at the end
}

// maxScope bounds how far the element is looked for that an end tag ends: browsers
// nest 512 at most.
const maxScope = 512

// push opens an element.
func (h *htmlReader) push(e openElement) {
	h.stack = append(h.stack, e)
	h.look = e.look
	if e.atom == atom.P {
		h.paragraphs++
	}
}

// pop ends all elements from the i-th on.
func (h *htmlReader) pop(i int) {
	for n := len(h.stack) - 1; n >= i; n-- {
		e := &h.stack[n]
		if e.suffix != "" && !e.over {
			h.write(e.suffix)
		}
		switch e.atom {
		case atom.P:
			h.paragraphs--
		case atom.Td, atom.Th:
			h.cell(n)
		case atom.Tr:
			h.row(e)
		}
		outer := h.root
		if n > 0 {
			outer = h.stack[n-1].look
		}
		if e.look.hidden() && !outer.hidden() {
			h.hidden.end()
		}
		h.stack[n] = openElement{}
		h.stack = h.stack[:n]
		h.look = outer
	}
}

// cell notes in the row that the n-th element, a cell, is in whether it holds anything.
func (h *htmlReader) cell(n int) {
	for i := n - 1; i >= 0 && n-i <= maxScope && !isTable(h.stack[i].atom); i-- {
		if row := &h.stack[i]; row.atom == atom.Tr {
			if row.cells < 64 {
				row.cells++
				row.filled <<= 1
				if h.written != h.stack[n].written {
					row.filled |= 1
				}
			}
			return
		}
	}
}

// row adds which cells of a row are empty, where some are: a value in another column says
// something else.
func (h *htmlReader) row(e *openElement) {
	if e.filled == 0 || bits.OnesCount64(e.filled) == int(e.cells) {
		return
	}
	for i := int(e.cells) - 1; i >= 0; i-- {
		if e.filled>>i&1 == 1 {
			h.spans = append(h.spans, 'x')
		} else {
			h.spans = append(h.spans, '.')
		}
	}
	h.spans = append(h.spans, ' ')
}

// close ends the element that an end tag names, and what is in it. An end tag of a
// phrase does not end the blocks in it.
func (h *htmlReader) close(tag atom.Atom, name []byte) {
	phrase := tag != 0 && !isBlock(tag) && !isCell(tag)
	crossed := false
	for n := len(h.stack) - 1; n >= 0 && len(h.stack)-n <= maxScope; n-- {
		e := &h.stack[n]
		if e.atom == tag && !e.over && (tag != 0 || e.tag == string(name)) {
			if crossed && phrase {
				if e.suffix != "" {
					h.write(e.suffix)
				}
				e.over = true
				h.lookAnew(n)
				return
			}
			h.pop(n)
			h.popOver()
			return
		}
		if boundsEnd(tag, e.atom) {
			return
		}
		crossed = crossed || isBlock(e.atom) || isCell(e.atom)
	}
}

// boundsEnd reports whether an end tag does not end what is outside of an element.
func boundsEnd(tag, element atom.Atom) bool {
	switch tag {
	case atom.Table:
		return element == atom.Template
	case atom.Td, atom.Th, atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot, atom.Caption:
		return isTable(element)
	}
	return isBarrier(element)
}

// popOver ends the innermost elements whose ends had come before.
func (h *htmlReader) popOver() {
	n := len(h.stack)
	for n > 0 && h.stack[n-1].over {
		n--
	}
	h.pop(n)
}

// lookAnew takes what the n-th element passed on from those in it. Only marks are
// taken: what hides was meant for all that is in it.
func (h *htmlReader) lookAnew(n int) {
	outer := h.root
	if n > 0 {
		outer = h.stack[n-1].look
	}
	own := h.stack[n].look.marks &^ outer.marks
	for i := n; i < len(h.stack); i++ {
		h.stack[i].look.marks &^= own
	}
	h.look = h.stack[len(h.stack)-1].look
}

// imply ends the elements that a start tag ends without their end tags (HTML, 13.1.2.4).
func (h *htmlReader) imply(tag atom.Atom) {
	if h.paragraphs > 0 && closesParagraph(tag) {
		h.closeUpTo(isParagraph, isBarrier)
	}
	switch tag {
	case atom.Li:
		h.closeUpTo(func(a atom.Atom) bool { return a == atom.Li }, func(a atom.Atom) bool { return isList(a) || isBarrier(a) })
	case atom.Dt, atom.Dd:
		h.closeUpTo(func(a atom.Atom) bool { return a == atom.Dt || a == atom.Dd }, func(a atom.Atom) bool { return a == atom.Dl || isBarrier(a) })
	case atom.Td, atom.Th:
		h.closeUpTo(isCell, isTablePart)
	case atom.Tr:
		h.closeUpTo(func(a atom.Atom) bool { return a == atom.Tr }, isTable)
	case atom.Tbody, atom.Thead, atom.Tfoot:
		h.closeUpTo(func(a atom.Atom) bool {
			return a == atom.Tbody || a == atom.Thead || a == atom.Tfoot || a == atom.Caption
		}, isTable)
	case atom.Option, atom.Optgroup:
		h.closeUpTo(func(a atom.Atom) bool { return a == atom.Option || a == atom.Optgroup && tag == a }, func(a atom.Atom) bool { return a == atom.Select || isBarrier(a) })
	case atom.Rt, atom.Rp:
		h.closeUpTo(func(a atom.Atom) bool { return a == atom.Rt || a == atom.Rp }, func(a atom.Atom) bool { return a == atom.Ruby || isBarrier(a) })
	}
}

// closeUpTo ends the innermost element of a kind that is in none of the elements that
// bound the search.
func (h *htmlReader) closeUpTo(is, bound func(atom.Atom) bool) {
	for n := len(h.stack) - 1; n >= 0 && len(h.stack)-n <= maxScope; n-- {
		switch a := h.stack[n].atom; {
		case is(a):
			h.pop(n)
			return
		case bound(a):
			return
		}
	}
}

func isParagraph(a atom.Atom) bool { return a == atom.P }
func isCell(a atom.Atom) bool      { return a == atom.Td || a == atom.Th }
func isTable(a atom.Atom) bool     { return a == atom.Table || a == atom.Template }
func isTablePart(a atom.Atom) bool { return a == atom.Tr || isTable(a) }
func isList(a atom.Atom) bool {
	return a == atom.Ol || a == atom.Ul || a == atom.Menu || a == atom.Dir
}

// isBarrier reports whether end tags of what is outside do not count in an element.
func isBarrier(a atom.Atom) bool {
	switch a {
	case atom.Table, atom.Td, atom.Th, atom.Caption, atom.Template, atom.Button, atom.Object, atom.Applet, atom.Marquee, atom.Select:
		return true
	}
	return false
}

// closesParagraph reports whether the start of an element ends a paragraph.
func closesParagraph(tag atom.Atom) bool {
	switch tag {
	case atom.Br, atom.Select, atom.Option, atom.Optgroup, atom.Textarea, atom.Caption, atom.Head, atom.Legend, atom.Tr, atom.Tbody, atom.Thead, atom.Tfoot:
		return false
	}
	return isBlock(tag)
}

// list sets up what a list counts by.
func (h *htmlReader) list(e *openElement, tag atom.Atom, attrs attributes) {
	e.step = 1
	e.item = 1
	e.ordered = tag == atom.Ol
	e.look.list = ""
	if kind := attrs.get("type"); tag == atom.Ol && kind != "" {
		e.look.list = kind
	}
	start, given := listNumber(attrs.get("start"))
	if tag != atom.Ol {
		return
	}
	if attrs.has("reversed") {
		e.step = -1
		if !given {
			start, given = h.countItems(), true
		}
	}
	if given {
		e.item = start
	}
}

// listNumber reads an integer as browsers do (HTML, 2.3.4.1), within what they can show.
func listNumber(s string) (n int, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n\f")
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || end == 0 && (s[end] == '-' || s[end] == '+')) {
		end++
	}
	n, err := strconv.Atoi(s[:end])
	return n, err == nil && n > -1<<31 && n < 1<<31
}

// countItems counts the items of the list whose start tag was read.
func (h *htmlReader) countItems() int {
	const window = 64 << 10
	items, depth := 0, 0
	m := markup{doc: h.cut.doc[:min(len(h.cut.doc), h.cut.at+window)], at: h.cut.at}
	if h.counted += len(m.doc) - m.at; h.counted > 16*window {
		h.exceed("it has too many lists that count down")
		return 0
	}
	for {
		kind := m.next()
		switch kind {
		case startToken, closeToken:
		case endToken:
			return items
		default:
			continue
		}
		switch tag := atom.Lookup(m.name()); {
		case tag == atom.Li && kind == startToken && depth == 0:
			items++
		case isList(tag) && kind == startToken:
			depth++
		case isList(tag):
			if depth--; depth < 0 {
				return items
			}
		}
	}
}

// marker writes the number of a list's item as browsers do. The list is the innermost
// that is open.
func (h *htmlReader) marker(l *look, attrs attributes, e *effect) {
	n := len(h.stack) - 1
	for ; n >= 0 && len(h.stack)-n <= maxScope && !isList(h.stack[n].atom); n-- {
		if isBarrier(h.stack[n].atom) {
			return
		}
	}
	if n < 0 || !isList(h.stack[n].atom) {
		return
	}
	list := &h.stack[n]
	number := list.item
	if list.ordered {
		if value, ok := listNumber(attrs.get("value")); ok {
			number = value
		}
	} else if value, ok := listNumber(attrs.get("value")); ok {
		number = value
	}
	list.item = number + list.step
	kind := l.list
	if own := attrs.get("type"); own != "" {
		kind = own
	}
	if e.list != "" {
		kind = e.list
	}
	if e.inline || kind == "" && !list.ordered {
		return
	}
	if text := listMarker(kind, number, list.ordered); text != "" {
		h.write(text)
		h.block().space = true
		if h.look.special {
			h.media.space = true
		}
	}
}

// listMarker returns the n-th marker of a kind: an attribute "type", or what a style
// sheet says.
func listMarker(kind string, n int, ordered bool) string {
	switch kind {
	case "a":
		return listLetters(n, 'a') + "."
	case "A":
		return listLetters(n, 'A') + "."
	case "i":
		return asciiLower(listRoman(n)) + "."
	case "I":
		return listRoman(n) + "."
	case "1":
		return strconv.Itoa(n) + "."
	}
	marker := ""
	for word := range strings.FieldsSeq(kind) {
		switch word {
		case "none", "disc", "circle", "square", "disclosure-open", "disclosure-closed":
			return ""
		case "lower-alpha", "lower-latin":
			marker = listLetters(n, 'a')
		case "upper-alpha", "upper-latin":
			marker = listLetters(n, 'A')
		case "lower-roman":
			marker = asciiLower(listRoman(n))
		case "upper-roman":
			marker = listRoman(n)
		case "decimal", "decimal-leading-zero":
			marker = strconv.Itoa(n)
		}
	}
	if marker == "" {
		if !ordered {
			return ""
		}
		marker = strconv.Itoa(n)
	}
	return marker + "."
}

// listLetters counts by letters: z is followed by aa.
func listLetters(n int, first byte) string {
	if n <= 0 {
		return strconv.Itoa(n)
	}
	var buf [8]byte
	i := len(buf)
	for ; n > 0; n = (n - 1) / 26 {
		i--
		buf[i] = first + byte((n-1)%26)
	}
	return string(buf[i:])
}

// listRoman counts in Roman numerals, as far as these go.
func listRoman(n int) string {
	if n <= 0 || n > 3999 {
		return strconv.Itoa(n)
	}
	var out []byte
	for _, r := range [...]struct {
		value int
		text  string
	}{{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"}, {90, "XC"}, {50, "L"}, {40, "XL"}, {10, "X"}, {9, "IX"}, {5, "V"}, {4, "IV"}, {1, "I"}} {
		for n >= r.value {
			out = append(out, r.text...)
			n -= r.value
		}
	}
	return string(out)
}

func isVoid(tag atom.Atom) bool {
	switch tag {
	case atom.Area, atom.Base, atom.Br, atom.Col, atom.Embed, atom.Hr, atom.Img, atom.Input, atom.Link, atom.Meta,
		atom.Param, atom.Source, atom.Track, atom.Wbr, atom.Basefont, atom.Bgsound, atom.Frame, atom.Keygen:
		return true
	}
	return false
}

// isBlock reports whether an element begins and ends a line. Those that hold all of
// the text do not: what stands behind their end is shown as if it stood before (HTML,
// 13.2.6.4.19).
func isBlock(tag atom.Atom) bool {
	switch tag {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Br, atom.Caption, atom.Center, atom.Dd,
		atom.Details, atom.Dialog, atom.Dir, atom.Div, atom.Dl, atom.Dt, atom.Fieldset, atom.Figcaption, atom.Figure,
		atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Head, atom.Header, atom.Hgroup,
		atom.Hr, atom.Legend, atom.Li, atom.Main, atom.Menu, atom.Nav, atom.Ol, atom.Optgroup, atom.P, atom.Pre,
		atom.Section, atom.Select, atom.Summary, atom.Table, atom.Tbody, atom.Textarea, atom.Tfoot, atom.Thead, atom.Tr, atom.Ul:
		return true
	}
	return false
}
