package smtp

import (
	"context"
	"crypto/tls"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	tapSmallRun = 4 << 10  // a connection begins with buffers of this size
	tapLargeRun = 64 << 10 // and gets larger ones where they are filled

	tapMaxAhead     = 200_000  // commands of one connection that may wait for their replies
	tapMaxKeptReply = 64 << 10 // bytes of the replies of one transaction
)

// A step is what a reply answers.
type step uint8

const (
	stepConnect step = iota
	stepHello
	stepMail
	stepRcpt
	stepData // DATA
	stepMessage
	stepChunk
	stepLastChunk
	stepReset
	stepQuit
	stepAuth // AUTH, and each answer to its challenges
	stepTLS
	stepBURL // the message is somewhere else: RFC 4468
	stepOther
)

// A said is something that the client said and the upstream has yet to answer.
type said struct {
	step   step
	line   string
	letter *letter // of stepMessage and stepLastChunk

	code int // of the reply; guarded by conversation.mu
}

// A conversation is a client and the upstream, and what of it passes.
//
// A command is known before its last byte is passed on, and a message is told before
// the reply to it is.
type conversation struct {
	tap  *tap
	link *channel.Link
	peer string

	client, server net.Conn // changed by STARTTLS, while both sides wait
	version, named string   // TLS of the client, and the name it asked for

	// The client's side.
	lines    lineReader
	inside   step // stepMessage or stepChunk: content passes; stepAuth: a credential
	data     dataReader
	left     int64 // bytes of a chunk
	chunks   bool  // data holds chunks
	last     bool  // this is the last one
	deciding *said // what its reply decides how to read what follows it

	// The server's side.
	replies lineReader
	reply   []byte // the lines of a reply so far
	hello   string // the HELO or EHLO line last accepted
	tx      *mailing
	quit    bool
	over    int // transactions that end in the run being passed

	mu      sync.Mutex
	changed sync.Cond
	waiting []*said
	lost    bool // it is not followed any more
	gone    bool // one side has ended
	secured bool // STARTTLS is done, or failed
}

func newConversation(t *tap, l *channel.Link, server net.Conn) *conversation {
	c := &conversation{tap: t, link: l, peer: l.Client.RemoteAddr().String(), client: l.Client, server: server, inside: stepOther}
	c.changed.L = &c.mu
	c.waiting = []*said{{step: stepConnect}}
	return c
}

func (c *conversation) run() {
	var replies sync.WaitGroup
	replies.Go(c.fromServer)
	c.fromClient()
	replies.Wait()
	c.conclude()
	c.client.Close() // with TLS's own goodbye
	c.server.Close()
}

func (c *conversation) isLost() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// lose stops following the conversation.
func (c *conversation) lose(why string) {
	c.mu.Lock()
	again := c.lost
	c.lost = true
	c.changed.Broadcast()
	c.mu.Unlock()
	if !again {
		c.link.Begin() // it is under way until it ends
		c.tap.Missed(gate.GapNotRecorded, "a connection was not followed any further, since "+why+"; what passed on it from then on was not kept", 1)
	}
}

// sideGone says that one side has ended, for those who wait for a word of it.
func (c *conversation) sideGone() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gone = true
	c.changed.Broadcast()
}

// fromClient passes what the client says.
func (c *conversation) fromClient() {
	defer c.sideGone()
	buf := make([]byte, tapSmallRun)
	for {
		n, err := c.client.Read(buf)
		for run := buf[:n]; len(run) > 0; {
			k := len(run)
			if !c.isLost() {
				if c.decide(run) {
					break // taken by TLS
				}
				if !c.isLost() {
					k = c.follow(run)
				}
			}
			if _, werr := c.server.Write(run[:k]); werr != nil {
				return // the server's side sees it too, and what came before it
			}
			run = run[k:]
			if len(run) == 0 && c.deciding != nil && c.deciding.step == stepTLS {
				c.decide(nil)
			}
		}
		if n == len(buf) && n < tapLargeRun {
			buf = make([]byte, tapLargeRun)
		}
		if err != nil {
			if channel.WasReset(err) {
				channel.Reset(c.server)
			} else {
				endWrite(c.server)
			}
			return
		}
	}
}

func endWrite(c net.Conn) {
	channel.CloseWrite(c)
	if t, ok := c.(*tls.Conn); ok {
		channel.CloseWrite(t.NetConn())
	}
}

// decide waits, where the last command asks for it, until the reply says how to read
// what follows it: run, as far as it has come. It reports whether that was taken.
func (c *conversation) decide(run []byte) (taken bool) {
	d := c.deciding
	if d == nil {
		return false
	}
	c.mu.Lock()
	for d.code == 0 && !c.gone && !c.lost {
		c.changed.Wait()
	}
	code := d.code
	c.mu.Unlock()
	c.deciding = nil
	switch {
	case d.step == stepData && code == 354:
		c.inside, c.data = stepMessage, dataReader{letter: letter{max: c.tap.Config.MaxBody}}
	case d.step == stepAuth && code == 334:
		c.inside = stepAuth
	case d.step == stepTLS && code == 220 && c.tap.serve != nil:
		err := c.beginServerTLS()
		if err == nil {
			err = c.endClientTLS(run)
		}
		c.mu.Lock()
		c.secured = true
		c.changed.Broadcast()
		c.mu.Unlock()
		if err != nil {
			c.tap.Missed(gate.GapHandshake, "TLS after STARTTLS failed, and the connection was ended", 1)
			c.client.Close()
			c.server.Close()
		}
		c.lines, c.chunks = lineReader{}, false
		return true
	}
	return false
}

// beginServerTLS and endClientTLS put TLS on either side. Of the client's, ahead has
// been read already: commands put between STARTTLS and TLS make the handshake fail.
func (c *conversation) beginServerTLS() error {
	conn := tls.Client(c.server, c.tap.dial)
	if err := handshake(conn); err != nil {
		return err
	}
	c.server = conn
	return nil
}

func (c *conversation) endClientTLS(ahead []byte) error {
	conn := tls.Server(&primedConn{c.client, append([]byte(nil), ahead...)}, c.tap.serve)
	if err := handshake(conn); err != nil {
		return err
	}
	state := conn.ConnectionState()
	c.client, c.version, c.named = conn, tls.VersionName(state.Version), state.ServerName
	return nil
}

func handshake(c *tls.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), tlsTimeout)
	defer cancel()
	return c.HandshakeContext(ctx)
}

// follow reads what is about to be passed on, up to where a reply decides how to read
// what is behind it.
func (c *conversation) follow(run []byte) (n int) {
	for n < len(run) && c.deciding == nil {
		switch c.inside {
		case stepMessage:
			k, done := c.data.feed(run[n:])
			if n += k; done {
				l := c.data.letter
				c.inside = stepOther
				c.say(&said{step: stepMessage, letter: &l})
			}
		case stepChunk:
			k := int(min(int64(len(run)-n), c.left))
			c.data.chunk(run[n : n+k])
			n += k
			if c.left -= int64(k); c.left == 0 {
				c.chunkEnds()
			}
		default:
			k, line, done := c.lines.feed(run[n:])
			if n += k; done {
				c.command(string(line))
			} else if c.lines.tooLong() {
				c.lose("a line is longer than " + strconv.Itoa(maxLine) + " bytes")
			}
			if c.isLost() {
				return len(run)
			}
		}
	}
	return n
}

func (c *conversation) say(s *said) {
	c.mu.Lock()
	c.waiting = append(c.waiting, s)
	many := len(c.waiting) > tapMaxAhead
	c.mu.Unlock()
	if many {
		c.lose("more than " + strconv.Itoa(tapMaxAhead) + " commands were sent ahead of their replies")
	}
}

// command takes a command line, without its end.
func (c *conversation) command(line string) {
	if c.inside == stepAuth { // a credential: nothing of it is kept
		c.inside = stepOther
		c.deciding = &said{step: stepAuth}
		c.say(c.deciding)
		return
	}
	s := &said{step: stepOther}
	v, rest := splitVerb(line)
	switch v {
	case helo, ehlo:
		s.step, s.line, c.chunks = stepHello, line, false
	case mail:
		s.step, s.line, c.chunks = stepMail, line, false
	case rcpt:
		s.step, s.line = stepRcpt, line
	case "DATA":
		s.step, c.deciding = stepData, s
	case "BDAT":
		c.bdat(rest)
		return
	case "BURL":
		s.step = stepBURL
	case "RSET":
		s.step, c.chunks = stepReset, false
	case "QUIT":
		s.step = stepQuit
	case "AUTH":
		s.step, c.deciding = stepAuth, s
	case "STARTTLS":
		s.step, c.deciding = stepTLS, s
	}
	c.say(s)
}

// bdat takes a BDAT command (RFC 3030, 2).
func (c *conversation) bdat(rest string) {
	size, last, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 {
		c.lose("a BDAT command does not say how long its chunk is")
		return
	}
	if !c.chunks {
		c.chunks, c.data = true, dataReader{letter: letter{max: c.tap.Config.MaxBody}}
	}
	c.inside, c.left, c.last = stepChunk, n, strings.EqualFold(strings.TrimSpace(last), "LAST")
	if n == 0 {
		c.chunkEnds()
	}
}

func (c *conversation) chunkEnds() {
	c.inside = stepOther
	if !c.last {
		c.say(&said{step: stepChunk})
		return
	}
	l := c.data.letter
	c.chunks = false
	c.say(&said{step: stepLastChunk, letter: &l})
}

// fromServer passes what the upstream says.
func (c *conversation) fromServer() {
	defer c.sideGone()
	buf := make([]byte, tapSmallRun)
	for {
		n, err := c.server.Read(buf)
		if n > 0 {
			tlsBegins := false
			if !c.isLost() {
				tlsBegins = c.followReplies(buf[:n])
			}
			_, werr := c.client.Write(buf[:n])
			for ; c.over > 0; c.over-- {
				c.link.End()
			}
			if werr != nil {
				c.client.Close()
				c.server.Close()
				return
			}
			if tlsBegins && !c.awaitSecured() {
				return
			}
		}
		if err != nil {
			if channel.WasReset(err) {
				channel.Reset(c.client)
			} else {
				endWrite(c.client)
			}
			return
		}
	}
}

// awaitSecured waits until TLS is on both sides.
func (c *conversation) awaitSecured() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.secured && !c.gone {
		c.changed.Wait()
	}
	ok := c.secured
	c.secured = false
	return ok
}

// followReplies reads what is about to be passed on to the client, and tells of every
// message that is answered in it. It reports whether TLS begins after it.
func (c *conversation) followReplies(run []byte) (tlsBegins bool) {
	for len(run) > 0 {
		n, line, done := c.replies.feed(run)
		run = run[n:]
		if !done {
			if c.replies.tooLong() {
				c.lose("a reply is longer than " + strconv.Itoa(maxLine) + " bytes")
			}
			return tlsBegins
		}
		code, more, ok := replyCode(line)
		if !ok {
			c.lose("what the server said is no reply of SMTP")
			return false
		}
		if len(c.reply)+len(line) < tapMaxKeptReply {
			c.reply = append(append(c.reply, line...), '\r', '\n')
		}
		if more {
			continue
		}
		c.mu.Lock()
		var s *said
		if len(c.waiting) > 0 {
			s = c.waiting[0]
			c.waiting = c.waiting[1:]
		}
		c.mu.Unlock()
		if s == nil {
			c.reply = c.reply[:0] // a server that leaves says so unasked: RFC 5321, 3.8
			continue
		}
		c.answered(s, code)
		c.reply = c.reply[:0]
		c.mu.Lock()
		s.code = code
		c.changed.Broadcast()
		c.mu.Unlock()
		if s.step == stepTLS && code == 220 {
			if c.tap.serve == nil {
				c.lose("STARTTLS was asked for, and passes unseen")
				return false
			}
			c.hello = "" // RFC 3207, 4.2: what was learnt before is forgotten
			tlsBegins = true
		}
	}
	return tlsBegins
}

// answered takes down what a reply makes of what was said.
func (c *conversation) answered(s *said, code int) {
	good := code >= 200 && code < 300
	if c.tx != nil && len(c.tx.text)+len(c.reply) < tapMaxKeptReply {
		switch s.step {
		case stepRcpt, stepData, stepMessage, stepLastChunk:
			c.tx.text = append(c.tx.text, c.reply...)
		}
	}
	switch s.step {
	case stepHello:
		c.drop(true)
		if good {
			c.hello = s.line
		}
	case stepMail:
		c.mailFrom(s.line, code, good)
	case stepRcpt:
		if c.tx != nil {
			c.tx.record(s.line, code)
			if good {
				c.tx.accepted++
			}
		}
	case stepChunk:
		if c.tx != nil && !good {
			c.tx.spoiled = true
		}
	case stepMessage, stepLastChunk:
		m := c.tx
		switch {
		case m == nil, m.spoiled, s.step == stepLastChunk && m.accepted == 0:
			if !good {
				c.tap.Refused()
				break
			}
			c.tap.Missed(gate.GapNotRecorded, "a mail was accepted whose envelope was not seen", 1)
		default:
			c.tap.tell(c, m, s.letter, code)
		}
		c.end()
	case stepBURL:
		if c.tx != nil && good {
			c.tap.Missed(gate.GapNotRecorded, "a mail that was sent by BURL was not kept: it stood elsewhere", 1)
			c.end()
		}
	case stepReset:
		c.drop(true)
	case stepQuit:
		c.quit = true
	}
}

func (c *conversation) mailFrom(line string, code int, good bool) {
	switch {
	case c.tx != nil && !good:
		c.tx.record(line, code)
		return
	case !good:
		c.tap.Refused()
		return
	}
	c.drop(true) // a server that takes another MAIL has given up the one before
	m := &mailing{began: time.Now(), sender: line}
	if c.hello != "" {
		m.record(c.hello, 250)
	}
	m.record(line, code)
	m.text = append(m.text, c.reply...)
	_, rest := splitVerb(line)
	if a, ok := readArgument(rest, "FROM"); ok {
		m.sender = a.inner
	}
	c.tx = m
	c.link.Begin()
}

// end closes a transaction.
func (c *conversation) end() {
	if c.tx != nil {
		c.tx = nil
		c.over++
	}
}

// drop ends a transaction that came to no message: by the client's own word where
// asked, else by the end of the connection.
func (c *conversation) drop(asked bool) {
	if c.tx == nil {
		return
	}
	switch {
	case c.tx.accepted == 0 || c.tx.spoiled:
		c.tap.Refused()
	case !asked:
		c.tap.Missed(gate.GapBrokenMessage, "a mail that ended half way was not kept", 1)
	}
	c.end()
}

// conclude tells of what the end of the conversation left open.
func (c *conversation) conclude() {
	if c.isLost() {
		return
	}
	unanswered := false
	for _, s := range c.waiting {
		unanswered = unanswered || s.step == stepMessage || s.step == stepLastChunk
	}
	if unanswered && c.tx != nil {
		c.tap.Missed(gate.GapNotRecorded, "a mail that was not answered was not kept: whether it was taken is not known", 1)
		c.end()
	}
	c.drop(c.quit)
}
