package pipeline_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

func options(t testing.TB) pipeline.Options {
	t.Helper()
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return pipeline.Options{
		Decoder: func(name, _, _ string) (channel.Decoder, error) {
			switch name {
			case "smtp":
				return smtp.Protocol().Decode(nil)
			case "http":
				return http.Protocol().Decode(nil)
			}
			return nil, fmt.Errorf("channel %q", name)
		},
		Canon: c.Message,
	}
}

// run writes n mails of about 4 KiB to a tape: of staging where name is "s", else of
// production. Volatile headers differ from run to run.
func run(t testing.TB, path string, n int, name string, text func(i int) string) string {
	t.Helper()
	role := gate.Production
	if name == "s" {
		role = gate.Staging
	}
	w, err := tape.Create(path, gate.Header{Content: gate.RunTape, Schema: gate.Schema, Role: role, Corpus: "sha256:0", Scenario: "steady"}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	const batch = 256
	records := make([]*gate.Record, 0, batch)
	for i := range n {
		records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Seq: uint64(i + 1), Channel: "smtp", Sink: "mail",
			Head: fmt.Appendf(nil, "EHLO app\r\nMAIL FROM:<portal@example.org>\r\nRCPT TO:<member%07d@example.net>\r\n", i),
			Body: fmt.Appendf(nil, "Received: from app.example.org (app.example.org [192.0.2.7])\r\n\tby mx.example.org (Postfix) with ESMTP id 4X%s%09d;\r\n\tWed,  2 Aug 2000 10:%02d:%02d +0000\r\nDate: Wed, 2 Aug 2000 10:%02d:%02d +0000\r\nMessage-ID: <%s.m%09d@portal.example.org>\r\nFrom: Portal <portal@example.org>\r\nTo: Member %d <member%07d@example.net>\r\nSubject: Your appointment\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
				name, i, i/60%60, i%60, i/60%60, i%60, name, i, i, i, text(i)),
		}})
		if len(records) == batch || i == n-1 {
			if err := w.Append(records...); err != nil {
				t.Fatal(err)
			}
			records = records[:0]
		}
	}
	if err := w.Close(gate.Footer{Accepted: uint64(n), Quiet: "probe"}); err != nil {
		t.Fatal(err)
	}
	return path
}

var filler = strings.Repeat("Please bring your card and a list of the medicines that you take at home.\r\n", 48)

func letter(i int) string {
	return fmt.Sprintf("Dear Member %d,\r\nyour record is MRN-%07d, telephone 510-555-%04d.\r\n%sRegards, the portal", i, i, i%10000, filler)
}

// sizes are the numbers of messages that are compared. A million takes disk and
// minutes, so it is asked for: WAYBILL_BENCH_MESSAGES=1000000.
func sizes(b *testing.B) []int {
	s := os.Getenv("WAYBILL_BENCH_MESSAGES")
	if s == "" {
		return []int{10_000}
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		b.Fatal(err)
	}
	return []int{n}
}

// benchmark judges a run of letters and one of staging's: "anew" scans both tapes,
// "kept" has the digests that are kept beside them.
func benchmark(b *testing.B, staging func(i int) string, want func(n int, c *gate.Comparison) bool) {
	for _, n := range sizes(b) {
		dir := b.TempDir()
		p := run(b, filepath.Join(dir, "p.tape"), n, "p", letter)
		s := run(b, filepath.Join(dir, "s.tape"), n, "s", staging)
		o := options(b)
		b.Run(fmt.Sprintf("%d/anew", n), func(b *testing.B) { judge(b, n, o, p, s, want) })
		o.Form = "benchmark"
		for _, path := range []string{p, s} {
			if err := pipeline.KeepDigests(context.Background(), o, path); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("%d/kept", n), func(b *testing.B) { judge(b, n, o, p, s, want) })
	}
}

func judge(b *testing.B, n int, o pipeline.Options, p, s string, want func(n int, c *gate.Comparison) bool) {
	b.ReportAllocs()
	b.SetBytes(int64(2 * n * len(letter(0))))
	var before, after runtime.MemStats
	debug.FreeOSMemory()
	runtime.ReadMemStats(&before)
	// Linux alone has these: elsewhere no peak is reported.
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
	for b.Loop() {
		c, gaps, err := pipeline.Compare(context.Background(), o, []string{p}, s)
		if err != nil || len(gaps) > 0 {
			b.Fatal(err, gaps)
		}
		if !want(n, c) {
			b.Fatalf("%d equal, %d changes, %d groups", c.Equal, len(c.Changes), len(c.Groups))
		}
	}
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(n)/float64(b.N), "allocated-B/message")
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		var kib float64
		_, line, _ := strings.Cut(string(status), "VmHWM:")
		if _, err := fmt.Sscan(line, &kib); err == nil {
			b.ReportMetric(kib/1024, "peak-MiB")
		}
	}
}

func BenchmarkJudgeUnchanged(b *testing.B) {
	benchmark(b, letter, func(n int, c *gate.Comparison) bool { return int(c.Equal) == n && len(c.Changes) == 0 })
}

func BenchmarkJudgeOneInAThousand(b *testing.B) {
	benchmark(b, func(i int) string {
		if i%1000 == 0 {
			return letter(i + 1)
		}
		return letter(i)
	}, func(n int, c *gate.Comparison) bool { return len(c.Changes) == n/1000 })
}

func BenchmarkJudgeAllReworded(b *testing.B) {
	benchmark(b, reworded, func(n int, c *gate.Comparison) bool {
		return len(c.Changes) == n && len(c.Groups) == 1 && c.Groups[0].Wording
	})
}

func reworded(i int) string { return strings.Replace(letter(i), "Regards", "Kind regards", 1) }

// BenchmarkJudgePeers runs what people would otherwise use over the raw bytes of two
// unchanged runs, each in one file. A tool that is not there is left out.
func BenchmarkJudgePeers(b *testing.B) {
	for _, n := range sizes(b) {
		dir := b.TempDir()
		p := raw(b, filepath.Join(dir, "p.mbox"), run(b, filepath.Join(dir, "p.tape"), n, "p", letter))
		s := raw(b, filepath.Join(dir, "s.mbox"), run(b, filepath.Join(dir, "s.tape"), n, "s", letter))
		for _, peer := range []struct {
			name string
			args []string
		}{
			{"xxhsum", []string{"xxhsum", "-H3", p, s}},
			{"diff", []string{"diff", "--speed-large-files", p, s}},
			{"git-diff", []string{"git", "diff", "--no-index", "--no-ext-diff", p, s}},
		} {
			if _, err := exec.LookPath(peer.args[0]); err != nil {
				continue
			}
			b.Run(fmt.Sprintf("%d/%s", n, peer.name), func(b *testing.B) {
				b.SetBytes(int64(2 * n * len(letter(0))))
				for b.Loop() {
					cmd := exec.Command(peer.args[0], peer.args[1:]...)
					var said strings.Builder
					cmd.Stderr = &said
					var exit *exec.ExitError
					if err := cmd.Run(); errors.As(err, &exit) && exit.ExitCode() == 128 {
						b.Skipf("it cannot read files so large: %s", &said) // git
					} else if err != nil && (exit == nil || exit.ExitCode() != 1) {
						b.Fatal(err, &said)
					}
				}
			})
		}
	}
}

// raw writes the messages of a tape one after the other.
func raw(b *testing.B, path, from string) string {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriter(f)
	for rec, err := range tape.All(from) {
		if err != nil {
			b.Fatal(err)
		}
		if rec.Message != nil {
			w.Write(rec.Message.Head)
			w.Write(rec.Message.Body)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path
}
