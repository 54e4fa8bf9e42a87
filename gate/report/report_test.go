package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// views are the ways to render a case: golden file, and how it is made.
var views = map[string]func(io.Writer, *gate.Verdict, report.Loader) error{
	"whole.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{Names: true, Verbose: true, Limit: 2, Next: []string{"waybill explain w1-a0a0"}})
	},
	"terminal.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{Names: true, Limit: 2, Next: []string{"waybill explain w1-a0a0"}})
	},
	"whole-masked.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{Verbose: true})
	},
	"colour.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{Names: true, Color: true, Width: 60})
	},
	"masked.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{})
	},
	"keyed.txt": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Terminal(w, v, report.Options{Key: []byte("key"), AllowDomains: []string{"tracker.example.net"}})
	},
	"report.md": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Markdown(w, v, report.Options{Key: []byte("key"), Limit: 2, Next: []string{"waybill explain w1-a0a0"}})
	},
	"short.md": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.Markdown(w, v, report.Options{Key: []byte("key"), Budget: 2200, ReportOnly: true})
	},
	"junit.xml": func(w io.Writer, v *gate.Verdict, _ report.Loader) error {
		return report.JUnit(w, v, report.Options{})
	},
	"explain.txt": func(w io.Writer, v *gate.Verdict, load report.Loader) error {
		if len(v.Findings) == 0 {
			return nil
		}
		return report.Explain(w, v, v.Findings[0].Fingerprint, load, report.Options{Names: true})
	},
	"explain-masked.txt": func(w io.Writer, v *gate.Verdict, load report.Loader) error {
		if len(v.Findings) == 0 {
			return nil
		}
		return report.Explain(w, v, v.Findings[0].Fingerprint, load, report.Options{})
	},
}

func cases(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/*/verdict.json")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no cases found in testdata: %v", err)
	}
	for i := range dirs {
		dirs[i] = filepath.Dir(dirs[i])
	}
	return dirs
}

func readCase(t *testing.T, dir string) (*gate.Verdict, report.Loader) {
	t.Helper()
	read := func(name string, to any) {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if os.IsNotExist(err) && name == "messages.json" {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, to); err != nil {
			t.Fatalf("%s of %s: %v", name, dir, err)
		}
	}
	var v gate.Verdict
	var messages []gate.Canonical
	read("verdict.json", &v)
	read("messages.json", &messages)
	return &v, func(ref gate.Ref) ([]gate.Canonical, error) {
		for _, m := range messages {
			if m.Ref == ref {
				return []gate.Canonical{m}, nil
			}
		}
		return nil, fmt.Errorf("open tape %s: no such file", ref.Tape)
	}
}

func TestGolden(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			v, load := readCase(t, dir)
			for name, render := range views {
				var b bytes.Buffer
				if err := render(&b, v, load); err != nil && !strings.HasPrefix(name, "explain") {
					t.Fatalf("%s: %v", name, err)
				}
				if b.Len() == 0 {
					continue
				}
				golden := filepath.Join(dir, name)
				if *update {
					if err := os.WriteFile(golden, b.Bytes(), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), b.String()); d != "" {
					t.Errorf("%s (-want +got):\n%s", golden, d)
				}
			}
		})
	}
}

// The JSON form is whole: what it says, read back, gives it again.
func TestJSON(t *testing.T) {
	for _, dir := range cases(t) {
		v, _ := readCase(t, dir)
		var first, second bytes.Buffer
		if err := report.JSON(&first, v); err != nil {
			t.Fatal(err)
		}
		var again gate.Verdict
		if err := json.Unmarshal(first.Bytes(), &again); err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if d := cmp.Diff(v, &again, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: read back (-want +got):\n%s", dir, d)
		}
		if err := report.JSON(&second, &again); err != nil {
			t.Fatal(err)
		}
		if first.String() != second.String() {
			t.Errorf("%s: written twice, it is not the same", dir)
		}
		if !strings.HasSuffix(first.String(), "}\n") {
			t.Errorf("%s: does not end in a newline", dir)
		}
		for _, r := range first.String() {
			if r != '\n' && r != ' ' && !unicode.IsPrint(r) {
				t.Errorf("%s: holds %U as it came", dir, r)
			}
		}
	}
}

func TestJSONSupplementary(t *testing.T) {
	const tag = "\U000e0041" // a tag character: invisible, outside the basic plane
	var b bytes.Buffer
	if err := report.JSON(&b, &gate.Verdict{Drill: tag + "\u202e"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), `"\udb40\udc41\u202e"`) {
		t.Errorf("got %s", b.String())
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Nothing that a terminal or the log of a workflow would obey comes through, and
// no line is longer than it may be.
func TestHostile(t *testing.T) {
	v, load := readCase(t, "testdata/hostile")
	for name, render := range views {
		var b bytes.Buffer
		if err := render(&b, v, load); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text := b.String()
		if name == "colour.txt" {
			if !strings.Contains(text, "\x1b[1;31m") {
				t.Errorf("%s: has no colour", name)
			}
			text = sgr.ReplaceAllString(text, "")
		}
		if strings.Contains(text, "##[") {
			t.Errorf("%s: holds a workflow command", name)
		}
		marks := 0
		for _, r := range text {
			if r != '\n' && !strconv.IsPrint(r) {
				t.Errorf("%s: holds %U as it came", name, r)
			}
			if marks++; !unicode.Is(unicode.M, r) {
				marks = 0
			}
			if marks > 3 {
				t.Errorf("%s: holds a pile of marks", name)
			}
		}
		width := 100
		if name == "colour.txt" {
			width = 60
		}
		for _, line := range strings.Split(text, "\n") {
			if n := utf8.RuneCountInString(line); n > width && strings.HasSuffix(name, ".txt") {
				t.Errorf("%s: a line of %d runes: %s", name, n, line)
			}
			if strings.HasPrefix(strings.TrimSpace(line), "::") {
				t.Errorf("%s: a line begins with a workflow command: %s", name, line)
			}
		}
	}
}

// Without Names a report holds no recipient and no fact.
func TestMaskedNamesNobody(t *testing.T) {
	for _, dir := range []string{"testdata/blocked", "testdata/undecided"} {
		v, load := readCase(t, dir)
		secrets := secretsOf(v)
		if dir == "testdata/blocked" && len(secrets) < 20 {
			t.Fatalf("%s: only %d secrets to look for: %q", dir, len(secrets), secrets)
		}
		secrets = append(secrets, "eve@example.org")
		for _, name := range []string{"masked.txt", "whole-masked.txt", "keyed.txt", "explain-masked.txt", "report.md", "short.md", "junit.xml"} {
			var b bytes.Buffer
			if err := views[name](&b, v, load); err != nil {
				t.Fatal(err)
			}
			for _, s := range secrets {
				if name == "keyed.txt" && strings.Contains("collect.tracker.example.net", s) {
					continue // an allowed domain: the golden file shows it
				}
				if strings.Contains(strings.ToLower(b.String()), strings.ToLower(s)) {
					t.Errorf("%s %s: holds %q", dir, name, s)
				}
			}
		}
		// The same search finds them where names are shown: it can fail.
		var b bytes.Buffer
		if err := views["terminal.txt"](&b, v, load); err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, s := range secrets {
			if strings.Contains(b.String(), s) {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: the report with names holds none of %q", dir, secrets)
		}
	}
}

// secretsOf is every address, fact and text of messages in v, and their longer words.
func secretsOf(v *gate.Verdict) []string {
	seen := map[string]bool{}
	var out []string
	add := func(s string) {
		if s != "" && !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	id := func(s string) {
		_, address, _ := strings.Cut(s, ":")
		add(address)
		if local, _, ok := strings.Cut(address, "@"); ok {
			add(local)
		}
	}
	text := func(s string) {
		add(s)
		for _, w := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if len(w) > 6 && w != "message" && w != "question" { // words of the report's own
				add(w)
			}
		}
	}
	change := func(c *gate.Change) {
		for _, d := range []*gate.Delivery{c.Before, c.After} {
			if d != nil {
				id(d.Recipient.ID())
				text(d.Title)
			}
		}
		for _, e := range c.Edits {
			text(e.Before)
			text(e.After)
		}
		for _, g := range c.Gains {
			id(g.Owner.ID())
			for _, f := range g.Sample {
				add(f.Value)
			}
		}
	}
	for i := range v.Findings {
		f := &v.Findings[i]
		for _, l := range [][]string{f.Gained, f.Lost, f.Owners, f.Parties} {
			for _, s := range l {
				id(s)
			}
		}
		text(f.Before)
		text(f.After)
		if f.Example != nil {
			change(f.Example)
		}
	}
	for i := range v.Comparisons {
		for j := range v.Comparisons[i].Changes {
			change(&v.Comparisons[i].Changes[j])
		}
	}
	return out
}

// A keyed mask is the same in every report, and another under another key.
func TestKeyedMasksAreStable(t *testing.T) {
	v, _ := readCase(t, "testdata/blocked")
	masks := func(v *gate.Verdict, key string) []string {
		var b bytes.Buffer
		if err := report.Terminal(&b, v, report.Options{Key: []byte(key)}); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`R-[0-9a-f]{6}\b`).FindAllString(b.String(), -1)
	}
	whole := masks(v, "a")
	if len(whole) == 0 {
		t.Fatal("no masks")
	}
	less := *v
	less.Findings = append([]gate.Judged(nil), v.Findings...)
	less.Findings[0].Gained = less.Findings[0].Gained[2:]
	seen := map[string]bool{}
	for _, m := range whole {
		seen[m] = true
	}
	for _, m := range masks(&less, "a") {
		if !seen[m] {
			t.Errorf("%s stands for nobody in the other report", m)
		}
	}
	for _, m := range masks(v, "b") {
		if seen[m] {
			t.Errorf("%s is the mask under two keys", m)
		}
	}
}

// Nothing but a verdict that passes is called a pass.
func TestOnlyAPassIsCalledAPass(t *testing.T) {
	for _, d := range []gate.Decision{gate.Undecided, gate.Pass, gate.Blocked, 7, -1} {
		for _, reasons := range [][]gate.Reason{nil, {{Code: gate.ExitBlocked, Text: "x"}}, {{Code: gate.ExitContainment, Text: "x"}}} {
			v := gate.Verdict{Decision: d, Reasons: reasons}
			var b bytes.Buffer
			if err := report.Terminal(&b, &v, report.Options{}); err != nil {
				t.Fatal(err)
			}
			want := d == gate.Pass && reasons == nil
			if got := strings.HasPrefix(b.String(), "Pass: "); got != want {
				t.Errorf("decision %d, reasons %v: first line is %q", d, reasons, strings.SplitN(b.String(), "\n", 2)[0])
			}
		}
	}
}

func TestFind(t *testing.T) {
	v := &gate.Verdict{Findings: []gate.Judged{
		{Finding: gate.Finding{Fingerprint: "w1-abcdef00"}},
		{Finding: gate.Finding{Fingerprint: "w1-abcdef11"}},
		{Finding: gate.Finding{Fingerprint: "w1-12345678"}},
	}}
	for _, c := range []struct{ in, want, err string }{
		{"w1-12345678", "w1-12345678", ""},
		{"w1-1234", "w1-12345678", ""},
		{"1234", "w1-12345678", ""},
		{"abcdef1", "w1-abcdef11", ""},
		{"w1-abcdef", "", "more than one"},
		{"w1-9999", "", "no finding"},
		{"w1-123", "", "too short"},
		{"", "", "too short"},
	} {
		f, err := report.Find(v, c.in)
		switch {
		case c.err != "":
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("Find(%q): error %v, want one with %q", c.in, err, c.err)
			}
		case err != nil:
			t.Errorf("Find(%q): %v", c.in, err)
		case f.Fingerprint != c.want:
			t.Errorf("Find(%q) = %s, want %s", c.in, f.Fingerprint, c.want)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A report that could not be written is an error.
func TestWriteError(t *testing.T) {
	v, load := readCase(t, "testdata/blocked")
	for name, render := range views {
		if render(brokenWriter{}, v, load) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if report.JSON(brokenWriter{}, v) == nil {
		t.Error("json: no error")
	}
}

// A tape that is gone is said, and is an error.
func TestExplainWithoutTape(t *testing.T) {
	v, _ := readCase(t, "testdata/blocked")
	var b bytes.Buffer
	err := report.Explain(&b, v, v.Findings[0].Fingerprint, func(gate.Ref) ([]gate.Canonical, error) {
		return nil, os.ErrNotExist
	}, report.Options{Names: true})
	if err == nil || !strings.Contains(b.String(), "load the message before: ") {
		t.Errorf("error %v, text %s", err, b.String())
	}
}

func FuzzTerminal(f *testing.F) {
	f.Add("before", "after", "mail:a@example.org")
	f.Add("\x1b[31m\u202e", "::error::\r\n", "mail:\xff\x00")
	f.Add("a \n\n  b", "a  b\u0301\u0301\u0301\u0301\u0301", "host:##[x]")
	f.Fuzz(func(t *testing.T, before, after, id string) {
		v := &gate.Verdict{Findings: []gate.Judged{{State: gate.Open, Finding: gate.Finding{
			Check: id, Title: before, Gained: []string{id}, Before: before, After: after, Fingerprint: "w1-00000000",
		}}}}
		var b bytes.Buffer
		if err := report.Terminal(&b, v, report.Options{Names: true, Width: 40}); err != nil {
			t.Fatal(err)
		}
		if err := report.Explain(&b, v, "w1-0000", nil, report.Options{Names: true, Width: 40}); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(b.String(), "\n") {
			if utf8.RuneCountInString(line) > 42 || strings.HasPrefix(strings.TrimSpace(line), "::") || strings.Contains(line, "##[") {
				t.Fatalf("line %q", line)
			}
			for _, r := range line {
				if !strconv.IsPrint(r) {
					t.Fatalf("%U in line %q", r, line)
				}
			}
		}
	})
}

// markup is all that Markdown may hold besides text: what this package writes itself.
var markup = regexp.MustCompile("^(<code>|</code>|<details>|<details open>|</details>|<summary>|</summary>)")

// Nothing that came out of a message is markup, a mention or a reference on a page
// that obeys what is written on it.
func TestMarkdownObeysNobody(t *testing.T) {
	v, _ := readCase(t, "testdata/hostile")
	for _, names := range []bool{false, true} {
		var b bytes.Buffer
		if err := report.Markdown(&b, v, report.Options{Names: names}); err != nil {
			t.Fatal(err)
		}
		inFence := false
		for _, line := range strings.Split(b.String(), "\n") {
			if strings.HasPrefix(line, "```") {
				inFence = !inFence
			}
			rest := line
			for inCode := false; rest != ""; {
				if m := markup.FindString(rest); m != "" {
					inCode = m == "<code>" || inCode && m != "</code>"
					rest = rest[len(m):]
					continue
				}
				c := rest[0]
				rest = rest[1:]
				if strings.IndexByte("<>@`[]\\!_~", c) >= 0 && !inFence || inCode && strings.IndexByte("*|:/", c) >= 0 {
					t.Errorf("names %v: %q stands in %s", names, c, line)
					break
				}
			}
		}
	}
}

// A report that does not fit says what it leaves out, and never more than it may.
func TestMarkdownKeepsItsBudget(t *testing.T) {
	v, _ := readCase(t, "testdata/blocked")
	first := v.Findings[0]
	for i := range 3000 {
		f := first
		f.Fingerprint = fmt.Sprintf("w1-%032x", i)
		v.Findings = append(v.Findings, f)
	}
	for _, budget := range []int{2000, 10_000, report.DefaultBudget} {
		var b bytes.Buffer
		if err := report.Markdown(&b, v, report.Options{Budget: budget}); err != nil {
			t.Fatal(err)
		}
		if n := utf8.RuneCount(b.Bytes()); n > budget {
			t.Errorf("budget %d: %d characters", budget, n)
		}
		if !regexp.MustCompile(`Left out here for want of room: [0-9,]+ findings?`).Match(b.Bytes()) {
			t.Errorf("budget %d: it does not say how many findings were left out", budget)
		}
		if opened, closed := strings.Count(b.String(), "<details"), strings.Count(b.String(), "</details>"); opened != closed {
			t.Errorf("budget %d: %d folds open and %d close", budget, opened, closed)
		}
		if !strings.HasPrefix(b.String(), "❌ **Blocked**: ") {
			t.Errorf("budget %d: begins %.40q", budget, b.String())
		}
	}
}
