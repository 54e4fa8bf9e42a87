package pseudonym

import (
	"bytes"
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// message replaces the people in the head and the body of a stimulus or a message.
func (w *item) message(channel string, head, body *[]byte, cut int64) {
	switch channel {
	case "smtp":
		before := len(*body)
		*body = w.entity(*body, 0)
		*head = w.envelope(*head, len(*body)-before)
	case "http":
		*head, *body = w.request(*head, *body, cut)
	default: // a job: its name is no person's
		*body = w.content("", nil, *body, inRequest, 0)
	}
}

// outcome replaces the people in an answer. A body that was cut, and so cannot be
// read, is left out, and counted with what was cut.
func (w *item) outcome(channel string, o *gate.Outcome) {
	if channel == "http" {
		before := w.err
		head, body := w.request(o.Head, o.Body, o.Cut)
		if w.err != before && before == nil && o.Cut > 0 {
			w.err = nil
			o.Cut += int64(len(o.Body))
			o.Body = nil
			head, body = w.request(o.Head, nil, o.Cut)
		}
		o.Head, o.Body = head, body
	} else {
		o.Head = w.text(o.Head, manner{})
		o.Body = w.content("", nil, o.Body, inRequest, 0)
	}
	w.line(&o.Error)
}

// request replaces the people in an HTTP message: the first line, the fields, and
// the body under its content codings and by its media type.
func (w *item) request(head, body []byte, cut int64) ([]byte, []byte) {
	var codings, kind string
	eachLine(head, func(_, _ int, name string, value []byte) {
		switch name {
		case "content-encoding":
			codings = strings.Trim(codings+","+string(value), ",")
		case "content-type":
			kind = string(value)
		}
	})
	was := len(body)
	if was > 0 {
		body = w.coding(body, codings, kind)
	}
	var spans []span
	eachLine(head, func(start, end int, name string, value []byte) {
		var out []byte
		switch {
		case name == "":
			out = w.firstLine(value)
		case name == "content-length":
			if n, err := strconv.Atoi(string(value)); err == nil && n == was && len(body) != was {
				out = strconv.AppendInt(nil, int64(len(body)), 10)
			}
		case isCredential(name):
			out = w.c.withheld(value)
		case name == "host": // no person
		case name == "cookie":
			out = w.formPairs(value, "cookie", ';')
		default:
			out = w.headerLine(name, value)
		}
		if out != nil && !bytes.Equal(out, value) {
			spans = append(spans, span{start: start, end: end, text: out})
		}
	})
	return apply(head, spans), body
}

// eachLine calls found for the lines of a head: the first, whose name is empty, and
// each field's value without the space around it. start and end are the value's.
func eachLine(head []byte, found func(start, end int, name string, value []byte)) {
	for at := 0; at < len(head); {
		next := lineEnd(head, at)
		line := bytes.TrimRight(head[at:next], "\r\n")
		if at == 0 {
			found(0, len(line), "", line)
		} else if colon := bytes.IndexByte(line, ':'); colon > 0 {
			start := at + colon + 1
			value := bytes.Trim(line[colon+1:], " \t")
			if len(value) > 0 {
				start += bytes.Index(line[colon+1:], value)
				found(start, start+len(value), strings.ToLower(string(line[:colon])), value)
			}
		} else if len(line) > 0 {
			found(at, at+len(line), "-", line)
		}
		at = next
	}
}

// isCredential reports whether the field called name holds a static credential.
func isCredential(name string) bool {
	switch name {
	case "authorization", "proxy-authorization", "x-api-key", "api-key", "apikey", "x-auth-token", "x-access-token", "x-amz-security-token",
		"x-goog-api-key", "x-functions-key", "ocp-apim-subscription-key", "private-token", "x-gitlab-token", "x-vault-token":
		return true
	}
	return false
}

// withheld is the mark that stands in the place of a credential: its scheme, and a
// keyed digest by which equal ones stay equal.
func (c *Cleaner) withheld(value []byte) []byte {
	mark := "withheld-" + hex.EncodeToString(c.sum(ofToken, string(value))[:8])
	if scheme, rest, ok := bytes.Cut(value, []byte(" ")); ok && len(rest) > 0 && len(scheme) < 20 {
		return append(append(append([]byte(nil), scheme...), ' '), mark...)
	}
	return []byte(mark)
}

// firstLine replaces the people in a request line. A status line has none.
func (w *item) firstLine(line []byte) []byte {
	if bytes.HasPrefix(line, []byte("HTTP/")) {
		return line
	}
	_, rest, ok := bytes.Cut(line, []byte(" "))
	space := bytes.LastIndexByte(rest, ' ')
	if !ok || space < 0 {
		return w.text(line, manner{})
	}
	start := len(line) - len(rest)
	target := rest[:space]
	return apply(line, w.shift(start, w.target(target)))
}

func (w *item) shift(by int, spans []span) []span {
	for i := range spans {
		spans[i].start += by
		spans[i].end += by
	}
	return spans
}

// target gives the spans of a request target: a path, and a query.
func (w *item) target(t []byte) []span {
	path, query, ok := bytes.Cut(t, []byte("?"))
	person := w.pathOfPerson(path)
	spans := w.scan(path, manner{}, 0)
	if ok {
		if person {
			w.searched(query)
		}
		out := w.formPairs(query, "query", '&')
		if !bytes.Equal(out, query) {
			spans = append(spans, span{start: len(path) + 1, end: len(t), text: out})
		}
	}
	return spans
}

// pathOfPerson reports whether a step of a path is of people, as in /patients/search, and
// makes identities of a step below that is a common first name and another word: jane-doe.
func (w *item) pathOfPerson(path []byte) (found bool) {
	below := false
	for step := range bytes.SplitSeq(path, []byte("/")) {
		if below {
			words := bytes.FieldsFunc(step, func(r rune) bool { return r == '-' || r == '_' || r == '.' })
			if len(words) == 2 && isName(words[0]) && isName(words[1]) {
				first, last := foldName(words[0]), foldName(words[1])
				if (firstNames[first] || firstNames[last]) && !isOrdinary(first) && !isOrdinary(last) {
					w.name(append(append(bytes.Clone(words[0]), ' '), words[1]...))
				}
			}
		}
		below = len(step) > 0 && isPersons(string(step))
		found = found || below
	}
	return found
}

// searched makes identities of the full names that a query asks for among people.
func (w *item) searched(query []byte) {
	for pair := range bytes.SplitSeq(query, []byte("&")) {
		if _, value, ok := bytes.Cut(pair, []byte("=")); ok {
			if text := plainForm(value); isFullName(text) {
				w.name(text)
			}
		}
	}
}

func (w *item) headerLine(name string, value []byte) []byte {
	if w.c.names.has("header", name) {
		w.declaredName(value)
		if out, whole := w.inPlace(value, true); whole {
			return out
		}
	}
	if w.c.fields.has("header", name) {
		return w.whole(value, false)
	}
	if q := bytes.IndexByte(value, '?'); q >= 0 && (name == "referer" || name == "location") {
		return apply(value, w.target(value))
	}
	m := w.c.meanings.of(name)
	if m == plainName && looksFull(value) {
		w.likely(value, "")
	}
	if m == secret {
		return w.whole(value, true)
	}
	if out, whole := w.meant(m, value); whole {
		return out
	}
	if !isASCII(value) {
		return w.charset(value, "", manner{})
	}
	return w.text(value, manner{number: m == telephone || isNumberField(name), digest: isDigestField(name)})
}

// coding replaces the people in a body under content codings, the last of which was
// put on last.
func (w *item) coding(body []byte, codings, kind string) []byte {
	var layers []string
	for c := range strings.SplitSeq(strings.ToLower(codings), ",") {
		if c = strings.TrimSpace(c); c != "" && c != "identity" {
			layers = append(layers, c)
		}
	}
	if len(layers) > maxDepth {
		w.fail("it has too many content codings")
		return body
	}
	plain := body
	for i := len(layers) - 1; i >= 0; i-- {
		var err error
		if plain, err = w.inflate(layers[i], plain); err != nil {
			w.fail(err.Error())
			return body
		}
	}
	word, params := mediaType(kind)
	out := w.content(word, params, plain, inRequest, 0)
	if bytes.Equal(out, plain) {
		return body
	}
	for _, c := range layers {
		var err error
		if out, err = deflate(c, out); err != nil {
			w.fail(err.Error())
			return body
		}
	}
	return out
}

// formPairs replaces the people in names and values: of a query or a form (WHATWG URL,
// section 5.1), or of cookies.
func (w *item) formPairs(t []byte, place string, between byte) []byte {
	var spans []span
	says := w.formOf(t, between)
	var parts map[string]string
	if says.born {
		parts = w.bornFields(t, between)
	}
	for at := 0; at <= len(t); {
		end := len(t)
		if i := bytes.IndexByte(t[at:], between); i >= 0 {
			end = at + i
		}
		pair := t[at:end]
		rawName, rawValue, ok := bytes.Cut(pair, []byte("="))
		if !ok { // a name alone, or a text that is no pair
			if out := w.text(pair, manner{}); !bytes.Equal(out, pair) {
				spans = append(spans, span{start: at, end: end, text: out})
			}
			at = end + 1
			continue
		}
		name := string(bytes.TrimSpace(plainForm(rawName)))
		m := w.c.meanings.of(name)
		if m == noMeaning {
			m = w.said(t, between, name)
		}
		if m == plainName && w.plainField(name, plainForm(rawValue), says) {
			m = personName
		}
		if name == "log" && says.secret {
			m = loginName
		}
		if out := w.text(rawName, manner{}); !bytes.Equal(out, rawName) {
			spans = append(spans, span{start: at, end: at + len(rawName), text: out})
		}
		start := at + len(rawName) + 1
		if out := parts[name]; out != "" {
			spans = append(spans, span{start: start, end: end, text: []byte(out)})
			at = end + 1
			continue
		}
		plain := plainForm
		if place == "cookie" {
			plain = plainCookie
		}
		if out := w.fieldValue(formField{place, name, m}, rawValue, plain); out != nil {
			spans = append(spans, span{start: start, end: end, text: out})
		}
		at = end + 1
	}
	return apply(t, spans)
}

// plainForm undoes "+" and percent escapes.
func plainForm(raw []byte) []byte {
	if bytes.IndexByte(raw, '+') >= 0 {
		raw = bytes.ReplaceAll(raw, []byte("+"), []byte(" "))
	}
	if v := undoPercent(raw); v != nil {
		return v.text
	}
	return raw
}

// plainCookie undoes percent escapes.
func plainCookie(raw []byte) []byte {
	if v := undoPercent(raw); v != nil {
		return v.text
	}
	return raw
}

// saidByForm is what the fields of a form or query say of it by their names.
type saidByForm struct {
	personal bool // it is somebody's
	alike    bool // it may be, for it holds what people have
	secret   bool // a password is in it
	born     bool // parts of a date of birth are
}

// formOf returns what the fields of a form or query say of it. Fields of one name in pieces
// become that name.
func (w *item) formOf(t []byte, between byte) (says saidByForm) {
	var full, parts []byte
	address, pieces := "", 0
	for pair := range bytes.SplitSeq(t, []byte{between}) {
		if name, value, ok := bytes.Cut(pair, []byte("=")); ok {
			m := w.c.meanings.of(string(bytes.TrimSpace(plainForm(name))))
			switch m {
			case personName:
				if text := plainForm(value); isName(text) {
					full = append(append(full, text...), ' ')
				}
			case namePiece:
				if text := plainForm(value); isName(text) && isUpper(text) {
					parts = append(append(parts, text...), ' ')
					pieces++
				}
			case mailbox:
				address = addressIn(plainForm(value))
			}
			says.personal, says.alike = says.personal || m.personal(), says.alike || m == about
			says.secret, says.born = says.secret || m == secret, says.born || m == birthPart
		}
	}
	w.nameOf(full, address)
	if pieces == 2 || pieces > 0 && says.personal {
		w.likely(parts, "")
	}
	return says
}

// addressIn is value, where that is an address; else "".
func addressIn(value []byte) string {
	if bytes.IndexByte(value, '@') > 0 {
		return string(value)
	}
	return ""
}

// plainField makes a name of what a field such as "name" holds, and reports whether that is
// known to be one: where what stands beside it is somebody's, or its own name is a word for
// people and its script has no other signs of a name.
func (w *item) plainField(field string, value []byte, says saidByForm) (known bool) {
	switch {
	case !isName(value):
	case says.personal, hasUnspaced(value) && isOfPerson(field):
		w.name(value)
		return true
	case says.alike || looksFull(value):
		w.likely(value, "")
	}
	return false
}

// A formField is a field of a form, a query or a cookie, and what its name says of it.
type formField struct {
	place, name string
	meaning     meaning
}

// fieldValue is the value of a field with its people replaced; nil: it has none.
// plain undoes how it is written.
func (w *item) fieldValue(f formField, raw []byte, plain func([]byte) []byte) []byte {
	text := plain(raw)
	place, name := f.place, f.name
	if place == "cookie" && bytes.IndexByte(raw, '+') >= 0 && looksLikeJSON(text) {
		plain, text = plainForm, plainForm(raw)
	}
	if w.c.names.has(place, name) {
		w.declaredName(text)
		if out, whole := w.inPlace(text, true); whole {
			return writeForm(out, raw, plain)
		}
	}
	if f.meaning == secret || w.c.fields.has(place, name) {
		out := w.whole(text, f.meaning == secret)
		if bytes.Equal(out, text) {
			return nil
		}
		return writeForm(out, raw, plain)
	}
	if looksLikeJSON(text) {
		if out, ok := w.json(text); ok {
			if bytes.Equal(out, text) {
				return nil
			}
			return writeForm(out, raw, plain)
		}
	}
	if out, whole := w.meant(f.meaning, text); whole {
		return writeForm(out, raw, plain)
	}
	m := manner{number: f.meaning == telephone || isNumberField(name), digest: isDigestField(name)}
	spaced := bytes.IndexByte(raw, '+') >= 0 && string(plain([]byte("+"))) == " "
	m.plus = spaced
	out := w.text(raw, m)
	m.plus = false
	if spaced {
		// Spaces stand in it: what is one text may be more than one word of it.
		if again := w.text(text, m); !bytes.Equal(again, plain(out)) {
			return writeForm(again, raw, plain)
		}
	}
	if bytes.Equal(out, raw) {
		return nil
	}
	return out
}

// writeForm writes text as raw was written: raw itself, escaped, or with "+" for spaces.
func writeForm(text, raw []byte, plain func([]byte) []byte) []byte {
	if bytes.Equal(plain([]byte("%41+")), []byte("%41+")) { // nothing is escaped here
		return text
	}
	out := redoPercent(text, bytes.ReplaceAll(raw, []byte("+"), nil))
	out = bytes.ReplaceAll(out, []byte(" "), []byte("%20"))
	if bytes.IndexByte(raw, '+') >= 0 && string(plain([]byte("+"))) == " " {
		out = bytes.ReplaceAll(out, []byte("%20"), []byte("+"))
	}
	return out
}

// envelope replaces the people in the command lines of an SMTP transaction. A size
// that was declared changes as that of the mail did.
func (w *item) envelope(head []byte, grown int) []byte {
	var spans []span
	for at := 0; at < len(head); {
		end := lineEnd(head, at)
		line := bytes.TrimRight(head[at:end], "\r\n")
		if out := w.command(line, grown); !bytes.Equal(out, line) {
			spans = append(spans, span{start: at, end: at + len(line), text: out})
		}
		at = end
	}
	return apply(head, spans)
}

// command replaces the people in one command line (RFC 5321, section 4.1.1).
func (w *item) command(line []byte, grown int) []byte {
	verb, _, _ := bytes.Cut(line, []byte(":"))
	switch strings.ToUpper(string(bytes.TrimSpace(verb))) {
	case "MAIL FROM", "RCPT TO":
	default:
		if !bytes.Contains(line, []byte("@")) {
			return line // HELO and EHLO name hosts
		}
		return w.text(line, manner{})
	}
	open, last := bytes.IndexByte(line, '<'), pathEnd(line)
	if open < 0 || last < open {
		return w.charset(line, "", manner{})
	}
	var spans []span
	path := line[open+1 : last]
	switch {
	case len(path) == 0: // the sender of notices (RFC 5321, section 4.5.5)
	case bytes.IndexByte(path, '@') < 0:
		out := w.c.local(string(path))
		if out != string(path) && len(path) > 2 {
			w.images.add(strings.ToLower(out))
		}
		spans = append(spans, span{start: open + 1, end: last, text: []byte(out)})
	default:
		spans = append(spans, w.shift(open+1, w.path(path))...)
	}
	for at := last + 1; at < len(line); {
		if line[at] == ' ' || line[at] == '\t' {
			at++
			continue
		}
		end := at
		for end < len(line) && line[end] != ' ' && line[end] != '\t' {
			end++
		}
		key, value, _ := bytes.Cut(line[at:end], []byte("="))
		start := end - len(value)
		switch strings.ToUpper(string(key)) {
		case "SIZE":
			if n, err := strconv.Atoi(string(value)); err == nil && grown != 0 && n+grown > 0 {
				spans = append(spans, span{start: start, end: end, text: strconv.AppendInt(nil, int64(n+grown), 10)})
			}
		default: // xtext of RFC 3461, section 4, in ORCPT, ENVID and AUTH
			for _, s := range w.xtext(value) {
				spans = append(spans, span{start: start + s.start, end: start + s.end, text: s.text})
			}
		}
		at = end
	}
	return apply(line, spans)
}

// path gives the spans of a path: an address, perhaps behind a source route, whose
// hosts are no people.
func (w *item) path(path []byte) []span {
	start, at := 0, bytes.LastIndexByte(path, '@')
	if path[0] == '@' {
		start = bytes.IndexByte(path, ':') + 1
	}
	if at <= start || at == len(path)-1 {
		return nil
	}
	return []span{{start, len(path), anAddress, w.address(path[start:])}}
}

// pathEnd is where the path of a command ends: at the ">" that no quote holds.
func pathEnd(line []byte) int {
	quoted := false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case '>':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

func (w *item) xtext(value []byte) []span {
	v := undoEach(value, '+', func(dst, t []byte, i int) ([]byte, int) {
		if i+2 < len(t) && isHex(t[i+1]) && isHex(t[i+2]) {
			return append(dst, unhex(t[i+1])<<4|unhex(t[i+2])), 3
		}
		return dst, 0
	})
	if v == nil {
		return w.scan(value, manner{}, 0)
	}
	spans := w.scan(v.text, manner{}, 0)
	for i := range spans {
		s := &spans[i]
		var out []byte
		for _, c := range s.text {
			if c > ' ' && c < 0x7f && c != '+' && c != '=' {
				out = append(out, c)
			} else {
				out = append(out, '+', upperHex[c>>4], upperHex[c&15])
			}
		}
		s.start, s.end, s.text = v.at(s.start), v.at(s.end), out
	}
	return spans
}
