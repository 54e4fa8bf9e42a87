// Package jsonl reads the interchange form of Waybill: JSON Lines, as waybill tape cat
// prints them and waybill tape pack takes them, plain or in gzip. It is what a tool
// writes that has traffic in a form of its own.
//
// Each line is one object in UTF-8 with two members: "kind", and a member of that name.
// Empty lines are passed over. Members that are not listed here are refused, as are
// names that occur twice and lines of more than 512 MiB.
//
//	kind      its members; those with a star must be there
//	header    as waybill tape cat prints it, first or not at all; passed over
//	stimulus  id*       text, unique, permanent
//	          channel*  "http", "smtp" or "exec"
//	          door*     entrance of the build, as configured
//	          key       text: stimuli of one key stay in order
//	          at        nanoseconds since 1970 UTC
//	          status    what production answered: an HTTP status, an SMTP reply code
//	          cut       bytes of the body that are not there
//	          bindings  [{"from": id, "place": "cookie/session", "value": text}]
//	          head*     text; see below
//	          body      text
//	message   seq       number, greater than that of the message before; the next one if it is not given
//	          channel*  "http" or "smtp"
//	          sink*     which sink took it, as configured
//	          host      that production asked for
//	          tls       "TLS 1.3"; plaintext where it is not given
//	          peer, phase, at, replies, events, cut, head*, body
//	                    as in the Go type gate.Message
//	outcome   stimulus* id of the stimulus on the line before, which production so answered
//	          status, error, elapsed, cut, head, body
//	gap       kind*, where*, detail*, stimulus, seq, count
//	footer    stimuli, messages, outcomes, gaps: how many stand before it; last or not at all
//
// Head and body are strings, or in base64 where they are not UTF-8: "head_base64" and
// "body_base64" in their place. They split what was sent as each channel does:
//
//	http  head: request line and header lines, each ended by CRLF, without the empty
//	      line. body: with its transfer coding undone, its content coding not.
//	smtp  head: the lines HELO or EHLO, MAIL and RCPT, each ended by CRLF.
//	      body: the message, dots unstuffed.
//	exec  head: the name of the job. body: its standard input.
//
// An outcome is not stored: it is for whoever learns values from it, such as sessions. One
// that does not stand behind its stimulus, as in the tape of a run, is passed over
// ("outcome-apart").
package jsonl

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Format is the interchange form.
var Format = importer.Format{
	Name:  "jsonl",
	Doc:   "JSON Lines, as waybill tape cat prints them (gzip undone)",
	Sniff: sniff,
	Read:  read,
}

// maxLine is how long a line may be, in bytes.
const maxLine = 512 << 20

// sniff wants an object whose first member is "kind", with a kind that there is, or is
// named after one.
func sniff(_ string, head []byte) bool {
	d := jsontext.NewDecoder(bytes.NewReader(head))
	if t, err := d.ReadToken(); err != nil || t.Kind() != '{' {
		return false
	}
	name, err := d.ReadToken()
	if err != nil || name.Kind() != '"' {
		return false
	}
	kind := name.String()
	if kind == "kind" {
		t, err := d.ReadToken()
		if err != nil || t.Kind() != '"' {
			return false
		}
		kind = t.String()
	}
	switch gate.RecordKind(kind) {
	case gate.KindHeader, gate.KindStimulus, gate.KindMessage, gate.KindOutcome, gate.KindGap, gate.KindFooter:
		return true
	}
	return false
}

func read(path string, o importer.Options) iter.Seq2[importer.Item, error] {
	return func(yield func(importer.Item, error) bool) {
		r := &reader{path: path, limit: o.Limit(), yield: yield}
		if err := r.read(); err != nil && !r.stopped {
			yield(importer.Item{}, err)
		}
	}
}

type reader struct {
	path    string
	limit   int64
	yield   func(importer.Item, error) bool
	stopped bool

	offset int64
	lines  int
	seq    uint64
	held   []importer.Item // a stimulus and its gap, whose outcome may follow
	have   gate.Footer
	ended  bool // the footer was read
}

func (r *reader) read() (err error) {
	file, err := importer.Open(r.path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	in := bufio.NewReaderSize(file, 64<<10)
	var buffer []byte
	for !r.stopped {
		buffer, err = readLine(in, buffer[:0])
		if err != nil && err != io.EOF {
			return fmt.Errorf("import %s, line %d: %w", r.path, r.lines+1, err)
		}
		if len(buffer) == 0 {
			break
		}
		r.lines++
		start := r.offset
		r.offset += int64(len(buffer))
		if err := r.line(bytes.TrimSpace(buffer), start, int64(len(buffer))); err != nil {
			return fmt.Errorf("import %s, line %d: %w", r.path, r.lines, err)
		}
		if cap(buffer) > 1<<20 { // one long line is no reason to keep as much for all others
			buffer = nil
		}
	}
	r.release()
	return nil
}

// readLine appends a line to buffer, with its end where it has one.
func readLine(in *bufio.Reader, buffer []byte) ([]byte, error) {
	for {
		part, err := in.ReadSlice('\n')
		if len(buffer)+len(part) > maxLine {
			return nil, fmt.Errorf("it is longer than %d bytes", maxLine)
		}
		buffer = append(buffer, part...)
		if err != bufio.ErrBufferFull {
			return buffer, err
		}
	}
}

func (r *reader) put(item importer.Item, start, size int64) {
	item.Path, item.Offset, item.Bytes = r.path, start, size
	if !r.stopped && !r.yield(item, nil) {
		r.stopped = true
	}
}

// release hands out what was held.
func (r *reader) release() {
	for _, item := range r.held {
		r.put(item, item.Offset, item.Bytes)
	}
	r.held = nil
}

// line takes the line text, which takes size bytes from start.
func (r *reader) line(text []byte, start, size int64) error {
	skip := func(reason, detail string) {
		r.release()
		r.put(importer.Skipped(reason, detail, start, size), start, size)
	}
	if len(text) == 0 {
		skip("empty-line", "a line with nothing in it")
		return nil
	}
	l, err := tape.ParseLine(text)
	if g := l.Gap; err == nil && g != nil && (g.Kind == "" || g.Where == "" || g.Detail == "") {
		err = errors.New("the gap has no kind, no place, or no detail")
	}
	if err != nil {
		return err
	}
	if r.ended {
		return errors.New("a record stands behind the footer")
	}
	switch {
	case l.Header != nil:
		if r.lines != 1 {
			return errors.New("a header stands behind other lines")
		}
		skip("header", "the header of another tape")
	case l.Footer != nil:
		r.ended = true
		if f := l.Footer; f.Stimuli != r.have.Stimuli || f.Messages != r.have.Messages || f.Outcomes != r.have.Outcomes || f.Gaps != r.have.Gaps {
			return fmt.Errorf("the footer says %d stimuli, %d messages, %d outcomes and %d gaps, and there are %d, %d, %d and %d",
				f.Stimuli, f.Messages, f.Outcomes, f.Gaps, r.have.Stimuli, r.have.Messages, r.have.Outcomes, r.have.Gaps)
		}
		skip("footer", "the footer of another tape")
	case l.Outcome != nil:
		r.have.Outcomes++
		if len(r.held) == 0 || r.held[0].Record.Stimulus.ID != l.Outcome.Stimulus {
			skip("outcome-apart", "an outcome that does not stand behind its stimulus")
			break
		}
		r.held[0].Outcome = l.Outcome
		r.held[0].Bytes += size
		r.release()
	case l.Gap != nil:
		r.release()
		r.have.Gaps++
		r.put(importer.Item{Record: gate.Record{Kind: gate.KindGap, Gap: l.Gap}}, start, size)
	case l.Message != nil:
		r.release()
		r.have.Messages++
		return r.message(l.Message, start, size)
	case l.Stimulus != nil:
		r.release()
		r.have.Stimuli++
		return r.stimulus(l.Stimulus, start, size)
	}
	return nil
}

func (r *reader) message(m *gate.Message, start, size int64) error {
	switch {
	case m.Channel == "" || m.Sink == "":
		return errors.New("the message has no channel, or no sink")
	case m.Seq == 0:
		m.Seq = r.seq + 1
	case m.Seq <= r.seq:
		return fmt.Errorf("message %d stands behind message %d", m.Seq, r.seq)
	}
	r.seq = m.Seq
	over := shorten(&m.Body, &m.Cut, r.limit)
	r.put(importer.Item{Record: gate.Record{Kind: gate.KindMessage, Message: m}}, start, size)
	if over > 0 {
		g := r.cut(over)
		g.Seq, g.Where = m.Seq, fmt.Sprintf("message %d", m.Seq)
		r.put(importer.Item{Record: gate.Record{Kind: gate.KindGap, Gap: g}}, start, 0)
	}
	return nil
}

func (r *reader) stimulus(s *gate.Stimulus, start, size int64) error {
	if s.ID == "" || s.Channel == "" || s.Door == "" {
		return errors.New("the stimulus has no id, no channel, or no door")
	}
	over := shorten(&s.Body, &s.Cut, r.limit)
	r.held = []importer.Item{{Record: gate.Record{Kind: gate.KindStimulus, Stimulus: s}, Offset: start, Bytes: size}}
	if over > 0 {
		g := r.cut(over)
		g.Stimulus, g.Where = s.ID, "stimulus"
		r.held = append(r.held, importer.Item{Record: gate.Record{Kind: gate.KindGap, Gap: g}, Offset: start})
	}
	return nil
}

func (r *reader) cut(over int64) *gate.Gap {
	return &gate.Gap{Kind: gate.GapCutBody, Detail: fmt.Sprintf("%d bytes beyond the first %d were not kept", over, r.limit)}
}

// shorten keeps limit bytes of a body, and returns how many more there were.
func shorten(body *[]byte, cut *int64, limit int64) int64 {
	over := int64(len(*body)) - limit
	if over <= 0 {
		return 0
	}
	*body = bytes.Clone((*body)[:limit])
	*cut += over
	return over
}
