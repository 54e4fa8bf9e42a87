package http

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/itchyny/gojq"
)

// A mark is a node on the way to groups in a body: what is written of them differs
// from delivery to delivery, and the rest does not.
type mark struct {
	index int // of the group that stands here, or -1
	names map[string]*mark
	items map[int]*mark

	// A group stands below one name, or one item, alone: which, by its index.
	name map[int]string
	item map[int]int

	// What is written in every delivery, in order, once it is known. A body with n groups is
	// written n times, and each group is passed over without being looked at.
	sharedNames []string
	sharedItems []int
	known       bool
}

func newMark() *mark { return &mark{index: -1} }

// add marks the value at path, a path of jq's, and returns it.
func (m *mark) add(path []any, v any, index int) (any, error) {
	for _, step := range path {
		if m.index >= 0 {
			return nil, errors.New("each yields a group within a group")
		}
		switch at := v.(type) {
		case map[string]any:
			name, ok := step.(string)
			value, present := at[name]
			if !ok || !present {
				return nil, errors.New("each yields what is not in the body")
			}
			m, v = m.byName(name, index), value
		case []any:
			i, ok := step.(int)
			if !ok || i < 0 || i >= len(at) {
				return nil, errors.New("each yields what is not in the body")
			}
			m, v = m.byItem(i, index), at[i]
		default:
			return nil, errors.New("each yields what is not in the body")
		}
	}
	if m.index >= 0 || m.names != nil || m.items != nil {
		return nil, errors.New("each yields a group twice, or one within another")
	}
	m.index = index
	return v, nil
}

// byName returns the mark of a member, below which the group of that index stands.
func (m *mark) byName(name string, index int) *mark {
	if m.names == nil {
		m.names, m.name = map[string]*mark{}, map[int]string{}
	}
	next := m.names[name]
	if next == nil {
		next = newMark()
		m.names[name] = next
	}
	m.name[index] = name
	return next
}

// byItem returns the mark of an item of a list, below which the group of that index stands.
func (m *mark) byItem(i, index int) *mark {
	if m.items == nil {
		m.items, m.item = map[int]*mark{}, map[int]int{}
	}
	next := m.items[i]
	if next == nil {
		next = newMark()
		m.items[i] = next
	}
	m.item[index] = i
	return next
}

// append writes v as JSON behind b, names sorted, without the groups other than
// the one of that index, and without what holds only such: the other items of a
// list on the way to it, the other members of an object that has several.
func (m *mark) append(b []byte, v any, index int) []byte {
	switch v := v.(type) {
	case map[string]any:
		b = append(b, '{')
		for i, name := range m.membersOf(v, index) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendString(b, name), ':')
			b = m.below(name).append(b, v[name], index)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		if m == nil || m.items == nil {
			for i, item := range v {
				if i > 0 {
					b = append(b, ',')
				}
				b = (*mark)(nil).append(b, item, index)
			}
			return append(b, ']')
		}
		for i, n := range m.itemsOf(v, index) {
			if i > 0 {
				b = append(b, ',')
			}
			b = m.items[n].append(b, v[n], index)
		}
		return append(b, ']')
	case string:
		return appendString(b, v)
	case json.Number:
		return append(b, v...)
	case bool:
		return strconv.AppendBool(b, v)
	case nil:
		return append(b, "null"...)
	}
	number, err := gojq.Marshal(v) // what an expression reckoned
	if err != nil {
		return append(b, "null"...)
	}
	return append(b, number...)
}

// below may be called on nil: nothing is marked from there on.
func (m *mark) below(name string) *mark {
	if m == nil {
		return nil
	}
	return m.names[name]
}

// membersOf returns the names of v that are written for a group, sorted. It may be called
// on nil.
func (m *mark) membersOf(v map[string]any, index int) []string {
	if m == nil || m.names == nil {
		return namesOf(v, nil)
	}
	if !m.known {
		m.sharedNames, m.known = namesOf(v, func(name string) bool {
			next := m.names[name]
			return next == nil || next.index < 0 && len(m.names) == 1
		}), true
	}
	name, ok := m.name[index]
	if !ok {
		return m.sharedNames
	}
	at, shared := slices.BinarySearch(m.sharedNames, name)
	if shared {
		return m.sharedNames
	}
	return slices.Concat(m.sharedNames[:at], []string{name}, m.sharedNames[at:])
}

// itemsOf returns the places of the items of v that are written for a group, in order.
func (m *mark) itemsOf(v []any, index int) []int {
	if !m.known {
		m.known = true
		for i := range v {
			if m.items[i] == nil {
				m.sharedItems = append(m.sharedItems, i)
			}
		}
	}
	item, ok := m.item[index]
	if !ok {
		return m.sharedItems
	}
	at, _ := slices.BinarySearch(m.sharedItems, item)
	return slices.Concat(m.sharedItems[:at], []int{item}, m.sharedItems[at:])
}

// namesOf returns the names of v that take takes, or all, sorted.
func namesOf(v map[string]any, take func(string) bool) []string {
	names := make([]string, 0, len(v))
	for name := range v {
		if take == nil || take(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func appendString(b []byte, s string) []byte {
	out, _ := jsontext.AppendQuote(b, s) // it fails on invalid UTF-8 only, which jsonBody refuses
	return out
}
