// Package channeltest is the suite that every protocol passes. It drives a
// protocol's sink with the protocol's own driver, and requires of each what
// package channel promises: a sink acknowledges only what is stored and loses
// nothing; refusing and dropping store nothing; what was not seen whole is a gap;
// decoding is pure; a tap between the two changes nothing that either sees, and has
// taken down what its client was answered.
//
// What it does not require is how a protocol reads its bytes: that is each
// protocol's own test.
package channeltest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// A Suite says what the suite must know of a protocol.
type Suite struct {
	Protocol channel.Protocol
	Drive    channel.DriveConfig // door and address are filled in, where there is a sink
	Settings channel.Settings    // of the sink

	// Sample makes a stimulus with this body. i differs from sample to sample.
	Sample func(i int, body []byte) gate.Stimulus

	// Bodies must arrive byte for byte; nil is one that every protocol can carry.
	Bodies [][]byte

	// Taken reports whether a status says that a sample was taken; nil is 200 to 299.
	Taken func(status int) bool

	// Open is what a client sends, without waiting for an answer, to have a
	// transaction under way that is not finished.
	Open []byte
}

// Run runs the suite, as far as the protocol has faces.
func Run(t *testing.T, s Suite) {
	if s.Taken == nil {
		s.Taken = func(status int) bool { return status >= 200 && status < 300 }
	}
	if s.Bodies == nil {
		s.Bodies = [][]byte{[]byte("one line\r\n")}
	}
	t.Run("value", s.value)
	if s.Protocol.Listen == nil {
		t.Run("driver", func(t *testing.T) { s.driver(t, s.drive(t, "")) })
		return
	}
	t.Run("driver", func(t *testing.T) {
		sink, _ := s.listen(t)
		s.driver(t, s.drive(t, sink.Address()))
	})
	t.Run("round trip", s.roundTrip)
	t.Run("acknowledges after keep", s.acknowledgesAfterKeep)
	t.Run("keep fails", s.keepFails)
	t.Run("concurrency", s.concurrency)
	t.Run("moods", s.moods)
	t.Run("body limit", s.bodyLimit)
	t.Run("probe", s.probe)
	t.Run("broken", s.broken)
	t.Run("close", s.closes)
	t.Run("no keep", s.noKeep)
	if s.Protocol.Decode != nil {
		t.Run("decode", s.decode)
	}
	if s.Protocol.Tap != nil {
		t.Run("tap passes", s.tapPasses)
		t.Run("tap tells first", s.tapTellsFirst)
		t.Run("tap concurrency", s.tapConcurrency)
		t.Run("tap limit", s.tapLimit)
		t.Run("tap broken", s.tapBroken)
		t.Run("tap down", s.tapDown)
		t.Run("tap without callbacks", s.noCallbacks)
	}
}

// value checks what can be seen of a protocol without using it.
func (s *Suite) value(t *testing.T) {
	p := s.Protocol
	if p.Name == "" || strings.Trim(p.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		t.Errorf("name %q: want lower case", p.Name)
	}
	if p.Doc == "" || strings.Contains(p.Doc, "\n") {
		t.Errorf("doc %q: want one line", p.Doc)
	}
	if p.Drive == nil && p.Listen == nil {
		t.Error("it can neither drive nor listen")
	}
	if (p.Listen == nil) != (p.Check == nil) {
		t.Error("Check and Listen come together: settings are checked before a sink is opened")
	}
	if p.Listen != nil && p.Decode == nil {
		t.Error("what its sink takes cannot be decoded")
	}
	if p.Check != nil {
		if err := p.Check(s.Settings); err != nil {
			t.Errorf("the suite's own settings: %v", err)
		}
		wrong := errors.New("unknown key")
		refuse := func(any) error { return wrong }
		if err := p.Check(refuse); !errors.Is(err, wrong) {
			t.Errorf("Check of settings that cannot be read says %v", err)
		}
		if _, err := p.Decode(refuse); !errors.Is(err, wrong) {
			t.Errorf("Decode with settings that cannot be read says %v", err)
		}
	}
}

// driver checks what holds of every driver.
func (s *Suite) driver(t *testing.T, d channel.Driver) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			if out := d.Do(t.Context(), s.sample(i, s.Bodies[0])); out.Error != "" || out.Stimulus != id(i) || out.Elapsed <= 0 {
				t.Errorf("outcome %+v", out)
			}
		})
	}
	all.Wait()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if out := d.Do(done, s.sample(8, s.Bodies[0])); out.Error == "" || out.Stimulus != id(8) {
		t.Errorf("outcome of a stimulus that was stopped: %+v", out)
	}
	for range 2 {
		if err := d.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
}

func (s *Suite) roundTrip(t *testing.T) {
	sink, e := s.listen(t)
	d := s.drive(t, sink.Address())
	for i, body := range s.Bodies {
		s.mustTake(t, d, i, body)
		m := e.last(t, i+1)
		if !bytes.Equal(m.Body, body) {
			t.Errorf("body %d: %d bytes %.60q, want %d bytes %.60q", i, len(m.Body), m.Body, len(body), body)
		}
		if m.Channel != s.Protocol.Name || m.Sink != sinkName || m.At == 0 || len(m.Head) == 0 || m.Cut != 0 {
			t.Errorf("message %d: channel %q, sink %q, at %d, head %q, cut %d", i, m.Channel, m.Sink, m.At, m.Head, m.Cut)
		}
	}
	if st := sink.Stats(); st.Accepted != uint64(len(s.Bodies)) || st.Refused != 0 || st.LastAt == 0 {
		t.Errorf("stats %+v", st)
	}
	e.noGaps(t)
}

func (s *Suite) acknowledgesAfterKeep(t *testing.T) {
	sink, e := s.listen(t)
	var stored atomic.Bool
	e.onKeep(func(*gate.Message) error {
		if st := sink.Stats(); st.Busy < 1 || st.Accepted != 0 {
			t.Errorf("while a message is being kept: %+v", st)
		}
		time.Sleep(50 * time.Millisecond) // that no acknowledgement comes cannot be awaited
		stored.Store(true)
		return nil
	})
	s.mustTake(t, s.drive(t, sink.Address()), 0, s.Bodies[0])
	if !stored.Load() {
		t.Fatal("acknowledged before Keep returned")
	}
	until(t, "the sink is quiet", func() bool { st := sink.Stats(); return st.Busy == 0 && st.Accepted == 1 })
}

func (s *Suite) keepFails(t *testing.T) {
	sink, e := s.listen(t)
	d := s.drive(t, sink.Address())
	e.onKeep(func(*gate.Message) error { return errors.New("disk full") })
	if out := d.Do(t.Context(), s.sample(0, s.Bodies[0])); s.taken(out) {
		t.Errorf("acknowledged what was not stored: %+v", out)
	}
	if st := sink.Stats(); st.Accepted != 0 {
		t.Errorf("counted as accepted what was not stored: %+v", st)
	}
	e.onKeep(nil)
	s.mustTake(t, s.drive(t, sink.Address()), 1, s.Bodies[0])
}

func (s *Suite) concurrency(t *testing.T) {
	const workers, each = 8, 20
	sink, e := s.listen(t)
	d := s.drive(t, sink.Address())
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := range each {
				i := w*each + n
				if out := d.Do(t.Context(), s.sample(i, marked(i))); !s.taken(out) {
					t.Errorf("outcome %+v", out)
				}
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, m := range e.kept() {
		seen[string(m.Body)]++
	}
	for i := range workers * each {
		if n := seen[string(marked(i))]; n != 1 {
			t.Errorf("message %d was kept %d times", i, n)
		}
	}
	if st := sink.Stats(); st.Accepted != workers*each || len(seen) != workers*each {
		t.Errorf("%d different messages, stats %+v", len(seen), st)
	}
	e.noGaps(t)
}

func (s *Suite) moods(t *testing.T) {
	sink, e := s.listen(t)
	open := s.drive(t, sink.Address())
	s.mustTake(t, open, 0, s.Bodies[0])
	for i, mood := range []channel.Mood{channel.Refuse, channel.Drop} {
		sink.Mood(mood)
		before := sink.Stats().Refused
		for j, d := range []channel.Driver{open, s.drive(t, sink.Address())} {
			out := d.Do(t.Context(), s.sample(10+2*i+j, s.Bodies[0]))
			if s.taken(out) || mood == channel.Drop && out.Error == "" {
				t.Fatalf("mood %d, connection %d: outcome %+v", mood, j, out)
			}
		}
		until(t, "both are counted as refused", func() bool { return sink.Stats().Refused >= before+2 })
	}
	sink.Mood(channel.Accept)
	s.mustTake(t, s.drive(t, sink.Address()), 20, s.Bodies[0])
	if n := len(e.kept()); n != 2 || sink.Stats().Accepted != 2 {
		t.Errorf("%d messages kept, stats %+v, want 2", n, sink.Stats())
	}
	e.noGaps(t)
}

func (s *Suite) bodyLimit(t *testing.T) {
	const limit = 10
	body := []byte(strings.Repeat("0123456789", 10) + "\r\n")
	sink, e := s.listen(t, func(c *channel.SinkConfig) { c.MaxBody = limit })
	s.mustTake(t, s.drive(t, sink.Address()), 0, body)
	m := e.last(t, 1)
	if !bytes.Equal(m.Body, body[:limit]) || m.Cut != int64(len(body)-limit) {
		t.Errorf("kept %q and cut %d", m.Body, m.Cut)
	}
	if !e.hasGap(gate.GapCutBody) {
		t.Error("a body was cut, and no gap says so")
	}
}

// probe connects and leaves, as who waits for a port does.
func (s *Suite) probe(t *testing.T) {
	sink, e := s.listen(t)
	conn := dial(t, sink)
	until(t, "the sink has seen the connection", func() bool { return sink.Stats().Open == 1 })
	conn.Close()
	until(t, "the connection is over", func() bool { return sink.Stats().Open == 0 })
	e.noGaps(t)
}

func (s *Suite) broken(t *testing.T) {
	sink, e := s.listen(t)
	s.open(t, sink).Close()
	until(t, "the connection is over", func() bool { st := sink.Stats(); return st.Open == 0 && st.Busy == 0 })
	if !e.hasGap(gate.GapBrokenMessage) || len(e.kept()) != 0 {
		t.Errorf("a transaction broke off: %d messages, gaps %+v", len(e.kept()), e.noted())
	}
}

func (s *Suite) closes(t *testing.T) {
	sink, e := s.listen(t)
	d := s.drive(t, sink.Address())
	s.mustTake(t, d, 0, s.Bodies[0])
	s.open(t, sink)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for range 2 {
		if err := sink.Close(done); err != nil {
			t.Errorf("closing: %v", err)
		}
	}
	if !e.hasGap(gate.GapBrokenMessage) || len(e.kept()) != 1 {
		t.Errorf("closing broke a transaction: %d messages, gaps %+v", len(e.kept()), e.noted())
	}
	if st := sink.Stats(); st.Busy != 0 || st.Open != 0 || st.Accepted != 1 {
		t.Errorf("after closing: %+v", st)
	}
	if out := d.Do(t.Context(), s.sample(1, s.Bodies[0])); out.Error == "" {
		t.Errorf("a closed sink answers: %+v", out)
	}
}

// noKeep asks for a sink whose evidence would go nowhere.
func (s *Suite) noKeep(t *testing.T) {
	sink, err := s.Protocol.Listen(channel.SinkConfig{Name: sinkName, Address: "127.0.0.1:0", Settings: s.Settings})
	if err == nil {
		sink.Close(t.Context())
		t.Error("a sink without Keep and Gap was opened")
	}
}

const sinkName = "sink"

func id(i int) string { return fmt.Sprintf("stimulus-%d", i) }

func marked(i int) []byte { return fmt.Appendf(nil, "message %d\r\n", i) }

func (s *Suite) sample(i int, body []byte) *gate.Stimulus {
	sample := s.Sample(i, slices.Clone(body))
	sample.ID = id(i)
	return &sample
}

func (s *Suite) taken(out gate.Outcome) bool { return out.Error == "" && s.Taken(out.Status) }

func (s *Suite) mustTake(t *testing.T, d channel.Driver, i int, body []byte) {
	t.Helper()
	if out := d.Do(t.Context(), s.sample(i, body)); !s.taken(out) {
		t.Fatalf("stimulus %d was not taken: %+v", i, out)
	}
}

func (s *Suite) drive(t *testing.T, address string) channel.Driver {
	t.Helper()
	cfg := s.Drive
	cfg.Door, cfg.Address, cfg.Concurrency = "door", address, 8
	d, err := s.Protocol.Drive(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func (s *Suite) listen(t *testing.T, change ...func(*channel.SinkConfig)) (channel.Sink, *evidence) {
	t.Helper()
	e := &evidence{}
	cfg := channel.SinkConfig{Name: sinkName, Address: "127.0.0.1:0", Keep: e.keep, Gap: e.gap, Settings: s.Settings}
	for _, c := range change {
		c(&cfg)
	}
	sink, err := s.Protocol.Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		done, cancel := context.WithCancel(context.Background())
		cancel()
		if err := sink.Close(done); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	return sink, e
}

// open has a transaction under way at the sink.
func (s *Suite) open(t *testing.T, sink channel.Sink) net.Conn {
	t.Helper()
	// An answer may arrive before the sink has put its transaction behind it.
	until(t, "what was answered is over", func() bool { return sink.Stats().Busy == 0 })
	conn := dial(t, sink)
	if _, err := conn.Write(s.Open); err != nil {
		t.Fatal(err)
	}
	until(t, "a transaction is under way", func() bool { return sink.Stats().Busy == 1 })
	return conn
}

func dial(t *testing.T, to interface{ Address() string }) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", to.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// until waits for what no call tells.
func until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
	}
}
