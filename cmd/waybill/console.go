package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/waybill-dev/waybill/gate"
)

// A console is a terminal at which a person is asked: single keys, and lines that can
// be edited. What was typed before a question was shown does not answer it.
type console struct {
	in, out *os.File
	before  *term.State
	ctx     context.Context
	typed   chan []byte // closed where nothing can come any more
	rest    []byte      // of what was typed, not yet read
}

// interrupt is what a terminal sends for Ctrl-C where the kernel does not act on it.
const interrupt = 0x03

// openConsole takes a terminal over until it is closed. The end of ctx ends every question.
func openConsole(ctx context.Context, in, out *os.File) (*console, error) {
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, fmt.Errorf("take over the terminal: %w", err)
	}
	t := &console{in: in, out: out, before: before, ctx: ctx, typed: make(chan []byte)}
	go t.listen()
	return t, nil
}

// close gives the terminal back as it was.
func (t *console) close() error {
	if err := term.Restore(int(t.in.Fd()), t.before); err != nil {
		return fmt.Errorf("give the terminal back: %w", err)
	}
	return nil
}

// listen passes on what is typed. It stays until the process or the terminal ends:
// a read of a terminal cannot be called off.
func (t *console) listen() {
	defer close(t.typed)
	for {
		b := make([]byte, 256)
		n, err := t.in.Read(b)
		if n > 0 {
			select {
			case t.typed <- b[:n]:
			case <-t.ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// drop forgets what has been typed until now.
func (t *console) drop() {
	t.rest = nil
	for {
		select {
		case _, ok := <-t.typed:
			if !ok {
				return
			}
		default:
			return
		}
	}
}

// next waits for what is typed next.
func (t *console) next() ([]byte, error) {
	select {
	case b, ok := <-t.typed:
		switch {
		case !ok:
			return nil, &failure{code: gate.ExitTerminated, err: errors.New("the terminal is gone: nothing was written")}
		case bytes.IndexByte(b, interrupt) >= 0:
			return nil, &failure{code: gate.ExitInterrupted, err: errors.New("interrupted: nothing was written")}
		}
		return b, nil
	case <-t.ctx.Done():
		return nil, context.Cause(t.ctx)
	}
}

// Read is for package term, which reads lines from a console.
func (t *console) Read(b []byte) (int, error) {
	if len(t.rest) == 0 {
		var err error
		if t.rest, err = t.next(); err != nil {
			return 0, err
		}
	}
	n := copy(b, t.rest)
	t.rest = t.rest[n:]
	return n, nil
}

// Write ends lines as a terminal in raw mode wants it.
func (t *console) Write(b []byte) (int, error) {
	if _, err := t.out.Write(bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// say writes text, of which all that is not ours has been made printable. Where it
// cannot be written, nothing can be asked either, and the next question says so.
func (t *console) say(format string, args ...any) { fmt.Fprintf(t, format, args...) }

// complain says why something was not taken.
func (t *console) complain(err error) { t.say("%s\n", printable(err.Error())) }

// size is how many columns and rows the terminal has.
func (t *console) size() (width, height int) {
	width, height, err := term.GetSize(int(t.out.Fd()))
	if err != nil || width < 1 || height < 1 {
		return 80, 24
	}
	return width, height
}

// choose asks for one of the keys, and answers with it. No other key does anything:
// Enter has no meaning, and keys that send a sequence (arrows, functions) none either.
func (t *console) choose(question, keys string) (byte, error) {
	t.drop()
	t.say("%s", question)
	var sequence escapes
	for {
		typed, err := t.next()
		if err != nil {
			return 0, err
		}
		for _, b := range typed {
			if !sequence.holds(b) && strings.IndexByte(keys, b) >= 0 {
				t.say("%c\n", b)
				return b, nil
			}
		}
	}
}

// escapes follows the sequences that keys such as the arrows send (ECMA-48, 5.4).
type escapes struct{ state int }

const (
	outside = iota
	escaped // after ESC
	control // after ESC [, until the final byte
	single  // after ESC O: one byte
)

// holds reports whether b is part of a sequence.
func (e *escapes) holds(b byte) bool {
	switch {
	case b == 0x1b:
		e.state = escaped
		return true
	case e.state == escaped && b == '[':
		e.state = control
		return true
	case e.state == escaped && b == 'O':
		e.state = single
		return true
	case e.state == control:
		if 0x40 <= b && b <= 0x7e {
			e.state = outside
		}
		return true
	case e.state != outside:
		e.state = outside
		return true
	}
	return false
}

// ask asks for a line, without the white space around it. The lines of past, to which it
// is added, can be brought back with the arrows. Ctrl-D on an empty line gives an empty answer.
func (t *console) ask(question string, past *pastLines) (string, error) {
	t.drop()
	line := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{t, t.out}, question)
	line.History = past
	width, height := t.size()
	if err := line.SetSize(width, height); err != nil {
		return "", fmt.Errorf("ask at the terminal: %w", err)
	}
	text, err := line.ReadLine()
	if errors.Is(err, io.EOF) {
		t.say("\n")
		return "", nil
	}
	if err != nil {
		t.say("\n")
		return "", err
	}
	return strings.TrimSpace(text), nil
}

// pastLines are the answers that one question was given.
type pastLines struct{ lines []string }

// Add remembers a line.
func (p *pastLines) Add(line string) {
	if line != "" {
		p.lines = append(p.lines, line)
	}
}

// Len is how many there are.
func (p *pastLines) Len() int { return len(p.lines) }

// At is the i-th from the newest.
func (p *pastLines) At(i int) string { return p.lines[len(p.lines)-1-i] }
