package dynamic

import (
	"bytes"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/waybill-dev/waybill/gate"
)

// Bounds of what is read of one answer.
const (
	maxPlaces   = 10_000
	maxValue    = 4096 // bytes
	maxUnfolded = 16 << 20
	maxNesting  = 64
)

// Find gives the value at a place of an answer. ok is false where there is none.
func Find(place string, o *gate.Outcome) (value string, ok bool) {
	near, loose := "", ""
	if strings.HasPrefix(place, "link") {
		loose = loosen(place, "")
	}
	each(o, func(p, v string) bool {
		switch {
		case p == place:
			value, ok = v, true
		case near == "" && loose != "" && loosen(p, "") == loose && made(p, v):
			near = v
		}
		return !ok
	})
	if !ok && near != "" {
		return near, true
	}
	return value, ok
}

// each calls found for each place of an answer with its value, in the order of the
// answer, until it returns false.
func each(o *gate.Outcome, found func(place, value string) bool) {
	if o == nil || o.Error != "" && o.Status == 0 {
		return
	}
	w := &walk{found: found, count: map[string]int{}}
	var kind, coding string
	for _, f := range fieldsOf(o.Head) {
		switch f.name {
		case "set-cookie":
			pair, _, _ := strings.Cut(f.value, ";")
			if name, v, ok := strings.Cut(pair, "="); ok {
				w.again("cookie/"+strings.TrimSpace(name), strings.Trim(strings.TrimSpace(v), `"`))
			}
		case "location":
			w.location(f.value)
		case "content-type":
			kind, _, _ = strings.Cut(strings.ToLower(f.value), ";")
			kind = strings.TrimSpace(kind)
		case "content-encoding":
			coding = strings.ToLower(f.value)
		default:
			if !standard(f.name) {
				w.give("header/"+f.name, f.value)
			}
		}
	}
	body, ok := decoded(coding, o.Body)
	if !ok || w.over {
		return
	}
	start := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case kind == "text/html" || kind == "application/xhtml+xml" || kind == "" && len(start) > 0 && start[0] == '<' && !bytes.HasPrefix(start, []byte("<?xml")):
		w.page(body, nil)
	case kind == "text/xml" || strings.HasSuffix(kind, "/xml") || strings.HasSuffix(kind, "+xml") || kind == "" && bytes.HasPrefix(start, []byte("<?xml")):
		w.xml(body)
	case strings.HasSuffix(kind, "json") || kind == "" && len(start) > 0 && (start[0] == '{' || start[0] == '['):
		w.json(body)
	case kind == "text/plain" && len(start) > 0 && len(body) <= maxValue:
		w.give("text", strings.TrimSpace(string(body)))
	}
}

// A walk goes through one answer.
type walk struct {
	found func(place, value string) bool
	count map[string]int  // of places that may occur again
	seen  map[string]bool // places with values, of links and texts
	long  bool            // values of any length are given
	given int
	over  bool
	path  []byte
}

func (w *walk) give(place, value string) {
	if w.over || len(value) == 0 || len(value) > maxValue && !w.long {
		return
	}
	w.given++
	w.over = !w.found(place, value) || w.given == maxPlaces
}

// again is give at a place that may occur again.
func (w *walk) again(place, value string) {
	n := w.count[place]
	w.count[place]++
	if n > 0 {
		place += "[" + strconv.Itoa(n) + "]"
	}
	w.give(place, value)
}

func (w *walk) location(value string) {
	u, err := url.Parse(value)
	if err != nil {
		return
	}
	for i, s := range strings.Split(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		if plain, err := url.PathUnescape(s); err == nil {
			w.give("location/path["+strconv.Itoa(i)+"]", plain)
		}
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, v, ok := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(v); ok && err == nil {
			w.again("location/query/"+name, plain)
		}
	}
}

func (w *walk) json(body []byte) {
	dec := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	w.path = append(w.path[:0], '$')
	w.value(dec, 0)
}

// value reads one value. false: what follows cannot be read.
func (w *walk) value(dec *jsontext.Decoder, depth int) bool {
	tok, err := dec.ReadToken()
	if err != nil || depth > maxNesting || w.over {
		return false
	}
	mark := len(w.path)
	switch tok.Kind() {
	case '"', '0':
		w.give("json/"+string(w.path), tok.String())
	case '{':
		for dec.PeekKind() != '}' {
			name, err := dec.ReadToken()
			if err != nil {
				return false
			}
			w.path = appendMember(w.path, name.String())
			if !w.value(dec, depth+1) {
				return false
			}
			w.path = w.path[:mark]
		}
		_, err = dec.ReadToken()
	case '[':
		for n := 0; dec.PeekKind() != ']'; n++ {
			w.path = append(strconv.AppendInt(append(w.path, '['), int64(n), 10), ']')
			if !w.value(dec, depth+1) {
				return false
			}
			w.path = w.path[:mark]
		}
		_, err = dec.ReadToken()
	}
	return err == nil
}

// appendMember adds a member's name to a path: ".id", or ["a b"] where it is not plain.
func appendMember(path []byte, key string) []byte {
	for i := 0; i < len(key); i++ {
		if c := key[i]; !isAlnum(c) && c != '_' && c != '-' {
			return append(strconv.AppendQuote(append(path, '['), key), ']')
		}
	}
	return append(append(path, '.'), key...)
}

// A field is one field line of a head.
type field struct {
	name       string // lower case
	value      string
	start, end int // of the line, with its end
}

// fieldsOf are the field lines of a head, behind its first line.
func fieldsOf(head []byte) []field {
	var out []field
	for at := 0; at < len(head); {
		end := len(head)
		if i := bytes.IndexByte(head[at:], '\n'); i >= 0 {
			end = at + i + 1
		}
		line := string(bytes.TrimRight(head[at:end], "\r\n"))
		if name, value, ok := strings.Cut(line, ":"); ok && at > 0 {
			out = append(out, field{strings.ToLower(strings.TrimSpace(name)), strings.Trim(value, " \t"), at, end})
		}
		at = end
	}
	return out
}

// standard reports whether a field of an answer is one whose values do not come
// back in requests as values of the application (RFC 9110 and browsers' own).
func standard(name string) bool {
	switch name {
	case "date", "server", "content-length", "cache-control", "expires", "last-modified", "vary", "connection", "keep-alive", "transfer-encoding",
		"accept-ranges", "age", "allow", "alt-svc", "content-language", "content-location", "content-disposition", "content-range", "link", "pragma",
		"strict-transport-security", "referrer-policy", "permissions-policy", "content-security-policy", "via", "www-authenticate", "retry-after",
		"x-powered-by", "x-frame-options", "x-content-type-options", "x-xss-protection", "x-runtime", "server-timing", "trailer", "upgrade", "nel", "report-to":
		return true
	}
	return strings.HasPrefix(name, "access-control-") || strings.HasPrefix(name, "cross-origin-")
}

// decoded undoes content codings, the last first. ok is false where one stays.
func decoded(codings string, body []byte) (out []byte, ok bool) {
	layers := strings.Split(codings, ",")
	for i := len(layers) - 1; i >= 0; i-- {
		var r io.Reader
		var err error
		switch coding := strings.TrimSpace(layers[i]); coding {
		case "", "identity":
			continue
		case "gzip", "x-gzip":
			r, err = gzip.NewReader(bytes.NewReader(body))
		case "deflate":
			if r, err = zlib.NewReader(bytes.NewReader(body)); err != nil {
				r, err = flate.NewReader(bytes.NewReader(body)), nil
			}
		case "zstd":
			var d *zstd.Decoder
			if d, err = zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnfolded)); err == nil {
				defer d.Close()
				r = d
			}
		default:
			return nil, false
		}
		if err != nil {
			return nil, false
		}
		plain, err := io.ReadAll(io.LimitReader(r, maxUnfolded+1))
		if err != nil || len(plain) > maxUnfolded {
			return nil, false
		}
		body = plain
	}
	return body, true
}

// encoded puts content codings on again.
func encoded(codings string, body []byte) ([]byte, bool) {
	for c := range strings.SplitSeq(codings, ",") {
		var out bytes.Buffer
		var z io.WriteCloser
		switch coding := strings.TrimSpace(c); coding {
		case "", "identity":
			continue
		case "gzip", "x-gzip":
			z = gzip.NewWriter(&out)
		case "deflate":
			z = zlib.NewWriter(&out)
		case "zstd":
			e, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
			if err != nil {
				return nil, false
			}
			z = e
		default:
			return nil, false
		}
		if _, err := z.Write(body); err != nil {
			return nil, false
		}
		if err := z.Close(); err != nil {
			return nil, false
		}
		body = out.Bytes()
	}
	return body, true
}

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}
