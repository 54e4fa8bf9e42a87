package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/report"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func (p *program) reviewVerb() *cli.Command {
	return &cli.Command{
		Name:      "review",
		Usage:     "go through the findings that block, at a terminal, and accept or leave each of them",
		UsageText: "waybill review [flags] [DIR|CONFIG]",
		Description: "Shows one finding after the other, before and after side by side. Keys:\n" +
			"  a  accept it: a reason and a last day are asked for\n" +
			"  s  leave it, and show the next\n" +
			"  e  explain it whole, as waybill explain does\n" +
			"  q  end here\n" +
			"No other key does anything. Nothing is written before the end, and only after it was asked whether to; Ctrl-C\n" +
			"leaves everything as it was. Approvals are as those of waybill approve.",
		Flags:  append(append(approvalFlags(), approverFlags()...), append(nameFlags(), identitiesFlag())...),
		Action: p.review,
	}
}

func (p *program) review(c *cli.Context) error {
	if err := placed(c); err != nil {
		return err
	}
	o, err := p.reportOptions(c)
	if err != nil {
		return err
	}
	v, err := readVerdict(c.String("verdict"))
	if err != nil {
		return err
	}
	var waiting []*gate.Judged
	for i := range v.Findings {
		if f := &v.Findings[i]; blocks(f.State) {
			waiting = append(waiting, f)
		}
	}
	in, ok := p.stdin.(*os.File)
	out, ok2 := p.stdout.(*os.File)
	if !ok || !ok2 || !term.IsTerminal(int(in.Fd())) || !term.IsTerminal(int(out.Fd())) {
		for _, f := range waiting {
			fmt.Fprintln(p.stdout, approveCommand(c, f.Fingerprint))
		}
		return usage(errors.New("review: there is no terminal to ask at"), "accept findings one by one, by the commands above")
	}
	r := &reviewer{p: p, v: v, o: o}
	if r.path, r.limits, err = approvalsFile(c); err != nil {
		return err
	}
	if r.by, err = approvers(c); err != nil {
		return err
	}
	if r.load, err = p.reviewLoader(c); err != nil {
		return err
	}
	if r.data, err = os.ReadFile(r.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Errorf("read approvals: %w", err), "")
	}
	if _, err := verdict.ReadApprovals(bytes.NewReader(r.data), r.path, r.limits); err != nil {
		return usage(err, "")
	}
	p.busy.Store(true) // a signal waits until the terminal is as it was
	if r.tty, err = openConsole(c.Context, in, out); err != nil {
		return usage(fmt.Errorf("review: %w", err), "")
	}
	err = r.all(waiting)
	err = errors.Join(err, r.tty.close())
	if err == nil {
		p.concluded = true
	}
	return err
}

// blocks reports whether a finding in a state waits for somebody to accept it.
func blocks(s gate.State) bool { return s == gate.Open || s == gate.Expired || s == gate.Outgrown }

// approveCommand is what to type to accept one finding.
func approveCommand(c *cli.Context, fingerprint string) string {
	line := "waybill approve"
	for _, flag := range []string{"verdict", "config", "approvals", "requested-by", "approved-by"} {
		if c.IsSet(flag) {
			line += " --" + flag + " " + quoted(c.String(flag))
		}
	}
	line += " " + quoted(fingerprint) + approving
	if c.IsSet("requested-by") { // it is said already
		line = strings.TrimSuffix(line, " --requested-by WHO")
	}
	return line
}

// reviewLoader brings messages of the runs that the verdict was reached from.
func (p *program) reviewLoader(c *cli.Context) (report.Loader, error) {
	conf, err := explainConfig(c.String("config"), c.String("verdict"))
	if err != nil {
		return nil, err
	}
	o, err := comparing(conf, "")
	if err != nil {
		return nil, err
	}
	if o.Keys, err = p.keys(conf, c.String("identities")); err != nil {
		return nil, err
	}
	return loader(o, c.String("verdict")), nil
}

// A reviewer goes through the findings of one verdict with a person.
type reviewer struct {
	p      *program
	v      *gate.Verdict
	o      report.Options
	load   report.Loader
	tty    *console
	path   string // of the approvals
	limits verdict.Limits
	by     people

	data     []byte // the approvals as they will be
	accepted []acceptance

	reasons, days pastLines // that were given, right or wrong
}

// An acceptance is a finding as it was judged, and the approval that it is given.
type acceptance struct {
	*gate.Judged
	approval gate.Approval
}

// with is the approvals file data with an approval in it. It takes the place of the one
// that the finding was judged under, where there is one and it is there still.
func (r *reviewer) with(data []byte, a acceptance) ([]byte, error) {
	old, err := verdict.ReadApprovals(bytes.NewReader(data), r.path, r.limits)
	if err != nil {
		return nil, err
	}
	if a.Approval != nil && slices.Contains(old, *a.Approval) {
		if data, err = verdict.Prune(data, r.path, []string{a.Fingerprint}, r.limits); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(old, func(o gate.Approval) bool {
		return o.Fingerprint == a.Fingerprint && (a.Approval == nil || o != *a.Approval)
	}) {
		return nil, usage(fmt.Errorf("add to approvals %s: %s is approved there already, by somebody else meanwhile", r.path, a.Fingerprint), "judge again, and review what is left")
	}
	return verdict.Approve(data, r.path, a.approval, r.limits)
}

// errQuit ends a review, and keeps what was accepted in it.
var errQuit = errors.New("the review was ended")

func (r *reviewer) all(waiting []*gate.Judged) error {
	if code := r.v.ExitCode(); code != gate.ExitPass && code != gate.ExitBlocked {
		r.tty.say("The verdict stands for more than its findings (exit code %d): approvals alone will not make it pass.\n\n", code)
	}
	if len(waiting) == 0 {
		r.tty.say("No finding waits for anybody.\n")
		return nil
	}
	for i, f := range waiting {
		err := r.one(i, len(waiting), f)
		if errors.Is(err, errQuit) {
			break
		}
		if err != nil {
			return err
		}
	}
	return r.finish()
}

// one shows one finding, and does as it is told.
func (r *reviewer) one(i, n int, f *gate.Judged) error {
	r.o.Width, _ = r.tty.size()
	r.o.Width = min(r.o.Width, maxWidth)
	var shown bytes.Buffer
	if err := report.Review(&shown, r.v, f.Fingerprint, r.o); err != nil {
		return undecided(err, "")
	}
	r.tty.say("\nFinding %d of %d\n\n%s", i+1, n, shown.String())
	for {
		key, err := r.tty.choose("\n[a]ccept, [s]kip, [e]xplain, [q]uit: ", "aseq")
		if err != nil {
			return err
		}
		switch key {
		case 'a':
			done, err := r.accept(f)
			if done || err != nil {
				return err
			}
		case 's':
			return nil
		case 'e':
			if err := r.explain(f); err != nil {
				return err
			}
		case 'q':
			return errQuit
		}
	}
}

// explain shows one finding whole, page by page.
func (r *reviewer) explain(f *gate.Judged) error {
	r.o.Width, _ = r.tty.size()
	r.o.Width = min(r.o.Width, maxWidth)
	var shown bytes.Buffer
	// What could not be loaded is told in the text.
	if err := report.Explain(&shown, r.v, f.Fingerprint, r.load, r.o); err != nil && shown.Len() == 0 {
		return undecided(err, "")
	}
	lines := strings.SplitAfter("\n"+shown.String(), "\n")
	for len(lines) > 0 {
		_, height := r.tty.size()
		page := min(len(lines), max(height-2, 1))
		r.tty.say("%s", strings.Join(lines[:page], ""))
		if lines = lines[page:]; len(lines) == 0 {
			break
		}
		key, err := r.tty.choose(fmt.Sprintf("%d lines more: [n]ext page, [b]ack to the finding: ", len(lines)), "nb")
		if err != nil {
			return err
		}
		if key == 'b' {
			break
		}
	}
	return nil
}

// accept asks for a reason and a last day, until both are what an approval can have
// or one is left empty: then nothing is accepted, and done is false.
func (r *reviewer) accept(f *gate.Judged) (done bool, err error) {
	a, err := verdict.For(r.v, f.Fingerprint)
	if err != nil {
		r.tty.complain(err)
		return false, nil
	}
	a.RequestedBy, a.ApprovedBy = r.by.requested, r.by.approved
	for {
		if a.Reason, err = r.tty.ask("reason, for those who read it later: ", &r.reasons); err != nil || a.Reason == "" {
			return false, err
		}
		a.Expires = r.limits.Now.UTC().Format(time.DateOnly)
		if _, err = r.with(r.data, acceptance{f, a}); err == nil {
			break
		}
		r.tty.complain(err)
	}
	for {
		if a.Expires, err = r.tty.ask("last day on which it holds, as 2027-01-31: ", &r.days); err != nil || a.Expires == "" {
			return false, err
		}
		changed, err := r.with(r.data, acceptance{f, a})
		if err == nil {
			r.data = changed
			r.accepted = append(r.accepted, acceptance{f, a})
			r.tty.say("%s is accepted until %s, up to %d\n", a.Fingerprint, a.Expires, a.MaxMessages)
			return true, nil
		}
		r.tty.complain(err)
	}
}

// finish asks whether to write what was accepted, and does so.
func (r *reviewer) finish() error {
	if len(r.accepted) == 0 {
		r.tty.say("\nNothing was accepted, and nothing was written.\n")
		return nil
	}
	r.tty.say("\nAccepted by %s, asked for by %s:\n", printable(r.by.approved), printable(r.by.requested))
	for i := range r.accepted {
		a := &r.accepted[i].approval
		r.tty.say("  %s  %s, until %s, up to %d: %s\n", a.Fingerprint, a.Check, a.Expires, a.MaxMessages, printable(a.Reason))
	}
	key, err := r.tty.choose(fmt.Sprintf("\nWrite this to %s? [y]es, [n]o: ", printable(r.path)), "yn")
	if err != nil {
		return err
	}
	if key == 'n' {
		r.tty.say("Nothing was written.\n")
		return nil
	}
	err = edit(r.path, func(data []byte) ([]byte, error) { // as the file is by now
		for _, a := range r.accepted {
			var err error
			if data, err = r.with(data, a); err != nil {
				return nil, err
			}
		}
		return data, nil
	})
	if err != nil {
		return err
	}
	r.tty.say("Wrote %s. Judge again to see the verdict with it.\n", printable(r.path))
	return nil
}
