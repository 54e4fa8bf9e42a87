package pipeline

import (
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate/diff"
)

// A volatile value is renamed, not deleted: which places hold one value must be
// the same on both sides. A one-time token that production puts into a mail and
// into the call that announces it must be one token in staging too, or a link
// goes to somebody else.

// apart is how long a value must be, and of letters and digits both, before its
// being equal in two messages means something: times and counters are not.
const apart = 12

type brokenHunk struct {
	pair int
	hunk diff.Hunk
}

// broken gives the masked hunks whose value is equal to another's on one side
// only. masked holds the masked hunks of each pair.
func broken(masked [][]diff.Hunk) []brokenHunk {
	var out []brokenHunk
	stated := map[*diff.Hunk]bool{}
	for _, wide := range []bool{false, true} {
		first := func() (map[string]int, map[string]int) { return map[string]int{}, map[string]int{} }
		before, after := first()
		slot := 0
		for i, hunks := range masked {
			if !wide {
				before, after = first()
			}
			for j := range hunks {
				h := &hunks[j]
				slot++
				if wide && !(tellsApart(h.Before) && tellsApart(h.After)) || !wide && utf8.RuneCountInString(h.Before) < 6 {
					continue
				}
				b, seenB := before[h.Before]
				if !seenB {
					before[h.Before], b = slot, slot
				}
				a, seenA := after[h.After]
				if !seenA {
					after[h.After], a = slot, slot
				}
				if b != a && !stated[h] {
					stated[h] = true
					shown := *h
					shown.Masked = false
					out = append(out, brokenHunk{i, shown})
				}
			}
		}
	}
	return out
}

func tellsApart(s string) bool {
	var digit, letter bool
	for _, c := range s {
		digit = digit || unicode.IsDigit(c)
		letter = letter || unicode.IsLetter(c)
	}
	return digit && letter && utf8.RuneCountInString(s) >= apart
}
