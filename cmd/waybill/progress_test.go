package main_test

import (
	"testing"
	"time"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
)

// Where there is no terminal a line says how far a stage is, and how much longer it and those that follow it take.
func TestPlainProgress(t *testing.T) {
	for _, c := range []struct {
		total, done uint64
		took        time.Duration
		after       int64
		want        string
	}{
		{2341, 1204, 40 * time.Second, 0, "replay 6 of 6, steady: 1,204 of 2,341 stimuli, about 38s left"},
		{2341, 1204, 40 * time.Second, 3, "replay 6 of 6, steady: 1,204 of 2,341 stimuli, about 4m31s left"},
		{2341, 0, 10 * time.Second, 3, "replay 6 of 6, steady: 0 of 2,341 stimuli"},
		{10, 10, 10 * time.Second, 0, "replay 6 of 6, steady: 10 of 10 stimuli"},
		{10, 10, 10 * time.Second, 2, "replay 6 of 6, steady: 10 of 10 stimuli, about 20s left"},
		{0, 77, 10 * time.Second, 1, "replay 6 of 6, steady: 77 stimuli so far"},
	} {
		if got := waybill.PlainLine("replay 6 of 6, steady", c.total, c.done, c.took, c.after); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
