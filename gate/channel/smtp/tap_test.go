package smtp_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

func newTap(t testing.TB, cfg channel.TapConfig) *channeltest.Rig {
	t.Helper()
	cfg.Name = "mail"
	return channeltest.OpenTap(t, smtp.Protocol(), cfg)
}

// A line of a dialogue is what the client says, in one run, and what the server says
// once it has heard that.
type exchanged struct{ client, server string }

// upstream is a server that holds to a dialogue. It gives all that it heard.
func upstream(t testing.TB, dialogue []exchanged) (address string, heard chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard = make(chan string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(time.Minute))
		var all bytes.Buffer
		defer func() { heard <- all.String() }()
		for _, d := range dialogue {
			b := make([]byte, len(d.client))
			n, err := io.ReadFull(c, b)
			all.Write(b[:n])
			if err != nil {
				return
			}
			io.WriteString(c, d.server)
		}
		c.(*net.TCPConn).CloseWrite()
		io.Copy(&all, c)
	}()
	return l.Addr().String(), heard
}

const hello = "EHLO c.example\r\n"

// TestTapPassesBytes says to what a client and a server say to each other that it
// passes as it is, and to the tap what it must take down of it.
func TestTapPassesBytes(t *testing.T) {
	opening := []exchanged{{"", "220 mx ESMTP\r\n"}, {hello, "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n"}}
	for _, c := range []struct {
		name     string
		dialogue []exchanged // after the greeting
		want     []string    // head|body|status of each
		gaps     []string
		refused  uint64
	}{
		{
			name: "one mail, step by step",
			dialogue: []exchanged{
				{"mail from:<a@x.example> SIZE=10\r\n", "250 2.1.0 ok\r\n"}, {"RCPT TO:<b@y.example> NOTIFY=NEVER\r\n", "250 ok\r\n"}, {"DATA\r\n", "354 go on\r\n"},
				{"..a\r\n..\r\nb\r\n.\r\n", "250-stored\r\n250 as 1\r\n"}, {"QUIT\r\n", "221 bye\r\n"},
			},
			want: []string{hello + "mail from:<a@x.example> SIZE=10\r\nRCPT TO:<b@y.example> NOTIFY=NEVER\r\n|.a\r\n.\r\nb\r\n|250"},
		},
		{
			name: "pipelined, two transactions, one recipient refused",
			dialogue: []exchanged{
				{"MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<no@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go on\r\n"},
				{"one\r\n.\r\nMAIL FROM:<c@x.example>\r\nRCPT TO:<d@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n354 go on\r\n"},
				{"two\r\n.\r\nQUIT\r\n", "250 ok\r\n221 bye\r\n"},
			},
			want: []string{
				hello + "MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<no@y.example>\r\n|one\r\n|250",
				hello + "MAIL FROM:<c@x.example>\r\nRCPT TO:<d@y.example>\r\n|two\r\n|250",
			},
		},
		{
			name: "in chunks",
			dialogue: []exchanged{
				{"MAIL FROM:<a@x.example> BODY=BINARYMIME\r\nRCPT TO:<b@y.example>\r\nBDAT 7\r\n.\r\nDATA", "250 ok\r\n250 ok\r\n250 7 bytes\r\n"},
				{"BDAT 0\r\nBDAT 4 LAST\r\n\r\n.\nMAIL FROM:<e@x.example>\r\n", "250 0 bytes\r\n250 stored\r\n250 ok\r\n"},
				{"RSET\r\nQUIT\r\n", "250 ok\r\n221 bye\r\n"},
			},
			want:    []string{hello + "MAIL FROM:<a@x.example> BODY=BINARYMIME\r\nRCPT TO:<b@y.example>\r\n|.\r\nDATA\r\n.\n|250"},
			refused: 1,
		},
		{
			name: "refused for good, put off, and refused before there was a message",
			dialogue: []exchanged{
				{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"spam\r\n.\r\n", "550 5.7.1 no\r\n"},
				{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"later\r\n.\r\n", "451 4.7.1 later\r\n"},
				{"MAIL FROM:<a@x.example>\r\nRCPT TO:<no@y.example>\r\nDATA\r\n", "250 ok\r\n550 no\r\n554 none\r\n"},
				{"MAIL FROM:<bad>\r\nRSET\r\nMAIL FROM:<no@x.example>\r\n", "250 ok\r\n250 ok\r\n550 no\r\n"},
				{"QUIT\r\n", "221 bye\r\n"},
			},
			want:    []string{hello + "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n|spam\r\n|550"},
			refused: 4,
		},
		{
			name: "credentials",
			dialogue: []exchanged{
				{"AUTH LOGIN\r\n", "334 VXNlcm5hbWU6\r\n"}, {"REFUQQ==\r\n", "334 UGFzc3dvcmQ6\r\n"}, {"DATA\r\n", "235 ok\r\n"}, {"AUTH PLAIN AHUAcA==\r\n", "503 again\r\n"},
				{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"x\r\n.\r\n", "250 ok\r\n"},
			},
			want: []string{hello + "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n|x\r\n|250"},
		},
		{
			name:     "data before it was asked for, and refused: then it is commands",
			dialogue: []exchanged{{"DATA\r\n", "503 MAIL first\r\n"}, {"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"x\n.\r\ny\r\n.\r\n", "250 ok\r\n"}},
			want:     []string{hello + "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n|x\n.\r\ny\r\n|250"},
		},
		{
			name:     "a client that leaves half way",
			dialogue: []exchanged{{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"half a mess", ""}},
			gaps:     []string{gate.GapBrokenMessage},
		},
		{
			name:     "a server that leaves without an answer",
			dialogue: []exchanged{{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {"x\r\n.\r\n", ""}},
			gaps:     []string{"not answered"},
		},
		{
			name:     "a server that leaves and says so",
			dialogue: []exchanged{{"NOOP\r\n", "250 ok\r\n421 4.4.2 idle\r\n"}},
		},
		{
			name:     "STARTTLS that passes unseen",
			dialogue: []exchanged{{"STARTTLS\r\n", "220 go\r\n"}, {"\x16\x03\x01\nMAIL FROM:<a@x.example>\r\n", "\x16\x03\x03\r\nx"}},
			gaps:     []string{"STARTTLS"},
		},
		{
			name:     "STARTTLS that is refused",
			dialogue: []exchanged{{"STARTTLS\r\n", "454 not now\r\n"}, {"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go on\r\n"}, {".\r\n", "250 ok\r\n"}},
			want:     []string{hello + "MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n||250"},
		},
		{
			name:     "no SMTP",
			dialogue: []exchanged{{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 Bad Request\r\n\r\n"}},
			gaps:     []string{"no reply of SMTP"},
		},
		{
			name:     "a mail that stands elsewhere",
			dialogue: []exchanged{{"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nBURL imap://x LAST\r\n", "250 ok\r\n250 ok\r\n250 ok\r\n"}},
			gaps:     []string{"BURL"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, pieces := range []int{1 << 20, 1} { // in runs, and byte by byte
				dialogue := append(opening[:2:2], c.dialogue...)
				address, heard := upstream(t, dialogue)
				r := newTap(t, channel.TapConfig{Upstream: address})
				conn := r.Dial()
				conn.SetNoDelay(true)
				said := ""
				for _, d := range dialogue {
					for i := 0; i < len(d.client); i += pieces {
						if _, err := io.WriteString(conn, d.client[i:min(i+pieces, len(d.client))]); err != nil {
							t.Fatal(err)
						}
					}
					said += d.client
					b := make([]byte, len(d.server))
					if n, err := io.ReadFull(conn, b); err != nil || string(b) != d.server {
						t.Fatalf("to %q the client hears %q, %v, want %q", d.client, b[:n], err, d.server)
					}
				}
				conn.Close()
				if diff := cmp.Diff(said, <-heard); diff != "" {
					t.Errorf("the server hears (-client +server):\n%s", diff)
				}
				until(t, "the connection is over", func() bool { return r.Tap.Stats().Open == 0 })
				stimuli, outcomes := r.Exchanges()
				var got []string
				for i, s := range stimuli {
					got = append(got, fmt.Sprintf("%s|%s|%d", s.Head, s.Body, s.Status))
					if s.Channel != smtp.Name || s.Door != "mail" || s.Key == "" || strings.Contains(s.Key, "@") || s.At == 0 || outcomes[i].Status != s.Status || outcomes[i].Elapsed <= 0 {
						t.Errorf("stimulus %+v, outcome %+v", s, outcomes[i])
					}
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("recorded (-want +got):\n%s", diff)
				}
				missed := r.Missed()
				if (missed == "") != (len(c.gaps) == 0) {
					t.Errorf("missed %q", missed)
				}
				for _, g := range c.gaps {
					if !strings.Contains(missed, g) {
						t.Errorf("missed %q, want %q", missed, g)
					}
				}
				if st := r.Tap.Stats(); st.Busy != 0 || st.Accepted != uint64(len(c.want)) || st.Refused != c.refused {
					t.Errorf("stats %+v, want %d refused", st, c.refused)
				}
			}
		})
	}
}

// TestTapBehind puts a tap between the driver and a sink: both take down the same.
func TestTapBehind(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	r := newTap(t, channel.TapConfig{Side: channel.Behind, Upstream: sink.Address(), MaxBody: 1 << 20})
	d, err := protocol.Drive(channel.DriveConfig{Door: "in", Address: r.Tap.Address(), Concurrency: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	bodies := [][]byte{[]byte("one line\r\n"), {}, []byte(".\r\n..\r\n\r\n.\r\n"), []byte("a\x00\xff\n\r.b\r\n"), bytes.Repeat([]byte("line\r\n..x\r\n"), 50_000)}
	for i, b := range bodies {
		o := d.Do(t.Context(), &gate.Stimulus{ID: fmt.Sprint(i), Head: fmt.Appendf(nil, "EHLO c\r\nMAIL FROM:<a%d@x.example>\r\nRCPT TO:<b@y.example>\r\n", i), Body: b})
		if o.Status != 250 {
			t.Fatalf("mail %d: %+v", i, o)
		}
	}
	kept, gaps := st.all()
	seen := r.Messages()
	if len(kept) != len(bodies) || len(seen) != len(bodies) || len(gaps) > 0 || r.Missed() != "" {
		t.Fatalf("%d arrived, %d taken down, gaps %v, missed %q", len(kept), len(seen), gaps, r.Missed())
	}
	for i := range kept {
		a, b := *kept[i], *seen[i]
		a.Seq, a.At, a.Peer, b.At, b.Peer = 0, 0, "", 0, ""
		if len(b.Body) == 0 && len(a.Body) == 0 {
			a.Body, b.Body = nil, nil
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("mail %d, taken down (-sink +tap):\n%s", i, diff)
		}
	}
}

// TestTapTellsFirst proves that a client hears of its mail's being taken only after
// it has been taken down.
func TestTapTellsFirst(t *testing.T) {
	dialogue := []exchanged{{"", "220 mx\r\n"}, {"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"}, {"x\r\n.\r\n", "250 ok\r\n"}}
	address, _ := upstream(t, dialogue)
	r := newTap(t, channel.TapConfig{Upstream: address})
	hold, told := make(chan struct{}), make(chan struct{})
	r.Before(func() { close(told); <-hold })
	conn := r.Dial()
	b := make([]byte, 1000)
	for _, d := range dialogue {
		io.WriteString(conn, d.client)
		if d.client == "x\r\n.\r\n" {
			<-told
			conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond)) // that nothing comes cannot be awaited
			if n, err := conn.Read(b); err == nil {
				t.Errorf("the client heard %q before its mail was taken down", b[:n])
			}
			conn.SetReadDeadline(time.Now().Add(time.Minute))
			close(hold)
		}
		if _, err := io.ReadFull(conn, b[:len(d.server)]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTapLimits(t *testing.T) {
	dialogue := []exchanged{{"", "220 mx\r\n"}, {"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n", "250 ok\r\n250 ok\r\n354 go\r\n"}, {"0123456789\r\n.\r\n", "250 ok\r\n"}}
	address, _ := upstream(t, dialogue)
	r := newTap(t, channel.TapConfig{Upstream: address, MaxBody: 4})
	conn := r.Dial()
	b := make([]byte, 1000)
	for _, d := range dialogue {
		io.WriteString(conn, d.client)
		if _, err := io.ReadFull(conn, b[:len(d.server)]); err != nil {
			t.Fatal(err)
		}
	}
	if stimuli, _ := r.Exchanges(); len(stimuli) != 1 || string(stimuli[0].Body) != "0123" || stimuli[0].Cut != 8 {
		t.Errorf("recorded %+v", stimuli)
	}
	if !strings.Contains(r.Missed(), gate.GapCutBody) {
		t.Errorf("missed %q", r.Missed())
	}
	address, _ = upstream(t, []exchanged{{"", "220 mx\r\n"}, {strings.Repeat("x", 100_000), ""}})
	r = newTap(t, channel.TapConfig{Upstream: address})
	conn = r.Dial()
	io.WriteString(conn, strings.Repeat("x", 100_000))
	io.ReadAll(conn)
	if !strings.Contains(r.Missed(), "longer than 65536") {
		t.Errorf("missed %q", r.Missed())
	}
}

// TestTapTLS ends the client's TLS and begins it anew, from the first byte and after
// STARTTLS, and tells the upstream who the client is where it is set to.
func TestTapTLS(t *testing.T) {
	authority, err := http.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := authority.Certificate("tap.example")
	if err != nil {
		t.Fatal(err)
	}
	serve := &tls.Config{Certificates: []tls.Certificate{*cert}}
	for _, c := range []struct{ name, sink, tap, scheme string }{
		{"STARTTLS", "", "", ""},
		{"from the first byte", "implicit_tls = true", "implicit_tls = true", "smtps://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			st := &store{}
			sink := open(t, st, func(cfg *channel.SinkConfig) { cfg.Settings = settings(c.sink) })
			r := newTap(t, channel.TapConfig{Side: channel.Behind, Upstream: c.scheme + sink.Address(), TLS: serve, Settings: settings(c.tap)})
			door := ""
			if c.scheme == "" {
				door = "starttls = true"
			}
			d, err := protocol.Drive(channel.DriveConfig{Door: "in", Address: c.scheme + r.Tap.Address(), Settings: settings(door)})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for i := range 3 {
				o := d.Do(t.Context(), &gate.Stimulus{ID: fmt.Sprint(i), Head: []byte("EHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"), Body: []byte("secret\r\n")})
				if o.Status != 250 {
					t.Fatalf("%+v; missed %q", o, r.Missed())
				}
			}
			kept, _ := st.all()
			seen := r.Messages()
			if len(kept) != 3 || len(seen) != 3 || r.Missed() != "" {
				t.Fatalf("%d arrived, %d taken down, missed %q", len(kept), len(seen), r.Missed())
			}
			for i, m := range seen {
				if m.TLS != kept[i].TLS || m.TLS == "" || string(m.Head) != string(kept[i].Head) || string(m.Body) != "secret\r\n" {
					t.Errorf("taken down %+v, arrived %+v", m, kept[i])
				}
			}
		})
	}
	t.Run("the upstream cannot be verified", func(t *testing.T) {
		sink := open(t, &store{})
		r := newTap(t, channel.TapConfig{Side: channel.Behind, Upstream: sink.Address(), TLS: serve, Settings: settings("verify = true")})
		d, err := protocol.Drive(channel.DriveConfig{Door: "in", Address: r.Tap.Address(), Settings: settings("starttls = true")})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if o := d.Do(t.Context(), &gate.Stimulus{Head: []byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\n")}); o.Error == "" {
			t.Errorf("outcome %+v", o)
		}
		if !strings.Contains(r.Missed(), gate.GapHandshake) {
			t.Errorf("missed %q", r.Missed())
		}
	})
	t.Run("who the client is", func(t *testing.T) {
		address, heard := upstream(t, nil)
		r := newTap(t, channel.TapConfig{Upstream: address, Settings: settings("proxy_protocol = true")})
		conn := r.Dial()
		io.ReadAll(conn)
		conn.Close()
		want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n", conn.LocalAddr().(*net.TCPAddr).Port, conn.RemoteAddr().(*net.TCPAddr).Port)
		if got := <-heard; got != want {
			t.Errorf("the upstream hears %q, want %q", got, want)
		}
	})
}

// TestTapUpstreamDown: the client is hung up on without a word, and nothing is recorded.
func TestTapUpstreamDown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	r := newTap(t, channel.TapConfig{Upstream: l.Addr().String()})
	if conn, err := net.Dial("tcp", r.Tap.Address()); err == nil { // else it was reset while it was opened
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(time.Minute))
		if b, err := io.ReadAll(conn); len(b) > 0 || err == nil {
			t.Errorf("the client was told %q, %v, want a reset", b, err)
		}
	}
	until(t, "it is counted", func() bool { return r.Tap.Stats().Refused == 1 && r.Tap.Stats().Open == 0 })
	if r.Missed() != "" {
		t.Errorf("missed %q", r.Missed())
	}
}

// TestTapCloses waits for a mail that is under way and hangs up on who is idle.
func TestTapCloses(t *testing.T) {
	st := &store{}
	sink := open(t, st)
	r := newTap(t, channel.TapConfig{Upstream: sink.Address()})
	idle, busy := r.Dial(), r.Dial()
	b := make([]byte, 1000)
	idle.Read(b)
	busy.Read(b)
	io.WriteString(busy, "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n")
	for got := ""; !strings.Contains(got, "354 "); {
		n, err := busy.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		got += string(b[:n])
	}
	closed := make(chan error, 1)
	go func() { closed <- r.Tap.Close(context.Background()) }()
	if rest, _ := io.ReadAll(idle); len(rest) > 0 {
		t.Errorf("the idle client heard %q", rest)
	}
	io.WriteString(busy, "x\r\n.\r\n")
	if rest, _ := io.ReadAll(busy); !strings.HasPrefix(string(rest), "250") {
		t.Errorf("the busy client heard %q", rest)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if stimuli, _ := r.Exchanges(); len(stimuli) != 1 {
		t.Errorf("recorded %d", len(stimuli))
	}
}

func TestTapRefusesSettings(t *testing.T) {
	for _, c := range []struct{ upstream, settings, says string }{
		{"", "", "needs an upstream"},
		{"mx", "", "host:port"},
		{"http://mx", "", "scheme"},
		{"mx:25", "implicit_tls = true", "certificate"},
		{"mx:25", `tls_key = "k"`, "come together"},
		{"mx:25", `roots = "/nonexistent/roots.pem"`, "roots.pem"},
		{"mx:25", `root = ""`, "root"},
	} {
		_, err := smtp.Protocol().Tap(channel.TapConfig{
			Name: "mail", Listen: "127.0.0.1:0", Upstream: c.upstream, Settings: settings(c.settings),
			Exchange: func(*gate.Stimulus, *gate.Outcome) {}, Missed: func(gate.Gap) {},
		})
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "smtp tap mail") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// FuzzTap says anything on both sides: every byte passes, and the tap stays up.
func FuzzTap(f *testing.F) {
	f.Add([]byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nDATA\r\n..x\r\n.\r\nQUIT\r\n"), []byte("220 mx\r\n250-mx\r\n250 x\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n"))
	f.Add([]byte("MAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\nBDAT 3 LAST\r\nabcBDAT -1\r\n"), []byte("220 mx\r\n250 ok\r\n250 ok\r\n250 ok\r\n"))
	f.Add([]byte("AUTH LOGIN\r\nx\r\ny\r\nSTARTTLS\r\n\x16"), []byte("220 mx\r\n334 \r\n334 \r\n235 ok\r\n220 go\r\n\x16"))
	f.Fuzz(func(t *testing.T, client, server []byte) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		heard := make(chan []byte, 1)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			c.Write(server)
			c.(*net.TCPConn).CloseWrite()
			b, _ := io.ReadAll(c)
			heard <- b
		}()
		r := newTap(t, channel.TapConfig{Upstream: l.Addr().String(), MaxBody: 64})
		conn := r.Dial()
		conn.Write(client)
		conn.CloseWrite()
		b, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(b, server) {
			t.Errorf("the client hears %q, %v, want %q", b, err, server)
		}
		if b := <-heard; !bytes.Equal(b, client) {
			t.Errorf("the server hears %q, want %q", b, client)
		}
		conn.Close()
		until(t, "the connection is over", func() bool { return r.Tap.Stats().Open == 0 })
	})
}
