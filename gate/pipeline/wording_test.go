package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// unworded are the edits of c that were not found to be wording, with why.
func unworded(c *gate.Comparison) []string {
	var out []string
	for _, g := range c.Groups {
		if !g.Wording {
			out = append(out, fmt.Sprintf("%s: %q to %q: %s", g.Part, g.Before, g.After, g.Why))
		}
	}
	return out
}

// Two edits in one sentence are each seen in their place, though the words
// beside the one are the other's.
func TestEditsBesideEachOtherAreWording(t *testing.T) {
	text := func(s string) func(int, string) string {
		return func(i int, name string) string { return fmt.Sprintf("Dear %s,\n%s bill %d000%d.\nBye.", name, s, i, i) }
	}
	c := compare(t, letters(text("please find attached your new")), letters(text("attached is your")))
	if bad := unworded(c); len(bad) > 0 || len(c.Changes) != len(people) {
		t.Errorf("%d changes; not wording: %q", len(c.Changes), bad)
	}
}

// A footer is one edit behind texts that end differently: by template, and by person.
func TestFooterBehindDifferentTextsIsWording(t *testing.T) {
	run := func(footer string) []gate.Canonical {
		var out []gate.Canonical
		for i, name := range people {
			out = append(out,
				mail(name+"@example.net", "your appointment", fmt.Sprintf("Dear %s, come in.\nBye%s", name, footer)),
				mail(name+"@example.net", "your record", fmt.Sprintf("Dear %s, your record is MRN-%d0007%s", name, i, footer)))
		}
		return out
	}
	c := compare(t, run("\n© Clinic"), run(""))
	if bad := unworded(c); len(bad) > 0 || len(c.Changes) != 2*len(people) {
		t.Errorf("%d changes; not wording: %q", len(c.Changes), bad)
	}
	staging := run("\n© Clinic")
	staging[4] = run("")[4]
	if c = compare(t, staging, run("")); len(unworded(c)) == 0 {
		t.Error("a footer that one message lacks was called wording")
	}
}

// A delivery that has no counterpart was not edited: it takes nothing from what the others show,
// unless it holds what they have no more.
func TestUnpairedBesideWording(t *testing.T) {
	old, edited := letters(func(_ int, name string) string { return "Dear " + name + ", come in.\n© Clinic 2025" }),
		letters(func(_ int, name string) string { return "Dear " + name + ", come in.\n© Clinic 2026" })
	stranger := func(year string) gate.Canonical {
		return mail("stranger@example.org", "your appointment", "Dear Stranger, come in.\n© Clinic "+year)
	}
	for _, test := range []struct {
		name                string
		production, staging []gate.Canonical
		worded              bool
	}{
		{"added", old, append(slices.Clone(edited), stranger("2026")), true},
		{"removed", append(slices.Clone(old), stranger("2025")), edited, true},
		{"added with the old text", old, append(slices.Clone(edited), stranger("2025")), false},
		{"removed with the new text", append(slices.Clone(old), stranger("2026")), edited, false},
	} {
		c := compare(t, test.staging, test.production)
		bad := unworded(c)
		if (len(bad) == 0) != test.worded || len(c.Changes) != len(people)+1 {
			t.Errorf("%s: %d changes; not wording: %q", test.name, len(c.Changes), bad)
		}
	}
}

// The name beside an address goes with the address.
func TestContentIsFoundUnderAnotherName(t *testing.T) {
	letter := func(to, name, text string) gate.Canonical {
		m := mail(to+"@example.net", "your record", text)
		m.Parts = append(m.Parts, gate.Part{Name: "header/to/name", Kind: gate.Text, Value: name})
		return m
	}
	p := []gate.Canonical{letter("ann", "Ann", "MRN-10001 is ready"), letter("bob", "Bob", "MRN-20002 is ready")}
	s := []gate.Canonical{letter("ann", "Ann", "MRN-20002 is ready"), letter("bob", "Bob", "MRN-10001 is ready")}
	for _, ch := range compare(t, s, p).Changes {
		if ch.Kind != gate.Redirected || ch.Rule != gate.ByContent {
			t.Errorf("%s by %s, want redirected by content", ch.Kind, ch.Rule)
		}
	}
}

// codes is a run in which each person is sent a code that is fresh in it, and an
// audit line says whose it is.
func codes(seed string, of func(i int) int) []gate.Canonical {
	var out []gate.Canonical
	for i, name := range people {
		out = append(out,
			mail(name+"@example.net", "confirm", "Dear "+name, "html/link=https://a.example/c?t="+code(seed, of(i))),
			mail("audit@example.net", "issued", "Issued to "+name+": "+code(seed, i)))
	}
	return out
}

func code(seed string, i int) string { return fmt.Sprintf("%s%dc5e7a9b1d3f", seed, i) }

func self(i int) int { return i }

// A further copy of a message that is fresh in every replay is told as one.
func TestFurtherCopyOfAVolatileMessage(t *testing.T) {
	a, b, c := codes("aa1", self), codes("bb2", self), codes("cc3", self)
	more := compare(t, append(slices.Clone(c), c[2]), a, b)
	if len(more.Changes) != 1 || more.Changes[0].Kind != gate.Added || more.Changes[0].Copies != [2]int{1, 2} {
		t.Errorf("one more: %+v", more.Changes)
	}
	fewer := compare(t, c, append(slices.Clone(a), a[2]), append(slices.Clone(b), b[2]))
	if len(fewer.Changes) != 1 || fewer.Changes[0].Kind != gate.Removed || fewer.Changes[0].Copies != [2]int{2, 1} {
		t.Errorf("one fewer: %+v", fewer.Changes)
	}
	other := compare(t, append(slices.Clone(c), mail("bob@example.net", "confirm", "Dear eve", "html/link=https://a.example/c?t="+code("cc3", 9))), a, b)
	if len(other.Changes) != 1 || other.Changes[0].Copies[0] != 0 {
		t.Errorf("another: %+v", other.Changes)
	}
}

// Fresh codes that two people's mails have exchanged are stated at the mails,
// whose links hold them, and not at the audit alone.
func TestExchangedCodesNameBothPeople(t *testing.T) {
	swapped := func(i int) int { return []int{1, 0, 2, 3, 4}[i] }
	var who []string
	for _, ch := range compare(t, codes("cc3", swapped), codes("aa1", self), codes("bb2", self)).Changes {
		if a := ch.Recipient().Address; !strings.HasPrefix(a, "audit@") {
			who = append(who, a)
		}
	}
	slices.Sort(who)
	if want := []string{"ann@example.net", "bob@example.net"}; !slices.Equal(who, want) {
		t.Errorf("mails stated: %q, want those of %q", who, want)
	}
}
