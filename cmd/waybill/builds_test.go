package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
)

// A build is known by the files that its commands name, by the program, and by the sources,
// templates and tables beside scripts and in the folder that it runs in; a log, a run or a report
// is none of it, nor what git does not know where it knows the others.
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
	write("kept/corpus.tape", "1") // beside a source that counts all the same
	for _, name := range []string{"app.py", "lib/mail.py", "seed.sql", "bin/portal", "settings.ini", "drain.rb", "routes.json", "letters/welcome.html.erb", "away.py"} {
		write(name, "1")
	}
	b := &config.Build{Dir: dir, Command: []string{"bin/portal", "--settings=settings.ini", "${door.web}"}, Setup: [][]string{{"sh", "-c", "true"}, {"sh", "-c", "exec python3 '${config}/away.py' && true"}, {"load", "seed.sql"}},
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
	for _, name := range []string{"app.py", "lib/mail.py", "lib/new.py", "seed.sql", "bin/portal", "settings.ini", "drain.rb", "routes.json", "letters/welcome.html.erb", "away.py", "kept/send.py"} {
		write(name, "2")
		if now := digest(); now == was {
			t.Errorf("%s has changed and is not seen", name)
		} else {
			was = now
		}
	}
	write("app.log", "2")
	write(".waybill/x.py", "2")
	write("shard-1/steady.tape", "2")
	write("shard-1/shard.json", "2")
	write("verdict.json", "{\n  \"schema\": 1,\n  \"decision\": \"pass\"\n}\n")
	if digest() != was {
		t.Error("what is no part of the build counts")
	}
	for _, argv := range [][]string{{"init", "-q"}, {"add", "routes.json", "app.py"}} {
		cmd := exec.Command("git", argv...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v: %s", argv, err, out)
		}
	}
	was = digest()
	write("state.json", "3")
	if digest() != was {
		t.Error("what git does not know counts")
	}
	write("routes.json", "3")
	if digest() == was {
		t.Error("a table that git knows has changed and is not seen")
	}
	was = digest()
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
