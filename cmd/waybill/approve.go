package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/verdict"
)

// nearExpiry is how long before its last day an approval is said to be ending.
const nearExpiry = 14 * 24 * time.Hour

func approvalFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "verdict", Value: defaultVerdict, Usage: "`FILE` with the verdict"},
		&cli.StringFlag{Name: "config", Usage: "`CONFIG` that says where approvals are kept; the one beside the verdict's folder if not given"},
		&cli.StringFlag{Name: "approvals", Usage: "`FILE` with the approvals, instead of the configuration's"},
	}
}

func approverFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "requested-by", Usage: "`WHO` asks for it; the user of git if not given"},
		&cli.StringFlag{Name: "approved-by", Usage: "`WHO` accepts it; the user of git if not given"},
	}
}

func (p *program) approveVerb() *cli.Command {
	return &cli.Command{
		Name:      "approve",
		Usage:     "accept findings, with a reason and a last day",
		UsageText: "waybill approve [flags] --reason TEXT --until DAY FINDING... [DIR|CONFIG]",
		Description: findingWords + "\n\n" +
			"Each approval is of its finding in this corpus, of as many messages as it has now. It is a person's claim: where\n" +
			"reviews are verified, an approving review of the pull request is the evidence for it. What it covers is printed before it\n" +
			"is made, and after.",
		Flags: append(append(append(approvalFlags(), approverFlags()...), nameFlags()...),
			&cli.StringFlag{Name: "reason", Usage: "why this change is right, for those who read it later"},
			&cli.StringFlag{Name: "until", Usage: "last `DAY` on which it holds, as 2027-01-31, or so many days from today, as 30d"},
			&cli.Uint64Flag{Name: "max-messages", Usage: "accept up to `N` messages, and not only as many as there are now"},
			&cli.BoolFlag{Name: "any-corpus", Usage: "accept it for every corpus, and not only for the one that was replayed"},
		),
		Action: p.approve,
	}
}

func (p *program) approve(c *cli.Context) error {
	args, err := locate(c)
	if err != nil {
		return err
	}
	if err := given(c, args, 1, maxApproved); err != nil {
		return err
	}
	for _, flag := range []string{"reason", "until"} {
		if !c.IsSet(flag) {
			return usage(fmt.Errorf("approve: --%s is not given", flag), "usage: "+c.Command.UsageText)
		}
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	v, err := readVerdict(c.String("verdict"))
	if err != nil {
		return err
	}
	path, limits, err := approvalsFile(c)
	if err != nil {
		return err
	}
	until, err := lastDay(c.String("until"), limits.Now)
	if err != nil {
		return usage(fmt.Errorf("approve: --until: %w", err), "")
	}
	list, err := wanted(c, v, args)
	if err != nil {
		return err
	}
	for i := range list {
		list[i].Expires = until
	}
	by, err := approvers(c)
	if err != nil {
		return err
	}
	for i := range list {
		fmt.Fprintln(p.stdout, "To be accepted:")
		if err := report.Review(p.stdout, v, list[i].Fingerprint, o); err != nil {
			return undecided(err, "")
		}
		fmt.Fprintf(p.stdout, "   covers       %s\n\n", covers(&list[i]))
	}
	err = edit(path, func(data []byte) ([]byte, error) {
		for i := range list { // all of them or none
			list[i].RequestedBy, list[i].ApprovedBy = by.requested, by.approved
			var err error
			if data, err = verdict.Approve(data, path, list[i], limits); err != nil {
				return nil, err
			}
		}
		return data, nil
	})
	if err != nil {
		return err
	}
	for i := range list {
		fmt.Fprintf(p.stdout, "%s is accepted until %s, up to %d, in %s: %s, %s\n", list[i].Fingerprint, list[i].Expires, list[i].MaxMessages, printable(path),
			list[i].Check, covers(&list[i]))
	}
	return nil
}

// wanted returns the approvals that the arguments of approve ask for, without their last day.
func wanted(c *cli.Context, v *gate.Verdict, args []string) ([]gate.Approval, error) {
	var list []gate.Approval
	for _, arg := range args {
		fingerprint, err := fingerprintOf(v, arg)
		if err != nil {
			return nil, err
		}
		a, err := verdict.For(v, fingerprint)
		if err != nil {
			return nil, usage(err, "the report of the gate gives the fingerprints")
		}
		a.Reason = c.String("reason")
		if n := c.Uint64("max-messages"); c.IsSet("max-messages") {
			if n < a.MaxMessages {
				return nil, usage(fmt.Errorf("--max-messages %d: the finding is of %d messages already", n, a.MaxMessages), "")
			}
			a.MaxMessages = n
		}
		if c.Bool("any-corpus") {
			a.Scope = verdict.AnyCorpus
		}
		list = append(list, a)
	}
	return list, nil
}

// covers says in words what an approval accepts, and what it does not. It names nobody.
func covers(a *gate.Approval) string {
	where := "in this corpus"
	if a.Scope == verdict.AnyCorpus {
		where = "in any corpus"
	}
	return fmt.Sprintf("these facts, in this content, to these recipients, at most %d deliveries, %s, until %s; nothing else of the same people", a.MaxMessages, where, a.Expires)
}

// maxApproved is how many findings are accepted at once.
const maxApproved = 1000

// lastDay is a last day as approvals hold it; "30d" is so many days from today, in UTC.
func lastDay(s string, now time.Time) (string, error) {
	digits, ok := strings.CutSuffix(s, "d")
	if !ok {
		return s, nil // looked at with the rest of the approval
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", fmt.Errorf("%q is neither a day, as 2027-01-31, nor a number of days, as 30d", s)
	}
	return now.UTC().AddDate(0, 0, int(n)).Format(time.DateOnly), nil
}

// people are who asks for an approval and who gives it.
type people struct{ requested, approved string }

func approvers(c *cli.Context) (by people, err error) {
	for flag, who := range map[string]*string{"requested-by": &by.requested, "approved-by": &by.approved} {
		if *who = c.String(flag); *who == "" {
			if *who, err = gitUser(c.Context, flag); err != nil {
				return by, err
			}
		}
	}
	if strings.EqualFold(by.requested, by.approved) {
		return by, usage(fmt.Errorf("%s asks for it and accepts it: nobody accepts what they ask for themselves", by.approved), "say who asks: --requested-by WHO")
	}
	return by, nil
}

// gitUser is the mail address that git signs commits of this person with.
func gitUser(ctx context.Context, flag string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", "config", "--get", "user.email").Output()
	name := strings.TrimSpace(string(out))
	if err != nil || name == "" {
		return "", usage(fmt.Errorf("--%s is not given, and git does not know who you are", flag), "say who: --"+flag+" you@example.org")
	}
	return name, nil
}

// approvalsFile is where approvals are kept, and what they may be.
func approvalsFile(c *cli.Context) (string, verdict.Limits, error) {
	limits := verdict.Limits{Now: time.Now()}
	conf, err := explainConfig(c.String("config"), c.String("verdict"))
	if err != nil {
		return "", limits, err
	}
	path := c.String("approvals")
	if conf != nil {
		limits.MaxDays = conf.Approvals.MaxDays
		path = cmp.Or(path, conf.Approvals.Path)
	}
	if path == "" {
		return "", limits, usage(errors.New("it is not known where approvals are kept: there is no "+config.File+" beside the verdict"), "name one with --config, or the file itself with --approvals")
	}
	return path, limits, nil
}

// edit replaces a file by what change makes of it, whole or not at all.
func edit(path string, change func([]byte) ([]byte, error)) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("read approvals: %w", err), "")
	}
	changed, err := change(old)
	if err != nil {
		return usage(err, "")
	}
	if bytes.Equal(old, changed) {
		return nil
	}
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	err = replaceFile(path, func(f *os.File) error {
		_, err := f.Write(changed)
		return errors.Join(err, f.Chmod(mode), f.Sync())
	})
	if err != nil {
		return usage(fmt.Errorf("write %s: %w", path, err), "")
	}
	return nil
}

func (p *program) approvalsVerb() *cli.Command {
	return &cli.Command{
		Name:      "approvals",
		Usage:     "list what was accepted: used, unused, expired, ending soon",
		UsageText: "waybill approvals list|prune [flags] [DIR|CONFIG]",
		Subcommands: []*cli.Command{
			{
				Name:      "list",
				Usage:     "list every approval with what it is to the last verdict",
				UsageText: "waybill approvals list [flags] [DIR|CONFIG]",
				Flags:     approvalFlags(),
				Action: func(c *cli.Context) error {
					return p.approvals(c, func(path string, list []standing, _ verdict.Limits) error { return p.listApprovals(list) })
				},
			},
			{
				Name:        "prune",
				Usage:       "remove approvals that have expired, and with --unused those that the last verdict did not use",
				UsageText:   "waybill approvals prune [--unused] [flags] [DIR|CONFIG]",
				Description: "An approval that one verdict did not use may be another's: of another configuration, or of a scenario that was left out.",
				Flags:       append(approvalFlags(), &cli.BoolFlag{Name: "unused", Usage: "remove those too that the verdict did not use"}),
				Action: func(c *cli.Context) error {
					return p.approvals(c, func(path string, list []standing, limits verdict.Limits) error {
						return p.prune(path, list, limits, c.Bool("unused"))
					})
				},
			},
		},
	}
}

// A standing is an approval and what it is to a verdict.
type standing struct {
	gate.Approval
	word string // "used", "unused", "expired", "not judged"
	note string
}

func (p *program) approvals(c *cli.Context, do func(string, []standing, verdict.Limits) error) error {
	if err := placed(c); err != nil {
		return err
	}
	path, limits, err := approvalsFile(c)
	if err != nil {
		return err
	}
	list, err := verdict.LoadApprovals(path, limits)
	if err != nil {
		return usage(err, "")
	}
	var v *gate.Verdict
	if _, err := os.Stat(c.String("verdict")); err == nil || c.IsSet("verdict") {
		if v, err = readVerdict(c.String("verdict")); err != nil {
			return err
		}
	}
	var all []standing
	for _, a := range list {
		all = append(all, stand(a, v, limits.Now))
	}
	return do(path, all, limits)
}

// stand says what an approval is to a verdict, of which there may be none.
func stand(a gate.Approval, v *gate.Verdict, now time.Time) standing {
	s := standing{Approval: a, word: "not judged"}
	if v != nil {
		s.word = "unused"
		for i := range v.Findings {
			if j := &v.Findings[i]; j.Approval != nil && j.Approval.Fingerprint == a.Fingerprint {
				s.word = "used"
				if j.State == gate.Outgrown {
					s.note = fmt.Sprintf("outgrown: the finding is of %d messages", j.Count)
				}
			}
		}
	}
	last, err := time.Parse(time.DateOnly, a.Expires)
	switch left := last.AddDate(0, 0, 1).Sub(now); {
	case err != nil || left <= 0:
		s.word = "expired"
	case left <= nearExpiry && s.note == "":
		s.note = fmt.Sprintf("ends in %d days", int(left/(24*time.Hour)))
	}
	return s
}

func (p *program) listApprovals(list []standing) error {
	if len(list) == 0 {
		_, err := fmt.Fprintln(p.stdout, "nothing is accepted")
		return err
	}
	w := tabwriter.NewWriter(p.stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "FINGERPRINT\tCHECK\tUNTIL\tUP TO\tSTATE\tACCEPTED BY\tREASON")
	for _, s := range list {
		state := s.word
		if s.note != "" {
			state += ", " + s.note
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", s.Fingerprint, s.Check, s.Expires, s.MaxMessages, state, printable(s.ApprovedBy), printable(s.Reason))
	}
	return w.Flush()
}

func (p *program) prune(path string, list []standing, limits verdict.Limits, unused bool) error {
	var gone []string
	for _, s := range list {
		if s.word == "expired" || unused && s.word == "unused" {
			gone = append(gone, s.Fingerprint)
		}
	}
	if unused && slices.ContainsFunc(list, func(s standing) bool { return s.word == "not judged" }) {
		return usage(errors.New("there is no verdict that says which approvals are unused"), "run the gate, or name a verdict with --verdict")
	}
	if len(gone) > 0 {
		err := edit(path, func(data []byte) ([]byte, error) { return verdict.Prune(data, path, gone, limits) })
		if err != nil {
			return err
		}
	}
	for _, f := range gone {
		fmt.Fprintln(p.stdout, "removed "+f)
	}
	fmt.Fprintf(p.stdout, "%d removed, %d kept in %s\n", len(gone), len(list)-len(gone), printable(path))
	return nil
}
