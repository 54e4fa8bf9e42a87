package channeltest

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// patience bounds what is awaited of a connection.
const patience = time.Minute

// A Rig is a tap under test, and what it told.
type Rig struct {
	Tap channel.Tap
	copied
	t testing.TB
}

// OpenTap opens a tap of p by cfg, on a port of its own, until the test ends.
func OpenTap(t testing.TB, p channel.Protocol, cfg channel.TapConfig) *Rig {
	t.Helper()
	r := &Rig{t: t}
	cfg.Listen, cfg.Exchange, cfg.Message, cfg.Missed = "127.0.0.1:0", r.exchange, r.message, r.missed
	var err error
	if r.Tap, err = p.Tap(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Close closes the tap, and breaks what is under way.
func (r *Rig) Close() {
	r.t.Helper()
	breakOff(r.t, r.Tap)
}

// breakOff closes a tap at once.
func breakOff(t testing.TB, tap channel.Tap) {
	t.Helper()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if err := tap.Close(done); err != nil {
		t.Errorf("closing the tap: %v", err)
	}
}

// Dial connects to the tap.
func (r *Rig) Dial() *net.TCPConn {
	r.t.Helper()
	c, err := net.Dial("tcp", r.Tap.Address())
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn)
}

// copied is what a tap under test told.
type copied struct {
	mu       sync.Mutex
	before   func()
	stimuli  []*gate.Stimulus
	outcomes []*gate.Outcome
	messages []*gate.Message
	gaps     []gate.Gap
}

// Before has f called before an exchange or a message is taken down.
func (c *copied) Before(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = f
}

func (c *copied) hook() {
	c.mu.Lock()
	before := c.before
	c.mu.Unlock()
	if before != nil {
		before()
	}
}

func (c *copied) exchange(s *gate.Stimulus, o *gate.Outcome) {
	c.hook()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stimuli, c.outcomes = append(c.stimuli, s), append(c.outcomes, o)
}

func (c *copied) message(m *gate.Message) {
	c.hook()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
}

func (c *copied) missed(g gate.Gap) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gaps = append(c.gaps, g)
}

// Exchanges are those taken down, stimuli and their outcomes.
func (c *copied) Exchanges() ([]*gate.Stimulus, []*gate.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.stimuli), slices.Clone(c.outcomes)
}

// Messages are those taken down.
func (c *copied) Messages() []*gate.Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// Missed is what was told as missed, a line each: "kind: detail".
func (c *copied) Missed() string {
	var lines []string
	for _, g := range c.noted() {
		lines = append(lines, g.Kind+": "+g.Detail)
	}
	return strings.Join(lines, "\n")
}

// told is how many exchanges and messages were taken down.
func (c *copied) told() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.stimuli) + len(c.messages)
}

func (c *copied) noted() []gate.Gap {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.gaps)
}
