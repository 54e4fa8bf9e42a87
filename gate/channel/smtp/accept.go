package smtp

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

const acceptPause = 50 * time.Millisecond // between attempts while the system has no descriptors

// serveThreaded serves each connection that comes in a goroutine of its own. What
// it returns stops accepting.
func (k *sink) serveThreaded(ln net.Listener) (stop func() error) {
	k.running.Go(func() { k.accept(ln) })
	return func() error {
		if err := ln.Close(); err != nil {
			return fmt.Errorf("closing %s: %w", k.addr, err)
		}
		return nil
	}
}

// accept takes connections until the listener is closed.
func (k *sink) accept(ln net.Listener) {
	failing := false
	for {
		conn, err := ln.Accept()
		if err == nil {
			failing = false
			if s := k.admit(threaded{conn}); s != nil {
				k.running.Go(func() {
					s.serve()
					k.dismiss(s)
				})
			}
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if !failing {
			k.unaccepted(err)
		}
		failing = true
		select {
		case <-k.closed:
			return
		case <-time.After(acceptPause):
		}
	}
}

// unaccepted takes down that connections cannot be accepted: it is a gap, once for
// each time that it begins.
func (k *sink) unaccepted(err error) {
	k.gap(gate.GapHandshake, "accepting a connection: "+err.Error())
}
