package checks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Each sweep must be able to fail: a canonical form that loses a part, or an alike edit that
// is taken for wording everywhere, is reported at the place that it concerns.
func TestSweepsCanFail(t *testing.T) {
	defects := map[string]struct {
		drop  func(*gate.Canonical)
		place string // at which each sweep must report something
	}{
		"subjects are lost": {func(c *gate.Canonical) {
			c.Class = ""
			c.Parts = slices.DeleteFunc(c.Parts, func(p gate.Part) bool { return p.Name == "header/subject" })
		}, "mail subject"},
		"texts are lost": {func(c *gate.Canonical) {
			c.Parts = slices.DeleteFunc(c.Parts, func(p gate.Part) bool { return strings.HasPrefix(p.Name, "text") })
		}, "mail text"},
		"texts are cut": {func(c *gate.Canonical) {
			for i, p := range c.Parts {
				if p.Name == "text" {
					c.Parts[i].Value, _, _ = strings.Cut(p.Value, "\n")
				}
			}
		}, "mail text"},
	}
	spec := mailSpecimen("plain", []byte("From: desk@lakeview.example\r\nTo: "+theirMail+"\r\nSubject: Your visit\r\n\r\nSee you soon,\r\nthe clinic of Lakeview\r\n"))
	for name, defect := range defects {
		t.Run(name, func(t *testing.T) {
			whole, broken := defectSeen(t, nil, &spec, defect.place), defectSeen(t, defect.drop, &spec, defect.place)
			for i, sweep := range []string{"taint", "byte"} {
				if broken[i] <= whole[i] {
					t.Errorf("the %s sweep reports %d misses in %s, and %d where nothing is broken", sweep, broken[i], defect.place, whole[i])
				}
			}
		})
	}
}

// defectSeen gives how many misses the taint sweep and the byte sweep report at a place.
func defectSeen(t *testing.T, drop func(*gate.Canonical), spec *specimen, place string) (n [2]int) {
	t.Helper()
	s := newSweeper(t)
	s.drop = drop
	facts, changes := newTally(), &byteTally{by: map[string]int{}}
	if err := s.taint(spec, 0, 1, facts); err != nil {
		t.Fatal(err)
	}
	if err := s.bytes(spec, 0, 1, changes); err != nil {
		t.Fatal(err)
	}
	for i, list := range []map[string][]string{facts.misses.list, changes.misses.list} {
		for kind, examples := range list {
			if strings.HasPrefix(kind, place) {
				n[i] += len(examples)
				if drop == nil {
					t.Logf("where nothing is broken: %s: %q", kind, examples[:min(2, len(examples))])
				}
			}
		}
	}
	return n
}

// An excuse without a reason of its own is none, and there are few.
func TestExcuses(t *testing.T) {
	reasons := map[string]bool{}
	for _, e := range excuses() {
		if e.reason == "" || reasons[e.reason] {
			t.Errorf("excuse %q has no reason of its own", e.reason)
		}
		reasons[e.reason] = true
	}
	if n := len(reasons); n > 10 {
		t.Errorf("%d excuses, at most 10 are allowed", n)
	}
}
