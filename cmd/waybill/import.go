package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/importer"
	formats "github.com/waybill-dev/waybill/gate/importer/all"
	"github.com/waybill-dev/waybill/gate/pseudonym"
	"github.com/waybill-dev/waybill/gate/tape"
)

func (p *program) importVerb() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "make a corpus of traffic that something else wrote down",
		UsageText: "waybill import [flags] --out TAPE [FORMAT] FILE...",
		Description: "The formats, which are told from each other where FORMAT is not given:" + formatList() + `

What production received becomes a stimulus, what it sent a message. Of HTTP, requests to
production's own entrances (--site) are stimuli and all others are messages; without --site
each format says what it takes for them. A mailbox holds mail that production sent, or with
--as received mail that it received.

People are replaced by pseudonyms before anything is written, with the key that [privacy] in the
configuration names; what cannot be cleared is not written, and is a gap. --keep-identities
writes people as they are, and the tape and every report say so.

What is no traffic is passed over and counted, by reason. What was traffic and could not be
kept is a gap on the tape, which makes every verdict that is made with it undecided: the
corpus can be used, and this is said on standard error. Exit code 0 says that something was
kept, and 3 that nothing could be.`,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "write the corpus to `TAPE`, which must not be there yet"},
			&cli.StringFlag{Name: "config", Usage: "take privacy, encryption, retention, doors and sinks from `CONFIG`; the default is waybill.toml where there is one"},
			&cli.StringSliceFlag{Name: "site", Usage: "`HOST[:PORT]` or :PORT of production; may be given again, and lists them between commas"},
			&cli.StringFlag{Name: "as", Value: asSent, Usage: "mail is what production `sent`, or received"},
			&cli.StringSliceFlag{Name: "door", Usage: "stimuli [of CHANNEL] come in by `[CHANNEL=]NAME`; the default is the only door of that channel in the configuration, else web or mail"},
			&cli.StringSliceFlag{Name: "sink", Usage: "messages [of CHANNEL] went out by `[CHANNEL=]NAME`; the default is as with --door"},
			&cli.StringFlag{Name: "max-body", Usage: "keep `SIZE` of a body, such as 16MiB; the default is the configuration's"},
			&cli.BoolFlag{Name: "keep-identities", Usage: "write people as they are"},
		},
		Action: p.importFiles,
	}
}

// What mail in a mailbox can be.
const (
	asSent     = "sent"
	asReceived = "received"
)

func (p *program) importFiles(c *cli.Context) error {
	if c.Args().Len() == 0 {
		return usage(errors.New("import: no file is given"), "usage: "+c.Command.UsageText)
	}
	if c.String("out") == "" {
		return usage(errors.New("import: --out is not given: where to write the corpus"), "usage: "+c.Command.UsageText)
	}
	conf, err := importConfig(c)
	if err != nil {
		return err
	}
	sources, err := importSources(c.Args().Slice())
	if err != nil {
		return err
	}
	options, err := importOptions(c, conf)
	if err != nil {
		return err
	}
	options.Say = func(text string) { fmt.Fprintln(p.stderr, "waybill: note: "+printable(text)) }
	im := &importing{
		p: p, options: options, sources: sources, out: c.String("out"), ids: map[[16]byte]struct{}{},
		skipped: map[importer.Skip]uint64{}, gaps: map[string]uint64{}, kept: map[string]uint64{},
	}
	if im.doors, err = names(c.StringSlice("door"), "door", channelsOf(conf.Doors, func(d config.Door) string { return d.Channel })); err != nil {
		return err
	}
	if im.sinks, err = names(c.StringSlice("sink"), "sink", channelsOf(conf.Sinks, func(s config.Sink) string { return s.Channel })); err != nil {
		return err
	}
	if im.clean, err = p.cleaner(conf, c.Bool("keep-identities")); err != nil {
		return err
	}
	if !conf.Dynamic.Off {
		im.learn = dynamic.NewLearner(dynamic.Options{Ignore: conf.Dynamic.Ignore, Learn: conf.Dynamic.Learn})
	}
	if im.clean != nil && identitiesBy(conf) == gate.IdentitiesDetected {
		fmt.Fprintln(p.stderr, "waybill: warning: "+detectedOnly)
	}
	p.busy.Store(true)
	if err := im.run(c.Context, importHeader(im, c.String("as"), conf, time.Now()), tape.Options{Recipients: conf.Encryption.Recipients}); err != nil {
		return err
	}
	return im.report()
}

// importConfig is the configuration, or what stands for it where there is none.
func importConfig(c *cli.Context) (*config.Config, error) {
	path := c.String("config")
	if path == "" {
		if _, err := os.Stat(config.File); errors.Is(err, fs.ErrNotExist) {
			return &config.Config{Path: config.File, Record: config.Record{MaxBody: config.DefaultRecordedBody}}, nil
		}
		path = config.File
	}
	conf, err := config.LoadRecording(path)
	if err != nil {
		return nil, usage(err, "")
	}
	return conf, nil
}

// An importSource is one file, and the format it is read as.
type importSource struct {
	path   string
	format importer.Format
}

// importSources splits the arguments of the verb. The first is a format where it is the
// name of one and others follow.
func importSources(args []string) ([]importSource, error) {
	known := formats.Formats()
	var given *importer.Format
	if i := slices.IndexFunc(known, func(f importer.Format) bool { return f.Name == args[0] }); i >= 0 && len(args) > 1 {
		given, args = &known[i], args[1:]
	}
	var sources []importSource
	for _, path := range args {
		if _, err := os.Stat(path); err != nil {
			if errors.Is(err, fs.ErrNotExist) && len(args) > 1 && path == args[0] && given == nil {
				var all []string
				for _, f := range known {
					all = append(all, f.Name)
				}
				err = fmt.Errorf("%s is neither a file nor a format; formats are %s", path, strings.Join(all, ", "))
				if near := nearest(path, all); near != "" {
					err = fmt.Errorf("%w: the nearest is %s", err, near)
				}
			}
			return nil, usage(fmt.Errorf("import: %w", err), "")
		}
		if given != nil {
			sources = append(sources, importSource{path, *given})
			continue
		}
		format, err := importer.Detect(path, known)
		if err != nil {
			return nil, usage(err, "waybill import --help lists the formats: waybill import --out TAPE FORMAT "+path)
		}
		sources = append(sources, importSource{path, format})
	}
	return sources, nil
}

func importOptions(c *cli.Context, conf *config.Config) (o importer.Options, err error) {
	o.MaxBody = int64(conf.Record.MaxBody)
	if text := c.String("max-body"); text != "" {
		var size config.Size
		if err := size.UnmarshalText([]byte(text)); err != nil {
			return o, usage(fmt.Errorf("--max-body: %w", err), "")
		}
		o.MaxBody = int64(size)
	}
	switch c.String("as") {
	case asSent:
	case asReceived:
		o.Received = true
	default:
		return o, usage(fmt.Errorf("--as %q: it is %s or %s", c.String("as"), asSent, asReceived), "")
	}
	o.Sites, err = givenSites(c)
	return o, err
}

// givenSites are the entrances that --site names.
func givenSites(c *cli.Context) (importer.Sites, error) {
	var list []string
	for _, text := range c.StringSlice("site") {
		list = append(list, strings.Split(text, ",")...)
	}
	sites, err := importer.ParseSites(list)
	if err != nil {
		return nil, usage(fmt.Errorf("--%w", err), "")
	}
	return sites, nil
}

// channelsOf are the names of doors or sinks, by channel.
func channelsOf[T any](all map[string]T, channel func(T) string) map[string][]string {
	out := map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out[channel(all[name])] = append(out[channel(all[name])], name)
	}
	return out
}

// names are the doors or sinks that records are given, by channel; "" is any channel
// that has none of its own. Where nothing is given, the only one that is configured for a
// channel is taken.
func names(given []string, flag string, configured map[string][]string) (map[string]string, error) {
	out := map[string]string{}
	for channel, all := range configured {
		if len(all) == 1 {
			out[channel] = all[0]
		}
	}
	if len(given) > 0 {
		clear(out)
	}
	for _, text := range given {
		channel, name, ok := strings.Cut(text, "=")
		if !ok {
			channel, name = "", text
		}
		if _, err := protocol(channel); name == "" || ok && err != nil {
			return nil, usage(fmt.Errorf("--%s %q: give a name, or CHANNEL=NAME", flag, text), "")
		}
		if _, twice := out[channel]; twice {
			return nil, usage(fmt.Errorf("--%s %q: there is one for that channel already", flag, text), "")
		}
		out[channel] = name
	}
	return out, nil
}

// importHeader says how the tape came to be. It names no file: names of files may name people.
func importHeader(im *importing, as string, conf *config.Config, now time.Time) gate.Header {
	var read []string
	for _, s := range im.sources {
		read = append(read, s.format.Name)
	}
	slices.Sort(read)
	h := gate.Header{
		Content: gate.CorpusTape, Version: version(), At: now.UnixNano(), Origin: "import " + strings.Join(slices.Compact(read), ", "),
		Identities: gate.IdentitiesKept,
		Made: map[string]string{
			"files": strconv.Itoa(len(im.sources)), "max_body": strconv.FormatInt(im.options.MaxBody, 10), "mail": as,
		},
	}
	if len(im.options.Sites) > 0 {
		h.Made["sites"] = im.options.Sites.String()
	}
	if im.clean != nil {
		h.Identities, h.Key = identitiesBy(conf), im.clean.KeyID()
	}
	if days := conf.Record.RetainDays; days > 0 {
		h.RetainUntil = now.AddDate(0, 0, days).UnixNano()
	}
	return h
}

// An importing is one call of the verb.
type importing struct {
	p       *program
	options importer.Options
	sources []importSource
	out     string
	doors   map[string]string
	sinks   map[string]string
	clean   *pseudonym.Cleaner // nil: people stay as they are
	learn   *dynamic.Learner   // nil: nothing is learnt

	w       *tape.Writer
	batch   batch                 // of w
	ids     map[[16]byte]struct{} // digests of those of stimuli
	last    uint64                // number of the last message
	base    uint64                // the same, of the source before
	unclear uint64                // records that could not be cleared
	dropped string                // place of the record that was last not cleared: its gaps go with it
	bytes   int64
	kept    map[string]uint64 // records by what they are
	skipped map[importer.Skip]uint64
	gaps    map[string]uint64
}

// run writes the tape. It leaves none behind where it fails.
func (im *importing) run(ctx context.Context, h gate.Header, o tape.Options) (err error) {
	if im.w, err = tape.Create(im.out, h, o); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return usage(err, "name another file")
		}
		return usage(err, "")
	}
	im.batch.w = im.w
	if err := im.write(ctx); err != nil {
		return errors.Join(err, im.w.Abort(), os.Remove(im.out))
	}
	if im.total() == 0 {
		if err := os.Remove(im.out); err != nil {
			return undecided(err, "")
		}
	}
	return nil
}

func (im *importing) write(ctx context.Context) error {
	if err := im.learnPeople(ctx); err != nil {
		return err
	}
	bar := im.p.bar("import", 0)
	defer bar.done()
	for i, s := range im.sources {
		o := im.options
		if i > 0 {
			o.Prefix = strconv.Itoa(i+1) + "-"
		}
		im.base = im.last
		for item, err := range s.format.Read(s.path, o) {
			if err == nil {
				err = stoppedBy(ctx)
			}
			if err == nil {
				err = im.take(&item, s.path)
			}
			if err != nil {
				return importFailure(err)
			}
			bar.at(im.total())
		}
	}
	if im.unclear > 0 {
		g := &gate.Gap{Kind: gate.GapNotCleared, Where: "import", Detail: "stimuli and messages whose people could not all be found and replaced", Count: im.unclear}
		if err := im.batch.append(&gate.Record{Kind: gate.KindGap, Gap: g}); err != nil {
			return importFailure(err)
		}
		im.gaps[g.Kind] += im.unclear
	}
	if err := im.batch.flush(); err != nil {
		return importFailure(err)
	}
	return importFailure(im.w.Close(gate.Footer{}))
}

// learnPeople reads sources that can be read twice a first time, so that who is named late
// in a session, or by a directory at the end, is replaced in what stands before too.
func (im *importing) learnPeople(ctx context.Context) error {
	if im.clean == nil {
		return nil
	}
	o := im.options
	o.Say = func(string) {}
	for _, s := range im.sources {
		if st, err := os.Stat(s.path); err != nil || !st.Mode().IsRegular() && !st.IsDir() {
			continue
		}
		for item, err := range s.format.Read(s.path, o) {
			if err == nil {
				err = stoppedBy(ctx)
			}
			if err != nil {
				var own *failure
				if errors.As(err, &own) {
					return err
				}
				break // it is told of when it is read for the tape
			}
			switch r := item.Record; {
			case r.Stimulus != nil:
				_ = im.clean.Stimulus(r.Stimulus, item.Outcome) // what cannot be cleared is counted when it is read again
			case r.Message != nil:
				_ = im.clean.Message(r.Message)
			}
		}
	}
	return nil
}

func importFailure(err error) error {
	var own *failure
	if err == nil || errors.As(err, &own) {
		return err
	}
	return undecided(err, "nothing was imported")
}

// take takes one item of the source at path.
func (im *importing) take(item *importer.Item, path string) error {
	im.bytes += item.Bytes
	if item.Skip != nil {
		im.skipped[*item.Skip]++
		return nil
	}
	r := item.Record
	var place string
	var err error
	switch {
	case r.Stimulus != nil:
		s := r.Stimulus
		place = s.ID
		sum := sha256.Sum256([]byte(s.ID))
		id := [16]byte(sum[:16])
		if _, twice := im.ids[id]; twice {
			return fmt.Errorf("import %s: two stimuli have the id %q", path, s.ID)
		}
		im.ids[id] = struct{}{}
		s.Door = named(im.doors, s.Channel, s.Door)
		if im.clean != nil {
			err = im.clean.Stimulus(s, item.Outcome)
		}
		if err == nil && im.learn != nil {
			given := s.Bindings
			if im.learn.Learn(s, item.Outcome); len(given) > 0 {
				s.Bindings = given // by whoever wrote the source, who knew
			}
		}
	case r.Message != nil:
		m := r.Message
		m.Seq += im.base
		im.last = max(im.last, m.Seq)
		place = fmt.Sprintf("message %d", m.Seq)
		m.Sink = named(im.sinks, m.Channel, m.Sink)
		if im.clean != nil {
			err = im.clean.Message(m)
		}
		if err == nil && im.learn != nil {
			im.learn.Message(m)
		}
	case r.Gap != nil:
		return im.gap(r.Gap)
	}
	if err != nil {
		im.unclear++
		im.dropped = place
		return nil
	}
	im.dropped = ""
	switch {
	case r.Stimulus != nil:
		im.kept["stimuli "+r.Stimulus.Channel+" of door "+r.Stimulus.Door]++
	case r.Message != nil:
		im.kept["messages "+r.Message.Channel+" of sink "+r.Message.Sink]++
	}
	return im.batch.append(&r)
}

// gap keeps a gap, but for one of a record that was not cleared: the count of those
// says it.
func (im *importing) gap(g *gate.Gap) error {
	if g.Seq > 0 {
		g.Seq += im.base
		g.Where = fmt.Sprintf("message %d", g.Seq)
	}
	if im.dropped != "" && (g.Stimulus == im.dropped || g.Where == im.dropped) {
		return nil
	}
	im.gaps[g.Kind] += max(g.Count, 1)
	return im.batch.append(&gate.Record{Kind: gate.KindGap, Gap: g})
}

func named(names map[string]string, channel, fallback string) string {
	if name := names[channel]; name != "" {
		return name
	}
	if name := names[""]; name != "" {
		return name
	}
	return fallback
}

// total is how many records were kept.
func (im *importing) total() (n uint64) {
	for _, k := range im.kept {
		n += k
	}
	return n
}

// report prints what was read, and what became of it.
func (im *importing) report() error {
	w := tabwriter.NewWriter(im.p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "read\t%d\tbytes of %d sources\n", im.bytes, len(im.sources))
	for _, what := range sortedKeys(im.kept) {
		fmt.Fprintf(w, "kept\t%d\t%s\n", im.kept[what], what)
	}
	for _, s := range slices.SortedFunc(maps.Keys(im.skipped), func(a, b importer.Skip) int {
		return strings.Compare(a.Reason+"\x00"+a.Detail, b.Reason+"\x00"+b.Detail)
	}) {
		fmt.Fprintf(w, "skipped\t%d\t%s: %s\n", im.skipped[s], s.Reason, s.Detail)
	}
	gaps := uint64(0)
	for _, kind := range sortedKeys(im.gaps) {
		if kind != gate.GapNotReplayable { // which leaves verdicts decided
			gaps += im.gaps[kind]
		}
		fmt.Fprintf(w, "gaps\t%d\t%s\n", im.gaps[kind], kind)
	}
	if err := w.Flush(); err != nil {
		return undecided(fmt.Errorf("print what was imported: %w", err), "")
	}
	if im.total() == 0 {
		return undecided(errors.New("import: nothing could be kept, and no tape was written"), "what was passed over and what is a gap stands above")
	}
	if gaps > 0 {
		fmt.Fprintf(im.p.stderr, "waybill: warning: %d gaps are on the tape %s: verdicts that are made with it are undecided\n", gaps, printable(im.out))
	}
	return nil
}
