package diff

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// A build that keeps a set, or asks a database without an order, gives the elements of a list in
// another order each time. In such a place the order means nothing, and the elements everything.

// A Shuffle is the places of a class of messages at which production's replays of one message
// have the same elements in another order. The zero value has none.
type Shuffle struct {
	lists map[string]leaves   // names of lists, without indexes, and of parts that stand more than once
	lines map[string][2]int   // of texts: how many lines at the start, and at the end, keep their place
	items map[string]struct{} // names of parts within whose lines items of a list change places
}

// leaves are the places within the elements of a list whose values are the same ones in each replay,
// whichever element has them. What else an element has may be made anew each time.
type leaves map[string]struct{}

// Add notes at which places one message of two replays has the same elements in another order.
func (s *Shuffle) Add(first, again *gate.Canonical) {
	b, a := listsOf(first.Parts), listsOf(again.Parts)
	for i := range b {
		l := &b[i]
		m := find(a, l.name)
		if m == nil || len(m.elements) != len(l.elements) || slices.Equal(l.elements, m.elements) {
			continue
		}
		steady := steadyLeaves(l, m, first.Parts, again.Parts)
		x, y := l.told(first.Parts, steady), m.told(again.Parts, steady)
		if slices.Equal(x, y) || !sameElements(x, y) {
			continue
		}
		if s.lists == nil {
			s.lists = map[string]leaves{}
		}
		name := gate.WithoutIndexes(l.name)
		if was, ok := s.lists[name]; ok {
			maps.DeleteFunc(steady, func(leaf string, _ struct{}) bool { _, kept := was[leaf]; return !kept })
		}
		s.lists[name] = steady
	}
	for _, t := range align(first.Parts, again.Parts) {
		if t.before == nil || t.after == nil || !movable(t.before.Kind) || t.before.Kind != t.after.Kind || t.before.Value == t.after.Value {
			continue
		}
		bl, al := strings.Split(t.before.Value, "\n"), strings.Split(t.after.Value, "\n")
		if len(bl) != len(al) {
			continue
		}
		head, tail, moved := movedLines(bl, al)
		if moved {
			if s.lines == nil {
				s.lines = map[string][2]int{}
			}
			if was, ok := s.lines[t.before.Name]; ok {
				head, tail = min(head, was[0]), min(tail, was[1])
			}
			s.lines[t.before.Name] = [2]int{head, tail}
			continue
		}
		for i := range bl {
			if in := itemsOf(bl[i], al[i]); in != nil && sameElements(in.before, in.after) {
				if s.items == nil {
					s.items = map[string]struct{}{}
				}
				s.items[t.before.Name] = struct{}{}
			}
		}
	}
}

// movable reports whether lines of a part of this kind may change places: of addresses each has its own.
func movable(kind gate.PartKind) bool { return worded(kind) || kind == gate.Addresses }

// movedLines reports whether two lines or more stand in other places of a text, and between how
// many lines at the start and at the end that is.
func movedLines(before, after []string) (head, tail int, moved bool) {
	count := map[string]int{}
	for i := range before {
		if before[i] != after[i] {
			count[before[i]]++
		}
	}
	head, tail = len(before), len(before)
	n := 0
	for i, line := range after {
		if before[i] == line || strings.TrimSpace(line) == "" || count[line] == 0 {
			continue
		}
		count[line]--
		n++
		from := slices.Index(before, line)
		head, tail = min(head, i, from), min(tail, len(before)-1-max(i, from))
	}
	return head, tail, n > 1
}

// An itemLine is a line of which a list is a part, on both sides.
type itemLine struct {
	start, end    string      // what stands around the list
	before, after []string    // items
	marks         [2][]string // what stands between these
}

// itemMark is what keeps the items of a list in running text apart.
var itemMark = regexp.MustCompile(`\s*[,;|·•/]\s*(?:and\s+|or\s+|und\s+|et\s+)?|\s+(?:and|or|und|et)\s+`)

// itemsOf returns the lists that two lines are equal but for; nil where they have none.
func itemsOf(before, after string) *itemLine {
	if before == after {
		return nil
	}
	start, end := 0, 0
	for start < len(before) && start < len(after) && before[start] == after[start] {
		start++
	}
	for start > 0 && isWordByte(before[start-1]) {
		start--
	}
	for end < len(before)-start && end < len(after)-start && before[len(before)-1-end] == after[len(after)-1-end] {
		end++
	}
	for end > 0 && isWordByte(before[len(before)-end]) {
		end--
	}
	in := &itemLine{start: before[:start], end: before[len(before)-end:]}
	for side, text := range [2]string{before[start : len(before)-end], after[start : len(after)-end]} {
		items := itemMark.Split(text, -1)
		if len(items) < 2 {
			return nil
		}
		if in.marks[side] = itemMark.FindAllString(text, -1); side == 0 {
			in.before = items
		} else {
			in.after = items
		}
	}
	return in
}

func isWordByte(c byte) bool {
	return c >= utf8.RuneSelf || c == '_' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
}

// ordered is the line of the other side with its items in the order of this one.
func (in *itemLine) ordered() string {
	sorted := slices.Clone(in.after)
	for from, to := range places(in.before, in.after, nil, nil) {
		sorted[to] = in.after[from]
	}
	var out strings.Builder
	out.WriteString(in.start)
	for i, item := range sorted {
		if i > 0 {
			out.WriteString(in.marks[1][i-1])
		}
		out.WriteString(item)
	}
	out.WriteString(in.end)
	return out.String()
}

// Ordered returns after with the elements at such places in the order that they have in before:
// what both have stands where it stands there, and what is over in what places are left. It is
// after itself where nothing moves. A nil s moves nothing.
func (s *Shuffle) Ordered(before, after *gate.Canonical) *gate.Canonical {
	if s == nil || len(s.lists)+len(s.lines)+len(s.items) == 0 {
		return after
	}
	b := listsOf(before.Parts)
	out := *after
	moved := false
	own := func() {
		if !moved {
			out.Parts, moved = slices.Clone(after.Parts), true
		}
	}
	for i := range b {
		l := &b[i]
		steady, ok := s.lists[gate.WithoutIndexes(l.name)]
		if !ok {
			continue
		}
		m := find(listsOf(out.Parts), l.name) // an outer list may have moved it
		if m == nil || slices.Equal(l.elements, m.elements) {
			continue
		}
		own()
		m.permute(out.Parts, places(l.elements, m.elements, l.told(before.Parts, steady), m.told(out.Parts, steady)))
	}
	for _, t := range align(before.Parts, out.Parts) {
		if t.before == nil || t.after == nil || t.before.Value == t.after.Value || !movable(t.before.Kind) || t.before.Kind != t.after.Kind {
			continue
		}
		value := s.inOrder(t.before.Name, t.before.Value, t.after.Value)
		if value == t.after.Value {
			continue
		}
		n := slices.IndexFunc(out.Parts, func(p gate.Part) bool { return p.Name == t.before.Name })
		for seen := 0; n < len(out.Parts); n++ {
			if out.Parts[n].Name != t.before.Name {
				continue
			}
			if seen == t.a {
				break
			}
			seen++
		}
		own()
		out.Parts[n].Value = value
	}
	return &out
}

// inOrder is the text after of a part with its lines, and the items in them, in the order that
// they have in before, where they change places.
func (s *Shuffle) inOrder(name, before, after string) string {
	bl, al := strings.Split(before, "\n"), strings.Split(after, "\n")
	if ends, ok := s.lines[name]; ok && len(bl) >= ends[0]+ends[1] && len(al) >= ends[0]+ends[1] {
		within := al[ends[0] : len(al)-ends[1]]
		sorted := slices.Clone(al)
		for from, to := range places(bl[ends[0]:len(bl)-ends[1]], within, nil, nil) {
			sorted[ends[0]+to] = within[from]
		}
		al = sorted
	}
	if _, ok := s.items[name]; ok {
		for i := range min(len(bl), len(al)) {
			if in := itemsOf(bl[i], al[i]); in != nil {
				al[i] = in.ordered()
			}
		}
	}
	return strings.Join(al, "\n")
}

// A list is an array, by the name of its parts up to the index, or all parts of one name.
type list struct {
	name     string
	elements []string // what each holds, so that equal ones are equal
	parts    [][]int  // of each element: the indexes of its parts
	array    bool
}

// listsOf returns the lists of a message that have more than one element, outer ones first.
func listsOf(parts []gate.Part) []list {
	var all []list
	at := map[string]int{}
	add := func(name string, element int, array bool, part int, text string) {
		i, ok := at[name]
		if !ok {
			i = len(all)
			at[name] = i
			all = append(all, list{name: name, array: array})
		}
		l := &all[i]
		if !array {
			element = len(l.elements)
		}
		if element > len(l.elements) { // an element has no part of its own, or indexes are no indexes
			l.elements = append(l.elements, make([]string, min(element-len(l.elements), len(parts)))...)
			l.parts = append(l.parts, make([][]int, len(l.elements)-len(l.parts))...)
		}
		if element == len(l.elements) {
			l.elements, l.parts = append(l.elements, ""), append(l.parts, nil)
		}
		if element < len(l.elements) {
			l.elements[element] += text
			l.parts[element] = append(l.parts[element], part)
		}
	}
	for i := range parts {
		p := &parts[i]
		if !maskable(p.Kind) {
			continue
		}
		add(p.Name, 0, false, i, fmt.Sprintf("%q %q\n", p.Kind, p.Value))
		for from := 0; ; {
			open := strings.IndexByte(p.Name[from:], '[')
			if open < 0 {
				break
			}
			open += from
			end := strings.IndexByte(p.Name[open:], ']')
			if end < 0 {
				break
			}
			from = open + end + 1
			if n, err := strconv.Atoi(p.Name[open+1 : from-1]); err == nil && n >= 0 && n < len(parts) {
				add(p.Name[:open+1], n, true, i, fmt.Sprintf("%q %q %q\n", p.Name[from:], p.Kind, p.Value))
			}
		}
	}
	all = slices.DeleteFunc(all, func(l list) bool { return len(l.elements) < 2 })
	slices.SortStableFunc(all, func(x, y list) int { return len(x.name) - len(y.name) })
	return all
}

func find(all []list, name string) *list {
	for i := range all {
		if all[i].name == name {
			return &all[i]
		}
	}
	return nil
}

// permute moves each element of l to its place.
func (l *list) permute(parts []gate.Part, to []int) {
	was := slices.Clone(parts)
	for from, n := range to {
		for _, i := range l.parts[from] {
			if l.array {
				rest := was[i].Name[len(l.name):]
				parts[i].Name = l.name + strconv.Itoa(n) + rest[strings.IndexByte(rest, ']'):]
				continue
			}
			j := l.parts[n][0]
			parts[j].Kind, parts[j].Value = was[i].Kind, was[i].Value
		}
	}
}

// places says for each element of after where it belongs: where an equal one of before stands, then
// where one is told alike, which may be asked of none, and, where there is none that is not taken,
// in the first place that is left.
func places(before, after, toldBefore, toldAfter []string) []int {
	to := slices.Repeat([]int{-1}, len(after))
	taken := make([]bool, len(after))
	for pass, by := range [...][2][]string{{before, after}, {toldBefore, toldAfter}} {
		free := map[string][]int{}
		for i, e := range by[0] {
			if i < len(after) && !taken[i] {
				free[e] = append(free[e], i)
			}
		}
		for i, e := range by[1] {
			if l := free[e]; to[i] < 0 && len(l) > 0 && (pass == 0 || e != "") {
				to[i], free[e] = l[0], l[1:]
				taken[to[i]] = true
			}
		}
	}
	next := 0
	for i := range to {
		if to[i] >= 0 {
			continue
		}
		for taken[next] {
			next++
		}
		to[i], taken[next] = next, true
	}
	return to
}

// leaf is the place of a part within an element of l.
func (l *list) leaf(p *gate.Part) string {
	if !l.array {
		return ""
	}
	rest := p.Name[len(l.name):]
	return rest[strings.IndexByte(rest, ']'):]
}

// told is what tells the elements of l apart: what they hold at leaves.
func (l *list) told(parts []gate.Part, at leaves) []string {
	out := make([]string, len(l.elements))
	for e, list := range l.parts {
		for _, i := range list {
			p := &parts[i]
			if _, ok := at[l.leaf(p)]; ok {
				out[e] += fmt.Sprintf("%q %q %q\n", l.leaf(p), p.Kind, p.Value)
			}
		}
	}
	return out
}

// steadyLeaves returns the leaves at which two lists hold the same values, in whatever order.
func steadyLeaves(l, m *list, first, again []gate.Part) leaves {
	count := map[string]map[string]int{}
	for _, side := range [...]struct {
		*list
		parts []gate.Part
		n     int
	}{{l, first, 1}, {m, again, -1}} {
		for _, list := range side.list.parts {
			for _, i := range list {
				leaf := side.leaf(&side.parts[i])
				if count[leaf] == nil {
					count[leaf] = map[string]int{}
				}
				count[leaf][side.parts[i].Value] += side.n
			}
		}
	}
	steady := leaves{}
	for leaf, values := range count {
		differ := false
		for _, n := range values {
			differ = differ || n != 0
		}
		if !differ {
			steady[leaf] = struct{}{}
		}
	}
	return steady
}

// sameElements reports whether x and y are equal but for their order.
func sameElements(x, y []string) bool {
	if len(x) != len(y) {
		return false
	}
	x, y = slices.Clone(x), slices.Clone(y)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(x, y)
}
