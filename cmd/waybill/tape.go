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
	verb := func(name, about string, do func(keys tape.Keys, path string) error) *cli.Command {
		return &cli.Command{
			Name:      name,
			Usage:     about,
			UsageText: "waybill tape " + name + " [--identities FILE] FILE",
			Flags:     []cli.Flag{&cli.StringFlag{Name: "identities", Usage: "read encrypted tapes with the identities of `FILE`"}},
			Action: func(c *cli.Context) error {
				if err := arguments(c, 1, 1); err != nil {
					return err
				}
				keys, err := p.keys(nil, c.String("identities"))
				if err != nil {
					return err
				}
				return tapeFailure(do(keys, c.Args().First()))
			},
		}
	}
	return &cli.Command{
		Name:      "tape",
		Usage:     "read a corpus or a run, or make one",
		UsageText: "waybill tape cat|verify|digest FILE\nwaybill tape pack JSONL FILE",
		Subcommands: []*cli.Command{
			verb("cat", "print every record as JSON Lines; names and payloads whole", func(keys tape.Keys, path string) error {
				return keys.Cat(p.stdout, path)
			}),
			verb("verify", "check every byte, and print what the tape holds as JSON", func(keys tape.Keys, path string) error {
				r, err := keys.Verify(path, nil)
				if r.Path != "" {
					e := json.NewEncoder(p.stdout)
					e.SetIndent("", "  ")
					err = errors.Join(err, e.Encode(r))
				}
				return err
			}),
			verb("digest", "print the digest that pins it", func(keys tape.Keys, path string) error {
				d, err := keys.Digest(path)
				if err == nil {
					_, err = fmt.Fprintln(p.stdout, d)
				}
				return err
			}),
			{
				Name:        "pack",
				Usage:       "make a tape of JSON Lines, as cat prints them",
				UsageText:   "waybill tape pack [--recipient RECIPIENT]... JSONL FILE",
				Flags:       []cli.Flag{&cli.StringSliceFlag{Name: "recipient", Usage: "encrypt for `RECIPIENT`: age1..., ssh-ed25519 ..., or a plugin's; may be given again"}},
				Description: "Each line is one record with the keys that cat shows; - is standard input. The header may be left\nout: the tape is a corpus then.",
				Action: func(c *cli.Context) error {
					if err := arguments(c, 2, 2); err != nil {
						return err
					}
					return p.pack(c.Args().Get(0), c.Args().Get(1), tape.Options{Recipients: c.StringSlice("recipient")})
				},
			},
		},
	}
}

func (p *program) pack(from, to string, o tape.Options) error {
	if err := tape.CheckRecipients(o.Recipients); err != nil {
		return usage(err, "")
	}
	in := p.stdin
	if from != "-" {
		f, err := os.Open(from)
		if err != nil {
			return usage(err, "")
		}
		defer f.Close()
		in = f
	}
	if err := tape.Pack(in, from, to, o); err != nil {
		return usage(err, "waybill tape cat shows what lines look like")
	}
	var d string
	var err error
	if len(o.Recipients) > 0 { // who packs for others cannot read it
		var outline tape.Outline
		if outline, err = tape.Inspect(to); err == nil {
			d = outline.Claims.Digest
		}
	} else {
		d, err = tape.Digest(to)
	}
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
	var locked *tape.KeyError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &locked):
		return usage(err, identitiesHint)
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
