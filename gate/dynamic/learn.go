package dynamic

import (
	"bytes"
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Options correct what is learnt, and what is replaced.
type Options struct {
	Ignore []string // places whose values stay as they were recorded
	Learn  []string // places whose values are bound however short they are
}

func (o *Options) ignores(place string) bool { return anyLike(o.Ignore, place) }

// anyLike reports whether a place is one of list, "*" at the end of which is anything.
func anyLike(list []string, place string) bool {
	return slices.ContainsFunc(list, func(p string) bool {
		prefix, wild := strings.CutSuffix(p, "*")
		return p == place || wild && strings.HasPrefix(place, prefix)
	})
}

// Bounds of what a learner remembers: values, of all sessions, and bytes of them.
// The oldest are forgotten first.
const (
	maxLearnt      = 200_000
	maxLearntBytes = 64 << 20
	maxSources     = 8    // answers that gave one value
	maxBindings    = 64   // of one stimulus
	maxWords       = 5000 // of one stimulus that are looked up
)

// A Learner learns bindings from stimuli and their answers, in the order of a tape.
// It is for one goroutine.
type Learner struct {
	options Options
	values  map[string][]source
	order   []learnt // oldest first, from head on
	head    int
	bytes   int

	mail    mail
	created map[string]gate.Binding // by path: short ids that an answer gave to what was made there
}

// A source is an answer that gave a value.
type source struct {
	key, from, place string
}

type learnt struct{ value, from string }

// NewLearner makes a learner that knows nothing.
func NewLearner(o Options) *Learner {
	return &Learner{options: o, values: make(map[string][]source), mail: newMail(), created: make(map[string]gate.Binding)}
}

// Learn fills the bindings of s, from answers and messages learnt before, and then learns
// those of its own answer, which may be nil. Both are as they will stand on the tape.
func (l *Learner) Learn(s *gate.Stimulus, o *gate.Outcome) {
	if s.Channel != "http" {
		l.mail.caused(s, o, textWords(s))
		return
	}
	words := wordsOf(s)
	s.Bindings = l.bind(s, words)
	l.mail.caused(s, o, words)
	defer l.mail.given(words)
	if o == nil || s.ID == "" {
		return
	}
	l.create(s, o)
	each(o, func(place, value string) bool {
		if l.options.ignores(place) || words[value] || !anyLike(l.options.Learn, place) && !made(place, value) {
			return true
		}
		if late(place) && (l.mail.told[hash(value)] || l.known(value, s.Key)) {
			return true
		}
		l.learn(value, source{s.Key, s.ID, place})
		return true
	})
}

// late reports whether a place shows values more often than it makes them: the first that
// gave one is meant, and none that a client had chosen.
func late(place string) bool {
	kind, _, _ := strings.Cut(place, "/")
	kind, _, _ = strings.Cut(kind, "?")
	return kind == "link" || kind == "data" || kind == "script" || kind == "xml"
}

// known reports whether an answer to a session gave a value already.
func (l *Learner) known(value, key string) bool {
	return slices.ContainsFunc(l.values[value], func(s source) bool { return s.key == key })
}

func (l *Learner) learn(value string, from source) {
	list := l.values[value]
	for i := range list {
		if list[i].key == from.key { // a later answer of that session
			if list[i].from != from.from {
				list = append(slices.Delete(list, i, i+1), from)
				l.values[value] = list
				l.remember(value, from)
			}
			return
		}
	}
	if len(list) == maxSources {
		list = slices.Delete(list, 0, 1)
	}
	l.values[strings.Clone(value)] = append(list, from)
	l.remember(value, from)
}

func (l *Learner) remember(value string, from source) {
	l.order = append(l.order, learnt{value, from.from})
	l.bytes += len(value)
	for len(l.order)-l.head > maxLearnt || l.bytes > maxLearntBytes {
		old := l.order[l.head]
		l.order[l.head] = learnt{}
		l.head++
		l.bytes -= len(old.value)
		list := slices.DeleteFunc(l.values[old.value], func(s source) bool { return s.from == old.from })
		if len(list) == 0 {
			delete(l.values, old.value)
		} else {
			l.values[old.value] = list
		}
	}
	if l.head > len(l.order)/2 && l.head > 1024 {
		l.order = append([]learnt(nil), l.order[l.head:]...)
		l.head = 0
	}
}

// bind gives the bindings of a stimulus: the longest values first.
func (l *Learner) bind(s *gate.Stimulus, words map[string]bool) []gate.Binding {
	var out []gate.Binding
	for value := range words {
		list := l.values[value]
		if len(list) == 0 {
			if b, ok := l.mail.bind(value); ok {
				out = append(out, b)
			}
			continue
		}
		best := list[len(list)-1]
		for _, from := range list {
			if from.key == s.Key {
				best = from
			}
		}
		out = append(out, gate.Binding{From: best.from, Place: best.place, Value: value})
	}
	slices.SortFunc(out, func(a, b gate.Binding) int {
		return cmp.Or(cmp.Compare(len(b.Value), len(a.Value)), cmp.Compare(a.Value, b.Value))
	})
	out = append(out, l.short(s)...)
	// A value that stands within another alone goes with that.
	rest := *s
	kept := out[:0]
	for _, b := range out {
		next, ok := Put(&rest, b, strings.Repeat("\x01", len(b.Value)))
		if ok && len(kept) < maxBindings {
			kept = append(kept, b)
			rest = next
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return slices.Clip(kept)
}

// sorts counts the figures, small letters and capitals in value.
func sorts(value string) (digits, lower, upper int) {
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z':
			lower++
		case 'A' <= c && c <= 'Z':
			upper++
		}
	}
	return digits, lower, upper
}

// made reports whether the value of a place looks made by a program.
func made(place, value string) bool {
	kind, _, _ := strings.Cut(place, "/")
	kind, _, _ = strings.Cut(kind, "?")
	if len(value) < 4 || len(value) < 5 && kind != "text" || strings.ContainsAny(value, " \t\r\n@") || strings.Contains(value, "://") || isDate(value) {
		return false
	}
	digits, lower, upper := sorts(value)
	letters := lower + upper
	switch kind {
	case "cookie", "input", "header":
		return len(value) >= 8
	case "link", "data", "script", "text", "xml", "field":
		return madeIn(place, value)
	case "meta":
		return len(value) >= 8 && (digits > 0 || upper > 1 && lower > 1) && !strings.ContainsAny(value, ",;")
	}
	switch {
	case digits == len(value):
		return true
	case strings.Trim(value, "0123456789.-+") == "": // an amount, or a number in groups
		return false
	case digits > 0 && letters > 0:
		return len(value) >= 6
	}
	return len(value) >= 8 && upper > 1 && lower > 1 && !strings.ContainsAny(value, "/.")
}

// isDate reports whether value begins as a date does (RFC 3339).
func isDate(value string) bool {
	if len(value) < 10 {
		return false
	}
	for i, c := range []byte(value[:10]) {
		if i == 4 || i == 7 {
			if c != '-' {
				return false
			}
		} else if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// wordsOf are the values that a stimulus holds: those of its cookies, headers, path,
// query and body, with their encodings undone, and the words of each.
func wordsOf(s *gate.Stimulus) map[string]bool {
	words := make(map[string]bool)
	add := func(v string) {
		v = strings.Trim(v, " \t\"")
		if len(v) > 0 && len(v) <= maxValue && len(words) < maxWords {
			words[v] = true
		}
	}
	var texts func(v string, depth int)
	texts = func(v string, depth int) {
		add(v)
		if len(words) >= maxWords || depth > 3 {
			return
		}
		if plain, err := url.QueryUnescape(v); err == nil && plain != v {
			texts(plain, depth+1)
		}
		if plain, err := url.PathUnescape(v); err == nil && plain != v {
			add(plain)
		}
		if w, ok := unbase64(v); ok {
			texts(w, depth+1)
		}
		if part := strings.FieldsFunc(v, isBreak); len(part) > 1 {
			for _, p := range part {
				add(p)
			}
		}
		if part := strings.FieldsFunc(v, isOuter); len(part) > 1 {
			for _, p := range part {
				texts(p, depth+1)
			}
		}
	}
	line, _, _ := bytes.Cut(s.Head, []byte("\n"))
	if _, rest, ok := strings.Cut(strings.TrimSpace(string(line)), " "); ok {
		target, _, _ := strings.Cut(rest, " ")
		path, query, _ := strings.Cut(target, "?")
		for seg := range strings.SplitSeq(path, "/") {
			texts(seg, 0)
		}
		for pair := range strings.SplitSeq(query, "&") {
			_, v, _ := strings.Cut(pair, "=")
			texts(v, 0)
		}
	}
	var coding string
	for _, f := range fieldsOf(s.Head) {
		switch f.name {
		case "cookie":
			for pair := range strings.SplitSeq(f.value, ";") {
				_, v, _ := strings.Cut(pair, "=")
				texts(strings.Trim(strings.TrimSpace(v), `"`), 0)
			}
		case "content-encoding":
			coding = strings.ToLower(f.value)
		case "host", "user-agent", "accept", "accept-language", "accept-encoding", "content-type", "content-length":
		default:
			texts(f.value, 0)
		}
	}
	body, ok := decoded(coding, s.Body)
	if !ok || len(body) == 0 {
		return words
	}
	start := bytes.TrimLeft(body, " \t\r\n")
	if len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		w := &walk{count: map[string]int{}, found: func(_, v string) bool { texts(v, 0); return true }}
		w.json(body)
		return words
	}
	if len(start) > 0 && start[0] == '<' {
		w := &walk{count: map[string]int{}, found: func(_, v string) bool { texts(v, 0); return true }}
		w.xml(body)
		return words
	}
	for pair := range strings.SplitSeq(string(body[:min(len(body), maxUnfolded)]), "&") {
		_, v, ok := strings.Cut(pair, "=")
		if ok && len(v) <= maxValue {
			texts(v, 0)
		}
	}
	if bytes.Contains(body, []byte("form-data")) {
		for line := range strings.Lines(string(body)) {
			texts(strings.TrimRight(line, "\r\n"), 0)
			if len(words) >= maxWords {
				break
			}
		}
	}
	return words
}

// isBreak reports whether r ends a word in any value.
func isBreak(r rune) bool {
	return r < '0' && r != '-' || '9' < r && r < 'A' || 'Z' < r && r < 'a' && r != '_' || 'z' < r && r < 0x80
}

// isOuter reports whether r stands between values, and not in one.
func isOuter(r rune) bool {
	return r == ' ' || r == '/' || r == '?' || r == '&' || r == '=' || r == ';' || r == ',' || r == ':' || r == '"' || r == '#' || r == '|'
}
