package canon_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// checkForm checks what holds of every canonical form.
func checkForm(t testing.TB, c *gate.Canonical) {
	t.Helper()
	for _, p := range c.Parts {
		if !utf8.ValidString(p.Name) || !utf8.ValidString(p.Value) {
			t.Fatalf("part %q is not UTF-8: %q", p.Name, p.Value)
		}
		if strings.Contains(p.Value, "\r\n") {
			t.Fatalf("part %q has lines that end in CR LF", p.Name)
		}
	}
	for _, g := range c.Gaps {
		if strings.Contains(g.Detail, "not accounted for") {
			t.Fatalf("%+v", g)
		}
	}
}

func gzipped(t testing.TB, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func zstdCompressed(t testing.TB, b []byte) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	return w.EncodeAll(b, nil)
}

func zipped(t testing.TB, names []string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, name := range names {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func deepMultipart(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	return b.String() + "\nbottom"
}

// Messages that are made to cost much, cost little; what was not undone is a gap,
// and a difference in it still shows.
func TestHostile(t *testing.T) {
	const mib = 1 << 20
	zeros := make([]byte, 64*mib)
	head := "From: a@example.org\nTo: b@example.org\n"
	for _, c := range []struct {
		name string
		make func(mark string) *gate.Decoded // mark is somewhere in it
		gap  bool
	}{
		{"1,000 multiparts deep", func(m string) *gate.Decoded { return mail(head + deepMultipart(1000) + m) }, true},
		{"1,000 messages deep", func(m string) *gate.Decoded {
			return mail(head + strings.Repeat("Content-Type: message/rfc822\n\n", 1000) + m)
		}, true},
		{"200,000 parts", func(m string) *gate.Decoded {
			return mail(head + "Content-Type: multipart/mixed; boundary=b\n\n" + strings.Repeat("--b\n\nx\n", 200_000) + m)
		}, true},
		{"200,000 fields", func(m string) *gate.Decoded { return mail(head + strings.Repeat("X-A: b\n", 200_000) + "X-B: " + m) }, true},
		{"field of 1 MiB", func(m string) *gate.Decoded {
			return mail(head + "Subject: " + strings.Repeat("x", mib) + m + "\n\nhi")
		}, false},
		{"field name of 1 MiB", func(m string) *gate.Decoded { return mail(head + strings.Repeat("x", mib) + m + ": y\n\nhi") }, false},
		{"open comments", func(m string) *gate.Decoded { return mail("To: " + strings.Repeat("(", mib) + m + "\n\nhi") }, false},
		{"open brackets", func(m string) *gate.Decoded { return mail("To: " + strings.Repeat("<[", mib/2) + m + "\n\nhi") }, false},
		{"open words", func(m string) *gate.Decoded {
			return mail("Subject: " + strings.Repeat("=?a?q?", mib/6) + m + "\n\nhi")
		}, false},
		{"10,000 recipients", func(m string) *gate.Decoded {
			var b strings.Builder
			for i := range 10_000 {
				fmt.Fprintf(&b, " r%d@example.org,\n", i)
			}
			return mail("To:" + b.String() + " " + m + "@example.org\n\nhi")
		}, false},
		{"NUL bytes and bad UTF-8", func(m string) *gate.Decoded {
			return mail("Subject: a\x00\xffb\nTo: \x00\xff@x\n\n\x00\xff\xfe" + m)
		}, false},
		{"a mail of 64 MiB", func(m string) *gate.Decoded {
			return mail(head + "Content-Transfer-Encoding: quoted-printable\n\n" + strings.Repeat("0123456789=3D=\n", 64*mib/15) + m)
		}, false},
		{"gzip bomb", func(m string) *gate.Decoded {
			return payload("application/json", "gzip", gzipped(t, append(bytes.Clone(zeros), m...)))
		}, true},
		{"zstd bomb", func(m string) *gate.Decoded {
			return payload("application/json", "zstd", zstdCompressed(t, append(bytes.Clone(zeros), m...)))
		}, true},
		{"zip bomb", func(m string) *gate.Decoded {
			return payload("application/zip", "", zipped(t, []string{"a", "b" + m}, zeros))
		}, true},
		{"gzip cut short", func(m string) *gate.Decoded {
			b := gzipped(t, []byte(m))
			return payload("text/plain", "gzip", b[:len(b)-4])
		}, true},
		{"codings without end", func(m string) *gate.Decoded {
			return payload("text/plain", strings.Repeat("gzip,", mib), []byte(m))
		}, true},
		{"JSON 1,000 deep", func(m string) *gate.Decoded {
			return payload("application/json", "", []byte(strings.Repeat("[", 1000)+`"`+m+`"`+strings.Repeat("]", 1000)))
		}, true},
		{"JSON of long names, deep", func(m string) *gate.Decoded {
			name := strings.Repeat("n", 250)
			leaves := strings.Repeat("1,", 50_000)
			return payload("application/json", "", []byte(strings.Repeat(`{"`+name+`":`, 90)+"["+leaves+`"`+m+`"]`+strings.Repeat("}", 90)))
		}, true},
		{"JSON number without end", func(m string) *gate.Decoded {
			return payload("application/json", "", []byte("[1e"+strings.Repeat("9", mib)+`,"`+m+`"]`))
		}, false},
		{"XML 1,000 deep", func(m string) *gate.Decoded {
			return payload("text/xml", "", []byte(strings.Repeat("<a>", 1000)+m+strings.Repeat("</a>", 1000)))
		}, true},
		{"XML of entities", func(m string) *gate.Decoded {
			return payload("text/xml", "", []byte(`<!DOCTYPE a [<!ENTITY b "c">]><a>&b;`+m+`</a>`))
		}, false},
		{"form of 200,000 pairs", func(m string) *gate.Decoded {
			return payload("application/x-www-form-urlencoded", "", []byte(strings.Repeat("a=b&", 200_000)+m))
		}, true},
		{"HTML of open tags", func(m string) *gate.Decoded {
			return payload("text/html", "", []byte(strings.Repeat("<div hidden><p>", mib/8)+m))
		}, false},
		{"HTML of 200,000 links", func(m string) *gate.Decoded {
			return payload("text/html", "", []byte(strings.Repeat("<a href=b>", 200_000)+m))
		}, true},
		{"HTML tag of 100,000 attributes", func(m string) *gate.Decoded {
			var b strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&b, " a%d=b", i)
			}
			return payload("text/html", "", []byte("<p"+b.String()+">"+m))
		}, false},
		{"CSS of open urls", func(m string) *gate.Decoded {
			return payload("text/html", "", []byte("<style>"+strings.Repeat("url('", mib/8+1)+m+"</style>"))
		}, false},
		{"text of brackets", func(m string) *gate.Decoded {
			return payload("text/plain", "", []byte(m+" http://"+strings.Repeat(")", mib)))
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, other := c.make("one"), c.make("two")
			cn := newCanon(t, canon.Options{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			form := message(cn, d)
			runtime.ReadMemStats(&after)
			if spent := (after.TotalAlloc - before.TotalAlloc) / mib; spent > 1024 {
				t.Errorf("it took %d MiB of memory", spent)
			}
			checkForm(t, &form)
			if gap := len(form.Gaps) > 0; gap != c.gap {
				t.Errorf("gaps are %v, want some: %t", form.Gaps, c.gap)
			}
			for _, g := range form.Gaps {
				if g.Kind != gate.GapNotDecoded || g.Seq != 7 || g.Where == "" || g.Detail == "" {
					t.Errorf("gap %+v", g)
				}
			}
			if len(form.Parts) > 101_000 {
				t.Errorf("%d parts", len(form.Parts))
			}
			otherForm := message(cn, other)
			if form.ContentDigest() == otherForm.ContentDigest() {
				t.Errorf("a difference does not show")
			}
		})
	}
}

func TestLimits(t *testing.T) {
	if _, err := canon.New(canon.Options{Limits: canon.Limits{Depth: -1}}); err == nil {
		t.Error("a negative limit was taken")
	}
	c := newCanon(t, canon.Options{Limits: canon.Limits{Bytes: 10}})
	form := message(c, payload("text/plain", "gzip", gzipped(t, []byte("a text of more than ten bytes"))))
	if len(form.Gaps) != 1 || len(form.Parts) != 1 || form.Parts[0].Kind != gate.Binary {
		t.Errorf("got %s", show(&form))
	}
	cut := newCanon(t, canon.Options{}).Message(&gate.Message{Cut: 3}, &gate.Decoded{}, gate.Ref{Seq: 9})
	if len(cut.Gaps) != 1 || cut.Gaps[0].Kind != gate.GapCutBody || cut.Gaps[0].Seq != 9 {
		t.Errorf("a cut body gave %v", cut.Gaps)
	}
}

func TestCodings(t *testing.T) {
	c := newCanon(t, canon.Options{})
	plain := []byte(`{"to":"alice@example.org"}`)
	base := message(c, payload("application/json", "", plain))
	for coding, body := range map[string][]byte{
		"gzip":       gzipped(t, plain),
		"x-gzip":     gzipped(t, plain),
		"zstd":       zstdCompressed(t, plain),
		"identity":   plain,
		"gzip, zstd": zstdCompressed(t, gzipped(t, plain)),
	} {
		form := message(c, payload("application/json", coding, body))
		if len(form.Gaps) > 0 || form.ContentDigest() != base.ContentDigest() {
			t.Errorf("%s: got %s", coding, show(&form))
		}
	}
	file := message(c, payload("application/zip", "", zipped(t, []string{"a.csv", "b.png"}, []byte("Alice,1"))))
	for _, want := range []gate.Part{
		{Name: "body/member[0]/name", Kind: gate.Value, Value: "a.csv"},
		{Name: "body/member[0]/text", Kind: gate.Text, Value: "Alice,1"},
		{Name: "body/member[1]/name", Kind: gate.Value, Value: "b.png"},
	} {
		if !slices.Contains(file.Parts, want) {
			t.Errorf("no part %+v in %s", want, show(&file))
		}
	}
}

func TestMasks(t *testing.T) {
	number := regexp.MustCompile(`[0-9]+`)
	all := regexp.MustCompile(`.+`)
	for _, m := range []canon.Mask{
		{Part: "*", Pattern: number, Rule: "n"},
		{Part: "header/*", Pattern: number, Rule: "n"},
		{Part: "header/to", Pattern: number, Rule: "n"},
		{Part: "header/??", Pattern: number, Rule: "n"},
		{Part: "*/to/name", Pattern: number, Rule: "n"},
		{Part: "message[0]/header/reply-to", Pattern: number, Rule: "n"},
		{Part: "header/list-unsubscribe/link", Pattern: number, Rule: "n"},
		{Part: "envelope/from", Pattern: number, Rule: "n"},
		{Part: "transport/*", Pattern: number, Rule: "n"},
		{Part: "text", Rule: "n"},
		{Part: "text", Pattern: number},
		{Part: "text", Pattern: number, Rule: "a\nb"},
		{Pattern: number, Rule: "n"},
	} {
		if _, err := canon.New(canon.Options{Masks: []canon.Mask{m}}); err == nil {
			t.Errorf("the mask of %q was taken", m.Part)
		}
	}

	c := newCanon(t, canon.Options{Masks: []canon.Mask{
		{Part: "text*", Pattern: number, Rule: "order"},
		{Part: "header/subject", Pattern: number, Rule: "order"},
		{Part: "html", Pattern: all, Rule: "all"},
	}})
	form := func(text string) gate.Canonical {
		return message(c, mail("From: a@example.org\nTo: b2@example.org\nSubject: No 12\nContent-Type: text/plain\n\n"+text))
	}
	base := form("order 12 and 13, 12; write to n4@example.org, see https://h5.example/6")
	text := base.Parts[slices.IndexFunc(base.Parts, func(p gate.Part) bool { return p.Name == "text" })].Value
	if want := "order [order#1] and [order#2], [order#1]; write to n4@example.org, see https://h5.example/[order#3]"; text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	for _, c := range []struct {
		text string
		same bool
	}{
		{"order 12 and 99, 12; write to n4@example.org, see https://h5.example/7", true},
		{"order 12 and 13, 13; write to n4@example.org, see https://h5.example/6", false},
		{"order 12 and 13, 12; write to n5@example.org, see https://h5.example/6", false},
		{"order 12 and 13, 12; write to n4@example.org, see https://h6.example/6", false},
	} {
		other := form(c.text)
		if same := other.ContentDigest() == base.ContentDigest(); same != c.same {
			t.Errorf("%s: same is %t", c.text, same)
		}
	}
	var hidden uint64
	for _, m := range base.Masks {
		if m.Rule == "order" {
			hidden += m.Count
		}
	}
	if hidden != 6 { // one in the subject, four in the text, one in its link
		t.Errorf("%d matches were recorded: %v", hidden, base.Masks)
	}
	links := form("see https://h5.example/6?to=n4%40example.org")
	if !slices.Contains(links.Parts, gate.Part{Name: "text/link", Kind: gate.Link, Value: "https://h5.example/6?to=n4%40example.org"}) {
		t.Errorf("a match over an escaped address was hidden: %s", show(&links))
	}
	html := message(c, mail("Content-Type: text/html\n\nwrite to alice@example.org"))
	if i := slices.IndexFunc(html.Parts, func(p gate.Part) bool { return p.Name == "html" }); html.Parts[i].Value != "write to alice@example.org" {
		t.Errorf("a match over an address was hidden: %s", html.Parts[i].Value)
	}
}

// A mask acts on every message that it fits: what only looks like a host or an address
// is no reason to leave a value as it is.
func TestMaskFitsAll(t *testing.T) {
	c := newCanon(t, canon.Options{Masks: []canon.Mask{{Part: "text*", Pattern: regexp.MustCompile(`sig [!-~]{12,}`), Rule: "sig"}}})
	for _, token := range []string{
		"QUJD//RUZHSElK+w==", "//QUJDRUZHSElKTA==", "9jqo^Bl@7cH#%4062", "a@b@c@d@e@f@g@h@1.23", "QUJD//a.b/c+d%40e.f1",
	} {
		form := message(c, mail("\nDear Ann,\nsig "+token+" ends"))
		i := slices.IndexFunc(form.Parts, func(p gate.Part) bool { return p.Name == "text" })
		if got := form.Parts[i].Value; got != "Dear Ann,\n[sig#1] ends" {
			t.Errorf("%s: %q", token, got)
		}
		want := gate.Hidden{Rule: "sig", Part: "text", Value: "sig " + token, User: true}
		if !slices.Contains(form.Hidden, want) {
			t.Errorf("%s: hidden is %+v", token, form.Hidden)
		}
		var bytes uint64
		for _, m := range form.Masks {
			if m.Rule == "sig" && m.Part == "text" {
				bytes += m.Bytes
			}
		}
		if bytes != uint64(len(want.Value)) {
			t.Errorf("%s: %d bytes were counted: %+v", token, bytes, form.Masks)
		}
	}
	for _, kept := range []string{"mailto:ann@example.org", "ann%40example.org", "ann@[192.0.2.1]", "https://a.example", "//a:1", "sip+x://10.0.0.1"} {
		form := message(c, mail("\nDear Ann,\nsig xxxx-"+kept+"-xxxx ends"))
		i := slices.IndexFunc(form.Parts, func(p gate.Part) bool { return p.Name == "text" })
		if got, hidden := form.Parts[i].Value, kept == "//a:1"; strings.Contains(got, kept) == hidden {
			t.Errorf("%s: %q", kept, got)
		}
	}
}

// Accounts and telephone numbers in their international form say whom to pay and to call: a mask
// of numbers leaves them as they are, and hides what only looks like one.
func TestMaskLeavesAccountsAndNumbers(t *testing.T) {
	c := newCanon(t, canon.Options{Masks: []canon.Mask{{Part: "text", Pattern: regexp.MustCompile(`[0-9][0-9 ()-]{5,}`), Rule: "tidy"}}})
	for _, test := range []struct {
		text string
		kept bool
	}{
		{"pay to DE89 3704 0044 0532 0130 00 soon", true},
		{"pay to GB29NWBK60161331926819 soon", true},
		{"call +49 30 1234567 soon", true},
		{"call +1 (510) 555-0100 soon", true},
		{"run 20301112 101500 soon", false},
		{"token DE89XKQZPWVTRMNB1234567 soon", false},
	} {
		form := message(c, mail("\n"+test.text))
		i := slices.IndexFunc(form.Parts, func(p gate.Part) bool { return p.Name == "text" })
		if kept := form.Parts[i].Value == test.text; kept != test.kept {
			t.Errorf("%q became %q", test.text, form.Parts[i].Value)
		}
	}
}

// A mask does not take all that a part says.
func TestMaskRefused(t *testing.T) {
	for _, test := range []struct {
		pattern, value string
		refused        bool
	}{
		{`.+`, "positive", true},
		{`.+`, "user-alice", true},
		{`.+`, "ACCEPTED", true},
		{`.+`, "Über-Überweisung", true},
		{`.+`, "the result is 42", true},
		{`[a-z ]+`, "the result", true},
		{`[^"]+`, "Anne-Marie", true},
		{`.+`, "9f8b12aa04", false},
		{`.+`, "Mon, 30 Nov 2026 10:00:00 GMT", false},
		{`.+`, "QUJDRUZHSElKTA", false},
		{`^[A-Z]{6}$`, "KQXVZP", false},
		{`[0-9]+`, "result 42", false},
	} {
		c := newCanon(t, canon.Options{Masks: []canon.Mask{{Part: "body/*", Pattern: regexp.MustCompile(test.pattern), Rule: "tidy"}}})
		d := &gate.Decoded{Payloads: []gate.Payload{{Name: "body", Type: "application/json", Bytes: []byte(`{"a":"` + test.value + `"}`)}}}
		form := message(c, d)
		i := slices.IndexFunc(form.Parts, func(p gate.Part) bool { return p.Name == "body/$.a" })
		if i < 0 {
			t.Fatalf("%s: no part: %s", test.value, show(&form))
		}
		refused := slices.ContainsFunc(form.Masks, func(m gate.Masked) bool { return m.Rule == gate.RefusedMask+"tidy" && m.Count == 1 })
		if refused != test.refused || (form.Parts[i].Value == test.value) != test.refused || test.refused == (len(form.Hidden) > 0) {
			t.Errorf("%s in %q: refused is %t, part %q, hidden %+v", test.pattern, test.value, refused, form.Parts[i].Value, form.Hidden)
		}
	}
}

func TestConcurrent(t *testing.T) {
	c := newCanon(t, canon.Options{})
	d := mail("From: a@example.org\nTo: b@example.org\n\nhi")
	base := message(c, d)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				form := message(c, d)
				if form.ContentDigest() != base.ContentDigest() {
					t.Error("equal messages differ")
				}
			}
		})
	}
	wg.Wait()
}

func TestClass(t *testing.T) {
	c := newCanon(t, canon.Options{})
	for _, k := range []struct{ to, subject, want string }{
		{"Alice Smith <alice@example.org>", "Re: Your order 4711, Alice", "re: your order # @"},
		{"bob.jones@example.org", "Bob Jones's order A-12 is here", "@ order # is here"},
		{"x@example.org", strings.Repeat("long ", 30), strings.TrimSpace(strings.Repeat("long ", 16))},
	} {
		d := mail("From: Portal <Portal@Clinic.example>\nTo: " + k.to + "\nSubject: " + k.subject + "\n\nhi")
		r, err := gate.MailRecipient(strings.Trim(k.to[strings.IndexByte(k.to, '<')+1:], ">"), gate.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		d.Recipients = []gate.Recipient{r}
		form := message(c, d)
		if want := "smtp from=Portal@clinic.example subject=" + k.want; form.Class != want {
			t.Errorf("got  %s\nwant %s", form.Class, want)
		}
	}
}

// A mask costs little on a text made of what it must keep.
func TestHostileMask(t *testing.T) {
	c := newCanon(t, canon.Options{Masks: []canon.Mask{{Part: "text*", Pattern: regexp.MustCompile(`[0-9]+`), Rule: "n"}}})
	kept := strings.Repeat("a4%40b5.cd@e6.fg https://h7.example ", 1<<14)
	text := kept + strings.Repeat("%40a@", 1<<16) + strings.Repeat("%40", 1<<16) + strings.Repeat("//", 1<<18) + "@ 17"
	form := message(c, mail("\n"+text))
	i := slices.IndexFunc(form.Parts, func(p gate.Part) bool { return p.Name == "text" })
	want := kept + strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(text, kept), "17"), "40", "[n#1]") + "[n#2]"
	if form.Parts[i].Value != want {
		t.Error("a number in an address or host was hidden, or another was not")
	}
}
