package pseudonym_test

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/nyaruka/phonenumbers"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// fatal is what tests and properties share.
type fatal interface {
	Helper()
	Fatalf(string, ...any)
}

// text is a plain text with its people replaced.
func text(t fatal, c *pseudonym.Cleaner, s string) string {
	t.Helper()
	m := gate.Message{Channel: "smtp", Body: []byte("Subject: x\r\n\r\n" + s)}
	if err := c.Message(&m); err != nil {
		t.Fatalf("%q is refused: %v", s, err)
	}
	return strings.TrimPrefix(string(m.Body), "Subject: x\r\n\r\n")
}

// mapped is the pseudonym of one address.
func mapped(t fatal, c *pseudonym.Cleaner, address string) string {
	t.Helper()
	m := gate.Message{Channel: "smtp", Head: []byte("RCPT TO:<" + address + ">\r\n")}
	if err := c.Message(&m); err != nil {
		t.Fatalf("%q is refused: %v", address, err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(m.Head), "RCPT TO:<"), ">\r\n")
}

const (
	someone = "Jane.Doe+news@sub.firm.org"
	phone   = "+1 510-555-0100"
)

func zip(t testing.TB, s string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, s); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func unzip(t testing.TB, b []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// layers are ways in which a text travels within another, each with its inverse.
func layers(t testing.TB) map[string]struct{ put, get func(string) string } {
	un := func(f func(string) (string, error)) func(string) string {
		return func(s string) string {
			out, err := f(s)
			if err != nil {
				t.Fatalf("%q: %v", s, err)
			}
			return out
		}
	}
	return map[string]struct{ put, get func(string) string }{
		"as it is": {func(s string) string { return s }, func(s string) string { return s }},
		"percent":  {url.QueryEscape, un(url.QueryUnescape)},
		"twice percent": {func(s string) string { return url.QueryEscape(url.QueryEscape(s)) }, func(s string) string {
			return un(url.QueryUnescape)(un(url.QueryUnescape)(s))
		}},
		"references": {func(s string) string { return strings.ReplaceAll(html.EscapeString(s), "@", "&#64;") }, html.UnescapeString},
		"json": {func(s string) string { return strings.ReplaceAll(s, "@", `\u0040`) }, un(func(s string) (string, error) {
			var out string
			err := json.Unmarshal([]byte(`"`+s+`"`), &out)
			return out, err
		})},
		"base64": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }, un(func(s string) (string, error) { b, err := base64.StdEncoding.DecodeString(s); return string(b), err })},
		"base64 url": {func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s + "?>")) }, un(func(s string) (string, error) {
			b, err := base64.RawURLEncoding.DecodeString(s)
			return strings.TrimSuffix(string(b), "?>"), err
		})},
		"hex": {func(s string) string { return hex.EncodeToString([]byte(s)) }, un(func(s string) (string, error) { b, err := hex.DecodeString(s); return string(b), err })},
		"gzip in base64": {func(s string) string { return base64.StdEncoding.EncodeToString([]byte(zip(t, s))) }, un(func(s string) (string, error) {
			b, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return "", err
			}
			return unzip(t, b), nil
		})},
		"base64 in percent": {func(s string) string { return url.QueryEscape(base64.StdEncoding.EncodeToString([]byte(s))) }, un(func(s string) (string, error) {
			plain, err := url.QueryUnescape(s)
			if err != nil {
				return "", err
			}
			b, err := base64.StdEncoding.DecodeString(plain)
			return string(b), err
		})},
	}
}

// An identity is the same pseudonym at every layer, in every part of a mail and of a
// request.
func TestEqualEverywhere(t *testing.T) {
	c := cleaner(t, nil)
	want := mapped(t, c, someone)
	wantPhone := text(t, c, phone)
	if want == someone || wantPhone == phone || len(wantPhone) != len(phone) || !strings.HasPrefix(wantPhone, "+1 510-") {
		t.Fatalf("%s and %s are the pseudonyms", want, wantPhone)
	}
	for name, l := range layers(t) {
		for original, pseudonym := range map[string]string{someone: want, phone: wantPhone} {
			if name == "json" && original == phone {
				continue
			}
			in := "see " + l.put(original) + " there"
			got := text(t, c, in)
			inner := strings.TrimSuffix(strings.TrimPrefix(got, "see "), " there")
			if l.get(inner) != pseudonym {
				t.Errorf("%s: %q became %q, want %q within", name, in, got, pseudonym)
			}
		}
	}
}

func TestMail(t *testing.T) {
	c := cleaner(t, nil)
	want := mapped(t, c, someone)
	qp := func(s string) string {
		var out bytes.Buffer
		w := quotedprintable.NewWriter(&out)
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	long := strings.Repeat("word ", 12) + someone + " " + strings.Repeat("more ", 20) + "\r\n"
	body := "From: =?utf-8?q?Zo=C3=AB_Wei=C3=9F?= <zoe@firm.org>\r\nTo: \"Doe, Jane\" <" + someone + ">\r\nSubject: For Jane =?iso-8859-1?b?" + base64.StdEncoding.EncodeToString([]byte("Wei\xdf")) + "?=\r\n" +
		"Message-ID: <1@firm.org>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + qp("Dear JANE DOE, Zoë Weiß\r\n"+long) + "\r\n" +
		"--b\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<p>Jane &lt;" + strings.ReplaceAll(someone, "@", "&#64;") + "&gt; Zo\xeb</p>\r\n" +
		"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename*=utf-8''Jane%20Doe.csv\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte("name,mail\nJane,"+someone+"\n")) + "\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: " + someone + "\r\nSubject: inner\r\n\r\nJane\r\n" +
		"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ\r\n--b--\r\n"
	m := gate.Message{Channel: "smtp", Head: []byte("EHLO a.example\r\nMAIL FROM:<b+Jane.Doe=sub.firm.org@lists.example.com> SIZE=9999\r\nRCPT TO:<" + someone + "> ORCPT=rfc822;Jane.Doe+2Bnews@sub.firm.org\r\n"), Body: []byte(body)}
	if err := c.Message(&m); err != nil {
		t.Fatal(err)
	}
	out := string(m.Head) + string(m.Body)
	local, domain, _ := strings.Cut(want, "@")
	base, tag, _ := strings.Cut(local, "+")
	for _, s := range []string{"RCPT TO:<" + want + ">", "ORCPT=rfc822;" + base + "+2B" + tag + "@" + domain, "+" + base + "=" + domain + "@", "EHLO a.example\r\n",
		fmt.Sprintf("SIZE=%d", 9999+len(m.Body)-len(body)), strings.ReplaceAll(want, "@", "&#64;"), "Subject: For "} {
		if !strings.Contains(out, s) {
			t.Errorf("%q is missing in\n%s", s, out)
		}
	}
	all := strings.ToLower(strings.Join(append(texts(m.Body), string(m.Head)), "\n"))
	for _, s := range []string{"jane", "doe", "weiß", "zoë", "zo\xeb", "firm.org"} {
		if strings.Contains(strings.ReplaceAll(all, strings.ToLower(domain), ""), s) && s != "firm.org" {
			t.Errorf("%q is left in\n%s", s, all)
		}
	}
	for line := range strings.Lines(string(m.Body)) {
		if len(line) > 200 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
	var words mime.WordDecoder
	for line := range strings.Lines(string(m.Body)) {
		if strings.HasPrefix(line, "From: =?") {
			if s, err := words.DecodeHeader(strings.TrimSpace(line)); err != nil || strings.Contains(s, "=?") {
				t.Errorf("%q: %v", line, err)
			}
		}
	}
	if bytes.Contains(m.Body, []byte("iVBORw0KGgo")) {
		t.Error("a picture is left")
	}
	again := gate.Message{Channel: "smtp", Body: []byte(body)}
	if err := cleaner(t, nil).Message(&again); err != nil || !bytes.Equal(again.Body, m.Body) {
		t.Errorf("the same key and mail give another: %v", err)
	}
}

func TestRequest(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) {
		r.Names = []string{"json/$.patient.name", "form/surname"}
		r.Fields = []string{"json/$.ids[*]", "header/x-member", "cookie/member"}
		r.Values = []string{"Project Bluebird"}
		r.Records = []*regexp.Regexp{regexp.MustCompile(`MRN-\d{7}`), regexp.MustCompile(`case ([A-Z]{2}\d{4})`)}
	})
	want := mapped(t, c, someone)
	digest := func(s string) string { d := sha256.Sum256([]byte(strings.ToLower(s))); return hex.EncodeToString(d[:]) }
	body := `{"patient":{"name":"Zoë Weiß"},"to":[{"email":"` + someone + `","name":"Jane Doe"}],"ids":["AB-1234-cd"],"phone":5105550100,` +
		`"note":"Weiß, MRN-1234567, case XY1234, project BLUEBIRD, AB-1234-cd, \u004aane","inner":"{\"e\":\"` + someone + `\"}","em":"` + digest(someone) + `","n":1.50,"password":"hunter2"}`
	m := gate.Message{Channel: "http", Body: []byte(zip(t, body)), Head: []byte("POST /u/" + url.PathEscape(someone) + "?e=" + url.QueryEscape(someone) + "&j=" + url.QueryEscape(`{"e":"`+someone+`"}`) + "&h=" + digest(someone) +
		" HTTP/1.1\r\nHost: jane.example\r\nAuthorization: Bearer abc\r\nCookie: sid=0123456789abcdef; member=77-abc-88\r\nX-Member: 77-abc-88\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: " +
		fmt.Sprint(len(zip(t, body))) + "\r\n")}
	if err := c.Message(&m); err != nil {
		t.Fatal(err)
	}
	head, plain := string(m.Head), unzip(t, m.Body)
	var got map[string]any
	if err := json.Unmarshal([]byte(plain), &got); err != nil {
		t.Fatalf("%v\n%s", err, plain)
	}
	for _, s := range []string{url.QueryEscape(want), "h=" + digest(want), "Host: jane.example\r\n", "sid=0123456789abcdef", "Bearer withheld-", fmt.Sprintf("Content-Length: %d\r\n", len(m.Body))} {
		if !strings.Contains(head, s) {
			t.Errorf("%q is missing in\n%s", s, head)
		}
	}
	for _, s := range []string{`"email":"` + want + `"`, `{\"e\":\"` + want + `\"}`, `"em":"` + digest(want) + `"`, `"n":1.50`, "MRN-", "case "} {
		if !strings.Contains(plain, s) {
			t.Errorf("%q is missing in\n%s", s, plain)
		}
	}
	for _, s := range []string{"Jane", "Doe", "Zoë", "Weiß", "1234567", "XY1234", "BLUEBIRD", "AB-1234-cd", "hunter2", "5105550100", "u004aane"} {
		if strings.Contains(plain, s) {
			t.Errorf("%q is left in\n%s", s, plain)
		}
	}
	if strings.Contains(head, "77-abc-88") || strings.Contains(head, "Bearer abc") {
		t.Errorf("a field or a credential is left in\n%s", head)
	}
	if !regexp.MustCompile(`MRN-\d{7}, case [A-Z]{2}\d{4},`).MatchString(plain) {
		t.Errorf("record numbers lost their form:\n%s", plain)
	}
}

func TestForm(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.Names = []string{"form/surname"} })
	want := mapped(t, c, someone)
	s := gate.Stimulus{Channel: "http", Head: []byte("POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"),
		Body: []byte("surname=Wei%C3%9F&mail=" + url.QueryEscape(someone) + "&tel=510+555+0100&pwd=s3cret%21&t=Frau+WEI%C3%9F&m=reach+" + url.QueryEscape(someone))}
	o := gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 12\r\n"), Body: []byte("Hello Weiß")}
	if err := c.Stimulus(&s, &o); err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(string(s.Body))
	if err != nil {
		t.Fatal(err)
	}
	name := form.Get("surname")
	if form.Get("mail") != want || form.Get("m") != "reach "+want || name == "Weiß" || !strings.EqualFold(form.Get("t"), "Frau "+name) || form.Get("pwd") == "s3cret!" || len(form.Get("pwd")) != 7 || form.Get("tel") == "510 555 0100" {
		t.Errorf("%s", s.Body)
	}
	if string(o.Body) != "Hello "+name || !strings.Contains(string(o.Head), "Content-Length: 12\r\n") {
		t.Errorf("the answer is %q", o.Body)
	}
}

// What names nobody stays byte for byte.
func TestNobody(t *testing.T) {
	c := cleaner(t, nil)
	for _, m := range []gate.Message{
		{Channel: "smtp", Head: []byte("HELO a\r\nMAIL FROM:<> SIZE=1\r\nRCPT TO:<postmaster>\r\n"), Body: []byte("Subject: =?utf-8?b?w6Q=?=\nDate: Mon, 3 Mar 2031 06:00:00 +0000\n\n10.0.0.1, 2031-03-03 10:11:12, 1,234,567.89 EUR, v1.2.3, 50%25 &amp; 100% =3D\n")},
		{Channel: "smtp", Body: []byte("Content-Transfer-Encoding: quoted-printable\r\n\r\nodd =zz line=\r\n goes =E4 on\r\n")},
		{Channel: "smtp", Body: []byte("Content-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\naGVsbG8g\r\n\r\nd29ybGQ=\r\nfooter\r\n")},
		{Channel: "smtp", Body: []byte("Content-Type: multipart/mixed; boundary=\"x\"\r\n\r\npre\r\n--x\r\n\r\n--x \r\nContent-Type: text/plain\r\n\r\na\r\n--x--\r\nepilogue")},
		{Channel: "http", Head: []byte("GET /a%2Fb/17?q=%zz&x=a+b HTTP/1.1\r\nHost: x.example\r\nX:  spaced \r\n"), Body: nil},
		{Channel: "http", Head: []byte("POST / HTTP/1.1\r\nContent-Type: application/json\r\n"), Body: []byte("{ \"a\" : [1.0, true, null , \"\\u00e4\\/\"] }\n")},
		{Channel: "http", Head: []byte("POST / HTTP/1.1\r\nContent-Type: application/json\r\n"), Body: []byte("{not json}")},
	} {
		was := gate.Message{Head: bytes.Clone(m.Head), Body: bytes.Clone(m.Body)}
		if err := c.Message(&m); err != nil {
			t.Errorf("%q%q: %v", was.Head, was.Body, err)
		}
		if !bytes.Equal(m.Head, was.Head) || !bytes.Equal(m.Body, was.Body) {
			t.Errorf("%q%q\nbecame\n%q%q", was.Head, was.Body, m.Head, m.Body)
		}
	}
}

// A header field may be empty, with or without an end of its line: FuzzMessage once
// found a panic where one was. Nobody stands in it, and it stays as it is.
func TestEmptyFields(t *testing.T) {
	declared := cleaner(t, func(r *pseudonym.Rules) {
		r.Names, r.Fields = []string{"header/from", "header/x-name"}, []string{"header/x-member", "header/to"}
	})
	for _, c := range []*pseudonym.Cleaner{cleaner(t, nil), declared} {
		for _, name := range []string{"From", "To", "Subject", "X-Name", "X-Member", "Content-Type", "Content-Transfer-Encoding", "Content-Disposition", "Cookie", "Authorization", "Content-Length", "Referer", "x"} {
			for _, value := range []string{"", " ", "\t", "\r", " \r\n ", "\r\n\t\r\n -"} {
				for _, end := range []string{"", "\n", "\r\n", "\r\n\r\n", "\r\n\r\ntext"} {
					field := name + ":" + value + end
					for _, m := range []gate.Message{
						{Channel: "smtp", Body: []byte(field)},
						{Channel: "smtp", Body: []byte("Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n" + field)},
						{Channel: "smtp", Head: []byte(field)},
						{Channel: "http", Head: []byte("GET / HTTP/1.1\r\n" + field)},
						{Channel: "http", Head: []byte(field), Body: []byte("a")},
					} {
						head, body := bytes.Clone(m.Head), bytes.Clone(m.Body)
						if err := c.Message(&m); err != nil || !bytes.Equal(m.Head, head) || !bytes.Equal(m.Body, body) {
							t.Errorf("%s: %q%q became %q%q: %v", m.Channel, head, body, m.Head, m.Body, err)
						}
					}
				}
			}
		}
	}
}

// Texts are read in blocks. What is looked for is found wherever it begins and ends in
// them, in front of the end of the text too.
func TestEveryOffset(t *testing.T) {
	c := cleaner(t, nil)
	const intro = "Bo Alva <x@y.org>"
	cleared := text(t, c, intro)
	names := strings.Fields(cleared)
	want, short := mapped(t, c, "al@firm.org"), text(t, c, "510-555-0100")
	if names[0] == "Bo" || names[1] == "Alva" || short == "510-555-0100" {
		t.Fatalf("%q and %q are the pseudonyms", names, short)
	}
	bare := strings.ReplaceAll(short, "-", "")
	pairs := map[string]string{
		"al@firm.org": want,
		base64.StdEncoding.EncodeToString([]byte("al@firm.org")): base64.StdEncoding.EncodeToString([]byte(want)),
		hex.EncodeToString([]byte("al@firm.org")):                hex.EncodeToString([]byte(want)),
		"510-555-0100":   short,
		"(510) 555-0100": "(" + bare[:3] + ") " + bare[3:6] + "-" + bare[6:],
		"+15105550100":   "+1" + bare,
		"a/510-555-0100": "a/" + short,
		"((510-555-0100": "((" + short,
		"Bo":             names[0],
		"Alva":           names[1],
		"ALVA":           strings.ToUpper(names[1]),
		base64.StdEncoding.EncodeToString([]byte("a@b.co")): base64.StdEncoding.EncodeToString([]byte(mapped(t, c, "a@b.co"))), // the shortest that is looked into
		"Alvas":          "Alvas",
		"xAlva":          "xAlva",
		"+1510-555-010a": "+1510-555-010a",
	}
	// Digests whose base64 begins as no text's does.
	for i, found := 0, 0; found < 2; i++ {
		s := fmt.Sprintf("al%d@firm.org", i)
		of := func(s string) string { d := md5.Sum([]byte(s)); return base64.StdEncoding.EncodeToString(d[:]) }
		if found == 1 {
			of = func(s string) string { d := sha1.Sum([]byte(s)); return base64.StdEncoding.EncodeToString(d[:]) }
		}
		if b := of(s)[0]; 'g' <= b && b <= 'v' && !strings.ContainsAny(of(s), "+/") {
			pairs[of(s)] = of(mapped(t, c, s))
			found++
		}
	}
	// What a number within a longer word becomes is not told here, but must be the
	// same wherever it stands.
	for _, s := range []string{"a/+15105550100", "/home/a_b-c/510-555-0100/zzzzzzzzzz"} {
		pairs[s] = text(t, c, s)
	}
	for s, is := range pairs {
		for n := range 48 {
			for _, pad := range []string{strings.Repeat(" ", n), strings.Repeat("ab ", n/3) + strings.Repeat(".", n%3), strings.Repeat("\n", n)} {
				for _, tail := range []string{"", " ", " is it", strings.Repeat(" ", n)} {
					if got := text(t, c, intro+" "+pad+" "+s+tail); got != cleared+" "+pad+" "+is+tail {
						t.Fatalf("%q after %q and before %q became %q", s, pad, tail, got)
					}
				}
			}
		}
	}
}

// What is declared is found side by side, and a crowd is told apart: more people than
// the search has buckets, before and behind the place that names them.
func TestCrowd(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.Values = []string{"-abcdef-"} })
	if got := text(t, c, "-abcdef--abcdef-"); got[:8] == "-abcdef-" || got[:8] != got[8:] {
		t.Errorf("two side by side became %q", got)
	}
	var intro, prose, want strings.Builder
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'a'; b <= 'z'; b += 5 {
			name := fmt.Sprintf("%cu%cem", a, b)
			is := text(t, c, name+" <x@y.org>")[:len(name)]
			fmt.Fprintf(&intro, "%s <%c%c@firm%c.org>\n", name, a, b, b)
			fmt.Fprintf(&prose, "%s, %s and %s.\n", strings.ToUpper(name), strings.ToLower(name), name)
			fmt.Fprintf(&want, "%s, %s and %s.\n", strings.ToUpper(is), strings.ToLower(is), is)
		}
	}
	got := text(t, c, prose.String()+intro.String()+prose.String())
	if !strings.HasPrefix(got, want.String()) || !strings.HasSuffix(got, want.String()) {
		t.Errorf("%s\nbecame\n%s\nwant\n%s", prose.String(), got, want.String())
	}
}

// An item that names more people than are looked for is refused, whether by their
// names or by their addresses.
func TestTooMany(t *testing.T) {
	c := cleaner(t, nil)
	var names, addresses strings.Builder
	for i := range 10_001 {
		word := []byte{byte('A' + i%26), byte('a' + i/26%26), byte('a' + i/676), 'z', 'z'}
		fmt.Fprintf(&names, "%s,\r\n ", word)
		fmt.Fprintf(&addresses, "%s@x.org\r\n", word)
	}
	for name, body := range map[string]string{"names": "To: " + names.String() + "\r\n\r\n", "addresses": "\r\n" + addresses.String()} {
		m := gate.Message{Channel: "smtp", Body: []byte(body)}
		if err := c.Message(&m); err == nil || string(m.Body) != body {
			t.Errorf("too many %s are cleared: %v", name, err)
		}
	}
}

// Mail within mail, both quoted-printable, is read to the end by both looks.
func TestQuotedInQuoted(t *testing.T) {
	c := cleaner(t, nil)
	quote := func(s string) string {
		var out bytes.Buffer
		w := quotedprintable.NewWriter(&out)
		if _, err := io.WriteString(w, s); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	const part = "Content-Transfer-Encoding: quoted-printable\r\nContent-Type: "
	filler := strings.Repeat("some words = some more\r\n", 400)
	inner := "From: a@b.org\r\n" + part + "text/plain\r\n\r\n" + quote(filler+"= "+someone+"\r\n")
	m := gate.Message{Channel: "smtp", Body: []byte(part + "message/rfc822\r\n\r\n" + quote(inner))}
	if err := c.Message(&m); err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(m.Body), "\r\n\r\n")
	for range 2 {
		plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
		if err != nil {
			t.Fatal(err)
		}
		body = string(plain)
	}
	// The digits of a number that was seen, in groups that are no number's: only the
	// second look finds them.
	inner = "From: a@b.org\r\n" + part + "text/plain\r\n\r\n" + quote(phone+"\r\n"+filler+"= 51 0555 01 00\r\n")
	refused := gate.Message{Channel: "smtp", Body: []byte(part + "message/rfc822\r\n\r\n" + quote(inner))}
	if err := c.Message(&refused); err == nil {
		t.Error("the second look does not read to the end")
	}
	if want := mapped(t, c, someone); !strings.Contains(body, filler+"= "+want) || strings.Contains(body, someone) {
		t.Errorf("%q is missing at the end of %q", want, body[max(0, len(body)-200):])
	}
}

// What cannot be cleared is refused, is left as it was, and the error names nobody.
func TestRefused(t *testing.T) {
	c := cleaner(t, nil)
	unknown := sha256.Sum256([]byte("never@seen.org"))
	for name, m := range map[string]gate.Message{
		"S/MIME":            {Channel: "smtp", Body: []byte("From: " + someone + "\r\nContent-Type: application/pkcs7-mime\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n")},
		"OpenPGP":           {Channel: "smtp", Body: []byte("From: " + someone + "\r\nContent-Type: multipart/encrypted; boundary=x\r\n\r\n--x\r\n\r\na\r\n--x--\r\n")},
		"armour":            {Channel: "smtp", Body: []byte("From: " + someone + "\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\nhQEM\r\n-----END PGP MESSAGE-----\r\n")},
		"unknown coding":    {Channel: "http", Head: []byte("POST /?e=" + someone + " HTTP/1.1\r\nContent-Encoding: br\r\n"), Body: []byte("x")},
		"broken gzip":       {Channel: "http", Head: []byte("POST / HTTP/1.1\r\nContent-Encoding: gzip\r\n"), Body: []byte(zip(t, someone)[:20])},
		"unreadable body":   {Channel: "http", Head: []byte("POST / HTTP/1.1\r\nContent-Type: application/grpc\r\n"), Body: []byte("\x00\x00\x00\x00\x05\x0a\x03abc\xff\xfe")},
		"unknown digest":    {Channel: "http", Head: []byte("GET /?em=" + hex.EncodeToString(unknown[:]) + " HTTP/1.1\r\n")},
		"unknown transfer":  {Channel: "smtp", Body: []byte("From: " + someone + "\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin\r\n")},
		"parameter in bits": {Channel: "smtp", Body: []byte("Content-Type: text/plain; name*0=\"jane.d\"; name*1=\"oe@firm.org\"\r\n\r\na\r\n")},
	} {
		was := gate.Message{Head: bytes.Clone(m.Head), Body: bytes.Clone(m.Body)}
		err := c.Message(&m)
		if err == nil {
			t.Errorf("%s: cleared as %q%q", name, m.Head, m.Body)
			continue
		}
		if !bytes.Equal(m.Head, was.Head) || !bytes.Equal(m.Body, was.Body) {
			t.Errorf("%s: half changed: %q%q", name, m.Head, m.Body)
		}
		if strings.Contains(strings.ToLower(err.Error()), "jane") || strings.Contains(err.Error(), "firm") {
			t.Errorf("%s: the error names somebody: %v", name, err)
		}
	}
	// A cut answer loses its body, and no more.
	s := gate.Stimulus{Channel: "http", Head: []byte("GET / HTTP/1.1\r\n")}
	o := gate.Outcome{Status: 200, Cut: 10, Head: []byte("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"), Body: []byte(zip(t, someone)[:20])}
	if err := c.Stimulus(&s, &o); err != nil || o.Body != nil || o.Cut != 30 {
		t.Errorf("a cut answer: %v, %q, %d cut", err, o.Body, o.Cut)
	}
}

// Digests of those who were seen become those of their pseudonyms, in every form.
func TestDigests(t *testing.T) {
	c := cleaner(t, nil)
	want := mapped(t, c, someone)
	hashes := map[string]func(string) []byte{
		"sha256": func(s string) []byte { d := sha256.Sum256([]byte(s)); return d[:] },
		"sha1":   func(s string) []byte { d := sha1.Sum([]byte(s)); return d[:] },
		"md5":    func(s string) []byte { d := md5.Sum([]byte(s)); return d[:] },
	}
	for name, h := range hashes {
		for form, of := range map[string]func(string) string{"lower": strings.ToLower, "as it is": func(s string) string { return s }} {
			for coding, code := range map[string]func([]byte) string{"hex": hex.EncodeToString, "HEX": func(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }, "base64": base64.StdEncoding.EncodeToString} {
				if got := text(t, c, "x "+code(h(of(someone)))+" y"); got != "x "+code(h(of(want)))+" y" {
					t.Errorf("%s of %s in %s: %s", name, form, coding, got)
				}
			}
		}
	}
	number := text(t, c, "510-555-0100")
	bare := strings.ReplaceAll(number, "-", "")
	if got := text(t, c, hex.EncodeToString(hashes["sha256"]("15105550100"))); got != hex.EncodeToString(hashes["sha256"]("1"+bare)) {
		t.Error("the digest of a number with its calling code is not that of its pseudonym")
	}
}

// Twins stay twins, what differs differs, and no mailbox is real.
func TestAddresses(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.KeepDomains = []string{"clinic.example"} })
	locals := rapid.OneOf(rapid.StringMatching(`[a-zA-Z][a-zA-Z0-9]{0,12}(\.[a-z0-9]{1,6})?`), rapid.StringMatching(`[a-zäöüß]{2,8}`), rapid.StringMatching(`[а-я]{2,8}`), rapid.StringMatching(`[一-俿]{1,4}`))
	domains := rapid.StringMatching(`[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,4})?\.(org|com|co\.uk|de)`)
	split := func(a string) (string, string) { i := strings.LastIndexByte(a, '@'); return a[:i], a[i+1:] }
	rapid.Check(t, func(t *rapid.T) {
		l, d, tag := locals.Draw(t, "local"), domains.Draw(t, "domain"), rapid.StringMatching(`[a-z0-9]{1,6}`).Draw(t, "tag")
		p := mapped(t, c, l+"@"+d)
		pl, pd := split(p)
		if !strings.HasSuffix(pd, ".example") {
			t.Fatalf("%s@%s became %s, which may be real", l, d, p)
		}
		if _, err := gate.MailRecipient(p, gate.Envelope); err != nil {
			t.Fatal(err)
		}
		if utf8 := strings.ContainsFunc(l, func(r rune) bool { return r > 0x7f }); utf8 != strings.ContainsFunc(pl, func(r rune) bool { return r > 0x7f }) {
			t.Fatalf("%s became %s", l, pl)
		}
		if lower := mapped(t, c, strings.ToLower(l)+"@"+d); lower != strings.ToLower(pl)+"@"+pd {
			t.Fatalf("case twins of %s: %s and %s", l, p, lower)
		}
		if tagged := mapped(t, c, l+"+"+tag+"@"+d); !strings.HasPrefix(tagged, pl+"+") || !strings.HasSuffix(tagged, "@"+pd) {
			t.Fatalf("plus twins of %s: %s and %s", l, p, tagged)
		}
		if !strings.Contains(l, ".") && len([]rune(l)) > 1 && len(l) == len([]rune(l)) {
			if dotted := mapped(t, c, l[:1]+"."+l[1:]+"@"+d); strings.ReplaceAll(dotted, ".", "") != strings.ReplaceAll(p, ".", "") {
				t.Fatalf("dot twins of %s: %s and %s", l, p, dotted)
			}
		}
		if quoted := mapped(t, c, `"`+l+` x"@`+d); !strings.HasPrefix(quoted, `"`) || !strings.HasSuffix(quoted, `"@`+pd) {
			t.Fatalf("quoted %s: %s", l, quoted)
		}
		if upper := mapped(t, c, l+"@"+strings.ToUpper(d)); upper != pl+"@"+strings.ToUpper(pd) {
			t.Fatalf("domain in upper case: %s and %s", p, upper)
		}
		if sub := mapped(t, c, l+"@mail."+d); !strings.HasSuffix(sub, "."+pd) {
			t.Fatalf("below %s: %s", pd, sub)
		}
		if kept := mapped(t, c, l+"@a.clinic.example"); kept != pl+"@a.clinic.example" {
			t.Fatalf("kept domain: %s", kept)
		}
		if got := text(t, c, "<"+l+"@"+d+">"); got != "<"+p+">" {
			t.Fatalf("in text: %s, want %s", got, p)
		}
	})
}

// No two addresses, numbers or names become one.
func TestOneToOne(t *testing.T) {
	c := cleaner(t, nil)
	seen := map[string]string{}
	check := func(was, is string) {
		if other, ok := seen[is]; ok && other != was {
			t.Fatalf("%s and %s both become %s", was, other, is)
		}
		seen[is] = was
	}
	for a := 'a'; a <= 'z'; a++ {
		for b := 'a'; b <= 'z'; b++ {
			for _, d := range []string{"x.org", "y.org", "org.x.com", "x.com"} {
				s := fmt.Sprintf("%c%c@%s", a, b, d)
				check(s, mapped(t, c, s))
			}
			s := fmt.Sprintf("q@%c%c.org", a, b)
			check(s, mapped(t, c, s))
		}
	}
	for i := range 3000 {
		s := fmt.Sprintf("+1 510 555 %04d", i)
		check(s, text(t, c, s))
	}
	if mapped(t, c, "kim@bücher.de") == mapped(t, c, "kim@xn--bcher-kva.de") {
		t.Error("a U-label is written as an A-label")
	}
	u, _ := gate.MailRecipient(mapped(t, c, "kim@bücher.de"), gate.To)
	a, _ := gate.MailRecipient(mapped(t, c, "kim@xn--bcher-kva.de"), gate.To)
	if u != a || u.Address == "" {
		t.Errorf("two forms of one name: %v and %v", u, a)
	}
}

// A number has one pseudonym in all of its formats, and stays a number of its country.
func TestNumbers(t *testing.T) {
	c := cleaner(t, nil)
	for _, region := range []string{"US", "DE", "GB", "FR", "NL", "AT", "SE", "IN", "BR", "JP", "AU", "ZA", "PL", "CH", "ES", "DK"} {
		n := phonenumbers.GetExampleNumber(region)
		international := phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
		e164 := phonenumbers.Format(n, phonenumbers.E164)
		a, b := text(t, c, "call "+international+" now"), text(t, c, "call "+e164+" now")
		if a == "call "+international+" now" || regexp.MustCompile(`[^+0-9]`).ReplaceAllString(a, "") != strings.TrimSuffix(strings.TrimPrefix(b, "call "), " now") {
			t.Errorf("%s: %s and %s became %q and %q", region, international, e164, a, b)
		}
		m := gate.Stimulus{Channel: "http", Head: []byte("GET /?phone=" + fmt.Sprint(n.GetNationalNumber()) + "&other=" + url.QueryEscape(e164) + " HTTP/1.1\r\n")}
		if err := c.Stimulus(&m, nil); err != nil || strings.Contains(string(m.Head), fmt.Sprint(n.GetNationalNumber())) {
			t.Errorf("%s: %v, %s", region, err, m.Head)
		}
		p, err := phonenumbers.Parse(strings.TrimSuffix(strings.TrimPrefix(b, "call "), " now"), "")
		if err != nil || p.GetCountryCode() != n.GetCountryCode() || !phonenumbers.IsPossibleNumber(p) {
			t.Errorf("%s: %s became %s, which is no number of that country: %v", region, e164, b, err)
		}
	}
	for _, s := range []string{"510-555-0100", "(510) 555-0100", "1-510-555-0100", "+1.510.555.0100", "+15105550100", "030 1234567", "0049 30 1234567"} {
		if got := text(t, c, s+","); got == s+"," || len(got) != len(s)+1 {
			t.Errorf("%s became %s", s, got)
		}
	}
}

// A cleaner is used from many goroutines, and what it gives depends on none of them.
func TestConcurrent(t *testing.T) {
	c := cleaner(t, nil)
	want := text(t, cleaner(t, nil), "Jane <"+someone+"> "+phone)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 50 {
				m := gate.Message{Channel: "smtp", Body: fmt.Appendf(nil, "Subject: x\r\n\r\nJane <%s> %s", someone, phone)}
				if err := c.Message(&m); err != nil || !strings.HasSuffix(string(m.Body), want) {
					t.Errorf("%v: %s, want %s", err, m.Body, want)
				}
				other := gate.Message{Channel: "smtp", Body: fmt.Appendf(nil, "Subject: x\r\n\r\np%d@x%d.org", i, i)}
				if err := c.Message(&other); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestRules(t *testing.T) {
	key := bytes.Repeat([]byte("k"), 32)
	for name, r := range map[string]pseudonym.Rules{
		"short key":       {Key: key[:31]},
		"bad domain":      {Key: key, KeepDomains: []string{"a b"}},
		"bad place":       {Key: key, Names: []string{"surname"}},
		"bad kind":        {Key: key, Fields: []string{"body/x"}},
		"empty pattern":   {Key: key, Records: []*regexp.Regexp{regexp.MustCompile(`\d*`)}},
		"nothing to find": {Key: key, Values: []string{"--"}},
	} {
		if _, err := pseudonym.New(r); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	a, b := cleaner(t, nil), cleaner(t, func(r *pseudonym.Rules) { r.Key = bytes.Repeat([]byte("x"), 32) })
	if a.KeyID() == b.KeyID() || len(a.KeyID()) != 16 || mapped(t, a, someone) == mapped(t, b, someone) {
		t.Error("two keys are one")
	}
}

func TestReadKey(t *testing.T) {
	key := bytes.Repeat([]byte{0xfb, 0xff}, 16)
	for _, s := range []string{hex.EncodeToString(key), base64.StdEncoding.EncodeToString(key) + "\n", base64.RawURLEncoding.EncodeToString(key), " " + base64.URLEncoding.EncodeToString(key) + "\r\n"} {
		if got, err := pseudonym.ReadKey([]byte(s)); err != nil || !bytes.Equal(got, key) {
			t.Errorf("%q: %x, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "short", hex.EncodeToString(key[:31]), "not a key at all, but a sentence which is long", base64.StdEncoding.EncodeToString(key) + "\nsecond line"} {
		if _, err := pseudonym.ReadKey([]byte(s)); err == nil || s != "" && strings.Contains(err.Error(), s) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// Whatever comes, it ends; what is cleared holds no address of before in the clear,
// and what is refused is as it was.
func FuzzMessage(f *testing.F) {
	f.Add("smtp", []byte("RCPT TO:<a@b.org>\r\n"), []byte("From: A B <a@b.org>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Transfer-Encoding: base64\r\n\r\nYUBiLm9yZw==\r\n--x--\r\n"))
	f.Add("smtp", []byte("MAIL FROM:<\"a@b\"@c.org>\r\n"), []byte("Subject: =?utf-8?q?a=40b.org?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=40b.org =\r\n"))
	f.Add("http", []byte("GET /?e=a%40b.org&x=%7b%22a%22:1 HTTP/1.1\r\nContent-Type: application/json\r\n"), []byte(`{"a":"a@b.org","p":"+15105550100","b":{"email":"x@y.org","name":"Al Bo"}}`))
	f.Add("http", []byte("POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=x\r\n"), []byte("--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nabc\r\n--x--\r\n"))
	f.Add("smtp", []byte("RCPT TO:<a@b.org>\r\n"), []byte("From a@b.org Mon Aug 7 10:00:00 2000\r\nTo: x@y.org\r\n\r\nhi"))
	f.Add("smtp", []byte("RCPT TO:<a@b.org>\r\n"), []byte("From a@b.org"))
	f.Add("smtp", []byte("RCPT TO:<a@b.org>\r\n"), []byte("Subject: x\r\nx@y.org: z\r\n\r\nhi"))
	f.Add("exec", []byte("job\n"), []byte("-----BEGIN X-----\nabcd\n-----END X-----\nbegin 644 a\n#86)C\nend\n"))
	c := cleaner(f, func(r *pseudonym.Rules) { r.Records = []*regexp.Regexp{regexp.MustCompile(`MRN-\d{3,}`)} })
	f.Fuzz(func(t *testing.T, channel string, head, body []byte) {
		m := gate.Message{Channel: channel, Head: bytes.Clone(head), Body: bytes.Clone(body)}
		if err := c.Message(&m); err != nil {
			if !bytes.Equal(m.Head, head) || !bytes.Equal(m.Body, body) {
				t.Fatalf("half changed: %q%q", m.Head, m.Body)
			}
			return
		}
		originals := map[string]bool{}
		for _, a := range addressForm.FindAllString(string(body), -1) {
			originals[strings.ToLower(a)] = !strings.HasSuffix(strings.ToLower(a), ".example")
		}
		for _, a := range addressForm.FindAllString(string(m.Body), -1) {
			if originals[strings.ToLower(a)] && !bytes.Contains(body, []byte("//")) {
				t.Fatalf("%s is left in %q of %q", a, m.Body, body)
			}
		}
	})
}

// The line that a mail begins with in an mbox file was taken for the name of a
// field, by the cleaner and by its second look: the sender in it stayed.
func TestTheLineOfAnMboxFileIsCleared(t *testing.T) {
	c := cleaner(t, nil)
	for _, body := range []string{"From ann@clinic.org", "From ann@clinic.org Mon Aug  7 10:00:00 2000\r\nSubject: x\r\n\r\nhi", ">From ann@clinic.org Mon Aug  7 10:00:00 2000\r\nSubject: x\r\n\r\nhi"} {
		m := gate.Message{Channel: "smtp", Head: []byte("RCPT TO:<bob@clinic.org>\r\n"), Body: []byte(body)}
		if err := c.Message(&m); err != nil {
			t.Errorf("%q: %v", body, err)
		}
		if bytes.Contains(m.Body, []byte("ann@clinic.org")) || !bytes.Contains(m.Body, []byte("From ")) {
			t.Errorf("%q came to %q", body, m.Body)
		}
	}
}
