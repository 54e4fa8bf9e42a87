// Package importer says what a foreign format is: evidence that something else
// wrote down, read as stimuli and messages.
//
// A format is a value of type [Format] in a folder of its own, listed in
// importer/all, and must pass the suite in importer/importertest. This package
// also holds what formats share: [Open] undoes gzip, [Detect] finds the format of a
// path, [Mail] makes a message or a stimulus of one mail, [Request] of one request of
// HTTP, [Stream] parts one direction of an HTTP/1 connection, [Window] keeps order
// while answers are awaited, and [Output] numbers what comes out.
//
// Nothing is dropped silently: what a source holds comes out as a stimulus, a
// message, a gap or a [Skip], and the bytes of all of these add up to its size.
//
// # What is a stimulus and what is a message
//
// What production received is a stimulus, what it sent is a message. A source of HTTP
// holds both, and [Sites] tell them apart: they are production's own entrances. What
// goes to one of them is a stimulus; what else the source holds is a message, to the
// outside party that it was sent to, as a sink would have stored it. A mailbox holds
// one of the two, and [Options].Received says which. Where two captures are compared there
// is no production that receives: with [Options].Sent all requests are messages.
//
// What production answered is never stored. It goes beside its stimulus, in
// [Item].Outcome, to whoever learns values from it.
//
// # How a mail becomes a message
//
// The body of the message is the mail, its trace headers left as they are. Mail
// lies on disk with lines ended by LF and travels with CRLF (RFC 5321, section
// 2.3.8): every LF that no CR stands before becomes CRLF. CR alone is left alone.
//
// The head is an SMTP transaction made from what the delivering server noted in the
// header section, for a mail on disk has lost its own:
//
//   - "MAIL FROM:<...>" is the first Return-Path (RFC 5321, section 4.4), or the
//     sender that the format itself keeps where there is none. Where neither is an
//     address there is no such line, and the event "sender-unknown".
//   - "RCPT TO:<...>" are the addresses of one kind of header: of Delivered-To if
//     there is one, else of X-Original-To, else of Envelope-To, as Exim writes it, else
//     of X-Envelope-To. All headers of that kind count, from the top down, each with as
//     many addresses as it lists between commas, and an address that occurs twice is
//     two recipients. Where there is X-Original-To, which says what an alias was expanded
//     from, the Delivered-To next to it is of the same delivery and counts in its place;
//     any other is of an earlier one. The other kinds are fields of the mail, and compared as such.
//   - Where there is none of these there is no such line, and a gap
//     [gate.GapRecipientUnknown]. To and Cc are never taken: they are not the envelope.
//
// An address may be without a domain, as local delivery writes it. "mailing list
// ADDRESS", and other words before an address, is the mark by which list managers
// see loops: no recipient, the event "loop-mark N", and a kind of header that holds
// nothing else is passed over. Anything else in a header of the kind that is taken
// is a recipient that cannot be read, and a gap too.
//
// A From_ line that a writer of mailboxes left before the header section is taken off, and
// its sender taken where no Return-Path is an address: the event "from-line-removed".
//
// What is ambiguous: a mail that was forwarded, or went through a list, may hold the
// Delivered-To of earlier deliveries, and without X-Original-To nothing in it tells
// those from the last.
// They count as recipients.
//
// # How a mail becomes a stimulus
//
// As above, with these differences, for a stimulus is sent again and must be whole:
//
//   - "HELO ..." comes first: the name after "from" in the topmost Received, by which
//     the client called itself (RFC 5321, section 4.4), where there is one.
//   - Where the sender is not known nothing is kept, and there is a gap
//     [gate.GapNotRecorded]: a build may answer a sender, and may not answer "<>".
//   - Where no recipient is known, or one cannot be read, nothing is kept, and there is
//     a gap [gate.GapRecipientUnknown].
package importer

import (
	"iter"

	"github.com/waybill-dev/waybill/gate"
)

// A Format reads one foreign format.
type Format struct {
	Name string // permanent, lower case: "mbox"
	Doc  string // one line, for help

	// Sniff reports whether path looks like this format. head is the beginning of
	// the file, up to [SniffSize] bytes with gzip undone; nil for a folder. No two
	// formats may claim one path; a format that cannot be told is never claimed.
	// nil: it is used only where it is asked for by name.
	Sniff func(path string, head []byte) bool

	// Read yields what path holds, in an order that is the same each time, in
	// memory that does not grow with it beyond tens of bytes for each file and each
	// client. Messages are numbered upwards from 1, stimuli have ids of their own. A gap
	// for a message or a stimulus follows it at once. After an error, which names the
	// path, it yields nothing.
	Read func(path string, o Options) iter.Seq2[Item, error]
}

// DefaultMaxBody is the most bytes of a body that are kept where Options do not say.
const DefaultMaxBody = 128 << 20

// Options of reading. The zero value is fine.
type Options struct {
	// MaxBody is how many bytes of a body are kept; the rest is counted in Cut and is a
	// gap. 0 is DefaultMaxBody. No format holds more than a small multiple of it.
	MaxBody int64

	Received bool  // a mailbox holds what production received, and not what it sent
	Sites    Sites // production's own entrances; none: each format says what it takes for them

	// Sent says that production sent every request in the source: all are messages, and no
	// entrance is guessed. Sites are ignored. Formats that say of each record what it is
	// (jsonl) keep to that.
	Sent bool

	// Prefix begins the ids and keys that a format makes up, so that those of many
	// sources differ in one corpus.
	Prefix string

	// Say is told, in one line for people, what a format decided by itself. nil: nobody is.
	Say func(string)
}

// Limit is MaxBody, or what it stands for.
func (o Options) Limit() int64 {
	if o.MaxBody <= 0 {
		return DefaultMaxBody
	}
	return o.MaxBody
}

// Tell says text to whoever wants to know.
func (o Options) Tell(text string) {
	if o.Say != nil {
		o.Say(text)
	}
}

// An Item is what one stretch of a source came to: a message, a stimulus or a gap
// for the tape, or, where Skip is set, nothing.
type Item struct {
	Record gate.Record // of kind message, stimulus or gap; zero where Skip is set
	Skip   *Skip

	// Outcome is what production answered to the stimulus in Record, where the source
	// tells it: for who learns from it, and not for the tape. Stimulus in it is set.
	Outcome *gate.Outcome

	Path   string // file that it is from
	Offset int64  // in that file, in bytes, with gzip undone
	Bytes  int64  // how many of its bytes this accounts for; 0 for a gap beside a record
}

// A Skip is something in a source that is neither a message nor a stimulus and was
// passed over. Nothing that production received or sent is ever skipped: that is a gap.
type Skip struct {
	Reason string // permanent, kebab-case: "in-delivery"
	Detail string // one line for people
}
