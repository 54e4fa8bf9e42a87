package report

import (
	"strings"
	"unicode/utf8"
)

type style string

// Styles, as the parameters of SGR (ECMA-48, 8.3.117).
const (
	regular style = ""
	bold    style = "1"
	faint   style = "2"
	bad     style = "1;31"
	good    style = "32"
	careful style = "33"
	removed style = "31"
	added   style = "32"
)

// A span is text in one style. It has been made visible.
type span struct {
	style style
	text  string
}

// A page collects lines of bounded width.
type page struct {
	b     strings.Builder
	width int
	color bool
}

func newPage(o *Options) *page { return &page{width: o.width(), color: o.Color} }

// line writes spans as one line, cut at the width.
func (p *page) line(indent string, spans ...span) { p.lines(indent, indent, 1, spans) }

// flow writes spans over as many lines as they need.
func (p *page) flow(lead, hang string, spans ...span) { p.lines(lead, hang, 1<<30, spans) }

// text is flow with one regular span.
func (p *page) text(lead, hang, text string) { p.flow(lead, hang, span{regular, text}) }

// blank writes an empty line.
func (p *page) blank() { p.b.WriteByte('\n') }

// heading writes a blank line and a heading.
func (p *page) heading(text string) {
	p.blank()
	p.line("", span{bold, text})
}

// verbatim writes a line that must not be cut or wrapped, such as a command. It
// has been made visible.
func (p *page) verbatim(line string) {
	p.b.WriteString(guard(line))
	p.b.WriteString(line)
	p.b.WriteByte('\n')
}

// lines writes spans over at most limit lines, broken between words. A newline in
// a span ends its line. lead begins the first line, hang each other one.
func (p *page) lines(lead, hang string, limit int, spans []span) {
	var words []span
	for _, s := range spans {
		for _, w := range breakable(s.text) {
			words = append(words, span{s.style, w})
		}
	}
	var line []span
	prefix, used := lead, utf8.RuneCountInString(lead)
	emit := func() {
		p.emit(prefix, line)
		line, prefix, used = nil, hang, utf8.RuneCountInString(hang)
		limit--
	}
	for len(words) > 0 {
		w := words[0]
		room := p.width - used
		length := utf8.RuneCountInString(w.text)
		fits := length < room || length == room && (limit > 1 || len(words) == 1)
		switch {
		case limit == 1 && (w.text == "\n" || !fits):
			line = append(line, span{w.style, strings.TrimSuffix(cut(w.text, room-1), "\n")}, span{faint, "…"})
			p.emit(prefix, line)
			return
		case w.text == "\n":
			emit()
		case fits:
			line = append(line, w)
			used += length
		case utf8.RuneCountInString(strings.TrimRight(w.text, " ")) <= room:
			line = append(line, span{w.style, strings.TrimRight(w.text, " ")})
			emit()
		case len(line) > 0:
			emit()
			continue
		default: // a word longer than a line
			head := cut(w.text, room)
			line = append(line, span{w.style, head})
			emit()
			words[0].text = w.text[len(head):]
			continue
		}
		words = words[1:]
	}
	if len(line) > 0 || prefix == lead {
		p.emit(prefix, line)
	}
}

func (p *page) emit(prefix string, line []span) {
	if n := len(line); n > 0 {
		line[n-1].text = strings.TrimRight(line[n-1].text, " ")
	}
	var plain, out strings.Builder
	plain.WriteString(prefix)
	out.WriteString(prefix)
	current := regular
	for _, s := range line {
		plain.WriteString(s.text)
		if s.style != current {
			if current != regular {
				out.WriteString("\x1b[0m")
			}
			if s.style != regular {
				out.WriteString("\x1b[" + string(s.style) + "m")
			}
			current = s.style
		}
		out.WriteString(s.text)
	}
	if current != regular {
		out.WriteString("\x1b[0m")
	}
	text := out.String()
	if !p.color {
		text = strings.TrimRight(plain.String(), " ")
	}
	p.b.WriteString(guard(plain.String()))
	p.b.WriteString(text)
	p.b.WriteByte('\n')
}

// guard is what to put before a line that the log of a workflow would otherwise
// take for a command.
func guard(line string) string {
	if strings.HasPrefix(strings.TrimSpace(line), "::") {
		return "| "
	}
	return ""
}

// breakable splits s after its spaces, and around newlines.
func breakable(s string) []string {
	var out []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\n':
			if start < i {
				out = append(out, s[start:i])
			}
			out = append(out, "\n")
			start = i + 1
		case s[i] == ' ' && i+1 < len(s) && s[i+1] != ' ' && s[i+1] != '\n':
			out = append(out, s[start:i+1])
			start = i + 1
		}
	}
	if start < len(s) {
		out = append(out, s[start:])
	}
	return out
}

// cut is the first n runes of s.
func cut(s string, n int) string {
	for i := range s {
		if n <= 0 {
			return s[:i]
		}
		n--
	}
	return s
}
