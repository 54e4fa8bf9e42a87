package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/build"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/replay"
	"github.com/waybill-dev/waybill/gate/shard"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A session is one configuration with its corpus, ready to be replayed.
type session struct {
	p      *program
	conf   *config.Config
	corpus tape.Report
	keys   tape.Keys
	gaps   tally             // of the corpus
	needs  *dynamic.Needs    // of its stimuli; nil where nothing is bound
	follow *replay.Follow    // links that are asked for; nil: none
	fields map[string]string // header fields that stimuli of HTTP are given
	folder string            // .waybill beside the configuration, or that of a shard
	runs   string            // where runs are kept; "" is in folder
	shard  shard.Of          // that is replayed; zero is the whole corpus
	part   *shard.Assignment // of that shard; nil is the whole corpus

	authority *http.Authority
	scratch   string            // temporary; holds the root certificate
	ca        string            // file with it
	settings  map[string]string // of each sink, for the header of runs
	sites     map[gate.Role]*build.Site
	listened  map[gate.Role]map[string]string // where the sinks of a role's last replay listened; one map for builds in turn
	stood     map[string]string               // where the doors of the last build were, those that it was given; of builds in turn
	keep      bool
	locked    *os.File
	guard     string                   // how runs are kept from the builds
	made      map[gate.Role]gate.Built // what was replayed in a role, before its set-up

	planned plan         // how many replays there will be
	begun   atomic.Int64 // how many of them were

	mu      sync.Mutex
	checked [2]string         // what the first check of the state printed before a replay, and the first of one after it
	lag     time.Duration     // the longest gap between a cause and its last effect in replays of production so far
	written map[string]string // what was written of each tape that is closed, by path: SHA-256; and the corpus as it was read

	// settled reports whether the last of some replays of production shows nothing that
	// the others do not explain. nil: it is not asked, and production is replayed as
	// often as is configured at least.
	settled func(ctx context.Context, production []string) (bool, error)
}

// sessionOptions are what the command line says of a session.
type sessionOptions struct {
	concurrency int  // 0 is the configuration's
	keepState   bool // leave the folders of the builds

	// folder is where the session has its lock and its runs; "" is
	// [config.Config.Folder]. Sessions of different folders run side by side.
	folder string
}

// loadConfig reads a configuration.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path)
	if err != nil {
		return nil, usage(err, "")
	}
	return c, nil
}

// openSession checks everything that can be checked before a build is started.
// The caller closes the session.
func (p *program) openSession(ctx context.Context, conf *config.Config, o sessionOptions) (*session, error) {
	s := &session{p: p, conf: conf, folder: cmp.Or(o.folder, conf.Folder()), sites: map[gate.Role]*build.Site{}, made: map[gate.Role]gate.Built{}, settings: map[string]string{}, written: map[string]string{},
		listened: map[gate.Role]map[string]string{gate.Production: {}, gate.Staging: {}}}
	if conf.Replay.Builds == config.InTurn {
		s.listened[gate.Staging] = s.listened[gate.Production]
	}
	if o.concurrency > 0 {
		conf.Replay.Concurrency = o.concurrency
	}
	for name, d := range conf.Doors {
		if _, err := protocol(d.Channel); err != nil {
			return nil, usage(fmt.Errorf("%s: door %s: %w", conf.Path, name, err), "")
		}
	}
	for name, sink := range conf.Sinks {
		proto, err := protocol(sink.Channel)
		if err == nil {
			s.settings[name], err = freeze(proto, sink.Settings)
		}
		if err != nil {
			return nil, usage(fmt.Errorf("%s: sink %s: %w", conf.Path, name, err), "")
		}
	}
	if _, err := comparing(conf, ""); err != nil { // masks are refused before anything runs
		return nil, err
	}
	var err error
	if s.keys, err = p.ownKeys(conf); err != nil {
		return nil, err
	}
	if s.fields, err = headers(conf); err != nil {
		return nil, err
	}
	if err := s.openCorpus(); err != nil {
		return nil, err
	}
	err = s.prepare(ctx, o)
	if err == nil {
		s.follow, err = s.following(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// openCorpus reads the whole corpus once: it must be whole, and the one that is pinned.
func (s *session) openCorpus() error {
	path := s.conf.Corpus.Path
	if !s.conf.Dynamic.Off {
		s.needs = dynamic.NewNeeds(dynamic.Options{Ignore: s.conf.Dynamic.Ignore})
	}
	if sum, err := tape.FileSum(path); err == nil { // else told below
		s.written[path] = sum
	}
	r, err := s.keys.Verify(path, func(rec *gate.Record) error {
		if rec.Gap != nil {
			s.gaps.add(*rec.Gap)
		}
		if rec.Stimulus != nil && s.needs != nil {
			s.needs.Add(rec.Stimulus)
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return usage(fmt.Errorf("open the corpus %s: %w", path, fs.ErrNotExist),
			"make one of production's traffic with waybill record or waybill import, or of JSON Lines with waybill tape pack, and say in "+s.conf.Path+" where it is: [corpus] path")
	case err != nil:
		return tapeFailure(fmt.Errorf("open the corpus: %w", err))
	case r.Header.Content != gate.CorpusTape:
		return usage(fmt.Errorf("open the corpus %s: it is a run and not a corpus", path), "")
	}
	if want := s.conf.Corpus.Digest; want != "" && want != r.Digest {
		return usage(fmt.Errorf("the corpus %s is not the one that %s pins: its digest is %s, and not %s", path, s.conf.Path, r.Digest, want),
			"restore the corpus, or, if it was changed on purpose, pin the new digest; approvals for the old one no longer hold")
	}
	if _, err := retained(path, &r.Header, time.Now()); err != nil {
		return err
	}
	s.corpus = r
	return nil
}

// prepare makes folders, the root certificate of the sinks, and the sites of the builds.
func (s *session) prepare(ctx context.Context, o sessionOptions) error {
	s.p.busy.Store(true)
	s.keep = o.keepState
	folder := s.folder
	if o.folder == "" {
		folder = filepath.Join(s.folder, "runs")
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return undecided(fmt.Errorf("make the folder for runs: %w", err), "")
	}
	f, err := os.OpenFile(filepath.Join(s.folder, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return undecided(fmt.Errorf("lock %s: %w", s.folder, err), "")
	}
	s.locked = f
	if err := lock(f); err != nil {
		return undecided(fmt.Errorf("lock %s: %w", s.folder, err), "wait until it has ended")
	}
	if s.authority, err = http.NewAuthority(); err != nil {
		return undecided(err, "")
	}
	if s.scratch, err = os.MkdirTemp("", "waybill-"); err != nil {
		return undecided(fmt.Errorf("make a temporary folder: %w", err), "")
	}
	s.ca = filepath.Join(s.scratch, "ca.pem")
	if err := os.WriteFile(s.ca, s.authority.RootPEM(), 0o600); err != nil {
		return undecided(fmt.Errorf("write the root certificate of the sinks: %w", err), "")
	}
	guard, err := s.guarded(folder)
	if err != nil {
		return undecided(fmt.Errorf("keep the runs from the builds: %w", err), "")
	}
	var doors []string
	for name := range s.conf.Doors {
		doors = append(doors, name)
	}
	slices.Sort(doors)
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		b := s.conf.Build(role)
		if b == nil || role == gate.Production && s.conf.Baseline == config.Recorded {
			continue
		}
		site, err := build.NewSite(build.Spec{Role: role, Build: b, State: s.conf.State, Config: s.conf.Dir, Doors: doors, CA: s.ca, Keep: o.keepState, Guard: guard})
		if err != nil {
			return undecided(err, "")
		}
		s.sites[role] = site
		if s.made[role], err = built(ctx, s.conf, role, ""); err != nil {
			return undecided(err, "")
		}
	}
	return nil
}

// close deletes what the session made, but for runs, and says where kept state is.
func (s *session) close() error {
	var errs []error
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		site := s.sites[role]
		if site == nil {
			continue
		}
		if s.keep {
			fmt.Fprintf(s.p.stderr, "the folder of %s is left in %s\n", role, site.Folder())
		}
		errs = append(errs, site.Close())
	}
	if s.scratch != "" {
		errs = append(errs, os.RemoveAll(s.scratch))
	}
	if s.locked != nil {
		errs = append(errs, s.locked.Close())
	}
	return errors.Join(errs...)
}

// runPath is where the n-th run of a role under a scenario is kept.
func (s *session) runPath(scenario string, role gate.Role, n int) string {
	return filepath.Join(cmp.Or(s.runs, filepath.Join(s.folder, "runs")), fmt.Sprintf("%s-%s-%d.tape", scenario, role, n))
}

// forget removes the runs of an earlier gate, with what is kept beside them, those of staging first: one of them
// beside a run of this gate, should it be stopped half way, would be judged as its.
func (s *session) forget() error {
	folder := filepath.Join(s.folder, "runs")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return undecided(fmt.Errorf("remove the runs of an earlier gate: %w", err), "")
	}
	for _, role := range []gate.Role{gate.Staging, gate.Production} {
		for _, e := range entries {
			if ok, _ := filepath.Match(fmt.Sprintf("*-%s-*.tape*", role), e.Name()); !ok {
				continue
			}
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil {
				return undecided(fmt.Errorf("remove a run of an earlier gate: %w", err), "")
			}
		}
	}
	return nil
}

// createRun creates the tape of a run. One of staging begins with what the corpus does not hold.
func (s *session) createRun(scenario config.Scenario, role gate.Role, n int, out target) (*tape.Writer, error) {
	part := ""
	if s.part != nil {
		part = s.shard.String()
	}
	w, err := tape.Create(out.path, gate.Header{
		Content: gate.RunTape, Version: version(), At: time.Now().UnixNano(), Role: role, Build: s.conf.Build(role).Name,
		Scenario: scenario.Name, Replay: n, Shard: part, Corpus: s.corpus.Digest, Settings: s.settings,
		Notes:      s.notes(scenario, role),
		Identities: s.corpus.Header.Identities, Key: s.corpus.Header.Key, RetainUntil: s.corpus.Header.RetainUntil,
	}, tape.Options{Overwrite: out.overwrite, Recipients: s.conf.Encryption.Recipients})
	if errors.Is(err, fs.ErrExist) {
		return nil, usage(fmt.Errorf("write the run %s: it is there already", out.path), "give another file to --out")
	}
	if err != nil {
		return nil, undecided(fmt.Errorf("write the run: %w", err), "")
	}
	if role == gate.Staging && s.shard.Number <= 1 { // every verdict has one such run, and says there what the corpus does not hold
		for i := range s.gaps.list {
			if err := w.Append(&gate.Record{Kind: gate.KindGap, Gap: &s.gaps.list[i]}); err != nil {
				return nil, errors.Join(undecided(fmt.Errorf("write the run: %w", err), ""), w.Abort())
			}
		}
	}
	return w, nil
}

// replay replays the corpus to the build of a role under one scenario and leaves
// the run at path. n says which replay it is, from 1.
func (s *session) replay(ctx context.Context, scenario config.Scenario, role gate.Role, n int, out target) error {
	what := fmt.Sprintf("%s, replay %d of %s", scenario.Name, n, role)
	b := s.conf.Build(role)
	site := s.sites[role]
	if site == nil {
		return usage(fmt.Errorf("%s: %s has no build of that role", what, s.conf.Path), "")
	}
	w, err := s.createRun(scenario, role, n, out)
	if err != nil {
		return err
	}
	corpus, err := s.keys.Open(s.conf.Corpus.Path)
	if err != nil {
		return errors.Join(tapeFailure(fmt.Errorf("open the corpus: %w", err)), w.Abort())
	}
	defer corpus.Close()
	bar := s.replayBar(what)
	defer bar.done()
	var running *build.Build // nil: it did not start
	result, err := replay.Run(ctx, replay.Plan{
		Stimuli: s.own(stimuli(corpus)), Total: s.total(), Needs: s.needs, Part: s.part != nil, Headers: s.fields,
		Store: w, Sinks: s.sinks(role), Doors: s.doors(b),
		Start: func(ctx context.Context, sinks map[string]string) (replay.Build, error) {
			started, err := site.Start(ctx, build.Start{Scenario: scenario.Name, Sinks: sinks, Doors: s.stood})
			if err != nil {
				return nil, err // and no nil of another type
			}
			running = started
			if s.conf.Replay.Builds == config.InTurn {
				s.stood = started.Doors()
				maps.DeleteFunc(s.stood, func(name, _ string) bool { return b.Doors[name] != "" })
			}
			return started, nil
		},
		Follow:   s.follow,
		Scenario: scenario, Pace: s.conf.Replay.Pace, Concurrency: s.conf.Replay.Concurrency, Order: s.conf.Replay.Order,
		AnswerTimeout: s.conf.Replay.AnswerTimeout.Duration, QuietTimeout: b.Quiet.Timeout.Duration,
		Settle: settle(b), Lag: s.knownLag(), StopSends: b.Stop.Sends,
		Linger: s.linger(n), Lingered: out.lingered, Until: out.until,
		MaxMessages: s.conf.Replay.MaxMessages, MaxAnswer: s.conf.Replies.MaxAnswer,
		Progress: func(p replay.Progress) { bar.at(p.Done) },
	})
	maps.Copy(s.listened[role], result.Sinks)
	if role == gate.Production {
		s.mu.Lock()
		s.lag = max(s.lag, result.Lag)
		s.mu.Unlock()
	}
	if running != nil {
		result.Footer.State = running.State()
		s.stateChecked(what, running)
	}
	if closed := w.Close(result.Footer); closed != nil {
		err = errors.Join(err, fmt.Errorf("write the end of the run: %w", closed))
	}
	s.mu.Lock()
	s.written[out.path] = w.Sum()
	s.mu.Unlock()
	if stop := stoppedBy(ctx); stop != nil {
		return stop
	}
	for _, text := range result.Jobs {
		s.p.printed(what, text)
	}
	if err != nil {
		return s.replayFailed(what, err)
	}
	return nil
}

// replayFailed is the failure that an error of a replay comes to. Where nobody is to be named, it
// leaves out what a command of the build printed.
func (s *session) replayFailed(what string, err error) error {
	told := err
	if first := firstLine(err.Error()); s.p.masked && first != err.Error() {
		told = errors.New(first + " (what it printed is left out, since nobody is to be named)")
	}
	told = fmt.Errorf("%s: %w", what, told)
	var migration *build.MigrationError
	if errors.As(err, &migration) {
		return usage(told, "mend the migration: this build was not judged; --keep-state leaves the folder in which it failed")
	}
	return undecided(told, startHint(err))
}

// unchanged makes sure, when no build runs any more, that tapes and the corpus hold what was
// written and read: a build runs where they are, and what it sends is what they are to show.
// What is kept beside a tape to judge it sooner is made anew.
func (s *session) unchanged(tapes ...string) error {
	for _, path := range append(tapes[:len(tapes):len(tapes)], s.conf.Corpus.Path) {
		was, known := s.written[path]
		if !known {
			return undecided(fmt.Errorf("the run %s was not written here", path), "")
		}
		now, err := tape.FileSum(path)
		if err != nil {
			return undecided(fmt.Errorf("the evidence was changed after it was written: %w", err), tampered)
		}
		if now != was {
			return undecided(fmt.Errorf("the evidence was changed after it was written: %s holds something else", path), tampered)
		}
		if path == s.conf.Corpus.Path {
			continue
		}
		if err := os.Remove(path + pipeline.DigestsSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return undecided(fmt.Errorf("remove what was kept beside a run: %w", err), "")
		}
	}
	return nil
}

const tampered = "a build can write where its runs are kept: see what it does there, and run it as another user"

// printed says what a command of a build printed before it failed, where people may be named.
func (p *program) printed(what, text string) {
	lines := strings.Split(text, "\n")
	if p.masked && len(lines) > 1 {
		lines = []string{lines[0], "(left out, since nobody is to be named)"}
	}
	fmt.Fprintf(p.stderr, "%s: %s\n", what, printable(lines[0]))
	for _, line := range lines[1:] {
		fmt.Fprintln(p.stderr, "  | "+printable(line))
	}
}

// For tests, which wait less than people do; 0 is what is configured, and measured.
var leastSettle, longestLinger time.Duration

// againLinger is how long a further replay of a build is left running: what it sends late was
// seen in the first.
const againLinger = 2 * time.Second

// settle is how long nothing must happen for a build to be idle: 0 is measured.
func settle(b *config.Build) time.Duration {
	if b.Quiet.Set() {
		return b.Quiet.Settle.Duration
	}
	return cmp.Or(b.Quiet.Settle.Duration, leastSettle)
}

// linger is how long the build of the n-th replay is left running when it is quiet.
func (s *session) linger(n int) time.Duration {
	d := s.conf.Replay.Linger.Duration
	if n > 1 {
		d = min(d, againLinger)
	}
	if longestLinger > 0 {
		d = min(d, longestLinger)
	}
	return d
}

func (s *session) knownLag() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lag
}

// A target is where a run is written, and which other it waits for: see [replay.Plan].
type target struct {
	path      string
	overwrite bool
	lingered  func()
	until     <-chan struct{}
}

// startHint is what to do about a replay that could not begin.
func startHint(err error) string {
	switch text := err.Error(); {
	case strings.Contains(text, "address already in use"):
		return "end what listens there, or let waybill choose a port: leave the address out"
	case strings.Contains(text, "was not ready within"):
		return "see where it listens and what its ready probe asks, or give it longer: ready = { timeout = \"2m\" }"
	case strings.Contains(text, "before it was ready"):
		return "start it by hand as command, dir and env of that build say; --keep-state leaves its folder"
	case strings.Contains(text, "no space left on device"), strings.Contains(text, "file too large"):
		return "make room where the run is written and where temporary files go, and replay again"
	case strings.Contains(text, "too many open files"):
		return "raise the limit (ulimit -n), or lower concurrency, and replay again"
	case errors.Is(err, fs.ErrNotExist):
		return "see command, dir and setup of that build"
	}
	return ""
}

// own are those of a corpus' stimuli that the session replays.
func (s *session) own(all iter.Seq2[gate.Stimulus, error]) iter.Seq2[gate.Stimulus, error] {
	if s.part == nil {
		return all
	}
	return func(yield func(gate.Stimulus, error) bool) {
		for one, err := range all {
			if (err != nil || s.part.Has(&one)) && !yield(one, err) {
				return
			}
		}
	}
}

// total is how many stimuli the session replays.
func (s *session) total() uint64 {
	if s.part == nil {
		return s.corpus.Stimuli
	}
	return s.part.Count()
}

// stimuli are those of a corpus, in their order.
func stimuli(r *tape.Reader) iter.Seq2[gate.Stimulus, error] {
	return func(yield func(gate.Stimulus, error) bool) {
		for {
			rec, _, err := r.Next()
			if err == io.EOF {
				return
			}
			if err != nil {
				yield(gate.Stimulus{}, err)
				return
			}
			if rec.Stimulus != nil && !yield(*rec.Stimulus, nil) {
				return
			}
		}
	}
}

// protocol is the protocol of that name.
func protocol(name string) (channel.Protocol, error) {
	var names []string
	for _, p := range protocols() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return channel.Protocol{}, fmt.Errorf("there is no channel %q: there are %s", name, strings.Join(names, ", "))
}

func (s *session) sinks(role gate.Role) []replay.Sink {
	var out []replay.Sink
	for _, name := range sortedKeys(s.conf.Sinks) {
		c := s.conf.Sinks[name]
		proto, _ := protocol(c.Channel) // openSession has seen it
		out = append(out, replay.Sink{Listen: listenAgain(proto.Listen, s.listened[role][name]), Config: channel.SinkConfig{
			Name: name, Address: c.Address, MaxBody: int64(c.MaxBody), Authority: s.authority, Settings: c.Settings,
		}})
	}
	return out
}

// listenAgain listens where the sink did in the replay before, if nobody has taken
// that place: the state of a build can be kept, and reset, where what it was told
// of its sinks still holds.
func listenAgain(listen func(channel.SinkConfig) (channel.Sink, error), before string) func(channel.SinkConfig) (channel.Sink, error) {
	if before == "" {
		return listen
	}
	return func(c channel.SinkConfig) (channel.Sink, error) {
		configured := c.Address
		c.Address = before
		sink, err := listen(c)
		if err == nil || configured == before {
			return sink, err
		}
		c.Address = configured
		return listen(c)
	}
}

func (s *session) doors(b *config.Build) map[string]replay.Door {
	out := map[string]replay.Door{}
	for name, d := range s.conf.Doors {
		proto, _ := protocol(d.Channel)
		out[name] = replay.Door{Drive: proto.Drive, Config: channel.DriveConfig{
			Door: name, Address: b.Doors[name], Concurrency: s.conf.Replay.Concurrency, Settings: d.Settings,
		}}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
