package pipeline

import (
	"net/url"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// respelt takes out of what is stated the values made anew in loads from a host of the sender's own
// that a release draws from another alphabet, or with another length: what keeps pictures out of
// caches is such. Production makes one for each message, and staging gives every message of the
// class another that reads as drawn. Whose they are is asked as of all that is masked.
func (c *comparer) respelt(all []pairing) {
	type place struct {
		pairing int
		value   *diff.Value
	}
	found := map[*pool][]place{}
	for i := range all {
		p := &all[i]
		if c.first[i] != i || p.B < 0 || p.A < 0 {
			continue
		}
		class := c.noise.routeOf(c.before.surplus[p.B].at, c.before.items[p.B].Message)
		for j := range p.values {
			v := &p.values[j]
			o := c.noise.pools[poolKey{class, withoutIndexes(v.Part), v.Span}]
			if !v.Masked && o != nil && o.bits() >= tellingBits && !o.isDrawn() && o.form.Fresh() && slices.ContainsFunc(p.hunks, func(h hunk) bool { return h.respells(v, p.own) }) {
				found[o] = append(found[o], place{i, v})
			}
		}
	}
	moved := map[drawnHunk]drawnAs{}
	for o, places := range found {
		texts := make([]string, len(places))
		for k := range places {
			texts[k] = places[k].value.After
		}
		if len(places) < o.n || drawnForm(texts) != diff.Fresh {
			continue
		}
		for _, at := range places {
			for j := range all[at.pairing].hunks {
				if h := &all[at.pairing].hunks[j]; h.respells(at.value, all[at.pairing].own) {
					moved[drawnHunk{at.pairing, j}] = drawnNobodys
				}
			}
			at.value.Masked = true
		}
	}
	c.moveDrawn(all, moved)
}

// respells reports whether h is in a load from a host of one of the domains own, and what differs
// is the value v.
func (h *hunk) respells(v *diff.Value, own []string) bool {
	if h.Kind != gate.Load || !h.Within || h.Part != v.Part || h.Slot != v.Slot || v.After == "" || h.Before != v.Texts[0] || h.After != v.After {
		return false
	}
	u, err := url.Parse(h.Whole[1])
	return err == nil && slices.ContainsFunc(own, func(d string) bool { return u.Hostname() == d || strings.HasSuffix(u.Hostname(), "."+d) })
}
