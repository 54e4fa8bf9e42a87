package main_test

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks"
	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
)

// The README says what the code says: its exit codes, its verbs, its links.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	_, table, ok := strings.Cut(text, "| exit code | meaning |\n|---|---|\n")
	if !ok {
		t.Fatal("it has no table of exit codes")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var want strings.Builder
	for _, c := range gate.ExitCodes() {
		fmt.Fprintf(&want, "| %d | %s |\n", c.Code, c.Meaning)
	}
	if table+"\n" != want.String() {
		t.Errorf("its exit codes are\n%s\nand the code's are\n%s", table, want.String())
	}
	_, limits, ok := strings.Cut(text, "### What can be missed\n")
	if !ok {
		t.Fatal("it does not say what can be missed")
	}
	limits, _, _ = strings.Cut(limits, "\n#")
	want.Reset()
	for _, l := range checks.Limits() {
		fmt.Fprintf(&want, "- **%s**: %s\n", l.ID, l.Text)
	}
	if !strings.HasSuffix(limits, "\n\n"+want.String()) {
		t.Errorf("what can be missed is\n%s\nand the code says\n%s", limits, want.String())
	}
	verbs := regexp.MustCompile("`waybill ([a-z]+)[^`]*`").FindAllStringSubmatch(text, -1)
	if len(verbs) < 5 {
		t.Errorf("it shows only %d commands", len(verbs))
	}
	for _, v := range verbs {
		var out, errs bytes.Buffer
		if code := waybill.Run([]string{"waybill", v[1], "--help"}, nil, &out, &errs); code != 0 {
			t.Errorf("%s: exit code %d, %s", v[0], code, errs.String())
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat("../../" + link[1]); err != nil {
			t.Errorf("it links to %s: %v", link[1], err)
		}
	}
	for _, dir := range regexp.MustCompile(`\bgo (?:run|test) (\./[a-z/.]+)(?: [a-z]+ ([a-z0-9/-]+))?`).FindAllStringSubmatch(text, -1) {
		for _, path := range dir[1:] {
			if path = strings.TrimSuffix(path, "/..."); path == "" || path == "." {
				continue
			}
			if _, err := os.Stat("../../" + path); err != nil {
				t.Errorf("a command of it names %s: %v", path, err)
			}
		}
	}
}

// Every exit code has its place in help.
func TestHelpListsExitCodes(t *testing.T) {
	var out, errs bytes.Buffer
	if code := waybill.Run([]string{"waybill", "--help"}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d, %s", code, errs.String())
	}
	for _, c := range gate.ExitCodes() {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ *%d  %s$`, c.Code, regexp.QuoteMeta(c.Meaning))).MatchString(out.String()) {
			t.Errorf("help does not say %d %s:\n%s", c.Code, c.Meaning, out.String())
		}
	}
}
