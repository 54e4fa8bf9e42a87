package http

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	smallRun = 8 << 10  // a connection begins with buffers of this size
	largeRun = 64 << 10 // and gets larger ones where they are filled

	// maxAhead is how many requests of one connection may wait for their answers.
	maxAhead = 1024

	// maxKeptAnswer bounds what is kept of an answer: it is learnt from and not stored.
	maxKeptAnswer = 1 << 20
)

// A call is one request on its way, and its answer.
type call struct {
	at   int64
	head []byte
	body []byte
	cut  int64

	isHead, isConnect, upgrade bool
	switched                   bool   // the connection speaks another protocol after its answer
	session, instead           string // see keyer
	host                       string // whom it is for, as a sink says it
	events                     []string

	answer    gate.Outcome
	setCookie [][]byte

	// Guarded by pair.mu.
	whole    bool // the request has passed
	answered bool // the answer has
	told     bool
}

// A pair is a client and the server that was reached for it. What one says passes
// to the other as it came, in runs as it came; it is followed on the way.
//
// A request is known before its last byte is passed on, and an exchange is told
// before the last byte of its answer is.
type pair struct {
	tap            *tap
	link           *channel.Link
	client, server net.Conn
	secure         secured

	forward *forwarding // of a forward proxy; nil passes heads on as they came

	// The requests' side.
	reqHead headReader
	reqBody bodyReader
	inBody  bool
	open    *call // the request being read

	// The answers' side.
	ansHead   headReader
	ansBody   bodyReader
	answering *call // whose answer's body is being read
	over      int   // answers that end in the run being passed

	lost atomic.Bool // the pair is not followed any more
	idle atomic.Bool // it was lost when nothing was under way: what follows was not told of

	mu      sync.Mutex
	settled sync.Cond // a call was answered, or the server has gone
	waiting []*call   // in the order in which they were made
	gone    bool      // the server's side has ended
}

// secured is what TLS says of a connection.
type secured struct {
	version string // "" is plaintext
	named   string // the name asked for, in lower case
	tunnel  string // host:port of the CONNECT around it
}

func newPair(t *tap, l *channel.Link, client, server net.Conn) *pair {
	p := &pair{tap: t, link: l, client: client, server: server}
	p.settled.L = &p.mu
	return p
}

// run passes everything until both sides have ended. ahead was read from the client
// already. What is left of the client's bytes for another server is returned, of a
// forward proxy alone.
func (p *pair) run(ahead []byte) (left []byte) {
	var answers sync.WaitGroup
	answers.Go(p.answers)
	left = p.requests(ahead)
	answers.Wait()
	p.conclude()
	return left
}

// requests passes what the client says.
func (p *pair) requests(ahead []byte) (left []byte) {
	buf := make([]byte, smallRun)
	for {
		run := ahead
		var err error
		if run == nil {
			var n int
			n, err = p.client.Read(buf)
			run = buf[:n]
		}
		ahead = nil
		if len(run) > 0 {
			out := run
			if !p.lost.Load() {
				if out, left = p.followRequests(run); left != nil {
					if len(out) > 0 {
						p.server.Write(out) // what becomes of it the answers tell
					}
					p.leaveServer()
					return left
				}
			} else if p.idle.CompareAndSwap(true, false) {
				p.tap.Missed(gate.GapNotRecorded, "what came after an answer that nothing had asked for was not kept", 1)
			}
			if len(out) > 0 {
				if _, werr := p.server.Write(out); werr != nil {
					return nil // the answers' side sees it too, and what came before it
				}
			}
			if len(run) == len(buf) && len(buf) < largeRun {
				buf = make([]byte, largeRun)
			}
		}
		if err != nil {
			if channel.WasReset(err) {
				channel.Reset(p.server)
			} else {
				endWrite(p.server)
			}
			return nil
		}
	}
}

// answers passes what the server says.
func (p *pair) answers() {
	buf := make([]byte, smallRun)
	for {
		n, err := p.server.Read(buf)
		if n > 0 {
			if !p.lost.Load() {
				p.followAnswers(buf[:n])
			}
			_, werr := p.client.Write(buf[:n])
			for ; p.over > 0; p.over-- {
				p.link.End()
			}
			if werr != nil {
				p.serverGone()
				p.server.Close()
				p.client.Close()
				return
			}
			if n == len(buf) && n < largeRun {
				buf = make([]byte, largeRun)
			}
		}
		if err == nil {
			continue
		}
		if err == io.EOF && p.answering != nil && p.ansBody.untilClose {
			p.answerEnds(p.answering)
		}
		kept := p.serverGone() && p.forward != nil
		switch {
		case kept: // the next request opens another connection
		case channel.WasReset(err):
			channel.Reset(p.client)
		default:
			endWrite(p.client)
		}
		for ; p.over > 0; p.over-- {
			p.link.End()
		}
		return
	}
}

// serverGone says that no more answers come, and reports whether none is owed.
func (p *pair) serverGone() (inOrder bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	p.settled.Broadcast()
	return len(p.waiting) == 0 && p.over == 0 && !p.lost.Load()
}

// leaveServer waits for the answers that are owed and ends the server's side.
func (p *pair) leaveServer() {
	p.mu.Lock()
	for len(p.waiting) > 0 && !p.gone {
		p.settled.Wait()
	}
	p.mu.Unlock()
	p.server.Close()
}

// endWrite ends the sending half, through TLS too.
func endWrite(c net.Conn) {
	channel.CloseWrite(c)
	if t, ok := c.(*tls.Conn); ok {
		channel.CloseWrite(t.NetConn())
	}
}

// followRequests reads what is about to be passed on. out is what to pass on
// instead; left, if there is any, is for another server.
func (p *pair) followRequests(run []byte) (out, left []byte) {
	rest := run
	if p.forward != nil {
		out = p.forward.out[:0]
		defer func() { p.forward.out = out[:0] }()
	} else {
		out = run
	}
	for len(rest) > 0 {
		if p.inBody {
			n, done, err := p.reqBody.feed(rest, p.open.keep(p.tap.Config.MaxBody))
			if p.forward != nil {
				out = append(out, rest[:n]...)
			}
			if rest = rest[n:]; err != nil {
				p.lose(err.Error())
				if p.forward != nil {
					out = append(out, rest...)
				}
				break
			}
			if done {
				p.requestEnds()
			}
			continue
		}
		fresh := !p.reqHead.begun()
		n, text, done, err := p.reqHead.feed(rest)
		if first := bytes.TrimLeft(rest[:n], "\r\n"); fresh && len(first) > 0 {
			p.link.Begin()
			if !isToken(string(first[:1])) {
				err = errNoHead
			}
		}
		var h wireHead
		if err == nil && done {
			h, err = readWireHead(text, true)
		}
		if err == nil && done && p.switching() {
			err = errors.New("bytes followed a request to switch protocols before its answer did")
		}
		if err != nil {
			p.lose(err.Error())
			if p.forward != nil { // nothing says whom it is for
				p.forward.broken = true
				return out, []byte{}
			}
			break
		}
		if rest = rest[n:]; !done {
			break
		}
		if p.forward != nil {
			if !p.forward.mine(&h, p) {
				p.link.End() // it begins again with the next server
				return out, slices.Concat(text, []byte("\r\n"), rest)
			}
			out = p.forward.append(out, &h, text)
		}
		p.requestBegins(&h, text)
	}
	return out, nil
}

func (p *pair) switching() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.waiting)
	return n > 0 && (p.waiting[n-1].upgrade || p.waiting[n-1].isConnect)
}

func (p *pair) requestBegins(h *wireHead, text []byte) {
	t := p.tap
	c := &call{at: t.Touch(), head: bytes.Clone(text), isHead: string(h.method) == "HEAD", isConnect: string(h.method) == "CONNECT", upgrade: h.upgrade}
	if t.Config.Side == channel.Front {
		c.session, c.instead = t.keys.of(h, text, hostname(p.link.Client.RemoteAddr().String()))
	} else {
		c.host = p.tap.destination(h, p.secure)
		if p.forward != nil {
			c.head = withoutProxyFields(c.head, "proxy-authorization")
		}
		if h.bareLF > 0 {
			c.events = append(c.events, "bare-lf "+strconv.Itoa(h.bareLF))
		}
	}
	body, none := bodyOfRequest(h)
	if h.length > 0 {
		c.body = make([]byte, 0, min(h.length, firstRead, t.Config.MaxBody))
	}
	p.open, p.reqBody, p.inBody = c, body, true
	p.mu.Lock()
	p.waiting = append(p.waiting, c)
	many := len(p.waiting) > maxAhead
	p.mu.Unlock()
	switch {
	case many:
		p.lose("more than " + strconv.Itoa(maxAhead) + " requests were sent ahead of their answers")
	case none:
		p.requestEnds()
	}
}

// keep takes down content up to limit.
func (c *call) keep(limit int64) func([]byte) {
	return func(b []byte) { c.body, c.cut = keepUpTo(c.body, c.cut, b, limit) }
}

func keepUpTo(kept []byte, cut int64, b []byte, limit int64) ([]byte, int64) {
	if room := limit - int64(len(kept)); int64(len(b)) > room {
		cut += int64(len(b)) - room
		b = b[:room]
	}
	return append(kept, b...), cut
}

func (p *pair) requestEnds() {
	c := p.open
	for _, f := range p.reqBody.trailers {
		c.events = append(c.events, trailerEvent+f.name+": "+f.value)
	}
	if p.tap.Config.Side == channel.Behind {
		c.events = append(c.events, p.reqBody.extensions.events()...)
	}
	p.open, p.inBody = nil, false
	p.mu.Lock()
	c.whole = true
	tell := c.answered && !c.told
	c.told = c.told || tell
	p.mu.Unlock()
	if tell {
		p.tell(c)
	}
}

// followAnswers reads what is about to be passed on to the client, and tells of
// every exchange that ends in it.
func (p *pair) followAnswers(run []byte) {
	for len(run) > 0 && !p.lost.Load() {
		if c := p.answering; c != nil {
			n, done, err := p.ansBody.feed(run, p.keepAnswer)
			if run = run[n:]; err != nil {
				p.lose(err.Error())
				return
			}
			if done {
				p.answerEnds(c)
			}
			continue
		}
		n, text, done, err := p.ansHead.feed(run)
		var h wireHead
		if err == nil && done {
			h, err = readWireHead(text, false)
		}
		if err != nil {
			p.lose(err.Error())
			return
		}
		if run = run[n:]; !done {
			return
		}
		p.answerBegins(&h, text)
	}
}

func (p *pair) keepAnswer(b []byte) {
	c := p.answering
	if p.tap.Config.Side == channel.Front {
		c.answer.Body, c.answer.Cut = keepUpTo(c.answer.Body, c.answer.Cut, b, p.tap.answerLimit)
	}
}

func (p *pair) answerBegins(h *wireHead, text []byte) {
	p.mu.Lock()
	var c *call
	if len(p.waiting) > 0 {
		c = p.waiting[0]
	}
	p.mu.Unlock()
	if c == nil {
		p.idle.Store(true)
		p.lost.Store(true) // a server that times an idle client out says so before it leaves
		return
	}
	if h.status < 200 && h.status != 101 {
		return // the answer is still to come: RFC 9110, 15.2
	}
	c.answer.Status = h.status
	if p.tap.Config.Side == channel.Front {
		c.answer.Head = bytes.Clone(text)
		for _, v := range h.setCookie {
			c.setCookie = append(c.setCookie, bytes.Clone(v))
		}
	}
	if h.status == 101 || c.isConnect && h.status < 300 {
		c.switched = true
		p.answerEnds(c)
		p.over--
		p.lost.Store(true)
		if p.tap.Config.Side != channel.Front || !c.unreplayable() {
			p.tap.Missed(gate.GapNotRecorded, "a connection switched protocols: what passed on it from then on was not kept", 1)
		}
		return
	}
	body, none := bodyOfAnswer(h, c.isHead)
	if is(mediaType(h.contentType), "text/event-stream") {
		p.tellEarly(c)
	}
	if none {
		p.answerEnds(c)
		return
	}
	if h.length > 0 && p.tap.Config.Side == channel.Front {
		c.answer.Body = make([]byte, 0, min(h.length, firstRead, p.tap.answerLimit))
	}
	p.answering, p.ansBody = c, body
}

func mediaType(v []byte) []byte {
	t, _, _ := bytes.Cut(v, []byte{';'})
	return bytes.TrimSpace(t)
}

// tellEarly tells of an exchange whose answer has no end that is worth waiting for.
func (p *pair) tellEarly(c *call) {
	p.mu.Lock()
	tell := c.whole && !c.told
	c.told = c.told || tell
	p.mu.Unlock()
	if tell {
		p.tell(c)
	}
}

func (p *pair) answerEnds(c *call) {
	p.answering = nil
	p.over++
	p.mu.Lock()
	p.waiting = p.waiting[1:]
	c.answered = true
	tell := c.whole && !c.told
	c.told = c.told || tell
	p.settled.Broadcast()
	p.mu.Unlock()
	if tell {
		p.tell(c)
	}
}

// lose stops following the pair. What is under way is not told of, nor what comes.
func (p *pair) lose(why string) {
	p.mu.Lock()
	n := 0
	for _, c := range p.waiting {
		if !c.told {
			c.told = true
			n++
		}
	}
	p.waiting = nil
	p.lost.Store(true)
	p.settled.Broadcast()
	p.mu.Unlock()
	p.tap.Missed(gate.GapNotRecorded, "a connection was not followed any further, since "+why+"; what passed on it from then on was not kept", uint64(max(n, 1)))
}

// conclude tells of what the end of the pair left open.
func (p *pair) conclude() {
	for _, c := range p.waiting {
		switch {
		case c.told:
		case c.whole:
			c.answer.Error = "the connection ended before the answer did"
			c.told = true
			p.tell(c)
		default:
			p.tap.Missed(gate.GapBrokenMessage, "a request that ended half way was not kept", 1)
		}
	}
	if p.open != nil && p.open.answered && !p.open.told {
		p.tap.Missed(gate.GapBrokenMessage, "a request that ended half way, after its answer, was not kept", 1)
	}
	if p.reqHead.begun() && !p.lost.Load() {
		p.tap.Missed(gate.GapBrokenMessage, "a request that ended within its head was not kept", 1)
	}
}

// unreplayable reports whether c can make no stimulus: what it opened is no exchange of a
// request and an answer (RFC 6455; RFC 9110, section 9.3.6).
func (c *call) unreplayable() bool {
	return c.isConnect || c.switched && strings.EqualFold(string(headerValue(c.head, "upgrade")), "websocket")
}

// tell hands an exchange over.
func (p *pair) tell(c *call) {
	switch {
	case p.tap.Config.Side != channel.Front:
		p.tap.message(c, p.secure, p.link.Client.RemoteAddr().String())
	case c.unreplayable():
		p.tap.Passed()
		what := "a WebSocket: what passes over it cannot be replayed"
		if c.isConnect {
			what = "a tunnel (CONNECT): what passes through it cannot be replayed"
		}
		p.tap.Missed(gate.GapNotReplayable, what, 1)
	default:
		p.tap.exchange(c)
	}
}
