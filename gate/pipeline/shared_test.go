package pipeline_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// An id that is made anew for each message is hidden; that a release gives one to several messages,
// which receivers then take for one, is not.
func TestIDsInCommon(t *testing.T) {
	hidden := func(rule string) func(*gate.Canonical, string) {
		return func(c *gate.Canonical, id string) {
			c.Hidden = append(c.Hidden, gate.Hidden{Rule: rule, Part: "header/" + rule, Value: id})
		}
	}
	shown := func(c *gate.Canonical, id string) {
		c.Parts = append(c.Parts, gate.Part{Name: "header/etag", Kind: gate.Value, Value: id})
	}
	for kind, give := range map[string]func(*gate.Canonical, string){
		"ids of mails": hidden("message-id"), "keys of calls": hidden("idempotency-key"), "ids of events": hidden("ce-id"), "validators": hidden("etag"), "events": hidden("calendar-id"), "validators in the open": shown,
	} {
		// run gives each person a message, whose id is use's, fresh unless that says otherwise.
		run := func(n int, use func(i int) string) []gate.Canonical {
			var out []gate.Canonical
			for i, name := range people {
				id := use(i)
				if id == "" {
					id = fmt.Sprintf("%08x%08x", (n+1)*7919*(i+3), 104729*(i+1)*(n+5))
				}
				c := gate.Canonical{
					Channel: "smtp", Sink: "mail", Class: "info", Recipients: []gate.Recipient{{Kind: gate.Mail, Address: name + "@example.org", Role: gate.Envelope}},
					Parts: []gate.Part{{Name: "text", Kind: gate.Text, Value: "Dear " + name}},
				}
				give(&c, id)
				out = append(out, c)
			}
			return out
		}
		each := func(int) string { return "" }
		all := func(int) string { return "aa41bb52cc63dd74" }
		two := func(i int) string {
			if i < 2 {
				return "ee85ff96aa07bb18"
			}
			return ""
		}
		for name, test := range map[string]struct {
			production, staging func(int) string
			changed             int
		}{
			"each its own":              {each, each, 0},
			"one for all":               {each, all, len(people)},
			"one for two":               {each, two, 2},
			"as in production":          {two, two, 0},
			"no longer in common":       {two, each, map[bool]int{true: 2}[kind == "keys of calls"]},
			"one for all, as it was":    {all, all, 0},
			"of two, become one of all": {two, all, len(people) - 2},
		} {
			if kind == "validators in the open" && (name == "no longer in common" || strings.HasPrefix(name, "each")) {
				continue // what stands in the open is compared as it is
			}
			t.Run(kind+"/"+name, func(t *testing.T) {
				c := compare(t, run(3, test.staging), run(1, test.production), run(2, test.production))
				told := 0
				for i := range c.Changes {
					for _, e := range c.Changes[i].Edits {
						if strings.HasPrefix(e.Part, "shared/") {
							told++
						}
					}
				}
				if told != test.changed {
					t.Errorf("%d changes of what is in common, want %d: %+v", told, test.changed, c.Changes)
				}
			})
		}
	}

	t.Run("copies", func(t *testing.T) {
		run := func(n int) []gate.Canonical {
			var out []gate.Canonical
			for _, name := range people[:3] {
				out = append(out, gate.Canonical{
					Channel: "smtp", Sink: "mail", Class: "info", Recipients: []gate.Recipient{{Kind: gate.Mail, Address: name + "@example.org", Role: gate.Envelope}},
					Parts:  []gate.Part{{Name: "text", Kind: gate.Text, Value: "Dear all"}},
					Hidden: []gate.Hidden{{Rule: "message-id", Part: "header/message-id", Value: fmt.Sprintf("0a1b2c3d%08x", n*7919)}},
				})
			}
			return out
		}
		if c := compare(t, run(3), run(1), run(2)); len(c.Changes) > 0 {
			t.Errorf("one mail to three has one id: %+v", c.Changes)
		}
	})
}

// Ids that read the clock are one where two messages are made in one second, in production as in
// staging: that is a race, and no change. A release whose ids have nothing but the clock, or do not
// follow it, is another matter.
func TestIDsOfTheClock(t *testing.T) {
	const begin = 1_796_095_900 // seconds since 1970
	type sent struct {
		second int // after the beginning
		id     string
	}
	// run sends each person two mails of one page, and says when.
	run := func(seed int, id func(who string, i, second int) sent, seconds func(person, i int) int) []gate.Canonical {
		var out []gate.Canonical
		for n, name := range people {
			for i, what := range []string{"added", "changed"} {
				s := id(name, i, begin+100*seed+seconds(n, i))
				out = append(out, gate.Canonical{
					Channel: "smtp", Sink: "mail", Class: "page " + what, Recipients: []gate.Recipient{{Kind: gate.Mail, Address: name + "@example.org", Role: gate.Envelope}},
					Parts:  []gate.Part{{Name: "text", Kind: gate.Text, Value: "Dear " + name + ", your page was " + what}},
					Hidden: []gate.Hidden{{Rule: "message-id", Part: "header/message-id", Value: s.id}},
					At:     int64(s.second) * 1e9,
				})
			}
		}
		return out
	}
	page := func(who string, _, second int) sent {
		return sent{second, fmt.Sprintf("%s?rev=%d@wiki.example.org", who, second)}
	}
	hex := func(who string, _, second int) sent { return sent{second, fmt.Sprintf("%s.%x", who, second)} }
	own := func(who string, i, second int) sent {
		return sent{second, fmt.Sprintf("%s-%d-%x", who, i, (second+i)*7919*len(who))}
	}
	second := func(_ string, _, second int) sent { return sent{second, fmt.Sprintf("m%d@wiki.example.org", second)} }
	start := func(_ string, _, second int) sent {
		return sent{second, fmt.Sprintf("m%d@wiki.example.org", begin+300)}
	}
	constant := func(_ string, _, second int) sent { return sent{second, "m7@wiki.example.org"} }
	apart := func(n, i int) int { return 6*n + 3*i + 6 }
	atOnce := func(n, _ int) int { return 6*n + 6 }
	one := func(n, i int) int { return 6*n + 3*i*min(n, 1) + 6 }
	for name, test := range map[string]struct {
		production, staging func(string, int, int) sent
		when                [3]func(n, i int) int // of production's replays, and of staging
		changed             bool
	}{
		"a race in staging":                {page, page, [3]func(n, i int) int{apart, apart, atOnce}, false},
		"a race of one":                    {page, page, [3]func(n, i int) int{apart, apart, one}, false},
		"in hexadecimal":                   {hex, hex, [3]func(n, i int) int{apart, apart, one}, false},
		"a race in production":             {page, page, [3]func(n, i int) int{atOnce, one, apart}, false},
		"a race in both":                   {page, page, [3]func(n, i int) int{one, apart, atOnce}, false},
		"the second alone, as it was":      {second, second, [3]func(n, i int) int{apart, apart, atOnce}, false},
		"the second alone, and it was not": {own, second, [3]func(n, i int) int{apart, apart, atOnce}, true},
		"the second without the page":      {page, second, [3]func(n, i int) int{apart, apart, atOnce}, true},
		"the second of the start":          {page, start, [3]func(n, i int) int{apart, apart, apart}, true},
		"one for all":                      {page, constant, [3]func(n, i int) int{apart, atOnce, apart}, true},
		"one for all where each has one":   {own, constant, [3]func(n, i int) int{apart, apart, atOnce}, true},
		"a race of others alike":           {own, own, [3]func(n, i int) int{apart, apart, atOnce}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := compare(t, run(3, test.staging, test.when[2]), run(1, test.production, test.when[0]), run(2, test.production, test.when[1]))
			if got := len(c.Changes) > 0; got != test.changed {
				t.Errorf("%d changes: %+v", len(c.Changes), c.Changes)
			}
		})
	}
}
