package report_test

import (
	"strings"
	"testing"

	"github.com/mattn/go-runewidth"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

func reviewed(before, after string) *gate.Verdict {
	to := func(who string) *gate.Delivery {
		return &gate.Delivery{Channel: "smtp", Sink: "mail", Title: "Your question", Recipient: gate.Recipient{Kind: gate.Mail, Address: who, Role: gate.Envelope}}
	}
	f := gate.Judged{State: gate.Open, Finding: gate.Finding{Check: "facts-disclosed", Severity: gate.Block, Title: "1 delivery", Count: 1, Channel: "smtp", Sink: "mail",
		Fingerprint: gate.FingerprintScheme + "-" + strings.Repeat("0a", 16), Gained: []string{"mail:bob@example.org"},
		Example: &gate.Change{Kind: gate.Altered, Rule: gate.ByRecipient, Before: to("ann@example.org"), After: to("bob@example.org"),
			Edits: []gate.Edit{{Part: "text", Kind: gate.Text, Before: before, After: after}}}}}
	return &gate.Verdict{Schema: gate.Schema, Decision: gate.Blocked, Findings: []gate.Judged{f}}
}

func review(t *testing.T, v *gate.Verdict, o report.Options) string {
	t.Helper()
	var b strings.Builder
	if err := report.Review(&b, v, v.Findings[0].Fingerprint, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Whatever a message says, what stands before and what stands after stay in their
// columns, and no line is wider than the terminal.
func TestReviewKeepsColumns(t *testing.T) {
	for name, text := range map[string][2]string{
		"words":      {"Dear Ann, your record is 770001 and we wish you well until next time", "Dear Bob, your record is 770001 and we wish you well until next time"},
		"one word":   {strings.Repeat("x", 300), strings.Repeat("x", 299) + "y"},
		"wide":       {strings.Repeat("診断の結果", 30), strings.Repeat("診断の結果", 29) + "別"},
		"marks":      {"e" + strings.Repeat("\u0301", 90), "o" + strings.Repeat("\u0302", 90)},
		"emoji":      {strings.Repeat("👩‍👩‍👧 ", 30), "no"},
		"lines":      {"a\n\n\nb", strings.Repeat("line\n", 100)},
		"hostile":    {"\x1b[2J\x1b]0;x\x07\u202e\r::error::", "\x9b2J\u2028##[error]"},
		"nothing":    {"", "new"},
		"bad":        {"\xff\xfe\x80", "\xed\xa0\x80"},
		"tabs":       {"a\tb\tc", "a\tb\td"},
		"bars":       {"a │ b", "a │ c"},
		"long lines": {strings.Repeat("word ", 400), strings.Repeat("other ", 400)},
	} {
		for _, width := range []int{40, 71, 72, 100, 140} {
			for _, color := range []bool{false, true} {
				shown := review(t, reviewed(text[0], text[1]), report.Options{Names: true, Width: width, Color: color})
				plain := sgr.ReplaceAllString(shown, "")
				if strings.ContainsAny(plain, "\x1b\x07\r\t\u202e\u2028") || !color && plain != shown {
					t.Errorf("%s: it holds what a terminal obeys: %q", name, shown)
				}
				bar := -1
				for _, line := range strings.Split(plain, "\n") {
					if n := new(runewidth.Condition).StringWidth(line); n > width && (width >= 72 || name != "wide" && name != "emoji") {
						t.Errorf("%s: a line of %d columns, more than %d: %q", name, n, width, line)
					}
					if before, _, ok := strings.Cut(line, " │ "); ok && name != "bars" {
						n := new(runewidth.Condition).StringWidth(before)
						if bar >= 0 && n != bar {
							t.Errorf("%s: the columns part at %d and at %d: %q", name, bar, n, line)
						}
						bar = n
					}
				}
				if (bar >= 0) != (width >= 72) && name != "bars" {
					t.Errorf("%s: in %d columns, the texts part at %d", name, width, bar)
				}
				if n := strings.Count(plain, "\n"); n > 60 {
					t.Errorf("%s: a finding of %d lines", name, n)
				}
			}
		}
	}
}

func TestReviewNamesNobodyWhereMasked(t *testing.T) {
	shown := review(t, reviewed("Dear Ann, 770001", "Dear Bob, 770001"), report.Options{Width: 100})
	for _, secret := range []string{"ann", "bob", "Ann", "Bob", "770001", "example.org", "question"} {
		if strings.Contains(shown, secret) {
			t.Errorf("it tells %q:\n%s", secret, shown)
		}
	}
	if !strings.Contains(shown, "facts-disclosed") || !strings.Contains(shown, "R-1") {
		t.Errorf("it tells too little:\n%s", shown)
	}
}

func TestReviewOfNoFinding(t *testing.T) {
	v := reviewed("a", "b")
	if err := report.Review(&strings.Builder{}, v, "w1-ffffffff", report.Options{}); err == nil {
		t.Error("no error")
	}
	v.Findings[0].Example, v.Findings[0].Before, v.Findings[0].After = nil, "old words", "new words"
	if shown := review(t, v, report.Options{Names: true, Width: 100}); !strings.Contains(shown, "[-old-] words") || !strings.Contains(shown, "{+new+} words") {
		t.Errorf("without an example it shows\n%s", shown)
	}
}
