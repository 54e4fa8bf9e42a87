package match

import (
	"math"
	"slices"
	"strconv"

	"github.com/waybill-dev/waybill/gate"
)

// Of many messages to one outside party, much of which is made anew in each replay, little says
// which of them are the same: the values that say whom, or what, a message is about. These stand at
// places whose values recur in the other replay and tell messages apart.

const (
	leastRecurring = 0.9 // share of the values of such a place that the other replay has too
	leastDistinct  = 0.5 // of its values that are different ones
	identityWeight = 2   // a place of addresses and telephone numbers counts for two
)

// A subjectPlace holds the values that stand at one place, each with how many messages have it.
type subjectPlace struct {
	runs       [2]map[uint64]int // by hash
	identities int               // values that read as recipients
	low, high  uint64            // of numbers
	words      bool              // some value is no number
	weight     float64           // 0: it says nothing of what messages are about
}

// A subjectValue is what one message has at a place.
type subjectValue struct {
	at    *subjectPlace
	value uint64
}

// subjects returns how much two messages are of one subject: 0 where nothing says so, as where
// the runs are not replays of one build.
func (m *matcher) subjects(bs, as []int) func(b, a int) float64 {
	none := func(int, int) float64 { return 0 }
	if !m.replays || len(bs) < 2 || len(as) < 2 || m.before[bs[0]].Recipient.Kind != gate.Host {
		return none
	}
	places := map[string]*subjectPlace{}
	values := [2]map[int][]subjectValue{{}, {}}
	for run, items := range [...][]Item{m.before, m.after} {
		for _, i := range [...][]int{bs, as}[run] {
			for _, p := range items[i].parts() {
				if p.Kind != gate.Value && p.Kind != gate.Text || p.Value == "" {
					continue
				}
				at := places[p.Name]
				if at == nil {
					at = &subjectPlace{runs: [2]map[uint64]int{{}, {}}, low: math.MaxUint64}
					places[p.Name] = at
				}
				values[run][i] = append(values[run][i], subjectValue{at, at.add(run, p.Value)})
			}
		}
	}
	telling := false
	for _, at := range places {
		at.weigh()
		telling = telling || at.weight > 0
	}
	if !telling {
		return none
	}
	return func(b, a int) (s float64) {
		for _, v := range values[0][b] {
			if v.at.weight > 0 && slices.Contains(values[1][a], v) {
				s += v.at.weight
			}
		}
		return s
	}
}

// add counts a value of a run, and returns its hash.
func (at *subjectPlace) add(run int, value string) uint64 {
	h := gate.HashWord(value)
	at.runs[run][h]++
	if n, err := strconv.ParseUint(value, 10, 64); err == nil {
		at.low, at.high = min(at.low, n), max(at.high, n)
	} else {
		at.words = true
	}
	if _, ok := gate.ReadsAsRecipient(value); ok {
		at.identities++
	}
	return h
}

// weigh sets what equal values at the place count for: twice the bits that tell them apart, more
// where they are identities, and nothing where they do not recur, tell little apart, or are the
// numbers of a counter, which are given in order of arrival.
func (at *subjectPlace) weigh() {
	total, recur := [2]int{}, 0
	for run := range at.runs {
		for v, n := range at.runs[run] {
			total[run] += n
			if run == 0 {
				recur += min(n, at.runs[1][v])
			}
		}
	}
	all := float64(max(total[0], total[1]))
	distinct := float64(len(at.runs[0]))
	counts := !at.words && at.high-at.low < 2*uint64(len(at.runs[0]))
	if float64(recur) < leastRecurring*all || distinct < max(2, leastDistinct*all) || counts {
		return
	}
	at.weight = 2 * math.Log2(distinct)
	if 2*at.identities > total[0]+total[1] {
		at.weight *= identityWeight
	}
}
