package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
)

// stimulate sends the corpus, with the outage of the scenario between its bounds.
// It returns when all stimuli are answered or work is abandoned.
func (r *run) stimulate(ctx context.Context) {
	strict := r.plan.Order == config.InSequence && r.contention == nil // which is there to change the order
	q := newQueue(r.plan.Concurrency, strict)
	defer q.endWith(ctx)()
	var workers sync.WaitGroup
	for range r.plan.Concurrency {
		workers.Go(func() {
			for i := q.take(); i != nil; i = q.take() {
				if other := r.together(q, i); other != nil {
					r.sendBoth(ctx, i, other)
					q.done(other)
				} else {
					r.send(ctx, i)
				}
				q.done(i)
			}
		})
	}
	from, to := r.outageBounds()
	read := uint64(0)
	pace := pacer{factor: float64(r.plan.Pace)}
	for s, err := range r.plan.Stimuli {
		if err != nil {
			r.fail(fmt.Errorf("read the corpus after %d stimuli: %w", read, err))
			break
		}
		if ctx.Err() == nil {
			switch read {
			case from:
				if q.drained() {
					r.beginOutage()
				}
			case to:
				if q.drained() {
					r.endOutage(ctx)
				}
			}
		}
		read++
		i := &item{Stimulus: s, place: read, due: pace.due(s.At), after: r.answers.before(&s), needed: r.plan.Needs.Of(s.ID) != nil || r.plan.Needs.Causes(s.ID)}
		resource, writes := resourceOf(&s)
		if i.about, i.writes = r.plan.Needs.People(&s), writes; resource != "" {
			i.about = append(i.about, resource)
		}
		i.rank = r.contention.rank(i)
		if ctx.Err() == nil && waitUntil(ctx, i.due) && q.put(i) {
			continue
		}
		if r.plan.Total > 0 || interrupted(ctx) {
			break // how many are left is known, or a person waits
		}
	}
	q.drained()
	q.end()
	workers.Wait()
	if ctx.Err() == nil && read < r.plan.Total {
		r.fail(fmt.Errorf("the corpus ended after %d of %d stimuli", read, r.plan.Total))
	}
	r.tellNotSent(ctx, read)
	if ctx.Err() == nil && r.plan.Scenario.Kind == config.Outage && to >= read {
		r.endOutage(ctx)
	}
}

// tellNotSent accounts for every stimulus that was not sent.
func (r *run) tellNotSent(ctx context.Context, read uint64) {
	if read == 0 && ctx.Err() == nil {
		r.gap(gate.Gap{Kind: gate.GapEmptyCorpus, Where: "corpus", Detail: "the corpus has no stimuli"})
	}
	all := max(r.plan.Total, read)
	sent := r.sent.Load()
	if left := all - min(sent, all); left > 0 {
		r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "corpus", Detail: fmt.Sprintf("%d of %d stimuli were not sent: %v", left, all, context.Cause(ctx)), Count: left})
	}
}

// send sends one stimulus and takes down its outcome.
func (r *run) send(ctx context.Context, i *item) {
	s := &i.Stimulus
	if ctx.Err() != nil {
		return // counted with those that were not sent
	}
	if !i.due.IsZero() {
		r.late(time.Since(i.due))
	}
	driver, ok := r.drivers[s.Door]
	r.sent.Add(1)
	defer r.done.Add(1)
	if s.Cut > 0 {
		r.gap(gate.Gap{Kind: gate.GapCutBody, Where: "stimulus", Detail: "not all of its body was recorded: it was not sent", Stimulus: s.ID})
		return
	}
	var o gate.Outcome
	switch {
	case ok:
		s = r.bound(ctx, s)
		r.mailbox.begin(s)
		r.contention.before(ctx, driver, s)
		f := r.contention.begin(s)
		r.ledger.begin()
		within, cancel := context.WithTimeout(ctx, r.plan.AnswerTimeout)
		o = driver.Do(within, s)
		cancel()
		r.ledger.end()
		r.contention.end(f)
	case s.Channel == channelExec:
		r.mailbox.begin(s)
		r.ledger.begin()
		o = r.build.Job(ctx, firstLine(s.Head), s.Body)
		r.ledger.end()
	default:
		r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "door " + s.Door, Detail: "there is no such door: add it to the configuration", Stimulus: s.ID})
		return
	}
	r.answered(s, &o)
	if r.plan.Scenario.Kind == config.Cache && o.Error == "" {
		r.askAgain(ctx, s)
	}
	r.dawdle(ctx, driver, s)
}

// answered takes down what became of a stimulus.
func (r *run) answered(s *gate.Stimulus, o *gate.Outcome) {
	if o.Error == "" && o.Status == 0 && s.Channel != channelExec {
		o.Error = "the driver brought no status back"
	}
	o.Stimulus, o.Channel, o.Key, o.Phase = s.ID, s.Channel, s.Key, *r.ledger.phase.Load()
	r.answers.keep(o)
	r.mailbox.end(s, o)
	if r.links != nil || r.plan.Scenario.Kind == config.Cache {
		r.sessions.Saw(s, o)
	}
	r.shorten(s, o)
	r.ledger.outcome(o)
	if g, bad := r.judge(s, o); bad {
		r.gap(g)
		if g.Kind == gate.GapJobFailed {
			r.jobFailed(firstLine(s.Head), o)
		}
	}
}

const channelExec = "exec"

func firstLine(b []byte) string {
	for i, c := range b {
		if c == '\r' || c == '\n' {
			return string(b[:i])
		}
	}
	return string(b)
}

// failedFrom is the status from which on an answer is a failure, by channel:
// RFC 9110, section 15.6, and RFC 5321, section 4.2.1.
var failedFrom = map[string]int{"http": 500, "smtp": 400, channelExec: 1}

// judge says whether an outcome leaves something unseen. The detail names nobody:
// what the build said stands in the outcome.
func (r *run) judge(s *gate.Stimulus, o *gate.Outcome) (gate.Gap, bool) {
	g := gate.Gap{Where: "stimulus", Stimulus: s.ID}
	from, known := failedFrom[s.Channel]
	switch {
	case s.Channel == channelExec && (o.Error != "" || o.Status != 0 && o.Status != s.Status):
		g.Kind, g.Detail = gate.GapJobFailed, fmt.Sprintf("a job ended with status %d", o.Status)
	case o.Error != "":
		g.Kind, g.Detail = gate.GapNoAnswer, fmt.Sprintf("the build did not answer within %s", r.plan.AnswerTimeout)
		if time.Duration(o.Elapsed) < r.plan.AnswerTimeout {
			g.Detail = "the build did not answer: the connection was refused or broke"
		}
	case known && o.Status >= from && o.Status != s.Status && o.Phase == outage && s.Channel != channelExec:
		// What the build could not send it may answer for: whether both builds do is compared.
		return g, false
	case known && o.Status >= from && o.Status != s.Status:
		g.Kind, g.Detail = gate.GapServerError, fmt.Sprintf("the build answered with status %d", o.Status)
		if s.Status != 0 {
			g.Detail += fmt.Sprintf(", and production when recorded with %d", s.Status)
		}
	default:
		return g, false
	}
	return g, true
}

// A pacer says when stimuli are due.
type pacer struct {
	factor  float64 // 0 is at once
	first   int64   // when the first was recorded
	started time.Time
}

// due returns when a stimulus is to be sent that was recorded at, in nanoseconds
// since 1970. The zero time is at once.
func (p *pacer) due(at int64) time.Time {
	if p.factor == 0 || at == 0 {
		return time.Time{}
	}
	if p.started.IsZero() {
		p.first, p.started = at, time.Now()
	}
	after := float64(at-p.first) / p.factor
	if after > math.MaxInt64/2 {
		after = math.MaxInt64 / 2
	}
	return p.started.Add(time.Duration(max(after, 0)))
}

// waitUntil waits until a time has come. false: ctx was done before.
func waitUntil(ctx context.Context, due time.Time) bool {
	if due.IsZero() {
		return true
	}
	return wait(ctx, time.Until(due))
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// interrupted reports whether work was abandoned from outside.
func interrupted(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return cause != nil && !errors.Is(cause, errCrashed) && !errors.Is(cause, errFlood) && !errors.Is(cause, errFailed)
}
