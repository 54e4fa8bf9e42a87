package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/shard"
)

func (p *program) replayVerb() *cli.Command {
	return &cli.Command{
		Name:      "replay",
		Usage:     "replay the corpus to one build, and leave a run",
		UsageText: "waybill replay [--role ROLE] [--scenario NAME] --out RUN [DIR|CONFIG]\nwaybill replay --shard 3/8 --out FOLDER [DIR|CONFIG]",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write the run to `RUN`, which must not be there yet"},
			&cli.StringFlag{Name: "role", Value: string(gate.Staging), Usage: "`ROLE` of the build: production or staging"},
			&cli.StringFlag{Name: "scenario", Usage: "`NAME` of the scenario; the first if not given"},
			&cli.StringFlag{Name: "shard", Usage: "replay `N/M` of the corpus to both builds, every scenario, for waybill merge"},
			commitFlag(),
			&cli.BoolFlag{Name: "keep-state", Usage: "leave the folder in which the build ran, and say where it is"},
			&cli.IntFlag{Name: "concurrency", Usage: "`N` stimuli under way at once instead of what the configuration says"},
		},
		Action: p.replay,
	}
}

func (p *program) replay(c *cli.Context) (err error) {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	out := c.String("out")
	if out == "" {
		return usage(errors.New("replay: --out is not given: where to write the run"), "usage: "+c.Command.UsageText)
	}
	role := gate.Role(c.String("role"))
	if role != gate.Production && role != gate.Staging {
		return usage(fmt.Errorf("replay: --role %q is neither production nor staging", c.String("role")), "")
	}
	if c.IsSet("concurrency") && c.Int("concurrency") < 1 {
		return usage(fmt.Errorf("--concurrency %d: it must be at least 1", c.Int("concurrency")), "")
	}
	path := "."
	if c.Args().Present() {
		path = c.Args().First()
	}
	conf, err := loadConfig(path)
	if err != nil {
		return err
	}
	if c.IsSet("shard") {
		of, err := shard.Parse(c.String("shard"))
		if err != nil {
			return usage(fmt.Errorf("replay: --shard: %w", err), "")
		}
		return p.replayShard(c, conf, of, out)
	}
	scenario, err := scenarioOf(conf, c.String("scenario"))
	if err != nil {
		return err
	}
	s, err := p.openSession(c.Context, conf, sessionOptions{concurrency: c.Int("concurrency"), keepState: c.Bool("keep-state")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.replay(c.Context, scenario, role, 1, target{path: out}); err != nil {
		return err
	}
	// With these the run is judged without being decoded again; where they cannot be
	// kept, judging goes without.
	if o, err := comparing(conf, conf.Corpus.Path); err == nil {
		o.Keys = s.keys
		_ = pipeline.KeepDigests(c.Context, o, out)
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %s: %s, scenario %s; judge it with another by waybill judge PRODUCTION STAGING\n", out, role, scenario.Name)
	return err
}

// scenarioOf is the scenario of that name, or the first where name is "".
func scenarioOf(conf *config.Config, name string) (config.Scenario, error) {
	if name == "" {
		return conf.Scenarios[0], nil
	}
	var names []string
	for _, s := range conf.Scenarios {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return config.Scenario{}, usage(fmt.Errorf("%s: there is no scenario %q: there are %s", conf.Path, name, strings.Join(names, ", ")), "")
}
