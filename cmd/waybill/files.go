package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// leastFiles is how many files must be allowed to be open at once. With fewer than
// about half of that the Go runtime ends the process before it can say why.
const leastFiles = 16

func enoughFiles() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) >= leastFiles {
		return nil // where the limit is not known, running into it is told
	}
	return undecided(fmt.Errorf("at most %d files may be open at once, and waybill needs %d to begin with", limit.Cur, leastFiles),
		"raise the limit: ulimit -n 1024")
}
