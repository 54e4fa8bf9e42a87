package http

import "io"

// ReadCapped is what limits every body, from either side.
var ReadCapped = readCapped

// ErrEndless is its error.
var ErrEndless = errEndless

// NewResponseReader reads one response after the other, to requests of this method,
// as a driver does.
func NewResponseReader(r io.Reader, method string, limit int64) func() (status int, head, body []byte, cut int64, err error) {
	in := responseReader{in: newBlock(r)}
	return func() (status int, head, body []byte, cut int64, err error) {
		a, err := in.next(method, false)
		if err != nil {
			return 0, nil, nil, 0, err
		}
		body, cut, err = in.body(a.framing, limit)
		return a.status, a.text, body, cut, err
	}
}
