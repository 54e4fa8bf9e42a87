package main_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/sys/unix"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A recorderProcess is waybill record as a process of its own.
type recorderProcess struct {
	t    *testing.T
	cmd  *exec.Cmd
	dir  string            // holds waybill.toml and corpus/
	taps map[string]string // where they listen
	out  chan string       // what was printed after that
	errs bytes.Buffer
}

// startRecorder writes a configuration and runs waybill record by it, until it takes traffic.
func startRecorder(t *testing.T, toml string, args ...string) *recorderProcess {
	t.Helper()
	r := &recorderProcess{t: t, dir: t.TempDir(), taps: map[string]string{}, out: make(chan string, 1)}
	if err := os.WriteFile(filepath.Join(r.dir, "waybill.toml"), []byte("version = 1\n[record]\nfolder = \"corpus\"\n"+toml), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = waybillProcess(t, append([]string{"record", "--config", r.dir}, args...)...)
	r.cmd.Stderr = &r.errs
	out, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.cmd.Process.Kill() })
	lines := bufio.NewReader(out)
	listens := regexp.MustCompile(`^tap (\S+) \(.*\) listens on (\S+) `)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			r.cmd.Wait()
			t.Fatalf("waybill record ended before it took traffic: %s%s", line, &r.errs)
		}
		if m := listens.FindStringSubmatch(line); m != nil {
			r.taps[m[1]] = m[2]
		}
		if strings.HasPrefix(line, "recording to ") {
			break
		}
	}
	go func() {
		rest, _ := io.ReadAll(lines)
		r.out <- string(rest)
	}()
	return r
}

// waybillProcess is the program itself, which this test binary is too by that name.
func waybillProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := &exec.Cmd{Path: self, Args: append([]string{"waybill"}, args...)}
	cmd.Env = append(os.Environ(), "CI=", "GITHUB_ACTIONS=")
	return cmd
}

// stop ends the recorder, and gives what it printed and its exit code.
func (r *recorderProcess) stop(s syscall.Signal) (out string, code int) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		r.t.Fatal(err)
	}
	out = <-r.out
	r.cmd.Wait() // its error is the code
	return out, r.cmd.ProcessState.ExitCode()
}

func (r *recorderProcess) tapes() []string {
	r.t.Helper()
	paths, err := filepath.Glob(filepath.Join(r.dir, "corpus", "recorded-*.tape"))
	if err != nil {
		r.t.Fatal(err)
	}
	return paths
}

const webTap = "[record.taps.web]\nchannel = \"http\"\nside = \"front\"\nlisten = \"127.0.0.1:0\"\nupstream = %q\n"
const mailTap = "[record.taps.mail]\nchannel = \"smtp\"\nside = %q\nlisten = \"127.0.0.1:0\"\nupstream = %q\n"

// echo answers with what it is sent.
func echo(t *testing.T) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

// inbox is a sink that counts what arrives.
func inbox(t *testing.T) (channel.Sink, func() []string) {
	t.Helper()
	var mu sync.Mutex
	var got []string
	sink, err := smtp.Protocol().Listen(channel.SinkConfig{
		Name: "mail", Address: "127.0.0.1:0", Gap: func(gate.Gap) {},
		Keep: func(m *gate.Message) error {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(m.Body))
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sink.Close(context.Background()) })
	return sink, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func post(address, body string) error {
	res, err := http.Post("http://"+address+"/", "text/plain", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && string(b) != body {
		err = fmt.Errorf("answer %q to %q", b, body)
	}
	return err
}

// stored is what stands on tapes, as far as they can be read, by body.
func stored(t *testing.T, keys tape.Keys, paths []string) map[string]int {
	t.Helper()
	seen := map[string]int{}
	for _, path := range paths {
		for r, err := range keys.All(path) {
			var torn *tape.TornError
			if errors.As(err, &torn) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case r.Stimulus != nil:
				seen[string(r.Stimulus.Body)]++
			case r.Message != nil:
				seen[string(r.Message.Body)]++
			}
		}
	}
	return seen
}

// TestRecordStops: a recorder that is asked to stop ends its tape and ends well; what
// it could not keep makes its exit code 3.
func TestRecordStops(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		asked := make(chan struct{}, 10) // by now the upstream has a request, or half of one
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked <- struct{}{}
			io.Copy(w, r.Body)
		}))
		t.Cleanup(web.Close)
		sink, got := inbox(t)
		r := startRecorder(t, fmt.Sprintf(webTap+mailTap, web.URL, "behind", sink.Address()), "--keep-identities")
		for i := range 5 {
			if err := post(r.taps["web"], fmt.Sprint("visit ", i)); err != nil {
				t.Fatal(err)
			}
		}
		sendMail(t, r.taps["mail"], "mail 1\r\n")
		if s == syscall.SIGINT { // half a request
			c, err := net.Dial("tcp", r.taps["web"])
			if err != nil {
				t.Fatal(err)
			}
			// One that was not passed on yet when the recorder is stopped is not missed.
			io.WriteString(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
			for range 6 {
				<-asked
			}
			c.Close()
		}
		http.DefaultClient.CloseIdleConnections()
		want, gaps := 0, uint64(0)
		if s == syscall.SIGINT {
			want, gaps = gate.ExitUndecided, 1
		}
		out, code := r.stop(s)
		if code != want || !strings.Contains(out, "recorded 5 stimuli and 1 messages") {
			t.Fatalf("%v: exit code %d, want %d: %s%s", s, code, want, out, &r.errs)
		}
		if (r.errs.Len() > 0) != (want != 0) {
			t.Errorf("it complains: %s", &r.errs)
		}
		rep, err := tape.Verify(r.tapes()[0])
		if err != nil || rep.Stimuli != 5 || rep.Messages != 1 || rep.Gaps != gaps || len(got()) != 1 {
			t.Errorf("the tape has %+v, %v", rep, err)
		}
		if h := rep.Header; h.Identities != gate.IdentitiesKept || h.Origin != "record mail, web" || h.Made["max_body"] == "" {
			t.Errorf("header %+v", h)
		}
	}
}

func sendMail(t *testing.T, address, body string) {
	t.Helper()
	d, err := smtp.Protocol().Drive(channel.DriveConfig{Door: "in", Address: address})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	o := d.Do(t.Context(), &gate.Stimulus{ID: "m", Head: []byte("EHLO c\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n"), Body: []byte(body)})
	if o.Status != 250 {
		t.Fatalf("mail: %+v", o)
	}
}

// TestRecordKilled kills a recorder in the middle of its work: whatever a client was
// told is on the tape, which can be read up to where it is torn, encrypted or not.
func TestRecordKilled(t *testing.T) {
	t.Run("clear", func(t *testing.T) { testRecordKilled(t, "", tape.Keys{}) })
	t.Run("encrypted", func(t *testing.T) {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "reader.key")
		if err := os.WriteFile(path, []byte(id.String()+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		keys, err := tape.ReadKeys(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		testRecordKilled(t, fmt.Sprintf("[encryption]\nrecipients = [%q]\n", id.Recipient()), keys)
	})
}

func testRecordKilled(t *testing.T, encryption string, keys tape.Keys) {
	web := echo(t)
	sink, _ := inbox(t)
	r := startRecorder(t, fmt.Sprintf(webTap+mailTap, web.URL, "front", sink.Address())+encryption, "--keep-identities")
	var mu sync.Mutex
	var told []string
	note := func(body string) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, body)
	}
	var all sync.WaitGroup
	var n atomic.Int64
	for w := range 4 {
		all.Go(func() {
			for i := 0; ; i++ {
				body := fmt.Sprintf("visit %d of %d", i, w)
				if post(r.taps["web"], body) != nil {
					return
				}
				note(body)
				n.Add(1)
			}
		})
		all.Go(func() {
			d, err := smtp.Protocol().Drive(channel.DriveConfig{Door: "in", Address: r.taps["mail"]})
			if err != nil {
				t.Error(err)
				return
			}
			defer d.Close()
			for i := 0; ; i++ {
				body := fmt.Sprintf("mail %d of %d\r\n", i, w)
				o := d.Do(t.Context(), &gate.Stimulus{Head: []byte("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<b@y.example>\r\n"), Body: []byte(body)})
				if o.Status != 250 {
					return
				}
				note(body)
				n.Add(1)
			}
		})
	}
	for deadline := time.Now().Add(time.Minute); n.Load() < 400; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("only %d in a minute", n.Load())
		}
	}
	r.cmd.Process.Kill()
	all.Wait()
	r.cmd.Wait()
	seen := stored(t, keys, r.tapes())
	for _, body := range told {
		if seen[body] != 1 {
			t.Errorf("%q was acknowledged, and is on the tape %d times", body, seen[body])
		}
	}
	raw, err := os.ReadFile(r.tapes()[0])
	if err != nil || keys.Any() && bytes.Contains(raw, []byte("visit")) {
		t.Errorf("an encrypted tape shows what was asked: %v", err)
	}
	_, err = keys.Verify(r.tapes()[0], nil)
	var torn *tape.TornError
	if !errors.As(err, &torn) {
		t.Errorf("the tape verifies as %v, want it torn", err)
	}

	// The next recorder writes another, and leaves this one as it is.
	again := waybillProcess(t, "record", "--config", r.dir, "--keep-identities")
	var out bytes.Buffer
	again.Stdout = &out
	if err := again.Start(); err != nil {
		t.Fatal(err)
	}
	again.Process.Signal(syscall.SIGTERM)
	again.Wait()
	if n := len(r.tapes()); n != 1 {
		t.Errorf("%d tapes, though nothing else passed: %s", n, &out)
	}
}

// TestRecordRotates: a session goes on from one tape to the next, and so does what is
// learnt of it. Merged, the tapes are one corpus; alone, the later says what it lacks.
func TestRecordRotates(t *testing.T) {
	const session = "5e55107a90b1c2d3"
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/login" {
			http.SetCookie(w, &http.Cookie{Name: "session", Value: session})
		} else if c, err := r.Cookie("session"); err != nil || c.Value != session {
			http.Error(w, "who are you?", http.StatusUnauthorized)
		}
	}))
	t.Cleanup(app.Close)
	r := startRecorder(t, "rotate_every = \"1ns\"\n"+fmt.Sprintf(webTap, app.URL), "--keep-identities")
	get := func(path, cookie string) {
		t.Helper()
		req, err := http.NewRequest("GET", "http://"+r.taps["web"]+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if cookie != "" {
			req.AddCookie(&http.Cookie{Name: "session", Value: cookie})
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, res.Status)
		}
	}
	get("/login", "")
	get("/results", session)
	http.DefaultClient.CloseIdleConnections()
	if out, code := r.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, &r.errs)
	}
	tapes := r.tapes()
	if len(tapes) != 2 {
		t.Fatalf("%d tapes, want one for each request", len(tapes))
	}
	run := func(code int, want string, args ...string) {
		t.Helper()
		cmd := waybillProcess(t, args...)
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != code || !strings.Contains(string(out), want) {
			t.Errorf("%q: exit code %d, want %d, and %q in\n%s", args, cmd.ProcessState.ExitCode(), code, want, out)
		}
	}
	whole := filepath.Join(t.TempDir(), "whole.tape")
	run(0, "", "corpus", "merge", tapes[0], tapes[1], whole)
	run(0, "web-0001-000001", "corpus", "show", whole, "web-0002-000001")
	run(0, "", "corpus", "sample", "--complete", whole, whole+"2")
	for rec, err := range tape.All(whole + "2") {
		if err != nil {
			t.Fatal(err)
		}
		if s := rec.Stimulus; s != nil && s.ID == "web-0002-000001" && (len(s.Bindings) != 1 || s.Bindings[0].From != "web-0001-000001" || s.Bindings[0].Place != "cookie/session") {
			t.Errorf("bound to %+v", s.Bindings)
		}
	}
	run(2, "nothing would be left", "corpus", "sample", "--complete", tapes[1], whole+"3")
}

// TestRecordFullDisk: while no tape can be written traffic passes; when one can be
// again, the next says what is missing.
func TestRecordFullDisk(t *testing.T) {
	web := echo(t)
	r := startRecorder(t, fmt.Sprintf(webTap, web.URL), "--keep-identities")
	limit := func(n uint64) {
		if err := unix.Prlimit(r.cmd.Process.Pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: n, Max: unix.RLIM_INFINITY}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := post(r.taps["web"], "before"); err != nil {
		t.Fatal(err)
	}
	limit(0)
	for i := range 20 {
		if err := post(r.taps["web"], fmt.Sprint("full ", i)); err != nil {
			t.Fatalf("traffic does not pass while the disk is full: %v", err)
		}
	}
	limit(unix.RLIM_INFINITY)
	after := 0
	for deadline := time.Now().Add(time.Minute); len(r.tapes()) < 2; time.Sleep(50 * time.Millisecond) { // between two visits
		if time.Now().After(deadline) {
			t.Fatal("no other tape is begun")
		}
		if err := post(r.taps["web"], fmt.Sprint("after ", after)); err != nil {
			t.Fatal(err)
		}
		after++
	}
	if err := post(r.taps["web"], "last"); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	out, code := r.stop(syscall.SIGTERM)
	if code != gate.ExitUndecided || !strings.Contains(r.errs.String(), "has no end") {
		t.Errorf("exit code %d: %s%s", code, out, &r.errs)
	}
	tapes := r.tapes()
	seen := stored(t, tape.Keys{}, tapes)
	if seen["before"] != 1 || seen["last"] != 1 {
		t.Errorf("on the tapes is %v", seen)
	}
	rep, err := tape.Verify(tapes[len(tapes)-1])
	if err != nil || rep.Gaps == 0 {
		t.Errorf("the last tape has %+v, %v", rep, err)
	}
	kept, missing := uint64(0), uint64(0)
	for _, n := range seen {
		kept += uint64(n)
	}
	for rec, err := range tape.All(tapes[len(tapes)-1]) {
		if err == nil && rec.Gap != nil && rec.Gap.Kind == gate.GapNotRecorded {
			missing += rec.Gap.Count
		}
	}
	if total := uint64(1 + 20 + after + 1); kept+missing != total {
		t.Errorf("%d are on the tapes and %d are said to be missing, of %d", kept, missing, total)
	}
}

// TestRecordRefuses what cannot work, before any traffic is taken.
func TestRecordRefuses(t *testing.T) {
	web := echo(t)
	busy := startRecorder(t, fmt.Sprintf(webTap, web.URL), "--keep-identities")
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte("c2hvcnQ="), 0o600); err != nil {
		t.Fatal(err)
	}
	tap := fmt.Sprintf(webTap, web.URL)
	for _, c := range []struct {
		name, toml string
		args       []string
		code       int
		says       string
	}{
		{"no key", tap, nil, gate.ExitUsage, "openssl rand"},
		{"a key that is too short", tap + "[privacy]\nkey_file = \"" + key + "\"\n", nil, gate.ExitUsage, "at least 32"},
		{"a key that is not there", tap + "[privacy]\nkey_env = \"NO_SUCH_KEY\"\n", nil, gate.ExitUsage, "NO_SUCH_KEY"},
		{"no taps", "", []string{"--keep-identities"}, gate.ExitUsage, "no taps"},
		{"no such channel", strings.Replace(tap, `"http"`, `"htp"`, 1), []string{"--keep-identities"}, gate.ExitUsage, `no channel "htp"`},
		{"a channel that does not pass by", strings.Replace(tap, `"http"`, `"exec"`, 1), []string{"--keep-identities"}, gate.ExitUsage, "exec"},
		{"a key that a tap does not have", tap + "kee = \"x\"\n", []string{"--keep-identities"}, gate.ExitUsage, "kee"},
		{"a port that is taken", strings.Replace(tap, `"127.0.0.1:0"`, `"`+busy.taps["web"]+`"`, 1), []string{"--keep-identities"}, gate.ExitUsage, "address already in use"},
		{"a recipient that is none", tap + "[encryption]\nrecipients = [\"age1nobody\"]\n", []string{"--keep-identities"}, gate.ExitUndecided, "age1nobody"},
		{"a folder that another recorder has", "", []string{"--keep-identities", "--config", busy.dir}, gate.ExitUndecided, "another recorder"},
		{"a folder that cannot be one", tap, []string{"--keep-identities", "--config", "FILE"}, gate.ExitUndecided, "folder of tapes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			folder := "corpus"
			if slices.Contains(c.args, "FILE") {
				folder = "waybill.toml/corpus"
				c.args = c.args[:1]
			}
			if err := os.WriteFile(filepath.Join(dir, "waybill.toml"), []byte("version = 1\n[record]\nfolder = \""+folder+"\"\n"+c.toml), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := waybillProcess(t, append([]string{"record", "--config", dir}, c.args...)...)
			out, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(out), c.says) {
				t.Errorf("exit code %d, want %d and %q: %s", code, c.code, c.says, out)
			}
			if tapes, _ := filepath.Glob(filepath.Join(dir, "corpus", "*.tape")); len(tapes) > 0 {
				t.Errorf("it left %q", tapes)
			}
		})
	}
	t.Run("a folder that may not be written to", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may write everywhere")
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "waybill.toml"), []byte("version = 1\n[record]\nfolder = \"corpus\"\n"+tap), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, "corpus"), 0o500); err != nil {
			t.Fatal(err)
		}
		cmd := waybillProcess(t, "record", "--config", dir, "--keep-identities")
		if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != gate.ExitUndecided {
			t.Errorf("exit code %d: %s", cmd.ProcessState.ExitCode(), out)
		}
	})
}

// TestRecordReplacesPeople: nobody who passes is on the tape.
func TestRecordReplacesPeople(t *testing.T) {
	web := echo(t)
	sink, got := inbox(t)
	t.Setenv("RECORD_KEY", strings.Repeat("5a", 32))
	r := startRecorder(t, fmt.Sprintf(webTap+mailTap, web.URL, "behind", sink.Address())+"[privacy]\nkey_env = \"RECORD_KEY\"\n[http.headers]\nX-Token = \"other\"\n")
	req, err := http.NewRequest("POST", "http://"+r.taps["web"]+"/ask?from=alice@example.org", strings.NewReader("write to alice@example.org"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain")
	req.Header.Set("X-Token", "s3cret")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if string(b) != "write to alice@example.org" {
		t.Errorf("the client got %q", b)
	}
	sendMail(t, r.taps["mail"], "From: alice@example.org\r\nTo: bob@example.net\r\nSubject: x\r\n\r\nHello bob@example.net\r\n")
	if g := got(); len(g) != 1 || !strings.Contains(g[0], "Hello bob@example.net") {
		t.Errorf("arrived: %q", g)
	}
	http.DefaultClient.CloseIdleConnections()
	if out, code := r.stop(syscall.SIGTERM); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, &r.errs)
	}
	records := 0
	for rec, err := range tape.All(r.tapes()[0]) {
		if err != nil {
			t.Fatal(err)
		}
		var text string
		switch {
		case rec.Stimulus != nil:
			text = string(rec.Stimulus.Head) + string(rec.Stimulus.Body)
		case rec.Message != nil:
			text = string(rec.Message.Head) + string(rec.Message.Body) + rec.Message.Peer
		default:
			continue
		}
		records++
		for _, name := range []string{"alice@", "bob@", "s3cret"} {
			if strings.Contains(text, name) {
				t.Errorf("%s is on the tape: %q", name, text)
			}
		}
		if !strings.Contains(text, "@") {
			t.Errorf("no address is left: %q", text)
		}
	}
	rep, err := tape.Verify(r.tapes()[0])
	if err != nil || records != 2 || rep.Header.Identities != gate.IdentitiesDetected || rep.Header.Key == "" {
		t.Errorf("%d records, header %+v, %v", records, rep.Header, err)
	}
}
