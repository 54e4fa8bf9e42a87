package pipeline

import "testing"

// A link whose path or query differs alike is a note where it leads to the same place in the end,
// and not where what it leads on to, encoded however often, is on another host.
func TestLinksLeadOn(t *testing.T) {
	const own = "https://app.example/go?u=17&next="
	for _, c := range []struct {
		before, after string
		plain         bool
	}{
		{own + "https%3A%2F%2Fapp.example%2Fa", own + "https%3A%2F%2Fapp.example%2Fb", true},
		{own + "https%3A%2F%2Fapp.example%2Fa", own + "https%3A%2F%2Fother.example%2Fa", false},
		{own + "https%253A%252F%252Fapp.example%252Fa", own + "https%253A%252F%252Fother.example%252Fa", false},
		{own + "https%3A%2F%2Fapp.example%2Fa", own + "https://app.example/a", true},
		{own + "%2Fa", own + "%2F%2Fother.example%2Fa", false},
		{own + "/a", own + "/a&utm_source=mail", true},
		{"https://app.example/go/a", "https://app.example/go/https://other.example/a", false},
		{"https://app.example/a#home", "https://app.example/a#//other.example", false},
	} {
		if got := plainDifference(c.before, c.after); got != c.plain {
			t.Errorf("%q and %q: plain is %t", c.before, c.after, got)
		}
	}
}
