package kit

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// MaxClasses is how many classes of one route, and how many parts of one class,
// a check states apart. Where there are more they are one finding, without a
// class or without a part.
const MaxClasses = 50

// A Set is a set of recipients' ids.
type Set map[string]struct{}

// Add puts an id into the set.
func (s Set) Add(id string) { s[id] = struct{}{} }

func (s Set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// A Key says what is gathered into one finding. Variant tells apart what a check
// words differently; it is never shown.
type Key struct{ Channel, Sink, Class, Part, Variant string }

// RouteOf is the key of a delivery's route and class.
func RouteOf(d *gate.Delivery) Key { return Key{Channel: d.Channel, Sink: d.Sink, Class: d.Class} }

// An Entry is a finding while it is gathered.
type Entry struct {
	Key                           Key
	Gained, Lost, Owners, Parties Set
	Reached                       Set // recipients of the deliveries concerned, subjects or not
	Classes                       Set // classes of the deliveries concerned
	Bits                          float64
	Extra                         int // deliveries concerned besides those of changes
	changes, groups               []int
	texts                         map[[2]string]struct{}
	c                             *gate.Comparison
}

// Count is how many deliveries are concerned.
func (e *Entry) Count() int { return len(e.changes) + e.Extra }

// ReachedWhom words who receives the deliveries concerned.
func (e *Entry) ReachedWhom() string {
	parties := 0
	for id := range e.Reached {
		if isHostID(id) {
			parties++
		}
	}
	return Whom(len(e.Reached)-parties, parties)
}

const hostPrefix = string(gate.Host) + ":"

func isHostID(id string) bool { return strings.HasPrefix(id, hostPrefix) }

// Change records that change i is concerned.
func (e *Entry) Change(i int) {
	e.changes = append(e.changes, i)
	ch := &e.c.Changes[i]
	e.Reach(ch.Recipient())
	e.Classes.Add(ch.Delivery().Class)
}

// Reach records a recipient of a delivery concerned.
func (e *Entry) Reach(r gate.Recipient) { e.Reached.Add(r.ID()) }

// Edits is how many different texts are concerned.
func (e *Entry) Edits() int { return len(e.texts) }

// Gain records who receives more, or something else.
func (e *Entry) Gain(r gate.Recipient) { e.subject(e.Gained, r) }

// Lose records who receives less.
func (e *Entry) Lose(r gate.Recipient) { e.subject(e.Lost, r) }

// Own records whose facts are received by somebody else.
func (e *Entry) Own(r gate.Recipient) { e.subject(e.Owners, r) }

// Receive records that d reaches its recipient: who gains. Where that is an outside
// party, the people whom d concerns have their data received by somebody else.
func (e *Entry) Receive(d *gate.Delivery) {
	e.Gain(d.Recipient)
	for _, r := range d.Concerns {
		e.Own(r)
	}
}

// Miss records that d no longer reaches its recipient: who loses, and where that is an
// outside party, the people whom d concerns.
func (e *Entry) Miss(d *gate.Delivery) {
	e.Lose(d.Recipient)
	for _, r := range d.Concerns {
		e.Lose(r)
	}
}

// Identify records the people whom a value named before as losing, and those whom it
// names after as gaining, and reports whether it names anybody.
func (e *Entry) Identify(g *gate.EditGroup) bool {
	before, after := Replaced(g)
	for _, r := range before {
		if !slices.Contains(after, r) {
			e.Lose(r)
		}
	}
	for _, r := range after {
		if !slices.Contains(before, r) {
			e.Gain(r)
		}
	}
	return len(before)+len(after) > 0
}

func (e *Entry) subject(s Set, r gate.Recipient) {
	if !IsPerson(r) {
		s = e.Parties
	}
	s.Add(r.ID())
}

// Text puts a canonical before and after into the meaning.
func (e *Entry) Text(before, after string) { e.texts[[2]string{before, after}] = struct{}{} }

// Weigh keeps the heaviest evidence, in bits.
func (e *Entry) Weigh(bits float64) { e.Bits = max(e.Bits, bits) }

// Mark records that an edit group is judged, and nothing else of it.
func (e *Entry) Mark(i int) { e.groups = append(e.groups, i) }

// Judge records an edit group with its changes and texts, and no subjects.
func (e *Entry) Judge(i int) {
	g := &e.c.Groups[i]
	e.Mark(i)
	e.Text(g.Before, g.After)
	for _, j := range g.Changes {
		e.Change(j)
	}
}

// Group is Judge, and recipients become subjects, as losing where the edit leaves
// nothing. Where it is alike people do not: that is an edit of the class, and
// stays the same whoever is in it.
func (e *Entry) Group(i int) {
	e.Judge(i)
	g := &e.c.Groups[i]
	for _, j := range g.Changes {
		d := e.c.Changes[j].Delivery()
		switch {
		case g.Alike && g.Kind != gate.Transport && IsPerson(d.Recipient):
		case g.Wording:
			e.Gain(d.Recipient)
		case g.After == "" && !g.NewPart:
			e.Miss(d)
		default:
			e.Receive(d)
		}
	}
}

func (e *Entry) merge(o *Entry) {
	for _, p := range [][2]Set{{e.Gained, o.Gained}, {e.Lost, o.Lost}, {e.Owners, o.Owners}, {e.Parties, o.Parties}, {e.Reached, o.Reached}, {e.Classes, o.Classes}} {
		maps.Copy(p[0], p[1])
	}
	maps.Copy(e.texts, o.texts)
	e.changes = append(e.changes, o.changes...)
	e.groups = append(e.groups, o.groups...)
	e.Extra += o.Extra
	e.Weigh(o.Bits)
}

// A Sheet gathers the findings of one check.
type Sheet struct {
	C         *gate.Comparison
	Territory *Territory
	check     string
	entries   map[Key]*Entry
	joins     func(*Entry) bool // nil where nothing is joined
}

// NewSheet opens the sheet of the check with this id. It returns an error where
// the comparison contradicts itself, since then nothing can be judged by it.
func NewSheet(check string, c *gate.Comparison) (*Sheet, error) {
	if err := validate(c); err != nil {
		return nil, fmt.Errorf("comparison of scenario %q: %w", c.Scenario, err)
	}
	return &Sheet{C: c, Territory: NewTerritory(c), check: check, entries: map[Key]*Entry{}}, nil
}

// validate makes one pass: every index in range, and every change with the sides
// that its kind has.
func validate(c *gate.Comparison) error {
	for i := range c.Changes {
		ch := &c.Changes[i]
		var before, after bool
		switch ch.Kind {
		case gate.Added:
			after = true
		case gate.Removed:
			before = true
		case gate.Redirected, gate.Altered:
			before, after = true, true
		default:
			return fmt.Errorf("change %d: %w", i, &gate.InvalidError{What: "kind of change", Value: string(ch.Kind)})
		}
		if (ch.Before != nil) != before || (ch.After != nil) != after {
			return fmt.Errorf("change %d of kind %s lacks a side, or has one too many", i, ch.Kind)
		}
		for _, e := range ch.Edits {
			if e.Group < 0 || e.Group >= len(c.Groups) {
				return fmt.Errorf("change %d is in edit group %d of %d", i, e.Group, len(c.Groups))
			}
		}
	}
	for i := range c.Groups {
		if len(c.Groups[i].Changes) == 0 {
			return fmt.Errorf("edit group %d has no changes", i)
		}
		for _, j := range c.Groups[i].Changes {
			if j < 0 || j >= len(c.Changes) {
				return fmt.Errorf("edit group %d names change %d of %d", i, j, len(c.Changes))
			}
		}
	}
	for _, j := range c.Uncaused {
		if j < 0 || j >= len(c.Changes) {
			return fmt.Errorf("uncaused change %d of %d", j, len(c.Changes))
		}
	}
	return nil
}

// At is the entry with this key, made where there is none.
func (s *Sheet) At(k Key) *Entry {
	e := s.entries[k]
	if e == nil {
		e = newEntry(k, s.C)
		s.entries[k] = e
	}
	return e
}

func newEntry(k Key, c *gate.Comparison) *Entry {
	return &Entry{Key: k, Gained: Set{}, Lost: Set{}, Owners: Set{}, Parties: Set{}, Reached: Set{}, Classes: Set{}, texts: map[[2]string]struct{}{}, c: c}
}

// Owned calls take for every edit group that the sheet's check owns, with the key
// of its route, class and part.
func (s *Sheet) Owned(take func(i int, g *gate.EditGroup, k Key)) {
	for i := range s.C.Groups {
		if g := &s.C.Groups[i]; s.Territory.Owner(g) == s.check {
			take(i, g, Key{Channel: g.Channel, Sink: g.Sink, Class: g.Class, Part: g.Part})
		}
	}
}

// Findings closes the sheet: judge gives each entry its severity and title.
func (s *Sheet) Findings(judge func(*Entry) (gate.Severity, string)) []gate.Finding {
	s.collapse(func(k *Key) *string { return &k.Class })
	s.collapse(func(k *Key) *string { return &k.Part })
	entries := slices.SortedFunc(maps.Values(s.entries), compareEntries)
	if s.joins != nil {
		entries = s.join(entries)
	}
	var findings []gate.Finding
	for _, e := range entries {
		k := e.Key
		slices.Sort(e.changes)
		e.changes = slices.Compact(e.changes)
		f := gate.Finding{
			Check: s.check, Channel: k.Channel, Sink: k.Sink, Class: k.Class, Part: k.Part,
			Gained: e.Gained.sorted(), Lost: e.Lost.sorted(), Owners: e.Owners.sorted(), Parties: e.Parties.sorted(),
			Classes: e.classes(), Changes: e.changes, Groups: e.groups, Count: uint64(e.Count()), Bits: e.Bits,
			Example: e.example(), Scenarios: []string{s.C.Scenario},
		}
		f.Before, f.After = e.meaning()
		f.Severity, f.Title = judge(e)
		f.Seal()
		findings = append(findings, f)
	}
	return findings
}

func compareEntries(x, y *Entry) int {
	a, b := x.Key, y.Key
	return cmp.Or(cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Sink, b.Sink), cmp.Compare(a.Class, b.Class),
		cmp.Compare(a.Part, b.Part), cmp.Compare(a.Variant, b.Variant))
}

// Join has Findings gather by who gains and who loses, and how, over classes, sinks and
// channels, the entries for which it reports true: one alias that moves one person's mail
// of many classes is one cause. The class is then no part of their meaning.
func (s *Sheet) Join(which func(*Entry) bool) { s.joins = which }

// OfPeople reports whether an entry has people for subjects, and no outside party: of
// those, each kind of request may well have a cause of its own.
func OfPeople(e *Entry) bool { return Routed(e) && len(e.Parties) == 0 }

// Routed reports whether an entry says who receives, or who does not.
func Routed(e *Entry) bool { return len(e.Gained)+len(e.Lost) > 0 }

// join takes entries of equal subjects, texts and variants into one another. entries are
// in the order of [compareEntries], and so are those returned, by the first of each.
func (s *Sheet) join(entries []*Entry) []*Entry {
	first := map[string]*Entry{}
	var out []*Entry
	for _, e := range entries {
		if !s.joins(e) {
			out = append(out, e)
			continue
		}
		before, after := e.meaning()
		same := fmt.Sprintf("%q", [][]string{e.Gained.sorted(), e.Lost.sorted(), e.Owners.sorted(), e.Parties.sorted(),
			{e.Key.Part, e.Key.Variant, before, after}})
		into := first[same]
		if into == nil {
			e.Key.Class = ""
			first[same] = e
			out = append(out, e)
			continue
		}
		into.merge(e)
		if into.Key.Channel != e.Key.Channel {
			into.Key.Channel = ""
		}
		if into.Key.Sink != e.Key.Sink {
			into.Key.Sink = ""
		}
	}
	return out
}

// classes are those of a finding, at most [MaxClasses].
func (e *Entry) classes() []string {
	list := e.Classes.sorted()
	return list[:min(len(list), MaxClasses)]
}

// collapse empties one field of the keys wherever it has more than MaxClasses
// values beside an equal rest, apart from parts, which do not tell routes apart.
func (s *Sheet) collapse(field func(*Key) *string) {
	values := map[Key]Set{}
	rest := func(k Key) Key {
		name := field(&k)
		if name == &k.Class {
			k.Part = ""
		}
		*name = ""
		return k
	}
	for k := range s.entries {
		r := rest(k)
		if values[r] == nil {
			values[r] = Set{}
		}
		values[r].Add(*field(&k))
	}
	entries := make(map[Key]*Entry, len(s.entries))
	for k, e := range s.entries {
		if len(values[rest(k)]) > MaxClasses {
			*field(&k) = ""
			e.Key = k
		}
		if entries[k] == nil {
			entries[k] = e
		} else {
			entries[k].merge(e)
		}
	}
	s.entries = entries
}

// meaning is the before and after that the fingerprint is over: the text where
// there is one, and a digest of all where there are more.
func (e *Entry) meaning() (before, after string) {
	switch len(e.texts) {
	case 0:
		return "", ""
	case 1:
		for t := range e.texts {
			return t[0], t[1]
		}
	}
	pairs := slices.SortedFunc(maps.Keys(e.texts), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	was, is := sha256.New(), sha256.New()
	for _, p := range pairs {
		fmt.Fprintf(was, "%q\n", p[0])
		fmt.Fprintf(is, "%q %q\n", p[0], p[1])
	}
	of := " of " + strconv.Itoa(len(pairs)) + " edits"
	return "sha256:" + hex.EncodeToString(was.Sum(nil)[:16]) + of, "sha256:" + hex.EncodeToString(is.Sum(nil)[:16]) + of
}

// example is a copy of the most harmful change: the one that gives its recipient
// the heaviest facts of other people, the first in the comparison among equals. The
// edits that are judged stand first in it.
func (e *Entry) example() *gate.Change {
	best, worst := -1, -1.0
	for _, i := range e.changes {
		harm := 0.0
		for j := range e.c.Changes[i].Gains {
			if x := &e.c.Changes[i].Gains[j]; x.New && !x.Own && Belongs(x) {
				harm += x.Bits
			}
		}
		if harm > worst {
			best, worst = i, harm
		}
	}
	if best < 0 {
		return nil
	}
	ch := e.c.Changes[best]
	ch.Forward(e.groups)
	return &ch
}

// Belongs reports whether an exposure is evidence that facts are somebody's: they carry
// bits, or one of them is the owner's own address or telephone number. A fact that
// everybody has carries none, and is nobody's.
func Belongs(x *gate.Exposure) bool {
	return x.Bits > 0 || slices.ContainsFunc(x.Sample, func(f gate.Fact) bool {
		return (f.Kind == gate.FactAddress || f.Kind == gate.FactPhone) && strings.EqualFold(strings.TrimPrefix(x.Owner.Address, "+"), strings.TrimPrefix(f.Value, "+"))
	})
}

// Appears reports whether nothing stood where the texts of e stand.
func (e *Entry) Appears() bool { return e.all(func(t [2]string) bool { return t[0] == "" }) }

// Vanishes reports whether nothing stands where the texts of e stood.
func (e *Entry) Vanishes() bool { return e.all(func(t [2]string) bool { return t[1] == "" }) }

func (e *Entry) all(is func([2]string) bool) bool {
	for t := range e.texts {
		if !is(t) {
			return false
		}
	}
	return len(e.texts) > 0
}
