package checks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// anew are lines that a build chooses or measures anew for each message.
var anew = map[string]func(r *rand.Rand) string{
	"ago": func(r *rand.Rand) string { return []string{"just now", "1 second ago", "2 seconds ago"}[r.IntN(3)] },
	"duration": func(r *rand.Rand) string {
		if ms := 900 + r.IntN(200); ms < 1000 {
			return fmt.Sprintf("Took %d ms", ms)
		} else {
			return fmt.Sprintf("Took %.1f s", float64(ms)/1000)
		}
	},
	"fraction": func(r *rand.Rand) string {
		return fmt.Sprintf("Score %g", []float64{1e-6, 1e-4}[r.IntN(2)]*(1+8*r.Float64()))
	},
	"number of things": func(r *rand.Rand) string {
		return []string{"1 item in your list", "2 items in your list", "3 items in your list"}[r.IntN(3)]
	},
	"stars":    func(r *rand.Rand) string { return strings.Repeat("*", 1+r.IntN(4)) },
	"greeting": func(r *rand.Rand) string { return []string{"Hi there", "Good day to you", "Hello"}[r.IntN(3)] },
	"things that somebody may like": func(r *rand.Rand) string {
		things := []string{"lamp", "chair", "table", "shelf", "vase"}
		r.Shuffle(len(things), func(i, j int) { things[i], things[j] = things[j], things[i] })
		return "You may like: " + strings.Join(things[:3], ", ")
	},
}

// outcomes stand in lines that are chosen anew, and are each a person's own in every replay.
var outcomes = []string{"your test was negative as agreed, account 4401 7702", "your test was positive as agreed, account 4401 3344"}

// A line that is chosen anew for each message does not block a build held against itself, wherever
// it stands; and beside it, or in it, what is another's does.
func TestLinesChosenAnew(t *testing.T) {
	s := newSweeper(t)
	places := map[string]func(line string) specimen{
		"text": func(line string) specimen {
			return mailSpecimen("info", wireLines([]byte("From: Desk <desk@lakeview.example>\nTo: "+theirMail+"\nSubject: Info\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"+
				"Record "+theirRecord+".\n"+line+"\nKind regards")))
		},
		"JSON": func(line string) specimen {
			return specimen{name: "info", channel: "http", host: "api.partner.example", parts: [2][]byte{
				[]byte("POST /v1/things HTTP/1.1\r\nHost: api.partner.example\r\n" + theirField + "Content-Type: application/json\r\nContent-Length: " + bodyLength + "\r\n\r\n"),
				[]byte(`{"who":"` + theirRecord + `","text":"` + line + `"}`),
			}}
		},
	}
	for place, wire := range places {
		for kind, line := range anew {
			with := false // an outcome in the line
			run := func(r *rand.Rand, spoil func(i int, line string) (string, int)) (out [][]gate.Canonical) {
				for i := range 2 * len(members) {
					m, text := members[i%len(members)], line(r)
					if with {
						text += ": " + outcomes[i%len(outcomes)]
					}
					if spoil != nil {
						whose := 0
						if text, whose = spoil(i, text); whose != i {
							m.record = members[whose%len(members)].record
						}
					}
					sp := wire(text)
					forms, err := s.forms(sp.render(&m, nil), uint64(i+1))
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, forms)
				}
				return out
			}
			spoils := map[string]func(i int, line string) (string, int){
				"itself": nil,
				"another's record beside it": func(i int, line string) (string, int) {
					if i == 0 {
						return line, 1
					}
					return line, i
				},
				"another's record in it": func(i int, line string) (string, int) {
					if i == 0 {
						line += " " + string(members[1].record)
					}
					return line, i
				},
				"another's outcome": func(i int, line string) (string, int) {
					if i == 0 {
						line = strings.Replace(line, "negative", "positive", 1)
					}
					return line, i
				},
				"another's account": func(i int, line string) (string, int) {
					if i == 0 {
						line = strings.Replace(line, "7702", "3344", 1)
					}
					return line, i
				},
				"the words turned round": func(i int, line string) (string, int) {
					if i == 0 {
						line = strings.Replace(line, "test was", "was test", 1)
					}
					return line, i
				},
				"words that production never has": func(i int, line string) (string, int) {
					if i == 0 {
						line = "Your test was positive"
					}
					return line, i
				},
			}
			blocked := 0
			for what, spoil := range spoils {
				with = strings.HasPrefix(what, "another's outcome") || strings.HasPrefix(what, "another's account") || strings.HasPrefix(what, "the words")
				for seed := range uint64(20) {
					r := rand.New(rand.NewPCG(seed, 5))
					production := [][][]gate.Canonical{run(r, nil), run(r, nil), run(r, nil)}
					a, findings, err := s.judge(run(r, spoil), production...)
					switch {
					case err != nil:
						t.Fatal(err)
					case spoil == nil && a == found:
						blocked++
						t.Logf("%s, %s, seed %d: blocks against itself: %s in %s: %q to %q", place, kind, seed, findings[0].Check, findings[0].Part, findings[0].Before, findings[0].After)
					case spoil != nil && a == missed:
						t.Errorf("%s, %s, seed %d: passes with %s", place, kind, seed, what)
					}
				}
			}
			if blocked > 1 {
				t.Errorf("%s, %s: %d of 20 builds block against themselves", place, kind, blocked)
			}
		}
	}
}
