package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Eight figures between the letters of a hexadecimal id are somebody's number by chance, where there
// are many ids and many people. Where there are few, or many ids hold one, they are none of chance;
// and figures that stand by themselves never are.
func TestFiguresAmidHexadecimal(t *testing.T) {
	const id = "18d%05xa%sc%03x"
	number := func(i int) string { return fmt.Sprint(40_495_796 + 7919*i) }
	for name, test := range map[string]struct {
		people int
		form   string // of the ids that hold a number
		taken  int    // so many ids hold the number of another
		seen   bool
	}{
		"one of many":         {600, id, 1, false},
		"one of few":          {12, id, 1, true},
		"forty of many":       {600, id, 40, true},
		"apart, one of many":  {600, "18d%05xa.%s.c%03x", 1, true},
		"in a word, of many":  {600, "18d%05x.rec%s.%03x", 1, true},
		"in a short word":     {600, "18d%05x.a%sc.%03x", 1, true},
		"none, though many":   {600, id, 0, false},
		"none, and there few": {12, id, 0, false},
	} {
		// run gives each person a message whose id is new, and has figures amid its letters in every
		// twelfth.
		run := func(n, taken int) []gate.Canonical {
			var out []gate.Canonical
			for i := range test.people {
				amid := fmt.Sprintf("%08x", 0x9e3779b9*uint32(i+1)^0x85ebca6b*uint32(n))
				if i%12 == 0 {
					amid = fmt.Sprint(90_000_000 + 1_000_000*n + 131*i)
				}
				form := id
				if i < taken {
					amid, form = number(i+3), test.form
				}
				out = append(out, gate.Canonical{
					Channel: "smtp", Sink: "mail", Class: "info", Recipients: []gate.Recipient{{Kind: gate.Mail, Address: fmt.Sprintf("m%d@example.org", i), Role: gate.Envelope}},
					Parts:  []gate.Part{{Name: "text", Kind: gate.Text, Value: "Your record " + number(i)}},
					Hidden: []gate.Hidden{{Rule: "message-id", Part: "header/message-id", Value: fmt.Sprintf(form, i*7919%0xfffff, amid, n*1009%0xfff)}},
				})
			}
			return out
		}
		t.Run(name, func(t *testing.T) {
			c := compare(t, run(3, test.taken), run(1, 0), run(2, 0))
			if (len(c.Changes) > 0) != test.seen {
				t.Errorf("%d changes: %+v", len(c.Changes), c.Changes)
			}
		})
	}
}
