package pseudonym

import "unicode/utf8"

// wordsIn looks in t for two words of a full name that was learnt anywhere, and makes the
// words of it names of this item; and, where phrases are to be read, for words that say what
// follows them.
func (w *item) wordsIn(t []byte, phrases bool) {
	p := w.c.people
	filled := p.filled.Load()
	for i := 0; i < len(t); {
		if !isWordByte(t[i]) {
			i++
			continue
		}
		h, j := uint32(hashBegun), i
		foreign := false
		for ; j < len(t) && isWordByte(t[j]); j++ {
			h = (h ^ uint32(lowerByte(t[j]))) * hashPrime
			foreign = foreign || t[j] >= utf8.RuneSelf
		}
		if foreign {
			h = hashOf([]byte(foldName(t[i:j])))
		}
		if phrases && labelBits[h%pairBits/64]&(1<<(h%64)) != 0 {
			w.label(t, i, j)
		}
		if phrases && j < len(t) {
			w.formal(t, i, j)
		}
		if filled && p.first[h%pairBits/64].Load()&(1<<(h%64)) != 0 {
			if p.knows(t[i:j]) {
				w.word(t[i:j])
			}
			w.fullName(t, i, j)
		}
		if filled && foreign {
			w.foreignWords(t, i, j)
		}
		i = j
	}
}

// foreignWords is wordsIn for the words of t[i:j], which holds no other letters of ASCII than
// theirs: between them may stand signs beyond ASCII, and before them particles.
func (w *item) foreignWords(t []byte, i, j int) {
	p := w.c.people
	eachWordAt(t[:j], i, func(start, end int) {
		if hasUnspaced(t[start:end]) {
			w.within(t[start:end])
		}
		for _, from := range []int{start, start + particleIn(t[start:end])} {
			if (from > i || end < j) && p.mayBegin([]byte(foldName(t[from:end]))) {
				if p.knows(t[from:end]) {
					w.word(t[from:end])
				}
				w.fullName(t, from, end)
			}
		}
	})
}

func isWordByte(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c >= utf8.RuneSelf }

// fullName looks whether the word t[i:j] and the next one are of a full name.
func (w *item) fullName(t []byte, i, j int) {
	k := j
	for n := 0; n < 2; n++ { // an initial may stand between
		for gap := 0; k < len(t) && !isWordByte(t[k]) && gap < 3; gap++ {
			if isDigit(t[k]) || t[k] == '@' {
				return
			}
			k++
		}
		end := k
		for end < len(t) && isWordByte(t[end]) {
			end++
		}
		if !isASCII(t[k:end]) { // up to a sign beyond ASCII
			begun := false
			eachWordAt(t[:end], k, func(first, last int) {
				if !begun {
					begun, k, end = true, first, last
				}
			})
		}
		if end-k > 1 {
			if w.c.people.knows(t[i:j], t[k:end]) {
				w.word(t[i:j])
				w.word(t[k:end])
				if isCommon(foldName(t[i:j])) || isCommon(foldName(t[k:end])) {
					w.phraseOf(t[i:j], t[k:end])
				}
			}
			return
		}
		k = end
	}
}
