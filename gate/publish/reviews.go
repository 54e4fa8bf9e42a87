package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/google/go-github/v60/github"
)

// Approvers says whose review counts.
type Approvers struct {
	Team   string   // "org/slug"
	Logins []string // people named one by one
}

// maxCommits is how many commits of a pull request GitHub lists: of more than
// that it is not known who made them.
const maxCommits = 250

// Reviewers are those whose last word on exactly the commit e.Head is an approving
// review, who are among the approvers, and who neither opened the pull request nor
// made or committed any commit of it. They are sorted, in lower case.
//
// A merge group's commit is made by GitHub of a pull request that was reviewed: the
// reviews are those of that pull request, on the commit that it is at.
//
// Where it cannot be known who made a commit, nobody is told apart from its maker,
// and it is an error.
func (c *Client) Reviewers(ctx context.Context, e Event, who Approvers) ([]string, error) {
	queued := e.Number < 1 && e.Queued > 0
	if queued {
		e.Number = e.Queued
	}
	if e.Number < 1 {
		return nil, errors.New("ask for reviews: there is no pull request")
	}
	if who.Team == "" && len(who.Logins) == 0 {
		return nil, errors.New("ask for reviews: it is not configured who may approve")
	}
	var pr *github.PullRequest
	err := c.try(ctx, fmt.Sprintf("read pull request %d", e.Number), func() (err error) {
		pr, _, err = c.github.PullRequests.Get(ctx, e.Owner, e.Repo, e.Number)
		return err
	})
	if err != nil {
		return nil, err
	}
	if queued {
		e.Head = pr.GetHead().GetSHA()
	}
	if head := pr.GetHead().GetSHA(); head != e.Head {
		return nil, fmt.Errorf("ask for reviews: the pull request is at %s by now, and %s was evaluated", head, e.Head)
	}
	makers, err := c.makers(ctx, e, pr)
	if err != nil {
		return nil, err
	}
	last := map[string]*github.PullRequestReview{}
	err = pages(ctx, c, fmt.Sprintf("list the reviews of pull request %d", e.Number), func(page github.ListOptions) ([]*github.PullRequestReview, *github.Response, error) {
		return c.github.PullRequests.ListReviews(ctx, e.Owner, e.Repo, e.Number, &page)
	}, func(r *github.PullRequestReview) {
		// A comment takes nothing back. Reviews come in the order in which they were made.
		if login := strings.ToLower(r.GetUser().GetLogin()); login != "" && r.GetState() != "COMMENTED" && r.GetState() != "PENDING" {
			last[login] = r
		}
	})
	if err != nil {
		return nil, err
	}
	var reviewers []string
	for login, r := range last {
		if r.GetState() != "APPROVED" || r.GetCommitID() != e.Head || makers[login] {
			continue
		}
		may, err := c.among(ctx, who, login)
		if err != nil {
			return nil, err
		}
		if may {
			reviewers = append(reviewers, login)
		}
	}
	slices.Sort(reviewers)
	return reviewers, nil
}

// makers are the author of a pull request and everybody who wrote or committed a commit of it.
func (c *Client) makers(ctx context.Context, e Event, pr *github.PullRequest) (map[string]bool, error) {
	makers := map[string]bool{strings.ToLower(pr.GetUser().GetLogin()): true}
	commits, unknown := 0, 0
	err := pages(ctx, c, fmt.Sprintf("list the commits of pull request %d", e.Number), func(page github.ListOptions) ([]*github.RepositoryCommit, *github.Response, error) {
		return c.github.PullRequests.ListCommits(ctx, e.Owner, e.Repo, e.Number, &page)
	}, func(commit *github.RepositoryCommit) {
		commits++
		if commit.GetAuthor().GetLogin() == "" {
			unknown++
		}
		makers[strings.ToLower(commit.GetAuthor().GetLogin())] = true
		makers[strings.ToLower(commit.GetCommitter().GetLogin())] = true
	})
	switch {
	case err != nil:
		return nil, err
	case unknown > 0:
		return nil, fmt.Errorf("ask for reviews: GitHub knows no account for the author of %d of the %d commits: nobody is told apart from them", unknown, commits)
	case commits >= maxCommits:
		return nil, fmt.Errorf("ask for reviews: the pull request has %d commits or more, and not all who made them are known", maxCommits)
	case commits < pr.GetCommits():
		return nil, fmt.Errorf("ask for reviews: %d of %d commits were listed", commits, pr.GetCommits())
	}
	return makers, nil
}

// among reports whether a login may approve.
func (c *Client) among(ctx context.Context, who Approvers, login string) (bool, error) {
	if slices.ContainsFunc(who.Logins, func(l string) bool { return strings.EqualFold(l, login) }) {
		return true, nil
	}
	if who.Team == "" {
		return false, nil
	}
	org, slug, ok := strings.Cut(who.Team, "/")
	if !ok || org == "" || slug == "" {
		return false, fmt.Errorf("ask for reviews: the team %q is not written as org/team", who.Team)
	}
	may := false
	err := c.try(ctx, "ask who is in the team "+who.Team, func() error {
		m, _, err := c.github.Teams.GetTeamMembershipBySlug(ctx, org, slug, login)
		var answer *github.ErrorResponse
		if errors.As(err, &answer) && answer.Response.StatusCode == http.StatusNotFound {
			return nil // not a member, or a team that the token may not see: either way not known to be one
		}
		may = err == nil && m.GetState() == "active"
		return err
	})
	return may, err
}

// File is a file of the repository at a commit. It is nil where there is none.
func (c *Client) File(ctx context.Context, e Event, path, commit string) ([]byte, error) {
	var text []byte
	err := c.try(ctx, "read "+path+" at "+commit, func() error {
		file, _, _, err := c.github.Repositories.GetContents(ctx, e.Owner, e.Repo, path, &github.RepositoryContentGetOptions{Ref: commit})
		if gone(err) {
			text = nil
			return nil
		}
		if err != nil {
			return err
		}
		if file == nil {
			return fmt.Errorf("%s is a folder", path)
		}
		s, err := file.GetContent()
		text = []byte(s)
		return err
	})
	return text, err
}
