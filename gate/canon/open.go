package canon

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
	"github.com/waybill-dev/waybill/gate/fields"
)

// maxLayers is how many layers of text within one another are opened.
const maxLayers = 16

// prose makes the leaves that people read as running text, by what a rule says of them,
// parts of that kind.
func (s *state) prose(globs []string) {
	if len(globs) == 0 {
		return
	}
	var links []gate.Part
	for i := 0; i < len(s.out.Parts); i++ {
		p := &s.out.Parts[i]
		if p.Kind != gate.Value || !slices.ContainsFunc(globs, func(g string) bool { return globMatch(g, p.Name) }) {
			continue
		}
		if isPage(p.Value) {
			page := *p
			rest := slices.Clone(s.out.Parts[i+1:])
			s.takeBack(i, len(s.out.Hidden))
			s.html(s.join(page.Name, "html"), []byte(page.Value))
			i = len(s.out.Parts) - 1
			s.out.Parts = append(s.out.Parts, rest...)
			continue
		}
		p.Kind = gate.Text
		p.Value = normal(gate.Text, tidy(p.Value))
		for rest := p.Value; ; {
			link, after, ok := nextURL(rest)
			if !ok {
				break
			}
			links = append(links, gate.Part{Name: s.join(p.Name, "link"), Kind: gate.Link, Value: s.canonicalURL(link)})
			rest = after
		}
	}
	for _, l := range links {
		s.emit(l.Name, l.Kind, l.Value)
	}
}

// once hides ids that are made anew for each message: where a value has no such shape, it
// is compared.
func (s *state) once(globs []string) {
	if len(globs) == 0 {
		return
	}
	s.out.Parts = slices.DeleteFunc(s.out.Parts, func(p gate.Part) bool {
		fresh := p.Kind == gate.Value && fields.FreshID(p.Value) && slices.ContainsFunc(globs, func(g string) bool { return globMatch(g, p.Name) })
		if fresh {
			s.hide("idempotency-key", p.Name, p.Value)
		}
		return fresh
	})
}

// decisions puts [gate.DecisionPart] before the names of parts that say whether and when a
// message is sent.
func (s *state) decisions(globs []string) {
	if len(globs) == 0 {
		return
	}
	for i := range s.out.Parts {
		if p := &s.out.Parts[i]; slices.ContainsFunc(globs, func(g string) bool { return globMatch(g, p.Name) }) {
			p.Name = gate.DecisionPart + p.Name
		}
	}
}

// spelled puts values that name a recipient in another form than its canonical one into that.
func (s *state) spelled(forms map[string]string) {
	if len(forms) == 0 {
		return
	}
	for i := range s.out.Parts {
		p := &s.out.Parts[i]
		if form, ok := forms[p.Value]; ok && p.Kind == gate.Value {
			p.Value = form
			s.mask("telephone", p.Name, 1)
		}
	}
}

// isPage reports whether text is HTML: it begins with a tag or a declaration, or ends with the
// end of an element.
func isPage(text string) bool {
	text = strings.TrimSpace(text)
	if len(text) < len("<p>") || strings.IndexByte(text, '<') < 0 {
		return false
	}
	if text[0] == '<' && (text[1] == '!' || text[1]|0x20 >= 'a' && text[1]|0x20 <= 'z') && strings.IndexByte(text, '>') > 0 {
		return true
	}
	end := strings.LastIndex(text, "</")
	return end >= 0 && text[len(text)-1] == '>' && strings.Trim(strings.ToLower(text[end+2:len(text)-1]), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// openLayers opens what values hold under further layers. A token that surely holds
// something is replaced by a stub, such as "{jwt}", and what it holds becomes parts of its
// own, "text/link/jwt/payload/$.sub": so that one leaf in it which is new each time does
// not make all of it so.
func (s *state) openLayers() {
	o := opening{state: s}
	first := 0
	for ; first < len(s.out.Parts); first++ {
		o.part = &s.out.Parts[first]
		if o.wanted() && (o.whole() || o.stub(o.part.Value) != o.part.Value) {
			break
		}
	}
	if first == len(s.out.Parts) {
		return
	}
	parts := slices.Clone(s.out.Parts[first:])
	s.takeBack(first, len(s.out.Hidden))
	for i := range parts {
		s.open(&parts[i], 1, i+1 < len(parts) && parts[i+1].Name == parts[i].Name+"/link")
	}
}

// open adds p, its layers opened. linked says that parts behind it hold the links in it.
func (s *state) open(p *gate.Part, depth int, linked bool) {
	o := opening{state: s, part: p, linked: linked}
	if !o.wanted() {
		s.force(p.Name, p.Kind, p.Value)
		return
	}
	if !o.whole() {
		o.replaced = o.stub(p.Value)
	}
	if o.replaced == p.Value || depth > maxLayers {
		if depth > maxLayers && o.replaced != p.Value {
			s.gap(p.Name, "it has too many layers within one another")
		}
		s.force(p.Name, p.Kind, p.Value)
		return
	}
	s.force(p.Name, p.Kind, o.replaced)
	s.mask("encoding", p.Name, uint64(len(o.held)))
	for i := range o.held {
		h := &o.held[i]
		mark := len(s.out.Parts)
		s.piece(s.join(p.Name, h.name), &h.piece)
		inner := slices.Clone(s.out.Parts[mark:])
		s.takeBack(mark, len(s.out.Hidden))
		for j := range inner {
			s.open(&inner[j], depth+1, j+1 < len(inner) && inner[j+1].Name == inner[j].Name+"/link")
		}
	}
}

// piece adds what a layer holds.
func (s *state) piece(name string, p *decode.Piece) {
	switch {
	case p.Opaque:
		s.emit(name, gate.Binary, digest(p.Data))
	case p.Rule != "":
		s.hide(p.Rule, name, base64.RawURLEncoding.EncodeToString(p.Data))
	case p.Kind == decode.Text && !strings.ContainsAny(string(p.Data), "\r\n"):
		s.emit(name, gate.Value, normal(gate.Value, string(p.Data)))
	case p.Kind == decode.Unknown && len(p.Data) <= 64:
		s.emit(name, gate.Value, hex.EncodeToString(p.Data))
	default:
		s.data(name, p.Kind, p.Data, 1)
	}
}

// An opening is one part whose layers are found.
type opening struct {
	*state
	part     *gate.Part
	linked   bool   // parts behind it hold the links in it
	inLink   bool   // within one of these
	replaced string // the value with stubs
	held     []held
}

type held struct {
	name  string // "jwt/payload"
	piece decode.Piece
}

// minLayer is how many bytes a value has that may hold a layer.
const minLayer = 7

// wanted reports whether the part is of a kind that holds layers.
func (o *opening) wanted() bool {
	switch o.part.Kind {
	case gate.Text, gate.Value, gate.Link, gate.Load:
		return len(o.part.Value) >= minLayer
	}
	return false
}

// whole opens a value that is JSON, a form, XML or a mail as a whole.
func (o *opening) whole() bool {
	if o.part.Kind != gate.Value {
		return false
	}
	v := o.part.Value
	kind := structure(v)
	if kind == decode.Unknown {
		return false
	}
	o.hold(string(kind), decode.Piece{Kind: kind, Data: []byte(v)})
	o.replaced = "{" + string(kind) + "}"
	return true
}

// structure is the kind of a text that has leaves.
func structure(v string) decode.Kind {
	switch c := v[0]; {
	case c == '{' || c == '[' || c == ' ' || c == '\n':
		if decode.IsJSON(v) {
			return decode.JSON
		}
	case c == '<':
		if decode.IsXML(v) {
			return decode.XML
		}
	case strings.IndexByte(v, '&') > 0 && decode.IsForm(v):
		return decode.Form
	case decode.IsMail(v):
		return decode.Mail
	}
	return decode.Unknown
}

// hold keeps what a layer holds, unless another part does.
func (o *opening) hold(name string, p decode.Piece) {
	if o.inLink {
		return
	}
	if p.Name != "" {
		name += "/" + p.Name
	}
	o.held = append(o.held, held{name, p})
}

// stub is text with each token that surely holds something replaced by its name, and what
// these hold is kept.
func (o *opening) stub(text string) string {
	if strings.IndexByte(text, '%') >= 0 {
		text = o.escaped(text)
	}
	if !decode.MayHold(text) {
		return text
	}
	var out strings.Builder
	last := 0
	for l := range decode.Layers(text) {
		if !l.Sure {
			continue
		}
		out.WriteString(text[last:l.Start])
		out.WriteString("{" + l.Name + "}")
		last = l.End
		outer := o.inLink
		o.inLink = o.inLink || o.linked && withinURL(text, l.Start)
		for _, p := range l.Pieces {
			o.hold(l.Name, p)
		}
		o.inLink = outer
	}
	if last == 0 {
		return text
	}
	out.WriteString(text[last:])
	return out.String()
}

// withinURL reports whether a URL reaches text[at].
func withinURL(text string, at int) bool {
	start := at
	for start > 0 && !endsURL(text[start-1]) {
		start--
	}
	link, _, ok := nextURL(text[start:])
	return ok && strings.Index(text[start:], link) <= at-start
}

// escaped opens what stands under percent escapes in text: values of queries, above all.
func (o *opening) escaped(text string) string {
	var out strings.Builder
	last := 0
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '%')
		if i < 0 {
			break
		}
		start := at + i
		for start > at && escapedByte[text[start-1]] {
			start--
		}
		at += i
		for at < len(text) && escapedByte[text[at]] {
			at++
		}
		if at-start < minLayer {
			continue
		}
		inner := unescapePercent(text[start:at])
		if inner == text[start:at] || len(inner) < minLayer || !utf8.ValidString(inner) {
			continue
		}
		var opened string
		outer := o.inLink
		o.inLink = o.inLink || o.linked && withinURL(text, start)
		if kind := structure(inner); kind != decode.Unknown {
			o.hold(string(kind), decode.Piece{Kind: kind, Data: []byte(inner)})
			opened = "{" + string(kind) + "}"
		} else {
			opened = o.stub(inner)
		}
		o.inLink = outer
		if opened == inner {
			continue
		}
		opened = escapeAgain.Replace(opened)
		out.WriteString(text[last:start])
		out.WriteString(opened)
		last = at
	}
	if last == 0 {
		return text
	}
	out.WriteString(text[last:])
	return out.String()
}

// escapeAgain escapes what ends a value of a URL, and stubs not.
var escapeAgain = strings.NewReplacer("%", "%25", "&", "%26", "#", "%23", "+", "%2B", " ", "+", "\"", "%22", "<", "%3C", ">", "%3E", "\n", "%0A", "\r", "%0D")

// escapedByte are the bytes that may stand in an escaped value of a URL.
var escapedByte = func() (t [256]bool) {
	for c := range t {
		t[c] = isAlnum(byte(c)) || strings.IndexByte("%-._~+!*'()", byte(c)) >= 0
	}
	return t
}()
