package pipeline

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A value that is new each time may have an end that is not: a record number with random
// figures before it, a name with a counter behind it. Such an end is a person's where every
// replay of production has it in their message, at the place of most messages of a class, and
// some messages have others. The value is somebody else's where its end is.

// leastEnd is how many bytes an end has.
const leastEnd = 3

// mostEnd is how many bytes of an end tell it apart.
const mostEnd = 64

// ends are the constant ends of the values at one volatile place, of one side.
type ends struct {
	last  bool            // they are the values' last bytes, not their first
	all   string          // what all values there begin with, or end with, which is nobody's
	n     int             // values
	own   map[string]int  // how many values have an end
	begin map[string]bool // all that an end may begin with; true where it is an end itself
}

// endOf is what all texts, the values of one message in all replays, share at one end.
func (e *ends) endOf(texts []string) string {
	first := e.trim(texts[0])
	n := min(len(first), mostEnd)
	for _, t := range texts[1:] {
		n = min(n, sharedBytes(first, e.trim(t), e.last))
	}
	return e.cut(first, n)
}

// trim cuts off what all values at the place share at this end.
func (e *ends) trim(t string) string {
	if e.last {
		return strings.TrimSuffix(t, e.all)
	}
	return strings.TrimPrefix(t, e.all)
}

// cut gives n bytes of an end of t, whole characters.
func (e *ends) cut(t string, n int) string {
	if e.last {
		for n > 0 && !utf8.RuneStart(t[len(t)-n]) {
			n--
		}
		return t[len(t)-n:]
	}
	for n < len(t) && n > 0 && !utf8.RuneStart(t[n]) {
		n--
	}
	return t[:n]
}

func (e *ends) add(texts []string) {
	e.n++
	end := e.endOf(texts)
	if len(end) < leastEnd || slices.ContainsFunc(texts, func(t string) bool { return e.trim(t) == end }) {
		return
	}
	e.own[end]++
	for n := leastEnd; n <= len(end); n++ {
		e.begin[e.cut(end, n)] = true
	}
}

// persons reports whether the ends are people's: most values have one, and there are two that
// begin otherwise. What all values share is cut off before, so that times and numbers that count
// up have ends that begin alike, or none.
func (e *ends) persons() bool {
	n := 0
	begin := map[string]bool{}
	for end, k := range e.own {
		n += k
		begin[e.cut(end, leastEnd)] = true
	}
	return len(begin) > 1 && n > 1 && (2*n > e.n || 2*n == e.n && n >= 4)
}

// borrowed reports whether v has somebody else's end, and returns it.
func (e *ends) borrowed(v *diff.Value) (end string, ok bool) {
	mine := e.endOf(v.Texts)
	if len(mine) < leastEnd {
		return "", false
	}
	after := e.trim(v.After)
	kept := sharedBytes(mine, after, e.last)
	most := 0
	for n := leastEnd; n <= min(len(after), mostEnd) && e.begin[e.cut(after, n)]; n++ {
		most = n
	}
	if most == 0 || 2*kept > most {
		return "", false
	}
	end = e.cut(after, most)
	return end, !exposure.IsDate(strings.Trim(end, "-_.:/ ")) && !readsAsTime(end)
}

// borrowed states the volatile values that have the constant end of somebody else's.
func (c *comparer) borrowed(all []pairing, ids []occurrence) {
	places := map[*pool]*[2]ends{}
	for i := range ids {
		o := &ids[i]
		if o.pool == nil || o.pool.isTime() || o.pool.moves() || o.value.Binary {
			continue
		}
		e := places[o.pool]
		if e == nil {
			e = &[2]ends{}
			for k := range e {
				e[k] = ends{last: k == 1, all: [2]string{o.pool.prefix, o.pool.suffix}[k], own: map[string]int{}, begin: map[string]bool{}}
			}
			places[o.pool] = e
		}
		if len(o.value.Texts) > 1 {
			e[0].add(o.value.Texts)
			e[1].add(o.value.Texts)
		}
	}
	persons := map[*pool][2]bool{}
	for p, e := range places {
		persons[p] = [2]bool{e[0].persons(), e[1].persons()}
	}
	for i := range ids {
		o := &ids[i]
		if o.pairing < 0 || !o.value.Masked || places[o.pool] == nil {
			continue
		}
		for k := range places[o.pool] {
			e := &places[o.pool][k]
			if !persons[o.pool][k] {
				continue
			}
			if end, ok := e.borrowed(o.value); ok {
				v := o.value
				mine, other := e.endOf(v.Texts)+diff.Fresh, end+diff.Fresh
				if e.last {
					mine, other = diff.Fresh+e.endOf(v.Texts), diff.Fresh+end
				}
				c.unmask(all, o.pairing, v, diff.Hunk{Part: v.Part, Slot: v.Slot, Kind: gate.Value, Before: mine, After: other})
				break
			}
		}
	}
}
