package shard_test

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/shard"
	"github.com/waybill-dev/waybill/gate/tape"
)

const corpusDigest = "sha256:c0"

func TestParse(t *testing.T) {
	for _, s := range []string{"1/1", "3/8", "256/256"} {
		if o, err := shard.Parse(s); err != nil || o.String() != s {
			t.Errorf("%s: %v, %v", s, o, err)
		}
	}
	for _, s := range []string{"", "0/8", "9/8", "1/257", "1", "1/0", "01/8", "1/8 ", "-1/8", "1/8/2"} {
		if o, err := shard.Parse(s); err == nil {
			t.Errorf("%q was read as %v", s, o)
		}
	}
}

func corpus(list []gate.Stimulus) iter.Seq2[gate.Stimulus, error] {
	return func(yield func(gate.Stimulus, error) bool) {
		for _, s := range list {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// Every stimulus is in one shard, sessions stay together, and so do sessions that a
// value is carried between, along chains too.
func TestAssign(t *testing.T) {
	var list []gate.Stimulus
	for i := range 500 {
		s := gate.Stimulus{ID: fmt.Sprintf("s%d", i), Key: fmt.Sprintf("k%d", i%90)}
		if i%90 > 3 && i%90 < 9 && i >= 90 { // sessions 4 to 8 are a chain
			s.Bindings = []gate.Binding{{From: fmt.Sprintf("s%d", i%90-1)}}
		}
		list = append(list, s)
	}
	list = append(list, gate.Stimulus{ID: "alone"})
	const total = 7
	of := map[string]int{} // shard by session
	seen := map[string]int{}
	for n := 1; n <= total; n++ {
		a, err := shard.Assign(shard.Of{Number: n, Total: total}, corpus(list))
		if err != nil {
			t.Fatal(err)
		}
		count := uint64(0)
		for i := range list {
			if !a.Has(&list[i]) {
				continue
			}
			count++
			seen[list[i].ID]++
			if was, ok := of[list[i].Key]; ok && was != n && list[i].Key != "" {
				t.Fatalf("session %s is in shards %d and %d", list[i].Key, was, n)
			}
			of[list[i].Key] = n
		}
		if count != a.Count() || count == 0 {
			t.Errorf("shard %d has %d stimuli, and says %d", n, count, a.Count())
		}
	}
	for i := range list {
		if seen[list[i].ID] != 1 {
			t.Errorf("%s is in %d shards", list[i].ID, seen[list[i].ID])
		}
	}
	for k := 4; k < 9; k++ {
		if of[fmt.Sprintf("k%d", k)] != of["k3"] {
			t.Errorf("session %d is in shard %d, and the one that it depends on in %d", k, of[fmt.Sprintf("k%d", k)], of["k3"])
		}
	}
	broken := errors.New("torn")
	_, err := shard.Assign(shard.Of{Number: 1, Total: 2}, func(yield func(gate.Stimulus, error) bool) { yield(gate.Stimulus{}, broken) })
	if !errors.Is(err, broken) {
		t.Errorf("an error of the corpus came to %v", err)
	}
}

// replayed makes the folder of one shard: a run of each role, of n stimuli, each
// of which sent one message.
func replayed(t *testing.T, of shard.Of, n int, change func(*shard.Manifest, *gate.Header)) string {
	t.Helper()
	return replayedFrom(t, of, n, change, nil)
}

// replayedFrom is [replayed] from a state.
func replayedFrom(t *testing.T, of shard.Of, n int, change func(*shard.Manifest, *gate.Header), state *gate.StateFacts) string {
	t.Helper()
	folder := t.TempDir()
	m := &shard.Manifest{Schema: gate.Schema, Version: "v1", Shard: of, Corpus: corpusDigest, Total: 12, Stimuli: uint64(n), Config: "sha256:f0",
		Builds: map[string]string{"production": "july", "staging": "august"}}
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		h := gate.Header{Content: gate.RunTape, Role: role, Build: m.Builds[string(role)], Scenario: "steady", Replay: 1, Corpus: corpusDigest, Shard: of.String(), Sealed: true}
		if change != nil {
			change(m, &h)
		}
		r := shard.Run{File: "steady-" + string(role) + "-1.tape", Scenario: "steady", Role: role, Replay: 1}
		path := filepath.Join(folder, r.File)
		w, err := tape.Create(path, h, tape.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range n {
			id := fmt.Sprintf("s%d-%d", of.Number, i)
			for _, record := range []gate.Record{
				{Kind: gate.KindOutcome, Outcome: &gate.Outcome{Stimulus: id, Status: 200}},
				{Kind: gate.KindMessage, Message: &gate.Message{Seq: uint64(i + 1), Channel: "smtp", Sink: "mail", Head: []byte("RCPT TO:<" + id + "@example.org>\r\n")}},
				{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapCutBody, Where: "sink mail", Seq: uint64(i + 1)}},
			} {
				if err := w.Append(&record); err != nil {
					t.Fatal(err)
				}
			}
		}
		quiet := "probe"
		if of.Number == 2 {
			quiet = "idle"
		}
		if err := w.Close(gate.Footer{Accepted: uint64(n), Refused: 1, Quiet: quiet, State: state}); err != nil {
			t.Fatal(err)
		}
		if r.Digest, err = tape.Digest(path); err != nil {
			t.Fatal(err)
		}
		m.Runs = append(m.Runs, r)
	}
	if err := m.Write(folder); err != nil {
		t.Fatal(err)
	}
	return folder
}

func three(t *testing.T) []string {
	return []string{
		replayed(t, shard.Of{Number: 3, Total: 3}, 3, nil),
		replayed(t, shard.Of{Number: 1, Total: 3}, 4, nil),
		replayed(t, shard.Of{Number: 2, Total: 3}, 5, nil),
	}
}

func TestMerge(t *testing.T) {
	out := filepath.Join(t.TempDir(), "merged")
	m, err := shard.Merge(three(t), out, tape.Keys{}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err := shard.ReadManifest(out); err != nil || again.Stimuli != 12 || len(again.Runs) != 2 || again.Shard.String() != "1/1" {
		t.Errorf("%+v, %v", again, err)
	}
	for _, run := range m.Runs {
		path := filepath.Join(out, run.File)
		if digest, err := tape.Digest(path); err != nil || digest != run.Digest {
			t.Errorf("%s: %s, %v, and its manifest says %s", run, digest, err, run.Digest)
		}
		var seqs []uint64
		var who []string
		for record, err := range tape.All(path) {
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case record.Header != nil:
				if record.Header.Shard != "" || !record.Header.Sealed {
					t.Errorf("%s: its header is %+v", run, *record.Header)
				}
			case record.Message != nil:
				seqs = append(seqs, record.Message.Seq)
				who = append(who, string(record.Message.Head))
			case record.Gap != nil:
				if record.Gap.Seq != seqs[len(seqs)-1] {
					t.Errorf("%s: a gap of message %d came to %d", run, seqs[len(seqs)-1], record.Gap.Seq)
				}
			case record.Footer != nil:
				if f := record.Footer; f.Accepted != 12 || f.Refused != 3 || f.Quiet != "idle" || f.Outcomes != 12 {
					t.Errorf("%s: its footer is %+v", run, *f)
				}
			}
		}
		for i, seq := range seqs {
			if seq != uint64(i+1) {
				t.Fatalf("%s: its messages are numbered %v", run, seqs)
			}
		}
		if len(seqs) != 12 || !strings.Contains(who[0], "s1-0") || !strings.Contains(who[11], "s3-2") {
			t.Errorf("%s: its messages are %q", run, who)
		}
	}
}

// Each way in which shards do not make one replay: a shard that crashed and left
// nothing, one that ran twice, another corpus, another build, and counts.
func TestMergeRefuses(t *testing.T) {
	of := func(n int) shard.Of { return shard.Of{Number: n, Total: 3} }
	for _, test := range []struct {
		name, want string
		folders    func(t *testing.T) []string
	}{
		{"none", "there are no shards", func(t *testing.T) []string { return nil }},
		{"the last missing", "shard 2/3 is missing", func(t *testing.T) []string { return three(t)[:2] }},
		{"the first missing", "shard 1/3 is missing", func(t *testing.T) []string { f := three(t); return []string{f[0], f[2]} }},
		{"one twice", "shard 1/3 is there twice", func(t *testing.T) []string { f := three(t); return append(f, f[1]) }},
		{"one that was not finished", "was not finished", func(t *testing.T) []string {
			f := three(t)
			if err := os.Remove(filepath.Join(f[0], shard.File)); err != nil {
				t.Fatal(err)
			}
			return f
		}},
		{"another corpus", "the corpus is", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 3, func(m *shard.Manifest, h *gate.Header) { m.Corpus, h.Corpus = "sha256:other", "sha256:other" }))
		}},
		{"another configuration", "the configuration is", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 3, func(m *shard.Manifest, _ *gate.Header) { m.Config = "sha256:f1" }))
		}},
		{"another version", "the version of waybill is", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 3, func(m *shard.Manifest, _ *gate.Header) { m.Version = "v2" }))
		}},
		{"another build", "the staging build is", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 3, func(m *shard.Manifest, _ *gate.Header) { m.Builds["staging"] = "september" }))
		}},
		{"of another total", "the total of shards is", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, shard.Of{Number: 3, Total: 4}, 3, nil))
		}},
		{"too few stimuli", "have 11 stimuli in all, and the corpus has 12", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 2, nil))
		}},
		{"a run that another shard has not", "lacks the run", func(t *testing.T) []string {
			f := three(t)
			m, err := shard.ReadManifest(f[0])
			if err != nil {
				t.Fatal(err)
			}
			m.Runs = m.Runs[:1]
			if err := m.Write(f[0]); err != nil {
				t.Fatal(err)
			}
			return f
		}},
		{"a tape that was exchanged", "its manifest says", func(t *testing.T) []string {
			f := three(t)
			other := replayed(t, of(3), 3, func(_ *shard.Manifest, h *gate.Header) { h.Sealed = false })
			b, err := os.ReadFile(filepath.Join(other, "steady-staging-1.tape"))
			if err == nil {
				err = os.WriteFile(filepath.Join(f[0], "steady-staging-1.tape"), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			return f
		}},
		{"tapes of another shard", "is of shard", func(t *testing.T) []string {
			return append(three(t)[1:], replayed(t, of(3), 3, func(_ *shard.Manifest, h *gate.Header) { h.Shard = "2/3" }))
		}},
		{"a manifest that reaches out of its folder", "not one of its folder", func(t *testing.T) []string {
			f := three(t)
			m, err := shard.ReadManifest(f[0])
			if err != nil {
				t.Fatal(err)
			}
			m.Runs[0].File = "../steady-production-1.tape"
			if err := m.Write(f[0]); err != nil {
				t.Fatal(err)
			}
			return f
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "merged")
			_, err := shard.Merge(test.folders(t), out, tape.Keys{}, tape.Options{})
			var wrong *shard.MismatchError
			if !errors.As(err, &wrong) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if _, err := os.Stat(filepath.Join(out, shard.File)); err == nil {
				t.Error("it left a manifest")
			}
		})
	}
	f := three(t)
	path := filepath.Join(f[0], "steady-staging-1.tape")
	if err := os.Truncate(path, 200); err != nil {
		t.Fatal(err)
	}
	var torn *tape.TornError
	if _, err := shard.Merge(f, filepath.Join(t.TempDir(), "merged"), tape.Keys{}, tape.Options{}); !errors.As(err, &torn) {
		t.Errorf("a tape that is torn came to %v", err)
	}
}

// Each shard begins with the same state, and ends with its own.
func TestMergeStates(t *testing.T) {
	for name, test := range map[string]struct{ second, want string }{
		"the same":    {"users 3\norders 8", ""},
		"another":     {"users 3\norders 9", "1 line differs (orders) of 2"},
		"not checked": {"", "2 lines are missing (orders, users) of 2"},
	} {
		t.Run(name, func(t *testing.T) {
			var folders []string
			for i, before := range []string{"users 3\norders 8", test.second} {
				state := &gate.StateFacts{Setup: int64(1 + i), Restore: int64(9 - i), Before: gate.StateLines(before), After: gate.StateLines(fmt.Sprintf("orders %d", 20+i))}
				folders = append(folders, replayedFrom(t, shard.Of{Number: 1 + i, Total: 2}, 6, nil, state))
			}
			out := filepath.Join(t.TempDir(), "runs")
			if _, err := shard.Merge(folders, out, tape.Keys{}, tape.Options{}); err != nil {
				t.Fatal(err)
			}
			var gaps []string
			r, err := tape.Keys{}.Verify(filepath.Join(out, "steady-staging-1.tape"), func(rec *gate.Record) error {
				if rec.Gap != nil && rec.Gap.Kind == gate.GapState {
					gaps = append(gaps, rec.Gap.Where+": "+rec.Gap.Detail)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if test.want == "" && len(gaps) > 0 || test.want != "" && (len(gaps) != 1 || !strings.HasPrefix(gaps[0], "state of shard 2/2: ") || !strings.HasSuffix(gaps[0], test.want)) {
				t.Errorf("gaps %q, want one that ends with %q", gaps, test.want)
			}
			s := r.Footer.State
			if s == nil || s.Setup != 2 || s.Restore != 9 || len(s.Before) != 2 || len(s.After) != 2 || s.After[1].Name != "shard 2/2: orders" {
				t.Errorf("state %+v", s)
			}
		})
	}
}
