package report_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate/report"
)

// Every kind of gap says what to do about it.
func TestAdvice(t *testing.T) {
	for _, kind := range gapKinds(t) {
		if report.Advice(kind) == "" {
			t.Errorf("%s: nothing is said about what to do", kind)
		}
	}
	if got := report.Advice("no-such-kind"); got != "" {
		t.Errorf("of a kind that is not known: %q", got)
	}
}
