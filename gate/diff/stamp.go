package diff

import (
	"regexp"
	"slices"
)

// stamp is a date with a time of day: RFC 3339, 5.6, and with what its notes and
// ISO 8601 let stand in place of its marks.
var stamp = regexp.MustCompile(`\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2})?`)

// wholeStamps widens volatile spans to the stamps that they stand in. A clock that
// runs on between two replays shows in the seconds, and an hour later in the hours:
// where a part of a stamp is volatile all of it is.
//
// The price: a time that a build works out from its clock, as of an expiry, is not
// compared where it is written to the second.
func wholeStamps(w words, spans []span) []span {
	if len(spans) == 0 {
		return spans
	}
	for _, at := range stamp.FindAllStringIndex(w.whole, -1) {
		start, begins := slices.BinarySearch(w.starts, at[0])
		end, _ := slices.BinarySearch(w.starts, at[1])
		if !begins {
			continue // the end of a longer word
		}
		whole := span{start: start, end: end}
		rest := slices.DeleteFunc(slices.Clone(spans), func(s span) bool {
			if s.end <= start || end <= s.start {
				return false
			}
			whole.start, whole.end = min(whole.start, s.start), max(whole.end, s.end)
			whole.texts = append(whole.texts, s.texts...)
			return true
		})
		if len(whole.texts) == 0 {
			continue
		}
		whole.texts = append(append(whole.texts, w.text(start, end)), w.words[start:end]...)
		spans = append(rest, whole)
	}
	return spans
}
