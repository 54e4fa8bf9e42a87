package pseudonym

import "strings"

// Bounds of telephone numbers, in digits: those of a national number that is taken
// for one, and E.164's.
const (
	leastNumber = 7
	mostNumber  = 15
)

// A number is a telephone number as it stands in text.
type number struct {
	start, end int // in the text, from its first sign to its last digit
	buffer     [24]byte
	count      int // of digits
	national   int // index in digits at which the national significant number begins
}

// digits are those of the number, without separators.
func (n *number) digits() []byte { return n.buffer[:n.count] }

// callingCode is how many digits the country calling code has that d begins with
// (ITU-T E.164, list of assigned codes).
func callingCode(d []byte) int {
	if len(d) < 3 {
		return len(d)
	}
	switch d[0] {
	case '1', '7':
		return 1
	case '0':
		return 0
	}
	two := string(d[:2])
	if strings.Contains(" 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98 ", " "+two+" ") {
		return 2
	}
	return 3
}

// separator reports whether c may stand between the digits of a number.
func separator(c byte) bool {
	return c == ' ' || c == '-' || c == '.' || c == '(' || c == ')' || c == '/'
}

// numberAt reads the telephone number that begins at i in t, at a digit, "+" or
// "(". known says that nothing but numbers stands there, so that the bare digits
// are one. ok is false where it is none; n is where to read on.
func numberAt(t []byte, i int, known bool, num *number) (n int, ok bool) {
	*num = number{start: i}
	var groups [16]struct{ digits, before int } // digits in it; separators before it
	d := num.buffer[:0]
	g, plus, gap, dots := -1, false, 0, 0
	if t[i] == '+' {
		plus = true
		i++
	}
	j := i
scan:
	for ; j < len(t); j++ {
		switch ch := t[j]; {
		case '0' <= ch && ch <= '9':
			if len(d) == len(num.buffer) {
				return j, false
			}
			if gap > 0 || g < 0 {
				if g++; g == len(groups) {
					return j, false
				}
				groups[g].before = gap
			}
			groups[g].digits++
			d = append(d, ch)
			num.end, gap = j+1, 0
		case separator(ch), ch == '+' && len(d) > 0 && gap == 0: // "+" is a space in a form
			if ch == '.' {
				dots++
			}
			if gap++; gap > 3 || ch == '/' && g < 0 {
				break scan
			}
		default:
			break scan
		}
	}
	n = max(num.end, num.start+1)
	num.count = len(d)
	if num.end < len(t) && (isAlnum(t[num.end]) || t[num.end] == '_' || t[num.end] == ':' || t[num.end] == '@') || len(d) < leastNumber {
		return n, false
	}
	switch {
	case plus:
		num.national = callingCode(d)
		return n, len(d) >= 8 && len(d) <= mostNumber && num.national > 0
	case len(d) >= 10 && len(d) <= mostNumber+2 && d[0] == '0' && d[1] == '0' && (g > 0 || known):
		num.national = 2 + callingCode(d[2:])
		return n, num.national > 2
	}
	lens := func(want ...int) bool {
		if g+1 != len(want) {
			return false
		}
		for k, w := range want {
			if groups[k].digits != w {
				return false
			}
		}
		return true
	}
	switch {
	case len(d) == 11 && (d[0] == '1' || d[0] == '8') && (known || lens(1, 3, 3, 4) || d[0] == '8' && lens(1, 3, 3, 2, 2)):
		num.national = 1
		return n, true
	case len(d) == 10 && lens(3, 3, 4) && d[0] >= '2' && d[3] >= '2':
		return n, true
	case d[0] == '0' && len(d) >= 9 && len(d) <= 13 && g > 0 && !(dots >= 3 && g == 3) && !lens(2, 2, 4) && !lens(2, 2, 4, 2) && !lens(2, 2, 2, 2, 2, 2) &&
		!(dots == 0 && lens(2, 2, 2, 2)):
		return n, true
	}
	return n, known && len(d) <= mostNumber
}

// number is the pseudonym of the digits of a telephone number whose national number
// begins at an index. The calling code stays, and so do zeros before the national
// number, and the first digits of it, by which networks and ranges are told apart:
// three of nine or more, two of fewer. All others are permuted, so that no two
// numbers become one, and in every format a number's pseudonym is the same.
//
// What it gives may not be changed.
func (c *Cleaner) number(digits []byte, national int) []byte {
	key := append(append(make([]byte, 0, 32), byte(national)), digits...)
	if k := c.numbers.get(key); k != nil {
		return k.pseudonym
	}
	out := c.permutedNumber(digits, national)
	c.numbers.put(string(key), newKnown(string(digits), string(out)))
	return out
}

func (c *Cleaner) permutedNumber(digits []byte, national int) []byte {
	out := append([]byte(nil), digits...)
	for national < len(out) && out[national] == '0' {
		national++
	}
	kept := 3
	if len(out)-national < 9 {
		kept = 2
	}
	if len(out)-national <= kept {
		kept = 0
	}
	prefix := string(out[national : national+kept])
	rest := out[national+kept:]
	var buffer [24]symbol
	list := buffer[:0]
	for _, d := range rest {
		list = append(list, symbol{uint32(d - '0'), 10})
	}
	c.perm.permute(ofNumber, c.hash(ofNumber, prefix), list)
	for i := range rest {
		rest[i] = byte('0' + list[i].value)
	}
	return out
}

// inFormat writes digits into the places of those in raw.
func inFormat(raw []byte, digits []byte) []byte {
	out := append([]byte(nil), raw...)
	i := 0
	for j, ch := range out {
		if '0' <= ch && ch <= '9' && i < len(digits) {
			out[j] = digits[i]
			i++
		}
	}
	return out
}

// zeros are those of other scripts whose digits are used in numbers.
var zeros = []rune("٠۰०০੦૦௦౦೦൦๐໐၀០０")

// otherSigns are signs of telephone numbers in other scripts, and those that they stand for.
var otherSigns = strings.NewReplacer("＋", "+", "−", "-", "－", "-", "‐", "-", "–", "-", "（", "(", "）", ")", "\u3000", " ", "\u00a0", " ", "\u200e", "", "\u200f", "")

// otherDigits is the pseudonym of a telephone number in digits of another script: that of the
// same number in those of ASCII. false: it is none.
func (w *item) otherDigits(value []byte) ([]byte, bool) {
	if isASCII(value) {
		return nil, false
	}
	var zero rune
	plain := strings.Map(func(r rune) rune {
		for _, z := range zeros {
			if z <= r && r < z+10 {
				zero = z
				return '0' + r - z
			}
		}
		return r
	}, string(value))
	if zero == 0 {
		return nil, false
	}
	plain = otherSigns.Replace(plain)
	replaced := w.text([]byte(plain), manner{number: true})
	if string(replaced) == plain {
		return nil, false
	}
	var digits []byte
	for _, c := range replaced {
		if isDigit(c) {
			digits = append(digits, c)
		}
	}
	n := 0
	out := strings.Map(func(r rune) rune {
		for _, z := range append(zeros, '0') {
			if z <= r && r < z+10 && n < len(digits) {
				n++
				return z + rune(digits[n-1]-'0')
			}
		}
		return r
	}, string(value))
	w.exactly(string(value), out)
	return []byte(out), true
}
