package pseudonym

import (
	"bytes"
	"encoding/json"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// maxNesting bounds how deep JSON is nested.
const maxNesting = 256

// json replaces the people in JSON text (RFC 8259), or in several such texts one
// after the other. ok is false where it is none. What is not a string, and every
// string without identities, stays byte for byte.
func (w *item) json(t []byte) (out []byte, ok bool) {
	r := jsonReader{w: w, t: t}
	for r.space(); r.i < len(t); r.space() {
		r.path = append(r.path[:0], '$')
		if !r.value("", 0) {
			return t, false
		}
	}
	return apply(t, r.spans), true
}

// looksLikeJSON reports whether t begins as an object or an array does.
func looksLikeJSON(t []byte) bool {
	t = bytes.TrimLeft(t, " \t\r\n")
	return len(t) > 1 && (t[0] == '{' || t[0] == '[')
}

type jsonReader struct {
	w     *item
	t     []byte
	i     int
	path  []byte
	key   string  // of the member whose value is read
	said  meaning // what the object that was read last names by its name and the like
	spans []span
}

func (r *jsonReader) space() {
	for r.i < len(r.t) && (r.t[r.i] == ' ' || r.t[r.i] == '\n' || r.t[r.i] == '\r' || r.t[r.i] == '\t') {
		r.i++
	}
}

// value reads one value, of the member key.
func (r *jsonReader) value(key string, depth int) bool {
	if r.i >= len(r.t) || depth > maxNesting {
		return false
	}
	switch c := r.t[r.i]; {
	case c == '{':
		r.key = key
		return r.object(depth)
	case c == '[':
		return r.array(key, depth)
	case c == '"':
		start := r.i + 1
		if !r.skipString() {
			return false
		}
		r.leaf(key, start, r.i-1, true)
		return true
	default:
		start := r.i
		for r.i < len(r.t) && bytes.IndexByte([]byte(" \t\r\n,]}:\"{["), r.t[r.i]) < 0 {
			r.i++
		}
		if word := r.t[start:r.i]; len(word) > 0 && (c == '-' || isDigit(c)) {
			r.leaf(key, start, r.i, false)
			return true
		} else {
			return string(word) == "true" || string(word) == "false" || string(word) == "null"
		}
	}
}

func (r *jsonReader) object(depth int) bool {
	mark := len(r.path)
	r.i++
	o := members{own: r.key}
	var p pair
	var b birthParts
	var rows tabled
	for first := true; ; first = false {
		r.space()
		if r.i < len(r.t) && r.t[r.i] == '}' {
			r.i++
			break
		}
		if !first {
			if r.i >= len(r.t) || r.t[r.i] != ',' {
				return false
			}
			r.i++
			r.space()
		}
		start := r.i + 1
		if r.i >= len(r.t) || r.t[r.i] != '"' || !r.skipString() {
			return false
		}
		raw := r.t[start : r.i-1]
		r.string(start, r.i-1, manner{}) // a name may be an address too
		key := string(plainJSON(raw))
		r.space()
		if r.i >= len(r.t) || r.t[r.i] != ':' {
			return false
		}
		r.i++
		r.space()
		r.path = appendMember(r.path, key)
		from := r.i
		known := key
		if from < len(r.t) && r.t[from] != '{' {
			known = o.wrapped(r.w.c, key)
		}
		if !r.value(known, depth+1) {
			return false
		}
		r.path = r.path[:mark]
		if from < r.i && (r.t[from] == '"' || r.t[from] == '[') {
			o.take(r, known, from)
			rows.take(r, key, from)
		}
		if from < r.i {
			p.take(r, key, from)
			b.take(r, &o, key, from)
		}
	}
	b.end(r)
	rows.end(r)
	o.end(r)
	p.end(r)
	return true
}

func (r *jsonReader) array(key string, depth int) bool {
	mark, begun := len(r.path), r.i
	r.i++
	var two [2][2]int
	for n := 0; ; n++ {
		r.space()
		if r.i < len(r.t) && r.t[r.i] == ']' {
			r.i++
			if n > 1 && r.t[two[0][0]] == '[' {
				r.table(begun)
			}
			if n == 2 {
				r.listOfTwo(two)
			}
			return true
		}
		if n > 0 {
			if r.i >= len(r.t) || r.t[r.i] != ',' {
				return false
			}
			r.i++
			r.space()
		}
		r.path = append(strconv.AppendInt(append(r.path, '['), int64(n), 10), ']')
		from := r.i
		if !r.value(key, depth+1) {
			return false
		}
		if n < 2 {
			two[n] = [2]int{from, r.i}
		}
		r.path = r.path[:mark]
	}
}

// skipString moves behind the string that begins here.
func (r *jsonReader) skipString() bool {
	for j := r.i + 1; j < len(r.t); j++ {
		switch r.t[j] {
		case '\\':
			j++
		case '"':
			r.i = j + 1
			return true
		case '\n':
			return false
		}
	}
	return false
}

// appendMember adds a member's name to a path as parts are named: ".id", or
// ["a b"] where it is not plain.
func appendMember(path []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		if c := key[i]; !isAlnum(c) && c != '_' && c != '-' {
			return append(strconv.AppendQuote(append(path, '['), key), ']')
		}
	}
	return append(append(path, '.'), key...)
}

// plainJSON is the inside of a string with its escapes undone.
func plainJSON(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw
	}
	if v := undoBackslash(raw); v != nil {
		return v.text
	}
	return raw
}

// leaf replaces what is in a string, between its quotes, or in a number.
func (r *jsonReader) leaf(key string, start, end int, quoted bool) {
	c := r.w.c
	path := string(r.path)
	if c.names.has("json", path) {
		text := plainJSON(r.t[start:end])
		r.w.declaredName(text)
		if out, whole := r.w.inPlace(text, true); whole {
			r.add(span{start, end, aValue, redoBackslash(out, r.t[start:end])})
			return
		}
	}
	m := c.meanings.of(key)
	if m == secret && (quoted || digitsIn(r.t[start:end]) > 3) || c.fields.has("json", path) {
		out := r.w.whole(plainJSON(r.t[start:end]), m == secret)
		for !quoted && !validNumber(out) {
			out = []byte(r.w.c.value(string(out)))
		}
		r.add(span{start, end, aValue, redoBackslash(out, r.t[start:end])})
		return
	}
	if m != noMeaning {
		if out, whole := r.w.meant(m, plainJSON(r.t[start:end])); whole {
			for !quoted && !validNumber(out) {
				out = []byte(r.w.c.value(string(out)))
			}
			r.add(span{start, end, aValue, redoBackslash(out, r.t[start:end])})
			return
		}
	}
	r.string(start, end, manner{number: m == telephone || isNumberField(key), digest: isDigestField(key)})
}

// validNumber reports whether s is a number of JSON: none begins with 0.
func validNumber(s []byte) bool { return json.Valid(s) }

// string replaces what is in t[start:end], the inside of a string.
func (r *jsonReader) string(start, end int, m manner) {
	raw := r.t[start:end]
	v := &view{text: raw}
	if bytes.IndexByte(raw, '\\') >= 0 {
		if u := undoBackslash(raw); u != nil {
			v = u
		}
	}
	text := v.text
	if looksLikeJSON(text) && len(text) < len(r.t) { // JSON in a string of JSON
		if out, ok := r.w.json(text); ok {
			if !bytes.Equal(out, text) {
				r.add(span{start, end, aValue, redoBackslash(out, raw)})
			}
			return
		}
	}
	for _, s := range r.w.scan(text, m, 0) {
		a, b := v.at(s.start), v.at(s.end)
		r.add(span{start + a, start + b, s.kind, redoBackslash(s.text, raw[a:b])})
	}
}

// add adds a span among those that are there, in place of one of the same place. One within
// another, or across, is left out: what is left is found again.
func (r *jsonReader) add(s span) {
	i := r.spanAt(s.start)
	switch {
	case i < len(r.spans) && s.start == r.spans[i].start && s.end == r.spans[i].end:
		r.spans[i] = s
	case i < len(r.spans) && s.end > r.spans[i].start:
	default:
		r.spans = slices.Insert(r.spans, i, s)
	}
}

// spanAt is the index of the first span that ends behind a place.
func (r *jsonReader) spanAt(place int) int {
	if n := len(r.spans); n == 0 || r.spans[n-1].end <= place {
		return n
	}
	return sort.Search(len(r.spans), func(i int) bool { return r.spans[i].end > place })
}

// whole is the pseudonym of a whole value: of a password, or of a declared field,
// which is then looked for everywhere. An address stays one, and a number.
func (w *item) whole(value []byte, secret bool) []byte {
	if secret {
		return []byte(w.c.secret(string(value)))
	}
	if bytes.IndexByte(value, '@') > 0 {
		if out := w.text(value, manner{}); !bytes.Equal(out, value) {
			return out
		}
	}
	out := w.c.value(string(value))
	if len(value) >= leastField && out != string(value) {
		w.found(needle{kind: aValue, text: lowerText(value), original: string(value)})
		w.images.add(strings.ToLower(out))
	}
	return []byte(out)
}

// leastField is how many bytes a declared field's value has at the least that is
// looked for elsewhere: shorter ones stand everywhere by chance.
const leastField = 5

// members are what the object under way says of a person, by the names of its members.
type members struct {
	own      string // the name that the object itself is a member by
	personal bool   // a member is somebody's
	about    bool   // a member is of the kind that people have
	address  string
	names    [][2]int // where values are that are names if the object is of a person
	called   []string // what each of names is called by
	sure     [][2]int // and of those that are names in any case
	pieces   [][2]int // words of a name
}

// take notes a member, whose value begins at from and was read.
func (o *members) take(r *jsonReader, key string, from int) {
	m := r.w.c.meanings.of(key)
	o.personal = o.personal || m.personal() && m != secret
	o.about = o.about || m == about
	if r.t[from] != '"' && m != namePiece && m != plainName && m != personName {
		return
	}
	at := [2]int{from + 1, r.i - 1}
	switch m {
	case plainName:
		o.names = append(o.names, at)
		o.called = append(o.called, key)
	case personName:
		o.sure = append(o.sure, at)
	case namePiece:
		o.pieces = append(o.pieces, at)
	case mailbox:
		if o.address == "" {
			o.address = string(plainJSON(r.t[at[0]:at[1]]))
		}
	case noMeaning, about:
		if o.address == "" && (key == "address" || key == "Address" || key == "to" || key == "from") && bytes.IndexByte(r.t[from:r.i], '@') > 0 {
			o.address, o.personal = string(plainJSON(r.t[at[0]:at[1]])), true
		}
		// {"patients":{"jane_doe":{...}}}: see object.
	}
}

// end makes names of the members that are some, now that all of the object is known.
func (o *members) end(r *jsonReader) {
	if strings.IndexByte(o.address, '@') < 0 {
		o.address = ""
	}
	again := func(at [2]int, known bool) {
		if r.t[at[0]-1] == '"' {
			r.named(at, known)
			return
		}
		for i := at[0]; i < at[1]; i++ { // a list of them
			if r.t[i] == '"' {
				sub := jsonReader{w: r.w, t: r.t, i: i}
				if !sub.skipString() {
					return
				}
				r.named([2]int{i + 1, sub.i - 1}, known)
				i = sub.i - 1
			}
		}
	}
	var full []byte
	for _, at := range o.sure {
		if text := plainJSON(r.t[at[0]:at[1]]); isName(text) {
			full = append(append(full, text...), ' ')
		}
	}
	r.w.nameOf(full, o.address)
	full = nil
	if of := r.w.c.meanings.of(o.own); len(o.pieces) > 0 && (of == personName || of == plainName || isOfPerson(o.own) || len(o.pieces) > 1 && o.personal) {
		for _, at := range o.pieces {
			if text := plainJSON(r.t[at[0]:at[1]]); isName(bytes.Trim(text, "[]")) || r.t[at[0]-1] == '[' {
				full = append(append(full, text...), ' ')
			}
		}
		r.w.nameOf(full, o.address)
		for _, at := range o.pieces {
			again(at, true)
		}
	}
	for i, at := range o.names {
		text := plainJSON(r.t[at[0]:at[1]])
		known := false
		switch {
		case o.personal || isOfPerson(o.own) || r.inPersons() || hasUnspaced(text) && isName(text) && isOfPerson(o.called[i]):
			if isName(text) || r.t[at[0]-1] == '[' || o.address != "" {
				r.w.nameOf(text, o.address)
				known = true
			}
		case looksFull(text), isName(text) && (o.about || r.w.c.meanings.of(o.own) == about):
			r.w.likely(text, "")
		case (r.t[at[0]-1] == '[' || bytes.IndexByte(text, ';') > 0) && r.listed(text):
		default:
			continue
		}
		again(at, known)
	}
}

// named replaces what is in a string once more, with the names that were learnt since; one
// that is known to be a name is replaced as a whole where no word of it is looked for.
func (r *jsonReader) named(at [2]int, known bool) {
	if known {
		if out, whole := r.w.inPlace(plainJSON(r.t[at[0]:at[1]]), false); whole {
			r.put(at, out, true)
			return
		}
	}
	r.string(at[0], at[1], manner{})
}

// inPersons reports whether the object under way is in a list of people, or holds data of one.
func (r *jsonReader) inPersons() bool {
	path := r.path
	for range 3 {
		if i := bytes.LastIndexByte(path, '['); i > 0 && i+1 < len(path) && isDigit(path[i+1]) {
			path = path[:i]
		}
		at := bytes.LastIndexByte(path, '.')
		name := string(path[at+1:])
		if isOfPerson(name) {
			return true
		}
		if at < 0 || !isHolderOf(name) {
			return false
		}
		path = path[:at]
	}
	return false
}

// isPersons reports whether the name of a field says that it holds people.
func isPersons(key string) bool {
	words := wordsOf(key)
	return len(words) > 0 && (persons[words[len(words)-1]] || personsElsewhere[words[len(words)-1]])
}
