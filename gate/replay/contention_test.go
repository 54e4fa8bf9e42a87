package replay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/replay"
)

// crowd is a build that notes how it was asked.
type crowd struct {
	memory
	mu  sync.Mutex
	how []string
}

func (c *crowd) note(how string, s *gate.Stimulus) gate.Outcome {
	time.Sleep(10 * time.Millisecond) // simulated
	c.mu.Lock()
	defer c.mu.Unlock()
	c.how = append(c.how, how+" "+s.ID)
	return gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\n"), Body: []byte(s.ID)}
}

type crowdDriver struct{ *crowd }

func (d crowdDriver) Close() error { return nil }
func (d crowdDriver) Do(_ context.Context, s *gate.Stimulus) gate.Outcome {
	return d.note("do", s)
}
func (d crowdDriver) Abandon(_ context.Context, s *gate.Stimulus, _ time.Duration) error {
	d.note("abandon", s)
	return nil
}
func (d crowdDriver) Pipeline(_ context.Context, x, y *gate.Stimulus) (gate.Outcome, gate.Outcome) {
	return d.note("pipeline", x), d.note("pipeline", y)
}
func (d crowdDriver) Dawdle(_ context.Context, s *gate.Stimulus, _ time.Duration) gate.Outcome {
	return d.note("dawdle", s)
}

// contend replays n stimuli of 20 sessions, every tenth a POST, under a contention.
func contend(t *testing.T, seed uint64, n int) (*crowd, *store, replay.Result) {
	t.Helper()
	var st store
	var c crowd
	p := c.memory.plan(&st, stimuli(n, func(i int, s *gate.Stimulus) {
		s.Key, s.Body = fmt.Sprint("k", i%20), nil
		method := "GET"
		if i%10 == 0 {
			method = "POST"
		}
		s.Head = fmt.Appendf(nil, "%s /%d HTTP/1.1\r\n", method, i)
	})...)
	p.Doors = map[string]replay.Door{"web": {Drive: func(channel.DriveConfig) (channel.Driver, error) { return crowdDriver{&c}, nil }}}
	p.Scenario = config.Scenario{Name: "contention", Kind: config.Contention, Seed: seed}
	result, err := replay.Run(t.Context(), p)
	must(t, err)
	return &c, &st, result
}

// TestContention answers each stimulus once, in the order of its session, and asks besides as
// clients do that others suffer from: never for what changes something.
func TestContention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 400
		c, st, result := contend(t, 7, n)
		counts := map[string]int{}
		last := map[int]int{}
		for _, h := range c.how {
			how, id, _ := strings.Cut(h, " ")
			counts[how]++
			var i int
			if _, err := fmt.Sscanf(id, "s%d", &i); err != nil { // of the gate's own
				continue
			}
			if before, met := last[i%20]; met && before >= i {
				t.Errorf("s%d came after s%d of the same session", i, before)
			}
			last[i%20] = i
		}
		for how, least := range map[string]int{"abandon": n / 10, "pipeline": n / 50, "dawdle": 1} {
			if counts[how] < least {
				t.Errorf("%s happened %d times of %d", how, counts[how], n)
			}
		}
		if slices.ContainsFunc(c.how, func(h string) bool { return strings.HasSuffix(h, "s10/given-up") || strings.HasSuffix(h, "s10/slow") }) {
			t.Error("what changes something was asked for twice")
		}
		own, asked := map[string]int{}, 0
		for _, o := range st.outcomes {
			if o.Ask != nil {
				asked++
				if want := "contention/" + o.Ask.As + "/slow"; o.Stimulus != want || o.Key == "" {
					t.Errorf("outcome %+v, want %s", o, want)
				}
				continue
			}
			own[o.Stimulus]++
			if string(o.Body) != o.Stimulus {
				t.Errorf("%s has the answer to %s", o.Stimulus, o.Body)
			}
		}
		if len(own) != n || asked != counts["dawdle"] || len(st.gaps) > 0 {
			t.Errorf("%d stimuli have outcomes, %d answers were read slowly; gaps %v", len(own), asked, st.gaps)
		}
		if e := result.Footer.Exposed; e < n/2 || e > uint64(len(c.how)) {
			t.Errorf("%d of %d requests met another session's", e, len(c.how))
		}
	})
}

// TestContentionSeed makes one order of one seed, and another of another.
func TestContentionSeed(t *testing.T) {
	order := func(seed uint64) (how []string) {
		synctest.Test(t, func(t *testing.T) {
			c, _, _ := contend(t, seed, 100)
			for _, h := range c.how {
				if strings.HasPrefix(h, "abandon") || strings.HasPrefix(h, "dawdle") {
					how = append(how, h)
				}
			}
		})
		slices.Sort(how)
		return how
	}
	one := order(1)
	if d := cmp.Diff(one, order(1)); d != "" {
		t.Errorf("one seed gives up other requests:\n%s", d)
	}
	if slices.Equal(one, order(2)) {
		t.Error("two seeds give up the same requests")
	}
}
