// Package drill plants faults in a copy of the evidence: proof that the gate would
// have seen them.
//
// A gate that finds nothing has either nothing to find or no eyes. Before a verdict
// may pass, one misdelivery is planted in messages that production sent, and the
// comparison and the checks that judged the release must see it, name who is
// concerned, and block. They must also say nothing of the same messages where
// nothing is planted: what sees everything proves nothing.
package drill

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// An Operator plants one fault.
type Operator struct {
	ID  string // permanent, kebab-case: "redirect-one"
	Doc string // one sentence

	// Plant returns messages with one fault in them, and what it is. It leaves
	// messages as they were, and is a function of them and of rng. ok is false
	// where there is nothing that this fault can be planted in.
	Plant func(rng *rand.Rand, messages []gate.Canonical) (planted []gate.Canonical, fault Fault, ok bool)
}

// A Fault is what was planted: who must be named by findings that block. Outside
// parties are looked for among the parties of a finding.
type Fault struct {
	Gained []gate.Recipient // who receives what they did not, or something else
	Lost   []gate.Recipient // who does not receive what they did
}

// A Judge compares runs that are in memory, replays of production and one of staging,
// and asks every check.
type Judge func(production [][]gate.Canonical, staging []gate.Canonical) ([]gate.Finding, error)

// A Proof is how a planted fault was found.
type Proof struct {
	Operator string
	Checks   []string // ids of the checks that named who is concerned, sorted
}

// String says it in words, for [gate.Verdict] Drill. It names nobody.
func (p Proof) String() string {
	s := p.Operator + " was found by "
	for i, id := range p.Checks {
		if i > 0 {
			s += ", "
		}
		s += id
	}
	return s
}

// A BlindError says that a planted fault was not seen, or could not be planted.
// It names nobody.
type BlindError struct{ Operator, Reason string }

func (e *BlindError) Error() string {
	if e.Operator == "" {
		return "no fault could be planted: " + e.Reason
	}
	return "the planted fault " + e.Operator + " was not seen: " + e.Reason
}

// Prove plants one misdelivery in sample, some messages of production, and has it
// judged: a delivery that goes to somebody else or, where there is only one
// recipient, a recipient that nobody knows. Equal seeds and samples plant equal
// faults. The error is a [*BlindError] where the gate is blind, and otherwise
// that of judge.
func Prove(seed uint64, sample []gate.Canonical, judge Judge) (Proof, error) {
	for _, id := range []string{"redirect-one", "add-recipient"} {
		proof, err := Try(operator(id), seed, sample, judge)
		var blind *BlindError
		if errors.As(err, &blind) && blind.Operator == "" {
			continue
		}
		return proof, err
	}
	return Proof{}, &BlindError{"", "no message has a recipient"}
}

// Try plants one fault of one operator, as [Prove] does. A [*BlindError] without
// an operator says that the fault does not fit the sample.
func Try(op Operator, seed uint64, sample []gate.Canonical, judge Judge) (Proof, error) {
	planted, fault, ok := op.Plant(rand.New(rand.NewPCG(seed, uint64(len(op.ID)))), sample)
	if !ok {
		return Proof{}, &BlindError{"", op.ID + " does not fit the messages"}
	}
	still, err := judge([][]gate.Canonical{sample}, slices.Clone(sample))
	if err != nil {
		return Proof{}, fmt.Errorf("drill: judge messages with themselves: %w", err)
	}
	if len(still) > 0 {
		return Proof{}, &BlindError{op.ID, fmt.Sprintf("%d findings where nothing was planted", len(still))}
	}
	findings, err := judge([][]gate.Canonical{sample}, planted)
	if err != nil {
		return Proof{}, fmt.Errorf("drill: judge %s: %w", op.ID, err)
	}
	proof := Proof{Operator: op.ID}
	for _, concerned := range []struct {
		word string
		who  []gate.Recipient
		list func(*gate.Finding) []string
	}{
		{"gains", fault.Gained, func(f *gate.Finding) []string { return f.Gained }},
		{"loses", fault.Lost, func(f *gate.Finding) []string { return f.Lost }},
	} {
		for _, r := range concerned.who {
			checks := naming(r, findings, concerned.list)
			if len(checks) == 0 {
				return Proof{}, &BlindError{op.ID, fmt.Sprintf("none of %d findings blocks and names who %s", len(findings), concerned.word)}
			}
			proof.Checks = append(proof.Checks, checks...)
		}
	}
	if len(proof.Checks) == 0 {
		return Proof{}, &BlindError{op.ID, "it concerns nobody"}
	}
	slices.Sort(proof.Checks)
	proof.Checks = slices.Compact(proof.Checks)
	return proof, nil
}

// naming are the checks with a finding that blocks and names r.
func naming(r gate.Recipient, findings []gate.Finding, list func(*gate.Finding) []string) []string {
	var checks []string
	for i := range findings {
		f := &findings[i]
		names := list(f)
		if r.Kind == gate.Host {
			names = f.Parties
		}
		if f.Severity == gate.Block && slices.Contains(names, r.ID()) {
			checks = append(checks, f.Check)
		}
	}
	return checks
}
