package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// How old a verdict may be at a deployment, where --max-age does not say.
const defaultMaxAge = 7 * 24 * time.Hour

// clockSlack is how far ahead of this machine's clock the one may go that a
// verdict was made by.
const clockSlack = 5 * time.Minute

func commitFlag() cli.Flag {
	return &cli.StringFlag{Name: "commit", EnvVars: []string{"WAYBILL_COMMIT"}, Usage: "`SHA` of the commit under test, whole: the verdict is then of it"}
}

func (p *program) verifyVerb() *cli.Command {
	return &cli.Command{
		Name:      "verify",
		Usage:     "hold a verdict to a commit and a corpus before a deployment",
		UsageText: "waybill verify --sha SHA --corpus-digest DIGEST --pin DIGEST [flags] VERDICT|DIR|CONFIG",
		Description: "DIR or CONFIG stands for the verdict that its gate writes, and for --config. The verdict must be the file that was pinned, of exactly this commit and corpus, and not too old. With --config it must be of\n" +
			"that configuration, of the builds that this names as they are now, and of this version of waybill. What was found is\n" +
			"held anew against the approvals that there are now. The exit code is the verdict's; 2 where it is another verdict\n" +
			"than was asked for, 3 where it is too old.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "sha", Usage: "`SHA` of the commit that is to be deployed, whole"},
			&cli.StringFlag{Name: "corpus-digest", Usage: "`DIGEST` of the corpus, as waybill corpus digest prints it"},
			&cli.StringFlag{Name: "pin", Usage: "`DIGEST` of the verdict file, sha256:..., as judging printed it"},
			&cli.DurationFlag{Name: "max-age", Value: defaultMaxAge, Usage: "how old the verdict may be, as 24h"},
			&cli.StringFlag{Name: "build", Usage: "`DIGEST` of the build that is to be deployed, as the report and doctor print that of staging"},
			&cli.StringFlag{Name: "config", Usage: "`CONFIG` that says where approvals are kept; the verdict must be of it and of the builds that it names, as they are now"},
			&cli.StringFlag{Name: "approvals", Usage: "`FILE` with the approvals, instead of the configuration's"},
		}, reportFlags()...),
		Action: p.verify,
	}
}

func (p *program) verify(c *cli.Context) error {
	if err := arguments(c, 1, 1); err != nil {
		return err
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	for _, flag := range []string{"sha", "corpus-digest", "pin"} {
		if c.String(flag) == "" {
			return usage(fmt.Errorf("verify: --%s is not given", flag), "usage: "+c.Command.UsageText)
		}
	}
	sha, err := wholeCommit(c.String("sha"))
	if err != nil {
		return usage(fmt.Errorf("verify: --sha: %w", err), "")
	}
	if c.Duration("max-age") <= 0 {
		return usage(fmt.Errorf("verify: --max-age %s must be greater than 0", c.Duration("max-age")), "")
	}
	path := c.Args().First()
	if hasConfig(path) {
		if c.IsSet("config") {
			return namedTwice(c)
		}
		conf, err := loadConfig(path)
		if err != nil {
			return err
		}
		if err := c.Set("config", conf.Path); err != nil {
			return err
		}
		path = conf.Report.JSON
	}
	sum, err := pinOf(path)
	switch {
	case err != nil:
		return usage(fmt.Errorf("verify: read the verdict: %w", err), "")
	case sum != c.String("pin"):
		return usage(fmt.Errorf("verify: %s is not the verdict that was pinned: its digest is %s, and not %s", path, sum, c.String("pin")), "fetch the verdict again from where judging left it")
	}
	v, err := readVerdict(path)
	if err != nil {
		return err
	}
	if err := sameRelease(v, sha, c.String("corpus-digest")); err != nil {
		return usage(fmt.Errorf("verify: %w", err), "run the gate on the commit that is to be deployed")
	}
	if err := sameBuilds(c, v); err != nil {
		return err
	}
	now := time.Now()
	if err := fresh(v, now, c.Duration("max-age")); err != nil {
		return undecided(fmt.Errorf("verify: %w", err), "run the gate again")
	}
	approvals, err := currentApprovals(c, v, now)
	if err != nil {
		return err
	}
	again := verdict.Again(v, approvals, now)
	if err := report.Terminal(p.stdout, &again, o); err != nil {
		return undecided(err, "")
	}
	p.code, p.concluded = again.ExitCode(), true
	return nil
}

// currentApprovals are those that hold now. A verdict that used some needs to be
// told where they are.
func currentApprovals(c *cli.Context, v *gate.Verdict, now time.Time) ([]gate.Approval, error) {
	limits := verdict.Limits{Now: now}
	path := c.String("approvals")
	if named := c.String("config"); named != "" {
		conf, err := loadConfig(named)
		if err != nil {
			return nil, err
		}
		limits.MaxDays = conf.Approvals.MaxDays
		if path == "" {
			path = conf.Approvals.Path
		}
	}
	if path == "" {
		for i := range v.Findings {
			if v.Findings[i].State == gate.Approved {
				return nil, usage(errors.New("verify: the verdict rests on approvals, and where they are kept is not given"), "name the file with --approvals, or the configuration with --config")
			}
		}
		return nil, nil
	}
	if c.String("approvals") != "" {
		if _, err := os.Stat(path); err != nil { // what was asked for by name must be there
			return nil, usage(fmt.Errorf("verify: read approvals: %w", err), "")
		}
	}
	list, err := verdict.LoadApprovals(path, limits)
	if err != nil {
		return nil, usage(err, "")
	}
	return list, nil
}

// sameRelease reports whether v is of this commit and corpus.
func sameRelease(v *gate.Verdict, sha, corpus string) error {
	switch {
	case v.Made.Commit == "":
		return errors.New("the verdict does not say which commit it is of: it was reached without --commit")
	case v.Made.Commit != sha:
		return fmt.Errorf("the verdict is of commit %s, and %s is to be deployed", v.Made.Commit, sha)
	case v.Corpus == "":
		return errors.New("the verdict does not say which corpus it is of")
	case v.Corpus != corpus:
		return fmt.Errorf("the verdict is of the corpus %s, and not of %s", v.Corpus, corpus)
	}
	return nil
}

// sameBuilds makes sure that a verdict is of the build that is to be deployed, and of the
// configuration, the builds and the version of waybill that there are now, as far as the command
// line says what these are.
func sameBuilds(c *cli.Context, v *gate.Verdict) error {
	refuse := func(format string, args ...any) error {
		return usage(fmt.Errorf("verify: "+format, args...), "run the gate on what is to be deployed")
	}
	of := func(role gate.Role) gate.Built {
		for _, b := range v.Made.Builds {
			if b.Role == role {
				return b
			}
		}
		return gate.Built{}
	}
	if want := c.String("build"); want != "" {
		switch has := of(gate.Staging).Digest; {
		case has == "":
			return refuse("the verdict does not say which build it is of")
		case has != want:
			return refuse("the verdict is of the build %s, and %s is to be deployed", has, want)
		}
	}
	if c.String("config") == "" {
		return nil
	}
	conf, err := loadConfig(c.String("config"))
	if err != nil {
		return err
	}
	sum, err := pinOf(conf.Path)
	switch {
	case err != nil:
		return usage(fmt.Errorf("verify: read the configuration: %w", err), "")
	case v.Made.Config != sum:
		return refuse("the verdict is of another configuration: %s has the digest %s, and it was %s", conf.Path, sum, v.Made.Config)
	case v.Made.Version != version():
		return refuse("the verdict was reached by waybill %s, and this is %s", v.Made.Version, version())
	}
	for _, role := range []gate.Role{gate.Production, gate.Staging} {
		if conf.Build(role) == nil || role == gate.Production && conf.Baseline == config.Recorded {
			continue
		}
		now, err := built(c.Context, conf, role, "")
		if err != nil {
			return usage(fmt.Errorf("verify: %w", err), "")
		}
		if was := of(role); was.Command != now.Command || was.Setup != now.Setup {
			return refuse("the verdict is of another build of %s: %s, and it is %s now", role, was.Digest, now.Digest)
		}
	}
	return nil
}

// fresh reports whether v was reached within the last age.
func fresh(v *gate.Verdict, now time.Time, age time.Duration) error {
	at, err := time.Parse(time.RFC3339, v.Made.At)
	switch {
	case err != nil:
		return errors.New("the verdict does not say when it was reached")
	case at.After(now.Add(clockSlack)):
		return fmt.Errorf("the verdict was reached at %s, which has not been yet", v.Made.At)
	case now.Sub(at) > age:
		return fmt.Errorf("the verdict was reached at %s, more than %s ago", v.Made.At, age)
	}
	return nil
}

var objectID = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)

// wholeCommit is the object id of a commit in lower case. A part of one is refused.
func wholeCommit(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if !objectID.MatchString(s) {
		return "", fmt.Errorf("%q is not a whole object id of git: 40 or 64 hexadecimal digits", s)
	}
	return s, nil
}

// made says of what a verdict is.
func (p *program) made(c *cli.Context, in *verdict.Input, conf, approvals string) error {
	in.Made.At, in.Made.Version = in.Now.UTC().Format(time.RFC3339), version()
	if s := c.String("commit"); s != "" {
		commit, err := wholeCommit(s)
		if err != nil {
			return usage(fmt.Errorf("--commit: %w", err), "")
		}
		in.Made.Commit = commit
	}
	for _, f := range []struct {
		path string
		to   *string
	}{{conf, &in.Made.Config}, {approvals, &in.Made.Approvals}} {
		if f.path == "" {
			continue
		}
		sum, err := pinOf(f.path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return usage(err, "")
		}
		*f.to = sum
	}
	return nil
}

// pinOf is the digest of a file, "sha256:" and 64 hexadecimal digits, or "" with an error.
func pinOf(path string) (string, error) {
	sum, err := fileSum(path)
	if err != nil {
		return "", err
	}
	return "sha256:" + hex.EncodeToString(sum), nil
}
