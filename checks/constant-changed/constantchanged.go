// Package constantchanged is the check constant-changed.
package constantchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is constant-changed: a value that a whole class has in common is another one.
var Check = &gate.Check{
	ID:       "constant-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `A value that a whole class has in common is another one.

The edit is the same in every message, and it is not wording: it changes a value of a structure, such as a method, a channel or an account,
or, in prose, what addresses, pays or identifies, or what in production was somebody's own. One constant is one finding, in however many
messages and classes it stands, and one approval accepts it. Who receives more or less by it is named where the value itself names them.`,
	Run: run,
}

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("constant-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		k.Variant = g.Before + "\x00" + g.After
		e := s.At(k)
		e.Group(i)
		before, after := kit.Named(g, g.Before), kit.Named(g, g.After)
		for id, r := range after {
			if _, had := before[id]; !had {
				e.Gain(r)
			}
		}
		for id, r := range before {
			if _, has := after[id]; !has {
				e.Lose(r)
			}
		}
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		how := "a value that all of a class have in common differs in "
		switch {
		case e.Appears():
			how = "a value is new, and the same, in "
		case e.Vanishes():
			how = "a value that all of a class had in common is gone from "
		}
		return gate.Block, how + kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
	}), nil
}
