package canon

import (
	"bytes"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
)

// form adds the pairs of an application/x-www-form-urlencoded text (WHATWG URL, 5.1),
// a body or a query: "name/key". Pairs of one key keep their order, others are in
// order of their keys. A pair with a bad escape, or whose bytes are not UTF-8, is
// added once more as it stands.
func (s *state) form(name string, data []byte) error {
	mark := len(s.out.Parts)
	for len(data) > 0 && s.over == "" {
		var pair []byte
		pair, data, _ = bytes.Cut(data, []byte("&"))
		if len(pair) == 0 {
			continue
		}
		rawKey, rawValue, _ := bytes.Cut(pair, []byte("="))
		key, keyOK := decode.FormText(rawKey)
		value, valueOK := decode.FormText(rawValue)
		if !keyOK || !valueOK {
			text, _ := latin(pair)
			s.emit(s.join(name, "malformed"), gate.Text, normal(gate.Text, string(text)))
		}
		s.pair(name, key, value)
	}
	s.sortByName(s.out.Parts[mark:])
	return nil
}

// pair adds one field. A key that cannot be part of a name goes into the value.
func (s *state) pair(name, key, value string) {
	short, ok := shortName(normal(gate.Value, key))
	if !ok {
		value = key + "=" + value
	}
	s.emit(s.join(name, short), gate.Value, normal(gate.Value, value))
}

// formData adds the fields and files of a multipart/form-data body (RFC 7578):
// "name/key" for a field; for a file "name/key/name", "name/key/type", and what is in
// it under "name/key/attachment". The order of different keys does not matter.
func (s *state) formData(name string, kind *mediaType, data []byte, depth int) error {
	t := tree{limits: &s.canon.limits, arena: &s.arena, fields: &s.headers, names: &s.fieldNames}
	root := &entity{kind: *kind}
	t.grow(root, data, depth)
	if t.over != "" {
		s.exceed(t.over)
		return nil
	}
	if root.broken || root.unclosed || t.seen != len(data) {
		return errMalformed
	}
	s.mask("boundary", name, 1)
	mark := len(s.out.Parts)
	s.aside(s.join(name, "preamble"), root.preamble)
	s.aside(s.join(name, "epilogue"), root.epilogue)
	for _, e := range root.kids {
		if s.over != "" {
			return nil
		}
		key := e.shown.get("name")
		if e.shown.word != "form-data" || e.odd != nil || e.kids != nil {
			return errMalformed
		}
		s.fieldExtras(name, e)
		file := e.shown.get("filename")
		if file == "" && (e.kind.word == "text/plain" || len(e.body) == 0) && e.encoding == "" {
			s.pair(name, key, unixText(s.charsetText(s.join(name, "charset"), e.body, e.kind.get("charset"))))
			continue
		}
		short, ok := shortName(normal(gate.Value, key))
		e.name = s.join(name, short)
		if !ok {
			s.emit(s.join(e.name, "key"), gate.Value, key)
		}
		s.emit(s.join(e.name, "name"), gate.Value, normal(gate.Value, file))
		s.emit(s.join(e.name, "type"), gate.Value, normal(gate.Value, e.kind.word))
		s.content(s.join(e.name, "attachment"), &e.kind, s.transfer(e.name, e.encoding, e.body, false), depth+1)
	}
	s.sortByName(s.out.Parts[mark:])
	return nil
}

// fieldExtras adds what the header of a field of a form says besides its key, file
// name, type and encoding.
func (s *state) fieldExtras(name string, e *entity) {
	key, _ := shortName(normal(gate.Value, e.shown.get("name")))
	field := entity{name: s.join(name, key)}
	if e.unended {
		s.emit(s.join(field.name, "header/unended"), gate.Value, "")
	}
	var params, fields wordSet
	for _, t := range []struct {
		field string
		*mediaType
	}{{"content-type", &e.kind}, {"content-disposition", &e.shown}} {
		if t.rest != "" {
			s.emit(s.join(field.name, "header/"+t.field+"/malformed"), gate.Value, normal(gate.Value, t.rest))
		}
		s.comment(s.join(field.name, "header/"+t.field), t.comments)
		s.spelling(s.join(field.name, "header/"+t.field), t.uneven)
	}
	for _, p := range e.shown.params {
		if first := params.add(p.name); !first || p.name != "name" && p.name != "filename" {
			s.param(&field, p)
		}
	}
	for i := range e.fields {
		f := &e.fields[i]
		first := fields.add(f.name)
		switch f.name {
		case "content-disposition", "content-type", "content-transfer-encoding", "content-length":
			if first {
				continue
			}
		}
		s.emit(s.join(field.name, f.part), gate.Value, normal(gate.Value, decodeWords(f.unfold(&s.arena))))
	}
}
