package tape_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

func run() gate.Header {
	return gate.Header{Content: gate.RunTape, Role: gate.Production, Build: "portal", Scenario: "steady", Replay: 1}
}

func message(seq uint64, body string) *gate.Record {
	return &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
		Seq: seq, Channel: "smtp", Sink: "mail", Replies: []int{250, 250},
		Head: []byte("MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"), Body: []byte(body),
	}}
}

// samples has one record of each kind that is appended, with bytes that are not text.
func samples() []*gate.Record {
	return []*gate.Record{
		{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{ID: "s1", Channel: "http", Door: "web", At: 5, Head: []byte("GET / HTTP/1.1\r\n"), Body: []byte{0, 0xff, '\n'}}},
		message(1, "Subject: héllo\r\n\r\nline\r\n"),
		{Kind: gate.KindOutcome, Outcome: &gate.Outcome{Stimulus: "s1", Status: 200, Head: []byte("HTTP/1.1 200 OK\r\n"), Body: []byte("\x80")}},
		{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapHandshake, Where: "mail", Detail: "closed after EHLO"}},
		message(2, ""),
	}
}

func create(t testing.TB, path string, h gate.Header) *tape.Writer {
	t.Helper()
	w, err := tape.Create(path, h, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// write makes a tape with one frame for each batch.
func write(t testing.TB, path string, h gate.Header, batches ...[]*gate.Record) {
	t.Helper()
	w := create(t, path, h)
	for _, b := range batches {
		if err := w.Append(b...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{Accepted: 7, Quiet: "probe"}); err != nil {
		t.Fatal(err)
	}
}

type placed struct {
	rec gate.Record
	ref gate.Ref
}

// read returns what Next gives before its error, which is io.EOF for a whole tape.
func read(path string) ([]placed, error) {
	r, err := tape.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var got []placed
	for {
		rec, ref, err := r.Next()
		if err != nil {
			return got, err
		}
		got = append(got, placed{rec, ref})
	}
}

// same compares slices at once: nil and empty are the same.
func same() cmp.Options {
	return cmp.Options{cmp.Comparer(bytes.Equal), cmp.Comparer(slices.Equal[[]int]), cmp.Comparer(slices.Equal[[]string])}
}

func diff(want []*gate.Record, got []placed) string {
	recs := make([]*gate.Record, len(got))
	for i := range got {
		recs[i] = &got[i].rec
	}
	return cmp.Diff(append([]*gate.Record{}, want...), recs, same())
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	h := run()
	h.Notes = map[string]string{"who": "Zoë"}
	write(t, path, h, samples()[:2], samples()[2:])
	got, err := read(path)
	if err != io.EOF {
		t.Fatal(err)
	}
	if d := diff(samples(), got); d != "" {
		t.Error(d)
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	h.Schema = gate.Schema
	if d := cmp.Diff(h, r.Header()); d != "" {
		t.Error(d)
	}
	if _, known := r.Footer(); known {
		t.Error("footer is known before the end")
	}
	for _, p := range slices.Backward(got) {
		rec, err := r.At(p.ref)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(p.rec, rec); d != "" {
			t.Error(d)
		}
	}
	for range got {
		if _, _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, _, err := r.Next(); err != io.EOF {
			t.Fatal(err)
		}
	}
	want := gate.Footer{Stimuli: 1, Messages: 2, Outcomes: 1, Gaps: 1, Accepted: 7, Quiet: "probe"}
	if f, known := r.Footer(); !known || f != want {
		t.Errorf("footer %+v, want %+v", f, want)
	}
}

func TestEmptyTapeIsWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.tape")
	write(t, path, gate.Header{Content: gate.CorpusTape})
	if got, err := read(path); err != io.EOF || len(got) != 0 {
		t.Fatal(got, err)
	}
}

func records() *rapid.Generator[*gate.Record] {
	text := rapid.String()
	head := rapid.SliceOfN(rapid.Byte(), 0, 300)
	// Long runs of one byte are stored uncompressed.
	body := rapid.OneOf(head, rapid.Map(rapid.IntRange(0, 600<<10), func(n int) []byte { return make([]byte, n) }))
	return rapid.OneOf(
		rapid.Custom(func(t *rapid.T) *gate.Record {
			return &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: rapid.Uint64().Draw(t, "seq"), Channel: text.Draw(t, "channel"), Host: text.Draw(t, "host"),
				At: rapid.Int64().Draw(t, "at"), Replies: rapid.SliceOfN(rapid.Int(), 0, 3).Draw(t, "replies"),
				Events: rapid.SliceOfN(text, 0, 3).Draw(t, "events"), Cut: rapid.Int64().Draw(t, "cut"),
				Head: head.Draw(t, "head"), Body: body.Draw(t, "body"),
			}}
		}),
		rapid.Custom(func(t *rapid.T) *gate.Record {
			return &gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
				ID: text.Draw(t, "id"), Key: text.Draw(t, "key"), Status: rapid.Int().Draw(t, "status"),
				Head: head.Draw(t, "head"), Body: body.Draw(t, "body"),
			}}
		}),
		rapid.Custom(func(t *rapid.T) *gate.Record {
			return &gate.Record{Kind: gate.KindOutcome, Outcome: &gate.Outcome{
				Stimulus: text.Draw(t, "id"), Error: text.Draw(t, "error"), Elapsed: rapid.Int64().Draw(t, "elapsed"),
				Head: head.Draw(t, "head"), Body: head.Draw(t, "body"),
			}}
		}),
		rapid.Custom(func(t *rapid.T) *gate.Record {
			return &gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: text.Draw(t, "kind"), Count: rapid.Uint64().Draw(t, "count")}}
		}),
	)
}

// Any records, cut into frames anywhere, read back as they were, one by one and by
// reference, and have one digest.
func TestAnyRecordsAnyCut(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(folder)
		recs := rapid.SliceOfN(records(), 0, 8).Draw(t, "records")
		var digests []string
		for _, name := range []string{"a.tape", "b.tape"} {
			path := filepath.Join(folder, name)
			w, err := tape.Create(path, run(), tape.Options{})
			if err != nil {
				t.Fatal(err)
			}
			for rest := recs; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "batch")
				if err := w.Append(rest[:n]...); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(gate.Footer{}); err != nil {
				t.Fatal(err)
			}
			got, err := read(path)
			if err != io.EOF {
				t.Fatal(err)
			}
			if d := diff(recs, got); d != "" {
				t.Fatal(d)
			}
			r, err := tape.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range got {
				if rec, err := r.At(p.ref); err != nil || !cmp.Equal(rec, p.rec, same()) {
					t.Fatal(p.ref, err)
				}
			}
			sum, err := r.Digest()
			if err := errors.Join(err, r.Close()); err != nil {
				t.Fatal(err)
			}
			digests = append(digests, sum)
		}
		if digests[0] != digests[1] {
			t.Fatal("the digest depends on how records are cut into frames")
		}
	})
}

func TestDigestCovers(t *testing.T) {
	dir := t.TempDir()
	digest := func(name string, h gate.Header, recs ...*gate.Record) string {
		path := filepath.Join(dir, name)
		write(t, path, h, recs)
		sum, err := tape.Digest(path)
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	base := digest("base", run(), samples()...)
	if !strings.HasPrefix(base, "sha256:") || len(base) != 7+64 {
		t.Fatalf("digest %q", base)
	}
	volatile := run()
	volatile.Version, volatile.At, volatile.Notes = "v9", 99, map[string]string{"a": "b"}
	if digest("volatile", volatile, samples()...) != base {
		t.Error("version, time and notes of the header enter into the digest")
	}
	settings := run()
	settings.Settings = map[string]string{"mail": "{}"}
	swapped := samples()
	swapped[0], swapped[1] = swapped[1], swapped[0]
	moved := samples()
	moved[1].Message.Head, moved[1].Message.Body = moved[1].Message.Head[:5], append(moved[1].Message.Head[5:], moved[1].Message.Body...)
	seen := map[string]string{base: "base"}
	for _, name := range []string{"settings", "fewer", "swapped", "moved"} {
		h, recs := run(), samples()
		switch name {
		case "settings":
			h = settings
		case "fewer":
			recs = recs[1:]
		case "swapped":
			recs = swapped
		case "moved":
			recs = moved
		}
		sum := digest(name, h, recs...)
		if other, dup := seen[sum]; dup {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[sum] = name
	}
}

func TestAtRefusesWrongReferences(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	write(t, path, run(), samples())
	got, err := read(path)
	if err != io.EOF {
		t.Fatal(err)
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	good := got[1].ref
	for name, change := range map[string]func(*gate.Ref){
		"tape":    func(r *gate.Ref) { r.Tape = "other.tape" },
		"inside":  func(r *gate.Ref) { r.Offset++ },
		"beyond":  func(r *gate.Ref) { r.Offset = 1 << 40 },
		"before":  func(r *gate.Ref) { r.Offset = -1 },
		"index":   func(r *gate.Ref) { r.Index = 5 },
		"minus":   func(r *gate.Ref) { r.Index = -1 },
		"seq":     func(r *gate.Ref) { r.Seq = 2 },
		"another": func(r *gate.Ref) { r.Index = 0 },
	} {
		ref := good
		change(&ref)
		if rec, err := r.At(ref); err == nil {
			t.Errorf("%s: got %s", name, rec.Kind)
		}
	}
}

func TestConcurrentAppends(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w := create(t, path, run())
	const writers, each = 16, 50
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for j := range each {
				if err := w.Append(message(uint64(i*each+j+1), strings.Repeat("x", 100*i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	got, err := read(path)
	if err != io.EOF {
		t.Fatal(err)
	}
	seqs := map[uint64]bool{}
	last := map[uint64]uint64{}
	for _, p := range got {
		seq := p.rec.Message.Seq
		seqs[seq] = true
		if who := (seq - 1) / each; seq <= last[who] {
			t.Fatalf("message %d stands after message %d of the same goroutine", seq, last[who])
		} else {
			last[who] = seq
		}
	}
	if len(got) != writers*each || len(seqs) != writers*each {
		t.Errorf("%d records, %d different, want %d", len(got), len(seqs), writers*each)
	}
}

func TestAppendRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w := create(t, path, run())
	bad := map[string]*gate.Record{
		"header":  {Kind: gate.KindHeader, Header: &gate.Header{}},
		"footer":  {Kind: gate.KindFooter, Footer: &gate.Footer{}},
		"nothing": {Kind: gate.KindMessage},
		"two":     {Kind: gate.KindGap, Gap: &gate.Gap{}, Message: &gate.Message{}},
		"unknown": {Kind: "rumour"},
		"utf-8":   {Kind: gate.KindMessage, Message: &gate.Message{Host: "\xff"}},
		"large":   {Kind: gate.KindMessage, Message: &gate.Message{Body: make([]byte, tape.MaxRecord)}},
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		if err := w.Append(message(1, "good"), bad[name]); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v does not name the tape", name, err)
		}
	}
	if err := w.Append(message(1, "good")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	if err := w.Append(message(2, "late")); !errors.Is(err, tape.ErrClosed) {
		t.Error(err)
	}
	if err := w.Close(gate.Footer{}); !errors.Is(err, tape.ErrClosed) {
		t.Error(err)
	}
	if err := w.Abort(); !errors.Is(err, tape.ErrClosed) {
		t.Error(err)
	}
	if got, err := read(path); err != io.EOF || len(got) != 1 {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "run.tape")
	write(t, path, run(), samples())
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tape.Create(path, run(), tape.Options{}); !errors.Is(err, fs.ErrExist) || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Error("a refused Create changed the tape", err)
	}
	for name, h := range map[string]gate.Header{
		"content": {},
		"schema":  {Content: gate.RunTape, Schema: gate.Schema + 1},
		"utf-8":   {Content: gate.RunTape, Build: "\xff"},
	} {
		path := filepath.Join(dir, name)
		if _, err := tape.Create(path, h, tape.Options{}); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a refused Create left a file: %v", name, err)
		}
	}
	if _, err := tape.Create(dir, run(), tape.Options{Overwrite: true}); err == nil {
		t.Error("a folder was overwritten")
	}
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape}, tape.Options{Overwrite: true, Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(message(9, "new")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	if got, err := read(path); err != io.EOF || len(got) != 1 || got[0].ref.Seq != 9 {
		t.Error(got, err)
	}
}

func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	over := tape.Options{Overwrite: true}
	w := create(t, path, run())
	if err := w.Append(message(1, "kept")); err != nil {
		t.Fatal(err)
	}
	if _, err := tape.Create(path, run(), over); !errors.Is(err, tape.ErrLocked) || !strings.Contains(err.Error(), path) {
		t.Fatal(err)
	}
	got, err := read(path)
	var torn *tape.TornError
	if !errors.As(err, &torn) || !torn.Writing || !strings.Contains(torn.Error(), "still being written") || len(got) != 1 {
		t.Fatalf("%d records, %v", len(got), err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tape.Create(path, run(), over); !errors.Is(err, tape.ErrLocked) {
		t.Fatal("a tape was overwritten while it was read:", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if w, err = tape.Create(path, run(), over); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

func TestAbortLeavesATornTape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w := create(t, path, run())
	if err := w.Append(samples()...); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	got, err := read(path)
	var torn *tape.TornError
	if !errors.As(err, &torn) || torn.Writing {
		t.Fatal(err)
	}
	if d := diff(samples(), got); d != "" {
		t.Error(d)
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if rec, err := r.At(got[1].ref); err != nil || rec.Message.Seq != 1 {
		t.Error(err)
	}
	if _, err := r.Digest(); !errors.As(err, &torn) {
		t.Error("a torn tape has a digest:", err)
	}
}

func TestMovedWhileWritten(t *testing.T) {
	for _, replace := range []bool{false, true} {
		path := filepath.Join(t.TempDir(), "run.tape")
		w := create(t, path, run())
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if replace {
			write(t, path, run())
		}
		if err := w.Close(gate.Footer{}); err == nil {
			t.Errorf("replaced %v: closed without an error", replace)
		}
	}
}

func TestVerify(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	write(t, path, run(), samples()[:2], samples()[2:])
	rep, err := tape.Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := tape.Digest(path)
	if err != nil {
		t.Fatal(err)
	}
	h := run()
	h.Schema = gate.Schema
	want := tape.Report{
		Path: path, Header: h, Digest: sum, Stimuli: 1, Messages: 2, Outcomes: 1, Gaps: 1,
		Footer: &gate.Footer{Stimuli: 1, Messages: 2, Outcomes: 1, Gaps: 1, Accepted: 7, Quiet: "probe"},
		Frames: 4, Raw: rep.Raw, Stored: info.Size(),
	}
	if d := cmp.Diff(want, rep); d != "" {
		t.Error(d)
	}
	if err := os.Truncate(path, info.Size()-1); err != nil {
		t.Fatal(err)
	}
	rep, err = tape.Verify(path)
	var torn *tape.TornError
	if !errors.As(err, &torn) || rep.Digest != "" || rep.Footer != nil || rep.Messages != 2 || rep.Stored != torn.Offset {
		t.Errorf("%+v, %v", rep, err)
	}
}

// Many look up at once while one reads on.
func TestAtFromManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	var batches [][]*gate.Record
	for i := range 20 {
		batches = append(batches, []*gate.Record{message(uint64(2*i+1), strings.Repeat("a", i)), message(uint64(2*i+2), "b")})
	}
	write(t, path, run(), batches...)
	want, err := read(path)
	if err != io.EOF || len(want) != 40 {
		t.Fatal(len(want), err)
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range want {
				p := want[(j+i*10)%len(want)]
				if rec, err := r.At(p.ref); err != nil || !cmp.Equal(rec, p.rec, same()) {
					t.Errorf("%+v: %v", p.ref, err)
				}
			}
		})
	}
	for range want {
		if _, _, err := r.Next(); err != nil {
			t.Error(err)
		}
	}
	if _, err := r.Digest(); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// A body far larger than a shared frame, and that compresses beyond the ratio that a
// reader allows, reads back, and so does its neighbour.
func TestLargeRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.tape")
	large := message(1, string(make([]byte, 70<<20)))
	write(t, path, run(), []*gate.Record{large, message(2, "small")})
	got, err := read(path)
	if err != io.EOF || len(got) != 2 {
		t.Fatal(len(got), err)
	}
	if !bytes.Equal(got[0].rec.Message.Body, large.Message.Body) || string(got[1].rec.Message.Body) != "small" {
		t.Error("bodies differ")
	}
}

// Neither writing nor reading keeps what passed.
func TestMemoryIsFlat(t *testing.T) {
	const n, each, allowed = 4000, 8 << 10, 8 << 20
	path := filepath.Join(t.TempDir(), "long.tape")
	live := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, most := live(), uint64(0)
	w := create(t, path, run())
	for i := range n {
		if err := w.Append(message(uint64(i+1), strings.Repeat(string(rune('a'+i%26)), each))); err != nil {
			t.Fatal(err)
		}
		if i%500 == 499 {
			most = max(most, live())
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for rec, err := range tape.All(path) {
		if err != nil {
			t.Fatal(err)
		}
		if rec.Message == nil {
			continue
		}
		if seen++; seen%500 == 0 {
			most = max(most, live())
		}
	}
	if seen != n || most > before+allowed {
		t.Errorf("%d records of %d bytes: %d bytes in use", seen, each, most-before)
	}
}
