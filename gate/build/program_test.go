//go:build linux

package build_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
)

// asBuild as the first argument makes the test's binary the build under test.
const asBuild = "as-build"

func me(t testing.TB, args ...string) []string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return append([]string{exe, asBuild}, args...)
}

// program is what builds, hooks and jobs of these tests do. The last argument is
// for the test to find the process by.
func program(name string, args []string) int {
	switch last := args[len(args)-1]; name {
	case "serve":
		return serve(args[0], last)
	case "serve-second-time":
		if _, err := os.Stat(args[1]); err != nil {
			_ = os.WriteFile(args[1], nil, 0o600)
			fmt.Println("listen: Address already in use")
			return 1
		}
		return serve(args[0], last)
	case "serve-daemon":
		return spawn(&syscall.SysProcAttr{Setsid: true}, "serve", args[0], last)
	case "fail":
		fmt.Println("cannot go on \x1b[31m")
		status, _ := strconv.Atoi(args[0])
		return status
	case "die":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "sleep":
		fmt.Println("asleep")
		time.Sleep(time.Hour)
	case "deaf":
		signal.Ignore(syscall.SIGTERM)
		_ = os.WriteFile(filepath.Join(last, "deaf"), nil, 0o600)
		time.Sleep(time.Hour)
	case "deaf-daemon":
		return spawn(&syscall.SysProcAttr{Setsid: true}, "deaf", last)
	case "daemon":
		return spawn(&syscall.SysProcAttr{Setsid: true}, "sleep", last)
	case "copy":
		fmt.Print(os.Getenv("MORE"), ": ")
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "shout":
		fmt.Print(strings.Repeat("x", 1<<20+64<<10))
	case "burn":
		burn()
	case "ask":
		resp, err := (&http.Transport{}).RoundTrip(httpGet(args[0]))
		if err != nil {
			return 1
		}
		resp.Body.Close()
	case "note":
		what := ":empty "
		if _, err := os.Stat(filepath.Join(last, "mark")); err == nil {
			what = ":kept "
		}
		_ = os.WriteFile(filepath.Join(last, "mark"), nil, 0o600)
		f, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		defer f.Close()
		fmt.Fprint(f, args[1], what)
	case "use":
		return use(last)
	}
	return 0
}

// spawn starts another one of these with an empty environment, and does not wait.
func spawn(attr *syscall.SysProcAttr, args ...string) int {
	exe, err := os.Executable()
	if err != nil {
		return 1
	}
	cmd := exec.Command(exe, append([]string{asBuild}, args...)...)
	cmd.SysProcAttr, cmd.Env = attr, []string{}
	if cmd.Start() != nil {
		return 1
	}
	return 0
}

// burn takes 80 ms of the processor, and not of the clock: on a busy machine that gives less.
func burn() {
	taken := func() time.Duration {
		var used syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
			return time.Hour
		}
		return time.Duration(used.Utime.Nano() + used.Stime.Nano())
	}
	for end := taken() + 80*time.Millisecond; taken() < end; {
	}
}

func serve(address, state string) int {
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("listening on", l.Addr())
	exe, _ := os.Executable()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var busy, ignore atomic.Bool
	mux := http.NewServeMux()
	handle := func(path string, f func()) {
		mux.HandleFunc(path, func(http.ResponseWriter, *http.Request) { f() })
	}
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, os.Getenv(r.URL.RawQuery)) })
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, r *http.Request) {
		if busy.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	handle("/healthz", func() {})
	handle("/busy", func() { busy.Store(true) })
	handle("/burn", burn)
	handle("/burn-child", func() { _ = exec.Command(exe, asBuild, "burn", state).Run() })
	handle("/ignore", func() { ignore.Store(true) })
	handle("/child", func() { spawn(nil, "sleep", state) })
	handle("/daemon", func() { spawn(&syscall.SysProcAttr{Setsid: true}, "daemon", state) })
	handle("/service", func() { spawn(&syscall.SysProcAttr{Setsid: true}, "sleep", state) })
	handle("/deaf-daemon", func() {
		spawn(&syscall.SysProcAttr{Setsid: true}, "deaf-daemon", state)
		for {
			if _, err := os.Stat(filepath.Join(state, "deaf")); err == nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	handle("/exit", func() { time.AfterFunc(10*time.Millisecond, stop) })
	handle("/crash", func() {
		spawn(nil, "sleep", state)
		fmt.Println("about to crash")
		time.AfterFunc(10*time.Millisecond, func() { os.Exit(4) })
	})
	server := &http.Server{Handler: mux}
	go server.Serve(l)
	<-ctx.Done()
	if ignore.Load() {
		select {}
	}
	_ = os.WriteFile(filepath.Join(state, "flushed"), nil, 0o600)
	return 0
}

// use starts a build with a daemon and waits to be killed.
func use(folder string) int {
	exe, err := os.Executable()
	if err != nil {
		return 1
	}
	s, err := build.NewSite(build.Spec{Folder: filepath.Join(folder, "site"), Doors: []string{"web"}, Build: &config.Build{
		Command: []string{exe, asBuild, "serve", "${door.web}", "${state}"}, Dir: folder,
		Ready: config.Probe{HTTP: "http://${door.web}/daemon", Timeout: seconds(20)},
	}})
	if err != nil {
		return 1
	}
	if _, err := s.Start(context.Background(), build.Start{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	select {}
}
