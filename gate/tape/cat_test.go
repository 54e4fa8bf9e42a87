package tape_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

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

// Cat is read on terminals, and records are written by strangers.
func TestCatWritesNoControls(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.tape")
	hostile := "esc \x1b[2J del \x7f csi \u009b2J turned \u202e hidden \U000e0041 text é 世界 😀"
	rec := message(1, hostile)
	rec.Message.Events = []string{hostile}
	write(t, path, run(), []*gate.Record{rec})
	var out bytes.Buffer
	if err := tape.Cat(&out, path); err != nil {
		t.Fatal(err)
	}
	for _, r := range out.String() {
		if r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U is written as it is", r)
		}
	}
	var got struct {
		Message struct {
			Body   string
			Events []string
		}
	}
	if err := json.Unmarshal(bytes.Split(out.Bytes(), []byte("\n"))[1], &got); err != nil {
		t.Fatal(err)
	}
	if got.Message.Body != hostile || len(got.Message.Events) != 1 || got.Message.Events[0] != hostile {
		t.Errorf("%q", got)
	}
}
