package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
)

// MaxRecord is the most bytes that one record may take, its own 13 included.
const MaxRecord = 256 << 20

const (
	formatVersion = 1
	signature     = "waybill"

	skippable  = 0x184D2A5B // one of the sixteen magic numbers of RFC 8878, 3.1.2
	prefixSize = 16
	headerSize = 40

	smallFrame = 4 << 10   // a frame of no more bytes than this is not compressed
	shareLimit = 256 << 10 // records share a frame up to this many bytes
	maxRatio   = 1000      // a frame undoes to at most this many times its size
	ratioFloor = 64 << 10  // which is not asked of a frame that undoes to no more than this
)

// castagnoli returns the table of CRC-32C, which the standard library makes once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendPrefix(dst []byte, version byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, skippable)
	dst = binary.LittleEndian.AppendUint32(dst, prefixSize-8)
	dst = append(dst, signature...)
	return append(dst, version)
}

// appendFrame appends the frame that holds count records and stands at offset.
func appendFrame(dst []byte, enc *zstd.Encoder, offset int64, records []byte, count int) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	dst = appendCompressed(dst, enc, records)
	putHeader(dst[start:start+headerSize], offset, dst[start+headerSize:], len(records), count)
	return dst
}

// appendCompressed appends records as one zstd frame that is not too dense. Few bytes
// are not compressed: that would take longer than to write them.
func appendCompressed(dst []byte, enc *zstd.Encoder, records []byte) []byte {
	start := len(dst)
	if len(records) <= smallFrame {
		return appendUncompressed(dst, records)
	}
	dst = enc.EncodeAll(records, dst)
	if tooDense(len(dst)-start, len(records)) {
		dst = appendUncompressed(dst[:start], records)
	}
	return dst
}

// putHeader fills in the header h of what is stored at offset.
func putHeader(h []byte, offset int64, stored []byte, raw, count int) {
	le := binary.LittleEndian
	le.PutUint32(h[0:], skippable)
	le.PutUint32(h[4:], headerSize-8)
	le.PutUint64(h[8:], uint64(offset))
	le.PutUint32(h[16:], uint32(len(stored)))
	le.PutUint32(h[20:], uint32(raw))
	le.PutUint32(h[24:], uint32(count))
	le.PutUint32(h[32:], crc32.Checksum(stored, castagnoli()))
	le.PutUint32(h[36:], crc32.Checksum(h[:36], castagnoli()))
}

func tooDense(stored, raw int) bool { return raw > ratioFloor && raw/maxRatio > stored }

// appendUncompressed appends p as a zstd frame of raw blocks (RFC 8878, 3.1.1).
func appendUncompressed(dst, p []byte) []byte {
	const (
		magic    = 0xFD2FB528
		single   = 0xA0 // single segment, content size in four bytes
		maxBlock = 128 << 10
	)
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	dst = append(dst, single)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p)))
	for {
		n := min(len(p), maxBlock)
		block := uint32(n) << 3
		if n == len(p) {
			block |= 1
		}
		dst = append(dst, byte(block), byte(block>>8), byte(block>>16))
		dst = append(dst, p[:n]...)
		if p = p[n:]; len(p) == 0 {
			return dst
		}
	}
}

// A header is what a frame says of itself.
type header struct {
	stored, raw, count int
	sum                uint32
}

// judge says what is wrong with the header of a frame. more is how many bytes a
// frame may take beyond what compression does.
func (f header) judge(more int) error {
	switch {
	case f.raw > MaxRecord:
		return fmt.Errorf("a frame declares %d bytes of records, the most is %d", f.raw, MaxRecord)
	case f.stored > f.raw+f.raw/64+128+more:
		return fmt.Errorf("a frame stores %d bytes of records in %d", f.raw, f.stored)
	case tooDense(f.stored, f.raw):
		return fmt.Errorf("a frame declares %d bytes of records in %d, more than %d to 1", f.raw, f.stored, maxRatio)
	case f.count < 1 || f.count > f.raw/recordSize:
		return fmt.Errorf("a frame declares %d records in %d bytes", f.count, f.raw)
	}
	return nil
}

// readHeader reads what stands at offset as a header that was written there.
func readHeader(h *[headerSize]byte, offset int64) (header, error) {
	le := binary.LittleEndian
	if le.Uint32(h[36:]) != crc32.Checksum(h[:36], castagnoli()) {
		return header{}, errors.New("the checksum of a frame's header does not match")
	}
	if le.Uint32(h[0:]) != skippable || le.Uint32(h[4:]) != headerSize-8 || le.Uint32(h[28:]) != 0 {
		return header{}, errors.New("this is not a frame's header")
	}
	if at := le.Uint64(h[8:]); at != uint64(offset) {
		return header{}, fmt.Errorf("a frame that was written at byte %d stands here: frames were moved, repeated or removed", at)
	}
	return header{
		stored: int(le.Uint32(h[16:])),
		raw:    int(le.Uint32(h[20:])),
		count:  int(le.Uint32(h[24:])),
		sum:    le.Uint32(h[32:]),
	}, nil
}

// check compares stored, what stands behind the header, with its checksum.
func (f header) check(stored []byte) error {
	if crc32.Checksum(stored, castagnoli()) != f.sum {
		return errors.New("the checksum of a frame does not match")
	}
	return nil
}

// undo returns the records of a compressed frame, in memory of their own.
func (f header) undo(dec *zstd.Decoder, compressed []byte) ([]byte, error) {
	records, err := dec.DecodeAll(compressed, make([]byte, 0, f.raw))
	if err != nil {
		return nil, fmt.Errorf("a frame cannot be decompressed: %w", err)
	}
	if len(records) != f.raw {
		return nil, fmt.Errorf("a frame holds %d bytes of records and declares %d", len(records), f.raw)
	}
	return records, nil
}

func newEncoder() (*zstd.Encoder, error) {
	return zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
}

func newDecoder() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxMemory(MaxRecord), zstd.WithDecoderMaxWindow(MaxRecord), zstd.IgnoreChecksum(true))
}

// readPart fills p from r and says how many bytes there were where it cannot.
// A clean or early end is io.ErrUnexpectedEOF.
func readPart(r io.Reader, p []byte) (int, error) {
	n, err := io.ReadFull(r, p)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
