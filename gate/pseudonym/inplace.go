package pseudonym

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// nobodys are the common words of which a name in a field that is called so may be made where
// it is of no person.
var nobodys = set(`the for from via with behalf you your our not new inc ltd llc gmbh corp co company group team dept department office service services mail mailing list email http https www com net org
	undisclosed recipient recipients unknown user users member members customer customers`)

// titles stand before or behind a name, and stay.
var titles = set(`mr mrs ms miss dr prof sir herr frau jr sr phd md`)

// isNobody reports whether a common word, in lower case, names nobody in any field.
func isNobody(word string) bool { return nobodys[word] || isRole(word) }

// isLookedFor reports whether a word of a name becomes an identity.
func isLookedFor(word []byte) bool {
	var buffer [32]byte
	if len(word) < 2 || len(word) > len(buffer) || !isASCII(word) {
		return utf8.RuneCount(word) > 1 && !isCommon(foldName(word))
	}
	for i, c := range word {
		buffer[i] = lowerByte(c)
	}
	return !isCommon(string(buffer[:len(word)]))
}

// inPlace is the pseudonym of a value that is known to be a name, where no word of it is looked
// for anywhere else, since each is a common word or a single character: "Le", "An", "柳". false:
// it is to be read as any text is, or names nobody.
func (w *item) inPlace(value []byte, declared bool) (out []byte, whole bool) {
	if bytes.IndexByte(value, '@') >= 0 {
		return nil, false
	}
	words, nobody, single, sought := 0, 0, 0, false
	eachWord(value, func(word []byte) {
		words++
		if sought = sought || isLookedFor(word); sought {
			return
		}
		if isNobody(foldName(word)) {
			nobody++
		}
		if len(word) == 1 {
			single++
		}
	})
	if words == 0 || sought || words > 6 || !declared && (nobody == words || single == words) {
		return nil, false
	}
	at := 0
	eachWordAt(value, 0, func(start, end int) {
		k := w.c.word(value[start:end])
		out = append(append(out, value[at:start]...), k.pseudonym...)
		at = end
	})
	out = append(out, value[at:]...)
	if bytes.Equal(out, value) {
		return nil, false
	}
	w.images.add(lowerText(out))
	return out, true
}

// phrase makes identities of the words of a name side by side, where one of them is a common
// word in upper case, which by itself is none: "Ignatz Le".
func (w *item) phrase(s []byte) {
	var list [][]byte
	common := false
	eachWord(s, func(word []byte) {
		lower := foldName(word)
		if titles[lower] {
			return
		}
		list = append(list, word)
		r, _ := utf8.DecodeRune(word)
		common = common || isCommon(lower) && !isNobody(lower) && unicode.IsUpper(r)
	})
	if len(list) != 2 || !common {
		return
	}
	for _, word := range list {
		if r, size := utf8.DecodeRune(word); isNobody(foldName(word)) || !unicode.IsUpper(r) || size == len(word) {
			return
		}
	}
	a, b := foldName(list[0]), foldName(list[1])
	if !isOrdinary(a) || !isOrdinary(b) {
		w.c.people.pair(a, b)
		w.c.people.pair(b, a)
	}
	w.phraseOf(list[0], list[1])
	w.phraseOf(list[1], list[0])
}

// phraseOf makes an identity of two words with a space or a comma between.
func (w *item) phraseOf(a, b []byte) {
	for _, between := range []string{" ", ", "} {
		text := string(a) + between + string(b)
		w.found(needle{kind: aName, text: foldName([]byte(text)), original: text, exact: true})
	}
}

// inContext makes an identity of what stands around a value too, t[at:end] of t, so that the
// value is replaced there alone.
func (w *item) inContext(t []byte, at, end int) {
	value := bytes.TrimSpace(t[at:end])
	if len(value) == 0 || bytes.IndexByte(value, '&') >= 0 {
		return
	}
	if out, whole := w.inPlace(value, false); whole {
		at += bytes.Index(t[at:end], value)
		w.exactly(string(t), string(t[:at])+string(out)+string(t[at+len(value):]))
	}
}
