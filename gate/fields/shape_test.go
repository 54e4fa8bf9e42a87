package fields_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate/fields"
)

// Each shape takes what it is for, and nothing that somebody wrote into its place.
func TestShapes(t *testing.T) {
	message := func(s string) bool { _, _, ok := fields.MessageID(s); return ok }
	trace := func(name string) func(string) bool {
		return func(s string) bool { _, ok := fields.TraceID(name, s); return ok }
	}
	for _, c := range []struct {
		name     string
		is       func(string) bool
		yes, not []string
	}{
		{"date", fields.IsDate,
			[]string{"Mon, 2 Jan 2006 15:04:05 -0700", "2 Jan 06 15:04 GMT", "Mon,  2 Jan 2006 15:04:05 +0000 (UTC)", "Tue, 3 Jan 2006 01:02:03 -0800 (Pacific Standard Time)", "3 Jan 2006 01:02:03"},
			[]string{"", "yesterday", "Mon, 2 Jan 2006 15:04:05 -0700 (Bob Jones)", "Mon, 2 Jan 2006 15:04:05 -0700 bob@example.org", "Bob, 2 Jan 2006 15:04:05 -0700", "2 Jan 88123 15:04 GMT", "2006-01-02T15:04:05Z"}},
		{"HTTP date", fields.IsHTTPDate, []string{"Mon, 02 Jan 2006 15:04:05 GMT"}, []string{"Mon, 02 Jan 2006 15:04:05 PST", "Mon, 02 Jan 2006 15:04:05 GMT 88123"}},
		{"message id", message,
			[]string{"<20260102150405.3F2A41B0C@mx.clinic.example>", "<1767366245.7.1600000000000.JavaMail.root@host_1>", "<CAHk-=wh8s7f6g5h4j3k2+x@mail.example>", "<9b2f4c1e-1c0a-4d5e-8f70-0a1b2c3d4e5f@[192.0.2.1]>"},
			[]string{"", "<conversation/aaaa1111/messages/55555555@app.example>", "<patient=88123456@app.example>", "<bob@app.example>", "<bob.jones@app.example>", "<20260102150405@app.example> bob", "<bob@x@20260102150405.example>", "20260102150405@app.example", "<20260102150405@app example>", "<order.88123@app.example>"}},
		{"traceparent", trace("traceparent"), []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, []string{"alice", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-bob"}},
		{"tracestate", trace("tracestate"), []string{"k=v", "congo=t61rcWkgMzE,tenant@rojo=00f067aa0ba902b7"}, []string{"", "bob", "k=bob@example.org", "k=bob jones", "k=a=b", "Kein=x"}},
		{"b3", trace("b3"), []string{"0", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"}, []string{"bob", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-bob"}},
		{"x-request-id", trace("x-request-id"), []string{"9b2f4c1e-1c0a-4d5e-8f70-0a1b2c3d4e5f", "3F2A41B0C"}, []string{"", "bob@example.org", "patient alice", "patient-bob", "88123", "patient=12345678"}},
		{"x-amzn-trace-id", trace("x-amzn-trace-id"), []string{"Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"}, []string{"Root=bob", "User=1-67891233-abcdef012345678912345678", ""}},
		{"x-cloud-trace-context", trace("x-cloud-trace-context"), []string{"0af7651916cd43dd8448eb211c80319c/1234567890;o=1"}, []string{"0af7651916cd43dd8448eb211c80319c/1;o=bob"}},
		{"uber-trace-id", trace("uber-trace-id"), []string{"0af7651916cd43dd:b7ad6b7169203331:0:1"}, []string{"bob:1:1:1"}},
		{"sentry-trace", trace("sentry-trace"), []string{"0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1"}, []string{"0af7651916cd43dd8448eb211c80319c-bob"}},
		{"x-datadog-trace-id", trace("x-datadog-trace-id"), []string{"1234567890123456789"}, []string{"bob"}},
		{"x-tenant", trace("x-tenant"), nil, []string{"9b2f4c1e-1c0a-4d5e-8f70-0a1b2c3d4e5f"}},
		{"code", fields.IsMAC,
			[]string{"sha256=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "t=1767366245,v1=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", "1767366245"},
			[]string{"", "bob", "t=1767366245,v1=bob", "sha256=88123", "user=9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "88123"}},
		{"base64", fields.Base64, []string{"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=", "0a1b2c3d4e5f6071"}, []string{"", "bob", "diagnosis", "bob@example.org", "a1"}},
		{"AWS date", fields.AWSDate, []string{"20260102T150405Z"}, []string{"20260102T150405", "2026-01-02T15:04Z"}},
		{"host", fields.IsHost, []string{"mx.clinic.example", "[192.0.2.1]", "[IPv6:2001:db8::1]", "localhost"}, []string{"", "a..b", "bob@x", "a b", "[bob]", ".x"}},
	} {
		for _, s := range c.yes {
			if !c.is(s) {
				t.Errorf("%s: %q is one", c.name, s)
			}
		}
		for _, s := range c.not {
			if c.is(s) {
				t.Errorf("%s: %q is none", c.name, s)
			}
		}
	}
	if id, _ := fields.TraceID("traceparent", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01"); id != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the trace is %q", id)
	}
}

// Atoms of RFC 5322 may join words to the token of an id; a path, or a domain, was chosen.
func TestMessageIDAtoms(t *testing.T) {
	for id, fresh := range map[string]bool{
		"<20310304141049.x1Yab%erin@mill>":            true,
		"<20310304141049.x1Yab@mill.example>":         true,
		"<x1!20310304141049*a@mill.example>":          true,
		"<ward/7/20310304141049@mill.example>":        false,
		"<20310304141049%mill.example@relay.example>": false,
		"<case%erin@mill.example>":                    false,
		"<20310304141049%a=b@mill.example>":           false,
		"<20310304141049%a b@mill.example>":           false,
	} {
		if _, _, ok := fields.MessageID(id); ok != fresh {
			t.Errorf("%s: fresh is %v", id, ok)
		}
	}
}

func TestUneven(t *testing.T) {
	for list, want := range map[string]uint64{
		"a; b; c": 0, "a": 0, "a;b": 1, "a;; b": 1, "a ; b": 1, "a; b;": 1, `a; b="x;y"`: 0, `a; b="x`: 1, ";a": 1,
	} {
		if got := fields.Uneven(list, ';'); got != want {
			t.Errorf("%q: %d, want %d", list, got, want)
		}
	}
}
