package diff

import (
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// Noise is what differs between replays of one build for one message: the places
// that are volatile there, measured and not guessed.
//
// What is not guaranteed: that a volatile value means nothing. Whether equal
// values stay equal is judged by who sees all messages, see package pipeline.
type Noise struct {
	places  map[place][]span
	appears map[string][]string // parts that come and go, and the values they had

	// Known reports whether a text was seen at some volatile place of some
	// message. A volatile word without digits, such as a name out of a rota, is
	// only masked where it was. nil: none was.
	Known func(text string) bool
}

type place struct {
	part string
	slot int
}

// A span is a run of words that is volatile, and the texts that stood there.
type span struct {
	start, end int // words of the first replay
	texts      []string
}

// bridge is how many words of punctuation between two volatile spans belong to
// them: the '+' and '/' of a token.
const bridge = 2

// Measure finds what differs between two replays of one message. It adds to n,
// which may be nil, and returns it. Texts of volatile places go to seen.
func Measure(n *Noise, first, again *gate.Canonical, seen func(text string)) *Noise {
	if n == nil {
		n = &Noise{places: map[place][]span{}, appears: map[string][]string{}}
	}
	for _, s := range align(first.Parts, again.Parts) {
		p := s.before
		if p == nil {
			p = s.after
		}
		if !maskable(p.Kind) {
			continue
		}
		if s.before == nil || s.after == nil {
			n.appears[p.Name] = append(n.appears[p.Name], p.Value)
			seen(p.Value)
			continue
		}
		if s.before.Kind != s.after.Kind || s.before.Value == s.after.Value {
			continue
		}
		bw, aw := newWords(s.before.Value), newWords(s.after.Value)
		spans := n.places[place{p.Name, s.b}]
		for _, e := range script(bw.words, aw.words) {
			before, after := bw.text(e.b0, e.b1), aw.text(e.a0, e.a1)
			seen(before)
			seen(after)
			if k := len(spans); k > 0 && e.b0 >= spans[k-1].end && e.b0-spans[k-1].end <= bridge && punctuation(bw.words[spans[k-1].end:e.b0]) {
				last := &spans[k-1]
				last.end = e.b1
				between := bw.text(last.start, e.b1)
				last.texts = append(last.texts, between, before, after)
				continue
			}
			spans = append(spans, span{e.b0, e.b1, []string{before, after}})
		}
		n.places[place{p.Name, s.b}] = wholeStamps(bw, spans)
	}
	return n
}

func punctuation(words []string) bool {
	for _, w := range words {
		if w == "\n" || gate.IsWord(w) {
			return false
		}
	}
	return true
}

func (n *Noise) spans(part string, slot int) []span {
	if n == nil {
		return nil
	}
	return n.places[place{part, slot}]
}

// comesAndGoes reports whether a part of this name was in one replay and not in
// another, with a value like this one.
func (n *Noise) comesAndGoes(part, value string) bool {
	if n == nil {
		return false
	}
	texts, ok := n.appears[part]
	return ok && n.alike(texts, value)
}

// A piece of an edit, masked or not.
type piece struct {
	edit
	masked bool
}

// peel cuts from an edit what is volatile at its ends, so that a reworded
// sentence beside a token shows as one and the token stays hidden.
func peel(e edit, bw, aw words, spans []span, n *Noise) []piece {
	if len(spans) == 0 {
		return []piece{{e, false}}
	}
	if s := covering(spans, e.b0, e.b1); s != nil && n.alike(s.texts, aw.text(e.a0, e.a1)) {
		return []piece{{e, true}}
	}
	var front, back []piece
	for e.b0 < e.b1 && e.a0 < e.a1 {
		s := covering(spans, e.b0, e.b0+1)
		if s == nil || !n.alike(s.texts, aw.text(e.a0, e.a0+1)) {
			break
		}
		front = append(front, piece{edit{e.b0, e.b0 + 1, e.a0, e.a0 + 1}, true})
		e.b0, e.a0 = e.b0+1, e.a0+1
	}
	for e.b0 < e.b1 && e.a0 < e.a1 {
		s := covering(spans, e.b1-1, e.b1)
		if s == nil || !n.alike(s.texts, aw.text(e.a1-1, e.a1)) {
			break
		}
		back = append([]piece{{edit{e.b1 - 1, e.b1, e.a1 - 1, e.a1}, true}}, back...)
		e.b1, e.a1 = e.b1-1, e.a1-1
	}
	if e.b0 < e.b1 || e.a0 < e.a1 {
		front = append(front, piece{e, false})
	}
	return append(front, back...)
}

// covering gives the span that covers words b0 to b1. An insertion, which covers
// none, must stand within a span or where one that is empty stands: beside a
// volatile word is not in its place.
func covering(spans []span, b0, b1 int) *span {
	for i := range spans {
		s := &spans[i]
		switch {
		case b0 < b1 && s.start <= b0 && b1 <= s.end,
			b0 == b1 && s.start < b0 && b0 < s.end,
			b0 == b1 && s.start == b0 && s.end == b0:
			return s
		}
	}
	return nil
}

// alike reports whether text could be one more of the volatile texts: no longer
// and no shorter than they vary, of the same sorts of characters, and, where it
// has no digit, known.
func (n *Noise) alike(texts []string, text string) bool {
	lo, hi, sorts := -1, 0, sort(0)
	for _, t := range texts {
		l := utf8.RuneCountInString(t)
		if t == text {
			return true
		}
		if lo < 0 || l < lo {
			lo = l
		}
		hi = max(hi, l)
		sorts |= sortsOf(t)
	}
	l := utf8.RuneCountInString(text)
	if slack := max(1, hi-lo); l < lo-slack || l > hi+slack {
		return false
	}
	mine := sortsOf(text)
	if mine&^sorts != 0 {
		return false
	}
	return mine&digit != 0 || n.Known != nil && n.Known(text)
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
