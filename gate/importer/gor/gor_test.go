package gor_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/gor"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
)

var update = flag.Bool("update", false, "write what the golden cases give")

const (
	requests = "testdata/requests.gor"
	end      = "\n\U0001f435\U0001f648\U0001f649\n"
)

func TestSuite(t *testing.T) {
	elsewhere, err := importer.ParseSites([]string{"other.example.org"})
	if err != nil {
		t.Fatal(err)
	}
	skips := map[string]int{"replayed-answer": 1, "unmatched-answer": 1}
	importertest.Run(t, importertest.Suite{
		Format: gor.Format,
		Samples: []importertest.Sample{
			{Path: requests, Stimuli: 5, Gaps: 5, Skips: skips, Size: importertest.SizeOf(t, requests)},
			{Path: requests, Options: importer.Options{Sites: elsewhere}, Messages: 5, Gaps: 5, Skips: map[string]int{"replayed-answer": 1, "unmatched-answer": 5}, Size: importertest.SizeOf(t, requests)},
		},
		Many: many,
	})
}

func many(t *testing.T, dir string, n int, body []byte) string {
	path := filepath.Join(dir, "many.gor")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	for i := range n {
		fmt.Fprintf(w, "1 %040x %d 0\nPOST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s%s", i, i, len(body), body, end)
		if i%2 == 0 { // the others wait until there is no more room
			fmt.Fprintf(w, "2 %040x %d 0\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", i, i, len(body), body, end)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return path
}

// A message goes to the host that its request names, by RFC 9112; one that names none has a gap.
func TestHosts(t *testing.T) {
	for head, want := range map[string]string{
		"GET /a?to=http://two.example/ HTTP/1.1\r\nHost: One.example:80\r\n": "one.example",
		"GET http://three.example/ HTTP/1.1\r\nHost: one.example\r\n":        "three.example",
		"GET /http://two.example/ HTTP/1.0\r\n":                              "",
	} {
		path := importertest.Write(t, "x.gor", []byte("1 932079936fa4306fc308d67588178d17d823647c 1439818823587396305 0\n"+head+"\r\n\n\U0001f435\U0001f648\U0001f649\n"))
		items := importertest.Read(t, gor.Format, path, importer.Options{Sent: true})
		messages, gaps := importertest.Messages(items), importertest.Gaps(items)
		if len(messages) != 1 || messages[0].Host != want || (len(gaps) == 1 && gaps[0].Kind == gate.GapRecipientUnknown) != (want == "") {
			t.Errorf("%q: %d messages, %d gaps, %+v", head, len(messages), len(gaps), items)
		}
	}
}

// Where two captures are compared, all requests are what was sent.
func TestSent(t *testing.T) {
	importertest.Sent(t, gor.Format, "testdata/requests.gor", importer.Options{})
}

// What the file comes to stands beside it.
func TestGolden(t *testing.T) {
	importertest.Golden(t, gor.Format, "testdata/*.gor", importer.Options{}, *update)
}

// Answers that come in another order, late or never leave the order of requests alone.
func TestOrder(t *testing.T) {
	const n = 9000 // more than wait for answers at once
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "1 %040x %d 0\nGET /%d HTTP/1.1\r\nHost: a.example\r\n\r\n%s", i, i, i, end)
	}
	for i := n - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "2 %040x %d 0\nHTTP/1.1 204 No Content\r\n\r\n%s", i, i, end)
	}
	path := importertest.Write(t, "x.gor", b.Bytes())
	items := importertest.Read(t, gor.Format, path, importer.Options{})
	stimuli := importertest.Stimuli(items)
	answered := 0
	for i, s := range stimuli {
		if want := fmt.Sprintf("GET /%d ", i); !strings.HasPrefix(string(s.Head), want) {
			t.Fatalf("stimulus %d is %q", i, s.Head)
		}
		if s.Status == 204 {
			answered++
		}
	}
	late := importertest.Skips(items)["unmatched-answer"]
	if len(stimuli) != n || answered == 0 || late == 0 || answered+late != n {
		t.Errorf("%d stimuli, %d answered, %d answers too late", len(stimuli), answered, late)
	}
	if got := importertest.Size(items); got != int64(b.Len()) {
		t.Errorf("%d bytes are accounted for, of %d", got, b.Len())
	}
}

func TestRefused(t *testing.T) {
	for _, content := range []string{"GET / HTTP/1.1\r\n\r\n", "1 short 17 0\n", "4 " + strings.Repeat("a", 40) + " 17 0\n", "\n", strings.Repeat("x", 70_000)} {
		path := importertest.Write(t, "x.gor", []byte(content))
		var got error
		for _, err := range gor.Format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), path) {
			t.Errorf("%.20q: error %v", content, got)
		}
	}
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzGor(f *testing.F) {
	data, err := os.ReadFile(requests)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	for part := range bytes.SplitSeq(data, []byte(end)) {
		f.Add(part)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := importertest.Write(t, "x.gor", data)
		var n int64
		for item, err := range gor.Format.Read(path, importer.Options{MaxBody: 100}) {
			if err != nil {
				return
			}
			n += item.Bytes
			if s := item.Record.Stimulus; s != nil && (bytes.Count(s.Head, []byte("\r")) != bytes.Count(s.Head, []byte("\n")) || len(s.Body) > 100) {
				t.Errorf("head %q, body %q", s.Head, s.Body)
			}
		}
		if n != int64(len(data)) {
			t.Errorf("%d bytes are accounted for, of %d", n, len(data))
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var content bytes.Buffer
	body := strings.Repeat("a line of a body, of usual length.\n", 100)
	for i := range 1000 {
		fmt.Fprintf(&content, "1 %040x %d 0\nPOST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: %d\r\n\r\n%s%s", i, i, len(body), body, end)
		fmt.Fprintf(&content, "2 %040x %d 0\nHTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s%s", i, i, len(body), body, end)
	}
	path := importertest.Write(b, "x.gor", content.Bytes())
	b.SetBytes(int64(content.Len()))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(importertest.Read(b, gor.Format, path, importer.Options{})); n != 1000 {
			b.Fatal(n)
		}
	}
}
