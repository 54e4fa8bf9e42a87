package pseudonym

import (
	"bytes"
	"html"
)

// markup makes identities of what elements and attributes of XML or HTML hold by their
// names: <lastName>Doe</lastName>, <patient surname="Doe">, <input name="ssn" value="...">.
func (w *item) markup(t []byte) {
	var last []byte // of a name, in an element before
	for i := 0; ; {
		n := bytes.IndexByte(t[i:], '<')
		if n < 0 {
			return
		}
		i += n + 1
		end := i
		for end < len(t) && (isAlnum(t[end]) || t[end] == '_' || t[end] == '-' || t[end] == ':' || t[end] == '.' || t[end] >= 0x80) {
			end++
		}
		begun, name := i-1, t[i:end]
		if len(name) == 0 || end >= len(t) {
			continue
		}
		close := end
		var field []byte
		if t[end] != '>' {
			var value []byte
			close, field, value = w.attributes(t, end)
			w.valueOf(name, plainMarkup(value))
		}
		i = close
		if close >= len(t) || t[close] != '>' || t[close-1] == '/' {
			continue
		}
		tag := name
		if colon := bytes.LastIndexByte(name, ':'); colon >= 0 {
			name = name[colon+1:]
		}
		m := w.c.meanings.of(string(name))
		if m == noMeaning && field != nil { // <field name="password">
			m = w.c.meanings.of(string(field))
		}
		if m == noMeaning {
			continue
		}
		if bytes.HasPrefix(t[close+1:], []byte("<![CDATA[")) {
			from := close + 1 + len("<![CDATA[")
			if n := bytes.Index(t[from:], []byte("]]>")); n > 0 && n < 512 {
				w.learn(m, t[from:from+n])
			}
			continue
		}
		stop := bytes.IndexByte(t[close:], '<')
		if stop > 1 && close+stop+1 < len(t) && t[close+stop+1] == '/' {
			text := plainMarkup(t[close+1 : close+stop])
			w.learn(m, text)
			if m == plainName && isName(text) && isOfPerson(enclosing(t, begun)) {
				w.name(text)
			}
			if m == personName {
				w.inContext(t[close:min(len(t), close+stop+2+len(tag))], 1, stop)
			}
			if m == personName && isName(text) {
				if last != nil && len(text)+len(last) < 80 {
					w.name(append(append(bytes.Clone(last), ' '), text...))
				}
				last = text
			}
		}
	}
}

// attributes reads the attributes of a tag from at on, and gives where it ends, and the name
// of a field and the value that it has: name="field" value="value".
func (w *item) attributes(t []byte, at int) (end int, field, value []byte) {
	for at < len(t) && t[at] != '>' {
		if !isAlnum(t[at]) {
			at++
			continue
		}
		begun := at
		for at < len(t) && (isAlnum(t[at]) || t[at] == '-' || t[at] == '_' || t[at] == ':') {
			at++
		}
		name := t[begun:at]
		if at+1 >= len(t) || t[at] != '=' || t[at+1] != '"' && t[at+1] != '\'' {
			continue
		}
		quote := t[at+1]
		stop := bytes.IndexByte(t[at+2:], quote)
		if stop < 0 {
			return len(t), nil, nil
		}
		text := t[at+2 : at+2+stop]
		at += 3 + stop
		switch string(name) {
		case "name", "id", "key":
			if field == nil || string(name) == "name" {
				field = text
			}
			if looksFull(text) {
				w.likely(plainMarkup(text), "")
			}
		case "value", "content":
			value = text
		case "href", "src", "class", "style", "type", "for", "rel", "target", "alt", "title", "width", "height", "border", "align", "valign":
		default:
			m := w.c.meanings.of(string(name))
			w.learn(m, plainMarkup(text))
			if m == personName {
				w.inContext(t[begun:at], len(name)+2, at-begun-1)
			}
		}
	}
	if field != nil && len(value) > 1 {
		w.learn(w.c.meanings.of(string(field)), plainMarkup(value))
	}
	return at, field, value
}

func plainMarkup(t []byte) []byte {
	if bytes.IndexByte(t, '&') < 0 {
		return t
	}
	return []byte(html.UnescapeString(string(t)))
}

// enclosing returns the name of the element that the tag which begins at i is in, as far as
// what stands before it, of a bounded length, says so.
func enclosing(t []byte, i int) string {
	least := max(0, i-4096)
	for depth := 0; ; {
		at := bytes.LastIndexByte(t[least:i], '<')
		if at < 0 {
			return ""
		}
		i = least + at
		end := bytes.IndexByte(t[i:], '>')
		switch {
		case end < 0 || t[i+1] == '?' || t[i+1] == '!' || t[i+end-1] == '/':
		case t[i+1] == '/':
			depth++
		case depth > 0:
			depth--
		default:
			name, _, _ := bytes.Cut(t[i+1:i+end], []byte(" "))
			return string(name[bytes.LastIndexByte(name, ':')+1:])
		}
	}
}

// valueOf makes identities of the value of an element that has it in an attribute, as in FHIR:
// <family value="Doe"/>.
func (w *item) valueOf(name, value []byte) {
	if len(value) < 2 {
		return
	}
	if colon := bytes.LastIndexByte(name, ':'); colon >= 0 {
		name = name[colon+1:]
	}
	switch m := w.c.meanings.of(string(name)); {
	case m == namePiece && (string(name) == "family" || string(name) == "given") && isName(value):
		w.name(value)
	case m != namePiece && m != secret:
		w.learn(m, value)
	}
}
