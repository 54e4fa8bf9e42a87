package checktest_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks/checktest"
	"github.com/waybill-dev/waybill/gate"
)

func TestParse(t *testing.T) {
	c, err := checktest.Parse(`
		scenario outage
		parties b.example a.example
		altered p1..p3 class=answer message=9   # three in one
			edit attachment[0]/name "a" -> "b" wording
			gains p2..p4 7.5 new
		redirected alice -> host:a.example channel=http sink=web copies=1/3
	`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Scenario != "outage" || len(c.Changes) != 4 || len(c.Groups) != 1 || len(c.Groups[0].Changes) != 3 || c.Groups[0].Part != "attachment[]/name" {
		t.Errorf("comparison %+v", c)
	}
	if g := c.Changes[1].Gains; len(g) != 3 || !g[0].Own || g[1].Own || !g[2].New {
		t.Errorf("gains of p2: %+v", g)
	}
	last := c.Changes[3]
	if last.After.Recipient.Role != gate.Party || last.Copies != [2]int{1, 3} || last.Before.Recipient.Address != "alice@example.org" {
		t.Errorf("redirected: %+v", last)
	}
	if len(c.Classes) != 2 || c.Parties[0] != "host:a.example" {
		t.Errorf("classes %+v, parties %v", c.Classes, c.Parties)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"adde bob", "added", "added bob colour=red", "redirected alice bob", "redirected p1..p2 -> bob", "added p9..p1",
		"edit text", `edit text "a -> "b"`, `edit text "a" -> "b" loud`, "gains alice", "gains alice heavy", "class a 1", "class a 1 x",
		"order", "unstable", "scenario", "added bob copies=x", "added host:",
	} {
		if _, err := checktest.Parse(text); err == nil || !strings.HasPrefix(err.Error(), "line 1: ") {
			t.Errorf("Parse(%q): error %v, want one that names line 1", text, err)
		}
	}
}

// A harness that lets anything through tests nothing: each defect must be found.
func TestSoundFindsDefects(t *testing.T) {
	c, err := checktest.Parse("added bob class=answer\nadded host:a.example channel=http sink=web class=hooks")
	if err != nil {
		t.Fatal(err)
	}
	good := func() gate.Finding {
		return gate.Finding{Check: "some-check", Severity: gate.Warn, Title: "1 thing", Count: 1, Gained: []string{"mail:bob@example.org"},
			Changes: []int{0}, Example: &c.Changes[0], Scenarios: []string{"steady"}}
	}
	judge := func(change func(*gate.Finding)) error {
		_, err := checktest.Judge(&gate.Check{ID: "some-check", Severity: gate.Warn, Run: func(*gate.Comparison) ([]gate.Finding, error) {
			f := good()
			f.Seal()
			change(&f)
			return []gate.Finding{f}, nil
		}}, c)
		return err
	}
	if err := judge(func(*gate.Finding) {}); err != nil {
		t.Fatalf("a sound finding is refused: %v", err)
	}
	for name, change := range map[string]func(*gate.Finding){
		"other check":       func(f *gate.Finding) { f.Check = "other-check"; f.Seal() },
		"too severe":        func(f *gate.Finding) { f.Severity = gate.Block },
		"no severity":       func(f *gate.Finding) { f.Severity = "" },
		"no count":          func(f *gate.Finding) { f.Count = 0 },
		"no scenario":       func(f *gate.Finding) { f.Scenarios = nil },
		"no title":          func(f *gate.Finding) { f.Title = " " },
		"address in title":  func(f *gate.Finding) { f.Title = "to bob@example.org" },
		"class in title":    func(f *gate.Finding) { f.Title = "1 answer" },
		"not sealed":        func(f *gate.Finding) { f.Fingerprint = "w1-0" },
		"not sorted":        func(f *gate.Finding) { f.Seal(); f.Lost = []string{"mail:b@x", "mail:a@x"} },
		"party as person":   func(f *gate.Finding) { f.Lost = []string{"host:a.example"}; f.Seal() },
		"person as party":   func(f *gate.Finding) { f.Parties = []string{"mail:a@x"}; f.Seal() },
		"change not there":  func(f *gate.Finding) { f.Changes = []int{7}; f.Seal() },
		"group not there":   func(f *gate.Finding) { f.Groups = []int{0}; f.Seal() },
		"no example":        func(f *gate.Finding) { f.Example = nil },
		"another's example": func(f *gate.Finding) { f.Example = &c.Changes[1] },
	} {
		if judge(change) == nil {
			t.Errorf("%s: not found", name)
		}
	}
	calls := 0
	if _, err := checktest.Judge(&gate.Check{ID: "some-check", Severity: gate.Warn, Run: func(*gate.Comparison) ([]gate.Finding, error) {
		f := good()
		f.Count += uint64(calls)
		calls++
		f.Seal()
		return []gate.Finding{f}, nil
	}}, c); err == nil {
		t.Error("an answer that differs the second time: not found")
	}
	if _, err := checktest.Judge(&gate.Check{ID: "some-check", Severity: gate.Warn, Run: func(c *gate.Comparison) ([]gate.Finding, error) {
		c.Equal++
		return nil, nil
	}}, c); err == nil {
		t.Error("a comparison that is written to: not found")
	}
}
