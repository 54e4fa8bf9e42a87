package verdict

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// merge joins findings of one fingerprint and sorts them, most harmful first. The
// error says which findings, or which changes that no finding speaks of, show a
// fault of the program; what was found stays in the answer.
func merge(comparisons []gate.Comparison, found []gate.Finding) ([]gate.Finding, error) {
	var errs []error
	scenarios := map[string]*gate.Comparison{}
	for i := range comparisons {
		c := &comparisons[i]
		if scenarios[c.Scenario] != nil {
			errs = append(errs, fmt.Errorf("scenario %q was compared twice", c.Scenario))
		}
		scenarios[c.Scenario] = c
	}
	spoken := map[string][]bool{}
	index := map[string]int{}
	var merged []gate.Finding
	for i := range found {
		f := found[i]
		if err := sound(&f, scenarios); err != nil {
			errs = append(errs, err)
			if f.Severity.Rank() == 0 {
				f.Severity = gate.Block
			}
			f.Count = max(f.Count, 1)
		} else {
			c := scenarios[f.Scenarios[0]]
			if spoken[c.Scenario] == nil {
				spoken[c.Scenario] = make([]bool, len(c.Changes))
			}
			for _, j := range f.Changes {
				spoken[c.Scenario][j] = true
			}
		}
		f.Scenarios = slices.Clone(f.Scenarios)
		at, ok := index[f.Fingerprint]
		if !ok {
			index[f.Fingerprint] = len(merged)
			merged = append(merged, f)
			continue
		}
		join(&merged[at], &f)
	}
	for _, c := range scenarios {
		missing := 0
		said := spoken[c.Scenario]
		for i := range c.Changes {
			if said == nil || !said[i] {
				missing++
			}
		}
		if missing > 0 {
			errs = append(errs, fmt.Errorf("scenario %q: no finding speaks of %d of %d changes", c.Scenario, missing, len(c.Changes)))
		}
	}
	slices.SortFunc(errs, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	rank(merged)
	vary(merged, scenarios)
	return merged, errors.Join(errs...)
}

// sound says what a finding may not be.
func sound(f *gate.Finding, scenarios map[string]*gate.Comparison) error {
	switch {
	case f.Check == "" || f.Title == "":
		return fmt.Errorf("a finding of check %q has no check or no title", f.Check)
	case f.Severity.Rank() == 0:
		return fmt.Errorf("a finding of check %s has severity %q", f.Check, f.Severity)
	case f.Count == 0:
		return fmt.Errorf("a finding of check %s concerns no message", f.Check)
	case len(f.Scenarios) != 1 || scenarios[f.Scenarios[0]] == nil:
		return fmt.Errorf("a finding of check %s is of scenarios %q, which were not compared", f.Check, f.Scenarios)
	}
	for _, i := range f.Changes {
		if i < 0 || i >= len(scenarios[f.Scenarios[0]].Changes) {
			return fmt.Errorf("a finding of check %s names change %d, which there is not", f.Check, i)
		}
	}
	sealed := *f
	sealed.Gained, sealed.Lost = slices.Clone(f.Gained), slices.Clone(f.Lost)
	sealed.Owners, sealed.Parties = slices.Clone(f.Owners), slices.Clone(f.Parties)
	sealed.Changes, sealed.Groups = slices.Clone(f.Changes), slices.Clone(f.Groups)
	if sealed.Seal(); sealed.Fingerprint != f.Fingerprint {
		return fmt.Errorf("a finding of check %s has fingerprint %q and means %s", f.Check, f.Fingerprint, sealed.Fingerprint)
	}
	return nil
}

// join takes a finding of one fingerprint into another.
func join(into, f *gate.Finding) {
	scenarios := append(slices.Clone(into.Scenarios), f.Scenarios...)
	severity := into.Severity
	if f.Severity.Rank() > severity.Rank() {
		severity = f.Severity
	}
	bits := max(into.Bits, f.Bits)
	if f.Count > into.Count || f.Count == into.Count && cmp.Compare(scenarioOf(f), scenarioOf(into)) < 0 {
		*into = *f
	}
	first := scenarioOf(into)
	slices.Sort(scenarios)
	scenarios = slices.Compact(scenarios)
	scenarios = slices.DeleteFunc(scenarios, func(s string) bool { return s == first })
	into.Scenarios = append([]string{first}, scenarios...)
	into.Severity, into.Bits = severity, bits
}

func scenarioOf(f *gate.Finding) string {
	if len(f.Scenarios) == 0 {
		return ""
	}
	return f.Scenarios[0]
}
