package match_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/match"
)

// item is "to|class|text|trace".
func item(spec string) match.Item {
	f := strings.Split(spec+"|||", "|")
	m := &gate.Canonical{Channel: "smtp", Sink: "mail", Class: f[1], Parts: []gate.Part{{Name: "text", Value: f[2]}}}
	if f[3] != "" {
		m.Traces = []string{f[3]}
	}
	return match.Item{Message: m, Recipient: gate.Recipient{Kind: gate.Mail, Address: f[0], Role: gate.Envelope}, Body: m.BodyDigest()}
}

func items(specs ...string) []match.Item {
	out := make([]match.Item, len(specs))
	for i, s := range specs {
		out[i] = item(s)
	}
	return out
}

func told(b, a []match.Item, pairs []match.Pair) []string {
	name := func(l []match.Item, i int) string {
		if i < 0 {
			return "-"
		}
		return l[i].Recipient.Address + ":" + l[i].Message.Parts[0].Value
	}
	var out []string
	for _, p := range pairs {
		out = append(out, fmt.Sprintf("%s %s > %s", p.Rule, name(b, p.B), name(a, p.A)))
	}
	slices.Sort(out)
	return out
}

func TestPairs(t *testing.T) {
	tests := []struct {
		name          string
		before, after []match.Item
		want          []string
	}{
		{"one recipient", items("ann|x|one two three"), items("ann|x|one two four"), []string{"recipient ann:one two three > ann:one two four"}},
		{"the most similar of two", items("ann|x|red blue green", "ann|x|sun moon star"), items("ann|x|sun moon mars", "ann|x|red blue pink"),
			[]string{"recipient ann:red blue green > ann:red blue pink", "recipient ann:sun moon star > ann:sun moon mars"}},
		{"one content, another recipient", items("ann|x|one two"), items("bob|x|one two"), []string{"content ann:one two > bob:one two"}},
		{"content goes before recipient", items("ann|x|for ann", "bob|x|for bob"), items("ann|x|for bob", "bob|x|for ann"),
			[]string{"content ann:for ann > bob:for ann", "content bob:for bob > ann:for bob"}},
		{"cause goes before content", items("ann|x|one|t1", "bob|x|two|t2"), items("cat|x|two|t1", "dan|x|one|t2"),
			[]string{"cause ann:one > cat:two", "cause bob:two > dan:one"}},
		{"one cause, two messages", items("ann|x|one|t1", "bob|x|two|t1"), items("bob|x|two!|t1", "mal|x|one|t1"),
			[]string{"cause ann:one > mal:one", "cause bob:two > bob:two!"}},
		{"nothing alike", items("ann|x|one two three"), items("ann|y|four five six"), []string{"unpaired - > ann:four five six", "unpaired ann:one two three > -"}},
		{"alike but for small edits", items("ann@a|x|a b c d e f g h i j"), items("ann@b|x|a b c d e f g h i k"), []string{"likeness ann@a:a b c d e f g h i j > ann@b:a b c d e f g h i k"}},
		{"empty bodies are no content", items("ann|x|"), items("bob|y|"), []string{"unpaired - > bob:", "unpaired ann: > -"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := told(test.before, test.after, match.Pairs(test.before, test.after))
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// A bucket too large to be compared one with each is still paired whole.
func TestLargeBucket(t *testing.T) {
	var b, a []match.Item
	for i := range 300 {
		b = append(b, item(fmt.Sprintf("crm|x|order%d total%d", i, i*7)))
		a = append(a, item(fmt.Sprintf("crm|x|order%d total%d late", 299-i, (299-i)*7)))
	}
	for _, p := range match.Pairs(b, a) {
		if p.B < 0 || p.A < 0 || p.B+p.A != 299 {
			t.Fatalf("pair %+v: want each order with itself", p)
		}
	}
}

func TestEveryItemIsInOnePair(t *testing.T) {
	spec := rapid.Custom(func(t *rapid.T) string {
		return strings.Join([]string{
			rapid.SampledFrom([]string{"ann", "bob", "cat"}).Draw(t, "to"), rapid.SampledFrom([]string{"x", "y"}).Draw(t, "class"),
			rapid.SampledFrom([]string{"", "one", "one two", "two"}).Draw(t, "text"), rapid.SampledFrom([]string{"", "", "t1", "t2"}).Draw(t, "trace"),
		}, "|")
	})
	rapid.Check(t, func(t *rapid.T) {
		b := items(rapid.SliceOfN(spec, 0, 12).Draw(t, "before")...)
		a := items(rapid.SliceOfN(spec, 0, 12).Draw(t, "after")...)
		seenB, seenA := make([]int, len(b)), make([]int, len(a))
		pairs := match.Pairs(b, a)
		for _, p := range pairs {
			if p.B >= 0 {
				seenB[p.B]++
			}
			if p.A >= 0 {
				seenA[p.A]++
			}
		}
		for _, n := range append(seenB, seenA...) {
			if n != 1 {
				t.Fatalf("pairs %+v: an item is in %d pairs", pairs, n)
			}
		}
	})
}
