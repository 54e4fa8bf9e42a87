package http

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	defaultMaxAnswer = 64 << 10

	// idleTimeout ends connections long before a server would: a request that
	// crosses with the server's close cannot be told from one that was acted on,
	// and is never sent again.
	idleTimeout = 500 * time.Millisecond
)

type doorSettings struct {
	Headers map[string]string `toml:"headers"`
	TLS     bool              `toml:"tls"`
}

// A driver sends requests of HTTP/1.1 to one door of a build, on as many
// connections as stimuli are under way, and keeps those for the stimuli that follow.
type driver struct {
	address   string
	tls       *tls.Config // nil is plaintext
	maxAnswer int64
	headers   []field // of the settings, sorted by name without case
	keep      int

	mu     sync.Mutex
	idle   []*client // the one kept longest first
	reaper *time.Timer
	closed bool
}

func drive(cfg channel.DriveConfig) (channel.Driver, error) {
	var set doorSettings
	if err := cfg.Settings.Into(&set); err != nil {
		return nil, fmt.Errorf("http door %s: %w", cfg.Door, err)
	}
	d := &driver{maxAnswer: cfg.MaxAnswer, keep: max(cfg.Concurrency, 1)}
	if d.maxAnswer <= 0 {
		d.maxAnswer = defaultMaxAnswer
	}
	secure, err := d.setAddress(cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("http door %s: %w", cfg.Door, err)
	}
	if cfg.TLS != nil || set.TLS || secure {
		d.setTLS(cfg.TLS)
	}
	for k, v := range set.Headers {
		if !isToken(k) || hopByHop(k) || hasControl(v) {
			return nil, fmt.Errorf("http door %s: headers: %q cannot be sent with a request", cfg.Door, k)
		}
		if d.replaces(k) {
			return nil, fmt.Errorf("http door %s: headers: %q is given twice", cfg.Door, k)
		}
		d.headers = append(d.headers, field{k, v})
	}
	slices.SortFunc(d.headers, func(a, b field) int { return strings.Compare(strings.ToLower(a.name), strings.ToLower(b.name)) })
	return d, nil
}

// setAddress takes "host:port" or a URL without a path, and reports whether that
// asks for TLS.
func (d *driver) setAddress(address string) (secure bool, err error) {
	d.address = address
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return false, fmt.Errorf("address: %w", err)
		}
		if (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" {
			return false, fmt.Errorf("address %q: give http:// or https:// with host and port, and nothing behind", address)
		}
		secure, d.address = u.Scheme == "https", u.Host
		if u.Port() == "" {
			d.address = net.JoinHostPort(u.Hostname(), map[bool]string{false: "80", true: "443"}[secure])
		}
	}
	if _, port, err := net.SplitHostPort(d.address); err != nil || port == "" {
		return false, fmt.Errorf("address %q: give host:port or a URL", address)
	}
	return secure, nil
}

// setTLS verifies the build's certificate as config says, or as the system does.
// HTTP/2 is not offered: a client of it sends again by itself.
func (d *driver) setTLS(config *tls.Config) {
	d.tls = &tls.Config{}
	if config != nil {
		d.tls = config.Clone()
	}
	d.tls.NextProtos = []string{"http/1.1"}
	if d.tls.ServerName == "" {
		d.tls.ServerName = hostname(d.address)
	}
}

// Do sends s once and reads the answer whole, keeping what MaxAnswer allows.
// Redirects are answers like any other.
//
// Where a connection that was kept turns out to have ended before a byte of s was
// sent on it, another is made; what was sent is never sent again, whatever the
// method (RFC 9110, 9.2.2): whether the build acted on it cannot be known.
func (d *driver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	out := gate.Outcome{Stimulus: s.ID}
	c, begin := d.take()
	o, fields, err := d.outgoing(s, c.out, c.fields)
	c.fields = fields[:0]
	if err != nil {
		out.Error = fmt.Sprintf("send stimulus %s: %v", s.ID, err)
		d.put(c, begin)
		return out
	}
	c.out = o.first
	kept := false
	for {
		if err = context.Cause(ctx); err != nil {
			break // a connection that is there would take s before it is broken
		}
		if c.raw == nil {
			if err = c.dial(ctx, d.address, d.tls); err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				break
			}
			begin = time.Now()
		}
		kept, err = c.exchange(ctx, &o, d.maxAnswer, &out)
		if !kept {
			c.close()
		}
		if err == nil || !c.used || !isUnsent(err) {
			break
		}
	}
	end := time.Now()
	out.Elapsed = end.Sub(begin).Nanoseconds()
	switch {
	case err != nil && out.Status != 0 && !errors.Is(err, errSwitched):
		out.Error = fmt.Sprintf("read the answer to stimulus %s from %s: %v", s.ID, d.address, err)
	case err != nil:
		out.Error = fmt.Sprintf("send stimulus %s to %s: %v", s.ID, d.address, err)
	}
	d.put(c, end)
	return out
}

// take gives a client that was kept, or a new one, and what time it is.
func (d *driver) take() (*client, time.Time) {
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.idle)
	if n == 0 || now.Sub(d.idle[n-1].idle) >= idleTimeout {
		return newClient(), now
	}
	c := d.idle[n-1]
	d.idle = d.idle[:n-1]
	return c, now
}

// put keeps c for a while, where it is open.
func (d *driver) put(c *client, now time.Time) {
	if c.raw == nil {
		return
	}
	c.used, c.idle = true, now
	d.mu.Lock()
	if d.closed || len(d.idle) == d.keep || !tellsQuiet {
		d.mu.Unlock()
		c.close()
		return
	}
	d.idle = append(d.idle, c)
	if d.reaper == nil {
		d.reaper = time.AfterFunc(idleTimeout, d.reap)
	}
	d.mu.Unlock()
}

// reap closes what was kept for too long, and comes again while anything is kept.
func (d *driver) reap() {
	now := time.Now()
	d.mu.Lock()
	n := 0
	for n < len(d.idle) && now.Sub(d.idle[n].idle) >= idleTimeout {
		n++
	}
	late := slices.Clone(d.idle[:n])
	d.idle = slices.Delete(d.idle, 0, n)
	if d.reaper = nil; len(d.idle) > 0 {
		d.reaper = time.AfterFunc(idleTimeout-now.Sub(d.idle[0].idle), d.reap)
	}
	d.mu.Unlock()
	for _, c := range late {
		c.close()
	}
}

// Close closes what is kept, and what is under way when that has ended.
func (d *driver) Close() error {
	d.mu.Lock()
	idle := d.idle
	if d.reaper != nil {
		d.reaper.Stop()
	}
	d.idle, d.reaper, d.closed = nil, nil, true
	d.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
	return nil
}
