package http

import (
	"bytes"
	"errors"
	"fmt"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
)

// maxResponseHead is how many bytes the heads of one response may have, those of
// interim responses before it included.
const maxResponseHead = 256 << 10

// A response is the head of what a build answered to one request.
type response struct {
	status  int
	text    []byte // the head as an outcome has it
	framing framing
	last    bool // the connection is of no use after it
}

// A responseReader reads the heads of responses. A build gives many answers the
// same head, which is taken apart once.
type responseReader struct {
	in     *block
	fields header // memory for those of h

	raw  []byte // the head that was read last, as it came
	h    statusHead
	text []byte
}

// next reads heads up to a final one (RFC 9110, 15), or one that asks to go on
// with the request where that is waited for.
func (r *responseReader) next(method string, awaitContinue bool) (response, error) {
	for room := maxResponseHead; ; {
		raw, err := r.in.head(room)
		if errors.Is(err, errTooLarge) {
			err = fmt.Errorf("the head of the answer exceeded %d bytes", maxResponseHead)
		}
		if err == nil && (len(raw) == 0 || !bytes.Equal(raw, r.raw)) {
			err = r.parse(raw)
		}
		if err != nil {
			return response{}, err
		}
		if r.h.status >= 200 || r.h.status == nethttp.StatusSwitchingProtocols || awaitContinue && r.h.status == nethttp.StatusContinue {
			break
		}
		room -= len(raw)
	}
	framing, last, err := r.h.framing(method)
	if err != nil {
		return response{}, fmt.Errorf("malformed answer: %w", err)
	}
	return response{r.h.status, bytes.Clone(r.text), framing, last}, nil
}

func (r *responseReader) parse(raw []byte) (err error) {
	r.raw = append(r.raw[:0], raw...)
	unfold(raw)
	r.h, err = parseStatusHead(string(raw), r.fields)
	if err != nil {
		r.raw = r.raw[:0]
		return fmt.Errorf("malformed answer: %w", err)
	}
	r.fields = r.h.header[:0]
	r.text = r.h.appendText(r.text[:0])
	return nil
}

// body reads the body behind a head, of which the first limit bytes are returned
// and the rest are counted in cut.
func (r *responseReader) body(f framing, limit int64) (body []byte, cut int64, err error) {
	switch {
	case f.chunked:
		body, cut, err = readCapped(&chunked{in: r.in}, -1, limit, -1)
	case f.length < 0:
		body, cut, err = readCapped(r.in, -1, limit, -1)
	default:
		body, cut, err = r.in.body(f.length, limit, -1)
	}
	if err != nil {
		if syntax := (*syntaxError)(nil); errors.As(err, &syntax) {
			err = fmt.Errorf("malformed answer: %w", err)
		}
	}
	return body, cut, err
}

// appendText appends the status line and the fields, sorted by name and in the
// canonical case of net/http, so that equal answers have equal heads. What framed
// the body by chunks is left out, as the trailers are.
func (h *statusHead) appendText(b []byte) []byte {
	chunked := false
	fields := h.header
	for i := range fields {
		fields[i].name = nethttp.CanonicalHeaderKey(fields[i].name)
		chunked = chunked || fields[i].name == "Transfer-Encoding"
	}
	slices.SortStableFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	b = append(b, h.version...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, int64(h.status), 10)
	if h.reason != "" {
		b = append(b, ' ')
		b = append(b, h.reason...)
	}
	b = append(b, "\r\n"...)
	for _, f := range fields {
		if f.name != "Transfer-Encoding" && f.name != "Trailer" && !(chunked && f.name == "Content-Length") {
			b = appendLine(b, f.name, f.value)
		}
	}
	return b
}
