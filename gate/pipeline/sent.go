package pipeline

import (
	"context"
	"slices"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// What is somebody's is known from what they were sent as well as from what they were answered: a
// name that stands in mails alone, and then in an answer to somebody else. Who asked is there
// called by a session, and so is known by what their answers say of one person alone.

// holdSent has owners hold what production sent to people, where answers are compared.
func holdSent(ctx context.Context, o *Options, owners *exposure.Owners) error {
	if o.sent == nil || !owners.Wanted() {
		return nil
	}
	_, err := o.sent.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) {
			if to := people(m.Recipients); len(to) > 0 {
				owners.Hold(to, m.Parts)
			}
		}
	})
	return err
}

// people are those of recipients that are no outside parties.
func people(to []gate.Recipient) []gate.Recipient {
	if !slices.ContainsFunc(to, isParty) {
		return to
	}
	return slices.DeleteFunc(slices.Clone(to), isParty)
}

func isParty(r gate.Recipient) bool { return r.Kind == gate.Host }

// unmaskSent states the suspects of answers that hold what somebody else was sent.
func (c *comparer) unmaskSent(ctx context.Context, all []pairing, suspects []suspect, asked alikes) error {
	if c.o.sent == nil {
		return nil
	}
	owners := exposure.NewOwners()
	for k := range suspects {
		suspects[k].want(owners)
	}
	if err := holdSent(ctx, c.o, owners); err != nil {
		return err
	}
	var held []suspect // what anybody was sent
	for _, s := range suspects {
		if s.foreignTo(owners, nil, all[s.pairing].own) {
			held = append(held, s)
		}
	}
	if len(held) == 0 {
		return owners.Err()
	}
	owners, are, err := c.sentTo(ctx, all, held)
	if err != nil {
		return err
	}
	held = slices.DeleteFunc(held, func(s suspect) bool { // whose they may be
		to := c.after.items[all[s.pairing].A].Recipient
		return len(are[to.ID()]) == 0 && to.Kind != gate.Mail
	})
	c.unmaskForeign(all, held, asked, knowing{owners, are})
	return owners.Err()
}

// want asks owners for what s holds.
func (s *suspect) want(owners *exposure.Owners) {
	for i := range s.facts {
		owners.Want(&s.facts[i].Found)
	}
	for i := range s.names {
		owners.Want(&s.names[i][0])
		owners.Want(&s.names[i][1])
	}
}

// foreignTo reports whether s holds what is another's than those of to.
func (s *suspect) foreignTo(owners *exposure.Owners, to []gate.Recipient, own []string) bool {
	return s.namesAnother(owners, to) || slices.ContainsFunc(s.facts, func(h holding) bool { return owners.ForeignFact(&h.Found, to, own) })
}

// namesAnother reports whether s holds the name of another than those of to.
func (s *suspect) namesAnother(owners *exposure.Owners, to []gate.Recipient) bool {
	return slices.ContainsFunc(s.names, func(pair [2]exposure.Found) bool {
		return owners.ForeignName([2]*exposure.Found{&pair[0], &pair[1]}, to)
	})
}

// sentTo returns owners by what was sent, of what suspects hold, and who those who asked for what
// these were answered are.
func (c *comparer) sentTo(ctx context.Context, all []pairing, suspects []suspect) (*exposure.Owners, map[string][]gate.Recipient, error) {
	owners := exposure.NewOwners()
	asked := map[string]bool{}
	for k := range suspects {
		suspects[k].want(owners)
		asked[c.after.items[all[suspects[k].pairing].A].Recipient.ID()] = true
	}
	var mu sync.Mutex
	answers := func(each func(who string, m *gate.Canonical)) error {
		_, err := c.p.side.stream(ctx, c.o.workers(), func() func(place, *gate.Canonical) {
			return func(_ place, m *gate.Canonical) {
				for _, to := range m.Recipients {
					if id := to.ID(); asked[id] {
						mu.Lock()
						each(id, m)
						mu.Unlock()
					}
				}
			}
		})
		return err
	}
	if err := answers(func(_ string, m *gate.Canonical) { exposure.In(m.Parts, owners.Want) }); err != nil {
		return nil, nil, err
	}
	if err := holdSent(ctx, c.o, owners); err != nil {
		return nil, nil, err
	}
	are := map[string][]gate.Recipient{}
	err := answers(func(who string, m *gate.Canonical) { are[who] = withOrigins(are[who], owners.Whose(m.Parts)) })
	return owners, are, err
}
