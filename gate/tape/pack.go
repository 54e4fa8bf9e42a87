package tape

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"

	"github.com/waybill-dev/waybill/gate"
)

// packBatch is how many records Pack appends together, so that they share frames.
const packBatch = 128

// Pack writes the tape that the JSON Lines of r describe, in the form that [Cat]
// prints: it is how a corpus is made by hand or by a tool. Packing what Cat printed
// gives a tape of the same digest.
//
// The header may be left out: the tape is a corpus then. The footer may be left
// out too; where it stands, it must be last and agree with what is before it.
// Stimuli need ids, each once. Unknown keys, a line that is not one record, and a
// record of a run in a corpus are refused, with the number of the line. name is
// what errors call r. The tape is left unfinished, and so unreadable as a whole,
// where an error is returned.
func Pack(r io.Reader, name, path string, opts Options) error {
	p := packer{path: path, opts: opts, ids: map[string]bool{}}
	in := bufio.NewReaderSize(r, 256<<10)
	for n := 1; ; n++ {
		text, err := readLine(in)
		if err != nil && err != io.EOF {
			return errors.Join(fmt.Errorf("pack %s, line %d: %w", name, n, err), p.abort())
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			if err := p.line(text); err != nil {
				return errors.Join(fmt.Errorf("pack %s, line %d: %w", name, n, err), p.abort())
			}
		}
		if err == io.EOF {
			break
		}
	}
	if err := p.finish(); err != nil {
		return errors.Join(fmt.Errorf("pack %s: %w", name, err), p.abort())
	}
	return nil
}

// readLine reads one line of bounded length. The last need not be ended.
func readLine(in *bufio.Reader) ([]byte, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(text)+len(part) > 2*MaxRecord {
			return nil, errors.New("the line is longer than any record")
		}
		text = append(text, part...)
		if err != bufio.ErrBufferFull {
			return text, err
		}
	}
}

type packer struct {
	path    string
	opts    Options
	w       *Writer
	ids     map[string]bool
	content gate.Content
	pending []*gate.Record
	have    counts
	footer  *gate.Footer
}

func (p *packer) line(text []byte) error {
	rec, err := ParseLine(text)
	if err != nil {
		return err
	}
	if p.footer != nil {
		return errors.New("a record stands behind the footer")
	}
	if rec.Header != nil {
		if p.w != nil {
			return errors.New("a header stands behind other records")
		}
		return p.begin(*rec.Header)
	}
	if p.w == nil {
		if err := p.begin(gate.Header{Content: gate.CorpusTape, Schema: gate.Schema}); err != nil {
			return err
		}
	}
	switch {
	case rec.Footer != nil:
		p.footer = rec.Footer
		return nil
	case rec.Outcome != nil && p.content == gate.CorpusTape:
		return errors.New("a corpus holds no outcomes: what production answered is the status of a stimulus")
	case rec.Stimulus != nil:
		id := rec.Stimulus.ID
		if id == "" || p.ids[id] {
			return fmt.Errorf("the stimulus has no id of its own: %q", id)
		}
		p.ids[id] = true
		p.have.stimuli++
	case rec.Message != nil:
		p.have.messages++
	case rec.Outcome != nil:
		p.have.outcomes++
	case rec.Gap != nil:
		p.have.gaps++
	}
	if p.pending = append(p.pending, &rec); len(p.pending) == packBatch {
		return p.flush()
	}
	return nil
}

func (p *packer) begin(h gate.Header) (err error) {
	p.content = h.Content
	p.w, err = Create(p.path, h, p.opts)
	return err
}

func (p *packer) flush() error {
	err := p.w.Append(p.pending...)
	p.pending = p.pending[:0]
	return err
}

func (p *packer) finish() error {
	if p.w == nil {
		return errors.New("there are no records in it")
	}
	if len(p.pending) > 0 {
		if err := p.flush(); err != nil {
			return err
		}
	}
	f := gate.Footer{}
	if p.footer != nil {
		f = *p.footer
		if said := countsOf(&f); said != p.have {
			return fmt.Errorf("the footer says %s, and there are %s", said, p.have)
		}
	}
	return p.w.Close(f)
}

func (p *packer) abort() error {
	if p.w == nil {
		return nil
	}
	return p.w.Abort()
}

// ParseLine is the record that one line of [Cat]'s form shows. Unknown members, and
// what is not one record, are refused.
func ParseLine(text []byte) (gate.Record, error) {
	var l line
	if err := json.Unmarshal(text, &l, jsonOptions(), json.RejectUnknownMembers(true)); err != nil {
		return gate.Record{}, err
	}
	return l.record()
}

// record is the record that a line shows.
func (l *line) record() (gate.Record, error) {
	rec := gate.Record{Kind: l.Kind, Header: l.Header, Gap: l.Gap, Footer: l.Footer}
	var err error
	if v := l.Stimulus; v != nil {
		if v.Stimulus == nil {
			v.Stimulus = &gate.Stimulus{}
		}
		rec.Stimulus = v.Stimulus
		rec.Stimulus.Head, rec.Stimulus.Body, err = untext(v.Head, v.HeadBase64, v.Body, v.BodyBase64)
	}
	if v := l.Message; v != nil {
		if v.Message == nil {
			v.Message = &gate.Message{}
		}
		rec.Message = v.Message
		rec.Message.Head, rec.Message.Body, err = untext(v.Head, v.HeadBase64, v.Body, v.BodyBase64)
	}
	if v := l.Outcome; v != nil {
		if v.Outcome == nil {
			v.Outcome = &gate.Outcome{}
		}
		rec.Outcome = v.Outcome
		rec.Outcome.Head, rec.Outcome.Body, err = untext(v.Head, v.HeadBase64, v.Body, v.BodyBase64)
	}
	if err == nil && !rec.Valid() {
		err = fmt.Errorf("it is not one record of kind %q", l.Kind)
	}
	return rec, err
}

// untext undoes text, for a head and a body.
func untext(head string, headBase64 []byte, body string, bodyBase64 []byte) ([]byte, []byte, error) {
	if head != "" && len(headBase64) > 0 || body != "" && len(bodyBase64) > 0 {
		return nil, nil, errors.New("a head or body is given both as text and as base64")
	}
	if head != "" {
		headBase64 = []byte(head)
	}
	if body != "" {
		bodyBase64 = []byte(body)
	}
	return headBase64, bodyBase64, nil
}
