package pipeline

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/waybill-dev/waybill/gate/diff"
)

// A moment is a date, a time of day or both, as people write them. What is not said is -1 or "".
type moment struct {
	year, month, day     int
	hour, minute, second int
	zone                 string
}

// Pieces of a moment. A day is only read where its month is a word, or the year comes first: else
// it may be the month.
const (
	weekday  = `(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}\.?,?\s+(?:the\s+)?)?`
	monthed  = `(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.?`
	daytime  = `(\d{1,2})(?::(\d{2})(?::(\d{2}))?)?(?:\s?([AaPp])\.?[Mm]\.?)?`
	timezone = `(?:\s?(Z|UTC|GMT|C?E[SD]?T|[+-]\d{2}:?\d{2})\b)?`
)

var (
	dayForms = []*regexp.Regexp{
		regexp.MustCompile(`^` + weekday + `(\d{4})[-/.](\d{2})[-/.](\d{2})`),
		regexp.MustCompile(`^` + weekday + `(\d{1,2})(?:st|nd|rd|th)?\.?[ \-]` + monthed + `,?[ \-](\d{4})`),
		regexp.MustCompile(`^` + weekday + monthed + `\s(\d{1,2})(?:st|nd|rd|th)?,?\s(\d{4})`),
		regexp.MustCompile(`^` + weekday + `((?:19|20)\d{2})(\d{2})(\d{2})\b`),
	}
	timeForm = regexp.MustCompile(`^` + daytime + timezone)
	joint    = regexp.MustCompile(`^(?:T|,?\s+(?:at\s+|@\s*)?|\s*@\s*)`)
)

// readMoment reads the moment that text begins with, and how many bytes it is.
func readMoment(text string) (m moment, size int) {
	m = moment{-1, -1, -1, -1, -1, -1, ""}
	if text == "" || strings.IndexByte("0123456789MTWFSJAOND", text[0]) < 0 { // a figure, a day of the week, a month
		return m, 0
	}
	if n := m.readDay(text); n > 0 {
		size = n
		if j := joint.FindString(text[size:]); j != "" {
			if n := m.readTime(text[size+len(j):]); n > 0 {
				size += len(j) + n
			}
		}
	} else if size = m.readTime(text); size == 0 {
		return m, 0
	}
	if size < len(text) && isWordByte(text[size]) && isWordByte(text[size-1]) {
		return m, 0
	}
	return m, size
}

// readDay reads a date, whose day of the week, where there is one, must be right.
func (m *moment) readDay(text string) int {
	for i, form := range dayForms {
		at := form.FindStringSubmatch(text)
		if at == nil {
			continue
		}
		order := [3]int{2, 3, 4} // of year, month and day in at
		switch i {
		case 1:
			order = [3]int{4, 3, 2}
		case 2:
			order = [3]int{4, 2, 3}
		}
		year, _ := strconv.Atoi(at[order[0]])
		month, err := strconv.Atoi(at[order[1]])
		if err != nil {
			t, err := time.Parse("Jan", at[order[1]])
			if err != nil {
				return 0
			}
			month = int(t.Month())
		}
		day, _ := strconv.Atoi(at[order[2]])
		t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if t.Day() != day || int(t.Month()) != month || at[1] != "" && t.Weekday().String()[:3] != at[1] {
			return 0
		}
		m.year, m.month, m.day = year, month, day
		return len(at[0])
	}
	return 0
}

// readTime reads a time of day, which has minutes, or is before or after noon.
func (m *moment) readTime(text string) int {
	at := timeForm.FindStringSubmatch(text)
	if at == nil || at[2] == "" && at[4] == "" {
		return 0
	}
	number := func(s string) int { n, _ := strconv.Atoi(s); return n } // figures alone
	hour, minute, second := number(at[1]), number(at[2]), number(at[3])
	if half := strings.ToLower(at[4]); half != "" {
		if hour < 1 || hour > 12 {
			return 0
		}
		hour %= 12
		if half == "p" {
			hour += 12
		}
	}
	if hour > 23 || minute > 59 || second > 59 {
		return 0
	}
	m.hour, m.minute, m.second, m.zone = hour, minute, second, at[5]
	if at[5] == "Z" || at[5] == "GMT" || strings.Trim(at[5], "+-0:") == "" && at[5] != "" {
		m.zone = "UTC"
	}
	return len(at[0])
}

// around finds the piece of the text of p, beginning at a word, that read reads and in which all
// that differs lies. read gives what a text begins with, and how long that is.
func around[T any](p diff.Passage, read func(string) (T, int)) (found T, ok bool) {
	if p.From < 0 || p.To > len(p.Text) || p.From > p.To {
		return found, false
	}
	// What is nothing on this side stands between two words: the space between them is neither's.
	first := p.From + len(p.Text[p.From:]) - len(strings.TrimLeft(p.Text[p.From:], " "))
	last := len(strings.TrimRight(p.Text[:p.To], " "))
	for from := 0; from <= first && from < len(p.Text); from++ {
		if from > 0 && isWordByte(p.Text[from-1]) || unicode.IsSpace(rune(p.Text[from])) {
			continue
		}
		v, size := read(p.Text[from:])
		if size == 0 {
			continue
		}
		if from+size >= last {
			return v, true
		}
		from += size - 1
	}
	return found, false
}

// plain is a line with its moments and telephone numbers in one form each.
func plain(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		if i == 0 || !isWordByte(line[i-1]) {
			if m, size := readMoment(line[i:]); size > 0 {
				fmt.Fprintf(&out, "\x00%v", m)
				i += size
				continue
			}
			if figures, size := figuresOnly(line[i:]); size > 0 && (figures[0] == '+' || len(figures) >= leastDialled) {
				out.WriteString("\x00" + figures)
				i += size
				continue
			}
		}
		out.WriteByte(line[i])
		i++
	}
	return out.String()
}

// sameLine reports whether the lines around a hunk differ in the forms of moments and telephone
// numbers alone.
func sameLine(h *diff.Hunk) bool {
	before, after := h.Around[0].Text, h.Around[1].Text
	return before != after && strings.ContainsAny(before, "0123456789") && strings.ContainsAny(after, "0123456789") && plain(before) == plain(after)
}

// sameMoment reports whether what differs is within one moment, in two forms.
func sameMoment(h *diff.Hunk) bool {
	before, ok := around(h.Around[0], readMoment)
	if !ok {
		return false
	}
	after, ok := around(h.Around[1], readMoment)
	return ok && before == after
}

// dialled is a telephone number with marks between its figures, or none.
var dialled = regexp.MustCompile(`^\+?\(?\d(?:[ ().\-/\x{a0}\x{2011}]{0,2}\d){6,14}`)

// figuresOnly reads the figures of a telephone number, with its plus. Without one, figures are of one
// number where nothing stands between them, or an area code stands in brackets: else they may be of two.
func figuresOnly(text string) (figures string, size int) {
	if text == "" || strings.IndexByte("+(0123456789", text[0]) < 0 {
		return "", 0
	}
	m := dialled.FindString(text)
	if m == "" || len(m) < len(text) && isWordByte(text[len(m)]) {
		return "", 0
	}
	if m[0] != '+' && !strings.Contains(m, "(") && strings.Trim(m, "0123456789") != "" {
		return "", 0
	}
	return strings.Map(func(r rune) rune {
		if r == '+' || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, m), len(m)
}

// leastDialled is how many figures a number without a plus has that is taken for one number,
// however its figures are kept apart.
const leastDialled = 9

// sameTelephone reports whether what differs is within one telephone number, whose figures are
// kept apart in two ways.
func sameTelephone(h *diff.Hunk) bool {
	before, ok := around(h.Around[0], figuresOnly)
	if !ok || before[0] != '+' && len(before) < leastDialled {
		return false
	}
	after, ok := around(h.Around[1], figuresOnly)
	return ok && before == after
}
