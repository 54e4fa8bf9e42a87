package checktest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// shown is how many subjects of a list are written out before the rest is counted.
const shown = 8

// Render writes findings as cases want them: severity, route, class, part and
// title in one line, then indented what is set of the rest.
func Render(findings []gate.Finding) string {
	lines := make([]string, 0, len(findings))
	for i := range findings {
		lines = append(lines, render(&findings[i]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func render(f *gate.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s/%s", f.Severity, f.Channel, f.Sink)
	switch {
	case f.Class != "":
		fmt.Fprintf(&b, " class %s", f.Class)
	case len(f.Classes) > shown:
		fmt.Fprintf(&b, " classes %s and %d more", strings.Join(f.Classes[:shown], ","), len(f.Classes)-shown)
	case len(f.Classes) > 0:
		fmt.Fprintf(&b, " classes %s", strings.Join(f.Classes, ","))
	}
	if f.Part != "" {
		fmt.Fprintf(&b, " part %s", f.Part)
	}
	fmt.Fprintf(&b, ": %s\n", f.Title)
	for _, l := range []struct {
		name string
		list []string
	}{{"gained", f.Gained}, {"lost", f.Lost}, {"owners", f.Owners}, {"parties", f.Parties}} {
		if len(l.list) == 0 {
			continue
		}
		head, rest := l.list, ""
		if len(head) > shown {
			head, rest = head[:shown], fmt.Sprintf(" and %d more", len(head)-shown)
		}
		fmt.Fprintf(&b, "\t%s %s%s\n", l.name, strings.Join(head, " "), rest)
	}
	if f.Before != "" || f.After != "" {
		fmt.Fprintf(&b, "\t%q -> %q\n", f.Before, f.After)
	}
	fmt.Fprintf(&b, "\tcount %d%s%s", f.Count, indexes("changes", f.Changes), indexes("groups", f.Groups))
	if f.Bits > 0 {
		b.WriteString(" bits " + strconv.FormatFloat(f.Bits, 'g', -1, 64))
	}
	if f.Example != nil {
		fmt.Fprintf(&b, " example %s", f.Example.Recipient().ID())
	}
	b.WriteString("\n")
	return b.String()
}

func indexes(name string, list []int) string {
	if len(list) == 0 {
		return ""
	}
	if n := len(list); n > shown && list[n-1]-list[0] == n-1 {
		return fmt.Sprintf(" %s %d..%d", name, list[0], list[n-1])
	}
	return " " + name + " " + strings.Trim(fmt.Sprint(list), "[]")
}
