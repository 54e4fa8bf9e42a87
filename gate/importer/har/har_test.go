package har_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/har"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
)

var update = flag.Bool("update", false, "write what the golden cases give")

func sample(t *testing.T, name string, stimuli, messages, gaps int, skips map[string]int) importertest.Sample {
	path := filepath.Join("testdata", name)
	return importertest.Sample{Path: path, Stimuli: stimuli, Messages: messages, Gaps: gaps, Skips: skips, Size: importertest.SizeOf(t, path)}
}

func TestSuite(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format: har.Format,
		Samples: []importertest.Sample{
			sample(t, "chromium.har", 4, 2, 3, map[string]int{"frame": 2, "from-cache": 1, "from-service-worker": 1, "not-http": 3, "not-sent": 1}),
			sample(t, "saved.har", 3, 1, 0, map[string]int{"frame": 2}), // by Chromium 156, of the page in cmd/waybill's tests
			sample(t, "firefox.har", 3, 1, 0, map[string]int{"frame": 2}),
			sample(t, "safari.har", 1, 0, 0, map[string]int{"frame": 2, "from-cache": 1, "from-service-worker": 1}),
			sample(t, "charles.har", 3, 0, 2, map[string]int{"frame": 2, "tunnel": 1}),
			sample(t, "mitmproxy.har", 2, 1, 2, map[string]int{"frame": 2}),
			sample(t, "fiddler.har", 2, 0, 3, map[string]int{"frame": 2}),
		},
		Many: many,
	})
}

// many writes a HAR whose n requests and answers have body, escaped as JSON does.
func many(t *testing.T, dir string, n int, body []byte) string {
	path := filepath.Join(dir, "many.har")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := json.Marshal(string(body))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(f, `{"log":{"entries":[`)
	for i := range n {
		if i > 0 {
			fmt.Fprint(f, ",")
		}
		fmt.Fprintf(f, `{"request":{"method":"POST","url":"http://a.example/","postData":{"text":%s}},"response":{"status":200,"content":{"text":%s}}}`, text, text)
	}
	if _, err := fmt.Fprint(f, `]}}`); err != nil {
		t.Fatal(err)
	}
	return path
}

// Where two captures are compared, all requests are what was sent.
func TestSent(t *testing.T) {
	for _, name := range []string{"chromium.har", "saved.har", "firefox.har", "safari.har", "charles.har", "mitmproxy.har", "fiddler.har"} {
		importertest.Sent(t, har.Format, filepath.Join("testdata", name), importer.Options{})
	}
}

// What each file comes to stands beside it.
func TestGolden(t *testing.T) {
	importertest.Golden(t, har.Format, "testdata/*.har", importer.Options{}, *update)
}

func TestSites(t *testing.T) {
	for text, want := range map[string]int{
		"portal.example.org": 4, "portal.example.org:443": 3, "Portal.Example.ORG.:80": 1, ":443": 5, "collect.example.net": 2, "elsewhere.example": 0,
	} {
		sites, err := importer.ParseSites([]string{text})
		if err != nil {
			t.Fatal(err)
		}
		items := importertest.Read(t, har.Format, "testdata/chromium.har", importer.Options{Sites: sites})
		stimuli, messages := len(importertest.Stimuli(items)), len(importertest.Messages(items))
		if stimuli != want || stimuli+messages != 6 {
			t.Errorf("%s: %d stimuli and %d messages, want %d of 6", text, stimuli, messages, want)
		}
	}
}

func archive(t testing.TB, content string) string {
	t.Helper()
	return importertest.Write(t, "x.har", []byte(content))
}

func TestRefused(t *testing.T) {
	for content, want := range map[string]string{
		``:                                  "ends in the middle",
		`{}`:                                "not a HAR",
		`{"log":{}}`:                        "not a HAR",
		`[]`:                                "not a HAR",
		`{"log":{"entries":[]}} {}`:         "stands behind",
		`{"log":{"entries":[{"request":`:    "ends in the middle",
		`{"log":{"entries":[{}`:             "ends in the middle",
		`{"log":{"entries":[{"a":"b`:        "ends in the middle",
		`{"log":{"entries":[{"request"}]}}`: "at byte",
		`{"log":{"entries":[1 2]}}`:         "at byte",
		strings.Repeat(`{"log":`, 20_000):   "at byte",
		`{"log":{"entries":[` + strings.Repeat(`[`, 20_000): "at byte",
	} {
		path := archive(t, content)
		var got error
		for _, err := range har.Format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), want) || !strings.Contains(got.Error(), path) {
			t.Errorf("%.60s: error %v, want %q", content, got, want)
		}
	}
}

// A body that is longer than all that is kept is never held, wherever it is cut.
func TestLongLiterals(t *testing.T) {
	for _, unit := range []string{"x", `\n`, `\u00e9`, `\u20ac`, `\ud83d\ude00`, "é", "€", "😀"} {
		var one string
		if err := json.Unmarshal([]byte(`"`+unit+`"`), &one); err != nil {
			t.Fatal(err)
		}
		for shift := range 14 {
			n := 66_000/len(unit) + 200
			text := strings.Repeat("a", shift) + strings.Repeat(unit, n)
			full := strings.Repeat("a", shift) + strings.Repeat(one, n)
			path := archive(t, `{"log":{"entries":[{"request":{"method":"POST","url":"http://a.example/","postData":{"text":"`+text+`"}}},{"request":{"method":"GET","url":"http://a.example/2"}}]}}`)
			items := importertest.Read(t, har.Format, path, importer.Options{MaxBody: 1})
			s := importertest.Stimuli(items)
			if len(s) != 2 || string(s[0].Body) != full[:1] || s[0].Cut != int64(len(full)-1) {
				t.Fatalf("%s from %d on: %d stimuli, body of %d and %d, want %d", unit, shift, len(s), len(s[0].Body), s[0].Cut, len(full))
			}
			if got := importertest.Size(items); got != importertest.SizeOf(t, path) {
				t.Fatalf("%s from %d on: %d bytes are accounted for", unit, shift, got)
			}
			// What is kept of a literal that is cut is a beginning of it, too.
			items = importertest.Read(t, har.Format, path, importer.Options{MaxBody: 100_000})
			b := importertest.Stimuli(items)[0]
			if !strings.HasPrefix(full, string(b.Body)) || int64(len(b.Body))+b.Cut != int64(len(full)) {
				t.Fatalf("%s from %d on: %d bytes are kept and %d cut, of %d", unit, shift, len(b.Body), b.Cut, len(full))
			}
		}
	}
}

// A HAR of 256 MB, or, where WAYBILL_LARGE is set, of 2 GB, imports in flat memory. It lies on
// disk in gzip.
func TestLarge(t *testing.T) {
	size := int64(256 << 20)
	if os.Getenv("WAYBILL_LARGE") != "" {
		size = 2 << 30
	}
	path := filepath.Join(t.TempDir(), "large.har.gz")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(strings.Repeat("a line of an answer, \"quoted\"\n", 1<<20/30))
	if err != nil {
		t.Fatal(err)
	}
	total := int64(0)
	put := func(format string, args ...any) {
		n, err := fmt.Fprintf(z, format, args...)
		if err != nil {
			t.Fatal(err)
		}
		total += int64(n)
	}
	put(`{"log":{"entries":[`)
	for total < size {
		put(`{"request":{"method":"POST","url":"http://a.example/","postData":{"text":%s}},"response":{"status":200,"content":{"text":%s}}},`, text, text)
	}
	put(`{"request":{"method":"GET","url":"http://a.example/"}}]}}`)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var read int64
	stimuli, most := 0, uint64(0)
	for item, err := range har.Format.Read(path, importer.Options{MaxBody: 4 << 20}) {
		if err != nil {
			t.Fatal(err)
		}
		read += item.Bytes
		if item.Record.Stimulus != nil {
			if stimuli++; stimuli%100 == 0 {
				most = max(most, importertest.Live())
			}
		}
	}
	if read != total || int64(stimuli) < size>>20*2/5 {
		t.Errorf("%d bytes in %d stimuli are accounted for, of %d", read, stimuli, total)
	}
	if most > 64<<20 {
		t.Errorf("%d bytes in use", most)
	}
	t.Logf("%d stimuli of %d bytes, at most %d bytes in use", stimuli, read, most)
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzHAR(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.har")
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		var small bytes.Buffer
		if json.Compact(&small, bytes.TrimPrefix(data, []byte("\ufeff"))) == nil {
			f.Add(small.Bytes())
		}
	}
	f.Add([]byte(`{"log":{"entries":[{"request":{"method":"POST","url":"http://a/","postData":{"text":"` + strings.Repeat(`\ud83d`, 30) + `"}}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := archive(t, string(data))
		var n int64
		for item, err := range har.Format.Read(path, importer.Options{MaxBody: 100}) {
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
	path := filepath.Join(b.TempDir(), "many.har")
	random := rand.New(rand.NewPCG(1, 2))
	var content bytes.Buffer
	content.WriteString(`{"log":{"entries":[`)
	for i := range 1000 {
		if i > 0 {
			content.WriteByte(',')
		}
		fmt.Fprintf(&content, `{"startedDateTime":"2026-11-21T10:00:00.000Z","request":{"method":"POST","url":"http://a.example/%d","headers":[{"name":"Accept","value":"*/*"}],"postData":{"text":"%x"}},"response":{"status":200,"content":{"text":"%s"}}}`,
			i, random.Uint64(), strings.Repeat("a line of an answer.\\n", 400))
	}
	content.WriteString(`]}}`)
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(content.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range har.Format.Read(path, importer.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1002 {
			b.Fatal(n)
		}
	}
}

// What an archive says was sent and does not hold is a gap: a body that is longer than what is there,
// and a tunnel of which nothing else tells what went through it.
func TestUnseen(t *testing.T) {
	post := func(size int, text string) string {
		return fmt.Sprintf(`{"request":{"method":"POST","url":"https://a.example/x","bodySize":%d,"postData":{"text":%q}},"response":{"status":200}}`, size, text)
	}
	tunnel := func(url string) string {
		return fmt.Sprintf(`{"request":{"method":"CONNECT","url":%q},"response":{"status":200}}`, url)
	}
	for name, test := range map[string]struct {
		entries string
		gaps    int
	}{
		"a body":                       {post(8, "to=bob&x"), 0},
		"a body of unknown size":       {post(-1, "to=bob&x"), 0},
		"a body of no size":            {post(0, "to=bob&x"), 0},
		"a part of a body":             {post(5000, "to=bob&x"), 1},
		"a body in Latin 1":            {post(4, "Jürg"), 0},
		"a tunnel, and what is in it":  {tunnel("https://a.example:443") + "," + post(8, "to=bob&x"), 0},
		"a tunnel in authority form":   {tunnel("a.example:443") + "," + post(8, "to=bob&x"), 0},
		"a tunnel alone":               {tunnel("b.example:443") + "," + post(8, "to=bob&x"), 1},
		"tunnels alone, to one of two": {tunnel("https://b.example:443") + "," + tunnel("b.example:443") + "," + tunnel("c.example:443"), 2},
	} {
		items := importertest.Read(t, har.Format, archive(t, `{"log":{"entries":[`+test.entries+`]}}`), importer.Options{Sent: true})
		gaps := 0
		for _, item := range items {
			if item.Record.Gap != nil {
				gaps++
			}
		}
		if gaps != test.gaps {
			t.Errorf("%s: %d gaps, want %d: %+v", name, gaps, test.gaps, items)
		}
	}
}
