package pipeline

import (
	"strings"
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

// broken gives the masked hunks that hold a value which is equal to another's on
// one side only: those where it shows, and those of the first message that held
// the value before and of the first that holds it now, since any of them may be
// the one that went wrong. masked holds the masked hunks of each pair.
func broken(masked [][]diff.Hunk) []brokenHunk {
	type place struct{ pair, hunk, value int }
	type shown struct{ pair, hunk int }
	var out []brokenHunk
	stated := map[shown]bool{}
	state := func(pair int, holds func(*diff.Hunk) bool) {
		for j := range masked[pair] {
			if h := &masked[pair][j]; !stated[shown{pair, j}] && holds(h) {
				stated[shown{pair, j}] = true
				open := *h
				open.Masked = false
				out = append(out, brokenHunk{pair, open})
			}
		}
	}
	for _, wide := range []bool{false, true} {
		before, after := map[string]place{}, map[string]place{} // where a value was first seen
		for i, hunks := range masked {
			if !wide {
				clear(before)
				clear(after)
			}
			for j := range hunks {
				for n, v := range hunks[j].Values {
					if wide && !(tellsApart(v[0]) && tellsApart(v[1])) || !wide && utf8.RuneCountInString(v[0]) < 6 {
						continue
					}
					here := place{i, j, n}
					b, ok := before[v[0]]
					if !ok {
						before[v[0]], b = here, here
					}
					a, ok := after[v[1]]
					if !ok {
						after[v[1]], a = here, here
					}
					if a == b {
						continue
					}
					had := func(h *diff.Hunk) bool { return strings.Contains(h.Before, v[0]) }
					has := func(h *diff.Hunk) bool { return strings.Contains(h.After, v[1]) }
					state(i, func(h *diff.Hunk) bool { return had(h) && has(h) })
					state(b.pair, had)
					state(a.pair, has)
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
