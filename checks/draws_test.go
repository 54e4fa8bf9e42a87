package checks_test

import (
	"encoding/base64"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

var (
	drawsRuns = flag.Int("draws.runs", 150, "how many builds TestDraws holds against themselves, each with values drawn out of few")
	drawsSeed = flag.Uint64("draws.seed", 1, "seed of TestDraws")
	drawsOne  = flag.Uint64("draws.one", 0, "draw this one alone, by the seed that was printed, and show what is found")
)

// A fewness is a way in which software gives each of some messages one of few values.
type fewness struct {
	name   string
	prose  bool // it stands in running text alone
	unique bool // no two messages of one run have one value
	draw   func(r *rand.Rand, n int) []string
}

func oneOf(values ...string) func(*rand.Rand, int) []string {
	return func(r *rand.Rand, n int) (out []string) {
		for range n {
			out = append(out, values[r.IntN(len(values))])
		}
		return out
	}
}

func numberOf(low, high int) func(*rand.Rand, int) []string {
	return func(r *rand.Rand, n int) (out []string) {
		for range n {
			out = append(out, strconv.Itoa(low+r.IntN(high-low)))
		}
		return out
	}
}

// counted gives the numbers of a counter in the order in which requests happen to arrive.
func counted(form func(int) string) func(*rand.Rand, int) []string {
	return func(r *rand.Rand, n int) (out []string) {
		for _, k := range r.Perm(n) {
			out = append(out, form(k))
		}
		return out
	}
}

var fewnesses = []fewness{
	{"tip", true, false, oneOf("Drink a glass of water", "Call somebody old", "Sleep eight hours", "Walk home today", "Eat your greens")},
	{"two-word tip", true, false, oneOf("drink water", "walk far", "sleep well", "eat greens")},
	{"agent", true, false, oneOf("Petra Ouzel", "Jonas Siskin", "Mirjam Crake")},
	{"variant", false, false, oneOf("A", "B")},
	{"word", false, false, oneOf("control", "treatment", "holdout")},
	{"pod", false, false, oneOf("web-7d9f8b6c5d-x2k4q", "web-7d9f8b6c5d-p9z7m", "web-7d9f8b6c5d-tt2vb")},
	{"numbered pod", false, false, oneOf("web-1", "web-2", "web-3")},
	{"digit", false, false, numberOf(1, 10)},
	{"two digits", false, false, numberOf(10, 60)},
	{"counter", false, true, counted(func(k int) string { return strconv.Itoa(1041 + k) })},
	{"counter with a prefix", false, true, counted(func(k int) string { return fmt.Sprintf("1Z%09d", 998+k) })},
	{"base64 of a counter", false, true, counted(func(k int) string {
		return base64.RawStdEncoding.EncodeToString(fmt.Append(nil, "Order:", 1041+k))
	})},
}

// A drawn build has one place at which each message has one of few values.
type drawn struct {
	fewness
	place specimen
	seed  uint64
}

func (d *drawn) String() string {
	return fmt.Sprintf("%s in %s (seed %d)", d.name, d.place.name, d.seed)
}

func newDrawn(seed uint64, places []specimen) *drawn {
	r := rand.New(rand.NewPCG(seed, 5))
	d := &drawn{fewness: fewnesses[r.IntN(len(fewnesses))], place: places[r.IntN(len(places))], seed: seed}
	for d.prose && !slices.Contains([]string{"text", "html", "JSON text"}, d.place.name) {
		d.place = places[r.IntN(len(places))]
	}
	return d
}

// run gives what one run sends, with values that spoil changed.
func (d *drawn) run(s *sweeper, r *rand.Rand, spoil func(values []string)) ([][]gate.Canonical, error) {
	values := d.draw(r, len(members))
	if spoil != nil {
		spoil(values)
	}
	var out [][]gate.Canonical
	for i := range members {
		m := d.place.render(&members[i], func(_ int, t []byte) []byte {
			return []byte(strings.ReplaceAll(string(t), theirToken, values[i]))
		})
		forms, err := s.forms(m, uint64(i+1))
		if err != nil {
			return nil, err
		}
		out = append(out, forms)
	}
	return out, nil
}

// mostDrawn is how often production is replayed, as [replay] max_replays is where nobody says.
const mostDrawn = 5

// judge replays production until it shows nothing new, and holds staging against it.
func (d *drawn) judge(s *sweeper, spoil func([]string)) (answer, []gate.Finding, error) {
	r := rand.New(rand.NewPCG(d.seed, 7))
	var production [][][]gate.Canonical
	for len(production) < mostDrawn {
		run, err := d.run(s, r, nil)
		if err != nil {
			return missed, nil, err
		}
		if n := len(production); n >= 2 {
			a, _, err := s.judge(run, production...)
			if err != nil {
				return missed, nil, err
			}
			if a == missed {
				n = mostDrawn
			}
			if production = append(production, run); n == mostDrawn {
				break
			}
			continue
		}
		production = append(production, run)
	}
	staging, err := d.run(s, r, spoil)
	if err != nil {
		return missed, nil, err
	}
	return s.judge(staging, production...)
}

// Whatever few values software gives to messages by chance, or in order of arrival: the build that
// is held against itself does not block, and what is somebody's, or given twice where none is in
// production, is never taken for one of them.
func TestDraws(t *testing.T) {
	s := newSweeper(t)
	places := slices.DeleteFunc(tokenPlaces(), func(p specimen) bool {
		return slices.Contains([]string{"message id", "thread", "bearer", "path", "path before more"}, p.name) || strings.HasPrefix(p.name, "header ")
	})
	spoils := map[string]func(d *drawn) func([]string){
		"another's record": func(*drawn) func([]string) { return func(v []string) { v[0] = members[1].record } },
		"another's number": func(*drawn) func([]string) {
			return func(v []string) { v[0] = strings.TrimPrefix(members[1].record, "MRN-") }
		},
		"a value twice": func(d *drawn) func([]string) {
			if !d.unique {
				return nil
			}
			return func(v []string) { v[0] = v[1] }
		},
	}
	if *drawsOne > 0 {
		d := newDrawn(*drawsOne, places)
		a, findings, err := d.judge(s, nil)
		t.Logf("%s: %v %v %s", d, a, err, judgedAs("", findings))
		for what, spoil := range spoils {
			if f := spoil(d); f != nil {
				a, findings, err := d.judge(s, f)
				t.Logf("%s: %v %v %s", what, a, err, judgedAs("", findings))
			}
		}
		return
	}
	gaps := 0
	for i := range *drawsRuns {
		d := newDrawn(*drawsSeed<<32+uint64(i), places)
		switch a, findings, err := d.judge(s, nil); {
		case err != nil:
			t.Errorf("%s: %v", d, err)
		case a == found:
			t.Errorf("blocks against itself: %s: %s in %s", d, findings[0].Check, findings[0].Part)
		case a == gapped:
			gaps++
		}
		for what, spoil := range spoils {
			if f := spoil(d); f != nil {
				if a, _, err := d.judge(s, f); err != nil || a == missed {
					t.Errorf("passes with %s: %s %v", what, d, err)
				}
			}
		}
	}
	t.Logf("of %d builds %d are undecided against themselves", *drawsRuns, gaps)
	if gaps*20 > *drawsRuns {
		t.Errorf("%d of %d builds are undecided against themselves", gaps, *drawsRuns)
	}
}
