package pseudonym

import (
	"bytes"
	"strings"
)

// Numbers with check digits, which are told from others by them.

// A compact number is one as it stands in text, without the separators in it.
type compact struct {
	start, end int // in the text
	text       []byte
	dashed     bool // a separator stands in it
}

// luhn reports whether the last of the digits is the check digit of the others (ISO/IEC
// 7812-1, annex B).
func luhn(d []byte) bool { return len(d) > 1 && luhnSum(d)%10 == 0 }

// luhnSum is the sum of the digits, of which every second from the right but one is doubled.
func luhnSum(d []byte) int {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum
}

// isCard reports whether digits are the number of a payment card: in a range that is
// issued, of a length that it has there, and with the check digit.
func isCard(d []byte) bool {
	n := len(d)
	if n < 13 || n > 19 {
		return false
	}
	two, three, four := num(d[:2]), num(d[:3]), num(d[:4])
	issued := false
	switch {
	case d[0] == '4':
		issued = n == 13 || n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720:
		issued = n == 16
	case two == 34 || two == 37:
		issued = n == 15
	case three >= 300 && three <= 305, two == 36, two == 38, two == 39:
		issued = n == 14 || n == 16 || n == 19
	case four == 6011, three >= 644 && three <= 649, two == 65, two == 35, two == 62, two == 60, two == 81:
		issued = n >= 16
	case two == 50, two >= 56 && two <= 58, two == 63, two == 67:
		issued = n >= 16
	}
	return issued && luhn(d)
}

func num(d []byte) (n int) {
	for _, c := range d {
		n = n*10 + int(c-'0')
	}
	return n
}

// keptOfCard is how many digits of a card's number stay: those of who issued it (ISO/IEC
// 7812-1).
const keptOfCard = 6

// card is the pseudonym of a card's number: one of the same issuer, with its check digit.
func (c *Cleaner) card(d []byte) []byte {
	out := bytes.Clone(d)
	body := out[keptOfCard : len(out)-1]
	c.digits(ofRecord, c.hash(ofRecord, "card "+string(d[:keptOfCard])), body, d[keptOfCard:len(d)-1])
	out[len(out)-1] = '0'
	out[len(out)-1] = byte('0' + (10-luhnSum(out)%10)%10)
	return out
}

// digits permutes digits in place, and again as long as they are what they were.
func (c *Cleaner) digits(in purpose, tweak uint64, d, was []byte) {
	var buffer [24]symbol
	for range maxWalk {
		list := buffer[:0]
		for _, r := range d {
			list = append(list, symbol{uint32(r - '0'), 10})
		}
		c.perm.permute(in, tweak, list)
		for i := range d {
			d[i] = byte('0' + list[i].value)
		}
		if !bytes.Equal(d, was) {
			return
		}
	}
}

// ibanLengths are the lengths of IBANs by country (SWIFT, IBAN Registry, release 97).
var ibanLengths = func() map[string]int {
	out := make(map[string]int)
	for e := range strings.FieldsSeq(`AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27
		GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18
		NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30`) {
		out[e[:2]] = num([]byte(e[2:]))
	}
	return out
}()

// mod97 is the number of an IBAN in upper case modulo 97 (ISO 13616-1, ISO/IEC 7064).
func mod97(iban []byte) int {
	r := 0
	for i := range iban {
		c := iban[(i+4)%len(iban)]
		if isDigit(c) {
			r = (r*10 + int(c-'0')) % 97
		} else {
			r = (r*100 + int(c-'A') + 10) % 97
		}
	}
	return r
}

// iban is the pseudonym of an IBAN, in upper case without separators: of the same country,
// letters for letters and digits for digits, with its check digits.
func (c *Cleaner) iban(raw []byte) []byte {
	tweak := c.hash(ofRecord, "iban "+string(raw[:2]))
	out := bytes.Clone(raw)
	for range maxWalk {
		copy(out[4:], c.perm.text(ofRecord, tweak, string(out[4:]), plain))
		if !bytes.Equal(out[4:], raw[4:]) {
			break
		}
	}
	out[2], out[3] = '0', '0'
	check := 98 - mod97(out)
	out[2], out[3] = byte('0'+check/10), byte('0'+check%10)
	return out
}

// ibanAt reads the IBAN that begins at i in t, in groups or not.
func ibanAt(t []byte, i int) (n compact, ok bool) {
	if i+15 > len(t) || i > 0 && isAlnum(t[i-1]) || !isDigit(t[i+2]) || !isDigit(t[i+3]) {
		return n, false
	}
	length := ibanLengths[strings.ToUpper(string(t[i:i+2]))]
	if length == 0 {
		return n, false
	}
	buffer := make([]byte, 0, 34)
	j, gap := i, false
	for ; j < len(t) && len(buffer) < length; j++ {
		switch ch := t[j]; {
		case isAlnum(ch):
			buffer = append(buffer, upperByte(ch))
			gap = false
		case (ch == ' ' || ch == '-' || ch == '+') && !gap && len(buffer) >= 4:
			gap, n.dashed = true, true
		default:
			return n, false
		}
	}
	if len(buffer) < length || j < len(t) && isAlnum(t[j]) || mod97(buffer) != 1 {
		return n, false
	}
	n.start, n.end, n.text = i, j, buffer
	return n, true
}

func upperByte(c byte) byte {
	if 'a' <= c && c <= 'z' {
		return c - 'a' + 'A'
	}
	return c
}

// inPlaces writes the letters and digits of out into the places of those in raw, in the
// case that they have there.
func inPlaces(raw, out []byte) []byte {
	again := bytes.Clone(raw)
	k := 0
	for j, ch := range again {
		if !isAlnum(ch) || k == len(out) {
			continue
		}
		if again[j] = out[k]; 'a' <= ch && ch <= 'z' {
			again[j] = lowerByte(out[k])
		}
		k++
	}
	return again
}

// cardAt reads the number of a card that begins at i in t: digits, or groups of four, or of
// 4, 6 and 5 or 4. Groups behind it that are none of it are left.
func cardAt(t []byte, i int) (n compact, ok bool) {
	if i > 0 && (isAlnum(t[i-1]) || t[i-1] == '_' || t[i-1] == '.' && i > 1 && isDigit(t[i-2])) {
		return n, false
	}
	var buffer [20]byte
	d := buffer[:0]
	group, groups := 0, 0 // digits of the group under way; groups before it
	for j := i; j < len(t); j++ {
		if isDigit(t[j]) {
			if len(d) == cap(d)-1 {
				break
			}
			d, group = append(d, t[j]), group+1
			if j+1 < len(t) && (isAlnum(t[j+1]) || t[j+1] == '_') {
				continue
			}
			if isCard(d) && (groups == 0 || group <= 6) {
				n, ok = compact{start: i, end: j + 1, text: bytes.Clone(d), dashed: groups > 0}, true
			}
			continue
		}
		between := (t[j] == ' ' || t[j] == '-' || t[j] == '+') && j+1 < len(t) && isDigit(t[j+1])
		if !between || group != 4 && !(group == 6 && groups == 1) {
			break
		}
		group, groups = 0, groups+1
	}
	return n, ok
}
