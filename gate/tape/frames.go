package tape

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/waybill-dev/waybill/gate"
)

// A Frame is some records that stand together on a tape.
type Frame struct {
	Offset  int64 // in the file, in bytes: that of their [gate.Ref]
	Records int   // header and footer included
}

// Frames yields the frames of the tape by what their headers say, which is all that
// is read and checked of them. After an error, as those of [Reader.Next], it yields
// nothing; that the tape ends early is not seen where it ends between two frames.
func (r *Reader) Frames() iter.Seq2[Frame, error] {
	return func(yield func(Frame, error) bool) {
		info, err := r.file.Stat()
		if err != nil {
			yield(Frame{}, fmt.Errorf("read tape: %w", err))
			return
		}
		for offset := r.first; offset < info.Size(); {
			var h [headerSize]byte
			if n, err := r.file.ReadAt(h[:], offset); n < headerSize {
				if err != io.EOF {
					yield(Frame{}, fmt.Errorf("read tape: %w", err))
				} else {
					yield(Frame{}, r.torn(offset, fmt.Sprintf("it ends after %d of the %d bytes of a frame's header", n, headerSize)))
				}
				return
			}
			f, err := r.frameHeader(&h, offset)
			if err != nil {
				yield(Frame{}, r.damaged(position{offset: offset}, err))
				return
			}
			if f.isBlock() {
				return // the trailer
			}
			if !yield(Frame{offset, f.count}, nil) {
				return
			}
			offset += headerSize + int64(f.stored)
		}
	}
}

// Frame returns the records of the frame at offset, and where they stand. It may be
// called from many goroutines. The errors are those of [Reader.Next].
func (r *Reader) Frame(offset int64) ([]gate.Record, []gate.Ref, error) {
	if offset < r.first {
		return nil, nil, fmt.Errorf("read the frame at byte %d of tape %s: %w", offset, r.path, errors.New("there is no such place on a tape"))
	}
	var records []gate.Record
	var refs []gate.Ref
	for c := r.cursorAt(offset); len(records) == 0 || len(c.records) > 0; {
		raw, pos, err := c.next()
		if err != nil {
			return nil, nil, err
		}
		rec, err := raw.decode()
		if err != nil {
			return nil, nil, r.damaged(pos, err)
		}
		records = append(records, rec)
		refs = append(refs, r.ref(&rec, pos))
	}
	return records, refs, nil
}
