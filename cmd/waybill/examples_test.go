package main_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
)

const examples = "../../fixtures/examples"

// Each example is blocked for what its faulty version does to somebody, and passes with its
// harmless one. Its corpus is what stands beside it as text.
func TestExamples(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(examples, "*", "waybill.toml"))
	if err != nil || len(folders) < 4 {
		t.Fatalf("there are %d examples, %v", len(folders), err)
	}
	for _, config := range folders {
		name := filepath.Base(filepath.Dir(config))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := example(t, name)
			packed := filepath.Join(t.TempDir(), "packed.tape")
			must(t, 0, "tape", "pack", filepath.Join(dir, "corpus.jsonl"), packed)
			if got, want := must(t, 0, "tape", "digest", packed), must(t, 0, "tape", "digest", filepath.Join(dir, "corpus.tape")); got != want {
				t.Errorf("corpus.jsonl packs to %s, and corpus.tape is %s", got, want)
			}
			must(t, gate.ExitBlocked, "gate", dir)
			text, err := os.ReadFile(filepath.Join(dir, ".waybill", "verdict.json"))
			if err != nil {
				t.Fatal(err)
			}
			var v gate.Verdict
			if err := json.Unmarshal(text, &v); err != nil {
				t.Fatal(err)
			}
			if v.Blast.Exposed == 0 || v.Blast.Gain == 0 {
				t.Errorf("whose data reaches whom is not said: %+v", v.Blast)
			}
			must(t, gate.ExitPass, "gate", filepath.Join(dir, "harmless.toml"))
		})
	}
}

// example copies an example to a folder of its own, with the libraries that it needs.
func example(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(examples, name))); err != nil {
		t.Fatal(err)
	}
	for _, left := range []string{".waybill", "node_modules"} { // of somebody who tried it in place
		if err := os.RemoveAll(filepath.Join(dir, left)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "package-lock.json")); err == nil {
		cmd := exec.Command("npm", "ci", "--ignore-scripts")
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			unavailable(t, "npm ci: %v\n%s", err, out)
		}
	}
	for program, needed := range map[string]string{"node": "node", "python3": "python", "php": "php", "msmtp": "php"} {
		if _, err := exec.LookPath(program); err != nil && needed == name {
			unavailable(t, "%s is not installed", program)
		}
	}
	return dir
}

// unavailable skips a test for want of something that is not of this project, and fails it in
// continuous integration, where nobody would see that it was skipped.
func unavailable(t *testing.T, format string, a ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, a...)
	}
	t.Skipf(format, a...)
}

// must runs waybill with args, requires its exit code and returns what it printed.
func must(t *testing.T, code int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if got := waybill.Run(append([]string{"waybill"}, args...), nil, &out, &errs); got != code {
		t.Fatalf("waybill %q: exit code %d, want %d\n%s%s", args, got, code, out.String(), errs.String())
	}
	return out.String()
}
