package pipeline

import (
	"context"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// addressesFanned reports whether p is what a request that was fanned out addresses one of
// m's recipients by: the rest of the request is its body.
func addressesFanned(m *gate.Canonical, p gate.Part) bool {
	if p.Kind != gate.Value || len(m.Recipients) == 0 {
		return false
	}
	switch m.Recipients[0].Role {
	case gate.To, gate.Cc, gate.Bcc:
	default:
		return false
	}
	read, ok := gate.ReadsAsRecipient(p.Value)
	return slices.ContainsFunc(m.Recipients, func(r gate.Recipient) bool {
		return r.Address == p.Value || r.Kind == gate.Other && isStep(r.Address, p.Value) || ok && r.Kind == read.Kind && r.Address == read.Address
	})
}

// isStep reports whether a value is an id without its namespace, or one of its steps: the
// "ward" and the "result" of "bus:ward/result".
func isStep(id, value string) bool {
	_, id, ok := strings.Cut(id, ":")
	return ok && value != "" && (strings.HasSuffix(":"+id, ":"+value) || strings.Contains("/"+id+"/", "/"+value+"/"))
}

// mostConcerned is how many people one delivery to an outside party is said to concern.
const mostConcerned = 8

// concerns fills in whom the changed deliveries to outside parties concern: who brought the
// stimulus that caused them, by the traces that they carry, and the people known to either
// run whose own address or telephone number stands in them.
func (c *comparer) concerns(ctx context.Context) error {
	type delivered struct {
		in *loaded
		i  int
		d  *gate.Delivery
	}
	var list []delivered
	seen := map[*gate.Delivery]bool{}
	add := func(l *loaded, i int) {
		if i < 0 || l.items[i].Recipient.Kind != gate.Host || seen[l.deliveries[i]] {
			return
		}
		seen[l.deliveries[i]] = true
		list = append(list, delivered{l, i, l.deliveries[i]})
	}
	for _, p := range c.pairs {
		add(c.before, p.B)
		add(c.after, p.A)
	}
	if len(list) == 0 {
		return nil
	}
	wanted := map[string][]*gate.Delivery{}
	for _, x := range list {
		for _, t := range x.in.items[x.i].Message.Traces {
			wanted[t] = append(wanted[t], x.d)
		}
	}
	if len(wanted) > 0 && c.o.Corpus != "" && c.o.Traces != nil {
		err := eachStimulus(ctx, c.o, func(s *gate.Stimulus, _ gate.Ref, _ gate.Header) error {
			if s.Key == "" {
				return nil
			}
			for _, t := range c.o.Traces(s) {
				for _, d := range wanted[t] {
					concern(d, bringer(s))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	parallel(c.o.workers(), len(list), func() func(int) {
		return func(i int) {
			x := list[i]
			exposure.In(x.in.text(x.i).Parts, func(f *exposure.Found) {
				if r, ok := identity(f); ok && c.known(r) {
					concern(x.d, r)
				}
			})
		}
	})
	for _, x := range list {
		slices.SortFunc(x.d.Concerns, compareIdentities)
	}
	return nil
}

// concern adds a person whom d concerns.
func concern(d *gate.Delivery, r gate.Recipient) {
	r.Role = ""
	if len(d.Concerns) < mostConcerned && !slices.Contains(d.Concerns, r) {
		d.Concerns = append(d.Concerns, r)
	}
}

// identity returns the person that a fact is the address or telephone number of.
func identity(f *exposure.Found) (gate.Recipient, bool) {
	var r gate.Recipient
	var err error
	switch f.Kind {
	case gate.FactAddress:
		r, err = gate.MailRecipient(f.Value(), "")
	case gate.FactPhone:
		r, err = gate.TelRecipient("+" + strings.TrimPrefix(f.Value(), "+"))
	default:
		return r, false
	}
	r.Role = ""
	return r, err == nil
}

// known reports whether either run delivers to r.
func (c *comparer) known(r gate.Recipient) bool {
	hash := gate.HashWord(r.ID())
	for _, run := range []*scanned{c.p, c.s} {
		if _, ok := slices.BinarySearch(run.people, hash); ok {
			return true
		}
	}
	return false
}
