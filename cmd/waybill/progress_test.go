package main_test

import (
	"testing"
	"time"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
)

// Where there is no terminal a line says how far a stage is, and how much longer it takes.
func TestPlainProgress(t *testing.T) {
	for _, c := range []struct {
		total, done uint64
		took        time.Duration
		want        string
	}{
		{2341, 1204, 40 * time.Second, "3 of 6: steady: 1204 of 2341, about 38s left"},
		{2341, 0, 10 * time.Second, "3 of 6: steady: 0 of 2341"},
		{10, 10, 10 * time.Second, "3 of 6: steady: 10 of 10"},
		{0, 77, 10 * time.Second, "3 of 6: steady: 77 so far"},
	} {
		if got := waybill.PlainLine("3 of 6: steady", c.total, c.done, c.took); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
