package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/report"
)

// nameFlags decide whether a report names anybody.
func nameFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "show-recipients", Usage: "name recipients and show text of messages, in continuous integration too"},
		&cli.BoolFlag{Name: "mask-recipients", Usage: "name nobody and show no text of messages"},
	}
}

// reportOptions says how to print a report: names are left out where CI or
// GITHUB_ACTIONS is set, since others can read the logs of those.
func (p *program) reportOptions(c *cli.Context) (report.Options, error) {
	show, mask := c.Bool("show-recipients"), c.Bool("mask-recipients")
	if show && mask {
		return report.Options{}, usage(errors.New("--show-recipients and --mask-recipients say the opposite of each other"), "give one of them")
	}
	p.masked = mask || !show && p.inCI()
	return report.Options{Color: p.colour(), Width: p.width(), Names: !p.masked, Key: []byte(p.getenv(maskKey))}, nil
}
