//go:build linux

package build_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
)

// What a build tries in order to change its evidence: to write, to replace, to undo the guard,
// and to go around it.
const attack = `
runs=$1 key=$2 log=$3 gate=$4
try() { if "$@" 2>/dev/null; then echo "could: $*" >>"$log"; fi; }
put() { echo forged >"$1"; }
try put "$runs/a.tape"
try put "$runs/new.tape"
try rm -f "$runs/a.tape"
try mv "$runs/a.tape" "$runs/b.tape"
try mv "$runs" "$runs-away"
try umount "$runs"
try mount -o remount,bind,rw "$runs"
try unshare -rm sh -c 'umount "$0"; echo forged >"$0/a.tape"' "$runs"
try unshare -rm sh -c 'mount -o remount,bind,rw "$0"; echo forged >"$0/a.tape"' "$runs"
try put "/proc/$PPID/root$runs/a.tape"
try put "/proc/$gate/root$runs/a.tape"
# As root it can go through what runs as root elsewhere with no more than it has itself.
[ "$(id -u)" = 0 ] || for p in /proc/[0-9]*; do [ "$p" = /proc/$$ ] || try put "$p/root$runs/a.tape"; done
try cat "$key/seal.key"
try cat "/proc/$gate/environ"
try cat "/proc/$gate/task/$gate/environ"
echo done >>"$log"
`

// A build can neither write what is guarded nor see what is hidden, as root and as another user.
func TestGuard(t *testing.T) {
	if os.Getenv("GUARD_DIR") != "" {
		guardedSite(t, os.Getenv("GUARD_DIR"))
		return
	}
	guardedSite(t, t.TempDir())
	if os.Geteuid() != 0 {
		return
	}
	t.Run("as another user", func(t *testing.T) {
		dir, err := os.MkdirTemp("/tmp", "guard-")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		const nobody = 65534
		program := filepath.Join(dir, "test")
		text, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(program, text, 0o755)
		}
		if err == nil {
			err = os.Chown(dir, nobody, nobody)
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(program, "-test.run=^TestGuard$", "-test.v")
		cmd.Dir, cmd.Env = dir, []string{"GUARD_DIR=" + dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "HOME=" + dir}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if strings.Contains(string(out), "SKIP") {
			t.Skipf("%s", out)
		}
	})
}

func guardedSite(t *testing.T, dir string) {
	t.Helper()
	if err := build.Try(os.Geteuid() == 0); err != nil {
		t.Skipf("nothing can be guarded here: %v", err)
	}
	runs, key, log := filepath.Join(dir, "runs"), filepath.Join(dir, "key"), filepath.Join(dir, "log")
	for _, path := range []string{runs, key} {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for path, text := range map[string]string{filepath.Join(runs, "a.tape"): "true", filepath.Join(key, "seal.key"): "secret"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site, err := build.NewSite(build.Spec{Role: gate.Staging, Config: dir, Folder: filepath.Join(dir, "site"),
		Guard: &build.Guard{ReadOnly: []string{runs}, Hidden: []string{key}},
		Build: &config.Build{Name: "august", Dir: dir, Setup: [][]string{{"/bin/sh", "-c", attack, "sh", runs, key, log, fmt.Sprint(os.Getpid())}}, HookTimeout: config.Duration{Duration: config.DefaultHookTimeout},
			Ready: config.Probe{Timeout: config.Duration{Duration: config.DefaultReadyTimeout}}}})
	if err != nil {
		t.Fatal(err)
	}
	b, err := site.Start(t.Context(), build.Start{Scenario: "steady"})
	if err != nil {
		t.Fatal(err)
	}
	b.Stop(t.Context())
	text, err := os.ReadFile(log)
	if err != nil || string(text) != "done\n" {
		t.Errorf("the build %s, %v", text, err)
	}
	if text, err := os.ReadFile(filepath.Join(runs, "a.tape")); err != nil || string(text) != "true" {
		t.Errorf("the tape holds %q, %v", text, err)
	}
	if list, _ := os.ReadDir(runs); len(list) != 1 {
		t.Errorf("the runs are %v", list)
	}
}
