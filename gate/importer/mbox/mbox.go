// Package mbox reads mailboxes of many mails in one file (RFC 4155 and its older
// kin), plain or in gzip.
//
// A mail begins after a From_ line: "From ", a sender, and a date as asctime(3)
// writes it, with a zone before or after the year where there is one, or as RFC 5322 or
// ISO 8601 do. It must be the
// first line of the file, blank lines left out, or follow a blank line, which belongs
// to neither mail. Where the first one has no date, but a sender alone or nothing, and a header
// field on the next line, the others may have none either. [Format] and [CL2] differ in what may stand in between:
//
//	mbox     Lines of a body that match "^>+From " lose one ">" (mboxrd); how many did
//	         is the event "from-unquoted N". Content-Length is not believed: a forged
//	         or stale one would swallow the mails after it.
//	mboxcl2  Each mail has a Content-Length, in bytes of the file, nothing is quoted,
//	         and the next From_ line must stand where it says. Anything else is an
//	         error. Nothing in a file tells this dialect from the other safely, so that
//	         it is never guessed.
//
// What is ambiguous, and stays so: mboxo quotes "From " and leaves ">From " as it is,
// and nothing tells such a file from mboxrd. Read as mbox, a line that was ">From "
// when it was mailed comes out as "From ", and ">>From " as ">From ". A line that
// begins with "From " and is no From_ line, or follows no blank line, is text, and
// the event "from-line N": writers that quote only what could be taken for a From_
// line leave such. An unquoted From_ line in a body after a blank line begins a mail:
// that is what it says.
//
// Where the separator itself is missing, two mails run together, and nothing says so for
// certain. Read as mbox, two signs of it are looked for in a body, and are a gap
// [gate.GapNotRecorded] beside the mail, which stays one: a From_ line that no blank line
// stands before and header fields follow, and a header section as delivery writes it
// (Return-Path, Delivered-To or X-Original-To first, Received and From in it) after a
// blank line. Mails of type multipart or message are not searched: they hold such by right.
// A mail that was joined to another without either sign is not seen.
package mbox

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"

	"github.com/waybill-dev/waybill/gate/importer"
)

// Format is mbox with From_ lines quoted by ">".
var Format = importer.Format{
	Name:  "mbox",
	Doc:   "many mails in one file, parted by From_ lines (mboxrd, mboxo; gzip undone)",
	Sniff: sniff,
	Read: func(path string, o importer.Options) iter.Seq2[importer.Item, error] {
		return read(path, o, (*reader).quoted)
	},
}

// CL2 is mbox with mails measured by Content-Length.
var CL2 = importer.Format{
	Name: "mboxcl2",
	Doc:  "many mails in one file, measured by Content-Length, nothing quoted (gzip undone)",
	Read: func(path string, o importer.Options) iter.Seq2[importer.Item, error] {
		return read(path, o, (*reader).measured)
	},
}

func sniff(_ string, head []byte) bool {
	line, rest, _ := bytes.Cut(bytes.TrimLeft(head, "\r\n"), []byte("\n"))
	_, ok := fromLine(line)
	if !ok {
		_, ok = undated(line, rest)
	}
	return ok
}

// read drives one of the two dialects over path.
func read(path string, o importer.Options, dialect func(*reader) error) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		in, err := importer.Open(path)
		if err != nil {
			yield(importer.Item{}, err)
			return
		}
		defer in.Close()
		r := &reader{path: path, options: o, in: bufio.NewReaderSize(in, 64<<10), yield: yield}
		if err := dialect(r); err != nil && !r.stopped {
			yield(importer.Item{}, err)
		}
	}
}

// A reader goes through a file line by line. A line longer than the buffer comes in
// pieces.
type reader struct {
	path    string
	options importer.Options
	in      *bufio.Reader
	yield   func(importer.Item, error) bool
	stopped bool // the consumer has had enough

	offset int64 // of what follows the current piece
	piece  []byte
	begins bool // piece is the beginning of a line
	open   bool // the piece before did not end its line
	undate bool // the first From_ line has no date, and others may have none

	mail  *importer.Mail
	seam  seam // of a mail that is not measured
	seq   uint64
	start int64 // of the mail's From_ line
}

// next reads the next piece. Its error is io.EOF after the last.
func (r *reader) next() error {
	piece, err := r.in.ReadSlice('\n')
	if err == bufio.ErrBufferFull || err == io.EOF && len(piece) > 0 {
		err = nil
	}
	if err != nil {
		return err
	}
	r.piece, r.begins = piece, !r.open
	r.open = piece[len(piece)-1] != '\n'
	r.offset += int64(len(piece))
	return nil
}

// begin starts a mail at the From_ line that the current piece is.
func (r *reader) begin(sender string) {
	r.start = r.offset - int64(len(r.piece))
	r.mail = &importer.Mail{Options: r.options, Sender: sender, Path: r.path, Offset: r.start}
}

// finish hands out the mail, which ends at end. It reports whether to go on.
func (r *reader) finish(end int64) bool {
	r.seq++
	items := r.mail.Items(r.seq, end-r.start)
	items = append(items, r.seam.gaps(items)...)
	r.seam = seam{}
	for _, item := range items {
		if !r.yield(item, nil) {
			r.stopped = true
			return false
		}
	}
	r.mail = nil
	return true
}

// lead reads up to the first From_ line and begins its mail.
func (r *reader) lead() error {
	var blank int64
	for {
		if err := r.next(); err != nil {
			return r.skipBlank(blank, err)
		}
		if isBlank(r.piece) {
			blank = r.offset
			continue
		}
		sender, ok := r.fromLine()
		if !ok {
			r.undate = true
			sender, ok = r.fromLine()
		}
		if !ok {
			return fmt.Errorf("import %s: it is not an mbox: at byte %d stands no From_ line", r.path, r.offset-int64(len(r.piece)))
		}
		r.begin(sender)
		return r.skipBlank(blank, nil)
	}
}

// skipBlank accounts for n bytes of blank lines before the first mail, and returns err.
func (r *reader) skipBlank(n int64, err error) error {
	if n == 0 {
		return err
	}
	item := importer.Item{Path: r.path, Bytes: n, Skip: &importer.Skip{Reason: "blank-lines", Detail: "blank lines before the first mail"}}
	if !r.yield(item, nil) {
		r.stopped = true
		return io.EOF
	}
	return err
}

// quoted reads the dialects that quote From_ lines.
func (r *reader) quoted() error {
	if err := r.lead(); err != nil {
		return endOf(err)
	}
	var blank string // a blank line that may yet belong to the mail
	body := false
	var unquoted, froms int
	finish := func(end int64) bool {
		r.mail.Events = appendCount(r.mail.Events, "from-unquoted", unquoted)
		r.mail.Events = appendCount(r.mail.Events, "from-line", froms)
		blank, body, unquoted, froms = "", false, 0, 0
		return r.finish(end)
	}
	for {
		if err := r.next(); err == io.EOF {
			finish(r.offset)
			return nil
		} else if err != nil {
			return err
		}
		if !r.begins {
			r.mail.Write(r.piece)
			continue
		}
		if blank != "" {
			if sender, ok := r.fromLine(); ok {
				if !finish(r.offset - int64(len(r.piece))) {
					return nil
				}
				r.begin(sender)
				continue
			}
			r.mail.Write([]byte(blank))
		}
		if !isBlank(r.piece) {
			r.seam.line(r.piece, blank != "")
		}
		blank = ""
		switch {
		case isBlank(r.piece):
			blank, body = string(r.piece), true
			continue
		case body && isQuotedFrom(r.piece):
			r.piece = r.piece[1:]
			unquoted++
		case bytes.HasPrefix(r.piece, []byte("From ")):
			froms++
		}
		r.mail.Write(r.piece)
	}
}

func appendCount(events []string, name string, n int) []string {
	if n == 0 {
		return events
	}
	return append(events, fmt.Sprintf("%s %d", name, n))
}

// endOf makes the end of the file no error.
func endOf(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// fromLine reads the current piece as a From_ line.
func (r *reader) fromLine() (sender string, ok bool) {
	if !r.begins || r.open && len(r.piece) == r.in.Size() {
		return "", false
	}
	sender, ok = fromLine(r.piece)
	if ok || !r.undate || !bytes.HasPrefix(r.piece, []byte("From ")) {
		return sender, ok
	}
	r.piece = bytes.Clone(r.piece) // what is read ahead takes its place
	next, _ := r.in.Peek(maxField)
	return undated(r.piece, next)
}

func isBlank(line []byte) bool { return string(line) == "\n" || string(line) == "\r\n" }

// isQuotedFrom is "^>+From ".
func isQuotedFrom(line []byte) bool {
	rest := bytes.TrimLeft(line, ">")
	return len(rest) < len(line) && bytes.HasPrefix(rest, []byte("From "))
}
