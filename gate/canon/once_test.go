package canon_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// What a rule says to be made anew for each message is hidden where it has that shape, and
// kept to be asked for facts; else it is compared.
func TestOnce(t *testing.T) {
	for _, test := range []struct {
		value  string
		hidden bool
	}{
		{"0b6f7bd2-2b7b-4d4e-9c7e-0d1f1a2b3c4d", true},
		{"01JQZ8Y3K4M5N6P7Q8R9S0T1V2", true},
		{"invoice", false},
		{"anna@example.org", false},
		{"", false},
	} {
		d := payload("application/json", "", []byte(`{"eventId":"`+test.value+`","n":1}`))
		d.Once = []string{"body/$.eventId"}
		got := message(newCanon(t, canon.Options{}), d)
		want := []gate.Part{{Name: "body/$.eventId", Kind: gate.Value, Value: test.value}, {Name: "body/$.n", Kind: gate.Value, Value: "1"}}
		hidden := slices.ContainsFunc(got.Hidden, func(h gate.Hidden) bool {
			return h.Rule == "idempotency-key" && h.Part == "body/$.eventId" && h.Value == test.value
		})
		if test.hidden {
			want = want[1:]
		}
		if diff := cmp.Diff(want, got.Parts); diff != "" || hidden != test.hidden {
			t.Errorf("%q: hidden %v, parts (-want +got):\n%s", test.value, hidden, diff)
		}
	}
}
