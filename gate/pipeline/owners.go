package pipeline

import (
	"cmp"
	"context"
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

// pass goes over production once more, for the residue alone: whose facts does
// it hold, who had its bodies, and which edits are wording.
func (c *comparer) pass(ctx context.Context) error {
	c.owners = exposure.NewOwners()
	c.origins = map[gate.Digest][]gate.Recipient{}
	for _, g := range c.groups {
		if g.needed {
			exposure.InText(g.Part, g.after, func(f *exposure.Found) {
				if exposure.Typed(f.Kind) {
					g.typed = append(g.typed, *f)
					c.owners.Want(f)
				}
			})
		}
	}
	for i := range c.pairs {
		c.want(i)
	}
	groups := c.byWideClass()
	if c.owners.Wanted() || len(groups) > 0 || len(c.origins) > 0 {
		if err := c.again(ctx, groups); err != nil {
			return err
		}
		for i := range c.after.items {
			c.look(groups, c.after.items[i].Message, 1, 1)
		}
	}
	c.settle()
	return c.expose(ctx)
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
	after := c.after.items[p.A].Message.Parts
	if c.Changes[i].Kind != gate.Altered || !c.reworded(i) {
		return after
	}
	parts := make([]gate.Part, 0, len(p.hunks))
	for _, h := range p.hunks {
		switch {
		case h.After == "":
		case h.Kind == gate.Text && !h.NewPart:
			parts = append(parts, gate.Part{Name: h.Part, Kind: h.Kind, Value: beside(h)})
		default: // the value as a whole is a fact
			for _, a := range after {
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

// reworded reports whether every edit of change i may yet turn out to be wording.
func (c *comparer) reworded(i int) bool {
	for _, e := range c.Changes[i].Edits {
		if g := c.groups[e.Group]; !g.needed && !g.Wording {
			return false
		}
	}
	return true
}

// again streams production a second time.
func (c *comparer) again(ctx context.Context, groups map[string][]*group) error {
	var mu sync.Mutex
	var done uint64
	err := each(ctx, c.p.side, c.o.workers(), func(m *gate.Canonical) {
		c.owners.Hold(m.Recipients, m.Parts)
		body := bodyOf(m)
		mu.Lock()
		defer mu.Unlock()
		if had, wanted := c.origins[body]; wanted {
			c.origins[body] = withOrigins(had, m.Recipients)
		}
		c.look(groups, m, 0, len(m.Recipients))
		if done++; c.o.Progress != nil && done%1024 == 0 {
			c.o.Progress("looking up owners", done, c.p.facts.Messages)
		}
	})
	return err
}

// withOrigins adds recipients, keeping the first maxOrigins by identity, so that
// the order of messages decides nothing.
func withOrigins(had, more []gate.Recipient) []gate.Recipient {
	for _, r := range more {
		at, found := slices.BinarySearchFunc(had, r, compareRecipients)
		if !found && at < maxOrigins {
			had = slices.Insert(had, at, r)
			had = had[:min(len(had), maxOrigins)]
		}
	}
	return had
}

func compareRecipients(x, y gate.Recipient) int {
	return slices.Compare([]string{x.ID(), string(x.Role)}, []string{y.ID(), string(y.Role)})
}

func (c *comparer) look(groups map[string][]*group, m *gate.Canonical, run, deliveries int) {
	class := c.wideClass(m)
	list := groups[class]
	if len(list) == 0 {
		return
	}
	parts := partsWords(m)
	for _, g := range list {
		if g.Channel == m.Channel && g.Sink == m.Sink {
			g.look(class, parts, run, deliveries)
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
		after := &c.after.items[p.A]
		if ch.Kind != gate.Altered || c.before.items[p.B].Body != after.Body {
			for _, r := range c.origins[after.Body] {
				if r != after.Recipient {
					ch.Origins = append(ch.Origins, r)
				}
			}
		}
		d := exposure.Delivery{To: after.Recipient, After: c.gained(i)}
		if ch.Kind == gate.Altered {
			d.Before = c.before.items[p.B].Message.Parts
			d.TypedOnly = c.wording(i)
		}
		ch.Gains = c.owners.Exposed(d)
		if most := max(leastExposures, maxExposures-kept); len(ch.Gains) > most {
			ch.More = len(ch.Gains) - most
			ch.Gains = slices.Clone(ch.Gains[:most])
		}
		kept += len(ch.Gains)
		for j := min(len(ch.Gains), sampled); j < len(ch.Gains); j++ {
			ch.Gains[j].Sample = slices.Clone(ch.Gains[j].Sample[:1])
		}
		if after.Recipient.Kind == gate.Host && !d.TypedOnly {
			parties = append(parties, i)
		}
	}
	if len(parties) == 0 || c.o.Corpus == "" {
		return nil
	}
	return c.exposeStimuli(ctx, parties)
}

// wording reports whether every edit of change i is wording.
func (c *comparer) wording(i int) bool {
	for _, e := range c.Changes[i].Edits {
		if !c.Groups[e.Group].Wording {
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
			before = c.before.items[p.B].Message.Parts
		}
		for _, part := range c.after.items[p.A].Message.Parts {
			if !slices.Contains(before, part) {
				gained[n] = append(gained[n], part)
			}
		}
		exposure.In(gained[n], asked.Want)
	}
	var d *decoding
	err := eachStimulus(ctx, c.o.Corpus, func(s *gate.Stimulus, ref gate.Ref, header gate.Header) error {
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
		c.Changes[i].Gains = append(c.Changes[i].Gains, asked.Exposed(exposure.Delivery{To: to, After: gained[n], Stimuli: true})...)
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
