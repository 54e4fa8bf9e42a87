package pipeline_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// What production's own replays do not repeat cannot be judged: staging's differences of that kind, and
// within what production did itself, are a gap and no finding. What is beyond that is a finding.
func TestUnsteady(t *testing.T) {
	members := []string{"ann", "bob", "cat", "dan", "eve", "fay"}
	// letters are mails to each member from senders, of which each has so many copies.
	letters := func(senders, copies string) (out []gate.Canonical) {
		for i, name := range members {
			from := "mail:n" + senders[i:i+1] + "@example.org"
			m := mail(name+"@example.net", "your visit", "Record 77"+string(rune('1'+i))+"4321 of "+name)
			m.Class = "smtp from=" + from + " subject=your visit"
			for k := range m.Parts {
				if m.Parts[k].Name == "header/from" {
					m.Parts[k].Value = from
				}
			}
			for range copies[i] - '0' {
				out = append(out, m)
			}
		}
		return out
	}
	// calls go to one of some people on call.
	calls := func(to ...string) (out []gate.Canonical) {
		for i, name := range members {
			out = append(out, mail(to[i]+"@example.net", "alarm", "Call "+name+" of plot 77"+string(rune('1'+i))+"4321."))
		}
		return out
	}
	same := "111111"
	for name, test := range map[string]struct {
		production [2][]gate.Canonical
		staging    []gate.Canonical
		want       int // changes
	}{
		"senders of a pool":             {[2][]gate.Canonical{letters("123123", same), letters("231123", same)}, letters("312123", same), 0},
		"a sender that is none of them": {[2][]gate.Canonical{letters("123123", same), letters("231123", same)}, letters("912123", same), 1},
		"one sender, and another":       {[2][]gate.Canonical{letters(same, same), letters(same, same)}, letters("211111", same), 1},
		"sent twice at random":          {[2][]gate.Canonical{letters(same, "121211"), letters(same, "211212")}, letters(same, "112121"), 0},
		"sent three times":              {[2][]gate.Canonical{letters(same, "121211"), letters(same, "211212")}, letters(same, "132121"), 1},
		"one is lost":                   {[2][]gate.Canonical{letters(same, "121211"), letters(same, "211212")}, letters(same, "012111"), 1},
		"sent twice by staging alone":   {[2][]gate.Canonical{letters(same, same), letters(same, same)}, letters(same, "121111"), 1},
		"one of those on call": {[2][]gate.Canonical{calls("x", "y", "z", "x", "y", "z"), calls("y", "y", "x", "z", "x", "z")},
			calls("z", "x", "z", "x", "z", "y"), 0},
		"somebody else is called": {[2][]gate.Canonical{calls("x", "y", "z", "x", "y", "z"), calls("y", "y", "x", "z", "x", "z")},
			calls("z", "x", "ann", "x", "z", "y"), 1},
	} {
		for _, run := range [][]gate.Canonical{test.production[0], test.production[1], test.staging} {
			for i := range run {
				run[i].Ref.Seq = uint64(i + 1)
			}
		}
		c, gaps, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, test.production[:], test.staging)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.Changes) != test.want {
			t.Errorf("%s: %d changes, want %d: %s", name, len(c.Changes), test.want, strings.Join(told(c), "\n"))
		}
		unstable := len(c.Unstable) > 0
		if differs := slices.ContainsFunc(gaps, func(g gate.Gap) bool { return g.Kind == gate.GapUnstable }); differs && !unstable || test.want == 0 && !differs {
			t.Errorf("%s: gaps are %v, and production differs: %v", name, gaps, unstable)
		}
	}
}
