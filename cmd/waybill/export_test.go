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
func init() { lingers = [2]time.Duration{100 * time.Millisecond, 50 * time.Millisecond} }
