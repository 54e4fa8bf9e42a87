package importer

import (
	"fmt"

	"github.com/waybill-dev/waybill/gate"
)

// An Output hands out items and numbers them: messages from 1, stimuli as
// "PREFIX NAME-N" without the space. The zero value is of no use: see [NewOutput].
type Output struct {
	name     string
	options  Options
	path     string
	yield    func(Item, error) bool
	stopped  bool
	stimuli  uint64
	messages uint64
}

// NewOutput is for the format called name, which reads path.
func NewOutput(name, path string, o Options, yield func(Item, error) bool) *Output {
	return &Output{name: name, path: path, options: o, yield: yield}
}

// Put hands out items that belong together: a record and the gaps that it has, or
// gaps and skips alone. Gaps that follow a record get its number or id, and a place.
// It reports whether to go on.
func (o *Output) Put(items ...Item) bool {
	var seq uint64
	var id string
	for i := range items {
		item := &items[i]
		item.Path = o.path
		switch r := &item.Record; {
		case r.Message != nil:
			o.messages++
			seq, r.Message.Seq = o.messages, o.messages
		case r.Stimulus != nil:
			o.stimuli++
			id = fmt.Sprintf("%s%s-%d", o.options.Prefix, o.name, o.stimuli)
			r.Stimulus.ID = id
			if r.Stimulus.Key != "" {
				r.Stimulus.Key = o.options.Prefix + r.Stimulus.Key
			}
			if item.Outcome != nil {
				item.Outcome.Stimulus = id
			}
		case r.Gap != nil && seq > 0:
			r.Gap.Seq, r.Gap.Where = seq, fmt.Sprintf("message %d", seq)
		case r.Gap != nil && id != "":
			r.Gap.Stimulus, r.Gap.Where = id, "stimulus"
		}
		if !o.stopped && !o.yield(*item, nil) {
			o.stopped = true
		}
	}
	return !o.stopped
}

// Fail ends reading with an error, where it has not ended.
func (o *Output) Fail(err error) {
	if !o.stopped {
		o.stopped = true
		o.yield(Item{}, err)
	}
}

// Stopped reports whether nothing more is wanted.
func (o *Output) Stopped() bool { return o.stopped }

// Skipped is the item of n bytes at offset that were passed over.
func Skipped(reason, detail string, offset, n int64) Item {
	return Item{Skip: &Skip{Reason: reason, Detail: detail}, Offset: offset, Bytes: n}
}

// Missing is the item of n bytes at offset that are something which production received
// or sent, and cannot be kept: a [gate.GapNotRecorded]. detail names nobody.
func Missing(detail string, offset, n int64) Item {
	return Item{Record: gapRecord(gate.GapNotRecorded, detail), Offset: offset, Bytes: n}
}

// What is said of requests that can make no stimulus.
const (
	WebSocket = "what went over a WebSocket is not kept"
	Tunnel    = "what went through a tunnel is not kept"
)

// Unplayed is the item of n bytes at offset that are a request of which detail, WebSocket or
// Tunnel or another reason, says why it cannot be sent again by itself. Of a WebSocket or a
// tunnel that production received it is a [gate.GapNotReplayable]: it is counted, and leaves
// verdicts decided. Anything else is a [Missing].
func Unplayed(detail string, received bool, offset, n int64) Item {
	item := Missing(detail, offset, n)
	if received && (detail == WebSocket || detail == Tunnel) {
		item.Record.Gap.Kind = gate.GapNotReplayable
	}
	return item
}

// Cut is the item of a body that was cut: a [gate.GapCutBody], behind its record.
func Cut(detail string, offset int64) Item {
	return Item{Record: gapRecord(gate.GapCutBody, detail), Offset: offset}
}

func gapRecord(kind, detail string) gate.Record {
	return gate.Record{Kind: gate.KindGap, Gap: &gate.Gap{Kind: kind, Where: "import", Detail: detail}}
}
