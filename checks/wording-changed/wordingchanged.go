// Package wordingchanged is the check wording-changed.
package wordingchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is wording-changed: the words of a whole class are changed alike.
var Check = &gate.Check{
	ID:       "wording-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Note,
	Doc: `The words of a whole class are changed alike.

Two recipients at least, every message that held the old words was edited so, nobody held the new ones before, and nobody's facts move. It
is shown and asks for nothing.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("wording-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, _ *gate.EditGroup, k kit.Key) { s.At(k).Group(i) })
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Note, kit.N(e.Edits(), "edit", "edits") + " made alike in " + kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
	}), nil
}
