package pipeline

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNamed(t *testing.T) {
	at := time.Date(2026, 11, 30, 19, 0, 0, 0, time.UTC).UnixNano()
	for text, want := range map[string]string{
		"sent 2026-11-30T19:05:04.123Z to you":            "sent {fresh} to you",
		"on Mon, 30 Nov 2026 19:05:04 +0000.":             "on Mon, {fresh}.",
		"https://x.example/r?k=Zk3vQ9pL0aTr7WmB2x1N&u=al": "https://x.example/r?k={fresh}&u=al",
		"id 9f8e7d6c-5b4a-4321-8fed-cba987654321":         "id {fresh}",
		"sha 3f9a8c7d6e5f4b3a2c1d":                        "sha {fresh}",
		"at 19:05:04 with ref X7K2M9QPL4":                 "at {fresh} with ref {fresh}",
		`{"ts":1796065504,"ms":1796065504123}`:            `{"ts":{fresh},"ms":{fresh}}`,
		// What tells people and kinds apart stays.
		"born 1962-04-03T00:00:00Z, seen 2027-02-24T14:30:00Z": "born 1962-04-03T00:00:00Z, seen 2027-02-24T14:30:00Z",
		"phone +1 510 555 0119, 15105550119":                   "phone +1 510 555 0119, 15105550119",
		"see you at 14:30 or 15:30:00, in plot B4C2":           "see you at 14:30 or 15:30:00, in plot B4C2",
		"since 1496065504":                                     "since 1496065504",
		"record 771432100001":                                  "record 771432100001",
		"diagnosis code 9917755: HIV positive":                 "diagnosis code 9917755: HIV positive",
		"order-2026-0042-A7 of AC123456789012":                 "order-2026-0042-A7 of AC123456789012",
		"wilhelmina_quackenbush@members.example":               "wilhelmina_quackenbush@members.example",
		"internationalisation of JavaScript":                   "internationalisation of JavaScript",
	} {
		if got := named(text, at); got != want {
			t.Errorf("%q is named %q, want %q", text, got, want)
		}
	}
}

// Numbers of any length are never hidden, and naming what is named changes nothing.
func TestNamedKeepsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.StringMatching(`[0-9]{1,30}`).Draw(t, "number")
		text := rapid.StringMatching(`[a-z ]{0,12} `).Draw(t, "before") + n
		if got := named(text, 1); got != text {
			t.Fatalf("%q is named %q", text, got)
		}
		whole := rapid.String().Draw(t, "text")
		if once := named(whole, 1); named(once, 1) != once {
			t.Fatalf("%q is named twice", whole)
		}
	})
}
