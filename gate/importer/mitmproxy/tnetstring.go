package mitmproxy

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Types of a tnetstring, which stand behind it (https://tnetstrings.info). mitmproxy has
// one of its own: text in UTF-8.
const (
	typeBytes = ','
	typeText  = ';'
	typeNull  = '~'
	typeDict  = '}'
	typeList  = ']'
)

// maxText bounds what is kept of a value that is not a body, in bytes.
const maxText = 1 << 20

// errNot is that a file is not what it should be, whatever follows.
var errNot = errors.New("it is not a tnetstring")

// A decoder reads tnetstrings as a stream: of a value that is not wanted, nothing is kept.
type decoder struct {
	in     *bufio.Reader
	offset int64
}

// A value is one tnetstring whose length has been read.
type value struct {
	d *decoder
	n int64 // bytes of it that have not been read
}

// value begins the next value, of at most room bytes with its length and its type. It is
// io.EOF that there is none.
func (d *decoder) value(room int64) (value, error) {
	n, digits := int64(0), int64(0)
	for {
		c, err := d.in.ReadByte()
		if err == io.EOF && digits > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return value{}, err
		}
		d.offset++
		if c == ':' && digits > 0 {
			break
		}
		if digits++; c < '0' || c > '9' || digits > 12 {
			return value{}, errNot
		}
		n = n*10 + int64(c-'0')
	}
	if n > room-digits-2 {
		return value{}, errors.New("a value is longer than what it stands in")
	}
	return value{d, n}, nil
}

// end reads the type.
func (v *value) end() (byte, error) {
	if _, err := v.d.in.Discard(int(v.n)); err != nil {
		return 0, whole(err)
	}
	v.d.offset += v.n
	v.n = 0
	c, err := v.d.in.ReadByte()
	if err != nil {
		return 0, whole(err)
	}
	v.d.offset++
	return c, nil
}

func whole(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (v *value) skip() error {
	_, err := v.end()
	return err
}

// bytes reads a value of any simple type, of which the first max bytes are kept.
func (v *value) bytes(max int64) (kept []byte, cut int64, kind byte, err error) {
	room := min(v.n, max)
	for int64(len(kept)) < room { // in steps: a length alone costs no memory
		step := min(room-int64(len(kept)), 1<<20)
		at := len(kept)
		kept = append(kept, make([]byte, step)...)
		n, err := io.ReadFull(v.d.in, kept[at:])
		v.d.offset += int64(n)
		v.n -= int64(n)
		if err != nil {
			return nil, 0, 0, whole(err)
		}
	}
	cut = v.n
	kind, err = v.end()
	return kept, cut, kind, err
}

// text reads a value of any simple type as it is written; null is "".
func (v *value) text() (string, error) {
	kept, cut, _, err := v.bytes(maxText)
	if err == nil && cut > 0 {
		err = fmt.Errorf("a value is longer than %d bytes", maxText)
	}
	return string(kept), err
}

// dict calls f for each member; f reads its value. It reports false where the value is
// null.
func (v *value) dict(f func(key string, v *value) error) (bool, error) {
	return v.each(typeDict, func(last int64) error {
		k, err := v.d.value(last - v.d.offset)
		if err != nil {
			return whole(err)
		}
		key, err := k.text()
		if err != nil {
			return err
		}
		m, err := v.d.value(last - v.d.offset)
		if err != nil {
			return whole(err)
		}
		return f(key, &m)
	})
}

// list calls f for each element; f reads it.
func (v *value) list(f func(v *value) error) (bool, error) {
	return v.each(typeList, func(last int64) error {
		m, err := v.d.value(last - v.d.offset)
		if err != nil {
			return whole(err)
		}
		return f(&m)
	})
}

func (v *value) each(want byte, f func(last int64) error) (bool, error) {
	some := v.n > 0
	last := v.d.offset + v.n
	for v.d.offset < last {
		if err := f(last); err != nil {
			return false, err
		}
	}
	v.n = last - v.d.offset
	kind, err := v.end()
	if err == nil && kind != want && (some || kind != typeNull) {
		err = fmt.Errorf("a value is of type %q, and should be %q", kind, want)
	}
	return kind == want, err
}
