package pipeline_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate/pipeline"
)

// A sample is as large as is asked for where there are as many messages, has each
// message once, and reaches from one end of the tape to the other.
func TestSample(t *testing.T) {
	path := run(t, filepath.Join(t.TempDir(), "p.tape"), 1000, "p", letter)
	for _, n := range []int{1, 3, 200, 999, 1000, 5000} {
		sample, err := pipeline.Sample(context.Background(), options(t), path, n)
		if err != nil {
			t.Fatal(err)
		}
		if want := min(n, 1000); len(sample) != want {
			t.Errorf("asked for %d of 1000: %d", n, len(sample))
		}
		last := uint64(0)
		for _, c := range sample {
			if c.Ref.Seq <= last {
				t.Fatalf("asked for %d: message %d after %d", n, c.Ref.Seq, last)
			}
			if n >= 200 && c.Ref.Seq-last > 25 {
				t.Errorf("asked for %d: nothing between messages %d and %d", n, last, c.Ref.Seq)
			}
			last = c.Ref.Seq
		}
		if n >= 200 && 1000-last > 25 {
			t.Errorf("asked for %d: nothing after message %d", n, last)
		}
	}
}
