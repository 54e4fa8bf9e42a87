package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate"
)

// JSON writes the whole verdict, names included, as one indented JSON document
// with a newline at its end. Equal verdicts give equal bytes. Characters that a
// terminal might obey or hide are written as \u escapes, as RFC 8259, section 7, allows.
func JSON(w io.Writer, v *gate.Verdict) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write verdict as json: %w", err)
	}
	b = append(escapeJSON(b), '\n')
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("write verdict as json: %w", err)
	}
	return nil
}

// escapeJSON escapes what is not printable in b, a JSON document. Only strings
// hold such characters, apart from white space.
func escapeJSON(b []byte) []byte {
	from := -1 // first byte that is not copied as it is
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if hidden(r) {
			from = i
			break
		}
		i += size
	}
	if from < 0 {
		return b
	}
	out := append(make([]byte, 0, len(b)+256), b[:from]...)
	for i := from; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		switch {
		case !hidden(r):
			out = append(out, b[i:i+size]...)
		case r > 0xffff: // a surrogate pair
			r -= 0x10000
			out = appendEscape(appendEscape(out, 0xd800+(r>>10)), 0xdc00+(r&0x3ff))
		default:
			out = appendEscape(out, r)
		}
		i += size
	}
	return out
}

func hidden(r rune) bool {
	return r >= 0x7f && !strconv.IsPrint(r) && !unicode.Is(unicode.M, r)
}

func appendEscape(b []byte, r rune) []byte {
	const hexDigits = "0123456789abcdef"
	return append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}
