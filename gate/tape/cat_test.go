package tape_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

func TestCat(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	write(t, path, gate.Header{Content: gate.CorpusTape}, samples())
	var out bytes.Buffer
	if err := tape.Cat(&out, path); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/cat.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(out.String(), "\n")); d != "" {
		t.Error(d)
	}
}

func TestCatOfATornTape(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	w := create(t, path, run())
	if err := w.Append(message(1, "seen")); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err := tape.Cat(&out, path)
	var torn *tape.TornError
	if !errors.As(err, &torn) {
		t.Error(err)
	}
	if !strings.Contains(out.String(), `"body":"seen"`) {
		t.Errorf("what stands before the end was not printed: %s", out.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space") }

func TestCatToAFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	write(t, path, run(), samples())
	if err := tape.Cat(full{}, path); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Error(err)
	}
}
