package pseudonym

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

func lowerText(b []byte) string { return strings.ToLower(string(b)) }

// inflate undoes one content coding (RFC 9110, section 8.4.1), within what the item
// may still unfold.
func (w *item) inflate(coding string, raw []byte) ([]byte, error) {
	var r io.Reader
	var err error
	switch src := bytes.NewReader(raw); coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(src)
	case "deflate":
		if r, err = zlib.NewReader(src); err != nil {
			r, err = flate.NewReader(bytes.NewReader(raw)), nil
		}
	case "zstd":
		var d *zstd.Decoder
		if d, err = zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxUnfolded)); err == nil {
			defer d.Close()
			r = d
		}
	default:
		return nil, errors.New("there is no decoder for its content coding")
	}
	if err != nil {
		return nil, fmt.Errorf("its %s layer is broken", coding)
	}
	out, err := io.ReadAll(io.LimitReader(r, w.budget+1))
	if int64(len(out)) > w.budget {
		return nil, fmt.Errorf("its %s layer unfolds to more than %d bytes", coding, maxUnfolded)
	}
	w.budget -= int64(len(out))
	if err != nil {
		return nil, fmt.Errorf("its %s layer is broken", coding)
	}
	return out, nil
}

// deflate is the inverse of inflate.
func deflate(coding string, plain []byte) ([]byte, error) {
	var out bytes.Buffer
	var z io.WriteCloser
	switch coding {
	case "gzip", "x-gzip":
		z = gzip.NewWriter(&out)
	case "deflate":
		z = zlib.NewWriter(&out)
	case "zstd":
		e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, fmt.Errorf("write its zstd layer again: %w", err)
		}
		z = e
	}
	_, err := z.Write(plain)
	if err = errors.Join(err, z.Close()); err != nil {
		return nil, fmt.Errorf("write its %s layer again: %w", coding, err)
	}
	return out.Bytes(), nil
}

// mediaTypes remembers the fields that were read last: in one item they return, since
// both looks read them.
type mediaTypes struct {
	list [8]struct {
		field  []byte
		word   string
		params map[string]string
	}
	next int
}

// read is mediaType of a field's value as it stands, folded or not. What it gives may
// not be changed.
func (m *mediaTypes) read(field []byte) (word string, params map[string]string) {
	for i := range m.list {
		if e := &m.list[i]; len(e.field) > 0 && bytes.Equal(e.field, field) {
			return e.word, e.params
		}
	}
	e := &m.list[m.next%len(m.list)]
	m.next++
	e.field = append(e.field[:0], field...)
	e.word, e.params = mediaType(strings.Join(strings.Fields(string(field)), " "))
	return e.word, e.params
}

func (m *mediaTypes) reset() {
	for i := range m.list {
		e := &m.list[i]
		e.field, e.word, e.params = e.field[:0], "", nil
	}
}

// transferEncoding is the word of a Content-Transfer-Encoding, in lower case.
func transferEncoding(field []byte) string {
	field = bytes.TrimSpace(field)
	for _, word := range []string{"7bit", "8bit", "quoted-printable", "base64"} {
		if len(field) == len(word) && strings.EqualFold(word, string(field)) {
			return word
		}
	}
	word, _, _ := strings.Cut(strings.ToLower(strings.Trim(strings.Join(strings.Fields(string(field)), " "), " ;")), " ")
	return word
}

// mediaType reads a Content-Type as far as it can be read: its word in lower case,
// and parameters.
func mediaType(value string) (word string, params map[string]string) {
	word, params, err := mime.ParseMediaType(value)
	if err == nil || word != "" && params != nil {
		return word, params
	}
	word, rest, _ := strings.Cut(value, ";")
	params = make(map[string]string)
	for p := range strings.SplitSeq(rest, ";") {
		name, v, ok := strings.Cut(p, "=")
		v = strings.TrimSpace(v)
		if len(v) > 1 && v[0] == '"' {
			v, _, _ = strings.Cut(v[1:], `"`)
		} else if i := strings.IndexAny(v, " \t("); i >= 0 {
			v = v[:i]
		}
		if name = strings.ToLower(strings.TrimSpace(name)); ok && params[name] == "" {
			params[name] = v
		}
	}
	if i := strings.IndexAny(word, " \t("); i > 0 {
		word = word[:i]
	}
	return strings.ToLower(strings.TrimSpace(word)), params
}

// origin says where content stands, for what becomes of bytes that are no text.
type origin uint8

const (
	inMail    origin = iota // a leaf of a mail or of a form: files that people read
	inRequest               // a body that a program reads
)

// content replaces the people in content of a media type, with its encodings undone.
func (w *item) content(word string, params map[string]string, t []byte, from origin, depth int) []byte {
	if len(t) == 0 || w.err != nil {
		return t
	}
	if depth > maxDepth {
		w.fail("it is nested too deep")
		return t
	}
	switch {
	case word == "message/rfc822" || word == "message/global" || word == "message/news" || word == "message/rfc822-headers" || word == "text/rfc822-headers":
		return w.entity(t, depth+1)
	case strings.HasPrefix(word, "multipart/"):
		return w.multipart(t, word, params["boundary"], depth+1)
	case word == "application/pkcs7-mime" || word == "application/x-pkcs7-mime" || word == "application/pgp-encrypted" || word == "application/pgp":
		w.fail("it is encrypted")
		return t
	case word == "application/x-www-form-urlencoded":
		return w.formPairs(t, "form", '&')
	case word == "application/json" || word == "text/json" || strings.HasSuffix(word, "+json") || strings.Contains(word, "ndjson") || strings.Contains(word, "jsonl"):
		if out, ok := w.json(t); ok {
			return out
		}
		if !isMostlyText(t) {
			w.fail("its JSON cannot be read")
			return t
		}
		return w.charset(t, params["charset"], manner{})
	case word == "text/html" || word == "application/xhtml+xml" || strings.HasSuffix(word, "/xml") || strings.HasSuffix(word, "+xml"):
		return w.charset(t, params["charset"], manner{html: true})
	case word == "text/csv" || word == "text/tab-separated-values" || word == "application/csv":
		w.columns(t)
		return w.charset(t, params["charset"], manner{})
	case strings.HasPrefix(word, "text/") || strings.HasPrefix(word, "message/") || word == "" || word == "application/javascript":
		if !isMostlyText(t) && !isWide(params["charset"]) {
			return w.binary(t, word, from)
		}
		if looksLikeJSON(t) {
			if out, ok := w.json(t); ok {
				return out
			}
		}
		return w.charset(t, params["charset"], manner{html: bytes.Contains(t[:min(len(t), 512)], []byte("<"))})
	case word == "application/gzip" || word == "application/x-gzip":
		plain, err := w.inflate("gzip", t)
		if err != nil {
			return w.binary(t, word, from)
		}
		out := w.content("", nil, plain, from, depth+1)
		if bytes.Equal(out, plain) {
			return t
		}
		again, err := deflate("gzip", out)
		if err != nil {
			w.fail(err.Error())
		}
		return again
	}
	if utf8.Valid(t) && isMostlyText(t) && !bytes.HasPrefix(t, []byte("%PDF-")) {
		return w.content("", params, t, from, depth+1) // text under another name
	}
	return w.binary(t, word, from)
}

// binary is what stands in the place of bytes that are no text: as many, that are a
// function of them and the key, so that equal files stay equal. Pictures show
// people, and documents name them; programs that read such a body would fail.
func (w *item) binary(t []byte, word string, from origin) []byte {
	if from == inRequest {
		kind, _, _ := strings.Cut(word, "/")
		switch {
		case kind == "image" || kind == "audio" || kind == "video" || kind == "font" || word == "application/pdf" || word == "application/zip":
		default:
			w.fail("its body is neither text nor a picture or document: it cannot be read")
			return t
		}
	}
	return w.c.blob(t)
}

// blob is bytes for bytes.
func (c *Cleaner) blob(t []byte) []byte {
	sum := c.sum(ofBytes, string(t))
	block, err := aes.NewCipher(sum[:16])
	if err != nil {
		return make([]byte, len(t)) // a key of 16 bytes is never refused
	}
	out := make([]byte, len(t))
	cipher.NewCTR(block, sum[16:32]).XORKeyStream(out, out)
	return out
}

// isWide reports whether text of a charset may hold bytes that are no text in ASCII.
func isWide(label string) bool {
	label = strings.ToLower(label)
	return strings.HasPrefix(label, "utf-16") || strings.HasPrefix(label, "utf-32") || strings.HasPrefix(label, "ucs") || label == "unicode"
}

// charset replaces the people in text of a charset. Text in ASCII or UTF-8 is read
// as it stands.
func (w *item) charset(t []byte, label string, m manner) []byte {
	label = strings.ToLower(strings.Trim(label, ` "'`))
	if isASCII(t) && !strings.HasPrefix(label, "iso-2022") && !strings.HasPrefix(label, "hz") && !strings.HasPrefix(label, "utf-7") && !isWide(label) {
		return w.prose(t, m)
	}
	if utf8.Valid(t) && (label == "" || label == "utf-8" || label == "utf8" || label == "us-ascii" || label == "ascii") {
		return w.prose(t, m)
	}
	if strings.HasPrefix(label, "utf-7") || label == "utf-32" {
		w.fail("there is no decoder for its charset")
		return t
	}
	e, err := htmlindex.Get(label)
	if err != nil {
		e = charmap.Windows1252
		if utf8.Valid(t) {
			return w.prose(t, m)
		}
	}
	if one, ok := e.(*charmap.Charmap); ok {
		return w.single(t, one, m)
	}
	if utf, _ := htmlindex.Name(e); utf == "utf-8" { // and t is not
		return w.single(t, charmap.Windows1252, m)
	}
	plain, err := e.NewDecoder().Bytes(t)
	if err != nil {
		w.fail("its charset cannot be decoded")
		return t
	}
	out := w.prose(plain, m)
	if bytes.Equal(out, plain) {
		return t
	}
	again, err := encoding.ReplaceUnsupported(e.NewEncoder()).Bytes(out)
	if err == nil {
		if back, err2 := e.NewDecoder().Bytes(again); err2 != nil || !bytes.Equal(back, out) && !bytes.Contains(plain, []byte("\ufffd")) {
			err = errors.New("differs")
		}
	}
	if err != nil {
		w.fail("a pseudonym cannot be written in its charset")
		return t
	}
	return again
}

// single replaces the people in text of a charset of one byte a character.
func (w *item) single(t []byte, e *charmap.Charmap, m manner) []byte {
	plain := make([]byte, 0, len(t)+len(t)/8)
	for _, b := range t {
		if b < utf8.RuneSelf && e.DecodeByte(b) == rune(b) {
			plain = append(plain, b)
		} else {
			plain = utf8.AppendRune(plain, e.DecodeByte(b))
		}
	}
	at, n := 0, 0 // the character n of plain, a byte of t, begins there
	raw := func(i int) int {
		for at < i {
			_, size := utf8.DecodeRune(plain[at:])
			if at+size > i {
				break
			}
			at += size
			n++
		}
		return n
	}
	spans := w.proseSpans(plain, m)
	for i := range spans {
		s := &spans[i]
		s.start, s.end = raw(s.start), raw(s.end)
		out := make([]byte, 0, len(s.text))
		for _, r := range string(s.text) {
			b, ok := e.EncodeRune(r)
			if !ok {
				w.fail("a pseudonym cannot be written in its charset")
				return t
			}
			out = append(out, b)
		}
		s.text = out
	}
	return apply(t, spans)
}
