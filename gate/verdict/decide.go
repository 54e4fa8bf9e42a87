package verdict

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// Input is everything that a verdict rests on.
type Input struct {
	// Corpus is the digest of the corpus, for the scope of approvals.
	Corpus string

	// Comparisons, one a scenario, and what the checks found in them: every
	// finding names the one scenario that it is of.
	Comparisons []gate.Comparison
	Findings    []gate.Finding

	// Gaps of all runs, comparisons and checks. A check that could not judge is a
	// gap of kind check-failed whose Where is the check's id.
	Gaps []gate.Gap

	// Drill says what the planted misdelivery was found by. Empty where it was not
	// found, or not planted: then Blind says why.
	Drill string
	Blind string

	// Undecided lists the kinds of blind spot that make the verdict undecided. Others
	// are only stated.
	Undecided []gate.BlindKind

	Approvals []gate.Approval
	Now       time.Time // for expiry; required where there are approvals

	Made gate.Made // told as it is

	// SameBuild: both roles may be of one build, which is else a gap.
	SameBuild bool

	// Reasons of other stages: usage, containment, interruption.
	Reasons []gate.Reason
	Notes   []string

	Recorded []gate.Reenacted
}

// unstableCheck is the check whose failure is instability and not a fault of its own.
const unstableCheck = "unstable-recipients"

// Decide makes the verdict. Equal inputs give equal verdicts, and the order of
// findings, gaps and approvals does not matter but to ties.
//
// Findings of one fingerprint are one finding, in however many scenarios: Count is
// the largest of any scenario, since that is what one replay of the corpus would
// send, and Scenarios begins with the scenario that Count, Title, Example and the
// indexes are of.
func Decide(in Input) gate.Verdict {
	v := gate.Verdict{
		Schema: gate.Schema, Comparisons: in.Comparisons, Drill: in.Drill, Corpus: in.Corpus, Made: in.Made,
		Reasons: slices.Clone(in.Reasons), Notes: slices.Clone(in.Notes), Recorded: in.Recorded,
	}
	bug := func(format string, args ...any) {
		v.Reasons = append(v.Reasons, gate.Reason{Code: gate.ExitBug, Text: fmt.Sprintf(format, args...)})
	}
	for _, r := range v.Reasons {
		if r.Code == gate.ExitPass {
			bug("a reason for passing was given: %q", r.Text)
		}
	}
	if _, same := sameBuild(&in.Made); same && in.SameBuild {
		v.Notes = append(v.Notes, "production and staging are one build, as was asked for: this tests the gate, and no release")
	}
	findings, err := merge(in.Comparisons, in.Findings)
	if err != nil {
		bug("%v", err)
	}
	if len(in.Approvals) > 0 && in.Now.IsZero() {
		bug("approvals are to be applied, and the day is not known")
	}
	v.Findings, v.Unused = approve(findings, &in)
	v.Gaps = gaps(&in)
	v.Blast = blast(v.Findings)
	v.Reasons = append(v.Reasons, findingReasons(v.Findings)...)
	v.Reasons = append(v.Reasons, gapReasons(v.Gaps)...)
	v.Reasons = append(v.Reasons, blindReasons(in.Comparisons, in.Undecided)...)
	conclude(&v)
	return v
}

// conclude puts the reasons into their order, and makes the decision of them.
func conclude(v *gate.Verdict) {
	slices.SortStableFunc(v.Reasons, func(a, b gate.Reason) int {
		switch {
		case gate.Stronger(a.Code, b.Code):
			return -1
		case gate.Stronger(b.Code, a.Code):
			return 1
		}
		return 0
	})
	switch {
	case len(v.Reasons) == 0:
		v.Decision = gate.Pass
	case slices.ContainsFunc(v.Reasons, func(r gate.Reason) bool { return r.Code == gate.ExitBlocked }):
		v.Decision = gate.Blocked
	default:
		v.Decision = gate.Undecided
	}
}

// Again is a verdict as it would be now, under the approvals that there are now:
// what was found and what was missing stays, and each finding gets its state anew.
// A verdict that passed can be blocked by it, and one that was blocked can pass.
func Again(v *gate.Verdict, approvals []gate.Approval, now time.Time) gate.Verdict {
	out := *v
	findings := make([]gate.Finding, len(v.Findings))
	for i := range v.Findings {
		findings[i] = v.Findings[i].Finding
	}
	in := Input{Corpus: v.Corpus, Approvals: approvals, Now: now}
	out.Findings, out.Unused = approve(findings, &in)
	out.Blast = blast(out.Findings)
	out.Reasons = slices.DeleteFunc(slices.Clone(v.Reasons), func(r gate.Reason) bool { return r.Code == gate.ExitBlocked })
	if v.Decision == gate.Undecided && len(out.Reasons) == 0 {
		out.Reasons = append(out.Reasons, gate.Reason{Code: gate.ExitUndecided, Text: "it was undecided, and does not say why"})
	}
	if len(approvals) > 0 && now.IsZero() {
		out.Reasons = append(out.Reasons, gate.Reason{Code: gate.ExitBug, Text: "approvals are to be applied, and the day is not known"})
	}
	out.Reasons = append(out.Reasons, findingReasons(out.Findings)...)
	conclude(&out)
	return out
}

// gaps are those given, and those that show in what was given.
func gaps(in *Input) []gate.Gap {
	list := slices.Clone(in.Gaps)
	if len(in.Comparisons) == 0 {
		list = append(list, gate.Gap{Kind: gate.GapNothingSent, Where: "all scenarios", Detail: "nothing was compared"})
	}
	told := false
	for i := range list {
		if g := &list[i]; g.Kind == gate.GapCheckFailed && g.Where == unstableCheck {
			g.Kind, told = gate.GapUnstable, true
		}
	}
	for i := range in.Comparisons {
		c := &in.Comparisons[i]
		where := "scenario " + c.Scenario
		if c.Production.Deliveries == 0 && !c.Replies {
			list = append(list, gate.Gap{Kind: gate.GapNothingSent, Where: where,
				Detail: "production sent nothing: there is nothing to compare"})
		}
		if n := len(c.Unstable); n > 0 && !told {
			list = append(list, gate.Gap{Kind: gate.GapUnstable, Where: where, Count: uint64(n),
				Detail: "recipients differ between two replays of production"})
		}
	}
	if b, same := sameBuild(&in.Made); same && !in.SameBuild {
		list = append(list, gate.Gap{Kind: gate.GapSameBuild, Where: "builds", Detail: "production and staging are one build, " + b.Digest + ": nothing of a release was compared"})
	}
	if in.Drill == "" {
		detail := cmp.Or(in.Blind, "no misdelivery was planted")
		list = append(list, gate.Gap{Kind: gate.GapBlind, Where: "drill", Detail: detail})
	}
	slices.SortStableFunc(list, func(a, b gate.Gap) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Where, b.Where), cmp.Compare(a.Stimulus, b.Stimulus),
			cmp.Compare(a.Seq, b.Seq), cmp.Compare(a.Detail, b.Detail))
	})
	return list
}

// sameBuild reports whether both roles are of one build: all is the same, or what was run is
// and only its set-up is written otherwise.
func sameBuild(m *gate.Made) (gate.Built, bool) {
	if len(m.Builds) != 2 {
		return gate.Built{}, false
	}
	p, s := &m.Builds[0], &m.Builds[1]
	return *s, p.Digest == s.Digest && p.Digest != "" || p.Program == s.Program && p.Program != ""
}

func findingReasons(findings []gate.Judged) []gate.Reason {
	count := map[gate.State]int{}
	for i := range findings {
		count[findings[i].State]++
	}
	var reasons []gate.Reason
	for _, r := range []struct {
		state     gate.State
		one, many string
	}{
		{gate.Open, "1 finding is not approved", "%d findings are not approved"},
		{gate.Expired, "the approval of 1 finding has expired", "the approvals of %d findings have expired"},
		{gate.Outgrown, "1 finding concerns more messages than were approved", "%d findings concern more messages than were approved"},
	} {
		switch n := count[r.state]; n {
		case 0:
		case 1:
			reasons = append(reasons, gate.Reason{Code: gate.ExitBlocked, Text: r.one})
		default:
			reasons = append(reasons, gate.Reason{Code: gate.ExitBlocked, Text: fmt.Sprintf(r.many, n)})
		}
	}
	return reasons
}

// gapReasons gives one reason for each kind of gap; list is sorted by kind.
func gapReasons(list []gate.Gap) []gate.Reason {
	var reasons []gate.Reason
	for len(list) > 0 {
		first := &list[0]
		total, n := uint64(0), 0
		for n < len(list) && list[n].Kind == first.Kind {
			total += max(list[n].Count, 1)
			n++
		}
		var text strings.Builder
		text.WriteString(first.Kind)
		if total > 1 {
			fmt.Fprintf(&text, ": %d, the first", total)
		}
		if first.Where != "" {
			text.WriteString(": " + first.Where)
		}
		if first.Detail != "" {
			text.WriteString(": " + first.Detail)
		}
		reasons = append(reasons, gate.Reason{Code: gate.ExitUndecided, Text: text.String()})
		list = list[n:]
	}
	return reasons
}

// blindReasons gives one reason for each of kinds that some comparison has a blind spot of.
func blindReasons(comparisons []gate.Comparison, kinds []gate.BlindKind) []gate.Reason {
	var reasons []gate.Reason
	for _, kind := range kinds {
		messages, places := uint64(0), 0
		for i := range comparisons {
			for _, b := range comparisons[i].Blind {
				if b.Kind == kind {
					messages += b.Count
					places++
				}
			}
		}
		if places > 0 {
			reasons = append(reasons, gate.Reason{Code: gate.ExitUndecided,
				Text: fmt.Sprintf("blind spots (%s) in %d places, of %d messages: the configuration's policy asks for none", kind, places, messages)})
		}
	}
	return reasons
}
