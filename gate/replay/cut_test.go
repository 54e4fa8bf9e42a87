package replay_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/replay"
)

// Half an upload is no upload: sent as if it were whole, both builds would refuse it
// alike, and nothing would show that its effects were never compared.
func TestCutStimulusIsNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
			if s.Cut > 0 {
				t.Errorf("%s was sent", s.ID)
			}
			return gate.Outcome{Status: 200}
		}}
		_, err := replay.Run(t.Context(), m.plan(&st, stimuli(3, func(i int, s *gate.Stimulus) { s.Cut = int64(i % 2) })...))
		must(t, err)
		if len(st.gaps) != 1 || st.gaps[0].Kind != gate.GapCutBody || st.gaps[0].Stimulus != "s1" {
			t.Errorf("gaps are %+v", st.gaps)
		}
		if len(st.outcomes) != 2 {
			t.Errorf("outcomes are %+v", st.outcomes)
		}
	})
}
