package fields_test

import (
	"encoding/base64"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/gate/fields"
)

// Ids that are drawn have the shape of such, whatever chance sets; names and words have not.
func TestFreshIDOfDrawnIDs(t *testing.T) {
	const n = 100_000
	r := rand.New(rand.NewPCG(7, 11))
	text := func(alphabet string, length int) string {
		b := make([]byte, length)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	const base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
	const url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for name, draw := range map[string]func() string{
		"16 bytes as base64url": func() string {
			b := make([]byte, 16)
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			return "msg_" + base64.RawURLEncoding.EncodeToString(b)
		},
		"21 of base64url": func() string { return text(url, 21) },
		"27 of base58":    func() string { return "evt_" + text(base58, 27) },
		"32 hexadecimal":  func() string { return text("0123456789abcdef", 32) },
	} {
		misses := 0
		for range n {
			if !fields.FreshID(draw()) {
				misses++
			}
		}
		if misses > n/500 {
			t.Errorf("%s: %d of %d have another shape", name, misses, n)
		}
	}
	for _, s := range []string{
		"Margaret-Thatcher-Smith", "reminder-for-Anna-Berger", "Invoice.Anna.Berger", "MacGregor_McDonald_OBrien", "order_confirmation_mail",
		"daily-report", "ANNA-BERGER-AND-TOM-HALE", "PatientRecordAnnaBerger",
	} {
		if fields.FreshID(s) {
			t.Errorf("%q is taken for an id that is made anew", s)
		}
	}
}
