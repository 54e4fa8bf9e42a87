package report_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

// Every kind of report that people read says what was recorded beside what was replayed, and
// names classes only where people are named.
func TestRecordedAndReplayed(t *testing.T) {
	v := &gate.Verdict{Schema: gate.Schema, Recorded: []gate.Reenacted{{Scenario: "steady",
		Sent: []gate.ReenactedClass{
			{Channel: "smtp", Class: "subject=password changed", Recorded: 11, Reason: "because 11 stimuli were answered 302 where 200 was recorded"},
			{Channel: "smtp", Class: "subject=welcome", Recorded: 3, Replayed: 2, Allowed: "one is a duplicate"},
			{Channel: "smtp", Class: "subject=news", Recorded: 1000, Replayed: 1000},
		},
		Answers: []gate.ReenactedAnswer{{Status: "2xx", Recorded: 20, Production: 9, Staging: 9}, {Status: "3xx", Production: 11, Staging: 11}},
	}}}
	for _, names := range []bool{true, false} {
		kinds := map[string]func(*bytes.Buffer) error{
			"terminal": func(b *bytes.Buffer) error { return report.Terminal(b, v, report.Options{Names: names, Verbose: true}) },
			"HTML":     func(b *bytes.Buffer) error { return report.HTML(b, v, nil, report.Options{Names: names}) },
		}
		if !names {
			kinds["Markdown"] = func(b *bytes.Buffer) error { return report.Markdown(b, v, report.Options{}) }
		}
		for kind, write := range kinds {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			text := strings.Join(strings.Fields(b.String()), " ")
			for _, want := range []string{"1,002 of 1,014 recorded messages replayed; 1 of 3 classes as often as recorded", "recorded 11, replayed 0, because 11 stimuli were answered 302 where 200 was recorded",
				"recorded 3, replayed 2", "2xx recorded 20, production 9, staging 9"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s, names %v: %q is not in\n%s", kind, names, want, b.String())
				}
			}
			if strings.Contains(text, "password changed") != names {
				t.Errorf("%s, names %v: the class is shown or hidden wrongly", kind, names)
			}
		}
	}
}
