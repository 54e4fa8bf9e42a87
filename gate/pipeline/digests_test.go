package pipeline_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// counting is options under which each message that is decoded is counted.
func counting(t testing.TB, form string, decoded *atomic.Int64) pipeline.Options {
	t.Helper()
	o := options(t)
	decoder := o.Decoder
	o.Decoder = func(name, sink, settings string) (channel.Decoder, error) {
		d, err := decoder(name, sink, settings)
		return func(m *gate.Message) ([]gate.Decoded, error) {
			decoded.Add(1)
			return d(m)
		}, err
	}
	o.Form = form
	return o
}

// write makes a tape of records between a header and a footer.
func write(t testing.TB, path string, h gate.Header, records ...*gate.Record) string {
	t.Helper()
	w, err := tape.Create(path, h, tape.Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(records...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{Accepted: uint64(len(records)), Quiet: "probe"}); err != nil {
		t.Fatal(err)
	}
	return path
}

func runHeader(role gate.Role) gate.Header {
	return gate.Header{Content: gate.RunTape, Role: role, Corpus: "sha256:0", Scenario: "steady"}
}

// letterTo is one mail as a sink stores it. Its message id is cause's.
func letterTo(seq int, text, cause string, to ...int) *gate.Record {
	head := []byte("EHLO app\r\nMAIL FROM:<portal@example.org>\r\n")
	for _, n := range to {
		head = fmt.Appendf(head, "RCPT TO:<member%d@example.net>\r\n", n)
	}
	return &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
		Seq: uint64(seq), Channel: "smtp", Sink: "mail", Head: head,
		Body: fmt.Appendf(nil, "Date: Wed, 2 Aug 2000 10:00:%02d +0000\r\nMessage-ID: <%s>\r\nFrom: portal@example.org\r\nTo: member%d@example.net\r\nSubject: Your question\r\nX-Odd: =?utf-9?q?x?=\r\n\r\n%s\r\n<https://load.example/%d>\r\n", seq%60, cause, to[0], text, to[0]),
	}}
}

func compared(t rapid.TB, o pipeline.Options, production []string, staging string) (*gate.Comparison, []gate.Gap) {
	t.Helper()
	c, gaps, err := pipeline.Compare(context.Background(), o, production, staging)
	if err != nil {
		t.Fatal(err)
	}
	return c, gaps
}

// A comparison is the same with kept digests as without, of any runs, and an
// unchanged one decodes nothing.
func TestDigestsChangeNothing(t *testing.T) {
	dir := t.TempDir()
	corpus := filepath.Join(dir, "corpus.tape")
	var stimuli []*gate.Record
	for i := range 8 {
		stimuli = append(stimuli, &gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{ID: fmt.Sprintf("cause%d@x", i), Channel: "smtp", Door: "in", Head: []byte("EHLO a\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"), Body: []byte("x")}})
	}
	write(t, corpus, gate.Header{Content: gate.CorpusTape}, stimuli...)
	unchanged, outer := 0, t
	rapid.Check(t, func(t *rapid.T) {
		generate := func(name string) func(*rapid.T) []*gate.Record {
			return func(t *rapid.T) (out []*gate.Record) {
				for i := range rapid.IntRange(1, 12).Draw(t, name) {
					if rapid.IntRange(0, 9).Draw(t, "gap") == 0 {
						out = append(out, &gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapHandshake, Where: "mail", Detail: "a handshake that failed"}})
					}
					text := fmt.Sprintf("answer %d of MRN-000100%d", rapid.IntRange(0, 2).Draw(t, "text"), rapid.IntRange(0, 3).Draw(t, "record"))
					cause := fmt.Sprintf("cause%d@x", rapid.IntRange(0, 9).Draw(t, "cause"))
					out = append(out, letterTo(i+1, text, cause, rapid.SliceOfNDistinct(rapid.IntRange(0, 4), 1, 3, rapid.ID).Draw(t, "to")...))
				}
				return out
			}
		}
		sent := generate("production")(t)
		again, after := sent, sent
		noisy := rapid.Bool().Draw(t, "noisy")
		if noisy {
			again = generate("again")(t)
		}
		if rapid.Bool().Draw(t, "changed") {
			after = generate("staging")(t)
		}
		p := write(outer, filepath.Join(dir, "p.tape"), runHeader(gate.Production), sent...)
		q := write(outer, filepath.Join(dir, "q.tape"), runHeader(gate.Production), again...)
		s := write(outer, filepath.Join(dir, "s.tape"), runHeader(gate.Staging), after...)
		var decoded atomic.Int64
		o := counting(outer, "", &decoded)
		o.Corpus = corpus
		o.Traces = func(s *gate.Stimulus) []string { return []string{"message-id:<" + s.ID + ">"} }
		if rapid.Bool().Draw(t, "ordered") {
			o.Ordered = []string{"mail"}
		}
		want, wantGaps := compared(t, o, []string{p, q}, s)
		o.Form = "1"
		for _, what := range []string{"making digests", "using digests"} {
			decoded.Store(0)
			got, gaps := compared(t, o, []string{p, q}, s)
			if diff := cmp.Diff(want, got) + cmp.Diff(wantGaps, gaps); diff != "" {
				t.Fatalf("%s changes the comparison (-want +got):\n%s", what, diff)
			}
		}
		if len(want.Changes)+len(want.Unstable)+len(want.Orders) == 0 && want.Equal == want.Production.Deliveries && len(want.Masks) > 0 {
			if noisy || slices.ContainsFunc(want.Masks, func(m gate.Masked) bool { return m.Rule == "a/a" }) {
				return // what differs between replays is decoded, to be measured
			}
			unchanged++
			if n := decoded.Load(); n > 0 {
				t.Fatalf("%d messages of unchanged runs were decoded", n)
			}
		}
	})
	if unchanged == 0 {
		t.Error("no case of unchanged runs was met")
	}
}

// Digests that do not fit what they are asked for are not used: all is decoded.
func TestDigestsThatDoNotFit(t *testing.T) {
	const n = 20
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, o *pipeline.Options, tape, digests string)
	}{
		{"another form", func(_ *testing.T, o *pipeline.Options, _, _ string) { o.Form = "2" }},
		{"no form", func(_ *testing.T, o *pipeline.Options, _, _ string) { o.Form = "" }},
		{"order matters", func(_ *testing.T, o *pipeline.Options, _, _ string) { o.Ordered = []string{"mail"} }},
		{"another corpus", func(t *testing.T, o *pipeline.Options, path, _ string) {
			o.Corpus = write(t, filepath.Join(filepath.Dir(path), "corpus.tape"), gate.Header{Content: gate.CorpusTape})
			o.Traces = func(*gate.Stimulus) []string { return nil }
		}},
		{"a tape of another text", func(t *testing.T, _ *pipeline.Options, path, _ string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
			run(t, path, n, "p", func(i int) string { return fmt.Sprint("another ", i) })
		}},
		{"digests of another tape", func(t *testing.T, o *pipeline.Options, path, digests string) {
			other := run(t, filepath.Join(filepath.Dir(path), "other.tape"), n, "o", letter)
			if err := pipeline.KeepDigests(context.Background(), *o, other); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(other+pipeline.DigestsSuffix, digests); err != nil {
				t.Fatal(err)
			}
		}},
		{"digests removed", func(t *testing.T, _ *pipeline.Options, _, digests string) {
			if err := os.Remove(digests); err != nil {
				t.Fatal(err)
			}
		}},
		{"a folder in their place", func(t *testing.T, _ *pipeline.Options, _, digests string) {
			if err := os.Remove(digests); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(digests, 0o700); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := run(t, filepath.Join(t.TempDir(), "p.tape"), n, "p", letter)
			var decoded atomic.Int64
			o := counting(t, "1", &decoded)
			for range 2 {
				if err := pipeline.KeepDigests(context.Background(), o, path); err != nil {
					t.Fatal(err)
				}
			}
			if got := decoded.Load(); got != n {
				t.Fatalf("%d messages decoded to keep their digests twice, want %d", got, n)
			}
			decoded.Store(0)
			c.spoil(t, &o, path, path+pipeline.DigestsSuffix)
			made := decoded.Load()
			compared(t, o, []string{path}, path)
			if got := decoded.Load() - made; got < n {
				t.Errorf("%d messages decoded, want %d and more", got, n)
			}
		})
	}
}

// No byte of a file of digests can be altered, and none cut off, that it is used still.
func TestDigestsDamaged(t *testing.T) {
	path := run(t, filepath.Join(t.TempDir(), "p.tape"), 3, "p", letter)
	var decoded atomic.Int64
	o := counting(t, "1", &decoded)
	o.Ordered = []string{"mail"}
	if err := pipeline.KeepDigests(context.Background(), o, path); err != nil {
		t.Fatal(err)
	}
	file := path + pipeline.DigestsSuffix
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(what string, data []byte) {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		decoded.Store(0)
		if err := pipeline.KeepDigests(context.Background(), o, path); err != nil {
			t.Fatal(err)
		}
		if decoded.Load() == 0 {
			t.Errorf("%s: the digests were used", what)
		}
		if made, err := os.ReadFile(file); err != nil || len(made) != len(whole) {
			t.Errorf("%s: the digests were not made anew: %v", what, err)
		}
	}
	for i := range whole {
		data := bytes.Clone(whole)
		data[i] ^= 1 << (i % 8)
		damaged(fmt.Sprintf("bit flipped in byte %d", i), data)
	}
	for i := 0; i < len(whole); i += 17 {
		damaged(fmt.Sprintf("cut at byte %d", i), whole[:i])
	}
	damaged("a byte added", append(bytes.Clone(whole), 0))
}

// A tape that was altered in any byte after its digests were kept is judged by what
// it holds now.
func TestDigestsOfAlteredTape(t *testing.T) {
	path := run(t, filepath.Join(t.TempDir(), "p.tape"), 3, "p", letter)
	o := options(t)
	o.Form = "1"
	compared(t, o, []string{path}, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	digests, err := os.ReadFile(path + pipeline.DigestsSuffix)
	if err != nil {
		t.Fatal(err)
	}
	for i := range whole {
		data := bytes.Clone(whole)
		data[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_, gaps, err := pipeline.Compare(context.Background(), o, []string{path}, path)
		if err == nil && len(gaps) == 0 {
			t.Errorf("bit flipped in byte %d of the tape: compared without a gap", i)
		}
		if now, err := os.ReadFile(path + pipeline.DigestsSuffix); err != nil || !bytes.Equal(now, digests) {
			t.Fatalf("bit flipped in byte %d of the tape: digests of a damaged tape were kept: %v", i, err)
		}
	}
}

// Of a corpus, digests are neither made nor used.
func TestNoDigestsOfCorpus(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "c.tape"), gate.Header{Content: gate.CorpusTape}, letterTo(1, "text", "a@b", 1))
	var decoded atomic.Int64
	o := counting(t, "1", &decoded)
	if err := pipeline.KeepDigests(context.Background(), o, path); err == nil {
		t.Error("digests of a corpus were kept")
	}
	compared(t, o, []string{path}, path)
	if _, err := os.Stat(path + pipeline.DigestsSuffix); err == nil {
		t.Error("a file of digests was made of a corpus")
	}
}

// Two replays of production, or two runs given the wrong way round, were compared and
// could pass: nothing of staging had been looked at. A recorded corpus has no role.
func TestRunsOfTheWrongBuild(t *testing.T) {
	dir := t.TempDir()
	tapes := map[gate.Role]string{}
	for _, role := range []gate.Role{gate.Production, gate.Staging, ""} {
		tapes[role] = write(t, filepath.Join(dir, "run-"+string(role)), runHeader(role), letterTo(1, "hello", "x@x", 1))
	}
	corpus := write(t, filepath.Join(dir, "corpus"), gate.Header{Content: gate.CorpusTape}, letterTo(1, "hello", "x@x", 1))
	digest, err := tape.Digest(corpus)
	if err != nil {
		t.Fatal(err)
	}
	h := runHeader(gate.Staging)
	h.Corpus = digest
	of := write(t, filepath.Join(dir, "staging-of-corpus"), h, letterTo(1, "hello", "x@x", 1))
	p, s := tapes[gate.Production], tapes[gate.Staging]
	for _, c := range []struct {
		name       string
		production []string
		staging    string
		wrong      []string
	}{
		{"in order", []string{p, p}, s, nil},
		{"production twice", []string{p}, p, []string{p}},
		{"the wrong way round", []string{s}, p, []string{s, p}},
		{"staging as a replay of production", []string{p, s}, s, []string{s}},
		{"no role", []string{tapes[""]}, s, []string{tapes[""]}},
		{"a corpus as recorded", []string{corpus}, of, nil},
	} {
		_, gaps := compared(t, options(t), c.production, c.staging)
		var wrong []string
		for _, g := range gaps {
			if g.Kind == gate.GapRunMismatch {
				wrong = append(wrong, g.Where)
			}
		}
		if diff := cmp.Diff(c.wrong, wrong); diff != "" {
			t.Errorf("%s: mismatches (-want +got):\n%s", c.name, diff)
		}
	}
}

// A file of digests that somebody made who does not have the key of this installation is made
// anew, though every checksum in it is right.
func TestForgedDigestsAreNotUsed(t *testing.T) {
	var decoded atomic.Int64
	o := counting(t, "form", &decoded)
	dir := t.TempDir()
	production := write(t, filepath.Join(dir, "p.tape"), runHeader(gate.Production), letterTo(1, "answer", "c1@x", 1), letterTo(2, "answer", "c2@x", 2))
	staging := write(t, filepath.Join(dir, "s.tape"), runHeader(gate.Staging), letterTo(1, "answer", "c1@x", 2), letterTo(2, "answer", "c2@x", 1))
	o.Seal = []byte("ours")
	want, _ := compared(t, o, []string{production}, staging)
	if len(want.Changes) == 0 {
		t.Fatal("the runs do not differ: this shows nothing")
	}
	keep := func(seal string) {
		t.Helper()
		theirs := o
		theirs.Seal = []byte(seal)
		if err := os.Remove(staging + pipeline.DigestsSuffix); err != nil {
			t.Fatal(err)
		}
		if err := pipeline.KeepDigests(t.Context(), theirs, staging); err != nil {
			t.Fatal(err)
		}
	}
	for seal, reads := range map[string]bool{"ours": true, "theirs": false, "": false} {
		keep(seal)
		made, err := os.ReadFile(staging + pipeline.DigestsSuffix)
		if err != nil {
			t.Fatal(err)
		}
		compared(t, o, []string{production}, staging)
		now, err := os.ReadFile(staging + pipeline.DigestsSuffix)
		if err != nil {
			t.Fatal(err)
		}
		if used := bytes.Equal(made, now); used != reads {
			t.Errorf("digests under the key %q were used: %t", seal, used)
		}
	}
}
