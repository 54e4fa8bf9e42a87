package pseudonym

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// leastCoded is how long a word is at the least that is looked into: that of the
// base64 of the shortest address that there is.
const leastCoded = 8

// coded is what stands in the place of a word that holds identities in base64,
// hexadecimal or as digests; nil where it does not.
func (w *item) coded(word []byte, m manner, depth int) []byte {
	bare := bytes.TrimRight(word, "=")
	if isDigestText(bare) {
		sum := make([]byte, len(bare)/2)
		if _, err := hex.Decode(sum, bare); err == nil {
			return w.digest(sum, m, func(out []byte) []byte {
				if bytes.ContainsAny(bare, "ABCDEF") {
					return bytes.ToUpper([]byte(hex.EncodeToString(out)))
				}
				return []byte(hex.EncodeToString(out))
			})
		}
	}
	if len(bare)%2 == 0 && isHexWord(bare) {
		plain := make([]byte, len(bare)/2)
		if _, err := hex.Decode(plain, bare); err == nil {
			if out := w.inner(plain, m, depth); out != nil {
				s := hex.EncodeToString(out)
				if bytes.ContainsAny(bare, "ABCDEF") {
					s = strings.ToUpper(s)
				}
				return []byte(s)
			}
		}
	}
	if len(bare)%4 == 1 || len(bare) < leastCoded {
		return nil
	}
	if !likelyText(bare) && !bytes.HasPrefix(bare, []byte("H4sI")) && len(bare) != 22 && len(bare) != 27 && len(bare) != 43 { // those of digests
		return nil
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(bare, "-_") {
		if bytes.ContainsAny(bare, "+/") {
			return nil
		}
		enc = base64.RawURLEncoding
	}
	plain := make([]byte, enc.DecodedLen(len(bare)))
	if _, err := enc.Decode(plain, bare); err != nil {
		return nil
	}
	again := func(out []byte) []byte {
		s := enc.EncodeToString(out)
		padded := len(word) > len(bare) || len(bare)%4 == 0 && enc == base64.RawStdEncoding && !bytes.HasPrefix(bare, []byte("eyJ")) // no JSON web token
		for padded && len(s)%4 != 0 {
			s += "="
		}
		return []byte(s)
	}
	if len(plain) == 16 || len(plain) == 20 || len(plain) == 32 {
		if out := w.digest(plain, manner{}, again); out != nil {
			return out
		}
	}
	if out := w.inner(plain, m, depth); out != nil {
		return again(out)
	}
	return nil
}

// likelyText reports whether the first bytes of a base64 word, of eight characters
// at the least, decode to printable ASCII or UTF-8, so that most words are not
// decoded whole.
func likelyText(bare []byte) bool {
	a, b, c, d := sextets[bare[0]], sextets[bare[1]], sextets[bare[2]], sextets[bare[3]]
	first := a<<2 | b>>4
	if isControl[first] || 0x80 <= first && first < 0xc2 || (a|b|c|d)&0xc0 != 0 {
		return false
	}
	e, f, g, h := sextets[bare[4]], sextets[bare[5]], sextets[bare[6]], sextets[bare[7]]
	if (e|f|g|h)&0xc0 != 0 {
		return false
	}
	plain := [...]byte{first, b<<4 | c>>2, c<<6 | d, e<<2 | f>>4, f<<4 | g>>2, g<<6 | h}
	for i := 0; i < len(plain); {
		if c := plain[i]; c < utf8.RuneSelf {
			if isControl[c] {
				return false
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(plain[i:])
		if r == utf8.RuneError && utf8.FullRune(plain[i:]) {
			return false
		}
		i += size
	}
	return true
}

// sextets are the values of the characters of both alphabets of base64 (RFC 4648);
// 0xff of all others.
var sextets = func() (table [256]byte) {
	for c := range table {
		table[c] = 0xff
	}
	for i := range len(base64Alphabet) {
		table[base64Alphabet[i]] = byte(i)
	}
	table['-'], table['_'] = table['+'], table['/']
	return table
}()

// inner replaces the people in what a word holds: text, or gzip of it. nil: there
// are none.
func (w *item) inner(plain []byte, m manner, depth int) []byte {
	if bytes.HasPrefix(plain, []byte{0x1f, 0x8b}) {
		text, err := w.inflate("gzip", plain)
		if err != nil || !isText(text) {
			return nil
		}
		spans := w.scan(text, manner{}, depth+1)
		if len(spans) == 0 {
			return nil
		}
		out, err := deflate("gzip", apply(text, spans))
		if err != nil {
			w.fail(err.Error())
			return nil
		}
		return out
	}
	if !isText(plain) {
		return nil
	}
	m.digest = false
	if looksLikeJSON(plain) && depth < maxDepth { // claims of a JSON web token (RFC 7519)
		if out, ok := w.json(plain); ok {
			if bytes.Equal(out, plain) {
				return nil
			}
			return out
		}
	}
	spans := w.scan(plain, m, depth+1)
	if len(spans) == 0 {
		return nil
	}
	return apply(plain, spans)
}

// digest is what stands in the place of a digest: that of the pseudonym, where the
// identity was seen. One that is said to be an identity's and is not known cannot
// be replaced.
func (w *item) digest(sum []byte, m manner, write func([]byte) []byte) []byte {
	if out, ok := w.c.seen.digest(sum, w.c.of); ok {
		return write(out)
	}
	if m.digest {
		w.unknown = true
	}
	return nil
}

// of is the pseudonym of an identity: an address, or the digits of a number, with a
// plus where its calling code is known.
func (c *Cleaner) of(identity string) string {
	if strings.IndexByte(identity, '@') >= 0 {
		return string(c.address([]byte(identity)).pseudonym)
	}
	if d, ok := strings.CutPrefix(identity, "+"); ok {
		return "+" + string(c.number([]byte(d), callingCode([]byte(d))))
	}
	return string(c.number([]byte(identity), 0))
}

// isDigestText reports whether w has the form of an MD5, SHA-1 or SHA-256 digest.
func isDigestText(w []byte) bool {
	return (len(w) == 32 || len(w) == 40 || len(w) == 64) && isHexWord(w)
}

func isHexWord(w []byte) bool {
	for _, c := range w {
		if !isHex(c) {
			return false
		}
	}
	return true
}
