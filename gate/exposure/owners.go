package exposure

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// maxHolders is how many holders of a fact are told apart. A fact of more is
// common: it identifies nobody.
const maxHolders = 1024

// maxCandidates is how many people may be named as the possible owner of a fact
// that no single one of them held alone.
const maxCandidates = 16

// Owners says who held which facts in one run. It is asked for facts first
// ([Owners.Want]), then shown every delivery ([Owners.Hold]) or what was gathered of
// them before ([Owners.LookUp]), and then answers. Want may not be called while Hold
// is; Hold may be called from many goroutines.
type Owners struct {
	mu      sync.Mutex
	wanted  map[Key]*holders
	digests digestKeys    // digests that are wanted, and their keys
	finders sync.Pool     // of *finder
	commons atomic.Uint64 // how many of wanted are common

	met     map[uint64]struct{} // hashes of all who were shown
	people  []gate.Recipient    // those of them who hold anything that is wanted, or are it
	numbers map[string]uint32   // index in people by identity
	index   Index               // nil where deliveries were shown
	err     error
}

type holders struct {
	list   []uint32 // sorted, each once
	common atomic.Bool
	self   int64 // the recipient whose identity the fact is; -1 is none
}

// NewOwners returns an empty index.
func NewOwners() *Owners {
	o := &Owners{wanted: map[Key]*holders{}, digests: digestKeys{}, met: map[uint64]struct{}{}, numbers: map[string]uint32{}}
	o.finders.New = func() any {
		f := &finder{generation: o.commons.Load, wanted: func(k Key) bool {
			h := o.wanted[k]
			return h != nil && !h.common.Load()
		}}
		if len(o.digests) > 0 {
			f.identity = func(_ gate.FactKind, value string, also func(Key)) {
				o.digests.of(value, also)
			}
		}
		return f
	}
	return o
}

// Want asks for the owners of f.
func (o *Owners) Want(f *Found) {
	k := f.Key()
	if o.wanted[k] == nil {
		o.wanted[k] = &holders{self: -1}
	}
	if f.Kind == gate.FactDigest {
		o.digests.add(f.Value(), k)
	}
}

// WantKeys asks for the owners of facts that are known by their keys alone.
func (o *Owners) WantKeys(keys []Key) {
	for _, k := range keys {
		if o.wanted[k] == nil {
			o.wanted[k] = &holders{self: -1}
		}
	}
}

// Held returns how many people hold the fact with key k, 0 where nobody does or where they
// are more than are told apart.
func (o *Owners) Held(k Key) int {
	h := o.wanted[k]
	if h == nil || h.common.Load() {
		return 0
	}
	return len(h.list)
}

// Known reports whether anybody holds f, or it was not asked for.
func (o *Owners) Known(f *Found) bool {
	h := o.wanted[f.Key()]
	return h == nil || h.self >= 0 || h.common.Load() || len(h.list) > 0
}

// Wanted reports whether anything was asked for.
func (o *Owners) Wanted() bool { return len(o.wanted) > 0 }

// People is how many different holders there are.
func (o *Owners) People() int {
	if o.index != nil {
		return o.index.People()
	}
	return len(o.met)
}

// Hold notes the facts of parts as held by each of to, and to's own identities as theirs.
func (o *Owners) Hold(to []gate.Recipient, parts []gate.Part) {
	f := o.finders.Get().(*finder)
	defer o.finders.Put(f)
	keys := f.of(parts)
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range to {
		n, ok := o.hold(r, len(keys) > 0)
		if !ok {
			continue
		}
		for _, k := range keys {
			if h := o.wanted[k]; h.add(n) {
				o.commons.Add(1)
			}
		}
	}
}

// hold gives the number of r, whose own identities are noted when r is first met. Who
// holds nothing, and is nothing that is wanted, needs none: there may be millions.
func (o *Owners) hold(r gate.Recipient, holds bool) (n uint32, ok bool) {
	id := r.ID()
	hash := gate.HashWord(id)
	_, again := o.met[hash]
	if again && !holds {
		return 0, false
	}
	if n, ok := o.numbers[id]; ok {
		return n, true
	}
	o.met[hash] = struct{}{}
	n = uint32(len(o.people))
	if !again {
		o.own(r, func(h *holders) {
			// Where two have one identity, who is met first does not decide.
			if h.self < 0 || h.self != int64(n) && hash < gate.HashWord(o.people[h.self].ID()) {
				h.self = int64(n)
				holds = true
			}
		})
	}
	if !holds {
		return 0, false
	}
	o.numbers[id] = n
	r.Role = ""
	o.people = append(o.people, r)
	return n, true
}

// own calls self for each wanted fact that is an identity of r.
func (o *Owners) own(r gate.Recipient, self func(*holders)) {
	if r.Kind == gate.Host {
		return
	}
	for _, k := range identityKeys(r) {
		if h := o.wanted[k]; h != nil {
			self(h)
		}
	}
	if len(o.digests) == 0 {
		return
	}
	o.digests.of(r.Address, func(k Key) { self(o.wanted[k]) })
}

// identityKeys gives the keys of the facts that are r by themselves.
func identityKeys(r gate.Recipient) [3]Key {
	return [3]Key{
		key(gate.FactAddress, r.Address),
		key(gate.FactPhone, strings.TrimPrefix(r.Address, "+")),
		key(gate.FactValue, strings.ToLower(r.Address)),
	}
}

// add adds a holder, and reports whether the fact has become common by that.
func (h *holders) add(n uint32) bool {
	if h.common.Load() {
		return false
	}
	at, found := slices.BinarySearch(h.list, n)
	switch {
	case found:
	case len(h.list) == maxHolders:
		h.list = nil
		h.common.Store(true)
		return true
	default:
		h.list = slices.Insert(h.list, at, n)
	}
	return false
}

// Foreign reports whether part, which an edit made alike put into the messages of all of
// to, holds what belongs to somebody and not to all of them: an identity, or words that
// are distinctive. An address of one of the domains own, which nobody who receives has, is
// the sender's.
func (o *Owners) Foreign(part gate.Part, to []gate.Recipient, own []string) bool {
	whom := o.audience(to)
	foreign := false
	In([]gate.Part{part}, func(f *Found) { foreign = foreign || o.foreign(f, whom, own) })
	if foreign {
		return true
	}
	for n := range o.distinctive([]gate.Part{part}, o.fewBut(whom.all)) {
		if !whom.parties[n] {
			return true
		}
	}
	return false
}

// An audience is whom a message goes to: people, by their numbers, -1 for who holds nothing,
// and outside parties, who have others' facts by rights, and of nobody's messages but theirs.
type audience struct {
	people  []int64
	parties map[uint32]bool
}

func (o *Owners) audience(to []gate.Recipient) *audience {
	a := &audience{parties: map[uint32]bool{}}
	for _, r := range to {
		n, ok := o.number(r)
		switch {
		case r.Kind == gate.Host && ok:
			a.parties[n] = true
		case r.Kind == gate.Host:
		case ok:
			a.people = append(a.people, int64(n))
		default:
			a.people = append(a.people, -1)
		}
	}
	return a
}

// all reports whether all people of a hold what h does.
func (a *audience) all(h *holders) bool {
	for _, n := range a.people {
		if n < 0 || !h.holds(uint32(n)) {
			return false
		}
	}
	return len(a.people) > 0
}

// foreign reports whether f identifies somebody and is not everybody's in whom.
func (o *Owners) foreign(f *Found, whom *audience, own []string) bool {
	h := o.wanted[f.Key()]
	if h == nil || h.common.Load() || !Typed(f.Kind) && !identifies(f) || h.sender(f, own) || whom.all(h) {
		return false
	}
	owned := h.self >= 0 || slices.ContainsFunc(h.list, func(n uint32) bool { return !whom.parties[n] })
	return owned && (h.self >= 0 || o.bits(len(h.list)) > 0)
}

// ForeignFact reports of one fact what [Owners.Foreign] does of a part.
func (o *Owners) ForeignFact(f *Found, to []gate.Recipient, own []string) bool {
	return o.foreign(f, o.audience(to), own)
}

// ForeignName reports whether two words, which must have been wanted, are the name of one
// person who is none of to: who alone held both, and held one of them alone or has it in the
// address.
func (o *Owners) ForeignName(words [2]*Found, to []gate.Recipient) bool {
	whom := o.audience(to)
	var lists [2][]uint32
	for i, f := range words {
		h := o.wanted[f.Key()]
		if h == nil || !o.few(h) || whom.all(h) {
			return false
		}
		lists[i] = slices.DeleteFunc(slices.Clone(h.list), func(n uint32) bool { return o.person(n).Kind == gate.Host })
	}
	both := slices.DeleteFunc(slices.Clone(lists[0]), func(n uint32) bool { return !slices.Contains(lists[1], n) })
	if len(both) != 1 {
		return false
	}
	n := both[0]
	return len(lists[0]) == 1 || len(lists[1]) == 1 || o.named(n, words[0].text[0]) || o.named(n, words[1].text[0])
}

// Called returns who of production is called by two words, which must have been wanted: the one
// person who held both, where few held either and one of them is in that person's address. sure is
// false where nothing but that nobody else held either says so.
func (o *Owners) Called(words [2]*Found) (who gate.Recipient, sure, ok bool) {
	var lists [2][]uint32
	for i, f := range words {
		h := o.wanted[f.Key()]
		if h == nil || !o.few(h) {
			return gate.Recipient{}, false, false
		}
		lists[i] = slices.DeleteFunc(slices.Clone(h.list), func(n uint32) bool { return o.person(n).Kind == gate.Host })
	}
	both := slices.DeleteFunc(slices.Clone(lists[0]), func(n uint32) bool { return !slices.Contains(lists[1], n) })
	if len(both) != 1 {
		return gate.Recipient{}, false, false
	}
	sure = o.named(both[0], words[0].text[0]) || o.named(both[0], words[1].text[0])
	return o.person(both[0]), sure, sure || len(lists[0]) == 1 && len(lists[1]) == 1
}

// identifies reports whether a whole value is more than a word of a vocabulary: two words,
// or four digits.
func identifies(f *Found) bool {
	return f.Kind == gate.FactBinary || f.Kind == gate.FactValue && (digits(f.text[0]) >= 4 || strings.ContainsAny(f.text[0], " @"))
}

// sender reports whether f is an address of one of the domains own that is no recipient's.
func (h *holders) sender(f *Found, own []string) bool {
	if h.self >= 0 || len(own) == 0 || f.Kind != gate.FactAddress && f.Kind != gate.FactValue {
		return false
	}
	at := strings.LastIndexByte(f.text[0], '@')
	return at > 0 && slices.Contains(own, strings.ToLower(f.text[0][at+1:]))
}

// bits is what a fact says that k people hold.
func (o *Owners) bits(k int) float64 {
	return math.Log2(float64(max(o.People(), 2)) / float64(max(k, 1)))
}

// few reports whether h is held by so few that it points at them: half of all at the most.
func (o *Owners) few(h *holders) bool {
	return !h.common.Load() && len(h.list) > 0 && len(h.list) <= maxCandidates && o.bits(len(h.list)) >= 1
}

// longRun is how many phrases of one person, each beginning a word behind the other, are
// no chance, however ordinary their words.
const longRun = 3

// distinctive returns whose words parts hold beyond chance. Of whoever held a word, or
// three words in a row, in production, with few others or alone, they are:
//
//   - three words in a row of theirs, one of which is theirs too: what it is about;
//   - two words beside each other in capitals that they alone had, as of a name;
//   - a word that they alone had and that is in their own address;
//   - three times three words in a row of theirs: a sentence.
//
// of gives who holds a fact, as far as it points at them: see fewBut.
func (o *Owners) distinctive(parts []gate.Part, of func(*holders) []uint32) map[uint32]bool {
	whose := map[uint32]bool{}
	var where [2]string // part and layers
	var words [phraseSize][]uint32
	capital := false // the last word begins with one
	run := map[uint32]int{}
	In(parts, func(f *Found) {
		if f.Kind != gate.FactWord && f.Kind != gate.FactNumber && f.Kind != gate.FactPhrase {
			return
		}
		if at := [2]string{f.Part, f.Layers}; at != where {
			where, words, run = at, [phraseSize][]uint32{}, map[uint32]int{}
		}
		var list []uint32
		if h := o.wanted[f.Key()]; h != nil {
			list = of(h)
		}
		if f.Kind != gate.FactPhrase {
			copy(words[:], words[1:])
			words[phraseSize-1] = list
			c, _ := utf8.DecodeRuneInString(f.text[0])
			name := capital && unicode.IsUpper(c) && slices.Equal(list, words[phraseSize-2])
			capital = unicode.IsUpper(c)
			if len(list) == 1 && (name || o.named(list[0], f.text[0])) {
				whose[list[0]] = true
			}
			return
		}
		next := map[uint32]int{}
		for _, n := range list {
			next[n] = run[n] + 1
			if next[n] >= longRun || slices.ContainsFunc(words[:], func(l []uint32) bool { return slices.Contains(l, n) }) {
				whose[n] = true
			}
		}
		run = next
	})
	return whose
}

// fewBut gives the holders of a fact where they are few, and nobody where mine says that nothing
// is asked of them: facts that they hold are nobody else's.
func (o *Owners) fewBut(mine func(*holders) bool) func(*holders) []uint32 {
	return func(h *holders) []uint32 {
		if !o.few(h) || mine(h) {
			return nil
		}
		return h.list
	}
}

// Whose returns whom parts of a message to an outside party are about: of all people, and
// outside parties are none, they alone had a typed fact of these, or they had words that are
// distinctive. They are sorted. Facts that were not wanted say nothing.
func (o *Owners) Whose(parts []gate.Part) []gate.Recipient {
	people := func(h *holders) []uint32 {
		if h.common.Load() {
			return nil
		}
		list := slices.DeleteFunc(slices.Clone(h.list), func(n uint32) bool { return o.person(n).Kind == gate.Host })
		if len(list) > maxCandidates || o.bits(len(list)) < 1 {
			return nil
		}
		return list
	}
	whose := o.distinctive(parts, people)
	In(parts, func(f *Found) {
		h := o.wanted[f.Key()]
		if h == nil || !Typed(f.Kind) && !identifies(f) {
			return
		}
		if h.self >= 0 {
			whose[uint32(h.self)] = true
		} else if list := people(h); len(list) == 1 {
			whose[list[0]] = true
		}
	})
	out := make([]gate.Recipient, 0, len(whose))
	for n := range whose {
		out = append(out, o.person(n))
	}
	slices.SortFunc(out, func(x, y gate.Recipient) int { return strings.Compare(x.ID(), y.ID()) })
	return out
}

// named reports whether word is in the address of person n.
func (o *Owners) named(n uint32, word string) bool {
	r := o.person(n)
	local, _, ok := strings.Cut(r.Address, "@")
	return ok && len(word) >= 3 && slices.ContainsFunc(strings.FieldsFunc(local, func(c rune) bool { return strings.ContainsRune(".-_+", c) }),
		func(part string) bool { return strings.EqualFold(part, word) })
}

func (h *holders) holds(n uint32) bool {
	if h.self == int64(n) {
		return true
	}
	_, found := slices.BinarySearch(h.list, n)
	return found
}

// A Delivery is what an exposure is asked about.
type Delivery struct {
	To     gate.Recipient
	After  []gate.Part
	Before func() []gate.Part // gives what the same recipient's delivery held in production; nil for none

	// Origins are all who had exactly this body in production, where that is known:
	// what it holds is theirs, whoever else held some of it.
	Origins []gate.Recipient

	// Own are domains that the sender has for its own: an address in one of them that is no
	// recipient's is nobody's.
	Own []string

	// Alike says that the message was edited alike for all: then words and phrases are
	// somebody's only where they are distinctive, since many of a template's are anybody's.
	Alike bool

	// Fresh reports whether a value is new in each run: it is no part of digests. It may be nil.
	Fresh func(value string) bool

	// Stimuli says that the index is of stimuli: nothing in it was ever received,
	// and a single word may be a search term.
	Stimuli bool
}

// Exposed says whose facts d holds, heaviest first. Facts that nobody held, that
// many hold, or that the recipient held together with others, say nothing.
func (o *Owners) Exposed(d Delivery) []gate.Exposure {
	had := sync.OnceValue(func() map[Key]bool {
		keys := map[Key]bool{}
		if d.Before != nil {
			In(d.Before(), func(f *Found) { keys[f.Key()] = true })
		}
		return keys
	})
	me, known := o.number(d.To)
	t := tally{owners: o, fresh: d.Fresh, mine: map[uint32]*weight{}}
	var origins []uint32
	for _, r := range d.Origins {
		if n, ok := o.number(r); ok {
			origins = append(origins, n)
		}
	}
	seen := map[Key]bool{}
	var shared []Found
	var distinctive map[uint32]bool
	if d.Alike || d.Before != nil {
		distinctive = o.distinctive(d.After, o.fewBut(func(h *holders) bool { return known && h.holds(me) }))
	}
	anybodys := func(f *Found, n uint32) bool {
		return d.Alike && (f.Kind == gate.FactWord || f.Kind == gate.FactPhrase || f.Kind == gate.FactValue && !identifies(f)) && !distinctive[n]
	}
	In(d.After, func(f *Found) {
		k := f.Key()
		h := o.wanted[k]
		if h == nil || h.common.Load() || seen[k] || h.sender(f, d.Own) || d.Before == nil && !d.Stimuli && isSender(f) {
			return
		}
		seen[k] = true
		switch {
		case known && h.holds(me):
			if len(h.list) <= 1 && (h.self < 0 || h.self == int64(me)) {
				isNew := f.Kind != gate.FactWord && f.Kind != gate.FactPhrase && !had()[k]
				t.add(me, f, 1, isNew)
			}
		case h.self >= 0:
			t.add(uint32(h.self), f, 1, true)
		case len(h.list) == 1:
			if !anybodys(f, h.list[0]) {
				t.add(h.list[0], f, 1, true)
			}
		case len(h.list) > 1 && len(h.list) <= maxCandidates && o.tells(f, h, origins):
			shared = append(shared, *f)
		}
	})
	// What several held points at those to whom more points: whose body this is, then
	// who held something that fewer did.
	slices.SortStableFunc(shared, func(x, y Found) int {
		return cmp.Compare(len(o.wanted[x.key].list), len(o.wanted[y.key].list))
	})
	for i := range shared {
		f := &shared[i]
		list := o.wanted[f.key].list
		theirs := slices.DeleteFunc(slices.Clone(list), func(n uint32) bool { return !slices.Contains(origins, n) })
		if len(theirs) == 0 {
			theirs = list
		}
		if !slices.ContainsFunc(list, func(n uint32) bool { return t.mine[n] != nil && t.mine[n].strong }) {
			for _, n := range theirs {
				if !anybodys(f, n) {
					t.add(n, f, len(list), true)
				}
			}
		}
	}
	return t.exposures(d, func(n uint32) (own, distinct bool) { return known && n == me, distinctive[n] })
}

// exposures returns what was added up, heaviest first, of whose facts are evidence. of says
// whether a person is the recipient, and whether the words of theirs are distinctive.
func (t *tally) exposures(d Delivery, of func(n uint32) (own, distinct bool)) []gate.Exposure {
	var out []gate.Exposure
	for n, w := range t.mine {
		own, distinct := of(n)
		if !w.strong && !distinct && !(d.Stimuli && w.Bits >= 3) {
			continue
		}
		w.Owner = t.owners.person(n)
		w.Own = own
		if w.counted > 0 {
			w.Digest = fmt.Sprintf("%d %016x%016x", w.counted, w.sum[0], w.sum[1])
		}
		w.Stimuli = d.Stimuli
		out = append(out, w.Exposure)
	}
	slices.SortFunc(out, func(x, y gate.Exposure) int {
		return cmp.Or(cmp.Compare(y.Bits, x.Bits), strings.Compare(x.Owner.ID(), y.Owner.ID()))
	})
	return out
}

// tells reports whether a fact that several hold points at them: what all hold does not,
// and words do not where more than half hold them, unless it is the body of one of origins.
func (o *Owners) tells(f *Found, h *holders, origins []uint32) bool {
	if Typed(f.Kind) || slices.ContainsFunc(origins, h.holds) {
		return o.bits(len(h.list)) > 0
	}
	return o.few(h)
}

// isSender reports whether f says who a message is from.
func isSender(f *Found) bool {
	return f.Kind == gate.FactAddress && (f.Part == "envelope/from" || f.Part == "header/from" || f.Part == "header/sender")
}

// tally adds up what is held of each owner.
type tally struct {
	owners *Owners
	fresh  func(value string) bool
	mine   map[uint32]*weight
}

type weight struct {
	gate.Exposure
	strong bool

	// Of facts that identify by themselves and are not new in each run: how many there are, and
	// the sum of their digests, in which their order does not matter.
	counted int
	sum     [2]uint64
}

// count adds a fact to what the exposure is of.
func (w *weight) count(f *gate.Fact) {
	h := sha256.Sum256([]byte(string(f.Kind) + "\x00" + f.Value))
	w.counted++
	for i := range w.sum {
		w.sum[i] += binary.BigEndian.Uint64(h[8*i:])
	}
}

const maxSample = 4

func (t *tally) add(n uint32, f *Found, among int, isNew bool) {
	w := t.mine[n]
	if w == nil {
		w = &weight{}
		t.mine[n] = w
	}
	bits := math.Log2(float64(max(t.owners.People(), 2)) / float64(among))
	w.Facts++
	w.Bits += bits
	w.New = w.New || isNew
	w.strong = w.strong || Strong(f.Kind)
	fact := gate.Fact{Kind: f.Kind, Value: f.Value(), Part: f.Part, Layers: f.Layers, Bits: bits}
	if f.Kind != gate.FactWord && f.Kind != gate.FactPhrase && (t.fresh == nil || !t.fresh(fact.Value)) {
		w.count(&fact)
	}
	fact.Value = gate.Clip(fact.Value, 120)
	at, _ := slices.BinarySearchFunc(w.Sample, fact, func(x, y gate.Fact) int { return cmp.Compare(telling(y.Kind), telling(x.Kind)) })
	for at < len(w.Sample) && telling(w.Sample[at].Kind) == telling(fact.Kind) {
		at++
	}
	if at < maxSample {
		w.Sample = slices.Insert(w.Sample, at, fact)
		w.Sample = w.Sample[:min(len(w.Sample), maxSample)]
	}
}

// telling ranks kinds of fact by how much they tell a reader.
func telling(k gate.FactKind) int {
	i := slices.Index([]gate.FactKind{gate.FactWord, gate.FactPhrase, gate.FactValue, gate.FactNumber, gate.FactBinary, gate.FactDigest, gate.FactPhone, gate.FactAddress}, k)
	return i
}
