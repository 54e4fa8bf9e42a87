package replay

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

const (
	progressEvery = 200 * time.Millisecond
	closeTimeout  = 10 * time.Second // for transactions under way when a build has stopped
	hurry         = 5 * time.Second  // for a build to stop when a person waits
)

// Run replays p. Whatever becomes of it, the build is stopped and the sinks are
// closed when it returns; what was captured and what was missed is in the store,
// and the counts for the end of the tape are in the result. An error is told
// besides where the run could not begin, was interrupted, or could not be stored.
func Run(ctx context.Context, p Plan) (Result, error) {
	if err := p.validate(); err != nil {
		return Result{}, err
	}
	if p.Scenario.Kind == config.Cache {
		p.Concurrency = 1 // who asked before whom is the same in each replay
	}
	work, abandon := context.WithCancelCause(ctx)
	defer abandon(nil)
	r := &run{
		plan: &p, abandon: abandon, drivers: make(map[string]channel.Driver),
		ledger: newLedger(p.Store, p.MaxMessages, abandon),
		result: Result{Sinks: make(map[string]string)}, answers: newAnswers(p.Needs), mailbox: newMailbox(&p), links: newLinks(p.Follow),
	}
	r.ledger.arrival = func(m *gate.Message) {
		r.mailbox.arrive(m)
		r.links.take(m)
	}
	r.contention = newContention(&p.Scenario)
	stop := r.progress()
	defer stop()
	err := r.perform(ctx, work)
	return r.result, err
}

// A run is a replay under way.
type run struct {
	plan    *Plan
	ledger  *ledger
	answers *answers
	mailbox *mailbox
	links   *links // nil: none are asked for
	abandon func(error)
	result  Result

	sessions dynamic.Sessions // of those who asked, where the gate asks by itself
	visits   visits

	contention *contention // nil: the scenario is another

	sinks   []openSink
	build   Build
	drivers map[string]channel.Driver
	sent    atomic.Uint64 // stimuli
	done    atomic.Uint64 // of them, those whose outcome is known

	mu    sync.Mutex
	cause error  // the first failure to read the corpus
	quiet string // how the end was known
	base  map[string]uint64
}

type openSink struct {
	channel.Sink
	name string
}

func (r *run) gap(g gate.Gap) { r.ledger.gap(g) }

// fail abandons work because of something that is neither the build's doing nor a person's.
func (r *run) fail(err error) {
	r.mu.Lock()
	if r.cause == nil {
		r.cause = err
	}
	r.mu.Unlock()
	r.abandon(errFailed)
}

func (r *run) late(by time.Duration) {
	if by <= Lateness {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Late++
	r.result.Latest = max(r.result.Latest, by)
}

func (r *run) perform(ctx, work context.Context) error {
	err := r.open()
	if err == nil {
		r.build, err = r.plan.Start(work, r.result.Sinks)
		if err != nil {
			r.build, err = nil, r.notStarted(work, err)
		}
	}
	if r.build != nil {
		err = r.against(ctx, work)
	}
	r.closeSinks(ctx)
	r.result.Lag = r.ledger.longestLag()
	if r.contention != nil {
		r.result.Footer.Exposed = r.contention.exposed
	}
	r.account()
	err = errors.Join(err, r.tellWhy(ctx, work), r.ledger.close())
	r.result.Footer.Messages = r.ledger.messages.Load()
	r.result.Footer.Outcomes = r.ledger.outcomes.Load()
	r.result.Footer.Gaps = r.ledger.gaps.Load()
	return err
}

// against plays the scenario against the build, and stops it.
func (r *run) against(ctx, work context.Context) error {
	done := make(chan struct{})
	go func() { // a build that ends by itself is of no more use
		select {
		case <-r.build.Exited():
			r.abandon(errCrashed)
		case <-done:
		}
	}()
	err := r.drive()
	if err == nil {
		r.play(work)
	}
	if errors.Is(context.Cause(work), errFlood) {
		for _, s := range r.sinks {
			s.Mood(channel.Refuse)
		}
	}
	r.closeDrivers()
	close(done)
	r.ledger.stopping(r.plan.StopSends)
	r.stopBuild(ctx)
	return err
}

// notStarted tells that the build did not start, and returns the error of the
// run: none where it floods before it is ready, which is a finding about it.
func (r *run) notStarted(work context.Context, err error) error {
	r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "corpus", Detail: "the build did not start: no stimulus was sent", Count: r.plan.Total})
	switch {
	case errors.Is(context.Cause(work), errFlood):
		return nil
	case work.Err() == nil:
		r.gap(gate.Gap{Kind: gate.GapBuildCrashed, Where: "build", Detail: "the build did not start, or did not become ready"})
	}
	return err
}

// open opens the sinks: before the build starts, for it is told where they are.
func (r *run) open() error {
	for i := range r.plan.Sinks {
		s := &r.plan.Sinks[i]
		cfg := s.Config
		cfg.Keep, cfg.Gap = r.ledger.keep, r.gap
		opened, err := s.Listen(cfg)
		if err != nil {
			return fmt.Errorf("open sink %s at %s: %w", cfg.Name, cfg.Address, err)
		}
		r.sinks = append(r.sinks, openSink{opened, cfg.Name})
		r.result.Sinks[cfg.Name] = opened.Address()
	}
	return nil
}

// drive opens a driver to each door.
func (r *run) drive() error {
	addresses := r.build.Doors()
	for name, d := range r.plan.Doors {
		cfg := d.Config
		cfg.Door, cfg.Concurrency = name, r.plan.Concurrency
		if cfg.Address == "" {
			cfg.Address = addresses[name]
		}
		if cfg.MaxAnswer == 0 {
			cfg.MaxAnswer = r.plan.stored()
			if r.plan.Needs.Any() {
				cfg.MaxAnswer = max(cfg.MaxAnswer, neededAnswer)
			}
		}
		driver, err := d.Drive(cfg)
		if err != nil {
			return fmt.Errorf("drive door %s at %s: %w", name, cfg.Address, err)
		}
		r.drivers[name] = driver
	}
	return nil
}

func (r *run) closeDrivers() {
	for name, d := range r.drivers {
		if err := d.Close(); err != nil {
			r.gap(gate.Gap{Kind: gate.GapNoAnswer, Where: "door " + name, Detail: "the driver did not close in order"})
		}
	}
}

// play is the scenario.
func (r *run) play(ctx context.Context) {
	if r.plan.Scenario.Kind != config.Alone {
		r.stimulate(ctx)
	}
	for _, job := range r.plan.Scenario.Jobs {
		if ctx.Err() != nil {
			r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "job " + job, Detail: "the job was not run"})
			continue
		}
		r.awaitQuiet(ctx)
		r.ledger.enter(job)
		r.ledger.begin()
		o := r.build.Job(ctx, job, nil)
		r.ledger.end()
		o.Stimulus, o.Phase = "job/"+job, job
		r.ledger.outcome(&o)
		if o.Error != "" || o.Status != 0 {
			r.gap(gate.Gap{Kind: gate.GapJobFailed, Where: "job " + job, Detail: fmt.Sprintf("the job ended with status %d", o.Status)})
			r.jobFailed(job, &o)
		}
	}
	if ctx.Err() == nil {
		r.quiet = r.awaitQuiet(ctx)
	}
	if r.links != nil && r.quiet != "" {
		r.follow(ctx)
		if r.quiet = ""; ctx.Err() == nil {
			r.quiet = r.awaitQuiet(ctx)
		}
		r.tellSkipped()
	}
	if r.quiet != "" {
		r.linger(ctx)
	}
}

// lastOutput bounds what is told of what a job printed.
const lastOutput = 2000

func (r *run) jobFailed(job string, o *gate.Outcome) {
	said := strings.TrimSpace(string(o.Body))
	if over := len(said) - lastOutput; over > 0 {
		said = "..." + said[over:]
	}
	text := fmt.Sprintf("job %s ended with status %d", job, o.Status)
	switch {
	case o.Error != "":
		text += ": " + o.Error
	case said == "":
		text += "; it printed nothing"
	}
	if said != "" {
		text += "; last output:\n" + said
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.result.Jobs) < 10 {
		r.result.Jobs = append(r.result.Jobs, text)
	}
}

// stopBuild stops the build while sinks still capture: what it flushes counts.
func (r *run) stopBuild(ctx context.Context) {
	stopping := context.WithoutCancel(ctx)
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		stopping, cancel = context.WithTimeout(stopping, hurry)
		defer cancel()
	}
	for _, g := range r.build.Stop(stopping) {
		r.gap(g)
	}
	if r.quiet == "" {
		r.quiet = "stopped"
	}
	r.result.Footer.Quiet = r.quiet
	select {
	case <-r.build.Exited():
		r.result.Crash = r.build.Err()
		detail := "the build ended by itself"
		var s interface{ Status() string }
		if errors.As(r.result.Crash, &s) {
			detail = "the build " + s.Status()
		}
		r.gap(gate.Gap{Kind: gate.GapBuildCrashed, Where: "build", Detail: detail})
	default:
	}
}

// tellWhy says on the tape why work was abandoned, where it was. It returns the
// error of the run, where that is one.
func (r *run) tellWhy(ctx, work context.Context) error {
	r.mu.Lock()
	corpus := r.cause
	r.mu.Unlock()
	switch cause := context.Cause(work); {
	case ctx.Err() != nil:
		r.gap(gate.Gap{Kind: gate.GapInterrupted, Where: "run", Detail: fmt.Sprintf("interrupted after %d stimuli", r.done.Load())})
		return errors.Join(fmt.Errorf("the replay was interrupted: %w", context.Cause(ctx)), corpus)
	case errors.Is(cause, errFlood):
		r.gap(gate.Gap{Kind: gate.GapFlood, Where: "run", Detail: fmt.Sprintf("the build sent more than %d messages: what came after was refused", r.plan.MaxMessages)})
	case corpus != nil:
		r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "corpus", Detail: "the corpus could not be read to its end"})
	case errors.Is(cause, errFailed):
		r.gap(gate.Gap{Kind: gate.GapStore, Where: "run", Detail: "evidence could not be stored"})
	}
	return corpus
}

// closeSinks captures until nothing is under way, and closes.
func (r *run) closeSinks(ctx context.Context) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if r.build != nil {
		r.awaitClosed(closing)
	}
	var wg sync.WaitGroup
	for _, s := range r.sinks {
		wg.Go(func() {
			if err := s.Close(closing); err != nil {
				r.gap(gate.Gap{Kind: gate.GapBrokenMessage, Where: "sink " + s.name, Detail: "the sink did not close in order: transactions were broken"})
			}
		})
	}
	wg.Wait()
	for _, s := range r.sinks {
		stats := s.Stats()
		r.result.Footer.Accepted += stats.Accepted
		r.result.Footer.Refused += stats.Refused
	}
}

// account compares what sinks acknowledged with what is stored: a message that a
// build was told is taken, and that is on no tape, was not seen.
func (r *run) account() {
	accepted, stored := r.result.Footer.Accepted, r.ledger.messages.Load()
	if accepted > stored {
		r.gap(gate.Gap{Kind: gate.GapStore, Where: "run", Detail: fmt.Sprintf("sinks acknowledged %d messages, and %d are stored", accepted, stored), Count: accepted - stored})
	}
}

// progress tells how far the replay is until the returned function is called.
func (r *run) progress() (stop func()) {
	tell := r.plan.Progress
	if tell == nil {
		return func() {}
	}
	now := func() {
		tell(Progress{
			Phase: *r.ledger.phase.Load(), Done: r.done.Load(), Total: r.plan.Total,
			Messages: r.ledger.messages.Load(), Gaps: r.ledger.gaps.Load(),
		})
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(progressEvery)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				now()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		now()
	}
}
