package http

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"os"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const (
	dialTimeout     = 10 * time.Second
	continueTimeout = time.Second

	// overlap is how long a build that has answered is given to take the rest of the
	// request, so that its connection can be kept.
	overlap = 50 * time.Millisecond
)

var (
	errGone     = errors.New("the build closed the connection before it answered")
	errBehind   = errors.New("the build sent more behind its answer, which belongs to none")
	errSwitched = errors.New("the build switched protocols, which was not asked for")
)

// An unsentError is why nothing of a request was sent: it may be sent elsewhere.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

func isUnsent(err error) bool {
	var unsent *unsentError
	return errors.As(err, &unsent)
}

// A client is a connection to a build, used by one goroutine at a time, and the
// memory that its requests need. It begins closed.
type client struct {
	raw  net.Conn        // nil is closed
	conn net.Conn        // raw, or TLS over it
	sock syscall.RawConn // of raw
	in   responseReader
	used bool      // it was kept from an earlier request
	idle time.Time // since when it has been kept

	out    []byte // the request being sent
	fields header // memory for its fields

	// Of ask.
	asking  []byte
	asked   bool
	waiting bool
	failed  error
	turn    func(fd uintptr) bool // c.takeTurn, made once

	expire func() // ends what is under way on raw
}

func newClient() *client {
	c := &client{in: responseReader{in: newBlock(nil)}}
	c.turn = c.takeTurn
	return c
}

// dial connects to address, with TLS where config is not nil.
func (c *client) dial(ctx context.Context, address string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	conn := raw
	if config != nil {
		secure := tls.Client(raw, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			raw.Close()
			return err
		}
		conn = secure
	}
	sock, err := raw.(syscall.Conn).SyscallConn()
	if err != nil {
		raw.Close()
		return err
	}
	c.raw, c.conn, c.sock, c.used = raw, conn, sock, false
	c.expire = func() { raw.SetDeadline(time.Unix(1, 0)) }
	c.in.in.reset(conn)
	return nil
}

func (c *client) close() {
	if c.raw != nil {
		c.conn.Close() // whatever it had to say, nobody listens
		c.raw, c.conn, c.sock, c.expire = nil, nil, nil, nil
		c.in.in.reset(nil)
	}
}

// exchange sends o and reads the answer into out, of its body the first limit
// bytes. Where ctx ends it, the error is [context.Cause]. An unsentError says that
// the build has seen nothing of o. Without an error, kept says whether
// the connection can take another request.
func (c *client) exchange(ctx context.Context, o *outgoing, limit int64, out *gate.Outcome) (kept bool, err error) {
	expired := func() bool { return true }
	if ctx.Done() != nil {
		expired = context.AfterFunc(ctx, c.expire)
	}
	kept, err = c.converse(ctx, o, limit, out)
	if !expired() { // its deadline has passed, or will at any moment
		kept = false
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return kept, err
}

func (c *client) converse(ctx context.Context, o *outgoing, limit int64, out *gate.Outcome) (kept bool, err error) {
	asked, failed := c.ask(o.first, o.rest == nil)
	switch {
	case !asked:
		return false, &unsentError{failed}
	case failed == nil && o.rest != nil:
		return c.sendRest(ctx, o, limit, out)
	}
	// A build that refuses to take a request whole may have answered it all the same.
	kept, err = c.hear(o.method, limit, out)
	if err != nil && failed != nil && out.Status == 0 {
		err = failed
	}
	return kept && failed == nil, err
}

// sendRest sends the body of a request of which the head was sent, and reads the
// answer meanwhile: a build may answer while it reads.
func (c *client) sendRest(ctx context.Context, o *outgoing, limit int64, out *gate.Outcome) (kept bool, err error) {
	if o.expect {
		r, err := c.goAhead(ctx, o.method)
		if err != nil {
			return false, err
		}
		if r.status >= 200 {
			_, err = c.take(r, limit, out)
			return false, err // which leaves half a request on the connection
		}
	}
	sent := make(chan error, 1)
	go func(conn net.Conn, rest []byte) {
		_, err := conn.Write(rest)
		sent <- err
	}(c.conn, o.rest)
	kept, err = c.hear(o.method, limit, out)
	if err != nil {
		c.close()
		<-sent
		return false, err
	}
	c.conn.SetWriteDeadline(time.Now().Add(overlap))
	if <-sent != nil {
		return false, nil
	}
	c.conn.SetWriteDeadline(time.Time{})
	return kept, nil
}

// hear reads the answer to a request of this method.
func (c *client) hear(method string, limit int64, out *gate.Outcome) (kept bool, err error) {
	r, err := c.in.next(method, false)
	if err == io.EOF {
		err = errGone
	}
	if err != nil {
		return false, err
	}
	if kept, err = c.take(r, limit, out); err == nil && !c.in.in.blank() {
		return false, errBehind // as a body after 204, or a length that is too small
	}
	return kept, err
}

// take takes down the answer that begins with r, and reads its body.
func (c *client) take(r response, limit int64, out *gate.Outcome) (kept bool, err error) {
	out.Status, out.Head = r.status, r.text
	if r.status == nethttp.StatusSwitchingProtocols {
		return false, errSwitched
	}
	if out.Body, out.Cut, err = c.in.body(r.framing, limit); err != nil {
		return false, err
	}
	return !r.last && c.in.in.buffered() == 0, nil
}

// ask sends p, unless the connection has ended or the build has said something that
// nobody asked for: asked is false then, and nothing was sent. Where p is the whole
// request it waits for the answer to begin, and reads what comes first.
//
// That all happens within one wait for the socket to be readable: what arrives
// after p was sent ends the wait, and no read is spent on finding nothing there.
// What the calls of the system fail at is left to those of package net.
func (c *client) ask(p []byte, whole bool) (asked bool, err error) {
	c.asking, c.asked, c.failed = p, false, nil
	c.waiting = whole && c.conn == c.raw // of TLS a part may have been read already
	err = c.sock.Read(c.turn)
	c.asking = nil
	if c.failed != nil {
		err = c.failed
	}
	return c.asked, err
}

// takeTurn is called when the wait begins, and when the socket is readable. It
// reports whether the wait is over.
func (c *client) takeTurn(fd uintptr) bool {
	if c.asked {
		n, over := readNow(fd, c.in.in.room())
		c.in.in.w += n
		return over
	}
	plain := c.conn == c.raw
	// A new TLS connection brings what belongs to its handshake (RFC 8446, 4.6.1).
	if plain || c.used {
		if c.failed = quiet(fd); c.failed != nil {
			return true
		}
	}
	c.asked = true
	n := 0
	if plain {
		n = writeNow(fd, c.asking)
	}
	if n < len(c.asking) {
		_, c.failed = c.conn.Write(c.asking[n:])
	}
	return c.failed != nil || !c.waiting
}

// goAhead waits for 100 Continue, for a while (RFC 9110, 10.1.1). A final answer
// that comes instead is returned; the zero response and 100 say that the body is
// to be sent.
func (c *client) goAhead(ctx context.Context, method string) (r response, err error) {
	c.conn.SetReadDeadline(time.Now().Add(continueTimeout))
	r, err = c.in.next(method, true)
	c.conn.SetReadDeadline(time.Time{})
	if ctx.Err() != nil { // which may have set the deadline before it was taken away
		return r, context.Cause(ctx)
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return response{}, nil
	}
	if err == io.EOF {
		err = errGone
	}
	return r, err
}
