package pipeline

import (
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// One date, one time or one number, in two forms; beside what a lax rule would take for that.
func TestReformatted(t *testing.T) {
	for _, c := range []struct {
		x, y string
		same bool
	}{
		{"2 January 2027", "2027-01-02", true},
		{"January 2, 2027", "2 Jan 2027", true},
		{"2nd January, 2027", "20270102", true},
		{"2027-03-10", "Wednesday, 10 March 2027", true},
		{"2027-03-10", "Thursday, 10 March 2027", false}, // which it is not
		{"2 January 2027", "2027-02-01", false},
		{"02/01/2027", "2027-01-02", false}, // the day or the month
		{"2027-03-10 09:30", "Wednesday, 10 March 2027 at 9:30 am", true},
		{"2027-03-10T21:30", "10 March 2027, 9:30 p.m.", true},
		{"2027-03-10 09:30", "10 March 2027 9:30 PM", false},
		{"2027-03-10 09:30", "10 March 2027", false},
		{"2027-03-10 09:30", "11 March 2027 9:30 am", false},
		{"2027-03-10 09:30 UTC", "10 March 2027 9:30 am", false}, // whose?
		{"2027-03-10 09:30Z", "10 March 2027 9:30 am GMT", true},
		{"13:30", "1:30 PM", true},
		{"09:30", "9:30", true},
		{"13:30", "1:30", false},
		{"1:30 PM", "1:30", false},
		{"12:15 AM", "00:15", true},
		{"12:15 PM", "00:15", false},
		{"1:30 PM", "1:30 AM", false},
		{"+14155550123", "+1 415-555-0123", true},
		{"+14155550123", "+1 (415) 555-0124", false},
		{"+14155550123", "14155550123", false}, // a plus lost dials another number
		{"4155550123", "(415) 555-0123", true},
		{"12 34567", "123 4567", false}, // two numbers
		{"17 45678901", "174 5678901", false},
		{"17-45678901", "174-5678901", false},
		{"1234.50", "1,234.50", true},
		{"$1234567", "$1,234,567", true},
		{"1234", "1 234", true},
		{"1.234", "1,234", false},
		{"1234", "12,34", false},
		{"1234.5", "1,234.6", false},
		{"$1234", "€1,234", false},
		{"007431", "7431", false},
	} {
		for _, frame := range [][2]string{{"Dear Ann, see you ", "."}, {"", ""}, {"On ", " at the desk, or on 2 May 2027 at 10:00"}} {
			text := func(s string) *gate.Canonical {
				return &gate.Canonical{Parts: []gate.Part{{Name: "text", Kind: gate.Text, Value: frame[0] + s + frame[1]}}}
			}
			for _, pair := range [][2]string{{c.x, c.y}, {c.y, c.x}} {
				same := true
				for _, h := range diff.Parts(text(pair[0]), text(pair[1]), nil) {
					same = same && reformatted(&h)
				}
				if same != c.same {
					t.Errorf("%q and %q in %q: same is %t", pair[0], pair[1], frame, same)
				}
			}
		}
	}
}
