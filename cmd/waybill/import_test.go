package main_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
	"github.com/waybill-dev/waybill/gate/tape"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
)

// The public archive of SpamAssassin imports whole: every mail stands on the tape byte for
// byte, or is counted with a reason, whether or not people are replaced in it.
func TestArchiveOfMail(t *testing.T) {
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		t.Skip("WAYBILL_CORPORA is not set: the public archive is not imported")
	}
	source := filepath.Join(folder, "spamassassin.mbox.gz")
	dir := t.TempDir()
	imports := func(name string, args ...string) (path, said string) {
		t.Helper()
		path = filepath.Join(dir, name)
		var out, errs strings.Builder
		args = append(append([]string{"waybill", "import", "--out", path}, args...), source)
		if code := waybill.Run(args, strings.NewReader(""), &out, &errs); code != gate.ExitPass {
			t.Fatalf("%q: exit code %d\n%s%s", args, code, out.String(), errs.String())
		}
		return path, out.String()
	}

	path, _ := imports("kept.tape", "--keep-identities")
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mails := 0
	for item, err := range mbox.Format.Read(source, importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if item.Skip != nil {
			continue
		}
		got, _, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if m := item.Record.Message; m != nil {
			mails++
			if got.Message == nil || !bytes.Equal(got.Message.Body, m.Body) || !bytes.Equal(got.Message.Head, m.Head) {
				t.Fatalf("mail %d is not as it was", m.Seq)
			}
		} else if got.Gap == nil || *got.Gap != *item.Record.Gap {
			t.Fatalf("gap %+v, want %+v", got.Gap, *item.Record.Gap)
		}
	}
	if mails != 4830 {
		t.Errorf("%d mails", mails)
	}

	config := filepath.Join(dir, "waybill.toml")
	for name, text := range map[string]string{config: "version = 1\n[privacy]\nkey_file = \"waybill.key\"\n", filepath.Join(dir, "waybill.key"): strings.Repeat("5a", 32) + "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path, said := imports("cleared.tape", "--config", config)
	report, err := tape.Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	unclear := uint64(0)
	for rec, err := range tape.All(path) {
		if err != nil {
			t.Fatal(err)
		}
		if g := rec.Gap; g != nil && g.Kind == gate.GapNotCleared {
			unclear += g.Count
		}
	}
	if report.Messages+unclear != uint64(mails) || report.Messages < 4500 || report.Header.Identities != gate.IdentitiesDetected || report.Header.Key == "" {
		t.Errorf("%d mails are kept and %d are not, of %d; header %+v", report.Messages, unclear, mails, report.Header)
	}
	t.Logf("with pseudonyms:\n%s", said)
}
