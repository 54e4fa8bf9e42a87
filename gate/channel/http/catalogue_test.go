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
		for _, s := range d.Once {
			fmt.Fprintf(&b, "\tonce %s\n", s)
		}
		for _, g := range d.Gaps {
			fmt.Fprintf(&b, "\tgap %s: %s\n", g.Kind, g.Detail)
		}
	}
	return b.String()
}

// One call to ten thousand people is ten thousand deliveries, each with the content of its own.
func TestCatalogueOfTenThousand(t *testing.T) {
	const people = 10_000
	var body strings.Builder
	body.WriteString(`{"from":{"email":"desk@clinic.example"},"subject":"Result","personalizations":[`)
	for i := range people {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"to":[{"email":"p%d@example.org"}],"substitutions":{"-record-":"r%d"}}`, i, i)
	}
	body.WriteString(`]}`)
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	out, err := decode(&gate.Message{
		Channel: "http", Sink: "web", Host: "api.sendgrid.com", Body: []byte(body.String()),
		Head: []byte("POST /v3/mail/send HTTP/1.1\r\nHost: api.sendgrid.com\r\nContent-Type: application/json\r\n"),
	})
	if err != nil || len(out) != 1+people {
		t.Fatalf("%d deliveries, want %d: %v", len(out), 1+people, err)
	}
	last := out[people]
	if r := last.Recipients[0].ID(); r != fmt.Sprintf("mail:p%d@example.org", people-1) || strings.Contains(string(last.Payloads[0].Bytes), "r1\"") {
		t.Errorf("the last is to %s, with %.200q", r, last.Payloads[0].Bytes)
	}
}
