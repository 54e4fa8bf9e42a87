package channeltest

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

func (s *Suite) tap(t *testing.T, side channel.Side, upstream string, change ...func(*channel.TapConfig)) (channel.Tap, *copied) {
	t.Helper()
	cfg := channel.TapConfig{Name: sinkName, Side: side, Upstream: upstream}
	for _, f := range change {
		f(&cfg)
	}
	r := OpenTap(t, s.Protocol, cfg)
	return r.Tap, &r.copied
}

var sides = map[string]channel.Side{"front": channel.Front, "behind": channel.Behind}

// tapPasses: what a sink behind a tap takes, and what its driver is answered, is what
// it is without one, and the tap takes down the same.
func (s *Suite) tapPasses(t *testing.T) {
	for name, side := range sides {
		t.Run(name, func(t *testing.T) {
			plain, alone := s.listen(t)
			sink, e := s.listen(t)
			tap, c := s.tap(t, side, sink.Address())
			direct, d := s.drive(t, plain.Address()), s.drive(t, tap.Address())
			for i, body := range s.Bodies {
				want, got := direct.Do(t.Context(), s.sample(i, body)), d.Do(t.Context(), s.sample(i, body))
				want.Elapsed, got.Elapsed = 0, 0
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("the driver is answered (-without +with a tap):\n%s", diff)
				}
				a, b := alone.last(t, i+1), e.last(t, i+1)
				if diff := cmp.Diff(comparable(a, plain, tap), comparable(b, sink, tap)); diff != "" {
					t.Fatalf("the sink takes (-without +with a tap):\n%s", diff)
				}
				if c.told() != i+1 {
					t.Fatalf("%d were taken down after %d were answered", c.told(), i+1)
				}
				if side == channel.Behind {
					if diff := cmp.Diff(comparable(b, sink, tap), comparable(c.messages[i], sink, tap)); diff != "" {
						t.Errorf("taken down (-sink +tap):\n%s", diff)
					}
					continue
				}
				st, o := c.stimuli[i], c.outcomes[i]
				if !bytes.Equal(st.Body, body) || st.ID != "" || st.Channel != s.Protocol.Name || st.Door != sinkName || st.Key == "" || st.At == 0 || st.Status != got.Status || st.Cut != 0 {
					t.Errorf("stimulus %+v", st)
				}
				if o.Status != got.Status || o.Error != "" || o.Elapsed <= 0 {
					t.Errorf("outcome %+v", o)
				}
				// A tap's stimulus can be sent again, and arrives as it did.
				again := *st
				again.ID = id(i)
				if out := direct.Do(t.Context(), &again); !s.taken(out) {
					t.Errorf("the stimulus that was taken down is not taken: %+v", out)
				} else if m := alone.kept(); !bytes.Equal(m[len(m)-1].Body, body) {
					t.Errorf("the stimulus that was taken down arrives with another body")
				}
				alone.forgetLast()
			}
			if st := tap.Stats(); st.Accepted != uint64(len(s.Bodies)) || st.Refused != 0 || st.LastAt == 0 {
				t.Errorf("stats %+v", st)
			}
			if gaps := c.noted(); len(gaps) > 0 {
				t.Errorf("gaps %+v", gaps)
			}
		})
	}
}

// comparable is a message without what differs from one connection to the next.
func comparable(m *gate.Message, at ...interface{ Address() string }) *gate.Message {
	c := clone(m)
	c.Seq, c.At, c.Peer = 0, 0, ""
	for _, a := range at {
		if c.Host == a.Address() {
			c.Host = "" // reached by its own address
		}
	}
	if len(c.Body) == 0 {
		c.Body = nil
	}
	return c
}

// tapTellsFirst: no client has its answer before the exchange is taken down.
func (s *Suite) tapTellsFirst(t *testing.T) {
	for name, side := range sides {
		t.Run(name, func(t *testing.T) {
			sink, _ := s.listen(t)
			tap, c := s.tap(t, side, sink.Address())
			d := s.drive(t, tap.Address())
			told, hold := make(chan struct{}), make(chan struct{})
			c.before = func() { close(told); <-hold }
			answered := make(chan gate.Outcome, 1)
			go func() { answered <- d.Do(t.Context(), s.sample(0, s.Bodies[0])) }()
			<-told
			select {
			case out := <-answered:
				t.Errorf("answered before it was taken down: %+v", out)
				close(hold)
				return
			case <-time.After(50 * time.Millisecond): // that nothing comes cannot be awaited
			}
			close(hold)
			if out := <-answered; !s.taken(out) {
				t.Errorf("outcome %+v", out)
			}
		})
	}
}

// tapConcurrency: many at once all arrive, and each is taken down once.
func (s *Suite) tapConcurrency(t *testing.T) {
	const workers, each = 8, 20
	sink, e := s.listen(t)
	tap, c := s.tap(t, channel.Front, sink.Address())
	d := s.drive(t, tap.Address())
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
	for _, st := range c.stimuli {
		seen[string(st.Body)]++
	}
	for i := range workers * each {
		if n := seen[string(marked(i))]; n != 1 {
			t.Errorf("stimulus %d was taken down %d times", i, n)
		}
	}
	if len(e.kept()) != workers*each {
		t.Errorf("%d arrived", len(e.kept()))
	}
}

// tapLimit: a body is passed on whole, and taken down up to the limit.
func (s *Suite) tapLimit(t *testing.T) {
	const limit = 10
	body := bytes.Repeat([]byte("0123456789"), 10)
	body = append(body, "\r\n"...)
	sink, e := s.listen(t)
	tap, c := s.tap(t, channel.Front, sink.Address(), func(cfg *channel.TapConfig) { cfg.MaxBody = limit })
	s.mustTake(t, s.drive(t, tap.Address()), 0, body)
	if m := e.last(t, 1); !bytes.Equal(m.Body, body) {
		t.Errorf("%q arrived", m.Body)
	}
	if st := c.stimuli[0]; !bytes.Equal(st.Body, body[:limit]) || st.Cut != int64(len(body)-limit) {
		t.Errorf("taken down: %q, cut %d", st.Body, st.Cut)
	}
	if !slices.ContainsFunc(c.noted(), func(g gate.Gap) bool { return g.Kind == gate.GapCutBody }) {
		t.Errorf("a body was cut, and the gaps are %+v", c.noted())
	}
}

// tapBroken: a transaction that ends half way is told as missed, by its client's
// leaving and by the tap's being closed.
func (s *Suite) tapBroken(t *testing.T) {
	for _, close := range []bool{false, true} {
		sink, _ := s.listen(t)
		tap, c := s.tap(t, channel.Front, sink.Address())
		conn := dial(t, tap)
		if _, err := conn.Write(s.Open); err != nil {
			t.Fatal(err)
		}
		until(t, "a transaction is under way", func() bool { return sink.Stats().Busy == 1 && tap.Stats().Busy == 1 })
		if close {
			breakOff(t, tap)
		} else {
			conn.Close()
		}
		until(t, "the connection is over", func() bool { return tap.Stats().Open == 0 && sink.Stats().Open == 0 })
		if len(c.noted()) == 0 || c.told() != 0 {
			t.Errorf("a transaction broke off (by closing: %v): %d taken down, gaps %+v", close, c.told(), c.noted())
		}
	}
}

// tapDown: where there is no upstream the client is told nothing, and nothing is recorded.
func (s *Suite) tapDown(t *testing.T) {
	sink, _ := s.listen(t)
	address := sink.Address()
	if err := sink.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	tap, c := s.tap(t, channel.Front, address)
	if out := s.drive(t, tap.Address()).Do(t.Context(), s.sample(0, s.Bodies[0])); out.Error == "" || out.Status != 0 || len(out.Head) > 0 {
		t.Errorf("outcome %+v", out)
	}
	until(t, "it is counted", func() bool { return tap.Stats().Refused >= 1 && tap.Stats().Open == 0 })
	if c.told() != 0 || len(c.noted()) != 0 {
		t.Errorf("%d taken down, gaps %+v", c.told(), c.noted())
	}
}

// noCallbacks asks for a tap whose copies would go nowhere.
func (s *Suite) noCallbacks(t *testing.T) {
	for name, side := range sides {
		tap, err := s.Protocol.Tap(channel.TapConfig{Name: sinkName, Side: side, Listen: "127.0.0.1:0", Upstream: "127.0.0.1:1"})
		if err == nil {
			breakOff(t, tap)
			t.Errorf("a tap (%s) without callbacks was opened", name)
		}
	}
}
