package importer

import (
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
