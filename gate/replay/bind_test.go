package replay_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/http"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/replay"
)

// shop is a web application with sessions, tokens against forgery and ids that it
// makes, none of which two instances have in common.
type shop struct {
	mu       sync.Mutex
	sessions map[string]string // token by session
	orders   map[string]string // who placed it
}

func newShop() *shop {
	return &shop{sessions: map[string]string{}, orders: map[string]string{}}
}

func (s *shop) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.Path == "/login" {
		id := rand.Text()
		s.sessions[id] = rand.Text() + "/+="
		nethttp.SetCookie(w, &nethttp.Cookie{Name: "session", Value: id, HttpOnly: true})
		nethttp.Redirect(w, r, "/form", nethttp.StatusSeeOther)
		return
	}
	cookie, err := r.Cookie("session")
	if err != nil || s.sessions[cookie.Value] == "" {
		nethttp.Error(w, "no session", nethttp.StatusForbidden)
		return
	}
	switch {
	case r.URL.Path == "/form":
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `%s<form method=post action=/orders><input type="hidden" name="csrf" value="%s"><input name=item></form>`,
			strings.Repeat("<!-- a long page -->", 5000), s.sessions[cookie.Value])
	case r.URL.Path == "/orders" && r.Method == nethttp.MethodPost:
		if r.FormValue("csrf") != s.sessions[cookie.Value] {
			nethttp.Error(w, "forged", nethttp.StatusForbidden)
			return
		}
		id := "ord-" + rand.Text()[:10]
		s.orders[id] = cookie.Value
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Location", "/orders/"+id)
		w.WriteHeader(nethttp.StatusCreated)
		fmt.Fprintf(w, `{"order":{"id":%q,"item":%q}}`, id, r.FormValue("item"))
	case strings.HasPrefix(r.URL.Path, "/orders/"):
		if s.orders[strings.TrimPrefix(r.URL.Path, "/orders/")] == "" {
			nethttp.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "ok")
	case r.URL.Path == "/confirm":
		body, _ := io.ReadAll(r.Body)
		for id := range s.orders {
			if strings.Contains(string(body), `"`+id+`"`) {
				w.WriteHeader(nethttp.StatusAccepted)
				return
			}
		}
		nethttp.NotFound(w, r)
	}
}

// recorded is what clients do to a shop, interleaved, as a recorder takes it down.
func recorded(t *testing.T, clients int) []gate.Stimulus {
	t.Helper()
	server := httptest.NewServer(newShop())
	defer server.Close()
	driver, err := http.Protocol().Drive(channel.DriveConfig{Door: "web", Address: server.URL, Concurrency: 1, MaxAnswer: 1 << 20})
	must(t, err)
	defer driver.Close()
	learner := dynamic.NewLearner(dynamic.Options{})
	var corpus []gate.Stimulus
	ask := func(key, head, body string) gate.Outcome {
		s := gate.Stimulus{ID: fmt.Sprintf("s%04d", len(corpus)), Channel: "http", Door: "web", Key: key,
			Head: []byte(strings.ReplaceAll(head, "\n", "\r\n")), Body: []byte(body)}
		if body != "" {
			s.Head = fmt.Appendf(s.Head, "Content-Length: %d\r\n", len(body))
		}
		o := driver.Do(t.Context(), &s)
		s.Status = o.Status
		learner.Learn(&s, &o)
		corpus = append(corpus, s)
		return o
	}
	at := func(o gate.Outcome, place string) string {
		v, ok := dynamic.Find(place, &o)
		if !ok {
			t.Fatalf("there is nothing at %s in\n%s", place, o.Head)
		}
		return v
	}
	sessions, tokens, orders := make([]string, clients), make([]string, clients), make([]string, clients)
	for i := range clients {
		sessions[i] = at(ask(fmt.Sprint(i), "POST /login HTTP/1.1\nHost: shop.example\n", "user=u"), "cookie/session")
	}
	for i := range clients {
		tokens[i] = at(ask(fmt.Sprint(i), "GET /form HTTP/1.1\nHost: shop.example\nCookie: lang=en; session="+sessions[i]+"\n", ""), "input/csrf")
	}
	escape := strings.NewReplacer("/", "%2F", "+", "%2b", "=", "%3D")
	for i := range clients {
		o := ask(fmt.Sprint(i), "POST /orders HTTP/1.1\nHost: shop.example\nContent-Type: application/x-www-form-urlencoded\nCookie: session="+sessions[i]+"\n",
			"item=a+b&csrf="+escape.Replace(tokens[i]))
		orders[i] = at(o, "json/$.order.id")
	}
	for i := range clients {
		ask(fmt.Sprint(i), "GET /orders/"+orders[i]+" HTTP/1.1\nHost: shop.example\nCookie: session="+sessions[i]+"\n", "")
		ask("clerk", "POST /confirm HTTP/1.1\nHost: shop.example\nContent-Type: application/json\nCookie: session="+sessions[i]+"\n", `{"ids":["`+orders[i]+`"]}`)
	}
	for _, s := range corpus {
		if s.Status >= 400 {
			t.Fatalf("the recording itself failed with %d:\n%s%s", s.Status, s.Head, s.Body)
		}
	}
	return corpus
}

// Two instances of a shop answer a recorded corpus as the recorded one did, once what
// they made themselves stands in the place of what that had made.
func TestBindings(t *testing.T) {
	corpus := recorded(t, 12)
	play := func(needs *dynamic.Needs, list []gate.Stimulus) (*store, map[string]int) {
		server := httptest.NewServer(newShop())
		defer server.Close()
		var st store
		m := &memory{}
		p := m.plan(&st, list...)
		p.Doors = map[string]replay.Door{"web": {Drive: http.Protocol().Drive, Config: channel.DriveConfig{Address: server.URL}}}
		p.Needs, p.Concurrency = needs, 8
		_, err := replay.Run(t.Context(), p)
		must(t, err)
		status := map[string]int{}
		for _, o := range st.outcomes {
			status[o.Stimulus] = o.Status
			if len(o.Body) > 64<<10 {
				t.Errorf("an answer of %d bytes is on the tape", len(o.Body))
			}
		}
		return &st, status
	}
	needs := dynamic.NewNeeds(dynamic.Options{})
	for i := range corpus {
		needs.Add(&corpus[i])
	}
	st, status := play(needs, corpus)
	for _, s := range corpus {
		if status[s.ID] != s.Status {
			t.Errorf("%d instead of %d to\n%s%s\n%+v", status[s.ID], s.Status, s.Head, s.Body, s.Bindings)
		}
	}
	if len(st.gaps) > 0 {
		t.Errorf("gaps %v", st.gaps)
	}

	_, status = play(nil, corpus)
	refused := 0
	for _, code := range status {
		if code >= 400 {
			refused++
		}
	}
	if refused == 0 {
		t.Error("nothing is refused where recorded values are sent: the application tests nothing")
	}

	// What no answer gives is a gap, and the recorded value is sent.
	broken := slices.Clone(corpus)
	broken = slices.DeleteFunc(broken, func(s gate.Stimulus) bool { return s.ID == "s0000" })
	needs = dynamic.NewNeeds(dynamic.Options{})
	for i := range broken {
		needs.Add(&broken[i])
	}
	st, _ = play(needs, broken)
	if st.kinds()[gate.GapNotBound] == 0 || !slices.ContainsFunc(st.gaps, func(g gate.Gap) bool {
		return strings.Contains(g.Detail, "stimulus s0000, whose answer gives the value at cookie/session, was not replayed before it")
	}) {
		t.Errorf("no gap for the values of a stimulus that is not there: %v", st.gaps)
	}
}

// A stimulus waits for the answer that it needs, whatever its key, and workers never
// wait for one another, even where all that are ready need what is queued last.
func TestBindingsWait(t *testing.T) {
	var mu sync.Mutex
	var order []string
	m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, s.ID)
		return gate.Outcome{Status: 200, Head: []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), Body: []byte("given-" + s.ID)}
	}}
	list := stimuli(400, func(i int, s *gate.Stimulus) {
		s.Key = fmt.Sprint(i % 3)
		if i > 0 {
			from := fmt.Sprintf("s%d", i-1)
			s.Body = []byte("old-" + from)
			s.Bindings = []gate.Binding{{From: from, Place: "text", Value: "old-" + from}}
		}
	})
	var st store
	p := m.plan(&st, list...)
	p.Needs = dynamic.NewNeeds(dynamic.Options{})
	for i := range list {
		p.Needs.Add(&list[i])
	}
	_, err := replay.Run(t.Context(), p)
	must(t, err)
	for i, id := range order {
		if id != fmt.Sprintf("s%d", i) {
			t.Fatalf("%s was sent as number %d", id, i)
		}
	}
	if len(order) != len(list) || len(st.gaps) > 0 {
		t.Errorf("%d of %d were sent, gaps %v", len(order), len(list), st.gaps)
	}
}

// Configured headers stand in the place of recorded ones.
func TestHeaders(t *testing.T) {
	var got nethttp.Header
	server := httptest.NewServer(nethttp.HandlerFunc(func(_ nethttp.ResponseWriter, r *nethttp.Request) { got = r.Header }))
	defer server.Close()
	var st store
	m := &memory{}
	p := m.plan(&st, gate.Stimulus{ID: "s", Channel: "http", Door: "web", Head: []byte("GET / HTTP/1.1\r\nHost: a.example\r\nauthorization: Bearer withheld\r\nX-B: b\r\n")})
	p.Doors = map[string]replay.Door{"web": {Drive: http.Protocol().Drive, Config: channel.DriveConfig{Address: server.URL}}}
	p.Headers = map[string]string{"Authorization": "Bearer staging", "X-Tenant": "t"}
	_, err := replay.Run(t.Context(), p)
	must(t, err)
	if got.Get("Authorization") != "Bearer staging" || len(got.Values("Authorization")) != 1 || got.Get("X-Tenant") != "t" || got.Get("X-B") != "b" {
		t.Errorf("the build saw %v", got)
	}
}
