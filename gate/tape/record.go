package tape

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"

	"github.com/waybill-dev/waybill/gate"
)

const (
	recordSize = 13 // bytes before a record's meta
	kindAt     = 4  // where among them the kind is
)

// The kinds of record, as the byte that stands for them on a tape.
const (
	kindHeader byte = 1 + iota
	kindStimulus
	kindMessage
	kindOutcome
	kindGap
	kindFooter
)

// A raw record is one as it stands in its frame.
type raw struct {
	kind             byte
	bytes            []byte // all of it
	meta, head, body []byte
}

// split takes the first record off p.
func split(p []byte) (r raw, rest []byte, err error) {
	if len(p) < recordSize {
		return raw{}, nil, fmt.Errorf("%d bytes are left where a record should begin", len(p))
	}
	le := binary.LittleEndian
	n := int64(le.Uint32(p[0:]))
	meta, head := int64(le.Uint32(p[5:])), int64(le.Uint32(p[9:]))
	if n > int64(len(p)-recordSize) || meta+head > n {
		return raw{}, nil, fmt.Errorf("a record of %d bytes (meta %d, head %d) does not fit into the %d that are left of its frame", n, meta, head, len(p)-recordSize)
	}
	end := recordSize + n
	r = raw{kind: p[4], bytes: p[:end:end]}
	p, rest = p[recordSize:end:end], p[end:]
	r.meta, r.head, r.body = p[:meta:meta], p[meta:meta+head:meta+head], p[meta+head:]
	if r.kind < kindHeader || r.kind > kindFooter {
		return raw{}, nil, fmt.Errorf("a record is of unknown kind %d", r.kind)
	}
	return r, rest, nil
}

// Bytes of a record as they are shown; on a tape they are kept beside its meta,
// and these fields hide those of the value that they are embedded with.
type (
	stimulusJSON struct {
		*gate.Stimulus
		Head       string `json:"head,omitempty"`
		HeadBase64 []byte `json:"head_base64,omitempty"`
		Body       string `json:"body,omitempty"`
		BodyBase64 []byte `json:"body_base64,omitempty"`
	}
	messageJSON struct {
		*gate.Message
		Head       string `json:"head,omitempty"`
		HeadBase64 []byte `json:"head_base64,omitempty"`
		Body       string `json:"body,omitempty"`
		BodyBase64 []byte `json:"body_base64,omitempty"`
	}
	outcomeJSON struct {
		*gate.Outcome
		Head       string `json:"head,omitempty"`
		HeadBase64 []byte `json:"head_base64,omitempty"`
		Body       string `json:"body,omitempty"`
		BodyBase64 []byte `json:"body_base64,omitempty"`
	}
)

// jsonOptions make equal values equal bytes.
func jsonOptions() json.Options {
	return json.JoinOptions(json.Deterministic(true), jsonv1.OmitEmptyWithLegacySemantics(true))
}

// An entry is a record taken apart for writing.
type entry struct {
	kind             byte
	meta, head, body []byte
}

func (e *entry) size() int { return recordSize + len(e.meta) + len(e.head) + len(e.body) }

func (e *entry) appendTo(dst []byte) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(e.size()-recordSize))
	dst = append(dst, e.kind)
	dst = le.AppendUint32(dst, uint32(len(e.meta)))
	dst = le.AppendUint32(dst, uint32(len(e.head)))
	dst = append(dst, e.meta...)
	dst = append(dst, e.head...)
	return append(dst, e.body...)
}

// takeApart makes an entry of r. Head and Body are not copied.
func takeApart(r *gate.Record) (entry, error) {
	if !r.Valid() {
		return entry{}, fmt.Errorf("a record of kind %q must have that field set and no other", r.Kind)
	}
	var e entry
	var value any
	var err error
	switch r.Kind {
	case gate.KindHeader:
		e.kind, value = kindHeader, r.Header
	case gate.KindStimulus:
		e.kind, value = kindStimulus, stimulusJSON{Stimulus: r.Stimulus}
		e.head, e.body = r.Stimulus.Head, r.Stimulus.Body
	case gate.KindMessage:
		e.kind = kindMessage
		e.head, e.body = r.Message.Head, r.Message.Body
		var ok bool
		if e.meta, ok = appendMessageMeta(nil, r.Message); !ok {
			value = messageJSON{Message: r.Message}
		}
	case gate.KindOutcome:
		e.kind, value = kindOutcome, outcomeJSON{Outcome: r.Outcome}
		e.head, e.body = r.Outcome.Head, r.Outcome.Body
	case gate.KindGap:
		e.kind, value = kindGap, r.Gap
	case gate.KindFooter:
		e.kind, value = kindFooter, r.Footer
	}
	if e.meta == nil {
		e.meta, err = json.Marshal(value, jsonOptions())
	}
	if err != nil {
		return entry{}, fmt.Errorf("encode a %s: %w", r.Kind, err)
	}
	if e.size() > MaxRecord {
		return entry{}, fmt.Errorf("a %s takes %d bytes, the most is %d", r.Kind, e.size(), MaxRecord)
	}
	return e, nil
}

// decode is the inverse of takeApart. Head and Body share memory with r.
func (r *raw) decode() (gate.Record, error) {
	var rec gate.Record
	var err error
	var shown int // bytes that stand in meta and belong beside it
	switch r.kind {
	case kindHeader:
		rec = gate.Record{Kind: gate.KindHeader, Header: new(gate.Header)}
		err = r.into(rec.Header)
	case kindStimulus:
		v := stimulusJSON{Stimulus: new(gate.Stimulus)}
		err = r.into(&v)
		shown = len(v.Head) + len(v.HeadBase64) + len(v.Body) + len(v.BodyBase64)
		v.Stimulus.Head, v.Stimulus.Body = orNil(r.head), orNil(r.body)
		rec = gate.Record{Kind: gate.KindStimulus, Stimulus: v.Stimulus}
	case kindMessage:
		v := messageJSON{Message: new(gate.Message)}
		err = r.into(&v)
		shown = len(v.Head) + len(v.HeadBase64) + len(v.Body) + len(v.BodyBase64)
		v.Message.Head, v.Message.Body = orNil(r.head), orNil(r.body)
		rec = gate.Record{Kind: gate.KindMessage, Message: v.Message}
	case kindOutcome:
		v := outcomeJSON{Outcome: new(gate.Outcome)}
		err = r.into(&v)
		shown = len(v.Head) + len(v.HeadBase64) + len(v.Body) + len(v.BodyBase64)
		v.Outcome.Head, v.Outcome.Body = orNil(r.head), orNil(r.body)
		rec = gate.Record{Kind: gate.KindOutcome, Outcome: v.Outcome}
	case kindGap:
		rec = gate.Record{Kind: gate.KindGap, Gap: new(gate.Gap)}
		err = r.into(rec.Gap)
	case kindFooter:
		rec = gate.Record{Kind: gate.KindFooter, Footer: new(gate.Footer)}
		err = r.into(rec.Footer)
	}
	if err == nil && shown > 0 {
		err = errors.New("meta holds bytes that belong beside it")
	}
	if err != nil {
		return gate.Record{}, fmt.Errorf("a record cannot be read: %w", err)
	}
	return rec, nil
}

// into reads meta strictly: an unknown key is of a schema that this is not.
func (r *raw) into(v any) error {
	if len(r.meta) == 0 || r.meta[0] != '{' {
		return errors.New("its meta is not a JSON object")
	}
	return json.Unmarshal(r.meta, v, json.RejectUnknownMembers(true))
}

// schema reads the version of a header's records and nothing else of it, so that
// a newer tape is refused for being newer.
func (r *raw) schema() (int, error) {
	var h struct {
		Schema int `json:"schema"`
	}
	err := json.Unmarshal(r.meta, &h)
	return h.Schema, err
}

func orNil(p []byte) []byte {
	if len(p) == 0 {
		return nil
	}
	return p
}

// counts are of the records between header and footer.
type counts struct{ stimuli, messages, outcomes, gaps uint64 }

func (c *counts) add(kind byte) {
	switch kind {
	case kindStimulus:
		c.stimuli++
	case kindMessage:
		c.messages++
	case kindOutcome:
		c.outcomes++
	case kindGap:
		c.gaps++
	}
}

func countsOf(f *gate.Footer) counts {
	return counts{f.Stimuli, f.Messages, f.Outcomes, f.Gaps}
}

func (c counts) String() string {
	return fmt.Sprintf("%d stimuli, %d messages, %d outcomes and %d gaps", c.stimuli, c.messages, c.outcomes, c.gaps)
}
