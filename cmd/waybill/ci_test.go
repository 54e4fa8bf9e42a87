package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// The workflow that init writes is understood by GitHub and falls into none of the traps, for all that a
// configuration may say.
func TestInitWritesAWorkflow(t *testing.T) {
	const commit = "0123456789abcdef0123456789abcdef01234567"
	const base = "version = 1\n[doors.web]\nchannel = \"http\"\n[sinks.mail]\nchannel = \"smtp\"\n[staging]\ncommand = [\"./app\"]\n"
	for name, c := range map[string]struct {
		sub, config string
		files       []string
		tracked     bool
		want, never []string
	}{
		"git":       {config: base + "[corpus]\npath = \"c.tape\"\n[production]\ncommand = [\"./app\"]\n", want: []string{"fetch-depth: 0", "hashFiles('c.tape')", "config: 'waybill.toml'"}, never: []string{"WAYBILL_PRODUCTION", "setup-node", "setup-python"}},
		"subfolder": {sub: "service", config: base + "[corpus]\npath = \"../data/c.tape\"\n[production]\ncommand = [\"./app\"]\n", want: []string{"hashFiles('data/c.tape')", "config: 'service/waybill.toml'", "verdict: 'service/.waybill/verdict.json'"}},
		"folder":    {config: base + "[corpus]\npath = \"c.tape\"\n[production]\ndir = \"production\"\ncommand = [\"./app\"]\n", files: []string{"package.json", "production/x"}, want: []string{"ref: ${{ vars.WAYBILL_PRODUCTION }}\n          path: 'production'", "setup-node@"}},
		"tracked":   {config: base + "[corpus]\npath = \"c.tape\"\n[production]\ndir = \"production\"\ncommand = [\"./app\"]\n", files: []string{"app.py", "production/x"}, tracked: true, want: []string{"setup-python@"}, never: []string{"WAYBILL_PRODUCTION"}},
		"encrypted": {config: base + "[corpus]\npath = \"c.tape\"\n[encryption]\nrecipients = [\"age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\"]\nidentities = \"keys/ci.key\"\n[production]\ncommand = [\"./app\"]\n", want: []string{"secrets.WAYBILL_IDENTITY", ">'keys/ci.key'"}},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write := func(path, text string) {
				path = filepath.Join(root, path)
				if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			git := func(args ...string) {
				if out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput(); err != nil {
					t.Fatalf("git %q: %v\n%s", args, err, out)
				}
			}
			git("init", "-q")
			write(filepath.Join(c.sub, "waybill.toml"), c.config)
			for _, f := range c.files {
				write(f, "{}")
			}
			if c.tracked {
				git("add", "-A")
			}
			must(t, 0, "init", "--ci", "github", "--action", commit, filepath.Join(root, c.sub))
			b, err := os.ReadFile(filepath.Join(root, ".github/workflows/waybill.yml"))
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			for _, never := range append(c.never, "[[", "]]") {
				if strings.Contains(text, never) {
					t.Errorf("%q is in\n%s", never, text)
				}
			}
			own := regexp.MustCompile(`(?m)uses: waybill-dev/waybill/\.github/actions/waybill@` + commit + ` # .*$`)
			if !own.MatchString(text) {
				t.Errorf("the action is not pinned in\n%s", text)
			}
			if told := traps(own.ReplaceAllString(text, "uses: ./waybill")); len(told) > 0 {
				t.Errorf("%q", told)
			}
			var said bytes.Buffer
			linter, err := actionlint.NewLinter(&said, &actionlint.LinterOptions{WorkingDir: root})
			if err != nil {
				t.Fatal(err)
			}
			if found, err := linter.Lint("waybill.yml", b, nil); err != nil || len(found) > 0 {
				t.Errorf("actionlint: %v\n%s", err, said.String())
			}
		})
	}
}

// Every shell's completion is one, and the page for man has every verb.
func TestCompletion(t *testing.T) {
	for shell, want := range map[string]string{"bash": "complete -o bashdefault -o default -F _waybill waybill", "zsh": "#compdef waybill", "fish": "complete"} {
		text := must(t, 0, "completion", shell)
		if !strings.Contains(text, want) {
			t.Errorf("%s: %s", shell, text)
		}
		if shell == "bash" {
			parse := exec.Command("bash", "-n")
			parse.Stdin = strings.NewReader(text)
			if out, err := parse.CombinedOutput(); err != nil {
				t.Errorf("bash does not understand it: %v\n%s", err, out)
			}
		}
	}
	if page := must(t, 0, "help", "--man"); !strings.Contains(page, ".TH waybill 1") || !strings.Contains(page, "pseudonymize") {
		t.Errorf("the page for man is %.300q", page)
	}
}
