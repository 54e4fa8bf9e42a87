package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
		UsageText: "waybill init [--kind KIND] [--production REF|FOLDER] [--ci github] [DIR|CONFIG]",
		Description: "Looks at DIR (Procfile, package.json, go.mod, index.php, app.py, manage.py, the configuration of Postfix or Exim, and the environment\n" +
			"variables that the sources read), and writes how both builds are started and where they send to. Production is the last tag of git,\n" +
			"what --production names, or a folder production beside one called staging. With --kind, or where it finds nothing, it writes an example.\n" +
			"With --ci github it also writes .github/workflows/waybill.yml, for a configuration that is there already too: production's version\n" +
			"beside staging's, the corpus and its key from secrets, one comment that names nobody.\n\n" + about.String(),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Usage: "`KIND` of software: " + strings.Join(kinds, ", ")},
			&cli.StringFlag{Name: "ci", Usage: "write a workflow for `SERVICE` too: " + strings.Join(services, ", ")},
			&cli.StringFlag{Name: "action", Usage: "pin Waybill's action in that workflow at `COMMIT`; the one that this program was built from if not given"},
			&cli.StringFlag{Name: "production", Usage: "what is in production: a `REF` of git (tag, branch, commit) or a folder of DIR"},
		},
		Action: func(c *cli.Context) error { return p.init(c, kinds) },
	}
}

func (p *program) init(c *cli.Context, kinds []string) error {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	ci := c.String("ci")
	if c.IsSet("ci") && !slices.Contains(services, ci) {
		return usage(unknown("service", ci, services), "services: "+strings.Join(services, ", "))
	}
	action, pinned, err := actionAt(c.String("action"))
	if err != nil {
		return err
	}
	dir := cmp.Or(c.Args().First(), ".")
	if ci == "" || !hasConfig(dir) {
		if err := p.initConfig(c, dir, kinds); err != nil {
			return err
		}
	}
	if ci == "" {
		return nil
	}
	path, err := writeWorkflow(c.Context, dir, action)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %s\nits secrets are WAYBILL_CORPUS_URL (where the corpus is fetched, unless it is in the repository) and WAYBILL_MASK_KEY (may be missing);\n"+
		"require the job waybill in the branch's rules\n", printable(relative(path)))
	if err == nil && !pinned {
		_, err = fmt.Fprintln(p.stdout, "replace COMMIT in it by the commit of Waybill to run: this program does not know which it was built from")
	}
	return err
}

// initConfig writes the configuration of a folder.
func (p *program) initConfig(c *cli.Context, dir string, kinds []string) error {
	path := filepath.Join(dir, config.File)
	if strings.HasSuffix(dir, ".toml") {
		path, dir = dir, filepath.Dir(dir)
	}
	there := func() error {
		return usage(fmt.Errorf("write %s: it is there already, and is not overwritten", path), "give another folder, or move it away")
	}
	if _, err := os.Stat(path); err == nil {
		return there()
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
			return there()
		}
		return usage(fmt.Errorf("write %s: %w", path, err), "")
	}
	at := dir
	if filepath.Base(path) != config.File {
		at = path
	}
	_, err = fmt.Fprintf(p.stdout, "wrote %s\n%s\nread it, and then type\n  waybill doctor %s\n  waybill gate %s\n", path, found, at, at)
	return err
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
