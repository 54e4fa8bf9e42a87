package pipeline

import (
	"cmp"
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// Links that builds sent are asked for by the gate, once in each run: what the answers show says
// whose a link is although its token is new in each run.

// asked returns what was asked for by the gate, and who is shown the answer.
func (d *decoding) asked(o *gate.Outcome) (*asker, []gate.Recipient) {
	a := &asker{channel: o.Channel, door: o.Ask.Door, who: whoAsked(o.Key, o.Stimulus)}
	if d.o.Asked != nil {
		a.class = d.o.Asked(&gate.Stimulus{Channel: o.Channel, Door: o.Ask.Door, Head: []byte(o.Ask.Request + "\r\n")})
	}
	if as := d.askers[o.Ask.As]; as != nil {
		a.who = as.who
	}
	if len(o.Ask.To) == 0 {
		return a, []gate.Recipient{a.who}
	}
	to := slices.Clone(o.Ask.To)
	for i := range to {
		to[i].Role = gate.Asker
	}
	return a, to
}

// Reader returns what reads a message that a sink takes, as it is compared. settings are those
// of sinks, as the header of a run holds them. It may be called from many goroutines.
func Reader(o Options, settings map[string]string) func(*gate.Message) ([]gate.Canonical, error) {
	d := decoding{o: &o, header: &gate.Header{Settings: settings}}
	var mu sync.Mutex
	return func(m *gate.Message) ([]gate.Canonical, error) {
		mu.Lock()
		defer mu.Unlock()
		return d.canonical(m, gate.Ref{Seq: m.Seq})
	}
}

// Sessions returns the key of the stimuli of o.Corpus that are one person's, by the id of that
// person: of several, the last.
func Sessions(ctx context.Context, o Options) (map[string]string, error) {
	all, err := askersOf(ctx, &o)
	if err != nil {
		return nil, err
	}
	r, err := o.Keys.Open(o.Corpus)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	keys := map[string]string{}
	for ctx.Err() == nil {
		rec, _, err := r.Next()
		if err == io.EOF {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		if s := rec.Stimulus; s != nil && s.Key != "" && all[s.ID].who.Kind != gate.Session {
			keys[all[s.ID].who.ID()] = s.Key
		}
	}
	return nil, ctx.Err()
}

// skipped counts the links of a run that the gate did not ask for.
type skipped map[gate.BlindSpot]uint64

func (a *about) skip(ask *gate.Ask) {
	if ask.Skipped == "" {
		return
	}
	if a.skipped == nil {
		a.skipped = skipped{}
	}
	spot := gate.BlindSpot{Kind: gate.BlindUnfollowed, Channel: ask.Channel, Sink: ask.Sink, Class: ask.Class, Detail: ask.Skipped}
	a.skipped[spot] += max(ask.Count, 1)
}

// spots gives those of two runs, each with the larger count, sorted.
func (s skipped) spots(other skipped) []gate.BlindSpot {
	most := maps.Clone(s)
	if most == nil {
		most = skipped{}
	}
	for spot, n := range other {
		most[spot] = max(most[spot], n)
	}
	var out []gate.BlindSpot
	for spot, n := range most {
		spot.Count = n
		out = append(out, spot)
	}
	slices.SortFunc(out, func(x, y gate.BlindSpot) int {
		return cmp.Or(strings.Compare(x.Class, y.Class), strings.Compare(x.Sink, y.Sink), strings.Compare(x.Detail, y.Detail))
	})
	return out
}

// followed takes out of single the values that stand in links which were asked for in both runs,
// where the answer in production is one that nobody else got: whose such a value is, the
// comparison of answers tells.
func (c *comparer) followed(ctx context.Context, all []pairing, single map[int][]*diff.Value) error {
	if !c.o.Followed || c.o.replies || len(single) == 0 {
		return nil
	}
	production := []side{c.p.side}
	for _, r := range c.replays {
		production = append(production, r.side)
	}
	telling, err := tellingLinks(ctx, c.o, production)
	if err != nil || len(telling) == 0 {
		return err
	}
	now, err := answersToLinks(ctx, c.s.side, c.o)
	if err != nil {
		return err
	}
	got := map[string]bool{}
	for _, l := range now {
		got[l.url] = true
	}
	for i, values := range single {
		before, after := c.before.text(all[i].B), c.after.text(all[i].A)
		left := slices.DeleteFunc(slices.Clone(values), func(v *diff.Value) bool {
			return isLinked(before, v.Texts[0], telling) && isLinked(after, v.After, got)
		})
		if len(left) < len(values) {
			if c.anchored == nil {
				c.anchored = map[int]bool{}
			}
			c.anchored[i] = true
		}
		if single[i] = left; len(left) == 0 {
			delete(single, i)
		}
	}
	return nil
}

// isLinked reports whether a value stands in a link of m that is one of those given.
func isLinked(m *gate.Canonical, value string, links map[string]bool) bool {
	return slices.ContainsFunc(m.Parts, func(p gate.Part) bool {
		if p.Kind != gate.Link && p.Kind != gate.Load || !strings.Contains(p.Value, value) {
			return false
		}
		url, _, _ := strings.Cut(p.Value, "#")
		return links[url]
	})
}

// A linked is what one link led to in one run.
type linked struct {
	url   string
	to    string // who was sent it
	class string
	words map[uint64]bool // of all answers on the way
	shows bool            // an answer shows whom it was sent to
}

// tellingLinks returns the links of the first run whose answers are their recipient's alone: by
// what is the same in all runs, no two people are shown the same there, or, where nobody else
// was sent such a link, by the recipient's own address in it.
func tellingLinks(ctx context.Context, o *Options, runs []side) (map[string]bool, error) {
	type person struct{ to, class string }
	var first []*linked
	stable := map[person][]*linked{} // of one person and class in order
	for k, run := range runs {
		list, err := answersToLinks(ctx, run, o)
		if err != nil {
			return nil, err
		}
		if k == 0 {
			first = list
			for _, l := range list {
				stable[person{l.to, l.class}] = append(stable[person{l.to, l.class}], l)
			}
			continue
		}
		for _, l := range list { // which of one person's is which does not matter: all hold what they have in common
			for _, s := range stable[person{l.to, l.class}] {
				maps.DeleteFunc(s.words, func(w uint64, _ bool) bool { return !l.words[w] })
				s.shows = s.shows && l.shows
			}
		}
	}
	shown := map[string]map[uint64]string{} // by class: the words of an answer, and whose it is; "" is several people's
	people := map[string]map[string]bool{}
	sums := make([]uint64, len(first))
	for i, l := range first {
		for w := range l.words {
			sums[i] += w * 0x9e3779b97f4a7c15
		}
		if shown[l.class] == nil {
			shown[l.class], people[l.class] = map[uint64]string{}, map[string]bool{}
		}
		people[l.class][l.to] = true
		if whose, had := shown[l.class][sums[i]]; had && whose != l.to {
			shown[l.class][sums[i]] = ""
			continue
		}
		shown[l.class][sums[i]] = l.to
	}
	telling := map[string]bool{}
	for i, l := range first {
		if l.shows || len(people[l.class]) > 1 && shown[l.class][sums[i]] == l.to {
			telling[l.url] = true
		}
	}
	return telling, nil
}

// answersToLinks reads what links led to in a run, each once, in its order; none of a run in memory.
func answersToLinks(ctx context.Context, s side, o *Options) ([]*linked, error) {
	t, ok := s.(*tapeSide)
	if !ok || o.Asked == nil {
		return nil, nil
	}
	r, err := o.Keys.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var list []*linked
	byURL := map[string]*linked{}
	d := decoding{o: o}
	for ctx.Err() == nil {
		rec, _, err := r.Next()
		if err != nil {
			return list, nil // what is wrong with a tape was said when it was scanned
		}
		a := rec.Outcome
		if a == nil || a.Ask == nil || a.Ask.Link == "" || a.Ask.Skipped != "" || a.Error != "" || a.Status >= 400 || len(a.Ask.To) != 1 {
			continue
		}
		l := byURL[a.Ask.Link]
		if l == nil {
			who, _ := d.asked(a)
			l = &linked{url: a.Ask.Link, to: a.Ask.To[0].ID(), class: who.class, words: map[uint64]bool{}}
			byURL[a.Ask.Link] = l
			list = append(list, l)
		}
		l.read(a)
	}
	return nil, ctx.Err()
}

// leastWord is how many bytes a word has that can tell two answers apart: those of times, which
// two runs may share by chance, are shorter.
const leastWord = 3

// read takes the words of an answer.
func (l *linked) read(o *gate.Outcome) {
	body := string(o.Body[:min(len(o.Body), maxAnswer)])
	for _, text := range []string{dynamic.Location(o), body} {
		for w := range strings.FieldsFuncSeq(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(w) >= leastWord && !strings.Contains(l.url, w) { // a page that shows the token shows nobody
				l.words[gate.HashWord(w)] = true
			}
		}
	}
	_, address, _ := strings.Cut(l.to, ":")
	l.shows = l.shows || strings.Contains(strings.ToLower(body), strings.ToLower(address))
}
