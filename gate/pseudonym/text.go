package pseudonym

import (
	"bytes"
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A span is a stretch of a text and what stands in its place.
type span struct {
	start, end int
	kind       kind
	text       []byte
}

// manner says in which way a text is to be read, besides as it stands.
type manner struct {
	html   bool // character references
	number bool // it is a telephone number if it is digits
	digest bool // it is the digest of an identity if it has the form of one
	plus   bool // "+" stands for spaces in it: its phrases are read once these are undone
}

// text replaces the people in t, at every layer, and returns t itself where there
// are none.
func (w *item) text(t []byte, m manner) []byte {
	return apply(t, w.scan(t, m, 0))
}

// apply puts spans, in order and apart, into t.
func apply(t []byte, spans []span) []byte {
	if len(spans) == 0 {
		return t
	}
	size := len(t)
	for i := range spans {
		size += len(spans[i].text) - (spans[i].end - spans[i].start)
	}
	out := make([]byte, 0, size)
	at := 0
	for i := range spans {
		out = append(append(out, t[at:spans[i].start]...), spans[i].text...)
		at = spans[i].end
	}
	return append(out, t[at:]...)
}

// maxDepth bounds how many layers are undone one within the other.
const maxDepth = 12

// scan finds the spans of t. Where t is escaped, it is read with the escapes undone
// and what is found there is escaped again; so each layer is seen once.
func (w *item) scan(t []byte, m manner, depth int) []span {
	if len(t) < 2 {
		return nil
	}
	if depth > maxDepth {
		w.fail("its text has more layers than are undone")
		return nil
	}
	for _, e := range escapes {
		if !e.in(t, m) {
			continue
		}
		v := e.undo(t)
		if v == nil {
			continue
		}
		inner := w.scan(v.text, m, depth+1)
		for i := range inner {
			s := &inner[i]
			s.start, s.end = v.at(s.start), v.at(s.end)
			s.text = e.redo(s.text, t[s.start:s.end])
		}
		return inner
	}
	spans := w.addresses(t, nil) // nil, so that text without anybody costs nothing
	spans = w.tokens(t, m, depth, spans)
	if !m.number {
		spans = w.checked(t, spans)
	}
	w.greetings(t)
	if !m.plus && isGraphQL(t) {
		w.graphQL(t)
	}
	w.wordsIn(t, !m.plus)
	for _, p := range w.c.records {
		spans = w.recordsIn(t, p, spans)
	}
	w.needles.each(t, func(d *needle, start, end int) bool {
		if d.kind != anAddress { // they are found by their "@"
			spans = append(spans, span{start, end, d.kind, w.replaced(d, t[start:end])})
		}
		return true
	})
	spans = w.apart(t, spans)
	if w.c.watch != nil {
		w.c.watch(t, spans)
	}
	return spans
}

// apart leaves, of spans that overlap, the one that says most, and drops those that
// change nothing.
func (w *item) apart(t []byte, spans []span) []span {
	if len(spans) < 2 {
		return w.changing(t, spans)
	}
	slices.SortStableFunc(spans, func(a, b span) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end), cmp.Compare(a.kind, b.kind))
	})
	out := spans[:0]
	for _, s := range spans {
		if len(out) == 0 || s.start >= out[len(out)-1].end {
			out = append(out, s)
			continue
		}
		last := &out[len(out)-1]
		if rank(s.kind) < rank(last.kind) {
			*last = s
		}
	}
	return w.changing(t, out)
}

// rank orders kinds that overlap: declared values hold for the whole, names yield.
func rank(k kind) int {
	return [...]int{anAddress: 0, aValue: 1, aRecord: 2, aNumber: 3, aName: 4}[k]
}

func (w *item) changing(t []byte, spans []span) []span {
	return slices.DeleteFunc(spans, func(s span) bool { return bytes.Equal(t[s.start:s.end], s.text) })
}

// replaced is what stands in the place of a needle found as raw.
func (w *item) replaced(d *needle, raw []byte) []byte {
	switch d.kind {
	case aNumber:
		return w.c.number(raw, 0)
	case aName:
		k := w.c.word(raw[:len(raw)-d.tail])
		w.images.add(k.image)
		if d.tail > 0 {
			return append(bytes.Clone(k.pseudonym), raw[len(raw)-d.tail:]...)
		}
		return k.pseudonym
	case aRecord:
		return []byte(w.pairs[strings.ToLower(string(raw))])
	}
	return []byte(w.c.value(string(raw)))
}

// addresses adds the mail addresses of t.
func (w *item) addresses(t []byte, spans []span) []span {
	eachAddress(t, func(start, end int, user bool) {
		if user { // of a URL: its host is none of a mailbox
			spans = append(spans, span{start, end, aValue, []byte(w.c.secret(string(t[start:end])))})
			return
		}
		if spans == nil {
			spans = make([]span, 0, 4+min(len(t)/128, 32))
		}
		spans = append(spans, span{start, end, anAddress, w.address(t[start:end])})
		w.beforeAngle(t, start, end)
	})
	return spans
}

// eachAddress calls found for each address in t, and for the user information of
// each URL.
func eachAddress(t []byte, found func(start, end int, user bool)) {
	from := 0 // what lies before is part of the address found last
	for at := 0; ; {
		i := bytes.IndexByte(t[at:], '@')
		if i < 0 {
			return
		}
		i += at
		at = i + 1
		end := domainEnd(t, i+1)
		if end == i+1 {
			continue
		}
		start := localStart(t, from, i)
		if start == i {
			continue
		}
		if s, ok := userInfo(t, start, i); ok {
			found(s, i, true)
			continue
		}
		found(start, end, false)
		from, at = end, end
	}
}

// address is the pseudonym of an address, which is taken down.
func (w *item) address(raw []byte) []byte {
	for _, k := range w.recent {
		if k != nil && k.original == string(raw) && !w.needles.full() {
			return k.pseudonym
		}
	}
	k := w.c.address(raw)
	if string(k.pseudonym) == k.original {
		return k.pseudonym
	}
	if w.found(needle{kind: anAddress, text: k.lower, original: k.original}) {
		w.c.seen.knowThis(k)
		for _, word := range w.c.people.namesOf(k.lower) {
			w.word([]byte(word))
		}
	}
	w.images.add(k.image)
	w.recent[w.next%len(w.recent)] = k
	w.next++
	return k.pseudonym
}

// domainEnd is where the domain or address literal that begins at i in t ends; i
// where none does.
func domainEnd(t []byte, i int) int {
	if i < len(t) && t[i] == '[' {
		j := i + 1
		for j < len(t) && j-i < 64 && (isAlnum(t[j]) || t[j] == '.' || t[j] == ':') {
			j++
		}
		if j < len(t) && t[j] == ']' && j > i+3 {
			return j + 1
		}
		return i
	}
	j := i
	beyond := -1 // where letters beyond ASCII begin, in the last label
	for j < len(t) && j-i < 512 {
		ch := t[j]
		if ch < utf8.RuneSelf {
			if !isAlnum(ch) && ch != '-' && ch != '.' && ch != '_' {
				break
			}
			if ch == '.' {
				if j == i || t[j-1] == '.' {
					break
				}
				beyond = -1
			}
			j++
			continue
		}
		r, size := utf8.DecodeRune(t[j:])
		if !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && !unicode.IsDigit(r) {
			break
		}
		if beyond < 0 {
			beyond = j
		}
		j += size
	}
	if beyond > i && isAlnum(t[beyond-1]) && isDomain(string(t[i:beyond])) {
		j = beyond // "a@b.org" with a word of another script right behind it
	}
	for j > i && (t[j-1] == '.' || t[j-1] == '-' || t[j-1] == '_') {
		j--
	}
	return j
}

// maxLocal bounds how far before an "@" a local part is looked for, in bytes: four
// times what RFC 5321, 4.5.3.1.1, allows.
const maxLocal = 256

// isLocal are the characters of ASCII that a local part without quotes is taken to have.
var isLocal = func() (table [utf8.RuneSelf]bool) {
	for c := range table {
		table[c] = isAlnum(byte(c)) || strings.IndexByte("._-+='%!~*", byte(c)) >= 0
	}
	return table
}()

// localStart is where the local part before the "@" at i begins; i where there is none.
func localStart(t []byte, from, i int) int {
	least := max(from, i-maxLocal)
	if i > least && t[i-1] == '"' { // a quoted-string of RFC 5321, 4.1.2
		for j := i - 2; j >= least; j-- {
			if t[j] == '\n' {
				return i
			}
			if t[j] == '"' && (j == 0 || t[j-1] != '\\') {
				if j+2 > i-1 {
					return i
				}
				return j
			}
		}
		return i
	}
	j := i
	for j > least {
		ch := t[j-1]
		if ch < utf8.RuneSelf {
			if !isLocal[ch] {
				break
			}
			j--
			continue
		}
		r, size := utf8.DecodeLastRune(t[:j])
		if !unicode.IsLetter(r) && !unicode.Is(unicode.M, r) && !unicode.IsDigit(r) || j-size < least {
			break
		}
		j -= size
	}
	// "to=jane@x.org" is a name and a value, and "jane=x.org@y.net" a return path.
	for k := i - 1; k >= j; k-- {
		if t[k] == '=' && !isDomain(string(t[k+1:i])) && !isReturnPath(t[j:k], t[k+1:i]) {
			j = k + 1
			break
		}
	}
	for j < i && strings.IndexByte(".'*~!%=-", t[j]) >= 0 {
		j++
	}
	return j
}

// userInfo reports whether what ends at i is the user information of a URL (RFC
// 3986, section 3.2.1), and where that begins.
func userInfo(t []byte, start, i int) (int, bool) {
	for j := start; j > 0 && i-j < maxLocal; j-- {
		switch ch := t[j-1]; {
		case ch == '/':
			return j, j > 1 && t[j-2] == '/'
		case ch <= ' ' || ch == '<' || ch == '"' || ch == '>' || ch == '(' || ch == ',' || ch == ';' || ch == '?' || ch == '&':
			return 0, false
		}
	}
	return 0, false
}

// beforeAngle makes a name of the words that stand before an address in angle
// brackets on one line, as in "Jane Doe <jane@example.org> wrote:". At most five
// words that begin in upper case are one. t[start:stop] is the address.
func (w *item) beforeAngle(t []byte, start, stop int) {
	if start < 2 || t[start-1] != '<' {
		return
	}
	i := start - 1
	for i > 0 && (t[i-1] == ' ' || t[i-1] == '"' || t[i-1] == '\'') {
		i--
	}
	end := i
	for n := 0; n < 5 && i > 0; n++ {
		j := i
		for j > 0 && start-j < maxLocal && (isAlnum(t[j-1]) || t[j-1] == '.' || t[j-1] == '-' || t[j-1] == '\'' || t[j-1] >= utf8.RuneSelf) {
			j--
		}
		r, _ := utf8.DecodeRune(t[j:i])
		if j == i || !unicode.IsUpper(r) {
			break
		}
		i = j
		for i > 0 && t[i-1] == ' ' {
			i--
		}
	}
	if i < end && !w.ofFunction(t[start:stop], t[i:end]) {
		w.nameOf(t[i:end], string(t[start:stop]))
	}
}

// tokens adds telephone numbers, and what is coded in words: base64, hexadecimal
// and digests.
func (w *item) tokens(t []byte, m manner, depth int, spans []span) []span {
	for i := nextCoded(t, 0, true); i < len(t); {
		class := classes[t[i]]
		if class == 0 {
			i = nextCoded(t, i+1, true)
			continue
		}
		if class&(openClass|plusClass) != 0 { // before a digit it may begin a number
			if i+1 < len(t) && (isDigit(t[i+1]) || t[i] == '(' && t[i+1] == '+') {
				if n, ok := w.number(t, i, m.number, &spans); ok {
					i = n
					continue
				}
			}
			i++
			continue
		}
		if class == digitClass && (i == 0 || !isAlnum(t[i-1]) && t[i-1] != '.' && t[i-1] != '_') {
			if n, ok := w.number(t, i, m.number, &spans); ok {
				i = n
				continue
			}
		}
		end, all := i+1, class
		for end < len(t) && classes[t[end]] > openClass {
			all |= classes[t[end]]
			end++
		}
		if end-i >= leastCoded && all != digitClass {
			stop := end
			for stop < len(t) && t[stop] == '=' && stop < end+2 {
				stop++
			}
			if out := w.coded(t[i:stop], m, depth); out != nil {
				spans = append(spans, span{i, stop, aValue, out})
			}
		}
		if all&slashClass != 0 && all&digitClass != 0 {
			for k := i + 1; k < end; k++ { // a segment of a path
				if t[k-1] == '/' && (isDigit(t[k]) || t[k] == '+' && k+1 < len(t) && isDigit(t[k+1])) {
					w.number(t, k, m.number, &spans)
				}
			}
		}
		i = end
	}
	return spans
}

// number adds the telephone number at i, where there is one, and gives where to read on.
func (w *item) number(t []byte, i int, known bool, spans *[]span) (int, bool) {
	var num number
	n, ok := numberAt(t, i, known, &num)
	codes := ""
	if ok && known {
		codes = w.c.codesOf(&num, t[i] == '+')
	} else if !ok && len(w.c.regions) > 0 && num.count >= leastNumber && num.end-num.start > num.count {
		var national string
		if national, ok = w.c.isNational(string(t[num.start:num.end])); ok {
			num.national = max(num.count-len(national), 0)
		}
	}
	if !ok {
		return n, false
	}
	d := num.digits()
	out := w.c.number(d, num.national)
	taken := needle{kind: aNumber, text: string(d[num.national:]), original: string(d), national: num.national}
	identity := taken.identity()
	if codes != "" {
		taken.codes, taken.text = codes, significant(taken.text)
		if _, ok := w.pairs[string(d)]; ok { // by its check digits it was another number
			w.pairs[string(d)] = string(out)
		}
	}
	if w.found(taken) {
		w.c.seen.know(identity)
	}
	w.images.add(string(out[len(out)-len(taken.text):]))
	*spans = append(*spans, span{num.start, num.end, aNumber, inFormat(t[num.start:num.end], out)})
	return n, true
}
