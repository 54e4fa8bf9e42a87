package canon

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html/atom"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

type attribute struct{ key, value string }

type attributes []attribute

func (a attributes) get(key string) string {
	value, _ := a.lookup(key)
	return value
}

func (a attributes) has(key string) bool {
	_, ok := a.lookup(key)
	return ok
}

func (a attributes) lookup(key string) (value string, ok bool) {
	for i := range a {
		if a[i].key == key {
			return a[i].value, true
		}
	}
	return "", false
}

// collect returns the attributes of the tag at hand that are compared or read, in
// order of their names, and hides the others. Of one name the first counts and readers
// drop the others: those are compared as they stand.
func (h *htmlReader) collect(m *markup) attributes {
	attrs := h.attrs[:0]
	if len(m.attrs) > 1 {
		h.keys.reset()
	}
	for i := range m.attrs {
		a := &m.attrs[i]
		key := m.lower(a.key)
		name := h.attributeName(key)
		if len(m.attrs) > 1 && !h.keys.add(name) {
			h.part("malformed", gate.Text, name+"="+collapse(string(m.attributeValue(a.value))))
			continue
		}
		value := m.attributeValue(a.value)
		shape, to := attributeShape(key), &h.plain
		if h.rules.count == 0 && (name == "class" || name == "id") { // no rule looks for it
			shape, to = nameShape, &h.styles
		}
		if shape > saysSomething && shape.has(value) {
			if h.seen.add(a.whole) {
				*to = append(append(append(append(*to, name...), '='), value...), ' ')
			}
			continue
		}
		attrs = append(attrs, attribute{name, h.copy(value)})
	}
	if len(attrs) > 1 {
		slices.SortStableFunc(attrs, func(a, b attribute) int { return strings.Compare(a.key, b.key) })
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

// attributeOf returns the value of an attribute of the tag at hand, whose name is key in lower
// case.
func (m *markup) attributeOf(key string) (value string, ok bool) {
	for i := range m.attrs {
		if string(m.lower(m.attrs[i].key)) == key {
			return string(m.attributeValue(m.attrs[i].value)), true
		}
	}
	return "", false
}

// resolve returns what style does to the text of the element at hand.
func (h *htmlReader) resolve(m *markup, e *openElement, attrs attributes) (own effect) {
	var declared settings
	if value, ok := attrs.lookup("style"); ok {
		s := h.declarations(value)
		own, declared = s.style, s.own
	}
	if h.rules.count == 0 {
		e.look = h.look.apply(&own)
		return own
	}
	e.tag = tagName(e.atom, e.tag)
	e.id, e.class = attrs.get("id"), attrs.get("class")
	e.markup = m
	own, special := h.rules.effects(&e.subject, h.stack, declared)
	e.markup = nil
	e.look = h.look.apply(&own)
	if other := h.look.apply(&special); other.hidden() != e.look.hidden() {
		e.look.special = true
	}
	return own
}

// elementLook adds to e's look what its tag says.
func (h *htmlReader) elementLook(e *openElement, attrs attributes, own *effect) {
	l := &e.look
	switch e.atom {
	case atom.Del, atom.S, atom.Strike:
		if own.struck != off {
			l.marks |= struck
		}
	case atom.Ins:
		l.marks |= inserted
	case atom.Sup:
		l.marks = l.marks&^sub | super
	case atom.Sub:
		l.marks = l.marks&^super | sub
	case atom.Bdo:
		switch asciiLower(attrs.get("dir")) {
		case "rtl":
			l.marks |= reversed
		case "ltr":
			l.marks &^= reversed
		}
	case atom.Pre, atom.Textarea, atom.Listing, atom.Xmp, atom.Plaintext:
		l.pre = true
	case atom.Template, atom.Datalist:
		l.gone = true
	case atom.Dialog:
		l.gone = l.gone || !attrs.has("open") && !own.inline
	case atom.Ol, atom.Ul, atom.Menu, atom.Dir:
		h.list(e, e.atom, attrs)
		if own.list != "" {
			l.list = own.list
		}
	case atom.Q:
		e.suffix = "”"
	case atom.Rt:
		e.suffix = ")"
	case 0:
		if isStacked(e.tag) {
			e.suffix = ")"
		}
	}
	if attrs.has("hidden") && !own.inline {
		l.gone = true
	}
}

// isStacked reports whether an element of MathML sets what is in it above, below or
// over one another.
func isStacked(name string) bool {
	switch name {
	case "msup", "msub", "msubsup", "mfrac", "msqrt", "mroot", "mover", "munder", "munderover", "mmultiscripts":
		return true
	}
	return false
}

// announce writes what is shown before the text of an element.
func (h *htmlReader) announce(e *openElement, attrs attributes, own *effect) {
	switch e.atom {
	case atom.Li:
		h.marker(&e.look, attrs, own)
	case atom.Q:
		h.write("“")
	case atom.Rt:
		h.write("(")
	case atom.Option:
		if attrs.has("selected") {
			h.write("[x] ")
		}
	case atom.Input:
		box := ""
		switch checked := attrs.has("checked"); asciiLower(strings.TrimSpace(attrs.get("type"))) {
		case "checkbox":
			if box = " [ ] "; checked {
				box = " [x] "
			}
		case "radio":
			if box = " ( ) "; checked {
				box = " (x) "
			}
		}
		h.write(box)
	case 0:
		switch {
		case isStacked(e.tag):
			h.write(" " + e.tag + "(")
		case e.tag == "mn" || e.tag == "mi" || e.tag == "mo" || e.tag == "mtext" || e.tag == "mrow":
			h.block().space = true
		}
	}
}

// isParenthesis reports whether t is what stands around a ruby text for readers that
// do not show one.
func isParenthesis(t []byte) bool {
	switch string(bytes.TrimSpace(t)) {
	case "", "(", ")", "（", "）", "[", "]", "【", "】":
		return true
	}
	return false
}

func (h *htmlReader) end(m *markup) {
	name := m.name()
	tag := atom.Lookup(name)
	if tag == 0 {
		h.element(name)
	}
	for i := range m.attrs { // which an end tag cannot have
		h.part("hidden/attribute", gate.Text, "/"+h.copy(name)+" "+collapse(string(m.attributeValue(m.attrs[i].whole))))
	}
	h.closeRaw()
	if isBlock(tag) {
		h.endLine()
	} else if isCell(tag) || tag == atom.Option {
		h.block().space = true
	}
	h.close(tag, name)
}

// closeRaw ends the element whose text is not body text.
func (h *htmlReader) closeRaw() {
	inside := h.inside
	h.inside = 0
	switch inside {
	case atom.Style:
		h.styleSheet(h.sheet(h.style))
		h.style = h.style[:0]
	case atom.Script:
		h.squeezed("script", gate.Text, string(h.script))
		h.script = h.script[:0]
	case atom.Title:
		h.title = append(h.title, ' ')
	}
}

// comment reads a comment, or what is read as one.
func (h *htmlReader) comment(m *markup, text []byte) {
	raw := m.rest()
	switch {
	case bytes.HasPrefix(raw, []byte("<!--")):
		head := bytes.TrimLeft(text, " \t\r\n")
		if end := bytes.Index(head, []byte("]>")); end >= 0 && !h.conditional && len(head) >= 3 && strings.EqualFold(string(head[:3]), "[if") {
			h.condition(head[:end+1])
			h.conditionalComment(head[end+2:])
			return
		}
	case bytes.HasPrefix(raw, []byte("<![CDATA[")):
		h.part("hidden/cdata", gate.Text, collapse(string(text)))
		return
	case bytes.HasPrefix(raw, []byte("<![if")):
		h.condition(text)
		return
	case bytes.HasPrefix(raw, []byte("<?")):
		if h.shaped(instructionShape, text) {
			h.hide("html-instruction", h.concat(h.name, "/hidden/instruction", ""), collapse(string(text)))
		} else {
			h.part("hidden/instruction", gate.Text, collapse(string(text)))
		}
		return
	}
	h.comments++
	if c := collapse(string(text)); !isEndif(c) {
		h.part("hidden/comment", gate.Text, c)
	}
}

// isEndif reports whether a comment ends what some readers leave out.
func isEndif(text string) bool {
	text = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(text, "<!"), "--"), "--")
	return strings.EqualFold(text, "[endif]") || text == "<!" || text == ""
}

// condition hides the condition of a comment, or compares it where it is none.
func (h *htmlReader) condition(text []byte) {
	if h.shaped(conditionShape, text) {
		h.styles = append(append(h.styles, text...), ' ')
	} else {
		h.part("hidden/comment", gate.Text, collapse(string(text)))
	}
}

// maxShapes is how many texts of a shape are remembered: there are some dozens.
const maxShapes = 128

// shaped reports whether text, a document type, a condition or an instruction, has the shape of
// its kind. No text has that of two. It remembers those that have.
func (h *htmlReader) shaped(shape *regexp.Regexp, text []byte) bool {
	if h.shapes[string(text)] {
		return true
	}
	if !shape.Match(text) {
		return false
	}
	if h.shapes == nil || len(h.shapes) >= maxShapes {
		h.shapes = make(map[string]bool)
	}
	h.shapes[string(text)] = true
	return true
}

// conditionalComment reads what some readers show.
func (h *htmlReader) conditionalComment(body []byte) {
	if i := bytes.LastIndex(body, []byte("<![")); i >= 0 {
		if tail := collapse(string(body[i:])); !isEndif(tail) {
			h.part("hidden/comment", gate.Text, tail)
		}
		body = body[:i]
	}
	open, root, look := h.stack, h.root, h.look
	h.stack, h.root, h.conditional = open[len(open):], look, true
	h.hidden.end()
	h.read(&h.inner, body)
	h.inner = h.inner.reset()
	h.closeRaw()
	h.pop(0)
	h.hidden.end()
	h.stack, h.root, h.look, h.conditional = open, root, look, false
}

// attributes adds what a start tag's attributes say or do.
func (h *htmlReader) attributes(tag atom.Atom, attrs attributes) {
	state := false
	for i := range attrs {
		a := &attrs[i]
		switch {
		case !isState(tag, a):
			h.attribute(tag, attrs, a)
		case a.key != "type" || asciiLower(a.value) != "text":
			state = true
		}
	}
	if state {
		h.fieldState(tag, attrs)
	}
	if len(h.others) > 0 {
		h.part("hidden/attribute", gate.Text, strings.TrimSuffix(string(h.others), "\n"))
		h.others = h.others[:0]
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

// isState reports whether an attribute says what a form field or a gauge shows, or
// whether it can be used.
func isState(tag atom.Atom, a *attribute) bool {
	switch a.key {
	case "checked", "selected", "disabled", "readonly", "required", "multiple", "open", "min", "max", "low", "high", "optimum", "step":
		return true
	case "type":
		return tag == atom.Input
	case "value":
		return tag == atom.Meter || tag == atom.Progress || tag == atom.Data
	}
	return false
}

// fieldState adds what a form field or gauge shows: its tag and name, and those attributes.
func (h *htmlReader) fieldState(tag atom.Atom, attrs attributes) {
	var b strings.Builder
	b.WriteString(tag.String())
	if name := attrs.get("name"); name != "" {
		b.WriteString(" " + collapse(name))
	}
	for i := range attrs {
		a := &attrs[i]
		if !isState(tag, a) {
			continue
		}
		b.WriteString(" " + a.key)
		switch value := collapse(a.value); {
		case a.key == "type":
			b.WriteString("=" + asciiLower(value))
		case value != "" && !strings.EqualFold(value, a.key) && !strings.EqualFold(value, "true"):
			b.WriteString("=" + value)
		}
	}
	h.part("state", gate.Value, b.String())
}

// squeezed adds a text whose runs of white space are one, and counts what that leaves out.
func (h *htmlReader) squeezed(of string, kind gate.PartKind, text string) {
	short := collapse(text)
	h.spelling(h.concat(h.name, "/", of), uint64(len(text)-len(short)))
	h.part(of, kind, short)
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
	case "ping":
		for url := range strings.FieldsSeq(a.value) {
			h.load(url)
		}
	case "src", "background", "poster", "data", "lowsrc", "dynsrc", "manifest", "code", "codebase", "classid", "archive", "profile", "longdesc":
		h.load(a.value)
	case "srcset", "imagesrcset":
		urls, sizes := srcset(a.value)
		for _, url := range urls {
			h.load(url)
		}
		if consists([]byte(sizes), " .") {
			h.plain = append(append(append(append(h.plain, a.key...), '='), sizes...), ' ')
		} else {
			h.part("hidden/attribute", gate.Text, a.key+"="+collapse(sizes))
		}
	case "srcdoc":
		h.frame(a.value)
	case "download":
		h.part("download", gate.Value, collapse(a.value))
	case "style":
		h.styleSheet(h.declarations(a.value))
	case "alt", "title", "aria-label", "aria-description", "label", "placeholder", "summary", "standby", "abbr", "cite", "datetime",
		"aria-placeholder", "aria-roledescription", "aria-valuetext", "aria-braillelabel":
		h.part("alt", gate.Text, collapse(a.value))
	case "colspan", "rowspan":
		if !consists([]byte(a.value), "") || len(a.value) > 4 {
			h.other(attrs, a)
		} else if a.value != "1" {
			h.spans = append(append(append(append(h.spans, a.key...), '='), a.value...), ' ')
		}
	default:
		switch {
		case a.value == "" && isScope(a.key):
			h.plain = append(append(h.plain, a.key...), ' ')
		case strings.HasPrefix(a.key, "data-"):
			h.part("data", gate.Value, a.key+"="+collapse(a.value))
		case strings.HasPrefix(a.key, "on"):
			h.squeezed("script", gate.Text, a.key+"="+a.value)
		case !h.plainAttribute(tag, a):
			h.other(attrs, a)
		}
	}
}

// isScope reports whether an attribute is one by which a framework keeps the style of a component
// to it, which is called otherwise in each release: Vue, Astro and Angular make such.
func isScope(key string) bool {
	for _, prefix := range [...]string{"data-v-", "data-astro-cid-", "_ngcontent-", "_nghost-"} {
		if id, ok := strings.CutPrefix(key, prefix); ok {
			return len(id) >= 4 && len(id) <= 24 && strings.Trim(id, "0123456789abcdefghijklmnopqrstuvwxyz-") == ""
		}
	}
	return false
}

// fewAttributes is how many attributes of one tag become a part each.
const fewAttributes = 32

// other compares an attribute of which nothing is known.
func (h *htmlReader) other(attrs attributes, a *attribute) {
	if len(attrs) <= fewAttributes {
		h.part("hidden/attribute", gate.Text, a.key+"="+collapse(a.value))
		return
	}
	h.others = append(append(append(append(h.others, a.key...), '='), collapse(a.value)...), '\n')
}

// plainAttribute hides an attribute that means little on this element and is of the shape
// of that, and leaves one to what is read with its element; it reports whether it is one.
func (h *htmlReader) plainAttribute(tag atom.Atom, a *attribute) bool {
	shape := noShape
	switch a.key {
	case "class", "id":
		if !nameShape.has([]byte(a.value)) {
			return false
		}
		h.styles = append(append(append(append(h.styles, a.key...), '='), a.value...), ' ')
		return true
	case "hidden":
		value := asciiLower(a.value)
		return value == "" || value == "hidden" || value == "true" || value == "until-found"
	case "name", "value":
		switch tag {
		case atom.Input, atom.Option, atom.Button, atom.Param, atom.Textarea, atom.Select, atom.Meta:
			return a.key == "name" || tag != atom.Meta
		case atom.Li:
			if _, ok := listNumber(a.value); a.key == "value" && ok {
				shape = numberShape // its number is in the text
			}
		}
		if a.key == "name" {
			shape = nameShape
		}
	case "start", "reversed":
		if _, ok := listNumber(a.value); tag == atom.Ol && (ok || a.key == "reversed") {
			shape = numberShape
		}
	case "content", "http-equiv", "property":
		if tag == atom.Meta {
			return true
		}
	case "rel":
		shape = nameShape
	case "media":
		shape = mediaShape
	case "method":
		if tag == atom.Form {
			return true
		}
	case "dir":
		if value := asciiLower(a.value); value == "ltr" || value == "auto" || value == "" || tag == atom.Bdo && value == "rtl" {
			shape = wordShape
		}
	case "type":
		switch shape = typeShape; tag {
		case atom.Ol, atom.Ul, atom.Li, atom.Button:
			shape = wordShape
		}
	}
	if !shape.has([]byte(a.value)) {
		return false
	}
	h.plain = append(append(append(append(h.plain, a.key...), '='), a.value...), ' ')
	return true
}

func (h *htmlReader) link(url string) {
	h.part("link", gate.Link, h.canonicalURL(url))
	h.dataURL(url)
}

// load adds something that a reader loads by itself. A part of the same mail
// (RFC 2392) is called by the name that it has here: its id is chance.
func (h *htmlReader) load(url string) {
	defer h.dataURL(url)
	url = h.canonicalURL(url)
	if id, ok := strings.CutPrefix(url, "cid:"); ok {
		if name, ok := h.cids[unescapePercent(id)]; ok {
			url = "cid:" + name
			h.mask("content-id", h.name, 1)
		}
	}
	h.part("load", gate.Load, url)
}

// dataURL adds the text that a URL carries (RFC 2397), beside its digest: a document as
// one that is within, any other text as it stands.
func (h *htmlReader) dataURL(url string) {
	url = strings.Trim(url, " \t\r\n\f\x00")
	const scheme = "data:"
	if len(url) < len(scheme) || !strings.EqualFold(url[:len(scheme)], scheme) {
		return
	}
	head, content, ok := strings.Cut(url[len(scheme):], ",")
	if !ok {
		return
	}
	data := lenientPercent(content)
	head, encoded := strings.CutSuffix(strings.TrimRight(asciiLower(head), " "), "base64")
	if encoded {
		data, _ = decode.Base64(data)
	}
	kind := mediaTypeOf(collapse(strings.TrimRight(head, "; ")))
	page := kind.word == "text/html" || strings.HasSuffix(kind.word, "+xml")
	if !page && kind.word != "" && !strings.HasPrefix(kind.word, "text/") {
		return
	}
	text, _, _ := decodeCharset(data, kind.get("charset"))
	if !h.spend(int64(len(text))) {
		return
	}
	if page {
		h.frame(string(text))
	} else {
		h.part("frame", gate.Text, collapse(string(text)))
	}
}

// lenientPercent undoes percent escapes, and keeps what is none.
func lenientPercent(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

// maxFrames bounds how deep documents stand within documents.
const maxFrames = 4

// frame reads a document that an attribute holds.
func (h *htmlReader) frame(text string) {
	if h.depth >= maxFrames {
		h.part("hidden/attribute", gate.Text, "srcdoc="+collapse(text))
		return
	}
	inner := &htmlReader{state: h.state, name: h.concat(h.name, "/frame", ""), depth: h.depth + 1}
	inner.readAll([]byte(text))
	h.parts = append(h.parts, inner.parts...)
}
