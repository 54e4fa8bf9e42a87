package gate

// Decision is what a verdict says. Its zero value is Undecided.
type Decision int

// The three decisions.
const (
	Undecided Decision = iota // it could not be judged
	Pass                      // everything replayed, nothing unapproved
	Blocked                   // an unapproved or expired finding
)

var decisions = [...]string{"undecided", "pass", "blocked"}

// String is the decision's word.
func (d Decision) String() string {
	if d < 0 || int(d) >= len(decisions) {
		return "undecided"
	}
	return decisions[d]
}

// MarshalText implements encoding.TextMarshaler.
func (d Decision) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Decision) UnmarshalText(b []byte) error {
	for i, s := range decisions {
		if s == string(b) {
			*d = Decision(i)
			return nil
		}
	}
	return &InvalidError{"decision", string(b)}
}

// Exit codes of waybill.
const (
	ExitPass        = 0   // everything replayed, nothing unapproved
	ExitBlocked     = 1   // an unapproved or expired finding
	ExitUsage       = 2   // usage, configuration, approvals or digest error
	ExitUndecided   = 3   // it could not be judged, and why
	ExitContainment = 5   // a build tried to reach something that is not a sink, and could
	ExitBug         = 70  // a bug in waybill
	ExitInterrupted = 130 // interrupted from the keyboard
	ExitTerminated  = 143 // asked to stop
)

// ExitCodes lists every exit code with its meaning, in ascending order.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{ExitPass, "pass: everything replayed, nothing unapproved"},
		{ExitBlocked, "blocked: an unapproved or expired finding"},
		{ExitUsage, "usage, configuration, approvals or digest error"},
		{ExitUndecided, "undecided: it could not be judged, and why"},
		{ExitContainment, "containment: a build tried to reach something that is not a sink, and could"},
		{ExitBug, "a bug in waybill"},
		{ExitInterrupted, "interrupted"},
		{ExitTerminated, "terminated"},
	}
}

// An ExitCode is a code and its meaning.
type ExitCode struct {
	Code    int
	Meaning string
}

// State is what became of a finding in a verdict.
type State string

// States of a finding.
const (
	Open     State = "open"     // blocks
	Approved State = "approved" // a person accepted it
	Expired  State = "expired"  // a person accepted it until a day that has passed: blocks
	Outgrown State = "outgrown" // more messages than were accepted: blocks
	Noted    State = "noted"    // not severe enough to block
)

// A Judged finding is a finding and what became of it.
type Judged struct {
	Finding
	State    State     `json:"state"`
	Approval *Approval `json:"approval,omitempty"`
}

// An Approval is a person's recorded acceptance of one finding.
type Approval struct {
	Fingerprint string `toml:"fingerprint" json:"fingerprint"`   // whole, no wildcards
	Check       string `toml:"check" json:"check"`               // must be the finding's
	Scope       string `toml:"scope" json:"scope"`               // corpus digest that it was given for, or "any-corpus"
	MaxMessages uint64 `toml:"max_messages" json:"max_messages"` // at least 1: a finding of more blocks
	Reason      string `toml:"reason" json:"reason"`
	RequestedBy string `toml:"requested_by" json:"requested_by"`
	ApprovedBy  string `toml:"approved_by" json:"approved_by"`
	Expires     string `toml:"expires" json:"expires"` // YYYY-MM-DD, the last day (UTC) on which it holds
}

// A Reason is one of the reasons for an exit code.
type Reason struct {
	Code int    `json:"code"`
	Text string `json:"text"`
}

// Blast is how far the findings reach, approved or not; notes reach nobody.
type Blast struct {
	Gain    int `json:"gain"`    // people who receive something that they did not
	Lose    int `json:"lose"`    // people who do not receive something that they did
	Exposed int `json:"exposed"` // people whose facts somebody else receives
	Merged  int `json:"merged"`  // people whose messages ended up together in one message
	Parties int `json:"parties"` // outside parties concerned
}

// A Verdict is the decision and everything that it rests on.
type Verdict struct {
	Schema      int          `json:"schema"`
	Decision    Decision     `json:"decision"`
	Reasons     []Reason     `json:"reasons"`  // every one, worst first
	Findings    []Judged     `json:"findings"` // most harmful first
	Gaps        []Gap        `json:"gaps"`
	Blast       Blast        `json:"blast"`
	Comparisons []Comparison `json:"comparisons"` // one a scenario
	Unused      []Approval   `json:"unused_approvals,omitempty"`
	Drill       string       `json:"drill"` // what the planted misdelivery was found by; empty where it was not run
	Corpus      string       `json:"corpus"`
	Made        Made         `json:"made"`
	Notes       []string     `json:"notes,omitempty"`    // what a reader should know: not sealed, digest not pinned
	Recorded    []Reenacted  `json:"recorded,omitempty"` // one a scenario, where the corpus holds what production sent
}

// Reenacted is what production sent and answered when the corpus was recorded, beside what its
// first replay and the replay of staging did.
type Reenacted struct {
	Scenario string            `json:"scenario"`
	Sent     []ReenactedClass  `json:"sent,omitempty"`    // those of which fewest were replayed first
	Answers  []ReenactedAnswer `json:"answers,omitempty"` // by class of status
}

// A ReenactedClass is a class of messages.
type ReenactedClass struct {
	Channel  string `json:"channel"`
	Sink     string `json:"sink"`
	Class    string `json:"class"`
	Recorded uint64 `json:"recorded"`
	Replayed uint64 `json:"replayed"`          // by production
	Reason   string `json:"reason,omitempty"`  // of a shortfall, as far as it is known
	Allowed  string `json:"allowed,omitempty"` // for what reason [[replay.allow]] accepts it
}

// A ReenactedAnswer is a class of answers.
type ReenactedAnswer struct {
	Status     string `json:"status"` // "2xx", "403"
	Recorded   uint64 `json:"recorded"`
	Production uint64 `json:"production"`
	Staging    uint64 `json:"staging"`
}

// Made says what a verdict is of and when it was reached: what a deployment holds it to.
type Made struct {
	At        string `json:"at,omitempty"`        // RFC 3339, UTC, to the second
	Version   string `json:"version,omitempty"`   // of waybill
	Commit    string `json:"commit,omitempty"`    // under test: a whole object id of git, in lower-case hexadecimal
	Stimuli   uint64 `json:"stimuli,omitempty"`   // in the corpus
	Config    string `json:"config,omitempty"`    // "sha256:..." of the configuration
	Approvals string `json:"approvals,omitempty"` // "sha256:..." of the approvals that were read; "" is none

	Builds []Built `json:"builds,omitempty"` // one a role, production first
	Shards int     `json:"shards,omitempty"` // how many machines replayed the corpus, each a part; 0 is one, all of it

	// Settings are what differs between the configuration and that of what the release is to be
	// merged into, where that was asked for.
	Settings []Setting `json:"settings,omitempty"`

	// Guard says how the runs were kept from the builds that they are of.
	Guard string `json:"guard,omitempty"`
}

// A Setting is one key of the gate's own configuration that a release changes.
type Setting struct {
	Key    string `json:"key"`              // "policy.blind"; tables of a list by their names: "masks[ticket number].pattern"
	Before string `json:"before,omitempty"` // "" is not set
	After  string `json:"after,omitempty"`
	Public bool   `json:"public,omitempty"` // its values name nobody
}

// A Built says which build was replayed in a role, by digests ("sha256:...") of what it is made
// of, as far as its commands name it.
type Built struct {
	Role    Role   `json:"role"`
	Name    string `json:"name,omitempty"`
	Digest  string `json:"digest"`            // of Command and Setup
	Command string `json:"command,omitempty"` // its commands and jobs, their environment, and the executables, scripts and images that they name
	Setup   string `json:"setup,omitempty"`   // the same of its set-up
	Program string `json:"program,omitempty"` // as Command, with what set-up made; "" where it made none of what was run
}

// codeRank is the precedence of exit codes: 5, 70, 2, 1, 3. Lower is stronger.
func codeRank(code int) int {
	for i, c := range []int{ExitTerminated, ExitInterrupted, ExitContainment, ExitBug, ExitUsage, ExitBlocked, ExitUndecided} {
		if c == code {
			return i
		}
	}
	return 7
}

// Stronger reports whether exit code a takes precedence over b.
func Stronger(a, b int) bool { return codeRank(a) < codeRank(b) }

// ExitCode is the code of the strongest reason. A verdict that passes has none,
// and a verdict without reasons that does not pass is undecided.
func (v *Verdict) ExitCode() int {
	if v.Decision == Pass && len(v.Reasons) == 0 {
		return ExitPass
	}
	code := ExitUndecided
	for _, r := range v.Reasons {
		if Stronger(r.Code, code) {
			code = r.Code
		}
	}
	return code
}
