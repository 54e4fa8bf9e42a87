package main

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/waybill-dev/waybill/gate/config"
)

// plainEvery is how often a line says how far a stage is, where there is no terminal to draw on.
var plainEvery = 10 * time.Second

// A plan is how many replays a gate makes; zero is not known.
type plan struct {
	replays int
	orMore  bool // production may be replayed again
}

func (p plan) String() string {
	if p.orMore {
		return strconv.Itoa(p.replays) + " or more"
	}
	return strconv.Itoa(p.replays)
}

// plannedReplays says how many replays a gate makes.
func plannedReplays(conf *config.Config) plan {
	each, more := 1, false
	if conf.Baseline != config.Recorded {
		each += conf.Replay.Replays.Count
		more = conf.Replay.Replays.Auto
	}
	return plan{len(conf.Scenarios) * each, more}
}

// replayBar begins the bar of a replay, which says which of all it is, and how long all take.
func (s *session) replayBar(what string) *bar {
	after := 0
	if s.planned.replays > 0 {
		n := int(s.begun.Add(1))
		after = max(s.planned.replays-n, 0)
		what = fmt.Sprintf("replay %d of %s, %s", n, s.planned, what)
	}
	b := s.p.bar(what, s.total())
	b.unit, b.after = " stimuli", int64(after)
	return b
}

// A bar shows how far a stage is, on standard error: a bar where that is a terminal and
// the stage takes more than a second, else a line from time to time. A nil bar shows nothing.
type bar struct {
	mu      sync.Mutex
	p       *program
	what    string
	unit    string // " stimuli", or ""
	total   int64  // -1 is not known
	after   int64  // stages as long as this that follow it
	started time.Time
	b       *progressbar.ProgressBar // nil until the stage has taken a second, and where there is no terminal
	plain   bool                     // lines are written
	said    time.Time                // when the last was
}

// bar begins a bar; total 0 is not known.
func (p *program) bar(what string, total uint64) *bar {
	b := &bar{p: p, what: what, total: int64(total), started: time.Now(), plain: !terminal(p.stderr)}
	b.said = b.started
	if total == 0 {
		b.total = -1
	}
	return b
}

func (b *bar) at(done uint64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.plain {
		if time.Since(b.said) >= plainEvery {
			b.said = time.Now()
			fmt.Fprintln(b.p.stderr, b.line(done, b.said.Sub(b.started)))
		}
		return
	}
	if b.b == nil {
		if time.Since(b.started) < time.Second {
			return
		}
		b.b = progressbar.NewOptions64(b.total,
			progressbar.OptionSetWriter(b.p.stderr),
			progressbar.OptionSetDescription(b.what),
			progressbar.OptionShowCount(),
			progressbar.OptionThrottle(200*time.Millisecond),
			progressbar.OptionSetWidth(24),
			progressbar.OptionClearOnFinish(),
		)
	}
	if b.after > 0 {
		b.b.Describe(b.what + b.left(done, time.Since(b.started)))
	}
	_ = b.b.Set64(int64(done)) // a bar that cannot be drawn is no reason to stop
}

// line says how far the stage is after some time, and about how much longer it and those that
// follow it take.
func (b *bar) line(done uint64, took time.Duration) string {
	if b.total <= 0 {
		return fmt.Sprintf("%s: %s%s so far", b.what, grouped(int64(done)), b.unit)
	}
	return fmt.Sprintf("%s: %s of %s%s%s", b.what, grouped(int64(done)), grouped(b.total), b.unit, b.left(done, took))
}

// left says about how much longer the stage and those that follow it take, or nothing where that
// is not known.
func (b *bar) left(done uint64, took time.Duration) string {
	left := b.total*(1+b.after) - int64(done)
	if done == 0 || b.total <= 0 || left <= 0 {
		return ""
	}
	return fmt.Sprintf(", about %s left", (took / time.Duration(done) * time.Duration(left)).Round(time.Second))
}

// grouped is n in decimal, with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func (b *bar) done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.b != nil {
		_ = b.b.Clear()
	}
}
