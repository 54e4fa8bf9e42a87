package pseudonym_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// A name that is a common word too is replaced where its field says that it is a name, beside
// the other word of it, and nowhere else.
func TestCommonWordsAsNames(t *testing.T) {
	const js, form, xml = "application/json", "application/x-www-form-urlencoded", "application/xml"
	for _, last := range []string{"Le", "An", "Van", "De", "Da", "Du", "La", "El", "Von", "Miss", "Or", "No", "柳"} {
		for _, c := range []struct{ kind, body, gone string }{
			{js, `{"firstName":"Zebedee","lastName":"` + last + `"}`, `"` + last + `"`},
			{js, `{"name":{"first":"` + last + `","last":"La"},"email":"q@kunde.example"}`, `"` + last + `"`},
			{js, `{"name":"` + last + `","email":"q@kunde.example"}`, `"` + last + `"`},
			{js, `{"fields":[{"name":"lastName","value":"` + last + `"}]}`, `"` + last + `"`},
			{js, `{"insured":"` + last + `"}`, `"` + last + `"`},
			{js, `{"insured":"` + last + ` La"}`, last + ` La`},
			{form, "last_name=" + url.QueryEscape(last) + "&x=1", "=" + url.QueryEscape(last) + "&"},
			{form, "name=" + url.QueryEscape(last) + "&email=q%40kunde.example", "=" + url.QueryEscape(last) + "&"},
			{xml, "<p><lastName>" + last + "</lastName></p>", ">" + last + "<"},
			{xml, `<p lastName="` + last + `"/>`, `"` + last + `"`},
		} {
			cl := cleaner(t, func(r *pseudonym.Rules) { r.Names = []string{"json/$.insured"} })
			is := posted(t, cl, "s", c.kind, c.body)
			if strings.Contains(is, c.gone) {
				t.Errorf("%s became %s", c.body, is)
			}
			for _, stays := range []string{"An order, or no order: la " + last + " cinema", "lastName firstName name insured last_name"} {
				if is := posted(t, cl, "s", "text/plain", stays); is != stays && last != "柳" {
					t.Errorf("after %s, %q became %q", c.body, stays, is)
				}
			}
		}
	}
	c := cleaner(t, nil)
	is := posted(t, c, "s", js, `{"firstName":"Zebedee","lastName":"Le"}`)
	words := strings.Split(is, `"`)
	for said, want := range map[string]string{"Dear Zebedee Le,": "Dear " + words[3] + " " + words[7] + ",", "Le, Zebedee": words[7] + ", " + words[3]} {
		for _, session := range []string{"s", "other"} {
			if is := posted(t, c, session, "text/plain", said); is != want && (session == "s" || strings.HasPrefix(said, "Dear")) {
				t.Errorf("in session %s, %q became %q, want %q", session, said, is, want)
			}
		}
	}
	for _, stays := range []string{`{"firstName":"Support","lastName":"Team"}`, `{"contactName":"Customer Service"}`} {
		if is := posted(t, c, "s", js, stays); is != stays {
			t.Errorf("%s became %s", stays, is)
		}
	}
	m := gate.Message{Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nX-Last-Name: Le\r\n")}
	if err := c.Message(&m); err != nil || strings.Contains(string(m.Head), ": Le\r") {
		t.Errorf("%v: %s", err, m.Head)
	}
}
