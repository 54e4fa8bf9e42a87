package eml_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/eml"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
)

func sample(t *testing.T, name string, gaps int) importertest.Sample {
	t.Helper()
	path := filepath.Join("testdata", name)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return importertest.Sample{Path: path, Messages: 1, Gaps: gaps, Size: info.Size()}
}

func TestSuite(t *testing.T) {
	importertest.Run(t, importertest.Suite{
		Format:  eml.Format,
		Samples: []importertest.Sample{sample(t, "plain.eml", 0), sample(t, "crlf.eml", 1)},
		Many: func(t *testing.T, dir string, n int, body []byte) string {
			path := filepath.Join(dir, "many.eml")
			data := append([]byte("Delivered-To: a@example.org\n\n"), bytes.Repeat(body, n)...)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		},
	})
}

func TestMessage(t *testing.T) {
	for name, want := range map[string][2]string{
		"plain.eml": {
			"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n",
			"Received: from a by b; Thu, 22 Aug 2002 07:36:16 -0400\r\nReturn-Path: <alice@example.org>\r\nReturn-Path: <earlier@example.org>\r\n" +
				"Delivered-To: bob@example.net\r\nFrom: Alice <alice@example.org>\r\n\r\nHello.\r\nFrom here\r\n",
		},
		"crlf.eml": {"", "From: Alice <alice@example.org>\r\nTo: bob@example.net\r\n\r\nmixed\r\nlines\r\nand\ra bare one"},
	} {
		m := importertest.Messages(importertest.Read(t, eml.Format, filepath.Join("testdata", name), importer.Options{}))
		if len(m) != 1 {
			t.Fatalf("%s: %d messages", name, len(m))
		}
		if string(m[0].Head) != want[0] || string(m[0].Body) != want[1] {
			t.Errorf("%s: head %q, body %q", name, m[0].Head, m[0].Body)
		}
	}
}

// A mail is known by any field that mail has, and by no other text.
func TestSniff(t *testing.T) {
	for text, want := range map[string]bool{
		"From: a@example.org\n\nhello\n":                      true,
		"To: b@example.org\nSubject: hello\n\nhello\n":        true,
		"subject: hello\n":                                    true,
		"X-Mailer: y\nDate: today\nMIME-Version: 1.0\n\n":     true,
		"Delivered-To: b@example.org\r\n\r\n":                 true,
		"\xef\xbb\xbfTo: b@example.org\n\n":                   true,
		">From a@example.org\nTo: b@example.org\n\nhello\n":   true,
		"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n": false,
		"Date: today\nContent-Type: text/plain\n\n":           false,
		"Date: Mon, 1 Jan 2024 00:00:00 +0000\n\nhello\n":     true,
		"X-Mailer: y\n\nhello\n":                              true,
		"Title: x\nDate: 2024-01-01\n\nhello\n":               false,
		"hello\n\nSubject: hello\n":                           false,
		"\nTo: b@example.org\n":                               false,
		"":                                                    false,
	} {
		if got := eml.Format.Sniff("", []byte(text)); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// What a writer of mailboxes left before the header section is no part of the mail.
func TestFromLineBefore(t *testing.T) {
	const mail = "Delivered-To: b@example.org\r\nSubject: hello\r\n\r\nFrom here on\r\n"
	const head = "RCPT TO:<b@example.org>\r\n"
	for text, want := range map[string][3]string{
		"From a@example.org\r\n" + mail:                           {"MAIL FROM:<a@example.org>\r\n" + head, mail, "[from-line-removed]"},
		">From a@example.org Thu Aug 22 12:36:23 2002\r\n" + mail: {"MAIL FROM:<a@example.org>\r\n" + head, mail, "[from-line-removed]"},
		"From nobody\r\n" + mail:                                  {head, mail, "[from-line-removed sender-unknown]"},
		"\xef\xbb\xbf" + mail:                                     {head, mail, "[sender-unknown]"},
		"From here on\r\nit is text\r\n":                          {"", "From here on\r\nit is text\r\n", "[sender-unknown]"},
	} {
		path := importertest.Write(t, "x.eml", []byte(text))
		m := importertest.Messages(importertest.Read(t, eml.Format, path, importer.Options{}))[0]
		if got := [3]string{string(m.Head), string(m.Body), fmt.Sprint(m.Events)}; got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// Whatever a file holds, it is one message and all of its bytes are accounted for.
func FuzzEML(f *testing.F) {
	for _, name := range []string{"plain.eml", "crlf.eml"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		if _, err := importer.Detect(importertest.Write(t, "x", data), nil); err != nil && !strings.Contains(err.Error(), "none of the known formats") {
			t.Skip("it is of a format that is refused by name")
		}
		path := filepath.Join(t.TempDir(), "fuzz.eml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		items := importertest.Read(t, eml.Format, path, importer.Options{MaxBody: 1000})
		m := items[0].Record.Message
		left := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
		if m != nil && slices.Contains(m.Events, "from-line-removed") {
			_, left, _ = bytes.Cut(left, []byte("\n"))
		}
		if m == nil || items[0].Bytes != int64(len(data)) || int64(len(m.Body))+m.Cut < int64(len(left)) {
			t.Fatalf("%+v", items)
		}
		if bytes.Count(m.Head, []byte("\r")) != bytes.Count(m.Head, []byte("\n")) {
			t.Errorf("head %q", m.Head)
		}
	})
}
