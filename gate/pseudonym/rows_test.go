package pseudonym_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pseudonym"
)

// letter is what a shop sends to somebody in its database.
func letter(u map[string]string) gate.Message {
	first, _, _ := strings.Cut(u["name"], " ")
	return gate.Message{Channel: "smtp", Head: []byte("MAIL FROM:<orders@shop.example>\r\nRCPT TO:<" + u["email"] + ">\r\n"), Body: []byte("From: Shop Orders <orders@shop.example>\r\nTo: " + u["name"] + " <" + u["email"] + ">\r\n" +
		"Content-Type: text/plain; charset=utf-8\r\nSubject: Your order, " + first + "\r\n\r\nHello " + u["name"] + ",\r\n\r\nwe call " + u["phone"] + " and charge card " + u["card"] + ". Born " + u["dob"] + ", IBAN " + u["iban"] + ".\r\nThe Shop Team\r\n")}
}

// What the same software sends to the people of a dump that was mapped is what the tape has
// of the people as they were: so a recording is compared with a replay on mapped data.
func TestDumpsAgreeWithTraffic(t *testing.T) {
	first := []string{"Ann", "Gina", "Jörg", "Mark", "May", "José", "Wilhelmina", "O'Neil", "Jean-Luc", "Bo", "Grace"}
	last := []string{"Archer", "Cole", "Müller", "Young", "Quackenbush", "de la Cruz", "van Dyk", "Smith-Jones", "Ng", "Weiß", "King"}
	ibans := []string{"DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"}
	rapid.Check(t, func(t *rapid.T) {
		c := cleaner(t, func(r *pseudonym.Rules) { r.KeepDomains = []string{"shop.example"} })
		n := rapid.IntRange(0, 99).Draw(t, "n")
		f, l := rapid.SampledFrom(first).Draw(t, "first"), rapid.SampledFrom(last).Draw(t, "last")
		u := map[string]string{
			"name": f + " " + l, "email": fmt.Sprintf("user%d@mail%d.test", n, n%3), "phone": fmt.Sprintf("+1 510-555-01%02d", n), "card": "4111111111111111",
			"dob": fmt.Sprintf("19%02d-%02d-%02d", n, n%12+1, n%28+1), "iban": ibans[n%len(ibans)],
		}
		columns := []string{"name", "email", "phone", "card", "dob", "iban"}
		row := pseudonym.Row{Table: "users", Columns: columns}
		for _, k := range columns {
			row.Cells = append(row.Cells, u[k])
		}
		if _, err := c.Row(row); err != nil {
			t.Fatal(err)
		}
		mapped := map[string]string{}
		for i, k := range columns {
			mapped[k] = row.Cells[i]
			if row.Cells[i] == u[k] {
				t.Errorf("%s stays %q", k, u[k])
			}
		}
		was, want := letter(u), letter(mapped)
		if err := c.Message(&was); err != nil {
			t.Fatal(err)
		}
		if string(was.Body) != string(want.Body) || string(was.Head) != string(want.Head) {
			t.Errorf("the tape has\n%s%s\nand the software would send\n%s%s", was.Head, was.Body, want.Head, want.Body)
		}
	})
}
