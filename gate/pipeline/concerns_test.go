package pipeline_test

import (
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// request is a request to a host, or what a fan-out made of one for somebody.
func request(to gate.Recipient, parts ...string) gate.Canonical {
	m := gate.Canonical{Channel: "http", Sink: "web", Class: "POST /send", Recipients: []gate.Recipient{to}}
	for i := 0; i < len(parts); i += 2 {
		m.Parts = append(m.Parts, gate.Part{Name: parts[i], Kind: gate.Value, Value: parts[i+1]})
	}
	return m
}

func party(host string) gate.Recipient {
	return gate.Recipient{Kind: gate.Host, Address: host, Role: gate.Party}
}

// A request to a party concerns the people whom either run writes to and whom it names, and
// nobody else; what goes to a person concerns nobody besides.
func TestConcerns(t *testing.T) {
	run := func(event string) []gate.Canonical {
		return []gate.Canonical{
			mail("ruth@ward.example", "Hello", "text", "Hello Ruth"),
			mail("omar@ward.example", "Hello", "text", event),
			request(gate.Recipient{Kind: gate.Tel, Address: "+15105550142", Role: gate.To}, "body/Body", "Hi"),
			request(party("stats.example"), "body/$.who", "ruth@ward.example", "body/$.phone", "+1 510 555 0142", "body/$.other", "nobody@else.example", "body/$.event", event),
		}
	}
	c := compare(t, run("left"), run("came"))
	seen := false
	for _, ch := range c.Changes {
		for _, d := range []*gate.Delivery{ch.Before, ch.After} {
			var got []string
			for _, r := range d.Concerns {
				got = append(got, r.ID())
			}
			var want []string
			if d.Recipient.Kind == gate.Host {
				want, seen = []string{"mail:ruth@ward.example", "tel:+15105550142"}, true
			}
			if !slices.Equal(got, want) {
				t.Errorf("a delivery to %s concerns %q, want %q", d.Recipient, got, want)
			}
		}
	}
	if !seen {
		t.Error("no change of a request to a party")
	}
}

// Two people's requests are exchanged: the content of each goes to the other, although
// the address stands in the body.
func TestFannedOutContentIsExchanged(t *testing.T) {
	to := func(who, text string) gate.Canonical {
		r, err := gate.MailRecipient(who, gate.To)
		if err != nil {
			t.Fatal(err)
		}
		return request(r, "body/$.to[0].email", who, "body/$.text", text)
	}
	c := compare(t,
		[]gate.Canonical{to("ruth@ward.example", "Your bed is 1207"), to("omar@ward.example", "Your bed is 4410")},
		[]gate.Canonical{to("ruth@ward.example", "Your bed is 4410"), to("omar@ward.example", "Your bed is 1207")})
	if len(c.Changes) != 2 {
		t.Fatalf("%d changes", len(c.Changes))
	}
	for _, ch := range c.Changes {
		if ch.Kind != gate.Redirected || ch.Rule != gate.ByContent || len(ch.Edits) != 1 || ch.Edits[0].Part != "body/$.to[0].email" {
			t.Errorf("%s by %s: %+v", ch.Kind, ch.Rule, ch.Edits)
		}
	}
}
