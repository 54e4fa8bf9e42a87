package replay

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
)

// patience is how many times Settle a build that tries again and again is left in
// an outage that it has felt.
const patience = 10

// moods are those of sinks, by those of scenarios.
var moods = map[config.Mood]channel.Mood{
	config.Refuse: channel.Refuse, config.Drop: channel.Drop, config.Limit: channel.Limit, config.Lose: channel.Lose,
}

// outage is the phase in which sinks turn away.
const outage = "outage"

// outageBounds returns the indices of the first stimulus of the outage and of the
// first after it. Indices that no stimulus has: there is none.
func (r *run) outageBounds() (from, to uint64) {
	s := &r.plan.Scenario
	if s.Kind != config.Outage {
		return math.MaxUint64, math.MaxUint64
	}
	to = math.MaxUint64
	if s.To < 1 {
		to = uint64(math.Ceil(float64(s.To) * float64(r.plan.Total)))
	}
	return uint64(s.From * float64(r.plan.Total)), to
}

// beginOutage lets the sinks of the scenario turn away what comes, or lose their answers. All stimuli
// before it are answered.
func (r *run) beginOutage() {
	mood := moods[r.plan.Scenario.Mood]
	r.base = make(map[string]uint64)
	r.ledger.enter(outage)
	for _, s := range r.sinks {
		if slices.Contains(r.plan.Scenario.Sinks, s.name) {
			r.base[s.name] = s.Stats().Refused
			s.Mood(mood)
		}
	}
}

// endOutage lets the sinks recover. All stimuli in the outage are answered. So
// that it was one, it lasts until the build has nothing left to try, or until
// each sink has turned something away and the build was left to try for a while.
func (r *run) endOutage(ctx context.Context) {
	left := patience * r.pause()
	begun := time.Now()
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		how, seen := r.isQuiet(ctx)
		waited := time.Since(begun)
		if how != "" || waited >= left && r.wasFelt() || !wait(ctx, pause) {
			break
		}
		if waited >= r.plan.QuietTimeout {
			r.gap(gate.Gap{Kind: gate.GapNotQuiet, Where: "outage", Detail: fmt.Sprintf("within %s not every sink of the outage turned something away, nor was the build quiet: %s", r.plan.QuietTimeout, seen)})
			break
		}
	}
	r.ledger.enter("drain")
	for _, s := range r.sinks {
		if _, ok := r.base[s.name]; ok {
			s.Mood(channel.Accept)
		}
	}
}

// wasFelt reports whether each sink of the outage has turned something away.
func (r *run) wasFelt() bool {
	for _, s := range r.sinks {
		if base, ok := r.base[s.name]; ok && s.Stats().Refused <= base {
			return false
		}
	}
	return true
}
