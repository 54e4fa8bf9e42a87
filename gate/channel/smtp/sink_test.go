package smtp_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

const envelope = "EHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\n"

// one is what a session leaves behind.
type one struct {
	body, events string
	replies      []int  // nil: all accepted
	head         string // "": envelope
}

func TestSessions(t *testing.T) {
	data := func(wire string) string { return envelope + "DATA\r\n" + wire + "QUIT\r\n" }
	const ok = "220 250 250 250 354 250 221"
	tests := []struct {
		name     string
		settings string
		wire     string
		codes    string
		messages []one
		refused  uint64
		gaps     string
	}{
		{name: "plain", wire: data("hello\r\n.\r\n"), codes: ok, messages: []one{{body: "hello\r\n"}}},
		{name: "empty message", wire: data(".\r\n"), codes: ok, messages: []one{{}}},
		{name: "stuffed dots", wire: data("..\r\n...a\r\nb..\r\n.\r\n"), codes: ok, messages: []one{{body: ".\r\n..a\r\nb..\r\n"}}},
		{name: "loose dot", wire: data(".a\r\n.\r.\r\n.\n.\r\n.\r\n"), codes: ok,
			messages: []one{{body: "a\r\n\r.\r\n\n.\r\n", events: "bare-lf 1,bare-cr 1,dot-unstuffed-loosely 3,ambiguous-end 2"}}},
		{name: "LF dot LF", wire: data("a\n.\nMAIL FROM:<evil@x.example>\r\n.\r\n"), codes: ok,
			messages: []one{{body: "a\n.\nMAIL FROM:<evil@x.example>\r\n", events: "bare-lf 2,ambiguous-end 1"}}},
		{name: "LF dot CRLF", wire: data("a\n.\r\nb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\n.\r\nb\r\n", events: "bare-lf 1,ambiguous-end 1"}}},
		{name: "CR dot CR", wire: data("a\r.\rb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\r.\rb\r\n", events: "bare-cr 2,ambiguous-end 1"}}},
		{name: "CR dot CRLF", wire: data("a\r.\r\nb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\r.\r\nb\r\n", events: "bare-cr 1,ambiguous-end 1"}}},
		{name: "CRLF dot LF", wire: data("a\r\n.\nb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\r\n\nb\r\n", events: "bare-lf 1,dot-unstuffed-loosely 1"}}},
		{name: "CRLF dot CR", wire: data("a\r\n.\rb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\r\n\rb\r\n", events: "bare-cr 1,dot-unstuffed-loosely 1"}}},
		{name: "CRLF dot CR CR LF", wire: data("a\r\n.\r\r\nb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\r\n\r\r\nb\r\n", events: "bare-cr 1,dot-unstuffed-loosely 1"}}},
		{name: "LF LF and CR CR", wire: data("a\n\n\r\rb\r\n.\r\n"), codes: ok, messages: []one{{body: "a\n\n\r\rb\r\n", events: "bare-lf 2,bare-cr 2"}}},
		{name: "NUL bytes", wire: data("a\x00b\x00\r\n\x00.\r\n.\r\n"), codes: ok, messages: []one{{body: "a\x00b\x00\r\n\x00.\r\n"}}},
		{name: "two messages on one connection", wire: envelope + "DATA\r\n1\r\n.\r\n" + strings.TrimPrefix(envelope, "EHLO c\r\n") + "DATA\r\n2\r\n.\r\nQUIT\r\n",
			codes: "220 250 250 250 354 250 250 250 354 250 221", messages: []one{{body: "1\r\n"}, {body: "2\r\n"}}},
		{name: "HELO and lower case", wire: "helo c\r\nmail from:<>\r\nrcpt to:<b@y.example>\r\ndata\r\n.\r\nquit\r\n", codes: ok,
			messages: []one{{head: "helo c\r\nmail from:<>\r\nrcpt to:<b@y.example>\r\n"}}},
		{name: "the same recipient twice", wire: envelope + "RCPT TO:<b@y.example>\r\nDATA\r\n.\r\nQUIT\r\n", codes: "220 250 250 250 250 354 250 221",
			messages: []one{{head: envelope + "RCPT TO:<b@y.example>\r\n"}}},
		{name: "MAIL before HELO", wire: "MAIL FROM:<a@x>\r\nRCPT TO:<postmaster>\r\nDATA\r\n.\r\nQUIT\r\n", codes: "220 250 250 354 250 221",
			messages: []one{{head: "MAIL FROM:<a@x>\r\nRCPT TO:<postmaster>\r\n", events: "mail-before-helo,recipient-without-domain"}}},
		{name: "loose syntax", wire: "EHLO\nMAIL FROM: a@x XFOO=1\r\nRCPT TO:<@r.example:b@y.example> NOTIFY=NEVER YBAR\r\nRCPT TO:<>\r\nRCPT TO:<a@b\r\nRCPT TO:<a@b>,<c@d>\nDATA\r\n.\r\nQUIT\r\n",
			codes: "220 250 250 250 250 250 250 354 250 221",
			messages: []one{{head: "EHLO\r\nMAIL FROM: a@x XFOO=1\r\nRCPT TO:<@r.example:b@y.example> NOTIFY=NEVER YBAR\r\nRCPT TO:<>\r\nRCPT TO:<a@b\r\nRCPT TO:<a@b>,<c@d>\r\n",
				events: "helo-without-name,space-before-path,missing-angle-brackets,unknown-parameter XFOO=1,source-route,unknown-parameter YBAR,unreadable-recipient,unreadable-path,bare-lf-command"}}},
		{name: "bare CR in a command stays", wire: "EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\rRCPT TO:<c@z>\r\nDATA\r\n.\r\nQUIT\r\n", codes: ok,
			messages: []one{{head: "EHLO c\r\nMAIL FROM:<a@x>\r\nRCPT TO:<b@y>\rRCPT TO:<c@z>\r\n", events: "unreadable-path,unreadable-recipient"}}},
		{name: "DSN parameters", wire: "EHLO c\r\nMAIL FROM:<a@x> RET=HDRS ENVID=q SIZE=10 BODY=8BITMIME SMTPUTF8 AUTH=<>\r\nRCPT TO:<b@y> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@y\r\nDATA\r\n.\r\nQUIT\r\n", codes: ok,
			messages: []one{{head: "EHLO c\r\nMAIL FROM:<a@x> RET=HDRS ENVID=q SIZE=10 BODY=8BITMIME SMTPUTF8 AUTH=<>\r\nRCPT TO:<b@y> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b@y\r\n"}}},
		{name: "chunks", wire: envelope + "BDAT 3\r\n\r\n.BDAT 5 LAST\r\n\r\n\n.\rQUIT\r\n", codes: "220 250 250 250 250 250 221",
			messages: []one{{body: "\r\n.\r\n\n.\r", events: "bare-lf 1,bare-cr 1,ambiguous-end 1"}}},
		{name: "a chunk of nothing", wire: envelope + "BDAT 0 LAST\r\nQUIT\r\n", codes: "220 250 250 250 250 221", messages: []one{{}}},
		{name: "refused chunks are not commands", wire: "EHLO c\r\nBDAT 13 LAST\r\nMAIL FROM:<\r\nQUIT\r\n", codes: "220 250 503 221", gaps: gate.GapHandshake},
		{name: "chunk of unknown length", wire: envelope + "BDAT x\r\nQUIT\r\n", codes: "220 250 250 250 501", gaps: gate.GapBrokenMessage},
		{name: "RSET takes the envelope back", wire: envelope + "RSET\r\nDATA\r\nQUIT\r\n", codes: "220 250 250 250 250 503 221"},
		{name: "RSET after a chunk", wire: envelope + "BDAT 1\r\nxRSET\r\nQUIT\r\n", codes: "220 250 250 250 250 250 221", gaps: gate.GapBrokenMessage},
		{name: "nested MAIL", wire: envelope + "MAIL FROM:<c@z>\r\nDATA\r\n.\r\nQUIT\r\n", codes: "220 250 250 250 503 354 250 221",
			messages: []one{{head: envelope + "MAIL FROM:<c@z>\r\n", replies: []int{250, 250, 250, 503}, events: "nested-mail"}}},
		{name: "DATA without RCPT", wire: "EHLO c\r\nMAIL FROM:<a@x>\r\nDATA\r\nQUIT\r\n", codes: "220 250 250 503 221"},
		{name: "MAIL that says nothing", wire: "EHLO c\r\nMAIL\r\nMAIL FROM:\r\nQUIT\r\n", codes: "220 250 501 501 221", gaps: gate.GapBrokenMessage + " " + gate.GapBrokenMessage},
		{name: "other commands", wire: "EHLO c\r\nNOOP x\r\nVRFY b\r\nHELP\r\nEXPN l\r\nQUIT\r\n", codes: "220 250 250 252 214 500 221", gaps: gate.GapHandshake},
		{name: "AUTH", wire: "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nAUTH LOGIN\r\nYQ==\r\nYg==\r\nAUTH PLAIN\r\nAGEAYg==\r\n" + strings.TrimPrefix(data(".\r\n"), "EHLO c\r\n"),
			codes: "220 250 235 334 334 235 334 235 250 250 354 250 221", messages: []one{{}}},
		{name: "AUTH by a challenge, and with tokens", wire: "EHLO c\r\nAUTH CRAM-MD5\r\nYSAxMjM0\r\nAUTH XOAUTH2 dXNlcj1hAWF1dGg9QmVhcmVyIHQBAQ==\r\nAUTH XOAUTH2\r\ndXNlcj1h\r\nAUTH OAUTHBEARER bixhPWEs\r\n" + strings.TrimPrefix(data(".\r\n"), "EHLO c\r\n"),
			codes: "220 250 334 235 235 334 235 235 250 250 354 250 221", messages: []one{{}}},
		{name: "AUTH CRAM-MD5 with an answer before the challenge", wire: "EHLO c\r\nAUTH CRAM-MD5 YSAxMjM0\r\nQUIT\r\n", codes: "220 250 501 221", gaps: gate.GapHandshake},
		{name: "AUTH by an unknown mechanism", wire: "EHLO c\r\nAUTH GSSAPI\r\nQUIT\r\n", codes: "220 250 504 221", gaps: gate.GapHandshake},
		{name: "LMTP", settings: "lmtp = true", wire: "LHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@z.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n",
			codes:    "220 250 250 250 250 354 250 250 221",
			messages: []one{{body: "x\r\n", head: "LHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@z.example>\r\n"}}},
		{name: "LMTP, one of two refused", settings: "lmtp = true\nrefuse = [\"550 c@z.example\"]", wire: "LHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@z.example>\r\nBDAT 3 LAST\r\nx\r\nQUIT\r\n",
			codes: "220 250 250 250 550 250 221",
			messages: []one{{body: "x\r\n", replies: []int{250, 250, 250, 550},
				head: "LHLO c\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<b@y.example>\r\nRCPT TO:<c@z.example>\r\n"}}},
		{name: "LMTP, greeted as SMTP", settings: "lmtp = true", wire: "EHLO c\r\nQUIT\r\n", codes: "220 500 221", gaps: gate.GapHandshake},
		{name: "SMTP, greeted as LMTP", wire: "LHLO c\r\nQUIT\r\n", codes: "220 500 221", gaps: gate.GapHandshake},
		{name: "AUTH not offered", settings: "auth = false", wire: "EHLO c\r\nAUTH PLAIN AGEAYg==\r\nQUIT\r\n", codes: "220 250 502 221", gaps: gate.GapHandshake},
		{name: "probe", wire: "", codes: "220"},
		{name: "greeting and goodbye", wire: "EHLO c\r\nQUIT\r\n", codes: "220 250 221"},
		{name: "greeting and gone", wire: "EHLO c\r\n", codes: "220 250", gaps: gate.GapHandshake},
		{name: "half a command", wire: "EHL", codes: "220", gaps: gate.GapHandshake},
		{name: "TLS at once", wire: "\x16\x03\x01\x00\x05hello", codes: "220", gaps: gate.GapHandshake},
		{name: "broken after MAIL", wire: "EHLO c\r\nMAIL FROM:<a@x>\r\n", codes: "220 250 250", gaps: gate.GapBrokenMessage},
		{name: "broken in data", wire: envelope + "DATA\r\nhello\r\n.", codes: "220 250 250 250 354", gaps: gate.GapBrokenMessage},
		{name: "broken in a chunk", wire: envelope + "BDAT 9 LAST\r\nhello", codes: "220 250 250 250", gaps: gate.GapBrokenMessage},
		{name: "gone after a message", wire: strings.TrimSuffix(data("x\r\n.\r\n"), "QUIT\r\n"), codes: "220 250 250 250 354 250", messages: []one{{body: "x\r\n"}}},
		{name: "some refused", settings: `refuse = ["550 5.1.1 c@z.example", "451 *@Q.example", "452 root@*"]`,
			wire:  envelope + "RCPT TO:<c@Z.example>\r\nRCPT TO:<C@z.example>\r\nRCPT TO:<x@q.example>\r\nRCPT TO:<root@w.example>\r\nDATA\r\n.\r\nQUIT\r\n",
			codes: "220 250 250 250 550 250 451 452 354 250 221",
			messages: []one{{head: envelope + "RCPT TO:<c@Z.example>\r\nRCPT TO:<C@z.example>\r\nRCPT TO:<x@q.example>\r\nRCPT TO:<root@w.example>\r\n",
				replies: []int{250, 250, 250, 550, 250, 451, 452}}}},
		{name: "all refused", settings: `refuse = ["550 *"]`, wire: envelope + "RCPT TO:<>\r\nDATA\r\nQUIT\r\n", codes: "220 250 250 550 550 554 221", refused: 1},
		{name: "refused and gone", settings: `refuse = ["550 c@z"]`, wire: envelope + "RCPT TO:<c@z>\r\n", codes: "220 250 250 250 550", refused: 1},
		{name: "refused one, then broken in data", settings: `refuse = ["550 c@z"]`, wire: envelope + "RCPT TO:<c@z>\r\nDATA\r\nx", codes: "220 250 250 250 550 354", gaps: gate.GapBrokenMessage},
		{name: "long command line", wire: "EHLO c\r\nNOOP " + strings.Repeat("x", 1<<17) + "\r\n" + strings.TrimPrefix(data(".\r\n"), "EHLO c\r\n"),
			codes: "220 250 500 250 250 354 250 221", messages: []one{{}}, gaps: gate.GapBrokenMessage},
		{name: "too many mistakes", wire: strings.Repeat("X\r\n", 200), codes: "220" + strings.Repeat(" 500", 100) + " 421", gaps: gate.GapHandshake},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := &store{}
			sink := open(t, st, func(c *channel.SinkConfig) { c.Settings = settings(tt.settings) })
			if got := session(t, sink, tt.wire); got != tt.codes {
				t.Errorf("replies %s, want %s", got, tt.codes)
			}
			until(t, "the connection is over", func() bool { return sink.Stats().Open == 0 })
			messages, gaps := st.all()
			if got := kinds(gaps); got != tt.gaps {
				t.Errorf("gaps %q, want %q: %+v", got, tt.gaps, gaps)
			}
			stats := sink.Stats()
			if stats.Accepted != uint64(len(tt.messages)) || stats.Refused != tt.refused || stats.Busy != 0 || stats.LastAt == 0 {
				t.Errorf("stats %+v, want %d accepted and %d refused", stats, len(tt.messages), tt.refused)
			}
			if len(messages) != len(tt.messages) {
				t.Fatalf("%d messages, want %d", len(messages), len(tt.messages))
			}
			for i, want := range tt.messages {
				compare(t, messages[i], want)
			}
		})
	}
}

func compare(t *testing.T, m *gate.Message, want one) {
	t.Helper()
	if want.head == "" {
		want.head = envelope
	}
	if string(m.Head) != want.head {
		t.Errorf("head %q, want %q", m.Head, want.head)
	}
	if string(m.Body) != want.body {
		t.Errorf("body %q, want %q", m.Body, want.body)
	}
	// A whole session is sent at once here, so that the message follows DATA before 354.
	var events []string
	for _, e := range m.Events {
		if e != "data-before-354" {
			events = append(events, e)
		}
	}
	if got := strings.Join(events, ","); got != want.events {
		t.Errorf("events %s, want %s", got, want.events)
	}
	if n := strings.Count(want.head, "\n"); len(m.Replies) != n {
		t.Errorf("%d replies to %d lines", len(m.Replies), n)
	}
	for i, code := range m.Replies {
		expected := 250
		if want.replies != nil {
			expected = want.replies[i]
		}
		if code != expected {
			t.Errorf("reply %d is %d, want %d", i, code, expected)
		}
	}
	if m.Channel != "smtp" || m.Sink != "mail" || m.TLS != "" || m.Peer == "" || m.At == 0 || m.Cut != 0 {
		t.Errorf("message %+v", m)
	}
}
