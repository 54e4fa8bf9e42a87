// Package owndataadded is the check own-data-added.
package owndataadded

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is own-data-added: a message holds facts of its own recipient that production does not send.
var Check = &gate.Check{
	ID:       "own-data-added",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `A message holds facts of its own recipient that production does not send.

Nobody else receives them, and yet more of a person's data leaves: a diagnosis in a reminder, a full account number where there were four
digits. Mail is read by others than its recipient. Approve where sending them is meant.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("own-data-added", c)
	if err != nil {
		return nil, err
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		// What an outside party alone was sent is nobody's own data.
		if ch.Kind != gate.Altered || !kit.IsPerson(ch.After.Recipient) {
			continue
		}
		for j := range ch.Gains {
			if x := &ch.Gains[j]; x.Own && x.New {
				e := s.At(kit.RouteOf(ch.After))
				e.Change(i)
				e.Gain(ch.After.Recipient)
				e.Weigh(x.Bits)
			}
		}
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.Deliveries(e.Count()) + " to " + e.ReachedWhom() + " would hold more of the recipient's own data"
	}), nil
}
