package dynamic

import (
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Needs are the values of answers and messages that the bindings of a corpus ask for: what a
// replay has to keep, and how often it will be used. It grows with the answers that
// are needed and not with the corpus.
type Needs struct {
	options Options
	answers map[string]*Need  // by id of the stimulus
	causes  map[string]bool   // ids of stimuli because of which needed messages are sent
	sent    []gate.Binding    // one of each message that is needed, and place
	known   map[string]bool   // of these
	people  map[string]string // who gets them, by how stimuli may call each
	unbound uint64            // stimuli with values that look made and that nothing gave
	first   string            // where one of them stands
	places  map[string]string // each once, for they are few
}

// A Need is what is wanted of one answer.
type Need struct {
	Places []string
	Users  int // bindings that ask for it
}

// NewNeeds makes the needs of an empty corpus. Of o, Ignore counts.
func NewNeeds(o Options) *Needs {
	return &Needs{options: o, answers: make(map[string]*Need), causes: make(map[string]bool), known: make(map[string]bool), people: make(map[string]string), places: make(map[string]string)}
}

// Add adds those of one stimulus.
func (n *Needs) Add(s *gate.Stimulus) {
	if places := Unbound(s); len(places) > 0 {
		if n.unbound++; n.first == "" {
			n.first = places[0]
		}
	}
	for i := range s.Bindings {
		b := &s.Bindings[i]
		if !n.Wants(b) {
			continue
		}
		if b.Sent != nil {
			n.message(b)
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

// message adds the need of a message.
func (n *Needs) message(b *gate.Binding) {
	for _, to := range b.Sent.To {
		n.call(to)
	}
	if b.From != "" {
		n.causes[b.From] = true
	}
	k := b.Sent.Channel + "\x00" + strings.Join(b.Sent.To, "\x00") + "\x00\x00" + loosen(b.Place, b.Value)
	if !n.known[k] {
		n.known[k] = true
		n.sent = append(n.sent, *b)
	}
}

// call takes down how stimuli may call somebody who gets a needed message.
func (n *Needs) call(to string) {
	n.people[strings.ToLower(to)] = to
	if local, _, ok := strings.Cut(to, "@"); ok && len(local) >= 3 {
		n.people[strings.ToLower(local)] = to
	}
}

// People gives those of who gets needed messages that a stimulus names, by their address or
// the local part of it, as the whole of a value: a form that signs somebody up, and one that
// asks for a new password of the same. Sorted; nil is nobody.
func (n *Needs) People(s *gate.Stimulus) []string {
	if !n.Messages() || s.Channel != "http" {
		return nil
	}
	var named []string
	eachOf(s, &walk{count: map[string]int{}, found: func(_, value string) bool {
		if who, ok := n.people[strings.ToLower(value)]; ok {
			named = append(named, "to "+who)
		}
		return true
	}})
	slices.Sort(named)
	return slices.Compact(named)
}

// Causes reports whether a needed message is sent because of a stimulus.
func (n *Needs) Causes(id string) bool { return n != nil && n.causes[id] }

// Messages reports whether any message is needed.
func (n *Needs) Messages() bool { return n != nil && len(n.sent) > 0 }

// Letter reads a message where one like it is needed; nil: none is.
func (n *Needs) Letter(m *gate.Message) *Letter {
	if !n.Messages() {
		return nil
	}
	l := Read(m)
	for i := range n.sent {
		if l.Fits(&n.sent[i], false) {
			return l
		}
	}
	return nil
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

// Unbound is how many stimuli hold values that look made by the application and that nothing
// on the tape gave, with the place of the first: see [Unbound].
func (n *Needs) Unbound() (stimuli uint64, first string) {
	if n == nil {
		return 0, ""
	}
	return n.unbound, n.first
}

// Any reports whether anything is wanted at all.
func (n *Needs) Any() bool { return n != nil && len(n.answers) > 0 }
