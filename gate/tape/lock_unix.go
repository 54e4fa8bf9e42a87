//go:build unix

package tape

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// lockToWrite takes the file for one writer alone. It returns ErrLocked where
// somebody else has it open as a tape.
func lockToWrite(f *os.File) error { return flock(f, unix.LOCK_EX) }

// lockToRead keeps writers away from the file. It returns ErrLocked where one has it.
func lockToRead(f *os.File) error { return flock(f, unix.LOCK_SH) }

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return ErrLocked
		}
		return err
	}
}
