// Package har reads HTTP Archive 1.2 (http://www.softwareishard.com/blog/har-12-spec/),
// as browsers and proxies save it, plain or in gzip.
//
// It is read as a stream, an entry at a time. Order is that of the file. Stimuli of one
// client have one key, and stay in order. Who is one client is told by what entries have:
// Authorization or the key of an API, cookies of at least 8 bytes (sent, or set by an
// answer), the page, the connection. Entries that share one of these are of one client; but
// a connection without a page may be a proxy's, and is believed only for what has no
// credentials: its entry belongs to the only client that has some on it, else to the
// connection. Where an archive says none of these, it is one session.
//
// # What an entry becomes
//
// A request to one of production's sites ([importer.Options].Sites) is a stimulus, any
// other a message to the host that it was made to. Where no sites are given, the site is
// the host and port of the first document in the file: the first answer with status 2xx
// whose _resourceType is "document" or, where an entry has none, whose media type is
// text/html; without one, of the first request of all. Ports 80 and 443 of a host are
// one site then. Of a site given as a host, all ports count.
//
// The head is the request line as HTTP/1.1 has it, with the target in origin form and
// without a fragment, Host, and the header fields in their order. Pseudo-header fields
// of HTTP/2 and HTTP/3 (":authority") are not fields: the authority becomes Host where
// there is none, and else that of the URL does. Where there is no Cookie field, the list
// of cookies makes one. Fields that no head can hold are left out, and are a gap.
//
// The body is postData.text, base64 undone where its encoding or _encoding says so. What
// dialects leave out shows in Content-Length, and so a body is believed only where its
// length agrees:
//
//   - Text in which each character stands for one byte (ISO 8859-1) is taken for these
//     bytes where that, and not UTF-8, has the right length.
//   - Where there are params and no text, a form is made of them: as they stand, or
//     percent-encoded (application/x-www-form-urlencoded), whichever has the right length;
//     without Content-Length as they stand, if nothing in them needs encoding.
//   - Otherwise, and where text holds U+FFFD and its length is not known, the body was
//     lost: nothing is kept of the request, and there is a gap [gate.GapNotRecorded]. That
//     is how Chromium writes uploads of files.
//
// The answer becomes the outcome of a stimulus, whose status is that of the answer.
//
// # What is passed over
//
// Requests that were never sent, each with its reason: answered from a cache
// ("from-cache": _fromCache, _fetchType) or by a service worker ("from-service-worker"),
// blocked or failed before a connection stood, as _error or _failureText says
// ("not-sent"), of another scheme than http ("not-http": data:, blob:, about:,
// extensions), and CONNECT, which a proxy notes beside what it tunnelled ("tunnel"). A
// request without an answer (status 0) for none of these reasons may have been sent, and
// is kept.
//
// Gaps are: WebSockets, for what went over them is not replayed; entries without a
// request that can be read. What stands around entries (creator, pages) is passed over
// as "frame".
//
// # What is not guaranteed
//
// Chromium leaves Cookie, Set-Cookie and Authorization out of a HAR that is saved
// without sensitive data, and nothing in it says so. Times are as the file has them.
package har

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is HAR.
var Format = importer.Format{
	Name:  "har",
	Doc:   "HTTP Archive 1.2, saved by a browser or a proxy (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

// sniff wants an object that has a member "log", an object. Where the
// beginning of a file does not tell, more of it is read.
func sniff(path string, head []byte) bool {
	if !strings.HasPrefix(strings.TrimLeft(strings.TrimPrefix(string(head), bom), " \t\r\n"), "{") {
		return false
	}
	is, told := isArchive(bytes.NewReader(head))
	if told || len(head) < importer.SniffSize {
		return is
	}
	in, err := importer.Open(path)
	if err != nil {
		return false
	}
	defer in.Close()
	is, _ = isArchive(io.LimitReader(in, sniffAhead))
	return is
}

// sniffAhead is how far a file is read to find out what it is, in bytes.
const sniffAhead = 64 << 20

// isArchive reports whether JSON has a member "log" that is an object. told is false where
// it ends before it says so.
func isArchive(in io.Reader) (is, told bool) {
	d := newDocument(in, 0)
	err := d.object(func(name string) error {
		if name == "log" && d.dec.PeekKind() == '{' {
			is = true
			return errStopped
		}
		return d.skip()
	})
	return is, is || err == nil || !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF)
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		out := importer.NewOutput("har", path, o, yield)
		w := &walk{options: o}
		if !o.Sent {
			if err := w.survey(path); err != nil {
				out.Fail(err)
				return
			}
			if len(o.Sites) == 0 && len(w.sites) > 0 {
				o.Tell("requests to " + w.sites.String() + " are taken for those that production received: it is where the first document is from")
			}
		}
		w.tunnels, w.hosts = map[string]int64{}, map[string]bool{}
		if err := entries(path, o, func(e *entry, offset, size int64) bool {
			w.passed(e, offset)
			return out.Put(e.items(w, w.sessions.key(e), offset, size)...)
		}, out); err != nil {
			out.Fail(err)
			return
		}
		for _, host := range slices.Sorted(maps.Keys(w.tunnels)) {
			if !w.hosts[host] && !out.Put(importer.Missing("what went through a proxy's tunnel is not in the archive", w.tunnels[host], 0)) {
				return
			}
		}
	}
}

// errStopped ends a walk of which nothing more is wanted.
var errStopped = errors.New("nothing more is wanted")

// entries calls each for every entry at path, until it says no, and puts what stands
// around them into out, where that is not nil.
func entries(path string, o importer.Options, each func(e *entry, offset, size int64) bool, out *importer.Output) (err error) {
	in, err := importer.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	d := newDocument(in, o.Limit())
	var last int64
	frame := func(to int64) bool {
		from := last
		last = to
		return out == nil || last == from || out.Put(importer.Skipped("frame", "what stands around entries: creator, browser, pages", from, last-from))
	}
	found := false
	err = d.object(func(name string) error {
		if name != "log" {
			return d.skip()
		}
		return d.object(func(name string) error {
			if name != "entries" {
				return d.skip()
			}
			found = true
			return d.array(func() error {
				if last == 0 && !frame(d.offset()) {
					return errStopped
				}
				e, err := d.entry()
				if err != nil {
					return err
				}
				from := last
				last = d.offset()
				if !each(e, from, last-from) {
					return errStopped
				}
				return nil
			})
		})
	})
	var end int64
	switch {
	case err == errStopped:
		return nil
	case err == nil && !found:
		err = errors.New("it has no log.entries: it is not a HAR")
	case err == nil:
		end, err = d.end()
	}
	if err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = errors.New("the file ends in the middle: it was not saved whole")
		}
		return fmt.Errorf("import %s: at byte %d: %w", path, d.offset(), err)
	}
	frame(end)
	return nil
}

// A walk is what is known of an archive before its entries are handed out.
type walk struct {
	options  importer.Options
	sites    importer.Sites // none: all requests are messages
	sessions sessions
	tunnels  map[string]int64 // hosts to which a proxy made one, and where the first stands
	hosts    map[string]bool  // those of the other requests
}

// passed notes the host of an entry.
func (w *walk) passed(e *entry, offset int64) {
	if e.request.method != "CONNECT" {
		if u, ok := parseURL(overHTTP(e.request.url)); ok {
			w.hosts[u.host] = true
		}
		return
	}
	target := e.request.url
	if !strings.Contains(target, "://") {
		target = "https://" + target
	}
	if u, ok := parseURL(target); ok {
		if _, met := w.tunnels[u.host]; !met {
			w.tunnels[u.host] = offset
		}
	}
}

// survey finds out whose entries are whose, and, where no site is given, where the first
// document is from.
func (w *walk) survey(path string) error {
	o := w.options
	o.MaxBody = 1 // no body is looked at
	w.sites = o.Sites
	w.sessions = sessions{parent: map[node]node{}, on: map[node][]node{}, first: map[node]bool{}}
	found := len(w.sites) > 0
	err := entries(path, o, func(e *entry, _, _ int64) bool {
		w.sessions.see(e)
		u, ok := parseURL(e.request.url)
		if found || !ok || e.unsent() != nil {
			return true
		}
		site := importer.Sites{{Host: u.host, Port: u.port}}
		if u.port == 80 || u.port == 443 { // one redirects to the other
			site = importer.Sites{{Host: u.host, Port: 443}, {Host: u.host, Port: 80}}
		}
		if found = e.isDocument(); found || w.sites == nil {
			w.sites = site
		}
		return true
	}, nil)
	w.sessions.settle()
	return err
}

// A location is an absolute URL of scheme http or https, as far as it is sent.
type location struct {
	tls    bool
	host   string // lower case, brackets off
	port   uint16
	target string // origin form
}

// authority is the value of Host.
func (l *location) authority() string {
	host := l.host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if l.port == 443 && l.tls || l.port == 80 && !l.tls {
		return host
	}
	return net.JoinHostPort(l.host, strconv.Itoa(int(l.port)))
}

// parseURL splits a URL and changes nothing of its target but what could not be sent:
// blanks, controls and what is not ASCII are percent-encoded, as by the URL standard of
// WHATWG.
func parseURL(text string) (location, bool) {
	scheme, rest, ok := strings.Cut(text, "://")
	l := location{port: 80}
	switch {
	case !ok:
		return l, false
	case strings.EqualFold(scheme, "https"):
		l.tls, l.port = true, 443
	case !strings.EqualFold(scheme, "http"):
		return l, false
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, target := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, target = rest[:i], rest[i:]
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		authority = authority[i+1:]
	}
	l.host = strings.ToLower(strings.Trim(authority, "[]"))
	if host, port, err := net.SplitHostPort(authority); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if port != "" && (err != nil || n == 0) {
			return l, false
		}
		l.host = strings.ToLower(host)
		if port != "" {
			l.port = uint16(n)
		}
	}
	if l.host == "" || strings.ContainsAny(l.host, " \t\r\n\x00/\\") {
		return l, false
	}
	l.target = sendable(target)
	return l, true
}

func sendable(target string) string {
	var b strings.Builder
	for i := 0; i < len(target); i++ {
		if c := target[i]; c <= ' ' || c >= 0x7f {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
