package dynamic_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

func zipped(t testing.TB, s string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func answer(head, body string) *gate.Outcome {
	return &gate.Outcome{Status: 200, Head: []byte(strings.ReplaceAll("HTTP/1.1 200 OK\n"+head, "\n", "\r\n")), Body: []byte(body)}
}

func TestFind(t *testing.T) {
	page := answer("Content-Type: text/html; charset=utf-8\n", `<meta name="csrf-token" content="m1"><form><INPUT TYPE=hidden name=csrf value="a&amp;b"><input name=q value=no>`+
		`<input type="hidden" name="csrf" value="second"></form>`)
	json := answer("content-type: application/vnd.api+json\n", `{"a":{"b c":[{"id":17},{"id":"x\u0041"}]},"n":null}`)
	headers := answer("Set-Cookie: session=s1; Path=/\nSet-Cookie: session=\"s2\"\nLocation: https://x.example/orders/a%2Fb?id=7+8\nX-CSRF-Token: t\nDate: today\n", "")
	packed := answer("Content-Type: application/json\nContent-Encoding: gzip\n", "")
	packed.Body = zipped(t, `{"id":"packed"}`)
	for _, test := range []struct {
		o           *gate.Outcome
		place, want string
	}{
		{page, "input/csrf", "a&b"}, {page, "input/csrf[1]", "second"}, {page, "meta/csrf-token", "m1"}, {page, "input/q", ""},
		{json, "json/$.a[\"b c\"][0].id", "17"}, {json, "json/$.a[\"b c\"][1].id", "xA"}, {json, "json/$.n", ""},
		{headers, "cookie/session", "s1"}, {headers, "cookie/session[1]", "s2"}, {headers, "location/path[1]", "a/b"},
		{headers, "location/query/id", "7 8"}, {headers, "header/x-csrf-token", "t"}, {headers, "header/date", ""},
		{packed, "json/$.id", "packed"},
		{answer("Content-Type: text/plain\n", " tok \n"), "text", "tok"},
		{&gate.Outcome{Error: "refused"}, "text", ""}, {nil, "text", ""},
		{answer("Content-Type: application/json\nContent-Encoding: br\n", "{}"), "json/$", ""},
	} {
		got, ok := dynamic.Find(test.place, test.o)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s: %q, %v, want %q", test.place, got, ok, test.want)
		}
	}
}

func request(target, fields, body string) *gate.Stimulus {
	s := &gate.Stimulus{Channel: "http", Head: []byte(strings.ReplaceAll("POST "+target+" HTTP/1.1\nHost: x.example\n"+fields, "\n", "\r\n")), Body: []byte(body)}
	if body != "" {
		s.Head = fmt.Appendf(s.Head, "Content-Length: %d\r\n", len(body))
	}
	return s
}

func TestPut(t *testing.T) {
	const was, is = "aB3/+=x", "Zz9&\"<new>"
	basic := func(v string) string { return base64.StdEncoding.EncodeToString([]byte("user:" + v)) }
	for _, test := range []struct {
		name       string
		s          *gate.Stimulus
		head, body string // that must stand in it
	}{
		{"query", request("/a?t="+url.QueryEscape(was)+"&u=1", "", ""), "?t=" + url.QueryEscape(is) + "&u=1", ""},
		{"mixed escapes", request("/a?t=aB3%2f%2B%3Dx", "", ""), "?t=" + url.QueryEscape(is) + " ", ""},
		{"path", request("/o/"+url.PathEscape(was)+"/x", "", ""), "/o/" + url.QueryEscape(is) + "/x", ""},
		{"cookie", request("/", "Cookie: a=b; s="+was+"; c=d\n", ""), "; s=" + is + "; c=d", ""},
		{"form", request("/", "Content-Type: application/x-www-form-urlencoded\n", "q=1&t="+url.QueryEscape(was)), "", "q=1&t=" + url.QueryEscape(is)},
		{"json", request("/", "Content-Type: application/json\n", `{"t":"`+was+`"}`), "", `{"t":"Zz9&\"<new>"}`},
		{"json with escapes", request("/", "Content-Type: application/json\n", `{"t":"aB3\/+=x"}`), "", `Zz9&\"<new>`},
		{"base64", request("/", "X-Auth: Basic "+basic(was)+"\n", ""), "Basic " + basic(is), ""},
	} {
		out, ok := dynamic.Put(test.s, gate.Binding{Value: was}, is)
		if !ok || !strings.Contains(string(out.Head), test.head) || !strings.Contains(string(out.Body), test.body) {
			t.Errorf("%s: %v\n%s\n%s", test.name, ok, out.Head, out.Body)
		}
		if n := len(out.Body); n > 0 && !strings.Contains(string(out.Head), fmt.Sprintf("Content-Length: %d\r\n", n)) {
			t.Errorf("%s: the length is not mended: %s", test.name, out.Head)
		}
	}
	s := request("/", "Content-Encoding: gzip\n", "")
	s.Body = zipped(t, `{"t":"value-1"}`)
	out, ok := dynamic.Put(s, gate.Binding{Value: "value-1"}, "other")
	if !ok || !bytes.Equal(out.Body, zipped(t, `{"t":"other"}`)) {
		t.Errorf("gzip: %v %q", ok, out.Body)
	}
	// A value is no part of a longer word, and what is not there is not put.
	for _, s := range []*gate.Stimulus{request("/o/912345", "", ""), request("/o/123456", "", "a"), request("/", "", "")} {
		if out, ok := dynamic.Put(s, gate.Binding{Value: "12345"}, "9"); ok || !bytes.Equal(out.Head, s.Head) || !bytes.Equal(out.Body, s.Body) {
			t.Errorf("put into %s", s.Head)
		}
	}
	if out, ok := dynamic.Put(request("/o/1%2F12345", "", ""), gate.Binding{Value: "12345"}, "9"); !ok || !strings.Contains(string(out.Head), "/o/1%2F9 ") {
		t.Errorf("behind an escape: %s", out.Head)
	}
}

// What is put can be found and put back, whatever the values are.
func TestPutIsUndone(t *testing.T) {
	values := rapid.StringMatching(`[A-Za-z0-9+/=_.-]{8,40}`)
	rapid.Check(t, func(t *rapid.T) {
		was, is := "q"+values.Draw(t, "was")+"Q", "w"+values.Draw(t, "is")+"W"
		s := request("/p?x="+url.QueryEscape(was), "Cookie: s="+was+"\nContent-Type: application/json\n", `{"v":"`+was+`"}`)
		there, ok := dynamic.Put(s, gate.Binding{Value: was}, is)
		if !ok || bytes.Contains(there.Head, []byte(was)) {
			t.Fatalf("not put: %s", there.Head)
		}
		back, ok := dynamic.Put(&there, gate.Binding{Value: is}, was)
		if !ok || !bytes.Equal(back.Head, s.Head) || !bytes.Equal(back.Body, s.Body) {
			t.Fatalf("not put back:\n%s%s\n%s%s", s.Head, s.Body, back.Head, back.Body)
		}
	})
}

func TestLearn(t *testing.T) {
	type exchange struct {
		s *gate.Stimulus
		o *gate.Outcome
	}
	keyed := func(id, key string, s *gate.Stimulus) *gate.Stimulus { s.ID, s.Key = id, key; return s }
	for _, test := range []struct {
		name    string
		options dynamic.Options
		before  []exchange
		s       *gate.Stimulus
		want    []gate.Binding
	}{
		{"a session", dynamic.Options{}, []exchange{{keyed("1", "k", request("/login", "", "")), answer("Set-Cookie: sid=0123456789abcdef\n", "")}},
			request("/", "Cookie: sid=0123456789abcdef\n", ""), []gate.Binding{{From: "1", Place: "cookie/sid", Value: "0123456789abcdef"}}},
		{"small numbers and words", dynamic.Options{}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":17,"lang":"en","word":"chocolate","day":"2031-03-03","mail":"a1@x.example","price":"1234.50"}`)}},
			request("/17/en/chocolate/2031-03-03?m=a1%40x.example&p=1234.50", "", ""), nil},
		{"small, but asked for", dynamic.Options{Learn: []string{"json/$.id"}}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":17}`)}},
			request("/o/17", "", ""), []gate.Binding{{From: "1", Place: "json/$.id", Value: "17"}}},
		{"ignored", dynamic.Options{Ignore: []string{"json/*"}}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":"abc123def"}`)}},
			request("/o/abc123def", "", ""), nil},
		{"an echo", dynamic.Options{}, []exchange{{keyed("1", "k", request("/?q=abc123def", "", "")), answer("Content-Type: application/json\n", `{"q":"abc123def"}`)}},
			request("/o/abc123def", "", ""), nil},
		{"the same session before the latest", dynamic.Options{}, []exchange{
			{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":"abc123def"}`)},
			{keyed("2", "j", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":"abc123def"}`)},
		}, keyed("3", "k", request("/o/abc123def", "", "")), []gate.Binding{{From: "1", Place: "json/$.id", Value: "abc123def"}}},
		{"the latest of others", dynamic.Options{}, []exchange{
			{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":"abc123def"}`)},
			{keyed("2", "j", request("/", "", "")), answer("Content-Type: application/json\n", `{"id":"abc123def"}`)},
		}, keyed("3", "i", request("/o/abc123def", "", "")), []gate.Binding{{From: "2", Place: "json/$.id", Value: "abc123def"}}},
		{"the longest", dynamic.Options{}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"long":"abc123-def456","short":"abc123"}`)}},
			request("/o/abc123-def456", "", ""), []gate.Binding{{From: "1", Place: "json/$.long", Value: "abc123-def456"}}},
		{"in JSON in a form", dynamic.Options{}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Location: /o/abc123def\n", "")}},
			request("/", "Content-Type: application/x-www-form-urlencoded\n", "p="+url.QueryEscape(`{"id":"abc123def"}`)), []gate.Binding{{From: "1", Place: "location/path[1]", Value: "abc123def"}}},
		{"in a header", dynamic.Options{}, []exchange{{keyed("1", "k", request("/", "", "")), answer("Content-Type: application/json\n", `{"token":"abc123def456"}`)}},
			request("/", "Authorization: Bearer abc123def456\n", ""), []gate.Binding{{From: "1", Place: "json/$.token", Value: "abc123def456"}}},
	} {
		l := dynamic.NewLearner(test.options)
		for _, x := range test.before {
			l.Learn(x.s, x.o)
		}
		l.Learn(test.s, nil)
		if d := cmp.Diff(test.want, test.s.Bindings); d != "" {
			t.Errorf("%s: %s", test.name, d)
		}
	}
}

// Memory is bounded: what was learnt first is forgotten first.
func TestLearnForgets(t *testing.T) {
	l := dynamic.NewLearner(dynamic.Options{})
	pad := strings.Repeat("x", 4000)
	for i := range 20_000 {
		s := &gate.Stimulus{ID: fmt.Sprint(i), Channel: "http", Head: []byte("GET / HTTP/1.1\r\n")}
		l.Learn(s, &gate.Outcome{Status: 200, Head: fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nSet-Cookie: s=%s-%07d\r\n", pad, i)})
	}
	for i, want := range map[int]int{0: 0, 19_999: 1} {
		s := request("/", fmt.Sprintf("Cookie: s=%s-%07d\n", pad, i), "")
		if l.Learn(s, nil); len(s.Bindings) != want {
			t.Errorf("session %d has %d bindings, want %d", i, len(s.Bindings), want)
		}
	}
}

func TestNeeds(t *testing.T) {
	n := dynamic.NewNeeds(dynamic.Options{Ignore: []string{"cookie/*"}})
	n.Add(&gate.Stimulus{Bindings: []gate.Binding{{From: "1", Place: "json/$.a", Value: "x"}, {From: "1", Place: "cookie/s", Value: "y"}, {From: "2", Place: "cookie/s", Value: "z"}}})
	n.Add(&gate.Stimulus{Bindings: []gate.Binding{{From: "1", Place: "json/$.a", Value: "x"}, {From: "1", Place: "json/$.b", Value: "w"}}})
	if d := cmp.Diff(&dynamic.Need{Places: []string{"json/$.a", "json/$.b"}, Users: 3}, n.Of("1")); d != "" {
		t.Error(d)
	}
	if n.Of("2") != nil || !n.Any() || dynamic.NewNeeds(dynamic.Options{}).Any() {
		t.Error("ignored places are needed, or nothing is not nothing")
	}
}

func TestInject(t *testing.T) {
	s := request("/", "authorization: old\nX-A: 1\nAuthorization: older\n", "")
	got := string(dynamic.Inject(s, map[string]string{"Authorization": "new", "X-B": "2"}).Head)
	want := "POST / HTTP/1.1\r\nHost: x.example\r\nAuthorization: new\r\nX-A: 1\r\nX-B: 2\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
	mail := &gate.Stimulus{Channel: "smtp", Head: []byte("EHLO x\r\n")}
	if out := dynamic.Inject(mail, map[string]string{"A": "b"}); string(out.Head) != string(mail.Head) {
		t.Errorf("a mail was given headers: %q", out.Head)
	}
}

// Nothing that a build answers or a client sends stops the program, and a value that
// was found stands where it was found again.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nSet-Cookie: s=abcdefgh1\r\nContent-Type: text/html\r\n"), []byte(`<input type=hidden name=a value=abcdefgh2>`), []byte("GET /?a=abcdefgh2 HTTP/1.1\r\nCookie: s=abcdefgh1\r\n"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLocation: /%zz?%"), []byte(`{"a":[1,{"b":"\ud800"}]`), []byte("POST / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, head, body, request []byte) {
		l := dynamic.NewLearner(dynamic.Options{})
		l.Learn(&gate.Stimulus{ID: "1", Channel: "http", Head: request}, &gate.Outcome{Status: 200, Head: head, Body: body})
		s := &gate.Stimulus{ID: "2", Channel: "http", Head: request, Body: body}
		l.Learn(s, nil)
		for _, b := range s.Bindings {
			if v, ok := dynamic.Find(b.Place, &gate.Outcome{Status: 200, Head: head, Body: body}); !ok || v != b.Value {
				t.Fatalf("%s: %q, learnt %q", b.Place, v, b.Value)
			}
		}
	})
}
