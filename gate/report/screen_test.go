package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// exposing is an open finding by which some receive what belongs to others.
func exposing(gained, owners []string) gate.Judged {
	return gate.Judged{State: gate.Open, Finding: gate.Finding{Check: "facts-disclosed", Severity: gate.Block, Title: "the title", Count: 1, Bits: 3, Gained: gained, Owners: owners}}
}

func mails(names ...string) []string {
	for i := range names {
		names[i] = "mail:" + names[i] + "@example.org"
	}
	return names
}

// The first line can be read aloud: who would receive whose, over all findings that say so.
func TestSentence(t *testing.T) {
	title := gate.Judged{State: gate.Open, Finding: gate.Finding{Check: "recipient-added", Severity: gate.Block, Title: "2 deliveries to 1 person", Count: 2, Gained: mails("zoe")}}
	unweighed := exposing(mails("zoe"), mails("ann"))
	unweighed.Bits = 0
	accepted := exposing(mails("zoe"), mails("ann"))
	accepted.State = gate.Approved
	for want, findings := range map[string][]gate.Judged{
		"1 person would receive what belongs to 1 other":                                      {exposing(mails("ann"), mails("bea"))},
		"1 person would receive what belongs to 2 others; and 1 more finding":                 {exposing(mails("ann"), mails("ann", "bea", "cyd")), title},
		"2 people would receive what belongs to each other":                                   {exposing(mails("ann", "bea"), mails("ann", "bea"))},
		"3 people would receive what belongs to one another":                                  {exposing(mails("ann", "bea", "cyd"), mails("ann", "bea"))},
		"3 people would receive what belongs to 2 others; and 2 more findings":                {title, exposing(mails("ann"), mails("dot")), title, exposing(mails("bea", "cyd"), mails("eve"))},
		"2 people would receive what belongs to others (3 people in all)":                     {exposing(mails("ann", "bea"), mails("ann", "bea", "cyd"))},
		"1 outside party would receive what belongs to 1 person":                              {exposing([]string{"host:a.example"}, mails("ann"))},
		"1 person and 1 outside party would receive what belongs to others (1 person in all)": {exposing(append([]string{"host:a.example"}, mails("ann")...), mails("ann"))},
		"the title":                {unweighed},
		"2 deliveries to 1 person": {title, accepted},
		"2 deliveries to 1 person; and 1 more finding": {title, title},
	} {
		v := &gate.Verdict{Decision: gate.Blocked, Reasons: []gate.Reason{{Code: gate.ExitBlocked}}, Findings: findings}
		for _, names := range []bool{true, false} {
			var b bytes.Buffer
			if err := report.Terminal(&b, v, report.Options{Names: names, Width: 140}); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
			if first, last := lines[0], lines[len(lines)-1]; first != "Blocked: "+want || last != first {
				t.Errorf("names %v: it begins %q and ends %q, want %q", names, first, last, "Blocked: "+want)
			}
			if before := lines[len(lines)-2]; !strings.Contains(before, " would receive ") || strings.Contains(before, "@") != names {
				t.Errorf("names %v: who to whom is said as %q", names, before)
			}
		}
	}
}

// However much there is to say, it is said on one screen, the first finding with who is concerned,
// and what was left out is counted; asked for, all of it is printed.
func TestOneScreen(t *testing.T) {
	for dir, findings := range map[string]int{"testdata/blocked": 500, "testdata/blind": 3, "testdata/approved": 30, "testdata/undecided": 0} {
		v, _ := readCase(t, dir)
		for i := range findings {
			f := exposing(mails(fmt.Sprintf("a%d", i), "ann", "bea", "cyd", "dot", "eve"), mails("zoe"))
			if len(v.Findings) > 0 {
				f.Finding = v.Findings[0].Finding
			}
			f.Fingerprint = fmt.Sprintf("w1-%032d", i)
			v.Findings = append(v.Findings, f)
		}
		for i := range 30 {
			v.Notes = append(v.Notes, fmt.Sprintf("note %d, which is %s", i, strings.Repeat("long ", 60)))
			v.Gaps = append(v.Gaps, gate.Gap{Kind: gate.GapNoAnswer, Where: fmt.Sprintf("door %d", i)})
		}
		var short, whole bytes.Buffer
		if err := report.Terminal(&short, v, report.Options{Names: true}); err != nil {
			t.Fatal(err)
		}
		if err := report.Terminal(&whole, v, report.Options{Names: true, Verbose: true}); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(short.String(), "\n"); n > 56 {
			t.Errorf("%s: %d lines:\n%s", dir, n, short.String())
		}
		for _, only := range []string{"bits", "drill: ", "sha256:", "Masked before", "paired by"} {
			if strings.Contains(short.String(), only) {
				t.Errorf("%s: %q stands on the first screen", dir, only)
			}
			if only != "bits" && only != "paired by" && dir == "testdata/blocked" && !strings.Contains(whole.String(), only) {
				t.Errorf("%s: %q is not in the whole report", dir, only)
			}
		}
		if findings > 9 && !strings.Contains(short.String(), " more findings: ") {
			t.Errorf("%s: it does not say how many findings were left out:\n%s", dir, short.String())
		}
		if !strings.Contains(short.String(), " more notes\n") || !strings.Contains(short.String(), " more places\n") {
			t.Errorf("%s: it does not say what was left out:\n%s", dir, short.String())
		}
		if n := strings.Count(short.String(), "what to do: "); n != kindsOf(v) {
			t.Errorf("%s: of %d kinds of gap it says %d times what to do", dir, kindsOf(v), n)
		}
	}
}

func kindsOf(v *gate.Verdict) int {
	kinds := map[string]bool{}
	for _, g := range v.Gaps {
		kinds[g.Kind] = true
	}
	return len(kinds)
}

// What somebody accepted is shown in a verdict that passes because of it: what, by whom, until
// when, and how much of it there is.
func TestAcceptedIsShown(t *testing.T) {
	v, _ := readCase(t, "testdata/approved")
	f := v.Findings[0]
	for i := range 3 {
		f.Fingerprint = fmt.Sprintf("w1-%032d", i)
		f.Title = fmt.Sprintf("change %d", i)
		v.Findings = append(v.Findings, f)
	}
	var b bytes.Buffer
	if err := report.Terminal(&b, v, report.Options{Names: true}); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	if !strings.HasPrefix(text, "Pass: every change is approved (4 findings)") {
		t.Errorf("it begins %.80q", text)
	}
	if n := strings.Count(text, "approved, by dpo for rm: agreed with Dolores (until 2026-10-31, at most 10 messages); it is 1 delivery now"); n != 4 {
		t.Errorf("%d of 4 approvals are shown:\n%s", n, b.String())
	}
	for i := range 3 {
		if !strings.Contains(text, fmt.Sprintf("change %d", i)) {
			t.Errorf("change %d is not shown", i)
		}
	}
}
