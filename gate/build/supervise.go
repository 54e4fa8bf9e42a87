//go:build unix

package build

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Every command is run by a supervisor: this program, started again. On Linux
// the supervisor is the reaper of all that descends from the command, whatever
// session or group it moved to and whatever it did to its environment. So it
// knows when nothing is left, and when this process ends, however it ends, it
// kills what is left.
//
// It reads orders from descriptor 3, one byte each: orderReady, that the command
// has started all of its services, or a signal to pass on; the end of that pipe
// is the order to kill everything. It reports on descriptor 4, one line each:
//
//	started          the command runs
//	failed TEXT      it could not be run
//	exit N           its first process ended with this status
//	signal N         its first process was ended by this signal
//	ready            orderReady was carried out
//	left PID NAME    a process outside of the group, started after orderReady, that
//	                 outlived the command by leftGrace
//	killed PID NAME  a process that was left when the order to kill came
//	gone             nothing is left
const (
	marker    = "WAYBILL_SUPERVISE" // set in the environment of a supervisor, and of nothing else
	controlFD = 3
	reportFD  = 4

	lineStarted = "started"
	lineFailed  = "failed"
	lineExit    = "exit"
	lineSignal  = "signal"
	lineReady   = "ready"
	lineLeft    = "left"
	lineKilled  = "killed"
	lineGone    = "gone"

	orderReady = 0 // no signal has this number

	maxNamed  = 20 // processes that are reported by name, left and killed
	killAgain = 5 * time.Millisecond
	leftGrace = 2 * time.Second // a command's other processes have to end by themselves
)

// Supervise must be called first in main, and first in TestMain of tests that
// start builds. It returns at once, except in a process that this package
// started to supervise a command: there it never returns.
func Supervise() {
	if os.Getenv(marker) == "" {
		return
	}
	os.Exit(supervise(os.Args[1:]))
}

func supervise(argv []string) int {
	// The thread that starts the command must live as long as this process: the
	// command is told to die with it.
	runtime.LockOSThread()
	for _, fd := range []int{controlFD, reportFD} {
		syscall.CloseOnExec(fd)
	}
	control, report := os.NewFile(controlFD, "control"), os.NewFile(reportFD, "report")
	if control == nil || report == nil || len(argv) == 0 {
		return 2
	}
	os.Unsetenv(marker)
	// Taken and not acted on: the end of the control pipe is what ends this
	// process. Ignoring them would be inherited by the command.
	signal.Notify(make(chan os.Signal, 1), unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)

	s := &supervisor{report: report, told: make(map[int]bool), seen: make(map[int]bool)}
	if err := becomeReaper(); err != nil {
		s.say(lineFailed, "become the reaper of a command: "+err.Error())
		return 1
	}
	if err := enforce(); err != nil {
		s.say(lineFailed, err.Error())
		return 1
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		s.say(lineFailed, err.Error())
		return 1
	}
	s.main, err = syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: commandAttr(),
	})
	if err != nil {
		s.say(lineFailed, fmt.Sprintf("run %s: %v", path, err))
		return 1
	}
	s.say(lineStarted)
	letGo()
	go s.obey(control)
	s.reap()
	s.say(lineGone)
	return 0
}

// letGo points the standard streams elsewhere: whoever reads the command's
// output learns of its end when the command's processes have ended.
func letGo() {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	for fd := range 3 {
		_ = unix.Dup2(int(null.Fd()), fd)
	}
	null.Close()
}

type supervisor struct {
	main int // process and group id of the command

	mu     sync.Mutex
	report io.Writer
	ended  bool           // main was waited for
	asked  syscall.Signal // the last that was passed on; 0 is none
	told   map[int]bool   // processes outside of the group that were sent it
	groups map[int]bool   // those that there were at orderReady: services of the command; nil is all
	grace  *time.Timer    // of leftGrace, since the command ended, asked to; nil before
	over   bool           // grace has passed
	left   int            // so many processes outlived it
	seen   map[int]bool   // processes that were killed; of obey alone
}

func (s *supervisor) say(words ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := strings.ReplaceAll(strings.Join(words, " "), "\n", " ")
	_, _ = io.WriteString(s.report, line+"\n") // nobody to tell if nobody listens
}

// reap waits until no descendant is left.
func (s *supervisor) reap() {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil: // ECHILD
			return
		}
		s.passToOthers(pid)
		if pid != s.main {
			continue
		}
		if status.Signaled() {
			s.say(lineSignal, strconv.Itoa(int(status.Signal())))
		} else {
			s.say(lineExit, strconv.Itoa(status.ExitStatus()))
		}
	}
}

// obey passes signals on until the pipe ends, and then kills until reap has
// seen the last process.
func (s *supervisor) obey(control io.Reader) {
	r := bufio.NewReader(control)
	for {
		b, err := r.ReadByte()
		if err != nil {
			break
		}
		if b == orderReady {
			s.ready()
			s.say(lineReady)
			continue
		}
		s.pass(syscall.Signal(b))
	}
	for {
		s.killAll()
		time.Sleep(killAgain)
	}
}

// pass sends a signal to the command's group. What is outside of it is sent the
// signal when the command has ended: until then it is the command's to stop.
func (s *supervisor) pass(sig syscall.Signal) {
	s.mu.Lock()
	s.asked = sig
	ended := s.ended
	s.mu.Unlock()
	if !ended || groupLeft(s.main) {
		_ = syscall.Kill(-s.main, sig)
	}
	s.passToOthers(0)
}

// ready notes which process groups are there.
func (s *supervisor) ready() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups = map[int]bool{s.main: true}
	for _, p := range descendants(os.Getpid()) {
		s.groups[p.group] = true
		s.groups[p.pid] = true // where it is about to make one of its own: setsid(2)
	}
}

// passToOthers sends what was asked to what is left when the command has ended,
// once to each: to its services at once; to what it started later and left behind
// when leftGrace has passed, which is reported. It is called again when a process
// has ended: that one can have started another a moment before.
func (s *supervisor) passToOthers(reaped int) {
	for _, p := range s.others(reaped) {
		s.say(lineLeft, strconv.Itoa(p.pid), strconv.Quote(p.name))
	}
}

// others is passToOthers up to the report: it returns what is to be reported.
func (s *supervisor) others(reaped int) (left []process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.told, reaped)
	if reaped == s.main {
		s.ended = true
	}
	if !s.ended || s.asked == 0 {
		return nil
	}
	if s.groups != nil && s.grace == nil {
		s.grace = time.AfterFunc(leftGrace, func() {
			s.mu.Lock()
			s.over = true
			s.mu.Unlock()
			s.passToOthers(0)
		})
	}
	all := descendants(os.Getpid())
	for _, p := range all {
		if p.group == s.main || p.zombie || s.told[p.pid] {
			continue
		}
		if s.groups != nil && !s.groups[p.group] {
			if !s.over || s.served(all, p) {
				continue
			}
			if s.left++; s.left <= maxNamed {
				left = append(left, p)
			}
		}
		s.told[p.pid] = true
		_ = syscall.Kill(p.pid, s.asked)
	}
	return left
}

// served reports whether p descends from a service, whose to stop it is.
func (s *supervisor) served(all []process, p process) bool {
	for {
		i := slices.IndexFunc(all, func(q process) bool { return q.pid == p.parent })
		if i < 0 {
			return false
		}
		if p = all[i]; s.groups[p.group] && !p.zombie {
			return true
		}
	}
}

func (s *supervisor) killAll() {
	for _, p := range descendants(os.Getpid()) {
		if !s.seen[p.pid] && !p.zombie {
			s.seen[p.pid] = true
			if len(s.seen) <= maxNamed {
				s.say(lineKilled, strconv.Itoa(p.pid), strconv.Quote(p.name))
			}
		}
		_ = syscall.Kill(p.pid, syscall.SIGKILL)
	}
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if !ended || groupLeft(s.main) {
		_ = syscall.Kill(-s.main, syscall.SIGKILL)
	}
}
