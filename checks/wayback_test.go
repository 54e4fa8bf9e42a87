package checks_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Where answers and bounces go, software puts a token that is made anew for each message. The token
// is one wherever it stands; the box and the host that it stands in are compared as any other.
func TestTokensInTheWayBack(t *testing.T) {
	s := newSweeper(t)
	letter := func(from, reply string) specimen {
		return mailSpecimen("letter", wireLines([]byte("From: Desk <desk@lakeview.example>\nTo: "+theirMail+"\nReply-To: "+reply+"\nErrors-To: "+from+
			"\nSubject: Your visit\n\nRecord "+theirRecord+".\nOpen https://lakeview.example/open?t="+theirToken+"&p=7 today.\n")))
	}
	place := letter("bounces-"+theirToken+"@lakeview.example", "reply+"+theirToken+"@lakeview.example")
	run := func(r *rand.Rand, d drawing, place specimen, spoil func(in []string)) [][]gate.Canonical {
		values := make([]string, len(members))
		for i := range values {
			values[i] = d.draw(r)
		}
		heads := slices.Clone(values) // what stands in the way back
		if spoil != nil {
			spoil(heads)
		}
		var out [][]gate.Canonical
		for i := range members {
			m := place.render(&members[i], func(_ int, t []byte) []byte {
				at := max(0, strings.Index(string(t), "Subject:"))
				return []byte(strings.ReplaceAll(string(t[:at]), theirToken, heads[i]) + strings.ReplaceAll(string(t[at:]), theirToken, values[i]))
			})
			forms, err := s.forms(m, uint64(i+1))
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, forms)
		}
		return out
	}
	exchange := func(in []string) { in[0], in[1] = in[1], in[0] }
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 11))
		for _, d := range drawings(r) {
			if !slices.Contains([]string{"hex", "HEX", "crockford", "base36", "base62", "uuid", "ulid", "long code"}, d.name) {
				continue
			}
			production := [][][]gate.Canonical{run(r, d, place, nil), run(r, d, place, nil)}
			for what, want := range map[string]answer{"itself": missed, "exchanged": found, "another host": found, "another box": found} {
				staging, spoil := place, func([]string) {}
				switch what {
				case "exchanged":
					spoil = exchange
				case "another host":
					staging = letter("bounces-"+theirToken+"@lakeview.example", "reply+"+theirToken+"@harbour.example")
				case "another box":
					staging = letter("bounces-"+theirToken+"@lakeview.example", "tamsin+"+theirToken+"@lakeview.example")
				}
				got, findings, err := s.judge(run(r, d, staging, spoil), production...)
				if err != nil {
					t.Fatal(err)
				}
				if got != want {
					t.Errorf("%s, %s (seed %d): %d, want %d: %s", d.name, what, seed, got, want, judgedAs("", findings))
				}
			}
		}
	}
}
