package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of the one screen that a verdict is shown on unless more is asked for. What they cut is
// counted there, and whole with [Options.Verbose].
const (
	screenLines     = 40 // of all; findings get what the rest leaves
	screenLeast     = 18 // lines of all findings, however long the rest is
	screenFirst     = 8  // lines of the first finding, at least
	screenRows      = 2  // lines of a blind spot
	screenKinds     = 4  // kinds of gap
	screenPlaces    = 2  // of one kind of gap
	screenGap       = 3  // lines of a place
	screenNotes     = 4
	screenUnused    = 3 // approvals that nothing used
	screenSettings  = 8
	screenScenarios = 2 // comparisons that have a line each
)

// screen writes what decides, on about one screen.
func (r *renderer) screen() {
	head := r.draft(func() {
		r.decision()
		r.blind(1, screenRows)
		r.blast()
	})
	rows := 3 // of a note: where nothing was found, there is room
	if len(r.v.Findings) > 0 {
		rows = 1
	}
	tail := r.draft(func() {
		r.settings(screenSettings)
		r.gaps(screenKinds, screenPlaces, screenGap)
		r.approvals(screenUnused)
		r.notes(screenNotes, rows)
		r.compared()
		r.next()
		r.last()
	})
	r.b.WriteString(head)
	r.found(max(screenLines-lines(head)-lines(tail), screenLeast))
	r.b.WriteString(tail)
}

func lines(s string) int { return strings.Count(s, "\n") }

// compared says how much was compared and how much of what was recorded was replayed, a line each
// for every scenario or, where there are many, for all, under the notes where there are any.
func (r *renderer) compared() {
	if len(r.v.Comparisons)+len(r.v.Recorded) > 0 && len(r.v.Notes) == 0 {
		r.heading("Compared")
	}
	var told []string
	for i := range r.v.Comparisons {
		told = append(told, compared(&r.v.Comparisons[i]))
	}
	if n := len(told); n > screenScenarios {
		var equal uint64
		changes := 0
		for i := range r.v.Comparisons {
			equal += r.v.Comparisons[i].Equal
			changes += len(r.v.Comparisons[i].Changes)
		}
		told = []string{plural(n, "comparison", "comparisons") + ": " + plural(equal, "delivery", "deliveries") + " equal, " + plural(changes, "change", "changes")}
	}
	for _, line := range recordedLines(r.v, r.names, r.o.Names) {
		if strings.HasPrefix(line, "scenario ") {
			told = append(told, line)
		}
	}
	for _, line := range told {
		r.text("  ", "    ", line)
	}
}

// A room is how much of a finding is shown: names in a list, lines of its example, and lines of
// what differs.
type room struct{ names, example, rows int }

// found writes the findings in so many lines, most harmful first: a line each, of the first in any
// case who is concerned and what differs, and of the others as much as there is room for.
func (r *renderer) found(left int) {
	if len(r.v.Findings) == 0 {
		return
	}
	r.heading("Findings, most harmful first")
	left -= 2 // the heading
	all := make([]string, min(len(r.v.Findings), max(left-screenFirst, 1)))
	if len(all) < len(r.v.Findings) {
		left--
	}
	for i := range all {
		all[i] = r.draft(func() { r.headlineIn(1, fmt.Sprintf("%2d ", i+1), &r.v.Findings[i]) })
		left -= lines(all[i])
	}
	enlarge := func(i int, write func()) bool {
		text := r.draft(write)
		if more := lines(text) - lines(all[i]); more <= left {
			all[i], left = text, left-more
			return true
		}
		return false
	}
	first := &r.v.Findings[0]
	if !enlarge(0, func() { r.outline(1, first, room{3, 1, 1}) }) {
		all[0] = r.draft(func() { r.outline(1, first, room{2, 0, 1}) })
		left -= lines(all[0]) - 1
	}
	for i := 1; i < len(all); i++ {
		enlarge(i, func() { r.summary(i+1, &r.v.Findings[i]) })
	}
	enlarge(0, func() { r.outline(1, first, room{r.o.limit(), 2, 2}) })
	for i := 1; i < len(all); i++ {
		if f := &r.v.Findings[i]; f.State != gate.Noted {
			_ = enlarge(i, func() { r.outline(i+1, f, room{r.o.limit(), 2, 2}) }) || enlarge(i, func() { r.outline(i+1, f, room{3, 1, 1}) })
		}
	}
	for _, text := range all {
		r.b.WriteString(text)
	}
	r.rest(r.v.Findings[len(all):])
}

// rest counts findings that are not shown, by check.
func (r *renderer) rest(list []gate.Judged) {
	if len(list) == 0 {
		return
	}
	by := map[string]int{}
	for i := range list {
		by[list[i].Check]++
	}
	var each []string
	for _, check := range sortedKeys(by) {
		each = append(each, count(by[check])+" "+visible(check, maxName))
	}
	r.line("  ", span{faint, "and " + plural(len(list), "more finding", "more findings") + ": " + strings.Join(each, ", ")})
}

// draft returns what write writes, which is not put on the page.
func (r *renderer) draft(write func()) string {
	whole := r.page
	r.page = &page{width: whole.width, color: whole.color}
	defer func() { r.page = whole }()
	write()
	return r.b.String()
}

// summary is a finding in a line, with the fingerprint that it is accepted by, and who did.
func (r *renderer) summary(n int, f *gate.Judged) {
	r.headlineIn(1, fmt.Sprintf("%2d ", n), f)
	r.accepted(f)
	if f.State != gate.Noted {
		r.field("fingerprint", visible(f.Fingerprint, maxName))
	}
}

// outline is a finding with who is concerned, where it is, and what differs.
func (r *renderer) outline(n int, f *gate.Judged, size room) {
	r.headlineIn(2, fmt.Sprintf("%2d ", n), f)
	r.subjects(f, size.names)
	e := telling(f)
	r.field1("where", r.where(f, e))
	if c := f.Example; c != nil && size.example > 0 {
		r.lines(labelled("example"), hang, size.example, []span{{regular, r.brief(c)}})
	}
	if e != nil {
		r.sides("   ", e.Before, e.After, size.rows, 400)
	} else if f.Example == nil {
		r.sides("   ", f.Before, f.After, size.rows, 400)
	}
	if c := f.Example; c != nil && size.example > 0 {
		if g := foremost(c); g != nil {
			r.lines(labelled("facts"), hang, size.example, []span{{regular, r.exposure(g)}})
		}
	}
	r.accepted(f)
	r.field("fingerprint", visible(f.Fingerprint, maxName))
}

// field1 is field in one line.
func (r *renderer) field1(label, text string) {
	r.lines(labelled(label), hang, 1, []span{{regular, text}})
}

// accepted says of a finding that somebody accepted who did, and whether that still holds.
func (r *renderer) accepted(f *gate.Judged) {
	if f.State == gate.Open || f.State == gate.Noted {
		return // its severity says it
	}
	text := r.state(f)
	if f.Approval != nil {
		text += "; it is " + plural(f.Count, "delivery", "deliveries") + " now"
	}
	r.field("state", text)
}

// telling returns the edit of a finding's example that says most: that of the finding's part, else
// the first that brings the fact that is foremost, else the first with a letter in it, else the
// first. nil where there is none.
func telling(f *gate.Judged) *gate.Edit {
	if f.Example == nil || len(f.Example.Edits) == 0 {
		return nil
	}
	edits := f.Example.Edits
	best, rank := 0, 0
	g := foremost(f.Example)
	for i := range edits {
		n := 0
		switch {
		case f.Part != "" && edits[i].Part == f.Part:
			n = 3
		case g != nil && len(g.Sample) > 0 && strings.Contains(edits[i].After, g.Sample[0].Value):
			n = 2
		case strings.ContainsFunc(edits[i].Before+edits[i].After, unicode.IsLetter):
			n = 1
		}
		if n > rank {
			best, rank = i, n
		}
	}
	return &edits[best]
}
