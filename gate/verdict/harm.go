package verdict

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// harm ranks checks, most harmful first: data in wrong hands, then who receives,
// then who is seen, then what is received, then how, then what is only to be known.
// A check that is not here comes before all.
var harm = []string{
	"unexplained-change",
	"facts-mixed",
	"facts-disclosed",
	"new-party",
	"recipient-swapped",
	"reply-swapped",
	"destination-swapped",
	"recipient-added",
	"recipient-removed",
	"class-vanished",
	"cacheability-changed",
	"cookie-scope-changed",
	"reply-status-changed",
	"delivery-duplicated",
	"fanout-collapsed",
	"sending-changed",
	"role-changed",
	"constant-changed",
	"new-field",
	"own-data-added",
	"attachment-changed",
	"link-changed",
	"personal-content-changed",
	"reply-path-changed",
	"order-reversed",
	"transport-downgraded",
	"uncaused-effect",
	"unstable-recipients",
	"wording-changed",
}

// Checks that the order of findings and the blast radius know more of.
const (
	mixed     = "facts-mixed" // Owners' messages are together in one
	disclosed = "facts-disclosed"
	swapped   = "recipient-swapped"
	exchanged = "reply-swapped"
)

// Ranked returns the ids of the checks that have a rank of harm, most harmful first.
func Ranked() []string { return slices.Clone(harm) }

func rankOf(id string) int { return slices.Index(harm, id) }

// rank orders findings, most harmful first: severity, rank of the check, evidence, how many
// messages, and then what makes the order one. What a swap brings with it is told behind
// the swap: facts that are disclosed, or mixed, by nothing but changes that are swaps.
func rank(findings []gate.Finding) {
	type place struct {
		scenario string
		change   int
	}
	moved := map[place]bool{}
	for i := range findings {
		if f := &findings[i]; f.Check == swapped || f.Check == exchanged {
			for _, j := range f.Changes {
				moved[place{scenarioOf(f), j}] = true
			}
		}
	}
	follows := func(f *gate.Finding) bool {
		if len(moved) == 0 || f.Check != mixed && f.Check != disclosed || len(f.Changes) == 0 {
			return false
		}
		return !slices.ContainsFunc(f.Changes, func(j int) bool { return !moved[place{scenarioOf(f), j}] })
	}
	ranks := make(map[string]int, len(findings))
	for i := range findings {
		f := &findings[i]
		r := 2 * rankOf(f.Check)
		if follows(f) {
			r = 2*rankOf(swapped) + 1
		}
		ranks[f.Fingerprint] = r
	}
	slices.SortStableFunc(findings, func(a, b gate.Finding) int {
		return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(ranks[a.Fingerprint], ranks[b.Fingerprint]),
			cmp.Compare(rankOf(a.Check), rankOf(b.Check)), cmp.Compare(b.Bits, a.Bits), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
	})
}

// vary gives findings, most harmful first, examples that differ from one to the next where
// they have others to show: the change that stands first in the comparison and is no example
// yet.
func vary(findings []gate.Finding, scenarios map[string]*gate.Comparison) {
	type sides struct{ before, after *gate.Delivery }
	shown := map[sides]bool{}
	for i := range findings {
		f := &findings[i]
		c := scenarios[scenarioOf(f)]
		if f.Example == nil || c == nil {
			continue
		}
		if shown[sides{f.Example.Before, f.Example.After}] {
			for _, j := range f.Changes[:min(len(f.Changes), maxTried)] {
				if j < 0 || j >= len(c.Changes) {
					break
				}
				if ch := c.Changes[j]; !shown[sides{ch.Before, ch.After}] {
					ch.Forward(f.Groups)
					f.Example = &ch
					break
				}
			}
		}
		shown[sides{f.Example.Before, f.Example.After}] = true
	}
}

const maxTried = 64 // changes of a finding that are tried for an example of its own

// blast counts whom findings reach, each once, approved or not: an approval does not make
// anybody receive less. Notes reach nobody, and outside parties are no people.
func blast(findings []gate.Judged) gate.Blast {
	var gain, lose, exposed, merged, parties set
	for i := range findings {
		f := &findings[i]
		if f.Severity == gate.Note {
			continue
		}
		gain.people(f.Gained)
		lose.people(f.Lost)
		if f.Check == mixed {
			merged.people(f.Owners)
		} else {
			exposed.people(f.Owners)
		}
		for _, l := range [][]string{f.Parties, f.Gained, f.Lost, f.Owners} {
			parties.hosts(l)
		}
	}
	return gate.Blast{Gain: len(gain), Lose: len(lose), Exposed: len(exposed), Merged: len(merged), Parties: len(parties)}
}

type set map[string]struct{}

const hostPrefix = string(gate.Host) + ":"

func (s *set) people(ids []string) { s.add(ids, false) }
func (s *set) hosts(ids []string)  { s.add(ids, true) }

func (s *set) add(ids []string, hosts bool) {
	for _, id := range ids {
		if strings.HasPrefix(id, hostPrefix) != hosts {
			continue
		}
		if *s == nil {
			*s = set{}
		}
		(*s)[id] = struct{}{}
	}
}
