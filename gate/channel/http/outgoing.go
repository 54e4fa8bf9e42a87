package http

import (
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate"
)

// An outgoing request is what a driver sends of a stimulus.
type outgoing struct {
	method string
	first  []byte // the head, and the body where it is small
	rest   []byte // the body where it is not in first
	expect bool   // rest waits for 100 Continue
}

// smallBody is the longest body, in bytes, that is sent in one write with its head,
// before the answer is read. It fits into what the systems of both ends hold for a
// connection, so that a build that answers while it reads cannot block it.
const smallBody = 16 << 10

// outgoing makes the request that s recorded, into the memory of buf and fields.
//
// Sent as recorded are the method, the target, Host, and all other fields: their
// lines byte for byte, in their order. A target in absolute form becomes a path and
// a Host. Fields between neighbours are left out, since they are not s's; the body
// is framed by Content-Length, where the recorded framing stood.
func (d *driver) outgoing(s *gate.Stimulus, buf []byte, fields header) (o outgoing, _ header, err error) {
	if s.Channel != "" && s.Channel != Name {
		return o, fields, fmt.Errorf("it is of channel %q", s.Channel)
	}
	text := string(s.Head)
	h, err := parseHead(text, fields)
	if err != nil {
		return o, h.header, fmt.Errorf("its head cannot be read: %w", err)
	}
	if h.method == nethttp.MethodConnect || h.has("Upgrade", "websocket") {
		return o, h.header, errors.New("it asks for a tunnel or a WebSocket, which cannot be replayed")
	}
	o.method = h.method
	target, host, err := originForm(&h)
	if err != nil {
		return o, h.header, err
	}
	for _, f := range d.headers {
		if sameName(f.name, "Host") {
			host = f.value
		}
	}
	b := append(buf[:0], h.method...)
	b = append(b, ' ')
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\n"...)
	if !slices.ContainsFunc(h.header, func(f field) bool { return f.value != "" && sameName(f.name, "Host") }) {
		if host == "" {
			host = d.address
		}
		b = appendLine(b, "Host", host)
	}
	b, o.expect, err = d.appendFields(b, &h, text, host, s)
	if err != nil {
		return o, h.header, err
	}
	if o.expect = o.expect && len(s.Body) > 0; !o.expect && len(s.Body) <= smallBody {
		b = append(b, s.Body...)
	} else {
		o.rest = s.Body
	}
	o.first = b
	return o, h.header, nil
}

// originForm is the target of a request in origin form, or "*" (RFC 9112, 3.2), and
// the host that a target in absolute form names, or "".
func originForm(h *head) (target, host string, err error) {
	authority, _, _ := split(h.target)
	switch {
	case authority != "":
		_, host = splitUser(authority)
		_, after, _ := strings.Cut(h.target, "://")
		if target = after[len(authority):]; target == "" || target[0] != '/' {
			target = "/" + target
		}
		return target, host, nil
	case h.target[0] == '/', h.target == "*" && h.method == nethttp.MethodOptions:
		return h.target, "", nil
	}
	return "", "", errors.New("its target is neither a path nor a URL")
}

// appendFields appends the field lines of h, of which text is the whole, and the
// blank line behind them. host, where there is one, is said instead of the recorded.
// expect reports whether they ask for 100 Continue.
func (d *driver) appendFields(b []byte, h *head, text, host string, s *gate.Stimulus) (_ []byte, expect bool, err error) {
	connection := h.get("Connection") != ""
	length := len(s.Body) > 0 || h.method == nethttp.MethodPost || h.method == nethttp.MethodPut || h.method == nethttp.MethodPatch
	hosted, framed, traced := false, false, false
	_, text, _ = cutLine(text)
	for _, f := range h.header {
		var line string
		line, text, _ = cutLine(text)
		switch {
		case sameName(f.name, "Host"):
			if f.value == "" || host != "" && hosted {
				continue
			}
			hosted = true
			if host != "" {
				line = f.name + ": " + host
			}
		case sameName(f.name, "Content-Length"), sameName(f.name, "Transfer-Encoding"):
			if !framed {
				framed = true
				b = appendLength(b, len(s.Body))
			}
			continue
		case d.replaces(f.name), hopByHop(f.name), connection && h.has("Connection", f.name):
			continue
		case hasControl(line):
			return b, false, fmt.Errorf("its header %.64s holds a control character", f.name)
		case sameName(f.name, "Expect"):
			expect = expect || listed(f.value, "100-continue")
		case sameName(f.name, "Traceparent"):
			traced = true
		}
		b = append(b, line...)
		b = append(b, "\r\n"...)
	}
	for _, f := range d.headers {
		switch {
		case sameName(f.name, "Host"):
			continue
		case sameName(f.name, "Expect"):
			expect = expect || listed(f.value, "100-continue")
		case sameName(f.name, "Traceparent"):
			traced = true
		}
		b = appendLine(b, f.name, f.value)
	}
	if length && !framed {
		b = appendLength(b, len(s.Body))
	}
	if !traced {
		b = append(b, "traceparent: "...)
		b = appendTraceparent(b, s.ID)
		b = append(b, "\r\n"...)
	}
	return append(b, "\r\n"...), expect, nil
}

// replaces reports whether a header of the settings is sent instead of recorded ones of that name.
func (d *driver) replaces(name string) bool {
	for i := range d.headers {
		if sameName(d.headers[i].name, name) {
			return true
		}
	}
	return false
}

func appendLine(b []byte, name, value string) []byte {
	b = append(b, name...)
	b = append(b, ": "...)
	b = append(b, value...)
	return append(b, "\r\n"...)
}

func appendLength(b []byte, n int) []byte {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(n), 10)
	return append(b, "\r\n"...)
}
