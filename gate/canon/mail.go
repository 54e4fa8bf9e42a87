package canon

import (
	"bytes"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// mail adds a message (RFC 5322) with its MIME tree. in is what it is in: "" for
// the outermost.
func (s *state) mail(in string, raw []byte, depth int) {
	if !s.deep(depth) {
		return
	}
	s.isMail = s.isMail || in == ""
	t := tree{limits: &s.canon.limits, arena: &s.arena, fields: &s.headers, names: &s.fieldNames}
	root := t.parse(raw, depth, false)
	s.entities(in, &t, root, len(raw), depth)
}

// entities adds all of a tree that was made of size bytes.
func (s *state) entities(in string, t *tree, root *entity, size, depth int) {
	if t.seen != size {
		s.gap(in, "bytes of the message were not accounted for")
	}
	if t.over != "" {
		s.gap(in, t.over)
	}
	outer := s.cids
	defer func() { s.cids = outer }()
	s.cids = nil

	names := naming{in: in}
	names.walk(s, root)
	if root.odd != nil {
		s.verbatim(s.join(in, "header/malformed"), root.odd)
	}
	if root.unended {
		s.emit(s.join(in, "header/unended"), gate.Value, "")
	}
	s.attempt(s.join(in, "header"), root.head, func() error {
		s.header(in, root.fields)
		return nil
	})
	s.emit(s.join(in, "structure"), gate.Value, names.shape.String())
	s.entity(root, root, t.over != "", depth)
}

// naming gives each entity its name and draws the tree: "mixed(text,attachment)".
type naming struct {
	in    string
	shape strings.Builder

	texts, htmls, attachments, messages, multiparts, malformed int
}

func (n *naming) walk(s *state, e *entity) {
	var name, shape string
	switch {
	case e.broken:
		shape, name = "malformed", numbered("malformed", n.malformed)
		n.malformed++
	case e.kids != nil:
		n.shape.WriteString(strings.TrimPrefix(e.kind.word, "multipart/"))
		e.name = s.join(n.in, numbered("multipart", n.multiparts))
		n.multiparts++
		n.shape.WriteByte('(')
		for i, kid := range e.kids {
			if i > 0 {
				n.shape.WriteByte(',')
			}
			n.walk(s, kid)
		}
		n.shape.WriteByte(')')
		if e.unclosed {
			n.shape.WriteString("unclosed")
		}
		return
	case isMessage(e.kind.word):
		shape, name = "message", numbered("message", n.messages)
		n.messages++
	case e.kind.word == "text/plain" && e.shown.word != "attachment":
		shape, name = "text", indexed("text", n.texts)
		n.texts++
	case e.kind.word == "text/html" && e.shown.word != "attachment":
		shape, name = "html", indexed("html", n.htmls)
		n.htmls++
	default:
		shape, name = "attachment", numbered("attachment", n.attachments)
		n.attachments++
	}
	n.shape.WriteString(shape)
	e.name = s.join(n.in, name)
	if e.id != "" {
		if s.cids == nil {
			s.cids = make(map[string]string)
		}
		if _, taken := s.cids[e.id]; !taken {
			s.cids[e.id] = name
		}
	}
}

func isMessage(word string) bool {
	return word == "message/rfc822" || word == "message/global" || word == "message/news"
}

// entity adds e and what is below it. cut says that a limit was met in its tree, so
// that what did not become kids is compared by digest.
func (s *state) entity(root, e *entity, cut bool, depth int) {
	s.mimeFields(e, e == root)
	if e != root && e.odd != nil {
		s.verbatim(s.join(e.name, "header/malformed"), e.odd)
	}
	if e != root && e.unended {
		s.emit(s.join(e.name, "header/unended"), gate.Value, "")
	}
	if e.kids == nil {
		s.attempt(e.name, e.body, func() error {
			s.leaf(e, cut, depth)
			return nil
		})
		return
	}
	s.aside(s.join(e.name, "preamble"), e.preamble)
	s.spelling(s.join(e.name, "preamble"), uint64(e.lead-len(e.preamble)))
	for _, kid := range e.kids {
		s.entity(root, kid, cut, depth+1)
	}
	s.aside(s.join(e.name, "epilogue"), e.epilogue)
}

// aside adds what stands around the parts of a multipart, where it says anything.
func (s *state) aside(name string, raw []byte) {
	if len(bytes.TrimSpace(raw)) == 0 {
		s.spelling(name, uint64(len(raw)))
		return
	}
	s.attempt(name, raw, func() error {
		s.plainText(name, s.charsetText(name, raw, ""), false, false)
		return nil
	})
}

func (s *state) leaf(e *entity, cut bool, depth int) {
	switch {
	case e.broken && cut:
		s.emit(s.join(e.name, "digest"), gate.Binary, digest(e.body))
		return
	case e.broken:
		s.emit(s.join(e.name, "type"), gate.Value, normal(gate.Value, e.kind.word))
		s.verbatim(e.name, e.body)
		return
	}
	file := e.shown.get("filename")
	if file == "" {
		file = e.kind.get("name")
	}
	if file != "" {
		s.emit(s.join(e.name, "name"), gate.Value, normal(gate.Value, file))
	}
	plain := e.shown.word != "attachment" && e.kind.word == "text/plain"
	page := e.shown.word != "attachment" && e.kind.word == "text/html"
	data := s.transfer(e.name, e.encoding, e.body, plain || page) // others may hold others
	switch {
	case isMessage(e.kind.word):
		s.mail(e.name, data, depth+1)
	case plain:
		s.text(e.name, &e.kind, data)
	case page:
		s.html(e.name, s.charsetText(e.name, data, e.kind.get("charset")))
	default:
		s.emit(s.join(e.name, "type"), gate.Value, normal(gate.Value, e.kind.word))
		kind := e.kind
		if kind.word == "application/octet-stream" {
			kind.word = typeOfFile(file)
		}
		s.content(e.name, &kind, data, depth+1)
	}
}

// text adds a text in the charset and format that kind says.
func (s *state) text(name string, kind *mediaType, data []byte) {
	text := s.charsetText(name, data, kind.get("charset"))
	flowed := strings.EqualFold(kind.get("format"), "flowed")
	s.plainText(name, text, flowed, strings.EqualFold(kind.get("delsp"), "yes"))
}

// mimeFields adds the fields that describe e, and where e is not the message
// itself all its others. Of a field that may stand once, the first was used; the
// others are added as they are.
func (s *state) mimeFields(e *entity, root bool) {
	var haveType, haveShown, haveEncoding, haveID bool
	for i := range e.fields {
		f := &e.fields[i]
		if root && !strings.HasPrefix(f.name, inContent) {
			continue
		}
		s.bareCR(s.join(e.name, f.part), f)
		first := false
		switch f.name {
		case "content-type":
			first, haveType = !haveType, true
			if first {
				s.typeParams(e, f)
			}
		case "content-disposition":
			first, haveShown = !haveShown && e.shown.word != "", true
			if first {
				s.shownParams(e)
			}
		case "content-transfer-encoding":
			first, haveEncoding = !haveEncoding && (e.kids == nil && !e.broken || isIdentity(e.encoding)), true
			if first {
				encoding, comment := cutComments(f.unfold(&s.arena))
				s.comment(s.join(e.name, f.part), comment)
				s.keep("encoding", s.join(e.name, f.part), encoding)
			}
		case "content-id":
			first, haveID = !haveID, true
			if first {
				s.contentID(s.join(e.name, f.part), f.unfold(&s.arena))
			}
		case "content-length", "content-md5":
			first = true
			value := f.unfold(&s.arena)
			shaped := isNumber(value)
			if f.name == "content-md5" {
				shaped = len(value) == md5Base64 && fields.IsDigest(value)
			}
			s.hideIf(shaped, gate.Hidden{Rule: f.name, Part: s.join(e.name, f.part), Value: value})
		case "mime-version":
			first = true
			s.mimeVersion(s.join(e.name, f.part), f.unfold(&s.arena))
		case "content-description":
			first = true
			s.emit(s.join(e.name, "description"), gate.Text, normal(gate.Text, collapse(decodeWords(f.unfold(&s.arena)))))
		}
		if !first {
			s.emit(s.join(e.name, f.part), gate.Value, normal(gate.Value, decodeWords(f.unfold(&s.arena))))
		}
		if s.over != "" {
			s.gap(e.name, s.over)
			s.over = ""
			s.force(s.join(e.name, "header/digest"), gate.Binary, digest(e.head))
			return
		}
	}
}

// md5Base64 is how many characters of base64 an MD5 makes (RFC 1864).
const md5Base64 = 24

// contentID hides an id that is made anew for each message. Links to it are compared by
// the part that it names; an id of another shape is a word that somebody chose.
func (s *state) contentID(name, value string) {
	const rule = "content-id"
	local, domain, ok := fields.MessageID(value)
	if bare := strings.Trim(value, "<>"); !ok && fields.FreshID(bare) {
		local, ok = bare, true
	}
	if !ok {
		s.emit(name, gate.Value, normal(gate.Value, decodePhrases(value)))
		return
	}
	s.hideRuns(rule, name, local, value)
	if domain != "" {
		s.hide(rule, s.join(name, "domain"), domain)
	}
}

func isIdentity(encoding string) bool {
	switch asciiLower(encoding) {
	case "", "7bit", "8bit", "binary":
		return true
	}
	return false
}

// typeParams adds the parameters of e's Content-Type that say anything to a reader.
func (s *state) typeParams(e *entity, f *field) {
	if e.kind.rest != "" {
		s.emit(s.join(e.name, "header/content-type/malformed"), gate.Value, normal(gate.Value, f.unfold(&s.arena)))
	}
	s.comment(s.join(e.name, "header/content-type"), e.kind.comments)
	s.spelling(s.join(e.name, "header/content-type"), e.kind.uneven)
	attachment := e.kids == nil && !e.broken
	var seen wordSet // of a parameter that stands twice, readers differ in which they use
	for _, p := range e.kind.params {
		switch {
		case !seen.add(p.name):
			s.param(e, p)
		case p.name == "boundary" && e.kids != nil && fields.IsBoundary(p.value):
			s.hideRuns("boundary", s.join(e.name, "param/boundary"), p.value, p.value)
		case p.name == "charset" && strings.HasPrefix(e.kind.word, "text/"):
			// masked, or added, where the text is decoded
		case e.kind.word == "text/plain" && (p.name == "format" && isOneOf(asciiLower(p.value), "flowed", "fixed") || p.name == "delsp" && isOneOf(asciiLower(p.value), "yes", "no")):
			s.mask("encoding", e.name, 1)
		case p.name == "start" && len(e.kids) > 0 && strings.Trim(p.value, "<> ") == e.kids[0].id:
			s.mask("content-id", e.name, 1) // what it is without being said (RFC 2387, 3.2)
		case p.name == "name" && attachment && (e.shown.get("filename") == "" || e.shown.get("filename") == p.value):
			// the name that the leaf adds
		default:
			s.param(e, p)
		}
	}
}

// shownParams adds what e's Content-Disposition (RFC 2183) says to a reader.
func (s *state) shownParams(e *entity) {
	if w := e.shown.word; w != "inline" && w != "attachment" {
		s.emit(s.join(e.name, "disposition"), gate.Value, w)
	}
	if e.shown.rest != "" {
		s.emit(s.join(e.name, "header/content-disposition/malformed"), gate.Value, normal(gate.Value, e.shown.rest))
	}
	s.comment(s.join(e.name, "header/content-disposition"), e.shown.comments)
	s.spelling(s.join(e.name, "header/content-disposition"), e.shown.uneven)
	first := true
	for _, p := range e.shown.params {
		switch {
		case isOneOf(p.name, "creation-date", "modification-date", "read-date") && fields.IsDate(p.value):
			s.hide("date", s.join(e.name, "param/"+p.name), p.value)
		case p.name == "filename":
			if !first || e.kids != nil || e.broken {
				s.param(e, p)
			}
			first = false
		default:
			s.param(e, p)
		}
	}
}

func (s *state) param(e *entity, p param) {
	name, ok := shortName(p.name)
	value := p.value
	if !ok {
		value = p.name + "=" + value
	}
	s.emit(s.join(e.name, "param/"+name), gate.Value, normal(gate.Value, value))
}
