package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/corpus"
	"github.com/waybill-dev/waybill/gate/tape"
)

func (p *program) corpusVerb() *cli.Command {
	read := func(more ...cli.Flag) []cli.Flag {
		return append(more,
			&cli.StringFlag{Name: "config", Usage: "take encryption and settings of sinks from `CONFIG`; the default is waybill.toml where there is one"},
			identitiesFlag())
	}
	write := func(more ...cli.Flag) []cli.Flag {
		return append(read(more...),
			&cli.StringSliceFlag{Name: "recipient", Usage: "encrypt for `RECIPIENT` instead of those of the configuration: age1..., ssh-ed25519 ..., or a plugin's; may be given again"},
			&cli.BoolFlag{Name: "clear", Usage: "write in the clear what was encrypted"},
			&cli.BoolFlag{Name: "force", Usage: "write over a tape that is there"})
	}
	without := &cli.BoolFlag{Name: "without-messages", Usage: "leave out what production sent: the new corpus needs production to be run"}
	asJSON := &cli.BoolFlag{Name: "json", Usage: "print JSON"}
	return &cli.Command{
		Name:      "corpus",
		Usage:     "see what is in a corpus, and make others of it",
		UsageText: "waybill corpus stat|verify|leaks|ls|show|digest|split|merge|sample|prune [flags] TAPE...",
		Description: "A corpus that is made of others says so, and of which. Gaps go into all that is made of it; sessions are\n" +
			"kept or left out whole: stimuli of one key, and those bound to what the build answered to another.",
		Subcommands: []*cli.Command{
			{
				Name: "stat", Usage: "count what is in it: routes, classes of messages, people, sizes, times",
				UsageText: "waybill corpus stat [flags] TAPE...",
				Flags:     append(read(asJSON, &cli.IntFlag{Name: "top", Value: 20, Usage: "show the `N` most frequent routes and classes"}), nameFlags()...),
				Action:    p.corpusStat,
			},
			{
				Name: "verify", Usage: "check every byte, and say up to where a tape is whole",
				UsageText: "waybill corpus verify [flags] TAPE...",
				Flags:     read(asJSON),
				Action:    p.corpusVerify,
			},
			p.leaksCommand(append(read(), nameFlags()...)),
			{
				Name: "ls", Usage: "list stimuli, one a line: id, time, channel, door, key, bytes, status, route",
				UsageText: "waybill corpus ls [flags] TAPE",
				Flags:     append(read(), nameFlags()...),
				Action:    p.corpusList,
			},
			{
				Name: "show", Usage: "show one stimulus whole, with the values that it is bound to",
				UsageText: "waybill corpus show [flags] TAPE ID",
				Flags:     append(read(), nameFlags()...),
				Action:    p.corpusShow,
			},
			{
				Name: "digest", Usage: "print the digest that pins it",
				UsageText: "waybill corpus digest [flags] TAPE",
				Flags:     read(),
				Action:    p.corpusDigest,
			},
			{
				Name: "split", Usage: "cut it in parts: NAME-001.tape and so on",
				UsageText: "waybill corpus split --parts N|--size SIZE|--every TIME [flags] TAPE FOLDER",
				Description: "--parts keeps sessions whole, for jobs that share the work. --size and --every cut in the order of the tape,\n" +
					"through sessions too.",
				Flags: write(
					&cli.IntFlag{Name: "parts", Usage: "into `N` parts, by session"},
					&cli.StringFlag{Name: "size", Usage: "into parts of about `SIZE`, such as 64MiB of heads and bodies"},
					&cli.StringFlag{Name: "every", Usage: "into parts of `TIME`, such as 1d or 6h"}, without),
				Action: p.corpusSplit,
			},
			{
				Name: "merge", Usage: "join several in the order of time; of one that is torn, take what is whole",
				UsageText: "waybill corpus merge [flags] TAPE... OUT",
				Flags: write(
					&cli.BoolFlag{Name: "torn", Usage: "take what stands before the torn end of a tape, and leave a gap for the rest"},
					&cli.BoolFlag{Name: "rename", Usage: "put the number of its tape before the ids of stimuli, from the second tape on"},
					&cli.BoolFlag{Name: "different-keys", Usage: "merge tapes whose pseudonyms were made with different keys"}, without),
				Action: p.corpusMerge,
			},
			{
				Name: "sample", Usage: "take some of its sessions",
				UsageText: "waybill corpus sample --fraction F|--stimuli N|--complete [flags] TAPE OUT",
				Flags: write(
					&cli.Float64Flag{Name: "fraction", Usage: "`F` of the sessions, above 0 and at most 1"},
					&cli.Uint64Flag{Name: "stimuli", Usage: "sessions until there are `N` stimuli"},
					&cli.BoolFlag{Name: "complete", Usage: "leave out sessions that need the answer to a stimulus which TAPE lacks; by itself, take all others"},
					&cli.StringFlag{Name: "seed", Value: "1", Usage: "`SEED`: the same gives the same sample"}, without),
				Action: p.corpusSample,
			},
			{
				Name: "prune", Usage: "leave out what is old, and sessions of which anything is",
				UsageText: "waybill corpus prune --older-than TIME [flags] TAPE OUT",
				Description: "TAPE stays as it is: delete it when it may be kept no longer. The new corpus may be kept for as long after\n" +
					"its oldest stimulus as the old one could be after it was recorded.",
				Flags:  write(&cli.StringFlag{Name: "older-than", Usage: "what was recorded more than `TIME` ago, such as 90d"}, without),
				Action: p.corpusPrune,
			},
		},
	}
}

// reading is what every verb of corpora needs to read them.
func (p *program) reading(c *cli.Context) (*config.Config, tape.Keys, error) {
	conf, err := importConfig(c)
	if err != nil {
		return nil, tape.Keys{}, err
	}
	keys, err := p.keys(conf, c.String("identities"))
	return conf, keys, err
}

// making is what every verb that makes corpora needs. done is called when it has ended.
func (p *program) making(c *cli.Context) (o corpus.Options, done func(), err error) {
	conf, keys, err := p.reading(c)
	if err != nil {
		return o, nil, err
	}
	o = corpus.Options{
		Keys: keys, Recipients: conf.Encryption.Recipients, Clear: c.Bool("clear"), Overwrite: c.Bool("force"),
		Version: version(), Now: time.Now().UnixNano(), WithoutMessages: c.Bool("without-messages"),
	}
	if c.IsSet("recipient") {
		o.Recipients = c.StringSlice("recipient")
	}
	if o.Clear {
		if c.IsSet("recipient") {
			return o, nil, usage(errors.New("--clear and --recipient say the opposite of each other"), "give one of them")
		}
		o.Recipients = nil
	}
	if err := tape.CheckRecipients(o.Recipients); err != nil {
		return o, nil, usage(err, "")
	}
	p.busy.Store(true) // what is half written is removed
	o.Stop, done = p.counted(c, "corpus "+c.Command.Name)
	return o, done, nil
}

// counted shows how many records were read, and stops where a signal came.
func (p *program) counted(c *cli.Context, what string) (stop func() error, done func()) {
	bar, n := p.bar(what, 0), uint64(0)
	return func() error {
		if n++; n%1024 == 0 {
			bar.at(n)
		}
		return stoppedBy(c.Context)
	}, bar.done
}

// corpusFailure gives an error about corpora its exit code.
func corpusFailure(err error) error {
	var refused *corpus.RefusedError
	var missing *corpus.NotFoundError
	var own *failure
	switch {
	case err == nil || errors.As(err, &own):
		return err
	case errors.As(err, &refused):
		return usage(err, refused.Hint)
	case errors.As(err, &missing):
		return usage(err, "waybill corpus ls lists them")
	case errors.Is(err, fs.ErrExist):
		return usage(err, "--force writes over it")
	case errors.Is(err, fs.ErrPermission):
		return usage(err, "")
	}
	return tapeFailure(err)
}

func undecodable(sink string) error {
	return fmt.Errorf("decode what sink %s took: %w", sink, corpus.ErrNoDecoder)
}

// span reads a time such as "90d", "2w" or "36h".
func span(flag, text string) (time.Duration, error) {
	for unit, by := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if n, ok := strings.CutSuffix(text, unit); ok {
			days, err := strconv.ParseUint(n, 10, 16)
			if err == nil && days > 0 {
				return time.Duration(days) * by, nil
			}
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usage(fmt.Errorf("--%s %q is not a time: write it like 90d, 2w or 36h", flag, text), "")
	}
	return d, nil
}

func (p *program) corpusSplit(c *cli.Context) error {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	by := corpus.Cut{Parts: c.Int("parts")}
	var err error
	if c.IsSet("size") {
		var size config.Size
		if err := size.UnmarshalText([]byte(c.String("size"))); err != nil {
			return usage(fmt.Errorf("--size: %w", err), "")
		}
		by.Size = int64(size)
	}
	if c.IsSet("every") {
		if by.Every, err = span("every", c.String("every")); err != nil {
			return err
		}
	}
	if err := by.Validate(); err != nil {
		return usage(fmt.Errorf("split: %w", err), "usage: "+c.Command.UsageText)
	}
	o, done, err := p.making(c)
	if err != nil {
		return err
	}
	defer done()
	s, err := corpus.SplitTo(o, c.Args().Get(0), c.Args().Get(1), by)
	if err != nil {
		return corpusFailure(err)
	}
	for i := range s.Parts {
		p.wrote(&s.Parts[i])
	}
	if s.Apart > 0 {
		fmt.Fprintf(p.stdout, "%d stimuli are bound to one of another part: a replay of their part says that they are not bound\n", s.Apart)
	}
	return nil
}

func (p *program) corpusMerge(c *cli.Context) error {
	if err := arguments(c, 2, 1000); err != nil {
		return err
	}
	o, done, err := p.making(c)
	if err != nil {
		return err
	}
	defer done()
	args := c.Args().Slice()
	r, err := corpus.Merge(o, args[:len(args)-1], args[len(args)-1], corpus.Merging{
		Torn: c.Bool("torn"), DifferentKeys: c.Bool("different-keys"), Rename: c.Bool("rename"),
	})
	if err != nil {
		return corpusFailure(err)
	}
	p.wrote(&r)
	return nil
}

func (p *program) corpusSample(c *cli.Context) error {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	much := corpus.Much{Fraction: c.Float64("fraction"), Stimuli: c.Uint64("stimuli"), Complete: c.Bool("complete")}
	if much.Complete && !c.IsSet("fraction") && !c.IsSet("stimuli") {
		much.Fraction = 1
	}
	if err := much.Validate(); err != nil {
		return usage(fmt.Errorf("sample: %w", err), "usage: "+c.Command.UsageText)
	}
	o, done, err := p.making(c)
	if err != nil {
		return err
	}
	defer done()
	r, err := corpus.Sample(o, c.Args().Get(0), c.Args().Get(1), much, c.String("seed"))
	if err != nil {
		return corpusFailure(err)
	}
	p.wrote(&r)
	return nil
}

func (p *program) corpusPrune(c *cli.Context) error {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	if !c.IsSet("older-than") {
		return usage(errors.New("prune: --older-than is not given"), "usage: "+c.Command.UsageText)
	}
	age, err := span("older-than", c.String("older-than"))
	if err != nil {
		return err
	}
	o, done, err := p.making(c)
	if err != nil {
		return err
	}
	defer done()
	r, err := corpus.Prune(o, c.Args().Get(0), c.Args().Get(1), o.Now-int64(age))
	if err != nil {
		return corpusFailure(err)
	}
	fmt.Fprintf(p.stdout, "left out %d that were older, and %d stimuli of sessions that began before\n", r.Older, r.With)
	p.wrote(&r.Result)
	return nil
}

// wrote says what was written.
func (p *program) wrote(r *corpus.Result) {
	fmt.Fprintf(p.stdout, "wrote %s: %s, %s\n", printable(r.Path), holding(r.Stimuli, r.Messages, r.Gaps), r.Digest)
}

func holding(stimuli, messages, gaps uint64) string {
	return fmt.Sprintf("%d stimuli, %d messages, %d gaps", stimuli, messages, gaps)
}

func (p *program) corpusDigest(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	_, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	path := c.Args().First()
	digest, err := keys.Digest(path)
	if o, claimed := p.outline(keys, path, err); claimed == nil && o != nil {
		digest, err = o.Claims.Digest, nil
		fmt.Fprintf(p.stderr, "waybill: %s is encrypted for %s and was not decrypted: this is the digest that it claims\n", printable(path), strings.Join(o.Recipients, ", "))
	}
	if err == nil {
		_, err = fmt.Fprintln(p.stdout, digest)
	}
	return corpusFailure(err)
}

// outline is what shows of a tape that cannot be opened with keys, because there are
// none: nil where err says something else.
func (p *program) outline(keys tape.Keys, path string, err error) (*tape.Outline, error) {
	var locked *tape.KeyError
	if !errors.As(err, &locked) || keys.Any() {
		return nil, err
	}
	o, err := tape.Inspect(path)
	return &o, err
}

// A checked tape is what verify says of one.
type checked struct {
	Path    string        `json:"path"`
	Whole   bool          `json:"whole"`
	Error   string        `json:"error,omitempty"`
	Report  *tape.Report  `json:"report,omitempty"`  // of what could be read
	Outline *tape.Outline `json:"outline,omitempty"` // of what could not, for want of a key
}

func (p *program) corpusVerify(c *cli.Context) error {
	if err := arguments(c, 1, 1000); err != nil {
		return err
	}
	_, keys, err := p.reading(c)
	if err != nil {
		return err
	}
	var all []checked
	var worst error
	stop, done := p.counted(c, "corpus verify")
	defer done()
	for _, path := range c.Args().Slice() {
		r, err := keys.Verify(path, func(*gate.Record) error { return stop() })
		v := checked{Path: path, Report: &r}
		if r.Header.Content == "" {
			v.Report = nil
		}
		if o, seen := p.outline(keys, path, err); o != nil {
			v.Outline, v.Report, err = o, nil, seen
		}
		if v.Whole = err == nil; !v.Whole {
			v.Error = err.Error()
		}
		err = corpusFailure(err)
		if stopped := stoppedBy(c.Context); stopped != nil {
			return stopped
		}
		var f *failure
		if errors.As(err, &f) {
			var before *failure
			if !errors.As(worst, &before) || gate.Stronger(f.code, before.code) {
				worst = err
			}
		}
		all = append(all, v)
		if !c.Bool("json") {
			fmt.Fprintln(p.stdout, v.line())
		}
	}
	if c.Bool("json") {
		e := json.NewEncoder(p.stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(all); err != nil {
			return err
		}
	}
	return worst
}

func (v *checked) line() string {
	out := printable(v.Path) + ": "
	switch {
	case v.Outline != nil && v.Whole:
		k := v.Outline.Claims
		return out + fmt.Sprintf("encrypted for %s, not decrypted: %d frames agree with their checksums; it claims %s, %s",
			strings.Join(v.Outline.Recipients, ", "), v.Outline.Frames, holding(k.Stimuli, k.Messages, k.Gaps), k.Digest)
	case v.Outline != nil:
		return out + fmt.Sprintf("NOT WHOLE; encrypted for %s; up to byte %d there are %d records", strings.Join(v.Outline.Recipients, ", "), v.Outline.Stored, v.Outline.Records)
	case v.Whole:
		r := v.Report
		line := out + fmt.Sprintf("whole: %s, %d bytes, %s", holding(r.Stimuli, r.Messages, r.Gaps), r.Stored, r.Digest)
		if len(r.Recipients) > 0 {
			line += ", encrypted for " + strings.Join(r.Recipients, ", ")
		}
		return line
	case v.Report != nil:
		r := v.Report
		return out + fmt.Sprintf("NOT WHOLE; up to byte %d it holds %s", r.Stored, holding(r.Stimuli, r.Messages, r.Gaps))
	}
	return out + "NOT READ"
}
