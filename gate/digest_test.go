package gate_test

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// The digest is of the layout that its documentation states, at every length
// around the size of a digester's buffer.
func TestContentDigest(t *testing.T) {
	var d gate.Digester
	for _, n := range []int{0, 1, 7, 900, 990, 1000, 1007, 1008, 1009, 1016, 1017, 1023, 1024, 1025, 2048, 5000} {
		c := gate.Canonical{Channel: "smtp", Sink: "mail", Parts: []gate.Part{
			{Name: "text", Kind: gate.Text, Value: strings.Repeat("v", n)},
			{Name: "link", Kind: gate.Link, Value: "https://example.org/"},
		}}
		var layout []byte
		text := func(s string) {
			layout = binary.LittleEndian.AppendUint64(layout, uint64(len(s)))
			layout = append(layout, s...)
		}
		text(c.Channel)
		text(c.Sink)
		for _, p := range c.Parts {
			text(p.Name)
			layout = append(layout, byte(p.Kind))
			text(p.Value)
		}
		want := sha256.Sum256(layout)
		got, again := c.ContentDigest(), d.Content(&c)
		if got != gate.Digest(want[:16]) || again != got {
			t.Errorf("%d bytes: %x and again %x, want %x", n, got, again, want[:16])
		}
		r := gate.Recipient{Kind: gate.Mail, Address: "alice@example.org", Role: gate.Envelope}
		layout = append(layout[:0], got[:]...)
		text(string(r.Kind))
		text(r.Address)
		text(string(r.Role))
		want = sha256.Sum256(layout)
		if got := d.Delivery(got, r); got != gate.Digest(want[:16]) {
			t.Errorf("delivery: %x, want %x", got, want[:16])
		}
	}
}
