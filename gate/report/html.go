package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/waybill-dev/waybill/gate"
)

var (
	//go:embed html/page.html
	htmlPage string
	//go:embed html/page.css
	htmlStyle string
	//go:embed html/page.js
	htmlScript string
)

// maxHTML is how many bytes of changes a page holds; with all else it stays below 10 MB.
const maxHTML = 7 << 20

// Lists of numbers, of people and of changes, may take so many bytes more.
const (
	listRoom  = 1 << 20
	indexSize = 8 // bytes of a number and a comma, at the most
)

// Bounds of one page. What they cut is counted on it, and whole in the JSON verdict.
const (
	maxHTMLFindings = 2000
	maxHTMLPeople   = 500  // of one list of one finding
	maxHTMLParts    = 64   // of one message of an example
	maxHTMLText     = 4000 // runes of one text
)

// HTML writes v as one page that opens from disk and needs nothing from elsewhere:
// its policy (Content-Security-Policy, level 3) lets it load nothing, run only its
// own script and send nothing. Text of messages is shown as text. What happened is
// shown by recipient, by finding and by message, with the differences side by side,
// and who gained whose facts as a plot. Names and text are shown as [Options.Names] says.
//
// load brings the messages of a finding's example, so that they are shown whole; nil
// shows what the verdict holds. What load fails to bring is left out, and the page says so.
//
// A page is below 10 MB whatever the size of the run.
func HTML(w io.Writer, v *gate.Verdict, load Loader, o Options) error {
	v = causesFirst(v)
	b := &htmlBuilder{names: newNames(v, &o), v: v, o: &o, load: load, index: map[string]int{}}
	data, err := json.Marshal(b.page())
	if err != nil {
		return fmt.Errorf("write verdict as html: %w", err)
	}
	t, err := template.New("page").Parse(htmlPage)
	if err != nil {
		return fmt.Errorf("write verdict as html: %w", err)
	}
	err = t.Execute(w, map[string]any{
		"Policy": "default-src 'none'; style-src '" + policyHash(htmlStyle) + "'; script-src '" + policyHash(htmlScript) +
			"'; base-uri 'none'; form-action 'none'",
		"Style":  template.CSS(htmlStyle),
		"Script": template.JS(htmlScript),
		"Data":   template.JS(escapeJSON(data)), // json.Marshal escapes <, > and &: it cannot end the element
		"Word":   b.conclusion.word,
		"Text":   b.conclusion.text,
		"Blind":  blindLines(v, b.names, blindPlaces),
	})
	if err != nil {
		return fmt.Errorf("write verdict as html: %w", err)
	}
	return nil
}

// policyHash names an inline element's text in a policy.
func policyHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// What a page is made of. Names and texts in it are fit to be shown.
type (
	htmlData struct {
		Word     string        `json:"word"`
		Text     string        `json:"text"`
		Facts    [][2]string   `json:"facts"` // what the verdict is of, by label
		Blast    []htmlCount   `json:"blast"`
		Reasons  []string      `json:"reasons"`
		Gaps     []string      `json:"gaps"`
		Masks    []htmlCount   `json:"masks"`
		Notes    []string      `json:"notes"`
		Dropped  []string      `json:"dropped"`
		Findings []htmlFinding `json:"findings"`
		Changes  []htmlChange  `json:"changes"`
		People   []string      `json:"people"`
		Names    bool          `json:"names"`
	}
	htmlCount struct {
		N    uint64 `json:"n"`
		What string `json:"what"`
	}
	htmlFinding struct {
		Check, Severity, State, Title, Fingerprint, Where, Approval string
		Open                                                        bool
		Gained, Lost, Owners, Parties                               []int // in People
		More, MoreChanges                                           int   // left out
		Classes                                                     []string
		Count                                                       uint64
		Changes                                                     []int // in Changes
		Example                                                     *htmlChange
	}
	htmlChange struct {
		Scenario, Kind, Rule, Title, Where string
		Before, After                      int // in People; -1 is nobody
		Edits                              []htmlEdit
		Gains                              []htmlGain
		Findings                           []int
	}
	htmlEdit struct {
		Part          string
		Before, After [][2]string // stretches: "=", "-" or "+", and text
	}
	htmlGain struct {
		Owner, Facts int
		Bits         float64
		Own, New     bool
		Sample       []string
	}
)

type htmlBuilder struct {
	names      *names
	v          *gate.Verdict
	o          *Options
	load       Loader
	index      map[string]int // in data.People, by identity
	data       htmlData
	conclusion conclusion
	size       int
	missing    int // examples that could not be loaded
}

func (b *htmlBuilder) page() *htmlData {
	d := &b.data
	b.conclusion = conclude(b.v, b.names)
	d.Word, d.Text, d.Names = b.conclusion.word, b.conclusion.text, b.o.Names
	b.head()
	at := b.changes()
	b.findings(at)
	if b.missing > 0 {
		d.Dropped = append(d.Dropped, plural(b.missing, "example whose messages are not at hand", "examples whose messages are not at hand"))
	}
	return d
}

func (b *htmlBuilder) head() {
	d, v := &b.data, b.v
	fact := func(label, text string) {
		if text != "" {
			d.Facts = append(d.Facts, [2]string{label, visible(text, maxName)})
		}
	}
	fact("commit", v.Made.Commit)
	fact("at", v.Made.At)
	fact("corpus", v.Corpus)
	if v.Made.Stimuli > 0 {
		fact("stimuli", count(v.Made.Stimuli))
	}
	if v.Made.Shards > 0 {
		fact("shards", count(v.Made.Shards))
	}
	for _, b := range v.Made.Builds {
		fact("build of "+string(b.Role), b.Digest)
	}
	for i := range v.Made.Settings {
		key, what := settingText(&v.Made.Settings[i], b.o.Names)
		fact("changed: "+key, what)
	}
	fact("evidence", b.names.prose(v.Made.Guard))
	for i := range v.Comparisons {
		c := &v.Comparisons[i]
		fact("scenario "+c.Scenario, fmt.Sprintf("%s to %s: %s equal, %s, %s", c.Production.Build, c.Staging.Build,
			plural(c.Equal, "delivery", "deliveries"), plural(len(c.Changes), "change", "changes"), plural(c.People, "recipient", "recipients")))
	}
	fact("drill", b.names.prose(v.Drill))
	d.Blast = []htmlCount{{uint64(v.Blast.Gain), either(v.Blast.Gain, "gains something", "gain something")}, {uint64(v.Blast.Lose), either(v.Blast.Lose, "loses something", "lose something")},
		{uint64(v.Blast.Exposed), either(v.Blast.Exposed, "has data that somebody else receives", "have data that somebody else receives")},
		{uint64(v.Blast.Merged), either(v.Blast.Merged, "has messages joined with others'", "have messages joined with others'")},
		{uint64(v.Blast.Parties), either(v.Blast.Parties, "outside party", "outside parties")}}
	for _, r := range v.Reasons {
		d.Reasons = append(d.Reasons, fmt.Sprintf("exit %d: %s", r.Code, b.names.prose(r.Text)))
	}
	for i := range v.Gaps[:min(len(v.Gaps), maxRows)] {
		g := &v.Gaps[i]
		text := b.names.prose(g.Kind) + " at " + b.names.prose(g.Where)
		if g.Count > 1 {
			text += " (" + count(g.Count) + " times)"
		}
		d.Gaps = append(d.Gaps, text+": "+b.names.prose(g.Detail))
	}
	total := maskSums(v, func(m gate.Masked) string { return visible(m.Rule, 40) + " in " + b.names.part(m.Part) })
	for _, k := range sortedKeys(total)[:min(len(total), maxRows)] {
		d.Masks = append(d.Masks, htmlCount{total[k].count, k + total[k].hidden()})
	}
	d.Notes = append(d.Notes, recordedLines(v, b.names, b.o.Names)...)
	for _, n := range v.Notes {
		d.Notes = append(d.Notes, b.names.prose(n))
	}
}

// person is the number of an identity.
func (b *htmlBuilder) person(id string) int {
	n, ok := b.index[id]
	if !ok {
		n = len(b.data.People)
		b.index[id] = n
		name := b.names.id(id)
		b.size += len(name) + 4
		b.data.People = append(b.data.People, name)
	}
	return n
}

// changes puts in as many changes as there is room for, those of findings that
// block first. It returns where each stands, by comparison and index; -1 is nowhere.
func (b *htmlBuilder) changes() [][]int {
	const unseen = -2
	at := make([][]int, len(b.v.Comparisons))
	for i := range at {
		at[i] = slices.Repeat([]int{unseen}, len(b.v.Comparisons[i].Changes))
	}
	left := 0
	put := func(n, i int) {
		switch {
		case at[n][i] != unseen:
		case b.size > maxHTML:
			left++
			at[n][i] = -1
		default:
			c := &b.v.Comparisons[n]
			change := b.change(&c.Changes[i], c.Scenario)
			b.size += weight(&change)
			at[n][i] = len(b.data.Changes)
			b.data.Changes = append(b.data.Changes, change)
		}
	}
	for _, blocking := range []bool{true, false} {
		for i := range b.v.Findings {
			f := &b.v.Findings[i]
			n := b.comparisonOf(f)
			if open(f.State) != blocking || n < 0 {
				continue
			}
			for _, j := range f.Changes {
				if j >= 0 && j < len(at[n]) {
					put(n, j)
				}
			}
		}
	}
	for n := range at {
		for j := range at[n] {
			put(n, j)
		}
	}
	if left > 0 {
		b.data.Dropped = append(b.data.Dropped, plural(left, "change", "changes"))
	}
	return at
}

// weight is about how many bytes a change takes on the page.
func weight(c *htmlChange) int {
	n := 200 + len(c.Title) + len(c.Where)
	for _, e := range c.Edits {
		n += 40 + len(e.Part)
		for _, s := range append(slices.Clone(e.Before), e.After...) {
			n += 10 + len(s[1]) + strings.Count(s[1], "<")*5
		}
	}
	for _, g := range c.Gains {
		n += 60
		for _, s := range g.Sample {
			n += len(s) + 4
		}
	}
	return n
}

// comparisonOf is the comparison that the indexes of a finding are of, or -1.
func (b *htmlBuilder) comparisonOf(f *gate.Judged) int {
	if len(f.Scenarios) == 0 {
		return -1
	}
	return slices.IndexFunc(b.v.Comparisons, func(c gate.Comparison) bool { return c.Scenario == f.Scenarios[0] })
}

func (b *htmlBuilder) change(c *gate.Change, scenario string) htmlChange {
	out := htmlChange{Scenario: visible(scenario, 60), Kind: visible(string(c.Kind), 40), Rule: ruleText(c.Rule), Before: -1, After: -1}
	if c.Before == nil && c.After == nil {
		return out
	}
	if c.Before != nil {
		out.Before = b.person(c.Before.Recipient.ID())
	}
	if c.After != nil {
		out.After = b.person(c.After.Recipient.ID())
	}
	d := c.Delivery()
	out.Where = visible(d.Channel, 40) + " to sink " + visible(d.Sink, 80)
	if b.o.Names {
		out.Title = visible(d.Title, maxName)
		if d.Class != "" {
			out.Where += ", " + visible(d.Class, maxName)
		}
	}
	for i := range c.Edits {
		e := &c.Edits[i]
		out.Edits = append(out.Edits, b.edit(b.names.part(e.Part), e.Before, e.After))
	}
	for i := range c.Gains {
		g := &c.Gains[i]
		gain := htmlGain{Owner: b.person(g.Owner.ID()), Facts: g.Facts, Bits: float64(int(g.Bits*10)) / 10, Own: g.Own, New: g.New}
		if b.o.Names {
			for _, s := range g.Sample {
				gain.Sample = append(gain.Sample, visible(string(s.Kind), 20)+" “"+visible(s.Value, 80)+"”")
			}
		}
		out.Gains = append(out.Gains, gain)
	}
	return out
}

// edit is one place of a message, before and after, by what differs; without
// names it is the place alone.
func (b *htmlBuilder) edit(part, before, after string) htmlEdit {
	e := htmlEdit{Part: part}
	if !b.o.Names {
		return e
	}
	before, after = window(before, after, maxHTMLText)
	for _, s := range differ(before, after) {
		var lines []string
		for _, line := range strings.Split(s.text, "\n") {
			lines = append(lines, visible(line, maxHTMLText))
		}
		text := strings.Join(lines, "\n")
		switch s.op {
		case diffmatchpatch.DiffEqual:
			e.Before, e.After = append(e.Before, [2]string{"=", text}), append(e.After, [2]string{"=", text})
		case diffmatchpatch.DiffDelete:
			e.Before = append(e.Before, [2]string{"-", text})
		case diffmatchpatch.DiffInsert:
			e.After = append(e.After, [2]string{"+", text})
		}
	}
	return e
}

func (b *htmlBuilder) findings(at [][]int) {
	r := &renderer{page: newPage(b.o), names: b.names, v: b.v, o: b.o}
	for i := range b.v.Findings {
		if i == maxHTMLFindings {
			b.data.Dropped = append(b.data.Dropped, plural(len(b.v.Findings)-i, "finding", "findings"))
			return
		}
		f := &b.v.Findings[i]
		out := htmlFinding{
			Check: visible(f.Check, maxName), Severity: visible(string(f.Severity), 20), State: visible(string(f.State), 40), Open: open(f.State),
			Title: b.names.prose(f.Title), Fingerprint: visible(f.Fingerprint, maxName), Count: f.Count, Approval: r.state(f),
		}
		at1 := []string{visible(f.Channel, 40) + passedBy(f) + visible(f.Sink, 80)}
		if f.Channel == "" && f.Sink == "" {
			at1 = nil
		}
		if f.Part != "" {
			at1 = append(at1, "part "+b.names.part(f.Part))
		}
		if len(f.Scenarios) > 0 {
			at1 = append(at1, "scenario "+visible(strings.Join(f.Scenarios, ", "), maxName))
		}
		if f.Bits > 0 {
			at1 = append(at1, fmt.Sprintf("%.1f bits of evidence", f.Bits))
		}
		out.Where = strings.Join(at1, "; ")
		if b.o.Names {
			classes := f.Classes
			if f.Class != "" {
				classes = []string{f.Class}
			}
			for _, c := range classes {
				out.Classes = append(out.Classes, visible(c, maxName))
				b.size += len(c)
			}
		}
		for _, l := range []struct {
			ids []string
			to  *[]int
		}{{f.Gained, &out.Gained}, {f.Lost, &out.Lost}, {f.Owners, &out.Owners}, {f.Parties, &out.Parties}} {
			for j, id := range l.ids {
				if j == maxHTMLPeople || b.size > maxHTML+listRoom {
					out.More += len(l.ids) - j
					break
				}
				*l.to = append(*l.to, b.person(id))
				b.size += indexSize
			}
		}
		if n := b.comparisonOf(f); n >= 0 {
			for _, j := range f.Changes {
				switch {
				case j < 0 || j >= len(at[n]):
				case at[n][j] < 0 || b.size > maxHTML+listRoom:
					out.MoreChanges++
				default:
					k := at[n][j]
					out.Changes = append(out.Changes, k)
					b.data.Changes[k].Findings = append(b.data.Changes[k].Findings, i)
					b.size += 2 * indexSize
				}
			}
		}
		if f.Example != nil && out.Open && b.size <= maxHTML {
			out.Example = b.example(f)
		}
		b.data.Findings = append(b.data.Findings, out)
	}
}

// example is the example of a finding with its messages whole, or nil where they
// are not at hand.
func (b *htmlBuilder) example(f *gate.Judged) *htmlChange {
	if b.load == nil || !b.o.Names {
		return nil
	}
	c := f.Example
	parts := func(d *gate.Delivery) ([]gate.Part, bool) {
		if d == nil {
			return nil, true
		}
		m, err := pick(b.load, d)
		return m.Parts, err == nil
	}
	before, ok1 := parts(c.Before)
	after, ok2 := parts(c.After)
	if !ok1 || !ok2 {
		b.missing++
		return nil
	}
	out := b.change(c, "")
	out.Edits = nil
	value := func(p *gate.Part) string {
		if p == nil {
			return ""
		}
		return p.Value
	}
	for _, p := range pairParts(before, after) {
		if len(out.Edits) == maxHTMLParts {
			break
		}
		named := p.before
		if named == nil {
			named = p.after
		}
		out.Edits = append(out.Edits, b.edit(b.names.part(named.Name), value(p.before), value(p.after)))
	}
	b.size += weight(&out)
	return &out
}
