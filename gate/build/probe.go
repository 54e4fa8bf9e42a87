//go:build unix

package build

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/waybill-dev/waybill/gate/config"
)

const (
	askTimeout = 5 * time.Second // for one answer of a probe
	firstPause = 5 * time.Millisecond
	longPause  = 250 * time.Millisecond
)

// ask asks a probe once. nil is yes; an error says what was seen instead.
func (b *Build) ask(ctx context.Context, p *config.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	switch {
	case p.HTTP != "":
		return b.askHTTP(ctx, p.HTTP)
	case p.TCP != "":
		address, err := config.Expand(p.TCP, b.vars)
		if err != nil {
			return err
		}
		return askTCP(ctx, address)
	case len(p.Command) > 0:
		return b.askCommand(ctx, p.Command)
	}
	for _, address := range b.doors {
		if err := askTCP(ctx, address); err != nil {
			return err
		}
	}
	return nil
}

// askHTTP asks the build itself: no proxy, no redirect, no connection kept that
// could be taken for work under way.
func (b *Build) askHTTP(ctx context.Context, url string) error {
	url, err := config.Expand(url, b.vars)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10) // the status is the answer
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("%s answered %s", url, resp.Status)
	}
	return nil
}

func askTCP(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// askCommand lets the command print where the build prints: its words can hold
// anything, and the error may go further than the log does.
func (b *Build) askCommand(ctx context.Context, argv []string) error {
	st, err := b.run(ctx, argv, b.out)
	if err != nil {
		return err
	}
	if !st.ok() {
		return fmt.Errorf("%q %s", argv[0], st)
	}
	return nil
}

// awaitReady asks until the answer is yes, the build ends, or time runs out.
func (b *Build) awaitReady(ctx context.Context) error {
	p := &b.site.spec.Build.Ready
	deadline := time.NewTimer(p.Timeout.Duration)
	defer deadline.Stop()
	pause := firstPause
	for {
		err := b.ask(ctx, p)
		select {
		case <-b.exited:
			return fmt.Errorf("build %s %s before it was ready; %w", b.site.spec.Role, b.failure.Status(), b.failure.printed())
		case <-ctx.Done():
			return fmt.Errorf("build %s: await readiness: %w", b.site.spec.Role, context.Cause(ctx))
		default:
		}
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, longPause)
		case <-b.exited: // told above
		case <-ctx.Done():
		case <-deadline.C:
			said := fmt.Sprintf("build %s was not ready within %s: %v", b.site.spec.Role, p.Timeout, err)
			if b.proc == nil {
				return errors.New(said)
			}
			return errors.New(b.out.withLast(said))
		}
	}
}
