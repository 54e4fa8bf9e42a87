package tape_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/tape"
)

// What Cat prints, Pack makes into a tape of the same digest.
func TestPackUndoesCat(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.tape"), filepath.Join(dir, "to.tape")
	write(t, from, run(), samples())
	var lines bytes.Buffer
	if err := tape.Cat(&lines, from); err != nil {
		t.Fatal(err)
	}
	if err := tape.Pack(&lines, "lines", to, tape.Options{}); err != nil {
		t.Fatal(err)
	}
	want, err := tape.Digest(from)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := tape.Digest(to); err != nil || got != want {
		t.Errorf("digest %s (%v), want %s", got, err, want)
	}
}

const visit = `{"kind":"stimulus","stimulus":{"id":"s1","channel":"http","door":"web","head":"GET / HTTP/1.1\r\nHost: a\r\n"}}`

func TestPackMakesACorpus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.tape")
	if err := tape.Pack(strings.NewReader(visit+"\n\n"+strings.Replace(visit, "s1", "s2", 1)), "lines", path, tape.Options{}); err != nil {
		t.Fatal(err)
	}
	r, err := tape.Verify(path)
	if err != nil || r.Footer == nil || r.Footer.Stimuli != 2 {
		t.Errorf("verify: %+v, %v", r, err)
	}
}

func TestPackRefuses(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "\n", "no records"},
		{"not JSON", "stimulus", "line 1"},
		{"an unknown key", strings.Replace(visit, `"door"`, `"dor"`, 1), "dor"},
		{"two of one id", visit + "\n" + visit, "line 2: the stimulus has no id of its own"},
		{"no id", strings.Replace(visit, "s1", "", 1), "no id"},
		{"two values", strings.Replace(visit, `{"kind":"stimulus",`, `{"kind":"stimulus","gap":{"kind":"x","where":"y","detail":"z"},`, 1), "not one record"},
		{"another kind", strings.Replace(visit, `"kind":"stimulus"`, `"kind":"message"`, 1), "not one record"},
		{"an outcome in a corpus", visit + "\n" + `{"kind":"outcome","outcome":{"stimulus":"s1","status":200}}`, "line 2: a corpus holds no outcomes"},
		{"a footer that lies", visit + "\n" + `{"kind":"footer","footer":{"stimuli":2,"messages":0,"outcomes":0,"gaps":0}}`, "footer says"},
		{"something behind the footer", visit + "\n" + `{"kind":"footer","footer":{"stimuli":1,"messages":0,"outcomes":0,"gaps":0}}` + "\n" + visit, "line 3"},
		{"both forms", strings.Replace(visit, `"head"`, `"head_base64":"YQ==","head"`, 1), "both"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.tape")
			err := tape.Pack(strings.NewReader(test.in), "lines", path, tape.Options{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v, want one of %q", err, test.want)
			}
			if _, err := tape.Verify(path); err == nil {
				t.Error("what was refused reads as a whole tape")
			}
		})
	}
}

func FuzzPack(f *testing.F) {
	f.Add(visit)
	f.Add(visit + "\n" + `{"kind":"gap","gap":{"kind":"x","where":"y","detail":"z"}}`)
	f.Fuzz(func(t *testing.T, in string) {
		path := filepath.Join(t.TempDir(), "c.tape")
		packed := tape.Pack(strings.NewReader(in), "lines", path, tape.Options{})
		if _, err := tape.Verify(path); (err == nil) != (packed == nil) {
			t.Fatalf("pack: %v, verify: %v", packed, err)
		}
	})
}
