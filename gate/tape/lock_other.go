//go:build !unix

package tape

import (
	"errors"
	"os"
)

// lockToWrite refuses: without a lock two writers could mix their frames.
func lockToWrite(*os.File) error { return errors.ErrUnsupported }

// lockToRead lets a tape be read: nothing here can be writing it.
func lockToRead(*os.File) error { return nil }
