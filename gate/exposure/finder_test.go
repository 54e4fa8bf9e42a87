package exposure_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/exposure"
)

// What is remembered of lines gives the keys that looking through each text gives:
// phrases that run over lines, layers and percent coding of a whole text among them.
func TestRememberedLinesHoldTheSameFacts(t *testing.T) {
	pieces := []string{
		"Dear Ann,", "record MRN-700123", "call 510-555-0100", "ann@example.org", "a", "", "one two", "x y z w", "é ü", "50%",
		"ann%40example.org", "https://x.example/p?q=kidney%20stones&b=2", "YW5uQGV4YW1wbGUub3Jn", "616e6e406578616d706c652e6f7267",
		"7d5a9b2c62a14e44f765419d10fea993", "2031-02-04 10:30", "\xff\xfe odd", "ß" + strings.Repeat("long ", 300),
	}
	texts := rapid.Custom(func(t *rapid.T) string {
		lines := rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 6).Draw(t, "lines")
		return strings.Join(lines, rapid.SampledFrom([]string{"\n", "\n\n", " \n", "\r", " "}).Draw(t, "between"))
	})
	var told []string
	g := exposure.NewGatherer(func(exposure.Key) bool { return false }, func() uint64 { return 0 }, func(_ gate.FactKind, value string) {
		told = append(told, value)
	})
	everTold := map[string]bool{}
	rapid.Check(t, func(t *rapid.T) {
		parts := []gate.Part{
			{Name: "text", Kind: gate.Text, Value: texts.Draw(t, "text")},
			{Name: "json/$.a", Kind: gate.Value, Value: texts.Draw(t, "value")},
			{Name: "html/link", Kind: gate.Link, Value: texts.Draw(t, "link")},
			{Name: "header/to", Kind: gate.Addresses, Value: "mail:ann@example.org\nmail:bob@example.org"},
			{Name: "attachment[0]", Kind: gate.Binary, Value: "sha256:00ff 12 image/png"},
			{Name: "transport/tls", Kind: gate.Transport, Value: "TLS 1.3"},
		}
		var want []exposure.Key
		var identities []string
		exposure.In(parts, func(f *exposure.Found) {
			want = append(want, f.Key())
			if f.Kind == gate.FactAddress || f.Kind == gate.FactPhone {
				identities = append(identities, f.Value())
			}
		})
		told = told[:0]
		got := slices.Clone(g.Keys(parts))
		for _, l := range []*[]exposure.Key{&want, &got} {
			slices.Sort(*l)
			*l = slices.Compact(*l)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%d keys, want %d, in %q", len(got), len(want), parts)
		}
		for _, v := range told {
			everTold[v] = true
		}
		for _, v := range identities {
			if !everTold[v] {
				t.Fatalf("the identity %q was not told of", v)
			}
		}
	})
}
