package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/checks"
)

func (p *program) checksVerb() *cli.Command {
	return &cli.Command{
		Name:      "checks",
		Usage:     "list the checks, or say what one means, or what all of them can miss",
		UsageText: "waybill checks [--limits|--catalogue] [ID]",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "limits", Usage: "print what can be missed instead"},
			&cli.BoolFlag{Name: "catalogue", Usage: "print the requests to message APIs whose recipients are known"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 1); err != nil {
				return err
			}
			if c.Bool("limits") {
				return p.limits(c)
			}
			if c.Bool("catalogue") {
				return p.catalogue(c)
			}
			all := checks.All()
			if !c.Args().Present() {
				w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
				for _, k := range all {
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", k.ID, k.Family, k.Severity, k.Summary())
				}
				return w.Flush()
			}
			id := c.Args().First()
			var known []string
			for _, k := range all {
				known = append(known, k.ID)
				if k.ID == id {
					_, err := fmt.Fprintf(p.stdout, "%s (%s, at most %s)\n\n%s\n", k.ID, k.Family, k.Severity, strings.TrimSpace(k.Doc))
					return err
				}
			}
			err := fmt.Errorf("there is no check %q", id)
			if near := nearest(id, known); near != "" {
				err = fmt.Errorf("%w: the nearest known is %q", err, near)
			}
			return usage(err, "waybill checks lists them")
		},
	}
}

// limits prints what can be missed.
func (p *program) limits(c *cli.Context) error {
	if err := arguments(c, 0, 0); err != nil {
		return err
	}
	for _, l := range checks.Limits() {
		if _, err := fmt.Fprintf(p.stdout, "%s: %s\n", l.ID, l.Text); err != nil {
			return err
		}
	}
	return nil
}
