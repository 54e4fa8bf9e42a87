package pseudonym_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// What a field holds is found one level deeper too, and in the rows of tables by the names of
// their columns, which stay.
func TestWrappedValues(t *testing.T) {
	const js, xml = "application/json", "application/xml"
	for _, c := range []struct{ kind, body, stays string }{
		{js, `{"lastName":{"S":"Quackenbush"},"age":{"N":"7"}}`, `{"lastName":{"S":`},
		{js, `{"lastName":{"en":"Quackenbush","de-DE":"Quackenbush"}}`, `"de-DE":`},
		{js, `{"lastName":{"$regex":"^Quackenbush$"}}`, `{"$regex":"^`},
		{js, `{"where":{"surname":{"eq":"Quackenbush"}}}`, `{"eq":`},
		{js, `{"lastName":{"old":"Quackenbush","new":"Quackenbush"}}`, `"new":`},
		{js, `{"birthDate":{"S":"1971-03-04"}}`, `{"birthDate":{"S":"1971-`},
		{js, `{"names":["Zelda Quackenbush","Horatio Quackenbush"]}`, `{"names":["`},
		{js, `{"attendees":"Zelda Quackenbush; Horatio Quackenbush"}`, `{"attendees":"`},
		{js, `{"attendees":["Zelda Quackenbush"]}`, `{"attendees":["`},
		{js, `{"columns":["id","first_name","last_name"],"rows":[[1,"Zelda","Quackenbush"],[2,"Horatio","Quackenbush"]]}`, `{"columns":["id","first_name","last_name"],"rows":[[1,"`},
		{js, `{"columns":["first_name","last_name"],"rows":[["Zelda","Quackenbush"]]}`, `{"columns":["first_name","last_name"],"rows":[["`},
		{js, `[["First Name","Last Name","DOB"],["Zelda","Quackenbush","1971-03-04"]]`, `[["First Name","Last Name","DOB"],["`},
		{xml, `<Patient><name><family value="Quackenbush"/><given value="Zelda"/></name><birthDate value="1971-03-04"/></Patient>`, `<Patient><name><family value="`},
		{xml, `<p><lastName><![CDATA[Quackenbush]]></lastName></p>`, `<p><lastName><![CDATA[`},
	} {
		is := posted(t, cleaner(t, nil), "s", c.kind, c.body)
		for _, left := range []string{"Quackenbush", "Zelda", "03-04"} {
			if strings.Contains(is, left) {
				t.Errorf("%s became %s", c.body, is)
				break
			}
		}
		if !strings.Contains(is, c.stays) {
			t.Errorf("%s became %s, which holds no %s", c.body, is, c.stays)
		}
	}
	m := gate.Message{Channel: "http", Head: []byte("GET /x HTTP/1.1\r\nCookie: user=%7B%22name%22%3A%22Zelda+Quackenbush%22%7D\r\n")}
	if err := cleaner(t, nil).Message(&m); err != nil || strings.Contains(string(m.Head), "Quackenbush") || !strings.Contains(string(m.Head), "Cookie: user=%7B%22name%22%3A%22") {
		t.Errorf("%v: %s", err, m.Head)
	}
	for _, body := range []string{`{"names":["Basic Plan","Gift Card"]}`, `{"plan":{"en":"Quackling"}}`, `["first_name","last_name"]`, `[["name","price"],["Basic plan","9.00"]]`, `{"columns":["name","price"],"rows":[["basic",9]]}`} {
		if is := posted(t, cleaner(t, nil), "s", js, body); is != body {
			t.Errorf("%s became %s", body, is)
		}
	}
}
