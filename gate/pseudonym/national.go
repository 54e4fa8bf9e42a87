package pseudonym

import (
	"bytes"
	"strings"
)

// A national number is one by which a state, or its health insurance, knows a person.
type national struct {
	name   string   // country, and what it is called there
	shapes []string // how it is written: 9 is a digit, A a letter; none: in fields that are called so alone
	length int      // of it without separators
	keep   int      // how many places at its start stay: a region, a century
	check  []int    // places of its check characters, without separators
	fix    func(d []byte) bool
	when   func(d []byte) bool // what else holds of it; nil is nothing
}

// Dates in numbers, as places of their two digits.

func dayMonth(day, month int) func(d []byte) bool {
	return func(d []byte) bool { return isDay(num(d[day:day+2])) && isMonth(num(d[month:month+2])) }
}

func isDay(n int) bool   { return 1 <= n && n <= 31 }
func isMonth(n int) bool { return 1 <= n && n <= 12 }

// weighted is the sum of digits times weights, place by place.
func weighted(d []byte, weights ...int) (sum int) {
	for i, w := range weights {
		sum += w * int(d[i]-'0')
	}
	return sum
}

// put writes the check digit n at i; false: it is none of one digit.
func put(d []byte, i, n int) bool {
	if n < 0 || n > 9 {
		return false
	}
	d[i] = byte('0' + n)
	return true
}

// last is a fix that writes the last digit by Luhn over the digits from a place on.
func luhnFrom(from int) func(d []byte) bool {
	return func(d []byte) bool {
		d[len(d)-1] = '0'
		return put(d, len(d)-1, (10-luhnSum(d[from:])%10)%10)
	}
}

// mod11 is a fix that writes the digit at a place: eleven less the weighted sum modulo it.
func mod11(at int, ten int, weights ...int) func(d []byte) bool {
	return func(d []byte) bool {
		n := (11 - weighted(d, weights...)%11) % 11
		if n == 10 {
			n = ten
		}
		return put(d, at, n)
	}
}

func number64(d []byte) (n int64) {
	for _, c := range d {
		n = n*10 + int64(c-'0')
	}
	return n
}

const (
	lettersES = "TRWAGMYFPDXBNJZSQVHLCKE"
	lettersFI = "0123456789ABCDEFHJKLMNPRSTUVWXY"
	lettersIE = "WABCDEFGHIJKLMNOPQRSTUV"
	lettersCN = "10X98765432"
)

// nationals are told from other numbers in text by their shapes, check digits and dates,
// and where they have no shape here by the names of fields. The rules are those of
// ISO/IEC 7064, of Wikipedia's "National identification number" and of python-stdnum.
var nationals = []national{
	{name: "US social security number", shapes: []string{"999-99-9999"}, length: 9, when: func(d []byte) bool {
		area := num(d[:3])
		return area != 0 && area != 666 && num(d[3:5]) != 0 && num(d[5:]) != 0
	}},
	{name: "CA social insurance number", shapes: []string{"999-999-999", "999 999 999"}, length: 9, check: []int{8}, fix: luhnFrom(0)},
	{name: "AU tax file number", shapes: []string{"999 999 999"}, length: 9, check: []int{8}, fix: func(d []byte) bool {
		return put(d, 8, weighted(d, 1, 4, 3, 7, 5, 8, 6, 9)%11)
	}},
	{name: "AU Medicare", shapes: []string{"9999 99999 9"}, length: 10, check: []int{8}, fix: func(d []byte) bool {
		return put(d, 8, weighted(d, 1, 3, 7, 9, 1, 3, 7, 9)%10)
	}, when: func(d []byte) bool { return d[0] >= '2' && d[0] <= '6' }},
	{name: "GB National Insurance number", shapes: []string{"AA999999A", "AA 99 99 99 A", "AA 999999 A"}, length: 9, when: func(d []byte) bool {
		return strings.IndexByte("DFIQUV", d[0]) < 0 && strings.IndexByte("DFIQUVO", d[1]) < 0 && d[8] >= 'A' && d[8] <= 'D'
	}},
	{name: "GB NHS number", length: 10, check: []int{9}, fix: mod11(9, -1, 10, 9, 8, 7, 6, 5, 4, 3, 2)},
	{name: "FR NIR", shapes: []string{"999999999999999", "9 99 99 99 999 999 99"}, length: 15, keep: 1, check: []int{13, 14}, fix: func(d []byte) bool {
		n := int(97 - number64(d[:13])%97)
		return put(d, 13, n/10) && put(d, 14, n%10)
	}, when: func(d []byte) bool { return (d[0] == '1' || d[0] == '2') && isMonth(num(d[3:5])) }},
	{name: "ES DNI", shapes: []string{"99999999A", "99999999-A"}, length: 9, check: []int{8}, fix: func(d []byte) bool {
		d[8] = lettersES[num(d[:8])%23]
		return true
	}},
	{name: "ES NIE", shapes: []string{"A9999999A", "A-9999999-A", "A9999999-A"}, length: 9, keep: 1, check: []int{8}, fix: func(d []byte) bool {
		if d[0] < 'X' || d[0] > 'Z' {
			return false
		}
		d[8] = lettersES[(int(d[0]-'X')*10_000_000+num(d[1:8]))%23]
		return true
	}},
	{name: "SG NRIC", shapes: []string{"A9999999A"}, length: 9, keep: 1, check: []int{8}, fix: fixSG},
	{name: "IT codice fiscale", shapes: []string{"AAAAAA99A99A999A"}, length: 16, check: []int{15}, fix: fixIT, when: func(d []byte) bool {
		day := num(d[9:11])
		return strings.IndexByte("ABCDEHLMPRST", d[8]) >= 0 && (isDay(day) || isDay(day-40))
	}},
	{name: "NL BSN", length: 9, check: []int{8}, fix: func(d []byte) bool { return put(d, 8, weighted(d, 9, 8, 7, 6, 5, 4, 3, 2)%11) }},
	{name: "DE Steuer-ID", shapes: []string{"99 999 999 999"}, length: 11, check: []int{10}, fix: fixDE, when: func(d []byte) bool { return d[0] != '0' }},
	{name: "BE national number", shapes: []string{"99.99.99-999.99", "99999999999"}, length: 11, check: []int{9, 10}, fix: func(d []byte) bool {
		n := int(97 - number64(d[:9])%97)
		return put(d, 9, n/10) && put(d, 10, n%10)
	}, when: dayMonth(4, 2)},
	{name: "SE personnummer", shapes: []string{"999999-9999"}, length: 10, check: []int{9}, fix: luhnFrom(0), when: dayMonth(4, 2)},
	{name: "SE personnummer", shapes: []string{"99999999-9999", "999999999999"}, length: 12, keep: 2, check: []int{11}, fix: luhnFrom(2), when: func(d []byte) bool {
		return (num(d[:2]) == 19 || num(d[:2]) == 20) && dayMonth(6, 4)(d)
	}},
	{name: "NO fødselsnummer", shapes: []string{"99999999999", "999999 99999"}, length: 11, check: []int{9, 10}, fix: func(d []byte) bool {
		return mod11(9, -1, 3, 7, 6, 1, 8, 9, 4, 5, 2)(d) && mod11(10, -1, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)(d)
	}, when: dayMonth(0, 2)},
	{name: "FI henkilötunnus", shapes: []string{"999999-9999", "999999-999A"}, length: 10, check: []int{9}, fix: func(d []byte) bool {
		d[9] = lettersFI[num(d[:9])%31]
		return true
	}, when: dayMonth(0, 2)},
	{name: "FI henkilötunnus", shapes: []string{"999999A9999", "999999A999A"}, length: 11, check: []int{6, 10}, fix: func(d []byte) bool {
		d[6] = 'A' // born since 2000
		d[10] = lettersFI[(num(d[:6])*1000+num(d[7:10]))%31]
		return true
	}, when: dayMonth(0, 2)},
	{name: "IS kennitala", shapes: []string{"999999-9999"}, length: 10, check: []int{8}, fix: mod11(8, -1, 3, 2, 7, 6, 5, 4, 3, 2), when: dayMonth(0, 2)},
	{name: "PL PESEL", shapes: []string{"99999999999"}, length: 11, check: []int{10}, fix: func(d []byte) bool {
		return put(d, 10, (10-weighted(d, 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10)
	}, when: func(d []byte) bool { return isMonth(num(d[2:4])%20) && isDay(num(d[4:6])) }},
	{name: "CZ and SK rodné číslo", shapes: []string{"999999/9999"}, length: 10, check: []int{9}, fix: func(d []byte) bool {
		return put(d, 9, num(d[:9])%11%10)
	}, when: func(d []byte) bool {
		m := num(d[2:4])
		return (isMonth(m) || isMonth(m-50) || isMonth(m-20) || isMonth(m-70)) && isDay(num(d[4:6]))
	}},
	{name: "CH AHV", shapes: []string{"999.9999.9999.99", "9999999999999"}, length: 13, keep: 3, check: []int{12}, fix: func(d []byte) bool {
		return put(d, 12, (10-weighted(d, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3)%10)%10)
	}, when: func(d []byte) bool { return num(d[:3]) == 756 }},
	{name: "AT Sozialversicherungsnummer", shapes: []string{"9999 999999"}, length: 10, check: []int{3}, fix: func(d []byte) bool {
		d[3] = '0'
		return put(d, 3, weighted(d, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11)
	}, when: dayMonth(4, 6)},
	{name: "BR CPF", shapes: []string{"999.999.999-99", "99999999999"}, length: 11, check: []int{9, 10}, fix: func(d []byte) bool {
		return mod11(9, 0, 10, 9, 8, 7, 6, 5, 4, 3, 2)(d) && mod11(10, 0, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)(d)
	}, when: func(d []byte) bool { return bytes.Count(d, d[:1]) < len(d) }},
	{name: "RO CNP", shapes: []string{"9999999999999"}, length: 13, keep: 1, check: []int{12}, fix: func(d []byte) bool {
		n := weighted(d, 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
		return put(d, 12, min(n, 10)%10+n/10)
	}, when: func(d []byte) bool { return d[0] != '0' && dayMonth(5, 3)(d) && num(d[7:9]) <= 52 }},
	{name: "JMBG and EMŠO", shapes: []string{"9999999999999"}, length: 13, check: []int{12}, fix: mod11(12, -1, 7, 6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), when: func(d []byte) bool {
		return dayMonth(0, 2)(d) && (d[4] == '9' || d[4] == '0')
	}},
	{name: "ZA identity number", shapes: []string{"9999999999999"}, length: 13, check: []int{12}, fix: luhnFrom(0), when: func(d []byte) bool {
		return dayMonth(4, 2)(d) && (d[10] == '0' || d[10] == '1') && (d[11] == '8' || d[11] == '9')
	}},
	{name: "EE isikukood and LT asmens kodas", shapes: []string{"99999999999"}, length: 11, keep: 1, check: []int{10}, fix: func(d []byte) bool {
		n := weighted(d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
		if n == 10 {
			n = weighted(d, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
		}
		return put(d, 10, n)
	}, when: func(d []byte) bool { return d[0] >= '1' && d[0] <= '8' && dayMonth(5, 3)(d) }},
	{name: "LV personas kods", shapes: []string{"999999-99999"}, length: 11, check: []int{10}, fix: func(d []byte) bool {
		return put(d, 10, (1101-weighted(d, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2))%11%10)
	}, when: dayMonth(0, 2)},
	{name: "GR AMKA", shapes: []string{"99999999999"}, length: 11, check: []int{10}, fix: luhnFrom(0), when: dayMonth(0, 2)},
	{name: "TR kimlik no", shapes: []string{"99999999999"}, length: 11, check: []int{9, 10}, fix: func(d []byte) bool {
		odd, even := weighted(d, 1, 0, 1, 0, 1, 0, 1, 0, 1), weighted(d, 0, 1, 0, 1, 0, 1, 0, 1)
		return put(d, 9, ((odd*7-even)%10+10)%10) && put(d, 10, (odd+even+int(d[9]-'0'))%10)
	}, when: func(d []byte) bool { return d[0] != '0' }},
	{name: "IE PPS number", shapes: []string{"9999999A", "9999999AA"}, length: 8, check: []int{7}, fix: func(d []byte) bool {
		d[7] = lettersIE[weighted(d, 8, 7, 6, 5, 4, 3, 2)%23]
		return true
	}},
	{name: "IN Aadhaar", shapes: []string{"9999 9999 9999"}, length: 12, check: []int{11}, fix: fixVerhoeff, when: func(d []byte) bool { return d[0] >= '2' }},
	{name: "IN PAN", shapes: []string{"AAAAA9999A"}, length: 10, when: func(d []byte) bool { return d[3] == 'P' }},
	{name: "CN resident identity number", shapes: []string{"999999999999999999", "99999999999999999A"}, length: 18, keep: 8, check: []int{17}, fix: func(d []byte) bool {
		d[17] = lettersCN[weighted(d, 7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)%11]
		return true
	}, when: func(d []byte) bool { return (num(d[6:8]) == 19 || num(d[6:8]) == 20) && dayMonth(12, 10)(d) }},
	{name: "KR resident registration number", shapes: []string{"999999-9999999"}, length: 13, check: []int{12}, fix: func(d []byte) bool {
		return put(d, 12, (11-weighted(d, 2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)%11)%10)
	}, when: dayMonth(4, 2)},
	{name: "TW identity number", shapes: []string{"A999999999"}, length: 10, keep: 2, check: []int{9}, fix: fixTW},
	{name: "HK identity card", shapes: []string{"A999999(9", "A999999(A"}, length: 8, check: []int{7}, fix: func(d []byte) bool {
		n := (11 - (36*9+int(d[0]-'A'+10)*8+weighted(d[1:7], 7, 6, 5, 4, 3, 2))%11) % 11
		if n == 10 {
			d[7] = 'A'
			return true
		}
		return put(d, 7, n)
	}},
	{name: "MY identity card", shapes: []string{"999999-99-9999"}, length: 12, when: dayMonth(4, 2)},
	{name: "TH identity number", shapes: []string{"9-9999-99999-99-9", "9 9999 99999 99 9"}, length: 13, check: []int{12}, fix: func(d []byte) bool {
		return put(d, 12, (11-weighted(d, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10)
	}},
	{name: "AE Emirates ID", shapes: []string{"999-9999-9999999-9"}, length: 15, keep: 3, check: []int{14}, fix: luhnFrom(0), when: func(d []byte) bool { return num(d[:3]) == 784 }},
	{name: "MX CURP", shapes: []string{"AAAA999999AAAAAA99", "AAAA999999AAAAAAA9"}, length: 18, check: []int{10, 17}, fix: fixMX, when: dayMonth(8, 6)},
	{name: "AR CUIL", shapes: []string{"99-99999999-9"}, length: 11, keep: 2, check: []int{10}, fix: mod11(10, -1, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2), when: func(d []byte) bool { return d[0] == '2' }},
	{name: "CL RUT", shapes: []string{"99.999.999-9", "99.999.999-A", "9.999.999-9", "9.999.999-A"}, check: []int{-1}, fix: fixCL},
	{name: "RU SNILS", shapes: []string{"999-999-999 99", "999-999-999-99"}, length: 11, check: []int{9, 10}, fix: func(d []byte) bool {
		n := weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, 1) % 101 % 100
		return put(d, 9, n/10) && put(d, 10, n%10)
	}},
	{name: "KZ IIN", shapes: []string{"999999999999"}, length: 12, check: []int{11}, fix: func(d []byte) bool {
		n := weighted(d, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11) % 11
		if n == 10 {
			n = weighted(d, 3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2) % 11
		}
		return put(d, 11, n)
	}, when: func(d []byte) bool { return dayMonth(4, 2)(d) && d[6] >= '1' && d[6] <= '6' }},
	{name: "DK CPR", shapes: []string{"999999-9999"}, length: 10, when: dayMonth(0, 2)},
}

// fixDE is by ISO/IEC 7064, MOD 11,10.
func fixDE(d []byte) bool {
	p := 10
	for _, c := range d[:10] {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return put(d, 10, (11-p)%10)
}

// fixIT is by the decree of 23 December 1976.
func fixIT(d []byte) bool {
	const odd = "BAKPLCQDREVOSFTGUHMINJWZYX"
	values := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := 0
	for i, c := range d[:15] {
		switch {
		case i%2 == 1 && isDigit(c):
			sum += int(c - '0')
		case i%2 == 1:
			sum += int(c - 'A')
		case isDigit(c):
			sum += values[c-'0']
		default:
			sum += strings.IndexByte(odd, c)
		}
	}
	d[15] = byte('A' + sum%26)
	return true
}

func fixSG(d []byte) bool {
	sum := weighted(d[1:8], 2, 7, 6, 5, 4, 3, 2)
	switch d[0] {
	case 'S':
		d[8] = "JZIHGFEDCBA"[sum%11]
	case 'T':
		d[8] = "JZIHGFEDCBA"[(sum+4)%11]
	case 'F':
		d[8] = "XWUTRQPNMLK"[sum%11]
	case 'G':
		d[8] = "XWUTRQPNMLK"[(sum+4)%11]
	default:
		return false
	}
	return true
}

func fixTW(d []byte) bool {
	const order = "ABCDEFGHJKLMNPQRSTUVXYWZIO" // their numbers, from 10
	n := strings.IndexByte(order, d[0]) + 10
	if d[1] != '1' && d[1] != '2' && d[1] != '8' && d[1] != '9' {
		return false
	}
	return put(d, 9, (10-(n/10+n%10*9+weighted(d[1:9], 8, 7, 6, 5, 4, 3, 2, 1))%10)%10)
}

func fixMX(d []byte) bool {
	if d[10] != 'H' && d[10] != 'M' && d[10] != 'X' {
		d[10] = 'H'
	}
	sum := 0
	for i, c := range d[:17] {
		v := int(c - '0')
		if !isDigit(c) {
			if v = int(c-'A') + 10; c > 'N' {
				v++ // behind Ñ
			}
		}
		sum += v * (18 - i)
	}
	return put(d, 17, (10-sum%10)%10)
}

func fixCL(d []byte) bool {
	sum, weight := 0, 2
	for i := len(d) - 2; i >= 0; i-- {
		if !isDigit(d[i]) {
			return false
		}
		sum += int(d[i]-'0') * weight
		if weight++; weight > 7 {
			weight = 2
		}
	}
	switch n := 11 - sum%11; n {
	case 11:
		d[len(d)-1] = '0'
	case 10:
		d[len(d)-1] = 'K'
	default:
		d[len(d)-1] = byte('0' + n)
	}
	return true
}

// fixVerhoeff is by Verhoeff, "Error Detecting Decimal Codes", 1969.
func fixVerhoeff(d []byte) bool {
	product := [10][10]byte{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 2, 3, 4, 0, 6, 7, 8, 9, 5}, {2, 3, 4, 0, 1, 7, 8, 9, 5, 6}, {3, 4, 0, 1, 2, 8, 9, 5, 6, 7}, {4, 0, 1, 2, 3, 9, 5, 6, 7, 8},
		{5, 9, 8, 7, 6, 0, 4, 3, 2, 1}, {6, 5, 9, 8, 7, 1, 0, 4, 3, 2}, {7, 6, 5, 9, 8, 2, 1, 0, 4, 3}, {8, 7, 6, 5, 9, 3, 2, 1, 0, 4}, {9, 8, 7, 6, 5, 4, 3, 2, 1, 0}}
	permuted := [8][10]byte{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {1, 5, 7, 6, 2, 8, 3, 0, 9, 4}, {5, 8, 0, 3, 7, 9, 6, 1, 4, 2}, {8, 9, 1, 6, 0, 4, 3, 5, 2, 7},
		{9, 4, 5, 3, 1, 2, 6, 8, 7, 0}, {4, 2, 8, 6, 5, 7, 3, 9, 0, 1}, {2, 7, 9, 3, 8, 0, 6, 4, 1, 5}, {7, 0, 4, 6, 9, 1, 3, 2, 5, 8}}
	inverse := [10]byte{0, 4, 3, 2, 1, 5, 6, 7, 8, 9}
	c := byte(0)
	for i := range len(d) - 1 {
		c = product[c][permuted[(i+1)%8][d[len(d)-2-i]-'0']]
	}
	return put(d, len(d)-1, int(inverse[c]))
}

// isChecked reports whether the character at i of d is a check character.
func (n *national) isChecked(d []byte, i int) bool {
	for _, at := range n.check {
		if at == i || at < 0 && i == len(d)+at {
			return true
		}
	}
	return false
}

// holds reports whether d, in upper case without separators, is such a number.
func (n *national) holds(d []byte) bool {
	if n.length > 0 && len(d) != n.length && n.name != "IE PPS number" {
		return false
	}
	return n.sound(d) && (n.when == nil || n.when(d))
}

// sound reports whether the check characters of d are right.
func (n *national) sound(d []byte) bool {
	if n.fix == nil {
		return true
	}
	var buffer [24]byte
	again := append(buffer[:0], d...)
	return n.fix(again) && bytes.Equal(again, d)
}

// maxNational bounds how often a permutation is applied again until its image is a number
// of that kind: dates in them are one of some thirty sequences of digits.
const maxNational = 8192

// national is the pseudonym of d: a number of the same kind, with its check characters.
func (c *Cleaner) national(n *national, d []byte) []byte {
	key := append(append(make([]byte, 0, 64), n.name...), d...)
	if k := c.nationals.get(key); k != nil {
		return k.pseudonym
	}
	out := c.walkedNational(n, d)
	c.nationals.put(string(key), newKnown(string(d), string(out)))
	return out
}

func (c *Cleaner) walkedNational(n *national, d []byte) []byte {
	out := bytes.Clone(d)
	var list []symbol
	var places []int
	for i := n.keep; i < len(d); i++ {
		if !n.isChecked(d, i) {
			places = append(places, i)
		}
	}
	tweak := c.hash(ofRecord, n.name+" "+string(d[:n.keep]))
	for range maxNational {
		list = list[:0]
		for _, i := range places {
			sym, _ := plain(rune(out[i]))
			list = append(list, sym)
		}
		c.perm.permute(ofRecord, tweak, list)
		for k, i := range places {
			out[i] = byte(letter(rune(out[i]), list[k].value, plain))
		}
		if (n.fix == nil || n.fix(out)) && (n.when == nil || n.when(out)) && !bytes.Equal(out, d) {
			return out
		}
	}
	return []byte(c.value(string(d)))
}

// byShape are the nationals by how they are written.
var byShape = func() map[string][]*national {
	out := make(map[string][]*national)
	for i := range nationals {
		for _, s := range nationals[i].shapes {
			out[s] = append(out[s], &nationals[i])
		}
	}
	return out
}()

// byLength are those that digits alone can be, in fields that are called so.
var byLength = func() map[int][]*national {
	out := make(map[int][]*national)
	for i := range nationals {
		if n := &nationals[i]; n.fix != nil && n.length > 0 {
			out[n.length] = append(out[n.length], n)
		}
	}
	return out
}()

// How many bytes the shortest and the longest shape have.
const (
	leastShape = 8
	maxShape   = 22
)

// nationalAt reads the national number that begins at i in t, the longest one.
func nationalAt(t []byte, i int) (found *national, num compact) {
	var shape, text [maxShape]byte
	n, k := 0, 0
	for j := i; j < len(t) && n < maxShape; j++ {
		switch ch := t[j]; {
		case isDigit(ch):
			shape[n], text[k] = '9', ch
			k++
		case isAlnum(ch):
			shape[n], text[k] = 'A', upperByte(ch)
			k++
		case (ch == ' ' || ch == '-' || ch == '.' || ch == '/' || ch == '(') && j > i && isAlnum(t[j-1]):
			shape[n] = ch
		case ch == '+' && j > i && isAlnum(t[j-1]): // a space in a form
			shape[n] = ' '
		default:
			return found, num
		}
		n++
		if n < leastShape || !isAlnum(t[j]) || j+1 < len(t) && (isAlnum(t[j+1]) || t[j+1] == '_') {
			continue
		}
		for _, kind := range byShape[string(shape[:n])] {
			if kind.holds(text[:k]) {
				found, num = kind, compact{start: i, end: j + 1, text: bytes.Clone(text[:k]), dashed: n > k}
				break
			}
		}
	}
	return found, num
}
