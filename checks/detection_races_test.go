package checks_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/fixtures/builds/clinic"
	"github.com/waybill-dev/waybill/gate"
)

// races are the faults that show by chance, each a defect of what workers share: see
// the clinic's server.
var races = []struct {
	fault   string
	what    string
	exposed float64 // of all messages, how many at the least could be struck
}{
	{"M03", "a turn that is given up before its answer is read", 0.12},
	{"M08", "a form that is not cleared", 0.03},
	{"M09", "a cache whose key lacks the person", 0.12},
}

// sure is the probability with which a run of enough messages shows a race.
const sure = 0.95

// missable is how probable it is that a race which strikes each message with
// probability p strikes none of n.
func missable(p float64, n int) float64 { return math.Pow(1-p, float64(n)) }

// enough is how many messages must be exposed to a race that strikes each with
// probability p for a run to show it as surely: about 3/p for 0.95.
func enough(p, surely float64) int { return int(math.Ceil(math.Log(1-surely) / math.Log1p(-p))) }

// rare is the smallest probability for which n exposed messages are enough.
func rare(n, surely float64) float64 { return -math.Expm1(math.Log(1-surely) / n) }

// TestDetectionOfRaces finds races in runs of enough messages, and says what
// probability there was to miss each.
func TestDetectionOfRaces(t *testing.T) {
	size := processVolume()
	s := newClinicSite(t, size, *detectionSeed)
	s.produce(t)
	faults := clinic.Faults()
	rows := &table{rows: map[int]string{}}
	t.Run("race", func(t *testing.T) {
		for i, race := range races {
			t.Run(race.fault, func(t *testing.T) {
				t.Parallel()
				f := &faults[slices.IndexFunc(faults, func(f clinic.Fault) bool { return f.Key() == race.fault })]
				p := rare(race.exposed*float64(size), sure)
				o, l := s.faulty(t, "-fault", race.fault, "-rate", fmt.Sprint(p), "-fault-seed", fmt.Sprint(*detectionSeed))
				if n := enough(p, sure); l.Exposed < n {
					t.Errorf("%d messages were exposed, and %d are enough", l.Exposed, n)
				}
				if l.Struck == 0 {
					t.Fatalf("none of %d messages was struck, which happens with probability %.3f: take another seed", l.Exposed, missable(p, l.Exposed))
				}
				seen, _ := see(t, f, &o.Verdict, l.Affected)
				rows.add(i, "%-6s %-50s %8.5f %7d %7d %8.3f  %s", race.fault, race.what, p, l.Exposed, l.Struck, missable(p, l.Exposed), seen)
			})
		}
	})
	t.Logf("races of workers: %d messages a run, seed %d; p is the probability that an exposed message is struck, n how many were exposed\n\n"+
		"fault  defect                                                    p       n  struck  (1-p)^n  found by%82s rank   bits%s\n\n"+
		"(1-p)^n is how probable it was to miss the race", size, *detectionSeed, "", rows)
}

// TestDetectionModel measures how often races are found in runs that are too small to
// show them surely. That a run is judged blocked exactly where something was struck
// makes finding a matter of the build's chance alone; and that chance is p for each
// exposed message: strikes and runs that show them are as many as that model allows.
func TestDetectionModel(t *testing.T) {
	if testing.Short() {
		t.Skip("many runs")
	}
	const (
		size  = 200 // messages of a run
		runs  = 16  // of each race
		about = 0.5 // of the runs, how many are to show a race
	)
	s := newClinicSite(t, size, *detectionSeed)
	s.produce(t)
	var mu sync.Mutex
	var chances []float64 // of each run, that it shows its race
	shown := 0
	rows := &table{rows: map[int]string{}}
	t.Run("race", func(t *testing.T) {
		for i, race := range races {
			t.Run(race.fault, func(t *testing.T) {
				t.Parallel()
				p := rare(1.2*race.exposed*size, about)
				exposed, struck, found := 0, 0, 0
				var each []float64
				for run := range runs {
					seed := strconv.FormatUint(*detectionSeed*1000+uint64(100*i+run), 10) // no two races draw alike
					o, l := s.faulty(t, "-fault", race.fault, "-rate", fmt.Sprint(p), "-fault-seed", seed)
					want := gate.Pass
					if l.Struck > 0 {
						want = gate.Blocked
						found++
					}
					if o.Decision != want {
						t.Errorf("%v, and %d of %d messages were struck (seed %s)\n%s", o.Decision, l.Struck, l.Exposed, seed, o.Printed)
					}
					exposed += l.Exposed
					struck += l.Struck
					each = append(each, 1-missable(p, l.Exposed))
				}
				rows.add(i, "%-6s %8.5f %6d %6d %9.1f %6d of %d %9.1f", race.fault, p, exposed, struck, p*float64(exposed), found, runs, sum(each))
				if !plausible(struck, slices.Repeat([]float64{p}, exposed)) {
					t.Errorf("%d of %d messages were struck, with probability %g each", struck, exposed, p)
				}
				if !plausible(found, each) {
					t.Errorf("%d runs found the race, with probabilities %.2f", found, each)
				}
				mu.Lock()
				defer mu.Unlock()
				chances, shown = append(chances, each...), shown+found
			})
		}
	})
	if !plausible(shown, chances) {
		t.Errorf("%d of %d runs found their race, and %.1f are expected", shown, len(chances), sum(chances))
	}
	t.Logf("measured: %d messages a run\n\nfault         p      n struck  expected   runs that show it, expected%s\n\n%d of %d runs, expected %.1f", size, rows, shown, len(chances), sum(chances))
}

// plausible says whether it is no rare chance (one in a thousand to each side) that k
// of independent events with these probabilities happen.
func plausible(k int, chances []float64) bool {
	const rare = 0.001
	exactly := make([]float64, len(chances)+1) // probability that as many happen
	exactly[0] = 1
	for n, p := range chances {
		for i := n + 1; i > 0; i-- {
			exactly[i] = exactly[i]*(1-p) + exactly[i-1]*p
		}
		exactly[0] *= 1 - p
	}
	return sum(exactly[:k+1]) > rare && sum(exactly[k:]) > rare
}

func sum(list []float64) (s float64) {
	for _, x := range list {
		s += x
	}
	return s
}

// The bounds that the model is held to are those of the binomial distribution.
func TestPlausible(t *testing.T) {
	fair := slices.Repeat([]float64{0.5}, 20)
	var within []string
	for k := range 21 {
		if plausible(k, fair) {
			within = append(within, strconv.Itoa(k))
		}
	}
	// P(X <= 3) = 1351/2^20 = 0.0013, P(X <= 2) = 211/2^20 = 0.0002
	if got, want := strings.Join(within, " "), "3 4 5 6 7 8 9 10 11 12 13 14 15 16 17"; got != want {
		t.Errorf("of 20 tosses %s are plausible, want %s", got, want)
	}
	if n := enough(0.003, sure); n != 998 || missable(0.003, n) > 1-sure || missable(0.003, n-1) < 1-sure {
		t.Errorf("%d messages are enough for 0.003", n)
	}
	if p := rare(998, sure); enough(p, sure) > 998 || enough(p, sure) < 997 {
		t.Errorf("998 messages are enough for %g, and %d are", p, enough(p, sure))
	}
}
