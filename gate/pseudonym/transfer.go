package pseudonym

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// transfer replaces the people in a body under its Content-Transfer-Encoding (RFC
// 2045, section 6). What it does not change stays byte for byte, also as it is
// encoded.
func (w *item) transfer(raw []byte, encoding, word string, params map[string]string, depth int) []byte {
	if len(raw) == 0 {
		return raw
	}
	content := func(t []byte) []byte { return w.content(word, params, t, inMail, depth) }
	if strings.HasPrefix(word, "multipart/") {
		return content(raw) // RFC 2045, 6.4: it has no encoding but 7bit, 8bit and binary
	}
	switch encoding {
	case "base64":
		return w.base64Body(raw, content)
	case "quoted-printable":
		return w.quotedBody(raw, content)
	case "x-uuencode", "uuencode", "x-uue", "uue", "x-gzip64", "x-yenc":
		w.fail("there is no decoder for its transfer encoding")
		return raw
	}
	return content(raw)
}

// base64Body decodes a body, and encodes it anew in lines as long as they were where
// something in it was replaced. Text that a relay put behind the encoded lines is
// read as text.
func (w *item) base64Body(raw []byte, content func([]byte) []byte) []byte {
	end := base64End(raw)
	plain, ok := decodeBase64(raw[:end])
	if !ok {
		w.fail("its base64 is broken")
		return raw
	}
	tail := raw[end:]
	if len(bytes.TrimSpace(tail)) > 0 {
		tail = w.charset(tail, "", manner{})
	}
	out := content(plain)
	if bytes.Equal(out, plain) {
		if len(tail) == len(raw)-end && bytes.Equal(tail, raw[end:]) {
			return raw
		}
		return append(append([]byte(nil), raw[:end]...), tail...)
	}
	width, eol := 76, "\r\n"
	if first := bytes.IndexByte(raw, '\n'); first >= 0 {
		width = len(bytes.TrimRight(raw[:first], "\r\n"))
		if first == 0 || raw[first-1] != '\r' {
			eol = "\n"
		}
	} else {
		width = max(len(raw), 76)
	}
	width = max(width&^3, 4)
	coded := base64.StdEncoding.EncodeToString(out)
	again := make([]byte, 0, len(coded)+len(coded)/width*2+2+len(tail))
	for len(coded) > width {
		again = append(append(again, coded[:width]...), eol...)
		coded = coded[width:]
	}
	again = append(again, coded...)
	rest := raw[:end]
	return append(append(again, rest[len(bytes.TrimRight(rest, "\r\n")):]...), tail...)
}

// base64End is where the lines of base64 that raw begins with end.
func base64End(raw []byte) int {
	for at := 0; at < len(raw); {
		end := lineEnd(raw, at)
		line := bytes.TrimSpace(raw[at:end])
		padded := false
		for _, c := range line {
			if !isAlnum(c) && c != '+' && c != '/' && c != '=' {
				return at
			}
			padded = padded || c == '='
		}
		at = end
		if padded {
			for at < len(raw) && isBlank(raw[at:lineEnd(raw, at)]) {
				at = lineEnd(raw, at)
			}
			return at
		}
	}
	return len(raw)
}

func decodeBase64(raw []byte) ([]byte, bool) {
	bare := make([]byte, 0, len(raw))
	for _, c := range raw {
		if isAlnum(c) || c == '+' || c == '/' {
			bare = append(bare, c)
		}
	}
	if len(bare)%4 == 1 {
		bare = bare[:len(bare)-1] // a cut one
	}
	out := make([]byte, base64.RawStdEncoding.DecodedLen(len(bare)))
	n, err := base64.RawStdEncoding.Decode(out, bare)
	return out[:n], err == nil
}

// quotedBody replaces the people in a quoted-printable body (section 6.7). Where the
// text is one that is read in runs, only the runs that hold people are encoded anew.
func (w *item) quotedBody(raw []byte, content func([]byte) []byte) []byte {
	v := undoEach(raw, '=', unquote)
	if v == nil {
		return content(raw)
	}
	out := content(v.text)
	if bytes.Equal(out, v.text) {
		return raw
	}
	// The changed stretch is that between what both begin and end with, word by word
	// where neither has more or fewer lines.
	var spans []span
	was, is := v.text, out
	base := 0
	inLines := bytes.Count(was, []byte("\n")) == bytes.Count(is, []byte("\n"))
	for len(was) > 0 || len(is) > 0 {
		a, b := lineEnd(was, 0), lineEnd(is, 0)
		if !inLines {
			a, b = len(was), len(is)
		}
		if !bytes.Equal(was[:a], is[:b]) {
			head := 0
			for head < a && head < b && was[head] == is[head] {
				head++
			}
			tail := 0
			for tail < a-head && tail < b-head && was[a-1-tail] == is[b-1-tail] {
				tail++
			}
			start, end := v.at(base+head), v.at(base+a-tail)
			spans = append(spans, span{start: start, end: end, text: quoted(is[head:b-tail], raw[start:end])})
		}
		was, is, base = was[a:], is[b:], base+a
	}
	return rewrap(apply(raw, spans), raw)
}

// unquote reads one "=" escape or soft line break.
func unquote(dst, t []byte, i int) ([]byte, int) {
	if i+2 < len(t) && isHex(t[i+1]) && isHex(t[i+2]) {
		return append(dst, unhex(t[i+1])<<4|unhex(t[i+2])), 3
	}
	n := i + 1
	for n < len(t) && (t[n] == ' ' || t[n] == '\t') {
		n++
	}
	switch {
	case n < len(t) && t[n] == '\n':
		return dst, n + 1 - i
	case n+1 < len(t) && t[n] == '\r' && t[n+1] == '\n':
		return dst, n + 2 - i
	}
	return dst, 0
}

// quoted encodes s, which stands in the place of was.
func quoted(s, was []byte) []byte {
	out := make([]byte, 0, len(s)+8)
	for i, c := range s {
		last := i+1 == len(s) || s[i+1] == '\n' || s[i+1] == '\r'
		if c == '\n' || c == '\r' || c > ' ' && c < 0x7f && c != '=' || (c == ' ' || c == '\t') && !last {
			out = append(out, c)
			continue
		}
		out = append(out, '=', upperHex[c>>4], upperHex[c&15])
	}
	return out
}

// maxQuoted is how long a line of quoted-printable may be, without its end.
const maxQuoted = 76

// rewrap breaks lines of t that are too long, unless was has such lines too.
func rewrap(t, was []byte) []byte {
	long := func(t []byte) bool {
		for at := 0; at < len(t); {
			end := lineEnd(t, at)
			if len(bytes.TrimRight(t[at:end], "\r\n")) > maxQuoted {
				return true
			}
			at = end
		}
		return false
	}
	if !long(t) || long(was) {
		return t
	}
	soft := "=\n"
	if bytes.Contains(was, []byte("\r\n")) {
		soft = "=\r\n"
	}
	out := make([]byte, 0, len(t)+64)
	for at := 0; at < len(t); {
		end := lineEnd(t, at)
		line := t[at:end]
		for len(bytes.TrimRight(line, "\r\n")) > maxQuoted {
			n := maxQuoted - 1
			for k := n - 2; k < n; k++ { // no escape is cut
				if line[k] == '=' {
					n = k
					break
				}
			}
			out = append(append(out, line[:n]...), soft...)
			line = line[n:]
		}
		out = append(out, line...)
		at = end
	}
	return out
}
