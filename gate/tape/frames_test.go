package tape_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// The frames hold what reading on gives, header and footer besides.
func TestFrames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tape")
	w := create(t, path, run())
	for i := range 40 {
		if err := w.Append(message(uint64(3*i+1), letter(i*1000)), message(uint64(3*i+2), letter(100)), message(uint64(3*i+3), letter(10))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	type found struct {
		Record gate.Record
		Ref    gate.Ref
	}
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var want, got []found
	for {
		rec, ref, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, found{rec, ref})
	}
	for f, err := range r.Frames() {
		if err != nil {
			t.Fatal(err)
		}
		records, refs, err := r.Frame(f.Offset)
		if err != nil {
			t.Fatal(err)
		}
		if len(records) != f.Records || len(refs) != f.Records {
			t.Errorf("frame at %d: %d records and %d references, want %d", f.Offset, len(records), len(refs), f.Records)
		}
		for i, rec := range records {
			if rec.Kind != gate.KindHeader && rec.Kind != gate.KindFooter {
				got = append(got, found{rec, refs[i]})
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records of frames (-read on +frames):\n%s", diff)
	}
	if _, _, err := r.Frame(0); err == nil {
		t.Error("a frame was read where none is")
	}
}

// A tape that was cut or altered within a frame's header is said to be.
func TestFramesDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tape")
	w := create(t, path, run())
	if err := w.Append(message(1, letter(100))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	last := func() error {
		r, err := tape.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, err = range r.Frames() {
		}
		return err
	}
	if err := last(); err != nil {
		t.Fatal(err)
	}
	var footer int64
	r, err := tape.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	for f := range r.Frames() {
		footer = f.Offset
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for cut := footer + 1; cut < footer+40; cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		var torn *tape.TornError
		if err := last(); !errors.As(err, &torn) {
			t.Errorf("cut at byte %d: %v", cut, err)
		}
	}
	for i := footer; i < footer+40; i++ {
		altered := append([]byte(nil), whole...)
		altered[i] ^= 4
		if err := os.WriteFile(path, altered, 0o600); err != nil {
			t.Fatal(err)
		}
		var damaged *tape.DamagedError
		if err := last(); !errors.As(err, &damaged) {
			t.Errorf("byte %d altered: %v", i, err)
		}
	}
}
