package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// DefaultBudget is how many characters Markdown is held to where Options do not
// say: a comment on a pull request takes 65,536.
const DefaultBudget = 60_000

// tailBudget is kept free for what says how much was left out, and for what stands last.
const tailBudget = 1500

// Markdown writes v for a page that others can read and that obeys what is
// written on it: a comment, a check run, the summary of a job. It is Markdown as
// GitHub renders it, at most [Options.Budget] characters of it, cut at rows, and it
// says what was left out. It names nobody and holds no text of messages, whatever
// [Options.Names] says.
//
// Everything that is not Waybill's own word stands in code, all its punctuation as
// character references: nothing in it can be a mention, a reference, a link, an
// image, a table's edge, a comment, or a command to the log of a workflow.
func Markdown(w io.Writer, v *gate.Verdict, o Options) error {
	v = causesFirst(v)
	o.Names = false
	budget := o.Budget
	if budget <= 0 {
		budget = DefaultBudget
	}
	m := &markdown{names: newNames(v, &o), v: v, o: &o, left: budget - tailBudget}
	m.head()
	m.table()
	m.settings()
	m.why()
	m.gaps()
	m.recorded()
	m.accepted()
	m.masked()
	m.unused()
	m.notes()
	m.tail()
	if _, err := io.WriteString(w, m.b.String()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

type markdown struct {
	b       strings.Builder
	names   *names
	v       *gate.Verdict
	o       *Options
	left    int // characters
	dropped []string
}

// put writes s where there is room for it.
func (m *markdown) put(s string) bool {
	n := utf8.RuneCountInString(s)
	if n > m.left {
		return false
	}
	m.left -= n
	m.b.WriteString(s)
	return true
}

// rows writes lines between a head and a foot, as many as there is room for, at
// most limit, and notes how many of what were left out.
func (m *markdown) rows(head string, lines []string, foot string, limit int, one, many string) {
	if len(lines) == 0 {
		return
	}
	m.left -= utf8.RuneCountInString(foot)
	done := 0
	if m.left > 0 && m.put(head) {
		for _, line := range lines {
			if done == limit || !m.put(line) {
				break
			}
			done++
		}
		m.b.WriteString(foot)
	} else {
		m.left += utf8.RuneCountInString(foot)
	}
	if n := len(lines) - done; n > 0 {
		m.dropped = append(m.dropped, plural(n, one, many))
	}
}

func (m *markdown) head() {
	c := conclude(m.v, m.names)
	var sign, word, rest string
	switch {
	case c.code == gate.ExitPass && c.approved > 0:
		sign, word = "✅", "Passed with "+plural(c.approved, "approved change", "approved changes")
	case c.code == gate.ExitPass:
		sign, word = "✅", "No recipient changes"
	case m.v.Decision == gate.Blocked && m.o.ReportOnly && c.code == gate.ExitBlocked:
		sign, word, rest = "🟠", "Report-only (would block)", c.text
	case m.v.Decision == gate.Blocked:
		sign, word, rest = "❌", "Blocked", c.text
	default:
		sign, word, rest = "⚠️", "Not evaluated", c.text
	}
	line := sign + " **" + word + "**"
	if rest != "" {
		line += ": " + m.prose(rest)
	}
	m.put(line + "\n\n")
	var blind []string
	for _, line := range blindLines(m.v, m.names, blindPlaces) {
		blind = append(blind, "- "+m.prose(line)+"\n")
	}
	m.rows("", blind, "\n", maxGaps, "blind spot", "blind spots")
	var at []string
	if s := m.v.Made.Commit; s != "" {
		at = append(at, "commit "+code(visible(s, maxName)))
	}
	var builds []string
	replayed := uint64(0)
	for i := range m.v.Comparisons {
		c := &m.v.Comparisons[i]
		replayed = max(replayed, c.Staging.Stimuli)
		for _, f := range []*gate.RunFacts{&c.Production, &c.Staging} {
			if b := code(visible(f.Build, 60)); f.Build != "" && !slices.Contains(builds, b) {
				builds = append(builds, b)
			}
		}
	}
	if len(builds) > 0 {
		at = append(at, strings.Join(builds, " to "))
	}
	if s := strings.TrimPrefix(m.v.Corpus, "sha256:"); s != "" {
		at = append(at, "corpus "+code(visible(s[:min(12, len(s))], maxName)))
	}
	if n := m.v.Made.Stimuli; n > 0 {
		at = append(at, fmt.Sprintf("replayed %s of %s", count(replayed), plural(n, "stimulus", "stimuli")))
	}
	if n := m.v.Made.Shards; n > 0 {
		at = append(at, plural(n, "shard", "shards"))
	}
	if len(at) > 0 {
		m.put(strings.Join(at, " · ") + "\n\n")
	}
	b := m.v.Blast
	if b != (gate.Blast{}) {
		m.put(fmt.Sprintf("| gain something | lose something | data received by somebody else | outside parties |\n|--:|--:|--:|--:|\n| %s | %s | %s | %s |\n\n",
			count(b.Gain), count(b.Lose), count(b.Exposed), count(b.Parties)))
	}
	var lines []string
	for _, r := range m.v.Reasons {
		lines = append(lines, fmt.Sprintf("- exit %d: %s\n", r.Code, m.prose(m.names.prose(r.Text))))
	}
	if len(lines) > 1 {
		m.rows("", lines, "\n", maxGaps, "reason", "reasons")
	}
}

// table is of the findings: who gains before who loses before what changes, routing
// before payload, and nothing netted.
func (m *markdown) table() {
	var lines []string
	for _, f := range m.ordered() {
		lines = append(lines, fmt.Sprintf("| %s | %s | %s | %s | %s | %s | %s |\n", stateWord(f.State), code(visible(f.Check, maxName)), m.prose(m.names.prose(f.Title)),
			m.people(f.Gained), m.people(f.Lost), m.people(append(slices.Clone(f.Owners), f.Parties...)), count(f.Count)))
	}
	m.rows("| | check | what | who gains | who loses | whose data, outside | messages |\n|---|---|---|---|---|---|--:|\n", lines, "\n", maxRows, "finding", "findings")
}

// maxRows bounds a table: longer ones are not read.
const maxRows = 200

// ordered is the findings as the table shows them.
func (m *markdown) ordered() []*gate.Judged {
	list := make([]*gate.Judged, len(m.v.Findings))
	for i := range m.v.Findings {
		list[i] = &m.v.Findings[i]
	}
	rank := func(f *gate.Judged) int {
		switch {
		case !open(f.State):
			return 4
		case len(f.Gained) > 0:
			return 0
		case len(f.Lost) > 0:
			return 1
		case len(f.Owners) > 0 || len(f.Parties) > 0:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(list, func(a, b *gate.Judged) int { return rank(a) - rank(b) })
	return list
}

func stateWord(s gate.State) string {
	switch s {
	case gate.Open:
		return "blocks"
	case gate.Approved:
		return "approved"
	case gate.Expired:
		return "blocks: approval ended"
	case gate.Outgrown:
		return "blocks: grew"
	case gate.Noted:
		return "noted"
	}
	return "not known"
}

// people is a cell with who is concerned.
func (m *markdown) people(ids []string) string {
	var cell []string
	for _, id := range ids[:min(len(ids), m.o.limit())] {
		cell = append(cell, code(m.names.id(id)))
	}
	s := strings.Join(cell, " ")
	if n := len(ids) - m.o.limit(); n > 0 {
		s += " and " + count(n) + " more"
	}
	return s
}

func (m *markdown) why() {
	var lines []string
	for _, f := range m.ordered() {
		if !open(f.State) {
			continue
		}
		line := "- " + code(visible(f.Fingerprint, maxName)) + " " + code(visible(f.Check, maxName))
		if f.Channel != "" || f.Sink != "" {
			line += ": " + code(visible(f.Channel, 40)) + passedBy(f) + code(visible(f.Sink, 80))
		}
		if f.Part != "" {
			line += ", part " + code(m.names.part(f.Part))
		}
		if len(f.Scenarios) > 0 {
			line += ", scenario " + code(visible(strings.Join(f.Scenarios, ", "), maxName))
		}
		if c := f.Example; c != nil {
			line += "; for example " + m.change(c)
		}
		lines = append(lines, line+"\n")
	}
	m.rows("<details><summary>Why</summary>\n\n", lines, "\n</details>\n\n", maxRows, "explanation", "explanations")
}

// change is an example in one sentence.
func (m *markdown) change(c *gate.Change) string {
	s := string(c.Kind)
	switch {
	case c.Before == nil && c.After == nil:
		return code(visible(s, 40))
	case c.Before != nil && c.After != nil && c.Before.Recipient.ID() != c.After.Recipient.ID():
		s = code(visible(s, 40)) + ", to " + code(m.names.recipient(c.Before.Recipient)) + " before and to " + code(m.names.recipient(c.After.Recipient)) + " after"
	default:
		s = code(visible(s, 40)) + ", to " + code(m.names.recipient(c.Recipient()))
	}
	for i := range c.Gains {
		if g := &c.Gains[i]; !g.Own {
			s += fmt.Sprintf(", with %s of %s", plural(g.Facts, "fact", "facts"), code(m.names.id(g.Owner.ID())))
			break
		}
	}
	return s + "; paired by " + m.prose(ruleText(c.Rule))
}

// settings says what a release changes of what it is judged by.
func (m *markdown) settings() {
	var lines []string
	for i := range m.v.Made.Settings {
		key, what := settingText(&m.v.Made.Settings[i], false)
		lines = append(lines, "- "+code(key)+": "+code(what)+"\n")
	}
	m.rows("**"+changedHeading+"**\n\n", lines, "\n", maxSettings, "setting", "settings")
}

func (m *markdown) gaps() {
	var lines []string
	for i := range m.v.Gaps {
		g := &m.v.Gaps[i]
		line := "- " + code(m.names.prose(g.Kind)) + " at " + code(m.names.prose(g.Where))
		if g.Count > 1 {
			line += " (" + count(g.Count) + " times)"
		}
		if g.Detail != "" {
			line += ": " + m.prose(m.names.prose(g.Detail))
		}
		lines = append(lines, line+"\n")
	}
	m.rows("<details open><summary>Not seen, or not seen whole</summary>\n\n", lines, "\n</details>\n\n", maxGaps, "gap", "gaps")
}

func (m *markdown) accepted() {
	var lines []string
	for i := range m.v.Findings {
		f := &m.v.Findings[i]
		if f.Approval == nil {
			continue
		}
		lines = append(lines, fmt.Sprintf("- %s %s: %s, until %s, at most %s\n", code(visible(f.Fingerprint, maxName)), code(visible(f.Check, maxName)), stateWord(f.State),
			code(visible(f.Approval.Expires, 40)), plural(f.Approval.MaxMessages, "message", "messages")))
	}
	m.rows("<details><summary>Accepted</summary>\n\n", lines, "\n</details>\n\n", maxRows, "approval", "approvals")
}

func (m *markdown) masked() {
	total := maskSums(m.v, func(mask gate.Masked) string { return visible(mask.Rule, 40) })
	var lines []string
	for _, rule := range sortedKeys(total) {
		lines = append(lines, fmt.Sprintf("- %s: %s%s\n", code(rule), count(total[rule].count), total[rule].hidden()))
	}
	m.rows("<details><summary>Masked before comparison</summary>\n\n", lines, "\n</details>\n\n", maxMasks, "kind of mask", "kinds of mask")
}

func (m *markdown) unused() {
	var lines []string
	for i := range m.v.Unused {
		a := &m.v.Unused[i]
		lines = append(lines, "- "+code(visible(a.Fingerprint, maxName))+" "+code(visible(a.Check, maxName))+", until "+code(visible(a.Expires, 40))+"\n")
	}
	m.rows("<details><summary>Approvals that nothing used</summary>\n\n", lines, "\n</details>\n\n", maxGaps, "unused approval", "unused approvals")
}

func (m *markdown) recorded() {
	var lines []string
	for _, line := range recordedLines(m.v, m.names, false) {
		lines = append(lines, "- "+m.prose(line)+"\n")
	}
	m.rows("<details><summary>Recorded and replayed</summary>\n\n", lines, "\n</details>\n\n", maxGaps, "line", "lines")
}

func (m *markdown) notes() {
	var lines []string
	for _, n := range m.v.Notes {
		lines = append(lines, "- "+m.prose(m.names.prose(n))+"\n")
	}
	m.rows("", lines, "\n", maxGaps, "note", "notes")
}

func (m *markdown) tail() {
	m.left += tailBudget
	if len(m.dropped) > 0 {
		m.put("Left out here for want of room: " + strings.Join(m.dropped, ", ") + ". The verdict in JSON has all.\n\n")
	}
	if len(m.o.Next) > 0 {
		var b strings.Builder
		b.WriteString("```sh\n")
		for _, n := range m.o.Next {
			b.WriteString(strings.ReplaceAll(visible(n, maxProse), "`", "'") + "\n")
		}
		b.WriteString("```\n")
		m.put(b.String())
	}
}

// prose is text of Waybill's own, for a page that obeys: [names.prose] has been
// there before it.
func (m *markdown) prose(s string) string { return reference(s, " ,.;:()'%+=-") }

// code is s as code, whatever is in it.
func code(s string) string { return "<code>" + reference(s, " -") + "</code>" }

// reference is s with all punctuation but keep as character references (CommonMark
// 0.31, 2.5), which are never markup. At signs and number signs, which GitHub reads
// after rendering, get a joiner that shows nothing beside them.
func reference(s, keep string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '@' || r == '#':
			fmt.Fprintf(&b, "&#%d;&#8288;", r)
		case r < 0x80 && !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9') && !strings.ContainsRune(keep, r):
			fmt.Fprintf(&b, "&#%d;", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
