package channeltest

import (
	"slices"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// evidence is where a sink under test keeps what it takes.
type evidence struct {
	mu       sync.Mutex
	hook     func(*gate.Message) error
	messages []*gate.Message
	gaps     []gate.Gap
}

// onKeep has f called for each message before it is kept; an error of f is Keep's.
func (e *evidence) onKeep(f func(*gate.Message) error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.hook = f
}

func (e *evidence) keep(m *gate.Message) error {
	e.mu.Lock()
	hook := e.hook
	e.mu.Unlock()
	if hook != nil {
		if err := hook(m); err != nil {
			return err
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	m.Seq = uint64(len(e.messages) + 1)
	e.messages = append(e.messages, m)
	return nil
}

func (e *evidence) gap(g gate.Gap) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gaps = append(e.gaps, g)
}

func (e *evidence) kept() []*gate.Message {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.messages)
}

func (e *evidence) noted() []gate.Gap {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.gaps)
}

func (e *evidence) hasGap(kind string) bool {
	return slices.ContainsFunc(e.noted(), func(g gate.Gap) bool { return g.Kind == kind })
}

func (e *evidence) noGaps(t *testing.T) {
	t.Helper()
	if gaps := e.noted(); len(gaps) > 0 {
		t.Errorf("gaps %+v", gaps)
	}
}

// last is the newest of n messages.
func (e *evidence) last(t *testing.T, n int) *gate.Message {
	t.Helper()
	kept := e.kept()
	if len(kept) != n {
		t.Fatalf("%d messages kept, want %d; gaps %+v", len(kept), n, e.noted())
	}
	return kept[n-1]
}

// forgetLast forgets the newest message.
func (e *evidence) forgetLast() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.messages = e.messages[:len(e.messages)-1]
}
