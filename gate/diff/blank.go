package diff

import (
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// leastNamed is how many bytes a word of the first replay has that is named wherever it stands.
const leastNamed = 4

// Blank returns the parts of the first replay's message with [Fresh] at its volatile places, and
// without the parts that come and go.
func (n *Noise) Blank(parts []gate.Part) []gate.Part {
	if n == nil || len(n.places)+len(n.appears) == 0 {
		return parts
	}
	count := map[string]int{}
	out := make([]gate.Part, 0, len(parts))
	for _, p := range parts {
		spans := n.places[place{p.Name, count[p.Name]}]
		count[p.Name]++
		if n.comesAndGoes(p.Name, p.Value) {
			continue
		}
		if len(spans) > 0 {
			p.Value = blank(newWords(p.Value), spans)
		}
		out = append(out, p)
	}
	return out
}

// blank puts [Fresh] in place of spans of words, which are in order.
func blank(w words, spans []span) string {
	var b strings.Builder
	at := 0 // bytes of the text that are done
	for _, s := range spans {
		end := min(s.end, len(w.words))
		from, to := len(w.whole), len(w.whole)
		if s.start < len(w.words) {
			from = w.starts[s.start]
			to = from
		}
		if end > s.start {
			to = w.starts[end-1] + len(w.words[end-1])
		}
		if from < at { // pieces of one place
			from = at
		}
		b.WriteString(w.whole[at:from])
		b.WriteString(Fresh)
		at = max(at, to)
	}
	b.WriteString(w.whole[at:])
	return b.String()
}

// Named is [Noise.Rename] for fingerprints, which may hide less than what is shown: of the first
// replay's message words of at least four bytes that stood at a volatile place, of the other
// words that are exactly as long as the values of such a place, and of their sorts.
func (n *Noise) Named(part, text string, after bool) string {
	if n == nil || len(n.places) == 0 || text == "" {
		return text
	}
	return freshen(text, func(w string) bool {
		return len(w) >= leastNamed && n.volatileWord(part, w, after) && (!after || n.asLong(part, w))
	})
}

// Varies counts the places within parts of this name, without indexes, that vary.
func (n *Noise) Varies(part string) (count int) {
	if n == nil {
		return 0
	}
	for k, spans := range n.places {
		if gate.WithoutIndexes(k.part) == part {
			count += len(spans)
		}
	}
	return count
}

// asLong reports whether w is as long as the values of some volatile place of the part.
func (n *Noise) asLong(part, w string) bool {
	l := utf8.RuneCountInString(w)
	for k, spans := range n.places {
		if k.part != part {
			continue
		}
		for i := range spans {
			if f := n.form(k.part, i, &spans[i]); f.values > 0 && f.lo <= l && l <= f.hi && f.fits(w, nil) {
				return true
			}
		}
	}
	return false
}
