// Package pipeline tells the story of a comparison once: canonical form, cancel,
// pair, state what differs, find whose facts moved, ask the checks. It names no
// check and no protocol; both are handed to it.
//
//	scan      every message of a run to deliveries, every delivery to a digest
//	cancel    what both runs deliver alike goes, with multiplicity
//	residue   only what is left is loaded again
//	noise     what differs between replays of production is measured
//	pair      the residue, strongest evidence first
//	state     edits, grouped over messages
//	owners    production is asked for the facts of the residue alone: by an index
//	          that was made in its scan, or in one more pass
//
// Memory beyond one pass is a digest and a position for each delivery, and of the
// residue what is stated of it: its texts are on disk where they are many. Results
// do not depend on the order of messages, on how many workers there are, or on how a
// tape was cut into frames.
package pipeline

import (
	"context"
	"fmt"
	"hash/maphash"
	"runtime"
	"slices"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/tape"
)

// Options are what a comparison needs besides runs.
type Options struct {
	// Decoder gives the decoder of what one sink took. settings are the sink's
	// own, as the header of the tape holds them: JSON, or "" for none.
	Decoder func(channel, sink, settings string) (channel.Decoder, error)

	// Canon makes a decoded message canonical. It must be pure.
	Canon func(*gate.Message, *gate.Decoded, gate.Ref) gate.Canonical

	// Asked says of which kind a stimulus is, and Reply reads what was answered to one on a
	// channel: nil, where answers are not compared.
	// Host says which host a stimulus was sent to, as its sender names it; nil: none is known.
	Asked func(*gate.Stimulus) string
	Host  func(*gate.Stimulus) string
	Reply func(channel string, o *gate.Outcome) (gate.Decoded, error)

	// Form names all that canonical forms depend on besides the tape and the corpus:
	// the version of the program, its masks, settings of sinks that are not on the
	// tape. Where it is set, what a scan of a run found is kept beside its tape, and
	// used instead of a scan while nothing of it has changed: see [KeepDigests].
	// Empty: nothing is kept, and nothing that was kept is used.
	Form string

	// Seal is the key under which what is kept is sealed: it belongs to this installation, and
	// stands where no build can read it.
	Seal []byte

	// Corpus is the tape whose stimuli are asked whose facts reached an outside
	// party. Empty: they are not asked.
	Corpus string

	// Traces gives the ids that a message may carry when s caused it, in the forms
	// of [gate.Canonical] Traces. nil: causes are not known.
	Traces func(s *gate.Stimulus) []string

	// Followed says that runs hold answers to links that were asked for: see [gate.Ask].
	Followed bool

	// Ordered names the sinks at which the order of one recipient's messages matters.
	Ordered []string

	// Accept gives, by class, the reason why content that varies and cannot be read is
	// accepted there: it is a blind spot then, and no gap.
	Accept map[string]string

	// Key is what digests of content and meaning are keyed with: without it nobody can tell by
	// trying whose facts a fingerprint is of. It may be empty.
	Key []byte

	// Keys read the tapes that are encrypted. Of these nothing is kept.
	Keys tape.Keys

	// Workers is how many goroutines decode; 0 is one for each processor.
	Workers int

	replies   bool       // answers are compared, see [CompareReplies]
	sent      side       // what production sent, where answers are compared
	drawn     *bool      // set where values of production are drawn, and asked nothing else, see [Settled]; or nil
	revealing *revealing // set while runs are compared, once it is known

	// Progress is told how far a stage is; total is 0 where it is not known. nil: nobody is told.
	Progress func(stage string, done, total uint64)
}

func (o *Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Compare compares the run on tape staging with the run on tape production[0].
// Further tapes of production are replays of the same build and measure noise. A
// corpus tape with recorded messages may stand for production.
//
// Gaps are what of either run was not seen, or not seen whole. An error means
// that there is no comparison: a tape that cannot be opened, or ctx.
func Compare(ctx context.Context, o Options, production []string, staging string) (*gate.Comparison, []gate.Gap, error) {
	if len(production) == 0 {
		return nil, nil, fmt.Errorf("compare with %s: no run of production was given", staging)
	}
	again := make([]side, 0, len(production)-1)
	for _, path := range production[1:] {
		again = append(again, &tapeSide{path: path, o: &o})
	}
	return compare(ctx, &o, &tapeSide{path: production[0], o: &o}, again, &tapeSide{path: staging, o: &o})
}

// CompareMessages compares messages that are in memory, as [Compare] does tapes.
func CompareMessages(ctx context.Context, o Options, production [][]gate.Canonical, staging []gate.Canonical) (*gate.Comparison, []gate.Gap, error) {
	if len(production) == 0 {
		return nil, nil, fmt.Errorf("compare messages: no run of production was given")
	}
	again := make([]side, 0, len(production)-1)
	for _, m := range production[1:] {
		again = append(again, memorySide{m, &o})
	}
	return compare(ctx, &o, memorySide{production[0], &o}, again, memorySide{staging, &o})
}

func compare(ctx context.Context, o *Options, production side, again []side, staging side) (*gate.Comparison, []gate.Gap, error) {
	runs := newRuns(ctx, o, slices.Concat([]side{production}, again, []side{staging}))
	defer runs.close()
	p, err := runs.scan(ctx, 0, "production")
	if err != nil {
		return nil, nil, err
	}
	gaps := misplaced(p, gate.Production)
	var replays []*scanned
	for i := range again {
		r, err := runs.scan(ctx, 1+i, fmt.Sprintf("production again (%d)", i+2))
		if err != nil {
			return nil, nil, err
		}
		gaps = append(gaps, of("production again", r.gaps)...)
		gaps = append(gaps, misplaced(r, gate.Production)...)
		gaps = append(gaps, mismatch(p, r, "two replays of production")...)
		replays = append(replays, r)
	}
	s, err := runs.scan(ctx, 1+len(again), "staging")
	if err != nil {
		return nil, nil, err
	}
	gaps = append(gaps, of("production", p.gaps)...)
	gaps = append(gaps, of("staging", s.gaps)...)
	gaps = append(gaps, misplaced(s, gate.Staging)...)
	gaps = append(gaps, mismatch(p, s, "production and staging")...)
	gaps = append(gaps, otherStates(p, replays, s)...)
	if o.revealing, err = revealed(ctx, runs, p, replays, s); err != nil {
		return nil, nil, err
	}
	if o.revealing != nil {
		for i, r := range slices.Concat([]**scanned{&p}, pointers(replays), []**scanned{&s}) {
			if *r, err = runs.again(ctx, i, "what is hidden"); err != nil {
				return nil, nil, err
			}
		}
	}
	n := newNoise()
	if err := n.measure(ctx, p, replays); err != nil {
		return nil, nil, err
	}
	c := &comparer{o: o, p: p, s: s, seed: maphash.MakeSeed(), stimuli: runs.causes, noise: n, Comparison: gate.Comparison{
		Scenario: p.header.Scenario, Production: p.facts, Staging: s.facts,
	}}
	if c.Scenario == "" {
		c.Scenario = s.header.Scenario
	}
	c.Production.Role, c.Staging.Role = gate.Production, gate.Staging
	c.Production.Replays = 1 + len(again)
	for _, r := range replays {
		c.Production.State = c.Production.State.Longest(r.facts.State)
	}
	c.replays = replays
	gaps = c.limits(gaps)
	if o.drawn != nil {
		for _, p := range n.pools {
			*o.drawn = *o.drawn || p.unsettled()
		}
		return &c.Comparison, nil, nil
	}
	if err := c.compare(ctx); err != nil {
		return nil, nil, err
	}
	return &c.Comparison, append(gaps, c.gaps.list...), nil
}

// pointers gives where the elements of a list stand.
func pointers[T any](list []T) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	return out
}

// of says which run gaps are of.
func of(run string, gaps []gate.Gap) []gate.Gap {
	for i := range gaps {
		gaps[i].Where = run + ": " + gaps[i].Where
	}
	return gaps
}

// misplaced says that a run was given as one of role, and is not: production held
// against itself would pass whatever staging does. It says too that a run is one
// shard of a replay: what the others sent is not in it.
func misplaced(r *scanned, role gate.Role) []gate.Gap {
	if r.header.Shard != "" {
		return []gate.Gap{{Kind: gate.GapRunMismatch, Where: r.facts.Tape, Detail: "it is shard " + r.header.Shard + " of a replay: put all shards together first"}}
	}
	if r.header.Content != gate.RunTape || r.header.Role == role {
		return nil
	}
	detail := fmt.Sprintf("it was given as a run of %s, and says that it is one of %s", role, r.header.Role)
	if r.header.Role == "" {
		detail = fmt.Sprintf("it was given as a run of %s, and does not say of which build it is one", role)
	}
	return []gate.Gap{{Kind: gate.GapRunMismatch, Where: r.facts.Tape, Detail: detail}}
}

// mismatch says that two runs are not of one corpus or scenario.
func mismatch(p, s *scanned, what string) []gate.Gap {
	detail := ""
	switch {
	case p.header.Content == gate.CorpusTape:
		if s.header.Corpus != "" && p.digest != "" && s.header.Corpus != p.digest {
			detail = "the run did not replay the corpus that it is compared with"
		}
	case p.header.Corpus != s.header.Corpus:
		detail = "they replayed different corpora"
	case p.header.Scenario != s.header.Scenario:
		detail = fmt.Sprintf("they are of different scenarios, %q and %q", p.header.Scenario, s.header.Scenario)
	}
	if detail == "" {
		return nil
	}
	return []gate.Gap{{Kind: gate.GapRunMismatch, Where: what, Detail: detail}}
}
