// Package decode undoes the layers that software wraps values in, one at a time,
// within a budget: transfer encodings, charsets, tokens in text (base64, hexadecimal,
// JWT), compression, and containers (ZIP, PDF, pictures, protobuf, OpenPGP, CMS).
//
// It is pure, and the only place where the rules of these formats stand. Two questions
// are answered:
//
//   - [Layers] finds the spans of a text that hold other data, with offsets. A span is
//     sure where chance gives one such in 2^34 random tokens or less: what is compared
//     may be replaced by what is inside only then. The others serve a search for facts.
//   - [Open] gives the leaves of a container: what is text, what is a value, what has
//     the exact shape of something that is fresh each time, what is a document of its
//     own, and what cannot be read.
//
// What is not undone here: JSON, forms, XML, HTML, mail and MIME, which stages walk in ways
// of their own; [Recognise] only says what they are.
package decode

import (
	"fmt"
)

// A Kind is what a run of bytes is.
type Kind string

// Kinds of data.
const (
	Unknown  Kind = ""
	Text     Kind = "text" // printable UTF-8
	JSON     Kind = "json" // an object or an array
	XML      Kind = "xml"
	Form     Kind = "form" // application/x-www-form-urlencoded, two pairs or more
	Gzip     Kind = "gzip"
	Zlib     Kind = "zlib"
	Deflate  Kind = "deflate" // without a header
	Zstd     Kind = "zstd"
	Brotli   Kind = "br"
	ZIP      Kind = "zip"
	PDF      Kind = "pdf"
	PNG      Kind = "png"
	JPEG     Kind = "jpeg"
	GIF      Kind = "gif"
	Protobuf Kind = "proto"
	GRPC     Kind = "grpc" // protobuf in frames of five bytes
	PGP      Kind = "pgp"
	CMS      Kind = "cms"
	Calendar Kind = "ical"
	Card     Kind = "vcard"
	Mail     Kind = "mail" // an internet message (RFC 5322), whole
)

// A Budget bounds what undoing may cost. It is spent by each call that is given it.
type Budget struct {
	Bytes int64 // that may still be produced
	Ratio int64 // of decompressed to compressed size, where it is more than 1 MiB
}

// ratioFloor is the size in bytes below which the ratio of a compressed layer is no
// sign of a bomb: short texts of one letter compress a thousandfold.
const ratioFloor = 1 << 20

// maxDepth is how deep containers may nest within one format: messages of protobuf,
// dictionaries of PDF, values of ASN.1.
const maxDepth = 32

// maxLeaves is how many leaves one container may have.
const maxLeaves = 50_000

// A LimitError says which bound was met. It names nobody.
type LimitError struct{ Why string }

func (e *LimitError) Error() string { return e.Why }

// A BrokenError says that bytes are not what they were read as. It names nobody.
type BrokenError struct{ What string }

func (e *BrokenError) Error() string { return "its " + e.What + " layer is broken" }

func broken(k Kind) error { return &BrokenError{string(k)} }

// spend takes n bytes from what may still be produced.
func (b *Budget) spend(n int) error {
	if b.Bytes -= int64(n); b.Bytes < 0 {
		b.Bytes = 0
		return &LimitError{"decoding it gives more bytes than may be produced"}
	}
	return nil
}

// A Class says how a leaf is to be taken.
type Class uint8

// Classes of leaf.
const (
	Words    Class = iota // running text
	Value                 // one value
	Fresh                 // one value of the exact shape that Rule is for, new whenever the container is written
	Document              // data of a format of its own, which Type and Kind say
	Bytes                 // bytes that are not read, compared by digest
	Opaque                // bytes that cannot be read by anybody without a key
	People                // mail addresses, one a line
)

// A Leaf is one piece of a container.
type Leaf struct {
	Name  string // path within: "info/Title", "member[0]/name"
	Class Class
	Kind  Kind   // of a Document, where it is known
	Type  string // media type of a Document, where it is known
	File  string // name of the file that a Document is, where it has one
	Rule  string // of what is Fresh: "pdf-date"
	Data  []byte
}

// Open gives the leaves of a container in its order. A [BrokenError] says that data is
// no such container: then what was given so far is to be dropped. A [LimitError] says
// that a bound was met.
func Open(kind Kind, data []byte, b *Budget, give func(Leaf)) error {
	c := container{budget: b, give: give}
	switch kind {
	case Gzip:
		return c.gzip(data)
	case Zlib, Deflate, Zstd, Brotli:
		return c.compressed(kind, data)
	case ZIP:
		return c.zip(data)
	case PDF:
		return c.pdf(data)
	case PGP:
		return c.pgp(data)
	case CMS:
		return c.cms(data)
	case Calendar, Card:
		return c.calendar(data)
	case PNG:
		return c.png(data)
	case JPEG:
		return c.jpeg(data)
	case GIF:
		return c.gif(data)
	case Protobuf:
		return c.protobuf("", data, 0)
	case GRPC:
		return c.grpc(data)
	}
	return fmt.Errorf("there is no decoder for kind %q", kind)
}

// A container is one that is being opened.
type container struct {
	budget *Budget
	give   func(Leaf)
	leaves int
}

// add gives a leaf, whose bytes are new where produced says how many were not in the data.
func (c *container) add(l Leaf) error {
	if c.leaves++; c.leaves > maxLeaves {
		return &LimitError{fmt.Sprintf("it has more than %d leaves", maxLeaves)}
	}
	c.give(l)
	return nil
}

func (c *container) value(name string, v string) error {
	return c.add(Leaf{Name: name, Class: Value, Data: []byte(v)})
}

// rest gives bytes that stand where a format has none.
func (c *container) rest(name string, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return c.add(Leaf{Name: name, Class: Document, Kind: Recognise(data), Data: data})
}

func under(in, name string) string {
	if in == "" {
		return name
	}
	return in + "/" + name
}
