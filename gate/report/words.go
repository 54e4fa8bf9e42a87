package report

import (
	"strings"
	"unicode"

	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/waybill-dev/waybill/gate"
)

// maxWords is how many words of each side are compared word by word. Finding the
// shortest script takes time that grows with its square.
const maxWords = 2000

// A stretch is a run of words that two texts share, or that one of them has.
type stretch struct {
	op   diffmatchpatch.Operation
	text string
}

// differ states how after differs from before, word by word. It is for showing
// only: longer texts than [maxWords], and texts with little in common, are one stretch each.
func differ(before, after string) []stretch {
	if before == after {
		return []stretch{{diffmatchpatch.DiffEqual, before}}
	}
	a, b := words(before), words(after)
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	var out []stretch
	add := func(op diffmatchpatch.Operation, w []string) {
		if len(w) > 0 {
			out = append(out, stretch{op, strings.Join(w, "")})
		}
	}
	add(diffmatchpatch.DiffEqual, a[:head])
	out = append(out, middle(a[head:len(a)-tail], b[head:len(b)-tail])...)
	add(diffmatchpatch.DiffEqual, a[len(a)-tail:])
	return out
}

func middle(a, b []string) []stretch {
	var replaced []stretch
	if len(a) > 0 {
		replaced = append(replaced, stretch{diffmatchpatch.DiffDelete, strings.Join(a, "")})
	}
	if len(b) > 0 {
		replaced = append(replaced, stretch{diffmatchpatch.DiffInsert, strings.Join(b, "")})
	}
	if len(replaced) < 2 || len(a) > maxWords || len(b) > maxWords {
		return replaced
	}
	codes := map[string]rune{}
	back := map[rune]string{}
	encode := func(ws []string) []rune {
		out := make([]rune, len(ws))
		for i, w := range ws {
			c, ok := codes[w]
			if !ok {
				c = rune(len(codes) + 1) // at most 2*maxWords: below the surrogates
				codes[w], back[c] = c, w
			}
			out[i] = c
		}
		return out
	}
	d := diffmatchpatch.New()
	d.DiffTimeout = 0 // the answer must not depend on the machine's speed
	var out []stretch
	shared := 0
	for _, s := range d.DiffMainRunes(encode(a), encode(b), false) {
		var text strings.Builder
		for _, c := range s.Text {
			w := back[c]
			text.WriteString(w)
			if s.Type == diffmatchpatch.DiffEqual && strings.TrimSpace(w) != "" {
				shared++
			}
		}
		out = append(out, stretch{s.Type, text.String()})
	}
	if 6*shared < min(len(a), len(b)) {
		return replaced // scattered words in common only hide what happened
	}
	return out
}

// words splits s so that joining the pieces gives s again: runs of white space,
// punctuation that joins values, and what stands between.
func words(s string) []string {
	var out []string
	start, kind := 0, 0
	for i, r := range s {
		k := 1
		switch {
		case unicode.IsSpace(r):
			k = 2
		case strings.ContainsRune(`,;!?()<>"[]{}&=|`, r):
			k = 3
		}
		if i > start && (k != kind || k == 3) {
			out = append(out, s[start:i])
			start = i
		}
		kind = k
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// changedHeading stands over what a release changes of its gate's configuration.
const changedHeading = "This release changes what it is judged by"

const maxSettings = 60

// settingText says which key was changed and how. Values that may name somebody are left out
// unless names are shown.
func settingText(s *gate.Setting, names bool) (key, what string) {
	key = s.Key
	if at := strings.IndexByte(key, '['); at >= 0 && !names { // the name of a mask is anybody's text
		end := strings.LastIndexByte(key, ']')
		key = key[:at] + "[]" + key[max(at, end)+1:]
	}
	key = visible(key, maxName)
	value := func(v string) string {
		if !names && !s.Public {
			return "(not shown here)"
		}
		return visible(v, maxName)
	}
	switch {
	case s.Before == "":
		return key, "new, " + value(s.After)
	case s.After == "":
		return key, "gone, was " + value(s.Before)
	}
	return key, value(s.Before) + " became " + value(s.After)
}
