package gate_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// Another fact of the same person at the same place is another finding.
func TestMeaningIsSealed(t *testing.T) {
	one := gate.Finding{Check: "facts-disclosed", Gained: []string{"smtp:a@b.example"}, Meaning: "phone"}
	other := one
	other.Meaning = "diagnosis"
	one.Seal()
	if other.Seal(); one.Fingerprint == other.Fingerprint {
		t.Error("two meanings have one fingerprint")
	}
}
