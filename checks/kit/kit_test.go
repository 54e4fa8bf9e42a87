package kit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/checks/kit"
	"github.com/waybill-dev/waybill/gate"
)

func TestPlaces(t *testing.T) {
	host := func(name string) kit.Place { return kit.Place{Kind: kit.OnHost, Name: name} }
	mailbox := func(name string) kit.Place { return kit.Place{Kind: kit.Mailbox, Name: name} }
	inside, unknown := kit.Place{Kind: kit.Inside}, kit.Place{}
	for text, want := range map[string][]kit.Place{
		"":                                    nil,
		"https://a.example":                   {host("a.example")},
		"HTTPS://A.Example:443/x?y#z":         {host("a.example")},
		"http://a.example:8080/x":             {host("a.example:8080")},
		"//a.example/x":                       {host("a.example")},
		`https:\\a.example\x`:                 {host("a.example")},
		`\\a.example`:                         {host("a.example")},
		"https:/a.example":                    {host("a.example")},
		"https://user:pass@a.example/@b":      {host("a.example")},
		"https://a.example@b.example/":        {host("b.example")},
		"https://a@b@c.example/":              {host("c.example")},
		"https://[2001:db8::1]:8080/":         {host("[2001:db8::1]:8080")},
		"https://bücher.example/":             {host("xn--bcher-kva.example")},
		"https://a.example/x,y":               {host("a.example")},
		"https://a.example?x":                 {host("a.example")},
		"ftp://a.example":                     {host("a.example")},
		"https://":                            {unknown},
		"https:":                              {unknown},
		"https://a b":                         {host("a"), unknown},
		"javascript:alert(1)":                 {unknown},
		"page.html":                           {unknown},
		"a.example/x":                         {unknown},
		"/x":                                  {inside},
		"#x":                                  {inside},
		"?x=1":                                {inside},
		"cid:logo":                            {inside},
		"data:image/png,sha256:ab":            {inside},
		"mailto:a@a.example?subject=x":        {mailbox("mailto:a@a.example")},
		"tel:+15105550100":                    {mailbox("tel:+15105550100")},
		"<https://a.example/u>,\n <mailto:b>": {host("a.example"), mailbox("mailto:b")},
	} {
		set := kit.PlaceSet{}
		for _, p := range want {
			set[p] = struct{}{}
		}
		if diff := cmp.Diff(set, kit.Places(text)); diff != "" {
			t.Errorf("Places(%q) (-want +got):\n%s", text, diff)
		}
	}
	if !kit.Places("/x https://a.example").Same(kit.Places("https://A.example/y /z")) {
		t.Error("the same places are not the same")
	}
	for _, pair := range [][2]string{{"page", "page"}, {"https://a.example", "https://b.example"}, {"/x", "/x https://a.example"}, {"", "/x"}} {
		if kit.Places(pair[0]).Same(kit.Places(pair[1])) {
			t.Errorf("%q and %q lead to the same places", pair[0], pair[1])
		}
	}
}

func FuzzPlaces(f *testing.F) {
	for _, s := range []string{"https://a.example/x", `\\a@b:9`, "<mailto:a>, </>", "https://[::1]", "::", "a:", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		places := kit.Places(text)
		for p := range places {
			if p.Kind == kit.OnHost {
				if r, err := gate.HostRecipient(p.Name); err != nil || r.Address != p.Name {
					t.Errorf("Places(%q): %q is not a canonical host", text, p.Name)
				}
			}
		}
		if _, unknown := places[kit.Place{}]; places.Same(places) == unknown {
			t.Errorf("Places(%q) are the same as themselves exactly where none is unknown: they are not", text)
		}
	})
}

func TestAddresses(t *testing.T) {
	cut := "mail:a@a.example\nmail:b@b.exam" + strings.Repeat("x", 400)
	for value, want := range map[string][]string{
		"": nil,
		"mail:b@b.example\nmail:a@A.example\nmail:a@a.example": {"mail:a@a.example", "mail:b@b.example"},
		"a@a.example":             {"mail:a@a.example"},
		"tel:+1 510 555 0100":     {"tel:+15105550100"},
		"undisclosed recipients;": {"id:undisclosed recipients;"},
		cut:                       {"mail:a@a.example"},
	} {
		var got []string
		for _, r := range kit.Addresses(value) {
			got = append(got, r.ID())
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Addresses(%q) (-want +got):\n%s", value, diff)
		}
	}
}

func TestWords(t *testing.T) {
	for want, got := range map[string]string{
		"1 person":                       kit.People(1),
		"0 people":                       kit.People(0),
		"2 people":                       kit.People(2),
		"1 delivery":                     kit.Deliveries(1),
		"2 deliveries":                   kit.Deliveries(2),
		"1 person and 2 outside parties": kit.Whom(1, 2),
		"1 outside party":                kit.Whom(0, 1),
		"3 people":                       kit.Whom(3, 0),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// comparison has n added deliveries, of n classes, to n people.
func comparison(n int) *gate.Comparison {
	c := &gate.Comparison{Scenario: "steady"}
	for i := range n {
		r := gate.Recipient{Kind: gate.Mail, Address: fmt.Sprintf("p%d@example.org", i), Role: gate.Envelope}
		c.Changes = append(c.Changes, gate.Change{Kind: gate.Added, After: &gate.Delivery{Channel: "smtp", Sink: "mail", Class: fmt.Sprint("c", i), Recipient: r}})
	}
	return c
}

func findings(t testing.TB, c *gate.Comparison) []gate.Finding {
	s, err := kit.NewSheet("some-check", c)
	if err != nil {
		t.Fatal(err)
	}
	for i := range c.Changes {
		e := s.At(kit.RouteOf(c.Changes[i].After))
		e.Change(i)
		e.Gain(c.Changes[i].After.Recipient)
	}
	return s.Findings(func(e *kit.Entry) (gate.Severity, string) { return gate.Block, kit.Deliveries(e.Count()) })
}

func TestClassesCollapse(t *testing.T) {
	if got := findings(t, comparison(kit.MaxClasses)); len(got) != kit.MaxClasses || got[0].Class == "" {
		t.Errorf("%d classes gave %d findings", kit.MaxClasses, len(got))
	}
	got := findings(t, comparison(kit.MaxClasses+1))
	if len(got) != 1 || got[0].Class != "" || got[0].Count != kit.MaxClasses+1 || len(got[0].Gained) != kit.MaxClasses+1 || len(got[0].Changes) != kit.MaxClasses+1 {
		t.Errorf("%d classes gave %d findings: %+v", kit.MaxClasses+1, len(got), got[0])
	}
}

// The example is the change that gives the heaviest facts of other people.
func TestExample(t *testing.T) {
	c := comparison(60)
	c.Changes[7].Gains = []gate.Exposure{{New: true, Bits: 3}}
	c.Changes[30].Gains = []gate.Exposure{{New: true, Bits: 2}, {New: true, Bits: 2}}
	c.Changes[40].Gains = []gate.Exposure{{New: true, Own: true, Bits: 99}, {Bits: 99}}
	c.Changes[50].Gains = []gate.Exposure{{New: true, Bits: 4}}
	if got := findings(t, c)[0].Example.Recipient().Address; got != "p30@example.org" {
		t.Errorf("example is of %s", got)
	}
}

func BenchmarkFindings(b *testing.B) {
	c := comparison(100_000)
	b.ReportAllocs()
	for b.Loop() {
		findings(b, c)
	}
}
