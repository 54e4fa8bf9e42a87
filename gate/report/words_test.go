package report_test

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate/report"
)

func TestDiffer(t *testing.T) {
	for _, c := range []struct {
		before, after string
		left, right   []string
	}{
		{"a b c", "a b c", []string{"a b c"}, []string{"a b c"}},
		{"", "a", nil, []string{"a"}},
		{"a", "", []string{"a"}, nil},
		{"your refill is ready", "your refill is late", []string{"your refill is ", "ready"}, []string{"your refill is ", "late"}},
		{"to ann@example.org, now", "to bob@example.org, now", []string{"to ", "ann@example.org", ", now"}, []string{"to ", "bob@example.org", ", now"}},
		{"x=1&y=2", "x=1&y=3", []string{"x=1&y=", "2"}, []string{"x=1&y=", "3"}},
		{"one two three", "vier funf sechs", []string{"one two three"}, []string{"vier funf sechs"}},
	} {
		left, right := report.Differ(c.before, c.after)
		if !slices.Equal(left, c.left) || !slices.Equal(right, c.right) {
			t.Errorf("%q, %q: %q, %q", c.before, c.after, left, right)
		}
	}
}

// What is shown of a side is that side, whole, however much differs.
func FuzzDiffer(f *testing.F) {
	f.Add("", "")
	f.Add("a b c d", "a x c y")
	f.Add("\xff\xfe a", "\xff b\u0301")
	f.Add(strings.Repeat("a b ", 1200), strings.Repeat("b a ", 1200))
	f.Add(strings.Repeat("w ", 9000)+"x", "y"+strings.Repeat(" w", 9000))
	f.Fuzz(func(t *testing.T, before, after string) {
		left, right := report.Differ(before, after)
		if strings.Join(left, "") != before || strings.Join(right, "") != after {
			t.Fatalf("%q, %q: %q, %q", before, after, left, right)
		}
	})
}

func TestVisible(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"plain", 5, "plain"},
		{"plain text", 5, "plai…"},
		{"naïve", 5, "naïve"},
		{"a\nb", 9, `a\nb`},
		{`a\nb`, 9, `a\\nb`},
		{"\x1b[2J", 9, `\x1b[2J`},
		{"a\u202eb", 9, `a\u202eb`},
		{"a\u200bb", 9, `a\u200bb`},
		{"a\u00a0b", 9, `a\u00a0b`},
		{"\u0301a", 9, `\u0301a`},
		{"a\xffb", 9, `a\xffb`},
		{"a\ufffdb", 9, "a\ufffdb"},
		{"##[group]", 20, `\x23#[group]`},
		{"日本語", 3, "日本語"},
		{"日本語の", 3, "日本…"},
	} {
		if got := report.Visible(c.in, c.limit); got != c.want {
			t.Errorf("visible %q, %d: %s, want %s", c.in, c.limit, got, c.want)
		}
	}
}

// A window keeps the place where two texts first differ, whole characters only.
func TestWindow(t *testing.T) {
	same := strings.Repeat("ä", 500)
	for _, c := range []struct{ before, after string }{
		{same + "x", same + "y"}, {same, same + "y"}, {"x" + same, "y" + same}, {same + "é", same + "è"}, {"", same},
	} {
		b, a := report.Window(c.before, c.after, 100)
		if b == a || !utf8.ValidString(a) || !utf8.ValidString(b) || utf8.RuneCountInString(a) > 102 {
			t.Errorf("window of %d and %d bytes: %q, %q", len(c.before), len(c.after), b, a)
		}
	}
}
