package har_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/har"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
)

// visit is one entry: what a client sent, and what was set by the answer.
type visit struct {
	page, connection     string
	cookie, set, bearer  string
	listed, lower, value string // cookies as a list; the name of a field and its value
}

func archived(t *testing.T, visits []visit) string {
	t.Helper()
	type field struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	var entries []map[string]any
	for i, v := range visits {
		fields, cookies, answer := []field{}, []field{}, []field{}
		if v.cookie != "" {
			fields = append(fields, field{"Cookie", v.cookie})
		}
		if v.bearer != "" {
			fields = append(fields, field{"Authorization", "Bearer " + v.bearer})
		}
		if v.lower != "" {
			fields = append(fields, field{v.lower, v.value})
		}
		if name, value, ok := strings.Cut(v.listed, "="); ok {
			cookies = append(cookies, field{name, value})
		}
		if v.set != "" {
			answer = append(answer, field{"Set-Cookie", v.set + "; Path=/; HttpOnly"})
		}
		e := map[string]any{
			"request":  map[string]any{"method": "GET", "url": fmt.Sprintf("http://portal.example/%d", i), "headers": fields, "cookies": cookies},
			"response": map[string]any{"status": 200, "headers": answer},
		}
		if v.page != "" {
			e["pageref"] = v.page
		}
		if v.connection != "" {
			e["connection"] = v.connection
		}
		entries = append(entries, e)
	}
	text, err := json.Marshal(map[string]any{"log": map[string]any{"entries": entries}})
	if err != nil {
		t.Fatal(err)
	}
	return archive(t, string(text))
}

// Requests are in sessions as far as an archive tells clients apart; letters stand for them.
func TestSessions(t *testing.T) {
	const anna, ben = "sid=anna-4711-x", "sid=ben-0815-yy"
	for name, c := range map[string]struct {
		visits []visit
		want   string
	}{
		"nothing is said":                  {[]visit{{}, {}, {}}, "AAA"},
		"cookies":                          {[]visit{{cookie: anna}, {cookie: ben}, {cookie: anna}, {cookie: ben}}, "ABAB"},
		"cookies in a list":                {[]visit{{listed: anna}, {listed: ben}, {cookie: anna}}, "ABA"},
		"keys":                             {[]visit{{bearer: "one"}, {bearer: "two"}, {bearer: "one"}}, "ABA"},
		"keys of an API":                   {[]visit{{lower: "x-api-key", value: "one"}, {lower: "X-Api-Key", value: "two"}, {lower: "X-API-KEY", value: "one"}}, "ABA"},
		"connections":                      {[]visit{{connection: "11"}, {connection: "12"}, {connection: "11"}}, "ABA"},
		"a cookie more":                    {[]visit{{cookie: anna}, {cookie: ben}, {cookie: anna + "; theme=midnight-blue"}, {cookie: "theme=midnight-blue"}}, "ABAA"},
		"a short setting is nobody's":      {[]visit{{cookie: anna + "; lang=en"}, {cookie: ben + "; lang=en"}}, "AB"},
		"logged in":                        {[]visit{{set: anna}, {set: ben}, {cookie: ben}, {cookie: anna}}, "ABBA"},
		"renewed":                          {[]visit{{cookie: anna, set: "sid=anna-renewed"}, {cookie: ben}, {cookie: "sid=anna-renewed"}}, "ABA"},
		"before the log-in":                {[]visit{{connection: "1"}, {connection: "2"}, {connection: "1", set: anna}, {connection: "2", set: ben}, {connection: "3", cookie: anna}}, "ABABA"},
		"a proxy's connection":             {[]visit{{connection: "1", cookie: anna}, {connection: "1", cookie: ben}, {connection: "1", cookie: anna}, {connection: "1"}}, "ABAC"},
		"a browser":                        {[]visit{{page: "p1", connection: "1"}, {page: "p1", connection: "2"}, {page: "p2", connection: "2", cookie: anna}, {page: "p2", connection: "3"}}, "AAAA"},
		"two browsers":                     {[]visit{{page: "p1"}, {page: "p2"}, {page: "p1", cookie: anna}, {page: "p2", cookie: ben}, {cookie: anna}}, "ABABA"},
		"two clients, and who knows":       {[]visit{{cookie: anna}, {cookie: ben}, {}, {}}, "ABCC"},
		"one client, and no other is said": {[]visit{{}, {cookie: anna}, {}}, "AAA"},
	} {
		sites, err := importer.ParseSites([]string{"portal.example"})
		if err != nil {
			t.Fatal(err)
		}
		path := archived(t, c.visits)
		for _, o := range []importer.Options{{}, {Sites: sites}} {
			var got string
			letters := map[string]string{}
			for _, s := range importertest.Stimuli(importertest.Read(t, har.Format, path, o)) {
				if letters[s.Key] == "" {
					letters[s.Key] = string(rune('A' + len(letters)))
				}
				got += letters[s.Key]
				if strings.ContainsAny(s.Key, "=") || strings.Contains(s.Key, "anna") {
					t.Errorf("%s: the key %q says who it is", name, s.Key)
				}
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("%s (-want +got):\n%s", name, d)
			}
		}
	}
}

// An archive is known by its member log, wherever it stands.
func TestSniff(t *testing.T) {
	const log = `"log":{"version":"1.2","entries":[]}`
	long := `"comment":"` + strings.Repeat("x", 2*importer.SniffSize) + `"`
	for content, want := range map[string]bool{
		"{" + log + "}":                                    true,
		"\ufeff \n{" + log + "}":                           true,
		`{"comment":"saved",` + log + "}":                  true,
		`{"a":{"log":1},"b":[{"log":{}}],` + log + "}":     true,
		"{" + long + "," + log + "}":                       true,
		"{" + long + "}":                                   false,
		`{"log":"a line"}`:                                 false,
		`{"a":{` + log + `}}`:                              false,
		`[{` + log + `}]`:                                  false,
		`{"kind":"stimulus","stimulus":{"log":{}}}`:        false,
		`{"log":{"version":"1.2","creator":{` + long + `}`: true,
		"": false,
	} {
		path := archive(t, content)
		head := []byte(content)[:min(len(content), importer.SniffSize)]
		if got := har.Format.Sniff(path, head); got != want {
			t.Errorf("%.60s: %t, want %t", content, got, want)
		}
	}
	path := archive(t, `{"comment":"saved",`+`"log":{"pages":[],"entries":[{"request":{"method":"GET","url":"http://a.example/"}}],"version":"1.2"},"more":1}`)
	items := importertest.Read(t, har.Format, path, importer.Options{Sent: true})
	if n := len(importertest.Messages(items)); n != 1 || importertest.Size(items) != importertest.SizeOf(t, path) {
		t.Errorf("%d messages, %d bytes of %d", n, importertest.Size(items), importertest.SizeOf(t, path))
	}
}
