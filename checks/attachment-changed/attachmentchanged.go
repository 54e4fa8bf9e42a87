// Package attachmentchanged is the check attachment-changed.
package attachmentchanged

import (
	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

// Check is attachment-changed: an attachment is another one, or new, or missing.
var Check = &gate.Check{
	ID:       "attachment-changed",
	Family:   gate.ContentFamily,
	Severity: gate.Block,
	Doc: `An attachment is another one, or new, or missing.

Attachments are compared by name, type, digest and, where it can be read, text. Bytes that are not read block whoever gets them, since a file
that changes for all may still hold one person's data. Names, types and texts that are changed alike for a whole class are a note.`,
	Run: run,
}

const alike = "alike"

func run(c *gate.Comparison) ([]gate.Finding, error) {
	s, err := kit.NewSheet("attachment-changed", c)
	if err != nil {
		return nil, err
	}
	s.Owned(func(i int, g *gate.EditGroup, k kit.Key) {
		if g.Wording && g.Kind != gate.Binary {
			k.Variant = alike
			s.At(k).Judge(i)
			return
		}
		s.At(k).Group(i)
	})
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) {
		where := kit.Deliveries(e.Count()) + " to " + e.ReachedWhom()
		if e.Key.Variant == alike {
			return gate.Note, "attachments are reworded alike in " + where
		}
		return gate.Block, "attachments differ in " + where
	}), nil
}
