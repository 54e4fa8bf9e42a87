package pipeline

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// Exposures are people times people: a list that shows all to all of ten thousand
// is a hundred million. Up to maxExposures are kept whole, in the order of changes,
// then leastExposures of each change; [gate.Change] More says how many are not.
const (
	maxExposures   = 200_000
	leastExposures = 16
	sampled        = 8 // owners of one change of whom more than the most telling fact is kept
)

// maxOrigins is how many former recipients of one body are named.
const maxOrigins = 8

// pass finds, for the residue alone: whose facts does it hold, who had its bodies, and
// which edits are wording. Production is asked by its index, where it has one, else it
// is gone over once more; the answers are the same.
func (c *comparer) pass(ctx context.Context) error {
	if c.p.index != nil {
		err := c.ask(ctx, c.lookUp)
		if err == nil || ctx.Err() != nil {
			return err
		}
		// The index cannot be read: what it was made of can.
	}
	return c.ask(ctx, c.again)
}

// ask has production answer all that is wanted of it.
func (c *comparer) ask(ctx context.Context, production func(context.Context, map[string][]*group) error) error {
	c.owners = exposure.NewOwners()
	c.sent = exposure.NewOwners()
	c.origins = map[gate.Digest][]gate.Recipient{}
	for _, g := range c.groups {
		g.held = evidence{}
		if g.follows && g.Wording || g.needed && g.misplaced() == "" && g.identifies == "" {
			exposure.In([]gate.Part{g.added()}, c.owners.Want)
			exposure.In([]gate.Part{g.added()}, c.sent.Want)
		}
	}
	for i := range c.pairs {
		c.want(i)
	}
	groups := c.byWideClass()
	if c.owners.Wanted() || len(groups) > 0 || len(c.origins) > 0 {
		gone, come := c.unpaired()
		parallel(c.o.workers(), len(gone), func() func(int) {
			look := c.looker(groups)
			return func(i int) { look(c.before.text(gone[i]), atGone) }
		})
		if err := production(ctx, groups); err != nil {
			return err
		}
		if err := c.holdSent(ctx, c.sent); err != nil {
			return err
		}
		parallel(c.o.workers(), len(c.after.items), func() func(int) {
			look := c.looker(groups)
			return func(i int) {
				if come[i] {
					look(c.after.text(i), atCome)
				} else {
					look(c.after.text(i), atStaging)
				}
			}
		})
	}
	c.settle()
	if err := c.expose(ctx); err != nil {
		return err
	}
	return c.owners.Err()
}

// unpaired returns the deliveries of production and of staging, by their numbers, that have no
// counterpart: somebody receives less, or more, which is judged for itself.
func (c *comparer) unpaired() (gone []int, come map[int]bool) {
	come = map[int]bool{}
	for _, p := range c.pairs {
		switch {
		case p.A < 0:
			gone = append(gone, p.B)
		case p.B < 0:
			come[p.A] = true
		}
	}
	return gone, come
}

// want asks for the owners of what the recipient of change i gains.
func (c *comparer) want(i int) {
	p := c.pairs[i]
	if p.A < 0 {
		return
	}
	c.origins[c.after.items[p.A].Body] = nil
	exposure.In(c.gained(i), c.owners.Want)
}

// gained gives the parts in which change i may hold somebody's facts: of a
// message that may have been reworded alone, the edits and the words beside them;
// else all that After holds, so that the recipient's own facts are known too.
func (c *comparer) gained(i int) []gate.Part {
	p := c.pairs[i]
	if c.Changes[i].Kind != gate.Altered || !c.reworded(i) {
		return c.after.text(p.A).Parts
	}
	return c.edited(i)
}

// edited gives what the edits of change i put in: of a text, with the words beside it.
func (c *comparer) edited(i int) []gate.Part {
	p := c.pairs[i]
	parts := make([]gate.Part, 0, len(p.hunks))
	for _, h := range p.hunks {
		switch {
		case h.After == "":
		case h.Kind == gate.Text && !h.NewPart:
			parts = append(parts, gate.Part{Name: h.Part, Kind: h.Kind, Value: beside(h.Hunk)})
		default: // the value as a whole is a fact
			for _, a := range c.after.text(p.A).Parts {
				if a.Name == h.Part {
					parts = append(parts, a)
				}
			}
		}
	}
	return parts
}

// beside is what a hunk put in, with the words beside it, which make phrases with it.
func beside(h diff.Hunk) string {
	words := make([]string, 0, len(h.Left)+len(h.Right)+1)
	words = append(words, h.Left...)
	words = append(words, h.After)
	words = append(words, h.Right...)
	return strings.Join(words, " ")
}

// reworded reports whether every edit of change i may be, or may yet turn out to be, alike.
func (c *comparer) reworded(i int) bool {
	for _, e := range c.Changes[i].Edits {
		if g := c.groups[e.Group]; !g.needed && !g.Alike {
			return false
		}
	}
	return true
}

// lookUp asks the index of production.
func (c *comparer) lookUp(ctx context.Context, groups map[string][]*group) error {
	if err := c.owners.LookUp(c.p.index); err != nil {
		return err
	}
	bodies := map[uint64]gate.Digest{}
	for d := range c.origins {
		bodies[bodyKey(d)] = d
	}
	err := c.p.index.origins(slices.Sorted(maps.Keys(bodies)), func(body uint64, who []gate.Recipient) {
		c.origins[bodies[body]] = who
	})
	if err != nil {
		return err
	}
	first := map[*gate.Canonical]int{}
	for i := range c.before.items {
		if m := c.before.items[i].Message; len(m.Recipients) > 1 {
			if _, ok := first[m]; !ok {
				first[m] = i
			}
		}
	}
	parallel(c.o.workers(), len(c.before.items), func() func(int) {
		look := c.looker(groups)
		return func(i int) {
			m := c.before.items[i].Message
			if len(m.Recipients) == 1 || first[m] == i {
				look(c.before.text(i), atProduction(m))
			}
		}
	})
	return c.lookAtEqual(ctx, groups)
}

// firstFrames is how many frames are read before it is asked whether more need be: twice
// as many each time.
const firstFrames = 4

// lookAtEqual looks at the messages of production that cancelled, in the classes of groups,
// until nothing can be learnt.
func (c *comparer) lookAtEqual(ctx context.Context, groups map[string][]*group) error {
	open := func(class string) bool {
		return slices.ContainsFunc(groups[class], func(g *group) bool { return !g.refuted() })
	}
	var keys []uint64
	isRare := false
	for class := range groups {
		if open(class) {
			keys = append(keys, gate.HashWord(class)) // as classKey
			isRare = isRare || strings.Contains(class, rareClass)
		}
	}
	if isRare {
		for k, n := range c.p.classes {
			if n < rare {
				keys = append(keys, k)
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	places, err := c.p.index.of(keys)
	if err != nil {
		return err
	}
	residue := make([]position, len(c.before.surplus))
	for i, s := range c.before.surplus {
		residue[i] = s.at
	}
	slices.SortFunc(residue, position.compare)
	t := c.p.side.(*tapeSide) // nothing else has an index
	var at []position
	for _, n := range places {
		p := c.p.position(n)
		if _, changed := slices.BinarySearchFunc(residue, p, position.compare); !changed {
			at = append(at, p)
		}
	}
	lookers := sync.Pool{New: func() any { return c.looker(groups) }}
	for most := firstFrames; len(at) > 0 && slices.ContainsFunc(slices.Collect(maps.Keys(groups)), open); most *= 2 {
		n, frames := 0, 0
		for n < len(at) {
			if n == 0 || at[n].offset != at[n-1].offset {
				if frames++; frames > most {
					break
				}
			}
			n++
		}
		here := at[:n]
		at = at[n:]
		err := t.visit(ctx, here, func(i, end int, letters []gate.Canonical) error {
			see := lookers.Get().(func(*gate.Canonical, standing))
			defer lookers.Put(see)
			for ; i < end; i++ {
				if int(here[i].letter) >= len(letters) {
					return errDecoded
				}
				m := &letters[here[i].letter]
				see(m, atProduction(m))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// again streams production a second time.
func (c *comparer) again(ctx context.Context, groups map[string][]*group) error {
	var mu sync.Mutex
	var done uint64
	_, err := c.p.side.stream(ctx, c.o.workers(), func() func(place, *gate.Canonical) {
		look := c.looker(groups)
		return func(_ place, m *gate.Canonical) {
			c.owners.Hold(m.Recipients, m.Parts)
			look(m, atProduction(m))
			body := bodyOf(m)
			mu.Lock()
			defer mu.Unlock()
			if had, wanted := c.origins[body]; wanted {
				c.origins[body] = withOrigins(had, m.Recipients)
			}
			if done++; c.o.Progress != nil && done%1024 == 0 {
				c.o.Progress("looking up owners", done, c.p.facts.Messages)
			}
		}
	})
	return err
}

// withOrigins adds recipients, keeping the first maxOrigins in the order of [withRole], so
// that the order of messages decides nothing.
func withOrigins(had, more []gate.Recipient) []gate.Recipient {
	for _, r := range more {
		at, found := slices.BinarySearchFunc(had, withRole(r), func(x gate.Recipient, y uint64) int { return cmp.Compare(withRole(x), y) })
		if !found && at < maxOrigins {
			had = slices.Insert(had, at, r)
			had = had[:min(len(had), maxOrigins)]
		}
	}
	return had
}

func compareRecipients(x, y gate.Recipient) int {
	return cmp.Or(compareIdentities(x, y), strings.Compare(string(x.Role), string(y.Role)))
}

// compareIdentities orders as [gate.Recipient.ID] does: no kind begins another.
func compareIdentities(x, y gate.Recipient) int {
	return cmp.Or(strings.Compare(string(x.Kind), string(y.Kind)), strings.Compare(x.Address, y.Address))
}

// looker looks at what messages say of groups. It is for one goroutine.
func (c *comparer) looker(groups map[string][]*group) func(m *gate.Canonical, as standing) {
	if len(groups) == 0 {
		return func(*gate.Canonical, standing) {}
	}
	cutter := cutter{seed: c.seed}
	var open []*group
	var seen []sighting
	return func(m *gate.Canonical, as standing) {
		class := c.wideClass(m, nil)
		open, seen = open[:0], seen[:0]
		c.looking.Lock()
		for _, g := range groups[class] {
			if g.party && (len(m.Recipients) == 0 || m.Recipients[0].Kind != gate.Host) {
				continue // what a request is to send to one person, which has no header
			}
			if !g.refuted() && g.Channel == m.Channel && g.Sink == m.Sink {
				open = append(open, g)
			}
		}
		c.looking.Unlock()
		if len(open) == 0 {
			return
		}
		parts := partsWords(m)
		for _, g := range open {
			seen = append(seen, g.look(&cutter, class, parts))
		}
		c.looking.Lock()
		defer c.looking.Unlock()
		for i, g := range open {
			g.held.add(seen[i], as)
		}
	}
}

// expose fills in whose facts the recipient of each change gains.
func (c *comparer) expose(ctx context.Context) error {
	var parties []int // changes whose recipient is an outside party
	kept := 0
	for i := range c.Changes {
		p := c.pairs[i]
		if p.A < 0 {
			continue
		}
		ch := &c.Changes[i]
		ch.Origins, ch.More = nil, 0
		after := &c.after.items[p.A]
		if ch.Kind != gate.Altered || c.before.items[p.B].Body != after.Body {
			for _, r := range c.origins[after.Body] {
				if r == after.Recipient && c.o.replies { // who was answered so before
					ch.Origins = nil
					break
				}
				if r != after.Recipient {
					ch.Origins = append(ch.Origins, r)
				}
			}
			slices.SortFunc(ch.Origins, compareRecipients)
		}
		d := exposure.Delivery{To: after.Recipient, After: c.gained(i), Own: c.own(i), Fresh: c.noise.isFresh}
		if len(c.origins[after.Body]) < maxOrigins { // else there may be more
			d.Origins = ch.Origins
		}
		if ch.Kind == gate.Altered {
			d.Before = func() []gate.Part { return c.before.text(p.B).Parts }
			d.Alike = c.alike(i)
		}
		ch.Gains = c.owners.Exposed(d)
		if after.Recipient.Kind == gate.Host && ch.Kind == gate.Altered && !c.worded(i) {
			for _, r := range c.owners.Whose(c.edited(i)) {
				concern(ch.After, r)
			}
			slices.SortFunc(ch.After.Concerns, compareIdentities)
		}
		for j := range ch.Gains {
			ch.Gains[j].Digest = c.o.keyedOf(ch.Gains[j].Digest)
		}
		if most := max(leastExposures, maxExposures-kept); len(ch.Gains) > most {
			ch.More = len(ch.Gains) - most
			ch.Gains = slices.Clone(ch.Gains[:most])
		}
		kept += len(ch.Gains)
		for j := min(len(ch.Gains), sampled); j < len(ch.Gains); j++ {
			ch.Gains[j].Sample = slices.Clone(ch.Gains[j].Sample[:1])
		}
		if after.Recipient.Kind == gate.Host && !c.worded(i) {
			parties = append(parties, i)
		}
	}
	if len(parties) == 0 || c.o.Corpus == "" {
		return nil
	}
	return c.exposeStimuli(ctx, parties)
}

// own returns the domains that the senders of change i have for their own.
func (c *comparer) own(i int) []string {
	if p := c.pairs[i]; p.B < 0 {
		return senderDomains(c.after.text(p.A).Parts)
	}
	return c.pairs[i].own
}

// alike reports whether every edit of change i was made alike.
func (c *comparer) alike(i int) bool {
	return c.every(i, func(g *gate.EditGroup) bool { return g.Alike })
}

// worded reports whether every edit of change i is wording.
func (c *comparer) worded(i int) bool {
	return c.every(i, func(g *gate.EditGroup) bool { return g.Wording })
}

func (c *comparer) every(i int, is func(*gate.EditGroup) bool) bool {
	for _, e := range c.Changes[i].Edits {
		if !is(&c.Groups[e.Group]) {
			return false
		}
	}
	return len(c.Changes[i].Edits) > 0
}

// exposeStimuli finds facts that nobody was sent in production, that stand in
// stimuli, and that now reach an outside party: what somebody searched for.
func (c *comparer) exposeStimuli(ctx context.Context, changes []int) error {
	asked := exposure.NewOwners()
	gained := make([][]gate.Part, len(changes))
	for n, i := range changes {
		p := c.pairs[i]
		var before []gate.Part
		if c.Changes[i].Kind == gate.Altered {
			before = c.before.text(p.B).Parts
		}
		for _, part := range c.after.text(p.A).Parts {
			if !slices.Contains(before, part) {
				gained[n] = append(gained[n], part)
			}
		}
		exposure.In(gained[n], asked.Want)
	}
	var d *decoding
	err := eachStimulus(ctx, c.o, func(s *gate.Stimulus, ref gate.Ref, header gate.Header) error {
		if s.Channel == "exec" {
			return nil
		}
		if d == nil {
			d = &decoding{o: c.o, header: &header}
		}
		letters, err := d.canonical(&gate.Message{Channel: s.Channel, Sink: s.Door, Head: s.Head, Body: s.Body}, ref)
		if err != nil {
			c.gaps.add(gate.Gap{Kind: gate.GapNotDecoded, Where: "corpus", Detail: "a stimulus could not be read for whose facts it holds: " + err.Error()})
			return nil
		}
		who := bringer(s)
		for _, l := range letters {
			asked.Hold([]gate.Recipient{who}, content(l.Parts))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for n, i := range changes {
		to := c.Changes[i].Recipient()
		for _, g := range asked.Exposed(exposure.Delivery{To: to, After: gained[n], Stimuli: true, Fresh: c.noise.isFresh}) {
			g.Digest = c.o.keyedOf(g.Digest)
			c.Changes[i].Gains = append(c.Changes[i].Gains, g)
		}
	}
	return nil
}

// bringer is who a stimulus' facts belong to: its key, which may well be a mail
// address that mails go to as well.
func bringer(s *gate.Stimulus) gate.Recipient {
	key := cmp.Or(s.Key, s.ID)
	if strings.Contains(key, "@") {
		if r, err := gate.MailRecipient(key, ""); err == nil {
			return r
		}
	}
	return gate.Recipient{Kind: gate.Other, Address: key}
}

// content leaves out what is said of the transmission and not by its sender.
func content(parts []gate.Part) []gate.Part {
	return slices.DeleteFunc(slices.Clone(parts), func(p gate.Part) bool {
		return p.Kind == gate.Transport || p.Name == "method" || p.Name == "path" || len(p.Name) > 7 && p.Name[:7] == "header/"
	})
}
