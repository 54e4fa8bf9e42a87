// Package match pairs the deliveries of two runs that did not cancel.
//
// Pairing only decides how a difference is told, never whether there is one: a
// delivery that is left over is a change as much as a pair is. It is
// deterministic, does not depend on the order of its input, and each pair says by
// which rule it was joined. Rules are tried strongest first:
//
//  1. cause: both carry one trace id or message id;
//  2. content: both have one body, to whomever it goes, or one but for what varies;
//  3. recipient: one recipient, and the most similar content;
//  4. likeness: different recipients, and content alike but for small edits.
package match

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// An Item is one delivery to be paired.
type Item struct {
	Message   *gate.Canonical
	Recipient gate.Recipient
	Body      gate.Digest // of Message, see [gate.Canonical.BodyDigest]
	Steady    gate.Digest // of Message without the values that vary from replay to replay; zero where none does
	Whole     gate.Digest // of the delivery, see [gate.DeliveryDigest]; it settles ties, so that the order of arrival does not

	// Parts gives the parts of Message where that has none, since they are too many to
	// be in memory at once; nil where it has them.
	Parts func() []gate.Part

	words []uint64 // hashes of its words, sorted, each once; made when first needed
	names []uint64 // the same of the names of its parts, made with them
}

// A Pair joins before[B] and after[A]. An index of -1 says that there is none.
type Pair struct {
	B, A int
	Rule gate.Rule
}

// Pairs joins the items of before and after. Every item is in exactly one pair.
func Pairs(before, after []Item) []Pair { return (&matcher{before: before, after: after}).match() }

// Replays is [Pairs] of two replays of one build: what each message is about is in both, and
// tells it from the others to its recipient whatever else is made anew.
func Replays(before, after []Item) []Pair {
	return (&matcher{before: before, after: after, replays: true}).match()
}

func (m *matcher) match() []Pair {
	before, after := m.before, m.after
	m.b = order(before)
	m.a = order(after)
	m.byKey(gate.ByCause, func(it *Item) []string { return it.Message.Traces })
	m.byBody()
	m.bySteady()
	m.byRecipient(true)
	m.byRecipient(false)
	m.byLikeness()
	for _, i := range m.b {
		m.pairs = append(m.pairs, Pair{i, -1, gate.Unpaired})
	}
	for _, i := range m.a {
		m.pairs = append(m.pairs, Pair{-1, i, gate.Unpaired})
	}
	return m.pairs
}

type matcher struct {
	before, after []Item
	replays       bool  // of one build
	b, a          []int // items not yet paired, in the order of [order]
	pairs         []Pair
}

// order sorts items by meaning, so that the order of arrival, which differs from
// replay to replay, decides nothing that content can decide.
func order(items []Item) []int {
	idx := make([]int, len(items))
	for i := range idx {
		idx[i] = i
	}
	slices.SortFunc(idx, func(x, y int) int {
		a, b := &items[x], &items[y]
		return cmp.Or(
			strings.Compare(a.Recipient.Address, b.Recipient.Address),
			strings.Compare(string(a.Recipient.Kind), string(b.Recipient.Kind)),
			strings.Compare(string(a.Recipient.Role), string(b.Recipient.Role)),
			strings.Compare(a.Message.Class, b.Message.Class),
			slices.Compare(a.Body[:], b.Body[:]),
			slices.Compare(a.Whole[:], b.Whole[:]),
			cmp.Compare(a.Message.Ref.Seq, b.Message.Ref.Seq),
			cmp.Compare(x, y),
		)
	})
	return idx
}

// take records pairs and removes their items from what is left.
func (m *matcher) take(pairs []Pair) {
	if len(pairs) == 0 {
		return
	}
	goneB, goneA := make([]bool, len(m.before)), make([]bool, len(m.after))
	for _, p := range pairs {
		goneB[p.B], goneA[p.A] = true, true
	}
	m.b = slices.DeleteFunc(m.b, func(i int) bool { return goneB[i] })
	m.a = slices.DeleteFunc(m.a, func(i int) bool { return goneA[i] })
	m.pairs = append(m.pairs, pairs...)
}

func sameRecipient(x, y *Item) bool { return x.Recipient == y.Recipient }

// byKey pairs items that share a key, within each key: first one recipient, then
// one body, then one class, then the most similar.
func (m *matcher) byKey(rule gate.Rule, keys func(*Item) []string) {
	index := map[string][]int{}
	for _, i := range m.a {
		for _, k := range keys(&m.after[i]) {
			index[k] = append(index[k], i)
		}
	}
	if len(index) == 0 {
		return
	}
	buckets := map[string][]int{}
	var names []string
	for _, i := range m.b {
		for _, k := range keys(&m.before[i]) {
			if len(index[k]) == 0 {
				continue
			}
			if buckets[k] == nil {
				names = append(names, k)
			}
			buckets[k] = append(buckets[k], i)
			break
		}
	}
	slices.Sort(names)
	usedA := map[int]bool{}
	var pairs []Pair
	for _, k := range names {
		free := slices.DeleteFunc(slices.Clone(index[k]), func(i int) bool { return usedA[i] })
		for _, p := range m.assign(buckets[k], free, rule, 0) {
			usedA[p.A] = true
			pairs = append(pairs, p)
		}
	}
	m.take(pairs)
}

// byBody pairs items with one body: first those of one recipient, whose
// addressing alone differs, then the others, in order.
func (m *matcher) byBody() {
	m.told(func(it *Item) (gate.Digest, bool) { return it.Body, true })

	var pairs []Pair
	had := map[gate.Digest]bool{}
	for _, i := range m.b {
		had[m.before[i].Body] = true
	}
	bodies := map[gate.Digest][]int{}
	for _, i := range m.a {
		if had[m.after[i].Body] && hasBody(m.after[i].parts()) {
			bodies[m.after[i].Body] = append(bodies[m.after[i].Body], i)
		}
	}
	for _, i := range m.b {
		if l := bodies[m.before[i].Body]; len(l) > 0 && m.before[i].Message.Channel == m.after[l[0]].Message.Channel {
			pairs = append(pairs, Pair{i, l[0], gate.ByContent})
			bodies[m.before[i].Body] = l[1:]
		}
	}
	m.take(pairs)
}

// told pairs items of one recipient that have one digest, in order. of gives that of an item, and
// whether the item is among those that are paired so.
func (m *matcher) told(of func(*Item) (gate.Digest, bool)) {
	type key struct {
		digest gate.Digest
		to     gate.Recipient
	}
	left := map[key][]int{}
	for _, i := range m.a {
		if d, ok := of(&m.after[i]); ok {
			k := key{d, m.after[i].Recipient}
			left[k] = append(left[k], i)
		}
	}
	var pairs []Pair
	for _, i := range m.b {
		d, ok := of(&m.before[i])
		k := key{d, m.before[i].Recipient}
		if l := left[k]; ok && len(l) > 0 {
			pairs = append(pairs, Pair{i, l[0], gate.ByRecipient})
			left[k] = l[1:]
		}
	}
	m.take(pairs)
}

// bySteady pairs items whose bodies are one but for what varies from replay to replay: first those
// of one outside party, which is told many such things, then those of which neither recipient gets
// such a body from the other run: it went to somebody else.
func (m *matcher) bySteady() {
	type key struct {
		steady gate.Digest
		to     gate.Recipient
	}
	m.told(func(it *Item) (gate.Digest, bool) {
		return it.Steady, it.Steady != (gate.Digest{}) && it.Recipient.Kind == gate.Host
	})
	kept := map[key][2]bool{}
	each := func(run int, items []Item, left []int) {
		for _, i := range left {
			k := key{items[i].Steady, items[i].Recipient}
			had := kept[k]
			had[run] = true
			kept[k] = had
		}
	}
	each(0, m.before, m.b)
	each(1, m.after, m.a)
	moved := func(it *Item) bool {
		return it.Steady != gate.Digest{} && kept[key{it.Steady, it.Recipient}] != [2]bool{true, true}
	}
	bodies := map[gate.Digest][]int{}
	for _, i := range m.a {
		if moved(&m.after[i]) {
			bodies[m.after[i].Steady] = append(bodies[m.after[i].Steady], i)
		}
	}
	var pairs []Pair
	for _, i := range m.b {
		it := &m.before[i]
		l := bodies[it.Steady]
		if len(l) == 0 || !moved(it) || it.Message.Channel != m.after[l[0]].Message.Channel {
			continue
		}
		pairs = append(pairs, Pair{i, l[0], gate.ByContent})
		bodies[it.Steady] = l[1:]
	}
	m.take(pairs)
}

func (it *Item) parts() []gate.Part {
	if it.Parts != nil {
		return it.Parts()
	}
	return it.Message.Parts
}

func hasBody(parts []gate.Part) bool {
	return slices.ContainsFunc(parts, func(p gate.Part) bool {
		return p.Kind != gate.Addresses && p.Kind != gate.Transport && p.Value != "" && p.Name != "structure"
	})
}

// byRecipient pairs what goes to one recipient, most similar first.
func (m *matcher) byRecipient(sameSink bool) {
	type key struct {
		to            gate.Recipient
		channel, sink string
	}
	of := func(it *Item) key {
		k := key{it.Recipient, it.Message.Channel, ""}
		if sameSink {
			k.sink = it.Message.Sink
		}
		return k
	}
	index := map[key][]int{}
	for _, i := range m.a {
		k := of(&m.after[i])
		index[k] = append(index[k], i)
	}
	var pairs []Pair
	for start := 0; start < len(m.b); {
		end := start + 1
		for end < len(m.b) && sameRecipient(&m.before[m.b[end]], &m.before[m.b[start]]) {
			end++
		}
		groups := map[key][]int{}
		var names []key
		for _, i := range m.b[start:end] {
			k := of(&m.before[i])
			if groups[k] == nil {
				names = append(names, k)
			}
			groups[k] = append(groups[k], i)
		}
		for _, k := range names {
			if len(index[k]) > 0 {
				pairs = append(pairs, m.assign(groups[k], index[k], gate.ByRecipient, leastSimilar)...)
			}
		}
		start = end
	}
	m.take(pairs)
}

// byLikeness pairs what is left where different recipients have content that is
// alike but for small edits.
func (m *matcher) byLikeness() {
	m.take(m.assign(m.b, m.a, gate.ByLikeness, leastAlike))
}
