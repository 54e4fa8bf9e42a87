package maildir_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/maildir"
)

// layOut makes a Maildir with the files given, by path.
func layOut(t testing.TB, dir string, files map[string]string) string {
	t.Helper()
	for _, folder := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// mails is a Maildir with something of everything, and how many bytes its files have.
func mails(t testing.TB, dir string) (path string, size int64) {
	t.Helper()
	files := map[string]string{
		"cur/1029999383.M1P2.host:2,S": "Return-Path: <>\nX-Original-To: Bob+tag@example.net\nDelivered-To: bob@example.net\nSubject: bounce\n\nbody\n",
		"new/1029999384.M1P3.host":     "Return-Path: <alice@example.org>\nDelivered-To: bob@example.net\nDelivered-To: list@example.org\n\nFrom here\n",
		"cur/1029999385.M1P4.host:2,":  "Subject: nobody\n\nbody\n",
		"tmp/1029999386.M1P5.host":     "Subject: half a ma",
		"cur/.hidden":                  "x",
		"dovecot-uidlist":              "3 V1 N4\n",
	}
	for _, content := range files {
		size += int64(len(content))
	}
	files[".Sent/cur/1.M1P1.host:2,S"] = "Subject: sent\n\n"
	return layOut(t, filepath.Join(dir, "mails"), files), size
}

func TestSuite(t *testing.T) {
	path, size := mails(t, t.TempDir())
	importertest.Run(t, importertest.Suite{
		Format: maildir.Format,
		Samples: []importertest.Sample{
			{
				Path: path, Messages: 3, Gaps: 1, Size: size,
				Skips: map[string]int{"in-delivery": 1, "hidden": 1, "not-a-mail": 1, "subfolder": 1},
			},
			{Path: layOut(t, filepath.Join(t.TempDir(), "nothing"), nil)},
		},
		Many: func(t *testing.T, dir string, n int, body []byte) string {
			for i := range n {
				layOut(t, dir, map[string]string{fmt.Sprintf("new/%d.M1.host", i): "Delivered-To: a@example.org\n\n" + string(body)})
			}
			return dir
		},
	})
}

func TestOrderAndEnvelope(t *testing.T) {
	path, _ := mails(t, t.TempDir())
	want := []string{
		"MAIL FROM:<>\r\nRCPT TO:<bob@example.net>\r\n",
		"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nRCPT TO:<list@example.org>\r\n",
		"",
	}
	for i, m := range importertest.Messages(importertest.Read(t, maildir.Format, path, importer.Options{})) {
		if string(m.Head) != want[i] {
			t.Errorf("message %d: head %q, want %q", i+1, m.Head, want[i])
		}
	}
}

func TestPackedMail(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte("Delivered-To: a@example.org\n\nbody\n")); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	path := layOut(t, t.TempDir(), map[string]string{"cur/1.M1.host,S=35:2,S": packed.String()})
	m := importertest.Messages(importertest.Read(t, maildir.Format, path, importer.Options{}))
	if len(m) != 1 || string(m[0].Body) != "Delivered-To: a@example.org\r\n\r\nbody\r\n" {
		t.Errorf("%+v", m)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"no new":        {func(p string) error { return os.Remove(filepath.Join(p, "new")) }, "new"},
		"folder in cur": {func(p string) error { return os.Mkdir(filepath.Join(p, "cur", "x"), 0o700) }, "not a regular file"},
		"dangling link": {func(p string) error { return os.Symlink("nowhere", filepath.Join(p, "cur", "y")) }, "no such file"},
	} {
		path := layOut(t, t.TempDir(), nil)
		if err := c.spoil(path); err != nil {
			t.Fatal(err)
		}
		var got error
		for _, err := range maildir.Format.Read(path, importer.Options{}) {
			got = err
		}
		if got == nil || !strings.Contains(got.Error(), c.want) || !strings.Contains(got.Error(), path) {
			t.Errorf("%s: error %v, want %q", name, got, c.want)
		}
	}
}

// Whatever a mail holds, it is one message and all of its bytes are accounted for.
func FuzzMaildir(f *testing.F) {
	f.Add("1.M1.host:2,S", []byte("Return-Path: <>\nDelivered-To: bob@example.net\n\nbody\n"))
	f.Add(".x", []byte("x"))
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if name == "" || strings.ContainsAny(name, "/\x00") || name == "." || name == ".." || len(name) > 200 {
			t.Skip("not a file name")
		}
		if bytes.HasPrefix(data, []byte("\x1f\x8b")) {
			t.Skip("gzip is tried by the suite")
		}
		path := layOut(t, t.TempDir(), map[string]string{"cur/" + name: string(data)})
		var size int64
		items := importertest.Read(t, maildir.Format, path, importer.Options{MaxBody: 1000})
		for _, item := range items {
			size += item.Bytes
		}
		if size != int64(len(data)) || (items[0].Record.Message == nil) == (items[0].Skip == nil) {
			t.Errorf("%d bytes of %d, %+v", size, len(data), items)
		}
	})
}
