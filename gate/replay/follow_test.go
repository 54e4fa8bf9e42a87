package replay_test

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/replay"
)

// following is a build that sends the links it is given, a message each, and answers requests
// for them.
type following struct {
	memory
	mu    sync.Mutex
	asked []string // request lines with host and cookie
}

// lines are a request's first, and the values of two of its fields.
func (f *following) note(s *gate.Stimulus) string {
	var host, cookie string
	line, rest, _ := strings.Cut(string(s.Head), "\r\n")
	for l := range strings.SplitSeq(rest, "\r\n") {
		if v, ok := strings.CutPrefix(l, "Host: "); ok {
			host = v
		}
		if v, ok := strings.CutPrefix(l, "Cookie: "); ok {
			cookie = " as " + v
		}
	}
	line = strings.TrimSuffix(strings.TrimPrefix(line, "GET "), " HTTP/1.1")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, host+line+cookie)
	return line
}

// plan sends each body of stimuli as a message to ann or bob, with links; body "ann URL ...".
func (f *following) plan(st *store, follow *replay.Follow, bodies ...string) replay.Plan {
	f.do = func(_ context.Context, s *gate.Stimulus) gate.Outcome {
		if s.Key != "" && strings.HasPrefix(s.ID, "s") {
			f.transmit(string(s.Body))
			return gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\nSet-Cookie: sid=" + s.Key + "\r\n")}
		}
		answer := map[string]string{"/in": "/home", "/loop": "/loop2", "/loop2": "/loop", "/out": "https://elsewhere.example/", "/never-from": "/logout"}
		line := f.note(s)
		if to := answer[line]; to != "" {
			return gate.Outcome{Status: 302, Head: []byte("HTTP/1.1 302 Found\r\nLocation: " + to + "\r\nSet-Cookie: seen=1\r\n")}
		}
		if line == "/confirm" {
			f.transmit("ann https://own.example/welcome")
		}
		return gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\n"), Body: []byte("page")}
	}
	p := f.memory.plan(st, stimuli(len(bodies), func(i int, s *gate.Stimulus) {
		s.Body = []byte(bodies[i])
		s.Key, _, _ = strings.Cut(bodies[i], " ")
	})...)
	follow.Door = "web"
	follow.Links = func(m *gate.Message) []replay.Link {
		words := strings.Fields(string(m.Body))
		var to []gate.Recipient
		if words[0] != "host" {
			to = []gate.Recipient{{Kind: gate.Mail, Address: words[0] + "@m.example"}}
		}
		var out []replay.Link
		for _, w := range words[1:] {
			url, no := strings.CutPrefix(w, "unsubscribe:")
			out = append(out, replay.Link{URL: url, To: to, Channel: "http", Sink: "mail", Class: "letter", Unsubscribe: no})
		}
		return out
	}
	p.Follow = follow
	return p
}

// TestFollow asks for each link once, with its recipient's session, and along redirects within
// the build's own hosts; and says what it did not ask for.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		var f following
		p := f.plan(&st, &replay.Follow{
			Hosts: []string{"own.example", "*.own.example"}, Never: []*regexp.Regexp{regexp.MustCompile("/logout")}, MaxLinks: 100,
			Sessions: map[string]string{"mail:ann@m.example": "ann"},
		},
			"ann https://own.example/a#top http://own.example/in https://own.example/loop mailto:x@own.example",
			"bob https://links.own.example:8443/b https://own.example/out https://own.example/never-from http://memory/door",
			"bob https://own.example/both https://own.example/logout unsubscribe:https://own.example/stop https://own.example/stop",
			"ann https://own.example/both https://notown.example/ https://own.example.evil.example/ https://own.example/confirm",
			"host https://own.example/hook",
		)
		result, err := replay.Run(t.Context(), p)
		must(t, err)
		slices.Sort(f.asked)
		want := []string{
			"links.own.example:8443/b", "own.example/a as sid=ann", "own.example/both", "own.example/confirm as sid=ann",
			"own.example/home as sid=ann; seen=1", "own.example/in as sid=ann",
			"own.example/loop as sid=ann", "own.example/loop2 as sid=ann; seen=1", "own.example/never-from", "own.example/out",
		}
		if d := cmp.Diff(want, f.asked); d != "" {
			t.Error(d)
		}
		var skipped []string
		ids := map[string]bool{}
		for _, o := range st.outcomes {
			if ids[o.Stimulus] {
				t.Errorf("two outcomes are called %s", o.Stimulus)
			}
			ids[o.Stimulus] = true
			switch {
			case o.Ask == nil:
			case o.Ask.Skipped != "":
				skipped = append(skipped, fmt.Sprint(o.Ask.Count, " ", o.Ask.Skipped))
			case o.Phase != "follow" || o.Ask.Link == "" || len(o.Ask.To) == 0:
				t.Errorf("outcome %+v", o)
			}
		}
		slices.Sort(skipped)
		if d := cmp.Diff([]string{
			"1 a rule of [follow] never names it", "1 it was sent because another link was asked for", "1 it was sent to no person",
			"2 it ends a subscription", "3 the host is not one of [follow] hosts",
		}, skipped); d != "" {
			t.Error(d)
		}
		if got := st.messages[len(st.messages)-1]; got.Phase != "follow" || len(st.gaps) > 0 || result.Footer.Quiet == "" {
			t.Errorf("the last message is of phase %s; gaps %v; quiet %q", got.Phase, st.gaps, result.Footer.Quiet)
		}
	})
}

// TestFollowBounds are a gap where there is more to ask for, or no answer.
func TestFollowBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		var f following
		p := f.plan(&st, &replay.Follow{Hosts: []string{"own.example"}, MaxLinks: 2}, "ann http://own.example/1 http://own.example/2 http://own.example/3")
		do := f.do
		f.do = func(ctx context.Context, s *gate.Stimulus) gate.Outcome {
			if strings.HasPrefix(string(s.Head), "GET /2 ") {
				<-ctx.Done()
				return gate.Outcome{Error: "no answer"}
			}
			return do(ctx, s)
		}
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		if d := cmp.Diff(map[string]uint64{gate.GapNotFollowed: 1, gate.GapNoAnswer: 1}, st.kinds()); d != "" {
			t.Error(d)
		}
	})
}
