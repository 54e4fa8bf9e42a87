package main

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
