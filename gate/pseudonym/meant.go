package pseudonym

import (
	"bytes"
	"strings"
)

// exactly makes raw an identity that becomes out wherever it stands.
func (w *item) exactly(raw, out string) {
	lower := strings.ToLower(raw)
	if len(raw) < 2 || raw == out {
		return
	}
	w.pairs[lower] = out
	w.found(needle{kind: aRecord, text: lower, original: raw})
	w.images.add(strings.ToLower(out))
}

// meant is what becomes of the whole value of a field of that meaning; false: it is to be
// read as any text is, with the identities that were made of it.
func (w *item) meant(m meaning, value []byte) (out []byte, whole bool) {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || bytes.IndexByte(value, '@') >= 0 && m != clientHost && m != secret {
		return nil, false
	}
	switch m {
	case personName:
		if isName(value) {
			w.name(value)
			return w.inPlace(value, false)
		}
		if core := bytes.Trim(value, "^$*%."); len(core) < len(value) && isName(core) { // of a query
			w.name(core)
			return nil, false
		}
		return w.shrouded(value)
	case loginName:
		return w.login(value)
	case birthDate:
		if s, ok := w.born(string(value)); ok {
			return []byte(s), true
		}
		if digitsIn(value) >= 4 {
			return w.shrouded(value)
		}
	case birthPart:
		if s, ok := w.born(string(value)); ok {
			return []byte(s), true
		}
	case telephone:
		return w.otherDigits(value)
	case nationalID:
		return w.nationalValue(value)
	case cardNumber:
		if d := alnumOf(value); len(d) >= 12 && digitsIn(d) == len(d) {
			if isCard(d) {
				return w.kept(value, inPlaces(value, w.c.card(d))), true
			}
			return w.shrouded(value)
		}
	case bankAccount:
		if n, ok := ibanAt(value, 0); ok && n.end == len(value) {
			return w.kept(value, inPlaces(value, w.c.iban(n.text))), true
		}
		if digitsIn(value) >= 6 {
			return w.shrouded(value)
		}
	case clientHost:
		spans := w.clients(value)
		return apply(value, spans), len(spans) > 0
	}
	return nil, false
}

// kept notes that a value became out, and returns that.
func (w *item) kept(value, out []byte) []byte {
	w.exactly(string(value), string(out))
	if bare, is := alnumOf(value), alnumOf(out); len(bare) < len(value) && len(bare) == len(is) {
		w.exactly(string(bare), string(is))
	}
	return out
}

// shrouded is the pseudonym of a value of no known form.
func (w *item) shrouded(value []byte) ([]byte, bool) {
	if string(value) == "true" || string(value) == "false" || string(value) == "null" || w.images.has(value) {
		return nil, false
	}
	return w.whole(value, false), true
}

// login is the pseudonym of what somebody signs in by. Of one that is words of a name,
// the words become theirs, so that it goes on being made of the name.
func (w *item) login(value []byte) ([]byte, bool) {
	letters := 0
	for _, c := range value {
		switch {
		case isWordByte(c):
			letters++
		case isDigit(c) || c == '.' || c == '_' || c == '-':
		default:
			if c == ' ' && isName(value) {
				w.name(value)
				return nil, false
			}
			if c <= ' ' {
				return nil, false
			}
		}
	}
	lower := lowerText(value)
	if letters == 0 || len(value) > 64 || isOrdinary(lower) || isDigestText(value) || isUUID(value) {
		return nil, false
	}
	if digitsIn(value) == 0 && isName(bytes.ReplaceAll(value, []byte("_"), []byte(" "))) {
		w.name(value)
		return nil, false
	}
	return w.shrouded(value)
}

// isUUID reports whether s has the form of RFC 9562, section 4: such an id is no name.
func isUUID(s []byte) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-'
}

// nationalValue is the pseudonym of a value that its field calls a national number.
func (w *item) nationalValue(value []byte) ([]byte, bool) {
	d := alnumOf(value)
	if digitsIn(d) < 4 || len(d) < 5 || len(d) > 30 {
		return nil, false
	}
	for i, c := range d {
		d[i] = upperByte(c)
	}
	if n, num := nationalAt(value, 0); n != nil && num.end == len(value) {
		return w.kept(value, inPlaces(value, w.c.national(n, num.text))), true
	}
	if digitsIn(d) == len(d) {
		for _, n := range byLength[len(d)] {
			if n.holds(d) {
				return w.kept(value, inPlaces(value, w.c.national(n, d))), true
			}
		}
	}
	return w.kept(value, []byte(w.c.value(string(value)))), true
}

// alnumOf are the letters and digits of ASCII in value.
func alnumOf(value []byte) []byte {
	out := make([]byte, 0, len(value))
	for _, c := range value {
		if isAlnum(c) {
			out = append(out, c)
		}
	}
	return out
}

func digitsIn(value []byte) (n int) {
	for _, c := range value {
		if isDigit(c) {
			n++
		}
	}
	return n
}

// learn makes identities of the value of a field in text that is read as a whole: what the
// field's name says of it is then replaced with all else.
func (w *item) learn(m meaning, value []byte) {
	value = bytes.TrimSpace(value)
	switch m {
	case noMeaning, mailbox, namePiece:
	case plainName:
		if looksFull(value) {
			w.likely(value, "")
		}
	case telephone:
		if out, whole := w.otherDigits(value); whole {
			w.exactly(string(value), string(out))
		} else if digitsIn(value) >= leastNumber {
			w.scan(value, manner{number: true}, 1)
		}
	case personName:
		if isName(value) {
			w.name(value)
		} else if out, whole := w.shrouded(value); whole {
			w.exactly(string(value), string(out))
		}
	case secret:
		if len(value) > 1 {
			w.exactly(string(value), w.c.secret(string(value)))
		}
	default:
		if out, whole := w.meant(m, value); whole {
			w.exactly(string(value), string(out))
		}
	}
}

// checked adds the numbers of t that their check digits tell, and those that a word before
// them calls one.
func (w *item) checked(t []byte, spans []span) []span {
	for i := 0; i < len(t); {
		if !isAlnum(t[i]) {
			i++
			continue
		}
		end := i + 1
		digit := -1
		if isDigit(t[i]) {
			digit = i
		}
		for end < len(t) && isAlnum(t[end]) {
			if digit < 0 && isDigit(t[end]) {
				digit = end
			}
			end++
		}
		if digit >= 0 && digit-i < 7 && end-i < 40 && (end-i >= 6 || goesOn(t, end)) && (i == 0 || t[i-1] != '_' && t[i-1] < 0x80) {
			if n, out := w.checkedAt(t, i); n.end > i {
				raw := t[n.start:n.end]
				w.kept(raw, out)
				spans = append(spans, span{n.start, n.end, aRecord, out})
				end = n.end
			}
		}
		i = end
	}
	return spans
}

// goesOn reports whether the word that ends at end may be the first of several of a number
// or a date.
func goesOn(t []byte, end int) bool {
	if end+1 >= len(t) || !isAlnum(t[end+1]) {
		return false
	}
	switch t[end] {
	case ' ', '-', '.', '/', '(', '+':
		return true
	}
	return false
}

// checkedAt is the number that begins at i in t, and its pseudonym in its format; a number
// that ends where it begins is none.
func (w *item) checkedAt(t []byte, i int) (n compact, out []byte) {
	if isDigit(t[i]) {
		if n, ok := cardAt(t, i); ok {
			return n, inPlaces(t[n.start:n.end], w.c.card(n.text))
		}
	} else if i+4 < len(t) && isDigit(t[i+2]) && isDigit(t[i+3]) {
		if n, ok := ibanAt(t, i); ok {
			return n, inPlaces(t[n.start:n.end], w.c.iban(n.text))
		}
	}
	if kind, n := nationalAt(t, i); kind != nil && !w.endsInNumber(t[n.start:n.end]) && !(isDigit(t[i]) && i > 0 && (t[i-1] == '.' || t[i-1] == '-' || t[i-1] == '+' || t[i-1] == ':') && !n.dashed) {
		return n, inPlaces(t[n.start:n.end], w.c.national(kind, n.text))
	}
	return w.labelled(t, i)
}

// endsInNumber reports whether text is a telephone number that was found in the item, perhaps
// behind a calling code or zeros.
func (w *item) endsInNumber(text []byte) bool {
	for i := 0; i < 6 && len(text)-i >= leastNumber; i++ {
		if w.needles.has(aNumber, text[i:]) {
			return true
		}
	}
	return false
}

// labelled is the value that begins at i in t, and that the words before it on its line call
// a date of birth or a national number: "born 1970-02-03", "passport no. C01X00T47".
func (w *item) labelled(t []byte, i int) (n compact, out []byte) {
	m := labelBefore(t, i)
	switch m {
	case birthDate:
		for end := min(len(t), i+20); end > i+5; end-- {
			if end < len(t) && isAlnum(t[end]) || !isAlnum(t[end-1]) {
				continue
			}
			if d, ok := readDate(string(t[i:end])); ok && max(d.to[0], d.to[1], d.to[2]) == end-i {
				if s, ok := w.born(string(t[i:end])); ok {
					return compact{start: i, end: end}, []byte(s)
				}
			}
		}
	case nationalID:
		end := i
		for end < len(t) && end-i < 30 && (isAlnum(t[end]) || (t[end] == '-' || t[end] == '.' || t[end] == '/' || t[end] == ' ' && isDigit(t[end-1])) && end+1 < len(t) && isDigit(t[end+1])) {
			end++
		}
		if value := t[i:end]; digitsIn(value) >= 4 && len(value) >= 6 {
			if out, ok := w.nationalValue(value); ok {
				return compact{start: i, end: end}, out
			}
		}
	}
	return n, nil
}

// labels are phrases that, right before a value, say what it is, their words joined.
var labels, labelEnds = func() (map[string]meaning, map[string]bool) {
	out, ends := make(map[string]meaning), make(map[string]bool)
	add := func(m meaning, phrases string) {
		for phrase := range strings.SplitSeq(phrases, ",") {
			words := strings.Fields(phrase)
			out[strings.Join(words, "")] = m
			ends[words[len(words)-1]] = true
		}
	}
	add(birthDate, "born, born on, dob, date of birth, birth date, birthdate, birthday, d o b, geboren, geboren am, geb, geb am, geburtsdatum, né le, née le, nee le, ne le, date de naissance, nato il, nata il, data di nascita, "+
		"nacido el, nacida el, fecha de nacimiento, geboortedatum, geboren op, født, född, fødselsdato, data urodzenia")
	add(nationalID, "ssn, social security number, social security no, social security, nino, national insurance number, national insurance no, nhs number, nhs no, nhs, passport, passport number, passport no, passport nr, reisepass, "+
		"reisepassnummer, reisepass nr, pass nr, ausweisnummer, personalausweis, national id, national id number, identity card, identity number, id card, id card no, steuer id, steuernummer, steuer nr, tax id, tax number, "+
		"sozialversicherungsnummer, versichertennummer, personnummer, fødselsnummer, cpr nr, bsn, dni, nif, codice fiscale, cpf, pesel, aadhaar, aadhaar no, driving licence, driving licence no, driver s license, drivers license, "+
		"drivers license no, driver license, medicare number, medicare no, mrn, medical record number, health card number, insurance number")
	return out, ends
}()

// labelBefore is what the words before i on its line say of what begins there.
func labelBefore(t []byte, i int) meaning {
	at := i
	for at > 0 && i-at < 4 && (t[at-1] == ' ' || t[at-1] == ':' || t[at-1] == '.' || t[at-1] == '#' || t[at-1] == '=' || t[at-1] == '-') {
		at--
	}
	if at == i || at == 0 || !isWordByte(t[at-1]) {
		return noMeaning
	}
	var buffer [48]byte
	begun := len(buffer)
	for words := 0; words < 4 && at > 0; words++ {
		for at > 0 && isWordByte(t[at-1]) && begun > 0 {
			at--
			begun--
			buffer[begun] = lowerByte(t[at])
		}
		if begun == 0 || words == 0 && !labelEnds[string(buffer[begun:])] {
			return noMeaning
		}
		if m := labels[string(buffer[begun:])]; m != noMeaning {
			return m
		}
		if at == 0 || t[at-1] != ' ' && t[at-1] != '-' && t[at-1] != '.' && t[at-1] != '\'' {
			return noMeaning
		}
		for at > 0 && (t[at-1] == ' ' || t[at-1] == '-' || t[at-1] == '.' || t[at-1] == '\'') {
			at--
		}
	}
	return noMeaning
}
