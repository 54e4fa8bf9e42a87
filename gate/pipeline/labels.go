package pipeline

import (
	"regexp"
	"strings"
)

// What a number of few digits is for, the word before it says: an extension to dial, a box to
// write to, a code to open something with.

// mostAhead is how many words may stand between a label and its number: "extension is no. 12".
const mostAhead = 3

// labels are the words that say what the number behind them is for, in the languages that most
// mail is written in.
var labels = func() map[string]mark {
	out := map[string]mark{}
	for m, words := range map[mark]string{
		markPhone:   "extension ext x dial call phone tel telephone telefon téléphone teléfono fax mobile hotline durchwahl dw poste anruf rufnummer",
		markBox:     "box pobox postfach apartado casilla boîte bp",
		markAccount: "account acct konto kontonummer compte cuenta bic swift bic/swift swift/bic iban",
		markCode:    "pin passcode password passwort kennwort",
	} {
		for w := range strings.FieldsSeq(words) {
			out[w] = m
		}
	}
	return out
}()

var (
	// shortNumber is a number of three digits or more, and at most one letter before them.
	shortNumber = regexp.MustCompile(`^#?[A-Za-z]?-?[0-9][0-9/-]{2,}$`)
	// bankCode is the form of a BIC (ISO 9362): bank, country, place, and a branch where there is one.
	bankCode = regexp.MustCompile(`^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$`)
	// vanity is a telephone number that is partly spelled, behind a prefix of those that cost
	// the caller nothing or more: 1-800-FLOWERS, 0800-REIMELL.
	vanity       = regexp.MustCompile(`^(\+?1?[-.]?8(00|33|44|55|66|77|88)|\+?1?[-.]?900|0[89]00|1[38]00)[-.]?[0-9]{0,3}[-.]?[A-Z][A-Z0-9.-]{3,}$`)
	vanityPrefix = regexp.MustCompile(`^\(?(\+?1?[-.]?8(00|33|44|55|66|77|88)|\+?1?[-.]?900|0[89]00|1[38]00)\)?$`)
	vanityWord   = regexp.MustCompile(`^[A-Z0-9.-]*[A-Z]{4,}[A-Z0-9.-]*$`)
)

// labelled says what words[i] of text is by the words before it in its sentence; "" where they
// do not say it.
func labelled(text string, words []marked, i int) mark {
	w := words[i].text
	isBank, isShort := bankCode.MatchString(w), shortNumber.MatchString(w) && !isTime(w) && !priced(words, i)
	if !isBank && !isShort {
		return ""
	}
	for n := 1; n <= mostAhead && n <= i; n++ {
		if between := text[words[i-n].to:words[i-n+1].from]; strings.ContainsAny(between, "\n;!?") || n > 1 && strings.Contains(between, ". ") {
			return ""
		}
		label := strings.Trim(strings.ToLower(words[i-n].text), ".:#()")
		m := labels[label]
		if label == "box" && !(i-n > 0 && isPost(words[i-n-1].text)) {
			m = ""
		}
		if m != "" && (isShort || m == markAccount) {
			return m
		}
	}
	return ""
}

// isPost reports whether a word before "box" says that it is one of a post office.
func isPost(w string) bool {
	switch strings.ToLower(strings.ReplaceAll(w, ".", "")) {
	case "po", "post", "office", "postal":
		return true
	}
	return false
}

// spelledNumber returns how many of words are one telephone number that is partly, or wholly, spelled.
func spelledNumber(words []marked) int {
	if vanity.MatchString(words[0].text) {
		return 1
	}
	if len(words) > 1 && vanityPrefix.MatchString(words[0].text) && vanityWord.MatchString(words[1].text) {
		return 2
	}
	n := 0
	for n < len(words) && numeral[strings.ToLower(words[n].text)] {
		n++
	}
	if n < leastSpoken {
		return 0
	}
	return n
}

// leastSpoken is how many numerals in a row are a number that is read out, and no count.
const leastSpoken = 5

// numeral are the words of which numbers are read out.
var numeral = func() map[string]bool {
	out := map[string]bool{}
	for w := range strings.FieldsSeq(`zero oh one two three four five six seven eight nine double triple hundred thousand
		null eins zwei zwo drei vier fünf sechs sieben acht neun zéro un deux trois quatre cinq sept huit neuf
		cero uno dos tres cuatro cinco seis siete ocho nueve`) {
		out[w] = true
	}
	return out
}()
