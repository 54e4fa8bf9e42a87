package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/publish"
	"github.com/waybill-dev/waybill/gate/report"
)

// defaultKey is the key of a comment where the configuration gives none.
const defaultKey = "waybill"

// titleRunes is how long the title of a check run may be.
const titleRunes = 200

func (p *program) publishVerb() *cli.Command {
	return &cli.Command{
		Name:      "publish",
		Usage:     "show a verdict on its pull request: a comment, a check run, the summary of the job",
		UsageText: "waybill publish [flags] [DIR|CONFIG]",
		Description: "Runs in a workflow of GitHub Actions, with the token in GITHUB_TOKEN. What is posted names nobody. The exit code is the\n" +
			"verdict's; where it could not be shown it is 2 or 3 if the verdict's is no worse: a view never makes red green.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "verdict", Value: defaultVerdict, Usage: "`FILE` with the verdict; where there is none, that is shown"},
			&cli.StringFlag{Name: "config", Usage: "`CONFIG` with [publish]; the one beside the verdict's folder if not given"},
			&cli.StringFlag{Name: "check", Usage: "make a check run of this `NAME`"},
			&cli.StringFlag{Name: "details-url", Usage: "`URL` with the whole report, for the check run"},
			&cli.BoolFlag{Name: "no-comment", Usage: "write no comment"},
			&cli.BoolFlag{Name: "report-only", Usage: "say of a release that is blocked that it would be, and exit with 0"},
			&cli.StringFlag{Name: "out", Usage: "write comment-url=URL to `FILE`, as the outputs of a step are"},
		},
		Action: p.publish,
	}
}

func (p *program) publish(c *cli.Context) error {
	if err := placed(c); err != nil {
		return err
	}
	e, err := publish.ReadEvent(p.getenv)
	if err != nil {
		return usage(err, "")
	}
	conf, err := explainConfig(c.String("config"), c.String("verdict"))
	if err != nil {
		return err
	}
	if conf == nil {
		conf = &config.Config{}
	}
	v, err := verdictOrNone(c.String("verdict"), e.Head)
	if err != nil {
		return err
	}
	if v.Made.Commit != e.Head {
		return usage(fmt.Errorf("publish: the verdict is of commit %q, and this workflow is of %s", v.Made.Commit, e.Head), "judge with --commit "+e.Head)
	}
	p.masked = true
	show := &showing{p: p, c: c, e: e, conf: conf, v: v}
	err = show.all(c.Context)
	p.code = v.ExitCode()
	if c.Bool("report-only") {
		p.code = hushed(v)
	}
	if err != nil {
		f := &failure{code: gate.ExitUndecided}
		errors.As(err, &f)
		if p.code != gate.ExitPass && gate.Stronger(p.code, f.code) {
			return &failure{p.code, err, f.hint}
		}
		return err
	}
	return nil
}

// verdictOrNone is the verdict at path, or, where there is none, one that says so.
func verdictOrNone(path, head string) (*gate.Verdict, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return &gate.Verdict{Schema: gate.Schema, Made: gate.Made{Commit: head},
			Reasons: []gate.Reason{{Code: gate.ExitUndecided, Text: "no verdict was left: the gate did not run, or was stopped half way"}}}, nil
	}
	return readVerdict(path)
}

// A showing is a verdict on its way to the places where it is shown.
type showing struct {
	p    *program
	c    *cli.Context
	e    publish.Event
	conf *config.Config
	v    *gate.Verdict
}

// all shows the verdict everywhere. A place that fails leaves the others alone.
func (s *showing) all(ctx context.Context) error {
	var errs []error
	if path := s.p.getenv("GITHUB_STEP_SUMMARY"); path != "" {
		body, err := s.markdown(publish.MaxStepSummary / 4) // characters, of up to four bytes
		if err == nil {
			err = publish.StepSummary(path, body)
		}
		errs = append(errs, asUndecided(err))
	}
	if s.e.Fork {
		return errors.Join(append(errs, undecided(errors.New("publish: the pull request is of a fork, whose token can only read: nothing was posted"),
			"the summary of the job has the report"))...)
	}
	client, err := publish.New(publish.Options{Token: s.p.getenv("GITHUB_TOKEN"), API: s.p.getenv("GITHUB_API_URL"), Agent: "waybill/" + version()})
	if err != nil {
		return errors.Join(append(errs, usage(fmt.Errorf("publish: %w", err), ""))...)
	}
	if s.e.Number > 0 && !s.c.Bool("no-comment") {
		errs = append(errs, s.comment(ctx, client))
	}
	name := s.c.String("check")
	if name == "" {
		name = s.conf.Publish.Check
	}
	if name != "" {
		errs = append(errs, s.check(ctx, client, name))
	}
	return errors.Join(errs...)
}

func (s *showing) options(budget int) report.Options {
	return report.Options{Key: []byte(s.p.getenv(maskKey)), AllowDomains: s.conf.Publish.AllowDomains, Budget: budget,
		ReportOnly: s.c.Bool("report-only"), Next: next(s.v, places{verdict: s.c.String("verdict"), config: s.c.String("config")})}
}

func (s *showing) markdown(budget int) (string, error) {
	var b strings.Builder
	err := report.Markdown(&b, s.v, s.options(budget))
	return b.String(), err
}

func (s *showing) comment(ctx context.Context, client *publish.Client) error {
	body, err := s.markdown(report.DefaultBudget)
	if err != nil {
		return undecided(err, "")
	}
	key := s.conf.Publish.Key
	if key == "" {
		key = defaultKey
	}
	done, err := client.Comment(ctx, s.e, publish.Comment{Key: key, Bot: s.conf.Publish.Bot, Head: s.v.Made.Commit, Run: s.e.Run, Attempt: s.e.Attempt, Body: body})
	if err != nil {
		return shown(err)
	}
	s.tell("comment", done)
	if path := s.c.String("out"); path != "" && done.URL != "" {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = fmt.Fprintf(f, "comment-url=%s\n", printable(done.URL))
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			return undecided(fmt.Errorf("publish: write the outputs: %w", err), "")
		}
	}
	return nil
}

func (s *showing) check(ctx context.Context, client *publish.Client, name string) error {
	summary, err := s.markdown(publish.MaxCheckText / 4)
	if err != nil {
		return undecided(err, "")
	}
	line, _, _ := strings.Cut(summary, "\n")
	title := plainTitle(line)
	o := publish.Check{Name: name, Head: s.v.Made.Commit, DetailsURL: s.c.String("details-url"), Title: title, Summary: summary}
	at := s.annotated()
	for i := range s.v.Findings {
		f := &s.v.Findings[i]
		if f.State == gate.Approved || f.State == gate.Noted {
			continue
		}
		o.Annotations = append(o.Annotations, publish.Annotation{Path: at, Line: 1, Title: f.Check, Message: f.Check + " " + f.Fingerprint})
	}
	conclusion := publish.Conclusion(s.v)
	if s.c.Bool("report-only") && hushed(s.v) == gate.ExitPass {
		conclusion = "success"
	}
	done, err := client.Check(ctx, s.e, conclusion, o)
	if err != nil {
		return shown(err)
	}
	s.tell("check run", done)
	return nil
}

// annotated is the file of the repository beside which findings are remarked: the approvals.
func (s *showing) annotated() string {
	root, err := filepath.Abs(s.p.getenv("GITHUB_WORKSPACE"))
	if err != nil || s.conf.Approvals.Path == "" {
		return config.File
	}
	rel, err := filepath.Rel(root, s.conf.Approvals.Path)
	if err != nil || strings.HasPrefix(rel, "..") {
		return config.File
	}
	return filepath.ToSlash(rel)
}

func (s *showing) tell(what string, r publish.Result) {
	text := what + " " + r.Done
	if r.Why != "" {
		text += ": " + r.Why
	}
	fmt.Fprintln(s.p.stdout, printable(strings.TrimSpace(text+" "+r.URL)))
}

// plainTitle is the first line of a report without its markup.
func plainTitle(line string) string {
	line = strings.ReplaceAll(line, "**", "")
	runes := []rune(line)
	if i := slices.Index(runes, '&'); i >= 0 { // what stands in references is not for a title
		runes = runes[:i]
	}
	return strings.TrimSpace(string(runes[:min(len(runes), titleRunes)]))
}

// shown gives an error of publishing its exit code: what GitHub refused is the
// caller's to mend, what it did not answer may pass.
func shown(err error) error {
	var refused *publish.RefusedError
	if errors.As(err, &refused) {
		return usage(fmt.Errorf("publish: %w", err), "")
	}
	return undecided(fmt.Errorf("publish: %w", err), "")
}
