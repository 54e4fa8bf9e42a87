// Package factsdisclosed is the check facts-disclosed.
package factsdisclosed

import (
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

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("facts-disclosed", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		for j := range ch.Gains {
			x := &ch.Gains[j]
			if x.Own || !x.New {
				continue
			}
			d := ch.Delivery()
			e := s.At(kit.Key{Channel: d.Channel, Sink: d.Sink})
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
		return gate.Block, kit.Deliveries(e.Count()) + " would give " + whose + " to " + e.ReachedWhom() + " for the first time"
	}), nil
}
