package pipeline

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// volatile asks of what noise would hide whose it is. What is somebody else's, or stands
// where another value stood, is stated; what can belong to anybody is a blind spot, or, where
// it alone tells messages apart, a gap.
func (c *comparer) volatile(ctx context.Context, all []pairing) error {
	residue := map[position]bool{}
	for _, b := range c.before.surplus {
		residue[b.at] = true
	}
	c.draws(all, residue)
	c.respelt(all)
	ids := identities{replays: 1 + len(c.replays), at: c.sentAt()}
	if !c.o.replies {
		if err := c.answers(ctx, &ids); err != nil {
			return err
		}
	}
	answers := len(ids.all)
	for _, at := range slices.SortedFunc(maps.Keys(c.noise.of), position.compare) {
		if n := c.noise.of[at]; !residue[at] { // what staging sends is what the first replay sent
			n.Volatile(func(p *diff.Place) {
				k := poolKey{c.noise.class[at], withoutIndexes(p.Part), p.Span}
				v := &diff.Value{Part: p.Part, Span: p.Span, Texts: p.Texts, After: p.Texts[0], Masked: true}
				ids.all = append(ids.all, occurrence{pairing: -1, seq: math.MaxUint64, value: v, pool: c.noise.pools[k], name: nameOf(p.Texts)})
			})
		}
	}
	for i := range all {
		p := &all[i]
		if c.first[i] != i || len(p.values) == 0 {
			continue
		}
		b, a := &c.before.items[p.B], &c.after.items[p.A]
		class := c.noise.routeOf(c.before.surplus[p.B].at, b.Message)
		for j := range p.values {
			v := &p.values[j]
			if o := c.noise.pools[poolKey{class, withoutIndexes(v.Part), v.Span}]; o != nil && v.Masked {
				ids.all = append(ids.all, occurrence{i, a.Message.Ref.Seq, v, o, nameOf(v.Texts), a.Recipient.Kind != gate.Host})
			}
		}
	}
	if len(ids.all) > answers {
		c.strangers(ids.all[answers:])
		broken, single := ids.broken()
		for _, b := range broken {
			c.unmask(all, b.pairing, b.value, renamedOf(b.value))
		}
		c.borrowed(all, ids.all)
		if err := c.threads(ctx, all); err != nil {
			return err
		}
		if err := c.followed(ctx, all, single); err != nil {
			return err
		}
		if err := c.unanchored(ctx, all, single); err != nil {
			return err
		}
		c.unprovenLinks(all, single)
		if err := c.foreign(ctx, all); err != nil {
			return err
		}
	}
	c.opaque()
	return nil
}

// sentAt is when some message that differs was sent, in nanoseconds since 1970; 0 where that is
// not known.
func (c *comparer) sentAt() int64 {
	for _, l := range []*loaded{c.after, c.before} {
		for i := range l.items {
			if at := l.items[i].Message.At; at != 0 {
				return at
			}
		}
	}
	return 0
}

// unmask states the difference at a volatile place.
func (c *comparer) unmask(all []pairing, pairing int, v *diff.Value, h diff.Hunk) {
	v.Masked = false
	for i := range all {
		if c.first[i] == pairing {
			s := stated(h)
			s.asIs = true // it is named already, or somebody's
			all[i].hunks = append(slices.Clip(all[i].hunks), s)
		}
	}
}

// renamedOf is the hunk of a value that stands where another stood. Both are new in each
// run, so that neither is told.
func renamedOf(v *diff.Value) diff.Hunk {
	return diff.Hunk{Part: v.Part, Slot: v.Slot, Kind: gate.Value, Before: "{fresh: the one that belongs here}", After: "{fresh: one that belongs elsewhere}"}
}

// foreign states the volatile values that are facts of somebody: what is new each time
// means nothing, and that a place varies does not say that whatever stands there does.
func (c *comparer) foreign(ctx context.Context, all []pairing) error {
	var suspects []suspect
	owners := exposure.NewOwners()
	asked := alikes{}
	shown := shownWords(all)
	for i := range all {
		p := &all[i]
		if c.first[i] != i {
			continue
		}
		for j := range p.values {
			v := &p.values[j]
			if !v.Masked || slices.Contains(v.Texts, v.After) || readsAsTime(v.After) && readsAsTime(v.Texts[0]) {
				continue
			}
			class := c.noise.routeOf(c.before.surplus[p.B].at, c.before.items[p.B].Message)
			if o := c.noise.pools[poolKey{class, withoutIndexes(v.Part), v.Span}]; o.isDrawn() && o.has(v.After) {
				continue // it is whose request came when
			}
			s := suspect{pairing: i, value: v}
			c.ownable(v, func(how int, f *exposure.Found) {
				if h := (holding{how, *f}); !slices.ContainsFunc(s.facts, h.same) {
					owners.Want(f)
					s.facts = append(s.facts, h)
					asked.add(&h)
				}
			})
			for _, pair := range namesIn(v.Part, v.After) {
				if !shown[pair[0].Value()] && !shown[pair[1].Value()] {
					owners.Want(&pair[0])
					owners.Want(&pair[1])
					s.names = append(s.names, pair)
				}
			}
			if len(s.facts)+len(s.names) > 0 {
				suspects = append(suspects, s)
			}
		}
	}
	if len(suspects) == 0 {
		return nil
	}
	if err := c.holders(ctx, owners); err != nil {
		return err
	}
	c.unmaskForeign(all, suspects, asked, knowing{owners, nil})
	if err := c.unmaskSent(ctx, all, suspects, asked); err != nil {
		return err
	}
	return owners.Err()
}

// A suspect is a value at a volatile place that may hold somebody's facts, or a name.
type suspect struct {
	pairing int
	value   *diff.Value
	facts   []holding
	names   [][2]exposure.Found
}

// A holding is a fact that a value holds, and how it stands there.
type holding struct {
	how int
	exposure.Found
}

func (h *holding) same(o holding) bool { return h.Key() == o.Key() }

// A likeness says how likely a fact is somebody's by chance: by how it stands in a value, and
// how many characters tell it apart.
type likeness struct{ how, length int }

func (h *holding) likeness() likeness {
	n := len(h.Value())
	if h.Kind == gate.FactPhone {
		n = min(n, exposure.NationalDigits)
	}
	return likeness{h.how, n}
}

// alikes are facts by how likely they are somebody's by chance, each once: that one value stands in
// several parts and messages is one chance.
type alikes map[likeness]*hashes

func (a alikes) add(h *holding) {
	l := h.likeness()
	if a[l] == nil {
		a[l] = new(hashes)
	}
	a[l].add(uint64(h.Key()))
}

func (a alikes) count(l likeness) float64 {
	if a[l] == nil {
		return 0
	}
	a[l].compact()
	return float64(len(*a[l]))
}

// A knowing is who holds facts, and who there recipients may be who are called otherwise, by
// their ids.
type knowing struct {
	owners *exposure.Owners
	are    map[string][]gate.Recipient
}

// foreign reports whether something is another's, whoever of those a recipient is that they may be.
func (k knowing) foreign(r gate.Recipient, is func(to []gate.Recipient) bool) bool {
	may := k.are[r.ID()]
	if len(may) == 0 {
		may = []gate.Recipient{r}
	}
	return !slices.ContainsFunc(may, func(r gate.Recipient) bool { return !is([]gate.Recipient{r}) })
}

// unmaskForeign states the suspects that hold what is somebody's beyond chance; asked are all facts
// that were asked for.
func (c *comparer) unmaskForeign(all []pairing, suspects []suspect, asked alikes, by knowing) {
	owners := by.owners
	people := float64(max(owners.People(), 2))
	hits := alikes{}
	theirs := make([][]likeness, len(suspects))
	named := make([]bool, len(suspects))
	for k := range suspects {
		s := &suspects[k]
		to := c.after.items[all[s.pairing].A].Recipient
		for i := range s.facts {
			h := &s.facts[i]
			if by.foreign(to, func(to []gate.Recipient) bool { return owners.ForeignFact(&h.Found, to, all[s.pairing].own) }) {
				l := h.likeness()
				theirs[k] = append(theirs[k], l)
				hits.add(h)
			}
		}
		named[k] = by.foreign(to, func(to []gate.Recipient) bool { return s.namesAnother(owners, to) })
	}
	// Of so many values, and some facts of each person, so many are equal by chance.
	beyond := func(l likeness) bool {
		chance := asked.count(l) * people * factsOfOne / math.Pow(10, float64(l.length))
		rare := unlikely * 2
		if l.how != asWritten { // there are many of each value
			rare = unlikely
		}
		return chance <= rare || hits.count(l) >= chance+4*math.Sqrt(chance)+1
	}
	for k := range suspects {
		if named[k] || slices.ContainsFunc(theirs[k], beyond) {
			v := suspects[k].value
			c.unmask(all, suspects[k].pairing, v, diff.Hunk{Part: v.Part, Slot: v.Slot, Kind: gate.Value, Before: diff.Fresh, After: v.After})
		}
	}
}

// shownWords are the words that production has at volatile places: no name is made of those.
func shownWords(all []pairing) map[string]bool {
	words := map[string]bool{}
	for i := range all {
		for j := range all[i].values {
			for _, text := range all[i].values[j].Texts {
				for _, w := range nameWords(text) {
					words[strings.ToLower(w)] = true
				}
			}
		}
	}
	return words
}

// ownable calls found for the facts in what stands at a volatile place that can be somebody's,
// as they stand there first.
func (c *comparer) ownable(v *diff.Value, found func(how int, f *exposure.Found)) {
	able := func(how int, f *exposure.Found) {
		value := f.Value()
		if !exposure.Typed(f.Kind) || len(value) < leastForeign && f.Kind == gate.FactNumber || readsAsTime(value) {
			return
		}
		if _, fresh := c.noise.known[gate.HashWord(value)]; !fresh {
			found(how, f)
		}
	}
	factsIn(&gate.Hidden{Part: v.Part, Value: v.After}, func(f *exposure.Found) { able(asWritten, f) })
	respellings(v.Part, v.After, able)
}

// leastForeign is how many characters a number has that is looked up within a volatile value.
const leastForeign = 5

// factsOfOne is how many numbers of one length a person may have.
const factsOfOne = 2

// holders has production say who holds what owners want.
func (c *comparer) holders(ctx context.Context, owners *exposure.Owners) error {
	if !owners.Wanted() {
		return nil
	}
	return hold(ctx, c.o, c.p, owners)
}

// hold has a run of production say who holds what owners want.
func hold(ctx context.Context, o *Options, run *scanned, owners *exposure.Owners) error {
	if run.index != nil {
		if err := owners.LookUp(run.index); err == nil {
			return nil
		}
	}
	_, err := run.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) { owners.Hold(m.Recipients, m.Parts) }
	})
	return err
}

// Bits of a value that could be somebody's: fewer are a counter or a figure.
const tellingBits = 12

// unanchored counts the values that stand once and belong to no cause, as blind spots. Of
// messages that nothing else tells apart they are gaps.
func (c *comparer) unanchored(ctx context.Context, all []pairing, single map[int][]*diff.Value) error {
	type spot struct {
		route
		part string
	}
	blind := map[spot]uint64{}
	same := map[twin][]int{}
	for i, values := range single {
		b := &c.before.items[all[i].B]
		if c.o.replies || c.causes.caused(b.Message) { // an answer is caused by what was asked
			continue
		}
		class := c.noise.routeOf(c.before.surplus[all[i].B].at, b.Message)
		parts := map[string]bool{}
		for _, v := range values {
			p := c.noise.pools[poolKey{class, withoutIndexes(v.Part), v.Span}]
			if !v.Masked || p == nil || p.bits() < tellingBits || v.Binary && isPayload(v.Part) { // which is opaque
				continue
			}
			parts[withoutIndexes(v.Part)] = true
		}
		if len(parts) == 0 {
			continue
		}
		for part := range parts {
			blind[spot{class, part}]++
		}
		if c.anchored[i] {
			continue // which tells it from others
		}
		k := twin{class, c.blanked(all[i].B)}
		same[k] = append(same[k], i)
	}
	for s, n := range blind { // sorted below
		c.Blind = append(c.Blind, gate.BlindSpot{
			Kind: gate.BlindUnanchored, Channel: s.channel, Sink: s.sink, Class: s.class, Part: s.part, Count: n,
			Detail: "carry a trace id from the stimulus into the message, or show the value in the answer to it",
		})
	}
	slices.SortFunc(c.Blind, func(x, y gate.BlindSpot) int {
		return cmp.Or(strings.Compare(string(x.Kind), string(y.Kind)), strings.Compare(x.Channel, y.Channel), strings.Compare(x.Sink, y.Sink), strings.Compare(x.Class, y.Class), strings.Compare(x.Part, y.Part))
	})
	return c.twins(ctx, all, same)
}

// A twin is what messages have in common that only their volatile values tell apart.
type twin struct {
	route
	body [sha256.Size]byte // see blanked
}

// twins adds the gaps for messages that nothing but a value that stands once tells apart.
func (c *comparer) twins(ctx context.Context, all []pairing, same map[twin][]int) error {
	var clashes [][]int
	lost := map[route]uint64{}
	routes := map[int]route{}
	for k, list := range same {
		people := map[gate.Recipient]bool{}
		for _, i := range list {
			people[c.before.items[all[i].B].Recipient] = true
		}
		switch {
		case len(people) > 1:
			lost[k.route] += uint64(len(list))
		case len(list) > 1 && c.before.items[all[list[0]].B].Recipient.Kind == gate.Host:
			clashes = append(clashes, list)
			routes[list[0]] = k.route
		}
	}
	clashes = c.ofSeveral(all, same, clashes)
	apart, err := c.apart(ctx, all, clashes)
	if err != nil {
		return err
	}
	for _, list := range clashes {
		count := map[[sha256.Size]byte]uint64{}
		for _, i := range list {
			count[apart[i]]++
		}
		for _, n := range count {
			if n > 1 {
				lost[routes[list[0]]] += n
			}
		}
	}
	for _, class := range slices.SortedFunc(maps.Keys(lost), route.compare) {
		n := lost[class]
		c.gaps.add(gate.Gap{
			Kind: gate.GapUnanchored, Where: class.class, Count: n,
			Detail: "nothing but a value that is new each time tells these messages from each other, and it stands nowhere else: an exchange would not be seen",
		})
	}
	return nil
}

// ofSeveral leaves out of clashes the messages that name one person, as two mails to one person do:
// they hold an address or a telephone number that no others of their class hold.
func (c *comparer) ofSeveral(all []pairing, same map[twin][]int, clashes [][]int) [][]int {
	if len(clashes) == 0 {
		return nil
	}
	type identity struct {
		route
		key exposure.Key
	}
	held := func(class route, i int) map[identity]bool {
		ids := map[identity]bool{}
		exposure.In(c.before.text(all[i].B).Parts, func(f *exposure.Found) {
			if f.Kind == gate.FactAddress || f.Kind == gate.FactPhone {
				ids[identity{class, f.Key()}] = true
			}
		})
		return ids
	}
	groups, classes := map[identity]int{}, map[route]int{}
	of := map[int][]identity{} // by the first of a group
	for k, list := range same {
		if c.before.items[all[list[0]].B].Recipient.Kind != gate.Host {
			continue
		}
		classes[k.route]++
		last := held(k.route, list[len(list)-1])
		for id := range held(k.route, list[0]) {
			if last[id] { // what is new in each is not theirs
				groups[id]++
				of[list[0]] = append(of[list[0]], id)
			}
		}
	}
	return slices.DeleteFunc(clashes, func(list []int) bool {
		return slices.ContainsFunc(of[list[0]], func(id identity) bool { return classes[id.route] > 1 && groups[id] == 1 })
	})
}

// apart returns, for messages to an outside party that are equal but for what varies, digests of
// what else the same requests say: one that fans out is read as several messages, of which one
// may have the head and the others what it is about.
func (c *comparer) apart(ctx context.Context, all []pairing, clashes [][]int) (map[int][sha256.Size]byte, error) {
	if len(clashes) == 0 {
		return nil, nil
	}
	request := func(p position) position { return position{offset: p.offset, index: p.index} }
	wanted := map[position][]int{}
	own := map[int]position{}
	for _, list := range clashes {
		for _, i := range list {
			own[i] = c.before.surplus[all[i].B].at
			wanted[request(own[i])] = append(wanted[request(own[i])], i)
		}
	}
	seen := map[position]bool{}
	var others []position
	for i := range c.p.entries {
		at := c.p.about.position(c.p.entries[i].place)
		if wanted[request(at)] != nil && !seen[at] {
			seen[at] = true
			others = append(others, at)
		}
	}
	slices.SortFunc(others, position.compare)
	sums := make([][sha256.Size]byte, len(others))
	err := c.p.side.load(ctx, others, func(of []int, m *gate.Canonical) error {
		to := ""
		if len(m.Recipients) == 1 {
			to = m.Recipients[0].Address
		}
		for _, n := range of {
			sums[n] = blankedOf(m, c.noise.of[others[n]], to)
		}
		return nil
	})
	out := map[int][sha256.Size]byte{}
	for n, at := range others {
		for _, i := range wanted[request(at)] {
			if at == own[i] {
				continue
			}
			before := out[i]
			out[i] = sha256.Sum256(append(before[:], sums[n][:]...))
		}
	}
	return out, err
}

// unprovenLinks keeps edits of links that hold an unanchored value from being wording: the
// constant rest of a link may change alike where the person's token in it stays the same, which
// cannot be known of a token that is new each time and stands nowhere else.
func (c *comparer) unprovenLinks(all []pairing, single map[int][]*diff.Value) {
	type slot struct {
		part string
		slot int
	}
	for i := range all {
		fresh := map[slot]bool{}
		for _, v := range single[c.first[i]] {
			fresh[slot{v.Part, v.Slot}] = true
		}
		cloned := false
		for j, h := range all[i].hunks {
			if !h.Within || !fresh[slot{h.Part, h.Slot}] || h.identifies != "" {
				continue
			}
			if !cloned {
				all[i].hunks, cloned = slices.Clone(all[i].hunks), true
			}
			all[i].hunks[j].identifies = "the token in the link is new each time, and stands nowhere else"
		}
	}
}

// blanked is a digest of what item i of production says without its volatile values and
// whom it is addressed to.
func (c *comparer) blanked(i int) [sha256.Size]byte {
	return blankedOf(c.before.text(i), c.noise.of[c.before.surplus[i].at], c.before.items[i].Recipient.Address)
}

// blankedOf is the same of m, whose noise is n, and which goes to an address.
func blankedOf(m *gate.Canonical, n *diff.Noise, to string) (sum [sha256.Size]byte) {
	h := sha256.New()
	to = strings.ToLower(to)
	for _, p := range m.Parts {
		if p.Kind == gate.Addresses || p.Kind == gate.Transport || strings.HasPrefix(p.Name, "header/to") || strings.HasPrefix(p.Name, "header/cc") {
			continue
		}
		v := n.Rename(p.Name, p.Value, false)
		if to != "" {
			v = strings.ReplaceAll(strings.ToLower(v), to, "@")
		}
		fmt.Fprintf(h, "%q=%q\n", p.Name, v)
	}
	h.Sum(sum[:0])
	return sum
}

// opaque says of which classes something varies that cannot be read. A ciphertext, whose
// form says that it is one, is a blind spot: for whose keys it is, where that can be read, is
// compared, and whoever it is sent to is.
func (c *comparer) opaque() {
	for _, class := range slices.SortedFunc(maps.Keys(c.noise.encrypted), route.compare) {
		c.Blind = append(c.Blind, gate.BlindSpot{
			Kind: gate.BlindOpaque, Channel: class.channel, Sink: class.sink, Class: class.class, Count: c.noise.encrypted[class],
			Detail: "encrypted: how often each is sent one, and for whose keys, is compared; what it says, and so which of them gets which, is not",
		})
	}
	for _, class := range slices.SortedFunc(maps.Keys(c.noise.opaque), route.compare) {
		n := c.noise.opaque[class]
		if reason, ok := c.o.Accept[class.class]; ok {
			c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindOpaque, Channel: class.channel, Sink: class.sink, Class: class.class, Count: n, Detail: "accepted: " + reason})
			continue
		}
		c.gaps.add(gate.Gap{Kind: gate.GapOpaque, Where: class.class, Count: n, Detail: "a part of these messages is new in each replay of production, and cannot be read"})
	}
}
