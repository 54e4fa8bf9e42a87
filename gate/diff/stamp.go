package diff

import (
	"regexp"
	"slices"
	"strings"
)

const (
	weekday  = `(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )`
	month    = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}`
	timeOf   = `\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\b\.?)?`
	timeZone = `(?: ?(?:[Zz]\b|GMT|UTC|[+-]\d{2}:?\d{2}))?`
)

// stamp is a date with a time of day, or a time of day alone: as RFC 3339, 5.6, has it, and
// with what its notes and ISO 8601 let stand in place of its marks; as RFC 5322, 3.3, HTTP
// and asctime have it; as people write it.
var stamp = regexp.MustCompile(
	`\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?:[Zz]|[+-]\d{2}:?\d{2})?` +
		`|` + weekday + `?\d{1,2}[ -]` + month + `[ -]\d{4},?(?: at)? ` + timeOf + timeZone +
		`|` + weekday + `?` + month + ` {1,2}\d{1,2}(?:, \d{4})?,?(?: at)? ` + timeOf + timeZone + `(?: \d{4}\b)?` +
		`|` + `\d{1,4}[/.]\d{1,2}[/.]\d{2,4},? ` + timeOf + timeZone +
		`|\b` + timeOf + timeZone)

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
		spans = widen(w, spans, at)
	}
	return spans
}

// widen joins those of spans that the text from at[0] to at[1] covers a part of to one that covers it.
func widen(w words, spans []span, at []int) []span {
	start, begins := slices.BinarySearch(w.starts, at[0])
	end, _ := slices.BinarySearch(w.starts, at[1])
	if !begins {
		return spans // the end of a longer word
	}
	all := span{start: start, end: end}
	first := -1
	rest := make([]span, 0, len(spans)+1)
	for _, s := range spans {
		if s.end <= start || end <= s.start {
			rest = append(rest, s)
			continue
		}
		if first < 0 {
			first = len(rest)
		}
		all.start, all.end = min(all.start, s.start), max(all.end, s.end)
	}
	if first < 0 {
		return spans
	}
	return slices.Insert(rest, first, all)
}

// IsStamp reports whether text is a date with a time of day, or a time of day alone.
func IsStamp(text string) bool {
	if strings.IndexByte(text, ':') < 0 {
		return false
	}
	at := stamp.FindStringIndex(text)
	return at != nil && at[0] == 0 && at[1] == len(text)
}
