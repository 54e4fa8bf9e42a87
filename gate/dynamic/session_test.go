package dynamic_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// TestSessions asks as each key is known to the build: with what it sent last, and what was set
// since.
func TestSessions(t *testing.T) {
	var known dynamic.Sessions
	saw := func(key, head, answer string) {
		crlf := strings.NewReplacer("\n", "\r\n")
		known.Saw(&gate.Stimulus{Channel: "http", Key: key, Head: []byte(crlf.Replace(head))},
			&gate.Outcome{Status: 200, Head: []byte(crlf.Replace(answer))})
	}
	saw("a", "POST /in HTTP/1.1\nHost: shop.example\nCookie: lang=en; sid=old\nX-Forwarded-User: ann\nX-CSRF-Token: one\nContent-Type: text/plain\n",
		"HTTP/1.1 200 OK\nSet-Cookie: sid=new; Path=/; HttpOnly\nSet-Cookie: hint=1\n")
	saw("a", "GET /style HTTP/1.1\nHost: shop.example\nX-Forwarded-User: ann\n", "HTTP/1.1 200 OK\nSet-Cookie: hint=; Max-Age=0\nSet-Cookie: bad=\x01\n")
	saw("b", "GET / HTTP/1.1\nAuthorization: Basic Yg==\n", "HTTP/1.1 200 OK\n")
	saw("", "GET / HTTP/1.1\nCookie: sid=nobody\n", "HTTP/1.1 200 OK\n")
	for key, want := range map[string]string{
		"a": "GET /x?y=1 HTTP/1.1\nHost: h\nAccept: */*\nx-forwarded-user: ann\nX-Forwarded-Proto: https\nCookie: lang=en; sid=new\n",
		"b": "GET /x?y=1 HTTP/1.1\nHost: h\nAccept: */*\nauthorization: Basic Yg==\nX-Forwarded-Proto: https\n",
	} {
		v, ok := known.Of(key)
		if got := strings.ReplaceAll(string(v.Get("/x?y=1", "h", true)), "\r\n", "\n"); !ok || got != want {
			t.Errorf("%s asks %q, want %q", key, got, want)
		}
	}
	v, ok := known.Of("c")
	if got := string(v.Get("/", "h", false)); ok || got != "GET / HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n" {
		t.Errorf("a stranger asks %q, known %v", got, ok)
	}
	v.Set(&gate.Outcome{Head: []byte("HTTP/1.1 200 OK\r\nSet-Cookie: sid=mine\r\n")})
	if again, _ := known.Of("c"); strings.Contains(string(again.Get("/", "h", false)), "mine") {
		t.Error("what one visitor was set is kept for others")
	}
}

// TestAgain asks for what another asked for, and leaves out what said who that was and what it
// had already.
func TestAgain(t *testing.T) {
	var known dynamic.Sessions
	known.Saw(&gate.Stimulus{Channel: "http", Key: "b", Head: []byte("GET /b HTTP/1.1\r\nAuthorization: Bearer b\r\nX-Forwarded-Proto: http\r\nCookie: sid=b\r\n")},
		&gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\n")})
	asked := &gate.Stimulus{Channel: "http", Key: "a", Head: []byte("GET /a?x=1 HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\nAuthorization: Bearer a\r\n" +
		"X-Forwarded-Proto: https\r\nX-User: a\r\nIf-None-Match: \"a\"\r\nReferer: http://h/a\r\nCookie: sid=a\r\nAccept-Encoding: gzip")}
	const rest = "GET /a?x=1 HTTP/1.1\nHost: h\nAccept: text/html\nX-Forwarded-Proto: https\nAccept-Encoding: gzip\n"
	for key, want := range map[string]string{"b": rest + "authorization: Bearer b\nCookie: sid=b\n", "nobody": rest} {
		v, _ := known.Of(key)
		if got := strings.ReplaceAll(string(v.Again(asked)), "\r\n", "\n"); got != want {
			t.Errorf("%s asks %q, want %q", key, got, want)
		}
	}
}

func TestLocation(t *testing.T) {
	for status, want := range map[int]string{200: "", 201: "", 302: "/next", 303: "/next", 304: "", 308: "/next"} {
		if got := dynamic.Location(&gate.Outcome{Status: status, Head: []byte("HTTP/1.1 3 X\r\nlocation: /next\r\n")}); got != want {
			t.Errorf("status %d leads to %q, want %q", status, got, want)
		}
	}
}
