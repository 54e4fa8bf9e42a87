package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A name of two words, written as ids are, is somebody's where it stands hidden; words of a
// template are nobody's.
func TestNamesAmongIDs(t *testing.T) {
	names := []string{"Erin Quinn", "Tomas Varga", "Ilse Brandt", "Noor Haddad", "Pavel Sykora", "Maeve Doyle"}
	addresses := map[string]func(i int) string{
		"named":   func(i int) string { first, _, _ := strings.Cut(names[i], " "); return strings.ToLower(first) },
		"unnamed": func(i int) string { return fmt.Sprintf("member%d", 300+7*i) },
	}
	run := func(address func(int) string, hidden func(i int) string) []gate.Canonical {
		out := make([]gate.Canonical, len(names))
		for i, name := range names {
			text := "Dear " + name + ", your letter is here."
			if i == 2 {
				text += " The order total is due."
			}
			out[i] = mail(address(i)+"@example.org", "Letter", "text="+text)
			out[i].Hidden = []gate.Hidden{{Rule: "html-tag", Part: "html", Value: "class"}, {Rule: "html-tag", Part: "html", Value: hidden(i)}}
		}
		return out
	}
	plain := func(int) string { return "card wide" }
	first := func(value string) func(int) string {
		return func(i int) string {
			if i == 0 {
				return value
			}
			return plain(i)
		}
	}
	all := func(value string) func(int) string { return func(int) string { return value } }
	own := func(i int) string { return strings.ToLower(strings.ReplaceAll(names[i], " ", "-")) }
	for kind, address := range addresses {
		for _, test := range []struct {
			name                string
			production, staging func(int) string
			changes             int
		}{
			{"another's, with a hyphen", plain, first("maeve-doyle"), 1},
			{"another's, with a bar, among others", plain, first("card maeve_doyle wide"), 1},
			{"another's, with capitals", plain, first("cardMaeveDoyle"), 1},
			{"another's, the other way round", plain, first("doyle.maeve"), map[string]int{"named": 1}[kind]},
			{"one's for all", plain, all("u-maeve-doyle"), len(names)},
			{"two exchanged", own, func(i int) string { return own([]int{1, 0, 2, 3, 4, 5}[i]) }, 2},
			{"each its own", own, own, 0},
			{"words of a template", plain, all("order-total"), 0},
			{"words that nobody has", plain, all("hero-banner"), 0},
		} {
			t.Run(kind+"/"+test.name, func(t *testing.T) {
				c := compare(t, run(address, test.staging), run(address, test.production), run(address, test.production))
				if len(c.Changes) != test.changes {
					t.Errorf("%d changes, want %d: %q", len(c.Changes), test.changes, told(c))
				}
			})
		}
	}
}
