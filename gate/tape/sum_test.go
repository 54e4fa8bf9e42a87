package tape_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A writer knows what it wrote, whatever has become of the file.
func TestSum(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.tape")
	w, err := tape.Create(path, gate.Header{Content: gate.RunTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		if err := w.Append(&gate.Record{Kind: gate.KindMessage, Message: &gate.Message{Seq: uint64(i + 1), Body: make([]byte, i*i)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	sum, err := tape.FileSum(path)
	if err != nil || sum != w.Sum() {
		t.Fatalf("the file is %s, and %s was written (%v)", sum, w.Sum(), err)
	}
	b, err := os.ReadFile(path)
	if err == nil {
		b[len(b)/2] ^= 1
		err = os.WriteFile(path, b, 0o600)
	}
	if now, more := tape.FileSum(path); err != nil || more != nil || now == w.Sum() {
		t.Errorf("one bit was changed and nothing is seen (%v, %v)", err, more)
	}
}
