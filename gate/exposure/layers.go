package exposure

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/waybill-dev/waybill/gate/decode"
)

// unescape calls inner for what text as a whole says in other words: percent escapes,
// encoded words, quoted-printable, the escapes of JSON and HTML; and for base64 in it that
// goes on over lines.
func unescape(text string, inner func(layer, text string)) {
	for layer, s := range decode.Respelled(text) {
		if len(s) <= maxUnwrap {
			inner(layer, s)
		}
	}
	if !decode.MaySpanLines(text) {
		return
	}
	for l := range decode.Layers(text) {
		if strings.IndexByte(text[l.Start:l.End], '\n') >= 0 {
			pieces(&l, inner)
		}
	}
}

// respellable reports whether a text may say anything in other words: see [unescape].
func respellable(text string) bool { return strings.ContainsAny(text, "%&\\=\n") }

// unwrap calls inner for each text that words of text hold under one more layer. Words
// that only look coded give text that is not text, and are passed over.
func unwrap(text string, inner func(layer, text string)) {
	for l := range decode.Layers(text) {
		pieces(&l, inner)
	}
}

// pieces calls inner for each text in what a layer holds.
func pieces(l *decode.Layer, inner func(layer, text string)) {
	for _, p := range l.Pieces {
		switch {
		case p.Kind == decode.Unknown && len(p.Data) <= sha256.Size:
			inner(l.Name, hex.EncodeToString(p.Data)) // a digest may be written so too
		case !p.Opaque:
			contents(l.Name, p.Kind, p.Data, 0, inner)
		}
	}
}

// contents calls inner for each text in data, and in the containers in it.
func contents(layer string, kind decode.Kind, data []byte, depth int, inner func(layer, text string)) {
	switch kind {
	case decode.Form:
		if len(data) > maxUnwrap {
			return
		}
		for pair := range bytes.SplitSeq(data, []byte("&")) {
			key, value, _ := bytes.Cut(pair, []byte("="))
			for _, b := range [][]byte{key, value} {
				if s, _ := decode.FormText(b); s != "" {
					inner(layer+" form", s)
				}
			}
		}
		return
	case decode.Text, decode.JSON, decode.XML, decode.Mail, decode.Calendar, decode.Card:
		if len(data) <= maxUnwrap && utf8.Valid(data) {
			inner(layer, string(data))
		}
		return
	case decode.Unknown:
		return
	}
	if depth >= maxDepth {
		return
	}
	layer += " " + string(kind)
	budget := decode.Budget{Bytes: maxUnwrap, Ratio: maxRatio}
	// What is broken or beyond the bounds has been looked through as far as it went.
	_ = decode.Open(kind, data, &budget, func(leaf decode.Leaf) {
		switch leaf.Class {
		case decode.Bytes, decode.Opaque:
		case decode.Document:
			contents(layer, leaf.Kind, leaf.Data, depth+1, inner)
		default:
			if utf8.Valid(leaf.Data) {
				inner(layer, string(leaf.Data))
			}
		}
	})
}

// queries calls value for each value in the query of a URL in text.
func queries(text string, value func(string)) {
	if !strings.Contains(text, "://") {
		return
	}
	for _, word := range strings.Fields(text) {
		_, query, ok := strings.Cut(word, "?")
		if !ok || !strings.Contains(word, "://") {
			continue
		}
		query, _, _ = strings.Cut(query, "#")
		for pair := range strings.SplitSeq(query, "&") {
			if _, v, ok := strings.Cut(pair, "="); ok {
				if u, err := url.QueryUnescape(v); err == nil {
					v = u
				}
				value(v)
			}
		}
	}
}

// isDigest reports whether w has the form of an MD5, SHA-1, SHA-256 or SHA-512 digest in
// hexadecimal.
func isDigest(w string) bool {
	return (len(w) == 32 || len(w) == 40 || len(w) == 64 || len(w) == 128) && isHex(w)
}

func isHex(w string) bool {
	for i := 0; i < len(w); i++ {
		if c := w[i] | 0x20; !isDigit(w[i]) && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// digestsOf gives the digests, in lower-case hexadecimal, that trackers make of an
// address or a telephone number: trimmed and lower-cased, with and without plus.
func digestsOf(identity string) []string {
	forms := []string{strings.ToLower(strings.TrimSpace(identity))}
	if !strings.Contains(identity, "@") {
		forms = append(forms, "+"+strings.TrimPrefix(forms[0], "+"), strings.TrimPrefix(forms[0], "+"))
	}
	var out []string
	for _, f := range forms {
		s512, s256, s1, m5 := sha512.Sum512([]byte(f)), sha256.Sum256([]byte(f)), sha1.Sum([]byte(f)), md5.Sum([]byte(f))
		out = append(out, hex.EncodeToString(s512[:]), hex.EncodeToString(s256[:]), hex.EncodeToString(s1[:]), hex.EncodeToString(m5[:]))
	}
	return out
}

// leastDigest is how many letters a digest has at the least that was cut short.
const leastDigest = 12

// digestKeys are the keys of digests, whole or cut short, by their first letters.
type digestKeys map[string][]digestKey

type digestKey struct {
	digest string
	key    Key
}

func (d digestKeys) add(digest string, k Key) {
	start := digest[:leastDigest]
	if n := (digestKey{digest, k}); !slices.Contains(d[start], n) {
		d[start] = append(d[start], n)
	}
}

// of calls found for each of d that is of identity.
func (d digestKeys) of(identity string, found func(Key)) {
	for _, whole := range digestsOf(identity) {
		for _, k := range d[whole[:leastDigest]] {
			if strings.HasPrefix(whole, k.digest) {
				found(k.key)
			}
		}
	}
}
