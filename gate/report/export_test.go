package report

import "github.com/waybill-dev/waybill/gate"

// Differ gives the stretches of before and of after.
func Differ(before, after string) (left, right []string) {
	for _, s := range differ(before, after) {
		if s.op <= 0 {
			left = append(left, s.text)
		}
		if s.op >= 0 {
			right = append(right, s.text)
		}
	}
	return left, right
}

// What is tested by itself.
var (
	Visible = visible
	Window  = window
	Advice  = advice
)

// BlindLine is the first line that a public report has for the blind spots of v.
func BlindLine(v *gate.Verdict) string { return blindLines(v, newNames(v, &Options{}), blindPlaces)[0] }
