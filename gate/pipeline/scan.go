package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A place is where a canonical message stands in its run: which record it was made
// from, counted from 0, and, since one request may fan out to many messages, which of
// those of the record.
type place struct{ record, letter uint32 }

// An entry is one delivery of a run: what it is equal to, and where it stands. There
// are as many as deliveries, so it is small.
type entry struct {
	digest gate.Digest
	place
	to uint32 // index in the message's recipients
}

func (e *entry) compare(f *entry) int {
	if c := bytes.Compare(e.digest[:], f.digest[:]); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(e.record, f.record), cmp.Compare(e.letter, f.letter), cmp.Compare(e.to, f.to))
}

// scanned is a run after one pass.
type scanned struct {
	about
	side     side
	entries  []entry             // sorted
	memory   entryMemory         // what they are in
	people   []uint64            // hashes of recipients, sorted
	classes  map[uint64]uint32   // deliveries of each class, by classKey
	parties  map[string]struct{} // "host:NAME"
	masks    maskSums
	traced   uint64               // messages that carry the trace of a stimulus
	order    map[uint64][]arrival // per sink and recipient, where order matters
	sinks    []*sinkFacts         // sorted
	steps    map[uint64][]step    // per cause, sink and recipient, in order of arrival
	index    *runIndex            // of a run of production, where one is kept
	hidden   hiddenFacts          // of what masks left out
	shared   uint64               // see sharing
	clocked  uint64               // the same of ids that read the clock
	again    uint64               // calls that say with its key what one before them said
	modified hashes               // see modifiedPair; of answers, of which nothing is kept
	held     []*filter            // of the facts of production; none: not known
	numbers  hashes               // those of them that are numbers, where no index is made
}

// arrival is one delivery at a sink where order matters.
type arrival struct {
	seq    uint64
	digest gate.Digest
	at     position
	to     uint32
}

// A reading is one pass over a run.
type reading struct {
	stage  string
	causes traceSet
	gather *gatherer // of what may be asked; nil: nothing is gathered
	hidden bool      // whether what masks left out is searched
	names  bool      // and the ids of messages in it
	held   bool      // whether a filter of the facts is made
}

// scan makes one pass over a run.
func scan(ctx context.Context, o *Options, s side, of reading) (*scanned, error) {
	var mu sync.Mutex
	var done atomic.Uint64
	var tallies []*tally
	var gaps gapList
	var level stepLevel
	defer func() {
		for _, t := range tallies {
			t.entries.free()
		}
	}()
	about, err := s.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		t := newTally(o, of, &mu, &gaps)
		t.level = &level
		mu.Lock()
		tallies = append(tallies, t)
		mu.Unlock()
		return func(at place, c *gate.Canonical) {
			t.message(at, c)
			if n := done.Add(1); o.Progress != nil && n%1024 == 0 {
				mu.Lock()
				o.Progress("reading "+of.stage, n, 0)
				mu.Unlock()
			}
		}
	})
	if err != nil {
		return nil, err
	}
	gaps.add(about.gaps...)
	about.gaps = gaps.list
	r := sumUp(about, s, tallies)
	r.sumSteps(tallies, level.level.Load())
	return r, nil
}

// runs gives what scans of the runs of one comparison find.
type runs struct {
	o      *Options
	sides  []side
	keys   *keys
	kept   []kept // of the same index as sides
	causes func() (traceSet, error)
	open   []*scanned
}

type kept struct {
	run *scanned // nil where a scan is needed
	key stamped
	err error // why what a scan finds cannot be kept
}

// newRuns looks up, for all runs at once, what is kept of them.
func newRuns(ctx context.Context, o *Options, sides []side) *runs {
	r := &runs{o: o, sides: sides, keys: newKeys(o), kept: make([]kept, len(sides))}
	r.keys.replays = len(sides) > 2
	r.causes = sync.OnceValues(func() (traceSet, error) { return stimulusTraces(ctx, o) })
	var wg sync.WaitGroup
	for i, s := range sides {
		t, ok := s.(*tapeSide)
		if !ok {
			r.kept[i].err = errNoDigests
			continue
		}
		wg.Go(func() { r.kept[i].run, r.kept[i].key, r.kept[i].err = r.keys.restore(t) })
	}
	wg.Wait()
	for i := range r.kept {
		if run := r.kept[i].run; run != nil {
			r.open = append(r.open, run)
		}
	}
	return r
}

// scan gives the i-th run, which is asked for once.
func (r *runs) scan(ctx context.Context, i int, stage string) (*scanned, error) {
	k := r.kept[i]
	r.kept[i] = kept{}
	if k.run != nil {
		return k.run, nil
	}
	causes, err := r.causes()
	if err != nil {
		return nil, err
	}
	last := len(r.sides) - 1
	of := reading{stage: stage, causes: causes, hidden: true, names: last > 1 && i < last, held: i == 0}
	if k.err != nil {
		return r.opened(scan(ctx, r.o, r.sides[i], of))
	}
	t := r.sides[i].(*tapeSide)
	of.gather = r.keys.gatherer(t, k.key)
	of.names = k.key.role == gate.Production
	of.held = of.held && of.gather == nil
	defer of.gather.Close()
	run, err := r.opened(scan(ctx, r.o, t, of))
	if err == nil {
		// Where it cannot be kept, the next comparison scans again: nothing is lost.
		_ = r.keys.store(t, k.key, run, of.gather)
	}
	return run, err
}

// again scans the i-th run once more, with what o reveals.
func (r *runs) again(ctx context.Context, i int, stage string) (*scanned, error) {
	causes, err := r.causes()
	if err != nil {
		return nil, err
	}
	return r.opened(scan(ctx, r.o, r.sides[i], reading{stage: stage, causes: causes}))
}

// opened notes a run, which is closed in the end.
func (r *runs) opened(run *scanned, err error) (*scanned, error) {
	if err == nil {
		r.open = append(r.open, run)
	}
	return run, err
}

func (r *runs) close() {
	for _, run := range r.open {
		_ = run.Close() // of what was only read
	}
}

// Close gives back what r holds outside of the heap.
func (r *scanned) Close() error {
	r.entries = nil
	r.memory.free()
	return r.index.Close()
}

// sumUp makes one of what the workers of a scan have found.
func sumUp(a about, s side, tallies []*tally) *scanned {
	r := &scanned{about: a, side: s, classes: map[uint64]uint32{}, parties: map[string]struct{}{}, masks: maskSums{}, order: map[uint64][]arrival{}}
	total := 0
	for _, t := range tallies {
		total += t.entries.n
	}
	r.memory = newEntries(total)
	r.entries = r.memory.list[:0]
	var people hashes
	var shared sharing
	for _, t := range tallies {
		r.entries = t.entries.appendTo(r.entries)
		people = append(people, t.people...)
		for k, n := range t.classes {
			r.classes[k] += n
		}
		maps.Copy(r.parties, t.parties)
		for _, m := range t.masks {
			r.masks.add(m)
		}
		for k, list := range t.order {
			for _, a := range list {
				r.order[k] = append(r.order[k], arrival{a.seq, a.digest, r.position(a.place), a.to})
			}
		}
		r.traced += t.traced
		if t.hidden != nil {
			r.hidden.take(t.hidden)
			shared.join(&t.sharing)
		}
		if t.held != nil {
			r.held = append(r.held, t.held)
			r.numbers = append(r.numbers, t.numbers...)
		}
	}
	r.hidden.compact()
	r.shared, r.clocked, r.again = shared.ids.count(), shared.clocked.count(), shared.again()
	shared.modified.compact()
	r.modified = slices.Clip(shared.modified)
	r.numbers.compact()
	r.sinks = sumSinks(tallies)
	people.compact()
	r.people = slices.Clip(people)
	slices.SortFunc(r.entries, func(x, y entry) int { return x.compare(&y) })
	r.facts.Deliveries = uint64(len(r.entries))
	return r
}

// A tally is what one worker of a scan has found.
type tally struct {
	o        *Options
	causes   traceSet
	digester gate.Digester

	entries entryList
	people  hashes
	classes map[uint64]uint32
	parties map[string]struct{}
	masks   []gate.Masked // with their counts
	maskAt  map[gate.Masked]int
	traced  uint64
	order   map[uint64][]arrived
	sinks   []*sinkFacts
	steps   map[uint64][]step // per cause, sink and recipient
	level   *stepLevel        // of all workers
	cut     int32             // of level, when steps were last made fewer
	gather  *gatherWorker     // nil where nothing is gathered
	hidden  *hider            // nil where nothing hidden is searched
	sharing sharing
	find    *exposure.Gatherer
	held    *filter // of what find finds; nil: nothing is looked for
	numbers hashes  // of that

	mu   *sync.Mutex // guards
	gaps *gapList    // which all workers share, since one message's gaps are told once
}

// arrived is an [arrival] whose place has no position yet.
type arrived struct {
	seq uint64
	entry
}

func newTally(o *Options, of reading, mu *sync.Mutex, gaps *gapList) *tally {
	t := &tally{o: o, mu: mu, gaps: gaps, causes: of.causes, classes: map[uint64]uint32{}, parties: map[string]struct{}{}, maskAt: map[gate.Masked]int{}, order: map[uint64][]arrived{}, steps: map[uint64][]step{}}
	if of.gather != nil {
		t.gather = of.gather.worker()
	}
	if of.hidden {
		t.hidden = newHider(of.names)
	}
	if of.held {
		t.held = new(filter)
		t.find = exposure.NewLister(func(k exposure.Key) { t.held.add(uint64(k)) }, func(k exposure.Key) { t.numbers.add(uint64(k)) })
	}
	return t
}

func (t *tally) message(at place, c *gate.Canonical) {
	content := t.digester.Content(c)
	ordered := slices.Contains(t.o.Ordered, c.Sink)
	for i, to := range c.Recipients {
		e := entry{t.digester.Delivery(content, to), at, uint32(i)}
		t.entries.add(e)
		t.people.add(gate.HashWord(to.ID()))
		if to.Kind == gate.Host {
			t.parties[to.ID()] = struct{}{}
		}
		if ordered {
			k := gate.HashWord(c.Channel + "\x00" + c.Sink + "\x00" + to.ID())
			t.order[k] = append(t.order[k], arrived{c.Ref.Seq, e})
		}
	}
	for _, id := range loadHosts(c) {
		t.parties[id] = struct{}{}
	}
	class := classKey(c.Channel, c.Sink, c.Class)
	t.classes[class] += uint32(len(c.Recipients))
	if t.gather != nil {
		t.gather.message(at, c, class)
	}
	for i := range c.Masks {
		t.mask(i, &c.Masks[i])
	}
	caused := t.causes.caused(c)
	if caused {
		t.traced++
		t.step(at, c, class)
	}
	if t.hidden != nil {
		t.hidden.message(c, t.causes, content)
		t.sharing.message(c, content)
	}
	if t.held != nil {
		t.find.Keys(c.Parts)
	}
	sinkOf(&t.sinks, c.Channel, c.Sink).take(c, caused)
	if len(c.Gaps) > 0 {
		t.mu.Lock()
		t.gaps.add(c.Gaps...)
		t.mu.Unlock()
	}
}

// mask counts the i-th mask of a message. Messages of one shape have the same masks
// in the same places, so that place is looked at first.
func (t *tally) mask(i int, m *gate.Masked) {
	n := max(m.Count, 1)
	if i < len(t.masks) && t.masks[i].Part == m.Part && t.masks[i].Rule == m.Rule {
		t.masks[i].Count += n
		t.masks[i].Bytes += m.Bytes
		return
	}
	k := gate.Masked{Rule: m.Rule, Part: m.Part}
	at, ok := t.maskAt[k]
	if !ok {
		k = gate.Masked{Rule: strings.Clone(m.Rule), Part: strings.Clone(m.Part)} // not the memory of a message
		at = len(t.masks)
		t.maskAt[k] = at
		t.masks = append(t.masks, k)
	}
	t.masks[at].Count += n
	t.masks[at].Bytes += m.Bytes
}

// An entryList grows without copying.
type entryList struct {
	chunks []entryMemory
	n      int
}

const chunkEntries = 1 << 14

func (l *entryList) add(e entry) {
	at := l.n % chunkEntries
	if at == 0 {
		l.chunks = append(l.chunks, newEntries(chunkEntries))
	}
	l.chunks[len(l.chunks)-1].list[at] = e
	l.n++
}

// appendTo moves the list to the end of dst, which has room for it.
func (l *entryList) appendTo(dst []entry) []entry {
	for i := range l.chunks {
		n := min(l.n, chunkEntries)
		dst = append(dst, l.chunks[i].list[:n]...)
		l.n -= n
		l.chunks[i].free()
	}
	l.chunks = nil
	return dst
}

func (l *entryList) free() {
	for i := range l.chunks {
		l.chunks[i].free()
	}
	l.chunks, l.n = nil, 0
}

// hashes are a set that is sorted now and then: each time it would have to grow.
type hashes []uint64

func (h *hashes) add(x uint64) {
	if len(*h) == cap(*h) {
		h.compact()
		*h = slices.Grow(*h, max(1024, len(*h)/2))
	}
	*h = append(*h, x)
}

func (h *hashes) compact() {
	slices.Sort(*h)
	*h = slices.Compact(*h)
}

// union counts what is in one of two sorted sets.
func union(x, y []uint64) int {
	n := len(x) + len(y)
	for len(x) > 0 && len(y) > 0 {
		switch {
		case x[0] < y[0]:
			x = x[1:]
		case x[0] > y[0]:
			y = y[1:]
		default:
			n--
			x, y = x[1:], y[1:]
		}
	}
	return n
}

func (p position) compare(q position) int {
	return cmp.Or(cmp.Compare(p.offset, q.offset), cmp.Compare(p.index, q.index), cmp.Compare(p.letter, q.letter))
}

// loadHosts gives the hosts that a message makes its reader's software load from,
// as "host:NAME". They learn who reads it: they are outside parties.
func loadHosts(c *gate.Canonical) []string {
	var hosts []string
	for i := range c.Parts {
		if c.Parts[i].Kind != gate.Load {
			continue
		}
		u, err := url.Parse(c.Parts[i].Value)
		if err != nil || u.Host == "" {
			continue // what cannot be read is no known party
		}
		if r, err := gate.HostRecipient(u.Host); err == nil {
			hosts = append(hosts, r.ID())
		}
	}
	return hosts
}

// traceSet holds the hashes of traces of stimuli.
type traceSet map[uint64]struct{}

// caused reports whether m carries the trace of a stimulus.
func (t traceSet) caused(m *gate.Canonical) bool {
	return slices.ContainsFunc(m.Traces, func(id string) bool {
		_, ok := t[gate.HashWord(id)]
		return ok
	})
}

// stimulusTraces reads which traces the stimuli of the corpus may leave.
func stimulusTraces(ctx context.Context, o *Options) (traceSet, error) {
	known := traceSet{}
	if o.Traces == nil || o.Corpus == "" {
		return known, nil
	}
	err := eachStimulus(ctx, o, func(s *gate.Stimulus, _ gate.Ref, _ gate.Header) error {
		for _, id := range o.Traces(s) {
			known[gate.HashWord(id)] = struct{}{}
		}
		return nil
	})
	return known, err
}

// eachStimulus calls f for the stimuli of the corpus up to its end, or up to where
// it is damaged: what is wrong with a corpus is said when it is replayed.
func eachStimulus(ctx context.Context, o *Options, f func(*gate.Stimulus, gate.Ref, gate.Header) error) error {
	r, err := o.Keys.Open(o.Corpus)
	if err != nil {
		return err
	}
	defer r.Close()
	header := r.Header()
	for ctx.Err() == nil {
		rec, ref, err := r.Next()
		if err != nil {
			return nil
		}
		if rec.Stimulus == nil {
			continue
		}
		if err := f(rec.Stimulus, ref, header); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func classKey(channel, sink, class string) uint64 {
	return gate.HashWord(channel + "\x00" + sink + "\x00" + class)
}

// surplus is a delivery that did not cancel.
type surplus struct {
	digest gate.Digest
	at     position
	to     uint32 // index in the message's recipients
	copies [2]int // how many equal ones each run has
}

// cancel joins the deliveries of two runs. What both have goes, one for one;
// what is over is returned.
func cancel(p, s *scanned) (before, after []surplus, equal uint64) {
	b, a := p.entries, s.entries
	for len(b) > 0 || len(a) > 0 {
		var order int
		switch {
		case len(b) == 0:
			order = 1
		case len(a) == 0:
			order = -1
		default:
			order = bytes.Compare(b[0].digest[:], a[0].digest[:])
		}
		var nb, na int
		if order <= 0 {
			nb = alike(b)
		}
		if order >= 0 {
			na = alike(a)
		}
		both := min(nb, na)
		equal += uint64(both)
		for _, e := range b[both:nb] {
			before = append(before, surplus{e.digest, p.position(e.place), e.to, [2]int{nb, na}})
		}
		for _, e := range a[both:na] {
			after = append(after, surplus{e.digest, s.position(e.place), e.to, [2]int{nb, na}})
		}
		b, a = b[nb:], a[na:]
	}
	return before, after, equal
}

// alike counts the entries at the start of e that have one digest.
func alike(e []entry) int {
	n := 1
	for n < len(e) && e[n].digest == e[0].digest {
		n++
	}
	return n
}
