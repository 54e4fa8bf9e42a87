package checks_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/checks"
	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/pipeline"
)

// This is what the catalogue has and the clinic does not: content that cannot be read (B35),
// and recipients that are another in each replay (M63).

// letters gives canonical mails, one to each of those whom to lists.
func letters(t *testing.T, s *sweeper, to []string, write func(i int) []byte) (out []gate.Canonical) {
	t.Helper()
	for i, address := range to {
		m := mailSpecimen("letter", write(i)).renderTo(address)
		forms, err := s.forms(m, uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, forms...)
	}
	return out
}

// renderTo gives the specimen as it is sent to an address.
func (s specimen) renderTo(address string) gate.Message {
	return s.render(&member{mail: address, record: "MRN-7700999", sentence: "nothing"}, nil)
}

// addresses are the members'.
func addresses() (out []string) {
	for i := range members {
		out = append(out, members[i].mail)
	}
	return out
}

// verdictOf judges runs of production and one of staging: the worst finding, gaps, and the
// findings as text.
func verdictOf(t *testing.T, production [][]gate.Canonical, staging []gate.Canonical) (gate.Severity, []gate.Gap, string) {
	t.Helper()
	c, gaps, err := pipeline.CompareMessages(t.Context(), pipeline.Options{}, production, staging)
	if err != nil {
		t.Fatal(err)
	}
	findings, more := pipeline.Judge(checks.All(), c)
	var worst gate.Severity
	for i := range findings {
		if s := findings[i].Severity; s.Rank() > worst.Rank() {
			worst = s
		}
	}
	return worst, append(gaps, more...), judgedAs(string(worst), findings)
}

// openpgp is a message of RFC 4880 for a key: a public-key encrypted session key packet (tag
// 1) and encrypted data (tag 18), both made of what seed gives.
func openpgp(keyID uint64, seed string) []byte {
	noise := func(n int, what string) (out []byte) {
		for i := 0; len(out) < n; i++ {
			sum := sha256.Sum256(fmt.Append(nil, seed, what, i))
			out = append(out, sum[:]...)
		}
		return out[:n]
	}
	session := binary.BigEndian.AppendUint64([]byte{3}, keyID)
	session = append(session, 1, 0x08, 0x00) // RSA, and a number of 2048 bits
	session = append(session, noise(256, "session")...)
	packet := func(tag byte, content []byte) []byte {
		n := len(content) - 192
		return append([]byte{0xc0 | tag, byte(n>>8) + 192, byte(n)}, content...)
	}
	data := append(packet(1, session), packet(18, append([]byte{1}, noise(500, "data")...))...)
	var out strings.Builder
	out.WriteString("-----BEGIN PGP MESSAGE-----\r\n\r\n")
	for line := range slices.Chunk([]byte(base64.StdEncoding.EncodeToString(data)), 64) {
		out.Write(append(line, "\r\n"...))
	}
	out.WriteString("-----END PGP MESSAGE-----\r\n")
	return []byte(out.String())
}

func encryptedMail(i int, key uint64, seed string) []byte {
	return []byte("From: care@lakeview.example\r\nTo: " + theirMail + "\r\nSubject: Your letter\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=enc\r\n\r\n" +
		"--enc\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--enc\r\nContent-Type: application/octet-stream; name=\"encrypted.asc\"\r\n\r\n" +
		string(openpgp(key, fmt.Sprint(seed, i))) + "--enc--\r\n")
}

// B35: a build that encrypts gives other bytes in each replay. That is a blind spot, since
// nobody can say what is in them, and no finding; a message for another's key is one.
func TestDetectionOfEncrypted(t *testing.T) {
	s := newSweeper(t)
	key := func(i int) uint64 { return 0xA1B2C3D4E5F60700 + uint64(i) }
	run := func(seed string, keys func(int) uint64) []gate.Canonical {
		return letters(t, s, addresses(), func(i int) []byte { return encryptedMail(i, keys(i), seed) })
	}
	production := [][]gate.Canonical{run("one", key), run("two", key)}
	worst, _, shown := verdictOf(t, production, run("three", key))
	if worst.Rank() > gate.Note.Rank() {
		t.Errorf("the correct build: %s", shown)
	}
	c, _, err := pipeline.CompareMessages(t.Context(), pipeline.Options{}, production, run("three", key))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(c.Blind, func(b gate.BlindSpot) bool { return b.Kind == gate.BlindOpaque }) {
		t.Errorf("no blind spot says that the content is opaque: %+v", c.Blind)
	}
	if worst, _, shown := verdictOf(t, production, run("three", func(i int) uint64 { return key((i + 1) % 2) })); worst != gate.Block {
		t.Errorf("encrypted for another's key: %s", shown)
	}
}

// M63: a recipient that is chosen anew in each replay is unstable, and makes the verdict
// undecided; staging that chooses from others is found besides.
func TestDetectionOfRotas(t *testing.T) {
	s := newSweeper(t)
	rota := []string{"duty1@lakeview.example", "duty2@lakeview.example", "duty3@lakeview.example"}
	run := func(seed string, rota []string) []gate.Canonical {
		to := addresses()
		for i := range 4 {
			sum := sha256.Sum256(fmt.Append(nil, seed, i))
			to = append(to, rota[int(sum[0])%len(rota)])
		}
		return letters(t, s, to, func(i int) []byte {
			id := sha256.Sum256(fmt.Append(nil, "ticket", i))
			return []byte("From: care@lakeview.example\r\nTo: " + theirMail + "\r\nSubject: Call for help\r\n\r\nTicket " + hex.EncodeToString(id[:6]) + " waits.\r\n")
		})
	}
	production := [][]gate.Canonical{run("one", rota), run("two", rota)}
	worst, gaps, shown := verdictOf(t, production, run("three", rota))
	if worst.Rank() <= gate.Note.Rank() && len(gaps) == 0 {
		t.Errorf("the correct build passes, although nobody can say whom it writes to: %s", shown)
	}
	others := []string{"duty7@elsewhere.example", "duty8@elsewhere.example"}
	c, _, err := pipeline.CompareMessages(t.Context(), pipeline.Options{}, production, run("three", others))
	if err != nil {
		t.Fatal(err)
	}
	findings, _ := pipeline.Judge(checks.All(), c)
	for _, who := range others {
		if !slices.ContainsFunc(findings, func(f gate.Finding) bool {
			return f.Severity == gate.Block && slices.Contains(subjects(&f), "mail:"+who)
		}) {
			t.Errorf("no finding names %s, who is on no rota of production: %s", who, judgedAs("", findings))
		}
	}
}
