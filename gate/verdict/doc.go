// Package verdict decides: findings, approvals and gaps become one verdict.
//
// It is pure but for [LoadApprovals], which reads a file. What it is not given it
// holds against the release: the zero [Input] is undecided, and so is an input
// without a comparison, without a delivery of production, or without the proof
// that a planted misdelivery was seen (invariant 2).
package verdict
