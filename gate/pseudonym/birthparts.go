package pseudonym

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// dateParts are the last words of names of fields that hold a part of a date, by its index in
// year, month, day.
var dateParts = func() map[string]int {
	all := make(map[string]int)
	for i, words := range []string{"year yyyy yy y jahr annee ano anno jaar rok ar vuosi 年 год", "month mm m mon monat mois mes mese maand miesiac mesic maned kuukausi 月 месяц", "day dd d tag jour dia giorno dag dzien den paiva 日 день"} {
		for w := range strings.FieldsSeq(words) {
			all[w] = i
		}
	}
	return all
}()

// partMeaning returns the meaning of a field that holds a part of a date, by its name and the
// words of that; of Ruby on Rails "user[dob(1i)]" too.
func partMeaning(name string, words []string) meaning {
	if n := len(name); n > 5 && strings.HasSuffix(strings.TrimRight(name, "]"), "i)") {
		if at := strings.LastIndexByte(name, '('); at > 0 && at+3 < n && name[at+1] >= '1' && name[at+1] <= '3' && meaningOf(name[:at]) == birthDate {
			return birthPart
		}
		return noMeaning
	}
	last := len(words) - 1
	if _, ok := dateParts[words[last]]; !ok {
		return noMeaning
	}
	if last == 0 {
		return datePart
	}
	if meaningOf(strings.Join(words[:last], " ")) == birthDate {
		return birthPart
	}
	return noMeaning
}

// partOf is the part of a date that a field of that name holds, and what its name has before.
func partOf(name string) (part int, before string, ok bool) {
	if at := strings.LastIndexByte(name, '('); at > 0 && at+1 < len(name) && name[at+1] >= '1' && name[at+1] <= '3' {
		return int(name[at+1] - '1'), name[:at], true
	}
	words := wordsOf(name)
	if len(words) == 0 {
		return 0, "", false
	}
	word := words[len(words)-1]
	part, ok = dateParts[word]
	trimmed := strings.TrimRight(name, "]")
	return part, strings.ToLower(trimmed[:max(0, len(trimmed)-len(word))]), ok
}

// bornIn is the pseudonym of a date of birth in parts: year, month and day, as they stand.
func (w *item) bornIn(was [3]string) (is [3]string, ok bool) {
	for i := range was {
		if was[i] = strings.TrimSpace(was[i]); was[i] == "" || len(was[i]) > 12 {
			return is, false
		}
	}
	text := was[0] + "-" + was[1] + "-" + was[2]
	if !isDigit(was[1][0]) {
		text = was[1] + " " + was[2] + ", " + was[0]
	}
	d, ok := readDate(text)
	if !ok {
		return is, false
	}
	w.born(fmt.Sprintf("%04d-%02d-%02d", d.year, d.month, d.day))
	day := w.c.days.of(w.c, &d)
	out := d.write(text, day.month, day.day)
	if isDigit(was[1][0]) {
		return [3]string{was[0], two(was[1], day.month), two(was[2], day.day)}, true
	}
	month, _, _ := strings.Cut(out, " ")
	return [3]string{was[0], month, two(was[2], day.day)}, true
}

// birthParts are the parts of a date of birth that members of an object hold.
type birthParts struct {
	at    [3][2]int
	found int // bits of those that were
}

// take notes a member whose value begins at from and was read.
func (b *birthParts) take(r *jsonReader, o *members, key string, from int) {
	m := r.w.c.meanings.of(key)
	if m != birthPart && (m != datePart || r.w.c.meanings.of(o.own) != birthDate) || r.t[from] != '"' && !isDigit(r.t[from]) {
		return
	}
	if part, _, ok := partOf(key); ok {
		b.at[part] = [2]int{from, r.i}
		b.found |= 1 << part
	}
}

// end replaces the day and the month, where the object holds all three.
func (b *birthParts) end(r *jsonReader) {
	if b.found != 7 {
		return
	}
	var was [3]string
	for i, at := range b.at {
		was[i] = string(bytes.Trim(r.t[at[0]:at[1]], `"`))
	}
	is, ok := r.w.bornIn(was)
	for i, at := range b.at {
		if i == 0 || !ok {
			continue
		}
		if r.t[at[0]] == '"' {
			r.put([2]int{at[0] + 1, at[1] - 1}, []byte(is[i]), true)
			continue
		}
		if n, err := strconv.Atoi(is[i]); err == nil {
			r.put(at, strconv.AppendInt(nil, int64(n), 10), false)
		}
	}
}

// bornFields returns what becomes of the fields of a form that hold the day and the month of a
// date of birth, by their names; nil: there are none.
func (w *item) bornFields(t []byte, between byte) map[string]string {
	type held struct{ names, values [3]string }
	var all map[string]*held
	for pair := range bytes.SplitSeq(t, []byte{between}) {
		raw, value, _ := bytes.Cut(pair, []byte("="))
		name := string(bytes.TrimSpace(plainForm(raw)))
		if w.c.meanings.of(name) != birthPart {
			continue
		}
		part, before, ok := partOf(name)
		if !ok {
			continue
		}
		if all == nil {
			all = make(map[string]*held)
		}
		if all[before] == nil {
			all[before] = &held{}
		}
		all[before].names[part], all[before].values[part] = name, string(plainForm(value))
	}
	var out map[string]string
	for _, h := range all {
		if is, ok := w.bornIn(h.values); ok {
			if out == nil {
				out = make(map[string]string)
			}
			out[h.names[1]], out[h.names[2]] = is[1], is[2]
		}
	}
	return out
}
