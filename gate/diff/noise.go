package diff

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

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
	start, end int     // words of the first replay
	from, to   int     // those that it may reach to, see [tokens]
	over       [2]bool // whether it does over a mark that base64 does not have
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
			if !maskable(p.Kind) && !(s.before != nil && s.after != nil && isWayBack(p)) {
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
		spans := tokens(v.first, bw, wholeStamps(bw, union(bw, v.edits)))
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
	if v.first.Kind == gate.Addresses {
		return slices.ContainsFunc(v.texts, func(text string) bool { return text != v.first.Value && !tokensOfOneBox(v.first.Value, text) })
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

// isWayBack reports whether a part says where answers and bounces go: to a box of the build's own,
// which may tell them apart by a token that is made anew for each message.
func isWayBack(p *gate.Part) bool {
	f, sub, ok := fields.Part(p.Name)
	return ok && sub == "" && p.Kind == gate.Addresses && f.Owner == fields.ReplyPath && !f.Routes
}

// tokensOfOneBox reports whether two addresses are of one host, and differ in a token that is made
// anew in the local part alone (VERP, and detail as of RFC 5233): box+TOKEN@host.
func tokensOfOneBox(x, y string) bool {
	localX, hostX, _ := strings.Cut(x, "@")
	localY, hostY, _ := strings.Cut(y, "@")
	if hostX == "" || hostX != hostY {
		return false
	}
	start := 0
	for start < len(localX) && start < len(localY) && localX[start] == localY[start] {
		start++
	}
	start = strings.LastIndexAny(localX[:start], "+-=_.") + 1
	localX, localY = localX[start:], localY[start:]
	if end := strings.IndexAny(localX, "+-="); start > 0 && end > 0 { // bounces-TOKEN-alice=example.org
		rest := localX[end:]
		localX, localY = localX[:end], strings.TrimSuffix(localY, rest)
	}
	fresh := func(s string) bool {
		return fields.FreshID(s) || !strings.ContainsAny(s, ".-_") && sortsOf(s)&(lower|upper) == lower|upper && !isWordy(s, sortsOf(s))
	}
	return start > 0 && len(localX) >= minToken && len(localY) >= minToken && inToken(localX) && inToken(localY) && (fresh(localX) || fresh(localY))
}

// recipientsAt gives the recipient that a whole value reads as, or, where that is none, the
// word around what stands at an offset of it; "" where neither is. A machine of the build's own
// network, which another takes the place of, is none.
func recipientsAt(value, text string, at int) string {
	if r, ok := gate.ReadsAsRecipient(value); ok {
		return partyID(r)
	}
	end := min(at+len(text), len(value))
	for at > 0 && !isBreak(value[at-1]) {
		at--
	}
	for end < len(value) && !isBreak(value[end]) {
		end++
	}
	if r, ok := gate.ReadsAsRecipient(strings.Trim(value[at:end], ".:!?'*")); ok {
		return partyID(r)
	}
	return ""
}

// partyID is the id of r; "" where it is an address of a private network (RFC 1918, RFC 4193) or of
// this machine.
func partyID(r gate.Recipient) string {
	if r.Kind == gate.Host {
		host := r.Address
		if at, err := netip.ParseAddrPort(host); err == nil {
			host = at.Addr().String()
		}
		if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && (ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast()) {
			return ""
		}
	}
	return r.ID()
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

// A Place is a volatile one of a message.
type Place struct {
	Part  string
	Kind  gate.PartKind
	Span  int
	Texts []string // that stood there in each replay

	// Left and Right: what stands beside it may belong to it, and not differ by chance.
	Left, Right bool
}

// Volatile calls each for every volatile place of the message, in order of their names.
func (n *Noise) Volatile(each func(*Place)) {
	keys := slices.SortedFunc(maps.Keys(n.places), func(x, y place) int {
		return cmp.Or(strings.Compare(x.part, y.part), cmp.Compare(x.slot, y.slot))
	})
	for _, k := range keys {
		for i, s := range n.places[k] {
			each(&Place{k.part, n.kinds[k], i, s.texts, s.from < s.start, s.end < s.to})
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

// widened takes to each span what it may reach to, where that is its own by chance.
func (n *Noise) widened(part string, spans []span, bw words) []span {
	out := spans
	for i := range spans {
		s := spans[i]
		if s.from == s.start && s.to == s.end {
			continue
		}
		f := n.form(part, i, &s)
		if !f.token() {
			continue
		}
		if f.reaches[0] <= f.mostReaches(s.over[0]) {
			s.start = s.from
		}
		if f.reaches[1] <= f.mostReaches(s.over[1]) {
			s.end = s.to
		}
		if s.start == spans[i].start && s.end == spans[i].end {
			continue
		}
		before, after := bw.text(s.start, spans[i].start), bw.text(spans[i].end, s.end)
		s.texts = slices.Clone(s.texts)
		for k := range s.texts {
			s.texts[k] = before + s.texts[k] + after
		}
		if &out[0] == &spans[0] {
			out = slices.Clone(spans)
		}
		out[i] = s
	}
	return out
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
	f := newForm(s.texts...)
	f.Reach(s.from < s.start, s.end < s.to)
	return f
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

// Fresh is what stands for a volatile value where an edit is shown or kept.
const Fresh = "{fresh}"

// Rename puts [Fresh] in place of the volatile values of a part in a text of the message of the
// first replay, or, where after is set, of the message that it was compared with. What
// is so renamed is the same in every run.
func (n *Noise) Rename(part, text string, after bool) string {
	if n == nil || len(n.places) == 0 || text == "" {
		return text
	}
	return freshen(text, func(w string) bool { return n.volatileWord(part, w, after) })
}

// freshen puts [Fresh] in place of the words of a text that are new each time.
func freshen(text string, isFresh func(word string) bool) string {
	var out strings.Builder
	from := 0
	for start, end := gate.NextWord(text, 0); start < end; start, end = gate.NextWord(text, end) {
		if w := text[start:end]; gate.IsWord(w) && isFresh(w) {
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
