package exec_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/channeltest"
	"github.com/waybill-dev/waybill/gate/channel/exec"
)

func shell(script string) []string { return []string{"/bin/sh", "-c", script} }

func run(t *testing.T, ctx context.Context, cfg channel.DriveConfig, input string) gate.Outcome {
	t.Helper()
	d, err := exec.Protocol().Drive(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	return d.Do(ctx, &gate.Stimulus{ID: "j1", Channel: exec.Name, Head: []byte("drain"), Body: []byte(input)})
}

func TestJob(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		name   string
		cfg    channel.DriveConfig
		input  string
		status int
		err    string
		body   string
		cut    int64
	}{
		{name: "input and output", cfg: channel.DriveConfig{Command: shell("cat; echo oops >&2")}, input: "in\n", body: "in\noops\n"},
		{name: "exit status", cfg: channel.DriveConfig{Command: shell("exit 7")}, status: 7},
		{name: "signal", cfg: channel.DriveConfig{Command: shell("kill -9 $$")}, status: 137, err: "ended by signal 9"},
		{name: "directory and environment", cfg: channel.DriveConfig{Command: shell(`printf %s "$PWD $SINK $HOME"`), Dir: dir, Env: []string{"SINK=127.0.0.1:25"}}, body: dir + " 127.0.0.1:25 "},
		{name: "input that is not read", cfg: channel.DriveConfig{Command: shell("echo done")}, input: strings.Repeat("x", 1<<20), body: "done\n"},
		{name: "long output", cfg: channel.DriveConfig{Command: shell("echo 0123456789"), MaxAnswer: 4}, body: "0123", cut: 7},
		{name: "what it leaves running is waited for", cfg: channel.DriveConfig{Command: shell("(sleep 0.2; echo late) & echo early")}, body: "early\nlate\n"},
		{name: "no such command", cfg: channel.DriveConfig{Command: []string{filepath.Join(dir, "absent")}}, err: "no such file"},
		{name: "no such directory", cfg: channel.DriveConfig{Command: shell("true"), Dir: filepath.Join(dir, "absent")}, err: "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out := run(t, t.Context(), tt.cfg, tt.input)
			if out.Stimulus != "j1" || out.Status != tt.status || (out.Error == "") != (tt.err == "") || !strings.Contains(out.Error, tt.err) {
				t.Errorf("status %d, error %q; want %d, %q", out.Status, out.Error, tt.status, tt.err)
			}
			if string(out.Body) != tt.body || out.Cut != tt.cut || out.Elapsed <= 0 {
				t.Errorf("body %q, cut %d, want %q, %d", out.Body, out.Cut, tt.body, tt.cut)
			}
		})
	}
}

// A job that is stopped leaves no process behind, even where it ended itself and
// left one running.
func TestKilled(t *testing.T) {
	for _, script := range []string{
		"sleep 600 & echo $! >pid.new; mv pid.new pid; wait",
		"sleep 600 & echo $! >pid.new; mv pid.new pid",
	} {
		dir := t.TempDir()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer cancel()
			for t.Context().Err() == nil {
				if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		}()
		out := run(t, ctx, channel.DriveConfig{Command: shell(script), Dir: dir, Env: []string{"PATH=/usr/bin:/bin"}}, "")
		if !strings.Contains(out.Error, "killed: context canceled") {
			t.Errorf("%s: %+v", script, out)
		}
		pid, err := os.ReadFile(filepath.Join(dir, "pid"))
		if err != nil {
			t.Fatal(err)
		}
		end := time.Now().Add(20 * time.Second) // a killed process takes a moment to be gone
		for state := "?"; state != "" && state != "Z" && state != "X"; time.Sleep(time.Millisecond) {
			if state = processState(strings.TrimSpace(string(pid))); time.Now().After(end) {
				t.Fatalf("%s: process %s is still in state %s", script, pid, state)
			}
		}
	}
}

// processState is the state letter of a process, or "" where it has gone.
func processState(pid string) string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return ""
	}
	_, after, _ := strings.Cut(string(b), ") ")
	return after[:1]
}

func TestNoCommand(t *testing.T) {
	if _, err := exec.Protocol().Drive(channel.DriveConfig{Door: "drain"}); err == nil || !strings.Contains(err.Error(), "exec door drain: no command") {
		t.Errorf("error %v", err)
	}
}

func TestProtocol(t *testing.T) {
	channeltest.Run(t, channeltest.Suite{
		Protocol: exec.Protocol(),
		Drive:    channel.DriveConfig{Command: shell("cat")},
		Sample: func(i int, body []byte) gate.Stimulus {
			return gate.Stimulus{Channel: exec.Name, Head: []byte("drain"), Body: body}
		},
	})
}
