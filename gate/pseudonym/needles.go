package pseudonym

import (
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
	national int    // of a number
	exact    bool   // a word so short that its case counts
}

// needles finds many texts in one pass: by a set of the pairs of bytes with which
// they begin, and then by comparing. Its zero value has none.
type needles struct {
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

func pairHash(first, second byte) uint { return (uint(first)<<4 ^ uint(second)*0x9d) & 0xfff }

// lowerByte is c in lower case, of ASCII.
func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

func (n *needles) reset() {
	clear(n.list)
	n.pairs, n.chains, n.list, n.starts = [64]uint64{}, [256]uint16{}, n.list[:0], n.starts[:0]
}

// maxNeedles bounds how many identities of one item are looked for. An item with
// more is refused.
const maxNeedles = 10_000

// add adds a needle. false: it is there, or too short to say anything.
func (n *needles) add(d needle) bool {
	if len(d.text) < 2 || len(n.list) == maxNeedles {
		return false
	}
	h := pairHash(lowerByte(d.text[0]), lowerByte(d.text[1]))
	for k := n.chains[h&255]; k > 0; k = n.starts[k-1].next {
		if e := &n.list[n.starts[k-1].needle]; e.kind == d.kind && e.text == d.text {
			return false
		}
	}
	i := len(n.list)
	n.list = append(n.list, d)
	n.index(d.text[0], d.text[1], i)
	if d.text[0] < utf8.RuneSelf && d.text[1] < utf8.RuneSelf {
		return true
	}
	// A character beyond ASCII begins with other bytes in another case.
	first, size := utf8.DecodeRuneInString(d.text)
	for _, r := range []rune{unicode.ToUpper(first), unicode.ToTitle(first)} {
		begin := string(r) + d.text[size:]
		n.index(begin[0], begin[1], i)
	}
	if size == 1 {
		second, _ := utf8.DecodeRuneInString(d.text[1:])
		n.index(d.text[0], string(unicode.ToUpper(second))[0], i)
	}
	return true
}

func (n *needles) index(first, second byte, i int) {
	first, second = lowerByte(first), lowerByte(second)
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
	before := lowerByte(t[0])
	for i := 1; i < len(t); i++ {
		c := lowerByte(t[i])
		h := pairHash(before, c)
		if n.pairs[h>>6]&(1<<(h&63)) == 0 {
			before = c
			continue
		}
		var best *needle
		length := 0
		for k := n.chains[h&255]; k > 0; {
			s := &n.starts[k-1]
			k = s.next
			if s.first != before || s.second != c {
				continue
			}
			d := &n.list[s.needle]
			if size := d.at(t, i-1); size > length {
				best, length = d, size
			}
		}
		before = c
		if best != nil {
			from := i - 1
			if !found(best, from, from+length) {
				return
			}
			i = from + length
			if i >= len(t) {
				return
			}
			before = lowerByte(t[i])
		}
	}
}

// at is the length of the needle in t at i, or 0 where it does not stand there.
func (d *needle) at(t []byte, i int) int {
	end := i
	for _, r := range d.text {
		if end >= len(t) {
			return 0
		}
		if r < utf8.RuneSelf {
			if lowerByte(t[end]) != byte(r) {
				return 0
			}
			end++
			continue
		}
		c, size := utf8.DecodeRune(t[end:])
		if c != r && unicode.ToLower(c) != r {
			return 0
		}
		end += size
	}
	switch d.kind {
	case aName:
		if inWordBefore(t, i) || inWordAfter(t, end) || d.exact && string(t[i:end]) != d.original || inHost(t, i, end) {
			return 0
		}
	case aNumber:
		if i > 0 && isDigit(t[i-1]) || end < len(t) && isDigit(t[end]) {
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
	host := strings.Trim(string(t[first:last]), ".-")
	dot := strings.LastIndexByte(host, '.')
	return dot > 0 && host[dot+1:] == strings.ToLower(host[dot+1:]) && isHostEnd(host[dot+1:]) // "Jane.It" ends a sentence
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

// word is the pseudonym of one word of a name, in its case.
func (c *Cleaner) word(w string) string {
	if out, ok := c.words.get(w); ok {
		return out
	}
	composed := norm.NFC.String(w)
	out := c.perm.text(ofName, 0, composed, spoken)
	if composed != w {
		out = norm.NFD.String(out)
	}
	c.words.put(w, out)
	return out
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
func eachWord(s string, found func(w string)) {
	start := -1
	for i, r := range s {
		if unicode.IsLetter(r) || start >= 0 && unicode.Is(unicode.M, r) {
			if start < 0 {
				start = i
			}
			continue
		}
		if start >= 0 {
			found(s[start:i])
		}
		start = -1
	}
	if start >= 0 {
		found(s[start:])
	}
}

// addName makes the words of a name needles.
func (n *needles) addName(name string) {
	eachWord(name, func(w string) {
		lower := strings.ToLower(w)
		if isCommon(lower) || utf8.RuneCountInString(w) < 2 {
			return
		}
		d := needle{kind: aName, text: norm.NFC.String(lower), original: w, exact: len(w) == 2}
		n.add(d)
		if isASCII(lower) {
			return
		}
		d.text = norm.NFD.String(lower)
		n.add(d)
	})
}
