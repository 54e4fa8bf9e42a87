//go:build unix

// Package build starts a build, waits until it is ready, makes its state fit for
// each replay, runs its jobs and stops it.
//
// A [Site] is the place of one build: its folder, its state, the addresses of
// its doors. A [Build] is the build running there for one replay. Nothing that
// a build started outlives [Build.Stop], nor, on Linux, this process, however
// either ends: see [Supervise], which a program that uses this package must call.
//
// What is not guaranteed: that a build sends only to sinks; and, for a build
// that runs already (it has no command), anything about its processes.
package build

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"golang.org/x/sys/unix"
)

const (
	hookGrace   = 2 * time.Second // for what a hook leaves running to end
	maxAttempts = 3               // at a start, where ports are taken
)

// A Spec says what a site is for.
type Spec struct {
	Role   gate.Role
	Build  *config.Build
	State  *config.State // how its state is brought back before each replay; nil is by its own commands
	Config string        // absolute folder of waybill.toml
	Doors  []string      // names of the doors that it has
	CA     string        // file with the root of the sinks' certificates, PEM; "" is none
	Folder string        // where state and logs go; made if missing, refused if not empty; "" is a fresh temporary folder
	Keep   bool          // leave the folder when the site is closed
	Guard  *Guard        // what its commands cannot reach; nil is nothing. See [Try]
}

// A Site is the place of one build. It is used by one replay at a time.
type Site struct {
	spec   Spec
	folder string
	stamp  string            // what Setup was told; "" where the state is not fit to be kept
	given  map[string]string // doors that were found free
	starts int
}

// NewSite makes the folder of a build.
func NewSite(spec Spec) (*Site, error) {
	s := &Site{spec: spec, folder: spec.Folder}
	if spec.Build == nil {
		return nil, fmt.Errorf("build %s is not configured", spec.Role)
	}
	var err error
	if s.folder == "" {
		s.folder, err = os.MkdirTemp("", "waybill-"+string(spec.Role)+"-")
	} else {
		s.folder, err = emptyFolder(s.folder)
	}
	if err != nil {
		return nil, fmt.Errorf("make a folder for build %s: %w", spec.Role, err)
	}
	return s, nil
}

// emptyFolder makes a folder, and refuses one that holds something: it would be
// deleted with it.
func emptyFolder(path string) (string, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return "", err
	}
	if len(entries) > 0 {
		return "", fmt.Errorf("%s is not empty: name another folder, or empty it", path)
	}
	return filepath.Abs(path)
}

// Folder is where the state (in state) and the logs of the build are.
func (s *Site) Folder() string { return s.folder }

// State is where the state of the build is, which its set-up makes.
func (s *Site) State() string { return s.state() }

// Close deletes the folder, unless it is to be kept.
func (s *Site) Close() error {
	if s.spec.Keep {
		return nil
	}
	if err := removeAll(s.folder); err != nil {
		return fmt.Errorf("delete the folder of build %s: %w", s.spec.Role, err)
	}
	return nil
}

// removeAll removes folders that may not be written to as well.
func removeAll(folder string) error {
	if os.RemoveAll(folder) == nil {
		return nil
	}
	_ = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = os.Chmod(path, 0o700)
		}
		return nil // what cannot be removed is told below
	})
	return os.RemoveAll(folder)
}

// A Start is what is new for each replay.
type Start struct {
	Scenario string
	Sinks    map[string]string // address of each sink, host:port

	// Doors are addresses, host:port, for doors that have none of their own: those
	// of a build that has stopped, so that one which tells its own address tells
	// the same. They are given at the first start, where they are still free.
	Doors map[string]string
}

// A Build is a build that is ready to take stimuli.
type Build struct {
	site    *Site
	doors   map[string]string
	vars    map[string]string
	env     []string
	proc    *running // nil: nothing was started
	out     *output
	exited  chan struct{}
	failure *ExitError // why exited was closed

	facts   *gate.StateFacts // of its state; nil: nothing is to be known of it
	printed [2]string        // by the check of its state, before the replay and after it

	stopping sync.Once
	stopped  chan struct{} // Stop was called: an end is no failure
	gaps     []gate.Gap
}

// ExitError says that a build ended by itself.
type ExitError struct {
	Role   gate.Role
	status status
	out    *output
}

// Status is how it ended, and names nobody: "exited with status 3".
func (e *ExitError) Status() string { return e.status.String() }

// Error tells the last lines that the build printed too. They can hold anything.
func (e *ExitError) Error() string {
	return e.out.withLast(fmt.Sprintf("build %s %s", e.Role, e.status))
}

func (e *ExitError) printed() error {
	if last := e.out.last(); last != "" {
		return errors.New("last output:\n" + last)
	}
	return errors.New("it printed nothing")
}

// Start makes the state fit, starts the build and waits until it is ready.
//
// State is made by Setup in an empty folder. It is kept for the next replay
// where it is restored, or the build has Reset commands, which are run then, and where
// sinks, doors and what Setup is told are as they were; else it is made anew. A
// migration that fails is a [*MigrationError].
func (s *Site) Start(ctx context.Context, start Start) (*Build, error) {
	for attempt := 1; ; attempt++ {
		b, err := s.start(ctx, start)
		if err == nil {
			return b, nil
		}
		s.stamp = "" // whatever happened, it happened to the state
		var taken *takenError
		if !errors.As(err, &taken) || attempt == maxAttempts || ctx.Err() != nil {
			return nil, err
		}
		s.given, start.Doors = nil, nil
	}
}

// takenError is a start that failed because a port was taken that was free before.
type takenError struct{ error }

func (e *takenError) Unwrap() error { return e.error }

func (s *Site) start(ctx context.Context, start Start) (*Build, error) {
	b, err := s.prepare(start)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", s.spec.Role, err)
	}
	if err := b.makeState(ctx, start); err != nil {
		b.out.Close()
		return nil, err
	}
	c := s.spec.Build
	if len(c.Command) > 0 {
		if err := s.doorsFree(b.doors); err != nil {
			b.out.Close()
			return nil, err
		}
		cmd, err := b.command(c.Command, c.Dir, nil, b.out)
		if err == nil {
			b.proc, err = cmd.start()
		}
		if err != nil {
			b.out.Close()
			return nil, fmt.Errorf("build %s: start %q: %w", s.spec.Role, c.Command[0], err)
		}
		go b.watch()
	}
	if err := b.awaitReady(ctx); err != nil {
		// Its own time to stop is for a build that was ready.
		_, endErr := b.end()
		b.out.Close()
		err = errors.Join(err, endErr)
		if len(s.given) > 0 && portTaken(b.out.last()) {
			return nil, &takenError{err}
		}
		return nil, err
	}
	if b.proc != nil {
		// A command that has ended already is told of elsewhere.
		_ = b.proc.ready()
	}
	return b, nil
}

// doorsFree makes sure, before the build is started, that nobody listens at its
// doors: stimuli would be sent to that program, and its answers taken for the build's.
func (s *Site) doorsFree(doors map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(doors)) {
		l, err := net.Listen("tcp", doors[name])
		switch {
		case err == nil:
			if err := l.Close(); err != nil {
				return fmt.Errorf("build %s: door %s: try %s: %w", s.spec.Role, name, doors[name], err)
			}
		case !errors.Is(err, unix.EADDRINUSE):
			// An address that is not of this machine: of a container, say.
		case s.given[name] != "":
			return &takenError{fmt.Errorf("build %s: door %s: %w", s.spec.Role, name, err)}
		default:
			return fmt.Errorf("build %s: another program listens at its door %s already, which stimuli would be sent to: %w", s.spec.Role, name, err)
		}
	}
	return nil
}

// prepare finds addresses and opens the log.
func (s *Site) prepare(start Start) (*Build, error) {
	c := s.spec.Build
	var unset []string
	for _, name := range s.spec.Doors {
		if c.Doors[name] == "" {
			unset = append(unset, name)
		}
	}
	if s.given == nil {
		given, err := freeDoors(unset)
		if err != nil {
			return nil, err
		}
		for name := range given {
			if address := start.Doors[name]; address != "" {
				given[name] = address
			}
		}
		s.given = given
	}
	b := &Build{
		site: s, doors: maps.Clone(s.given),
		exited: make(chan struct{}), stopped: make(chan struct{}),
	}
	maps.Copy(b.doors, c.Doors)
	var err error
	b.vars, err = config.Scope{
		Config: s.spec.Config, State: s.state(), Snapshot: s.snapshot(), CA: s.spec.CA, Role: s.spec.Role, Scenario: start.Scenario,
		Doors: b.doors, Sinks: start.Sinks, Env: os.Environ(),
	}.Vars()
	if err != nil {
		return nil, err
	}
	if b.env, err = b.environment(start.Sinks); err != nil {
		return nil, err
	}
	s.starts++
	log, err := os.OpenFile(filepath.Join(s.folder, fmt.Sprintf("output-%d.log", s.starts)), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of its output: %w", err)
	}
	b.out = &output{file: log}
	return b, nil
}

func (s *Site) state() string { return filepath.Join(s.folder, stateFolder) }

func (s *Site) snapshot() string { return filepath.Join(s.folder, snapshotFolder) }

// environment is what every command of the build is given.
func (b *Build) environment(sinks map[string]string) ([]string, error) {
	env := append(inherited(os.Environ()), "WAYBILL_STATE="+b.site.state(), "WAYBILL_ROLE="+string(b.site.spec.Role))
	for prefix, addresses := range map[string]map[string]string{"WAYBILL_DOOR_": b.doors, "WAYBILL_SINK_": sinks} {
		for name, address := range addresses {
			env = append(env, prefix+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+address)
		}
	}
	return b.addTo(env, b.site.spec.Build.Env)
}

func (b *Build) addTo(env []string, more map[string]string) ([]string, error) {
	for name, value := range more {
		value, err := config.Expand(value, b.vars)
		if err != nil {
			return nil, fmt.Errorf("environment %s: %w", name, err)
		}
		env = append(env, name+"="+value)
	}
	return env, nil
}

// command expands a command of the build.
func (b *Build) command(argv []string, dir string, env map[string]string, out *output) (*command, error) {
	argv, err := config.ExpandAll(argv, b.vars)
	if err != nil {
		return nil, err
	}
	if dir, err = config.Expand(dir, b.vars); err != nil {
		return nil, err
	}
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("folder of the command: %w", err)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("folder of the command: %s is not a folder", dir)
	}
	all, err := b.addTo(b.env[:len(b.env):len(b.env)], env)
	if err != nil {
		return nil, err
	}
	return &command{argv: argv, dir: dir, env: all, out: out, guard: b.site.spec.Guard}, nil
}

// run runs a command of the build to its end.
func (b *Build) run(ctx context.Context, argv []string, out *output) (status, error) {
	cmd, err := b.command(argv, b.site.spec.Build.Dir, nil, out)
	if err != nil {
		return status{}, err
	}
	return cmd.run(ctx, hookGrace)
}

// watch closes exited where the build ends by itself: its first process fails,
// or ends well with nothing left of it.
func (b *Build) watch() {
	<-b.proc.exited
	if b.proc.status.ok() {
		<-b.proc.gone
	}
	select {
	case <-b.stopped:
		return
	default:
	}
	// What it printed last may still be on its way.
	select {
	case <-b.proc.gone:
	case <-time.After(firstPause):
	}
	b.failure = &ExitError{b.site.spec.Role, b.proc.status, b.out}
	close(b.exited)
}

// Doors returns the address of each door, host:port.
func (b *Build) Doors() map[string]string { return maps.Clone(b.doors) }

// Log is the file with what the build printed.
func (b *Build) Log() string {
	return filepath.Join(b.site.folder, fmt.Sprintf("output-%d.log", b.site.starts))
}

// Exited is closed when the build has ended by itself. It stays open after Stop,
// and for a build that was not started here.
func (b *Build) Exited() <-chan struct{} { return b.exited }

// Err is why the build ended by itself, an [*ExitError]; nil where it did not.
func (b *Build) Err() error {
	select {
	case <-b.exited:
		return b.failure
	default:
		return nil
	}
}

// HasQuietProbe reports whether the build can be asked whether it is quiet.
func (b *Build) HasQuietProbe() bool { return b.site.spec.Build.Quiet.Set() }

// Quiet asks the build whether it has nothing left to send. nil is yes; an error
// says what was seen instead.
func (b *Build) Quiet(ctx context.Context) error {
	p := &b.site.spec.Build.Quiet
	if !p.Set() {
		return errors.New("the build has no quiet probe")
	}
	return b.ask(ctx, p)
}

// Processor returns the processor time that the build has taken, in clock ticks,
// with all its processes, ended ones too. false: it is not known.
func (b *Build) Processor() (uint64, bool) {
	if b.proc == nil {
		return 0, false
	}
	return processorTicks(b.proc.cmd.Process.Pid)
}

// Job runs a job of the build to its end, with all that it started. Status is
// its exit status (128 and the signal where a signal ended it), Body the end of what it
// printed, at most 64 KiB: why it failed stands there. Error says why there is no status.
func (b *Build) Job(ctx context.Context, name string, stdin []byte) gate.Outcome {
	begun := time.Now()
	fail := func(err error) gate.Outcome {
		return gate.Outcome{Status: -1, Error: fmt.Sprintf("job %s: %v", name, err), Elapsed: int64(time.Since(begun))}
	}
	job, ok := b.site.spec.Build.Jobs[name]
	if !ok {
		return fail(fmt.Errorf("build %s has no such job", b.site.spec.Role))
	}
	out := &output{maxTail: maxReply}
	cmd, err := b.command(job.Command, job.Dir, job.Env, out)
	if err != nil {
		return fail(err)
	}
	cmd.stdin = stdin
	timeout := job.Timeout.Duration
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("it did not end within %s and was killed", timeout))
	defer cancel()
	st, err := cmd.run(ctx, timeout)
	if err != nil {
		o := fail(err)
		o.Body, o.Cut = out.reply()
		return o
	}
	o := gate.Outcome{Status: st.number(), Elapsed: int64(time.Since(begun))}
	o.Body, o.Cut = out.reply()
	return o
}

// Stop asks the build to stop, waits, and kills what is left. When it returns
// nothing of the build is left, or a gap says so. When ctx is done it stops
// asking and kills. Further calls return what the first did.
func (b *Build) Stop(ctx context.Context) []gate.Gap {
	b.stopping.Do(func() {
		b.settleEnd()
		close(b.stopped)
		defer b.out.Close()
		defer b.checkAfter(ctx) // when nothing of it is left
		detail := b.askToStop(ctx)
		killed, err := b.end()
		switch {
		case b.Err() != nil && err == nil:
			return // it ended by itself, which is told elsewhere
		case err != nil:
			b.gap(err.Error())
		case len(killed) > 0:
			if detail == "" {
				detail = "processes were left when it had stopped"
			}
			b.gap(fmt.Sprintf("%s; killed: %s", detail, strings.Join(killed, ", ")))
		case detail != "":
			b.gap(detail)
		}
		b.outlived()
	})
	return slices.Clone(b.gaps)
}

// outlived tells of processes that the build left behind when it had ended: what they would have
// sent later is not known. Those whose name the configuration gives are known to do no work.
func (b *Build) outlived() {
	if b.proc == nil {
		return
	}
	var left []string
	for _, p := range b.proc.left {
		_, name, _ := strings.Cut(p, " ")
		if name, err := strconv.Unquote(name); err != nil || !slices.Contains(b.site.spec.Build.Stop.Leaves, name) {
			left = append(left, p)
		}
	}
	if len(left) > 0 {
		b.gaps = append(b.gaps, gate.Gap{Kind: gate.GapOutlived, Where: "build " + string(b.site.spec.Role), Detail: fmt.Sprintf(
			"what it started after it was ready was still there %s after it had ended, and was ended too: %s", leftGrace, strings.Join(left, ", "))})
	}
}

// settleEnd waits until an end that came before Stop is known as a failure.
func (b *Build) settleEnd() {
	if b.proc == nil {
		return
	}
	select {
	case <-b.proc.gone:
	case <-b.proc.exited:
		if b.proc.status.ok() {
			return // it made itself a daemon
		}
	default:
		return
	}
	<-b.exited
}

func (b *Build) gap(detail string) {
	b.gaps = append(b.gaps, gate.Gap{Kind: gate.GapNotStopped, Where: "build " + string(b.site.spec.Role), Detail: detail})
}

// askToStop asks and waits. It returns what went wrong, "" where nothing did.
func (b *Build) askToStop(ctx context.Context) string {
	stop := &b.site.spec.Build.Stop
	ctx, cancel := context.WithTimeout(ctx, stop.Timeout.Duration)
	defer cancel()
	if b.Err() != nil {
		return ""
	}
	if len(stop.Command) > 0 {
		st, err := b.run(ctx, stop.Command, &output{})
		switch {
		case err != nil:
			return fmt.Sprintf("stop command %q: %v", stop.Command[0], err)
		case !st.ok():
			return fmt.Sprintf("stop command %q %s", stop.Command[0], st)
		}
	} else if b.proc != nil {
		if err := b.proc.signal(signals[stop.Signal]); err != nil && !errors.Is(err, os.ErrClosed) && !errors.Is(err, unix.EPIPE) {
			return fmt.Sprintf("send signal %s: %v", stop.Signal, err)
		}
	}
	if b.proc == nil {
		return ""
	}
	select {
	case <-b.proc.gone:
		return ""
	case <-ctx.Done():
		return fmt.Sprintf("it did not stop within %s of signal or stop command", stop.Timeout)
	}
}

var signals = map[string]syscall.Signal{
	"TERM": unix.SIGTERM, "INT": unix.SIGINT, "HUP": unix.SIGHUP, "QUIT": unix.SIGQUIT,
	"USR1": unix.SIGUSR1, "USR2": unix.SIGUSR2, "KILL": unix.SIGKILL,
}

// end kills what is left of the build.
func (b *Build) end() ([]string, error) {
	if b.proc == nil {
		return nil, nil
	}
	return b.proc.end()
}
