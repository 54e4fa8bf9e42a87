// Package factsmixed is the check facts-mixed.
package factsmixed

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is facts-mixed: one message holds what belongs to two people or more.
var Check = &gate.Check{
	ID:       "facts-mixed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `One message holds what belongs to two people or more.

Messages that production keeps apart are in one: an accumulator that is not reset, a separator that is lost, a template that keeps the last
person's values. Owners are all whose facts the messages hold, the recipients' own among them. Messages that somebody has exactly so
in production are not counted: their facts were together before. Nor are those that were exchanged or moved as a whole, or in which one
person's facts stand in place of another's: that is recipient-swapped, or facts-disclosed.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("facts-mixed", c)
	if err != nil {
		return nil, err
	}
	exchanged := kit.Exchanged(c)
	messages := map[kit.Key]map[gate.Ref]bool{}
	for i := range c.Changes {
		ch := &c.Changes[i]
		if !mixed(ch) || s.Territory.Moved(ch) || exchanged[i] {
			continue
		}
		k := kit.Key{Channel: ch.After.Channel, Sink: ch.After.Sink}
		if messages[k] == nil {
			messages[k] = map[gate.Ref]bool{}
		}
		messages[k][ch.After.Ref] = true
		e := s.At(k)
		e.Change(i)
		e.Gain(ch.After.Recipient)
		for j := range ch.Gains {
			if x := &ch.Gains[j]; isOwner(x) {
				e.Own(x.Owner)
				e.Weigh(x.Bits)
			}
		}
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		n := len(messages[e.Key])
		to := kit.N(len(e.Gained), "recipient", "recipients")
		if len(e.Gained) == 0 {
			to = e.ReachedWhom()
		}
		return gate.Block, kit.N(n, "message", "messages") + " to " + to + kit.Is(n, " holds", " hold") + " the messages of " + kit.People(len(e.Owners))
	}), nil
}

// isOwner reports whether an exposure tells of a person with a message of their
// own. Keys of stimuli may be second names of people who are counted already.
func isOwner(x *gate.Exposure) bool { return !x.Stimuli && kit.IsPerson(x.Owner) && kit.Belongs(x) }

// mixed reports whether the message of staging holds facts of two people or more,
// and of somebody among them whom its counterpart did not hold.
func mixed(ch *gate.Change) bool {
	if ch.After == nil || len(ch.Origins) > 0 {
		return false
	}
	owners, foreign := kit.Set{}, false
	for i := range ch.Gains {
		x := &ch.Gains[i]
		if !isOwner(x) {
			continue
		}
		owners.Add(x.Owner.ID())
		foreign = foreign || x.New && !x.Own
	}
	return foreign && len(owners) >= 2
}
