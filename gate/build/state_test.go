//go:build linux

package build_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/config"
)

// tree is what a folder holds: each path with its kind, rights, time of change and content.
func tree(t *testing.T, folder string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if rel == "flushed" || rel == "." { // the program of these tests leaves it there when it stops
			return nil
		}
		what := fmt.Sprintf("%s %s", rel, info.Mode())
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %s %q", info.ModTime().UTC().Format(time.RFC3339Nano), content)
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			what += " to " + target
		default:
			what += " " + info.ModTime().UTC().Format(time.RFC3339Nano)
		}
		all = append(all, what)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Whatever a build makes of a folder, the next replay finds it as set-up left it; and nothing
// outside of it is touched.
func TestStateFolderIsBroughtBack(t *testing.T) {
	make := `cd "$1" && mkdir -p data/empty data/in/deep && echo one > data/in/deep/a && echo two > data/b && chmod 640 data/b &&
touch -d '2020-02-03 04:05:06.789' data/b && ln -s b data/link && ln -s "$2" data/away && mkdir data/shut && echo kept > data/shut/c && chmod 500 data/shut`
	for name, spoil := range map[string]string{
		"nothing":                 `:`,
		"contents":                `echo other > data/b; echo more >> data/in/deep/a`,
		"files more and fewer":    `rm -r data/in data/link; echo new > data/new; mkdir data/newer; echo x > data/newer/y`,
		"rights":                  `chmod 000 data/b; chmod 700 data/shut; rm data/shut/c; chmod 111 data/empty`,
		"a link for the folder":   `chmod 700 data/shut; rm -r data; ln -s "$2" data`,
		"a file for the folder":   `chmod 700 data/shut; rm -r data; echo x > data`,
		"a link inside":           `rm -r data/in; ln -s "$2" data/in`,
		"all of it":               `chmod 700 data/shut; rm -r data`,
		"what cannot be read now": `mkdir -p data/locked/in; echo x > data/locked/in/x; chmod 000 data/locked`,
	} {
		for _, folder := range []config.OneOrMore{{"${state}/data"}, {"${state}"}} {
			t.Run(fmt.Sprintf("%s, %d", name, len(folder[0])), func(t *testing.T) {
				outside := t.TempDir()
				if err := os.WriteFile(filepath.Join(outside, "theirs"), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
				s := site(t, func(c *config.Build, spec *build.Spec) {
					c.Setup = [][]string{{"sh", "-c", make, "sh", "${state}", outside}}
					spec.State = &config.State{Folder: folder}
				})
				start(t, s).Stop(t.Context())
				want, theirs := tree(t, s.State()), tree(t, outside)
				if len(want) < 10 {
					t.Fatalf("set-up made %q", want)
				}
				for range 2 {
					if out, err := exec.Command("sh", "-c", `cd "$1" && `+spoil, "sh", s.State(), outside).CombinedOutput(); err != nil {
						t.Fatalf("%v\n%s", err, out)
					}
					start(t, s).Stop(t.Context())
					if d := cmp.Diff(want, tree(t, s.State())); d != "" {
						t.Errorf("(-set up +brought back):\n%s", d)
					}
				}
				if d := cmp.Diff(theirs, tree(t, outside)); d != "" {
					t.Errorf("outside of the folder (-before +after):\n%s", d)
				}
			})
		}
	}
}

// python runs a program of Python with these arguments, whose standard library has SQLite.
func python(t *testing.T, program string, args ...string) string {
	t.Helper()
	var errs bytes.Buffer
	cmd := exec.Command("python3", append([]string{"-c", program}, args...)...)
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	return string(out)
}

// A database is brought back whole, in each mode of its log, and also where who wrote to it last was
// killed half way: what was committed is there, and nothing of what came later.
func TestStateSQLiteIsBroughtBack(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	// The process ends without closing: a log that is to be kept stays as it is.
	const write = `import os, sqlite3, sys
path, mode, rows, half = sys.argv[1:]
c = sqlite3.connect(path, isolation_level=None)
c.execute("pragma journal_mode=" + mode)
c.execute("pragma wal_autocheckpoint=0")
c.execute("create table if not exists visits (who text, at integer)")
c.executemany("insert into visits values (?, ?)", [("member%d" % i, i) for i in range(int(rows))])
if half == "half":
    c.execute("pragma cache_size=2")
    c.execute("begin immediate")
    c.executemany("insert into visits values (?, ?)", [("lost" * 200, i) for i in range(500)])
os._exit(0)`
	const check = `import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
print("visits", c.execute("select count(*), sum(at) from visits").fetchone())
print("integrity", c.execute("pragma integrity_check").fetchone())`
	for _, test := range []struct{ mode, half, later string }{
		{"delete", "whole", "wal"}, {"delete", "half", "delete"}, {"wal", "half", "delete"}, {"wal", "whole", "wal"},
	} {
		t.Run(test.mode+", "+test.half+", then "+test.later, func(t *testing.T) {
			s := site(t, func(c *config.Build, spec *build.Spec) {
				c.Setup = [][]string{{"mkdir", "${state}/uploads"}, {"python3", "-c", write, "${state}/app.db", test.mode, "40", test.half}}
				spec.State = shownState(t, "sqlite = ")
				spec.State.Check = []string{"python3", "-c", check, "${state}/app.db"} // where the shell of SQLite is not
			})
			for i := range 2 {
				b := start(t, s)
				before, _ := b.Checked()
				b.Stop(t.Context())
				if want := "visits (40, 780)\nintegrity ('ok',)\n"; before != want {
					t.Fatalf("replay %d began with\n%s, want\n%s", i+1, before, want)
				}
				if lines := b.State().Before; len(lines) != 2 || lines[0].Name != "visits" {
					t.Errorf("lines %+v", lines)
				}
				if i == 0 {
					python(t, write, filepath.Join(s.State(), "app.db"), test.later, "7", test.half)
				}
			}
		})
	}
}

// Each step of making a state fit is taken when it is to be, and says how long it took.
func TestStateSteps(t *testing.T) {
	var calls string
	step := func(name string) [][]string { return [][]string{me(t, "note", "${config}/calls", name, "${state}")} }
	s := site(t, func(c *config.Build, spec *build.Spec) {
		calls = filepath.Join(spec.Config, "calls")
		c.Setup, c.Reset, c.Migrate = step("setup"), step("reset"), step("migrate")
		check := append(me(t, "note", "${config}/calls", "check", "${state}"), "")
		spec.State = &config.State{
			Snapshot: step("snapshot"), Restore: step("restore"),
			Check: []string{"sh", "-c", `"$@" && echo users 3`, "sh", check[0], check[1], check[2], check[3], check[4], "${state}"}, CheckAfter: true,
		}
	})
	once := func(sink string) *gate.StateFacts {
		t.Helper()
		b, err := s.Start(t.Context(), build.Start{Sinks: map[string]string{"mail": sink}})
		if err != nil {
			t.Fatal(err)
		}
		if gaps := b.Stop(t.Context()); len(gaps) > 0 {
			t.Errorf("gaps: %+v", gaps)
		}
		return b.State()
	}
	first, second, other := once("127.0.0.1:1"), once("127.0.0.1:1"), once("127.0.0.1:2")
	made := "setup:empty snapshot:kept restore:kept check:kept migrate:kept check:kept "
	if got, err := os.ReadFile(calls); err != nil || string(got) != made+"restore:kept reset:kept check:kept migrate:kept check:kept "+made {
		t.Errorf("steps were %q (%v)", got, err)
	}
	for name, f := range map[string]*gate.StateFacts{"first": first, "second": second, "other": other} {
		fresh := name != "second"
		if (f.Setup > 0) != fresh || (f.Snapshot > 0) != fresh || f.Restore <= 0 || f.Migrate <= 0 || f.Check <= 0 {
			t.Errorf("%s: %+v", name, f)
		}
		if len(f.Before) != 1 || f.Before[0].Name != "users" || !slices.Equal(f.Before, f.After) {
			t.Errorf("%s: checks %+v and %+v", name, f.Before, f.After)
		}
	}
}

// A step that fails is an error that says which it was; a migration is told from the others.
func TestStateFails(t *testing.T) {
	fail := [][]string{me(t, "fail", "4", "${state}")}
	for name, test := range map[string]struct {
		change    func(c *config.Build, s *config.State)
		want      string
		migration bool
	}{
		"snapshot":           {func(_ *config.Build, s *config.State) { s.Snapshot = fail }, "snapshot command 1", false},
		"restore":            {func(_ *config.Build, s *config.State) { s.Restore = fail }, "restore command 1", false},
		"check":              {func(_ *config.Build, s *config.State) { s.Check = fail[0] }, "check of its state", false},
		"check of nothing":   {func(_ *config.Build, s *config.State) { s.Check = []string{"true", "${state}"} }, "printed nothing", false},
		"check that is long": {func(_ *config.Build, s *config.State) { s.Check = me(t, "shout", "${state}") }, "printed more than", false},
		"migrate":            {func(c *config.Build, _ *config.State) { c.Migrate = fail }, "migrate command 1", true},
		"no folder":          {func(_ *config.Build, s *config.State) { s.Folder = config.OneOrMore{"${state}/none"} }, "snapshot: ", false},
		"no database":        {func(_ *config.Build, s *config.State) { s.SQLite = config.OneOrMore{"${state}/none.db"} }, "snapshot: ", false},
		"a link to elsewhere": {func(c *config.Build, s *config.State) {
			c.Setup = [][]string{{"ln", "-s", "/etc", "${state}/up"}}
			s.Folder = config.OneOrMore{"${state}/up/ssl"}
		}, "snapshot: ", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := site(t, func(c *config.Build, spec *build.Spec) {
				spec.State = &config.State{Check: []string{"echo", "all 1", "${state}"}}
				test.change(c, spec.State)
			})
			b, err := s.Start(t.Context(), build.Start{})
			if err == nil {
				b.Stop(t.Context())
				t.Fatal("it started")
			}
			var migration *build.MigrationError
			if errors.As(err, &migration) != test.migration || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q, want one with %q", err, test.want)
			}
		})
	}
	t.Run("check after", func(t *testing.T) {
		s := site(t, func(c *config.Build, spec *build.Spec) {
			spec.State = &config.State{Check: []string{"sh", "-c", `test ! -e "$0/was" && touch "$0/was" && echo all 1`, "${state}"}, CheckAfter: true}
		})
		gaps := start(t, s).Stop(t.Context())
		if len(gaps) != 1 || gaps[0].Kind != gate.GapState || !strings.Contains(gaps[0].Detail, "after the replay") {
			t.Errorf("gaps: %+v", gaps)
		}
	})
}
