package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/record"
)

const (
	// recordedName is what the names of recorded tapes begin with.
	recordedName = "recorded"

	// defaultGrace is how long a recorder that is stopped waits for what is under way.
	defaultGrace = 10 * time.Second
)

func (p *program) recordVerb() *cli.Command {
	return &cli.Command{
		Name:      "record",
		Usage:     "stand before and behind production, pass traffic on, and keep a copy as a corpus",
		UsageText: "waybill record [flags] [DIR|CONFIG]",
		Description: `Each tap of the configuration listens and passes on, byte for byte, whatever becomes of the copy:

  [record]
  folder = "corpus"
  [record.taps.web]             # what comes in becomes stimuli
  channel = "http"
  side = "front"
  listen = "0.0.0.0:8080"
  upstream = "127.0.0.1:9000"
  [record.taps.mail]            # what production sends becomes messages
  channel = "smtp"
  side = "behind"
  listen = "127.0.0.1:2525"
  upstream = "mx.example.org:25"

Tapes are written to the folder as ` + recordedName + `-TIME-NUMBER.tape, each a corpus by itself. Sessions go on from
one to the next: waybill corpus merge joins them, and waybill corpus sample --complete leaves out
sessions that began before the corpus does. People are replaced
by pseudonyms before anything is written, with the key that [privacy] names; what cannot be
cleared is not written. --keep-identities writes people as they are, and the tapes and every
report say so. Requests lose the fields that [http.headers] gives to replays.

Where an upstream is down, connections to its tap are reset without a word. What passed and was
not kept is counted, on the tape and in the end on standard error: it makes every verdict on
that tape undecided.

It runs until SIGTERM or SIGINT, which is its proper end: exit code 0 says that everything that
passed was kept, 3 that something was not. A recorder that is killed leaves a tape without its
end, on which everything stands that was acknowledged.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Value: ".", Usage: "the `CONFIG` to record by, or the folder that holds it"},
			&cli.BoolFlag{Name: "keep-identities", Usage: "write people as they are"},
			&cli.DurationFlag{Name: "grace", Value: defaultGrace, Usage: "`TIME` for what is under way to end when the recorder is stopped; then it is broken off"},
		},
		Action: p.record,
	}
}

func (p *program) record(c *cli.Context) (err error) {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	path, err := configArgument(c)
	if err != nil {
		return err
	}
	grace := c.Duration("grace")
	if grace < 0 {
		return usage(fmt.Errorf("--grace: %v is less than nothing", grace), "")
	}
	conf, err := config.LoadRecording(path)
	if err != nil {
		return usage(err, "")
	}
	if len(conf.Record.Taps) == 0 {
		return usage(fmt.Errorf("%s: it has no taps, and so nothing to record", conf.Path), "waybill record --help shows how one is written: [record.taps.NAME]")
	}
	options, err := p.recording(conf, c.Bool("keep-identities"))
	if err != nil {
		return err
	}
	p.busy.Store(true) // from here on a signal waits for the end of the tape
	locked, err := lockFolder(conf.Record.Folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locked.Close()) }()
	rec, err := record.New(options)
	if err != nil {
		return undecided(fmt.Errorf("begin a tape: %w", err), "nothing was passed on: see to the folder, and start again")
	}
	r := &recording{p: p, rec: rec, grace: grace}
	if err := r.open(conf); err != nil {
		r.close()
		return errors.Join(err, r.end(false))
	}
	fmt.Fprintf(p.stdout, "recording to %s\n", conf.Record.Folder)
	<-c.Context.Done()
	p.concluded = true // a signal is how a recorder ends
	r.close()
	return r.end(true)
}

// recording are the options of the recorder.
func (p *program) recording(conf *config.Config, keep bool) (record.Options, error) {
	rec := &conf.Record
	o := record.Options{
		Folder: rec.Folder, Name: recordedName, Recipients: conf.Encryption.Recipients,
		Header: gate.Header{
			Content: gate.CorpusTape, Version: version(), Origin: "record " + strings.Join(sortedKeys(rec.Taps), ", "), Identities: gate.IdentitiesKept,
			Made: map[string]string{"max_body": strconv.FormatInt(int64(rec.MaxBody), 10)},
		},
		Retain:     time.Duration(rec.RetainDays) * 24 * time.Hour,
		RotateSize: int64(rec.RotateSize), RotateEvery: rec.RotateEvery.Duration,
		Sample: float64(rec.Sample), Seed: rec.Seed,
		LeaveOut: append(slices.Sorted(maps.Keys(conf.HTTP.Headers)), "Proxy-Authorization"),
		Tell:     func(text string) { fmt.Fprintln(p.stderr, "waybill: "+printable(text)) },
	}
	if rec.Sample < 1 {
		o.Header.Made["sample"] = strconv.FormatFloat(float64(rec.Sample), 'g', -1, 64) + " of the sessions, seed " + strconv.Quote(rec.Seed)
		if slices.ContainsFunc(slices.Collect(maps.Values(rec.Taps)), func(t config.Tap) bool { return t.Side == config.Behind }) {
			o.Header.Made["messages"] = "of all stimuli, those that were left out too"
			o.Tell("note: what production sends because of stimuli that are left out cannot be told from the rest, and is kept: such a tape is for baseline = \"production\"")
		}
	}
	if !conf.Dynamic.Off {
		o.Learner = dynamic.NewLearner(dynamic.Options{Ignore: conf.Dynamic.Ignore, Learn: conf.Dynamic.Learn})
	}
	clean, err := p.cleaner(conf, keep)
	if err != nil || clean == nil {
		return o, err
	}
	o.Cleaner = clean
	o.Header.Identities, o.Header.Key = identitiesBy(conf), clean.KeyID()
	if o.Header.Identities == gate.IdentitiesDetected {
		o.Tell("warning: " + detectedOnly)
	}
	o.Secret, err = p.privacyKey(conf)
	return o, err
}

// lockFolder takes a folder of tapes for this recorder alone, and makes it where it is
// missing.
func lockFolder(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, undecided(fmt.Errorf("make the folder of tapes: %w", err), "")
	}
	path := filepath.Join(folder, ".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		hint := ""
		if errors.Is(err, fs.ErrPermission) {
			hint = "let this user write there, or name another folder: [record] folder"
		}
		return nil, undecided(fmt.Errorf("lock the folder of tapes: %w", err), hint)
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(undecided(fmt.Errorf("lock %s: another recorder writes there", folder), "stop it, or name another folder: [record] folder"), f.Close())
	}
	return f, nil
}

// A recording is one call of the verb.
type recording struct {
	p     *program
	rec   *record.Recorder
	grace time.Duration
	taps  []openTap
}

type openTap struct {
	name string
	side channel.Side
	channel.Tap
}

// open opens the taps, those behind production first: what it sends because of the
// first stimulus is seen.
func (r *recording) open(conf *config.Config) error {
	for _, side := range []channel.Side{channel.Behind, channel.Front} {
		for _, name := range sortedKeys(conf.Record.Taps) {
			t := conf.Record.Taps[name]
			if (t.Side == config.Front) != (side == channel.Front) {
				continue
			}
			if err := r.openTap(name, side, t, conf.Dir, int64(conf.Record.MaxBody)); err != nil {
				return usage(fmt.Errorf("%s: record.taps.%s: %w", conf.Path, name, err), "")
			}
		}
	}
	return nil
}

func (r *recording) openTap(name string, side channel.Side, t config.Tap, dir string, maxBody int64) error {
	proto, err := protocol(t.Channel)
	if err != nil {
		return err
	}
	if proto.Tap == nil {
		return fmt.Errorf("traffic of channel %q does not pass by where it could be recorded", t.Channel)
	}
	tap, err := proto.Tap(channel.TapConfig{
		Name: t.Name, Side: side, Listen: t.Listen, Upstream: t.Upstream, MaxBody: maxBody,
		Exchange: r.rec.Exchange, Message: r.rec.Message, Missed: r.rec.Missed, Settings: t.Settings, Dir: dir,
	})
	if err != nil {
		return err
	}
	r.taps = append(r.taps, openTap{name, side, tap})
	where, to := "in front", t.Upstream
	if side == channel.Behind {
		where = "behind"
	}
	if to == "" {
		to = "whoever is asked for"
	}
	fmt.Fprintf(r.p.stdout, "tap %s (%s, %s) listens on %s and passes on to %s\n", name, t.Channel, where, tap.Address(), to)
	return nil
}

// close closes the taps, those in front first: production still sends what it has
// been made to.
func (r *recording) close() {
	for _, side := range []channel.Side{channel.Front, channel.Behind} {
		ctx, cancel := context.WithTimeout(context.Background(), r.grace)
		closed := make(chan error)
		n := 0
		for _, t := range r.taps {
			if t.side == side {
				n++
				go func() { closed <- t.Close(ctx) }()
			}
		}
		for range n {
			if err := <-closed; err != nil {
				fmt.Fprintln(r.p.stderr, "waybill: "+printable(err.Error()))
			}
		}
		cancel()
	}
}

// end ends the tape, and says what is on it.
func (r *recording) end(ran bool) error {
	c, err := r.rec.Close()
	if err != nil {
		err = undecided(fmt.Errorf("end the tape: %w", err), "what was acknowledged before is on it")
	}
	if !ran {
		return err
	}
	out := r.p.stdout
	for _, t := range r.taps {
		st := t.Stats()
		fmt.Fprintf(out, "tap %s: %d passed on, %d refused by its upstream or not reached\n", t.name, st.Accepted, st.Refused)
	}
	fmt.Fprintf(out, "recorded %d stimuli and %d messages", c.Stimuli, c.Messages)
	if c.LeftOut > 0 {
		fmt.Fprintf(out, "; sampling left out %d stimuli", c.LeftOut)
	}
	if c.Late > 0 {
		fmt.Fprintf(out, "; %d were passed on before they were on the tape", c.Late)
	}
	fmt.Fprintln(out)
	for _, path := range c.Tapes {
		fmt.Fprintln(out, path)
	}
	for _, path := range c.Torn {
		fmt.Fprintf(r.p.stderr, "waybill: the tape %s has no end: what was acknowledged is on it\n", path)
	}
	if c.Unreplayable > 0 {
		fmt.Fprintf(out, "not replayable: %d requests make no stimulus (WebSocket or CONNECT); verdicts say so\n", c.Unreplayable)
	}
	if c.Gaps > 0 {
		fmt.Fprintf(r.p.stderr, "waybill: %d were not kept, or not whole; the tapes say so, and verdicts on them are undecided:\n", c.Gaps)
		for _, reason := range c.Reasons {
			fmt.Fprintln(r.p.stderr, "  "+printable(reason))
		}
	}
	if !c.Whole() {
		r.p.code = gate.ExitUndecided
	}
	return err
}
