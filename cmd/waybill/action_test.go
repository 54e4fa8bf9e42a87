package main_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// An actionTree is a repository that has the action, and in the place of waybill a
// program that says of which release it is. It needs nothing but Go's runtime, which
// is soon built for each system.
type actionTree struct {
	t    *testing.T
	root string
}

func newActionTree(t *testing.T) *actionTree {
	t.Helper()
	for _, program := range []string{"bash", "curl", "go"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the action needs %s: %v", program, err)
		}
	}
	a := &actionTree{t, t.TempDir()}
	action := filepath.Join(a.root, ".github", "actions", "waybill")
	if err := os.CopyFS(action, os.DirFS("../../.github/actions/waybill")); err != nil {
		t.Fatal(err)
	}
	for _, held := range []string{"SHA256SUMS", "VERSION"} { // those of a release of ours are not this test's
		if err := os.Remove(filepath.Join(action, held)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	a.write("go.mod", "module example.org/standin\n\ngo 1.24\n")
	a.write("cmd/waybill/main.go", "package main\n\nvar release = \"none\"\n\nfunc main() { print(\"<\" + release + \">\") }\n")
	return a
}

func (a *actionTree) write(name, text string) {
	a.t.Helper()
	path := filepath.Join(a.root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		a.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o777); err != nil {
		a.t.Fatal(err)
	}
}

// run runs the action's step, and returns what it printed, its outputs and its exit code.
func (a *actionTree) run(inputs map[string]string) (printed, outputs string, code int) {
	a.t.Helper()
	away := a.t.TempDir()
	cmd := exec.Command(filepath.Join(a.root, ".github/actions/waybill/run"))
	cmd.Dir = a.root
	out := filepath.Join(away, "outputs")
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+away, "GITHUB_OUTPUT="+out, "GITHUB_REPOSITORY=clinic/portal", "ACTION_REPOSITORY=")
	all := map[string]string{"MODE": "doctor", "CONFIG": ".", "INSTALL": "release", "BINARY": "", "COMMIT": "", "SHARD": "", "SHARDS": "shards", "RUNS": "",
		"VERDICT": "verdict.json", "REPORT": "report", "VERIFY_REVIEWS": "", "REPORT_ONLY": "", "CHECK": "", "PUBLISH": ""}
	for name, value := range inputs {
		if _, ok := all[name]; ok {
			all[name] = value
		} else {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	for name, value := range all {
		cmd.Env = append(cmd.Env, "INPUT_"+name+"="+value)
	}
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		a.t.Fatal(err)
	}
	told, err := os.ReadFile(out)
	if err != nil {
		a.t.Errorf("the step told no outputs: %v", err)
	}
	return string(text), string(told), cmd.ProcessState.ExitCode()
}

// want runs the action, and requires its exit code and words in what it printed.
func (a *actionTree) want(inputs map[string]string, code int, words string) {
	a.t.Helper()
	printed, outputs, got := a.run(inputs)
	if got != code || !strings.Contains(printed, words) {
		a.t.Errorf("%v: exit code %d, want %d; it printed, without %q:\n%s", inputs, got, code, words, printed)
	}
	if !strings.Contains(outputs, fmt.Sprintf("exit-code=%d\n", code)) {
		a.t.Errorf("%v: outputs %q lack the exit code", inputs, outputs)
	}
	if code != 0 && !strings.Contains(outputs, "verdict=undecided\n") {
		a.t.Errorf("%v: outputs %q lack the verdict", inputs, outputs)
	}
}

// A program of which it is not certain whose it is does not run.
func TestActionInstallsARelease(t *testing.T) {
	a := newActionTree(t)
	asset := "waybill_" + runtime.GOOS + "_" + runtime.GOARCH
	files := t.TempDir()
	server := httptest.NewServer(http.StripPrefix("/waybill-dev/waybill/releases/download/", http.FileServer(http.Dir(files))))
	t.Cleanup(server.Close)
	inputs := map[string]string{"GITHUB_SERVER_URL": server.URL, "ACTION_REPOSITORY": "waybill-dev/waybill"}
	program := "#!/bin/sh\necho installed \"$@\"\n"
	hold := func(version, text string) {
		t.Helper()
		a.write(".github/actions/waybill/VERSION", version+"\n")
		a.write(".github/actions/waybill/SHA256SUMS", fmt.Sprintf("%064d  waybill_plan9_mips\n%x  %s\n", 0, sha256.Sum256([]byte(text)), asset))
	}
	serve := func(version, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(files, version), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(files, version, asset), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	a.want(inputs, 2, "this commit holds no SHA-256 of "+asset)
	hold("v1.2.3", program)
	a.want(inputs, 3, asset+" of v1.2.3 could not be fetched")
	serve("v1.2.3", program)
	a.want(inputs, 0, "installed doctor --config .")
	serve("v1.2.3", program+"curl https://collect.example.net\n")
	a.want(inputs, 2, "and "+fmt.Sprintf("%x", sha256.Sum256([]byte(program)))+" is what this commit holds")
	serve("v1.2.3", "")
	a.want(inputs, 2, "is what this commit holds")
	for _, version := range []string{"", "latest", "v1.2", "v1.2.3/../v9.9.9", "v1.2.3 v9.9.9"} {
		hold(version, program)
		a.want(inputs, 2, "VERSION holds no version")
	}
	hold("v1.2.3", program)
	a.write(".github/actions/waybill/SHA256SUMS", "short  "+asset+"\n")
	a.want(inputs, 2, "this commit holds no SHA-256 of "+asset)

	// Used from the repository that it is in, it has no repository of its own.
	inputs["ACTION_REPOSITORY"] = ""
	hold("v1.2.3", program)
	a.want(inputs, 3, "could not be fetched")
}

func TestActionInstallsByPath(t *testing.T) {
	a := newActionTree(t)
	a.write("bin dir/way bill", "#!/bin/sh\necho by path \"$@\"\n")
	a.want(map[string]string{"INSTALL": "path", "BINARY": "bin dir/way bill"}, 0, "by path doctor --config .")
	a.want(map[string]string{"INSTALL": "path", "BINARY": "bin dir"}, 2, "binary is no program")
	a.want(map[string]string{"INSTALL": "path", "BINARY": "go.mod/x"}, 2, "binary is no program")
	a.want(map[string]string{"INSTALL": "path"}, 2, "binary is no program")
	a.want(map[string]string{"INSTALL": "release; true"}, 2, "install is none of release, path and go")
}

func TestActionInstallsFromSource(t *testing.T) {
	a := newActionTree(t)
	a.want(map[string]string{"INSTALL": "go"}, 0, "<none>")
	a.write("cmd/waybill/main.go", "package main\n\nfunc main() { undefined() }\n")
	a.want(map[string]string{"INSTALL": "go"}, 2, "waybill could not be built")
}

// What is empty or could pass for something else is refused before anything runs.
func TestActionRefusesInputs(t *testing.T) {
	a := newActionTree(t)
	a.write("waybill", "#!/bin/sh\necho ran \"$@\"\n")
	for name, value := range map[string]string{"CONFIG": "", "VERDICT": "", "REPORT": "", "SHARDS": "", "RUNS": "-rf", "BINARY": "--help", "COMMIT": "x\ny", "SHARD": "\x1b[2J"} {
		inputs := map[string]string{"INSTALL": "path", "BINARY": "waybill", "MODE": "merge"}
		inputs[name] = value
		printed, _, code := a.run(inputs)
		if code != 2 || !strings.Contains(printed, "waybill action: "+strings.ToLower(name)+" ") || strings.Contains(printed, "ran ") {
			t.Errorf("%s=%q: exit code %d, it printed %q", name, value, code, printed)
		}
	}
	for mode, words := range map[string]string{"replay": "mode replay needs shard and runs", "merge": "mode merge needs runs", "judge": "mode judge needs runs", "": "mode is none of"} {
		a.want(map[string]string{"INSTALL": "path", "BINARY": "waybill", "MODE": mode}, 2, words)
	}
}

// The sums of a release are those of every machine: made again they are the same, and
// the action takes what was built.
func TestSumsOfARelease(t *testing.T) {
	a := newActionTree(t)
	files := t.TempDir()
	sums := func(folder string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(a.root, ".github/actions/waybill/sums"), "v1.2.3", folder)
		cmd.Env = append(os.Environ(), "GOFLAGS=-tags=elsewhere", "CGO_ENABLED=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sums: %v\n%s", err, out)
		}
		text, err := os.ReadFile(filepath.Join(a.root, ".github/actions/waybill/SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	first := sums(filepath.Join(files, "waybill-dev/waybill/releases/download/v1.2.3"))
	elsewhere := newActionTree(t)
	a, elsewhere = elsewhere, a
	if second := sums(t.TempDir()); first != second {
		t.Errorf("in one folder the sums are\n%s\nand in another\n%s", first, second)
	}
	if n := strings.Count(first, "\n"); n != 4 {
		t.Errorf("%d sums, want 4:\n%s", n, first)
	}
	server := httptest.NewServer(http.FileServer(http.Dir(files)))
	t.Cleanup(server.Close)
	elsewhere.want(map[string]string{"GITHUB_SERVER_URL": server.URL, "ACTION_REPOSITORY": "waybill-dev/waybill"}, 0, "<v1.2.3>")
	for _, args := range [][]string{{}, {"1.2.3", "x"}, {"v1.2.3"}, {"v1.2.3", ""}, {"v1.2.3", "-x"}, {"v1.2", "x"}} {
		cmd := exec.Command(filepath.Join(a.root, ".github/actions/waybill/sums"), args...)
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 2 {
			t.Errorf("sums %q: %v, want exit code 2", args, err)
		}
	}
}
