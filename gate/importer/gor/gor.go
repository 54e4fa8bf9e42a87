// Package gor reads what GoReplay writes to files (https://github.com/buger/goreplay,
// "output-file"), plain or in gzip.
//
// A file is payloads, each ended by a line feed and a line of three monkeys (U+1F435
// U+1F648 U+1F649). A payload is a line with its kind, its id, a time in nanoseconds
// since 1970 and perhaps a latency, and then HTTP/1 as it was on the wire:
//
//	1 932079936fa4306fc308d67588178d17d823647c 1439818823587396305 0
//	GET /ask HTTP/1.1
//	Host: portal.example.org
//
// Kind 1 is a request: a stimulus, for GoReplay listens where production does; where
// sites are given and its host is none of them, a message. Kind 2 is production's answer to the
// request of the same id. It gives the status of the stimulus and its outcome, where it
// follows soon enough: requests wait for answers in a window of some thousands and some
// megabytes, and an answer that comes later, or answers nothing, is passed over
// ("unmatched-answer"). Kind 3 is the answer of a replay, which says nothing of
// production ("replayed-answer").
//
// Nothing in a file says which requests are one client's. The first of these that a
// request has tells: the first address of X-Forwarded-For; X-Real-Ip; Authorization;
// Cookie. Stimuli of a client have one key, and stay in order; those of nobody have none.
//
// Gaps are: requests that were not captured whole, messages that name no host, whose framing two readers could take
// differently, WebSockets and tunnels. A body that holds the line that parts payloads
// cannot be told from two payloads; what follows it is a gap then, too.
package gor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is GoReplay's.
var Format = importer.Format{
	Name:  "gor",
	Doc:   "requests and answers captured by GoReplay (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

const (
	monkeys  = "\U0001f435\U0001f648\U0001f649"
	maxTitle = 4096 // bytes of the first line of a payload
)

// Kinds of payload.
const (
	kindRequest  = '1'
	kindAnswer   = '2'
	kindReplayed = '3'
)

func sniff(_ string, head []byte) bool {
	line, _, ok := bytes.Cut(head, []byte("\n"))
	if !ok {
		return false
	}
	_, ok = parseTitle(line)
	return ok
}

// A title is the first line of a payload.
type title struct {
	kind byte
	id   string
	at   int64
}

func parseTitle(line []byte) (title, bool) {
	words := strings.Split(strings.TrimSuffix(string(line), "\r"), " ")
	if len(line) > maxTitle || len(words) < 3 || len(words) > 5 || len(words[0]) != 1 {
		return title{}, false
	}
	t := title{kind: words[0][0], id: words[1]}
	at, err := strconv.ParseInt(words[2], 10, 64)
	if t.kind < kindRequest || t.kind > kindReplayed || len(t.id) < 8 || strings.Trim(t.id, "0123456789abcdefABCDEF-") != "" || err != nil || at < 0 {
		return title{}, false
	}
	for _, n := range words[3:] {
		if _, err := strconv.ParseInt(n, 10, 64); err != nil {
			return title{}, false
		}
	}
	t.at = at
	return t, true
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		r := &reader{options: o, out: importer.NewOutput("gor", path, o, yield), waiting: map[string]*waiting{}}
		if err := r.read(path); err != nil {
			r.out.Fail(err)
		}
	}
}

type reader struct {
	options importer.Options
	out     *importer.Output
	in      *bufio.Reader
	offset  int64

	window  importer.Window
	waiting map[string]*waiting // requests without an answer, by id
	clients importer.Clients
}

// A waiting request.
type waiting struct {
	entry  *importer.Entry
	method string
}

// maxWaiting is how many requests may wait, in the window or past it, before those past
// it are forgotten.
const maxWaiting = 10_000

func (r *reader) read(path string) (err error) {
	in, err := importer.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	r.in = bufio.NewReaderSize(in, 64<<10)
	for !r.out.Stopped() {
		start := r.offset
		line, err := r.in.ReadSlice('\n')
		if err == io.EOF && len(line) == 0 {
			break
		}
		if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
			return err
		}
		r.offset += int64(len(line))
		t, ok := parseTitle(bytes.TrimSuffix(line, []byte("\n")))
		if !ok && start == 0 {
			return fmt.Errorf("import %s: it does not begin as GoReplay's files do, with a kind, an id and a time", path)
		}
		if err := r.payload(&t, ok, line, start); err != nil {
			return err
		}
		r.window.Release(r.out, false)
	}
	r.window.Release(r.out, true)
	return nil
}

// payload reads the payload that begins with line, at start. known says whether line is
// a title.
func (r *reader) payload(t *title, known bool, line []byte, start int64) error {
	var found []*importer.StreamMessage
	s := &importer.Stream{
		Answers: t.kind != kindRequest, Max: r.options.Limit(),
		Asked: func() string {
			if w := r.waiting[t.id]; w != nil {
				return w.method
			}
			return ""
		},
		Take: func(m *importer.StreamMessage) { found = append(found, m) },
	}
	broken := error(nil)
	if !known {
		broken = errors.New("it has no kind, id and time")
	}
	feed := func(p []byte) {
		if broken == nil {
			broken = s.Write(p)
		}
	}
	if err := r.content(line, feed); err != nil {
		return err
	}
	if broken == nil {
		broken = s.Close()
	}
	if broken == nil && len(found) != 1 {
		broken = fmt.Errorf("%d messages stand in it", len(found))
	}
	size := r.offset - start
	switch t.kind {
	case kindAnswer:
		r.answer(t, found, broken, start, size)
	case kindReplayed:
		r.put(importer.Skipped("replayed-answer", "the answer to a replay, and not production's", start, size))
	default:
		r.request(t, found, broken, start, size)
	}
	return nil
}

// content feeds what follows the title, up to the line that ends the payload. line is the
// title, or the part of it that was read.
func (r *reader) content(line []byte, feed func([]byte)) error {
	begins := len(line) > 0 && line[len(line)-1] == '\n'
	feedLine := false // a line feed that may belong to the end of the payload
	for {
		p, err := r.in.ReadSlice('\n')
		if err != nil && err != bufio.ErrBufferFull && err != io.EOF {
			return err
		}
		if len(p) == 0 {
			if feedLine {
				feed([]byte("\n"))
			}
			return nil
		}
		r.offset += int64(len(p))
		if begins && string(bytes.TrimSuffix(p, []byte("\n"))) == monkeys {
			return nil
		}
		if feedLine {
			feed([]byte("\n"))
		}
		begins = p[len(p)-1] == '\n'
		if feedLine = begins; begins {
			p = p[:len(p)-1]
		}
		feed(p)
	}
}

// put hands out items in their place among those that wait.
func (r *reader) put(items ...importer.Item) {
	e := &importer.Entry{Items: items}
	e.Done()
	r.window.Begin(e)
}

func (r *reader) request(t *title, found []*importer.StreamMessage, broken error, start, size int64) {
	if broken != nil {
		r.put(importer.Missing("a payload cannot be read as a request: "+broken.Error(), start, size))
		return
	}
	m := found[0]
	host := m.Host()
	received := !r.options.Sent && (len(r.options.Sites) == 0 || r.options.Sites.Has(splitHost(host)))
	if why := m.Unplayable(); why != "" {
		r.put(importer.Unplayed(why, received, start, size))
		return
	}
	q := importer.Request{
		Head: m.Head, Body: m.Body, Cut: m.Cut, Host: strings.TrimSuffix(strings.ToLower(host), ":80"),
		At: t.at, Key: r.clients.Key(identity(m.Head)), Offset: start, Bytes: size,
	}
	items := q.Items(received)
	if m.Trailers > 0 {
		items = append(items, importer.Missing("the trailer fields of a request are not kept", start, 0))
	}
	e := &importer.Entry{Items: items, Size: m.Size()}
	r.window.Begin(e)
	if !received {
		e.Done()
		return
	}
	if len(r.waiting) >= maxWaiting {
		for id, w := range r.waiting {
			if w.entry.Left() {
				delete(r.waiting, id)
			}
		}
	}
	if before := r.waiting[t.id]; before != nil {
		before.entry.Done() // an id that comes twice: whose answer follows is not known before, and is the last one's
	}
	r.waiting[t.id] = &waiting{e, m.Method}
}

func (r *reader) answer(t *title, found []*importer.StreamMessage, broken error, start, size int64) {
	w := r.waiting[t.id]
	if w == nil || w.entry.Left() {
		delete(r.waiting, t.id)
		r.put(importer.Skipped("unmatched-answer", "an answer to no request that still waited for one", start, size))
		return
	}
	item := &w.entry.Items[0]
	item.Bytes += size
	if broken == nil && found[0].Status/100 == 1 && found[0].Status != 101 {
		return // the answer proper follows: RFC 9110, section 15.2
	}
	delete(r.waiting, t.id)
	w.entry.Done()
	if broken != nil {
		return // what came of it is not known
	}
	item.Outcome = found[0].Outcome()
	item.Record.Stimulus.Status = found[0].Status
	r.window.Grow(w.entry, found[0].Size())
}

// identity is what tells the client of a request from others.
func identity(head []byte) string {
	if first, _, _ := strings.Cut(importer.Field(head, "X-Forwarded-For"), ","); first != "" {
		return "x-forwarded-for " + first
	}
	for _, name := range []string{"X-Real-Ip", "Authorization", "Cookie"} {
		if value := importer.Field(head, name); value != "" {
			return name + " " + value
		}
	}
	return ""
}

// splitHost is the host and the port of a Host field.
func splitHost(host string) (string, uint16) {
	if name, port, err := net.SplitHostPort(host); err == nil {
		n, _ := strconv.ParseUint(port, 10, 16)
		return name, uint16(n)
	}
	return host, 80
}
