package kit

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Circles are the groups of people among whom content moved. Make them with [NewCircles].
type Circles struct {
	parent map[string]string // of a union-find forest
	owed   map[string]int    // received less given
	open   map[string]bool   // roots of circles in which somebody is owed or owes
}

// NewCircles returns circles among whom nothing moved yet.
func NewCircles() *Circles {
	return &Circles{parent: map[string]string{}, owed: map[string]int{}}
}

// Root returns the id that stands for the circle of id.
func (s *Circles) Root(id string) string {
	root := id
	for s.parent[root] != root {
		root = s.parent[root]
	}
	for id != root {
		id, s.parent[id] = s.parent[id], root
	}
	return root
}

// Join records that content moved from one to another.
func (s *Circles) Join(from, to string) {
	for _, id := range []string{from, to} {
		if _, ok := s.parent[id]; !ok {
			s.parent[id] = id
		}
	}
	s.owed[from]--
	s.owed[to]++
	s.parent[s.Root(from)] = s.Root(to)
}

// Closed reports whether as much went to each in the circle of id as left them. It is
// asked once all are joined, of an id that was.
func (s *Circles) Closed(id string) bool {
	if s.open == nil {
		s.open = map[string]bool{}
		for id, n := range s.owed {
			if n != 0 {
				s.open[s.Root(id)] = true
			}
		}
	}
	return !s.open[s.Root(id)]
}

// Exchanged returns the altered changes of c in which people merely got each other's facts:
// in place of their own and not beside them, each from one other person, in a circle of
// one class that leaves nobody without.
func Exchanged(c *gate.Comparison) map[int]bool {
	circles := map[Key]*Circles{}
	owner := map[int]string{}
	for i := range c.Changes {
		ch := &c.Changes[i]
		id, ok := exchangedWith(ch)
		if !ok {
			continue
		}
		k := RouteOf(ch.After)
		if circles[k] == nil {
			circles[k] = NewCircles()
		}
		owner[i] = id
	}
	// One person gives to one in a class, however many of the deliveries show it.
	joined := map[Key]map[[2]string]bool{}
	for i, from := range owner {
		k, pair := RouteOf(c.Changes[i].After), [2]string{from, c.Changes[i].After.Recipient.ID()}
		if joined[k] == nil {
			joined[k] = map[[2]string]bool{}
		}
		if !joined[k][pair] {
			joined[k][pair] = true
			circles[k].Join(pair[0], pair[1])
		}
	}
	exchanged := map[int]bool{}
	for i, from := range owner {
		if circles[RouteOf(c.Changes[i].After)].Closed(from) {
			exchanged[i] = true
		}
	}
	return exchanged
}

// exchangedWith returns whose facts stand where the recipient's stood in an altered change.
func exchangedWith(ch *gate.Change) (id string, ok bool) {
	if ch.Kind != gate.Altered || len(ch.Edits) == 0 || ch.More > 0 {
		return "", false
	}
	for i := range ch.Edits {
		before, after := len(strings.Fields(ch.Edits[i].Before)), len(strings.Fields(ch.Edits[i].After))
		if before == 0 || after == 0 || after > 2*before+2 {
			return "", false
		}
	}
	for i := range ch.Gains {
		x := &ch.Gains[i]
		if x.Own || !x.New || x.Stimuli || !IsPerson(x.Owner) || !Belongs(x) {
			continue
		}
		if id != "" && id != x.Owner.ID() {
			return "", false
		}
		id = x.Owner.ID()
	}
	return id, id != ""
}

// Moved reports whether a change brings its recipient what another person had, and says
// nothing besides: its edits say only that it goes to another.
func (t *Territory) Moved(ch *gate.Change) bool {
	return ch.Kind == gate.Redirected && !slices.ContainsFunc(ch.Edits, func(e gate.Edit) bool { return !t.Follows(&t.c.Groups[e.Group]) })
}
