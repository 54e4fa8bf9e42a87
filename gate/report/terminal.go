package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of one report. What they cut is counted, and whole in the JSON verdict.
const (
	maxFindings = 40
	maxGaps     = 40
	maxMasks    = 40
	maxClasses  = 4 // of one finding
	exampleRows = 3 // lines of a payload, of each side
)

// Terminal writes v for a person, on about one screen: first the decision, then how far it
// reaches, what was found, most harmful first, what was not seen and what to do about it, what to
// type next, who would receive whose, and in the last line the decision again. With
// [Options.Verbose] it writes everything: what was masked, counts, digests, how deliveries were
// paired, and what else the decision rests on.
func Terminal(w io.Writer, v *gate.Verdict, o Options) error {
	v = causesFirst(v)
	r := &renderer{page: newPage(&o), names: newNames(v, &o), v: v, o: &o}
	if o.Verbose {
		r.whole()
	} else {
		r.screen()
	}
	if _, err := io.WriteString(w, r.b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// whole writes everything.
func (r *renderer) whole() {
	r.decision()
	r.blind(blindPlaces, 1<<30)
	r.blast()
	r.findings()
	r.settings(maxSettings)
	r.gaps(maxGaps, maxGaps, 1<<30)
	r.masks()
	r.recorded()
	r.counts()
	r.readings()
	r.approvals(maxGaps)
	r.notes(1<<30, 1<<30)
	r.next()
	r.last()
}

type renderer struct {
	*page
	names *names
	v     *gate.Verdict
	o     *Options
}

// open reports whether a finding in state s blocks.
func open(s gate.State) bool { return s == gate.Open || s == gate.Expired || s == gate.Outgrown }

func (r *renderer) decision() {
	code := r.verdictLine(1 << 30).code
	if len(r.v.Reasons) > 1 || len(r.v.Reasons) == 1 && r.v.Decision == gate.Blocked && code != gate.ExitBlocked {
		for _, reason := range r.v.Reasons[:min(len(r.v.Reasons), maxGaps)] {
			r.text(fmt.Sprintf("  exit %-3d ", reason.Code), "           ", r.names.prose(reason.Text))
		}
		r.more(len(r.v.Reasons)-maxGaps, "reason", "reasons")
	}
}

// verdictLine writes the decision and what was found, in one sentence of at most so many lines.
func (r *renderer) verdictLine(rows int) conclusion {
	c := conclude(r.v, r.names)
	word := map[string]style{"Pass": good, "Blocked": bad}
	head, rest := span{careful, c.word + ": "}, span{bold, c.text}
	if style, ok := word[c.word]; ok {
		head.style = style
	}
	r.lines("", "  ", rows, []span{head, rest})
	return c
}

// last says who would receive whose and the decision again, where whoever ran the gate looks
// first: above the prompt.
func (r *renderer) last() {
	r.blank()
	if text := whoToWhom(r.v, r.names, min(r.o.limit(), 2)); text != "" {
		r.lines("  ", "    ", 2, []span{{regular, text}})
	}
	r.verdictLine(1)
}

// blind says what was not seen although nothing failed, where the verdict is said: of each kind so
// many places, in at most so many lines.
func (r *renderer) blind(places, rows int) {
	for _, line := range blindLines(r.v, r.names, places) {
		r.lines("  ", "    ", rows, []span{{regular, line}})
	}
}

func (r *renderer) blast() {
	b := r.v.Blast
	r.heading("Blast radius")
	if b == (gate.Blast{}) && len(r.v.Findings) == 0 {
		if r.v.ExitCode() == gate.ExitPass {
			r.line("  ", span{regular, "nobody receives anything else than before"})
		} else {
			r.line("  ", span{regular, "not known: see what is missing below"})
		}
		return
	}
	if b == (gate.Blast{}) && !slices.ContainsFunc(r.v.Findings, func(f gate.Judged) bool {
		return f.Severity != gate.Note && len(f.Gained)+len(f.Lost)+len(f.Owners)+len(f.Parties) > 0
	}) {
		r.line("  ", span{regular, "no finding names anybody"})
		return
	}
	row := func(n int, one, many string) {
		if n > 0 {
			r.line("  ", span{bad, fmt.Sprintf("%7s ", count(n))}, span{regular, map[bool]string{true: one, false: many}[n == 1]})
		}
	}
	row(b.Gain, "person receives something that they did not", "people receive something that they did not")
	row(b.Exposed, "person's data is received by somebody else", "people's data is received by somebody else")
	row(b.Lose, "person no longer receives something that they did", "people no longer receive something that they did")
	row(b.Merged, "person's messages ended up together with others' in one message", "people's messages ended up together in one message")
	row(b.Parties, "outside party is concerned", "outside parties are concerned")
	var parties []string
	for i := range r.v.Findings {
		if f := &r.v.Findings[i]; f.Severity != gate.Note {
			parties = append(parties, f.Parties...)
		}
	}
	slices.Sort(parties)
	r.list("          ", "", slices.Compact(parties), r.o.limit())
}

func (r *renderer) findings() {
	if len(r.v.Findings) == 0 {
		return
	}
	r.heading("Findings, most harmful first")
	for i := range r.v.Findings {
		if i == maxFindings {
			break
		}
		if i > 0 {
			r.blank()
		}
		r.finding(i+1, &r.v.Findings[i])
	}
	if len(r.v.Findings) > maxFindings {
		rest := map[string]int{}
		for i := maxFindings; i < len(r.v.Findings); i++ {
			f := &r.v.Findings[i]
			rest[string(f.Severity)+" "+f.Check+", "+string(f.State)]++
		}
		r.blank()
		r.more(len(r.v.Findings)-maxFindings, "finding", "findings")
		for _, k := range sortedKeys(rest) {
			r.line("    ", span{regular, fmt.Sprintf("%7s ", count(rest[k])) + visible(k, maxName)})
		}
	}
}

// headline is the first lines of a finding: how bad, which check, and what.
func (r *renderer) headline(lead string, f *gate.Judged) { r.headlineIn(1<<30, lead, f) }

// headlineIn is headline in at most so many lines.
func (r *renderer) headlineIn(rows int, lead string, f *gate.Judged) {
	severity := map[gate.Severity]style{gate.Block: bad, gate.Warn: careful, gate.Note: faint}[f.Severity]
	if !open(f.State) {
		severity = faint
	}
	r.lines(lead, "   ", rows, []span{
		{severity, strings.ToUpper(visible(string(f.Severity), 20))},
		{bold, " " + visible(f.Check, maxName)},
		{regular, ": " + r.names.prose(f.Title)},
	})
}

func (r *renderer) finding(n int, f *gate.Judged) {
	r.headline(fmt.Sprintf("%2d ", n), f)
	r.subjects(f, r.o.limit())
	r.place(f)
	if c := f.Example; c != nil {
		r.example(c)
	} else {
		r.sides("   ", f.Before, f.After, exampleRows, 400)
	}
	r.field("state", r.state(f))
	r.field("fingerprint", visible(f.Fingerprint, maxName))
}

// labelled is how a field of a finding begins.
func labelled(label string) string { return fmt.Sprintf("   %-12s ", label) }

const hang = "                " // as long as what labelled gives

func (r *renderer) field(label, text string) { r.text(labelled(label), hang, text) }

// subjects says who is concerned, at most limit of each sort.
func (r *renderer) subjects(f *gate.Judged, limit int) {
	r.list(labelled("who gains"), hang, f.Gained, limit)
	r.list(labelled("who loses"), hang, f.Lost, limit)
	r.list(labelled("whose data"), hang, f.Owners, limit)
	r.list(labelled("outside"), hang, f.Parties, limit)
}

// list writes identities with commas between, or nothing where there are none.
func (r *renderer) list(lead, hang string, ids []string, limit int) {
	if len(ids) == 0 {
		return
	}
	if hang == "" {
		hang = lead
	}
	var text strings.Builder
	for i, id := range ids[:min(len(ids), limit)] {
		if i > 0 {
			text.WriteString(", ")
		}
		text.WriteString(r.names.id(id))
	}
	if len(ids) > limit {
		text.WriteString(" and " + count(len(ids)-limit) + " more")
	}
	r.text(lead, hang, text.String())
}

// passedBy words where the deliveries of a finding were seen: at a sink, or at the door whose
// stimuli they answer.
func passedBy(f *gate.Judged) string {
	if len(f.Scenarios) > 0 && strings.HasSuffix(f.Scenarios[0], gate.Answers) {
		return " answers at door "
	}
	return " to sink "
}

func (r *renderer) place(f *gate.Judged) { r.field("where", r.where(f, nil)) }

// where says in which messages a finding is, and in which part, or in which that of its example is
// where it is in several.
func (r *renderer) where(f *gate.Judged, e *gate.Edit) string {
	var at []string
	if e != nil {
		part := "part " + r.names.part(e.Part)
		switch {
		case e.NewPart:
			part += " (new)"
		case e.GonePart:
			part += " (gone)"
		}
		at = append(at, part)
	}
	switch {
	case f.Sink != "":
		at = append(at, visible(f.Channel, 40)+passedBy(f)+visible(f.Sink, 80))
	case f.Channel != "":
		at = append(at, visible(f.Channel, 40)+" to several sinks")
	}
	if f.Part != "" && e == nil {
		at = append(at, "part "+r.names.part(f.Part))
	}
	switch {
	case !r.o.Names:
	case f.Class != "":
		at = append(at, "class "+visible(f.Class, maxName))
	case len(f.Classes) == 1:
		at = append(at, "class "+visible(f.Classes[0], maxName))
	case len(f.Classes) > maxClasses:
		at = append(at, "classes "+visible(strings.Join(f.Classes[:maxClasses], ", "), maxProse)+" and "+count(len(f.Classes)-maxClasses)+" more")
	case len(f.Classes) > 0:
		at = append(at, "classes "+visible(strings.Join(f.Classes, ", "), maxProse))
	}
	if len(f.Scenarios) > 0 {
		at = append(at, "scenario "+visible(strings.Join(f.Scenarios, ", "), maxName))
	}
	at = append(at, plural(f.Count, "delivery", "deliveries"))
	if f.Bits > 0 && r.o.Verbose {
		at = append(at, fmt.Sprintf("%.1f bits of evidence", f.Bits))
	}
	return strings.Join(at, "; ")
}

func (r *renderer) state(f *gate.Judged) string {
	var s string
	switch f.State {
	case gate.Open:
		s = "blocks: nobody has approved it"
	case gate.Approved:
		s = "approved"
	case gate.Expired:
		s = "blocks: its approval has expired"
	case gate.Outgrown:
		s = "blocks: more messages than were approved"
	case gate.Noted:
		s = "noted: asks for nothing"
	default:
		s = "not known: " + visible(string(f.State), 40)
	}
	if a := f.Approval; a != nil {
		if r.o.Names {
			s += ", by " + visible(a.ApprovedBy, maxName) + " for " + visible(a.RequestedBy, maxName) + ": " + visible(a.Reason, 200)
		}
		s += " (until " + visible(a.Expires, 40) + ", at most " + plural(a.MaxMessages, "message", "messages") + ")"
	}
	return s
}

// example shows one change in a few lines.
func (r *renderer) example(c *gate.Change) {
	r.field("example", r.brief(c))
	if c.Copies != [2]int{} && c.Copies != [2]int{1, 1} && c.Copies != [2]int{0, 1} && c.Copies != [2]int{1, 0} {
		r.field("copies", count(c.Copies[0])+" before, "+count(c.Copies[1])+" after")
	}
	if len(c.Edits) > 0 {
		e := &c.Edits[0]
		what := "part " + r.names.part(e.Part)
		switch {
		case e.NewPart:
			what += " (new)"
		case e.GonePart:
			what += " (gone)"
		}
		if n := len(c.Edits) - 1; n > 0 {
			what += " and " + plural(n, "more edit", "more edits")
		}
		r.field("edit", what)
		r.sides("   ", e.Before, e.After, exampleRows, 400)
	}
	if g := foremost(c); g != nil {
		r.field("facts", r.exposure(g))
	}
	r.field("paired by", ruleText(c.Rule))
}

// foremost is the exposure that says most of a change: facts of another, of a person
// rather than of an outside party, heaviest first as they stand. nil where there is none.
func foremost(c *gate.Change) *gate.Exposure {
	var first *gate.Exposure
	for i := range c.Gains {
		g := &c.Gains[i]
		if g.Own || g.Bits == 0 { // what everybody has says nothing of anybody
			continue
		}
		if g.New && g.Owner.Kind != gate.Host {
			return g
		}
		if first == nil {
			first = g
		}
	}
	return first
}

// brief is a change in one sentence.
func (r *renderer) brief(c *gate.Change) string {
	s := visible(string(c.Kind), 40)
	switch {
	case c.Before == nil && c.After == nil:
		return s + ": of what, is not said"
	case c.Before != nil && c.After != nil && c.Before.Recipient.ID() != c.After.Recipient.ID():
		s += ": to " + r.names.recipient(c.Before.Recipient) + " before, to " + r.names.recipient(c.After.Recipient) + " after"
	default:
		s += ": to " + r.names.recipient(c.Recipient())
	}
	return s + r.title(c.Delivery())
}

func (r *renderer) title(d *gate.Delivery) string {
	if !r.o.Names || d.Title == "" {
		return ""
	}
	return ", “" + visible(d.Title, 80) + "”"
}

func (r *renderer) exposure(g *gate.Exposure) string {
	s := plural(g.Facts, "fact", "facts") + " of " + r.names.id(g.Owner.ID())
	if r.o.Verbose {
		s += fmt.Sprintf(", %.1f bits", g.Bits)
	}
	switch {
	case g.Own:
		s += ", the recipient's own"
	case g.Stimuli:
		s += ", known from stimuli only"
	}
	switch {
	case g.New && r.o.Verbose:
		s += ", which this recipient never had before"
	case g.New:
		s += ", new to this recipient"
	}
	if r.o.Names && len(g.Sample) > 0 {
		s += ", such as the " + visible(string(g.Sample[0].Kind), 20) + " “" + visible(g.Sample[0].Value, 60) + "”"
	}
	return s
}

// ruleText says how two deliveries were paired.
func ruleText(rule gate.Rule) string {
	switch rule {
	case gate.ByCause:
		return "cause: both carry one trace or message id"
	case gate.ByContent:
		return "content: both have one body, which nobody else has"
	case gate.ByRecipient:
		return "recipient: one recipient, and the most similar content"
	case gate.ByLikeness:
		return "likeness: different recipients, and content alike but for small edits"
	case gate.Unpaired:
		return "nothing: there was nothing to pair it with"
	}
	return visible(string(rule), maxName)
}

// sides shows two texts and marks the words that differ. It shows nothing where
// names are not shown.
func (r *renderer) sides(indent, before, after string, rows, runes int) {
	if !r.o.Names || before == "" && after == "" {
		return
	}
	left, right := marked(before, after, runes)
	show := func(label string, s []span, whole string) {
		if whole == "" {
			s = []span{{faint, "(nothing)"}}
		}
		r.lines(fmt.Sprintf("%s%-12s | ", indent, label), fmt.Sprintf("%s%-12s | ", indent, ""), rows, s)
	}
	show("before", left, before)
	show("after", right, after)
}

// marked is two texts, cut to so many runes each, with the words marked that differ.
func marked(before, after string, runes int) (left, right []span) {
	// Cut before comparing, around the first difference: what is equal before it is only context.
	before, after = window(before, after, runes)
	for _, s := range differ(before, after) {
		text := visible(s.text, 4*runes)
		switch s.op {
		case diffmatchpatch.DiffEqual:
			left, right = append(left, span{regular, text}), append(right, span{regular, text})
		case diffmatchpatch.DiffDelete:
			left = append(left, span{removed, "[-" + text + "-]"})
		case diffmatchpatch.DiffInsert:
			right = append(right, span{added, "{+" + text + "+}"})
		}
	}
	return left, right
}

// window cuts two texts to at most n runes each, from a little before the place
// where they first differ.
func window(before, after string, n int) (string, string) {
	const context = 60
	same := 0
	for same < len(before) && same < len(after) && before[same] == after[same] {
		same++
	}
	from := 0
	for i := range before[:same] {
		if same-i <= context {
			from = i
			break
		}
	}
	clip := func(s string) string {
		c := cut(s[from:], n)
		if from > 0 {
			c = "…" + c
		}
		if len(s)-from > len(c) {
			c += "…"
		}
		return c
	}
	return clip(before), clip(after)
}

func (r *renderer) approvals(limit int) {
	if len(r.v.Unused) == 0 {
		return
	}
	r.heading("Approvals that nothing used")
	for _, a := range r.v.Unused[:min(len(r.v.Unused), limit)] {
		text := visible(a.Fingerprint, maxName) + " " + visible(a.Check, maxName) + ", until " + visible(a.Expires, 40)
		if r.o.Names {
			text += ", by " + visible(a.ApprovedBy, maxName)
		}
		r.text("  ", "    ", text)
	}
	r.more(len(r.v.Unused)-limit, "approval", "approvals")
}

// notes writes at most so many notes, of at most so many lines each.
func (r *renderer) notes(limit, rows int) {
	if len(r.v.Notes) == 0 {
		return
	}
	r.heading("Notes")
	for _, n := range r.v.Notes[:min(len(r.v.Notes), limit)] {
		r.lines("  ", "    ", rows, []span{{regular, r.names.prose(n)}})
	}
	r.more(len(r.v.Notes)-limit, "note", "notes")
}

func (r *renderer) next() {
	if len(r.o.Next) == 0 {
		return
	}
	r.heading("Next")
	for _, n := range r.o.Next {
		r.verbatim("  " + visible(n, maxProse))
	}
}

func (r *renderer) more(n int, one, many string) {
	if n > 0 {
		r.line("  ", span{faint, "and " + plural(n, "more "+one, "more "+many)})
	}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
