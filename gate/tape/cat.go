package tape

import (
	"bufio"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"github.com/waybill-dev/waybill/gate"
)

// line is a record as Cat shows it.
type line struct {
	Kind     gate.RecordKind `json:"kind"`
	Header   *gate.Header    `json:"header,omitempty"`
	Stimulus *stimulusJSON   `json:"stimulus,omitempty"`
	Message  *messageJSON    `json:"message,omitempty"`
	Outcome  *outcomeJSON    `json:"outcome,omitempty"`
	Gap      *gate.Gap       `json:"gap,omitempty"`
	Footer   *gate.Footer    `json:"footer,omitempty"`
}

// Cat writes the tape at path to w as JSON Lines, one object for each record, with
// the keys of [gate.Record]. "head" and "body" are strings where they are valid
// UTF-8; else "head_base64" and "body_base64" stand in their place (RFC 4648,
// section 4). No character of a record reaches a terminal as a control. Where the tape is torn or damaged all that stands before is written,
// and the error is that of [Reader.Next].
func Cat(w io.Writer, path string) error { return Keys{}.Cat(w, path) }

// Cat is the function of that name, and reads encrypted tapes as well.
func (k Keys) Cat(w io.Writer, path string) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for rec, err := range k.All(path) {
		if err == nil {
			err = catRecord(out, &rec)
		}
		if err != nil {
			if flushErr := out.Flush(); flushErr != nil {
				return fmt.Errorf("print tape %s: %w", path, flushErr)
			}
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("print tape %s: %w", path, err)
	}
	return nil
}

func catRecord(out *bufio.Writer, rec *gate.Record) error {
	l := line{Kind: rec.Kind, Header: rec.Header, Gap: rec.Gap, Footer: rec.Footer}
	switch {
	case rec.Stimulus != nil:
		v := &stimulusJSON{Stimulus: rec.Stimulus}
		v.Head, v.HeadBase64 = text(rec.Stimulus.Head)
		v.Body, v.BodyBase64 = text(rec.Stimulus.Body)
		l.Stimulus = v
	case rec.Message != nil:
		v := &messageJSON{Message: rec.Message}
		v.Head, v.HeadBase64 = text(rec.Message.Head)
		v.Body, v.BodyBase64 = text(rec.Message.Body)
		l.Message = v
	case rec.Outcome != nil:
		v := &outcomeJSON{Outcome: rec.Outcome}
		v.Head, v.HeadBase64 = text(rec.Outcome.Head)
		v.Body, v.BodyBase64 = text(rec.Outcome.Body)
		l.Outcome = v
	}
	p, err := json.Marshal(l, jsonOptions())
	if err != nil {
		return fmt.Errorf("print a %s: %w", rec.Kind, err)
	}
	writeEscaped(out, p)
	return out.WriteByte('\n')
}

// writeEscaped writes JSON with the characters escaped that JSON leaves alone and a
// terminal may obey: DEL, the controls of ISO 6429 beyond ASCII, and the invisible
// ones that turn or hide text. They can only stand in strings. Errors stay in out.
func writeEscaped(out *bufio.Writer, p []byte) {
	written := 0
	for i := 0; i < len(p); {
		if p[i] < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRune(p[i:])
		if unicode.In(r, unicode.Cc, unicode.Cf) {
			out.Write(p[written:i])
			for _, u := range utf16.AppendRune(nil, r) {
				fmt.Fprintf(out, `\u%04x`, u)
			}
			written = i + n
		}
		i += n
	}
	out.Write(p[written:])
}

// text is p as the one or the other.
func text(p []byte) (string, []byte) {
	if utf8.Valid(p) {
		return string(p), nil
	}
	return "", p
}
