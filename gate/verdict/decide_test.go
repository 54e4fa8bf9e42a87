package verdict_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/verdict"
)

var now = time.Date(2027, 1, 31, 23, 59, 59, 0, time.UTC)

func comparison(scenario string, changes int) gate.Comparison {
	c := gate.Comparison{Scenario: scenario, Production: gate.RunFacts{Deliveries: 10}}
	for i := range changes {
		c.Changes = append(c.Changes, gate.Change{Kind: gate.Added, After: &gate.Delivery{
			Recipient: gate.Recipient{Kind: gate.Mail, Address: fmt.Sprintf("p%d@example.org", i)}}})
	}
	return c
}

func finding(scenario, check string, severity gate.Severity, change func(*gate.Finding)) gate.Finding {
	f := gate.Finding{Check: check, Severity: severity, Title: "something", Count: 1, Changes: []int{0}, Scenarios: []string{scenario},
		Gained: []string{"mail:p0@example.org"}}
	if change != nil {
		change(&f)
	}
	f.Seal()
	return f
}

func approval(f gate.Finding, change func(*gate.Approval)) gate.Approval {
	a := gate.Approval{Fingerprint: f.Fingerprint, Check: f.Check, Scope: verdict.AnyCorpus, MaxMessages: 1, Reason: "meant", RequestedBy: "a",
		ApprovedBy: "b", Expires: "2027-01-31"}
	if change != nil {
		change(&a)
	}
	return a
}

func passing() verdict.Input {
	return verdict.Input{Corpus: "sha256:c", Comparisons: []gate.Comparison{comparison("steady", 0)}, Drill: "redirect-one was found", Now: now}
}

// The first thing that must hold: what is not known is not a pass.
func TestAbsenceOfEvidenceIsUndecided(t *testing.T) {
	pass := verdict.Decide(passing())
	if pass.Decision != gate.Pass || pass.ExitCode() != gate.ExitPass || len(pass.Reasons) != 0 {
		t.Fatalf("an input that lacks nothing: %+v", pass)
	}
	for name, test := range map[string]struct {
		input func(*verdict.Input)
		want  string
	}{
		"zero input":       {func(in *verdict.Input) { *in = verdict.Input{} }, "nothing-sent: all scenarios: nothing was compared"},
		"no comparison":    {func(in *verdict.Input) { in.Comparisons = nil }, "nothing-sent"},
		"nothing sent":     {func(in *verdict.Input) { in.Comparisons[0].Production.Deliveries = 0 }, "nothing-sent: scenario steady"},
		"one of two empty": {func(in *verdict.Input) { in.Comparisons = append(in.Comparisons, gate.Comparison{Scenario: "job"}) }, "nothing-sent: scenario job"},
		"no drill":         {func(in *verdict.Input) { in.Drill = "" }, "blind: drill: no misdelivery was planted"},
		"blind":            {func(in *verdict.Input) { in.Drill, in.Blind = "", "it was not seen" }, "blind: drill: it was not seen"},
		"gap":              {func(in *verdict.Input) { in.Gaps = []gate.Gap{{Kind: gate.GapCutBody, Where: "run"}} }, "cut-body: run"},
		"check failed": {func(in *verdict.Input) {
			in.Gaps = []gate.Gap{{Kind: gate.GapCheckFailed, Where: "new-party", Detail: "x"}}
		}, "check-failed: new-party: x"},
		"unstable": {func(in *verdict.Input) { in.Comparisons[0].Unstable = make([]gate.Change, 2) },
			"unstable: 2, the first: scenario steady"},
		"unstable, told by its check": {func(in *verdict.Input) {
			in.Comparisons[0].Unstable = make([]gate.Change, 2)
			in.Gaps = []gate.Gap{{Kind: gate.GapCheckFailed, Where: "unstable-recipients", Detail: "2 deliveries"}}
		}, "unstable: unstable-recipients: 2 deliveries"},
	} {
		in := passing()
		test.input(&in)
		v := verdict.Decide(in)
		if v.Decision != gate.Undecided || v.ExitCode() != gate.ExitUndecided ||
			!slices.ContainsFunc(v.Reasons, func(r gate.Reason) bool { return strings.HasPrefix(r.Text, test.want) }) {
			t.Errorf("%s: %s, exit %d, reasons %+v; want undecided and %q", name, v.Decision, v.ExitCode(), v.Reasons, test.want)
		}
		if len(v.Gaps) == 0 {
			t.Errorf("%s: no gap", name)
		}
	}
}

func TestApprovals(t *testing.T) {
	f := finding("steady", "recipient-added", gate.Block, func(f *gate.Finding) { f.Count = 3 })
	for name, test := range map[string]struct {
		approval func(*gate.Approval)
		state    gate.State
		unused   bool
	}{
		"holds":                {func(a *gate.Approval) { a.MaxMessages = 3 }, gate.Approved, false},
		"holds for the corpus": {func(a *gate.Approval) { a.MaxMessages, a.Scope = 3, "sha256:c" }, gate.Approved, false},
		"too many":             {func(a *gate.Approval) { a.MaxMessages = 2 }, gate.Outgrown, false},
		"none at all":          {func(a *gate.Approval) { a.MaxMessages = 0 }, gate.Outgrown, false},
		"expired yesterday":    {func(a *gate.Approval) { a.MaxMessages, a.Expires = 3, "2027-01-30" }, gate.Expired, false},
		"no date":              {func(a *gate.Approval) { a.MaxMessages, a.Expires = 3, "" }, gate.Expired, false},
		"no day":               {func(a *gate.Approval) { a.MaxMessages, a.Expires = 3, "2027-02-30" }, gate.Expired, false},
		"another check":        {func(a *gate.Approval) { a.MaxMessages, a.Check = 3, "new-party" }, gate.Open, true},
		"another corpus":       {func(a *gate.Approval) { a.MaxMessages, a.Scope = 3, "sha256:d" }, gate.Open, true},
		"no scope":             {func(a *gate.Approval) { a.MaxMessages, a.Scope = 3, "" }, gate.Open, true},
		"a prefix":             {func(a *gate.Approval) { a.MaxMessages, a.Fingerprint = 3, a.Fingerprint[:20] }, gate.Open, true},
		"a wildcard":           {func(a *gate.Approval) { a.MaxMessages, a.Fingerprint = 3, "*" }, gate.Open, true},
	} {
		in := passing()
		in.Comparisons = []gate.Comparison{comparison("steady", 1)}
		in.Findings = []gate.Finding{f}
		in.Approvals = []gate.Approval{approval(f, test.approval)}
		v := verdict.Decide(in)
		got := v.Findings[0]
		if got.State != test.state || (len(v.Unused) > 0) != test.unused || (got.Approval != nil) == test.unused {
			t.Errorf("%s: state %s, unused %d, approval %v", name, got.State, len(v.Unused), got.Approval)
		}
		want, code := gate.Blocked, gate.ExitBlocked
		if test.state == gate.Approved {
			want, code = gate.Pass, gate.ExitPass
		}
		if v.Decision != want || v.ExitCode() != code {
			t.Errorf("%s: %s, exit %d, want %s", name, v.Decision, v.ExitCode(), want)
		}
	}
	in := passing()
	in.Comparisons, in.Findings = []gate.Comparison{comparison("steady", 1)}, []gate.Finding{f}
	in.Approvals = []gate.Approval{approval(f, func(a *gate.Approval) { a.MaxMessages = 9 })}
	for name, test := range map[string]struct {
		now  time.Time
		code int
	}{
		"through the last second in UTC": {now, gate.ExitPass},
		"a second later":                 {now.Add(time.Second), gate.ExitBlocked},
		"the day is not known":           {time.Time{}, gate.ExitBug},
		"still that day in the west, and the next in UTC": {
			time.Date(2027, 1, 31, 20, 0, 0, 0, time.FixedZone("west", -8*3600)), gate.ExitBlocked},
	} {
		in.Now = test.now
		if v := verdict.Decide(in); v.ExitCode() != test.code {
			t.Errorf("%s: exit %d, want %d", name, v.ExitCode(), test.code)
		}
	}
}

func TestNotesDoNotBlock(t *testing.T) {
	in := passing()
	in.Comparisons = []gate.Comparison{comparison("steady", 1)}
	in.Findings = []gate.Finding{finding("steady", "wording-changed", gate.Note, nil), finding("steady", "uncaused-effect", gate.Warn, nil)}
	v := verdict.Decide(in)
	if v.Decision != gate.Pass || v.Findings[0].State != gate.Noted || v.Findings[0].Severity != gate.Warn {
		t.Errorf("%+v", v)
	}
}

// One meaning found in two scenarios is one finding, of the larger count.
func TestScenariosAreJoined(t *testing.T) {
	in := passing()
	in.Comparisons = []gate.Comparison{comparison("steady", 1), comparison("outage", 1)}
	small := finding("steady", "recipient-added", gate.Block, nil)
	large := finding("outage", "recipient-added", gate.Block, func(f *gate.Finding) { f.Count, f.Title = 5, "five" })
	for _, order := range [][]gate.Finding{{small, large}, {large, small}} {
		in.Findings = order
		v := verdict.Decide(in)
		if len(v.Findings) != 1 || v.Findings[0].Count != 5 || v.Findings[0].Title != "five" ||
			!slices.Equal(v.Findings[0].Scenarios, []string{"outage", "steady"}) {
			t.Errorf("%+v", v.Findings)
		}
		if v.ExitCode() != gate.ExitBlocked {
			t.Errorf("exit %d: %+v", v.ExitCode(), v.Reasons)
		}
	}
}

func TestMostHarmfulFirst(t *testing.T) {
	in := passing()
	in.Comparisons = []gate.Comparison{comparison("steady", 2)}
	add := func(check string, s gate.Severity, change func(*gate.Finding)) {
		in.Findings = append(in.Findings, finding("steady", check, s, change))
	}
	add("wording-changed", gate.Note, nil)
	add("recipient-added", gate.Block, nil)
	add("uncaused-effect", gate.Warn, nil)
	add("facts-disclosed", gate.Block, func(f *gate.Finding) { f.Bits, f.Class = 3, "light" })
	add("facts-disclosed", gate.Block, func(f *gate.Finding) { f.Bits, f.Class = 9, "heavy" })
	add("facts-mixed", gate.Block, nil)
	add("role-changed", gate.Block, nil)
	add("personal-content-changed", gate.Block, nil)
	add("recipient-swapped", gate.Block, func(f *gate.Finding) { f.Changes = []int{1} })
	add("check-of-tomorrow", gate.Block, nil)
	var got []string
	for _, f := range verdict.Decide(in).Findings {
		got = append(got, f.Check+f.Class)
	}
	want := []string{"check-of-tomorrow", "facts-mixed", "facts-disclosedheavy", "facts-disclosedlight", "recipient-swapped", "recipient-added",
		"role-changed", "personal-content-changed", "uncaused-effect", "wording-changed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// What a swap brings with it is told behind it, and what it does not before it; examples differ.
func TestSwapIsTheStory(t *testing.T) {
	c := comparison("steady", 3)
	for i := range c.Changes {
		c.Changes[i].After = &gate.Delivery{Title: string(rune('a' + i))}
	}
	add := func(check, class string, changes ...int) gate.Finding {
		return finding("steady", check, gate.Block, func(f *gate.Finding) {
			f.Class, f.Changes, f.Example = class, changes, &c.Changes[changes[0]]
		})
	}
	in := passing()
	in.Comparisons = []gate.Comparison{c}
	in.Findings = []gate.Finding{
		add("facts-mixed", "swap", 0, 1), add("facts-disclosed", "swap", 0, 1), add("recipient-swapped", "swap", 0, 1), add("facts-disclosed", "other", 1, 2),
	}
	var got []string
	for _, f := range verdict.Decide(in).Findings {
		got = append(got, f.Check+" "+f.Class+" "+f.Example.After.Title)
	}
	want := []string{"facts-disclosed other b", "recipient-swapped swap a", "facts-mixed swap a", "facts-disclosed swap a"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order and examples (-want +got):\n%s", diff)
	}
}

func TestBlast(t *testing.T) {
	in := passing()
	in.Comparisons = []gate.Comparison{comparison("steady", 1)}
	people := func(names ...string) (ids []string) {
		for _, n := range names {
			ids = append(ids, "mail:"+n+"@example.org")
		}
		return ids
	}
	swap := finding("steady", "recipient-swapped", gate.Block, func(f *gate.Finding) { f.Gained, f.Lost = people("a", "b"), people("b", "c") })
	approved := finding("steady", "recipient-added", gate.Block, func(f *gate.Finding) { f.Gained = people("z") })
	in.Findings = []gate.Finding{
		swap, approved,
		finding("steady", "facts-disclosed", gate.Block, func(f *gate.Finding) {
			f.Gained, f.Owners, f.Parties = people("a", "d"), people("c", "e", "f"), []string{"host:t.example"}
		}),
		finding("steady", "facts-mixed", gate.Block, func(f *gate.Finding) { f.Gained, f.Owners = people("a"), people("a", "c") }),
		finding("steady", "new-party", gate.Block, func(f *gate.Finding) { f.Gained, f.Parties = nil, []string{"host:t.example", "host:u.example"} }),
		finding("steady", "wording-changed", gate.Note, func(f *gate.Finding) { f.Gained = people("y") }),
		finding("steady", "unexplained-change", gate.Block, func(f *gate.Finding) { f.Gained = []string{"host:v.example"} }),
		finding("steady", "order-reversed", gate.Block, func(f *gate.Finding) { f.Gained = people("x") }),
	}
	in.Approvals = []gate.Approval{approval(approved, nil)}
	want := gate.Blast{Gain: 5, Lose: 2, Exposed: 3, Merged: 2, Parties: 3} // z is named by what is approved, y by a note
	if got := verdict.Decide(in).Blast; got != want {
		t.Errorf("blast %+v, want %+v", got, want)
	}
}

// Every reason is there, the strongest decides the exit code.
func TestReasons(t *testing.T) {
	in := passing()
	in.Comparisons = []gate.Comparison{comparison("steady", 1)}
	in.Findings = []gate.Finding{finding("steady", "recipient-added", gate.Block, nil)}
	in.Gaps = []gate.Gap{{Kind: gate.GapNoAnswer, Where: "b"}, {Kind: gate.GapCutBody, Count: 3, Where: "c"}, {Kind: gate.GapNoAnswer, Where: "a", Detail: "d"}}
	in.Reasons = []gate.Reason{{Code: gate.ExitUsage, Text: "usage"}, {Code: gate.ExitContainment, Text: "containment"}}
	v := verdict.Decide(in)
	want := []gate.Reason{
		{Code: gate.ExitContainment, Text: "containment"},
		{Code: gate.ExitUsage, Text: "usage"},
		{Code: gate.ExitBlocked, Text: "1 finding is not approved"},
		{Code: gate.ExitUndecided, Text: "cut-body: 3, the first: c"},
		{Code: gate.ExitUndecided, Text: "no-answer: 2, the first: a: d"},
	}
	if diff := cmp.Diff(want, v.Reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	if v.ExitCode() != gate.ExitContainment || v.Decision != gate.Blocked {
		t.Errorf("%s, exit %d", v.Decision, v.ExitCode())
	}
}

// What could only come of a fault of the program is never a pass.
func TestFaultsOfTheProgram(t *testing.T) {
	good := finding("steady", "wording-changed", gate.Note, nil)
	for name, change := range map[string]func(*verdict.Input, *gate.Finding){
		"no severity":               func(_ *verdict.Input, f *gate.Finding) { f.Severity = "" },
		"severity not known":        func(_ *verdict.Input, f *gate.Finding) { f.Severity = "info" },
		"no check":                  func(_ *verdict.Input, f *gate.Finding) { f.Check = "" },
		"no count":                  func(_ *verdict.Input, f *gate.Finding) { f.Count = 0 },
		"not sealed":                func(_ *verdict.Input, f *gate.Finding) { f.Fingerprint = "" },
		"fingerprint of another":    func(_ *verdict.Input, f *gate.Finding) { f.Gained = []string{"mail:q@example.org"} },
		"no scenario":               func(_ *verdict.Input, f *gate.Finding) { f.Scenarios = nil },
		"another scenario":          func(_ *verdict.Input, f *gate.Finding) { f.Scenarios = []string{"job"} },
		"change that there is not":  func(_ *verdict.Input, f *gate.Finding) { f.Changes = []int{1} },
		"changes nobody speaks of":  func(in *verdict.Input, _ *gate.Finding) { in.Findings = nil },
		"a scenario compared twice": func(in *verdict.Input, _ *gate.Finding) { in.Comparisons = append(in.Comparisons, in.Comparisons[0]) },
		"a reason for passing":      func(in *verdict.Input, _ *gate.Finding) { in.Reasons = []gate.Reason{{Code: gate.ExitPass}} },
	} {
		in := passing()
		in.Comparisons = []gate.Comparison{comparison("steady", 1)}
		in.Findings = []gate.Finding{good}
		change(&in, &in.Findings[0])
		v := verdict.Decide(in)
		if v.ExitCode() != gate.ExitBug || v.Decision == gate.Pass {
			t.Errorf("%s: %s, exit %d, reasons %+v", name, v.Decision, v.ExitCode(), v.Reasons)
		}
	}
}

// For any input: a pass has no gap and no finding that blocks, and the order of
// what is given does not matter.
func TestDecideIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := passing()
		in.Comparisons = []gate.Comparison{comparison("steady", rapid.IntRange(0, 2).Draw(t, "changes")), comparison("outage", 1)}
		in.Comparisons[1].Production.Deliveries = uint64(rapid.IntRange(0, 1).Draw(t, "deliveries"))
		if rapid.Bool().Draw(t, "blind") {
			in.Drill = ""
		}
		for range rapid.IntRange(0, 4).Draw(t, "findings") {
			f := finding(rapid.SampledFrom([]string{"steady", "outage"}).Draw(t, "scenario"),
				rapid.SampledFrom(verdict.Ranked()).Draw(t, "check"),
				rapid.SampledFrom([]gate.Severity{gate.Note, gate.Warn, gate.Block}).Draw(t, "severity"),
				func(f *gate.Finding) { f.Count = uint64(rapid.IntRange(1, 3).Draw(t, "count")) })
			in.Findings = append(in.Findings, f)
			if rapid.Bool().Draw(t, "approved") {
				in.Approvals = append(in.Approvals, approval(f, func(a *gate.Approval) {
					a.MaxMessages = uint64(rapid.IntRange(0, 3).Draw(t, "cap"))
					a.Expires = rapid.SampledFrom([]string{"2027-01-30", "2027-02-01"}).Draw(t, "expires")
				}))
			}
		}
		v := verdict.Decide(in)
		blocking := slices.ContainsFunc(v.Findings, func(j gate.Judged) bool {
			return j.Severity == gate.Block && j.State != gate.Approved
		})
		if (v.Decision == gate.Pass) != (v.ExitCode() == gate.ExitPass) {
			t.Fatalf("%s exits %d", v.Decision, v.ExitCode())
		}
		if v.Decision == gate.Pass && (blocking || len(v.Gaps) > 0 || len(v.Reasons) > 0 || in.Drill == "") {
			t.Fatalf("passes: %+v", v)
		}
		if blocking != (v.Decision == gate.Blocked) {
			t.Fatalf("blocking %v, %s", blocking, v.Decision)
		}
		if len(v.Unused) > 0 {
			t.Fatalf("every approval is of a finding, and %d are unused", len(v.Unused))
		}
		other := in
		other.Findings, other.Approvals = slices.Clone(in.Findings), slices.Clone(in.Approvals)
		slices.Reverse(other.Findings)
		other.Comparisons = []gate.Comparison{in.Comparisons[1], in.Comparisons[0]}
		w := verdict.Decide(other)
		if w.ExitCode() != v.ExitCode() || w.Blast != v.Blast || len(w.Findings) != len(v.Findings) {
			t.Fatalf("the order of what was given matters: %+v and %+v", v, w)
		}
		for i := range v.Findings {
			if v.Findings[i].Fingerprint != w.Findings[i].Fingerprint || v.Findings[i].State != w.Findings[i].State {
				t.Fatalf("finding %d: %+v and %+v", i, v.Findings[i], w.Findings[i])
			}
		}
	})
}

// Blind spots are stated, and undecided where that is asked for.
func TestBlindSpots(t *testing.T) {
	in := passing()
	in.Comparisons[0].Blind = []gate.BlindSpot{{Kind: gate.BlindUnanchored, Class: "a", Count: 7}, {Kind: gate.BlindOrder, Sink: "mail", Count: 9}}
	if v := verdict.Decide(in); v.Decision != gate.Pass {
		t.Errorf("stated alone: %+v", v.Reasons)
	}
	in.Undecided = []gate.BlindKind{gate.BlindUnanchored}
	v := verdict.Decide(in)
	if v.ExitCode() != gate.ExitUndecided || len(v.Reasons) != 1 || !strings.Contains(v.Reasons[0].Text, "of 7 messages") {
		t.Errorf("asked for: %+v", v.Reasons)
	}
	in.Comparisons[0].Blind = in.Comparisons[0].Blind[1:]
	if v := verdict.Decide(in); v.Decision != gate.Pass {
		t.Errorf("of another kind: %+v", v.Reasons)
	}
}
