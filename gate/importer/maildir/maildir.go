// Package maildir reads a Maildir: a folder with a file for each mail, in its
// folders cur and new (https://cr.yp.to/proto/maildir.html), plain or in gzip.
//
// Mails come in the order of their file names, which begin with the time of delivery,
// cur and new together. Passed over, each with its reason: what is in tmp, for it is
// not delivered ("in-delivery"); files in cur and new whose name begins with a dot, as
// the format says ("hidden"); other files and folders beside these, such as indexes
// ("not-a-mail") and the further mailboxes of Maildir++ ("subfolder"), which are
// imported by their own path. Anything in cur or new that is neither a file nor a link
// to one is an error, and so is a mail that goes away while the folder is read.
package maildir

import (
	"cmp"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is Maildir.
var Format = importer.Format{
	Name:  "maildir",
	Doc:   "a folder with a file for each mail, in cur and new (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

func sniff(path string, _ []byte) bool {
	return isFolder(filepath.Join(path, "cur")) && isFolder(filepath.Join(path, "new"))
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		skips, mails, err := list(path)
		if err != nil {
			yield(importer.Item{}, fmt.Errorf("import maildir: %w", err))
			return
		}
		for _, s := range skips {
			if !yield(s, nil) {
				return
			}
		}
		for i, m := range mails {
			items, err := importer.ReadMail(filepath.Join(path, m.folder, m.name), uint64(i+1), o)
			if err != nil {
				yield(importer.Item{}, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

type mail struct{ folder, name string }

// list finds what path holds: what to pass over, and the mails in order.
func list(path string) (skips []importer.Item, mails []mail, err error) {
	top, err := os.ReadDir(path)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range top {
		switch name := e.Name(); {
		case name == "cur" || name == "new":
		case name == "tmp":
			in, err := os.ReadDir(filepath.Join(path, name))
			if err != nil {
				return nil, nil, err
			}
			for _, e := range in {
				skips = append(skips, skip(filepath.Join(path, name), e, "in-delivery", "it is in tmp: not delivered yet"))
			}
		case e.IsDir():
			skips = append(skips, skip(path, e, "subfolder", "it is a mailbox of its own: import it by its path"))
		default:
			skips = append(skips, skip(path, e, "not-a-mail", "it is in neither cur nor new"))
		}
	}
	for _, folder := range []string{"cur", "new"} {
		in, err := os.ReadDir(filepath.Join(path, folder))
		if err != nil {
			return nil, nil, err
		}
		for _, e := range in {
			if strings.HasPrefix(e.Name(), ".") {
				skips = append(skips, skip(filepath.Join(path, folder), e, "hidden", "its name begins with a dot"))
				continue
			}
			mails = append(mails, mail{folder, e.Name()})
		}
	}
	slices.SortFunc(mails, func(a, b mail) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.folder, b.folder))
	})
	return skips, mails, nil
}

func skip(folder string, e fs.DirEntry, reason, detail string) importer.Item {
	item := importer.Item{Path: filepath.Join(folder, e.Name()), Skip: &importer.Skip{Reason: reason, Detail: detail}}
	// A file that went away meanwhile has no size, and was passed over all the same.
	if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
		item.Bytes = info.Size()
	}
	return item
}
