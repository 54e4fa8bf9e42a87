package exposure

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
)

// maxHolders is how many holders of a fact are told apart. A fact of more is
// common: it identifies nobody.
const maxHolders = 1024

// maxCandidates is how many people may be named as the possible owner of a fact
// that no single one of them held alone.
const maxCandidates = 16

// Owners says who held which facts in one run. It is asked for facts first
// ([Owners.Want]), then shown every delivery ([Owners.Hold]), and then answers.
// Want may not be called while Hold is; Hold may be called from many goroutines.
type Owners struct {
	mu      sync.Mutex
	wanted  map[Key]*holders
	digests map[string]Key // digests that are wanted, and their keys
	people  []gate.Recipient
	numbers map[string]uint32 // index in people by identity
	hashed  map[string]bool   // identities whose digests were compared already
}

type holders struct {
	list   []uint32 // sorted, each once
	common bool
	self   int64 // the recipient whose identity the fact is; -1 is none
}

// NewOwners returns an empty index.
func NewOwners() *Owners {
	return &Owners{wanted: map[Key]*holders{}, digests: map[string]Key{}, numbers: map[string]uint32{}, hashed: map[string]bool{}}
}

// Want asks for the owners of f.
func (o *Owners) Want(f *Found) {
	k := f.Key()
	if o.wanted[k] == nil {
		o.wanted[k] = &holders{self: -1}
	}
	if f.Kind == gate.FactDigest {
		o.digests[f.Value()] = k
	}
}

// Wanted reports whether anything was asked for.
func (o *Owners) Wanted() bool { return len(o.wanted) > 0 }

// People is how many different holders were seen.
func (o *Owners) People() int { return len(o.people) }

// Hold notes the facts of parts as held by each of to, and to's own identities as theirs.
func (o *Owners) Hold(to []gate.Recipient, parts []gate.Part) {
	var keys []Key
	var identities []string
	note := func(f *Found) {
		k := f.Key()
		if o.wanted[k] != nil {
			keys = append(keys, k)
		}
		if len(o.digests) > 0 && (f.Kind == gate.FactAddress || f.Kind == gate.FactPhone) {
			identities = append(identities, f.Value())
		}
	}
	In(parts, note)
	slices.Sort(keys)
	keys = slices.Compact(keys)

	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range to {
		n := o.number(r)
		for _, k := range keys {
			o.wanted[k].add(n)
		}
		if r.Kind != gate.Host {
			self := []pair{{gate.FactAddress, r.Address}, {gate.FactPhone, strings.TrimPrefix(r.Address, "+")}, {gate.FactValue, strings.ToLower(r.Address)}}
			for _, f := range self {
				if h := o.wanted[key(f.kind, f.value)]; h != nil {
					h.self = int64(n)
				}
			}
			o.digest(r.Address, func(h *holders) { h.self = int64(n) })
		}
	}
	for _, id := range identities {
		o.digest(id, func(h *holders) {
			for _, r := range to {
				h.add(o.number(r))
			}
		})
	}
}

// pair is a kind of fact and its value.
type pair struct {
	kind  gate.FactKind
	value string
}

// digest calls held for each wanted digest of identity.
func (o *Owners) digest(identity string, held func(*holders)) {
	if len(o.digests) == 0 {
		return
	}
	for _, d := range digestsOf(identity) {
		if k, ok := o.digests[d]; ok {
			held(o.wanted[k])
		}
	}
}

func (o *Owners) number(r gate.Recipient) uint32 {
	id := r.ID()
	n, ok := o.numbers[id]
	if !ok {
		n = uint32(len(o.people))
		o.numbers[id] = n
		r.Role = ""
		o.people = append(o.people, r)
	}
	return n
}

func (h *holders) add(n uint32) {
	at, found := slices.BinarySearch(h.list, n)
	switch {
	case found || h.common:
	case len(h.list) == maxHolders:
		h.list, h.common = nil, true
	default:
		h.list = slices.Insert(h.list, at, n)
	}
}

// Foreign reports whether f belongs to somebody, and not to all of to: typed facts
// that an edit moves.
func (o *Owners) Foreign(f *Found, to []gate.Recipient) bool {
	h := o.wanted[f.Key()]
	if h == nil || h.common || len(h.list) == 0 && h.self < 0 {
		return false
	}
	for _, r := range to {
		n, known := o.numbers[r.ID()]
		if !known || !h.holds(n) {
			return true
		}
	}
	return false
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
	Before []gate.Part // what the same recipient's delivery held in production; nil for none

	// TypedOnly leaves words and phrases out: the message was reworded alike for all.
	TypedOnly bool

	// Stimuli says that the index is of stimuli: nothing in it was ever received,
	// and a single word may be a search term.
	Stimuli bool
}

// Exposed says whose facts d holds, heaviest first. Facts that nobody held, that
// many hold, or that the recipient held together with others, say nothing.
func (o *Owners) Exposed(d Delivery) []gate.Exposure {
	had := map[Key]bool{}
	if d.Before != nil {
		In(d.Before, func(f *Found) { had[f.Key()] = true })
	}
	me, known := o.numbers[d.To.ID()]
	t := tally{owners: o, mine: map[uint32]*weight{}}
	seen := map[Key]bool{}
	var shared []Found
	In(d.After, func(f *Found) {
		k := f.Key()
		h := o.wanted[k]
		if seen[k] || h == nil || h.common || d.TypedOnly && !Typed(f.Kind) {
			return
		}
		seen[k] = true
		switch {
		case known && h.holds(me):
			if len(h.list) <= 1 && (h.self < 0 || h.self == int64(me)) {
				t.add(me, f, 1, !had[k] && f.Kind != gate.FactWord && f.Kind != gate.FactPhrase)
			}
		case h.self >= 0:
			t.add(uint32(h.self), f, 1, true)
		case len(h.list) == 1:
			t.add(h.list[0], f, 1, true)
		case len(h.list) > 1 && len(h.list) <= maxCandidates:
			shared = append(shared, *f)
		}
	})
	for i := range shared {
		f := &shared[i]
		list := o.wanted[f.Key()].list
		if !slices.ContainsFunc(list, func(n uint32) bool { return t.mine[n] != nil && t.mine[n].strong }) {
			for _, n := range list {
				t.add(n, f, len(list), true)
			}
		}
	}
	var out []gate.Exposure
	for n, w := range t.mine {
		if !w.strong && !(d.Stimuli && w.Bits >= 3) {
			continue
		}
		w.Owner = o.people[n]
		w.Own = known && n == me
		w.Stimuli = d.Stimuli
		out = append(out, w.Exposure)
	}
	slices.SortFunc(out, func(x, y gate.Exposure) int {
		return cmp.Or(cmp.Compare(y.Bits, x.Bits), strings.Compare(x.Owner.ID(), y.Owner.ID()))
	})
	return out
}

// tally adds up what is held of each owner.
type tally struct {
	owners *Owners
	mine   map[uint32]*weight
}

type weight struct {
	gate.Exposure
	strong bool
}

const maxSample = 4

func (t *tally) add(n uint32, f *Found, among int, isNew bool) {
	w := t.mine[n]
	if w == nil {
		w = &weight{}
		t.mine[n] = w
	}
	bits := math.Log2(float64(max(len(t.owners.people), 2)) / float64(among))
	w.Facts++
	w.Bits += bits
	w.New = w.New || isNew
	w.strong = w.strong || Strong(f.Kind)
	fact := gate.Fact{Kind: f.Kind, Value: gate.Clip(f.Value(), 120), Part: f.Part, Layers: f.Layers, Bits: bits}
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
