package build

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Bounds of what is kept of a command's output.
const (
	maxLog    = 64 << 20 // bytes in a log file
	leastTail = 16 << 10 // bytes for the end of an error
	maxLines  = 20       // lines at the end of an error
	maxReply  = 64 << 10 // bytes of a job's output that go into its outcome
)

// output takes what a command prints. It never fails and never blocks for long:
// a command must not be able to tell that its output is not kept.
type output struct {
	mu      sync.Mutex
	file    *os.File // nil: no log
	logged  int64
	dropped int64
	tail    []byte // the last bytes
	maxTail int    // how many of them are kept, if more than leastTail
	total   int64
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(p))
	keep := max(o.maxTail, leastTail)
	o.tail = append(o.tail, p[max(0, len(p)-keep):]...)
	if len(o.tail) > 2*keep {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-keep:]...)
	}
	if o.file != nil {
		keep := p[:min(int64(len(p)), maxLog-o.logged)]
		n, err := o.file.Write(keep)
		o.logged += int64(n)
		o.dropped += int64(len(p) - n)
		if err != nil {
			o.logged = maxLog // a full disk is not asked again
		}
	}
	return len(p), nil
}

// Close ends the log. What was left out is told at its end.
func (o *output) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file == nil {
		return nil
	}
	if o.dropped > 0 {
		_, _ = fmt.Fprintf(o.file, "\n[waybill: %d bytes more were not kept]\n", o.dropped)
	}
	err := o.file.Close()
	o.file = nil
	return err
}

// last returns the last lines in a form that is safe to print.
func (o *output) last() string {
	o.mu.Lock()
	tail := bytes.TrimSpace(o.tail[max(0, len(o.tail)-leastTail):])
	o.mu.Unlock()
	lines := strings.Split(string(tail), "\n")
	lines = lines[max(0, len(lines)-maxLines):]
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r':
			return -1
		case r == utf8.RuneError || !unicode.IsPrint(r):
			return '\uFFFD'
		}
		return r
	}, strings.Join(lines, "\n"))
}

// withLast puts the last lines after what is said.
func (o *output) withLast(said string) string {
	if last := o.last(); last != "" {
		return said + "; last output:\n" + last
	}
	return said + "; it printed nothing"
}

// reply returns what was printed last, and how much there was before it.
func (o *output) reply() ([]byte, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.tail[max(0, len(o.tail)-o.maxTail):]
	if len(last) == 0 {
		last = nil
	}
	return bytes.Clone(last), o.total - int64(len(last))
}
