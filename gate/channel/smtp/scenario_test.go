package smtp_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// A talk is a session that is led by hand.
type talk struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

func begin(t testing.TB, conn net.Conn) *talk {
	return &talk{t, conn, bufio.NewReader(conn)}
}

// expect reads one reply and requires its code.
func (k *talk) expect(code string) string {
	k.t.Helper()
	for {
		line, err := k.r.ReadString('\n')
		if err != nil {
			k.t.Fatalf("waiting for %s: %v", code, err)
		}
		if line[3] == '-' {
			continue
		}
		if line[:3] != code {
			k.t.Fatalf("got %q, want %s", line, code)
		}
		return line
	}
}

func (k *talk) say(line, code string) {
	k.t.Helper()
	if _, err := io.WriteString(k.conn, line+"\r\n"); err != nil {
		k.t.Fatal(err)
	}
	k.expect(code)
}

// gone requires that the sink has ended the connection without another word.
func (k *talk) gone() {
	k.t.Helper()
	if b, err := io.ReadAll(k.r); err != nil || len(b) > 0 {
		k.t.Fatalf("want the end of the connection, got %q, %v", b, err)
	}
}

// envelope goes as far as the first RCPT.
func (k *talk) envelope() {
	k.t.Helper()
	k.expect("220")
	k.say("EHLO c", "250")
	k.say("MAIL FROM:<a@x.example>", "250")
	k.say("RCPT TO:<b@y.example>", "250")
}

func TestSTARTTLS(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			st := &store{}
			sink := open(t, st)
			conn := dial(t, sink)
			k := begin(t, conn)
			k.expect("220")
			k.say("EHLO c", "250")
			k.say("STARTTLS", "220")
			secure := tls.Client(conn, &tls.Config{ServerName: "mx.example.org", InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: version})
			k = begin(t, secure)
			k.say("MAIL FROM:<a@x.example>", "250") // the greeting before TLS is forgotten
			k.say("RSET", "250")
			k.say("EHLO again", "250")
			k.say("STARTTLS", "502")
			k.say("MAIL FROM:<a@x.example>", "250")
			k.say("RCPT TO:<b@y.example>", "250")
			k.say("DATA", "354")
			k.say("secret\r\n.", "250")
			k.say("QUIT", "221")
			messages, gaps := st.all()
			if len(messages) != 1 || len(gaps) != 0 {
				t.Fatalf("%d messages, gaps %+v", len(messages), gaps)
			}
			m := messages[0]
			if m.TLS != tls.VersionName(version) || m.Host != "mx.example.org" || !bytes.HasPrefix(m.Head, []byte("EHLO again\r\n")) || len(m.Events) != 0 {
				t.Errorf("message %+v", m)
			}
		})
	}
}

func TestHandshakeFails(t *testing.T) {
	for _, tt := range []struct{ name, settings, wire, codes string }{
		{"after STARTTLS", "", "EHLO c\r\nSTARTTLS\r\n", "220 250 220"},
		{"commands behind STARTTLS are not run", "", "EHLO c\r\nSTARTTLS\r\nMAIL FROM:<evil@x>\r\nRCPT TO:<b@y>\r\n", "220 250 220"},
		{"implicit", "implicit_tls = true", "EHLO c\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := &store{}
			sink := open(t, st, func(c *channel.SinkConfig) { c.Settings = settings(tt.settings) })
			if got := session(t, sink, tt.wire); got != tt.codes {
				t.Errorf("replies %q, want %q", got, tt.codes)
			}
			until(t, "the connection is over", func() bool { return sink.Stats().Open == 0 })
			if messages, gaps := st.all(); len(messages) != 0 || kinds(gaps) != gate.GapHandshake {
				t.Errorf("%d messages, gaps %+v", len(messages), gaps)
			}
		})
	}
}

func TestImplicitTLS(t *testing.T) {
	st := &store{}
	sink := open(t, st, func(c *channel.SinkConfig) { c.Settings = settings("implicit_tls = true") })
	dial(t, sink).Close() // a probe is no gap
	k := begin(t, tls.Client(dial(t, sink), &tls.Config{InsecureSkipVerify: true}))
	k.envelope()
	k.say("DATA", "354")
	k.say(".", "250")
	k.say("QUIT", "221")
	if messages, gaps := st.all(); len(messages) != 1 || messages[0].TLS != "TLS 1.3" || len(gaps) != 0 {
		t.Errorf("%d messages, gaps %+v", len(messages), gaps)
	}
}

func TestKeepFails(t *testing.T) {
	st := &store{fail: errors.New("disk full")}
	sink := open(t, st)
	k := begin(t, dial(t, sink))
	k.envelope()
	k.say("DATA", "354")
	k.say("x\r\n.", "451")
	if s := sink.Stats(); s.Accepted != 0 || s.Busy != 0 {
		t.Errorf("stats %+v", s)
	}
	st.mu.Lock()
	st.fail = nil
	st.mu.Unlock()
	k.say("MAIL FROM:<a@x.example>", "250")
	k.say("RCPT TO:<b@y.example>", "250")
	k.say("BDAT 3 LAST\r\nx", "250")
	if messages, gaps := st.all(); len(messages) != 1 || kinds(gaps) != gate.GapStore || sink.Stats().Accepted != 1 {
		t.Errorf("%d messages, gaps %+v", len(messages), gaps)
	}
}

func TestMoods(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	k := begin(t, dial(t, sink))
	k.expect("220")
	k.say("EHLO c", "250")

	sink.Mood(channel.Refuse)
	k.say("MAIL FROM:<a@x>", "451")
	k.say("RCPT TO:<b@y>", "451")
	k.say("DATA", "451")
	begin(t, dial(t, sink)).expect("421")
	if s := sink.Stats(); s.Refused != 2 {
		t.Errorf("after a refused MAIL and a refused connection: %+v", s)
	}

	sink.Mood(channel.Accept)
	k.say("MAIL FROM:<a@x>", "250")
	k.say("RCPT TO:<b@y>", "250")
	sink.Mood(channel.Refuse)
	k.say("RCPT TO:<c@y>", "451")
	k.say("DATA", "451")
	k.say("BDAT 5 LAST\r\nabc", "451")
	sink.Mood(channel.Accept)
	k.say("DATA", "503") // a chunk is missing
	k.say("RSET", "250")
	if s := sink.Stats(); s.Refused != 3 || s.Busy != 0 {
		t.Errorf("after a transaction that was refused half way: %+v", s)
	}

	k.say("MAIL FROM:<a@x>", "250")
	k.say("RCPT TO:<b@y>", "250")
	k.say("DATA", "354")
	sink.Mood(channel.Drop) // from the next command on: what is under way is taken
	k.say("x\r\n.", "250")
	io.WriteString(k.conn, "MAIL FROM:<a@x>\r\n")
	k.gone()
	begin(t, dial(t, sink)).gone()
	until(t, "both connections are over", func() bool { return sink.Stats().Open == 0 })
	if s := sink.Stats(); s.Accepted != 1 || s.Refused != 5 || s.Busy != 0 {
		t.Errorf("at the end: %+v", s)
	}
	if messages, gaps := st.all(); len(messages) != 1 || len(gaps) != 0 {
		t.Errorf("%d messages, gaps %+v", len(messages), gaps)
	}
}

func TestTenThousandRecipients(t *testing.T) {
	const n = 10_000
	var wire strings.Builder
	wire.WriteString("EHLO c\r\nMAIL FROM:<a@x.example>\r\n")
	for i := range n {
		fmt.Fprintf(&wire, "RCPT TO:<r%d@y.example>\r\n", i/2) // each twice
	}
	head := wire.String()
	wire.WriteString("DATA\r\n.\r\nQUIT\r\n")
	st := &store{}
	sink := open(t, st)
	if got := session(t, sink, wire.String()); got != "220 250 250"+strings.Repeat(" 250", n)+" 354 250 221" {
		t.Errorf("replies %.100s...", got)
	}
	messages, _ := st.all()
	if len(messages) != 1 || string(messages[0].Head) != head || len(messages[0].Replies) != n+2 {
		t.Fatalf("%d messages, or a head that is not what was sent", len(messages))
	}
	decoded := mustDecode(t, messages[0])
	if len(decoded) != 1 || len(decoded[0].Recipients) != n {
		t.Errorf("decoded to %d, %d recipients", len(decoded), len(decoded[0].Recipients))
	}
}

// A client that never stops naming recipients is stopped, and a gap says so.
func TestFloodOfRecipients(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	k := begin(t, dial(t, sink))
	k.envelope()
	line := "RCPT TO:<" + strings.Repeat("r", 65_000) + "@y.example>"
	n := (64<<20 - len(envelope)) / (len(line) + 2)
	for range n {
		k.say(line, "250")
	}
	for range 3 {
		k.say(line, "452")
	}
	k.say("DATA", "354")
	k.say(".", "250")
	messages, gaps := st.all()
	if len(messages) != 1 || kinds(gaps) != gate.GapFlood {
		t.Fatalf("%d messages, gaps %+v", len(messages), gaps)
	}
	d := mustDecode(t, messages[0])
	if len(d) != 1 || len(d[0].Recipients) != n+1 || len(d[0].Recipients[1].Address) > gate.MaxAddress {
		t.Errorf("%d recipients were taken, want %d", len(d[0].Recipients), n+1)
	}
}

func TestLargeMessage(t *testing.T) {
	header := "X-Long: " + strings.Repeat("h", 1<<20) + "\r\n\r\n"
	line := strings.Repeat("0123456789", 7) + "\r\n..\r\n"
	want := header + strings.ReplaceAll(strings.Repeat(line, 64<<20/len(line)+1), "..", ".")
	wire := header + strings.Repeat(line, 64<<20/len(line)+1)
	for _, tt := range []struct {
		name string
		max  int64
		gaps string
	}{
		{"kept whole", 0, ""},
		{"beyond the limit", 1 << 20, gate.GapCutBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := &store{}
			sink := open(t, st, func(c *channel.SinkConfig) { c.MaxBody = tt.max })
			k := begin(t, dial(t, sink))
			k.envelope()
			k.say("DATA", "354")
			io.WriteString(k.conn, wire)
			k.say(".", "250")
			messages, gaps := st.all()
			if len(messages) != 1 || kinds(gaps) != tt.gaps {
				t.Fatalf("%d messages, gaps %+v", len(messages), gaps)
			}
			m := messages[0]
			if kept := len(m.Body); string(m.Body) != want[:kept] || m.Cut != int64(len(want)-kept) || tt.max > 0 && int64(kept) != tt.max {
				t.Errorf("kept %d and cut %d of %d", kept, m.Cut, len(want))
			}
			if m.Cut > 0 && gaps[0].Seq != m.Seq {
				t.Errorf("gap %+v does not point at message %d", gaps[0], m.Seq)
			}
		})
	}
}

// Where the network cuts a stream into blocks must not show.
func TestOneByteAtATime(t *testing.T) {
	wire := envelope + "DATA\r\n.\r.\r\n\r\n..\r\na\n.\r\n\r\r\n.\n\r\n.\r\nQUIT\r\n"
	st := &store{}
	sink := open(t, st)
	session(t, sink, wire)
	conn := dial(t, sink)
	conn.(*net.TCPConn).SetNoDelay(true)
	io.Copy(conn, iotest.OneByteReader(strings.NewReader(wire)))
	io.ReadAll(conn)
	messages, gaps := st.all()
	if len(messages) != 2 || len(gaps) != 0 {
		t.Fatalf("%d messages, gaps %+v", len(messages), gaps)
	}
	compare(t, messages[1], one{body: string(messages[0].Body), events: strings.TrimPrefix(strings.Join(messages[0].Events, ","), "data-before-354,")})
}

func TestClose(t *testing.T) {
	t.Run("idle connections end with 421", func(t *testing.T) {
		st := &store{}
		sink := open(t, st)
		k := begin(t, dial(t, sink))
		k.expect("220")
		if err := sink.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		k.expect("421")
		k.gone()
		if conn, err := net.Dial("tcp", sink.Address()); err == nil {
			conn.Close()
			t.Error("a closed sink takes connections")
		}
		if _, gaps := st.all(); len(gaps) != 0 {
			t.Errorf("gaps %+v", gaps)
		}
	})
	t.Run("a transaction is waited for", func(t *testing.T) {
		st := &store{}
		sink := open(t, st)
		k := begin(t, dial(t, sink))
		k.envelope()
		k.say("DATA", "354")
		closed := make(chan error)
		go func() { closed <- sink.Close(context.Background()) }()
		until(t, "it no longer listens", func() bool {
			conn, err := net.Dial("tcp", sink.Address())
			if err == nil {
				conn.Close()
			}
			return err != nil
		})
		k.say("x\r\n.", "250")
		if err := <-closed; err != nil {
			t.Error(err)
		}
		k.expect("421")
		if messages, gaps := st.all(); len(messages) != 1 || len(gaps) != 0 {
			t.Errorf("%d messages, gaps %+v", len(messages), gaps)
		}
	})
	t.Run("until there is no more time", func(t *testing.T) {
		st := &store{}
		sink := open(t, st)
		begin(t, dial(t, sink)).envelope()
		shut(t, sink)
		if _, gaps := st.all(); kinds(gaps) != gate.GapBrokenMessage || sink.Stats().Busy != 0 {
			t.Errorf("gaps %+v, %+v", gaps, sink.Stats())
		}
	})
}

// The sender that Postfix is load-tested with, as an independent client.
func TestSMTPSource(t *testing.T) {
	tool, err := exec.LookPath("smtp-source")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("smtp-source is not installed, and in CI it must be: Debian has it in package postfix")
		}
		t.Skip("smtp-source is not installed: Debian has it in package postfix")
	}
	for _, lmtp := range []bool{false, true} {
		st := &store{}
		sink := open(t, st, func(c *channel.SinkConfig) { c.Settings = settings(fmt.Sprintf("lmtp = %v", lmtp)) })
		argv := []string{"-s", "5", "-m", "100", "-l", "20000", "-r", "3", "-N", "-f", "from@x.example", "-t", "to@y.example"}
		if lmtp {
			argv = append(argv, "-L")
		}
		out, err := exec.Command(tool, append(argv, "inet:"+sink.Address())...).CombinedOutput()
		if err != nil {
			t.Fatalf("LMTP %v: %v: %s", lmtp, err, out)
		}
		messages, gaps := st.all()
		if len(messages) != 100 || len(gaps) != 0 {
			t.Fatalf("LMTP %v: %d messages, gaps %+v", lmtp, len(messages), gaps)
		}
		for _, m := range messages {
			d := mustDecode(t, m)
			if len(d) != 1 || len(d[0].Recipients) != 3 || len(m.Body) < 20000 || len(m.Events) > 0 {
				t.Fatalf("message with head %q, %d bytes, events %q", m.Head, len(m.Body), m.Events)
			}
		}
	}
}

func TestSettings(t *testing.T) {
	for _, tt := range []struct{ settings, err string }{
		{`refuse = ["550 5.1.1 bob@example.org", "451 *@x.example", "452 root@*", "550 *"]`, ""},
		{`refuse = ["550 \"a b\"@example.org"]`, ""},
		{`hostname = "mx.example.org"` + "\nauth = false\nstarttls = false", ""},
		{`refuse = ["bob@example.org"]`, "want a reply code and a recipient"},
		{`refuse = ["250 bob@example.org"]`, "want 400 to 599"},
		{`refuse = ["0550 bob@example.org"]`, "want 400 to 599"},
		{`refuse = ["421 bob@example.org"]`, "outage scenario"},
		{`refuse = ["550 4.1.1 bob@example.org"]`, "want class 5"},
		{`refuse = ["550 5.1.1"]`, "want local@domain"},
		{`refuse = ["550 bob"]`, "want local@domain"},
		{`refuse = ["550 bob@exa mple"]`, "invalid mail address"},
		{`refuse = ["550 bob@x.example", "451 bob@X.example"]`, "never reached"},
		{"implicit_tls = true\nstarttls = true", "take one of them out"},
		{`hostname = "a b"`, "not a domain name"},
		{`nonsense = 1`, "unknown key"},
	} {
		err := protocol.Check(settings(tt.settings))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q", tt.settings, err, tt.err)
		}
		if _, e := protocol.Decode(settings(tt.settings)); (e == nil) != (err == nil) {
			t.Errorf("%s: Decode says %v, Check says %v", tt.settings, e, err)
		}
	}
	if err := protocol.Check(nil); err != nil {
		t.Error(err)
	}
	if _, err := protocol.Listen(channel.SinkConfig{Name: "mail", Address: "127.0.0.1:0"}); err == nil {
		t.Error("a sink that keeps nothing was opened")
	}
}
