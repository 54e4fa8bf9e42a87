package match

import (
	"cmp"
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// Similarity below which two deliveries are told as one gone and one new.
// They decide wording alone: both ways of telling block.
const (
	leastSimilar = 0.25 // of one recipient
	leastAlike   = 0.60 // of different recipients
)

// classBonus is what one class adds to the similarity of two deliveries.
const classBonus = 0.25

// namesBonus is what parts of the same names add when it is chosen between deliveries that are
// similar enough. Where all their words but some are made anew, and the rest is alike, nothing
// else tells two messages to one recipient apart.
const namesBonus = 0.25

const (
	mostCompared = 1 << 14 // pairs of a bucket that are compared one with each
	mostShared   = 32      // a word held by more items of a large bucket says nothing
)

type scored struct {
	Pair
	score float64
}

// assign pairs items of bs and as, most similar first, down to a similarity of
// least. Small buckets are compared one with each; large ones through the words
// that few of them hold.
func (m *matcher) assign(bs, as []int, rule gate.Rule, least float64) []Pair {
	if len(bs) == 0 || len(as) == 0 {
		return nil
	}
	if len(bs) == 1 && len(as) == 1 && least <= classBonus {
		// Most of what is reworded is alone with its counterpart: no word need be compared.
		if x, y := m.before[bs[0]].Message, m.after[as[0]].Message; x.Channel == y.Channel && x.Class == y.Class {
			return []Pair{{bs[0], as[0], rule}}
		}
	}
	var all []scored
	about := m.subjects(bs, as)
	consider := func(b, a int) {
		s := m.similarity(b, a)
		if rule == gate.ByCause && sameRecipient(&m.before[b], &m.after[a]) {
			s++
		}
		if s >= least {
			s += namesBonus*jaccard(namesOf(&m.before[b]), namesOf(&m.after[a])) + about(b, a)
			all = append(all, scored{Pair{b, a, rule}, s})
		}
	}
	if len(bs)*len(as) <= mostCompared {
		for _, b := range bs {
			for _, a := range as {
				consider(b, a)
			}
		}
	} else {
		holders := map[uint64][]int{}
		for _, a := range as {
			for _, w := range wordsOf(&m.after[a]) {
				if l := holders[w]; len(l) <= mostShared {
					holders[w] = append(l, a)
				}
			}
		}
		for _, b := range bs {
			seen := map[int]int{}
			for _, w := range wordsOf(&m.before[b]) {
				if l := holders[w]; len(l) <= mostShared {
					for _, a := range l {
						seen[a]++
					}
				}
			}
			best := make([]int, 0, len(seen))
			for a := range seen {
				best = append(best, a)
			}
			slices.SortFunc(best, func(x, y int) int { return cmp.Or(cmp.Compare(seen[y], seen[x]), cmp.Compare(x, y)) })
			for _, a := range best[:min(len(best), 8)] {
				consider(b, a)
			}
		}
	}
	rankB, rankA := rank(bs), rank(as)
	slices.SortFunc(all, func(x, y scored) int {
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(rankB[x.B], rankB[y.B]), cmp.Compare(rankA[x.A], rankA[y.A]))
	})
	var pairs []Pair
	usedB, usedA := map[int]bool{}, map[int]bool{}
	join := func(b, a int) {
		usedB[b], usedA[a] = true, true
		pairs = append(pairs, Pair{b, a, rule})
	}
	for _, s := range all {
		if !usedB[s.B] && !usedA[s.A] {
			join(s.B, s.A)
		}
	}
	if rule == gate.ByLikeness || len(bs)*len(as) <= mostCompared {
		return pairs
	}
	// What a large bucket leaves over holds nothing that tells it apart: it is
	// paired within its class, in order.
	classes := map[string][]int{}
	for _, a := range as {
		if !usedA[a] {
			c := m.after[a].Message.Class
			classes[c] = append(classes[c], a)
		}
	}
	for _, b := range bs {
		if c := m.before[b].Message.Class; !usedB[b] && len(classes[c]) > 0 {
			a := classes[c][0]
			classes[c] = classes[c][1:]
			join(b, a)
		}
	}
	return pairs
}

func rank(items []int) map[int]int {
	r := make(map[int]int, len(items))
	for i, it := range items {
		r[it] = i
	}
	return r
}

// similarity is from 0 to 1.75: the mean of Jaccard's coefficient and the overlap
// of the smaller in the larger, over words; 1.5 for one body that has words; a quarter more for
// one class. It is negative across channels.
func (m *matcher) similarity(b, a int) float64 {
	x, y := &m.before[b], &m.after[a]
	if x.Message.Channel != y.Message.Channel {
		return -1
	}
	var s float64
	wx, wy := wordsOf(x), wordsOf(y)
	if x.Body == y.Body && len(wx) > 0 {
		s = 1.5
	} else if n := common(wx, wy); n > 0 {
		s = (float64(n)/float64(len(wx)+len(wy)-n) + float64(n)/float64(min(len(wx), len(wy)))) / 2
	}
	if x.Message.Class == y.Message.Class {
		s += classBonus
	}
	return s
}

// jaccard is how many of two sets together are in both.
func jaccard(x, y []uint64) float64 {
	n := common(x, y)
	return float64(n) / float64(max(len(x)+len(y)-n, 1))
}

// namesOf gives the hashes of the names of the item's parts, sorted, each once.
func namesOf(it *Item) []uint64 {
	wordsOf(it)
	return it.names
}

func common(x, y []uint64) (n int) {
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] < y[j]:
			i++
		case x[i] > y[j]:
			j++
		default:
			n++
			i++
			j++
		}
	}
	return n
}

// wordsOf gives the hashes of the item's words, sorted, each once.
func wordsOf(it *Item) []uint64 {
	if it.words != nil {
		return it.words
	}
	words, names := []uint64{}, []uint64{}
	for _, p := range it.parts() {
		if p.Kind == gate.Addresses || p.Kind == gate.Transport {
			continue
		}
		names = append(names, gate.HashWord(p.Name))
		place := gate.HashWord(gate.WithoutIndexes(p.Name)) // lists may come in any order
		for _, w := range gate.Words(p.Value) {
			if gate.IsWord(w) {
				words = append(words, gate.HashWord(w)^place*31)
			}
		}
	}
	slices.Sort(words)
	it.words = slices.Compact(words)
	slices.Sort(names)
	it.names = slices.Compact(names)
	return it.words
}
