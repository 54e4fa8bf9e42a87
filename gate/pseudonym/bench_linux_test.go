package pseudonym_test

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

// BenchmarkClean clears what the clinic sends; with WAYBILL_CORPORA, real mail too.
func BenchmarkClean(b *testing.B) {
	run := func(name string, list []gate.Message) {
		b.Run(name, func(b *testing.B) {
			c := cleaner(b, nil)
			var size int64
			for i := range list {
				size += int64(len(list[i].Head) + len(list[i].Body))
			}
			b.SetBytes(size)
			b.ReportAllocs()
			var cleaning, hashing time.Duration
			for b.Loop() {
				begun := processor(b)
				for _, m := range list {
					_ = c.Message(&m) // a few of the archive are refused
				}
				cleaned := processor(b)
				for _, m := range list {
					sha256.Sum256(m.Head)
					sha256.Sum256(m.Body)
				}
				cleaning += cleaned - begun
				hashing += processor(b) - cleaned
			}
			// On a shared machine the wall tells little, and the processor not much
			// more: the ratio to SHA-256 over the same bytes is what can be compared.
			b.ReportMetric(float64(size)*float64(b.N)/cleaning.Seconds()/1e6, "MB/cpu-s")
			b.ReportMetric(hashing.Seconds()/cleaning.Seconds(), "of-sha256")
		})
	}
	run("clinic", clinic.Capture(clinic.Build(400), clinic.Style{}, 1))
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		return
	}
	var list []gate.Message
	for item, err := range mbox.Format.Read(filepath.Join(folder, "spamassassin.mbox.gz"), importer.Options{}) {
		if err != nil {
			b.Fatal(err)
		}
		if m := item.Record.Message; m != nil && len(list) < 1000 {
			list = append(list, *m)
		}
	}
	run("archive", list)
}

// processor is the processor time that this process has taken.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
