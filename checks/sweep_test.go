package checks_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// A sweeper judges small runs: the members' profiles, and one message for each of them.
type sweeper struct {
	decoders map[string]channel.Decoder
	canon    *canon.Canon
	profiles []gate.Canonical
	drop     func(*gate.Canonical) // plants a defect in canonical forms; nil is none
}

func newSweeper(t *testing.T) *sweeper {
	t.Helper()
	s := &sweeper{decoders: map[string]channel.Decoder{}}
	for _, p := range []channel.Protocol{smtp.Protocol(), http.Protocol()} {
		decode, err := p.Decode(nil)
		if err != nil {
			t.Fatal(err)
		}
		s.decoders[p.Name] = decode
	}
	var err error
	if s.canon, err = canon.New(canon.Options{}); err != nil {
		t.Fatal(err)
	}
	for i, m := range profiles() {
		forms, err := s.forms(m, uint64(100+i))
		if err != nil {
			t.Fatal(err)
		}
		s.profiles = append(s.profiles, forms...)
	}
	return s
}

// errPanicked says that a message made the program panic.
var errPanicked = errors.New("panicked")

// forms gives the canonical forms of a message. An error means that its head cannot be
// read, which a run would have as a gap, or is errPanicked.
func (s *sweeper) forms(m gate.Message, seq uint64) (forms []gate.Canonical, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanicked, r)
		}
	}()
	m.Seq = seq
	decoded, err := s.decoders[m.Channel](&m)
	if err != nil {
		return nil, err
	}
	out := make([]gate.Canonical, len(decoded))
	for i := range decoded {
		out[i] = s.canon.Message(&m, &decoded[i], gate.Ref{Seq: seq, Offset: int64(seq)})
		if s.drop != nil {
			s.drop(&out[i])
		}
	}
	return out, nil
}

// all gives the forms of a specimen as each member's message, with value(k) put at p for the
// k-th of them; where that is empty, as it is.
func (s *sweeper) all(spec *specimen, p spot, value func(k int) string) ([][]gate.Canonical, error) {
	out := make([][]gate.Canonical, len(members))
	for k := range members {
		var edit func(int, []byte) []byte
		if v := value(k); v != "" {
			edit = p.put(v)
		}
		forms, err := s.forms(spec.render(&members[k], edit), uint64(k+1))
		if err != nil {
			return nil, err
		}
		out[k] = forms
	}
	return out, nil
}

// An answer is what a comparison of two runs came to.
type answer int

const (
	missed answer = iota // nothing above a note
	gapped               // undecided
	found                // a finding that warns or blocks
)

// judge compares what staging sent with what each replay of production did.
func (s *sweeper) judge(staging [][]gate.Canonical, production ...[][]gate.Canonical) (answer, []gate.Finding, error) {
	whole := func(run [][]gate.Canonical) []gate.Canonical {
		return slices.Concat(append(slices.Clone(run), s.profiles)...)
	}
	var before [][]gate.Canonical
	for _, run := range production {
		before = append(before, whole(run))
	}
	c, gaps, err := pipeline.CompareMessages(context.Background(), pipeline.Options{Workers: 1}, before, whole(staging))
	if err != nil {
		return missed, nil, err
	}
	findings, more := pipeline.Judge(checks.All(), c)
	for i := range findings {
		if findings[i].Severity.Rank() > gate.Note.Rank() {
			return found, findings, nil
		}
	}
	if len(gaps)+len(more) > 0 {
		return gapped, findings, nil
	}
	return missed, findings, nil
}

// A misses lists what a sweep did not find, by kind.
type misses struct {
	mu   sync.Mutex
	list map[string][]string
}

func (m *misses) add(kind, example string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.list == nil {
		m.list = map[string][]string{}
	}
	m.list[kind] = append(m.list[kind], example)
}

// shown is the kinds, the most frequent first, each with some examples.
func (m *misses) shown(examples int) string {
	kinds := slices.SortedFunc(maps.Keys(m.list), func(a, b string) int {
		return cmp.Or(len(m.list[b])-len(m.list[a]), strings.Compare(a, b))
	})
	var b strings.Builder
	for _, kind := range kinds {
		l := m.list[kind]
		slices.Sort(l)
		fmt.Fprintf(&b, "%6d %s\n", len(l), kind)
		for i := range min(examples, len(l)) {
			fmt.Fprintf(&b, "         %s\n", l[i*len(l)/min(examples, len(l))])
		}
	}
	return b.String()
}

// fail fails the test where there are misses, and adds them to the report.
func (m *misses) fail(t *testing.T, what string) {
	t.Helper()
	total := 0
	for _, l := range m.list {
		total += len(l)
	}
	if *sweepFile != "" {
		f, err := os.OpenFile(*sweepFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		fmt.Fprintf(f, "== %s: %d\n%s", what, total, m.shown(6))
	}
	if total > 0 {
		t.Errorf("%s: %d, of %d kinds\n%s", what, total, len(m.list), m.shown(3))
	}
}

// An excuse is a reason for which something put at a position need not be found. One that
// covers nothing of a whole sweep is stale.
type excuse struct {
	reason string
	covers func(*trial) bool
}

// excuses are reviewed: each is a place where what is put belongs to nobody, or reaches
// nobody.
func excuses() []excuse {
	return []excuse{
		{"a record number that is glued to a word is a part of that word (limit weak-facts)", func(x *trial) bool {
			data := x.spec.parts[x.at.part]
			glued := func(i int) bool {
				return i >= 0 && i < len(data) && (data[i] >= '0' && data[i] <= '9' || data[i]|0x20 >= 'a' && data[i]|0x20 <= 'z')
			}
			return kindsOfFact[x.fact] == "record number" && (glued(x.at.start-1) || glued(x.at.end))
		}},
		{"the recipients of two messages that say the same are exchanged: the same is sent to the same", func(x *trial) bool {
			return x.mode == "exchanged" && strings.Contains(x.spec.place(x.at.part, x.at.start), "rcpt to")
		}},
	}
}

// modes are the ways in which something is put at a position.
var modes = []string{"one", "all", "exchanged"}

// A trial puts a fact of one member into the messages of others.
type trial struct {
	spec *specimen
	at   spot
	fact int // index in kindsOfFact
	mode string
}

var kindsOfFact = []string{"address", "record number", "sentence"}

func (m *member) fact(kind int) string { return []string{m.mail, m.record, m.sentence}[kind] }

// try gives what the gate says of a trial. plain is the specimen as it is.
func (s *sweeper) try(x *trial, plain [][]gate.Canonical) (answer, []gate.Finding, error) {
	production, staging := plain, slices.Clone(plain)
	var err error
	switch x.mode {
	case "one":
		var forms []gate.Canonical
		if forms, err = s.forms(x.spec.render(&members[0], x.at.put(members[1].fact(x.fact))), 1); err == nil {
			staging[0] = forms
		}
	case "all":
		staging, err = s.all(x.spec, x.at, func(int) string { return members[1].fact(x.fact) })
	case "exchanged":
		if production, err = s.all(x.spec, x.at, func(k int) string { return members[k].fact(x.fact) }); err != nil {
			break
		}
		staging = slices.Clone(production)
		for k := range 2 {
			var forms []gate.Canonical
			if forms, err = s.forms(x.spec.render(&members[k], x.at.put(members[1-k].fact(x.fact))), uint64(k+1)); err != nil {
				break
			}
			staging[k] = forms
		}
	}
	if errors.Is(err, errPanicked) {
		return missed, nil, nil
	}
	if err != nil {
		return gapped, nil, nil // the head cannot be read: a gap of the run
	}
	return s.judge(staging, production)
}

// A tally is what a taint sweep came to.
type tally struct {
	mu      sync.Mutex
	tried   map[string]int // by mode
	seen    map[string]int
	gaps    map[string]int
	excused map[string]int // by reason
	misses  misses
	unfit   []string // specimens that production itself does not pass
	fit     int
}

// taint sweeps one specimen. each is how many spots are sampled; 0 is all.
func (s *sweeper) taint(spec *specimen, each int, seed uint64, y *tally) error {
	plain, err := s.all(spec, spot{}, func(int) string { return "" })
	if err == nil {
		var a answer
		if a, _, err = s.judge(plain, plain); err == nil && a != missed {
			err = fmt.Errorf("it does not pass as it is")
		}
	}
	if err != nil {
		y.mu.Lock()
		defer y.mu.Unlock()
		y.unfit = append(y.unfit, fmt.Sprintf("%s: %v", spec.name, err))
		return nil
	}
	y.mu.Lock()
	y.fit++
	y.mu.Unlock()
	rng := rand.New(rand.NewPCG(*sweepSeed, seed))
	spots := spec.spots()
	if each > 0 && len(spots) > each {
		rng.Shuffle(len(spots), func(i, j int) { spots[i], spots[j] = spots[j], spots[i] })
		spots = spots[:each]
	}
	for _, at := range spots {
		fact := rng.IntN(len(kindsOfFact))
		for _, mode := range modes {
			x := trial{spec, at, fact, mode}
			a, findings, err := s.try(&x, plain)
			if err != nil {
				return fmt.Errorf("%s: %w", spec.name, err)
			}
			y.add(&x, a, findings)
		}
	}
	return nil
}

func (y *tally) add(x *trial, a answer, findings []gate.Finding) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.tried[x.mode]++
	switch a {
	case found:
		y.seen[x.mode]++
	case gapped:
		y.gaps[x.mode]++
	default:
		for _, e := range excuses() {
			if e.covers(x) {
				y.excused[e.reason]++
				return
			}
		}
		var notes []string
		for i := range findings {
			notes = append(notes, findings[i].Check+" in "+findings[i].Part)
		}
		slices.Sort(notes)
		told := "nothing"
		if notes = slices.Compact(notes); len(notes) > 0 {
			told = strings.Join(notes, ", ")
		}
		kind := fmt.Sprintf("%s, %s in %s", x.spec.place(x.at.part, x.at.start), kindsOfFact[x.fact], x.mode)
		y.misses.add(kind, fmt.Sprintf("%s %s: %s", x.spec.name, around(x.spec.parts[x.at.part], x.at.start, x.at.end), told))
	}
}

func newTally() *tally {
	return &tally{tried: map[string]int{}, seen: map[string]int{}, gaps: map[string]int{}, excused: map[string]int{}}
}

func (y *tally) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d messages swept, %d that the gate does not pass as they are\n\nput in       tried    seen    gaps  missed or excused\n", y.fit, len(y.unfit))
	for _, mode := range modes {
		fmt.Fprintf(&b, "%-10s %7d %7d %7d %7d\n", mode, y.tried[mode], y.seen[mode], y.gaps[mode], y.tried[mode]-y.seen[mode]-y.gaps[mode])
	}
	for _, reason := range slices.Sorted(maps.Keys(y.excused)) {
		fmt.Fprintf(&b, "excused    %7d %s\n", y.excused[reason], reason)
	}
	return b.String()
}

// usualSpots is how many positions of a message are tried where not all are.
const usualSpots = 24

// TestTaintSweep puts another member's address, record number or sentence at token
// positions of messages: in one member's message, in everybody's, and each of two
// members' at the other's. Everything must be found, or be a gap, but for what an
// excuse covers.
//
//	go test -run TestTaintSweep -v ./checks -timeout 12h -sweep.whole
func TestTaintSweep(t *testing.T) {
	s := newSweeper(t)
	list := specimens(t)
	each := usualSpots
	if *sweepWhole {
		each = 0
	}
	y := newTally()
	t.Run("in", func(t *testing.T) {
		for i := range list {
			t.Run(list[i].name, func(t *testing.T) {
				t.Parallel()
				if err := s.taint(&list[i], each, uint64(i), y); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
	t.Logf("taint sweep, seed %d: %v", *sweepSeed, y)
	for _, u := range y.unfit {
		t.Logf("not swept: %s", u)
	}
	if *sweepWhole || os.Getenv("WAYBILL_CORPORA") != "" {
		for _, e := range excuses() {
			if y.excused[e.reason] == 0 {
				t.Errorf("stale: nothing is excused since %s", e.reason)
			}
		}
	}
	y.misses.fail(t, "facts that were put somewhere and not found")
}
