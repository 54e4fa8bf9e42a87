package smtp_test

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// whole sends wire over a connection of its own and returns the codes of all
// replies, those before TLS left out, or what went wrong. transport is plaintext,
// starttls or implicit. It may be called from any goroutine.
func whole(sink channel.Sink, transport, wire string) string {
	conn, err := net.Dial("tcp", sink.Address())
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	if transport == "starttls" {
		io.WriteString(conn, "STARTTLS\r\n")
		for lines, b := 0, []byte{0}; lines < 2; { // of the greeting and the reply, and no byte more
			if _, err := conn.Read(b); err != nil {
				return err.Error()
			}
			if b[0] == '\n' {
				lines++
			}
		}
	}
	if transport != "plaintext" {
		conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	}
	if _, err := io.WriteString(conn, wire); err != nil {
		return err.Error()
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		return err.Error()
	}
	return codes(string(b))
}

// A store that hangs with one message must not keep the others waiting, whatever
// shares a goroutine with what.
func TestKeepThatHangs(t *testing.T) {
	for _, transport := range []string{"plaintext", "starttls", "implicit"} {
		t.Run(transport, func(t *testing.T) {
			wire := func(body string) string { return envelope + "DATA\r\n" + body + ".\r\nQUIT\r\n" }
			want := "220 250 250 250 354 250 221"
			if transport == "starttls" {
				want = strings.TrimPrefix(want, "220 ")
			}
			st := &store{}
			hangs, goOn := make(chan struct{}), make(chan struct{})
			sink := open(t, st, func(c *channel.SinkConfig) {
				if transport == "implicit" {
					c.Settings = settings("implicit_tls = true")
				}
				c.Keep = func(m *gate.Message) error {
					if string(m.Body) == "hangs\r\n" {
						close(hangs)
						<-goOn
					}
					return st.keep(m)
				}
			})
			slow := make(chan string)
			go func() { slow <- whole(sink, transport, wire("hangs\r\n")) }()
			<-hangs
			for i := range 20 {
				if got := whole(sink, transport, wire("x\r\n")); got != want {
					t.Errorf("replies %s beside a message that is not stored yet, want %s (connection %d)", got, want, i)
				}
			}
			if s := sink.Stats(); s.Accepted != 20 || s.Busy != 1 {
				t.Errorf("stats %+v, want 20 accepted and 1 under way", s)
			}
			close(goOn)
			if got := <-slow; got != want {
				t.Errorf("replies %s, want %s", got, want)
			}
		})
	}
}

// A store that shares one sync among many must get its messages at once, and not
// one after the other.
func TestSlowKeepsRunTogether(t *testing.T) {
	const sessions = 20
	var mu sync.Mutex
	waiting, all := 0, make(chan struct{})
	sink := open(t, &store{}, func(c *channel.SinkConfig) {
		c.Keep = func(*gate.Message) error {
			mu.Lock()
			if waiting++; waiting == sessions {
				close(all)
			}
			mu.Unlock()
			<-all
			return nil
		}
	})
	var wg sync.WaitGroup
	for range sessions {
		wg.Go(func() {
			if got, want := whole(sink, "plaintext", envelope+"DATA\r\nx\r\n.\r\nQUIT\r\n"), "220 250 250 250 354 250 221"; got != want {
				t.Errorf("replies %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
}

// A client that sends and does not read fills what lies between: the sink waits
// for it, and answers everything.
func TestClientThatReadsLate(t *testing.T) {
	const commands = 200_000
	sink := open(t, &store{})
	conn := dial(t, sink)
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, "EHLO c\r\n"+strings.Repeat("NOOP\r\n", commands)+"QUIT\r\n")
		sent <- err
	}()
	until(t, "the sink has begun", func() bool { return sink.Stats().LastAt != 0 })
	if got, want := whole(sink, "plaintext", "EHLO c\r\nQUIT\r\n"), "220 250 221"; got != want {
		t.Errorf("replies %s beside a client that does not read, want %s", got, want)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(b), "250 2.0.0 ok\r\n"); got != commands {
		t.Errorf("%d of %d commands were answered", got, commands)
	}
}

// Every connection is served whole, however many there are at once and however
// small the pieces are that they come in.
func TestManyConnectionsInPieces(t *testing.T) {
	const connections, messages = 100, 3
	st := &store{}
	sink := open(t, st)
	var wg sync.WaitGroup
	for i := range connections {
		wg.Go(func() {
			conn := dial(t, sink)
			var wire strings.Builder
			wire.WriteString("EHLO c\r\n")
			for j := range messages {
				fmt.Fprintf(&wire, "MAIL FROM:<a@x>\r\nRCPT TO:<r%d@y>\r\nDATA\r\nmessage %d of %d\r\n.\r\n", i, j, i)
			}
			wire.WriteString("QUIT\r\n")
			go func() {
				for p := wire.String(); p != ""; {
					n := min(len(p), 1+i%17)
					if _, err := io.WriteString(conn, p[:n]); err != nil {
						t.Error(err)
						return
					}
					p = p[n:]
				}
			}()
			b, err := io.ReadAll(conn)
			if err != nil {
				t.Error(err)
			}
			if got, want := codes(string(b)), "220 250"+strings.Repeat(" 250 250 354 250", messages)+" 221"; got != want {
				t.Errorf("replies %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
	kept, gaps := st.all()
	if len(kept) != connections*messages || len(gaps) != 0 {
		t.Fatalf("%d messages and %d gaps, want %d and none", len(kept), len(gaps), connections*messages)
	}
	seen := make(map[string]bool)
	for _, m := range kept {
		var i, j int
		if _, err := fmt.Sscanf(string(m.Body), "message %d of %d", &j, &i); err != nil {
			t.Fatalf("body %q", m.Body)
		}
		if seen[string(m.Body)] || !strings.Contains(string(m.Head), fmt.Sprintf("<r%d@y>", i)) {
			t.Errorf("%q for %q", m.Body, m.Head)
		}
		seen[string(m.Body)] = true
	}
}

// A connection that is reset while it waits is over, and so is its place.
func TestResetWhileWaiting(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	for range 50 {
		conn := dial(t, sink)
		if _, err := io.WriteString(conn, envelope); err != nil {
			t.Fatal(err)
		}
		until(t, "a transaction is under way", func() bool { return sink.Stats().Busy == 1 })
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
		until(t, "the connection is over", func() bool { return sink.Stats().Open == 0 })
	}
	if _, gaps := st.all(); len(gaps) != 50 {
		t.Errorf("%d gaps, want 50: %+v", len(gaps), gaps)
	}
}
