package main

import (
	"fmt"
	"strings"
)

// unknown is the error of a word that is none of those known, with the nearest of them.
func unknown(what, got string, known []string) error {
	if near := nearest(got, known); near != "" {
		return fmt.Errorf("unknown %s %q: the nearest known is %q", what, got, near)
	}
	return fmt.Errorf("unknown %s %q", what, got)
}

// nearest is the known name that takes the fewest edits to make from got, the
// first among equals; "" where none is like it.
func nearest(got string, known []string) string {
	got = strings.ToLower(got)
	if len(got) > 64 {
		return ""
	}
	best, least := "", max(len(got)/2, 2)+1
	for _, k := range known {
		if d := edits(got, strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits is the Levenshtein distance of a and b in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
