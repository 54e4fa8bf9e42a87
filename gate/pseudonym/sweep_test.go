package pseudonym_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"mime"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// A specimen is a value of somebody's, the field that holds it, and what of it may be left
// nowhere.
type specimen struct {
	field, value string
	gone         []string
	byForm       bool // its form tells it, whatever the field
}

var specimens = []specimen{
	{"email", "wilma.quackenbush@kunde.example", []string{"wilma.quackenbush"}, true},
	{"phone", "+49 171 2345678", []string{"2345678"}, true},
	{"phone", "01712345678", []string{"2345678"}, false},
	{"card", "4111111111111111", []string{"4111111111111111"}, true},
	{"memo", "5500 0000 0000 0004", []string{"5500 0000 0000 0004", "5500000000000004"}, true},
	{"iban", "DE89370400440532013000", []string{"370400440532013000"}, true},
	{"memo", "GB29 NWBK 6016 1331 9268 19", []string{"6016", "9268"}, true},
	{"ssn", "219-09-9999", []string{"219-09-9999", "219099999"}, true},
	{"ssn", "219099999", []string{"219099999"}, false},
	{"memo", "85073003328", []string{"85073003328"}, true},           // Belgium
	{"memo", "RSSMRA85T10A562S", []string{"RSSMRA85T10A562S"}, true}, // Italy
	{"memo", "12345678Z", []string{"12345678Z"}, true},               // Spain
	{"memo", "529.982.247-25", []string{"529.982.247-25"}, true},     // Brazil
	{"memo", "756.9217.0769.85", []string{"9217.0769"}, true},        // Switzerland
	{"memo", "131052-308T", []string{"131052-308T"}, true},           // Finland
	{"nhs_number", "9434765919", []string{"9434765919"}, false},
	{"passportNo", "C01X00T47", []string{"C01X00T47"}, false},
	{"date_of_birth", "1971-03-04", []string{"1971-03-04", "19710304"}, false},
	{"dob", "04.03.1971", []string{"04.03.1971"}, false},
	{"birthDate", "March 4, 1971", []string{"March 4, 1971"}, false},
	{"firstName", "Wilhelmina", []string{"wilhelmina"}, false},
	{"billing_last_name", "Quackenbush", []string{"quackenbush"}, false},
	{"nachname", "Müllerin", []string{"müllerin", "muellerin"}, false},
	{"patientName", "Quackenbush, Wilhelmina", []string{"quackenbush", "wilhelmina"}, false},
	{"name", "Wilhelmina Quackenbush", []string{"quackenbush", "wilhelmina"}, false},
	{"username", "wquackenbush77", []string{"wquackenbush"}, false},
	{"user_pass", "Secret-pass-1", []string{"secret-pass-1"}, false},
	{"x-forwarded-for", "203.0.113.77", []string{"203.0.113.77"}, false},
	{"client_ip", "2001:db8:85a3::8a2e:370:7334", []string{"85a3"}, false},
}

// staying is text that is nobody's, beside each specimen.
const staying = "Your order number 1000234 has shipped. Thank you for shopping at our store on 2026-11-30."

// carriers put a field and its value somewhere in a message. What they give holds the
// staying text too.
func carriers(t testing.TB) map[string]func(field, value string) gate.Message {
	t.Helper()
	js := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	post := func(kind, body string) gate.Message {
		return gate.Message{Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nHost: shop.example\r\nContent-Type: " + kind + "\r\n"), Body: []byte(body)}
	}
	get := func(target, header string) gate.Message {
		return gate.Message{Channel: "http", Head: []byte("GET " + target + " HTTP/1.1\r\nHost: shop.example\r\n" + header), Body: []byte(staying)}
	}
	mail := func(header, body string) gate.Message {
		return gate.Message{Channel: "smtp", Body: []byte(header + "\r\n" + body)}
	}
	xml := func(s string) string { return html.EscapeString(s) }
	title := func(f string) string { return "X-" + strings.TrimPrefix(strings.ReplaceAll(f, "_", "-"), "x-") }
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
	all := map[string]func(f, v string) gate.Message{
		"JSON leaf": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"a": map[string]any{f: v}, "note": staying}))
		},
		"JSON in JSON": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"a": js(map[string]any{f: v}), "note": staying}))
		},
		"JSON list": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"a": []any{map[string]any{f: v}}, "note": staying}))
		},
		"form": func(f, v string) gate.Message {
			return post("application/x-www-form-urlencoded", url.Values{f: {v}, "note": {staying}}.Encode())
		},
		"query": func(f, v string) gate.Message { return get("/x?"+url.Values{f: {v}}.Encode(), "") },
		"XML element": func(f, v string) gate.Message {
			return post("application/xml", "<r><n:"+f+">"+xml(v)+"</n:"+f+"><note>"+staying+"</note></r>")
		},
		"XML attribute": func(f, v string) gate.Message {
			return post("text/xml", "<r><p "+f+"=\""+xml(v)+"\"/><note>"+staying+"</note></r>")
		},
		"HTML input": func(f, v string) gate.Message {
			return post("text/html", "<form><input name=\""+f+"\" value=\""+xml(v)+"\"></form><p>"+staying+"</p>")
		},
		"multipart": func(f, v string) gate.Message {
			return post("multipart/form-data; boundary=b", "--b\r\nContent-Disposition: form-data; name=\""+f+"\"\r\n\r\n"+v+"\r\n--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"+staying+"\r\n--b--\r\n")
		},
		"CSV column": func(f, v string) gate.Message {
			return post("text/csv", "id,\""+f+"\",note\r\n1,\""+v+"\",\""+staying+"\"\r\n")
		},
		"cookie": func(f, v string) gate.Message { return get("/x", "Cookie: a=b; "+f+"="+url.PathEscape(v)+"\r\n") },
		"header": func(f, v string) gate.Message { return get("/x", title(f)+": "+v+"\r\n") },
		"claim": func(f, v string) gate.Message {
			return get("/x", "Cookie: t=eyJhbGciOiJIUzI1NiJ9."+base64.RawURLEncoding.EncodeToString([]byte(js(map[string]any{f: v, "iat": 1764500000})))+".c2lnbmF0dXJlLW9mLWl0\r\n")
		},
		"base64": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"data": base64.StdEncoding.EncodeToString([]byte(js(map[string]any{f: v}))), "note": staying}))
		},
		"mail header": func(f, v string) gate.Message {
			return mail("From: shop@shop.example\r\n"+title(f)+": "+mime.QEncoding.Encode("utf-8", v)+"\r\n", staying)
		},
		"JSON in quoted-printable": func(f, v string) gate.Message {
			return mail("Content-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable\r\n", qp(js(map[string]any{f: v, "note": staying})))
		},
	}
	maps.Copy(all, pairCarriers(js, post))
	return all
}

// pairCarriers put a field and its value beside one another, in objects and documents that
// name the field in a value of its own.
func pairCarriers(js func(v any) string, post func(kind, body string) gate.Message) map[string]func(field, value string) gate.Message {
	xml := func(s string) string { return html.EscapeString(s) }
	return map[string]func(f, v string) gate.Message{
		"JSON pair": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"fields": []any{map[string]any{"name": "note", "value": staying}, map[string]any{"name": f, "value": v}}}))
		},
		"JSON pair, its value first": func(f, v string) gate.Message {
			return post("application/json", `{"values":{"value":`+js(v)+`,"key":`+js(f)+`},"note":`+js(staying)+`}`)
		},
		"JSON pair with a list": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"id": f, "values": []string{v}, "note": staying}))
		},
		"JSON Patch": func(f, v string) gate.Message {
			return post("application/json-patch+json", js([]any{map[string]any{"op": "replace", "path": "/user/" + f, "value": v}, map[string]any{"op": "add", "path": "/note", "value": staying}}))
		},
		"question and answer": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"answers": []any{map[string]any{"question": "Your " + f + "?", "answer": v}}, "note": staying}))
		},
		"answer to a question below": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"answers": []any{map[string]any{"field": map[string]any{"ref": "a", "title": f}, "text": v}}, "note": staying}))
		},
		"GraphQL literal": func(f, v string) gate.Message {
			return post("application/json", js(map[string]any{"query": "mutation { add(input: {" + strings.ReplaceAll(f, "-", "_") + ": " + js(v) + ", note: " + js(staying) + "}) { id } }"}))
		},
		"GraphQL document": func(f, v string) gate.Message {
			return post("application/graphql", "mutation Add {\n  add("+strings.ReplaceAll(f, "-", "_")+": "+js(v)+", note: "+js(staying)+") { id }\n}\n")
		},
		"XML field": func(f, v string) gate.Message {
			return post("application/xml", "<r><field name=\""+f+"\">"+xml(v)+"</field><note>"+staying+"</note></r>")
		},
		"list of two": func(f, v string) gate.Message {
			return post("application/json", js([]any{[]string{"note", staying}, []string{f, v}}))
		},
		"form of pairs": func(f, v string) gate.Message {
			return post("application/x-www-form-urlencoded", url.Values{"fields[0][name]": {"note"}, "fields[0][value]": {staying}, "fields[1][name]": {f}, "fields[1][value]": {v}}.Encode())
		},
	}
}

// free carries a value where nothing says what it is: its form does, or what was learnt.
func free(t testing.TB) map[string]func(value string) gate.Message {
	all := carriers(t)
	out := map[string]func(v string) gate.Message{}
	for name := range all {
		out[name] = func(v string) gate.Message { return all[name]("memo", "see "+v+" there") }
	}
	out["path"] = func(v string) gate.Message {
		return gate.Message{Channel: "http", Head: []byte("GET /of/" + url.PathEscape(v) + "/x HTTP/1.1\r\nHost: shop.example\r\n"), Body: []byte(staying)}
	}
	out["JSON key"] = func(v string) gate.Message {
		b, err := json.Marshal(map[string]any{v: 1, "note": staying})
		if err != nil {
			t.Fatal(err)
		}
		return gate.Message{Channel: "http", Head: []byte("POST /x HTTP/1.1\r\nContent-Type: application/json\r\n"), Body: b}
	}
	out["text"] = func(v string) gate.Message {
		return gate.Message{Channel: "smtp", Body: []byte("Subject: x\r\n\r\nsee " + v + " there. " + staying)}
	}
	out["HTML text"] = func(v string) gate.Message {
		return gate.Message{Channel: "smtp", Body: []byte("Content-Type: text/html; charset=utf-8\r\n\r\n<p>see <b>" + html.EscapeString(v) + "</b></p><p>" + staying + "</p>")}
	}
	out["HTML attribute"] = func(v string) gate.Message {
		return gate.Message{Channel: "smtp", Body: []byte("Content-Type: text/html; charset=utf-8\r\n\r\n<p title=\"" + html.EscapeString(v) + "\">" + staying + "</p>")}
	}
	out["encoded word"] = func(v string) gate.Message {
		return gate.Message{Channel: "smtp", Body: []byte("Subject: " + mime.BEncoding.Encode("utf-8", "see ü "+v) + "\r\n\r\n" + staying)}
	}
	return out
}

// seen is all text of a message, through the layers that it travels in, in lower case.
func seen(m *gate.Message) string {
	var out strings.Builder
	var open func(t string, depth int)
	open = func(t string, depth int) {
		out.WriteString(strings.ToLower(t) + "\n")
		if depth > 4 {
			return
		}
		if s, err := url.QueryUnescape(t); err == nil && s != t {
			open(s, depth+1)
		}
		if s, err := url.PathUnescape(t); err == nil && s != t {
			open(s, depth+1)
		}
		if s := html.UnescapeString(t); s != t {
			open(s, depth+1)
		}
		if s := strings.NewReplacer(`\"`, `"`, `\/`, "/", `\u0026`, "&").Replace(t); s != t {
			open(s, depth+1)
		}
		for _, word := range strings.FieldsFunc(t, func(r rune) bool {
			return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '_' || r == '+' || r == '/')
		}) {
			if len(word) < 8 {
				continue
			}
			for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
				if b, err := e.DecodeString(word); err == nil && bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\n' }) < 0 {
					open(string(b), depth+1)
				}
			}
			if b, err := hex.DecodeString(word); err == nil {
				open(string(b), depth+1)
			}
		}
	}
	open(string(m.Head), 0)
	open(string(m.Body), 0)
	var words mime.WordDecoder
	for line := range strings.Lines(strings.ReplaceAll(string(m.Head)+string(m.Body), "\r\n ", " ")) {
		if s, err := words.DecodeHeader(strings.TrimSpace(line)); err == nil {
			open(s, 1)
		}
	}
	if b, err := io.ReadAll(quotedprintable.NewReader(bytes.NewReader(m.Body))); err == nil {
		open(string(b), 1)
	}
	return out.String()
}

// Each kind of value, in each place of each carrier by whose name or form it is told, is
// gone from all that is kept, and what is nobody's stays.
func TestSweep(t *testing.T) {
	all := carriers(t)
	for i := range specimens {
		s := &specimens[i]
		for name, put := range all {
			m := put(s.field, s.value)
			sweep(t, cleaner(t, nil), fmt.Sprintf("%s of %q in %s", s.value, s.field, name), &m, s.gone)
		}
		if s.byForm {
			for name, put := range free(t) {
				m := put(s.value)
				sweep(t, cleaner(t, nil), fmt.Sprintf("%s in %s", s.value, name), &m, s.gone)
			}
		}
	}
}

func sweep(t *testing.T, c *pseudonym.Cleaner, what string, m *gate.Message, gone []string) {
	t.Helper()
	before := string(m.Head) + string(m.Body)
	if err := c.Message(m); err != nil {
		t.Errorf("%s: refused: %v", what, err)
		return
	}
	after := seen(m)
	for _, s := range gone {
		if strings.Contains(after, strings.ToLower(s)) {
			t.Errorf("%s: %q is left\n%s\n%s", what, s, before, string(m.Head)+string(m.Body))
			return
		}
	}
	if line, _, _ := strings.Cut(string(m.Head), "\r\n"); m.Channel == "http" && len(strings.Fields(line)) != 3 {
		t.Errorf("%s: the first line became %q", what, line)
	}
	if m.Channel == "http" && strings.Contains(string(m.Head), "urlencoded") && bytes.IndexByte(m.Body, ' ') >= 0 {
		t.Errorf("%s: a space stands in the form %q", what, m.Body)
	}
	if !strings.Contains(after, strings.ToLower(staying)) && !strings.Contains(strings.ToLower(strings.ReplaceAll(before, "=\r\n", "")), "get /x?") {
		t.Errorf("%s: text that is nobody's changed\n%s", what, string(m.Head)+string(m.Body))
	}
}

// What is learnt of a person in the answer to a log-in is replaced in everything of the
// session, in any place and encoding, and by one pseudonym.
func TestSession(t *testing.T) {
	for i := range specimens {
		s := &specimens[i]
		if s.field == "user_pass" {
			continue // a password is no name: it stays within its field
		}
		for name, put := range free(t) {
			c := cleaner(t, nil)
			body, err := json.Marshal(map[string]any{"user": map[string]any{"mail": "w@kunde.example", s.field: s.value}})
			if err != nil {
				t.Fatal(err)
			}
			login := gate.Stimulus{Channel: "http", Key: "k1", Head: []byte("POST /login HTTP/1.1\r\n")}
			answer := gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"), Body: body}
			if err := c.Stimulus(&login, &answer); err != nil {
				t.Fatal(err)
			}
			m := put(s.value)
			next := gate.Stimulus{Channel: m.Channel, Key: "k1", Head: m.Head, Body: m.Body}
			if err := c.Stimulus(&next, nil); err != nil {
				t.Errorf("%s in %s: %v", s.value, name, err)
				continue
			}
			after := seen(&gate.Message{Head: next.Head, Body: next.Body})
			for _, g := range s.gone {
				if strings.Contains(after, g) || strings.Contains(after, strings.ToLower(g)) {
					t.Errorf("%s: %s of %q in %s is left\n%s", g, s.value, s.field, name, string(next.Head)+string(next.Body))
				}
			}
			var got struct{ User map[string]string }
			if err := json.Unmarshal(answer.Body, &got); err != nil {
				t.Fatal(err)
			}
			if is := strings.ToLower(got.User[s.field]); is == "" || !strings.Contains(after, is) {
				t.Errorf("%s in %s: it is %q in the answer, and another in what follows\n%s", s.value, name, is, after)
			}
		}
	}
}

// What declared places hold are names in the whole recording, and full names that were
// learnt anywhere too; words of a name that was only detected are names in their session.
func TestNamesReachBeyondTheirItem(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.Names = []string{"form/insured"} })
	send := func(key, head, body string) string {
		t.Helper()
		s := gate.Stimulus{Channel: "http", Key: key, Head: []byte(head), Body: []byte(body)}
		if err := c.Stimulus(&s, nil); err != nil {
			t.Fatal(err)
		}
		return string(s.Head) + string(s.Body)
	}
	form := "POST /x HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	send("a", form, "insured=Thaddeus+Pumblechook")
	send("b", form, "first_name=Wilhelmina&last_name=Quackenbush")
	for said, left := range map[string]bool{
		"the Pumblechook case":          false,
		"Quackenbush, Wilhelmina":       false,
		"by Wilhelmina T. Quackenbush.": false,
		"ask Pumblechook7 now":          false,
		"Elm Street 12":                 true,
	} {
		m := gate.Message{Channel: "smtp", Body: []byte("Subject: x\r\n\r\n" + said)}
		if err := c.Message(&m); err != nil {
			t.Fatal(err)
		}
		if is := strings.TrimPrefix(string(m.Body), "Subject: x\r\n\r\n"); (is == said) != left {
			t.Errorf("%q became %q", said, is)
		}
	}
	if is := send("b", form, "note=ask+Wilhelmina"); strings.Contains(is, "Wilhelmina") {
		t.Errorf("a name is left in its session: %q", is)
	}
	if is := send("c", form, "note=ask+Wilhelmina"); !strings.Contains(is, "Wilhelmina") {
		t.Errorf("a word of a detected name is a name everywhere: %q", is)
	}
}

// What pseudonyms of checked numbers become passes the same checks, and no two become one.
func TestCheckedStayChecked(t *testing.T) {
	c := cleaner(t, nil)
	for _, s := range specimens {
		if !s.byForm || s.field == "email" || s.field == "phone" {
			continue
		}
		is := text(t, c, s.value)
		if is == s.value || len(is) != len(s.value) {
			t.Errorf("%s became %s", s.value, is)
		}
		if again := text(t, c, is); again == is {
			t.Errorf("the pseudonym %s of %s is not found by its form", is, s.value)
		}
	}
	seen := map[string]string{}
	for i := range 2000 {
		card := fmt.Sprintf("411111%09d", i*7919)
		for check := range 10 {
			full := card + fmt.Sprint(check)
			is := text(t, c, full)
			if is == full {
				continue
			}
			if other, ok := seen[is]; ok {
				t.Fatalf("%s and %s became %s", full, other, is)
			}
			seen[is] = full
		}
	}
	if len(seen) != 2000 {
		t.Errorf("%d of 2000 cards were found", len(seen))
	}
}

// Addresses and display names of functions stay in the domains that stay; people's there do not.
func TestFunctionsStay(t *testing.T) {
	c := cleaner(t, func(r *pseudonym.Rules) { r.KeepDomains = []string{"shop.example", "one@else.example"} })
	for from, stays := range map[string]bool{
		"The Shop <orders@shop.example>":                true,
		"Shop Billing <billing-noreply@m.shop.example>": true,
		"Else <one@else.example>":                       true,
		"Wilma Quackenbush <wilma@shop.example>":        false,
		"Wilma Quackenbush <noreply@other.example>":     false,
	} {
		m := gate.Message{Channel: "smtp", Body: []byte("From: " + from + "\r\nSubject: x\r\n\r\nhi\r\n")}
		if err := c.Message(&m); err != nil {
			t.Fatal(err)
		}
		is := string(m.Body)
		if strings.Contains(is, from) != stays || !stays && strings.Contains(is, "Quackenbush") {
			t.Errorf("%q became %q", from, is)
		}
	}
}
