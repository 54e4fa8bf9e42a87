package http_test

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel/http"
)

// TestCatalogue holds each entry of the catalogue to its cases in testdata/catalogue: who
// is addressed, what is read as running text, what decides whether it is sent, and the
// answer. A request that two entries take, and an entry without a case, fail it.
func TestCatalogue(t *testing.T) {
	entries, err := http.Entries()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/catalogue/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/catalogue: %v", err)
	}
	seen := map[string]bool{}
	for _, file := range files {
		c, a := readCase(t, file)
		names, err := http.EntriesFor(&c.message)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			seen[name] = true
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			decode, err := http.Protocol().Decode(c.settings)
			if err != nil {
				t.Fatal(err)
			}
			out, err := decode(&c.message)
			if err != nil {
				t.Fatal(err)
			}
			if len(names) > 1 {
				t.Errorf("%d entries take this request: %q", len(names), names)
			}
			answer, err := http.Answered(c.settings, &c.message)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{"want": renderReading(out), "answer": answer}
			for i := range a.Files {
				f := &a.Files[i]
				text, ok := got[f.Name]
				if !ok {
					continue
				}
				if *update {
					f.Data = []byte(text)
				} else if diff := cmp.Diff(string(f.Data), text); diff != "" {
					t.Errorf("%s (-want +got):\n%s", f.Name, diff)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	for _, name := range entries {
		if !seen[name] {
			t.Errorf("no case in testdata/catalogue is of %s", name)
		}
	}
}

// renderReading shows who is addressed and what was read, without what every request has.
func renderReading(out []gate.Decoded) string {
	var b strings.Builder
	for _, d := range out {
		fmt.Fprintf(&b, "read as %q: %s\n", d.Reader, d.Class)
		for _, r := range d.Recipients {
			fmt.Fprintf(&b, "\tto %s\n", r)
		}
		for _, p := range d.Fields {
			if p.Name == "path" || p.Name == "fanout/groups" || p.Value == "{recipient}" {
				fmt.Fprintf(&b, "\t%s %q\n", p.Name, p.Value)
			}
		}
		for _, p := range d.Payloads {
			if len(out) > 2 || p.Name == "query" {
				fmt.Fprintf(&b, "\tpayload %s %q\n", p.Name, p.Bytes)
			}
		}
		for _, s := range d.Prose {
			fmt.Fprintf(&b, "\tprose %s\n", s)
		}
		for _, s := range d.Decides {
			fmt.Fprintf(&b, "\tdecides %s\n", s)
		}
		for _, s := range d.Once {
			fmt.Fprintf(&b, "\tonce %s\n", s)
		}
		for _, g := range d.Gaps {
			fmt.Fprintf(&b, "\tgap %s: %s\n", g.Kind, g.Detail)
		}
	}
	return b.String()
}

// The SDK of Pushover leaves the line end before the last delimiter out: a text that ends in a
// line of its own is no such end.
func TestFormWithoutItsLastLineEnd(t *testing.T) {
	decode, err := http.Protocol().Decode(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"Hello--B--\r\n", "Hello\n--B--\r\n", "Hello\r\n--B--\r\n", "Hello\r\n--B", "Hello--B"} {
		body := "--B\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nu1\r\n--B\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\n" + end
		out, err := decode(&gate.Message{
			Channel: "http", Sink: "web", Host: "api.pushover.net", Body: []byte(body),
			Head: []byte("POST /1/messages.json HTTP/1.1\r\nHost: api.pushover.net\r\nContent-Type: multipart/form-data; boundary=B\r\n"),
		})
		if err != nil || len(out) != 2 || out[1].Recipients[0].ID() != "id:pushover-user:u1" {
			t.Errorf("%q: %+v: %v", end, out, err)
		}
	}
}

// One call to ten thousand people is ten thousand deliveries, each with the content of its
// own, or one message to all of them, whether the API has groups in a list, in an object, or
// in a form.
func TestCatalogueOfTenThousand(t *testing.T) {
	const people = 10_000
	each := func(format string, from int) string {
		var b strings.Builder
		for i := range people {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, format, i+from, i+from)
		}
		return b.String()
	}
	form := func(pairs string) string { return strings.ReplaceAll(pairs, ",", "&") }
	for _, c := range []struct {
		name, host, path, kind, body string
		deliveries                   int // besides that to the provider
		last                         string
	}{
		{
			"a list", "api.sendgrid.com", "/v3/mail/send", "application/json",
			`{"from":{"email":"desk@clinic.example"},"subject":"Result","personalizations":[` + each(`{"to":[{"email":"p%d@example.org"}],"substitutions":{"-record-":"r%d"}}`, 0) + `]}`,
			people, "mail:p9999@example.org",
		},
		{
			"an object", "api.mailgun.net", "/v3/clinic.example/messages", "application/x-www-form-urlencoded",
			"from=desk%40clinic.example&text=x&to=" + url.QueryEscape(each("p%[1]d@example.org", 0)) +
				"&recipient-variables=" + url.QueryEscape("{"+each(`"p%d@example.org":{"record":"r%d"}`, 0)+"}"),
			people, "mail:p9999@example.org",
		},
		{
			"a form", "email.eu-west-1.amazonaws.com", "/", "application/x-www-form-urlencoded",
			"Action=SendBulkTemplatedEmail&Source=desk%40clinic.example&Template=result&" +
				form(each("Destinations.member.%d.Destination.ToAddresses.member.1=p%d%%40example.org", 1)),
			people, "mail:p10000@example.org",
		},
		{
			"a list, and what is each one's in another", "mandrillapp.com", "/api/1.0/messages/send", "application/json",
			`{"message":{"text":"x","to":[` + each(`{"email":"p%[1]d@example.org"}`, 0) + `],"merge_vars":[` + each(`{"rcpt":"p%d@example.org","vars":[{"name":"record","content":"r%d"}]}`, 0) + `]}}`,
			people, "mail:p9999@example.org",
		},
		{
			"one content", "onesignal.com", "/api/v1/notifications", "application/json",
			`{"app_id":"a","contents":{"en":"x"},"include_player_ids":[` + each(`"p%[1]d"`, 0) + `]}`,
			people, "id:onesignal:p9999",
		},
		{
			"one message", "onesignal.com", "/api/v1/notifications", "application/json",
			`{"app_id":"a","contents":{"en":"x"},"include_player_ids":[` + each(`"p%[1]d"`, 0) + `],"include_external_user_ids":[` + each(`"u%[1]d"`, 0) + `]}`,
			1, "id:onesignal-user:u9999",
		},
	} {
		decode, err := http.Protocol().Decode(nil)
		if err != nil {
			t.Fatal(err)
		}
		out, err := decode(&gate.Message{
			Channel: "http", Sink: "web", Host: c.host, Body: []byte(c.body),
			Head: []byte("POST " + c.path + " HTTP/1.1\r\nHost: " + c.host + "\r\nContent-Type: " + c.kind + "\r\n"),
		})
		if err != nil || len(out) != 1+c.deliveries {
			t.Errorf("%s: %d deliveries, want %d: %v", c.name, len(out), 1+c.deliveries, err)
			continue
		}
		last := out[c.deliveries]
		if r := last.Recipients[len(last.Recipients)-1].ID(); r != c.last {
			t.Errorf("%s: the last is to %s, want %s", c.name, r, c.last)
		}
		if body := string(last.Payloads[0].Bytes); c.deliveries > 1 && (strings.Contains(body, "p1@") || strings.Contains(body, "r1\"")) {
			t.Errorf("%s: the last is told of another: %.200q", c.name, body)
		}
	}
}
