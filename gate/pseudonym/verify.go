package pseudonym

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"mime/quotedprintable"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// left reports whether an identity of the item still stands in what it has become,
// under any layer. It is a second look with decoders of its own, that know nothing
// of runs and change nothing.
func (w *item) left(channel string, head, body []byte) bool {
	if len(w.needles.list) == 0 {
		return false
	}
	l := &looker{w: w, budget: maxUnfolded}
	for i := range w.needles.list {
		l.numbers = l.numbers || w.needles.list[i].kind == aNumber
	}
	switch channel {
	case "smtp":
		return l.text(head, 0) || l.entity(body, "", 0)
	case "http":
		return l.text(head, 0) || l.httpBody(head, body)
	}
	return l.text(head, 0) || l.text(body, 0)
}

// A looker looks for identities in one item.
type looker struct {
	w       *item
	numbers bool // there are telephone numbers
	fields  bool // it is in a header section
	budget  int64
}

// text reports whether an identity stands in t, or in what it holds encoded.
func (l *looker) text(t []byte, depth int) bool {
	if len(t) < 2 || depth > maxDepth {
		return depth > maxDepth
	}
	found := false
	l.w.needles.each(t, func(_ *needle, start, end int) bool {
		found = !l.w.images.has(t[start:end]) && !(l.fields && inFieldName(t, start))
		return !found
	})
	if found || l.numbers && l.squeezed(t) {
		return true
	}
	for _, e := range escapes {
		if e.in(t, manner{}) {
			if v := e.undo(t); v != nil && l.text(v.text, depth+1) {
				return true
			}
		}
	}
	return l.words(t, depth)
}

// inFields is text of a header section, the names of whose fields are no people.
func (l *looker) inFields(header []byte) bool {
	l.fields = true
	left := l.text(header, 0)
	l.fields = false
	return left
}

// inFieldName reports whether what begins at i in a header section is in the name
// of a field. The first line of an mbox file, which may hold colons too, has none.
func inFieldName(t []byte, i int) bool {
	line := bytes.LastIndexByte(t[:i], '\n') + 1
	colon := bytes.IndexByte(t[line:lineEnd(t, i)], ':')
	return colon >= i-line && isFieldName(bytes.TrimRight(t[line:line+colon], " \t"))
}

// squeezed reports whether a telephone number stands in t with separators anywhere.
func (l *looker) squeezed(t []byte) bool {
	out := l.w.squeezed[:0]
	for i := 0; i < len(t); i++ {
		if !isDigit(t[i]) {
			continue
		}
		begun := len(out)
		for end := i; i < len(t) && i-end < 4; i++ { // a run of digits, with up to three separators within
			if isDigit(t[i]) {
				out = append(out, t[i])
				end = i
			} else if !separator(t[i]) && t[i] != '+' {
				break
			}
		}
		if len(out)-begun < leastNumber {
			out = out[:begun]
			continue
		}
		out = append(out, ' ')
	}
	l.w.squeezed = out
	found := false
	l.w.needles.each(out, func(d *needle, start, end int) bool {
		found = d.kind == aNumber && !l.w.images.has(out[start:end])
		return !found
	})
	return found
}

// words looks into the words of t that may be base64, hexadecimal or digests.
func (l *looker) words(t []byte, depth int) bool {
	for i := nextCoded(t, 0, false); i < len(t); {
		end := wordEnd(t, i)
		if end-i >= leastCoded && l.word(t[i:end], depth) {
			return true
		}
		i = nextCoded(t, end+1, false)
	}
	return false
}

func (l *looker) word(word []byte, depth int) bool {
	if len(word)%2 == 0 && isHexWord(word) {
		plain := make([]byte, len(word)/2)
		_, err := hex.Decode(plain, word)
		if isDigestText(word) && l.isDigest(plain) {
			return true
		}
		if err == nil && isText(plain) && l.text(plain, depth+1) {
			return true
		}
	}
	if !likelyText(word) && !bytes.HasPrefix(word, []byte("H4sI")) && len(word) != 22 && len(word) != 27 && len(word) != 43 {
		return false
	}
	enc := base64.RawStdEncoding
	if bytes.ContainsAny(word, "-_") {
		enc = base64.RawURLEncoding
	}
	plain, err := enc.DecodeString(string(word))
	if err != nil {
		return false
	}
	if bytes.HasPrefix(plain, []byte{0x1f, 0x8b}) {
		text, err := l.inflate("gzip", plain)
		return err == nil && l.text(text, depth+1)
	}
	return (len(plain) == 16 || len(plain) == 20 || len(plain) == 32) && l.isDigest(plain) || isText(plain) && l.text(plain, depth+1)
}

// isDigest reports whether a digest is of an identity that was seen, as all of the
// item were.
func (l *looker) isDigest(sum []byte) bool {
	_, ok := l.w.c.seen.digest(sum, l.w.c.of)
	return ok
}

// entity looks through a mail or a part of one.
func (l *looker) entity(t []byte, boundary string, depth int) bool {
	if depth > 4*maxDepth {
		return true
	}
	fields, body := splitHeader(t, l.w.fields[:0])
	l.w.fields = fields // for the next, once this header is done
	header := t[:body]
	if l.inFields(header) || bytes.Contains(header, []byte("=?")) && l.inFields(decodeWords(header)) {
		return true
	}
	var word, transfer string
	var params map[string]string
	for i := range fields {
		switch value := t[fields[i].start:fields[i].end]; {
		case fields[i].is("content-type"):
			if word == "" {
				word, params = l.w.types.read(value)
			}
		case fields[i].is("content-transfer-encoding"):
			transfer = transferEncoding(value)
		}
	}
	return l.body(t[body:], transfer, word, params, depth)
}

func (l *looker) body(t []byte, transfer, word string, params map[string]string, depth int) bool {
	if strings.HasPrefix(word, "multipart/") && params["boundary"] != "" {
		dash := []byte("--" + params["boundary"])
		at, part := 0, false
		for {
			start, end, last := nextDelimiter(t, at, dash)
			stop := start
			if start < 0 {
				stop = len(t)
			}
			if part && l.entity(t[at:stop], "", depth+1) || !part && l.text(t[at:stop], 0) {
				return true
			}
			if start < 0 {
				return false
			}
			at, part = end, !last
		}
	}
	switch transfer {
	case "base64":
		end := base64End(t)
		plain, _ := decodeBase64(t[:end])
		if l.text(t[end:], 0) {
			return true
		}
		t = plain
	case "quoted-printable":
		plain, err := l.unquoted(t)
		if err != nil { // broken, which people's readers forgive
			if v := undoEach(t, '=', unquote); v != nil {
				plain = v.text
			}
		}
		if strings.HasPrefix(word, "message/") {
			plain = bytes.Clone(plain) // another may stand in it
		}
		t = plain
	}
	return l.content(t, word, params, depth)
}

// unquoted undoes quoted-printable. What it gives stands until it is called again.
func (l *looker) unquoted(t []byte) ([]byte, error) {
	l.w.reader.Reset(t)
	l.w.buffered.Reset(&l.w.reader)
	l.w.unquoted.Reset()
	_, err := l.w.unquoted.ReadFrom(quotedprintable.NewReader(l.w.buffered))
	return l.w.unquoted.Bytes(), err
}

// content looks through content with its encodings undone.
func (l *looker) content(t []byte, word string, params map[string]string, depth int) bool {
	if strings.HasPrefix(word, "message/") {
		return l.entity(t, "", depth+1)
	}
	if l.text(t, 0) {
		return true
	}
	if word == "application/gzip" || word == "application/x-gzip" {
		if plain, err := l.inflate("gzip", t); err == nil {
			return l.text(plain, 0)
		}
		return false
	}
	if isWide(params["charset"]) || strings.HasPrefix(strings.ToLower(params["charset"]), "iso-2022") {
		if e, err := htmlindex.Get(params["charset"]); err == nil {
			plain, err := e.NewDecoder().Bytes(t)
			return err == nil && l.text(plain, 0)
		}
		return false
	}
	if strings.HasPrefix(word, "text/") && !utf8.Valid(t) {
		e := charmap.Windows1252
		if other, err := htmlindex.Get(params["charset"]); err == nil {
			if one, ok := other.(*charmap.Charmap); ok {
				e = one
			}
		}
		plain, err := e.NewDecoder().Bytes(t)
		return err == nil && l.text(plain, 0)
	}
	return false
}

func (l *looker) inflate(coding string, raw []byte) ([]byte, error) {
	own := &item{budget: l.budget}
	out, err := own.inflate(coding, raw)
	l.budget = own.budget
	return out, err
}

// httpBody looks through the body of an HTTP message.
func (l *looker) httpBody(head, body []byte) bool {
	if len(body) == 0 {
		return false
	}
	var word string
	var params map[string]string
	var layers []string
	eachLine(head, func(_, _ int, name string, value []byte) {
		switch name {
		case "content-type":
			word, params = mediaType(string(value))
		case "content-encoding":
			for c := range strings.SplitSeq(lowerText(value), ",") {
				if c = strings.TrimSpace(c); c != "" && c != "identity" {
					layers = append(layers, c)
				}
			}
		}
	})
	for i := len(layers) - 1; i >= 0; i-- {
		plain, err := l.inflate(layers[i], body)
		if err != nil {
			return true
		}
		body = plain
	}
	return l.body(body, "", word, params, 0)
}
