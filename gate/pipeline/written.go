package pipeline

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// What people read has the clock to the minute, the hour or the day, which seldom turns between
// two replays, and then turns within a run. Whether such a reading is the clock's is told by when
// its message was sent.

// written is a date, or a time of day, or both, as people write them. What is not English in
// names is not read.
var written = regexp.MustCompile(`(?i)` +
	`(?:\b(?P<weekday>mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}\b\.?,? ?)?` +
	`(?:(?:\b(?P<y1>\d{4})[-/.](?P<m1>\d{1,2})[-/.](?P<d1>\d{1,2})` +
	`|\b(?P<a2>\d{1,2})[-/.](?P<b2>\d{1,2})[-/.](?P<y2>\d{4})\b` +
	`|\b(?P<d3>\d{1,2})(?:st|nd|rd|th|\.)?[ -](?:of )?(?P<m3>` + monthName + `)[a-z]{0,6}\b\.?(?:,?[ -](?P<y3>\d{4})\b)?` +
	`|\b(?P<m4>` + monthName + `)[a-z]{0,6}\.? {1,2}(?P<d4>\d{1,2})(?:st|nd|rd|th)?\b(?:,? (?P<y4>\d{4})\b)?` +
	`)(?:(?:,? (?:at )?|T)` + clockTime("", "[:.]") + `)?|\b` + clockTime(alone, ":") + `)`)

// alone ends the names of groups of a time of day without a date.
const alone = "Alone"

const monthName = `jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec`

// clockTime is the expression of a time of day; its groups have names that end with suffix.
// Where nothing but a point divides its figures it is as well an amount.
func clockTime(suffix, mark string) string {
	return strings.NewReplacer("#", suffix, "@", mark).Replace(
		`(?P<hour#>\d{1,2})@(?P<min#>\d{2})(?:@(?P<sec#>\d{2})(?:[.,]\d+)?)?(?: ?(?P<half#>[ap])\.?m\b)?(?: ?(?P<zone#>Z\b|UTC\b|GMT\b|[+-]\d{2}:?\d{2}\b))?`)
}

var months = map[string]time.Month{
	"jan": time.January, "feb": time.February, "mar": time.March, "apr": time.April, "may": time.May, "jun": time.June,
	"jul": time.July, "aug": time.August, "sep": time.September, "oct": time.October, "nov": time.November, "dec": time.December,
}

// A writtenTime is a date or a time of day as it is written.
type writtenTime struct {
	field     map[string]string
	dated     bool
	timed     bool
	precision time.Duration // within which the moment is
}

// writtenAt returns the time in a passage that has the words that differ in it.
func writtenAt(p diff.Passage) (writtenTime, bool) {
	for from := 0; from < len(p.Text); {
		at := written.FindStringSubmatchIndex(p.Text[from:])
		if at == nil {
			return writtenTime{}, false
		}
		start, end := from+at[0], from+at[1]
		if start <= p.From && p.To <= end && p.From < p.To && end > start {
			r := writtenTime{field: map[string]string{}}
			for i, name := range written.SubexpNames() {
				if name != "" && at[2*i] >= 0 {
					r.field[strings.TrimSuffix(name, alone)] = p.Text[from+at[2*i] : from+at[2*i+1]]
				}
			}
			if r.complete() && !continues(p.Text, start, end) {
				return r, true
			}
			return writtenTime{}, false
		}
		if from = end; end == start {
			from++
		}
	}
	return writtenTime{}, false
}

// continues reports whether a time is only a piece of a longer run of figures and letters,
// such as an address or an amount.
func continues(text string, start, end int) bool {
	more := func(c byte) bool {
		return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 || strings.IndexByte("@_/+-", c) >= 0
	}
	return start > 0 && (more(text[start-1]) || strings.IndexByte(".:", text[start-1]) >= 0) || end < len(text) && more(text[end]) ||
		end+1 < len(text) && strings.IndexByte(".:,", text[end]) >= 0 && '0' <= text[end+1] && text[end+1] <= '9'
}

// complete notes what r has, and reports whether that says when.
func (r *writtenTime) complete() bool {
	f := r.field
	r.dated = f["y1"] != "" || f["y2"] != "" || f["m3"] != "" || f["m4"] != ""
	r.timed = f["min"] != ""
	switch {
	case f["sec"] != "":
		r.precision = time.Second
	case r.timed:
		r.precision = time.Minute
	default:
		r.precision = 24 * time.Hour
	}
	return r.dated || r.timed
}

// distances returns how far from at, at the least, each is that r may be: below 0 where
// it is earlier. Where no zone is written it is UTC.
func (r *writtenTime) distances(at time.Time) (all []time.Duration) {
	number := func(names ...string) int {
		for _, name := range names {
			if n, err := strconv.Atoi(r.field[name]); err == nil {
				return n
			}
		}
		return 0
	}
	zone := time.UTC
	if z := strings.Replace(r.field["zone"], ":", "", 1); len(z) == len("+0100") {
		h, _ := strconv.Atoi(z[1:3])
		m, _ := strconv.Atoi(z[3:])
		seconds := h*3600 + m*60
		if z[0] == '-' {
			seconds = -seconds
		}
		zone = time.FixedZone("", seconds)
	}
	hour := number("hour")
	if half := strings.ToLower(r.field["half"]); half != "" {
		if hour %= 12; half == "p" {
			hour += 12
		}
	}
	from := func(year int, month time.Month, day int) {
		t := time.Date(year, month, day, hour, number("min"), number("sec"), 0, zone)
		if t.Day() != day || t.Hour() != hour {
			return // there is no such day, or hour
		}
		if w := r.field["weekday"]; w != "" && !strings.EqualFold(w[:3], t.Weekday().String()[:3]) {
			return
		}
		switch off := t.Sub(at); {
		case off > 0:
			all = append(all, off)
		default:
			all = append(all, min(off+r.precision, 0))
		}
	}
	near := []time.Time{at.In(zone), at.In(zone).Add(-clockSlack), at.In(zone).Add(clockSlack)}
	for _, n := range near {
		month := months[strings.ToLower(r.field["m3"]+r.field["m4"])]
		year := number("y1", "y2", "y3", "y4")
		if year == 0 {
			year = n.Year()
		}
		switch {
		case !r.dated:
			from(n.Year(), n.Month(), n.Day())
		case month != 0:
			from(year, month, number("d3", "d4"))
		case r.field["y1"] != "":
			from(year, time.Month(number("m1")), number("d1"))
		default:
			from(year, time.Month(number("b2")), number("a2"))
			from(year, time.Month(number("a2")), number("b2"))
		}
	}
	return all
}

// isNow reports whether r is within a minute of at.
func (r *writtenTime) isNow(at time.Time) bool {
	for _, off := range r.distances(at) {
		if off.Abs() <= clockSlack {
			return true
		}
	}
	return false
}

// readsNow reports whether what differs stands, on both sides, in a date or a time of day that is
// when its message was sent.
func readsNow(before, after *gate.Canonical, h *diff.Hunk) bool {
	if h.Kind != gate.Text && h.Kind != gate.Value || !mayBeTime(h.Before) || !mayBeTime(h.After) {
		return false
	}
	b, okb := writtenAt(h.Around[0])
	a, oka := writtenAt(h.Around[1])
	return okb && oka && b.dated == a.dated && b.timed == a.timed &&
		b.isNow(time.Unix(0, before.At)) && a.isNow(time.Unix(0, after.At))
}

// mayBeTime reports, cheaply, whether text may be of a date or a time of day: it has figures, or
// is the name of a day or a month.
func mayBeTime(text string) bool {
	return strings.ContainsAny(text, "0123456789") || text != "" && len(text) <= len("September")
}
