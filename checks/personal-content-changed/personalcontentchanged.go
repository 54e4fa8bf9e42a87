// Package personalcontentchanged is the check personal-content-changed.
package personalcontentchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is personal-content-changed: content that differs from person to person is changed.
var Check = &gate.Check{
	ID:       "personal-content-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `Content that differs from person to person is changed.

The edit is not one of wording: it is not made alike in every message of the text, or it moves somebody's facts, or only one person has
the text. A default in place of a value, an amount, a date or a name changes so. It takes in every edit that no check of its own judges.
The finding says in which part; see the example for before and after.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("personal-content-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, _ *gate.EditGroup, k kit.Key) { s.At(k).Group(i) })
	for i := range c.Changes {
		// Deliveries that differ and do not say in what are changed all the same.
		if ch := &c.Changes[i]; ch.Kind == gate.Altered && len(ch.Edits) == 0 {
			e := s.At(kit.RouteOf(ch.After))
			e.Change(i)
			e.Gain(ch.After.Recipient)
		}
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, "personal content differs in " + kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
	}), nil
}
