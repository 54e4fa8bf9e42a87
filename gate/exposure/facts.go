// Package exposure finds whose facts reached whom.
//
// A fact is a value that identifies or belongs to somebody. Facts are found in
// canonical parts, through the layers that software wraps them in: percent and
// form coding, base64, hexadecimal, gzip, JSON in a value, and digests of
// addresses and telephone numbers. Whose a fact is, production says: who alone
// held it there. Evidence is weighed in bits: a fact that k of n recipients held
// carries log2(n/k).
package exposure

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of what is looked through.
const (
	maxDepth   = 4       // layers within layers
	maxUnwrap  = 1 << 20 // bytes that one layer may give
	maxRatio   = 200     // of what a compressed layer gives to its size, beyond that
	maxValue   = 256     // bytes of a value that is a fact as a whole
	phraseSize = 3       // words in a phrase
)

// A Found fact, before it is known whose it is. Its value is made when it is
// asked for: most facts are only looked up.
type Found struct {
	Kind   gate.FactKind
	Part   string
	Layers string // encodings that it was found under, outermost first

	text [phraseSize]string // as they stand; a phrase has phraseSize words, all else one
	fold bool               // whether case tells nothing
	key  Key                // where it is known already; 0 is not
}

// Value is the normalised value; of a phrase, its words.
func (f *Found) Value() string {
	v := f.text[0]
	if f.Kind == gate.FactPhrase {
		v = strings.Join(f.text[:], " ")
	}
	if f.fold {
		v = strings.ToLower(v)
	}
	return v
}

// Key identifies a fact by kind and value.
type Key uint64

// NationalDigits is how many digits at its end tell a telephone number apart, so that it is
// one with its country's code and with the national zero.
const NationalDigits = 9

// Key gives the identity of f. It is the same whatever part f stands in.
func (f *Found) Key() Key {
	if f.key == 0 {
		text := f.text[0]
		if f.Kind == gate.FactPhone && len(text) > NationalDigits {
			text = text[len(text)-NationalDigits:]
		}
		f.key = keyOf(f.Kind, hashText(text, f.fold))
	}
	return f.key
}

// keyOf joins a kind and the hashes of a value's words, which are hashed once
// however many phrases they stand in.
func keyOf(kind gate.FactKind, words ...uint64) Key {
	h := gate.HashWord(string(kind))
	for _, w := range words {
		h = (h ^ w) * hashPrime
		h ^= h >> 29
	}
	return Key(h | 1) // never 0
}

const hashPrime = 1099511628211 // of FNV-1a, as in gate.HashWord

// hashText is FNV-1a of s, in lower case where fold is set.
func hashText(s string, fold bool) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		c := s[i]
		if fold {
			if c >= utf8.RuneSelf {
				for _, c := range []byte(strings.ToLower(s[i:])) { // what is left, at once
					h = (h ^ uint64(c)) * hashPrime
				}
				return h
			}
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
		}
		h = (h ^ uint64(c)) * hashPrime
	}
	return h
}

func key(kind gate.FactKind, value string) Key {
	return (&Found{Kind: kind, text: [phraseSize]string{value}}).Key()
}

// Strong reports whether facts of this kind identify by themselves. Words only
// add weight.
func Strong(k gate.FactKind) bool { return k != gate.FactWord }

// Typed reports whether facts of this kind are identities by their form,
// whatever text they stand in.
func Typed(k gate.FactKind) bool {
	return k == gate.FactAddress || k == gate.FactPhone || k == gate.FactNumber || k == gate.FactDigest
}

// In calls found for each fact in parts. A fact that occurs again is given again. What
// is given is found's until it returns: it is copied where it is kept.
func In(parts []gate.Part, found func(*Found)) {
	s := scanner{found: found}
	for i := range parts {
		p := &parts[i]
		switch p.Kind {
		case gate.Transport:
		case gate.Binary:
			if _, digest, ok := strings.Cut(p.Value, "sha256:"); ok {
				digest, _, _ = strings.Cut(digest, " ")
				s.give(gate.FactBinary, digest, p.Name, "", false)
			}
		case gate.Addresses:
			for line := range strings.SplitSeq(p.Value, "\n") {
				if line != "" {
					s.give(gate.FactAddress, normalAddress(line), p.Name, "", false)
				}
			}
		case gate.Value:
			s.value(p.Name, p.Value, "", 0)
		default:
			s.text(p.Name, p.Value, "", 0)
		}
	}
}

// InText calls found for each fact in one text that is no part of a message: a
// stimulus, or what an edit put in. See [In].
func InText(name, text string, found func(*Found)) {
	(&scanner{found: found}).text(name, text, "", 0)
}

// InDigest calls found with w as a digest that was cut short, where it can be one: of at least
// 12 hexadecimal letters, not all of them figures.
func InDigest(name, w string, found func(*Found)) {
	if len(w) >= leastDigest && len(w) < 128 && isHex(w) && digits(w) < len(w) {
		(&scanner{found: found}).give(gate.FactDigest, w, name, "", true)
	}
}

// InNumber calls found with figures as a number of somebody's, and as a telephone number where
// they are enough. A leading 00 is taken off the latter.
func InNumber(name, figures string, found func(*Found)) {
	s := scanner{found: found}
	s.give(gate.FactNumber, figures, name, "", true)
	if phone := strings.TrimPrefix(figures, "00"); len(phone) >= NationalDigits && len(phone) <= 15 {
		s.give(gate.FactPhone, phone, name, "", false)
	}
}

// Word returns w as a fact of its own.
func Word(name, w string) Found {
	return Found{Kind: gate.FactWord, Part: name, text: [phraseSize]string{w}, fold: true}
}

type scanner struct {
	found func(*Found)
	next  Found
	where [][2]int // of addresses in the line at hand
}

func (s *scanner) give(kind gate.FactKind, text, part, layers string, fold bool) {
	s.next = Found{Kind: kind, Part: part, Layers: layers, text: [phraseSize]string{text}, fold: fold}
	s.found(&s.next)
}

// value finds facts in one value of a structure: itself, and what is in it.
func (s *scanner) value(part, v, layers string, depth int) {
	s.whole(part, v, layers)
	s.text(part, v, layers, depth)
}

func (s *scanner) whole(part, v, layers string) {
	if t := strings.TrimSpace(v); len(t) >= 3 && len(t) <= maxValue {
		s.give(gate.FactValue, t, part, layers, true)
	}
}

// text finds facts in text: typed ones, words, phrases, and what is under layers. But
// for phrases, which run on, and for percent coding, a line says all of its facts by
// itself: so that lines which many messages have are looked through once (see finder).
func (s *scanner) text(part, text, layers string, depth int) {
	var c carry
	for line := range strings.Lines(text) {
		s.line(&c, part, line, layers, depth)
	}
	s.percent(part, text, layers, depth)
}

// percent finds facts under layers that a text has as a whole or not at all.
func (s *scanner) percent(part, text, layers string, depth int) {
	if depth < maxDepth && respellable(text) {
		unescape(text, func(layer, inner string) { s.value(part, inner, under(layers, layer), depth+1) })
	}
}

// A carry is the last words of a text so far.
type carry struct {
	words  [phraseSize]string
	hashes [phraseSize]uint64
	n      int                    // how many words there were
	first  [phraseSize - 1]uint64 // hashes of the first ones
}

func (c *carry) add(word string, hash uint64) {
	c.words = [phraseSize]string{c.words[1], c.words[2], word}
	c.hashes = [phraseSize]uint64{c.hashes[1], c.hashes[2], hash}
	if c.n < len(c.first) {
		c.first[c.n] = hash
	}
	c.n++
}

func under(layers, layer string) string {
	if layers == "" {
		return layer
	}
	return layers + " " + layer
}

// line finds facts in one line of a text, and in the words that c carries into it.
func (s *scanner) line(c *carry, part, line, layers string, depth int) {
	address := s.addresses(part, line, layers) // whose words say no more than it does
	s.phones(part, line, layers)
	for start, end := gate.NextWord(line, 0); start < end; start, end = gate.NextWord(line, end) {
		w := line[start:end]
		if !gate.IsWord(w) {
			continue
		}
		if isDigest(w) {
			s.give(gate.FactDigest, w, part, layers, true)
		}
		for len(address) > 0 && address[0][1] <= start {
			address = address[1:]
		}
		inside := len(address) > 0 && address[0][0] <= start
		if inside && digits(w) < 4 {
			continue
		}
		h := hashText(w, true)
		s.next = Found{Part: part, Layers: layers, text: [phraseSize]string{w}, fold: true}
		switch {
		case len(w) < 2 || len(w) <= utf8.UTFMax && utf8.RuneCountInString(w) < 2:
		case digits(w) >= 4:
			s.next.Kind, s.next.key = gate.FactNumber, keyOf(gate.FactNumber, h)
			s.found(&s.next)
			s.within(w, part, layers)
		case len(w) >= 3:
			s.next.Kind, s.next.key = gate.FactWord, keyOf(gate.FactWord, h)
			s.found(&s.next)
		}
		if inside {
			continue
		}
		c.add(w, h)
		if c.n >= phraseSize {
			s.next.Kind, s.next.key, s.next.text = gate.FactPhrase, phraseKey(&c.hashes), c.words
			s.found(&s.next)
		}
	}
	if depth < maxDepth {
		queries(line, func(v string) { s.value(part, v, under(layers, "url"), depth+1) })
		unwrap(line, func(layer, inner string) { s.value(part, inner, under(layers, layer), depth+1) })
	}
}

// leastWithin is how many characters a number has that counts by itself within a longer word.
const leastWithin = 6

// within finds the numbers that a word joins to others by its marks: "MRN-4711-90514426".
func (s *scanner) within(word, part, layers string) {
	if strings.IndexByte(word, '-') < 0 && strings.IndexByte(word, '_') < 0 {
		return
	}
	next := s.next // which the words behind are given by
	for piece := range strings.FieldsFuncSeq(word, func(r rune) bool { return r == '-' || r == '_' }) {
		if len(piece) >= leastWithin && digits(piece) >= leastWithin {
			s.give(gate.FactNumber, piece, part, layers, true)
		}
	}
	s.next = next
}

func phraseKey(words *[phraseSize]uint64) Key { return keyOf(gate.FactPhrase, words[:]...) }

// addresses finds what looks like a mail address (RFC 5321 dot-string at a domain
// of two labels or more), and returns where. Domains are lower-cased, local parts are not.
func (s *scanner) addresses(part, text, layers string) (where [][2]int) {
	s.where = s.where[:0]
	for at := 0; ; {
		i := strings.IndexByte(text[at:], '@')
		if i < 0 {
			return s.where
		}
		i += at
		start := i
		for start > 0 && isLocal(text[start-1]) {
			start--
		}
		end := i + 1
		for end < len(text) && isDomain(text[end]) {
			end++
		}
		for start < i && text[start] == '\'' { // a quotation mark, where it is the first
			start++
		}
		local, domain := strings.Trim(text[start:i], "."), strings.Trim(text[i+1:end], ".-")
		if local != "" && strings.Contains(domain, ".") {
			s.where = append(s.where, [2]int{start, end})
			s.give(gate.FactAddress, local+"@"+strings.ToLower(domain), part, layers, false)
		}
		at = i + 1
	}
}

func isLocal(c byte) bool {
	return c >= utf8.RuneSelf || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", c) >= 0
}

func isDomain(c byte) bool {
	return c >= utf8.RuneSelf || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.'
}

// phones finds runs of 7 to 15 digits (E.164) with at least one of the usual
// separators or a plus. A value is its digits, a leading 00 or + taken off.
func (s *scanner) phones(part, text, layers string) {
	for i := 0; i < len(text); {
		c := text[i]
		if !(isDigit(c) || (c == '+' || c == '(') && i+1 < len(text) && isDigit(text[i+1])) || i > 0 && isAlnum(text[i-1]) {
			i++
			continue
		}
		var room [16]byte
		number := room[:0]
		j, last, separated, gap := i, i, false, 0
	number:
		for ; j < len(text) && len(number) <= 15; j++ {
			switch d := text[j]; {
			case isDigit(d):
				number = append(number, d)
				separated = separated || gap > 0
				last, gap = j, 0
			case d == '+' && j == i || strings.IndexByte(" -./()", d) >= 0 && gap < 2:
				gap++
			default:
				break number
			}
		}
		if last+1 < len(text) && isAlnum(text[last+1]) {
			number = nil // part of a longer word
		}
		if date, _, _ := strings.Cut(text[i:last+1], " "); IsDate(date) {
			i += len(date)
			continue
		}
		if separated && len(number) >= 7 && len(number) <= 15 {
			s.give(gate.FactPhone, strings.TrimPrefix(string(number), "00"), part, layers, false)
		}
		i = max(j, i+1)
	}
}

// IsDate reports whether s is a date in figures: year first with two figures each
// for month and day, or last with one or two.
func IsDate(s string) bool {
	var groups [3]string
	n, start := 0, 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && isDigit(s[i]) {
			continue
		}
		if n == len(groups) || i < len(s) && strings.IndexByte("-./", s[i]) < 0 {
			return false
		}
		groups[n] = s[start:i]
		n, start = n+1, i+1
	}
	if n != len(groups) {
		return false
	}
	year, others := groups[0], groups[1:]
	if len(year) != 4 {
		year, others = groups[2], groups[:2]
	} else if len(others[0]) != 2 || len(others[1]) != 2 {
		return false
	}
	if len(year) != 4 || year[0] != '1' && year[0] != '2' {
		return false
	}
	for _, g := range others {
		if n, err := strconv.Atoi(g); err != nil || len(g) > 2 || n < 1 || n > 31 {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
}

func digits(w string) (n int) {
	for i := 0; i < len(w); i++ {
		if isDigit(w[i]) {
			n++
		}
	}
	return n
}

// normalAddress takes the kind off an identity: "mail:a@x" is the fact "a@x".
func normalAddress(id string) string {
	for _, k := range []gate.RecipientKind{gate.Mail, gate.Host, gate.Tel, gate.Other, gate.Session} {
		if rest, ok := strings.CutPrefix(id, string(k)+":"); ok {
			return rest
		}
	}
	return id
}
