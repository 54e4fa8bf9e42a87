package pipeline

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// Nothing measures what is new in each run of a message that production does not send: staging is
// replayed once. The messages of its class measure it instead. What stands at one place of all of
// them, differs in each, has the form of a drawn value, and is known of nobody is named by its
// form, so that a fingerprint is the same whenever the release is judged.

// Bounds of what is taken for drawn.
const (
	leastDrawnTokens = 4    // messages, for values of letters and figures
	leastDrawnCodes  = 6    // the same, for values of figures alone
	shortestToken    = 6    // bytes
	shortestCode     = 4    // figures
	longestCode      = 6    // figures: a number with more is as likely an account's
	leastCodeRange   = 0.25 // share of the numbers of their length that codes spread over
	leastTurns       = 0.25 // changes between sorts of characters, to characters

	mostMeasured = 256 // messages that are measured together
)

// A drawnText is a value of one message that is named by its form in fingerprints.
type drawnText struct{ part, text, name string }

// drawnAnew returns, by message of staging, what in messages that production does not send is made
// anew. It must be called once the facts of changes are known.
func (c *comparer) drawnAnew(ctx context.Context) (map[*gate.Canonical][]drawnText, error) {
	classes := map[route][]int{}
	met := map[*gate.Canonical]bool{}
	for i := range c.Changes {
		if c.Changes[i].Kind != gate.Added {
			continue
		}
		if m := c.after.items[c.pairs[i].A].Message; !met[m] {
			met[m] = true
			classes[routeOf(m)] = append(classes[routeOf(m)], c.pairs[i].A)
		}
	}
	drawn := map[*gate.Canonical][]drawnText{}
	for _, items := range classes {
		slices.SortFunc(items, func(x, y int) int {
			a, b := &c.after.items[x], &c.after.items[y]
			return cmp.Or(strings.Compare(a.Recipient.ID(), b.Recipient.ID()), cmp.Compare(x, y))
		})
		for start := 0; start < len(items); {
			end := min(start+mostMeasured, len(items))
			if len(items)-end < leastDrawnCodes {
				end = len(items)
			}
			c.drawnIn(items[start:end], drawn)
			start = end
		}
	}
	if len(drawn) == 0 {
		return nil, nil
	}
	return drawn, c.forgetAsked(ctx, drawn)
}

// drawnIn puts into drawn what is made anew in each of some items of one class.
func (c *comparer) drawnIn(items []int, drawn map[*gate.Canonical][]drawnText) {
	if len(items) < leastDrawnTokens {
		return
	}
	all := make([]*gate.Canonical, len(items))
	for i, item := range items {
		all[i] = c.after.text(item)
	}
	diff.Measure(all[0], all[1:], func(string) {}).Volatile(func(p *diff.Place) {
		name := drawnForm(p.Texts)
		if name == "" || len(p.Texts) != len(all) || p.Kind == gate.Binary || slices.ContainsFunc(p.Texts, func(t string) bool { return c.held(p.Part, t) }) {
			return
		}
		for i, item := range items {
			m := c.after.items[item].Message
			drawn[m] = append(drawn[m], drawnText{p.Part, strings.Clone(p.Texts[i]), name})
		}
	})
}

// held reports whether production gave text, or a fact in it, to anybody.
func (c *comparer) held(part, text string) (held bool) {
	exposure.InText(part, text, func(f *exposure.Found) { held = held || c.owners.Known(f) })
	return held
}

// drawnForm returns by which name values of different messages go that have the form of values
// drawn by chance; "" where they have not.
func drawnForm(texts []string) string {
	seen := map[string]bool{}
	shortest, longest, length, turns, figures := math.MaxInt, 0, 0, 0, 0
	low, high := uint64(math.MaxUint64), uint64(0)
	small, capital := false, false
	patterns := map[string]bool{}
	for _, t := range texts {
		if seen[t] || t == "" || readsAsTime(t) {
			return ""
		}
		seen[t] = true
		shortest, longest, length = min(shortest, len(t)), max(longest, len(t)), length+len(t)
		pattern := make([]byte, len(t))
		for i := range len(t) {
			switch ch := t[i]; {
			case isFigure(ch):
				figures++
				pattern[i] = '0'
			case 'a' <= ch && ch <= 'z':
				pattern[i], small = 'a', true
			case 'A' <= ch && ch <= 'Z':
				pattern[i], capital = 'A', true
			case ch == '-' || ch == '_':
				pattern[i] = '-'
			default:
				return ""
			}
			if i > 0 && pattern[i] != pattern[i-1] {
				turns++
			}
		}
		patterns[string(pattern)] = true
		if n, ok := number(t); ok {
			low, high = min(low, n), max(high, n)
		}
	}
	switch {
	case figures == length:
		spread := float64(high-low) / math.Pow10(longest)
		if len(texts) < leastDrawnCodes || shortest != longest || shortest < shortestCode || longest > longestCode || spread < leastCodeRange {
			return ""
		}
		return diff.Fresh + strconv.Itoa(longest)
	case len(texts) < leastDrawnTokens, shortest < shortestToken, longest-shortest > longest/4,
		float64(turns) < leastTurns*float64(length),
		2*len(patterns) < len(texts), // a number of somebody's has its figures where all others have theirs
		figures == 0 && !(small && capital):
		return ""
	}
	return diff.Fresh
}

// forgetAsked takes out of drawn all that production was asked with, or answered: it is somebody's
// although nothing was sent to anybody.
func (c *comparer) forgetAsked(ctx context.Context, drawn map[*gate.Canonical][]drawnText) error {
	texts, asked := map[string]bool{}, map[string]bool{}
	for _, list := range drawn {
		for _, d := range list {
			texts[d.text] = true
		}
	}
	look := func(b []byte) {
		text := string(b)
		for start, end := gate.NextWord(text, 0); start < end; start, end = gate.NextWord(text, end) {
			if w := text[start:end]; texts[w] {
				asked[w] = true
			}
		}
	}
	if c.o.Corpus != "" {
		err := eachStimulus(ctx, c.o, func(s *gate.Stimulus, _ gate.Ref, _ gate.Header) error {
			look(s.Head)
			look(s.Body)
			return nil
		})
		if err != nil {
			return err
		}
	}
	if !c.o.replies { // where answers are compared, who had which facts is known of them
		answers, err := outcomesOf(ctx, c.p.side)
		if err != nil {
			return err
		}
		for _, m := range answers {
			for i := range m.Parts {
				look([]byte(m.Parts[i].Value))
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	// One value that is somebody's says that all at its place are.
	owned := map[string]bool{}
	place := func(m *gate.Canonical, d *drawnText) string {
		return m.Channel + "\x00" + m.Sink + "\x00" + m.Class + "\x00" + d.part
	}
	for m, list := range drawn {
		for i := range list {
			if asked[list[i].text] {
				owned[place(m, &list[i])] = true
			}
		}
	}
	for m, list := range drawn {
		drawn[m] = slices.DeleteFunc(list, func(d drawnText) bool { return owned[place(m, &d)] })
	}
	return nil
}

// named puts the name of what is made anew in place of it, where it stands as a word.
func (d *drawnText) named(text string) string {
	var out strings.Builder
	from := 0
	for at := 0; ; {
		i := strings.Index(text[at:], d.text)
		if i < 0 {
			break
		}
		i += at
		at = i + len(d.text)
		if i > 0 && isAlnumByte(text[i-1]) || at < len(text) && isAlnumByte(text[at]) {
			continue
		}
		out.WriteString(text[from:i])
		out.WriteString(d.name)
		from = at
	}
	if from == 0 {
		return text
	}
	out.WriteString(text[from:])
	return out.String()
}
