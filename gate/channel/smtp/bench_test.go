package smtp_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// BenchmarkSMTPSink is messages from the driver through the sink to a Keep that
// does nothing: both ends of each connection are on this machine's cores.
func BenchmarkSMTPSink(b *testing.B) {
	for _, sessions := range []int{1, 10, 50} {
		for _, kib := range []int{1, 10, 100} {
			b.Run(fmt.Sprintf("sessions=%d/KiB=%d", sessions, kib), func(b *testing.B) {
				line := strings.Repeat("0123456789", 7) + "1234\r\n"
				body := strings.Repeat(line, kib<<10/len(line))
				sink := open(b, &store{}, func(c *channel.SinkConfig) { c.Keep = func(*gate.Message) error { return nil } })
				d := drive(b, channel.DriveConfig{Address: sink.Address(), Concurrency: sessions})
				s := stimulus(envelope, body)
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				var left atomic.Int64
				left.Store(int64(b.N))
				done := make(chan gate.Outcome, sessions)
				for range sessions {
					go func() {
						var out gate.Outcome
						for left.Add(-1) >= 0 && out.Error == "" {
							out = d.Do(context.Background(), s)
						}
						done <- out
					}()
				}
				for range sessions {
					if out := <-done; out.Error != "" {
						b.Error(out.Error)
					}
				}
				if n := sink.Stats().Accepted; n != uint64(b.N) {
					b.Errorf("%d of %d accepted", n, b.N)
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
			})
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, recipients := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("recipients=%d", recipients), func(b *testing.B) {
			var head strings.Builder
			head.WriteString("EHLO c\r\nMAIL FROM:<a@x.example> SIZE=100\r\n")
			for i := range recipients {
				fmt.Fprintf(&head, "RCPT TO:<r%d@y.example> ORCPT=rfc822;r%d@y.example\r\n", i, i)
			}
			m := &gate.Message{Sink: "mail", Head: []byte(head.String())}
			b.ReportAllocs()
			for b.Loop() {
				mustDecode(b, m)
			}
		})
	}
}
