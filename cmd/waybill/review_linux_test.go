package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// talkTimeout ends a talk in which nothing comes that is waited for.
const talkTimeout = 2 * time.Minute

// TestReview tells stories of somebody at a terminal. Besides the commands of
// [TestScripts] they have:
//
//	talk CODE FILE PROGRAM [ARG...]   run a program in a terminal of its own, talk to it as FILE says, and require
//	                                  its exit code. What the terminal showed is in the file screen.
//
// Each line of a talk is one of:
//
//	size COLUMNS ROWS     of the terminal, from then on
//	wait REGEXP           until it is shown, after what was waited for before
//	type TEXT             keys, with the escapes of a Go string
//	kill SIGNAL           to the program: INT, TERM, HUP
//	meanwhile COMMAND     is run by a shell in the folder of work, elsewhere than in the terminal
func TestReview(t *testing.T) {
	stories(t, "testdata/review", map[string]func(*testscript.TestScript, bool, []string){"talk": talk})
}

func talk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: talk CODE FILE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	p, tty, err := pseudoTerminal()
	ts.Check(err)
	defer p.file.Close()
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	ts.Check(err)
	program, err := exec.LookPath(args[2])
	ts.Check(err)
	cmd := exec.Command(program, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "CI", "GITHUB_ACTIONS"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "TERM=xterm")
	shows := make(chan struct{})
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	err = p.resize(100, 40)
	if size, ok := strings.CutPrefix(lines[0], "size "); ok && err == nil { // before anything is shown
		err = p.do("size "+size, cmd)
		lines = lines[1:]
	}
	if err == nil {
		err = cmd.Start()
	}
	ts.Check(err)
	go func() { p.watch(); close(shows) }()
	defer func() {
		_ = cmd.Process.Kill() // it has ended, unless the talk went wrong
		ts.Logf("[screen]\n%s", p.text())
		ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(p.text()), 0o666))
	}()
	for n, line := range lines {
		if err := p.do(line, cmd); err != nil {
			ts.Fatalf("%s, line %d: %s: %v", args[1], n+1, line, err)
		}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(talkTimeout):
		ts.Fatalf("the program does not end")
	}
	after, err2 := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	ts.Check(err2)
	if *before != *after {
		ts.Fatalf("the program left the terminal as %+v, and it was %+v", *after, *before)
	}
	tty.Close() // the last who holds it: what it still has is shown, and then its end
	<-shows
	requireExit(ts, err, want)
}

// A pty is the side of a pseudo-terminal that a person sees.
type pty struct {
	file  *os.File
	grown chan struct{} // something more is shown, or nothing will be
	shown chan []byte   // holds all that was shown
	seen  int           // bytes of it that were waited for
}

func pseudoTerminal() (p *pty, tty *os.File, err error) {
	file, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(int(file.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(file.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		tty, err = os.OpenFile(filepath.Join("/dev/pts", strconv.Itoa(number)), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("make a pseudo-terminal: %w", err), file.Close())
	}
	p = &pty{file: file, grown: make(chan struct{}, 1), shown: make(chan []byte, 1)}
	p.shown <- nil
	return p, tty, nil
}

func (p *pty) resize(columns, rows int) error {
	return unix.IoctlSetWinsize(int(p.file.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)})
}

// watch keeps what is shown, until nobody holds the terminal any more.
func (p *pty) watch() {
	b := make([]byte, 4096)
	for {
		n, err := p.file.Read(b)
		p.shown <- append(<-p.shown, b[:n]...)
		select {
		case p.grown <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// text is all that was shown.
func (p *pty) text() string {
	b := <-p.shown
	p.shown <- b
	return string(b)
}

// do does one line of a talk.
func (p *pty) do(line string, cmd *exec.Cmd) error {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "size":
		var columns, rows int
		if _, err := fmt.Sscan(rest, &columns, &rows); err != nil {
			return err
		}
		return p.resize(columns, rows)
	case "wait":
		re, err := regexp.Compile(rest)
		if err != nil {
			return err
		}
		limit := time.After(talkTimeout)
		for {
			if m := re.FindStringIndex(p.text()[p.seen:]); m != nil {
				p.seen += m[1]
				return nil
			}
			select {
			case <-p.grown:
			case <-limit:
				return fmt.Errorf("it is not shown; what is shown is %q", p.text()[p.seen:])
			}
		}
	case "type":
		keys, err := strconv.Unquote(`"` + rest + `"`)
		if err != nil {
			return err
		}
		_, err = p.file.WriteString(keys)
		return err
	case "kill":
		return cmd.Process.Signal(map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}[rest])
	case "meanwhile":
		other := exec.Command("sh", "-c", rest)
		other.Dir, other.Env = cmd.Dir, cmd.Env
		if out, err := other.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}
	return errors.New("it is no line of a talk")
}
