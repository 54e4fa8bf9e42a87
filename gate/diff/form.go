package diff

import (
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// A Form is what the values of one volatile place have in common.
type Form struct {
	lo, hi  int // runes
	sorts   sort
	texts   []string // at most some
	values  int
	figures int  // characters of all values, while these are figures
	repeats bool // some value occurred twice
	spaced  bool // some value has a space or a line end in it
	short   bool // some value has fewer than minToken bytes
	stamps  bool // all values are times
	wordy   bool // some value reads as a word: letters alone, as words are written
	zeros   bool // some value begins with a zero that counts for nothing
	pattern uint64
	mixed   bool // figures and letters change places from value to value
	texted  map[uint64]struct{}

	messages int    // that values were added of, see Reach
	reaches  [2]int // those in which a value may reach further to the left, and to the right
	marked   int    // values that go on behind a mark
}

// Bounds of forms.
const (
	minToken  = 8  // bytes of what may be a token of any alphabet
	keptTexts = 64 // texts of a form that are kept as they are

	// How many values, all different and of one length, are no choice out of words, and
	// how many runes they have at the least.
	manyValues = 8
	leastDrawn = 4
)

func newForm(texts ...string) *Form {
	f := &Form{}
	for _, t := range texts {
		f.Add(t)
	}
	return f
}

// Add takes one more value.
func (f *Form) Add(text string) {
	text = Unescaped(text)
	l := utf8.RuneCountInString(text)
	if f.values == 0 || l < f.lo {
		f.lo = l
	}
	f.hi = max(f.hi, l)
	k := sortsOf(text)
	f.sorts |= k
	f.values++
	if f.texted == nil {
		f.texted = map[uint64]struct{}{}
	}
	h := gate.HashWord(text)
	if _, again := f.texted[h]; again {
		f.repeats = true
	}
	f.texted[h] = struct{}{}
	f.stamps = (f.stamps || f.values == 1) && IsStamp(text)
	f.spaced = f.spaced || k&space != 0
	f.short = f.short || len(text) < minToken
	f.wordy = f.wordy || isWordy(text, k)
	f.figures += l
	f.zeros = f.zeros || k == digit && l > 1 && text[0] == '0'
	if isMarked(text) {
		f.marked++
	}
	p := patternOf(text)
	f.mixed = f.mixed || f.values > 1 && p != f.pattern
	f.pattern = p
	if len(f.texts) < keptTexts && !slices.Contains(f.texts, text) {
		f.texts = append(f.texts, text)
	}
}

// Reach notes of one message whose values were added that what stands beside them, to the left
// or to the right, is written as they are, and equal in all replays: by chance, or since it is
// a constant.
func (f *Form) Reach(left, right bool) {
	f.messages++
	if left {
		f.reaches[0]++
	}
	if right {
		f.reaches[1]++
	}
}

// mostReaches is of how many messages it may be chance that values begin, or end, alike in all
// replays: of one in some thousand tokens of base64. Over any other mark that is so where most
// values have one within them, as passwords of a word, a mark and a number: then what stands
// behind the mark is part of the value, and of few figures.
func (f *Form) mostReaches(over bool) int {
	most := max(1, f.messages/50)
	if over {
		if 2*f.marked < f.values {
			return -1
		}
		most = max(1, f.messages/3)
	}
	return most * min(f.messages-1, 1)
}

// isMarked reports whether text goes on behind a mark: "kolibri;40".
func isMarked(text string) bool {
	i := strings.IndexAny(text, joining)
	return i > 0 && strings.Trim(text[i:], joining) != ""
}

// patternOf says where in text figures stand, by its first 64 bytes.
func patternOf(text string) (p uint64) {
	for i := 0; i < min(len(text), 64); i++ {
		if '0' <= text[i] && text[i] <= '9' {
			p |= 1 << i
		}
	}
	return p
}

// longestWord is how many letters may still be a word.
const longestWord = 15

// isWordy reports whether text, which has characters of sorts k, is written as words are.
func isWordy(text string, k sort) bool {
	if k&^(lower|upper) != 0 || len(text) > longestWord {
		return false
	}
	_, size := utf8.DecodeRuneInString(text)
	return k&upper == 0 || k&lower == 0 || sortsOf(text[size:])&upper == 0
}

// Unescaped returns text without the escapes of URLs (RFC 3986, 2.1): in a path or a cookie a
// value has some, where by chance it has a character that needs one, and elsewhere it has none.
// Text that has a percent sign of its own is returned as it is: what stands behind it is then
// seldom the code of a character that needs an escape, and is in its place.
func Unescaped(text string) string {
	if strings.IndexByte(text, '%') < 0 {
		return text
	}
	plain, err := url.PathUnescape(text)
	if err != nil || !utf8.ValidString(plain) {
		return text
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			continue
		}
		code, _ := strconv.ParseUint(text[i+1:i+3], 16, 8) // PathUnescape has read it
		c, outermost := byte(code), i == 0 || i+3 == len(text)
		if c < ' ' || c == 0x7F || isUnreserved(c) || outermost && (c == ' ' || c == '@') {
			return text
		}
		i += 2
	}
	return plain
}

// isUnreserved reports whether no URL needs c escaped, and none should have it so (RFC 3986, 2.3).
func isUnreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// Fresh reports whether no value occurred twice.
func (f *Form) Fresh() bool { return f.values > 1 && !f.repeats }

// token reports whether the values are tokens: of any characters that base64, its
// alphabet for URLs, or hexadecimal have, as chance gives them.
func (f *Form) token() bool {
	if f.drawn() {
		return true
	}
	if f.wordy {
		return false
	}
	return !f.spaced && !f.short && f.sorts&at == 0 && (f.sorts&digit != 0 && f.sorts&(lower|upper) != 0 || f.sorts&lower != 0 && f.sorts&upper != 0 || f.Fresh())
}

// Fits reports whether text, by its form alone, could be one more of the values.
func (f *Form) Fits(text string) bool { return f.fits(text, nil) }

// drawn reports whether the values are too many, and too different, to be a choice out of
// few: all of one length, and no two alike.
func (f *Form) drawn() bool {
	if !f.Fresh() || f.lo < leastDrawn || f.sorts&(space|at) != 0 {
		return false
	}
	if f.sorts&digit != 0 && f.sorts&(lower|upper) != 0 && f.mixed {
		return true
	}
	many := manyValues
	if !f.wordy {
		many /= 2
	}
	return f.values >= many && f.lo == f.hi
}

// fits reports whether text could be one more of the values: no longer and no shorter
// than they vary, of the same sorts of characters, and known where the values are a
// choice out of a few words.
func (f *Form) fits(text string, known func(string) bool) bool {
	text = Unescaped(text)
	if slices.Contains(f.texts, text) {
		return true
	}
	if f.stamps {
		return IsStamp(text)
	}
	if f.drawn() && f.lo >= longDrawn && readsDrawn(text) {
		return true
	}
	l := utf8.RuneCountInString(text)
	less, more := f.slack()
	if l < f.lo-less || l > f.hi+more {
		return false
	}
	mine := sortsOf(text)
	sorts := f.sorts
	if sorts == digit && f.Fresh() && math.Pow(figuresInHex, float64(f.figures)) > mostChance && isHex(text) {
		return true // so far no letter came
	}
	if f.token() {
		if !inToken(text) {
			return mine&^sorts == 0 && (mine&digit != 0 || f.drawn())
		}
		sorts |= digit | mark
		if sorts&lower != 0 && sorts&upper != 0 || !f.Fresh() {
			sorts |= lower | upper
		}
	}
	if mine&^sorts != 0 {
		return false
	}
	return mine&digit != 0 || f.token() && f.Fresh() || known != nil && known(text)
}

// longDrawn is how many letters and digits a value has that nobody else's equals, however it is
// spelled: a release may write its tokens in another alphabet.
const longDrawn = 20

// readsDrawn reports whether text is as long as that, and its letters and digits stand as chance
// has them.
func readsDrawn(text string) bool {
	changes := 0
	for i := 1; i < len(text); i++ {
		if sortsOf(text[i-1:i]) != sortsOf(text[i:i+1]) {
			changes++
		}
	}
	sorts := sortsOf(text)
	return len(text) >= longDrawn && inToken(text) && sorts&digit != 0 && sorts&(lower|upper) != 0 && changes >= len(text)/4
}

// Chances of what values drawn at random are.
const (
	figuresInHex = 10. / 16 // that a hexadecimal digit is a figure
	mostChance   = 5e-3     // what is less likely is none of chance
	mostDropped  = 5        // figures that numbers lack for the zeros before or behind them: one in 10^5
)

// slack is by how many characters another value may be shorter, and longer, than those that
// were seen. Numbers lack their leading zeros, and fractions those behind them.
func (f *Form) slack() (less, more int) {
	less = max(1, f.hi-f.lo)
	more = less
	switch {
	case f.sorts == digit && f.zeros && f.lo == f.hi: // of one length, zeros and all
	case f.sorts == digit && f.Fresh():
		less = max(less, mostDropped)
		if f.lo > minToken {
			more = max(more, mostDropped) // zeros behind the point count for no digit
		}
	case f.token():
		less, more = max(less, f.lo/4, base64Step), max(more, f.lo/4, base64Step)
	}
	if f.sorts&^(digit|lower|upper|mark) == 0 && f.lo > 0 {
		less = min(less, f.lo-1)
	}
	return less, more
}

// base64Step is how many characters of base64 one byte more may be.
const base64Step = 4

// isHex reports whether all of s is hexadecimal digits, in one case.
func isHex(s string) bool {
	return s != "" && (strings.Trim(s, "0123456789abcdef") == "" || strings.Trim(s, "0123456789ABCDEF") == "")
}

// inToken reports whether all of s is of the characters of tokens.
func inToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("+/=_-.~", c) >= 0) {
			return false
		}
	}
	return true
}

// sort is a set of sorts of characters.
type sort uint8

const (
	digit sort = 1 << iota
	lower
	upper
	mark
	space
	at
)

func sortsOf(s string) (k sort) {
	for _, c := range s {
		switch {
		case c == '@':
			k |= at
		case unicode.IsDigit(c):
			k |= digit
		case unicode.IsUpper(c):
			k |= upper
		case unicode.IsLetter(c):
			k |= lower
		case unicode.IsSpace(c):
			k |= space
		default:
			k |= mark
		}
	}
	return k
}
