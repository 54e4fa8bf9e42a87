package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
)

// A build is known by the files that its commands name, by the program and by what stands
// beside a script; a file of another kind, or what the build writes meanwhile, is none of it.
func TestFilesOf(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"app.py", "lib/mail.py", "seed.sql", "bin/portal", "settings.ini", "drain.rb"} {
		write(name, "1")
	}
	b := &config.Build{Dir: dir, Command: []string{"bin/portal", "--settings=settings.ini", "${door.web}"}, Setup: [][]string{{"sh", "-c", "true"}, {"load", "seed.sql"}},
		Reset: [][]string{{"python3", "${config}/app.py"}}, Jobs: map[string]config.Job{"drain": {Command: []string{"ruby", "drain.rb"}}}}
	digest := func() string {
		t.Helper()
		d, err := built(t.Context(), &config.Config{Dir: dir, Staging: b}, gate.Staging, "")
		if err != nil {
			t.Fatal(err)
		}
		return d.Digest
	}
	was := digest()
	if again := digest(); again != was {
		t.Errorf("%s and %s of one build", was, again)
	}
	for _, name := range []string{"app.py", "lib/mail.py", "lib/new.py", "seed.sql", "bin/portal", "settings.ini", "drain.rb"} {
		write(name, "2")
		if now := digest(); now == was {
			t.Errorf("%s has changed and is not seen", name)
		} else {
			was = now
		}
	}
	write("log.txt", "2")
	write(".waybill/x.py", "2")
	if digest() != was {
		t.Error("what is no part of the build counts")
	}
	b.Command = append(b.Command, "-fast")
	if digest() == was {
		t.Error("another command line is not seen")
	}
}

func TestJoins(t *testing.T) {
	steady := config.Scenario{Kind: config.Steady}
	if joins(&config.Config{}, &steady) {
		t.Error("stimuli alone are split")
	}
	for _, s := range []config.Scenario{{Kind: config.Outage}, {Kind: config.Alone, Jobs: []string{"x"}}, {Kind: config.Steady, Jobs: []string{"x"}}, {Kind: config.Steady, Whole: true}} {
		if !joins(&config.Config{}, &s) {
			t.Errorf("%+v is split", s)
		}
	}
	if !joins(&config.Config{Sinks: map[string]config.Sink{"mail": {Ordered: true}}}, &steady) {
		t.Error("what is to be in order is split")
	}
}
