package http

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/waybill-dev/waybill/gate"
	layers "github.com/waybill-dev/waybill/gate/decode"
)

// A source is what the expressions of a fan-out rule read.
type source string

// Sources. Of the first five a request's body is read; of the others its query, path
// and header, as .query, .path and .header.
const (
	fromJSON      source = "json"
	fromForm      source = "form"
	fromMultipart source = "multipart"
	fromXML       source = "xml"
	fromText      source = "text"
	fromQuery     source = "query"
	fromPath      source = "path"
	fromHeader    source = "header"

	fromView source = "view" // of what a rule's view makes: no rule may name it
)

var sources = []source{fromJSON, fromForm, fromMultipart, fromXML, fromText, fromQuery, fromPath, fromHeader}

func (s source) ofBody() bool { return s != fromQuery && s != fromPath && s != fromHeader }

// Bounds of a view besides those of a fan-out.
const (
	maxXMLDepth = 100
	maxViewed   = 100_000
)

// source is where r is read by a rule that does not say it: by the type of its body.
func (r *request) source() source {
	kind, _, _ := mime.ParseMediaType(r.head.get("Content-Type"))
	switch {
	case len(r.message.Body) == 0 && r.query != "":
		return fromQuery
	case len(r.message.Body) == 0:
		return fromPath
	case kind == "application/x-www-form-urlencoded":
		return fromForm
	case strings.HasPrefix(kind, "multipart/"):
		return fromMultipart
	case kind == "application/xml", kind == "text/xml", strings.HasSuffix(kind, "+xml"):
		return fromXML
	}
	return fromJSON
}

// view is r as the JSON that expressions read, from one source. Nobody may write to it.
func (r *request) view(from source, segments []string) (any, error) {
	if !from.ofBody() {
		return r.makeView(from, segments)
	}
	if v, ok := r.views[from]; ok {
		return v.view, v.err
	}
	view, err := r.makeView(from, segments)
	if r.views == nil {
		r.views = map[source]viewed{}
	}
	r.views[from] = viewed{view, err}
	return view, err
}

// A viewed body is one that was read as its source says, or why it could not be.
type viewed struct {
	view any
	err  error
}

func (r *request) makeView(from source, segments []string) (any, error) {
	if !from.ofBody() {
		query, err := r.queryView()
		if err != nil {
			return nil, err
		}
		return map[string]any{"query": query, "path": r.pathView(segments), "header": r.headerView()}, nil
	}
	body, err := r.plainBody()
	if err != nil {
		return nil, err
	}
	switch from {
	case fromForm:
		return formView(body)
	case fromMultipart:
		return multipartView(r.head.get("Content-Type"), body)
	case fromXML:
		return xmlView(body)
	case fromText:
		return text(string(body)), nil
	}
	return jsonView(body)
}

// variables are what every expression may use: see [variableNames].
func (r *request) variables(segments []string) []any {
	query, err := r.queryView()
	if err != nil {
		query = map[string]any{}
	}
	return []any{query, r.pathView(segments), r.headerView(), r.party.Address, ""}
}

func (r *request) queryView() (map[string]any, error) { return formView([]byte(r.query)) }

// pathView has the segments of the path by the names that the rule gives them, and all in
// order as "segments".
func (r *request) pathView(names []string) map[string]any {
	view := map[string]any{}
	var all []any
	for i, s := range strings.Split(strings.TrimPrefix(r.rawPath, "/"), "/") {
		if text, err := url.PathUnescape(s); err == nil && utf8.ValidString(text) {
			s = text
		}
		all = append(all, s)
		if i < len(names) && names[i] != "" {
			view[names[i]] = s
		}
	}
	view["segments"] = all
	return view
}

func (r *request) headerView() map[string]any {
	view := map[string]any{}
	for _, f := range r.head.header {
		addTo(view, strings.ToLower(f.name), text(f.value))
	}
	return view
}

// addTo gives an object one more value of a name: a string where it is the only one.
func addTo(view map[string]any, name string, value any) {
	switch had := view[name].(type) {
	case nil:
		view[name] = value
	case []any:
		view[name] = append(had, value)
	default:
		view[name] = []any{had, value}
	}
}

// plainBody is the body with its content codings undone, the last first (RFC 9110, 8.4).
func (r *request) plainBody() ([]byte, error) {
	b := r.message.Body
	codings := strings.Split(strings.ToLower(r.contentEncoding()), ",")
	budget := &layers.Budget{Bytes: maxFannedOut, Ratio: 1 << 20}
	for _, c := range slices.Backward(codings) {
		c = strings.TrimSpace(c)
		if c == "" || c == "identity" {
			continue
		}
		out, rest, err := layers.Coding(c, b, budget)
		if err != nil {
			return nil, fmt.Errorf("its body cannot be read in the coding %.20q: %w", c, err)
		}
		if len(rest) > 0 {
			return nil, errors.New("bytes follow its coded body")
		}
		b = out
	}
	return b, nil
}

// jsonView reads the body as JSON. Names that occur twice and invalid UTF-8 are
// refused: readers differ in what they take them for. Numbers keep their text.
func jsonView(b []byte) (any, error) {
	if !jsontext.Value(b).IsValid() {
		return nil, errors.New("its body is not JSON with distinct names in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, errors.New("its body cannot be read as JSON")
	}
	return v, nil
}

// formView has the pairs of a form (WHATWG URL, 5.1): a string for a key, or a list where
// there are several.
func formView(b []byte) (map[string]any, error) {
	view := map[string]any{}
	n := 0
	for pair := range bytes.SplitSeq(b, []byte("&")) {
		if len(pair) == 0 {
			continue
		}
		if n++; n > maxViewed {
			return nil, fmt.Errorf("it has more than %d fields", maxViewed)
		}
		rawKey, rawValue, _ := bytes.Cut(pair, []byte("="))
		key, keyOK := layers.FormText(rawKey)
		value, valueOK := layers.FormText(rawValue)
		if !keyOK || !valueOK {
			return nil, errors.New("it is not a form of UTF-8 with whole escapes")
		}
		addTo(view, key, value)
	}
	return view, nil
}

// multipartView has the fields of a form (RFC 7578) as formView does, and files as
// objects with "filename", "type" and "sha256".
func multipartView(contentType string, b []byte) (map[string]any, error) {
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil || kind != "multipart/form-data" || params["boundary"] == "" {
		return nil, errors.New("its body is not multipart/form-data with a boundary")
	}
	b = closed(b, params["boundary"])
	view := map[string]any{}
	parts := multipart.NewReader(bytes.NewReader(b), params["boundary"])
	for n := 0; ; n++ {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return view, nil
		}
		if err != nil || n == maxViewed {
			return nil, errors.New("its body is not whole as multipart/form-data")
		}
		if p.FileName() != "" {
			digest := sha256.New()
			if _, err := io.Copy(digest, p); err != nil {
				return nil, errors.New("a file of its body is not whole")
			}
			addTo(view, p.FormName(), map[string]any{"filename": p.FileName(), "type": p.Header.Get("Content-Type"), "sha256": hex.EncodeToString(digest.Sum(nil))})
			continue
		}
		value, err := io.ReadAll(p)
		if err != nil || !utf8.Valid(value) {
			return nil, errors.New("a field of its body is not whole, or not UTF-8")
		}
		addTo(view, p.FormName(), string(value))
	}
}

// closed returns a multipart body with the end that some senders leave out, of the last
// delimiter, or the line end before it, which is the one that follows the first delimiter.
func closed(b []byte, boundary string) []byte {
	delimiter, lineEnd := []byte("--"+boundary), []byte("\n")
	if _, after, ok := bytes.Cut(b, delimiter); ok && bytes.HasPrefix(after, []byte("\r\n")) {
		lineEnd = []byte("\r\n")
	}
	said := bytes.TrimRight(b, "\r\n")
	end, ended := bytes.CutSuffix(said, []byte("--"))
	rest, ok := bytes.CutSuffix(end, delimiter)
	if !ok || len(rest) == 0 || ended && bytes.HasSuffix(rest, lineEnd) {
		return b
	}
	return slices.Concat(bytes.TrimSuffix(rest, lineEnd), lineEnd, delimiter, []byte("--"), lineEnd)
}

// xmlView has elements by their local names: text where there is nothing else in one, else
// an object of its attributes ("@id", with the namespace before it where it has one), its
// elements, lists where several have one name, its text ("#text"), and what readers skip
// ("#comment", "?target", "#directive").
func xmlView(b []byte) (map[string]any, error) {
	if !utf8.Valid(b) {
		return nil, errors.New("its body is not XML in UTF-8")
	}
	type open struct {
		name string
		view map[string]any
		text strings.Builder
	}
	d := xml.NewDecoder(bytes.NewReader(b))
	root := &open{view: map[string]any{}}
	stack := []*open{root}
	for n := 0; ; n++ {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil || n > 10*maxViewed {
			return nil, errors.New("its body cannot be read as XML")
		}
		top := stack[len(stack)-1]
		switch tok := tok.(type) {
		case xml.StartElement:
			if len(stack) > maxXMLDepth {
				return nil, fmt.Errorf("its body is XML of more than %d levels", maxXMLDepth)
			}
			e := &open{name: tok.Name.Local, view: map[string]any{}}
			for _, a := range tok.Attr {
				name := a.Name.Local
				if a.Name.Space != "" {
					name = a.Name.Space + ":" + name
				}
				addTo(e.view, "@"+name, a.Value)
			}
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
			said := strings.Join(strings.Fields(top.text.String()), " ")
			var value any = said
			if len(top.view) > 0 {
				if said != "" {
					top.view["#text"] = said
				}
				value = top.view
			}
			addTo(stack[len(stack)-1].view, top.name, value)
		case xml.CharData:
			top.text.Write(tok)
		case xml.Comment:
			addTo(top.view, "#comment", string(tok))
		case xml.ProcInst:
			if tok.Target != "xml" {
				addTo(top.view, "?"+tok.Target, string(tok.Inst))
			}
		case xml.Directive:
			addTo(top.view, "#directive", string(tok))
		}
	}
	if len(root.view) == 0 {
		return nil, errors.New("its body is XML without an element")
	}
	return root.view, nil
}

// payload is a body from which other groups were left out, which b is as JSON, in the
// form that its parts are named by.
func payload(from source, p gate.Payload, b []byte) gate.Payload {
	p.Bytes, p.Encoding = b, ""
	switch from {
	case fromForm:
		p.Bytes = formOf(b)
	case fromXML, fromMultipart, fromView:
		p.Type = "application/json"
	}
	return p
}

// formOf writes an object of texts, and of lists of texts, as a form.
func formOf(b []byte) []byte {
	var view map[string]any
	if json.Unmarshal(b, &view) != nil {
		return b
	}
	values := url.Values{}
	for k, v := range view {
		switch v := v.(type) {
		case string:
			values.Add(k, v)
		case []any:
			for _, x := range v {
				if s, ok := x.(string); ok {
					values.Add(k, s)
				}
			}
		}
	}
	return []byte(values.Encode())
}

// partName is a glob for the name of the part that stands at a path of the view: as canon
// names parts, but for places in lists, which change where other groups are left out.
func partName(from source, path []any, whole bool) string {
	var b strings.Builder
	switch {
	case from == fromXML && whole:
		b.WriteString("body")
		for _, step := range path {
			if name, ok := step.(string); !ok {
				b.WriteString("*")
			} else if name != "#text" {
				b.WriteString("/" + name)
			}
		}
	case from == fromForm, from == fromMultipart && whole:
		b.WriteString("body")
		writeNames(&b, path)
	case !from.ofBody():
		writeNames(&b, path)
		return strings.TrimPrefix(b.String(), "/")
	default:
		b.WriteString("body/$")
		for _, step := range path {
			if name, ok := step.(string); ok {
				writeMember(&b, name)
			} else {
				b.WriteString("[*]")
			}
		}
	}
	return b.String()
}

func writeNames(b *strings.Builder, path []any) {
	for _, step := range path {
		if name, ok := step.(string); ok {
			b.WriteString("/" + name)
		}
	}
}

// writeMember writes one member of a path as the names of JSON's leaves have it.
func writeMember(b *strings.Builder, key string) {
	plain := key != "" && strings.IndexFunc(key, func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-')
	}) < 0
	if plain {
		b.WriteString("." + key)
	} else {
		b.WriteString("[" + strconv.Quote(key) + "]")
	}
}
