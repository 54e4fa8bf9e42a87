package har

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

const bom = "\ufeff" // some proxies write one

// slack is by how much a literal may be longer than the body that it holds: six
// characters for one byte (RFC 8259, section 7), and what is not a body.
const slack = 64 << 10

// A document is JSON that is walked once. A value of another type than the one that is
// asked for is passed over, for dialects differ in what they leave out and how.
type document struct {
	cut     *cutter
	dec     *jsontext.Decoder
	in      *unmarked
	dropped int64 // bytes before where the decoder stands that it never saw
}

func newDocument(in io.Reader, maxBody int64) *document {
	d := &document{in: &unmarked{in: in}}
	d.cut = newCutter(d.in, 6*maxBody+slack)
	d.dec = jsontext.NewDecoder(d.cut, jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	return d
}

// unmarked takes a byte order mark off the beginning.
type unmarked struct {
	in    io.Reader
	begun bool
	lead  int64 // bytes of the mark
	total int64 // bytes that were read, the mark too
}

func (u *unmarked) Read(p []byte) (int, error) {
	if u.begun || len(p) < len(bom) {
		n, err := u.in.Read(p)
		u.total += int64(n)
		return n, err
	}
	u.begun = true
	n, err := io.ReadAtLeast(u.in, p, len(bom))
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	u.total = int64(n)
	if n >= len(bom) && string(p[:len(bom)]) == bom {
		u.lead = int64(len(bom))
		n = copy(p, p[len(bom):n])
	}
	return n, err
}

// offset is how many bytes of the file stand before where the decoder does.
func (d *document) offset() int64 {
	at := d.dec.InputOffset()
	for len(d.cut.cuts) > 0 && d.cut.cuts[0].end <= at {
		d.dropped += d.cut.cuts[0].raw
		d.cut.cuts = d.cut.cuts[1:]
	}
	return d.in.lead + at + d.dropped
}

// cutHere is how many bytes of the literal that was read just now were dropped.
func (d *document) cutHere() int64 {
	at := d.dec.InputOffset()
	for _, c := range d.cut.cuts {
		if c.end == at {
			return c.decoded
		}
	}
	return 0
}

func (d *document) skip() error { return d.dec.SkipValue() }

// object calls f for each member; f reads its value.
func (d *document) object(f func(name string) error) error {
	return d.each('{', '}', func() error {
		name, err := d.dec.ReadToken()
		if err != nil {
			return err
		}
		return f(name.String())
	})
}

// array calls f for each element; f reads it.
func (d *document) array(f func() error) error { return d.each('[', ']', f) }

func (d *document) each(open, end jsontext.Kind, f func() error) error {
	if d.dec.PeekKind() != open {
		return d.skip()
	}
	if _, err := d.dec.ReadToken(); err != nil {
		return err
	}
	for {
		switch kind := d.dec.PeekKind(); kind {
		case end:
			_, err := d.dec.ReadToken()
			return err
		case 0:
			_, err := d.dec.ReadToken()
			if err == nil {
				err = errors.New("it is not JSON")
			}
			return err
		}
		if err := f(); err != nil {
			return err
		}
	}
}

// text reads a string, or a number as it is written. Other values are "".
func (d *document) text() (string, error) {
	switch d.dec.PeekKind() {
	case '"', '0':
		t, err := d.dec.ReadToken()
		if err != nil {
			return "", err
		}
		return t.String(), nil
	}
	return "", d.skip()
}

// whole reads a number as an integer, cut towards zero. Other values are 0.
func (d *document) whole() (int64, error) {
	s, err := d.text()
	if err != nil {
		return 0, err
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < -1<<62 || f > 1<<62 {
		return 0, nil
	}
	return int64(f), nil
}

// truth reads whether a value says yes: true, or a string or number other than empty,
// "false" and 0.
func (d *document) truth() (bool, error) {
	if d.dec.PeekKind() == 't' {
		return true, d.skip()
	}
	s, err := d.text()
	return s != "" && s != "false" && s != "0", err
}

// end makes sure that nothing follows the document, and returns how long the file is.
func (d *document) end() (int64, error) {
	t, err := d.dec.ReadToken()
	if err == io.EOF {
		return d.in.total, nil
	}
	if err == nil {
		err = fmt.Errorf("%s stands behind the archive", t.Kind())
	}
	return 0, err
}
