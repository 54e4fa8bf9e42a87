package jsonl_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/jsonl"
	"github.com/waybill-dev/waybill/gate/tape"
)

var update = flag.Bool("update", false, "write what the golden cases give")

const corpus = "testdata/corpus.jsonl"

func TestSuite(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format: jsonl.Format,
		Samples: []importertest.Sample{{
			Path: corpus, Stimuli: 2, Messages: 2, Gaps: 1, Size: importertest.SizeOf(t, corpus),
			Skips: map[string]int{"header": 1, "footer": 1, "empty-line": 1, "outcome-apart": 1},
		}},
		Many: func(t *testing.T, dir string, n int, body []byte) string {
			path := filepath.Join(dir, "many.jsonl")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			text, err := json.Marshal(string(body))
			if err != nil {
				t.Fatal(err)
			}
			w := bufio.NewWriter(f)
			for i := range n {
				fmt.Fprintf(w, `{"kind":"stimulus","stimulus":{"id":"s%d","channel":"http","door":"web","head":"POST / HTTP/1.1\r\n","body":%s}}`+"\n", i, text)
			}
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			return path
		},
	})
}

// What the file comes to stands beside it.
func TestGolden(t *testing.T) {
	importertest.Golden(t, jsonl.Format, "testdata/*.jsonl", importer.Options{}, *update)
}

// What tape cat prints of a tape is read as the records of the tape, whatever their bytes.
func TestReadsWhatCatPrints(t *testing.T) {
	records := []*gate.Record{
		{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{ID: "a", Channel: "http", Door: "web", Key: "k", At: 5, Status: 201, Cut: 3, Head: []byte("GET / HTTP/1.1\r\n"), Body: []byte("\xff\x00\u202e"),
			Bindings: []gate.Binding{{From: "z", Place: "cookie/s", Value: "v"}}}},
		{Kind: gate.KindMessage, Message: &gate.Message{Seq: 1, Channel: "smtp", Sink: "mail", Host: "h", TLS: "TLS 1.3", Peer: "p", Phase: "steady", At: 7, Replies: []int{250}, Events: []string{"bare-lf 1"}, Cut: 1, Head: []byte("\xfe"), Body: []byte("\u009b31m")}},
		{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapCutBody, Where: "message 1", Detail: "1 byte", Seq: 1, Count: 4}},
		{Kind: gate.KindStimulus, Stimulus: &gate.Stimulus{ID: "b", Channel: "exec", Door: "job", Head: []byte("drain")}},
	}
	path := filepath.Join(t.TempDir(), "x.tape")
	w, err := tape.Create(path, gate.Header{Content: gate.CorpusTape}, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(records...); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := tape.Cat(&text, path); err != nil {
		t.Fatal(err)
	}
	var got []*gate.Record
	for _, item := range importertest.Read(t, jsonl.Format, importertest.Write(t, "x.jsonl", text.Bytes()), importer.Options{}) {
		if item.Skip == nil {
			got = append(got, &item.Record)
		}
	}
	if d := cmp.Diff(records, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestRefused(t *testing.T) {
	const good = `{"kind":"stimulus","stimulus":{"id":"s1","channel":"http","door":"web","head":"GET / HTTP/1.1\r\n"}}` + "\n"
	for content, want := range map[string]string{
		good + `{"kind":"stimulus","stimulus":{"id":"s2","channel":"http","dor":"web"}}`:                                                             "line 2: .*dor",
		good + `{"kind":"stimulus","stimulus":{"id":"","channel":"http","door":"web"}}`:                                                              "line 2: .*no id",
		good + `{"kind":"message","message":{"channel":"http"}}`:                                                                                     "line 2: .*no sink",
		good + `{"kind":"gap","gap":{"kind":"x"}}`:                                                                                                   "line 2: .*no place",
		good + `{"kind":"stimulus"}`:                                                                                                                 "line 2: .*not one record",
		good + `{"kind":"message","stimulus":{}}`:                                                                                                    "line 2: .*not one record",
		good + `{"kind":"header","header":{"content":"corpus","schema":1}}`:                                                                          "line 2: .*behind other lines",
		good + `{"kind":"footer","footer":{"stimuli":2,"messages":0,"outcomes":0,"gaps":0}}`:                                                         "line 2: .*there are 1",
		`{"kind":"footer","footer":{"stimuli":0,"messages":0,"outcomes":0,"gaps":0}}` + "\n" + good:                                                  "line 2: .*behind the footer",
		good + `{"kind":"stimulus","kind":"gap"}`:                                                                                                    "line 2: .*duplicate",
		good + `{"kind":"stimulus","stimulus":{"id":"s2","channel":"http","door":"web","body":"x","body_base64":"eA=="}}`:                            "line 2: .*both",
		`{"kind":"message","message":{"seq":2,"channel":"x","sink":"y"}}` + "\n" + `{"kind":"message","message":{"seq":2,"channel":"x","sink":"y"}}`: "line 2: .*behind message 2",
		"{": "line 1: ",
	} {
		path := importertest.Write(t, "x.jsonl", []byte(content))
		var got error
		for _, err := range jsonl.Format.Read(path, importer.Options{}) {
			got = err
		}
		line, detail, _ := strings.Cut(want, ".*")
		if got == nil || !strings.Contains(got.Error(), path+", "+line) || !strings.Contains(got.Error(), detail) {
			t.Errorf("%s: error %v, want %q", content, got, want)
		}
	}
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzJSONL(f *testing.F) {
	data, err := os.ReadFile(corpus)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for line := range bytes.Lines(data) {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := importertest.Write(t, "x.jsonl", data)
		var n int64
		for item, err := range jsonl.Format.Read(path, importer.Options{MaxBody: 100}) {
			if err != nil {
				return
			}
			n += item.Bytes
			if item.Skip == nil && !item.Record.Valid() {
				t.Errorf("%+v", item)
			}
		}
		if n != int64(len(data)) {
			t.Errorf("%d bytes are accounted for, of %d", n, len(data))
		}
	})
}
