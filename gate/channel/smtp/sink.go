package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	idleTimeout   = 10 * time.Minute // twice what RFC 5321, 4.5.3.2.7, asks of a server
	tlsTimeout    = time.Minute
	defaultMax    = 128 << 20 // of SinkConfig.MaxBody
	maxHead       = 64 << 20  // bytes of command lines in one transaction: about a million recipients
	maxBadCommand = 100       // of one connection
)

// A sink is a server that takes everything and judges nothing.
type sink struct {
	cfg  channel.SinkConfig
	opt  sinkOptions
	tls  *tls.Config
	addr string
	stop func() error // stops accepting

	mood              atomic.Int32
	losses            channel.Losses
	accepted, refused atomic.Uint64
	busy, open        atomic.Int64
	keeping           atomic.Int64 // nanoseconds that Keep lately took
	lastAt            atomic.Int64

	spare    sync.Pool // of *buffers
	mu       sync.Mutex
	sessions map[*session]struct{}
	closed   chan struct{}
	shut     sync.Once
	running  sync.WaitGroup
}

func listen(cfg channel.SinkConfig) (channel.Sink, error) {
	if cfg.Keep == nil || cfg.Gap == nil {
		return nil, fmt.Errorf("smtp sink %s: Keep and Gap must be set: without them nothing that arrives is evidence", cfg.Name)
	}
	opt, err := readSettings(cfg.Settings)
	if err != nil {
		return nil, fmt.Errorf("smtp sink %s: %w", cfg.Name, err)
	}
	if cfg.MaxBody < 0 {
		return nil, fmt.Errorf("smtp sink %s: a body limit of %d bytes is not one; 0 means the default", cfg.Name, cfg.MaxBody)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMax
	}
	ln, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("smtp sink %s: listening on %s: %w", cfg.Name, cfg.Address, err)
	}
	k := &sink{
		cfg: cfg, opt: opt, addr: ln.Addr().String(),
		tls:      serverTLS(cfg.Authority, opt.hostname),
		sessions: make(map[*session]struct{}),
		closed:   make(chan struct{}),
	}
	if k.stop, err = k.serve(ln.(*net.TCPListener)); err != nil {
		return nil, errors.Join(fmt.Errorf("smtp sink %s: serving %s: %w", cfg.Name, k.addr, err), ln.Close())
	}
	return k, nil
}

func (k *sink) Address() string { return k.addr }

func (k *sink) Mood(m channel.Mood) { k.mood.Store(int32(m)) }

func (k *sink) inMood() channel.Mood { return channel.Mood(k.mood.Load()) }

// A notNow is what commands are answered with while a sink turns away.
type notNow struct {
	code     int
	enhanced string // RFC 3463
	text     string
}

// refusal says what that is in the mood that the sink is in, and false where it takes what comes.
func (k *sink) refusal() (notNow, bool) {
	switch k.inMood() {
	case channel.Refuse:
		return notNow{451, "4.3.2", "not now"}, true
	case channel.Limit:
		return notNow{450, "4.7.1", "too many for now"}, true
	}
	return notNow{}, false
}

func (k *sink) Stats() channel.Stats {
	// Busy is read before Accepted: a message that ends between the two counts twice, never not at all.
	busy := int(k.busy.Load())
	return channel.Stats{
		Accepted: k.accepted.Load(),
		Refused:  k.refused.Load(),
		Busy:     busy,
		Open:     int(k.open.Load()),
		LastAt:   k.lastAt.Load(),
	}
}

func (k *sink) touch(now time.Time) { k.lastAt.Store(now.UnixNano()) }

func (k *sink) gap(kind, detail string) {
	k.cfg.Gap(gate.Gap{Kind: kind, Where: "sink " + k.cfg.Name, Detail: detail})
}

// admit makes the session of a client that has come, or closes its connection and
// returns nil where there is to be none.
func (k *sink) admit(conn conduit) *session {
	k.touch(time.Now())
	if k.inMood() == channel.Drop {
		k.refused.Add(1)
		conn.Close()
		return nil
	}
	s := newSession(k, conn)
	k.mu.Lock()
	defer k.mu.Unlock()
	select {
	case <-k.closed:
		conn.Close()
		return nil
	default:
	}
	k.sessions[s] = struct{}{}
	k.open.Add(1)
	return s
}

// dismiss takes leave of a session that is over.
func (k *sink) dismiss(s *session) {
	k.mu.Lock()
	delete(k.sessions, s)
	k.mu.Unlock()
	k.touch(time.Now())
	k.open.Add(-1)
}

// Close stops accepting, ends idle connections with 421, waits for transactions
// under way until ctx is done and then breaks them. It returns when no goroutine
// of the sink is left.
func (k *sink) Close(ctx context.Context) error {
	var err error
	k.shut.Do(func() {
		k.mu.Lock()
		close(k.closed)
		open := make([]*session, 0, len(k.sessions))
		for s := range k.sessions {
			open = append(open, s)
		}
		k.mu.Unlock()
		if e := k.stop(); e != nil {
			err = fmt.Errorf("smtp sink %s: %w", k.cfg.Name, e)
		}
		for _, s := range open {
			s.finish()
		}
		stop := context.AfterFunc(ctx, func() {
			for _, s := range open {
				s.raw.sever()
			}
		})
		defer stop()
		k.running.Wait()
	})
	return err
}
