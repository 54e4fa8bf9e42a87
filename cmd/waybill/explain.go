package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/tape"
)

// defaultVerdict is where a verdict is looked for, and where it is written
// beside a configuration that names no other place.
const defaultVerdict = ".waybill/verdict.json"

func (p *program) explainVerb() *cli.Command {
	return &cli.Command{
		Name:        "explain",
		Usage:       "show one finding whole: who, what, before and after, and by which rule; or how one request is read",
		UsageText:   "waybill explain [flags] FINDING [DIR|CONFIG]\nwaybill explain --request FILE [--config CONFIG] [--sink NAME]",
		Description: findingWords,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "verdict", Value: defaultVerdict, Usage: "`FILE` with the verdict"},
			&cli.StringFlag{Name: "config", Usage: "`CONFIG` whose masks were used; the one beside the verdict's folder if not given"},
			&cli.StringFlag{Name: "request", Usage: "show how the HTTP request in `FILE` is read instead: for whom it is, and what of it is compared"},
			&cli.StringFlag{Name: "sink", Usage: "with --request: the sink whose rules it is read by, `NAME`, where there are several"},
			identitiesFlag(),
		}, nameFlags()...),
		Action: func(c *cli.Context) error {
			if c.IsSet("request") {
				return p.explainRequest(c)
			}
			args, err := locate(c)
			if err != nil {
				return err
			}
			if err := given(c, args, 1, 1); err != nil {
				return err
			}
			o, err := p.reportOptions(c)
			if err != nil {
				return err
			}
			v, err := readVerdict(c.String("verdict"))
			if err != nil {
				return err
			}
			fingerprint, err := fingerprintOf(v, args[0])
			if err != nil {
				return err
			}
			if _, err := report.Find(v, fingerprint); err != nil {
				return usage(err, "the report of the gate gives the fingerprints")
			}
			conf, err := explainConfig(c.String("config"), c.String("verdict"))
			if err != nil {
				return err
			}
			if err := withPeople(&o, conf); err != nil {
				return err
			}
			po, err := comparing(conf, "")
			if err != nil {
				return err
			}
			if po.Keys, err = p.keys(conf, c.String("identities")); err != nil {
				return err
			}
			load := loader(po, c.String("verdict"))
			if err := report.Explain(p.stdout, v, fingerprint, load, o); err != nil {
				code := gate.ExitUndecided
				if errors.Is(err, fs.ErrNotExist) {
					code = gate.ExitUsage
				}
				var locked *tape.KeyError
				if errors.As(err, &locked) {
					return tapeFailure(err)
				}
				return &failure{code, err, "the runs that were judged are gone, or others stand in their place: run the gate again"}
			}
			for _, mark := range []string{markKept, detectedOnly} {
				if slices.Contains(v.Notes, mark) {
					_, err = fmt.Fprintln(p.stdout, "\nNote: "+mark)
				}
			}
			return err
		},
	}
}

// findingWords says how a finding is named on the command line.
const findingWords = "FINDING is the number that the report gives it, such as 1, or its fingerprint or the beginning of that."

// fingerprintOf returns the fingerprint that an argument names: that of the finding whose number
// in the report it is, and else the argument.
func fingerprintOf(v *gate.Verdict, arg string) (string, error) {
	n, err := strconv.Atoi(arg)
	if err != nil || len(arg) > 3 { // fingerprints are named by four digits or more
		return arg, nil
	}
	if n < 1 || n > len(v.Findings) {
		return "", usage(fmt.Errorf("there is no finding %d: the verdict has %d", n, len(v.Findings)), "waybill report shows them")
	}
	return v.Findings[n-1].Fingerprint, nil
}

// loader brings messages of the runs that the verdict at path was reached from.
func loader(o pipeline.Options, path string) report.Loader {
	return func(ref gate.Ref) ([]gate.Canonical, error) {
		if _, err := os.Stat(ref.Tape); errors.Is(err, fs.ErrNotExist) {
			// The folder may have been moved since.
			ref.Tape = filepath.Join(filepath.Dir(path), "runs", filepath.Base(ref.Tape))
		}
		return pipeline.Load(o, ref)
	}
}

// readVerdict reads a verdict that [report.JSON] wrote.
func readVerdict(path string) (*gate.Verdict, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage(fmt.Errorf("read verdict: %w", err), "waybill gate writes it; --verdict says where it is")
	}
	if err != nil {
		return nil, usage(fmt.Errorf("read verdict: %w", err), "")
	}
	var v gate.Verdict
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, usage(fmt.Errorf("read verdict %s: %w", path, err), "it is not what waybill gate wrote: run the gate again")
	}
	return &v, nil
}

// explainConfig is the configuration that a verdict was made with: the one named,
// or the one that the folder of the verdict is of, or nil where there is none.
func explainConfig(named, verdict string) (*config.Config, error) {
	if named == "" {
		named = config.Beside(verdict)
		if _, err := os.Stat(named); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	return loadConfig(named)
}
