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
		synctest.Test(t, func(t *testing.T) {
			var st store
			m := &memory{}
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
				t.Errorf("after %s gaps are %+v", after, st.gaps)
			case len(st.messages) != 4:
				t.Errorf("%d messages are on the tape", len(st.messages))
			}
		})
	}
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
