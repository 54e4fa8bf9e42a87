package canon_test

import (
	"os"
	"strings"
	"testing"

	"github.com/waybill-dev/waybill/gate/canon"
)

// BenchmarkCanonical makes canonical forms: of one plain mail, of one small mail of
// every shape, and, where WAYBILL_CORPORA is set, of a real archive. "standard"
// beside each is net/mail and mime/multipart reading the same mails, with no form
// made of them.
func BenchmarkCanonical(b *testing.B) {
	data, err := os.ReadFile("testdata/golden/clinic.eml")
	if err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("From: Clinic Portal <portal@clinic.example>\nTo: Alice <alice@example.org>\nSubject: Your question 4711 was answered\nDate: Mon, 1 Jan 2024 00:00:00 +0000\n" +
		"Message-ID: <4711@clinic.example>\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n\n")
	for text.Len() < 4<<10 {
		text.WriteString("Dear Alice, your result of 12 March is ready: it is in the usual range, =\nand no further visit is needed.\n\n")
	}
	benchmarkCanonical(b, "multipart", [][]byte{[]byte(crlf(string(data)))})
	benchmarkCanonical(b, "text", [][]byte{[]byte(crlf(text.String()))})
	if os.Getenv("WAYBILL_CORPORA") == "" {
		return
	}
	var mails [][]byte
	for _, raw := range archive(b) {
		raw = []byte(crlf(string(raw)))
		if _, err := standardParse(raw); err == nil { // the standard library refuses some
			mails = append(mails, raw)
		}
	}
	benchmarkCanonical(b, "archive", mails)
}

func benchmarkCanonical(b *testing.B, name string, mails [][]byte) {
	size := 0
	for _, raw := range mails {
		size += len(raw)
	}
	b.Run(name, func(b *testing.B) {
		cn := newCanon(b, canon.Options{})
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, raw := range mails {
				message(cn, mailOf(raw))
			}
		}
	})
	b.Run(name+"-standard", func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			for _, raw := range mails {
				if _, err := standardParse(raw); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
