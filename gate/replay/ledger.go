package replay

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// maxGapsEach bounds how many gaps of one kind are told one by one. What is more
// is counted, and told in one gap.
const maxGapsEach = 1000

// Why work is abandoned.
var (
	errFlood   = errors.New("the build sent more messages than the limit")
	errCrashed = errors.New("the build ended by itself")
	errFailed  = errors.New("evidence could not be stored, or read")
)

// A ledger puts evidence into the store and counts it.
type ledger struct {
	store   Store
	limit   uint64
	abandon func(cause error)   // stops work; called from within sinks too
	arrival func(*gate.Message) // is told of each message that is stored

	seq      atomic.Uint64
	messages atomic.Uint64
	outcomes atomic.Uint64
	gaps     atomic.Uint64
	phase    atomic.Pointer[string]

	mu     sync.Mutex
	told   map[string]uint64 // gaps of each kind
	failed error             // the first failure of the store
	causes int               // stimuli and jobs under way
	ended  time.Time         // when the last of them was over; zero before the first
	lag    time.Duration     // the longest that a message came after that
	quiet  time.Time         // when the build was taken for quiet; zero before that
	how    string            // by what it was
	stops  bool              // it is asked to stop
	sends  bool              // and may send then
}

func newLedger(store Store, limit uint64, abandon func(error)) *ledger {
	l := &ledger{store: store, limit: limit, abandon: abandon, told: make(map[string]uint64)}
	l.enter("steady")
	return l
}

// enter begins a phase: what is captured from now on is of it.
func (l *ledger) enter(phase string) { l.phase.Store(&phase) }

func (l *ledger) append(r *gate.Record, count *atomic.Uint64) error {
	if err := l.store.Append(r); err != nil {
		l.mu.Lock()
		if l.failed == nil {
			l.failed = fmt.Errorf("store the evidence of a replay: %w", err)
		}
		l.mu.Unlock()
		l.abandon(errFailed)
		return err
	}
	count.Add(1)
	return nil
}

// keep stores one message: see [channel.SinkConfig].
func (l *ledger) keep(m *gate.Message) error {
	n := l.seq.Add(1)
	if n > l.limit {
		l.abandon(errFlood)
		return errFlood
	}
	m.Seq, m.Phase = n, *l.phase.Load()
	late := l.arrived(m)
	if m.At == 0 {
		m.At = time.Now().UnixNano()
	}
	err := l.append(&gate.Record{Kind: gate.KindMessage, Message: m}, &l.messages)
	if err == nil && l.arrival != nil {
		l.arrival(m)
	}
	if late != "" {
		l.gap(gate.Gap{Kind: gate.GapNotQuiet, Where: "sink " + m.Sink, Seq: n, Detail: late})
	}
	return err
}

// begin and end stand around each cause: a stimulus, or a job.
func (l *ledger) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.causes++
}

func (l *ledger) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.causes--
	l.ended = time.Now()
}

// longestLag is the longest that a message came after every cause before it was over. What
// comes while a cause is under way may be of that one.
func (l *ledger) longestLag() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lag
}

// declareQuiet makes a gap of each message that comes from now on.
func (l *ledger) declareQuiet(how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.quiet, l.how = time.Now(), how
}

// stopping says that the build is asked to stop. sends: what comes then is no gap.
func (l *ledger) stopping(sends bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops, l.sends = true, sends
}

// arrived notes when a message came, and says what is wrong with that; "" is nothing.
func (l *ledger) arrived(m *gate.Message) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.causes == 0 && !l.ended.IsZero() && !l.stops {
		l.lag = max(l.lag, time.Since(l.ended))
	}
	if l.quiet.IsZero() || l.stops && l.sends {
		return ""
	}
	when := "it came"
	if l.stops {
		when = "it came while the build was stopped"
	}
	return fmt.Sprintf("message %d: %s, %.1f s after the build was taken for quiet (%s); whether it was the last is not known", m.Seq, when, time.Since(l.quiet).Seconds(), l.how)
}

func (l *ledger) outcome(o *gate.Outcome) {
	o.Error = strings.ToValidUTF8(o.Error, "\uFFFD") // a tape holds nothing else in a string
	o.At = time.Now().UnixNano()
	// Told by the ledger's failure.
	_ = l.append(&gate.Record{Kind: gate.KindOutcome, Outcome: o}, &l.outcomes)
}

func (l *ledger) gap(g gate.Gap) {
	n := max(g.Count, 1)
	l.mu.Lock()
	before := l.told[g.Kind]
	l.told[g.Kind] = before + n
	l.mu.Unlock()
	if before < maxGapsEach {
		l.put(g)
	}
}

func (l *ledger) put(g gate.Gap) {
	g.Where, g.Detail = strings.ToValidUTF8(g.Where, "\uFFFD"), strings.ToValidUTF8(g.Detail, "\uFFFD")
	_ = l.append(&gate.Record{Kind: gate.KindGap, Gap: &g}, &l.gaps) // told by the ledger's failure
}

// close tells the gaps that were only counted.
func (l *ledger) close() error {
	l.mu.Lock()
	told := maps.Clone(l.told)
	l.mu.Unlock()
	for _, kind := range slices.Sorted(maps.Keys(told)) {
		if more := told[kind] - min(told[kind], maxGapsEach); more > 0 {
			l.put(gate.Gap{Kind: kind, Where: "run", Detail: fmt.Sprintf("more of this kind than the %d that are told one by one", maxGapsEach), Count: more})
		}
	}
	return l.failure()
}

func (l *ledger) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}
