package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func (p *program) gateVerb() *cli.Command {
	return &cli.Command{
		Name:      "gate",
		Usage:     "replay the corpus to both builds, compare who receives what, and judge",
		UsageText: "waybill gate [flags] [DIR|CONFIG]",
		Description: "Reads " + config.File + " in DIR (default: the current directory), or CONFIG.\n\n" +
			exitCodes(),
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "json", Usage: "write the verdict to `FILE` instead of where the configuration says"},
			&cli.StringFlag{Name: "approvals", Usage: "read approvals from `FILE` instead of where the configuration says"},
			reviewsFlag(),
			&cli.BoolFlag{Name: "report-only", Usage: "exit with 0 where the release is blocked, and only there"},
			&cli.BoolFlag{Name: "keep-state", Usage: "leave the folders in which the builds ran, and say where they are"},
			&cli.IntFlag{Name: "concurrency", Usage: "`N` stimuli under way at once instead of what the configuration says"},
			commitFlag(), seedFlag(), sameBuildFlag(), selfFlag(), baseFlag(),
		}, reportFlags()...),
		Action: p.gate,
	}
}

func seedFlag() cli.Flag {
	return &cli.Uint64Flag{Name: "seed", Value: 1, Usage: "`SEED` of the misdelivery that is planted to prove that it would be seen"}
}

func (p *program) gate(c *cli.Context) error {
	if err := arguments(c, 0, 1); err != nil {
		return err
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	if c.IsSet("concurrency") && c.Int("concurrency") < 1 {
		return usage(fmt.Errorf("--concurrency %d: it must be at least 1", c.Int("concurrency")), "")
	}
	path := "."
	if c.Args().Present() {
		path = c.Args().First()
	}
	conf, err := loadConfig(path)
	if err != nil {
		return err
	}
	if err := withPeople(&o, conf); err != nil {
		return err
	}
	if c.IsSet("approvals") {
		conf.Approvals.Path = c.String("approvals")
		if _, err := os.Stat(conf.Approvals.Path); err != nil { // what was asked for by name must be there
			return usage(fmt.Errorf("read approvals: %w", err), "")
		}
	}
	folder := ""
	if c.Bool("self") {
		if folder, err = againstItself(conf); err != nil {
			return err
		}
	}
	if c.IsSet("json") {
		conf.Report.JSON = c.String("json")
	}
	if err := forgetVerdict(conf.Report.JSON); err != nil {
		return err
	}
	in := &verdict.Input{Now: time.Now()}
	policy(c, conf, in)
	if err := p.made(c, in, conf.Path, conf.Approvals.Path); err != nil {
		return err
	}
	if err := p.settings(c, conf, in); err != nil {
		return err
	}
	if c.Bool("self") {
		note(in, selfNote)
	}
	err = p.gather(c, conf, in, folder)
	if stop := stoppedBy(c.Context); stop != nil {
		return stop
	}
	if err != nil {
		v := failed(err, in)
		return errors.Join(err, writeVerdict(conf.Report.JSON, &v))
	}
	return p.conclude(c, verdict.Decide(*in), places{verdict: conf.Report.JSON, config: conf.Path, approvals: c.String("approvals")}, o)
}

// gather replays every scenario and puts all evidence into the verdict's input. The runs stand in
// folder, or where they do if it is "".
func (p *program) gather(c *cli.Context, conf *config.Config, in *verdict.Input, folder string) (err error) {
	ctx := c.Context
	in.Approvals, err = verdict.LoadApprovals(conf.Approvals.Path, verdict.Limits{Now: in.Now, MaxDays: conf.Approvals.MaxDays})
	if err != nil {
		return usage(err, "")
	}
	if err := p.weighApprovals(c, conf, in); err != nil {
		return err
	}
	s, err := p.openSession(c.Context, conf, sessionOptions{folder: folder, concurrency: c.Int("concurrency"), keepState: c.Bool("keep-state")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.forget(); err != nil {
		return err
	}
	in.Corpus, in.Made.Stimuli = s.corpus.Digest, s.corpus.Stimuli
	if err := s.mark(in); err != nil {
		return err
	}
	if conf.Corpus.Digest == "" {
		note(in, "the corpus is not pinned; its digest is "+s.corpus.Digest)
	}
	if n, place := s.needs.Unbound(); n > 0 {
		note(in, fmt.Sprintf("not bound: %d of %d stimuli hold values that look made by the application and that nothing on the tape gave (%s is the first); they are sent as recorded: waybill corpus stat lists their places",
			n, s.corpus.Stimuli, p.unnamed()(place)))
	}
	if s.corpus.Stimuli == 0 && !onlyJobs(conf) {
		in.Gaps = append(in.Gaps, gate.Gap{Kind: gate.GapEmptyCorpus, Where: conf.Corpus.Path, Detail: "the corpus has no stimuli: nothing was replayed"})
		return nil
	}
	options, err := comparing(conf, conf.Corpus.Path)
	if err != nil {
		return err
	}
	options.Keys = s.keys
	s.settled = settling(options)
	s.planned = plannedReplays(conf)
	proven := false
	for _, scenario := range conf.Scenarios {
		production, staging, err := s.both(ctx, scenario)
		if err != nil {
			return err
		}
		if err := s.unchanged(append(production[:len(production):len(production)], staging)...); err != nil {
			return err
		}
		if err := p.judged(ctx, options, production, staging, in); err != nil {
			return err
		}
		if err := (attestation{conf, options, production, staging}).into(ctx, in); err != nil {
			return err
		}
		if !proven {
			if err := proveEyes(ctx, options, production[0], c.Uint64("seed"), in); err != nil {
				return err
			}
			proven = in.Drill != ""
		}
	}
	unusedPolicy(conf, in)
	return s.programs(ctx, in)
}

func onlyJobs(conf *config.Config) bool {
	for _, s := range conf.Scenarios {
		if s.Kind != config.Alone {
			return false
		}
	}
	return true
}

// both replays one scenario to both builds, production as often as is configured.
// It returns the tapes: the first of production is the baseline. Builds that run side by
// side stay up until both roles are done.
func (s *session) both(ctx context.Context, scenario config.Scenario) (production []string, staging string, err error) {
	at := func(role gate.Role, n int) target {
		return target{path: s.runPath(scenario.Name, role, n), overwrite: true}
	}
	staging = at(gate.Staging, 1).path
	stagingOver, productionOver := make(chan struct{}), make(chan struct{})
	together := s.conf.Baseline != config.Recorded && s.conf.Replay.Builds == config.SideBySide
	onStaging := func() error {
		to := at(gate.Staging, 1)
		if together {
			to.lingered, to.until = sync.OnceFunc(func() { close(stagingOver) }), productionOver
			defer to.lingered()
		}
		return s.replay(ctx, scenario, gate.Staging, 1, to)
	}
	if s.conf.Baseline == config.Recorded {
		return []string{s.conf.Corpus.Path}, staging, onStaging()
	}
	onProduction := func() error {
		defer close(productionOver)
		for n := 1; ; n++ {
			to := at(gate.Production, n)
			if together {
				to.until = stagingOver
			}
			production = append(production, to.path)
			if err := s.replay(ctx, scenario, gate.Production, n, to); err != nil {
				return err
			}
			if done, err := s.enough(ctx, production); done || err != nil {
				return err
			}
		}
	}
	if together {
		err := sideBySide(onProduction, onStaging)
		return production, staging, err
	}
	if err := onProduction(); err != nil {
		return nil, "", err
	}
	return production, staging, onStaging()
}

// enough reports whether production was replayed often enough.
func (s *session) enough(ctx context.Context, production []string) (bool, error) {
	r := &s.conf.Replay
	switch n := len(production); {
	case n < r.Replays.Count:
		return false, nil
	case !r.Replays.Auto || s.settled == nil || n >= r.MaxReplays:
		return true, nil
	}
	return s.settled(ctx, production)
}

// settling is how a session asks whether replays of production are enough.
func settling(o pipeline.Options) func(context.Context, []string) (bool, error) {
	return func(ctx context.Context, production []string) (bool, error) {
		settled, err := pipeline.Settled(ctx, o, production)
		if err != nil {
			return false, tapeFailure(fmt.Errorf("compare replays of production: %w", err))
		}
		return settled, nil
	}
}

// sideBySide runs both at once. A panic of either is its error.
func sideBySide(a, b func() error) error {
	other := make(chan error, 1)
	go func() { other <- guarded(b) }()
	err := guarded(a)
	return errors.Join(err, <-other)
}

// conclude writes the verdict where at says, unless that is "", prints it, and sets the
// exit code. A signal that comes before it prints is obeyed; one that comes later
// finds a whole verdict.
func (p *program) conclude(c *cli.Context, v gate.Verdict, at places, o report.Options) error {
	path := at.verdict
	if stop := stoppedBy(c.Context); stop != nil {
		return stop
	}
	if path != "" {
		if err := writeVerdict(path, &v); err != nil {
			return err
		}
		if v.Made.Commit != "" { // a deployment may be held to it
			pin, err := pinOf(path)
			if err != nil {
				return undecided(fmt.Errorf("read back the verdict: %w", err), "")
			}
			fmt.Fprintf(p.stderr, "the verdict %s is of commit %s, and its digest is %s\n", printable(path), v.Made.Commit, pin)
		}
		at.here = true
		o.Next = next(&v, at)
	}
	if err := report.Terminal(p.stdout, &v, o); err != nil {
		return undecided(err, "")
	}
	p.code, p.concluded = v.ExitCode(), true
	if c.Bool("report-only") {
		p.code = hushed(&v)
	}
	return nil
}

// hushed is the exit code of v where being blocked is only reported: the
// strongest of its other reasons still counts.
func hushed(v *gate.Verdict) int {
	if v.ExitCode() == gate.ExitPass {
		return gate.ExitPass
	}
	rest := gate.Verdict{Decision: gate.Pass}
	blocked := false
	for _, r := range v.Reasons {
		if r.Code == gate.ExitBlocked {
			blocked = true
		} else {
			rest.Reasons = append(rest.Reasons, r)
		}
	}
	if !blocked {
		return v.ExitCode()
	}
	return rest.ExitCode()
}

// places are the files that a verdict was reached from and written to, as far as they are known.
type places struct {
	verdict, config string
	approvals       string // where the command line says so
	here            bool   // the reader has the verdict: findings have numbers, and more of it can be shown
}

// next says what to type after a verdict was written, from the folder of work. Each line does
// what it says once TEXT and WHO are filled in.
func next(v *gate.Verdict, at places) []string {
	flags, more := "", ""
	if rel := relative(at.verdict); rel != filepath.FromSlash(defaultVerdict) {
		flags = " --verdict " + quoted(rel)
	}
	if at.config != "" && !sameFile(at.config, config.Beside(at.verdict)) {
		flags += " --config " + quoted(relative(at.config))
	}
	if at.approvals != "" {
		more = " --approvals " + quoted(relative(at.approvals))
	}
	var lines []string
	for i := range v.Findings {
		if f := &v.Findings[i]; f.State != gate.Approved && f.State != gate.Noted {
			name := f.Fingerprint
			if at.here {
				name = strconv.Itoa(i + 1)
			}
			lines = append(lines, "waybill explain"+flags+" "+name)
			if !at.here { // at a terminal, room for what is found
				lines = append(lines, "waybill checks "+f.Check)
			}
			lines = append(lines, "waybill approve"+flags+more+" "+name+approving)
			break
		}
	}
	if at.here {
		lines = append(lines, "waybill report -v"+flags)
	}
	return lines
}

// approving is how the command that accepts a finding ends: who runs it accepts what another asks for.
const approving = " --reason TEXT --until 30d --requested-by WHO"

// sameFile reports whether two paths lead to one file. A folder stands for the configuration in it.
func sameFile(x, y string) bool {
	if info, err := os.Stat(x); err == nil && info.IsDir() {
		x = filepath.Join(x, config.File)
	}
	a, errA := filepath.Abs(x)
	b, errB := filepath.Abs(y)
	return errA == nil && errB == nil && a == b
}

// quoted is s as one word of a shell (POSIX, 2.2.2).
func quoted(s string) string {
	if strings.IndexFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("/._-+,:@%", r)
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// relative is path as seen from the folder of work, where that is shorter.
func relative(path string) string {
	if dir, err := os.Getwd(); err == nil {
		if rel, err := filepath.Rel(dir, path); err == nil && len(rel) < len(path) {
			return rel
		}
	}
	return path
}

// writeVerdict writes v as JSON, whole or not at all.
func writeVerdict(path string, v *gate.Verdict) error {
	if path == "" {
		return nil
	}
	dir := filepath.Dir(path)
	err := os.MkdirAll(dir, 0o777)
	if err == nil {
		err = replaceFile(path, func(f *os.File) error { return report.JSON(f, v) })
	}
	if err != nil {
		return undecided(fmt.Errorf("write the verdict: %w", err), "")
	}
	return nil
}

// replaceFile makes path hold what write writes.
func replaceFile(path string, write func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	err = errors.Join(write(f), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
