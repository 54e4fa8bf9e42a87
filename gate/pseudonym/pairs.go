package pseudonym

import (
	"bytes"
	"slices"
	"strings"
)

// Names of members by which an object names a field, and holds its value: {"name":"password",
// "value":"..."}, an operation of JSON Patch (RFC 6902), a question with its answer.
var (
	namers  = set(`name key field fieldname fieldid id label path attribute attributename property parameter param type kind question title prompt text linkid slug code variable column header n k ref q questiontext`)
	holders = set(`value val values newvalue newval fieldvalue answer answers answertext response data content contents text input v a stringvalue textvalue valuestring fieldvalues`)
)

// A role is what a member is in a pair.
type role uint8

const (
	naming   role = 1 << iota // its value names a field
	weak                      // and asks nothing: "id", "name"
	holding                   // its value is that of the field
	defining                  // its value is an object that names the field
)

var roles = func() map[string]role {
	all := make(map[string]role)
	for _, list := range []struct {
		names map[string]bool
		role  role
	}{{namers, naming}, {holders, holding}, {set("name id type kind key"), weak}, {set("field question definition parameter attribute"), defining}} {
		for name := range list.names {
			all[name] |= list.role
		}
	}
	return all
}()

// roleOf is the role of a member called key: its letters of ASCII, in lower case, say it.
func roleOf(key string) role {
	var buffer [24]byte
	joined := buffer[:0]
	for i := 0; i < len(key); i++ {
		if c := lowerByte(key[i]); 'a' <= c && c <= 'z' {
			if len(joined) == len(buffer) {
				return 0
			}
			joined = append(joined, c)
		}
	}
	return roles[string(joined)]
}

func isNamer(key string) bool { return roleOf(key)&naming != 0 }

func isHolder(key string) bool { return roleOf(key)&holding != 0 }

// pairMeaning is what a value that names a field says of the value beside it. Of a pointer
// (RFC 6901) or another path its last steps count.
func pairMeaning(c *Cleaner, text []byte) meaning {
	if len(text) < 2 || len(text) > 80 || bytes.IndexByte(text, '@') >= 0 {
		return noMeaning
	}
	m := c.meanings.of(string(bytes.TrimRight(text, "?:* ")))
	if m == noMeaning {
		if i := bytes.LastIndexAny(text, "/.:"); i >= 0 {
			m = c.meanings.of(string(text[i+1:]))
		}
	}
	if m == about || m == birthPart || m == datePart {
		return noMeaning
	}
	return m
}

// A pair is what the members of an object say of one another.
type pair struct {
	said    meaning
	asked   bool // by a question
	holders [][2]int
}

// take notes a member whose value is t[from:to].
func (p *pair) take(r *jsonReader, key string, from int) {
	is := roleOf(key)
	if r.t[from] == '"' && is&naming != 0 && (p.said == noMeaning || p.said == plainName) {
		if m := pairMeaning(r.w.c, plainJSON(r.t[from+1:r.i-1])); m != noMeaning {
			p.said = m
			p.asked = p.asked || is&weak == 0
			return
		}
	}
	if r.t[from] == '{' && is&defining != 0 && p.said == noMeaning {
		p.said = r.said
	}
	if is&holding != 0 {
		p.holders = append(p.holders, [2]int{from, r.i})
	}
}

// end replaces the values by what was said of them.
func (p *pair) end(r *jsonReader) {
	r.said = p.said
	if p.said == noMeaning || p.said == mailbox {
		return
	}
	for _, at := range p.holders {
		eachJSONString(r.t, at, func(start, end int, quoted bool) { p.value(r, [2]int{start, end}, quoted) })
	}
}

// listOfTwo reads a list of the name of a field and its value: ["password","..."]. A name is
// one word of an identifier, and no value.
func (r *jsonReader) listOfTwo(two [2][2]int) {
	if r.t[two[0][0]] != '"' || r.t[two[1][0]] == '{' || r.t[two[1][0]] == '[' {
		return
	}
	name := plainJSON(r.t[two[0][0]+1 : two[0][1]-1])
	if len(name) == 0 || bytes.IndexByte(name, ' ') >= 0 || isUpper(name) {
		return
	}
	if value := bytes.Trim(r.t[two[1][0]:two[1][1]], `"`); !isUpper(value) && pairMeaning(r.w.c, value) != noMeaning {
		return // of two names of fields
	}
	p := pair{said: pairMeaning(r.w.c, name), holders: [][2]int{two[1]}}
	if p.said != plainName && p.said != namePiece {
		p.end(r)
	} else if r.t[two[1][0]] == '"' && isFullName(plainJSON(r.t[two[1][0]+1:two[1][1]-1])) {
		p.end(r)
	}
}

// said returns what a form says of its field called name, "fields[0][value]", by the value of
// "fields[0][name]" beside it.
func (w *item) said(t []byte, between byte, name string) meaning {
	cut := strings.LastIndexAny(strings.TrimRight(name, "]"), "[.")
	if cut <= 0 || !isHolder(name[cut:]) {
		return noMeaning
	}
	for pair := range bytes.SplitSeq(t, []byte{between}) {
		raw, value, ok := bytes.Cut(pair, []byte("="))
		if !ok {
			continue
		}
		other := string(plainForm(raw))
		if len(other) > cut && other[:cut] == name[:cut] && isNamer(other[cut:]) {
			if m := pairMeaning(w.c, plainForm(value)); m != noMeaning {
				return m
			}
		}
	}
	return noMeaning
}

// value replaces one value.
func (p *pair) value(r *jsonReader, at [2]int, quoted bool) {
	text := plainJSON(r.t[at[0]:at[1]])
	if len(text) < 2 {
		return
	}
	switch p.said {
	case secret:
		if quoted || digitsIn(text) > 3 {
			r.put(at, r.w.whole(text, true), quoted)
		}
		return
	case plainName:
		switch {
		case p.asked && isName(text) && isUpper(text):
			r.w.likely(text, "")
		case looksFull(text):
			r.w.likely(text, "")
		}
	case namePiece:
		if isName(text) && isUpper(text) {
			r.w.likely(text, "")
		}
	case telephone:
		r.w.learn(telephone, text)
	default:
		if out, whole := r.w.meant(p.said, text); whole {
			r.put(at, out, quoted)
			return
		}
	}
	r.string(at[0], at[1], manner{number: p.said == telephone})
}

// put replaces what stands in a place as a whole.
func (r *jsonReader) put(at [2]int, out []byte, quoted bool) {
	for !quoted && !validNumber(out) {
		out = []byte(r.w.c.value(string(out)))
	}
	first := r.spanAt(at[0])
	last := first
	for last < len(r.spans) && r.spans[last].start < at[1] {
		last++
	}
	r.spans = slices.Delete(r.spans, first, last)
	r.add(span{at[0], at[1], aValue, redoBackslash(out, r.t[at[0]:at[1]])})
}

// eachJSONString calls found for the strings and numbers that are values within a value: the
// value itself, those of a list, and those of members that hold a value.
func eachJSONString(t []byte, at [2]int, found func(start, end int, quoted bool)) {
	if c := t[at[0]]; c == '-' || isDigit(c) {
		found(at[0], at[1], false)
		return
	}
	held := true
	for i := at[0]; i < at[1]; {
		if t[i] != '"' {
			i++
			continue
		}
		r := jsonReader{t: t, i: i}
		if !r.skipString() {
			return
		}
		start, end := i+1, r.i-1
		i = r.i
		r.space()
		if r.i < at[1] && t[r.i] == ':' {
			name := string(plainJSON(t[start:end]))
			held = isHolder(name) || strings.HasPrefix(name, "value") || strings.HasPrefix(name, "string") // valueString of FHIR
			continue
		}
		if held {
			found(start, end, true)
		}
	}
}
