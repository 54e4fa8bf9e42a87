package canon_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/canon"
)

// Every byte of a mail is compared, but those that a reader of the golden file
// finds marked: it shows each line, and under it "-" for bytes that may be altered
// without altering the digest.
func TestEveryByteCounts(t *testing.T) {
	c := newCanon(t, canon.Options{})
	data, err := os.ReadFile("testdata/golden/clinic.eml")
	if err != nil {
		t.Fatal(err)
	}
	whole := message(c, mail(string(data)))
	base := whole.ContentDigest()
	var got strings.Builder
	at := 0
	for line := range strings.Lines(string(data)) {
		marks := make([]byte, 0, len(line))
		for i := range len(line) - 1 {
			altered := bytes.Clone(data)
			if altered[at+i] = 'X'; data[at+i] == 'X' {
				altered[at+i] = 'Y'
			}
			form := message(c, mail(string(altered)))
			mark := byte(' ')
			if form.ContentDigest() == base {
				mark = '-'
			}
			marks = append(marks, mark)
		}
		got.WriteString(line)
		if m := strings.TrimRight(string(marks), " "); m != "" {
			got.WriteString(m + "\n")
		}
		at += len(line)
	}
	const file = "testdata/compared.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// archive is the public mail archive, one mail after the other.
func archive(t testing.TB) [][]byte {
	t.Helper()
	dir := os.Getenv("WAYBILL_CORPORA")
	if dir == "" {
		t.Skip("WAYBILL_CORPORA does not name the folder of the public mail archive, spamassassin.mbox.gz")
	}
	f, err := os.Open(dir + "/spamassassin.mbox.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var mails [][]byte
	var one []byte
	blank := true
	for r := bufio.NewReader(z); ; {
		line, err := r.ReadBytes('\n')
		if blank && bytes.HasPrefix(line, []byte("From ")) {
			if one != nil {
				mails = append(mails, one)
			}
			one = []byte{}
		} else {
			one = append(one, line...)
		}
		blank = len(bytes.TrimSpace(line)) == 0
		if err != nil {
			break
		}
	}
	return append(mails, one)
}

func TestArchive(t *testing.T) {
	c := newCanon(t, canon.Options{})
	mails := archive(t)
	encoded := 0
	for i, raw := range mails {
		form := message(c, mail(string(raw)))
		if len(form.Parts) < 3 {
			t.Errorf("mail %d: %d parts", i, len(form.Parts))
		}
		for _, g := range form.Gaps {
			t.Errorf("mail %d: gap %+v", i, g)
		}
		checkForm(t, &form)
		wire := message(c, mail(crlf(string(raw))))
		if wire.ContentDigest() != form.ContentDigest() && !hasDigest(&form) {
			t.Errorf("mail %d: line ends matter:\n%s", i, cmp.Diff(form.Parts, wire.Parts))
		}
		if again, ok := recode(raw); ok {
			encoded++
			other := message(c, mail(string(again)))
			if other.ContentDigest() != form.ContentDigest() {
				t.Errorf("mail %d: transfer encoding matters:\n%s", i, cmp.Diff(form.Parts, other.Parts))
			}
		}
	}
	if len(mails) < 1000 || encoded < 100 {
		t.Errorf("%d mails, %d of them encoded anew: the archive holds more", len(mails), encoded)
	}
}

// hasDigest reports whether a form compares bytes, to which line ends belong.
func hasDigest(c *gate.Canonical) bool {
	for _, p := range c.Parts {
		if p.Kind == gate.Binary {
			return true
		}
	}
	return false
}

// recode gives a mail of one text, in no encoding, as base64.
func recode(raw []byte) ([]byte, bool) {
	head, body, ok := bytes.Cut(raw, []byte("\n\n"))
	if !ok {
		return nil, false
	}
	lower := bytes.ToLower(head)
	if bytes.Contains(lower, []byte("content-transfer-encoding")) || bytes.Contains(lower, []byte("multipart/")) || bytes.Contains(lower, []byte("message/")) ||
		!bytes.Contains(lower, []byte("\ncontent-type: text/plain")) {
		return nil, false
	}
	out := append(bytes.Clone(head), "\nContent-Transfer-Encoding: base64\n\n"...)
	for len(body) > 0 {
		n := min(57, len(body))
		out = append(base64.StdEncoding.AppendEncode(out, body[:n]), '\n')
		body = body[n:]
	}
	return out, true
}
