package exposure

import (
	"fmt"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Of all who are shown, those are kept of whom anything can be asked. The others are
// counted: a million names took 700 MiB once, to find the owners of a thousand.
func TestOwnersKeepFew(t *testing.T) {
	to := func(i int) gate.Recipient {
		r, err := gate.MailRecipient(fmt.Sprintf("member%d@example.org", i), gate.Envelope)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	letter := func(text string) []gate.Part {
		return []gate.Part{{Name: "text", Kind: gate.Text, Value: text}}
	}
	after := letter("record MRN-4711 of member7@example.org")
	o := NewOwners()
	In(after, o.Want)
	for range 2 { // each gets two messages
		for i := range 1000 {
			text := "Good day, dear reader."
			if i == 5 {
				text = "Your record is MRN-4711."
			}
			o.Hold([]gate.Recipient{to(i)}, letter(text))
		}
	}
	if o.People() != 1000 || len(o.people) > 2 {
		t.Errorf("%d people, %d kept", o.People(), len(o.people))
	}
	got := map[string]bool{}
	for _, e := range o.Exposed(Delivery{To: to(9), After: after}) {
		got[e.Owner.Address] = true
	}
	if len(got) != 2 || !got["member5@example.org"] || !got["member7@example.org"] {
		t.Errorf("exposed are %v, want who held the record and whose the address is", got)
	}
}
