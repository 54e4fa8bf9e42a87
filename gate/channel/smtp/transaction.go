package smtp

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const (
	maxEvents    = 64      // distinct events of one message
	maxEventText = 200     // bytes of one event
	maxSizeHint  = 1 << 20 // of a declared SIZE, how much is set aside at once

	patience = 200 * time.Microsecond // a Keep that lately took longer is not waited for by other sessions
)

// A transaction is one message on its way, from an accepted MAIL on.
type transaction struct {
	head     []byte
	replies  []int
	accepted int // recipients
	refused  bool
	content  bool // some of the message was let in
	chunked  bool // by BDAT
	spoiled  bool // a chunk was turned away: the message is no longer whole
	full     bool // the head has reached its limit
	body     body
	events   []string
	unlisted int // events beyond maxEvents
}

func (t *transaction) record(line string, code int) {
	t.head = append(append(t.head, line...), '\r', '\n')
	t.replies = append(t.replies, code)
}

func (t *transaction) note(event string) {
	if len(event) > maxEventText {
		event = event[:maxEventText] + "..."
	}
	if slices.Contains(t.events, event) {
		return
	}
	if len(t.events) == maxEvents {
		t.unlisted++
		return
	}
	t.events = append(t.events, event)
}

func (t *transaction) noteArgument(v verb, a *argument, bareLF bool) {
	if bareLF {
		t.note("bare-lf-command")
	}
	for _, e := range a.events {
		t.note(e)
	}
	for _, p := range a.params {
		if !knownParam(v, p.name) {
			t.note("unknown-parameter " + visible(p.text))
		}
	}
}

// mail answers MAIL: RFC 5321, 4.1.1.2.
func (s *session) mail(line, rest string, bareLF bool) error {
	s.mailed = true
	if s.tx != nil {
		s.tx.record(line, 503)
		s.tx.note("nested-mail")
		return s.mistake(503, "5.5.1", "a transaction is under way")
	}
	if no, ok := s.sink.refusal(); ok {
		s.sink.refused.Add(1)
		s.reply(no.code, no.enhanced, no.text)
		return nil
	}
	a, ok := readArgument(rest, "FROM")
	if !ok {
		s.sink.gap(gate.GapBrokenMessage, "a MAIL command without FROM: and a path was refused")
		return s.mistake(501, "5.5.4", "want MAIL FROM:<path>")
	}
	t := &transaction{head: slices.Clone(s.greeting)}
	if s.greeting == nil {
		t.note("mail-before-helo")
	} else {
		t.replies = append(t.replies, 250)
		if !s.named {
			t.note("helo-without-name")
		}
	}
	t.record(line, 250)
	t.noteArgument(mail, &a, bareLF)
	t.body.max = s.sink.cfg.MaxBody
	for _, p := range a.params {
		if n, err := strconv.ParseInt(p.value, 10, 64); err == nil && n > 0 && p.name == "SIZE" {
			t.body.bytes = make([]byte, 0, min(n, maxSizeHint, t.body.max))
		}
	}
	s.tx = t
	s.setUnderway(true)
	s.reply(250, "2.1.0", "ok")
	return nil
}

// rcpt answers RCPT: RFC 5321, 4.1.1.3.
func (s *session) rcpt(line, rest string, bareLF bool) error {
	no, refusing := s.sink.refusal()
	t := s.tx
	switch {
	case t == nil && refusing:
		s.reply(no.code, no.enhanced, no.text)
		return nil
	case t == nil:
		return s.mistake(503, "5.5.1", "MAIL first")
	case len(t.head)+len(line)+2 > maxHead:
		if !t.full {
			t.full = true
			s.sink.gap(gate.GapFlood, "recipients beyond "+strconv.Itoa(maxHead)+" bytes of commands in one transaction were refused")
		}
		t.refused = true
		s.reply(452, "4.5.3", "too many recipients")
		return nil
	case t.content:
		t.record(line, 503)
		return s.mistake(503, "5.5.1", "the message has begun")
	case refusing:
		t.record(line, no.code)
		t.refused = true
		s.reply(no.code, no.enhanced, no.text)
		return nil
	}
	a, ok := readArgument(rest, "TO")
	if !ok {
		t.record(line, 501)
		t.refused = true
		s.sink.gap(gate.GapBrokenMessage, "a RCPT command without TO: and a path was refused")
		return s.mistake(501, "5.5.4", "want RCPT TO:<path>")
	}
	t.noteArgument(rcpt, &a, bareLF)
	who := a.recipient()
	switch _, domain := splitAddress(who.Address); {
	case who.Kind != gate.Mail:
		t.note("unreadable-recipient")
	case domain == "":
		t.note("recipient-without-domain")
	}
	for i := range s.sink.opt.refusals {
		if r := &s.sink.opt.refusals[i]; r.matches(who) {
			t.record(line, r.code)
			t.refused = true
			s.reply(r.code, r.enhanced, "refused, as scripted")
			return nil
		}
	}
	t.record(line, 250)
	t.accepted++
	s.reply(250, "2.1.5", "ok")
	return nil
}

// unready says why no content can be let in now; 0 is that it can.
func (s *session) unready() (code int, enhanced, text string) {
	t := s.tx
	no, refusing := s.sink.refusal()
	switch {
	case refusing:
		return no.code, no.enhanced, no.text
	case t == nil:
		return 503, "5.5.1", "MAIL first"
	case t.spoiled:
		return 503, "5.5.1", "a chunk before this one was refused"
	case t.accepted == 0 && t.refused:
		return 554, "5.5.1", "no valid recipients"
	case t.accepted == 0:
		return 503, "5.5.1", "RCPT first"
	}
	return 0, "", ""
}

// deny answers a command that content cannot follow.
func (s *session) deny(code int, enhanced, text string) error {
	if code == 503 {
		return s.mistake(code, enhanced, text)
	}
	if s.tx != nil {
		s.tx.refused = true
	}
	s.reply(code, enhanced, text)
	return nil
}

// data answers DATA: RFC 5321, 4.1.1.4.
func (s *session) data() error {
	if code, enhanced, text := s.unready(); code != 0 {
		return s.deny(code, enhanced, text)
	}
	if s.tx.chunked {
		return s.mistake(503, "5.5.1", "BDAT has begun")
	}
	if s.in.r < s.in.w {
		s.tx.note("data-before-354")
	}
	s.tx.content = true
	s.line("354 go on, end with <CRLF>.<CRLF>")
	if err := s.in.data(&s.tx.body); err != nil {
		return err
	}
	return s.keep()
}

// bdat answers BDAT (RFC 3030, 2). The bytes of a chunk that is refused are read
// past: they are not commands.
func (s *session) bdat(rest string) error {
	size, last, _ := strings.Cut(rest, " ")
	last = strings.TrimSpace(last)
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || last != "" && !strings.EqualFold(last, "LAST") {
		s.wrong++
		s.reply(501, "5.5.4", "want BDAT size [LAST]; without it nobody knows where commands go on")
		return errEnd
	}
	if code, enhanced, text := s.unready(); code != 0 {
		if err := s.in.chunk(n, nil); err != nil {
			return err
		}
		if s.tx != nil {
			s.tx.spoiled = true
		}
		return s.deny(code, enhanced, text)
	}
	s.tx.chunked, s.tx.content = true, true
	if err := s.in.chunk(n, &s.tx.body); err != nil {
		return err
	}
	if last == "" {
		s.reply(250, "2.0.0", size+" bytes")
		return nil
	}
	return s.keep()
}

// keep stores the message and, once it is stored, acknowledges it. Where the sink is to lose the
// acknowledgement, it is errEnd.
func (s *session) keep() error {
	t, k := s.tx, s.sink
	b := &t.body
	ambiguous := 0
	if b.bareLF > 0 || b.bareCR() > 0 {
		ambiguous = ambiguousEnds(b.bytes)
	}
	for _, c := range []struct {
		name string
		n    int64
	}{
		{"bare-lf", b.bareLF}, {"bare-cr", b.bareCR()}, {"dot-unstuffed-loosely", b.loose},
		{"ambiguous-end", int64(ambiguous)}, {"events-not-listed", int64(t.unlisted)},
	} {
		if c.n > 0 {
			t.events = append(t.events, c.name+" "+strconv.FormatInt(c.n, 10))
		}
	}
	m := &gate.Message{
		Channel: Name, Sink: k.cfg.Name, Host: s.host, TLS: s.tls, Peer: s.peer,
		Replies: t.replies, Events: t.events, Cut: b.cut, Head: t.head, Body: b.bytes,
	}
	lost := false
	if err := s.store(m); err != nil {
		k.gap(gate.GapStore, "storing a message, which was answered with 451: "+err.Error())
		s.conclusion(451, "4.3.0", "not stored")
	} else if lost = k.inMood() == channel.Lose && k.losses.First(m.Head, afterFields(m.Body)); lost {
		k.refused.Add(1)
	} else {
		k.accepted.Add(1)
		s.conclusion(250, "2.0.0", "stored as "+strconv.FormatUint(m.Seq, 10))
	}
	if b.cut > 0 {
		k.cfg.Gap(gate.Gap{
			Kind: gate.GapCutBody, Where: "sink " + k.cfg.Name, Seq: m.Seq,
			Detail: fmt.Sprintf("%d bytes of a message body were beyond the limit of %d and not kept", b.cut, b.max),
		})
	}
	s.tx = nil
	s.setUnderway(false)
	if lost {
		return errEnd
	}
	return nil
}

// afterFields is what a mail says below its header fields, some of which are new in each try.
func afterFields(body []byte) []byte {
	_, text, ok := bytes.Cut(body, []byte("\r\n\r\n"))
	if !ok {
		return body
	}
	return text
}

// conclusion answers the message: once, or, where LMTP is spoken, once for each recipient that
// was accepted (RFC 2033, section 4.2).
func (s *session) conclusion(code int, enhanced, text string) {
	n := 1
	if s.sink.opt.lmtp {
		n = s.tx.accepted
	}
	for range n {
		s.reply(code, enhanced, text)
	}
}

// store gives a message to Keep, apart from other sessions where that lately took long.
func (s *session) store(m *gate.Message) error {
	lately := s.sink.keeping.Load()
	if lately > int64(patience) {
		s.raw.apart(false)
	}
	now := time.Now()
	m.At = now.UnixNano()
	err := s.sink.cfg.Keep(m)
	s.sink.keeping.Store(lately + (int64(time.Since(now))-lately)/8)
	return err
}

// drop ends a transaction that came to no message. err is why the session is
// over, nil where the client gave up in order, with RSET, QUIT or a new greeting.
// What a script or a mood turned away was seen; so was what the client took back
// before it sent any of the message. Everything else is a gap.
func (s *session) drop(err error) {
	t := s.tx
	if t == nil {
		return
	}
	switch {
	case t.refused && (t.spoiled || !t.content):
		s.sink.refused.Add(1)
	case err != nil || t.content:
		why := "the client took it back"
		if err != nil {
			why = s.ended(err)
		}
		s.sink.gap(gate.GapBrokenMessage, fmt.Sprintf("a transaction ended with %d recipients accepted and %d bytes of its message received: %s", t.accepted, int64(len(t.body.bytes))+t.body.cut, why))
	}
	s.tx = nil
	s.setUnderway(false)
}

// turnedAway counts what a mood cut off, with its transaction if one is under way.
func (s *session) turnedAway() {
	s.sink.refused.Add(1)
	s.tx, s.mailed = nil, true
	s.setUnderway(false)
}
