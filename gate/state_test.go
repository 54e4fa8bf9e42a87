package gate_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// What differs between two checks is counted, and named by tables and not by what they hold.
func TestStateDiffers(t *testing.T) {
	const whole = "users 41\norders|7|1250.00\n(8 rows)\n\nsessions\t3\nann@example.org 5\n9 lives\nlast:\n"
	for name, test := range map[string]struct{ before, after, want string }{
		"nothing":              {whole, whole, ""},
		"empty lines":          {whole, strings.ReplaceAll(whole, "\n\n", "\n"), ""},
		"a value":              {whole, strings.Replace(whole, "41", "42", 1), "1 line differs (users) of 7"},
		"two":                  {whole, strings.NewReplacer("41", "42", "1250", "3").Replace(whole), "2 lines differ (orders, users) of 7"},
		"one gone":             {whole, strings.Replace(whole, "sessions\t3\n", "", 1), "1 line is missing (sessions)"},
		"one more":             {whole, whole + "carts 1\n", "1 line is new (carts) of 8"},
		"one for another":      {"users 1\ncarts 2", "users 1\nnotes 2", "1 line is missing (carts), 1 line is new (notes) of 2"},
		"nothing there":        {"users 1", "", "1 line is missing (users) of 1"},
		"another order":        {"users 1\ncarts 2", "carts 2\nusers 1", "the 2 lines stand in another order"},
		"a line twice":         {"users 1\ncarts 2", "users 1\nusers 1\ncarts 2", "1 line is new (users) of 3"},
		"no table":             {"(8 rows)", "(9 rows)", "1 line differs (unnamed) of 1"},
		"somebody's address":   {"ann@example.org 5", "ann@example.org 6", "1 line differs (unnamed) of 1"},
		"a number first":       {"9 lives", "8 lives", "1 line differs (unnamed) of 1"},
		"a word alone":         {"ann", "bob", "1 line differs (unnamed) of 1"},
		"a word of its own":    {"ann-marie@x", "bob", "1 line differs (unnamed) of 1"},
		"more than are named":  {many("t", 30, 1), many("t", 30, 2), "30 lines differ (t0, t1, t10, t11, t12, t13, t14, t15, t16, t17 and 20 more) of 30"},
		"more than are looked": {many("t", 900, 1), many("t", 899, 1) + "t899 2\n", "1 line differs (one of the lines from 200) of 200"},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := gate.StateLines(test.before), gate.StateLines(test.after)
			got := gate.StateDiffers(before, after)
			if !strings.HasPrefix(got, test.want) || (got == "") != (test.want == "") {
				t.Errorf("%q, want %q", got, test.want)
			}
			if (gate.StateDiffers(after, before) == "") != (got == "") {
				t.Error("the other way round it is otherwise")
			}
		})
	}
}

func many(name string, n, value int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s%d %d\n", name, i, value)
	}
	return b.String()
}
