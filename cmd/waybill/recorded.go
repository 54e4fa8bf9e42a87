package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/corpus"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// reenacted holds the first replay of production to what production sent when the corpus was
// recorded, class by class: a class of messages that was recorded and that no replay shows was
// not judged, whatever else was. Which messages a class lacks besides is noted.
//
// It asks nothing where the corpus holds no messages, where production was not replayed, and of
// scenarios in which production cannot send what it once did.
func (a attestation) reenacted(ctx context.Context, answers []gate.Gap, in *verdict.Input) error {
	o := a.options
	if o.Corpus == "" || len(a.production) == 0 {
		return nil
	}
	recorded, header, err := pipeline.Classes(ctx, o, o.Corpus)
	if err != nil {
		return tapeFailure(fmt.Errorf("count the messages of %s: %w", o.Corpus, err))
	}
	if len(recorded) == 0 {
		return nil
	}
	replayed, run, err := pipeline.Classes(ctx, o, a.production[0])
	if err != nil {
		return tapeFailure(fmt.Errorf("count the messages of %s: %w", a.production[0], err))
	}
	if run.Content != gate.RunTape || run.Shard != "" || scenarioKind(a.conf, run.Scenario) != config.Steady {
		return nil
	}
	why, partly := because(answers), partOf(&header)
	for _, row := range pipeline.Beside(recorded, replayed) {
		text := fmt.Sprintf("recorded %d, replayed %d%s", row.Recorded, row.Replayed, why)
		switch reason, accepted := allowed(a.conf, row); {
		case accepted:
			note(in, fmt.Sprintf("scenario %s: class %s: %s; [[replay.allow]] accepts that: %s", run.Scenario, row.Class, text, reason))
		case row.Replayed == 0 && !partly:
			in.Gaps = append(in.Gaps, gate.Gap{Kind: gate.GapNotReproduced, Where: row.Class, Detail: text, Count: row.Recorded})
		case row.Replayed < row.Recorded:
			note(in, fmt.Sprintf("scenario %s: class %s: %s", run.Scenario, row.Class, text))
		}
	}
	return nil
}

// partOf reports whether a corpus holds messages of stimuli that it does not hold: some were
// left out when it was recorded, or taken from another corpus.
func partOf(h *gate.Header) bool {
	if h.Made["sample"] != "" || h.Made["messages"] != "" {
		return true
	}
	derived := h.Made[corpus.MadeDerived]
	return strings.Contains(derived, "sample") || strings.Contains(derived, "split") || strings.Contains(derived, "prune")
}

func scenarioKind(conf *config.Config, name string) config.ScenarioKind {
	if conf != nil {
		for i := range conf.Scenarios {
			if conf.Scenarios[i].Name == name {
				return conf.Scenarios[i].Kind
			}
		}
	}
	return config.Steady
}

// allowed gives the reason for which a configuration accepts that a class lacks as many messages
// as it does.
func allowed(conf *config.Config, row pipeline.ClassCount) (reason string, accepted bool) {
	if conf == nil || row.Replayed >= row.Recorded {
		return "", false
	}
	for _, a := range conf.Replay.Allow {
		if a.Class == row.Class && row.Recorded-row.Replayed <= a.Messages {
			return a.Reason, true
		}
	}
	return "", false
}

// because says how answers differ from those that were recorded, as the likely cause; answers
// stand most first.
func because(answers []gate.Gap) string {
	for _, g := range answers {
		_, said, _ := strings.Cut(g.Detail, " answered ")
		status, rest, other := strings.Cut(said, ", recorded ")
		if was, _, _ := strings.Cut(rest, ":"); other {
			return fmt.Sprintf(", because %d stimuli were answered %s where %s was recorded", max(g.Count, 1), status, was)
		}
	}
	return ""
}
