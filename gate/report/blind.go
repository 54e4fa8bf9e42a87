package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// blindPlaces is how many places of one kind of blind spot are named where there is room.
const blindPlaces = 3

// blindLines says under a verdict what was not seen although nothing failed, one line a
// kind: how much, where (at most so many places), and what would make it judgeable. It is safe to show.
func blindLines(v *gate.Verdict, n *names, places int) []string {
	var lines []string
	spots := blindSpots(v)
	for len(spots) > 0 {
		end := 1
		for end < len(spots) && spots[end].Kind == spots[0].Kind {
			end++
		}
		lines = append(lines, blindLine(spots[:end], n, places))
		spots = spots[end:]
	}
	return lines
}

// blindSpots gives the blind spots of all scenarios, each once with its largest count,
// sorted by kind and, within one, most messages first.
func blindSpots(v *gate.Verdict) []gate.BlindSpot {
	at := map[gate.BlindSpot]int{}
	var spots []gate.BlindSpot
	for i := range v.Comparisons {
		for _, b := range v.Comparisons[i].Blind {
			k := b
			k.Count = 0
			j, ok := at[k]
			if !ok {
				j = len(spots)
				at[k] = j
				spots = append(spots, b)
			}
			spots[j].Count = max(spots[j].Count, b.Count)
		}
	}
	slices.SortStableFunc(spots, func(x, y gate.BlindSpot) int {
		return cmp.Or(cmp.Compare(blindRank(x.Kind), blindRank(y.Kind)), cmp.Compare(x.Kind, y.Kind), cmp.Compare(y.Count, x.Count),
			cmp.Compare(x.Class, y.Class), cmp.Compare(x.Part, y.Part), cmp.Compare(x.Sink, y.Sink), cmp.Compare(x.Detail, y.Detail))
	})
	return spots
}

// blindRank orders kinds, those that may hide the most first.
func blindRank(kind gate.BlindKind) int {
	order := []gate.BlindKind{gate.BlindUnanchored, gate.BlindOpaque, gate.BlindRefused, gate.BlindUnreplayed, gate.BlindUnfollowed, gate.BlindRace, gate.BlindArrival, gate.BlindRecipients, gate.BlindOrder, gate.BlindQuiet}
	if i := slices.Index(order, kind); i >= 0 {
		return i
	}
	return len(order)
}

// blindLine is the line of one kind, of which spots are all.
func blindLine(spots []gate.BlindSpot, n *names, limit int) string {
	messages, counted, classes := uint64(0), uint64(0), map[string]uint64{}
	for _, b := range spots {
		counted += b.Count
		k := b.Channel + "\x00" + b.Sink + "\x00" + b.Class
		classes[k] = max(classes[k], b.Count) // a message may have several such parts
	}
	for _, c := range classes {
		messages += c
	}
	total := plural(messages, "message", "messages")
	have := map[bool]string{true: " has", false: " have"}[messages == 1]
	of := total + " of " + plural(len(classes), "class", "classes")
	at := blindAt(spots, n, limit)
	switch kind := spots[0].Kind; kind {
	case gate.BlindUnanchored:
		return "Not judged: " + of + have + " a value that is new in each replay, stands once and belongs to no cause" + at +
			"; carry the trace of the request into them (traceparent, Message-ID), so that it is known whose it is"
	case gate.BlindOpaque:
		return "Not read: " + of + have + " content that varies and cannot be read, as [[policy.opaque]] accepts" + at
	case gate.BlindRefused:
		return "Masks refused: what they match is somebody's, or all that a part says, so that it was compared as it stands" + at
	case gate.BlindArrival:
		return "Not judged: " + of + have + " a value that production gives to one message and, in another replay, to another" + at +
			": by the order in which requests arrive, which concurrency = 1 would compare, or drawn out of few"
	case gate.BlindRecipients:
		return "Not known: of " + plural(messages, "request", "requests") + " only the host is known, not whom it is about" + at +
			"; name recipients by a fanout rule, or carry the trace of the request"
	case gate.BlindOrder:
		return "Not compared: the order of one recipient's messages, but where one cause sent them and production always keeps it" + at + "; ordered = true compares it"
	case gate.BlindRace:
		return "Races: " + plural(counted, "request was", "requests were") + " under way together with another session's" + at
	case gate.BlindUnfollowed:
		return "Not followed: " + plural(counted, "link", "links") + at
	case gate.BlindUnreplayed:
		return "Not replayed: " + plural(counted, "request", "requests") + " of the corpus" + at
	case gate.BlindQuiet:
		return "Not seen: anything sent after the replay ended" + at
	default:
		return "Not judged: " + visible(string(kind), 40) + ", " + of + at
	}
}

// blindAt names the first places of spots in brackets, at most limit, or nothing where they have none.
func blindAt(spots []gate.BlindSpot, n *names, limit int) string {
	var places []string
	for _, b := range spots {
		var at []string
		if b.Class != "" && n.o.Names {
			at = append(at, "class "+visible(b.Class, maxName))
		} else if b.Sink != "" {
			at = append(at, "sink "+visible(b.Sink, 80))
		}
		if b.Part != "" {
			at = append(at, "part "+n.part(b.Part))
		}
		if b.Detail != "" {
			at = append(at, n.prose(b.Detail))
		}
		if len(at) > 0 {
			if place := strings.Join(at, ", "); !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	if len(places) == 0 {
		return ""
	}
	text := strings.Join(places[:min(len(places), limit)], "; ")
	if more := len(places) - limit; more > 0 {
		text += "; and " + plural(more, "more place", "more places")
	}
	return " (" + text + ")"
}

// A maskSum is how often a rule hid something, and how many bytes.
type maskSum struct{ count, bytes uint64 }

// maskSums adds up the masks of all scenarios, under what name gives for each.
func maskSums(v *gate.Verdict, name func(gate.Masked) string) map[string]maskSum {
	total := map[string]maskSum{}
	for i := range v.Comparisons {
		for _, m := range v.Comparisons[i].Masks {
			k := name(m)
			s := total[k]
			total[k] = maskSum{s.count + max(m.Count, 1), s.bytes + m.Bytes}
		}
	}
	return total
}

// hidden says how many bytes were hidden, where that was counted.
func (s maskSum) hidden() string {
	if s.bytes == 0 {
		return ""
	}
	return " (" + plural(s.bytes, "byte", "bytes") + ")"
}
