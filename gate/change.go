package gate

import "slices"

// ChangeKind says what happened to a delivery. Each kind has its mirror: swap
// the two runs and Added becomes Removed, while Redirected and Altered stay
// themselves with before and after exchanged.
type ChangeKind string

// The four kinds of change.
const (
	Added      ChangeKind = "added"      // staging delivers what production does not
	Removed    ChangeKind = "removed"    // production delivers what staging does not
	Redirected ChangeKind = "redirected" // the content of one recipient's delivery goes to another
	Altered    ChangeKind = "altered"    // one recipient's delivery has other content
)

// Rule is the evidence by which two deliveries were paired.
type Rule string

// Rules of pairing, strongest first.
const (
	ByCause     Rule = "cause"     // both carry one trace id or message id
	ByContent   Rule = "content"   // both have one body, which nobody else has
	ByRecipient Rule = "recipient" // one recipient, and the most similar content
	ByLikeness  Rule = "likeness"  // different recipients, and content alike but for small edits
	Unpaired    Rule = "unpaired"  // nothing to pair with
)

// A Delivery is one message to one recipient, without its content.
type Delivery struct {
	Ref       Ref       `json:"ref"`
	Channel   string    `json:"channel"`
	Sink      string    `json:"sink"`
	Phase     string    `json:"phase,omitempty"`
	Class     string    `json:"class"`
	Recipient Recipient `json:"recipient"`
	Title     string    `json:"title,omitempty"` // subject, or method and path; at most 120 runes; hostile text

	// Concerns are the people whom a message to an outside party is about: who caused it,
	// and whose own identities it holds; sorted, each once. Empty for other recipients.
	Concerns []Recipient `json:"concerns,omitempty"`
	Bytes    int         `json:"bytes"` // of canonical parts
}

// A Change is a stated difference between two runs, without opinion.
type Change struct {
	Kind    ChangeKind  `json:"kind"`
	Rule    Rule        `json:"rule"`
	Before  *Delivery   `json:"before,omitempty"`  // nil where Added
	After   *Delivery   `json:"after,omitempty"`   // nil where Removed
	Edits   []Edit      `json:"edits,omitempty"`   // what differs in a pair
	Gains   []Exposure  `json:"gains,omitempty"`   // whose facts After holds, by owner, heaviest first
	More    int         `json:"more,omitempty"`    // owners left out of Gains, to bound what a comparison holds
	Origins []Recipient `json:"origins,omitempty"` // who had exactly After's body in production; at most 8
	Masks   []Masked    `json:"masks,omitempty"`   // what noise hid in this pair

	// Content is a keyed digest of all that the change is of: the edits whole, or the parts of
	// what is added, removed or sent to another, with what is new in each replay named and not
	// contained. It is the same whenever one release is judged.
	Content string `json:"content,omitempty"`

	// How many deliveries equal to this one each run has: {1, 3} on an Added
	// delivery means that production sent it once and staging three times.
	Copies [2]int `json:"copies"`
}

// Recipient is who receives After, or, where that is nil, who received Before.
func (c *Change) Recipient() Recipient {
	if c.After != nil {
		return c.After.Recipient
	}
	return c.Before.Recipient
}

// Delivery is After, or Before where After is nil.
func (c *Change) Delivery() *Delivery {
	if c.After != nil {
		return c.After
	}
	return c.Before
}

// Forward puts the edits of some groups before the others, in a list of the change's own.
func (c *Change) Forward(groups []int) {
	if len(c.Edits) < 2 || len(groups) == 0 {
		return
	}
	place := func(e Edit) int {
		if slices.Contains(groups, e.Group) {
			return 0
		}
		return 1
	}
	c.Edits = slices.SortedStableFunc(slices.Values(c.Edits), func(x, y Edit) int { return place(x) - place(y) })
}

// An Edit is a run of words, or one value, that differs within a pair.
type Edit struct {
	Part   string   `json:"part"` // with indexes, as in the message: "body/$.items[3].id"
	Kind   PartKind `json:"kind"`
	Before string   `json:"before"` // at most 400 runes; empty where nothing stood
	After  string   `json:"after"`
	Group  int      `json:"group"` // index in Comparison.Groups

	// NewPart and GonePart: the part itself appears or disappears.
	NewPart  bool `json:"new_part,omitempty"`
	GonePart bool `json:"gone_part,omitempty"`

	// Within: Before and After stand in a link, or in a load, whose scheme, user and host
	// are the same on both sides.
	Within bool `json:"within,omitempty"`
}

// An EditGroup is one edit as it was made over many messages.
type EditGroup struct {
	Part     string   `json:"part"` // without indexes: "body/$.items[].id"
	Kind     PartKind `json:"kind"`
	Before   string   `json:"before"` // at most 400 runes
	After    string   `json:"after"`
	NewPart  bool     `json:"new_part,omitempty"`
	GonePart bool     `json:"gone_part,omitempty"`
	Class    string   `json:"class"`
	Channel  string   `json:"channel"`
	Sink     string   `json:"sink"`
	Changes  []int    `json:"changes"` // indexes in Comparison.Changes, ascending, each once
	People   int      `json:"people"`  // distinct recipients among them

	Within bool `json:"within,omitempty"` // see [Edit]

	// Digest is a keyed digest of Before and After, whole: see [Change] Content.
	Digest string `json:"digest,omitempty"`

	// Alike is true where the edit is a function of the text and not of the person: two
	// messages of distinct people at least, every delivery of production that holds the
	// old text in this place was edited so, and no delivery of production held the new.
	Alike bool `json:"alike"`

	// Wording is true where the edit is Alike, in prose, and holds nobody's facts and
	// nothing that addresses, pays or identifies (invariant 12); and where the same is true
	// of what readers do not see, of a header field that describes, of the constant rest of a
	// link, and of a second form of one text. Why says what failed.
	Wording bool   `json:"wording"`
	Why     string `json:"why,omitempty"`
}

// FactKind says what a fact is.
type FactKind string

// Kinds of fact.
const (
	FactAddress FactKind = "address" // a mail address
	FactPhone   FactKind = "phone"   // a telephone number of 7 digits or more
	FactNumber  FactKind = "number"  // a word with four digits or more: record, account, order
	FactWord    FactKind = "word"    // a word
	FactPhrase  FactKind = "phrase"  // three words in a row
	FactValue   FactKind = "value"   // a whole value of a structure
	FactBinary  FactKind = "binary"  // the digest of an attachment
	FactDigest  FactKind = "digest"  // a digest of somebody's normalised address or telephone number
)

// A Fact is a value that identifies or belongs to somebody.
type Fact struct {
	Kind   FactKind `json:"kind"`
	Value  string   `json:"value"`
	Part   string   `json:"part"`             // where it now stands
	Layers string   `json:"layers,omitempty"` // encodings that it was found under, outermost first: "percent base64"
	Bits   float64  `json:"bits"`             // log2(people / owners)
}

// An Exposure says that the recipient of a change holds facts of Owner.
// Where Owner is the recipient, they are the recipient's own.
type Exposure struct {
	Owner   Recipient `json:"owner"`
	Own     bool      `json:"own,omitempty"`     // the owner is the recipient
	New     bool      `json:"new"`               // the recipient did not hold them in production, in any message
	Stimuli bool      `json:"stimuli,omitempty"` // the owner is known from stimuli only: Owner is the stimulus' key
	Facts   int       `json:"facts"`
	Bits    float64   `json:"bits"`
	Sample  []Fact    `json:"sample,omitempty"` // the heaviest, at most 4
	Digest  string    `json:"digest,omitempty"` // keyed, of the kinds and values of the facts that identify and are not new in each run
}

// RunFacts is what a comparison knows of one run as a whole.
type RunFacts struct {
	Role       Role   `json:"role"`
	Build      string `json:"build"`
	Tape       string `json:"tape,omitempty"`
	Replays    int    `json:"replays,omitempty"`
	Stimuli    uint64 `json:"stimuli"` // answered, or not
	Messages   uint64 `json:"messages"`
	Deliveries uint64 `json:"deliveries"`
	Refused    uint64 `json:"refused,omitempty"`
	Sealed     bool   `json:"sealed"`
	Quiet      string `json:"quiet,omitempty"`
	Settle     int64  `json:"settle,omitempty"` // as in [Footer]
	Linger     int64  `json:"linger,omitempty"`
	Exposed    uint64 `json:"exposed,omitempty"`

	State *StateFacts `json:"state,omitempty"` // as in [Footer]; of several replays the longest times
}

// ClassFacts counts the deliveries of one class.
type ClassFacts struct {
	Channel    string `json:"channel"`
	Sink       string `json:"sink"`
	Class      string `json:"class"`
	Production uint64 `json:"production"`
	Staging    uint64 `json:"staging"`
}

// An OrderChange says that one recipient's equal deliveries arrive in another order.
type OrderChange struct {
	Channel   string    `json:"channel"`
	Sink      string    `json:"sink"`
	Recipient Recipient `json:"recipient"`
	First     Delivery  `json:"first"` // first in production, second in staging
	Second    Delivery  `json:"second"`
}

// Lifetimes are the words for how long an answer or a cookie is kept, the shortest first.
func Lifetimes() []string {
	return []string{"past", "seconds", "minutes", "hours", "days", "months", "years"}
}

// Answers ends the name of the scenario of a comparison of answers.
const Answers = ", answers"

// A Comparison is everything that differs between two runs of one scenario, and
// counts of what does not. It is what a check sees, and all that it sees.
type Comparison struct {
	Scenario   string        `json:"scenario"`
	Replies    bool          `json:"replies,omitempty"` // of what was answered to stimuli, and not of what was sent
	Production RunFacts      `json:"production"`
	Staging    RunFacts      `json:"staging"`
	Equal      uint64        `json:"equal"`  // deliveries of production that staging makes too
	People     int           `json:"people"` // distinct recipients of both runs
	Changes    []Change      `json:"changes"`
	Groups     []EditGroup   `json:"groups"`
	Classes    []ClassFacts  `json:"classes"` // sorted; only classes that some change touches
	Orders     []OrderChange `json:"orders,omitempty"`

	// Parties that production sent to, or made its readers load from, as "host:NAME"
	// without a role, sorted.
	Parties []string `json:"parties,omitempty"`

	// Caused reports whether messages carry traces of stimuli at all, so that
	// the lack of one means something. Uncaused lists changes of Added
	// deliveries that carry none.
	Caused   bool  `json:"caused,omitempty"`
	Uncaused []int `json:"uncaused,omitempty"`

	// Unstable holds the changes between two replays of production that noise
	// may not explain: deliveries added, removed or redirected. They make the
	// verdict undecided.
	Unstable []Change `json:"unstable,omitempty"`

	Masks []Masked `json:"masks,omitempty"` // what was hidden, by rule and part, in all that was compared

	// Blind says what could not be seen although nothing failed, sorted.
	Blind []BlindSpot `json:"blind,omitempty"`

	// Readings say of each destination of production's requests how it was known whom
	// they are for, sorted by host and reader.
	Readings []Reading `json:"readings,omitempty"`
}

// A Reading is how it was known whom the requests to one host are for.
type Reading struct {
	Host   string `json:"host"`
	Reader string `json:"reader,omitempty"` // see [Decoded]; "" is that only the host was compared
	Count  uint64 `json:"count"`            // of requests
}

// BlindKind says why something could not be seen although nothing failed.
type BlindKind string

// Kinds of blind spot. Their names are permanent.
const (
	BlindUnanchored BlindKind = "unanchored" // a volatile value that stands once, and belongs to no cause
	BlindOpaque     BlindKind = "opaque"     // content that varies and cannot be read, and was accepted so
	BlindOrder      BlindKind = "order"      // the order of one recipient's messages was not compared
	BlindArrival    BlindKind = "arrival"    // values that production's replays give to one message and to another: by order of arrival, or drawn out of few
	BlindQuiet      BlindKind = "quiet"      // what is sent after the build was taken for quiet
	BlindRecipients BlindKind = "recipients" // requests of which only the host is known
	BlindRefused    BlindKind = "refused"    // a user's mask that was refused for some messages
	BlindRace       BlindKind = "race"       // how rare a race may be that a contention did not lose
	BlindUnfollowed BlindKind = "unfollowed" // links that were not asked for, where others were
	BlindUnreplayed BlindKind = "unreplayed" // requests of the corpus that cannot be replayed: WebSockets, tunnels
)

// A BlindSpot is what a comparison could not see although nothing failed. It names nobody.
type BlindSpot struct {
	Kind    BlindKind `json:"kind"`
	Channel string    `json:"channel,omitempty"`
	Sink    string    `json:"sink,omitempty"`
	Class   string    `json:"class,omitempty"`
	Part    string    `json:"part,omitempty"`
	Count   uint64    `json:"count"`            // messages of production concerned
	Detail  string    `json:"detail,omitempty"` // what would make them judgeable; words of our own
}
