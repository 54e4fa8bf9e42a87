package main_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// The gate's own faults: whatever is done to it, to its builds, to its disk and
// to its tapes, there is no false pass, nothing that was acknowledged is lost,
// a tape verifies up to a point that is named, and no process is left.
//
//	WAYBILL_CHAOS=500        how often something is killed; 40 if not set
//	WAYBILL_CHAOS_SEED=7     of the moments; 1 if not set
//
// Each test prints how many faults it injected, of which kind; .ci/chaos adds them up.

const (
	chaosQuestions = 12
	chaosDeadline  = 60 * time.Second // for what must end by itself; a hang is a failure
)

func chaosNumber(t *testing.T, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, text, err)
	}
	return n
}

// chaosRandom is the source of everything that is left to chance.
func chaosRandom(t *testing.T, stream uint64) *rand.Rand {
	seed := chaosNumber(t, "WAYBILL_CHAOS_SEED", 1)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("WAYBILL_CHAOS_SEED=%d", seed)
		}
	})
	return rand.New(rand.NewPCG(seed, stream))
}

func chaosMember(i int) string { return fmt.Sprintf("member%02d@members.example.org", i) }

func writeChaosCorpus(t *testing.T, path string) {
	t.Helper()
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range chaosQuestions {
		form := "from=" + strings.Replace(chaosMember(i), "@", "%40", 1) + "&question=" + strings.ReplaceAll(portalAbout(i), " ", "+")
		err := w.Append(&gate.Record{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{
			ID: fmt.Sprintf("q-%02d", i), Channel: "http", Door: "web", Key: chaosMember(i), Status: 200,
			Head: fmt.Appendf(nil, "POST /ask HTTP/1.1\r\nHost: portal.example.org\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n", len(form)),
			Body: []byte(form),
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
}

const chaosConfig = `version = 1
[corpus]
path = "c.tape"
[doors.web]
channel = "http"
[sinks.mail]
channel = "smtp"
[production]
command = ["rogue", "-listen", "${door.web}", "-smtp", "${sink.mail}", "-log", "${config}/acknowledged"]
quiet = { settle = "20ms", timeout = "30s" }
stop = { timeout = "20s" }
[staging]
command = ["rogue", "-listen", "${door.web}", "-smtp", "${sink.mail}", "-log", "${config}/acknowledged", "-swap=SWAP"]
quiet = { settle = "20ms", timeout = "30s" }
stop = { timeout = "20s" }
[replay]
concurrency = 3
answer_timeout = "30s"
linger = "20ms"
[report]
json = "verdict.json"
`

// A scene is a folder in which the gate is run once. swap: the release sends one
// member's answer to another, so that a pass is false; otherwise it changes
// nothing.
type scene struct {
	dir   string
	swap  bool
	late  bool             // the release sends one answer twice, the second time late
	id    string           // in the environment of every process of the scene
	stale map[string]int64 // what an earlier run left, by file: when it was made

	patience time.Duration // for processes to end
}

var chaosTapes = []string{"steady-production-1.tape", "steady-production-2.tape", "steady-staging-1.tape"}

// newScene makes a scene; earlier, where it is not nil, has been run, and what it
// left lies where this one will write: a verdict and runs that pass.
func newScene(t *testing.T, swap bool, earlier *scene) *scene {
	t.Helper()
	s := &scene{dir: t.TempDir(), swap: swap, patience: 10 * time.Second}
	s.id = "TMPDIR=" + s.path("tmp") // builds are given it too
	writeChaosCorpus(t, s.path("c.tape"))
	s.write(t, "waybill.toml", strings.Replace(chaosConfig, "SWAP", fmt.Sprint(swap), 1))
	if err := errors.Join(os.MkdirAll(s.path(".waybill/runs"), 0o700), os.Mkdir(s.path("tmp"), 0o700)); err != nil {
		t.Fatal(err)
	}
	s.stale = map[string]int64{}
	if earlier != nil {
		for _, name := range append([]string{"../../verdict.json"}, chaosTapes...) {
			name = filepath.Join(".waybill/runs", name)
			b, err := os.ReadFile(earlier.path(name))
			if err != nil {
				t.Fatal(err)
			}
			s.write(t, name, string(b))
			if h, err := tape.Open(s.path(name)); err == nil {
				s.stale[filepath.Base(name)] = h.Header().At
				h.Close()
			}
		}
	}
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// gate is the gate as a process, started by way of the words of before.
func (s *scene) gate(t *testing.T, before ...string) (cmd *exec.Cmd, printed *bytes.Buffer) {
	t.Helper()
	argv := append(before, "waybill", "gate")
	path, err := exec.LookPath(argv[0])
	if err != nil {
		t.Fatal(err)
	}
	printed = new(bytes.Buffer)
	cmd = &exec.Cmd{Path: path, Args: argv, Dir: s.dir, Stdout: printed, Stderr: printed, WaitDelay: chaosDeadline}
	cmd.Env = append(os.Environ(), s.id, "CI=", "GITHUB_ACTIONS=", "GOTRACEBACK=single")
	return cmd, printed
}

// finish waits for cmd, which must not hang, and gives its exit code; -1 is that a
// signal ended it.
func finish(t *testing.T, cmd *exec.Cmd, printed *bytes.Buffer) int {
	t.Helper()
	hung := time.AfterFunc(chaosDeadline, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer hung.Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("wait for the gate: %v\n%s", err, printed)
	}
	if !hung.Stop() {
		t.Fatalf("the gate hangs:\n%s", printed)
	}
	return cmd.ProcessState.ExitCode()
}

// A member of a scene is a process of it.
type member struct {
	pid  int
	what string // "gate", "supervisor", "build"
}

// members are the processes of the scene that live.
func (s *scene) members() []member {
	var out []member
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environment, err := os.ReadFile("/proc/" + e.Name() + "/environ") // empty of one that has ended
		if err != nil || !slices.Contains(strings.Split(string(environment), "\x00"), s.id) {
			continue
		}
		line, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		argv := strings.Split(string(line), "\x00")
		m := member{pid, "gate"}
		switch {
		case strings.Contains(string(environment), "\x00WAYBILL_SUPERVISE=1"):
			m.what = "supervisor"
		case slices.Contains(argv, "-listen"):
			m.what = "build"
		}
		out = append(out, m)
	}
	return out
}

// An account is what can be seen of a scene when its gate has ended.
type account struct {
	code     int    // exit code of the gate, -1: killed
	printed  string // by the gate
	signal   int    // exit code that a signal which it obeys may have; 0: none was sent
	judged   int    // exit code of waybill judge over what is left
	judgment string
}

// examine gives everything that is wrong with a scene whose gate has ended.
func (s *scene) examine(a account) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	taken := map[string]int{}
	whole, fresh, old := true, 0, 0
	for _, name := range chaosTapes {
		messages, at, err := readMessages(s.path(filepath.Join(".waybill/runs", name)))
		var torn *tape.TornError
		switch {
		case errors.Is(err, fs.ErrNotExist):
			whole = false
			continue
		case errors.As(err, &torn):
			whole = false
			if rest, again, _ := readMessages(torn.Path); again != at || len(rest) != len(messages) {
				complain("%s reads otherwise the second time", name)
			}
		case err != nil:
			whole = false
			complain("%s is neither whole nor torn: %v", name, err)
		}
		if at != 0 && at == s.stale[name] {
			old++
			whole = false
			continue
		}
		fresh++
		role := "production"
		if strings.Contains(name, "staging") {
			role = "staging"
		}
		for _, m := range messages {
			taken[role+"\t"+m]++
		}
		if !slices.Equal(messages, s.expected(role)) {
			whole = false
		}
	}
	if fresh > 0 && old > 0 {
		complain("runs of an earlier gate lie beside those of this one")
	}
	for line, n := range s.acknowledged() {
		if fresh > 0 && taken[line] < n {
			complain("acknowledged %d times and %d times on tape: %s", n, taken[line], line)
		}
	}
	mayPass := whole && !s.swap
	if a.code == 0 && !mayPass {
		complain("the gate passes")
	}
	if a.code == 1 && !s.swap && !s.late && !strings.Contains(a.printed, "exit 3 ") {
		complain("the gate blocks what changes nothing, and does not say that it did not see everything")
	}
	if !slices.Contains([]int{-1, a.signal, gate.ExitPass, gate.ExitBlocked, gate.ExitUndecided, gate.ExitContainment, gate.ExitBug}, a.code) {
		complain("the gate exits with %d", a.code)
	}
	if a.code != 0 && strings.Contains(a.printed, "Pass:") && !mayPass {
		complain("the gate prints a pass")
	}
	if strings.Contains(a.printed, "goroutine ") {
		complain("the gate panics")
	}
	if a.judged == 0 && !mayPass && old == 0 {
		complain("waybill judge passes what is left")
	}
	if a.judged == 0 != strings.Contains(a.judgment, "Pass:") {
		complain("waybill judge exits with %d and prints otherwise", a.judged)
	}
	if v, err := os.ReadFile(s.path("verdict.json")); err == nil {
		var verdict gate.Verdict
		if err := json.Unmarshal(v, &verdict); err != nil {
			complain("verdict.json cannot be read: %v", err)
		}
		if fresh > 0 && verdict.Decision == gate.Pass && !mayPass {
			complain("verdict.json says pass")
		}
	}
	if left := s.awaitNobody(); len(left) > 0 {
		complain("processes are left: %v", left)
	}
	return wrong
}

// awaitNobody waits until no process of the scene lives, and gives those that do not end.
func (s *scene) awaitNobody() []member {
	for deadline := time.Now().Add(s.patience); ; {
		left := s.members()
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(5 * time.Millisecond) // the kernel tells nobody of the end of a process that is not its child
	}
}

// expected are the messages that one replay of a role has when nothing is wrong.
func (s *scene) expected(role string) (out []string) {
	for i := range chaosQuestions {
		to := chaosMember(i)
		if s.swap && role == "staging" {
			to = strings.Replace(to, "member03@", "member04@", 1)
		}
		out = append(out, to+"\t"+portalAbout(i))
	}
	slices.Sort(out)
	return out
}

// acknowledged counts the messages of which a build was told that they were taken.
func (s *scene) acknowledged() map[string]int {
	out := map[string]int{}
	f, err := os.Open(s.path("acknowledged"))
	if err != nil {
		return out
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if strings.Count(lines.Text(), "\t") == 2 {
			out[lines.Text()]++
		}
	}
	return out
}

// readMessages gives the recipient and text of every message on a tape up to what
// ends it, sorted, and when the tape was begun.
func readMessages(path string) (messages []string, at int64, err error) {
	for rec, e := range tape.All(path) {
		switch {
		case e != nil:
			err = e
		case rec.Header != nil:
			at = rec.Header.At
		case rec.Message != nil:
			_, to, _ := strings.Cut(string(rec.Message.Head), "RCPT TO:<")
			to, _, _ = strings.Cut(to, ">")
			_, about, _ := strings.Cut(string(rec.Message.Body), "we answer your ")
			messages = append(messages, to+"\t"+strings.TrimSpace(about))
		}
	}
	slices.Sort(messages)
	return messages, at, err
}

// judge asks waybill judge about runs.
func judge(production, again, staging string) (int, string) {
	var out, errs bytes.Buffer
	code := waybill.Run([]string{"waybill", "judge", "--show-recipients", "--again", again, production, staging}, nil, &out, &errs)
	return code, out.String() + errs.String()
}

func (s *scene) account(code int, printed string) account {
	a := account{code: code, printed: printed}
	runs := s.path(".waybill/runs")
	a.judged, a.judgment = judge(filepath.Join(runs, chaosTapes[0]), filepath.Join(runs, chaosTapes[1]), filepath.Join(runs, chaosTapes[2]))
	return a
}

func (s *scene) require(t *testing.T, a account, what string) {
	t.Helper()
	if wrong := s.examine(a); len(wrong) > 0 {
		t.Errorf("%s, swap %v:\n  %s\nexit code %d, it printed:\n%s", what, s.swap, strings.Join(wrong, "\n  "), a.code, a.printed)
	}
}

// run runs the gate of a scene to its end.
func (s *scene) run(t *testing.T, before ...string) account {
	t.Helper()
	cmd, printed := s.gate(t, before...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	code := finish(t, cmd, printed)
	return s.account(code, printed.String())
}

// undisturbed are two scenes with nothing done to them, and how long the gate takes.
func undisturbed(t *testing.T) (good, bad *scene, took time.Duration) {
	t.Helper()
	good, bad = newScene(t, false, nil), newScene(t, true, nil)
	begun := time.Now()
	for s, want := range map[*scene]int{good: gate.ExitPass, bad: gate.ExitBlocked} {
		a := s.run(t)
		if a.code != want || a.judged != want {
			t.Fatalf("undisturbed, swap %v: exit codes %d and %d, want %d:\n%s%s", s.swap, a.code, a.judged, want, a.printed, a.judgment)
		}
		s.require(t, a, "undisturbed")
	}
	return good, bad, time.Since(begun) / 2
}

// TestChaosKill kills the gate (and with it its sinks), a build, or what stands
// between them, at seeded moments of a run, or asks the gate to stop.
func TestChaosKill(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	random := chaosRandom(t, 1)
	good, _, took := undisturbed(t)
	kills := chaosNumber(t, "WAYBILL_CHAOS", 40)
	blows := []struct {
		victim string
		signal syscall.Signal
		code   int // that the gate may have after it
	}{
		{"gate", syscall.SIGKILL, -1}, {"gate", syscall.SIGKILL, -1}, {"build", syscall.SIGKILL, 0}, {"supervisor", syscall.SIGKILL, 0},
		{"gate", syscall.SIGINT, gate.ExitInterrupted}, {"gate", syscall.SIGTERM, gate.ExitTerminated},
	}
	killed, ends := map[string]int{}, map[int]int{}
	for n, tries := uint64(0), uint64(0); n < kills; tries++ {
		if tries > 3*kills {
			t.Fatalf("of %d tries only %d met a process to kill", tries, n)
		}
		blow := blows[random.IntN(len(blows))]
		moment := time.Duration(random.Int64N(int64(took)))
		s := newScene(t, random.IntN(2) == 0, good)
		cmd, printed := s.gate(t)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(moment) // the moment is what is tried, not a condition that is waited for
		what := fmt.Sprintf("%s: %s", blow.victim, blow.signal)
		if s.strike(blow.victim, blow.signal, cmd) {
			n++
			killed[what]++
		}
		code := finish(t, cmd, printed)
		ends[code]++
		a := s.account(code, printed.String())
		a.signal = blow.code
		s.require(t, a, fmt.Sprintf("%s after %s of %s", what, moment, took))
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("injections: %d killed: %v; exit codes, -1 by the kill itself: %v", kills, killed, ends)
	if kills >= 40 && len(killed) < len(blows)-1 {
		t.Errorf("of %d kinds of blow only %v were dealt", len(blows)-1, killed)
	}
}

// strike sends a signal to the first process of that kind that there is. false: the
// gate had ended before there was one.
func (s *scene) strike(victim string, signal syscall.Signal, gate *exec.Cmd) bool {
	if victim == "gate" {
		// It is not waited for yet, so its number is nobody else's.
		alive := len(s.members()) > 0
		return gate.Process.Signal(signal) == nil && alive
	}
	for {
		members := s.members()
		for _, m := range members {
			if m.what == victim {
				return syscall.Kill(m.pid, signal) == nil
			}
		}
		if len(members) == 0 {
			return false
		}
	}
}

// TestChaosLate lets a release send one answer twice, the second time at a seeded moment around
// the one at which it is taken for quiet: what is sent at all is never passed over.
func TestChaosLate(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	random := chaosRandom(t, 4)
	good, _, _ := undisturbed(t)
	late := chaosNumber(t, "WAYBILL_CHAOS", 40) / 2
	ends := map[int]int{}
	for range late {
		after := time.Duration(1 + random.Int64N(int64(250*time.Millisecond)))
		s := newScene(t, false, good)
		s.late = true
		s.write(t, "waybill.toml", strings.NewReplacer("SWAP", "false", `"-swap=SWAP"`, fmt.Sprintf(`"-late=%s", "-of=%d"`, after, chaosQuestions), `linger = "20ms"`, `linger = "150ms"`).Replace(chaosConfig))
		a := s.run(t)
		ends[a.code]++
		s.require(t, a, fmt.Sprintf("an answer sent again after %s", after))
		if err := os.RemoveAll(s.dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("injections: %d late; exit codes %v", late, ends)
	if late >= 20 && ends[gate.ExitBlocked]+ends[gate.ExitUndecided] == 0 {
		t.Errorf("none of what was sent late was seen: exit codes %v", ends)
	}
}

// TestChaosDisk lets files grow no further than a limit, and puts runs on a disk
// that is full too early.
func TestChaosDisk(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	good, bad, _ := undisturbed(t)
	ends := map[int]int{}
	for blocks := range 24 { // of 512 bytes: ulimit of POSIX
		s := newScene(t, blocks%2 == 1, good)
		a := s.run(t, "sh", "-c", fmt.Sprintf(`ulimit -f %d && exec "$@"`, blocks), "sh")
		ends[a.code]++
		s.require(t, a, fmt.Sprintf("files of at most %d blocks", blocks))
	}
	t.Logf("injections: %d full, by limits of files; exit codes %v", 24, ends)
	if ends[gate.ExitUndecided] == 0 || ends[gate.ExitPass]+ends[gate.ExitBlocked] == 0 {
		t.Errorf("the limits should be met by some runs, and not by others: exit codes %v", ends)
	}

	if out, err := exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "none", t.TempDir()).CombinedOutput(); err != nil {
		t.Logf("a disk that is full is left out: no tmpfs can be mounted here: %v: %s", err, out)
		return
	}
	size := func(s *scene) (n int64) {
		for _, name := range chaosTapes {
			info, err := os.Stat(s.path(filepath.Join(".waybill/runs", name)))
			if err != nil {
				t.Fatal(err)
			}
			n += info.Size()
		}
		return n
	}
	ends = map[int]int{}
	disks := int(size(bad)/4096) + 4
	for pages := 1; pages <= disks; pages++ {
		s := newScene(t, pages%2 == 1, nil)
		const script = `mount -t tmpfs -o size=$1k none .waybill/runs && shift && "$@"; code=$?; cp .waybill/runs/* kept/; exit $code`
		if err := os.Mkdir(s.path("kept"), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd, printed := s.gate(t, "unshare", "-rm", "sh", "-c", script, "sh", strconv.Itoa(4*pages))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		code := finish(t, cmd, printed)
		// The disk has gone with its name space.
		if err := errors.Join(os.Remove(s.path(".waybill/runs")), os.Rename(s.path("kept"), s.path(".waybill/runs"))); err != nil {
			t.Fatal(err)
		}
		ends[code]++
		s.require(t, s.account(code, printed.String()), fmt.Sprintf("a disk of %d pages", pages))
	}
	t.Logf("injections: %d full, by disks; exit codes %v", disks, ends)
	if ends[gate.ExitUndecided] == 0 || ends[gate.ExitPass]+ends[gate.ExitBlocked] == 0 {
		t.Errorf("some disks should be full, and others not: exit codes %v", ends)
	}
}

// TestChaosDescriptors lets the gate have few open files. With fewer than eight the runtime of Go
// ends the process, with a failure, before any of the gate has run.
func TestChaosDescriptors(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	good, _, _ := undisturbed(t)
	ends := map[int]int{}
	limits := 0
	for files := 8; files <= 40; files++ {
		limits++
		s := newScene(t, files%2 == 1, good)
		a := s.run(t, "sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$@"`, files), "sh")
		ends[a.code]++
		s.require(t, a, fmt.Sprintf("at most %d open files", files))
	}
	t.Logf("injections: %d refused, by limits of open files; exit codes %v", limits, ends)
	if ends[gate.ExitUndecided] == 0 || ends[gate.ExitPass]+ends[gate.ExitBlocked] == 0 {
		t.Errorf("the limits should be met by some runs, and not by others: exit codes %v", ends)
	}
}

// TestChaosClock lets the wall clock jump by years between any two readings. The
// Go runtime asks the kernel for the time without the C library, so nothing can be
// put in between: the gate is compiled with a package time that jumps instead,
// which takes a minute or more when it is not cached.
func TestChaosClock(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src/time/time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	const reading = "sec, nsec, mono := runtimeNow()\n"
	if n := strings.Count(string(source), reading); n != 1 {
		t.Fatalf("%s reads the clock in %d places, and one was known", original, n)
	}
	const seventeenYears = "1<<29" // seconds
	dir := t.TempDir()
	jumping, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	replaced, err := json.Marshal(map[string]any{"Replace": map[string]string{original: jumping}})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(source), reading, reading+"\tsec += int64(uint64(mono)*0x9E3779B97F4A7C15>>34) - "+seventeenYears+"\n", 1)
	if err := errors.Join(os.WriteFile(jumping, []byte(text), 0o600), os.WriteFile(overlay, replaced, 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", filepath.Join(dir, "waybill"), ".").CombinedOutput(); err != nil {
		t.Fatalf("build the gate with a clock that jumps: %v\n%s", err, out)
	}
	runs := 2
	if os.Getenv("WAYBILL_CHAOS") != "" {
		runs = 20
	}
	ends := map[int]int{}
	apart := time.Duration(0)
	for n := range runs {
		s := newScene(t, n%2 == 1, nil)
		a := s.run(t, "env", "PATH="+dir+string(filepath.ListSeparator)+os.Getenv("PATH"))
		if want := map[bool]int{false: gate.ExitPass, true: gate.ExitBlocked}[s.swap]; a.code != want {
			t.Errorf("a clock that jumps changes the verdict, swap %v: exit code %d, want %d:\n%s", s.swap, a.code, want, a.printed)
		}
		ends[a.code]++
		s.require(t, a, "a clock that jumps")
		_, at, err := readMessages(s.path(filepath.Join(".waybill/runs", chaosTapes[0])))
		if err != nil {
			t.Fatal(err)
		}
		apart = max(apart, time.Until(time.Unix(0, at)).Abs())
	}
	t.Logf("injections: %d jumped: runs with a clock that jumps, by %s at the most that was seen; exit codes %v", runs, apart, ends)
	if apart < 24*time.Hour {
		t.Error("the clock does not jump")
	}
}

// TestChaosTape cuts tapes, and turns over one bit of them, at every kind of place.
func TestChaosTape(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	random := chaosRandom(t, 2)
	good, bad, _ := undisturbed(t)
	injections := 0
	for _, s := range []*scene{good, bad} {
		runs := s.path(".waybill/runs")
		for victim, name := range chaosTapes {
			whole, err := os.ReadFile(filepath.Join(runs, name))
			if err != nil {
				t.Fatal(err)
			}
			hurt := filepath.Join(t.TempDir(), name)
			paths := []string{filepath.Join(runs, chaosTapes[0]), filepath.Join(runs, chaosTapes[1]), filepath.Join(runs, chaosTapes[2])}
			paths[victim] = hurt
			digests, err := os.ReadFile(filepath.Join(runs, name+pipeline.DigestsSuffix))
			if err != nil {
				t.Fatal(err)
			}
			try := func(what string, content []byte) {
				t.Helper()
				injections++
				// What was kept of the tape when it was whole stays beside it.
				if err := errors.Join(os.WriteFile(hurt, content, 0o600), os.WriteFile(hurt+pipeline.DigestsSuffix, digests, 0o600)); err != nil {
					t.Fatal(err)
				}
				code, said := judge(paths[0], paths[1], paths[2])
				if code != gate.ExitUndecided && (code != gate.ExitBlocked || !s.swap && !strings.Contains(said, "exit 3 ")) {
					t.Errorf("%s, %s, swap %v: exit code %d:\n%s", name, what, s.swap, code, said)
				}
				if strings.Contains(said, "Pass:") || !strings.Contains(said, "byte") {
					t.Errorf("%s, %s, swap %v: it should name the place and not pass:\n%s", name, what, s.swap, said)
				}
			}
			for _, p := range chaosPlaces(t, whole, random) {
				try(fmt.Sprintf("one bit of byte %d of %d, %s", p.at, len(whole), p.what), flip(whole, p.at, random))
				if random.IntN(2) == 0 {
					try(fmt.Sprintf("cut to %d of %d bytes, before or in %s", p.at, len(whole), p.what), whole[:p.at])
				}
			}
		}
	}
	t.Logf("injections: %d torn: tapes cut or with one bit turned over", injections)

	// A corpus that is not whole starts no build.
	corpus, err := os.ReadFile(good.path("c.tape"))
	if err != nil {
		t.Fatal(err)
	}
	injections = 0
	for _, p := range chaosPlaces(t, corpus, random) {
		for _, content := range [][]byte{corpus[:p.at], flip(corpus, p.at, random)} {
			injections++
			s := newScene(t, false, nil)
			s.write(t, "c.tape", string(content))
			var printed bytes.Buffer
			code := waybill.Run([]string{"waybill", "gate", s.dir}, nil, &printed, &printed)
			if code != gate.ExitUndecided || !strings.Contains(printed.String(), "byte") || !strings.Contains(printed.String(), "c.tape") {
				t.Errorf("corpus of %d of %d bytes, hurt at %d, %s: exit code %d:\n%s", len(content), len(corpus), p.at, p.what, code, printed.String())
			}
			for _, name := range chaosTapes {
				if _, err := os.Stat(s.path(filepath.Join(".waybill/runs", name))); err == nil {
					t.Errorf("corpus hurt at %d, %s: a replay was begun", p.at, p.what)
				}
			}
		}
	}
	t.Logf("injections: %d torn: corpora cut or with one bit turned over", injections)
}

func flip(b []byte, at int, random *rand.Rand) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1 << random.IntN(8)
	return b
}

// A place of a tape: a byte, and what it belongs to.
type place struct {
	at   int
	what string
}

// chaosPlaces gives bytes of a tape's prefix, of the headers of its first, its last
// and one other frame, and of what each of those holds; package tape tries every
// byte. The layout is that of its documentation.
func chaosPlaces(t *testing.T, whole []byte, random *rand.Rand) (out []place) {
	t.Helper()
	const prefix, header = 16, 40
	for at := prefix - 1; at >= 0; at -= 1 + random.IntN(4) {
		out = append(out, place{at, "the prefix"})
	}
	var frames []int
	for at := prefix; at < len(whole); {
		frames = append(frames, at)
		at += header + int(uint32(whole[at+16])|uint32(whole[at+17])<<8|uint32(whole[at+18])<<16|uint32(whole[at+19])<<24)
	}
	if len(frames) < 3 {
		t.Fatalf("a tape of %d frames", len(frames))
	}
	for what, start := range map[string]int{
		"the first frame": frames[0], "a frame": frames[1+random.IntN(len(frames)-2)], "the last frame": frames[len(frames)-1],
	} {
		end := len(whole)
		if i := slices.Index(frames, start); i+1 < len(frames) {
			end = frames[i+1]
		}
		for at := start; at < start+header; at += 1 + random.IntN(7) {
			out = append(out, place{at, "the header of " + what})
		}
		for range 4 {
			out = append(out, place{start + header + random.IntN(end-start-header), "the records of " + what})
		}
		out = append(out, place{end - 1, "the last byte of " + what})
	}
	slices.SortFunc(out, func(a, b place) int { return a.at - b.at })
	return out
}

// TestChaosDigests spoils what is kept beside tapes: no verdict rests on it.
func TestChaosDigests(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	random := chaosRandom(t, 3)
	good, bad, _ := undisturbed(t)
	injections := 0
	for _, s := range []*scene{good, bad} {
		want, other := gate.ExitPass, bad
		if s.swap {
			want, other = gate.ExitBlocked, good
		}
		for _, name := range chaosTapes {
			path := s.path(filepath.Join(".waybill/runs", name+pipeline.DigestsSuffix))
			whole, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			strange, err := os.ReadFile(other.path(filepath.Join(".waybill/runs", name+pipeline.DigestsSuffix)))
			if err != nil {
				t.Fatal(err)
			}
			spoilt := map[string][]byte{"of another run": strange, "empty": {}, "of another run, under the key of this one": append(bytes.Clone(whole[:48]), strange[48:]...)}
			for range 8 {
				at := random.IntN(len(whole))
				spoilt[fmt.Sprintf("with one bit of byte %d turned over", at)] = flip(whole, at, random)
				spoilt[fmt.Sprintf("cut to %d of %d bytes", at, len(whole))] = whole[:at]
			}
			for what, content := range spoilt {
				injections++
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				if a := s.account(want, ""); a.judged != want {
					t.Errorf("%s, digests %s: exit code %d, want %d:\n%s", name, what, a.judged, want, a.judgment)
				}
			}
		}
	}
	t.Logf("injections: %d torn: files of digests spoilt", injections)
}

// TestChaosOracle proves that the suite would see what it looks for: each
// sabotage is something that no gate may do, and has its own complaint.
func TestChaosOracle(t *testing.T) {
	if testing.Short() {
		t.Skip("whole-program stories are not short")
	}
	t.Parallel()
	for _, c := range []struct {
		name  string
		swap  bool
		spoil func(t *testing.T, s *scene, a *account)
		want  []string
	}{
		{"nothing", false, func(*testing.T, *scene, *account) {}, nil},
		{"an acknowledged message is lost", false, func(t *testing.T, s *scene, a *account) {
			s.rewrite(t, chaosTapes[2], 1)
			*a = s.account(a.code, a.printed)
			if a.judged != gate.ExitBlocked {
				t.Errorf("waybill judge exits with %d where a message is missing, want %d", a.judged, gate.ExitBlocked)
			}
		}, []string{"acknowledged 1 times and 0 times on tape: staging\tmember00@", "the gate passes", "verdict.json says pass"}},
		{"all messages are lost", false, func(t *testing.T, s *scene, a *account) {
			for _, name := range chaosTapes {
				s.rewrite(t, name, chaosQuestions)
			}
			*a = s.account(a.code, a.printed)
			if a.judged != gate.ExitUndecided {
				t.Errorf("waybill judge exits with %d where nothing was sent, want %d", a.judged, gate.ExitUndecided)
			}
		}, []string{"acknowledged 2 times and 0 times on tape: production\tmember00@", "the gate passes"}},
		{"a tape is torn", false, func(t *testing.T, s *scene, a *account) {
			path := s.path(filepath.Join(".waybill/runs", chaosTapes[0]))
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Truncate(path, info.Size()-1); err != nil {
				t.Fatal(err)
			}
		}, []string{"the gate passes", "waybill judge passes what is left", "verdict.json says pass"}},
		{"a tape is damaged", false, func(t *testing.T, s *scene, a *account) {
			path := s.path(filepath.Join(".waybill/runs", chaosTapes[0]))
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			s.write(t, filepath.Join(".waybill/runs", chaosTapes[0]), string(b))
		}, []string{"is neither whole nor torn"}},
		{"a pass of a release that sends an answer elsewhere", true, func(_ *testing.T, _ *scene, a *account) {
			a.code, a.judged, a.judgment = 0, 0, "Pass: no recipient changes"
		}, []string{"the gate passes", "waybill judge passes what is left"}},
		{"a run of an earlier gate", false, func(t *testing.T, s *scene, _ *account) {
			_, at, err := readMessages(s.path(filepath.Join(".waybill/runs", chaosTapes[2])))
			if err != nil {
				t.Fatal(err)
			}
			s.stale[chaosTapes[2]] = at
		}, []string{"runs of an earlier gate lie beside those of this one"}},
		{"a process is left", false, func(t *testing.T, s *scene, _ *account) {
			cmd := exec.Command("cat")
			cmd.Env = []string{s.id}
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
			s.patience = 100 * time.Millisecond
		}, []string{"processes are left"}},
		{"a panic", false, func(_ *testing.T, _ *scene, a *account) {
			a.code, a.printed = 2, "panic: oh\n\ngoroutine 1 [running]:\n"
		}, []string{"the gate panics", "the gate exits with 2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, c.swap, nil)
			a := s.run(t)
			c.spoil(t, s, &a)
			wrong := s.examine(a)
			if len(c.want) == 0 && len(wrong) > 0 {
				t.Errorf("it complains of nothing: %q", wrong)
			}
			for _, want := range c.want {
				if !slices.ContainsFunc(wrong, func(w string) bool { return strings.Contains(w, want) }) {
					t.Errorf("it does not complain that %s: %q", want, wrong)
				}
			}
		})
	}
}

// rewrite writes a tape again without what was sent to the first n members, whole
// as far as anybody can see.
func (s *scene) rewrite(t *testing.T, name string, n int) {
	t.Helper()
	path := s.path(filepath.Join(".waybill/runs", name))
	var header gate.Header
	var footer gate.Footer
	var kept []*gate.Record
	for rec, err := range tape.All(path) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case rec.Header != nil:
			header = *rec.Header
		case rec.Footer != nil:
			footer = *rec.Footer
		case rec.Message == nil || !slices.ContainsFunc(chaosMembers(n), func(to string) bool { return bytes.Contains(rec.Message.Head, []byte("<"+to+">")) }):
			kept = append(kept, &rec)
		default:
			footer.Accepted--
		}
	}
	w, err := tape.Create(path, header, tape.Options{Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Append(kept...), w.Close(footer)); err != nil {
		t.Fatal(err)
	}
}

func chaosMembers(n int) (out []string) {
	for i := range n {
		out = append(out, chaosMember(i))
	}
	return out
}
