package verdict_test

import (
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// A release was approved on Monday and deployed after the approval had ended.
func TestAgainHoldsApprovalsToTheDay(t *testing.T) {
	v := &gate.Verdict{Decision: gate.Pass, Drill: "seen", Findings: []gate.Judged{
		{Finding: gate.Finding{Check: "recipient-added", Severity: gate.Block, Count: 2, Fingerprint: print2}, State: gate.Approved},
	}}
	a := entry(print2)
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, test := range []struct {
		name      string
		approvals []gate.Approval
		now       string
		reasons   []gate.Reason // of the verdict
		decision  gate.Decision
		code      int
	}{
		{"on its last day", []gate.Approval{a}, a.Expires, nil, gate.Pass, gate.ExitPass},
		{"a day later", []gate.Approval{a}, "2027-03-01", nil, gate.Blocked, gate.ExitBlocked},
		{"taken back", nil, a.Expires, nil, gate.Blocked, gate.ExitBlocked},
		{"with a gap", []gate.Approval{a}, a.Expires, []gate.Reason{{Code: gate.ExitUndecided, Text: "torn-tape"}}, gate.Undecided, gate.ExitUndecided},
		{"blocked before", []gate.Approval{a}, a.Expires, []gate.Reason{{Code: gate.ExitBlocked, Text: "1 finding is not approved"}}, gate.Pass, gate.ExitPass},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := *v
			before.Reasons = test.reasons
			got := verdict.Again(&before, test.approvals, day(test.now))
			if got.Decision != test.decision || got.ExitCode() != test.code {
				t.Errorf("%s, exit code %d, reasons %v", got.Decision, got.ExitCode(), got.Reasons)
			}
		})
	}
	if got := verdict.Again(&gate.Verdict{}, nil, day("2027-01-01")); got.ExitCode() != gate.ExitUndecided {
		t.Errorf("the zero verdict came to %s, exit code %d", got.Decision, got.ExitCode())
	}
}
