package pipeline

import (
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// A message says when it was written. That is new in each replay, and so it is masked;
// but it is close to when the message was sent, unless a clock is wrong or the message
// is an old one, or one that was to be sent another day.
const (
	dateRule = "date"        // of masks
	datePart = "header/date" // what such a date is called when it is revealed
	farOff   = 48 * time.Hour
)

// tellFarDate adds a part to c where its date is far from when it was sent. at is the
// arrival of the message, in nanoseconds since 1970.
func tellFarDate(c *gate.Canonical, at int64) {
	for _, h := range c.Hidden {
		if h.Rule != dateRule || h.Part != datePart {
			continue
		}
		date, err := mail.ParseDate(h.Value)
		if err != nil {
			continue
		}
		value := ""
		switch off := date.Sub(time.Unix(0, at)); {
		case off < -farOff:
			value = "more than two days before it was sent"
		case off > farOff:
			value = "more than two days after it was sent"
		default:
			continue
		}
		c.Parts = append(c.Parts, gate.Part{Name: datePart + "/distance", Kind: gate.Value, Value: value})
		return
	}
}

// clockSlack is by how much two readings of a clock may be further apart, or less, than the
// messages that they stand in: it is read before a message is sent, and may be rounded.
const clockSlack = time.Minute

// readsClock reports whether what differs at a place is the clock's: both sides have a time
// there that is as far from when the message was sent, or a date or time of day that is then. Two replays of production may read
// the clock in one second, or in one minute, so that noise does not show it.
func readsClock(before, after *gate.Canonical, h *diff.Hunk) bool {
	if h.Kind == gate.Binary || !isWorded(h) || before.At == 0 || after.At == 0 {
		return false
	}
	for _, side := range [][2]string{h.Whole, {h.Before, h.After}} {
		b, okb := instant(side[0])
		a, oka := instant(side[1])
		if !okb || !oka {
			continue
		}
		sinceB, sinceA := b.Sub(time.Unix(0, before.At)), a.Sub(time.Unix(0, after.At))
		if sinceB.Abs() <= farOff && sinceA.Abs() <= farOff && (sinceA-sinceB).Abs() <= clockSlack {
			return true
		}
	}
	return readsNow(before, after, h)
}

// isWorded reports whether a hunk is of words, and not of a whole part that says who or where.
func isWorded(h *diff.Hunk) bool { return h.Kind == gate.Text || h.Kind == gate.Value || h.Within }

// instant reads a time: seconds since 1970, with a fraction or none, or their thousandths,
// millionths or billionths; or a date with a time of day, as RFC 3339, RFC 1123 and the basic
// form of ISO 8601 have it.
func instant(s string) (time.Time, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if n, err := strconv.ParseInt(whole, 10, 64); err == nil && strings.Trim(fraction, "0123456789") == "" {
		switch len(whole) {
		case 10:
			return time.Unix(n, 0), true
		case 13:
			return time.UnixMilli(n), true
		case 16:
			return time.UnixMicro(n), true
		case 19:
			return time.Unix(0, n), true
		}
		return time.Time{}, false
	}
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC1123, time.RFC1123Z, "20060102T150405Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}
