package canon

import (
	"bytes"
	"encoding/xml"
	"io"

	"github.com/emersion/go-message/charset"

	"github.com/waybill-dev/waybill/gate"
)

// xml adds the leaves of an XML document: "name/order/item[1]/@id" for an
// attribute, "name/order/item[1]" for an element's own text with white space
// collapsed. A namespace is a part of the element where it changes, so that prefixes
// do not matter. An element with nothing in it is a part with no value.
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
			if !s.deep(len(stack)) || !s.spend(int64(len(e.path))) {
				return nil
			}
			s.attributes(e, top, tok.Attr)
			stack = append(stack, e)
		case xml.EndElement:
			if text := collapse(string(top.text)); text != "" || !top.filled {
				s.emit(top.path, gate.Value, normal(gate.Value, text))
			}
			stack = stack[:len(stack)-1]
		case xml.CharData:
			switch {
			case len(stack) > 1:
				top.text = append(top.text, tok...)
			case len(bytes.TrimSpace(tok)) > 0:
				return errMalformed
			}
		case xml.Comment:
			s.mask("xml-comment", name, 1)
		case xml.ProcInst:
			if tok.Target == "xml" {
				s.mask("encoding", name, 1)
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
	return nil
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
func (s *state) attributes(e, parent *element, attrs []xml.Attr) {
	if e.space != parent.space {
		s.emit(s.join(e.path, "@namespace"), gate.Value, e.space)
	}
	mark := len(s.out.Parts)
	for _, a := range attrs {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns":
			s.mask("xml-prefix", "xmlns", 1)
			continue
		case a.Name.Space != "":
			s.emit(s.join(e.path, "@{"+a.Name.Space+"}"+a.Name.Local), gate.Value, normal(gate.Value, a.Value))
		default:
			s.emit(s.join(e.path, "@"+a.Name.Local), gate.Value, normal(gate.Value, a.Value))
		}
		e.filled = true
	}
	s.sortByName(s.out.Parts[mark:])
}
