package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
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

// Of each volatile place the texts of all replays are told, and what stands there now.
func TestValuesOfVolatilePlaces(t *testing.T) {
	link := func(token string) *gate.Canonical {
		return message("html/link", "link", "https://a.example/x?t="+token+"&p=7", "text", "text", "of "+token+" now")
	}
	noise := diff.Measure(link("k1k1"), []*gate.Canonical{link("m2m2"), nil}, func(string) {})
	hunks, values := diff.Compare(link("k1k1"), link("n3n3"), noise)
	for _, h := range hunks {
		if !h.Masked {
			t.Errorf("stated: %+v", h)
		}
	}
	want := []diff.Value{
		{Part: "html/link", Texts: []string{"k1k1", "m2m2", "k1k1"}, After: "n3n3", Masked: true},
		{Part: "text", Texts: []string{"k1k1", "m2m2", "k1k1"}, After: "n3n3", Masked: true},
	}
	if d := cmp.Diff(want, values); d != "" {
		t.Errorf("values (-want +got):\n%s", d)
	}
	_, values = diff.Compare(link("k1k1"), link("k1k1"), noise)
	if len(values) != 2 || values[0].After != "k1k1" {
		t.Errorf("values of what is equal: %+v", values)
	}
}
