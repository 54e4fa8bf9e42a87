//go:build unix

package build

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	startTimeout = 30 * time.Second // for a supervisor to answer
	killTimeout  = 10 * time.Second // for killed processes to be gone
)

// command is what is to be run.
type command struct {
	argv  []string
	dir   string
	env   []string
	stdin []byte
	out   *output
	guard *Guard // nil: it may write whatever its user may
}

// A running command, seen through its supervisor.
type running struct {
	cmd     *exec.Cmd
	control *os.File
	once    sync.Once     // closes control
	exited  chan struct{} // the first process ended; status is set
	noted   chan struct{} // the services of the command are known
	gone    chan struct{} // nothing is left, and the output is whole
	status  status
	left    []string // processes that outlived the command when it was asked to stop; read after gone
	killed  []string // processes that were left when killed; read after gone
	lost    error    // the supervisor ended without saying that nothing is left; read after gone
}

// status is how a process ended.
type status struct {
	code   int // where signal is 0
	signal syscall.Signal
	lost   bool // not known: its supervisor was killed
}

func (s status) ok() bool { return s == status{} }

func (s status) String() string {
	switch {
	case s.lost:
		return "ended in a way that is not known"
	case s.signal != 0:
		return fmt.Sprintf("was ended by signal %d (%s)", int(s.signal), s.signal)
	}
	return fmt.Sprintf("exited with status %d", s.code)
}

// number is the status as shells count it: 128 and the signal.
func (s status) number() int {
	switch {
	case s.lost:
		return -1
	case s.signal != 0:
		return 128 + int(s.signal)
	}
	return s.code
}

// start runs c. It returns once the command's first process exists.
func (c *command) start() (*running, error) {
	if os.Getenv(marker) != "" {
		return nil, errors.New("this program was started to supervise a command and did not: it must call build.Supervise first in main")
	}
	exe, err := self()
	if err != nil {
		return nil, fmt.Errorf("find this program's file: %w", err)
	}
	orders, control, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	report, lines, err := os.Pipe()
	if err != nil {
		orders.Close()
		control.Close()
		return nil, err
	}
	r := &running{control: control, exited: make(chan struct{}), noted: make(chan struct{}), gone: make(chan struct{})}
	r.cmd = &exec.Cmd{
		Path: exe, Args: append([]string{os.Args[0]}, c.argv...),
		Dir: c.dir, Env: append(c.env[:len(c.env):len(c.env)], marker+"=1"),
		Stdout: c.out, Stderr: c.out,
		ExtraFiles:  []*os.File{orders, lines},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}, // a Ctrl-C at the terminal is for this process to pass on
		WaitDelay:   killTimeout,                         // only matters where the supervisor was killed
	}
	if c.guard != nil {
		c.guarding(r.cmd)
	}
	if len(c.stdin) > 0 {
		r.cmd.Stdin = bytes.NewReader(c.stdin)
	}
	err = r.cmd.Start()
	orders.Close()
	lines.Close()
	if err != nil {
		control.Close()
		report.Close()
		return nil, err
	}
	late := time.AfterFunc(startTimeout, func() { _ = r.cmd.Process.Kill() })
	scan := bufio.NewScanner(report)
	first := ""
	if scan.Scan() {
		first = scan.Text()
	}
	inTime := late.Stop()
	if first != lineStarted {
		r.kill()
		report.Close()
		stuck := time.AfterFunc(hookGrace, func() { _ = r.cmd.Process.Kill() })
		_ = r.cmd.Wait()
		unaided := stuck.Stop() && inTime
		if why, ok := strings.CutPrefix(first, lineFailed+" "); ok {
			return nil, errors.New(why)
		}
		if st, ok := r.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && st.Signaled() && unaided {
			return nil, errors.New(c.out.withLast("the supervisor of the command " + status{signal: st.Signal()}.String()))
		}
		return nil, errors.New(c.out.withLast("the supervisor of the command did not start: the program must call build.Supervise first in main"))
	}
	go r.follow(scan, report)
	return r, nil
}

// follow reads reports until the supervisor has ended.
func (r *running) follow(scan *bufio.Scanner, report *os.File) {
	ended, gone := false, false
	for scan.Scan() {
		word, rest, _ := strings.Cut(scan.Text(), " ")
		switch word {
		case lineExit, lineSignal:
			n, err := strconv.Atoi(rest)
			switch {
			case err != nil:
				r.status.lost = true
			case word == lineSignal:
				r.status.signal = syscall.Signal(n)
			default:
				r.status.code = n
			}
			ended = true
			close(r.exited)
		case lineReady:
			close(r.noted)
		case lineLeft:
			r.left = append(r.left, rest)
		case lineKilled:
			r.killed = append(r.killed, rest)
		case lineGone:
			gone = true
		}
	}
	report.Close()
	err := r.cmd.Wait()
	if !gone {
		r.lost = fmt.Errorf("the supervisor of the command was ended (%v): processes may be left", err)
	}
	if !ended {
		r.status.lost = true
		close(r.exited)
	}
	r.once.Do(func() { r.control.Close() })
	close(r.gone)
}

// signal asks the command to stop.
func (r *running) signal(sig syscall.Signal) error {
	_, err := r.control.Write([]byte{byte(sig)})
	return err
}

// ready tells that what is there now are the services of the command: what is started later
// and outlives it when it stops is left behind. It is called once. Where all has ended it says nothing.
func (r *running) ready() {
	if _, err := r.control.Write([]byte{orderReady}); err != nil {
		return
	}
	select {
	case <-r.noted:
	case <-r.gone:
	}
}

// kill orders that everything is killed. Await gone.
func (r *running) kill() { r.once.Do(func() { r.control.Close() }) }

// end kills what is left and waits for it. It returns what had to be killed,
// and an error where processes may be left.
func (r *running) end() ([]string, error) {
	r.kill()
	t := time.NewTimer(killTimeout)
	defer t.Stop()
	select {
	case <-r.gone:
		return r.killed, r.lost
	case <-t.C:
		return nil, fmt.Errorf("processes could not be killed within %s", killTimeout)
	}
}

// errLeft says that a command ended and left processes behind.
var errLeft = errors.New("left processes running")

// run runs c to its end. Once its first process has ended, the others have grace
// to end too. The error is about what could not be done, not about the status.
func (c *command) run(ctx context.Context, grace time.Duration) (status, error) {
	r, err := c.start()
	if err != nil {
		return status{}, err
	}
	select {
	case <-r.exited:
	case <-ctx.Done():
		_, err := r.end()
		return r.after(), errors.Join(context.Cause(ctx), err)
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case <-r.gone:
		return r.status, r.lost
	case <-ctx.Done():
		_, err := r.end()
		return r.status, errors.Join(context.Cause(ctx), err)
	case <-t.C:
	}
	killed, err := r.end()
	if err != nil {
		return r.status, err
	}
	if len(killed) == 0 {
		return r.status, nil // it ended meanwhile
	}
	return r.status, fmt.Errorf("%w, which were killed: %s", errLeft, strings.Join(killed, ", "))
}

// after is the status of a command that was killed, where it is known.
func (r *running) after() status {
	select {
	case <-r.exited:
		return r.status
	default:
		return status{lost: true}
	}
}
