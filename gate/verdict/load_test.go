package verdict_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/verdict"
)

const (
	print1 = "w1-0123456789abcdef0123456789abcdef"
	print2 = "w1-fedcba9876543210fedcba9876543210"
)

const good = `
[[approval]]
fingerprint = "` + print1 + `"
check = "recipient-added"
scope = "any-corpus"
max_messages = 3
reason = "the new desk"
requested_by = "ann"
approved_by = "bob"
expires = "2027-02-28"
`

func read(text string) ([]gate.Approval, error) {
	return verdict.ReadApprovals(strings.NewReader(text), "approvals.toml", verdict.Limits{Now: now})
}

func TestReadApprovals(t *testing.T) {
	other := strings.NewReplacer(print1, print2, `"any-corpus"`, `"sha256:`+strings.Repeat("ab", 32)+`"`, `"2027-02-28"`, `2026-01-01`).Replace(good)
	got, err := read(other + good)
	if err != nil {
		t.Fatal(err)
	}
	want := []gate.Approval{
		{Fingerprint: print1, Check: "recipient-added", Scope: verdict.AnyCorpus, MaxMessages: 3, Reason: "the new desk", RequestedBy: "ann",
			ApprovedBy: "bob", Expires: "2027-02-28"},
		{Fingerprint: print2, Check: "recipient-added", Scope: "sha256:" + strings.Repeat("ab", 32), MaxMessages: 3, Reason: "the new desk",
			RequestedBy: "ann", ApprovedBy: "bob", Expires: "2026-01-01"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("approvals (-want +got):\n%s", diff)
	}
	if got, err := read("# none yet\n"); err != nil || got != nil {
		t.Errorf("an empty file: %v, %v", got, err)
	}
}

func TestReadApprovalsRefuses(t *testing.T) {
	set := func(key, value string) string {
		var lines []string
		for _, l := range strings.Split(good, "\n") {
			if strings.HasPrefix(l, key+" ") {
				l = key + " = " + value
				if value == "" {
					continue
				}
			}
			lines = append(lines, l)
		}
		return strings.Join(lines, "\n")
	}
	tests := map[string]struct{ text, want string }{
		"syntax":              {"[[approval]\n", "expected end of table array"},
		"same key twice":      {good + "check = \"new-party\"\n", "check"},
		"another table":       {"[[approvals]]\n", `unknown key "approvals"`},
		"one bracket":         {strings.Replace(good, "[[approval]]", "[approval]", 1), "two brackets"},
		"unknown key":         {strings.Replace(good, "approved_by", "aproved_by", 1), `unknown key "aproved_by": the nearest known is "approved_by"`},
		"key in capitals":     {strings.Replace(good, "expires", "Expires", 1), `the nearest known is "expires"`},
		"twice":               {good + good, "approved twice"},
		"prefix":              {set("fingerprint", `"w1-0123"`), "not whole"},
		"wildcard":            {set("fingerprint", `"*"`), "not whole"},
		"capitals":            {set("fingerprint", `"`+strings.ToUpper(print1)+`"`), "not whole"},
		"too long":            {set("fingerprint", `"`+print1+`0"`), "not whole"},
		"line end":            {set("fingerprint", `"`+print1+`\n"`), "not whole"},
		"another scheme":      {set("fingerprint", `"w2-0123456789abcdef0123456789abcdef"`), "scheme w2"},
		"check":               {set("check", `"Recipient added"`), "not the id of a check"},
		"scope":               {set("scope", `"*"`), "any-corpus"},
		"scope, cut":          {set("scope", `"sha256:ab"`), "any-corpus"},
		"empty reason":        {set("reason", `"  "`), "reason is empty"},
		"reason of nothing":   {set("reason", "\"\u200b\u3164.\""), "gives none"},
		"name of two scripts": {set("approved_by", "\"b\u0435n\""), "two scripts"},
		"own, with a name":    {strings.Replace(set("approved_by", `"Ann Lee <ANN@example.org>"`), `"ann"`, `"ann@example.org"`, 1), "both"},
		"endless reason":      {set("reason", `"`+strings.Repeat("x", 3000)+`"`), "longer than"},
		"reason of a number":  {set("reason", `1`), "reason is not a string"},
		"no messages":         {set("max_messages", `0`), "max_messages"},
		"negative messages":   {set("max_messages", `-1`), "max_messages"},
		"messages as text":    {set("max_messages", `"3"`), "max_messages"},
		"messages, fraction":  {set("max_messages", `3.0`), "max_messages"},
		"time":                {set("expires", `2027-02-01T10:00:00Z`), "time of day or a zone"},
		"local time":          {set("expires", `2027-02-01T10:00:00`), "time of day or a zone"},
		"time alone":          {set("expires", `10:00:00`), "time of day or a zone"},
		"time as text":        {set("expires", `"2027-02-01T10:00:00Z"`), "not a day of the calendar"},
		"no such day":         {set("expires", `"2027-02-29"`), "not a day of the calendar"},
		"no such day, bare":   {set("expires", `2027-02-29`), "line"},
		"never":               {set("expires", `"never"`), "not a day of the calendar"},
		"empty date":          {set("expires", `""`), "not a day of the calendar"},
		"a number of a date":  {set("expires", `20270201`), "not a date"},
		"a year and a day":    {set("expires", `"2028-02-01"`), "365 days ahead: the latest is 2028-01-31"},
		"for ever":            {set("expires", `"9999-12-31"`), "365 days ahead"},
		"too long altogether": {good + strings.Repeat("#", 4<<20), "longer than"},
		"not utf-8":           {set("reason", "\"\xff\""), "UTF-8"},
	}
	for _, key := range []string{"fingerprint", "check", "scope", "max_messages", "reason", "requested_by", "approved_by", "expires"} {
		tests["no "+key] = struct{ text, want string }{set(key, ""), key + " is missing"}
	}
	for name, test := range tests {
		got, err := read(test.text)
		if err == nil || len(got) > 0 {
			t.Errorf("%s: %d approvals and no error", name, len(got))
			continue
		}
		msg := err.Error()
		if !strings.Contains(msg, test.want) || !strings.HasPrefix(msg, "read approvals approvals.toml: ") {
			t.Errorf("%s: error %q, want one that says %q", name, msg, test.want)
		}
		if strings.Contains(msg, "\n") {
			t.Errorf("%s: error of more than one line: %q", name, msg)
		}
	}
	if _, err := verdict.ReadApprovals(strings.NewReader(good), "x", verdict.Limits{}); err == nil {
		t.Error("without a day: no error")
	}
	if _, err := verdict.ReadApprovals(strings.NewReader(good), "x", verdict.Limits{Now: now, MaxDays: 27}); err == nil {
		t.Error("28 days ahead of 27: no error")
	}
}

func TestLoadApprovals(t *testing.T) {
	dir := t.TempDir()
	limits := verdict.Limits{Now: now}
	if got, err := verdict.LoadApprovals(filepath.Join(dir, "none.toml"), limits); got != nil || err != nil {
		t.Errorf("a file that is not there: %v, %v", got, err)
	}
	if _, err := verdict.LoadApprovals(dir, limits); err == nil {
		t.Error("a folder: no error")
	}
	path := filepath.Join(dir, "approvals.toml")
	if err := os.WriteFile(path, []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := verdict.LoadApprovals(path, limits); len(got) != 1 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
}

func FuzzReadApprovals(f *testing.F) {
	f.Add(good)
	f.Add("[[approval]]\nexpires = 2027-02-01\n")
	f.Add("approval = [1, {a = 2}]")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := read(text)
		if err != nil && len(list) > 0 {
			t.Error("approvals beside an error")
		}
		for _, a := range list {
			if len(a.Fingerprint) != len(print1) || a.MaxMessages == 0 || a.Reason == "" || a.Expires == "" || a.ApprovedBy == "" {
				t.Errorf("accepted %+v", a)
			}
		}
	})
}
