package pseudonym

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"
)

// labelWords are the last words of phrases that say, before a colon or a verb, that a
// password, a log-in or a name follows: "Your temporary password is", "Patient:".
var labelWords = set(`password passwords passwd passphrase passcode pwd pw pin code passwort kennwort einmalpasswort einmalkennwort initialpasswort initialkennwort startpasswort startkennwort losung zugangscode passe mdp contraseña contrasena clave senha wachtwoord lösenord adgangskode
	salasana hasło haslo heslo jelszó parola parolă şifre пароль
	username login user benutzername anmeldename utilisateur usuario gebruikersnaam användarnamn brukernavn nomeutente
	name names firstname lastname surname forename fullname vorname nachname familienname prénom prenom nom nombre apellido apellidos nome cognome sobrenome naam voornaam achternaam
	givenname displayname cn patient patientin customer guest passenger recipient physician doctor attn attention owner cardholder holder insured student teacher pupil tenant
	beneficiary payee payer kunde kundin empfänger gast versicherte versicherter`)

// noPasswords are words that stand behind such a phrase and are no password.
var noPasswords = set(`required optional unchanged hidden changed forgotten forgot incorrect invalid expired missing wrong weak strong protected encrypted masked withheld redacted empty string text boolean
	number undefined characters letters digits zeichen erforderlich geändert vergessen falsch ungültig requis oublié incorrecto requerido generated temporary reset must should cannot disabled enabled
	anything nothing something case-sensitive below above attached enclosed same saved stored shown submit proceed continue sent siehe unten oben`)

// labelBits has a bit for the hash of each of labelWords.
var labelBits = func() (bits [pairBits / 64]uint64) {
	for word := range labelWords {
		h := uint32(hashBegun)
		for i := range len(word) {
			h = (h ^ uint32(word[i])) * hashPrime
		}
		bits[h%pairBits/64] |= 1 << (h % 64)
	}
	return bits
}()

// label makes identities of what follows the word t[i:j], where that ends a phrase that says
// what follows it.
func (w *item) label(t []byte, i, j int) {
	v := valueBehind(t, j)
	if v.start == v.end {
		return
	}
	word := foldName(t[i:j])
	if !labelWords[word] {
		return
	}
	begin := phraseBefore(t, i)
	m := w.c.meanings.of(string(t[begin:j]))
	if word == "code" {
		if m = noMeaning; i-begin > 3 && strings.EqualFold(string(t[i-4:i-1]), "pin") { // "PIN code"
			m = secret
		}
	}
	if m == noMeaning && word != "name" && word != "names" && word != "nom" && word != "user" && word != "login" {
		m = w.c.meanings.of(word)
	}
	if m == noMeaning && !plainNames[word] && nouns[word] {
		m = plainName
	}
	value := t[v.start:v.end]
	switch m {
	case secret:
		alone := v.sep == ':' && v.alone && headsLine(t, begin)
		if token := bytes.TrimRight(firstWord(value), ".,;:!?)"); isPassword(token, alone || v.quoted) && !countsBehind(value) && (!v.quoted || len(token) > len(value)-2) {
			w.exactly(string(token), w.c.secret(string(token)))
		}
	case loginName:
		if token := bytes.TrimRight(firstWord(value), ".,;!?"); (v.alone && v.sep == ':' || digitsIn(token) > 0) && isLoginWord(token) && !noPasswords[lowerText(token)] {
			w.learn(loginName, token)
		}
	case personName:
		if v.sep != verb && isUpper(value) && isName(value) && len(value) < 60 && bytes.Count(value, []byte(" ")) < 4 {
			w.likely(value, "")
		} else if isFullName(value) {
			w.name(value)
		}
	case plainName:
		if v.sep != verb && isFullName(value) {
			w.name(value)
		}
	}
}

// nouns are words for people that no field is called by alone.
var nouns = set(`cn patientin customer owner insured student teacher pupil tenant payee payer cardholder kunde kundin empfänger gast versicherte versicherter`)

// phraseBefore is where the phrase begins whose last word begins at i: up to three words
// before it on its line.
func phraseBefore(t []byte, i int) int {
	begin := i
	for words := 0; words < 3; words++ {
		k := begin
		if k == 0 || t[k-1] != ' ' && t[k-1] != '-' && t[k-1] != '_' && t[k-1] != '\'' {
			break
		}
		k--
		end := k
		for k > 0 && isWordByte(t[k-1]) && begin-k < 24 {
			k--
		}
		if k == end {
			break
		}
		begin = k
	}
	return begin
}

// headsLine reports whether what begins at i is the first of its line, element or item.
func headsLine(t []byte, i int) bool {
	for i > 0 && bytes.IndexByte([]byte(" \t*-_"), t[i-1]) >= 0 {
		i--
	}
	return i == 0 || bytes.IndexByte([]byte("\r\n>,;|/:"), t[i-1]) >= 0
}

// verb stands for a verb in a labelled.
const verb = 'v'

// A labelled value is what stands behind a phrase.
type labelledValue struct {
	start, end int
	sep        byte // ':', '<' of a tag that ends an element, or verb
	alone      bool // one word, to the end of the line or the element, or to another label
	quoted     bool
}

// verbs stand between a phrase and its value.
var verbs = set("is ist lautet est es är er è é jest to")

// valueBehind finds what follows the phrase that ends at j.
func valueBehind(t []byte, j int) (v labelledValue) {
	k, sep := separatorBehind(t, j)
	v.sep = sep
	lines := 0
	for n := 0; n < 24 && sep != 0 && k < len(t); n++ { // space, tags and marks before the value
		switch t[k] {
		case '\n':
			if lines++; lines > 2 {
				return v
			}
			k++
		case ' ', '\t', '\r', '*', '`', ':':
			k++
		case '<':
			end := bytes.IndexByte(t[k:min(len(t), k+400)], '>')
			if end < 0 || !showsValue(t[k+1:k+end]) {
				return v
			}
			k += end + 1
		case '"', '\'':
			quote := t[k]
			k++
			end := bytes.IndexByte(t[k:min(len(t), k+128)], quote)
			if end > 0 {
				v.quoted, v.start, v.end = true, k, k+end
			}
			return v
		default:
			n = 24
		}
	}
	if sep == 0 || k >= len(t) {
		return v
	}
	v.start, v.end = k, k
	for v.end < len(t) && v.end-k < 128 && bytes.IndexByte([]byte("\r\n\t<>\"|;("), t[v.end]) < 0 && !bytes.HasPrefix(t[v.end:], []byte("  ")) {
		v.end++
	}
	for v.end > v.start && t[v.end-1] == ' ' {
		v.end--
	}
	one := len(firstWord(t[v.start:v.end]))
	switch {
	case one == 0:
	case one == v.end-v.start:
		v.alone = v.end == len(t) || bytes.IndexByte([]byte("\r\n<;|"), t[v.end]) >= 0
	default: // another label follows on the line
		next := firstWord(bytes.TrimLeft(t[v.start+one:v.end], " /-"))
		v.alone = bytes.HasSuffix(next, []byte(":")) && labelWords[foldName(bytes.TrimRight(next, ":"))]
	}
	if lines > 0 && !v.alone {
		v.end = v.start
	}
	return v
}

// separatorBehind finds what joins the phrase that ends at j to its value, and where that
// ends: a colon, a verb, or a tag, which is not passed; 0 where there is none.
func separatorBehind(t []byte, j int) (k int, sep byte) {
	k = j
	if k+1 < len(t) && (t[k] == '"' || t[k] == '\'') && (t[k+1] == ':' || t[k+1] == ' ' && k+2 < len(t) && t[k+2] == ':') {
		k++
	}
	for k < len(t) && k-j < 3 && t[k] == ' ' {
		k++
	}
	if k < len(t) && t[k] == '(' { // "Password (temporary):"
		if n := bytes.IndexByte(t[k:min(len(t), k+40)], ')'); n > 0 {
			k += n + 1
		}
	}
	switch {
	case k >= len(t):
	case t[k] == ':' || t[k] == '=':
		return k + 1, ':'
	case t[k] == '<' && k+1 < len(t) && t[k+1] == '/':
		return k, '<'
	case k > j && isWordByte(t[k]):
		end := k
		for end < len(t) && end-k < 10 && isWordByte(t[end]) {
			end++
		}
		switch word := lowerText(t[k:end]); {
		case verbs[word]:
			return end, verb
		case word == "has" || word == "was" || word == "wurde": // "has been set to"
			for _, to := range []string{" to ", " auf "} {
				if n := bytes.Index(t[end:min(len(t), end+30)], []byte(to)); n >= 0 && bytes.IndexByte(t[end:end+n], '.') < 0 {
					return end + n + len(to), verb
				}
			}
		}
	}
	return k, 0
}

// showsValue reports whether a tag may stand between a label and its value: that of a control
// or of another label may not.
func showsValue(tag []byte) bool {
	if len(tag) > 0 && tag[0] == '/' {
		return true
	}
	n := 0
	for n < len(tag) && n < 8 && isAlnum(tag[n]) {
		n++
	}
	switch lowerText(tag[:n]) {
	case "td", "dd", "span", "b", "strong", "code", "tt", "kbd", "samp", "i", "em", "br", "p", "div", "font", "pre", "u", "mark":
		return true
	}
	return false
}

// firstWord is what of t stands before its first space.
func firstWord(t []byte) []byte {
	if i := bytes.IndexByte(t, ' '); i >= 0 {
		return t[:i]
	}
	return t
}

// countsBehind reports whether a value is a count: "8-20 characters".
func countsBehind(value []byte) bool {
	rest := value[len(firstWord(value)):]
	word := firstWord(bytes.TrimLeft(rest, " "))
	switch lowerText(bytes.TrimRight(word, ".,;")) {
	case "characters", "chars", "digits", "letters", "zeichen", "stellen", "days", "hours", "minutes", "caractères", "caracteres", "times", "or", "numbers":
		return true
	}
	return false
}

// isPassword reports whether a word behind a phrase that calls it so may be a password: it is
// no placeholder, no place and no word of a language, and, unless it stands alone, it has a
// digit, a sign or upper case within.
func isPassword(s []byte, alone bool) bool {
	letters, digits, signs, within := 0, 0, 0, false
	for i, c := range s {
		switch {
		case isDigit(c):
			digits++
		case isWordByte(c):
			letters++
			within = within || i > 0 && 'A' <= c && c <= 'Z' && s[i-1] >= 'a'
		case c == '{' || c == '}' || c == '<' || c == '[':
			return false
		case bytes.IndexByte([]byte("!@#$%&*=?^~"), c) >= 0:
			signs++
		}
	}
	if len(s) < 4 || len(s) > 128 || letters+digits == 0 || s[0] == '$' && letters == len(s)-1 || s[0] == '%' || s[0] == '/' || s[0] == '+' || bytes.Contains(s, []byte("://")) || bytes.HasPrefix(s, []byte("www.")) {
		return false
	}
	lower := lowerText(s)
	if noPasswords[lower] || labelWords[lower] || isOrdinary(lower) {
		return false
	}
	return digits > 0 || within || signs > 0 || alone
}

// isLoginWord reports whether s has the form of what somebody signs in by.
func isLoginWord(s []byte) bool {
	for _, c := range s {
		if !isWordByte(c) && !isDigit(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return len(s) > 2 && len(s) < 40
}

// isFullName reports whether s is a full name rather than a title: two to four words in upper
// case, of which one is a common first name, or two no words of a language.
func isFullName(s []byte) bool {
	if !looksFull(s) {
		return false
	}
	foreign, first := 0, false
	eachWord(s, func(word []byte) {
		lower := foldName(word)
		first = first || firstNames[lower]
		if utf8.RuneCount(word) > 1 && !isOrdinary(lower) {
			foreign++
		}
	})
	return foreign > 1 || first && foreign > 0
}

// formal looks whether the word t[i:j], and the sign behind it, begin a value of a format
// that has names of its own for what it holds.
func (w *item) formal(t []byte, i, j int) {
	switch c := t[j]; c {
	case '=':
		if n := j - i; n == 2 || n == 3 || n == 7 || n == 9 {
			w.directoryName(t, i, j)
		}
	case '|', '1':
		if n := j - i; n == 3 || n == 2 && c == '1' {
			w.segment(t, i)
		}
	case ':', ';':
		if n := j - i; n < 3 || n == 4 || n == 8 {
			w.vcard(t, i, j)
		}
	}
}

// directoryName makes identities of what the attribute t[i:j] of a distinguished name (RFC
// 4514; RFC 4519) or of a calendar's address holds: CN=Jane Doe,OU=Staff.
func (w *item) directoryName(t []byte, i, j int) {
	attribute := lowerText(t[i:j])
	switch attribute {
	case "cn", "sn", "gn", "uid", "givenname", "surname":
	default:
		return
	}
	if i > 0 && (isAlnum(t[i-1]) || t[i-1] == '_' || t[i-1] == '-' || t[i-1] == '&' || t[i-1] == '?') {
		return
	}
	k := j + 1
	for k < len(t) && (t[k] == '"' || t[k] == ' ') {
		k++
	}
	end := k
	for end < len(t) && end-k < 80 && bytes.IndexByte([]byte(",/+;\":<>\r\n"), t[end]) < 0 {
		if t[end] == '\\' {
			end++
		}
		end++
	}
	end = min(end, len(t))
	value := bytes.TrimSpace(bytes.ReplaceAll(t[k:end], []byte(`\`), nil))
	below := end+1 < len(t) && (t[end] == ',' || t[end] == '/') && distinguished(t[end+1:])
	switch {
	case attribute == "cn" && !below && !isFullName(value):
	case attribute == "cn" && bytes.IndexByte(value, ' ') > 0:
		if isName(value) {
			w.likely(value, "")
		}
	case attribute == "cn" || attribute == "uid":
		if below && isLoginWord(value) && bytes.IndexByte(value, '.') < 0 {
			w.learn(loginName, value)
		}
	case isName(value) && isUpper(value) && (below || k-j > 1):
		w.likely(value, "")
	}
}

// distinguished reports whether t begins with another attribute of a distinguished name.
func distinguished(t []byte) bool {
	t = bytes.TrimLeft(t, " ")
	name, _, ok := bytes.Cut(t[:min(len(t), 14)], []byte("="))
	if !ok {
		return false
	}
	switch lowerText(bytes.TrimSpace(name)) {
	case "ou", "o", "dc", "c", "l", "st", "cn", "uid", "sn", "gn", "givenname", "serialnumber", "emailaddress", "e":
		return true
	}
	return false
}

// segments are the fields of HL7 v2 segments that hold people (chapters 3, 4 and 6): by the
// name of the segment, then by the number of the field.
var segments = map[string]map[int]meaning{
	"PID": {5: personName, 6: personName, 7: birthDate, 9: personName, 13: telephone, 14: telephone, 19: nationalID, 20: nationalID, 21: noMeaning},
	"NK1": {2: personName, 5: telephone, 6: telephone, 16: birthDate, 26: personName, 30: personName, 31: telephone},
	"PD1": {4: loginName}, "PV1": {7: loginName, 8: loginName, 9: loginName, 17: loginName, 52: loginName},
	"GT1": {3: personName, 4: personName, 6: telephone, 7: telephone, 8: birthDate, 12: nationalID}, "IN1": {7: telephone, 16: personName, 18: birthDate},
	"ORC": {10: loginName, 11: loginName, 12: loginName}, "OBR": {10: loginName, 16: loginName, 28: loginName}, "OBX": {16: loginName},
	"EVN": {5: loginName}, "DG1": {16: loginName}, "AL1": {}, "MRG": {7: personName}, "STF": {3: personName, 6: birthDate, 10: telephone}, "AIP": {3: loginName}, "ROL": {4: loginName}, "PRD": {2: personName, 5: telephone},
}

// segment makes identities of what an HL7 segment holds that begins at i. Of a field whose
// meaning is loginName, an id and then a name (XCN), the name counts.
func (w *item) segment(t []byte, i int) {
	if i+4 > len(t) || t[i+3] != '|' || i > 0 && t[i-1] != '\r' && t[i-1] != '\n' && t[i-1] != 0x0b {
		return
	}
	held := segments[string(t[i:i+3])]
	if held == nil {
		return
	}
	end := len(t)
	if n := bytes.IndexAny(t[i:], "\r\n"); n >= 0 {
		end = i + n
	}
	n := 0
	for field := range bytes.SplitSeq(t[i:end], []byte("|")) {
		m := held[n]
		n++
		if m == noMeaning || len(field) < 2 {
			continue
		}
		for one := range bytes.SplitSeq(field, []byte("~")) {
			parts := bytes.FieldsFunc(one, func(r rune) bool { return r == '^' || r == '&' })
			switch {
			case m == loginName || m == personName:
				skip := 0
				if m == loginName {
					skip = 1
				}
				var full []byte
				for k, part := range bytes.SplitN(one, []byte("^"), skip+4) {
					if part, _, _ = bytes.Cut(part, []byte("&")); k >= skip && k < skip+3 && isName(part) {
						full = append(append(full, part...), ' ')
					}
				}
				w.name(full)
			case len(parts) > 0:
				w.learn(m, parts[0])
			}
		}
	}
}

// vcard makes identities of a property of a vCard (RFC 6350, section 6.2) whose name ends at j.
func (w *item) vcard(t []byte, i, j int) {
	if i > 0 && t[i-1] != '\n' && t[i-1] != '\r' && t[i-1] != '.' || !bytes.Contains(t, []byte("BEGIN:VCARD")) {
		return
	}
	line := bytes.TrimRight(t[j:lineEnd(t, j)], "\r\n")
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return
	}
	value := bytes.ReplaceAll(line[colon+1:], []byte(`\`), nil)
	switch lowerText(t[i:j]) {
	case "n", "fn", "nickname":
		value = bytes.TrimSpace(bytes.ReplaceAll(value, []byte(";"), []byte(" ")))
		if isName(value) {
			w.name(value)
		}
	case "bday":
		w.learn(birthDate, value)
	}
}

// graphQL makes identities of the literals of a GraphQL document by the names of their
// arguments and fields (its specification, section 2.9.4): login(password: "...").
func (w *item) graphQL(t []byte) {
	var full []byte
	address := ""
	said := noMeaning // by {name: "password", value: "..."}
	for at := 0; ; {
		n := bytes.IndexByte(t[at:], ':')
		if n < 0 {
			break
		}
		colon := at + n
		at = colon + 1
		end := colon
		for end > 0 && (t[end-1] == ' ' || t[end-1] == '"') {
			end--
		}
		begin := end
		for begin > 0 && (isAlnum(t[begin-1]) || t[begin-1] == '_') {
			begin--
		}
		k := at
		for k < len(t) && (t[k] == ' ' || t[k] == '[' || t[k] == '\n' || t[k] == '\r' || t[k] == '\t') {
			k++
		}
		if begin == end || k >= len(t) || t[k] != '"' {
			continue
		}
		k++
		long := bytes.HasPrefix(t[k:], []byte(`""`))
		stop := k
		if long {
			k += 2
			if stop = bytes.Index(t[k:], []byte(`"""`)); stop < 0 {
				return
			}
			stop += k
		} else {
			for stop < len(t) && t[stop] != '"' {
				if t[stop] == '\\' {
					stop++
				}
				stop++
			}
		}
		if stop >= len(t) {
			break
		}
		at = stop + 1
		name, value := string(t[begin:end]), plainJSON(t[k:stop])
		m := w.c.meanings.of(name)
		switch {
		case isNamer(name) && pairMeaning(w.c, value) != noMeaning:
			said = pairMeaning(w.c, value)
			continue
		case isHolder(name) && said != noMeaning:
			m, said = said, noMeaning
		}
		switch {
		case m == mailbox:
			address = addressIn(value)
		case m == personName && isName(value):
			full = append(append(full, value...), ' ')
		case m == personName || m == namePiece:
			w.likely(value, "")
		default:
			w.learn(m, value)
		}
	}
	w.nameOf(full, address)
}

// isGraphQL reports whether t begins as a GraphQL document does.
func isGraphQL(t []byte) bool {
	t = bytes.TrimLeft(t[:min(len(t), 64)], " \t\r\n")
	if len(t) == 0 || t[0] != '{' && t[0] != 'm' && t[0] != 'q' && t[0] != 's' && t[0] != 'f' {
		return false
	}
	if t[0] == '{' {
		t = bytes.TrimLeft(t[1:], " \t\r\n")
		return len(t) > 0 && isWordByte(t[0])
	}
	for _, word := range []string{"mutation", "query", "subscription", "fragment"} {
		if rest, ok := bytes.CutPrefix(t, []byte(word)); ok && len(rest) > 0 && (unicode.IsSpace(rune(rest[0])) || rest[0] == '{' || rest[0] == '(') {
			return true
		}
	}
	return false
}
