package main_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	waybill "github.com/waybill-dev/waybill/cmd/waybill"
	"github.com/waybill-dev/waybill/fixtures/builds/buildtest"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	formats "github.com/waybill-dev/waybill/gate/importer/all"
)

// publicPatience is how long one file may take in one reading of it.
const publicPatience = 2 * time.Minute

// publicArchive is the folder of the mails of the archive in WAYBILL_CORPORA.
const publicArchive = "spamassassin.mbox.gz"

// A publicFile is a file that others published, and what came of it.
type publicFile struct {
	path, pkg string
	refused   error // the format is not known: a user is told so
	format    importer.Format

	broken  error // reading ended early, with an error that a user is shown
	records []gate.Record
	skips   map[importer.Skip]int

	told publicTold
}

// publicTold is what testdata/public/oracle.py says of a file.
type publicTold struct {
	Error      string
	Count      int
	Digests    []string
	Recipients int
	Others     int
	Version    *string
	Requests   map[string]int
	Mails      int
	Failed     []string
}

// TestPublicFiles imports files that others published, which .github/imports/fetch fetches, and
// holds what comes of them to Python and tshark: nothing is lost without a gap or a reason.
//
// WAYBILL_PUBLIC names the folder. .github/imports/run fetches all of them, runs this test and
// writes the table that it prints into .github/docs/detection.md; .ci/run runs it on a small part.
func TestPublicFiles(t *testing.T) {
	folder := os.Getenv("WAYBILL_PUBLIC")
	if folder == "" {
		t.Skip("WAYBILL_PUBLIC does not name a folder that .github/imports/fetch made")
	}
	buildtest.Needs(t, "python3", "tshark")
	files := publicFiles(t, folder)
	inParallel(files, func(f *publicFile) { f.read(t) })
	askOracle(t, files)
	rows := map[string]*publicRow{}
	for _, f := range files {
		row := rows[f.kind()]
		if row == nil {
			row = &publicRow{refusals: map[string]int{}, gaps: map[string]int{}}
			rows[f.kind()] = row
		}
		f.count(t, folder, row)
	}
	inParallel(files, func(f *publicFile) { f.twice(t) })
	printPublic(t, rows)
}

// publicFiles lists what fetch kept, and finds out the format of each.
func publicFiles(t *testing.T, folder string) []*publicFile {
	var files []*publicFile
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == "MANIFEST.tsv" {
			return err
		}
		rel, _ := filepath.Rel(folder, path)
		f := &publicFile{path: path, pkg: strings.Split(rel, string(filepath.Separator))[0], skips: map[importer.Skip]int{}}
		f.format, f.refused = importer.Detect(path, formats.Formats())
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("%s holds no files", folder)
	}
	return files
}

// inParallel calls do for each file, two at a time.
func inParallel(files []*publicFile, do func(*publicFile)) {
	work := make(chan *publicFile)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			for f := range work {
				do(f)
			}
		})
	}
	for _, f := range files {
		work <- f
	}
	close(work)
	group.Wait()
}

// within fails the test where do panics or takes too long.
func (f *publicFile) within(t *testing.T, what string, do func()) {
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		do()
	}()
	select {
	case said := <-done:
		if said != nil {
			t.Errorf("%s: %s panics: %v", f.path, what, said)
		}
	case <-time.After(publicPatience):
		t.Errorf("%s: %s takes longer than %s", f.path, what, publicPatience)
	}
}

// read reads the file as what production sent, and again as what it received.
func (f *publicFile) read(t *testing.T) {
	if f.refused != nil {
		return
	}
	for _, o := range []importer.Options{{Sent: true}, {Received: true}} {
		f.within(t, "reading", func() {
			var size, records int64
			for item, err := range f.format.Read(f.path, o) {
				if err != nil {
					f.broken = err
					return
				}
				size += item.Bytes
				switch {
				case item.Skip != nil && o.Sent:
					f.skips[*item.Skip]++
				case item.Skip != nil:
				case !item.Record.Valid():
					t.Errorf("%s: a record that is none: %+v", f.path, item.Record)
				case o.Sent:
					f.records = append(f.records, item.Record)
				}
				records++
			}
			if has := contentSize(f.path); size != has {
				t.Errorf("%s: %d bytes are accounted for by %d items, and it has %d", f.path, size, records, has)
			}
		})
	}
}

// contentSize is how long a file is, with gzip undone.
func contentSize(path string) int64 {
	in, err := importer.Open(path)
	if err != nil {
		return -1
	}
	defer in.Close()
	n, err := io.Copy(io.Discard, in)
	if err != nil {
		return -1
	}
	return n
}

// askOracle asks for what stands in all files.
func askOracle(t *testing.T, files []*publicFile) {
	var asked bytes.Buffer
	for _, f := range files {
		if f.refused == nil {
			fmt.Fprintf(&asked, "%s\t%s\n", f.format.Name, f.path)
		}
	}
	cmd := exec.CommandContext(t.Context(), "python3", "testdata/public/oracle.py")
	cmd.Stdin, cmd.Stderr = &asked, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ask the oracle: %v", err)
	}
	said := json.NewDecoder(bytes.NewReader(out))
	for _, f := range files {
		if f.refused == nil {
			if err := said.Decode(&f.told); err != nil {
				t.Fatalf("what the oracle says of %s: %v", f.path, err)
			}
		}
	}
}

// A complainer is told what is wrong: a test.
type complainer interface {
	Errorf(format string, args ...any)
	Logf(format string, args ...any)
}

// kind is the row of the table that the file counts in.
func (f *publicFile) kind() string {
	if f.refused != nil {
		return "no format, and refused"
	}
	return f.format.Name
}

// A publicRow is what came of the files of one format.
type publicRow struct {
	files, broken, messages, gapped int
	theirs                          int // items that the oracle counts
	equal, explained                int // files
	missing                         int // items of the oracle that gaps explain
	more                            int // items that the oracle does not see
	refusals                        map[string]int
	gaps                            map[string]int
}

// count holds the file to the oracle, and adds it to its row.
func (f *publicFile) count(t complainer, folder string, row *publicRow) {
	row.files++
	rel, _ := filepath.Rel(folder, f.path)
	if f.refused != nil {
		row.refusals[strings.ReplaceAll(f.refused.Error(), f.path, "FILE")]++
		return
	}
	if f.broken != nil {
		row.broken++
		row.refusals[strings.ReplaceAll(f.broken.Error(), f.path, "FILE")]++
		return // the import fails, and says why
	}
	messages, gaps := 0, 0
	for _, r := range f.records {
		switch {
		case r.Message != nil:
			messages++
		case r.Gap != nil:
			gaps++
			row.gaps[r.Gap.Kind+": "+r.Gap.Detail]++
		}
	}
	row.messages += messages
	if gaps > 0 {
		row.gapped++
	}
	missing, more, theirs := f.differ(t, rel)
	row.theirs += theirs
	row.more += more
	switch {
	case missing == 0 && more == 0:
		row.equal++
	case missing > 0 && !f.excused(missing, gaps):
		t.Errorf("%s: %d of the %d that the oracle sees are lost, and %d gaps do not say so; passed over: %v", rel, missing, theirs, gaps, f.skips)
	case missing > 0:
		t.Logf("%s: %d of %d are not kept, and %d gaps say so; passed over: %v", rel, missing, theirs, gaps, f.skips)
		row.explained++
		row.missing += missing
	default:
		t.Logf("%s: %d more than the %d that the oracle sees", rel, more, theirs)
		row.explained++
	}
}

// excused reports whether gaps, and what was passed over for a reason that is of requests or
// mails, explain that so many are missing. A gap of a capture may be of a whole connection.
func (f *publicFile) excused(missing, gaps int) bool {
	if f.format.Name == "pcap" && gaps > 0 {
		return true
	}
	for s, count := range f.skips {
		switch s.Reason {
		case "not-sent", "from-cache", "from-service-worker", "not-http", "tunnel", "refused", "answered-by-proxy":
			gaps += count
		}
	}
	return missing <= gaps
}

// differ says how many of the oracle's items are not among the messages of the file, and the
// other way round.
func (f *publicFile) differ(t complainer, rel string) (missing, more, theirs int) {
	if f.told.Error != "" || len(f.told.Failed) > 0 {
		t.Logf("%s: the oracle cannot read it: %s%v", rel, f.told.Error, f.told.Failed)
		return 0, 0, 0
	}
	ours, requests, texts := 0, map[string]int{}, 0
	mails := 0
	for _, r := range f.records {
		m := r.Message
		if m == nil {
			continue
		}
		ours++
		if m.Channel == "http" {
			method, rest, _ := strings.Cut(string(m.Head), " ")
			target, _, _ := strings.Cut(rest, " ")
			requests[method+" "+target]++
			continue
		}
		mails++
		for _, e := range m.Events {
			n := 0
			if _, err := fmt.Sscanf(e, "from-line %d", &n); err == nil {
				texts += n
			}
		}
	}
	switch f.format.Name {
	case "pcap":
		for line, n := range f.told.Requests {
			missing += max(n-requests[line], 0)
			theirs += n
		}
		for line, n := range requests {
			more += max(n-f.told.Requests[line], 0)
		}
		return missing + max(f.told.Mails-mails, 0), more + max(mails-f.told.Mails, 0), theirs + f.told.Mails
	case "eml":
		f.mail(t, rel)
		return 1 - ours, 0, 1
	case "mbox":
		theirs = f.told.Count - texts
	default:
		theirs = f.told.Count
	}
	return max(theirs-ours, 0), max(ours-theirs, 0), theirs
}

// mail holds one mail to what Python makes of it.
func (f *publicFile) mail(t complainer, rel string) {
	for _, r := range f.records {
		m := r.Message
		if m == nil {
			continue
		}
		sum := sha256.Sum256(m.Body)
		digest := hex.EncodeToString(sum[:])
		if i := slices.Index(f.told.Digests, digest); i < 0 || (i == 1) != slices.Contains(m.Events, "from-line-removed") {
			t.Errorf("%s: the mail is not what stands in the file", rel)
		}
		named := bytes.Count(m.Head, []byte("RCPT TO:"))
		gap := slices.ContainsFunc(f.records, func(r gate.Record) bool { return r.Gap != nil && r.Gap.Kind == gate.GapRecipientUnknown })
		if named == 0 && !gap || named > 0 && f.told.Recipients == 0 {
			t.Errorf("%s: %d recipients, of %d fields that name some by Python's reading; a gap: %v", rel, named, f.told.Recipients, gap)
		}
	}
}

// twice compares the file with itself, and imports it with pseudonyms, by the whole program.
func (f *publicFile) twice(t *testing.T) {
	if f.refused != nil || f.pkg == publicArchive { // which others compare: see TestReencodings
		return
	}
	out := filepath.Join(t.TempDir(), "corpus.tape")
	for _, args := range [][]string{
		{"diff", f.path, f.path},
		{"import", "--keep-identities", "--out", out, f.path},
	} {
		f.within(t, args[0], func() {
			var printed bytes.Buffer
			code := waybill.Run(args, strings.NewReader(""), io.Discard, &printed)
			wrong := code != 0 && code != 2 && code != 3
			if wrong || code == 0 && f.broken != nil {
				t.Errorf("%s: waybill %s exits with %d: %s", f.path, args[0], code, printed.String())
			}
		})
	}
	if err := os.Remove(out); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// printPublic prints the table of .github/docs/detection.md.
func printPublic(t *testing.T, rows map[string]*publicRow) {
	var b strings.Builder
	total := 0
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		total += row.files
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", name, row.files, row.broken, row.messages, row.theirs, row.equal, row.explained, row.missing, row.more, row.gapped)
	}
	t.Logf("%d files\n%s", total, b.String())
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		for _, all := range []map[string]int{rows[name].refusals, rows[name].gaps} {
			for _, what := range slices.Sorted(maps.Keys(all)) {
				t.Logf("%s: %d: %s", name, all[what], what)
			}
		}
	}
}

// complaints are those that a test would fail with.
type complaints []string

func (c *complaints) Errorf(format string, args ...any) {
	*c = append(*c, fmt.Sprintf(format, args...))
}
func (c *complaints) Logf(string, ...any) {}

// TestPublicFilesSeesLosses loses what a file holds, and wants it to be seen unless a gap says so.
func TestPublicFilesSeesLosses(t *testing.T) {
	mailed := gate.Record{Kind: gate.KindMessage, Message: &gate.Message{Channel: "smtp", Head: []byte("RCPT TO:<a@example.org>\r\n"), Body: []byte("x\r\n")}}
	asked := gate.Record{Kind: gate.KindMessage, Message: &gate.Message{Channel: "http", Head: []byte("GET /one HTTP/1.1\r\n")}}
	gap := gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: gate.GapNotRecorded, Where: "import", Detail: "it is missing"}}
	sum := sha256.Sum256(mailed.Message.Body)
	whole := []string{hex.EncodeToString(sum[:]), ""}
	for name, c := range map[string]struct {
		format  string
		records []gate.Record
		told    publicTold
		lost    bool
	}{
		"mail":                   {"eml", []gate.Record{mailed}, publicTold{Digests: whole, Recipients: 1}, false},
		"mail changed":           {"eml", []gate.Record{mailed}, publicTold{Digests: []string{"", ""}, Recipients: 1}, true},
		"mail to nobody":         {"eml", []gate.Record{mailed}, publicTold{Digests: whole}, true},
		"mail gone":              {"eml", nil, publicTold{Digests: whole}, true},
		"mailbox":                {"mbox", []gate.Record{mailed}, publicTold{Count: 1}, false},
		"mailbox, one lost":      {"mbox", []gate.Record{mailed}, publicTold{Count: 2}, true},
		"mailbox, one in a gap":  {"mbox", []gate.Record{mailed, gap}, publicTold{Count: 2}, false},
		"mailbox, two and a gap": {"mbox", []gate.Record{mailed, gap}, publicTold{Count: 3}, true},
		"archive, one lost":      {"har", []gate.Record{asked}, publicTold{Count: 2}, true},
		"capture":                {"pcap", []gate.Record{asked, mailed}, publicTold{Requests: map[string]int{"GET /one": 1}, Mails: 1}, false},
		"capture, other request": {"pcap", []gate.Record{asked, mailed}, publicTold{Requests: map[string]int{"GET /two": 1}, Mails: 1}, true},
		"capture, mail lost":     {"pcap", []gate.Record{asked}, publicTold{Requests: map[string]int{"GET /one": 1}, Mails: 1}, true},
		"capture, in a gap":      {"pcap", []gate.Record{asked, gap}, publicTold{Requests: map[string]int{"GET /one": 1}, Mails: 1}, false},
	} {
		f := &publicFile{path: name, records: c.records, told: c.told}
		f.format.Name = c.format
		var said complaints
		f.count(&said, "", &publicRow{refusals: map[string]int{}, gaps: map[string]int{}})
		if lost := len(said) > 0; lost != c.lost {
			t.Errorf("%s: %q", name, said)
		}
	}
}
