package pcap

import (
	"errors"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// A web is a connection of HTTP/1.
type web struct {
	c        *conn
	received bool
	requests *importer.Stream
	answers  *importer.Stream // nil: answers are not read any more
	at       int64            // when the request at hand began
	resume   bool             // requests are looked for at the beginning of a segment
	waiting  []waiting
	early    []*importer.StreamMessage // answers that came before their requests were whole
	broken   error
	heard    bool // the client said something
	unasked  int  // answers to nothing that was captured
}

// A waiting request has no answer yet.
type waiting struct {
	entry  *importer.Entry // nil where nothing came of it
	method string
}

// maxPipelined is how many requests of one connection may wait for answers.
const maxPipelined = 1000

// maxEarly is how many answers of one connection may come before their requests: these
// wait for a packet that is late, or missing.
const maxEarly = 16

func newWeb(c *conn, received bool) *web {
	w := &web{c: c, received: received}
	w.listen()
	w.answers = &importer.Stream{Answers: true, Max: c.r.options.Limit(), Take: w.answer, Asked: func() string {
		if len(w.waiting) > 0 {
			return w.waiting[0].method
		}
		return ""
	}}
	return w
}

// listen reads requests from here on.
func (w *web) listen() {
	w.requests = &importer.Stream{Max: w.c.r.options.Limit(), Take: w.request}
}

func (w *web) say(client bool, p []byte) error {
	if !client {
		if w.answers != nil && w.answers.Write(p) != nil {
			w.forget() // answers are no evidence: what cannot be read leaves them unknown
		}
		return nil
	}
	w.heard = true
	if w.resume {
		if protocolOf(p) != isRequest {
			return nil // the rest of what was lost
		}
		w.resume = false
	}
	if w.requests.Idle() {
		w.at = w.c.now()
	}
	if err := w.requests.Write(p); err != nil {
		return fmt.Errorf("a request cannot be read: %w", err)
	}
	return w.broken
}

func (w *web) miss(client bool, n int64) error {
	if client && !w.resume && w.requests.Skip(n) || !client && w.answers != nil && w.answers.Skip(n) {
		return nil
	}
	w.forget() // whose answer is whose is not known any more
	if client && w.requests.Opaque() == 0 {
		w.c.lose("bytes of requests are missing in the capture")
		w.listen()
		w.resume = true
	}
	return nil
}

func (w *web) close(client bool) {
	if !client && w.answers != nil && w.answers.Close() != nil {
		w.forget()
	}
}

func (w *web) end() {
	w.close(false)
	w.forget()
	began := w.c.sides[w.c.client].begun || w.c.sides[1-w.c.client].begun
	switch {
	case !w.heard && (w.unasked > 1 || w.unasked == 1 && began): // the first may answer what was before the capture
		w.c.lose("answers were captured, and not the requests that they answer")
	case w.requests.Opaque() > 0:
		w.c.lose("what followed a switch to another protocol is not kept")
	case !w.resume && w.requests.Close() != nil:
		w.c.lose("a request ends in the middle, with its connection or with the capture")
	}
}

// forget gives up on answers.
func (w *web) forget() {
	w.answers, w.early = nil, nil
	for _, q := range w.waiting {
		if q.entry != nil {
			q.entry.Done()
		}
	}
	w.waiting = nil
}

func (w *web) request(m *importer.StreamMessage) {
	if why := m.Unplayable(); why != "" {
		w.broken = errors.New(why)
		return
	}
	if m.Lost > 0 {
		w.c.lose(fmt.Sprintf("%d bytes of the body of a request are missing in the capture", m.Lost))
		w.await(nil, m.Method)
		return
	}
	offset, size := w.c.take()
	q := importer.Request{
		Head: m.Head, Body: m.Body, Cut: m.Cut, Host: w.host(m), At: w.at, Offset: offset, Bytes: size,
	}
	if w.received {
		q.Key = w.c.key()
	}
	items := q.Items(w.received)
	if m.Trailers > 0 {
		items = append(items, importer.Missing("the trailer fields of a request are not kept", offset, 0))
	}
	e := &importer.Entry{Items: items, Size: m.Size()}
	w.c.begin(e)
	w.at = w.c.now()
	if !w.received {
		e.Done()
	}
	w.await(e, m.Method)
}

// await takes down that an answer to a request is due. e is nil where nothing came of it.
func (w *web) await(e *importer.Entry, method string) {
	if len(w.waiting) == maxPipelined {
		w.forget()
	}
	if w.answers == nil {
		if e != nil {
			e.Done()
		}
		return
	}
	w.waiting = append(w.waiting, waiting{e, method})
	if len(w.early) > 0 {
		early := w.early[0]
		w.early = w.early[1:]
		w.answer(early)
	}
}

// host is the host that a request of production was made to, as a sink would tell it.
func (w *web) host(m *importer.StreamMessage) string {
	host := m.Host()
	if host == "" {
		host = w.c.server()
	}
	return strings.TrimSuffix(strings.ToLower(host), ":80")
}

func (w *web) answer(m *importer.StreamMessage) {
	if m.Status/100 == 1 && m.Status != 101 {
		return // the answer proper follows: RFC 9110, section 15.2
	}
	if len(w.waiting) == 0 {
		w.unasked++
		if !w.requests.Idle() && !w.resume {
			w.early = append(w.early, m)
		}
		if len(w.early) > maxEarly {
			w.forget()
		}
		return
	}
	q := w.waiting[0]
	w.waiting = w.waiting[1:]
	if m.Status == 101 {
		w.requests.Switch()
	}
	if q.entry != nil && !q.entry.Left() {
		if w.received {
			item := &q.entry.Items[0]
			_, size := w.c.take()
			item.Bytes += size
			item.Outcome = m.Outcome()
			item.Record.Stimulus.Status = m.Status
			w.c.r.window.Grow(q.entry, m.Size())
		}
		q.entry.Done()
	}
}
