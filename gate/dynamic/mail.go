package dynamic

import (
	"bytes"
	"cmp"
	"hash/fnv"
	"iter"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of what is remembered of messages.
const (
	maxLetters = 20_000  // the oldest are forgotten first
	maxRecent  = 64      // stimuli and messages that may be cause and effect
	maxTold    = 500_000 // values that stimuli had
	maxLike    = 4       // words of a cause
)

// mail is what a learner knows of messages.
type mail struct {
	letters []*sent // by when they were sent
	values  map[string]*sentValue
	links   map[string]*sent // by path and query: which message has it
	recent  []*cause
	told    map[uint64]bool // values that stimuli held before any answer or message did
}

// A sent is a message that production sent.
type sent struct {
	*Letter
	at     int64
	tokens []string // by which a stimulus shows that it is about who gets it
	cause  string   // id of the stimulus; "" is not known
	rank   int      // how sure that is
	since  int64    // when that stimulus came
	like   []string
}

type sentValue struct {
	by    *sent
	place string
}

// A cause is a stimulus because of which messages may have been sent.
type cause struct {
	id        string
	at, until int64
	words     map[string]bool // in lower case
}

func newMail() mail {
	return mail{values: map[string]*sentValue{}, links: map[string]*sent{}, told: map[uint64]bool{}}
}

func hash(v string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(v)) // never fails
	return h.Sum64()
}

// Message learns the values of a message that production sent, for stimuli after it on the
// tape. It is called in the order of the tape, as Learn is.
func (l *Learner) Message(m *gate.Message) {
	l.mail.add(m, func(place string) bool { return l.options.ignores(place) }, func(place string) bool { return anyLike(l.options.Learn, place) })
}

func (k *mail) add(m *gate.Message, ignored, wanted func(place string) bool) {
	s := &sent{Letter: Read(m), at: m.At}
	for _, to := range s.to {
		s.tokens = append(s.tokens, strings.ToLower(to))
		if local, _, ok := strings.Cut(to, "@"); ok {
			s.tokens = append(s.tokens, strings.ToLower(local))
		}
	}
	any := false
	for _, g := range s.Letter.values {
		if ignored(g.place) || !wanted(g.place) && !made(g.place, g.value) || k.told[hash(g.value)] {
			continue
		}
		if _, known := k.values[g.value]; !known {
			k.values[strings.Clone(g.value)] = &sentValue{s, g.place}
		}
		any = true
	}
	for _, target := range s.targets {
		if _, known := k.links[target]; !known {
			k.links[target], any = s, true
		}
	}
	if !any {
		return
	}
	for _, c := range k.recent {
		s.consider(c)
	}
	if k.letters = append(k.letters, s); len(k.letters) > maxLetters {
		k.forget()
	}
}

// forget drops the oldest message and what it gave.
func (k *mail) forget() {
	old := k.letters[0]
	k.letters[0], k.letters = nil, k.letters[1:]
	for _, g := range old.Letter.values {
		if v := k.values[g.value]; v != nil && v.by == old {
			delete(k.values, g.value)
		}
	}
	for _, target := range old.targets {
		if k.links[target] == old {
			delete(k.links, target)
		}
	}
}

// caused takes a stimulus into account as the cause of what was sent after it came. What it
// brought itself was made by no message.
func (k *mail) caused(s *gate.Stimulus, o *gate.Outcome, words map[string]bool) {
	if s.ID == "" {
		return
	}
	c := &cause{id: s.ID, at: s.At, words: make(map[string]bool, len(words))}
	for w := range words {
		c.words[strings.ToLower(w)] = true
	}
	if o != nil {
		c.until = s.At + o.Elapsed
	}
	if k.recent = append(k.recent, c); len(k.recent) > maxRecent {
		k.recent[0], k.recent = nil, k.recent[1:]
	}
	for _, m := range k.letters[max(0, len(k.letters)-maxRecent):] {
		if m.at == 0 || s.At == 0 || s.At > m.at {
			continue
		}
		m.consider(c)
		for _, g := range m.Letter.values {
			if v := k.values[g.value]; v != nil && v.by == m && words[g.value] && k.bound(s, g.value) {
				delete(k.values, g.value)
			}
		}
	}
}

// bound reports whether a stimulus brought a value by itself, and is bound to nobody's.
func (k *mail) bound(s *gate.Stimulus, value string) bool {
	return !slices.ContainsFunc(s.Bindings, func(b gate.Binding) bool { return b.Value == value && b.Sent == nil })
}

// given remembers values that a stimulus held, so that whoever repeats one is not taken for
// who made it.
func (k *mail) given(words map[string]bool) {
	if len(k.told) > maxTold {
		clear(k.told)
	}
	for w := range words {
		if len(w) >= 4 && strings.ContainsAny(w, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") {
			k.told[hash(w)] = true
		}
	}
}

// consider takes c for the cause of s where that is likelier than what was taken so far: a
// stimulus that names who gets the message before any other, one that was under way before
// one that was answered, and of equal ones the latest.
func (s *sent) consider(c *cause) {
	if s.at != 0 && c.at != 0 && c.at > s.at {
		return
	}
	rank := 1
	if c.until == 0 || s.at == 0 || c.until >= s.at {
		rank = 2
	}
	if slices.ContainsFunc(s.tokens, func(t string) bool { return c.words[t] }) {
		rank += 2
	}
	if rank < s.rank || rank == s.rank && c.at < s.since {
		return
	}
	s.rank, s.cause, s.since = rank, c.id, c.at
	s.like = s.like[:0]
	for w := range s.words {
		if c.words[w] && !slices.ContainsFunc(s.tokens, func(t string) bool { return strings.Contains(t, w) }) {
			s.like = append(s.like, w)
		}
	}
	slices.SortFunc(s.like, func(a, b string) int { return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) })
	s.like = s.like[:min(len(s.like), maxLike)]
}

// bind is the binding of a value that a message gave.
func (k *mail) bind(value string) (gate.Binding, bool) {
	v := k.values[value]
	if v == nil {
		return gate.Binding{}, false
	}
	return k.bindTo(v.by, gate.Binding{Place: v.place, Value: value}), true
}

// bindTo says of b that a message gave it.
func (k *mail) bindTo(m *sent, b gate.Binding) gate.Binding {
	b.From = m.cause
	b.Sent = &gate.Sent{Channel: m.channel, To: m.to, Like: slices.Clone(m.like)}
	if len(b.Sent.Like) == 0 {
		b.Sent.Like = nil
	}
	for _, s := range k.letters {
		if s.Fits(&b, true) {
			b.Sent.Nth++
		}
		if s == m {
			break
		}
	}
	return b
}

// textWords are the words of a stimulus of another channel than HTTP.
func textWords(s *gate.Stimulus) map[string]bool {
	words := map[string]bool{}
	for _, text := range [][]byte{s.Head, s.Body[:min(len(s.Body), 1<<16)]} {
		for word := range bytes.FieldsFuncSeq(text, isBreak) {
			if len(words) < maxWords && len(word) <= maxValue {
				words[string(word)] = true
			}
		}
		for _, a := range addresses.FindAll(text, maxAddress) {
			words[string(a)] = true
		}
	}
	return words
}

// sorted gives a map in the order of its keys.
func sorted[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

// madeIn reports whether a value of a link, text, script, attribute or document looks made.
func madeIn(place, value string) bool {
	digits, lower, upper := sorts(value)
	named := codes.MatchString(place)
	switch {
	case digits == len(value):
		return len(value) >= 5 || named && strings.HasPrefix(place, "text/") && len(value) >= 4
	case strings.Trim(value, "0123456789.-+") == "":
		return false
	case named && digits == 0 && lower == 0 && upper == len(value):
		return len(value) >= 4
	case digits > 0 && lower+upper > 0:
		return len(value) >= 6 || named && len(value) >= 5
	case named && strings.HasPrefix(place, "link") && strings.Contains(place, "?"):
		return len(value) >= 8
	}
	return len(value) >= 8 && upper > 1 && lower > 1 && !strings.ContainsAny(value, "/.") && !brand.MatchString(value)
}

// brand is a word of words, as products are called: "DokuWiki".
var brand = regexp.MustCompile(`^(?:[A-Z][a-z]+){2,}$`)
