package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/config"
)

// maxFiles bounds how many files beside a script are read for the digest of its build.
const maxFiles = 50_000

// filesOf is a digest of what a build is made of, as far as its commands name it: their
// words, the programs and files among these, and beside and below a script the files of
// its kind. A name is no identity, and a commit is not always given.
//
// What it does not see: images of containers, what a command fetches, and what set-up makes.
func filesOf(b *config.Build, dir string) (string, error) {
	h := sha256.New()
	f := &files{hash: h, seen: map[string]bool{}}
	lists := [][]string{b.Command, b.Ready.Command, b.Quiet.Command, b.Stop.Command}
	lists = append(append(lists, b.Setup...), b.Reset...)
	for _, name := range slices.Sorted(maps.Keys(b.Jobs)) {
		lists = append(lists, b.Jobs[name].Command)
	}
	for _, argv := range lists {
		for i, word := range argv {
			fmt.Fprintf(h, "%d %q\n", i, word)
			path := strings.ReplaceAll(word, "${config}", dir)
			if strings.Contains(path, "${") {
				continue
			}
			if _, after, ok := strings.Cut(path, "="); ok && strings.HasPrefix(path, "-") { // --config=FILE
				path = after
			}
			if i == 0 && !strings.Contains(path, "/") {
				found, err := exec.LookPath(path)
				if err != nil {
					continue // told when it is started
				}
				path = found
			}
			if !filepath.IsAbs(path) {
				path = filepath.Join(strings.ReplaceAll(b.Dir, "${config}", dir), path)
			}
			if err := f.add(path); err != nil {
				return "", err
			}
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}

type files struct {
	hash hash.Hash
	seen map[string]bool
	n    int
}

// add adds a file, and of a script those of its kind beside and below it.
func (f *files) add(path string) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil // no file: a word
	}
	if err := f.one(path, filepath.Base(path)); err != nil {
		return err
	}
	kind := filepath.Ext(path)
	folder := filepath.Dir(path)
	if !slices.Contains(scripts, kind) || f.seen[folder+kind] {
		return nil
	}
	f.seen[folder+kind] = true
	return filepath.WalkDir(folder, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read the build does not read either
		case d.IsDir() && p != folder && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.Type().IsRegular() || filepath.Ext(p) != kind:
			return nil
		}
		if f.n++; f.n > maxFiles {
			return fmt.Errorf("%s has more than %d files of its kind beside and below it", path, maxFiles)
		}
		rel, err := filepath.Rel(folder, p)
		if err != nil {
			return err
		}
		return f.one(p, rel)
	})
}

// scripts are the kinds of file that programs which are not compiled are made of.
var scripts = []string{".py", ".rb", ".js", ".mjs", ".cjs", ".ts", ".php", ".pl", ".pm", ".sh", ".lua", ".ex", ".exs", ".clj", ".r"}

func (f *files) one(path, name string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return err
	}
	fmt.Fprintf(f.hash, "%q %x\n", name, h.Sum(nil))
	return nil
}
