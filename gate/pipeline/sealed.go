package pipeline

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
)

// A sealed region of a file is read here and there, and each piece of it is held
// against its checksum when it is read. The checksums stand elsewhere, in what is
// read whole.

const (
	sealedPiece = 16 << 10 // bytes that have one checksum
	mostPieces  = 256      // pieces that are kept in memory
)

// seal is the first half of SHA-256 over a piece.
type seal [16]byte

func sealOf(piece []byte) seal { sum := sha256.Sum256(piece); return seal(sum[:16]) }

// A sealer writes a region.
type sealer struct {
	out   io.Writer
	piece []byte
	seals []seal
	n     int64 // bytes written
	err   error
}

func (s *sealer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		n := min(len(rest), sealedPiece-len(s.piece))
		s.piece = append(s.piece, rest[:n]...)
		rest = rest[n:]
		if len(s.piece) == sealedPiece {
			s.flush()
		}
	}
	s.n += int64(len(p))
	return len(p), s.err
}

// flush ends the region.
func (s *sealer) flush() error {
	if len(s.piece) > 0 {
		s.seals = append(s.seals, sealOf(s.piece))
		if s.err == nil {
			_, s.err = s.out.Write(s.piece)
		}
		s.piece = s.piece[:0]
	}
	return s.err
}

// A region is what a sealer wrote. It may be read from many goroutines.
type region struct {
	file  io.ReaderAt
	at    int64 // where it begins in the file
	size  int64
	seals []seal

	mu     sync.Mutex
	pieces map[int64][]byte
}

// ReadAt implements io.ReaderAt.
func (r *region) ReadAt(p []byte, at int64) (n int, err error) {
	if at < 0 || at > r.size {
		return 0, errDigests
	}
	for n < len(p) && at < r.size {
		piece, err := r.piece(at / sealedPiece)
		if err != nil {
			return n, err
		}
		m := copy(p[n:], piece[at%sealedPiece:])
		n += m
		at += int64(m)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (r *region) piece(i int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.pieces[i]; ok {
		return p, nil
	}
	p := make([]byte, min(sealedPiece, r.size-i*sealedPiece))
	if _, err := r.file.ReadAt(p, r.at+i*sealedPiece); err != nil {
		return nil, fmt.Errorf("read digests: %w", err)
	}
	if sum := sealOf(p); !bytes.Equal(sum[:], r.seals[i][:]) {
		return nil, fmt.Errorf("read digests: %w", errDigests)
	}
	if r.pieces == nil || len(r.pieces) >= mostPieces {
		r.pieces = map[int64][]byte{}
	}
	r.pieces[i] = p
	return p, nil
}
