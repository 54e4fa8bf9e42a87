package pipeline

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

func TestMeaning(t *testing.T) {
	person := func(name string) gate.Recipient { return gate.Recipient{Kind: "mailbox", Address: name} }
	given := func(to, owner string, facts int, kind gate.FactKind, value string) *gate.Comparison {
		return &gate.Comparison{Changes: []gate.Change{{
			Kind: gate.Added, After: &gate.Delivery{Recipient: person(to)},
			Gains: []gate.Exposure{{Owner: person(owner), New: true, Facts: facts, Digest: fmt.Sprint(facts, kind, value)}},
		}}}
	}
	f := &gate.Finding{Check: "facts-disclosed", Changes: []int{0}}
	was := meaning(given("a@x.example", "b@x.example", 1, gate.FactPhone, "5550119"), f)
	if was == "" || was != meaning(given("a@x.example", "b@x.example", 1, gate.FactPhone, "5550119"), f) {
		t.Fatalf("meaning is %q", was)
	}
	for what, c := range map[string]*gate.Comparison{
		"another value": given("a@x.example", "b@x.example", 1, gate.FactPhone, "5550118"),
		"another kind":  given("a@x.example", "b@x.example", 1, gate.FactNumber, "5550119"),
		"more facts":    given("a@x.example", "b@x.example", 2, gate.FactPhone, "5550119"),
	} {
		if meaning(c, f) == was {
			t.Errorf("%s has the same meaning", what)
		}
	}
	if m := meaning(given("a@x.example", "b@x.example", 1, gate.FactPhone, "5550119"), &gate.Finding{Check: "link-changed", Changes: []int{0}}); m != "" {
		t.Errorf("a check that is not of facts has the meaning %q", m)
	}
}
