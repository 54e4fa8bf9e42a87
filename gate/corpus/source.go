package corpus

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Options are what all that is made of corpora needs.
type Options struct {
	Keys       tape.Keys // read what is encrypted
	Recipients []string  // of what is written: see [tape.Options]
	Clear      bool      // what was encrypted may be written in the clear
	Overwrite  bool
	Version    string // of the program, for headers
	Now        int64  // the same; nanoseconds since 1970 UTC

	// WithoutMessages leaves out what production sent when the corpus was recorded.
	// Nothing says which stimulus a message is of: where stimuli are left out, the
	// messages would no longer fit.
	WithoutMessages bool

	// Stop is called for every record that is read; an error of it ends what is being
	// done. nil is not called.
	Stop func() error
}

func (o *Options) stopped() error {
	if o.Stop == nil {
		return nil
	}
	return o.Stop()
}

// A RefusedError says that something is not done because of what it would make, and
// what allows it.
type RefusedError struct{ Reason, Hint string }

func (e *RefusedError) Error() string { return e.Reason }

func refused(hint, format string, args ...any) error {
	return &RefusedError{fmt.Sprintf(format, args...), hint}
}

// A source is a corpus that was read to its end.
type source struct {
	path   string
	report tape.Report
	torn   *tape.TornError // where it ends early, and that is allowed
	first  int64           // the earliest time of a record, nanoseconds since 1970 UTC; 0 where none has one
	gaps   Gaps
	seqs   uint64 // the largest number of a message
}

// read reads the whole tape at path. each is called for every record; nil is not.
func (o *Options) read(path string, each func(*gate.Record) error) (*source, error) {
	s := &source{path: path}
	var err error
	s.report, err = o.Keys.Verify(path, func(r *gate.Record) error {
		switch at := timeOf(r); {
		case r.Outcome != nil:
			return fmt.Errorf("read %s: a corpus holds no outcomes", path)
		case r.Gap != nil:
			s.gaps.Add(*r.Gap)
		case at != 0 && (s.first == 0 || at < s.first):
			s.first = at
		}
		if r.Message != nil {
			s.seqs = max(s.seqs, r.Message.Seq)
		}
		if err := o.stopped(); err != nil || each == nil {
			return err
		}
		return each(r)
	})
	var torn *tape.TornError
	if errors.As(err, &torn) {
		s.torn = torn
		if s.report.Header.Content == "" {
			return nil, err
		}
	}
	if s.report.Header.Content == gate.RunTape {
		return nil, refused("", "%s is a run, and not a corpus", path)
	}
	return s, err
}

// timeOf is when r came, where it says so; else 0.
func timeOf(r *gate.Record) int64 {
	switch {
	case r.Stimulus != nil:
		return r.Stimulus.At
	case r.Message != nil:
		return r.Message.At
	}
	return 0
}

// bytesOf is how large the head and body of r are.
func bytesOf(r *gate.Record) int64 {
	switch {
	case r.Stimulus != nil:
		return int64(len(r.Stimulus.Head) + len(r.Stimulus.Body))
	case r.Message != nil:
		return int64(len(r.Message.Head) + len(r.Message.Body))
	}
	return 0
}

// A clock gives every record a time: its own, or that of the one before it.
type clock struct{ last int64 }

func (c *clock) at(r *gate.Record) int64 {
	if t := timeOf(r); t != 0 {
		c.last = t
	}
	return c.last
}

// again reads s once more, and calls each for stimuli and messages. A tape that is
// torn ends where it did.
func (o *Options) again(s *source, each func(*gate.Record) error) error {
	r, err := o.Keys.Open(s.path)
	if err != nil {
		return err
	}
	defer r.Close()
	for {
		rec, ref, err := r.Next()
		var torn *tape.TornError
		if err == io.EOF || s.torn != nil && (errors.As(err, &torn) || err == nil && ref.Offset >= s.torn.Offset) {
			return nil
		}
		if err != nil {
			return err
		}
		if rec.Stimulus == nil && rec.Message == nil {
			continue
		}
		if err := o.stopped(); err != nil {
			return err
		}
		if err := each(&rec); err != nil {
			return err
		}
	}
}

// messages refuses to leave stimuli out of a corpus with messages.
func (o *Options) messages(s *source) error {
	if s.report.Messages == 0 || o.WithoutMessages {
		return nil
	}
	return refused("--without-messages leaves them out: the corpus then needs production to be run",
		"%s holds %d messages that production sent, and nothing says which stimulus each is of: they would not fit the stimuli that are left", s.path, s.report.Messages)
}

// Gaps adds up the gaps of a corpus: those that say the same are one, with a count.
type Gaps struct {
	list []gate.Gap
	at   map[gate.Gap]int // by kind, place and detail
}

// mostGaps is how many different gaps are told apart.
const mostGaps = 1000

// Add adds one gap.
func (g *Gaps) Add(gap gate.Gap) {
	n := max(gap.Count, 1)
	k := gate.Gap{Kind: gap.Kind, Where: gap.Where, Detail: gap.Detail}
	i, known := g.at[k]
	if !known && len(g.list) >= mostGaps {
		k = gate.Gap{Kind: gap.Kind, Where: "other places", Detail: "as the corpus said"}
		i, known = g.at[k]
	}
	if known {
		g.list[i].Count += n
		return
	}
	if g.at == nil {
		g.at = map[gate.Gap]int{}
	}
	g.at[k] = len(g.list)
	k.Count = n
	g.list = append(g.list, k)
}

// List is what was added, in the order in which it was first met.
func (g *Gaps) List() []gate.Gap { return g.list }

func base(path string) string { return filepath.Base(path) }
