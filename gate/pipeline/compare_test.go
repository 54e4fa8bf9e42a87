package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// mail is one canonical mail. parts are "name=value"; text is the default name.
func mail(to, subject string, parts ...string) gate.Canonical {
	r := gate.Recipient{Kind: gate.Mail, Address: to, Role: gate.Envelope}
	c := gate.Canonical{
		Channel: "smtp", Sink: "mail", Class: "smtp from=portal@example.org subject=" + subject, Recipients: []gate.Recipient{r},
		Parts: []gate.Part{
			{Name: "envelope/from", Kind: gate.Addresses, Value: "mail:bounce@example.org"},
			{Name: "header/from", Kind: gate.Addresses, Value: "mail:portal@example.org"},
			{Name: "header/subject", Kind: gate.Text, Value: subject},
			{Name: "header/to", Kind: gate.Addresses, Value: r.ID()},
		},
	}
	for _, p := range parts {
		name, value, ok := strings.Cut(p, "=")
		if !ok || strings.ContainsAny(name, " \n") {
			name, value = "text", p
		}
		kind := gate.Text
		if strings.HasSuffix(name, "link") {
			kind = gate.Link
		}
		c.Parts = append(c.Parts, gate.Part{Name: name, Kind: kind, Value: value})
	}
	return c
}

func compare(t testing.TB, staging []gate.Canonical, production ...[]gate.Canonical) *gate.Comparison {
	t.Helper()
	for _, run := range append(slices.Clone(production), staging) {
		for i := range run {
			run[i].Ref.Seq = uint64(i + 1) // each is a message of its own
		}
	}
	c, gaps, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, production, staging)
	if err != nil {
		t.Fatal(err)
	}
	if len(gaps) > 0 {
		t.Fatalf("gaps: %+v", gaps)
	}
	return c
}

// told is a comparison in lines: what changed, for whom, and what they gained.
func told(c *gate.Comparison) []string {
	out := []string{}
	for _, ch := range c.Changes {
		var b strings.Builder
		fmt.Fprintf(&b, "%s by %s:", ch.Kind, ch.Rule)
		if ch.Before != nil {
			fmt.Fprintf(&b, " %s", ch.Before.Recipient.Address)
		}
		if ch.After != nil && (ch.Before == nil || ch.Before.Recipient != ch.After.Recipient) {
			fmt.Fprintf(&b, " -> %s", ch.After.Recipient.Address)
		}
		for _, e := range ch.Edits {
			word := ""
			if c.Groups[e.Group].Wording {
				word = " (wording)"
			}
			fmt.Fprintf(&b, " [%s: %q to %q%s]", e.Part, e.Before, e.After, word)
		}
		var owners []string
		for _, g := range ch.Gains {
			if g.New && !g.Own {
				owners = append(owners, g.Owner.Address)
			}
		}
		slices.Sort(owners)
		if len(owners) > 0 {
			fmt.Fprintf(&b, " gains of %s", strings.Join(owners, ","))
		}
		out = append(out, b.String())
	}
	return out
}

var people = []string{"ann", "bob", "cat", "dan", "eve"}

// letters makes one mail for each person.
func letters(text func(i int, name string) string) []gate.Canonical {
	var out []gate.Canonical
	for i, p := range people {
		out = append(out, mail(p+"@example.net", "your appointment", text(i, p)))
	}
	return out
}

func TestStories(t *testing.T) {
	plain := func(i int, name string) string {
		return fmt.Sprintf("Dear %s %swell,\nyour record MRN-%d000%d is ready.\nCall us.", name, name, i+1, i)
	}
	token := func(prefix string) []gate.Canonical {
		return letters(func(i int, name string) string {
			return fmt.Sprintf("%s\nOpen https://portal.example.org/confirm?u=%s&t=%s%dx8f2c4d6e8", plain(i, name), name, prefix, i)
		})
	}
	results := func(change func(i int) string) []gate.Canonical {
		return letters(func(i int, name string) string {
			return plain(i, name) + "\nResult: " + change(i) + " today.\nGoodbye."
		})
	}
	old := func(i int) string {
		return []string{"pending", "pending", "positive", "pending", "positive"}[i]
	}
	swapped := letters(plain)
	swapped[0].Parts[4], swapped[1].Parts[4] = swapped[1].Parts[4], swapped[0].Parts[4]
	tests := []struct {
		name       string
		production [][]gate.Canonical
		staging    []gate.Canonical
		want       []string
	}{
		{"equal", [][]gate.Canonical{letters(plain)}, letters(plain), nil},
		{"lost and gained", [][]gate.Canonical{letters(plain)}, append(letters(plain)[1:], mail("mal@example.net", "your appointment", plain(0, "ann"))),
			[]string{"redirected by content: ann@example.net -> mal@example.net [header/to: \"mail:ann@example.net\" to \"mail:mal@example.net\"] gains of ann@example.net"}},
		{"dropped", [][]gate.Canonical{letters(plain)}, letters(plain)[1:], []string{"removed by unpaired: ann@example.net"}},
		{"doubled", [][]gate.Canonical{letters(plain)}, append(letters(plain), letters(plain)[2]), []string{"added by unpaired: -> cat@example.net"}},
		{"bodies swapped", [][]gate.Canonical{letters(plain)}, swapped, []string{
			"redirected by content: bob@example.net -> ann@example.net [header/to: \"mail:bob@example.net\" to \"mail:ann@example.net\"] gains of bob@example.net",
			"redirected by content: ann@example.net -> bob@example.net [header/to: \"mail:ann@example.net\" to \"mail:bob@example.net\"] gains of ann@example.net",
		}},
		{"reworded for all", [][]gate.Canonical{letters(plain)},
			letters(func(i int, n string) string { return strings.ReplaceAll(plain(i, n), "Call", "Phone") }),
			each(`altered by recipient: %s@example.net [text: "Call" to "Phone" (wording)]`)},
		{"footer added for all", [][]gate.Canonical{letters(plain)},
			letters(func(i int, n string) string { return plain(i, n) + "\n© 2000 Portal Inc." }),
			each(`altered by recipient: %s@example.net [text: "" to "\n© 2000 Portal Inc." (wording)]`)},
		{"reworded for one", [][]gate.Canonical{letters(plain)},
			letters(func(i int, n string) string {
				if i == 3 {
					return strings.ReplaceAll(plain(i, n), "Call", "Phone")
				}
				return plain(i, n)
			}),
			[]string{`altered by recipient: dan@example.net [text: "Call" to "Phone"]`}},
		{"reworded for all, another's number for one", [][]gate.Canonical{letters(plain)},
			letters(func(i int, n string) string {
				s := strings.ReplaceAll(plain(i, n), "Call", "Phone")
				if i == 0 {
					s = strings.ReplaceAll(s, "10000", "20001")
				}
				return s
			}),
			append([]string{`altered by recipient: ann@example.net [text: "MRN-10000" to "MRN-20001"] [text: "Call" to "Phone" (wording)] gains of bob@example.net`},
				each(`altered by recipient: %s@example.net [text: "Call" to "Phone" (wording)]`)[1:]...)},
		{"a default before the value", [][]gate.Canonical{results(old)},
			results(func(i int) string { return strings.ReplaceAll(old(i), "pending", "negative") }),
			[]string{
				`altered by recipient: ann@example.net [text: "pending" to "negative"]`,
				`altered by recipient: bob@example.net [text: "pending" to "negative"]`,
				`altered by recipient: dan@example.net [text: "pending" to "negative"]`,
			}},
		{"fresh tokens", [][]gate.Canonical{token("a1"), token("b2")}, token("c3"), nil},
		{"fresh tokens, one link of another", [][]gate.Canonical{token("a1"), token("b2")},
			func() []gate.Canonical {
				s := token("c3")
				s[0].Parts[4].Value = strings.ReplaceAll(s[0].Parts[4].Value, "u=ann", "u=bob")
				return s
			}(),
			[]string{`altered by recipient: ann@example.net [text: "ann" to "bob"] gains of bob@example.net`}},
		{"tokens not measured", [][]gate.Canonical{token("a1")}, token("c3")[:1],
			append([]string{`altered by recipient: ann@example.net [text: "a10x8f2c4d6e8" to "c30x8f2c4d6e8"]`}, each("removed by unpaired: %s@example.net")[1:]...)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := told(compare(t, test.staging, test.production...))
			if test.want == nil {
				test.want = []string{}
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("changes (-want +got):\n%s", d)
			}
		})
	}
}

func each(format string) []string {
	var out []string
	for _, p := range people {
		out = append(out, fmt.Sprintf(format, p))
	}
	return out
}

// A token that production puts into a mail and into a call must be one token in
// staging too, although both are fresh in every run.
func TestVolatileValuesStayEqual(t *testing.T) {
	run := func(seed string, exchange bool) []gate.Canonical {
		var out []gate.Canonical
		tokens := []string{seed + "0c5e7a9b1d3f", seed + "1e6a8c0b2d4f"}
		for i, name := range []string{"ann", "bob"} {
			j := i
			if exchange {
				j = 1 - i
			}
			out = append(out,
				mail(name+"@example.net", "confirm", "Your code is "+tokens[j]),
				mail("audit@example.net", "issued", "Issued to "+name+": "+tokens[i]))
		}
		return out
	}
	if got := told(compare(t, run("cc3", false), run("aa1", false), run("bb2", false))); len(got) != 0 {
		t.Errorf("fresh tokens alone gave changes: %q", got)
	}
	got := told(compare(t, run("cc3", true), run("aa1", false), run("bb2", false)))
	if len(got) == 0 {
		t.Error("two people's tokens were exchanged and nothing was stated")
	}
}

// The recipients that differ between two replays of one build are stated apart.
func TestUnstableRecipients(t *testing.T) {
	a := []gate.Canonical{mail("ann@example.net", "hello", "Hi"), mail("bob@example.net", "hello", "Hi")}
	b := []gate.Canonical{mail("ann@example.net", "hello", "Hi"), mail("cat@example.net", "hello", "Hi")}
	c := compare(t, a, a, b)
	if len(c.Changes) != 0 || len(c.Unstable) == 0 {
		t.Errorf("changes %q, unstable %d; want none and some", told(c), len(c.Unstable))
	}
}

// One search term that only the query of a page visit held reaches a tracker
// inside a URL inside a parameter: see exposure's own tests for the layers. Here:
// all bodies to a few, as in August 2000.
func TestConcatenated(t *testing.T) {
	const members, reached = 40, 4
	body := func(i int) string {
		return fmt.Sprintf("Dear member m%d surname%d,\nyour account 77%04d, telephone 510-555-%04d.\nTake advice%d daily.", i, i, i, i, i)
	}
	var p, s []gate.Canonical
	var all []string
	for i := range members {
		all = append(all, body(i))
		p = append(p, mail(fmt.Sprintf("m%d@example.net", i), "reply", body(i)))
	}
	for i := range reached {
		s = append(s, mail(fmt.Sprintf("m%d@example.net", i), "reply", strings.Join(all[i:], "\n")))
	}
	c := compare(t, s, p)
	owners := map[string]bool{}
	gained := 0
	for _, ch := range c.Changes {
		if ch.After == nil {
			continue
		}
		gained++
		for _, g := range ch.Gains {
			owners[g.Owner.Address] = true
		}
	}
	if gained != reached || len(owners) != members {
		t.Errorf("%d recipients hold the messages of %d members, want %d and %d\n%s", gained, len(owners), reached, members, strings.Join(told(c)[:4], "\n"))
	}
}

// deliveries draws a small run in which collisions are likely.
func deliveries() *rapid.Generator[[]gate.Canonical] {
	names := rapid.SampledFrom([]string{"ann", "Ann", "bob", "a.nn", "ann+x"})
	texts := rapid.SampledFrom([]string{"", "one", "one two", "two one", "Dear ann\none", "Dear bob\none", "call 510-555-0100"})
	one := rapid.Custom(func(t *rapid.T) gate.Canonical {
		return mail(names.Draw(t, "to")+"@example.net", rapid.SampledFrom([]string{"x", "y"}).Draw(t, "subject"), "text="+texts.Draw(t, "text"))
	})
	return rapid.SliceOfN(one, 0, 8)
}

// multiset gives the digests of all deliveries, sorted.
func multiset(run []gate.Canonical) []string {
	var out []string
	for i := range run {
		for _, r := range run[i].Recipients {
			out = append(out, fmt.Sprintf("%x", gate.DeliveryDigest(run[i].ContentDigest(), r)))
		}
	}
	slices.Sort(out)
	return out
}

func TestChangesAreEmptyExactlyWhereRunsAreEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := deliveries().Draw(t, "a"), deliveries().Draw(t, "b")
		c, _, err := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{a}, b)
		if err != nil {
			t.Fatal(err)
		}
		if equal := slices.Equal(multiset(a), multiset(b)); equal != (len(c.Changes) == 0) {
			t.Fatalf("equal: %v, changes: %q", equal, told(c))
		}
	})
}

func TestSwappingRunsMirrorsChanges(t *testing.T) {
	count := func(c *gate.Comparison, mirror bool) map[string]int {
		m := map[string]int{}
		for _, ch := range c.Changes {
			kind := string(ch.Kind)
			before, after := ch.Before, ch.After
			if mirror {
				before, after = after, before
				switch ch.Kind {
				case gate.Added:
					kind = string(gate.Removed)
				case gate.Removed:
					kind = string(gate.Added)
				}
			}
			key := kind
			for _, d := range []*gate.Delivery{before, after} {
				key += "|"
				if d != nil {
					key += d.Recipient.Address + " " + d.Title
				}
			}
			m[key]++
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := deliveries().Draw(t, "a"), deliveries().Draw(t, "b")
		there, _, _ := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{a}, b)
		back, _, _ := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{b}, a)
		if d := cmp.Diff(count(there, false), count(back, true)); d != "" {
			t.Fatalf("there and back differ (-there +back):\n%s", d)
		}
	})
}

func TestOrderDecidesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := deliveries().Draw(t, "a"), deliveries().Draw(t, "b")
		one, _, _ := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{a}, b)
		a2, b2 := rapid.Permutation(a).Draw(t, "a shuffled"), rapid.Permutation(b).Draw(t, "b shuffled")
		two, _, _ := pipeline.CompareMessages(context.Background(), pipeline.Options{}, [][]gate.Canonical{a2}, b2)
		if d := cmp.Diff(told(one), told(two)); d != "" {
			t.Fatalf("the order of messages changed the comparison:\n%s", d)
		}
	})
}
