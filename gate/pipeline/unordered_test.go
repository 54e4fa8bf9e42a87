package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Elements that production itself gives in another order from replay to replay are compared
// without their order: one that is lost, added or another person's differs all the same.
func TestElementsInAnyOrder(t *testing.T) {
	hook := func(name string, elements []string, lay func(i int, e string) []gate.Part) gate.Canonical {
		c := gate.Canonical{
			Channel: "http", Sink: "web", Class: "POST /crm", Recipients: []gate.Recipient{{Kind: gate.Host, Address: "crm.partner.example", Role: gate.Party}},
			Parts: []gate.Part{{Name: "body/$.email", Kind: gate.Value, Value: name + "@example.net"}},
		}
		for i, e := range elements {
			c.Parts = append(c.Parts, lay(i, e)...)
		}
		return c
	}
	tokens := rand.New(rand.NewPCG(3, 4))
	fresh := func() string { return fmt.Sprintf("%016x%016x", tokens.Uint64(), tokens.Uint64()) }
	part := func(name string, kind gate.PartKind, value string) []gate.Part {
		return []gate.Part{{Name: name, Kind: kind, Value: value}}
	}
	kinds := map[string]func(name string, elements []string) gate.Canonical{
		"strings of an array": func(name string, elements []string) gate.Canonical {
			return hook(name, elements, func(i int, e string) []gate.Part {
				return part(fmt.Sprintf("body/$.groups[%d]", i), gate.Value, e)
			})
		},
		"objects of an array": func(name string, elements []string) gate.Canonical {
			return hook(name, elements, func(i int, e string) []gate.Part {
				at := fmt.Sprintf("body/$.groups[%d]", i)
				return append(part(at+".name", gate.Value, e), part(at+".length", gate.Value, fmt.Sprint(len(e)))...)
			})
		},
		"objects with an id of their own": func(name string, elements []string) gate.Canonical {
			return hook(name, elements, func(i int, e string) []gate.Part {
				at := fmt.Sprintf("body/$.groups[%d]", i)
				return append(part(at+".name", gate.Value, e), part(at+".id", gate.Value, fresh())...)
			})
		},
		"an array within another": func(name string, elements []string) gate.Canonical {
			return hook(name, elements, func(i int, e string) []gate.Part {
				return part(fmt.Sprintf("body/$.lists[0].groups[%d]", i), gate.Value, e)
			})
		},
		"links": func(name string, elements []string) gate.Canonical {
			return hook(name, elements, func(_ int, e string) []gate.Part {
				return part("html/link", gate.Link, "https://app.example.org/g/"+e)
			})
		},
		"addressees": func(name string, elements []string) gate.Canonical {
			return hook(name, []string{strings.Join(elements, "@example.org\n") + "@example.org"}, func(_ int, e string) []gate.Part {
				return part("header/cc", gate.Addresses, e)
			})
		},
		"lines": func(name string, elements []string) gate.Canonical {
			return hook(name, []string{"Dear " + name + ",\n" + strings.Join(elements, "\n") + "\nYours"}, func(_ int, e string) []gate.Part {
				return part("text", gate.Text, e)
			})
		},
		"lines beside one that is new": func(name string, elements []string) gate.Canonical {
			return hook(name, []string{"Dear " + name + ",\n" + strings.Join(elements, "\n") + "\nYours " + fresh()}, func(_ int, e string) []gate.Part {
				return part("text", gate.Text, e)
			})
		},
		"items of a line": func(name string, elements []string) gate.Canonical {
			return hook(name, []string{"Dear " + name + ",\nyou get " + strings.Join(elements, ", ") + ".\nYours"}, func(_ int, e string) []gate.Part {
				return part("text", gate.Text, e)
			})
		},
		"items of a sentence": func(name string, elements []string) gate.Canonical {
			n := len(elements) - 1
			return hook(name, []string{"You get " + strings.Join(elements[:n], ", ") + " and " + elements[n] + ", " + name + "."}, func(_ int, e string) []gate.Part {
				return part("text", gate.Text, e)
			})
		},
		"items of a value": func(name string, elements []string) gate.Canonical {
			return hook(name, []string{strings.Join(elements, ",")}, func(_ int, e string) []gate.Part {
				return part("query/groups", gate.Value, e)
			})
		},
	}
	for kind, message := range kinds {
		r := rand.New(rand.NewPCG(1, 2))
		run := func(edit func(i int, e []string) []string) []gate.Canonical {
			var out []gate.Canonical
			for i, name := range people {
				e := []string{"news", "offers", "events", "surveys", "of-" + name}
				r.Shuffle(len(e), func(x, y int) { e[x], e[y] = e[y], e[x] })
				out = append(out, message(name, edit(i, e)))
			}
			return out
		}
		same := func(_ int, e []string) []string { return e }
		first, again := run(same), run(same)
		if got := told(compare(t, run(same), first, again)); len(got) != 0 {
			t.Errorf("%s in another order: %q", kind, got)
		}
		for what, edit := range map[string]func(i int, e []string) []string{
			"one lost":  func(i int, e []string) []string { return e[:len(e)-min(1, i)] },
			"one added": func(i int, e []string) []string { return append(e, []string{"beta"}[:min(1, i)]...) },
			"another's": func(i int, e []string) []string {
				for k := range e {
					if i < 2 && strings.HasPrefix(e[k], "of-") {
						e[k] = "of-" + people[1-i]
					}
				}
				return e
			},
			"one twice": func(i int, e []string) []string { e[0] = e[1]; return e },
		} {
			want := map[string]int{"one lost": 4, "one added": 4, "another's": 2, "one twice": 5}[what]
			if got := told(compare(t, run(edit), first, again)); len(got) != want {
				t.Errorf("%s, %s: %d changes, want %d: %q", kind, what, len(got), want, got)
			}
		}
	}
}

// A release that puts one more field into each element of a list that comes in any order is told of
// that field alone, whatever the order; what of it goes to another element differs.
func TestNewFieldOfElementsInAnyOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	names := []string{"Ann Wren", "Bob Crane", "Cat Finch", "Dan Swift", "Eve Heron"}
	run := func(field bool) []gate.Canonical {
		m := gate.Canonical{
			Channel: "http", Sink: "web", Class: "POST /batch", Recipients: []gate.Recipient{{Kind: gate.Host, Address: "crm.partner.example", Role: gate.Party}},
		}
		for i, k := range r.Perm(len(names)) {
			at := fmt.Sprintf("body/$.items[%d]", i)
			m.Parts = append(m.Parts, gate.Part{Name: at + ".id", Kind: gate.Value, Value: fmt.Sprintf("%016x", r.Uint64())}, gate.Part{Name: at + ".name", Kind: gate.Value, Value: names[k]})
			if field {
				m.Parts = append(m.Parts, gate.Part{Name: at + ".tel", Kind: gate.Value, Value: fmt.Sprintf("+1510555010%d", k)})
			}
		}
		return []gate.Canonical{m}
	}
	for range 10 {
		c := compare(t, run(true), run(false), run(false))
		if len(c.Changes) != 1 || len(c.Changes[0].Edits) != len(names) {
			t.Fatalf("got %q, want the new field of each element", told(c))
		}
		for _, e := range c.Changes[0].Edits {
			if !strings.HasSuffix(e.Part, ".tel") {
				t.Errorf("%s is edited: %q", e.Part, told(c))
			}
		}
	}
}
