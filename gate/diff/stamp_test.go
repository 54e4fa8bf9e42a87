package diff_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/diff"
)

// Two replays of production within one second, one minute or one hour, and staging
// after it: of a stamp that is volatile no part is compared, and of a number with a fraction.
// Beside it all is.
func TestStamps(t *testing.T) {
	for name, test := range map[string]struct {
		first, again, staged string
		want                 []string // what is not masked
	}{
		"the minute turns":            {"at 2026-03-01T08:51:58.123456789Z by ann", "at 2026-03-01T08:51:59.223456789Z by ann", "at 2026-03-01T08:52:00.3Z by ann", []string{}},
		"the day turns":               {"at 2026-02-28T23:59:58Z", "at 2026-02-28T23:59:59Z", "at 2026-03-01T00:00:01Z", []string{}},
		"the hour turns, with a zone": {"at 2026-03-01 08:59:58+01:00", "at 2026-03-01 08:59:59+01:00", "at 2026-03-01 09:00:00+01:00", []string{}},
		"asctime, and the day turns":  {"at Mon Nov 30 23:59:58 2026 by ann", "at Mon Nov 30 23:59:59 2026 by ann", "at Tue Dec  1 00:00:01 2026 by ann", []string{}},
		"a mail's date":               {"at Mon, 30 Nov 2026 23:59:58 +0000 by ann", "at Mon, 30 Nov 2026 23:59:59 +0000 by ann", "at Tue, 1 Dec 2026 00:00:01 +0000 by bob", []string{`text: "ann" to "bob"`}},
		"the word beside it":          {"at 2026-03-01T08:51:58Z by ann", "at 2026-03-01T08:51:59Z by ann", "at 2026-03-01T08:52:00Z by bob", []string{`text: "ann" to "bob"`}},
		"not volatile":                {"due 2026-03-01T09:00:00Z, ref a81bc2", "due 2026-03-01T09:00:00Z, ref d93ef4", "due 2026-03-01T10:00:00Z, ref f05aa6", []string{`text: "2026-03-01T09" to "2026-03-01T10"`}},
		"behind the point as before":  {"took 35.5 ms of ann", "took 47.5 ms of ann", "took 37.2 ms of ann", []string{}},
		"before the point as before":  {"took 35,5 ms of ann", "took 35,1 ms of ann", "took 7,2 ms of ann", []string{}},
		"a small one":                 {"took 3.55e-05 s of ann", "took 3.87e-06 s of ann", "took 8.2e-05 s of bob", []string{`text: "ann" to "bob"`}},
		"three, one as another was":   {"load 2.98, 0.23, 0.25 of ann", "load 0.47, 0.99, 0.36 of ann", "load 1.72, 0.74, 2.96 of ann", []string{}},
		"a version beside it":         {"took 35.5 ms, 2.41", "took 47.5 ms, 2.41", "took 37.2 ms, 2.42", []string{`text: "2.41" to "2.42"`}},
		"an address of a machine":     {"by 10.0.7.41 of ann", "by 10.0.7.52 of ann", "by 10.0.9.63 of ann", []string{`text: "7" to "9"`}},
		"another that is not":         {"due 2026-03-01T09:00:00Z, sent 2026-02-28T23:59:58Z", "due 2026-03-01T09:00:00Z, sent 2026-02-28T23:59:59Z", "due 2026-03-01T09:30:00Z, sent 2026-03-01T00:00:01Z", []string{`text: "00" to "30"`}},
	} {
		t.Run(name, func(t *testing.T) {
			first := message("text", "text", test.first)
			noise := diff.Measure(first, []*gate.Canonical{message("text", "text", test.again)}, func(string) {})
			var shown []diff.Hunk
			for _, h := range diff.Parts(first, message("text", "text", test.staged), noise) {
				if !h.Masked {
					shown = append(shown, h)
				}
			}
			if d := cmp.Diff(test.want, told(shown)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}
