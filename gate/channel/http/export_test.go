package http

import (
	"strings"

	"io"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
)

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

// Telephone is the recipient of a number in a recipient's place, in a region.
func Telephone(s, region string) (gate.Recipient, error) {
	return gate.TelRecipient(telephone(s, region))
}

// Entries names the entries of the built-in catalogue.
func Entries() ([]string, error) {
	known, err := builtInAnywhere()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range known.all {
		names = append(names, e.name)
	}
	return names, known.check()
}

// EntriesFor names the entries that a message is of, whichever is first.
func EntriesFor(m *gate.Message) ([]string, error) {
	set, err := compileSettings(nil)
	if err != nil {
		return nil, err
	}
	r, err := read(set, m)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range set.apis[1].all {
		host := r.party.Address
		if !e.hosted() {
			host = ""
		}
		ok, err := e.takes(r, host)
		if err != nil {
			return nil, err
		}
		if ok {
			names = append(names, e.name)
		}
	}
	return names, nil
}

// Answered renders what a sink says to m: the status, the fields and the body.
func Answered(settings channel.Settings, m *gate.Message) (string, error) {
	set, err := compileSettings(settings)
	if err != nil {
		return "", err
	}
	a := set.answer(m)
	if a == nil {
		return "not known\n", nil
	}
	return strings.ReplaceAll(string(a.append(nil, false, false)), "\r\n", "\n") + "\n", nil
}
