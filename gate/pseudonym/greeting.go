package pseudonym

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// salutations are words that people are addressed by, at the head of a line.
var salutations = set(`dear hello hi hey hallo liebe lieber geehrte geehrter bonjour bonsoir cher chere chère estimado estimada querido querida hola buenos caro cara gentile egregio
	beste geachte kære hej hei hola olá oi prezado prezada witaj drogi droga ahoj szia kedves merhaba sayın`)

// greetings makes identities of the names in salutations: "Dear Ms Doe," at the head of a
// text, a line or an element of HTML.
func (w *item) greetings(t []byte) {
	w.greeting(t)
	for i := 0; i < len(t); {
		n := bytes.IndexByte(t[i:], '\n')
		if n < 0 {
			break
		}
		i += n + 1
		w.greeting(t[i:min(len(t), i+160)])
	}
	if bytes.IndexByte(t, '<') < 0 {
		return
	}
	for i := 0; i < len(t); {
		n := bytes.IndexByte(t[i:], '>')
		if n < 0 {
			return
		}
		i += n + 1
		w.greeting(t[i:min(len(t), i+160)])
	}
}

// greeting reads the salutation that t begins with.
func (w *item) greeting(t []byte) {
	for len(t) > 0 && (t[0] == ' ' || t[0] == '\t') {
		t = t[1:]
	}
	if len(t) < 6 || !isWordByte(t[0]) {
		return
	}
	n := 0
	for n < len(t) && n < 12 && isWordByte(t[n]) {
		n++
	}
	if n < 2 || n == len(t) || t[n] != ' ' {
		return
	}
	var buffer [16]byte
	lower := buffer[:0]
	foreign := false
	for _, c := range t[:n] {
		lower = append(lower, lowerByte(c))
		foreign = foreign || c >= utf8.RuneSelf
	}
	if string(lower) == "sehr" || string(lower) == "guten" || string(lower) == "good" {
		w.greeting(t[n+1:])
		return
	}
	if !salutations[string(lower)] && !(foreign && salutations[lowerText(t[:n])]) {
		return
	}
	// One to four words that begin in upper case, and then the end of the phrase.
	at, last, words := n, n, 0
	for words < 5 {
		k := at
		for k < len(t) && (t[k] == ' ' || t[k] == '.' && words > 0) {
			k++
		}
		end := k
		for end < len(t) && (isWordByte(t[end]) || (t[end] == '\'' || t[end] == '-') && end > k) {
			end++
		}
		if r, _ := utf8.DecodeRune(t[k:]); end == k || unicode.IsLower(r) && !isCommon(lowerText(t[k:end])) {
			break
		}
		at, last = end, end
		words++
	}
	if words == 0 || words > 4 {
		return
	}
	for at < len(t) && t[at] == ' ' {
		at++
	}
	if at < len(t) && bytes.IndexByte([]byte(",!:.;<\r\n"), t[at]) < 0 && !bytes.HasPrefix(t[at:], []byte("- ")) && !bytes.HasPrefix(t[at:], []byte("–")) {
		return
	}
	w.likely(t[n:last], "")
}
