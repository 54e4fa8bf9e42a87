//go:build unix

package http

import (
	"fmt"
	"syscall"
)

// tellsQuiet says that quiet can tell.
const tellsQuiet = true

// quiet is an error where a connection on which nothing is awaited has ended, or
// has brought something, which is lost then. fd does not block.
func quiet(fd uintptr) error {
	var b [64]byte
	n, err := syscall.Read(int(fd), b[:])
	switch {
	case n > 0:
		return fmt.Errorf("the build sent %q before it was asked anything", string(b[:n]))
	case err == nil:
		return errGone
	case err == syscall.EAGAIN || err == syscall.EINTR:
		return nil
	}
	return err
}

// writeNow writes what of p the system takes at once; nothing where it fails.
func writeNow(fd uintptr, p []byte) int {
	n, err := syscall.Write(int(fd), p)
	if err != nil {
		return 0
	}
	return n
}

// readNow reads what is there. over is false where that is nothing so far: neither
// bytes nor an end nor a failure.
func readNow(fd uintptr, p []byte) (n int, over bool) {
	n, err := syscall.Read(int(fd), p)
	if err != nil {
		return 0, err != syscall.EAGAIN && err != syscall.EINTR
	}
	return n, true
}
