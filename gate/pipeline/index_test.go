package pipeline_test

import (
	"crypto/md5"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// A sent is one mail of a run: to whom, under which subject, and its lines.
type sent struct {
	to      []int
	subject string
	lines   []string
}

// onTape writes mails as a run.
func onTape(t testing.TB, path string, role gate.Role, mails []sent) string {
	t.Helper()
	var records []*gate.Record
	for i, m := range mails {
		head := []byte("EHLO app\r\nMAIL FROM:<portal@example.org>\r\n")
		for _, n := range m.to {
			head = fmt.Appendf(head, "RCPT TO:<member%d@example.net>\r\n", n)
		}
		records = append(records, &gate.Record{Kind: gate.KindMessage, Message: &gate.Message{
			Seq: uint64(i + 1), Channel: "smtp", Sink: "mail", Head: head,
			Body: fmt.Appendf(nil, "Date: Wed, 2 Aug 2000 10:00:%02d +0000\r\nMessage-ID: <k%08xz.q7@%s.example>\r\nFrom: portal@example.org\r\nTo: Member %d <member%d@example.net>\r\nSubject: %s\r\n\r\n%s\r\n",
				i%60, uint32(i)*2654435761, role, m.to[0], m.to[0], m.subject, strings.Join(m.lines, "\r\n")),
		}})
	}
	return write(t, path, runHeader(role), records...)
}

// sameAnswers compares two runs three times: with a second pass over production, with
// an index that is made meanwhile, and with one that is kept. It gives the comparison,
// and how many messages were decoded with the one that is kept.
func sameAnswers(t rapid.TB, outer testing.TB, p, s string) (*gate.Comparison, int64) {
	t.Helper()
	var decoded atomic.Int64
	o := counting(outer, "", &decoded)
	want, wantGaps := compared(t, o, []string{p}, s)
	o.Form = "1"
	for _, what := range []string{"making an index", "using an index"} {
		decoded.Store(0)
		got, gaps := compared(t, o, []string{p}, s)
		if diff := cmp.Diff(want, got) + cmp.Diff(wantGaps, gaps); diff != "" {
			t.Fatalf("%s changes the comparison (-want +got):\n%s", what, diff)
		}
	}
	return want, decoded.Load()
}

// What production is asked by its index is what a second pass over it says, of any runs.
func TestIndexAnswersAsASecondPass(t *testing.T) {
	dir := t.TempDir()
	met := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		templates := [][]string{
			{"Dear Member,", "your record {record} is ready, call {phone}.", "Regards, the portal"},
			{"Your account {record} is due on 4 March.", "Pay at https://pay.example.org/?a=50%25&t={token}", "Regards, the portal"},
			{"As {other} asked, see {digest}.", "Regards, the portal"},
		}
		fill := func(line string, who int) string {
			address := fmt.Sprintf("member%d@example.net", (who+1)%5)
			token := fmt.Sprintf("%x", sha256.Sum256([]byte(address)))
			if who%2 == 0 {
				token = fmt.Sprintf("%x", md5.Sum(fmt.Append(nil, "token", who)))
			}
			return strings.NewReplacer(
				"{record}", fmt.Sprintf("MRN-%07d", 10*who), "{phone}", fmt.Sprintf("510-555-%04d", who/2),
				"{token}", token, "{other}", address, "{digest}", token,
			).Replace(line)
		}
		mails := func(name string) (out []sent) {
			for range rapid.IntRange(1, 14).Draw(r, name) {
				to := rapid.SliceOfNDistinct(rapid.IntRange(0, 4), 1, 2, rapid.ID).Draw(r, "to")
				k := rapid.IntRange(0, len(templates)-1).Draw(r, "template")
				m := sent{to: to, subject: fmt.Sprintf("Notice about %c", 'a'+rune(k))}
				if rapid.IntRange(0, 4).Draw(r, "free") == 0 {
					m.subject = rapid.SampledFrom([]string{"hello", "your question", "thank you"}).Draw(r, "subject")
				}
				for _, line := range templates[k] {
					m.lines = append(m.lines, fill(line, to[0]))
				}
				out = append(out, m)
			}
			return out
		}
		before := mails("production")
		after := make([]sent, len(before))
		for i, m := range before {
			after[i] = sent{m.to, m.subject, append([]string(nil), m.lines...)}
		}
		everybody := rapid.Bool().Draw(r, "everybody")
		for i := range after {
			m := &after[i]
			last := len(m.lines) - 1
			if everybody {
				m.lines[last] = "Kind regards, the portal"
			}
			switch rapid.IntRange(0, 9).Draw(r, "change") {
			case 0:
				m.lines[last] = "Kind regards, the portal"
			case 1:
				m.lines[0] = fill("As {other} asked, see {digest}.", rapid.IntRange(0, 4).Draw(r, "whose"))
			case 2:
				m.lines = before[rapid.IntRange(0, len(before)-1).Draw(r, "whose")].lines
			case 3:
				m.to = []int{rapid.IntRange(0, 5).Draw(r, "another")}
			}
		}
		c, _ := sameAnswers(r, t, onTape(t, filepath.Join(dir, "p.tape"), gate.Production, before), onTape(t, filepath.Join(dir, "s.tape"), gate.Staging, after))
		for _, g := range c.Groups {
			met[fmt.Sprint("wording ", g.Wording)]++
		}
		for _, ch := range c.Changes {
			met["origins"] += len(ch.Origins)
			met["gains"] += len(ch.Gains)
			for _, x := range ch.Gains {
				for _, f := range x.Sample {
					met[string(f.Kind)]++
				}
			}
		}
	})
	for _, what := range []string{"wording true", "wording false", "origins", "gains", "digest", "address", "number", "phone", "phrase"} {
		if met[what] == 0 {
			t.Errorf("no case had %s", what)
		}
	}
}

// many are mails of one template to so many people that all who hold a fact of it are not
// told apart, each with a record of their own.
func many(n int) (mails []sent) {
	var common []string
	for i := range 60 {
		var words []string
		for j := range 12 {
			words = append(words, fmt.Sprintf("w%cord%c%c", 'a'+rune(i%26), 'a'+rune(j), 'a'+rune(i/26)))
		}
		common = append(common, strings.Join(words, " "))
	}
	for i := range n {
		m := sent{to: []int{i}, subject: "Notice", lines: append([]string{fmt.Sprintf("Record MRN-%07d of member%d@example.net.", i, i)}, common...)}
		if i%100 == 7 {
			m.lines = append(m.lines, "A line that some have.")
		}
		mails = append(mails, m)
	}
	return mails
}

// Of a long run the index is sorted on disk, and common facts are left out of it. Few
// changes cost few messages, and an edit that was made to all that hold a text, but
// not to a class, costs that class once.
func TestIndexOfALongRun(t *testing.T) {
	const n = 1100
	dir := t.TempDir()
	p := onTape(t, filepath.Join(dir, "p.tape"), gate.Production, many(n))
	for _, c := range []struct {
		name   string
		change func(mails []sent)
		groups int // of wording
		most   int64
	}{
		{"another's record", func(mails []sent) { mails[9].lines[0], mails[400].lines[0] = mails[400].lines[0], mails[9].lines[0] }, 0, 10},
		{"a line of all is somebody's", func(mails []sent) { mails[9].lines[5] = mails[9].lines[6] + " and 990011" }, 0, 10},
		{"one of those who have a line", func(mails []sent) {
			mails[7].lines = mails[7].lines[:len(mails[7].lines)-1]
			mails[107].lines = mails[107].lines[:len(mails[107].lines)-1]
		}, 0, n - 100},
		{"a line of some is reworded", func(mails []sent) {
			for i := range mails {
				if i%100 == 7 {
					mails[i].lines[len(mails[i].lines)-1] = "A sentence that some have."
				}
			}
		}, 1, n + 50},
	} {
		t.Run(c.name, func(t *testing.T) {
			after := many(n)
			c.change(after)
			got, decoded := sameAnswers(t, t, p, onTape(t, filepath.Join(dir, "s.tape"), gate.Staging, after))
			wording := 0
			for _, g := range got.Groups {
				if g.Wording {
					wording++
				}
			}
			if decoded > c.most || wording != c.groups || len(got.Changes) == 0 {
				t.Errorf("%d messages were decoded, at most %d should be; %d groups of wording, want %d; %d changes", decoded, c.most, wording, c.groups, len(got.Changes))
			}
		})
	}
}

// An index that is damaged, which only shows where it is read, is done without.
func TestDamagedIndex(t *testing.T) {
	dir := t.TempDir()
	after := many(50)
	after[9].lines[0], after[40].lines[0] = after[40].lines[0], after[9].lines[0]
	p := onTape(t, filepath.Join(dir, "p.tape"), gate.Production, many(50))
	s := onTape(t, filepath.Join(dir, "s.tape"), gate.Staging, after)
	sameAnswers(t, t, p, s)
	kept, err := os.ReadFile(p + pipeline.DigestsSuffix)
	if err != nil {
		t.Fatal(err)
	}
	var decoded atomic.Int64
	o := counting(t, "", &decoded)
	want, _ := compared(t, o, []string{p}, s)
	o.Form = "1"
	for at := 0; at < len(kept); at += 1 + len(kept)/97 {
		bad := append([]byte(nil), kept...)
		bad[at] ^= 0x10
		if err := os.WriteFile(p+pipeline.DigestsSuffix, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		got, _ := compared(t, o, []string{p}, s)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("with byte %d of %d damaged (-want +got):\n%s", at, len(kept), diff)
		}
	}
}
