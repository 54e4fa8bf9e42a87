package report

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
