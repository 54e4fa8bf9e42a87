package checks_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
	"github.com/waybill-dev/waybill/gate/channel"
	"github.com/waybill-dev/waybill/gate/channel/smtp"
	"github.com/waybill-dev/waybill/gate/pipeline"
	"github.com/waybill-dev/waybill/gate/tape"
)

// A release is what a version of the clinic's mailer sends wrongly.
type release struct {
	says   string // in a mail that is new, to one member, of another
	amount string // that one member is told
	copied bool   // a member's mail goes to somebody else too
	swap   bool
	lose   bool

	// What a mail says that is new, to every member.
	notice func(i int, r *rand.Rand) string
}

// wrong is a release that makes every kind of finding whose fingerprint is of facts.
var wrong = release{says: "phone +1 510 555 0149", amount: "900.00", copied: true, swap: true, lose: true}

var patients = []string{"alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi"}

// sent writes what a release sends to a tape. What is new in each run, as tokens, codes, ids and
// times are, is drawn from r.
func (v *release) sent(t *testing.T, path string, h gate.Header, r *rand.Rand) {
	t.Helper()
	h.Content, h.Schema = gate.RunTape, gate.Schema
	w, err := tape.Create(path, h, tape.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(0, h.At).UTC().Add(time.Duration(r.IntN(3600)) * time.Second)
	token := func() string {
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
		b := make([]byte, 24)
		for i := range b {
			b[i] = letters[r.IntN(len(letters))]
		}
		return string(b)
	}
	seq := uint64(0)
	mail := func(to []string, shown, subject, text string) {
		seq++
		head := "EHLO app\r\nMAIL FROM:<portal@example.org>\r\n"
		for _, a := range to {
			head += "RCPT TO:<" + a + "@example.net>\r\n"
		}
		body := fmt.Sprintf("From: portal@example.org\r\nTo: %s@example.net\r\nSubject: %s\r\nDate: %s\r\nMessage-ID: <%s@example.org>\r\n\r\n%s\r\n",
			shown, subject, at.Format(time.RFC1123Z), fmt.Sprintf("%d.%08X", at.UnixNano(), r.Uint32()), text)
		if err := w.Append(&gate.Record{Kind: gate.KindMessage, Message: &gate.Message{Seq: seq, Channel: "smtp", Sink: "mail", Head: []byte(head), Body: []byte(body)}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range r.Perm(len(patients)) {
		amount := fmt.Sprintf("%d.00", 100+i)
		if v.amount != "" && i == 6 {
			amount = v.amount
		}
		to := []string{patients[i]}
		switch {
		case v.swap && i < 2:
			to = []string{patients[1-i]}
		case v.copied && i == 2:
			to = append(to, "audit")
		}
		mail(to, patients[i], "Your visit", fmt.Sprintf("Dear %s, record 77%d4321, phone +1 510 555 01%d9, you pay %s.\r\nCode %06d, or https://app.example.org/in?key=%s&user=%s\r\nSent at %s.",
			patients[i], i, i, amount, r.IntN(900000)+100000, token(), patients[i], at.Format(time.RFC3339)))
	}
	for _, i := range r.Perm(len(patients)) {
		to := patients[i]
		if v.swap && 3 <= i && i < 5 {
			to = patients[7-i]
		}
		mail([]string{to}, to, "Statement", fmt.Sprintf("Statement of account 88%d5567: nothing is due.", i))
	}
	if !v.lose {
		mail([]string{patients[5]}, patients[5], "Reminder", fmt.Sprintf("Your appointment with Dr. Malcolm Ashworth is in room %d at nine. Confirm it by %s, and bring the papers of last year.", 12, token()))
	}
	if v.says != "" {
		mail([]string{patients[3]}, patients[3], "Proxy notice", fmt.Sprintf("Dear dave, %s.\r\nSee https://app.example.org/p/%s, sent at %s.", v.says, token(), at.Format(time.RFC3339)))
	}
	if v.notice != nil {
		for _, i := range r.Perm(len(patients)) {
			mail([]string{patients[i]}, patients[i], "Security notice", fmt.Sprintf("Dear %s, %s.\r\nNobody of us asks for it.", patients[i], v.notice(i, r)))
		}
	}
	if err := w.Close(gate.Footer{}); err != nil {
		t.Fatal(err)
	}
}

// judged gives the fingerprints of what a release changes, by check, in a run of its own.
func (v *release) judged(t *testing.T, seed uint64) map[string][]string {
	t.Helper()
	dir, r := t.TempDir(), rand.New(rand.NewPCG(seed, 1))
	start := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(seed) * 31 * time.Hour).UnixNano()
	var tapes []string
	for n := range 3 {
		path := filepath.Join(dir, fmt.Sprintf("production-%d.tape", n+1))
		new(release).sent(t, path, gate.Header{Role: gate.Production, At: start, Replay: n + 1}, r)
		tapes = append(tapes, path)
	}
	staging := filepath.Join(dir, "staging-1.tape")
	v.sent(t, staging, gate.Header{Role: gate.Staging, At: start}, r)
	c, err := canon.New(canon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	o := pipeline.Options{
		Decoder: func(string, string, string) (channel.Decoder, error) { return smtp.Protocol().Decode(nil) },
		Canon:   c.Message, Key: []byte("key"),
	}
	compared, _, err := pipeline.Compare(t.Context(), o, tapes, staging)
	if err != nil {
		t.Fatal(err)
	}
	findings, gaps := pipeline.Judge(checks.All(), compared)
	if len(gaps) > 0 {
		t.Fatal(gaps)
	}
	out := map[string][]string{}
	for _, f := range findings {
		out[f.Check] = append(out[f.Check], f.Fingerprint)
		slices.Sort(out[f.Check])
	}
	return out
}

// The same release gives the same fingerprints whenever it is judged: an approval holds.
func TestFingerprintsOfTenRuns(t *testing.T) {
	first := wrong.judged(t, 1)
	for _, check := range []string{"facts-disclosed", "recipient-added", "recipient-removed", "recipient-swapped", "personal-content-changed"} {
		if len(first[check]) == 0 {
			t.Errorf("the release makes no finding of %s: this shows nothing of it", check)
		}
	}
	for seed := uint64(2); seed <= 10; seed++ {
		again := wrong.judged(t, seed)
		for check, was := range first {
			if is := again[check]; !slices.Equal(was, is) {
				t.Errorf("run %d: %s has the fingerprints %s, and had %s", seed, check, is, was)
			}
		}
		if len(again) != len(first) {
			t.Errorf("run %d has findings of %d checks, and the first of %d: %v, %v", seed, len(again), len(first), again, first)
		}
	}
}

// One value is found wherever it stands beside what is made anew in each message.
func TestOneValueBesideCodes(t *testing.T) {
	for seed := uint64(1); seed <= 10; seed++ {
		found := (&release{amount: "900.00"}).judged(t, seed)
		if len(found["personal-content-changed"]) != 1 {
			t.Errorf("run %d: another amount for one of eight is told by %v", seed, found)
		}
	}
}

// What goes to the same person of the same person, and is something else, is another finding.
func TestFingerprintsOfOtherContent(t *testing.T) {
	was := wrong.judged(t, 1)
	for name, change := range map[string]func(*release){
		"another kind of fact":            func(v *release) { v.says = "record 7744321" },
		"another fact of the kind":        func(v *release) { v.says = "phone +1 510 555 0159" },
		"one more fact":                   func(v *release) { v.says += ", record 7744321" },
		"what production holds of nobody": func(v *release) { v.says += ", diagnosis code 9917755: HIV positive" },
		"another code of nobody's":        func(v *release) { v.says += ", diagnosis code 9917756: HIV positive" },
		"a longer text":                   func(v *release) { v.says = strings.Repeat("As you asked, ", 40) + v.says },
		"another amount":                  func(v *release) { v.amount = "901.00" },
	} {
		other := wrong
		change(&other)
		is := other.judged(t, 1)
		check := "recipient-added"
		if other.amount != wrong.amount {
			check = "personal-content-changed"
		}
		if slices.Equal(was[check], is[check]) {
			t.Errorf("%s: %s has the same fingerprints", name, check)
		}
		for seed := uint64(2); seed < 4; seed++ {
			if again := other.judged(t, seed); !slices.Equal(again[check], is[check]) {
				t.Errorf("%s: run %d: %s has the fingerprints %s, and had %s", name, seed, check, again[check], is[check])
			}
		}
	}
}

// What is made anew in messages that production does not send is no part of their fingerprints: an
// approval of the new mail holds whenever the same release is judged.
func TestFingerprintsOfAddedMessages(t *testing.T) {
	for name, notice := range map[string]func(int, *rand.Rand) string{
		"base62":       func(_ int, r *rand.Rand) string { return "a sign-in with ref " + runOf(r, letters62, 10) },
		"short base36": func(_ int, r *rand.Rand) string { return "a sign-in with ref " + runOf(r, figures+lowers, 8) },
		"hex":          func(_ int, r *rand.Rand) string { return "a sign-in with ref " + runOf(r, lowerHex, 12) },
		"code":         func(_ int, r *rand.Rand) string { return "your code is " + runOf(r, figures, 6) },
		"code in a link": func(i int, r *rand.Rand) string {
			return fmt.Sprintf("open https://app.example.org/in?user=%s&code=%s", patients[i], runOf(r, figures, 6))
		},
		"time and ref": func(_ int, r *rand.Rand) string {
			return fmt.Sprintf("a sign-in at %02d:%02d:%02d with ref %s", r.IntN(24), r.IntN(60), 1+r.IntN(59), runOf(r, letters62, 10))
		},
		"own record and a code": func(i int, r *rand.Rand) string {
			return fmt.Sprintf("of record 77%d4321 the code is %s", i, runOf(r, figures, 6))
		},
	} {
		was := (&release{notice: notice}).judged(t, 1)
		if len(was["recipient-added"]) == 0 {
			t.Errorf("%s: the release makes no finding: this shows nothing of it", name)
		}
		for seed := uint64(2); seed <= 6; seed++ {
			if is := (&release{notice: notice}).judged(t, seed); !slices.Equal(was["recipient-added"], is["recipient-added"]) || len(is) != len(was) {
				t.Errorf("%s: run %d has the fingerprints %s, and had %s", name, seed, is, was)
			}
		}
	}
}

// Of messages that production does not send an approval covers what was seen: numbers that have an
// owner, that many people share or that do not read as drawn are part of their fingerprints.
func TestFingerprintsOfOtherAddedMessages(t *testing.T) {
	turn := func(i int) int { return []int{1, 0, 2, 3, 4, 5, 6, 7}[i] }
	plain := func(form string, of func(i int) int) func(int, *rand.Rand) string {
		return func(i int, _ *rand.Rand) string { return fmt.Sprintf(form, of(i)) }
	}
	same := func(i int) int { return i }
	iban := func(of func(i int) int) func(int, *rand.Rand) string {
		return func(i int, _ *rand.Rand) string {
			return "pay to " + []string{
				"GB29NWBK60161331926819", "GB94BARC10201530093459", "GB33BUKB20201555555555", "GB98MIDL07009312345678",
				"GB60BARC20000055779911", "GB82WEST12345698765432", "GB15HBUK40127612345678", "GB24BARC20201630093459",
			}[of(i)]
		}
	}
	for name, pair := range map[string][2]func(int, *rand.Rand) string{
		"records exchanged":             {plain("record 77%d4321", same), plain("record 77%d4321", turn)},
		"telephone numbers exchanged":   {plain("we call +1 510 555 01%d9", same), plain("we call +1 510 555 01%d9", turn)},
		"numbers of nobody's exchanged": {plain("policy 90%d17734", same), plain("policy 90%d17734", turn)},
		"numbers in a row exchanged":    {plain("order 10427%d", same), plain("order 10427%d", turn)},
		"accounts exchanged":            {iban(same), iban(turn)},
		"another constant":              {plain("call 48213377, %d", func(int) int { return 0 }), plain("call 48213378, %d", func(int) int { return 0 })},
		"one code for all": {
			func(_ int, r *rand.Rand) string { return "your code is " + runOf(r, figures, 6) },
			plain("your code is 48213%d", func(int) int { return 7 }),
		},
	} {
		was, is := (&release{notice: pair[0]}).judged(t, 1), (&release{notice: pair[1]}).judged(t, 1)
		if len(was["recipient-added"]) == 0 || slices.Equal(was["recipient-added"], is["recipient-added"]) {
			t.Errorf("%s: the fingerprints are %v, and were %v", name, is, was)
		}
	}
}
