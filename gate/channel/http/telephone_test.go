package http_test

import (
	"testing"

	"github.com/waybill-dev/waybill/gate/channel/http"
)

// Numbers as people of the region write them are one with E.164, and a plus that is lost
// makes another number.
func TestTelephone(t *testing.T) {
	for _, test := range []struct{ given, region, want string }{
		{"(510) 555-0100", "US", "tel:+15105550100"},
		{"5105550100", "US", "tel:+15105550100"},
		{"510.555.0100", "US", "tel:+15105550100"},
		{"+1 510 555 0100", "US", "tel:+15105550100"},
		{"whatsapp:+15105550100", "US", "tel:+15105550100"},
		{"15105550100", "US", "tel:15105550100"},
		{"5105550100", "", "tel:5105550100"},
		{"030 901820", "DE", "tel:+4930901820"},
		{"4930901820", "DE", "tel:4930901820"},
		{"0049 30 901820", "DE", "tel:+4930901820"},
		{"+44 20 7946 0018", "DE", "tel:+442079460018"},
		{"12345", "US", "tel:12345"},
	} {
		got, err := http.Telephone(test.given, test.region)
		if err != nil || got.ID() != test.want {
			t.Errorf("%q in %q: %v, %v, want %s", test.given, test.region, got, err, test.want)
		}
	}
}
