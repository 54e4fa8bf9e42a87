package corpus

import (
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A NotFoundError says that a corpus has no stimulus of that id.
type NotFoundError struct{ Path, ID string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf("there is no stimulus %q in %s", e.ID, e.Path)
}

// Find gives the stimulus of that id in the corpus at path. It reads up to it, and
// what stands behind it is not looked at.
func Find(k tape.Keys, path, id string) (*gate.Stimulus, error) {
	r, err := k.Open(path)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		rec, _, err := r.Next()
		if err == io.EOF {
			return nil, &NotFoundError{path, id}
		}
		if err != nil {
			return nil, err
		}
		if rec.Stimulus != nil && rec.Stimulus.ID == id {
			return rec.Stimulus, nil
		}
	}
}
