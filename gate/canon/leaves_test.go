package canon_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

func valueOf(m *gate.Canonical, part string) string {
	i := slices.IndexFunc(m.Parts, func(p gate.Part) bool { return p.Name == part })
	if i < 0 {
		return ""
	}
	return m.Parts[i].Value
}

// Where an element stands in a text is told, and a word that one splits is read as a whole.
func TestMixedXML(t *testing.T) {
	c := newCanon(t, canon.Options{})
	form := func(xml string) gate.Canonical {
		return message(c, payload("application/xml", "", []byte(xml)))
	}
	within, behind, before := form("<a>x<b/>y</a>"), form("<a>xy<b/></a>"), form("<a><b/>xy</a>")
	for _, pair := range [][2]*gate.Canonical{{&within, &behind}, {&within, &before}, {&behind, &before}} {
		if d := differing(pair[0], pair[1]); !slices.Contains(d, "body/a") {
			t.Errorf("%s\nand\n%s are alike", show(pair[0]), show(pair[1]))
		}
	}
	if indented := form("<a>\n <b/>\n <c/>\n</a>"); valueOf(&indented, "body/a") != "" {
		t.Error(show(&indented))
	}
	if split := form("<a>erin<b/>@example.org</a>"); valueOf(&split, "body/a/joined") != "erin@example.org" {
		t.Error(show(&split))
	}
}

// A value that moves to another column of a table differs.
func TestEmptyCells(t *testing.T) {
	c := newCanon(t, canon.Options{})
	form := func(row string) gate.Canonical {
		return message(c, mail("Content-Type: text/html\n\n<table><tr>"+row+"</tr></table>"))
	}
	first, second := form("<td>a</td><td>12</td><td>&nbsp;</td>"), form("<td>a<td><b></b><td>12")
	if d := differing(&first, &second); !slices.Equal(d, []string{"html/hidden/table"}) {
		t.Errorf("%q differ:\n%s", d, show(&second))
	}
	if full := form("<td>a</td><td>12</td>"); valueOf(&full, "html/hidden/table") != "" {
		t.Error(show(&full))
	}
}

// What a URL carries is read: documents, pictures of text and texts.
func TestDataURLs(t *testing.T) {
	c := newCanon(t, canon.Options{})
	encoded := func(s string) string { return ";base64," + base64.StdEncoding.EncodeToString([]byte(s)) }
	for _, url := range []string{
		"data:text/html,<p>ask%20erin@example.org</p>",
		"data:text/html;charset=utf-8" + encoded("<p>ask erin@example.org"),
		"data:,ask%20erin@example.org",
		"DATA:text/plain" + encoded("ask erin@example.org"),
		"data:image/svg+xml" + encoded("<svg><text>ask erin@example.org</text></svg>"),
	} {
		for _, tag := range []string{"a href", "img src", "iframe src"} {
			m := message(c, mail("Content-Type: text/html\n\n<"+tag+"=\""+url+"\">x"))
			if got := valueOf(&m, "html/frame"); got != "ask erin@example.org" {
				t.Errorf("%s %s: %q\n%s", tag, url, got, show(&m))
			}
		}
	}
	m := message(c, mail("Content-Type: text/html\n\n<img src=\"data:image/png;base64,AAAA\">x"))
	if got := valueOf(&m, "html/frame"); got != "" || !strings.Contains(show(&m), "sha256:") {
		t.Error(show(&m))
	}
}

// How a message is written leaves a trace where it says nothing.
func TestSpellingsAreCounted(t *testing.T) {
	c := newCanon(t, canon.Options{})
	counted := func(m *gate.Canonical, rule string) (n uint64) {
		for _, k := range m.Masks {
			if k.Rule == rule {
				n += k.Count
			}
		}
		return n
	}
	form := func(raw string) gate.Canonical { return message(c, mail(raw)) }
	for _, raw := range []string{
		"Content-Type: text/plain;; charset=utf-8\n\nhi", "Content-Type: text/plain;charset=utf-8\n\nhi",
		"DKIM-Signature: v=1;d=north.example\n\nhi", "List-Help: <https://north.example/a>,,<https://north.example/b>\n\nhi",
		"Received-SPF: Pass\n\nhi", "To: \"Erin <erin@example.org>\n\nhi",
	} {
		if m := form(raw); counted(&m, "spelling") == 0 {
			t.Errorf("%q\n%s", raw, show(&m))
		}
	}
	for part, raw := range map[string]string{
		"header/subject/bare-cr": "Subject: a\r\r\nTo: erin@example.org\n\nhi",
		"header/unended":         "Subject: a\nnot a field",
		"malformed[0]/type":      "Content-Type: multipart/other\n\nhi",
		"attachment[0]/header/content-disposition/malformed": "Content-Type: text/csv\nContent-Disposition: attachment; filename*=martian''a.csv\n\nhi",
	} {
		m := form(raw)
		if !slices.ContainsFunc(m.Parts, func(p gate.Part) bool { return p.Name == part }) {
			t.Errorf("%q: no %s in\n%s", raw, part, show(&m))
		}
	}
	m := message(c, payload("application/json", "", []byte(`{"a":1,"erin@example.org":null}`)))
	if !slices.ContainsFunc(m.Hidden, func(h gate.Hidden) bool { return h.Rule == "json-null" && h.Value == "erin@example.org" }) {
		t.Errorf("%+v", m.Hidden)
	}
}
