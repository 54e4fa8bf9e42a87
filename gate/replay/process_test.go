//go:build linux

package replay_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/channel"
	protohttp "github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/replay"
	"github.com/waybill-dev/waybill/gate/tape"
)

// asBuild as the first argument makes the test's binary the build under test.
const asBuild = "as-build"

func TestMain(m *testing.M) {
	build.Supervise()
	if len(os.Args) == 4 && os.Args[1] == asBuild {
		os.Exit(program(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// program is a build that passes on what is posted to it. What the sink turns
// away goes into a dead-letter file, which the job drain sends.
func program(name, state string) int {
	sink := "http://" + os.Getenv("WAYBILL_SINK_MAIL")
	client := &http.Client{Transport: &http.Transport{}}
	dead := filepath.Join(state, "dead.letter")
	pass := func(body string) bool {
		resp, err := client.Post(sink, "text/plain", strings.NewReader(body))
		if err != nil {
			return false
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	}
	switch name {
	case "sleep":
		time.Sleep(time.Hour)
	case "drain":
		text, err := os.ReadFile(dead)
		if err != nil {
			return 1
		}
		for body := range strings.Lines(string(text)) {
			if !pass(strings.TrimSuffix(body, "\n")) {
				return 2
			}
		}
		return 0
	}
	var taken, pending atomic.Int32
	letters := make(chan string, 1)
	letters <- ""
	mux := http.NewServeMux()
	mux.HandleFunc("/send", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		switch n := taken.Add(1); {
		case name == "crash" && n == 20:
			exe, _ := os.Executable()
			_ = exec.Command(exe, asBuild, "sleep", state).Start()
			fmt.Println("panic: out of stamps")
			os.Exit(3)
		case name == "error" && n%2 == 0:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case name == "hang":
			<-r.Context().Done()
			return
		case name == "later":
			pending.Add(1)
			go func() {
				for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); {
				}
				pass(string(body))
				pending.Add(-1)
			}()
			return
		}
		if !pass(string(body)) {
			all := <-letters + string(body) + "\n"
			_ = os.WriteFile(dead, []byte(all), 0o600)
			letters <- all
		}
	})
	mux.HandleFunc("/quiet", func(w http.ResponseWriter, r *http.Request) {
		if pending.Load() > 0 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	l, err := net.Listen("tcp", os.Getenv("WAYBILL_DOOR_WEB"))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	go (&http.Server{Handler: mux}).Serve(l)
	if name == "flood" {
		for i := 0; ; i++ {
			pass(fmt.Sprint(i))
		}
	}
	<-ctx.Done()
	if name == "deaf" {
		select {}
	}
	if name == "flush" && !pass("goodbye") {
		return 1
	}
	return 0
}

// bench is a replay against a process.
type bench struct {
	store
	replay.Plan
	site *build.Site
}

func newBench(t *testing.T, name string, probe bool, list []gate.Stimulus) *bench {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	seconds := func(n time.Duration) config.Duration { return config.Duration{Duration: n * time.Second} }
	folder := filepath.Join(t.TempDir(), "site")
	c := &config.Build{
		Command: []string{exe, asBuild, name, "${state}"}, Dir: t.TempDir(), HookTimeout: seconds(20),
		Ready: config.Probe{TCP: "${door.web}", Timeout: seconds(20)},
		Stop:  config.Stop{Signal: "TERM", Timeout: seconds(20)},
		Jobs:  map[string]config.Job{"drain": {Command: []string{exe, asBuild, "drain", "${state}"}, Dir: "${state}", Timeout: seconds(20)}},
	}
	if name == "deaf" || name == "flood" {
		c.Stop.Timeout = config.Duration{Duration: 200 * time.Millisecond}
	}
	if probe {
		c.Quiet.HTTP = "http://${door.web}/quiet"
	}
	b := &bench{}
	b.site, err = build.NewSite(build.Spec{Role: gate.Staging, Build: c, Doors: []string{"web"}, Folder: folder})
	must(t, err)
	t.Cleanup(func() {
		must(t, b.site.Close())
		files, err := filepath.Glob("/proc/[0-9]*/cmdline")
		must(t, err)
		for _, file := range files {
			if line, err := os.ReadFile(file); err == nil && bytes.Contains(line, []byte(folder)) {
				t.Errorf("%s is left: %q", file, line)
			}
		}
	})
	b.Plan = replay.Plan{
		Stimuli: all(list), Total: uint64(len(list)), Store: &b.store,
		Sinks: []replay.Sink{{Listen: listen, Config: channel.SinkConfig{Name: "mail", Address: "127.0.0.1:0"}}},
		Doors: map[string]replay.Door{"web": {Drive: drive}},
		Start: func(ctx context.Context, sinks map[string]string) (replay.Build, error) {
			started, err := b.site.Start(ctx, build.Start{Scenario: "steady", Sinks: sinks})
			if err != nil {
				return nil, err
			}
			return started, nil
		},
		Scenario: config.Scenario{Name: "steady", Kind: config.Steady}, Concurrency: 4,
		AnswerTimeout: 20 * time.Second, QuietTimeout: 20 * time.Second, Settle: 100 * time.Millisecond, MaxMessages: 1000,
	}
	return b
}

func (b *bench) run(t *testing.T) replay.Result {
	t.Helper()
	r, err := replay.Run(t.Context(), b.Plan)
	must(t, err)
	if r.Footer.Messages != uint64(len(b.messages)) || r.Footer.Outcomes != uint64(len(b.outcomes)) || r.Footer.Gaps != uint64(len(b.gaps)) {
		t.Errorf("footer is %+v, and there are %d messages, %d outcomes, %d gaps", r.Footer, len(b.messages), len(b.outcomes), len(b.gaps))
	}
	return r
}

// bodiesOf are the bodies of what stimuli sends, each in a phase.
func bodiesOf(phase string, list []gate.Stimulus) []string {
	var bodies []string
	for _, s := range list {
		bodies = append(bodies, phase+" "+string(s.Body))
	}
	return bodies
}

func TestProcess(t *testing.T) {
	list := stimuli(40, nil)
	for _, test := range []struct {
		name  string
		probe bool
		want  []string
		quiet string
		gaps  map[string]uint64
		sends bool // it may send when it is stopped
	}{
		{"serve", true, bodiesOf("steady", list), "probe", map[string]uint64{}, false},
		{"serve", false, bodiesOf("steady", list), "idle", map[string]uint64{}, false},
		{"later", true, bodiesOf("steady", list), "probe", map[string]uint64{}, false},
		{"later", false, bodiesOf("steady", list), "idle", map[string]uint64{}, false},
		{"flush", true, append([]string{"steady goodbye"}, bodiesOf("steady", list)...), "probe", map[string]uint64{gate.GapNotQuiet: 1}, false},
		{"flush", true, append([]string{"steady goodbye"}, bodiesOf("steady", list)...), "probe", map[string]uint64{}, true},
		{"deaf", true, bodiesOf("steady", list), "probe", map[string]uint64{gate.GapNotStopped: 1}, false},
	} {
		t.Run(fmt.Sprintf("%s probe=%v", test.name, test.probe), func(t *testing.T) {
			b := newBench(t, test.name, test.probe, list)
			b.StopSends = test.sends
			r := b.run(t)
			if d := cmp.Diff(test.want, b.bodies()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff(test.gaps, b.kinds()); d != "" {
				t.Errorf("%s\n%+v", d, b.gaps)
			}
			if r.Footer.Quiet != test.quiet || r.Crash != nil || r.Footer.Accepted != uint64(len(test.want)) {
				t.Errorf("footer is %+v, crash %v", r.Footer, r.Crash)
			}
		})
	}
}

func TestProcessCrashes(t *testing.T) {
	for _, total := range []uint64{400, 0} { // known, and not
		b := newBench(t, "crash", true, stimuli(400, nil))
		b.Total = total
		r := b.run(t)
		if r.Crash == nil || !strings.Contains(r.Crash.Error(), "out of stamps") || !strings.Contains(r.Crash.Error(), "exited with status 3") {
			t.Errorf("crash is %v", r.Crash)
		}
		kinds := b.kinds()
		if kinds[gate.GapBuildCrashed] != 1 || kinds[gate.GapNoAnswer] == 0 {
			t.Errorf("gaps are %v", b.gaps)
		}
		if sent := uint64(len(b.outcomes)); sent+kinds[gate.GapNotReplayed] != 400 || sent < 20 {
			t.Errorf("%d outcomes and %d not replayed are not 400", sent, kinds[gate.GapNotReplayed])
		}
		for _, g := range b.gaps {
			if strings.Contains(g.Detail, "stamps") {
				t.Errorf("a gap tells what the build printed: %+v", g)
			}
		}
		if r.Footer.Quiet != "stopped" {
			t.Errorf("quiet is %q", r.Footer.Quiet)
		}
	}
}

func TestProcessErrs(t *testing.T) {
	b := newBench(t, "error", true, stimuli(40, nil))
	b.run(t)
	if kinds := b.kinds(); kinds[gate.GapServerError] != 20 || len(kinds) != 1 {
		t.Errorf("gaps are %v", kinds)
	}
}

func TestProcessFloods(t *testing.T) {
	b := newBench(t, "flood", true, nil)
	b.MaxMessages = 50
	b.run(t)
	if len(b.messages) != 50 || b.kinds()[gate.GapFlood] != 1 {
		t.Errorf("%d messages, gaps %v", len(b.messages), b.kinds())
	}
}

func TestProcessOutage(t *testing.T) {
	list := stimuli(40, nil)
	for _, mood := range []config.Mood{config.Refuse, config.Drop} {
		b := newBench(t, "serve", true, list)
		b.Scenario = config.Scenario{Name: "o", Kind: config.Outage, Sinks: []string{"mail"}, Mood: mood, From: 0.25, To: 0.5, Jobs: []string{"drain"}}
		r := b.run(t)
		// What was turned away is sent by the job drain; the phase after the outage is called drain too.
		want := append(bodiesOf("steady", list[:10]), bodiesOf("drain", list[10:])...)
		got := b.bodies()
		if len(b.gaps) > 0 || r.Footer.Refused < 10 || r.Footer.Accepted != 40 {
			t.Errorf("%s: gaps %v, footer %+v", mood, b.gaps, r.Footer)
		}
		slices.Sort(want)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", mood, d)
		}
	}
}

func TestProcessInterrupted(t *testing.T) {
	b := newBench(t, "hang", true, stimuli(40, nil))
	why := errors.New("somebody pressed a key")
	ctx, cancel := context.WithCancelCause(t.Context())
	b.Progress = func(p replay.Progress) { cancel(why) }
	r, err := replay.Run(ctx, b.Plan)
	if !errors.Is(err, why) {
		t.Errorf("error is %v", err)
	}
	kinds := b.kinds()
	if kinds[gate.GapInterrupted] != 1 || kinds[gate.GapNotReplayed]+uint64(len(b.outcomes)) != 40 || r.Footer.Quiet == "probe" {
		t.Errorf("gaps are %v, footer %+v", b.gaps, r.Footer)
	}
}

func TestSinkTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	b := newBench(t, "serve", true, nil)
	b.Sinks[0].Config.Address = l.Addr().String()
	_, err = replay.Run(t.Context(), b.Plan)
	if err == nil || !strings.Contains(err.Error(), "open sink mail at "+l.Addr().String()) || !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error is %v", err)
	}
}

// A run on a real tape, of real protocols.
func TestTape(t *testing.T) {
	list := stimuli(40, func(i int, s *gate.Stimulus) {
		s.Head = fmt.Appendf(nil, "POST /send HTTP/1.1\r\nHost: portal\r\nContent-Length: %d\r\n", len(s.Body))
	})
	b := newBench(t, "serve", true, list)
	protocol := protohttp.Protocol()
	b.Sinks[0].Listen = protocol.Listen
	b.Doors["web"] = replay.Door{Drive: protocol.Drive}
	path := filepath.Join(t.TempDir(), "run.tape")
	w, err := tape.Create(path, gate.Header{Content: gate.RunTape, Role: gate.Staging}, tape.Options{})
	must(t, err)
	b.Store = w
	r, err := replay.Run(t.Context(), b.Plan)
	must(t, err)
	must(t, w.Close(r.Footer))
	messages, outcomes := 0, 0
	for record, err := range tape.All(path) {
		must(t, err)
		switch {
		case record.Message != nil:
			messages++
		case record.Outcome != nil:
			outcomes++
			if record.Outcome.Status != 200 {
				t.Errorf("outcome is %+v", record.Outcome)
			}
		case record.Gap != nil:
			t.Errorf("gap: %+v", record.Gap)
		case record.Footer != nil:
			if *record.Footer != r.Footer {
				t.Errorf("footer is %+v, and the result says %+v", record.Footer, r.Footer)
			}
		}
	}
	if messages != 40 || outcomes != 40 || r.Footer.Accepted != 40 || r.Footer.Quiet != "probe" {
		t.Errorf("%d messages, %d outcomes, footer %+v", messages, outcomes, r.Footer)
	}
}
