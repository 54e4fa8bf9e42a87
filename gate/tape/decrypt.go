package tape

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Encrypted reports whether the tape is.
func (r *Reader) Encrypted() bool { return r.format == encryptedVersion }

// readKeys reads the key block, which stands before the first frame.
func (r *Reader) readKeys() error {
	c := r.cursorAt(prefixSize)
	block, err := c.block()
	if err != nil {
		return err
	}
	b, err := parseKeyBlock(bytes.Clone(block))
	if err != nil {
		return r.damaged(c.pos, err)
	}
	r.keys, r.first = *b, c.after
	return nil
}

// decrypt finds the secret of the tape by one of k.
func (r *Reader) decrypt(k Keys) error {
	secret, err := k.secretOf(r.path, &r.keys)
	if err != nil {
		return err
	}
	if r.crypt, err = newCrypt(secret); err != nil {
		return fmt.Errorf("open tape %s: %w", r.path, err)
	}
	return nil
}

// frameHeader reads and judges the header of what stands at offset: a frame or,
// where the tape is encrypted, a block.
func (r *Reader) frameHeader(h *[headerSize]byte, offset int64) (header, error) {
	f, err := readHeader(h, offset)
	if err != nil {
		return header{}, err
	}
	switch {
	case !r.Encrypted():
		err = f.judge(0)
	case f.isBlock():
		err = f.judgeBlock()
	default:
		err = f.judge(overhead)
	}
	return f, err
}

// undo returns the records of the frame in c.stored, which was read behind f.
func (c *cursor) undo(f header) ([]byte, error) {
	if c.r.crypt == nil {
		return f.undo(c.r.dec, c.stored)
	}
	if cap(c.plain) < len(c.stored) || cap(c.plain) > 2*shareLimit {
		c.plain = make([]byte, len(c.stored))
	}
	compressed, err := c.r.crypt.open(c.plain[:len(c.stored)], c.pos.offset, c.stored)
	if err != nil {
		return nil, err
	}
	return f.undo(c.r.dec, compressed)
}

// block reads the block that must stand next, in memory that the next read uses again.
func (c *cursor) block() ([]byte, error) {
	f, err := c.fetch()
	if err != nil {
		return nil, err
	}
	if !f.isBlock() {
		return nil, c.r.damaged(c.pos, errors.New("a frame stands where a block should"))
	}
	return c.stored, nil
}

// trailer reads what stands behind the footer, and holds it against what was counted.
func (c *cursor) trailer() error {
	if c.r.crypt == nil {
		return nil
	}
	block, err := c.block()
	if err != nil {
		return err
	}
	claims, err := parseTrailer(c.r.crypt, block)
	if err == nil && claims.counts() != c.counts {
		err = fmt.Errorf("its trailer counts %v, and before it stand %v", claims.counts(), c.counts)
	}
	if err != nil {
		return c.r.damaged(c.pos, err)
	}
	c.claims = claims
	return nil
}

// atEnd makes sure that nothing follows.
func (c *cursor) atEnd() error {
	_, err := c.in.Peek(1)
	switch {
	case err == io.EOF:
		return nil
	case err != nil:
		return fmt.Errorf("read tape: %w", err)
	}
	return c.r.damaged(position{offset: c.after}, errors.New("something stands after the footer"))
}
