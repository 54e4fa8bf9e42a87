package main

import (
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate/build"
)

// maxStateValues bounds how many lines of two checks of a state are printed side by side.
const maxStateValues = 20

// stateChecked prints which lines of the check of a build's state are others than at the first
// check, where people may be named. The verdict has their names alone.
func (s *session) stateChecked(what string, b *build.Build) {
	before, after := b.Checked()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, printed := range []string{before, after} {
		if printed == "" {
			continue
		}
		if s.checked[i] == "" {
			s.checked[i] = printed
		}
		if lines := otherLines(s.checked[i], printed); len(lines) > 0 {
			when := [2]string{"before", "after"}[i]
			s.p.printed(what, fmt.Sprintf("what [state] check printed %s this replay is not what it printed %s the first:\n", when, when)+strings.Join(lines, "\n"))
		}
	}
}

// otherLines lists the lines of a that b does not have, each after "-", and the reverse after "+".
func otherLines(a, b string) []string {
	if a == b {
		return nil
	}
	var out []string
	for _, side := range []struct{ sign, text, other string }{{"- ", a, b}, {"+ ", b, a}} {
		held := map[string]int{}
		for line := range strings.Lines(side.other) {
			held[strings.TrimRight(line, "\n")]++
		}
		for line := range strings.Lines(side.text) {
			line = strings.TrimRight(line, "\n")
			if held[line]--; held[line] < 0 {
				out = append(out, side.sign+line)
			}
		}
	}
	if more := len(out) - maxStateValues; more > 0 {
		out = append(out[:maxStateValues], fmt.Sprintf("and %d more", more))
	}
	return out
}
