// Package importer says what a foreign format is: evidence that something else
// wrote down, read as messages.
//
// A format is a value of type [Format] in a folder of its own, listed in
// importer/all, and must pass the suite in importer/importertest. This package
// also holds what the formats for mail share: [Open] undoes gzip, [Mail] makes a
// message of the bytes of one mail, and [Detect] finds the format of a path.
//
// Nothing is dropped silently: what a source holds comes out as a message, as a gap
// or as a [Skip], and the bytes of all of these add up to its size.
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
//   - "RCPT TO:<...>" are the addresses of one kind of header: of X-Original-To if
//     there is one, else of Delivered-To, else of X-Envelope-To. All headers of that
//     kind count, from the top down, each with as many addresses as it lists between
//     commas, and an address that occurs twice is two recipients.
//   - Where there is none of these there is no such line, and a gap
//     [gate.GapRecipientUnknown]. To and Cc are never taken: they are not the envelope.
//
// An address may be without a domain, as local delivery writes it. "mailing list
// ADDRESS", and other words before an address, is the mark by which list managers
// see loops: no recipient, the event "loop-mark N", and a kind of header that holds
// nothing else is passed over. Anything else in a header of the kind that is taken
// is a recipient that cannot be read, and a gap too.
//
// What is ambiguous: a mail that was forwarded, or went through a list, may hold the
// Delivered-To of earlier deliveries, and nothing in it tells those from the last.
// They count as recipients.
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
	// memory that does not grow with it beyond tens of bytes for each file. Messages
	// are numbered from 1. After an error, which names the path, it yields nothing.
	Read func(path string, o Options) iter.Seq2[Item, error]
}

// DefaultMaxBody is the most bytes of a mail that are kept where Options do not say.
const DefaultMaxBody = 128 << 20

// Options of reading. The zero value is fine.
type Options struct {
	MaxBody int64 // bytes of a mail that are kept, the rest is counted in Message.Cut and is a gap; 0 is DefaultMaxBody
}

// Limit is MaxBody, or what it stands for.
func (o Options) Limit() int64 {
	if o.MaxBody <= 0 {
		return DefaultMaxBody
	}
	return o.MaxBody
}

// An Item is what one stretch of a source came to: a message, a stimulus or a gap
// for the tape, or, where Skip is set, nothing.
type Item struct {
	Record gate.Record // of kind message, stimulus or gap; zero where Skip is set
	Skip   *Skip

	Path   string // file that it is from
	Offset int64  // in that file, in bytes, with gzip undone
	Bytes  int64  // how many of its bytes this accounts for; 0 for a gap beside a message
}

// A Skip is something in a source that is not a message and was passed over.
type Skip struct {
	Reason string // permanent, kebab-case: "in-delivery"
	Detail string // one line for people
}
