package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// actVariable names the program act, where it is not on PATH.
const actVariable = "WAYBILL_ACT"

// TestAct runs the action whole, as a workflow would, under act
// (https://github.com/nektos/act) and without containers, against a stand-in for
// GitHub. A story is judged by what that server holds afterwards, by what it was
// asked, and by the end of the workflow. Besides the commands of [TestScripts] they have:
//
//	workflow green|red FILE       run the workflow FILE on the event that github was called with, and require its
//	                              end. The repository is the folder of work, with this project's action in it. What
//	                              its steps print is in the file log: act loses some of it where a step fails.
//	                              WAYBILL is the program to install by its path, LEFT a folder that stays. An action
//	                              owner/name that the workflow uses is the one in the folder standins/owner/name;
//	                              actions/checkout is act's own.
func TestAct(t *testing.T) {
	act, err := exec.LookPath(os.Getenv(actVariable))
	if err != nil {
		act, err = exec.LookPath("act")
	}
	switch {
	case err == nil:
	case os.Getenv("CI") != "":
		t.Fatalf("act is not there: install github.com/nektos/act, or name it in %s: %v", actVariable, err)
	default:
		t.Skipf("act is not there: install github.com/nektos/act, or name it in %s", actVariable)
	}
	stories(t, "testdata/act", map[string]func(*testscript.TestScript, bool, []string){
		"workflow": func(ts *testscript.TestScript, neg bool, args []string) { workflow(ts, act, neg, args) },
	})
}

func workflow(ts *testscript.TestScript, act string, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "green" && args[0] != "red" {
		ts.Fatalf("usage: workflow green|red FILE")
	}
	hub := hubOf(ts).of(ts)
	program, err := exec.LookPath("waybill")
	ts.Check(err)
	// What act copies and what the builds leave stand outside of the repository: it is copied whole.
	away, err := os.MkdirTemp("", "waybill-act-")
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(away) })
	here := ts.MkAbs(".")
	action := filepath.Join(here, ".github", "actions", "waybill")
	if _, err := os.Stat(action); err != nil {
		ts.Check(os.CopyFS(action, os.DirFS(filepath.Join(ts.Getenv("ROOT"), ".github", "actions", "waybill"))))
		// A commit to check out, of which the head that the event tells is independent.
		for _, git := range [][]string{{"init", "-q"}, {"-c", "user.name=ann", "-c", "user.email=ann@example.org", "commit", "-q", "--allow-empty", "-m", "portal"}} {
			ts.Check(ts.Exec("git", git...))
		}
	}
	left := filepath.Join(here, "left")
	ts.Check(os.MkdirAll(left, 0o777))

	// Every bash of a step reads this before what it was called for.
	printed, profile := filepath.Join(here, "log"), filepath.Join(away, "profile")
	ts.Check(os.WriteFile(profile, []byte(`exec >>"$PRINTED" 2>&1`), 0o666))
	ts.Check(os.WriteFile(printed, nil, 0o666))

	line := []string{"-i", "PATH=" + os.Getenv("PATH"), "HOME=" + away, "TMPDIR=" + away}
	for _, name := range []string{"GOCACHE", "GOMODCACHE", "GOPROXY", "GOFLAGS"} {
		line = append(line, name+"="+ts.Getenv(name))
	}
	line = append(line, act, ts.Getenv("GITHUB_EVENT_NAME"), "--workflows", args[1], "--eventpath", ts.Getenv("GITHUB_EVENT_PATH"),
		"--platform", "ubuntu-latest=-self-hosted", "--action-cache-path", filepath.Join(away, "cache"), "--action-offline-mode", "--no-cache-server",
		"--pull=false", "--concurrent-jobs", "1", "--secret", "GITHUB_TOKEN="+ts.Getenv("GITHUB_TOKEN"))
	for name, value := range map[string]string{
		"GITHUB_API_URL": hub.URL, "GITHUB_REPOSITORY": hub.Owner + "/" + hub.Repo, "SHA_REF": scriptHead, "GITHUB_RUN_ID": ts.Getenv("GITHUB_RUN_ID"),
		"GITHUB_RUN_ATTEMPT": ts.Getenv("GITHUB_RUN_ATTEMPT"), "WAYBILL": program, "LEFT": left,
		"BASH_ENV": profile, "PRINTED": printed,
	} {
		line = append(line, "--env", name+"="+value)
	}
	uses, err := standins(here, ts.ReadFile(args[1]))
	ts.Check(err)
	line = append(line, uses...)
	err = ts.Exec("env", line...)
	ts.Logf("[log]\n%s", ts.ReadFile("log"))
	requireExit(ts, err, map[string]int{"green": 0, "red": 1}[args[0]])
}

// standins are the flags by which act takes the actions that a workflow uses from the
// folder standins of dir, in place of fetching them.
func standins(dir, workflow string) (flags []string, err error) {
	for _, m := range regexp.MustCompile(`(?m)^\s*-?\s*uses: ([\w-]+/[\w-]+)@(\w+)`).FindAllStringSubmatch(workflow, -1) {
		if m[1] == "actions/checkout" {
			continue
		}
		folder := filepath.Join(dir, "standins", filepath.FromSlash(m[1]))
		if _, err := os.Stat(folder); err != nil {
			return nil, fmt.Errorf("the workflow uses %s, for which nothing stands in: %w", m[1], err)
		}
		flag := m[1] + "@" + m[2] + "=" + folder
		if !slices.Contains(flags, flag) {
			flags = append(flags, "--local-repository", flag)
		}
	}
	if len(flags) > 0 {
		flags = append(flags, "--use-new-action-cache")
	}
	return flags, nil
}
