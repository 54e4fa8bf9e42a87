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
