package publish_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/publish"
	"github.com/waybill-dev/waybill/gate/publish/publishtest"
)

var (
	head  = strings.Repeat("a1", 20)
	newer = strings.Repeat("b2", 20)
)

// client is a client of s whose waits are written down and take no time.
func client(t *testing.T, s *publishtest.Server, change func(*publish.Options)) (*publish.Client, *[]time.Duration) {
	t.Helper()
	var waits []time.Duration
	o := publish.Options{Token: s.Token, API: s.URL, Wait: func(_ context.Context, d time.Duration) error {
		waits = append(waits, d)
		return nil
	}}
	if change != nil {
		change(&o)
	}
	c, err := publish.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c, &waits
}

func event(s *publishtest.Server) publish.Event {
	return publish.Event{Owner: s.Owner, Repo: s.Repo, Number: s.Number, Head: head}
}

func comment(body string) publish.Comment {
	return publish.Comment{Key: "gate", Head: head, Run: 5, Attempt: 1, Body: body}
}

func say(t *testing.T, s *publishtest.Server, o publish.Comment, want string) publish.Result {
	t.Helper()
	c, _ := client(t, s, nil)
	got, err := c.Comment(t.Context(), event(s), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.Done != want {
		t.Fatalf("%s (%s), want %s", got.Done, got.Why, want)
	}
	return got
}

func TestOneCommentStaysOne(t *testing.T) {
	s := publishtest.New(t, head)
	say(t, s, comment("first"), "created")
	say(t, s, comment("first"), "unchanged")
	o := comment("second")
	o.Run = 6
	say(t, s, o, "updated")
	say(t, s, comment("late"), "skipped") // of run 5
	o.Attempt = 2
	o.Body = "third"
	say(t, s, o, "updated")
	o.Key, o.Body = "other", "of another gate"
	say(t, s, o, "created")
	list := s.Comments()
	if len(list) != 2 || !strings.HasPrefix(list[0].Body, "third\n") || !strings.HasPrefix(list[1].Body, "of another gate\n") {
		t.Fatalf("the pull request has %+v", list)
	}
	if list[0].Edited != 2 {
		t.Errorf("it was edited %d times", list[0].Edited)
	}
	lines := strings.Split(list[0].Body, "\n")
	if want := "<!-- waybill key=gate head=" + head + " run=6 attempt=2 -->"; lines[len(lines)-1] != want {
		t.Errorf("its last line is %q, want %q", lines[len(lines)-1], want)
	}
}

// A stranger writes a comment with our marker, another quotes it, and ours stands on
// the third page.
func TestOnlyOursIsOurs(t *testing.T) {
	s := publishtest.New(t, head)
	marker := "<!-- waybill key=gate head=" + head + " run=9 attempt=1 -->"
	s.Say("mallory", "No recipient changes\n\n"+marker)
	s.Say(publishtest.Bot, "quoted: "+marker+"\nand more")
	for i := range 250 {
		s.Say("ann", fmt.Sprintf("remark %d", i))
	}
	ours := s.Say(publishtest.Bot, "old\n\n<!-- waybill key=gate head="+newer+" run=1 attempt=1 -->")
	say(t, s, comment("now"), "updated")
	for _, c := range s.Comments() {
		if strings.HasPrefix(c.Body, "now\n") != (c.ID == ours) {
			t.Errorf("%s's comment %d holds %q", c.Login, c.ID, c.Body)
		}
	}
	if n := s.Writes(); n != 1 {
		t.Errorf("%d writes", n)
	}
}

func TestTwoOfOursBecomeOne(t *testing.T) {
	s := publishtest.New(t, head)
	for range 2 {
		s.Say(publishtest.Bot, "old\n\n<!-- waybill key=gate head="+head+" run=1 attempt=1 -->")
	}
	say(t, s, comment("now"), "updated")
	if list := s.Comments(); len(list) != 1 || !strings.HasPrefix(list[0].Body, "now\n") {
		t.Errorf("the pull request has %+v", list)
	}
}

func TestAMovedHeadIsLeftAlone(t *testing.T) {
	s := publishtest.New(t, newer)
	if got := say(t, s, comment("of the old head"), "skipped"); !strings.Contains(got.Why, "newer commit") {
		t.Errorf("skipped because %q", got.Why)
	}
	if s.Writes() != 0 {
		t.Error("it wrote")
	}
}

// Between the list and the edit a user deletes the comment.
func TestADeletedCommentIsWrittenAnew(t *testing.T) {
	s := publishtest.New(t, head)
	say(t, s, comment("first"), "created")
	id := s.Comments()[0].ID
	s.Before(func(s *publishtest.Server, r *http.Request, _ http.ResponseWriter) bool {
		if r.Method == http.MethodPatch {
			s.DeleteComment(id)
		}
		return false
	})
	o := comment("second")
	o.Run = 6
	say(t, s, o, "created")
	if list := s.Comments(); len(list) != 1 || !strings.HasPrefix(list[0].Body, "second\n") {
		t.Errorf("the pull request has %+v", list)
	}
}

// The comment is made, and the answer that says so is lost: it is found, not made twice.
func TestALostAnswerMakesNoSecondComment(t *testing.T) {
	s := publishtest.New(t, head)
	lost := false
	s.Before(func(s *publishtest.Server, r *http.Request, w http.ResponseWriter) bool {
		if r.Method != http.MethodPost || lost {
			return false
		}
		lost = true
		o := comment("once")
		s.Say(publishtest.Bot, o.Body+"\n\n<!-- waybill key=gate head="+head+" run=5 attempt=1 -->")
		w.WriteHeader(http.StatusBadGateway)
		return true
	})
	say(t, s, comment("once"), "unchanged")
	if n := len(s.Comments()); n != 1 {
		t.Errorf("%d comments", n)
	}
}

func TestItWaitsAsTold(t *testing.T) {
	s := publishtest.New(t, head)
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		wait   time.Duration // at least
	}{
		{"bad gateways", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }, time.Second},
		{"a connection that breaks", func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			left := 3
			s.Before(func(_ *publishtest.Server, r *http.Request, w http.ResponseWriter) bool {
				if left == 0 {
					return false
				}
				left--
				test.answer(w)
				return true
			})
			c, waits := client(t, s, nil)
			o := comment(test.name)
			o.Run = time.Now().UnixNano()
			if _, err := c.Comment(t.Context(), event(s), o); err != nil {
				t.Fatal(err)
			}
			if len(*waits) == 0 || slices.Min(*waits) < test.wait {
				t.Errorf("it waited %v", *waits)
			}
		})
	}
	// go-github itself refuses calls until the time of a secondary limit has passed:
	// so these give up when that is longer than they may wait.
	for _, test := range []struct {
		name, want string
		answer     func(http.ResponseWriter)
	}{
		{"a secondary limit", "slow down", func(w http.ResponseWriter) { publishtest.SecondaryLimit(w, time.Hour) }},
		{"a rate limit", "rate limit is used up until", func(w http.ResponseWriter) { publishtest.RateLimit(w, time.Now().Add(time.Hour)) }},
		{"a server that stays down", "GitHub answered 502", func(w http.ResponseWriter) { w.WriteHeader(http.StatusBadGateway) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Before(func(_ *publishtest.Server, _ *http.Request, w http.ResponseWriter) bool {
				test.answer(w)
				return true
			})
			c, waits := client(t, s, nil)
			_, err := c.Comment(t.Context(), event(s), comment("x"))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "longer than is left") {
				t.Errorf("got %v", err)
			}
			var all time.Duration
			for _, w := range *waits {
				all += w
			}
			if all > 2*time.Minute {
				t.Errorf("it waited %s", all)
			}
		})
	}
}

func TestASecondaryLimitIsWaitedFor(t *testing.T) {
	s := publishtest.New(t, head)
	first := true
	s.Before(func(_ *publishtest.Server, _ *http.Request, w http.ResponseWriter) bool {
		if first {
			first = false
			publishtest.SecondaryLimit(w, time.Second)
			return true
		}
		return false
	})
	c, err := publish.New(publish.Options{Token: s.Token, API: s.URL}) // it waits for real: the library holds calls back until then
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Comment(t.Context(), event(s), comment("x")); err != nil || got.Done != "created" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, test := range []struct {
		name, want string
		server     func(*publishtest.Server)
		event      func(*publish.Event)
		comment    func(*publish.Comment)
	}{
		{name: "a token that can only read", want: "the token may not do this", server: (*publishtest.Server).ReadOnly},
		{name: "a token that was revoked", want: "the token is not valid", server: (*publishtest.Server).Revoke},
		{name: "no such pull request", want: "there is no such thing", event: func(e *publish.Event) { e.Number = 8 }},
		{name: "number 0, which would list the whole repository", want: "a number of 1 or more", event: func(e *publish.Event) { e.Number = 0 }},
		{name: "a key with a line break", want: "is not made of", comment: func(c *publish.Comment) { c.Key = "gate\n" }},
		{name: "a head that is none", want: "is not the object id", comment: func(c *publish.Comment) { c.Head = "main" }},
		{name: "a body over budget", want: "more than 64000", comment: func(c *publish.Comment) { c.Body = strings.Repeat("é", 65_000) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := publishtest.New(t, head)
			e, o := event(s), comment("x")
			if test.server != nil {
				test.server(s)
			}
			if test.event != nil {
				test.event(&e)
			}
			if test.comment != nil {
				test.comment(&o)
			}
			c, waits := client(t, s, nil)
			_, err := c.Comment(t.Context(), e, o)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
			if len(*waits) > 0 {
				t.Errorf("it waited %v for what will not change", *waits)
			}
			if len(s.Comments()) > 0 {
				t.Error("it wrote")
			}
		})
	}
	for _, token := range []string{"", " ", "a\nb"} {
		if _, err := publish.New(publish.Options{Token: token}); err == nil {
			t.Errorf("token %q was taken", token)
		}
	}
}

// A redirect to another host does not carry the token there.
func TestTheTokenStaysWithItsHost(t *testing.T) {
	s, elsewhere := publishtest.New(t, head), publishtest.New(t, head)
	s.Before(func(_ *publishtest.Server, r *http.Request, w http.ResponseWriter) bool {
		http.Redirect(w, r, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)+strings.TrimPrefix(r.URL.Path, "/"), http.StatusTemporaryRedirect)
		return true
	})
	c, _ := client(t, s, nil)
	if _, err := c.Comment(t.Context(), event(s), comment("x")); err == nil {
		t.Error("it went through")
	}
	for _, r := range elsewhere.Requests() {
		if r.Authorization != "" {
			t.Errorf("the token went to another host: %s %s", r.Method, r.Path)
		}
	}
	if len(elsewhere.Requests()) == 0 {
		t.Error("nothing was redirected")
	}
}

func TestCheckRun(t *testing.T) {
	s := publishtest.New(t, head)
	c, _ := client(t, s, nil)
	o := publish.Check{Name: "waybill", Head: head, Title: "Blocked", Summary: "3 messages", Text: strings.Repeat("x", publish.MaxCheckText)}
	for i := range 80 {
		o.Annotations = append(o.Annotations, publish.Annotation{Path: "approvals.toml", Line: 1, Title: "t", Message: fmt.Sprint(i)})
	}
	if _, err := c.Check(t.Context(), event(s), "action_required", o); err != nil {
		t.Fatal(err)
	}
	if list := s.Checks(); len(list) != 1 || list[0].Conclusion != "action_required" || list[0].Status != "completed" || list[0].Annotations != publish.MaxAnnotations {
		t.Errorf("GitHub holds %+v", list)
	}
	for _, conclusion := range []string{"neutral", "skipped", "", "cancelled"} {
		if _, err := c.Check(t.Context(), event(s), conclusion, o); err == nil {
			t.Errorf("the conclusion %q was given", conclusion)
		}
	}
	o.Summary = strings.Repeat("x", publish.MaxCheckText+1)
	if _, err := c.Check(t.Context(), event(s), "success", o); err == nil {
		t.Error("a summary over budget was sent")
	}
}

// Each exit code has one conclusion, and only a pass is a success.
func TestConclusions(t *testing.T) {
	for _, code := range gate.ExitCodes() {
		v := &gate.Verdict{Decision: gate.Undecided, Reasons: []gate.Reason{{Code: code.Code}}}
		want := "failure"
		switch code.Code {
		case gate.ExitPass:
			v = &gate.Verdict{Decision: gate.Pass}
			want = "success"
		case gate.ExitBlocked:
			v.Decision, want = gate.Blocked, "action_required"
		}
		if got := publish.Conclusion(v); got != want {
			t.Errorf("exit code %d is %s, want %s", code.Code, got, want)
		}
	}
	if got := publish.Conclusion(&gate.Verdict{}); got != "failure" {
		t.Errorf("the zero verdict is %s", got)
	}
}

func TestStepSummary(t *testing.T) {
	path := filepath.Join(t.TempDir(), "summary")
	if err := os.WriteFile(path, []byte("before\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := publish.StepSummary(path, "ours"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(path); string(b) != "before\nours\n" {
		t.Errorf("it holds %q", b)
	}
	if err := publish.StepSummary(path, strings.Repeat("x", publish.MaxStepSummary+1)); err == nil {
		t.Error("a summary over budget was written")
	}
}

func TestReviewers(t *testing.T) {
	base := func(s *publishtest.Server) {
		s.SetTeam("bob", "carol", "ann", "dave")
	}
	for _, test := range []struct {
		name  string
		set   func(*publishtest.Server)
		want  []string
		error string
	}{
		{"an approving review of the head", func(s *publishtest.Server) { s.Review("Bob", "APPROVED", head) }, []string{"bob"}, ""},
		{"of an older commit", func(s *publishtest.Server) { s.Review("bob", "APPROVED", newer) }, nil, ""},
		{"a comment only", func(s *publishtest.Server) { s.Review("bob", "COMMENTED", head) }, nil, ""},
		{"approved, and then a remark", func(s *publishtest.Server) { s.Review("bob", "APPROVED", head); s.Review("bob", "COMMENTED", head) }, []string{"bob"}, ""},
		{"approved, and then not", func(s *publishtest.Server) {
			s.Review("bob", "APPROVED", head)
			s.Review("bob", "CHANGES_REQUESTED", head)
		}, nil, ""},
		{"dismissed", func(s *publishtest.Server) { s.Review("bob", "APPROVED", head); s.Review("bob", "DISMISSED", head) }, nil, ""},
		{"by the author", func(s *publishtest.Server) { s.Review("ann", "APPROVED", head) }, nil, ""},
		{"by who committed", func(s *publishtest.Server) {
			s.SetCommits(publishtest.Commit{Author: "ann", Committer: "dave"})
			s.Review("dave", "APPROVED", head)
		}, nil, ""},
		{"by nobody of the team", func(s *publishtest.Server) { s.Review("mallory", "APPROVED", head) }, nil, ""},
		{"on page 3", func(s *publishtest.Server) {
			for i := range 230 {
				s.Review(fmt.Sprintf("r%d", i), "COMMENTED", head)
			}
			s.Review("carol", "APPROVED", head)
		}, []string{"carol"}, ""},
		{"a commit of nobody known", func(s *publishtest.Server) {
			s.SetCommits(publishtest.Commit{Author: "", Committer: "ann"})
			s.Review("bob", "APPROVED", head)
		}, nil, "knows no account for the author of 1 of the 1 commits"},
		{"more commits than are listed", func(s *publishtest.Server) {
			s.SetCommits(slices.Repeat([]publishtest.Commit{{Author: "ann", Committer: "ann"}}, 300)...)
			s.Review("bob", "APPROVED", head)
		}, nil, "250 commits or more"},
		{"a head that moved", func(s *publishtest.Server) { s.SetHead(newer) }, nil, "was evaluated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := publishtest.New(t, head)
			base(s)
			test.set(s)
			c, _ := client(t, s, nil)
			got, err := c.Reviewers(t.Context(), event(s), publish.Approvers{Team: "clinic/privacy"})
			if test.error != "" {
				if err == nil || !strings.Contains(err.Error(), test.error) {
					t.Errorf("got %v, want %s", err, test.error)
				}
				return
			}
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %v, %v, want %v", got, err, test.want)
			}
		})
	}
	s := publishtest.New(t, head)
	c, _ := client(t, s, nil)
	if got, err := c.Reviewers(t.Context(), event(s), publish.Approvers{}); err == nil {
		t.Errorf("nobody may approve, and %v did", got)
	}
	s.Review("erin", "APPROVED", head)
	if got, err := c.Reviewers(t.Context(), event(s), publish.Approvers{Logins: []string{"Erin"}}); err != nil || !slices.Equal(got, []string{"erin"}) {
		t.Errorf("named one by one: %v, %v", got, err)
	}
}

// The merge queue makes a commit of its own: it must not ask for the review again.
func TestReviewersOfAMergeGroup(t *testing.T) {
	s := publishtest.New(t, head)
	s.SetTeam("bob")
	s.Review("bob", "APPROVED", head)
	c, _ := client(t, s, nil)
	e := publish.Event{Owner: s.Owner, Repo: s.Repo, Queued: s.Number, Head: newer}
	if got, err := c.Reviewers(t.Context(), e, publish.Approvers{Team: "clinic/privacy"}); err != nil || !slices.Equal(got, []string{"bob"}) {
		t.Errorf("got %v, %v", got, err)
	}
	e.Queued = 0
	if got, err := c.Reviewers(t.Context(), e, publish.Approvers{Team: "clinic/privacy"}); err == nil {
		t.Errorf("of no pull request: %v", got)
	}
}

func TestFile(t *testing.T) {
	s := publishtest.New(t, head)
	s.SetFile("approvals.toml", head, "text")
	c, _ := client(t, s, nil)
	if b, err := c.File(t.Context(), event(s), "approvals.toml", head); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := c.File(t.Context(), event(s), "approvals.toml", newer); err != nil || b != nil {
		t.Errorf("where there is none: %q, %v", b, err)
	}
	s.Revoke()
	if b, err := c.File(t.Context(), event(s), "approvals.toml", head); err == nil {
		t.Errorf("with a token that was revoked: %q", b)
	} else if refused := (*publish.RefusedError)(nil); !errors.As(err, &refused) || refused.Status != http.StatusUnauthorized {
		t.Errorf("got %v", err)
	}
}

func TestReadEvent(t *testing.T) {
	for _, test := range []struct {
		name, payload string
		want          publish.Event
		error         string
	}{
		{"a pull request", `{"pull_request":{"number":7,"user":{"login":"ann"},"head":{"sha":"H","repo":{"full_name":"Clinic/portal"}},"base":{"sha":"B"}}}`,
			publish.Event{Number: 7, Head: "H", Base: "B", Author: "ann"}, ""},
		{"of a fork", `{"pull_request":{"number":7,"head":{"sha":"H","repo":{"full_name":"mallory/portal"}}}}`, publish.Event{Number: 7, Head: "H", Fork: true}, ""},
		{"of a fork that was deleted", `{"pull_request":{"number":7,"head":{"sha":"H","repo":null}}}`, publish.Event{Number: 7, Head: "H", Fork: true}, ""},
		{"a merge group, which has no pull request", `{"merge_group":{"head_sha":"H","base_sha":"B"}}`, publish.Event{Head: "H", Base: "B"}, ""},
		{"a merge group of a pull request", `{"merge_group":{"head_sha":"H","base_sha":"B","head_ref":"refs/heads/gh-readonly-queue/main/pr-7-` + head + `"}}`,
			publish.Event{Head: "H", Base: "B", Queued: 7}, ""},
		{"by hand", `{"inputs":{}}`, publish.Event{Head: "S"}, ""},
		{"number 0", `{"pull_request":{"number":0,"head":{"sha":"H"}}}`, publish.Event{}, "is numbered 0"},
		{"no JSON", `{`, publish.Event{}, "unexpected end"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "event.json")
			if err := os.WriteFile(path, []byte(test.payload), 0o600); err != nil {
				t.Fatal(err)
			}
			env := map[string]string{"GITHUB_EVENT_NAME": "n", "GITHUB_SHA": "S", "GITHUB_REPOSITORY": "clinic/portal", "GITHUB_EVENT_PATH": path, "GITHUB_RUN_ID": "5", "GITHUB_RUN_ATTEMPT": "2"}
			got, err := publish.ReadEvent(func(k string) string { return env[k] })
			if test.error != "" {
				if err == nil || !strings.Contains(err.Error(), test.error) {
					t.Errorf("got %v, want %s", err, test.error)
				}
				return
			}
			test.want.Name, test.want.Owner, test.want.Repo, test.want.Run, test.want.Attempt = "n", "clinic", "portal", 5, 2
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	if _, err := publish.ReadEvent(func(string) string { return "" }); err == nil {
		t.Error("outside of a workflow there is an event")
	}
}
