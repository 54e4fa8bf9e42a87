package verdict_test

import (
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func entry(fingerprint string) gate.Approval {
	return gate.Approval{Fingerprint: fingerprint, Check: "recipient-added", Scope: "any-corpus", MaxMessages: 2,
		Reason: "a \"new\" desk\\\n\u202e", RequestedBy: "ann", ApprovedBy: "bob", Expires: "2027-02-28"}
}

func TestApproveSortsAndKeepsWhatPeopleWrote(t *testing.T) {
	limits := verdict.Limits{Now: now}
	const top = "# Accepted changes of the portal.\n\n"
	first, err := verdict.Approve([]byte(top+"# asked for by the desk\n"+strings.TrimPrefix(good, "\n")), "a.toml", entry(print2), limits)
	if err != nil {
		t.Fatal(err)
	}
	text := string(first)
	order := []string{"# Accepted changes", "# asked for by the desk\n[[approval]]", print1, "[[approval]]", print2}
	for at := 0; len(order) > 0; order = order[1:] {
		i := strings.Index(text[at:], order[0])
		if i < 0 {
			t.Fatalf("%q is not in its place in\n%s", order[0], text)
		}
		at += i
	}
	if strings.ContainsRune(text, '\u202e') {
		t.Error("a bidirectional control stands in the file as it came")
	}
	list, err := verdict.ReadApprovals(strings.NewReader(text), "a.toml", limits)
	if err != nil || len(list) != 2 || list[1] != entry(print2) {
		t.Fatalf("read back %+v, %v", list, err)
	}
	renewed := entry(print2)
	renewed.Reason = "renewed"
	again, err := verdict.Approve(first, "a.toml", renewed, limits)
	if list, more := verdict.ReadApprovals(strings.NewReader(string(again)), "a.toml", limits); err != nil || more != nil || len(list) != 2 || list[1] != renewed {
		t.Errorf("renewed to %v, %v:\n%s", err, more, again)
	}
	pruned, err := verdict.Prune(first, "a.toml", []string{print1}, limits)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(pruned); strings.Contains(s, print1) || strings.Contains(s, "asked for") || !strings.Contains(s, print2) || !strings.HasPrefix(s, "# Accepted") {
		t.Errorf("pruned to\n%s", s)
	}
}

func TestApproveRefuses(t *testing.T) {
	limits := verdict.Limits{Now: now}
	inline := "approval = [{fingerprint = \"" + print1 + "\", check = \"recipient-added\", scope = \"any-corpus\", max_messages = 1, reason = \"r\", requested_by = \"a\", approved_by = \"b\", expires = \"2027-01-01\"}]\n"
	for _, test := range []struct {
		name, file string
		change     func(*gate.Approval)
		want       string
	}{
		{"a file that is not valid", "approvals = 1", nil, `unknown key "approvals"`},
		{"no reason", "", func(a *gate.Approval) { a.Reason = " " }, "reason is empty"},
		{"a day too far", "", func(a *gate.Approval) { a.Expires = "2039-01-01" }, "days ahead"},
		{"a day that has passed", "", func(a *gate.Approval) { a.Expires = "2020-01-01" }, "has passed"},
		{"who asks accepts", "", func(a *gate.Approval) { a.RequestedBy, a.ApprovedBy = "Ann  B", " ann b" }, "nobody accepts what they ask for"},
		{"who asks accepts, in wide letters", "", func(a *gate.Approval) { a.RequestedBy, a.ApprovedBy = "ann", "\uff41\uff4e\uff4e" }, "nobody accepts what they ask for"},
		{"a name with what nobody sees", "", func(a *gate.Approval) { a.RequestedBy, a.ApprovedBy = "ann", "ann\u200b" }, "U+200B"},
		{"a name that is blank", "", func(a *gate.Approval) { a.ApprovedBy = "\u3164" }, "U+3164"},
		{"a cap that is none", "", func(a *gate.Approval) { a.MaxMessages = 4_000_000_000 }, "a cap that nothing reaches"},
		{"a wildcard", "", func(a *gate.Approval) { a.Fingerprint = "w1-*" }, "not whole"},
		{"entries in one line", inline, nil, "write each approval as [[approval]]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := entry(print2)
			if test.change != nil {
				test.change(&a)
			}
			got, err := verdict.Approve([]byte(test.file), "a.toml", a, limits)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v and\n%s\nwant %s", err, got, test.want)
			}
		})
	}
}

func TestForIsOfTheVerdictsCorpus(t *testing.T) {
	v := &gate.Verdict{Corpus: "sha256:" + strings.Repeat("ab", 32), Findings: []gate.Judged{
		{Finding: gate.Finding{Check: "recipient-added", Severity: gate.Block, Count: 7, Fingerprint: print1}},
		{Finding: gate.Finding{Check: "wording-changed", Severity: gate.Note, Count: 7, Fingerprint: print2}},
	}}
	a, err := verdict.For(v, print1)
	if err != nil || a.MaxMessages != 7 || a.Scope != v.Corpus || a.Check != "recipient-added" {
		t.Errorf("got %+v, %v", a, err)
	}
	for _, fingerprint := range []string{print2, print1[:12], ""} {
		if a, err := verdict.For(v, fingerprint); err == nil {
			t.Errorf("%q was approved: %+v", fingerprint, a)
		}
	}
}
