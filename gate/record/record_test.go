package record_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/record"
	"github.com/waybill-dev/waybill/gate/tape"
)

func options(dir string) record.Options {
	return record.Options{
		Folder: dir, Name: "shop", Header: gate.Header{Content: gate.CorpusTape, Origin: "record web, mail", Identities: gate.IdentitiesKept},
		Patience: time.Minute,
	}
}

func open(t *testing.T, o record.Options) *record.Recorder {
	t.Helper()
	r, err := record.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func shut(t *testing.T, r *record.Recorder) record.Counts {
	t.Helper()
	c, err := r.Close()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func visit(key, body string) (*gate.Stimulus, *gate.Outcome) {
	return &gate.Stimulus{Channel: "http", Door: "web", Key: key, At: 1, Status: 200, Head: []byte("POST / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer t\r\n"), Body: []byte(body)},
		&gate.Outcome{Status: 200, Body: []byte("answer to " + body)}
}

func mail(body string) *gate.Message {
	return &gate.Message{Channel: "smtp", Sink: "mail", Peer: "192.0.2.7:99", At: 1, Head: []byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\n"), Body: []byte(body)}
}

// read is everything on a tape that is whole.
func read(t *testing.T, path string) []gate.Record {
	t.Helper()
	var out []gate.Record
	for r, err := range tape.All(path) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func only(records []gate.Record, k gate.RecordKind) []gate.Record {
	return slices.DeleteFunc(slices.Clone(records), func(r gate.Record) bool { return r.Kind != k })
}

func bodies(records []gate.Record) (out []string) {
	for _, r := range records {
		switch {
		case r.Stimulus != nil:
			out = append(out, string(r.Stimulus.Body))
		case r.Message != nil:
			out = append(out, string(r.Message.Body))
		}
	}
	return out
}

func TestRecord(t *testing.T) {
	o := options(t.TempDir())
	o.Retain = 48 * time.Hour
	o.LeaveOut = []string{"authorization"}
	r := open(t, o)
	r.Message(mail("first"))
	for i := range 3 {
		r.Exchange(visit("s", fmt.Sprint(i)))
	}
	r.Message(mail("second"))
	for range 5 {
		r.Missed(gate.Gap{Kind: gate.GapNotRecorded, Where: "tap web", Detail: "a tunnel", Count: 2})
	}
	c := shut(t, r)
	if c.Stimuli != 3 || c.Messages != 2 || c.Gaps != 10 || len(c.Tapes) != 1 || len(c.Torn) != 0 || c.Whole() || len(c.Reasons) != 1 {
		t.Errorf("counts %+v", c)
	}
	rep, err := tape.Verify(c.Tapes[0])
	if err != nil {
		t.Fatal(err)
	}
	if h := rep.Header; h.Origin != "record web, mail" || h.RetainUntil-h.At != int64(o.Retain) || h.Content != gate.CorpusTape {
		t.Errorf("header %+v", h)
	}
	if rep.Footer.Accepted != 2 {
		t.Errorf("footer %+v", rep.Footer)
	}
	records := read(t, c.Tapes[0])
	if got := bodies(records); !slices.Equal(got, []string{"first", "0", "1", "2", "second"}) {
		t.Errorf("order %q", got)
	}
	for i, s := range only(records, gate.KindStimulus) {
		if want := fmt.Sprintf("web-0001-%06d", i+1); s.Stimulus.ID != want || s.Stimulus.Key != "s" || bytes.Contains(s.Stimulus.Head, []byte("Bearer")) {
			t.Errorf("stimulus %+v, want id %s", s.Stimulus, want)
		}
	}
	for i, m := range only(records, gate.KindMessage) {
		if m.Message.Seq != uint64(i+1) {
			t.Errorf("message %d has number %d", i, m.Message.Seq)
		}
	}
	var gaps uint64
	for _, g := range only(records, gate.KindGap) {
		gaps += g.Gap.Count
	}
	if gaps != 10 {
		t.Errorf("gaps for %d things are on the tape", gaps)
	}
}

func TestSample(t *testing.T) {
	kept := func(seed string, sample float64) (keys []string) {
		o := options(t.TempDir())
		o.Seed, o.Sample = seed, sample
		r := open(t, o)
		for n := range 600 {
			r.Exchange(visit(fmt.Sprintf("session-%d", n%200), fmt.Sprint(n)))
		}
		c := shut(t, r)
		seen := map[string]int{}
		for _, s := range only(read(t, c.Tapes[0]), gate.KindStimulus) {
			seen[s.Stimulus.Key]++
		}
		for k, n := range seen {
			if n != 3 {
				t.Errorf("of session %s %d stimuli were kept: all or none", k, n)
			}
			keys = append(keys, k)
		}
		if c.LeftOut != uint64(600-3*len(keys)) {
			t.Errorf("left out %d", c.LeftOut)
		}
		slices.Sort(keys)
		return keys
	}
	a, again, b, all := kept("a", 0.25), kept("a", 0.25), kept("b", 0.25), kept("a", 1)
	if !slices.Equal(a, again) || slices.Equal(a, b) || len(all) != 200 || len(a) < 30 || len(a) > 70 {
		t.Errorf("kept %d, %d, %d and %d sessions", len(a), len(again), len(b), len(all))
	}
	if _, err := record.New(record.Options{Folder: t.TempDir(), Name: "n", Sample: 2}); err == nil {
		t.Error("a sample of 2 was taken")
	}
}

// cleaner replaces "alice" and knows of "bob" only that he is there.
type cleaner struct{}

func (cleaner) Stimulus(s *gate.Stimulus, o *gate.Outcome) error {
	s.Body = bytes.ReplaceAll(s.Body, []byte("alice"), []byte("p-001"))
	if bytes.Contains(s.Body, []byte("fault")) {
		panic("a fault")
	}
	if bytes.Contains(s.Body, []byte("bob")) || o != nil && bytes.Contains(o.Body, []byte("picture")) {
		return errors.New("somebody is left in the body")
	}
	if o != nil {
		o.Body = bytes.ReplaceAll(o.Body, []byte("alice"), []byte("p-001"))
	}
	return nil
}

func (cleaner) Message(m *gate.Message) error {
	s := &gate.Stimulus{Body: m.Body}
	err := cleaner{}.Stimulus(s, nil)
	m.Body = s.Body
	return err
}

type learner func(*gate.Stimulus, *gate.Outcome)

func (l learner) Learn(s *gate.Stimulus, o *gate.Outcome) { l(s, o) }
func (l learner) Message(*gate.Message)                   {}

func TestClear(t *testing.T) {
	o := options(t.TempDir())
	o.Cleaner, o.Secret = cleaner{}, []byte("0123456789abcdef0123456789abcdef")
	var learnt []string
	o.Learner = learner(func(s *gate.Stimulus, o *gate.Outcome) {
		learnt = append(learnt, o.Stimulus+" "+string(o.Body))
		s.Bindings = []gate.Binding{{From: s.ID, Place: "p", Value: "v"}}
	})
	var told []string
	o.Tell = func(s string) { told = append(told, s) }
	r := open(t, o)
	r.Exchange(visit("alice", "I am alice"))
	r.Exchange(visit("k", "I am bob"))
	r.Exchange(visit("k", "fault"))
	s, answer := visit("k", "alice again")
	answer.Body = []byte("picture of alice")
	r.Exchange(s, answer)
	r.Message(mail("to alice"))
	r.Message(mail("to bob"))
	c := shut(t, r)
	records := read(t, c.Tapes[0])
	if got := bodies(records); !slices.Equal(got, []string{"I am p-001", "p-001 again", "to p-001"}) {
		t.Errorf("kept %q", got)
	}
	raw := fmt.Sprintf("%+v", records)
	for _, name := range []string{"alice", "bob", "192.0.2.7"} {
		if strings.Contains(raw, name) {
			t.Errorf("%s is on the tape", name)
		}
	}
	if !slices.Equal(learnt, []string{"web-0001-000001 answer to I am p-001", "web-0001-000002 "}) {
		t.Errorf("learnt %q", learnt)
	}
	kinds := map[string]uint64{}
	for _, g := range only(records, gate.KindGap) {
		kinds[g.Gap.Kind] += g.Gap.Count
	}
	if kinds[gate.GapNotCleared] != 2 || kinds[gate.GapNotRecorded] != 1 || c.Gaps != 3 || len(told) != 1 {
		t.Errorf("gaps %v, told %q", kinds, told)
	}
	stimuli := only(records, gate.KindStimulus)
	if k := stimuli[0].Stimulus.Key; !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(k) || k == stimuli[1].Stimulus.Key || len(stimuli[0].Stimulus.Bindings) != 1 {
		t.Errorf("stimulus %+v", stimuli[0].Stimulus)
	}
}

// A clock is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// TestRotate begins tapes by size and by time. Their names keep the order in which they
// were made, a clock that is set back and tapes of the future included.
func TestRotate(t *testing.T) {
	dir := t.TempDir()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	for _, name := range []string{"shop-20260301T130000Z-0007.tape", "other-20990101T000000Z-0099.tape", "shop-nonsense.tape", "shop-20260301T130000Z-x.tape"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	o := options(dir)
	o.Now, o.RotateEvery, o.RotateSize = c.Now, time.Hour, 2000
	var learnt []string
	o.Learner = learner(func(s *gate.Stimulus, _ *gate.Outcome) { learnt = append(learnt, s.ID) })
	r := open(t, o)
	random := func(i int) string { return strings.Repeat(fmt.Sprintf("%x", uint64(i+1)*0x9e3779b97f4a7c15), 20) }
	var all []string
	put := func(i int) {
		all = append(all, fmt.Sprint(i))
		r.Exchange(visit("k", fmt.Sprint(i)))
	}
	put(0)
	c.move(time.Hour) // by time
	put(1)
	c.move(-24 * time.Hour) // the clock is set back
	put(2)
	c.move(26 * time.Hour)
	put(3)
	for i := range 40 { // by size
		all = append(all, "x")
		s, a := visit("k", "x")
		s.Head = append(s.Head, "X: "+random(i)+"\r\n"...)
		r.Exchange(s, a)
	}
	counts := shut(t, r)
	if !slices.IsSorted(counts.Tapes) || len(counts.Tapes) < 5 || !strings.HasSuffix(counts.Tapes[0], "shop-20260301T130000Z-0008.tape") {
		t.Errorf("tapes %q", counts.Tapes)
	}
	// Ids are the recording's and not the tape's: a later tape may name those of an earlier.
	if distinct := slices.Compact(slices.Sorted(slices.Values(learnt))); len(distinct) != len(all) {
		t.Errorf("%d ids of %d stimuli were learnt: %q", len(distinct), len(all), learnt)
	}
	var got []string
	ids := map[string]bool{}
	for i, path := range counts.Tapes {
		if !strings.HasSuffix(path, fmt.Sprintf("-%04d.tape", i+8)) {
			t.Errorf("tape %d is %s", i, path)
		}
		records := read(t, path)
		got = append(got, bodies(records)...)
		for _, s := range only(records, gate.KindStimulus) {
			ids[s.Stimulus.ID] = true
		}
	}
	if !slices.Equal(got, all) || len(ids) != len(all) {
		t.Errorf("%d stimuli of %d ids, want %d: %q", len(got), len(ids), len(all), got)
	}
}

// A disk is where faulty stores are.
type disk struct {
	mu      sync.Mutex
	full    bool          // no tape can be made
	broken  bool          // the present tape cannot be written
	refuse  string        // a body that no tape holds
	hold    chan struct{} // appending waits for it, where it is not nil
	syncErr error
	syncs   int
	stores  []*store
}

type store struct {
	disk    *disk
	records []gate.Record
	failed  error
	closed  bool
}

func (d *disk) open(path string, h gate.Header) (record.Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full {
		return nil, errors.New("no space left on device")
	}
	s := &store{disk: d}
	d.stores = append(d.stores, s)
	return s, nil
}

func (s *store) Append(records ...*gate.Record) error {
	s.disk.mu.Lock()
	hold := s.disk.hold
	s.disk.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	for _, r := range records {
		if r.Stimulus != nil && string(r.Stimulus.Body) == s.disk.refuse && s.disk.refuse != "" {
			return errors.New("too large")
		}
	}
	if s.disk.broken && len(records) > 0 {
		s.failed = errors.New("input/output error")
		s.disk.broken = false
		return s.failed
	}
	for _, r := range records {
		s.records = append(s.records, *r)
	}
	return nil
}

func (s *store) Sync() error {
	s.disk.mu.Lock()
	defer s.disk.mu.Unlock()
	s.disk.syncs++
	err := s.disk.syncErr
	s.disk.syncErr = nil
	return err
}

func (s *store) Size() (int64, error)    { return int64(len(s.records)), nil }
func (s *store) Close(gate.Footer) error { s.closed = true; return nil }
func (s *store) Abort() error            { return nil }

func (d *disk) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *disk) recorder(t *testing.T, change ...func(*record.Options)) (*record.Recorder, *clock, *atomic.Int64) {
	t.Helper()
	c := &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := options(t.TempDir())
	told := new(atomic.Int64)
	o.Open, o.Now, o.Tell = d.open, c.Now, func(string) { told.Add(1) }
	for _, f := range change {
		f(&o)
	}
	return open(t, o), c, told
}

// TestTapeFails: the next tape takes what the broken one could not, and says so.
func TestTapeFails(t *testing.T) {
	d := &disk{}
	r, _, told := d.recorder(t)
	r.Exchange(visit("k", "1"))
	d.set(func() { d.broken = true })
	r.Exchange(visit("k", "2"))
	r.Exchange(visit("k", "3"))
	c := shut(t, r)
	if len(d.stores) != 2 || d.stores[0].closed || !d.stores[1].closed || told.Load() == 0 {
		t.Fatalf("%d tapes, told %d times", len(d.stores), told.Load())
	}
	if got := append(bodies(d.stores[0].records), bodies(d.stores[1].records)...); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("kept %q", got)
	}
	if g := only(d.stores[1].records, gate.KindGap); len(g) != 1 || g[0].Gap.Kind != gate.GapTornTape {
		t.Errorf("gaps %+v", g)
	}
	if c.Stimuli != 3 || len(c.Torn) != 1 || c.Whole() {
		t.Errorf("counts %+v", c)
	}
	if id := d.stores[1].records[1].Stimulus.ID; id != "web-0002-000001" {
		t.Errorf("the first stimulus of the second tape is %s", id)
	}
}

// TestDiskFull: traffic passes while no tape can be made, and is counted; once one can
// be, it says what is missing.
func TestDiskFull(t *testing.T) {
	d := &disk{}
	r, clock, told := d.recorder(t)
	r.Exchange(visit("k", "1"))
	d.set(func() { d.broken, d.full = true, true })
	for i := range 50 {
		r.Exchange(visit("k", fmt.Sprint("lost ", i)))
	}
	if n := told.Load(); n > 5 {
		t.Errorf("the operator was told %d times of one thing", n)
	}
	d.set(func() { d.full = false })
	clock.move(time.Minute)
	r.Exchange(visit("k", "2"))
	c := shut(t, r)
	if c.Stimuli != 2 || c.Gaps != 51 || len(c.Torn) != 1 {
		t.Errorf("counts %+v", c)
	}
	last := d.stores[len(d.stores)-1]
	missing := uint64(0)
	for _, g := range only(last.records, gate.KindGap) {
		if g.Gap.Kind == gate.GapNotRecorded {
			missing += g.Gap.Count
		}
	}
	if missing != 50 || !slices.Equal(bodies(last.records), []string{"2"}) {
		t.Errorf("the tape says that %d are missing, and holds %q", missing, bodies(last.records))
	}
}

// TestDiskFullToTheEnd: what no tape says, the counts and the error say.
func TestDiskFullToTheEnd(t *testing.T) {
	d := &disk{}
	r, _, _ := d.recorder(t)
	d.set(func() { d.broken, d.full = true, true })
	r.Exchange(visit("k", "1"))
	if c, err := r.Close(); err == nil || c.Gaps == 0 || c.Stimuli != 0 {
		t.Errorf("counts %+v, %v", c, err)
	}
	full := &disk{full: true}
	if _, err := record.New(record.Options{Folder: t.TempDir(), Name: "n", Open: full.open}); err == nil {
		t.Error("a recorder began without a tape")
	}
}

// TestNoTapeHoldsIt: one record that cannot be stored takes no other with it.
func TestNoTapeHoldsIt(t *testing.T) {
	d := &disk{refuse: "huge"}
	r, _, _ := d.recorder(t)
	for _, b := range []string{"1", "huge", "2"} {
		r.Exchange(visit("k", b))
	}
	c := shut(t, r)
	if len(d.stores) != 1 || c.Stimuli != 2 || c.Gaps != 1 || !slices.Equal(bodies(d.stores[0].records), []string{"1", "2"}) {
		t.Errorf("counts %+v, %d tapes", c, len(d.stores))
	}
}

// TestSlowDisk: traffic waits no longer than patience, nothing that finds room is lost,
// and what finds none is counted.
func TestSlowDisk(t *testing.T) {
	hold := make(chan struct{})
	d := &disk{hold: hold}
	const room = 10_000
	r, _, told := d.recorder(t, func(o *record.Options) { o.Patience, o.Room = time.Millisecond, room })
	body := strings.Repeat("x", 1000)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 50 {
			r.Exchange(visit("k", body))
		}
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("traffic waits for the disk")
	}
	close(hold)
	c := shut(t, r)
	if c.Stimuli == 0 || c.Stimuli+c.Gaps != 50 || c.Late != c.Stimuli || told.Load() != 1 {
		t.Errorf("counts %+v, told %d times", c, told.Load())
	}
	if n := len(only(d.stores[0].records, gate.KindStimulus)); uint64(n) != c.Stimuli {
		t.Errorf("%d on the tape", n)
	}
}

// TestMailIsSynced: mail is on the medium when it is acknowledged, with one sync for
// many; web traffic does not wait for that.
func TestMailIsSynced(t *testing.T) {
	d := &disk{}
	r, _, _ := d.recorder(t)
	r.Exchange(visit("k", "1"))
	if d.syncs != 0 {
		t.Errorf("%d syncs for web traffic", d.syncs)
	}
	r.Message(mail("1"))
	if d.syncs != 1 {
		t.Errorf("%d syncs when a mail was acknowledged", d.syncs)
	}
	d.set(func() { d.syncErr = errors.New("input/output error") })
	r.Message(mail("2"))
	r.Message(mail("3"))
	c := shut(t, r)
	if len(d.stores) != 2 || c.Messages != 3 || c.Whole() {
		t.Errorf("%d tapes, counts %+v", len(d.stores), c)
	}
}

func TestManyAtOnce(t *testing.T) {
	o := options(t.TempDir())
	o.RotateSize = 20_000
	r := open(t, o)
	var all sync.WaitGroup
	for w := range 8 {
		all.Go(func() {
			for i := range 100 {
				r.Exchange(visit(fmt.Sprint("session ", w), fmt.Sprint(i)))
				r.Message(mail(fmt.Sprint(w, " ", i)))
				if i%10 == 0 {
					r.Missed(gate.Gap{Kind: gate.GapNotRecorded, Where: "tap web", Detail: "x"})
				}
			}
		})
	}
	all.Wait()
	c := shut(t, r)
	if c.Stimuli != 800 || c.Messages != 800 || c.Gaps != 80 || len(c.Torn) > 0 {
		t.Errorf("counts %+v", c)
	}
	next := map[string]int{}
	var gaps uint64
	for _, path := range c.Tapes {
		if _, err := tape.Verify(path); err != nil {
			t.Error(err)
		}
		for _, rec := range read(t, path) {
			switch {
			case rec.Stimulus != nil:
				if want := fmt.Sprint(next[rec.Stimulus.Key]); string(rec.Stimulus.Body) != want {
					t.Fatalf("of %s came %s, want %s", rec.Stimulus.Key, rec.Stimulus.Body, want)
				}
				next[rec.Stimulus.Key]++
			case rec.Gap != nil:
				gaps += rec.Gap.Count
			}
		}
	}
	if gaps != 80 {
		t.Errorf("gaps for %d things", gaps)
	}
}

// TestGapsDoNotWait: gaps reach the tape without traffic that takes them along.
func TestGapsDoNotWait(t *testing.T) {
	d := &disk{}
	r, _, _ := d.recorder(t)
	r.Missed(gate.Gap{Kind: gate.GapNotRecorded, Where: "tap web", Detail: "x"})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		n := 0
		d.set(func() { n = len(d.stores[0].records) })
		if n == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond) // between two looks
	}
	t.Error("the gap is on no tape")
}

func TestFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{file, filepath.Join(t.TempDir(), "none"), ""} {
		if _, err := record.New(options(folder)); err == nil {
			t.Errorf("a recorder began in %q", folder)
		}
	}
}

func BenchmarkExchange(b *testing.B) {
	for _, clients := range []int{1, 16} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			r, err := record.New(options(b.TempDir()))
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			body := strings.Repeat("a=b&", 50)
			b.SetParallelism(clients)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					r.Exchange(visit("k", body))
				}
			})
		})
	}
}
