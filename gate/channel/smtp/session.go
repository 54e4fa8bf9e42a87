package smtp

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

var (
	errClosing = errors.New("the sink is closing")
	errEnd     = errors.New("the session is over") // answered whatever there was to answer
)

// A session is one connection to a sink.
type session struct {
	sink *sink
	raw  conduit  // the socket
	conn net.Conn // raw, or TLS over it
	peer string
	in   reader
	out  *bufio.Writer

	buffers *buffers // of in and out

	mu       sync.Mutex
	closing  bool // the sink is closing: end when no transaction is under way
	underway bool // after MAIL

	tls, host string // version and name asked for; "" is plaintext
	greeting  []byte // the HELO or EHLO line, CRLF ended; nil before it
	named     bool   // whether the greeting named the client
	tx        *transaction

	spoke  bool // something has come
	mailed bool // MAIL has come
	quit   bool // QUIT has come
	wrong  int  // commands answered with a permanent failure that no script asked for
}

func newSession(k *sink, conn conduit) *session {
	s := &session{sink: k, raw: conn, conn: conn, peer: conn.RemoteAddr().String()}
	s.in.read = s.read
	if s.buffers, _ = k.spare.Get().(*buffers); s.buffers == nil {
		s.buffers = &buffers{in: make([]byte, block), out: bufio.NewWriterSize(nil, 2048)}
	}
	s.in.buf, s.out = s.buffers.in, s.buffers.out
	s.out.Reset(writerFunc(s.write))
	return s
}

// Buffers are of one session after the other.
type buffers struct {
	in  []byte
	out *bufio.Writer
}

// release gives the buffers to the next session.
func (s *session) release() {
	s.out.Reset(nil)
	s.in, s.out = reader{}, nil
	s.sink.spare.Put(s.buffers)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// write is the only way out, so that STARTTLS needs to change conn alone.
func (s *session) write(p []byte) (int, error) { return s.conn.Write(p) }

// read sends all replies so far, which is what pipelining asks of a server (RFC
// 2920, 3.2), and then waits for input.
func (s *session) read(p []byte) (int, error) {
	if err := s.arm(idleTimeout); err != nil {
		return 0, err
	}
	if err := s.out.Flush(); err != nil {
		return 0, err
	}
	n, err := s.conn.Read(p)
	if n > 0 {
		s.sink.touch(time.Now())
	} else if err != nil && s.ending() {
		return 0, errClosing
	}
	return n, err
}

// arm allows the connection d from now, or says that it is to end.
func (s *session) arm(d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing && !s.underway {
		return errClosing
	}
	return s.raw.SetDeadline(time.Now().Add(d))
}

func (s *session) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing && !s.underway
}

// finish asks the session to end: now where no transaction is under way, else after it.
func (s *session) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing = true
	if !s.underway {
		s.raw.SetReadDeadline(time.Now())
	}
}

func (s *session) setUnderway(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.underway != on {
		s.underway = on
		if on {
			s.sink.busy.Add(1)
		} else {
			s.sink.busy.Add(-1)
		}
	}
}

// serve speaks with one client from greeting to end.
func (s *session) serve() {
	defer s.raw.Close()
	err := s.talk()
	if errors.Is(err, errClosing) {
		s.reply(421, "4.3.2", "closing")
	}
	s.conclude(err)
	s.raw.SetDeadline(time.Now().Add(tlsTimeout))
	s.out.Flush() // what cannot be sent to a client that has gone is no evidence
	if s.conn != s.raw {
		s.conn.Close() // with TLS's own goodbye
	}
	s.release()
}

// conclude takes down what the end of the session leaves unseen.
func (s *session) conclude(err error) {
	switch {
	case s.tx != nil:
		s.drop(err)
	case s.mailed || !s.spoke || errors.Is(err, errHandshake):
	case s.wrong > 0 || !s.quit && !errors.Is(err, errClosing):
		s.sink.gap(gate.GapHandshake, "a connection ended before any MAIL command: "+s.ended(err))
	}
}

// ended says in words why the session is over. It names nobody.
func (s *session) ended(err error) string {
	var timeout net.Error
	switch {
	case s.quit:
		return "the client said QUIT"
	case errors.Is(err, errClosing) || errors.Is(err, net.ErrClosed):
		return "the sink was closed"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "nothing came for " + idleTimeout.String()
	case err == nil || errors.Is(err, errEnd):
		return "the sink ended it"
	}
	return "the client left: " + reason(err)
}

// reason is an error without the addresses that package net puts before it.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

var errHandshake = errors.New("the TLS handshake failed")

// talk returns why the session is over.
func (s *session) talk() error {
	if s.sink.opt.implicit {
		if err := s.in.fill(); err != nil {
			return err // nothing came: a probe
		}
		if err := s.startTLS(); err != nil {
			return err
		}
	}
	if no, ok := s.sink.refusal(); ok || s.sink.inMood() == channel.Drop {
		s.sink.refused.Add(1)
		if ok {
			s.reply(421, no.enhanced, no.text)
		}
		return errEnd
	}
	s.line("220 " + s.sink.opt.hostname + " " + map[bool]string{false: "ESMTP", true: "LMTP"}[s.sink.opt.lmtp])
	if err := s.in.fill(); err != nil {
		return err
	}
	s.spoke = true
	if s.in.buf[s.in.r] == 0x16 { // TLS handshake record: RFC 8446, 5.1
		s.sink.gap(gate.GapHandshake, "a client began TLS at once on a sink that speaks plaintext first; set implicit_tls = true if that is right")
		return errHandshake
	}
	for {
		line, bareLF, err := s.in.line()
		if errors.Is(err, errLongLine) {
			s.sink.gap(gate.GapBrokenMessage, "a command line longer than "+strconv.Itoa(maxLine)+" bytes was refused")
			if err := s.mistake(500, "5.5.2", "line too long"); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		if s.sink.inMood() == channel.Drop {
			s.turnedAway()
			return errEnd
		}
		if err := s.command(string(line), bareLF); err != nil {
			return err
		}
	}
}

func (s *session) line(text string) {
	s.out.WriteString(text)
	s.out.WriteString("\r\n")
}

func (s *session) reply(code int, enhanced, text string) {
	s.line(strconv.Itoa(code) + " " + enhanced + " " + text)
}

// mistake answers a command that cannot be carried out, and ends a session that
// holds nothing else.
func (s *session) mistake(code int, enhanced, text string) error {
	if s.wrong++; s.wrong > maxBadCommand {
		s.reply(421, "4.7.0", "too many mistakes")
		return errEnd
	}
	s.reply(code, enhanced, text)
	return nil
}

// command answers one command line.
func (s *session) command(line string, bareLF bool) error {
	v, rest := splitVerb(line)
	switch v {
	case helo, ehlo, lhlo:
		if (v == lhlo) != s.sink.opt.lmtp {
			return s.mistake(500, "5.5.1", "greet by "+map[bool]string{false: "EHLO", true: "LHLO"}[s.sink.opt.lmtp])
		}
		s.drop(nil)
		s.greeting, s.named = append([]byte(line), '\r', '\n'), rest != ""
		if v == helo {
			s.line("250 " + s.sink.opt.hostname)
			return nil
		}
		s.extensions()
		return nil
	case mail:
		return s.mail(line, rest, bareLF)
	case rcpt:
		return s.rcpt(line, rest, bareLF)
	case "DATA":
		return s.data()
	case "BDAT":
		return s.bdat(rest)
	case "RSET":
		s.drop(nil)
		s.reply(250, "2.0.0", "reset")
		return nil
	case "NOOP":
		s.reply(250, "2.0.0", "ok")
		return nil
	case "VRFY":
		s.reply(252, "2.0.0", "send and see")
		return nil
	case "HELP":
		s.reply(214, "2.0.0", "RFC 5321")
		return nil
	case "QUIT":
		s.quit = true
		s.drop(nil)
		s.reply(221, "2.0.0", "bye")
		return errEnd
	case "STARTTLS":
		return s.upgrade()
	case "AUTH":
		return s.auth(rest)
	}
	return s.mistake(500, "5.5.1", "unknown command")
}

func (s *session) extensions() {
	s.line("250-" + s.sink.opt.hostname)
	for _, e := range []string{"PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "CHUNKING"} {
		s.line("250-" + e)
	}
	if s.sink.opt.startTLS && s.tls == "" {
		s.line("250-STARTTLS")
	}
	if s.sink.opt.auth {
		s.line("250-AUTH PLAIN LOGIN CRAM-MD5 XOAUTH2 OAUTHBEARER")
	}
	s.line("250 ENHANCEDSTATUSCODES")
}

// upgrade answers STARTTLS (RFC 3207).
func (s *session) upgrade() error {
	if s.tls != "" || !s.sink.opt.startTLS {
		return s.mistake(502, "5.5.1", "TLS is not offered here")
	}
	if s.tx != nil {
		return s.mistake(503, "5.5.1", "finish the transaction first")
	}
	s.reply(220, "2.0.0", "go ahead")
	if err := s.out.Flush(); err != nil {
		return err
	}
	if err := s.startTLS(); err != nil {
		return err
	}
	s.greeting, s.named = nil, false // RFC 3207, 4.2: what was learnt before is forgotten
	return nil
}

// startTLS makes the connection TLS. What has been read already is taken as the
// beginning of the handshake: commands that somebody put between STARTTLS and TLS
// make it fail, and are never run.
func (s *session) startTLS() error {
	if err := s.arm(tlsTimeout); err != nil {
		return err
	}
	s.raw.apart(true)
	conn := tls.Server(&primedConn{s.raw, s.in.rest()}, s.sink.tls)
	if err := conn.HandshakeContext(context.Background()); err != nil {
		s.sink.gap(gate.GapHandshake, "TLS: "+reason(err))
		return errHandshake
	}
	state := conn.ConnectionState()
	s.conn, s.tls, s.host = conn, tls.VersionName(state.Version), state.ServerName
	return nil
}

// mechanisms are what AUTH may ask for, and what the sink says before each answer of the
// client: "" is an empty challenge. PLAIN is of RFC 4616, LOGIN of no RFC, OAUTHBEARER of RFC
// 7628, XOAUTH2 what Google and Microsoft publish. CRAM-MD5 (RFC 2195) begins with a
// challenge, and has no initial response.
func (s *session) mechanisms(name string) (prompts []string, known bool) {
	switch strings.ToUpper(name) {
	case "PLAIN", "XOAUTH2", "OAUTHBEARER":
		return []string{""}, true
	case "LOGIN":
		return []string{"VXNlcm5hbWU6", "UGFzc3dvcmQ6"}, true // "Username:", "Password:"
	case "CRAM-MD5":
		return []string{base64.StdEncoding.EncodeToString([]byte("<1.1@" + s.sink.opt.hostname + ">"))}, true
	}
	return nil, false
}

// auth answers AUTH (RFC 4954): any credentials do, and nothing of them is kept.
func (s *session) auth(rest string) error {
	if !s.sink.opt.auth {
		return s.mistake(502, "5.5.1", "AUTH is not offered here")
	}
	if s.tx != nil {
		return s.mistake(503, "5.5.1", "finish the transaction first")
	}
	mechanism, initial, _ := strings.Cut(rest, " ")
	prompts, known := s.mechanisms(mechanism)
	switch {
	case !known:
		return s.mistake(504, "5.5.4", "unknown mechanism")
	case initial != "" && strings.EqualFold(mechanism, "CRAM-MD5"):
		return s.mistake(501, "5.5.4", "this mechanism begins with a challenge") // RFC 4954, section 4
	case initial != "":
		prompts = prompts[1:]
	}
	for _, p := range prompts {
		s.line("334 " + p)
		line, _, err := s.in.line()
		if err != nil {
			return err
		}
		if string(line) == "*" {
			return s.mistake(501, "5.0.0", "cancelled")
		}
	}
	s.reply(235, "2.7.0", "welcome")
	return nil
}
