package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Where the state was not the same before each replay nothing is decided, and nothing of what
// the state holds is told; the times are the longest.
func TestOtherStates(t *testing.T) {
	type checks struct{ before, after string }
	none, same := checks{}, checks{"users 3\norders 8", ""}
	ended := func(orders int) checks { return checks{same.before, fmt.Sprintf("users 3\norders %d", orders)} }
	for name, test := range map[string]struct {
		runs [3]checks // of production, and of staging
		want []string  // how gaps begin and end
	}{
		"the same":                 {[3]checks{same, same, same}, nil},
		"not asked":                {[3]checks{none, none, none}, nil},
		"a bad restore":            {[3]checks{same, {"users 3\norders 9", ""}, same}, []string{"state of production again (2): before", "(orders) of 2"}},
		"of staging":               {[3]checks{same, same, {"users 3", ""}}, []string{"state of staging: before", "1 line is missing (orders) of 2"}},
		"staging was not checked":  {[3]checks{same, same, none}, []string{"state of staging: before", "it was not checked"}},
		"production was not":       {[3]checks{none, same, none}, []string{"state of production again (2): before", "production was not checked"}},
		"after it the same":        {[3]checks{ended(9), ended(9), ended(9)}, nil},
		"after it another":         {[3]checks{ended(9), ended(9), ended(7)}, []string{"state of staging: after", "(orders) of 2"}},
		"after it, of one replay":  {[3]checks{ended(9), ended(8), ended(9)}, []string{"state of production again (2): after", "(orders) of 2"}},
		"after it, only in one":    {[3]checks{ended(9), ended(9), same}, []string{"state of staging: after", "it was not checked"}},
		"both before and after it": {[3]checks{ended(9), ended(9), {"users 4\norders 8", "users 4\norders 9"}}, []string{"state of staging: before", "(users) of 2", "state of staging: after", "(users) of 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			var paths []string
			for i, c := range test.runs {
				role := gate.Production
				if i == 2 {
					role = gate.Staging
				}
				path := filepath.Join(t.TempDir(), "run.tape")
				w, err := tape.Create(path, runHeader(role), tape.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if err := w.Append(letterTo(1, "Dear all", "a1", 1)); err != nil {
					t.Fatal(err)
				}
				footer := gate.Footer{Accepted: 1, Quiet: "probe"}
				if c != none {
					footer.State = &gate.StateFacts{Restore: int64(10 + i), Check: int64(20 - i), Before: gate.StateLines(c.before), After: gate.StateLines(c.after)}
				}
				if err := w.Close(footer); err != nil {
					t.Fatal(err)
				}
				paths = append(paths, path)
			}
			c, gaps, err := pipeline.Compare(context.Background(), options(t), paths[:2], paths[2])
			if err != nil {
				t.Fatal(err)
			}
			gaps = slices.DeleteFunc(gaps, func(g gate.Gap) bool { return g.Kind != gate.GapState })
			if 2*len(gaps) != len(test.want) {
				t.Fatalf("gaps %+v, want %q", gaps, test.want)
			}
			for i, g := range gaps {
				text := g.Where + ": " + g.Detail
				if !strings.HasPrefix(text, test.want[2*i]) || !strings.HasSuffix(text, test.want[2*i+1]) || strings.ContainsAny(g.Detail, "3789") {
					t.Errorf("%q, want %q", text, test.want[2*i:2*i+2])
				}
			}
			if s := c.Production.State; test.runs[0] != none && test.runs[1] != none && (s == nil || s.Restore != 11 || s.Check != 20) {
				t.Errorf("production's state: %+v", s)
			}
		})
	}
}
