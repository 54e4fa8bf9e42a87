package pseudonym

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
)

// A date is a day as it stands in text.
type date struct {
	year, month, day int
	from, to         [3]int // of year, month and day in the text
	word             bool   // the month is a word
}

var monthWords = strings.Fields("january february march april may june july august september october november december")

// readDate reads a date that all of s is, but for a time of day behind it: the year first or
// last, day before month but where "/" stands between them and that can be read the other
// way round.
func readDate(s string) (d date, ok bool) {
	if len(s) > 40 {
		return d, false
	}
	var parts [][2]int
	for i := 0; i < len(s) && len(parts) < 3; {
		j := i
		switch {
		case isDigit(s[i]):
			for j < len(s) && isDigit(s[j]) {
				j++
			}
		case isAlnum(s[i]):
			for j < len(s) && isAlnum(s[j]) && !isDigit(s[j]) {
				j++
			}
			if w := strings.ToLower(s[i:j]); len(parts) > 0 && (w == "st" || w == "nd" || w == "rd" || w == "th" || w == "of" || w == "de") {
				i = j
				continue
			}
		case strings.IndexByte(" -./,", s[i]) >= 0 && len(parts) > 0:
			i++
			continue
		default:
			return d, false
		}
		parts = append(parts, [2]int{i, j})
		i = j
	}
	if len(parts) == 1 && parts[0][1] == 8 && len(s) == 8 { // 19700203
		parts = [][2]int{{0, 4}, {4, 6}, {6, 8}}
	}
	if len(parts) != 3 {
		return d, false
	}
	if rest := s[parts[2][1]:]; rest != "" && rest[0] != 'T' && rest[0] != ' ' && rest[0] != 't' {
		return d, false
	}
	number := func(i int) int {
		p := parts[i]
		if n, err := strconv.Atoi(s[p[0]:p[1]]); err == nil {
			return n
		}
		for m, w := range monthWords {
			if len(s[p[0]:p[1]]) >= 3 && strings.HasPrefix(w, strings.ToLower(s[p[0]:p[1]])) {
				return m + 1
			}
		}
		return 0
	}
	order := [3]int{2, 1, 0} // day, month, year: which part is year, month, day
	size := func(i int) int { return parts[i][1] - parts[i][0] }
	switch {
	case size(0) == 4 && isDigit(s[parts[0][0]]):
		order = [3]int{0, 1, 2}
	case !isDigit(s[parts[0][0]]):
		order, d.word = [3]int{2, 0, 1}, true
	case !isDigit(s[parts[1][0]]):
		d.word = true
	case s[parts[0][1]] == '/' && number(1) > 12 || s[parts[0][1]] == '/' && number(0) <= 12:
		order = [3]int{2, 0, 1}
	}
	for i, p := range order {
		d.from[i], d.to[i] = parts[p][0], parts[p][1]
	}
	d.year, d.month, d.day = number(order[0]), number(order[1]), number(order[2])
	if n := size(order[0]); n == 2 {
		d.year += 1900
		if d.year < 1930 {
			d.year += 100
		}
	} else if n != 4 {
		return d, false
	}
	return d, d.year >= 1850 && d.year < 2200 && isMonth(d.month) && d.day >= 1 && d.day <= daysOf(d.year, d.month)
}

func daysOf(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// write is the text s, which d was read of, with another month and day.
func (d *date) write(s string, month, day int) string {
	m := two(s[d.from[1]:d.to[1]], month)
	if was := s[d.from[1]:d.to[1]]; d.word {
		m = monthWords[month-1]
		if len(was) == 3 {
			m = m[:3]
		}
		if was[0] < 'a' {
			m = strings.ToUpper(m[:1]) + m[1:]
		}
		if len(was) > 1 && was[1] < 'a' {
			m = strings.ToUpper(m)
		}
	}
	n := two(s[d.from[2]:d.to[2]], day)
	a, b := 1, 2
	first, second := m, n
	if d.from[2] < d.from[1] {
		a, b, first, second = 2, 1, n, m
	}
	return s[:d.from[a]] + first + s[d.to[a]:d.from[b]] + second + s[d.to[b]:]
}

// two writes n in as many digits as was has at the least.
func two(was string, n int) string { return fmt.Sprintf("%0*d", len(was), n) }

// birth is the pseudonym of a day of a year: another of the same year. Days of birth up to
// the twelfth stay up to it, so that one whose day and month may be read the other way round
// is the same person's in both readings.
func (c *Cleaner) birth(year, month, day int) (int, int) {
	months := c.cycle(12, "months of "+strconv.Itoa(year))
	switch {
	case day <= 12:
		return months[month-1] + 1, months[day-1] + 1
	case day <= 28:
		return months[month-1] + 1, c.cycle(16, "days of "+strconv.Itoa(year))[day-13] + 13
	}
	var long []int // those that have such a day
	at := 0
	for m := 1; m <= 12; m++ {
		if daysOf(year, m) >= day {
			if m == month {
				at = len(long)
			}
			long = append(long, m)
		}
	}
	return long[c.cycle(len(long), fmt.Sprintf("months of %d with day %d", year, day))[at]], day
}

// cycle is a permutation of the numbers below n, of at most 16, that leaves none where it
// is: a keyed cycle (Sattolo).
func (c *Cleaner) cycle(n int, label string) []int {
	sum := c.sum(ofRecord, label)
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := (int(sum[2*(i%16)])<<8 | int(sum[2*(i%16)+1])) % i
		out[i], out[j] = out[j], out[i]
	}
	return out
}

// born is the pseudonym of a date of birth; false: s is none. It is then looked for in all
// ways in which dates are written.
func (w *item) born(s string) (string, bool) {
	d, ok := readDate(s)
	if !ok {
		return "", false
	}
	day := w.c.days.of(w.c, &d)
	for i := range day.was {
		w.exactly(day.was[i], day.is[i])
	}
	end := max(d.to[0], d.to[1], d.to[2])
	out := d.write(s, day.month, day.day)
	w.exactly(s[:end], strings.TrimSuffix(out, s[end:]))
	return out, true
}

// A bornDay is the pseudonym of a day, and how both are written.
type bornDay struct {
	month, day int
	was, is    []string
}

// mostDays bounds how many days are remembered: those of more than a century.
const mostDays = 64 << 10

// bornDays remembers the pseudonyms of days.
type bornDays struct {
	mu   sync.RWMutex
	list map[[3]int]*bornDay
}

func (b *bornDays) of(c *Cleaner, d *date) *bornDay {
	key := [3]int{d.year, d.month, d.day}
	b.mu.RLock()
	known := b.list[key]
	b.mu.RUnlock()
	if known != nil {
		return known
	}
	month, day := c.birth(d.year, d.month, d.day)
	forms := func(month, day int) []string {
		name := strings.ToUpper(monthWords[month-1][:1]) + monthWords[month-1][1:]
		y := d.year
		return []string{fmt.Sprintf("%04d-%02d-%02d", y, month, day), fmt.Sprintf("%04d/%02d/%02d", y, month, day), fmt.Sprintf("%04d%02d%02d", y, month, day),
			fmt.Sprintf("%02d.%02d.%04d", day, month, y), fmt.Sprintf("%d.%d.%04d", day, month, y), fmt.Sprintf("%02d/%02d/%04d", day, month, y), fmt.Sprintf("%02d/%02d/%04d", month, day, y),
			fmt.Sprintf("%d/%d/%04d", day, month, y), fmt.Sprintf("%d/%d/%04d", month, day, y), fmt.Sprintf("%02d-%02d-%04d", day, month, y),
			fmt.Sprintf("%d %s %d", day, name, y), fmt.Sprintf("%s %d, %d", name, day, y), fmt.Sprintf("%d %s %d", day, name[:3], y)}
	}
	known = &bornDay{month, day, forms(d.month, d.day), forms(month, day)}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.list == nil || len(b.list) >= mostDays {
		b.list = make(map[[3]int]*bornDay)
	}
	b.list[key] = known
	return known
}
