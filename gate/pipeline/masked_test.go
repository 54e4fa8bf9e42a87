package pipeline_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"testing"

	"github.com/waybill-dev/waybill/gate"
)

// masked is a run in which a user's mask hides one value in each message, and what a message
// says besides is the same.
func masked(values ...string) []gate.Canonical {
	out := make([]gate.Canonical, len(values))
	for i, v := range values {
		out[i] = mail(fmt.Sprintf("patient%d@example.org", i), "Your visit", "text=file [tidy#1]")
		out[i].Masks = []gate.Masked{{Rule: "tidy", Part: "text", Count: 1, Bytes: uint64(len(v))}}
		out[i].Hidden = []gate.Hidden{{Rule: "tidy", Part: "text", Value: v, User: true}}
	}
	return out
}

// A mask is refused where what it hides is somebody's in each replay of production.
func TestMaskRefusedForWhatIsSomebodys(t *testing.T) {
	own := []string{"7741", "7754", "7767", "7780"}
	swapped := []string{"7754", "7741", "7767", "7780"}
	tests := []struct {
		name       string
		staging    []string
		production [][]string
		changes    int
	}{
		{"two exchanged", swapped, [][]string{own, own}, 2},
		{"two exchanged, one replay", swapped, [][]string{own}, 2},
		{"one has what nobody had", []string{"1234", "7754", "7767", "7780"}, [][]string{own, own}, 1},
		{"one of two results for another", []string{"pos", "neg", "neg", "neg"}, [][]string{{"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}, {"pos", "pos", "neg", "neg"}}, 1},
		{"unchanged", own, [][]string{own, own}, 0},
		{"made anew", []string{"3333", "4321", "5678", "8765"}, [][]string{{"1111", "2222", "4444", "5555"}, {"6666", "7777", "8888", "9999"}}, 0},
		{"the same for all", []string{"v2", "v2", "v2", "v2"}, [][]string{{"v1", "v1", "v1", "v1"}, {"v1", "v1", "v1", "v1"}}, 0},
		{"by a key of the build's own", []string{"k1", "k2", "k3", "k4"}, [][]string{own, own}, 0},
		{"by arrival", []string{"1", "3", "2", "4"}, [][]string{{"1", "2", "3", "4"}, {"2", "1", "4", "3"}}, 0},
		{"heads or tails", []string{"t", "h", "t", "h"}, [][]string{{"h", "h", "t", "t"}, {"h", "h", "t", "t"}}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			production := make([][]gate.Canonical, len(test.production))
			for i, run := range test.production {
				production[i] = masked(run...)
			}
			c := compare(t, masked(test.staging...), production...)
			if len(c.Changes) != test.changes {
				t.Errorf("%d changes, want %d: %q", len(c.Changes), test.changes, told(c))
			}
			refused := slices.ContainsFunc(c.Blind, func(b gate.BlindSpot) bool { return b.Kind == gate.BlindRefused && b.Detail == "tidy" })
			if test.changes > 0 && !refused {
				t.Errorf("it is not said that the mask was refused: %+v", c.Blind)
			}
		})
	}
}

// What stands beside something random is asked by itself: a record before a nonce, a claim of a
// token, a person's room behind the time at which a page was made.
func TestMaskRefusedPieceByPiece(t *testing.T) {
	own := []string{"51170244", "83392015", "40618873", "27751906", "66903481", "19284730"}
	swapped := slices.Clone(own)
	swapped[1], swapped[4] = own[4], own[1]
	nonce := func(run, i int) string {
		return fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %d", run, i)))[:20]
	}
	token := func(claims string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	}
	rooms := map[string]string{own[0]: "k1", own[1]: "k2", own[2]: "k3", own[3]: "k4", own[4]: "k5", own[5]: "k6"}
	forms := map[string]func(run, i int, value string) string{
		"before a nonce":       func(run, i int, v string) string { return "/case/" + v + "?n=" + nonce(run, i) },
		"behind a nonce":       func(run, i int, v string) string { return nonce(run, i) + "~" + v },
		"between two":          func(run, i int, v string) string { return nonce(run, i) + ":" + v + ":" + nonce(run+50, i) },
		"behind a time":        func(run, i int, v string) string { return fmt.Sprintf("2031-04-0%dT11:%02d#%s", run+1, 10+run, v) },
		"a name beside it":     func(run, i int, v string) string { return "visit=" + v + "&at=" + nonce(run, i) },
		"percent-coded":        func(run, i int, v string) string { return "next%3D" + v + "%26n%3D" + nonce(run, i) },
		"a claim":              func(run, i int, v string) string { return token(`{"sub":"` + v + `","jti":"` + nonce(run, i) + `"}`) },
		"two letters":          func(run, i int, v string) string { return "room " + rooms[v] + " n " + nonce(run, i) },
		"amid letters":         func(run, i int, v string) string { return "rx" + v + "q " + nonce(run, i) },
		"nonces of many parts": func(run, i int, v string) string { return nonce(run, i)[:1+i%4*3] + "-" + nonce(run+9, i) + "." + v },
	}
	for name, form := range forms {
		run := func(n int, values []string) []gate.Canonical {
			out := make([]string, len(values))
			for i, v := range values {
				out[i] = form(n, i, v)
			}
			return masked(out...)
		}
		t.Run(name, func(t *testing.T) {
			for _, test := range []struct {
				name    string
				values  []string
				changes int
			}{
				{"exchanged", swapped, 2},
				{"as it was", own, 0},
			} {
				c := compare(t, run(3, test.values), run(1, own), run(2, own))
				if len(c.Changes) != test.changes {
					t.Errorf("%s: %d changes, want %d: %q", test.name, len(c.Changes), test.changes, told(c))
				}
				refused := slices.ContainsFunc(c.Blind, func(b gate.BlindSpot) bool { return b.Kind == gate.BlindRefused && b.Detail == "tidy" })
				if !refused {
					t.Errorf("%s: it is not said that the mask was refused: %+v", test.name, c.Blind)
				}
			}
		})
	}

	// What is made anew has pieces that recur by chance, or by the clock.
	minute := func(run, i int) string { return fmt.Sprintf("2031-04-01T11:%02d:%02d", 10+3*run+i/40, (i*7+run*13)%60) }
	for name, form := range map[string]func(run, i int) string{
		"times":            minute,
		"times and nonces": func(run, i int) string { return minute(run, i) + "#" + nonce(run, i) },
		"groups of figures": func(run, i int) string {
			return fmt.Sprintf("%02d-%02d-%03d", (run*31+i*17)%100, (run*7+i*29)%100, (run*211+i*97)%1000)
		},
		"by arrival": func(run, i int) string { return fmt.Sprintf("%d of %s", (i*(2*run+1)+run)%60, nonce(run, i)) },
		"uuids":      func(run, i int) string { n := nonce(run, i); return n[:8] + "-" + n[8:12] + "-4" + n[12:15] },
	} {
		t.Run("anew/"+name, func(t *testing.T) {
			run := func(n int) []gate.Canonical {
				out := make([]string, 60)
				for i := range out {
					out[i] = form(n, i)
				}
				return masked(out...)
			}
			for _, production := range [][][]gate.Canonical{{run(1)}, {run(1), run(2)}, {run(1), run(2), run(4)}} {
				if c := compare(t, run(3), production...); len(c.Changes) != 0 {
					t.Errorf("%d replays: %d changes: %q", len(production), len(c.Changes), told(c))
				}
			}
		})
	}
}

// A request that says of nobody what caused it is for whom it says besides what is hidden.
func TestMaskRefusedInRequests(t *testing.T) {
	own := []string{"51170244", "83392015", "40618873", "27751906", "66903481", "19284730"}[:len(people)]
	swapped := slices.Clone(own)
	swapped[0], swapped[3] = own[3], own[0]
	run := func(n int, values []string) []gate.Canonical {
		out := make([]gate.Canonical, len(values))
		for i, v := range values {
			out[i] = gate.Canonical{
				Channel: "http", Sink: "web", Class: "POST /visit", Recipients: []gate.Recipient{{Kind: gate.Host, Address: "lab.example.net", Role: gate.Party}},
				Parts:  []gate.Part{{Name: "body/$.who", Kind: gate.Value, Value: people[i]}, {Name: "body/$.seal", Kind: gate.Value, Value: "[tidy#1]"}},
				Masks:  []gate.Masked{{Rule: "tidy", Part: "body/$.seal", Count: 1, Bytes: 20}},
				Hidden: []gate.Hidden{{Rule: "tidy", Part: "body/$.seal", Value: fmt.Sprintf("%d.%s", 7001*n+i*n, v), User: true}},
			}
		}
		return out
	}
	if c := compare(t, run(3, swapped), run(1, own), run(2, own)); len(c.Changes) != 2 {
		t.Errorf("%d changes, want 2: %q", len(c.Changes), told(c))
	}
	if c := compare(t, run(3, own), run(1, own), run(2, own)); len(c.Changes) != 0 {
		t.Errorf("%d changes of what is as it was: %q", len(c.Changes), told(c))
	}
}

// A key by which a call is done once is made anew but for the account that it begins with.
func TestKeysInPieces(t *testing.T) {
	accounts := []string{"acct_1Qm8", "acct_2Ws7", "acct_3Ed6", "acct_4Rf5", "acct_5Tg4"}
	run := func(n int, account func(i int) string) []gate.Canonical {
		out := make([]gate.Canonical, len(people))
		for i, who := range people {
			out[i] = gate.Canonical{
				Channel: "http", Sink: "web", Class: "POST /charges", Recipients: []gate.Recipient{{Kind: gate.Host, Address: "pay.example.net", Role: gate.Party}},
				Parts:  []gate.Part{{Name: "body/$.who", Kind: gate.Value, Value: who}},
				Hidden: []gate.Hidden{{Rule: "idempotency-key", Part: "header/idempotency-key", Value: account(i) + "-" + fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%d %d", n, i)))[:24]}},
			}
		}
		return out
	}
	own := func(i int) string { return accounts[i] }
	all := func(account string) func(int) string { return func(int) string { return account } }
	for _, test := range []struct {
		name                string
		production, staging func(int) string
		changes             int
	}{
		{"another account for all", all("acct_1Qm8z"), all("acct_9Lk2z"), len(people)},
		{"another account for one", all("acct_1Qm8z"), func(i int) string { return []string{"acct_1Qm8z", "acct_9Lk2z"}[max(i-3, 0)] }, 1},
		{"two exchanged", own, func(i int) string { return accounts[[]int{1, 0, 2, 3, 4}[i]] }, 2},
		{"each its own", own, own, 0},
		{"one for all, as it was", all("acct_1Qm8z"), all("acct_1Qm8z"), 0},
		{"another word", all("sdk-retry"), all("client-retry"), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if c := compare(t, run(3, test.staging), run(1, test.production), run(2, test.production)); len(c.Changes) != test.changes {
				t.Errorf("%d changes, want %d: %q", len(c.Changes), test.changes, told(c))
			}
		})
	}
}
