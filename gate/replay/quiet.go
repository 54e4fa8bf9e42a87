package replay

import (
	"context"
	"fmt"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	leastSettle = 10 * time.Millisecond  // between two answers of a probe
	computing   = 300 * time.Millisecond // for which a build that is idle takes no processor time, at the least
	lags        = 3                      // how many times the longest gap is waited for
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
	return r.isIdle(ctx, before)
}

// isIdle watches until nothing has happened since before for as long as must be, or
// something does. Processor time is asked for at the end alone: many runtimes take some of
// it, now and then, while they do nothing.
func (r *run) isIdle(ctx context.Context, before activity) (how, seen string) {
	begun, settle := time.Now(), r.settle()
	step := max(min(settle, computing), leastSettle)
	seen = "time ran out"
	for {
		took, known := r.build.Processor()
		if !wait(ctx, step) {
			return "", seen
		}
		if r.activity() != before {
			return "", "it was still sending"
		}
		now, still := r.build.Processor()
		switch {
		case known && still && now != took:
			seen = "it was still computing"
		case time.Since(begun) >= settle:
			r.result.Footer.Settle = int64(settle)
			return byIdleness, ""
		}
	}
}

// settle is how long nothing must happen for idleness.
func (r *run) settle() time.Duration {
	if r.plan.Settle > 0 {
		return r.plan.Settle
	}
	return min(max(lags*max(r.plan.Lag, r.ledger.longestLag()), LeastSettle), r.plan.QuietTimeout)
}

// pause is how long is waited for what is about to happen.
func (r *run) pause() time.Duration {
	if r.plan.Settle > 0 {
		return max(r.plan.Settle, leastSettle)
	}
	return computing
}

// awaitQuiet waits until the build is quiet. Where time runs out that is a gap,
// and the answer is "". The last time in which nothing must happen comes on top.
func (r *run) awaitQuiet(ctx context.Context) string {
	within, cancel := context.WithTimeout(ctx, r.plan.QuietTimeout+r.settle())
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
		if !wait(ctx, r.pause()) {
			return // closing a sink tells what it breaks
		}
		if before.busy == 0 && r.activity() == before {
			return
		}
	}
}

// linger leaves a build that was taken for quiet running for a while. The ledger makes a gap
// of each message that it sends from then on: quiet was declared too early, and nobody knows
// what more would come.
func (r *run) linger(ctx context.Context) {
	r.ledger.declareQuiet(r.quiet)
	before := r.activity()
	wait(ctx, r.plan.Linger)
	if r.plan.Lingered != nil {
		r.plan.Lingered()
	}
	if r.plan.Until != nil {
		select {
		case <-r.plan.Until:
		case <-ctx.Done():
		}
	}
	r.result.Footer.Linger = int64(r.plan.Linger)
	now := r.activity()
	if n := now.refused - before.refused; n > 0 || now.busy > 0 {
		r.gap(gate.Gap{Kind: gate.GapNotQuiet, Where: "build", Count: max(n, 1),
			Detail: fmt.Sprintf("after the build was taken for quiet (%s) it sent what sinks refused, or had not ended: %d were refused, %d connections were busy", r.quiet, n, now.busy)})
	}
}
