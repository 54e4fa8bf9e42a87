package main

import "time"

// Run is run, for the tests of the whole program.
var Run = run

// What is tested by itself.
var (
	Nearest = nearest
	Freeze  = freeze
	Thaw    = thaw
	Hushed  = hushed
	Quoted  = quoted
)

// Stories do not wait as long as people do.
func init() { leastSettle, longestLinger = 300*time.Millisecond, 100*time.Millisecond }
