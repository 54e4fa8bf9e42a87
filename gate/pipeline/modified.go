package pipeline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// When an answer was last changed tells caches whether the one that they keep is still good (RFC
// 9110, 8.8.2). Where each asker has a time of their own, the same in every replay, and a release
// gives one to several, a cache that asks for the second with the time of the first is told that
// nothing changed, and shows the first one's answer. What is told so is a part, as of ids that
// messages have in common. That it is the time of sending, which is another in each replay, says
// nothing.

const lastModified = "header/last-modified"

// modified returns when m says that it was last changed; "" where it does not, or where nobody
// may keep it.
func modified(m *gate.Canonical) (value string) {
	for i := range m.Parts {
		switch p := &m.Parts[i]; p.Name {
		case lastModified:
			value = p.Value
		case "cache/cache-control":
			if slices.Contains(strings.Split(p.Value, ", "), "no-store") {
				return ""
			}
		}
	}
	for i := range m.Hidden {
		if m.Hidden[i].Part == lastModified {
			value = m.Hidden[i].Value
		}
	}
	return value
}

// modifiedKey names a time at which answers of one class were last changed.
func modifiedKey(m *gate.Canonical, value string) uint64 {
	return ownKey(m, lastModified+"\x00"+m.Class, value)
}

// modifiedFor names whom, and in answer to what, m says when it was last changed.
func modifiedFor(m *gate.Canonical) uint64 {
	who := ownKey(m, lastModified, m.Class)
	for _, to := range m.Recipients {
		who = who*hashPrime ^ gate.HashWord(to.ID())
	}
	for _, t := range m.Traces {
		who = who*hashPrime ^ gate.HashWord(t)
	}
	return who
}

// modifiedPair names a time and whose it is.
func modifiedPair(m *gate.Canonical, value string) uint64 {
	return modifiedFor(m)*hashPrime ^ gate.HashWord(value)
}

// lately is how long before it was taken an answer may have changed that was made for it.
const lately = time.Hour

// A changedAt is what is known of one time in staging.
type changedAt struct {
	had     map[string]bool     // the times that those had in production who are given it
	content map[uint64]struct{} // of their answers
	old     bool                // it is not the time of sending
	key     uint64
}

// sharedTimes finds the times of change that several askers have in common in staging, and had not.
func (r *revealing) sharedTimes(ctx context.Context, o *Options, production []*scanned, staging *scanned) error {
	moved := slices.ContainsFunc(staging.modified, func(k uint64) bool { return !has(production[0].modified, k) })
	if !moved || len(production[0].modified) == 0 {
		return nil
	}
	var mu sync.Mutex
	had := map[uint64]string{}
	_, err := production[0].side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		return func(_ place, m *gate.Canonical) {
			v := modified(m)
			if v == "" {
				return
			}
			pair := modifiedPair(m, v)
			if !slices.ContainsFunc(production[1:], func(s *scanned) bool { return !has(s.modified, pair) }) && (len(production) > 1 || !isLate(m, v)) {
				mu.Lock()
				had[modifiedFor(m)] = v
				mu.Unlock()
			}
		}
	})
	if err != nil || len(had) == 0 {
		return err
	}
	places := map[uint64]map[string]*changedAt{}
	_, err = staging.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		var d gate.Digester
		return func(_ place, m *gate.Canonical) {
			v := modified(m)
			if v == "" {
				return
			}
			content := bodyKey(d.Content(m))
			mu.Lock()
			defer mu.Unlock()
			was, ok := had[modifiedFor(m)]
			if !ok {
				return
			}
			at := ownKey(m, lastModified, m.Class)
			if places[at] == nil {
				places[at] = map[string]*changedAt{}
			}
			t := places[at][v]
			if t == nil {
				t = &changedAt{had: map[string]bool{}, content: map[uint64]struct{}{}, key: modifiedKey(m, v)}
				places[at][v] = t
			}
			t.had[was], t.old = true, t.old || !isLate(m, v)
			t.content[content] = struct{}{}
		}
	})
	for _, times := range places {
		for _, t := range times {
			if len(t.had) > 1 && len(t.content) > 1 && (t.old || len(times) == 1) {
				r.shared[t.key] = struct{}{}
			}
		}
	}
	return err
}

// isLate reports whether a time is about that at which m was taken, where that is known.
func isLate(m *gate.Canonical, value string) bool {
	t, err := time.Parse(time.RFC1123, value)
	return err == nil && m.At != 0 && time.Unix(0, m.At).Sub(t).Abs() < lately
}
