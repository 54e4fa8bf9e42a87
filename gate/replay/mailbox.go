package replay

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// patient is how many messages are waited for as long as an answer may take, and never come,
// before others are given the time that those took that did come.
const patient = 3

// A mailbox keeps what the build sent, of that which later stimuli need, in the order in
// which sinks took it.
type mailbox struct {
	needs *dynamic.Needs
	part  bool // of the corpus: messages are not counted from its beginning

	mu      sync.Mutex
	letters []*dynamic.Letter
	begun   map[string]int  // of each cause: how many letters there were when it was sent
	spoiled map[string]bool // causes that were answered in another class of status than recorded, or not
	changed chan struct{}   // closed when a letter arrives
	missed  int             // letters that never came
	slowest time.Duration   // that one took which came
}

func newMailbox(p *Plan) *mailbox {
	return &mailbox{needs: p.Needs, part: p.Part, begun: map[string]int{}, spoiled: map[string]bool{}, changed: make(chan struct{})}
}

// arrive takes a message from a sink.
func (m *mailbox) arrive(sent *gate.Message) {
	l := m.needs.Letter(sent)
	if l == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.letters = append(m.letters, l)
	close(m.changed)
	m.changed = make(chan struct{})
}

// begin is called before a stimulus is sent, and end with its answer.
func (m *mailbox) begin(s *gate.Stimulus) {
	if !m.needs.Causes(s.ID) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun[s.ID] = len(m.letters)
}

func (m *mailbox) end(s *gate.Stimulus, o *gate.Outcome) {
	if !m.needs.Causes(s.ID) || o.Error == "" && (s.Status == 0 || s.Status/100 == o.Status/100) {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spoiled[s.ID] = true
}

// find gives the value that b asks for; last: of the latest message that may be meant, where
// the one that is counted never came.
func (m *mailbox) find(b *gate.Binding, last bool) (value string, ok bool) {
	from, nth := m.begun[b.From], 0
	for i, l := range m.letters {
		if !l.Fits(b, !last) {
			continue
		}
		if nth++; i < from || !last && !m.part && nth < b.Sent.Nth {
			continue
		}
		if value, ok = l.Value(b); ok && !last {
			return value, true
		}
	}
	return value, ok
}

// take waits for the message that gives a value. why says, where there is none, what was
// waited for; it names nobody.
func (m *mailbox) take(ctx context.Context, b *gate.Binding, most time.Duration) (value, why string, ok bool) {
	begun := time.Now()
	m.mu.Lock()
	if m.spoiled[b.From] || m.missed >= patient {
		most = min(most, max(3*m.slowest, LeastSettle))
	}
	m.mu.Unlock()
	timer := time.NewTimer(most)
	defer timer.Stop()
	for {
		m.mu.Lock()
		value, ok = m.find(b, false)
		changed := m.changed
		if ok {
			m.slowest = max(m.slowest, time.Since(begun))
		}
		m.mu.Unlock()
		if ok {
			return value, "", true
		}
		select {
		case <-changed:
			continue
		case <-timer.C:
		case <-ctx.Done():
		}
		return m.never(b, most)
	}
}

// never gives up a message.
func (m *mailbox) never(b *gate.Binding, most time.Duration) (value, why string, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.missed++
	if value, ok = m.find(b, true); ok {
		return value, "", true
	}
	cause := "cause unknown"
	if b.From != "" {
		cause = "cause: stimulus " + b.From
	}
	if m.spoiled[b.From] {
		cause += ", which was answered otherwise than recorded"
	}
	return "", fmt.Sprintf("the message that gives the value at %s did not come within %s (%s): the recorded value was sent",
		dynamic.Loosely(b), most.Round(time.Millisecond), cause), false
}
