// Package record keeps the traffic that taps copy: it makes tapes of it.
//
//	tap -> sample -> clear -> in order: learn, id, tape
//
// A tap passes traffic on whatever becomes of its copy. So nothing here returns an
// error to a tap: what cannot be kept is counted, by kind and reason, and stands on
// the tape as gaps, or on the next one that can be written.
//
// What a tap hands over is on the tape when the call returns, so that what a client
// was told survives a kill of the process. It waits no longer than [Options.Patience]
// for that: a disk that is slower lets traffic pass, what waits for it is written when
// it can be, and what more than [Options.Room] would wait is not kept. What mail
// servers acknowledge is on the medium too; other traffic is handed to the operating
// system, and a loss of power may take the last of it with the footer.
//
// Each tape is a corpus by itself. Its records stand in the order in which they were
// answered, which keeps the requests of a session in theirs; a message may stand
// before the stimulus that caused it, which is not known here.
package record

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A Cleaner replaces people. After an error nothing of what it was given is kept; the
// error's text names nobody. It may be called from many goroutines.
type Cleaner interface {
	Stimulus(*gate.Stimulus, *gate.Outcome) error // the outcome may be nil
	Message(*gate.Message) error
}

// A Learner finds in stimuli what answers and messages before them had given, and sets their
// Bindings. It is called in the order of the tapes, by one goroutine, and again for a
// stimulus whose tape failed before it was on it.
type Learner interface {
	Learn(*gate.Stimulus, *gate.Outcome)
	Message(*gate.Message)
}

// Options say how traffic is kept. Folder, Name and Header.Content must be given.
type Options struct {
	Folder      string        // where tapes are written
	Name        string        // that their names begin with
	Header      gate.Header   // of each; At and RetainUntil are filled in
	Recipients  []string      // who can read the tapes: see tape.Options; none: they are not encrypted
	Retain      time.Duration // for how long a tape may be kept; 0 is without end
	RotateSize  int64         // bytes of a tape after which the next is begun; 0 is never
	RotateEvery time.Duration // time after which the next is begun; 0 is never

	Sample float64 // share of the stimuli that are kept, by key; 0 is all
	Seed   string  // of the sampling: equal seeds keep equal keys

	Cleaner  Cleaner  // nil: people stay as they are
	Secret   []byte   // keys the digests that stand for sessions; nil: they are as taps say them
	LeaveOut []string // fields of HTTP requests that are not kept: credentials that a replay is given anew
	Learner  Learner  // of all tapes, for sessions go on from one to the next; nil: nothing is learnt

	Patience time.Duration // how long traffic waits for the tape; 0 is a second
	Room     int64         // bytes that may wait for the tape; 0 is 64 MiB

	// Open makes a tape; nil is package tape's. Now is the clock; nil is the system's.
	Open func(path string, h gate.Header) (Store, error)
	Now  func() time.Time

	// Tell is told in one line of what an operator should know of at once; nil is nobody.
	Tell func(string)
}

// Counts say what became of what taps handed over.
type Counts struct {
	Stimuli, Messages uint64   // on tapes
	LeftOut           uint64   // stimuli that sampling left out
	Late              uint64   // passed on before they were on a tape, and written later
	Gaps              uint64   // what was not kept, or not whole: see Reasons
	Unreplayable      uint64   // requests that can make no stimulus: WebSockets, tunnels
	Reasons           []string // of the gaps, with how many, most first
	Tapes             []string // paths of those that were closed in order
	Torn              []string // paths of those that could not be
}

// Whole reports whether everything was kept.
func (c *Counts) Whole() bool { return c.Gaps == 0 && len(c.Torn) == 0 }

// A Recorder keeps what taps copy. Its methods may be used from many goroutines.
type Recorder struct {
	opts Options
	tapes
	missed tally

	medium medium
	wake   chan struct{} // something waits for the tape
	done   chan struct{} // the goroutine that writes has ended

	mu      sync.Mutex // guards what follows
	queue   []*entry
	waiting int64 // bytes in queue, or being written
	slow    bool  // the tape is behind: nobody waits for it
	closed  bool
	counts  Counts
}

// An entry is one record on its way to the tape.
type entry struct {
	stimulus *gate.Stimulus
	outcome  *gate.Outcome // of a stimulus, for the learner
	message  *gate.Message
	size     int64
	durable  bool          // it must be on the medium, and not with the operating system alone
	kept     bool          // it is on the tape
	learnt   bool          // of a message: the learner was told of it
	done     chan struct{} // closed when it is as durable as it must be, or cannot be
}

const (
	defaultPatience = time.Second
	defaultRoom     = 64 << 20
)

// New begins to record: the first tape is made. Its error wraps tape.ErrLocked and
// the like where it cannot be.
func New(o Options) (*Recorder, error) {
	if o.Folder == "" || o.Name == "" {
		return nil, errors.New("record: tapes have no folder or no name")
	}
	if o.Sample < 0 || o.Sample > 1 || math.IsNaN(o.Sample) {
		return nil, fmt.Errorf("record: a sample of %v is not from 0 to 1", o.Sample)
	}
	orElse(&o.Sample, 1)
	orElse(&o.Patience, defaultPatience)
	orElse(&o.Room, defaultRoom)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Open == nil {
		o.Open = opener(o.Recipients)
	}
	if o.Tell == nil {
		o.Tell = func(string) {}
	}
	r := &Recorder{opts: o, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if err := r.open(&o); err != nil {
		return nil, err
	}
	r.medium.begin(func() error { return r.store.Sync() }, func(n int, err error) {
		r.Missed(gate.Gap{Kind: gate.GapStore, Where: "recorder", Detail: "written, and perhaps not on the medium: " + err.Error(), Count: uint64(n)})
	})
	go r.write()
	return r, nil
}

func orElse[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// Missed is for channel.TapConfig.Missed.
func (r *Recorder) Missed(g gate.Gap) {
	r.missed.add(g)
	r.signal()
}

// Exchange is for channel.TapConfig.Exchange.
func (r *Recorder) Exchange(s *gate.Stimulus, o *gate.Outcome) {
	defer r.guard("tap " + s.Door)
	if !r.sampled(s.Key) {
		r.mu.Lock()
		r.counts.LeftOut++
		r.mu.Unlock()
		return
	}
	if s.Channel == "http" {
		s.Head = without(s.Head, r.opts.LeaveOut)
	}
	key := r.session(s.Key)
	s.Key = key // the cleaner tells sessions by it
	if c := r.opts.Cleaner; c != nil {
		s, o = r.clear(c, s, o)
		if s == nil {
			return
		}
	}
	s.Key = key
	r.submit(&entry{stimulus: s, outcome: o, size: int64(len(s.Head) + len(s.Body) + len(o.Head) + len(o.Body)), durable: s.Channel == "smtp"})
}

// clear replaces the people in a stimulus and its answer. An answer in which that
// cannot be done, which no tape holds, is given up for the stimulus.
func (r *Recorder) clear(c Cleaner, s *gate.Stimulus, o *gate.Outcome) (*gate.Stimulus, *gate.Outcome) {
	again := *s
	again.Head, again.Body = bytes.Clone(s.Head), bytes.Clone(s.Body)
	if c.Stimulus(s, o) == nil {
		return s, o
	}
	if err := c.Stimulus(&again, nil); err != nil {
		r.notCleared("tap "+s.Door, err)
		return nil, nil
	}
	return &again, &gate.Outcome{Status: o.Status, Elapsed: o.Elapsed}
}

// Message is for channel.TapConfig.Message.
func (r *Recorder) Message(m *gate.Message) {
	where := "tap " + m.Sink
	defer r.guard(where)
	if c := r.opts.Cleaner; c != nil {
		if err := c.Message(m); err != nil {
			r.notCleared(where, err)
			return
		}
		m.Peer = "" // the address of a machine of the organisation's own
	}
	r.submit(&entry{message: m, size: int64(len(m.Head) + len(m.Body)), durable: m.Channel == "smtp"})
}

func (r *Recorder) notCleared(where string, err error) {
	r.Missed(gate.Gap{Kind: gate.GapNotCleared, Where: where, Detail: "not kept, since not all identities in it could be replaced: " + err.Error()})
}

// guard keeps a fault in what traffic is put through from ending the traffic.
func (r *Recorder) guard(where string) {
	if v := recover(); v != nil {
		r.Missed(gate.Gap{Kind: gate.GapNotRecorded, Where: where, Detail: "not kept, because of a bug in waybill"})
		r.opts.Tell(fmt.Sprintf("a bug in waybill kept %s from being recorded: %v", where, v))
	}
}

// sampled reports whether stimuli of a key are kept.
func (r *Recorder) sampled(key string) bool {
	if r.opts.Sample == 1 {
		return true
	}
	sum := sha256.Sum256([]byte(r.opts.Seed + "\x00" + key))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11)/(1<<53) < r.opts.Sample
}

// session is the key that stands on the tape for one that a tap has said: a digest
// of few values, such as addresses, can be undone by whoever tries them all.
func (r *Recorder) session(key string) string {
	if len(r.opts.Secret) == 0 || key == "" {
		return key
	}
	mac := hmac.New(sha256.New, r.opts.Secret)
	mac.Write([]byte("session\x00" + key))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// without is a head without the fields of these names.
func without(head []byte, names []string) []byte {
	if len(names) == 0 {
		return head
	}
	var out []byte
	for line := range bytes.Lines(head) {
		name, _, ok := bytes.Cut(line, []byte{':'})
		if ok && slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, string(name)) }) {
			continue
		}
		out = append(out, line...)
	}
	return out
}

// Close waits until everything that was handed over is on a tape, or counted, and
// ends the last one. Taps are closed before. Its error is of the last tape; what
// became of the others the counts say.
func (r *Recorder) Close() (Counts, error) {
	r.mu.Lock()
	again := r.closed
	r.closed = true
	r.mu.Unlock()
	r.signal()
	<-r.done
	var err error
	if !again {
		err = r.finish()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Tapes, c.Torn = slices.Clone(r.closedInOrder), slices.Clone(r.torn)
	c.Gaps, c.Reasons = r.missed.sum()
	c.Unreplayable = r.missed.of(gate.GapNotReplayable)
	return c, err
}

// Counts are those so far.
func (r *Recorder) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts
	c.Gaps, c.Reasons = r.missed.sum()
	c.Unreplayable = r.missed.of(gate.GapNotReplayable)
	return c
}
