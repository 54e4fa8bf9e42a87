package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	leastSettle = 10 * time.Millisecond // between two answers of a probe
	firstPause  = 5 * time.Millisecond
	longPause   = 250 * time.Millisecond
)

// How the end of a run was known: the values of [gate.Footer].Quiet.
const (
	byProbe    = "probe"
	byIdleness = "idle"
)

// activity is what sinks have seen. Two that are equal and not busy: nothing
// happened in between.
type activity struct {
	accepted, refused uint64
	last              int64 // sum over the sinks of when something last happened
	busy, open        int
}

func (r *run) activity() (a activity) {
	for _, s := range r.sinks {
		stats := s.Stats()
		a.accepted += stats.Accepted
		a.refused += stats.Refused
		a.last += stats.LastAt
		a.busy += stats.Busy
		a.open += stats.Open
	}
	return a
}

// isQuiet tries once to prove that the build is quiet. It returns how that is
// known, or "" and what was seen instead; that names nobody.
func (r *run) isQuiet(ctx context.Context) (how, seen string) {
	before := r.activity()
	if before.busy > 0 {
		return "", fmt.Sprintf("%d connections to sinks were busy", before.busy)
	}
	if r.build.HasQuietProbe() {
		for i := range 2 {
			if i > 0 && !wait(ctx, max(r.plan.Settle, leastSettle)) {
				return "", "time ran out"
			}
			if r.build.Quiet(ctx) != nil {
				return "", "its quiet probe did not say yes"
			}
		}
		if r.activity() != before {
			return "", "it was still sending"
		}
		return byProbe, ""
	}
	took, known := r.build.Processor()
	if !wait(ctx, max(r.plan.Settle, leastSettle)) {
		return "", "time ran out"
	}
	if r.activity() != before {
		return "", "it was still sending"
	}
	if now, still := r.build.Processor(); known && still && now != took {
		return "", "it was still computing"
	}
	return byIdleness, ""
}

// awaitQuiet waits until the build is quiet. Where time runs out that is a gap,
// and the answer is "".
func (r *run) awaitQuiet(ctx context.Context) string {
	within, cancel := context.WithTimeout(ctx, r.plan.QuietTimeout)
	defer cancel()
	last := "time ran out"
	for pause := firstPause; ; pause = min(2*pause, longPause) {
		how, seen := r.isQuiet(within)
		if how != "" {
			return how
		}
		if within.Err() == nil {
			last = seen
		}
		if !wait(within, pause) {
			break
		}
	}
	if ctx.Err() == nil {
		r.gap(gate.Gap{Kind: gate.GapNotQuiet, Where: "build", Detail: fmt.Sprintf("the build was not quiet within %s: %s", r.plan.QuietTimeout, last)})
	}
	return ""
}

// awaitClosed waits until the connections of a build that was stopped are at
// their ends, or, where somebody else holds one open, nothing more happens on it.
func (r *run) awaitClosed(ctx context.Context) {
	for {
		before := r.activity()
		if before.open == 0 {
			return
		}
		if !wait(ctx, max(r.plan.Settle, leastSettle)) {
			return // closing a sink tells what it breaks
		}
		if before.busy == 0 && r.activity() == before {
			return
		}
	}
}
