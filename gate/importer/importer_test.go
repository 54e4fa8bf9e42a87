package importer_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

func message(t *testing.T, m *importer.Mail, mail string) (*gate.Message, []*gate.Gap) {
	t.Helper()
	if n, err := m.Write([]byte(mail)); n != len(mail) || err != nil {
		t.Fatal(n, err)
	}
	items := m.Items(7, int64(len(mail)))
	var gaps []*gate.Gap
	for _, item := range items[1:] {
		if item.Bytes != 0 || item.Record.Gap.Seq != 7 {
			t.Errorf("gap %+v", item)
		}
		gaps = append(gaps, item.Record.Gap)
	}
	return items[0].Record.Message, gaps
}

func TestEnvelope(t *testing.T) {
	for _, c := range []struct {
		name, header, sender string
		want                 []string // lines of the head
		events               []string
		gap                  string // in its detail
	}{
		{"first kind", "X-Original-To: o@x\nDelivered-To: d@x\nX-Envelope-To: e@x\n", "", []string{"RCPT TO:<d@x>"}, []string{"sender-unknown"}, ""},
		{"expanded from an alias", "X-Original-To: o@x\nDelivered-To: d@x\nReceived: by b\nDelivered-To: earlier@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<d@x>"}, nil, ""},
		{"in front of an earlier delivery", "X-Original-To: o@x\nReturn-Path: <f@x>\nDelivered-To: earlier@x\n", "", []string{"MAIL FROM:<f@x>", "RCPT TO:<o@x>"}, nil, ""},
		{"the other way round", "Delivered-To: d@x\nX-Original-To: o@x\nReceived: by b\nDelivered-To: earlier@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<d@x>"}, nil, ""},
		{"as Postfix archives", "X-Original-To: o@x\nSubject: x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<o@x>"}, nil, ""},
		{"as Exim delivers", "Return-path: <f@x>\nEnvelope-to: a@x, b@x\nDelivery-date: Mon, 01 Jan 2024 10:00:00 +0000\n", "", []string{"MAIL FROM:<f@x>", "RCPT TO:<a@x>", "RCPT TO:<b@x>"}, nil, ""},
		{"second kind", "X-Envelope-To: e@x\nDelivered-To: d@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<d@x>"}, nil, ""},
		{"third kind", "x-envelope-to: <e@x>\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<e@x>"}, nil, ""},
		{"all of one kind", "Delivered-To: b@x\nDelivered-To: a@x\nSubject: x\nDelivered-To: b@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<b@x>", "RCPT TO:<a@x>", "RCPT TO:<b@x>"}, nil, ""},
		{"list", "X-Envelope-To: a@x, <b@x>,\"c,d\"@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<a@x>", "RCPT TO:<b@x>", "RCPT TO:<\"c,d\"@x>"}, nil, ""},
		{"folded", "Delivered-To:\n\t<a@x>\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<a@x>"}, nil, ""},
		{"space before colon", "Delivered-To : a@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<a@x>"}, nil, ""},
		{"local", "Delivered-To: root\n", "yyyy", []string{"MAIL FROM:<yyyy>", "RCPT TO:<root>"}, nil, ""},
		{"bytes kept", "Delivered-To: J\u00d6RG+Tag@B\u00fccher.Example\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<J\u00d6RG+Tag@B\u00fccher.Example>"}, nil, ""},
		{"null sender", "Return-Path: <>\nDelivered-To: a@x\n", "s@x", []string{"MAIL FROM:<>", "RCPT TO:<a@x>"}, nil, ""},
		{"first return path", "Return-Path: <f@x>\nReturn-Path: <g@x>\nDelivered-To: a@x\n", "s@x", []string{"MAIL FROM:<f@x>", "RCPT TO:<a@x>"}, nil, ""},
		{"bad return path", "Return-Path: <a@[1] [x]>\nDelivered-To: a@x\n", "", []string{"RCPT TO:<a@x>"}, []string{"sender-unknown"}, ""},
		{"none", "To: a@x\nCc: b@x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "no address in"},
		{"in the body", "To: a@x\n\nDelivered-To: b@x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "no address in"},
		{"marks only", "Delivered-To: mailing list l@x\nX-Envelope-To: e@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<e@x>"}, []string{"loop-mark 1"}, ""},
		{"marks beside", "Delivered-To: moderator for l@x\nDelivered-To: e@x\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<e@x>"}, []string{"loop-mark 1"}, ""},
		{"unreadable is not passed over", "Delivered-To: <a@x\nX-Original-To: e@x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries of X-Original-To"},
		{"unreadable beside", "Delivered-To: a@x\nDelivered-To: <>\n", "s@x", []string{"MAIL FROM:<s@x>", "RCPT TO:<a@x>"}, nil, "1 entries of Delivered-To"},
		{"two domains", "Delivered-To: a@x@y\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
		{"second command", "Delivered-To: a@x>\r RCPT TO:<b@y\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
		{"parameter", "Delivered-To: <a@x> NOTIFY=NEVER\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
		{"nul", "Delivered-To: a\x00@x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
		{"no local part", "Delivered-To: @x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
		{"open quote", "Delivered-To: \"a@x\n", "s@x", []string{"MAIL FROM:<s@x>"}, nil, "1 entries"},
	} {
		msg, gaps := message(t, &importer.Mail{Sender: c.sender}, c.header+"\nbody\n")
		head := strings.Join(append(c.want, ""), "\r\n")
		if string(msg.Head) != head {
			t.Errorf("%s: head %q, want %q", c.name, msg.Head, head)
		}
		if !slices.Equal(msg.Events, c.events) {
			t.Errorf("%s: events %q, want %q", c.name, msg.Events, c.events)
		}
		if c.gap == "" && len(gaps) > 0 || c.gap != "" && (len(gaps) != 1 || gaps[0].Kind != gate.GapRecipientUnknown || !strings.Contains(gaps[0].Detail, c.gap)) {
			t.Errorf("%s: gaps %+v, want %q", c.name, gaps, c.gap)
		}
	}
}

// However a mail is cut into writes and wherever it is cut off, its lines end in CRLF
// and nothing else of it changes.
func TestWriteInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mail := []byte(rapid.StringOf(rapid.SampledFrom([]rune("\r\n\nab"))).Draw(t, "mail"))
		limit := rapid.Int64Range(1, 30).Draw(t, "limit")
		want := bytes.ReplaceAll(bytes.ReplaceAll(mail, []byte("\r\n"), []byte("\n")), []byte("\n"), []byte("\r\n"))
		m := importer.Mail{Options: importer.Options{MaxBody: limit}}
		for rest := mail; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			if _, err := m.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		msg := m.Items(1, 0)[0].Record.Message
		kept := want[:min(int64(len(want)), limit)]
		if !bytes.Equal(msg.Body, kept) || msg.Cut != int64(len(want)-len(kept)) {
			t.Fatalf("%q became %q and %d, want %q", mail, msg.Body, msg.Cut, kept)
		}
	})
}

// What stands in a header can never add a command or a line to the head.
func FuzzEnvelope(f *testing.F) {
	f.Add("Return-Path: <a@x>\nDelivered-To: b@x, \"c\\\" d\"@x\n\n", "s@x")
	f.Add("Delivered-To: mailing list l@x\nX-Original-To: <a@x>\r\n <b@x>\n", "")
	f.Fuzz(func(t *testing.T, mail, sender string) {
		m := importer.Mail{Sender: sender}
		if _, err := m.Write([]byte(mail)); err != nil {
			t.Fatal(err)
		}
		items := m.Items(1, int64(len(mail)))
		msg := items[0].Record.Message
		lines := strings.SplitAfter(string(msg.Head), "\n")
		for i, line := range lines[:len(lines)-1] {
			path, ok := strings.CutPrefix(line, "RCPT TO:<")
			if !ok && i == 0 {
				path, ok = strings.CutPrefix(line, "MAIL FROM:<")
			}
			path, closed := strings.CutSuffix(path, ">\r\n")
			if !ok || !closed || strings.ContainsAny(path, "\r\n\x00") {
				t.Errorf("line %q", line)
			}
		}
		if lines[len(lines)-1] != "" {
			t.Errorf("head %q", msg.Head)
		}
		if !bytes.Contains(msg.Head, []byte("RCPT TO:")) && len(items) == 1 {
			t.Error("no recipient and no gap")
		}
	})
}
