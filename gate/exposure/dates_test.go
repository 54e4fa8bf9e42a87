package exposure_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// A date in figures is no telephone number, and does not hide one behind it.
func TestPhones(t *testing.T) {
	for s, want := range map[string][]string{
		"on 2031-02-04 at noon":           nil,
		"on 2031-02-04 10:30":             nil,
		"seen 4.2.2031, again 24/12/1999": nil,
		"2031-02-04 510-555-0100":         {"5105550100"},
		"510-555-0100":                    {"5105550100"},
		"call +1 510 555 0100":            {"15105550100"},
		"2031-92-04":                      {"20319204"},
		"9031-02-04":                      {"90310204"},
		"20-3102-04":                      {"20310204"},
		"02-04-06-08":                     {"02040608"},
	} {
		var got []string
		exposure.InText("text", s, func(f *exposure.Found) {
			if f.Kind == gate.FactPhone {
				got = append(got, f.Value())
			}
		})
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q (-want +got):\n%s", s, d)
		}
	}
}
