package importertest_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/importertest"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

// defectKey names the variable that says which defect a child of this test has.
const defectKey = "WAYBILL_IMPORTERTEST_DEFECT"

// defects are what the suite must see: each makes of a good format a bad one.
func defects() map[string]func(importer.Format) importer.Format {
	each := func(change func(n int, item *importer.Item) (keep bool)) func(importer.Format) importer.Format {
		return func(f importer.Format) importer.Format {
			read := f.Read
			f.Read = func(path string, o importer.Options) iter.Seq2[importer.Item, error] {
				return func(yield func(importer.Item, error) bool) {
					n := 0
					for item, err := range read(path, o) {
						n++
						if err == nil && !change(n, &item) {
							continue
						}
						if !yield(item, err) {
							return
						}
					}
				}
			}
			return f
		}
	}
	onError := func(change func(path string, err error) error) func(importer.Format) importer.Format {
		return func(f importer.Format) importer.Format {
			read := f.Read
			f.Read = func(path string, o importer.Options) iter.Seq2[importer.Item, error] {
				return func(yield func(importer.Item, error) bool) {
					for item, err := range read(path, o) {
						if err != nil {
							if err = change(path, err); err == nil {
								return
							}
						}
						if !yield(item, err) {
							return
						}
					}
				}
			}
			return f
		}
	}
	kept := map[int][]byte{}
	return map[string]func(importer.Format) importer.Format{
		"drops-a-message": each(func(n int, _ *importer.Item) bool { return n != 2 }),
		"drops-a-gap":     each(func(_ int, item *importer.Item) bool { return item.Record.Gap == nil }),
		"miscounts-bytes": each(func(_ int, item *importer.Item) bool { item.Bytes++; return true }),
		"bare-line-feed": each(func(_ int, item *importer.Item) bool {
			if m := item.Record.Message; m != nil {
				m.Body = append(slices.Clone(m.Body), "x\n"...)
			}
			return true
		}),
		"injects-a-command": each(func(_ int, item *importer.Item) bool {
			if m := item.Record.Message; m != nil {
				m.Head = append(m.Head, "DATA\r\n"...)
			}
			return true
		}),
		"cuts-silently": each(func(_ int, item *importer.Item) bool {
			return item.Record.Gap == nil || item.Record.Gap.Kind != gate.GapCutBody
		}),
		"keeps-everything": each(func(_ int, item *importer.Item) bool {
			if m := item.Record.Message; m != nil {
				kept[len(kept)] = slices.Clone(m.Body)
			}
			return true
		}),
		"hides-a-missing-file": onError(func(_ string, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}),
		"hides-a-short-file": onError(func(_ string, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return err
			}
			return nil
		}),
		"claims-everything": func(f importer.Format) importer.Format {
			f.Sniff = func(string, []byte) bool { return true }
			return f
		},
		"claims-nothing": func(f importer.Format) importer.Format {
			f.Sniff = func(string, []byte) bool { return false }
			return f
		},
		"no-doc": func(f importer.Format) importer.Format {
			f.Doc = ""
			return f
		},
	}
}

const from = "From a@example.org Thu Aug 22 12:36:23 2002\n"

// TestSuiteOfOne runs the suite over one format: a good one, or in a child a bad one.
func TestSuiteOfOne(t *testing.T) {
	content := from + "Delivered-To: b@example.org\n\none\n\n" + from + "Subject: x\n\ntwo\n\n" + from + "Delivered-To: c@example.org\n\nthree\n"
	path := filepath.Join(t.TempDir(), "three")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f := mbox.Format
	if defect, ok := defects()[os.Getenv(defectKey)]; ok {
		f = defect(f)
	}
	importertest.Run(t, importertest.Suite{
		Format:  f,
		Samples: []importertest.Sample{{Path: path, Messages: 3, Gaps: 1, Size: int64(len(content))}},
		Many: func(t *testing.T, dir string, n int, body []byte) string {
			path := filepath.Join(dir, "many")
			out, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer out.Close()
			for range n {
				if _, err := fmt.Fprintf(out, "%sDelivered-To: b@example.org\n\n%s\n", from, body); err != nil {
					t.Fatal(err)
				}
			}
			return path
		},
	})
}

// The suite must fail for each of the defects.
func TestSuiteSeesDefects(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(defects())) {
		part := "-test.skip=^TestSuiteOfOne$/^memory$"
		if name == "keeps-everything" {
			part = "-test.run=^TestSuiteOfOne$/^memory$"
		}
		cmd := exec.Command(os.Args[0], "-test.run=^TestSuiteOfOne$", part)
		cmd.Env = append(os.Environ(), defectKey+"="+name)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !bytes.Contains(out, []byte("--- FAIL: TestSuiteOfOne/")) {
			t.Errorf("%s: not seen: %v\n%s", name, err, out)
		}
	}
}
