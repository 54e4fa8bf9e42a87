package pcap

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

// Bounds of a connection of mail.
const (
	maxLine    = 64 << 10 // bytes of a command or of a reply line
	maxHeld    = 1 << 20  // bytes of the client that wait for a reply of the server
	maxCommand = 10_000   // commands without a reply
	maxHead    = 1 << 20  // bytes of the commands of one transaction
)

// A mail is a connection of SMTP (RFC 5321), with pipelining (RFC 2920) and chunking
// (RFC 3030).
//
// What a command does is decided by the reply to it, and replies come in order. So
// commands are read ahead as far as they can be, and take effect when they are replied
// to. Where the meaning of what follows depends on a reply, what follows waits.
type mail struct {
	c        *conn
	received bool

	unread []byte // of the client: not looked at yet
	reply  []byte // of the server: a line that is not whole yet
	asked  []command
	waits  bool // the client is not read until all that was asked is replied to
	data   bool // the client sends a message, up to a line with a dot alone
	login  bool // the client's next line is no command: RFC 4954, section 4
	chunk  int64
	last   bool // the chunk is the last of its message

	closed  bool // a direction has ended, and not with the capture: a transaction that was begun was given up
	content *content
	helo    string
	tx      *transaction
}

// A command waits for its reply.
type command struct {
	verb    string
	line    string
	content *content // of a message that ends with it
	at      int64
}

// A transaction is what came from MAIL on.
type transaction struct {
	head     []byte
	replies  []int
	accepted int
	at       int64
}

// content is a message that is coming.
type content struct {
	bytes []byte
	cut   int64
	begun bool

	// Of DATA: whether the next byte begins a line, what has come of a line that may be
	// the end, and whether the last byte was CR.
	start bool
	held  []byte
	cr    bool
}

func (b *content) keep(p []byte, limit int64) {
	room := min(int64(len(p)), limit-int64(len(b.bytes)))
	b.bytes = append(b.bytes, p[:room]...)
	b.cut += int64(len(p)) - room
}

const endOfData = ".\r\n"

// data takes what comes after DATA, with dots undone (RFC 5321, section 4.5.2). Lines end
// in CRLF and in nothing else. It returns what follows the end of data, where that came.
func (b *content) data(p []byte, limit int64) (rest []byte, ended bool) {
	for len(p) > 0 {
		if b.start {
			b.held = append(b.held, p[0])
			p = p[1:]
			if string(b.held) == endOfData {
				return p, true
			}
			if strings.HasPrefix(endOfData, string(b.held)) {
				continue
			}
			line := bytes.TrimPrefix(b.held, []byte("."))
			b.keep(line, limit)
			b.start, b.cr, b.held = false, b.held[len(b.held)-1] == '\r', b.held[:0]
			continue
		}
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			b.keep(p, limit)
			b.cr = p[len(p)-1] == '\r'
			return nil, false
		}
		b.start = i > 0 && p[i-1] == '\r' || i == 0 && b.cr
		b.cr = false
		b.keep(p[:i+1], limit)
		p = p[i+1:]
	}
	return nil, false
}

// newMail begins a connection. whole is whether its beginning was captured.
func newMail(c *conn, received, whole bool) *mail {
	m := &mail{c: c, received: received, content: &content{}}
	if whole {
		m.asked = []command{{verb: "greeting"}}
	}
	return m
}

func (m *mail) miss(bool, int64) error {
	return errors.New("bytes of a connection of SMTP are missing in the capture")
}

func (m *mail) close(bool) { m.closed = true }

func (m *mail) end() {
	switch {
	case m.data, m.chunk > 0, m.content.begun, m.tx != nil && m.tx.accepted > 0 && !m.closed:
		m.c.lose("a mail ends in the middle, with its connection or with the capture")
	default:
		for _, q := range m.asked {
			if q.content != nil || q.verb == "MAIL" {
				m.c.lose("a mail has no reply in the capture")
				return
			}
		}
		if len(m.unread) > 0 {
			m.c.lose("commands of SMTP were captured, and not the replies that say what became of them")
		}
	}
}

func (m *mail) say(client bool, p []byte) error {
	if client {
		if m.waits && len(m.unread)+len(p) > maxHeld {
			return errors.New("a client of SMTP goes on without the replies that it must await, or they are not in the capture")
		}
		m.unread = append(m.unread, p...)
	} else if err := m.replies(p); err != nil {
		return err
	}
	return m.commands()
}

// commands reads what the client said, as far as replies allow.
func (m *mail) commands() error {
	rest, limit := m.unread, m.c.r.options.Limit()
	for len(rest) > 0 && !m.waits {
		switch {
		case m.chunk > 0:
			n := min(int64(len(rest)), m.chunk)
			m.content.keep(rest[:n], limit)
			rest = rest[n:]
			if m.chunk -= n; m.chunk == 0 && m.last {
				m.content = &content{}
			}
		case m.data:
			var ended bool
			if rest, ended = m.content.data(rest, limit); ended {
				m.data = false
				m.asked = append(m.asked, command{verb: "end of data", content: m.content, at: m.c.now()})
				m.content = &content{}
			}
		default:
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				if len(rest) > maxLine {
					return errors.New("a command of SMTP is too long")
				}
				m.unread = append(m.unread[:0], rest...)
				return nil
			}
			line := string(bytes.TrimSuffix(rest[:i], []byte("\r")))
			rest = rest[i+1:]
			if err := m.command(line); err != nil {
				return err
			}
		}
	}
	m.unread = append(m.unread[:0], rest...)
	if len(m.unread) == 0 && cap(m.unread) > maxLine {
		m.unread = nil
	}
	return nil
}

func (m *mail) command(line string) error {
	verb, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
	verb = strings.ToUpper(verb)
	if m.login {
		m.login, verb = false, "AUTH"
	}
	if len(m.asked) == maxCommand {
		return errors.New("too many commands of SMTP have no reply in the capture")
	}
	q := command{verb: verb, line: line, at: m.c.now()}
	switch verb {
	case "DATA", "STARTTLS", "AUTH":
		m.waits = true
	case "MAIL", "RSET":
		m.content = &content{}
	case "BDAT":
		words := strings.Fields(rest)
		n, err := int64(0), error(nil)
		if len(words) > 0 {
			n, err = strconv.ParseInt(words[0], 10, 62)
		}
		if len(words) == 0 || err != nil || n < 0 {
			return errors.New("a BDAT command of SMTP does not say how long its chunk is")
		}
		m.chunk, m.last = n, len(words) > 1 && strings.EqualFold(words[1], "LAST")
		m.content.begun = true
		if m.last {
			q.verb, q.content = "BDAT LAST", m.content
			if n == 0 {
				m.content = &content{}
			}
		}
	}
	m.asked = append(m.asked, q)
	return nil
}

// replies reads what the server said.
func (m *mail) replies(p []byte) error {
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if len(m.reply)+len(p) > maxLine && (i < 0 || i > maxLine) {
			return errors.New("a reply of SMTP is too long")
		}
		if i < 0 {
			m.reply = append(m.reply, p...)
			return nil
		}
		line := strings.TrimSuffix(string(append(m.reply, p[:i]...)), "\r")
		m.reply = m.reply[:0]
		p = p[i+1:]
		code, err := strconv.Atoi(line[:min(3, len(line))])
		if err != nil || code < 200 || code > 599 || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
			return errors.New("a reply of SMTP has no code")
		}
		if len(line) > 3 && line[3] == '-' {
			continue // more lines follow: RFC 5321, section 4.2.1
		}
		if err := m.replied(code); err != nil {
			return err
		}
	}
	return nil
}

// replied carries out the command that code replies to.
func (m *mail) replied(code int) error {
	if len(m.asked) == 0 {
		return nil // to what stands before the capture, or 421
	}
	q := m.asked[0]
	m.asked = m.asked[1:]
	if len(m.asked) == 0 {
		m.waits = false
	}
	good := code/100 == 2
	switch q.verb {
	case "EHLO", "HELO":
		if good {
			m.helo, m.tx = q.line, nil
		}
	case "MAIL":
		if good {
			m.tx = &transaction{at: q.at}
			if m.helo != "" {
				m.tx.add(m.helo, 250)
			}
			m.tx.add(q.line, code)
		}
	case "RCPT":
		if m.tx == nil {
			break
		}
		if len(m.tx.head) > maxHead {
			return errors.New("a mail has too many recipients")
		}
		m.tx.add(q.line, code)
		if good {
			m.tx.accepted++
		}
	case "DATA":
		if m.data = code == 354; m.data {
			m.content = &content{begun: true, start: true}
		}
	case "STARTTLS":
		if good {
			return errors.New("what follows STARTTLS is not seen")
		}
	case "AUTH":
		m.login = code == 334
	case "RSET":
		m.tx = nil
	case "BDAT LAST", "end of data":
		m.finish(q.content, code)
	}
	return nil
}

func (t *transaction) add(line string, code int) {
	t.head = append(append(t.head, line...), '\r', '\n')
	t.replies = append(t.replies, code)
}

// finish hands out a message, to which the reply was code.
func (m *mail) finish(b *content, code int) {
	t := m.tx
	m.tx = nil
	if t == nil && code/100 != 2 {
		return
	}
	if t == nil || t.accepted == 0 && code/100 == 2 {
		m.c.lose("a mail was taken, and who its recipients are is not in the capture")
		return
	}
	offset, size := m.c.take()
	if t.accepted == 0 || !m.received && code/100 != 2 {
		m.c.put(importer.Skipped("refused", "mails that were refused, for all of their recipients or after their content", offset, size))
		return
	}
	var items []importer.Item
	if m.received {
		items = append(items, importer.Item{Record: gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
			Channel: "smtp", Door: importer.MailDoor, Key: m.c.key(), At: t.at, Status: code, Cut: b.cut, Head: t.head, Body: b.bytes,
		}}, Offset: offset, Bytes: size})
	} else {
		items = append(items, importer.Item{Record: gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Channel: "smtp", Sink: importer.MailSink, At: t.at, Replies: t.replies, Cut: b.cut, Head: t.head, Body: b.bytes,
		}}, Offset: offset, Bytes: size})
	}
	if b.cut > 0 {
		items = append(items, importer.Cut(fmt.Sprintf("%d bytes beyond the first %d were not kept", b.cut, len(b.bytes)), offset))
	}
	m.c.put(items...)
}
