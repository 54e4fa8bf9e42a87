package checks_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/checks/checktest"
	"github.com/waybill-dev/waybill/gate"
)

// reference writes the page of all checks from their values.
func reference() string {
	var b strings.Builder
	b.WriteString("# Checks\n\nMade by `go test ./checks -update` from the checks themselves; do not edit.\n\n" +
		"A `block` needs an approval or a fix, a `warn` is shown and counted, a `note` is shown. The severity given is the highest that a check's findings have.\n")
	var family gate.Family
	for _, c := range checks.All() {
		if c.Family != family {
			family = c.Family
			fmt.Fprintf(&b, "\n## %s%s\n", strings.ToUpper(string(family[:1])), family[1:])
		}
		summary, rest, _ := strings.Cut(strings.TrimSpace(c.Doc), "\n\n")
		fmt.Fprintf(&b, "\n### %s\n\n`%s`. %s\n\n%s\n", c.ID, c.Severity, summary, rest)
	}
	return b.String()
}

func TestReference(t *testing.T) {
	const path = "REFERENCE.md"
	want := reference()
	if checktest.Update() {
		if err := os.WriteFile(path, []byte(want), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("%s is not what the checks say; run go test ./checks -update (-checks +page):\n%s", path, diff)
	}
}
