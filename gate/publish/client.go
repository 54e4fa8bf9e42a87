package publish

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v60/github"
)

// Options of a client.
type Options struct {
	Token   string        // required
	API     string        // root of the API; "" is https://api.github.com/
	Agent   string        // sent as User-Agent; "" is "waybill"
	MaxWait time.Duration // for rate limits and for answers of 500 to 599, in all; 0 is 2 minutes

	// Transport is for tests; nil is http.DefaultTransport.
	Transport http.RoundTripper

	// Wait waits for d or until ctx is done; nil does that with a timer.
	Wait func(ctx context.Context, d time.Duration) error
}

const (
	defaultMaxWait = 2 * time.Minute
	requestTimeout = 30 * time.Second
	firstBackoff   = time.Second
	maxPages       = 200 // of 100 entries each
)

// A Client talks to GitHub.
type Client struct {
	github *github.Client
	wait   func(context.Context, time.Duration) error
	left   time.Duration // that may still be waited; for one goroutine
}

// New returns a client. The error says what is wrong with o.
func New(o Options) (*Client, error) {
	if strings.TrimSpace(o.Token) == "" {
		return nil, errors.New("there is no token for GitHub: set GITHUB_TOKEN, and give the job the permission pull-requests: write")
	}
	if strings.ContainsAny(o.Token, "\r\n\x00") {
		return nil, errors.New("the token for GitHub holds a line break: it was read wrongly")
	}
	api := o.API
	if api == "" {
		api = "https://api.github.com/"
	}
	if !strings.HasSuffix(api, "/") {
		api += "/"
	}
	base, err := url.Parse(api)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("the address of GitHub's API %q is no URL", o.API)
	}
	transport := o.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	c := &Client{wait: o.Wait, left: o.MaxWait}
	if c.wait == nil {
		c.wait = sleep
	}
	if c.left == 0 {
		c.left = defaultMaxWait
	}
	c.github = github.NewClient(&http.Client{
		Timeout:   requestTimeout,
		Transport: bearer{o.Token, base.Host, transport},
	})
	c.github.BaseURL = base
	c.github.UserAgent = "waybill"
	if o.Agent != "" {
		c.github.UserAgent = o.Agent
	}
	return c, nil
}

// bearer adds the token to requests for one host: a redirect elsewhere goes without.
type bearer struct {
	token, host string
	next        http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Del("Authorization")
	if r.URL.Host == b.host {
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// try calls do until it succeeds, fails for good, or no time is left to wait. do
// must be safe to call again after a failure.
func (c *Client) try(ctx context.Context, what string, do func() error) error {
	backoff := firstBackoff
	for {
		err := do()
		if err == nil {
			return nil
		}
		d, again := pause(err, backoff)
		if !again || ctx.Err() != nil {
			return explain(what, err)
		}
		if d > c.left {
			return fmt.Errorf("%w: and to wait %s more is longer than is left", explain(what, err), d.Round(time.Second))
		}
		c.left -= d
		if err := c.wait(ctx, d); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		backoff *= 2
	}
}

// pause says how long to wait before trying again after err, and whether to.
func pause(err error, backoff time.Duration) (time.Duration, bool) {
	var limit *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	var transport *url.Error
	switch {
	case errors.As(err, &limit):
		return max(time.Until(limit.Rate.Reset.Time)+time.Second, time.Second), true
	case errors.As(err, &secondary):
		if secondary.RetryAfter != nil {
			return *secondary.RetryAfter + time.Second, true
		}
		return time.Minute, true // GitHub's advice where the answer gives none
	case errors.As(err, &answer):
		return backoff, answer.Response.StatusCode >= 500
	case errors.As(err, &transport):
		return backoff, true
	}
	return 0, false
}

// A RefusedError is an answer by which GitHub refused what was asked for: trying
// again does not help.
type RefusedError struct {
	Status int // of the answer
	What   string
	Advice string
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s: GitHub answered %d: %s", e.What, e.Status, e.Advice)
}

// explain words err. Nothing of an answer's text is in it: it may quote what was posted.
func explain(what string, err error) error {
	var limit *github.RateLimitError
	var secondary *github.AbuseRateLimitError
	var answer *github.ErrorResponse
	switch {
	case errors.As(err, &limit):
		return fmt.Errorf("%s: the rate limit is used up until %s", what, limit.Rate.Reset.UTC().Format(time.RFC3339))
	case errors.As(err, &secondary):
		return fmt.Errorf("%s: GitHub asks to slow down (secondary rate limit)", what)
	case errors.As(err, &answer):
		status := answer.Response.StatusCode
		advice := map[int]string{
			http.StatusUnauthorized:        "the token is not valid: it was mistyped, revoked, or has expired",
			http.StatusForbidden:           "the token may not do this: a job's token needs the permission for it, and that of a fork's pull request can only read",
			http.StatusNotFound:            "there is no such thing, or the token may not see it",
			http.StatusUnprocessableEntity: "the request was not accepted as it was",
			http.StatusGone:                "it was deleted or is locked",
		}[status]
		if status >= 500 {
			return fmt.Errorf("%s: GitHub answered %d", what, status)
		}
		if advice == "" {
			advice = "it is not known why"
		}
		return &RefusedError{status, what, advice}
	}
	return fmt.Errorf("%s: %w", what, err)
}

// pages calls list for every page of 100, and add for each entry.
func pages[T any](ctx context.Context, c *Client, what string, list func(github.ListOptions) ([]T, *github.Response, error), add func(T)) error {
	o := github.ListOptions{PerPage: 100, Page: 1}
	for range maxPages {
		var entries []T
		var answer *github.Response
		err := c.try(ctx, what, func() (err error) {
			entries, answer, err = list(o)
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			add(e)
		}
		if answer.NextPage == 0 {
			return nil
		}
		o.Page = answer.NextPage
	}
	return fmt.Errorf("%s: there are more than %d pages", what, maxPages)
}
