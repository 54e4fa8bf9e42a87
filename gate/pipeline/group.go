package pipeline

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// An edit is alike where it is a function of the text and not of the person. That is
// shown, not assumed. In deliveries of the same classes:
//
//   - two messages at least, of distinct stimuli, to distinct people, were edited so;
//   - all of production's that hold the old text in this place were edited so,
//     and all of staging's that hold the new text are those;
//   - none of production's holds the new text, and none of staging's the old;
//   - the place does not vary: no delivery of production holds a third text there.
//
// So "pending" becoming "negative" for one person, for some of those who had it,
// or at a place where others have "positive", is not alike.
//
// What is alike is wording where it stands in prose, where what differs addresses, pays
// and identifies nobody by its form, and where the new text holds nothing that in
// production was somebody's and not all of theirs who receive it.

// group is an edit group and the evidence about it.
type group struct {
	*gate.EditGroup
	before, after string              // whole
	settings      map[string]*setting // by wide class: where the place is, in messages of that class
	held          evidence
	needed        bool      // whether evidence is worth gathering
	identifies    string    // see hunk; of the first that has it
	request       bool      // some of it stands in requests
	follows       bool      // see hunk; of all
	party         bool      // a header field, in messages to outside parties alone
	whole         [2]string // the values that the edit is a piece of, where these are the same in all
	named         [2]string // before and after, without what is new in each run
	raw           [2]string // before and after, of the first message
}

// A setting is the words around a place that all who were edited share.
type setting struct {
	left, right []string
	frame       *frame // of these, once they are known
}

// evidence counts the deliveries of the group's classes that hold a text in the
// group's place. Indexes: 0 production, 1 staging.
type evidence struct {
	old, new [2]int
	third    bool
}

type groupKey struct {
	channel, sink, part string
	kind                gate.PartKind
	digest              [sha256.Size]byte
	newPart, gonePart   bool
	within, follows     bool
}

// group joins equal edits over messages.
func (c *comparer) group() {
	index := map[groupKey]int{}
	for i := range c.Changes {
		d := c.Changes[i].Delivery()
		for j, h := range c.pairs[i].hunks {
			part := withoutIndexes(h.Part)
			digest := sha256.Sum256([]byte(h.Before + "\x00" + h.After))
			k := groupKey{d.Channel, d.Sink, part, h.Kind, digest, h.NewPart, h.GonePart, h.Within, h.follows}
			n, ok := index[k]
			if !ok {
				n = len(c.groups)
				index[k] = n
				c.groups = append(c.groups, &group{
					named: c.texts(&h, c.ownNoise(i)), raw: h.raw,
					EditGroup: &gate.EditGroup{
						Part: part, Kind: h.Kind, Before: gate.Clip(h.Before, maxEdit), After: gate.Clip(h.After, maxEdit),
						NewPart: h.NewPart, GonePart: h.GonePart, Within: h.Within, Class: d.Class, Channel: d.Channel, Sink: d.Sink,
					},
					before: h.Before, after: h.After, settings: map[string]*setting{}, follows: h.follows, whole: wholeOf(&h),
				})
			}
			g := c.groups[n]
			g.identifies = cmp.Or(g.identifies, h.identifies)
			g.request = g.request || h.request
			if g.whole != wholeOf(&h) {
				g.whole = [2]string{}
			}
			if n := len(g.Changes); n == 0 || g.Changes[n-1] != i {
				g.Changes = append(g.Changes, i)
			}
			if g.Class != d.Class {
				g.Class = ""
			}
			for _, class := range c.wideClasses(i) {
				g.join(class, h.Hunk)
			}
			c.Changes[i].Edits[j].Group = n
		}
	}
	for _, g := range c.groups {
		people := map[gate.Recipient]bool{}
		for _, i := range g.Changes {
			people[c.Changes[i].Recipient()] = true
		}
		g.People = len(people)
		g.party = strings.HasPrefix(g.Part, "header/")
		for r := range people {
			g.party = g.party && r.Kind == gate.Host
		}
		g.Why = c.unlikely(g)
		g.needed = g.Why == ""
		if g.follows { // what the other form says is nothing new, to whomever; what it does not say is
			if text := g.before + g.after; text != "" && g.Part != "structure" {
				g.Why = cmp.Or(g.Why, identifying(&diff.Hunk{Part: g.Part, Before: g.before, After: g.after}, nil))
			} else {
				g.Why = ""
			}
			g.needed = false
			g.Alike, g.Wording = g.Why == "", g.Why == ""
		}
	}
}

// wholeOf returns the values that h is a piece of, where they are shown instead of it.
func wholeOf(h *hunk) [2]string {
	if h.Kind == gate.Value {
		return h.Whole
	}
	return h.shown
}

// join narrows the setting of a class to what h shares with those before it.
func (g *group) join(class string, h diff.Hunk) {
	f := g.settings[class]
	if f == nil {
		g.settings[class] = &setting{left: h.Left, right: h.Right}
		return
	}
	n := 0
	for n < len(f.left) && n < len(h.Left) && f.left[len(f.left)-1-n] == h.Left[len(h.Left)-1-n] {
		n++
	}
	f.left = f.left[len(f.left)-n:]
	n = 0
	for n < len(f.right) && n < len(h.Right) && f.right[n] == h.Right[n] {
		n++
	}
	f.right = f.right[:n]
}

// wideClasses gives the classes of the messages of change i, production's first.
func (c *comparer) wideClasses(i int) []string {
	var out []string
	if b := c.pairs[i].B; b >= 0 {
		out = append(out, c.wideClass(c.before.items[b].Message, c.before.items[b].Parts))
	}
	if a := c.pairs[i].A; a >= 0 {
		out = append(out, c.wideClass(c.after.items[a].Message, c.after.items[a].Parts))
	}
	return out
}

// unlikely says why a group cannot be alike before any evidence is gathered.
func (c *comparer) unlikely(g *group) string {
	switch {
	case len(g.Changes) < 2:
		return "one message alone was edited so"
	case g.People < 2 && c.Changes[g.Changes[0]].Recipient().Kind != gate.Host:
		return "one recipient's messages alone were edited so"
	}
	// A delivery that goes to somebody else too is judged for that, and shows nothing here.
	var stayed []int
	for _, i := range g.Changes {
		switch c.Changes[i].Kind {
		case gate.Altered:
			stayed = append(stayed, i)
		case gate.Redirected:
		default:
			return "some of it is not edited, but new or gone"
		}
	}
	return c.indistinct(stayed)
}

// rare is how many deliveries of production a class needs to stand for itself.
const rare = 3

const rareClass = "\x00rare\x00"

// wideClass is the class of m, or, where production has few of it, everything
// rare from one sender, or to one outside party: subjects that are free text must not make every message
// a class of its own, in which every edit would be made to all. parts gives its parts
// where m has none.
func (c *comparer) wideClass(m *gate.Canonical, parts func() []gate.Part) string {
	if c.p.classes[classKey(m.Channel, m.Sink, m.Class)] >= rare {
		return m.Channel + "\x00" + m.Sink + "\x00" + m.Class
	}
	from := ""
	list := m.Parts
	if parts != nil {
		list = parts()
	}
	for i := range list {
		if list[i].Name == "header/from" {
			from = list[i].Value
			break
		}
	}
	if from == "" && len(m.Recipients) > 0 && m.Recipients[0].Kind == gate.Host {
		from = m.Recipients[0].Address // requests to other parties are made by other code
	}
	return m.Channel + "\x00" + m.Sink + rareClass + from
}

// A sighting is what one message holds in a group's place.
type sighting struct{ old, new, third bool }

func (s *sighting) or(t sighting) {
	s.old, s.new, s.third = s.old || t.old, s.new || t.new, s.third || t.third
}

// standing is what a message is to the evidence: the run it is of, 0 production and 1 staging,
// and how many deliveries it is worth.
type standing struct {
	run, deliveries int
	alone           bool // it has no counterpart in the other run
}

func atProduction(m *gate.Canonical) standing { return standing{run: 0, deliveries: len(m.Recipients)} }

// What deliveries of the residue are.
var (
	atGone    = standing{run: 0, deliveries: -1, alone: true} // counted among production's all the same
	atStaging = standing{run: 1, deliveries: 1}
	atCome    = standing{run: 1, deliveries: 1, alone: true}
)

// add notes what was seen in a message. One without a counterpart was not edited, and need
// not have been: it speaks where it holds what it should not, the new text in production,
// the old one in staging, or a third.
func (e *evidence) add(s sighting, as standing) {
	if s.old {
		e.old[as.run] += as.deliveries
	}
	if s.new && !as.alone {
		e.new[as.run] += as.deliveries
	}
	e.third = e.third || s.third && !as.alone
}

// look gives what a message of a wide class holds in the group's place.
func (g *group) look(c *cutter, class string, parts []partWords) (s sighting) {
	if g.NewPart || g.GonePart {
		present := false
		for i := range parts {
			if parts[i].name != g.Part {
				continue
			}
			present = true
			v := parts[i].value
			s.or(sighting{g.GonePart && v == g.before, g.NewPart && v == g.after, v != g.before && v != g.after})
		}
		s.old = s.old || g.NewPart && !present
		s.new = s.new || g.GonePart && !present
		return s
	}
	for i := range parts {
		if parts[i].name == g.Part {
			s.or(g.hold(c, &parts[i], g.settings[class]))
		}
	}
	return s
}

// partWords is a part and, once they are needed, its words between Start and End.
type partWords struct {
	name, value string
	kind        gate.PartKind
	words       []word
}

func partsWords(m *gate.Canonical) []partWords {
	out := make([]partWords, len(m.Parts))
	for i, p := range m.Parts {
		out[i] = partWords{name: withoutIndexes(p.Name), value: p.Value, kind: p.Kind}
	}
	return out
}

// A word is the hash of one, under a seed that nobody outside of this process knows.
type word uint64

// A cutter cuts texts into words. Lines that it met it remembers: messages of one
// template share most of theirs. It is for one goroutine.
type cutter struct {
	seed  maphash.Seed
	lines map[string][]word
}

// Bounds of what a cutter remembers.
const (
	mostLines   = 1 << 12
	longestLine = 1 << 10
)

func (c *cutter) word(s string) word { return word(maphash.String(c.seed, s)) }

// words gives the words of text between [diff.Start] and [diff.End].
func (c *cutter) words(text string) []word {
	words := make([]word, 1, len(text)/4+2)
	words[0] = c.word(diff.Start)
	for line := range strings.Lines(text) {
		known, ok := c.lines[line]
		if !ok {
			for start, end := gate.NextWord(line, 0); start < end; start, end = gate.NextWord(line, end) {
				known = append(known, c.word(line[start:end]))
			}
			if len(line) <= longestLine {
				if c.lines == nil || len(c.lines) >= mostLines {
					c.lines = map[string][]word{}
				}
				c.lines[strings.Clone(line)] = known
			}
		}
		words = append(words, known...)
	}
	return append(words, c.word(diff.End))
}

// hashed gives the hashes of words.
func (c *cutter) hashed(words []string) []word {
	out := make([]word, len(words))
	for i, w := range words {
		out[i] = c.word(w)
	}
	return out
}

// frame is a setting, and the texts that may stand in it, as hashes of words.
type frame struct {
	left, right []word
	old, new    []word
	whole       bool // it is all of a part
	framed      bool // it is told apart well enough to recognise a third text in it
}

// frame makes the setting of a class ready to be looked for.
func (g *group) frame(c *cutter, s *setting) *frame {
	f := &frame{
		left: c.hashed(s.left), right: c.hashed(s.right),
		old: c.hashed(gate.Words(g.before)), new: c.hashed(gate.Words(g.after)),
		whole:  slices.Equal(s.left, []string{diff.Start}) && slices.Equal(s.right, []string{diff.End}),
		framed: slices.ContainsFunc(s.left, gate.IsWord) && len(s.right) > 0,
	}
	return f
}

// mostMiddle is how many words a third text may have.
const mostMiddle = 12

// hold says which texts a part holds in the group's place.
func (g *group) hold(c *cutter, p *partWords, s *setting) sighting {
	if g.Kind != gate.Text && g.Kind != gate.Value && !g.Within {
		return sighting{p.value == g.before, p.value == g.after, false}
	}
	if p.words == nil {
		p.words = c.words(p.value)
	}
	f := s.frame
	if f.whole {
		inner := p.words[1 : len(p.words)-1]
		old, new := slices.Equal(inner, f.old), slices.Equal(inner, f.new)
		return sighting{old, new, !old && !new}
	}
	long, short := f.old, f.new
	if len(long) < len(short) {
		long, short = short, long
	}
	var hasLong, hasShort, third bool
	newline := c.word("\n")
	covered := -1 // up to here the words are those of the longer text, in which the shorter may stand too
	for at := 0; at+len(f.left) <= len(p.words); at++ {
		if !begins(p.words[at:], f.left) {
			continue
		}
		start := at + len(f.left)
		rest := p.words[start:]
		switch {
		case begins(rest, long) && begins(rest[len(long):], f.right):
			hasLong = true
			covered = start + len(long)
		case begins(rest, short) && begins(rest[len(short):], f.right):
			hasShort = hasShort || start+len(short) > covered
		case f.framed && !third:
			for k := range min(mostMiddle, len(rest)) {
				if begins(rest[k:], f.right) {
					third = true
					break
				}
				if rest[k] == newline {
					break
				}
			}
		}
	}
	if len(f.old) < len(f.new) {
		return sighting{hasShort, hasLong, third}
	}
	return sighting{hasLong, hasShort, third}
}

func begins(words, with []word) bool {
	if len(words) < len(with) {
		return false
	}
	for i, w := range with {
		if words[i] != w {
			return false
		}
	}
	return true
}

// refuted reports whether what was looked at suffices to say that g is not wording,
// whatever else there is.
func (g *group) refuted() bool {
	return g.held.third || g.held.new[0] > 0 || g.held.old[0] > len(g.Changes)
}

// settle decides which groups are alike, and which are wording.
func (c *comparer) settle() {
	for _, g := range c.groups {
		if g.follows && g.Wording && c.owners.Foreign(g.added(), c.recipients(g), c.senders(g)) {
			g.Wording, g.Why = false, "the second form of the text holds what belongs to somebody"
		}
		if g.needed {
			g.Why = g.unalike()
			g.Alike = g.Why == ""
			if g.Alike {
				g.Why = c.unworded(g)
			}
			g.Wording = g.Why == ""
		}
		if g.Alike && !g.Wording {
			c.showWhole(g)
		}
	}
	c.Groups = make([]gate.EditGroup, len(c.groups))
	for i, g := range c.groups {
		texts := [][2]string{g.named}
		if g.Alike { // what all of a class have in common is no token, whatever its form
			texts = [][2]string{g.raw, g.whole}
		}
		h := c.o.keyed("edit")
		fmt.Fprintf(h, "%t %t %q", g.NewPart, g.GonePart, texts)
		g.Digest = sum(h)
		c.Groups[i] = *g.EditGroup
	}
}

// unalike says why the evidence does not show that g was made alike.
func (g *group) unalike() string {
	n := len(g.Changes)
	switch h := &g.held; {
	case g.refuted():
		return "messages that were not edited so hold the old text, the new one or a third in its place"
	case h.old[0] != n:
		return "not every message that was edited so shows the old text in its place"
	case h.new[1] != n:
		return "staging holds the new text in messages that were not edited so"
	case h.old[1] > 0:
		return "staging still holds the old text elsewhere"
	}
	return ""
}

// unworded says why g, which is alike, is not wording.
func (c *comparer) unworded(g *group) string {
	if why := g.misplaced(); why != "" && !(c.o.replies && g.isAsset()) {
		return why
	}
	if g.identifies != "" {
		return g.identifies
	}
	if c.owners.Foreign(g.added(), c.recipients(g), c.senders(g)) || c.sent.Foreign(g.added(), c.recipients(g), c.senders(g)) {
		return "the new text holds what belongs to somebody"
	}
	return ""
}

// recipients returns who receives the messages of g.
func (c *comparer) recipients(g *group) []gate.Recipient {
	to := make([]gate.Recipient, len(g.Changes))
	for n, i := range g.Changes {
		to[n] = c.Changes[i].Recipient()
	}
	return to
}

// added is what g puts in, as a part.
func (g *group) added() gate.Part { return gate.Part{Name: g.Part, Kind: g.Kind, Value: g.after} }

// senders returns the domains that the senders of all messages of g have for their own.
func (c *comparer) senders(g *group) []string {
	own := c.pairs[g.Changes[0]].own
	for _, i := range g.Changes[1:] {
		if !slices.Equal(own, c.pairs[i].own) {
			own = slices.DeleteFunc(slices.Clone(own), func(d string) bool { return !slices.Contains(c.pairs[i].own, d) })
		}
	}
	return own
}

// showWhole has g and its edits show the whole values where they are the same in all:
// an address, and not the words of it that differ.
func (c *comparer) showWhole(g *group) {
	if g.whole == [2]string{} {
		return
	}
	g.Before, g.After = gate.Clip(g.whole[0], maxEdit), gate.Clip(g.whole[1], maxEdit)
	for _, i := range g.Changes {
		for j := range c.Changes[i].Edits {
			if e := &c.Changes[i].Edits[j]; c.groups[e.Group] == g {
				e.Before, e.After = g.Before, g.After
			}
		}
	}
}

// byWideClass lists the groups that need evidence under the classes they look at.
func (c *comparer) byWideClass() map[string][]*group {
	m := map[string][]*group{}
	cutter := cutter{seed: c.seed}
	for _, g := range c.groups {
		if !g.needed {
			continue
		}
		for class, s := range g.settings {
			s.frame = g.frame(&cutter, s)
			m[class] = append(m[class], g)
		}
	}
	for _, l := range m {
		slices.SortFunc(l, func(x, y *group) int {
			return cmp.Or(strings.Compare(x.Part, y.Part), strings.Compare(x.before, y.before), strings.Compare(x.after, y.after))
		})
	}
	return m
}
