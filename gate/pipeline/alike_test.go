package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A place is one part in which all messages of a class have a constant.
type place struct {
	name string
	kind gate.PartKind
	web  bool // in requests to one party, not in mails
}

// constantRuns is one run of messages to distinct people, each with something of its own and
// a constant in one place.
func constantRun(p place, value string) []gate.Canonical {
	var out []gate.Canonical
	for i, name := range people {
		m := mail(name+"@example.net", "your appointment", fmt.Sprintf("Dear %s, come in.", name))
		if p.name == "text" || p.name == "header/subject" {
			for j := range m.Parts {
				if m.Parts[j].Name == p.name {
					m.Parts[j].Value += " " + value
				}
			}
			out = append(out, m)
			continue
		}
		if p.web {
			m.Channel, m.Sink, m.Class = "http", "web", "POST /v1/messages"
			m.Recipients = []gate.Recipient{{Kind: gate.Host, Address: "api.sender.example", Role: gate.Party}}
			m.Parts = []gate.Part{{Name: "method", Kind: gate.Value, Value: "POST"}, {Name: "body/$.n", Kind: gate.Value, Value: fmt.Sprint(i)}}
		}
		for j := range m.Parts {
			if m.Parts[j].Name == p.name {
				m.Parts[j].Value = value
				value = ""
			}
		}
		if value != "" {
			m.Parts = append(m.Parts, gate.Part{Name: p.name, Kind: p.kind, Value: value})
		} else {
			value = valueIn(m.Parts, p.name)
		}
		out = append(out, m)
	}
	return out
}

func valueIn(parts []gate.Part, name string) string {
	for _, p := range parts {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// For each kind of part, and each place: a constant that is changed in all messages of a
// class is wording where people read it as running text and it says no more than that,
// and nowhere else; in both directions.
func TestAlikeIsWordingInProseAlone(t *testing.T) {
	text, subject := place{name: "text"}, place{name: "header/subject"}
	value := func(name string) place { return place{name, gate.Value, false} }
	web := func(name string) place { return place{name, gate.Value, true} }
	for _, test := range []struct {
		place
		old, new string
		wording  bool
	}{
		{text, "Dear guest of ours", "Honoured guest of ours", true},
		{text, "© Clinic 2030", "© Clinic 2031", true},
		{text, "It costs $ 1,200.50 a year", "It costs $ 1,350.00 a year", true},
		{text, "on 12.05.2030 at 10:30", "on 2030-05-12 at 11:30", true},
		{text, "open 9:00-17:30", "open 8:30-17:00", true},
		{text, "write to desk@clinic.example", "write to help@clinic.example", false},
		{text, "see https://clinic.example/a", "see https://other.example/a", false},
		{text, "see https://clinic.example/a", "see https://clinic.example/welcome/a", true},
		{text, "see https://clinic.example/a", "see https://clinic.example/r/a8Xk29fQ", false},
		{text, "see http://clinic.example/a", "see https://clinic.example/a", true},
		{text, "see clinic.example", "see cliniic.example", false},
		{text, "call 510 555 0100", "call 510 555 0199", false},
		{text, "call +15105550100", "call +15105550199", false},
		{text, "follow @clinic", "follow @clinic2", false},
		{text, "pay to DE89 3704 0044 0532 0130 00", "pay to DE89 3704 0044 0532 0130 01", false},
		{text, "pay to DE89370400440532013000", "pay to DE02120300000000202051", false},
		{text, "account 70012 of ours", "account 70013 of ours", false},
		{text, "code K7P2Q9X4 for all", "code K7P2Q9X5 for all", false},
		{text, "ask for extension 4711 please", "ask for extension 4712 please", false},
		{text, "write to PO Box 1234, Springfield", "write to PO Box 1235, Springfield", false},
		{text, "Postfach 443 in Bonn", "Postfach 444 in Bonn", false},
		{text, "a box 1234 mm wide", "a box 1235 mm wide", true},
		{text, "our BIC is DEUTDEFF as ever", "our BIC is DEUTDEMM as ever", false},
		{text, "TRUSTING WELCOMES to you", "DELIVERY WELCOMES to you", true},
		{text, "call 1-800-FLOWERS now", "call 1-800-CLINICS now", false},
		{text, "call 0800 REIMELL now", "call 0800 FALSCHE now", false},
		{text, "call eight hundred, five five one two", "call eight hundred, five five one nine", false},
		{text, "one two three steps", "one two four steps", true},
		{text, "wählen Sie die Durchwahl 123 bitte", "wählen Sie die Durchwahl 124 bitte", false},
		{subject, "soon", "very soon", true},
		{subject, "call 5105550100", "call 5105550199", false},
		{place{"html/title", gate.Text, false}, "Our news", "The news", true},
		{place{"html/alt", gate.Text, false}, "Our logo", "The logo", true},
		{place{"html/hidden", gate.Text, false}, "spacer one", "spacer two", true},
		{place{"html/hidden", gate.Text, false}, "debug", "debug desk@clinic.example", false},
		{place{"html/hidden/attribute", gate.Text, false}, `itemtype="http://schema.example/Confirm"`, `itemtype="https://schema.example/Confirm"`, true},
		{place{"html/hidden/attribute", gate.Text, false}, `itemtype="https://schema.example/Confirm"`, `itemtype="https://schemes.example/Confirm"`, false},
		{place{"html/script", gate.Text, false}, "a=one", "a=two", false},
		{place{"header/to/name", gate.Text, false}, "Our guest", "Our patient", false},
		{place{"header/from", gate.Addresses, false}, "mail:portal@example.org", "mail:other@example.org", false},
		{place{"html/link", gate.Link, false}, "https://portal.example.org/a", "https://portal.example.org/b", true},
		{place{"html/link", gate.Link, false}, "https://clinic.example/a", "https://clinic.example/b", false}, // a site that is not the sender's own
		{place{"html/link", gate.Link, false}, "https://portal.example.org/a", "https://portal.example.org/a?utm_source=mail", true},
		{place{"html/link", gate.Link, false}, "http://portal.example.org/a", "https://portal.example.org/a", true},
		{place{"html/link", gate.Link, false}, "https://clinic.example/a", "https://other.example/a", false},
		{place{"html/link", gate.Link, false}, "https://clinic.example/a", "https://clinic.example/a?t=8f2c4d6e8b", false},
		{place{"html/load", gate.Load, false}, "https://clinic.example/a.png", "https://clinic.example/b.png", false},
		{place{"attachment[0]/name", gate.Value, false}, "leaflet.pdf", "info.pdf", false},
		{place{"attachment[0]/digest", gate.Binary, false}, "sha256:aa 10", "sha256:bb 10", false},
		{place{"transport/tls", gate.Transport, false}, "TLS 1.3", "TLS 1.2", false},
		{value("header/x-campaign"), "spring", "summer", true},
		{value("header/x-campaign"), "spring", "summer by other.example", false},
		{value("header/x-mc-bccaddress"), "spring", "summer", false},
		{value("header/list-id"), "spring", "summer", false},
		{web("method"), "POST", "DELETE", false},
		{web("path"), "/v1/messages", "/v2/messages", false},
		{web("body/$.to"), "+15105550100", "+15105550199", false},
		{web("body/$.channel"), "ward", "yard", false},
		{web("query/lang"), "en", "de", false},
		{web("cookie/theme"), "dark", "light", false},
		{web("header/x-tenant"), "one", "two", false},
		{web("header/user-agent"), "client/1.2.30045", "client/1.3.30112", true},
		{web("header/user-agent"), "@chat:web-api/7.19.0 node/20.20.2", "@chat:web-api/8.2.0 node/20.20.2", true},
		{web("header/user-agent"), "@chat/web-api/7.19.0", "@anna.berger", false},
		{web("header/content-type/boundary"), "client 1 15 1 15 0", "client 1 16 1 16 0", true},
		{web("header/content-type/boundary"), "client 1 15 0", "client 15105550100", false},
		{web("header/accept-language"), "en", "de", true},
		{place{"body/$.text", gate.Text, true}, "Your order is ready", "Your order has arrived", true}, // as a rule declares it
		{place{"body/$.text", gate.Text, true}, "Pay to 70012345", "Pay to 70012346", false},
		{place{"body/text", gate.Text, true}, "ready", "arrived", false},
	} {
		for _, way := range []struct{ from, to string }{{test.old, test.new}, {test.new, test.old}} {
			if strings.HasPrefix(way.from, "https:") && strings.HasPrefix(way.to, "http:") || strings.Contains(way.to, "http://") {
				continue // what was encrypted and no longer is: another test
			}
			c := compare(t, constantRun(test.place, way.to), constantRun(test.place, way.from))
			if len(c.Groups) == 0 {
				t.Errorf("%s: %q to %q gives no edit", test.name, way.from, way.to)
			}
			wording := true
			for _, g := range c.Groups {
				wording = wording && g.Wording
				if !g.Alike {
					t.Errorf("%s: %q to %q is not alike: %s", test.name, way.from, way.to, g.Why)
				}
			}
			if wording != test.wording {
				t.Errorf("%s: %q to %q: wording is %v, want %v: %q", test.name, way.from, way.to, wording, test.wording, unworded(c))
			}
		}
	}
}

// A header field of a request that is new, or gone, is a note where it holds nothing that
// identifies; a parameter, or a field that routes, is not.
func TestNewFieldsOfAClass(t *testing.T) {
	for _, test := range []struct {
		name, value string
		wording     bool
	}{
		{"header/sec-fetch-mode", "cors", true},
		{"header/x-library", "fast", true},
		{"header/x-library", "for other.example", false},
		{"header/x-copy", "desk@clinic.example", false},
		{"header/authorization", "Bearer x", false},
		{"header/x-mc-bccaddress", "somebody", false},
		{"cookie/lang", "en", false},
		{"query/lang", "en", false},
	} {
		base := place{"method", gate.Value, true}
		with := constantRun(base, "POST")
		for i := range with {
			with[i].Parts = append(with[i].Parts, gate.Part{Name: test.name, Kind: gate.Value, Value: test.value})
		}
		without := constantRun(base, "POST")
		for _, c := range []*gate.Comparison{compare(t, with, without), compare(t, without, with)} {
			if len(c.Groups) != 1 || c.Groups[0].Wording != test.wording || !c.Groups[0].Alike {
				t.Errorf("%s %q: %+v, want wording %v", test.name, test.value, c.Groups, test.wording)
			}
		}
	}
}

// A mail to somebody and its copies are one message, in one transaction or in several; and
// so are the messages of one stimulus.
func TestCopiesOfOneMessageAreNoClass(t *testing.T) {
	run := func(word string, shape func([]gate.Canonical) []gate.Canonical) []gate.Canonical {
		return shape([]gate.Canonical{
			mail("ann@example.net", "your result", "Dear Ann, it is "+word+"."),
			mail("carer@example.net", "your result", "Dear Ann, it is "+word+"."),
		})
	}
	shapes := map[string]struct {
		shape func([]gate.Canonical) []gate.Canonical
		alike bool
	}{
		"one transaction": {func(m []gate.Canonical) []gate.Canonical {
			m[0].Recipients = append(m[0].Recipients, m[1].Recipients...)
			return m[:1]
		}, false},
		"a transaction each": {func(m []gate.Canonical) []gate.Canonical {
			m[1].Parts = append([]gate.Part(nil), m[0].Parts...)
			return m
		}, false},
		"two mails of one stimulus": {func(m []gate.Canonical) []gate.Canonical {
			m[0].Traces, m[1].Traces = []string{"traceparent:1"}, []string{"traceparent:1"}
			return m
		}, false},
		"two mails of two": {func(m []gate.Canonical) []gate.Canonical {
			m[0].Traces, m[1].Traces = []string{"traceparent:1"}, []string{"traceparent:2"}
			return m
		}, true},
	}
	for name, s := range shapes {
		c := compare(t, run("fine", s.shape), run("poor", s.shape))
		if len(c.Groups) != 1 || c.Groups[0].Alike != s.alike {
			t.Errorf("%s: %+v, want alike %v", name, c.Groups, s.alike)
		}
	}
}

// What was one person's, and is put into everybody's messages, is a disclosure; what is
// the sender's own is not.
func TestNobodysWords(t *testing.T) {
	run := func(footer string) []gate.Canonical {
		out := letters(func(_ int, name string) string { return "Dear " + name + ",\nour news of the month." + footer })
		return append(out,
			mail("kim@example.net", "your result", "Result for Kim Novak: melanoma biopsy positive. See you soon."),
			mail("lee@example.net", "welcome", "Welcome to the list. To leave it, write to list+leave@example.org."))
	}
	for _, test := range []struct {
		footer, owner string
		wording       bool
	}{
		{"\nWe are closed on Monday.", "", true},
		{"\nmelanoma biopsy positive", "kim@example.net", false},
		{"\nRecommended by Kim Novak", "kim@example.net", false},
		{"\nFor Kim only", "kim@example.net", false},
		{"\nLeave: list+leave@example.org", "", true},
		{"\nLeave: list+leave@else.example", "", false},
		{"\nLeave: kim@example.net", "kim@example.net", false},
	} {
		c := compare(t, run(test.footer), run(""))
		if len(c.Groups) != 1 || !c.Groups[0].Alike || c.Groups[0].Wording != test.wording {
			t.Errorf("%q: %+v, want wording %v", test.footer, c.Groups, test.wording)
		}
		for _, ch := range c.Changes {
			owner := ""
			for _, x := range ch.Gains {
				if !x.Own && x.New {
					owner = x.Owner.Address
				}
			}
			if owner != test.owner {
				t.Errorf("%q: %s is given facts of %q, want %q", test.footer, ch.Recipient().Address, owner, test.owner)
			}
		}
	}
}

// A plain form of an HTML mail, with its words, is nothing new; one that says more is.
func TestSecondFormOfAText(t *testing.T) {
	run := func(plain func(i int, name string) string) []gate.Canonical {
		var out []gate.Canonical
		for i, name := range people {
			m := mail(name+"@example.net", "your record", "html="+fmt.Sprintf("Dear %s, your record is 7001%d.", name, i), "html/link=https://clinic.example/r/"+name)
			shape := "html"
			if plain != nil {
				shape = "alternative(text,html)"
				m.Parts = append(m.Parts, gate.Part{Name: "text", Kind: gate.Text, Value: plain(i, name)},
					gate.Part{Name: "text/link", Kind: gate.Link, Value: "https://clinic.example/r/" + name})
			}
			m.Parts = append(m.Parts, gate.Part{Name: "structure", Kind: gate.Value, Value: shape})
			out = append(out, m)
		}
		return out
	}
	for _, test := range []struct {
		name    string
		plain   func(i int, name string) string
		wording bool
	}{
		{"the same words", func(i int, name string) string {
			return fmt.Sprintf("Dear %s, your record is 7001%d.\nhttps://clinic.example/r/%s", name, i, name)
		}, true},
		{"with a word for the link", func(i int, name string) string {
			return fmt.Sprintf("Dear %s, your record is 7001%d.\nRead at https://clinic.example/r/%s", name, i, name)
		}, true},
		{"another's record", func(i int, name string) string {
			return fmt.Sprintf("Dear %s, your record is 7001%d.\nhttps://clinic.example/r/%s", name, (i+1)%len(people), name)
		}, false},
		{"an address beside", func(i int, name string) string {
			return fmt.Sprintf("Dear %s, your record is 7001%d.\nhttps://clinic.example/r/%s\nspy@else.example", name, i, name)
		}, false},
	} {
		for n, c := range []*gate.Comparison{compare(t, run(test.plain), run(nil)), compare(t, run(nil), run(test.plain))} {
			if wording := len(unworded(c)) == 0; wording != test.wording {
				t.Errorf("%s, way %d: wording %v, want %v: %q", test.name, n, wording, test.wording, unworded(c))
			}
		}
	}
}
