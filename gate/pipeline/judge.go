package pipeline

import (
	"fmt"

	"github.com/waybill-dev/waybill/gate"
)

// unexplained is the finding for changes that no check has an opinion of. It is
// a fault of the checks, and blocks: a change is never passed in silence.
const unexplained = "unexplained-change"

// Judge asks checks for their findings of c. A check that is invalid, errs,
// panics or gives a finding it may not give is a gap, and so undecided. A change
// or an edit that no finding speaks of is itself a finding.
func Judge(checks []*gate.Check, c *gate.Comparison) ([]gate.Finding, []gate.Gap) {
	var findings []gate.Finding
	var gaps gapList
	changes := make([]bool, len(c.Changes))
	groups := make([]bool, len(c.Groups))
	seen := map[string]bool{}
	for _, check := range checks {
		found, err := run(check, c)
		if err == nil && seen[check.ID] {
			err = fmt.Errorf("check %s is listed twice", check.ID)
		}
		if err != nil {
			id := "a check"
			if check != nil {
				id = check.ID
				seen[id] = true
			}
			gaps.add(gate.Gap{Kind: gate.GapCheckFailed, Where: id, Detail: err.Error()})
			continue
		}
		seen[check.ID] = true
		for _, f := range found {
			for _, i := range f.Changes {
				changes[i] = true
			}
			for _, i := range f.Groups {
				groups[i] = true
			}
			f.Scenarios = []string{c.Scenario}
			if e := f.Example; e != nil && len(e.Gains) > leastExposures {
				short := *e // the change itself stands in the comparison, whole
				short.Gains = e.Gains[:leastExposures]
				short.More += len(e.Gains) - leastExposures
				f.Example = &short
			}
			f.Meaning = meaning(c, &f)
			f.Seal()
			findings = append(findings, f)
		}
	}
	f := gate.Finding{Check: unexplained, Severity: gate.Block}
	for i, ok := range changes {
		if !ok {
			f.Changes = append(f.Changes, i)
		}
	}
	for i, ok := range groups {
		if !ok {
			f.Groups = append(f.Groups, i)
			f.Changes = append(f.Changes, c.Groups[i].Changes...)
		}
	}
	if len(f.Changes) > 0 {
		f.Scenarios = []string{c.Scenario}
		for _, i := range f.Changes {
			f.Gained = append(f.Gained, c.Changes[i].Recipient().ID())
		}
		example := c.Changes[f.Changes[0]]
		f.Example = &example
		f.Seal()
		f.Count = uint64(len(f.Changes))
		f.Title = fmt.Sprintf("changes that no check explains: %d", f.Count)
		findings = append(findings, f)
	}
	return findings, gaps.list
}

// run asks one check, and holds it to its contract.
func run(check *gate.Check, c *gate.Comparison) (found []gate.Finding, err error) {
	if err := check.Validate(); err != nil {
		return nil, err
	}
	defer func() {
		if r := recover(); r != nil {
			found, err = nil, fmt.Errorf("check %s panicked: %v", check.ID, r)
		}
	}()
	found, err = check.Run(c)
	if err != nil {
		return nil, fmt.Errorf("check %s could not judge: %w", check.ID, err)
	}
	for i := range found {
		f := &found[i]
		switch {
		case f.Check != check.ID:
			return nil, fmt.Errorf("check %s gave a finding of %q", check.ID, f.Check)
		case f.Severity.Rank() == 0 || f.Severity.Rank() > check.Severity.Rank():
			return nil, fmt.Errorf("check %s gave a finding of severity %q, above its own %q", check.ID, f.Severity, check.Severity)
		case f.Title == "" || f.Count == 0:
			return nil, fmt.Errorf("check %s gave a finding without a title or count", check.ID)
		case outside(f.Changes, len(c.Changes)) || outside(f.Groups, len(c.Groups)):
			return nil, fmt.Errorf("check %s gave a finding of a change that there is not", check.ID)
		}
	}
	return found, nil
}

func outside(list []int, n int) bool {
	for _, i := range list {
		if i < 0 || i >= n {
			return true
		}
	}
	return false
}
