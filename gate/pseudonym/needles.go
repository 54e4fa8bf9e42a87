package pseudonym

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// kind says what an identity is, and so how it is replaced.
type kind uint8

const (
	anAddress kind = iota
	aNumber        // digits without separators
	aName          // one word of a name
	aRecord
	aValue
)

// A needle is an identity that is looked for wherever it may stand, in any case.
type needle struct {
	kind     kind
	text     string // in lower case, in normal form C or D
	original string // aNumber: all digits; else as it was found first
	national int    // of a number: where its national part begins in original
	codes    string // digits that may stand right before a number, each between spaces
	exact    bool   // a word so short that its case counts
	ascii    bool   // its text is
	tail     int    // bytes at its end that stay: what a person of that name is called by
	boundary boundary
}

// needles finds many texts in one pass. A filter finds where one may stand, by the
// byte before it and its first three; then the texts that begin with these two bytes
// are compared.
type needles struct {
	filter filter
	pairs  [64]uint64  // a bit for each pair of bytes, by its hash
	chains [256]uint16 // by hash of the pair: index of the last entry in it, plus one
	list   []needle
	starts []start
}

// A start is a pair of bytes with which a needle begins, in lower case.
type start struct {
	first, second byte
	needle        int
	next          uint16 // index of the entry before in its chain, plus one
}

func newNeedles() *needles { return &needles{filter: emptyFilter} }

// A filter is the table of a shift-or search (Baeza-Yates and Gonnet, "A new approach
// to text searching") for patterns of four bytes, in buckets. Of each byte it has a
// lane for each place of the pattern, with a bit for each bucket: zero where a pattern
// of the bucket has that byte in that place.
type filter [256]uint64

const (
	buckets = 16 // those of words, of numbers, and the last for all that may stand anywhere
	words   = 12
	loose   = buckets - 1
	lane    = 1<<buckets - 1

	// Places of the pattern.
	beforeLane = 0 * buckets // the byte before the needle
	firstLane  = 1 * buckets
	secondLane = 2 * buckets
	thirdLane  = 3 * buckets

	// begun is the state in front of a text: nothing of a needle was read, and
	// whatever may stand before one does. States from noneFound on have none that
	// is read whole.
	begun     = ^uint64(lane)
	noneFound = uint64(lane) << thirdLane
)

// emptyFilter has no pattern, and says where those of each bucket may stand: words not
// behind a letter or digit of ASCII, numbers not behind a digit, and others anywhere,
// with any third byte.
var emptyFilter = func() (f filter) {
	for c := range f {
		f[c] = ^uint64(0) &^ (1<<(beforeLane+loose) | 1<<(thirdLane+loose))
		if !isAlnum(byte(c)) {
			f[c] &^= (1<<words - 1) << beforeLane
		}
		if !isDigit(byte(c)) {
			f[c] &^= (1<<loose - 1<<words) << beforeLane
		}
	}
	return f
}()

// allow adds c, in both cases, to what a bucket's patterns have in a place.
func (f *filter) allow(place, bucket int, c byte) {
	bit := uint64(1) << (place + bucket)
	f[c] &^= bit
	if c = lowerByte(c); 'a' <= c && c <= 'z' {
		f[c] &^= bit
		f[c-'a'+'A'] &^= bit
	}
}

// bucket is that of the needle, which is the nth.
func (d *needle) bucket(n int) int {
	switch {
	case !d.ascii || len(d.text) == 2 || !isAlnum(d.text[0]) || d.codes != "":
		return loose
	case d.kind == aNumber:
		return words + n%(loose-words)
	}
	return n % words
}

func pairHash(first, second byte) uint { return (uint(first)<<4 ^ uint(second)*0x9d) & 0xfff }

// lowerByte is c in lower case, of ASCII.
func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (n *needles) reset() {
	if len(n.list) == 0 {
		return
	}
	clear(n.list)
	n.pairs, n.chains, n.list, n.starts = [64]uint64{}, [256]uint16{}, n.list[:0], n.starts[:0]
	n.filter = emptyFilter
}

// maxNeedles bounds how many identities of one item are looked for. An item with
// more is refused.
const maxNeedles = 10_000

func (n *needles) full() bool { return len(n.list) == maxNeedles }

// has reports whether a needle is there.
func (n *needles) has(k kind, text []byte) bool {
	if len(text) < 2 {
		return false
	}
	for i := n.chains[pairHash(lowerByte(text[0]), lowerByte(text[1]))&255]; i > 0; i = n.starts[i-1].next {
		if e := &n.list[n.starts[i-1].needle]; e.kind == k && e.text == string(text) {
			return true
		}
	}
	return false
}

// add adds a needle. false: it is there, or too short to say anything.
func (n *needles) add(d needle) bool {
	if len(d.text) < 2 || n.full() {
		return false
	}
	h := pairHash(lowerByte(d.text[0]), lowerByte(d.text[1]))
	for k := n.chains[h&255]; k > 0; k = n.starts[k-1].next {
		if e := &n.list[n.starts[k-1].needle]; e.kind == d.kind && e.text == d.text && (d.codes == "" || e.codes == d.codes) {
			return false
		}
	}
	i := len(n.list)
	if d.ascii = isASCII([]byte(d.text)); !d.ascii && d.kind == aName {
		d.boundary = boundaryOf(d.text)
	}
	n.list = append(n.list, d)
	bucket := d.bucket(i)
	if bucket != loose {
		n.filter.allow(thirdLane, bucket, d.text[2])
	}
	n.index(d.text[0], d.text[1], i, bucket)
	if d.text[0] < utf8.RuneSelf && d.text[1] < utf8.RuneSelf {
		return true
	}
	// A character beyond ASCII begins with other bytes in another case.
	first, size := utf8.DecodeRuneInString(d.text)
	for _, r := range []rune{unicode.ToUpper(first), unicode.ToTitle(first)} {
		begin := string(r) + d.text[size:]
		n.index(begin[0], begin[1], i, bucket)
	}
	if size == 1 {
		second, _ := utf8.DecodeRuneInString(d.text[1:])
		n.index(d.text[0], string(unicode.ToUpper(second))[0], i, bucket)
	}
	return true
}

// index makes the needle i one that begins with two bytes, in any case of ASCII.
func (n *needles) index(first, second byte, i, bucket int) {
	first, second = lowerByte(first), lowerByte(second)
	n.filter.allow(firstLane, bucket, first)
	n.filter.allow(secondLane, bucket, second)
	h := pairHash(first, second)
	n.starts = append(n.starts, start{first, second, i, n.chains[h&255]})
	n.chains[h&255] = uint16(len(n.starts))
	n.pairs[h>>6] |= 1 << (h & 63)
}

// each calls found for each place of a needle in t, until it returns false. Of two
// that begin at one place, the longer is found.
func (n *needles) each(t []byte, found func(d *needle, start, end int) bool) {
	if len(n.list) == 0 || len(t) < 2 {
		return
	}
	state := begun
	for i := 0; i < len(t); i++ {
		// Two bytes at once, where none is found at either.
		for i+1 < len(t) {
			first, second := n.filter[t[i]], n.filter[t[i+1]]
			if both := state<<(2*buckets) | first<<buckets | second; (state<<buckets|first)&both >= noneFound {
				state = both
				i += 2
				continue
			}
			break
		}
		if i == len(t) {
			break
		}
		state = state<<buckets | n.filter[t[i]]
		if state >= noneFound {
			continue
		}
		from := i - 2
		d, length := n.longest(t, from)
		if d == nil {
			continue
		}
		end := from + length
		if !found(d, from, end) {
			return
		}
		i, state = end-2, ^uint64(0) // the last byte is what stands before the next
	}
	if state<<buckets < noneFound { // a needle of two bytes at the end
		if d, length := n.longest(t, len(t)-2); d != nil {
			found(d, len(t)-2, len(t)-2+length)
		}
	}
}

// longest is the longest needle that stands in t at i, with its length there; nil:
// there is none.
func (n *needles) longest(t []byte, i int) (best *needle, length int) {
	first, second := lowerByte(t[i]), lowerByte(t[i+1])
	h := pairHash(first, second)
	if n.pairs[h>>6]&(1<<(h&63)) == 0 {
		return nil, 0
	}
	for k := n.chains[h&255]; k > 0; {
		s := &n.starts[k-1]
		k = s.next
		if s.first != first || s.second != second {
			continue
		}
		d := &n.list[s.needle]
		if size := d.at(t, i); size > length {
			best, length = d, size
		}
	}
	return best, length
}

// at is the length of the needle in t at i, or 0 where it does not stand there.
func (d *needle) at(t []byte, i int) int {
	end := i
	if d.ascii {
		if end += len(d.text); end > len(t) {
			return 0
		}
		if stands := t[i:end]; string(stands) != d.text {
			for k, c := range stands {
				if lowerByte(c) != d.text[k] {
					return 0
				}
			}
		}
	} else if end = d.unicodeEnd(t, i); end == i {
		return 0
	}
	switch d.kind {
	case aName:
		if d.boundary == unspaced {
			if endsWithin(t, end) || inHost(t, i, end) {
				return 0
			}
			break
		}
		if inWordBefore(t, i) && !(d.boundary == attached && afterParticle(t, i)) || inWordAfter(t, end) && !(len(d.text) >= leastNumbered && isNumbered(t, end)) || d.exact && string(t[i:end]) != d.original || inHost(t, i, end) {
			return 0
		}
	case aNumber:
		if i > 0 && isDigit(t[i-1]) && !d.isBehindCode(t, i) || end < len(t) && isDigit(t[end]) {
			return 0
		}
	case anAddress:
		if i > 0 && (isAlnum(t[i-1]) || t[i-1] >= utf8.RuneSelf) || end < len(t) && isAlnum(t[end]) {
			return 0
		}
	case aRecord, aValue:
		if isAlnum(d.text[0]) && inWordBefore(t, i) || isAlnum(d.text[len(d.text)-1]) && inWordAfter(t, end) {
			return 0
		}
	}
	return end - i
}

// isBehindCode reports whether the digits before i in t are those of a calling code or of a
// prefix within a country, behind which the number may be written.
func (d *needle) isBehindCode(t []byte, i int) bool {
	if d.codes == "" {
		return false
	}
	begin := i
	for begin > 0 && isDigit(t[begin-1]) && i-begin < 6 {
		begin--
	}
	return strings.Contains(d.codes, " "+string(t[begin:i])+" ")
}

// unicodeEnd is where the text of the needle ends that begins at i in t, in any case;
// i where it does not stand there.
func (d *needle) unicodeEnd(t []byte, i int) int {
	end := i
	for _, r := range d.text {
		if end >= len(t) {
			return i
		}
		if r < utf8.RuneSelf {
			if lowerByte(t[end]) != byte(r) {
				return i
			}
			end++
			continue
		}
		c, size := utf8.DecodeRune(t[end:])
		if c != r && unicode.ToLower(c) != r {
			return i
		}
		end += size
	}
	return end
}

// leastNumbered is how long a name is at the least that counts with digits behind it too, as
// people sign in by it where others have the name: "jdoe42".
const leastNumbered = 5

// isNumbered reports whether up to four digits stand at i, and then the end of the word.
func isNumbered(t []byte, i int) bool {
	end := i
	for end < len(t) && isDigit(t[end]) {
		end++
	}
	return end > i && end-i <= 4 && !inWordAfter(t, end)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func inWordBefore(t []byte, i int) bool {
	if i == 0 {
		return false
	}
	if t[i-1] < utf8.RuneSelf {
		return isAlnum(t[i-1])
	}
	r, _ := utf8.DecodeLastRune(t[:i])
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

func inWordAfter(t []byte, i int) bool {
	if i >= len(t) {
		return false
	}
	if t[i] < utf8.RuneSelf {
		return isAlnum(t[i])
	}
	r, _ := utf8.DecodeRune(t[i:])
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)
}

// inHost reports whether t[start:end] is part of the name of a host: behind "//" or
// "@", or in a name under a top-level domain that there is. Hosts are not people.
func inHost(t []byte, start, end int) bool {
	hostByte := func(c byte) bool { return isAlnum(c) || c == '-' || c == '.' }
	first, last := start, end
	for first > 0 && hostByte(t[first-1]) {
		first--
	}
	for last < len(t) && hostByte(t[last]) {
		last++
	}
	if first > 0 && t[first-1] == '@' || first > 1 && t[first-1] == '/' && t[first-2] == '/' {
		return true
	}
	if end == last && start == first {
		return false
	}
	host := bytes.Trim(t[first:last], ".-")
	dot := bytes.LastIndexByte(host, '.')
	if dot <= 0 {
		return false
	}
	for _, c := range host[dot+1:] {
		if c != lowerByte(c) { // "Jane.It" ends a sentence
			return false
		}
	}
	return isHostEnd(string(host[dot+1:]))
}

// isHostEnd reports whether names of hosts end so: in a public top-level domain, or
// one that is used within networks and in examples (RFC 6761, RFC 6762).
func isHostEnd(tld string) bool {
	switch tld {
	case "example", "test", "invalid", "localhost", "local", "internal", "lan", "localdomain":
		return true
	}
	return isPublic(tld)
}

// word is one word of a name, with its pseudonym in its case.
func (c *Cleaner) word(raw []byte) *known {
	if k := c.words.get(raw); k != nil {
		return k
	}
	w := string(raw)
	composed := norm.NFC.String(w)
	out := composed
	if bytes.ContainsAny(raw, " ,\u3000") { // several
		var b strings.Builder
		at := 0
		eachWordAt([]byte(composed), 0, func(start, end int) {
			b.WriteString(composed[at:start] + c.spelt(composed[start:end]))
			at = end
		})
		out = b.String() + composed[at:]
	} else {
		out = c.spelt(composed)
	}
	if composed != w {
		out = norm.NFD.String(out)
	}
	k := newKnown(w, out)
	c.words.put(w, k)
	return k
}

// isCommon reports whether a word, in lower case, stands beside names and is none.
func isCommon(w string) bool {
	switch w {
	case "the", "and", "for", "from", "via", "with", "behalf", "you", "your", "our", "not", "new",
		"mr", "mrs", "ms", "miss", "dr", "prof", "sir", "herr", "frau", "jr", "sr", "phd", "md",
		"inc", "ltd", "llc", "gmbh", "corp", "co", "company", "group", "team", "dept", "department", "office", "service", "services",
		"mail", "mailing", "list", "email", "http", "https", "www", "com", "net", "org", "undisclosed", "recipient", "recipients", "unknown",
		"user", "users", "member", "members", "customer", "customers", "undisclosed-recipients",
		"to", "of", "in", "at", "on", "by", "no", "re", "fw", "an", "as", "or", "is", "it", "we", "me", "my", "de", "la", "le", "van", "von", "der", "den", "di", "da", "du", "el":
		return true
	}
	return isRole(w)
}

// eachWord calls found for each word of letters in s.
func eachWord(s []byte, found func(w []byte)) {
	eachWordAt(s, 0, func(start, end int) { found(s[start:end]) })
}

// eachWordAt calls found for the place of each word of letters in s from a byte on.
func eachWordAt(s []byte, from int, found func(start, end int)) {
	start := -1
	for i := from; i < len(s); {
		letter, size := 'a' <= s[i]|0x20 && s[i]|0x20 <= 'z', 1
		if s[i] >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRune(s[i:])
			letter = unicode.IsLetter(r) || start >= 0 && unicode.Is(unicode.M, r)
		}
		if letter && start < 0 {
			start = i
		} else if !letter && start >= 0 {
			found(start, i)
			start = -1
		}
		i += size
	}
	if start >= 0 {
		found(start, len(s))
	}
}
