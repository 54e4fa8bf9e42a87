package main_test

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/tape"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
)

func TestMain(m *testing.M) {
	build.Supervise()
	testscript.Main(m, map[string]func(){
		"waybill": func() { os.Exit(waybill.Run(os.Args, os.Stdin, os.Stdout, os.Stderr)) },
		"portal":  func() { os.Exit(portal(os.Args[1:])) },
		"wild":    func() { os.Exit(wild(os.Args[1:])) },
		"links":   func() { os.Exit(links(os.Args[1:])) },
		"rogue":   func() { os.Exit(rogue(os.Args[1:])) },
	})
}

// TestScripts tells whole-program stories. Besides testscript's own commands
// they have:
//
//	exits CODE PROGRAM [ARG...]   run a program, and require its exit code
//	corpus FILE N                 write a corpus of N questions to the portal
//	corpus-recorded FILE N        the same, with the mail that production sent
//	listens FILE                  take a port, and write its number to FILE
//	truncated FILE BYTES          cut the last bytes of a file
//	fill FILE FROM TO             replace text in a file; \n in TO is a newline
//	github EVENT                  start a GitHub, and set the environment of a workflow of EVENT:
//	                              pull_request, fork, merge_group, workflow_dispatch
//	github-is WHAT [ARG...]       change it: at COMMIT, read-only, without PERMISSION, revoked, limited, down, review LOGIN STATE COMMIT,
//	                              team LOGIN..., base FILE, deleted, up; moves COMMIT N: its head, after N more requests;
//	                              for the next N requests: slow N, failing N; forgetful: it makes a comment, and
//	                              says that it failed
//	github-holds FILE             write what it holds to FILE, a line each
//	github-asked FILE BODIES      write the requests that came since the last time to FILE, a line each, and their bodies to BODIES
//	names-nobody CSV FILE...      require that no field of a directory stands in any of the files
//	interrupts SIGNAL CODE PROGRAM [ARG...]
//	                              run a program, send it a signal once the portal was asked, require
//	                              its exit code, and that the portal has ended too
func TestScripts(t *testing.T) { stories(t, "testdata/script", nil) }

// stories tells the stories in a folder, which may have more commands than those of
// [TestScripts].
func stories(t *testing.T, dir string, more map[string]func(*testscript.TestScript, bool, []string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]func(*testscript.TestScript, bool, []string){
		"exits":           exits,
		"corpus":          func(ts *testscript.TestScript, neg bool, args []string) { corpus(ts, neg, args, false) },
		"corpus-recorded": func(ts *testscript.TestScript, neg bool, args []string) { corpus(ts, neg, args, true) },
		"listens":         listens,
		"truncated":       truncated,
		"fill":            fill,
		"interrupts":      interrupts,
		"github":          startGitHub,
		"github-is":       changeGitHub,
		"github-holds":    dumpGitHub,
		"names-nobody":    namesNobody,
		"github-asked":    askedGitHub,
	}
	maps.Copy(commands, more)
	testscript.Run(t, testscript.Params{
		Dir:                dir,
		RequireUniqueNames: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("ROOT", root)
			e.Values[hubKey{}] = new(hub)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			e.Setenv("CI", "")
			e.Setenv("GITHUB_ACTIONS", "")
			for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
				out, err := exec.Command("go", "env", name).Output()
				if err != nil {
					return fmt.Errorf("go env %s: %w", name, err)
				}
				e.Setenv(name, strings.TrimSpace(string(out)))
			}
			return nil
		},
		Cmds: commands,
		Condition: func(name string) (bool, error) {
			if name != "hup" {
				return false, fmt.Errorf("unknown condition %q", name)
			}
			// Under nohup the program ignores the signal, as it must.
			return !signal.Ignored(syscall.SIGHUP), nil
		},
	})
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	requireExit(ts, ts.Exec(args[1], args[2:]...), want)
}

func requireExit(ts *testscript.TestScript, err error, want int) {
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("run: %v", err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// corpus writes questions that people ask the portal, and where recorded the
// answers that production mailed.
func corpus(ts *testscript.TestScript, neg bool, args []string, recorded bool) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corpus FILE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	w, err := tape.Create(ts.MkAbs(args[0]), gate.Header{Content: gate.CorpusTape}, tape.Options{Overwrite: true})
	ts.Check(err)
	var messages uint64
	for i := range n {
		who := fmt.Sprintf("member%02d@members.example.org", i)
		form := fmt.Sprintf("from=%s&question=question+%d+about+record+%d", strings.Replace(who, "@", "%40", 1), i, 770_000+7919*i)
		ts.Check(w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
			ID: fmt.Sprintf("q-%02d", i), Channel: "http", Door: "web", Key: who, Status: 200,
			Head: fmt.Appendf(nil, "POST /ask HTTP/1.1\r\nHost: portal.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(form)),
			Body: []byte(form),
		}}))
		if recorded {
			messages++
			ts.Check(w.Append(&gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
				Seq: messages, Channel: "smtp", Sink: "mail", Phase: "steady",
				Head: fmt.Appendf(nil, "EHLO portal.example.org\r\nMAIL FROM:<%s>\r\nRCPT TO:<%s>\r\n", portalFrom, who),
				Body: portalMail(who, portalAbout(i)),
			}}))
		}
	}
	ts.Check(w.Close(gate.Footer{Accepted: messages}))
}

func listens(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: listens FILE")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(l.Addr().String()), 0o666))
	ts.Setenv("TAKEN", l.Addr().String())
}

func truncated(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: truncated FILE BYTES")
	}
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-n))
}

func fill(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: fill FILE FROM TO")
	}
	b, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	if !strings.Contains(string(b), args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(string(b), args[1], strings.ReplaceAll(args[2], `\n`, "\n"))), 0o666))
}

// interrupts starts a program, sends it a signal once the portal has been asked
// its first question, and waits until both have ended. What was printed is in the
// files interrupted.out and interrupted.err.
func interrupts(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: interrupts SIGNAL CODE PROGRAM [ARG...]")
	}
	signals := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	out, err := os.Create(ts.MkAbs("interrupted.out"))
	ts.Check(err)
	defer out.Close()
	errs, err := os.Create(ts.MkAbs("interrupted.err"))
	ts.Check(err)
	defer errs.Close()
	path := args[2]
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if _, err := os.Stat(filepath.Join(dir, path)); err == nil && !strings.Contains(path, "/") {
			path = filepath.Join(dir, path)
		}
	}
	cmd := exec.Command(path, args[3:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Stdout, cmd.Stderr = out, errs
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "CI", "GITHUB_ACTIONS"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	cmd.Env = append(cmd.Env, "PORTAL_NOTIFY="+l.Addr().String())
	ts.Check(cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); l.Close() }()
	portal, err := l.Accept()
	if err != nil {
		ts.Fatalf("%s ended before the portal was asked: %v", args[2], <-ended)
	}
	defer portal.Close()
	ts.Check(cmd.Process.Signal(signals[args[0]]))
	requireExit(ts, <-ended, want)
	// The portal holds its end open for as long as it lives.
	ts.Check(portal.SetReadDeadline(time.Now().Add(20 * time.Second)))
	if n, err := portal.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		ts.Fatalf("the portal outlives %s", args[2])
	}
}
