package diff

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/fields"
)

// Noise is what differs between replays of one build for one message: the places
// that are volatile there, measured and not guessed.
//
// What is not guaranteed: that a volatile value means nothing. Whose it is, and
// whether equal values stay equal, is judged by who sees all messages, see package
// pipeline.
type Noise struct {
	places  map[place][]span
	kinds   map[place]gate.PartKind
	appears map[string][]string // parts that come and go, and the values they had

	// Known reports whether a text was seen at some volatile place of some
	// message. A volatile word out of a few, such as a name out of a rota, is only
	// masked where it was. nil: none was.
	Known func(text string) bool

	// Form gives the form of the values that production has at one place of all
	// messages of a class; nil, or a nil form, stands for the values of this message alone.
	Form func(part string, span int) *Form
}

type place struct {
	part string
	slot int
}

// A span is a run of words that is volatile, and the texts that stood there: the
// first replay's, then those of the others in their order.
type span struct {
	start, end int // words of the first replay
	texts      []string
	pieces     []string // further texts of parts of it that varied
}

// bridge is how many words of punctuation between two volatile spans belong to
// them: the '+' and '/' of a token.
const bridge = 2

// Measure finds what differs between replays of one message. A nil replay is one whose
// message was equal to the first. Texts of volatile places go to seen. What says who
// receives is no noise, and not in what is returned.
func Measure(first *gate.Canonical, again []*gate.Canonical, seen func(text string)) *Noise {
	n := &Noise{places: map[place][]span{}, kinds: map[place]gate.PartKind{}, appears: map[string][]string{}}
	var order []place
	at := map[place]*varied{}
	for i, other := range again {
		if other == nil {
			continue
		}
		for _, s := range align(first.Parts, other.Parts) {
			p := s.before
			if p == nil {
				p = s.after
			}
			if !maskable(p.Kind) {
				continue
			}
			if s.before == nil || s.after == nil {
				n.appears[p.Name] = append(n.appears[p.Name], p.Value)
				seen(p.Value)
				continue
			}
			if s.before.Kind != s.after.Kind || s.before.Value == s.after.Value {
				continue
			}
			k := place{p.Name, s.b}
			v := at[k]
			if v == nil {
				v = &varied{first: s.before, texts: slices.Repeat([]string{s.before.Value}, len(again))}
				at[k] = v
				order = append(order, k)
			}
			v.texts[i] = s.after.Value
			v.edits = append(v.edits, script(newWords(s.before.Value).words, newWords(s.after.Value).words)...)
		}
	}
	for _, k := range order {
		v := at[k]
		bw := newWords(v.first.Value)
		spans := padded(bw, wholeStamps(bw, union(bw, v.edits)))
		for i := range spans {
			s := &spans[i]
			s.texts = append(s.texts, bw.text(s.start, s.end))
		}
		for _, text := range v.texts {
			aw := newWords(text)
			for i, r := range carried(spans, script(bw.words, aw.words), bw, aw) {
				s := &spans[i]
				s.texts = append(s.texts, aw.text(r.a0, r.a1))
				for _, e := range r.edits {
					s.pieces = append(s.pieces, bw.text(e.b0, e.b1), aw.text(e.a0, e.a1))
				}
			}
		}
		spans = slices.DeleteFunc(spans, func(s span) bool { return v.names(s, bw) })
		for i := range spans {
			for _, t := range spans[i].texts {
				seen(t)
			}
		}
		if len(spans) > 0 {
			n.places[k], n.kinds[k] = spans, v.first.Kind
		}
	}
	return n
}

// varied is a part that differs between replays.
type varied struct {
	first *gate.Part
	texts []string // of each further replay
	edits []edit
}

// names reports whether what varies at s says who receives: the value, or the word
// around it, reads as a recipient, and as different ones in different replays; or it stands in the
// host of a link. Recipients are never volatile (invariant 3).
func (v *varied) names(s span, bw words) bool {
	if f, _, ok := fields.Part(v.first.Name); ok && (f.Kind == fields.Thread || f.Kind == fields.ID) {
		return false // the id of a message is written as an address is
	}
	value := v.first.Value
	from := len(value)
	if s.start < len(bw.starts) {
		from = bw.starts[s.start]
	}
	if v.first.Kind == gate.Link || v.first.Kind == gate.Load {
		return from < len(origin(value))
	}
	was := recipientsAt(value, s.texts[0], from)
	for i, text := range v.texts {
		if text == value {
			continue
		}
		// Where it stands in a replay is where the text before it ends.
		at := min(from, len(text))
		if j := strings.Index(text[at:], s.texts[1+i]); j >= 0 {
			at += j
		} else {
			at = max(0, strings.Index(text, s.texts[1+i]))
		}
		if is := recipientsAt(text, s.texts[1+i], at); is != was && !idsOfOneHost(is, was) {
			return true
		}
	}
	return false
}

// idsOfOneHost reports whether two addresses are ids, made anew each time, at one host: what
// calendars, and others, write like addresses.
func idsOfOneHost(x, y string) bool {
	id := func(s string) (host string, ok bool) {
		local, host, ok := strings.Cut(strings.TrimPrefix(s, string(gate.Mail)+":"), "@")
		return host, ok && len(local) >= 2*minToken && fields.FreshID(local)
	}
	hx, okx := id(x)
	hy, oky := id(y)
	return okx && oky && hx == hy
}

// recipientsAt gives the recipient that a whole value reads as, or, where that is none, the
// word around what stands at an offset of it; "" where neither is.
func recipientsAt(value, text string, at int) string {
	if r, ok := gate.ReadsAsRecipient(value); ok {
		return r.ID()
	}
	end := min(at+len(text), len(value))
	for at > 0 && !isBreak(value[at-1]) {
		at--
	}
	for end < len(value) && !isBreak(value[end]) {
		end++
	}
	if r, ok := gate.ReadsAsRecipient(strings.Trim(value[at:end], ".:!?'*")); ok {
		return r.ID()
	}
	return ""
}

// isBreak reports whether c ends a word in running text, of which an address or a URL may be one.
func isBreak(c byte) bool { return c <= ' ' || strings.IndexByte(`<>()[]{}"`+"`"+`,;`, c) >= 0 }

// union joins the places of edits, and what punctuation alone keeps apart.
func union(bw words, edits []edit) []span {
	slices.SortFunc(edits, func(x, y edit) int { return cmp.Or(cmp.Compare(x.b0, y.b0), cmp.Compare(x.b1, y.b1)) })
	var spans []span
	for _, e := range edits {
		if k := len(spans); k > 0 {
			last := &spans[k-1]
			if e.b0 <= last.end && (e.b0 < last.end || e.b0 < e.b1 && last.start < last.end && bw.joined(e.b0)) ||
				e.b0 >= last.end && e.b0-last.end <= bridge && bw.joinedOver(last.end, e.b0) {
				last.end = max(last.end, e.b1)
				continue
			}
			if e.b0 == last.start && e.b1 == last.end {
				continue
			}
		}
		spans = append(spans, span{start: e.b0, end: e.b1})
	}
	return spans
}

// padded takes to each span the padding of base64 behind it (RFC 4648, section 3.2), whose
// length may be equal in the replays measured, and another in the next.
func padded(bw words, spans []span) []span {
	for i := range spans {
		s := &spans[i]
		end := s.end
		for s.start < s.end && end < len(bw.words) && bw.words[end] == "=" && bw.joined(end) {
			end++
		}
		if end == len(bw.words) || !bw.joined(end) {
			s.end = end
		}
	}
	return spans
}

// joined reports whether word i follows the one before it without a space.
func (w words) joined(i int) bool {
	return i > 0 && i < len(w.words) && w.starts[i-1]+len(w.words[i-1]) == w.starts[i]
}

// joinedOver reports whether the words from i to j are punctuation alone that keeps
// nothing apart: no end of line.
func (w words) joinedOver(i, j int) bool { return punctuation(w.words[i:j]) }

func punctuation(words []string) bool {
	for _, w := range words {
		if w == "\n" || gate.IsWord(w) {
			return false
		}
	}
	return true
}

// A reach is where a span stands in another text, and the edits within it.
type reach struct {
	a0, a1 int
	edits  []edit
	clean  bool // no edit crosses its ends
}

// carried says where each of spans, which are in order, stands in the text that edits
// lead to. An insertion at an end of a span belongs to it where no space is between.
func carried(spans []span, edits []edit, bw, aw words) []reach {
	out := make([]reach, len(spans))
	delta, j := 0, 0
	for i, s := range spans {
		for j < len(edits) && before(edits[j], s, bw, aw) {
			e := edits[j]
			delta += (e.a1 - e.a0) - (e.b1 - e.b0)
			j++
		}
		r := reach{clean: true}
		grown := 0
		for k := j; k < len(edits) && !beyond(edits[k], s, bw, aw); k++ {
			e := edits[k]
			r.edits = append(r.edits, e)
			r.clean = r.clean && s.start <= e.b0 && e.b1 <= s.end
			grown += (e.a1 - e.a0) - (e.b1 - e.b0)
		}
		r.a0 = s.start + delta
		r.a1 = s.end + delta + grown
		if !r.clean {
			first, last := r.edits[0], r.edits[len(r.edits)-1]
			if first.b0 < s.start {
				r.a0 = first.a0
			}
			if last.b1 > s.end {
				r.a1 = last.a1
			}
		}
		out[i] = r
	}
	return out
}

// before reports whether e stands wholly before s.
func before(e edit, s span, bw, aw words) bool {
	if e.b0 < e.b1 {
		return e.b1 <= s.start && (s.start < s.end || e.b1 < s.start)
	}
	if e.b0 != s.start || s.start == s.end {
		return e.b0 < s.start
	}
	return !aw.joined(e.a1)
}

// beyond reports whether e stands wholly behind s.
func beyond(e edit, s span, bw, aw words) bool {
	if e.b0 < e.b1 {
		return e.b0 >= s.end && (s.start < s.end || e.b0 > s.end)
	}
	if e.b0 != s.end || s.start == s.end {
		return e.b0 > s.end
	}
	return !aw.joined(e.a0)
}

func (n *Noise) spans(part string, slot int) []span {
	if n == nil {
		return nil
	}
	return n.places[place{part, slot}]
}

// comesAndGoes reports whether a part of this name was in one replay and not in
// another, with a value like this one.
func (n *Noise) comesAndGoes(part, value string) bool {
	if n == nil {
		return false
	}
	texts, ok := n.appears[part]
	return ok && n.alike(newForm(texts...), nil, value)
}

// Volatile calls each for every volatile place of the message with the texts that stood
// there in each replay, in order of their names.
func (n *Noise) Volatile(each func(part string, kind gate.PartKind, span int, texts []string)) {
	keys := slices.SortedFunc(maps.Keys(n.places), func(x, y place) int {
		return cmp.Or(strings.Compare(x.part, y.part), cmp.Compare(x.slot, y.slot))
	})
	for _, k := range keys {
		for i, s := range n.places[k] {
			each(k.part, n.kinds[k], i, s.texts)
		}
	}
}

// A Value is what stands in one volatile place of a message: in each replay of
// production, and in the message that it was compared with.
type Value struct {
	Part       string
	Slot, Span int
	Texts      []string // of each replay, the first one first
	After      string
	Binary     bool // it is of a digest of bytes that are not read
	Masked     bool // it is noise; else it is in some hunk that is stated
}

// A piece of an edit, masked or not.
type piece struct {
	edit
	masked bool
}

// cut divides edits into what is volatile and what is not, and says what stands in each
// volatile place.
func (n *Noise) cut(part string, slot int, edits []edit, bw, aw words) (pieces []piece, values []Value) {
	spans := n.spans(part, slot)
	for len(spans) > 0 && spans[len(spans)-1].end > len(bw.words) { // it is no message of the first replay
		spans = spans[:len(spans)-1]
	}
	if len(spans) == 0 {
		for _, e := range edits {
			pieces = append(pieces, piece{e, false})
		}
		return pieces, nil
	}
	spans = n.widened(part, spans, bw)
	reaches := carried(spans, edits, bw, aw)
	hidden := map[edit]bool{}
	for i, r := range reaches {
		s := &spans[i]
		v := Value{Part: part, Slot: slot, Span: i, Texts: s.texts, After: aw.text(r.a0, r.a1), Binary: n.kinds[place{part, slot}] == gate.Binary, Masked: true}
		if len(r.edits) > 0 {
			v.Masked = r.clean && n.alike(n.form(part, i, s), s.pieces, v.After)
		}
		if v.Masked {
			for _, e := range r.edits {
				hidden[e] = true
			}
			if len(r.edits) > 0 {
				pieces = append(pieces, piece{edit{s.start, s.end, r.a0, r.a1}, true})
			}
		}
		values = append(values, v)
	}
	for _, e := range edits {
		if !hidden[e] {
			peeled := n.peel(part, e, bw, aw, spans)
			for i := range values {
				if v := &values[i]; !v.Masked {
					if a0, a1, ok := covers(peeled, &spans[i]); ok { // it is hidden all the same, and has an identity
						v.After, v.Masked = aw.text(a0, a1), true
					}
				}
			}
			pieces = append(pieces, peeled...)
		}
	}
	slices.SortStableFunc(pieces, func(x, y piece) int {
		return cmp.Or(cmp.Compare(x.b0, y.b0), cmp.Compare(x.a0, y.a0), cmp.Compare(x.b1, y.b1))
	})
	return pieces, values
}

// widened takes to each span a '+' or '/' at its ends with which, at this place, other tokens
// begin or end: two replays may have it in common by chance.
func (n *Noise) widened(part string, spans []span, bw words) []span {
	out := spans
	for i := range spans {
		s := spans[i]
		f := n.form(part, i, &s)
		if f.edges == 0 || s.start == s.end || !f.token() {
			continue
		}
		if b := s.start - 1; b >= 0 && bw.joined(s.start) && f.edges&edge(bw.words[b]) != 0 && (b == 0 || !bw.joined(b)) {
			s.start = b
		}
		if e := s.end; e < len(bw.words) && bw.joined(e) && f.edges&(edge(bw.words[e])<<1) != 0 && (e+1 == len(bw.words) || !bw.joined(e+1)) {
			s.end = e + 1
		}
		if s.start == spans[i].start && s.end == spans[i].end {
			continue
		}
		if &out[0] == &spans[0] {
			out = slices.Clone(spans)
		}
		out[i].start, out[i].end = s.start, s.end
	}
	return out
}

// edge is the bit of [Form].edges for a value that begins with a mark of base64; shifted by one,
// for one that ends with it.
func edge(mark string) uint8 {
	switch mark {
	case "+":
		return 1
	case "/":
		return 4
	}
	return 0
}

// covers reports whether the masked ones of pieces, one behind the other, are all of s, and
// returns the words of the other side that they stand for.
func covers(pieces []piece, s *span) (a0, a1 int, ok bool) {
	at := s.start
	for _, p := range pieces {
		switch {
		case !p.masked || p.b0 != at || p.b1 > s.end:
			continue
		case at == s.start:
			a0 = p.a0
		case p.a0 != a1:
			return 0, 0, false
		}
		at, a1 = p.b1, p.a1
	}
	return a0, a1, at == s.end && at > s.start
}

// form is what is known of the values at a place.
func (n *Noise) form(part string, i int, s *span) *Form {
	if n.Form != nil {
		if f := n.Form(part, i); f != nil {
			return f
		}
	}
	return newForm(s.texts...)
}

// peel cuts from an edit that is not volatile as a whole what is volatile at its ends,
// so that a reworded sentence beside a token shows as one and the token stays hidden.
func (n *Noise) peel(part string, e edit, bw, aw words, spans []span) []piece {
	fits := func(b, a int) bool {
		for i := range spans {
			if s := &spans[i]; s.start <= b && b < s.end {
				return n.alike(n.form(part, i, s), s.pieces, aw.text(a, a+1))
			}
		}
		return false
	}
	var front, back []piece
	for e.b0 < e.b1 && e.a0 < e.a1 && fits(e.b0, e.a0) {
		front = append(front, piece{edit{e.b0, e.b0 + 1, e.a0, e.a0 + 1}, true})
		e.b0, e.a0 = e.b0+1, e.a0+1
	}
	for e.b0 < e.b1 && e.a0 < e.a1 && fits(e.b1-1, e.a1-1) {
		back = append([]piece{{edit{e.b1 - 1, e.b1, e.a1 - 1, e.a1}, true}}, back...)
		e.b1, e.a1 = e.b1-1, e.a1-1
	}
	if e.b0 < e.b1 || e.a0 < e.a1 {
		front = append(front, piece{e, false})
	}
	return append(front, back...)
}

// alike reports whether text could be one more of the values of a form, or one more of
// pieces, which are parts of such values.
func (n *Noise) alike(f *Form, pieces []string, text string) bool {
	if f.fits(text, n.Known) {
		return true
	}
	return len(pieces) > 0 && slices.Contains(pieces, text)
}

// A Form is what the values of one volatile place have in common.
type Form struct {
	lo, hi  int // runes
	sorts   sort
	texts   []string // at most some
	values  int
	repeats bool  // some value occurred twice
	spaced  bool  // some value has a space or a line end in it
	short   bool  // some value has fewer than minToken bytes
	stamps  bool  // all values are times
	wordy   bool  // some value reads as a word: letters alone, as words are written
	edges   uint8 // marks of base64 with which values begin and end, see edge
	texted  map[uint64]struct{}
}

// Bounds of forms.
const (
	minToken  = 8  // bytes of what may be a token of any alphabet
	keptTexts = 64 // texts of a form that are kept as they are

	// How many values, all different and of one length, are no choice out of words, and
	// how many runes they have at the least.
	manyValues = 8
	leastDrawn = 4
)

func newForm(texts ...string) *Form {
	f := &Form{}
	for _, t := range texts {
		f.Add(t)
	}
	return f
}

// Add takes one more value.
func (f *Form) Add(text string) {
	l := utf8.RuneCountInString(text)
	if f.values == 0 || l < f.lo {
		f.lo = l
	}
	f.hi = max(f.hi, l)
	k := sortsOf(text)
	f.sorts |= k
	f.values++
	if f.texted == nil {
		f.texted = map[uint64]struct{}{}
	}
	h := gate.HashWord(text)
	if _, again := f.texted[h]; again {
		f.repeats = true
	}
	f.texted[h] = struct{}{}
	f.stamps = (f.stamps || f.values == 1) && IsStamp(text)
	f.spaced = f.spaced || k&space != 0
	f.short = f.short || len(text) < minToken
	f.wordy = f.wordy || isWordy(text, k)
	if text != "" {
		f.edges |= edge(text[:1]) | edge(text[len(text)-1:])<<1
	}
	if len(f.texts) < keptTexts && !slices.Contains(f.texts, text) {
		f.texts = append(f.texts, text)
	}
}

// longestWord is how many letters may still be a word.
const longestWord = 15

// isWordy reports whether text, which has characters of sorts k, is written as words are.
func isWordy(text string, k sort) bool {
	if k&^(lower|upper) != 0 || len(text) > longestWord {
		return false
	}
	_, size := utf8.DecodeRuneInString(text)
	return k&upper == 0 || k&lower == 0 || sortsOf(text[size:])&upper == 0
}

// Fresh reports whether no value occurred twice.
func (f *Form) Fresh() bool { return f.values > 1 && !f.repeats }

// token reports whether the values are tokens: of any characters that base64, its
// alphabet for URLs, or hexadecimal have, as chance gives them.
func (f *Form) token() bool {
	if f.drawn() {
		return true
	}
	if f.wordy {
		return false
	}
	return !f.spaced && !f.short && f.sorts&at == 0 && (f.sorts&digit != 0 && f.sorts&(lower|upper) != 0 || f.sorts&lower != 0 && f.sorts&upper != 0 || f.Fresh())
}

// Fits reports whether text, by its form alone, could be one more of the values.
func (f *Form) Fits(text string) bool { return f.fits(text, nil) }

// drawn reports whether the values are too many, and too different, to be a choice out of
// few: all of one length, and no two alike.
func (f *Form) drawn() bool {
	many := manyValues
	if !f.wordy {
		many /= 2
	}
	return f.Fresh() && f.values >= many && f.lo == f.hi && f.lo >= leastDrawn && f.sorts&(space|at) == 0
}

// fits reports whether text could be one more of the values: no longer and no shorter
// than they vary, of the same sorts of characters, and known where the values are a
// choice out of a few words.
func (f *Form) fits(text string, known func(string) bool) bool {
	if slices.Contains(f.texts, text) {
		return true
	}
	if f.stamps {
		return IsStamp(text)
	}
	l := utf8.RuneCountInString(text)
	slack := max(1, f.hi-f.lo)
	if f.token() {
		slack = max(slack, f.lo/4)
	}
	if l < f.lo-slack || l > f.hi+slack {
		return false
	}
	mine := sortsOf(text)
	sorts := f.sorts
	if f.token() {
		if !inToken(text) {
			return mine&^sorts == 0 && (mine&digit != 0 || f.drawn())
		}
		sorts |= digit | mark
		if sorts&lower != 0 && sorts&upper != 0 || !f.Fresh() {
			sorts |= lower | upper
		}
	}
	if mine&^sorts != 0 {
		return false
	}
	return mine&digit != 0 || f.token() && f.Fresh() || known != nil && known(text)
}

// inToken reports whether all of s is of the characters of tokens.
func inToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("+/=_-.~", c) >= 0) {
			return false
		}
	}
	return true
}

// Fresh is what stands for a volatile value where an edit is shown or kept.
const Fresh = "{fresh}"

// Rename puts [Fresh] in place of the volatile values of a part in a text of the message of the
// first replay, or, where after is set, of the message that it was compared with. What
// is so renamed is the same in every run.
func (n *Noise) Rename(part, text string, after bool) string {
	if n == nil || len(n.places) == 0 || text == "" {
		return text
	}
	var out strings.Builder
	from := 0
	for start, end := gate.NextWord(text, 0); start < end; start, end = gate.NextWord(text, end) {
		if w := text[start:end]; gate.IsWord(w) && n.volatileWord(part, w, after) {
			out.WriteString(text[from:start])
			out.WriteString(Fresh)
			from = end
		}
	}
	if from == 0 {
		return text
	}
	out.WriteString(text[from:])
	return out.String()
}

// leastRenamed is how many bytes a value has that is renamed where it may stand by chance.
const leastRenamed = 6

func (n *Noise) volatileWord(part, w string, after bool) bool {
	for k, spans := range n.places {
		if k.part != part {
			continue
		}
		for i := range spans {
			s := &spans[i]
			if !after {
				if strings.Contains(s.texts[0], w) && slices.Contains(gate.Words(s.texts[0]), w) {
					return true
				}
				continue
			}
			if f := n.form(k.part, i, s); f.values > 0 && len(w) >= leastRenamed && (sortsOf(w)&digit != 0 || f.token()) && f.fits(w, nil) {
				return true
			}
		}
	}
	return false
}

// sort is a set of sorts of characters.
type sort uint8

const (
	digit sort = 1 << iota
	lower
	upper
	mark
	space
	at
)

func sortsOf(s string) (k sort) {
	for _, c := range s {
		switch {
		case c == '@':
			k |= at
		case unicode.IsDigit(c):
			k |= digit
		case unicode.IsUpper(c):
			k |= upper
		case unicode.IsLetter(c):
			k |= lower
		case unicode.IsSpace(c):
			k |= space
		default:
			k |= mark
		}
	}
	return k
}
