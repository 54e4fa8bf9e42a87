package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

func drive(t testing.TB, cfg channel.DriveConfig) channel.Driver {
	t.Helper()
	d, err := protocol.Drive(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// A server answers each line that a client says with what its script says to the
// beginning of the line; "." answers the end of data. A line that no script knows
// is answered 250, an answer of "" ends the connection.
type server struct {
	ln          net.Listener
	connections atomic.Int64
	lax         bool // takes a dot alone between any line ends for the end of data
	script      func(connection int64, line string) (answer string, known bool)
}

func serve(t testing.TB, s *server) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.ln = ln
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go s.talk(conn, s.connections.Add(1))
		}
	}()
	return s
}

func (s *server) talk(conn net.Conn, n int64) {
	defer conn.Close()
	r := bufio.NewReader(conn)
	pipelining, data := false, false
	for line := "connect"; ; {
		if !data || line == "." {
			answer, known := s.script(n, line)
			switch {
			case known:
			case line == "connect":
				answer = "220 ready"
			case line == "DATA":
				answer = "354 go on"
			case line == "QUIT":
				answer = "221 bye"
			default:
				answer = "250 ok"
			}
			if answer == "" {
				return
			}
			pipelining = pipelining || strings.Contains(answer, "PIPELINING")
			data = line == "DATA" && strings.HasPrefix(answer, "354")
			if r.Buffered() > 0 && !pipelining && !s.lax {
				answer = "503 more than one command at once"
			}
			io.WriteString(conn, answer+"\r\n")
			if line == "QUIT" {
				return
			}
		}
		wire, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSuffix(wire, "\r\n")
		if s.lax {
			line = strings.TrimRight(wire, "\r\n")
		}
	}
}

func stimulus(head, body string) *gate.Stimulus {
	return &gate.Stimulus{ID: "s1", Channel: "smtp", Head: []byte(head), Body: []byte(body)}
}

func TestDriver(t *testing.T) {
	const dsn = "EHLO c\r\nMAIL FROM:<a@x> SIZE=3 body=8bitmime RET=HDRS XFOO=1\r\nRCPT TO:<b@y> NOTIFY=NEVER ORCPT=rfc822;b@y\r\n"
	is := func(answers ...string) func(int64, string) (string, bool) {
		return func(_ int64, line string) (string, bool) {
			for i := 0; i < len(answers); i += 2 {
				if strings.HasPrefix(line, answers[i]) {
					return answers[i+1], true
				}
			}
			return "", false
		}
	}
	tests := []struct {
		name   string
		script func(int64, string) (string, bool)
		head   string // "": envelope
		lax    bool
		body   string
		status int
		err    string
		answer string
	}{
		{name: "taken", script: is("DATA", "354 go", ".", "250-one\r\n250 two"), body: "x", status: 250, answer: "250 ok\r\n250 ok\r\n354 go\r\n250-one\r\n250 two\r\n"},
		{name: "HELO", head: "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y>\r\n", script: is("EHLO", ""), status: 250, answer: "250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "no greeting of its own", head: "MAIL FROM:<>\r\nRCPT TO:<b@y>\r\n", script: is("EHLO [127.0.0.1]", "250 ok", "EHLO", ""), status: 250, answer: "250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "pipelined", script: is("EHLO", "250-s\r\n250 PIPELINING"), body: "x", status: 250, answer: "250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "message refused", script: is(".", "554 no"), body: "x", status: 554, answer: "250 ok\r\n250 ok\r\n354 go on\r\n554 no\r\n"},
		{name: "DATA refused", script: is("DATA", "451 no"), status: 451, answer: "250 ok\r\n250 ok\r\n451 no\r\n"},
		{name: "MAIL refused", script: is("MAIL", "452 no"), status: 452, answer: "452 no\r\n250 ok\r\n"},
		{name: "all recipients refused", script: is("RCPT", "550 no"), status: 550, answer: "250 ok\r\n550 no\r\n"},
		{name: "one recipient refused", head: envelope + "RCPT TO:<c@y>\r\n", script: is("RCPT TO:<c", "551 no"), status: 250, answer: "250 ok\r\n250 ok\r\n551 no\r\n354 go on\r\n250 ok\r\n"},
		{name: "greeting refused", script: is("connect", "554 no"), status: 554, answer: "554 no\r\n"},
		{name: "EHLO refused", script: is("EHLO", "502 no"), status: 502, answer: "502 no\r\n"},
		{name: "sent away at MAIL", script: is("MAIL", "421 no"), status: 421, answer: "421 no\r\n"},
		{name: "nothing offered", head: dsn, script: is(), status: 250, answer: "# left out of MAIL, not offered: SIZE=3 body=8bitmime RET=HDRS\r\n# left out of RCPT 1, not offered: NOTIFY=NEVER ORCPT=rfc822;b@y\r\n250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "what is left of the line", head: dsn, script: is("MAIL FROM:<a@x> XFOO=1", "250 as wanted", "RCPT TO:<b@y> ", "550 no", "RCPT TO:<b@y>", "250 as wanted"), status: 250,
			answer: "# left out of MAIL, not offered: SIZE=3 body=8bitmime RET=HDRS\r\n# left out of RCPT 1, not offered: NOTIFY=NEVER ORCPT=rfc822;b@y\r\n250 as wanted\r\n250 as wanted\r\n354 go on\r\n250 ok\r\n"},
		{name: "all offered", head: dsn, script: is("EHLO", "250-s\r\n250-SIZE 1000\r\n250-8bitmime\r\n250 DSN", "MAIL FROM:<a@x> SIZE=3 body=8bitmime RET=HDRS XFOO=1", "250 whole"), status: 250, answer: "250 whole\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "DATA answered as a message is", script: is("DATA", "250 ok"), err: "answered 250 to DATA", answer: "250 ok\r\n250 ok\r\n"},
		{name: "the message asked for twice", script: is(".", "354 go on"), body: "x", err: "answered 354 to the message", answer: "250 ok\r\n250 ok\r\n354 go on\r\n"},
		{name: "greeting of another kind", script: is("connect", "200 ready"), err: "answered 200 to the connection"},
		{name: "no SMTP", script: is("connect", "HTTP/1.1 400"), err: "no SMTP reply"},
		{name: "silence", script: is("connect", ""), err: "waiting for its greeting"},
		{name: "leaves at RCPT", script: is("RCPT", ""), err: "waiting for the replies to MAIL and RCPT", answer: "250 ok\r\n"},
		{name: "leaves at the message", script: is(".", ""), body: "x", err: "waiting for the reply to the message", answer: "250 ok\r\n250 ok\r\n354 go on\r\n"},
		{name: "a lax server", lax: true, script: is(), body: "x\n.\r\nNOOP\r\n", err: "more than it was asked for", answer: "250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "a strict server and the same message", script: is(), body: "x\n.\r\r\nNOOP\r\n", status: 250, answer: "250 ok\r\n250 ok\r\n354 go on\r\n250 ok\r\n"},
		{name: "no recipient", head: "MAIL FROM:<>\r\n", script: is(), err: "no RCPT line"},
		{name: "no sender", head: "RCPT TO:<b@y>\r\n", script: is(), err: "does not belong there"},
		{name: "another command", head: envelope + "DATA\r\n", script: is(), err: "does not belong there"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, &server{script: tt.script, lax: tt.lax})
			if tt.head == "" {
				tt.head = envelope
			}
			out := drive(t, channel.DriveConfig{Address: s.ln.Addr().String()}).Do(t.Context(), stimulus(tt.head, tt.body))
			if out.Stimulus != "s1" || out.Status != tt.status || (out.Error == "") != (tt.err == "") || !strings.Contains(out.Error, tt.err) {
				t.Errorf("status %d, error %q; want %d, %q", out.Status, out.Error, tt.status, tt.err)
			}
			if string(out.Head) != tt.answer {
				t.Errorf("head %q, want %q", out.Head, tt.answer)
			}
			if s.connections.Load() > 1 {
				t.Error("it was sent again")
			}
		})
	}
}

func TestDriverKeepsConnections(t *testing.T) {
	tests := []struct {
		name        string
		second      string // what the first connection says to the second MAIL
		connections int64
		status      int
	}{
		{"open", "250 ok", 1, 250},
		{"closed meanwhile", "", 2, 250},
		{"sent away", "421 closing", 2, 250},
		{"refused", "451 no", 1, 451},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mails atomic.Int64
			s := serve(t, &server{script: func(n int64, line string) (string, bool) {
				if n == 1 && strings.HasPrefix(line, "MAIL") && mails.Add(1) == 2 {
					return tt.second, true
				}
				return "", false
			}})
			d := drive(t, channel.DriveConfig{Address: s.ln.Addr().String()})
			if out := d.Do(t.Context(), stimulus(envelope, "1")); out.Status != 250 || out.Error != "" {
				t.Fatalf("%+v", out)
			}
			if out := d.Do(t.Context(), stimulus(envelope, "2")); out.Status != tt.status || out.Error != "" {
				t.Errorf("%+v", out)
			}
			if n := s.connections.Load(); n != tt.connections {
				t.Errorf("%d connections, want %d", n, tt.connections)
			}
		})
	}
	t.Run("what came as far as MAIL is not sent again", func(t *testing.T) {
		var rcpts atomic.Int64
		s := serve(t, &server{script: func(_ int64, line string) (string, bool) {
			return "", strings.HasPrefix(line, "RCPT") && rcpts.Add(1) == 2
		}})
		d := drive(t, channel.DriveConfig{Address: s.ln.Addr().String()})
		d.Do(t.Context(), stimulus(envelope, "1"))
		if out := d.Do(t.Context(), stimulus(envelope, "2")); out.Error == "" || s.connections.Load() != 1 {
			t.Errorf("%+v after %d connections", out, s.connections.Load())
		}
	})
}

func TestDriverStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, &server{script: func(_ int64, line string) (string, bool) {
		if line == "DATA" {
			cancel()
			return "250-never ends", true
		}
		return "", false
	}})
	out := drive(t, channel.DriveConfig{Address: s.ln.Addr().String()}).Do(ctx, stimulus(envelope, "x"))
	if !strings.Contains(out.Error, context.Canceled.Error()) {
		t.Errorf("%+v", out)
	}
}

func TestDriverAddresses(t *testing.T) {
	for _, cfg := range []channel.DriveConfig{
		{Address: "localhost"}, {Address: "http://localhost:25"}, {Address: "smtp://localhost"}, {Address: ""},
		{Address: "smtps://localhost:465", Settings: settings("starttls = true")},
		{Address: "localhost:25", Settings: settings("start_tls = true")},
	} {
		if d, err := protocol.Drive(cfg); err == nil {
			d.Close()
			t.Errorf("%q was taken", cfg.Address)
		}
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln.Close()
	if out := drive(t, channel.DriveConfig{Address: ln.Addr().String()}).Do(t.Context(), stimulus(envelope, "")); !strings.Contains(out.Error, "connecting to "+ln.Addr().String()) {
		t.Errorf("%+v", out)
	}
}

func TestDriverTLS(t *testing.T) {
	for _, tt := range []struct{ name, scheme, sink, door string }{
		{"STARTTLS", "smtp://", "", "starttls = true"},
		{"implicit", "smtps://", "implicit_tls = true", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := &store{}
			sink := open(t, st, func(c *channel.SinkConfig) { c.Settings = settings(tt.sink) })
			d := drive(t, channel.DriveConfig{Address: tt.scheme + sink.Address(), Settings: settings(tt.door)})
			for range 2 {
				if out := d.Do(t.Context(), stimulus(envelope, "x\r\n")); out.Status != 250 || out.Error != "" || out.Elapsed <= 0 {
					t.Errorf("%+v", out)
				}
			}
			messages, gaps := st.all()
			if len(messages) != 2 || len(gaps) != 0 {
				t.Fatalf("%d messages, gaps %+v", len(messages), gaps)
			}
			for _, m := range messages {
				if m.TLS != "TLS 1.3" || string(m.Head) != envelope {
					t.Errorf("%+v", m)
				}
			}
		})
	}
	t.Run("not offered", func(t *testing.T) {
		sink := open(t, &store{}, func(c *channel.SinkConfig) { c.Settings = settings("starttls = false") })
		d := drive(t, channel.DriveConfig{Address: sink.Address(), Settings: settings("starttls = true")})
		if out := d.Do(t.Context(), stimulus(envelope, "x\r\n")); !strings.Contains(out.Error, "does not offer STARTTLS") {
			t.Errorf("%+v", out)
		}
	})
}

// What the driver sends is what the sink takes down, byte for byte.
// A door of LMTP is greeted by LHLO whatever was recorded, and says of each recipient what
// becomes of the message: the worst is the answer (RFC 2033, section 4.2).
func TestDriverLMTP(t *testing.T) {
	const head = " c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nRCPT TO:<no@y>\r\nRCPT TO:<d@y>\r\n"
	for _, c := range []struct {
		lmtp     bool
		verb     string
		verdicts string // of the message
		status   int
		broken   bool
	}{
		{true, "EHLO", "250 b\r\n250 d", 250, false},
		{true, "LHLO", "250 b\r\n250 d", 250, false},
		{true, "EHLO", "550 b is full\r\n250 d", 550, false},
		{true, "EHLO", "250 b\r\n452 d is full", 452, false},
		{true, "EHLO", "250 b\r\n250 d\r\n250 whom?", 0, true},
		{true, "EHLO", "250 b", 0, true}, // and no word of d
		{false, "LHLO", "250 all", 250, false},
	} {
		heard := ""
		s := serve(t, &server{script: func(_ int64, line string) (string, bool) {
			switch {
			case strings.HasPrefix(line, "LHLO"), strings.HasPrefix(line, "EHLO"):
				heard = line
			case strings.HasPrefix(line, "RCPT TO:<no@"):
				return "550 nobody", true
			case line == ".":
				return c.verdicts, true
			}
			return "", false
		}})
		d := drive(t, channel.DriveConfig{Address: s.ln.Addr().String(), Settings: settings(fmt.Sprintf("lmtp = %v", c.lmtp))})
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		out := d.Do(ctx, stimulus(c.verb+head, "hello\r\n"))
		cancel()
		if (out.Error != "") != c.broken || out.Status != c.status {
			t.Errorf("%+v: %+v", c, out)
		}
		if want := map[bool]string{true: "LHLO c", false: "EHLO c"}[c.lmtp]; heard != want {
			t.Errorf("%+v: it was greeted by %q, want %q", c, heard, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	d := drive(t, channel.DriveConfig{Address: sink.Address()})
	piece := rapid.OneOf(
		rapid.StringMatching(`[\r\n.a]{0,12}`),
		rapid.SampledFrom([]string{"\r\n.\r\n", "\r\n", "\n.\n", "\r.\r", "\x00", "\xff\xfe", "DATA\r\n", strings.Repeat("x", 16<<10-3), strings.Repeat("y\r\n", 30_000)}),
	)
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(rapid.SliceOfN(piece, 0, 8).Draw(t, "body"), "")
		var head strings.Builder
		head.WriteString("EHLO c\r\nMAIL FROM:<a@x>\r\n")
		for i := range rapid.IntRange(1, 20).Draw(t, "recipients") {
			fmt.Fprintf(&head, "RCPT TO:<r%d@y> NOTIFY=NEVER\r\n", i)
		}
		out := d.Do(context.Background(), stimulus(head.String(), body))
		if out.Status != 250 || out.Error != "" {
			t.Fatalf("%+v", out)
		}
		messages, gaps := st.all()
		m := messages[len(messages)-1]
		want := []byte(body)
		if len(body) > 0 && !strings.HasSuffix(body, "\r\n") {
			want = append(want, "\r\n"...)
		}
		if !bytes.Equal(m.Body, want) || string(m.Head) != head.String() || len(gaps) != 0 {
			t.Fatalf("head %q, body %.200q, gaps %+v", m.Head, m.Body, gaps)
		}
	})
}
