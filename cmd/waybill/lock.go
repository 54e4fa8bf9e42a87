package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

var errInUse = errors.New("another waybill is at work on this configuration")

// lock takes f for this process alone, until f is closed. It returns errInUse
// where another process has it.
func lock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return errInUse
		}
		return err
	}
}
