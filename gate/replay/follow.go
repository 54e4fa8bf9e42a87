package replay

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/dynamic"
)

// Links that a build has sent are asked for once it is quiet: the answer to one shows where a
// link leads whose token is new each time. That is the last thing that is done to the build, so
// that a link which is used up by asking for it is missed by nobody. What the build sends
// because of it is captured in a phase of its own.

// followPhase is the phase in which links are asked for.
const followPhase = "follow"

// mostHops is how many redirects within the build's own hosts are followed from one link.
const mostHops = 5

// A Follow says which links are asked for.
type Follow struct {
	// Links returns the links in one message, with each recipient who is a person. It is called
	// for every message that a sink takes, from many goroutines.
	Links func(*gate.Message) []Link

	Hosts    []string // of the build's own links, in lower case; "*.example.org" is every host below; doors are its own too
	Door     string   // where links are asked for
	Never    []*regexp.Regexp
	MaxLinks int

	// Sessions name, by the id of a recipient, the key of the stimuli that are that person's. Of
	// anybody else, links are asked for as a stranger would.
	Sessions map[string]string
}

// A Link stands in a message.
type Link struct {
	URL string
	To  []gate.Recipient // without roles; none: the message goes to no person

	Channel, Sink, Class string // of the message

	// Unsubscribe: the message says that asking for it ends a subscription (RFC 2369, 3.2;
	// RFC 8058).
	Unsubscribe bool
}

// Reasons why a link is not asked for, as reports give them.
const (
	skipHost        = "the host is not one of [follow] hosts"
	skipRule        = "a rule of [follow] never names it"
	skipUnsubscribe = "it ends a subscription"
	skipNobody      = "it was sent to no person"
	skipFollowed    = "it was sent because another link was asked for"
	skipUnreadable  = "it cannot be read as a URL"
)

// links are what a build has sent, to be asked for.
type links struct {
	follow *Follow

	mu      sync.Mutex
	order   []string // URLs, in order of arrival
	byURL   map[string]*found
	never   map[string]bool // URLs that end a subscription somewhere
	skipped map[skip]uint64
	closed  bool // links are being asked for
}

type found struct {
	Link
	url   *url.URL
	times uint64
}

// A skip counts links that are not asked for.
type skip struct{ reason, channel, sink, class string }

func newLinks(f *Follow) *links {
	if f == nil {
		return nil
	}
	return &links{follow: f, byURL: map[string]*found{}, never: map[string]bool{}, skipped: map[skip]uint64{}}
}

// take notes the links of a message that was kept.
func (l *links) take(m *gate.Message) {
	if l == nil {
		return
	}
	list := l.follow.Links(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range list {
		l.one(&list[i])
	}
}

func (l *links) one(k *Link) {
	text, _, _ := strings.Cut(k.URL, "#")
	u, err := url.Parse(text)
	reason := ""
	switch {
	case err == nil && u.Scheme != "http" && u.Scheme != "https":
		return // no link of the web
	case err != nil:
		reason = skipUnreadable
	case k.Unsubscribe:
		l.never[text] = true
		reason = skipUnsubscribe
	case l.closed:
		reason = skipFollowed
	case !strings.Contains(u.Host, ":") && !l.follow.owns(u.Host): // which is no door's either
		reason = skipHost
	case len(k.To) == 0:
		reason = skipNobody
	}
	if reason != "" {
		l.skipped[skip{reason, k.Channel, k.Sink, k.Class}]++
		return
	}
	if f := l.byURL[text]; f != nil {
		f.times++
		for _, to := range k.To {
			if !slices.Contains(f.To, to) {
				f.To = append(f.To, to)
			}
		}
		return
	}
	f := &found{*k, u, 1}
	f.URL, f.To = text, slices.Clone(k.To)
	l.byURL[text] = f
	l.order = append(l.order, text)
}

// due returns the links to be asked for, in an order that does not depend on the order of
// arrival but among links of one class to one person.
func (l *links) due(own func(host string) bool) []*found {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	var list []*found
	for _, text := range l.order {
		f := l.byURL[text]
		reason := ""
		switch {
		case !own(f.url.Host):
			reason = skipHost
		case l.never[text]:
			reason = skipUnsubscribe
		case l.forbidden(f.url):
			reason = skipRule
		default:
			slices.SortFunc(f.To, byID)
			list = append(list, f)
			continue
		}
		l.skipped[skip{reason, f.Channel, f.Sink, f.Class}] += f.times
	}
	slices.SortStableFunc(list, func(x, y *found) int {
		return cmp.Or(slices.CompareFunc(x.To, y.To, byID), cmp.Compare(x.Class, y.Class), cmp.Compare(x.url.Path, y.url.Path))
	})
	return list
}

func byID(x, y gate.Recipient) int { return strings.Compare(x.ID(), y.ID()) }

func (l *links) forbidden(u *url.URL) bool {
	return slices.ContainsFunc(l.follow.Never, func(r *regexp.Regexp) bool { return r.MatchString(u.String()) })
}

// owns reports whether a host, with any port, is one of Hosts.
func (f *Follow) owns(host string) bool {
	name, _, _ := strings.Cut(strings.ToLower(host), ":")
	return slices.ContainsFunc(f.Hosts, func(h string) bool {
		below, wild := strings.CutPrefix(h, "*")
		return name == h || wild && strings.HasSuffix(name, below)
	})
}

// ownHost returns what reports whether a host is the build's own.
func (r *run) ownHost() func(host string) bool {
	doors := slices.Collect(maps.Values(r.build.Doors()))
	return func(host string) bool {
		return r.plan.Follow.owns(host) || slices.Contains(doors, strings.ToLower(host))
	}
}

// follow asks for the links that the build has sent.
func (r *run) follow(ctx context.Context) {
	r.ledger.enter(followPhase)
	own := r.ownHost()
	due := r.links.due(own)
	most := r.plan.Follow.MaxLinks
	if over := len(due) - most; most > 0 && over > 0 {
		r.notFollowed(over, fmt.Sprintf("of %d links to the build's own hosts, [follow] max_links asks for %d", len(due), most))
		due = due[:most]
	}
	ordinal := map[string]int{}
	for i, f := range due {
		if ctx.Err() != nil {
			r.notFollowed(len(due)-i, "the replay was over before they were asked for")
			break
		}
		name := f.Class
		for _, to := range f.To {
			name += "\x00" + to.ID()
		}
		sum := sha256.Sum256([]byte(name))
		ordinal[name]++
		r.chase(ctx, f, fmt.Sprintf("follow/%s-%d", hex.EncodeToString(sum[:8]), ordinal[name]), own)
	}
}

func (r *run) notFollowed(n int, why string) {
	r.gap(gate.Gap{Kind: gate.GapNotFollowed, Where: "links", Detail: why, Count: uint64(n)})
}

// tellSkipped puts on the tape which links were not asked for.
func (r *run) tellSkipped() {
	if r.links == nil {
		return
	}
	r.links.mu.Lock()
	defer r.links.mu.Unlock()
	compare := func(x, y skip) int {
		return cmp.Or(cmp.Compare(x.reason, y.reason), cmp.Compare(x.channel, y.channel), cmp.Compare(x.sink, y.sink), cmp.Compare(x.class, y.class))
	}
	for i, k := range slices.SortedFunc(maps.Keys(r.links.skipped), compare) {
		r.ledger.outcome(&gate.Outcome{
			Stimulus: fmt.Sprintf("follow/skipped-%d", i+1), Phase: followPhase, Error: "not asked for: " + k.reason,
			Ask: &gate.Ask{Skipped: k.reason, Channel: k.channel, Sink: k.sink, Class: k.class, Count: r.links.skipped[k]},
		})
	}
}

// chase asks for one link, and for where redirects lead within the build's own hosts.
func (r *run) chase(ctx context.Context, f *found, id string, own func(string) bool) {
	var as dynamic.Visitor
	key := ""
	if len(f.To) == 1 {
		if k, known := r.plan.Follow.Sessions[f.To[0].ID()]; known {
			if v, seen := r.sessions.Of(k); seen {
				as, key = v, k
			}
		}
	}
	u := f.url
	been := map[string]bool{}
	for hop := 0; hop <= mostHops; hop++ {
		target := u.RequestURI()
		if been[target] || hop > 0 && r.links.forbidden(u) {
			return
		}
		been[target] = true
		s := gate.Stimulus{Channel: channelHTTP, Door: r.plan.Follow.Door, ID: id, Key: key, Head: as.Get(target, u.Host, u.Scheme == "https")}
		if hop > 0 {
			s.ID = fmt.Sprintf("%s.%d", id, hop)
		}
		o, answered := r.ask(ctx, &s, &gate.Ask{Door: s.Door, Request: "GET " + target + " HTTP/1.1", To: f.To, Link: f.URL})
		if !answered {
			return
		}
		as.Set(&o)
		next, err := u.Parse(dynamic.Location(&o))
		if err != nil || dynamic.Location(&o) == "" || !own(next.Host) || next.Scheme != "http" && next.Scheme != "https" {
			return
		}
		u = next
	}
}

// ask sends what is no stimulus of the corpus, and takes down the answer. It reports whether
// there was one.
func (r *run) ask(ctx context.Context, s *gate.Stimulus, as *gate.Ask) (gate.Outcome, bool) {
	driver, ok := r.drivers[s.Door]
	if !ok {
		r.gap(gate.Gap{Kind: gate.GapNotReplayed, Where: "door " + s.Door, Detail: "there is no such door: add it to the configuration", Stimulus: s.ID})
		return gate.Outcome{}, false
	}
	sent := dynamic.Inject(s, r.plan.Headers)
	r.ledger.begin()
	within, cancel := context.WithTimeout(ctx, r.plan.AnswerTimeout)
	o := driver.Do(within, &sent)
	cancel()
	r.ledger.end()
	return o, r.asked(s, &o, as)
}

// asked takes down the answer to what is no stimulus of the corpus, and reports whether there is
// one.
func (r *run) asked(s *gate.Stimulus, o *gate.Outcome, as *gate.Ask) bool {
	if o.Error == "" && o.Status == 0 {
		o.Error = "the driver brought no status back"
	}
	o.Stimulus, o.Channel, o.Key, o.Phase, o.Ask = s.ID, s.Channel, s.Key, *r.ledger.phase.Load(), as
	r.shorten(s, o)
	r.ledger.outcome(o)
	if o.Error != "" {
		r.gap(gate.Gap{Kind: gate.GapNoAnswer, Where: "request of the gate", Detail: "the build did not answer what the gate asked by itself in phase " + o.Phase, Stimulus: s.ID})
	}
	return o.Error == ""
}

// channelHTTP is the channel that links are of.
const channelHTTP = "http"
