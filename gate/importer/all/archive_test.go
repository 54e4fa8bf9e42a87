package all_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/all"
	"github.com/waybill-dev/waybill/gate/tape"
)

// The public archive of SpamAssassin goes onto a tape and comes back as it was,
// and imported twice it is one corpus.
func TestArchiveOnTape(t *testing.T) {
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		t.Skip("WAYBILL_CORPORA is not set: the public archive is not imported")
	}
	source := filepath.Join(folder, "spamassassin.mbox.gz")
	f, err := importer.Detect(source, all.Formats())
	if err != nil {
		t.Fatal(err)
	}
	var digests []string
	for batch, name := range map[int]string{1: "single.tape", 50: "batches.tape"} {
		path := filepath.Join(t.TempDir(), name)
		record(t, f, source, path, batch)
		compare(t, f, source, path)
		rep, err := tape.Verify(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d messages and %d gaps in %d frames, %d bytes stored in %d", rep.Messages, rep.Gaps, rep.Frames, rep.Raw, rep.Stored)
		digests = append(digests, rep.Digest)
	}
	if digests[0] != digests[1] {
		t.Error("imported twice it has two digests")
	}
}

func record(t *testing.T, f importer.Format, source, path string, batch int) {
	t.Helper()
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape, At: int64(batch)}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var recs []*gate.Record
	flush := func() {
		if err := w.Append(recs...); err != nil {
			t.Fatal(err)
		}
		recs = recs[:0]
	}
	for item, err := range f.Read(source, importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if recs = append(recs, &item.Record); len(recs) == batch {
			flush()
		}
	}
	flush()
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, f importer.Format, source, path string) {
	t.Helper()
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for item, err := range f.Read(source, importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		rec, _, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if want := item.Record.Message; want != nil {
			if got := rec.Message; got == nil || got.Seq != want.Seq || !bytes.Equal(got.Head, want.Head) || !bytes.Equal(got.Body, want.Body) {
				t.Fatalf("message %d is not as it was", want.Seq)
			}
		} else if *rec.Gap != *item.Record.Gap {
			t.Fatalf("gap %+v, want %+v", *rec.Gap, *item.Record.Gap)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Fatal(err)
	}
}
