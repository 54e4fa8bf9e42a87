package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
)

// ErrUnknownCoding says that a content coding has no decoder.
var ErrUnknownCoding = errors.New("there is no decoder for its content coding")

// Inflate undoes one compressed layer: kind is Gzip, Zlib, Deflate, Zstd or Brotli.
// rest is what stands behind it.
func Inflate(kind Kind, raw []byte, b *Budget) (out, rest []byte, err error) {
	src := bytes.NewReader(raw)
	switch kind {
	case Gzip:
		z, err := gzip.NewReader(src)
		if err != nil {
			return nil, nil, broken(kind)
		}
		z.Multistream(false)
		return b.drain(z, src, kind, raw)
	case Zlib:
		z, err := zlib.NewReader(src)
		if err != nil {
			return nil, nil, broken(kind)
		}
		return b.drain(z, src, kind, raw)
	case Deflate:
		if !beginsBlock(raw) { // as most of what is no such stream does: it costs no reader
			return nil, nil, broken(kind)
		}
		z, _ := inflaters.Get().(io.ReadCloser)
		if z == nil {
			z = flate.NewReader(src)
		} else if err := z.(flate.Resetter).Reset(src, nil); err != nil {
			return nil, nil, broken(kind)
		}
		defer inflaters.Put(z)
		return b.drain(z, src, kind, raw)
	case Brotli:
		return b.drain(brotli.NewReader(src), src, kind, raw)
	case Zstd:
		d, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(b.Bytes, 1<<20))))
		if err != nil {
			return nil, nil, broken(kind)
		}
		defer d.Close()
		return b.drain(d, src, kind, raw)
	}
	return nil, nil, ErrUnknownCoding
}

// inflaters are readers of DEFLATE, whose windows are large.
var inflaters sync.Pool

// beginsBlock reports whether raw may begin a DEFLATE stream (RFC 1951, 3.2.3): its first
// block is of a known type, and where it is stored its length is there twice.
func beginsBlock(raw []byte) bool {
	if len(raw) < 2 {
		return false
	}
	switch raw[0] >> 1 & 3 {
	case 0:
		return len(raw) >= 5 && raw[1] == ^raw[3] && raw[2] == ^raw[4]
	case 3:
		return false
	}
	return true
}

// Coding undoes a content coding (RFC 9110, 8.4.1) by its name, as a whole: bytes behind
// it are returned as rest. Of "deflate" some senders leave the header out.
func Coding(name string, raw []byte, b *Budget) (out, rest []byte, err error) {
	switch name {
	case "gzip", "x-gzip":
		return Members(raw, b)
	case "deflate":
		before := *b
		if out, rest, err = Inflate(Zlib, raw, b); err == nil {
			return out, rest, nil
		}
		if over := (*LimitError)(nil); errors.As(err, &over) {
			return nil, nil, err
		}
		*b = before
		if out, rest, err = Inflate(Deflate, raw, b); err != nil {
			return nil, nil, err
		}
		return out, rest, nil
	case "zstd":
		return Inflate(Zstd, raw, b)
	case "br":
		return Inflate(Brotli, raw, b)
	}
	return nil, nil, ErrUnknownCoding
}

// Members undoes a gzip file of one member or more (RFC 1952, 2.2); rest is what stands
// behind the last one.
func Members(raw []byte, b *Budget) (out, rest []byte, err error) {
	out, rest, err = Inflate(Gzip, raw, b)
	for err == nil && bytes.HasPrefix(rest, gzipMagic) {
		next, after, wrong := Inflate(Gzip, rest, b)
		if over := (*LimitError)(nil); errors.As(wrong, &over) {
			return nil, nil, wrong
		}
		if wrong != nil {
			break
		}
		out, rest = append(out, next...), after
	}
	return out, rest, err
}

var gzipMagic = []byte{0x1f, 0x8b, 8}

// drain reads what a decompressor gives for the bytes of src, within the budget.
func (b *Budget) drain(r io.Reader, src *bytes.Reader, kind Kind, raw []byte) (out, rest []byte, err error) {
	size := int64(len(raw))
	limit := min(max(ratioFloor, size*b.Ratio), b.Bytes)
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, limit+1))
	if n > limit {
		b.Bytes -= limit
		return nil, nil, &LimitError{fmt.Sprintf("its %s layer unfolds to more than %d bytes from %d", kind, limit, size)}
	}
	b.Bytes -= n
	if err != nil {
		if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
			return nil, nil, &LimitError{fmt.Sprintf("its %s layer needs more memory than may be used", kind)}
		}
		return nil, nil, broken(kind)
	}
	return buf.Bytes(), raw[size-int64(src.Len()):], nil
}

// gzip gives what a gzip file says of itself and what it holds, member by member.
func (c *container) gzip(data []byte) error {
	var plain []byte
	n := 0
	for ; bytes.HasPrefix(data, gzipMagic); n++ {
		head, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			break
		}
		out, rest, err := Inflate(Gzip, data, c.budget)
		if over := (*LimitError)(nil); errors.As(err, &over) {
			return err
		}
		if err != nil {
			break
		}
		in := ""
		if n > 0 {
			in = fmt.Sprintf("member[%d]", n)
		}
		if err := c.gzipHeader(in, data, &head.Header); err != nil {
			return err
		}
		plain, data = append(plain, out...), rest
	}
	if n == 0 {
		return broken(Gzip)
	}
	if err := c.add(Leaf{Name: "gunzip", Class: Document, Kind: Recognise(plain), Data: plain}); err != nil {
		return err
	}
	return c.rest("trailer", data)
}

func (c *container) gzipHeader(in string, raw []byte, h *gzip.Header) error {
	for _, f := range []struct{ name, value string }{{"name", h.Name}, {"comment", h.Comment}} {
		if f.value != "" {
			if err := c.value(under(in, f.name), f.value); err != nil {
				return err
			}
		}
	}
	if len(h.Extra) > 0 {
		if err := c.rest(under(in, "extra"), h.Extra); err != nil {
			return err
		}
	}
	// MTIME is four bytes of seconds, so that each value but 0 is a time: RFC 1952, 2.3.1.
	if h.ModTime.Unix() > 0 {
		return c.add(Leaf{Name: under(in, "time"), Class: Fresh, Rule: "archive-time", Data: []byte(h.ModTime.UTC().Format("2006-01-02T15:04:05Z"))})
	}
	return nil
}

// compressed gives what one compressed layer holds, the skippable frames of zstd
// (RFC 8878, 3.1.2) and what stands behind it.
func (c *container) compressed(kind Kind, data []byte) error {
	if kind == Zstd {
		for n, at := 0, data; len(at) >= 8; n++ {
			if at[0]&0xf0 != 0x50 || !bytes.Equal(at[1:4], zstdSkip) {
				break
			}
			size := int64(at[4]) | int64(at[5])<<8 | int64(at[6])<<16 | int64(at[7])<<24
			if size > int64(len(at)-8) {
				return broken(kind)
			}
			if err := c.rest(fmt.Sprintf("skipped[%d]", n), at[8:8+size]); err != nil {
				return err
			}
			at = at[8+size:]
			data = at
		}
	}
	out, rest, err := Inflate(kind, data, c.budget)
	if err != nil {
		return err
	}
	if err := c.add(Leaf{Name: "inflated", Class: Document, Kind: Recognise(out), Data: out}); err != nil {
		return err
	}
	return c.rest("trailer", rest)
}

var zstdSkip = []byte{0x2a, 0x4d, 0x18}
