package tape

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"syscall"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate"
)

// A Reader reads one tape. Next is for one goroutine; At and Digest may be called
// from many, beside it.
type Reader struct {
	path   string
	file   *os.File
	dec    *zstd.Decoder
	header gate.Header
	format byte
	keys   keyBlock // of an encrypted tape
	crypt  *crypt   // the same; nil where it is not
	first  int64    // where the first frame stands
	cursor *cursor  // stands after the header
	footer *gate.Footer
	err    error // what ended Next
}

// Open opens the tape at path and reads its header. A tape that is being written
// can be opened: it reads as torn at the end of what there is. One of a newer
// format or schema is refused. While a tape is
// open no writer can replace it, where the file system has locks. An encrypted tape
// is a *[KeyError] without a key that fits: see [Keys.Open].
func Open(path string) (*Reader, error) { return Keys{}.Open(path) }

// Open is the function of that name, and opens encrypted tapes as well.
func (k Keys) Open(path string) (*Reader, error) {
	r, err := openFile(path)
	if err != nil {
		return nil, err
	}
	if err := r.begin(k); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openFile opens the file at path, and reads nothing of it.
func openFile(path string) (*Reader, error) {
	// A pipe that nobody writes to would keep a blocking open waiting for ever.
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open tape: %w", err)
	}
	return &Reader{path: path, file: file, first: prefixSize}, nil
}

func (r *Reader) begin(k Keys) error {
	if err := r.start(); err != nil {
		return err
	}
	var err error
	if r.dec, err = newDecoder(); err != nil {
		return fmt.Errorf("open tape %s: %w", r.path, err)
	}
	if r.Encrypted() {
		if err := r.decrypt(k); err != nil {
			return err
		}
	}
	r.cursor = r.newCursor()
	first, pos, err := r.cursor.next()
	if err != nil {
		return err
	}
	return r.checkFirst(first, pos)
}

// start reads what stands before the first frame.
func (r *Reader) start() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("open tape: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open tape %s: it is not a regular file", r.path)
	}
	// A tape that cannot be locked can still be read: a writer that replaced it
	// under our eyes would show in the checksums.
	_ = lockToRead(r.file)
	if r.format, err = r.checkPrefix(); err != nil {
		return err
	}
	if r.Encrypted() {
		return r.readKeys()
	}
	return nil
}

// checkPrefix tells a tape, a torn one and a newer one from any other file, and
// gives the version of its format.
func (r *Reader) checkPrefix() (version byte, err error) {
	want := appendPrefix(nil, formatVersion)
	have := make([]byte, prefixSize)
	n, err := r.file.ReadAt(have, 0)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read tape: %w", err)
	}
	const known = prefixSize - 1
	if !bytes.Equal(have[:min(n, known)], want[:min(n, known)]) {
		return 0, fmt.Errorf("open tape %s: it is not a tape, or its first %d bytes are damaged", r.path, prefixSize)
	}
	if n < prefixSize {
		return 0, r.torn(0, fmt.Sprintf("it has only %d bytes, and no header: it was not created whole", n))
	}
	switch v := have[known]; {
	case v == formatVersion || v == encryptedVersion:
		return v, nil
	case v > encryptedVersion:
		return 0, fmt.Errorf("open tape %s: it is of format %d, and this waybill reads formats %d and %d: use the waybill that wrote it, or a newer one; or byte %d is damaged", r.path, v, formatVersion, encryptedVersion, known)
	default:
		return 0, &DamagedError{r.path, 0, fmt.Sprintf("there is no format %d", v)}
	}
}

// checkFirst takes the first record as the header, and no schema but our own.
func (r *Reader) checkFirst(first raw, pos position) error {
	if first.kind != kindHeader {
		return r.damaged(pos, errors.New("its first record is not a header"))
	}
	schema, err := first.schema()
	if err != nil {
		return r.damaged(pos, fmt.Errorf("its header cannot be read: %w", err))
	}
	if schema > gate.Schema {
		return fmt.Errorf("open tape %s: its records are of schema %d, and this waybill reads schema %d: use the waybill that wrote it, or a newer one", r.path, schema, gate.Schema)
	}
	rec, err := first.decode()
	if err == nil {
		err = checkHeader(rec.Header)
	}
	if err != nil {
		return r.damaged(pos, err)
	}
	r.header = *rec.Header
	return nil
}

func (r *Reader) damaged(pos position, err error) error {
	return &DamagedError{r.path, pos.offset, err.Error()}
}

func (r *Reader) torn(offset int64, reason string) error {
	return &TornError{r.path, offset, reason, errors.Is(lockToRead(r.file), ErrLocked)}
}

// Close closes the file. The Reader cannot be used after it.
func (r *Reader) Close() error {
	if r.dec != nil {
		r.dec.Close()
	}
	return r.file.Close()
}

// Header is the tape's first record.
func (r *Reader) Header() gate.Header { return r.header }

// Footer is the tape's last record. It is known once Next has returned io.EOF.
func (r *Reader) Footer() (f gate.Footer, known bool) {
	if r.footer == nil {
		return gate.Footer{}, false
	}
	return *r.footer, true
}

// Next returns the next stimulus, message, outcome or gap, and where it stands.
// The record is the caller's; its Head and Body share memory with up to 256 KiB of
// neighbours, which matters to those who keep few of many.
//
// The error is io.EOF only after a footer that agrees with what was read. It is a
// *[TornError] where the tape ends early and a *[DamagedError] where its bytes are
// not as they were written. Once there was an error it stays.
func (r *Reader) Next() (gate.Record, gate.Ref, error) {
	if r.err != nil {
		return gate.Record{}, gate.Ref{}, r.err
	}
	rec, ref, err := r.next()
	if err != nil {
		r.err = err
		return gate.Record{}, gate.Ref{}, err
	}
	return rec, ref, nil
}

func (r *Reader) next() (gate.Record, gate.Ref, error) {
	raw, pos, err := r.cursor.next()
	if err != nil {
		return gate.Record{}, gate.Ref{}, err
	}
	rec, err := raw.decode()
	if err != nil {
		return gate.Record{}, gate.Ref{}, r.damaged(pos, err)
	}
	if rec.Footer == nil {
		return rec, r.ref(&rec, pos), nil
	}
	if err := r.cursor.end(rec.Footer, pos); err != nil {
		return gate.Record{}, gate.Ref{}, err
	}
	r.footer = rec.Footer
	return gate.Record{}, gate.Ref{}, io.EOF
}

func (r *Reader) ref(rec *gate.Record, pos position) gate.Ref {
	ref := gate.Ref{Tape: r.path, Offset: pos.offset, Index: pos.index}
	if rec.Message != nil {
		ref.Seq = rec.Message.Seq
	}
	return ref
}

// At returns the record that ref, which Next gave, points at. It is an error where
// ref is of a tape of another name, or something else stands there; a Seq of 0 is
// not known, and not checked. It may be
// called from many goroutines, and on a tape whose end is torn.
func (r *Reader) At(ref gate.Ref) (gate.Record, error) {
	rec, err := r.at(ref)
	if err != nil {
		return gate.Record{}, fmt.Errorf("look up record %d at byte %d of tape %s: %w", ref.Index, ref.Offset, r.path, err)
	}
	return rec, nil
}

func (r *Reader) at(ref gate.Ref) (gate.Record, error) {
	if ref.Tape != "" && filepath.Base(ref.Tape) != filepath.Base(r.path) {
		return gate.Record{}, fmt.Errorf("the reference is into tape %s", ref.Tape)
	}
	if ref.Offset < r.first || ref.Index < 0 {
		return gate.Record{}, errors.New("there is no such place on a tape")
	}
	c := r.cursorAt(ref.Offset)
	raw, pos, err := c.next()
	for err == nil && pos.index < ref.Index && len(c.records) > 0 {
		raw, pos, err = c.next()
	}
	if err != nil {
		return gate.Record{}, err
	}
	if pos.index != ref.Index {
		return gate.Record{}, fmt.Errorf("the frame holds %d records", pos.index+1)
	}
	rec, err := raw.decode()
	if err != nil {
		return gate.Record{}, r.damaged(pos, err)
	}
	if have := r.ref(&rec, pos); ref.Seq != 0 && have.Seq != ref.Seq {
		return gate.Record{}, fmt.Errorf("message %d stands where message %d was", have.Seq, ref.Seq)
	}
	return rec, nil
}

// All reads the tape at path from header to footer, both of which it yields too.
// After an error, which is as those of [Open] and [Reader.Next], it yields nothing.
func All(path string) iter.Seq2[gate.Record, error] { return Keys{}.All(path) }

// All is the function of that name, and reads encrypted tapes as well.
func (k Keys) All(path string) iter.Seq2[gate.Record, error] {
	return func(yield func(gate.Record, error) bool) {
		r, err := k.Open(path)
		if err != nil {
			yield(gate.Record{}, err)
			return
		}
		defer r.Close()
		h := r.Header()
		if !yield(gate.Record{Kind: gate.KindHeader, Header: &h}, nil) {
			return
		}
		for {
			rec, _, err := r.Next()
			if err == io.EOF {
				yield(gate.Record{Kind: gate.KindFooter, Footer: r.footer}, nil)
				return
			}
			if !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

// A position is where a record stands.
type position struct {
	offset int64 // of its frame, in bytes
	index  int   // in its frame
}

// A cursor goes over raw records from one frame on. It keeps to the order of
// kinds: one header, the others, one footer, nothing.
type cursor struct {
	r       *Reader
	in      *bufio.Reader
	pos     position // of the record that next will return
	after   int64    // where the frame that pos is in ends
	stored  []byte
	plain   []byte // where it is encrypted: the same, decrypted
	records []byte // what is left of that frame
	left    int    // how many records that should be
	frames  int
	undone  int64 // bytes of records
	counts  counts
	claims  *Claims // of the trailer, once that was read; nil where it is not encrypted
}

func (r *Reader) newCursor() *cursor { return r.cursorAt(r.first) }

func (r *Reader) cursorAt(offset int64) *cursor {
	const rest = 1<<63 - 1
	in := io.NewSectionReader(r.file, offset, rest-offset)
	return &cursor{r: r, in: bufio.NewReaderSize(in, shareLimit/4), after: offset}
}

// next returns the next record of any kind, header and footer included.
func (c *cursor) next() (raw, position, error) {
	if len(c.records) == 0 {
		if err := c.load(); err != nil {
			return raw{}, position{}, err
		}
	}
	pos := c.pos
	rec, rest, err := split(c.records)
	if err != nil {
		return raw{}, position{}, c.r.damaged(pos, err)
	}
	c.records = rest
	c.left--
	c.pos.index++
	if (c.left == 0) != (len(rest) == 0) {
		return raw{}, position{}, c.r.damaged(pos, errors.New("a frame does not hold as many records as it declares"))
	}
	if first := pos == (position{c.r.first, 0}); (rec.kind == kindHeader) != first {
		return raw{}, position{}, c.r.damaged(pos, errors.New("a header must be the first record, and no other"))
	}
	c.counts.add(rec.kind)
	return rec, pos, nil
}

// load reads the next frame.
func (c *cursor) load() error {
	f, err := c.fetch()
	if err != nil {
		return err
	}
	if f.isBlock() {
		return c.r.damaged(c.pos, errors.New("its trailer stands where its footer should"))
	}
	if c.records, err = c.undo(f); err != nil {
		return c.r.damaged(c.pos, err)
	}
	c.left = f.count
	c.frames++
	c.undone += int64(f.raw)
	return nil
}

// fetch reads the next header, and into c.stored what stands behind it.
func (c *cursor) fetch() (header, error) {
	c.pos = position{offset: c.after}
	var h [headerSize]byte
	if n, err := readPart(c.in, h[:]); err != nil {
		return header{}, c.cut(err, n, headerSize, "a frame's header")
	}
	f, err := c.r.frameHeader(&h, c.pos.offset)
	if err != nil {
		return header{}, c.r.damaged(c.pos, err)
	}
	if err := c.room(f.stored); err != nil {
		return header{}, err
	}
	if cap(c.stored) < f.stored || cap(c.stored) > 2*shareLimit {
		c.stored = make([]byte, f.stored)
	}
	c.stored = c.stored[:f.stored]
	if n, err := readPart(c.in, c.stored); err != nil {
		return header{}, c.cut(err, n, f.stored, "a frame")
	}
	if err := f.check(c.stored); err != nil {
		return header{}, c.r.damaged(c.pos, err)
	}
	c.after = c.pos.offset + headerSize + int64(f.stored)
	return f, nil
}

// room makes sure, before memory is taken for them, that the file has n bytes more.
func (c *cursor) room(n int) error {
	info, err := c.r.file.Stat()
	if err != nil {
		return fmt.Errorf("read tape: %w", err)
	}
	if have := info.Size() - c.pos.offset - headerSize; have < int64(n) {
		return c.cut(io.ErrUnexpectedEOF, int(max(have, 0)), n, "a frame")
	}
	return nil
}

// cut is the error for a read that found n of want bytes.
func (c *cursor) cut(err error, n, want int, what string) error {
	switch {
	case err != io.ErrUnexpectedEOF:
		return fmt.Errorf("read tape: %w", err)
	case n == 0 && want == headerSize && c.pos.offset > c.r.first:
		return c.r.torn(c.pos.offset, "it has no footer: it was not closed")
	}
	return c.r.torn(c.pos.offset, fmt.Sprintf("it ends after %d of the %d bytes of %s", n, want, what))
}

// end makes sure that f, found at pos, agrees with what came before and is the last.
func (c *cursor) end(f *gate.Footer, pos position) error {
	if said := countsOf(f); said != c.counts {
		return c.r.damaged(pos, fmt.Errorf("its footer counts %v, and before it stand %v", said, c.counts))
	}
	if len(c.records) == 0 {
		if err := c.trailer(); err != nil {
			return err
		}
		return c.atEnd()
	}
	return c.r.damaged(position{offset: c.after}, errors.New("something stands after the footer"))
}
