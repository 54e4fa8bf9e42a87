package record

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
)

// maxReasons bounds the gaps that are told apart until they are on a tape.
const maxReasons = 1000

// A gap is what gaps that are counted together have in common.
type gap struct{ kind, where, detail string }

// A tally counts gaps until they are on a tape.
type tally struct {
	mu     sync.Mutex
	counts map[gap]uint64 // not on a tape yet
	ever   map[gap]uint64 // since the beginning
}

func (t *tally) add(g gate.Gap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ever == nil {
		t.counts, t.ever = map[gap]uint64{}, map[gap]uint64{}
	}
	k := gap{g.Kind, g.Where, g.Detail}
	n := max(g.Count, 1)
	bounded(t.counts, k, n)
	bounded(t.ever, k, n)
}

func bounded(m map[gap]uint64, k gap, n uint64) {
	if _, known := m[k]; !known && len(m) >= maxReasons {
		k.where, k.detail = "recorder", "not kept, for more reasons than are told apart"
	}
	m[k] += n
}

// take gives the gaps that are on no tape, in order of their words, as records.
func (t *tally) take() []*gate.Record {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []*gate.Record
	for _, k := range slices.SortedFunc(maps.Keys(t.counts), compareGaps) {
		out = append(out, &gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: k.kind, Where: k.where, Detail: k.detail, Count: t.counts[k]}})
	}
	clear(t.counts)
	return out
}

// giveBack is for what take gave and could not be written.
func (t *tally) giveBack(records []*gate.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		bounded(t.counts, gap{r.Gap.Kind, r.Gap.Where, r.Gap.Detail}, r.Gap.Count)
	}
}

func (t *tally) empty() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.counts) == 0
}

// sum is how many gaps there were since the beginning, and why; reasons hold what cannot be
// replayed too, which is no loss of the recorder's.
func (t *tally) sum() (n uint64, reasons []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range slices.SortedFunc(maps.Keys(t.ever), func(a, b gap) int {
		return cmp.Or(cmp.Compare(t.ever[b], t.ever[a]), compareGaps(a, b))
	}) {
		if k.kind != gate.GapNotReplayable {
			n += t.ever[k]
		}
		reasons = append(reasons, fmt.Sprintf("%d %s, %s: %s", t.ever[k], k.kind, k.where, k.detail))
	}
	return n, reasons
}

// of is how many gaps of one kind there were since the beginning.
func (t *tally) of(kind string) (n uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, count := range t.ever {
		if k.kind == kind {
			n += count
		}
	}
	return n
}

func compareGaps(a, b gap) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.where, b.where), cmp.Compare(a.detail, b.detail))
}
