package tape

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate"
)

// Options say how a tape is written. The zero value is for the evidence of a replay.
type Options struct {
	// Overwrite allows Create to replace what path holds. It is replaced at once,
	// before the first record.
	Overwrite bool

	// Sync makes Append return only once the record is on the medium (fsync), for
	// recording in production. Records that arrive during one sync share the next.
	Sync bool

	// Recipients are who can read the tape, as the configuration names them: age1...,
	// ssh-ed25519 ..., ssh-rsa ..., or a plugin's. None: it is not encrypted.
	Recipients []string
}

// A Writer appends records to a tape. It may be used from many goroutines.
//
// What queues up while a frame is being written goes into the next one together,
// so that many who append at once pay for few writes.
type Writer struct {
	path string
	file *os.File
	sync bool
	turn chan struct{} // held by whoever writes to the file; guards enc, frame, offset and sum

	enc    *zstd.Encoder
	frame  []byte
	offset int64
	crypt  *encrypted // nil: it is not encrypted
	sum    hash.Hash  // over all that was written

	mu     sync.Mutex // guards the rest; taken after turn
	queue  []*group
	spare  [][]byte // of groups that were written
	counts counts
	busy   sync.WaitGroup // calls of Append under way
	closed bool
	err    error // the first failure: nothing is acknowledged after it
}

// A group is records that will share a frame.
type group struct {
	records []byte
	count   int
	done    chan struct{} // closed when written, or failed; err is set before
	err     error
}

// Create makes a tape at path, readable by its owner alone, with h as its header.
// h.Schema may be left 0. The tape is locked until Close or Abort.
//
// A file that is there already is an error that wraps [fs.ErrExist], unless
// opts.Overwrite; one that is in use as a tape is one that wraps [ErrLocked] in
// any case. A process that is killed within Create leaves a file that [Open] calls
// torn for want of a header.
func Create(path string, h gate.Header, opts Options) (*Writer, error) {
	w, err := create(path, h, opts)
	if err != nil {
		return nil, fmt.Errorf("create tape %s: %w", path, err)
	}
	return w, nil
}

func create(path string, h gate.Header, opts Options) (_ *Writer, err error) {
	if h.Schema == 0 {
		h.Schema = gate.Schema
	}
	if err := checkHeader(&h); err != nil {
		return nil, err
	}
	first, err := takeApart(&gate.Record{Kind: gate.KindHeader, Header: &h})
	if err != nil {
		return nil, err
	}
	enc, err := newEncoder()
	if err != nil {
		return nil, err
	}
	start := appendPrefix(nil, formatVersion)
	var crypt *encrypted
	if len(opts.Recipients) > 0 {
		if crypt, start, err = newEncrypted(&h, opts.Recipients); err != nil {
			return nil, err
		}
	}
	flags := os.O_RDWR | os.O_CREATE
	if !opts.Overwrite {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if err != nil {
		if errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("%w; give another name, or allow it to be overwritten", fs.ErrExist)
		}
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	if info, err := file.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	if err := lockToWrite(file); err != nil {
		return nil, err
	}
	w := &Writer{path: path, file: file, sync: opts.Sync, turn: make(chan struct{}, 1), enc: enc, crypt: crypt, sum: sha256.New()}
	if err := w.begin(start, first.appendTo(nil)); err != nil {
		if !opts.Overwrite {
			err = errors.Join(err, os.Remove(path))
		}
		return nil, err
	}
	return w, nil
}

// begin writes what a tape begins with and its header in one go.
func (w *Writer) begin(start, header []byte) (err error) {
	if err := w.file.Truncate(0); err != nil {
		return err
	}
	if w.frame, err = w.appendFrame(start, int64(len(start)), header, 1); err != nil {
		return err
	}
	if _, err := w.file.Write(w.frame); err != nil {
		return err
	}
	w.offset = int64(len(w.frame))
	w.sum.Write(w.frame)
	if !w.sync {
		return nil
	}
	if err := w.file.Sync(); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(w.path))
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func checkHeader(h *gate.Header) error {
	if h.Schema != gate.Schema {
		return fmt.Errorf("its records are of schema %d, and schema %d is what this waybill knows", h.Schema, gate.Schema)
	}
	if h.Content != gate.CorpusTape && h.Content != gate.RunTape {
		return fmt.Errorf("its header says content %q, and it must be %q or %q", h.Content, gate.CorpusTape, gate.RunTape)
	}
	return nil
}

// Append stores records in the order given: stimuli, messages, outcomes and gaps.
// Once it has returned nil they survive a kill of this process. Given many at once
// it needs fewer frames. The records are not kept and not changed.
//
// After a failure to write, which every Append that it concerns returns, so does
// every later one: a tape is whole up to its last acknowledged record. A record
// that cannot be stored by its nature (too large, strings that are not UTF-8,
// [gate.Record.Valid] is false) is an error that leaves the tape as it was.
func (w *Writer) Append(records ...*gate.Record) error {
	if err := w.append(records); err != nil {
		return fmt.Errorf("append to tape %s: %w", w.path, err)
	}
	return nil
}

func (w *Writer) append(records []*gate.Record) error {
	entries := make([]entry, len(records))
	for i, r := range records {
		e, err := takeApart(r)
		if err != nil {
			return err
		}
		if e.kind == kindHeader || e.kind == kindFooter {
			return fmt.Errorf("a %s is written by Create or Close alone", r.Kind)
		}
		entries[i] = e
	}
	w.mu.Lock()
	if err := w.refusal(); err != nil {
		w.mu.Unlock()
		return err
	}
	if len(entries) == 0 {
		w.mu.Unlock()
		return nil
	}
	w.busy.Add(1)
	defer w.busy.Done()
	var last *group
	for i := range entries {
		last = w.enqueue(&entries[i])
	}
	w.mu.Unlock()
	return w.await(last)
}

// refusal is why nothing more is taken, or nil. w.mu is held.
func (w *Writer) refusal() error {
	if w.err != nil {
		return w.err
	}
	if w.closed {
		return ErrClosed
	}
	return nil
}

// enqueue adds e to the last group that waits, or to a new one. w.mu is held.
func (w *Writer) enqueue(e *entry) *group {
	w.counts.add(e.kind)
	var g *group
	if n := len(w.queue); n > 0 && len(w.queue[n-1].records)+e.size() <= shareLimit {
		g = w.queue[n-1]
	} else {
		g = &group{done: make(chan struct{})}
		if n := len(w.spare); n > 0 {
			g.records, w.spare = w.spare[n-1][:0], w.spare[:n-1]
		}
		w.queue = append(w.queue, g)
	}
	g.records = e.appendTo(slices.Grow(g.records, e.size()))
	g.count++
	return g
}

// await returns once g is written or failed. Whoever of those that wait gets the
// turn writes, in order of arrival, up to its own group.
func (w *Writer) await(g *group) error {
	select {
	case <-g.done:
		return g.err
	case w.turn <- struct{}{}:
	}
	defer func() { <-w.turn }()
	runtime.Gosched() // who is about to append gets to: what comes meanwhile shares the frame
	for {
		select {
		case <-g.done:
			return g.err
		default:
			w.writeNext()
		}
	}
}

// writeNext writes the group that has waited longest. The turn is held.
func (w *Writer) writeNext() {
	w.mu.Lock()
	g := w.queue[0]
	w.queue = slices.Delete(w.queue, 0, 1)
	err := w.err
	w.mu.Unlock()

	if err == nil {
		err = w.write(g.records, g.count)
	}
	w.mu.Lock()
	if err != nil && w.err == nil {
		w.err = err
	}
	if cap(g.records) <= 2*shareLimit && len(w.spare) < 2 { // one is written while one fills
		w.spare = append(w.spare, g.records)
	}
	w.mu.Unlock()
	g.records, g.err = nil, err
	close(g.done)
}

// write puts one frame at the end of the file. The turn is held.
func (w *Writer) write(records []byte, count int) error {
	var err error
	if w.frame, err = w.appendFrame(w.frame[:0], w.offset, records, count); err != nil {
		return err
	}
	return w.store()
}

// appendFrame appends the frame of records that will stand at offset.
func (w *Writer) appendFrame(dst []byte, offset int64, records []byte, count int) ([]byte, error) {
	if w.crypt != nil {
		return w.crypt.appendFrame(dst, w.enc, offset, records, count)
	}
	return appendFrame(dst, w.enc, offset, records, count), nil
}

// store puts w.frame at the end of the file. The turn is held.
func (w *Writer) store() error {
	n, err := w.file.Write(w.frame)
	w.offset += int64(n)
	w.sum.Write(w.frame[:n])
	if cap(w.frame) > 2*shareLimit {
		w.frame = nil
	}
	if err == nil && w.sync {
		err = w.file.Sync()
	}
	return err
}

// Close waits for what is being appended, writes the footer and closes the tape.
// The footer's counts of records are filled in here; Accepted, Refused and Quiet
// are f's. A nil error means that the whole tape is stored at the path that it was
// created with.
func (w *Writer) Close(f gate.Footer) error {
	if err := w.close(f); err != nil {
		return fmt.Errorf("close tape %s: %w", w.path, err)
	}
	return nil
}

// Sum is SHA-256 over every byte that was written, in hexadecimal, to be called when the
// tape was closed. It is of what was to be stored and not of what the file holds: see [FileSum].
func (w *Writer) Sum() string { return hex.EncodeToString(w.sum.Sum(nil)) }

// FileSum is SHA-256 over every byte of a file, in hexadecimal.
func FileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (w *Writer) close(f gate.Footer) error {
	if err := w.stop(); err != nil {
		return err
	}
	f.Stimuli, f.Messages, f.Outcomes, f.Gaps = w.counts.stimuli, w.counts.messages, w.counts.outcomes, w.counts.gaps
	err := w.err
	if err == nil {
		err = w.writeFooter(&f)
	}
	if err == nil {
		err = w.inPlace()
	}
	return errors.Join(err, w.file.Close())
}

func (w *Writer) writeFooter(f *gate.Footer) error {
	e, err := takeApart(&gate.Record{Kind: gate.KindFooter, Footer: f})
	if err != nil {
		return err
	}
	records := e.appendTo(nil)
	if w.crypt == nil {
		return w.write(records, 1)
	}
	if w.frame, err = w.appendFrame(w.frame[:0], w.offset, records, 1); err == nil {
		w.frame, err = w.crypt.appendTrailer(w.frame, w.offset, w.counts)
	}
	if err != nil {
		return err
	}
	return w.store()
}

// inPlace makes sure that what was written is what path leads to.
func (w *Writer) inPlace() error {
	mine, err := w.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(w.path)
	if err != nil {
		return fmt.Errorf("it was moved or removed while it was written: %w", err)
	}
	if !os.SameFile(mine, there) {
		return errors.New("it was replaced by another file while it was written")
	}
	return nil
}

// Abort closes the tape without a footer: what was appended can be read, and
// reading ends in a [TornError].
func (w *Writer) Abort() error {
	err := w.stop()
	if err == nil {
		err = w.file.Close()
	}
	if err != nil {
		return fmt.Errorf("abort tape %s: %w", w.path, err)
	}
	return nil
}

// stop takes nothing more and waits for what was taken. Only its first call
// succeeds; after that the writer is the caller's alone.
func (w *Writer) stop() error {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return ErrClosed
	}
	w.closed = true
	w.mu.Unlock()
	w.busy.Wait()
	return nil
}
