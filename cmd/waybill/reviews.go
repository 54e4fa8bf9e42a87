package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/publish"
	"github.com/waybill-dev/waybill/gate/verdict"
)

func reviewsFlag() cli.Flag {
	return &cli.BoolFlag{Name: "verify-reviews", Usage: "count an approval that is new only where GitHub knows an approving review for it"}
}

// weighApprovals leaves out the approvals that no review is the evidence for, where
// that is asked for.
func (p *program) weighApprovals(c *cli.Context, conf *config.Config, in *verdict.Input) error {
	if !c.Bool("verify-reviews") {
		return nil
	}
	if conf == nil {
		return usage(errors.New("--verify-reviews: it is not known where approvals are kept"), "give the configuration with --config")
	}
	counted, notes, err := p.reviewed(c.Context, conf, in.Approvals, in.Made.Commit, in.Now)
	if err != nil {
		return err
	}
	in.Approvals, in.Notes = counted, append(in.Notes, notes...)
	return nil
}

// reviewed is the approvals that count where the text of the file is only a claim:
// those that stand in the file of the base too, and those for which GitHub knows an
// approving review of the commit under test by somebody who may, and who neither
// asked for the approval nor made the release. Notes tell of those that are left out.
func (p *program) reviewed(ctx context.Context, conf *config.Config, approvals []gate.Approval, commit string, now time.Time) ([]gate.Approval, []string, error) {
	if len(approvals) == 0 {
		return nil, nil, nil
	}
	e, err := publish.ReadEvent(p.getenv)
	if err != nil {
		return nil, nil, usage(fmt.Errorf("--verify-reviews: %w", err), "")
	}
	if commit != e.Head {
		return nil, nil, usage(fmt.Errorf("--verify-reviews: commit %q is judged, and this workflow is of %s", commit, e.Head), "judge with --commit "+e.Head)
	}
	client, err := publish.New(publish.Options{Token: p.getenv("GITHUB_TOKEN"), API: p.getenv("GITHUB_API_URL"), Agent: "waybill/" + version()})
	if err != nil {
		return nil, nil, usage(fmt.Errorf("--verify-reviews: %w", err), "")
	}
	base, err := p.baseApprovals(ctx, client, e, conf, now)
	if err != nil {
		return nil, nil, err
	}
	counted := slices.DeleteFunc(slices.Clone(approvals), func(a gate.Approval) bool { return !slices.Contains(base, a) })
	if len(counted) == len(approvals) {
		return counted, nil, nil
	}
	var reviewers []string
	why := "it is new, and there is no pull request whose review would be the evidence for it"
	if e.Number > 0 || e.Queued > 0 {
		reviewers, err = client.Reviewers(ctx, e, publish.Approvers{Team: conf.Approvals.Team, Logins: conf.Approvals.Reviewers})
		if err != nil {
			return nil, nil, reviewFailure(err)
		}
		why = "it is new, and nobody who may has approved this commit in a review, other than who asked for it and who made it"
	}
	var notes []string
	for _, a := range approvals {
		switch {
		case slices.Contains(base, a):
		case slices.ContainsFunc(reviewers, func(r string) bool { return !strings.EqualFold(r, a.RequestedBy) }):
			counted = append(counted, a)
		default:
			notes = append(notes, "the approval of "+a.Fingerprint+" is not counted: "+why)
		}
	}
	return counted, notes, nil
}

// baseApprovals are those of what the release is to be merged into; none where
// that is not known.
func (p *program) baseApprovals(ctx context.Context, client *publish.Client, e publish.Event, conf *config.Config, now time.Time) ([]gate.Approval, error) {
	if e.Base == "" {
		return nil, nil
	}
	root := p.getenv("GITHUB_WORKSPACE")
	rel, err := filepath.Rel(root, conf.Approvals.Path)
	if root == "" || err != nil || strings.HasPrefix(rel, "..") {
		return nil, usage(fmt.Errorf("--verify-reviews: the approvals %s are not in the repository %q", conf.Approvals.Path, root), "keep them in the repository: the base's are compared with them")
	}
	text, err := client.File(ctx, e, filepath.ToSlash(rel), e.Base)
	if err != nil {
		return nil, reviewFailure(err)
	}
	list, err := verdict.ReadApprovals(strings.NewReader(string(text)), rel+" of the base", verdict.Limits{Now: now, MaxDays: conf.Approvals.MaxDays})
	if err != nil {
		return nil, nil // what the base holds is not valid: nothing of it is taken on trust
	}
	return list, nil
}

// reviewFailure gives an error of asking for reviews its exit code.
func reviewFailure(err error) error {
	var refused *publish.RefusedError
	if errors.As(err, &refused) {
		return usage(fmt.Errorf("--verify-reviews: %w", err), "the token needs pull-requests: read and contents: read, and to see the team's members")
	}
	return undecided(fmt.Errorf("--verify-reviews: %w", err), "")
}
