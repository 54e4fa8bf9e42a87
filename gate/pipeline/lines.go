package pipeline

import (
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A line may be chosen or measured anew for each message: a greeting, three things that somebody may
// like, "just now" or "2 seconds ago", "995 ms" or "1.2 s". One choice has more words than another, so
// that word by word nothing stands where it stood, and with few messages and two replays most of what
// staging chooses was never chosen before for just that message. What production's own replays show
// is the line: it differs from replay to replay in most messages of the class. Of such a line the words
// that come and go within several messages are nobody's, and so are numbers where such do. All
// other words of it, which each message has in every replay, are compared with that message's own.

// A linePlace is a line of a part, in the messages of a class in which the part has so many.
type linePlace struct {
	drawnPlace
	line, of int
}

// A drawnLine is what the replays of production have at a place.
type drawnLine struct {
	varied int               // so many messages have another line in another replay
	words  map[string]uint64 // that come and go within a message, and which message; manyHold for several
}

// manyHold stands in place of the one message in which a word comes and goes, where there are several.
const manyHold = 0

// mostWords is how many words a line may be made of: more are no choice.
const mostWords = 2000

// longestFigure is how many figures in a row are a measure of something: more may be somebody's number.
const longestFigure = 4

// chosen notes the lines in which a message of production's first replay differs from those of others.
func (n *noise) chosen(class route, at position, one *gate.Canonical, again []*gate.Canonical) {
	seen := map[linePlace]bool{}
	for i := range one.Parts {
		p := &one.Parts[i]
		if p.Kind != gate.Text && p.Kind != gate.Value {
			continue
		}
		for _, m := range again {
			if m == nil {
				continue
			}
			value, ok := partOf(m, p.Name)
			if !ok || value == p.Value {
				continue
			}
			eachDiffering(p.Value, value, func(line, of int, was, is string) {
				k := linePlace{drawnPlace{class, withoutIndexes(p.Name)}, line, of}
				l := n.lines[k]
				if l == nil {
					l = &drawnLine{words: map[string]uint64{}}
					n.lines[k] = l
				}
				if !seen[k] {
					seen[k] = true
					l.varied++
				}
				l.add(at, was, is)
			})
		}
	}
}

// add notes what comes and goes between two lines of the message at a position.
func (l *drawnLine) add(at position, was, is string) {
	who := 1 + uint64(at.offset)<<20 | uint64(at.index)
	for _, w := range comeAndGo(was, is) {
		had, ok := l.words[w]
		switch {
		case !ok && len(l.words) < mostWords:
			l.words[w] = who
		case ok && had != who:
			l.words[w] = manyHold
		}
	}
}

// takes reports whether one line may stand for another of a message: at least half of messages have
// another in another replay, and but for what comes and goes in several of them the lines are one.
func (l *drawnLine) takes(was, is string, messages uint64) bool {
	if float64(l.varied) < leastVaried*float64(messages) || l.varied < 2 || len(l.words) >= mostWords {
		return false
	}
	return slices.Equal(l.stay(was), l.stay(is))
}

// stay gives the words of a line, as they are written, but for those that come and go in several
// messages, in their order.
func (l *drawnLine) stay(line string) (out []string) {
	words := lineWords(line)
	for i, w := range strings.Fields(line) {
		if had, ok := l.words[wordAt(words, i)]; !ok || had != manyHold {
			out = append(out, w)
		}
	}
	return out
}

// comeAndGo gives what one of two lines has and the other has not: words, and of numbers between
// which words they stand.
func comeAndGo(was, is string) (out []string) {
	b, a := lineWords(was), lineWords(is)
	for _, pair := range [2][2][]string{{b, a}, {a, b}} {
		left := map[string]int{}
		for _, w := range pair[1] {
			left[w]++
		}
		for i, w := range pair[0] {
			if left[w]--; left[w] >= 0 {
				continue
			}
			out = append(out, wordAt(pair[0], i))
		}
	}
	return out
}

// wordAt is a word of a line; of a number its form, and what stands on both sides.
func wordAt(words []string, i int) string {
	if form := withoutFigures(words[i]); form != words[i] {
		return neighbour(words, i-1) + "|" + form + "|" + neighbour(words, i+1)
	}
	return words[i]
}

// neighbour is the form of a word of a line, "" outside of it.
func neighbour(words []string, i int) string {
	if i < 0 || i >= len(words) {
		return ""
	}
	return withoutFigures(words[i])
}

// lineWords are the words of a line in lower case, without the marks around them.
func lineWords(line string) []string {
	words := strings.Fields(strings.ToLower(line))
	for i, w := range words {
		if bare := strings.Trim(w, `.,;:!?()"'`); bare != "" {
			words[i] = bare
		}
	}
	return words
}

// measured is a number that may measure something, as it is written with a point or an exponent.
var measured = regexp.MustCompile(`^[+-]?[0-9]{1,4}([.,][0-9]{1,9})?(e[+-]?[0-9]{1,3})?`)

// withoutFigures is a word with "#" for figures, where there are no more than may measure something.
func withoutFigures(w string) string {
	if at := measured.FindStringIndex(w); at != nil && !strings.ContainsAny(w[at[1]:], "0123456789") {
		return "#" + w[at[1]:]
	}
	var b strings.Builder
	for i := 0; i < len(w); {
		end := i
		for end < len(w) && '0' <= w[end] && w[end] <= '9' {
			end++
		}
		switch {
		case end == i:
			b.WriteByte(w[i])
			i++
		case end-i > longestFigure:
			return w
		default:
			b.WriteByte('#')
			i = end
		}
	}
	return b.String()
}

// eachDiffering calls found for the lines in which two texts of as many lines differ.
func eachDiffering(before, after string, found func(line, of int, was, is string)) {
	b, a := strings.Split(before, "\n"), strings.Split(after, "\n")
	if len(b) != len(a) {
		return
	}
	for i := range b {
		if b[i] != a[i] {
			found(i, len(b), b[i], a[i])
		}
	}
}

// partOf returns the value of the first part of that name.
func partOf(m *gate.Canonical, name string) (string, bool) {
	for i := range m.Parts {
		if m.Parts[i].Name == name {
			return m.Parts[i].Value, true
		}
	}
	return "", false
}

// chosenLines puts into moved the hunks of pairing i that lie in lines that are chosen anew for each
// message, and gives the places of such.
func (c *comparer) chosenLines(i int, p *pairing, moved map[drawnHunk]drawnAs) (at []drawnPlace) {
	type lines struct{ chosen, other [][2]string }
	parts := map[string]*lines{}
	route := c.noise.routeOf(c.before.surplus[p.B].at, c.before.items[p.B].Message)
	messages := c.noise.sizeOf(c.p, route)
	for j := range p.hunks {
		h := &p.hunks[j]
		if moved[drawnHunk{i, j}] != 0 || h.Kind != gate.Text && h.Kind != gate.Value {
			continue
		}
		l := parts[h.Part]
		if l == nil {
			l = new(lines)
			parts[h.Part] = l
			before, _ := partOf(c.before.text(p.B), h.Part)
			after, _ := partOf(c.after.text(p.A), h.Part)
			eachDiffering(before, after, func(line, of int, was, is string) {
				pair := [2]string{spaced(was), spaced(is)}
				if d := c.noise.lines[linePlace{drawnPlace{route, withoutIndexes(h.Part)}, line, of}]; d != nil && d.takes(was, is, messages) {
					l.chosen = append(l.chosen, pair)
				} else {
					l.other = append(l.other, pair)
				}
			})
		}
		if within(l.chosen, h) && !within(l.other, h) {
			moved[drawnHunk{i, j}] = drawnNobodys
			at = append(at, drawnPlace{route, withoutIndexes(h.Part)})
		}
	}
	return at
}

// within reports whether a hunk lies in one of the lines.
func within(lines [][2]string, h *hunk) bool {
	before, after := spaced(h.Before), spaced(h.After)
	for _, l := range lines {
		if strings.Contains(l[0], before) && strings.Contains(l[1], after) {
			return true
		}
	}
	return false
}

// spaced is text with one space wherever there is any.
func spaced(text string) string { return strings.Join(strings.Fields(text), " ") }
