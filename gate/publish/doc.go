// Package publish is the only code that talks to GitHub: it shows a verdict where a
// team looks, and asks who approved what.
//
// What it posts is a view. The verdict's exit code is the gate, and nothing here
// changes it: a failure to publish is an error beside it, never a pass. What is
// posted is made by package report, which names nobody.
//
// # A sticky comment
//
// A pull request has one comment for each [Comment.Key]. Its last line is a marker
// that says of which commit, run and attempt it is; a comment counts as ours only
// where that marker is its last line and the configured bot wrote it. It is left
// alone where the pull request's head is no longer the commit that was evaluated,
// where a newer run wrote it, and where it says the same already.
//
// # Failures
//
// Rate limits are waited for as GitHub says, and answers of 500 to 599 are tried
// again, up to [Options.MaxWait] in all. What can be done twice by that is looked
// up again first: a comment that was made although the answer was lost is found and
// edited, not made twice.
package publish
