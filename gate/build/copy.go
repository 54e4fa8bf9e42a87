//go:build unix

package build

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"

	"github.com/waybill-dev/waybill/gate/config"
)

// A stateCopy is a part of a build's state that is kept by copying it while nothing of the build
// runs. Paths are below the folder of the site.
type stateCopy struct {
	from string   // a folder, or a file
	also []string // suffixes of files that belong to it, and may be missing
	gone []string // suffixes of files that are removed with it, and made anew by who opens it
	kept string   // folder
}

// copiesOf are the recipes of a state, ready for [stateCopy].kept to be set.
func copiesOf(s *config.State) []stateCopy {
	var all []stateCopy
	for _, p := range s.Folder {
		all = append(all, stateCopy{from: below(p)})
	}
	for _, p := range s.SQLite {
		// A database at rest is its file with a write-ahead log or a rollback journal, where one
		// is left; the index of the log is made anew of it (sqlite.org/tempfiles.html).
		all = append(all, stateCopy{from: below(p), also: []string{"-wal", "-journal"}, gone: []string{"-shm"}})
	}
	return all
}

// below is a path that begins with [config.StateFolder], below the folder of the site.
func below(p string) string { return stateFolder + strings.TrimPrefix(p, config.StateFolder) }

// keep copies what Setup made.
func (c stateCopy) keep(site *os.Root) error {
	if err := site.Mkdir(c.kept, 0o700); err != nil {
		return err
	}
	return c.each(func(suffix string) error { return copyTree(site, c.from+suffix, c.keptAs(suffix)) })
}

// bringBack puts what was kept in the place of what is there.
func (c stateCopy) bringBack(site *os.Root) error {
	for _, suffix := range append(c.gone, "") {
		if err := removeBelow(site, c.from+suffix); err != nil {
			return err
		}
	}
	for _, suffix := range c.also {
		if err := removeBelow(site, c.from+suffix); err != nil {
			return err
		}
	}
	return c.each(func(suffix string) error { return copyTree(site, c.keptAs(suffix), c.from+suffix) })
}

func (c stateCopy) keptAs(suffix string) string { return path.Join(c.kept, "it") + suffix }

// each calls do for what is copied. Only what belongs to it may be missing.
func (c stateCopy) each(do func(suffix string) error) error {
	if err := do(""); err != nil {
		return err
	}
	for _, suffix := range c.also {
		if err := do(suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// removeBelow removes a file or a folder, one that may not be written to as well.
func removeBelow(site *os.Root, name string) error {
	if site.RemoveAll(name) == nil {
		return nil
	}
	_ = fs.WalkDir(site.FS(), name, func(p string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			_ = site.Chmod(p, 0o700)
		}
		return nil // what cannot be removed is told below
	})
	return site.RemoveAll(name)
}

// copyTree copies a file, or a folder with all that is in it: contents, rights, owners where this
// process may give them, times of change, and links as they are. Sockets and pipes are left out,
// since whoever listens makes them anew. Names of one file become files of their own.
func copyTree(site *os.Root, from, to string) error {
	info, err := site.Lstat(from)
	if err != nil {
		return err
	}
	switch mode := info.Mode(); {
	case mode.IsDir():
		if err := copyFolder(site, from, to); err != nil {
			return err
		}
	case mode.IsRegular():
		if err := copyFile(site, from, to); err != nil {
			return err
		}
	case mode&fs.ModeSymlink != 0:
		target, err := site.Readlink(from)
		if err == nil {
			err = site.Symlink(target, to)
		}
		if err != nil {
			return err
		}
		return own(site, info, to)
	default:
		return nil
	}
	if err := own(site, info, to); err != nil {
		return err
	}
	if err := site.Chmod(to, info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky)); err != nil {
		return err
	}
	return site.Chtimes(to, info.ModTime(), info.ModTime())
}

func copyFolder(site *os.Root, from, to string) error {
	if err := site.Mkdir(to, 0o700); err != nil {
		return err
	}
	folder, err := site.Open(from)
	if err != nil {
		return err
	}
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := copyTree(site, path.Join(from, e.Name()), path.Join(to, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies bytes. On Linux that is copy_file_range(2), by which file systems that can let
// both files share what is the same.
func copyFile(site *os.Root, from, to string) (err error) {
	in, err := site.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := site.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("copy %s: %w", from, err)
	}
	return nil
}

// own gives a copy the owner of what it is of, where this process may.
func own(site *os.Root, info fs.FileInfo, to string) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) == os.Geteuid() && int(st.Gid) == os.Getegid() {
		return nil
	}
	err := site.Lchown(to, int(st.Uid), int(st.Gid))
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}
