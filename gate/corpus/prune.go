package corpus

import (
	"fmt"
	"maps"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A Pruned is what became of a corpus that was pruned.
type Pruned struct {
	Result
	Older uint64 `json:"older"` // stimuli and messages that were too old
	With  uint64 `json:"with"`  // stimuli of sessions that began with such: they went too
}

// Prune writes to path what of the corpus at from is not older than before, in
// nanoseconds since 1970 UTC. What does not say when it was recorded is as old as what
// stands before it, and what stands before the first that does as old as the oldest. A
// session of which anything is older goes as a whole.
//
// Where the corpus may not be kept for ever, the new one may be kept for as long after
// the oldest that is left as the old one could be after it was recorded.
func Prune(o Options, from, path string, before int64) (Pruned, error) {
	old, undated := map[uint64]struct{}{}, map[uint64]struct{}{} // sessions
	var first, second clock
	earliest := int64(0)
	src, n, err := o.study(from, func(r *gate.Record) {
		at := first.at(r)
		if at != 0 && (earliest == 0 || at < earliest) {
			earliest = at
		}
		if r.Stimulus == nil || r.Stimulus.Key == "" { // that is marked in the second reading, where any is bound to it
			return
		}
		switch {
		case at == 0:
			undated[own(r.Stimulus)] = struct{}{}
		case at < before:
			old[own(r.Stimulus)] = struct{}{}
		}
	}, func(n *sessions, r *gate.Record) {
		if second.last == 0 {
			second.last = earliest
		}
		if at := second.at(r); r.Stimulus != nil && at < before && !n.alone(r.Stimulus) {
			old[own(r.Stimulus)] = struct{}{}
		}
	})
	if err != nil {
		return Pruned{}, err
	}
	if earliest < before {
		maps.Copy(old, undated)
	}
	if src.first == 0 {
		return Pruned{}, refused("delete it, or record again", "nothing in %s says when it was recorded: what is old cannot be told", from)
	}
	sessions := make(map[uint64]struct{}, len(old))
	for x := range old {
		sessions[n.root(x)] = struct{}{}
	}
	h, err := o.header("prune of what is older than "+time.Unix(0, before).UTC().Format(time.RFC3339), src)
	if err != nil {
		return Pruned{}, err
	}
	keeps := func(at int64, r *gate.Record) bool {
		if at < before {
			return false
		}
		if r.Stimulus == nil {
			return !o.WithoutMessages
		}
		_, gone := sessions[n.of(r.Stimulus)]
		return !gone
	}
	if h.RetainUntil != 0 {
		if err := o.extend(&h, src, keeps); err != nil {
			return Pruned{}, err
		}
	}
	var p Pruned
	c := clock{src.first}
	p.Result, err = o.one(path, h, []*source{src}, src.gaps.List(), func(put func(*gate.Record) error) error {
		return o.again(src, func(r *gate.Record) error {
			at := c.at(r)
			switch {
			case keeps(at, r):
				return put(r)
			case at < before:
				p.Older++
			case r.Stimulus != nil:
				p.With++
			}
			return nil
		})
	})
	if err != nil {
		return Pruned{}, fmt.Errorf("prune %s: %w", from, err)
	}
	return p, nil
}

// extend sets until when what keeps leaves may be kept.
func (o *Options) extend(h *gate.Header, src *source, keeps func(int64, *gate.Record) bool) error {
	d, known := retention([]*source{src})
	if !known {
		return nil
	}
	c := clock{src.first}
	oldest := int64(0)
	err := o.again(src, func(r *gate.Record) error {
		if at := c.at(r); keeps(at, r) && (oldest == 0 || at < oldest) {
			oldest = at
		}
		return nil
	})
	if until := oldest + int64(d); oldest != 0 && until > h.RetainUntil {
		h.RetainUntil = until
	}
	return err
}
