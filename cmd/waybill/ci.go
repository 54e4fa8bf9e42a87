package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"text/template"
)

// workflowText is the workflow that init --ci github writes.
//
//go:embed workflow.yml
var workflowText string

// services are those that a workflow can be written for.
var services = []string{"github"}

// A workflow is what its text depends on. Paths are relative to the root of the repository, with slashes.
type workflow struct {
	Action     string // "owner/name/path@commit # version"
	Release    bool   // the action fetches a released binary
	Config     string
	Corpus     string
	Identities string // file with the key of encrypted tapes; "" where they are not encrypted
	Production string // folder of production's version that is not in the repository; "" where there is none
	State      string // folder of the verdict
	Node       bool
	Python     bool
}

// aCommit is a whole object id of git (SHA-1).
var aCommit = regexp.MustCompile(`^[0-9a-f]{40}$`)

// actionAt names the action at a commit: the one given, else the one that this binary was built from,
// else a word to be replaced. The error says that what was given is no commit.
func actionAt(commit string) (name string, known bool, err error) {
	const action = "waybill-dev/waybill/.github/actions/waybill@"
	if commit != "" && !aCommit.MatchString(commit) {
		return "", false, usage(fmt.Errorf("init: --action %q is not a whole object id of git", commit), "an action is pinned by all 40 digits of its commit")
	}
	if info, ok := debug.ReadBuildInfo(); ok && commit == "" {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if !aCommit.MatchString(commit) {
		return action + "COMMIT", false, nil
	}
	return action + commit + " # " + version(), true, nil
}

// writeWorkflow writes the workflow for the configuration of a folder into the repository that the
// folder is in, and returns its path. One that is there already is not overwritten.
func writeWorkflow(ctx context.Context, dir, action string) (string, error) {
	conf, err := loadConfig(dir)
	if err != nil {
		return "", err
	}
	root := repositoryOf(ctx, conf.Dir)
	w := workflow{
		Action: action, Release: release != "", Config: within(root, filepath.Join(conf.Dir, filepath.Base(conf.Path))),
		Corpus: within(root, conf.Corpus.Path), State: within(root, filepath.Dir(conf.Report.JSON)),
	}
	if len(conf.Encryption.Recipients) > 0 {
		w.Identities = within(root, cmp.Or(conf.Encryption.Identities, filepath.Join(conf.Dir, "waybill.key")))
	}
	if b := conf.Production; b != nil && b.Dir != "" && b.Dir != conf.Dir && !tracked(ctx, root, b.Dir) {
		w.Production = within(root, b.Dir)
	}
	for _, path := range []string{w.Config, w.Corpus, w.Identities, w.Production, w.State} {
		if strings.HasPrefix(path, "../") || filepath.IsAbs(path) || strings.ContainsAny(path, "'\"\n\\$`") {
			return "", usage(fmt.Errorf("init: %s does not stand in the repository %s by a name that a workflow can hold", path, root), "move it, or write the workflow by hand: .github/workflows/waybill.yml of Waybill is one to copy")
		}
	}
	w.Node = firstOf(conf.Dir, "package.json") != ""
	w.Python = firstOf(conf.Dir, "requirements.txt", "pyproject.toml", "app.py", "manage.py") != ""
	t, err := template.New("workflow").Delims("[[", "]]").Parse(workflowText)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	if err := t.Execute(&text, w); err != nil {
		return "", err
	}
	path := filepath.Join(root, ".github", "workflows", "waybill.yml")
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return "", usage(fmt.Errorf("make the folder of %s: %w", path, err), "")
	}
	if err := writeNew(path, text.String()); err != nil {
		if errors.Is(err, os.ErrExist) {
			return "", usage(fmt.Errorf("write %s: it is there already, and is not overwritten", path), "move it away")
		}
		return "", usage(fmt.Errorf("write %s: %w", path, err), "")
	}
	return path, nil
}

// repositoryOf returns the root of the repository that a folder is in, or the folder where it is in none.
func repositoryOf(ctx context.Context, dir string) string {
	out, err := exec.CommandContext(ctx, "git", "-C", dir, "rev-parse", "--show-cdup").Output()
	if err != nil {
		return dir
	}
	return filepath.Join(dir, strings.TrimSuffix(string(out), "\n"))
}

// tracked reports whether git knows a file in a folder.
func tracked(ctx context.Context, root, dir string) bool {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "--", dir).Output()
	return err == nil && len(out) > 0
}

// within is path as seen from root, with slashes.
func within(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}
