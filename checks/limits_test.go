package checks_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks"
)

func TestLimits(t *testing.T) {
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	seen := map[string]bool{}
	for _, l := range checks.Limits() {
		if !id.MatchString(l.ID) || seen[l.ID] {
			t.Errorf("id %q is no id, or is another's too", l.ID)
		}
		seen[l.ID] = true
		if !strings.HasSuffix(l.Text, ".") || len(l.Text) < 40 || strings.ContainsAny(l.Text, "\n|") {
			t.Errorf("%s: %q", l.ID, l.Text)
		}
	}
}
