package main_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waybill-dev/waybill/gate/publish/publishtest"
)

// Commits of the pull request that scripts are about.
const (
	scriptHead = "0123456789abcdef0123456789abcdef01234567"
	scriptBase = "89abcdef0123456789abcdef0123456789abcdef"
)

// A hub is the GitHub of one script.
type hub struct {
	*publishtest.Server
	asked int // requests that were written down already
}

func (h *hub) of(ts *testscript.TestScript) *publishtest.Server {
	if h.Server == nil {
		ts.Fatalf("there is no GitHub yet: call github first")
	}
	return h.Server
}

func hubOf(ts *testscript.TestScript) *hub {
	h, ok := ts.Value(hubKey{}).(*hub)
	if !ok {
		ts.Fatalf("the script was not set up with a GitHub")
	}
	return h
}

type hubKey struct{}

func startGitHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: github EVENT")
	}
	s, stop := publishtest.Start(scriptHead)
	ts.Defer(stop)
	*hubOf(ts) = hub{Server: s}
	pull := map[string]any{"number": s.Number, "user": map[string]any{"login": "ann"}, "base": map[string]any{"sha": scriptBase},
		"head": map[string]any{"sha": scriptHead, "repo": map[string]any{"full_name": s.Owner + "/" + s.Repo}}}
	var payload map[string]any
	event := args[0]
	switch event {
	case "pull_request":
		payload = map[string]any{"pull_request": pull}
	case "fork":
		pull["head"].(map[string]any)["repo"] = map[string]any{"full_name": "mallory/portal"}
		payload, event = map[string]any{"pull_request": pull}, "pull_request"
		s.ReadOnly()
	case "merge_group":
		payload = map[string]any{"merge_group": map[string]any{"head_sha": scriptHead, "base_sha": scriptBase,
			"head_ref": "refs/heads/gh-readonly-queue/main/pr-7-" + scriptHead}}
	case "workflow_dispatch":
		payload = map[string]any{"inputs": map[string]any{}}
	default:
		ts.Fatalf("unknown event %q", event)
	}
	b, err := json.Marshal(payload)
	ts.Check(err)
	file := ts.MkAbs("event.json")
	ts.Check(os.WriteFile(file, b, 0o600))
	for k, v := range map[string]string{
		"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": file, "GITHUB_SHA": scriptHead, "GITHUB_REPOSITORY": s.Owner + "/" + s.Repo, "GITHUB_RUN_ID": "5",
		"GITHUB_RUN_ATTEMPT": "1", "GITHUB_TOKEN": s.Token, "GITHUB_API_URL": s.URL, "GITHUB_WORKSPACE": ts.MkAbs("."), "WAYBILL_COMMIT": scriptHead,
	} {
		ts.Setenv(k, v)
	}
}

func changeGitHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: github-is WHAT [ARG...]")
	}
	s := hubOf(ts).of(ts)
	what := strings.Join(append(args[:1:1], fmt.Sprint(len(args)-1)), " ")
	answer := func(f func(http.ResponseWriter)) {
		s.Before(func(_ *publishtest.Server, _ *http.Request, w http.ResponseWriter) bool { f(w); return true })
	}
	// next lets the next n requests be answered by f.
	next := func(n string, f func(http.ResponseWriter)) {
		left, err := strconv.ParseInt(n, 10, 64)
		ts.Check(err)
		var count atomic.Int64
		s.Before(func(_ *publishtest.Server, _ *http.Request, w http.ResponseWriter) bool {
			if count.Add(1) > left {
				return false
			}
			f(w)
			return true
		})
	}
	switch {
	case what == "at 1":
		s.SetHead(args[1])
	case what == "read-only 0":
		s.ReadOnly()
	case what == "without 1":
		s.Deny(args[1])
	case what == "revoked 0":
		s.Revoke()
	case what == "limited 0":
		answer(func(w http.ResponseWriter) { publishtest.SecondaryLimit(w, time.Hour) })
	case what == "moves 2":
		left, err := strconv.ParseInt(args[2], 10, 64)
		ts.Check(err)
		var count atomic.Int64
		s.Before(func(s *publishtest.Server, _ *http.Request, _ http.ResponseWriter) bool {
			if count.Add(1) == left+1 {
				s.SetHead(args[1])
			}
			return false
		})
	case what == "up 0":
		s.Before(nil)
	case what == "slow 1":
		next(args[1], func(w http.ResponseWriter) { publishtest.SecondaryLimit(w, time.Second) })
	case what == "failing 1":
		next(args[1], func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) })
	case what == "forgetful 0":
		var once sync.Once
		s.Before(func(s *publishtest.Server, r *http.Request, w http.ResponseWriter) (answered bool) {
			if r.Method == http.MethodPost {
				once.Do(func() {
					sent := s.Requests()
					var comment struct{ Body string }
					if err := json.Unmarshal([]byte(sent[len(sent)-1].Body), &comment); err != nil {
						http.Error(w, err.Error(), http.StatusBadRequest)
					} else {
						s.Say(publishtest.Bot, comment.Body)
						w.WriteHeader(http.StatusBadGateway)
					}
					answered = true
				})
			}
			return answered
		})
	case what == "down 0":
		answer(func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotImplemented) })
	case what == "review 3":
		s.Review(args[1], args[2], args[3])
	case args[0] == "team":
		s.SetTeam(args[1:]...)
	case what == "base 1":
		s.SetFile(args[1], scriptBase, ts.ReadFile(args[1]))
	case what == "deleted 0":
		for _, c := range s.Comments() {
			s.DeleteComment(c.ID)
		}
	default:
		ts.Fatalf("github-is: what is %q?", args)
	}
}

// dumpGitHub writes what GitHub holds: comments and check runs, each under a line
// that says what it is.
func dumpGitHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: github-holds FILE")
	}
	s := hubOf(ts).of(ts)
	var b strings.Builder
	for _, c := range s.Comments() {
		fmt.Fprintf(&b, "== comment of %s, edited %d times\n%s\n", c.Login, c.Edited, c.Body)
	}
	for _, c := range s.Checks() {
		fmt.Fprintf(&b, "== check run %s of %s: %s, %q\n%s\n", c.Name, c.Head, c.Conclusion, c.Title, c.Summary)
	}
	fmt.Fprintf(&b, "== %d comments, %d check runs\n", len(s.Comments()), len(s.Checks()))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(b.String()), 0o600))
}

// askedGitHub writes the requests that came since it was last called: a line each, with
// the keys of a JSON body, and the bodies to another file.
func askedGitHub(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: github-asked FILE BODIES")
	}
	h := hubOf(ts)
	requests := h.of(ts).Requests()
	var lines, bodies strings.Builder
	for _, r := range requests[h.asked:] {
		fmt.Fprintf(&lines, "%s %s", r.Method, r.Path)
		if r.Query != "" {
			lines.WriteString("?" + r.Query)
		}
		lines.WriteString(" " + r.Authorization)
		if r.Body != "" {
			var object map[string]json.RawMessage
			ts.Check(json.Unmarshal([]byte(r.Body), &object))
			fmt.Fprintf(&lines, " {%s}", strings.Join(slices.Sorted(maps.Keys(object)), " "))
			bodies.WriteString(r.Body + "\n")
		}
		lines.WriteByte('\n')
	}
	h.asked = len(requests)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(lines.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(bodies.String()), 0o600))
}
