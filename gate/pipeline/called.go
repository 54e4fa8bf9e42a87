package pipeline

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A name of two words is one person's where they alone are called so: in an id, the name of a class
// or a property, it stands without the capitals and the space that it is known by elsewhere. Words
// of a template that one person alone was sent make no name: one of the two is in the person's
// address, or production writes them side by side with capitals.

// Bounds of the names that are looked for in what is hidden.
const (
	mostCalled = 1 << 16 // pairs of words of one run
	mostUnsure = 256     // pairs that production is read again for
)

// calledIn calls each for the pairs of words in a hidden id that may be a name, in lower case.
func calledIn(h *gate.Hidden, each func(pair [2]exposure.Found, name string)) {
	if h.Closed() || h.Rule == "signature" || len(h.Value) > mostIDs || strings.IndexFunc(h.Value, isJoint) < 0 && !mixesNames(h.Value) {
		return
	}
	for id := range strings.FieldsSeq(h.Value) {
		for _, pair := range namesIn(h.Part, id) {
			each(pair, pair[0].Value()+" "+pair[1].Value())
		}
	}
}

func isJoint(r rune) bool { return r < utf8.RuneSelf && !isAlnumByte(byte(r)) }

// mixesNames reports whether a capital follows a small letter in an id.
func mixesNames(id string) bool {
	small := false
	for _, r := range id {
		if small && unicode.IsUpper(r) {
			return true
		}
		small = unicode.IsLower(r)
	}
	return false
}

// call notes the pairs of words in a hidden value that may be a name.
func (g *hider) call(h *gate.Hidden) {
	calledIn(h, func(_ [2]exposure.Found, name string) {
		if len(g.called) < mostCalled {
			if g.called == nil {
				g.called = map[string]struct{}{}
			}
			g.called[strings.Clone(name)] = struct{}{}
		}
	})
}

// wordsOf gives the two words of a name.
func wordsOf(name string) (words [2]exposure.Found) {
	first, second, _ := strings.Cut(name, " ")
	return [2]exposure.Found{exposure.Word("", first), exposure.Word("", second)}
}

// names finds which of the pairs of words that runs hide are somebody's name.
func (r *revealing) names(ctx context.Context, o *Options, first *scanned, runs []*scanned) error {
	asked := map[string]struct{}{}
	for _, s := range runs {
		for name := range s.hidden.called {
			words := wordsOf(name)
			if first.mayHold(uint64(words[0].Key()), otherFacts) && first.mayHold(uint64(words[1].Key()), otherFacts) {
				asked[name] = struct{}{}
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	owners := exposure.NewOwners()
	for name := range asked {
		words := wordsOf(name)
		owners.Want(&words[0])
		owners.Want(&words[1])
	}
	if err := hold(ctx, o, first, owners); err != nil {
		return err
	}
	var unsure []string
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		words := wordsOf(name)
		switch _, sure, ok := owners.Called([2]*exposure.Found{&words[0], &words[1]}); {
		case sure:
			r.called[name] = struct{}{}
		case ok && len(unsure) < mostUnsure:
			unsure = append(unsure, name)
		}
	}
	if len(unsure) == 0 {
		return owners.Err()
	}
	var mu sync.Mutex
	_, err := first.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) {
			for i := range m.Parts {
				for _, name := range unsure {
					if writesName(m.Parts[i].Value, name) {
						mu.Lock()
						r.called[name] = struct{}{}
						mu.Unlock()
					}
				}
			}
		}
	})
	return err
}

// writesName reports whether text has the two words of a name side by side, both with a capital.
func writesName(text, name string) bool {
	for at := 0; at+len(name) <= len(text); {
		i := strings.IndexFunc(text[at:], unicode.IsUpper)
		if i < 0 {
			return false
		}
		at += i
		_, size := utf8.DecodeRuneInString(text[at:])
		if end := at + len(name); end <= len(text) && strings.EqualFold(text[at:end], name) {
			second, _ := utf8.DecodeRuneInString(text[at+strings.IndexByte(name, ' ')+1:])
			if unicode.IsUpper(second) {
				return true
			}
		}
		at += size
	}
	return false
}

// namesHidden returns the names of people in a hidden value, as they are written.
func (r *revealing) namesHidden(h *gate.Hidden) (names []string) {
	if r == nil || len(r.called) == 0 {
		return nil
	}
	calledIn(h, func(_ [2]exposure.Found, name string) {
		if _, ok := r.called[name]; ok {
			if name = asName(name); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	})
	return names
}

// asName writes the words of a name with capitals.
func asName(name string) string {
	words := strings.Split(name, " ")
	for i, w := range words {
		r, size := utf8.DecodeRuneInString(w)
		words[i] = string(unicode.ToUpper(r)) + w[size:]
	}
	return strings.Join(words, " ")
}
