package pseudonym

import "math/bits"

// Classes of bytes for the search of what is coded. Those above openClass are of words
// that may be base64 or hexadecimal.
const (
	openClass  = 1 << iota // "("
	digitClass             // 0 to 9
	wordClass              // letters, "-" and "_"
	slashClass             // "/"
	plusClass              // "+"
)

var classes = func() (table [256]uint8) {
	for c := range table {
		switch b := byte(c); {
		case isDigit(b):
			table[c] = digitClass
		case isAlnum(b) || b == '_' || b == '-':
			table[c] = wordClass
		}
	}
	table['('], table['/'], table['+'] = openClass, slashClass, plusClass
	return table
}()

// Lanes of the table by which many bytes are classed at once: of each byte, the lowest
// bit of each lane that it is in.
const (
	laneBits  = 16
	wordLane  = 0 * laneBits // classes above openClass
	numLane   = 1 * laneBits // digits, and what may stand between them
	digitLane = 2 * laneBits
	innerLane = 3 * laneBits // bytes behind which no number begins
	laneMask  = 1<<laneBits - 1
)

var lanes = func() (table [256]uint64) {
	for c := range table {
		b := byte(c)
		set := func(lane int, in bool) {
			if in {
				table[c] |= 1 << lane
			}
		}
		set(wordLane, classes[c] > openClass)
		set(numLane, isDigit(b) || separator(b) || b == '+')
		set(digitLane, isDigit(b))
		set(innerLane, isAlnum(b) || b == '_' || b == '-' || b == '.')
	}
	return table
}()

// nextCoded gives the first place from i on where something may be coded: where a
// word begins that may be base64, hexadecimal or a digest, or, if there are to be
// numbers, a word in which or behind which a telephone number may begin, or the sign
// before it. It never passes one, and gives some that are none; len(t) where there is
// no more. No word may be under way at i.
//
// Sixteen bytes are classed at once, without branches.
func nextCoded(t []byte, i int, numbers bool) int {
	var all uint64
	if numbers {
		all = ^uint64(0)
	}
	from := i
	// What the eight bytes before the block were: of words; of numbers; digits at
	// which a number may begin; and whether none may begin at the block.
	var word, num, begin, inner uint64
	var last [laneBits]byte
	for ; i < len(t); i += laneBits {
		var b *[laneBits]byte
		if len(t)-i >= laneBits {
			b = (*[laneBits]byte)(t[i:])
		} else {
			copy(last[:], t[i:])
			b = &last
		}
		m := lanes[b[0]] | lanes[b[1]]<<1 | lanes[b[2]]<<2 | lanes[b[3]]<<3 |
			lanes[b[4]]<<4 | lanes[b[5]]<<5 | lanes[b[6]]<<6 | lanes[b[7]]<<7 |
			lanes[b[8]]<<8 | lanes[b[9]]<<9 | lanes[b[10]]<<10 | lanes[b[11]]<<11 |
			lanes[b[12]]<<12 | lanes[b[13]]<<13 | lanes[b[14]]<<14 | lanes[b[15]]<<15

		behind := m>>innerLane<<1 | inner
		inner = m >> (innerLane + laneBits - 1)

		// The eight bytes before and the block, the first lowest.
		word = word>>laneBits | m>>wordLane&laneMask<<leastCoded
		num = num>>laneBits | m>>numLane&laneMask<<leastCoded
		begin = begin>>laneBits | m>>digitLane&^behind&laneMask<<leastCoded

		dense := num & (num >> 1)
		dense &= dense >> 2
		dense &= dense >> 3 // leastNumber in a row from here
		number := begin & dense & all

		long := word & (word >> 1)
		long &= long >> 2
		long &= long >> 4 // leastCoded in a row from here
		if long&1 != 0 {
			long &= long + 1 // a word that the block before has told
		}
		for ; long != 0; long &= long + long&-long {
			k := bits.TrailingZeros64(long)
			if k > bits.TrailingZeros64(number) {
				break
			}
			at, length := i-leastCoded+k, bits.TrailingZeros64(^(word >> k))
			if k+length >= leastCoded+laneBits {
				length = wordEnd(t, at+length) - at
			}
			if mayBeCoded(t[at : at+length]) {
				return at
			}
		}
		if number != 0 {
			at := i - leastCoded + bits.TrailingZeros64(number)
			for at > from && classes[t[at-1]] > openClass {
				at--
			}
			if at > from && classes[t[at-1]] == openClass {
				at--
			}
			return at
		}
	}
	return len(t)
}

// wordEnd is where the word ends that goes on at i.
func wordEnd(t []byte, i int) int {
	for i < len(t) && classes[t[i]] > openClass {
		i++
	}
	return i
}

// mayBeCoded reports whether a word of leastCoded bytes or more may be base64 of text,
// of gzip or of a digest, or hexadecimal. It says no to most words of prose, and yes to
// those with a sign in front, which may be none of the word.
func mayBeCoded(word []byte) bool {
	return likelyText(word) || len(word) == 22 || len(word) == 27 || len(word) == 43 || // of base64 of digests
		word[0] == '+' || word[0] == 'H' && word[1] == '4' || isHex(word[0]) && isHex(word[1]) && isHex(word[2]) && isHex(word[3])
}
