package gate

import "slices"

// Role says which side of the comparison a build is on.
type Role string

// The two roles.
const (
	Production Role = "production"
	Staging    Role = "staging"
)

// A Stimulus is one recorded inbound message that made production act.
//
// Head and Body split the bytes as each channel does for messages too:
//
//	http   Head: request line and header lines, CRLF ended, blank line left out.
//	       Body: the request body with its transfer coding (chunked) undone.
//	smtp   Head: the command lines of the transaction (HELO or EHLO, MAIL, RCPT),
//	       CRLF ended. Body: the message, dot stuffing undone (RFC 5321, 4.5.2).
//	exec   Head: the name of the job, one line. Body: its standard input.
type Stimulus struct {
	ID      string `json:"id"`               // unique in its corpus, permanent
	Channel string `json:"channel"`          // "http", "smtp", "exec"
	Door    string `json:"door"`             // the entrance of the build it goes to, as configured
	Key     string `json:"key,omitempty"`    // stimuli of one key stay in order
	At      int64  `json:"at,omitempty"`     // when recorded, nanoseconds since 1970 UTC; 0 is not known
	Status  int    `json:"status,omitempty"` // what production answered when recorded; 0 is not known
	Cut     int64  `json:"cut,omitempty"`    // bytes of the body that were not kept

	// Bindings are the values in it that production had given in earlier answers and messages.
	Bindings []Binding `json:"bindings,omitempty"`

	Head []byte `json:"head"`
	Body []byte `json:"body,omitempty"`
}

// A Binding says that a value of a stimulus was given by the build in its answer
// to an earlier one, or in a message that it sent before: a session, a token against
// forgery, the id of something that was made, the key of a mailed link. A replay puts
// the value there that the build under test gave in its place.
type Binding struct {
	From  string `json:"from,omitempty"` // id of the stimulus that it was the answer to, or because of which the message was sent; it stands earlier in the corpus. "": of a message whose cause is not known
	Place string `json:"place"`          // where in that answer or message, as package dynamic names places: "cookie/session", "json/$.id"
	Value string `json:"value"`          // as recorded, without any encoding; every occurrence in Head and Body is meant
	Sent  *Sent  `json:"sent,omitempty"` // the message that gave it; nil is an answer

	// Front is text that stands directly before Value wherever it is meant, for one that is too
	// short to be told by itself: "/orders/" before 17. "" is anything.
	Front string `json:"front,omitempty"`
}

// Sent says which of the messages that a build sends gives a value: the Nth that goes to
// all of To, has something at the place and holds each of Like.
type Sent struct {
	Channel string   `json:"channel"`
	To      []string `json:"to"`             // addresses and hosts that it was sent to, sorted
	Like    []string `json:"like,omitempty"` // words that its cause had given, and that it repeats
	Nth     int      `json:"nth"`            // counted over the whole corpus, from 1
}

// A Message is one transmission that a build attempted, as a sink or a recorder
// took it down. Nothing in it is decoded. See [Stimulus] for Head and Body.
type Message struct {
	Seq     uint64   `json:"seq"`               // order of arrival in its run, from 1
	Channel string   `json:"channel"`           // "smtp", "http"
	Sink    string   `json:"sink"`              // which sink took it, as configured
	Host    string   `json:"host,omitempty"`    // the host that the build asked for, where the protocol says it
	TLS     string   `json:"tls,omitempty"`     // "" is plaintext, else "TLS 1.2", "TLS 1.3"
	Peer    string   `json:"peer,omitempty"`    // address of the sender's socket; never compared
	Phase   string   `json:"phase,omitempty"`   // part of the scenario it arrived in: "steady", "outage", "drain", a job's name
	At      int64    `json:"at,omitempty"`      // arrival, nanoseconds since 1970 UTC; never compared
	Replies []int    `json:"replies,omitempty"` // the code answered to each line of Head; none means that all were accepted
	Events  []string `json:"events,omitempty"`  // oddities seen on the wire: "bare-lf 3", "unknown-parameter XFOO=1"
	Cut     int64    `json:"cut,omitempty"`     // bytes of the body that were not kept
	Head    []byte   `json:"head"`
	Body    []byte   `json:"body,omitempty"`
}

// An Outcome is what became of one stimulus in one run.
type Outcome struct {
	Stimulus string `json:"stimulus"`
	Channel  string `json:"channel,omitempty"` // of the stimulus; "" on tapes of older programs
	Key      string `json:"key,omitempty"`     // of the stimulus: who asked
	Status   int    `json:"status"`            // HTTP status, SMTP reply to the message, exit status of a job
	Error    string `json:"error,omitempty"`   // why there is no answer; empty where there is one
	Phase    string `json:"phase,omitempty"`
	At       int64  `json:"at,omitempty"`      // when the answer was there in a replay, nanoseconds since 1970 UTC; 0 is not known; never compared
	Elapsed  int64  `json:"elapsed,omitempty"` // nanoseconds from first byte sent to last byte received
	Cut      int64  `json:"cut,omitempty"`     // bytes of the answer that were not kept
	Ask      *Ask   `json:"ask,omitempty"`     // it answers no stimulus; Stimulus is an id of its own then
	Head     []byte `json:"head,omitempty"`
	Body     []byte `json:"body,omitempty"`
}

// A Gap is something that was not seen, or not seen whole. Any gap but
// [GapNotReplayable] makes a verdict undecided: absence of evidence is never a pass.
type Gap struct {
	Kind     string `json:"kind"`               // permanent, kebab-case: one of the Gap constants
	Where    string `json:"where"`              // run, sink, stimulus, message or part
	Detail   string `json:"detail"`             // what was attempted and what was seen; names nobody
	Stimulus string `json:"stimulus,omitempty"` // the stimulus concerned, if one is
	Seq      uint64 `json:"seq,omitempty"`      // the message concerned, if one is
	Count    uint64 `json:"count,omitempty"`    // how many; 0 is read as 1
}

// Kinds of gap. Their names are permanent.
const (
	GapNothingSent      = "nothing-sent"      // the production build sent nothing at all: there is nothing to compare
	GapEmptyCorpus      = "empty-corpus"      // no stimuli
	GapNotReplayed      = "not-replayed"      // a stimulus that was not sent to the build
	GapNoAnswer         = "no-answer"         // a stimulus that the build did not answer
	GapServerError      = "server-error"      // a stimulus that the build answered with a failure, and production when recorded did not
	GapAnswer           = "other-answer"      // a stimulus that was answered in another class of status than when recorded, or than by the other build
	GapNotReproduced    = "not-reproduced"    // messages of a class that production sent when it was recorded, and none when it was replayed
	GapBuildCrashed     = "build-crashed"     // the build ended by itself
	GapNotQuiet         = "not-quiet"         // the build was still sending when time ran out, or sent after it was taken for quiet
	GapFlood            = "flood"             // the build sent more than the limit
	GapHandshake        = "handshake"         // a connection to a sink that did not get as far as a message
	GapBrokenMessage    = "broken-message"    // a transmission that ended half way
	GapCutBody          = "cut-body"          // a body longer than the cap
	GapNotDecoded       = "not-decoded"       // a body whose layers were not all undone: bomb, unknown coding, too deep
	GapTornTape         = "torn-tape"         // a tape that ends in the middle of a frame, or has no footer
	GapCheckFailed      = "check-failed"      // a check that could not judge
	GapUnstable         = "unstable"          // recipients that differ between two replays of one build
	GapBlind            = "blind"             // the misdelivery planted in a copy of the evidence was not seen
	GapJobFailed        = "job-failed"        // a job of the build ended with a failure
	GapRunMismatch      = "run-mismatch"      // two runs that are not of one corpus or scenario
	GapNotStopped       = "not-stopped"       // the build did not stop when asked, and was killed
	GapOutlived         = "outlived"          // processes that the build started were there when it had ended
	GapStore            = "store"             // evidence that could not be written
	GapInterrupted      = "interrupted"       // stopped by a person
	GapRecipientUnknown = "recipient-unknown" // an imported message that says nothing of its envelope
	GapNotRecorded      = "not-recorded"      // traffic that passed a recorder, or stands in an import, and was not kept
	GapNotCleared       = "not-cleared"       // an item not kept because not all identities in it could be replaced
	GapOpaque           = "opaque"            // content that varies between replays of production and cannot be read
	GapArrival          = "arrival"           // values that follow the order of arrival, and were given otherwise than in any replay
	GapUnanchored       = "unanchored"        // a message of which nothing but a volatile value that stands once tells it from others
	GapState            = "other-state"       // what the build keeps was not the same before a replay as before another, or, where that is asked, after it
	GapSameBuild        = "same-build"        // production and staging are one build: nothing of a release was compared
	GapNotFollowed      = "not-followed"      // links that were to be asked for, and were not: too many, or the build was gone
	GapNotBound         = "not-bound"         // a value that the build was to give, and did not: the recorded one was sent
	GapNotReplayable    = "not-replayable"    // a request whose traffic cannot be replayed, counted when it was recorded: a limit that is stated, and the only gap that leaves a verdict decided
)

// RecordKind says which field of a [Record] is set.
type RecordKind string

// The kinds of record on a tape, in the order in which they may stand: one
// header, then any number of the others, then one footer.
const (
	KindHeader   RecordKind = "header"
	KindStimulus RecordKind = "stimulus"
	KindMessage  RecordKind = "message"
	KindOutcome  RecordKind = "outcome"
	KindGap      RecordKind = "gap"
	KindFooter   RecordKind = "footer"
)

// A Record is one entry of a tape: exactly one field besides Kind is set.
type Record struct {
	Kind     RecordKind `json:"kind"`
	Header   *Header    `json:"header,omitempty"`
	Stimulus *Stimulus  `json:"stimulus,omitempty"`
	Message  *Message   `json:"message,omitempty"`
	Outcome  *Outcome   `json:"outcome,omitempty"`
	Gap      *Gap       `json:"gap,omitempty"`
	Footer   *Footer    `json:"footer,omitempty"`
}

// Content says what a tape holds.
type Content string

// The two things that a tape can be.
const (
	CorpusTape Content = "corpus" // stimuli, and perhaps the messages recorded with them
	RunTape    Content = "run"    // outcomes, messages and gaps of one replay
)

// A Header is the first record of every tape.
type Header struct {
	Content  Content           `json:"content"`
	Schema   int               `json:"schema"`            // version of these records: [Schema]
	Version  string            `json:"version,omitempty"` // of waybill, that wrote it
	At       int64             `json:"at,omitempty"`      // nanoseconds since 1970 UTC
	Role     Role              `json:"role,omitempty"`    // of a run
	Build    string            `json:"build,omitempty"`   // name of the build, of a run
	Scenario string            `json:"scenario,omitempty"`
	Replay   int               `json:"replay,omitempty"`   // which replay of this build and scenario, from 1
	Corpus   string            `json:"corpus,omitempty"`   // digest of the corpus that a run replayed
	Shard    string            `json:"shard,omitempty"`    // of a run that replayed a part of it: "3/8"
	Sealed   bool              `json:"sealed,omitempty"`   // whether the build could reach nothing but sinks
	Notes    map[string]string `json:"notes,omitempty"`    // for people; never compared
	Settings map[string]string `json:"settings,omitempty"` // per sink, what decoding its messages needs: JSON

	// Of a corpus: how it came to be, and how long it may be kept. Runs of it carry
	// the last three on.
	Origin      string            `json:"origin,omitempty"`       // where from: "record web, mail", "import mbox"; names nobody
	Made        map[string]string `json:"made,omitempty"`         // the settings it was made with: caps, sampling, rules of privacy
	Identities  Identities        `json:"identities,omitempty"`   // what became of the people in it
	Key         string            `json:"key,omitempty"`          // names the key of the pseudonyms without telling it
	RetainUntil int64             `json:"retain_until,omitempty"` // nanoseconds since 1970 UTC; 0 is without end
}

// Identities says what became of the people in recorded traffic.
type Identities string

// What can become of them.
const (
	IdentitiesUnknown  Identities = ""              // the tape does not say: made by hand, or of no real traffic
	IdentitiesReplaced Identities = "pseudonyms"    // consistent pseudonyms stand in their place
	IdentitiesDetected Identities = "detected only" // the same of those that detectors know: nobody declared where names or record numbers stand
	IdentitiesKept     Identities = "kept"          // they stand as they were: reports carry a mark
)

// Schema is the version of the records in this package.
const Schema = 1

// A Footer is the last record of a tape that was closed in order. Its counts
// must equal what stands before it: accepted equals stored, or the run says so.
type Footer struct {
	Stimuli  uint64 `json:"stimuli"`
	Messages uint64 `json:"messages"`
	Outcomes uint64 `json:"outcomes"`
	Gaps     uint64 `json:"gaps"`
	Accepted uint64 `json:"accepted,omitempty"` // messages that sinks acknowledged
	Refused  uint64 `json:"refused,omitempty"`  // transmissions that sinks turned away, as scripted
	Quiet    string `json:"quiet,omitempty"`    // how the end of the run was known: "probe", "idle", "stopped"
	Settle   int64  `json:"settle,omitempty"`   // nanoseconds in which nothing happened, where it was known by idleness
	Linger   int64  `json:"linger,omitempty"`   // nanoseconds for which the build was left running after that, at least
	Exposed  uint64 `json:"exposed,omitempty"`  // of a contention: requests that were under way together with another session's

	State *StateFacts `json:"state,omitempty"` // nil where the configuration neither brings the state back nor checks it
}

// A Ref points at one message of one run.
type Ref struct {
	Tape   string `json:"tape,omitempty"` // file name
	Offset int64  `json:"offset"`         // of the frame that holds the record
	Index  int    `json:"index"`          // of the record in its frame
	Seq    uint64 `json:"seq"`            // of the message in its run
}

// Valid reports whether exactly the field that Kind names is set.
func (r *Record) Valid() bool {
	set := []bool{r.Header != nil, r.Stimulus != nil, r.Message != nil, r.Outcome != nil, r.Gap != nil, r.Footer != nil}
	kinds := []RecordKind{KindHeader, KindStimulus, KindMessage, KindOutcome, KindGap, KindFooter}
	i := slices.Index(kinds, r.Kind)
	if i < 0 {
		return false
	}
	for j, s := range set {
		if s != (i == j) {
			return false
		}
	}
	return true
}
