package checktest

import (
	"slices"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
)

// A Twin is what differs between two runs, told in both directions.
type Twin struct{ There, Back gate.Comparison }

// Twins draws small comparisons in which collisions are likely: few people and
// hosts, parts of every territory and of none, messages that are shared, facts
// gained both ways. They are what two runs could give, whatever those are of, but
// that gains and wording are drawn and not worked out.
func Twins() *rapid.Generator[Twin] { return rapid.Custom(drawTwin) }

var (
	randomRecipients = []gate.Recipient{
		{Kind: gate.Mail, Address: "anna@example.org", Role: gate.Envelope},
		{Kind: gate.Mail, Address: "Anna@example.org", Role: gate.Envelope},
		{Kind: gate.Mail, Address: "bert@example.org", Role: gate.Envelope},
		{Kind: gate.Tel, Address: "+15105550100", Role: gate.Envelope},
		{Kind: gate.Other, Address: "device-1", Role: gate.Envelope},
		{Kind: gate.Host, Address: "one.example", Role: gate.Party},
		{Kind: gate.Host, Address: "two.example", Role: gate.Party},
	}
	randomParts = []string{
		"header/to", "header/cc", "header/bcc", "header/from", "header/sender", "header/reply-to", "header/return-path", "header/in-reply-to",
		"header/references", "header/list-unsubscribe", "header/list-post", "header/subject", "envelope/from", "envelope/orcpt", "envelope/notify",
		"envelope/ret", "envelope/envid", "transport/tls", "transport/sink", "transport/other", "method", "path", "query/uid", "body/$.items[3].id",
		"cookie/lang", "header/x-note", "text", "text/link", "html", "html/link", "html/load", "html/hidden", "attachment[0]/name",
		"attachment[1]/type", "attachment[0]/digest", "attachment[2]/text", "structure", "fanout/groups", "malformed", "",
	}
	randomTexts = []string{
		"", "words", "other words", "mail:anna@example.org", "mail:bert@example.org", "mail:anna@example.org\nmail:bert@example.org",
		"https://one.example/a", "https://one.example/b", "https://two.example/a", "//load.example", "cid:logo", "page", "\x00\xff not a link\n",
		"plaintext", "TLS 1.0", "tls", "1", "2",
	}
)

// drawn is one change, told from neither side.
type drawn struct {
	kind                gate.ChangeKind
	delivery            gate.Delivery // but for recipient and message
	before, after       gate.Recipient
	beforeSeq, afterSeq uint64
	copies              [2]int
	edits               []drawnEdit
	gains, losses       []gate.Exposure // what After holds, and what Before does
	uncaused            bool
}

type drawnEdit struct {
	gate.Edit
	made Made
}

func drawTwin(t *rapid.T) Twin {
	changes := rapid.SliceOfN(rapid.Custom(drawChange), 0, 6).Draw(t, "changes")
	known := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"host:one.example", "host:two.example", "host:quiet.example"}),
		rapid.ID[string]).Draw(t, "parties of equal deliveries")
	equal := uint64(rapid.IntRange(0, 2).Draw(t, "equal deliveries of each class"))
	caused := rapid.Bool().Draw(t, "caused")
	var orders []gate.OrderChange
	for range rapid.IntRange(0, 2).Draw(t, "orders") {
		r := rapid.SampledFrom(randomRecipients).Draw(t, "recipient")
		orders = append(orders, gate.OrderChange{Channel: "smtp", Sink: "mail", Recipient: r,
			First: gate.Delivery{Class: "letter", Recipient: r}, Second: gate.Delivery{Class: "notice", Recipient: r}})
	}
	return Twin{There: tell(changes, known, equal, orders, caused, false), Back: tell(changes, known, equal, orders, caused, true)}
}

func drawChange(t *rapid.T) drawn {
	recipient := rapid.SampledFrom(randomRecipients)
	d := drawn{
		kind: rapid.SampledFrom([]gate.ChangeKind{gate.Added, gate.Removed, gate.Redirected, gate.Altered}).Draw(t, "kind"),
		delivery: gate.Delivery{
			Channel: "smtp", Sink: rapid.SampledFrom([]string{"mail", "bulk"}).Draw(t, "sink"),
			Class: rapid.SampledFrom([]string{"letter", "notice"}).Draw(t, "class"),
		},
		before:    recipient.Draw(t, "before"),
		beforeSeq: rapid.Uint64Range(1, 4).Draw(t, "message before"),
		afterSeq:  rapid.Uint64Range(1, 4).Draw(t, "message after"),
		uncaused:  rapid.Bool().Draw(t, "uncaused"),
	}
	d.after = d.before
	switch d.kind {
	case gate.Redirected:
		d.after = recipient.Filter(func(r gate.Recipient) bool { return r != d.before }).Draw(t, "after")
		fallthrough
	case gate.Altered:
		d.edits = rapid.SliceOfN(rapid.Custom(drawEdit), 0, 3).Draw(t, "edits")
		d.losses = drawExposures(t, d.before)
	case gate.Removed:
		d.losses = drawExposures(t, d.before)
	}
	switch d.kind {
	case gate.Added:
		d.copies = rapid.SampledFrom([][2]int{{0, 1}, {1, 2}}).Draw(t, "copies")
	case gate.Removed:
		d.copies = rapid.SampledFrom([][2]int{{1, 0}, {2, 1}}).Draw(t, "copies")
	}
	if d.kind != gate.Removed {
		d.gains = drawExposures(t, d.after)
	}
	return d
}

func drawEdit(t *rapid.T) drawnEdit {
	e := drawnEdit{Edit: gate.Edit{Part: rapid.SampledFrom(randomParts).Draw(t, "part")}}
	e.Kind = kindOf(e.Part)
	if rapid.Bool().Draw(t, "another kind") {
		e.Kind = gate.PartKind(rapid.IntRange(int(gate.Text), int(gate.Transport)).Draw(t, "kind"))
	}
	e.Before = rapid.SampledFrom(randomTexts).Draw(t, "text before")
	e.After = rapid.SampledFrom(randomTexts).Draw(t, "text after")
	switch rapid.IntRange(0, 5).Draw(t, "new or gone") {
	case 0:
		e.NewPart, e.Before = true, ""
	case 1:
		e.GonePart, e.After = true, ""
	}
	e.made = Made(rapid.IntRange(int(Personal), int(Wording)).Draw(t, "made"))
	e.Within = e.Kind == gate.Link && rapid.Bool().Draw(t, "within")
	return e
}

func drawExposures(t *rapid.T, holder gate.Recipient) []gate.Exposure {
	owners := rapid.SliceOfNDistinct(rapid.SampledFrom(randomRecipients), 0, 3, gate.Recipient.ID).Draw(t, "owners")
	var out []gate.Exposure
	for _, o := range owners {
		o.Role = ""
		x := gate.Exposure{
			Owner: o, Own: o.ID() == holder.ID(), New: rapid.Bool().Draw(t, "new"), Stimuli: rapid.Bool().Draw(t, "stimuli"),
			Facts: 1, Bits: float64(rapid.IntRange(1, 20).Draw(t, "bits")),
		}
		x.Sample = []gate.Fact{{Kind: gate.FactWord, Value: "a fact of theirs", Part: rapid.SampledFrom(randomParts).Draw(t, "place"), Bits: x.Bits}}
		out = append(out, x)
	}
	return out
}

// tell makes the comparison of one direction.
func tell(changes []drawn, known []string, equal uint64, orders []gate.OrderChange, caused, back bool) gate.Comparison {
	c := gate.Comparison{Scenario: "random", Caused: caused, Parties: slices.Clone(known)}
	c.Production.Role, c.Staging.Role = gate.Production, gate.Staging
	groups := map[string]int{}
	counts := map[gate.ClassFacts][2]uint64{}
	for _, d := range changes {
		if back {
			d = d.mirror()
		}
		ch := gate.Change{Kind: d.kind, Rule: gate.Unpaired, Copies: d.copies, Gains: d.gains}
		k := gate.ClassFacts{Channel: d.delivery.Channel, Sink: d.delivery.Sink, Class: d.delivery.Class}
		n := counts[k]
		if d.kind != gate.Added {
			b := d.delivery
			b.Recipient, b.Ref = d.before, gate.Ref{Seq: d.beforeSeq}
			ch.Before = &b
			n[0]++
			if b.Recipient.Kind == gate.Host {
				c.Parties = append(c.Parties, b.Recipient.ID())
			}
		}
		if d.kind != gate.Removed {
			a := d.delivery
			a.Recipient, a.Ref = d.after, gate.Ref{Seq: d.afterSeq}
			ch.After = &a
			n[1]++
		}
		// A further copy means that there is a first one, on both sides.
		if d.copies[0] > 0 && d.copies[1] > 0 {
			n[0]++
			n[1]++
			if r := ch.Recipient(); r.Kind == gate.Host {
				c.Parties = append(c.Parties, r.ID())
			}
		}
		counts[k] = n
		c.Changes = append(c.Changes, ch)
		i := len(c.Changes) - 1
		if d.kind == gate.Added && caused && d.uncaused {
			c.Uncaused = append(c.Uncaused, i)
		}
		for _, e := range d.edits {
			AddEdit(&c, groups, i, e.Edit, e.made)
		}
	}
	slices.Sort(c.Parties)
	c.Parties = slices.Compact(c.Parties)
	for k, n := range counts {
		k.Production, k.Staging = n[0]+equal, n[1]+equal
		c.Classes = append(c.Classes, k)
	}
	slices.SortFunc(c.Classes, compareClasses)
	for _, o := range orders {
		if back {
			o.First, o.Second = o.Second, o.First
		}
		c.Orders = append(c.Orders, o)
	}
	return c
}

// mirror is the same change seen from the other run.
func (d drawn) mirror() drawn {
	switch d.kind {
	case gate.Added:
		d.kind = gate.Removed
	case gate.Removed:
		d.kind = gate.Added
	}
	d.before, d.after = d.after, d.before
	d.beforeSeq, d.afterSeq = d.afterSeq, d.beforeSeq
	d.gains, d.losses = d.losses, d.gains
	d.copies[0], d.copies[1] = d.copies[1], d.copies[0]
	d.edits = slices.Clone(d.edits)
	for i := range d.edits {
		e := &d.edits[i]
		e.Before, e.After = e.After, e.Before
		e.NewPart, e.GonePart = e.GonePart, e.NewPart
	}
	return d
}

// Mirror is c told from the other run, as far as it can be known from c: what
// production's messages held of whose facts is not.
func Mirror(c *gate.Comparison) gate.Comparison {
	var changes []drawn
	for i := range c.Changes {
		ch := &c.Changes[i]
		d := drawn{kind: ch.Kind, delivery: *ch.Delivery(), gains: ch.Gains, copies: ch.Copies, uncaused: slices.Contains(c.Uncaused, i)}
		d.before, d.after = ch.Recipient(), ch.Recipient()
		if ch.Before != nil {
			d.before, d.beforeSeq = ch.Before.Recipient, ch.Before.Ref.Seq
		}
		if ch.After != nil {
			d.after, d.afterSeq = ch.After.Recipient, ch.After.Ref.Seq
		}
		for _, e := range ch.Edits {
			d.edits = append(d.edits, drawnEdit{e, madeOf(&c.Groups[e.Group])})
		}
		changes = append(changes, d)
	}
	return tell(changes, c.Parties, 0, c.Orders, c.Caused, true)
}

func madeOf(g *gate.EditGroup) Made {
	switch {
	case g.Wording:
		return Wording
	case g.Alike:
		return Alike
	}
	return Personal
}
