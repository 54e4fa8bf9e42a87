package drill

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A ClassOperator plants one fault in what messages of one class say, under the masks too.
type ClassOperator struct {
	ID  string // permanent, kebab-case: "exchange-facts"
	Doc string // one sentence

	// Plant returns replays of production and a run of staging with one fault in a
	// message of class, which are indexes in messages. See [Operator].
	Plant func(rng *rand.Rand, messages []gate.Canonical, class []int) (Plant, bool)
}

// A Plant is evidence with one fault in it.
type Plant struct {
	Production [][]gate.Canonical
	Staging    []gate.Canonical
	Concerned  []gate.Recipient // one of them must be named by a finding that blocks
}

// ClassOperators are all faults that are planted in each class.
func ClassOperators() []ClassOperator {
	return []ClassOperator{
		{"exchange-facts", "Two messages hold each other's value in one place.", exchangeFacts},
		{"hidden-address", "What a mask hides in one message holds somebody else's address.", hiddenAddress},
		{"volatile-address", "A place that is new in each replay holds somebody else's address.", volatileAddress},
	}
}

// Classes says what became of the faults that were planted in each class of a sample.
type Classes struct {
	Proofs []ClassProof // largest class first; of classes in which a fault could be planted
	More   int          // classes that were left out, since there are too many
}

// Blind says, for each class in which no planted fault was seen, which these were.
func (c *Classes) Blind() []string {
	var list []string
	for _, p := range c.Proofs {
		if len(p.Seen) == 0 {
			list = append(list, fmt.Sprintf("in class %s no planted fault was seen: %s", p.Class, strings.Join(p.Planted, ", ")))
		}
	}
	return list
}

// Missed says, for each operator whose fault was seen in some classes and not in others,
// which others, where something else planted in them was seen.
func (c *Classes) Missed() []string {
	var list []string
	for _, op := range ClassOperators() {
		var classes []string
		for _, p := range c.Proofs {
			if len(p.Seen) > 0 && slices.Contains(p.Planted, op.ID) && !slices.Contains(p.Seen, op.ID) {
				classes = append(classes, p.Class)
			}
		}
		switch n := len(classes); {
		case n > 1:
			list = append(list, fmt.Sprintf("the planted fault %s was not seen in %d classes, such as %s", op.ID, n, classes[0]))
		case n == 1:
			list = append(list, fmt.Sprintf("the planted fault %s was not seen in class %s", op.ID, classes[0]))
		}
	}
	return list
}

// String says it in words that follow those of [Proof.String]. It names nobody.
func (c *Classes) String() string {
	if len(c.Proofs) == 0 {
		return ""
	}
	var list []string
	for _, op := range ClassOperators() {
		planted, seen := 0, 0
		for _, p := range c.Proofs {
			if slices.Contains(p.Planted, op.ID) {
				planted++
			}
			if slices.Contains(p.Seen, op.ID) {
				seen++
			}
		}
		if planted > 0 {
			list = append(list, fmt.Sprintf("%s in %d of %d", op.ID, seen, planted))
		}
	}
	s := "; planted in what each class says and hides, it was found: " + strings.Join(list, ", ")
	if c.More > 0 {
		s += fmt.Sprintf("; nothing was planted in %d classes more", c.More)
	}
	return s
}

// A ClassProof is what became of the faults that were planted in one class.
type ClassProof struct {
	Class   string   // as messages name it
	Planted []string // ids of operators that fit, sorted
	Seen    []string // of these, sorted
}

// Bounds of one drill of classes: what is planted is judged again each time.
const (
	mostClasses = 24      // that are planted in, the largest first
	mostCompany = 60      // messages that a plant stands among
	mostParts   = 1 << 18 // bytes of their parts
)

// ProveClasses plants faults in each class of sample that can hold one. The error is that
// of judge: a fault that was not seen is none.
func ProveClasses(seed uint64, sample []gate.Canonical, judge Judge) (Classes, error) {
	var out Classes
	classes := map[string][]int{}
	for i := range sample {
		if m := &sample[i]; len(m.Recipients) > 0 {
			k := m.Channel + "\x00" + m.Sink + "\x00" + m.Class
			classes[k] = append(classes[k], i)
		}
	}
	names := make([]string, 0, len(classes))
	for k := range classes {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(classes[b]), len(classes[a])), strings.Compare(a, b))
	})
	if len(names) > mostClasses {
		out.More = len(names) - mostClasses
		names = names[:mostClasses]
	}
	for _, name := range names {
		proof := ClassProof{Class: sample[classes[name][0]].Class}
		messages, class := company(sample, classes[name])
		for _, op := range ClassOperators() {
			plant, ok := op.Plant(rand.New(rand.NewPCG(seed, uint64(len(op.ID)))), messages, class)
			if !ok {
				continue
			}
			findings, err := judge(plant.Production, plant.Staging)
			if err != nil {
				return Classes{}, fmt.Errorf("drill: judge %s: %w", op.ID, err)
			}
			proof.Planted = append(proof.Planted, op.ID)
			if seen(plant.Concerned, findings) {
				proof.Seen = append(proof.Seen, op.ID)
			}
		}
		if len(proof.Planted) > 0 {
			slices.Sort(proof.Planted)
			slices.Sort(proof.Seen)
			out.Proofs = append(out.Proofs, proof)
		}
	}
	return out, nil
}

// company gives some messages of a class, and some others, and where those of the class
// then stand.
func company(sample []gate.Canonical, class []int) (messages []gate.Canonical, at []int) {
	size := 0
	take := func(i int) bool {
		n := 0
		for _, p := range sample[i].Parts {
			n += len(p.Value)
		}
		if len(messages) >= mostCompany || len(messages) > 1 && size+n > mostParts {
			return false
		}
		size += n
		messages = append(messages, sample[i])
		return true
	}
	of := make([]bool, len(sample))
	for _, i := range class {
		of[i] = true
		if len(at) < mostCompany/3 && take(i) {
			at = append(at, len(messages)-1)
		}
	}
	for i := range sample {
		if !of[i] {
			take(i)
		}
	}
	return messages, at
}

// seen reports whether a finding blocks and names one of who.
func seen(who []gate.Recipient, findings []gate.Finding) bool {
	return slices.ContainsFunc(findings, func(f gate.Finding) bool {
		return f.Severity == gate.Block && slices.ContainsFunc(who, func(r gate.Recipient) bool {
			if r.Kind == gate.Host {
				// A request is about people: they may be named in place of its party.
				return slices.Contains(f.Parties, r.ID()) || len(f.Gained)+len(f.Lost)+len(f.Owners) > 0
			}
			id := r.ID()
			return slices.Contains(f.Gained, id) || slices.Contains(f.Lost, id) || slices.Contains(f.Owners, id)
		})
	})
}

// exchangeFacts exchanges one value, or one word of a text, between two messages of a
// class. They differ elsewhere too, or go to different people: else nothing would change.
func exchangeFacts(rng *rand.Rand, messages []gate.Canonical, class []int) (Plant, bool) {
	start := rng.IntN(max(len(class), 1))
	for n := range class {
		i := class[(start+n)%len(class)]
		for _, j := range class {
			a, b := &messages[i], &messages[j]
			if i == j || slices.ContainsFunc(b.Recipients, func(r gate.Recipient) bool { return r.Kind != gate.Host && slices.Contains(a.Recipients, r) }) {
				continue
			}
			places := exchangeable(a, b)
			if len(places) == 0 || slices.Equal(a.Recipients, b.Recipients) && len(places) < 2 {
				continue
			}
			p := places[rng.IntN(len(places))]
			staging := slices.Clone(messages)
			staging[i].Parts, staging[j].Parts = slices.Clone(a.Parts), slices.Clone(b.Parts)
			staging[i].Parts[p.a].Value, staging[j].Parts[p.b].Value = p.toA, p.toB
			return Plant{[][]gate.Canonical{messages}, staging, slices.Concat(a.Recipients, b.Recipients)}, true
		}
	}
	return Plant{}, false
}

// An exchange is a place in two messages, and what each would hold of the other's.
type exchange struct {
	a, b     int // indexes of parts
	toA, toB string
}

// leastFact is how many letters and digits tell one person's value from another's.
const leastFact = 3

// exchangeable gives the places in which two messages hold different values of their own.
func exchangeable(a, b *gate.Canonical) []exchange {
	alone := func(m *gate.Canonical, name string) int {
		at := -1
		for i := range m.Parts {
			if m.Parts[i].Name == name {
				if at >= 0 {
					return -1
				}
				at = i
			}
		}
		return at
	}
	var list []exchange
	for i := range a.Parts {
		p := &a.Parts[i]
		if alone(a, p.Name) != i {
			continue
		}
		j := alone(b, p.Name)
		if j < 0 || b.Parts[j].Kind != p.Kind || b.Parts[j].Value == p.Value {
			continue
		}
		switch q := &b.Parts[j]; p.Kind {
		case gate.Binary:
			list = append(list, exchange{i, j, q.Value, p.Value})
		case gate.Value:
			if len(p.Value) >= leastFact && len(q.Value) >= leastFact {
				list = append(list, exchange{i, j, q.Value, p.Value})
			}
		case gate.Text:
			x, y := ownWord(p.Value, q.Value), ownWord(q.Value, p.Value)
			if x != "" && y != "" {
				list = append(list, exchange{i, j, strings.Replace(p.Value, x, y, 1), strings.Replace(q.Value, y, x, 1)})
			}
		}
	}
	return list
}

// ownWord is the longest word of a text that the other does not hold.
func ownWord(text, other string) string {
	own := ""
	for w := range strings.FieldsSeq(text) {
		if w = strings.Trim(w, ".,;:!?()<>\"'"); len(w) >= leastFact && len(w) > len(own) && !strings.Contains(other, w) {
			own = w
		}
	}
	return own
}

// stranger is somebody to whom no message of the class goes, with a mail address.
func stranger(messages []gate.Canonical, class []int) gate.Recipient {
	in := map[string]bool{}
	for _, i := range class {
		for _, r := range messages[i].Recipients {
			in[r.ID()] = true
		}
	}
	for _, r := range recipients(messages) {
		if r.Kind == gate.Mail && !in[r.ID()] {
			return r
		}
	}
	return gate.Recipient{Kind: gate.Mail, Address: "drill@waybill.invalid", Role: gate.Envelope}
}

// another is somebody else than those who receive messages[i], with a mail address:
// one whom the class goes to if there is any.
func another(messages []gate.Canonical, class []int, i int) gate.Recipient {
	for _, j := range class {
		for _, r := range messages[j].Recipients {
			if r.Kind == gate.Mail && !slices.ContainsFunc(messages[i].Recipients, func(to gate.Recipient) bool { return to.ID() == r.ID() }) {
				return r
			}
		}
	}
	return stranger(messages, class)
}

func hiddenAddress(rng *rand.Rand, messages []gate.Canonical, class []int) (Plant, bool) {
	searched := func(h gate.Hidden) bool { return !h.Closed() }
	var fits []int
	for _, i := range class {
		if slices.ContainsFunc(messages[i].Hidden, searched) {
			fits = append(fits, i)
		}
	}
	if len(fits) == 0 {
		return Plant{}, false
	}
	i := fits[rng.IntN(len(fits))]
	who := another(messages, class, i)
	staging := slices.Clone(messages)
	staging[i].Hidden = slices.Clone(messages[i].Hidden)
	var places []int
	for k, h := range staging[i].Hidden {
		if searched(h) {
			places = append(places, k)
		}
	}
	h := &staging[i].Hidden[places[rng.IntN(len(places))]]
	h.Value += " " + who.Address
	return Plant{[][]gate.Canonical{messages}, staging, append(slices.Clone(messages[i].Recipients), who)}, true
}

// volatilePart is the place that [volatileAddress] makes.
const volatilePart = "header/x-drill-token"

func volatileAddress(rng *rand.Rand, messages []gate.Canonical, class []int) (Plant, bool) {
	if len(class) == 0 {
		return Plant{}, false
	}
	run := func() []gate.Canonical {
		out := slices.Clone(messages)
		for _, i := range class {
			token := fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())
			out[i].Parts = append(slices.Clone(messages[i].Parts), gate.Part{Name: volatilePart, Kind: gate.Value, Value: token})
		}
		return out
	}
	production, staging := [][]gate.Canonical{run(), run()}, run()
	i := class[rng.IntN(len(class))]
	who := another(messages, class, i)
	parts := staging[i].Parts
	parts[len(parts)-1].Value = who.Address
	return Plant{production, staging, append(slices.Clone(messages[i].Recipients), who)}, true
}
