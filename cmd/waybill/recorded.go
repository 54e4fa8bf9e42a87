package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/answered"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/corpus"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// reenacted holds the first replay of production to what production sent when the corpus was
// recorded, class by class: messages of a class that were recorded and that the replay does not
// show were not judged, whatever else was. That is a gap, unless [[replay.allow]] accepts it.
//
// It asks nothing where the corpus holds no messages, where production was not replayed, and of
// scenarios in which production cannot send what it once did. Of a corpus that holds messages of more
// stimuli than it has, a shortfall is noted.
func (a attestation) reenacted(ctx context.Context, r *answered.Result, in *verdict.Input) error {
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
	table := gate.Reenacted{Scenario: run.Scenario, Answers: r.Classes}
	why, partly := because(r.Answers, in.Gaps), partOf(&header)
	for _, row := range pipeline.Beside(recorded, replayed) {
		class := gate.ReenactedClass{Channel: row.Channel, Sink: row.Sink, Class: row.Class, Recorded: row.Recorded, Replayed: row.Replayed}
		if row.Replayed < row.Recorded {
			class.Reason = why
			text := fmt.Sprintf("recorded %d, replayed %d", row.Recorded, row.Replayed)
			if why != "" {
				text += ", " + why
			}
			switch reason, accepted := allowed(a.conf, row); {
			case accepted:
				class.Allowed = reason
				note(in, fmt.Sprintf("scenario %s: class %s: %s; [[replay.allow]] accepts that: %s", run.Scenario, row.Class, text, reason))
			case partly:
				note(in, fmt.Sprintf("scenario %s: class %s: %s", run.Scenario, row.Class, text))
			default:
				in.Gaps = append(in.Gaps, gate.Gap{Kind: gate.GapNotReproduced, Where: row.Class, Detail: text, Count: row.Recorded - row.Replayed})
			}
		}
		table.Sent = append(table.Sent, class)
	}
	in.Recorded = append(in.Recorded, table)
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

// because says what is the likely cause of a shortfall: answers that differ from those that
// were recorded, which stand most first, else values that were not bound.
func because(answers, gaps []gate.Gap) string {
	for _, g := range answers {
		_, said, _ := strings.Cut(g.Detail, " answered ")
		status, rest, other := strings.Cut(said, ", recorded ")
		if was, _, _ := strings.Cut(rest, ":"); other {
			return fmt.Sprintf("because %d stimuli were answered %s where %s was recorded", max(g.Count, 1), status, was)
		}
	}
	unbound := uint64(0)
	for _, g := range gaps {
		if g.Kind == gate.GapNotBound {
			unbound += max(g.Count, 1)
		}
	}
	if unbound > 0 {
		return fmt.Sprintf("because %d values were not bound", unbound)
	}
	return ""
}
