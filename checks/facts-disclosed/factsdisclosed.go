// Package factsdisclosed is the check facts-disclosed.
package factsdisclosed

import (
	"slices"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is facts-disclosed: a recipient would hold facts that in production belonged to somebody else.
var Check = &gate.Check{
	ID:       "facts-disclosed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `A recipient would hold facts that in production belonged to somebody else.

Facts are addresses, telephone numbers, record numbers and distinctive runs of words, found through encodings and digests. Owners had them in
production, or are known by the stimuli that carried them; Gained and Parties would hold them now and did not before, in any message.
Bits weigh the strongest evidence: a fact of one person among n carries log2(n). Whatever the wording around it, do not release it.`,
	Run: run,
}

// What comes with a delivery that another person got is told apart from what content
// discloses: they are two causes.
const redirected = "redirected"

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("facts-disclosed", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind == gate.Added && ch.Copies[0] > 0 {
			continue // a further copy: production discloses all of it to the same recipient
		}
		for j := range ch.Gains {
			x := &ch.Gains[j]
			if x.Own || !x.New || !kit.Belongs(x) || known(s.Territory, ch, x) {
				continue
			}
			d := ch.After
			k := kit.Key{Channel: d.Channel, Sink: d.Sink}
			if ch.Kind == gate.Redirected {
				k.Variant = redirected
			}
			e := s.At(k)
			if k.Variant == redirected {
				e.Text("with their owner", "with what goes to another")
			}
			e.Change(i)
			e.Gain(d.Recipient)
			e.Own(x.Owner)
			e.Weigh(x.Bits)
		}
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		whose := "facts of " + kit.People(len(e.Owners))
		if len(e.Owners) == 0 {
			whose = "facts of another outside party"
		}
		if e.Key.Variant == redirected {
			return gate.Block, kit.Deliveries(e.Count()) + " would take " + whose + " along to " + e.ReachedWhom()
		}
		return gate.Block, kit.Deliveries(e.Count()) + " would give " + whose + " to " + e.ReachedWhom() + " for the first time"
	}), nil
}

// known reports whether the operator of the party that is sent to has these facts in
// production: another of its hosts was sent them, by the delivery itself where nothing of
// it was edited.
func known(t *kit.Territory, ch *gate.Change, x *gate.Exposure) bool {
	if ch.Kind != gate.Redirected || !t.Beside(ch.Before.Recipient, ch.After.Recipient) {
		return false
	}
	return !slices.ContainsFunc(x.Sample, func(f gate.Fact) bool {
		return slices.ContainsFunc(ch.Edits, func(e gate.Edit) bool { return e.Part == f.Part })
	})
}
