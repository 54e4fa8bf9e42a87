package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// gaps writes each kind of gap once: where it was, what it means, and what to do about it; at most
// so many kinds, so many places of each, and so many lines of each place.
func (r *renderer) gaps(kinds, places, rows int) {
	if len(r.v.Gaps) == 0 {
		return
	}
	r.heading("Not seen, or not seen whole")
	var order []string
	of := map[string][]*gate.Gap{}
	for i := range r.v.Gaps {
		g := &r.v.Gaps[i]
		if of[g.Kind] == nil {
			order = append(order, g.Kind)
		}
		of[g.Kind] = append(of[g.Kind], g)
	}
	for _, kind := range order[:min(len(order), kinds)] {
		list := of[kind]
		for _, g := range list[:min(len(list), places)] {
			r.lines("  ", "    ", rows, []span{{regular, r.gap(g)}})
		}
		if n := len(list) - places; n > 0 {
			r.line("  ", span{faint, "and " + plural(n, "more place", "more places")})
		}
		if meaning, todo := AboutGap(kind); meaning != "" {
			r.text("    ", "      ", meaning)
			r.text("    what to do: ", "      ", todo)
		}
	}
	r.more(len(order)-kinds, "kind of gap", "kinds of gap")
}

// gap says where a gap was, how often, and what is known of it.
func (r *renderer) gap(g *gate.Gap) string {
	text := r.names.prose(g.Kind) + " at " + r.names.prose(g.Where)
	if g.Count > 1 {
		text += " (" + count(g.Count) + " times)"
	}
	if g.Detail != "" {
		text += ": " + r.names.prose(g.Detail)
	}
	if g.Stimulus != "" {
		text += "; stimulus " + r.names.prose(g.Stimulus)
	}
	if g.Seq != 0 {
		text += fmt.Sprintf("; message %d", g.Seq)
	}
	return text
}

func (r *renderer) masks() {
	total := maskSums(r.v, func(m gate.Masked) string { return visible(m.Rule, 40) + " in " + r.names.part(m.Part) })
	r.heading("Masked before comparison")
	if len(total) == 0 {
		r.line("  ", span{regular, "nothing"})
		return
	}
	keys := sortedKeys(total)
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Compare(total[b].count, total[a].count)
	})
	for _, k := range keys[:min(len(keys), maxMasks)] {
		r.line("  ", span{regular, fmt.Sprintf("%7s ", count(total[k].count)) + k + total[k].hidden()})
	}
	r.more(len(keys)-maxMasks, "kind of mask", "kinds of mask")
}

// recorded says how much of what production once did was done again.
func (r *renderer) recorded() {
	lines := recordedLines(r.v, r.names, r.o.Names)
	if len(lines) == 0 {
		return
	}
	r.heading("Recorded and replayed")
	for i, line := range lines[:min(len(lines), maxGaps)] {
		lead := "    "
		if i == 0 || strings.HasPrefix(line, "scenario ") {
			lead = "  "
		}
		r.text(lead, "      ", line)
	}
	r.more(len(lines)-maxGaps, "line", "lines")
}

func (r *renderer) counts() {
	r.heading("Counts")
	if len(r.v.Comparisons) == 0 {
		r.line("  ", span{regular, "nothing was compared"})
	}
	for i := range r.v.Comparisons {
		c := &r.v.Comparisons[i]
		r.text("  ", "    ", compared(c))
		r.run(&c.Production, gate.Production)
		r.run(&c.Staging, gate.Staging)
	}
	if r.v.Corpus != "" {
		r.line("  ", span{regular, "corpus " + visible(r.v.Corpus, maxName)})
	}
	for _, b := range r.v.Made.Builds {
		r.line("  ", span{regular, "build of " + visible(string(b.Role), 40) + " " + visible(b.Digest, maxName)})
	}
	if n := r.v.Made.Shards; n > 0 {
		r.line("  ", span{regular, "replayed in " + plural(n, "shard", "shards")})
	}
	if g := r.v.Made.Guard; g != "" {
		r.text("  ", "    ", "evidence: "+r.names.prose(g))
	}
	if r.v.Drill != "" {
		r.text("  ", "    ", "drill: "+r.names.prose(drilled(r.v.Drill)))
	} else {
		r.line("  ", span{careful, "drill: not run"})
	}
}

// compared says how many deliveries of a scenario were compared, and how many differ.
func compared(c *gate.Comparison) string {
	return "scenario " + visible(c.Scenario, 60) + ": " +
		plural(c.Equal, "delivery", "deliveries") + " equal, " + plural(len(c.Changes), "change", "changes") + ", " +
		plural(c.People, "recipient", "recipients")
}

// readings says of each destination of requests how it was known whom they are for.
func (r *renderer) readings() {
	lines := readingLines(r.v, r.names)
	if len(lines) == 0 {
		return
	}
	r.heading("Requests")
	for _, line := range lines[:min(len(lines), maxGaps)] {
		r.text("  ", "    ", line)
	}
	r.more(len(lines)-maxGaps, "destination", "destinations")
}

// drilled is what a drill says, without the ids of the checks that saw it: a reader who looks
// for findings should meet none that are not there.
func drilled(drill string) string {
	what, by, ok := strings.Cut(drill, " was found by ")
	if !ok {
		return drill
	}
	what += " was found"
	if _, rest, more := strings.Cut(by, ";"); more {
		what += ";" + rest
	}
	return what
}

func (r *renderer) run(f *gate.RunFacts, role gate.Role) {
	at := []string{visible(f.Build, 60)}
	if f.Build == "" {
		at = at[:0]
	}
	if f.Replays > 1 {
		at = append(at, count(f.Replays)+" replays")
	}
	at = append(at, plural(f.Stimuli, "stimulus", "stimuli"), plural(f.Messages, "message", "messages"), plural(f.Deliveries, "delivery", "deliveries"))
	if f.Refused > 0 {
		at = append(at, count(f.Refused)+" refused as scripted")
	}
	switch f.Quiet {
	case "":
		at = append(at, "end of run not known")
	case "probe":
		at = append(at, "quiet by its own probe")
	case "idle":
		at = append(at, "quiet by idle sinks")
	case "stopped":
		at = append(at, "quiet because stopped")
	default:
		at = append(at, "quiet by "+visible(f.Quiet, 60))
	}
	seal := span{regular, "sealed"}
	if !f.Sealed {
		seal = span{careful, "NOT SEALED"}
	}
	r.flow(fmt.Sprintf("    %-11s ", role), "                ", span{regular, strings.Join(at, ", ") + ", "}, seal)
	if s := f.State; s != nil {
		r.text("                ", "                ", "state: "+stateText(s, f.Replays))
	}
}
