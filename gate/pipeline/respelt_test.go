package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// What keeps a picture of the sender's own out of caches may be drawn from another alphabet. What
// stands there and is somebody's, the same for all, or goes elsewhere, is told.
func TestLoadsDrawnFromAnotherAlphabet(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	ids := []string{"48213377", "90514426", "33178052", "71120983", "20457719"}
	figures := func(int) string { return fmt.Sprint(1_000_000_000 + r.Uint64N(9_000_000_000)) }
	hex := func(int) string { return fmt.Sprintf("%016x", r.Uint64()) }
	run := func(host string, token func(i int) string) (out []gate.Canonical) {
		for i, name := range people {
			m := mail(name+"@example.net", "your visit", "Record "+ids[i])
			m.Parts = append(m.Parts, gate.Part{Name: "html/load", Kind: gate.Load, Value: "https://" + host + "/o.gif?cb=" + token(i)})
			out = append(out, m)
		}
		return out
	}
	own := "pixel.example.org"
	for name, test := range map[string]struct {
		host  string
		token func(int) string
		want  int
	}{
		"hexadecimal":       {own, hex, 0},
		"base62":            {own, func(int) string { return tokenOf(r, 12) }, 0},
		"somebody's record": {own, func(i int) string { return ids[(i+1)%len(ids)] }, 5},
		"one for all":       {own, func(int) string { return "66bb9141ff2f1ce4" }, 5},
		"one that is not":   {own, func(i int) string { return map[bool]string{true: "now", false: hex(i)}[i == 0] }, 5},
		"another's host":    {"pixel.tracker.example", hex, 5},
	} {
		production := [2][]gate.Canonical{run(test.host, figures), run(test.host, figures)}
		if got := told(compare(t, run(test.host, test.token), production[0], production[1])); len(got) != test.want {
			t.Errorf("%s: %d changes, want %d: %q", name, len(got), test.want, got)
		}
	}
}

func tokenOf(r *rand.Rand, n int) string {
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}
