package importer

// Bounds of what a [Window] keeps back.
const (
	windowEntries = 4096
	windowBytes   = 8 << 20
)

// A Window keeps what was begun in the order in which it was begun, while answers are
// awaited. It is bounded: what would not fit makes the oldest leave unanswered, though
// one entry may always wait, however large it is. The zero value is ready.
type Window struct {
	waiting []*Entry
	bytes   int64
}

// An Entry is what one request came to, held back until it is answered.
type Entry struct {
	Items []Item // as [Output.Put] takes them; the record is the first
	Size  int64  // about how much memory it takes, in bytes

	done bool
	left bool
}

// Begin puts e behind what was begun before.
func (w *Window) Begin(e *Entry) {
	w.waiting = append(w.waiting, e)
	w.bytes += e.Size
}

// Done says that nothing more is awaited of e.
func (e *Entry) Done() { e.done = true }

// Left reports whether e has gone out, and can be changed no more.
func (e *Entry) Left() bool { return e.left }

// Grow says that e takes n more bytes.
func (w *Window) Grow(e *Entry, n int64) {
	e.Size += n
	w.bytes += n
}

// Release hands out, oldest first, what is done and what does not fit. At the end of a
// source all of it goes out. It reports whether to go on.
func (w *Window) Release(out *Output, end bool) bool {
	for len(w.waiting) > 0 {
		e := w.waiting[0]
		full := len(w.waiting) > windowEntries || w.bytes > windowBytes && len(w.waiting) > 1
		if !e.done && !end && !full {
			break
		}
		w.waiting[0] = nil
		w.waiting = w.waiting[1:]
		w.bytes -= e.Size
		e.left = true
		if !out.Put(e.Items...) {
			return false
		}
		e.Items = nil
	}
	if len(w.waiting) == 0 {
		w.waiting = nil
	}
	return true
}
