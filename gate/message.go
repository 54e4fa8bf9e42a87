package gate

import "strings"

// RecipientKind is the kind of identity that a recipient is.
type RecipientKind string

// Kinds of recipient.
const (
	Mail  RecipientKind = "mail" // addr-spec of RFC 5321: local part byte for byte, domain as lower-case A-labels
	Host  RecipientKind = "host" // lower-case A-labels, with :port where it is not the scheme's own
	Tel   RecipientKind = "tel"  // E.164 with its plus
	Other RecipientKind = "id"   // an identity whose form is a provider's own: a device token, a channel name

	Session RecipientKind = "session" // who asked: the key of a stimulus, or, where it has none, its id
)

// RecipientRole is how a recipient was addressed.
type RecipientRole string

// Roles of a recipient. An answer goes to its Asker. A mail goes to an Envelope and a request to a Party; what a
// provider is asked to fan out goes to its To, Cc and Bcc. What a mail shows of
// these is parts of it, and so facts of their own (invariant 5).
const (
	Envelope RecipientRole = "envelope" // RFC 5321 RCPT
	Party    RecipientRole = "party"    // the host that a request is made to
	To       RecipientRole = "to"
	Cc       RecipientRole = "cc"
	Bcc      RecipientRole = "bcc"
	ReplyTo  RecipientRole = "reply-to"
	Asker    RecipientRole = "asker" // of a stimulus
)

// A Recipient is a typed, canonical identity with a role.
// Make mail recipients with [MailRecipient] and hosts with [HostRecipient].
type Recipient struct {
	Kind    RecipientKind `json:"kind"`
	Address string        `json:"address"`
	Role    RecipientRole `json:"role,omitempty"`
}

// Unknown stands for the recipient of a message that does not say whom it is for,
// so that its content is compared all the same. Such a message has a gap too.
func Unknown() Recipient { return Recipient{Kind: Other, Address: "unknown", Role: Envelope} }

// ID is the identity without its role: "mail:alice@example.org".
func (r Recipient) ID() string { return string(r.Kind) + ":" + r.Address }

// String is the identity with its role: "mail:alice@example.org as envelope".
func (r Recipient) String() string {
	if r.Role == "" {
		return r.ID()
	}
	return r.ID() + " as " + string(r.Role)
}

// Decoded is what its protocol says of a message. A request to a provider that
// fans out decodes to many, one for each group of recipients with one content.
type Decoded struct {
	Recipients []Recipient // who this is delivered to: one delivery each
	Class      string      // what kind of request it is, for channels that can tell: "POST /v1/hooks/#"
	Fields     []Part      // what the protocol itself says: "envelope/from", "transport/tls", "path", "header/x-tenant"
	Payloads   []Payload   // what it carries, still encoded
	Traces     []string    // ids that a build carried through from a stimulus: traceparent's trace id, a message id
	Gaps       []Gap
	Masks      []Masked
	Hidden     []Hidden          // what Masks left out
	Prose      []string          // globs over names of parts whose values people read as running text: "body/$.text"
	Decides    []string          // globs over names of parts that say whether and when it is sent: "body/$.sandbox"
	Once       []string          // globs over names of parts that are ids made anew for each message, where they have that shape
	Spelled    map[string]string // whole values that are one with another: "(510) 555-0100" with "+15105550100"
	Reader     string            // what says whom it is for: the name of an API, [OwnRule]; "" is that only the host is known

	// Resent is the host, as in [HostRecipient], to which an answer has who asked send the same
	// again, with all that it held; "" is none.
	Resent string
}

// SharedPart begins the names of parts that say that a message has its id, which is there, in
// common with others.
const SharedPart = "shared/"

// DecisionPart begins the names of parts that say whether and when a message is sent.
const DecisionPart = "decides/"

// ResentPart is the part of an answer that says to which other host who asked sends the same again.
const ResentPart = "status/resent-to"

// OwnRule is the Reader of what the user's own rule reads.
const OwnRule = "your rule"

// A Payload is a run of bytes with a media type, still encoded.
type Payload struct {
	Name     string // prefix of the names of its parts: "" for mail, "query", "body"
	Type     string // value of Content-Type, with parameters; "" is not known
	Encoding string // value of Content-Encoding, outermost last; "" is none
	Bytes    []byte
}

// PartKind says how a part's value is to be read.
type PartKind uint8

// Kinds of part.
const (
	Text      PartKind = iota // words in lines: a text or HTML body, a subject
	Value                     // one value of a structure: a JSON leaf, a form field, a parameter
	Addresses                 // identities shown or used, canonical, one a line: To, Cc, Reply-To, envelope/from
	Link                      // the target of a link that a person may follow
	Load                      // the target of something that a reader loads by itself: an image, a style sheet, a redirect
	Binary                    // a digest of bytes that are not read: "sha256:... 1234 image/png"
	Transport                 // how it travelled: sink, TLS, method
)

var partKinds = [...]string{"text", "value", "addresses", "link", "load", "binary", "transport"}

// String is the kind's word.
func (k PartKind) String() string {
	if int(k) < len(partKinds) {
		return partKinds[k]
	}
	return "unknown"
}

// MarshalText implements encoding.TextMarshaler.
func (k PartKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (k *PartKind) UnmarshalText(b []byte) error {
	for i, s := range partKinds {
		if s == string(b) {
			*k = PartKind(i)
			return nil
		}
	}
	return &InvalidError{"part kind", string(b)}
}

// A Part is one addressable piece of a payload in canonical form. Value is valid
// UTF-8, lines ended by "\n" alone, and in normal form C; but not where an address
// or a target may stand in it, which are kept as they are: Addresses, Link, Load,
// and a Value with an "@". A name may occur again: the order of parts of one name
// is kept.
type Part struct {
	Name  string   `json:"name"`
	Kind  PartKind `json:"kind"`
	Value string   `json:"value"`
}

// Masked says what was hidden before comparison, where, and by which rule.
type Masked struct {
	Rule  string `json:"rule"` // "date", "message-id", "boundary", "a/a"
	Part  string `json:"part"` // name of the part, or of a header left out
	Count uint64 `json:"count"`
	Bytes uint64 `json:"bytes,omitempty"` // how many were hidden, where the rule counts them
}

// RefusedMask begins the Rule of a [Masked] that counts matches of a user's mask which
// were not hidden, since nothing would have been left of the part. The mask's own rule follows.
const RefusedMask = "refused:"

// A Hidden value is one that a mask left out of the comparison since it has the exact
// shape that the mask is for. It is kept until it was asked whether it holds anybody's
// facts, or stays the same in every replay: what does is compared (invariant 11).
type Hidden struct {
	Rule  string // of the mask
	Part  string // name of the part that it would be
	Value string
	User  bool   // Rule is a user's
	Shown string // the value of that part, where Value is only a piece of it
}

// Reveal returns the part that h is where it is compared.
func (h *Hidden) Reveal() Part {
	if h.Shown != "" {
		return Part{Name: h.Part, Kind: Value, Value: h.Shown}
	}
	return Part{Name: h.Part, Kind: Value, Value: h.Value}
}

// Closed reports whether h is of a form that holds nothing but what it is for: a time, or
// the name of a charset or a transfer encoding that was undone.
func (h *Hidden) Closed() bool {
	switch h.Rule {
	case "date", "archive-time", "charset", "encoding":
		return true
	}
	return false
}

// NamesMessage reports whether h is an id that software makes anew for each message. One
// that stays the same in every replay names something else: a conversation, a case, a person.
func (h *Hidden) NamesMessage() bool {
	switch h.Rule {
	case "message-id", "trace-id", "content-id", "idempotency-key":
		return !strings.HasSuffix(h.Part, "/domain") // which says who made it
	}
	return false
}

// MayLackShape reports whether the rule of h is for values made anew that chance may give
// another shape: an id without a figure, a signature of another length.
func (h *Hidden) MayLackShape() bool { return h.NamesMessage() || h.Rule == "signature" }

// Canonical is a message as it is compared.
type Canonical struct {
	Ref        Ref
	Channel    string
	Sink       string
	Phase      string
	Class      string      // what kind of message it is: stable over people and over releases
	Recipients []Recipient // each is one delivery
	Parts      []Part
	Traces     []string
	Masks      []Masked
	Hidden     []Hidden // what Masks left out, in no part of a digest
	Gaps       []Gap
	Reader     string // see [Decoded], in no part of a digest

	// At is when it was taken in a replay, in nanoseconds since 1970; 0 where that is not known.
	// It is in no part of a digest.
	At int64
}
