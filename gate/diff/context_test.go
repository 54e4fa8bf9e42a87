package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate/diff"
)

// The words beside a hunk are those that both messages have there: they end where
// the next hunk begins.
func TestContextIsShared(t *testing.T) {
	type sides struct{ Before, After, Left, Right any }
	for name, test := range map[string]struct {
		before, after string
		want          []sides
	}{
		"far from others": {"one two three four five six", "one two three four FIVE six", []sides{
			{"five", "FIVE", []string{"one", "two", "three", "four"}, []string{"six", diff.End}},
		}},
		"beside others": {"attached is your bill today", "please find attached your bill now", []sides{
			{"", "please find", []string{diff.Start}, []string{"attached"}},
			{"is", "", []string{"attached"}, []string{"your", "bill"}},
			{"today", "now", []string{"your", "bill"}, []string{diff.End}},
		}},
	} {
		var got []sides
		for _, h := range diff.Parts(message("text", "text", test.before), message("text", "text", test.after), nil) {
			got = append(got, sides{h.Before, h.After, h.Left, h.Right})
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// Of a whole value that is volatile in places, the texts of the places are kept.
func TestValuesOfVolatilePlaces(t *testing.T) {
	link := func(token string) string { return "https://a.example/x?t=" + token + "&p=7" }
	first, again := message("html/link", "link", link("k1k1")), message("html/link", "link", link("m2m2"))
	noise := diff.Measure(nil, first, again, func(string) {})
	hunks := diff.Parts(first, message("html/link", "link", link("n3n3")), noise)
	if len(hunks) != 1 || !hunks[0].Masked {
		t.Fatalf("hunks %+v", hunks)
	}
	if d := cmp.Diff([][2]string{{"k1k1", "n3n3"}}, hunks[0].Values); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
}
