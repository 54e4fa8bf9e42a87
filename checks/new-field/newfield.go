// Package newfield is the check new-field.
package newfield

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is new-field: a request to a known outside party carries a field that it did not.
var Check = &gate.Check{
	ID:       "new-field",
	Family:   gate.Egress,
	Severity: gate.Block,
	Doc: `A request to a known outside party carries a field that it did not.

The party is approved, what it is sent is another matter: a parameter, a header, a cookie or a member of a body that production's request
does not have. It blocks even where the value is the same for all. See the part and the example for what it holds.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("new-field", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Class, k.Variant = "", c.Changes[g.Changes[0]].Recipient().ID() // one field of one party is one cause, in whatever is sent there
		s.At(k).Group(i)
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		return gate.Block, kit.N(e.Edits(), "value", "values") + " in a field that is new in " + kit.N(e.Count(), "request", "requests") + " to " + e.ReachedWhom()
	}), nil
}
