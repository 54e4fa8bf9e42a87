package main_test

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/checks"
	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

var update = flag.Bool("update", false, "write what is made of the code into the pages of the manual")

const docsFolder = "../../.github/docs"

// A manualPage is one document that users read.
type manualPage struct {
	path   string // from here
	text   string
	blocks []block
}

// A block is a fenced piece of a page. What a test is to do with it stands in a comment
// before it, "<!-- test: WORD [ARG...] -->", that no reader sees:
//
//	norun REASON   it cannot be run here; its waybill commands must be ones that there are
//	file NAME      it is a file of the story
//	example NAME   the story goes on in a copy of fixtures/examples/NAME
//	prepare CMD    a command that is run before it, and not shown
//	ports N...     each of these ports is a free one while it is tested
//
// Of those without one, "sh" is run, "toml" is a part of a waybill.toml, and "text" is what the
// commands before it print.
type block struct {
	language   string
	directives []string
	body       string
	line       int
}

var directive = regexp.MustCompile(`^<!-- test: (.*?) -->$`)

func readPages(t *testing.T) []manualPage {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(docsFolder, "*.md"))
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d pages: %v", len(paths), err)
	}
	var pages []manualPage
	for _, path := range append([]string{"../../README.md", "../../fixtures/examples/README.md"}, paths...) {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, manualPage{path, string(b), blocksOf(string(b))})
	}
	return pages
}

func blocksOf(text string) []block {
	var all []block
	var pending []string
	var open *block
	for i, line := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(line, "```")
		switch m := directive.FindStringSubmatch(line); {
		case open != nil && fence:
			all = append(all, *open)
			open = nil
		case open != nil:
			open.body += line + "\n"
		case m != nil:
			pending = append(pending, m[1])
		case fence:
			open = &block{language: strings.TrimSpace(strings.TrimPrefix(line, "```")), directives: pending, line: i + 1}
			pending = nil
		}
	}
	return all
}

// said returns the argument of a directive.
func (b *block) said(word string) (string, bool) {
	for _, d := range b.directives {
		if w, arg, _ := strings.Cut(d, " "); w == word {
			return arg, true
		}
	}
	return "", false
}

// What is made of the code stands in the pages between "<!-- made of the code: NAME -->" and
// "<!-- up to here -->".
var made = map[string]func() string{
	"exit codes": func() string {
		var b strings.Builder
		b.WriteString("| exit code | meaning |\n|---|---|\n")
		for _, c := range gate.ExitCodes() {
			fmt.Fprintf(&b, "| %d | %s |\n", c.Code, c.Meaning)
		}
		return b.String()
	},
	"gaps": func() string {
		var b strings.Builder
		b.WriteString("| gap | what it means | what to do |\n|---|---|---|\n")
		for _, kind := range report.GapKinds() {
			meaning, todo := report.AboutGap(kind)
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", kind, meaning, strings.ReplaceAll(todo, "|", `\|`))
		}
		return b.String()
	},
	"limits": func() string {
		var b strings.Builder
		for _, l := range checks.Limits() {
			fmt.Fprintf(&b, "- **%s**: %s\n", l.ID, l.Text)
		}
		return b.String()
	},
	"keys": func() string {
		var b, errs bytes.Buffer
		waybill.Run([]string{"waybill", "config", "keys"}, nil, &b, &errs)
		return b.String()
	},
	"verbs": func() string {
		var b strings.Builder
		b.WriteString("| command | does |\n|---|---|\n")
		for _, v := range waybill.Verbs() {
			fmt.Fprintf(&b, "| `waybill %s` | %s |\n", v[0], v[1])
		}
		return b.String()
	},
}

func TestDocsMadeOfTheCode(t *testing.T) {
	found := map[string]bool{}
	for _, p := range readPages(t) {
		text := p.text
		for name, make := range made {
			begin := "<!-- made of the code: " + name + " -->\n"
			head, rest, ok := strings.Cut(text, begin)
			if !ok {
				continue
			}
			found[name] = true
			is, tail, ok := strings.Cut(rest, "<!-- up to here -->\n")
			if !ok {
				t.Fatalf("%s: %q has no end", p.path, begin)
			}
			if want := "\n" + make() + "\n"; is != want {
				if !*update {
					t.Errorf("%s: %s are not those of the code: go test ./cmd/waybill -run TestDocs -update", p.path, name)
				}
				text = head + begin + want + "<!-- up to here -->\n" + tail
			}
		}
		if *update && text != p.text {
			if err := os.WriteFile(p.path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name := range made {
		if !found[name] {
			t.Errorf("no page has %s", name)
		}
	}
}

var (
	mentioned = regexp.MustCompile("`waybill ([a-z][a-z -]*[a-z])")
	commanded = regexp.MustCompile(`(?m)^(?:\$ )?(?:[A-Z_]+=\S+ )*waybill (.*)$`)
	inPages   = regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	goCommand = regexp.MustCompile(`\bgo (?:run|test|install) (\./[a-z/.]+)(?: [a-z]+ ([a-z0-9/-]+))?`)
)

// Every link leads somewhere, every verb and flag that a page names is one, and every package
// of a command is there.
func TestDocsNameWhatIsThere(t *testing.T) {
	commands := 0
	for _, p := range readPages(t) {
		for _, link := range inPages.FindAllStringSubmatch(p.text, -1) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(p.path), link[1])); err != nil {
				t.Errorf("%s links to %s: %v", p.path, link[1], err)
			}
		}
		for _, dir := range goCommand.FindAllStringSubmatch(p.text, -1) {
			for _, path := range dir[1:] {
				if path = strings.TrimSuffix(path, "/..."); path == "" || path == "." {
					continue
				}
				if _, err := os.Stat("../../" + path); err != nil {
					t.Errorf("%s: a command names %s: %v", p.path, path, err)
				}
			}
		}
		for _, m := range mentioned.FindAllStringSubmatch(p.text, -1) {
			commands++
			known(t, p.path, strings.Fields(m[1]))
		}
		for _, b := range p.blocks {
			for _, m := range commanded.FindAllStringSubmatch(b.body, -1) {
				commands++
				known(t, fmt.Sprintf("%s:%d", p.path, b.line), strings.Fields(strings.Split(m[1], "#")[0]))
			}
		}
	}
	if commands < 40 {
		t.Errorf("only %d commands were found", commands)
	}
}

// known requires that a verb is one, and that it has the flags that it is given.
func known(t *testing.T, where string, words []string) {
	t.Helper()
	if len(words) == 0 || strings.HasPrefix(words[0], "-") || strings.Trim(words[0], "A-Z") == "" {
		return
	}
	ask := []string{"waybill", words[0], "--help"}
	if nested := map[string][]string{"tape": nil, "corpus": nil, "approvals": nil, "config": nil}; len(words) > 1 {
		if _, ok := nested[words[0]]; ok && !strings.HasPrefix(words[1], "-") {
			ask = []string{"waybill", words[0], words[1], "--help"}
		}
	}
	var out, errs bytes.Buffer
	if code := waybill.Run(ask, nil, &out, &errs); code != 0 {
		t.Errorf("%s: waybill %s: exit code %d, %s", where, strings.Join(words, " "), code, errs.String())
		return
	}
	for _, w := range words[1:] {
		name, _, _ := strings.Cut(strings.TrimLeft(w, "-"), "=")
		if strings.HasPrefix(w, "--") && !regexp.MustCompile(`(?m)^ +--`+regexp.QuoteMeta(name)+`[ ,]`).MatchString(out.String()) {
			t.Errorf("%s: waybill %s has no flag %s", where, words[0], w)
		}
	}
}

// Pieces of configuration are ones that the gate takes.
func TestDocsConfigurations(t *testing.T) {
	tried := 0
	for _, p := range readPages(t) {
		for _, b := range p.blocks {
			if _, norun := b.said("norun"); b.language != "toml" || norun {
				continue
			}
			tried++
			where := fmt.Sprintf("%s:%d", p.path, b.line)
			doc := parsed(t, b.body)
			if _, whole := doc["corpus"]; !whole { // a piece, or a recorder's
				full := parsed(t, base)
				for _, role := range []string{"production", "staging"} { // whole where they are given
					if _, given := doc[role]; given && doc["version"] == nil {
						delete(full, role)
						full[role] = map[string]any{"jobs": map[string]any{"drain": map[string]any{"command": []any{"./drain"}}}}
					}
				}
				merge(full, doc)
				if full["staging"].(map[string]any)["command"] == nil && full["staging"].(map[string]any)["doors"] == nil {
					full["staging"] = map[string]any{"command": []any{"./app"}}
				}
				doc = full
			}
			if _, err := waybill.Sound(t.TempDir(), encoded(t, doc)); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	if tried < 5 {
		t.Errorf("only %d pieces of configuration were found", tried)
	}
}

// merge puts the tables of src into dst.
func merge(dst, src map[string]any) {
	for name, v := range src {
		inner, ok := v.(map[string]any)
		if present, both := dst[name].(map[string]any); ok && both {
			merge(present, inner)
			continue
		}
		dst[name] = v
	}
}

// TestDocsRun runs what pages show, in order, and requires that it ends as they say and prints
// what they show.
func TestDocsRun(t *testing.T) {
	dir := t.TempDir()
	for _, p := range readPages(t) {
		script, ok := storyOf(t, &p)
		if !ok {
			continue
		}
		name := strings.TrimSuffix(filepath.Base(p.path), ".md")
		if filepath.Base(filepath.Dir(p.path)) == "examples" {
			name = "examples"
		}
		if lacks := missingPrograms(script); lacks != "" {
			t.Run(name, func(t *testing.T) { unavailable(t, "%s is not installed", lacks) })
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name+".txtar"), []byte(script), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	home := os.Getenv("HOME") // where npm and Go keep what they fetched
	stories(t, dir, map[string]func(*testscript.TestScript, bool, []string){
		"example": func(ts *testscript.TestScript, _ bool, args []string) {
			ts.Setenv("HOME", home)
			ts.Check(os.CopyFS(ts.MkAbs("."), os.DirFS(filepath.Join(ts.Getenv("ROOT"), "fixtures", "examples", args[0]))))
			for _, left := range []string{".waybill", "node_modules"} {
				ts.Check(os.RemoveAll(ts.MkAbs(left)))
			}
		},
		"prints": prints,
	})
}

// missingPrograms returns the first program that a story runs and that is not there, or "".
func missingPrograms(script string) string {
	for _, program := range []string{"npm", "node", "python3", "curl", "git", "smtp-sink"} {
		if !regexp.MustCompile(`\b` + program + `\b`).MatchString(script) {
			continue
		}
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if _, err := os.Stat(filepath.Join("/usr/sbin", program)); err != nil {
			return program
		}
	}
	return ""
}

// exitCode is what a command in a page ends with, where that is not 0.
var exitCode = regexp.MustCompile(`^(.*?)\s+# .*exit code ([0-9]+)\b.*$`)

// storyOf makes a script of the blocks of a page.
func storyOf(t *testing.T, p *manualPage) (string, bool) {
	t.Helper()
	var script, files strings.Builder
	ports := map[string]string{}
	runs, work := 0, ""
	for _, b := range p.blocks {
		if list, ok := b.said("ports"); ok {
			for _, port := range strings.Fields(list) {
				ports[port] = freePort(t)
			}
		}
		body := b.body
		for shown, free := range ports {
			body = strings.ReplaceAll(body, shown, free)
		}
		if name, ok := b.said("example"); ok {
			work = fmt.Sprintf("%s-%d", name, runs)
			fmt.Fprintf(&script, "mkdir $WORK/%s\ncd $WORK/%s\nexample %s\n", work, work, name)
		}
		for i, d := range b.directives {
			if command, ok := strings.CutPrefix(d, "prepare "); ok {
				file := fmt.Sprintf("prepare-%d-%d.sh", b.line, i)
				fmt.Fprintf(&files, "-- %s --\n%s\n", file, command)
				fmt.Fprintf(&script, "exec sh -e $WORK/%s\n", file)
			}
		}
		_, norun := b.said("norun")
		switch name, isFile := b.said("file"); {
		case isFile:
			file := fmt.Sprintf("file-%d", b.line)
			fmt.Fprintf(&files, "-- %s --\n%s", file, body)
			fmt.Fprintf(&script, "cp $WORK/%s %s\n", file, name)
		case norun:
		case b.language == "sh":
			runs++
			file := fmt.Sprintf("block-%d.sh", b.line)
			fmt.Fprintf(&files, "-- %s --\n%s", file, shell(body))
			fmt.Fprintf(&script, "# line %d\nexec sh -e $WORK/%s\n", b.line, file)
		case b.language == "text":
			file := fmt.Sprintf("printed-%d", b.line)
			fmt.Fprintf(&files, "-- %s --\n%s", file, body)
			fmt.Fprintf(&script, "prints $WORK/%s\n", file)
		case b.language != "toml":
			t.Errorf("%s:%d: nothing says what to do with a block of %q", p.path, b.line, b.language)
		}
	}
	return script.String() + files.String(), runs > 0
}

// shell makes commands that are said to end with a code end well where they do.
func shell(body string) string {
	var b strings.Builder
	for line := range strings.Lines(body) {
		if m := exitCode.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && m[2] != "0" {
			line = fmt.Sprintf("code=0; %s || code=$?; [ $code -eq %s ] || { echo \"exit code $code, want %s\" >&2; exit 99; }\n", m[1], m[2], m[2])
		}
		b.WriteString(line)
	}
	return b.String()
}

// prints requires that the commands before it printed the lines of a file, whatever white space
// stands between; "..." and "…" stand for anything.
func prints(ts *testscript.TestScript, _ bool, args []string) {
	folded := func(s string) string { return strings.Join(strings.Fields(s), " ") }
	got := folded(ts.ReadFile("stdout") + " " + ts.ReadFile("stderr"))
	for _, want := range regexp.MustCompile(`\.\.\.|…|\n`).Split(ts.ReadFile(args[0]), -1) {
		if want = folded(want); !strings.Contains(got, want) {
			ts.Fatalf("%q is not printed", want)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// The README is short enough to be read.
func TestReadme(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(b, []byte("\n")); lines > 120 {
		t.Errorf("it has %d lines, and the most is 120", lines)
	}
	for _, p := range readPages(t) {
		if dir, file := filepath.Split(p.path); filepath.Clean(dir) == filepath.Clean(docsFolder) && !strings.Contains(string(b), ".github/docs/"+file) {
			t.Errorf("it does not link to %s", file)
		}
	}
}

// Every page is printed by its name, and every verb's help is there.
func TestHelpTopics(t *testing.T) {
	for _, p := range readPages(t) {
		if filepath.Clean(filepath.Dir(p.path)) != filepath.Clean(docsFolder) {
			continue
		}
		topic := strings.TrimSuffix(filepath.Base(p.path), ".md")
		out := must(t, 0, "help", topic)
		title, _, _ := strings.Cut(p.text, "\n")
		if !strings.HasPrefix(out, title+"\n") || strings.Contains(out, "<!--") {
			t.Errorf("help %s prints %.200q", topic, out)
		}
		if !strings.Contains(must(t, 0, "help", "--help"), "  "+topic+" ") {
			t.Errorf("help does not list %s", topic)
		}
	}
	if out := must(t, 0, "help", "tape", "digest"); !strings.Contains(out, "waybill tape digest") {
		t.Errorf("help tape digest prints %s", out)
	}
}

// Every exit code has its place in help.
func TestHelpListsExitCodes(t *testing.T) {
	out := must(t, 0, "--help")
	for _, c := range gate.ExitCodes() {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ *%d  %s$`, c.Code, regexp.QuoteMeta(c.Meaning))).MatchString(out) {
			t.Errorf("help does not say %d %s:\n%s", c.Code, c.Meaning, out)
		}
	}
}
