package pipeline_test

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A value that is new each time and has a constant end of somebody's: where the end becomes
// another's, the value is another's, whatever is random in it.
func TestEndsOfFreshValues(t *testing.T) {
	forms := []struct{ name, form string }{
		{"figures glued", "%[1]d%[2]s"},
		{"letters glued", "QX%[1]dZK%[2]s"},
		{"name behind a hyphen", "%[3]s-%[1]d"},
		{"behind what all share", "order-%[3]s%[1]d"},
		{"hexadecimal", "%[1]x%[2]s"},
	}
	names := []string{"anna", "berta", "clara", "doris"}
	records := []string{"48213377", "90514426", "33178052", "71120983"}
	// Values of one replay: as of Weyl's sequence, so that they share nothing by design.
	fresh := func(replay, i int) int { return 1000000 + (replay*4+i+1)*6180339%8999999 }
	run := func(form string, replay int, whose ...int) []gate.Canonical {
		out := make([]gate.Canonical, len(whose))
		for i, w := range whose {
			out[i] = mail(names[i]+"@example.org", "Statement", "text=Patient "+records[i]+", your reference is "+fmt.Sprintf(form, fresh(replay, i), records[w], names[w], "")+" today.")
		}
		return out
	}
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			form := f.form + "%[4]s" // so that all are used
			replays := [][]gate.Canonical{run(form, 0, 0, 1, 2, 3), run(form, 1, 0, 1, 2, 3), run(form, 2, 0, 1, 2, 3)}
			if c := compare(t, run(form, 3, 0, 1, 2, 3), replays...); len(c.Changes) > 0 {
				t.Errorf("a build equal to itself differs: %q", told(c))
			}
			if c := compare(t, run(form, 3, 1, 0, 2, 3), replays...); len(c.Changes) != 2 {
				t.Errorf("an exchange of two: %d changes, want 2: %q", len(c.Changes), told(c))
			}
		})
	}
}
