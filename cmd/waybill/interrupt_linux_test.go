package main_test

import (
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// TestInterruptStages interrupts the gate in each stage in which a build can keep
// it waiting: it stops what it started, deletes what it made, and judges nothing.
func TestInterruptStages(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	const hold = `["rogue", "-hold"]`
	for _, stage := range []struct {
		name    string
		replace [][2]string // in the configuration
	}{
		{"setup", [][2]string{{"[production]", "[production]\nsetup = [" + hold + "]"}}},
		{"reset before the second replay", [][2]string{{"[production]", "[production]\nreset = [" + hold + "]"}}},
		{"becoming ready", [][2]string{{`"-listen"`, `"-hold", "-listen"`}}},
		{"the ready probe", [][2]string{{"[production]", "[production]\nready = { command = " + hold + " }"}}},
		{"a stimulus", [][2]string{{`"-listen"`, `"-send=nothing", "-listen"`}}},
		{"the quiet probe", [][2]string{{"quiet = { ", "quiet = { command = " + hold + ", "}}},
		{"a job", [][2]string{{"[replay]", "[jobs.drain]\ncommand = " + hold + "\n[[scenarios]]\nname = \"drain\"\nkind = \"job\"\njobs = [\"drain\"]\n[replay]"}}},
		{"stopping", [][2]string{{"stop = { ", "stop = { command = " + hold + ", "}}},
		{"staging", [][2]string{{`"-swap=false"`, `"-send=nothing"`}}},
	} {
		for _, signal := range []struct {
			syscall.Signal
			code int
			says string
		}{
			{syscall.SIGINT, gate.ExitInterrupted, "waybill: interrupted: nothing was judged\n"},
			{syscall.SIGTERM, gate.ExitTerminated, "waybill: terminated: nothing was judged\n"},
		} {
			t.Run(stage.name+"/"+signal.String(), func(t *testing.T) {
				t.Parallel()
				s := newScene(t, false, nil)
				config := strings.Replace(chaosConfig, "SWAP", "false", 1)
				for _, r := range stage.replace {
					if !strings.Contains(config, r[0]) {
						t.Fatalf("the configuration does not hold %s", r[0])
					}
					config = strings.Replace(config, r[0], r[1], 1)
				}
				for _, role := range []string{"[production]", "[staging]"} {
					config = strings.Replace(config, role, role+"\nenv = { ROGUE_NOTIFY = \"${env.ROGUE_NOTIFY}\" }", 1)
				}
				s.write(t, "waybill.toml", config)
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				cmd, printed := s.gate(t)
				cmd.Env = append(cmd.Env, "ROGUE_NOTIFY="+l.Addr().String())
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				came := make(chan error, 1)
				go func() {
					conn, err := l.Accept()
					if err == nil {
						defer conn.Close()
						err = cmd.Process.Signal(signal.Signal)
						came <- err
						_, _ = conn.Read(make([]byte, 1)) // until the other end is gone
						return
					}
					came <- err
				}()
				code := finish(t, cmd, printed)
				l.Close()
				if err := <-came; err != nil {
					t.Fatalf("it ended with %d before it came to that stage: %v\n%s", code, err, printed)
				}
				if code != signal.code || printed.String() != signal.says {
					t.Errorf("exit code %d, want %d; it printed:\n%s", code, signal.code, printed)
				}
				if left := s.awaitNobody(); len(left) > 0 {
					t.Errorf("processes are left: %v", left)
				}
				if _, err := os.Stat(s.path("verdict.json")); err == nil {
					t.Error("there is a verdict")
				}
				if left, err := os.ReadDir(s.path("tmp")); err != nil || len(left) > 0 {
					t.Errorf("temporary files are left: %v %v", fmt.Sprint(left), err)
				}
			})
		}
	}
}
