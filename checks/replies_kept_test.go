package checks_test

import (
	"encoding/base64"
	nethttp "net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A redirect that has browsers send the same request again hands what was entered to its host.
func TestRepliesResent(t *testing.T) {
	for _, test := range []struct {
		name, was, is, to string
		blocks            bool
	}{
		{"see other becomes temporary, elsewhere", "303 See Other", "307 Temporary Redirect", "https://pay.example.net/start", true},
		{"found becomes temporary, elsewhere", "302 Found", "307 Temporary Redirect", "https://pay.example.net/start", true},
		{"moved becomes permanent, elsewhere", "301 Moved Permanently", "308 Permanent Redirect", "https://pay.example.net/start", true},
		{"temporary becomes see other, elsewhere", "307 Temporary Redirect", "303 See Other", "https://pay.example.net/start", true},
		{"without a scheme", "303 See Other", "307 Temporary Redirect", "//pay.example.net/start", true},
		{"as browsers read it", "303 See Other", "307 Temporary Redirect", `https:\\pay.example.net/start`, true},
		{"another port is another host", "303 See Other", "307 Temporary Redirect", "https://portal.example:8443/start", true},
		{"on the same host", "303 See Other", "307 Temporary Redirect", "https://portal.example/start", false},
		{"on the same site", "303 See Other", "307 Temporary Redirect", "https://www.portal.example/start", false},
		{"a path", "302 Found", "307 Temporary Redirect", "/start", false},
		{"to where the build listens", "302 Found", "307 Temporary Redirect", "http://127.0.0.1:43117/start", false},
		{"found becomes see other, elsewhere", "302 Found", "303 See Other", "https://pay.example.net/start", false},
		{"as it was, elsewhere", "307 Temporary Redirect", "307 Temporary Redirect", "https://pay.example.net/start", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := judgeReplies(t, &portal{
				both: replacing("login", -1, "302 Found", test.was, "https://portal.example/home", test.to),
				edit: replacing("login", -1, test.was, test.is),
			})
			var by []string
			for i := range v.Findings {
				if f := &v.Findings[i].Finding; f.Severity == gate.Block {
					by = append(by, f.Check)
					if !slices.Contains(f.Parties, "host:"+strings.TrimSuffix(strings.TrimLeft(strings.TrimPrefix(test.to, "https:"), `/\`), "/start")) {
						t.Errorf("the host is not named: %q", f.Parties)
					}
				}
			}
			if blocked := v.Decision == gate.Blocked; blocked != test.blocks || blocked && !slices.Equal(by, []string{"reply-status-changed"}) {
				t.Errorf("%s by %q, want %t\n%s", v.Decision, by, test.blocks, shown(v))
			}
		})
	}
}

// What tells caches whether an answer that they keep is still good must stay as distinct as it was.
func TestRepliesValidators(t *testing.T) {
	own := func(m *guest) string {
		return "Last-Modified: " + time.Date(2026, 3, 1+int(m.key[1]-'0'), 9, 0, 0, 0, time.UTC).Format(nethttp.TimeFormat) + "\r\n"
	}
	line := func(of func(kind string, m *guest) string) func(string, *guest, string, string) (string, string) {
		return func(k string, m *guest, head, body string) (string, string) {
			if k != "page" {
				return head, body
			}
			return strings.Replace(head, "private, no-store", "no-cache", 1) + of(k, m), body
		}
	}
	constant := func(string, *guest) string { return "Last-Modified: Sun, 01 Feb 2026 08:00:00 GMT\r\n" }
	each := line(func(_ string, m *guest) string { return own(m) })
	first := guests()[0]
	for _, test := range []struct {
		name   string
		both   func(string, *guest, string, string) (string, string)
		edit   func(string, *guest, string, string) (string, string)
		blocks bool
	}{
		{"one for all", each, func(k string, m *guest, head, body string) (string, string) {
			return strings.Replace(head, own(m), constant(k, m), 1), body
		}, true},
		{"one for two", each, func(k string, m *guest, head, body string) (string, string) {
			if m.key == "s1" {
				head = strings.Replace(head, own(m), own(&first), 1)
			}
			return head, body
		}, true},
		{"as it was", each, nil, false},
		{"no longer said", each, func(k string, m *guest, head, body string) (string, string) {
			return strings.Replace(head, own(m), "", 1), body
		}, false},
		{"one for all in both", line(constant), nil, false},
		{"another one for all", line(constant), replacing("page", -1, "01 Feb", "02 Feb"), false},
		{"each another", each, func(k string, m *guest, head, body string) (string, string) {
			return strings.Replace(head, "Mar 2026", "Apr 2026", 1), body
		}, false},
		{"nobody may keep it", func(k string, m *guest, head, body string) (string, string) {
			if k == "page" {
				head += own(m)
			}
			return head, body
		}, func(k string, m *guest, head, body string) (string, string) {
			return strings.Replace(head, own(m), constant(k, m), 1), body
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := judgeReplies(t, &portal{both: test.both, edit: test.edit})
			blocks := false
			for i := range v.Findings {
				f := &v.Findings[i].Finding
				blocks = blocks || f.Severity == gate.Block && f.Check == "cacheability-changed"
			}
			if blocks != test.blocks || (v.Decision == gate.Blocked) != test.blocks {
				t.Errorf("%s, want %t\n%s", v.Decision, test.blocks, shown(v))
			}
		})
	}
}

// A name that only mails say is somebody's in answers too: in what was made anew for each, and in
// what is said alike to all. It is their own where their answers say whose they are.
func TestRepliesKnowMails(t *testing.T) {
	all := guests()
	file := func(name func(p *portal, m *guest) string) func(string, *guest, string, string) (string, string) {
		return func(k string, m *guest, head, body string) (string, string) {
			if k != "record" {
				return head, body
			}
			head = strings.Replace(head, "application/json", "text/csv", 1)
			return head + "Content-Disposition: attachment; filename=\"export-" + name(&portal{run: body}, m) + ".csv\"\r\n", m.number + ";1\r\n"
		}
	}
	anew := func(p *portal, m *guest) string {
		return base64.RawURLEncoding.EncodeToString([]byte(p.fresh("file", m)))[:11]
	}
	slug := func(m *guest) string { return strings.ReplaceAll(m.name, " ", "_") }
	base := func(k string, m *guest, head, body string) (string, string) { // nobody is called by a name
		return head, strings.NewReplacer(m.name, "member", m.mail, "you").Replace(body)
	}
	both := func(of func(string, *guest, string, string) (string, string)) func(string, *guest, string, string) (string, string) {
		return func(k string, m *guest, head, body string) (string, string) {
			head, body = of(k, m, head, body)
			return base(k, m, head, body)
		}
	}
	mails := func(m *guest) string {
		return "From: Desk <desk@portal.example>\r\nTo: " + m.name + " <" + m.mail + ">\r\nSubject: Your record\r\n\r\nDear " + m.name + ", your record is " + m.number + ".\r\n"
	}
	for _, test := range []struct {
		name   string
		edit   func(string, *guest, string, string) (string, string)
		file   bool
		blocks bool
	}{
		{"as it was", nil, false, false},
		{"one file is called after another", file(func(p *portal, m *guest) string {
			if m.key == "s2" {
				return slug(&all[4])
			}
			return anew(p, m)
		}), true, true},
		{"one file is called after who asked", file(func(p *portal, m *guest) string {
			if m.key == "s2" {
				return slug(m)
			}
			return anew(p, m)
		}), true, false},
		{"each file is called after who asked", file(func(_ *portal, m *guest) string { return slug(m) }), true, false},
		{"files are called after the next one", file(func(_ *portal, m *guest) string { return slug(&all[(m.key[1]-'0'+1)%6]) }), true, true},
		{"pages name one to all", replacing("page", -1, "<h1>Your visits", "<h1>Your visits, "+all[3].name), false, true},
		{"a class of one page is another's name", func(k string, m *guest, head, body string) (string, string) {
			if k == "page" && m.key == "s2" {
				body = strings.Replace(body, "<h1>", "<h1 class=\"eve-lindqvist\">", 1)
			}
			return head, body
		}, false, true},
		{"a class of all pages is another", replacing("page", -1, "<h1>", "<h1 class=\"your-record\">"), false, false},
		{"pages have another heading", replacing("page", -1, "<h1>Your visits", "<h1>Your coming visits"), false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			edit := test.edit
			if edit != nil {
				of := test.edit
				edit = func(k string, m *guest, head, body string) (string, string) {
					if test.file {
						head, _, _ = strings.Cut(head, "Content-Disposition:")
					}
					return of(k, m, head, body)
				}
			}
			v := judgeReplies(t, &portal{both: both(file(anew)), edit: edit, mails: mails})
			if (v.Decision == gate.Blocked) != test.blocks {
				t.Errorf("%s, want %t\n%s", v.Decision, test.blocks, shown(v))
			}
		})
	}
}

// A field that keeps what is answered from others than who asked is missed; one that says how a
// page is shown is not.
func TestRepliesGuards(t *testing.T) {
	for line, blocks := range map[string]bool{
		"Content-Security-Policy: default-src 'self'": true, `Clear-Site-Data: "*"`: true, "Referrer-Policy: no-referrer": true, "X-Robots-Tag: noindex": true,
		"Cross-Origin-Resource-Policy: same-origin": true, "X-Frame-Options: DENY": false, "X-UA-Compatible: IE=edge": false,
	} {
		line += "\r\n"
		with := func(k string, _ *guest, head, body string) (string, string) {
			if k == "record" {
				head += line
			}
			return head, body
		}
		for name, test := range map[string]struct {
			staging portal
			blocks  bool
		}{
			"lost":     {portal{both: with, edit: replacing("record", -1, line, "")}, blocks},
			"as it is": {portal{both: with}, false},
			"new":      {portal{edit: with}, false},
		} {
			t.Run(strings.TrimSpace(line)+"/"+name, func(t *testing.T) {
				v := judgeReplies(t, &test.staging)
				if (v.Decision == gate.Blocked) != test.blocks {
					t.Errorf("%s, want %t\n%s", v.Decision, test.blocks, shown(v))
				}
			})
		}
	}
}
