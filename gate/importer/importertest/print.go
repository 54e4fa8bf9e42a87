package importertest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Print tells items in text, for files of what is expected. said is what the format
// decided by itself.
func Print(items []importer.Item, said ...string) string {
	var b strings.Builder
	for _, s := range said {
		fmt.Fprintf(&b, "said: %s\n", s)
	}
	at := func(ns int64) string {
		if ns == 0 {
			return "at an unknown time"
		}
		return time.Unix(0, ns).UTC().Format(time.RFC3339Nano)
	}
	content := func(head, body []byte, cut int64) {
		for line := range strings.Lines(string(head)) {
			fmt.Fprintf(&b, "\t%q\n", line)
		}
		if len(body) > 0 {
			fmt.Fprintf(&b, "\tbody %q\n", body)
		}
		if cut > 0 {
			fmt.Fprintf(&b, "\tcut %d\n", cut)
		}
	}
	for _, item := range items {
		switch r := item.Record; {
		case item.Skip != nil:
			fmt.Fprintf(&b, "skip %s: %s\n", item.Skip.Reason, item.Skip.Detail)
		case r.Gap != nil:
			fmt.Fprintf(&b, "gap %s, %s: %s\n", r.Gap.Kind, r.Gap.Where, r.Gap.Detail)
		case r.Message != nil:
			m := r.Message
			fmt.Fprintf(&b, "message %d to %s %q %q %q, %s\n", m.Seq, m.Sink, m.Host, m.TLS, m.Events, at(m.At))
			content(m.Head, m.Body, m.Cut)
		case r.Stimulus != nil:
			s := r.Stimulus
			fmt.Fprintf(&b, "stimulus %s at %s of %q, status %d, %s\n", s.ID, s.Door, s.Key, s.Status, at(s.At))
			content(s.Head, s.Body, s.Cut)
			if o := item.Outcome; o != nil {
				fmt.Fprintf(&b, "\toutcome %d %q\n", o.Status, o.Error)
				content(o.Head, o.Body, o.Cut)
			}
		}
	}
	return b.String()
}

// Golden reads every file that pattern matches, and compares what it comes to with the
// file beside it whose name ends in ".items". Where update is true it writes that file.
func Golden(t *testing.T, f importer.Format, pattern string, o importer.Options, update bool) {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no cases were found at %s: %v", pattern, err)
	}
	for _, path := range paths {
		var said []string
		o.Say = func(s string) { said = append(said, s) }
		got := Print(Read(t, f, path, o), said...)
		golden := path + ".items"
		if update {
			if err := os.WriteFile(golden, []byte(got), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatalf("%v; write it with -update and read it", err)
		}
		if d := cmp.Diff(string(want), got); d != "" {
			t.Errorf("%s (-want +got), -update writes it anew:\n%s", path, d)
		}
	}
}

// Write writes a file of content into a folder of its own, and returns its path.
func Write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// SizeOf is the size of a file.
func SizeOf(t testing.TB, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
