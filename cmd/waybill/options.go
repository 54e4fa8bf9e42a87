package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/report"
)

// nameFlags decide whether a report names anybody.
func nameFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "show-recipients", Usage: "name recipients and show text of messages, in continuous integration too"},
		&cli.BoolFlag{Name: "mask-recipients", Usage: "name nobody and show no text of messages"},
	}
}

// reportFlags are those of verbs that print a verdict.
func reportFlags() []cli.Flag {
	return append(nameFlags(), &cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "print everything: what was masked, counts, digests, every finding whole"})
}

// withPeople gives a report the names that a configuration has for ids.
func withPeople(o *report.Options, conf *config.Config) error {
	if conf == nil || !o.Names {
		return nil
	}
	names, err := conf.People.Names()
	if err != nil {
		return usage(err, "[people] file names a TOML file with a text for each id")
	}
	o.People = names
	return nil
}

// reportOptions says how to print a report: names are left out where CI or
// GITHUB_ACTIONS is set, since others can read the logs of those.
func (p *program) reportOptions(c *cli.Context) (report.Options, error) {
	show, mask := c.Bool("show-recipients"), c.Bool("mask-recipients")
	if show && mask {
		return report.Options{}, usage(errors.New("--show-recipients and --mask-recipients say the opposite of each other"), "give one of them")
	}
	p.masked = mask || !show && p.inCI()
	return report.Options{Color: p.colour(), Width: p.width(), Names: !p.masked, Verbose: c.Bool("verbose"), Key: []byte(p.getenv(maskKey))}, nil
}
