package importer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Detect returns the one format that claims path. It is an error where none does,
// or more than one: the message names them.
func Detect(path string, formats []Format) (Format, error) {
	head, err := readHead(path)
	if err != nil {
		return Format{}, err
	}
	if err := refuse(path, head); err != nil {
		return Format{}, err
	}
	var found []Format
	var all, claims []string
	for _, f := range formats {
		all = append(all, f.Name)
		if f.Sniff != nil && f.Sniff(path, head) {
			found = append(found, f)
			claims = append(claims, f.Name)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return Format{}, fmt.Errorf("import %s: it looks like none of the known formats; say which it is: %s", path, strings.Join(all, ", "))
	}
	return Format{}, fmt.Errorf("import %s: it looks like more than one format; say which it is: %s", path, strings.Join(claims, ", "))
}

// refused are formats that are not read, by how their files begin, and what to do instead.
var refused = []struct{ magic, advice string }{
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an OLE document, as Outlook saves a mail in (.msg): save it as .eml, or write it so with msgconvert"},
	{"!BDN", "a store of Outlook (.pst, .ost): write it as mbox with readpst"},
	{"\x78\x9f\x3e\x22", "TNEF (winmail.dat), which Outlook puts into a mail: import the mail that it was in"},
	{"\xcf\xad\x12\xfe", "a folder of Outlook Express (.dbx): write it as mbox with readdbx"},
	{"PK\x03\x04", "a ZIP archive: unpack it, and import what is in it"},
	{"\x28\xb5\x2f\xfd", "compressed by Zstandard: undo that with zstd -d"},
	{"BZh", "compressed by bzip2: undo that with bzip2 -d"},
	{"\xfd7zXZ\x00", "compressed by xz: undo that with xz -d"},
}

// refuse is an error where a file that begins with head is of a format that is not read and
// that no mail looks like. It names the format.
func refuse(path string, head []byte) error {
	for _, r := range refused {
		if bytes.HasPrefix(head, []byte(r.magic)) {
			return fmt.Errorf("import %s: it is %s", path, r.advice)
		}
	}
	return nil
}

// readHead is what Sniff is given of path.
func readHead(path string) (_ []byte, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if info.IsDir() {
		return nil, nil
	}
	in, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	head := make([]byte, SniffSize)
	n, err := io.ReadFull(in, head)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, err
	}
	return head[:n], nil
}
