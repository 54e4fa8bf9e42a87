package replay

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
)

// Faults of what requests share show only where requests meet. A contention sends the corpus in
// an order from a seed, each session's in its own, over connections that serve whichever session
// comes next, as those of a front end do; before some requests it asks for the same and gives up
// half way; some it sends on one connection before the one before is answered; and of some it
// asks for the answer once more and reads it slowly. What is given up is asked for again by the
// stimulus itself; all other answers are compared.

// Shares of the requests that may be sent twice.
const (
	pipelined = 0.1 // sent together with one of another session
	dawdled   = 0.05
)

// slowly is how long an answer is read that is read slowly.
const slowly = 100 * time.Millisecond

// A contention is what a replay under one knows of its requests.
type contention struct {
	seed   uint64
	giveUp float64

	mu      sync.Mutex
	flights map[*flight]struct{}
	exposed uint64
	usual   time.Duration // that an answer takes, of late
}

// A flight is a request under way.
type flight struct {
	key     string
	begun   time.Time
	exposed bool // another session's is under way too
}

func newContention(s *config.Scenario) *contention {
	if s.Kind != config.Contention {
		return nil
	}
	c := &contention{seed: s.Seed, giveUp: config.DefaultGiveUp, flights: map[*flight]struct{}{}, usual: 10 * time.Millisecond}
	if s.GiveUp != nil {
		c.giveUp = *s.GiveUp
	}
	return c
}

// chance returns what is drawn for one stimulus: the same in each replay.
func (c *contention) chance(id string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(id)) // which never fails
	return rand.New(rand.NewPCG(c.seed, h.Sum64()))
}

// begin notes a request of a session; whoever has none is a session of its own.
func (c *contention) begin(s *gate.Stimulus) *flight {
	if c == nil {
		return nil
	}
	f := &flight{key: s.Key, begun: time.Now()}
	if f.key == "" {
		f.key = s.ID
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for other := range c.flights {
		if other.key != f.key {
			for _, x := range []*flight{f, other} {
				if !x.exposed {
					x.exposed = true
					c.exposed++
				}
			}
		}
	}
	c.flights[f] = struct{}{}
	return f
}

func (c *contention) end(f *flight) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f)
	c.usual += (time.Since(f.begun) - c.usual) / 8
}

// isSafe reports whether a stimulus may be sent twice, or half (RFC 9110, 9.2.1).
func isSafe(s *gate.Stimulus) bool {
	line := string(s.Head)
	return s.Channel == channelHTTP && len(s.Body) == 0 && s.Cut == 0 && (strings.HasPrefix(line, "GET ") || strings.HasPrefix(line, "HEAD "))
}

// named is s under another id, so that the build has another trace of it.
func named(s *gate.Stimulus, how string) *gate.Stimulus {
	again := *s
	again.ID = "contention/" + s.ID + "/" + how
	return &again
}

// before asks for what s will ask for, and may give up half way.
func (c *contention) before(ctx context.Context, driver channel.Driver, s *gate.Stimulus) {
	if c == nil || !isSafe(s) {
		return
	}
	d, ok := driver.(channel.Contender)
	draw := c.chance(s.ID)
	if !ok || draw.Float64() >= c.giveUp {
		return
	}
	c.mu.Lock()
	most := c.usual
	c.mu.Unlock()
	f := c.begin(s)
	// A build that is gone is told of by the stimulus that follows.
	_ = d.Abandon(ctx, named(s, "given-up"), time.Duration(draw.Float64()*float64(most)))
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.flights, f) // how long it took says nothing of answers
}

// dawdle asks for what s asked for once more, and may read the answer slowly.
func (r *run) dawdle(ctx context.Context, driver channel.Driver, s *gate.Stimulus) {
	c := r.contention
	if c == nil || !isSafe(s) {
		return
	}
	d, ok := driver.(channel.Contender)
	if !ok || c.chance(s.ID+"/slow").Float64() >= dawdled {
		return
	}
	again := named(s, "slow")
	f := c.begin(again)
	r.ledger.begin()
	within, cancel := context.WithTimeout(ctx, r.plan.AnswerTimeout)
	o := d.Dawdle(within, again, slowly)
	cancel()
	r.ledger.end()
	c.end(f)
	r.asked(again, &o, &gate.Ask{Door: s.Door, Request: firstLine(s.Head), As: s.ID})
}

// rank is the place of a stimulus in the order in which those that wait for nothing are sent.
func (c *contention) rank(i *item) uint64 {
	if c == nil {
		return i.place
	}
	return c.chance(i.ID + "/order").Uint64()
}

// together takes from q what is sent on one connection with i; nil: nothing is.
func (r *run) together(q *queue, i *item) *item {
	c := r.contention
	if c == nil || !isSafe(&i.Stimulus) || !i.due.IsZero() || c.chance(i.ID+"/pipeline").Float64() >= pipelined {
		return nil
	}
	if _, ok := r.drivers[i.Door].(channel.Contender); !ok {
		return nil
	}
	return q.takeIf(func(o *item) bool { return o.Door == i.Door && o.due.IsZero() && isSafe(&o.Stimulus) })
}

// sendBoth sends two stimuli on one connection, and takes down their outcomes.
func (r *run) sendBoth(ctx context.Context, x, y *item) {
	if ctx.Err() != nil {
		return // counted with those that were not sent
	}
	driver := r.drivers[x.Door]
	r.sent.Add(2)
	defer r.done.Add(2)
	sx, sy := r.bound(ctx, &x.Stimulus), r.bound(ctx, &y.Stimulus)
	r.mailbox.begin(sx)
	r.mailbox.begin(sy)
	r.contention.before(ctx, driver, sx)
	r.contention.before(ctx, driver, sy)
	fx, fy := r.contention.begin(sx), r.contention.begin(sy)
	r.ledger.begin()
	within, cancel := context.WithTimeout(ctx, r.plan.AnswerTimeout)
	ox, oy := driver.(channel.Contender).Pipeline(within, sx, sy) // see together
	cancel()
	r.ledger.end()
	r.contention.end(fx)
	r.contention.end(fy)
	r.answered(sx, &ox)
	r.answered(sy, &oy)
	r.dawdle(ctx, driver, sx)
	r.dawdle(ctx, driver, sy)
}
