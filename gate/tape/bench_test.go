package tape_test

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// letter is a body of n bytes that compresses about as mail does.
func letter(n int) string {
	var b strings.Builder
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "Dear member %d, your question %x of today was answered by a nurse.\r\n", i*7919, i*i*2654435761)
	}
	return b.String()[:n]
}

func BenchmarkAppend(b *testing.B) {
	benchmarkAppend(b, tape.Options{}, 1, 16)
}

func BenchmarkAppendEncrypted(b *testing.B) {
	benchmarkAppend(b, tape.Options{Recipients: []string{newParty(b).recipient}}, 1, 16, 64)
}

func benchmarkAppend(b *testing.B, o tape.Options, numbers ...int) {
	for _, writers := range numbers {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			w, err := tape.Create(filepath.Join(b.TempDir(), "bench.tape"), run(), o)
			if err != nil {
				b.Fatal(err)
			}
			rec := message(1, letter(4<<10))
			b.SetBytes(4 << 10)
			b.ReportAllocs()
			work := make(chan struct{})
			done := make(chan error, writers)
			for range writers {
				go func() {
					var err error
					for range work {
						if err == nil {
							err = w.Append(rec)
						}
					}
					done <- err
				}()
			}
			for b.Loop() {
				work <- struct{}{}
			}
			close(work)
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(gate.Footer{}); err != nil {
				b.Fatal(err)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) { benchmarkRead(b, party{}) }

func BenchmarkReadEncrypted(b *testing.B) { benchmarkRead(b, newParty(b)) }

func benchmarkRead(b *testing.B, p party) {
	var o tape.Options
	if p.recipient != "" {
		o.Recipients = []string{p.recipient}
	}
	for _, batch := range []int{1, 100} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			const n = 2000
			path := filepath.Join(b.TempDir(), "bench.tape")
			w, err := tape.Create(path, run(), o)
			if err != nil {
				b.Fatal(err)
			}
			recs := make([]*gate.Record, batch)
			for i := range n / batch {
				for j := range recs {
					recs[j] = message(uint64(i*batch+j+1), letter(4<<10))
				}
				if err := w.Append(recs...); err != nil {
					b.Fatal(err)
				}
			}
			if err := w.Close(gate.Footer{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(4 << 10)
			b.ReportAllocs()
			var r *tape.Reader
			for b.Loop() {
				if r == nil {
					var err error
					if r, err = p.keys.Open(path); err != nil {
						b.Fatal(err)
					}
				}
				_, _, err := r.Next()
				if err == io.EOF {
					err = r.Close()
					r = nil
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
