package tape

import (
	"errors"
	"fmt"
)

// ErrClosed is returned to what comes after Close or Abort.
var ErrClosed = errors.New("tape is closed")

// ErrLocked is returned where another writer, or a reader, has the tape in use.
var ErrLocked = errors.New("in use: it is being written or read")

// A TornError says that a tape ends before its footer: its writer was killed, ran
// out of space, or is still at work. All records before Offset were read whole.
type TornError struct {
	Path   string
	Offset int64 // end of the last good frame, in bytes
	Reason string
}

func (e *TornError) Error() string {
	return fmt.Sprintf("tape %s is torn at byte %d: %s", e.Path, e.Offset, e.Reason)
}

// A DamagedError says that bytes of a tape are not as a writer leaves them.
// Nothing at or after Offset can be relied on.
type DamagedError struct {
	Path   string
	Offset int64 // start of the frame concerned, in bytes
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("tape %s is damaged at byte %d: %s", e.Path, e.Offset, e.Reason)
}
