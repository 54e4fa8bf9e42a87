package verdict

import (
	"cmp"
	"slices"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// AnyCorpus is the scope of an approval that holds for every corpus.
const AnyCorpus = "any-corpus"

// approve gives each finding its state, and returns the approvals that none used.
//
// An approval is of a finding where fingerprint and check are the finding's and
// the scope is this corpus or any. It holds through its last day in UTC, and for
// so many messages and no more. Of two that would do, the one that holds is taken.
func approve(findings []gate.Finding, in *Input) (judged []gate.Judged, unused []gate.Approval) {
	of := map[string][]int{}
	for i := range in.Approvals {
		of[in.Approvals[i].Fingerprint] = append(of[in.Approvals[i].Fingerprint], i)
	}
	used := make([]bool, len(in.Approvals))
	for i := range findings {
		j := gate.Judged{Finding: findings[i], State: gate.Open}
		for _, n := range of[j.Fingerprint] {
			a := in.Approvals[n]
			if a.Check != j.Check || a.Scope != AnyCorpus && (a.Scope != in.Corpus || in.Corpus == "") {
				continue
			}
			used[n] = true
			state := stateUnder(&a, j.Count, in.Now)
			if j.Approval == nil || state == gate.Approved && j.State != gate.Approved {
				j.Approval, j.State = &a, state
			}
		}
		if j.Severity != gate.Block {
			j.State = gate.Noted
		}
		judged = append(judged, j)
	}
	for i := range in.Approvals {
		if !used[i] {
			unused = append(unused, in.Approvals[i])
		}
	}
	slices.SortFunc(unused, compareApprovals)
	return judged, unused
}

func compareApprovals(a, b gate.Approval) int {
	return cmp.Or(cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Expires, b.Expires))
}

// stateUnder is what an approval makes of a finding of so many messages. A date
// that is none has expired.
func stateUnder(a *gate.Approval, messages uint64, now time.Time) gate.State {
	last, err := time.Parse(time.DateOnly, a.Expires)
	switch {
	case err != nil || !now.UTC().Before(last.AddDate(0, 0, 1)):
		return gate.Expired
	case messages > a.MaxMessages:
		return gate.Outgrown
	}
	return gate.Approved
}
