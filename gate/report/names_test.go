package report_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// crowd is a verdict with a finding for each of some people, who stand in another order in
// its first finding.
func crowd(n int) *gate.Verdict {
	v := &gate.Verdict{Schema: gate.Schema, Decision: gate.Blocked, Reasons: []gate.Reason{{Code: gate.ExitBlocked, Text: "a finding is open"}}}
	for i := range n {
		f := gate.Finding{Check: "recipient-added", Severity: gate.Block, Title: "one more", Count: 1, Scenarios: []string{"steady"}, Class: fmt.Sprintf("class %d", i)}
		f.Gained = []string{fmt.Sprintf("mail:person%02d@home.test", (i*7+3)%n)}
		f.Seal()
		v.Findings = append(v.Findings, gate.Judged{Finding: f, State: gate.Open})
	}
	return v
}

// A person has one label in the log, in Markdown, in JUnit and in HTML, whichever finding
// each of them shows first.
func TestOneLabelAPerson(t *testing.T) {
	v := crowd(12)
	label := regexp.MustCompile(`R-[0-9]+`)
	want := map[string]string{} // by fingerprint
	for name, render := range map[string]func(*bytes.Buffer) error{
		"terminal": func(b *bytes.Buffer) error { return report.Terminal(b, v, report.Options{Verbose: true}) },
		"junit":    func(b *bytes.Buffer) error { return report.JUnit(b, v, report.Options{}) },
	} {
		var b bytes.Buffer
		if err := render(&b); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		for i := range v.Findings {
			// The label of a finding stands beside its fingerprint: before it in the log, behind it in JUnit.
			print := v.Findings[i].Fingerprint
			at := strings.Index(text, print)
			if at < 0 {
				t.Fatalf("%s: %s is missing in\n%s", name, print, text)
			}
			got := ""
			if name == "terminal" {
				all := label.FindAllString(text[:at], -1)
				got = all[len(all)-1]
			} else {
				got = label.FindString(text[at:])
			}
			if want[print] == "" {
				want[print] = got
			}
			if got == "" || got != want[print] {
				t.Errorf("%s: %s is of %q, and elsewhere of %q", name, print, got, want[print])
			}
		}
	}
}

// A segment of a part's name is shown where it is of forms and protocols, or where many
// people's deliveries of production have it.
func TestSegmentsOfFewAreHidden(t *testing.T) {
	for people, shown := range map[int]bool{1: false, 4: false, 9: false, 10: true, 40: true} {
		v := &gate.Verdict{Schema: gate.Schema, Decision: gate.Blocked, Comparisons: []gate.Comparison{{Scenario: "steady"}}}
		f := gate.Finding{Check: "personal-content-changed", Severity: gate.Block, Title: "x", Count: 1, Scenarios: []string{"steady"}, Part: "body/$.patients.wilhelmina_quackenbush.hiv"}
		for i := range people {
			d := &gate.Delivery{Channel: "http", Sink: "web", Recipient: gate.Recipient{Kind: gate.Mail, Address: fmt.Sprintf("p%d@home.test", i), Role: "to"}}
			v.Comparisons[0].Changes = append(v.Comparisons[0].Changes, gate.Change{Kind: gate.Altered, Rule: gate.ByRecipient, Before: d, After: d, Copies: [2]int{1, 1},
				Edits: []gate.Edit{{Part: f.Part, Before: "1", After: "2"}}})
		}
		f.Changes = []int{0}
		f.Example = &v.Comparisons[0].Changes[0]
		f.Seal()
		v.Findings = []gate.Judged{{Finding: f, State: gate.Open}}
		for name, render := range map[string]func(*bytes.Buffer) error{
			"terminal": func(b *bytes.Buffer) error { return report.Terminal(b, v, report.Options{}) },
			"whole":    func(b *bytes.Buffer) error { return report.Terminal(b, v, report.Options{Verbose: true}) },
			"markdown": func(b *bytes.Buffer) error { return report.Markdown(b, v, report.Options{}) },
		} {
			var b bytes.Buffer
			if err := render(&b); err != nil {
				t.Fatal(err)
			}
			if is := strings.Contains(b.String(), "quackenbush"); is != shown {
				t.Errorf("%s: of %d people the name is shown: %v\n%s", name, people, is, b.String())
			}
			if !strings.Contains(b.String(), "patients") || !strings.Contains(b.String(), "hiv") {
				t.Errorf("%s: what is of forms is hidden\n%s", name, b.String())
			}
		}
	}
}
