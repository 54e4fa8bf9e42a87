package replay

import (
	"container/heap"
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// Bounds of what is read ahead of the build.
const (
	aheadPerWorker = 64
	aheadAtLeast   = 1024
	aheadBytes     = 128 << 20
)

// An item is a stimulus on its way.
type item struct {
	gate.Stimulus
	due   time.Time // when it is to be sent; zero is as soon as may be
	place uint64    // in the corpus
	rank  uint64    // of those that wait for nothing, the lowest is sent first

	after    []string // ids of stimuli whose answers it needs: they were put before
	needed   bool     // others need its answer
	blockers int      // how many it still waits for

	about  []string // what it is about, where that has a name of its own
	writes bool     // it may change that
	blocks []*item  // that wait for it because of that
}

func (i *item) size() int64 { return int64(len(i.Head) + len(i.Body)) }

// A queue hands stimuli to workers. Stimuli of one key are handed out in order,
// each when the one before it is done; other keys do not wait for them. One that
// needs the answers to others is handed out when these are done, and so is one about a
// resource or a person that one before it may change, or that it may change itself: they were put
// before it, so the first of all that are not done waits for nothing. Of those that
// wait for nothing the one that was recorded first is handed out: with one worker
// all are sent in the order of the corpus, and where it is strict with more, none is handed
// out before all those before it were. It is bounded: put waits while too many or too large ones are under way, so a key
// that is slow stops others only when it alone fills the queue.
type queue struct {
	limit  int
	strict bool

	mu      sync.Mutex
	changed sync.Cond
	ready   earliest           // that a worker may take
	waiting map[string][]*item // by key under way: those behind it
	open    map[string][]*item // by id of a needed one that is not done: those that need it
	touched map[string][]*item // by what they are about: those that are not done
	pending int                // put and not done
	next    uint64             // place of the next that is handed out, where it is strict
	bytes   int64
	ended   bool
}

func newQueue(concurrency int, strict bool) *queue {
	q := &queue{limit: max(concurrency*aheadPerWorker, aheadAtLeast), strict: strict, next: 1,
		waiting: make(map[string][]*item), open: make(map[string][]*item), touched: make(map[string][]*item)}
	q.changed.L = &q.mu
	return q
}

// end makes put and take return false. What was put and not taken stays pending.
func (q *queue) end() {
	q.mu.Lock()
	q.ended = true
	q.mu.Unlock()
	q.changed.Broadcast()
}

// put adds a stimulus. false: it was not added.
func (q *queue) put(i *item) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended && (q.pending >= q.limit || q.pending > 0 && q.bytes+i.size() > aheadBytes) {
		q.changed.Wait()
	}
	if q.ended {
		return false
	}
	q.pending++
	q.bytes += i.size()
	for _, id := range i.after {
		if others, pending := q.open[id]; pending {
			q.open[id] = append(others, i)
			i.blockers++
		}
	}
	if i.needed {
		q.open[i.ID] = nil
	}
	for _, resource := range i.about {
		for _, other := range q.touched[resource] {
			if i.writes || other.writes {
				other.blocks = append(other.blocks, i)
				i.blockers++
			}
		}
		q.touched[resource] = append(q.touched[resource], i)
	}
	if i.Key != "" {
		behind, busy := q.waiting[i.Key]
		if busy {
			behind = append(behind, i)
			i.blockers++
		}
		q.waiting[i.Key] = behind
	}
	if i.blockers == 0 {
		heap.Push(&q.ready, i)
		q.changed.Broadcast()
	}
	return true
}

// unblock says that one of those that i waits for is done.
func (q *queue) unblock(i *item) {
	if i.blockers--; i.blockers == 0 {
		heap.Push(&q.ready, i)
	}
}

// take waits for a stimulus that may be sent. nil: there will be none.
func (q *queue) take() *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended && (len(q.ready) == 0 || q.strict && q.ready[0].place != q.next) {
		q.changed.Wait()
	}
	if q.ended {
		return nil
	}
	if q.next++; q.strict {
		q.changed.Broadcast() // the next may be ready already
	}
	return heap.Pop(&q.ready).(*item)
}

// takeIf takes another stimulus that may be sent, if the next one is like that; nil: it is not,
// or there is none.
func (q *queue) takeIf(like func(*item) bool) *item {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ended || len(q.ready) == 0 || !like(q.ready[0]) {
		return nil
	}
	return heap.Pop(&q.ready).(*item)
}

// earliest is a heap of items, the one of the lowest rank on top.
type earliest []*item

func (e earliest) Len() int           { return len(e) }
func (e earliest) Less(i, j int) bool { return e[i].rank < e[j].rank }
func (e earliest) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }
func (e *earliest) Push(i any)        { *e = append(*e, i.(*item)) }

func (e *earliest) Pop() any {
	last := len(*e) - 1
	i := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return i
}

// done says that a stimulus which was taken has its answer.
func (q *queue) done(i *item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pending--
	q.bytes -= i.size()
	for _, other := range q.open[i.ID] {
		q.unblock(other)
	}
	delete(q.open, i.ID)
	for _, other := range i.blocks {
		q.unblock(other)
	}
	for _, resource := range i.about {
		left := slices.DeleteFunc(q.touched[resource], func(other *item) bool { return other == i })
		if q.touched[resource] = left; len(left) == 0 {
			delete(q.touched, resource)
		}
	}
	if behind, ok := q.waiting[i.Key]; ok && i.Key != "" {
		if len(behind) == 0 {
			delete(q.waiting, i.Key)
		} else {
			q.unblock(behind[0])
			behind[0] = nil
			q.waiting[i.Key] = behind[1:]
		}
	}
	q.changed.Broadcast()
}

// resourceOf names what a request is about: its path, as far as the last segment that looks
// like a name of one thing, and not of a kind. writes: its method may change it (RFC 9110, 9.2.1).
func resourceOf(s *gate.Stimulus) (resource string, writes bool) {
	if s.Channel != "http" {
		return "", false
	}
	method, rest, _ := strings.Cut(firstLine(s.Head), " ")
	target, _, _ := strings.Cut(rest, " ")
	path, _, _ := strings.Cut(target, "?")
	for end := len(path); end > 0; end = strings.LastIndexByte(path[:end], '/') {
		segment := path[strings.LastIndexByte(path[:end], '/')+1 : end]
		if strings.ContainsAny(segment, "0123456789") && !strings.Contains(segment, ".") && !version.MatchString(segment) {
			resource = path[:end]
			break
		}
	}
	return resource, method != "GET" && method != "HEAD" && method != "OPTIONS"
}

// version is a segment of paths of APIs: "v1".
var version = regexp.MustCompile(`^v\d{1,3}$`)

// drained waits until all that was put is done. false: the queue has ended.
func (q *queue) drained() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ended && q.pending > 0 {
		q.changed.Wait()
	}
	return !q.ended
}

// endWith ends the queue when ctx is done. The returned function undoes that.
func (q *queue) endWith(ctx context.Context) (stop func() bool) {
	return context.AfterFunc(ctx, q.end)
}
