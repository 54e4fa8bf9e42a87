package canon

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"

	"github.com/emersion/go-message/charset"

	"github.com/waybill-dev/waybill/gate"
)

// xml adds the leaves of an XML document: "name/order/item[1]/@id" for an
// attribute, "name/order/item[1]" for an element's own text with white space
// collapsed and a mark where elements stand in it. A namespace is a part of the element where it changes, so that prefixes
// do not matter; one that is declared and not used is a part "@xmlns". An element with
// nothing in it is a part with no value, a comment is "name/hidden/comment", a processing
// instruction "?target", a document type "name/!".
func (s *state) xml(name, label string, data []byte) error {
	if label != "" {
		text, lossy, known := decodeCharset(data, label)
		if !lossy && known && s.spend(int64(len(text))) {
			data = text
		}
	}
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.CharsetReader = func(declared string, in io.Reader) (io.Reader, error) {
		if label != "" {
			return in, nil // decoded above: the type's charset wins (RFC 7303, 3.2)
		}
		return charset.Reader(declared, in)
	}
	stack := []*element{{path: name}}
	var spaces namespaces
	for s.over == "" {
		tok, err := dec.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return errMalformed
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			e := top.child(&tok)
			if len(stack) > 1 {
				top.text = append(top.text, joint...)
			}
			if !s.deep(len(stack)) || !s.spend(int64(len(e.path))) {
				return nil
			}
			s.attributes(e, top, tok.Attr, &spaces)
			stack = append(stack, e)
		case xml.EndElement:
			s.ownText(top)
			stack = stack[:len(stack)-1]
		case xml.CharData:
			switch {
			case len(stack) > 1:
				top.text = append(top.text, tok...)
			case len(bytes.TrimSpace(tok)) > 0:
				return errMalformed
			}
		case xml.Comment:
			if text := collapse(validText(string(tok))); text != "" {
				s.emit(s.join(name, "hidden/comment"), gate.Text, normal(gate.Text, text))
			}
		case xml.ProcInst:
			if text := collapse(validText(string(tok.Inst))); tok.Target == "xml" && instructionShape.MatchString("?xml "+text) {
				s.hide("encoding", s.join(name, "?xml"), text)
			} else {
				s.emit(s.join(top.path, "?"+tok.Target), gate.Value, normal(gate.Value, validText(string(tok.Inst))))
			}
		case xml.Directive:
			s.emit(s.join(name, "!"), gate.Value, normal(gate.Value, collapse(validText(string(tok)))))
		}
	}
	if s.over == "" && !stack[0].filled {
		return errMalformed
	}
	for _, d := range spaces.declared {
		if _, used := spaces.used[d.uri]; used || isNamespace([]byte(d.uri)) {
			s.hide("xml-prefix", s.join(name, "@xmlns"), d.prefix+"="+d.uri) // the namespace is compared where it is used
		} else {
			s.emit(s.join(d.path, "@xmlns"), gate.Value, normal(gate.Value, d.uri))
		}
	}
	return nil
}

// joint stands in an element's own text where an element in it stood.
const joint = "\ufffc"

// ownText adds an element's own text. Where elements stood in it is marked, unless white
// space is all that is between them; a word that one stood in is added as a whole, too.
func (s *state) ownText(e *element) {
	text := collapse(string(e.text))
	whole := collapse(strings.ReplaceAll(text, joint, ""))
	if whole == "" {
		text = ""
	}
	if text != "" || !e.filled {
		s.emit(e.path, gate.Value, normal(gate.Value, text))
	}
	if apart := collapse(strings.ReplaceAll(text, joint, " ")); apart != whole {
		s.emit(s.join(e.path, "joined"), gate.Value, normal(gate.Value, whole))
	}
}

// namespaces are those of one document.
type namespaces struct {
	used     map[string]struct{}
	seen     map[declaredSpace]struct{} // without paths
	declared []declaredSpace            // in order, each prefix and URI once
}

type declaredSpace struct{ prefix, uri, path string }

func (n *namespaces) use(uri string) {
	if n.used == nil {
		n.used = make(map[string]struct{})
	}
	n.used[uri] = struct{}{}
}

// declare notes that an attribute of e declares a namespace.
func (n *namespaces) declare(e *element, a xml.Attr) {
	d := declaredSpace{prefix: a.Name.Local, uri: a.Value}
	if _, ok := n.seen[d]; ok || a.Value == "" {
		return
	}
	if n.seen == nil {
		n.seen = make(map[declaredSpace]struct{})
	}
	n.seen[d] = struct{}{}
	d.path = e.path
	n.declared = append(n.declared, d)
}

// An element is one that is open.
type element struct {
	path   string
	space  string         // its namespace
	kids   map[string]int // how many there were of each name
	text   []byte
	filled bool // something in it left a part
}

func (e *element) child(tok *xml.StartElement) *element {
	if e.kids == nil {
		e.kids = make(map[string]int)
	}
	name := tok.Name.Local
	i := e.kids[name]
	e.kids[name]++
	e.filled = true
	short, _ := shortName(name)
	return &element{path: e.path + "/" + indexed(short, i), space: tok.Name.Space}
}

// attributes adds what a start tag says besides its name.
func (s *state) attributes(e, parent *element, attrs []xml.Attr, spaces *namespaces) {
	spaces.use(e.space)
	if e.space != parent.space {
		s.emit(s.join(e.path, "@namespace"), gate.Value, e.space)
	}
	mark := len(s.out.Parts)
	for _, a := range attrs {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
			spaces.declare(e, a)
			continue
		case a.Name.Space != "":
			spaces.use(a.Name.Space)
			s.emit(s.join(e.path, "@{"+a.Name.Space+"}"+a.Name.Local), gate.Value, normal(gate.Value, a.Value))
		default:
			s.emit(s.join(e.path, "@"+a.Name.Local), gate.Value, normal(gate.Value, a.Value))
		}
		e.filled = true
	}
	s.sortByName(s.out.Parts[mark:])
}
