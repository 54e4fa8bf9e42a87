package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/shard"
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// replayShard replays one shard of the corpus to both builds, as the gate would, and
// leaves the folder out with its runs and what they are of.
func (p *program) replayShard(c *cli.Context, conf *config.Config, of shard.Of, out string) (err error) {
	for _, flag := range []string{"role", "scenario"} {
		if c.IsSet(flag) {
			return usage(fmt.Errorf("replay: --shard replays every scenario to both builds, and --%s asks for less", flag), "leave one of the two out")
		}
	}
	m := &shard.Manifest{Schema: gate.Schema, Version: version(), Shard: of, Builds: map[string]string{}}
	if err := m.Begin(out); err != nil {
		return usage(err, "give another folder to --out")
	}
	s, err := p.openSession(c.Context, conf, sessionOptions{concurrency: c.Int("concurrency"), keepState: c.Bool("keep-state"), folder: out})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := shard.Clear(out); err != nil { // now that nobody else is at work there
		return undecided(err, "")
	}
	if err := s.only(of); err != nil {
		return err
	}
	part := s.part
	if s.total() == 0 {
		return usage(fmt.Errorf("replay: shard %s has no stimuli: the corpus has fewer sessions than that", of), "replay it in fewer shards")
	}
	in := &verdict.Input{}
	if err := p.made(c, in, conf.Path, ""); err != nil {
		return err
	}
	m.Corpus, m.Total, m.Stimuli, m.Config, m.Commit = s.corpus.Digest, s.corpus.Stimuli, s.total(), in.Made.Config, in.Made.Commit
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		if made, ok := s.made[role]; ok {
			m.Made = append(m.Made, made)
			m.Builds[string(role)] = conf.Build(role).Name
		}
	}
	s.runs = out
	for _, scenario := range conf.Scenarios {
		whole := of.Total > 1 && joins(conf, &scenario)
		if s.part = part; whole {
			if s.part = nil; of.Number > 1 {
				continue
			}
		}
		production, staging, err := s.both(c.Context, scenario)
		if err != nil {
			return err
		}
		if err := s.unchanged(append(production, staging)...); err != nil {
			return err
		}
		for _, role := range []gate.Role{gate.Production, gate.Staging} {
			n := 1
			switch {
			case role == gate.Production && conf.Baseline == config.Recorded:
				continue
			case role == gate.Production:
				n = conf.Replay.Replays.Count
			}
			for i := range n {
				path := s.runPath(scenario.Name, role, i+1)
				digest, err := s.keys.Digest(path)
				if err != nil {
					return tapeFailure(err)
				}
				m.Runs = append(m.Runs, shard.Run{File: filepath.Base(path), Scenario: scenario.Name, Role: role, Replay: i + 1, Digest: digest, Whole: whole})
			}
		}
	}
	if err := m.Write(out); err != nil {
		return undecided(err, "")
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %s: shard %s, %d of %d stimuli, %d runs; put all shards together by waybill merge\n", printable(out), of, m.Stimuli, m.Total, len(m.Runs))
	return err
}

// joins reports whether what a scenario makes a build send can depend on more than one
// session: what jobs find piled up, what an outage held back, what is to be in order, what the configuration says. It is
// replayed whole, and by one shard.
func joins(conf *config.Config, s *config.Scenario) bool {
	for _, sink := range conf.Sinks {
		if sink.Ordered {
			return true
		}
	}
	return s.Kind != config.Steady || len(s.Jobs) > 0 || s.Whole
}

// only makes the session replay one shard.
func (s *session) only(of shard.Of) error {
	r, err := s.keys.Open(s.conf.Corpus.Path)
	if err != nil {
		return tapeFailure(fmt.Errorf("open the corpus: %w", err))
	}
	defer r.Close()
	a, err := shard.Assign(of, stimuli(r))
	if err != nil {
		return tapeFailure(fmt.Errorf("read the corpus: %w", err))
	}
	s.shard, s.part = of, a
	return nil
}

func (p *program) mergeVerb() *cli.Command {
	return &cli.Command{
		Name:      "merge",
		Usage:     "put the runs of all shards together, to be judged as one replay",
		UsageText: "waybill merge --out FOLDER [--config CONFIG] SHARD...",
		Description: "SHARD is a folder that waybill replay --shard left. All of them are needed, each once, of one corpus, configuration,\n" +
			"version and pair of builds: whatever does not fit is told, and nothing can be judged then.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "make `FOLDER`, which must not be there yet"},
			&cli.StringFlag{Name: "config", Usage: "`CONFIG` that says how runs are encrypted"},
			identitiesFlag(),
		},
		Action: func(c *cli.Context) error {
			out := c.String("out")
			if out == "" {
				return usage(errors.New("merge: --out is not given: where to put the runs"), "usage: "+c.Command.UsageText)
			}
			var conf *config.Config
			var o tape.Options
			if path := c.String("config"); path != "" {
				var err error
				if conf, err = loadConfig(path); err != nil {
					return err
				}
				o.Recipients = conf.Encryption.Recipients
			}
			keys, err := p.keys(conf, c.String("identities"))
			if err != nil {
				return err
			}
			m, err := shard.Merge(c.Args().Slice(), out, keys, o)
			var wrong *shard.MismatchError
			switch {
			case errors.As(err, &wrong):
				return undecided(fmt.Errorf("merge: %w", err), "replay what is missing or differs again")
			case err != nil:
				return tapeFailure(fmt.Errorf("merge: %w", err))
			}
			_, err = fmt.Fprintf(p.stdout, "wrote %s: %d stimuli of %d shards, %d runs; judge them by waybill judge --config CONFIG %s\n",
				printable(out), m.Stimuli, c.NArg(), len(m.Runs), printable(out))
			return err
		},
	}
}

// judgeFolder judges every scenario of the runs in a folder that merge made, as the
// gate judges those that it replayed itself.
func (p *program) judgeFolder(c *cli.Context, conf *config.Config, folder string, in *verdict.Input, o report.Options) error {
	if conf == nil {
		return usage(fmt.Errorf("judge: %s is a folder, and what its runs were made with is not given", folder), "give --config CONFIG")
	}
	if len(c.StringSlice("again")) > 0 {
		return usage(errors.New("judge: --again is of runs given one by one: a folder says itself which are of production again"), "")
	}
	m, err := shard.ReadManifest(folder)
	var wrong *shard.MismatchError
	switch {
	case errors.As(err, &wrong):
		return undecided(fmt.Errorf("judge: %w", err), "waybill merge makes such a folder")
	case err != nil:
		return undecided(err, "")
	case m.Shard.Total != 1:
		return undecided(fmt.Errorf("judge: %s is shard %s alone", folder, m.Shard), "put all shards together with waybill merge")
	}
	keys, err := p.keys(conf, c.String("identities"))
	if err != nil {
		return err
	}
	corpus, err := keys.Digest(conf.Corpus.Path)
	if err != nil {
		return tapeFailure(fmt.Errorf("open the corpus: %w", err))
	}
	for _, same := range []struct{ what, runs, now string }{
		{"configuration", m.Config, in.Made.Config}, {"corpus", m.Corpus, corpus}, {"commit", m.Commit, in.Made.Commit}, {"version of waybill", m.Version, version()},
	} {
		if same.runs != same.now {
			return usage(fmt.Errorf("judge: the runs in %s are of another %s: %q, and it is %q", folder, same.what, same.runs, same.now), "judge them with what they were replayed with")
		}
	}
	in.Corpus, in.Made.Stimuli, in.Made.Shards = m.Corpus, m.Total, m.Shards
	if m.Shards > 1 && slices.ContainsFunc(m.Runs, func(r shard.Run) bool { return !r.Whole }) {
		note(in, "sessions of two shards never met: what one does for the people of another was not judged, but in scenarios that are replayed whole (whole = true)")
	}
	options, err := comparing(conf, conf.Corpus.Path)
	if err != nil {
		return err
	}
	options.Keys = keys
	if _, err := provenance(options, []string{conf.Corpus.Path}, in); err != nil {
		return err
	}
	for _, scenario := range conf.Scenarios {
		production, staging, err := runsOf(conf, m, scenario.Name, folder, keys)
		if err != nil {
			return err
		}
		if err := p.judgedAndProved(c, attestation{conf, options, production, staging}, in); err != nil {
			return err
		}
	}
	return p.conclude(c, verdict.Decide(*in), places{verdict: c.String("json"), config: c.String("config")}, o)
}

// runsOf are the tapes of one scenario in a folder: all that the configuration asks
// for, and the very ones that the manifest names.
func runsOf(conf *config.Config, m *shard.Manifest, scenario, folder string, keys tape.Keys) (production []string, staging string, err error) {
	path := func(role gate.Role, n int) (string, error) {
		i := slices.IndexFunc(m.Runs, func(r shard.Run) bool { return r.Scenario == scenario && r.Role == role && r.Replay == n })
		if i < 0 {
			return "", undecided(fmt.Errorf("judge: %s has no run of %s, scenario %s, replay %d", folder, role, scenario, n), "replay it again")
		}
		path := filepath.Join(folder, m.Runs[i].File)
		digest, err := keys.Digest(path)
		if err != nil {
			return "", tapeFailure(err)
		}
		if digest != m.Runs[i].Digest {
			return "", usage(fmt.Errorf("judge: %s has the digest %s, and its manifest says %s", path, digest, m.Runs[i].Digest), "")
		}
		return path, nil
	}
	if staging, err = path(gate.Staging, 1); err != nil {
		return nil, "", err
	}
	if conf.Baseline == config.Recorded {
		return []string{conf.Corpus.Path}, staging, nil
	}
	for n := range conf.Replay.Replays.Count {
		p, err := path(gate.Production, n+1)
		if err != nil {
			return nil, "", err
		}
		production = append(production, p)
	}
	return production, staging, nil
}
