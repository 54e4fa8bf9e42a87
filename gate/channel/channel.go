// Package channel says what a protocol is: up to four faces.
//
//	drive    send a stimulus to a build and bring back its outcome
//	sink     take what a build sends, store it, and say what keeps the build going
//	decode   read a stored message: who was addressed, what was carried; and what was answered
//	tap      stand between two parties and copy what passes
//
// A protocol is a value of type [Protocol] in a folder of its own, listed in
// channel/all, and must pass the suite in channel/channeltest.
//
// Sinks answer loosely and judge nothing (invariant 9): what they noticed goes
// into [gate.Message] as events, and what they could not take down whole is a
// gap. A sink acknowledges only what Keep has returned nil for.
package channel

import (
	"context"
	"crypto/tls"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// A Protocol is a named set of faces. A face that it lacks is nil.
type Protocol struct {
	Name string // permanent, lower case: "smtp"
	Doc  string // one line, for help and for waybill.toml

	// Drive opens a driver to one door of a build.
	Drive func(DriveConfig) (Driver, error)

	// Listen opens a sink. It returns once the sink accepts connections.
	Listen func(SinkConfig) (Sink, error)

	// Decode makes the decoder of messages that one sink took.
	// It is pure: equal messages decode equally, wherever and whenever.
	// settings are the sink's own, as in SinkConfig; nil means none.
	Decode func(settings Settings) (Decoder, error)

	// Asked says what kind of stimulus s is: stable over people and releases.
	Asked func(s *gate.Stimulus) string

	// Host returns the host that s was sent to, as whoever sent it names it and
	// [gate.HostRecipient] writes it; "" is not known.
	Host func(s *gate.Stimulus) string

	// Reply reads what a build answered to a stimulus. It is pure, and says nothing of
	// who receives it. It returns an error only where the head cannot be read at all.
	Reply func(*gate.Outcome) (gate.Decoded, error)

	// Check validates settings of a sink without opening it.
	Check func(settings Settings) error

	// Tap stands between two parties. It returns once it accepts connections.
	Tap func(TapConfig) (Tap, error)
}

// Settings decodes the protocol's own keys of one door or sink into dst, a
// pointer to a struct with toml tags. Unknown keys are an error that names the
// nearest known one. A nil Settings means that no such keys were given.
type Settings func(dst any) error

// Into decodes s into dst, and does nothing where s is nil.
func (s Settings) Into(dst any) error {
	if s == nil {
		return nil
	}
	return s(dst)
}

// A Decoder says what a message's protocol says of it. It returns an error only
// where the head cannot be read at all; everything less is a gap in the answer.
type Decoder func(*gate.Message) ([]gate.Decoded, error)

// DriveConfig is what a driver needs.
type DriveConfig struct {
	Door        string // name of the door
	Address     string // host:port of the build, or its URL
	Concurrency int    // how many stimuli will be under way at once, at the most
	MaxAnswer   int64  // bytes of an answer's body that are kept; 0 is 64 KiB
	Settings    Settings
	TLS         *tls.Config // for a build that speaks TLS; nil is plaintext
	Command     []string    // exec: set per job by the caller
	Env         []string
	Dir         string
}

// A Driver sends stimuli to one door of a build. Do may be called from many
// goroutines. It never retries: a stimulus is sent once.
type Driver interface {
	// Do sends s and waits for its answer. A failure to get one is in
	// Outcome.Error, never lost.
	Do(ctx context.Context, s *gate.Stimulus) gate.Outcome
	Close() error
}

// A Contender is a driver that can behave as clients do that others suffer from. Its stimuli are
// of a method that is safe: sending one twice, or half, changes nothing.
type Contender interface {
	// Abandon sends s and goes away when the answer has not come within a while.
	Abandon(ctx context.Context, s *gate.Stimulus, after time.Duration) error

	// Pipeline sends two stimuli on one connection before either is answered.
	Pipeline(ctx context.Context, x, y *gate.Stimulus) (gate.Outcome, gate.Outcome)

	// Dawdle sends s and takes about a while to read the answer.
	Dawdle(ctx context.Context, s *gate.Stimulus, while time.Duration) gate.Outcome
}

// Mood is how a sink treats who comes, set by a scenario.
type Mood int

// Moods of a sink.
const (
	Accept Mood = iota // take everything
	Refuse             // answer, with a passing failure: 421 or 451 in SMTP, 503 in HTTP
	Drop               // accept the connection and close it without a word
	Limit              // answer that too much comes: 421 or 450 with 4.7 in SMTP, 429 with Retry-After in HTTP
	Lose               // store what comes, and close the connection in place of the answer; see [Losses]
)

// SinkConfig is what a sink needs.
type SinkConfig struct {
	Name    string
	Address string // "127.0.0.1:0" where any port will do
	MaxBody int64  // bytes of a body that are kept; what is beyond is counted in Message.Cut; 0 is 128 MiB

	// Keep stores one message. Once it has returned nil the message survives a
	// kill of this process. It sets Seq. It may be called from many goroutines. The
	// message is Keep's from then on: the sink uses no memory of it again.
	// The sink must not acknowledge a message for which Keep returned an error.
	Keep func(*gate.Message) error

	// Gap takes down what was not seen, or not seen whole. It never blocks long.
	Gap func(gate.Gap)

	// Authority makes certificates for the names that a build asks for.
	// nil: the sink makes its own.
	Authority Authority

	Settings Settings
}

// Authority makes server certificates, signed by a root that the build was told to trust.
type Authority interface {
	Certificate(name string) (*tls.Certificate, error)
	RootPEM() []byte
}

// A Sink takes what a build sends.
type Sink interface {
	// Address is where the sink listens: "127.0.0.1:40321".
	Address() string

	// Mood changes how the sink treats who comes, at once, also on open connections
	// (from their next command or request on).
	Mood(Mood)

	// Stats is a snapshot, for progress and for the proof of quiet.
	Stats() Stats

	// Close stops accepting, waits until ctx is done for transactions under way,
	// then breaks them; each broken one is a gap.
	Close(ctx context.Context) error
}

// Stats of a sink.
type Stats struct {
	Accepted uint64 // messages stored and acknowledged
	Refused  uint64 // transmissions turned away: by mood, or by a script; answers that were lost too
	Busy     int    // connections with a transaction under way: after MAIL, within a request
	Open     int    // connections
	LastAt   int64  // when something last happened, connecting and closing too, nanoseconds since 1970 UTC; 0 is never
}

// Side says on which side of production a tap stands.
type Side int

// The two sides.
const (
	Front  Side = iota // before production: what comes in is a stimulus, with the answer that it got
	Behind             // after production: what goes out is a message
)

// TapConfig is what a tap needs. Its callbacks may be called from many goroutines.
//
// A tap passes on what comes, unaltered, whether or not it can be kept: nothing
// that fails on the way to the tape is seen by either party. Of a body that is
// being passed on it holds no more than MaxBody in memory.
type TapConfig struct {
	Name     string // of the door (Front) or of the sink (Behind) that it stands for
	Side     Side
	Listen   string // host:port to listen on
	Upstream string // host:port or URL that it passes on to; "" is whatever the client asks for: HTTP behind production, as a forward proxy
	MaxBody  int64  // bytes of a body that are kept; what is beyond is counted in Cut; 0 is 16 MiB

	// Exchange takes one stimulus with its answer, of a tap in front. It is called
	// once the answer is known and before the last byte of it is passed on, so that
	// what a client was told is kept whatever happens next. Stimulus.ID is empty.
	// Both are Exchange's from then on.
	Exchange func(*gate.Stimulus, *gate.Outcome)

	// Message takes one message, of a tap behind: under the same terms.
	Message func(*gate.Message)

	// Missed takes down what passed and was not kept, or not whole.
	Missed func(gate.Gap)

	TLS       *tls.Config // with which the tap serves; nil is plaintext
	Authority Authority   // for a forward proxy that is to see into TLS; nil passes it on unseen, and Missed is told
	Settings  Settings
	Dir       string // at which names of files in Settings start that are relative; "" is the working folder
}

// A Tap copies what passes between two parties.
type Tap interface {
	// Address is where the tap listens: "127.0.0.1:40321".
	Address() string

	// Stats is a snapshot. Accepted is exchanges or messages that were passed on.
	Stats() Stats

	// Close stops accepting, waits until ctx is done for what is under way, then breaks it.
	Close(ctx context.Context) error
}
