package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/config"
)

func (p *program) initVerb() *cli.Command {
	var kinds []string
	var about strings.Builder
	about.WriteString("Kinds:")
	for _, t := range config.Templates() {
		kinds = append(kinds, t.Kind)
		fmt.Fprintf(&about, "\n  %-12s %s", t.Kind, t.Doc)
	}
	return &cli.Command{
		Name:        "init",
		Usage:       "write a commented " + config.File + " to begin with",
		UsageText:   "waybill init [--kind KIND] [DIR]",
		Description: about.String(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Value: kinds[0], Usage: "`KIND` of software: " + strings.Join(kinds, ", ")},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 1); err != nil {
				return err
			}
			text, err := config.Init(c.String("kind"))
			if err != nil {
				return usage(err, "see waybill init --help")
			}
			dir := "."
			if c.Args().Present() {
				dir = c.Args().First()
			}
			path := filepath.Join(dir, config.File)
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return usage(fmt.Errorf("make the folder of %s: %w", path, err), "")
			}
			if err := writeNew(path, text); err != nil {
				if errors.Is(err, fs.ErrExist) {
					return usage(fmt.Errorf("write %s: it is there already, and is not overwritten", path), "give another folder, or move it away")
				}
				return usage(fmt.Errorf("write %s: %w", path, err), "")
			}
			_, err = fmt.Fprintf(p.stdout, "wrote %s\nedit it, and then type\n  waybill gate %s\n", path, dir)
			return err
		},
	}
}

// writeNew writes a file that is not there yet, whole or not at all.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
