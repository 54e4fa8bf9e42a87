package pseudonym

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// A purpose separates permutations: equal texts of two purposes have pseudonyms that
// have nothing to do with each other.
type purpose byte

const (
	ofLocal  purpose = iota + 1 // segments of local parts
	ofLabel                     // labels of mail domains
	ofName                      // words of names
	ofNumber                    // digits of telephone numbers
	ofRecord                    // record numbers
	ofValue                     // declared values and fields
	ofSecret                    // passwords
	ofBytes                     // what is not text
	ofToken                     // credentials, for their marks
	ofHost                      // addresses of clients
)

// rounds of the Feistel network: those of FF1 (NIST SP 800-38G, section 4.4).
const rounds = 10

// A permuter permutes sequences of symbols, each within a radix of its own. It is
// a Feistel network in the manner of FF1 (NIST SP 800-38G) with addition symbol by
// symbol, so that positions may have different radices; its round function is
// AES-CBC-MAC over input whose length stands first. Being a permutation of all
// sequences of one tuple of radices, it maps no two of them to one.
type permuter struct{ block cipher.Block }

// newPermuter derives the key of the permutations from the master key (HMAC-SHA-256).
func newPermuter(key []byte) (permuter, error) {
	block, err := aes.NewCipher(derived(key, "permutations"))
	return permuter{block}, err
}

// derived is a key for one use.
func derived(key []byte, use string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("waybill pseudonyms: " + use))
	return mac.Sum(nil)
}

// A symbol is a value below its radix.
type symbol struct{ value, radix uint32 }

// smallest is the least number of sequences that a network permutes well. Fewer
// are shuffled.
const smallest = 1 << 10

// permute replaces list by its pseudonym. tweak selects the permutation.
func (p permuter) permute(in purpose, tweak uint64, list []symbol) {
	size := uint64(1)
	for _, s := range list {
		if size < smallest {
			size *= uint64(s.radix)
		}
	}
	switch {
	case size <= 1:
		return
	case size < smallest:
		p.shuffle(in, tweak, int(size), list)
		return
	}
	half := len(list) / 2
	a, b := list[:half], list[half:]
	var blocks [2][aes.BlockSize]byte
	for round := range byte(rounds) {
		p.mac(&blocks[0], in, round, tweak, b, len(a))
		p.add(&blocks[0], &blocks[1], a)
		a, b = b, a
	}
}

// mac is the round function: of the symbols of one half, for n of the other.
func (p permuter) mac(mac *[aes.BlockSize]byte, in purpose, round byte, tweak uint64, half []symbol, n int) {
	mac[0], mac[1] = byte(in), round
	binary.BigEndian.PutUint16(mac[2:], uint16(len(half)))
	binary.BigEndian.PutUint32(mac[4:], uint32(n))
	binary.BigEndian.PutUint64(mac[8:], tweak)
	p.block.Encrypt(mac[:], mac[:])
	for i := 0; i < len(half); i += 4 {
		for j, s := range half[i:min(i+4, len(half))] {
			var word [4]byte
			binary.BigEndian.PutUint32(word[:], s.value)
			for k := range word {
				mac[4*j+k] ^= word[k]
			}
		}
		p.block.Encrypt(mac[:], mac[:])
	}
}

// add adds the stream that mac seeds to the symbols, each modulo its radix.
func (p permuter) add(mac, stream *[aes.BlockSize]byte, half []symbol) {
	for i := range half {
		if i%4 == 0 {
			binary.BigEndian.PutUint32(mac[:], binary.BigEndian.Uint32(mac[:])+1)
			p.block.Encrypt(stream[:], mac[:])
		}
		s := &half[i]
		s.value = (s.value + binary.BigEndian.Uint32(stream[4*(i%4):])%s.radix) % s.radix
	}
}

// shuffle permutes the sequences of a small set, of that size, by a keyed
// Fisher-Yates shuffle of their numbers.
func (p permuter) shuffle(in purpose, tweak uint64, size int, list []symbol) {
	number := 0
	for _, s := range list {
		number = number*int(s.radix) + int(s.value)
	}
	table := make([]uint16, size)
	for i := range table {
		table[i] = uint16(i)
	}
	var counter, stream [aes.BlockSize]byte
	for i := size - 1; i > 0; i-- {
		counter[0], counter[1] = byte(in), 0xff
		binary.BigEndian.PutUint16(counter[2:], uint16(size))
		binary.BigEndian.PutUint32(counter[4:], uint32(i))
		binary.BigEndian.PutUint64(counter[8:], tweak)
		p.block.Encrypt(stream[:], counter[:])
		j := binary.BigEndian.Uint64(stream[:]) % uint64(i+1)
		table[i], table[j] = table[j], table[i]
	}
	number = int(table[number])
	for i := len(list) - 1; i >= 0; i-- {
		list[i].value = uint32(number) % list[i].radix
		number /= int(list[i].radix)
	}
}

// text replaces letters by letters and digits by digits; all else stays where it
// is. The case of each place stays, so texts that differ in case alone stay so;
// other letters than A to Z become letters of the same stretch of Unicode, so that
// the charset that holds them goes on holding them.
func (p permuter) text(in purpose, tweak uint64, s string, split alphabet) string {
	var buffer [64]symbol
	list := buffer[:0]
	for _, r := range s {
		if sym, ok := split(r); ok {
			list = append(list, sym)
		}
	}
	if len(list) == 0 {
		return s
	}
	p.permute(in, tweak, list)
	out := make([]byte, 0, len(s)+8)
	i := 0
	for at, r := range s {
		if _, ok := split(r); !ok {
			_, n := utf8.DecodeRuneInString(s[at:])
			out = append(out, s[at:at+n]...) // as it stands, where it is no UTF-8 too
			continue
		}
		out = utf8.AppendRune(out, letter(r, list[i].value, split))
		i++
	}
	return string(out)
}

// An alphabet gives the symbol that a character is; false: it is none, and stays.
type alphabet func(r rune) (symbol, bool)

const (
	vowels     = "aeiou"
	consonants = "bcdfghjklmnpqrstvwxyz"
)

// plain is the alphabet of identifiers: 26 letters, ten digits, and the letters of
// each block of 64 code points beyond ASCII.
func plain(r rune) (symbol, bool) {
	switch {
	case '0' <= r && r <= '9':
		return symbol{uint32(r - '0'), 10}, true
	case 'a' <= r && r <= 'z':
		return symbol{uint32(r - 'a'), 26}, true
	case 'A' <= r && r <= 'Z':
		return symbol{uint32(r - 'A'), 26}, true
	case r < utf8.RuneSelf:
		return symbol{}, false
	}
	return beyond(r)
}

// spoken is the alphabet of names: vowels stay vowels, so that a name can be said.
func spoken(r rune) (symbol, bool) {
	if r >= utf8.RuneSelf {
		return beyond(r)
	}
	c := byte(r | 0x20)
	for i := range len(vowels) {
		if vowels[i] == c {
			return symbol{uint32(i), uint32(len(vowels))}, true
		}
	}
	for i := range len(consonants) {
		if consonants[i] == c {
			return symbol{uint32(i), uint32(len(consonants))}, true
		}
	}
	return symbol{}, false
}

// letter is the character that stands for a value in the place of r.
func letter(r rune, value uint32, split alphabet) rune {
	if r >= utf8.RuneSelf {
		return fromBeyond(r, value)
	}
	if '0' <= r && r <= '9' {
		return rune('0' + value)
	}
	sym, _ := split(r)
	out := rune('a' + value)
	switch int(sym.radix) {
	case len(vowels):
		out = rune(vowels[value])
	case len(consonants):
		out = rune(consonants[value])
	}
	if 'A' <= r && r <= 'Z' {
		out -= 'a' - 'A'
	}
	return out
}

// blockSize is how many code points a block has. Letters beyond ASCII are permuted
// within their block: most scripts fill whole blocks, and ISO 8859-1 is one.
const blockSize = 64

// lowered is the form in which letters of two cases are one; false: r has no such
// pair. ÿ is taken to have none, since ISO 8859-1 has no upper case of it.
func lowered(r rune) (rune, bool) {
	if r == 'ÿ' || r == 'Ÿ' {
		return r, false
	}
	l := unicode.ToLower(r)
	u := unicode.ToUpper(l)
	return l, u != l && unicode.ToLower(u) == l && (r == l || r == u) && u >= utf8.RuneSelf && l >= utf8.RuneSelf
}

// beyond is the symbol of a letter or digit beyond ASCII: its rank in its block, of
// those with two cases or of those without.
func beyond(r rune) (symbol, bool) {
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return symbol{}, false
	}
	l, cased := lowered(r)
	if !cased {
		l = r
	}
	var sym symbol
	first := l &^ (blockSize - 1)
	for c := first; c < first+blockSize; c++ {
		if alike(c, l, cased) {
			if c == l {
				sym.value = sym.radix
			}
			sym.radix++
		}
	}
	return sym, true
}

// alike reports whether c may stand for l: as a letter with two cases, or without.
func alike(c, l rune, cased bool) bool {
	if unicode.IsDigit(c) != unicode.IsDigit(l) || !unicode.IsLetter(c) && !unicode.IsDigit(c) {
		return false
	}
	lc, ok := lowered(c)
	if cased {
		return ok && lc == c
	}
	return !ok
}

func fromBeyond(r rune, value uint32) rune {
	l, cased := lowered(r)
	if !cased {
		l = r
	}
	n := uint32(0)
	first := l &^ (blockSize - 1)
	for c := first; c < first+blockSize; c++ {
		if !alike(c, l, cased) {
			continue
		}
		if n == value {
			if cased && r != l {
				return unicode.ToUpper(c)
			}
			return c
		}
		n++
	}
	return r
}
