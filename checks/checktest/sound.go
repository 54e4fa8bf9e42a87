package checktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// Sound says what does not hold of a check's answer about c:
//
//   - equal comparisons get equal answers, and are left as they were;
//   - an error comes alone;
//   - severity is known and no higher than the check's own;
//   - titles hold neither names nor payload;
//   - subjects and indexes are sorted, in range, and the fingerprint is theirs;
//   - outside parties are not among people;
//   - where there are changes there is an example, and it is one of them;
//   - no two findings of one answer have one fingerprint.
func Sound(check *gate.Check, c *gate.Comparison, findings []gate.Finding, runErr error) error {
	if runErr != nil && len(findings) > 0 {
		return fmt.Errorf("check %s returns findings beside its error: %w", check.ID, runErr)
	}
	before, err := json.Marshal(c)
	if err != nil {
		return err
	}
	again, againErr := check.Run(c)
	if !reflect.DeepEqual(findings, again) || fmt.Sprint(runErr) != fmt.Sprint(againErr) {
		return fmt.Errorf("check %s answers differently the second time", check.ID)
	}
	if after, err := json.Marshal(c); err != nil || string(before) != string(after) {
		return errors.Join(fmt.Errorf("check %s writes to the comparison", check.ID), err)
	}
	secrets := payload(c)
	seen := map[string]bool{}
	for i := range findings {
		f := &findings[i]
		if err := soundFinding(check, c, f, secrets); err != nil {
			return fmt.Errorf("check %s, finding %q: %w", check.ID, f.Title, err)
		}
		if seen[f.Fingerprint] {
			return fmt.Errorf("check %s gives two findings the fingerprint %s", check.ID, f.Fingerprint)
		}
		seen[f.Fingerprint] = true
	}
	return nil
}

func soundFinding(check *gate.Check, c *gate.Comparison, f *gate.Finding, secrets []string) error {
	switch {
	case f.Check != check.ID:
		return fmt.Errorf("it names check %q", f.Check)
	case f.Severity.Rank() == 0 || f.Severity.Rank() > check.Severity.Rank():
		return fmt.Errorf("its severity is %q, the check's is %q", f.Severity, check.Severity)
	case f.Count == 0:
		return errors.New("it concerns no delivery")
	case !slices.Equal(f.Scenarios, []string{c.Scenario}):
		return fmt.Errorf("its scenarios are %q", f.Scenarios)
	case strings.TrimSpace(f.Title) == "" || strings.ContainsAny(f.Title, "\n\r@"):
		return errors.New("its title is empty, of two lines, or holds an address")
	case strings.Contains(f.Title, "nobody"):
		return errors.New("its title says nobody")
	}
	for _, s := range secrets {
		if strings.Contains(f.Title, s) {
			return fmt.Errorf("its title holds a name or payload: %q", s)
		}
	}
	sealed := *f
	sealed.Gained, sealed.Lost = slices.Clone(f.Gained), slices.Clone(f.Lost)
	sealed.Owners, sealed.Parties = slices.Clone(f.Owners), slices.Clone(f.Parties)
	sealed.Changes, sealed.Groups = slices.Clone(f.Changes), slices.Clone(f.Groups)
	sealed.Seal()
	if !reflect.DeepEqual(sealed, *f) {
		return errors.New("it is not sealed")
	}
	for _, people := range [][]string{f.Gained, f.Lost, f.Owners} {
		for _, id := range people {
			if strings.HasPrefix(id, "host:") {
				return fmt.Errorf("the outside party %s is among people", id)
			}
		}
	}
	for _, id := range f.Parties {
		if !strings.HasPrefix(id, "host:") {
			return fmt.Errorf("%s is among outside parties", id)
		}
	}
	for _, i := range f.Changes {
		if i < 0 || i >= len(c.Changes) {
			return fmt.Errorf("it names change %d of %d", i, len(c.Changes))
		}
	}
	for _, i := range f.Groups {
		if i < 0 || i >= len(c.Groups) {
			return fmt.Errorf("it names edit group %d of %d", i, len(c.Groups))
		}
	}
	if len(f.Changes) > 0 && (f.Example == nil || !slices.ContainsFunc(f.Changes, func(i int) bool {
		return isExample(&c.Changes[i], f)
	})) {
		return errors.New("its example is none of its changes")
	}
	return nil
}

// payload lists what a title may not hold: texts that came with the evidence. What
// is shorter than four bytes could stand in any title.
func payload(c *gate.Comparison) []string {
	var all []string
	add := func(list ...string) {
		for _, s := range list {
			if len(s) >= 4 && !slices.Contains(ordinary, s) {
				all = append(all, s)
			}
		}
	}
	delivery := func(d *gate.Delivery) {
		if d != nil {
			add(d.Recipient.Address, d.Class, d.Title)
		}
	}
	for i := range c.Changes {
		ch := &c.Changes[i]
		delivery(ch.Before)
		delivery(ch.After)
		for _, x := range ch.Gains {
			add(x.Owner.Address)
			for _, f := range x.Sample {
				add(f.Value)
			}
		}
	}
	for i := range c.Groups {
		add(c.Groups[i].Before, c.Groups[i].After)
	}
	add(c.Parties...)
	slices.Sort(all)
	return slices.Compact(all)
}

// ordinary are payloads of cases that are words of titles too.
var ordinary = []string{"plaintext"}

// isExample reports whether the example of f is ch, with the edits that f judges first.
func isExample(ch *gate.Change, f *gate.Finding) bool {
	want := *ch
	want.Forward(f.Groups)
	return reflect.DeepEqual(want, *f.Example)
}
