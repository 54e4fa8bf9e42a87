package pipeline

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A sinkFacts is what one sink took, as far as it bears on what is not compared there.
type sinkFacts struct {
	Channel    string `json:"channel"`
	Sink       string `json:"sink"`
	Deliveries uint64 `json:"deliveries"`
	Nameless   uint64 `json:"nameless"` // requests of which only the host is known
	Again      bool   `json:"again"`    // some recipient gets two messages

	// Readings count the requests to hosts, mostReadings of them.
	Readings map[string]map[string]uint64 `json:"readings,omitempty"`

	people map[uint64]struct{} // until Again: hashes of recipients, mostPeople of them
}

// mostReadings is how many hosts of a sink are told apart by how requests to them were read.
const mostReadings = 1000

// mostPeople is how many recipients of a sink are remembered, to see that one is met again.
const mostPeople = 1 << 14

// sinkOf gives the facts of a sink in list, and adds it where it is new.
func sinkOf(list *[]*sinkFacts, channel, sink string) *sinkFacts {
	for _, f := range *list {
		if f.Sink == sink && f.Channel == channel {
			return f
		}
	}
	f := &sinkFacts{Channel: strings.Clone(channel), Sink: strings.Clone(sink), people: map[uint64]struct{}{}}
	*list = append(*list, f)
	return f
}

// take counts a message. Whom a request is about is not known where it goes to a host
// and no stimulus is known to have caused it.
func (f *sinkFacts) take(c *gate.Canonical, caused bool) {
	f.Deliveries += uint64(len(c.Recipients))
	named := caused || c.Reader != ""
	for _, to := range c.Recipients {
		named = named || to.Kind != gate.Host
		if !f.Again {
			f.met(gate.HashWord(to.ID()))
		}
	}
	if !named {
		f.Nameless++
	}
	if len(c.Recipients) == 1 && c.Recipients[0].Kind == gate.Host {
		f.read(c.Recipients[0].Address, c.Reader, 1)
	}
}

// read counts requests to a host that were read in one way.
func (f *sinkFacts) read(host, reader string, n uint64) {
	readers, known := f.Readings[host]
	if !known {
		if len(f.Readings) == mostReadings {
			return
		}
		if f.Readings == nil {
			f.Readings = map[string]map[string]uint64{}
		}
		readers = map[string]uint64{}
		f.Readings[strings.Clone(host)] = readers
	}
	readers[reader] += n
}

// readings sums up over sinks how requests to each host were read.
func readings(sinks []*sinkFacts) []gate.Reading {
	sums := map[gate.Reading]uint64{}
	for _, f := range sinks {
		for host, readers := range f.Readings {
			for reader, n := range readers {
				sums[gate.Reading{Host: host, Reader: reader}] += n
			}
		}
	}
	var out []gate.Reading
	for r, n := range sums {
		r.Count = n
		out = append(out, r)
	}
	slices.SortFunc(out, func(x, y gate.Reading) int {
		return cmp.Or(strings.Compare(x.Host, y.Host), strings.Compare(x.Reader, y.Reader))
	})
	return out
}

func (f *sinkFacts) met(person uint64) {
	if f.Again {
		return
	}
	if _, ok := f.people[person]; ok {
		f.Again, f.people = true, nil
	} else if len(f.people) < mostPeople {
		f.people[person] = struct{}{}
	}
}

// sumSinks puts together what workers saw of each sink.
func sumSinks(tallies []*tally) []*sinkFacts {
	var all []*sinkFacts
	for _, t := range tallies {
		for _, f := range t.sinks {
			sum := sinkOf(&all, f.Channel, f.Sink)
			sum.Deliveries += f.Deliveries
			sum.Nameless += f.Nameless
			if f.Again {
				sum.Again, sum.people = true, nil
			}
			for person := range f.people {
				sum.met(person)
			}
			for _, host := range slices.Sorted(maps.Keys(f.Readings)) {
				for reader, n := range f.Readings[host] {
					sum.read(host, reader, n)
				}
			}
		}
	}
	for _, f := range all {
		f.people = nil
	}
	slices.SortFunc(all, func(x, y *sinkFacts) int {
		return cmp.Or(strings.Compare(x.Channel, y.Channel), strings.Compare(x.Sink, y.Sink))
	})
	return all
}

// blind says what could not be seen although nothing failed, besides what noise leaves.
func (c *comparer) blind() {
	c.Readings = readings(c.p.sinks)
	for _, f := range c.p.sinks {
		if c.o.replies { // each has its own stimulus
			continue
		}
		if f.Again && !slices.Contains(c.o.Ordered, f.Sink) {
			c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindOrder, Channel: f.Channel, Sink: f.Sink, Count: f.Deliveries})
		}
		if f.Nameless > 0 {
			c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindRecipients, Channel: f.Channel, Sink: f.Sink, Count: f.Nameless})
		}
	}
	c.Blind = append(c.Blind, c.p.skipped.spots(c.s.skipped)...)
	for _, m := range c.Masks {
		if rule, ok := strings.CutPrefix(m.Rule, gate.RefusedMask); ok {
			c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindRefused, Part: m.Part, Count: m.Count, Detail: rule})
		}
	}
	if n := min(c.Production.Exposed, c.Staging.Exposed); n > 0 && !c.o.replies {
		c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindRace, Count: n, Detail: missed(n)})
	}
	if how := endings(&c.Production, &c.Staging); how != "" && !c.o.replies {
		c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindQuiet, Detail: how})
	}
	slices.SortStableFunc(c.Blind, func(x, y gate.BlindSpot) int {
		return cmp.Or(strings.Compare(string(x.Kind), string(y.Kind)), strings.Compare(x.Channel, y.Channel), strings.Compare(x.Sink, y.Sink),
			strings.Compare(x.Class, y.Class), strings.Compare(x.Part, y.Part), strings.Compare(x.Detail, y.Detail))
	})
}

// limits takes out of gaps what cannot be replayed at all, which is a blind spot: a corpus that
// holds it would never be judged.
func (c *comparer) limits(gaps []gate.Gap) []gate.Gap {
	counts := map[string]uint64{}
	sums := map[[2]string]uint64{}
	for _, g := range gaps {
		if g.Kind == gate.GapNotReplayable {
			sums[[2]string{g.Where, g.Detail}] += max(g.Count, 1)
		}
	}
	for k, n := range sums { // a baseline that was recorded has the same as the run that carries it on
		counts[k[1]] = max(counts[k[1]], n)
	}
	for _, detail := range slices.Sorted(maps.Keys(counts)) {
		c.Blind = append(c.Blind, gate.BlindSpot{Kind: gate.BlindUnreplayed, Count: counts[detail], Detail: detail})
	}
	return slices.DeleteFunc(gaps, func(g gate.Gap) bool { return g.Kind == gate.GapNotReplayable })
}

// missed says how probable it is that a race was not seen to which n requests were exposed: one
// that strikes each with probability p strikes none of them with (1-p)^n.
func missed(n uint64) string {
	likely := math.Ceil(-1 / math.Expm1(math.Log(surelyMissed)/float64(n))) // 1/p
	rare := 10 * likely
	return fmt.Sprintf("a race that strikes 1 request in %.0f was missed with probability %.2f, one that strikes 1 in %.0f with %.2f",
		likely, math.Pow(1-1/likely, float64(n)), rare, math.Pow(1-1/rare, float64(n)))
}

// surelyMissed is the probability to miss a race that a run is told to have been enough for.
const surelyMissed = 0.05

// endings says by what it was known that each run was over, and how long it was watched after
// that. "": neither says anything of it, as a corpus does not.
func endings(production, staging *gate.RunFacts) string {
	p, s := ending(production), ending(staging)
	switch {
	case p == s && p != "":
		return "both builds: " + p
	case p == "" || s == "":
		return p + s
	}
	return "production: " + p + "; staging: " + s
}

// How an end was known, as a footer says it.
const (
	quietByProbe    = "probe"
	quietByIdleness = "idle"
)

func ending(f *gate.RunFacts) string {
	var how string
	switch f.Quiet {
	case quietByProbe:
		how = "quiet by its probe"
	case quietByIdleness:
		how = "quiet after " + seconds(f.Settle) + " without a send"
		if f.Settle == 0 {
			how = "quiet after a while without a send"
		}
	default:
		return ""
	}
	if f.Linger > 0 {
		how += ", then watched for " + seconds(f.Linger)
	}
	return how
}

// seconds is a time that was measured, in words, to a tenth of a second where it is long:
// reports of equal runs are equal.
func seconds(nanoseconds int64) string {
	d := time.Duration(nanoseconds)
	if d >= time.Second {
		return d.Round(time.Second / 10).String()
	}
	return d.Round(10 * time.Millisecond).String()
}
