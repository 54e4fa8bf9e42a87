package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A password of syllables, a mark and a number has the number in common with that of another
// replay by chance. It is noise there too; a constant behind a value is none, and neither is a
// word that one message alone has beside its value.
func TestPartsOfValuesEqualByChance(t *testing.T) {
	syllables := func(r *rand.Rand) (s string) {
		for range 3 {
			s += string("bdfgklmnprst"[r.IntN(12)]) + string("aeiou"[r.IntN(5)]) + string("klmnrst"[r.IntN(7)])
		}
		return s
	}
	const marks = "!$&?*#-_:.;,"
	for name, form := range map[string]func(value, mark, number string) string{
		"behind a mark":         func(v, m, n string) string { return v + m + n },
		"before a mark":         func(v, m, n string) string { return n + m + v },
		"at the end of a line":  func(v, m, n string) string { return v + m + n + "\nIt is yours" },
		"at one of a sentence":  func(v, m, n string) string { return v + m + n + "." },
		"between two marks":     func(v, m, n string) string { return "<" + v + m + n + ">" },
		"in brackets, reversed": func(v, m, n string) string { return "(" + n + m + v + ")" },
	} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(7, 11))
			// run gives each a password; of the first, what replays have in common is fixed.
			run := func(fixedMark, fixedNumber string, suffix func(i int) string) []gate.Canonical {
				return letters(func(i int, who string) string {
					mark, number := string(marks[r.IntN(len(marks))]), fmt.Sprint(10+(r.IntN(90)))
					if i == 0 && fixedNumber != "" {
						number = fixedNumber
					}
					if i == 0 && fixedMark != "" {
						mark = fixedMark
					}
					return "Dear " + who + ",\nyour password is " + form(syllables(r), mark, number) + "\nfor " + suffix(i)
				})
			}
			plain := func(int) string { return "good" }
			for _, mark := range []string{"", ";", "-"} {
				if c := compare(t, run("", "", plain), run(mark, "40", plain), run(mark, "40", plain)); len(c.Changes) > 0 {
					t.Errorf("mark %q: %+v", mark, c.Changes[0].Edits)
				}
			}
			worse := func(i int) string {
				if i == 0 {
					return "bad"
				}
				return "good"
			}
			if c := compare(t, run("", "", worse), run("", "40", plain), run("", "40", plain)); len(c.Changes) != 1 {
				t.Errorf("%d changes, want that of a word beside it", len(c.Changes))
			}
		})
	}

	t.Run("constants", func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 17))
		run := func(region func(i int) string) []gate.Canonical {
			return letters(func(i int, who string) string {
				return fmt.Sprintf("Dear %s,\nyour code is %s%d:%s", who, syllables(r), r.IntN(90), region(i))
			})
		}
		same := func(int) string { return "EU" }
		for name, other := range map[string]func(int) string{
			"of all": func(int) string { return "US" },
			"of one": func(i int) string { return []string{"US", "EU"}[min(i, 1)] },
		} {
			if c := compare(t, run(other), run(same), run(same)); len(c.Changes) == 0 {
				t.Errorf("a constant %s that another takes the place of is not seen", name)
			}
		}
	})
}
