package canon

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/waybill-dev/waybill/gate"
)

// transfer undoes a Content-Transfer-Encoding (RFC 2045, 6) for the part called
// name. What is not of the encoding is not lost: it is added as a part. What comes
// back may share raw's memory; where reuse is set it is valid until the next call.
func (s *state) transfer(name, encoding string, raw []byte, reuse bool) []byte {
	switch e := asciiLower(strings.TrimSpace(encoding)); e {
	case "":
		return raw
	case "7bit", "8bit", "binary":
		s.mask("encoding", name, 1)
		return raw
	case "quoted-printable":
		s.mask("encoding", name, 1)
		if bytes.IndexByte(raw, '=') < 0 {
			return raw
		}
		var room []byte
		if reuse {
			room = s.decoded
		}
		out, bad := quotedPrintable(room, raw)
		if reuse {
			s.decoded = out
		}
		s.spend(int64(len(out)))
		if bad > 0 {
			s.emit(s.join(name, "malformed"), gate.Text, fmt.Sprintf("quoted-printable, %d bad escapes kept", bad))
		}
		return out
	case "base64":
		s.mask("encoding", name, 1)
		out, junk := base64Tolerant(raw)
		s.spend(int64(len(out)))
		if len(junk) > 0 {
			text, _ := latin(junk)
			s.emit(s.join(name, "malformed"), gate.Text, normal(gate.Text, tidy(unixText(text))))
			s.emit(s.join(name, "malformed/digest"), gate.Binary, digest(bytes.TrimRight(raw, " \t\r\n")))
		}
		return out
	default:
		// RFC 2045, 6.4: to be treated as bytes of no known kind. They are compared as they are.
		s.emit(s.join(name, "unknown-encoding"), gate.Value, normal(gate.Value, validText(e)))
		return raw
	}
}

// quotedPrintable undoes quoted-printable (RFC 2045, 6.7). An "=" that escapes
// nothing stays and is counted.
func quotedPrintable(dst, raw []byte) (out []byte, bad int) {
	out = slices.Grow(dst[:0], len(raw))
	for {
		i := bytes.IndexByte(raw, '=')
		if i < 0 {
			return append(out, raw...), bad
		}
		out = append(out, raw[:i]...)
		raw = raw[i+1:]
		if len(raw) >= 2 && isHex(raw[0]) && isHex(raw[1]) {
			out = append(out, byte(unhex(raw[0])<<4|unhex(raw[1])))
			raw = raw[2:]
			continue
		}
		n := 0
		for n < len(raw) && (raw[n] == ' ' || raw[n] == '\t') {
			n++
		}
		switch rest := raw[n:]; {
		case len(rest) == 0:
			raw = rest
		case rest[0] == '\n':
			raw = rest[1:]
		case bytes.HasPrefix(rest, []byte("\r\n")):
			raw = rest[2:]
		default:
			out = append(out, '=')
			bad++
		}
	}
}

// base64Tolerant undoes base64 (RFC 2045, 6.8). Bytes outside the alphabet are
// skipped, as that section says, and returned in their order; padding ends a
// quantum and not the data. Line ends are not junk.
func base64Tolerant(raw []byte) (out, junk []byte) {
	out = make([]byte, base64.StdEncoding.DecodedLen(len(raw)))
	raw = bytes.Trim(raw, " \t\r\n")
	n, err := base64.StdEncoding.Decode(out, raw)
	if err == nil {
		return out[:n], nil
	}
	out = out[:0]
	var quantum uint32
	bits := 0
	for _, c := range raw {
		v := base64Value(c)
		switch {
		case v >= 0:
			quantum = quantum<<6 | uint32(v)
			if bits += 6; bits >= 8 {
				bits -= 8
				out = append(out, byte(quantum>>bits))
			}
		case c == '=':
			bits = 0
		case c == '\n' || c == '\r' || c == ' ' || c == '\t':
			if len(junk) > 0 && !isSpace(junk[len(junk)-1]) {
				junk = append(junk, c)
			}
		default:
			junk = append(junk, c)
		}
	}
	if len(junk) == 0 {
		// Padding alone is wrong: then the length is what is malformed.
		junk = []byte("base64 of a length that its padding does not fit")
	}
	return out, junk
}

func base64Value(c byte) int {
	switch {
	case 'A' <= c && c <= 'Z':
		return int(c - 'A')
	case 'a' <= c && c <= 'z':
		return int(c-'a') + 26
	case '0' <= c && c <= '9':
		return int(c-'0') + 52
	case c == '+':
		return 62
	case c == '/':
		return 63
	}
	return -1
}

// contentCodings undoes a Content-Encoding (RFC 9110, 8.4), the last first. ok is
// false where a layer stays: its name and why are then a gap.
func (s *state) contentCodings(name, codings string, raw []byte) (out []byte, ok bool) {
	layers := strings.Split(codings, ",")
	if len(layers) > s.canon.limits.Depth {
		s.gap(name, fmt.Sprintf("it has %d content codings", len(layers)))
		return raw, false
	}
	for i := len(layers) - 1; i >= 0; i-- {
		coding := asciiLower(strings.TrimSpace(layers[i]))
		if coding == "" || coding == "identity" {
			continue
		}
		next, err := s.decompress(coding, raw)
		if err != nil {
			if s.over == "" {
				s.exceed(err.Error())
			}
			s.gap(name, s.over)
			s.over = ""
			return raw, false
		}
		s.mask("encoding", name, 1)
		raw = next
	}
	return raw, true
}

var (
	errUnknownCoding = errors.New("there is no decoder for its content coding")
	errLimit         = errors.New("it exceeds a limit")
)

// decompress undoes one compressed layer within the limits.
func (s *state) decompress(coding string, raw []byte) ([]byte, error) {
	var r io.Reader
	var err error
	src := bytes.NewReader(raw)
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(src)
	case "deflate":
		// RFC 9110, 8.4.1.2: zlib, and some senders leave its header out.
		if r, err = zlib.NewReader(src); err != nil {
			r, err = flate.NewReader(bytes.NewReader(raw)), nil
		}
	case "zstd":
		var d *zstd.Decoder
		d, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(max(s.bytes, 1<<20))))
		if err == nil {
			defer d.Close()
			r = d
		}
	default:
		return nil, errUnknownCoding
	}
	if err != nil {
		return nil, fmt.Errorf("its %s layer is broken", coding)
	}
	return s.inflate(r, int64(len(raw)), coding)
}

// inflate reads what a decompressor gives for size bytes, within the limits. The
// errors name nobody.
func (s *state) inflate(r io.Reader, size int64, what string) ([]byte, error) {
	limit := max(ratioFloor, size*s.canon.limits.Ratio)
	limit = min(limit, s.bytes)
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(r, limit+1))
	if n > limit {
		s.spend(limit)
		s.exceed(fmt.Sprintf("its %s layer unfolds to more than %d bytes from %d", what, limit, size))
		return nil, errLimit
	}
	s.spend(n)
	if err != nil {
		return nil, fmt.Errorf("its %s layer is broken", what)
	}
	return buf.Bytes(), nil
}
