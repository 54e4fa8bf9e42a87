package pipeline

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A ClassCount is how many messages of one class were recorded, and how many a replay has.
type ClassCount struct {
	Channel, Sink, Class string
	Recorded, Replayed   uint64
}

// ClassCounts are the messages of a tape by their class.
type ClassCounts map[[3]string]uint64 // channel, sink, class

// Classes counts the messages of the tape at path by their class, in one pass. What is wrong
// with the tape is said where it is compared, and ends the count here. An error is that of a
// tape that cannot be opened, or of ctx.
func Classes(ctx context.Context, o Options, path string) (ClassCounts, gate.Header, error) {
	o.Progress, o.revealing = nil, nil
	counts := make(chan ClassCounts, o.workers())
	about, err := (&tapeSide{path: path, o: &o}).stream(ctx, o.workers(), func() func(place, *gate.Canonical) {
		own := ClassCounts{}
		counts <- own
		return func(_ place, c *gate.Canonical) {
			k := [3]string{c.Channel, c.Sink, c.Class}
			if _, known := own[k]; !known {
				k = [3]string{strings.Clone(c.Channel), strings.Clone(c.Sink), strings.Clone(c.Class)}
			}
			own[k]++
		}
	})
	close(counts)
	sum := ClassCounts{}
	for own := range counts {
		for k, n := range own {
			sum[k] += n
		}
	}
	return sum, about.header, err
}

// Beside gives each class that was recorded beside what a replay has of it, sorted. Of a sink
// that the replay has nothing of, any sink counts: a tap may have another name than the sink.
func Beside(recorded, replayed ClassCounts) []ClassCount {
	sinks, anywhere := map[string]bool{}, map[[2]string]uint64{}
	for k, n := range replayed {
		sinks[k[1]] = true
		anywhere[[2]string{k[0], k[2]}] += n
	}
	out := make([]ClassCount, 0, len(recorded))
	for k, n := range recorded {
		row := ClassCount{Channel: k[0], Sink: k[1], Class: k[2], Recorded: n, Replayed: replayed[k]}
		if !sinks[k[1]] {
			row.Replayed = anywhere[[2]string{k[0], k[2]}]
		}
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b ClassCount) int {
		return cmp.Or(cmp.Compare(a.Replayed, b.Replayed), cmp.Compare(b.Recorded, a.Recorded), strings.Compare(a.Class, b.Class), strings.Compare(a.Sink, b.Sink))
	})
	return out
}
