package canon

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/decode"
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
		out, bad := decode.QuotedPrintable(room, raw)
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
		out, junk := decode.Base64(raw)
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
		next, err := s.decompress(name, coding, raw)
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

// decompress undoes one compressed layer within the limits. What stands behind it is a
// part. The errors name nobody.
func (s *state) decompress(name, coding string, raw []byte) ([]byte, error) {
	out, rest, err := decode.Coding(coding, raw, &s.budget)
	var over *decode.LimitError
	if errors.As(err, &over) {
		s.exceed(over.Why)
	}
	if err == nil && (coding == "gzip" || coding == "x-gzip") {
		s.gzipHeader(s.join(name, "gzip"), raw)
	}
	if err == nil && len(rest) > 0 {
		s.emit(s.join(name, "trailer"), gate.Binary, digest(rest))
	}
	return out, err
}

// gzipHeader adds what a gzip file says of itself (RFC 1952, 2.3.1). Its time, and what says
// which program wrote it, is hidden.
func (s *state) gzipHeader(name string, raw []byte) {
	const size = 10 // of the fixed part of the header
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil || len(raw) < size {
		return
	}
	for _, f := range []struct{ name, value string }{{"name", z.Name}, {"comment", z.Comment}, {"extra", string(z.Extra)}} {
		if f.value != "" {
			s.emit(s.join(name, f.name), gate.Value, normal(gate.Value, validText(f.value)))
		}
	}
	if z.ModTime.Unix() > 0 {
		s.hide("archive-time", s.join(name, "time"), z.ModTime.UTC().Format(time.RFC3339))
	}
	s.keep("encoding", name, fmt.Sprintf("flags %d, level %d, system %d", raw[3], raw[8], raw[9]))
}
