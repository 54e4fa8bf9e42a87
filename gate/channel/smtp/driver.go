package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	maxReplies   = 4 << 20         // bytes of reply lines that an outcome keeps
	leaveTimeout = 2 * time.Second // for the goodbye to a build when the driver is closed
)

// doorSettings are the keys of an SMTP door in waybill.toml.
type doorSettings struct {
	// StartTLS says that STARTTLS is asked for before anything is sent. Without a
	// TLS configuration of the caller's any certificate is taken: the build was
	// started for this replay, and its certificate proves nothing about it.
	StartTLS bool `toml:"starttls"`
	// LMTP says that the door speaks LMTP (RFC 2033).
	LMTP bool `toml:"lmtp"`
}

// A driver sends mail to one door of a build, on as many connections as stimuli
// are under way, and keeps connections for the stimuli that follow.
type driver struct {
	address  string
	tls      *tls.Config // nil is plaintext
	startTLS bool
	lmtp     bool
	keep     int

	mu     sync.Mutex
	idle   []*client
	closed bool
}

// openDriver opens no connection yet. The address is host:port, or a URL of
// scheme smtp or smtps, of which the latter speaks TLS from the first byte.
func openDriver(cfg channel.DriveConfig) (channel.Driver, error) {
	var s doorSettings
	if err := cfg.Settings.Into(&s); err != nil {
		return nil, fmt.Errorf("smtp door %s: %w", cfg.Door, err)
	}
	d := &driver{address: cfg.Address, tls: cfg.TLS, startTLS: s.StartTLS, lmtp: s.LMTP, keep: max(1, cfg.Concurrency)}
	implicit := cfg.TLS != nil
	if strings.Contains(cfg.Address, "://") {
		u, err := url.Parse(cfg.Address)
		if err != nil {
			return nil, fmt.Errorf("smtp door %s: %w", cfg.Door, err)
		}
		switch u.Scheme {
		case "smtp":
		case "smtps":
			implicit = true
			if s.StartTLS {
				return nil, fmt.Errorf("smtp door %s: address %s speaks TLS at once and starttls is true; take one of them out", cfg.Door, cfg.Address)
			}
		default:
			return nil, fmt.Errorf("smtp door %s: address %s: want smtp://host:port or smtps://host:port", cfg.Door, cfg.Address)
		}
		d.address = u.Host
	}
	host, port, err := net.SplitHostPort(d.address)
	if err != nil || port == "" {
		return nil, fmt.Errorf("smtp door %s: address %q: want host:port", cfg.Door, cfg.Address)
	}
	if (implicit || s.StartTLS) && d.tls == nil {
		d.tls = &tls.Config{ServerName: host, InsecureSkipVerify: true}
	}
	return d, nil
}

// Do sends one message. Its outcome has the reply code to the end of data, or to
// the step that failed, and the reply lines to MAIL, RCPT, DATA and the message.
// A message that some of its recipients were refused for goes to the others.
//
// A stimulus is sent once. Only where a connection that was kept from an earlier
// stimulus turns out to be closed, before MAIL was accepted on it, a new one is made.
func (d *driver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	a := attempt{out: gate.Outcome{Stimulus: s.ID}, lmtp: d.lmtp}
	if err := a.read(s.Head); err != nil {
		a.out.Error = "reading the head of the stimulus: " + err.Error()
		return a.out
	}
	if ctx.Err() != nil { // a kept connection could take the stimulus before the deadline is moved
		return a.end(fmt.Errorf("sending to %s: %w", d.address, context.Cause(ctx)))
	}
	c := d.take()
	fresh := c == nil
	for {
		if c == nil {
			var err error
			if c, err = d.dial(ctx); err != nil {
				return a.end(fmt.Errorf("connecting to %s: %w", d.address, cause(ctx, err)))
			}
		}
		raw := c.raw
		stop := context.AfterFunc(ctx, func() { raw.SetDeadline(time.Unix(1, 0)) })
		err := a.send(c, s.Body)
		if !stop() || err != nil || a.ended {
			c.conn.Close()
		} else {
			d.put(c)
		}
		if err != nil && !fresh && !a.mailed && ctx.Err() == nil && gone(err) {
			c, fresh = nil, true
			a.reset()
			continue
		}
		if err != nil {
			err = fmt.Errorf("sending to %s: %w", d.address, cause(ctx, err))
		}
		return a.end(err)
	}
}

// cause is err, or why ctx is done where that is what broke the connection.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// gone reports whether err says that the other side had closed the connection.
func gone(err error) bool {
	var down *turnedDown
	if errors.As(err, &down) {
		return down.code == 421
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func (d *driver) dial(ctx context.Context) (*client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.address)
	if err != nil {
		return nil, err
	}
	c := newClient(conn)
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if d.tls != nil && !d.startTLS {
		err = c.beginTLS(ctx, d.tls)
	}
	if err == nil {
		err = c.welcome()
	}
	if err == nil && d.startTLS {
		err = c.startTLS(ctx, d.tls, d.lmtp)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (d *driver) take() *client {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := len(d.idle)
	if n == 0 {
		return nil
	}
	c := d.idle[n-1]
	d.idle = d.idle[:n-1]
	return c
}

func (d *driver) put(c *client) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed || len(d.idle) == d.keep {
		c.conn.Close()
		return
	}
	d.idle = append(d.idle, c)
}

// Close says QUIT on the connections that are kept.
func (d *driver) Close() error {
	d.mu.Lock()
	idle := d.idle
	d.idle, d.closed = nil, true
	d.mu.Unlock()
	var leaving sync.WaitGroup
	for _, c := range idle {
		leaving.Go(func() {
			c.raw.SetDeadline(time.Now().Add(leaveTimeout))
			c.leave() // a build that has gone already needs no goodbye
		})
	}
	leaving.Wait()
	return nil
}

// An attempt is one stimulus on its way into a build.
type attempt struct {
	greeting string   // HELO, EHLO or LHLO line; "" is none
	lmtp     bool     // LMTP is spoken
	lines    []string // MAIL, then RCPT lines

	out    gate.Outcome
	head   strings.Builder
	began  time.Time // first byte sent
	latest time.Time // last byte received
	mailed bool      // MAIL was accepted
	ended  bool      // the connection is of no more use
}

// read splits a head into its lines.
func (a *attempt) read(head []byte) (err error) {
	eachLine(head, func(line string) bool {
		switch v, _ := splitVerb(line); {
		case (v == helo || v == ehlo || v == lhlo) && len(a.lines) == 0:
			a.greeting = line
		case v == mail && len(a.lines) == 0, v == rcpt && len(a.lines) > 0:
			a.lines = append(a.lines, line)
		default:
			err = fmt.Errorf("%.80q does not belong there: want one HELO, EHLO or LHLO, one MAIL, then RCPT", line)
		}
		return err == nil
	})
	switch {
	case err != nil:
		return err
	case len(a.lines) == 0:
		return errors.New("it has no MAIL line")
	case len(a.lines) == 1:
		return errors.New("it has no RCPT line: nothing says whom the message is for")
	}
	return nil
}

// reset forgets what came of a connection that was closed already.
func (a *attempt) reset() {
	a.head.Reset()
	a.out.Cut, a.out.Status, a.ended = 0, 0, false
}

// end completes the outcome.
func (a *attempt) end(err error) gate.Outcome {
	var down *turnedDown
	switch {
	case errors.As(err, &down):
		a.answer(down.reply)
	case err != nil:
		a.out.Status, a.out.Error = 0, err.Error() // a reply to an earlier step is no answer to the message
	}
	a.out.Head = []byte(a.head.String())
	if !a.began.IsZero() && a.latest.After(a.began) {
		a.out.Elapsed = int64(a.latest.Sub(a.began))
	}
	return a.out
}

// answer takes down a reply.
func (a *attempt) answer(r reply) {
	a.out.Status = r.code
	a.latest = time.Now()
	if a.head.Len()+len(r.text) > maxReplies {
		a.out.Cut += int64(len(r.text))
		return
	}
	a.head.WriteString(r.text)
}

// send carries out the transaction. An error means that there is no answer, or is
// a *turnedDown. An answer that leaves the connection in doubt sets ended.
func (a *attempt) send(c *client, body []byte) error {
	a.began = time.Now()
	greeting := a.greeting
	if greeting == "" && c.greeting == "" {
		greeting = "EHLO " + literal(c.raw.LocalAddr())
	}
	greeting = greetingOf(greeting, a.lmtp)
	if greeting != "" && greeting != c.greeting {
		if err := c.hello(greeting); err != nil {
			return err
		}
	}
	accepted, err := a.envelope(c)
	if err != nil {
		return err
	}
	if accepted == 0 {
		if a.out.Status < 400 {
			return fmt.Errorf("the build answered %d where it took no recipient", a.out.Status)
		}
		_, err := c.say("RSET")
		a.ended = err != nil // the answer stands
		return nil
	}
	r, err := c.say("DATA")
	if err != nil {
		return fmt.Errorf("waiting for the reply to DATA: %w", err)
	}
	if r.code != 354 {
		return r.unwanted("DATA")
	}
	a.answer(r)
	if r, err = c.message(body); err != nil {
		return fmt.Errorf("waiting for the reply to the message: %w", err)
	}
	if err := a.verdicts(c, r, accepted); err != nil {
		return err
	}
	switch {
	case ambiguousEnds(body) > 0:
		return a.listen(c)
	case c.in.r < c.in.w:
		return errors.New("the build sent more replies than it was asked for: which of them answers the message is not known")
	}
	return nil
}

// greetingOf is a greeting as it was recorded, with the verb of what is spoken.
func greetingOf(line string, lmtp bool) string {
	v, rest := splitVerb(line)
	switch {
	case lmtp && v != lhlo && line != "":
		return strings.TrimSuffix(string(lhlo)+" "+rest, " ")
	case !lmtp && v == lhlo:
		return strings.TrimSuffix(string(ehlo)+" "+rest, " ")
	}
	return line
}

// verdicts takes down what the build says of the message, of which r was the first: one reply,
// or, of LMTP, one for each recipient that was accepted (RFC 2033, section 4.2). The worst is
// the answer.
func (a *attempt) verdicts(c *client, r reply, accepted int) (err error) {
	if !a.lmtp {
		accepted = 1
	}
	worst := 0
	for i := range accepted {
		if i > 0 {
			if r, err = c.reply(); err != nil {
				return fmt.Errorf("waiting for reply %d of %d to the message: %w", i+1, accepted, err)
			}
		}
		if r.code < 400 && !r.ok() {
			return r.unwanted("the message")
		}
		a.answer(r)
		worst = max(worst, r.code)
		a.ended = a.ended || r.code == 421
	}
	a.out.Status = worst
	return nil
}

// envelope sends MAIL and RCPT and counts the recipients that were accepted.
func (a *attempt) envelope(c *client) (accepted int, err error) {
	lines := make([]string, len(a.lines))
	for i, line := range a.lines {
		var left []string
		lines[i], left = leaveOut(line, c.offered)
		if len(left) > 0 {
			name := "MAIL"
			if i > 0 {
				name = "RCPT " + strconv.Itoa(i)
			}
			fmt.Fprintf(&a.head, "# left out of %s, not offered: %s\r\n", name, strings.Join(left, " "))
		}
	}
	var last reply
	err = c.exchange(lines, func(i int, r reply) error {
		switch {
		case i == 0 && r.code == 421:
			return &turnedDown{r}
		case i == 0:
			a.mailed = r.ok()
			last = r
		case r.ok() && a.mailed:
			accepted++
		case a.mailed:
			last = r
		}
		a.answer(r)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("waiting for the replies to MAIL and RCPT: %w", err)
	}
	if accepted == 0 {
		a.out.Status = last.code
	}
	return accepted, nil
}

// listen ends a connection on which the build may have taken the end of the
// message to be earlier than it was, and run what followed as commands: then there
// are more replies than were asked for, and which was the message's is not known.
func (a *attempt) listen(c *client) error {
	a.ended = true
	replies, err := c.leave()
	if err != nil {
		return fmt.Errorf("waiting for the reply to QUIT: %w", err)
	}
	if replies > 1 {
		return fmt.Errorf("the build sent %d replies more than it was asked for: it ended the message at a dot that RFC 5321 does not end it at", replies-1)
	}
	return nil
}

// leaveOut is a MAIL or RCPT line without the parameters that a client may not
// send where they are not offered, and those parameters. See the package comment.
func leaveOut(line string, offered func(keyword string) bool) (kept string, left []string) {
	v, rest := splitVerb(line)
	word := "TO"
	if v == mail {
		word = "FROM"
	}
	a, ok := readArgument(rest, word)
	if !ok || len(a.params) == 0 {
		return line, nil
	}
	var b strings.Builder
	b.WriteString(string(v) + " " + a.before + a.path)
	for _, p := range a.params {
		var needs string
		switch p.name {
		case "SIZE":
			needs = "SIZE"
		case "BODY":
			if p.value = upperASCII(p.value); p.value == "7BIT" || p.value == "8BITMIME" {
				needs = "8BITMIME"
			}
		case "RET", "ENVID", "NOTIFY", "ORCPT":
			needs = "DSN"
		}
		if needs != "" && !offered(needs) {
			left = append(left, p.text)
			continue
		}
		b.WriteString(" " + p.text)
	}
	if len(left) == 0 {
		return line, nil
	}
	return b.String(), left
}
