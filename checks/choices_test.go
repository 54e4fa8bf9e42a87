package checks_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

var (
	choicesRuns = flag.Int("choices.runs", 30, "how many builds of each kind TestChoices holds against themselves")
	choicesSeed = flag.Uint64("choices.seed", 1, "seed of TestChoices")
	choicesOne  = flag.Uint64("choices.one", 0, "draw this seed alone, and show what is found")
)

// A choice is a message that a build writes in one of a few ways, drawn for each person: an A/B
// test. The last way is one that production never takes.
type choice struct {
	name string
	ways []specimen
}

func choices() []choice {
	mails := func(name string, texts ...string) choice {
		c := choice{name: name}
		for _, text := range texts {
			c.ways = append(c.ways, mailSpecimen(name, wireLines([]byte("From: Desk <desk@lakeview.example>\nTo: "+theirMail+"\n"+text+"\n"))))
		}
		return c
	}
	plain, html := "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n", "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n\n"
	requests := func(name string, bodies ...string) choice {
		c := choice{name: name}
		for _, b := range bodies {
			c.ways = append(c.ways, specimen{name: name, channel: "http", host: "api.partner.example", parts: [2][]byte{
				[]byte("POST /v1/things HTTP/1.1\r\nHost: api.partner.example\r\n" + theirField + "Content-Type: application/json\r\nContent-Length: " + bodyLength + "\r\n\r\n"), []byte(b),
			}})
		}
		return c
	}
	return []choice{
		mails("text", "Subject: Info\n"+plain+"Record "+theirRecord+".\nwe miss you\nKind regards", "Subject: Info\n"+plain+"Record "+theirRecord+".\ncome back soon\nKind regards",
			"Subject: Info\n"+plain+"Record "+theirRecord+".\nyour test was positive\nKind regards"),
		mails("subject and text", "Subject: We miss you\n"+plain+"Dear patient, we miss you, record "+theirRecord+".", "Subject: Come back\n"+plain+"Dear patient, come back soon, record "+theirRecord+".",
			"Subject: Your diagnosis\n"+plain+"Dear patient, it is cancer, record "+theirRecord+"."),
		mails("three subjects", "Subject: We miss you\n"+plain+"Record "+theirRecord+".", "Subject: Come back\n"+plain+"Record "+theirRecord+".", "Subject: Long time no see\n"+plain+"Record "+theirRecord+".",
			"Subject: Your diagnosis\n"+plain+"Record "+theirRecord+"."),
		mails("template", "Subject: Info\n"+html+"<h1>Hello</h1><p>We miss you</p><p>Record "+theirRecord+"</p>", "Subject: Info\n"+html+"<p>Dear patient,</p><p>come back soon to us</p><b>"+theirRecord+"</b>",
			"Subject: Info\n"+html+"<h1>Hello</h1><p>Your test was positive</p><p>Record "+theirRecord+"</p>"),
		mails("link", "Subject: Info\n"+plain+"Record "+theirRecord+": https://lakeview.example/a/offer?r="+theirRecord, "Subject: Info\n"+plain+"Record "+theirRecord+": https://lakeview.example/b/welcome?r="+theirRecord,
			"Subject: Info\n"+plain+"Record "+theirRecord+": https://lakeview.example/c/close?r="+theirRecord),
		requests("variant", `{"who":"`+theirRecord+`","page":"A"}`, `{"who":"`+theirRecord+`","page":"B"}`, `{"who":"`+theirRecord+`","page":"X"}`),
		requests("wording", `{"who":"`+theirRecord+`","text":"Buy now"}`, `{"who":"`+theirRecord+`","text":"Order today"}`, `{"who":"`+theirRecord+`","text":"Account closed"}`),
	}
}

// run gives what one run sends, and which way each member's message was written. spoil says which way
// and whose record member i has instead, where it is not nil.
func (c *choice) run(s *sweeper, r *rand.Rand, spoil func(i, way int) (instead, whose int)) (out [][]gate.Canonical, ways []int, err error) {
	for i := range members {
		way, m := r.IntN(len(c.ways)-1), members[i]
		ways = append(ways, way)
		if spoil != nil {
			instead, whose := spoil(i, way)
			way, m.record = instead, members[whose].record
		}
		forms, err := s.forms(c.ways[way].render(&m, nil), uint64(i+1))
		if err != nil {
			return nil, nil, err
		}
		out = append(out, forms)
	}
	return out, ways, nil
}

// judge holds staging, spoilt or not, against some replays of production. shown says that each way of
// which staging takes another was given to somebody in one replay who had another in another one.
func (c *choice) judge(s *sweeper, seed uint64, spoil func(i, way int) (int, int)) (a answer, findings []gate.Finding, shown bool, err error) {
	r := rand.New(rand.NewPCG(seed, 11))
	var production [][][]gate.Canonical
	var ways [][]int
	for range len(c.ways) - 1 + int(seed%2) { // two are enough for two ways
		run, way, err := c.run(s, r, nil)
		if err != nil {
			return missed, nil, false, err
		}
		production, ways = append(production, run), append(ways, way)
	}
	staging, now, err := c.run(s, r, spoil)
	if err != nil {
		return missed, nil, false, err
	}
	varied := map[int]bool{}
	for i := range members {
		for k := range ways {
			varied[ways[k][i]] = varied[ways[k][i]] || ways[k][i] != ways[0][i]
			varied[ways[0][i]] = varied[ways[0][i]] || ways[k][i] != ways[0][i]
		}
	}
	shown = true
	for i := range members {
		shown = shown && (now[i] == ways[0][i] || varied[now[i]] && varied[ways[0][i]])
	}
	a, findings, err = s.judge(staging, production...)
	return a, findings, shown, err
}

// A message that is written in one of a few ways by chance: the build that is held against itself
// does not block, and a way that production never takes, or another's record in it, does.
func TestChoices(t *testing.T) {
	s := newSweeper(t)
	for _, c := range choices() {
		spoils := map[string]func(i, way int) (int, int){
			"itself": nil,
			"a way that production never takes": func(i, way int) (int, int) {
				if i == 0 {
					way = len(c.ways) - 1
				}
				return way, i
			},
			"another's record": func(i, way int) (int, int) {
				if i == 0 {
					return way, 1
				}
				return way, i
			},
			"two records exchanged": func(i, way int) (int, int) { return way, slices.Index([]int{1, 0, 2, 3, 4, 5}, i) },
		}
		count := map[answer]int{}
		for what, spoil := range spoils {
			for k := range *choicesRuns {
				seed := *choicesSeed<<32 + uint64(k)
				if *choicesOne > 0 {
					seed = *choicesOne
				}
				a, findings, shown, err := c.judge(s, seed, spoil)
				if err != nil {
					t.Fatal(err)
				}
				if *choicesOne > 0 {
					t.Logf("%s, %s: %v %s", c.name, what, a, judgedAs("", findings))
					for i := range findings {
						t.Logf("%s in %s: %q to %q", findings[i].Check, findings[i].Part, findings[i].Before, findings[i].After)
					}
				}
				switch {
				case spoil == nil && a == found && shown:
					t.Errorf("%s (seed %d) blocks against itself: %s in %s", c.name, seed, findings[0].Check, findings[0].Part)
				case spoil != nil && a == missed:
					t.Errorf("%s (seed %d) passes with %s", c.name, seed, what)
				}
				if spoil == nil {
					count[a]++
				}
				if *choicesOne > 0 {
					break
				}
			}
		}
		t.Logf("%s: of %d builds %d are undecided against themselves", c.name, *choicesRuns, count[gapped])
	}
}

// What production writes in one of a few ways for each person, and in the same way in each replay, is
// somebody's: another way is told.
func TestChoicesThatStay(t *testing.T) {
	s := newSweeper(t)
	for _, c := range choices() {
		run := func(flip bool) [][]gate.Canonical {
			var out [][]gate.Canonical
			for i := range members {
				way := i % 2
				if flip && i < 2 {
					way = 1 - way
				}
				forms, err := s.forms(c.ways[way].render(&members[i], nil), uint64(i+1))
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, forms)
			}
			return out
		}
		if a, _, err := s.judge(run(true), run(false), run(false), run(false)); err != nil || a != found {
			t.Errorf("%s: two people's ways exchanged: %v %v", c.name, a, err)
		}
	}
}
