package corpus_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/corpus"
	"github.com/waybill-dev/waybill/gate/tape"
)

const day = int64(24 * time.Hour)

// now is when the tests take place.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).UnixNano()

func options() corpus.Options { return corpus.Options{Version: "test", Now: now} }

func stimulus(id, key string, at int64, from ...string) *gate.Record {
	s := &gate.Stimulus{ID: id, Channel: "http", Door: "web", Key: key, At: at, Head: []byte("GET /" + id + " HTTP/1.1\r\n")}
	for _, f := range from {
		s.Bindings = append(s.Bindings, gate.Binding{From: f, Place: "cookie/session", Value: "v"})
	}
	return &gate.Record{Kind: gate.KindStimulus, Stimulus: s}
}

func sent(seq uint64, at int64) *gate.Record {
	return &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{Seq: seq, Channel: "smtp", Sink: "mail", At: at, Head: []byte("MAIL FROM:<a@example.org>\r\n")}}
}

func gap(kind string, n uint64) *gate.Record {
	return &gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: kind, Where: "tap web", Detail: "the disk was full", Count: n}}
}

type fatal interface {
	Helper()
	Fatal(...any)
}

func write(t fatal, path string, h gate.Header, o tape.Options, records ...*gate.Record) string {
	t.Helper()
	h.Content = gate.CorpusTape
	w, err := tape.Create(path, h, o)
	if err == nil {
		err = w.Append(records...)
	}
	if err == nil {
		err = w.Close(gate.Footer{})
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

type content struct {
	header  gate.Header
	ids     []string
	records []gate.Record
	gaps    map[string]uint64
}

func load(t fatal, path string) content {
	t.Helper()
	c := content{gaps: map[string]uint64{}}
	for r, err := range tape.All(path) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case r.Header != nil:
			c.header = *r.Header
		case r.Stimulus != nil:
			c.ids = append(c.ids, r.Stimulus.ID)
		case r.Gap != nil:
			c.gaps[r.Gap.Kind] += max(r.Gap.Count, 1)
		}
		c.records = append(c.records, r)
	}
	return c
}

func refusedBecause(err error, text string) bool {
	var r *corpus.RefusedError
	return errors.As(err, &r) && strings.Contains(err.Error(), text)
}

// corpora draws records: sessions by key, and stimuli bound to earlier ones.
func corpora() *rapid.Generator[[]*gate.Record] {
	return rapid.Custom(func(t *rapid.T) []*gate.Record {
		n := rapid.IntRange(1, 40).Draw(t, "n")
		var out []*gate.Record
		for i := range n {
			key := ""
			if k := rapid.IntRange(0, 12).Draw(t, "key"); k > 3 {
				key = fmt.Sprint("k", k)
			}
			at := now - rapid.Int64Range(0, 200).Draw(t, "age")*day
			if rapid.IntRange(0, 6).Draw(t, "dated") == 0 {
				at = 0
			}
			r := stimulus(fmt.Sprint("s", i), key, at)
			if i > 0 && rapid.IntRange(0, 3).Draw(t, "bound") == 0 {
				from := fmt.Sprint("s", rapid.IntRange(0, i-1).Draw(t, "from"))
				r = stimulus(fmt.Sprint("s", i), key, at, from)
			}
			out = append(out, r)
		}
		return out
	})
}

// together are the sessions of records, told in the plainest way.
func together(records []*gate.Record) [][]string {
	of := map[string]int{}
	next := 0
	join := func(a, b int) {
		for id, s := range of {
			if s == b {
				of[id] = a
			}
		}
	}
	keys := map[string]string{} // to the first id
	for _, r := range records {
		s := r.Stimulus
		of[s.ID] = next
		next++
		if first, ok := keys[s.Key]; ok && s.Key != "" {
			join(of[first], of[s.ID])
		} else {
			keys[s.Key] = s.ID
		}
		for _, b := range s.Bindings {
			join(of[b.From], of[s.ID])
		}
	}
	groups := map[int][]string{}
	for _, r := range records {
		groups[of[r.Stimulus.ID]] = append(groups[of[r.Stimulus.ID]], r.Stimulus.ID)
	}
	return slices.Collect(maps.Values(groups))
}

// whole reports whether of each session all or nothing is in ids.
func whole(sessions [][]string, ids []string) string {
	for _, s := range sessions {
		n := 0
		for _, id := range s {
			if slices.Contains(ids, id) {
				n++
			}
		}
		if n > 0 && n < len(s) {
			return fmt.Sprintf("of session %v there are %d in %v", s, n, ids)
		}
	}
	return ""
}

// in reports whether part has the ids of all in their order.
func ordered(all []*gate.Record, part []string) bool {
	i := 0
	for _, r := range all {
		if i < len(part) && r.Stimulus.ID == part[i] {
			i++
		}
	}
	return i == len(part)
}

func TestSampleKeepsSessionsWhole(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		records := corpora().Draw(t, "records")
		from := write(t, filepath.Join(folder, "from.tape"), gate.Header{}, tape.Options{}, records...)
		sessions := together(records)
		seed := rapid.StringN(0, 8, 8).Draw(t, "seed")
		n := uint64(rapid.IntRange(1, len(records)).Draw(t, "n"))
		out := filepath.Join(folder, "n.tape")
		res, err := corpus.Sample(options(), from, out, corpus.Much{Stimuli: n}, seed)
		if err != nil {
			t.Fatal(err)
		}
		got := load(t, out).ids
		if text := whole(sessions, got); text != "" || !ordered(records, got) || res.Stimuli != uint64(len(got)) {
			t.Fatalf("%s; %d said, %v", text, res.Stimuli, got)
		}
		largest := 0
		for _, s := range sessions {
			if slices.Contains(got, s[0]) {
				largest = max(largest, len(s))
			}
		}
		if len(got) < int(n) || len(got)-largest >= int(n) {
			t.Fatalf("%d of %d were asked for, and %d are there, in sessions of up to %d", n, len(records), len(got), largest)
		}
		var before []string
		for i, fraction := range []float64{0.2, 0.6, 1} {
			out := filepath.Join(folder, fmt.Sprint(i, ".tape"))
			_, err := corpus.Sample(options(), from, out, corpus.Much{Fraction: fraction}, seed)
			if refusedBecause(err, "nothing would be left") && fraction < 1 {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got := load(t, out).ids
			if text := whole(sessions, got); text != "" || !ordered(records, got) {
				t.Fatalf("fraction %g: %s %v", fraction, text, got)
			}
			for _, id := range before {
				if !slices.Contains(got, id) {
					t.Fatalf("%s is in the smaller sample and not in the larger", id)
				}
			}
			before = got
		}
		if len(before) != len(records) {
			t.Fatalf("all of %d are %d", len(records), len(before))
		}
	})
}

// What began before the corpus does is left out whole, if that is asked for.
func TestSampleComplete(t *testing.T) {
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "from.tape"), gate.Header{}, tape.Options{},
		stimulus("a1", "a", 1), stimulus("b1", "b", 2), stimulus("a2", "a", 3, "a1"),
		stimulus("b2", "b", 4, "gone"), stimulus("c1", "c", 5, "b1"), stimulus("d1", "", 6), stimulus("e1", "", 7, "gone too"))
	for _, test := range []struct {
		much corpus.Much
		want []string
	}{
		{corpus.Much{Fraction: 1}, []string{"a1", "b1", "a2", "b2", "c1", "d1", "e1"}},
		{corpus.Much{Fraction: 1, Complete: true}, []string{"a1", "a2", "d1"}}, // c1 needs b1, which is of b's session
		{corpus.Much{Stimuli: 3, Complete: true}, []string{"a1", "a2", "d1"}},
	} {
		out := filepath.Join(dir, "out.tape")
		o := options()
		o.Overwrite = true
		if _, err := corpus.Sample(o, from, out, test.much, "1"); err != nil {
			t.Fatal(err)
		}
		c := load(t, out)
		if !slices.Equal(c.ids, test.want) {
			t.Errorf("%+v: %v, want %v", test.much, c.ids, test.want)
		}
		if made := c.header.Made[corpus.MadeDerived]; strings.Contains(made, "of complete sessions") != test.much.Complete {
			t.Errorf("%+v: made as %q", test.much, made)
		}
	}
}

// A fraction is about that of the sessions, and another seed gives another sample.
func TestSampleIsAFraction(t *testing.T) {
	dir := t.TempDir()
	var records []*gate.Record
	for i := range 4000 {
		records = append(records, stimulus(fmt.Sprint("s", i), "", now))
	}
	from := write(t, filepath.Join(dir, "from.tape"), gate.Header{}, tape.Options{}, records...)
	digests := map[string]bool{}
	for _, seed := range []string{"a", "b"} {
		r, err := corpus.Sample(options(), from, filepath.Join(dir, seed+".tape"), corpus.Much{Fraction: 0.1}, seed)
		if err != nil {
			t.Fatal(err)
		}
		if r.Stimuli < 320 || r.Stimuli > 480 { // more than four standard deviations
			t.Errorf("%d of 4000", r.Stimuli)
		}
		digests[r.Digest] = true
	}
	if len(digests) != 2 {
		t.Error("the seed makes no difference")
	}
	for _, bad := range []corpus.Much{{}, {Fraction: 1.5}, {Fraction: -1}, {Fraction: 0.5, Stimuli: 3}} {
		if _, err := corpus.Sample(options(), from, filepath.Join(dir, "x.tape"), bad, ""); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
}

func TestSplit(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		records := corpora().Draw(t, "records")
		from := write(t, filepath.Join(folder, "c.tape"), gate.Header{}, tape.Options{}, append(slices.Clone(records), gap(gate.GapNotRecorded, 3))...)
		sessions := together(records)
		for i, by := range []corpus.Cut{{Parts: rapid.IntRange(2, 5).Draw(t, "parts")}, {Size: int64(rapid.IntRange(1, 400).Draw(t, "size"))}, {Every: 24 * time.Hour * 30}} {
			to := filepath.Join(folder, fmt.Sprint(i))
			if err := os.Mkdir(to, 0o700); err != nil {
				t.Fatal(err)
			}
			s, err := corpus.SplitTo(options(), from, to, by)
			if err != nil {
				t.Fatal(err)
			}
			var all []string
			for _, p := range s.Parts {
				c := load(t, p.Path)
				if len(c.ids) == 0 || uint64(len(c.ids)) != p.Stimuli || c.gaps[gate.GapNotRecorded] != 3 {
					t.Fatalf("%+v: part %s has %d stimuli and gaps %v", by, p.Path, len(c.ids), c.gaps)
				}
				if text := whole(sessions, c.ids); by.Parts > 0 && text != "" {
					t.Fatal(text)
				}
				if !ordered(records, c.ids) {
					t.Fatalf("%+v: %v is not in order", by, c.ids)
				}
				all = append(all, c.ids...)
			}
			if by.Parts == 0 && !ordered(records, all) {
				t.Fatalf("%+v: the parts are not in order: %v", by, all)
			}
			slices.Sort(all)
			if len(slices.Compact(all)) != len(records) {
				t.Fatalf("%+v: of %d stimuli %d are in parts", by, len(records), len(all))
			}
			if by.Parts > 0 && s.Apart > 0 {
				t.Fatalf("%d are bound to another part", s.Apart)
			}
			files, err := os.ReadDir(to)
			if err != nil || len(files) != len(s.Parts) {
				t.Fatalf("%d files, %v", len(files), err)
			}
		}
	})
}

func TestSplitRefuses(t *testing.T) {
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{}, tape.Options{},
		stimulus("a", "", now), stimulus("b", "", now+day, "a"), stimulus("c", "", now+2*day, "b"))
	for _, by := range []corpus.Cut{{}, {Parts: 1}, {Parts: -2}, {Parts: 2, Size: 5}, {Size: -1}, {Every: -1}, {Parts: corpus.MaxParts + 1}} {
		if _, err := corpus.SplitTo(options(), from, dir, by); err == nil {
			t.Errorf("%+v was taken", by)
		}
	}
	s, err := corpus.SplitTo(options(), from, t.TempDir(), corpus.Cut{Every: 24 * time.Hour})
	if err != nil || len(s.Parts) != 3 || s.Apart != 2 {
		t.Errorf("%+v, %v", s, err)
	}
	// The second part cannot be written: the first is not left there alone.
	taken := filepath.Join(dir, "c-002.tape")
	if err := os.WriteFile(taken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.SplitTo(options(), from, dir, corpus.Cut{Every: 24 * time.Hour}); !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "c-001.tape")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the first part: %v", err)
	}
	if _, err := os.Stat(taken); err != nil {
		t.Error(err)
	}
}

// Prune against the rule told plainly: a session of which anything is older goes.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		folder, err := os.MkdirTemp(dir, "")
		if err != nil {
			t.Fatal(err)
		}
		records := corpora().Draw(t, "records")
		from := write(t, filepath.Join(folder, "c.tape"), gate.Header{}, tape.Options{}, records...)
		before := now - rapid.Int64Range(0, 200).Draw(t, "before")*day
		times, first := make([]int64, len(records)), int64(0)
		for _, r := range records {
			if at := r.Stimulus.At; at != 0 && (first == 0 || at < first) {
				first = at
			}
		}
		last := first
		old := map[string]bool{}
		for i, r := range records {
			if r.Stimulus.At != 0 {
				last = r.Stimulus.At
			}
			times[i] = last
			old[r.Stimulus.ID] = last < before
		}
		var want []string
		sessions := together(records)
		for _, r := range records {
			for _, s := range sessions {
				if slices.Contains(s, r.Stimulus.ID) && !slices.ContainsFunc(s, func(id string) bool { return old[id] }) {
					want = append(want, r.Stimulus.ID)
				}
			}
		}
		out := filepath.Join(folder, "out.tape")
		p, err := corpus.Prune(options(), from, out, before)
		switch {
		case first == 0:
			if !refusedBecause(err, "nothing in") {
				t.Fatalf("nothing is dated: %v", err)
			}
			return
		case len(want) == 0:
			if !refusedBecause(err, "nothing would be left") {
				t.Fatalf("nothing is left: %v", err)
			}
			if _, err := os.Stat(out); !errors.Is(err, os.ErrNotExist) {
				t.Fatalf("it was written: %v", err)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
		if got := load(t, out).ids; !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
		if p.Older+p.With+p.Stimuli != uint64(len(records)) {
			t.Fatalf("%+v of %d", p, len(records))
		}
	})
}

// What is left may be kept as long after it was recorded as the whole could be.
func TestPruneSetsRetention(t *testing.T) {
	dir := t.TempDir()
	begun := now - 100*day
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{At: begun, RetainUntil: begun + 90*day}, tape.Options{},
		stimulus("a", "", begun), stimulus("b", "", begun+50*day), stimulus("c", "", begun+60*day))
	one := filepath.Join(dir, "1.tape")
	if _, err := corpus.Prune(options(), from, one, now-90*day); err != nil {
		t.Fatal(err)
	}
	c := load(t, one)
	if want := begun + 50*day + 90*day; c.header.RetainUntil != want || !slices.Equal(c.ids, []string{"b", "c"}) {
		t.Errorf("%v until %v, want %v", c.ids, time.Unix(0, c.header.RetainUntil), time.Unix(0, want))
	}
	// Pruning by longer than it may be kept does not make it longer, and once more is the same.
	two := filepath.Join(dir, "2.tape")
	if _, err := corpus.Prune(options(), one, two, now-1000*day); err != nil {
		t.Fatal(err)
	}
	if got := load(t, two).header.RetainUntil; got != c.header.RetainUntil {
		t.Errorf("until %v", time.Unix(0, got))
	}
}

func TestMerge(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name+".tape") }
	a := write(t, at("a"), gate.Header{Origin: "record web", Identities: gate.IdentitiesReplaced, Key: "k1", RetainUntil: 50, Settings: map[string]string{"mail": "{}"}, Made: map[string]string{"sample": "1"}}, tape.Options{},
		stimulus("a1", "", 10), sent(1, 11), stimulus("a2", "", 0), stimulus("a3", "", 30, "a1"), gap(gate.GapNotRecorded, 2))
	b := write(t, at("b"), gate.Header{Origin: "import mbox", Key: "k1", RetainUntil: 40, Made: map[string]string{"sample": "0.5"}}, tape.Options{},
		stimulus("b1", "", 5), sent(1, 11), stimulus("b2", "", 30), sent(2, 40), gap(gate.GapNotRecorded, 5))
	r, err := corpus.Merge(options(), []string{a, b}, at("ab"), corpus.Merging{})
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, at("ab"))
	if want := []string{"b1", "a1", "a2", "a3", "b2"}; !slices.Equal(c.ids, want) {
		t.Errorf("order %v, want %v", c.ids, want)
	}
	var seqs []uint64
	for _, rec := range c.records {
		if rec.Message != nil {
			seqs = append(seqs, rec.Message.Seq)
		}
	}
	if !slices.Equal(seqs, []uint64{1, 2, 3}) || c.gaps[gate.GapNotRecorded] != 7 {
		t.Errorf("numbers %v, gaps %v", seqs, c.gaps)
	}
	h := c.header
	da, _ := tape.Digest(a)
	db, _ := tape.Digest(b)
	if h.Origin != "record web; import mbox" || h.Key != "k1" || h.RetainUntil != 40 || h.Identities != gate.IdentitiesUnknown ||
		h.Settings["mail"] != "{}" || h.Made["sample"] != "1 | 0.5" || h.Made[corpus.MadeDerived] != "merge of "+da+", "+db || h.Version != "test" || h.At != now {
		t.Errorf("header %+v", h)
	}
	if d, err := tape.Digest(at("ab")); err != nil || d != r.Digest {
		t.Errorf("digest %s, said %s, %v", d, r.Digest, err)
	}

	other := write(t, at("other"), gate.Header{Key: "k2", Identities: gate.IdentitiesKept, Settings: map[string]string{"mail": "{}"}}, tape.Options{}, stimulus("o1", "", 1))
	settings := write(t, at("settings"), gate.Header{Key: "k1", Settings: map[string]string{"mail": `{"a":1}`}}, tape.Options{}, stimulus("x", "", 1))
	if _, err := corpus.Merge(options(), []string{a, other}, at("x"), corpus.Merging{}); !refusedBecause(err, "k1, k2") {
		t.Errorf("different keys: %v", err)
	}
	if _, err := corpus.Merge(options(), []string{a, other}, at("keys"), corpus.Merging{DifferentKeys: true}); err != nil {
		t.Error(err)
	} else if h := load(t, at("keys")).header; h.Key != "" || h.Made[corpus.MadeKeys] != "k1, k2" || h.Identities != gate.IdentitiesKept {
		t.Errorf("header %+v", h)
	}
	if _, err := corpus.Merge(options(), []string{at("keys"), b}, at("x"), corpus.Merging{Rename: true}); !refusedBecause(err, "different keys") {
		t.Errorf("different keys, merged before: %v", err)
	}
	if _, err := corpus.Merge(options(), []string{a, settings}, at("x"), corpus.Merging{}); !refusedBecause(err, "different settings of sink mail") {
		t.Errorf("settings: %v", err)
	}
	if _, err := corpus.Merge(options(), []string{a, a}, at("x"), corpus.Merging{}); !refusedBecause(err, `"a1"`) {
		t.Errorf("the same twice: %v", err)
	}
	if _, err := corpus.Merge(options(), []string{a, a}, at("renamed"), corpus.Merging{Rename: true}); err != nil {
		t.Error(err)
	} else {
		c := load(t, at("renamed"))
		if want := []string{"a1", "t2/a1", "a2", "t2/a2", "a3", "t2/a3"}; !slices.Equal(c.ids, want) {
			t.Errorf("%v, want %v", c.ids, want)
		}
		for _, rec := range c.records {
			if s := rec.Stimulus; s != nil && s.ID == "t2/a3" && s.Bindings[0].From != "t2/a1" {
				t.Errorf("%+v", s)
			}
		}
	}
	if _, err := os.Stat(at("x")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was refused was written: %v", err)
	}
	for _, overwrite := range []bool{false, true} {
		o := options()
		o.Overwrite = overwrite
		if _, err := corpus.Merge(o, []string{b, a}, a, corpus.Merging{}); !refusedBecause(err, "is what the new corpus is to be made of") {
			t.Errorf("onto itself: %v", err)
		}
	}
	if d, err := tape.Digest(a); err != nil || d != da {
		t.Errorf("a source was changed: %v", err)
	}
	run := at("run")
	w, err := tape.Create(run, gate.Header{Content: gate.RunTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Merge(options(), []string{run}, at("x"), corpus.Merging{}); !refusedBecause(err, "is a run") {
		t.Error(err)
	}
}

// Of a torn tape what stands before its end can be taken, and what cannot is a gap.
func TestMergeTorn(t *testing.T) {
	dir := t.TempDir()
	torn, out := filepath.Join(dir, "torn.tape"), filepath.Join(dir, "out.tape")
	w, err := tape.Create(torn, gate.Header{Content: gate.CorpusTape, Key: "k"}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*gate.Record{stimulus("a", "", 1), stimulus("b", "", 2)} {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := corpus.Merge(options(), []string{torn}, out, corpus.Merging{Torn: true}); !refusedBecause(err, "still being written") {
		t.Errorf("while it is written: %v", err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Merge(options(), []string{torn}, out, corpus.Merging{}); !refusedBecause(err, "is torn at byte") {
		t.Errorf("without leave: %v", err)
	}
	if _, err := corpus.Merge(options(), []string{torn}, out, corpus.Merging{Torn: true}); err != nil {
		t.Fatal(err)
	}
	c := load(t, out)
	if !slices.Equal(c.ids, []string{"a", "b"}) || c.gaps[gate.GapTornTape] != 1 || !strings.HasPrefix(c.header.Made[corpus.MadeDerived], "merge of the first ") {
		t.Errorf("%v %v %v", c.ids, c.gaps, c.header)
	}
	// Damage is no end.
	b, err := os.ReadFile(torn)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-3] ^= 1
	if err := os.WriteFile(torn, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var damaged *tape.DamagedError
	if _, err := corpus.Merge(options(), []string{torn}, out+"2", corpus.Merging{Torn: true}); !errors.As(err, &damaged) {
		t.Error(err)
	}
	// What is made of a torn tape by any other verb is refused as it is.
	var broken *tape.TornError
	if err := os.WriteFile(torn, b[:len(b)-9], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Sample(options(), torn, out+"2", corpus.Much{Fraction: 1}, ""); !errors.As(err, &broken) {
		t.Error(err)
	}
}

// What was encrypted does not come into the clear by itself.
func TestEncrypted(t *testing.T) {
	dir := t.TempDir()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "identities")
	if err := os.WriteFile(file, []byte(id.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	keys, err := tape.ReadKeys(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	to := []string{id.Recipient().String()}
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{}, tape.Options{Recipients: to}, stimulus("a", "", now), stimulus("b", "", now))
	var locked *tape.KeyError
	all := corpus.Much{Fraction: 1}
	if _, err := corpus.Sample(options(), from, filepath.Join(dir, "x.tape"), all, ""); !errors.As(err, &locked) {
		t.Errorf("without a key: %v", err)
	}
	o := options()
	o.Keys = keys
	if _, err := corpus.Sample(o, from, filepath.Join(dir, "x.tape"), all, ""); !refusedBecause(err, "nobody is named whom it is to be encrypted for") {
		t.Errorf("for nobody: %v", err)
	}
	o.Clear = true
	if _, err := corpus.Sample(o, from, filepath.Join(dir, "clear.tape"), all, ""); err != nil {
		t.Error(err)
	} else if got := load(t, filepath.Join(dir, "clear.tape")).ids; len(got) != 2 {
		t.Errorf("%v", got)
	}
	// For somebody else: it cannot be read here, and its digest is known all the same.
	other, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	o.Clear, o.Recipients = false, []string{other.Recipient().String()}
	r, err := corpus.Sample(o, from, filepath.Join(dir, "other.tape"), all, "")
	if err != nil || !strings.HasPrefix(r.Digest, "sha256:") {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := keys.Open(r.Path); !errors.As(err, &locked) {
		t.Error(err)
	}
}

// Messages of production cannot be told by stimulus.
func TestMessagesAndStimuli(t *testing.T) {
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{}, tape.Options{}, stimulus("a", "", now-5), sent(1, now-4), stimulus("b", "", now-3), sent(2, now-2))
	out := filepath.Join(dir, "x.tape")
	if _, err := corpus.Sample(options(), from, out, corpus.Much{Stimuli: 1}, ""); !refusedBecause(err, "2 messages") {
		t.Errorf("sample: %v", err)
	}
	if _, err := corpus.SplitTo(options(), from, dir, corpus.Cut{Parts: 2}); !refusedBecause(err, "2 messages") {
		t.Errorf("split: %v", err)
	}
	o := options()
	o.WithoutMessages = true
	if r, err := corpus.Sample(o, from, out, corpus.Much{Fraction: 1}, ""); err != nil || r.Messages != 0 || r.Stimuli != 2 {
		t.Errorf("%+v, %v", r, err)
	}
	if p, err := corpus.Prune(options(), from, filepath.Join(dir, "p.tape"), now-3); err != nil || p.Messages != 1 || p.Stimuli != 1 || p.Older != 2 {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestFind(t *testing.T) {
	from := write(t, filepath.Join(t.TempDir(), "c.tape"), gate.Header{}, tape.Options{}, stimulus("a", "", 1), stimulus("b", "k", 2, "a"))
	s, err := corpus.Find(tape.Keys{}, from, "b")
	if err != nil || s.Key != "k" || len(s.Bindings) != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	var none *corpus.NotFoundError
	if _, err := corpus.Find(tape.Keys{}, from, "c"); !errors.As(err, &none) {
		t.Error(err)
	}
}

// A thousand kinds of gap are told apart, and no more; none is forgotten.
func TestGapsAreBounded(t *testing.T) {
	var g corpus.Gaps
	for i := range 5000 {
		g.Add(gate.Gap{Kind: gate.GapNotCleared, Where: fmt.Sprint("place ", i), Count: 2})
	}
	n := uint64(0)
	for _, gap := range g.List() {
		n += gap.Count
	}
	if len(g.List()) > 1001 || n != 10000 {
		t.Errorf("%d gaps that count %d", len(g.List()), n)
	}
}

// Who stops half way leaves nothing behind.
func TestStopped(t *testing.T) {
	dir := t.TempDir()
	var records []*gate.Record
	for i := range 50 {
		records = append(records, stimulus(fmt.Sprint("s", i), fmt.Sprint("k", i%7), now+int64(i)*day))
	}
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{}, tape.Options{}, records...)
	enough := errors.New("enough")
	for name, do := range map[string]func(corpus.Options, string) error{
		"sample": func(o corpus.Options, to string) error {
			return second(corpus.Sample(o, from, filepath.Join(to, "x"), corpus.Much{Stimuli: 40}, ""))
		},
		"prune": func(o corpus.Options, to string) error {
			return second(corpus.Prune(o, from, filepath.Join(to, "x"), now+3*day))
		},
		"merge": func(o corpus.Options, to string) error {
			return second(corpus.Merge(o, []string{from, from}, filepath.Join(to, "x"), corpus.Merging{Rename: true}))
		},
		"split": func(o corpus.Options, to string) error {
			return second(corpus.SplitTo(o, from, to, corpus.Cut{Parts: 3}))
		},
		"by days": func(o corpus.Options, to string) error {
			return second(corpus.SplitTo(o, from, to, corpus.Cut{Every: 100 * time.Hour}))
		},
		"counting": func(o corpus.Options, _ string) error {
			r := reading()
			r.Stop = o.Stop
			return second(corpus.Stat(r, []string{from}))
		},
	} {
		calls := 0
		for after := 0; ; after += 13 {
			to := t.TempDir()
			o, n := options(), 0
			o.Stop = func() error {
				if n++; n > after {
					return enough
				}
				return nil
			}
			err := do(o, to)
			if err == nil {
				break
			}
			calls++
			files, rerr := os.ReadDir(to)
			if !errors.Is(err, enough) || rerr != nil || len(files) != 0 {
				t.Fatalf("%s, after %d records: %v; %d files, %v", name, after, err, len(files), rerr)
			}
		}
		if calls < 3 {
			t.Errorf("%s was stopped only %d times", name, calls)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestFolderThatCannotBeWritten(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("who is root can write everywhere")
	}
	dir := t.TempDir()
	from := write(t, filepath.Join(dir, "c.tape"), gate.Header{}, tape.Options{}, stimulus("a", "", now))
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o500); err != nil {
		t.Fatal(err)
	}
	if _, err := corpus.Sample(options(), from, filepath.Join(closed, "x.tape"), corpus.Much{Fraction: 1}, ""); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
