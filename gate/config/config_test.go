package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
)

func TestWhole(t *testing.T) {
	c, err := config.Load("testdata/whole.toml")
	if err != nil {
		t.Fatal(err)
	}
	dir, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	p := c.Production
	type facts struct {
		Corpus, Approvals, JSON, Dir string
		MaxBody                      config.Size
		Pace                         config.Pace
		Concurrency, Replays         int
		Answer, Ready, Settle, Quiet time.Duration
		Signal, StagingSignal        string
		DrainProduction              config.Job
		DrainStaging                 []string
		Digest                       []string
		ResetKept, StagingReset      bool
		Scenario                     config.Scenario
		StagingName                  string
	}
	got := facts{
		c.Corpus.Path, c.Approvals.Path, c.Report.JSON, p.Dir,
		c.Sinks["mail"].MaxBody, c.Replay.Pace, c.Replay.Concurrency, c.Replay.Replays.Count,
		c.Replay.AnswerTimeout.Duration, p.Ready.Timeout.Duration, p.Quiet.Settle.Duration, p.Quiet.Timeout.Duration,
		p.Stop.Signal, c.Staging.Stop.Signal, p.Jobs["drain"], c.Staging.Jobs["drain"].Command, p.Jobs["digest"].Command,
		p.Reset != nil, c.Staging.Reset != nil, c.Scenarios[0], c.Staging.Name,
	}
	want := facts{
		filepath.Join(dir, "corpus.tape"), filepath.Join(dir, "approvals.toml"), filepath.Join(dir, ".waybill/whole.toml/verdict.json"), filepath.Join(dir, "builds/july"),
		64 << 10, 10, 8, 2,
		30 * time.Second, 5 * time.Second, 50 * time.Millisecond, 60 * time.Second,
		"INT", "TERM",
		config.Job{Command: []string{"drain-july", "${sink.mail}"}, Dir: "${state}", Timeout: config.Duration{Duration: time.Minute}},
		[]string{"drain"}, []string{"digest"},
		true, false,
		config.Scenario{Name: "outage", Kind: config.Outage, Sinks: []string{"mail"}, Mood: config.Refuse, To: 1, Jobs: []string{"drain"}},
		"staging",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if c.Build(gate.Production) != c.Production || c.Build(gate.Staging) != c.Staging || c.Build("") != nil {
		t.Error("Build does not give the build of the role")
	}
	policy := config.Policy{Blind: config.BlindUndecided, Opaque: []config.AcceptOpaque{{Class: "letters", Reason: "encrypted for the member"}}}
	if d := cmp.Diff(policy, c.Policy); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(config.Replies{Compare: config.Off, Reason: "no page shows anybody", MaxAnswer: 4096}, c.Replies); d != "" {
		t.Error(d)
	}
	if got := c.Policy.Accepted()["letters"]; got != "encrypted for the member" {
		t.Errorf("the reason is %q", got)
	}
	if got := c.Masks[0].Pattern.String(); got != "Ref: [0-9]+" {
		t.Errorf("pattern is %q", got)
	}
}

// Each file of testdata/bad begins with lines "# want: TEXT", each of which the
// error must contain.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/bad (%v)", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".toml"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Load(file)
			if err == nil {
				t.Fatal("loaded without an error")
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, file+":") {
					t.Errorf("line does not begin with the file's name: %s", line)
				}
			}
			wants := 0
			for line := range strings.Lines(string(text)) {
				want, ok := strings.CutPrefix(line, "# want: ")
				if !ok {
					break
				}
				wants++
				if want = strings.TrimSuffix(want, "\n"); !strings.Contains(err.Error(), want) {
					t.Errorf("error is\n%v\nand does not contain\n%s", err, want)
				}
			}
			if wants == 0 {
				t.Error("the case does not say what it wants")
			}
		})
	}
}

func TestMissing(t *testing.T) {
	_, err := config.Load(t.TempDir())
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "waybill init") {
		t.Errorf("error of a missing file: %v", err)
	}
}

func TestSettings(t *testing.T) {
	c, err := config.Load("testdata/whole.toml")
	if err != nil {
		t.Fatal(err)
	}
	type common struct {
		Banner string `toml:"banner"`
	}
	type smtp struct {
		common
		Refuse []struct {
			Recipient string `toml:"recipient"`
			Code      int    `toml:"code"`
		} `toml:"refuse"`
	}
	var s smtp
	for range 2 { // a second reading finds the same
		s = smtp{}
		if err := c.Sinks["mail"].Settings(&s); err != nil {
			t.Fatal(err)
		}
	}
	if s.Banner != "hello" || len(s.Refuse) != 1 || s.Refuse[0].Code != 550 || s.Refuse[0].Recipient != "a@example.org" {
		t.Errorf("settings are %+v", s)
	}
	for _, test := range []struct {
		name string
		dst  any
		want string
	}{
		{"unknown", &struct {
			Baner  string           `toml:"baner"`
			Refuse []map[string]any `toml:"refuse"`
		}{}, `testdata/whole.toml: unknown key "sinks.mail.banner": the nearest known is "baner"`},
		{"unknown below", &struct {
			Banner string `toml:"banner"`
			Refuse []struct {
				Recipient string `toml:"recipient"`
				Cod       int    `toml:"cod"`
			} `toml:"refuse"`
		}{}, `testdata/whole.toml: unknown key "sinks.mail.refuse.code": the nearest known is "cod"`},
		{"type", &struct {
			Banner int              `toml:"banner"`
			Refuse []map[string]any `toml:"refuse"`
		}{}, `testdata/whole.toml:16: key "sinks.mail.banner": incompatible types`},
		{"none known", &struct{}{}, `unknown key "sinks.mail.banner": known are "address", "apis_from", "channel", "max_body", "ordered"`},
		{"no struct", new(int), `not a pointer to a struct`},
		{"nil", nil, `not a pointer to a struct`},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := c.Sinks["mail"].Settings(test.dst)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %s", err, test.want)
			}
		})
	}
	var door struct {
		TLS    bool              `toml:"tls"`
		Header map[string]string `toml:"header"`
	}
	if err := c.Doors["web"].Settings(&door); err != nil || !door.TLS || door.Header["X-Tenant"] != "one" {
		t.Errorf("settings of the door are %+v, %v", door, err)
	}
}

func TestExpand(t *testing.T) {
	vars, err := config.Scope{
		Config: "/c", State: "/s", CA: "/ca.pem", Role: gate.Staging, Scenario: "steady",
		Doors: map[string]string{"web": "127.0.0.1:80"},
		Sinks: map[string]string{"mail": "[::1]:25"},
		Env:   []string{"HOME=/home/x", "ODD=${state}"},
	}.Vars()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ in, want, err string }{
		{in: "plain $x {y} $", want: "plain $x {y} $"},
		{in: "${state}/a ${config}${ca}", want: "/s/a /c/ca.pem"},
		{in: "${door.web} ${door.web.host} ${door.web.port}", want: "127.0.0.1:80 127.0.0.1 80"},
		{in: "${sink.mail} ${sink.mail.host} ${sink.mail.port}", want: "[::1]:25 ::1 25"},
		{in: "${role} ${scenario} ${env.HOME}", want: "staging steady /home/x"},
		{in: "$${state} $$${state}", want: "${state} $${state}"},
		{in: "${env.ODD}", want: "${state}"},
		{in: "${stat}", err: `no such name: the nearest known is "state"`},
		{in: "${env.NOT_SET}", err: "environment variable NOT_SET is not set"},
		{in: "a ${state", err: "without }"},
		{in: "${}", err: "no such name"},
	} {
		got, err := config.Expand(test.in, vars)
		switch {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("Expand(%q): error %v, want %q", test.in, err, test.err)
			}
		case err != nil || got != test.want:
			t.Errorf("Expand(%q) = %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}

func TestReplays(t *testing.T) {
	for text, want := range map[string]config.Replays{"3": {Count: 3}, `"auto"`: {Count: config.DefaultReplays, Auto: true}} {
		whole, err := os.ReadFile("testdata/whole.toml")
		if err != nil {
			t.Fatal(err)
		}
		c, err := config.Parse("x.toml", "/x", []byte(strings.Replace(string(whole), "[replay]\n", "[replay]\nreplays = "+text+"\n", 1)))
		if err != nil {
			t.Fatal(err)
		}
		if c.Replay.Replays != want || c.Replay.MaxReplays != config.DefaultMaxReplays {
			t.Errorf("%s: %+v, at most %d", text, c.Replay.Replays, c.Replay.MaxReplays)
		}
	}
}

func TestPaceString(t *testing.T) {
	for _, s := range []string{"fast", "recorded", "10x", "0.5x"} {
		var p config.Pace
		if err := p.UnmarshalText([]byte(s)); err != nil || p.String() != s {
			t.Errorf("pace %q reads as %v, %v", s, p, err)
		}
	}
}

func TestTemplates(t *testing.T) {
	all := config.Templates()
	if len(all) == 0 {
		t.Fatal("no templates")
	}
	for _, tmpl := range all {
		t.Run(tmpl.Kind, func(t *testing.T) {
			if tmpl.Doc == "" || strings.Contains(tmpl.Doc, "#") {
				t.Errorf("doc is %q", tmpl.Doc)
			}
			text, err := config.Init(tmpl.Kind)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), config.File)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			load := config.Load
			if tmpl.Kind == "recording" { // of a machine that has no builds
				load = config.LoadRecording
			}
			c, err := load(filepath.Dir(file))
			if err != nil {
				t.Fatal(err)
			}
			// What is commented out must be right too.
			loose := regexp.MustCompile(`(?m)^# (\[|[a-z_A-Z]+ = )`).ReplaceAllString(text, "$1")
			if tmpl.Kind != "recording" && strings.Contains(loose, "\n[publish]") {
				if _, err := config.Parse(file, filepath.Dir(file), []byte(loose)); err != nil && !strings.Contains(err.Error(), "corpus.digest") {
					t.Errorf("with its comments taken away: %v", err)
				}
			}
			for name, s := range c.Sinks {
				if err := s.Settings(&struct{}{}); err != nil {
					t.Errorf("sink %s: %v", name, err)
				}
			}
		})
	}
	if _, err := config.Init("runing"); err == nil || !strings.Contains(err.Error(), `"running"`) {
		t.Errorf("error of an unknown template: %v", err)
	}
}

func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/bad/*.toml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, "testdata/whole.toml") {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, tmpl := range config.Templates() {
		f.Add([]byte(tmpl.Text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("fuzz.toml", "/x", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "fuzz.toml") {
				t.Errorf("error does not name the file: %v", err)
			}
			return
		}
		// What loads can be used without looking at it again.
		if c.Staging == nil || len(c.Scenarios) == 0 || len(c.Sinks) == 0 || !filepath.IsAbs(c.Corpus.Path) {
			t.Errorf("loaded, and is not whole: %+v", c)
		}
		for _, s := range c.Sinks {
			var dst struct {
				Banner string `toml:"banner"`
			}
			_ = s.Settings(&dst)
		}
	})
}
