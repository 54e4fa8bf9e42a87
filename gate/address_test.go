package gate_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

func TestMailRecipient(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, c := range []struct{ in, want string }{ // want "" is refused
		{"alice@example.org", "alice@example.org"},
		{"Alice.B+tag@Example.ORG", "Alice.B+tag@example.org"},
		{"alice@example.org.", "alice@example.org"},
		{"alice@BÜCHER.example", "alice@xn--bcher-kva.example"},
		{"alice@bu\u0308cher.example", "alice@xn--bcher-kva.example"},
		{"alice@XN--BCHER-KVA.example", "alice@xn--bcher-kva.example"},
		{"alice@straße.example", "alice@xn--strae-oqa.example"},
		{"alice@gıthub.example", "alice@xn--gthub-n4a.example"},
		{"alice@example。org", "alice@example.org"},
		{"alice@_dmarc.Example.org", "alice@_dmarc.example.org"},
		{"alice@xn--.example", "alice@xn--.example"},
		{`"alice"@example.org`, "alice@example.org"},
		{`"al\ice"@example.org`, "alice@example.org"},
		{`"a b"@example.org`, `"a b"@example.org`},
		{`"a\ b"@example.org`, `"a b"@example.org`},
		{`"a@b"@example.org`, `"a@b"@example.org`},
		{`"a\"b\\c"@example.org`, `"a\"b\\c"@example.org`},
		{`""@example.org`, `""@example.org`},
		{`"a..b"@example.org`, `"a..b"@example.org`},
		{`a..b@example.org`, `a..b@example.org`},
		{`.a.@example.org`, `.a.@example.org`},
		{"ſ@example.org", "ſ@example.org"},
		{"ﬀ@example.org", "ﬀ@example.org"},
		{"e\u0301@example.org", "e\u0301@example.org"},
		{"@relay.example,@b.example:alice@example.org", "alice@example.org"},
		{"alice@[192.0.2.1]", "alice@[192.0.2.1]"},
		{"alice@[IPv6:2001:DB8::1]", "alice@[ipv6:2001:db8::1]"},
		{"Postmaster", "postmaster"},
		{"Postmaster@example.org", "Postmaster@example.org"},
		{"a%b!c@example.org", "a%b!c@example.org"},
		{long + "@" + long + "." + long + "." + long, long + "@" + long + "." + long + "." + long},

		{"", ""},
		{"alice", ""},
		{"alice@", ""},
		{"@example.org", ""},
		{"@a:@b", ""},
		{"<alice@example.org>", ""},
		{"alice@a@example.org", ""},
		{"a b@example.org", ""},
		{`"a@example.org`, ""},
		{`"a\"`, ""},
		{`"a"b@example.org`, ""},
		{`a"b"@example.org`, ""},
		{"alice@example.org\r\nRCPT TO:<eve@example.net>", ""},
		{"alice\x00@example.org", ""},
		{"\"a\tb\"@example.org", ""},
		{"al\xffice@example.org", ""},
		{"alice@exa mple.org", ""},
		{"alice@example..org", ""},
		{"alice@.", ""},
		{"alice@[]", ""},
		{"alice@[192.0.2.1", ""},
		{"alice@[a]b]", ""},
		{"alice@example.org>", ""},
		{strings.Repeat("x", gate.MaxAddress) + "@example.org", ""},
	} {
		r, err := gate.MailRecipient(c.in, gate.Envelope)
		check(t, c.in, r, err, gate.Recipient{Kind: gate.Mail, Address: c.want, Role: gate.Envelope})
	}
}

// Twins that systems merge by mistake (faults M29 to M33) stay apart.
func TestMailTwins(t *testing.T) {
	for _, twins := range [][]string{
		{"alice@example.org", "Alice@example.org", "ALICE@example.org"},
		{"a+x@example.org", "a@example.org", `"a x"@example.org`, "a%2Bx@example.org"},
		{"a.b@example.org", "ab@example.org", "a..b@example.org"},
		{"mike@example.org", "mıke@example.org", "miKe@example.org", "mi\u212ae@example.org"},
		{"e\u0301@example.org", "\u00e9@example.org", "e@example.org"},
		{"ﬀ@example.org", "ff@example.org"},
		{"a@strasse.example", "a@straße.example"},
		{"a@gıthub.example", "a@github.example"},
		{`"a@b.example"@c.example`, "a@b.example", "a@c.example"},
		{strings.Repeat("a", 64) + "@example.org", strings.Repeat("a", 63) + "@example.org"},
		{"a@example.org", "a@example.com", "a@example.com.au"},
	} {
		seen := map[string]string{}
		for _, in := range twins {
			r, err := gate.MailRecipient(in, gate.To)
			if err != nil {
				t.Errorf("%q: %v", in, err)
			}
			if other, ok := seen[r.Address]; ok {
				t.Errorf("%q and %q merged into %q", other, in, r.Address)
			}
			seen[r.Address] = in
		}
	}
}

func TestHostRecipient(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"Collect.Example.NET", "collect.example.net"},
		{"collect.example.net.", "collect.example.net"},
		{"collect.example.net:443", "collect.example.net"},
		{"collect.example.net.:80", "collect.example.net"},
		{"collect.example.net:", "collect.example.net"},
		{"collect.example.net:08443", "collect.example.net:8443"},
		{"bücher.example:8080", "xn--bcher-kva.example:8080"},
		{"my_service:9000", "my_service:9000"},
		{"127.0.0.1:2525", "127.0.0.1:2525"},
		{"[2001:DB8:0::1]:443", "[2001:db8::1]"},
		{"[::1]:8080", "[::1]:8080"},
		{"2001:db8::1", "[2001:db8::1]"},
		{"", ""},
		{".", ""},
		{":80", ""},
		{"a:b", ""},
		{"a:+80", ""},
		{"a:0", ""},
		{"a:65536", ""},
		{"[::1", ""},
		{"[::1]x", ""},
		{"[a]", ""},
		{"user@host", ""},
		{"host/path", ""},
		{"a\r\nb", ""},
	} {
		r, err := gate.HostRecipient(c.in)
		check(t, c.in, r, err, gate.Recipient{Kind: gate.Host, Address: c.want, Role: gate.Party})
	}
}

func TestTelRecipient(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"+15105550100", "+15105550100"},
		{"+1 (510) 555-0100", "+15105550100"},
		{"00442079460000", "+442079460000"},
		{"(510) 555.0100", "5105550100"},
		{"020 7946 0000", "02079460000"},
		{"12345", "12345"},
		{"+", ""},
		{"", ""},
		{"++1", ""},
		{"1+1", ""},
		{"555-CALL", ""},
		{"+1234567890123456", ""},
		{"١٢٣", ""},
	} {
		r, err := gate.TelRecipient(c.in)
		check(t, c.in, r, err, gate.Recipient{Kind: gate.Tel, Address: c.want, Role: gate.Envelope})
	}
}

func check(t *testing.T, in string, r gate.Recipient, err error, want gate.Recipient) {
	t.Helper()
	if want.Address == "" {
		var bad *gate.AddressError
		if !errors.As(err, &bad) || bad.Reason == "" || r != (gate.Recipient{}) {
			t.Errorf("%q: got %v and %v, want an AddressError", in, r, err)
		}
		return
	}
	if err != nil || r != want {
		t.Errorf("%q: got %v and %v, want %v", in, r, err, want)
	}
}

func TestParseRecipient(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"mail:Alice@Example.org", "mail:Alice@example.org"},
		{"mail:alice@example.org as reply-to", "mail:alice@example.org as reply-to"},
		{`mail:"x as to"@example.org as cc`, `mail:"x as to"@example.org as cc`},
		{"host:Collect.example.net:443", "host:collect.example.net"},
		{"host:collect.example.net as party", "host:collect.example.net as party"},
		{"tel:+1 510 555 0100", "tel:+15105550100"},
		{"id:channel #general", "id:channel #general"},
	} {
		r, err := gate.ParseRecipient(c.in)
		if err != nil || r.String() != c.want {
			t.Errorf("%q: got %v and %v, want %s", c.in, r, err, c.want)
		}
	}
	for _, in := range []string{"", "alice@example.org", "mail:", "fax:1", "id:", "id:a\nb", "mail:alice", "host:a b", "tel:x"} {
		if r, err := gate.ParseRecipient(in); err == nil {
			t.Errorf("%q: got %v, want an error", in, r)
		}
	}
}

// What is canonical stays as it is, and comes back from its string.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{`mail:"a\"b"@Example.org`, "mail:@a:b@bücher.example", "host:[::1]:80", "tel:0044 20", "id:x as to", "mail:a@[IPv6:::1]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := gate.ParseRecipient(s)
		if err != nil {
			return
		}
		if len(r.Address) > gate.MaxAddress || strings.ContainsAny(r.Address, "\r\n\x00") {
			t.Errorf("%q: unbounded or unclean %q", s, r.Address)
		}
		if r.Kind == gate.Other && strings.Contains(r.Address, " as ") {
			return // an identity of a provider's own may read like a role
		}
		again, err := gate.ParseRecipient(r.String())
		if err != nil || again != r {
			t.Errorf("%q: %v became %v and %v", s, r, again, err)
		}
	})
}
