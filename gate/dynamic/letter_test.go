package dynamic_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

func quoted(s string) string {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	_, _ = w.Write([]byte(s))
	_ = w.Close()
	return out.String()
}

// lines is s in lines of base64 as mails have it.
func lines(s string) string {
	coded := base64.StdEncoding.EncodeToString([]byte(s))
	var out strings.Builder
	for len(coded) > 76 {
		out.WriteString(coded[:76] + "\r\n")
		coded = coded[76:]
	}
	return out.String() + coded + "\r\n"
}

func letter(to, fields, body string) *gate.Message {
	return &gate.Message{Channel: "smtp", Head: []byte("EHLO app\r\nMAIL FROM:<noreply@app.example>\r\nRCPT TO:<" + to + ">\r\n"),
		Body: []byte(strings.ReplaceAll("From: noreply@app.example\nTo: "+to+"\n"+fields, "\n", "\r\n") + "\r\n" + body)}
}

func call(host, fields, body string) *gate.Message {
	return &gate.Message{Channel: "http", Host: host, Head: []byte(strings.ReplaceAll("POST /v1/messages HTTP/1.1\nHost: "+host+"\n"+fields, "\n", "\r\n")), Body: []byte(body)}
}

const (
	asJSON = "Content-Type: application/json\n"
	asForm = "Content-Type: application/x-www-form-urlencoded\n"
)

// kinds are the ways in which applications send somebody a value that has to come back.
var kinds = map[string]func(to, v string) *gate.Message{
	"text": func(to, v string) *gate.Message {
		return letter(to, "Subject: Reset\nContent-Type: text/plain\n", "Follow http://app.example/reset?user=u&key="+url.QueryEscape(v)+".\r\n")
	},
	"path of a link": func(to, v string) *gate.Message {
		return letter(to, "Subject: Confirm\n", "Go to <https://app.example/confirm/"+url.PathEscape(v)+"/now>\r\n")
	},
	"fragment": func(to, v string) *gate.Message {
		return letter(to, "Subject: Confirm\n", "https://app.example/#/invite?token="+url.QueryEscape(v)+"\r\n")
	},
	"link within a link": func(to, v string) *gate.Message {
		return letter(to, "Subject: Confirm\n", "https://click.example/go?to="+url.QueryEscape("https://app.example/verify?token="+url.QueryEscape(v))+"\r\n")
	},
	"code": func(to, v string) *gate.Message {
		return letter(to, "Subject: Hello\nContent-Type: text/plain; charset=utf-8\n", "Your code is "+v+". It is good for 10 minutes.\r\n")
	},
	"subject in an encoded word": func(to, v string) *gate.Message {
		return letter(to, "Subject: "+mime.BEncoding.Encode("utf-8", "Grüße, der Code ist "+v)+"\n", "Hello\r\n")
	},
	"quoted-printable": func(to, v string) *gate.Message {
		return letter(to, "Subject: Hello\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n",
			quoted(strings.Repeat("a long line ", 20)+"https://app.example/very/long/path/to/the/page?token="+url.QueryEscape(v)+"&lang=en\r\n"))
	},
	"HTML in base64": func(to, v string) *gate.Message {
		return letter(to, "Subject: Hello\nContent-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: base64\n",
			lines(`<p>Hi <a href="https://app.example/reset?a=1&amp;token=`+html.EscapeString(url.QueryEscape(v))+`">here</a></p>`))
	},
	"code in HTML": func(to, v string) *gate.Message {
		return letter(to, "Subject: Hello\nContent-Type: text/html\n", "<p>Your password is <b>"+html.EscapeString(v)+"</b></p>")
	},
	"multipart": func(to, v string) *gate.Message {
		return letter(to, "Subject: Hello\nMIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b1\"\n",
			"--b1\r\nContent-Type: text/plain\r\n\r\nOpen https://app.example/i/"+url.PathEscape(v)+"\r\n--b1\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"+
				quoted(`<a href="https://app.example/i/`+url.PathEscape(v)+`">Open</a>`)+"\r\n--b1--\r\n")
	},
	"field": func(to, v string) *gate.Message { return letter(to, "Subject: Hello\nX-Ticket: "+v+"\n", "Hello\r\n") },
	"text message in a form": func(_, v string) *gate.Message {
		return call("api.sms.example", asForm, "To=%2B15105550100&Body="+url.QueryEscape("Your code is "+v))
	},
	"JSON": func(_, v string) *gate.Message {
		return call("hooks.example", asJSON, `{"event":"invited","invite":{"token":`+string(marshal(v))+`}}`)
	},
	"text in JSON": func(to, v string) *gate.Message {
		return call("api.mail.example", asJSON, `{"to":[{"email":"`+to+`"}],"content":[{"type":"text/html","value":`+string(marshal(`<a href="https://app.example/r/`+url.PathEscape(v)+`">x</a>`))+`}]}`)
	},
	"mail in a form": func(to, v string) *gate.Message {
		return call("email.example", asForm, "Action=SendRawEmail&RawMessage.Data="+url.QueryEscape(base64.StdEncoding.EncodeToString(letter(to, "Subject: Code\n", "The code is "+v+"\r\n").Body)))
	},
	"XML": func(_, v string) *gate.Message {
		return call("soap.example", "Content-Type: text/xml\n", `<?xml version="1.0"?><Envelope><Body><Ticket>`+html.EscapeString(v)+`</Ticket></Body></Envelope>`)
	},
}

func marshal(v string) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// Whatever kind of message gave a value, the stimulus that brings it back is bound to it,
// and finds there what another build gave.
func TestMessagesGive(t *testing.T) {
	made := rapid.OneOf(rapid.StringMatching(`[A-Za-z]{4}[0-9][A-Za-z0-9]{11,20}`), rapid.StringMatching(`[1-9][0-9]{5}`), rapid.StringMatching(`[0-9a-f]{6}a1[0-9a-f]{24}`), rapid.StringMatching(`[b-t]{9}[!$%&+~#_:,-][1-9][0-9]`))
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				was, is := made.Draw(t, "was"), made.Draw(t, "is")
				if len(was) == 6 != (len(is) == 6) {
					return // codes and tokens do not take turns
				}
				const to = "alice.smith@example.org"
				l := dynamic.NewLearner(dynamic.Options{})
				ask := request("/reset", asForm, "user="+to)
				ask.ID = "ask"
				l.Learn(ask, &gate.Outcome{Status: 200})
				l.Message(kind(to, was))
				use := request("/use?v="+url.QueryEscape(was), "", "")
				l.Learn(use, nil)
				if len(use.Bindings) != 1 || use.Bindings[0].Sent == nil || use.Bindings[0].From != "ask" || use.Bindings[0].Value != was || use.Bindings[0].Sent.Nth != 1 {
					t.Fatalf("bindings %+v", use.Bindings)
				}
				b := &use.Bindings[0]
				got := dynamic.Read(kind(to, is))
				if v, ok := got.Value(b); !ok || v != is || !got.Fits(b, true) {
					t.Fatalf("%q, %v instead of %q at %s; fits: %v", v, ok, is, b.Place, got.Fits(b, true))
				}
			})
		})
	}
}

// A release may lead to another page and choose other words: the value is found all the same.
func TestMessagesReworded(t *testing.T) {
	const was, is = "aB3xK9Lm2Qp7Zt5w", "Zt5wQp7aB3xK9Lm2"
	for _, test := range []struct{ before, after string }{
		{"http://app.example/reset?user=u&key=" + was, "Hi! https://app.example/account/reset?key=" + is + "&user=u"},
		{"http://app.example/confirm/" + was, "Thanks. http://app.example/account/" + is + "/confirm"},
		{"Your code is 481516.", "Please enter 234815 to go on."},
	} {
		l := dynamic.NewLearner(dynamic.Options{})
		l.Message(letter("a@x.example", "Subject: One\n", test.before))
		use := request("/use?v="+was+"&c=481516", "", "")
		l.Learn(use, nil)
		if len(use.Bindings) != 1 {
			t.Fatalf("%s: bindings %+v", test.before, use.Bindings)
		}
		v, ok := dynamic.Read(letter("a@x.example", "Subject: Two\n", test.after)).Value(&use.Bindings[0])
		if !ok || v != is && v != "234815" {
			t.Errorf("%s: %q, %v", test.after, v, ok)
		}
	}
}

// Messages to one recipient are told apart by what their causes said, and counted.
func TestMessagesApart(t *testing.T) {
	l := dynamic.NewLearner(dynamic.Options{})
	notice := func(author, key string) *gate.Message {
		return letter("admin@x.example", "Subject: Moderate\n", "Author: "+author+"\r\nhttp://app.example/approve?key="+key+"\r\n")
	}
	for i, author := range []string{"robert", "caroline", "robert"} {
		s := request("/comment", asForm, "author="+author+"&text=hello")
		s.ID, s.At = fmt.Sprint("s", i), int64(i*10+1)
		l.Learn(s, &gate.Outcome{Status: 200, Elapsed: 5})
		m := notice(author, fmt.Sprintf("key%dAbCdEfGh", i))
		m.At = int64(i*10 + 3)
		l.Message(m)
	}
	for i, want := range []gate.Binding{
		{From: "s0", Place: "link/approve?key", Sent: &gate.Sent{Like: []string{"robert"}, Nth: 1}},
		{From: "s1", Place: "link/approve?key", Sent: &gate.Sent{Like: []string{"caroline"}, Nth: 1}},
		{From: "s2", Place: "link/approve?key", Sent: &gate.Sent{Like: []string{"robert"}, Nth: 2}},
	} {
		s := request(fmt.Sprintf("/approve?key=key%dAbCdEfGh", i), "", "")
		l.Learn(s, nil)
		if len(s.Bindings) != 1 || s.Bindings[0].From != want.From || s.Bindings[0].Place != want.Place || fmt.Sprint(s.Bindings[0].Sent.Like) != fmt.Sprint(want.Sent.Like) || s.Bindings[0].Sent.Nth != want.Sent.Nth {
			t.Errorf("%d: %+v %+v", i, s.Bindings, s.Bindings[0].Sent)
		}
	}
	other := dynamic.Read(notice("caroline", "other0AbCdEfGh"))
	if b := (gate.Binding{Place: "link/approve?key", Sent: &gate.Sent{Channel: "smtp", To: []string{"admin@x.example"}, Like: []string{"robert"}}}); other.Fits(&b, true) || !other.Fits(&b, false) {
		t.Error("a message of another cause fits")
	}
	b := gate.Binding{Place: "link/approve?key", Sent: &gate.Sent{Channel: "smtp", To: []string{"else@x.example"}}}
	if other.Fits(&b, false) {
		t.Error("a message to somebody else fits")
	}
}

// What a client had chosen, and a message repeats, was given by no message.
func TestMessagesRepeat(t *testing.T) {
	for _, first := range []bool{true, false} {
		l := dynamic.NewLearner(dynamic.Options{})
		ask := request("/order", asForm, "zip=90210&phone=5105550100&ref=PO44556677")
		ask.ID, ask.At = "ask", 10
		m := letter("a@x.example", "Subject: Order\n", "Ship to 90210, call 5105550100, your reference PO44556677\r\n")
		m.At = 20
		if first { // a mail that was sent before its cause was answered stands before it
			l.Message(m)
			l.Learn(ask, &gate.Outcome{Status: 200, Elapsed: 50})
		} else {
			l.Learn(ask, &gate.Outcome{Status: 200, Elapsed: 5})
			l.Message(m)
		}
		use := request("/again", asForm, "zip=90210&phone=5105550100&ref=PO44556677")
		use.At = 30
		if l.Learn(use, nil); len(use.Bindings) > 0 {
			t.Errorf("first %v: %+v", first, use.Bindings)
		}
	}
}

// Pages, scripts and documents give values as forms do.
func TestPagesGive(t *testing.T) {
	const was = "aB3xK9Lm2Qp7"
	for name, page := range map[string]*gate.Outcome{
		"href":         answer("Content-Type: text/html\n", `<a href="/do/1?user=u&amp;nonce=`+was+`">go</a>`),
		"no type":      answer("", `<html><a href="/do/`+was+`/x">go</a></html>`),
		"src":          answer("Content-Type: text/html\n", `<img src="/captcha/`+was+`.png">`),
		"data":         answer("Content-Type: text/html\n", `<div data-token="`+was+`"></div>`),
		"data of JSON": answer("Content-Type: text/html\n", `<div data-props="{&quot;id&quot;:&quot;`+was+`&quot;}"></div>`),
		"script":       answer("Content-Type: text/html\n", `<script>var app = {ajax_nonce: "`+was+`"};</script>`),
		"JSON within":  answer("Content-Type: text/html\n", `<script type="application/json">{"props":{"csrf":"`+was+`"}}</script>`),
		"refresh":      answer("Content-Type: text/html\n", `<meta http-equiv="refresh" content="0; url=/next?ticket=`+was+`">`),
		"button":       answer("Content-Type: text/html\n", `<button name="act" value="`+was+`">`),
		"XML":          answer("Content-Type: application/xml\n", `<r><upload id="`+was+`"/></r>`),
	} {
		l := dynamic.NewLearner(dynamic.Options{})
		ask := request("/page", "", "")
		ask.ID = "ask"
		l.Learn(ask, page)
		use := request("/use/"+was, "", "")
		if name == "src" {
			use = request("/captcha/"+was+".png", "", "")
		}
		l.Learn(use, nil)
		if len(use.Bindings) != 1 || use.Bindings[0].From != "ask" {
			t.Errorf("%s: bindings %+v", name, use.Bindings)
			continue
		}
		other := *page
		other.Body = bytes.ReplaceAll(page.Body, []byte(was), []byte("Qp7aB3xK9Lm2"))
		if v, ok := dynamic.Find(use.Bindings[0].Place, &other); !ok || strings.TrimSuffix(v, ".png") != "Qp7aB3xK9Lm2" {
			t.Errorf("%s: %q, %v at %s", name, v, ok, use.Bindings[0].Place)
		}
	}
}

// What looks made and was given by nothing is said with its place; what is bound, or was
// chosen by somebody, is not.
func TestUnbound(t *testing.T) {
	bound := func(s *gate.Stimulus, v string) *gate.Stimulus {
		s.Bindings = append(s.Bindings, gate.Binding{From: "1", Place: "text", Value: v})
		return s
	}
	for _, test := range []struct {
		s    *gate.Stimulus
		want string
	}{
		{request("/reset?user=alice&key=aB3xK9Lm2Qp7Zt5w", "", ""), "query/key"},
		{bound(request("/reset?key=aB3xK9Lm2Qp7Zt5w", "", ""), "aB3xK9Lm2Qp7Zt5w"), ""},
		{request("/confirm/0123456789abcdef0123456789abcdef", "", ""), "path"},
		{request("/", "Cookie: lang=en; PHPSESSID=a1b2c3d4e5f6a7b8\n", ""), "cookie/PHPSESSID"},
		{request("/", "Authorization: Bearer aB3xK9Lm2Qp7Zt5waB3x\n", ""), "header/authorization"},
		{request("/login", asForm, "otp=483920&name=Alice+Smith&mail=alice%40example.org"), "form/otp"},
		{request("/login", asJSON, `{"csrf_token":"aB3xK9Lm2Qp7"}`), "json/$.csrf_token"},
		{request("/blog/2026-11-30/how-to-write-a-very-long-title-of-a-page?q=some+words&page=12", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\n", ""), ""},
		{request("/static/app.0123456789abcdef0123.js", "", ""), ""},
	} {
		if got := strings.Join(dynamic.Unbound(test.s), " "); got != test.want {
			t.Errorf("%s%s: %q, want %q", test.s.Head, test.s.Body, got, test.want)
		}
	}
}
