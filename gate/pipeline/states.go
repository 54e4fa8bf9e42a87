package pipeline

import (
	"fmt"

	"github.com/waybill-dev/waybill/gate"
)

// otherStates says of which replays what the build kept was not the same, before them or after, as
// of the first of production. Where one run was checked, all must have been.
func otherStates(p *scanned, replays []*scanned, s *scanned) []gate.Gap {
	type run struct {
		name  string
		facts *gate.StateFacts
	}
	runs := make([]run, 0, len(replays)+2)
	add := func(name string, r *scanned) {
		if r.header.Content != gate.RunTape || !r.whole { // a corpus, or a run of which the end is not known
			return
		}
		facts := r.facts.State
		if facts == nil {
			facts = &gate.StateFacts{}
		}
		runs = append(runs, run{name, facts})
	}
	add("production", p)
	for i, r := range replays {
		add(fmt.Sprintf("production again (%d)", i+2), r)
	}
	add("staging", s)
	var gaps []gate.Gap
	for i := 1; i < len(runs); i++ {
		for _, when := range []struct {
			word          string
			before, after []gate.StateLine
		}{{"before", runs[0].facts.Before, runs[i].facts.Before}, {"after", runs[0].facts.After, runs[i].facts.After}} {
			detail := gate.StateDiffers(when.before, when.after)
			switch {
			case detail == "":
				continue
			case len(when.before) == 0:
				detail = runs[0].name + " was not checked"
			case len(when.after) == 0:
				detail = "it was not checked"
			}
			gaps = append(gaps, gate.Gap{Kind: gate.GapState, Where: "state of " + runs[i].name,
				Detail: fmt.Sprintf("%s the replay it was not as that of %s: %s", when.word, runs[0].name, detail)})
		}
	}
	return gaps
}
