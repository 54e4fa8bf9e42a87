// Package exec runs jobs of a build: a drain script, a nightly mailing. It has a
// driver alone. What a job sends arrives at the sinks of other protocols.
//
// Head of a stimulus is the name of the job, Body its standard input. A job is
// over when its process has ended and nothing that it started in its process
// group holds its output open: what it left running belongs to it.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

// Name of the protocol, in Stimulus.Channel.
const Name = "exec"

const (
	defaultAnswer = 64 << 10    // of DriveConfig.MaxAnswer
	lastWords     = time.Second // for what a killed job has written, and for input that nobody reads
	signalBase    = 128         // added to a signal's number in Outcome.Status, as shells do
)

// Protocol is running jobs. It has no sink and nothing to decode.
func Protocol() channel.Protocol {
	return channel.Protocol{
		Name:  Name,
		Doc:   "jobs of the build: a command, its standard input, and its exit status",
		Drive: openDriver,
		Asked: func(s *gate.Stimulus) string { return string(s.Head) },
		Reply: reply,
	}
}

// reply reads what a job said: status, and output.
func reply(o *gate.Outcome) (gate.Decoded, error) {
	d := gate.Decoded{
		Fields:   []gate.Part{{Name: "status", Kind: gate.Value, Value: strconv.Itoa(o.Status)}},
		Payloads: []gate.Payload{{Name: "output", Type: "text/plain", Bytes: o.Body}},
	}
	if o.Cut > 0 {
		d.Gaps = []gate.Gap{{Kind: gate.GapCutBody, Where: "answer", Detail: fmt.Sprintf("%d bytes of the output were not kept", o.Cut), Stimulus: o.Stimulus}}
	}
	return d, nil
}

type driver struct {
	door      string
	command   []string
	dir       string
	env       []string
	maxAnswer int64
}

// openDriver takes the command as it is: nothing in it is expanded. The job has
// the environment in cfg.Env and nothing of this process's.
func openDriver(cfg channel.DriveConfig) (channel.Driver, error) {
	if err := cfg.Settings.Into(&struct{}{}); err != nil {
		return nil, fmt.Errorf("exec door %s: %w", cfg.Door, err)
	}
	if len(cfg.Command) == 0 || cfg.Command[0] == "" {
		return nil, fmt.Errorf("exec door %s: no command", cfg.Door)
	}
	d := &driver{cfg.Door, slices.Clone(cfg.Command), cfg.Dir, append([]string{}, cfg.Env...), cfg.MaxAnswer}
	if d.maxAnswer <= 0 {
		d.maxAnswer = defaultAnswer
	}
	return d, nil
}

func (d *driver) Close() error { return nil }

// Do runs the command once. Outcome.Status is its exit status, or 128 and the
// number of the signal that ended it, which is an error too. Outcome.Body is the
// beginning of its output and error output as they came. When ctx is done the
// whole process group is killed.
func (d *driver) Do(ctx context.Context, s *gate.Stimulus) gate.Outcome {
	out := gate.Outcome{Stimulus: s.ID}
	start := time.Now()
	err := d.run(ctx, s.Body, &out)
	out.Elapsed = int64(time.Since(start))
	if err != nil {
		out.Error = fmt.Sprintf("running %s: %v", d.command[0], err)
	}
	return out
}

func (d *driver) run(ctx context.Context, input []byte, out *gate.Outcome) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	cmd := exec.Command(d.command[0], d.command[1:]...)
	cmd.Dir, cmd.Env = d.dir, d.env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = lastWords
	err = cmd.Start()
	write.Close()
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // fails only where none of the group is left
		read.SetReadDeadline(time.Now().Add(lastWords)) // a process that left the group may hold it open
	})
	output := capped{max: d.maxAnswer}
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(&output, read)
		copied <- err
	}()
	waited := cmd.Wait()
	unread := <-copied
	stop()
	out.Body, out.Cut = output.kept, output.cut
	if ctx.Err() != nil {
		return fmt.Errorf("killed: %w", context.Cause(ctx))
	}
	return errors.Join(ended(cmd.ProcessState, waited, out), unread)
}

// ended reads how the process ended. A job that does not read all of its input has
// ended like any other.
func ended(state *os.ProcessState, err error, out *gate.Outcome) error {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return err
	}
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		out.Status = signalBase + int(status.Signal())
		return fmt.Errorf("ended by signal %d, %v", int(status.Signal()), status.Signal())
	}
	out.Status = state.ExitCode()
	return nil
}

// capped keeps the beginning of what is written and counts the rest.
type capped struct {
	kept []byte
	max  int64
	cut  int64
}

func (c *capped) Write(p []byte) (int, error) {
	n := min(int64(len(p)), c.max-int64(len(c.kept)))
	c.kept = append(c.kept, p[:n]...)
	c.cut += int64(len(p)) - n
	return len(p), nil
}
