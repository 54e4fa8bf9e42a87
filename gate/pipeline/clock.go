package pipeline

import (
	"net/mail"
	"time"

	"github.com/waybill-dev/waybill/gate"
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
