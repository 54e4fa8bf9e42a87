package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// An Event is what a workflow was started by.
type Event struct {
	Name   string // "pull_request", "merge_group", "workflow_dispatch", ...
	Owner  string
	Repo   string
	Number int    // of the pull request; 0 where there is none
	Head   string // object id of the commit that was to be evaluated
	Base   string // object id of what it is to be merged into; "" is not known
	Author string // who opened the pull request
	Queued int    // of a merge group: number of the pull request that it adds; 0 is not known
	Fork   bool   // the head is of another repository: the token can only read

	Run     int64 // of the workflow
	Attempt int
}

// queuedRef is the name of a merge group's branch.
var queuedRef = regexp.MustCompile(`^(?:refs/heads/)?gh-readonly-queue/.+/pr-([1-9][0-9]{0,8})-[0-9a-f]{40,64}$`)

// ReadEvent reads what GitHub Actions says of a workflow's cause in the environment
// and in the file that GITHUB_EVENT_PATH names. A merge group has its commits in
// "merge_group" and no pull request; without either the commit is GITHUB_SHA.
func ReadEvent(getenv func(string) string) (Event, error) {
	e := Event{Name: getenv("GITHUB_EVENT_NAME"), Head: getenv("GITHUB_SHA")}
	var ok bool
	if e.Owner, e.Repo, ok = strings.Cut(getenv("GITHUB_REPOSITORY"), "/"); !ok || e.Owner == "" || e.Repo == "" {
		return e, fmt.Errorf("GITHUB_REPOSITORY is %q, and not owner/name: this is not a workflow of GitHub Actions", getenv("GITHUB_REPOSITORY"))
	}
	e.Run, _ = strconv.ParseInt(getenv("GITHUB_RUN_ID"), 10, 64)
	e.Attempt, _ = strconv.Atoi(getenv("GITHUB_RUN_ATTEMPT"))
	path := getenv("GITHUB_EVENT_PATH")
	if path == "" {
		return e, errors.New("GITHUB_EVENT_PATH is not set: this is not a workflow of GitHub Actions")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return e, fmt.Errorf("read what the workflow was started by: %w", err)
	}
	var payload struct {
		PullRequest *struct {
			Number int `json:"number"`
			User   struct {
				Login string `json:"login"`
			} `json:"user"`
			Head struct {
				SHA  string `json:"sha"`
				Repo *struct {
					FullName string `json:"full_name"`
				} `json:"repo"`
			} `json:"head"`
			Base struct {
				SHA string `json:"sha"`
			} `json:"base"`
		} `json:"pull_request"`
		MergeGroup *struct {
			HeadSHA string `json:"head_sha"`
			HeadRef string `json:"head_ref"`
			BaseSHA string `json:"base_sha"`
		} `json:"merge_group"`
	}
	if err := json.Unmarshal(b, &payload); err != nil {
		return e, fmt.Errorf("read what the workflow was started by: %s: %w", path, err)
	}
	switch p, g := payload.PullRequest, payload.MergeGroup; {
	case p != nil:
		e.Number, e.Author, e.Head, e.Base = p.Number, p.User.Login, p.Head.SHA, p.Base.SHA
		e.Fork = p.Head.Repo == nil || !strings.EqualFold(p.Head.Repo.FullName, e.Owner+"/"+e.Repo)
		if e.Number < 1 {
			return e, fmt.Errorf("%s: the pull request is numbered %d", path, e.Number)
		}
	case g != nil:
		e.Head, e.Base = g.HeadSHA, g.BaseSHA
		if m := queuedRef.FindStringSubmatch(g.HeadRef); m != nil {
			e.Queued, _ = strconv.Atoi(m[1])
		}
	}
	if e.Head == "" {
		return e, fmt.Errorf("%s: it does not say which commit is to be evaluated", path)
	}
	return e, nil
}
