package pipeline_test

import (
	"encoding/base64"
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// threads is a run in which each person receives a mail and then another that follows it. The
// first is named by an id that is new in each run; of says whose mail the second follows.
func threads(run int, of func(i int) int) []gate.Canonical {
	id := func(i int) string { return fmt.Sprintf("<%d.note@portal.example>", 7000000+(run*100+i)*6180339%999983) }
	var first, later []gate.Canonical
	for i, name := range people {
		m := mail(name+"@example.net", "Your case", fmt.Sprintf("Dear %s, case %d0007 is open", name, i))
		m.Traces = []string{"message-id:" + id(i)}
		first = append(first, m)
		m = mail(name+"@example.net", "Re: Your case", fmt.Sprintf("Dear %s, case %d0007 is closed", name, i))
		m.Parts = append(m.Parts, gate.Part{Name: "header/in-reply-to", Kind: gate.Value, Value: id(of(i))})
		later = append(later, m)
	}
	return append(first, later...)
}

// A mail follows what its recipient received, and not what another did.
func TestThreadsStayWithTheirPerson(t *testing.T) {
	replays := [][]gate.Canonical{threads(0, self), threads(1, self)}
	if c := compare(t, threads(2, self), replays...); len(c.Changes) > 0 {
		t.Errorf("a build equal to itself differs: %q", told(c))
	}
	if c := compare(t, threads(2, func(i int) int { return []int{1, 0, 2, 3, 4}[i] }), replays...); len(c.Changes) != 2 {
		t.Errorf("%d changes, want 2: %q", len(c.Changes), told(c))
	}
}

// A value is the same in another's base64.
func TestValuesUnderBase64(t *testing.T) {
	run := func(seed string, of func(int) int) []gate.Canonical {
		var out []gate.Canonical
		for i, name := range people {
			out = append(out,
				mail(name+"@example.net", "confirm", "Dear "+name, "html/link=https://a.example/c?t="+base64.RawURLEncoding.EncodeToString([]byte(code(seed, of(i))))),
				mail("audit@example.net", "issued", "Issued to "+name+": "+code(seed, i)))
		}
		return out
	}
	if c := compare(t, run("cc3", self), run("aa1", self), run("bb2", self)); len(c.Changes) > 0 {
		t.Errorf("a build equal to itself differs: %q", told(c))
	}
	if c := compare(t, run("cc3", func(i int) int { return []int{1, 0, 2, 3, 4}[i] }), run("aa1", self), run("bb2", self)); len(c.Changes) == 0 {
		t.Error("codes were exchanged, and nothing is seen")
	}
}
