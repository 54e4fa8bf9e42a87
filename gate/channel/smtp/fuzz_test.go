package smtp_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate/channel"
)

// FuzzSink plays sessions. Whatever a client says, the sink must come to an end,
// keep nothing that was not sent, count what it kept, and not be quiet about what
// it did not.
func FuzzSink(f *testing.F) {
	f.Add([]byte(envelope + "DATA\r\n..a\r\n.\r\nQUIT\r\n"))
	f.Add([]byte(envelope + "DATA\r\na\n.\r\nMAIL FROM:<e@x>\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<b>\r\nBDAT 2 LAST\r\nab"))
	f.Add([]byte(envelope + "BDAT 5\r\n\r\n.\r\nBDAT 99 LAST\r\n"))
	f.Add([]byte("EHLO c\r\nAUTH LOGIN\r\n*\r\nSTARTTLS\r\n\x16\x03\x01\x00\x01\x01"))
	f.Add([]byte("MAIL FROM: a b c\nRCPT TO:\"\nDATA\n.\r\n"))
	st := &store{}
	sink := open(f, st)
	f.Fuzz(func(t *testing.T, wire []byte) {
		before, gapsBefore := st.all()
		accepted := sink.Stats().Accepted
		conn, err := net.Dial("tcp", sink.Address())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write(wire)
		conn.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil && strings.Contains(err.Error(), "timeout") {
			t.Fatal("the sink does not come to an end")
		}
		until(t, "the connection is over", func() bool { return sink.Stats().Open == 0 })
		after, gapsAfter := st.all()
		kept := after[len(before):]
		if n := sink.Stats().Accepted - accepted; n != uint64(len(kept)) || sink.Stats().Busy != 0 {
			t.Fatalf("%d messages accepted, %d kept, %d busy", n, len(kept), sink.Stats().Busy)
		}
		for _, m := range kept {
			if len(m.Replies) != bytes.Count(m.Head, []byte("\n")) {
				t.Fatalf("%d replies to head %q", len(m.Replies), m.Head)
			}
			for line := range bytes.Lines(m.Head) {
				if !bytes.Contains(wire, bytes.TrimSuffix(line, []byte("\r\n"))) {
					t.Fatalf("head line %q was never sent", line)
				}
			}
			if !bytes.Contains(bytes.ToUpper(wire), []byte("BDAT")) && !strings.Contains(fmt.Sprint(m.Events), "loosely") {
				stuffed := bytes.ReplaceAll(append([]byte("\r\n"), m.Body...), []byte("\r\n."), []byte("\r\n.."))[2:]
				if !bytes.Contains(wire, append(stuffed, ".\r\n"...)) {
					t.Fatalf("body %q was never sent", m.Body)
				}
			}
			mustDecode(t, m)
		}
		begun := bytes.HasPrefix(wire, []byte("MAIL FROM:<"))
		if begun && len(kept) == 0 && len(gapsAfter) == len(gapsBefore) && !bytes.Contains(bytes.ToUpper(wire), []byte("QUIT")) &&
			!bytes.Contains(bytes.ToUpper(wire), []byte("RSET")) && !bytes.Contains(bytes.ToUpper(wire), []byte("HELO")) && !bytes.Contains(bytes.ToUpper(wire), []byte("EHLO")) {
			t.Fatal("a transaction went unseen")
		}
	})
}

// FuzzDriver has a build answer anything at all. There must be an outcome, and it
// must be an answer or say why there is none.
func FuzzDriver(f *testing.F) {
	f.Add([]byte("220 s\r\n250-s\r\n250 PIPELINING\r\n250 a\r\n250 b\r\n354 go\r\n250 done\r\n"), []byte("x\n.\r\n"))
	f.Add([]byte("220 s\n250 s\n250 a\n550 b\n250 reset\n"), []byte{})
	f.Add([]byte("220 s\r\n250 s\r\n250 a\r\n250 b\r\n354 go\r\n250 1\r\n250 2\r\n"), []byte("."))
	f.Add([]byte("22"), []byte{})
	answers := make(chan []byte, 1)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			conn.Write(<-answers)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	f.Fuzz(func(t *testing.T, said, body []byte) {
		answers <- said
		d := drive(t, channel.DriveConfig{Address: ln.Addr().String()})
		out := d.Do(t.Context(), stimulus(envelope, string(body)))
		if out.Stimulus != "s1" || (out.Error == "") != (out.Status >= 200 && out.Status < 600) {
			t.Fatalf("%+v", out)
		}
		if out.Error == "" && out.Status < 300 && !bytes.Contains(said, []byte("354")) {
			t.Fatalf("the message was never asked for: %+v", out)
		}
		d.Close()
	})
}
