package dynamic

import (
	"bytes"
	"encoding/xml"
	"io"
	"regexp"
	"strings"

	"golang.org/x/net/html"
)

// inScripts finds members of objects and assignments in a script, whose values are strings
// or numbers.
var inScripts = regexp.MustCompile(`["']?([A-Za-z_$][\w$-]{0,63})["']?\s*[:=]\s*(?:"([^"\\\n]{1,400})"|'([^'\\\n]{1,400})'|(\d{5,20})\b)`)

// page gives what a page of HTML holds: hidden inputs, meta elements, links, data attributes
// and what scripts are given. Where text is not nil, what a reader sees is written there.
func (w *walk) page(body []byte, text *strings.Builder) {
	z := html.NewTokenizer(bytes.NewReader(body))
	script, hidden := "", false
	for !w.over {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.StartTagToken, html.SelfClosingTagToken:
			raw, more := z.TagName()
			tag := string(raw)
			script = ""
			hidden = tag == "style" || tag == "script"
			fields := map[string]string{}
			for more {
				var k, v []byte
				k, v, more = z.TagAttr()
				if _, twice := fields[string(k)]; !twice {
					fields[string(k)] = string(v)
				}
			}
			if tag == "script" {
				script = "script"
				if strings.Contains(fields["type"], "json") {
					script = "json"
				}
			}
			w.element(tag, fields)
			if text != nil && !inline[tag] {
				text.WriteByte('\n')
			}
		case html.EndTagToken:
			raw, _ := z.TagName()
			script, hidden = "", false
			if text != nil && !inline[string(raw)] {
				text.WriteByte('\n')
			}
		case html.TextToken:
			switch {
			case script == "json":
				w.json(bytes.Clone(z.Text()))
			case script != "":
				w.script(string(z.Text()))
			case text != nil && !hidden:
				text.Write(z.Text())
			}
		}
	}
}

// inline are elements that stand within a word or a line.
var inline = map[string]bool{"a": true, "b": true, "i": true, "em": true, "strong": true, "span": true, "u": true, "font": true, "code": true, "tt": true,
	"small": true, "big": true, "kbd": true, "samp": true, "mark": true, "sub": true, "sup": true, "wbr": true}

// element gives what stands in the attributes of one element.
func (w *walk) element(tag string, fields map[string]string) {
	name := fields["name"]
	if name == "" && tag == "meta" {
		name = fields["property"]
	}
	switch {
	case tag == "meta" && name != "":
		w.again("meta/"+name, fields["content"])
	case tag == "meta" && strings.EqualFold(fields["http-equiv"], "refresh"):
		if _, to, ok := strings.Cut(strings.ToLower(fields["content"]), "url="); ok {
			w.link(strings.Trim(fields["content"][len(fields["content"])-len(to):], `'"`), 0)
		}
	case tag == "input" && name != "" && strings.EqualFold(fields["type"], "hidden"):
		w.again("input/"+name, fields["value"])
	case tag == "button" && name != "" && fields["value"] != "":
		w.again("input/"+name, fields["value"])
	}
	for _, k := range []string{"href", "src", "action", "formaction"} {
		if v := fields[k]; v != "" && !strings.HasPrefix(v, "#") && !strings.HasPrefix(v, "data:") {
			w.link(v, 0)
		}
	}
	for k, v := range sorted(fields) {
		if !strings.HasPrefix(k, "data-") || v == "" {
			continue
		}
		switch {
		case v[0] == '{' || v[0] == '[':
			w.script(v)
		case strings.Contains(v, "/") && strings.ContainsAny(v, "?:") || v[0] == '/':
			w.link(v, 0)
		default:
			w.distinct("data/"+strings.TrimPrefix(k, "data-"), v)
		}
	}
}

// script gives the members and assignments of a script, by name.
func (w *walk) script(text string) {
	for _, m := range inScripts.FindAllStringSubmatch(text, maxPlaces) {
		v := m[2] + m[3] + m[4]
		if strings.Contains(v, "://") || strings.Contains(v, `\/`) || strings.HasPrefix(v, "/") {
			w.link(strings.ReplaceAll(v, `\/`, "/"), 0)
			continue
		}
		w.distinct("script/"+m[1], v)
	}
}

// xml gives the texts and attributes of a document, by their elements' local names.
func (w *walk) xml(body []byte) {
	dec := xml.NewDecoder(bytes.NewReader(body))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	var path []string
	for !w.over {
		tok, err := dec.Token()
		if err != nil {
			return
		}
		switch t := tok.(type) {
		case xml.StartElement:
			if len(path) >= maxNesting {
				return
			}
			path = append(path, t.Name.Local)
			for _, a := range t.Attr {
				w.leaf("xml/"+strings.Join(path, "/")+"/@"+a.Name.Local, a.Value)
			}
		case xml.EndElement:
			if len(path) > 0 {
				path = path[:len(path)-1]
			}
		case xml.CharData:
			if v := strings.TrimSpace(string(t)); v != "" {
				w.leaf("xml/"+strings.Join(path, "/"), v)
			}
		}
	}
}

// leaf gives a value that may be a link.
func (w *walk) leaf(place, v string) {
	if strings.Contains(v, "://") {
		w.link(v, 0)
		return
	}
	w.distinct(place, v)
}
