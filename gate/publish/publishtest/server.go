// Package publishtest stands in for GitHub in tests. It keeps what GitHub would
// keep, and enforces what GitHub enforces: pages of at most 100, lengths of texts,
// permissions of a token, rate limits. Tests judge by what it holds afterwards and
// by the requests that came, as they were on the wire.
package publishtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

// Limits of GitHub's API.
const (
	maxBody        = 65_536
	maxCheckText   = 65_535
	maxAnnotations = 50
	maxPage        = 100
)

// Bot is who writes with a workflow's token.
const Bot = "github-actions[bot]"

// A Comment is one of an issue or a pull request.
type Comment struct {
	ID     int64
	Login  string
	Body   string
	Edited int // how often it was edited
}

// A CheckRun is one of a commit.
type CheckRun struct {
	Name, Head, Status, Conclusion, Title, Summary, Text string
	Annotations                                          int
}

// A Review is one of a pull request.
type Review struct{ Login, State, Commit string }

// A Commit is one of a pull request; "" is an account that GitHub does not know.
type Commit struct{ Author, Committer string }

// A Request is one that came.
type Request struct {
	Method, Path, Query, Authorization string
	Body                               string
}

// A Server is a GitHub with one repository and one pull request.
type Server struct {
	URL         string // root of its API, with a slash at its end
	Owner, Repo string
	Number      int
	Token       string // that it accepts

	mu       sync.Mutex
	head     string
	author   string
	comments []Comment
	nextID   int64
	checks   []CheckRun
	reviews  []Review
	commits  []Commit
	team     []string
	files    map[string]string // "path@commit"
	write    bool
	denied   []string
	revoked  bool
	requests []Request
	before   func(*Server, *http.Request, http.ResponseWriter) bool
}

// New starts a server that ends with the test.
func New(t testing.TB, head string) *Server {
	s, stop := Start(head)
	t.Cleanup(stop)
	return s
}

// Start starts a server whose pull request is at the commit head.
func Start(head string) (_ *Server, stop func()) {
	s := &Server{Owner: "clinic", Repo: "portal", Number: 7, Token: "ghs_secret", head: head, author: "ann", write: true, nextID: 1000,
		commits: []Commit{{"ann", "ann"}}, files: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(s.serve))
	s.URL = server.URL + "/"
	return s, server.Close
}

func (s *Server) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// SetHead pushes a commit.
func (s *Server) SetHead(sha string) { s.with(func() { s.head = sha }) }

// ReadOnly makes the token one that can only read, as that of a fork's pull request.
func (s *Server) ReadOnly() { s.with(func() { s.write = false }) }

// Deny takes a permission from the token, by the name that a workflow gives it:
// "checks", "pull-requests" or "contents".
func (s *Server) Deny(permission string) { s.with(func() { s.denied = append(s.denied, permission) }) }

// Revoke makes the token invalid.
func (s *Server) Revoke() { s.with(func() { s.revoked = true }) }

// Say adds a comment of somebody's.
func (s *Server) Say(login, body string) int64 {
	var id int64
	s.with(func() {
		s.nextID++
		id = s.nextID
		s.comments = append(s.comments, Comment{ID: id, Login: login, Body: body})
	})
	return id
}

// DeleteComment is a user who deletes one.
func (s *Server) DeleteComment(id int64) {
	s.with(func() {
		s.comments = slices.DeleteFunc(s.comments, func(c Comment) bool { return c.ID == id })
	})
}

// Review adds a review.
func (s *Server) Review(login, state, commit string) {
	s.with(func() { s.reviews = append(s.reviews, Review{login, state, commit}) })
}

// SetCommits says who made the commits of the pull request.
func (s *Server) SetCommits(c ...Commit) { s.with(func() { s.commits = c }) }

// SetTeam says who is in the team clinic/privacy.
func (s *Server) SetTeam(logins ...string) { s.with(func() { s.team = logins }) }

// SetFile puts a file into the repository at a commit.
func (s *Server) SetFile(path, commit, text string) {
	s.with(func() { s.files[path+"@"+commit] = text })
}

// Before is asked before a request is answered; where it reports true it has answered
// by itself. It may call the server's other methods.
func (s *Server) Before(f func(*Server, *http.Request, http.ResponseWriter) bool) {
	s.with(func() { s.before = f })
}

// Comments are those that there are, oldest first.
func (s *Server) Comments() (list []Comment) {
	s.with(func() { list = slices.Clone(s.comments) })
	return list
}

// Checks are the check runs that were made.
func (s *Server) Checks() (list []CheckRun) {
	s.with(func() { list = slices.Clone(s.checks) })
	return list
}

// Requests are those that came, in their order.
func (s *Server) Requests() (list []Request) {
	s.with(func() { list = slices.Clone(s.requests) })
	return list
}

// Writes is how many requests came that were to change something.
func (s *Server) Writes() int {
	n := 0
	for _, r := range s.Requests() {
		if r.Method != http.MethodGet {
			n++
		}
	}
	return n
}

type answer struct {
	status int
	value  any
}

func refuse(status int, format string, args ...any) answer {
	return answer{status, map[string]string{"message": fmt.Sprintf(format, args...)}}
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	var body strings.Builder
	if _, err := io.Copy(&body, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var before func(*Server, *http.Request, http.ResponseWriter) bool
	s.with(func() {
		s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), body.String()})
		before = s.before
	})
	if before != nil && before(s, r, w) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var a answer
	switch {
	case r.Header.Get("Authorization") != "Bearer "+s.Token || s.revoked:
		a = refuse(http.StatusUnauthorized, "Bad credentials")
	case r.Header.Get("User-Agent") == "":
		a = refuse(http.StatusForbidden, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header")
	case r.Method != http.MethodGet && !s.write || slices.Contains(s.denied, permission(r.URL.Path)):
		a = refuse(http.StatusForbidden, "Resource not accessible by integration")
	default:
		a = s.answer(w, r, []byte(body.String()))
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	if a.value != nil {
		_ = json.NewEncoder(w).Encode(a.value) // fails where the client is gone
	}
}

var (
	pullPath       = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)/pulls/(\d+)(/reviews|/commits)?$`)
	commentsPath   = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)/issues/(\d+)/comments$`)
	commentPath    = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)/issues/comments/(\d+)$`)
	checksPath     = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)/check-runs$`)
	contentsPath   = regexp.MustCompile(`^/repos/([^/]+)/([^/]+)/contents/(.+)$`)
	membershipPath = regexp.MustCompile(`^/orgs/clinic/teams/privacy/memberships/([^/]+)$`)
)

// permission is the one that a request needs; "" is none that can be taken away.
func permission(path string) string {
	switch {
	case checksPath.MatchString(path):
		return "checks"
	case contentsPath.MatchString(path):
		return "contents"
	case commentsPath.MatchString(path), commentPath.MatchString(path), pullPath.MatchString(path):
		return "pull-requests"
	}
	return ""
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, body []byte) answer {
	path := r.URL.Path
	mine := func(m []string) bool { return m != nil && m[1] == s.Owner && m[2] == s.Repo }
	if m := pullPath.FindStringSubmatch(path); mine(m) && r.Method == http.MethodGet && m[3] == strconv.Itoa(s.Number) {
		switch m[4] {
		case "/reviews":
			return page(w, r, s.URL, len(s.reviews), func(i int) any {
				v := s.reviews[i]
				return map[string]any{"id": i + 1, "user": user(v.Login), "state": v.State, "commit_id": v.Commit}
			})
		case "/commits":
			return page(w, r, s.URL, min(len(s.commits), 250), func(i int) any {
				c := s.commits[i]
				return map[string]any{"sha": fmt.Sprintf("%040x", i), "author": user(c.Author), "committer": user(c.Committer)}
			})
		}
		return answer{http.StatusOK, map[string]any{"number": s.Number, "html_url": s.URL + "pull/7", "user": user(s.author), "commits": len(s.commits),
			"head": map[string]any{"sha": s.head}}}
	}
	if m := commentsPath.FindStringSubmatch(path); mine(m) {
		if m[3] != strconv.Itoa(s.Number) {
			return refuse(http.StatusNotFound, "Not Found")
		}
		if r.Method == http.MethodGet {
			return page(w, r, s.URL, len(s.comments), func(i int) any { return s.comment(s.comments[i]) })
		}
		text, bad := bodyOf(body)
		if bad.status != 0 {
			return bad
		}
		s.nextID++
		c := Comment{ID: s.nextID, Login: Bot, Body: text}
		s.comments = append(s.comments, c)
		return answer{http.StatusCreated, s.comment(c)}
	}
	if m := commentPath.FindStringSubmatch(path); mine(m) {
		i := slices.IndexFunc(s.comments, func(c Comment) bool { return strconv.FormatInt(c.ID, 10) == m[3] })
		if i < 0 {
			return refuse(http.StatusNotFound, "Not Found")
		}
		switch r.Method {
		case http.MethodPatch:
			text, bad := bodyOf(body)
			if bad.status != 0 {
				return bad
			}
			s.comments[i].Body = text
			s.comments[i].Edited++
			return answer{http.StatusOK, s.comment(s.comments[i])}
		case http.MethodDelete:
			s.comments = slices.Delete(s.comments, i, i+1)
			return answer{http.StatusNoContent, nil}
		}
	}
	if m := checksPath.FindStringSubmatch(path); mine(m) && r.Method == http.MethodPost {
		return s.check(body)
	}
	if m := contentsPath.FindStringSubmatch(path); mine(m) && r.Method == http.MethodGet {
		text, ok := s.files[m[3]+"@"+r.URL.Query().Get("ref")]
		if !ok {
			return refuse(http.StatusNotFound, "Not Found")
		}
		return answer{http.StatusOK, map[string]any{"type": "file", "encoding": "base64", "content": base64.StdEncoding.EncodeToString([]byte(text))}}
	}
	if m := membershipPath.FindStringSubmatch(path); m != nil && r.Method == http.MethodGet {
		if !slices.Contains(s.team, m[1]) {
			return refuse(http.StatusNotFound, "Not Found")
		}
		return answer{http.StatusOK, map[string]any{"state": "active", "role": "member"}}
	}
	return refuse(http.StatusNotFound, "Not Found")
}

func (s *Server) comment(c Comment) any {
	return map[string]any{"id": c.ID, "user": user(c.Login), "body": c.Body, "html_url": fmt.Sprintf("%spull/%d#issuecomment-%d", s.URL, s.Number, c.ID)}
}

func user(login string) any {
	if login == "" {
		return nil
	}
	return map[string]any{"login": login}
}

func bodyOf(b []byte) (string, answer) {
	var v struct {
		Body string `json:"body"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return "", refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	if v.Body == "" || utf8.RuneCountInString(v.Body) > maxBody {
		return "", refuse(http.StatusUnprocessableEntity, "Validation Failed: body is too long (maximum is 65536 characters)")
	}
	return v.Body, answer{}
}

func (s *Server) check(b []byte) answer {
	var v struct {
		Name       string `json:"name"`
		Head       string `json:"head_sha"`
		Status     string `json:"status"`
		Conclusion string `json:"conclusion"`
		Output     struct {
			Title, Summary, Text string
			Annotations          []struct {
				Path  string `json:"path"`
				Start int    `json:"start_line"`
				End   int    `json:"end_line"`
				Level string `json:"annotation_level"`
				Text  string `json:"message"`
			} `json:"annotations"`
		} `json:"output"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return refuse(http.StatusBadRequest, "Problems parsing JSON")
	}
	known := []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out"}
	if v.Name == "" || v.Head == "" || v.Output.Title == "" || v.Output.Summary == "" || v.Status == "completed" && !slices.Contains(known, v.Conclusion) {
		return refuse(http.StatusUnprocessableEntity, "Invalid request")
	}
	if len(v.Output.Summary) > maxCheckText || len(v.Output.Text) > maxCheckText || len(v.Output.Annotations) > maxAnnotations {
		return refuse(http.StatusUnprocessableEntity, "Invalid request: too long")
	}
	for _, a := range v.Output.Annotations {
		if a.Path == "" || a.Start < 1 || a.End < a.Start || a.Text == "" || !slices.Contains([]string{"notice", "warning", "failure"}, a.Level) {
			return refuse(http.StatusUnprocessableEntity, "Invalid request: annotation")
		}
	}
	s.checks = append(s.checks, CheckRun{v.Name, v.Head, v.Status, v.Conclusion, v.Output.Title, v.Output.Summary, v.Output.Text, len(v.Output.Annotations)})
	return answer{http.StatusCreated, map[string]any{"id": len(s.checks), "html_url": s.URL + "runs/" + strconv.Itoa(len(s.checks))}}
}

// page answers a list as GitHub does: 30 entries where nothing is asked for, 100 at
// the most, and a Link header to the next (RFC 8288).
func page(w http.ResponseWriter, r *http.Request, root string, n int, entry func(int) any) answer {
	per, at := 30, 1
	if v, err := strconv.Atoi(r.URL.Query().Get("per_page")); err == nil && v > 0 {
		per = min(v, maxPage)
	}
	if v, err := strconv.Atoi(r.URL.Query().Get("page")); err == nil && v > 0 {
		at = v
	}
	list := []any{}
	for i := (at - 1) * per; i < min(at*per, n); i++ {
		list = append(list, entry(i))
	}
	if at*per < n {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, strings.TrimSuffix(root, "/"), r.URL.Path, per, at+1))
	}
	return answer{http.StatusOK, list}
}

// SecondaryLimit answers as GitHub does where it asks to slow down.
func SecondaryLimit(w http.ResponseWriter, after time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after/time.Second)))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`)
}

// RateLimit answers as GitHub does where the rate limit is used up until reset.
func RateLimit(w http.ResponseWriter, reset time.Time) {
	w.Header().Set("X-RateLimit-Limit", "1000")
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `{"message":"API rate limit exceeded for installation."}`)
}
