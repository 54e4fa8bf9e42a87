package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate/tape"
)

func (p *program) tapeVerb() *cli.Command {
	verb := func(name, about string, do func(path string) error) *cli.Command {
		return &cli.Command{
			Name:      name,
			Usage:     about,
			UsageText: "waybill tape " + name + " FILE",
			Action: func(c *cli.Context) error {
				if err := arguments(c, 1, 1); err != nil {
					return err
				}
				return tapeFailure(do(c.Args().First()))
			},
		}
	}
	return &cli.Command{
		Name:      "tape",
		Usage:     "read a corpus or a run, or make one",
		UsageText: "waybill tape cat|verify|digest FILE\nwaybill tape pack JSONL FILE",
		Subcommands: []*cli.Command{
			verb("cat", "print every record as JSON Lines; names and payloads whole", func(path string) error {
				return tape.Cat(p.stdout, path)
			}),
			verb("verify", "check every byte, and print what the tape holds as JSON", func(path string) error {
				r, err := tape.Verify(path)
				if r.Path != "" {
					e := json.NewEncoder(p.stdout)
					e.SetIndent("", "  ")
					err = errors.Join(err, e.Encode(r))
				}
				return err
			}),
			verb("digest", "print the digest that pins it", func(path string) error {
				d, err := tape.Digest(path)
				if err == nil {
					_, err = fmt.Fprintln(p.stdout, d)
				}
				return err
			}),
			{
				Name:        "pack",
				Usage:       "make a tape of JSON Lines, as cat prints them",
				UsageText:   "waybill tape pack JSONL FILE",
				Description: "Each line is one record with the keys that cat shows; - is standard input. The header may be left\nout: the tape is a corpus then.",
				Action: func(c *cli.Context) error {
					if err := arguments(c, 2, 2); err != nil {
						return err
					}
					return p.pack(c.Args().Get(0), c.Args().Get(1))
				},
			},
		},
	}
}

func (p *program) pack(from, to string) error {
	in := p.stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return usage(err, "")
		}
		defer f.Close()
		in = f
	}
	if err := tape.Pack(in, from, to, tape.Options{}); err != nil {
		return usage(err, "waybill tape cat shows what lines look like")
	}
	d, err := tape.Digest(to)
	if err == nil {
		_, err = fmt.Fprintln(p.stdout, d)
	}
	return tapeFailure(err)
}

// tapeFailure gives an error of a tape its exit code: one that is not whole
// cannot be judged, one that is not there was asked for by mistake.
func tapeFailure(err error) error {
	var torn *tape.TornError
	var damaged *tape.DamagedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &torn):
		return undecided(err, "what wrote it was stopped half way: record or replay it again; waybill tape cat prints what stands before")
	case errors.As(err, &damaged):
		return undecided(err, "restore it from a copy, or record or replay it again")
	case errors.Is(err, fs.ErrNotExist):
		return usage(err, "")
	case errors.Is(err, tape.ErrLocked):
		return undecided(err, "wait until the other waybill has ended")
	}
	return undecided(err, "")
}
