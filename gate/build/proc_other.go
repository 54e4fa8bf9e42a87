//go:build unix && !linux

package build

import (
	"os"
	"syscall"
)

func self() (string, error) { return os.Executable() }

// becomeReaper does nothing: without a reaper, what left the command's process
// group is not seen.
func becomeReaper() error { return nil }

func commandAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

type process struct {
	pid, parent int
	group       int
	name        string
	zombie      bool
}

// descendants returns nothing: the command's process group is what is known.
func descendants(int) []process { return nil }

// processorTicks is not known.
func processorTicks(int) (uint64, bool) { return 0, false }

// groupLeft is not known, and taken to be.
func groupLeft(int) bool { return true }
