package pipeline

import (
	"context"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// A value that is new in each run may be given first to who asked: an order number in the
// answer to an order. Answers name the values of messages; they are not compared here.

// maxAnswer is how many bytes of an answer's body are looked through.
const maxAnswer = 64 << 10

// answers adds the volatile values in the answers to stimuli.
func (c *comparer) answers(ctx context.Context, ids *identities) error {
	telling := false
	for _, p := range c.noise.pools {
		telling = telling || p.bits() > 0
	}
	if !telling || len(c.replays) == 0 {
		return nil
	}
	first, err := outcomesOf(ctx, c.p.side)
	if err != nil || len(first) == 0 {
		return err
	}
	runs := make([]map[string]*gate.Canonical, 0, len(c.replays)+1)
	for _, r := range append(c.replays[:len(c.replays):len(c.replays)], c.s) {
		o, err := outcomesOf(ctx, r.side)
		if err != nil {
			return err
		}
		runs = append(runs, o)
	}
	again, staging := runs[:len(runs)-1], runs[len(runs)-1]
	class := route{class: "answer"}
	type answer struct {
		one, staging *gate.Canonical
		noise        *diff.Noise
	}
	var list []answer
	for _, id := range slices.Sorted(maps.Keys(first)) {
		one := first[id]
		others := make([]*gate.Canonical, len(again))
		whole := staging[id] != nil
		for k := range again {
			others[k] = again[k][id]
			whole = whole && others[k] != nil
		}
		if !whole {
			continue
		}
		n := diff.Measure(one, others, func(string) {})
		n.Volatile(func(p *diff.Place) { c.noise.pool(poolKey{class, p.Part, p.Span}).add(p) })
		n.Form = c.noise.form(class)
		list = append(list, answer{one, staging[id], n})
	}
	for _, a := range list { // once the forms of all are known
		_, values := diff.Compare(a.one, a.staging, a.noise)
		for i := range values {
			v := &values[i]
			if !v.Masked { // where it stands in staging's answer cannot be told
				continue
			}
			p := c.noise.pool(poolKey{class, v.Part, v.Span})
			ids.all = append(ids.all, occurrence{pairing: -1, seq: a.one.Ref.Seq, value: v, pool: p, name: nameOf(v.Texts)})
		}
	}
	return nil
}

// outcomesOf gives the answers of a run as texts, by stimulus; none of a run in memory.
func outcomesOf(ctx context.Context, s side) (map[string]*gate.Canonical, error) {
	t, ok := s.(*tapeSide)
	if !ok {
		return nil, nil
	}
	r, err := t.o.Keys.Open(t.path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	out := map[string]*gate.Canonical{}
	for n := uint64(1); ctx.Err() == nil; n++ {
		rec, _, err := r.Next()
		if err != nil {
			return out, nil // what is wrong with a tape was said when it was scanned
		}
		o := rec.Outcome
		if o == nil || o.Error != "" || o.Ask != nil {
			continue
		}
		m := &gate.Canonical{Ref: gate.Ref{Seq: n}}
		for _, p := range []struct {
			name string
			text []byte
		}{{"head", o.Head}, {"body", o.Body}} {
			if len(p.text) > 0 && len(p.text) <= maxAnswer && utf8.Valid(p.text) {
				m.Parts = append(m.Parts, gate.Part{Name: p.name, Kind: gate.Text, Value: string(p.text)})
			}
		}
		out[o.Stimulus] = m
	}
	return nil, ctx.Err()
}
