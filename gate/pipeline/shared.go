package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A message's own id is hidden, since it is made anew. That two messages have one in common
// is not: of two mails with one Message-ID a mailbox keeps the first (RFC 5322, 3.6.4), of two
// calls with one Idempotency-Key a provider takes the first, of two events with one UID a calendar
// keeps the second (RFC 5546, 2.1.5), and of two answers with one ETag a cache takes one for the
// other (RFC 9110, 8.8.3). So where more messages of staging have an id in
// common than of any replay of production, each message whose id another one has, which says
// something else, has a part that says so. Where fewer have, or fewer calls say what one before them
// said, with its key, each call has that of production was tried again with its key: without it what
// is tried again is done again.
//
// An id that reads the clock, as "page?rev=1796095902", is another's too where both were made in one
// second, which chance decides, in production as in staging. So such ids are counted without what
// they read: that says how many messages could have one in common. Only where these are more of
// staging than of any replay of production is an id of theirs told that is in common.

// isOwnID reports whether a part is an id that no two different messages may have.
func isOwnID(part string) bool {
	at := strings.Index(part, "header/")
	if at < 0 || at > 0 && part[at-1] != '/' {
		return false
	}
	switch part[at+len("header/"):] {
	case "message-id", "idempotency-key", "x-idempotency-key", "etag", "webhook-id", "svix-id", "svix-req-id", "x-github-delivery", "x-line-retry-key", "ce-id":
		return true
	}
	return false
}

// ownIDs calls each for the ids of m that no other message may have, hidden or not.
func ownIDs(m *gate.Canonical, each func(part, value string)) {
	for i := range m.Hidden {
		if h := &m.Hidden[i]; isOwnID(h.Part) || h.Rule == "calendar-id" {
			each(h.Part, cmp.Or(h.Shown, h.Value))
		}
	}
	for i := range m.Parts {
		if p := &m.Parts[i]; isOwnID(p.Name) {
			each(p.Name, p.Value)
		}
	}
}

// ownKey names the value of an id at a place.
func ownKey(m *gate.Canonical, part, value string) uint64 {
	return placeOf(m, part)*hashPrime ^ gate.HashWord(value)
}

// sentWithin is how long after an id was made its message has arrived, where the id reads the clock.
const sentWithin = 5 * time.Second

// withoutClock returns an id without what it reads of the clock, when it was made for a message that
// arrived at a time; false where it reads nothing of it.
func withoutClock(id string, at int64) (rest string, ok bool) {
	if at == 0 {
		return id, false
	}
	rest, read := cutReadings(id, func(piece string) (string, bool) {
		around, figures := lastFigures(piece)
		if readsAt(figures, at, sentWithin) {
			return around, true
		}
		return "#", readsAt(piece, at, sentWithin)
	})
	return rest, read != ""
}

// sharing counts, while a run is scanned, the messages that have an id in common, and those that
// have one but for what it reads of the clock.
type sharing struct {
	ids, clocked idsInCommon
	modified     hashes // see modifiedPair
	keyed        hashes // pairs of what calls with a key for tries say, and the key
	tries        uint64 // such calls
}

// isTryKey reports whether a part is an id that calls have in common which are one call, tried again.
func isTryKey(part string) bool { return strings.HasSuffix(part, "idempotency-key") }

type idsInCommon struct{ ids, pairs hashes }

// message notes the ids of m, whose content is that.
func (s *sharing) message(m *gate.Canonical, content gate.Digest) {
	ownIDs(m, func(part, value string) {
		rest, clocked := withoutClock(value, m.At)
		to := &s.ids
		if clocked {
			to = &s.clocked
		}
		id := ownKey(m, part, rest)
		to.ids.add(id)
		to.pairs.add(id*hashPrime ^ bodyKey(content))
		if isTryKey(part) {
			s.tries++
			s.keyed.add(ownKey(m, part, value)*hashPrime ^ bodyKey(content))
		}
	})
	if v := modified(m); v != "" {
		s.modified.add(modifiedPair(m, v))
	}
}

func (s *sharing) join(o *sharing) {
	s.ids.join(&o.ids)
	s.clocked.join(&o.clocked)
	s.modified = append(s.modified, o.modified...)
	s.keyed = append(s.keyed, o.keyed...)
	s.tries += o.tries
}

// again is how many calls say with its key what one before them said.
func (s *sharing) again() uint64 {
	s.keyed.compact()
	return s.tries - uint64(len(s.keyed))
}

func (c *idsInCommon) join(o *idsInCommon) {
	c.ids, c.pairs = append(c.ids, o.ids...), append(c.pairs, o.pairs...)
}

// count is how many messages have an id that one before them has, which says something else.
func (c *idsInCommon) count() uint64 {
	c.ids.compact()
	c.pairs.compact()
	return uint64(len(c.pairs) - len(c.ids))
}

// sharedIDs finds the ids that messages of a run have in common, where staging has more such.
func (r *revealing) sharedIDs(ctx context.Context, o *Options, production []*scanned, staging *scanned) error {
	fewer := slices.MinFunc(production, byShared).shared > staging.shared
	more := slices.MaxFunc(production, byShared).shared < staging.shared
	clocked := slices.MaxFunc(production, byClocked).clocked < staging.clocked
	again := slices.MinFunc(production, byAgain).again > staging.again
	if !fewer && !more && !clocked && !again {
		return nil
	}
	for _, s := range append(production[:len(production):len(production)], staging) {
		if s.shared+s.clocked+s.again == 0 {
			continue
		}
		var mu sync.Mutex
		first := map[uint64]uint64{} // by the id: what the first message says that has it
		_, err := s.side.stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
			var d gate.Digester
			return func(_ place, m *gate.Canonical) {
				content := bodyKey(d.Content(m))
				mu.Lock()
				defer mu.Unlock()
				ownIDs(m, func(part, value string) {
					tried := again && isTryKey(part)
					switch _, reads := withoutClock(value, m.At); {
					case reads && clocked, !reads && more, tried:
					case !reads && fewer && isTryKey(part):
					default:
						return
					}
					id := ownKey(m, part, value)
					if had, ok := first[id]; !ok {
						first[id] = content
					} else if had != content || tried {
						r.shared[id] = struct{}{}
					}
				})
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func byShared(x, y *scanned) int { return cmp.Compare(x.shared, y.shared) }

func byAgain(x, y *scanned) int { return cmp.Compare(x.again, y.again) }

func byClocked(x, y *scanned) int { return cmp.Compare(x.clocked, y.clocked) }

// tellShared gives m a part for each of its ids that it has in common with another message.
func (r *revealing) tellShared(m *gate.Canonical) {
	ownIDs(m, func(part, value string) {
		if _, ok := r.shared[ownKey(m, part, value)]; ok {
			tell(m, part)
		}
	})
	if v := modified(m); v != "" {
		if _, ok := r.shared[modifiedKey(m, v)]; ok {
			tell(m, lastModified)
		}
	}
}

func tell(m *gate.Canonical, part string) {
	m.Parts = append(slices.Clip(m.Parts), gate.Part{Name: gate.SharedPart + part, Kind: gate.Value, Value: "in common with other messages"})
}
