// Package destinationswapped is the check destination-swapped.
package destinationswapped

import (
	"strings"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is destination-swapped: a message takes another way out, or a request goes to another place.
var Check = &gate.Check{
	ID:       "destination-swapped",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `A message takes another way out, or a request goes to another place.

One outside party stands where another stood, a message leaves by another sink, or the path of a request is another: a webhook of another
tenant differs in its path alone. Content and recipients in it may be as before, and somebody else receives it. Another host of one operator
(the same registrable domain and port, and no domain that a provider shares out among customers) is a warning, unless production sends to it
as well: nobody new learns anything. Two hosts that production tells apart may be two customers'.`,
	Run: run,
}

const operator = "operator"

// alike reports whether a finding is of hosts of one operator.
func alike(k kit.Key) bool { return strings.HasPrefix(k.Variant, operator) }

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("destination-swapped", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if ch.Kind != gate.Redirected || kit.IsPerson(ch.Before.Recipient) || kit.IsPerson(ch.After.Recipient) {
			continue
		}
		// One host in the place of another is one cause, whatever is sent to it.
		k := kit.Key{Channel: ch.After.Channel, Sink: ch.After.Sink, Variant: ch.Before.Recipient.ID() + " " + ch.After.Recipient.ID()}
		if s.Territory.Beside(ch.Before.Recipient, ch.After.Recipient) {
			k.Variant = operator + " " + k.Variant
		}
		e := s.At(k)
		e.Change(i)
		e.Lose(ch.Before.Recipient)
		if alike(k) {
			e.Gain(ch.After.Recipient)
		} else {
			e.Receive(ch.After)
		}
		e.Text(ch.Before.Recipient.ID(), ch.After.Recipient.ID())
	}
	s.Owned(func(i int, _ *gate.EditGroup, k kit.Key) { s.At(k).Group(i) })
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		if alike(e.Key) {
			return gate.Warn, kit.N(e.Count(), "request", "requests") + " would go to another host of the same operator"
		}
		switch e.Key.Part {
		case "path":
			return gate.Block, kit.N(e.Count(), "request", "requests") + " to " + e.ReachedWhom() + " would go to another path"
		case "transport/sink":
			return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would leave by another sink"
		}
		return gate.Block, kit.N(e.Count(), "request", "requests") + " would go to another outside party"
	}), nil
}
