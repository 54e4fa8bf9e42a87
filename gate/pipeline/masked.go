package pipeline

import (
	"context"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A user's mask is for what is made anew each time. What it hides and is somebody's is not:
// every replay of production gives it to the same person, and few others have it. The mask
// is refused there, and the value compared.
//
// Values of few possible forms are the same in two replays by chance, a code of two digits
// as much as a minute. So a place is asked as a whole: what one replay gives to somebody and
// another to somebody else follows chance or the order of arrival. And a mask may hide what
// each build makes otherwise, by a key of its own: where nothing that production gives to a
// person at a place is in staging at all, the mask stands.
//
// What a mask hides is asked as a whole and piece by piece, after its layers are undone: beside
// something random a record number stays somebody's. Such a piece is compared, and what stands
// beside it stays hidden. A piece of some length is known wherever it stands in the part. A short
// one, which anything random holds now and then, is known at its place alone, where all have one:
// by how many pieces stand before it, or behind it, or by the name before it.

// A key by which a request is done once is made anew, and is asked piece by piece too: it may begin
// with the account that it is for. What stands where all of production's have one and the same, which
// is no word, is compared as well: for another account it would be another.

// keyRule is the rule by which such keys are hidden.
const keyRule = "idempotency-key"

// inPieces reports whether h is asked piece by piece.
func inPieces(h *gate.Hidden) bool { return h.User || h.Rule == keyRule }

// A maskedPiece is what a user's mask hides, or a piece of it. at says which: "" is the whole, and
// anywhere a piece of some length.
type maskedPiece struct{ at, text string }

const (
	anywhere = "*"
	inKeys   = "#" // begins the place of a piece of a key
)

// Bounds of the pieces of one hidden value.
const (
	mostCut     = 64
	longestCut  = 4 << 10 // bytes of a value that is asked piece by piece
	longestName = 24      // of a piece that names the one behind it
	leastLong   = 5       // bytes of a piece that is known wherever it stands
)

// maskedPieces calls each for what h hides, as a whole and piece by piece.
func maskedPieces(h *gate.Hidden, each func(maskedPiece)) {
	each(maskedPiece{text: h.Value})
	if len(h.Value) > longestCut {
		return
	}
	if h.Rule == keyRule {
		for i, p := range cutPieces(h.Value) {
			each(maskedPiece{inKeys + strconv.Itoa(i), p})
		}
	}
	if pieces := cutPieces(h.Value); len(pieces) != 1 || pieces[0] != h.Value {
		placePieces("", pieces, each)
	}
	layers := map[string][]string{} // what stands under layers, by these
	var order []string
	exposure.InText(h.Part, h.Value, func(f *exposure.Found) {
		if f.Layers == "" || f.Kind == gate.FactPhrase || f.Kind == gate.FactDigest {
			return
		}
		at := f.Layers + "/" + string(f.Kind)
		if layers[at] == nil {
			order = append(order, at)
		}
		layers[at] = append(layers[at], f.Value())
	})
	for _, at := range order {
		placePieces(at, layers[at], each)
	}
}

// placePieces calls each for pieces, under the layers that are named, in their places.
func placePieces(layers string, pieces []string, each func(maskedPiece)) {
	pieces = pieces[:min(len(pieces), mostCut)]
	for i, p := range pieces {
		for _, run := range longFigures(p) {
			each(maskedPiece{anywhere, run})
		}
		if len(p) >= leastLong {
			each(maskedPiece{anywhere, p})
			continue
		}
		each(maskedPiece{layers + "<" + strconv.Itoa(i), p})
		each(maskedPiece{layers + ">" + strconv.Itoa(len(pieces)-1-i), p})
		if i > 0 && len(pieces[i-1]) <= longestName && countDigits(pieces[i-1]) == 0 {
			each(maskedPiece{layers + "=" + pieces[i-1], p})
		}
	}
}

// cutPieces returns the times in text, and the runs of letters and figures besides: the hour of a
// clock is the same in two replays, and another for some, whoever they are.
func cutPieces(text string) (pieces []string) {
	apart := func(text string) {
		pieces = append(pieces, strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) })...)
	}
	from := 0
	for _, at := range timesIn.FindAllStringIndex(text, -1) {
		apart(text[from:at[0]])
		pieces = append(pieces, text[at[0]:at[1]])
		from = at[1]
	}
	apart(text[from:])
	return pieces
}

// timesIn are moments, and times of day.
var timesIn = regexp.MustCompile(moments.String() + "|" + clockTimes.String() + `|\b([01]?\d|2[0-3]):[0-5]\d\b`)

// longFigures returns the runs of figures in a word that are known wherever they stand, where it is
// more than they are.
func longFigures(word string) (runs []string) {
	for i := 0; i < len(word); {
		end := i
		for end < len(word) && '0' <= word[end] && word[end] <= '9' {
			end++
		}
		if end-i >= leastLong && end-i < len(word) {
			runs = append(runs, word[i:end])
		}
		i = max(end, i+1)
	}
	return runs
}

// maskedKey names what a user's mask hides: the whole wherever it stands, a piece in its part.
func maskedKey(h *gate.Hidden, p maskedPiece) uint64 {
	if p.at == "" {
		return gate.HashWord(h.Rule + "\x00" + p.text)
	}
	return gate.HashWord(h.Rule + "\x00" + withoutIndexes(h.Part) + "\x00" + p.at + "\x00" + p.text)
}

// maskedPair names what a user's mask hides, its place, and whose it is.
func maskedPair(m *gate.Canonical, h *gate.Hidden, p maskedPiece, whose uint64) uint64 {
	return (maskedPlaceKey(m, h, p)*hashPrime^maskedKey(h, p))*hashPrime ^ whose
}

// maskedPlaceKey names a place in messages of one class under one mask.
func maskedPlaceKey(m *gate.Canonical, h *gate.Hidden, p maskedPiece) uint64 {
	return placeKey(m, h)*hashPrime ^ gate.HashWord(m.Class+"\x00"+h.Rule+"\x00"+p.at)
}

// maskedIn returns the pieces of what h hides that are compared, each once, and whether h is
// compared whole.
func (r *revealing) maskedIn(m *gate.Canonical, h *gate.Hidden) (pieces []string, whole bool) {
	maskedPieces(h, func(p maskedPiece) {
		_, ok := r.masked[maskedKey(h, p)]
		if !ok && strings.HasPrefix(p.at, inKeys) {
			_, ok = r.fixed[maskedPlaceKey(m, h, p)]
		}
		if !ok {
			return
		}
		if p.at == "" {
			whole = true
		} else if !slices.Contains(pieces, p.text) {
			pieces = append(pieces, p.text)
		}
	})
	return pieces, whole
}

// peopleOf gives the hashes of whom m is to, or, where it goes to an outside party, of the
// stimulus that caused it. Where that is not known, it is for whomever it says besides, which is
// content.
func peopleOf(m *gate.Canonical, causes traceSet, content gate.Digest) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, to := range m.Recipients {
			who := gate.HashWord(to.ID())
			if to.Kind == gate.Host {
				if who = causes.cause(m); who == 0 {
					who = bodyKey(content)
				}
			}
			if !yield(who) {
				return
			}
		}
	}
}

// refuseMask counts that a mask was refused.
func refuseMask(masks []gate.Masked, h *gate.Hidden) []gate.Masked {
	masks = slices.Clone(masks)
	for i := range masks {
		if m := &masks[i]; m.Rule == h.Rule && m.Part == h.Part && m.Count > 0 {
			m.Count--
			m.Bytes -= min(m.Bytes, uint64(len(h.Value)))
			break
		}
	}
	masks = slices.DeleteFunc(masks, func(m gate.Masked) bool { return m.Rule == h.Rule && m.Part == h.Part && m.Count == 0 })
	return append(masks, gate.Masked{Rule: gate.RefusedMask + h.Rule, Part: h.Part, Count: 1})
}

// maskedRuns are the runs that say what users' masks hide of people.
type maskedRuns struct {
	o       *Options
	first   *scanned
	again   []*scanned
	staging *scanned
}

// others are the runs that say what of the first replay is stable: production's, or, where
// there is but one, staging.
func (r *maskedRuns) others() []*scanned {
	if len(r.again) > 0 {
		return r.again
	}
	return []*scanned{r.staging}
}

// maskedPlace is what is known of a place in the first replay of production.
type maskedPlace struct {
	short  bool // of short pieces of what is hidden
	key    bool // of pieces of keys
	people map[uint64]struct{}
	values map[uint64]*maskedValue // by maskedKey
}

type maskedValue struct {
	length int
	word   bool // it has no figures
	people map[uint64]struct{}
	held   int // by so many people
	kept   int // by so many in each other run too
	moved  int // by so many who have it not in another run in which somebody has it
}

// maskedAnew adds to r what users' masks hide and is not made anew.
func (r *revealing) maskedAnew(ctx context.Context, causes traceSet, runs *maskedRuns) error {
	others := runs.others()
	recurs := slices.ContainsFunc(runs.first.hidden.masked, func(v uint64) bool {
		return !slices.ContainsFunc(others, func(s *scanned) bool { return !has(s.hidden.masked, v) })
	})
	if !recurs {
		return nil
	}
	places := map[uint64]*maskedPlace{}
	var mu sync.Mutex
	_, err := runs.first.side.stream(ctx, runs.o.workers(), func() func(place, *gate.Canonical) {
		var d gate.Digester
		return func(_ place, m *gate.Canonical) {
			content := d.Content(m)
			for i := range m.Hidden {
				if h := &m.Hidden[i]; inPieces(h) {
					mu.Lock()
					maskedPieces(h, func(p maskedPiece) { sightMasked(places, m, h, &sightMaskedIn{p, causes, content, others}) })
					mu.Unlock()
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for at, p := range places {
		if p.constant() {
			r.fixed[at] = struct{}{}
		}
		if p.somebodys(len(runs.again), func(v uint64) bool { return has(runs.staging.hidden.masked, v) }) {
			for k, v := range p.values {
				if p.counts(v, len(runs.again)) && (v.kept == v.held || len(runs.again) == 0) {
					r.masked[k] = struct{}{}
				}
			}
		}
	}
	return nil
}

func has(sorted hashes, k uint64) bool {
	_, ok := slices.BinarySearch(sorted, k)
	return ok
}

type sightMaskedIn struct {
	piece   maskedPiece
	causes  traceSet
	content gate.Digest // of the message
	others  []*scanned
}

// sightMasked notes what a mask hides in a message of the first replay.
func sightMasked(places map[uint64]*maskedPlace, m *gate.Canonical, h *gate.Hidden, in *sightMaskedIn) {
	at, key := maskedPlaceKey(m, h, in.piece), maskedKey(h, in.piece)
	p := places[at]
	if p == nil {
		p = &maskedPlace{key: strings.HasPrefix(in.piece.at, inKeys), short: in.piece.at != "" && in.piece.at != anywhere, people: map[uint64]struct{}{}, values: map[uint64]*maskedValue{}}
		places[at] = p
	}
	v := p.values[key]
	if v == nil {
		v = &maskedValue{length: len(in.piece.text), word: countDigits(in.piece.text) == 0, people: map[uint64]struct{}{}}
		p.values[key] = v
	}
	for who := range peopleOf(m, in.causes, in.content) {
		if _, ok := v.people[who]; ok {
			continue
		}
		p.people[who], v.people[who] = struct{}{}, struct{}{}
		v.held++
		pair := maskedPair(m, h, in.piece, who)
		switch {
		case !slices.ContainsFunc(in.others, func(s *scanned) bool { return !has(s.hidden.maskedOwned, pair) }):
			v.kept++
		case slices.ContainsFunc(in.others, func(s *scanned) bool { return has(s.hidden.masked, key) && !has(s.hidden.maskedOwned, pair) }):
			v.moved++
		}
	}
}

// few reports whether a value is that of few of those who have one at the place.
func (p *maskedPlace) few(v *maskedValue) bool { return v.held > 0 && v.held*2 <= len(p.people) }

// constant reports whether all keys of production have one and the same at the place, which is no
// word.
func (p *maskedPlace) constant() bool {
	if !p.key || len(p.people) < 2 || len(p.values) != 1 {
		return false
	}
	for _, v := range p.values {
		return !v.word && v.kept == v.held
	}
	return false
}

// counts reports whether a value says anything of whose the values at the place are: it is that of
// few, and, where there is but one replay of production, no short piece, which staging has by chance.
func (p *maskedPlace) counts(v *maskedValue, replays int) bool {
	return p.few(v) && (replays > 0 || !p.short)
}

// somebodys reports whether the values at a place are people's own. replays is how many
// replays of production there are besides the first; inStaging says which values staging has.
func (p *maskedPlace) somebodys(replays int, inStaging func(uint64) bool) bool {
	var held, kept, moved, recur int
	same := 0.0 // the chance that two values drawn here are the same, times people squared
	for k, v := range p.values {
		if !p.counts(v, replays) {
			continue
		}
		held, kept, moved = held+v.held, kept+v.kept, moved+v.moved
		same += float64(v.held) * max(float64(v.held-1), float64(v.held)*math.Pow(10, -float64(v.length)))
		if inStaging(k) {
			recur++
		}
	}
	switch {
	case held < 2 || recur == 0:
		return false
	case replays == 0: // staging alone says that values are not made anew, and to whom they go is the question
		return (kept+moved)*2 >= held && kept+moved >= 2
	case kept < 2 || kept <= 4*moved || p.short && kept < held:
		return false
	}
	return float64(kept*replays)*math.Log(same/float64(held*held)) < math.Log(unlikely)
}
