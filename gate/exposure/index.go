package exposure

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// An Index is what was gathered of all deliveries of one run, as [Gatherer] gives it.
// People are numbered from 0, in order of the hashes of their identities.
type Index interface {
	People() int
	Number(id string) (n uint32, ok bool) // of a person, by [gate.Recipient.ID]
	Person(n uint32) (gate.Recipient, error)

	// Holders calls held for each of keys, which are sorted, that anybody held, with
	// who did, sorted, each once; common where they are more than [MaxHolders].
	Holders(keys []Key, held func(k Key, people []uint32, common bool)) error

	// Selves calls self for each of keys, which are sorted, that is an identity of
	// somebody, with the first who has it.
	Selves(keys []Key, self func(k Key, n uint32)) error

	// Identities calls found for each identity that stood in a text.
	Identities(found func(kind gate.FactKind, value string)) error
}

// MaxHolders is how many holders of a fact are told apart: see [Index].
const MaxHolders = maxHolders

// LookUp notes of all that is wanted what index says, in place of [Owners.Hold].
func (o *Owners) LookUp(index Index) error {
	keys := slices.Sorted(maps.Keys(o.wanted))
	err := index.Holders(keys, func(k Key, people []uint32, common bool) {
		o.wanted[k].join(people, common)
	})
	if err == nil {
		err = index.Selves(keys, func(k Key, n uint32) { o.wanted[k].self = int64(n) })
	}
	o.index = index
	if err != nil || len(o.digests) == 0 {
		return err
	}
	return o.lookUpDigests()
}

// join adds holders.
func (h *holders) join(people []uint32, common bool) {
	for _, n := range people {
		h.add(n)
	}
	if common {
		h.list = nil
		h.common.Store(true)
	}
}

// lookUpDigests finds whose identities the wanted digests are of: who held a text with
// the identity held its digest, and whose address it is, theirs it is.
func (o *Owners) lookUpDigests() error {
	of := map[Key][]*holders{} // identities of which some digest is wanted
	err := o.index.Identities(func(kind gate.FactKind, value string) {
		o.digests.of(value, func(k Key) {
			of[key(kind, value)] = append(of[key(kind, value)], o.wanted[k])
		})
	})
	if err != nil {
		return err
	}
	err = o.index.Holders(slices.Sorted(maps.Keys(of)), func(k Key, people []uint32, common bool) {
		for _, h := range of[k] {
			h.join(people, common)
		}
	})
	for n := range uint32(o.index.People()) {
		r, failed := o.index.Person(n)
		if err = errors.Join(err, failed); err != nil {
			return err
		}
		if r.Kind == gate.Host {
			continue
		}
		o.digests.of(r.Address, func(k Key) {
			if h := o.wanted[k]; h.self < 0 || int64(n) < h.self {
				h.self = int64(n)
			}
		})
	}
	return err
}

// Err is what kept an [Index] from answering. What was answered since is not to be used.
func (o *Owners) Err() error { return o.err }

func (o *Owners) number(r gate.Recipient) (uint32, bool) {
	if o.index != nil {
		return o.index.Number(r.ID())
	}
	n, ok := o.numbers[r.ID()]
	return n, ok
}

func (o *Owners) person(n uint32) gate.Recipient {
	if o.index == nil {
		return o.people[n]
	}
	r, err := o.index.Person(n)
	o.err = cmp.Or(o.err, err)
	return r
}

// A Gatherer finds what an [Index] is made of. It is for one goroutine.
type Gatherer struct{ finder finder }

// NewGatherer gives one that leaves out facts that common says are common already;
// generation is another number whenever that says so of more. identity is told of each
// identity that stands in a text, and may be told of one again.
func NewGatherer(common func(Key) bool, generation func() uint64, identity func(kind gate.FactKind, value string)) *Gatherer {
	return &Gatherer{finder{
		wanted:     func(k Key) bool { return !common(k) },
		generation: generation,
		identity:   func(kind gate.FactKind, value string, _ func(Key)) { identity(kind, value) },
	}}
}

// NewLister gives one that calls found for each fact, and number for those that are numbers
// or telephone numbers besides. Its Keys are none.
func NewLister(found, number func(Key)) *Gatherer {
	return &Gatherer{finder{
		wanted:     func(k Key) bool { found(k); return false },
		generation: func() uint64 { return 0 },
		number:     number,
	}}
}

// Keys gives the keys of the facts that parts hold and that are not common, some of
// them more than once. They are g's until it is asked again.
func (g *Gatherer) Keys(parts []gate.Part) []Key { return g.finder.of(parts) }

// OwnKeys gives the keys of the facts that are an identity of r: none of a host.
func OwnKeys(r gate.Recipient) []Key {
	if r.Kind == gate.Host {
		return nil
	}
	keys := identityKeys(r)
	if strings.Trim(r.Address, "+0123456789") != "" {
		keys[1] = keys[0] // it is no telephone number
	}
	slices.Sort(keys[:])
	return slices.Compact(keys[:])
}
