package pipeline

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
	"github.com/waybill-dev/waybill/gate/fields"
)

// An answer, or a mail that follows another, names the Message-ID of what it follows
// (RFC 5322, 3.6.4), which is new in each replay. Where production has it follow what the
// same person received, it must not follow what another did: their programs would show the one
// conversation within the other.

var messageIDs = regexp.MustCompile(`<[^<>\s]+>`)

// isThread reports whether a part holds the ids of messages that came before.
func isThread(part string) bool {
	f, sub, ok := fields.Part(part)
	return ok && sub == "" && f.Kind == fields.Thread
}

// A following is a message that follows others, and its ids of them in both runs.
type following struct {
	pairing int
	value   *diff.Value
	ids     [2][]string
}

// threads states the messages that follow what another person received.
func (c *comparer) threads(ctx context.Context, all []pairing) error {
	var list []following
	received := [2]map[string][]string{{}, {}} // ids, and who received the message
	for i := range all {
		p := &all[i]
		if c.first[i] != i || p.B < 0 || p.A < 0 {
			continue
		}
		for j := range p.values {
			v := &p.values[j]
			if !v.Masked || !isThread(withoutIndexes(v.Part)) {
				continue
			}
			f := following{pairing: i, value: v}
			f.ids[0] = messageIDs.FindAllString(valueOf(c.before.text(p.B).Parts, v.Part), -1)
			f.ids[1] = messageIDs.FindAllString(valueOf(c.after.text(p.A).Parts, v.Part), -1)
			for run := range f.ids {
				for _, id := range f.ids[run] {
					received[run][strings.Clone(id)] = nil
				}
			}
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		return nil
	}
	for run, s := range [...]*scanned{c.p, c.s} {
		if err := c.receivers(ctx, s, received[run]); err != nil {
			return err
		}
	}
	for _, f := range list {
		p := &all[f.pairing]
		to := c.after.items[p.A].Recipient.ID()
		theirs := func(run int) (mine, others bool) {
			for _, id := range f.ids[run] {
				if who := received[run][id]; slices.Contains(who, to) {
					mine = true
				} else if len(who) > 0 {
					others = true
				}
			}
			return mine, others
		}
		mine, others := theirs(0)
		if _, now := theirs(1); mine && !others && now {
			c.unmask(all, f.pairing, f.value, renamedOf(f.value))
		}
	}
	return nil
}

// receivers fills in who received the messages of a run with the ids that are wanted.
func (c *comparer) receivers(ctx context.Context, run *scanned, wanted map[string][]string) error {
	var mu sync.Mutex
	_, err := run.side.stream(ctx, c.o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) {
			for _, t := range m.Traces {
				id, ok := strings.CutPrefix(t, "message-id:")
				if !ok {
					continue
				}
				mu.Lock()
				if who, ok := wanted[id]; ok {
					for _, r := range m.Recipients {
						who = append(who, strings.Clone(r.ID()))
					}
					wanted[strings.Clone(id)] = who
				}
				mu.Unlock()
			}
		}
	})
	return err
}
