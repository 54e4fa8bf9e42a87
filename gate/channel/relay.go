package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	// dialTimeout is how long an upstream has to accept a connection.
	dialTimeout = 30 * time.Second

	defaultTapBody = 16 << 20
)

// A Relay is what taps of every protocol share: it accepts connections, opens one
// to the upstream for each, and keeps account of both. It looks at no byte. It
// implements [Tap].
type Relay struct {
	Config TapConfig

	protocol string
	listener net.Listener
	serve    func(*Link)
	ctx      context.Context // ends with the relay: dialling stops
	cancel   context.CancelFunc

	passed, refused atomic.Uint64
	lastAt          atomic.Int64
	running         sync.WaitGroup

	mu      sync.Mutex
	closing bool
	busy    int
	links   map[*Link]struct{}
}

// Listen opens a relay. serve is called for each connection, in a goroutine of its
// own; when it returns, both ends are closed. A MaxBody of 0 becomes its default.
func Listen(protocol string, cfg TapConfig, serve func(*Link)) (*Relay, error) {
	switch {
	case cfg.Missed == nil,
		cfg.Side == Front && cfg.Exchange == nil,
		cfg.Side == Behind && cfg.Message == nil:
		return nil, fmt.Errorf("%s tap %s: it has nowhere to keep what passes", protocol, cfg.Name)
	case cfg.Side != Front && cfg.Side != Behind:
		return nil, fmt.Errorf("%s tap %s: it stands on no side", protocol, cfg.Name)
	}
	if cfg.MaxBody <= 0 {
		cfg.MaxBody = defaultTapBody
	}
	l, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s tap %s: listen on %s: %w", protocol, cfg.Name, cfg.Listen, err)
	}
	r := &Relay{Config: cfg, protocol: protocol, listener: l, serve: serve, links: map[*Link]struct{}{}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.running.Add(1)
	go r.accept()
	return r, nil
}

// Address implements [Tap].
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Stats implements [Tap].
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{Accepted: r.passed.Load(), Refused: r.refused.Load(), Busy: r.busy, Open: len(r.links), LastAt: r.lastAt.Load()}
}

// Passed counts one exchange or message that was passed on.
func (r *Relay) Passed() { r.passed.Add(1) }

// Refused counts what the upstream turned away, and what found none.
func (r *Relay) Refused() { r.refused.Add(1) }

// Touch notes that something happened, and says when.
func (r *Relay) Touch() int64 {
	now := time.Now().UnixNano()
	r.lastAt.Store(now)
	return now
}

// Missed tells of n things that passed and were not kept, or not whole.
func (r *Relay) Missed(kind, detail string, n uint64) {
	r.Config.Missed(gate.Gap{Kind: kind, Where: "tap " + r.Config.Name, Detail: detail, Count: n})
}

// Done is closed when the relay breaks what is under way.
func (r *Relay) Done() <-chan struct{} { return r.ctx.Done() }

func (r *Relay) accept() {
	defer r.running.Done()
	var pause time.Duration
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, mostly: who waits is accepted a little later.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			select {
			case <-r.ctx.Done():
				return
			case <-time.After(pause):
			}
			continue
		}
		pause = 0
		r.Touch()
		l := &Link{Relay: r, Client: conn}
		if !r.enter(l) {
			conn.Close()
			return
		}
		go func() {
			defer r.running.Done()
			defer r.leave(l)
			r.serve(l)
		}()
	}
}

func (r *Relay) enter(l *Link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closing {
		return false
	}
	l.ends = []net.Conn{l.Client}
	r.links[l] = struct{}{}
	r.running.Add(1)
	return true
}

func (r *Relay) leave(l *Link) {
	r.Touch()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.hangUp()
	r.busy -= l.busy
	l.busy = 0
	delete(r.links, l)
}

// Close implements [Tap]. Its error is of the port alone.
func (r *Relay) Close(ctx context.Context) error {
	r.mu.Lock()
	again := r.closing
	r.closing = true
	for l := range r.links {
		if l.busy == 0 {
			l.hangUp()
		}
	}
	r.mu.Unlock()
	var err error
	if !again {
		if err = r.listener.Close(); err != nil {
			err = fmt.Errorf("close %s tap %s: %w", r.protocol, r.Config.Name, err)
		}
	}
	done := make(chan struct{})
	go func() {
		r.running.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		r.cancel()
		r.mu.Lock()
		for l := range r.links {
			l.hangUp()
		}
		r.mu.Unlock()
		<-done
	}
	r.cancel()
	return err
}

// A Link is one connection of a client, with the connections that were opened for it.
type Link struct {
	Relay  *Relay
	Client net.Conn // as it was accepted

	// Guarded by Relay.mu.
	ends   []net.Conn // what closing it closes
	busy   int
	hungUp bool
}

// Begin says that something is under way on the link, and End that it is over:
// a relay that is being closed waits for it.
func (l *Link) Begin() {
	r := l.Relay
	r.Touch()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.busy++
	r.busy++
}

// End is for each Begin. Where the relay is being closed and nothing else is under
// way the link is closed too.
func (l *Link) End() {
	r := l.Relay
	r.Touch()
	r.mu.Lock()
	defer r.mu.Unlock()
	l.busy--
	r.busy--
	if r.closing && l.busy == 0 {
		l.hangUp()
	}
}

// hangUp closes all ends. Relay.mu is held.
func (l *Link) hangUp() {
	l.hungUp = true
	for _, c := range l.ends {
		c.Close()
	}
}

// Dial opens a connection to host:port for this link.
func (l *Link) Dial(address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(l.Relay.ctx, dialTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l.Relay.mu.Lock()
	defer l.Relay.mu.Unlock()
	if l.hungUp {
		c.Close()
		return nil, net.ErrClosed
	}
	l.ends = append(l.ends, c)
	return c, nil
}

// Drop closes a connection that Dial opened, before the link ends.
func (l *Link) Drop(c net.Conn) {
	c.Close()
	l.Relay.mu.Lock()
	defer l.Relay.mu.Unlock()
	l.ends = slices.DeleteFunc(l.ends, func(e net.Conn) bool { return e == c })
}

// TurnAway ends a link whose upstream could not be reached, without a word: its
// client sees a reset, which is as near as a connection that was accepted can come
// to one that was refused.
func (l *Link) TurnAway() {
	l.Relay.Refused()
	Reset(l.Client)
}

// Reset closes c so that the other end sees a reset, where c is of TCP.
func Reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		t.SetLinger(0) // or it ends in order, which says less
	}
	c.Close()
}

// WasReset reports whether err says that the other end reset the connection.
func WasReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// CloseWrite ends the sending half of c, or all of it where it has no halves.
func CloseWrite(c net.Conn) {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
		return
	}
	c.Close()
}

// Join copies both ways between a and b until both have ended, without a look at
// what passes, and tells count of each run of bytes. ahead has been read from a already.
func Join(a, b net.Conn, ahead []byte, count func(int)) {
	var both sync.WaitGroup
	both.Go(func() {
		if len(ahead) > 0 {
			count(len(ahead))
			if _, err := b.Write(ahead); err != nil {
				a.Close()
				return
			}
		}
		pass(b, a, count)
	})
	pass(a, b, count)
	both.Wait()
}

func pass(to, from net.Conn, count func(int)) {
	_, err := io.Copy(counted{to, count}, from)
	if WasReset(err) {
		Reset(from)
		Reset(to)
		return
	}
	CloseWrite(to)
}

// counted hides ReadFrom, so that every run of bytes is counted as it passes.
type counted struct {
	net.Conn
	count func(int)
}

func (c counted) Write(p []byte) (int, error) {
	c.count(len(p))
	return c.Conn.Write(p)
}

// Upstream takes "host:port" or a URL without a path apart. ports are the schemes
// that a URL may have, with their ports; the scheme of a bare address is first.
func Upstream(text, first string, ports map[string]string) (scheme, address, host string, err error) {
	scheme, address = first, text
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil {
			return "", "", "", fmt.Errorf("upstream: %w", err)
		}
		port, known := ports[u.Scheme]
		if !known || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" {
			return "", "", "", fmt.Errorf("upstream %q: give scheme, host and port, and nothing behind", text)
		}
		scheme, address = u.Scheme, u.Host
		if u.Port() == "" {
			address = net.JoinHostPort(u.Hostname(), port)
		}
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || port == "" || host == "" {
		return "", "", "", fmt.Errorf("upstream %q: give host:port or a URL", text)
	}
	return scheme, address, host, nil
}

// ProxyLine is what the PROXY protocol, version 1, puts before the first byte of a
// connection: who it is from, for upstreams that are set to expect it
// (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, 2.1).
func ProxyLine(c net.Conn) []byte {
	from, ok1 := c.RemoteAddr().(*net.TCPAddr)
	to, ok2 := c.LocalAddr().(*net.TCPAddr)
	if !ok1 || !ok2 {
		return []byte("PROXY UNKNOWN\r\n")
	}
	family := "TCP6"
	if from.IP.To4() != nil && to.IP.To4() != nil {
		family = "TCP4"
	}
	return []byte("PROXY " + family + " " + from.IP.String() + " " + to.IP.String() + " " + strconv.Itoa(from.Port) + " " + strconv.Itoa(to.Port) + "\r\n")
}
