package canon_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

var update = flag.Bool("update", false, "write what the golden cases give")

func newCanon(t testing.TB, o canon.Options) *canon.Canon {
	t.Helper()
	c, err := canon.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// mail is raw as its protocol decodes it, to one recipient.
func mail(raw string) *gate.Decoded { return mailOf([]byte(raw)) }

func mailOf(raw []byte) *gate.Decoded {
	return &gate.Decoded{
		Recipients: []gate.Recipient{{Kind: gate.Mail, Address: "alice@example.org", Role: gate.Envelope}},
		Fields:     []gate.Part{{Name: "envelope/from", Kind: gate.Addresses, Value: "portal@clinic.example"}},
		Payloads:   []gate.Payload{{Type: "message/rfc822", Bytes: raw}},
	}
}

// payload is a body of one media type, with an encoding where there is one.
func payload(kind, encoding string, raw []byte) *gate.Decoded {
	return &gate.Decoded{Payloads: []gate.Payload{{Name: "body", Type: kind, Encoding: encoding, Bytes: raw}}}
}

func message(c *canon.Canon, d *gate.Decoded) gate.Canonical {
	return c.Message(&gate.Message{Channel: "smtp", Sink: "mail", Seq: 7}, d, gate.Ref{Seq: 7})
}

// crlf ends the lines of a case as they are on the wire.
func crlf(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\n", "\r\n")
}

// readCase reads a file of testdata: a mail, or where its name says so the body of
// a request whose first lines are Content-Type and Content-Encoding.
func readCase(t testing.TB, file string, data []byte) *gate.Decoded {
	t.Helper()
	if filepath.Ext(file) == ".eml" {
		return mail(crlf(string(data)))
	}
	head, body, ok := strings.Cut(string(data), "\n\n")
	if !ok {
		t.Fatalf("%s: no empty line after the head", file)
	}
	var kind, encoding string
	for line := range strings.Lines(head) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "Content-Type":
			kind = value
		case "Content-Encoding":
			encoding = value
		default:
			t.Fatalf("%s: unknown head %q", file, line)
		}
	}
	return payload(kind, encoding, []byte(strings.TrimSuffix(body, "\n")))
}

// show is a canonical form for people.
func show(c *gate.Canonical) string {
	var b strings.Builder
	fmt.Fprintf(&b, "class %s\n", c.Class)
	for _, p := range c.Parts {
		fmt.Fprintf(&b, "%-9s %s\n", p.Kind, p.Name)
		for line := range strings.SplitSeq(p.Value, "\n") {
			fmt.Fprintf(&b, "          | %s\n", strings.ReplaceAll(line, "\x00", "\\0"))
		}
	}
	for _, s := range c.Traces {
		fmt.Fprintf(&b, "trace     %s\n", s)
	}
	for _, m := range c.Masks {
		fmt.Fprintf(&b, "masked    %s in %s, %d\n", m.Rule, m.Part, m.Count)
	}
	for _, g := range c.Gaps {
		fmt.Fprintf(&b, "gap       %s in %s: %s\n", g.Kind, g.Where, g.Detail)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/golden/*.*")
	if err != nil {
		t.Fatal(err)
	}
	c := newCanon(t, canon.Options{})
	cases := 0
	for _, file := range files {
		if filepath.Ext(file) == ".parts" {
			continue
		}
		cases++
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			form := message(c, readCase(t, file, data))
			got := show(&form)
			want := file + ".parts"
			if *update {
				if err := os.WriteFile(want, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			expected, err := os.ReadFile(want)
			if err != nil {
				t.Fatalf("%v; write it with -update and read it", err)
			}
			if diff := cmp.Diff(string(expected), got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", want, diff)
			}
		})
	}
	if cases == 0 {
		t.Fatal("no cases in testdata/golden")
	}
}

// Each file of testdata/twins holds spellings of one message, divided by lines of
// "=== same: ...", and faults near to them after lines of "=== differs: ...". The first
// line names the kind of all, "=== eml" or "=== http".
func TestTwins(t *testing.T) {
	files, err := filepath.Glob("testdata/twins/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatal("no cases in testdata/twins")
	}
	c := newCanon(t, canon.Options{})
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, rest, _ := bytes.Cut(data, []byte("\n"))
			kind, ok := strings.CutPrefix(string(first), "=== ")
			if !ok || kind != "eml" && kind != "http" {
				t.Fatalf("the first line is %q", first)
			}
			var base gate.Canonical
			same, differs := 0, 0
			relation := "base"
			for i, text := range splitCases(string(rest)) {
				if i > 0 {
					var head string
					head, text, _ = strings.Cut(text, "\n")
					relation, _, _ = strings.Cut(head, ":")
				}
				form := message(c, readCase(t, "case."+kind, []byte(text)))
				if len(form.Gaps) > 0 {
					t.Errorf("case %d: gaps %v", i, form.Gaps)
				}
				equal := form.ContentDigest() == base.ContentDigest()
				switch relation {
				case "base":
					base = form
				case "same":
					same++
					if !equal {
						t.Errorf("case %d differs:\n%s", i, cmp.Diff(base.Parts, form.Parts))
					}
				case "differs":
					differs++
					if equal {
						t.Errorf("case %d equals the first:\n%s", i, show(&form))
					}
				default:
					t.Fatalf("case %d: unknown relation %q", i, relation)
				}
			}
			if same == 0 || differs == 0 {
				t.Errorf("%d same and %d differing cases: both kinds are needed", same, differs)
			}
		})
	}
}

func splitCases(s string) []string {
	return strings.Split(strings.TrimSuffix(s, "\n"), "\n=== ")
}
