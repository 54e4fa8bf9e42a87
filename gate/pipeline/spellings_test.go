package pipeline_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// A person of these runs, and what production alone tells them.
type holder struct{ first, last, record, card, account, phone string }

func (h holder) address() string { return strings.ToLower(h.first) + "@example.org" }

// What stands at a place that is new each time, and is another person's fact in any spelling,
// is stated; the same spelling of what is nobody's is not.
func TestSpellingsAtVolatilePlaces(t *testing.T) {
	people := []holder{
		{"Alice", "Smith", "48213377", "4111111111111111", "DE89370400440532013000", "+14155550123"},
		{"Bob", "Jones", "90514426", "5555555555554444", "GB29NWBK60161331926819", "+14155550177"},
		{"Carol", "Brown", "33178052", "6011111111111117", "NL91ABNA0417164300", "+14155550142"},
		{"Dave", "Wilson", "71120983", "3530111333300000", "AT611904300234573201", "+14155550166"},
	}
	nobody := holder{"Niels", "Hansen", "62907715", "4929123412341234", "BE71096123456769", "+16465550198"}
	grouped := func(s string, n int, mark string) string {
		var groups []string
		for ; len(s) > n; s = s[n:] {
			groups = append(groups, s[:n])
		}
		return strings.Join(append(groups, s), mark)
	}
	national := func(h holder) string { return h.phone[2:] }
	spellings := []struct {
		name string
		of   func(holder) string
	}{
		{"card in groups", func(h holder) string { return grouped(h.card, 4, "-") }},
		{"account in groups", func(h holder) string { return grouped(h.account, 4, "-") }},
		{"telephone with hyphens", func(h holder) string { return grouped(national(h)[:6], 3, "-") + "-" + national(h)[6:] }},
		{"telephone with points", func(h holder) string { return grouped(national(h)[:6], 3, ".") + "." + national(h)[6:] }},
		{"telephone behind 00", func(h holder) string { return "00" + h.phone[1:] }},
		{"telephone without country", national},
		{"telephone among letters", func(h holder) string { return "p" + h.phone[1:] + "x" }},
		{"record in halves", func(h holder) string { return grouped(h.record, 4, "-") }},
		{"record with points", func(h holder) string { return grouped(h.record, 3, ".") }},
		{"record with slashes", func(h holder) string { return grouped(h.record, 4, "/") }},
		{"record behind letters", func(h holder) string { return "MRN" + h.record }},
		{"record in a UUID", func(h holder) string { return "3f1c9a52-7be0-4d61-9c0e-0000" + h.record }},
		{"record in hexadecimal", func(h holder) string {
			n, _ := strconv.ParseUint(h.record, 10, 64)
			return strconv.FormatUint(n, 16)
		}},
		{"record in base32", func(h holder) string {
			return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(h.record))
		}},
		{"record among letters in base64", func(h holder) string {
			return base64.RawURLEncoding.EncodeToString([]byte("kQzXbvTr" + h.record + "mWqLsYdn"))
		}},
		{"record among figures in base64", func(h holder) string {
			return base64.RawURLEncoding.EncodeToString([]byte("kQzXbv47" + h.record + "3WqLsYdn"))
		}},
		{"address of a return path", func(h holder) string { return strings.Replace(h.address(), "@", "=", 1) }},
		{"address as a slug", func(h holder) string { return strings.NewReplacer("@", "-", ".", "-").Replace(h.address()) }},
		{"name with a point", func(h holder) string { return strings.ToLower(h.first + "." + h.last) }},
		{"name in one word", func(h holder) string { return h.last + h.first }},
		{"name as a slug", func(h holder) string { return strings.ToLower(h.first+"-"+h.last) + "-x7Q2" }},
		{"name of a file", func(h holder) string { return h.first + "_" + h.last + ".csv" }},
		{"address in SHA-512", func(h holder) string { return fmt.Sprintf("%x", sha512.Sum512([]byte(h.address()))) }},
		{"address in SHA-256, cut short", func(h holder) string { return fmt.Sprintf("%.16x", sha256.Sum256([]byte(h.address())))[:16] }},
	}
	// token is what production has at the place: as long as like, and with its marks or without.
	token := func(like string, marks bool, seed uint64) string {
		const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		rng := rand.New(rand.NewPCG(seed, 1))
		out := []byte(like)
		for i, c := range out {
			if !marks || !strings.ContainsRune("-_./=", rune(c)) {
				out[i] = letters[rng.IntN(len(letters))]
			}
		}
		return string(out)
	}
	run := func(replay uint64, like, first string, marks bool) (out []gate.Canonical) {
		for i, p := range people {
			out = append(out, mail(p.address(), "Welcome", fmt.Sprintf("text=Dear %s %s, record %s, card %s, account %s, phone %s.", p.first, p.last, p.record, p.card, p.account, p.phone)))
			value := token(like, marks, replay*100+uint64(i))
			if i == 0 && first != "" {
				value = first
			}
			out = append(out, mail(p.address(), "Reference", "text=Patient "+p.record+", your reference is "+value+" as of today."))
		}
		return out
	}
	for _, s := range spellings {
		for _, marks := range []bool{false, true} {
			t.Run(fmt.Sprint(s.name, ", marks ", marks), func(t *testing.T) {
				like := s.of(nobody)
				production := func() [][]gate.Canonical {
					return [][]gate.Canonical{run(0, like, "", marks), run(1, like, "", marks), run(2, like, "", marks)}
				}
				if c := compare(t, run(3, like, s.of(people[1]), marks), production()...); len(c.Changes) == 0 {
					t.Errorf("%s, which is another's, is not stated", s.of(people[1]))
				}
				if c := compare(t, run(3, like, like, marks), production()...); len(c.Changes) != 0 {
					t.Errorf("%s, which is nobody's, is stated: %q", like, told(c))
				}
			})
		}
	}
}
