package gate_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

func TestOperator(t *testing.T) {
	for host, want := range map[string]string{
		"example.com":                  "example.com",
		"m7.stats.example.com":         "example.com",
		"m7.stats.example.co.uk":       "example.co.uk",
		"m7.stats.example.com:8443":    "example.com:8443",
		"shop.github.io":               "shop.github.io",
		"www.shop.github.io":           "shop.github.io",
		"github.io":                    "github.io",
		"bucket.s3.amazonaws.com":      "bucket.s3.amazonaws.com",
		"acme.zendesk.com":             "acme.zendesk.com",
		"a.b.zendesk.com":              "a.b.zendesk.com",
		"zendesk.com":                  "zendesk.com",
		"hooks.slack.com":              "hooks.slack.com",
		"192.0.2.7":                    "192.0.2.7",
		"192.0.2.7:8080":               "192.0.2.7:8080",
		"[2001:db8::1]":                "[2001:db8::1]",
		"[2001:db8::1]:8080":           "[2001:db8::1]:8080",
		"localhost":                    "localhost",
		"collector:9000":               "collector:9000",
		"com":                          "com",
		"o1.eu.sentry.io":              "o1.eu.sentry.io",
		"x.atlassian.net":              "x.atlassian.net",
		"a.zoom.us":                    "a.zoom.us",
		"a.xn--bcher-kva.example.test": "example.test",
	} {
		if got := gate.Operator(host); got != want {
			t.Errorf("Operator(%q) = %q, want %q", host, got, want)
		}
	}
	host := func(name string) gate.Recipient { return gate.Recipient{Kind: gate.Host, Address: name} }
	if !gate.SameOperator(host("m1.stats.example.com"), host("m2.stats.example.com")) {
		t.Error("two machines of one domain have two operators")
	}
	if gate.SameOperator(host("m1.stats.example.com"), host("m1.stats.example.com:8443")) || gate.SameOperator(host("a.github.io"), host("b.github.io")) {
		t.Error("another port, or another name below a shared suffix, has the same operator")
	}
	if gate.SameOperator(gate.Recipient{Kind: gate.Mail, Address: "a@example.com"}, host("example.com")) {
		t.Error("a person is run by an operator")
	}
}
