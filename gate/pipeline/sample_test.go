package pipeline_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
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

// One mail of 64 MiB made the drill, which compares its sample several times over,
// take longer than judging the run. What a sample holds is bounded.
func TestSampleIsSmall(t *testing.T) {
	sized := func(large func(i int) int) string {
		return run(t, filepath.Join(t.TempDir(), "p.tape"), 100, "p", func(i int) string {
			return fmt.Sprintf("letter %d\r\n%s", i, strings.Repeat("x\r\n", large(i)/3))
		})
	}
	for _, c := range []struct {
		name        string
		size        func(i int) int
		least, most int
	}{
		{"one is large", func(i int) int {
			if i == 50 {
				return 8 << 20
			}
			return 300
		}, 99, 99},
		{"all are large", func(i int) int { return 80<<10 + 1000*i }, 1, 1},
	} {
		sample, err := pipeline.Sample(context.Background(), options(t), sized(c.size), 200)
		if err != nil {
			t.Fatal(err)
		}
		size := 0
		for i := range sample {
			for _, p := range sample[i].Parts {
				size += len(p.Value)
			}
		}
		if len(sample) < c.least || len(sample) > c.most || size > 16<<20 {
			t.Errorf("%s: %d messages of %d bytes", c.name, len(sample), size)
		}
	}
}
