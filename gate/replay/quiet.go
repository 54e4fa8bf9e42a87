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

// linger leaves a build that was taken for quiet running for a while. What it sends then is
// kept, and is a gap: quiet was declared too early, and nobody knows what more would come.
func (r *run) linger(ctx context.Context) {
	declared, seq := time.Now(), r.ledger.seq.Load()
	before := r.activity()
	after, last := before, time.Duration(0)
	for time.Since(declared) < r.plan.Linger && wait(ctx, min(longPause, r.plan.Linger-time.Since(declared))) {
		if now := r.activity(); now.accepted != after.accepted || now.refused != after.refused || now.busy > 0 {
			after, last = now, time.Since(declared)
		}
	}
	if n := after.accepted + after.refused - before.accepted - before.refused; n > 0 || last > 0 {
		detail := fmt.Sprintf("it sent %d messages up to %.1f s after it was taken for quiet (%s), which are on the tape: whether that was all is not known", n, last.Seconds(), r.quiet)
		g := gate.Gap{Kind: gate.GapNotQuiet, Where: "build", Detail: detail, Count: max(n, 1)}
		if r.ledger.seq.Load() > seq {
			g.Seq = seq + 1
		}
		r.gap(g)
	}
}
