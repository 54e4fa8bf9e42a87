package main

import (
	"cmp"
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
		Name:      "init",
		Usage:     "write a commented " + config.File + " to begin with",
		UsageText: "waybill init [--kind KIND] [--production REF|FOLDER] [DIR]",
		Description: "Looks at DIR (Procfile, package.json, go.mod, index.php, app.py, manage.py, the configuration of Postfix or Exim, and the environment\n" +
			"variables that the sources read), and writes how both builds are started and where they send to. Production is the last tag of git,\n" +
			"what --production names, or a folder production beside one called staging. With --kind, or where it finds nothing, it writes an example.\n\n" + about.String(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Usage: "`KIND` of software: " + strings.Join(kinds, ", ")},
			&cli.StringFlag{Name: "production", Usage: "what is in production: a `REF` of git (tag, branch, commit) or a folder of DIR"},
		},
		Action: func(c *cli.Context) error {
			if err := arguments(c, 0, 1); err != nil {
				return err
			}
			dir := "."
			if c.Args().Present() {
				dir = c.Args().First()
			}
			path := filepath.Join(dir, config.File)
			if _, err := os.Stat(path); err == nil {
				return usage(fmt.Errorf("write %s: it is there already, and is not overwritten", path), "give another folder, or move it away")
			}
			var text, found string
			var err error
			if !c.IsSet("kind") {
				if text, found, err = configurationOf(dir, c.String("production")); err != nil {
					return err
				}
			}
			if text == "" {
				kind := cmp.Or(c.String("kind"), kinds[0])
				if text, err = config.Init(kind); err != nil {
					return usage(err, "see waybill init --help")
				}
				found = "it is an example of the kind " + kind + ", and is to be edited"
			}
			if err := os.MkdirAll(dir, 0o777); err != nil {
				return usage(fmt.Errorf("make the folder of %s: %w", path, err), "")
			}
			if err := writeNew(path, text); err != nil {
				if errors.Is(err, fs.ErrExist) {
					return usage(fmt.Errorf("write %s: it is there already, and is not overwritten", path), "give another folder, or move it away")
				}
				return usage(fmt.Errorf("write %s: %w", path, err), "")
			}
			_, err = fmt.Fprintf(p.stdout, "wrote %s\n%s\nread it, and then type\n  waybill doctor %s\n  waybill gate %s\n", path, found, dir, dir)
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
