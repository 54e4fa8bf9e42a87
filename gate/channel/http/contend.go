package http

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// What clients do that others suffer from: see [channel.Contender].

// Abandon sends s and goes away, with its connection, when the answer has not come within a
// while. It returns an error where s could not be sent.
func (d *driver) Abandon(ctx context.Context, s *gate.Stimulus, after time.Duration) error {
	c, _ := d.take()
	defer c.close()
	o, _, err := d.outgoing(s, nil, nil)
	if err != nil {
		return fmt.Errorf("send %s: %w", s.ID, err)
	}
	if o.rest != nil {
		return fmt.Errorf("send %s: its body is too long for a request that is given up", s.ID)
	}
	if c.raw == nil {
		if err := c.dial(ctx, d.address, d.tls); err != nil {
			return fmt.Errorf("send %s: %w", s.ID, err)
		}
	}
	if _, err := c.conn.Write(o.first); err != nil {
		return fmt.Errorf("send %s: %w", s.ID, err)
	}
	c.conn.SetReadDeadline(time.Now().Add(after))
	_, _ = c.conn.Read(make([]byte, 1)) // an answer that has begun is given up too
	return nil
}

// Pipeline sends x and y, which have no bodies, on one connection before either is answered
// (RFC 9112, 9.3.2), and reads both answers. A server that closes after the first answer has
// not acted on y: y is sent again, as that section asks for. x and y must be of a method that
// is safe.
func (d *driver) Pipeline(ctx context.Context, x, y *gate.Stimulus) (gate.Outcome, gate.Outcome) {
	ox, oy := gate.Outcome{Stimulus: x.ID}, gate.Outcome{Stimulus: y.ID}
	begin := time.Now()
	first, second, err := d.pipeline(ctx, [2]*gate.Stimulus{x, y}, [2]*gate.Outcome{&ox, &oy})
	ox.Elapsed, oy.Elapsed = time.Since(begin).Nanoseconds(), time.Since(begin).Nanoseconds()
	switch {
	case !first && ox.Status == 0:
		ox = d.Do(ctx, x)
	case !first:
		ox.Error = fmt.Sprintf("read the answer to stimulus %s from %s: %v", x.ID, d.address, err)
	}
	switch {
	case !second && oy.Status == 0:
		oy = d.Do(ctx, y)
	case !second:
		oy.Error = fmt.Sprintf("read the answer to stimulus %s from %s: %v", y.ID, d.address, err)
	}
	return ox, oy
}

// pipeline reports which of both were answered whole.
func (d *driver) pipeline(ctx context.Context, list [2]*gate.Stimulus, out [2]*gate.Outcome) (first, second bool, err error) {
	c := newClient()
	defer c.close()
	var both []byte
	var methods [2]string
	for i, s := range list {
		o, _, err := d.outgoing(s, nil, nil)
		if err != nil || o.rest != nil {
			return false, false, err
		}
		both, methods[i] = append(both, o.first...), o.method
	}
	if err := c.dial(ctx, d.address, d.tls); err != nil {
		return false, false, err
	}
	defer context.AfterFunc(ctx, c.expire)()
	if _, err := c.conn.Write(both); err != nil {
		return false, false, err
	}
	answered := [2]bool{}
	for i := range list {
		r, err := c.in.next(methods[i], false)
		if err != nil {
			return answered[0], answered[1], err
		}
		if _, err := c.take(r, d.maxAnswer, out[i]); err != nil {
			return answered[0], answered[1], err
		}
		if (i == 1 || r.last) && !c.in.in.blank() {
			return answered[0], answered[1], errBehind
		}
		answered[i] = true
		if r.last {
			break
		}
	}
	return answered[0], answered[1], nil
}

// Dawdle sends s and reads the answer slowly: a little at a time, with a pause before each, until
// that has taken about a while in sum.
func (d *driver) Dawdle(ctx context.Context, s *gate.Stimulus, while time.Duration) gate.Outcome {
	out := gate.Outcome{Stimulus: s.ID}
	begin := time.Now()
	if err := d.dawdle(ctx, s, while, &out); err != nil {
		out.Error = fmt.Sprintf("send stimulus %s to %s: %v", s.ID, d.address, err)
	}
	out.Elapsed = time.Since(begin).Nanoseconds()
	return out
}

func (d *driver) dawdle(ctx context.Context, s *gate.Stimulus, while time.Duration, out *gate.Outcome) error {
	c := newClient()
	defer c.close()
	o, _, err := d.outgoing(s, nil, nil)
	if err != nil {
		return err
	}
	if err := c.dial(ctx, d.address, d.tls); err != nil {
		return err
	}
	if tcp, ok := c.raw.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(slowWindow) // so that the build notices
	}
	defer context.AfterFunc(ctx, c.expire)()
	if _, err := c.conn.Write(append(o.first, o.rest...)); err != nil {
		return err
	}
	c.in.in.reset(&slowReader{ctx, c.conn, while})
	_, err = c.hear(o.method, d.maxAnswer, out)
	return err
}

const (
	slowWindow = 2 << 10 // bytes that wait to be read, about
	slowBite   = 256     // bytes read at once
	slowPause  = 5 * time.Millisecond
)

// A slowReader pauses before it reads a little, until its patience is over.
type slowReader struct {
	ctx  context.Context
	from io.Reader
	left time.Duration
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return r.from.Read(p)
	}
	r.left -= slowPause
	t := time.NewTimer(slowPause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.ctx.Done():
	}
	return r.from.Read(p[:min(len(p), slowBite)])
}
