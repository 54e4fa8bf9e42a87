//go:build unix

package tape_test

import (
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/waybill-dev/waybill/gate/tape"
)

// A pipe that nobody writes to is refused, and not waited for.
func TestPipeIsNoTape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.tape")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := tape.Open(path); err == nil {
		r.Close()
		t.Error("it was opened")
	} else if !strings.Contains(err.Error(), path+": it is not a regular file") {
		t.Error(err)
	}
}
