package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sergi/go-diff/diffmatchpatch"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of one explanation. What they cut is counted.
const (
	maxChanges  = 100     // shown in one line each, but for the first
	maxOwners   = 40      // whose facts are shown
	maxParts    = 60      // parts, and edits
	maxShown    = 40_000  // runes of one side of one part
	maxCompared = 1 << 20 // bytes of a part that are compared whole; of a longer one, what follows the first difference
	minPrefix   = 4       // digits of a fingerprint that may stand for it
)

// A Loader brings back, in canonical form, every message that stands at a place
// of a tape: a request that fans out is many.
type Loader func(gate.Ref) ([]gate.Canonical, error)

// Find is the one finding of v whose fingerprint is, or begins with, fingerprint:
// with or without its scheme, at least four digits. The error says when there is
// none, or more than one.
func Find(v *gate.Verdict, fingerprint string) (*gate.Judged, error) {
	digits := strings.TrimPrefix(fingerprint, gate.FingerprintScheme+"-")
	if len(digits) < minPrefix {
		return nil, fmt.Errorf("fingerprint %q is too short: give %d digits or more", fingerprint, minPrefix)
	}
	var found *gate.Judged
	for i := range v.Findings {
		f := &v.Findings[i]
		if !strings.HasPrefix(strings.TrimPrefix(f.Fingerprint, gate.FingerprintScheme+"-"), digits) {
			continue
		}
		if found != nil && found.Fingerprint != f.Fingerprint {
			return nil, fmt.Errorf("fingerprint %q stands for more than one finding: %s and %s", fingerprint, found.Fingerprint, f.Fingerprint)
		}
		if found == nil {
			found = f
		}
	}
	if found == nil {
		return nil, fmt.Errorf("no finding of this verdict has the fingerprint %q", fingerprint)
	}
	return found, nil
}

// Explain writes one finding whole: everybody concerned, the changes behind it, and
// of the first of them the rule that paired it, its edits, the facts in it, what was
// masked, and its messages part by part, as load brings them back. The error joins
// what could not be loaded, which the text says too.
func Explain(w io.Writer, v *gate.Verdict, fingerprint string, load Loader, o Options) error {
	f, err := Find(v, fingerprint)
	if err != nil {
		return err
	}
	o.Verbose = true
	r := &renderer{page: newPage(&o), names: newNames(v, &o), v: v, o: &o}
	r.headline("", f)
	r.field("fingerprint", visible(f.Fingerprint, maxName))
	r.field("state", r.state(f))
	r.place(f)
	r.subjects(f, 1<<30)
	r.sides("   ", f.Before, f.After, 1<<30, 4000)
	changes := r.changes(f)
	var failed error
	if len(changes) > 0 {
		r.heading("Example, 1 of " + plural(len(changes), "change", "changes"))
		r.change(changes[0])
		failed = r.messages(changes[0], load)
	}
	if len(changes) > 1 {
		r.heading("The other changes")
		for _, c := range changes[1:min(len(changes), maxChanges)] {
			r.text("   ", "     ", r.brief(c))
		}
		r.more(len(changes)-maxChanges, "change", "changes")
	}
	if _, err := io.WriteString(w, r.b.String()); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return failed
}

// changes are those behind f: its example first, then the others. Indexes are
// those of the comparison of its first scenario.
func (r *renderer) changes(f *gate.Judged) []*gate.Change {
	var out []*gate.Change
	if f.Example != nil {
		out = append(out, f.Example)
	}
	if len(f.Scenarios) == 0 {
		return out
	}
	for i := range r.v.Comparisons {
		c := &r.v.Comparisons[i]
		if c.Scenario != f.Scenarios[0] {
			continue
		}
		for _, n := range f.Changes {
			if n < 0 || n >= len(c.Changes) || f.Example != nil && same(f.Example, &c.Changes[n]) {
				continue
			}
			out = append(out, &c.Changes[n])
		}
		break
	}
	return out
}

// same reports whether a and b are one change: they point at the same messages
// and the same people.
func same(a, b *gate.Change) bool {
	side := func(x, y *gate.Delivery) bool {
		return (x == nil) == (y == nil) && (x == nil || x.Ref == y.Ref && x.Recipient == y.Recipient)
	}
	return a.Kind == b.Kind && side(a.Before, b.Before) && side(a.After, b.After)
}

func (r *renderer) change(c *gate.Change) {
	r.field("kind", visible(string(c.Kind), 40))
	r.field("paired by", ruleText(c.Rule))
	r.delivery("before", c.Before)
	r.delivery("after", c.After)
	r.field("copies", count(c.Copies[0])+" before, "+count(c.Copies[1])+" after")
	for i := range c.Origins {
		r.field("same body", "went to "+r.names.recipient(c.Origins[i])+" in production")
	}
	for i := range c.Gains {
		if i == maxOwners {
			r.field("facts", "of "+plural(len(c.Gains)-maxOwners, "more owner", "more owners"))
			break
		}
		g := &c.Gains[i]
		r.field("facts", r.exposure(g))
		for j := range g.Sample {
			fact := &g.Sample[j]
			text := visible(string(fact.Kind), 20)
			if r.o.Names {
				text += " “" + visible(fact.Value, 200) + "”"
			}
			text += " in " + r.names.part(fact.Part)
			if fact.Layers != "" {
				text += " under " + visible(fact.Layers, 80)
			}
			r.text(hang+"- ", hang+"  ", text+fmt.Sprintf(", %.1f bits", fact.Bits))
		}
	}
	for i := range c.Edits {
		if i == maxParts {
			r.field("edit", plural(len(c.Edits)-maxParts, "more edit", "more edits"))
			break
		}
		e := &c.Edits[i]
		what := r.names.part(e.Part) + " (" + e.Kind.String() + ")"
		switch {
		case e.NewPart:
			what += ", new"
		case e.GonePart:
			what += ", gone"
		}
		r.field("edit", what)
		r.sides("   ", e.Before, e.After, 1<<30, 1000)
	}
	for _, m := range c.Masks {
		r.field("masked", count(max(m.Count, 1))+" "+visible(m.Rule, 40)+" in "+r.names.part(m.Part))
	}
}

func (r *renderer) delivery(label string, d *gate.Delivery) {
	if d == nil {
		r.field(label, "(nothing)")
		return
	}
	text := "to " + r.names.recipient(d.Recipient) + ", " + visible(d.Channel, 40) + " sink " + visible(d.Sink, 80)
	if d.Phase != "" {
		text += ", phase " + visible(d.Phase, 60)
	}
	text += r.title(d) + fmt.Sprintf(", %s bytes, message %d", count(d.Bytes), d.Ref.Seq)
	if d.Ref.Tape != "" {
		text += fmt.Sprintf(" of %s at %d", visible(d.Ref.Tape, maxName), d.Ref.Offset)
	}
	r.field(label, text)
}

// messages shows both messages of c part by part.
func (r *renderer) messages(c *gate.Change, load Loader) error {
	if !r.o.Names {
		r.field("parts", "left out, because names are not shown")
		return nil
	}
	var failed error
	side := func(label string, d *gate.Delivery) []gate.Part {
		if d == nil {
			return nil
		}
		m, err := pick(load, d)
		if err != nil {
			err = fmt.Errorf("load the message %s: %w", label, err)
			r.field(label, visible(err.Error(), maxProse))
			failed = errors.Join(failed, err)
			return nil
		}
		for _, k := range m.Masks {
			r.field("masked", label+": "+count(max(k.Count, 1))+" "+visible(k.Rule, 40)+" in "+r.names.part(k.Part))
		}
		return m.Parts
	}
	before := side("before", c.Before)
	after := side("after", c.After)
	if failed != nil {
		return failed
	}
	pairs := pairParts(before, after)
	for i, p := range pairs {
		if i == maxParts {
			r.line("   ", span{faint, plural(len(pairs)-maxParts, "more part", "more parts")})
			break
		}
		r.part(p)
	}
	return nil
}

// pick is the message of d among those that stand in its place.
func pick(load Loader, d *gate.Delivery) (gate.Canonical, error) {
	messages, err := load(d.Ref)
	if err != nil {
		return gate.Canonical{}, err
	}
	for _, m := range messages {
		for _, to := range m.Recipients {
			if to == d.Recipient {
				return m, nil
			}
		}
	}
	return gate.Canonical{}, errors.New("the tape holds no message to this recipient in that place: it is not the tape that was judged")
}

// A partPair is one part of both messages; nil where one has no such part.
type partPair struct{ before, after *gate.Part }

// pairParts joins parts of one name in their order.
func pairParts(before, after []gate.Part) []partPair {
	waiting := map[string][]*gate.Part{}
	for i := range after {
		waiting[after[i].Name] = append(waiting[after[i].Name], &after[i])
	}
	taken := map[*gate.Part]bool{}
	var out []partPair
	for i := range before {
		p := partPair{before: &before[i]}
		if w := waiting[before[i].Name]; len(w) > 0 {
			p.after, waiting[before[i].Name] = w[0], w[1:]
			taken[w[0]] = true
		}
		out = append(out, p)
	}
	for i := range after {
		if !taken[&after[i]] {
			out = append(out, partPair{after: &after[i]})
		}
	}
	return out
}

func (r *renderer) part(p partPair) {
	named := p.before
	if named == nil {
		named = p.after
	}
	head := span{bold, "part " + r.names.part(named.Name) + " (" + named.Kind.String() + ")"}
	switch {
	case p.before == nil:
		r.line("   ", head, span{added, ", only after"})
		r.payload([]stretch{{diffmatchpatch.DiffInsert, p.after.Value}})
	case p.after == nil:
		r.line("   ", head, span{removed, ", only before"})
		r.payload([]stretch{{diffmatchpatch.DiffDelete, p.before.Value}})
	case p.before.Value == p.after.Value:
		r.line("   ", head, span{faint, ", equal"})
		r.payload([]stretch{{diffmatchpatch.DiffEqual, p.after.Value}})
	default:
		r.line("   ", head, span{careful, ", differs"})
		before, after := p.before.Value, p.after.Value
		if max(len(before), len(after)) > maxCompared {
			before, after = window(before, after, maxShown)
		}
		r.payload(differ(before, after))
	}
}

// payload shows text of messages, each line behind a bar.
func (r *renderer) payload(parts []stretch) {
	var out []span
	for i, s := range parts {
		text := s.text
		if s.op == diffmatchpatch.DiffEqual {
			text = elide(text, i > 0, i < len(parts)-1)
		}
		lines := strings.Split(cut(text, maxShown), "\n")
		for j := range lines {
			lines[j] = visible(lines[j], maxShown)
		}
		if len(cut(text, maxShown)) < len(text) {
			lines = append(lines, "… ("+count(len(text)-len(cut(text, maxShown)))+" bytes more)")
		}
		text = strings.Join(lines, "\n")
		switch s.op {
		case diffmatchpatch.DiffEqual:
			out = append(out, span{regular, text})
		case diffmatchpatch.DiffDelete:
			out = append(out, span{removed, "[-" + text + "-]"})
		case diffmatchpatch.DiffInsert:
			out = append(out, span{added, "{+" + text + "+}"})
		}
	}
	r.flow("      | ", "      | ", out...)
}

// elide leaves out the middle of a long text that is equal on both sides: what
// stands next to a difference is its context.
func elide(s string, before, after bool) string {
	const keep = 400
	if len(s) <= 4*keep || !before && !after {
		return s
	}
	head, tail := "", ""
	if before {
		head = cut(s, keep)
	}
	if after {
		from := len(s) - keep
		for from < len(s) && s[from]&0xc0 == 0x80 {
			from++
		}
		tail = s[from:]
	}
	return head + "\n… (" + count(len(s)-len(head)-len(tail)) + " equal bytes) …\n" + tail
}
