package smtp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

const (
	maxReplyLines = 1000    // of one reply
	groupBytes    = 8 << 10 // of command lines sent before their replies are read (RFC 2920, 3.1)
)

// A client is one connection to a build's door. It is used by one goroutine at a time.
type client struct {
	raw      net.Conn
	conn     net.Conn // raw, or TLS over it
	in       reader
	out      *bufio.Writer
	greeting string              // the HELO or EHLO line last accepted
	offers   map[string]struct{} // keywords of its answer, in upper case
}

// A reply is one answer of a server: RFC 5321, 4.2.
type reply struct {
	code int
	text string // its lines, each ended CRLF
}

func (r reply) ok() bool { return r.code >= 200 && r.code < 300 }

// A turnedDown error is a refusal that ends the attempt: it is the build's answer.
type turnedDown struct{ reply }

func (e *turnedDown) Error() string { return "the build answered " + strconv.Itoa(e.code) }

// unwanted is the error for a reply that ends the attempt at a step. A reply that
// neither refuses nor is the one that the step asks for answers nothing, and must
// not be taken for the message's.
func (r reply) unwanted(step string) error {
	if r.code >= 400 {
		return &turnedDown{r}
	}
	return fmt.Errorf("the build answered %d to %s", r.code, step)
}

func newClient(conn net.Conn) *client {
	c := &client{raw: conn, conn: conn}
	c.in.read = func(p []byte) (int, error) { return c.conn.Read(p) }
	c.out = bufio.NewWriterSize(writerFunc(func(p []byte) (int, error) { return c.conn.Write(p) }), 32<<10)
	return c
}

// welcome reads the server's greeting.
func (c *client) welcome() error {
	r, err := c.reply()
	if err != nil {
		return fmt.Errorf("waiting for its greeting: %w", err)
	}
	if r.code != 220 {
		return r.unwanted("the connection")
	}
	return nil
}

// reply reads one reply. Lines ended by LF alone are taken too.
func (c *client) reply() (reply, error) {
	var text strings.Builder
	for range maxReplyLines {
		line, _, err := c.in.line()
		if err != nil {
			return reply{}, err
		}
		code, more, ok := replyLine(line)
		if !ok {
			return reply{}, fmt.Errorf("the build sent %.80q, which is no SMTP reply", line)
		}
		text.Write(line)
		text.WriteString("\r\n")
		if text.Len() > maxLine {
			return reply{}, errors.New("the build sent a reply longer than 65536 bytes")
		}
		if !more {
			return reply{code, text.String()}, nil
		}
	}
	return reply{}, fmt.Errorf("the build sent a reply of more than %d lines", maxReplyLines)
}

func replyLine(line []byte) (code int, more, ok bool) {
	if len(line) < 3 {
		return 0, false, false
	}
	for _, c := range line[:3] {
		if c < '0' || c > '9' {
			return 0, false, false
		}
		code = code*10 + int(c-'0')
	}
	if len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, false
	}
	return code, len(line) > 3 && line[3] == '-', code >= 200 && code < 600
}

// say sends one command line and reads its reply.
func (c *client) say(line string) (reply, error) {
	c.out.WriteString(line)
	c.out.WriteString("\r\n")
	if err := c.out.Flush(); err != nil {
		return reply{}, err
	}
	return c.reply()
}

// hello sends a HELO or EHLO line and takes down what is offered.
func (c *client) hello(line string) error {
	r, err := c.say(line)
	if err != nil {
		return fmt.Errorf("saying %.80q: %w", line, err)
	}
	if !r.ok() {
		return r.unwanted("the greeting")
	}
	c.greeting, c.offers = line, map[string]struct{}{}
	for i, offer := range strings.Split(strings.TrimSuffix(r.text, "\r\n"), "\r\n") {
		if i > 0 && len(offer) > 4 {
			keyword, _, _ := strings.Cut(offer[4:], " ")
			c.offers[upperASCII(keyword)] = struct{}{}
		}
	}
	return nil
}

func (c *client) offered(keyword string) bool {
	_, ok := c.offers[keyword]
	return ok
}

// startTLS makes the connection TLS by STARTTLS (RFC 3207).
func (c *client) startTLS(ctx context.Context, config *tls.Config, lmtp bool) error {
	if err := c.hello(greetingOf("EHLO "+literal(c.raw.LocalAddr()), lmtp)); err != nil {
		return err
	}
	if !c.offered("STARTTLS") {
		return errors.New("the door is set to starttls = true, but the build does not offer STARTTLS")
	}
	r, err := c.say("STARTTLS")
	if err != nil {
		return fmt.Errorf("saying STARTTLS: %w", err)
	}
	if r.code != 220 {
		return r.unwanted("STARTTLS")
	}
	if c.in.r < c.in.w {
		return errors.New("the build sent more than its reply to STARTTLS before TLS began")
	}
	return c.beginTLS(ctx, config)
}

func (c *client) beginTLS(ctx context.Context, config *tls.Config) error {
	conn := tls.Client(c.raw, config)
	if err := conn.HandshakeContext(ctx); err != nil {
		return fmt.Errorf("beginning TLS: %w", err)
	}
	c.conn, c.greeting, c.offers = conn, "", nil
	return nil
}

// literal is the address literal of a socket (RFC 5321, 4.1.3), which is how a
// client without a name greets (4.1.4).
func literal(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "localhost"
	}
	if strings.Contains(host, ":") {
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// exchange sends command lines and gives each reply to each, in order, until that
// returns an error. Where PIPELINING is offered a group of lines is sent before its
// replies are read.
func (c *client) exchange(lines []string, each func(i int, r reply) error) error {
	for next := 0; next < len(lines); {
		first, size := next, 0
		for next < len(lines) && (next == first || c.offered("PIPELINING") && size < groupBytes) {
			c.out.WriteString(lines[next])
			c.out.WriteString("\r\n")
			size += len(lines[next]) + 2
			next++
		}
		if err := c.out.Flush(); err != nil {
			return err
		}
		for i := first; i < next; i++ {
			r, err := c.reply()
			if err != nil {
				return err
			}
			if err := each(i, r); err != nil {
				return err
			}
		}
	}
	return nil
}

// message sends the message after 354 and reads the reply to it. A server that
// answers and leaves before it has read everything has answered.
func (c *client) message(body []byte) (reply, error) {
	sent := writeMessage(c.out, body)
	r, err := c.reply()
	if err != nil && sent != nil {
		return reply{}, sent
	}
	return r, err
}

// writeMessage writes body as RFC 5321, 4.5.2, asks: a dot before each dot that
// begins a line, CRLF where the last line has none, and the line with one dot.
func writeMessage(w *bufio.Writer, body []byte) error {
	whole := body
	if len(body) > 0 && body[0] == '.' {
		w.WriteByte('.')
	}
	for {
		i := bytes.Index(body, []byte("\r\n."))
		if i < 0 {
			break
		}
		w.Write(body[:i+2])
		w.WriteByte('.')
		body = body[i+2:]
	}
	w.Write(body)
	if len(whole) > 0 && !bytes.HasSuffix(whole, []byte("\r\n")) {
		w.WriteString("\r\n")
	}
	w.WriteString(".\r\n")
	return w.Flush() // which gives the first error of the writes before it
}

// leave ends the connection in order, and returns how many replies came after the
// one to the last command: the reply to QUIT makes one.
func (c *client) leave() (replies int, err error) {
	defer c.conn.Close()
	c.out.WriteString("QUIT\r\n")
	if err := c.out.Flush(); err != nil {
		return 0, err
	}
	for replies < maxReplyLines {
		if _, err := c.reply(); err != nil {
			if errors.Is(err, io.EOF) {
				return replies, nil
			}
			return replies, err
		}
		replies++
	}
	return replies, nil
}
