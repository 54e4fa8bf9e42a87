package exposure

import (
	"bytes"
	"compress/gzip"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unescape calls inner for what text is under percent coding.
func unescape(text string, inner func(layer, text string)) {
	if s, err := url.PathUnescape(text); err == nil && s != text && isText(s) {
		inner("percent", s)
	}
}

// unwrap calls inner for each text that words of text hold under one more layer. Words
// that only look coded give text that is not text, and are passed over.
func unwrap(text string, inner func(layer, text string)) {
	for start := 0; start < len(text); {
		if !isCoded(text[start]) {
			start++
			continue
		}
		end := start
		for end < len(text) && isCoded(text[end]) {
			end++
		}
		for end < len(text) && text[end] == '=' {
			end++
		}
		if end-start >= minCoded {
			coded(text[start:end], inner)
		}
		start = end
	}
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

func isCoded(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// coded undoes base64 (RFC 4648, both alphabets) and hexadecimal, and gzip within.
func coded(word string, inner func(layer, text string)) {
	give := func(layer string, b []byte) {
		if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
			if r, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
				if u, err := io.ReadAll(io.LimitReader(r, maxUnwrap)); err == nil && isText(string(u)) {
					inner(layer+" gzip", string(u))
				}
			}
			return
		}
		switch {
		case isText(string(b)):
			inner(layer, string(b))
		case len(b) == md5.Size || len(b) == sha1.Size || len(b) == sha256.Size:
			inner(layer, hex.EncodeToString(b)) // a digest may be written so too
		}
	}
	if len(word)%2 == 0 && !isDigest(word) {
		if b, err := hex.DecodeString(word); err == nil {
			give("hex", b)
			return
		}
	}
	bare := strings.TrimRight(word, "=")
	enc := base64.RawStdEncoding
	if strings.ContainsAny(bare, "-_") {
		enc = base64.RawURLEncoding
	}
	if b, err := enc.DecodeString(bare); err == nil {
		give("base64", b)
	}
}

// isText reports whether s is printable UTF-8 of some length.
func isText(s string) bool {
	if len(s) < 4 || len(s) > maxUnwrap || !utf8.ValidString(s) {
		return false
	}
	for _, c := range s {
		if !unicode.IsPrint(c) && !unicode.IsSpace(c) {
			return false
		}
	}
	return true
}

// isDigest reports whether w has the form of an MD5, SHA-1 or SHA-256 digest in hexadecimal.
func isDigest(w string) bool {
	if len(w) != 32 && len(w) != 40 && len(w) != 64 {
		return false
	}
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
		s256, s1, m5 := sha256.Sum256([]byte(f)), sha1.Sum([]byte(f)), md5.Sum([]byte(f))
		out = append(out, hex.EncodeToString(s256[:]), hex.EncodeToString(s1[:]), hex.EncodeToString(m5[:]))
	}
	return out
}
