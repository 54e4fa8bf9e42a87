package pipeline

import (
	"regexp"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate/diff"
)

const (
	leastToken   = 10 // bytes of a text that reads as drawn by chance
	leastChanges = 4  // between letters and digits, or small and capital letters, in it
)

var (
	// moments are times with an hour, as software writes them (RFC 3339, RFC 5322).
	moments = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?( ?(Z|[+-]\d\d:?\d\d))?\b` +
		`|\b\d{1,2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d(:\d\d)?( ([+-]\d{4}|UTC|GMT))?`)
	// clockTimes are times of day to the second, of which only clocks speak.
	clockTimes = regexp.MustCompile(`\b([01]?\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?\b`)
	// epochs are seconds since 1970, or their thousandths, millionths or billionths.
	epochs = regexp.MustCompile(`\b[1-9]\d{9}(\d{3}|\.\d{1,9})?\b|\b[1-9]\d{15}(\d{3})?\b`)
	// uuids are ids of RFC 9562.
	uuids = regexp.MustCompile(`\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b`)
)

// ownPort is the port in a link to the build itself, which is another in each run: one of those
// that systems give out (RFC 6335, 6, and what Linux takes for it).
var ownPort = regexp.MustCompile(`(://[0-9A-Za-z.\-]+:)(3[2-9]|[45][0-9]|6[0-5])[0-9]{3}\b`)

// named returns a text with [diff.Fresh] in place of what by its form alone is new each time
// that software writes it: moments within two days of at (nanoseconds since 1970; 0 is not
// known), in figures too, times of day to the second, UUIDs, ports of links to the build itself, and runs of at least 10 letters and digits that change sorts as chance has
// them do. Numbers, words, other dates and ids of few sorts stay as they are: two of them
// that differ may be two people's.
func named(text string, at int64) string {
	if at != 0 {
		text = moments.ReplaceAllStringFunc(text, func(m string) string {
			if t, ok := readsMoment(m); ok && t.Sub(time.Unix(0, at)).Abs() <= farOff {
				return diff.Fresh
			}
			return m
		})
		text = epochs.ReplaceAllStringFunc(text, func(m string) string {
			if t, ok := instant(m); ok && t.Sub(time.Unix(0, at)).Abs() <= farOff {
				return diff.Fresh
			}
			return m
		})
	}
	text = clockTimes.ReplaceAllStringFunc(text, func(m string) string {
		if strings.HasSuffix(m, ":00") {
			return m // somebody's appointment may be written so
		}
		return diff.Fresh
	})
	text = uuids.ReplaceAllLiteralString(text, diff.Fresh)
	text = ownPort.ReplaceAllString(text, "${1}"+diff.Fresh)
	var out strings.Builder
	from := 0
	for i := 0; i < len(text); {
		end := i
		for end < len(text) && inToken(text[end]) {
			end++
		}
		if end-i >= leastToken && byChance(text[i:end]) {
			out.WriteString(text[from:i])
			out.WriteString(diff.Fresh)
			from = end
		}
		i = max(end, i+1)
	}
	if from == 0 {
		return text
	}
	out.WriteString(text[from:])
	return out.String()
}

func readsMoment(s string) (time.Time, bool) {
	for _, layout := range []string{
		time.RFC3339Nano, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 Z0700", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04:05", "2006-01-02 15:04",
		"2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05", "2 Jan 2006 15:04",
	} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func inToken(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '-' || c == '_'
}

// byChance reports whether the letters and digits of s change sorts often.
func byChance(s string) bool {
	changes, digits, last := 0, 0, byte(0)
	for i := 0; i < len(s); i++ {
		sort := byte(0)
		switch c := s[i]; {
		case '0' <= c && c <= '9':
			sort = 'd'
			digits++
		case 'a' <= c && c <= 'z':
			sort = 'l'
		case 'A' <= c && c <= 'Z':
			sort = 'u'
		default:
			last = 0 // a joint: what stands beyond it is another piece
			continue
		}
		if last != 0 && last != sort {
			changes++
		}
		last = sort
	}
	return digits < len(s) && (changes >= leastChanges && digits > 0 || changes >= 2*leastChanges)
}
