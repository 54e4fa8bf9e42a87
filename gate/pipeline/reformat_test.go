package pipeline

import "testing"

// One date, or one number, in two forms; beside what a lax rule would take for that.
func TestReformatted(t *testing.T) {
	for _, c := range []struct {
		x, y string
		same bool
	}{
		{"2 January 2027", "2027-01-02", true},
		{"January 2, 2027", "2 Jan 2027", true},
		{"2 January 2027", "2027-02-01", false},
		{"02/01/2027", "2027-01-02", false}, // the day or the month
		{"1234.50", "1,234.50", true},
		{"$1234567", "$1,234,567", true},
		{"1234", "1 234", true},
		{"1.234", "1,234", false},
		{"1234", "12,34", false},
		{"1234.5", "1,234.6", false},
		{"$1234", "€1,234", false},
	} {
		if got := sameDate(c.x, c.y) || sameNumber(c.x, c.y); got != c.same {
			t.Errorf("%q and %q: same is %t", c.x, c.y, got)
		}
	}
}
