// Package diff states what differs between two canonical messages, part by part
// and word by word, and which of that is noise that was measured.
//
// It decides nothing by likeness: what it does not mask is stated, and two
// messages give no hunk exactly where their parts are equal. What it shows is
// deterministic and independent of the machine's speed.
package diff

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// ContextWords is how many words on each side of a hunk are kept with it.
const ContextWords = 4

// Start and End stand for the ends of a part in a hunk's context. They cannot
// occur in the text: gate.Words never gives them.
const (
	Start = "\x02"
	End   = "\x03"
)

// A Hunk is one place where two messages differ.
type Hunk struct {
	Part string
	Slot int // which of the parts of this name, in the message that has it
	Kind gate.PartKind

	Before, After string // the text that differs, whole; for kinds without words, the whole value

	// NewPart and GonePart: no part of this name is on the other side.
	NewPart, GonePart bool

	// Within: Before and After stand in a link, or in a load, whose scheme, user and host
	// are the same on both sides.
	Within bool

	// Left and Right are the words around the hunk that both sides share, nearest
	// last and first. Nil for kinds without words.
	Left, Right []string

	// Around are Before and After with what stands beside them in the text; empty for
	// kinds without words.
	Around [2]Passage

	// Whole are the values before and after of a part of kind Value of which the hunk is a
	// piece; empty where they are longer than a hunk shows.
	Whole [2]string

	// Masked is set where the place was found to be volatile.
	Masked bool
}

// A Passage is a piece of a text and the words in it that differ: Text[From:To].
type Passage struct {
	Text     string
	From, To int
}

// aroundBytes is how much of a line stands in a passage on each side of the words that differ.
const aroundBytes = 128

// wholeBytes is how long a value may be that stands beside its hunks.
const wholeBytes = 400

// Parts states what differs between before and after. Hunks whose place is
// volatile by noise, which may be nil, are masked.
func Parts(before, after *gate.Canonical, noise *Noise) []Hunk {
	hunks, _ := Compare(before, after, noise)
	return hunks
}

// Compare is [Parts], and says what stands in the volatile places of before's message.
// Where a slot is equal on both sides the first replay's text stands there.
func Compare(before, after *gate.Canonical, noise *Noise) ([]Hunk, []Value) {
	d := differ{noise: noise, before: before, after: after}
	for _, s := range align(before.Parts, after.Parts) {
		d.slot(s)
	}
	if noise != nil {
		d.unchanged(before)
	}
	return d.hunks, d.values
}

type differ struct {
	noise         *Noise
	before, after *gate.Canonical
	hunks         []Hunk
	values        []Value
	met           map[place]bool // slots that were compared
}

// unchanged adds the values of the volatile places of slots that are equal on both sides.
func (d *differ) unchanged(before *gate.Canonical) {
	count := map[string]int{}
	for i := range before.Parts {
		p := &before.Parts[i]
		k := place{p.Name, count[p.Name]}
		count[p.Name]++
		if d.met[k] {
			continue
		}
		for n := range d.noise.places[k] {
			texts := d.noise.places[k][n].texts
			d.values = append(d.values, Value{Part: k.part, Slot: k.slot, Span: n, Texts: texts, After: texts[0], Binary: d.noise.kinds[k] == gate.Binary, Masked: true})
		}
	}
}

// worded reports whether parts of this kind are compared by words.
func worded(k gate.PartKind) bool { return k == gate.Text || k == gate.Value }

// maskable reports whether noise may hide differences in parts of this kind:
// recipients are never noise.
func maskable(k gate.PartKind) bool { return k != gate.Addresses && k != gate.Transport }

func (d *differ) slot(s slot) {
	switch {
	case (s.before == nil || s.after == nil) && d.stringsAlike(s):
		return
	case s.before == nil:
		h := Hunk{Part: s.after.Name, Slot: s.a, Kind: s.after.Kind, After: s.after.Value, NewPart: s.alone}
		h.Masked = maskable(h.Kind) && d.noise.comesAndGoes(h.Part, h.After)
		d.hunks = append(d.hunks, h)
		return
	case s.after == nil:
		d.compared(s)
		h := Hunk{Part: s.before.Name, Slot: s.b, Kind: s.before.Kind, Before: s.before.Value, GonePart: s.alone}
		h.Masked = maskable(h.Kind) && d.noise.comesAndGoes(h.Part, h.Before)
		d.hunks = append(d.hunks, h)
		return
	case s.before.Kind == s.after.Kind && s.before.Value == s.after.Value:
		return
	}
	d.differs(s)
}

// typed is what the name of the part ends with that says of a JSON leaf that it is a string; it
// stands only beside one that would read as another leaf, such as a number.
const typed = "/type"

// stringsAlike reports whether a slot is such a part, on one side alone, and every leaf that it
// may belong to is a string on both sides: a code of figures and letters may be of figures alone
// by chance.
func (d *differ) stringsAlike(s slot) bool {
	p := s.before
	if p == nil {
		p = s.after
	}
	leaf, ok := strings.CutSuffix(p.Name, typed)
	return ok && p.Kind == gate.Value && p.Value == "string" && allStrings(d.before, leaf) && allStrings(d.after, leaf)
}

// allStrings reports whether each JSON leaf of this name in m is a string.
func allStrings(m *gate.Canonical, leaf string) bool {
	like, said, any := 0, 0, false
	for i := range m.Parts {
		switch p := &m.Parts[i]; p.Name {
		case leaf:
			any = true
			if gate.ReadsAsLeaf(p.Value) {
				like++
			}
		case leaf + typed:
			said++
		}
	}
	return any && like == said
}

// compared notes that a slot is not equal on both sides.
func (d *differ) compared(s slot) {
	if d.noise == nil {
		return
	}
	if d.met == nil {
		d.met = map[place]bool{}
	}
	d.met[place{s.before.Name, s.b}] = true
}

// differs states what differs in a part that both sides have.
func (d *differ) differs(s slot) {
	d.compared(s)
	whole := Hunk{Part: s.before.Name, Slot: s.b, Kind: s.before.Kind, Before: s.before.Value, After: s.after.Value}
	if s.before.Kind != s.after.Kind || !maskable(whole.Kind) && len(d.noise.spans(s.before.Name, s.b)) == 0 {
		if s.before.Kind != s.after.Kind {
			whole.Kind = strictest(s.before.Kind, s.after.Kind)
		}
		d.hunks = append(d.hunks, whole)
		return
	}
	whole.Within = s.before.Kind != gate.Text && s.before.Kind != gate.Value && within(s.before.Kind, s.before.Value, s.after.Value)
	bt, at := s.before.Value, s.after.Value
	if whole.Kind == gate.Value && len(d.noise.spans(s.before.Name, s.b)) == 0 && (addresses(bt) || addresses(at)) {
		d.hunks = append(d.hunks, whole) // an address in part is nobody's
		return
	}
	if len(d.noise.spans(s.before.Name, s.b)) == 0 { // which count words from the beginning
		bt, at = differing(bt, at)
	}
	bw, aw := newWords(bt), newWords(at)
	pieces, values := []piece(nil), []Value(nil)
	if edits := script(bw.words, aw.words); d.noise == nil {
		for _, e := range edits {
			pieces = append(pieces, piece{e, false})
		}
	} else {
		pieces, values = d.noise.cut(s.before.Name, s.b, edits, bw, aw)
	}
	hunks := make([]Hunk, len(pieces))
	visible := false
	for i, p := range pieces {
		// What stands between two pieces is what both sides share there.
		from, to := -1, len(bw.words)+1
		if i > 0 {
			from = pieces[i-1].b1
		}
		if i+1 < len(pieces) {
			to = pieces[i+1].b0
		}
		hunks[i] = Hunk{
			Part: whole.Part, Slot: s.b, Kind: whole.Kind,
			Before: bw.text(p.b0, p.b1), After: aw.text(p.a0, p.a1),
			Left: left(bw.words, from, p.b0), Right: right(bw.words, p.b1, to),
			Masked: p.masked, Within: whole.Within,
			Around: [2]Passage{bw.around(p.b0, p.b1), aw.around(p.a0, p.a1)},
		}
		if (whole.Kind == gate.Value || whole.Within) && len(whole.Before) <= wholeBytes && len(whole.After) <= wholeBytes {
			hunks[i].Whole = [2]string{whole.Before, whole.After}
		}
		visible = visible || !p.masked
	}
	switch {
	case len(hunks) == 0: // alike in words, different in spaces: it is stated all the same
		d.hunks = append(d.hunks, whole)
	case worded(whole.Kind) || whole.Within:
		d.hunks = append(d.hunks, hunks...)
	default:
		whole.Masked = !visible || s.before.Kind == gate.Binary && len(values) > 0
		d.hunks = append(d.hunks, whole)
		for i := range values {
			values[i].Masked = whole.Masked
		}
	}
	d.values = append(d.values, values...)
}

// addresses reports whether a value as a whole is a mail address or a telephone number.
func addresses(value string) bool {
	r, ok := gate.ReadsAsRecipient(value)
	return ok && r.Kind != gate.Host
}

// within reports whether two targets of links have one user and host, and one scheme but
// for https in the place of http.
func within(kind gate.PartKind, before, after string) bool {
	if kind != gate.Link && kind != gate.Load {
		return false
	}
	b, a := origin(before), origin(after)
	return b == a && b != "" || b != "" && b == strings.Replace(a, "https://", "http://", 1) // no way back
}

// origin is what stands before the path of a URL: scheme, user and host; "" where it has
// no host. Backslashes count as slashes, as browsers have it (WHATWG URL, 4.4).
func origin(url string) string {
	i := strings.Index(url, "://")
	if i <= 0 || strings.ContainsAny(url[:i], `/\?#`) {
		return ""
	}
	end := i + len("://")
	for end < len(url) && strings.IndexByte(`/\?#`, url[end]) < 0 {
		end++
	}
	if end == i+len("://") {
		return ""
	}
	return url[:end]
}

// strictest is the kind that noise may hide the least of.
func strictest(x, y gate.PartKind) gate.PartKind {
	if !maskable(y) {
		return y
	}
	return x
}

// A slot is one part of each side, or of one side alone.
type slot struct {
	before, after *gate.Part
	b, a          int  // index among the parts of its name, on each side
	alone         bool // no part of this name on the other side
}

// align joins the parts of two messages by name and, within a name, by order:
// one to one where there are as many on each side, else by what is equal.
func align(before, after []gate.Part) []slot {
	if slots, ok := alignInPlace(before, after); ok {
		return slots
	}
	byName := func(parts []gate.Part) (map[string][]*gate.Part, []string) {
		m := make(map[string][]*gate.Part, len(parts))
		var names []string
		for i := range parts {
			p := &parts[i]
			if m[p.Name] == nil {
				names = append(names, p.Name)
			}
			m[p.Name] = append(m[p.Name], p)
		}
		return m, names
	}
	bm, names := byName(before)
	am, more := byName(after)
	for _, n := range more {
		if bm[n] == nil {
			names = append(names, n)
		}
	}
	var slots []slot
	for _, n := range names {
		b, a := bm[n], am[n]
		if len(b) == len(a) {
			for i := range b {
				slots = append(slots, slot{before: b[i], after: a[i], b: i, a: i})
			}
			continue
		}
		alone := len(b) == 0 || len(a) == 0
		values := func(l []*gate.Part) []string {
			s := make([]string, len(l))
			for i, p := range l {
				s[i] = p.Value
			}
			return s
		}
		var i, j int
		pair := func(b1, a1 int) { // joins b[i:b1] and a[j:a1] one to one, what is over stands alone
			for ; i < b1 && j < a1; i, j = i+1, j+1 {
				slots = append(slots, slot{before: b[i], after: a[j], b: i, a: j})
			}
			for ; i < b1; i++ {
				slots = append(slots, slot{before: b[i], b: i, alone: alone})
			}
			for ; j < a1; j++ {
				slots = append(slots, slot{after: a[j], a: j, alone: alone})
			}
		}
		for _, e := range script(values(b), values(a)) {
			pair(e.b0, e.a0) // the equal run before the edit
			pair(e.b1, e.a1)
		}
		pair(len(b), len(a))
	}
	return slots
}

// alignInPlace is align of parts that have the same names in the same order, as those
// of one template have: of equal parts it gives none.
func alignInPlace(before, after []gate.Part) (slots []slot, ok bool) {
	if len(before) != len(after) {
		return nil, false
	}
	for i := range before {
		if before[i].Name != after[i].Name {
			return nil, false
		}
	}
	var firsts []int // of each slot: where its name stands first, which orders them
	for i := range before {
		b, a := &before[i], &after[i]
		if b.Kind == a.Kind && b.Value == a.Value {
			continue
		}
		n, first := 0, i
		for j := range before[:i] {
			if before[j].Name == b.Name {
				n++
				first = min(first, j)
			}
		}
		at := len(slots)
		for at > 0 && firsts[at-1] > first {
			at--
		}
		slots = slices.Insert(slots, at, slot{before: b, after: a, b: n, a: n})
		firsts = slices.Insert(firsts, at, first)
	}
	return slots, true
}

// differing gives the lines in which two texts differ, and of those around, which they
// share, as many as hold the words that a hunk keeps.
func differing(b, a string) (string, string) {
	n := min(len(a), len(b))
	start := 0
	for start+compared <= n && b[start:start+compared] == a[start:start+compared] {
		start += compared
	}
	for start < n && b[start] == a[start] {
		start++
	}
	start = strings.LastIndexByte(b[:start], '\n') + 1
	n -= start
	end := 0 // from the ends of both
	for end+compared <= n && b[len(b)-end-compared:len(b)-end] == a[len(a)-end-compared:len(a)-end] {
		end += compared
	}
	for end < n && b[len(b)-end-1] == a[len(a)-end-1] {
		end++
	}
	if i := strings.IndexByte(b[len(b)-end:], '\n'); i < 0 {
		end = 0
	} else {
		end -= i + 1
	}
	for words := 0; start > 0 && words < ContextWords; {
		from := strings.LastIndexByte(b[:start-1], '\n') + 1
		words += count(b[from:start])
		start = from
	}
	for words := 0; end > 0 && words < ContextWords; {
		rest := b[len(b)-end:]
		line := strings.IndexByte(rest, '\n') + 1
		if line == 0 {
			line = len(rest)
		}
		words += count(rest[:line])
		end -= line
	}
	return b[start : len(b)-end], a[start : len(a)-end]
}

// compared is how many bytes are compared at once.
const compared = 64

// count says how many words a line has, ContextWords at the most.
func count(line string) (n int) {
	for start, end := gate.NextWord(line, 0); start < end && n < ContextWords; start, end = gate.NextWord(line, end) {
		n++
	}
	return n
}

// words is a text cut into words, and where each stands in it.
type words struct {
	whole  string
	words  []string
	starts []int
}

func newWords(text string) words {
	w := words{whole: text, words: gate.Words(text)}
	w.starts = make([]int, len(w.words))
	at := 0
	for i, word := range w.words {
		for text[at:at+len(word)] != word {
			at++ // over a space
		}
		w.starts[i] = at
		at += len(word)
	}
	w.joinFractions()
	return w
}

// joinFractions makes one word of a number with figures behind a point or a comma: 12.50 and
// 13.50 are two amounts, and that both end alike says nothing. What runs on is more than a
// number: the address of a machine, a date, a list.
func (w *words) joinFractions() {
	n := 0
	for i := 0; i < len(w.words); i, n = i+1, n+1 {
		start, word := w.starts[i], w.words[i]
		if i+2 < len(w.words) && (w.words[i+1] == "." || w.words[i+1] == ",") && figures(word) && behindPoint(w.words[i+2]) && w.joined(i+1) && w.joined(i+2) {
			end := w.starts[i+2] + len(w.words[i+2])
			if !runsOn(w.whole[:start], w.whole[end:]) {
				word = w.whole[start:end]
				i += 2
			}
		}
		w.words[n], w.starts[n] = word, start
	}
	w.words, w.starts = w.words[:n], w.starts[:n]
}

// figures reports whether a word is figures alone.
func figures(word string) bool { return strings.Trim(word, "0123456789") == "" }

// behindPoint reports whether a word is the figures behind the point of a number: of 3.87e-05, 87e-05.
func behindPoint(word string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToLower(word), "e")
	return mantissa != "" && figures(mantissa) && (!ok || figures(strings.TrimPrefix(exponent, "-")) && len(exponent) > 1)
}

// runsOn reports whether the number between two texts is a part of more than a number.
func runsOn(before, after string) bool {
	const marks = ".,:/-"
	n := len(before)
	return n > 1 && strings.IndexByte(marks, before[n-1]) >= 0 && figures(before[n-2:n-1]) ||
		len(after) > 1 && strings.IndexByte(marks, after[0]) >= 0 && figures(after[1:2])
}

// text is the source of words i to j, j excluded.
func (w words) text(i, j int) string {
	if i >= j {
		return ""
	}
	return w.whole[w.starts[i] : w.starts[j-1]+len(w.words[j-1])]
}

// around gives words i to j, j excluded, with what stands beside them in their line.
func (w words) around(i, j int) Passage {
	from := len(w.whole)
	if i < len(w.starts) {
		from = w.starts[i]
	}
	to := from
	if i < j {
		to = w.starts[j-1] + len(w.words[j-1])
	} else if i > 0 {
		from = w.starts[i-1] + len(w.words[i-1]) // the gap: a word that is gone stood somewhere in it
	}
	start, end := max(from-aroundBytes, 0), min(to+aroundBytes, len(w.whole))
	if n := strings.LastIndexByte(w.whole[start:from], '\n'); n >= 0 {
		start += n + 1
	}
	if n := strings.IndexByte(w.whole[to:end], '\n'); n >= 0 {
		end = to + n
	}
	for start < from && !utf8.RuneStart(w.whole[start]) {
		start++
	}
	for end < len(w.whole) && end > to && !utf8.RuneStart(w.whole[end]) {
		end--
	}
	return Passage{w.whole[start:end], from - start, to - start}
}

// left gives up to ContextWords of words that end at index i and do not begin
// before from; where from is negative they may begin with Start.
func left(words []string, from, i int) []string {
	var c []string
	for len(c) < ContextWords && i > from {
		if i--; i < 0 {
			c = append(c, Start)
			break
		}
		c = append(c, words[i])
	}
	slices.Reverse(c)
	return c
}

// right gives up to ContextWords of words from index i on that do not reach to;
// where to is beyond words they may end with End.
func right(words []string, i, to int) []string {
	var c []string
	for ; len(c) < ContextWords && i < to; i++ {
		if i >= len(words) {
			c = append(c, End)
			break
		}
		c = append(c, words[i])
	}
	return c
}
