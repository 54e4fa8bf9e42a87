package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/answered"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// An attestation holds the runs of one scenario to the corpus: each stimulus was sent, and
// answered in the class of status that was recorded, and production sent messages of each class
// that was recorded. conf may be nil: then runs are held to each other.
type attestation struct {
	conf       *config.Config
	options    pipeline.Options
	production []string
	staging    string
}

// into puts what does not hold into the verdict's input.
func (a attestation) into(ctx context.Context, in *verdict.Input) error {
	r, err := a.answers(in)
	if err != nil {
		return err
	}
	return a.reenacted(ctx, &r, in)
}

// answers returns what became of the stimuli; answers that are not what was recorded are in it,
// most first, whether they are accepted or not.
func (a attestation) answers(in *verdict.Input) (answered.Result, error) {
	conf, keys, corpus, production, staging := a.conf, a.options.Keys, a.options.Corpus, a.production, a.staging
	headers := make([]gate.Header, 0, len(production)+1)
	for _, path := range append(slices.Clone(production), staging) {
		r, err := keys.Open(path)
		if err != nil {
			return answered.Result{}, tapeFailure(err)
		}
		headers = append(headers, r.Header())
		if err := r.Close(); err != nil {
			return answered.Result{}, tapeFailure(err)
		}
	}
	runs := answered.Runs{Keys: keys, Corpus: corpus, Staging: staging}
	for i, path := range production {
		if headers[i].Content == gate.RunTape {
			runs.Production = append(runs.Production, path)
		}
	}
	last := headers[len(headers)-1]
	if last.Content != gate.RunTape || last.Shard != "" { // what a shard alone is of is told by comparing it
		return answered.Result{}, nil
	}
	accepted := 0.0
	if conf != nil {
		accepted = conf.Replay.MaxFailed
		if conf.Replies.Compare == config.Off {
			note(in, "what the builds answered was not compared: "+conf.Replies.Reason)
		}
		for i := range conf.Scenarios {
			if s := &conf.Scenarios[i]; s.Name == last.Scenario {
				runs.Outage, runs.Jobs = s.Kind == config.Outage, s.Kind == config.Alone
			}
		}
	}
	r, err := answered.Hold(runs)
	if err != nil {
		return answered.Result{}, tapeFailure(fmt.Errorf("hold runs to the corpus: %w", err))
	}
	in.Gaps = append(in.Gaps, r.Absent...)
	if r.Other > 0 && r.Share() <= accepted {
		note(in, fmt.Sprintf("scenario %s: %d of %d stimuli were answered otherwise than recorded, which [replay] max_failed accepts; the first: %s: %s",
			last.Scenario, r.Other, r.Stimuli, r.Answers[0].Where, r.Answers[0].Detail))
		return r, nil
	}
	in.Gaps = append(in.Gaps, r.Answers...)
	return r, nil
}
