// Package importertest is the suite that every format of package importer must pass.
package importertest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
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
	Options  importer.Options // it is read with
	Messages int
	Stimuli  int
	Gaps     int
	Skips    map[string]int // how many were passed over, by reason
	Size     int64          // bytes that must be accounted for, gzip undone
}

// A Suite is a format and what to try it with.
type Suite struct {
	Format  importer.Format
	Samples []Sample // at least one with messages or stimuli

	// Many makes a source of n records in folder dir, each with body as its body, and
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
			prefixed(t, s.Format, sample)
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

// Stimuli are the stimuli among items.
func Stimuli(items []importer.Item) []*gate.Stimulus {
	var found []*gate.Stimulus
	for _, item := range items {
		if item.Record.Stimulus != nil {
			found = append(found, item.Record.Stimulus)
		}
	}
	return found
}

// Gaps are the gaps among items.
func Gaps(items []importer.Item) []*gate.Gap {
	var found []*gate.Gap
	for _, item := range items {
		if item.Record.Gap != nil {
			found = append(found, item.Record.Gap)
		}
	}
	return found
}

// Skips is how many of items were passed over, by reason.
func Skips(items []importer.Item) map[string]int {
	found := map[string]int{}
	for _, item := range items {
		if item.Skip != nil {
			found[item.Skip.Reason]++
		}
	}
	return found
}

// Size is how many bytes items account for.
func Size(items []importer.Item) (n int64) {
	for _, item := range items {
		n += item.Bytes
	}
	return n
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
	items := Read(t, f, s.Path, s.Options)
	if again := Read(t, f, s.Path, s.Options); !reflect.DeepEqual(items, again) {
		t.Error("read twice it is not the same")
	}
	var last *importer.Item // record
	ids := map[string]bool{}
	var seq uint64
	for i := range items {
		item := &items[i]
		if item.Bytes < 0 || item.Offset < 0 || item.Path == "" {
			t.Errorf("item %d is nowhere: %q, byte %d, %d bytes", i, item.Path, item.Offset, item.Bytes)
		}
		if item.Outcome != nil && (item.Record.Stimulus == nil || item.Outcome.Stimulus != item.Record.Stimulus.ID) {
			t.Errorf("item %d: an outcome of nothing: %+v", i, *item)
		}
		switch {
		case item.Skip != nil:
			if item.Skip.Reason == "" || item.Skip.Detail == "" || item.Record.Kind != "" {
				t.Errorf("skip without a reason, or with a record: %+v", *item)
			}
		case !item.Record.Valid():
			t.Errorf("item %d is neither a record nor a skip: %+v", i, *item)
		case item.Record.Message != nil:
			last = item
			checkMessage(t, item.Record.Message, seq)
			seq = item.Record.Message.Seq
		case item.Record.Stimulus != nil:
			last = item
			checkStimulus(t, item.Record.Stimulus)
			if ids[item.Record.Stimulus.ID] {
				t.Errorf("two stimuli have the id %q", item.Record.Stimulus.ID)
			}
			ids[item.Record.Stimulus.ID] = true
		case item.Record.Gap != nil:
			checkGap(t, item.Record.Gap, last)
		default:
			t.Errorf("item %d is a %s", i, item.Record.Kind)
		}
	}
	if messages, stimuli, gaps := len(Messages(items)), len(Stimuli(items)), len(Gaps(items)); messages != s.Messages || stimuli != s.Stimuli || gaps != s.Gaps {
		t.Errorf("%d messages, %d stimuli and %d gaps, want %d, %d and %d", messages, stimuli, gaps, s.Messages, s.Stimuli, s.Gaps)
		for _, g := range Gaps(items) {
			t.Logf("gap: %s: %s", g.Kind, g.Detail)
		}
	}
	if skips := Skips(items); !maps.Equal(skips, s.Skips) && len(skips)+len(s.Skips) > 0 {
		t.Errorf("skipped %v, want %v", skips, s.Skips)
	}
	if size := Size(items); size != s.Size {
		t.Errorf("%d bytes are accounted for, and it has %d", size, s.Size)
	}
}

// prefixed wants ids and keys that a format makes up to differ where prefixes do.
func prefixed(t *testing.T, f importer.Format, s Sample) {
	plain := Stimuli(Read(t, f, s.Path, s.Options))
	o := s.Options
	o.Prefix = "second-"
	for i, stimulus := range Stimuli(Read(t, f, s.Path, o)) {
		own := stimulus.ID == plain[i].ID && stimulus.Key == plain[i].Key // of the source itself
		if !own && (stimulus.ID != o.Prefix+plain[i].ID || plain[i].Key != "" && stimulus.Key != o.Prefix+plain[i].Key) {
			t.Errorf("%q of %q is %q of %q with a prefix", plain[i].ID, plain[i].Key, stimulus.ID, stimulus.Key)
		}
	}
}

func checkMessage(t *testing.T, m *gate.Message, before uint64) {
	if m.Seq <= before || m.Channel == "" || m.Sink == "" {
		t.Errorf("message %d stands behind %d, channel %q, sink %q", m.Seq, before, m.Channel, m.Sink)
	}
	what := fmt.Sprintf("message %d", m.Seq)
	checkHead(t, what, m.Channel, m.Head)
	checkLines(t, what, m.Channel, m.Body)
}

func checkStimulus(t *testing.T, s *gate.Stimulus) {
	if s.ID == "" || s.Channel == "" || s.Door == "" {
		t.Errorf("stimulus %q, channel %q, door %q", s.ID, s.Channel, s.Door)
	}
	checkHead(t, s.ID, s.Channel, s.Head)
	checkLines(t, s.ID, s.Channel, s.Body)
	if upper := bytes.ToUpper(s.Head); s.Channel == "smtp" && (!bytes.Contains(upper, []byte("MAIL FROM:")) || !bytes.Contains(upper, []byte("RCPT TO:"))) {
		t.Errorf("stimulus %s cannot be sent: its head is %q", s.ID, s.Head)
	}
}

var headLines = map[string]*regexp.Regexp{
	"smtp": regexp.MustCompile(`^(?i:(HELO|EHLO) [^\r\n\x00]+|(MAIL FROM|RCPT TO): ?<[^\r\n\x00]*>[^\r\n\x00]*)\r\n$`),
	"http": regexp.MustCompile(`^([^\s:]+ [^\s]+ HTTP/[0-9.]+|[^\s:]+:[^\r\n\x00]*)\r\n$`),
}

func checkHead(t *testing.T, what, channel string, head []byte) {
	form := headLines[channel]
	if form == nil {
		return
	}
	lines := strings.SplitAfter(string(head), "\r\n")
	if last := lines[len(lines)-1]; last != "" {
		t.Errorf("%s: its head ends in %q, not in a line", what, last)
	}
	for _, line := range lines[:len(lines)-1] {
		if !form.MatchString(line) {
			t.Errorf("%s: line %q in its head", what, line)
		}
	}
}

// checkLines wants lines of mail to end in CRLF.
func checkLines(t *testing.T, what, channel string, body []byte) {
	if channel == "smtp" && bytes.Contains(bytes.ReplaceAll(body, []byte("\r\n"), nil), []byte("\n")) {
		t.Errorf("%s: a line of its body ends in LF alone", what)
	}
}

// checkGap looks at a gap, behind the record that was the last before it.
func checkGap(t *testing.T, g *gate.Gap, last *importer.Item) {
	if g.Kind == "" || g.Where == "" || g.Detail == "" {
		t.Errorf("gap %+v", *g)
	}
	if strings.Contains(g.Detail+g.Where, "@") {
		t.Errorf("a gap names somebody: %+v", *g)
	}
	if g.Seq != 0 && (last == nil || last.Record.Message == nil || last.Record.Message.Seq < g.Seq) {
		t.Errorf("a gap of a message stands elsewhere: %+v", *g)
	}
	if g.Stimulus != "" && (last == nil || last.Record.Stimulus == nil || last.Record.Stimulus.ID != g.Stimulus) {
		t.Errorf("a gap of a stimulus stands elsewhere: %+v", *g)
	}
}

// stops makes sure that a consumer can leave at any item.
func stops(t *testing.T, f importer.Format, s Sample) {
	n := len(Read(t, f, s.Path, s.Options))
	for stop := range min(n, 20) {
		seen := 0
		for range f.Read(s.Path, s.Options) {
			if seen++; seen > stop {
				break
			}
		}
		if seen != stop+1 {
			t.Errorf("asked for %d items, got %d", stop+1, seen)
		}
	}
}

// foreign are sources of no format, or of the one that they are named after.
var foreign = map[string]string{
	"empty": "", "text": "Meet me at noon.\n", "json": `{"entries":[]}`, "binary": "\x7fELF\x00\x01", "number": "12:34:56 noon\n",
	"http": "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n", "tape": "\x5b\x2a\x4d\x18\x08\x00\x00\x00waybill\x01",
	"har":       `{"log":{"version":"1.2","entries":[]}}`,
	"gor":       "1 932079936fa4306fc308d67588178d17d823647c 1439818823587396305 0\nGET / HTTP/1.1\r\n\r\n\n\U0001f435\U0001f648\U0001f649\n",
	"jsonl":     `{"kind":"gap","gap":{"kind":"torn-tape","where":"x","detail":"y"}}` + "\n",
	"mbox":      "From a@example.org Thu Aug 22 12:36:23 2002\nSubject: x\n\nbody\n",
	"eml":       "From: a@example.org\nSubject: x\n\nbody\n",
	"mitmproxy": "31:7:version;2:21#4:type;4:http;}",
	"pcap":      "\xd4\xc3\xb2\xa1\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\x00\x00\x01\x00\x00\x00",
}

func sniff(t *testing.T, s Suite) {
	f := s.Format
	if f.Sniff == nil {
		return
	}
	for _, sample := range s.Samples {
		if got, err := importer.Detect(sample.Path, []importer.Format{f}); err != nil || got.Name != f.Name {
			t.Errorf("its own sample %s is not claimed: %v", sample.Path, err)
		}
	}
	dir := t.TempDir()
	for name, content := range foreign {
		if name == f.Name {
			continue
		}
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

// A body is what is kept of one record.
type body struct {
	name string
	kept []byte
	cut  int64
}

func bodies(items []importer.Item) (found []body) {
	for _, item := range items {
		switch r := item.Record; {
		case r.Message != nil:
			found = append(found, body{fmt.Sprint(r.Message.Seq), r.Message.Body, r.Message.Cut})
		case r.Stimulus != nil:
			found = append(found, body{r.Stimulus.ID, r.Stimulus.Body, r.Stimulus.Cut})
		}
	}
	return found
}

// cut keeps little of each body, and wants the rest counted and a gap for it.
func cut(t *testing.T, s Suite) {
	tried := 0
	for _, sample := range s.Samples {
		whole := bodies(Read(t, s.Format, sample.Path, sample.Options))
		const limit = 20
		o := sample.Options
		o.MaxBody = limit
		items := Read(t, s.Format, sample.Path, o)
		gaps := map[string]bool{}
		for _, g := range Gaps(items) {
			if g.Kind == gate.GapCutBody {
				gaps[cmp.Or(g.Stimulus, fmt.Sprint(g.Seq))] = true
			}
		}
		short := bodies(items)
		if len(short) != len(whole) {
			t.Fatalf("%s: %d records, cut %d", sample.Path, len(whole), len(short))
		}
		for i, b := range short {
			full := whole[i].kept
			if whole[i].cut > 0 {
				continue // cut in the source already
			}
			if !bytes.HasPrefix(full, b.kept) || int64(len(b.kept))+b.cut != int64(len(full)) || len(b.kept) > limit {
				t.Errorf("%s: record %s of %d bytes is cut to %d and %d", sample.Path, b.name, len(full), len(b.kept), b.cut)
			}
			if isCut := len(full) > limit; gaps[b.name] != isCut {
				t.Errorf("%s: record %s: gap %v, want %v", sample.Path, b.name, gaps[b.name], isCut)
			} else if isCut {
				tried++
			}
		}
	}
	if tried == 0 {
		t.Error("no sample has a body that is long enough to cut")
	}
}

// Live is how many bytes of memory are in use.
func Live() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// memory reads a source far larger than it may take.
func memory(t *testing.T, s Suite) {
	const n, each, allowed = 96, 512 << 10, 16 << 20
	body := bytes.Repeat([]byte("a line of the body of a mail\n"), each/29)
	path := s.Many(t, t.TempDir(), n, body)
	body = nil
	before, most, read, seen := Live(), uint64(0), int64(0), 0
	for item, err := range s.Format.Read(path, importer.Options{MaxBody: 2 * each}) {
		if err != nil {
			t.Fatal(err)
		}
		read += item.Bytes
		if seen++; seen%8 == 1 {
			most = max(most, Live())
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
	read := func(data []byte) (records int, err error) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		for item, err := range f.Read(path, s.Options) {
			if err != nil {
				return records, err
			}
			if item.Record.Message != nil || item.Record.Stimulus != nil {
				records++
			}
		}
		return records, nil
	}
	if n, err := read(packed.Bytes()); err != nil || n != s.Messages+s.Stimuli {
		t.Errorf("packed: %d records, %v, want %d", n, err, s.Messages+s.Stimuli)
	}
	for n := 2; n < packed.Len(); n += max(1, packed.Len()/64) {
		if _, err := read(packed.Bytes()[:n]); err == nil {
			t.Errorf("cut to %d of %d bytes of gzip: no error", n, packed.Len())
		}
	}
}

// Sent holds a format of HTTP to what [importer.Options].Sent says: all that is a stimulus in
// the source at path else is a message then, whichever sites are given, and no site is guessed.
func Sent(t *testing.T, f importer.Format, path string, o importer.Options) {
	t.Helper()
	before := Read(t, f, path, o)
	o.Sent = true
	o.Say = func(text string) {
		if strings.Contains(text, "production received") {
			t.Errorf("%s: a site is guessed: %s", path, text)
		}
	}
	after := Read(t, f, path, o)
	stimuli, messages := len(Stimuli(after)), len(Messages(after))
	if want := len(Stimuli(before)) + len(Messages(before)); stimuli != 0 || messages < want || want == 0 {
		t.Errorf("%s: %d stimuli and %d messages, want none and at least %d", path, stimuli, messages, want)
	}
	if Size(before) != Size(after) {
		t.Errorf("%s: %d bytes are accounted for, and %d without Sent", path, Size(after), Size(before))
	}
	for _, m := range Messages(after) {
		if m.Channel == "http" && m.Host == "" {
			t.Errorf("%s: message %d has no host", path, m.Seq)
		}
	}
}
