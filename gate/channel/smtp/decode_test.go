package smtp_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
)

var protocol = smtp.Protocol()

func mustDecode(t testing.TB, m *gate.Message) []gate.Decoded {
	t.Helper()
	decode, err := protocol.Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := decode(m)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// summary is a decoded message in lines: recipients, then fields, masks and gaps.
func summary(decoded []gate.Decoded) []string {
	var lines []string
	for i, d := range decoded {
		for _, r := range d.Recipients {
			lines = append(lines, fmt.Sprintf("%d %s", i, r))
		}
		for _, f := range d.Fields {
			if f.Name != "transport/tls" && f.Name != "transport/sink" {
				lines = append(lines, fmt.Sprintf("%d %s (%s) %s", i, f.Name, f.Kind, f.Value))
			}
		}
		for _, m := range d.Masks {
			lines = append(lines, fmt.Sprintf("%d masked %s %s %d", i, m.Rule, m.Part, m.Count))
		}
		for _, g := range d.Gaps {
			lines = append(lines, fmt.Sprintf("%d gap %s", i, g.Kind))
		}
	}
	return lines
}

func TestDecode(t *testing.T) {
	tests := []struct {
		name    string
		head    string
		replies []int
		want    []string
	}{
		{"one recipient", "EHLO c\r\nMAIL FROM:<A@X.Example> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<b@y.example>\r\n", nil, []string{
			"0 mail:b@y.example as envelope", "0 envelope/from (addresses) A@x.example",
			"0 masked helo-name envelope/helo 1", "0 masked transport-encoding envelope/body 1", "0 masked transport-encoding envelope/size 1"}},
		{"how it is carried", "MAIL FROM:<a@x> smtputf8\r\nRCPT TO:<b@bücher.example>\r\n", nil, []string{
			"0 mail:b@xn--bcher-kva.example as envelope", "0 envelope/from (addresses) a@x", "0 masked transport-encoding envelope/smtputf8 1"}},
		{"a parameter that takes no value", "MAIL FROM:<a@x> SMTPUTF8=c@z\r\nRCPT TO:<b@y>\r\n", nil, []string{
			"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 envelope/smtputf8 (value) c@z"}},
		{"null sender, LF line ends, repeated recipient", "MAIL FROM:<>\nRCPT TO:<b@y>\nRCPT TO:<b@y>\n", nil, []string{
			"0 mail:b@y as envelope", "0 mail:b@y as envelope", "0 envelope/from (addresses) <>"}},
		{"refused recipients", "MAIL FROM:<a@x>\r\nRCPT TO:<c@z>\r\nRCPT TO:<b@y>\r\nRCPT TO:<a@z>\r\n", []int{250, 550, 250, 451}, []string{
			"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 envelope/refused (addresses) a@z\nc@z"}},
		{"DSN per recipient", "MAIL FROM:<a@x> RET=FULL ENVID=q\r\nRCPT TO:<b@y> NOTIFY=NEVER\r\nRCPT TO:<c@y>\r\nRCPT TO:<d@y> notify=NEVER\r\n", nil, []string{
			"0 mail:b@y as envelope", "0 mail:d@y as envelope", "0 envelope/from (addresses) a@x", "0 envelope/envid (value) q", "0 envelope/ret (value) FULL", "0 envelope/notify (value) NEVER",
			"1 mail:c@y as envelope", "1 envelope/from (addresses) a@x", "1 envelope/envid (value) q", "1 envelope/ret (value) FULL"}},
		{"ORCPT of oneself and of another", "MAIL FROM:<a@x>\r\nRCPT TO:<b+1@y> ORCPT=rfc822;b+2B1@Y\r\nRCPT TO:<c@y> ORCPT=rfc822;alias@y\r\n", nil, []string{
			"0 mail:b+1@y as envelope", "0 envelope/from (addresses) a@x", "0 masked orcpt-of-itself envelope/orcpt 1",
			"1 mail:c@y as envelope", "1 envelope/from (addresses) a@x", "1 envelope/orcpt (value) rfc822;alias@y"}},
		{"source routes and unknown parameters", "MAIL FROM:<@r1,@r2:a@x> xfoo=1 FROM=z\r\nRCPT TO:<@[IPv6:::1],@r:b@y> <c@z>\r\n", nil, []string{
			"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 envelope/from-route (addresses) host:r1\nhost:r2", "0 envelope/parameter (value) FROM=z", "0 envelope/parameter (value) XFOO=1",
			"0 envelope/route (addresses) [IPv6:::1]\nhost:r", "0 envelope/parameter (value) <c@z>"}},
		{"odd mailboxes", "MAIL FROM:<a@x>\r\nRCPT TO:<\"b > c\"@y>\r\nRCPT TO:<\"b\"@y>\r\nRCPT TO:<b@[192.0.2.1]>\r\nRCPT TO:<jös@münchen.example>\r\nRCPT TO: postmaster\r\nRCPT TO:<" + strings.Repeat("l", 64) + "@" + strings.Repeat("d", 63) + "." + strings.Repeat("e", 63) + "." + strings.Repeat("f", 61) + ">\r\n", nil, []string{
			`0 mail:"b > c"@y as envelope`, "0 mail:b@y as envelope", "0 mail:b@[192.0.2.1] as envelope", "0 mail:jös@xn--mnchen-3ya.example as envelope", "0 mail:postmaster as envelope",
			"0 mail:" + strings.Repeat("l", 64) + "@" + strings.Repeat("d", 63) + "." + strings.Repeat("e", 63) + "." + strings.Repeat("f", 61) + " as envelope",
			"0 envelope/from (addresses) a@x"}},
		{"unreadable recipients stay", "MAIL FROM:<a@x>\r\nRCPT TO:<>\r\nRCPT TO:<b@y\r\nRCPT TO:<b@y>,<c@z>\r\nRCPT TO:<b@y>\rRCPT TO:<c@z>\r\nRCPT TO:b@y,c@z\r\nRCPT TO:<b\xff@y>\r\nRCPT TO:<b\\xff@y>\r\nRCPT b@y\r\n", nil, []string{
			"0 id:<> as envelope", "0 id:<b@y as envelope", "0 id:<b@y>,<c@z> as envelope", `0 id:<b@y>\x0dRCPT TO:<c@z> as envelope`, "0 id:b@y,c@z as envelope",
			`0 id:<b\xff@y> as envelope`, `0 id:<b\\xff@y> as envelope`, "0 id:RCPT b@y as envelope", "0 envelope/from (addresses) a@x"}},
		{"no envelope at all", "", nil, []string{"0 gap recipient-unknown"}},
		{"a sender alone", "MAIL FROM:<a@x>\r\n", nil, []string{"0 envelope/from (addresses) a@x", "0 gap recipient-unknown"}},
		{"recipients alone", "RCPT TO:<b@y>\r\n", nil, []string{"0 mail:b@y as envelope", "0 gap not-decoded"}},
		{"a second sender", "MAIL FROM:<a@x>\r\nMAIL FROM:<c@x>\r\nRCPT TO:<b@y>\r\n", nil, []string{"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 gap not-decoded"}},
		{"a nested MAIL that was refused", "MAIL FROM:<a@x>\r\nMAIL FROM:<c@x>\r\nRCPT TO:<b@y>\r\n", []int{250, 503, 250}, []string{"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x"}},
		{"strange lines", "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\nX-Spam: 1\r\n", nil, []string{"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 gap not-decoded"}},
		{"replies that do not fit", "MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n", []int{250}, []string{"0 mail:b@y as envelope", "0 envelope/from (addresses) a@x", "0 gap not-decoded"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &gate.Message{Channel: "smtp", Sink: "mail", Head: []byte(tt.head), Replies: tt.replies, Body: []byte("x")}
			decoded := mustDecode(t, m)
			if d := cmp.Diff(tt.want, summary(decoded)); d != "" {
				t.Error(d)
			}
			for _, d := range decoded {
				if len(d.Payloads) != 1 || d.Payloads[0].Type != "message/rfc822" || d.Payloads[0].Name != "" || string(d.Payloads[0].Bytes) != "x" {
					t.Errorf("payloads %+v", d.Payloads)
				}
			}
		})
	}
}

func TestDecodeTransport(t *testing.T) {
	head := []byte("MAIL FROM:<a@x>\r\nRCPT TO:<b@y>\r\n")
	for version, want := range map[string]string{"": "plaintext", "TLS 1.3": "tls", "TLS 1.2": "tls", "TLS 1.1": "TLS 1.1", "SSLv3": "SSLv3"} {
		fields := mustDecode(t, &gate.Message{Sink: "mail", TLS: version, Head: head})[0].Fields
		got := fields[len(fields)-2:]
		if d := cmp.Diff([]gate.Part{{Name: "transport/tls", Kind: gate.Transport, Value: want}, {Name: "transport/sink", Kind: gate.Transport, Value: "mail"}}, got); d != "" {
			t.Error(d)
		}
	}
	d := mustDecode(t, &gate.Message{Head: head, Cut: 7, Seq: 3, Body: []byte("a\n.\r\nb\r.\n\r\n.\r\n")})[0]
	if len(d.Gaps) != 1 || d.Gaps[0].Kind != gate.GapCutBody || d.Gaps[0].Seq != 3 {
		t.Errorf("gaps %+v", d.Gaps)
	}
	if f := d.Fields[1]; f.Name != "envelope/ambiguous-end" || f.Value != "2" {
		t.Errorf("field %+v", f)
	}
}

func TestDecodeRefusesOtherHeads(t *testing.T) {
	decode, err := protocol.Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	if d, err := decode(&gate.Message{Head: []byte("GET / HTTP/1.1\r\nHost: x\r\n")}); err == nil {
		t.Errorf("decoded to %+v", d)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(envelope), []byte("x"), 250)
	f.Add([]byte("MAIL FROM:<> X=\xff\r\nRCPT TO:<@a:\"\\\"@b>\r\nRCPT TO:<\n"), []byte("\n.\n"), 550)
	f.Add([]byte("RCPT TO:<b@y> ORCPT=rfc822;+\r\n\r\nRCPT TO:x"), []byte{}, 0)
	f.Fuzz(func(t *testing.T, head, body []byte, code int) {
		decode, err := protocol.Decode(nil)
		if err != nil {
			t.Fatal(err)
		}
		m := &gate.Message{Head: head, Body: body}
		if code != 0 {
			for range strings.Count(string(head), "\n") + 1 {
				m.Replies = append(m.Replies, code)
			}
		}
		first, err := decode(m)
		second, again := decode(m)
		if (err == nil) != (again == nil) || !reflect.DeepEqual(first, second) {
			t.Fatal("two answers to one message")
		}
		if err != nil {
			return
		}
		recipients, gaps := 0, 0
		for _, d := range first {
			recipients += len(d.Recipients)
			gaps += len(d.Gaps)
			for _, r := range d.Recipients {
				if p, err := gate.ParseRecipient(r.String()); err != nil || p.Address == "" {
					t.Fatalf("recipient %q is none: %v", r, err)
				}
			}
			for _, p := range d.Fields {
				if !utf8.ValidString(p.Value) {
					t.Fatalf("part %s is not UTF-8: %q", p.Name, p.Value)
				}
			}
		}
		if recipients == 0 && gaps == 0 && (code == 0 || code/100 == 2) {
			t.Fatal("nobody was addressed, and no gap says so")
		}
	})
}
