// Package checktest is the harness that every check must pass.
//
// A check's cases stand in testdata/*.txtar of its own folder: a comment that says
// what happened, a file "comparison" in the notation of [Parse], and a file "want"
// with the findings as [Render] writes them; an empty one wants none. A folder
// needs a case that fires and one that stays quiet, and what is found and not
// wanted fails as what is wanted and not found. "go test ./checks/... -update"
// writes "want" anew, to be read before it is kept.
package checktest
