package smtp

import (
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A wait is why a session that is served in a loop came to a halt: the events of
// epoll(7) that it waits for, or elsewhere.
type wait uint32

const (
	forInput  wait = unix.EPOLLIN
	forOutput wait = unix.EPOLLOUT
	elsewhere wait = 0       // for a goroutine other than the loop's
	never     wait = 1 << 31 // for nothing: the session is over
)

// A socket is a connection whose session is a coroutine, run by a loop whenever
// there is something to do for it. Except for sever, its methods are the session's
// own; reads and writes that cannot go on give the loop back to others.
type socket struct {
	loop *loop
	fd   int
	peer netip.AddrPort

	lane *lane // what runs the session

	heavy bool // is to be run elsewhere always
	dry   bool // the last read took all that there was

	interest wait // registered with epoll; elsewhere is not at all
	parked   atomic.Bool
	closed   bool
	severed  atomic.Bool
	deadline atomic.Int64 // of all that waits, as elapsed says it; 0 is none
}

func (c *socket) Read(p []byte) (int, error) {
	for {
		if err := c.broken(); err != nil {
			return 0, c.failure("read", err)
		}
		if c.dry {
			c.dry = false
			c.lane.yield(forInput)
			continue
		}
		n, err := unix.Read(c.fd, p)
		switch {
		case n > 0:
			c.dry = n < len(p)
			return n, nil
		case err == unix.EAGAIN:
			c.dry = true
		case err == unix.EINTR:
		case err != nil:
			return 0, c.failure("read", os.NewSyscallError("read", err))
		default:
			return 0, io.EOF
		}
	}
}

func (c *socket) Write(p []byte) (written int, err error) {
	for {
		if err := c.broken(); err != nil {
			return written, c.failure("write", err)
		}
		n, err := unix.Write(c.fd, p[written:])
		if written += max(n, 0); written == len(p) {
			return written, nil
		}
		switch err {
		case nil, unix.EINTR:
		case unix.EAGAIN:
			c.lane.yield(forOutput)
		default:
			return written, c.failure("write", os.NewSyscallError("write", err))
		}
	}
}

// broken is why nothing can be read or written any more.
func (c *socket) broken() error {
	switch {
	case c.closed || c.severed.Load():
		return net.ErrClosed
	case c.due():
		return os.ErrDeadlineExceeded
	}
	return nil
}

// due reports whether a wait is to end though nothing has come.
func (c *socket) due() bool {
	at := c.deadline.Load()
	return c.severed.Load() || at != 0 && at <= c.loop.clock.Load()
}

func (c *socket) failure(op string, err error) error {
	return &net.OpError{Op: op, Net: "tcp", Addr: c.RemoteAddr(), Err: err}
}

// Close ends what can be read and written. The descriptor is closed by the loop,
// when the session is over.
func (c *socket) Close() error {
	c.closed = true
	return nil
}

func (c *socket) sever() {
	c.severed.Store(true)
	c.loop.poke()
}

func (c *socket) apart(forGood bool) {
	c.heavy = c.heavy || forGood
	c.lane.yield(elsewhere)
}

func (c *socket) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.peer) }

func (c *socket) LocalAddr() net.Addr {
	name, err := unix.Getsockname(c.fd)
	if err != nil {
		return &net.TCPAddr{}
	}
	return net.TCPAddrFromAddrPort(addrPort(name))
}

// SetDeadline is for reads and writes alike, as of their next wait; one that has
// passed ends the wait that is under way.
func (c *socket) SetDeadline(at time.Time) error {
	if at.IsZero() {
		c.deadline.Store(0)
		return nil
	}
	c.deadline.Store(elapsed(at))
	if !at.After(time.Now()) {
		c.loop.poke()
	}
	return nil
}

func (c *socket) SetReadDeadline(at time.Time) error  { return c.SetDeadline(at) }
func (c *socket) SetWriteDeadline(at time.Time) error { return c.SetDeadline(at) }

func addrPort(name unix.Sockaddr) netip.AddrPort {
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		addr := netip.AddrFrom16(name.Addr).Unmap()
		if name.ZoneId != 0 {
			addr = addr.WithZone(strconv.FormatUint(uint64(name.ZoneId), 10))
		}
		return netip.AddrPortFrom(addr, uint16(name.Port))
	}
	return netip.AddrPort{}
}
