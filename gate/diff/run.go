package diff

import (
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A token of base64 (RFC 4648, sections 4 and 5) is many words: "+" and "/" cut it, and "="
// stands behind it. Two values may have any of these words in common by chance, so that what
// differs is only a piece of the token, or several.

// mostShared is how many letters two tokens have in common by chance, at one place, at the most.
const mostShared = 3

// tokens joins the volatile spans that lie in one run of letters and marks of base64, takes the
// padding behind a run to them, and notes how far each may reach: over a few letters and a mark
// to an end of the run. Whether these belong to the token, or are a constant before it, is told
// by the other messages that have the place.
func tokens(p *gate.Part, bw words, spans []span) []span {
	var out []span
	for _, s := range spans {
		if n := len(out); n > 0 && bw.oneToken(p.Kind, out[n-1], s) {
			out[n-1].end = s.end
			continue
		}
		out = append(out, s)
	}
	for i := range out {
		s := &out[i]
		s.end = bw.padded(*s)
		s.from, s.to = s.start, s.end
		if s.start == s.end {
			continue
		}
		marks := bw.marksIn(p.Kind, *s)
		s.from = bw.reach(s.start, -1, marks)
		if bw.words[s.end-1] != "=" {
			s.to = bw.reach(s.end, +1, marks)
		}
		if worded(p.Kind) && strings.Contains(marks, "/") { // no place where marks keep things apart
			if s.from == s.start {
				s.from = bw.reachOver(s.start, -1)
				s.over[0] = s.from < s.start
			}
			if s.to == s.end {
				s.to = bw.reachOver(s.end, +1)
				s.over[1] = s.end < s.to
			}
		}
		if i > 0 {
			s.from = max(s.from, out[i-1].end)
		}
		if i+1 < len(out) {
			s.to = min(s.to, out[i+1].start)
		}
	}
	return out
}

// joining are marks that may stand within a value that is drawn, such as a password: nothing that
// quotes, brackets or ends a paragraph.
const joining = "!$%&?+*~#-_:.;,/|^="

// reachOver is how far a value that ends at word i goes on in a direction over any mark that may
// stand within one: over words of a few letters in its run, to the last of them. Marks alone are the
// sentence's.
func (w words) reachOver(i, step int) int {
	at, to, letters := i, i, 0
	inside := i - max(step, 0)
	marked := strings.Contains(joining, w.words[inside])
	for {
		next := at + min(step, 0)
		if next < 0 || next >= len(w.words) || !w.joined(at) {
			return to
		}
		switch word := w.words[next]; {
		case strings.Contains(joining, word):
			marked = true
		case gate.IsWord(word) && marked:
			if letters += len(word); letters > mostShared {
				return i
			}
			to = at + step
		default:
			return to
		}
		at += step
	}
}

// oneToken reports whether two spans, one behind the other, are pieces of one run: few letters
// stand between them, and marks of base64 alone.
func (w words) oneToken(kind gate.PartKind, s, t span) bool {
	if s.start == s.end || t.start == t.end {
		return false
	}
	letters, marks := 0, w.marksIn(kind, s)
	for i := s.end; i < t.start; i++ {
		switch {
		case !w.joined(i):
			return false
		case gate.IsWord(w.words[i]):
			letters += len(w.words[i])
		case !strings.Contains(marks, w.words[i]):
			return false
		}
	}
	return w.joined(t.start) && letters <= mostShared
}

// padded is where a span ends with the padding behind it, escaped or not, whose length may be
// equal in the replays measured, and another in the next.
func (w words) padded(s span) int {
	end := s.end
	for n := -1; n != 0 && s.start < s.end && w.joined(end); end += n {
		switch n = 0; {
		case w.words[end] == "=":
			n = 1
		case w.words[end] == "%" && end+1 < len(w.words) && w.words[end+1] == "3D":
			n = 2
		}
	}
	if end == len(w.words) || !w.joined(end) || !gate.IsWord(w.words[end]) {
		return end
	}
	return s.end
}

// marksIn returns the marks that may stand within the token of which s is a piece. In a path
// "/" divides what is not one token.
func (w words) marksIn(kind gate.PartKind, s span) string {
	from := s.start
	for from > 0 && w.joined(from) {
		from--
	}
	before := w.text(from, s.start+1)
	switch {
	case strings.ContainsAny(before, "?#"):
		return "+/%"
	case kind == gate.Link, kind == gate.Load, strings.HasPrefix(strings.TrimLeft(before, `<("'[`), "/") && w.words[s.start] != "/", strings.Contains(before, "://"):
		return "+%"
	}
	return "+/%"
}

// reach is how far a token that ends at word i goes on in a direction: to the end of its run,
// where that is no more than a few letters and marks away, and has a mark.
func (w words) reach(i, step int, allowed string) int {
	at, letters, marks := i, 0, 0
	for {
		next := at // the word that is looked at
		joint := at
		if step < 0 {
			next--
		}
		if next < 0 || next >= len(w.words) || !w.joined(joint) {
			break
		}
		switch word := w.words[next]; {
		case strings.Contains(allowed, word):
			marks++
		case gate.IsWord(word):
			letters += len(word)
		case step > 0 && word == "=":
		default:
			if marks == 0 {
				return i
			}
			return at
		}
		at += step
		if letters > mostShared {
			return i
		}
	}
	if marks == 0 {
		return i
	}
	return at
}
