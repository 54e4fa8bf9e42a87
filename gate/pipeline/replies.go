package pipeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/gate"
)

// An answer is a delivery too: from the build to the person who asked. The answers of two
// runs are compared as their messages are, each with the answers to its own stimulus.

// answered reports whether o is the answer to a stimulus of the corpus. That there was none is
// a gap of the run.
func (a askers) answered(o *gate.Outcome) bool {
	return o.Error == "" && (a[o.Stimulus] != nil || o.Ask != nil && o.Ask.Skipped == "")
}

// CompareReplies compares what two builds answered to the stimuli of o.Corpus, as [Compare] does
// what they sent: all are runs, since a corpus does not hold what was answered when it was
// recorded. Recipients are who asked.
func CompareReplies(ctx context.Context, o Options, production []string, staging string) (*gate.Comparison, []gate.Gap, error) {
	messages := o
	messages.Form, messages.Progress = "", nil
	o.replies, o.Form, o.Ordered = true, "", nil
	o.sent = &tapeSide{path: production[0], o: &messages}
	o.Traces = func(s *gate.Stimulus) []string { return []string{answerTo(s.ID)} }
	all, err := askersOf(ctx, &o)
	if err != nil {
		return nil, nil, err
	}
	sides := make([]side, 0, len(production)+1)
	for _, path := range append(production[:len(production):len(production)], staging) {
		sides = append(sides, &tapeSide{path: path, o: &o, askers: all})
	}
	c, gaps, err := compare(ctx, &o, sides[0], sides[1:len(sides)-1], sides[len(sides)-1])
	if err != nil {
		return nil, nil, err
	}
	c.Replies = true
	c.Scenario += gate.Answers
	return c, repliesAlone(gaps), nil
}

// repliesAlone leaves out gaps that comparing what was sent tells already.
func repliesAlone(gaps []gate.Gap) []gate.Gap {
	var out []gate.Gap
	for _, g := range gaps {
		if g.Kind != gate.GapTornTape && g.Kind != gate.GapRunMismatch {
			out = append(out, g)
		}
	}
	return out
}

// answerTo is the trace that answers to a stimulus have in common.
func answerTo(stimulus string) string { return "answer:" + stimulus }

// reply makes an answer canonical. Where it is only shown, and no corpus was read, the run itself
// says who asked.
func (d *decoding) reply(o *gate.Outcome, ref gate.Ref) ([]gate.Canonical, error) {
	a, to := d.askers[o.Stimulus], []gate.Recipient(nil)
	switch {
	case o.Ask != nil:
		a, to = d.asked(o)
	case a == nil && d.askers != nil:
		return nil, fmt.Errorf("nobody is known to have asked for the answer to stimulus %s", o.Stimulus)
	case a == nil:
		a = &asker{channel: o.Channel, who: whoAsked(o.Key, o.Stimulus)}
	}
	if d.o.Reply == nil {
		return nil, fmt.Errorf("read the answer to stimulus %s: answers are not compared", o.Stimulus)
	}
	decoded, err := d.o.Reply(a.channel, o)
	if err != nil {
		return nil, err
	}
	decoded.Class = "answer to " + a.class
	decoded.Recipients = []gate.Recipient{a.who}
	decoded.Traces = []string{answerTo(o.Stimulus)}
	if o.Ask != nil {
		decoded.Recipients = to
	}
	if o.Ask != nil && o.Ask.Link != "" {
		decoded.Traces[0] = "link:" + to[0].ID() + " " + a.class // what it was asked for by follows the order of arrival
	}
	if host := decoded.Resent; host != "" && !sameOwner(host, a.host) {
		decoded.Fields = append(slices.Clip(decoded.Fields), gate.Part{Name: gate.ResentPart, Kind: gate.Value, Value: host})
	}
	for i := range decoded.Gaps {
		decoded.Gaps[i].Stimulus = o.Stimulus
	}
	m := gate.Message{Seq: ref.Seq, Channel: a.channel, Sink: a.door, Phase: o.Phase, Head: o.Head, Body: o.Body, Cut: o.Cut}
	c := d.o.Canon(&m, &decoded, ref)
	d.o.revealing.reveal(&c)
	c.At = o.At
	return []gate.Canonical{c}, nil
}

// sameOwner reports whether two hosts are one, or hosts of one operator.
func sameOwner(a, b string) bool { return a == b || b != "" && gate.Operator(a) == gate.Operator(b) }
