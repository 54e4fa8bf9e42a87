package pipeline

import (
	"cmp"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// A volatile value is renamed, not deleted: its name is where it first stood in the run,
// in causal order, and it stands for that name wherever it appears again. A one-time
// token that production puts into a mail and into the call that announces it must be
// one token in staging too, or a link goes to somebody else.
//
// Equal by identity is told from equal by chance by probability. What two places hold is
// one value where they are equal in every replay of production, and where so many equal
// pairs would be unlikely if the values were drawn anew: from as many as production's
// own values at these places were seen to be drawn from. Times are drawn from few.

// unlikely is the probability below which equality is none of chance.
const unlikely = 1e-3

// A poolKey names a volatile place of a class of messages.
type poolKey struct {
	route
	part string // without indexes
	span int
}

// A pool holds what production's values at one volatile place have in common over all
// messages of a class and all replays.
type pool struct {
	route          route
	form           diff.Form
	prefix, suffix string            // that all values have
	shortest       int               // bytes
	low, high      uint64            // of numbers
	around         string            // of numbers: what stands around their figures
	numbers, hexes bool              // all are digits, at most 18; all are hexadecimal digits
	times          bool              // all read as times
	letters, cased bool              // some value has letters; of both cases
	n              int               // messages
	constants      int               // those of them that have one value in all replays, see constant
	again          int               // messages that have in staging what production had at the place
	repeats        bool              // two messages of one replay have one value
	seen           []map[uint64]int  // of each replay: how many messages have a value
	kept           map[keptValue]int // how many messages have a value in both of two replays
	names          map[uint64]int    // messages that have a value, by its texts in all replays
	shown          *shownBy          // see shows; nil until it is asked
}

// A keptValue is one that messages have in two replays, the first before the second.
type keptValue struct {
	first, second int
	value         uint64
}

// mostOfOne is how many messages one value stands in, at one place, that is made anew for
// somebody: one that stands in more is a choice out of few.
const mostOfOne = 5

func newPool() *pool {
	return &pool{numbers: true, hexes: true, times: true, low: math.MaxUint64, names: map[uint64]int{}, kept: map[keptValue]int{}}
}

// add takes the values of one message, one for each replay.
func (p *pool) add(at *diff.Place) {
	texts := at.Texts
	p.n++
	p.shown = nil
	p.form.Reach(at.Left, at.Right)
	name := gate.HashWord(nameOf(texts))
	again := p.names[name]
	p.names[name]++
	known := 0 < again && again < mostOfOne
	for k, t := range texts {
		if !known {
			p.form.Add(t)
		}
		p.value(t)
		if k == len(p.seen) {
			p.seen = append(p.seen, map[uint64]int{})
		}
		h := gate.HashWord(t)
		p.repeats = p.repeats || p.seen[k][h] > 0 && !known
		for l := range k {
			if texts[l] == t {
				p.kept[keptValue{l, k, h}]++
			}
		}
		p.seen[k][h]++
	}
}

func (p *pool) value(t string) {
	if p.high == 0 && p.low == math.MaxUint64 && p.shortest == 0 && p.prefix == "" {
		p.prefix, p.suffix, p.shortest = t, t, len(t)
	}
	p.shortest = min(p.shortest, len(t))
	p.prefix = t[:sharedBytes(p.prefix, t, false)]
	p.suffix = t[len(t)-sharedBytes(p.suffix, t, true):]
	p.times = p.times && readsAsTime(t)
	for i := 0; i < len(t); i++ {
		c := t[i]
		isDigit := '0' <= c && c <= '9'
		p.hexes = p.hexes && (isDigit || 'a' <= c|0x20 && c|0x20 <= 'f')
		p.letters = p.letters || !isDigit
	}
	p.cased = p.cased || strings.ToLower(t) != t && strings.ToUpper(t) != t
	around, figures := lastFigures(t)
	n, isNumber := number(figures)
	if p.around == "" {
		p.around = around
	}
	if p.numbers = p.numbers && isNumber && around == p.around; p.numbers {
		p.low, p.high = min(p.low, n), max(p.high, n)
	}
}

// number returns what t is in figures alone, eighteen of them at the most.
func number(t string) (n uint64, ok bool) {
	n, err := strconv.ParseUint(t, 10, 64)
	return n, err == nil && len(t) <= 18
}

// lastFigures cuts the last run of figures out of t: "comment-12" is "comment-#" and "12".
func lastFigures(t string) (around, figures string) {
	end := strings.LastIndexAny(t, "0123456789") + 1
	start := end
	for start > 0 && '0' <= t[start-1] && t[start-1] <= '9' {
		start--
	}
	return t[:start] + "#" + t[end:], t[start:end]
}

// sharedBytes is how many bytes x and y share at their start, or at their end.
func sharedBytes(x, y string, end bool) (n int) {
	for n < len(x) && n < len(y) {
		if end && x[len(x)-1-n] != y[len(y)-1-n] || !end && x[n] != y[n] {
			return n
		}
		n++
	}
	return n
}

// bits is the binary logarithm of how many values there are to draw from, at the least
// what was seen of it. Times carry none.
func (p *pool) bits() float64 {
	switch {
	case p.isTime():
		return 0
	case p.numbers:
		return math.Log2(float64(p.high-p.low) + 1)
	}
	core := max(0, p.shortest-len(p.prefix)-len(p.suffix))
	if d := p.shows().from; d > 0 {
		return math.Log2(d)
	}
	each := 5.9
	switch {
	case !p.letters:
		each = 3.3
	case p.hexes:
		each = 4
	case !p.cased:
		each = 4.7
	}
	return each * float64(core)
}

// drawnFrom is how many values there are, by how many different ones were met, where they
// recur: a choice out of few, whatever their length. 0: none recurred.
func (p *pool) drawnFrom() float64 {
	met := len(p.names) * len(p.seen)
	all := map[uint64]int{}
	for _, s := range p.seen {
		maps.Copy(all, s)
	}
	comes := p.again > 0 && 2*p.again >= p.n-p.constants
	if !comes && (len(all) == met || p.n < 2 || !p.repeats && !p.shows().drawn) {
		return 0
	}
	return 2 * float64(len(all))
}

// mostApart is how far apart times of one run may be, in seconds.
const mostApart = 10 * 24 * 60 * 60

// isTime reports whether all values read as times, of figures those of some days alone.
func (p *pool) isTime() bool {
	if !p.times || !p.numbers {
		return p.times
	}
	unit := uint64(1)
	for n := p.high; n >= 1e11; n /= 1000 { // thousandths, millionths, ...
		unit *= 1000
	}
	return p.high-p.low <= mostApart*unit
}

// readsAsTime reports whether t may be a time: a stamp, the seconds since 1970 or their
// thousandths, or a date and time in figures.
func readsAsTime(t string) bool {
	if diff.IsStamp(t) {
		return true
	}
	whole, _, fraction := strings.Cut(t, ".")
	figures := strings.Trim(whole, "0123456789") == ""
	switch {
	case !figures:
		u := strings.ToUpper(t)
		return (len(u) == 15 || len(u) == 16 && u[15] == 'Z') && u[8] == 'T' && strings.Trim(u[:8]+u[9:15], "0123456789") == "" && u[:2] == "20"
	case len(whole) == 10:
		return whole[0] == '1' || whole[0] == '2'
	case len(whole) == 13 || len(whole) == 16 || len(whole) == 19:
		return whole[0] == '1' || whole[0] == '2'
	case len(whole) == 14 || len(whole) == 17:
		return whole[:2] == "20" && !fraction
	}
	return false
}

// distinct reports whether production's values differ from message to message by more
// than chance: numbers that count up do.
func (p *pool) distinct() bool {
	if p.repeats || p.n < 2 || p.isTime() {
		return false
	}
	from := math.Exp2(p.bits())
	if d := p.shows().from; d > 0 {
		from = d / 2 // there are as many as were met, or more repeated ones would have been
	}
	chance := 1.0
	different := len(p.names) // some messages have what others have in each replay
	for i := range different {
		chance *= max(0, 1-float64(i)/max(from, float64(different)))
	}
	return math.Pow(chance, float64(len(p.seen))) < 10*unlikely
}

// An occurrence is a volatile value where it stands.
type occurrence struct {
	pairing int // of the message; negative: an answer of a build
	seq     uint64
	value   *diff.Value
	pool    *pool
	name    string // its texts in all replays
	person  bool   // who receives it is a person
}

// order is the causal one: answers come first, then messages as staging sent them.
func (o *occurrence) order(p *occurrence) int {
	return cmp.Or(cmp.Compare(min(o.pairing, 0), min(p.pairing, 0)), cmp.Compare(o.seq, p.seq), cmp.Compare(o.pairing, p.pairing))
}

// A broken value stands where another stood.
type broken struct {
	pairing int
	value   *diff.Value
	of      int // pairing of the message whose value it is now, where one is known; -1
}

// identities holds the occurrences of all volatile values of a comparison.
type identities struct {
	all     []occurrence
	replays int
	at      int64 // when some message was sent, in nanoseconds since 1970; 0 where that is not known
}

// A facet is one form in which a value may stand elsewhere: as it is, without its marks and
// case, what it is the base64 of, as its digest, or its last figures.
type facet struct {
	*occurrence
	name  string // the form of its texts in all replays
	after string // the form of what stands there now
	bits  float64
}

// facets gives the forms of o, itself first.
func (d *identities) facets(o *occurrence) []facet {
	bits := min(o.pool.bits(), d.timelessBits(o))
	after := diff.Unescaped(o.value.After)
	out := []facet{{o, o.name, after, bits}}
	if bits == 0 {
		return out
	}
	add := func(bits float64, form func(string) string) {
		texts := make([]string, len(o.value.Texts))
		for k, t := range o.value.Texts {
			if texts[k] = form(diff.Unescaped(t)); texts[k] == "" {
				return
			}
		}
		f := facet{o, nameOf(texts), form(after), bits}
		for _, g := range out {
			if g.name == f.name {
				return
			}
		}
		out = append(out, f)
	}
	core := func(t string) string {
		if len(t) < len(o.pool.prefix)+len(o.pool.suffix) || !strings.HasPrefix(t, o.pool.prefix) || !strings.HasSuffix(t, o.pool.suffix) {
			return bare(t)
		}
		return bare(t[len(o.pool.prefix) : len(t)-len(o.pool.suffix)])
	}
	add(bits, bare)
	add(bits, decoded)
	add(bits, core)
	if bits >= tellingBits {
		add(bits, func(t string) string { s := sha256.Sum256([]byte(t)); return hex.EncodeToString(s[:]) })
		add(bits, func(t string) string { s := sha1.Sum([]byte(t)); return hex.EncodeToString(s[:]) })
		add(bits, func(t string) string { s := md5.Sum([]byte(t)); return hex.EncodeToString(s[:]) })
		add(min(bits, lastBits), func(t string) string {
			rest, _ := d.timeless(t)
			if b := bare(rest); len(b) >= 2*lastFour {
				return b[len(b)-lastFour:]
			}
			return ""
		})
	}
	return out
}

// What people are shown of a long number: its last four.
const (
	lastFour = 4
	lastBits = 13
)

// decoded is the printable text that t is the base64 of, in either alphabet (RFC 4648); empty
// where it is that of none.
func decoded(t string) string {
	t = strings.TrimRight(t, "=")
	if len(t) < leastCoded {
		return ""
	}
	text, err := base64.RawURLEncoding.DecodeString(strings.NewReplacer("+", "-", "/", "_").Replace(t))
	if err != nil || slices.ContainsFunc(text, func(c byte) bool { return c <= ' ' || c >= 0x7f }) {
		return ""
	}
	return string(text)
}

// leastCoded is how many characters are taken for the base64 of a text, where it is printable.
const leastCoded = 6

// bare is t in lower case, letters and figures alone; all of t where it has none of these.
func bare(t string) string {
	b := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, t)
	if b == "" {
		return t
	}
	return b
}

// broken returns the values that are equal, or not equal, to another's otherwise than in
// production, in causal order, and the values that stand in one message alone, by its
// pairing.
func (d *identities) broken() (out []broken, single map[int][]*diff.Value) {
	slices.SortStableFunc(d.all, func(x, y occurrence) int { return x.order(&y) })
	stated := map[*diff.Value]bool{}
	state := func(o, of *occurrence) {
		if o.pairing < 0 || stated[o.value] || !o.value.Masked {
			return
		}
		stated[o.value] = true
		b := broken{o.pairing, o.value, -1}
		if of != nil {
			b.of = of.pairing
		}
		out = append(out, b)
	}
	var facets []facet
	for i := range d.all {
		facets = append(facets, d.facets(&d.all[i])...)
	}
	byName := map[string][]facet{}
	byText := map[string][]facet{} // by what stands there now
	for _, f := range facets {
		byName[f.name] = append(byName[f.name], f)
		byText[f.after] = append(byText[f.after], f)
	}
	owner := func(f facet) *occurrence {
		for _, o := range byText[f.after] {
			if o.name != f.name {
				return o.occurrence
			}
		}
		return nil
	}
	n := float64(len(d.all))
	anchored := map[*occurrence]bool{}
	met := map[string]bool{}
	for _, f := range facets {
		same := byName[f.name]
		if met[f.name] || len(same) < 2 {
			continue
		}
		met[f.name] = true
		least := f.bits
		for _, p := range same[1:] {
			least = min(least, p.bits)
		}
		if n*n/2*math.Exp2(-least*float64(d.replays)) > unlikely {
			continue
		}
		for _, p := range same {
			if p.pairing < 0 || slices.ContainsFunc(same, func(q facet) bool { return q.pairing != p.pairing }) {
				anchored[p.occurrence] = true
			}
		}
		if !slices.ContainsFunc(same, func(p facet) bool { return p.after != f.after }) {
			continue
		}
		// An answer says what the value is. Where there is none any of them may be the one
		// that went wrong: of those that people receive, if any.
		wrong := slices.DeleteFunc(slices.Clone(same), func(p facet) bool { return p.pairing < 0 || f.pairing < 0 && p.after == f.after })
		if slices.ContainsFunc(wrong, func(p facet) bool { return p.person }) {
			wrong = slices.DeleteFunc(wrong, func(p facet) bool { return !p.person })
		}
		for _, p := range wrong {
			state(p.occurrence, owner(p))
		}
	}
	single = map[int][]*diff.Value{}
	for i := range d.all {
		o := &d.all[i]
		if o.pairing >= 0 && !anchored[o] {
			single[o.pairing] = append(single[o.pairing], o.value)
		}
	}
	// What was never equal is not to be equal.
	raw := map[string][]*occurrence{}
	for i := range d.all {
		k := diff.Unescaped(d.all[i].value.After)
		raw[k] = append(raw[k], &d.all[i])
	}
	for i := range d.all {
		o := &d.all[i]
		same := raw[diff.Unescaped(o.value.After)]
		if same[0] != o {
			continue
		}
		for _, p := range same[1:] {
			if p.name != o.name && d.timelessBits(o) > 0 && !d.everEqual(o, p) && d.tooUnlikely(o.pool, p.pool) {
				state(p, o)
			}
		}
	}
	return out, single
}

// everEqual reports whether two values were equal in some replay of production.
func (d *identities) everEqual(o, p *occurrence) bool {
	for k := range min(len(o.value.Texts), len(p.value.Texts)) {
		if diff.Unescaped(o.value.Texts[k]) == diff.Unescaped(p.value.Texts[k]) {
			return true
		}
	}
	return false
}

// tooUnlikely reports whether it is none of chance that a value of one pool equals one of
// another, or of the same.
func (d *identities) tooUnlikely(p, q *pool) bool {
	pairs := float64(p.n) * float64(q.n)
	if p == q {
		if p.distinct() {
			return true
		}
		pairs = float64(p.n) * float64(p.n-1) / 2
	}
	return pairs*math.Exp2(-min(p.bits(), q.bits())) < unlikely
}

// nameOf is what a value is known by: its texts in all replays.
func nameOf(texts []string) string {
	if !slices.ContainsFunc(texts, func(t string) bool { return strings.IndexByte(t, '%') >= 0 }) {
		return strings.Join(texts, "\x00")
	}
	plain := make([]string, len(texts))
	for i, t := range texts {
		plain[i] = diff.Unescaped(t)
	}
	return strings.Join(plain, "\x00")
}
