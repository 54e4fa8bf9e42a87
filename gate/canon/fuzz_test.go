package canon_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// seed adds the golden cases of one kind, without their heads where they are bodies.
func seed(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob("testdata/golden/" + pattern)
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(readCase(f, file, data).Payloads[0].Bytes)
	}
}

// fuzzCanon has small limits, so that inputs that exceed them are found.
func fuzzCanon(t testing.TB) *canon.Canon {
	return newCanon(t, canon.Options{Limits: canon.Limits{Depth: 8, Bytes: 1 << 16, Parts: 200}})
}

// canonical checks what holds of all input, and returns the canonical form.
func canonical(t *testing.T, c *canon.Canon, d *gate.Decoded) gate.Canonical {
	t.Helper()
	form, again := message(c, d), message(c, d)
	if form.ContentDigest() != again.ContentDigest() {
		t.Fatal("one message has two forms")
	}
	checkForm(t, &form)
	for _, p := range form.Parts {
		if p.Name == "body" {
			t.Fatalf("part without a name of its own: %+v", p)
		}
	}
	return form
}

func FuzzMail(f *testing.F) {
	seed(f, "*.eml")
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\n\n--b\n\n--b--"))
	f.Add([]byte(deepMultipart(10)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := fuzzCanon(t)
		form := canonical(t, c, mail(string(raw)))
		if len(raw) > 0 && len(form.Parts) < 2 {
			t.Errorf("no parts but the envelope")
		}
	})
}

func FuzzHTML(f *testing.F) {
	f.Add([]byte(`<p style="background:url(x)">a<!--[if x]><b>c</b><![endif]--><img srcset="a 1x, b 2x"><meta http-equiv=refresh content="0; url=/x">`))
	f.Add([]byte(`<div hidden>a<template>b</template></div><noscript><img src=x></noscript><style>@import 'x';`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := fuzzCanon(t)
		canonical(t, c, payload("text/html; charset=utf-8", "", raw))
	})
}

// Space between tokens is never compared.
func FuzzJSON(f *testing.F) {
	seed(f, "order.http")
	seed(f, "bad.http")
	f.Add([]byte(`[-0.0e-00, 1E400, 1e-99999999999999999999, "\ud800"]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := fuzzCanon(t)
		form := canonical(t, c, payload("application/json", "", raw))
		canonical(t, c, payload("application/x-ndjson", "", raw))
		spaced := jsontext.Value(append([]byte(nil), raw...))
		malformed := slices.ContainsFunc(form.Parts, func(p gate.Part) bool { return p.Name == "body/malformed" })
		if malformed || len(form.Gaps) > 0 || spaced.Indent() != nil {
			return
		}
		other := message(c, payload("application/json", "", spaced))
		if other.ContentDigest() != form.ContentDigest() {
			t.Errorf("space matters in %q", raw)
		}
	})
}

func FuzzForm(f *testing.F) {
	seed(f, "form.http")
	seed(f, "upload.http")
	f.Fuzz(func(t *testing.T, raw []byte) {
		c := fuzzCanon(t)
		canonical(t, c, payload("application/x-www-form-urlencoded", "", raw))
		canonical(t, c, payload("multipart/form-data; boundary=XX", "", raw))
	})
}

func FuzzXML(f *testing.F) {
	seed(f, "soap.http")
	f.Fuzz(func(t *testing.T, raw []byte) {
		canonical(t, fuzzCanon(t), payload("application/xml", "", raw))
	})
}

func FuzzCompressed(f *testing.F) {
	text := []byte(`{"to":"alice@example.org"}`)
	f.Add("gzip", gzipped(f, text))
	f.Add("zstd", zstdCompressed(f, text))
	f.Add("deflate", text)
	f.Add("", zipped(f, []string{"a.txt", "b.json"}, text))
	f.Fuzz(func(t *testing.T, coding string, raw []byte) {
		canonical(t, fuzzCanon(t), payload("application/zip", coding, raw))
	})
}

// What is listed as an address is one, in canonical form; and where something was
// there to read, something is compared.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		`Alice <alice@example.org>, "b@c" <"d e"@Example.net>`, `g: a@b.example, c@d.example;`, `a@b.example (c (d))`,
		`=?utf-8?q?a=40b?= <c@d>`, `<@a,@b:c@d>`, `Doe, Jane <j@x>, <>`, `"open <x@y>`, `a@[IPv6:::1]`, `a . b @ c`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsAny(s, "\r\n") {
			return
		}
		form := canonical(t, newCanon(t, canon.Options{}), mail("To: "+s+"\n\n"))
		some := false
		for _, p := range form.Parts {
			some = some || strings.HasPrefix(p.Name, "header/to")
			if p.Name != "header/to" || p.Value == "" {
				continue
			}
			for a := range strings.SplitSeq(p.Value, "\n") {
				if r, err := gate.MailRecipient(a, ""); a != "<>" && (err != nil || r.Address != a) {
					t.Errorf("%q: listed %q, which is no canonical address: %v", s, a, err)
				}
			}
		}
		if !some {
			t.Errorf("%q: nothing is compared", s)
		}
	})
}
