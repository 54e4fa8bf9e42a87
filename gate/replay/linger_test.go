package replay_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/replay"
)

// A build that sends after it was taken for quiet, whether by idleness or by a probe that
// lies, leaves a gap that names the message; the message is on the tape.
func TestLateMessages(t *testing.T) {
	for _, after := range []time.Duration{0, 2 * time.Second, 8 * time.Second} {
		for _, lies := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				var st store
				m := &memory{}
				if lies {
					m.quiet = func() error { return nil }
				}
				m.do = func(_ context.Context, s *gate.Stimulus) gate.Outcome {
					m.transmit("at once")
					if s.ID == "s2" && after > 0 {
						time.AfterFunc(after, func() { m.transmit("late") })
					}
					return gate.Outcome{Status: 200}
				}
				p := m.plan(&st, stimuli(3, nil)...)
				p.Linger = 10 * time.Second
				_, err := replay.Run(t.Context(), p)
				must(t, err)
				switch {
				case after == 0 && len(st.gaps) > 0:
					t.Errorf("gaps of a build that sends nothing late: %+v", st.gaps)
				case after == 0:
				case len(st.gaps) != 1 || st.gaps[0].Kind != gate.GapNotQuiet || st.gaps[0].Seq != 4 || !strings.Contains(st.gaps[0].Detail, "taken for quiet"):
					t.Errorf("after %s, a probe that lies: %v, gaps are %+v", after, lies, st.gaps)
				case len(st.messages) != 4:
					t.Errorf("%d messages are on the tape", len(st.messages))
				}
			})
		}
	}
}

// How long nothing must happen is measured: three times the longest gap between a cause and
// its last effect, in this replay and in those before it, at least LeastSettle, at most the
// time in which the build must become quiet.
func TestSettleIsMeasured(t *testing.T) {
	for _, c := range []struct {
		lag, known, settle time.Duration
		gaps               int
	}{
		{0, 0, replay.LeastSettle, 0},
		{time.Second, 0, 3 * time.Second, 0},
		{1900 * time.Millisecond, 0, 5700 * time.Millisecond, 0},
		{5 * time.Second, 5 * time.Second, 15 * time.Second, 0}, // an earlier replay has shown it
		{5 * time.Second, 0, replay.LeastSettle, 3},             // nothing has
		{0, time.Minute, 30 * time.Second, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			var st store
			m := &memory{}
			m.do = func(context.Context, *gate.Stimulus) gate.Outcome {
				time.AfterFunc(c.lag, func() { m.transmit("then") })
				return gate.Outcome{Status: 200}
			}
			p := m.plan(&st, stimuli(3, nil)...)
			p.Settle, p.Lag, p.Linger = 0, c.known, 10*time.Second
			r, err := replay.Run(t.Context(), p)
			must(t, err)
			if len(st.gaps) != c.gaps || len(st.messages) != 3 {
				t.Errorf("%+v: %d messages, gaps %+v", c, len(st.messages), st.gaps)
			}
			if time.Duration(r.Footer.Settle) != c.settle || r.Lag != c.lag || time.Duration(r.Footer.Linger) != p.Linger {
				t.Errorf("%+v: the longest gap is taken for %s, and the end was known after %s and %s", c, r.Lag, time.Duration(r.Footer.Settle), time.Duration(r.Footer.Linger))
			}
		})
	}
}

// A build stays up until the other one is done too, and what comes until then is a gap.
func TestStaysUpForTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{}
		p := m.plan(&st, stimuli(1, nil)...)
		other, lingered := make(chan struct{}), time.Time{}
		begun := time.Now()
		p.Linger, p.Until, p.Lingered = time.Second, other, func() { lingered = time.Now() }
		time.AfterFunc(50*time.Second, func() { m.transmit("late") })
		time.AfterFunc(time.Minute, func() { close(other) })
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if up := time.Since(begun); up < time.Minute || lingered.Sub(begun) > 5*time.Second {
			t.Errorf("it was up for %s, and said after %s that it had lingered", up, lingered.Sub(begun))
		}
		if len(st.gaps) != 1 || st.gaps[0].Kind != gate.GapNotQuiet || st.gaps[0].Seq != 1 {
			t.Errorf("gaps are %+v", st.gaps)
		}
	})
}

// What a job printed before it failed is told, to people who may see it; the gap holds none of it.
func TestJobSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{job: func(context.Context, string, []byte) gate.Outcome {
			return gate.Outcome{Status: 3, Body: []byte(strings.Repeat("x", 5000) + "\nno such table: members of zoe\n")}
		}}
		p := m.plan(&st, stimuli(1, nil)...)
		p.Scenario.Jobs = []string{"drain"}
		r, err := replay.Run(t.Context(), p)
		must(t, err)
		if len(r.Jobs) != 1 || !strings.HasPrefix(r.Jobs[0], "job drain ended with status 3") || !strings.HasSuffix(r.Jobs[0], "no such table: members of zoe") || len(r.Jobs[0]) > 2200 {
			t.Errorf("it is told as %q", r.Jobs)
		}
		if len(st.gaps) != 1 || strings.Contains(st.gaps[0].Detail, "zoe") {
			t.Errorf("gaps are %+v", st.gaps)
		}
	})
}
