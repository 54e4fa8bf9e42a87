package replay_test

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/replay"
)

// store keeps evidence in memory.
type store struct {
	mu       sync.Mutex
	messages []gate.Message
	outcomes []gate.Outcome
	gaps     []gate.Gap
	fail     error // of messages
}

func (s *store) Append(records ...*gate.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range records {
		switch {
		case !r.Valid():
			return fmt.Errorf("invalid record %+v", r)
		case r.Message != nil && s.fail != nil:
			return s.fail
		case r.Message != nil:
			s.messages = append(s.messages, *r.Message)
		case r.Outcome != nil:
			s.outcomes = append(s.outcomes, *r.Outcome)
		case r.Gap != nil:
			s.gaps = append(s.gaps, *r.Gap)
		default:
			return fmt.Errorf("a %s does not belong here", r.Kind)
		}
	}
	return nil
}

// kinds counts gaps by kind.
func (s *store) kinds() map[string]uint64 {
	m := make(map[string]uint64)
	for _, g := range s.gaps {
		m[g.Kind] += max(g.Count, 1)
	}
	return m
}

// bodies are what messages carried, with the phase, sorted.
func (s *store) bodies() []string {
	var all []string
	for _, m := range s.messages {
		all = append(all, m.Phase+" "+string(m.Body))
	}
	slices.Sort(all)
	return all
}

// sink is a sink of a protocol like HTTP: a message is a request's body.
type sink struct {
	cfg               channel.SinkConfig
	listener          net.Listener
	server            *http.Server
	mood              atomic.Int32
	accepted, refused atomic.Uint64
	busy, open        atomic.Int64
	last              atomic.Int64
}

func listen(cfg channel.SinkConfig) (channel.Sink, error) {
	l, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, err
	}
	s := &sink{cfg: cfg, listener: l}
	s.server = &http.Server{Handler: s, ConnState: func(_ net.Conn, state http.ConnState) {
		s.last.Store(time.Now().UnixNano())
		switch state {
		case http.StateNew:
			s.open.Add(1)
		case http.StateClosed, http.StateHijacked:
			s.open.Add(-1)
		}
	}}
	go s.server.Serve(l)
	return s, nil
}

func (s *sink) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	body, err := io.ReadAll(req.Body)
	if err != nil {
		s.cfg.Gap(gate.Gap{Kind: gate.GapBrokenMessage, Where: "sink " + s.cfg.Name, Detail: "a request ended half way"})
		return
	}
	switch channel.Mood(s.mood.Load()) {
	case channel.Refuse:
		s.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case channel.Drop:
		s.refused.Add(1)
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
		return
	}
	if s.cfg.Keep(&gate.Message{Channel: "http", Sink: s.cfg.Name, Body: body}) != nil {
		s.refused.Add(1)
		w.WriteHeader(http.StatusInsufficientStorage)
		return
	}
	s.accepted.Add(1)
}

func (s *sink) Address() string                 { return s.listener.Addr().String() }
func (s *sink) Mood(m channel.Mood)             { s.mood.Store(int32(m)) }
func (s *sink) Close(ctx context.Context) error { return s.server.Shutdown(ctx) }
func (s *sink) Stats() channel.Stats {
	return channel.Stats{
		Accepted: s.accepted.Load(), Refused: s.refused.Load(),
		Busy: int(s.busy.Load()), Open: int(s.open.Load()), LastAt: s.last.Load(),
	}
}

// driver sends a stimulus as a POST of its body to the path in its head.
type driver struct {
	address string
	client  http.Transport
}

func drive(cfg channel.DriveConfig) (channel.Driver, error) {
	return &driver{address: cfg.Address}, nil
}

func (d *driver) Close() error { d.client.CloseIdleConnections(); return nil }

func (d *driver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	begun := time.Now()
	fail := func(err error) gate.Outcome {
		return gate.Outcome{Stimulus: s.ID, Error: err.Error(), Elapsed: int64(time.Since(begun))}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.address+string(s.Head), strings.NewReader(string(s.Body)))
	if err != nil {
		return fail(err)
	}
	resp, err := d.client.RoundTrip(req)
	if err != nil {
		return fail(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fail(err)
	}
	return gate.Outcome{Stimulus: s.ID, Status: resp.StatusCode, Body: body, Elapsed: int64(time.Since(begun))}
}

// memory is a build, its driver and its sink in one, without a process: for
// tests in which time is simulated.
type memory struct {
	do     func(context.Context, *gate.Stimulus) gate.Outcome
	job    func(context.Context, string, []byte) gate.Outcome
	quiet  func() error
	exited chan struct{}
	stops  atomic.Int32

	keep func(*gate.Message) error
	gap  func(gate.Gap)
	mood atomic.Int32
	seen atomic.Uint64 // accepted
	no   atomic.Uint64 // refused
	last atomic.Int64
}

func (m *memory) Doors() map[string]string        { return map[string]string{"web": "memory"} }
func (m *memory) Exited() <-chan struct{}         { return m.exited }
func (m *memory) Err() error                      { return nil }
func (m *memory) HasQuietProbe() bool             { return m.quiet != nil }
func (m *memory) Quiet(context.Context) error     { return m.quiet() }
func (m *memory) Processor() (uint64, bool)       { return 0, false }
func (m *memory) Stop(context.Context) []gate.Gap { m.stops.Add(1); return nil }
func (m *memory) Address() string                 { return "memory" }
func (m *memory) Mood(mood channel.Mood)          { m.mood.Store(int32(mood)) }
func (m *memory) Close(context.Context) error     { return nil }
func (m *memory) closer() channel.Driver          { return memoryDriver{m} }
func (m *memory) Job(ctx context.Context, name string, in []byte) gate.Outcome {
	return m.job(ctx, name, in)
}
func (m *memory) Stats() channel.Stats {
	return channel.Stats{Accepted: m.seen.Load(), Refused: m.no.Load(), LastAt: m.last.Load()}
}

// transmit is what the build does to send.
func (m *memory) transmit(body string) bool {
	m.last.Store(time.Now().UnixNano())
	if channel.Mood(m.mood.Load()) != channel.Accept || m.keep(&gate.Message{Channel: "http", Sink: "mail", Body: []byte(body)}) != nil {
		m.no.Add(1)
		return false
	}
	m.seen.Add(1)
	return true
}

type memoryDriver struct{ *memory }

func (d memoryDriver) Close() error { return nil }
func (d memoryDriver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	return d.do(ctx, s)
}

// plan is a replay of stimuli against m.
func (m *memory) plan(st *store, stimuli ...gate.Stimulus) replay.Plan {
	m.exited = make(chan struct{})
	if m.do == nil {
		m.do = func(context.Context, *gate.Stimulus) gate.Outcome { return gate.Outcome{Status: 200} }
	}
	return replay.Plan{
		Stimuli: all(stimuli), Total: uint64(len(stimuli)), Store: st,
		Sinks: []replay.Sink{{Config: channel.SinkConfig{Name: "mail"}, Listen: func(cfg channel.SinkConfig) (channel.Sink, error) {
			m.keep, m.gap = cfg.Keep, cfg.Gap
			return m, nil
		}}},
		Doors: map[string]replay.Door{"web": {Drive: func(cfg channel.DriveConfig) (channel.Driver, error) {
			if cfg.Address != "memory" || cfg.Door != "web" {
				return nil, fmt.Errorf("driver was given %+v", cfg)
			}
			return m.closer(), nil
		}}},
		Start:    func(context.Context, map[string]string) (replay.Build, error) { return m, nil },
		Scenario: config.Scenario{Name: "steady", Kind: config.Steady},
		Pace:     config.Fast, Concurrency: 4,
		AnswerTimeout: 30 * time.Second, QuietTimeout: 30 * time.Second, Settle: 100 * time.Millisecond, MaxMessages: 1000,
	}
}

func all(stimuli []gate.Stimulus) iter.Seq2[gate.Stimulus, error] {
	return func(yield func(gate.Stimulus, error) bool) {
		for _, s := range stimuli {
			if !yield(s, nil) {
				return
			}
		}
	}
}

func stimuli(n int, change func(i int, s *gate.Stimulus)) []gate.Stimulus {
	list := make([]gate.Stimulus, n)
	for i := range list {
		list[i] = gate.Stimulus{ID: fmt.Sprintf("s%d", i), Channel: "http", Door: "web", Head: []byte("/send"), Body: fmt.Appendf(nil, "m%03d", i)}
		if change != nil {
			change(i, &list[i])
		}
	}
	return list
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
