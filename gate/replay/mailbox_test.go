package replay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/config"
	"github.com/waybill-dev/waybill/gate/dynamic"
	"github.com/waybill-dev/waybill/gate/replay"
)

// accounts is an application whose pages are reached by links that it mails: a new password,
// and the approval of a comment by one moderator. Mails leave a while after the answer,
// those to one recipient in their order.
type accounts struct {
	mu    sync.Mutex
	rand  *rand.Rand
	slow  time.Duration // mails leave within this
	lost  string        // nobody of this name is mailed
	users map[string]string
	waits map[string]string // who wrote the comment of a key
	keep  func(*gate.Message) error
	mail  sync.WaitGroup
	queue map[string]chan struct{} // of each recipient: closed when what was sent last has left
	sent  []string
}

func newAccounts(seed uint64, slow time.Duration) *accounts {
	return &accounts{rand: rand.New(rand.NewPCG(seed, 2)), slow: slow, users: map[string]string{}, waits: map[string]string{}, queue: map[string]chan struct{}{}}
}

func (a *accounts) send(to, text string) {
	if a.lost != "" && strings.HasPrefix(to, a.lost) {
		return
	}
	wait := time.Duration(0)
	if a.slow > 0 {
		wait = time.Duration(a.rand.Int64N(int64(a.slow)))
	}
	before, left := a.queue[to], make(chan struct{})
	a.queue[to] = left
	a.mail.Go(func() {
		defer close(left)
		time.Sleep(wait)
		if before != nil {
			<-before
		}
		_ = a.keep(&gate.Message{Channel: "smtp", Sink: "mail", At: time.Now().UnixNano(), // a sink that cannot store says so itself
			Head: []byte("MAIL FROM:<app@x.example>\r\nRCPT TO:<" + to + ">\r\n"), Body: []byte("To: " + to + "\r\nSubject: News\r\n\r\n" + text + "\r\n")})
	})
}

func (a *accounts) do(_ context.Context, s *gate.Stimulus) gate.Outcome {
	begun := time.Now()
	time.Sleep(10 * time.Millisecond)
	a.mu.Lock()
	defer a.mu.Unlock()
	line, _, _ := strings.Cut(string(s.Head), "\r\n")
	target := strings.Fields(line)[1]
	u, err := url.Parse(target)
	if err != nil {
		panic(err)
	}
	q := u.Query()
	key := fmt.Sprintf("k%dA%xZ", a.rand.Uint32(), a.rand.Uint64())
	status := 200
	switch u.Path {
	case "/join":
		a.users[q.Get("user")] = "none"
	case "/ask":
		if a.users[q.Get("user")] == "" {
			status = 404
			break
		}
		a.users[q.Get("user")] = key
		a.send(q.Get("user")+"@x.example", "http://app.example/new?user="+q.Get("user")+"&key="+key)
	case "/new":
		if a.users[q.Get("user")] != q.Get("key") {
			status = 403
			break
		}
		a.send(q.Get("user")+"@x.example", "Your password is changed.")
	case "/comment":
		a.waits[key] = q.Get("author")
		a.send("moderator@x.example", "Comment of "+q.Get("author")+"\r\nhttp://app.example/approve/"+key)
	default:
		author := a.waits[strings.TrimPrefix(u.Path, "/approve/")]
		if author == "" {
			status = 403
			break
		}
		a.sent = append(a.sent, s.ID+" "+author)
		a.send(author+"@x.example", "Your comment is shown.")
	}
	return gate.Outcome{Stimulus: s.ID, Status: status, Elapsed: int64(time.Since(begun))}
}

// visited is what people do with it, as a recorder takes it down: with a pause between any two.
func visited(t *testing.T, people int) []gate.Stimulus {
	t.Helper()
	a := newAccounts(1, time.Second)
	l := dynamic.NewLearner(dynamic.Options{})
	last := map[string]string{}
	var mu sync.Mutex // guards l and last
	a.keep = func(m *gate.Message) error {
		mu.Lock()
		defer mu.Unlock()
		l.Message(m)
		text := string(m.Body)
		if _, link, ok := strings.Cut(text, "http://app.example"); ok {
			to, _, _ := strings.Cut(text, "\r\n")
			if _, author, ok := strings.Cut(text, "Comment of "); ok {
				to, _, _ = strings.Cut(author, "\r\n")
			}
			last[to] = strings.TrimSpace(link)
		}
		return nil
	}
	link := func(of string) string {
		mu.Lock()
		defer mu.Unlock()
		return last[of]
	}
	var corpus []gate.Stimulus
	ask := func(key, target string) {
		s := gate.Stimulus{ID: fmt.Sprintf("s%03d", len(corpus)), Channel: "http", Door: "web", Key: key, At: time.Now().UnixNano(),
			Head: []byte("POST " + target + " HTTP/1.1\r\nHost: app.example\r\n")}
		o := a.do(t.Context(), &s)
		s.Status = o.Status
		mu.Lock()
		l.Learn(&s, &o)
		mu.Unlock()
		corpus = append(corpus, s)
		if s.Status != 200 {
			t.Fatalf("the recording itself failed with %d: %s", s.Status, s.Head)
		}
		time.Sleep(2 * time.Second)
	}
	name := func(i int) string { return fmt.Sprintf("person%c", 'a'+i) }
	for i := range people {
		ask("another browser of "+name(i), "/join?user="+name(i))
	}
	for i := range people {
		ask(name(i), "/ask?user="+name(i))
		if i%2 == 0 { // asks once more, and takes the second mail
			ask(name(i), "/ask?user="+name(i))
		}
		ask(name(i), "/comment?author="+name(i))
	}
	for i := range people {
		ask(name(i), link("To: "+name(i)+"@x.example"))
		ask("moderator", link(name(i)))
	}
	a.mail.Wait()
	return corpus
}

func (a *accounts) play(t *testing.T, corpus []gate.Stimulus, change func(*replay.Plan)) (*store, map[string]int) {
	t.Helper()
	var st store
	m := &memory{do: a.do}
	p := m.plan(&st, corpus...)
	a.keep = func(msg *gate.Message) error {
		m.last.Store(time.Now().UnixNano())
		m.seen.Add(1)
		return m.keep(msg)
	}
	p.Needs = dynamic.NewNeeds(dynamic.Options{})
	for i := range corpus {
		p.Needs.Add(&corpus[i])
	}
	p.Settle = 20 * time.Second
	change(&p)
	_, err := replay.Run(t.Context(), p)
	must(t, err)
	a.mail.Wait()
	status := map[string]int{}
	for _, o := range st.outcomes {
		status[o.Stimulus] = o.Status
	}
	return &st, status
}

// What a mailed link holds is taken from the mail that the build under test sends, however
// late that is and however many are under way, and each approval is of the comment of whom
// it was of when it was recorded.
func TestMailedLinks(t *testing.T) {
	for _, concurrency := range []int{1, 4, 16} {
		for _, slow := range []time.Duration{0, 5 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				corpus := visited(t, 8)
				a := newAccounts(uint64(concurrency), slow)
				st, status := a.play(t, corpus, func(p *replay.Plan) { p.Concurrency = concurrency })
				if len(st.gaps) > 0 {
					t.Errorf("concurrency %d: gaps %v", concurrency, st.gaps)
				}
				for _, s := range corpus {
					if status[s.ID] != 200 {
						t.Errorf("concurrency %d: %d to %s%+v", concurrency, status[s.ID], s.Head, s.Bindings)
					}
				}
				slices.Sort(a.sent)
				var want []string
				for i := range 8 {
					want = append(want, fmt.Sprintf("s%03d person%c", 29+2*i, 'a'+i))
				}
				if got := strings.Join(a.sent, ", "); got != strings.Join(want, ", ") {
					t.Errorf("concurrency %d: approved %s, want %s", concurrency, got, strings.Join(want, ", "))
				}
			})
		}
	}
}

// A mail that never comes is waited for as long as an answer may take, and where more do not
// come no longer than the others took: each is a gap that names its cause.
func TestMailedLinksNeverCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corpus := visited(t, 8)
		a := newAccounts(3, time.Second)
		a.lost = "person"
		begun := time.Now()
		st, status := a.play(t, corpus, func(p *replay.Plan) { p.Concurrency = 1 })
		if took := time.Since(begun); took < 90*time.Second || took > 180*time.Second {
			t.Errorf("it took %v", took)
		}
		if st.kinds()[gate.GapNotBound] != 8 || !strings.Contains(st.gaps[0].Detail, "the message that gives the value at link?key did not come within 30s (cause: stimulus s009): the recorded value was sent") {
			t.Errorf("gaps %v", st.gaps)
		}
		if status["s028"] != 403 || status["s029"] != 200 {
			t.Errorf("answers %v", status)
		}
	})
}

// A part of a corpus has not all the messages that were counted when it was recorded.
func TestMailedLinksInPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		corpus := visited(t, 8)
		corpus = slices.DeleteFunc(corpus, func(s gate.Stimulus) bool { return s.ID == "s008" })
		begun := time.Now()
		st, _ := newAccounts(3, time.Second).play(t, corpus, func(p *replay.Plan) { p.Part = true })
		if len(st.gaps) > 0 || time.Since(begun) > time.Minute {
			t.Errorf("%v, gaps %v", time.Since(begun), st.gaps)
		}
	})
}

// Whatever is about one thing is not overtaken by what may change it, and the other way
// round; where the order is the recorded one nothing is overtaken at all.
func TestOrder(t *testing.T) {
	lines := []string{"POST /orders", "GET /orders/17", "PUT /orders/17", "GET /orders/17/items", "GET /news", "DELETE /orders/17", "GET /v2/news"}
	for _, order := range []config.Sequence{config.BySessions, config.InSequence} {
		synctest.Test(t, func(t *testing.T) {
			var mu sync.Mutex
			var begun, ended []string
			at := map[string]time.Time{}
			m := &memory{do: func(_ context.Context, s *gate.Stimulus) gate.Outcome {
				mu.Lock()
				begun = append(begun, s.ID)
				n := len(begun)
				at[s.ID] = time.Now()
				mu.Unlock()
				time.Sleep(time.Duration(100-len(s.ID)) * time.Millisecond * time.Duration(1+n%3))
				mu.Lock()
				ended = append(ended, s.ID)
				mu.Unlock()
				return gate.Outcome{Status: 200}
			}}
			list := stimuli(7*20, func(i int, s *gate.Stimulus) {
				s.Key = fmt.Sprint("k", i%5, i%7)
				s.Head = []byte(lines[i%7] + " HTTP/1.1\r\n")
			})
			var st store
			p := m.plan(&st, list...)
			p.Concurrency, p.Order = 8, order
			_, err := replay.Run(t.Context(), p)
			must(t, err)
			if order == config.InSequence {
				for i := range list[1:] {
					if at[list[i+1].ID].Before(at[list[i].ID]) {
						t.Fatalf("%s began before %s", list[i+1].ID, list[i].ID)
					}
				}
			}
			place := func(list []string, i int) int { return slices.Index(list, fmt.Sprint("s", i)) }
			for i := range list {
				for k := range i {
					a, b := lines[k%7], lines[i%7]
					if !strings.Contains(a, "/17") || !strings.Contains(b, "/17") || strings.HasPrefix(a, "GET") && strings.HasPrefix(b, "GET") {
						continue
					}
					if place(ended, k) > place(ended, i) {
						t.Fatalf("%s: %s (s%d) was over before %s (s%d)", order, b, i, a, k)
					}
				}
			}
			if order == config.BySessions && slices.Equal(begun, ended) {
				t.Error("nothing was under way beside anything else")
			}
		})
	}
}
