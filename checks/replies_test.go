package checks_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	nethttp "net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// A portal answers members: a page with a form, their record as JSON, a redirect after
// they log in, an image, and mail that comes in.
type portal struct {
	run    string                           // what is fresh in it
	reply  func(kind string, m *guest) bool // alters m before it is answered; false: no answer changes
	edit   func(kind string, m *guest, head, body string) (string, string)
	both   func(kind string, m *guest, head, body string) (string, string) // is done by production too
	asks   func(kind string, m *guest) (head, body string)                 // the stimulus; nil, or an empty head: a plain request
	mails  func(m *guest) string                                           // what both builds mail to members; nil: nothing
	packed bool
}

type guest struct{ key, name, number, mail string }

var kindsOfReply = []string{"login", "page", "record", "mail"}

func guests() []guest {
	names := []string{"Alice Moreau", "Bob Quandt", "Carol Idris", "Dan Oakley", "Eve Lindqvist", "Frank Sorel"}
	out := make([]guest, len(names))
	for i, n := range names {
		first, _, _ := strings.Cut(n, " ")
		out[i] = guest{fmt.Sprintf("s%d", i), n, fmt.Sprintf("4471%04d", 1931*(i+1)), strings.ToLower(first) + "@member.example"}
	}
	return out
}

// fresh is a value made anew in each run, for each use.
func (p *portal) fresh(use string, m *guest) string {
	sum := sha256.Sum256([]byte(p.run + "/" + use + "/" + m.key))
	return hex.EncodeToString(sum[:16])
}

func (p *portal) answer(kind string, m guest) (head, body string) {
	asker := m
	if p.reply != nil {
		p.reply(kind, &m)
	}
	common := "Cache-Control: private, no-store\r\nDate: Mon, 30 Nov 2026 10:00:0" + fmt.Sprint(len(p.run)) + " GMT\r\nServer: portal/1.0\r\nX-Request-Id: " + p.fresh("request", &asker) + "\r\n"
	switch kind {
	case "login":
		head = "HTTP/1.1 302 Found\r\n" + common + "Location: https://portal.example/home\r\nSet-Cookie: sid=" + p.fresh("session", &m) + "; Path=/; HttpOnly; Secure; SameSite=Lax\r\n"
	case "page":
		nonce := p.fresh("nonce", &asker)
		head = "HTTP/1.1 200 OK\r\n" + common + "Content-Type: text/html; charset=utf-8\r\nContent-Security-Policy: script-src 'nonce-" + nonce + "'\r\nETag: \"" + p.fresh("etag", &asker) + "\"\r\nVary: Cookie, Accept-Encoding\r\n"
		body = `<html><head><title>Your visits</title><link rel="stylesheet" href="/assets/app.3f2a91.css"><style>h1{color:#123456}</style></head><body><h1>Your visits</h1>` +
			`<p>Welcome, ` + m.name + `. We write to ` + m.mail + `.</p><form action="/visits" method="post"><input type="hidden" name="csrf" value="` + p.fresh("csrf", &asker) + `">` +
			`<input type="hidden" name="record" value="` + m.number + `"></form><script nonce="` + nonce + `">go()</script></body></html>`
	case "record":
		head = "HTTP/1.1 200 OK\r\n" + common + "Content-Type: application/json\r\n"
		body = fmt.Sprintf(`{"record":%q,"name":%q,"token":%q,"theme":"light"}`, m.number, m.name, p.fresh("token", &asker))
	case "mail":
		head = "220 portal.example ESMTP\r\n250 2.1.0 ok\r\n250 2.1.5 ok\r\n250 2.0.0 queued\r\n"
	}
	if p.both != nil {
		head, body = p.both(kind, &asker, head, body)
	}
	if p.edit != nil {
		head, body = p.edit(kind, &asker, head, body)
	}
	if p.packed && body != "" {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(body)) // a bytes.Buffer takes everything
		_ = w.Close()
		head, body = head+"Content-Encoding: gzip\r\n", b.String()
	}
	return head, body
}

// write writes the tapes of a corpus, or of a run of it.
func (p *portal) write(t *testing.T, path string, h gate.Header) {
	t.Helper()
	w, err := tape.Create(path, h, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var footer gate.Footer
	for _, m := range guests() {
		for _, kind := range kindsOfReply {
			s := gate.Stimulus{ID: m.key + "-" + kind, Channel: http.Name, Door: "web", Key: m.key, Head: []byte("GET /" + kind + " HTTP/1.1\r\nHost: portal.example\r\n")}
			if kind == "mail" {
				s.Channel, s.Door, s.Head, s.Body = smtp.Name, "mx", []byte("HELO a\r\nMAIL FROM:<"+m.mail+">\r\nRCPT TO:<desk@portal.example>\r\n"), []byte("Subject: hello\r\n\r\nhello\r\n")
			}
			if p.asks != nil && kind != "mail" {
				if head, body := p.asks(kind, &m); head != "" {
					s.Head, s.Body = []byte(head), []byte(body)
				}
			}
			rec := gate.Record{Kind: gate.KindStimulus, Stimulus: &s}
			if h.Content == gate.RunTape {
				head, body := p.answer(kind, m)
				o := gate.Outcome{Stimulus: s.ID, Status: 200, Head: []byte(head), Body: []byte(body)}
				if kind == "mail" {
					lines := strings.Split(strings.TrimSpace(head), "\r\n")
					fmt.Sscan(lines[len(lines)-1], &o.Status)
				}
				rec = gate.Record{Kind: gate.KindOutcome, Outcome: &o}
				footer.Outcomes++
			} else {
				footer.Stimuli++
			}
			if err := w.Append(&rec); err != nil {
				t.Fatal(err)
			}
		}
		if p.mails != nil && h.Content == gate.RunTape {
			head := "EHLO app\r\nMAIL FROM:<desk@portal.example>\r\nRCPT TO:<" + m.mail + ">\r\n"
			footer.Messages++
			msg := gate.Message{Seq: footer.Messages, Channel: smtp.Name, Sink: "mail", Head: []byte(head), Body: []byte(p.mails(&m))}
			if err := w.Append(&gate.Record{Kind: gate.KindMessage, Message: &msg}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(footer); err != nil {
		t.Fatal(err)
	}
}

// judgeReplies holds a portal's answers against those of two replays of the portal as it is.
func judgeReplies(t *testing.T, staging *portal) *gate.Verdict {
	t.Helper()
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	protocols := map[string]channel.Protocol{http.Name: http.Protocol(), smtp.Name: smtp.Protocol()}
	dir := t.TempDir()
	o := pipeline.Options{
		Canon: c.Message, Corpus: filepath.Join(dir, "corpus.tape"),
		Decoder: func(name, _, _ string) (channel.Decoder, error) { return protocols[name].Decode(nil) },
		Asked:   func(s *gate.Stimulus) string { return protocols[s.Channel].Asked(s) },
		Host: func(s *gate.Stimulus) string {
			if p := protocols[s.Channel]; p.Host != nil {
				return p.Host(s)
			}
			return ""
		},
		Reply: func(name string, o *gate.Outcome) (gate.Decoded, error) { return protocols[name].Reply(o) },
	}
	staging.run = "c"
	staging.write(t, o.Corpus, gate.Header{Content: gate.CorpusTape})
	var production []string
	for _, run := range []string{"a", "b"} {
		path := filepath.Join(dir, run+".tape")
		(&portal{run: run, both: staging.both, mails: staging.mails}).write(t, path, gate.Header{Content: gate.RunTape, Role: gate.Production, Scenario: "steady"})
		production = append(production, path)
	}
	path := filepath.Join(dir, "staging.tape")
	staging.write(t, path, gate.Header{Content: gate.RunTape, Role: gate.Staging, Scenario: "steady"})
	compared, gaps, err := pipeline.CompareReplies(context.Background(), o, production, path)
	if err != nil {
		t.Fatal(err)
	}
	findings, more := pipeline.Judge(checks.All(), compared)
	v := verdict.Decide(verdict.Input{Comparisons: []gate.Comparison{*compared}, Findings: findings, Gaps: append(gaps, more...), Drill: "another's"})
	return &v
}

func only(kind string, who int, do func(m *guest)) func(string, *guest) bool {
	return func(k string, m *guest) bool {
		if k == kind && m.key == fmt.Sprintf("s%d", who) {
			do(m)
			return true
		}
		return false
	}
}

func replacing(kind string, who int, pairs ...string) func(string, *guest, string, string) (string, string) {
	r := strings.NewReplacer(pairs...)
	return func(k string, m *guest, head, body string) (string, string) {
		if k != kind || who >= 0 && m.key != fmt.Sprintf("s%d", who) {
			return head, body
		}
		return r.Replace(head), r.Replace(body)
	}
}

// Answers are deliveries: what somebody is shown that was another's, or is turned away from, or
// caches may show to others, blocks, and names who asked.
func TestReplies(t *testing.T) {
	all := guests()
	for _, test := range []struct {
		name    string
		staging portal
		check   string // that blocks
		names   []string
	}{
		{"two pages exchanged", portal{reply: func(k string, m *guest) bool {
			if k == "page" && (m.key == "s0" || m.key == "s1") {
				key := m.key
				*m = all['1'-m.key[1]]
				m.key = key
			}
			return true
		}}, "facts-disclosed", []string{"session:s0", "session:s1"}},
		{"one record of another", portal{reply: only("record", 2, func(m *guest) { m.number = all[3].number })}, "facts-disclosed", []string{"session:s2"}},
		{"a hidden input of another", portal{edit: replacing("page", 4, `value="`+all[4].number, `value="`+all[5].number)}, "facts-disclosed", []string{"session:s4"}},
		{"one is turned away", portal{edit: replacing("record", 1, "200 OK", "403 Forbidden")}, "reply-status-changed", []string{"session:s1"}},
		{"all are sent elsewhere", portal{edit: replacing("login", -1, "https://portal.example/home", "https://portal.example.net/home")}, "link-changed", nil},
		{"one is sent to another's page", portal{edit: replacing("login", 3, "/home", "/home?record="+all[0].number)}, "link-changed", []string{"session:s3"}},
		{"caches may keep pages", portal{edit: replacing("page", -1, "private, no-store", "max-age=60")}, "cacheability-changed", []string{"session:s0", "session:s5"}},
		{"Vary loses the cookie", portal{edit: replacing("page", -1, "Vary: Cookie, ", "Vary: ")}, "cacheability-changed", []string{"session:s2"}},
		{"scripts see the session", portal{edit: replacing("login", -1, "; HttpOnly", "")}, "cookie-scope-changed", []string{"session:s2"}},
		{"two get one session", portal{edit: func(k string, m *guest, head, body string) (string, string) {
			if k == "login" && m.key == "s1" {
				p := portal{run: "c"}
				return strings.ReplaceAll(head, p.fresh("session", m), p.fresh("session", &all[0])), body
			}
			return head, body
		}}, "", []string{"session:s1"}},
		{"Expires takes the place of a date that is past", portal{edit: replacing("record", -1, "Cache-Control: private, no-store", "Expires: Mon, 30 Nov 2026 12:00:00 GMT")}, "cacheability-changed", []string{"session:s4"}},
		{"a proxy is told to keep pages", portal{edit: replacing("page", -1, "Vary:", "X-Accel-Expires: 600\r\nVary:")}, "cacheability-changed", []string{"session:s4"}},
		{"a network of caches is told to keep pages", portal{edit: replacing("page", -1, "Vary:", "Cloudflare-CDN-Cache-Control: max-age=600\r\nVary:")}, "cacheability-changed", []string{"session:s4"}},
		{"a session lives for years", portal{edit: replacing("login", -1, "; Secure", "; Secure; Expires=Mon, 30 Nov 2037 10:00:00 GMT")}, "cookie-scope-changed", []string{"session:s3"}},
		{"a redirect for good", portal{edit: replacing("login", -1, "302 Found", "301 Moved Permanently")}, "reply-status-changed", []string{"session:s3"}},
		{"a mail is refused", portal{edit: replacing("mail", 5, "250 2.0.0 queued", "550 5.7.1 not you")}, "reply-status-changed", []string{"mail:frank@member.example"}},
		{"one value differs for one", portal{edit: replacing("record", 0, `"light"`, `"dark"`)}, "personal-content-changed", []string{"session:s0"}},
		{"a script of a stranger", portal{edit: replacing("page", -1, "<script", `<script src="https://collect.example.org/t.js"></script><script`)}, "new-party", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := judgeReplies(t, &test.staging)
			var by []string
			named := map[string]bool{}
			for i := range v.Findings {
				if f := &v.Findings[i].Finding; f.Severity == gate.Block {
					by = append(by, f.Check)
					for _, id := range subjects(f) {
						named[id] = true
					}
				}
			}
			if v.Decision != gate.Blocked || test.check != "" && !slices.Contains(by, test.check) {
				t.Fatalf("%s by %q, want %s\n%s", v.Decision, by, test.check, shown(v))
			}
			if test.check == "reply-status-changed" && len(by) != 1 {
				t.Errorf("one cause is told by %q\n%s", by, shown(v))
			}
			for _, id := range test.names {
				if !named[id] {
					t.Errorf("%s is not named\n%s", id, shown(v))
				}
			}
		})
	}
}

// What is made anew, how an answer is packed, and what is said alike to everybody does not block.
func TestRepliesHarmless(t *testing.T) {
	for _, test := range []struct {
		name    string
		staging portal
	}{
		{"itself", portal{}},
		{"compressed", portal{packed: true}},
		{"another heading", portal{edit: replacing("page", -1, "<h1>Your visits", "<h1>All your visits")}},
		{"another version of the server", portal{edit: replacing("page", -1, "portal/1.0", "portal/1.1")}},
		{"a field of a library", portal{edit: replacing("record", -1, "Server:", "X-Content-Type-Options: nosniff\r\nServer:")}},
		{"another style", portal{edit: replacing("page", -1, "#123456", "#654321")}},
		{"another release of a style sheet", portal{edit: replacing("page", -1, "app.3f2a91.css", "app.77fe01.css")}},
		{"strict transport", portal{edit: replacing("page", -1, "Vary:", "Strict-Transport-Security: max-age=31536000; includeSubDomains\r\nVary:")}},
		{"how long it took", portal{edit: func(k string, m *guest, head, body string) (string, string) {
			if k == "page" {
				head += "Server-Timing: app;dur=" + fmt.Sprint(len(m.name)) + ".5, db;dur=1.25\r\nX-Runtime: 0.0" + fmt.Sprint(len(m.name)) + "\r\n"
			}
			return head, body
		}}},
		{"from which cache, and how many more", portal{edit: func(k string, m *guest, head, body string) (string, string) {
			if k == "record" {
				head += "Age: " + fmt.Sprint(len(m.name)*7) + "\r\nX-Cache: MISS, HIT\r\nX-RateLimit-Remaining: " + fmt.Sprint(4999-len(m.name)) + "\r\n"
			}
			return head, body
		}}},
		{"Vary in two lines", portal{edit: replacing("page", -1, "Vary: Cookie, Accept-Encoding", "Vary: Cookie\r\nVary: Accept-Encoding")}},
		{"kept by fewer", portal{edit: replacing("page", -1, "private, no-store", "private, no-store, no-cache")}},
		{"a cookie that reaches less far", portal{edit: replacing("login", -1, "SameSite=Lax", "SameSite=Strict")}},
		{"fields in another order", portal{edit: func(_ string, _ *guest, head, body string) (string, string) {
			lines := strings.Split(strings.TrimSuffix(head, "\r\n"), "\r\n")
			if strings.HasPrefix(lines[0], "HTTP/") {
				slices.Reverse(lines[1:])
			}
			return strings.Join(lines, "\r\n") + "\r\n", body
		}}},
		{"keys in another order", portal{edit: replacing("record", -1, `"theme":"light"`, `"theme": "light"`)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if v := judgeReplies(t, &test.staging); v.Decision != gate.Pass {
				t.Errorf("%s\n%s", v.Decision, shown(v))
			}
		})
	}
}

// A session is the person who signed in with it; of whom nobody did, or two, it is a session.
func TestAskers(t *testing.T) {
	const host = " HTTP/1.1\r\nHost: portal.example\r\n"
	form := func(body string) (string, string) {
		return "POST /login" + host + "Content-Type: application/x-www-form-urlencoded\r\n", body
	}
	token := func(claims string) string {
		return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
	}
	for name, test := range map[string]struct {
		asks func(m *guest) (head, body string)
		who  string
	}{
		"nothing": {func(*guest) (string, string) { return "", "" }, "session:s0"},
		"a form":  {func(m *guest) (string, string) { return form("user%5Bemail%5D=" + m.mail + "&user%5Bpassword%5D=x") }, "mail:alice@member.example"},
		"JSON": {func(m *guest) (string, string) {
			return "POST /login" + host + "Content-Type: application/json\r\n", `{"login":"` + m.mail + `","pwd":"x"}`
		}, "mail:alice@member.example"},
		"credentials": {func(m *guest) (string, string) {
			return "GET /login" + host + "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(m.mail+":x")) + "\r\n", ""
		}, "mail:alice@member.example"},
		"a bearer token": {func(m *guest) (string, string) {
			return "GET /login" + host + "Authorization: Bearer " + token(`{"email":"`+m.mail+`","sub":"17"}`) + "\r\n", ""
		}, "mail:alice@member.example"},
		"a token in a cookie": {func(m *guest) (string, string) {
			return "GET /login" + host + "Cookie: session=" + token(`{"sub":"`+m.mail+`"}`) + "\r\n", ""
		}, "mail:alice@member.example"},
		"a proxy": {func(m *guest) (string, string) {
			return "GET /login" + host + "X-Forwarded-Email: " + m.mail + "\r\n", ""
		}, "mail:alice@member.example"},
		"an invitation": {func(m *guest) (string, string) { return form("email=" + m.mail + "&role=guest") }, "session:s0"},
		"a friend beside": {func(m *guest) (string, string) {
			return form("email=" + m.mail + "&friend=x%40member.example&password=x")
		}, "session:s0"},
		"an issuer in a token": {func(*guest) (string, string) {
			return "GET /login" + host + "Cookie: t=" + token(`{"iss":"id@member.example"}`) + "\r\n", ""
		}, "session:s0"},
		"a password in a query": {func(m *guest) (string, string) { return "GET /login?u=" + m.mail + "&pass=x" + host, "" }, "mail:alice@member.example"},
	} {
		t.Run(name, func(t *testing.T) {
			v := judgeReplies(t, &portal{
				asks: func(kind string, m *guest) (string, string) {
					if kind != "login" {
						return "", ""
					}
					return test.asks(m)
				},
				edit: replacing("record", 0, `"light"`, `"dark"`),
			})
			if v.Decision != gate.Blocked || len(v.Findings) != 1 || !slices.Equal(v.Findings[0].Gained, []string{test.who}) {
				t.Errorf("%s, %+v; want one finding, of %s", v.Decision, v.Findings, test.who)
			}
		})
	}
	t.Run("two people of one session", func(t *testing.T) {
		v := judgeReplies(t, &portal{
			asks: func(kind string, m *guest) (string, string) {
				return form("email=" + kind + "%40member.example&password=x")
			},
			edit: replacing("record", 0, `"light"`, `"dark"`),
		})
		if len(v.Findings) != 1 || !slices.Equal(v.Findings[0].Gained, []string{"session:s0"}) {
			t.Errorf("%+v; want the session", v.Findings)
		}
	})
}

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
