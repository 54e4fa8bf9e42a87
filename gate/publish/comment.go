package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/google/go-github/v60/github"
)

// MaxComment is how many characters a comment of ours has at the most, its marker
// included: GitHub takes 65,536.
const MaxComment = 64_000

// DefaultBot is who writes with the token of a workflow.
const DefaultBot = "github-actions[bot]"

// A Comment is the one comment of its key on a pull request.
type Comment struct {
	Key     string // which of several gates it is of: lower-case letters, digits, hyphens
	Bot     string // login that it is written by; "" is [DefaultBot]
	Head    string // commit that was evaluated
	Run     int64  // of the workflow
	Attempt int
	Body    string // Markdown
}

// A Result says what became of something that was to be published.
type Result struct {
	Done string // "created", "updated", "unchanged", "skipped"
	Why  string // of a skip
	URL  string
}

var (
	keyForm   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	shaForm   = regexp.MustCompile(`^[0-9a-f]{40}([0-9a-f]{24})?$`)
	markerRow = regexp.MustCompile(`^<!-- waybill key=([a-z0-9-]+) head=([0-9a-f]+) run=([0-9]+) attempt=([0-9]+) -->$`)
)

func (c *Comment) marker() string {
	return fmt.Sprintf("<!-- waybill key=%s head=%s run=%d attempt=%d -->", c.Key, c.Head, c.Run, c.Attempt)
}

// Comment puts the comment of o.Key on a pull request, or brings it up to date.
func (c *Client) Comment(ctx context.Context, e Event, o Comment) (Result, error) {
	if o.Bot == "" {
		o.Bot = DefaultBot
	}
	switch {
	case e.Number < 1:
		return Result{}, fmt.Errorf("comment on pull request %d: a pull request has a number of 1 or more", e.Number)
	case !keyForm.MatchString(o.Key):
		return Result{}, fmt.Errorf("comment on pull request %d: the key %q is not made of lower-case letters, digits and hyphens", e.Number, o.Key)
	case !shaForm.MatchString(o.Head):
		return Result{}, fmt.Errorf("comment on pull request %d: %q is not the object id of a commit", e.Number, o.Head)
	}
	body := strings.TrimRight(o.Body, "\n") + "\n\n" + o.marker()
	if n := utf8.RuneCountInString(body); n > MaxComment {
		return Result{}, fmt.Errorf("comment on pull request %d: it has %d characters, more than %d", e.Number, n, MaxComment)
	}
	what := fmt.Sprintf("comment on pull request %d", e.Number)
	var result Result
	// Everything is looked up again before anything is tried again.
	err := c.try(ctx, what, func() error {
		pr, _, err := c.github.PullRequests.Get(ctx, e.Owner, e.Repo, e.Number)
		if err != nil {
			return err
		}
		if head := pr.GetHead().GetSHA(); head != o.Head {
			result = Result{Done: "skipped", Why: "the pull request has a newer commit than the one that was evaluated", URL: pr.GetHTMLURL()}
			return nil
		}
		ours, err := c.ours(ctx, e, &o)
		if err != nil {
			return err
		}
		result, err = c.write(ctx, e, &o, ours, body)
		return err
	})
	return result, err
}

// ours are the comments of o.Key that o.Bot wrote, oldest first.
func (c *Client) ours(ctx context.Context, e Event, o *Comment) ([]*github.IssueComment, error) {
	var found []*github.IssueComment
	err := pages(ctx, c, fmt.Sprintf("list the comments of pull request %d", e.Number), func(page github.ListOptions) ([]*github.IssueComment, *github.Response, error) {
		return c.github.Issues.ListComments(ctx, e.Owner, e.Repo, e.Number, &github.IssueListCommentsOptions{ListOptions: page})
	}, func(comment *github.IssueComment) {
		if m := markerOf(comment.GetBody()); m != nil && m.Key == o.Key && comment.GetUser().GetLogin() == o.Bot {
			found = append(found, comment)
		}
	})
	slices.SortFunc(found, func(a, b *github.IssueComment) int { return int(a.GetID() - b.GetID()) })
	return found, err
}

// markerOf reads the marker on the last line of a comment, nil where there is none.
func markerOf(body string) *Comment {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n"), "\n")
	m := markerRow.FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		return nil
	}
	run, err := strconv.ParseInt(m[3], 10, 64)
	attempt, err2 := strconv.Atoi(m[4])
	if err != nil || err2 != nil {
		return nil
	}
	return &Comment{Key: m[1], Head: m[2], Run: run, Attempt: attempt}
}

// sayOf is a comment without its marker.
func sayOf(body string) string {
	body = strings.TrimRight(strings.ReplaceAll(body, "\r\n", "\n"), "\n")
	if i := strings.LastIndexByte(body, '\n'); i >= 0 {
		return strings.TrimRight(body[:i], "\n")
	}
	return ""
}

func (c *Client) write(ctx context.Context, e Event, o *Comment, ours []*github.IssueComment, body string) (Result, error) {
	for _, comment := range ours {
		m := markerOf(comment.GetBody())
		if m.Run > o.Run || m.Run == o.Run && m.Attempt > o.Attempt {
			return Result{Done: "skipped", Why: "a newer run has written already", URL: comment.GetHTMLURL()}, nil
		}
	}
	if len(ours) == 0 {
		return c.create(ctx, e, body)
	}
	for _, comment := range ours[1:] { // two runs at once made two
		if _, err := c.github.Issues.DeleteComment(ctx, e.Owner, e.Repo, comment.GetID()); err != nil && !gone(err) {
			return Result{}, err
		}
	}
	first := ours[0]
	if m := markerOf(first.GetBody()); m.Head == o.Head && sayOf(first.GetBody()) == sayOf(body) {
		return Result{Done: "unchanged", URL: first.GetHTMLURL()}, nil
	}
	edited, _, err := c.github.Issues.EditComment(ctx, e.Owner, e.Repo, first.GetID(), &github.IssueComment{Body: &body})
	switch {
	case gone(err): // somebody deleted it meanwhile
		return c.create(ctx, e, body)
	case err != nil:
		return Result{}, err
	}
	return Result{Done: "updated", URL: edited.GetHTMLURL()}, nil
}

func (c *Client) create(ctx context.Context, e Event, body string) (Result, error) {
	made, _, err := c.github.Issues.CreateComment(ctx, e.Owner, e.Repo, e.Number, &github.IssueComment{Body: &body})
	if err != nil {
		return Result{}, err
	}
	return Result{Done: "created", URL: made.GetHTMLURL()}, nil
}

func gone(err error) bool {
	var answer *github.ErrorResponse
	return errors.As(err, &answer) && (answer.Response.StatusCode == http.StatusNotFound || answer.Response.StatusCode == http.StatusGone)
}
