package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

const workflows = "../../.github/workflows"

// Every workflow is what GitHub understands.
func TestWorkflowsAreUnderstood(t *testing.T) {
	files, err := filepath.Glob(workflows + "/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows in %s: %v", workflows, err)
	}
	var said strings.Builder
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	linter, err := actionlint.NewLinter(&said, &actionlint.LinterOptions{WorkingDir: root})
	if err != nil {
		t.Fatal(err)
	}
	found, err := linter.LintFiles(files, nil)
	if err != nil || len(found) > 0 {
		t.Errorf("actionlint: %v\n%s", err, said.String())
	}
	planted := "on: pull_request\njobs:\n  gate:\n    runs-on: ubuntu-latest\n    steps:\n      - run: echo ${{ needs.replay.result }}\n"
	if found, err := linter.Lint("planted.yml", []byte(planted), nil); err != nil || len(found) == 0 {
		t.Errorf("actionlint finds nothing wrong with a job that looks at what it does not need: %v", err)
	}
}

// A trap of GitHub Actions that a workflow of ours fell into is told in a line of the answer.
func traps(text string) (told []string) {
	say := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	w, errs := actionlint.Parse([]byte(text))
	for _, err := range errs {
		say("it cannot be read: %v", err)
	}
	if w == nil {
		return told
	}
	// pull_request_target would run what a fork changed with a token that can write.
	for _, e := range w.On {
		if name := e.EventName(); !slices.Contains([]string{"pull_request", "merge_group", "workflow_dispatch", "push"}, name) {
			say("it runs on %s", name)
		}
	}
	least := map[string]string{"contents": "read"}
	if got := scopes(w.Permissions); !equal(got, least) {
		say("its permissions are %v", got)
	}
	for _, line := range regexp.MustCompile(`(?m)^\s*-?\s*uses:.*$`).FindAllString(text, -1) {
		if !strings.Contains(line, "uses: ./") && !regexp.MustCompile(`uses: [\w/.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`).MatchString(line) {
			say("an action is not pinned by its commit: %s", strings.TrimSpace(line))
		}
	}
	for name, job := range w.Jobs {
		if job.TimeoutMinutes == nil {
			say("job %s has no time limit", name)
		}
		if job.ContinueOnError != nil {
			say("job %s goes on where it failed", name)
		}
		for _, step := range job.Steps {
			if step.ContinueOnError != nil {
				say("a step of job %s goes on where it failed", name)
			}
			switch exec := step.Exec.(type) {
			case *actionlint.ExecRun:
				if strings.Contains(exec.Run.Value, "${{") {
					say("a step of job %s splices a value into a shell line", name)
				}
			case *actionlint.ExecAction:
				if keep := exec.Inputs["persist-credentials"]; strings.HasPrefix(exec.Uses.Value, "actions/checkout@") && (keep == nil || keep.Value.Value != "false") {
					say("the checkout of job %s leaves the token in the repository", name)
				}
			}
		}
	}
	return told
}

// referenceTraps are those that are the reference workflow's alone.
func referenceTraps(text string) (told []string) {
	say := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	w, _ := actionlint.Parse([]byte(text))
	for _, want := range []string{"pull_request", "merge_group", "workflow_dispatch"} {
		if !slices.ContainsFunc(w.On, func(e actionlint.Event) bool { return e.EventName() == want }) {
			say("it does not run on %s", want)
		}
	}
	if c := w.Concurrency; c == nil || c.Group == nil || !strings.Contains(c.Group.Value, "pull_request.number") {
		say("runs of one pull request do not wait for each other")
	} else if c.CancelInProgress == nil || c.CancelInProgress.Expression == nil || !strings.Contains(c.CancelInProgress.Expression.Value, "github.event_name == 'pull_request'") {
		say("a queue's run may be cancelled")
	}
	const same = "github.event.pull_request.head.repo.full_name == github.repository"
	for name, want := range map[string]map[string]string{"replay": nil, "verdict": nil, "publish": {"contents": "read", "pull-requests": "write"}} {
		job := w.Jobs[name]
		if job == nil {
			say("there is no job %s", name)
			continue
		}
		if got := scopes(job.Permissions); !equal(got, want) {
			say("the permissions of job %s are %v", name, got)
		}
		if name != "verdict" && (job.If == nil || !strings.Contains(job.If.Value, same)) {
			say("job %s runs for a fork", name)
		}
	}
	// A job whose needs failed is skipped, and a skipped job passes where it is required.
	verdict := w.Jobs["verdict"]
	if verdict == nil || len(verdict.Steps) == 0 {
		say("there is nothing to require")
		return told
	}
	if verdict.If == nil || strings.TrimSpace(verdict.If.Value) != "always()" {
		say("the job that is required can be skipped")
	}
	first := verdict.Steps[0]
	run, ok := first.Exec.(*actionlint.ExecRun)
	if !ok || first.If != nil || first.Env == nil {
		say("the job that is required does not begin with what it needs")
		return told
	}
	for _, need := range verdict.Needs {
		var at string
		for _, v := range first.Env.Vars {
			if v.Value.Value == "${{ needs."+need.Value+".result }}" {
				at = v.Name.Value
			}
		}
		if at == "" {
			say("the job that is required does not look how %s ended", need.Value)
			continue
		}
		for _, result := range []string{"success", "failure", "cancelled", "skipped", "neutral", ""} {
			cmd := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run.Run.Value)
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), at + "=" + result}
			if err := cmd.Run(); (err == nil) != (result == "success") {
				say("where %s is %q, the job that is required goes on: %t", need.Value, result, err == nil)
			}
		}
	}
	if len(verdict.Needs) == 0 {
		say("the job that is required needs nothing")
	}
	return told
}

// scopes are permissions by their names; nil where none are given.
func scopes(p *actionlint.Permissions) map[string]string {
	if p == nil {
		return nil
	}
	got := map[string]string{}
	if p.All != nil {
		got["all"] = p.All.Value
	}
	for name, s := range p.Scopes {
		got[name] = s.Value.Value
	}
	return got
}

func equal(a, b map[string]string) bool {
	return (a == nil) == (b == nil) && fmt.Sprint(a) == fmt.Sprint(b)
}

func TestWorkflowsAvoidTraps(t *testing.T) {
	files, err := filepath.Glob(workflows + "/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, trap := range traps(string(text)) {
			t.Errorf("%s: %s", filepath.Base(file), trap)
		}
	}
	text, err := os.ReadFile(workflows + "/waybill.yml")
	if err != nil {
		t.Fatal(err)
	}
	reference := string(text)
	for _, trap := range referenceTraps(reference) {
		t.Errorf("waybill.yml: %s", trap)
	}

	// Each of them would be seen.
	for _, c := range []struct{ old, new, want string }{
		{"\n  pull_request:", "\n  pull_request_target:", "it runs on pull_request_target"},
		{"\n  merge_group:\n", "\n", "it does not run on merge_group"},
		{"permissions:\n  contents: read\n", "permissions: write-all\n", "its permissions are"},
		{"permissions:\n  contents: read\n", "", "its permissions are"},
		{"      pull-requests: write", "      pull-requests: write\n      checks: write", "the permissions of job publish"},
		{"@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2", "@v4", "not pinned"},
		{"          persist-credentials: false\n", "          fetch-depth: 1\n", "leaves the token"},
		{`[ "$REPLAY" != success ]`, `[ "${{ needs.replay.result }}" != success ]`, "splices a value"},
		{"    if: always()\n    runs-on", "    runs-on", "can be skipped"},
		{"    if: always()\n    runs-on", "    if: success()\n    runs-on", "can be skipped"},
		{"needs.replay.result", "needs.replay.outputs", "does not look how replay ended"},
		{`"$REPLAY" != success`, `"$REPLAY" == failure`, "the job that is required goes on: true"},
		{"exit 3\n", "exit 0\n", "the job that is required goes on: true"},
		{"    needs: replay\n", "", "needs nothing"},
		{"== 'pull_request' }}", "!= 'push' }}", "a queue's run may be cancelled"},
		{"concurrency:\n", "env:\n", "do not wait for each other"},
		{" || github.event.pull_request.head.repo.full_name == github.repository", "", "job replay runs for a fork"},
		{"    timeout-minutes: 10\n", "", "job publish has no time limit"},
		{"    timeout-minutes: 10\n", "    timeout-minutes: 10\n    continue-on-error: true\n", "job publish goes on"},
	} {
		if !strings.Contains(reference, c.old) {
			t.Errorf("the workflow does not hold %q", c.old)
			continue
		}
		planted := strings.ReplaceAll(reference, c.old, c.new)
		told := append(traps(planted), referenceTraps(planted)...)
		if !slices.ContainsFunc(told, func(s string) bool { return strings.Contains(s, c.want) }) {
			t.Errorf("with %q in place of %q, nothing tells that %s: %q", c.new, c.old, c.want, told)
		}
	}
}

// The action passes each of its inputs by the environment, and none in another way.
func TestActionPassesInputsByEnvironment(t *testing.T) {
	b, err := os.ReadFile("../../.github/actions/waybill/action.yml")
	if err != nil {
		t.Fatal(err)
	}
	head, runs, ok := strings.Cut(string(b), "\nruns:\n")
	if !ok {
		t.Fatal("the action runs nothing")
	}
	inputs, outputs, _ := strings.Cut(head, "\noutputs:\n")
	names := func(s string) (out []string) {
		for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+):$`).FindAllStringSubmatch(s, -1) {
			out = append(out, m[1])
		}
		return out
	}
	given := names(inputs[strings.Index(inputs, "\ninputs:\n"):])
	if len(given) == 0 {
		t.Fatal("the action has no inputs")
	}
	for _, name := range given {
		variable := "INPUT_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		if name == "token" {
			variable = "GITHUB_TOKEN"
		}
		if n := strings.Count(runs, "        "+variable+": ${{ inputs."+name+" }}\n"); n != 1 {
			t.Errorf("the input %s is in %s %d times", name, variable, n)
		}
	}
	if n := strings.Count(runs, "inputs."); n != len(given) {
		t.Errorf("inputs are taken %d times, and there are %d", n, len(given))
	}
	for _, line := range strings.Split(runs, "\n") {
		if strings.Contains(line, "run: ") && strings.Contains(line, "${{") {
			t.Errorf("a value is spliced into a shell line: %s", line)
		}
	}
	want := []string{"verdict", "exit-code", "unapproved", "approved", "expired", "replayed", "corpus-size", "report-path", "json-path", "comment-url"}
	if got := names(outputs); !slices.Equal(got, want) {
		t.Errorf("the outputs are %q, want %q", got, want)
	}
}
