package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/mail"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	channels "github.com/waybill-dev/waybill/gate/channel/all"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/drill"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func protocols() []channel.Protocol { return channels.Protocols() }

// comparing joins protocols and canonical form to what the pipeline needs. conf
// gives masks, and the settings of sinks that a tape says nothing of; nil gives
// neither. corpus is the tape whose stimuli say what facts people brought; "" is none.
func comparing(conf *config.Config, corpus string) (pipeline.Options, error) {
	var o canon.Options
	var ordered []string
	if conf != nil {
		for _, m := range conf.Masks {
			o.Masks = append(o.Masks, canon.Mask{Part: m.Part, Pattern: m.Pattern.Regexp, Rule: m.Rule})
		}
		for name, sink := range conf.Sinks {
			if sink.Ordered {
				ordered = append(ordered, name)
			}
		}
	}
	c, err := canon.New(o)
	if err != nil {
		return pipeline.Options{}, usage(fmt.Errorf("%s: %w", conf.Path, err), "")
	}
	var accept map[string]string
	var key []byte
	if conf != nil {
		accept = conf.Policy.Accepted()
		if path := conf.Approvals.KeyFile; path != "" {
			if key, err = fileSum(path); err != nil {
				return pipeline.Options{}, usage(fmt.Errorf("%s: approvals.key_file: %w", conf.Path, err), "")
			}
		}
	}
	kept, seal := form(conf), []byte(nil)
	if kept != "" {
		if seal, err = installationKey(); err != nil { // judging goes without
			kept = ""
		}
	}
	options := pipeline.Options{
		Canon:  c.Message,
		Seal:   seal,
		Accept: accept,
		Key:    key,
		Decoder: func(name, sink, settings string) (channel.Decoder, error) {
			p, err := protocol(name)
			if err != nil {
				return nil, fmt.Errorf("decode what sink %s took: %w", sink, err)
			}
			s := thaw(settings)
			if conf != nil && s == nil && conf.Sinks[sink].Channel == name {
				s = conf.Sinks[sink].Settings
			}
			if p.Decode == nil {
				return nil, undecodable(sink)
			}
			d, err := p.Decode(s)
			if err != nil {
				return nil, fmt.Errorf("decode what sink %s took: %w", sink, err)
			}
			return d, nil
		},
		Form:    kept,
		Corpus:  corpus,
		Ordered: ordered,
		Traces:  traces,
	}
	options.Followed = conf != nil && conf.Follow != nil
	if conf == nil || conf.Replies.Compare == config.On {
		options.Asked, options.Host, options.Reply = asked, askedHost, reply
	}
	return options, nil
}

// asked says of which kind a stimulus is; "" of one of a channel that is not known.
func asked(s *gate.Stimulus) string {
	if p, err := protocol(s.Channel); err == nil && p.Asked != nil {
		return p.Asked(s)
	}
	return ""
}

// askedHost says which host a stimulus was sent to; "" of one of a channel that names none.
func askedHost(s *gate.Stimulus) string {
	if p, err := protocol(s.Channel); err == nil && p.Host != nil {
		return p.Host(s)
	}
	return ""
}

// reply reads what was answered to a stimulus of a channel.
func reply(name string, o *gate.Outcome) (gate.Decoded, error) {
	p, err := protocol(name)
	if err != nil {
		return gate.Decoded{}, err
	}
	if p.Reply == nil {
		return gate.Decoded{}, fmt.Errorf("answers of channel %s cannot be read", name)
	}
	return p.Reply(o)
}

// traces gives the ids by which a message may name s as its cause: the trace that
// the HTTP driver gave it, and, of a mail, its own message id, which relays keep.
func traces(s *gate.Stimulus) []string {
	id := http.Trace(s.ID)
	out := []string{id, "traceparent:" + id}
	if s.Channel == smtp.Name {
		if m, err := mail.ReadMessage(bytes.NewReader(s.Body)); err == nil {
			if id := strings.TrimSpace(m.Header.Get("Message-ID")); id != "" {
				out = append(out, "message-id:"+id)
			}
		}
	}
	return out
}

// judged compares the runs of one scenario and asks the checks, and puts what
// they say into the verdict's input.
func (p *program) judged(ctx context.Context, o pipeline.Options, production []string, staging string, in *verdict.Input) error {
	var mu sync.Mutex
	bars := map[string]*bar{}
	o.Progress = func(stage string, done, total uint64) {
		mu.Lock()
		b, ok := bars[stage]
		if !ok {
			for _, other := range bars {
				other.done()
			}
			b = p.bar(stage, total)
			bars[stage] = b
		}
		mu.Unlock()
		b.at(done)
	}
	from, err := provenance(o, append([]string{staging}, production...), in)
	if err != nil {
		return err
	}
	builds(from, in)
	c, gaps, err := pipeline.Compare(ctx, o, production, staging)
	for _, b := range bars {
		b.done()
	}
	if stop := stoppedBy(ctx); stop != nil {
		return stop
	}
	if err != nil {
		return tapeFailure(fmt.Errorf("compare %s with %s: %w", staging, production[0], err))
	}
	weigh := func(c *gate.Comparison, gaps []gate.Gap) {
		found, more := pipeline.Judge(checks.All(), c)
		in.Comparisons = append(in.Comparisons, *c)
		in.Findings = append(in.Findings, found...)
		in.Gaps = append(append(in.Gaps, gaps...), more...)
	}
	if from[1].Content == gate.CorpusTape {
		gaps = once(gaps)
	}
	weigh(c, gaps)
	if replies, gaps, err := p.repliesOf(ctx, o, from, append([]string{staging}, production...), in); err != nil {
		return err
	} else if replies != nil {
		weigh(replies, gaps)
	}
	if !c.Production.Sealed || !c.Staging.Sealed {
		note(in, "the builds were not sealed: what they sent to anything but a sink was not seen")
	}
	if c.Production.Replays < 2 {
		note(in, "production was replayed once: what differs from one replay to the next was not told from what the release changes")
	}
	return nil
}

// repliesOf compares what the builds answered, where both were replayed and the corpus is known;
// where they were not, or it is not, the verdict's input says so.
func (p *program) repliesOf(ctx context.Context, o pipeline.Options, from []gate.Header, runs []string, in *verdict.Input) (*gate.Comparison, []gate.Gap, error) {
	switch {
	case o.Reply == nil: // which is said where the configuration is read
		return nil, nil, nil
	case slices.ContainsFunc(from, func(h gate.Header) bool { return h.Content != gate.RunTape }):
		note(in, "what the builds answered was not compared: a corpus does not hold what was answered when it was recorded")
		return nil, nil, nil
	case o.Corpus == "":
		note(in, "what the builds answered was not compared: who asked stands in the corpus, which --config names")
		return nil, nil, nil
	}
	staging, production := runs[0], runs[1:]
	o.Progress = nil
	c, gaps, err := pipeline.CompareReplies(ctx, o, production, staging)
	if stop := stoppedBy(ctx); stop != nil {
		return nil, nil, stop
	}
	if err != nil {
		return nil, nil, tapeFailure(fmt.Errorf("compare the answers of %s with those of %s: %w", staging, production[0], err))
	}
	return c, gaps, nil
}

// note puts a note into the verdict's input, once.
func note(in *verdict.Input, text string) {
	for _, n := range in.Notes {
		if n == text {
			return
		}
	}
	in.Notes = append(in.Notes, text)
}

// failed is the verdict of a run that err ended: undecided, or worse.
func failed(err error, in *verdict.Input) gate.Verdict {
	f := &failure{code: gate.ExitUndecided}
	errors.As(err, &f)
	in.Reasons = append(in.Reasons, gate.Reason{Code: f.code, Text: firstLine(err.Error())})
	return verdict.Decide(*in)
}

// drillSample is how many messages of production a misdelivery is planted among.
const drillSample = 200

// proveEyes plants a misdelivery in a copy of what production sent, and puts what
// saw it into the verdict's input, or why nothing did.
func proveEyes(ctx context.Context, o pipeline.Options, production string, seed uint64, in *verdict.Input) error {
	o.Progress, o.Corpus = nil, ""
	sample, err := pipeline.Sample(ctx, o, production, drillSample)
	if err != nil {
		return tapeFailure(fmt.Errorf("drill: read a sample of %s: %w", production, err))
	}
	judge := func(production [][]gate.Canonical, staging []gate.Canonical) ([]gate.Finding, error) {
		c, _, err := pipeline.CompareMessages(ctx, o, production, staging)
		if err != nil {
			return nil, err
		}
		found, gaps := pipeline.Judge(checks.All(), c)
		if len(gaps) > 0 {
			return nil, fmt.Errorf("%s could not judge: %s", gaps[0].Where, gaps[0].Detail)
		}
		return found, nil
	}
	proof, err := drill.Prove(seed, sample, judge)
	var classes drill.Classes
	if err == nil {
		classes, err = drill.ProveClasses(seed, sample, judge)
	}
	if stop := stoppedBy(ctx); stop != nil {
		return stop
	}
	if err != nil {
		in.Blind = fmt.Sprintf("%v (seed %d)", err, seed)
		return nil
	}
	for _, class := range classes.Blind() {
		in.Gaps = append(in.Gaps, gate.Gap{Kind: gate.GapBlind, Where: "drill", Detail: fmt.Sprintf("%s (seed %d)", class, seed)})
	}
	for _, missed := range classes.Missed() {
		note(in, fmt.Sprintf("drill: %s (seed %d)", missed, seed))
	}
	in.Drill = proof.String() + classes.String()
	return nil
}
