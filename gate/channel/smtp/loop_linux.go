package smtp

import (
	"fmt"
	"iter"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxLoops   = 8
	maxReady   = 128                  // events taken at once
	maxLanes   = 64                   // kept for those who come
	sweepEvery = time.Second          // how late a deadline may be noticed
	stuckAfter = 5 * time.Millisecond // the loop is given to another goroutine where one turn takes longer
)

// A lane is a coroutine that runs one session after the other, and so on a stack
// that has grown to what they need.
type lane struct {
	run   func()
	next  func() (wait, bool)
	stop  func()
	yield func(wait) bool // within run: halts it
}

func newLane() *lane {
	n := new(lane)
	n.next, n.stop = iter.Pull(func(yield func(wait) bool) {
		n.yield = yield
		for n.run(); yield(never); n.run() {
		}
	})
	return n
}

// resume runs the session up to its next wait.
func (n *lane) resume() wait {
	why, _ := n.next()
	return why
}

// started is before every moment that a loop measures.
var started = time.Now()

// elapsed is a moment in nanoseconds since the program was started, greater than 0. The clock
// on the wall may jump, and does not change it.
func elapsed(at time.Time) int64 { return max(int64(at.Sub(started)), 0) + 1 }

// A loop serves many connections with one goroutine at a time. A command of SMTP
// takes microseconds and comes in a packet of its own, so that handing each to a
// goroutine of its connection, over the scheduler and its sleeping threads, would
// cost many times what it takes to answer: the sessions are coroutines instead,
// resumed one after the other as epoll(7) names them.
//
// What may take long (TLS, a store that syncs) leaves the loop for a goroutine of
// its own, and comes back with its next wait. Where something takes long all the
// same, whoever watches gives the loop to another goroutine.
type loop struct {
	sink     *sink
	epoll    int
	listener int // a descriptor of its own of what all loops listen on
	poker    [2]int

	clock   atomic.Int64  // when epoll last had something to say, as elapsed says it
	turn    atomic.Uint64 // odd while a session has its turn
	watched atomic.Bool
	watch   *time.Timer
	seen    uint64 // turn, as the watch last saw it

	// Of the goroutine that runs the loop.
	ready   []*socket // to have their turn
	next    int       // index of the next of them
	current *socket   // whose turn it is
	swept   int64     // when deadlines were last looked at, as clock
	failing bool      // to accept
	resting int64     // when to listen again, as clock; 0 is now

	mu      sync.Mutex // taken where sockets come, go, and change what they wait for
	sockets map[int32]*socket
	lanes   []*lane // that nobody uses
	stopped bool
	freed   bool
}

// serve serves what comes to ln, in loops unless TLS begins with the connection.
// What it returns stops accepting.
func (k *sink) serve(ln *net.TCPListener) (stop func() error, err error) {
	if k.opt.implicit {
		return k.serveThreaded(ln), nil
	}
	var loops []*loop
	for range min(max(1, runtime.GOMAXPROCS(0)/2), maxLoops) {
		l, err := newLoop(k, ln)
		if err != nil {
			for _, l := range loops {
				l.free()
			}
			return nil, err
		}
		loops = append(loops, l)
	}
	if err := ln.Close(); err != nil { // the loops have descriptors of their own
		return nil, err
	}
	for _, l := range loops {
		k.running.Go(l.run)
	}
	return func() error {
		for _, l := range loops {
			l.mu.Lock()
			l.stopped = true
			l.mu.Unlock()
			l.poke()
		}
		return nil
	}, nil
}

func newLoop(k *sink, ln *net.TCPListener) (_ *loop, err error) {
	l := &loop{sink: k, epoll: -1, listener: -1, poker: [2]int{-1, -1}, sockets: make(map[int32]*socket)}
	defer func() {
		if err != nil {
			l.free()
		}
	}()
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	raw, err := ln.SyscallConn()
	if err != nil {
		return nil, err
	}
	var failed error
	if err := raw.Control(func(fd uintptr) {
		l.listener, failed = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, os.NewSyscallError("fcntl", failed)
	}
	if err := unix.Pipe2(l.poker[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	if err := l.control(unix.EPOLL_CTL_ADD, l.poker[0], unix.EPOLLIN); err != nil {
		return nil, err
	}
	if err := l.listen(); err != nil {
		return nil, err
	}
	l.clock.Store(elapsed(time.Now()))
	l.watch = time.AfterFunc(time.Hour, l.look)
	l.watch.Stop()
	return l, nil
}

func (l *loop) free() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.freed = true
	for _, n := range l.lanes {
		n.stop()
	}
	for _, fd := range []int{l.listener, l.poker[0], l.poker[1], l.epoll} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

func (l *loop) control(op, fd int, events uint32) error {
	err := unix.EpollCtl(l.epoll, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
	return os.NewSyscallError("epoll_ctl", err)
}

func (l *loop) listen() error {
	return l.control(unix.EPOLL_CTL_ADD, l.listener, unix.EPOLLIN|unix.EPOLLEXCLUSIVE)
}

// must is for calls on epoll that cannot fail but for a mistake in this file or
// for want of memory: a session that is never resumed would be a silent loss.
func (l *loop) must(err error) {
	if err != nil {
		panic(fmt.Sprintf("smtp sink %s: %v", l.sink.cfg.Name, err))
	}
}

// poke makes the loop look at all sockets. It may be called from anywhere.
func (l *loop) poke() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.freed {
		_, _ = unix.Write(l.poker[1], []byte{0}) // a pipe that is full has poked already
	}
}

// run runs the loop until it is stopped and has no sockets, or until another
// goroutine runs it.
func (l *loop) run() {
	events := make([]unix.EpollEvent, maxReady)
	for {
		for l.next < len(l.ready) {
			c := l.ready[l.next]
			l.next++
			if c.parked.CompareAndSwap(true, false) && !l.give(c) {
				return
			}
		}
		l.ready, l.next = l.ready[:0], 0
		timeout, over := l.rest()
		if over {
			l.free()
			return
		}
		n, err := unix.EpollWait(l.epoll, events, timeout)
		if err != nil && err != unix.EINTR {
			l.must(os.NewSyscallError("epoll_wait", err))
		}
		if c := l.take(events[:max(n, 0)]); c != nil && !l.give(c) {
			return
		}
	}
}

// rest says for how many milliseconds to wait, and whether all is over.
func (l *loop) rest() (timeout int, over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		if l.listener >= 0 {
			unix.Close(l.listener)
			l.listener, l.resting = -1, 0
		}
		return int(sweepEvery.Milliseconds()), len(l.sockets) == 0
	}
	switch {
	case l.resting != 0:
		return int(acceptPause.Milliseconds()), false
	case len(l.sockets) > 0:
		return int(sweepEvery.Milliseconds()), false
	}
	return -1, false
}

// take makes ready whom events name, and all that are late where it is time to
// look. Where somebody new has come it returns them.
func (l *loop) take(events []unix.EpollEvent) (fresh *socket) {
	now, knocked, poked := elapsed(time.Now()), false, false
	l.clock.Store(now)
	l.mu.Lock()
	for i := range events {
		switch fd := events[i].Fd; int(fd) {
		case l.listener:
			knocked = true
		case l.poker[0]:
			poked = true
		default:
			if c := l.sockets[fd]; c != nil {
				l.ready = append(l.ready, c)
			}
		}
	}
	if poked {
		var b [64]byte
		for n := len(b); n == len(b); {
			n, _ = unix.Read(l.poker[0], b[:])
		}
	}
	if poked || now-l.swept >= int64(sweepEvery) {
		l.swept = now
		for _, c := range l.sockets {
			if c.parked.Load() && c.due() {
				l.ready = append(l.ready, c)
			}
		}
	}
	l.mu.Unlock()
	switch {
	case l.resting != 0 && now >= l.resting:
		l.resting = 0
		l.must(l.listen())
	case knocked:
		return l.accept()
	}
	return nil
}

// accept takes one connection: where there are more, epoll says so again.
func (l *loop) accept() *socket {
	fd, name, err := unix.Accept4(l.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	switch {
	case err == unix.EAGAIN || err == unix.EINTR || err == unix.ECONNABORTED:
		return nil
	case err != nil:
		if !l.failing {
			l.sink.unaccepted(os.NewSyscallError("accept4", err))
		}
		l.failing = true
		l.must(l.control(unix.EPOLL_CTL_DEL, l.listener, 0))
		l.resting = l.clock.Load() + int64(acceptPause)
		return nil
	}
	l.failing = false
	c := &socket{loop: l, fd: fd, peer: addrPort(name), dry: true}
	s := l.sink.admit(c)
	if s == nil {
		unix.Close(fd)
		return nil
	}
	// A small reply must not wait for the client to acknowledge the one before it.
	// Where this fails the first write does too.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	l.sink.running.Add(1)
	l.mu.Lock()
	if n := len(l.lanes) - 1; n >= 0 {
		c.lane, l.lanes = l.lanes[n], l.lanes[:n]
	} else {
		c.lane = newLane()
	}
	l.sockets[int32(fd)] = c
	l.mu.Unlock()
	c.lane.run = func() {
		s.serve()
		l.sink.dismiss(s)
	}
	return c
}

// give gives c its turn in the loop, and says whether the loop is still the caller's.
func (l *loop) give(c *socket) bool {
	if c.heavy {
		l.part(c)
		return true
	}
	if l.current = c; !l.watched.Load() {
		l.watched.Store(true)
		l.watch.Reset(stuckAfter)
	}
	turn := l.turn.Add(1)
	why := c.lane.resume()
	if !l.turn.CompareAndSwap(turn, turn+1) {
		l.settle(c, why)
		return false
	}
	if why == elsewhere {
		l.part(c)
	} else {
		l.settle(c, why)
	}
	return true
}

// part gives c its turn in a goroutine of its own.
func (l *loop) part(c *socket) {
	l.mu.Lock()
	l.interested(c, elsewhere)
	l.mu.Unlock()
	go l.settle(c, elsewhere)
}

// settle ends a turn of c.
func (l *loop) settle(c *socket, why wait) {
	for why == elsewhere { // which is where this is
		why = c.lane.resume()
	}
	l.mu.Lock()
	if why == never {
		delete(l.sockets, int32(c.fd))
		last := l.stopped && len(l.sockets) == 0
		if len(l.lanes) < maxLanes && !l.freed {
			l.lanes = append(l.lanes, c.lane)
		} else {
			c.lane.stop()
		}
		l.mu.Unlock()
		unix.Close(c.fd)
		if last {
			l.poke()
		}
		l.sink.running.Done()
		return
	}
	c.parked.Store(true)
	l.interested(c, why)
	l.mu.Unlock()
	if c.due() {
		l.poke() // it came while nobody could see that c waits
	}
}

// interested registers what c waits for. l.mu is held.
func (l *loop) interested(c *socket, why wait) {
	op := unix.EPOLL_CTL_MOD
	switch {
	case c.interest == why:
		return
	case c.interest == elsewhere:
		op = unix.EPOLL_CTL_ADD
	case why == elsewhere:
		op = unix.EPOLL_CTL_DEL
	}
	c.interest = why
	l.must(l.control(op, c.fd, uint32(why)))
}

// look gives the loop to another goroutine where the one that runs it has been
// within one turn since the last look. It looks again while there are turns.
func (l *loop) look() {
	turn := l.turn.Load()
	idle := turn == l.seen && turn&1 == 0
	stuck := turn == l.seen && turn&1 == 1
	l.seen = turn
	if stuck {
		l.mu.Lock()
		if l.turn.CompareAndSwap(turn, turn+1) {
			l.interested(l.current, elsewhere)
			l.sink.running.Go(l.run)
		}
		l.mu.Unlock()
	}
	if idle {
		l.watched.Store(false)
		if l.turn.Load() == turn || !l.watched.CompareAndSwap(false, true) {
			return
		}
	}
	l.watch.Reset(stuckAfter)
}
