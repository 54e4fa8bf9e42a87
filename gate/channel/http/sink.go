package http

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	defaultMaxBody = 128 << 20

	// maxReached bounds the hosts that are remembered until one is spoken to.
	maxReached = 10_000
)

// A sink takes what a build sends, on one port, whatever it takes the port for.
type sink struct {
	cfg       channel.SinkConfig
	set       *compiled
	script    script
	maxBody   int64
	authority channel.Authority
	listener  net.Listener
	own       ownAddress

	mood     atomic.Int32
	losses   channel.Losses
	accepted atomic.Uint64
	refused  atomic.Uint64
	lastAt   atomic.Int64
	wg       sync.WaitGroup // connections, and requests of HTTP/2

	mu       sync.Mutex
	closing  bool
	busy     int
	sessions map[*session]struct{}
	reached  map[string]bool // hosts that a tunnel or a TLS connection was opened to: whether a message followed
}

func listen(cfg channel.SinkConfig) (channel.Sink, error) {
	if cfg.Keep == nil || cfg.Gap == nil {
		return nil, fmt.Errorf("http sink %s: it has nowhere to keep messages or gaps", cfg.Name)
	}
	set, err := compileSettings(cfg.Settings)
	if err != nil {
		return nil, err
	}
	s := &sink{
		cfg: cfg, set: set, script: newScript(set.answers), maxBody: cfg.MaxBody, authority: cfg.Authority,
		sessions: map[*session]struct{}{}, reached: map[string]bool{},
	}
	if s.maxBody <= 0 {
		s.maxBody = defaultMaxBody
	}
	if s.authority == nil {
		if s.authority, err = NewAuthority(); err != nil {
			return nil, err
		}
	}
	if s.listener, err = net.Listen("tcp", cfg.Address); err != nil {
		return nil, fmt.Errorf("http sink %s: listen on %s: %w", cfg.Name, cfg.Address, err)
	}
	s.own = newOwnAddress(s.listener.Addr())
	s.wg.Add(1)
	go s.accept()
	return s, nil
}

func (s *sink) Address() string { return s.listener.Addr().String() }

func (s *sink) Mood(m channel.Mood) { s.mood.Store(int32(m)) }

func (s *sink) is(m channel.Mood) bool { return channel.Mood(s.mood.Load()) == m }

// refusal is what a request is answered with in the mood that the sink is in, nil where it is taken.
func (s *sink) refusal() *answer {
	switch channel.Mood(s.mood.Load()) {
	case channel.Refuse:
		return s.script.refused
	case channel.Limit:
		return s.script.limited
	}
	return nil
}

// loses reports whether the answer to a request, which is stored, is to be lost.
func (s *sink) loses(host string, h *head, m *gate.Message) bool {
	if !s.is(channel.Lose) || !s.losses.First([]byte(host), []byte(h.method), []byte(h.target), m.Body) {
		return false
	}
	s.refused.Add(1)
	return true
}

func (s *sink) Stats() channel.Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	return channel.Stats{
		Accepted: s.accepted.Load(),
		Refused:  s.refused.Load(),
		Busy:     s.busy,
		Open:     len(s.sessions),
		LastAt:   s.lastAt.Load(),
	}
}

func (s *sink) touch() int64 {
	now := time.Now().UnixNano()
	s.lastAt.Store(now)
	return now
}

func (s *sink) accept() {
	defer s.wg.Done()
	var pause time.Duration
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// Out of file descriptors, mostly: what cannot be accepted is not seen.
			s.gap(gate.GapHandshake, fmt.Sprintf("accept a connection on %s: %v", s.Address(), plainError(err)))
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
			continue
		}
		pause = 0
		s.touch()
		if s.is(channel.Drop) {
			s.refused.Add(1)
			conn.Close()
			continue
		}
		c := newSession(s, conn)
		if !s.enter(c) {
			conn.Close()
			return
		}
		go func() {
			defer s.wg.Done()
			defer s.leave(c)
			c.serve()
		}()
	}
}

func (s *sink) enter(c *session) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return false
	}
	s.sessions[c] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *sink) leave(c *session) {
	c.raw.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c)
}

// begin says that a transaction of c is under way, and since when. It reports false
// where the sink is closing, and leaves a gap then: what came will not be taken.
func (s *sink) begin(c *session) (at int64, ok bool) {
	at = s.touch()
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		s.gap(gate.GapBrokenMessage, "a request that came in while the sink was closing was not taken")
		return at, false
	}
	s.busy++
	c.busy++
	s.wg.Add(1)
	s.mu.Unlock()
	return at, true
}

// end is for each begin that reported true. It reports whether the sink is closing.
func (s *sink) end(c *session) (closing bool) {
	s.touch()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy--
	c.busy--
	s.wg.Done()
	return s.closing
}

// Close closes what is idle at once, waits for the rest until ctx is done, and
// then breaks it; whoever reads what was broken leaves the gap. Its error is of
// the port alone.
func (s *sink) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		s.wg.Wait()
		return nil
	}
	s.closing = true
	for c := range s.sessions {
		if c.h2 != nil {
			// It tells the client, so that answers under way are not cut.
			go c.h2.Shutdown(ctx)
		} else if c.busy == 0 {
			c.raw.Close()
		}
	}
	s.mu.Unlock()

	err := s.listener.Close()
	if err != nil {
		err = fmt.Errorf("close http sink %s: %w", s.cfg.Name, err)
	}
	done := make(chan struct{})
	go func() {
		s.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.mu.Lock()
		for c := range s.sessions {
			c.raw.Close()
		}
		s.mu.Unlock()
		<-done
	}
	s.unspoken()
	return err
}

// reach notes that a connection was opened for host, which alone is no message:
// clients open some in reserve. Where no message ever follows, it is a gap.
func (s *sink) reach(host string) {
	s.mu.Lock()
	_, known := s.reached[host]
	room := len(s.reached) < maxReached
	if !known && room {
		s.reached[host] = false
	}
	s.mu.Unlock()
	if !known && !room {
		s.gap(gate.GapHandshake, "a connection was opened for "+quoteHost(host)+", after too many others to tell whether a message followed")
	}
}

// spoke notes that something came for host.
func (s *sink) spoke(host string) {
	if host == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.reached[host]; known {
		s.reached[host] = true
	}
}

func (s *sink) unspoken() {
	s.mu.Lock()
	var silent []string
	for host, spoken := range s.reached {
		if !spoken {
			silent = append(silent, host)
		}
	}
	clear(s.reached)
	s.mu.Unlock()
	slices.Sort(silent)
	for _, host := range silent {
		s.gap(gate.GapHandshake, "connections were opened for "+quoteHost(host)+", and no request followed")
	}
}

func (s *sink) gap(kind, detail string) {
	s.cfg.Gap(gate.Gap{Kind: kind, Where: "sink " + s.cfg.Name, Detail: detail})
}

// keep stores m and says what to answer. It reports false where m was not stored.
func (s *sink) keep(m *gate.Message) bool {
	m.Channel, m.Sink = Name, s.cfg.Name
	if err := s.cfg.Keep(m); err != nil {
		s.gap(gate.GapStore, fmt.Sprintf("keep a request of %d bytes: %v", len(m.Head)+len(m.Body), err))
		return false
	}
	s.accepted.Add(1)
	if m.Cut > 0 {
		s.cfg.Gap(gate.Gap{
			Kind: gate.GapCutBody, Where: "sink " + s.cfg.Name, Seq: m.Seq,
			Detail: fmt.Sprintf("%d of %d bytes of a body were kept", len(m.Body), int64(len(m.Body))+m.Cut),
		})
	}
	return true
}

// ownAddress knows the hosts by which the sink itself is reached: they change
// with every run, and name nobody.
type ownAddress struct{ ip, port string }

func newOwnAddress(a net.Addr) ownAddress {
	ip, port, _ := net.SplitHostPort(a.String())
	return ownAddress{ip, port}
}

func (o ownAddress) is(host string) bool {
	if !strings.HasSuffix(host, o.port) {
		return false // as most are: without the cost of an error
	}
	name, port, err := net.SplitHostPort(host)
	if err != nil || port != o.port {
		return false
	}
	if name == o.ip || isLocalhost(name) {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// isLocalhost knows the names of RFC 6761, 6.3.
func isLocalhost(name string) bool {
	return name == "localhost" || strings.HasSuffix(name, ".localhost")
}

// answer picks what to say to a request to host: what the user's rules say, else what the
// API is known to say, else what any request is answered.
func (s *sink) answer(h *head, host string, m *gate.Message) *answer {
	_, path, _ := split(h.target)
	ruled := host
	if len(s.script.rules) > 0 {
		ruled = s.ruleHost(host)
	}
	if a := s.script.ruled(h, path, ruled); a != nil {
		return a
	}
	m.Channel, m.Sink = Name, s.cfg.Name
	if a := s.set.answer(m); a != nil {
		return a.readableBy(h)
	}
	return s.script.answer(h)
}

// ruleHost is the host that rules of answers are compared with.
func (s *sink) ruleHost(host string) string {
	if host == "" {
		return s.set.standsFor(s.cfg.Name)
	}
	if r, err := gate.HostRecipient(host); err == nil {
		return r.Address
	}
	return host
}

// plainError drops the addresses of sockets, which differ from run to run.
func plainError(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		return op.Err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the connection ended")
	}
	return err
}

// quoteHost shows a host that a build asked for, however long or odd.
func quoteHost(host string) string {
	if host == "" {
		return "an unnamed host"
	}
	if len(host) > 255 {
		host = host[:255]
	}
	return strconv.Quote(host)
}
