package pseudonym

import (
	"bytes"
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// A run is one encoded word (RFC 2047, section 2), or several with nothing but
// white space between them, of one charset and encoding.
type run struct {
	start, end int
	label      string // as written, with a language if it had one
	letter     byte   // of its encoding, as written
	gap        string // between its words, if it has several
	data       []byte
}

// maxWord bounds how many bytes an encoded word has: many senders do not fold.
const maxWord = 8192

// eachRun calls found for each run of encoded words in t.
func eachRun(t []byte, found func(r run)) {
	var r run
	for at := 0; ; {
		i := bytes.Index(t[at:], []byte("=?"))
		if i < 0 {
			break
		}
		at += i
		label, letter, data, n := encodedWord(t[at:])
		if n == 0 {
			at += 2
			continue
		}
		between := t[r.end:at]
		if r.end > 0 && r.letter == letter && strings.EqualFold(r.label, label) && len(bytes.TrimSpace(between)) == 0 {
			r.gap = string(between)
			r.data = append(r.data, data...)
			r.end = at + n
		} else {
			if r.end > 0 {
				found(r)
			}
			r = run{start: at, end: at + n, label: label, letter: letter, data: data}
		}
		at += n
	}
	if r.end > 0 {
		found(r)
	}
}

// encodedWord reads the encoded word that t begins with; n is 0 where there is none.
func encodedWord(t []byte) (label string, letter byte, data []byte, n int) {
	t = t[:min(len(t), maxWord)]
	l, rest, ok := bytes.Cut(t[2:], []byte("?"))
	if !ok || len(l) == 0 || len(l) > 64 || len(rest) < 2 || rest[1] != '?' || bytes.ContainsAny(l, " \r\n") {
		return "", 0, nil, 0
	}
	text, _, ok := bytes.Cut(rest[2:], []byte("?="))
	if !ok {
		return "", 0, nil, 0
	}
	n = 2 + len(l) + 3 + len(text) + 2
	switch rest[0] {
	case 'q', 'Q':
		plain := bytes.ReplaceAll(text, []byte("_"), []byte(" "))
		if v := undoEach(plain, '=', unquote); v != nil {
			plain = v.text
		}
		return string(l), rest[0], append([]byte(nil), plain...), n
	case 'b', 'B':
		bare := bytes.TrimRight(text, "=")
		out := make([]byte, base64.RawStdEncoding.DecodedLen(len(bare)))
		m, err := base64.RawStdEncoding.Decode(out, bare)
		if err != nil {
			return "", 0, nil, 0
		}
		return string(l), rest[0], out[:m], n
	}
	return "", 0, nil, 0
}

// charsetOf is the encoding of a charset by its label, "*" and a language left out.
func charsetOf(label string) (encoding.Encoding, bool) {
	label, _, _ = strings.Cut(strings.ToLower(label), "*")
	e, err := htmlindex.Get(label)
	if err != nil {
		return nil, false
	}
	return e, true
}

func (r *run) text() (string, bool) {
	e, ok := charsetOf(r.label)
	if !ok {
		if utf8.Valid(r.data) {
			return string(r.data), true
		}
		e = charmap.Windows1252
	}
	if name, err := htmlindex.Name(e); err == nil && name == "utf-8" && !utf8.Valid(r.data) {
		e = charmap.Windows1252
	}
	out, err := e.NewDecoder().Bytes(r.data)
	return string(out), err == nil
}

// decodeWords is value with its encoded words undone.
func decodeWords(value []byte) []byte {
	var spans []span
	eachRun(value, func(r run) {
		if s, ok := r.text(); ok {
			spans = append(spans, span{start: r.start, end: r.end, text: []byte(s)})
		}
	})
	return apply(value, spans)
}

// encodedWords replaces the people in a value with encoded words. A run in which
// somebody stands is encoded anew, in its charset and encoding; between replaces those in
// what stands between runs.
func (w *item) encodedWords(value []byte, between func([]byte) []byte) []byte {
	var spans []span
	at := 0
	gap := func(end int) {
		if t := value[at:end]; len(t) > 0 {
			if out := between(t); !bytes.Equal(out, t) {
				spans = append(spans, span{start: at, end: end, text: out})
			}
		}
	}
	eachRun(value, func(r run) {
		gap(r.start)
		at = r.end
		plain, ok := r.text()
		if !ok {
			w.fail("an encoded word of its header cannot be decoded")
			return
		}
		out := w.text([]byte(plain), manner{})
		if string(out) == plain {
			return
		}
		coded, ok := r.write(string(out))
		if !ok {
			w.fail("a pseudonym cannot be written in the charset of its header")
			return
		}
		spans = append(spans, span{start: r.start, end: r.end, text: coded})
	})
	gap(len(value))
	return apply(value, spans)
}

// maxEncoded is how many bytes an encoded word that is written has (RFC 2047, 2).
const maxEncoded = 75

// write encodes text as words of the run's charset and encoding, each with whole characters.
func (r *run) write(text string) ([]byte, bool) {
	e, ok := charsetOf(r.label)
	if !ok {
		e = encoding.Nop
	} else if name, err := htmlindex.Name(e); err == nil && name == "utf-8" && !utf8.Valid(r.data) {
		e = charmap.Windows1252
	}
	open := "=?" + r.label + "?" + string(r.letter) + "?"
	gap := r.gap
	if gap == "" {
		gap = "\r\n "
	}
	var out []byte
	var word []byte // of bytes of the charset
	close := func() {
		if len(out) > 0 {
			out = append(out, gap...)
		}
		out = append(append(append(out, open...), r.code(word)...), "?="...)
		word = word[:0]
	}
	long := r.end-r.start > maxEncoded && r.gap == "" // its sender does not fold
	for _, c := range text {
		b, err := e.NewEncoder().Bytes([]byte(string(c)))
		if err != nil {
			return nil, false
		}
		if !long && len(open)+len(r.code(append(word[:len(word):len(word)], b...)))+2 > maxEncoded && len(word) > 0 {
			close()
		}
		word = append(word, b...)
	}
	if len(word) > 0 || len(out) == 0 {
		close()
	}
	return out, true
}

func (r *run) code(b []byte) string {
	if r.letter|0x20 == 'b' {
		return base64.StdEncoding.EncodeToString(b)
	}
	var out strings.Builder
	for _, c := range b {
		switch {
		case c == ' ':
			out.WriteByte('_')
		case isAlnum(c) || strings.IndexByte("!*+-/", c) >= 0: // RFC 2047, 5 (3): safe everywhere
			out.WriteByte(c)
		default:
			out.WriteByte('=')
			out.WriteByte(upperHex[c>>4])
			out.WriteByte(upperHex[c&15])
		}
	}
	return out.String()
}
