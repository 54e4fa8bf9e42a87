package pipeline

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
	"github.com/waybill-dev/waybill/gate/exposure"
	"github.com/waybill-dev/waybill/gate/fields"
)

// Nothing is hidden unsearched (invariant 11). What masks left out of a message is asked
// for people's facts, and what holds any is compared:
//
//   - a mail address is a part at once, whoever's it is;
//   - what somebody is sent in production in the open, a number, a digest, a telephone
//     number, three words in a row, is a part wherever it stands hidden;
//   - an id that is the same in two replays of production is not made anew for each
//     message: all of that place are parts;
//   - what a user's mask hides and is somebody's: see maskedPlace;
//   - where many messages have an id at a place that lacks the shape of one made anew, and is
//     else as the others are, all of that place are parts: replays tell whether it is made anew.
//
// The other way round, what is made anew lacks its shape now and then by chance: a few such
// values, of the length and the characters of all others at the place, are hidden as those are,
// and asked as those are.
//
// Hidden values are gathered in the scan of each run. A run in which something is to be
// revealed is scanned once more.

// A revealing says what of the hidden values of a comparison is compared. Nil: mail
// addresses alone.
type revealing struct {
	facts  map[exposure.Key]struct{}
	places map[uint64]struct{} // see placeKey
	odd    map[uint64]idForm   // places at which what looks as this is hidden
	masked map[uint64]struct{} // what users' masks hide, by maskedKey
	fixed  map[uint64]struct{} // places of pieces of keys, by maskedPlaceKey
	shared map[uint64]struct{} // ids that messages have in common, by ownKey
	called map[string]struct{} // names of people: see called.go
}

// placeKey names a place over all classes of a sink: a release may call a class otherwise.
func placeKey(m *gate.Canonical, h *gate.Hidden) uint64 {
	return gate.HashWord(m.Channel + "\x00" + m.Sink + "\x00" + withoutIndexes(h.Part))
}

// placeOf names the place of a part of m as that of a hidden value.
func placeOf(m *gate.Canonical, part string) uint64 { return placeKey(m, &gate.Hidden{Part: part}) }

// reveal makes parts of what m hides and must not, and hides what lacks its shape by chance.
func (r *revealing) reveal(m *gate.Canonical) {
	if r != nil && len(r.odd) > 0 {
		r.conceal(m)
	}
	if r != nil && len(r.shared) > 0 {
		r.tellShared(m)
	}
	var apart []int // of m.Hidden: those that are parts now
	for i := range m.Hidden {
		h := &m.Hidden[i]
		if r != nil && len(r.places) > 0 && h.MayLackShape() {
			if _, ok := r.places[placeKey(m, h)]; ok {
				m.Parts = append(m.Parts, h.Reveal())
				apart = append(apart, i)
				continue
			}
		}
		if r != nil && len(r.masked)+len(r.fixed) > 0 && inPieces(h) {
			pieces, whole := r.maskedIn(m, h)
			if whole && h.User {
				m.Parts = append(m.Parts, gate.Part{Name: h.Part, Kind: gate.Value, Value: h.Value})
				m.Masks = refuseMask(m.Masks, h)
				apart = append(apart, i)
				continue
			}
			for _, piece := range pieces {
				m.Parts = append(m.Parts, gate.Part{Name: h.Part, Kind: gate.Value, Value: piece})
			}
			if len(pieces) > 0 && h.User {
				m.Masks = append(slices.Clip(m.Masks), gate.Masked{Rule: gate.RefusedMask + h.Rule, Part: h.Part, Count: 1})
			}
		}
		if h.Closed() || !mayHold(h.Value, r != nil && len(r.facts)+len(r.called) > 0) {
			continue
		}
		if facts := append(r.factsIn(h), r.namesHidden(h)...); len(facts) > 0 {
			m.Parts = append(m.Parts, gate.Part{Name: h.Part, Kind: gate.Value, Value: strings.Join(facts, " ")})
		}
	}
	if len(apart) == 0 {
		return
	}
	kept := make([]gate.Hidden, 0, len(m.Hidden))
	for i, h := range m.Hidden {
		if len(apart) > 0 && apart[0] == i {
			apart = apart[1:]
			continue
		}
		kept = append(kept, h)
	}
	m.Hidden = kept // what m shares with others stays as it is
}

// factsIn returns the facts in a hidden value that are compared.
func (r *revealing) factsIn(h *gate.Hidden) (facts []string) {
	factsIn(h, func(f *exposure.Found) {
		ok := f.Kind == gate.FactAddress
		if !ok && r != nil {
			_, ok = r.facts[f.Key()]
		}
		if !ok {
			return
		}
		if v := f.Value(); !slices.Contains(facts, v) {
			facts = append(facts, v)
		}
	})
	return facts
}

// factsIn calls found for the facts in a hidden value. Ids are written without spaces: what
// an id joins by its marks is looked through apart too, and an address that is written in
// the form of a return path (local=domain) as one.
func factsIn(h *gate.Hidden, found func(*exposure.Found)) {
	exposure.InText(h.Part, h.Value, found)
	if strings.IndexByte(h.Value, ' ') < 0 {
		factsInID(h, found)
		return
	}
	if len(h.Value) > mostIDs {
		return
	}
	for id := range strings.FieldsSeq(h.Value) { // names of classes, of properties
		if len(id) > longRun && strings.ContainsAny(id, "0123456789") {
			factsInID(&gate.Hidden{Part: h.Part, Value: id}, found)
		}
	}
}

// mostIDs is how long a hidden text is of which each word is looked through as an id.
const mostIDs = 16 << 10

// factsInID calls found for the facts in what a value without spaces joins.
func factsInID(h *gate.Hidden, found func(*exposure.Found)) {
	if len(h.Value) > 1<<10 {
		return
	}
	if apart := joints.Replace(h.Value); apart != h.Value {
		exposure.InText(h.Part, apart, found)
	}
	for i := range len(h.Value) { // "part-MRN-4711" holds "MRN-4711"
		if h.Value[i] == '-' || h.Value[i] == '_' {
			exposure.InText(h.Part, h.Value[i+1:], found)
		}
		if i > 64 {
			break
		}
	}
	for run := range figures(h.Value) {
		if len(run) <= mostMid && isHexadecimal(h.Value, run) {
			exposure.InText(h.Part, run, func(f *exposure.Found) {
				f.Layers = amidHex
				found(f)
			})
			continue
		}
		exposure.InText(h.Part, run, found)
	}
	for at := strings.IndexByte(h.Value, '='); at > 0; {
		text := h.Value[:at] + "@" + h.Value[at+1:]
		exposure.InText(h.Part, text, func(f *exposure.Found) {
			if f.Kind == gate.FactAddress {
				if _, ok := gate.ReadsAsRecipient(f.Value()); ok {
					found(f)
				}
			}
		})
		next := strings.IndexByte(h.Value[at+1:], '=')
		if next < 0 {
			return
		}
		at += 1 + next
	}
}

// longRun is how many figures in a row may be a number of somebody's within a word.
const longRun = 7

// figures gives the runs of figures in text that stand within longer words.
func figures(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; i < len(text); {
			end := i
			for end < len(text) && '0' <= text[end] && text[end] <= '9' {
				end++
			}
			if end-i >= longRun && end-i < len(text) && !yield(text[i:end]) {
				return
			}
			i = max(end, i+1)
		}
	}
}

// amidHex is the layer of figures that stand between hexadecimal letters: of what is drawn at
// random, every fortieth word has seven or eight of them in a row.
const amidHex = "hexadecimal"

// leastHex is how long a word is whose hexadecimal letters are of something drawn or counted.
const leastHex = 11

// isHexadecimal reports whether the word of id that run lies in is a long hexadecimal number. run
// is a part of id.
func isHexadecimal(id, run string) bool {
	at := strings.Index(id, run)
	start, end := at, at+len(run)
	for start > 0 && isAlnumByte(id[start-1]) {
		start--
	}
	for end < len(id) && isAlnumByte(id[end]) {
		end++
	}
	word := id[start:end]
	return len(word) >= leastHex && len(word) > len(run) && strings.Trim(strings.ToLower(word), "0123456789abcdef") == ""
}

// joints are the marks that join the words of an id.
var joints = strings.NewReplacer("_", " ", "-", " ", ".", " ", "=", " ", ":", " ", "/", " ", "+", " ")

// mayHold reports whether a text is worth looking for facts in: for addresses alone, where
// facts is not set.
func mayHold(text string, facts bool) bool {
	return facts || strings.ContainsAny(text, "@%=") || len(text) >= 16 && (strings.ContainsAny(text, "&\\\n") || decode.MayHold(text))
}

// Sorts of hidden facts, by how likely one equals another by chance.
const (
	shortNumbers = iota // of five or six characters
	midNumbers          // of seven or eight
	longNumbers         // of more
	drawnNumbers        // of seven or eight, amid hexadecimal letters
	otherFacts
	factSorts

	numberSorts = otherFacts // those before it
)

// mostMid is how many characters midNumbers have at the most.
const mostMid = 8

// figuresOf is how many values there are, as powers of ten, of the numbers of each sort.
var figuresOf = [...]float64{5, 7, 9, 7}

// rareOf is how seldom a number of each sort is somebody's by chance, at the most, where one alone
// says that it is that number.
var rareOf = [...]float64{10 * unlikely, 10 * unlikely, 10 * unlikely, unlikely / 10}

// hiddenFacts are what the hidden values of one run hold.
type hiddenFacts struct {
	facts [factSorts]hashes
	at    [numberSorts]hashes // numbers, each with its place: see numberAt
	ids   hashes              // ids at places, of production alone: see idKey
	owned hashes              // the same, each with who received it

	// What ids look like at places at which they are hidden, and at which such stand in the open.
	hidden, shown idForms

	masked      hashes // what users' masks hide: see maskedKey
	maskedOwned hashes // the same, each with its place and whose it is

	called map[string]struct{} // pairs of words that may be a name
}

// lists are all lists of h, in the order in which they are kept.
func (h *hiddenFacts) lists() []*hashes {
	out := make([]*hashes, 0, len(h.facts)+len(h.at)+4)
	for i := range h.facts {
		out = append(out, &h.facts[i])
	}
	for i := range h.at {
		out = append(out, &h.at[i])
	}
	return append(out, &h.ids, &h.owned, &h.masked, &h.maskedOwned)
}

// A hider gathers the hidden facts of a run, for one goroutine.
type hider struct {
	hiddenFacts
	names  bool   // whether ids are gathered
	asked  uint64 // place of what is asked
	met    recent
	found  func(*exposure.Found) // take
	places map[spot]*idForm      // that were met; nil where no ids stand
}

func newHider(names bool) *hider {
	g := &hider{names: names, places: map[spot]*idForm{}}
	g.found = g.take
	return g
}

// A spot is a part at a sink.
type spot struct {
	channel, sink, part string
	hidden              bool
}

// place notes what stands where ids do, hidden or in the open.
func (g *hider) place(m *gate.Canonical, part, value string, hidden bool) {
	s := spot{m.Channel, m.Sink, part, hidden}
	f, met := g.places[s]
	if !met {
		if hidden || holdsIDs(part) {
			f = new(idForm)
		}
		g.places[spot{strings.Clone(s.channel), strings.Clone(s.sink), strings.Clone(s.part), hidden}] = f
	}
	if f != nil {
		f.add(value)
	}
}

// holdsIDs reports whether a part is of a field whose values are hidden by their shape.
func holdsIDs(part string) bool {
	f, sub, ok := fields.Part(part)
	if !ok || sub != "" {
		return false
	}
	switch f.Kind {
	case fields.ID, fields.Trace, fields.MAC, fields.Key:
		return true
	}
	return f.Name == "content-id"
}

// message gathers what m hides. Where it carries the id of its stimulus, caused is set: such an id
// is not made anew, and the message is paired by it. content is the digest of what it says.
func (g *hider) message(m *gate.Canonical, causes traceSet, content gate.Digest) {
	caused := len(m.Hidden) > 0 && causes.caused(m)
	for i := range m.Parts {
		if p := &m.Parts[i]; p.Kind == gate.Value && strings.Contains(p.Name, "header/") {
			g.place(m, p.Name, p.Value, false)
		}
	}
	for i := range m.Hidden {
		h := &m.Hidden[i]
		if h.Closed() {
			continue
		}
		if h.MayLackShape() {
			g.place(m, h.Part, cmp.Or(h.Shown, h.Value), true)
		}
		if inPieces(h) {
			maskedPieces(h, func(p maskedPiece) {
				g.masked.add(maskedKey(h, p))
				for whose := range peopleOf(m, causes, content) {
					g.maskedOwned.add(maskedPair(m, h, p, whose))
				}
			})
		}
		if g.names && !caused && h.NamesMessage() {
			id := idKey(placeKey(m, h), h)
			g.ids.add(id)
			for _, to := range m.Recipients {
				g.owned.add(id*hashPrime ^ gate.HashWord(to.ID()))
			}
		}
		if g.met.met(gate.HashWord(h.Value)) {
			continue
		}
		g.asked = placeKey(m, h)
		factsIn(h, g.found)
		g.call(h)
	}
}

// take notes a fact that may be somebody's.
func (g *hider) take(f *exposure.Found) {
	sort := otherFacts
	switch f.Kind {
	case gate.FactNumber:
		v := f.Value()
		switch n := len(v); {
		case n < 5 || readsAsTime(v):
			return
		case n <= 6:
			sort = shortNumbers
		case f.Layers == amidHex:
			sort = drawnNumbers
		case n <= mostMid:
			sort = midNumbers
		default:
			sort = longNumbers
		}
	case gate.FactPhone:
		sort = longNumbers
	case gate.FactDigest:
	case gate.FactPhrase:
		if slices.ContainsFunc(gate.Words(f.Value()), readsAsTime) {
			return // a clock's, and so everybody's
		}
	default:
		return
	}
	g.facts[sort].add(uint64(f.Key()))
	if sort < numberSorts {
		g.at[sort].add(numberAt(g.asked, uint64(f.Key())))
	}
}

const hashPrime = 1099511628211

// idKey names an id at a place.
func idKey(place uint64, h *gate.Hidden) uint64 { return place*hashPrime ^ gate.HashWord(h.Value) }

// take gives what g found to h.
func (h *hiddenFacts) take(g *hider) {
	h.join(&g.hiddenFacts)
	for s, f := range g.places {
		if f == nil {
			continue
		}
		forms := &h.shown
		if s.hidden {
			forms = &h.hidden
		}
		if *forms == nil {
			*forms = idForms{}
		}
		key := placeOf(&gate.Canonical{Channel: s.channel, Sink: s.sink}, s.part)
		(*forms)[key] = (*forms)[key].join(*f)
	}
}

func (h *hiddenFacts) join(o *hiddenFacts) {
	others := o.lists()
	for i, l := range h.lists() {
		*l = append(*l, *others[i]...)
	}
	if h.called == nil {
		h.called = o.called
	} else {
		maps.Copy(h.called, o.called)
	}
}

func (h *hiddenFacts) compact() {
	for _, l := range h.lists() {
		l.compact()
		*l = slices.Clip(*l)
	}
}

// revealed finds what of the hidden values of runs must be compared; nil is nothing.
// first is of production, and so are again; known says which texts are new in each replay.
func revealed(ctx context.Context, rs *runs, first *scanned, again []*scanned, staging *scanned) (*revealing, error) {
	o := rs.o
	r := &revealing{facts: map[exposure.Key]struct{}{}, places: map[uint64]struct{}{}, masked: map[uint64]struct{}{}, fixed: map[uint64]struct{}{}, odd: map[uint64]idForm{}, shared: map[uint64]struct{}{}, called: map[string]struct{}{}}
	if err := r.stable(ctx, o, first, again); err != nil {
		return nil, err
	}
	if len(first.hidden.maskedOwned) > 0 {
		causes, err := rs.causes()
		if err != nil {
			return nil, err
		}
		if err := r.maskedAnew(ctx, causes, &maskedRuns{o, first, again, staging}); err != nil {
			return nil, err
		}
	}
	runs := append([]*scanned{first, staging}, again...)
	if len(again) > 0 {
		r.uneven(runs)
	}
	production := append([]*scanned{first}, again...)
	if err := r.sharedIDs(ctx, o, production, staging); err != nil {
		return nil, err
	}
	if err := r.names(ctx, o, first, runs); err != nil {
		return nil, err
	}
	if err := r.sharedTimes(ctx, o, production, staging); err != nil {
		return nil, err
	}
	for sort := range factSorts {
		var lists []hashes
		var asked hashes
		for _, s := range runs {
			lists = append(lists, s.hidden.facts[sort])
			for _, k := range s.hidden.facts[sort] {
				if first.mayHold(k, sort) {
					asked.add(k)
				}
			}
		}
		asked.compact()
		if len(asked) == 0 {
			continue
		}
		keys := make([]exposure.Key, len(asked))
		for i, k := range asked {
			keys[i] = exposure.Key(k)
		}
		held, err := heldByFew(ctx, o, first, keys)
		if err != nil {
			return nil, err
		}
		for _, s := range again { // what nobody holds in another replay is made anew in each
			if len(held) == 0 {
				break
			}
			if held, err = heldByFew(ctx, o, s, held); err != nil {
				return nil, err
			}
		}
		if sort < numberSorts && len(held) > 0 {
			// Of so many numbers, and some of each person, so many are equal by chance.
			chance := float64(distinct(lists)) * float64(max(len(first.people), 2)) * factsOfOne / math.Pow(10, figuresOf[sort])
			if n := float64(len(held)); chance > rareOf[sort] && n < chance+4*math.Sqrt(chance)+1 {
				held = whereRare(runs, sort, held, len(first.people))
			}
		}
		for _, k := range held {
			r.facts[k] = struct{}{}
		}
	}
	if len(r.facts) == 0 && len(r.places) == 0 && len(r.masked)+len(r.fixed) == 0 && len(r.odd) == 0 && len(r.shared) == 0 && len(r.called) == 0 {
		return nil, nil
	}
	return r, nil
}

// mayHold reports whether anybody may have been sent the fact of that sort with that key.
func (r *scanned) mayHold(key uint64, sort int) bool {
	if r.numbers != nil && sort != otherFacts {
		_, ok := slices.BinarySearch(r.numbers, key)
		return ok
	}
	return len(r.held) == 0 || slices.ContainsFunc(r.held, func(f *filter) bool { return f.mayHave(key) })
}

// distinct counts what is in sorted lists, each once.
func distinct(lists []hashes) (n int) {
	for {
		least, any := uint64(math.MaxUint64), false
		for _, l := range lists {
			if len(l) > 0 {
				least, any = min(least, l[0]), true
			}
		}
		if !any {
			return n
		}
		n++
		for i, l := range lists {
			if len(l) > 0 && l[0] == least {
				lists[i] = l[1:]
			}
		}
	}
}

// few is one of how many ids may lack the shape of the others by chance, besides one.
const few = 20

// uneven looks at the places at which ids are hidden in some messages of runs, and stand in the
// open, though they look the same, in others.
func (r *revealing) uneven(runs []*scanned) {
	hidden, shown := idForms{}, idForms{}
	for _, s := range runs {
		for p, f := range s.hidden.hidden {
			hidden[p] = hidden[p].join(f)
		}
		for p, f := range s.hidden.shown {
			shown[p] = shown[p].join(f)
		}
	}
	for p, f := range shown {
		all, ok := hidden[p]
		switch {
		case !ok || !all.near(f): // made in another way, for something else
		case all.like(f) && f.N <= 1+all.N/few:
			r.odd[p] = all
		default:
			r.places[p] = struct{}{}
		}
	}
}

// conceal hides what lacks its shape by chance.
func (r *revealing) conceal(m *gate.Canonical) {
	var out []gate.Part // copied where a part goes
	for i := range m.Parts {
		p := &m.Parts[i]
		odd := false
		if p.Kind == gate.Value && strings.Contains(p.Name, "header/") && holdsIDs(p.Name) {
			f, ok := r.odd[placeOf(m, p.Name)]
			odd = ok && f.like(formOf(p.Value))
		}
		switch {
		case odd && out == nil:
			out = append(make([]gate.Part, 0, len(m.Parts)), m.Parts[:i]...)
			fallthrough
		case odd:
			hideOdd(m, p)
		case out != nil:
			out = append(out, *p)
		}
	}
	if out != nil {
		m.Parts = out
	}
}

// oddRule is the rule by which an id is hidden that lacks the shape of the others of its place.
const oddRule = "odd-id"

// hideOdd hides a part of m. An id of a message is asked in two pieces, since it is written as an
// address is.
func hideOdd(m *gate.Canonical, p *gate.Part) {
	m.Masks = append(slices.Clip(m.Masks), gate.Masked{Rule: oddRule, Part: p.Name, Count: 1, Bytes: uint64(len(p.Value))})
	m.Hidden = slices.Clip(m.Hidden)
	local, domain, ok := strings.Cut(strings.Trim(p.Value, "<>"), "@")
	if !ok {
		m.Hidden = append(m.Hidden, gate.Hidden{Rule: oddRule, Part: p.Name, Value: p.Value})
		return
	}
	m.Hidden = append(m.Hidden, gate.Hidden{Rule: oddRule, Part: p.Name, Value: local}, gate.Hidden{Rule: oddRule, Part: p.Name + "/domain", Value: domain})
}

// heldByFew returns those of keys, which are sorted, that few people of production hold.
func heldByFew(ctx context.Context, o *Options, first *scanned, keys []exposure.Key) (held []exposure.Key, err error) {
	byFew := func(n int, people int) bool { return n > 0 && (n == 1 || n*2 <= people) }
	if first.index != nil {
		people := first.index.People()
		err := first.index.Holders(keys, func(k exposure.Key, who []uint32, common bool) {
			if !common && byFew(len(who), people) {
				held = append(held, k)
			}
		})
		if err == nil {
			return held, nil
		}
		held = nil
	}
	owners := exposure.NewOwners()
	owners.WantKeys(keys)
	_, err = first.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) { owners.Hold(m.Recipients, m.Parts) }
	})
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if byFew(owners.Held(k), owners.People()) {
			held = append(held, k)
		}
	}
	return held, nil
}

// stable finds the places whose ids are the same in two replays of production, for whoever
// receives them. Ids that go to others in another replay follow the order of arrival.
func (r *revealing) stable(ctx context.Context, o *Options, first *scanned, again []*scanned) error {
	same := map[uint64]struct{}{}
	for _, s := range again {
		for _, id := range first.hidden.ids {
			if _, ok := slices.BinarySearch(s.hidden.ids, id); ok {
				same[id] = struct{}{}
			}
		}
	}
	if len(same) == 0 {
		return nil
	}
	var mu sync.Mutex
	moves := map[uint64]struct{}{}
	_, err := first.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) {
			for i := range m.Hidden {
				h := &m.Hidden[i]
				if !h.NamesMessage() {
					continue
				}
				p := placeKey(m, h)
				id := idKey(p, h)
				if _, ok := same[id]; !ok {
					continue
				}
				stays := !slices.ContainsFunc(m.Recipients, func(to gate.Recipient) bool {
					return slices.ContainsFunc(again, func(s *scanned) bool {
						_, known := slices.BinarySearch(s.hidden.ids, id)
						_, owned := slices.BinarySearch(s.hidden.owned, id*hashPrime^gate.HashWord(to.ID()))
						return known && !owned
					})
				})
				mu.Lock()
				if stays {
					r.places[p] = struct{}{}
				} else {
					moves[p] = struct{}{}
				}
				mu.Unlock()
			}
		}
	})
	for p := range moves {
		delete(r.places, p)
	}
	return err
}
