package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/importer"
	formats "github.com/waybill-dev/waybill/gate/importer/all"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/tape"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func (p *program) diffVerb() *cli.Command {
	return &cli.Command{
		Name:      "diff",
		Usage:     "compare two captures: runs, or what can be imported; nothing is replayed",
		UsageText: "waybill diff [flags] A B",
		Description: "A and B are runs, or what was sent, in one of these forms:" + formatList() +
			"\n\nAll requests in a source are compared as what was sent: a comparison has no production that\nreceives. With --site, requests to these entrances are left out, and counted." +
			"\n\nOf mail on disk the recipients are those of " + importer.RecipientHeaders + ",\nthe first of these that a mail has. Where it has none, its recipients are not known.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "json", Usage: "write the verdict to `FILE`"},
			&cli.StringFlag{Name: "config", Usage: "read messages by the rules of sinks, the masks and the names of `CONFIG`"},
			&cli.StringFlag{Name: "sink", Usage: "compare what is imported as if sink `NAME` had taken it; the default is mail, and web for requests"},
			&cli.StringSliceFlag{Name: "site", Usage: "leave out requests to `HOST[:PORT]` or :PORT, where production received them; may be given again, and lists them between commas"},
			&cli.BoolFlag{Name: "report-only", Usage: "exit with 0 where something differs that blocks, and only there"},
			identitiesFlag(), seedFlag(),
		}, reportFlags()...),
		Action: p.diff,
	}
}

func formatList() string {
	s := ""
	for _, f := range formats.Formats() {
		s += fmt.Sprintf("\n  %-10s %s", f.Name, f.Doc)
	}
	return s
}

func (p *program) diff(c *cli.Context) error {
	if err := arguments(c, 2, 2); err != nil {
		return err
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	if err := forgetVerdict(c.String("json")); err != nil {
		return err
	}
	conf, err := p.diffConfig(c, &o)
	if err != nil {
		return err
	}
	p.busy.Store(true)
	scratch, err := os.MkdirTemp("", "waybill-diff-")
	if err != nil {
		return undecided(fmt.Errorf("make a temporary folder: %w", err), "")
	}
	defer os.RemoveAll(scratch)
	in := &verdict.Input{Now: time.Now()}
	keys, err := p.keys(conf, c.String("identities"))
	if err != nil {
		return err
	}
	a, b, err := p.captures(c, keys, scratch, in)
	if err != nil {
		return err
	}
	options, err := comparing(conf, "")
	if err != nil {
		return err
	}
	options.Keys = keys
	return p.weigh(c, options, []string{a}, b, in, o)
}

// diffConfig loads the configuration whose rules are asked for, and gives o its names: nil
// where none is. One without the sink that captures are read as is an error, since none of
// its rules would be used.
func (p *program) diffConfig(c *cli.Context, o *report.Options) (*config.Config, error) {
	if c.String("config") == "" {
		return nil, nil
	}
	conf, err := loadConfig(c.String("config"))
	if err != nil {
		return nil, err
	}
	sinks := []string{importer.WebSink, importer.MailSink}
	if c.IsSet("sink") {
		sinks = []string{c.String("sink")}
	}
	if !slices.ContainsFunc(sinks, func(name string) bool { _, ok := conf.Sinks[name]; return ok }) {
		return nil, usage(fmt.Errorf("%s has no sink %s", conf.Path, strings.Join(sinks, " or ")), "--sink names the sink whose rules are meant")
	}
	return conf, withPeople(o, conf)
}

// captures gives both captures as runs. What is imported takes scenario and
// corpus from the other side, where that is a run: nothing says that they differ.
func (p *program) captures(c *cli.Context, keys tape.Keys, scratch string, in *verdict.Input) (a, b string, err error) {
	paths := [2]string{c.Args().Get(0), c.Args().Get(1)}
	like := gate.Header{Scenario: "diff"}
	var isRun [2]bool
	for i, path := range paths {
		if _, err := os.Stat(path); err != nil {
			return "", "", usage(fmt.Errorf("open the capture: %w", err), "")
		}
		h, err := header(keys, path)
		if err != nil {
			return "", "", err
		}
		if h != nil {
			isRun[i], like = true, *h
		}
	}
	options := importer.Options{Say: func(text string) { note(in, text) }}
	if options.Sites, err = givenSites(c); err != nil {
		return "", "", err
	}
	options.Sent = len(options.Sites) == 0
	for i, role := range []gate.Role{gate.Production, gate.Staging} {
		if isRun[i] {
			continue
		}
		out := filepath.Join(scratch, string(role)+".tape")
		h := gate.Header{
			Content: gate.RunTape, Version: version(), Role: role, Build: filepath.Base(paths[i]),
			Scenario: like.Scenario, Corpus: like.Corpus, Replay: 1,
		}
		s := captured{path: paths[i], out: out, sink: c.String("sink"), header: h, options: options}
		if err := p.imported(c.Context, s, in); err != nil {
			return "", "", err
		}
		paths[i] = out
	}
	return paths[0], paths[1], nil
}

// header is that of the tape at path, or nil where path is not a tape.
func header(keys tape.Keys, path string) (*gate.Header, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage(fmt.Errorf("open the capture: %w", err), "")
	}
	prefix := make([]byte, 16)
	n, err := io.ReadFull(f, prefix)
	f.Close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, usage(fmt.Errorf("open the capture %s: %w", path, err), "")
	}
	if !bytes.Contains(prefix[:n], []byte("waybill")) { // see package tape, format
		return nil, nil
	}
	r, err := keys.Open(path)
	if err != nil {
		return nil, tapeFailure(fmt.Errorf("open the capture: %w", err))
	}
	defer r.Close()
	h := r.Header()
	return &h, nil
}

// A captured is a capture in a foreign form, and the run that is made of it.
type captured struct {
	path, out string
	sink      string // "" is that of the format
	header    gate.Header
	options   importer.Options
}

// imported writes what a capture holds to a run.
func (p *program) imported(ctx context.Context, s captured, in *verdict.Input) error {
	path := s.path
	format, err := importer.Detect(path, formats.Formats())
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return usage(err, "")
		}
		return usage(fmt.Errorf("import %s: %w", path, err), "waybill diff --help lists the forms")
	}
	w, err := tape.Create(s.out, s.header, tape.Options{})
	if err != nil {
		return undecided(fmt.Errorf("import %s: %w", path, err), "")
	}
	var messages, unknown, received uint64
	skipped := map[string]uint64{}
	batch := batch{w: w}
	for item, err := range format.Read(path, s.options) {
		if err == nil {
			err = stoppedBy(ctx)
		}
		if err != nil {
			return errors.Join(undecided(fmt.Errorf("import %s: %w", path, err), ""), w.Abort())
		}
		if item.Skip != nil {
			skipped[item.Skip.Reason]++
			continue
		}
		r := item.Record
		switch {
		case r.Message != nil:
			if s.sink != "" {
				r.Message.Sink = s.sink
			}
			messages++
		case r.Stimulus != nil:
			received++
			continue
		case r.Gap != nil && r.Gap.Kind == gate.GapRecipientUnknown:
			unknown++
		}
		if err := batch.append(&r); err != nil {
			return errors.Join(undecided(fmt.Errorf("import %s: %w", path, err), ""), w.Abort())
		}
	}
	if err := errors.Join(batch.flush(), w.Close(gate.Footer{Accepted: messages})); err != nil {
		return undecided(fmt.Errorf("import %s: %w", path, err), "")
	}
	text := fmt.Sprintf("%s (%s): %d messages; recipients of mail are those of "+importer.RecipientHeaders, path, format.Name, messages)
	if unknown > 0 {
		text += fmt.Sprintf("; %d have none of these, or one that cannot be read", unknown)
	}
	note(in, text)
	if received > 0 {
		text := fmt.Sprintf("%s: %d stimuli were left out and are not compared: what production received is no message", path, received)
		if !s.options.Sent {
			text = fmt.Sprintf("%s: %d requests to %s (--site) were left out and are not compared: production received them", path, received, s.options.Sites)
		}
		note(in, text)
	}
	for _, reason := range sortedKeys(skipped) {
		note(in, fmt.Sprintf("%s: %d items were passed over: %s", path, skipped[reason], reason))
	}
	return nil
}
