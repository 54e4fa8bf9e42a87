package pseudonym_test

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"encoding/base64"

	"github.com/waybill-dev/waybill/gate"
	"github.com/waybill-dev/waybill/gate/importer"
	"github.com/waybill-dev/waybill/gate/importer/mbox"
)

// addressForm finds addresses in the manner of those who look for them in text. A
// word that goes on behind a top-level domain is not one.
var addressForm = regexp.MustCompile(`[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b`)

// texts are the texts of a mail as the standard library reads it: an oracle that
// shares nothing with the cleaner.
func texts(raw []byte) []string {
	out := []string{string(raw)}
	msg, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return out
	}
	var words mime.WordDecoder
	for _, values := range msg.Header {
		for _, v := range values {
			if s, err := words.DecodeHeader(v); err == nil {
				out = append(out, s)
			}
		}
	}
	return append(out, bodyTexts(msg.Header.Get("Content-Type"), msg.Header.Get("Content-Transfer-Encoding"), msg.Body, 0)...)
}

func bodyTexts(kind, encoding string, r io.Reader, depth int) []string {
	word, params, err := mime.ParseMediaType(kind)
	if err == nil && strings.HasPrefix(word, "multipart/") && depth < 8 {
		var out []string
		parts := multipart.NewReader(r, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return out
			}
			out = append(out, bodyTexts(p.Header.Get("Content-Type"), p.Header.Get("Content-Transfer-Encoding"), p, depth+1)...)
		}
	}
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "quoted-printable":
		r = quotedprintable.NewReader(r)
	case "base64":
		r = base64.NewDecoder(base64.StdEncoding, r)
	}
	b, _ := io.ReadAll(r) // what cannot be read further is what a reader would not see
	if word == "message/rfc822" {
		return append(texts(b), string(b))
	}
	return []string{string(b)}
}

// Every mail of the public archive is cleared, or refused with a reason; and in what
// is cleared an independent reader finds no address that was in it.
func TestArchive(t *testing.T) {
	folder := os.Getenv("WAYBILL_CORPORA")
	if folder == "" {
		t.Skip("WAYBILL_CORPORA is not set: the public archive is not read")
	}
	c := cleaner(t, nil)
	refused := map[string]int{}
	cleared, same, leaks := 0, 0, 0
	for item, err := range mbox.Format.Read(filepath.Join(folder, "spamassassin.mbox.gz"), importer.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		m := item.Record.Message
		if m == nil {
			continue
		}
		was := gate.Message{Channel: m.Channel, Head: bytes.Clone(m.Head), Body: bytes.Clone(m.Body)}
		if err := c.Message(m); err != nil {
			refused[err.Error()]++
			if !bytes.Equal(m.Body, was.Body) || !bytes.Equal(m.Head, was.Head) {
				t.Error("a message that was refused is half changed")
			}
			continue
		}
		cleared++
		if bytes.Equal(m.Body, was.Body) {
			same++
		}
		originals := map[string]bool{}
		for _, text := range append(texts(was.Body), string(was.Head)) {
			for _, a := range addressForm.FindAllString(text, -1) {
				originals[strings.ToLower(a)] = true
			}
		}
		for _, text := range append(texts(m.Body), string(m.Head)) {
			for _, a := range addressForm.FindAllString(text, -1) {
				if originals[strings.ToLower(a)] {
					if leaks++; leaks < 20 {
						t.Errorf("message %d: an address is left: %s", m.Seq, a)
					}
				}
			}
		}
	}
	n := 0
	for _, why := range slices.Sorted(maps.Keys(refused)) {
		t.Logf("%5d refused: %s", refused[why], why)
		n += refused[why]
	}
	t.Logf("%d cleared (%d of them without a change), %d refused, %d leaks", cleared, same, n, leaks)
	if n*50 > cleared {
		t.Errorf("%d of %d are refused", n, n+cleared)
	}
}
