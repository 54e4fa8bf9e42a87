package importer

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
)

// SniffSize is how much of a file [Format].Sniff is given.
const SniffSize = 4096

// Open opens the regular file at path for reading from its beginning. Where it
// begins as gzip (RFC 1952) that is undone on the way, all members of it; anything
// but a whole gzip file is then an error of Read, never an early io.EOF. gzip cannot
// expand by more than 1,032 to 1, so what is read needs no bound of its own.
func Open(path string) (io.ReadCloser, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("import %s: it is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("import: %w", err)
	}
	in := bufio.NewReaderSize(file, 64<<10)
	magic, err := in.Peek(2)
	if err != nil && err != io.EOF {
		return nil, errors.Join(fmt.Errorf("import: %w", err), file.Close())
	}
	s := &source{path: path, Reader: in, file: file}
	if string(magic) == "\x1f\x8b" {
		if s.Reader, err = gzip.NewReader(in); err != nil {
			return nil, errors.Join(fmt.Errorf("import %s: undo gzip: %w", path, err), file.Close())
		}
	}
	return s, nil
}

type source struct {
	io.Reader
	path string
	file *os.File
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("import %s: %w", s.path, err)
	}
	return n, err
}

func (s *source) Close() error { return s.file.Close() }
