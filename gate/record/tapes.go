package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A Store is a tape that is being written, as the recorder needs it. Append returns
// nil once the records survive a kill of the process, Sync once they survive a loss of
// power too. Append of no records says whether the store can still be written.
type Store interface {
	Append(...*gate.Record) error
	Sync() error
	Size() (int64, error) // bytes on disk so far
	Close(gate.Footer) error
	Abort() error
}

// opener makes tapes of package tape.
func opener(recipients []string) func(string, gate.Header) (Store, error) {
	return func(path string, h gate.Header) (Store, error) {
		w, err := tape.Create(path, h, tape.Options{Recipients: recipients})
		if err != nil {
			return nil, err
		}
		f, err := os.Open(path)
		if err == nil {
			err = errors.Join(f.Sync(), syncFolder(filepath.Dir(path)))
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("create tape %s: %w", path, err), w.Abort())
		}
		return &file{w, f}, nil
	}
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// A file is a tape with a handle of the recorder's own, by which it is synced apart
// from being written: so that traffic that need not wait for the medium does not.
type file struct {
	*tape.Writer
	handle *os.File
}

func (f *file) Sync() error { return f.handle.Sync() }

func (f *file) Size() (int64, error) {
	info, err := f.handle.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f *file) Close(footer gate.Footer) error {
	return errors.Join(f.Writer.Close(footer), f.handle.Sync(), f.handle.Close())
}

func (f *file) Abort() error { return errors.Join(f.Writer.Abort(), f.handle.Close()) }

// tapes are what is written, one after the other. They are used by the goroutine that
// writes alone.
type tapes struct {
	store   Store // nil: there is none at present
	path    string
	number  int
	began   time.Time
	stimuli uint64
	footer  gate.Footer

	retryAt time.Time     // of opening another, where there is none
	pause   time.Duration // before the attempt after that

	closedInOrder, torn []string
}

const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
	stampForm  = "20060102T150405Z"
)

// open begins a tape. Its name is behind those of all tapes that are there, whatever
// the clock says: NAME-YYYYMMDDTHHMMSSZ-NNNN.tape.
func (t *tapes) open(o *Options) error {
	stamp, number, err := latest(o.Folder, o.Name)
	if err != nil {
		return fmt.Errorf("record: look for tapes in %s: %w", o.Folder, err)
	}
	now := o.Now()
	stamp = max(stamp, now.UTC().Format(stampForm))
	number = max(number, t.number) + 1
	path := filepath.Join(o.Folder, fmt.Sprintf("%s-%s-%04d.tape", o.Name, stamp, number))
	h := o.Header
	h.At = now.UnixNano()
	if o.Retain > 0 {
		h.RetainUntil = now.Add(o.Retain).UnixNano()
	}
	s, err := o.Open(path, h)
	if err != nil {
		return err
	}
	*t = tapes{store: s, path: path, number: number, began: now, pause: t.pause, closedInOrder: t.closedInOrder, torn: t.torn}
	return nil
}

// latest is the last stamp and the highest number among the tapes of that name.
func latest(folder, name string) (stamp string, number int, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", 0, err
	}
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), name+"-")
		rest, tape := strings.CutSuffix(rest, ".tape")
		s, n, ok := strings.Cut(rest, "-")
		if _, err := time.Parse(stampForm, s); !ours || !tape || !ok || err != nil {
			continue
		}
		if n, err := strconv.Atoi(n); err == nil && n > 0 {
			stamp, number = max(stamp, s), max(number, n)
		}
	}
	return stamp, number, nil
}

// used reports whether anything stands on the tape but its header.
func (t *tapes) used() bool { return t.stimuli+t.footer.Accepted+t.footer.Gaps > 0 }

// full reports whether the next tape is due.
func (t *tapes) full(o *Options) bool {
	if t.store == nil || !t.used() {
		return false
	}
	if o.RotateEvery > 0 && o.Now().Sub(t.began) >= o.RotateEvery {
		return true
	}
	if o.RotateSize <= 0 {
		return false
	}
	size, err := t.store.Size()
	return err == nil && size >= o.RotateSize
}

// shut ends the tape in order.
func (t *tapes) shut() error {
	s := t.store
	t.store = nil
	err := s.Close(gate.Footer{Accepted: t.footer.Accepted})
	if err != nil {
		t.torn = append(t.torn, t.path)
		return err
	}
	t.closedInOrder = append(t.closedInOrder, t.path)
	return nil
}

// giveUp leaves a tape that cannot be written any more: it stays torn after its last
// acknowledged record, or is removed where it has none.
func (t *tapes) giveUp() {
	t.store.Abort() // its failure adds nothing to the one before
	t.store = nil
	if !t.used() && os.Remove(t.path) == nil {
		return
	}
	t.torn = append(t.torn, t.path)
}
