package decode_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate/decode"
)

// What wrote a calendar is no part of what it says, where it has the form of such a name.
func TestProductOfCalendars(t *testing.T) {
	for product, want := range map[string]string{
		"-//Google Inc//Google Calendar 70.9054//EN": "calendar-product",
		"-//Desk//Diary 2":                           "calendar-product",
		"desk 2":                                     "",
		"-//bob@example.org//EN":                     "",
		"-//https://desk.example//EN":                "",
	} {
		rule := "no such leaf"
		err := decode.Open(decode.Calendar, []byte("BEGIN:VCALENDAR\r\nPRODID:"+product+"\r\nEND:VCALENDAR\r\n"), &decode.Budget{Bytes: 1 << 16}, func(l decode.Leaf) {
			if l.Name == "VCALENDAR/PRODID" {
				rule = l.Rule
			}
		})
		if err != nil || rule != want {
			t.Errorf("%s: rule %q, want %q, %v", product, rule, want, err)
		}
	}
}
