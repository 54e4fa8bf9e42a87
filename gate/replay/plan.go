// Package replay plays a corpus against one build under one scenario and takes
// down everything that the build sends: tape x build -> run.
//
// A replay ends when the build is proven quiet, not after a sleep. Proof is its
// own word, given twice with nothing captured in between, where it has a quiet
// probe; else idleness: no connection busy and nothing captured for a time that is
// measured (see [Plan].Settle), and no processor time taken at its end.
// [gate.Footer].Quiet says which. Idleness is the weaker: a build that waits for a
// timer of its own is idle and has not finished. So a build that is quiet is left
// running for a while, its sinks open until it has stopped, and each message that
// comes then is a gap.
//
// Whatever was not seen is a gap on the tape. [Run] returns an error only where
// the run is of no use as evidence: it could not begin, was interrupted, or could
// not be stored.
package replay

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// A Store takes evidence down. Append may be called from many goroutines. Once
// it has returned nil the records survive a kill of this process.
type Store interface {
	Append(records ...*gate.Record) error
}

// A Build is what stimuli are sent to.
type Build interface {
	// Doors returns the address of each door.
	Doors() map[string]string

	// Exited is closed when the build has ended by itself, and Err says why. Where
	// that error has a method Status() string, Status names nobody.
	Exited() <-chan struct{}
	Err() error

	// Quiet asks the build whether it has nothing left to send: nil is yes.
	// It is called only where HasQuietProbe.
	HasQuietProbe() bool
	Quiet(context.Context) error

	// Processor returns the processor time that the build has taken so far, in any
	// unit; false where that is not known.
	Processor() (uint64, bool)

	// Job runs a job of the build to its end.
	Job(ctx context.Context, name string, stdin []byte) gate.Outcome

	// Stop asks the build to stop, and kills it when ctx is done or its time is
	// over. When it returns nothing of the build is left, or a gap says so.
	Stop(context.Context) []gate.Gap
}

// A Sink is opened for the time of the replay. Keep and Gap of its Config are
// set here.
type Sink struct {
	Listen func(channel.SinkConfig) (channel.Sink, error)
	Config channel.SinkConfig
}

// A Door is driven for the time of the replay. Door, Concurrency and, where it is
// empty, Address of its Config are set here.
type Door struct {
	Drive  func(channel.DriveConfig) (channel.Driver, error)
	Config channel.DriveConfig
}

// A Plan is one replay.
type Plan struct {
	// Stimuli are read once, in order, as they are needed. Total is how many there
	// are; 0 is not known.
	Stimuli iter.Seq2[gate.Stimulus, error]
	Total   uint64

	// Needs are those of all stimuli: values that the build gives in its answers and
	// messages, and that stand in later stimuli in place of the recorded ones. nil: every
	// stimulus is sent as it was recorded. A stimulus that needs a message waits for it, at
	// most AnswerTimeout.
	Needs *dynamic.Needs

	// Part says that Stimuli are a part of the corpus that Needs are of.
	Part bool

	// Headers are set on each stimulus of HTTP in place of what was recorded.
	Headers map[string]string

	// Follow says which links that the build sent are asked for once it is quiet; nil: none.
	Follow *Follow

	Store Store
	Sinks []Sink
	Doors map[string]Door // by name; stimuli of channel "exec" without a door are jobs of the build

	// Start starts the build, told the address of each sink.
	Start func(ctx context.Context, sinks map[string]string) (Build, error)

	Scenario      config.Scenario
	Pace          config.Pace
	Concurrency   int             // stimuli under way at once
	Order         config.Sequence // in which they begin; "" is [config.BySessions]
	AnswerTimeout time.Duration   // for one stimulus
	QuietTimeout  time.Duration   // for the build to become quiet
	MaxMessages   uint64          // more is a flood
	MaxAnswer     int64           // bytes of an answer's body that are kept; 0 is 64 KiB

	// Settle is how long nothing must happen for idleness; with a probe, between its two
	// answers. 0 is, for idleness, three times the longest gap between a cause and its last
	// effect (Lag, and what this replay shows), at least [LeastSettle], at most QuietTimeout.
	Settle time.Duration
	Lag    time.Duration // the longest such gap in earlier replays: [Result].Lag

	// Linger is how long a build that is quiet is left running: what it sends then, or while
	// it is stopped, is a gap. Lingered, where it is not nil, is called when that time is
	// over, and Until, where it is not nil, is waited for after that.
	Linger   time.Duration
	Lingered func()
	Until    <-chan struct{}

	// StopSends says that a build may send when it is asked to stop: that is no gap.
	StopSends bool

	// Progress is told how far the replay is, at most five times a second and once
	// at the end, never twice at a time. nil is nobody.
	Progress func(Progress)
}

// Progress is how far a replay is.
type Progress struct {
	Phase    string
	Done     uint64 // stimuli that were answered, or are known not to be
	Total    uint64 // 0 is not known
	Messages uint64 // captured
	Gaps     uint64
}

// LeastSettle is how long nothing happens, at the least, where it is measured how long that
// must be.
const LeastSettle = 2 * time.Second

// A Result is what is known of a replay besides what was stored.
type Result struct {
	Footer gate.Footer       // for the end of the tape
	Sinks  map[string]string // the address that each sink listened on
	Late   uint64            // stimuli that were sent after they were due, by more than [Lateness]
	Latest time.Duration     // by how much the last of them was, at the most
	Lag    time.Duration     // the longest that a message came after the end of every stimulus and job before it
	Jobs   []string          // what jobs that failed printed last; can hold anything
	Crash  error             // why the build ended by itself; can hold what it printed. nil: it did not
}

// Lateness is how long after it was due a stimulus can be sent and still be in time.
const Lateness = 10 * time.Millisecond

func (p *Plan) validate() error {
	var errs []error
	need := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New("plan of a replay: "+what))
		}
	}
	need(p.Store != nil, "no store")
	need(p.Start != nil, "no build")
	need(p.Stimuli != nil || p.Scenario.Kind == config.Alone, "no stimuli")
	need(len(p.Sinks) > 0, "no sinks: nothing that the build sends would be seen")
	need(p.Concurrency > 0, "concurrency must be greater than 0")
	need(p.AnswerTimeout > 0 && p.QuietTimeout > 0 && p.Settle >= 0 && p.Linger >= 0, "time-outs must be greater than 0")
	need(p.MaxMessages > 0, "the limit of messages must be greater than 0")
	need(p.Pace >= 0, "pace must not be negative")
	names := make(map[string]bool)
	for i := range p.Sinks {
		s := &p.Sinks[i]
		need(s.Listen != nil, fmt.Sprintf("the protocol of sink %s has no sinks", s.Config.Name))
		need(!names[s.Config.Name], fmt.Sprintf("two sinks are called %s", s.Config.Name))
		names[s.Config.Name] = true
	}
	for name, d := range p.Doors {
		need(d.Drive != nil, fmt.Sprintf("the protocol of door %s has no driver", name))
	}
	s := &p.Scenario
	switch s.Kind {
	case config.Steady, config.Alone, config.Cache:
	case config.Contention:
		need(p.Concurrency > 1, "nothing contends with a concurrency of 1")
	case config.Outage:
		need(s.From >= 0 && float64(s.To) > s.From && s.To <= 1, "an outage must be from before to, both fractions")
		_, known := moods[s.Mood]
		need(known, fmt.Sprintf("unknown mood %q", s.Mood))
		need(len(s.Sinks) > 0, "an outage of no sink")
		need(p.Total > 0 || s.From == 0 && s.To == 1, "an outage of a part of the corpus needs its length")
		for _, name := range s.Sinks {
			need(names[name], fmt.Sprintf("an outage of sink %s, which there is not", name))
		}
	default:
		need(false, fmt.Sprintf("unknown kind of scenario %q", s.Kind))
	}
	return errors.Join(errs...)
}
