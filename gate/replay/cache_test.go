package replay_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/replay"
)

// TestCache asks for what each GET asked for once more, by the session that came before and by
// none, at once and one at a time.
func TestCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var st store
		var m memory
		var asked []string
		keys := []string{"ann", "ann", "bob", "", "ann", "cid"}
		m.do = func(_ context.Context, s *gate.Stimulus) gate.Outcome {
			line, rest, _ := strings.Cut(string(s.Head), " HTTP/1.1\r\n")
			asked = append(asked, line+" "+strings.TrimSpace(rest)) // a race, if two were under way
			if strings.HasPrefix(line, "GET /3") {
				return gate.Outcome{Error: "no answer"}
			}
			return gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\n")}
		}
		p := m.plan(&st, stimuli(len(keys), func(i int, s *gate.Stimulus) {
			method, cookie := "GET", ""
			if i == 4 {
				method = "POST"
			}
			if s.Key = keys[i]; s.Key != "" {
				cookie = "Cookie: " + s.Key + "=1\r\n"
			}
			s.Head = fmt.Appendf(nil, "%s /%d HTTP/1.1\r\n%s", method, i, cookie)
		})...)
		p.Scenario = config.Scenario{Name: "cache", Kind: config.Cache}
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		want := []string{
			"GET /0 Cookie: ann=1", "GET /0 ",
			"GET /1 Cookie: ann=1", "GET /1 ",
			"GET /2 Cookie: bob=1", "GET /2 Cookie: ann=1", "GET /2 ",
			"GET /3 ", // which had no answer
			"POST /4 Cookie: ann=1",
			"GET /5 Cookie: cid=1", "GET /5 Cookie: ann=1", "GET /5 ",
		}
		if d := cmp.Diff(want, asked); d != "" {
			t.Error(d)
		}
		var as []string
		for _, o := range st.outcomes {
			if o.Ask != nil {
				as = append(as, fmt.Sprint(o.Stimulus, " ", o.Ask.Request, " ", o.Ask.As, o.Ask.To))
			}
		}
		nobody := []gate.Recipient{{Kind: gate.Session, Address: "nobody"}}
		if d := cmp.Diff([]string{
			fmt.Sprint("cache/s0/nobody GET /0 HTTP/1.1 ", nobody),
			fmt.Sprint("cache/s1/nobody GET /1 HTTP/1.1 ", nobody),
			"cache/s2/other GET /2 HTTP/1.1 s1[]", fmt.Sprint("cache/s2/nobody GET /2 HTTP/1.1 ", nobody),
			"cache/s5/other GET /5 HTTP/1.1 s4[]", fmt.Sprint("cache/s5/nobody GET /5 HTTP/1.1 ", nobody),
		}, as); d != "" {
			t.Error(d)
		}
	})
}
