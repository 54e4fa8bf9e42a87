package main

import (
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// A bar shows how far a stage is, on standard error, where that is a terminal and
// the stage takes more than a second. A nil bar shows nothing.
type bar struct {
	mu      sync.Mutex
	p       *program
	what    string
	total   int64 // -1 is not known
	started time.Time
	b       *progressbar.ProgressBar // nil until the stage has taken a second
}

// bar begins a bar; total 0 is not known.
func (p *program) bar(what string, total uint64) *bar {
	if !terminal(p.stderr) {
		return nil
	}
	b := &bar{p: p, what: what, total: int64(total), started: time.Now()}
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
