package pseudonym

import (
	"bytes"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/fields"
)

// A field is one header field as it stands.
type field struct {
	name       []byte // as it stands; that of the first line of an mbox file is "From "
	start, end int    // of its value: behind the colon, to the end of its last line
}

// is reports whether the field is called name, which is in lower case.
func (f *field) is(name string) bool {
	if len(f.name) != len(name) {
		return false
	}
	for i, c := range f.name {
		if lowerByte(c) != name[i] {
			return false
		}
	}
	return true
}

// splitHeader reads the header of an entity as canonical forms are read: it ends at
// an empty line, or before a line that is no field. body is where the body begins.
func splitHeader(t []byte, fields []field) (_ []field, body int) {
	at := 0
	for at < len(t) {
		end := lineEnd(t, at)
		line := t[at:end]
		if isBlank(line) {
			return fields, end
		}
		colon := bytes.IndexByte(line, ':')
		n := colon
		for n > 0 && (line[n-1] == ' ' || line[n-1] == '\t') {
			n--
		}
		if n <= 0 || !isFieldName(line[:n]) {
			if at == 0 && (bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))) {
				fields = append(fields, field{line[:len("From "):len("From ")], 0, end})
				at = end
				continue
			}
			return fields, at
		}
		for end < len(t) && (t[end] == ' ' || t[end] == '\t') {
			next := lineEnd(t, end)
			if isBlank(t[end:next]) {
				break
			}
			end = next
		}
		fields = append(fields, field{line[:n], at + colon + 1, end})
		at = end
	}
	return fields, len(t)
}

// isFieldName reports whether all of name is printable ASCII (RFC 5322, section 2.2).
func isFieldName(name []byte) bool {
	for _, c := range name {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

func lineEnd(t []byte, at int) int {
	if i := bytes.IndexByte(t[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(t)
}

func isBlank(line []byte) bool {
	return string(line) == "\r\n" || string(line) == "\n" || string(line) == "\r"
}

// entity replaces the people in a mail, or in a part of one: a header and a body.
func (w *item) entity(t []byte, depth int) []byte { return w.entityOf(t, "text/plain", depth) }

// entityOf is entity with the media type that it has if its header does not say.
func (w *item) entityOf(t []byte, word string, depth int) []byte {
	if depth > maxDepth {
		w.fail("it is nested too deep")
		return t
	}
	fields, body := splitHeader(t, w.fields[:0])
	w.fields = fields // for the next, once this header is done
	var params map[string]string
	var transfer string
	typed := false
	for i := range fields {
		f := &fields[i]
		if bytes.IndexByte(f.name, '@') >= 0 {
			w.fail("a field of its header is named as an address is written")
			return t
		}
		switch value := t[f.start:f.end]; {
		case f.is("content-type"):
			if !typed {
				typed = true
				if kind, p := w.types.read(value); strings.IndexByte(kind, '/') > 0 {
					word, params = kind, p
				}
			}
		case f.is("content-transfer-encoding"):
			if transfer == "" {
				transfer = transferEncoding(value)
			}
		case isAddressField(f.name):
			w.displayNames(value)
		case len(f.name) > 2 && (f.name[0] == 'X' || f.name[0] == 'x') && f.name[1] == '-':
			if m := w.c.meanings.of(string(f.name)); m != noMeaning && m != mailbox {
				w.learn(m, decodeWords(value))
			}
		}
	}
	spans := w.header(t[:body], fields)
	if out := w.transfer(t[body:], transfer, word, params, depth); len(out) != len(t)-body || !bytes.Equal(out, t[body:]) {
		spans = append(spans, span{start: body, end: len(t), text: out})
	}
	return apply(t, spans)
}

// header gives the spans of a header section: in one go, but where a field is to be
// read by itself.
func (w *item) header(t []byte, fields []field) []span {
	if isASCII(t) && !bytes.Contains(t, []byte("=?")) && !bytes.Contains(t, []byte("*1")) && !w.c.headerPlaces {
		return slices.DeleteFunc(w.scan(t, manner{}, 0), func(s span) bool { return inFieldName(t, s.start) })
	}
	var spans []span
	for i := range fields {
		f := &fields[i]
		if out := w.headerField(f, t[f.start:f.end]); out != nil {
			spans = append(spans, span{start: f.start, end: f.end, text: out})
		}
	}
	return spans
}

// isAddressField reports whether the field called name holds addresses with names.
func isAddressField(name []byte) bool {
	var buffer [64]byte
	if len(name) > len(buffer) {
		return false
	}
	lower := buffer[:0]
	for _, c := range name {
		lower = append(lower, lowerByte(c))
	}
	return fields.Of(string(lower)).Names
}

// displayNames takes down the names in the value of a field of addresses (RFC 5322,
// 3.4): the words that are neither addresses nor between angle brackets, of each
// mailbox that is somebody's and not a function's.
func (w *item) displayNames(value []byte) {
	text := value
	if bytes.Contains(value, []byte("=?")) {
		text = decodeWords(value)
	}
	for len(text) > 0 {
		end := mailboxEnd(text)
		box := text[:end]
		text = text[min(end+1, len(text)):]
		name, address := w.scratch[:0], ""
		if open := bytes.LastIndexByte(box, '<'); open >= 0 {
			angled := box[open+1:]
			if w.ofFunction(angled, box[:open]) {
				continue
			}
			if end := bytes.IndexByte(angled, '>'); end >= 0 {
				address = string(bytes.TrimSpace(angled[:end]))
				name = append(name, angled[end+1:]...)
			}
			name = append(append(name, ' '), box[:open]...)
		} else {
			name = append(name, box...)
		}
		w.scratch = name
		if bytes.IndexByte(name, '@') >= 0 {
			var own []span
			eachAddress(name, func(start, end int, _ bool) { own = append(own, span{start: start, end: end, text: []byte(" ")}) })
			name = apply(name, own)
		}
		w.nameOf(name, address)
	}
}

// ofFunction reports whether the mailbox that has an address in angle brackets is one of a
// function. Words of its display name that may be a person's are taken down all the same,
// unless its domain stays.
func (w *item) ofFunction(angled, display []byte) bool {
	at := bytes.IndexByte(angled, '@')
	if at <= 0 {
		return false
	}
	local, domain := string(angled[:at]), string(angled[at+1:at+1+max(0, bytes.IndexAny(append(angled[at+1:len(angled):len(angled)], '>'), "> "))])
	if w.c.keepWhole[strings.ToLower(local+"@"+domain)] || w.c.isFunction(local, domain) {
		return true
	}
	if !isRole(skeleton(local)) {
		return false
	}
	w.likely(display, strings.ToLower(domain))
	return true
}

// mailboxEnd is where the comma or semicolon stands that ends the first mailbox.
func mailboxEnd(t []byte) int {
	quoted, angled := false, false
	for i := 0; i < len(t); i++ {
		switch c := t[i]; {
		case c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			angled = true
		case c == '>':
			angled = false
		case (c == ',' || c == ';') && !angled:
			return i
		}
	}
	return len(t)
}

// headerField is the value of a field with its people replaced; nil: it has none.
func (w *item) headerField(f *field, value []byte) []byte {
	m := manner{}
	if w.c.headerPlaces && !f.is("from ") { // that is the first line of an mbox file
		switch name := lowerText(f.name); {
		case w.c.names.has("header", name):
			text := bytes.TrimSpace(value)
			w.declaredName(decodeWords(value))
			if out, whole := w.inPlace(text, true); whole && isASCII(text) && !bytes.Contains(text, []byte("=?")) {
				at := bytes.Index(value, text)
				return apply(value, []span{{start: at, end: at + len(text), text: out}})
			}
		case w.c.fields.has("header", name):
			text := bytes.TrimSpace(value)
			if i := bytes.Index(value, text); len(text) > 0 {
				return apply(value, []span{{start: i, end: i + len(text), text: w.whole(text, false)}})
			}
		}
	}
	if bytes.Contains(value, []byte("*1")) && bytes.IndexByte(value, ';') >= 0 {
		w.continued(value)
	}
	text := func(t []byte) []byte {
		if !isASCII(t) {
			return w.charset(t, "", m)
		}
		return w.text(t, m)
	}
	var out []byte
	if bytes.Contains(value, []byte("=?")) {
		out = w.encodedWords(value, text)
	} else {
		out = text(value)
	}
	if bytes.Equal(out, value) {
		return nil
	}
	return out
}

// continued refuses a parameter in pieces (RFC 2231, section 3) in which an identity
// stands across pieces.
func (w *item) continued(value []byte) {
	var joined []byte
	for p := range bytes.SplitSeq(value, []byte(";")) {
		name, v, ok := bytes.Cut(p, []byte("="))
		if star := bytes.IndexByte(name, '*'); ok && star >= 0 {
			v = bytes.Trim(v, " \t\r\n\"")
			if star+1 < len(name) && name[star+1] == '0' {
				joined = append(joined, ' ')
			}
			joined = append(joined, v...)
		}
	}
	if len(joined) == 0 {
		return
	}
	covered := func(t []byte) (n int) {
		for _, s := range w.scan(t, manner{}, 1) {
			n += s.end - s.start
		}
		return n
	}
	apart := 0
	for p := range bytes.SplitSeq(value, []byte(";")) {
		if name, v, ok := bytes.Cut(p, []byte("=")); ok && bytes.IndexByte(name, '*') >= 0 {
			apart += covered(v)
		}
	}
	if covered(joined) != apart {
		w.fail("a parameter in pieces holds an identity across them")
	}
}

// multipart replaces the people in the parts of a multipart body (RFC 2046, 5.1),
// whose delimiters stay as they are.
func (w *item) multipart(t []byte, word, boundary string, depth int) []byte {
	if boundary == "" {
		return w.charset(t, "", manner{html: true})
	}
	if word == "multipart/encrypted" {
		w.fail("it is encrypted")
		return t
	}
	dash := []byte("--" + boundary)
	kind := "text/plain"
	if word == "multipart/digest" {
		kind = "message/rfc822"
	}
	var spans []span
	piece := func(start, end int, part bool) {
		if end > start && t[end-1] == '\n' && part {
			end--
			if end > start && t[end-1] == '\r' {
				end--
			}
		}
		if start >= end {
			return
		}
		raw := t[start:end]
		var out []byte
		if part && word == "multipart/form-data" {
			out = w.formPart(raw, depth+1)
		} else if part {
			out = w.entityOf(raw, kind, depth+1)
		} else {
			out = w.charset(raw, "", manner{html: true})
		}
		if len(out) != len(raw) || !bytes.Equal(out, raw) {
			spans = append(spans, span{start: start, end: end, text: out})
		}
	}
	at, part := 0, false
	for n := 0; ; n++ {
		if n > maxParts {
			w.fail("it has too many parts")
			return t
		}
		start, end, last := nextDelimiter(t, at, dash)
		if start < 0 {
			piece(at, len(t), part)
			break
		}
		piece(at, start, part)
		at, part = end, !last
	}
	return apply(t, spans)
}

// maxParts bounds how many parts a multipart has.
const maxParts = 10_000

// nextDelimiter finds the next delimiter line in t from an offset on; start is -1
// where there is none. last says that it closes the multipart.
func nextDelimiter(t []byte, from int, dash []byte) (start, end int, last bool) {
	for at := from; ; {
		i := bytes.Index(t[at:], dash)
		if i < 0 {
			return -1, -1, false
		}
		start = at + i
		at = start + len(dash)
		if start > 0 && t[start-1] != '\n' {
			continue
		}
		end = lineEnd(t, at)
		switch pad := bytes.TrimRight(t[at:end], " \t\r\n"); {
		case len(pad) == 0:
			return start, end, false
		case string(pad) == "--":
			return start, end, true
		}
	}
}

// formPart replaces the people in one part of multipart/form-data (RFC 7578).
func (w *item) formPart(t []byte, depth int) []byte {
	fields, body := splitHeader(t, nil)
	for i := range fields {
		if !fields[i].is("content-disposition") {
			continue
		}
		_, params := w.types.read(t[fields[i].start:fields[i].end])
		name := params["name"]
		if params["filename"] != "" || name == "" {
			break
		}
		value := t[body:]
		f := formField{"form", name, w.c.meanings.of(name)}
		if f.meaning == plainName && looksFull(value) {
			w.likely(value, "")
		}
		out := w.fieldValue(f, value, func(v []byte) []byte { return v })
		if out != nil {
			return append(append([]byte(nil), t[:body]...), out...)
		}
	}
	return w.entityOf(t, "text/plain", depth)
}
