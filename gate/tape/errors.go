package tape

import (
	"errors"
	"fmt"
	"strings"
)

// ErrClosed is returned to what comes after Close or Abort.
var ErrClosed = errors.New("tape is closed")

// ErrLocked is returned where another writer, or a reader, has the tape in use.
var ErrLocked = errors.New("in use: it is being written or read")

// A KeyError says that a tape is encrypted, and that it was opened without an
// identity that fits. Both sides are named by fingerprints: see [Keys].
type KeyError struct {
	Path       string
	Recipients []string // whom it is encrypted for
	Given      []string // the identities that were tried
}

func (e *KeyError) Error() string {
	text := fmt.Sprintf("tape %s is encrypted for %s", e.Path, strings.Join(e.Recipients, ", "))
	if len(e.Given) == 0 {
		return text + ", and no identity was given"
	}
	return text + ", and none of the identities given is one of these: " + strings.Join(e.Given, ", ")
}

// A TornError says that a tape ends before its footer: its writer was killed, ran
// out of space, or is still at work. All records before Offset were read whole.
type TornError struct {
	Path   string
	Offset int64 // end of the last good frame, in bytes
	Reason string

	Writing bool // somebody has it in use to write it
}

func (e *TornError) Error() string {
	text := fmt.Sprintf("tape %s is torn at byte %d: %s", e.Path, e.Offset, e.Reason)
	if e.Writing {
		text += "; it is still being written"
	}
	return text
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
