package canon

import (
	"bytes"
	"slices"
)

// marks say how a text is shown where that changes what it says.
type marks uint8

const (
	struck   marks = 1 << iota // a line goes through it: "~~12~~"
	inserted                   // it is marked as new: "++12++"
	super                      // it stands above the line: "10^3"
	sub                        // it stands below the line: "CO_2"
	reversed                   // it runs from right to left whatever it is
	dotted                     // dots are shown for its letters
)

// openMarks and closeMarks are written around a text, from the outermost inwards.
var (
	openMarks  = [...]string{"~~", "++", "^", "_", "\u202e", "[hidden:"}
	closeMarks = [...]string{"~~", "++", "", "", "\u202c", "]"}
)

// blocks collects text in lines, one for each block.
type blocks struct {
	lines  []byte
	space  bool  // white space was seen since the last text of this line
	marks  marks // of the last text
	raised int   // where the text that stands above or below its line begins
}

// text adds t; pre says that it keeps its line ends.
func (b *blocks) text(t []byte, pre bool, how marks) {
	for len(t) > 0 {
		switch c := t[0]; {
		case c == '\n' && pre:
			b.end()
			t = t[1:]
		case isSpace(c):
			b.space = true
			t = t[1:]
		case bytes.HasPrefix(t, []byte("\u00a0")):
			b.space = true
			t = t[len("\u00a0"):]
		default:
			if how != b.marks {
				b.turn(how, c)
			} else if n := len(b.lines); b.space && n > 0 && b.lines[n-1] != '\n' {
				b.lines = append(b.lines, ' ')
			}
			b.space = false
			n := wordLen(t)
			b.lines = append(b.lines, t[:n]...)
			t = t[n:]
		}
	}
}

// turn ends the marks of the text before, and begins those of the text that follows,
// whose first byte is next.
func (b *blocks) turn(to marks, next byte) {
	ended := len(b.lines) > 0 && b.lines[len(b.lines)-1] == '\n'
	if ended {
		b.lines = b.lines[:len(b.lines)-1]
	}
	closing := b.marks &^ to
	for i := len(closeMarks) - 1; i >= 0; i-- {
		switch mark := marks(1) << i; {
		case closing&mark == 0:
		case mark == super || mark == sub:
			b.bracket(!ended && !b.space && isWordy(next))
		default:
			b.lines = append(b.lines, closeMarks[i]...)
		}
	}
	if ended {
		b.lines = append(b.lines, '\n')
	} else if b.space && len(b.lines) > 0 {
		b.lines = append(b.lines, ' ')
	}
	opening := to &^ b.marks
	for i, text := range openMarks {
		if mark := marks(1) << i; opening&mark != 0 {
			b.lines = append(b.lines, text...)
			if mark == super || mark == sub {
				b.raised = len(b.lines)
			}
		}
	}
	b.marks = to
}

// maxBracket bounds the text that is moved to make room for a bracket.
const maxBracket = 256

// bracket puts what stands above or below its line in brackets, where it could
// otherwise not be told from what follows: glued says that this is a word.
func (b *blocks) bracket(glued bool) {
	text := b.lines[b.raised:]
	if !glued && !slices.ContainsFunc(text, func(c byte) bool { return !isWordy(c) }) {
		return
	}
	if len(text) <= maxBracket {
		b.lines = slices.Insert(b.lines, b.raised, '(')
	}
	b.lines = append(b.lines, ')')
}

func isWordy(c byte) bool { return isAlnum(c) || c >= 0x80 || c == '-' || c == '+' }

// wordLen is how many bytes at the start of t, which does not begin with a space,
// are no space.
func wordLen(t []byte) int {
	for i, c := range t {
		if c > ' ' && c != 0xc2 {
			continue
		}
		if isSpace(c) || c == 0xc2 && i+1 < len(t) && t[i+1] == 0xa0 { // U+00A0
			return i
		}
	}
	return len(t)
}

func (b *blocks) end() {
	b.space = false
	if n := len(b.lines); n > 0 && b.lines[n-1] != '\n' {
		b.lines = append(b.lines, '\n')
	}
}

func (b *blocks) close() {
	if b.marks != 0 {
		b.space = false
		b.turn(0, '\n')
	}
	b.end()
	if n := len(b.lines); n > 0 {
		b.lines = b.lines[:n-1]
	}
}

func (b blocks) reset() blocks { return blocks{lines: b.lines[:0]} }
