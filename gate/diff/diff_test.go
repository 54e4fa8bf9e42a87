package diff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// message makes a message of "name kind value" triples.
func message(parts ...string) *gate.Canonical {
	c := &gate.Canonical{}
	for i := 0; i < len(parts); i += 3 {
		var k gate.PartKind
		if err := k.UnmarshalText([]byte(parts[i+1])); err != nil {
			panic(err)
		}
		c.Parts = append(c.Parts, gate.Part{Name: parts[i], Kind: k, Value: parts[i+2]})
	}
	return c
}

func told(hunks []diff.Hunk) []string {
	out := []string{}
	for _, h := range hunks {
		s := fmt.Sprintf("%s: %q to %q", h.Part, h.Before, h.After)
		if h.NewPart {
			s += " new"
		}
		if h.GonePart {
			s += " gone"
		}
		if h.Masked {
			s += " masked"
		}
		out = append(out, s)
	}
	return out
}

func TestParts(t *testing.T) {
	tests := []struct {
		name          string
		before, after *gate.Canonical
		want          []string
	}{
		{"equal", message("text", "text", "a b"), message("text", "text", "a b"), []string{}},
		{"a word", message("text", "text", "Dear Ann,\nbye"), message("text", "text", "Dear Bob,\nbye"), []string{`text: "Ann" to "Bob"`}},
		{"a line", message("text", "text", "one\ntwo\nthree"), message("text", "text", "one\nthree"), []string{`text: "two\n" to ""`}},
		{"the end", message("text", "text", "one"), message("text", "text", "one\ntwo"), []string{`text: "" to "\ntwo"`}},
		{"spaces alone", message("text", "text", "a  b"), message("text", "text", "a b"), []string{`text: "a  b" to "a b"`}},
		{"addresses are whole", message("header/to", "addresses", "mail:a@x\nmail:b@x"), message("header/to", "addresses", "mail:a@x"), []string{`header/to: "mail:a@x\nmail:b@x" to "mail:a@x"`}},
		{"new part", message("a", "value", "1"), message("a", "value", "1", "b", "value", "2"), []string{`b: "" to "2" new`}},
		{"gone part", message("a", "value", "1", "b", "value", "2"), message("a", "value", "1"), []string{`b: "2" to "" gone`}},
		{"one link more", message("html/link", "link", "https://a/", "html/link", "link", "https://c/"),
			message("html/link", "link", "https://a/", "html/link", "link", "https://b/", "html/link", "link", "https://c/"), []string{`html/link: "" to "https://b/"`}},
		{"kind", message("a", "text", "1"), message("a", "addresses", "1"), []string{`a: "1" to "1"`}},
		{"order within a name", message("a", "value", "1", "a", "value", "2"), message("a", "value", "2", "a", "value", "1"), []string{`a: "1" to "2"`, `a: "2" to "1"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if d := cmp.Diff(test.want, told(diff.Parts(test.before, test.after, nil))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestNoise(t *testing.T) {
	body := func(s string) *gate.Canonical { return message("text", "text", s) }
	tests := []struct {
		name                 string
		first, again, staged *gate.Canonical
		want                 []string
	}{
		{"a token", body("Ref a81bc2 ok"), body("Ref d93ef4 ok"), body("Ref f05aa6 ok"), []string{`text: "a81bc2" to "f05aa6" masked`}},
		{"a token and a word beside it", body("Ref a81bc2 ok"), body("Ref d93ef4 ok"), body("Code f05aa6 ok"), []string{`text: "Ref" to "Code"`, `text: "a81bc2" to "f05aa6" masked`}},
		{"a word elsewhere", body("Ref a81bc2 ok"), body("Ref d93ef4 ok"), body("Ref f05aa6 no"), []string{`text: "a81bc2" to "f05aa6" masked`, `text: "ok" to "no"`}},
		{"too long", body("Ref a81bc2 ok"), body("Ref d93ef4 ok"), body("Ref f05aa6f05aa6f05aa6 ok"), []string{`text: "a81bc2" to "f05aa6f05aa6f05aa6"`}},
		{"two for one", body("Ref a81bc2 ok"), body("Ref d93ef4 ok"), body("Ref f05aa6 b05aa6 ok"), []string{`text: "a81bc2" to "f05aa6" masked`, `text: "" to "b05aa6"`}},
		{"of another sort", body("Ref 123456 ok"), body("Ref 654321 ok"), body("Ref 12a456 ok"), []string{`text: "123456" to "12a456"`}},
		{"a name out of a rota", body("Nurse Ann"), body("Nurse Bob"), body("Nurse Bob"), []string{`text: "Ann" to "Bob" masked`}},
		{"a name that was never in the rota", body("Nurse Ann"), body("Nurse Bob"), body("Nurse Cat"), []string{`text: "Ann" to "Cat"`}},
		{"recipients are never noise", message("header/to", "addresses", "mail:a1@x"), message("header/to", "addresses", "mail:a2@x"), message("header/to", "addresses", "mail:a3@x"), []string{`header/to: "mail:a1@x" to "mail:a3@x"`}},
		{"transport is never noise", message("transport/tls", "transport", "1"), message("transport/tls", "transport", "2"), message("transport/tls", "transport", "3"), []string{`transport/tls: "1" to "3"`}},
		{"base64 with its marks", body("t=ab1+cd2/ef3 end"), body("t=gh4+ij5/kl6 end"), body("t=mn7opqrs8/tu9 end"), []string{`text: "ab1+cd2/ef3" to "mn7opqrs8/tu9" masked`}},
		{"a link with a token", message("html/link", "link", "https://x/?u=ann&t=a1b2c3"), message("html/link", "link", "https://x/?u=ann&t=d4e5f6"), message("html/link", "link", "https://x/?u=ann&t=07a8b9"), []string{`html/link: "a1b2c3" to "07a8b9" masked`}},
		{"a link with a token, to another host", message("html/link", "link", "https://x/?t=a1b2c3"), message("html/link", "link", "https://x/?t=d4e5f6"), message("html/link", "link", "https://y/?t=07a8b9"), []string{`html/link: "https://x/?t=a1b2c3" to "https://y/?t=07a8b9"`}},
		{"a base64 token of other sorts", body("Key abCD12efGH34 ok"), body("Key ijKL56mnOP78 ok"), body("Key qr+T/9=uv-Wx ok"), []string{`text: "abCD12efGH34" to "qr+T/9=uv-Wx" masked`}},
		{"a token of letters alone", body("Key abCDefGHijKLmn ok"), body("Key opQRstUVwxYZab ok"), body("Key cdEFghIJklMNop ok"), []string{`text: "abCDefGHijKLmn" to "cdEFghIJklMNop" masked`}},
		{"a long name out of a rota", body("Nurse Wilhelmina"), body("Nurse Bernadette"), body("Nurse Clementine"), []string{`text: "Wilhelmina" to "Clementine"`}},
		{"a token that grows at its end", body("Key ab12cd34 ok"), body("Key ef56ab78 ok"), body("Key cd90ef12= ok"), []string{`text: "ab12cd34" to "cd90ef12=" masked`}},
		{"base64 whose padding was equal", body("Key abCD12efGH3= ok"), body("Key ijKL56mnOP7= ok"), body("Key qrST90uvWX1y ok"), []string{`text: "abCD12efGH3=" to "qrST90uvWX1y" masked`}},
		{"base64 behind a constant", body("Key v12345/ab12CD34ef ok"), body("Key v12345/gh56IJ78kl ok"), body("Key v99999/mn90OP12qr ok"), []string{`text: "v12345" to "v99999"`, `text: "ab12CD34ef" to "mn90OP12qr" masked`}},
		{"a token of six without a figure", body("Ref a81bc2 ok"), body("Ref 9d3ef4 ok"), body("Ref bcdefa ok"), []string{`text: "a81bc2" to "bcdefa" masked`}},
		{"a word in place of a numbered one", body("Bed Ward7 ok"), body("Bed Ward9 ok"), body("Bed Wilma ok"), []string{`text: "Ward7" to "Wilma"`}},
		{"a number without its leading zeros", body("No 912345678 ok"), body("No 387654321 ok"), body("No 65432 ok"), []string{`text: "912345678" to "65432" masked`}},
		{"a code with its leading zeros", body("No 012345 ok"), body("No 387654 ok"), body("No 654 ok"), []string{`text: "012345" to "654"`}},
		{"an escaped token", body("Key ab%2Fcd12EF34 ok"), body("Key gh%2Fij56KL78 ok"), body("Key mn90opQRs12t ok"), []string{`text: "ab%2Fcd12EF34" to "mn90opQRs12t" masked`}},
		{"a percent sign of the value's own", body("Password bodalgem%40 ok"), body("Password kifnorsat!61 ok"), body("Password pismodter%97 ok"), []string{`text: "bodalgem%40" to "pismodter%97" masked`}},
		{"another, before no code", body("Password bodalgem%20 ok"), body("Password kifnorsat%31 ok"), body("Password pismodter;44 ok"), []string{`text: "bodalgem%20" to "pismodter;44" masked`}},
		{"the time of day", body("at 15:42:07 by ann"), body("at 15:42:09 by ann"), body("at 16:01:00 by ann"), []string{`text: "15:42:07" to "16:01:00" masked`}},
		{"a telephone number", message("body/To", "value", "+15105550112"), message("body/To", "value", "+15105550134"), message("body/To", "value", "+15105550134"), []string{`body/To: "+15105550112" to "+15105550134"`}},
		{"an address in a text", body("Call duty1@a.example now"), body("Call duty2@a.example now"), body("Call duty2@a.example now"), []string{`text: "duty1" to "duty2"`}},
		{"the host of a link", message("html/link", "link", "https://h1.x/a"), message("html/link", "link", "https://h2.x/a"), message("html/link", "link", "https://h2.x/a"), []string{`html/link: "https://h1.x/a" to "https://h2.x/a"`}},
		{"a token in a link in a value", message("body/u", "value", "https://h.x/a1b2c3d4"), message("body/u", "value", "https://h.x/e5f6a7b8"), message("body/u", "value", "https://h.x/c9d0e1f2"), []string{`body/u: "a1b2c3d4" to "c9d0e1f2" masked`}},
		{"a link with a token, to another's page", message("html/link", "link", "https://x/?u=ann&t=a1b2c3"), message("html/link", "link", "https://x/?u=ann&t=d4e5f6"), message("html/link", "link", "https://x/?u=bob&t=07a8b9"), []string{`html/link: "ann" to "bob"`, `html/link: "a1b2c3" to "07a8b9" masked`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]bool{}
			n := diff.Measure(test.first, []*gate.Canonical{test.again}, func(s string) { seen[s] = true })
			n.Known = func(s string) bool { return seen[s] }
			if d := cmp.Diff(test.want, told(diff.Parts(test.first, test.staged, n))); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// Hunks, put in place of what they replace, turn the one text into the other: nothing
// that differs is left unstated.
func TestHunksAreWhole(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "c", "\n", ".", "d d", "é"})
	rapid.Check(t, func(t *rapid.T) {
		b := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "before"), " ")
		a := strings.Join(rapid.SliceOfN(word, 0, 30).Draw(t, "after"), " ")
		hunks := diff.Parts(message("t", "text", b), message("t", "text", a), nil)
		if (len(hunks) == 0) != (a == b) {
			t.Fatalf("%d hunks between %q and %q", len(hunks), b, a)
		}
		var gone, come strings.Builder
		for _, h := range hunks {
			gone.WriteString(strings.Join(gate.Words(h.Before), " ") + " ")
			come.WriteString(strings.Join(gate.Words(h.After), " ") + " ")
		}
		kept := len(gate.Words(b)) - len(gate.Words(gone.String()))
		if got := len(gate.Words(a)) - len(gate.Words(come.String())); got != kept {
			t.Fatalf("%d words of %q are kept, but %d of %q", kept, b, got, a)
		}
	})
}

func FuzzParts(f *testing.F) {
	f.Add("a b\nc", "a c\nb")
	f.Add("\x02", "\x03")
	f.Fuzz(func(t *testing.T, a, b string) {
		hunks := diff.Parts(message("t", "text", a), message("t", "text", b), nil)
		if (len(hunks) == 0) != (a == b) {
			t.Fatalf("%d hunks between %q and %q", len(hunks), a, b)
		}
	})
}

func BenchmarkPartsOneWord(b *testing.B) {
	long := strings.Repeat("The quick brown fox jumps over the lazy dog, and again.\n", 70)
	before, after := message("text", "text", long+"Dear Ann"), message("text", "text", long+"Dear Bob")
	b.SetBytes(int64(len(long)))
	b.ReportAllocs()
	for b.Loop() {
		diff.Parts(before, after, nil)
	}
}

// Only the lines that differ, and those around them, are cut into words: hunks are
// those of the whole texts, whose words count from the beginning where noise is known.
func TestHunksOfLines(t *testing.T) {
	long := strings.Repeat("word ", 5000)
	whole := diff.Measure(letter(long+"1"), []*gate.Canonical{letter(long + "2")}, func(string) {})
	lines := rapid.SliceOfN(rapid.SampledFrom([]string{"", "a", "b c", "b  c", "a b c d e f", "-", "x1", " a", "é"}), 0, 9)
	rapid.Check(t, func(t *rapid.T) {
		b, a := strings.Join(lines.Draw(t, "before"), "\n"), strings.Join(lines.Draw(t, "after"), "\n")
		want, got := diff.Parts(letter(b), letter(a), whole), diff.Parts(letter(b), letter(a), nil)
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%q to %q (-whole +lines):\n%s", b, a, d)
		}
	})
}

func letter(text string) *gate.Canonical {
	return &gate.Canonical{Parts: []gate.Part{{Name: "text", Kind: gate.Text, Value: text}}}
}
