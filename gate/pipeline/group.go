package pipeline

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// An edit is wording where it is a function of the text and not of the person.
// That is shown, not assumed. In deliveries of the same classes:
//
//   - two of them at least were edited so;
//   - all of production's that hold the old text in this place were edited so,
//     and all of staging's that hold the new text are those;
//   - none of production's holds the new text, and none of staging's the old;
//   - the place does not vary: no delivery of production holds a third text there;
//   - the new text holds nobody's address, telephone number or record number
//     that one of those who receive it did not have.
//
// So "pending" becoming "negative" for one person, for some of those who had it,
// or at a place where others have "positive", is not wording.

// group is an edit group and the evidence about it.
type group struct {
	*gate.EditGroup
	before, after string              // whole
	settings      map[string]*setting // by wide class: where the place is, in messages of that class
	typed         []exposure.Found
	held          evidence
	needed        bool // whether evidence is worth gathering
}

// A setting is the words around a place that all who were edited share.
type setting struct{ left, right []string }

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
}

// group joins equal edits over messages.
func (c *comparer) group() {
	index := map[groupKey]int{}
	for i := range c.Changes {
		d := c.Changes[i].Delivery()
		for j, h := range c.pairs[i].hunks {
			part := withoutIndexes(h.Part)
			k := groupKey{d.Channel, d.Sink, part, h.Kind, sha256.Sum256([]byte(h.Before + "\x00" + h.After)), h.NewPart, h.GonePart}
			n, ok := index[k]
			if !ok {
				n = len(c.groups)
				index[k] = n
				c.groups = append(c.groups, &group{
					EditGroup: &gate.EditGroup{
						Part: part, Kind: h.Kind, Before: gate.Clip(h.Before, maxEdit), After: gate.Clip(h.After, maxEdit),
						NewPart: h.NewPart, GonePart: h.GonePart, Class: d.Class, Channel: d.Channel, Sink: d.Sink,
					},
					before: h.Before, after: h.After, settings: map[string]*setting{},
				})
			}
			g := c.groups[n]
			if n := len(g.Changes); n == 0 || g.Changes[n-1] != i {
				g.Changes = append(g.Changes, i)
			}
			if g.Class != d.Class {
				g.Class = ""
			}
			for _, m := range c.messages(i) {
				g.join(c.wideClass(m), h)
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
		g.Why = c.unlikely(g)
		g.needed = g.Why == ""
	}
}

// join narrows the setting of a class to what h shares with those before it.
func (g *group) join(class string, h diff.Hunk) {
	f := g.settings[class]
	if f == nil {
		g.settings[class] = &setting{h.Left, h.Right}
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

// messages gives the messages of change i, production's first.
func (c *comparer) messages(i int) []*gate.Canonical {
	var out []*gate.Canonical
	if b := c.pairs[i].B; b >= 0 {
		out = append(out, c.before.items[b].Message)
	}
	if a := c.pairs[i].A; a >= 0 {
		out = append(out, c.after.items[a].Message)
	}
	return out
}

// unlikely says why a group cannot be wording before any evidence is gathered.
func (c *comparer) unlikely(g *group) string {
	switch {
	case g.Kind == gate.Addresses || g.Kind == gate.Transport:
		return "addressing and transport are never wording"
	case len(g.Changes) < 2:
		return "one message alone was edited so"
	case g.People < 2 && c.Changes[g.Changes[0]].Recipient().Kind != gate.Host:
		return "one recipient's messages alone were edited so"
	}
	for _, i := range g.Changes {
		if c.Changes[i].Kind != gate.Altered {
			return "the messages go to other recipients too"
		}
	}
	return ""
}

// rare is how many deliveries of production a class needs to stand for itself.
const rare = 3

// wideClass is the class of m, or, where production has few of it, everything
// rare from one sender: subjects that are free text must not make every message
// a class of its own, in which every edit would be made to all.
func (c *comparer) wideClass(m *gate.Canonical) string {
	if c.p.classes[classKey(m.Channel, m.Sink, m.Class)] >= rare {
		return m.Channel + "\x00" + m.Sink + "\x00" + m.Class
	}
	from := ""
	for i := range m.Parts {
		if m.Parts[i].Name == "header/from" {
			from = m.Parts[i].Value
			break
		}
	}
	return m.Channel + "\x00" + m.Sink + "\x00rare\x00" + from
}

// look takes down what a message says of a group of its wide class. run is 0 for
// production and 1 for staging; deliveries is how many it is worth.
func (g *group) look(class string, parts []partWords, run, deliveries int) {
	var old, new, third bool
	switch {
	case g.NewPart || g.GonePart:
		present := false
		for i := range parts {
			if parts[i].name != g.Part {
				continue
			}
			present = true
			v := parts[i].value
			third = third || v != g.before && v != g.after
			old = old || g.GonePart && v == g.before
			new = new || g.NewPart && v == g.after
		}
		old = old || g.NewPart && !present
		new = new || g.GonePart && !present
	default:
		for i := range parts {
			if parts[i].name == g.Part {
				o, n, t := g.hold(&parts[i], g.settings[class])
				old, new, third = old || o, new || n, third || t
			}
		}
	}
	if old {
		g.held.old[run] += deliveries
	}
	if new {
		g.held.new[run] += deliveries
	}
	g.held.third = g.held.third || third
}

// partWords is a part and, once they are needed, its words between Start and End.
type partWords struct {
	name, value string
	kind        gate.PartKind
	words       []string
}

func partsWords(m *gate.Canonical) []partWords {
	out := make([]partWords, len(m.Parts))
	for i, p := range m.Parts {
		out[i] = partWords{name: withoutIndexes(p.Name), value: p.Value, kind: p.Kind}
	}
	return out
}

// mostMiddle is how many words a third text may have.
const mostMiddle = 12

// hold says which texts a part holds in the group's place.
func (g *group) hold(p *partWords, f *setting) (old, new, third bool) {
	if g.Kind != gate.Text && g.Kind != gate.Value {
		return p.value == g.before, p.value == g.after, false
	}
	if p.words == nil {
		p.words = append(append([]string{diff.Start}, gate.Words(p.value)...), diff.End)
	}
	oldWords, newWords := gate.Words(g.before), gate.Words(g.after)
	if slices.Equal(f.left, []string{diff.Start}) && slices.Equal(f.right, []string{diff.End}) {
		inner := p.words[1 : len(p.words)-1]
		old, new = slices.Equal(inner, oldWords), slices.Equal(inner, newWords)
		return old, new, !old && !new
	}
	framed := slices.ContainsFunc(f.left, gate.IsWord) && len(f.right) > 0
	long, short := oldWords, newWords
	if len(long) < len(short) {
		long, short = short, long
	}
	var hasLong, hasShort bool
	covered := -1 // up to here the words are those of the longer text, in which the shorter may stand too
	for at := 0; at+len(f.left) <= len(p.words); at++ {
		if !slices.Equal(p.words[at:at+len(f.left)], f.left) {
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
		case framed:
			for k := range min(mostMiddle, len(rest)) {
				if begins(rest[k:], f.right) {
					third = true
					break
				}
				if rest[k] == "\n" {
					break
				}
			}
		}
	}
	if len(oldWords) < len(newWords) {
		return hasShort, hasLong, third
	}
	return hasLong, hasShort, third
}

func begins(words, with []string) bool {
	return len(words) >= len(with) && slices.Equal(words[:len(with)], with)
}

// settle decides which groups are wording.
func (c *comparer) settle() {
	for _, g := range c.groups {
		if g.needed {
			g.Why = c.refuse(g)
			g.Wording = g.Why == ""
		}
	}
	c.Groups = make([]gate.EditGroup, len(c.groups))
	for i, g := range c.groups {
		c.Groups[i] = *g.EditGroup
	}
}

func (c *comparer) refuse(g *group) string {
	n := len(g.Changes)
	switch h := &g.held; {
	case h.old[0] != n:
		return "not every message that holds the old text was edited so"
	case h.new[1] != n:
		return "staging holds the new text in messages that were not edited so"
	case h.new[0] > 0:
		return "the new text stood in messages of production already"
	case h.old[1] > 0:
		return "staging still holds the old text elsewhere"
	case h.third:
		return "the place holds different texts for different people"
	}
	var to []gate.Recipient
	for _, i := range g.Changes {
		to = append(to, c.Changes[i].Recipient())
	}
	for i := range g.typed {
		if c.owners.Foreign(&g.typed[i], to) {
			return "the new text holds a value that belongs to somebody"
		}
	}
	return ""
}

// byWideClass lists the groups that need evidence under the classes they look at.
func (c *comparer) byWideClass() map[string][]*group {
	m := map[string][]*group{}
	for _, g := range c.groups {
		if !g.needed {
			continue
		}
		for class := range g.settings {
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
