// Package importertest is the suite that every format of package importer must pass.
package importertest

import (
	"bytes"
	"compress/gzip"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
)

// A Sample is a source and what is in it.
type Sample struct {
	Path     string
	Messages int
	Gaps     int
	Skips    map[string]int // how many were passed over, by reason
	Size     int64          // bytes that must be accounted for, gzip undone
}

// A Suite is a format and what to try it with.
type Suite struct {
	Format  importer.Format
	Samples []Sample // at least one with messages

	// Many makes a source of n mails in folder dir, each with body as its body, and
	// returns its path. A format of one mail makes one whose body is n times as long.
	Many func(t *testing.T, dir string, n int, body []byte) string
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if len(s.Samples) == 0 {
		t.Fatal("no samples")
	}
	t.Run("described", func(t *testing.T) { described(t, s.Format) })
	t.Run("sniff", func(t *testing.T) { sniff(t, s) })
	t.Run("missing", func(t *testing.T) { missing(t, s.Format) })
	t.Run("cut", func(t *testing.T) { cut(t, s) })
	t.Run("memory", func(t *testing.T) { memory(t, s) })
	for _, sample := range s.Samples {
		t.Run(filepath.Base(sample.Path), func(t *testing.T) {
			counted(t, s.Format, sample)
			stops(t, s.Format, sample)
			truncatedGzip(t, s.Format, sample)
		})
	}
}

// Read reads all of path and fails the test where that is an error.
func Read(t testing.TB, f importer.Format, path string, o importer.Options) []importer.Item {
	t.Helper()
	var items []importer.Item
	for item, err := range f.Read(path, o) {
		if err != nil {
			t.Fatalf("read %s as %s: %v", path, f.Name, err)
		}
		items = append(items, item)
	}
	return items
}

// Messages are the messages among items.
func Messages(items []importer.Item) []*gate.Message {
	var found []*gate.Message
	for _, item := range items {
		if item.Record.Message != nil {
			found = append(found, item.Record.Message)
		}
	}
	return found
}

func described(t *testing.T, f importer.Format) {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(f.Name) {
		t.Errorf("name %q", f.Name)
	}
	if f.Doc == "" || strings.ContainsAny(f.Doc, "\r\n") {
		t.Errorf("doc %q must be one line", f.Doc)
	}
	if f.Read == nil {
		t.Fatal("no Read")
	}
}

// counted reads a sample twice and checks what is said of it.
func counted(t *testing.T, f importer.Format, s Sample) {
	items := Read(t, f, s.Path, importer.Options{})
	if again := Read(t, f, s.Path, importer.Options{}); !reflect.DeepEqual(items, again) {
		t.Error("read twice it is not the same")
	}
	var messages, gaps int
	var size int64
	skips := map[string]int{}
	for i := range items {
		item := &items[i]
		size += item.Bytes
		if item.Bytes < 0 || item.Offset < 0 || item.Path == "" {
			t.Errorf("item %d is nowhere: %q, byte %d, %d bytes", i, item.Path, item.Offset, item.Bytes)
		}
		switch {
		case item.Skip != nil:
			if item.Skip.Reason == "" || item.Skip.Detail == "" || item.Record.Kind != "" {
				t.Errorf("skip without a reason, or with a record: %+v", *item)
			}
			skips[item.Skip.Reason]++
		case !item.Record.Valid():
			t.Errorf("item %d is neither a record nor a skip: %+v", i, *item)
		case item.Record.Message != nil:
			messages++
			checkMessage(t, item.Record.Message, uint64(messages))
		case item.Record.Gap != nil:
			gaps++
			checkGap(t, item, uint64(messages))
		default:
			t.Errorf("item %d is a %s", i, item.Record.Kind)
		}
	}
	if messages != s.Messages || gaps != s.Gaps {
		t.Errorf("%d messages and %d gaps, want %d and %d", messages, gaps, s.Messages, s.Gaps)
	}
	if !maps.Equal(skips, s.Skips) && len(skips)+len(s.Skips) > 0 {
		t.Errorf("skipped %v, want %v", skips, s.Skips)
	}
	if size != s.Size {
		t.Errorf("%d bytes are accounted for, and it has %d", size, s.Size)
	}
}

func checkMessage(t *testing.T, m *gate.Message, seq uint64) {
	if m.Seq != seq || m.Channel == "" || m.Sink == "" {
		t.Errorf("message %d is numbered %d, channel %q, sink %q", seq, m.Seq, m.Channel, m.Sink)
	}
	if m.Channel != "smtp" {
		return
	}
	lines := strings.SplitAfter(string(m.Head), "\r\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("message %d: its head ends in %q, not in a line", seq, last)
	}
	for _, line := range lines[:len(lines)-1] {
		if !regexp.MustCompile(`^(MAIL FROM|RCPT TO):<[^\r\n\x00]*>\r\n$`).MatchString(line) {
			t.Errorf("message %d: line %q in its head", seq, line)
		}
	}
	if bytes.Contains(bytes.ReplaceAll(m.Body, []byte("\r\n"), nil), []byte("\n")) {
		t.Errorf("message %d: a line of its body ends in LF alone", seq)
	}
}

func checkGap(t *testing.T, item *importer.Item, seq uint64) {
	g := item.Record.Gap
	if g.Kind == "" || g.Where == "" || g.Detail == "" || g.Seq > seq {
		t.Errorf("gap after message %d: %+v", seq, *g)
	}
	if strings.Contains(g.Detail+g.Where, "@") {
		t.Errorf("a gap names somebody: %+v", *g)
	}
}

// stops makes sure that a consumer can leave at any item.
func stops(t *testing.T, f importer.Format, s Sample) {
	n := len(Read(t, f, s.Path, importer.Options{}))
	for stop := range min(n, 20) {
		seen := 0
		for range f.Read(s.Path, importer.Options{}) {
			if seen++; seen > stop {
				break
			}
		}
		if seen != stop+1 {
			t.Errorf("asked for %d items, got %d", stop+1, seen)
		}
	}
}

func sniff(t *testing.T, s Suite) {
	f := s.Format
	if f.Sniff == nil {
		return
	}
	for _, sample := range s.Samples {
		if got, err := importer.Detect(sample.Path, []importer.Format{f}); err != nil || got.Name != f.Name {
			t.Errorf("its own sample is not claimed: %v", err)
		}
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"empty": "", "text": "Meet me at noon.\n", "json": `{"log":{"entries":[]}}`, "binary": "\x7fELF\x00\x01",
		"http": "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "tape": "\x5b\x2a\x4d\x18\x08\x00\x00\x00waybill\x01",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if f.Sniff(path, []byte(content)) {
			t.Errorf("%s is claimed: %q", name, content)
		}
	}
	if f.Sniff(dir, nil) {
		t.Error("a folder of other files is claimed")
	}
}

func missing(t *testing.T, f importer.Format) {
	path := filepath.Join(t.TempDir(), "absent")
	n := 0
	for item, err := range f.Read(path, importer.Options{}) {
		n++
		if err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("a missing source gave %+v, %v", item, err)
		}
	}
	if n != 1 {
		t.Errorf("a missing source gave %d items, want one error", n)
	}
}

// cut keeps little of each body, and wants the rest counted and a gap for it.
func cut(t *testing.T, s Suite) {
	tried := 0
	for _, sample := range s.Samples {
		whole := Messages(Read(t, s.Format, sample.Path, importer.Options{}))
		const limit = 20
		items := Read(t, s.Format, sample.Path, importer.Options{MaxBody: limit})
		gaps := map[uint64]bool{}
		for _, item := range items {
			if g := item.Record.Gap; g != nil && g.Kind == gate.GapCutBody {
				gaps[g.Seq] = true
			}
		}
		short := Messages(items)
		if len(short) != len(whole) {
			t.Fatalf("%s: %d messages, cut %d", sample.Path, len(whole), len(short))
		}
		for i, m := range short {
			full := whole[i].Body
			if !bytes.HasPrefix(full, m.Body) || int64(len(m.Body))+m.Cut != int64(len(full)) || len(m.Body) > limit {
				t.Errorf("%s: message %d of %d bytes is cut to %d and %d", sample.Path, m.Seq, len(full), len(m.Body), m.Cut)
			}
			if isCut := len(full) > limit; gaps[m.Seq] != isCut {
				t.Errorf("%s: message %d: gap %v, want %v", sample.Path, m.Seq, gaps[m.Seq], isCut)
			} else if isCut {
				tried++
			}
		}
	}
	if tried == 0 {
		t.Error("no sample has a message that is long enough to cut")
	}
}

// memory reads a source far larger than it may take.
func memory(t *testing.T, s Suite) {
	const n, each, allowed = 32, 512 << 10, 8 << 20
	body := bytes.Repeat([]byte("a line of the body of a mail\n"), each/29)
	path := s.Many(t, t.TempDir(), n, body)
	body = nil
	live := func() uint64 {
		var stats runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before, most, read, seen := live(), uint64(0), int64(0), 0
	for item, err := range s.Format.Read(path, importer.Options{MaxBody: 2 * each}) {
		if err != nil {
			t.Fatal(err)
		}
		read += item.Bytes
		if seen++; seen%8 == 1 {
			most = max(most, live())
		}
	}
	if read < n*each/2 {
		t.Errorf("only %d bytes were read", read)
	}
	if most > before+allowed {
		t.Errorf("%d bytes in use for a source of %d", most-before, read)
	}
}

// truncatedGzip cuts a packed sample anywhere: never an early end without an error.
func truncatedGzip(t *testing.T, f importer.Format, s Sample) {
	info, err := os.Stat(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		return
	}
	plain, err := os.ReadFile(s.Path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.HasPrefix(plain, []byte("\x1f\x8b")) {
		return
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(s.Path)+".gz")
	read := func(data []byte) (messages int, err error) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for item, err := range f.Read(path, importer.Options{}) {
			if err != nil {
				return messages, err
			}
			if item.Record.Message != nil {
				messages++
			}
		}
		return messages, nil
	}
	if n, err := read(packed.Bytes()); err != nil || n != s.Messages {
		t.Errorf("packed: %d messages, %v, want %d", n, err, s.Messages)
	}
	for n := 2; n < packed.Len(); n += max(1, packed.Len()/64) {
		if _, err := read(packed.Bytes()[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes of gzip: no error", n, packed.Len())
		}
	}
}
