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
	maxLog   = 64 << 20 // bytes in a log file
	maxTail  = 16 << 10 // bytes for the end of an error
	maxLines = 20       // lines at the end of an error
	maxReply = 64 << 10 // bytes of a job's output that go into its outcome
)

// output takes what a command prints. It never fails and never blocks for long:
// a command must not be able to tell that its output is not kept.
type output struct {
	mu      sync.Mutex
	file    *os.File // nil: no log
	logged  int64
	dropped int64
	head    []byte // the first maxHead bytes
	maxHead int
	tail    []byte
	total   int64
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.total += int64(len(p))
	if n := min(o.maxHead-len(o.head), len(p)); n > 0 {
		o.head = append(o.head, p[:n]...)
	}
	o.tail = append(o.tail, p[max(0, len(p)-maxTail):]...)
	if len(o.tail) > 2*maxTail {
		o.tail = append(o.tail[:0], o.tail[len(o.tail)-maxTail:]...)
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
	tail := bytes.TrimSpace(o.tail[max(0, len(o.tail)-maxTail):])
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

// reply returns what was printed first, and how much more there was.
func (o *output) reply() ([]byte, int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.head, o.total - int64(len(o.head))
}
