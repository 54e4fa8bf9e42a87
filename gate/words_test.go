package gate_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
)

func TestWords(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{"Dear Ann,\nMRN-7 ok", []string{"Dear", "Ann", ",", "\n", "MRN-7", "ok"}},
		{"a_b\tc\r\nd", []string{"a_b", "c", "\n", "d"}},
		{"https://x.example/?t=a1", []string{"https", ":", "/", "/", "x", ".", "example", "/", "?", "t", "=", "a1"}},
		{"naïve 東京!", []string{"naïve", "東京", "!"}},
		{"a\u00a0b\u2028c", []string{"a", "b", "c"}},
		{"\x00@\x7f", []string{"\x00", "@", "\x7f"}},
		{"n\u0303", []string{"n\u0303"}},
	}
	for _, test := range tests {
		if got := gate.Words(test.in); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, want %q", test.in, got, test.want)
		}
	}
}

// Words leave out spaces alone, and each is a whole word or one character.
func TestWordsHoldAllButSpaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		var kept strings.Builder
		for _, c := range s {
			if c == '\n' || !unicode.IsSpace(c) {
				kept.WriteRune(c)
			}
		}
		words := gate.Words(s)
		if got := strings.Join(words, ""); got != kept.String() {
			t.Fatalf("%q: %q are kept, want %q", s, got, kept.String())
		}
		for _, w := range words {
			if !gate.IsWord(w) && len([]rune(w)) != 1 {
				t.Fatalf("%q is neither a word nor one character", w)
			}
			for _, c := range w {
				if gate.InWord(c) != gate.IsWord(w) {
					t.Fatalf("%q mixes a word with other characters", w)
				}
			}
		}
	})
}

func BenchmarkWords(b *testing.B) {
	text := strings.Repeat("Please bring your card, and a list of the medicines that you take at home.\n", 50)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		gate.Words(text)
	}
}
