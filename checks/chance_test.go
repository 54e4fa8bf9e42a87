package checks_test

import (
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

var (
	chanceDraws = flag.Int("chance.draws", 600, "how many builds TestChance holds against themselves, each with values of another kind or at other places")
	chanceSeed  = flag.Uint64("chance.seed", 1, "seed of TestChance: which values are drawn")
	chanceOne   = flag.Uint64("chance.one", 0, "draw this one alone, by the seed that was printed, and show what is found")
)

// A drawing is a way in which software makes a value anew. Any string that it gives is as
// likely as another, so that some have no figure in them, or nothing else, or begin alike.
type drawing struct {
	name string
	draw func(r *rand.Rand) string
}

const (
	figures   = "0123456789"
	lowerHex  = figures + "abcdef"
	upperHex  = figures + "ABCDEF"
	lowers    = "abcdefghijklmnopqrstuvwxyz"
	uppers    = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	letters62 = figures + uppers + lowers
	letters64 = letters62 + "_-"
)

// runOf gives n characters of an alphabet.
func runOf(r *rand.Rand, alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// drawings are the ways of one comparison: lengths are drawn once for all its values.
func drawings(r *rand.Rand) []drawing {
	n := 8 + r.IntN(40)
	short := 6 + r.IntN(4)
	of := func(alphabet string, n int) func(*rand.Rand) string {
		return func(r *rand.Rand) string { return runOf(r, alphabet, n) }
	}
	uuid := func(r *rand.Rand) string {
		h := runOf(r, lowerHex, 32)
		return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-" + string("89ab"[r.IntN(4)]) + h[17:20] + "-" + h[20:]
	}
	return []drawing{
		{"hex", of(lowerHex, n)}, {"short hex", of(lowerHex, short)}, {"HEX", of(upperHex, n)},
		{"base32", func(r *rand.Rand) string { return base32.StdEncoding.EncodeToString(randomBytes(r, n)) }},
		{"crockford", of(crockford, n)}, {"base36", of(figures+lowers, n)}, {"short base36", of(figures+lowers, short)}, {"BASE36", of(figures+uppers, short)},
		{"base62", of(letters62, n)}, {"short base62", of(letters62, short)}, {"nanoid", of(letters64, 21)}, {"short nanoid", of(letters64, 10)},
		{"base64", func(r *rand.Rand) string { return base64.StdEncoding.EncodeToString(randomBytes(r, n)) }},
		{"base64 without padding", func(r *rand.Rand) string { return base64.RawStdEncoding.EncodeToString(randomBytes(r, n)) }},
		{"base64url", func(r *rand.Rand) string { return base64.RawURLEncoding.EncodeToString(randomBytes(r, n)) }},
		{"base64 of another length", func(r *rand.Rand) string { return base64.StdEncoding.EncodeToString(randomBytes(r, n+r.IntN(3))) }},
		{"uuid", uuid}, {"UUID", func(r *rand.Rand) string { return strings.ToUpper(uuid(r)) }},
		{"ulid", func(r *rand.Rand) string { return "01J" + runOf(r, crockford, 23) }},
		{"code", of(figures, short)}, {"long code", of(figures, 10+r.IntN(9))},
		{"number", func(r *rand.Rand) string { return strconv.FormatUint(1+r.Uint64N(1e9), 10) }},
		{"fraction", func(r *rand.Rand) string { return strconv.FormatFloat(r.Float64(), 'f', -1, 64) }},
		{"Math.random in base 36", func(r *rand.Rand) string { return strings.TrimLeft(strconv.FormatUint(r.Uint64N(1<<53), 36), "0") }},
		{"letters", of(lowers, n)}, {"LETTERS", of(uppers, n)}, {"mixed letters", of(lowers+uppers, n)},
		{"prefixed", func(r *rand.Rand) string { return "msg_" + runOf(r, letters62, 22) }},
		{"with dots", func(r *rand.Rand) string { return runOf(r, letters64, 22) + "." + runOf(r, letters64, 27) }},
		{"signed seconds", func(r *rand.Rand) string {
			return fmt.Sprintf("t=%d,v1=%s", aboutNow+r.IntN(30), hex.EncodeToString(randomBytes(r, 32)))
		}},
		{"jwt", func(r *rand.Rand) string {
			claims, _ := json.Marshal(map[string]any{"jti": uuid(r), "iat": 1772000000 + r.IntN(600), "n": r.IntN(1e9)})
			enc := base64.RawURLEncoding
			return enc.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc.EncodeToString(claims) + "." + enc.EncodeToString(randomBytes(r, 32))
		}},
	}
}

// aboutNow is when messages are sent, in seconds since 1970.
const aboutNow = 1772000000

// theirToken is where in a template a value stands that is made anew.
const theirToken = "\x05"

// tokenPlaces are messages that have a value of the member at one place.
func tokenPlaces() []specimen {
	var out []specimen
	letter := func(name, header, text, html string) {
		out = append(out, mailSpecimen(name, wireLines([]byte("From: Desk <desk@lakeview.example>\nTo: "+theirMail+"\n"+header+"Subject: Your visit\nMIME-Version: 1.0\n"+
			"Content-Type: multipart/alternative; boundary=cut\n\n--cut\nContent-Type: text/plain; charset=utf-8\n\nRecord "+theirRecord+".\n"+text+"\nKind regards\n"+
			"--cut\nContent-Type: text/html; charset=utf-8\n\n<p>Record "+theirRecord+".</p>"+html+"<p>Kind regards</p>\n--cut--\n"))))
	}
	letter("mail header", "X-Ticket: "+theirToken+"\n", "", "")
	letter("mail header among words", "X-Ticket: visit ("+theirToken+") of today\n", "", "")
	letter("thread", "References: <"+theirToken+"@lakeview.example>\n", "", "")
	letter("message id", "Message-ID: <"+theirToken+"@lakeview.example>\n", "", "")
	letter("leave", "List-Unsubscribe: <https://lakeview.example/leave?t="+theirToken+">\n", "", "")
	letter("text", "", "Your token is "+theirToken+" for today", "")
	letter("end of text", "", "Your token: "+theirToken, "")
	letter("text link", "", "Open https://lakeview.example/open?t="+theirToken+"&p=7", "")
	letter("html", "", "", "<p>Your token is <b>"+theirToken+"</b></p>")
	letter("html link", "", "", `<a href="https://lakeview.example/open?t=`+theirToken+`">open</a>`)
	letter("html link path", "", "", `<a href="https://lakeview.example/open/`+theirToken+`/now">open</a>`)
	letter("html attribute", "", "", `<p data-id="`+theirToken+`">x</p>`)
	request := func(name, target, header, kind, body string) {
		top := "POST " + target + " HTTP/1.1\r\nHost: api.partner.example\r\n" + theirField + header + "Content-Length: " + bodyLength + "\r\n"
		if kind != "" {
			top += "Content-Type: " + kind + "\r\n"
		}
		out = append(out, specimen{name: name, channel: "http", host: "api.partner.example", parts: [2][]byte{[]byte(top + "\r\n"), []byte(body)}})
	}
	for _, name := range []string{"X-Ticket", "Idempotency-Key", "Webhook-Id", "X-Request-Id", "X-Signature"} {
		request("header "+strings.ToLower(name), "/v1/things", name+": "+theirToken+"\r\n", "", "")
	}
	request("bearer", "/v1/things", "Authorization: Bearer "+theirToken+"\r\n", "", "")
	request("cookie", "/v1/things", "Cookie: lang=en; sid="+theirToken+"\r\n", "", "")
	request("query", "/v1/things?t="+theirToken+"&n=1", "", "", "")
	request("path", "/v1/things/"+theirToken, "", "", "")
	request("path before more", "/v1/things/"+theirToken+"/open", "", "", "")
	request("JSON", "/v1/things", "", "application/json", `{"who":"`+theirRecord+`","token":"`+theirToken+`"}`)
	request("JSON list", "/v1/things", "", "application/json", `{"who":"`+theirRecord+`","token":["one","`+theirToken+`"]}`)
	request("JSON text", "/v1/things", "", "application/json", `{"who":"`+theirRecord+`","text":"Use `+theirToken+` today."}`)
	request("JSON link", "/v1/things", "", "application/json", `{"who":"`+theirRecord+`","url":"https://lakeview.example/open/`+theirToken+`?p=7"}`)
	request("form", "/v1/things", "", "application/x-www-form-urlencoded", "who="+theirRecord+"&token="+theirToken+"&n=1")
	request("XML", "/v1/things", "", "application/xml", `<a xmlns="urn:x"><who>`+theirRecord+`</who><t>`+theirToken+`</t></a>`)
	request("multipart", "/v1/things", "", "multipart/form-data; boundary=cut", "--cut\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n"+theirToken+"\r\n--cut--\r\n")
	return out
}

// A chance is one build: two messages to each member that share a value, which is made
// anew in each run.
type chance struct {
	drawing
	places [2]specimen
	seed   uint64
}

func (c *chance) String() string {
	return fmt.Sprintf("%s in %s and %s (seed %d)", c.name, c.places[0].name, c.places[1].name, c.seed)
}

// masked reports whether values of one of the places are hidden by their shape, and their identity
// is not looked at, or are kept as a digest alone, of which pieces do not show.
func (c *chance) masked() bool {
	for _, p := range c.places {
		switch p.name {
		case "message id", "header idempotency-key", "header webhook-id", "header x-request-id", "header x-signature", "bearer":
			return true
		}
	}
	return false
}

// run gives what one run sends; swapped says that the second messages of the first two
// members have each other's values.
func (c *chance) run(s *sweeper, r *rand.Rand, swapped bool) ([][]gate.Canonical, error) {
	values := make([]string, len(members))
	for i := range values {
		values[i] = c.draw(r)
	}
	var out [][]gate.Canonical
	for p := range c.places {
		if p == 1 && swapped {
			values[0], values[1] = values[1], values[0]
		}
		for i := range members {
			m := c.places[p].render(&members[i], func(part int, t []byte) []byte {
				v := values[i]
				if c.places[p].channel == "http" && part == head && !strings.Contains(c.places[p].name, "header") && c.places[p].name != "bearer" || c.places[p].name == "form" {
					v = strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D", ",", "%2C").Replace(v)
				}
				return []byte(strings.ReplaceAll(string(t), theirToken, v))
			})
			forms, err := s.forms(m, uint64(p*len(members)+i+1))
			if err != nil {
				return nil, err
			}
			for k := range forms {
				forms[k].At = aboutNow*1e9 + int64(i)*1e7
			}
			out = append(out, forms)
		}
	}
	return out, nil
}

// judge holds the build against itself, or against itself with two values exchanged.
func (c *chance) judge(s *sweeper, swapped bool) (answer, []gate.Finding, error) {
	r := rand.New(rand.NewPCG(c.seed, 7))
	var runs [3][][]gate.Canonical
	for k := range runs {
		var err error
		if runs[k], err = c.run(s, r, swapped && k == 2); err != nil {
			return missed, nil, err
		}
	}
	return s.judge(runs[2], runs[0], runs[1])
}

func newChance(seed uint64, places []specimen) *chance {
	r := rand.New(rand.NewPCG(seed, 3))
	ways := drawings(r)
	return &chance{drawing: ways[r.IntN(len(ways))], places: [2]specimen{places[r.IntN(len(places))], places[r.IntN(len(places))]}, seed: seed}
}

// showChance prints what is found of one build.
func showChance(t *testing.T, s *sweeper, c *chance) {
	t.Log(c)
	for _, swapped := range []bool{false, true} {
		a, findings, err := c.judge(s, swapped)
		t.Logf("exchanged %v: %v %v", swapped, a, err)
		for i := range findings {
			if c := findings[i].Example; c != nil {
				for _, e := range c.Edits {
					t.Logf("%s: %q to %q", e.Part, e.Before, e.After)
				}
			}
			t.Logf("%s in %s: %q to %q: %v", findings[i].Check, findings[i].Part, findings[i].Before, findings[i].After, findings[i].Owners)
		}
	}
}

// Whatever value software makes anew, and wherever it stands: by no chance does a build block
// that is held against itself, and two people's values that are exchanged always do where
// they stand elsewhere too.
func TestChance(t *testing.T) {
	s := newSweeper(t)
	places := tokenPlaces()
	if *chanceOne > 0 {
		showChance(t, s, newChance(*chanceOne, places))
		return
	}
	var blocked, passed misses
	var wg sync.WaitGroup
	work := make(chan uint64)
	for range 2 {
		wg.Go(func() {
			for seed := range work {
				c := newChance(seed, places)
				if c.places[0].name == c.places[1].name {
					continue
				}
				switch a, findings, err := c.judge(s, false); {
				case err != nil:
					t.Errorf("%s: %v", c, err)
				case a == found:
					blocked.add(c.name+" in "+c.places[0].name+"/"+c.places[1].name, fmt.Sprintf("%s: %s in %s", c, findings[0].Check, findings[0].Part))
				}
				if c.masked() {
					continue
				}
				if a, _, err := c.judge(s, true); err == nil && a == missed {
					passed.add(c.name+" in "+c.places[0].name+"/"+c.places[1].name, c.String())
				}
			}
		})
	}
	for i := range *chanceDraws {
		work <- *chanceSeed<<32 + uint64(i)
	}
	close(work)
	wg.Wait()
	for what, m := range map[string]*misses{"blocks against itself": &blocked, "passes with two values exchanged": &passed} {
		var all []string
		for _, list := range m.list {
			all = append(all, list...)
		}
		slices.Sort(all)
		for _, line := range all {
			t.Errorf("%s: %s", what, line)
		}
		t.Logf("%s: %d of %d", what, len(all), *chanceDraws)
	}
}
