package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of one finding that is reviewed. Explain shows what they cut.
const (
	reviewEdits = 5
	reviewRunes = 600 // of one side of one text
	reviewRows  = 12  // lines of one side of one text
	reviewGains = 3
	leastBeside = 72 // columns of a terminal in which two texts stand side by side
)

// Review writes one finding for somebody who is to accept it or not: whom it
// concerns, and what was sent before and what is sent after, side by side where the
// width allows. fingerprint is as [Find] takes it.
func Review(w io.Writer, v *gate.Verdict, fingerprint string, o Options) error {
	f, err := Find(v, fingerprint)
	if err != nil {
		return err
	}
	r := &renderer{page: newPage(&o), names: newNames(v, &o), v: v, o: &o}
	r.headline("", f)
	r.subjects(f, r.o.limit())
	r.place(f)
	if c := f.Example; c != nil && (c.Before != nil || c.After != nil) {
		r.besides(c)
	} else if r.o.Names && f.Before+f.After != "" {
		left, right := marked(f.Before, f.After, reviewRunes)
		r.beside("text", orNothing(left, f.Before), orNothing(right, f.After))
	}
	r.field("state", r.state(f))
	r.field("fingerprint", visible(f.Fingerprint, maxName))
	if _, err := io.WriteString(w, r.b.String()); err != nil {
		return fmt.Errorf("write finding: %w", err)
	}
	return nil
}

// besides shows one change side by side.
func (r *renderer) besides(c *gate.Change) {
	r.field("example", visible(string(c.Kind), 40)+", paired by "+ruleText(c.Rule))
	r.beside("", []span{{bold, "before"}}, []span{{bold, "after"}})
	to := func(d *gate.Delivery) []span {
		if d == nil {
			return []span{{faint, "(nothing is sent)"}}
		}
		return []span{{regular, r.names.recipient(d.Recipient) + r.title(d)}}
	}
	left, right := to(c.Before), to(c.After)
	if c.Before != nil && c.After != nil && c.Before.Recipient != c.After.Recipient {
		left[0].style, right[0].style = removed, added
	}
	r.beside("to", left, right)
	if r.o.Names {
		for i := range c.Edits[:min(len(c.Edits), reviewEdits)] {
			e := &c.Edits[i]
			left, right := marked(e.Before, e.After, reviewRunes)
			r.beside(r.names.part(e.Part), orNothing(left, e.Before), orNothing(right, e.After))
		}
		if n := len(c.Edits) - reviewEdits; n > 0 {
			r.field("", "and "+plural(n, "more edit", "more edits"))
		}
	}
	shown := 0
	for i := range c.Gains {
		if g := &c.Gains[i]; !g.Own && shown < reviewGains {
			r.field("facts", r.exposure(g))
			shown++
		}
	}
}

func orNothing(s []span, whole string) []span {
	if whole == "" {
		return []span{{faint, "(nothing)"}}
	}
	return s
}

// beside writes two texts under a label: in two columns, or one above the other
// where the page is too narrow for that.
func (r *renderer) beside(label string, left, right []span) {
	const indent, bar = "   ", " │ "
	if r.width < leastBeside {
		if label != "" {
			r.line(indent, span{faint, label})
			r.lines(labelled("  before"), hang, reviewRows, left)
			r.lines(labelled("  after"), hang, reviewRows, right)
		}
		return
	}
	if label != "" && label != "to" {
		r.line(indent, span{faint, label})
	}
	width := (r.width - cells(indent) - cells(bar)) / 2
	a, b := column(left, width, reviewRows), column(right, width, reviewRows)
	for i := range max(len(a), len(b)) {
		var line []span
		used := 0
		if i < len(a) {
			line = slices.Clone(a[i])
			for _, s := range a[i] {
				used += cells(s.text)
			}
		}
		line = append(line, span{faint, strings.Repeat(" ", width-used) + bar})
		if i < len(b) {
			line = append(line, b[i]...)
		}
		r.emit(indent, line)
	}
}

// column breaks spans into at most rows lines of at most width cells, between words
// where there is a choice. What is left out is told in the last line.
func column(spans []span, width, rows int) [][]span {
	lines := [][]span{nil}
	used := 0
	open := func() {
		lines = append(lines, nil)
		used = 0
	}
	put := func(style style, text string) {
		last := len(lines) - 1
		lines[last] = append(lines[last], span{style, text})
		used += cells(text)
	}
	for _, s := range spans {
		for _, word := range breakable(s.text) {
			if word == "\n" {
				open()
				continue
			}
			if used > 0 && used+cells(strings.TrimRight(word, " ")) > width {
				open()
			}
			for word != "" {
				head := new(runewidth.Condition).Truncate(word, width-used, "")
				if head == "" { // one character that is wider than what is left
					if used == 0 {
						break
					}
					open()
					continue
				}
				put(s.style, head)
				if word = strings.TrimLeft(word[len(head):], " "); word != "" {
					open()
				}
			}
		}
	}
	if len(lines) > rows {
		lines = append(lines[:rows-1:rows-1], []span{{faint, "…"}})
	}
	return lines
}

// cells is how many columns of a terminal s takes. It does not depend on the
// environment.
func cells(s string) int { return new(runewidth.Condition).StringWidth(s) }
