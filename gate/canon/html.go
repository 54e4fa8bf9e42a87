package canon

import (
	"bytes"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/waybill-dev/waybill/gate"
)

// html adds what an HTML text shows and does:
//
//	name            the text that is shown, one line per block, white space collapsed
//	name/hidden     text in elements that are not shown, and in conditional comments
//	name/title      of the document
//	name/link       where links and forms lead, in order
//	name/load       what a reader loads by itself, in order
//	name/alt        texts of attributes that are shown or read out
//	name/field      form fields, "name=value"
//	name/meta       "name=content"
//	name/data       data attributes
//	name/script     scripts, as text
//
// How it is written is not compared: order and case of attributes, attributes that
// only style, style sheets but for what they load, comments that no reader reads.
func (s *state) html(name string, text []byte) {
	h := &s.page
	*h = htmlReader{state: s, name: name, buffers: h.buffers.reset()}
	h.doc = appendUnixLines(h.doc, text)
	h.read(&h.outer, h.doc)
	h.flush()
	s.emit(name, gate.Text, normal(gate.Text, string(h.shown.lines)))
	h.part("hidden", gate.Text, string(h.hidden.lines))
	h.part("title", gate.Text, collapse(string(h.title)))
	s.out.Parts = append(s.out.Parts, h.parts...)
	s.mask("html-comment", name, h.comments)
	s.mask("html-style", name, h.styles)
}

type htmlReader struct {
	*state
	buffers
	name string

	comments, styles uint64

	inside atom.Atom // the element whose text is not body text: style, script, title
	pre    int       // open elements that keep their line ends

	hide  string // the element that hides what is in it; "" is none
	hides int    // how many of that name are open

	conditional bool // in a conditional comment
}

// buffers collect what a document says.
type buffers struct {
	shown  blocks
	hidden blocks
	title  []byte
	style  []byte
	script []byte
	parts  []gate.Part // all others, in the order of the document
	attrs  attributes  // of the tag at hand
	seen   wordSet     // their names
	doc    []byte      // the document, its lines ended by "\n" alone
	outer  markup      // cuts it
	inner  markup      // cuts a conditional comment in it
}

// reset empties b. Its memory is used again.
func (b buffers) reset() buffers {
	clear(b.parts)
	clear(b.attrs[:cap(b.attrs)])
	b.seen.reset()
	return buffers{
		shown: blocks{lines: b.shown.lines[:0]}, hidden: blocks{lines: b.hidden.lines[:0]},
		title: b.title[:0], style: b.style[:0], script: b.script[:0],
		parts: b.parts[:0], attrs: b.attrs[:0], seen: b.seen, doc: b.doc[:0],
		outer: b.outer.reset(), inner: b.inner.reset(),
	}
}

// blocks collects text in lines, one for each block.
type blocks struct {
	lines []byte
	space bool // white space was seen since the last text of this line
}

func (b *blocks) text(t []byte, pre bool) {
	for len(t) > 0 {
		switch c := t[0]; {
		case c == '\n' && pre:
			b.end()
			t = t[1:]
		case isSpace(c):
			b.space = true
			t = t[1:]
		case bytes.HasPrefix(t, []byte("\u00a0")):
			b.space = true
			t = t[len("\u00a0"):]
		default:
			if n := len(b.lines); b.space && n > 0 && b.lines[n-1] != '\n' {
				b.lines = append(b.lines, ' ')
			}
			b.space = false
			n := wordLen(t)
			b.lines = append(b.lines, t[:n]...)
			t = t[n:]
		}
	}
}

// wordLen is how many bytes at the start of t, which does not begin with a space,
// are no space.
func wordLen(t []byte) int {
	for i, c := range t {
		if c > ' ' && c != 0xc2 {
			continue
		}
		if isSpace(c) || c == 0xc2 && i+1 < len(t) && t[i+1] == 0xa0 { // U+00A0
			return i
		}
	}
	return len(t)
}

func (b *blocks) end() {
	b.space = false
	if n := len(b.lines); n > 0 && b.lines[n-1] != '\n' {
		b.lines = append(b.lines, '\n')
	}
}

func (b *blocks) close() {
	b.end()
	if n := len(b.lines); n > 0 {
		b.lines = b.lines[:n-1]
	}
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
	h.parts = append(h.parts, gate.Part{Name: h.concat(h.name, "/", of), Kind: kind, Value: normal(kind, value)})
}

// flush ends what the input left open.
func (h *htmlReader) flush() {
	h.css(string(h.style))
	h.part("script", gate.Text, collapse(string(h.script)))
	h.shown.close()
	h.hidden.close()
}

func (h *htmlReader) read(m *markup, doc []byte) {
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
			h.start(m)
		case closeToken:
			h.end(m.name())
		case commentToken:
			h.comment(m.value(kind))
		case doctypeToken:
			h.styles++
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
		h.block().text(t, h.pre > 0)
	}
}

// block is where body text goes.
func (h *htmlReader) block() *blocks {
	if h.hide != "" || h.conditional {
		return &h.hidden
	}
	return &h.shown
}

func (h *htmlReader) start(m *markup) {
	name := m.name()
	tag := atom.Lookup(name)
	attrs := h.collect(m)
	closed := m.closed && tag == 0 || isVoid(tag)
	h.nest(tag, name, attrs, closed)
	if isBlock(tag) {
		h.block().end()
	} else if tag == atom.Td || tag == atom.Th || tag == atom.Option {
		h.block().space = true
	}
	h.attributes(tag, attrs)
	if !closed {
		switch tag {
		case atom.Style, atom.Script, atom.Title:
			h.inside = tag
		case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext:
			h.pre++
		}
	}
}

// collect returns the attributes of the tag at hand that say or do anything, in
// order. Of one name the first counts and readers drop the others: those are
// compared as they stand.
func (h *htmlReader) collect(m *markup) attributes {
	attrs := h.attrs[:0]
	if len(m.attrs) > 1 {
		h.seen.reset()
	}
	for i := range m.attrs {
		key := m.lower(m.attrs[i].key)
		if !matters(key) {
			h.styles++
			continue
		}
		a := attribute{h.attributeName(key), h.copy(m.attributeValue(m.attrs[i].value))}
		if len(m.attrs) > 1 && !h.seen.add(a.key) {
			h.part("malformed", gate.Text, a.key+"="+collapse(a.value))
			continue
		}
		attrs = append(attrs, a)
	}
	h.attrs = attrs
	return attrs
}

func (h *htmlReader) attributeName(key []byte) string {
	if known := atom.Lookup(key); known != 0 {
		return known.String()
	}
	return h.copy(key)
}

// matters reports whether an attribute says or does anything: others only style.
func matters(key []byte) bool {
	switch string(key) {
	case "href", "xlink:href", "action", "formaction",
		"src", "background", "poster", "data", "lowsrc", "dynsrc", "ping", "manifest", "code", "codebase", "classid", "archive", "profile", "longdesc",
		"srcset", "imagesrcset", "srcdoc", "style", "hidden",
		"alt", "title", "aria-label", "aria-description", "label", "placeholder", "summary", "standby", "abbr", "cite", "datetime",
		"content", "name", "value", "rel", "method", "http-equiv", "property":
		return true
	}
	return bytes.HasPrefix(key, []byte("data-")) || bytes.HasPrefix(key, []byte("on"))
}

func (h *htmlReader) end(raw []byte) {
	tag := atom.Lookup(raw)
	switch tag {
	case atom.Style:
		h.css(string(h.style))
		h.style, h.inside = h.style[:0], 0
		h.styles++
	case atom.Script:
		h.part("script", gate.Text, collapse(string(h.script)))
		h.script, h.inside = h.script[:0], 0
	case atom.Title:
		h.inside = 0
		h.title = append(h.title, ' ')
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext:
		h.pre = max(0, h.pre-1)
	}
	if isBlock(tag) {
		h.block().end()
	} else if tag == atom.Td || tag == atom.Th || tag == atom.Option {
		h.block().space = true
	}
	if h.hide != "" && string(raw) == h.hide {
		if h.hides--; h.hides == 0 {
			h.hide = ""
			h.hidden.end()
		}
	}
}

// nest keeps track of the element that hides what is in it.
func (h *htmlReader) nest(tag atom.Atom, name []byte, attrs attributes, closed bool) {
	if h.hide == "p" && tag != 0 && isBlock(tag) {
		h.hide, h.hides = "", 0 // a paragraph ends where a block begins
		h.hidden.end()
	}
	switch {
	case closed:
	case h.hide == string(name):
		h.hides++
	case h.hide == "" && (tag == atom.Template || attrs.hide()):
		h.block().end()
		h.hide, h.hides = string(name), 1
	}
}

// comment reads a conditional comment, which some readers show, and counts others.
func (h *htmlReader) comment(text []byte) {
	head := bytes.TrimLeft(text, " \t\r\n")
	end := bytes.Index(head, []byte("]>"))
	if h.conditional || end < 0 || len(head) < 3 || !strings.EqualFold(string(head[:3]), "[if") {
		h.comments++
		return
	}
	body := head[end+2:]
	if i := bytes.LastIndex(body, []byte("<![")); i >= 0 {
		body = body[:i]
	}
	h.conditional = true
	h.hidden.end()
	h.read(&h.inner, body)
	h.inner = h.inner.reset()
	h.hidden.end()
	h.conditional = false
}

type attribute struct{ key, value string }

type attributes []attribute

func (a attributes) get(key string) string {
	for i := range a {
		if a[i].key == key {
			return a[i].value
		}
	}
	return ""
}

// hide reports whether an element with these attributes is not shown.
func (a attributes) hide() bool {
	for i := range a {
		switch a[i].key {
		case "hidden":
			return true
		case "style":
			if hidesStyle(a[i].value) {
				return true
			}
		}
	}
	return false
}

// hidesStyle reports whether declarations of CSS keep an element from being shown.
func hidesStyle(style string) bool {
	for decl := range strings.SplitSeq(style, ";") {
		property, value, ok := strings.Cut(decl, ":")
		if !ok {
			continue
		}
		value = asciiLower(strings.Trim(value, " \t\r\n"))
		value = strings.TrimRight(strings.TrimSuffix(value, "!important"), " ")
		switch asciiLower(strings.Trim(property, " \t\r\n")) {
		case "display":
			if value == "none" {
				return true
			}
		case "visibility":
			if value == "hidden" || value == "collapse" {
				return true
			}
		case "mso-hide":
			if value == "all" {
				return true
			}
		case "opacity", "font-size", "max-height", "max-width":
			if strings.TrimRight(value, "px%emrt") == "0" {
				return true
			}
		}
	}
	return false
}

// attributes adds what a start tag's attributes say or do.
func (h *htmlReader) attributes(tag atom.Atom, attrs attributes) {
	if len(attrs) > 1 {
		slices.SortStableFunc(attrs, func(a, b attribute) int { return strings.Compare(a.key, b.key) })
	}
	for i := range attrs {
		h.attribute(tag, attrs, &attrs[i])
	}
	switch tag {
	case atom.Form:
		if method := attrs.get("method"); method != "" {
			h.part("field", gate.Value, "method="+asciiLower(method))
		}
	case atom.Input, atom.Option, atom.Button, atom.Param, atom.Textarea, atom.Select:
		if name, value := attrs.get("name"), attrs.get("value"); name != "" || value != "" {
			h.part("field", gate.Value, collapse(name)+"="+value)
		}
	case atom.Meta:
		h.meta(attrs)
	}
}

func (h *htmlReader) attribute(tag atom.Atom, attrs attributes, a *attribute) {
	switch a.key {
	case "href", "xlink:href":
		switch tag {
		case atom.Link:
			if rel := asciiLower(attrs.get("rel")); strings.Contains(rel, "canonical") || strings.Contains(rel, "alternate") && !strings.Contains(rel, "stylesheet") {
				h.link(a.value)
			} else {
				h.load(a.value)
			}
		case atom.A, atom.Area:
			h.link(a.value)
		default:
			h.load(a.value) // base, and what SVG draws
		}
	case "action", "formaction":
		h.link(a.value)
	case "src", "background", "poster", "data", "lowsrc", "dynsrc", "ping", "manifest", "code", "codebase", "classid", "archive", "profile", "longdesc":
		h.load(a.value)
	case "srcset", "imagesrcset":
		for _, url := range srcset(a.value) {
			h.load(url)
		}
	case "srcdoc":
		h.part("hidden", gate.Text, collapse(a.value))
	case "style":
		h.css(a.value)
		h.styles++
	case "alt", "title", "aria-label", "aria-description", "label", "placeholder", "summary", "standby", "abbr", "cite", "datetime":
		h.part("alt", gate.Text, collapse(a.value))
	case "content", "name", "value", "rel":
		// read with their element
	default:
		if strings.HasPrefix(a.key, "data-") {
			h.part("data", gate.Value, a.key+"="+collapse(a.value))
			return
		}
		if strings.HasPrefix(a.key, "on") {
			h.part("script", gate.Text, a.key+"="+collapse(a.value))
			return
		}
		h.styles++
	}
}

func (h *htmlReader) link(url string) { h.part("link", gate.Link, h.canonicalURL(url)) }

// load adds something that a reader loads by itself. A part of the same mail
// (RFC 2392) is called by the name that it has here: its id is chance.
func (h *htmlReader) load(url string) {
	url = h.canonicalURL(url)
	if id, ok := strings.CutPrefix(url, "cid:"); ok {
		if name, ok := h.cids[unescapePercent(id)]; ok {
			url = "cid:" + name
			h.mask("content-id", h.name, 1)
		}
	}
	h.part("load", gate.Load, url)
}

func (h *htmlReader) meta(attrs attributes) {
	content := attrs.get("content")
	switch name := asciiLower(attrs.get("http-equiv")); name {
	case "refresh":
		delay, target, _ := strings.Cut(content, ";")
		target = strings.Trim(target, " \t\r\n")
		if len(target) >= 3 && strings.EqualFold(target[:3], "url") {
			target = strings.TrimLeft(target[3:], " \t\r\n=")
		}
		if target = strings.Trim(target, `"' `); target != "" {
			h.load(target)
		}
		h.part("meta", gate.Value, "refresh="+collapse(delay))
		return
	case "content-type", "content-style-type", "x-ua-compatible":
		h.styles++
		return
	case "":
	default:
		h.part("meta", gate.Value, name+"="+collapse(content))
		return
	}
	name := attrs.get("name")
	if name == "" {
		name = attrs.get("property")
	}
	switch asciiLower(name) {
	case "viewport", "generator", "color-scheme", "supported-color-schemes", "format-detection", "":
		h.styles++
		if name != "" || content == "" {
			return
		}
	}
	h.part("meta", gate.Value, collapse(name)+"="+collapse(content))
}

// srcset splits a list of images and their sizes (WHATWG HTML, 4.8.4.2.1).
func srcset(s string) []string {
	var urls []string
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n\f,")
		end := strings.IndexAny(s, " \t\r\n\f")
		if end < 0 {
			end = len(s)
		}
		url := strings.TrimRight(s[:end], ",")
		if url != "" {
			urls = append(urls, url)
		}
		if len(url) < end { // a comma ended it
			s = s[end:]
			continue
		}
		_, s, _ = strings.Cut(s[end:], ",")
	}
	return urls
}

// css adds what a style sheet, or a list of declarations, loads: url() and @import.
func (h *htmlReader) css(text string) {
	if strings.IndexByte(text, '\\') >= 0 {
		text = unescapeCSS(text)
	}
	lower := asciiLower(text)
	for at := 0; ; {
		i := strings.IndexAny(lower[at:], "u@")
		if i < 0 {
			return
		}
		at += i
		switch rest := lower[at:]; {
		case strings.HasPrefix(rest, "url("):
			at += len("url(")
			url, n := cssString(text[at:], ")")
			h.load(url)
			at += n
		case strings.HasPrefix(rest, "@import"):
			at += len("@import")
			url, n := cssString(text[at:], ";")
			if !strings.HasPrefix(asciiLower(url), "url(") {
				h.load(url)
				at += n
			}
		default:
			at++
		}
	}
}

// cssString reads a string, or a text up to one of stops; n is what was read.
func cssString(s, stops string) (text string, n int) {
	start := len(s) - len(strings.TrimLeft(s, " \t\r\n\f"))
	if start < len(s) && (s[start] == '"' || s[start] == '\'') {
		if i := strings.IndexByte(s[start+1:], s[start]); i >= 0 {
			return s[start+1 : start+1+i], start + i + 2
		}
	}
	end := strings.IndexAny(s, stops)
	if end < 0 {
		end = len(s)
	}
	return strings.Trim(s[:end], " \t\r\n\f\"'"), end
}

// unescapeCSS undoes the escapes of CSS (CSS Syntax 3, 4.3.7).
func unescapeCSS(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			out = append(out, s[i])
			continue
		}
		i++
		code, n := rune(0), 0
		for n < 6 && i+n < len(s) && isHex(s[i+n]) {
			code = code<<4 | rune(unhex(s[i+n]))
			n++
		}
		if n == 0 {
			if s[i] != '\n' {
				out = append(out, s[i])
			}
			continue
		}
		out = append(out, string(code)...)
		i += n - 1
		if i+1 < len(s) && isSpace(s[i+1]) {
			i++
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
