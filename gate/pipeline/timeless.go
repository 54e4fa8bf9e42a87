package pipeline

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/waybill-dev/waybill/gate/diff"
)

// A token may have the time in it, between pieces that are drawn at random: the seconds at
// which a cookie was made, or the millisecond of an id. What reads a clock is equal wherever
// the clock was read at once, so that it is nobody's identity.

// isClock reports whether o is a time in each replay and in staging, in figures, of one run of
// days: times carry none, also at a place at which other messages have something else.
func (o *occurrence) isClock() bool {
	clock := newPool()
	for _, t := range append(slices.Clip(o.value.Texts), o.value.After) {
		clock.value(t)
	}
	return clock.times && clock.numbers && clock.isTime()
}

// timelessBits is the most that o's value carries without the readings of a clock in it: none
// where nothing but these differs between replays; infinity where it has none.
func (d *identities) timelessBits(o *occurrence) float64 {
	if o.isClock() {
		return 0
	}
	var rests, readings []string
	for _, t := range o.value.Texts {
		rest, read := d.timeless(diff.Unescaped(t))
		if read == "" {
			return math.Inf(1)
		}
		rests, readings = append(rests, rest), append(readings, read)
	}
	if len(slices.Compact(slices.Clone(readings))) == 1 {
		return math.Inf(1) // no clock stands still
	}
	most := 0
	for _, r := range rests {
		if r != rests[0] {
			most = max(most, len(r)-sharedBytes(r, rests[0], false), len(rests[0])-sharedBytes(r, rests[0], false))
		}
	}
	return bitsOfLetter * float64(most)
}

// bitsOfLetter is how many bits a letter or figure of a token carries at the most.
const bitsOfLetter = 6

// timeless returns t, or the text that t is the base64 of, without the pieces that read a clock
// at about when messages were sent, and these.
func (d *identities) timeless(t string) (rest, readings string) {
	if rest, readings = d.cutTimes(t); readings != "" {
		return rest, readings
	}
	if plain := decoded(t); plain != "" {
		if r, read := d.cutTimes(plain); read != "" {
			return r, read
		}
	}
	return t, ""
}

func (d *identities) cutTimes(t string) (rest, readings string) {
	if d.at == 0 {
		return t, ""
	}
	return cutReadings(t, func(piece string) (rest string, ok bool) { return "", readsAt(piece, d.at, mostApart*time.Second) })
}

// cutReadings returns t with the pieces that read says are readings of a clock replaced by what it
// returns, and these.
func cutReadings(t string, read func(piece string) (rest string, ok bool)) (rest, readings string) {
	var out, cut strings.Builder
	for from := 0; from < len(t); {
		isPiece := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
		end := from + strings.IndexFunc(t[from:], func(r rune) bool { return !isPiece(r) })
		if end < from {
			end = len(t)
		}
		piece := t[from:end]
		if end > from {
			if instead, ok := read(piece); ok {
				cut.WriteString(piece + " ")
				piece = instead
			}
		}
		out.WriteString(piece)
		mark := len(t)
		if n := strings.IndexFunc(t[end:], isPiece); n >= 0 {
			mark = end + n
		}
		out.WriteString(t[end:mark])
		from = mark
	}
	return out.String(), cut.String()
}

// readsAt reports whether a piece of a token is a time that is at most so far from at, in nanoseconds
// since 1970: seconds, or parts of them, since then, in figures with letters before or behind them, in
// hexadecimal or to the base of 36.
func readsAt(piece string, at int64, apart time.Duration) bool {
	near := func(read time.Time, ok bool) bool {
		return ok && read.Sub(time.Unix(0, at)).Abs() <= apart
	}
	if _, figures := lastFigures(piece); near(instant(figures)) {
		return true
	}
	switch len(piece) {
	case len("68f0a1b2"):
		if n, err := strconv.ParseInt(piece, 16, 64); err == nil && near(time.Unix(n, 0), true) {
			return true
		}
		n, err := strconv.ParseInt(piece, 36, 64)
		return err == nil && near(time.UnixMilli(n), true)
	case len("t4x8k2"):
		n, err := strconv.ParseInt(piece, 36, 64)
		return err == nil && near(time.Unix(n, 0), true)
	}
	return false
}
