package report

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of the one screen that a verdict is shown on unless more is asked for. What they cut is
// counted there, and whole with [Options.Verbose].
const (
	screenLines    = 40 // of all; findings get what the rest leaves
	screenLeast    = 12 // lines of all findings, however long the rest is
	screenRows     = 2  // lines of a blind spot
	screenKinds    = 4  // kinds of gap
	screenPlaces   = 2  // of one kind of gap
	screenGap      = 3  // lines of a place
	screenNotes    = 4
	screenUnused   = 3 // approvals that nothing used
	screenSettings = 8
)

// screen writes what decides, on about one screen.
func (r *renderer) screen() {
	head := r.draft(func() {
		r.decision()
		r.blind(1, screenRows)
		r.blast()
	})
	tail := r.draft(func() {
		r.settings(screenSettings)
		r.gaps(screenKinds, screenPlaces, screenGap)
		r.approvals(screenUnused)
		r.notes(screenNotes, 1)
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
// for every scenario, under the notes where there are any.
func (r *renderer) compared() {
	if len(r.v.Comparisons)+len(r.v.Recorded) > 0 && len(r.v.Notes) == 0 {
		r.heading("Compared")
	}
	for i := range r.v.Comparisons {
		r.text("  ", "    ", compared(&r.v.Comparisons[i]))
	}
	for _, line := range recordedLines(r.v, r.names, r.o.Names) {
		if strings.HasPrefix(line, "scenario ") {
			r.text("  ", "    ", line)
		}
	}
}

// A room is how much of a finding is shown: names in a list, lines of its example, and lines of
// what differs.
type room struct{ names, example, rows int }

// found writes the findings in so many lines, most harmful first: as many with an example as there
// is room for, the first in any case, the others in a line or two each, and of what is left how
// many there are.
func (r *renderer) found(left int) {
	if len(r.v.Findings) == 0 {
		return
	}
	r.heading("Findings, most harmful first")
	left -= 2 // the heading
	all := make([]string, min(len(r.v.Findings), left/2))
	if len(all) < len(r.v.Findings) {
		left--
	}
	for i := range all {
		all[i] = r.draft(func() { r.summary(i+1, &r.v.Findings[i]) })
		left -= lines(all[i])
	}
	for i := range all {
		f := &r.v.Findings[i]
		if i > 0 && f.State == gate.Noted {
			continue
		}
		for _, size := range []room{{r.o.limit(), 2, 2}, {3, 1, 1}, {3, 0, 1}} {
			if i > 0 && size.example == 0 {
				break
			}
			outline := r.draft(func() { r.outline(i+1, f, size) })
			more := lines(outline) - lines(all[i])
			if more <= left || size.example == 0 {
				all[i], left = outline, left-more
				break
			}
		}
	}
	for len(all) > 1 && left < 0 {
		left += lines(all[len(all)-1])
		all = all[:len(all)-1]
	}
	for _, text := range all {
		r.b.WriteString(text)
	}
	r.more(len(r.v.Findings)-len(all), "finding", "findings")
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
	r.field1("where", r.where(f))
	if c := f.Example; c != nil {
		if size.example > 0 {
			r.lines(labelled("example"), hang, size.example, []span{{regular, r.brief(c)}})
		}
		if len(c.Edits) > 0 {
			e := &c.Edits[0]
			if e.Part != f.Part && size.example > 0 {
				r.field1("edit", "part "+r.names.part(e.Part))
			}
			r.sides("   ", e.Before, e.After, size.rows, 400)
		}
		if g := foremost(c); g != nil && size.example > 0 {
			r.lines(labelled("facts"), hang, size.example, []span{{regular, r.exposure(g)}})
		}
	} else {
		r.sides("   ", f.Before, f.After, size.rows, 400)
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
