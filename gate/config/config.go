// Package config reads waybill.toml: typed, strict, and checked whole before
// anything runs. A key that means nothing is refused, with the nearest one that
// means something; so is a value out of range. What [Load] returns can be used
// without looking at it again: defaults are filled in and paths are absolute.
//
// The keys that belong to a protocol are not known here. They are handed to it
// as [Door.Settings] and [Sink.Settings], which decode as strictly.
//
// What is not checked here: whether files, commands and addresses exist, and
// whether a channel of that name does.
package config

import (
	"regexp"
	"time"

	"github.com/waybill-dev/waybill/gate"
)

// File is the name that [Load] looks for in a folder.
const File = "waybill.toml"

// Version is the version of the schema that this package reads.
const Version = 1

// Config is a waybill.toml.
type Config struct {
	Path string `toml:"-"` // of the file, as it was given
	Dir  string `toml:"-"` // absolute folder of the file: relative paths start here

	Version    int             `toml:"version"`
	Baseline   Baseline        `toml:"baseline"`
	Corpus     Corpus          `toml:"corpus"`
	Doors      map[string]Door `toml:"-"` // read apart: a protocol's own keys stand among ours
	Sinks      map[string]Sink `toml:"-"`
	Production *Build          `toml:"production"` // nil only where Baseline is Recorded
	Staging    *Build          `toml:"staging"`    // never nil
	State      *State          `toml:"state"`      // nil: each replay begins with what Setup or Reset of its build makes
	Jobs       map[string]Job  `toml:"jobs"`       // of both builds; merged into Build.Jobs
	Replay     Replay          `toml:"replay"`
	Scenarios  []Scenario      `toml:"scenarios"` // never empty
	Masks      []Mask          `toml:"masks"`
	Replies    Replies         `toml:"replies"`
	Follow     *Follow         `toml:"follow"` // nil: no links are asked for
	Policy     Policy          `toml:"policy"`
	Approvals  Approvals       `toml:"approvals"`
	Report     Report          `toml:"report"`
	People     People          `toml:"people"`
	HTTP       HTTP            `toml:"http"`
	Dynamic    Dynamic         `toml:"dynamic"`
	Record     Record          `toml:"record"`
	Privacy    Privacy         `toml:"privacy"`
	Encryption Encryption      `toml:"encryption"`
	Publish    Publish         `toml:"publish"`
}

// Build returns the build in a role, nil where there is none.
func (c *Config) Build(r gate.Role) *Build {
	switch r {
	case gate.Production:
		return c.Production
	case gate.Staging:
		return c.Staging
	}
	return nil
}

// Baseline says what staging is compared with.
type Baseline string

// The two baselines.
const (
	Replayed Baseline = "production" // a replay against the production build
	Recorded Baseline = "recorded"   // what the corpus recorded production sending
)

// Corpus says which stimuli are replayed.
type Corpus struct {
	Path   string `toml:"path"`   // absolute once loaded
	Digest string `toml:"digest"` // "sha256:" and 64 hex digits; "" is a corpus that is not pinned
}

// A Door is an entrance of the build, of one protocol.
type Door struct {
	Channel string `toml:"channel"` // name of the protocol

	// Settings decodes the protocol's own keys into dst, a pointer to a struct
	// with toml tags, and refuses keys that dst has no field for. It may be called
	// many times and from many goroutines. It is never nil.
	Settings func(dst any) error `toml:"-"`
}

// A Sink stands where the build sends to.
type Sink struct {
	Channel  string              `toml:"channel"`   // name of the protocol
	Address  string              `toml:"address"`   // host:port to listen on; port 0 is any free one
	MaxBody  Size                `toml:"max_body"`  // bytes of a body that are kept
	Ordered  bool                `toml:"ordered"`   // the order of one recipient's messages matters here
	APIsFrom string              `toml:"apis_from"` // folder of TOML files, one an API, that stand beside apis; absolute once loaded
	Settings func(dst any) error `toml:"-"`         // see [Door]
}

// A Build is how one build is made, started, asked and stopped. Strings of its
// commands, folders, environment and probes are expanded: see [Expand].
type Build struct {
	Name        string            `toml:"name"`         // shown in reports; the role where it was not given
	Command     []string          `toml:"command"`      // none: it runs already, or has only jobs
	Dir         string            `toml:"dir"`          // where commands run; absolute once loaded, unless it begins with ${
	Env         map[string]string `toml:"env"`          // added to the few variables that builds inherit: PATH, HOME, TZ, caches of tools and such
	Setup       [][]string        `toml:"setup"`        // commands that fill a fresh state folder
	Reset       [][]string        `toml:"reset"`        // commands that make kept state fit for the next replay; nil: every replay gets fresh state and Setup
	Migrate     [][]string        `toml:"migrate"`      // commands that bring the state to this build's version, in each replay; run last before the start
	HookTimeout Duration          `toml:"hook_timeout"` // for each command of Setup, Reset, Migrate and [State]
	Ready       Probe             `toml:"ready"`        // no probe: every door accepts connections
	Quiet       Probe             `toml:"quiet"`        // no probe: idleness is measured
	Stop        Stop              `toml:"stop"`
	Doors       map[string]string `toml:"doors"` // addresses, host:port; a door without one is given a free port of loopback
	Jobs        map[string]Job    `toml:"jobs"`
}

// A Probe asks a build a question that it answers with yes or not yet. At most
// one way of asking is set.
type Probe struct {
	HTTP    string   `toml:"http"`    // URL; status 200 to 299 is yes
	TCP     string   `toml:"tcp"`     // host:port; an accepted connection is yes
	Command []string `toml:"command"` // exit status 0 is yes
	Timeout Duration `toml:"timeout"` // how long not yet is put up with
	Settle  Duration `toml:"settle"`  // quiet only: how long nothing must happen, 0 is measured; with a probe, between its two answers
}

// Set reports whether the probe has a way of asking.
func (p *Probe) Set() bool { return p.HTTP != "" || p.TCP != "" || len(p.Command) > 0 }

// Stop is how a build is asked to stop. What is left after Timeout is killed.
type Stop struct {
	Signal  string   `toml:"signal"`  // "TERM", "INT", ...: to the process group of the command
	Command []string `toml:"command"` // run instead of sending a signal
	Timeout Duration `toml:"timeout"`
	Sends   bool     `toml:"sends"` // it may send when it is asked to stop: otherwise that is a gap

	// Leaves names programs (15 bytes at the most, as the system shows them) that the build starts
	// while it runs, and that may outlive it since they do no work of their own: "gpg-agent".
	Leaves []string `toml:"leaves"`
}

// A Job is a command of a build that is run on its own, such as a drain script.
type Job struct {
	Command []string          `toml:"command"`
	Dir     string            `toml:"dir"` // "" is the build's
	Env     map[string]string `toml:"env"` // added to the build's
	Timeout Duration          `toml:"timeout"`
}

// Replay is how stimuli are replayed.
type Replay struct {
	Pace          Pace     `toml:"pace"`
	Concurrency   int      `toml:"concurrency"` // stimuli under way at once, 1 to 4096
	Replays       Replays  `toml:"replays"`     // of production; fewer than 2 cannot measure noise
	Order         Sequence `toml:"order"`       // in which stimuli begin; one at a time they always begin as recorded
	MaxReplays    int      `toml:"max_replays"` // with "auto": at most so many, 2 to 20
	Builds        Order    `toml:"builds"`
	AnswerTimeout Duration `toml:"answer_timeout"` // for one stimulus
	Linger        Duration `toml:"linger"`         // how long builds that are quiet are left running; what they send then is a gap
	MaxMessages   uint64   `toml:"max_messages"`   // of one replay; more is a flood
	MaxFailed     float64  `toml:"max_failed"`     // share of stimuli, from 0 to 1, that may be answered in another class of status than recorded

	// Allow accepts, for one class each, that fewer messages are replayed than were recorded.
	Allow []AllowLess `toml:"allow"`
}

// AllowLess accepts that production, replayed, sends fewer messages of one class than it did
// when it was recorded. Every report says so.
type AllowLess struct {
	Class    string `toml:"class"`    // whole, as the gap names it
	Messages uint64 `toml:"messages"` // at most so many fewer
	Reason   string `toml:"reason"`
}

// Sequence says in which order stimuli begin where several are under way.
type Sequence string

// The two sequences.
const (
	BySessions Sequence = "sessions" // sessions run side by side; a stimulus waits for those that it depends on
	InSequence Sequence = "recorded" // none begins before one that was recorded before it
)

// Order says whether builds run one after the other.
type Order string

// The two orders.
const (
	InTurn     Order = "in-turn"
	SideBySide Order = "side-by-side"
)

// ScenarioKind is what happens while a corpus is replayed.
type ScenarioKind string

// Kinds of scenario.
const (
	Steady ScenarioKind = "steady" // the corpus, and then the jobs
	Outage ScenarioKind = "outage" // the corpus, while sinks turn away what comes; they recover; and then the jobs
	Alone  ScenarioKind = "job"    // the jobs alone, no stimuli
	Cache  ScenarioKind = "cache"  // the corpus, one stimulus at a time; what each asks for is asked for again by another session, and by none

	// Contention is the corpus in an order of its own, with requests that are given up half way,
	// sent behind others on one connection, or whose answers are read slowly.
	Contention ScenarioKind = "contention"
)

// A Scenario is a condition under which the corpus is replayed.
type Scenario struct {
	Name  string       `toml:"name"`
	Kind  ScenarioKind `toml:"kind"`
	Sinks []string     `toml:"sinks"` // outage: which turn away; all where none is named
	Mood  Mood         `toml:"mood"`
	From  float64      `toml:"from"` // outage: fraction of the corpus before it, at least 0
	To    Fraction     `toml:"to"`   // outage: fraction of the corpus at its end, greater than From, at most 1
	Jobs  []string     `toml:"jobs"` // run afterwards, in this order

	// Of a contention.
	Seed   uint64   `toml:"seed"`   // of its order, and of what is given up when
	GiveUp *float64 `toml:"giveup"` // share of the GETs before which the same is asked for and given up; 0.25 where it is not given

	// Whole: what it makes a build send depends on several sessions, as where it gathers them in
	// batches. It is then replayed by one shard, and never split. An outage, jobs and sinks that
	// are ordered say so themselves.
	Whole bool `toml:"whole"`
}

// Mood is how a sink turns away, in an outage.
type Mood string

// Moods of an outage.
const (
	Refuse Mood = "refuse" // answers with a passing failure
	Drop   Mood = "drop"   // closes connections without a word
	Limit  Mood = "limit"  // answers that too much comes: 429 with Retry-After, or 450
	Lose   Mood = "lose"   // takes what comes, and closes the connection in place of the answer, the first time that it is said
)

// A Mask hides volatile text of payloads before comparison.
type Mask struct {
	Part    string `toml:"part"`    // name of the part
	Pattern Regexp `toml:"pattern"` // what is hidden, RE2 syntax
	Rule    string `toml:"rule"`    // its name, shown where it hid something
}

// Replies says whether what builds answer to stimuli is compared as what they send is.
type Replies struct {
	Compare   Switch `toml:"compare"`
	Reason    string `toml:"reason"`     // where they are not: why; every report says so
	MaxAnswer int64  `toml:"max_answer"` // bytes of one answer that are kept, 1 KiB to 64 MiB; one that is longer is a gap
}

// Switch is on or off.
type Switch string

// The two positions.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Policy says what becomes of what a comparison cannot see.
type Policy struct {
	Blind  BlindPolicy    `toml:"blind"`
	Opaque []AcceptOpaque `toml:"opaque"`

	// SameBuild: production and staging may be one build. It tests the gate, and no release.
	SameBuild bool `toml:"same_build"`
}

// BlindPolicy says what becomes of a verdict where volatile values stand once and
// belong to no cause, so that nobody can tell whose they are.
type BlindPolicy string

// The two policies.
const (
	BlindReported  BlindPolicy = "reported"  // it stands under the verdict's first line
	BlindUndecided BlindPolicy = "undecided" // it makes the verdict undecided
)

// AcceptOpaque accepts, for one class of messages, content that varies between replays of
// production and cannot be read. Every report says so.
type AcceptOpaque struct {
	Class  string `toml:"class"` // whole, as the gap names it
	Reason string `toml:"reason"`
}

// Accepted gives the reasons of [Policy] Opaque by class.
func (p *Policy) Accepted() map[string]string {
	reasons := make(map[string]string, len(p.Opaque))
	for _, o := range p.Opaque {
		reasons[o.Class] = o.Reason
	}
	return reasons
}

// Approvals says where approvals are kept.
type Approvals struct {
	Path    string `toml:"path"`     // absolute once loaded
	MaxDays int    `toml:"max_days"` // how many days ahead an approval may expire, 1 to 3650; 0 is 365

	// KeyFile holds a secret that digests in fingerprints are keyed with, so that nobody can
	// tell by trying whose facts one is of. "" is no key. With another key every fingerprint
	// is another.
	KeyFile string `toml:"key_file"`

	// Whose review counts where reviews are verified.
	Team      string   `toml:"team"` // "org/team"
	Reviewers []string `toml:"reviewers"`
}

// Publish says how a verdict is shown where others can read it.
type Publish struct {
	Key          string   `toml:"key"`           // which of several gates of a repository this is; "" is "waybill"
	Bot          string   `toml:"bot"`           // login whose comments are ours; "" is that of a workflow's token
	Check        string   `toml:"check"`         // name of a check run; "" makes none
	AllowDomains []string `toml:"allow_domains"` // whose hosts, and those below them, may be named
}

// Report says what is written beside the terminal.
type Report struct {
	JSON string `toml:"json"` // absolute once loaded
}

// Defaults, where the file says nothing.
const (
	DefaultRotateSize    = 256 << 20
	DefaultRotateEvery   = 24 * time.Hour
	DefaultRecordedBody  = 16 << 20
	DefaultMaxBody       = 128 << 20
	DefaultConcurrency   = 8
	DefaultReplays       = 2
	DefaultMaxReplays    = 5
	DefaultMaxMessages   = 10_000_000
	DefaultAnswerTimeout = 30 * time.Second
	DefaultMaxAnswer     = 1 << 20
	DefaultReadyTimeout  = 60 * time.Second
	DefaultQuietTimeout  = 60 * time.Second
	DefaultLinger        = 10 * time.Second
	DefaultStopTimeout   = 10 * time.Second
	DefaultJobTimeout    = 5 * time.Minute
	DefaultHookTimeout   = 10 * time.Minute
)

// DefaultGiveUp is the share of GETs before which a contention asks for the same and gives up.
const DefaultGiveUp = 0.25

// Regexp is a compiled pattern.
type Regexp struct{ *regexp.Regexp }
