package checks_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// note is one mail, so small that many of a run are alike.
type note struct {
	to      []string
	subject string
	text    string
}

func notes() *rapid.Generator[[]note] {
	names := rapid.SampledFrom([]string{"ann", "Ann", "bob", "a.nn", "ann+x", "cat"})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) note {
		l := note{
			to:      rapid.SliceOfNDistinct(names, 1, 3, rapid.ID).Draw(t, "to"),
			subject: rapid.SampledFrom([]string{"bill", "visit"}).Draw(t, "subject"),
			text:    rapid.SampledFrom([]string{"one", "one two", "two one", "Dear Ann, your record is 770001", "Dear Bob, your record is 770002", "call 510-555-0100"}).Draw(t, "text"),
		}
		slices.Sort(l.to)
		return l
	}), 1, 8)
}

// deliveries is what a run means: each text to each person, with multiplicity.
func deliveries(run []note) []string {
	var out []string
	for _, l := range run {
		for _, to := range l.to {
			out = append(out, to+"|"+strings.Join(l.to, ",")+"|"+l.subject+"|"+l.text)
		}
	}
	slices.Sort(out)
	return out
}

// onTape writes a run to a tape, of production where it is called p, in batches of the
// given size: each batch is one frame at least.
func onTape(t *rapid.T, path string, run []note, batch int) {
	role := gate.Staging
	if strings.HasPrefix(filepath.Base(path), "p") {
		role = gate.Production
	}
	w, err := tape.Create(path, gate.Header{Content: gate.RunTape, Schema: gate.Schema, Role: role}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var records []*gate.Record
	for i, l := range run {
		head := "EHLO app\r\nMAIL FROM:<portal@example.org>\r\n"
		for _, to := range l.to {
			head += "RCPT TO:<" + to + "@example.net>\r\n"
		}
		records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Seq: uint64(i + 1), Channel: "smtp", Sink: "mail", Head: []byte(head),
			Body: fmt.Appendf(nil, "From: portal@example.org\r\nTo: %s@example.net\r\nSubject: %s\r\nMessage-ID: <k%08xz.q7@example.org>\r\n\r\n%s\r\n",
				strings.Join(l.to, "@example.net, "), l.subject, uint32(gate.HashWord(filepath.Base(path)))+uint32(i), l.text),
		}})
	}
	for part := range slices.Chunk(records, batch) {
		if err := w.Append(part...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
}

// fingerprints gives the fingerprints of all findings, sorted.
func fingerprints(t *rapid.T, workers int, production, staging string) []string {
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := pipeline.Options{
		Decoder: func(string, string, string) (channel.Decoder, error) { return smtp.Protocol().Decode(nil) },
		Canon:   c.Message,
		Workers: workers,
	}
	compared, gaps, err := pipeline.Compare(context.Background(), o, []string{production}, staging)
	if err != nil || len(gaps) > 0 {
		t.Fatal(err, gaps)
	}
	findings, gaps := pipeline.Judge(checks.All(), compared)
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	var out []string
	for _, f := range findings {
		out = append(out, f.Check+" "+f.Fingerprint)
	}
	slices.Sort(out)
	return out
}

// For any two captures, findings are empty exactly where the captures are equal
// (invariant 7), and neither the order of messages, nor how many decode at once,
// nor how the tape was cut into frames changes one of them.
func TestFindingsOfAnyTwoCaptures(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		a := notes().Draw(t, "production")
		b := a
		if rapid.Bool().Draw(t, "differs") {
			b = notes().Draw(t, "staging")
		}
		write := func(name string, run []note) string {
			path := filepath.Join(dir, name)
			onTape(t, path, rapid.Permutation(run).Draw(t, "order of "+name), rapid.IntRange(1, 8).Draw(t, "cut of "+name))
			return path
		}
		p, s := write("p1.tape", a), write("s1.tape", b)
		found := fingerprints(t, 1, p, s)
		if equal := slices.Equal(deliveries(a), deliveries(b)); equal != (len(found) == 0) {
			t.Fatalf("equal: %v, found: %q", equal, found)
		}
		again := fingerprints(t, rapid.IntRange(2, 4).Draw(t, "workers"), write("p2.tape", a), write("s2.tape", b))
		if !slices.Equal(found, again) {
			t.Fatalf("the same captures in another order, or cut otherwise, gave\n%q and not\n%q", again, found)
		}
	})
}
