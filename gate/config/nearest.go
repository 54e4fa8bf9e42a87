package config

import (
	"slices"
	"strings"
)

// nearest returns the name that takes the fewest edits to make from got, or ""
// where even that one is nothing like it. Ties go to the first in order.
func nearest(got string, names []string) string {
	names = slices.Clone(names)
	slices.Sort(names)
	got = strings.ToLower(got)
	best, least := "", max(len(got)/3, 2)+1
	for _, name := range names {
		if d := distance(got, strings.ToLower(name)); d < least {
			best, least = name, d
		}
	}
	return best
}

// hint is what follows "unknown key" in an error: the nearest name, or all.
func hint(got string, names []string) string {
	if n := nearest(got, names); n != "" {
		return "the nearest known is " + quote(n)
	}
	if len(names) == 0 {
		return "none is known here"
	}
	names = slices.Clone(names)
	slices.Sort(names)
	for i, n := range names {
		names[i] = quote(n)
	}
	return "known are " + strings.Join(names, ", ")
}

// maxCompared bounds the work on a hostile name.
const maxCompared = 64

// distance counts the insertions, removals, replacements and swaps of
// neighbours that make b from a (optimal string alignment).
func distance(a, b string) int {
	if len(a) > maxCompared || len(b) > maxCompared {
		return maxCompared
	}
	var rows [3][maxCompared + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
