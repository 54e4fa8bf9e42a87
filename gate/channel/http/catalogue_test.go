package http_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// TestCatalogue holds each entry of the catalogue to its cases in testdata/catalogue: who
// is addressed, what is read as running text, what decides whether it is sent, and the
// answer. A request that two entries take, and an entry without a case, fail it.
func TestCatalogue(t *testing.T) {
	entries, err := http.Entries()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/catalogue/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/catalogue: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		c, a := readCase(t, file)
		names, err := http.EntriesFor(&c.message)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			seen[name] = true
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			decode, err := http.Protocol().Decode(c.settings)
			if err != nil {
				t.Fatal(err)
			}
			out, err := decode(&c.message)
			if err != nil {
				t.Fatal(err)
			}
			if len(names) > 1 {
				t.Errorf("%d entries take this request: %q", len(names), names)
			}
			answer, err := http.Answered(c.settings, &c.message)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{"want": renderReading(out), "answer": answer}
			for i := range a.Files {
				f := &a.Files[i]
				text, ok := got[f.Name]
				if !ok {
					continue
				}
				if *update {
					f.Data = []byte(text)
				} else if diff := cmp.Diff(string(f.Data), text); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for _, name := range entries {
		if !seen[name] {
			t.Errorf("no case in testdata/catalogue is of %s", name)
		}
	}
}

// renderReading shows who is addressed and what was read, without what every request has.
func renderReading(out []gate.Decoded) string {
	var b strings.Builder
	for _, d := range out {
		fmt.Fprintf(&b, "read as %q: %s\n", d.Reader, d.Class)
		for _, r := range d.Recipients {
			fmt.Fprintf(&b, "\tto %s\n", r)
		}
		for _, p := range d.Fields {
			if p.Name == "path" || p.Name == "fanout/groups" {
				fmt.Fprintf(&b, "\t%s %q\n", p.Name, p.Value)
			}
		}
		if len(out) > 2 {
			for _, p := range d.Payloads {
				fmt.Fprintf(&b, "\tpayload %s %q\n", p.Name, p.Bytes)
			}
		}
		for _, s := range d.Prose {
			fmt.Fprintf(&b, "\tprose %s\n", s)
		}
		for _, s := range d.Decides {
			fmt.Fprintf(&b, "\tdecides %s\n", s)
		}
		for _, g := range d.Gaps {
			fmt.Fprintf(&b, "\tgap %s: %s\n", g.Kind, g.Detail)
		}
	}
	return b.String()
}
