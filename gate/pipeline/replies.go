package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"github.com/waybill-dev/waybill/gate"
)

// An answer is a delivery too: from the build to the person who asked. The answers of two
// runs are compared as their messages are, each with the answers to its own stimulus.

// An asker is who sent a stimulus, and what it asked for.
type asker struct {
	channel, door, class string
	who                  gate.Recipient
}

// askers are who sent the stimuli of a corpus, by the ids of these.
type askers map[string]*asker

// askersOf reads them.
func askersOf(ctx context.Context, o *Options) (askers, error) {
	r, err := o.Keys.Open(o.Corpus)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	all := askers{}
	shared := map[asker]*asker{} // one person asks for one thing often
	for ctx.Err() == nil {
		rec, _, err := r.Next()
		if err == io.EOF {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", o.Corpus, err)
		}
		s := rec.Stimulus
		if s == nil {
			continue
		}
		a := asker{s.Channel, s.Door, o.Asked(s), whoAsked(s.Key, s.ID)}
		if shared[a] == nil {
			shared[a] = &a
		}
		all[s.ID] = shared[a]
	}
	return nil, ctx.Err()
}

// whoAsked is who sent a stimulus: a session, or, where none is known, whoever sent this one.
func whoAsked(key, stimulus string) gate.Recipient {
	return gate.Recipient{Kind: gate.Session, Address: cmp.Or(key, stimulus), Role: gate.Asker}
}

// answered reports whether o is the answer to a stimulus of the corpus. That there was none is
// a gap of the run.
func (a askers) answered(o *gate.Outcome) bool { return o.Error == "" && a[o.Stimulus] != nil }

// CompareReplies compares what two builds answered to the stimuli of o.Corpus, as [Compare] does
// what they sent: all are runs, since a corpus does not hold what was answered when it was
// recorded. Recipients are who asked.
func CompareReplies(ctx context.Context, o Options, production []string, staging string) (*gate.Comparison, []gate.Gap, error) {
	o.replies, o.Form, o.Ordered = true, "", nil
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
	a := d.askers[o.Stimulus]
	switch {
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
	for i := range decoded.Gaps {
		decoded.Gaps[i].Stimulus = o.Stimulus
	}
	m := gate.Message{Seq: ref.Seq, Channel: a.channel, Sink: a.door, Phase: o.Phase, Head: o.Head, Body: o.Body, Cut: o.Cut}
	c := d.o.Canon(&m, &decoded, ref)
	d.o.revealing.reveal(&c)
	c.At = o.At
	return []gate.Canonical{c}, nil
}
