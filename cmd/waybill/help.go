package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/urfave/cli/v2"

	docs "github.com/waybill-dev/waybill/.github/docs"
)

// helpVerb prints pages of the manual, and what --help prints of a verb.
func (p *program) helpVerb() *cli.Command {
	return &cli.Command{
		Name:        "help",
		Aliases:     []string{"h"},
		Usage:       "print a page of the manual, or how a verb is used",
		UsageText:   "waybill help [TOPIC|VERB]\nwaybill help --man",
		Description: topics(),
		Flags:       []cli.Flag{&cli.BoolFlag{Name: "man", Usage: "print a page for man(1) of all verbs and flags"}},
		Action: func(c *cli.Context) error {
			if c.Bool("man") {
				if err := arguments(c, 0, 0); err != nil {
					return err
				}
				text, err := p.app().ToManWithSection(1)
				if err == nil {
					_, err = fmt.Fprint(p.stdout, text)
				}
				return err
			}
			if !c.Args().Present() {
				return cli.ShowAppHelp(c)
			}
			name := c.Args().First()
			for _, page := range docs.Pages() {
				// A page is what most ask for; the verb of its name has --help.
				if page.Topic == name && c.Args().Len() == 1 {
					_, err := fmt.Fprint(p.stdout, page.Text)
					return err
				}
			}
			return p.helpOfVerb(c)
		},
	}
}

// helpOfVerb prints what --help prints of the verb that the arguments name.
func (p *program) helpOfVerb(c *cli.Context) error {
	var known []string
	for _, page := range docs.Pages() {
		known = append(known, page.Topic)
	}
	verbs := c.App.Commands
	for _, word := range c.Args().Slice() {
		var found *cli.Command
		for _, v := range verbs {
			if known = append(known, v.Name); v.HasName(word) {
				found = v
			}
		}
		if found == nil {
			err := fmt.Errorf("help: there is no verb and no topic %q", strings.Join(c.Args().Slice(), " "))
			if near := nearest(word, known); near != "" {
				err = fmt.Errorf("%w: the nearest known is %q", err, near)
			}
			return usage(err, "waybill help lists the verbs, and waybill help --help the topics")
		}
		verbs, known = found.Subcommands, nil
	}
	return c.App.RunContext(c.Context, append(append([]string{c.App.Name}, c.Args().Slice()...), "--help"))
}

// topics lists the pages of the manual, for help.
func topics() string {
	var b strings.Builder
	b.WriteString("Topics:\n")
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for _, page := range docs.Pages() {
		fmt.Fprintf(w, "  %s\t%s\n", page.Topic, page.Title)
	}
	w.Flush()
	return strings.TrimRight(b.String(), "\n")
}
