package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// forgetVerdict removes the verdict of an earlier run from path, so that it is not
// taken for this one's, however this one ends. Anything else that stands there is
// somebody's, and refused: a corpus, a configuration, a device. "" is no path.
func forgetVerdict(path string) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return usage(fmt.Errorf("write the verdict: %w", err), "")
	}
	if !info.Mode().IsRegular() || !isVerdict(path) {
		return usage(fmt.Errorf("write the verdict to %s: something else stands there, which is not overwritten", path), "name another file")
	}
	if err := os.Remove(path); err != nil {
		return usage(fmt.Errorf("remove the verdict of an earlier run: %w", err), "")
	}
	return nil
}

// isVerdict reports whether a file begins as [report.JSON] writes a verdict.
func isVerdict(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	b := make([]byte, 64)
	n, err := io.ReadFull(f, b)
	words := strings.Fields(string(b[:n]))
	return errors.Is(err, io.EOF) || len(words) > 3 && words[0] == "{" && words[1] == `"schema":` && words[3] == `"decision":`
}

// distinct refuses runs of which one is given twice: it would be compared with itself.
func distinct(runs []string) error {
	var seen []fs.FileInfo
	for _, run := range runs {
		info, err := os.Stat(run)
		if err != nil {
			continue // told when it is opened
		}
		for _, other := range seen {
			if os.SameFile(info, other) {
				return usage(fmt.Errorf("the run %s is given twice: it would be compared with itself", run), "give two runs")
			}
		}
		seen = append(seen, info)
	}
	return nil
}
