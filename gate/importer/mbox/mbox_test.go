package mbox_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

func size(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func sample(t testing.TB, name string, messages, gaps int, skips map[string]int) importertest.Sample {
	path := filepath.Join("testdata", name)
	return importertest.Sample{Path: path, Messages: messages, Gaps: gaps, Skips: skips, Size: size(t, path)}
}

func many(format string) func(*testing.T, string, int, []byte) string {
	return func(t *testing.T, dir string, n int, body []byte) string {
		path := filepath.Join(dir, "many")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for range n {
			if _, err := fmt.Fprintf(f, format, len(body), body); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
}

const measuredMail = "From a@example.org Thu Aug 22 12:36:23 2002\nDelivered-To: b@example.org\nContent-Length: %d\n\n%s\n"

func TestSuite(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format: mbox.Format,
		Samples: []importertest.Sample{
			sample(t, "three.mbox", 3, 1, nil),
			sample(t, "crlf.mbox", 1, 1, map[string]int{"blank-lines": 1}),
			sample(t, "empty-mails.mbox", 3, 3, nil),
		},
		Many: many(measuredMail),
	})
}

func TestSuiteMeasured(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format:  mbox.CL2,
		Samples: []importertest.Sample{sample(t, "measured.cl2", 3, 0, nil)},
		Many:    many(measuredMail),
	})
}

// The date of a From_ line is of any of three forms.
func TestDates(t *testing.T) {
	for line, want := range map[string]string{
		"From a@x.example Thu Aug 22 12:36:23 2002":          "MAIL FROM:<a@x.example>",
		"From a@x.example Thu Aug 22 12:36 2002 +0200":       "MAIL FROM:<a@x.example>",
		"From a@x.example Thu, 22 Aug 2002 12:36:23 +0000":   "MAIL FROM:<a@x.example>",
		"From a@x.example 22 Aug 2002 12:36:23":              "MAIL FROM:<a@x.example>",
		"From a@x.example 2002-08-22T12:36:23Z":              "MAIL FROM:<a@x.example>",
		"From a@x.example 2002-08-22 12:36:23.5+02:00":       "MAIL FROM:<a@x.example>",
		"From MAILER-DAEMON Thu, 22 Aug 2002 12:36:23 +0000": "MAIL FROM:<>",
		"From the first of 22 August 2002 on":                "",
		"From a@x.example on 2002-08-22":                     "",
		"From Monday, 22 Aug 2002":                           "",
	} {
		data := "From z@x.example Thu Aug 22 12:36:23 2002\nDelivered-To: b@x.example\n\none\n\n" + line + "\nDelivered-To: c@x.example\n\ntwo\n"
		messages := importertest.Messages(importertest.Read(t, mbox.Format, importertest.Write(t, "x.mbox", []byte(data)), importer.Options{}))
		if want == "" && len(messages) == 1 {
			continue
		}
		if want == "" || len(messages) != 2 || !strings.HasPrefix(string(messages[1].Head), want+"\r\n") {
			t.Errorf("%s: %d messages, want %q", line, len(messages), want)
		}
	}
}

// From_ lines may have no date, where the first has none.
func TestUndated(t *testing.T) {
	const one, two = "Delivered-To: a@example.org\nSubject: one\n\none\n", "Delivered-To: b@example.org\nSubject: two\n\ntwo\n"
	for text, want := range map[string][2]int{ // messages, and gaps
		"From x@example.org\n" + one + "\nFrom y@example.org\n" + two:                                    {2, 0},
		"From x@example.org\n" + one + "\nFrom - \n" + two:                                               {2, 0},
		"From MAILER-DAEMON\n" + one:                                                                     {1, 0},
		"From \n" + one + "\nFrom  \n" + two:                                                             {2, 0},
		"From A B <x@example.org>\n" + one + "\nFrom y@example.org Mon Jan  1 2024\n" + two:              {2, 0},
		"From x@example.org 2024\n" + one + "\nFrom now on\nNote: it is text\n":                          {1, 0},
		"From \n" + one + "\nFrom \nit is text\n":                                                        {1, 0},
		"From x@example.org\n" + one + "\nFrom y@example.org Thu Aug 22 12:36:23 2002\n" + two:           {2, 0},
		"From x@example.org\n" + one + "\nFrom here on\n":                                                {1, 0},
		"From x@example.org\n" + one + "\nFrom here\nit is text\n":                                       {1, 0},
		"From x@example.org Thu Aug 22 12:36:23 2002\n" + one + "\nFrom y@example.org\nit is text\n":     {1, 0},
		"From x@example.org Thu Aug 22 12:36:23 2002\n" + one + "\nFrom y@example.org\n" + two:           {1, 1},
		"From x@example.org\n" + one + strings.Repeat("long\n", 40_000) + "\nFrom y@example.org\n" + two: {2, 0},
	} {
		path := importertest.Write(t, "x.mbox", []byte(text))
		if !mbox.Format.Sniff(path, []byte(text)[:min(len(text), importer.SniffSize)]) {
			t.Errorf("%.80q: is not known", text)
		}
		items := importertest.Read(t, mbox.Format, path, importer.Options{})
		messages := importertest.Messages(items)
		if got := [2]int{len(messages), len(importertest.Gaps(items))}; got != want || importertest.Size(items) != int64(len(text)) {
			t.Errorf("%.80q: %d messages and gaps, want %d; %d bytes of %d", text, got, want, importertest.Size(items), len(text))
		}
		for _, m := range messages {
			if bytes.HasPrefix(m.Body, []byte("From ")) || !bytes.Contains(m.Head, []byte("RCPT TO:")) {
				t.Errorf("%.80q: head %q, body %.80q", text, m.Head, m.Body)
			}
		}
	}
	for _, text := range []string{"From here\n", "From here\nit is text\n", "From x@example.org\n\nbody\n", "From C:\nSubject: x\n", "From a to b\nSubject: x\n"} {
		if mbox.Format.Sniff("", []byte(text)) {
			t.Errorf("%q is taken for a mailbox", text)
		}
	}
}

func TestThree(t *testing.T) {
	items := importertest.Read(t, mbox.Format, "testdata/three.mbox", importer.Options{})
	for i, want := range []struct {
		head, body string
		events     []string
	}{
		{
			"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n",
			"Return-Path: <alice@example.org>\r\nDelivered-To: bob@example.net\r\nSubject: one\r\n\r\n" +
				"Hello Bob.\r\nFrom now on I quote.\r\n>From twice\r\n\r\nFrom here on, no mail begins.\r\n",
			[]string{"from-unquoted 2", "from-line 1"},
		},
		{
			"MAIL FROM:<bounce@lists.example.org>\r\nRCPT TO:<carol@example.net>\r\nRCPT TO:<\"d, e\"@example.net>\r\n",
			"Delivered-To: mailing list talk@lists.example.org\r\nX-Envelope-To: <carol@example.net>,\r\n\t\"d, e\"@example.net\r\nSubject: two\r\n\r\nsecond\r\n",
			[]string{"loop-mark 1"},
		},
		{"MAIL FROM:<>\r\n", "Subject: three\r\n\r\nnobody knows to whom\r\n", nil},
	} {
		m := importertest.Messages(items)[i]
		if string(m.Head) != want.head {
			t.Errorf("message %d: head %q, want %q", i+1, m.Head, want.head)
		}
		if string(m.Body) != want.body {
			t.Errorf("message %d: body %q, want %q", i+1, m.Body, want.body)
		}
		if !slices.Equal(m.Events, want.events) {
			t.Errorf("message %d: events %q, want %q", i+1, m.Events, want.events)
		}
	}
}

func TestMeasuredBodyIsNotSearched(t *testing.T) {
	m := importertest.Messages(importertest.Read(t, mbox.CL2, "testdata/measured.cl2", importer.Options{}))
	want := "From x@example.org Thu Aug 22 12:36:23 2002\r\n\r\nFrom y@example.org Thu Aug 22 12:36:23 2002\r\n>From kept\r\n"
	if !strings.HasSuffix(string(m[0].Body), "\r\n\r\n"+want) {
		t.Errorf("body %q", m[0].Body)
	}
	if !strings.HasSuffix(string(m[1].Body), "\r\n\r\nno end of line") {
		t.Errorf("body %q", m[1].Body)
	}
}

func TestRefused(t *testing.T) {
	const from = "From a@example.org Thu Aug 22 12:36:23 2002\n"
	for _, c := range []struct {
		name, content string
		format        importer.Format
		want          string
	}{
		{"no From_ line", "Subject: x\n\nbody\n", mbox.Format, "at byte 0 stands no From_ line"},
		{"text before", "\n\nhello\n" + from, mbox.Format, "at byte 2 stands no From_ line"},
		{"no date", "From a@example.org\n\nbody\n", mbox.Format, "no From_ line"},
		{"no length", from + "\nbody\n", mbox.CL2, "has no Content-Length"},
		{"two lengths", from + "Content-Length: 1\nContent-Length: 2\n\nbody\n", mbox.CL2, "not one number"},
		{"length is a word", from + "Content-Length: ten\n\nbody\n", mbox.CL2, "not one number"},
		{"length below zero", from + "Content-Length: -1\n\nbody\n", mbox.CL2, "not one number"},
		{"too short", from + "Content-Length: 2\n\nbody\n", mbox.CL2, "no From_ line follows"},
		{"too long", from + "Content-Length: 99\n\nbody\n", mbox.CL2, "the file ends after 5"},
		{"header without end", from + "Content-Length: 9\n", mbox.CL2, "ends within its header section"},
	} {
		path := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		var got error
		for _, err := range c.format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), c.want) || !strings.Contains(got.Error(), path) {
			t.Errorf("%s: error %v, want %q", c.name, got, c.want)
		}
	}
}

// A separator that is missing is told where it can be seen, and only there.
func TestMissingSeparator(t *testing.T) {
	const (
		from   = "From a@example.org Thu Aug 22 12:36:23 2002\n"
		header = "Delivered-To: b@example.org\nReceived: from x by y; Thu, 22 Aug 2002 12:36:23 +0000\nFrom: a@example.org\nSubject: two\n"
		first  = from + "Delivered-To: b@example.org\nSubject: one\n"
	)
	for name, c := range map[string]struct {
		content string
		mails   int
		gap     string
	}{
		"none is missing":         {first + "\nbody\n\n" + from + header + "\nbody\n", 2, ""},
		"the blank line":          {first + "\nbody\n" + from + header + "\nbody\n", 1, "may hold 1 more"},
		"a body, and blank lines": {first + from + header + "\nbody\n", 1, "may hold 1 more"},
		"bodies, of many parts":   {first + "Content-Type: multipart/mixed; boundary=x\n" + from + header + from + header + "\nbody\n", 1, "may hold 2 more"},
		"the From_ line":          {first + "\nbody\n\n" + header + "\nbody\n", 1, "may hold 1 more"},
		"both, at the end":        {first + "\nbody\n\n" + header, 1, "may hold 1 more"},
		"twice":                   {first + "\nbody\n" + from + header + "\nbody\n\n" + header + "\nbody\n", 1, "may hold 2 more"},
		"a mail within a mail":    {first + "Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n" + header + "\nbody\n--b--\n", 1, ""},
		"text like a separator":   {first + "\nIt began:\n" + from + "and went on\n", 1, ""},
		"text like a header":      {first + "\nbody\n\nSubject: knees\nFrom: me\n\nbody\n", 1, ""},
		"a block that is not one": {first + "\nbody\n\nDelivered-To: b\nand so on\nReceived: x\nFrom: y\n\n", 1, ""},
	} {
		path := importertest.Write(t, "x.mbox", []byte(c.content))
		for _, received := range []bool{false, true} {
			items := importertest.Read(t, mbox.Format, path, importer.Options{Received: received})
			var gap string
			for _, g := range importertest.Gaps(items) {
				gap += g.Detail
			}
			if mails := len(importertest.Messages(items)) + len(importertest.Stimuli(items)); mails != c.mails || c.gap == "" && gap != "" || !strings.Contains(gap, c.gap) {
				t.Errorf("%s: %d mails, gap %q; want %d, %q", name, mails, gap, c.mails, c.gap)
			}
		}
	}
}

// Mail that production received is a stimulus where it can be sent again, and nothing else.
func TestReceived(t *testing.T) {
	const from = "From s@example.org Thu Aug 22 12:36:23 2002\n"
	for name, c := range map[string]struct{ mail, head, gap string }{
		"whole":        {from + "Received: from client.example.org (x [192.0.2.1]) by y; z\nDelivered-To: b@example.org\n\nbody\n", "HELO client.example.org\r\nMAIL FROM:<s@example.org>\r\nRCPT TO:<b@example.org>\r\n", ""},
		"no client":    {from + "Received: by y; z\nDelivered-To: b@example.org\n\nbody\n", "MAIL FROM:<s@example.org>\r\nRCPT TO:<b@example.org>\r\n", ""},
		"odd client":   {from + "Received: from a;b by y; z\nDelivered-To: b@example.org\n\nbody\n", "MAIL FROM:<s@example.org>\r\nRCPT TO:<b@example.org>\r\n", ""},
		"bounce":       {from + "Return-Path: <>\nDelivered-To: b@example.org\n\nbody\n", "MAIL FROM:<>\r\nRCPT TO:<b@example.org>\r\n", ""},
		"no recipient": {from + "To: b@example.org\n\nbody\n", "", gate.GapRecipientUnknown},
		"no sender":    {"From - Thu Aug 22 12:36:23 2002\nDelivered-To: b@example.org\n\nbody\n", "", gate.GapNotRecorded},
	} {
		path := importertest.Write(t, "x.mbox", []byte(c.mail))
		items := importertest.Read(t, mbox.Format, path, importer.Options{Received: true, Prefix: "2-"})
		stimuli, gaps := importertest.Stimuli(items), importertest.Gaps(items)
		if n := importertest.Size(items); n != int64(len(c.mail)) {
			t.Errorf("%s: %d bytes are accounted for, of %d", name, n, len(c.mail))
		}
		if c.gap != "" {
			if len(stimuli) != 0 || len(gaps) != 1 || gaps[0].Kind != c.gap {
				t.Errorf("%s: %d stimuli, gaps %+v", name, len(stimuli), gaps)
			}
			continue
		}
		if len(stimuli) != 1 || len(gaps) != 0 || string(stimuli[0].Head) != c.head || stimuli[0].ID != "2-mail-1" || !strings.HasSuffix(string(stimuli[0].Body), "\r\n\r\nbody\r\n") {
			t.Errorf("%s: %+v, gaps %+v", name, stimuli, gaps)
		}
	}
}

func TestFromLineLongerThanABuffer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.mbox")
	long := strings.Repeat("x", 300<<10)
	content := "From a@example.org Thu Aug 22 12:36:23 2002\nDelivered-To: b@example.org\n\n" + long + "\n\nFrom " + long + "\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	m := importertest.Messages(importertest.Read(t, mbox.Format, path, importer.Options{}))
	if len(m) != 1 || !strings.HasSuffix(string(m[0].Body), "\r\n\r\nFrom "+long+"\r\n") {
		t.Errorf("%d messages", len(m))
	}
}

// The public archive of SpamAssassin: real mail of 2002, odd and hostile.
func TestArchive(t *testing.T) {
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		t.Skip("WAYBILL_CORPORA is not set: the public archive is not read")
	}
	path := filepath.Join(folder, "spamassassin.mbox.gz")
	lines, bytesIn := countFromLines(t, path)
	if lines != 4830 {
		t.Fatalf("%d lines begin with From: this is another archive", lines)
	}
	var messages, skips, addressed, unknown, joined int
	var accounted, end int64
	for item, err := range mbox.Format.Read(path, importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		accounted += item.Bytes
		if item.Bytes > 0 && item.Offset != end {
			t.Fatalf("bytes %d to %d belong to nothing", end, item.Offset)
		}
		if item.Bytes > 0 {
			end = item.Offset + item.Bytes
		}
		switch {
		case item.Skip != nil:
			skips++
		case item.Record.Gap != nil && item.Record.Gap.Kind == gate.GapNotRecorded:
			joined++
		case item.Record.Gap != nil:
			unknown++
		case item.Record.Message != nil:
			messages++
			if bytes.Contains(item.Record.Message.Head, []byte("RCPT TO:")) {
				addressed++
			}
		}
	}
	if messages+skips != lines {
		t.Errorf("%d messages and %d skipped, and %d begin", messages, skips, lines)
	}
	if accounted != bytesIn || end != bytesIn {
		t.Errorf("%d bytes are accounted for, up to byte %d, and there are %d", accounted, end, bytesIn)
	}
	if addressed+unknown != messages || addressed == 0 {
		t.Errorf("%d messages have a recipient and %d have a gap, of %d", addressed, unknown, messages)
	}
	if joined > messages/1000 {
		t.Errorf("%d mails are said to hold others", joined)
	}
	t.Logf("%d messages, %d with a recipient, %d that may hold others", messages, addressed, joined)
}

// countFromLines is the independent count: every line that begins with "From ".
func countFromLines(t *testing.T, path string) (lines int, size int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(z)
	for {
		line, err := in.ReadString('\n')
		size += int64(len(line))
		if strings.HasPrefix(line, "From ") {
			lines++
		}
		if err == io.EOF {
			return lines, size
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Whatever a file holds, either it is refused or its bytes are all accounted for.
func FuzzMbox(f *testing.F) {
	for _, name := range []string{"three.mbox", "crlf.mbox", "empty-mails.mbox", "measured.cl2"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "fuzz")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		packed := bytes.HasPrefix(data, []byte("\x1f\x8b"))
		for _, format := range []importer.Format{mbox.Format, mbox.CL2} {
			var size int64
			var failed error
			for item, err := range format.Read(path, importer.Options{MaxBody: 1000}) {
				if failed = err; err != nil {
					continue
				}
				size += item.Bytes
				if m := item.Record.Message; m != nil && bytes.Count(m.Head, []byte("\r")) != bytes.Count(m.Head, []byte("\n")) {
					t.Errorf("head %q", m.Head)
				}
			}
			if failed == nil && size != int64(len(data)) && !packed {
				t.Errorf("%s: %d bytes are accounted for, of %d", format.Name, size, len(data))
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	path := filepath.Join(b.TempDir(), "many")
	var content bytes.Buffer
	for range 1000 {
		fmt.Fprintf(&content, measuredMail, 4096, strings.Repeat("a line of the body of a mail, of usual length.\n", 87))
	}
	if err := os.WriteFile(path, content.Bytes(), 0o600); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(content.Len()))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		for _, err := range mbox.Format.Read(path, importer.Options{}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 1000 {
			b.Fatal(n)
		}
	}
}
