package corpus

import (
	"cmp"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Reading says how stimuli and messages are understood.
type Reading struct {
	Keys tape.Keys

	// Decoder gives the decoder of what one sink took, and of what goes to one door,
	// of which a stimulus is read as a message. settings are those of the sink on the tape.
	Decoder func(channel, sink, settings string) (channel.Decoder, error)

	// Canon makes a message canonical whose class its protocol does not tell. It must be pure.
	Canon func(*gate.Message, *gate.Decoded, gate.Ref) gate.Canonical

	// SessionBy says what of a request's head tells its session; "" is nothing. nil: not asked.
	SessionBy func(head []byte) string

	Workers int // goroutines that decode; 0 is one for each processor

	Stop func() error // see [Options]
}

// A Summary is what is in one or several corpora.
type Summary struct {
	Tapes []Tape `json:"tapes"`

	Stimuli  uint64 `json:"stimuli"`
	Messages uint64 `json:"messages"`
	Bytes    uint64 `json:"bytes"`           // of heads and bodies
	Sessions Number `json:"sessions"`        // keys of stimuli
	Bound    uint64 `json:"bound"`           // stimuli with values that an earlier answer or message gave
	Mailed   uint64 `json:"mailed,omitzero"` // of these, those with a value that a message gave
	Cut      uint64 `json:"cut"`             // stimuli and messages whose bodies were cut
	Unread   uint64 `json:"unread"`          // stimuli and messages that could not be decoded
	First    int64  `json:"first,omitzero"`  // the earliest and latest time, nanoseconds since 1970 UTC; 0 is not known
	Last     int64  `json:"last,omitzero"`

	Received People     `json:"received"` // of stimuli
	Sent     People     `json:"sent"`     // of messages
	Routes   []Class    `json:"routes"`   // of stimuli, by how often
	Classes  []Class    `json:"classes"`  // of messages, by how often
	Sizes    []Size     `json:"sizes"`    // of bodies, ascending
	Times    []Moment   `json:"times"`    // ascending
	Step     int64      `json:"step"`     // between moments, seconds
	Gaps     []gate.Gap `json:"gaps,omitempty"`

	// Sessions of HTTP by what in their requests tells them, the most first: "cookie PHPSESSID",
	// "authorization"; "address" is none of these. One that begins without a cookie and is given
	// one counts for that.
	SessionsBy []Place `json:"sessions_by,omitempty"`

	// Unbound are places of stimuli where values stand that look made by the application and
	// that nothing on the tape gave, by how often: a replay sends them as they were recorded.
	Unbound []Place `json:"unbound,omitempty"`
}

// A Place is one of a kind of stimuli, as package dynamic names places.
type Place struct {
	Name  string `json:"name"`
	Count uint64 `json:"count"` // of stimuli
}

// A Tape is one of the corpora of a [Summary].
type Tape struct {
	Path       string            `json:"path"`
	Digest     string            `json:"digest"`
	Recipients []string          `json:"recipients,omitempty"` // that it is encrypted for
	Version    string            `json:"version,omitempty"`
	At         int64             `json:"at,omitempty"`
	Origin     string            `json:"origin,omitempty"`
	Made       map[string]string `json:"made,omitempty"`
	Identities gate.Identities   `json:"identities,omitempty"`
	Key        string            `json:"key,omitempty"`
	Until      int64             `json:"retain_until,omitempty"`
	Stored     int64             `json:"stored"` // bytes on disk
	Frames     int               `json:"frames"`
}

// People says how many different ones there are.
type People struct {
	Senders    Number `json:"senders"`
	Recipients Number `json:"recipients"`
}

// A Class is a kind of stimulus or message and how often it is there.
type Class struct {
	Channel  string            `json:"channel"`
	Name     string            `json:"name"`  // of the door, or of the sink
	Class    string            `json:"class"` // "GET /members/#"; "" where there are more kinds than are told apart
	Count    uint64            `json:"count"`
	Bytes    uint64            `json:"bytes"`
	To       uint64            `json:"to,omitempty"`       // recipients together, of messages
	Statuses map[string]uint64 `json:"statuses,omitempty"` // "2xx", "4xx" and so on; "-" is not known
}

// mostClasses is how many kinds are told apart.
const mostClasses = 10_000

type classKey struct{ channel, name, class string }

// Stat counts what is in the corpora at paths.
func Stat(o Reading, paths []string) (*Summary, error) {
	total := newCounts()
	var gaps Gaps
	s := &Summary{}
	for _, path := range paths {
		src, c, err := o.stat(path)
		if err != nil {
			return nil, err
		}
		total.add(c)
		for _, g := range src.gaps.List() {
			gaps.Add(g)
		}
		r := &src.report
		s.Stimuli += r.Stimuli
		s.Messages += r.Messages
		h := &r.Header
		s.Tapes = append(s.Tapes, Tape{
			Path: path, Digest: r.Digest, Recipients: r.Recipients, Version: h.Version, At: h.At, Origin: h.Origin, Made: h.Made,
			Identities: h.Identities, Key: h.Key, Until: h.RetainUntil, Stored: r.Stored, Frames: r.Frames,
		})
	}
	s.Gaps = gaps.List()
	total.into(s)
	return s, nil
}

// few is how many records are handed to a worker at once, and fewBytes how large
// they may be together before they are.
const (
	few      = 64
	fewBytes = 1 << 20
)

func (o *Reading) stat(path string) (*source, *counts, error) {
	r, err := o.Keys.Open(path)
	if err != nil {
		return nil, nil, err
	}
	settings := r.Header().Settings
	if err := r.Close(); err != nil {
		return nil, nil, err
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	work := make(chan []*gate.Record, workers)
	done := make([]*counts, workers)
	var wg sync.WaitGroup
	for i := range done {
		done[i] = newCounts()
		wg.Go(func() {
			w := &worker{done[i], understanding{o, settings, map[[2]string]channel.Decoder{}}}
			for records := range work {
				for _, r := range records {
					w.record(r)
				}
			}
		})
	}
	var pending []*gate.Record
	size := int64(0)
	hand := func() {
		if len(pending) > 0 {
			work <- pending
		}
		pending, size = nil, 0
	}
	src, err := (&Options{Keys: o.Keys, Stop: o.Stop}).read(path, func(r *gate.Record) error {
		if r.Stimulus == nil && r.Message == nil {
			return nil
		}
		kept := *r
		pending = append(pending, &kept)
		if size += bytesOf(r); len(pending) == few || size >= fewBytes {
			hand()
		}
		return nil
	})
	hand()
	close(work)
	wg.Wait()
	if err != nil {
		return nil, nil, err
	}
	for _, c := range done[1:] {
		done[0].add(c)
	}
	return src, done[0], nil
}

// counts are what one worker has counted.
type counts struct {
	routes, classes map[classKey]*Class
	in, out         struct{ from, to distinct }
	sessions        distinct
	bytes, cut      uint64
	bound, unread   uint64
	mailed          uint64
	unbound         map[string]uint64
	by              map[string]string // of each session, by key: what tells it
	first, last     int64
	sizes           sizes
	times           series
}

func newCounts() *counts {
	return &counts{routes: map[classKey]*Class{}, classes: map[classKey]*Class{}, unbound: map[string]uint64{}, by: map[string]string{}}
}

type worker struct {
	*counts
	understanding
}

// An understanding reads stimuli and messages of one tape.
type understanding struct {
	o        *Reading
	settings map[string]string
	decoders map[[2]string]channel.Decoder
}

func (w *worker) record(r *gate.Record) {
	at := timeOf(r)
	if at != 0 {
		if w.first == 0 || at < w.first {
			w.first = at
		}
		w.last = max(w.last, at)
		w.times.add(at, 1)
	}
	size := uint64(bytesOf(r))
	w.bytes += size
	if s := r.Stimulus; s != nil {
		w.stimulus(s, size)
		return
	}
	m := r.Message
	w.sizes.add(len(m.Body))
	if m.Cut > 0 {
		w.cut++
	}
	letters, err := w.letters(m, m.Sink)
	if err != nil {
		w.unread++
		w.class(w.classes, classKey{m.Channel, m.Sink, ""}, 1, size)
		return
	}
	for i := range letters {
		c := w.class(w.classes, classKey{m.Channel, m.Sink, letters[i].Class}, 1, size)
		c.To += uint64(len(letters[i].Recipients))
		size = 0
		people(&w.out.from, &w.out.to, &letters[i])
	}
}

func (w *worker) stimulus(s *gate.Stimulus, size uint64) {
	w.sizes.add(len(s.Body))
	if s.Key != "" {
		w.sessions.add(s.Key)
		w.told(s)
	}
	if len(s.Bindings) > 0 {
		w.bound++
	}
	if slices.ContainsFunc(s.Bindings, func(b gate.Binding) bool { return b.Sent != nil }) {
		w.mailed++
	}
	for _, place := range dynamic.Unbound(s) {
		if _, known := w.unbound[place]; known || len(w.unbound) < mostClasses {
			w.unbound[place]++
		}
	}
	if s.Cut > 0 {
		w.cut++
	}
	route, letters, err := w.route(s)
	if err != nil {
		w.unread++
	}
	for i := range letters {
		people(&w.in.from, &w.in.to, &letters[i])
	}
	c := w.class(w.routes, classKey{s.Channel, s.Door, route}, 1, size)
	if c.Statuses == nil {
		c.Statuses = map[string]uint64{}
	}
	c.Statuses[status(s.Status)]++
}

// told takes down what tells the session of s; what a request has goes before nothing.
func (w *worker) told(s *gate.Stimulus) {
	if w.o.SessionBy == nil || s.Channel != "http" {
		return
	}
	old, known := w.by[s.Key]
	if by := w.o.SessionBy(s.Head); !known && len(w.by) < maxSessions || known && (old == "" || by != "" && by < old) {
		w.by[s.Key] = by
	}
}

// maxSessions is of how many sessions it is known what tells them.
const maxSessions = 1 << 20

// maxLine bounds the name of a job, in bytes.
const maxLine = 200

// route says what kind of stimulus s is, and reads it as messages where its channel has any.
func (u *understanding) route(s *gate.Stimulus) (string, []gate.Canonical, error) {
	letters, err := u.letters(&gate.Message{Channel: s.Channel, Sink: s.Door, Head: s.Head, Body: s.Body}, s.Door)
	switch {
	case errors.Is(err, ErrNoDecoder): // a job: its name is all that there is
		name, _, _ := strings.Cut(string(s.Head[:min(len(s.Head), maxLine)]), "\n")
		return strings.TrimRight(name, "\r"), nil, nil
	case err != nil:
		return "", nil, err
	case len(letters) == 0:
		return "", nil, errors.New("it holds no message")
	}
	return letters[0].Class, letters, nil
}

// A Router says what kinds of stimuli there are. It is for one goroutine.
type Router struct{ u understanding }

// NewRouter makes a router.
func NewRouter(o Reading) *Router {
	return &Router{understanding{o: &o, decoders: map[[2]string]channel.Decoder{}}}
}

// Route is the kind of s, as [Summary].Routes tells them apart; "" where it cannot be told.
func (r *Router) Route(s *gate.Stimulus) string {
	route, _, _ := r.u.route(s)
	return route
}

// status is the class of an answer.
func status(n int) string {
	if n < 100 || n > 599 {
		return "-"
	}
	return string(rune('0'+n/100)) + "xx"
}

// ErrNoDecoder is what [Reading].Decoder returns for a channel that has no messages.
var ErrNoDecoder = errors.New("the channel has no messages")

func (u *understanding) letters(m *gate.Message, name string) ([]gate.Canonical, error) {
	k := [2]string{m.Channel, name}
	decode, ok := u.decoders[k]
	if !ok {
		var err error
		if decode, err = u.o.Decoder(m.Channel, name, u.settings[name]); err != nil {
			return nil, err
		}
		u.decoders[k] = decode
	}
	decoded, err := decode(m)
	if err != nil {
		return nil, err
	}
	out := make([]gate.Canonical, len(decoded))
	for i := range decoded {
		d := &decoded[i]
		if d.Class == "" { // it takes the payload to tell
			out[i] = u.o.Canon(m, d, gate.Ref{})
			continue
		}
		out[i] = gate.Canonical{Class: d.Class, Recipients: d.Recipients, Parts: d.Fields}
	}
	return out, nil
}

func people(from, to *distinct, c *gate.Canonical) {
	for i := range c.Recipients {
		to.add(c.Recipients[i].ID())
	}
	for i := range c.Parts {
		if p := &c.Parts[i]; p.Name == "envelope/from" && p.Value != "" {
			from.add(p.Value)
		}
	}
}

// class counts n of a kind.
func (c *counts) class(m map[classKey]*Class, k classKey, n, size uint64) *Class {
	v, ok := m[k]
	if !ok {
		if len(m) >= mostClasses {
			k.class = ""
			v, ok = m[k]
		}
		if !ok {
			v = &Class{Channel: k.channel, Name: k.name, Class: strings.Clone(k.class)}
			m[classKey{k.channel, k.name, v.Class}] = v
		}
	}
	v.Count += n
	v.Bytes += size
	return v
}

func (c *counts) add(d *counts) {
	for _, m := range []struct{ to, from map[classKey]*Class }{{c.routes, d.routes}, {c.classes, d.classes}} {
		for k, v := range m.from {
			sum := c.class(m.to, k, v.Count, v.Bytes)
			sum.To += v.To
			for s, n := range v.Statuses {
				if sum.Statuses == nil {
					sum.Statuses = map[string]uint64{}
				}
				sum.Statuses[s] += n
			}
		}
	}
	c.in.from.join(&d.in.from)
	c.in.to.join(&d.in.to)
	c.out.from.join(&d.out.from)
	c.out.to.join(&d.out.to)
	c.sessions.join(&d.sessions)
	c.mailed += d.mailed
	for key, by := range d.by {
		if old, known := c.by[key]; !known || old == "" || by != "" && by < old {
			c.by[key] = by
		}
	}
	for place, n := range d.unbound {
		c.unbound[place] += n
	}
	c.bytes, c.cut, c.bound, c.unread = c.bytes+d.bytes, c.cut+d.cut, c.bound+d.bound, c.unread+d.unread
	if d.first != 0 && (c.first == 0 || d.first < c.first) {
		c.first = d.first
	}
	c.last = max(c.last, d.last)
	c.sizes.join(&d.sizes)
	c.times.join(&d.times)
}

func (c *counts) into(s *Summary) {
	s.Bytes, s.Cut, s.Bound, s.Unread, s.First, s.Last = c.bytes, c.cut, c.bound, c.unread, c.first, c.last
	s.Sessions, s.Mailed = c.sessions.number(), c.mailed
	s.Unbound = places(c.unbound)
	by := map[string]uint64{}
	for _, what := range c.by {
		by[cmp.Or(what, "address")]++
	}
	s.SessionsBy = places(by)
	s.Received = People{c.in.from.number(), c.in.to.number()}
	s.Sent = People{c.out.from.number(), c.out.to.number()}
	s.Routes, s.Classes = ranked(c.routes), ranked(c.classes)
	s.Sizes = c.sizes.list()
	s.Times, s.Step = c.times.list()
}

// places is the places, the most frequent first.
func places(m map[string]uint64) []Place {
	var out []Place
	for name, n := range m {
		out = append(out, Place{name, n})
	}
	slices.SortFunc(out, func(a, b Place) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name)) })
	return out
}

// ranked is the classes, the most frequent first.
func ranked(m map[classKey]*Class) []Class {
	out := make([]Class, 0, len(m))
	for _, v := range m {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(a, b Class) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Class, b.Class))
	})
	return out
}
