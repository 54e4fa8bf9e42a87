package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func (p *program) judgeVerb() *cli.Command {
	return &cli.Command{
		Name:      "judge",
		Usage:     "judge two runs that are there already; no build is started",
		UsageText: "waybill judge [--again RUN]... [--config CONFIG] PRODUCTION STAGING\nwaybill judge --config CONFIG FOLDER\nwaybill judge [DIR|CONFIG]",
		Description: "FOLDER is one that waybill merge made. With DIR or CONFIG, the default being ., the runs that the last gate left are judged again, as\n" +
			"after an approval: nothing is replayed",
		Flags: append([]cli.Flag{
			&cli.StringSliceFlag{Name: "again", Usage: "`RUN` of production again, to measure what differs by itself"},
			&cli.StringFlag{Name: "config", Usage: "take masks, approvals and the corpus from `CONFIG`"},
			&cli.StringFlag{Name: "json", Usage: "write the verdict to `FILE`"},
			reviewsFlag(),
			&cli.BoolFlag{Name: "report-only", Usage: "exit with 0 where the release is blocked, and only there"},
			identitiesFlag(), commitFlag(), seedFlag(), sameBuildFlag(), baseFlag(),
		}, reportFlags()...),
		Action: p.judge,
	}
}

func (p *program) judge(c *cli.Context) error {
	if err := arguments(c, 0, 2); err != nil {
		return err
	}
	left := c.NArg() == 0 || c.NArg() == 1 && !c.IsSet("config") && hasConfig(c.Args().First())
	if left {
		if err := c.Set("config", cmp.Or(c.Args().First(), c.String("config"), ".")); err != nil {
			return err
		}
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	if err := forgetVerdict(c.String("json")); err != nil {
		return err
	}
	in := &verdict.Input{Now: time.Now()}
	var conf *config.Config
	if path := c.String("config"); path != "" {
		if conf, err = loadConfig(path); err != nil {
			return err
		}
		if in.Approvals, err = verdict.LoadApprovals(conf.Approvals.Path, verdict.Limits{Now: in.Now, MaxDays: conf.Approvals.MaxDays}); err != nil {
			return usage(err, "")
		}
		if err := withPeople(&o, conf); err != nil {
			return err
		}
	}
	policy(c, conf, in)
	where := config.Config{}
	if conf != nil {
		where = *conf
	}
	if err := p.made(c, in, where.Path, where.Approvals.Path); err != nil {
		return err
	}
	if err := p.settings(c, conf, in); err != nil {
		return err
	}
	if err := p.weighApprovals(c, conf, in); err != nil {
		return err
	}
	if left {
		return p.judgeLeft(c, conf, in, o)
	}
	if c.NArg() == 1 {
		if info, err := os.Stat(c.Args().First()); err != nil || !info.IsDir() {
			return usage(fmt.Errorf("judge: %s alone is no folder with runs", c.Args().First()), "usage: "+c.Command.UsageText)
		}
		return p.judgeFolder(c, conf, c.Args().First(), in, o)
	}
	return p.judgePair(c, conf, in, o)
}

// judgePair judges runs that are given one by one.
func (p *program) judgePair(c *cli.Context, conf *config.Config, in *verdict.Input, o report.Options) error {
	corpus := ""
	if conf != nil {
		corpus = conf.Corpus.Path
	}
	staging := c.Args().Get(1)
	production := append([]string{c.Args().Get(0)}, c.StringSlice("again")...)
	if err := distinct(append([]string{staging}, production...)); err != nil {
		return err
	}
	keys, err := p.keys(conf, c.String("identities"))
	if err != nil {
		return err
	}
	if in.Corpus, err = replayedBy(keys, staging); err != nil {
		return err
	}
	if corpus != "" {
		digest, err := keys.Digest(corpus)
		if err != nil {
			return tapeFailure(fmt.Errorf("open the corpus: %w", err))
		}
		if digest != in.Corpus {
			return usage(fmt.Errorf("the run %s is not of the corpus %s: it replayed %s, and the corpus is %s", staging, corpus, in.Corpus, digest),
				"give the configuration that the run was made with")
		}
	}
	options, err := comparing(conf, corpus)
	if err != nil {
		return err
	}
	options.Keys = keys
	if corpus != "" {
		if _, err := provenance(options, []string{corpus}, in); err != nil {
			return err
		}
	}
	if err := (attestation{conf, options, production, staging}).into(c.Context, in); err != nil {
		return err
	}
	return p.weigh(c, options, production, staging, in, o)
}

// judgeLeft judges the runs that the last gate of a configuration left.
func (p *program) judgeLeft(c *cli.Context, conf *config.Config, in *verdict.Input, o report.Options) error {
	if len(c.StringSlice("again")) > 0 {
		return usage(errors.New("judge: --again is of runs given one by one: what the gate left says itself which are of production again"), "")
	}
	s := &session{conf: conf, folder: conf.Folder()}
	keys, err := p.keys(conf, c.String("identities"))
	if err != nil {
		return err
	}
	if in.Corpus, err = keys.Digest(conf.Corpus.Path); err != nil {
		return tapeFailure(fmt.Errorf("open the corpus: %w", err))
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
		production, staging, err := s.left(scenario.Name)
		if err != nil {
			return err
		}
		for _, run := range append(production[:len(production):len(production)], staging) {
			digest, err := replayedBy(keys, run)
			if err != nil {
				return err
			}
			if run != conf.Corpus.Path && digest != in.Corpus {
				return usage(fmt.Errorf("judge: the run %s is not of the corpus %s: it replayed %s, and the corpus is %s", run, conf.Corpus.Path, digest, in.Corpus), "run the gate again")
			}
		}
		if err := p.judgedAndProved(c, attestation{conf, options, production, staging}, in); err != nil {
			return err
		}
	}
	return p.conclude(c, verdict.Decide(*in), places{verdict: c.String("json"), config: c.String("config")}, o)
}

// judgedAndProved judges the runs of one scenario of a configuration, holds them to their corpus, and
// shows once that what is judged would have shown a fault.
func (p *program) judgedAndProved(c *cli.Context, a attestation, in *verdict.Input) error {
	if err := p.judged(c.Context, a.options, a.production, a.staging, in); err != nil {
		return err
	}
	if err := a.into(c.Context, in); err != nil {
		return err
	}
	if in.Drill != "" {
		return nil
	}
	return proveEyes(c.Context, a.options, a.production[0], c.Uint64("seed"), in)
}

// left returns the runs of one scenario that the last gate left: all that the configuration asks for.
func (s *session) left(scenario string) (production []string, staging string, err error) {
	missing := func(path string) error {
		return usage(fmt.Errorf("judge: the gate left no run %s", path), "run waybill gate first")
	}
	if staging = s.runPath(scenario, gate.Staging, 1); !present(staging) {
		return nil, "", missing(staging)
	}
	if s.conf.Baseline == config.Recorded {
		return []string{s.conf.Corpus.Path}, staging, nil
	}
	for n := 1; ; n++ {
		path := s.runPath(scenario, gate.Production, n)
		switch {
		case present(path):
			production = append(production, path)
		case n <= s.conf.Replay.Replays.Count:
			return nil, "", missing(path)
		default:
			return production, staging, nil
		}
	}
}

func present(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// replayedBy is the digest of the corpus that a run replayed.
func replayedBy(keys tape.Keys, run string) (string, error) {
	r, err := keys.Open(run)
	if err != nil {
		return "", tapeFailure(fmt.Errorf("open the run: %w", err))
	}
	defer r.Close()
	return r.Header().Corpus, nil
}

// weigh compares runs, proves that a misdelivery in them would be seen, and concludes.
func (p *program) weigh(c *cli.Context, options pipeline.Options, production []string, staging string, in *verdict.Input, o report.Options) error {
	if err := p.judged(c.Context, options, production, staging, in); err != nil {
		return err
	}
	if err := proveEyes(c.Context, options, production[0], c.Uint64("seed"), in); err != nil {
		return err
	}
	return p.conclude(c, verdict.Decide(*in), places{verdict: c.String("json"), config: c.String("config")}, o)
}
