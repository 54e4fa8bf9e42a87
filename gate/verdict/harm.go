package verdict

import (
	"cmp"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// A reach says which figures of the blast radius a check's findings count in.
type reach uint8

const (
	gains  reach = 1 << iota // Gained receive something that they did not
	losses                   // Lost do not receive something that they did
	exposes
	merges // Owners' messages are together in one
)

// harm ranks checks, most harmful first: data in wrong hands, then who receives,
// then who is seen, then what is received, then how, then what is only to be known.
// A check that is not here comes before all.
var harm = []struct {
	id    string
	reach reach
}{
	{"unexplained-change", gains | losses},
	{"facts-mixed", gains | merges},
	{"facts-disclosed", gains | exposes},
	{"new-party", exposes},
	{"recipient-swapped", gains | losses},
	{"destination-swapped", gains | losses},
	{"recipient-added", gains},
	{"recipient-removed", losses},
	{"class-vanished", losses},
	{"delivery-duplicated", gains | losses},
	{"fanout-collapsed", gains},
	{"role-changed", exposes},
	{"new-field", 0},
	{"own-data-added", gains},
	{"attachment-changed", gains | losses},
	{"link-changed", gains | losses},
	{"personal-content-changed", gains | losses},
	{"reply-path-changed", 0},
	{"order-reversed", 0},
	{"transport-downgraded", 0},
	{"uncaused-effect", 0},
	{"unstable-recipients", 0},
	{"wording-changed", 0},
}

// Ranked are the ids of the checks that have a rank of harm, most harmful first.
func Ranked() []string {
	ids := make([]string, len(harm))
	for i := range harm {
		ids[i] = harm[i].id
	}
	return ids
}

func rankOf(id string) (int, reach) {
	for i := range harm {
		if harm[i].id == id {
			return i, harm[i].reach
		}
	}
	return -1, gains | losses | exposes
}

// moreHarmful orders findings: severity, rank of the check, evidence, how many
// messages, and then what makes the order one.
func moreHarmful(a, b gate.Finding) int {
	ra, _ := rankOf(a.Check)
	rb, _ := rankOf(b.Check)
	return cmp.Or(cmp.Compare(b.Severity.Rank(), a.Severity.Rank()), cmp.Compare(ra, rb),
		cmp.Compare(b.Bits, a.Bits), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint))
}

// blast counts whom the findings that block reach, each once. Outside parties are
// no people.
func blast(findings []gate.Judged) gate.Blast {
	var gain, lose, exposed, merged, parties set
	for i := range findings {
		f := &findings[i]
		if !blocks(f.State) {
			continue
		}
		_, r := rankOf(f.Check)
		if r&gains != 0 {
			gain.people(f.Gained)
		}
		if r&losses != 0 {
			lose.people(f.Lost)
		}
		if r&exposes != 0 {
			exposed.people(f.Owners)
		}
		if r&merges != 0 {
			merged.people(f.Owners)
		}
		for _, l := range [][]string{f.Parties, f.Gained, f.Lost, f.Owners} {
			parties.hosts(l)
		}
	}
	return gate.Blast{Gain: len(gain), Lose: len(lose), Exposed: len(exposed), Merged: len(merged), Parties: len(parties)}
}

func blocks(s gate.State) bool {
	return !slices.Contains([]gate.State{gate.Approved, gate.Noted}, s)
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
