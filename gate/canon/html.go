package canon

import (
	"bytes"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/waybill-dev/waybill/gate"
)

// html adds what an HTML text shows and does:
//
//	name                    the text that is shown, one line per block, white space collapsed, with what
//	                        changes its meaning: "3." before an item, "[x]" for a tick, "10^3", "~~12~~"
//	name/title              of the document
//	name/link               where links and forms lead, in order
//	name/load               what a reader loads by itself, in order
//	name/download           names of files that links save
//	name/alt                texts of attributes that are shown or read out
//	name/field              form fields, "name=value"
//	name/state              what else form fields show: "input type=checkbox checked"
//	name/meta               "name=content"
//	name/data               data attributes
//	name/script             scripts, as text
//	name/frame              a document within, from srcdoc or a URL "data:", with parts of its own as here
//	name/hidden             text that is not shown, and text in conditional comments
//	name/hidden/media       text that some media show and others do not
//	name/hidden/comment     comments of HTML and of CSS, one each
//	name/hidden/css         strings of CSS that may be shown, and what is not CSS of a known shape
//	name/hidden/attribute   attributes that are none of those above, "name=value"
//	name/hidden/table       how many columns and rows the cells of tables span, and which of a row's are empty: "x.x"
//	name/hidden/doctype, name/hidden/instruction, name/hidden/cdata, name/hidden/element
//	                        declarations, processing instructions and names of elements of no known shape
//
// Left out, and kept as hidden values, is what only styles and has the exact shape of
// that: declarations of CSS, names of classes and ids (name/hidden/style), sizes,
// colours and keywords (name/hidden/attribute), document types. How it is written is
// not compared: the order and case of attributes, white space, end tags. How many tags there
// are, and how long their names, is counted as masked.
func (s *state) html(name string, text []byte) {
	h := &s.page
	*h = htmlReader{state: s, name: name, buffers: h.buffers.reset(), sheets: h.sheets, inline: h.inline, shapes: h.shapes, document: h.document + 1}
	h.readAll(text)
	s.out.Parts = append(s.out.Parts, h.parts...)
}

// readAll reads a whole document. Its parts are h.parts, the text that is shown first.
func (h *htmlReader) readAll(text []byte) {
	h.doc = appendUnixLines(h.doc, text)
	h.survey()
	h.parts = append(h.parts, gate.Part{Name: h.name, Kind: gate.Text})
	h.read(&h.outer, h.doc)
	h.flush()
}

type htmlReader struct {
	*state
	buffers
	name     string
	depth    int    // documents that this one is within
	document uint64 // its number

	sheets map[string]*sheet // style sheets by their text
	inline map[string]*sheet // attributes "style" by their values
	rules  cascade

	shapes map[string]bool // texts that have the shape of their kind

	cut     *markup   // what is read: the document, or a conditional comment
	inside  atom.Atom // the element whose text is not body text: style, script, title
	root    look      // of what is in no element
	look    look      // of the text at hand
	counted int       // bytes read ahead

	paragraphs int    // how many are open
	written    uint64 // grows with each text that is not empty, and each part

	comments    uint64
	spaces      uint64 // in text that keeps its line ends, of which runs are one
	tags        uint64 // how many there are
	tagBytes    uint64 // in their names, and in the slashes of end tags
	conditional bool   // in a conditional comment
}

// buffers collect what a document says.
type buffers struct {
	shown  blocks
	hidden blocks
	media  blocks
	title  []byte
	style  []byte
	script []byte
	spans  []byte
	styles []byte         // declarations, classes and ids that are hidden
	plain  []byte         // attributes that are hidden
	others []byte         // attributes of a tag that has many
	parts  []gate.Part    // all others, in the order of the document
	attrs  attributes     // of the tag at hand
	stack  []openElement  // from the outermost
	keys   wordSet        // of attributes of the tag at hand
	seen   seenAttributes // that were hidden
	doc    []byte         // the document, its lines ended by "\n" alone
	outer  markup         // cuts it
	inner  markup         // cuts a conditional comment in it
}

// reset empties b. Its memory is used again.
func (b buffers) reset() buffers {
	clear(b.parts)
	clear(b.attrs[:cap(b.attrs)])
	clear(b.stack[:cap(b.stack)])
	b.keys.reset()
	return buffers{
		shown: b.shown.reset(), hidden: b.hidden.reset(), media: b.media.reset(),
		title: b.title[:0], style: b.style[:0], script: b.script[:0], spans: b.spans[:0], others: b.others[:0], styles: b.styles[:0], plain: b.plain[:0],
		parts: b.parts[:0], attrs: b.attrs[:0], stack: b.stack[:0], keys: b.keys, doc: b.doc[:0],
		outer: b.outer.reset(), inner: b.inner.reset(),
	}
}

// size is how many bytes, and how many other things, b holds on to.
func (b *buffers) size() (bytes, others int) {
	bytes = cap(b.shown.lines) + cap(b.hidden.lines) + cap(b.media.lines) + cap(b.style) + cap(b.script) + cap(b.title) + cap(b.spans) +
		cap(b.styles) + cap(b.plain) + cap(b.others) + cap(b.doc) + cap(b.outer.scratch) + cap(b.inner.scratch)
	return bytes, cap(b.parts) + cap(b.outer.attrs) + cap(b.inner.attrs) + 4*cap(b.stack)
}

// part adds one part to those that stand after the text, in the order of the document.
func (h *htmlReader) part(of string, kind gate.PartKind, value string) {
	if value == "" || h.over != "" || !h.spend(int64(len(h.name)+len(of))) {
		return
	}
	if len(h.out.Parts)+len(h.parts) >= h.canon.limits.Parts {
		h.exceed("it has too many parts")
		return
	}
	h.written++
	h.parts = append(h.parts, gate.Part{Name: h.concat(h.name, "/", of), Kind: kind, Value: normal(kind, validText(value))})
}

// flush ends what the input left open, and adds what was collected.
func (h *htmlReader) flush() {
	h.closeRaw()
	h.pop(0)
	h.shown.close()
	h.hidden.close()
	h.media.close()
	h.parts[0].Value = normal(gate.Text, string(h.shown.lines))
	if h.parts[0].Value == "" && h.depth > 0 {
		h.parts = h.parts[1:]
	}
	h.part("hidden", gate.Text, string(h.hidden.lines))
	h.part("hidden/media", gate.Text, string(h.media.lines))
	h.part("hidden/table", gate.Text, strings.TrimSpace(string(h.spans)))
	h.part("title", gate.Text, collapse(string(h.title)))
	h.mask("html-comment", h.name, h.comments)
	h.mask("html-space", h.name, h.spaces)
	if h.tags > 0 {
		m := h.masked("html-tag", h.name)
		m.Count += h.tags
		m.Bytes += h.tagBytes
	}
	h.hideText("html-style", "/hidden/style", []byte(unescapeCSS(string(h.styles))))
	h.hideText("html-attribute", "/hidden/attribute", h.plain)
	if h.rules.tries < 0 {
		h.exceed("its style sheets fit too many elements")
	}
}

// hideText hides what was collected of one kind.
func (h *htmlReader) hideText(rule, of string, text []byte) {
	if len(text) > 0 && h.over == "" {
		h.hide(rule, h.concat(h.name, of, ""), validText(strings.TrimRight(string(text), " \n")))
	}
}

func (h *htmlReader) read(m *markup, doc []byte) {
	outer := h.cut
	h.cut = m
	defer func() { h.cut = outer }()
	m.doc = doc
	for h.over == "" {
		switch kind := m.next(); kind {
		case endToken:
			// The input ends within a tag: what is left of it is compared as it stands.
			h.part("malformed", gate.Text, collapse(string(m.rest())))
			return
		case textToken:
			h.text(m.value(kind))
		case startToken:
			h.tags++
			h.tagBytes += uint64(len(m.data))
			h.start(m)
		case closeToken:
			h.tags++
			h.tagBytes += uint64(len("/") + len(m.data))
			h.end(m)
		case commentToken:
			h.comment(m, m.value(kind))
		case doctypeToken:
			if h.shaped(doctypeShape, m.data) {
				h.hide("html-doctype", h.concat(h.name, "/hidden/doctype", ""), collapse(string(m.data)))
			} else {
				h.part("hidden/doctype", gate.Text, collapse(string(m.data)))
			}
		}
	}
}

func (h *htmlReader) text(t []byte) {
	switch h.inside {
	case atom.Style:
		h.style = append(h.style, t...)
	case atom.Script:
		h.script = append(h.script, t...)
	case atom.Title:
		h.title = append(h.title, t...)
	default:
		if n := len(h.stack); n > 0 && h.stack[n-1].atom == atom.Rp && isParenthesis(t) {
			return // which readers show only where they cannot show what is in it
		}
		if len(bytes.TrimSpace(t)) > 0 {
			h.written++
		}
		if h.look.pre {
			h.spaces += uint64(bytes.Count(t, []byte(" ")) + bytes.Count(t, []byte("\t")))
		}
		h.block().text(t, h.look.pre, h.look.marks)
		if h.look.special {
			h.media.text(t, h.look.pre, h.look.marks)
		}
	}
}

// write adds a text that stands for something else.
func (h *htmlReader) write(t string) { h.text([]byte(t)) }

// block is where body text goes.
func (h *htmlReader) block() *blocks {
	if h.conditional || h.look.hidden() {
		return &h.hidden
	}
	return &h.shown
}

// endLine ends the line of text at hand, and that of what is shown as well where what
// is hidden takes its place.
func (h *htmlReader) endLine() {
	h.block().end()
	if !h.conditional && !h.look.gone {
		h.shown.end()
	}
	if h.look.special {
		h.media.end()
	}
}

func (h *htmlReader) start(m *markup) {
	name := m.name()
	tag := atom.Lookup(name)
	if tag == 0 {
		h.element(name)
	}
	h.imply(tag)
	attrs := h.collect(m)
	closed := m.closed && tag == 0 || isVoid(tag)
	e := openElement{atom: tag, look: h.look, written: h.written}
	if tag == 0 {
		e.tag = h.copy(name)
	}
	own := h.resolve(m, &e, attrs)
	h.elementLook(&e, attrs, &own)
	outer := h.look
	h.look = e.look
	switch {
	case isBlock(tag):
		h.endLine()
	case isCell(tag) || tag == atom.Option:
		h.block().space = true
	}
	h.attributes(tag, attrs)
	h.announce(&e, attrs, &own)
	if closed {
		h.look = outer
		return
	}
	switch tag {
	case atom.Style, atom.Script, atom.Title:
		h.inside = tag
	}
	h.push(e)
}

// element hides the name of an element that HTML does not have, or compares it where
// it is not of the shape of one.
func (h *htmlReader) element(name []byte) {
	if len(name) > 64 || !consists(name, "-:_") {
		h.part("hidden/element", gate.Text, collapse(string(name)))
		return
	}
	h.styles = append(append(append(h.styles, '<'), name...), ' ')
}
