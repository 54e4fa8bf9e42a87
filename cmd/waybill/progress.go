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

// plannedReplays says in words how many replays a gate makes.
func plannedReplays(conf *config.Config) string {
	each, more := 1, ""
	if conf.Baseline != config.Recorded {
		each += conf.Replay.Replays.Count
		if conf.Replay.Replays.Auto {
			more = " or more"
		}
	}
	return strconv.Itoa(len(conf.Scenarios)*each) + more
}

// nth says of the replay that begins now which of all it is, and what it is.
func (s *session) nth(what string) string {
	if s.planned == "" {
		return what
	}
	return fmt.Sprintf("%d of %s: %s", s.begun.Add(1), s.planned, what)
}

// A bar shows how far a stage is, on standard error: a bar where that is a terminal and
// the stage takes more than a second, else a line from time to time. A nil bar shows nothing.
type bar struct {
	mu      sync.Mutex
	p       *program
	what    string
	total   int64 // -1 is not known
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
	_ = b.b.Set64(int64(done)) // a bar that cannot be drawn is no reason to stop
}

// line says how far the stage is after some time, and about how much longer it takes.
func (b *bar) line(done uint64, took time.Duration) string {
	if b.total <= 0 {
		return fmt.Sprintf("%s: %d so far", b.what, done)
	}
	text := fmt.Sprintf("%s: %d of %d", b.what, done, b.total)
	if left := b.total - int64(done); done > 0 && left > 0 {
		text += fmt.Sprintf(", about %s left", (took / time.Duration(done) * time.Duration(left)).Round(time.Second))
	}
	return text
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
