package dynamic

import (
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// Needs are the values of answers that the bindings of a corpus ask for: what a
// replay has to keep, and how often it will be used. It grows with the answers that
// are needed and not with the corpus.
type Needs struct {
	options Options
	answers map[string]*Need  // by id of the stimulus
	places  map[string]string // each once, for they are few
}

// A Need is what is wanted of one answer.
type Need struct {
	Places []string
	Users  int // bindings that ask for it
}

// NewNeeds makes the needs of an empty corpus. Of o, Ignore counts.
func NewNeeds(o Options) *Needs {
	return &Needs{options: o, answers: make(map[string]*Need), places: make(map[string]string)}
}

// Add adds those of one stimulus.
func (n *Needs) Add(s *gate.Stimulus) {
	for i := range s.Bindings {
		b := &s.Bindings[i]
		if !n.Wants(b) {
			continue
		}
		need := n.answers[b.From]
		if need == nil {
			need = new(Need)
			n.answers[b.From] = need
		}
		need.Users++
		if !slices.Contains(need.Places, b.Place) {
			need.Places = append(need.Places, n.once(b.Place))
		}
	}
}

// once keeps equal strings in one memory.
func (n *Needs) once(s string) string {
	if kept, ok := n.places[s]; ok {
		return kept
	}
	n.places[s] = s
	return s
}

// Wants reports whether a binding is to be followed.
func (n *Needs) Wants(b *gate.Binding) bool {
	return n != nil && !n.options.ignores(b.Place)
}

// Of is what is wanted of the answer to a stimulus; nil is nothing.
func (n *Needs) Of(id string) *Need {
	if n == nil {
		return nil
	}
	return n.answers[id]
}

// Any reports whether anything is wanted at all.
func (n *Needs) Any() bool { return n != nil && len(n.answers) > 0 }
