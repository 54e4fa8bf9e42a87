//go:build linux

package build_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
)

func TestMain(m *testing.M) {
	build.Supervise()
	if len(os.Args) > 2 && os.Args[1] == asBuild {
		os.Exit(program(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// site makes a site for one of the programs below. Every process of it carries
// the test's folder in its arguments; when the test has ended none may be left.
func site(t *testing.T, change func(*config.Build, *build.Spec)) *build.Site {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "site")
	spec := build.Spec{
		Role: gate.Staging, Config: t.TempDir(), Doors: []string{"web"}, CA: "/ca.pem", Folder: folder,
		Build: &config.Build{
			Command: me(t, "serve", "${door.web}", "${state}"), Dir: t.TempDir(),
			HookTimeout: seconds(20),
			Ready:       config.Probe{HTTP: "http://${door.web}/healthz", Timeout: seconds(20)},
			Quiet:       config.Probe{HTTP: "http://${door.web}/quiet", Timeout: seconds(20)},
			Stop:        config.Stop{Signal: "TERM", Timeout: seconds(20)},
		},
	}
	change(spec.Build, &spec)
	env := map[string]string{"GORACE": "atexit_sleep_ms=0"} // these programs are many, and each would wait at its end for reports of races
	maps.Copy(env, spec.Build.Env)
	spec.Build.Env = env
	s, err := build.NewSite(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for pid, line := range processes(t, folder) {
			t.Errorf("process %d is left: %s", pid, line)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(folder); !spec.Keep && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder of the site is left: %v", err)
		}
	})
	return s
}

func seconds(n float64) config.Duration {
	return config.Duration{Duration: time.Duration(n * float64(time.Second))}
}

// processes finds what has word in its arguments, by a way of its own.
func processes(t *testing.T, word string) map[int]string {
	t.Helper()
	found := make(map[int]string)
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Fatalf("read /proc: %v", err)
	}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err == nil && bytes.Contains(line, []byte(word)) {
			found[pid] = strings.ReplaceAll(string(line), "\x00", " ")
		}
	}
	return found
}

func start(t *testing.T, s *build.Site) *build.Build {
	t.Helper()
	b, err := s.Start(t.Context(), build.Start{Scenario: "steady", Sinks: map[string]string{"mail-out": "127.0.0.1:2525"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func get(t *testing.T, b *build.Build, path string) string {
	t.Helper()
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(httpGet("http://" + b.Doors()["web"] + path))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return body.String()
}

func httpGet(url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		panic(err)
	}
	return req
}

func TestWellBehaved(t *testing.T) {
	t.Setenv("GITHUB_TOKEN", "the job's")
	t.Setenv("WAYBILL_IDENTITY", "the gate's")
	s := site(t, func(c *config.Build, spec *build.Spec) {
		c.Env = map[string]string{"TZ": "UTC", "MIX": "${role}-${scenario}-${sink.mail-out.port}-${ca}"}
	})
	b := start(t, s)
	if b.Err() != nil {
		t.Error(b.Err())
	}
	for name, want := range map[string]string{
		"TZ": "UTC", "MIX": "staging-steady-2525-/ca.pem",
		"WAYBILL_ROLE": "staging", "WAYBILL_STATE": filepath.Join(s.Folder(), "state"),
		"WAYBILL_SINK_MAIL_OUT": "127.0.0.1:2525", "WAYBILL_DOOR_WEB": b.Doors()["web"],
		"WAYBILL_SUPERVISE": "", "PATH": os.Getenv("PATH"), "GITHUB_TOKEN": "", "WAYBILL_IDENTITY": "",
	} {
		if got := get(t, b, "/env?"+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if err := b.Quiet(t.Context()); err != nil || !b.HasQuietProbe() {
		t.Errorf("quiet: %v", err)
	}
	get(t, b, "/busy")
	if err := b.Quiet(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("quiet while busy: %v", err)
	}
	if gaps := b.Stop(t.Context()); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	if gaps := b.Stop(t.Context()); len(gaps) > 0 {
		t.Errorf("gaps of a second stop: %+v", gaps)
	}
	if _, err := os.Stat(filepath.Join(s.Folder(), "state", "flushed")); err != nil {
		t.Errorf("it was not given time to stop: %v", err)
	}
	select {
	case <-b.Exited():
		t.Error("a build that was stopped is told as one that ended by itself")
	default:
	}
	if log, err := os.ReadFile(b.Log()); err != nil || !strings.Contains(string(log), "listening on") {
		t.Errorf("log is %q, %v", log, err)
	}
}

func TestProcessorTime(t *testing.T) {
	b := start(t, site(t, func(*config.Build, *build.Spec) {}))
	defer b.Stop(t.Context())
	before, ok := b.Processor()
	if !ok {
		t.Fatal("processor time is not known")
	}
	for _, where := range []string{"/burn", "/burn-child"} { // in a child that is waited for, too
		get(t, b, where)
		after, ok := b.Processor()
		if !ok || after <= before {
			t.Errorf("%s: processor time went from %d to %d, %v", where, before, after, ok)
		}
		before = after
	}
}

func TestStartFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *config.Build, *build.Spec)
		want   []string
	}{
		{"exits", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Command = me(t, "fail", "3", "${state}") },
			[]string{"build staging exited with status 3 before it was ready; last output:", "cannot go on \uFFFD[31m"}},
		{"exits well", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Command = me(t, "fail", "0", "${state}") },
			[]string{"build staging exited with status 0 before it was ready"}},
		{"dies of a signal", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Command = me(t, "die", "${state}") },
			[]string{"build staging was ended by signal 9 (killed) before it was ready; it printed nothing"}},
		{"never ready", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Command = me(t, "sleep", "${state}")
			c.Ready.Timeout = seconds(0.2)
		}, []string{"build staging was not ready within 200ms", "connection refused", "last output:\nasleep"}},
		{"not ready by default", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Command = me(t, "sleep", "${state}")
			c.Ready = config.Probe{Timeout: seconds(0.2)}
		}, []string{"was not ready within 200ms", "connection refused"}},
		{"not ready by command", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Ready = config.Probe{Command: me(t, "fail", "1", "${state}"), Timeout: seconds(0.2)}
		}, []string{"was not ready within 200ms", "exited with status 1", "cannot go on"}},
		{"no such program", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Command = []string{"no-such-program-here"} },
			[]string{`build staging: start "no-such-program-here"`, "executable file not found"}},
		{"no such folder", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Dir = "/no/such/folder" },
			[]string{"/no/such/folder"}},
		{"variable is not set", func(t *testing.T, c *config.Build, _ *build.Spec) { c.Command = []string{"${env.WAYBILL_TEST_UNSET}"} },
			[]string{"environment variable WAYBILL_TEST_UNSET is not set"}},
		{"setup fails", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Setup = [][]string{me(t, "fail", "0", "${state}"), me(t, "fail", "7", "${state}")}
		}, []string{"build staging: setup command 2,", "exited with status 7; last output:", "cannot go on"}},
		{"setup hangs", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Setup = [][]string{me(t, "sleep", "${state}")}
			c.HookTimeout = seconds(0.2)
		}, []string{"build staging: setup command 1", "did not end within 200ms", "asleep"}},
		{"setup leaves a process", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Setup = [][]string{me(t, "daemon", "${state}")}
		}, []string{"build staging: setup command 1", "left processes running", "belongs in command"}},
		{"port taken again and again", func(t *testing.T, c *config.Build, _ *build.Spec) {
			c.Command = me(t, "serve", "127.0.0.1:"+taken(t), "${state}")
			c.Ready = config.Probe{Command: me(t, "fail", "1", "${state}"), Timeout: seconds(20)}
		}, []string{"exited with status 1 before it was ready", "address already in use"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := site(t, func(c *config.Build, spec *build.Spec) { test.change(t, c, spec) })
			_, err := s.Start(t.Context(), build.Start{})
			if err == nil {
				t.Fatal("started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%v\nand does not contain\n%s", err, want)
				}
			}
		})
	}
}

func taken(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// A port that is taken between finding it and the build's listening is not the end.
func TestPortTakenOnce(t *testing.T) {
	s := site(t, func(c *config.Build, _ *build.Spec) {
		c.Command = me(t, "serve-second-time", "${door.web}", "${config}/came-before", "${state}")
	})
	b := start(t, s)
	if gaps := b.Stop(t.Context()); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
}

func TestInterruptedStart(t *testing.T) {
	s := site(t, func(c *config.Build, _ *build.Spec) { c.Command = me(t, "sleep", "${state}") })
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := s.Start(ctx, build.Start{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

func TestCrash(t *testing.T) {
	b := start(t, site(t, func(*config.Build, *build.Spec) {}))
	get(t, b, "/crash") // answers, leaves a child behind, then exits with status 4
	<-b.Exited()
	var exit *build.ExitError
	if !errors.As(b.Err(), &exit) {
		t.Fatalf("error is %v", b.Err())
	}
	if exit.Status() != "exited with status 4" || !strings.Contains(exit.Error(), "about to crash") {
		t.Errorf("status is %q, error %v", exit.Status(), exit)
	}
	if gaps := b.Stop(t.Context()); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
}

func TestStop(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*testing.T, *config.Build)
		before string // asked for before the stop
		want   string // in the gap; "" is none
	}{
		{"ignores the signal", func(_ *testing.T, c *config.Build) { c.Stop.Timeout = seconds(0.2) }, "/ignore", "did not stop within 200ms"},
		{"child in the group", func(*testing.T, *config.Build) {}, "/child", ""},
		{"daemon that it started before it was ready", func(_ *testing.T, c *config.Build) {
			c.Ready = config.Probe{HTTP: "http://${door.web}/service", Timeout: seconds(20)}
		}, "", ""},
		{"daemon outside the group, with a clean environment", func(*testing.T, *config.Build) {}, "/daemon", "was still there 2s after it had ended"},
		{"such a daemon that may be left", func(_ *testing.T, c *config.Build) {
			c.Stop.Leaves = []string{filepath.Base(os.Args[0])[:min(15, len(filepath.Base(os.Args[0])))]}
		}, "/daemon", ""},
		{"such a daemon that ignores the signal", func(_ *testing.T, c *config.Build) { c.Stop.Timeout = seconds(0.5) }, "/deaf-daemon", "killed: "},
		{"stop command", func(t *testing.T, c *config.Build) {
			c.Stop = config.Stop{Command: me(t, "ask", "http://${door.web}/exit", "${state}"), Timeout: seconds(20)}
		}, "", ""},
		{"stop command fails", func(t *testing.T, c *config.Build) {
			c.Stop = config.Stop{Command: me(t, "fail", "5", "${state}"), Timeout: seconds(20)}
		}, "", "exited with status 5"},
		{"stop command hangs", func(t *testing.T, c *config.Build) {
			c.Stop = config.Stop{Command: me(t, "sleep", "${state}"), Timeout: seconds(0.2)}
		}, "", "stop command"},
		{"shell in between", func(t *testing.T, c *config.Build) {
			c.Command = []string{"sh", "-c", `"$@"; echo done`, "sh"}
			c.Command = append(c.Command, me(t, "serve", "${door.web}", "${state}")...)
		}, "", ""},
		{"makes itself a daemon", func(t *testing.T, c *config.Build) {
			c.Command = me(t, "serve-daemon", "${door.web}", "${state}")
		}, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := start(t, site(t, func(c *config.Build, _ *build.Spec) { test.change(t, c) }))
			if test.before != "" {
				get(t, b, test.before)
			}
			if b.Err() != nil {
				t.Fatal(b.Err())
			}
			gaps := b.Stop(t.Context())
			switch {
			case test.want == "" && len(gaps) > 0:
				t.Errorf("gaps: %+v", gaps)
			case test.want != "" && (len(gaps) != 1 || gaps[0].Kind != gate.GapNotStopped && gaps[0].Kind != gate.GapOutlived || !strings.Contains(gaps[0].Detail, test.want)):
				t.Errorf("gaps are %+v, want one with %q", gaps, test.want)
			}
		})
	}
}

// The supervisor ends what is left when the program that uses this package is
// killed without a chance to.
func TestKilledProgram(t *testing.T) {
	folder := t.TempDir()
	argv := me(t, "use", folder)
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{Env: os.Environ(), Files: []*os.File{nil, os.Stderr, os.Stderr}})
	if err != nil {
		t.Fatal(err)
	}
	await(t, "a build with a daemon", func() bool { return len(processes(t, filepath.Join(folder, "site"))) >= 3 })
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	await(t, "the end of all", func() bool { return len(processes(t, folder)) == 0 })
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 2000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestJob(t *testing.T) {
	s := site(t, func(c *config.Build, _ *build.Spec) {
		job := func(timeout float64, argv ...string) config.Job {
			return config.Job{Command: me(t, argv...), Dir: c.Dir, Env: map[string]string{"MORE": "${role}"}, Timeout: seconds(timeout)}
		}
		c.Jobs = map[string]config.Job{
			"copy":   job(20, "copy", "${state}"),
			"fail":   job(20, "fail", "6", "${state}"),
			"hang":   job(3, "sleep", "${state}"),
			"daemon": job(0.5, "daemon", "${state}"),
			"shout":  job(20, "shout", "${state}"),
			"absent": {Command: []string{"no-such-program-here"}, Dir: c.Dir, Timeout: seconds(20)},
		}
	})
	b := start(t, s)
	defer b.Stop(t.Context())
	for _, test := range []struct {
		job, body, err string
		status         int
		cut            int64
	}{
		{job: "copy", body: "staging: some input"},
		{job: "fail", status: 6, body: "cannot go on \x1b[31m\n"},
		{job: "hang", status: -1, err: "did not end within 3s and was killed", body: "asleep\n"},
		{job: "daemon", status: -1, err: "did not end within 500ms"},
		{job: "shout", body: strings.Repeat("x", 64<<10), cut: 1 << 20},
		{job: "absent", status: -1, err: "executable file not found"},
		{job: "other", status: -1, err: "no such job"},
	} {
		o := b.Job(t.Context(), test.job, []byte("some input"))
		if o.Status != test.status || string(o.Body) != test.body || o.Cut != test.cut {
			t.Errorf("%s: status %d, cut %d, body %.80q", test.job, o.Status, o.Cut, o.Body)
		}
		if (o.Error == "") != (test.err == "") || !strings.Contains(o.Error, test.err) {
			t.Errorf("%s: error is %q, want %q", test.job, o.Error, test.err)
		}
	}
}

func TestState(t *testing.T) {
	const log = "${config}/calls"
	for _, test := range []struct {
		name  string
		reset bool
		sinks []string // of each start
		want  string   // the hooks that ran, and whether the state was empty
	}{
		{"made anew each time", false, []string{"127.0.0.1:1", "127.0.0.1:1"}, "setup:empty setup:empty "},
		{"kept", true, []string{"127.0.0.1:1", "127.0.0.1:1", "127.0.0.1:1"}, "setup:empty reset:kept reset:kept "},
		{"what setup was told is wrong", true, []string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:2"}, "setup:empty setup:empty reset:kept "},
	} {
		t.Run(test.name, func(t *testing.T) {
			var calls string
			s := site(t, func(c *config.Build, spec *build.Spec) {
				calls = filepath.Join(spec.Config, "calls")
				c.Setup = [][]string{me(t, "note", log, "setup", "${state}")}
				if test.reset {
					c.Reset = [][]string{me(t, "note", log, "reset", "${state}")}
				}
			})
			for _, sink := range test.sinks {
				b, err := s.Start(t.Context(), build.Start{Sinks: map[string]string{"mail": sink}})
				if err != nil {
					t.Fatal(err)
				}
				b.Stop(t.Context())
			}
			if got, err := os.ReadFile(calls); err != nil || string(got) != test.want {
				t.Errorf("hooks were %q, want %q (%v)", got, test.want, err)
			}
		})
	}
}

func TestRunsAlready(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "here") })}
	go server.Serve(l)
	defer server.Close()
	s := site(t, func(c *config.Build, spec *build.Spec) {
		c.Command = nil
		c.Doors = map[string]string{"web": l.Addr().String()}
	})
	b := start(t, s)
	if got := get(t, b, "/"); got != "here" {
		t.Errorf("answer is %q", got)
	}
	if _, ok := b.Processor(); ok {
		t.Error("processor time of a build that was not started here is known")
	}
	if gaps := b.Stop(t.Context()); len(gaps) > 0 {
		t.Errorf("gaps: %+v", gaps)
	}
	if got := get(t, b, "/"); got != "here" {
		t.Error("a build that was not started here was stopped")
	}
}

func TestFolder(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := build.NewSite(build.Spec{Build: &config.Build{}, Folder: folder}); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a folder with something in it was taken: %v", err)
	}
	s := site(t, func(c *config.Build, spec *build.Spec) {
		spec.Keep = true
		c.Setup = [][]string{{"sh", "-c", "mkdir ${state}/sealed && touch ${state}/sealed/x && chmod 500 ${state}/sealed"}}
	})
	for range 2 { // a folder that may not be written to does not stop the second
		start(t, s).Stop(t.Context())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(s.Folder(), "state", "sealed", "x")); err != nil {
		t.Errorf("a folder to be kept was not: %v", err)
	}
}

// Where somebody else listens at a door, stimuli would reach them: the build is not started.
func TestDoorIsTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := site(t, func(c *config.Build, _ *build.Spec) { c.Doors = map[string]string{"web": l.Addr().String()} })
	b, err := s.Start(t.Context(), build.Start{Scenario: "steady", Sinks: map[string]string{"mail-out": "127.0.0.1:2525"}})
	if err == nil {
		b.Stop(t.Context())
		t.Fatal("it was started")
	}
	for _, want := range []string{"door web", l.Addr().String(), "address already in use"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it should name %s: %v", want, err)
		}
	}
}

// A build is given the doors of another that has stopped, and others where somebody
// listens there.
func TestDoorsOfAnother(t *testing.T) {
	first := start(t, site(t, func(*config.Build, *build.Spec) {}))
	doors := first.Doors()
	given := func() string {
		b, err := site(t, func(*config.Build, *build.Spec) {}).Start(t.Context(), build.Start{Doors: doors})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Stop(t.Context())
		return b.Doors()["web"]
	}
	if got := given(); got == doors["web"] {
		t.Errorf("two builds were given %s", got)
	}
	first.Stop(t.Context())
	if got := given(); got != doors["web"] {
		t.Errorf("it was given %s, and %s was free", got, doors["web"])
	}
}
