package pipeline

import (
	"context"
	"iter"
	"math"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
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

// maskedKey names what a user's mask hides, wherever it stands.
func maskedKey(h *gate.Hidden) uint64 { return gate.HashWord(h.Rule + "\x00" + h.Value) }

// maskedPair names what a user's mask hides, its place, and whose it is.
func maskedPair(m *gate.Canonical, h *gate.Hidden, whose uint64) uint64 {
	return (maskedPlaceKey(m, h)*hashPrime^maskedKey(h))*hashPrime ^ whose
}

// maskedPlaceKey names a place in messages of one class under one mask.
func maskedPlaceKey(m *gate.Canonical, h *gate.Hidden) uint64 {
	return placeKey(m, h)*hashPrime ^ gate.HashWord(m.Class+"\x00"+h.Rule)
}

// peopleOf gives the hashes of whom m is to, or, where it goes to an outside party, of the
// stimulus that caused it. Where that is not known it gives nobody.
func peopleOf(m *gate.Canonical, causes traceSet) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for _, to := range m.Recipients {
			who := gate.HashWord(to.ID())
			if to.Kind == gate.Host {
				if who = causes.cause(m); who == 0 {
					continue
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
	people map[uint64]struct{}
	values map[uint64]*maskedValue // by maskedKey
}

type maskedValue struct {
	length int
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
		return func(_ place, m *gate.Canonical) {
			for i := range m.Hidden {
				if h := &m.Hidden[i]; h.User {
					mu.Lock()
					sightMasked(places, m, h, &sightMaskedIn{causes, others})
					mu.Unlock()
				}
			}
		}
	})
	if err != nil {
		return err
	}
	for _, p := range places {
		if p.somebodys(len(runs.again), func(v uint64) bool { return has(runs.staging.hidden.masked, v) }) {
			for k, v := range p.values {
				if p.few(v) && (v.kept == v.held || len(runs.again) == 0) {
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
	causes traceSet
	others []*scanned
}

// sightMasked notes what a mask hides in a message of the first replay.
func sightMasked(places map[uint64]*maskedPlace, m *gate.Canonical, h *gate.Hidden, in *sightMaskedIn) {
	at, key := maskedPlaceKey(m, h), maskedKey(h)
	p := places[at]
	if p == nil {
		p = &maskedPlace{people: map[uint64]struct{}{}, values: map[uint64]*maskedValue{}}
		places[at] = p
	}
	v := p.values[key]
	if v == nil {
		v = &maskedValue{length: len(h.Value), people: map[uint64]struct{}{}}
		p.values[key] = v
	}
	for who := range peopleOf(m, in.causes) {
		if _, ok := v.people[who]; ok {
			continue
		}
		p.people[who], v.people[who] = struct{}{}, struct{}{}
		v.held++
		pair := maskedPair(m, h, who)
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

// somebodys reports whether the values at a place are people's own. replays is how many
// replays of production there are besides the first; inStaging says which values staging has.
func (p *maskedPlace) somebodys(replays int, inStaging func(uint64) bool) bool {
	var held, kept, moved, recur int
	same := 0.0 // the chance that two values drawn here are the same, times people squared
	for k, v := range p.values {
		if !p.few(v) {
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
	case kept < 2 || kept <= 4*moved:
		return false
	}
	return float64(kept*replays)*math.Log(same/float64(held*held)) < math.Log(unlikely)
}
