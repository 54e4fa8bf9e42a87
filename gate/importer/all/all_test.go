package all_test

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/all"
)

// Every folder beside this one is a format, but for the suite, and must be listed.
func TestNoneLeftOut(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "all.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, folder, ok := strings.Cut(path, "/importer/"); ok {
			listed[folder] = true
		}
	}
	folders, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	formats := 0
	for _, f := range folders {
		if !f.IsDir() || f.Name() == "all" || f.Name() == "importertest" {
			continue
		}
		formats++
		if !listed[f.Name()] {
			t.Errorf("gate/importer/%s is missing from all.go", f.Name())
		}
	}
	if formats == 0 || formats != len(listed) {
		t.Errorf("%d folders and %d imports", formats, len(listed))
	}
}

func TestNamesAreOnce(t *testing.T) {
	seen := ""
	for _, f := range all.Formats() {
		if f.Name <= seen {
			t.Errorf("%q stands after %q", f.Name, seen)
		}
		seen = f.Name
	}
}

// Formats that are not read are refused by their names, wherever they are found.
func TestRefusedByName(t *testing.T) {
	for head, want := range map[string]string{
		"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00": "(.msg): save it as .eml",
		"!BDN\x00":             ".pst",
		"\x78\x9f\x3e\x22\x00": "winmail.dat",
		"PK\x03\x04":           "ZIP",
		"\x28\xb5\x2f\xfd\x00": "zstd -d",
	} {
		folder := t.TempDir()
		for _, name := range []string{"cur", "new"} {
			if err := os.Mkdir(filepath.Join(folder, name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		path := filepath.Join(folder, "cur", "1")
		if err := os.WriteFile(path, []byte(head+strings.Repeat("x", 600)), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := importer.Detect(path, all.Formats())
		errs := []error{err}
		for _, f := range all.Formats() {
			source := path
			switch f.Name {
			case "eml":
			case "maildir":
				source = folder
			default:
				continue
			}
			for _, err := range f.Read(source, importer.Options{}) {
				errs = append(errs, err)
			}
		}
		for _, err := range errs {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%q: %v, want %q", head, err, want)
			}
		}
	}
}

// No two formats claim one source.
func TestDetect(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"md/cur", "md/new", "other"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"box":   "From a@example.org Thu Aug 22 12:36:23 2002\nFrom: a@example.org\n\nbody\n",
		"mail":  "From: a@example.org\n\nFrom a@example.org Thu Aug 22 12:36:23 2002\n",
		"notes": "nothing of the kind\n",
		"empty": "",
		"bad":   "\x1f\x8b not gzip",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"md": "maildir", "box": "mbox", "mail": "eml",
		"other": "eml, gor, har, jsonl, maildir, mbox, mboxcl2, mitmproxy, pcap", "notes": "none of the known formats", "empty": "none of the known formats",
		"bad": "gzip", "absent": "no such file",
	} {
		path := filepath.Join(dir, name)
		f, err := importer.Detect(path, all.Formats())
		if err != nil {
			if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want %q", name, err, want)
			}
		} else if f.Name != want {
			t.Errorf("%s: %s, want %q", name, f.Name, want)
		}
	}
	twice := append(all.Formats(), all.Formats()...)
	if _, err := importer.Detect(filepath.Join(dir, "box"), twice); err == nil || !strings.Contains(err.Error(), "more than one format") {
		t.Errorf("two formats claim one source: %v", err)
	}
}
