package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// What a build does to finished runs, to the corpus, or to what is kept beside a run to judge
// it sooner, decides nothing.
func TestUnchanged(t *testing.T) {
	run, corpus := filepath.Join(t.TempDir(), "run.tape"), filepath.Join(t.TempDir(), "c.tape")
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(run, "run")
	write(corpus, "corpus")
	s := &session{conf: &config.Config{Corpus: config.Corpus{Path: corpus}}, written: map[string]string{}}
	for _, path := range []string{run, corpus} {
		sum, err := tape.FileSum(path)
		if err != nil {
			t.Fatal(err)
		}
		s.written[path] = sum
	}
	write(run+pipeline.DigestsSuffix, "forged")
	if err := s.unchanged(run); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(run + pipeline.DigestsSuffix); err == nil {
		t.Error("what was kept beside a run is still there")
	}
	for _, path := range []string{run, corpus} {
		old, _ := os.ReadFile(path)
		write(path, string(old)+" and more")
		if err := s.unchanged(run); err == nil || !strings.Contains(err.Error(), "changed after it was written") {
			t.Errorf("%s was changed: %v", path, err)
		}
		write(path, string(old))
	}
	if err := os.Remove(run); err != nil {
		t.Fatal(err)
	}
	if err := s.unchanged(run); err == nil {
		t.Error("a run that was removed is not missed")
	}
	if err := s.unchanged("another.tape"); err == nil {
		t.Error("a run that was never written is taken")
	}
}
